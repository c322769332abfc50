//! A recurrence rule (RFC 5545 section 3.3.10) taken apart: which parts there are, which values
//! they take, and what does not go together.
//!
//! What is read here is worked with beside this file, to the last value; everything else is
//! refused. Which days a rule means is not decided here.

use std::ops::{Range, RangeInclusive};
use std::str::FromStr;

use jiff::civil::{Date, DateTime, Weekday};

use crate::model::time::Timestamp;

/// Longest rule, in bytes.
pub const RULE_BYTES_MAX: usize = 300;
/// Largest `INTERVAL` and largest `COUNT`.
const NUMBER_MAX: u16 = 1_000;
/// Most occurrences of one weekday in a month, and in a year.
const WEEKS_OF_MONTH: i16 = 5;
const WEEKS_OF_YEAR: i16 = 53;

/// A rule, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub(super) frequency: Frequency,
    /// From one day, week, month or year that counts to the next.
    pub(super) interval: u16,
    pub(super) end: End,
    pub(super) months: Vec<i16>,
    /// Negative ones from the end of the month.
    pub(super) month_days: Vec<i16>,
    pub(super) days: Vec<NumberedDay>,
    /// Which days of each period are taken, negative ones from its end; empty: all.
    pub(super) positions: Vec<i16>,
    pub(super) week_start: Weekday,
}

/// How long a period is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Frequency {
    Daily,
    Weekly,
    Monthly,
    Yearly,
}

/// How a series ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Never,
    /// After so many occurrences.
    Count(u16),
    /// The last day on which one may begin, in local time.
    Date(Date),
    /// The last instant at which one may begin.
    At(Timestamp),
}

/// `TU`, `2TU`, `-1FR`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NumberedDay {
    /// Which one of the month or the year, negative from its end; none: each.
    pub(super) number: Option<i16>,
    pub(super) weekday: Weekday,
}

/// What is wrong with a rule, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{wrong}")]
pub struct RuleFault {
    /// The bytes of the rule that are wrong.
    pub place: Range<usize>,
    /// What is wrong with them.
    pub wrong: Wrong,
}

/// What is wrong with a part of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// Longer than [`RULE_BYTES_MAX`].
    #[error("longer than {RULE_BYTES_MAX} bytes")]
    Length,
    /// No `KEY=VALUE`.
    #[error("every part is KEY=VALUE")]
    Form,
    /// None of [`KEYS`].
    #[error("not supported")]
    Key,
    /// The key stands twice.
    #[error("stands twice")]
    Twice,
    /// The value does not fit the key.
    #[error("not a value of {0}")]
    Value(&'static str),
    /// There is no `FREQ`.
    #[error("a rule needs FREQ")]
    NoFrequency,
    /// Two parts exclude each other.
    #[error("COUNT and UNTIL exclude each other")]
    TwoEnds,
    /// `BYMONTHDAY` with weeks.
    #[error("BYMONTHDAY makes no sense with FREQ=WEEKLY")]
    MonthDayOfWeek,
    /// A number before a weekday where a period has each weekday once at most.
    #[error("numbered days need FREQ=MONTHLY or FREQ=YEARLY")]
    NumberedDay,
    /// A number before a weekday that no month reaches.
    #[error("a month has each weekday five times at most")]
    SixthWeekday,
    /// `BYSETPOS` with days.
    #[error("BYSETPOS needs FREQ=WEEKLY, FREQ=MONTHLY or FREQ=YEARLY")]
    PositionOfDay,
    /// `BYSETPOS` with nothing to choose from.
    #[error("BYSETPOS needs BYDAY, BYMONTHDAY or BYMONTH beside it")]
    PositionAlone,
}

/// The keys of a rule.
pub const KEYS: [&str; 9] =
    ["FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "BYMONTHDAY", "BYMONTH", "BYSETPOS", "WKST"];

/// The values of `FREQ`.
pub const FREQUENCIES: [&str; 4] = ["DAILY", "WEEKLY", "MONTHLY", "YEARLY"];

/// `KEY=VALUE`, and where it stands.
struct Part<'r> {
    key: &'static str,
    value: &'r str,
    place: Range<usize>,
}

impl Part<'_> {
    fn fault(&self, wrong: Wrong) -> RuleFault {
        RuleFault { place: self.place.clone(), wrong }
    }

    /// One value.
    fn one<T>(&self, read: impl Fn(&str) -> Option<T>) -> Result<T, RuleFault> {
        read(self.value).ok_or_else(|| self.fault(Wrong::Value(self.key)))
    }

    /// Values separated by commas.
    fn list<T>(&self, read: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, RuleFault> {
        let mut start = self.place.end - self.value.len();
        let mut values = Vec::new();
        for text in self.value.split(',') {
            let place = start..start + text.len();
            start = place.end + 1;
            values.push(read(text).ok_or(RuleFault { place, wrong: Wrong::Value(self.key) })?);
        }
        Ok(values)
    }
}

impl Rule {
    /// Takes a rule apart, or says what about it is not supported.
    pub fn parse(text: &str) -> Result<Self, RuleFault> {
        let parts = split(text)?;
        let part = |key: &str| parts.iter().find(|part| part.key == key);
        let refuse = |key: &str, wrong: Wrong| {
            let place = part(key).map_or(0..text.len(), |part| part.place.clone());
            Err(RuleFault { place, wrong })
        };
        let number = |text: &str| whole(text, 1..=NUMBER_MAX);
        let Some(frequency) = part("FREQ") else { return refuse("FREQ", Wrong::NoFrequency) };
        let frequency = frequency.one(read_frequency)?;
        let interval = part("INTERVAL").map_or(Ok(1), |part| part.one(number))?;
        let end = match (part("COUNT"), part("UNTIL")) {
            (Some(_), Some(_)) => return refuse("UNTIL", Wrong::TwoEnds),
            (Some(count), None) => End::Count(count.one(number)?),
            (None, Some(until)) => until.one(read_until)?,
            (None, None) => End::Never,
        };
        let months = part("BYMONTH").map_or(Ok(Vec::new()), |part| part.list(|text| whole(text, 1..=12)))?;
        let month_days = part("BYMONTHDAY").map_or(Ok(Vec::new()), |part| part.list(|text| signed(text, 31)))?;
        let days = part("BYDAY").map_or(Ok(Vec::new()), |part| part.list(read_day))?;
        let positions = part("BYSETPOS").map_or(Ok(Vec::new()), |part| part.list(|text| signed(text, 366)))?;
        let week_start = part("WKST").map_or(Ok(Weekday::Monday), |part| part.one(read_weekday))?;
        let numbers = || days.iter().filter_map(|day| day.number);
        match frequency {
            Frequency::Weekly if !month_days.is_empty() => return refuse("BYMONTHDAY", Wrong::MonthDayOfWeek),
            Frequency::Daily if !positions.is_empty() => return refuse("BYSETPOS", Wrong::PositionOfDay),
            Frequency::Daily | Frequency::Weekly if numbers().next().is_some() => {
                return refuse("BYDAY", Wrong::NumberedDay);
            }
            Frequency::Daily | Frequency::Weekly | Frequency::Monthly | Frequency::Yearly => {}
        }
        let within_months = frequency == Frequency::Monthly || !months.is_empty();
        if within_months && numbers().any(|number| number.abs() > WEEKS_OF_MONTH) {
            return refuse("BYDAY", Wrong::SixthWeekday);
        }
        if !positions.is_empty() && months.is_empty() && month_days.is_empty() && days.is_empty() {
            return refuse("BYSETPOS", Wrong::PositionAlone);
        }
        Ok(Self { frequency, interval, end, months, month_days, days, positions, week_start })
    }
}

/// The parts in the order of the rule; each key is known and stands once.
fn split(text: &str) -> Result<Vec<Part<'_>>, RuleFault> {
    if text.len() > RULE_BYTES_MAX {
        return Err(RuleFault { place: 0..text.len(), wrong: Wrong::Length });
    }
    let mut parts: Vec<Part<'_>> = Vec::new();
    let mut start = 0;
    for part in text.split(';') {
        let place = start..start + part.len();
        start = place.end + 1;
        let Some((key, value)) = part.split_once('=') else {
            return Err(RuleFault { place, wrong: Wrong::Form });
        };
        let Some(known) = KEYS.into_iter().find(|known| *known == key) else {
            return Err(RuleFault { place: place.start..place.start + key.len(), wrong: Wrong::Key });
        };
        if parts.iter().any(|part| part.key == known) {
            return Err(RuleFault { place, wrong: Wrong::Twice });
        }
        parts.push(Part { key: known, value, place });
    }
    Ok(parts)
}

fn read_frequency(text: &str) -> Option<Frequency> {
    let frequencies = [Frequency::Daily, Frequency::Weekly, Frequency::Monthly, Frequency::Yearly];
    FREQUENCIES.into_iter().zip(frequencies).find(|(word, _)| *word == text).map(|(_, frequency)| frequency)
}

/// The word for a weekday.
pub(super) const fn word_of(weekday: Weekday) -> &'static str {
    match weekday {
        Weekday::Monday => "MO",
        Weekday::Tuesday => "TU",
        Weekday::Wednesday => "WE",
        Weekday::Thursday => "TH",
        Weekday::Friday => "FR",
        Weekday::Saturday => "SA",
        Weekday::Sunday => "SU",
    }
}

fn read_weekday(text: &str) -> Option<Weekday> {
    Weekday::Monday.cycle_forward().take(7).find(|weekday| word_of(*weekday) == text)
}

/// A whole number in digits only.
fn whole<T: FromStr + PartialOrd>(text: &str, within: RangeInclusive<T>) -> Option<T> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    if digits { text.parse().ok().filter(|number| within.contains(number)) } else { None }
}

/// A number from 1 to `most`, or from -1 to `-most`.
fn signed(text: &str, most: i16) -> Option<i16> {
    match text.strip_prefix('-') {
        Some(rest) => whole(rest, 1..=most).map(|number| -number),
        None => whole(text.strip_prefix('+').unwrap_or(text), 1..=most),
    }
}

/// `TU`, `2TU`, `-1FR`.
fn read_day(text: &str) -> Option<NumberedDay> {
    let (number, weekday) = text.split_at_checked(text.len().checked_sub(2)?)?;
    let weekday = read_weekday(weekday)?;
    let number = if number.is_empty() { None } else { Some(signed(number, WEEKS_OF_YEAR)?) };
    Some(NumberedDay { number, weekday })
}

/// `20241231` or `20241231T220000Z`.
fn read_until(text: &str) -> Option<End> {
    let (date, time) = text.split_at_checked(8)?;
    let date = Date::strptime("%Y%m%d", date).ok().filter(|_| date.bytes().all(|b| b.is_ascii_digit()))?;
    if time.is_empty() {
        return Some(End::Date(date));
    }
    let time = time.strip_prefix('T')?.strip_suffix('Z')?;
    let (hour, rest) = time.split_at_checked(2)?;
    let (minute, second) = rest.split_at_checked(2)?;
    if second.len() != 2 {
        return None;
    }
    let time = jiff::civil::Time::new(whole(hour, 0..=23)?, whole(minute, 0..=59)?, whole(second, 0..=59)?, 0).ok()?;
    let instant = jiff::tz::Offset::UTC.to_timestamp(DateTime::from_parts(date, time)).ok()?;
    Some(End::At(Timestamp::from_jiff(instant)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_supported_is_read() {
        for good in [
            "FREQ=MONTHLY;BYDAY=2TU",
            "BYDAY=+2TU;FREQ=MONTHLY",
            "FREQ=WEEKLY;BYDAY=MO,WE;INTERVAL=2;WKST=SU",
            "FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=-1",
            "FREQ=YEARLY;BYDAY=53MO",
            "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
            "FREQ=DAILY;COUNT=1000",
            "FREQ=DAILY;UNTIL=20241231",
            "FREQ=DAILY;UNTIL=20241231T220000Z",
        ] {
            assert!(Rule::parse(good).is_ok(), "{good}: {:?}", Rule::parse(good));
        }
    }

    #[test]
    fn everything_else_is_refused_at_its_place() {
        for (bad, place, wrong) in [
            ("", "", Wrong::Form),
            ("FREQ", "FREQ", Wrong::Form),
            ("FREQ=DAILY;", "", Wrong::Form),
            ("FREQ=HOURLY", "FREQ=HOURLY", Wrong::Value("FREQ")),
            ("FREQ=daily", "FREQ=daily", Wrong::Value("FREQ")),
            ("BYDAY=MO", "BYDAY=MO", Wrong::NoFrequency),
            ("FREQ=DAILY;FREQ=DAILY", "FREQ=DAILY", Wrong::Twice),
            ("FREQ=DAILY;COUNT=1;UNTIL=20240101", "UNTIL=20240101", Wrong::TwoEnds),
            ("FREQ=MONTHLY;BYDAY=2TU,2XX", "2XX", Wrong::Value("BYDAY")),
            ("FREQ=MONTHLY;BYDAY=0TU", "0TU", Wrong::Value("BYDAY")),
            ("FREQ=MONTHLY;BYDAY=--1TU", "--1TU", Wrong::Value("BYDAY")),
            ("FREQ=MONTHLY;BYDAY=6TU", "BYDAY=6TU", Wrong::SixthWeekday),
            ("FREQ=YEARLY;BYMONTH=5;BYDAY=-6TU", "BYDAY=-6TU", Wrong::SixthWeekday),
            ("FREQ=YEARLY;BYDAY=54TU", "54TU", Wrong::Value("BYDAY")),
            ("FREQ=WEEKLY;BYDAY=2TU", "BYDAY=2TU", Wrong::NumberedDay),
            ("FREQ=WEEKLY;BYMONTHDAY=1", "BYMONTHDAY=1", Wrong::MonthDayOfWeek),
            ("FREQ=DAILY;BYDAY=MO;BYSETPOS=1", "BYSETPOS=1", Wrong::PositionOfDay),
            ("FREQ=MONTHLY;BYSETPOS=1", "BYSETPOS=1", Wrong::PositionAlone),
            ("FREQ=MONTHLY;BYMONTHDAY=1,,2", "", Wrong::Value("BYMONTHDAY")),
            ("FREQ=MONTHLY;BYMONTHDAY=32", "32", Wrong::Value("BYMONTHDAY")),
            ("FREQ=MONTHLY;BYMONTH=-1", "-1", Wrong::Value("BYMONTH")),
            ("FREQ=DAILY;BYHOUR=3", "BYHOUR", Wrong::Key),
            ("FREQ=DAILY;COUNT=0", "COUNT=0", Wrong::Value("COUNT")),
            ("FREQ=DAILY;COUNT=+1", "COUNT=+1", Wrong::Value("COUNT")),
            ("FREQ=DAILY;INTERVAL=1001", "INTERVAL=1001", Wrong::Value("INTERVAL")),
            ("FREQ=DAILY;UNTIL=20240230", "UNTIL=20240230", Wrong::Value("UNTIL")),
            ("FREQ=DAILY;UNTIL=20241231T220000", "UNTIL=20241231T220000", Wrong::Value("UNTIL")),
            ("FREQ=DAILY;UNTIL=20241231T250000Z", "UNTIL=20241231T250000Z", Wrong::Value("UNTIL")),
            ("FREQ=DAILY;UNTIL=äöü", "UNTIL=äöü", Wrong::Value("UNTIL")),
        ] {
            let fault = Rule::parse(bad).expect_err(bad);
            assert_eq!((bad.get(fault.place.clone()), fault.wrong), (Some(place), wrong), "{bad}");
        }
        let long = format!("FREQ=MONTHLY;BYMONTHDAY=1{}", ",1".repeat(200));
        assert_eq!(Rule::parse(&long).map_err(|fault| fault.wrong), Err(Wrong::Length));
    }
}
