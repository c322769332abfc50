//! Availability on a page: figures with what they rest on.

use std::time::Duration;

use maud::{Markup, html};

use crate::model::availability::Availability;
use crate::model::local::View;
use crate::publish::html::page::Page;
use crate::publish::html::time;
use crate::publish::wording::Words;

const HOUR: u64 = 3_600;

/// The windows, in seconds.
const WINDOWS: [(u64, &str, &str); 4] = [
    (24 * HOUR, "24 Stunden", "24 hours"),
    (7 * 24 * HOUR, "7 Tage", "7 days"),
    (30 * 24 * HOUR, "30 Tage", "30 days"),
    (LONGEST, "90 Tage", "90 days"),
];

/// The longest of them.
const LONGEST: u64 = 90 * 24 * HOUR;

/// The window that stands for all in the closed state.
const HEADLINE: u64 = 30 * 24 * HOUR;

impl<'a> Page<'a> {
    /// The section with the figures of all components that were measured; nothing if none was.
    pub(super) fn availabilities(&self, views: &[View<'a>]) -> Markup {
        let measured: Vec<_> =
            views.iter().filter_map(|view| Some((view, self.availability(view, HEADLINE)?))).collect();
        let now = self.snapshot.at;
        let changed = self.changed(now.minus(Duration::from_secs(LONGEST)), now);
        let differs = |view: &View<'a>| {
            self.component(&view.component.id).is_some_and(|(index, _)| self.rests_on(index, &changed))
        };
        let is_lesser = measured.iter().any(|(_, figures)| figures.partial_s + figures.degraded_s > 0);
        html! {
            @if !measured.is_empty() {
                section aria-labelledby="s_figures" {
                    h2 id="s_figures" { (self.say("Verfügbarkeit der letzten Zeit", "Recent availability")) }
                    div.sheet.figures {
                        @for (view, availability) in measured {
                            details id={ "a_" (view.component.id) } {
                                summary {
                                    (self.text(&view.component.name)) ": "
                                    span { (percent(self.words, availability.ratio)) }
                                    span.soft { (self.say(" in 30 Tagen", " in 30 days")) (self.basis(&availability)) }
                                }
                                (self.figures(view))
                                @if differs(view) { (self.as_a_whole()) }
                            }
                        }
                    }
                    @if is_lesser {
                        p.hours.lead.after {
                            (self.say("In den Prozenten zählt nur, was ganz ausgefallen ist.", "The percentages count only what was out completely."))
                        }
                    }
                }
            }
        }
    }

    /// What the closed state's figure rests on, where that is not nearly all of its window.
    fn basis(&self, availability: &Availability) -> Markup {
        html! {
            @if availability.measured_s < HEADLINE / 100 * 99 {
                (self.say(", gemessen: ", ", measured: "))
                (time::duration(self.words, Duration::from_secs(availability.measured_s)))
            }
        }
    }

    pub(super) fn availability(&self, view: &View<'a>, seconds: u64) -> Option<Availability> {
        let from = view.component.available_from.as_ref().map(|from| from.at);
        view.state.intervals.window(self.snapshot.figures_until(), Duration::from_secs(seconds), from)
    }

    pub(super) fn figures(&self, view: &View<'a>) -> Markup {
        html! {
            div.table {
                table {
                    thead {
                        tr {
                            th scope="col" { (self.say("Zeitraum", "Period")) }
                            th scope="col" { (self.say("Verfügbar", "Available")) }
                            th scope="col" { (self.say("Ausfälle", "Outages")) }
                        }
                    }
                    tbody {
                        @for (seconds, german, english) in WINDOWS {
                            @if let Some(availability) = self.availability(view, seconds) {
                                tr {
                                    th scope="row" { (self.say(german, english)) }
                                    td { (self.ratio(&availability, seconds)) }
                                    td { (self.outages(&availability)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    /// The ratio with what it rests on, where that is not the whole window.
    pub(super) fn ratio(&self, availability: &Availability, window_s: u64) -> Markup {
        let partial = availability.measured_s < window_s / 100 * 99;
        html! {
            (percent(self.words, availability.ratio))
            @if availability.maintenance_s > 0 {
                small {
                    (percent(self.words, availability.ratio_with_maintenance))
                    (self.say(" mit Wartung", " with maintenance"))
                }
            }
            @if partial {
                small {
                    (self.say("gemessen: ", "measured: "))
                    (time::duration(self.words, Duration::from_secs(availability.measured_s)))
                }
            }
        }
    }

    /// Outages, and how long it was disturbed without being out: neither counts in the ratio.
    pub(super) fn outages(&self, availability: &Availability) -> Markup {
        let lesser = [
            (availability.partial_s, self.say("teilweise gestört: ", "partially disrupted: ")),
            (availability.degraded_s, self.say("eingeschränkt: ", "degraded: ")),
        ];
        html! {
            @if availability.outages == 0 {
                (self.say("keine", "none"))
            } @else {
                (availability.outages)
                small {
                    (self.say("längster: ", "longest: "))
                    (time::duration(self.words, Duration::from_secs(availability.longest_outage_s)))
                }
            }
            @for (seconds, name) in lesser {
                @if seconds > 0 { small { (name) (time::duration(self.words, Duration::from_secs(seconds))) } }
            }
        }
    }
}

/// A ratio in per cent with two decimals, cut off: 99.999 % is not 100 %.
pub(super) fn percent(words: Words, ratio: f64) -> String {
    // The small addend undoes the binary representation of figures such as 0.9995.
    let cut = (ratio * 10_000.0 + 1e-6).floor() / 100.0;
    let text = format!("{cut:.2}\u{a0}%");
    match words {
        Words::German => text.replace('.', ","),
        Words::English => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_is_never_rounded_up() {
        for (ratio, german) in [(1.0, "100,00"), (0.99999, "99,99"), (0.9995, "99,95"), (0.0, "0,00"), (0.29, "29,00")]
        {
            assert_eq!(percent(Words::German, ratio), format!("{german}\u{a0}%"));
        }
        assert_eq!(percent(Words::English, 0.5), "50.00\u{a0}%");
    }
}
