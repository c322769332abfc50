//! Typed getters over a parsed TOML table: each notes a fault with its place and goes on.
//!
//! A hand-written walk instead of serde, because serde stops at the first fault and knows no
//! second place. What the keys mean is not decided here.

use std::cell::RefCell;
use std::ops::RangeInclusive;
use std::time::Duration;

use toml::de::{DeTable, DeValue};

use super::diagnostic::{At, Fault, Faults, Spot, did_you_mean, joined, listed, quote};
use crate::model::text::{Language, Plain, TEXT_LENGTH_MAX, Text};
use crate::model::time::parse_duration;

/// A table being read: it knows which keys were asked for, so that [`Table::finish`] can name
/// those that nobody did.
pub(super) struct Table<'t> {
    entries: &'t DeTable<'t>,
    pub(super) spot: Spot,
    pub(super) faults: &'t Faults,
    known: RefCell<Vec<&'static str>>,
}

/// A value being read.
#[derive(Clone, Copy)]
pub(super) struct Value<'t> {
    pub(super) value: &'t DeValue<'t>,
    pub(super) spot: Spot,
    pub(super) key: Spot,
    pub(super) faults: &'t Faults,
}

impl<'t> Table<'t> {
    pub(super) const fn new(entries: &'t DeTable<'t>, spot: Spot, faults: &'t Faults) -> Self {
        Self { entries, spot, faults, known: RefCell::new(Vec::new()) }
    }

    /// The value of a key; from now on the key is known.
    pub(super) fn get(&self, key: &'static str) -> Option<Value<'t>> {
        let mut known = self.known.borrow_mut();
        if !known.contains(&key) {
            known.push(key);
        }
        drop(known);
        let (key, value) = self.entries.get_key_value(key)?;
        let spot = |span| Spot::new(self.spot.file, span);
        Some(Value { value: value.get_ref(), spot: spot(value.span()), key: spot(key.span()), faults: self.faults })
    }

    /// Every key and value in the order of the file; all of them count as known.
    pub(super) fn entries(&self) -> Vec<(At<&'t str>, Value<'t>)> {
        let spot = |span| Spot::new(self.spot.file, span);
        let mut entries: Vec<_> = self
            .entries
            .iter()
            .map(|(key, value)| {
                let place = spot(key.span());
                let value = Value { value: value.get_ref(), spot: spot(value.span()), key: place, faults: self.faults };
                (At::new(key.get_ref().as_ref(), place), value)
            })
            .collect();
        entries.sort_by_key(|(key, _)| key.spot);
        entries
    }

    /// Like [`Table::get`]; a missing key is a fault.
    pub(super) fn need(&self, key: &'static str, example: &str) -> Option<Value<'t>> {
        let value = self.get(key);
        if value.is_none() {
            let fault = Fault::error(format!("the key `{key}` is missing")).at(self.spot, "in this table");
            self.faults.push(fault.help(format!("add `{key} = {example}`")));
        }
        value
    }

    pub(super) fn string(&self, key: &'static str) -> Option<At<&'t str>> {
        self.get(key)?.string()
    }

    pub(super) fn boolean(&self, key: &'static str) -> Option<At<bool>> {
        self.get(key)?.boolean()
    }

    pub(super) fn duration(&self, key: &'static str, within: RangeInclusive<Duration>) -> Option<At<Duration>> {
        self.get(key)?.duration(within)
    }

    pub(super) fn integer(&self, key: &'static str, within: RangeInclusive<u32>) -> Option<At<u32>> {
        self.get(key)?.integer(within)
    }

    /// A list of strings; a single string counts as a list of one.
    pub(super) fn strings(&self, key: &'static str) -> Vec<At<&'t str>> {
        self.get(key).map(Value::strings).unwrap_or_default()
    }

    pub(super) fn text(&self, key: &'static str, languages: &[Language]) -> Option<Text> {
        self.get(key)?.text(languages)
    }

    pub(super) fn table(&self, key: &'static str) -> Option<Self> {
        self.get(key)?.table()
    }

    /// `[[key]]`: an array of tables.
    pub(super) fn tables(&self, key: &'static str) -> Vec<Self> {
        self.get(key).map(Value::tables).unwrap_or_default()
    }

    /// One word of a closed list.
    pub(super) fn word<T: Copy>(&self, key: &'static str, words: &[(&'static str, T)]) -> Option<At<T>> {
        self.get(key)?.word(words)
    }

    /// A key of the public interface that this version cannot serve: a fault if it is there.
    pub(super) fn not_available(&self, key: &'static str, of: &str) {
        if let Some(value) = self.get(key) {
            let fault = Fault::error(format!("`{key}` of {of} is not available in this version"));
            self.faults.push(fault.at(value.key, "not available").help("remove it; nothing would act on it"));
        }
    }

    /// Names every key that was not asked for.
    pub(super) fn finish(self) {
        self.finish_but(&[]);
    }

    /// Names every key that was not asked for and does not belong to somebody else.
    pub(super) fn finish_but(self, ignored: &[&str]) {
        let known = self.known.take();
        for (key, value) in self.entries() {
            if known.contains(&key.value) || ignored.contains(&key.value) {
                continue;
            }
            if CREDENTIAL_WORDS.iter().any(|word| key.value.to_ascii_lowercase().contains(word)) {
                self.faults.blot(value.spot);
            }
            let help = did_you_mean(key.value, known.iter().copied());
            let help = help.unwrap_or_else(|| format!("known here: {}", joined(known.iter().copied())));
            let fault = Fault::error(format!("unknown key {}", quote(key.value)));
            self.faults.push(fault.at(key.spot, "unknown").help(help));
        }
    }

    /// Like [`Table::finish`]; no report shows the value of an unknown key, for it may be what
    /// somebody took for the place of a secret.
    pub(super) fn finish_secret(self) {
        let known = self.known.borrow().clone();
        for (key, value) in self.entries() {
            if !known.contains(&key.value) {
                self.faults.blot(value.spot);
            }
        }
        self.finish();
    }
}

/// Unknown keys with these in their names may hold credentials.
const CREDENTIAL_WORDS: [&str; 5] = ["secret", "passw", "token", "auth", "key"];

impl<'t> Value<'t> {
    /// Notes that this is not what was wanted.
    fn wrong<T>(self, wanted: &str) -> Option<T> {
        let found = match self.value {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a number",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date or time",
            DeValue::Array(_) => "an array",
            DeValue::Table(_) => "a table",
        };
        self.faults
            .push(Fault::error(format!("expected {wanted}, found {found}")).at(self.spot, format!("not {wanted}")));
        None
    }

    /// Notes a fault at this value.
    pub(super) fn fault(self, title: impl Into<String>, label: impl Into<String>, help: impl Into<String>) {
        self.faults.push(Fault::error(title).at(self.spot, label).help(help));
    }

    pub(super) fn string(self) -> Option<At<&'t str>> {
        match self.value {
            DeValue::String(text) if text.contains('\0') => {
                self.fault("a text with a NUL character", "here", "remove the character");
                None
            }
            DeValue::String(text) => Some(At::new(text, self.spot)),
            _ => self.wrong("a string"),
        }
    }

    /// The string, if it is one, without a fault.
    pub(super) fn string_if(self) -> Option<&'t str> {
        match self.value {
            DeValue::String(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn boolean(self) -> Option<At<bool>> {
        match self.value {
            DeValue::Boolean(value) => Some(At::new(*value, self.spot)),
            _ => self.wrong("`true` or `false`"),
        }
    }

    pub(super) fn integer(self, within: RangeInclusive<u32>) -> Option<At<u32>> {
        let DeValue::Integer(integer) = self.value else { return self.wrong("an integer") };
        let value = u32::from_str_radix(integer.as_str(), integer.radix()).ok().filter(|value| within.contains(value));
        if value.is_none() {
            let bounds = format!("from {} to {}", within.start(), within.end());
            self.fault("a number out of range", "out of range", format!("write a number {bounds}"));
        }
        Some(At::new(value?, self.spot))
    }

    /// An integer or a decimal number.
    pub(super) fn number(self) -> Option<At<f64>> {
        let value = match self.value {
            DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str().parse().ok(),
            DeValue::Float(float) => float.as_str().parse().ok(),
            _ => None,
        };
        match value.filter(|value: &f64| value.is_finite()) {
            Some(value) => Some(At::new(value, self.spot)),
            None => self.wrong("a number"),
        }
    }

    pub(super) fn duration(self, within: RangeInclusive<Duration>) -> Option<At<Duration>> {
        let text = self.string()?;
        let Some(duration) = parse_duration(text.value) else {
            let title = format!("{} is no duration", quote(text.value));
            self.fault(
                title,
                "not a duration",
                "write one number and one unit: `\"500ms\"`, `\"60s\"`, `\"10m\"`, `\"2h\"` or `\"14d\"`",
            );
            return None;
        };
        if !within.contains(&duration) {
            let bound = |duration: &Duration| crate::model::time::format_duration(*duration);
            let help = format!("write a duration from \"{}\" to \"{}\"", bound(within.start()), bound(within.end()));
            self.fault("a duration out of range", "out of range", help);
            return None;
        }
        Some(At::new(duration, self.spot))
    }

    /// The elements of an array; anything else counts as an array of one.
    pub(super) fn elements(self) -> Vec<Self> {
        match self.value {
            DeValue::Array(array) => array
                .iter()
                .map(|value| Self { value: value.get_ref(), spot: Spot::new(self.spot.file, value.span()), ..self })
                .collect(),
            _ => vec![self],
        }
    }

    pub(super) fn strings(self) -> Vec<At<&'t str>> {
        match self.value {
            DeValue::String(_) | DeValue::Array(_) => self.elements().into_iter().filter_map(Self::string).collect(),
            _ => self.wrong::<()>("a string or a list of strings").map(|()| Vec::new()).unwrap_or_default(),
        }
    }

    pub(super) fn is_table(self) -> bool {
        matches!(self.value, DeValue::Table(_))
    }

    pub(super) fn table(self) -> Option<Table<'t>> {
        match self.value {
            DeValue::Table(entries) => Some(Table::new(entries, self.spot, self.faults)),
            _ => self.wrong("a table"),
        }
    }

    pub(super) fn tables(self) -> Vec<Table<'t>> {
        if self.is_table() {
            let title = "expected a list of tables, found a single table";
            self.fault(title, "a single table", "write the table's name in double brackets: `[[…]]`");
            return Vec::new();
        }
        match self.value {
            DeValue::Array(_) => self.elements().into_iter().filter_map(Self::table).collect(),
            _ => self.wrong::<()>("a list of tables").map(|()| Vec::new()).unwrap_or_default(),
        }
    }

    pub(super) fn word<T: Copy>(self, words: &[(&'static str, T)]) -> Option<At<T>> {
        let word = self.string()?;
        if let Some((_, value)) = words.iter().find(|(known, _)| *known == word.value) {
            return Some(At::new(*value, self.spot));
        }
        let all = || words.iter().map(|(known, _)| *known);
        let help = format!("one of {}", listed(all()));
        let fault = Fault::error(format!("{} is none of the words for this key", quote(word.value)));
        self.faults.push(fault.at(self.spot, "unknown word").help_if(did_you_mean(word.value, all())).help(help));
        None
    }

    /// A text: a string in the default language, or a table of languages.
    pub(super) fn text(self, languages: &[Language]) -> Option<Text> {
        let default = languages.first().map_or("de", |language| language);
        match self.value {
            DeValue::String(_) => Some(Text::from_languages([(default.into(), self.plain()?)])),
            DeValue::Table(_) => {
                let mut texts = Vec::new();
                for (key, value) in self.table()?.entries() {
                    let base = key.value.split_once("-x-").map_or(key.value, |(base, _)| base);
                    if !languages.iter().any(|language| **language == *key.value || **language == *base) {
                        let title = format!("the language {} is not configured", quote(key.value));
                        let help = format!("`languages` in config.toml: {}", joined(languages.iter().map(|l| &**l)));
                        self.faults.push(Fault::error(title).at(key.spot, "not configured").help(help));
                    } else if let Some(text) = value.plain() {
                        texts.push((key.value.into(), text));
                    }
                }
                if texts.is_empty() {
                    self.fault(
                        "a text in no language",
                        "empty",
                        format!("write `{{ {default} = \"…\" }}` or a string"),
                    );
                    return None;
                }
                Some(Text::from_languages(texts))
            }
            _ => self.wrong("a text: a string or a table by language"),
        }
    }

    fn plain(self) -> Option<Plain> {
        let text = self.string()?;
        if text.value.chars().count() > TEXT_LENGTH_MAX {
            self.fault("a text too long", "too long", format!("at most {TEXT_LENGTH_MAX} characters"));
            return None;
        }
        let plain = Plain::new(text.value);
        if plain.is_empty() {
            self.fault("an empty text", "nothing to read", "write a text or leave the key out");
            return None;
        }
        Some(plain)
    }
}

/// `(word, value)` of a closed list of the model, for [`Table::word`].
macro_rules! words_of {
    ($type:ty) => {
        &<$type>::ALL.iter().map(|value| (value.as_str(), *value)).collect::<Vec<_>>()
    };
}
pub(super) use words_of;
