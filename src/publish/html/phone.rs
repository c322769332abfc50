//! Telephone numbers as people read them.
//!
//! A `tel:` link holds digits; a person reads an area code and groups. The link stays as it is,
//! only what is shown is set: a wrong guess costs looks, never a wrong call.

/// A number as it is read: German ones with their leading zero and the area code set apart where
/// it can be told, separators of the author kept as spaces.
pub(in crate::publish) fn readable(number: &str) -> String {
    if number.contains(['-', '.', '(', ')']) {
        let spaced: String = number.chars().map(|c| if c.is_ascii_digit() || c == '+' { c } else { ' ' }).collect();
        let words: Vec<&str> = spaced.split_whitespace().collect();
        let spaced = words.join(" ");
        let national = spaced.strip_prefix("+49").map(str::trim_start);
        return match national.map(|rest| rest.strip_prefix("0 ").unwrap_or(rest)) {
            Some(rest) if !rest.is_empty() => format!("0{rest}"),
            _ => spaced,
        };
    }
    let Some(national) = number.strip_prefix("+49").filter(|national| national.len() > 4) else {
        return number.to_owned();
    };
    match national.split_at_checked(area_code_length(national)) {
        Some((area, subscriber)) if !area.is_empty() && !subscriber.is_empty() => {
            format!("0{area} {}", grouped(subscriber))
        }
        _ => format!("0{national}"),
    }
}

/// How many digits the area code has, without its zero; 0 where that cannot be told. Berlin and
/// the three other cities of a million have two, the larger towns three. Else four in the west;
/// in the east (3…) four or five, which no rule tells.
fn area_code_length(national: &str) -> usize {
    const TWO: [&str; 4] = ["30", "40", "69", "89"];
    const THREE: [&str; 15] =
        ["202", "203", "208", "209", "212", "214", "228", "234", "906", "335", "340", "345", "355", "365", "385"];
    const THREE_EAST: [&str; 8] = ["331", "341", "351", "361", "371", "375", "381", "391"];
    let begins = |codes: &[&str]| codes.iter().any(|code| national.starts_with(code));
    let mut digits = national.chars();
    match (digits.next(), digits.next(), digits.next()) {
        _ if begins(&TWO) => 2,
        _ if begins(&THREE) || begins(&THREE_EAST) || national.starts_with("395") => 3,
        (Some('3'), ..) => 0,
        // Mobile and service numbers: 0151, 0180, 0800, 0900.
        (Some('1'), ..) | (Some('7' | '8' | '9'), Some('0'), Some('0')) => 3,
        (Some('2' | '4'..='9'), Some(_), Some('1')) => 3,
        (Some('2' | '4'..='9'), Some(_), Some(_)) => 4,
        _ => 0,
    }
}

/// Groups of three from the left; the last one has two to four digits.
fn grouped(digits: &str) -> String {
    let count = digits.chars().count();
    let mut text = String::with_capacity(count + count / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && place.is_multiple_of(3) && count > 5 && place + 1 < count {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_they_are_printed() {
        for (number, shown) in [
            ("+4923242043030", "02324 204 3030"),
            ("+4923242044041", "02324 204 4041"),
            ("+492324204-4041", "02324204 4041"),
            ("+49-2324-204-4041", "02324 204 4041"),
            ("+49(0)2324.204", "02324 204"),
            ("+494152130", "04152 130"),
            ("+4930901820", "030 901 820"),
            ("+4922812345", "0228 12345"),
            ("+49115", "+49115"),
            ("115", "115"),
            ("116117", "116117"),
            ("+4939359317", "039359317"),
            ("+498001234567", "0800 123 4567"),
            ("+4915112345678", "0151 123 456 78"),
            ("+43512508", "+43512508"),
        ] {
            assert_eq!(readable(number), shown, "{number}");
        }
    }
}
