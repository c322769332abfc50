//! What a good series is: the one place that files and editors are held against.

use std::ops::RangeInclusive;
use std::time::Duration;

use jiff::civil::Time;
use jiff::tz::TimeZone;

use crate::model::recurrence::{next, shortest_step};
use crate::model::time::Timestamp;
use crate::model::window::{Recurrence, When};

/// How long an occurrence may last.
pub const LASTS: RangeInclusive<Duration> = Duration::from_secs(60)..=Duration::from_secs(31 * 86_400);

/// What is wrong with a series whose rule can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeriesFault {
    /// It does not take place between beginning and end.
    Never,
    /// An occurrence lasts longer than it takes to the next one: so long.
    Overlong(Duration),
}

/// Everything that is wrong with a series: it takes place at least once between beginning and end, not
/// before `after`, and an occurrence is over when the next one begins. That it ends before it begins is
/// somebody else's to say.
pub fn faults(
    recurrence: &Recurrence,
    (from, until): (&When, &When),
    zone: &TimeZone,
    after: Timestamp,
) -> Vec<SeriesFault> {
    let first = from.day(zone);
    // An occurrence of the first day may be over when the maintenance begins.
    let window = next(recurrence, first, zone, after.max(from.at));
    let is_never = until.at > from.at && window.is_none_or(|window| window.from >= until.at);
    let overlong = shortest_step(recurrence, first).filter(|step| recurrence.lasts > *step);
    is_never.then_some(SeriesFault::Never).into_iter().chain(overlong.map(SeriesFault::Overlong)).collect()
}

/// Reads the local time of day at which each occurrence begins: `19:00`.
pub fn time_of_day(text: &str) -> Option<Time> {
    if (4..=8).contains(&text.len()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_takes_place_and_does_not_overtake_itself() {
        let zone = TimeZone::get("Europe/Berlin").expect("bundled");
        let date = |text: &str| text.parse().expect("a date");
        let found = |rrule: &str, lasts: u64, until: &str, after: &str| {
            let at = time_of_day("19:00").expect("a time of day");
            let recurrence = Recurrence { rrule: rrule.to_owned(), at, lasts: Duration::from_secs(lasts * 3600) };
            let from = When::from_date(date("2027-01-01"), &zone).expect("in range");
            let until = When::through_date(date(until), &zone).expect("in range");
            let after = When::from_date(date(after), &zone).expect("in range").at;
            faults(&recurrence, (&from, &until), &zone, after)
        };
        let monthly = "FREQ=MONTHLY;BYDAY=2TU";
        assert_eq!(found(monthly, 3, "2027-12-31", "2026-01-01"), []);
        assert_eq!(found(monthly, 3, "2027-01-11", "2026-01-01"), [SeriesFault::Never]);
        assert_eq!(found(monthly, 3, "2027-02-08", "2027-01-13"), [SeriesFault::Never], "the only one is over");
        assert_eq!(found(monthly, 3, "2026-12-31", "2026-01-01"), [], "that is another fault");
        let day = Duration::from_secs(86_400);
        assert_eq!(found("FREQ=DAILY", 25, "2027-12-31", "2026-01-01"), [SeriesFault::Overlong(day)]);
        assert_eq!(found("FREQ=DAILY", 24, "2027-12-31", "2026-01-01"), []);
    }

    #[test]
    fn a_time_of_day_is_short() {
        assert_eq!(time_of_day("19:00"), Some(jiff::civil::time(19, 0, 0, 0)));
        for wrong in ["", "19", "25:00", "19:00:00.000000001", "abends"] {
            assert_eq!(time_of_day(wrong), None, "{wrong}");
        }
    }
}
