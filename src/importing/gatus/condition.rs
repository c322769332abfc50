//! Conditions of Gatus → what a check expects.
//!
//! In Gatus a status is looked at only if a condition does, every condition that is not met is
//! red, and a JSON value is compared as text. What has no counterpart is named and left out.

use std::time::Duration;

use serde_json::Value;

use crate::importing::bounds::judge_pattern;
use crate::importing::draft::Check;
use crate::importing::go;
use crate::importing::json::{json_path, typed};
use crate::importing::name::one_line;
use crate::model::check::Probe;

/// Every status there is.
const ANY: (u16, u16) = (100, 599);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Longer ones first: ` < ` is no part of ` <= `, but the order costs nothing.
const OPERATORS: [(&str, Operator); 6] = [
    (" == ", Operator::Equal),
    (" != ", Operator::Unequal),
    (" <= ", Operator::LessOrEqual),
    (" >= ", Operator::GreaterOrEqual),
    (" > ", Operator::Greater),
    (" < ", Operator::Less),
];

impl Operator {
    /// The same with its sides swapped.
    const fn swapped(self) -> Self {
        match self {
            Self::Equal | Self::Unequal => self,
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
        }
    }
}

/// Reads all conditions of an endpoint into its check.
pub(super) fn read<'c>(
    conditions: impl Iterator<Item = &'c str>,
    check: &mut Check,
    encrypted: bool,
    remarks: &mut Vec<String>,
) -> Result<(), String> {
    let mut statuses = [true; 500];
    let mut about_status = false;
    for condition in conditions {
        let Some((left, operator, right)) = split(condition) else {
            return Err(format!("its condition `{}` cannot be read", one_line(condition, 80)));
        };
        let carried = match placeholder(left).as_str() {
            "[STATUS]" if matches!(check.probe, Probe::Http(_)) => {
                about_status = true;
                narrow(&mut statuses, operator, right)
            }
            "[CONNECTED]" => operator == Operator::Equal && right == "true",
            "[RESPONSE_TIME]" => slow(check, operator, right, remarks),
            "[CERTIFICATE_EXPIRATION]" if encrypted => valid(check, operator, right, remarks),
            "[DNS_RCODE]" => operator == Operator::Equal && right == "NOERROR",
            "[BODY]" => match &check.probe {
                Probe::Http(_) => body(check, operator, right),
                Probe::Dns(_) => record(check, operator, right),
                Probe::Tls(_) | Probe::Tcp(_) => false,
            },
            _ if matches!(check.probe, Probe::Http(_)) => json(check, left, operator, right, remarks),
            _ => false,
        };
        if !carried {
            remarks.push(format!(
                "the condition `{}` is not carried over: nothing here asks for it",
                one_line(condition, 80)
            ));
        }
    }
    if let Probe::Http(_) = check.probe {
        check.expect.status = if about_status { ranges(&statuses) } else { vec![ANY] };
        if check.expect.status.is_empty() {
            return Err("no status meets its conditions".to_owned());
        }
        if check.expect.status == [(200, 299)] {
            check.expect.status.clear();
        }
    }
    Ok(())
}

/// The sides of a condition, the placeholder left.
fn split(condition: &str) -> Option<(&str, Operator, &str)> {
    let (sign, operator) = OPERATORS.iter().find(|(sign, _)| condition.contains(sign))?;
    let (left, right) = condition.split_once(sign)?;
    let (left, right) = (left.trim(), right.trim());
    if right.starts_with('[') && !left.starts_with('[') {
        Some((right, operator.swapped(), left))
    } else {
        Some((left, *operator, right))
    }
}

fn placeholder(text: &str) -> String {
    text.to_ascii_uppercase()
}

/// The options of `any(a, b)`, or the text itself.
fn options(text: &str) -> Vec<&str> {
    match text.strip_prefix("any(").and_then(|rest| rest.strip_suffix(')')) {
        Some(inside) => inside.split(',').map(str::trim).collect(),
        None => vec![text],
    }
}

fn narrow(statuses: &mut [bool; 500], operator: Operator, right: &str) -> bool {
    let Ok(values) = options(right).into_iter().map(str::parse::<u16>).collect::<Result<Vec<_>, _>>() else {
        return false;
    };
    let [first, rest @ ..] = values.as_slice() else { return false };
    if !rest.is_empty() && !matches!(operator, Operator::Equal | Operator::Unequal) {
        return false;
    }
    for (status, good) in (100u16..).zip(statuses.iter_mut()) {
        *good &= match operator {
            Operator::Equal => values.contains(&status),
            Operator::Unequal => !values.contains(&status),
            Operator::Less => status < *first,
            Operator::LessOrEqual => status <= *first,
            Operator::Greater => status > *first,
            Operator::GreaterOrEqual => status >= *first,
        };
    }
    true
}

fn ranges(statuses: &[bool; 500]) -> Vec<(u16, u16)> {
    let mut ranges: Vec<(u16, u16)> = Vec::new();
    for (status, _) in (100u16..).zip(statuses).filter(|(_, good)| **good) {
        match ranges.last_mut() {
            Some((_, to)) if *to + 1 == status => *to = status,
            Some(_) | None => ranges.push((status, status)),
        }
    }
    ranges
}

/// A number of milliseconds, or a duration.
fn time(text: &str) -> Option<Duration> {
    match text.parse::<u64>() {
        Ok(ms) => Some(Duration::from_millis(ms)),
        Err(_) => go::duration(text),
    }
}

fn slow(check: &mut Check, operator: Operator, right: &str, remarks: &mut Vec<String>) -> bool {
    let (Operator::Less | Operator::LessOrEqual, Some(limit)) = (operator, time(right)) else { return false };
    if limit.is_zero() || limit > Duration::from_secs(300) {
        return false;
    }
    // The strictest of several holds, and one beyond the timeout is never reached.
    let timeout = check.timing.timeout.unwrap_or(Duration::MAX);
    if limit < timeout {
        let before = check.degraded.slower_than.unwrap_or(limit);
        check.degraded.slower_than = Some(before.min(limit));
        remarks.push("too slow was red there, and is degraded here".to_owned());
    }
    true
}

fn valid(check: &mut Check, operator: Operator, right: &str, remarks: &mut Vec<String>) -> bool {
    let (Operator::Greater | Operator::GreaterOrEqual, Some(time)) = (operator, time(right)) else { return false };
    if !(Duration::from_secs(60)..=Duration::from_secs(3_660 * 86_400)).contains(&time) {
        return false;
    }
    let before = check.warn.certificate_valid_for.unwrap_or(time);
    check.warn.certificate_valid_for = Some(before.max(time));
    remarks.push(
        "a certificate that ends soon was red there; here it warns the operator, and is red when it has ended"
            .to_owned(),
    );
    true
}

/// `[BODY] == pat(*word*)` and the like.
fn body(check: &mut Check, operator: Operator, right: &str) -> bool {
    let pattern = right.strip_prefix("pat(").and_then(|rest| rest.strip_suffix(')'));
    if right.starts_with("any(") || (right.starts_with('[') && right.ends_with(']')) {
        return false;
    }
    // `*` stands for anything, `?` for one character, `[…]` for one of several.
    let word = pattern
        .and_then(|pattern| pattern.strip_prefix('*')?.strip_suffix('*'))
        .filter(|word| !word.is_empty() && !word.contains(['*', '?', '[', '\\']));
    match (operator, word, pattern) {
        (Operator::Equal, Some(word), _) => check.expect.body_contains.push(word.to_owned()),
        (Operator::Unequal, Some(word), _) => check.expect.body_lacks.push(word.to_owned()),
        (Operator::Equal, None, Some(pattern)) if !pattern.contains(['[', '\\']) => {
            let escaped = regex::escape(pattern).replace(r"\*", ".*").replace(r"\?", ".");
            return matches(check, format!("(?s)^{escaped}$"));
        }
        (Operator::Equal, None, None) if !right.is_empty() => {
            return matches(check, format!("^{}$", regex::escape(right)));
        }
        _ => return false,
    }
    true
}

fn matches(check: &mut Check, pattern: String) -> bool {
    let fits = judge_pattern(&pattern).is_ok();
    if fits {
        check.expect.body_matches.push(pattern);
    }
    fits
}

fn record(check: &mut Check, operator: Operator, right: &str) -> bool {
    let plain = !right.is_empty() && !right.ends_with(')');
    if operator == Operator::Equal && plain {
        check.expect.records.push(right.to_owned());
    }
    operator == Operator::Equal && plain
}

/// `[BODY].path == value`.
fn json(check: &mut Check, left: &str, operator: Operator, right: &str, remarks: &mut Vec<String>) -> bool {
    let Some((start, rest)) = left.split_at_checked("[BODY]".len()) else { return false };
    let plain = start.eq_ignore_ascii_case("[BODY]") && !right.ends_with(')') && !right.starts_with('[');
    let (true, Operator::Equal, Some(path)) = (plain, operator, json_path(rest)) else { return false };
    let value = typed(right);
    if let Value::Bool(_) | Value::Number(_) = value {
        remarks.push(format!(
            "`{}` is compared as {} here; set it in quotes if the answer has it so",
            one_line(left, 60),
            one_line(right, 30)
        ));
    }
    check.expect.json.insert(path, value).is_none()
}
