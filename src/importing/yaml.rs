//! YAML as a tree within bounds.
//!
//! Aliases share what they name instead of copying it, so that a few lines cannot grow into
//! gigabytes; nesting is bounded over aliases, too. Scalars stay the texts they are: what a value
//! means is decided where it is known what it should be.

use std::collections::HashMap;
use std::rc::Rc;

use saphyr_parser::{Event, Parser, ScalarStyle};

use super::{Fault, Source};

/// Deepest nesting, aliases included.
const DEPTH_MAX: usize = 64;
/// Most values in a file, each alias counted once.
const NODES_MAX: usize = 1_000_000;
/// Most keys of a mapping, and mappings that one look-up visits where `<<` names others.
const KEYS_MAX: usize = 2_000;
const MERGED_MAX: usize = 20;

/// A value with the line it stands on.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) line: usize,
    depth: usize,
    value: Value,
}

#[derive(Debug)]
enum Value {
    /// A text, and whether it stands without quotes.
    Scalar(String, bool),
    List(Vec<Rc<Node>>),
    Map(Vec<(String, Rc<Node>)>),
}

impl Node {
    /// The value of a key, also of one that `<<` takes from elsewhere. Null counts as absent.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        let mut next = vec![self];
        let mut visited = 0;
        while let Some(node) = next.pop() {
            visited += 1;
            if visited > MERGED_MAX {
                return None;
            }
            let Value::Map(entries) = &node.value else { continue };
            if let Some((_, found)) = entries.iter().find(|(name, _)| name == key) {
                return (!found.is_null()).then_some(&**found);
            }
            for (_, merged) in entries.iter().filter(|(name, _)| name == "<<") {
                match &merged.value {
                    Value::List(list) => next.extend(list.iter().rev().take(MERGED_MAX).map(|node| &**node)),
                    Value::Map(_) => next.push(merged),
                    Value::Scalar(..) => {}
                }
            }
        }
        None
    }

    /// The text of a key, if it is one.
    pub(super) fn text_of(&self, key: &str) -> Option<&str> {
        self.get(key)?.text()
    }

    /// Whether a key is there and true.
    pub(super) fn is_true(&self, key: &str) -> bool {
        self.boolean(key) == Some(true)
    }

    /// A truth value, as YAML 1.1 and 1.2 write it.
    pub(super) fn boolean(&self, key: &str) -> Option<bool> {
        match self.text_of(key)?.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => Some(true),
            "false" | "no" | "off" => Some(false),
            _ => None,
        }
    }

    /// The text, if it is one and not null.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(text, _) if !self.is_null() => Some(text),
            Value::Scalar(..) | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// The elements, if it is a list.
    pub(super) fn list(&self) -> Option<&[Rc<Self>]> {
        match &self.value {
            Value::List(list) => Some(list),
            Value::Scalar(..) | Value::Map(_) => None,
        }
    }

    /// The elements of the list under a key; none if there is none.
    pub(super) fn list_of(&self, key: &str) -> &[Rc<Self>] {
        self.get(key).and_then(Self::list).unwrap_or_default()
    }

    /// The entries, if it is a mapping; without what `<<` takes from elsewhere.
    pub(super) fn entries(&self) -> &[(String, Rc<Self>)] {
        match &self.value {
            Value::Map(entries) => entries,
            Value::Scalar(..) | Value::List(_) => &[],
        }
    }

    /// Whether it is a mapping.
    pub(super) const fn is_map(&self) -> bool {
        matches!(self.value, Value::Map(_))
    }

    fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar(text, true) if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }
}

/// A list or mapping that is not yet at its end.
struct Open {
    line: usize,
    anchor: usize,
    value: Value,
    /// The key that waits for its value.
    key: Option<String>,
}

/// Reads the one document of a file.
pub(super) fn parse(source: &Source<'_>) -> Result<Rc<Node>, Fault> {
    let what = "YAML";
    let text = source.text(what)?;
    let mut anchors: HashMap<usize, Rc<Node>> = HashMap::new();
    let mut open: Vec<Open> = Vec::new();
    let mut root: Option<Rc<Node>> = None;
    let mut nodes = 0;
    for event in Parser::new_from_str(text) {
        let (event, span) =
            event.map_err(|error| source.broken(what, format!("line {}: {}", error.marker().line(), error.info())))?;
        let line = span.start.line();
        let fault = |why: &str| source.broken(what, format!("line {line}: {why}"));
        nodes += 1;
        if nodes > NODES_MAX {
            return Err(fault("more than a million values"));
        }
        if open.len() > DEPTH_MAX {
            return Err(fault("nested more than 64 deep"));
        }
        let node = match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => continue,
            Event::DocumentStart(_) if root.is_some() => return Err(fault("a second document; only one is read")),
            Event::DocumentStart(_) => continue,
            Event::SequenceStart(anchor, _) => {
                open.push(Open { line, anchor, value: Value::List(Vec::new()), key: None });
                continue;
            }
            Event::MappingStart(anchor, _) => {
                open.push(Open { line, anchor, value: Value::Map(Vec::new()), key: None });
                continue;
            }
            Event::Scalar(text, style, anchor, _) => {
                let value = Value::Scalar(text.into_owned(), style == ScalarStyle::Plain);
                remembered(Node { line, depth: 1, value }, anchor, &mut anchors)
            }
            Event::Alias(anchor) => {
                let named = anchors.get(&anchor).ok_or_else(|| fault("an alias of something that is not complete"))?;
                Rc::clone(named)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(closed) = open.pop() else { return Err(fault("an end without a beginning")) };
                let depth = 1 + match &closed.value {
                    Value::List(list) => list.iter().map(|node| node.depth).max().unwrap_or(0),
                    Value::Map(entries) => entries.iter().map(|(_, node)| node.depth).max().unwrap_or(0),
                    Value::Scalar(..) => 0,
                };
                if depth > DEPTH_MAX {
                    return Err(fault("nested more than 64 deep"));
                }
                remembered(Node { line: closed.line, depth, value: closed.value }, closed.anchor, &mut anchors)
            }
        };
        match open.last_mut() {
            None => root = Some(node),
            Some(Open { value: Value::List(list), .. }) => list.push(node),
            Some(Open { value: Value::Map(entries), key, .. }) => match key.take() {
                Some(_) if entries.len() >= KEYS_MAX => return Err(fault("a mapping of more than 2,000 keys")),
                Some(name) => entries.push((name, node)),
                None => match &node.value {
                    Value::Scalar(text, _) => *key = Some(text.clone()),
                    Value::List(_) | Value::Map(_) => return Err(fault("a key that is no text")),
                },
            },
            Some(Open { value: Value::Scalar(..), .. }) => {}
        }
    }
    root.ok_or_else(|| source.broken(what, "it is empty"))
}

fn remembered(node: Node, anchor: usize, anchors: &mut HashMap<usize, Rc<Node>>) -> Rc<Node> {
    let node = Rc::new(node);
    if anchor > 0 {
        anchors.insert(anchor, Rc::clone(&node));
    }
    node
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Rc<Node>, Fault> {
        parse(&Source { name: "x.yaml", bytes: text.as_bytes() })
    }

    #[test]
    fn values_keep_their_lines_and_merge() {
        let root = read("base: &base\n  interval: 30s\n  off: null\nitem:\n  <<: *base\n  name: \"5\"\n").unwrap();
        let item = root.get("item").unwrap();
        assert_eq!(
            (item.text_of("interval"), item.text_of("name"), item.text_of("off")),
            (Some("30s"), Some("5"), None)
        );
        assert_eq!(root.get("item").and_then(|item| item.get("name")).unwrap().line, 6);
    }

    #[test]
    fn bombs_are_bounded() {
        let mut laughs = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for index in 0..9 {
            let (from, to) = (b'a' + index, b'b' + index);
            let alias = format!("*{}, ", from as char).repeat(10);
            laughs.push_str(&format!("{0}: &{0} [{alias}]\n", to as char));
        }
        // A billion elements are a hundred shared lists.
        assert!(read(&laughs).is_ok());
        let mut chain = "a0: &a0 [x]\n".to_owned();
        for index in 1..100 {
            chain.push_str(&format!("a{index}: &a{index} [*a{}]\n", index - 1));
        }
        for (text, why) in [
            (chain, "nested"),
            ("[".repeat(200), ""),
            ("a: &a [*a]\n".to_owned(), "alias"),
            ("a: 1\n---\nb: 2\n".to_owned(), "second document"),
            ("? [a]\n: b\n".to_owned(), "key"),
            (String::new(), "empty"),
            ("a: 'b\n".to_owned(), "line"),
        ] {
            let fault = read(&text).unwrap_err().to_string();
            assert!(fault.contains(why), "{fault}");
        }
    }

    #[test]
    fn merged_mappings_are_looked_through_within_bounds() {
        let mut text = "a0: &a0 {x: 1}\n".to_owned();
        for index in 1..20 {
            let alias = format!("*a{}, ", index - 1).repeat(10);
            text.push_str(&format!("a{index}: &a{index}\n  <<: [{alias}]\n"));
        }
        let root = read(&text).unwrap();
        assert!(root.get("a19").unwrap().get("y").is_none());
    }
}
