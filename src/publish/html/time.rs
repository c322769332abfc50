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
    /// The clock on the page's wall.
    pub(super) const fn wall(&self) -> Wall<'_> {
        Wall { words: self.words, zone: &self.zone }
    }

    /// `Montag, 30. Oktober 2023, 07:04 Uhr`
    pub(super) fn moment(&self, at: Timestamp) -> Markup {
        self.wall().moment(at)
    }

    /// As [`Wall::clock`] if `at` lies on the same local day as `beside`, else as [`Self::moment`].
    pub(super) fn clock_or_moment(&self, at: Timestamp, beside: Timestamp) -> Markup {
        self.wall().clock_or_moment(at, beside)
    }

    /// A planned time: the day alone if that is all that was said.
    pub(super) fn when(&self, when: &When) -> Markup {
        self.wall().when(when)
    }
}

/// A clock on a wall: the words and the time zone in which times are said.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wall<'z> {
    /// The language.
    pub(super) words: Words,
    /// The time zone.
    pub(super) zone: &'z TimeZone,
}

impl Wall<'_> {
    /// `Montag, 30. Oktober 2023, 07:04 Uhr`
    pub(super) fn moment(self, at: Timestamp) -> Markup {
        let date = self.date(at);
        self.time(at, &format!("{}, {}", long_date(self.words, date), self.clock_text(at)))
    }

    /// `07:04 Uhr`, for an instant whose day is said beside it.
    fn clock(self, at: Timestamp) -> Markup {
        self.time(at, &self.clock_text(at))
    }

    /// As [`Self::clock`] if `at` lies on the same local day as `beside`, else as [`Self::moment`].
    pub(super) fn clock_or_moment(self, at: Timestamp, beside: Timestamp) -> Markup {
        if self.date(at) == self.date(beside) { self.clock(at) } else { self.moment(at) }
    }

    /// A planned time: the day alone if that is all that was said.
    pub(super) fn when(self, when: &When) -> Markup {
        match when.date {
            Some(date) => day(self.words, date),
            None => self.moment(when.at),
        }
    }

    /// A planned stretch of time, its last day included as it was written.
    pub(super) fn window(self, from: &When, until: &When) -> Markup {
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

    /// A planned end: `bis einschließlich Montag, 30. Oktober 2023`
    pub(super) fn until(self, until: &When) -> Markup {
        match until.date {
            Some(last) => html! {
                (self.words.pick("bis einschließlich ", "up to and including ")) (day(self.words, last))
            },
            None => html! { (self.words.pick("bis ", "until ")) (self.moment(until.at)) },
        }
    }

    /// A deadline: `bis Montag, 30. Oktober 2023, 12:00 Uhr`, the last day included where it ends
    /// with a day.
    pub(super) fn by(self, at: Timestamp) -> Markup {
        match self.last_day(at) {
            Some(last) => html! {
                (self.words.pick("bis einschließlich ", "up to and including ")) (day(self.words, last))
            },
            None => html! { (self.words.pick("bis ", "by ")) (self.moment(at)) },
        }
    }

    /// When something is expected, as vaguely as it was said: a bound that lies between two days
    /// speaks of days, and no time of day is added to it. Nothing if nothing was said.
    pub(super) fn between(self, earliest: Option<Timestamp>, latest: Option<Timestamp>) -> Option<Markup> {
        let words = self.words;
        let first = |at| if self.begins_day(at) { day(words, self.date(at)) } else { self.moment(at) };
        let last = |at| self.last_day(at).map_or_else(|| self.moment(at), |last| day(words, last));
        Some(match (earliest, latest) {
            (None, None) => return None,
            (Some(earliest), None) => html! { (words.pick("frühestens am ", "not before ")) (first(earliest)) },
            (None, Some(latest)) => html! { (words.pick("spätestens am ", "at the latest on ")) (last(latest)) },
            (Some(earliest), Some(latest)) if earliest >= latest => html! {
                (words.pick("etwa am ", "about ")) (first(earliest))
            },
            (Some(earliest), Some(latest)) => match self.last_day(latest) {
                Some(last) if self.begins_day(earliest) && self.date(earliest) == last => html! {
                    (words.pick("am ", "on ")) (day(words, last))
                },
                Some(_) => html! {
                    (words.pick("zwischen ", "between ")) (first(earliest))
                    (words.pick(" und ", " and ")) (last(latest))
                },
                None if self.date(earliest) == self.date(latest) => html! {
                    (words.pick("zwischen ", "between ")) (self.moment(earliest))
                    (words.pick(" und ", " and ")) (self.clock(latest))
                },
                None => html! {
                    (words.pick("zwischen ", "between ")) (first(earliest))
                    (words.pick(" und ", " and ")) (self.moment(latest))
                },
            },
        })
    }

    pub(super) fn date(self, at: Timestamp) -> Date {
        at.to_jiff().to_zoned(self.zone.clone()).date()
    }

    /// Whether a local day begins at an instant.
    fn begins_day(self, at: Timestamp) -> bool {
        let local = at.to_jiff().to_zoned(self.zone.clone());
        local.start_of_day().is_ok_and(|start| start.timestamp() == local.timestamp())
    }

    /// The last day before an instant at which a day begins.
    fn last_day(self, at: Timestamp) -> Option<Date> {
        if self.begins_day(at) { self.date(at).yesterday().ok() } else { None }
    }

    fn clock_text(self, at: Timestamp) -> String {
        clock_text(self.words, self.zone, at)
    }

    fn time(self, at: Timestamp, shown: &str) -> Markup {
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
pub(in crate::publish) fn duration(words: Words, duration: Duration) -> String {
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

/// `Oktober`
pub(in crate::publish) fn month_name(words: Words, date: Date) -> &'static str {
    match date.month() {
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
    }
}

/// `30. Oktober 2023`
pub(super) fn date_text(words: Words, date: Date) -> String {
    let (day, month, year) = (date.day(), month_name(words, date), date.year());
    match words {
        Words::German => format!("{day}. {month} {year}"),
        Words::English => format!("{day} {month} {year}"),
    }
}

/// `Montag`
pub(in crate::publish) const fn weekday_name(words: Words, weekday: Weekday) -> &'static str {
    match weekday {
        Weekday::Monday => words.pick("Montag", "Monday"),
        Weekday::Tuesday => words.pick("Dienstag", "Tuesday"),
        Weekday::Wednesday => words.pick("Mittwoch", "Wednesday"),
        Weekday::Thursday => words.pick("Donnerstag", "Thursday"),
        Weekday::Friday => words.pick("Freitag", "Friday"),
        Weekday::Saturday => words.pick("Samstag", "Saturday"),
        Weekday::Sunday => words.pick("Sonntag", "Sunday"),
    }
}

/// `Montag, 30. Oktober 2023`
pub(in crate::publish) fn long_date(words: Words, date: Date) -> String {
    format!("{}, {}", weekday_name(words, date.weekday()), date_text(words, date))
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
    fn an_expected_end_is_as_vague_as_it_was_said() {
        let zone = zone("Europe/Berlin");
        let at = |text: &str| Some(Timestamp::from_jiff(text.parse().expect("RFC 3339")));
        let said = |earliest, latest| {
            let german = Wall { words: Words::German, zone: &zone }.between(earliest, latest)?.into_string();
            let texts = german.split('<').map(|rest| rest.split_once('>').map_or(rest, |(_, text)| text));
            Some(texts.collect::<String>())
        };
        // Midnight in Berlin is 23:00Z in winter and 22:00Z in summer.
        let (monday, next_monday) = (at("2023-12-10T23:00:00Z"), at("2023-12-17T23:00:00Z"));
        for (earliest, latest, german) in [
            (None, None, None),
            (monday, None, Some("frühestens am Montag, 11. Dezember 2023")),
            (None, next_monday, Some("spätestens am Sonntag, 17. Dezember 2023")),
            (monday, next_monday, Some("zwischen Montag, 11. Dezember 2023 und Sonntag, 17. Dezember 2023")),
            (monday, at("2023-12-11T23:00:00Z"), Some("am Montag, 11. Dezember 2023")),
            (monday, monday, Some("etwa am Montag, 11. Dezember 2023")),
            (monday, at("2023-12-11T11:00:00Z"), Some("zwischen Montag, 11. Dezember 2023, 00:00 Uhr und 12:00 Uhr")),
            (
                at("2023-12-11T09:00:00Z"),
                at("2023-12-11T11:00:00Z"),
                Some("zwischen Montag, 11. Dezember 2023, 10:00 Uhr und 12:00 Uhr"),
            ),
            (at("2024-06-30T22:00:00Z"), None, Some("frühestens am Montag, 1. Juli 2024")),
        ] {
            assert_eq!(said(earliest, latest).as_deref(), german);
        }
    }

    #[test]
    fn dates_are_written_out() {
        let date = jiff::civil::date(2023, 10, 30);
        assert_eq!(long_date(Words::German, date), "Montag, 30. Oktober 2023");
        assert_eq!(long_date(Words::English, date), "Monday, 30 October 2023");
    }
}
