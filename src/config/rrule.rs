//! The form of a recurrence rule (RFC 5545 section 3.3.10), as far as planned work needs it.
//!
//! Occurrences are not computed here. What would be ignored there is refused here.

/// Checks a rule; says what is wrong with it.
pub(super) fn check_rrule(rule: &str) -> Result<(), String> {
    if rule.len() > 300 {
        return Err("too long".to_owned());
    }
    let mut seen: Vec<&str> = Vec::new();
    for part in rule.split(';') {
        let (key, value) = part.split_once('=').ok_or_else(|| "every part is KEY=VALUE".to_owned())?;
        if seen.contains(&key) {
            return Err(format!("{} stands twice", short(key)));
        }
        let fits = match key {
            "FREQ" => matches!(value, "DAILY" | "WEEKLY" | "MONTHLY" | "YEARLY"),
            "INTERVAL" | "COUNT" => number(value).is_some_and(|n| (1..=1000).contains(&n)),
            "UNTIL" => is_until(value),
            "BYDAY" => value.split(',').all(is_day),
            "BYMONTH" => value.split(',').all(|month| number(month).is_some_and(|n| (1..=12).contains(&n))),
            "BYMONTHDAY" => value.split(',').all(|day| signed(day).is_some_and(|n| (1..=31).contains(&n))),
            "BYSETPOS" => value.split(',').all(|position| signed(position).is_some_and(|n| (1..=366).contains(&n))),
            "WKST" => WEEKDAYS.contains(&value),
            _ => return Err(format!("{} is not supported", short(key))),
        };
        if !fits {
            return Err(format!("the value of {key} is wrong"));
        }
        seen.push(key);
    }
    if seen.first() != Some(&"FREQ") {
        return Err("a rule begins with FREQ".to_owned());
    }
    if seen.contains(&"COUNT") && seen.contains(&"UNTIL") {
        return Err("COUNT and UNTIL exclude each other".to_owned());
    }
    if rule.contains("FREQ=WEEKLY") && seen.contains(&"BYMONTHDAY") {
        return Err("BYMONTHDAY makes no sense with FREQ=WEEKLY".to_owned());
    }
    let plain_days = rule.contains("FREQ=DAILY") || rule.contains("FREQ=WEEKLY");
    if plain_days
        && rule
            .split(';')
            .any(|part| part.strip_prefix("BYDAY=").is_some_and(|days| days.contains(|c: char| c.is_ascii_digit())))
    {
        return Err("numbered days need FREQ=MONTHLY or FREQ=YEARLY".to_owned());
    }
    Ok(())
}

const WEEKDAYS: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];

fn short(key: &str) -> String {
    super::diagnostic::quote(key)
}

fn number(text: &str) -> Option<u32> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn signed(text: &str) -> Option<u32> {
    number(text.strip_prefix(['-', '+']).unwrap_or(text))
}

/// `TU`, `2TU`, `-1FR`.
fn is_day(text: &str) -> bool {
    WEEKDAYS.iter().any(|day| {
        text.strip_suffix(day)
            .is_some_and(|count| count.is_empty() || signed(count).is_some_and(|n| (1..=53).contains(&n)))
    })
}

/// `20241231` or `20241231T220000Z`.
fn is_until(text: &str) -> bool {
    let (date, time) = text.split_at_checked(8).unwrap_or((text, "x"));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let time_fits = time.is_empty()
        || time
            .strip_prefix('T')
            .and_then(|rest| rest.strip_suffix('Z'))
            .is_some_and(|rest| rest.len() == 6 && digits(rest));
    date.len() == 8 && digits(date) && time_fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_have_the_form_of_rfc_5545() {
        for good in [
            "FREQ=MONTHLY;BYDAY=2TU",
            "FREQ=WEEKLY;BYDAY=MO,WE;INTERVAL=2",
            "FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=-1",
            "FREQ=DAILY;COUNT=3",
            "FREQ=DAILY;UNTIL=20241231T220000Z",
        ] {
            assert_eq!(check_rrule(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "FREQ",
            "FREQ=HOURLY",
            "BYDAY=MO",
            "FREQ=DAILY;FREQ=DAILY",
            "FREQ=DAILY;COUNT=1;UNTIL=20240101",
            "FREQ=MONTHLY;BYDAY=2XX",
            "FREQ=WEEKLY;BYDAY=2TU",
            "FREQ=DAILY;BYHOUR=3",
            "FREQ=DAILY;COUNT=0",
        ] {
            assert!(check_rrule(bad).is_err(), "{bad}");
        }
    }
}
