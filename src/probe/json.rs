//! JSON assertions within bounds: a hostile document or a careless path must not hold up the
//! loop or fill the memory. What a document and a path may cost is estimated before they are
//! let loose; beyond the bound the assertion fails and says so.

use serde_json::Value;
use serde_json_path::JsonPath;

use crate::model::bounds::json_path;

/// Memory that a parsed document may take, by estimate.
const PARSED_BYTES_MAX: usize = 24 * 1024 * 1024;

/// What an object costs beside its entries, an entry or element, in bytes.
const OBJECT_BYTES: usize = 640;
const ELEMENT_BYTES: usize = 72;

/// Nodes that one path may visit, by estimate.
const VISITS_MAX: u64 = 1_000_000;

/// A filter that compiles a pattern per node costs as much as this many visits.
const PATTERN_VISITS: u64 = 2_000;

/// Why an assertion about a document is not met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unmet {
    /// By what the document holds.
    Content(String),
    /// It would take more time or memory than we spend: our own limit.
    TooCostly(&'static str),
}

/// A compiled path with what it may cost.
#[derive(Debug, Clone)]
pub(super) struct BoundedPath {
    path: JsonPath,
    /// `..` beyond the first: each may visit a node once for every ancestor.
    descents: u32,
    /// Factor of selectors, filters and patterns.
    factor: u64,
    /// Filters that search the whole document per node.
    whole: u32,
}

impl BoundedPath {
    /// Compiles an RFC 9535 path.
    pub(super) fn compile(text: &str) -> Result<Self, String> {
        let path = json_path(text).map_err(|why| format!("`{text}` is no JSONPath: {why}"))?;
        let selectors = text.split('[').skip(1).map(|part| {
            let commas = part.bytes().filter(|byte| *byte == b',').count();
            u64::try_from(commas + 1).unwrap_or(u64::MAX)
        });
        let patterns = text.matches("match(").count() + text.matches("search(").count();
        let factor = selectors.fold(1u64, u64::saturating_mul);
        Ok(Self {
            path,
            descents: u32::try_from(text.matches("..").count().saturating_sub(1)).unwrap_or(u32::MAX),
            factor: if patterns > 0 { factor.saturating_mul(PATTERN_VISITS) } else { factor },
            whole: u32::try_from(text.matches('$').count().saturating_sub(1)).unwrap_or(u32::MAX),
        })
    }

    /// Whether the path selects exactly `expected`; the error says what it selects.
    pub(super) fn selects(&self, document: &Document, expected: &Value) -> Result<(), Unmet> {
        let visits = document
            .nodes
            .saturating_mul(document.depth.saturating_pow(self.descents))
            .saturating_mul(document.nodes.saturating_pow(self.whole))
            .saturating_mul(self.factor);
        if visits > VISITS_MAX {
            return Err(Unmet::TooCostly("the answer is too large for this path"));
        }
        let found = self.path.query(&document.value);
        match found.exactly_one() {
            Ok(value) if is_equal(value, expected) => Ok(()),
            Ok(value) => Err(Unmet::Content(format!("it is {}", brief(value)))),
            Err(_) if found.is_empty() => Err(Unmet::Content("nothing is there".to_owned())),
            Err(_) => Err(Unmet::Content(format!("{} values are there", found.len()))),
        }
    }
}

/// A parsed document and its size.
#[derive(Debug)]
pub(super) struct Document {
    value: Value,
    nodes: u64,
    depth: u64,
}

impl Document {
    /// Parses a document, unless it would grow too large; the nesting is bounded by the parser.
    pub(super) fn parse(body: &[u8]) -> Result<Self, Unmet> {
        let mut bytes: usize = 0;
        for byte in body {
            bytes = bytes.saturating_add(match byte {
                b'{' => OBJECT_BYTES,
                b'[' | b',' => ELEMENT_BYTES,
                _ => 0,
            });
        }
        if bytes > PARSED_BYTES_MAX {
            return Err(Unmet::TooCostly("the answer holds too many values to be parsed"));
        }
        let value: Value =
            serde_json::from_slice(body).map_err(|error| Unmet::Content(format!("the answer is not JSON: {error}")))?;
        let (nodes, depth) = size(&value);
        Ok(Self { value, nodes, depth })
    }
}

/// Nodes and depth. The parser bounds the depth, so recursion is safe.
fn size(value: &Value) -> (u64, u64) {
    let join = |(nodes, depth): (u64, u64), child: &Value| {
        let (more, below) = size(child);
        (nodes + more, depth.max(below + 1))
    };
    match value {
        Value::Array(elements) => elements.iter().fold((1, 1), join),
        Value::Object(entries) => entries.values().fold((1, 1), join),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => (1, 1),
    }
}

/// Equality by value: 1 is 1.0.
fn is_equal(found: &Value, expected: &Value) -> bool {
    match (found, expected) {
        (Value::Number(found), Value::Number(expected)) => {
            found == expected || found.as_f64().is_some_and(|found| expected.as_f64() == Some(found))
        }
        _ => found == expected,
    }
}

fn brief(value: &Value) -> String {
    match value {
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        Value::String(text) => format!("\"{}\"", text.chars().take(60).collect::<String>()),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(path: &str, body: &str, expected: &Value) -> Result<(), Unmet> {
        BoundedPath::compile(path).unwrap().selects(&Document::parse(body.as_bytes())?, expected)
    }

    fn content(words: &str) -> Result<(), Unmet> {
        Err(Unmet::Content(words.to_owned()))
    }

    #[test]
    fn a_path_selects_exactly_one_equal_value() {
        assert_eq!(check("$.status", r#"{"status":"ok"}"#, &json!("ok")), Ok(()));
        assert_eq!(check("$.n", r#"{"n":1.0}"#, &json!(1)), Ok(()));
        assert_eq!(check("$..id", r#"{"a":{"id":7}}"#, &json!(7)), Ok(()));
        assert_eq!(check("$.status", r#"{"status":"down"}"#, &json!("ok")), content("it is \"down\""));
        assert_eq!(check("$.x", "{}", &json!(1)), content("nothing is there"));
        assert_eq!(check("$[*]", "[1,2]", &json!(1)), content("2 values are there"));
        assert!(
            check("$.x", "<html>", &json!(1))
                .is_err_and(|why| matches!(why, Unmet::Content(words) if words.contains("not JSON")))
        );
    }

    #[test]
    fn hostile_documents_and_paths_end_in_an_answer() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(check("$..*", &deep, &json!(1)).is_err());
        let nested = format!("[{}{}]", "[".repeat(120), "]".repeat(120));
        let many = format!("[{}]", vec![nested; 2000].join(","));
        assert_eq!(
            check("$..*..*..*", &many, &json!(1)),
            Err(Unmet::TooCostly("the answer is too large for this path"))
        );
        let objects = format!("[{}]", vec![r#"{"":0}"#; 100_000].join(","));
        assert!(matches!(check("$[0]", &objects, &json!(1)), Err(Unmet::TooCostly(_))));
        let list = format!("[{}]", vec!["1"; 10_000].join(","));
        assert!(matches!(check("$[?match(@, 'a')]", &list, &json!(1)), Err(Unmet::TooCostly(_))));
        assert!(matches!(check("$[?$..a]", &list, &json!(1)), Err(Unmet::TooCostly(_))));
        assert!(check("$[0]", &list, &json!(1)).is_ok());
        for path in ["$[?(@[?(@[?(@.a)])])]".to_owned(), format!("${}", "[0]".repeat(100))] {
            assert!(BoundedPath::compile(&path).is_ok(), "{path}");
        }
        for deep in ["[?@".repeat(60) + &"]".repeat(60), format!("[?{}@.a{}]", "(".repeat(240), ")".repeat(240))] {
            let error = BoundedPath::compile(&format!("${deep}")).unwrap_err();
            assert!(error.ends_with("nested more than 8 deep"), "{error}");
        }
    }
}
