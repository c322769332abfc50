//! Values as they are typed, in the form of the admin interface. What is wrong in a way that can
//! be seen from here is refused here; all else is the server's to judge.

use clap::builder::PossibleValuesParser;
use serde_json::{Map, Value, json};

use super::texts::is_language;
use crate::model::alternative::AlternativeKind;
use crate::model::status::{DeliveryState, Status};

/// Longest id: a part's has two sides of 64 characters and a dot; an update's an incident's and a
/// number.
const ID_LENGTH_MAX: usize = 129;

/// Longest value of a header field, in characters.
const HEADER_LENGTH_MAX: usize = 255;

/// What stands in place of a value that is to be taken back.
const NONE: &str = "none";

/// A parser that knows exactly the words of a closed list.
pub(super) fn words<T: Copy>(all: &'static [T], word: fn(T) -> &'static str) -> PossibleValuesParser {
    PossibleValuesParser::new(all.iter().map(|&value| word(value)))
}

/// An id, as far as it can be part of a path.
pub(super) fn id(text: &str) -> Result<String, String> {
    let is_id = |side: &str| {
        !side.is_empty() && side.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    if text.len() <= ID_LENGTH_MAX && text.split('.').all(is_id) {
        Ok(text.to_owned())
    } else {
        Err("an id consists of lower-case letters a-z, digits and hyphens".to_owned())
    }
}

/// The public id of an update: `{incident}-{number}`, or the number alone.
pub(super) fn update(incident: &str, text: &str) -> String {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { format!("{incident}-{text}") } else { text.to_owned() }
}

/// What may stand in a header field.
pub(super) fn visible(text: &str) -> Result<String, String> {
    if (1..=HEADER_LENGTH_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(text.to_owned())
    } else {
        Err(format!("write 1 to {HEADER_LENGTH_MAX} visible ASCII characters"))
    }
}

fn status(text: &str) -> Result<&'static str, String> {
    let known = Status::ALL.iter().map(|status| status.as_str());
    Status::parse(text)
        .map(Status::as_str)
        .ok_or_else(|| format!("`{text}` is no status; there are: {}", known.collect::<Vec<_>>().join(", ")))
}

/// `ID=STATUS`.
pub(super) fn given(text: &str) -> Result<Value, String> {
    let (component, word) = text.split_once('=').ok_or("write ID=STATUS")?;
    Ok(json!({ "id": id(component)?, "status": status(word)? }))
}

/// `ID=STATUS`, or `ID=none` to take one back.
pub(super) fn changed(text: &str) -> Result<Value, String> {
    match text.split_once('=') {
        Some((component, NONE)) => Ok(json!({ "id": id(component)?, "status": null })),
        _ => given(text),
    }
}

/// `ID`, or `ID=UNTIL`.
pub(super) fn covered(text: &str) -> Result<Value, String> {
    Ok(match text.split_once('=') {
        Some((component, until)) => json!({ "id": id(component)?, "until": until }),
        None => id(text)?.into(),
    })
}

/// `ID=TIME`.
pub(super) fn ended(text: &str) -> Result<Value, String> {
    let (component, at) = text.split_once('=').ok_or("write ID=TIME")?;
    Ok(json!({ "id": id(component)?, "ended_at": at }))
}

/// `URL`, or `URL=LABEL`. A query may have a `=` of its own, so after a `?` a space begins the label.
pub(super) fn reference(text: &str) -> Result<Value, String> {
    let mut in_query = false;
    let end = text.char_indices().find(|&(_, c)| {
        in_query |= c == '?';
        c.is_whitespace() || (c == '=' && !in_query)
    });
    let (url, label) = match end {
        Some((end, separator)) => {
            let (url, rest) = text.split_at_checked(end).unwrap_or((text, ""));
            (url, rest.strip_prefix(separator).unwrap_or(rest).trim())
        }
        None => (text, ""),
    };
    if url.is_empty() {
        return Err("write URL or URL=LABEL".to_owned());
    }
    Ok(if label.is_empty() { json!({ "url": url }) } else { json!({ "url": url, "label": label }) })
}

/// What an alternative may say.
const ALTERNATIVE_FIELDS: [&str; 10] =
    ["kind", "target", "label", "hours", "hours_text", "page", "serves", "valid_from", "valid_until", "verified_at"];

/// `kind=phone,target=tel:…,label=…`. Only a comma before another field divides, so that a label
/// may have commas; `target` and `serves` may be repeated, `label.en=…` is a text in English.
pub(super) fn alternative(text: &str) -> Result<Value, String> {
    let mut alternative = Map::new();
    for (name, value) in fields(text, is_alternative_field)? {
        let (field, language) = name.split_once('.').map_or((name, None), |(field, tag)| (field, Some(tag)));
        let earlier = alternative.remove(field);
        let value = match (field, language, earlier) {
            ("target" | "serves", _, Some(Value::Array(mut values))) => {
                values.push(value.into());
                Value::Array(values)
            }
            ("target" | "serves", _, _) => json!([value]),
            (_, Some(language), Some(Value::Object(mut texts))) if !texts.contains_key(language) => {
                texts.insert(language.to_owned(), value.into());
                Value::Object(texts)
            }
            (_, Some(language), None) => json!({ language: value }),
            (_, None, None) => value.into(),
            (_, _, Some(_)) => {
                return Err(format!("`{field}` is given twice; name the language of each: {field}.en=…"));
            }
        };
        alternative.insert(field.to_owned(), value);
    }
    match alternative.get("kind").and_then(Value::as_str) {
        Some(kind) if AlternativeKind::parse(kind).is_some() => {}
        _ => {
            let known: Vec<&str> = AlternativeKind::ALL.iter().map(|kind| kind.as_str()).collect();
            return Err(format!("say which kind=…; there are: {}", known.join(", ")));
        }
    }
    if !alternative.contains_key("label") {
        return Err("say what to call it: label=…".to_owned());
    }
    Ok(Value::Object(alternative))
}

fn is_alternative_field(name: &str) -> bool {
    match name.split_once('.') {
        Some((field, tag)) => ["label", "hours_text"].contains(&field) && is_language(tag),
        None => ALTERNATIVE_FIELDS.contains(&name),
    }
}

/// `STATE`, `STATE,until=TIME`, `STATE,since=TIME,until=TIME`.
pub(super) fn delivery(text: &str) -> Result<Value, String> {
    let (state, rest) = text.split_once(',').map_or((text, None), |(state, rest)| (state, Some(rest)));
    if DeliveryState::parse(state).is_none() {
        let known: Vec<&str> = DeliveryState::ALL.iter().map(|state| state.as_str()).collect();
        return Err(format!("`{state}` is no state of delivery; there are: {}", known.join(", ")));
    }
    let mut delivery = Map::from_iter([("state".to_owned(), state.into())]);
    if let Some(rest) = rest {
        for (name, value) in fields(rest, |name| ["since", "until"].contains(&name))? {
            if delivery.insert(name.to_owned(), value.into()).is_some() {
                return Err(format!("`{name}` is given twice"));
            }
        }
    }
    Ok(Value::Object(delivery))
}

/// What a recurrence says, all of it.
const RECURRING_FIELDS: [&str; 3] = ["rrule", "at", "for"];

/// `rrule=FREQ=MONTHLY;BYDAY=2TU,at=19:00,for=3h`. A rule may have commas.
pub(super) fn recurring(text: &str) -> Result<Value, String> {
    let mut recurring = Map::new();
    for (name, value) in fields(text, |name| RECURRING_FIELDS.contains(&name))? {
        if recurring.insert(name.to_owned(), value.into()).is_some() {
            return Err(format!("`{name}` is given twice"));
        }
    }
    match RECURRING_FIELDS.iter().find(|field| !recurring.contains_key(**field)) {
        Some(missing) => Err(format!("`{missing}` is missing; write rrule=…,at=19:00,for=3h")),
        None => Ok(Value::Object(recurring)),
    }
}

/// `name=value,name=value`, where only a comma before a known name and `=` divides.
fn fields(text: &str, is_known: impl Fn(&str) -> bool) -> Result<Vec<(&str, &str)>, String> {
    let mut found: Vec<(&str, &str)> = Vec::new();
    let mut rest = text;
    loop {
        let (name, value) = rest.split_once('=').unwrap_or((rest, ""));
        if !is_known(name.trim()) || name == rest {
            return Err(format!("`{}` is no field that is known here; write field=value,field=value", name.trim()));
        }
        let next = value.match_indices(',').find_map(|(comma, _)| {
            let (value, after) = value.split_at_checked(comma)?;
            let after = after.strip_prefix(',')?;
            let (name, _) = after.split_once('=')?;
            is_known(name.trim()).then_some((value, after))
        });
        match next {
            Some((value, after)) => {
                found.push((name.trim(), value.trim()));
                rest = after;
            }
            None => {
                found.push((name.trim(), value.trim()));
                return Ok(found);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_no_path() {
        for good in ["i5n9s5vw62sd2", "portal", "portal.login", "i5n9s5vw62sd2-3"] {
            assert_eq!(id(good).as_deref(), Ok(good));
        }
        for bad in ["", ".", "..", "a/b", "a%2fb", "a.", "A", "ä", "a b", &"a".repeat(130)] {
            id(bad).unwrap_err();
        }
        assert_eq!((&*update("i5", "3"), &*update("i5", "i5-3")), ("i5-3", "i5-3"));
    }

    #[test]
    fn a_reference_may_have_a_query_and_a_label() {
        let check = |text: &str, expected: Value| assert_eq!(reference(text), Ok(expected), "{text}");
        check("https://a.example/x", json!({ "url": "https://a.example/x" }));
        check("https://a.example/x=Mehr = mehr", json!({ "url": "https://a.example/x", "label": "Mehr = mehr" }));
        check("https://a.example/?id=5&b=6", json!({ "url": "https://a.example/?id=5&b=6" }));
        check("https://a.example/?id=5 Mehr dazu", json!({ "url": "https://a.example/?id=5", "label": "Mehr dazu" }));
        reference("=Mehr").unwrap_err();
    }

    #[test]
    fn an_alternative_is_read_field_by_field() {
        assert_eq!(
            alternative(
                "kind=phone,target=tel:+4923240,target=tel:115,label=Bürgerbüro, Zimmer 3,label.x=y,hours=Mo-Fr 08:00-12:00"
            ),
            Ok(json!({
                "kind": "phone",
                "target": ["tel:+4923240", "tel:115"],
                "label": "Bürgerbüro, Zimmer 3,label.x=y",
                "hours": "Mo-Fr 08:00-12:00",
            }))
        );
        assert_eq!(
            alternative("kind=counter,label.de=Rathaus,label.en=Town hall,serves=053,serves=!hattingen"),
            Ok(json!({
                "kind": "counter",
                "label": { "de": "Rathaus", "en": "Town hall" },
                "serves": ["053", "!hattingen"],
            }))
        );
        for (wrong, why) in [
            ("label=x", "kind=…"),
            ("kind=fax,label=x", "pdf_form"),
            ("kind=phone", "label=…"),
            ("phone", "no field"),
            ("kind=phone,label=a,label=b", "twice"),
            ("kind=phone,label.en=a,label.en=b", "twice"),
            ("kind=phone,kind=mail,label=a", "twice"),
        ] {
            let fault = alternative(wrong).unwrap_err();
            assert!(fault.contains(why), "{wrong}: {fault}");
        }
    }

    #[test]
    fn a_recurrence_has_a_rule_with_commas_a_time_and_a_length() {
        assert_eq!(
            recurring("rrule=FREQ=WEEKLY;BYDAY=MO,WE,at=19:00,for=3h"),
            Ok(json!({ "rrule": "FREQ=WEEKLY;BYDAY=MO,WE", "at": "19:00", "for": "3h" }))
        );
        for (wrong, why) in [
            ("rrule=FREQ=DAILY,at=19:00", "`for` is missing"),
            ("FREQ=DAILY", "no field"),
            ("rrule=FREQ=DAILY,at=19:00,at=20:00,for=3h", "twice"),
        ] {
            let fault = recurring(wrong).unwrap_err();
            assert!(fault.contains(why), "{wrong}: {fault}");
        }
    }

    #[test]
    fn delivery_and_states_have_closed_words() {
        assert_eq!(delivery("queued"), Ok(json!({ "state": "queued" })));
        assert_eq!(
            delivery("lost,since=2023-11-20T08:00,until=2023-12-08"),
            Ok(json!({ "state": "lost", "since": "2023-11-20T08:00", "until": "2023-12-08" }))
        );
        for wrong in ["slow", "lost,till=x", "lost,until=a,until=b", ""] {
            delivery(wrong).unwrap_err();
        }
        assert_eq!(given("a=operational"), Ok(json!({ "id": "a", "status": "operational" })));
        assert_eq!(changed("a=none"), Ok(json!({ "id": "a", "status": null })));
        for wrong in ["a", "a=down", "a=none", "=operational"] {
            given(wrong).unwrap_err();
        }
    }
}
