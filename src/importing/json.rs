//! Where a JSON value stands, and what it is, as other programs write it.

use serde_json::Value;

/// A text as the JSON value that it most likely stands for.
pub(super) fn typed(text: &str) -> Value {
    match text {
        "true" => true.into(),
        "false" => false.into(),
        _ => match (text.parse::<i64>(), text.parse::<f64>()) {
            // Not `007`, `+1` or `inf`.
            (Ok(number), _) if number.to_string() == text => number.into(),
            (_, Ok(number)) if number.is_finite() && number.to_string() == text && text.contains('.') => number.into(),
            _ => text.into(),
        },
    }
}

/// `$.a.b[0]`, `a.b[0]` or `a["b c"]` as a path of RFC 9535; nothing that computes.
pub(super) fn json_path(query: &str) -> Option<String> {
    let query = query.trim();
    let mut rest = query.strip_prefix('$').unwrap_or(query);
    let mut path = "$".to_owned();
    let mut first = true;
    while !rest.is_empty() {
        if let Some(index) = rest.strip_prefix('[') {
            let (inside, after) = index.split_once(']')?;
            if inside.parse::<i32>().is_ok() {
                path.push_str(&format!("[{inside}]"));
            } else {
                let quote = inside.chars().next().filter(|c| matches!(c, '"' | '\''))?;
                let name = inside.strip_prefix(quote)?.strip_suffix(quote)?;
                push_name(&mut path, name)?;
            }
            rest = after;
        } else {
            let named = match rest.strip_prefix('.') {
                Some(named) => named,
                None if first => rest,
                None => return None,
            };
            let end = named.find(['.', '[']).unwrap_or(named.len());
            let (name, after) = named.split_at_checked(end)?;
            let plain = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'));
            if !plain {
                return None;
            }
            push_name(&mut path, name)?;
            rest = after;
        }
        first = false;
    }
    Some(path)
}

fn push_name(path: &mut String, name: &str) -> Option<()> {
    if name.contains(['"', '\'', '\\']) || name.chars().any(char::is_control) {
        return None;
    }
    let plain =
        name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !name.starts_with(|c: char| c.is_ascii_digit());
    path.push_str(&if plain { format!(".{name}") } else { format!("['{name}']") });
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_names_and_numbers() {
        for (query, path) in [
            ("$", "$"),
            ("", "$"),
            ("status", "$.status"),
            ("$.a.b[0].c", "$.a.b[0].c"),
            (".data[2]", "$.data[2]"),
            ("[0].id", "$[0].id"),
            ("a[\"b c\"]", "$.a['b c']"),
            ("größe.x-y", "$['größe']['x-y']"),
        ] {
            assert_eq!(json_path(query).as_deref(), Some(path), "{query}");
            assert!(serde_json_path::JsonPath::parse(path).is_ok(), "{path}");
        }
        for query in ["$sum(a)", "a.b = 1", "a[b > 1]", "a..b", "$.*", "a.", "[", "a['b", "a[*]", "a['\"']", "a]b"] {
            assert_eq!(json_path(query), None, "{query}");
        }
    }

    #[test]
    fn values_are_what_they_most_likely_stand_for() {
        assert_eq!(typed("true"), Value::Bool(true));
        assert_eq!(typed("-5"), Value::from(-5));
        assert_eq!(typed("1.5"), Value::from(1.5));
        for text in ["007", "+1", "1.50", "inf", "NaN", "1e5", "", "UP"] {
            assert_eq!(typed(text), Value::from(text), "{text}");
        }
    }
}
