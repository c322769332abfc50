//! The recurrences that people have words for, and the rules that say them. What goes beyond is a rule
//! all the same; its dates say when it takes place.

use std::fmt::Write;

use jiff::civil::{Date, Weekday};

use crate::model::recurrence::complete;
use crate::model::recurrence::rule::{End, Frequency, NumberedDay, Rule, word_of};

/// A recurrence that can be said in a few words, without an end of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// Every so many days.
    Days(u16),
    /// Every so many weeks on these days, Monday first.
    Weeks(u16, Vec<Weekday>),
    /// Every so many months on a weekday, by its number in the month; a negative one counts from its end.
    MonthWeekday(u16, i16, Weekday),
    /// Every so many months on a day of the month; -1 is the last one.
    MonthDay(u16, i16),
    /// Every year on a day of a month.
    Year(i16, i16),
}

impl Pattern {
    /// The pattern of a rule that runs from a first date; none if there are no few words for it.
    pub fn of(rrule: &str, first: Date) -> Option<Self> {
        let mut rule = Rule::parse(rrule).ok()?;
        complete(&mut rule, first);
        let is_plain = rule.end == End::Never
            && rule.positions.is_empty()
            && (rule.months.is_empty() || rule.frequency == Frequency::Yearly);
        if !is_plain {
            return None;
        }
        let every = rule.interval;
        match (rule.frequency, rule.days.as_slice(), rule.month_days.as_slice(), rule.months.as_slice()) {
            (Frequency::Daily, [], [], _) => Some(Self::Days(every)),
            (Frequency::Weekly, days, _, _) => {
                let mut days: Vec<Weekday> = days.iter().map(|day| day.weekday).collect();
                days.sort_by_key(|day| day.to_monday_zero_offset());
                days.dedup();
                Some(Self::Weeks(every, days))
            }
            (Frequency::Monthly, [NumberedDay { number: Some(number), weekday }], [], _) => {
                Some(Self::MonthWeekday(every, *number, *weekday))
            }
            (Frequency::Monthly, [], [day], _) => Some(Self::MonthDay(every, *day)),
            (Frequency::Yearly, [], [day], [month]) if every == 1 => Some(Self::Year(*month, *day)),
            _ => None,
        }
    }

    /// The rule of a pattern.
    pub fn rrule(&self) -> String {
        let (frequency, every, days) = match self {
            Self::Days(every) => ("DAILY", *every, String::new()),
            Self::Weeks(every, days) => {
                let words: Vec<&str> = days.iter().map(|day| word_of(*day)).collect();
                ("WEEKLY", *every, format!(";BYDAY={}", words.join(",")))
            }
            Self::MonthWeekday(every, number, day) => ("MONTHLY", *every, format!(";BYDAY={number}{}", word_of(*day))),
            Self::MonthDay(every, day) => ("MONTHLY", *every, format!(";BYMONTHDAY={day}")),
            Self::Year(month, day) => ("YEARLY", 1, format!(";BYMONTH={month};BYMONTHDAY={day}")),
        };
        let mut rrule = format!("FREQ={frequency}");
        if every > 1 {
            // Writing to a String cannot fail.
            write!(rrule, ";INTERVAL={every}").unwrap_or_default();
        }
        rrule + &days
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_its_rule() {
        let first = jiff::civil::date(2027, 1, 12);
        for (rrule, pattern) in [
            ("FREQ=DAILY", Pattern::Days(1)),
            ("FREQ=DAILY;INTERVAL=3", Pattern::Days(3)),
            ("FREQ=WEEKLY;BYDAY=TU", Pattern::Weeks(1, vec![Weekday::Tuesday])),
            ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU", Pattern::Weeks(2, vec![Weekday::Monday, Weekday::Sunday])),
            ("FREQ=MONTHLY;BYDAY=2TU", Pattern::MonthWeekday(1, 2, Weekday::Tuesday)),
            ("FREQ=MONTHLY;INTERVAL=3;BYDAY=-1FR", Pattern::MonthWeekday(3, -1, Weekday::Friday)),
            ("FREQ=MONTHLY;BYMONTHDAY=-1", Pattern::MonthDay(1, -1)),
            ("FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=24", Pattern::Year(12, 24)),
        ] {
            assert_eq!(Pattern::of(rrule, first), Some(pattern.clone()), "{rrule}");
            assert_eq!(pattern.rrule(), rrule);
        }
        // What a rule leaves open is that of its first date.
        for (rrule, whole) in [
            ("FREQ=WEEKLY", "FREQ=WEEKLY;BYDAY=TU"),
            ("FREQ=MONTHLY", "FREQ=MONTHLY;BYMONTHDAY=12"),
            ("FREQ=YEARLY", "FREQ=YEARLY;BYMONTH=1;BYMONTHDAY=12"),
            ("FREQ=WEEKLY;BYDAY=SU,MO,SU", "FREQ=WEEKLY;BYDAY=MO,SU"),
        ] {
            assert_eq!(Pattern::of(rrule, first).map(|pattern| pattern.rrule()).as_deref(), Some(whole));
        }
        for beyond in [
            "FREQ=WEEKLY;COUNT=5",
            "FREQ=WEEKLY;UNTIL=20271231",
            "FREQ=DAILY;BYMONTH=1",
            "FREQ=DAILY;BYDAY=MO",
            "FREQ=MONTHLY;BYDAY=TU",
            "FREQ=MONTHLY;BYDAY=2TU,4TU",
            "FREQ=MONTHLY;BYDAY=2TU;BYMONTHDAY=8",
            "FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=1",
            "FREQ=YEARLY;INTERVAL=2",
            "FREQ=YEARLY;BYDAY=20MO",
            "FREQ=HOURLY",
        ] {
            assert_eq!(Pattern::of(beyond, first), None, "{beyond}");
        }
    }
}
