//! Figures as people read them: durations, sizes.

use serde_json::Value;

/// Seconds as far as they matter: `3 ms`, `0,4 s`, `12 s`.
pub(super) fn seconds(value: &Value) -> String {
    let Some(seconds) = value.as_f64() else { return "–".to_owned() };
    if seconds < 0.001 {
        "unter 1 ms".to_owned()
    } else if seconds < 0.1 {
        format!("{:.0} ms", seconds * 1_000.0)
    } else if seconds < 10.0 {
        format!("{seconds:.1} s").replace('.', ",")
    } else {
        format!("{seconds:.0} s")
    }
}

/// Bytes in the largest unit that fits.
pub(super) fn bytes(value: u64) -> String {
    const KIB: u64 = 1_024;
    const MIB: u64 = KIB * KIB;
    match value {
        0..KIB => format!("{value} Byte"),
        KIB..MIB => format!("{} KiB", value / KIB),
        _ => format!("{} MiB", value / MIB),
    }
}

/// How long it is until an end, or since: `noch 12 Tage`, `noch 5 Stunden`, `seit 2 Tagen abgelaufen`.
pub(super) fn left(seconds: i64) -> String {
    let (days, hours) = (seconds.abs() / 86_400, seconds.abs() / 3_600);
    let plural = |number: i64, one: &str, many: &str| {
        if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
    };
    match (seconds < 0, days, hours) {
        (false, 0, 0) => "keine Stunde mehr".to_owned(),
        (false, 0, hours) => format!("noch {}", plural(hours, "Stunde", "Stunden")),
        (false, days, _) => format!("noch {}", plural(days, "Tag", "Tage")),
        (true, 0, 0) => "eben abgelaufen".to_owned(),
        (true, 0, hours) => format!("seit {} abgelaufen", plural(hours, "Stunde", "Stunden")),
        (true, days, _) => format!("seit {} abgelaufen", plural(days, "Tag", "Tagen")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn figures_are_as_exact_as_anybody_needs() {
        let told = [0.0, 0.0123, 0.25, 9.96, 30.4].map(|value| seconds(&json!(value)));
        assert_eq!(told, ["unter 1 ms", "12 ms", "0,2 s", "10,0 s", "30 s"]);
        assert_eq!(seconds(&Value::Null), "–");
        assert_eq!([900, 2_048, 5 << 20].map(bytes), ["900 Byte", "2 KiB", "5 MiB"]);
        let told = [90_000, 200_000, 7_200, 60, -60, -7_200, -90_000].map(left);
        assert_eq!(
            told,
            [
                "noch 1 Tag",
                "noch 2 Tage",
                "noch 2 Stunden",
                "keine Stunde mehr",
                "eben abgelaufen",
                "seit 2 Stunden abgelaufen",
                "seit 1 Tag abgelaufen",
            ]
        );
    }
}
