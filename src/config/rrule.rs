//! A recurrence rule in a file: where it is wrong, and what to write instead.
//!
//! Which rules there are is not decided here (`crate::model::recurrence::rule` does), so that
//! what is accepted is exactly what is worked with.

use super::diagnostic::{At, Fault, Spot, did_you_mean, listed, quote};
use super::read::Value;
use crate::model::recurrence::rule::{FREQUENCIES, KEYS, RULE_BYTES_MAX, Rule, RuleFault, Wrong};

/// Reads a rule.
pub(super) fn rrule<'t>(value: Value<'t>) -> Option<At<&'t str>> {
    let text = value.string()?;
    let Err(RuleFault { place, wrong }) = Rule::parse(text.value) else { return Some(text) };
    let word = text.value.get(place.clone()).unwrap_or_default();
    let spot = within(&text, place.start, place.end);
    let fault = Fault::error(format!("{} is no recurrence rule", quote(text.value))).at(spot, wrong.to_string());
    value.faults.push(fault.help_if(likely(word, wrong)).help(remedy(word, wrong)));
    None
}

/// The place of some bytes of a string: only if it is written as it is, without escapes and with
/// one quotation mark on either side, else the whole.
fn within(text: &At<&str>, start: usize, end: usize) -> Spot {
    let length = u32::try_from(text.value.len()).unwrap_or(u32::MAX);
    if start == end || text.spot.end - text.spot.start != length.saturating_add(2) {
        return text.spot;
    }
    let shifted = |by: usize| text.spot.start.saturating_add(1).saturating_add(u32::try_from(by).unwrap_or(u32::MAX));
    Spot { start: shifted(start), end: shifted(end), ..text.spot }
}

/// What a word was probably meant to be.
fn likely(word: &str, wrong: Wrong) -> Option<String> {
    match wrong {
        Wrong::Key if remedy_of_time(word).is_none() => did_you_mean(&word.to_ascii_uppercase(), KEYS),
        Wrong::Value("FREQ") => {
            let (_, frequency) = word.split_once('=')?;
            did_you_mean(&frequency.to_ascii_uppercase(), FREQUENCIES)
        }
        _ => None,
    }
}

/// Times of day are not for the rule to say.
fn remedy_of_time(word: &str) -> Option<&'static str> {
    let of_time = ["BYHOUR", "BYMINUTE", "BYSECOND"].iter().any(|key| word.eq_ignore_ascii_case(key));
    of_time.then_some("the time of day is `at`, one for all occurrences: `at = \"19:00\"`")
}

/// What to do about it.
fn remedy(word: &str, wrong: Wrong) -> String {
    match wrong {
        Wrong::Length => format!("at most {RULE_BYTES_MAX} bytes"),
        Wrong::Form => "write a rule of RFC 5545 such as `\"FREQ=MONTHLY;BYDAY=2TU\"`".to_owned(),
        Wrong::Key => remedy_of_time(word).map_or_else(|| format!("one of {}", listed(KEYS)), str::to_owned),
        Wrong::Twice => "keep one of them; several values are separated by commas".to_owned(),
        Wrong::Value(key) => values_of(key),
        Wrong::NoFrequency => format!("add `FREQ=…` with one of {}", listed(FREQUENCIES)),
        Wrong::TwoEnds => "keep one of them".to_owned(),
        Wrong::MonthDayOfWeek => "write `FREQ=MONTHLY`, or days of the week: `BYDAY=TU`".to_owned(),
        Wrong::NumberedDay => "leave the number out, or write `FREQ=MONTHLY`".to_owned(),
        Wrong::SixthWeekday => "write a number from 1 to 5, or from -1 to -5 to count from the end".to_owned(),
        Wrong::PositionOfDay => "leave `BYSETPOS` out: a day has nothing to choose from".to_owned(),
        Wrong::PositionAlone => {
            "say what to choose from: `FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1` is the last working day"
                .to_owned()
        }
    }
}

fn values_of(key: &str) -> String {
    let values = match key {
        "FREQ" => return format!("one of {}", listed(FREQUENCIES)),
        "INTERVAL" | "COUNT" => "a number from 1 to 1000",
        "UNTIL" => "write the last local day `20241231`, or the last instant in UTC `20241231T220000Z`",
        "BYDAY" => "write days such as `TU`, `MO,WE`, `2TU` (the second) or `-1FR` (the last)",
        "BYMONTHDAY" => "write numbers from 1 to 31, or from -1 (the last day) to -31",
        "BYMONTH" => "write numbers from 1 to 12",
        "BYSETPOS" => "write numbers from 1 to 366, or from -1 (the last one) to -366",
        _ => "write one of `MO`, `TU`, `WE`, `TH`, `FR`, `SA` or `SU`",
    };
    values.to_owned()
}
