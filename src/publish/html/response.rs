//! How long a component's checks took to answer within the last day: a line for each check, and
//! the figures behind it.

use std::collections::BTreeMap;
use std::time::Duration;

use maud::{Markup, html};

use crate::model::id::{CheckId, ComponentId};
use crate::model::past::PastResult;
use crate::model::time::Timestamp;
use crate::publish::archive::Unavailable;
use crate::publish::html::chart::{self, Caption};
use crate::publish::html::page::Page;
use crate::publish::html::time;
use crate::publish::past::{Bin, response_times};
use crate::publish::wording::Words;

/// How far the chart looks back.
const DAY: Duration = Duration::from_secs(86_400);

const HOUR: Duration = Duration::from_secs(3_600);
const HOURS: u32 = 24;

/// A bin each quarter of an hour, a row of the table each hour.
const BINS_PER_HOUR: usize = 4;

/// Most results that are asked for: four checks every ten seconds. Of more, the newest are shown.
const RESULTS_MAX: usize = 40_000;

/// Most checks that are shown.
const CHECKS_MAX: usize = 4;

impl Page<'_> {
    /// The section with the response times of a component; nothing if nothing of it was probed.
    pub(super) fn response(&self, component: &ComponentId) -> Markup {
        let now = self.snapshot.at;
        let found = self.archive.newest_results(component, now.minus(DAY), now, RESULTS_MAX);
        let found = match &found {
            Ok(found) if found.results.is_empty() => return Markup::default(),
            Ok(found) => Some(found),
            Err(Unavailable::TooMuch | Unavailable::Now) => None,
        };
        let hours = found.map_or(HOURS, |found| hours_of(found.from, now));
        html! {
            section aria-labelledby="s_response" {
                h2 id="s_response" { (self.response_heading(hours)) }
                @match found {
                    None => (self.no_archive()),
                    Some(found) => @for (place, (check, results)) in by_check(&found.results).iter().enumerate().take(CHECKS_MAX) {
                        (self.response_of(check, results, hours, place))
                    },
                }
            }
        }
    }

    fn response_heading(&self, hours: u32) -> String {
        match (self.words, hours) {
            (Words::German, 1) => "Antwortzeiten der letzten Stunde".to_owned(),
            (Words::German, _) => format!("Antwortzeiten der letzten {hours} Stunden"),
            (Words::English, 1) => "Response times of the last hour".to_owned(),
            (Words::English, _) => format!("Response times of the last {hours} hours"),
        }
    }

    fn response_of(&self, check: &CheckId, results: &[PastResult], hours: u32, place: usize) -> Markup {
        let now = self.snapshot.at;
        let from = now.minus(hours * HOUR);
        let bins = response_times(results, from, now, BINS_PER_HOUR * hours as usize);
        let hours = response_times(results, from, now, hours as usize);
        let whole = response_times(results, from, now, 1);
        let caption = Caption {
            id: format!("g_time_{place}"),
            title: html! {
                (self.say("Antwortzeiten der Prüfung ", "Response times of the check ")) (check)
            },
            text: html! { @for bin in &whole { (self.summed_up(bin)) } },
        };
        html! {
            figure.sheet.chart {
                figcaption {
                    strong { (self.say("Prüfung ", "Check ")) (check) }
                    @for bin in &whole { p.hours { (self.summed_up(bin)) } }
                }
                div.scaled {
                    span.scale { (seconds(self.words, chart::scale_end(&bins))) }
                    (chart::line(&caption, &bins))
                }
                div.ends {
                    span { (self.moment(from)) }
                    span { (self.say("jetzt", "now")) }
                }
                p.hours {
                    (self.say(
                        "Die Linie ist der mittlere Wert einer Viertelstunde, die Fläche reicht vom schnellsten zum langsamsten. \
                         Ein Strich darunter steht für eine Prüfung, die scheiterte.",
                        "The line is the median of a quarter of an hour, the area reaches from the quickest to the slowest. \
                         A mark below stands for a probe that failed.",
                    ))
                }
                details.fold {
                    summary { (self.say("Als Tabelle", "As a table")) span.unseen { ": " (check) } }
                    (self.response_table(&hours))
                }
            }
        }
    }

    /// `Schnellste 0,12 s, mittlere 0,30 s, langsamste 1,20 s von 1440 Antworten. 3 Prüfungen scheiterten.`
    fn summed_up(&self, bin: &Bin) -> String {
        let words = self.words;
        let failed = match (words, bin.failed) {
            (_, 0) => String::new(),
            (Words::German, 1) => " 1 Prüfung scheiterte.".to_owned(),
            (Words::German, failed) => format!(" {failed} Prüfungen scheiterten."),
            (Words::English, 1) => " 1 probe failed.".to_owned(),
            (Words::English, failed) => format!(" {failed} probes failed."),
        };
        let unknown = match (words, bin.unknown) {
            (_, 0) => String::new(),
            (Words::German, unknown) => format!(" {unknown} ohne Ergebnis."),
            (Words::English, unknown) => format!(" {unknown} without a result."),
        };
        let Some(times) = bin.times else {
            return format!("{}{failed}{unknown}", words.pick("Keine Antwort.", "No answer."));
        };
        let [min, median, max] = [times.min, times.median, times.max].map(|time| seconds(words, time));
        let answered = match (words, bin.answered) {
            (Words::German, 1) => "1 Antwort".to_owned(),
            (Words::German, answered) => format!("{answered} Antworten"),
            (Words::English, 1) => "1 answer".to_owned(),
            (Words::English, answered) => format!("{answered} answers"),
        };
        match words {
            Words::German => {
                format!("Schnellste {min}, mittlere {median}, langsamste {max} von {answered}.{failed}{unknown}")
            }
            Words::English => format!("Quickest {min}, median {median}, slowest {max} of {answered}.{failed}{unknown}"),
        }
    }

    fn response_table(&self, hours: &[Bin]) -> Markup {
        html! {
            div.table.wide {
                table {
                    thead {
                        tr {
                            th scope="col" { (self.say("Stunde ab", "Hour from")) }
                            th scope="col" { (self.say("Schnellste", "Quickest")) }
                            th scope="col" { (self.say("Mittlere", "Median")) }
                            th scope="col" { (self.say("Langsamste", "Slowest")) }
                            th scope="col" { (self.say("Gescheitert", "Failed")) }
                            th scope="col" { (self.say("Ohne Ergebnis", "No result")) }
                        }
                    }
                    tbody {
                        @for bin in hours.iter().rev().filter(|bin| bin.times.is_some() || bin.failed + bin.unknown > 0) {
                            tr {
                                th scope="row" { (time::clock_text(self.words, &self.zone, bin.from)) }
                                @match bin.times {
                                    Some(times) => @for time in [times.min, times.median, times.max] {
                                        td { (seconds(self.words, time)) }
                                    },
                                    None => @for _ in 0..3 { td { "–" } },
                                }
                                td { (bin.failed) }
                                td { (bin.unknown) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// How many whole hours results cover that begin at `from`.
fn hours_of(from: Timestamp, now: Timestamp) -> u32 {
    let hours = now.since(from).as_secs() / HOUR.as_secs();
    u32::try_from(hours).unwrap_or(HOURS).clamp(1, HOURS)
}

/// The results of each check.
fn by_check(results: &[PastResult]) -> Vec<(&CheckId, Vec<PastResult>)> {
    let mut checks: BTreeMap<&CheckId, Vec<PastResult>> = BTreeMap::new();
    for result in results {
        checks.entry(&result.check).or_default().push(result.clone());
    }
    checks.into_iter().collect()
}

/// `0,84 s`; below ten milliseconds in those.
fn seconds(words: Words, time: Duration) -> String {
    let ms = time.as_millis();
    if ms == 0 {
        return words.pick("unter 1\u{a0}ms", "below 1\u{a0}ms").to_owned();
    }
    if ms < 10 {
        return format!("{ms}\u{a0}ms");
    }
    let text = format!("{}.{:02}\u{a0}s", ms / 1000, ms % 1000 / 10);
    match words {
        Words::German => text.replace('.', ","),
        Words::English => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_in_seconds() {
        for (ms, german) in [
            (0, "unter 1\u{a0}ms"),
            (9, "9\u{a0}ms"),
            (10, "0,01\u{a0}s"),
            (1_239, "1,23\u{a0}s"),
            (100_000, "100,00\u{a0}s"),
        ] {
            assert_eq!(seconds(Words::German, Duration::from_millis(ms)), german);
        }
        assert_eq!(seconds(Words::English, Duration::from_millis(840)), "0.84\u{a0}s");
    }
}
