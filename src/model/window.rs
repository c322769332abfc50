//! Planned times: local dates and instants, as people write them, with the instants they mean.
//!
//! Wall-clock times are local because people agree on them locally: "until and including
//! 8 December" ends at the first instant of 9 December in the town's own time zone, whatever
//! UTC says. The conversion happens once, here.

use std::time::Duration;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::model::time::{Timestamp, duration_text};

/// A time as written, and the instant it means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct When {
    /// The instant: for a date that begins something its first instant, for an inclusive end
    /// date the first instant of the next day.
    pub at: Timestamp,
    /// The local date as written (`2021-10-06`), where no time of day was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<jiff::civil::Date>,
}

impl When {
    /// An exact instant.
    pub const fn instant(at: Timestamp) -> Self {
        Self { at, date: None }
    }

    /// A local date at which something begins: its first instant.
    pub fn from_date(date: jiff::civil::Date, zone: &TimeZone) -> Option<Self> {
        Some(Self { at: first_instant(date, zone)?, date: Some(date) })
    }

    /// A local date that something includes as its last: the first instant of the next day.
    pub fn through_date(date: jiff::civil::Date, zone: &TimeZone) -> Option<Self> {
        Some(Self { at: first_instant(date.tomorrow().ok()?, zone)?, date: Some(date) })
    }

    /// A local date and time without offset. In the gap of a spring night the instant after the
    /// gap is meant, in the fold of an autumn night the earlier one (jiff's "compatible" rule,
    /// RFC 5545 section 3.3.5).
    pub fn from_local(local: jiff::civil::DateTime, zone: &TimeZone) -> Option<Self> {
        zone.to_zoned(local).ok().map(|zoned| Self::instant(Timestamp::from_jiff(zoned.timestamp())))
    }
}

/// The first instant of a local day (which need not be midnight).
fn first_instant(date: jiff::civil::Date, zone: &TimeZone) -> Option<Timestamp> {
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
}
