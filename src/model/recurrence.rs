//! When a recurring maintenance takes place: a rule of RFC 5545, spread over the calendar.
//!
//! A rule runs in local civil time, because people agree on "the second Tuesday, 19:00" and not
//! on an instant. It yields dates; each occurrence begins on its date at the local `at` and lasts
//! `for` in elapsed time. Where the clock changes that means:
//!
//! - A time of day that does not exist (the gap of a spring night) is put off by the length of
//!   the gap: 02:30 becomes 03:30.
//! - A time of day that exists twice (the fold of an autumn night) is the earlier one. Both as in
//!   RFC 5545 section 3.3.5.
//! - An occurrence across the gap ends an hour later by the clock on the wall, one across the
//!   fold an hour earlier: three hours stay three hours.
//!
//! Occurrences never overlap: one that has not ended when the next begins ends there, so that
//! the time covered stays the same. Rules whose occurrences outlast the step between two dates
//! are refused ([`series::faults`]), as far as [`shortest_step`] looks; what is left to
//! cut is the hour that a day of 23 hours lacks.
//!
//! As in most calendars the first date does not count unless the rule yields it; it says from
//! when on the rule runs, and what the rule leaves open (the weekday of a weekly rule).
//!
//! The work is bounded by the calendar: nothing begins outside [`YEARS`], so the longest search,
//! that of a rule which never yields a date, looks at less than 7,000 weeks.

pub mod pattern;
pub mod rule;
pub mod series;

use std::iter::from_fn;
use std::ops::RangeInclusive;
use std::time::Duration;

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, ToSpan};

use crate::model::recurrence::rule::{End, Frequency, NumberedDay, Rule};
use crate::model::time::Timestamp;
use crate::model::window::{Recurrence, When, Window};

/// The years in which a series begins and an occurrence may begin: those of all declared times.
pub const YEARS: RangeInclusive<i16> = 1970..=2099;

/// Most windows that [`occurrences`] returns.
pub const OCCURRENCES_MAX: usize = 1_000;

/// Most dates that [`shortest_step`] looks at: more than four years have days.
const STEPS_MAX: usize = 1_500;

/// The first occurrence that ends after `after`; `first` is the local date from which the rule
/// runs. None if the series is over by then, or the rule is none that [`Rule::parse`] supports.
pub fn next(recurrence: &Recurrence, first: Date, zone: &TimeZone, after: Timestamp) -> Option<Window> {
    windows(recurrence, first, zone, after)?.next()
}

/// The first `count` occurrences that end after `after`, in order, at most [`OCCURRENCES_MAX`].
pub fn occurrences(
    recurrence: &Recurrence,
    first: Date,
    zone: &TimeZone,
    after: Timestamp,
    count: usize,
) -> Vec<Window> {
    windows(recurrence, first, zone, after).into_iter().flatten().take(count.min(OCCURRENCES_MAX)).collect()
}

/// The shortest time between two dates of the series, counting every day as 24 hours; none if it
/// has fewer than two.
pub fn shortest_step(recurrence: &Recurrence, first: Date) -> Option<Duration> {
    let rule = Rule::parse(&recurrence.rrule).ok()?;
    let mut dates = Dates::new(rule, first, first).take(STEPS_MAX);
    let mut last = dates.next()?;
    let steps = dates.map(|date| days_between(std::mem::replace(&mut last, date), date));
    Some(Duration::from_secs(steps.min()?.unsigned_abs() * 86_400))
}

fn windows(
    recurrence: &Recurrence,
    first: Date,
    zone: &TimeZone,
    after: Timestamp,
) -> Option<impl Iterator<Item = Window>> {
    let rule = Rule::parse(&recurrence.rrule).ok()?;
    let (at, lasts, zone, end) = (recurrence.at, recurrence.lasts, zone.clone(), rule.end);
    // Whatever ends after `after` begins at most `lasts` before it. The days more are for zones
    // that once left out a whole day.
    let earliest = zone.to_datetime(after.minus(lasts).to_jiff()).date();
    let earliest = earliest.checked_sub(2.days()).unwrap_or(first);
    let mut starts = Dates::new(rule, first, earliest)
        .map_while(move |date| Some(When::from_local(date.to_datetime(at), &zone)?.at))
        .take_while(move |start| !matches!(end, End::At(until) if *start > until))
        .peekable();
    let all = from_fn(move || {
        let from = starts.next()?;
        let ends = from.plus(lasts);
        Some(Window { from, until: starts.peek().map_or(ends, |next| ends.min(*next)) })
    });
    // Two dates may begin at the same instant, where a zone left out a day.
    Some(all.filter(move |window| window.until > window.from && window.until > after))
}

/// The dates of a rule, in order, period by period.
struct Dates {
    rule: Rule,
    first: Date,
    /// Where the next period begins; none when the search is over.
    period: Option<Date>,
    /// The dates of the last period that are still to be told.
    found: std::vec::IntoIter<Date>,
    /// How many are left by `COUNT`.
    left: Option<u16>,
}

impl Dates {
    /// The dates from `first` on. Without `COUNT` those of periods that end before `earliest` may
    /// be left out.
    fn new(mut rule: Rule, first: Date, earliest: Date) -> Self {
        complete(&mut rule, first);
        let left = if let End::Count(count) = rule.end { Some(count) } else { None };
        let from = if left.is_some() { first } else { first.max(earliest) };
        let period = if YEARS.contains(&first.year()) { aligned(&rule, first, from) } else { None };
        Self { rule, first, period, found: Vec::new().into_iter(), left }
    }

    /// Whether the month of a day is meant.
    fn is_in_month(&self, day: Date) -> bool {
        self.rule.months.is_empty() || self.rule.months.contains(&i16::from(day.month()))
    }

    /// Whether a day of such a month is meant, positions aside.
    fn fits(&self, day: Date) -> bool {
        let rule = &self.rule;
        let from_end = |day: Date| day.day() - day.days_in_month() - 1;
        (rule.days.is_empty() || rule.days.iter().any(|numbered| self.is_numbered(day, *numbered)))
            && (rule.month_days.is_empty()
                || rule.month_days.contains(&i16::from(day.day()))
                || rule.month_days.contains(&i16::from(from_end(day))))
            && (rule.frequency != Frequency::Daily
                || days_between(self.first, day).rem_euclid(i64::from(rule.interval)) == 0)
    }

    /// Whether a day is such a weekday, by its number in the month or year if one is given.
    fn is_numbered(&self, day: Date, numbered: NumberedDay) -> bool {
        if day.weekday() != numbered.weekday {
            return false;
        }
        let of_year = self.rule.frequency == Frequency::Yearly && self.rule.months.is_empty();
        let (position, length) = if of_year {
            (day.day_of_year(), day.days_in_year())
        } else {
            (i16::from(day.day()), i16::from(day.days_in_month()))
        };
        match numbered.number {
            None => true,
            Some(number) if number > 0 => number == (position - 1) / 7 + 1,
            Some(number) => -number == (length - position) / 7 + 1,
        }
    }

    /// The dates of the period that begins at `start`.
    fn expand(&self, start: Date) -> Option<Vec<Date>> {
        let end = start.checked_add(length(self.rule.frequency, 1)?).ok()?;
        let mut days = Vec::new();
        let mut day = start;
        while day < end {
            if !self.is_in_month(day) {
                day = day.last_of_month().tomorrow().ok()?;
                continue;
            }
            if self.fits(day) {
                days.push(day);
            }
            day = day.tomorrow().ok()?;
        }
        if !self.rule.positions.is_empty() {
            let count = days.len();
            let is_taken = |(index, _): &(usize, Date)| {
                self.rule.positions.iter().any(|position| {
                    let position = isize::from(*position);
                    let index = if position > 0 { Some(*index + 1) } else { Some(count - *index) };
                    index == Some(position.unsigned_abs())
                })
            };
            days = days.into_iter().enumerate().filter(is_taken).map(|(_, day)| day).collect();
        }
        days.retain(|day| *day >= self.first);
        Some(days)
    }
}

impl Iterator for Dates {
    type Item = Date;

    fn next(&mut self) -> Option<Date> {
        if self.left == Some(0) {
            return None;
        }
        let date = loop {
            if let Some(date) = self.found.next() {
                break date;
            }
            let start = self.period.take().filter(|start| start.year() <= *YEARS.end())?;
            let step = if self.rule.frequency == Frequency::Daily { 1 } else { i64::from(self.rule.interval) };
            self.period = length(self.rule.frequency, step).and_then(|step| start.checked_add(step).ok());
            self.found = self.expand(start)?.into_iter();
        };
        let is_over = date.year() > *YEARS.end() || matches!(self.rule.end, End::Date(last) if date > last);
        if is_over {
            (self.period, self.left) = (None, Some(0));
            return None;
        }
        self.left = self.left.map(|left| left - 1);
        Some(date)
    }
}

/// What a rule leaves open follows from its first date.
fn complete(rule: &mut Rule, first: Date) {
    if !rule.days.is_empty() || !rule.month_days.is_empty() {
        return;
    }
    let day = i16::from(first.day());
    match rule.frequency {
        Frequency::Daily => {}
        Frequency::Weekly => rule.days.push(NumberedDay { number: None, weekday: first.weekday() }),
        Frequency::Monthly => rule.month_days.push(day),
        Frequency::Yearly => {
            rule.month_days.push(day);
            if rule.months.is_empty() {
                rule.months.push(i16::from(first.month()));
            }
        }
    }
}

/// Where the period begins that holds `date` (not before `first`), or the last one before it
/// that counts. Periods of a daily rule are months, so that it takes no more steps than a
/// monthly one; its interval is minded day by day.
fn aligned(rule: &Rule, first: Date, date: Date) -> Option<Date> {
    let start = |date: Date| match rule.frequency {
        Frequency::Daily | Frequency::Monthly => Some(date.first_of_month()),
        Frequency::Weekly => week_of(date, rule.week_start),
        Frequency::Yearly => Some(date.first_of_year()),
    };
    let (begin, near) = (start(first)?, start(date)?);
    let months = |date: Date| i64::from(date.year()) * 12 + i64::from(date.month());
    let periods = match rule.frequency {
        Frequency::Daily => return Some(near),
        Frequency::Weekly => days_between(begin, near) / 7,
        Frequency::Monthly => months(near) - months(begin),
        Frequency::Yearly => i64::from(near.year()) - i64::from(begin.year()),
    };
    let counted = periods - periods.rem_euclid(i64::from(rule.interval));
    begin.checked_add(length(rule.frequency, counted)?).ok()
}

/// The first day of the week in which `date` lies.
fn week_of(date: Date, week_start: Weekday) -> Option<Date> {
    let gone = date.weekday().since(week_start);
    date.checked_sub(Span::new().try_days(gone).ok()?).ok()
}

/// The length of so many periods; those of a daily rule are months.
fn length(frequency: Frequency, count: i64) -> Option<Span> {
    match frequency {
        Frequency::Daily | Frequency::Monthly => Span::new().try_months(count),
        Frequency::Weekly => Span::new().try_weeks(count),
        Frequency::Yearly => Span::new().try_years(count),
    }
    .ok()
}

/// How many days `to` lies after `from`.
fn days_between(from: Date, to: Date) -> i64 {
    to.duration_since(from).as_secs() / 86_400
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn berlin() -> TimeZone {
        TimeZone::get("Europe/Berlin").expect("bundled")
    }

    fn rule(rrule: &str, at: &str, lasts: &str) -> Recurrence {
        Recurrence {
            rrule: rrule.to_owned(),
            at: at.parse().expect("a time of day"),
            lasts: crate::model::time::parse_duration(lasts).expect("a duration"),
        }
    }

    fn date(text: &str) -> Date {
        text.parse().expect("a date")
    }

    fn instant(text: &str) -> Timestamp {
        Timestamp::from_jiff(text.parse().expect("an instant"))
    }

    fn local(at: Timestamp) -> String {
        at.to_jiff().to_zoned(berlin()).strftime("%Y-%m-%d %H:%M").to_string()
    }

    /// The dates of the first occurrences, each "MM-DD", with the year before where it changes.
    fn dates(rrule: &str, first: &str, count: usize) -> String {
        let mut year = 0;
        let windows = occurrences(&rule(rrule, "09:00", "1h"), date(first), &berlin(), Timestamp::default(), count);
        let texts = windows.iter().map(|window| {
            let day = berlin().to_datetime(window.from.to_jiff()).date();
            let text = if std::mem::replace(&mut year, day.year()) == day.year() { "%m-%d" } else { "%Y: %m-%d" };
            day.strftime(text).to_string()
        });
        texts.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_rules_of_rfc_5545_yield_its_dates() {
        // Those of section 3.8.5.3 that are supported, and some of our own.
        for (rrule, first, expected) in [
            ("FREQ=DAILY;COUNT=3", "1997-09-02", "1997: 09-02 09-03 09-04"),
            ("FREQ=DAILY;UNTIL=19970904", "1997-09-02", "1997: 09-02 09-03 09-04"),
            ("FREQ=DAILY;INTERVAL=10;COUNT=5", "1997-09-02", "1997: 09-02 09-12 09-22 10-02 10-12"),
            ("FREQ=DAILY;BYMONTH=1", "1998-01-30", "1998: 01-30 01-31 1999: 01-01 01-02 01-03"),
            ("FREQ=WEEKLY;COUNT=3", "1997-09-02", "1997: 09-02 09-09 09-16"),
            ("FREQ=WEEKLY;INTERVAL=2;WKST=SU", "1997-09-02", "1997: 09-02 09-16 09-30 10-14 10-28"),
            ("FREQ=WEEKLY;UNTIL=19971007T000000Z;BYDAY=TU,TH", "1997-09-23", "1997: 09-23 09-25 09-30 10-02"),
            (
                "FREQ=WEEKLY;INTERVAL=2;UNTIL=19971224T000000Z;WKST=SU;BYDAY=MO,WE,FR",
                "1997-12-01",
                "1997: 12-01 12-03 12-05 12-15 12-17 12-19",
            ),
            ("FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO", "1997-08-05", "1997: 08-05 08-10 08-19 08-24"),
            ("FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU", "1997-08-05", "1997: 08-05 08-17 08-19 08-31"),
            ("FREQ=MONTHLY;COUNT=3;BYDAY=1FR", "1997-09-05", "1997: 09-05 10-03 11-07"),
            ("FREQ=MONTHLY;INTERVAL=2;COUNT=4;BYDAY=1SU,-1SU", "1997-09-07", "1997: 09-07 09-28 11-02 11-30"),
            ("FREQ=MONTHLY;COUNT=4;BYDAY=-2MO", "1997-09-22", "1997: 09-22 10-20 11-17 12-22"),
            ("FREQ=MONTHLY;BYMONTHDAY=-3", "1997-09-28", "1997: 09-28 10-29 11-28 12-29 1998: 01-29"),
            ("FREQ=MONTHLY;COUNT=4;BYMONTHDAY=1,-1", "1997-09-30", "1997: 09-30 10-01 10-31 11-01"),
            ("FREQ=MONTHLY;INTERVAL=18;COUNT=4;BYMONTHDAY=10,11", "1997-09-10", "1997: 09-10 09-11 1999: 03-10 03-11"),
            ("FREQ=YEARLY;COUNT=4;BYMONTH=6,7", "1997-06-10", "1997: 06-10 07-10 1998: 06-10 07-10"),
            ("FREQ=YEARLY;INTERVAL=2;COUNT=4;BYMONTH=1,2", "1997-03-10", "1999: 01-10 02-10 2001: 01-10 02-10"),
            ("FREQ=YEARLY;BYDAY=20MO", "1997-05-19", "1997: 05-19 1998: 05-18 1999: 05-17 2000: 05-15 2001: 05-14"),
            ("FREQ=YEARLY;BYDAY=-1MO;COUNT=2", "1997-05-19", "1997: 12-29 1998: 12-28"),
            ("FREQ=YEARLY;BYMONTH=3;BYDAY=TH", "1997-03-13", "1997: 03-13 03-20 03-27 1998: 03-05 03-12"),
            ("FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", "1997-09-02", "1998: 02-13 03-13 11-13 1999: 08-13 2000: 10-13"),
            (
                "FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8",
                "1996-11-05",
                "1996: 11-05 2000: 11-07 2004: 11-02 2008: 11-04 2012: 11-06",
            ),
            ("FREQ=MONTHLY;COUNT=3;BYDAY=TU,WE,TH;BYSETPOS=3", "1997-09-04", "1997: 09-04 10-07 11-06"),
            ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2;COUNT=3", "1997-09-29", "1997: 09-29 10-30 11-27"),
            // The first date counts only if the rule yields it.
            ("FREQ=MONTHLY;BYDAY=2TU;COUNT=2", "2022-01-01", "2022: 01-11 02-08"),
            // Months without the day are passed over, not rounded.
            ("FREQ=MONTHLY", "2023-01-31", "2023: 01-31 03-31 05-31 07-31 08-31"),
            ("FREQ=YEARLY", "2024-02-29", "2024: 02-29 2028: 02-29 2032: 02-29 2036: 02-29 2040: 02-29"),
            // Both kinds of days in one list.
            ("FREQ=MONTHLY;BYDAY=MO,2TU;COUNT=6", "2024-01-01", "2024: 01-01 01-08 01-09 01-15 01-22 01-29"),
            // Nothing lasts beyond the years of declared times.
            ("FREQ=YEARLY", "2098-05-01", "2098: 05-01 2099: 05-01"),
            ("FREQ=DAILY", "1969-12-31", ""),
        ] {
            assert_eq!(dates(rrule, first, expected.matches('-').count()), expected, "{rrule}");
        }
    }

    #[test]
    fn count_and_until_end_the_series() {
        for (rrule, count) in [
            ("FREQ=DAILY;COUNT=3", 3),
            ("FREQ=DAILY;UNTIL=20240203", 3),
            // 09:00 in Berlin is 08:00 in UTC.
            ("FREQ=DAILY;UNTIL=20240203T075959Z", 2),
            ("FREQ=DAILY;UNTIL=20240203T080000Z", 3),
            ("FREQ=MONTHLY;BYMONTHDAY=1;UNTIL=20240131", 1),
            ("FREQ=DAILY;UNTIL=20230101", 0),
        ] {
            let first = if rrule.contains("MONTHLY") { "2024-01-01" } else { "2024-02-01" };
            let all = occurrences(&rule(rrule, "09:00", "1h"), date(first), &berlin(), Timestamp::default(), 9);
            assert_eq!(all.len(), count, "{rrule}");
        }
        // What is counted begins with the first, however late it is asked.
        let thrice = rule("FREQ=WEEKLY;COUNT=3", "09:00", "1h");
        let next = |after: &str| next(&thrice, date("2024-02-01"), &berlin(), instant(after)).map(|w| local(w.from));
        assert_eq!(next("2024-02-09T00:00:00Z").as_deref(), Some("2024-02-15 09:00"));
        assert_eq!(next("2024-02-15T09:00:00Z"), None);
    }

    #[test]
    fn the_next_one_is_the_first_that_ends_later() {
        let patch_day = rule("FREQ=MONTHLY;BYDAY=2TU", "19:00", "3h");
        let next = |after: &str| {
            let window = next(&patch_day, date("2022-01-01"), &berlin(), instant(after)).expect("it has no end");
            format!("{} {}", window.from, window.until)
        };
        let first = "2022-01-11T18:00:00Z 2022-01-11T21:00:00Z";
        assert_eq!(next("1970-01-01T00:00:00Z"), first);
        assert_eq!(next("2022-01-11T18:00:00Z"), first);
        assert_eq!(next("2022-01-11T20:59:59.999Z"), first);
        assert_eq!(next("2022-01-11T21:00:00Z"), "2022-02-08T18:00:00Z 2022-02-08T21:00:00Z");
        // Summer time: the same time of day.
        assert_eq!(next("2022-04-01T00:00:00Z"), "2022-04-12T17:00:00Z 2022-04-12T20:00:00Z");
    }

    #[test]
    fn a_night_with_a_gap_or_a_fold_keeps_the_length() {
        for (first, at, lasts, expected) in [
            ("2024-03-30", "02:30", "1h", "03-30 02:30-03:30, 03-31 03:30-04:30, 04-01 02:30-03:30"),
            ("2024-03-30", "22:00", "6h", "03-30 22:00-05:00, 03-31 22:00-04:00, 04-01 22:00-04:00"),
            ("2023-10-28", "02:30", "1h", "10-28 02:30-03:30, 10-29 02:30-02:30, 10-30 02:30-03:30"),
            ("2023-10-28", "22:00", "6h", "10-28 22:00-03:00, 10-29 22:00-04:00, 10-30 22:00-04:00"),
            // Only the day of 23 hours is too short for 24.
            ("2024-03-30", "12:00", "24h", "03-30 12:00-12:00, 03-31 12:00-12:00, 04-01 12:00-12:00"),
            ("2023-10-28", "12:00", "24h", "10-28 12:00-11:00, 10-29 12:00-12:00, 10-30 12:00-12:00"),
        ] {
            let daily = rule("FREQ=DAILY;COUNT=3", at, lasts);
            let windows = occurrences(&daily, date(first), &berlin(), Timestamp::default(), 9);
            let texts = windows.iter().map(|window| {
                let clock = |at: Timestamp, form: &str| at.to_jiff().to_zoned(berlin()).strftime(form).to_string();
                format!("{}-{}", clock(window.from, "%m-%d %H:%M"), clock(window.until, "%H:%M"))
            });
            assert_eq!(texts.collect::<Vec<_>>().join(", "), expected);
            if lasts != "24h" {
                assert!(windows.iter().all(|window| window.until.since(window.from) == daily.lasts));
            }
        }
        // The earlier 02:30 of the two.
        let fold = next(&rule("FREQ=DAILY", "02:30", "1h"), date("2023-10-29"), &berlin(), Timestamp::default());
        assert_eq!(fold.map(|window| window.from), Some(instant("2023-10-29T00:30:00Z")));
    }

    #[test]
    fn an_occurrence_ends_when_the_next_begins() {
        let long = rule("FREQ=WEEKLY;COUNT=3", "08:00", "20d");
        let windows = occurrences(&long, date("2024-05-06"), &berlin(), Timestamp::default(), 9);
        let texts: Vec<_> = windows.iter().map(|w| format!("{} {}", local(w.from), local(w.until))).collect();
        assert_eq!(
            texts,
            [
                "2024-05-06 08:00 2024-05-13 08:00",
                "2024-05-13 08:00 2024-05-20 08:00",
                "2024-05-20 08:00 2024-06-09 08:00"
            ]
        );
        // Asked in the middle, the same.
        assert_eq!(next(&long, date("2024-05-06"), &berlin(), instant("2024-05-14T00:00:00Z")), Some(windows[1]));
        // Two dates at one instant, because a day was left out.
        let apia = TimeZone::get("Pacific/Apia").expect("bundled");
        let daily = rule("FREQ=DAILY;COUNT=4", "08:00", "1h");
        assert_eq!(occurrences(&daily, date("2011-12-29"), &apia, Timestamp::default(), 9).len(), 3);
    }

    #[test]
    fn the_shortest_step_is_found() {
        let hours = |rrule: &str| {
            shortest_step(&rule(rrule, "08:00", "1h"), date("2024-01-01")).map(|step| step.as_secs() / 3600)
        };
        assert_eq!(hours("FREQ=DAILY"), Some(24));
        assert_eq!(hours("FREQ=WEEKLY;INTERVAL=2"), Some(14 * 24));
        assert_eq!(hours("FREQ=MONTHLY;BYMONTHDAY=1,-1"), Some(24));
        // The year after the first, which is a leap year.
        assert_eq!(hours("FREQ=YEARLY;BYMONTH=2,3;BYMONTHDAY=27,1"), Some(2 * 24));
        assert_eq!(hours("FREQ=DAILY;COUNT=1"), None);
    }

    #[test]
    fn a_rule_that_never_comes_true_has_no_occurrence() {
        for never in [
            "FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30",
            "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
            "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
            "FREQ=WEEKLY;BYDAY=MO;BYSETPOS=2",
            "FREQ=MONTHLY;BYDAY=1MO;BYMONTHDAY=8;COUNT=1000",
            "FREQ=HOURLY",
        ] {
            let never_true = rule(never, "08:00", "1h");
            assert_eq!(next(&never_true, date("1970-01-01"), &berlin(), Timestamp::default()), None, "{never}");
        }
        // Instants beyond every calendar.
        let daily = rule("FREQ=DAILY", "08:00", "1h");
        let next = |after: i64| next(&daily, date("2024-01-01"), &berlin(), Timestamp::from_millis(after));
        assert_eq!(next(i64::MAX), None);
        assert_eq!(next(i64::MIN).map(|window| local(window.from)).as_deref(), Some("2024-01-01 08:00"));
    }

    fn any_rule() -> impl Strategy<Value = String> {
        let frequency = prop_oneof![
            Just("FREQ=DAILY"),
            Just("FREQ=WEEKLY;BYDAY=MO,SU"),
            Just("FREQ=WEEKLY;WKST=SU"),
            Just("FREQ=MONTHLY"),
            Just("FREQ=MONTHLY;BYDAY=2TU,-1FR"),
            Just("FREQ=MONTHLY;BYMONTHDAY=-1,15"),
            Just("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1"),
            Just("FREQ=YEARLY;BYMONTH=3,10;BYDAY=-1SU"),
        ];
        let end = prop_oneof![Just(""), Just(";COUNT=40"), Just(";UNTIL=20241231"), Just(";UNTIL=20240630T120000Z")];
        (frequency, 1..5u8, end).prop_map(|(frequency, interval, end)| format!("{frequency};INTERVAL={interval}{end}"))
    }

    proptest! {
        #[test]
        fn windows_follow_each_other_and_asking_later_changes_none(
            rrule in any_rule(),
            first_day in 0..800i32,
            minute in 0..1440i32,
            hours in 1..24u64,
            after_hours in 0..20_000u64,
        ) {
            let first = date("2022-06-01").saturating_add(first_day.days());
            let at = jiff::civil::Time::midnight().saturating_add(minute.minutes());
            let lasts = Duration::from_secs(hours * 3600);
            let recurrence = Recurrence { rrule, at, lasts };
            let zone = berlin();
            let all = occurrences(&recurrence, first, &zone, Timestamp::default(), OCCURRENCES_MAX);
            for window in &all {
                prop_assert_eq!(window.until.since(window.from), lasts);
                let starts = zone.to_datetime(window.from.to_jiff());
                // The same time of day in winter and in summer; only in the gap there is none.
                let existed = When::from_local_checked(starts.date().to_datetime(at), &zone).is_ok();
                prop_assert!(starts.time() == at || !existed, "{}", starts);
                prop_assert!(starts.date() >= first);
            }
            for pair in all.windows(2) {
                prop_assert!(pair[0].until <= pair[1].from, "{pair:?}");
            }
            let after = instant("2022-06-01T00:00:00Z").plus(Duration::from_secs(after_hours * 3600));
            let expected = all.iter().find(|window| window.until > after).copied();
            prop_assert_eq!(next(&recurrence, first, &zone, after), expected);
        }
    }
}
