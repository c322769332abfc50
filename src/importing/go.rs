//! Durations as Go and Prometheus write them.

use std::time::Duration;

/// `1m30s`, `1.5h`, `500ms`, `2d`; at most a year.
pub(super) fn duration(text: &str) -> Option<Duration> {
    const YEAR: f64 = 366.0 * 86_400.0;
    let mut rest = text.trim();
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    if rest.is_empty() {
        return None;
    }
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
        let (number, after) = rest.split_at_checked(digits)?;
        let letters = after.chars().take_while(|c| c.is_alphabetic()).map(char::len_utf8).sum();
        let (unit, after) = after.split_at_checked(letters)?;
        let factor = match unit {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3_600.0,
            "d" => 86_400.0,
            "w" => 7.0 * 86_400.0,
            "y" => 365.0 * 86_400.0,
            _ => return None,
        };
        seconds += number.parse::<f64>().ok()? * factor;
        rest = after;
    }
    // To the millisecond: what a probe file can say.
    (0.0..=YEAR).contains(&seconds).then(|| Duration::from_secs_f64((seconds * 1_000.0).round() / 1_000.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_there() {
        for (text, ms) in [("1m30s", 90_000), ("1.5h", 5_400_000), ("500ms", 500), ("2d", 172_800_000), ("0", 0)] {
            assert_eq!(duration(text), Some(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "5", "s", "1.2.3s", "-1s", "1e9s", "99999y", "1 s", "ä"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }
}
