//! `relabel_configs`: whom a job asks, and through which module, once its rules have been followed.
//!
//! Rules that replace, keep or drop are followed as Prometheus does. Of the others those are named
//! that may change what is asked.

use std::collections::HashMap;

use regex::Regex;

use crate::importing::name::one_line;
use crate::importing::yaml::Node;
use crate::model::bounds::pattern;

/// What a target is given as, and what it is asked as.
pub(super) const ADDRESS: &str = "__address__";
pub(super) const TARGET: &str = "__param_target";
pub(super) const MODULE: &str = "__param_module";
/// Labels that have a meaning of their own begin so.
const INTERNAL: &str = "__";

/// Most rules of a job, and most labels that one looks at.
const RULES_MAX: usize = 50;
/// Longest value of a label, in bytes.
pub(super) const VALUE_BYTES_MAX: usize = 2_000;

/// The rules of a job that are followed.
pub(super) struct Rules<'n> {
    rules: Vec<Rule<'n>>,
}

struct Rule<'n> {
    action: Action<'n>,
    sources: Vec<&'n str>,
    separator: &'n str,
    pattern: Regex,
}

enum Action<'n> {
    /// Writes a label.
    Replace {
        label: &'n str,
        replacement: &'n str,
    },
    Keep,
    Drop,
}

/// What the rules have written, by label.
pub(super) type Written<'n> = HashMap<&'n str, String>;

impl<'n> Rules<'n> {
    /// Reads the rules of a job; `remark` is told of those that are not followed, with their lines.
    pub(super) fn of(job: &'n Node, mut remark: impl FnMut(usize, String)) -> Self {
        let all = job.list_of("relabel_configs");
        let mut rules = Vec::new();
        for node in all.iter().take(RULES_MAX) {
            match rule(node) {
                Ok(rule) => rules.extend(rule),
                Err(why) => remark(node.line, format!("a rule of `relabel_configs` is not followed: {why}")),
            }
        }
        if let Some(node) = all.get(RULES_MAX) {
            remark(node.line, format!("only the first {RULES_MAX} rules of `relabel_configs` are followed"));
        }
        Self { rules }
    }

    /// Whether a rule writes this label.
    pub(super) fn writes(&self, name: &str) -> bool {
        self.rules.iter().any(|rule| matches!(rule.action, Action::Replace { label, .. } if label == name))
    }

    /// Follows all rules, with the labels that are `given`.
    pub(super) fn follow(&self, given: impl Fn(&'n str) -> &'n str) -> Result<Written<'n>, &'static str> {
        let mut written = Written::new();
        for rule in &self.rules {
            let mut value = String::new();
            for (index, &name) in rule.sources.iter().enumerate() {
                let part = written.get(name).map_or_else(|| given(name), String::as_str);
                if value.len() + rule.separator.len() + part.len() > VALUE_BYTES_MAX {
                    return Err("a label that its rules look at is longer than 2,000 bytes");
                }
                if index > 0 {
                    value.push_str(rule.separator);
                }
                value.push_str(part);
            }
            let found = rule.pattern.captures(&value);
            match (&rule.action, found) {
                (Action::Keep, None) | (Action::Drop, Some(_)) => {
                    return Err("a rule of `relabel_configs` drops it");
                }
                (Action::Replace { label, replacement }, Some(found)) => {
                    let mut text = String::new();
                    found.expand(replacement, &mut text);
                    if text.len() > VALUE_BYTES_MAX {
                        return Err("a label that its rules write is longer than 2,000 bytes");
                    }
                    written.insert(label, text);
                }
                (Action::Keep, Some(_)) | (Action::Drop | Action::Replace { .. }, None) => {}
            }
        }
        Ok(written)
    }
}

/// One rule, if it is to be followed.
fn rule(node: &Node) -> Result<Option<Rule<'_>>, String> {
    let label = node.text_of("target_label").unwrap_or_default();
    let replacement = node.text_of("replacement").unwrap_or("$1");
    let action = match node.text_of("action").unwrap_or("replace").to_ascii_lowercase().as_str() {
        "replace" if label.is_empty() || label.contains('$') => {
            return Err("its `target_label` is not the name of a label".to_owned());
        }
        "replace" => Action::Replace { label, replacement },
        "keep" => Action::Keep,
        "drop" => Action::Drop,
        other if label.starts_with(INTERNAL) || replacement.starts_with(INTERNAL) => {
            return Err(format!("no `{}` here", one_line(other, 30)));
        }
        _ => return Ok(None),
    };
    let sources = node.list_of("source_labels");
    if sources.len() > RULES_MAX || replacement.len() > VALUE_BYTES_MAX {
        return Err("it is too long".to_owned());
    }
    let whole = node.text_of("regex").unwrap_or("(.*)");
    let pattern =
        pattern(&format!("^(?s:{whole})$")).map_err(|why| format!("its `regex` is {}", one_line(&why, 100)))?;
    Ok(Some(Rule {
        action,
        sources: sources.iter().filter_map(|name| name.text()).collect(),
        separator: node.text_of("separator").unwrap_or(";"),
        pattern,
    }))
}
