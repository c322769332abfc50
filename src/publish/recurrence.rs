//! When recurring work takes place, in words: "jeden zweiten Dienstag im Monat, 19:00 bis 22:00 Uhr".
//! What there are no words for only recurs; its dates stand beside it.

use std::time::Duration;

use jiff::civil::{Time, Weekday, date};
use jiff::tz::TimeZone;

use crate::model::recurrence::pattern::Pattern;
use crate::model::window::{Recurrence, When};
use crate::publish::html::time::{clock_text, duration, long_date, month_name, weekday_name};
use crate::publish::wording::Words;

const DAY: Duration = Duration::from_secs(86_400);

/// A recurrence with its time of day, and when the series ends.
pub fn said(words: Words, recurrence: &Recurrence, (from, until): (&When, &When), zone: &TimeZone) -> String {
    let pattern = Pattern::of(&recurrence.rrule, from.day(zone)).and_then(|pattern| pattern_said(words, &pattern));
    let pattern = pattern.unwrap_or_else(|| words.pick("kehrt regelmäßig wieder", "recurs regularly").to_owned());
    let end = match until.date {
        Some(last) => {
            format!("{} {}", words.pick("bis einschließlich", "up to and including"), long_date(words, last))
        }
        None => {
            let day = long_date(words, until.day(zone));
            format!("{} {day}, {}", words.pick("bis", "until"), clock_text(words, zone, until.at))
        }
    };
    format!("{pattern}, {}, {end}", hours(words, recurrence.at, recurrence.lasts))
}

/// The days of a recurrence; none where there are no few words for them.
pub fn pattern_said(words: Words, pattern: &Pattern) -> Option<String> {
    Some(match (words, pattern) {
        (_, Pattern::Days(1)) => words.pick("täglich", "every day").to_owned(),
        (_, Pattern::Days(every)) => all(words, *every, "Tage", "days"),
        (_, Pattern::Weeks(1, days)) => {
            format!("{} {}", words.pick("jeden", "every"), weekdays(words, days))
        }
        (_, Pattern::Weeks(every, days)) => {
            format!("{} {} {}", all(words, *every, "Wochen", "weeks"), words.pick("am", "on"), weekdays(words, days))
        }
        (Words::German, Pattern::MonthWeekday(1, number, day)) => {
            let (nth, day) = (nth(words, *number)?, weekday_name(words, *day));
            format!("jeden {nth} {day} im Monat{}", if_any(words, *number == 5))
        }
        (Words::English, Pattern::MonthWeekday(1, number, day)) => {
            let (nth, day) = (nth(words, *number)?, weekday_name(words, *day));
            format!("on the {nth} {day} of each month{}", if_any(words, *number == 5))
        }
        (_, Pattern::MonthWeekday(every, number, day)) => {
            let (nth, day) = (nth(words, *number)?, weekday_name(words, *day));
            let on = words.pick("am", "on the");
            format!("{} {on} {nth} {day}{}", all(words, *every, "Monate", "months"), if_any(words, *number == 5))
        }
        (_, Pattern::MonthDay(1, day)) => {
            let on = words.pick("am", "on the");
            let of = words.pick("jedes Monats", "of each month");
            format!("{on} {} {of}{}", day_of_month(words, *day)?, if_any(words, *day > 28))
        }
        (_, Pattern::MonthDay(every, day)) => {
            let on = words.pick("am", "on the");
            let day_said = day_of_month(words, *day)?;
            format!("{} {on} {day_said}{}", all(words, *every, "Monate", "months"), if_any(words, *day > 28))
        }
        (_, Pattern::Year(month, day)) => {
            let first = date(2024, i8::try_from(*month).ok()?, 1);
            let day = i8::try_from(*day).ok().filter(|day| (1..=first.days_in_month()).contains(day))?;
            let (name, leap) = (month_name(words, first), if_any(words, (*month, day) == (2, 29)));
            match words {
                Words::German => format!("jedes Jahr am {day}. {name}{leap}"),
                Words::English => format!("every year on {day} {name}{leap}"),
            }
        }
    })
}

/// `alle zwei Wochen`
fn all(words: Words, count: u16, german: &'static str, english: &'static str) -> String {
    let number = match count {
        2 => words.pick("zwei", "two").to_owned(),
        3 => words.pick("drei", "three").to_owned(),
        4 => words.pick("vier", "four").to_owned(),
        5 => words.pick("fünf", "five").to_owned(),
        6 => words.pick("sechs", "six").to_owned(),
        _ => count.to_string(),
    };
    format!("{} {number} {}", words.pick("alle", "every"), words.pick(german, english))
}

/// Which one of a month.
const fn nth(words: Words, number: i16) -> Option<&'static str> {
    Some(match number {
        1 => words.pick("ersten", "first"),
        2 => words.pick("zweiten", "second"),
        3 => words.pick("dritten", "third"),
        4 => words.pick("vierten", "fourth"),
        5 => words.pick("fünften", "fifth"),
        -1 => words.pick("letzten", "last"),
        -2 => words.pick("vorletzten", "last but one"),
        _ => return None,
    })
}

/// `15.`, `15th`, `letzten Tag`
fn day_of_month(words: Words, day: i16) -> Option<String> {
    Some(match (words, day) {
        (_, -1) => words.pick("letzten Tag", "last day").to_owned(),
        (_, ..=0) => return None,
        (Words::German, _) => format!("{day}."),
        (Words::English, 1 | 21 | 31) => format!("{day}st"),
        (Words::English, 2 | 22) => format!("{day}nd"),
        (Words::English, 3 | 23) => format!("{day}rd"),
        (Words::English, _) => format!("{day}th"),
    })
}

/// What is added where not every month has such a day.
const fn if_any(words: Words, is_rare: bool) -> &'static str {
    if is_rare { words.pick(" (falls es ihn gibt)", " (if there is one)") } else { "" }
}

/// `Montag, Mittwoch und Freitag`
fn weekdays(words: Words, days: &[Weekday]) -> String {
    let names: Vec<&str> = days.iter().map(|day| weekday_name(words, *day)).collect();
    match names.as_slice() {
        [firsts @ .., last] if !firsts.is_empty() => {
            format!("{} {} {last}", firsts.join(", "), words.pick("und", "and"))
        }
        names => names.concat(),
    }
}

/// `19:00 bis 22:00 Uhr`: as the clock on the wall has it on a day on which it is not put forward or back.
fn hours(words: Words, at: Time, lasts: Duration) -> String {
    let hour = words.pick(" Uhr", "");
    let begin = at.strftime("%H:%M");
    if at == Time::midnight() && lasts == DAY {
        return words.pick("ganztägig", "all day").to_owned();
    }
    if lasts >= DAY {
        let long = duration(words, lasts);
        return format!("{} {begin}{hour}, {} {long}", words.pick("ab", "from"), words.pick("jeweils", "for"));
    }
    let end = at.wrapping_add(lasts);
    let (shown, next_day) = match end {
        end if end == Time::midnight() => ("24:00".to_owned(), ""),
        end if end <= at => (end.strftime("%H:%M").to_string(), words.pick(" am nächsten Tag", " the next day")),
        end => (end.strftime("%H:%M").to_string(), ""),
    };
    format!("{begin} {} {shown}{hour}{next_day}", words.pick("bis", "to"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::recurrence::series::time_of_day;
    use crate::model::time::parse_duration;

    fn recurrence(rrule: &str, at: &str, lasts: &str) -> Recurrence {
        let at = time_of_day(at).expect("a time of day");
        Recurrence { rrule: rrule.to_owned(), at, lasts: parse_duration(lasts).expect("a duration") }
    }

    #[test]
    fn common_rules_are_said_in_plain_words() {
        // A Tuesday.
        let first = date(2027, 1, 12);
        for (rrule, german, english) in [
            ("FREQ=DAILY", "täglich", "every day"),
            ("FREQ=DAILY;INTERVAL=10", "alle 10 Tage", "every 10 days"),
            ("FREQ=WEEKLY", "jeden Dienstag", "every Tuesday"),
            ("FREQ=WEEKLY;BYDAY=FR,MO,WE", "jeden Montag, Mittwoch und Freitag", "every Monday, Wednesday and Friday"),
            ("FREQ=WEEKLY;INTERVAL=2", "alle zwei Wochen am Dienstag", "every two weeks on Tuesday"),
            ("FREQ=MONTHLY;BYDAY=2TU", "jeden zweiten Dienstag im Monat", "on the second Tuesday of each month"),
            ("FREQ=MONTHLY;BYDAY=-1FR", "jeden letzten Freitag im Monat", "on the last Friday of each month"),
            (
                "FREQ=MONTHLY;BYDAY=5MO",
                "jeden fünften Montag im Monat (falls es ihn gibt)",
                "on the fifth Monday of each month (if there is one)",
            ),
            (
                "FREQ=MONTHLY;INTERVAL=3;BYDAY=1SA",
                "alle drei Monate am ersten Samstag",
                "every three months on the first Saturday",
            ),
            ("FREQ=MONTHLY", "am 12. jedes Monats", "on the 12th of each month"),
            (
                "FREQ=MONTHLY;BYMONTHDAY=31",
                "am 31. jedes Monats (falls es ihn gibt)",
                "on the 31st of each month (if there is one)",
            ),
            ("FREQ=MONTHLY;BYMONTHDAY=-1", "am letzten Tag jedes Monats", "on the last day of each month"),
            ("FREQ=MONTHLY;INTERVAL=2;BYMONTHDAY=22", "alle zwei Monate am 22.", "every two months on the 22nd"),
            ("FREQ=YEARLY", "jedes Jahr am 12. Januar", "every year on 12 January"),
            (
                "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29",
                "jedes Jahr am 29. Februar (falls es ihn gibt)",
                "every year on 29 February (if there is one)",
            ),
        ] {
            let pattern = Pattern::of(rrule, first).expect(rrule);
            assert_eq!(pattern_said(Words::German, &pattern).as_deref(), Some(german), "{rrule}");
            assert_eq!(pattern_said(Words::English, &pattern).as_deref(), Some(english), "{rrule}");
        }
        for rrule in ["FREQ=MONTHLY;BYDAY=-4TU", "FREQ=MONTHLY;BYMONTHDAY=-3", "FREQ=YEARLY;BYMONTH=4;BYMONTHDAY=31"] {
            assert_eq!(Pattern::of(rrule, first).and_then(|rule| pattern_said(Words::German, &rule)), None, "{rrule}");
        }
    }

    #[test]
    fn times_of_day_are_those_on_the_wall() {
        for (at, lasts, german, english) in [
            ("19:00", "3h", "19:00 bis 22:00 Uhr", "19:00 to 22:00"),
            ("18:00", "6h", "18:00 bis 24:00 Uhr", "18:00 to 24:00"),
            ("22:00", "6h", "22:00 bis 04:00 Uhr am nächsten Tag", "22:00 to 04:00 the next day"),
            ("00:00", "1d", "ganztägig", "all day"),
            ("00:00", "90m", "00:00 bis 01:30 Uhr", "00:00 to 01:30"),
            ("08:00", "1d", "ab 08:00 Uhr, jeweils 1 Tag", "from 08:00, for 1 day"),
            ("08:00", "50h", "ab 08:00 Uhr, jeweils 2 Tage 2 Stunden", "from 08:00, for 2 days 2 hours"),
        ] {
            let recurrence = recurrence("FREQ=WEEKLY", at, lasts);
            assert_eq!(hours(Words::German, recurrence.at, recurrence.lasts), german);
            assert_eq!(hours(Words::English, recurrence.at, recurrence.lasts), english);
        }
    }

    #[test]
    fn a_series_says_its_end_and_what_is_beyond_words_recurs() {
        let zone = TimeZone::get("Europe/Berlin").expect("bundled");
        let from = When::from_date(date(2027, 1, 1), &zone).expect("in range");
        let last = When::through_date(date(2027, 12, 31), &zone).expect("in range");
        let monthly = recurrence("FREQ=MONTHLY;BYDAY=2TU", "19:00", "3h");
        assert_eq!(
            said(Words::German, &monthly, (&from, &last), &zone),
            "jeden zweiten Dienstag im Monat, 19:00 bis 22:00 Uhr, bis einschließlich Freitag, 31. Dezember 2027"
        );
        let noon = When::from_local(date(2027, 7, 1).at(12, 0, 0, 0), &zone).expect("in range");
        let counted = recurrence("FREQ=WEEKLY;COUNT=5", "19:00", "3h");
        assert_eq!(
            said(Words::English, &counted, (&from, &noon), &zone),
            "recurs regularly, 19:00 to 22:00, until Thursday, 1 July 2027, 12:00"
        );
    }
}
