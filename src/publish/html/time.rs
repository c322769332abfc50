//! Times and durations in words, in the page's time zone.
//!
//! Instants are stored in UTC and become local here, because people plan by the clock on their
//! wall; `datetime` keeps the exact value for machines.

use std::time::Duration;

use jiff::Unit;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use maud::{Markup, html};

use crate::model::time::Timestamp;
use crate::model::window::When;
use crate::publish::html::page::Page;
use crate::publish::wording::Words;

impl Page<'_> {
    /// `Montag, 30. Oktober 2023, 07:04 Uhr`
    pub(super) fn moment(&self, at: Timestamp) -> Markup {
        let date = self.local_date(at);
        self.time(at, &format!("{}, {}", long_date(self.words, date), self.clock_text(at)))
    }

    /// `07:04 Uhr`, for an instant whose day is said beside it.
    pub(super) fn clock(&self, at: Timestamp) -> Markup {
        self.time(at, &self.clock_text(at))
    }

    /// As [`Self::clock`] if `at` lies on the same local day as `beside`, else as [`Self::moment`].
    pub(super) fn clock_or_moment(&self, at: Timestamp, beside: Timestamp) -> Markup {
        if self.local_date(at) == self.local_date(beside) { self.clock(at) } else { self.moment(at) }
    }

    /// A planned time: the day alone if that is all that was said.
    pub(super) fn when(&self, when: &When) -> Markup {
        match when.date {
            Some(date) => day(self.words, date),
            None => self.moment(when.at),
        }
    }

    /// A planned stretch of time, its last day included as it was written.
    pub(super) fn window(&self, from: &When, until: &When) -> Markup {
        let words = self.words;
        match (from.date, until.date) {
            (Some(first), Some(last)) if first == last => html! {
                (words.pick("am ", "on ")) (day(words, first)) (words.pick(" (ganztägig)", " (all day)"))
            },
            (_, Some(last)) => html! {
                (words.pick("von ", "from ")) (self.when(from))
                (words.pick(" bis einschließlich ", " up to and including ")) (day(words, last))
            },
            (_, None) => html! {
                (words.pick("von ", "from ")) (self.when(from))
                (words.pick(" bis ", " to ")) (self.clock_or_moment(until.at, from.at))
            },
        }
    }

    fn local_date(&self, at: Timestamp) -> Date {
        at.to_jiff().to_zoned(self.zone.clone()).date()
    }

    fn clock_text(&self, at: Timestamp) -> String {
        clock_text(self.words, &self.zone, at)
    }

    fn time(&self, at: Timestamp, shown: &str) -> Markup {
        let exact = at.to_jiff().round(Unit::Second).unwrap_or_else(|_| at.to_jiff());
        html! { time datetime=(exact) { (shown) } }
    }
}

/// The time zone of a name, UTC if there is none of that name.
pub(in crate::publish) fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}

/// A local day.
pub(super) fn day(words: Words, date: Date) -> Markup {
    html! { time datetime=(date) { (long_date(words, date)) } }
}

/// `3 Tage 4 Stunden`: the two largest units, cut off below.
pub(super) fn duration(words: Words, duration: Duration) -> String {
    let minutes = duration.as_secs() / 60;
    if minutes == 0 {
        return words.pick("weniger als eine Minute", "less than a minute").to_owned();
    }
    let units = [
        (minutes / 1440, words.pick("Tag", "day"), words.pick("Tage", "days")),
        (minutes / 60 % 24, words.pick("Stunde", "hour"), words.pick("Stunden", "hours")),
        (minutes % 60, words.pick("Minute", "minute"), words.pick("Minuten", "minutes")),
    ];
    let said: Vec<String> = units
        .iter()
        .skip_while(|(count, ..)| *count == 0)
        .take(2)
        .filter(|(count, ..)| *count > 0)
        .map(|(count, one, many)| format!("{count} {}", if *count == 1 { one } else { many }))
        .collect();
    said.join(" ")
}

/// The time of day. In the hour that an autumn night has twice, it says which one is meant.
pub(in crate::publish) fn clock_text(words: Words, zone: &TimeZone, at: Timestamp) -> String {
    let local = at.to_jiff().to_zoned(zone.clone());
    let twice = zone.to_ambiguous_zoned(local.datetime()).is_ambiguous();
    let which = match (twice, zone.to_offset_info(at.to_jiff()).dst().is_dst()) {
        (false, _) => "",
        (true, true) => words.pick(" (Sommerzeit)", " (summer time)"),
        (true, false) => words.pick(" (Winterzeit)", " (winter time)"),
    };
    let hour = words.pick(" Uhr", "");
    format!("{:02}:{:02}{hour}{which}", local.hour(), local.minute())
}

/// `Montag, 30. Oktober 2023`
pub(in crate::publish) fn long_date(words: Words, date: Date) -> String {
    let weekday = match date.weekday() {
        Weekday::Monday => words.pick("Montag", "Monday"),
        Weekday::Tuesday => words.pick("Dienstag", "Tuesday"),
        Weekday::Wednesday => words.pick("Mittwoch", "Wednesday"),
        Weekday::Thursday => words.pick("Donnerstag", "Thursday"),
        Weekday::Friday => words.pick("Freitag", "Friday"),
        Weekday::Saturday => words.pick("Samstag", "Saturday"),
        Weekday::Sunday => words.pick("Sonntag", "Sunday"),
    };
    let month = match date.month() {
        1 => words.pick("Januar", "January"),
        2 => words.pick("Februar", "February"),
        3 => words.pick("März", "March"),
        4 => "April",
        5 => words.pick("Mai", "May"),
        6 => words.pick("Juni", "June"),
        7 => words.pick("Juli", "July"),
        8 => "August",
        9 => "September",
        10 => words.pick("Oktober", "October"),
        11 => "November",
        _ => words.pick("Dezember", "December"),
    };
    match words {
        Words::German => format!("{weekday}, {}. {month} {}", date.day(), date.year()),
        Words::English => format!("{weekday}, {} {month} {}", date.day(), date.year()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_name_their_two_largest_units() {
        for (seconds, german, english) in [
            (0, "weniger als eine Minute", "less than a minute"),
            (61, "1 Minute", "1 minute"),
            (3_600, "1 Stunde", "1 hour"),
            (11_520, "3 Stunden 12 Minuten", "3 hours 12 minutes"),
            (86_400 + 59, "1 Tag", "1 day"),
            (86_400 + 3_600 * 4 + 1_800, "1 Tag 4 Stunden", "1 day 4 hours"),
            (86_400 * 336, "336 Tage", "336 days"),
        ] {
            assert_eq!(duration(Words::German, Duration::from_secs(seconds)), german);
            assert_eq!(duration(Words::English, Duration::from_secs(seconds)), english);
        }
    }

    #[test]
    fn dates_are_written_out() {
        let date = jiff::civil::date(2023, 10, 30);
        assert_eq!(long_date(Words::German, date), "Montag, 30. Oktober 2023");
        assert_eq!(long_date(Words::English, date), "Monday, 30 October 2023");
    }
}
