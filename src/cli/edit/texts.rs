//! Texts as they are typed: in one language or several, out of a file or stdin; and the body of a
//! request that they go into.

use std::fs::File;
use std::io::Read;

use serde_json::{Map, Value};

use crate::model::text::TEXT_LENGTH_MAX;

/// Longest text in a file or on stdin, in bytes: no character has more than four.
const TEXT_BYTES_MAX: usize = 4 * TEXT_LENGTH_MAX;

/// Reads texts.
#[derive(Debug)]
pub(in crate::cli) struct Texts {
    /// The site's first language.
    language: String,
    is_stdin_read: bool,
}

impl Texts {
    pub(super) fn new(language: &str) -> Self {
        Self { language: language.to_owned(), is_stdin_read: false }
    }

    /// A text from what was typed for an option, each value `TEXT` or `LANGUAGE=TEXT`. A string is
    /// in the site's first language, whichever that is.
    fn read(&mut self, option: &str, values: &[String]) -> Result<Option<Value>, String> {
        let mut texts = Map::new();
        for value in values {
            let (language, text) = match value.split_once('=').filter(|(tag, _)| is_language(tag)) {
                Some((language, text)) => (language, text),
                None if values.len() == 1 => return Ok(Some(self.content(option, value)?.into())),
                None => (&*self.language.clone(), value.as_str()),
            };
            let text = self.content(option, text)?;
            if texts.insert(language.to_owned(), text.into()).is_some() {
                return Err(format!("--{option} is given twice in `{language}`"));
            }
        }
        Ok((!texts.is_empty()).then_some(Value::Object(texts)))
    }

    /// The text itself, or what `@FILE` or `-` leads to.
    fn content(&mut self, option: &str, text: &str) -> Result<String, String> {
        let (read, origin) = if text == "-" {
            if std::mem::replace(&mut self.is_stdin_read, true) {
                return Err(format!("--{option}: stdin can be one text only"));
            }
            (bounded(std::io::stdin().lock()), "stdin")
        } else if let Some(file) = text.strip_prefix('@') {
            (File::open(file).and_then(bounded), file)
        } else {
            return Ok(text.to_owned());
        };
        let bytes = read.map_err(|error| format!("--{option}: cannot read {origin}: {error}"))?;
        if bytes.len() > TEXT_BYTES_MAX {
            return Err(format!("--{option}: {origin} holds more than {TEXT_LENGTH_MAX} characters"));
        }
        let text = String::from_utf8(bytes).map_err(|_| format!("--{option}: {origin} is not UTF-8"))?;
        Ok(text.trim_end().to_owned())
    }
}

fn bounded(from: impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(TEXT_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whether this is written like `de`, `en` or `de-x-leicht`.
pub(super) fn is_language(tag: &str) -> bool {
    let mut parts = tag.split('-');
    let is_part = |part: &str| {
        (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    parts.next().is_some_and(|first| first.len() == 2 && first.bytes().all(|byte| byte.is_ascii_lowercase()))
        && parts.all(is_part)
}

/// The body of a request while it is written. What was not given is not in it.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    texts: &'a mut Texts,
    fields: Map<String, Value>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(texts: &'a mut Texts) -> Self {
        Self { texts, fields: Map::new() }
    }

    pub(super) fn set(&mut self, name: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.fields.insert(name.to_owned(), value.into());
        }
    }

    pub(super) fn list<T: Clone + Into<Value>>(&mut self, name: &str, values: &[T]) {
        self.set(name, (!values.is_empty()).then(|| values.to_vec()));
    }

    /// A text; `name` is the field's, with hyphens the option's.
    pub(super) fn text(&mut self, name: &str, values: &[String]) -> Result<(), String> {
        let text = self.texts.read(&name.replace('_', "-"), values)?;
        self.set(name, text);
        Ok(())
    }

    /// Fields of an object inside.
    pub(super) fn object(
        &mut self,
        name: &str,
        write: impl FnOnce(&mut Fields<'_>) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut inner = Fields::new(self.texts);
        write(&mut inner)?;
        let fields = inner.fields;
        self.set(name, (!fields.is_empty()).then_some(fields));
        Ok(())
    }

    /// Takes back what a field said.
    pub(super) fn clear(&mut self, option: &str, empty: Value) -> Result<(), String> {
        match self.fields.insert(option.replace('-', "_"), empty) {
            None => Ok(()),
            Some(_) => Err(format!("`{option}` is both given and cleared")),
        }
    }

    /// The body of a change that must change something.
    pub(super) fn some(self) -> Result<Value, String> {
        if self.fields.is_empty() {
            return Err("nothing is to be changed; say what (`--help` lists it)".to_owned());
        }
        Ok(self.all())
    }

    /// The body.
    pub(super) fn all(self) -> Value {
        Value::Object(self.fields)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(values: &[&str]) -> Result<Option<Value>, String> {
        let values: Vec<String> = values.iter().map(|&value| value.to_owned()).collect();
        Texts::new("de").read("text", &values)
    }

    #[test]
    fn a_text_is_a_string_or_one_per_language() {
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&["Störung"]), Ok(Some(json!("Störung"))));
        assert_eq!(read(&["en=Outage"]), Ok(Some(json!({ "en": "Outage" }))));
        assert_eq!(
            read(&["Störung: a=b", "en=Outage", "de-x-leicht=Es geht nicht."]),
            Ok(Some(json!({ "de": "Störung: a=b", "en": "Outage", "de-x-leicht": "Es geht nicht." })))
        );
        assert_eq!(read(&["url=https://example.org"]), Ok(Some(json!("url=https://example.org"))));
        for twice in [["a", "b"], ["a", "de=b"], ["en=a", "en=b"]] {
            assert!(read(&twice).unwrap_err().contains("twice"), "{twice:?}");
        }
    }
}
