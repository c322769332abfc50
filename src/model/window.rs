//! Planned times: local dates and instants, as people write them, with the instants they mean.
//!
//! Wall-clock times are local because people agree on them locally: "until and including
//! 8 December" ends at the first instant of 9 December in the town's own time zone, whatever
//! UTC says. The conversion happens once, here.

use std::time::Duration;

use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};
use serde::{Deserialize, Serialize};

use crate::model::time::{Timestamp, duration_text};

/// A stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Window {
    /// Its first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub until: Timestamp,
}

/// A time as written, and the instant it means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct When {
    /// The instant: for a date that begins something its first instant, for an inclusive end
    /// date the first instant of the next day.
    pub at: Timestamp,
    /// The local date as written (`2021-10-06`), where no time of day was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<Date>,
}

impl When {
    /// An exact instant.
    pub const fn instant(at: Timestamp) -> Self {
        Self { at, date: None }
    }

    /// A local date at which something begins: its first instant.
    pub fn from_date(date: Date, zone: &TimeZone) -> Option<Self> {
        Some(Self { at: first_instant(date, zone)?, date: Some(date) })
    }

    /// A local date that something includes as its last: the first instant of the next day.
    pub fn through_date(date: Date, zone: &TimeZone) -> Option<Self> {
        Some(Self { at: first_instant(date.tomorrow().ok()?, zone)?, date: Some(date) })
    }

    /// A local date and time without offset. In the gap of a spring night the instant after the
    /// gap is meant, in the fold of an autumn night the earlier one (jiff's "compatible" rule,
    /// RFC 5545 section 3.3.5).
    pub fn from_local(local: DateTime, zone: &TimeZone) -> Option<Self> {
        zone.to_zoned(local).ok().map(|zoned| Self::instant(Timestamp::from_jiff(zoned.timestamp())))
    }

    /// A local date and time without offset as somebody wrote it once: one that the clocks leave
    /// out is refused, because nobody can have meant it. Of one that they show twice the earlier
    /// is meant, as in [`When::from_local`].
    pub fn from_local_checked(local: DateTime, zone: &TimeZone) -> Result<Self, Gap> {
        let (before, after) = match zone.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => (offset, offset),
            AmbiguousOffset::Fold { before, .. } => (before, before),
            AmbiguousOffset::Gap { before, after } => (before, after),
        };
        // Beyond the end of time is its end.
        let end = if local.year() < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
        let at = before.to_timestamp(local).unwrap_or(end);
        if before == after {
            return Ok(Self::instant(Timestamp::from_jiff(at)));
        }
        let zone = zone.iana_name().unwrap_or("this time zone").to_owned();
        Err(Gap { local, instead: after.to_datetime(at), at: Timestamp::from_jiff(at), zone })
    }

    /// The local date: the one written, or that of the instant.
    pub fn day(&self, zone: &TimeZone) -> Date {
        self.date.unwrap_or_else(|| zone.to_datetime(self.at.to_jiff()).date())
    }
}

/// A local time that does not exist, because the clocks were put forward over it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} does not exist on {} in {zone}; write {} or an offset", clock(*.local), .local.date(), self.remedy())]
pub struct Gap {
    /// The time as written.
    pub local: DateTime,
    /// What the clocks show as long after the gap as the time lies in it.
    pub instead: DateTime,
    /// The instant at which they show it.
    pub at: Timestamp,
    /// The name of the zone.
    pub zone: String,
}

impl Gap {
    /// What to write instead: a time of day, with its date where that is another.
    fn remedy(&self) -> String {
        if self.instead.date() == self.local.date() {
            return clock(self.instead);
        }
        format!("{}T{}", self.instead.date(), clock(self.instead))
    }
}

/// The time of day, with seconds only where there are any.
fn clock(local: DateTime) -> String {
    let form = if local.second() == 0 && local.subsec_nanosecond() == 0 { "%H:%M" } else { "%H:%M:%S%.f" };
    local.strftime(form).to_string()
}

/// The first instant of a local day (which need not be midnight).
fn first_instant(date: Date, zone: &TimeZone) -> Option<Timestamp> {
    let zoned = date.to_zoned(zone.clone()).ok()?;
    Some(Timestamp::from_jiff(zoned.start_of_day().ok()?.timestamp()))
}

/// A recurrence in local time (RFC 5545 RRULE).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recurrence {
    /// The rule, as written and checked.
    pub rrule: String,
    /// The local time of day at which each occurrence begins.
    pub at: jiff::civil::Time,
    /// How long each lasts.
    #[serde(rename = "for", with = "duration_text")]
    pub lasts: Duration,
}

impl Recurrence {
    /// Its `at` as it is written: `19:00`.
    pub fn at_text(&self) -> String {
        clock(Date::default().to_datetime(self.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inclusive_end_date_lasts_through_its_last_local_second() {
        let zone = TimeZone::get("Europe/Berlin").expect("bundled");
        let until = When::through_date(jiff::civil::date(2023, 12, 8), &zone).expect("in range");
        assert_eq!(until.at.to_string(), "2023-12-08T23:00:00Z");
        // Both clock changes: 25 and 23 hours.
        for (day, hours) in [(jiff::civil::date(2023, 10, 29), 25), (jiff::civil::date(2024, 3, 31), 23)] {
            let from = When::from_date(day, &zone).expect("in range").at;
            let until = When::through_date(day, &zone).expect("in range").at;
            assert_eq!(until.since(from), Duration::from_secs(hours * 3600));
        }
    }

    #[test]
    fn gap_and_fold_have_an_explicit_rule() {
        let zone = TimeZone::get("Europe/Berlin").expect("bundled");
        let gap = When::from_local(jiff::civil::date(2024, 3, 31).at(2, 30, 0, 0), &zone).expect("in range");
        assert_eq!(gap.at.to_string(), "2024-03-31T01:30:00Z");
        let fold = When::from_local(jiff::civil::date(2023, 10, 29).at(2, 30, 0, 0), &zone).expect("in range");
        assert_eq!(fold.at.to_string(), "2023-10-29T00:30:00Z");
    }

    #[test]
    fn a_time_written_once_must_exist() {
        let checked = |zone: &str, local: &str| {
            let zone = TimeZone::get(zone).expect("bundled");
            When::from_local_checked(local.parse().expect("a date and time"), &zone)
                .map(|when| when.at.to_string())
                .map_err(|gap| gap.to_string())
        };
        for (zone, local, said) in [
            ("Europe/Berlin", "2024-03-31T01:59:59", Ok("2024-03-31T00:59:59Z")),
            (
                "Europe/Berlin",
                "2024-03-31T02:30:00",
                Err("02:30 does not exist on 2024-03-31 in Europe/Berlin; write 03:30 or an offset"),
            ),
            (
                "Europe/Berlin",
                "2024-03-31T02:00:30",
                Err("02:00:30 does not exist on 2024-03-31 in Europe/Berlin; write 03:00:30 or an offset"),
            ),
            ("Europe/Berlin", "2024-03-31T03:00:00", Ok("2024-03-31T01:00:00Z")),
            // The earlier of the two.
            ("Europe/Berlin", "2023-10-29T02:30:00", Ok("2023-10-29T00:30:00Z")),
            ("Europe/Berlin", "2023-10-29T03:00:00", Ok("2023-10-29T02:00:00Z")),
            // A day that was left out.
            (
                "Pacific/Apia",
                "2011-12-30T08:00:00",
                Err("08:00 does not exist on 2011-12-30 in Pacific/Apia; write 2011-12-31T08:00 or an offset"),
            ),
        ] {
            assert_eq!(checked(zone, local).as_deref().map_err(String::as_str), said, "{local}");
        }
        let zone = TimeZone::get("Europe/Berlin").expect("bundled");
        let local: DateTime = "2024-03-31T02:30:00".parse().expect("a date and time");
        let gap = When::from_local_checked(local, &zone).expect_err("a gap");
        assert_eq!(When::from_local(local, &zone).map(|when| when.at), Some(gap.at));
        let end = When::from_local_checked(DateTime::MAX, &zone).map(|when| when.at);
        assert_eq!(end, Ok(Timestamp::from_jiff(jiff::Timestamp::MAX)));
    }

    #[test]
    fn the_day_is_the_one_written_or_the_local_one() {
        let zone = TimeZone::get("Europe/Berlin").expect("bundled");
        let day = jiff::civil::date(2023, 12, 8);
        assert_eq!(When::through_date(day, &zone).map(|when| when.day(&zone)), Some(day));
        let late: jiff::Timestamp = "2023-12-07T23:30:00Z".parse().expect("an instant");
        assert_eq!(When::instant(Timestamp::from_jiff(late)).day(&zone), day);
    }
}
