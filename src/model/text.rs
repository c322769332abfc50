//! Texts that people wrote: cleaned on the way in, escaped on the way out.
//!
//! [`Plain`] has no `Display` and no `Deref`: the only way to its characters is through
//! `publish::escape` (per format) or serde (JSON escapes by itself), so that no output can
//! forget to escape. Control and bidirectional-override characters are dropped when it is made.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Longest text that is kept, in characters.
pub const TEXT_LENGTH_MAX: usize = 20_000;

/// One language's plain text, cleaned.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct Plain(Arc<str>);

impl Plain {
    /// Drops control characters (but line breaks and tabs) and bidirectional controls.
    pub fn new(text: &str) -> Self {
        if text.chars().all(is_kept) {
            return Self(Arc::from(text.trim()));
        }
        let kept: String = text.chars().filter(|&c| is_kept(c)).collect();
        Self(Arc::from(kept.trim()))
    }

    /// The characters, for an escaper or a comparison. Nothing but `publish::escape`, `config`
    /// and tests may call this; a tidy test holds it.
    pub fn unescaped(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing to read.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::new(&String::deserialize(deserializer)?))
    }
}

/// C0/C1 controls but tab and line feed, bidirectional marks, embeddings, overrides and
/// isolates, the byte order mark and the interlinear annotation marks are dropped.
fn is_kept(c: char) -> bool {
    !matches!(c,
        '\u{0}'..='\u{8}' | '\u{b}'..='\u{1f}' | '\u{7f}'..='\u{9f}'
        | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}')
}

/// A language tag as it is written in paths: `de`, `en`, `de-x-leicht`.
pub type Language = Arc<str>;

/// A text in one or more languages.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Text(BTreeMap<Language, Plain>);

impl Text {
    /// A text in a single language.
    pub fn single(language: impl Into<Language>, text: &str) -> Self {
        Self(BTreeMap::from([(language.into(), Plain::new(text))]))
    }

    /// A text from several languages.
    pub fn from_languages(texts: impl IntoIterator<Item = (Language, Plain)>) -> Self {
        Self(texts.into_iter().collect())
    }

    /// The text in `language`, else in `fallback`, else in any language; empty if there is none.
    pub fn get(&self, language: &str, fallback: &str) -> Plain {
        self.0
            .get(language)
            .or_else(|| self.0.get(fallback))
            .or_else(|| self.0.values().next())
            .cloned()
            .unwrap_or_default()
    }

    /// Whether the text stands in exactly this language.
    pub fn has(&self, language: &str) -> bool {
        self.0.contains_key(language)
    }

    /// Every language and its text.
    pub fn iter(&self) -> impl Iterator<Item = (&Language, &Plain)> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_and_bidi_characters_are_dropped_and_markup_is_kept() {
        let hostile = "a\u{1b}[31m\u{202e}<b>&\u{0}\r\nb\u{feff}";
        assert_eq!(Plain::new(hostile).unescaped(), "a[31m<b>&\nb");
    }

    #[test]
    fn a_missing_language_falls_back() {
        let text = Text::single("de", "Störung");
        assert_eq!(text.get("en", "de").unescaped(), "Störung");
        assert_eq!(Text::default().get("en", "de").unescaped(), "");
    }
}
