//! Alternatives in a form: a row for each, with what the form does not show of it kept beside.

use maud::{Markup, html};
use serde_json::{Map, Value};

use crate::desk::Visit;
use crate::desk::form::Form;
use crate::desk::incident::fields::{closed, languages};
use crate::desk::page::{Fault, Field, Kind};
use crate::desk::words;
use crate::model::alternative::AlternativeKind;
use crate::model::text::Plain;
use crate::publish::wording::Words;

/// Most rows.
const ROWS_MAX: usize = 50;

/// Longest rest of an alternative that is kept beside its row, in bytes.
const REST_BYTES_MAX: usize = 16 * 1024;

/// What was read of the rows: the list for a request, and which field each pointer stands for.
#[derive(Debug, Default)]
pub(super) struct Ways {
    /// The alternatives.
    pub(super) all: Vec<Value>,
    /// Pointer and field.
    pub(super) pointers: Vec<(String, String)>,
    /// Rows that are not whole.
    pub(super) faults: Vec<Fault>,
}

/// The rows: those of `now` (in the shape of a request) or those sent, and an empty one.
pub(super) fn show(visit: &Visit, sent: Option<&Form>, faults: &[Fault], now: &[Value]) -> Markup {
    let more = sent.is_some_and(|form| form.text("do") == "row");
    let rows = match sent {
        Some(form) => count(form).saturating_add(usize::from(more)),
        None => now.len().saturating_add(1),
    };
    let kinds: Vec<(&str, &str)> =
        AlternativeKind::ALL.iter().map(|kind| (kind.as_str(), Words::German.alternative(*kind))).collect();
    let kinds = closed("bitte wählen", &kinds);
    html! {
        fieldset id="ways" tabindex="-1" {
            legend { "So geht es trotzdem" }
            p.hint { "Telefon, Formular, Schalter: wie die Leute ihr Anliegen jetzt loswerden. Nur Nummern, die jemand angerufen hat." }
            input type="hidden" name="ways" value=(rows.min(ROWS_MAX));
            @for row in 0..rows.min(ROWS_MAX) {
                (show_row(visit, sent, faults, row, now.get(row).unwrap_or(&Value::Null), &kinds))
            }
            @if rows < ROWS_MAX {
                p { button.quiet name="do" value="row" formnovalidate formaction="#ways" { "Noch eine Möglichkeit" } }
            }
        }
    }
}

fn show_row(
    visit: &Visit,
    sent: Option<&Form>,
    faults: &[Fault],
    row: usize,
    now: &Value,
    kinds: &[(&str, &str)],
) -> Markup {
    let name = |field: &str| format!("way-{row}-{field}");
    let target = words::list(now, "/target").iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ");
    let field = |name: &str, label: &str, hint: &str, kind: Kind<'_>, now: &str| {
        Field { name, label, hint, kind, required: false, now }.show(sent, faults)
    };
    let rest = match sent {
        Some(form) => form.text(&name("rest")),
        None => rest(now),
    };
    let number = row.saturating_add(1);
    html! {
        fieldset.way {
            legend { "Möglichkeit " (number) }
            (field(&name("kind"), "Art", "", Kind::OneOf(kinds), words::text(now, "/kind")))
            (field(
                &name("target"), "Nummer oder Adresse",
                "Telefonnummer mit Vorwahl, E-Mail-Adresse oder https://…; mehrere mit Leerzeichen dazwischen, Nummern dann als tel:+49…",
                Kind::Line, &target,
            ))
            @for (index, language) in languages(visit).into_iter().enumerate() {
                @let label = if index == 0 { "Wer oder was ist das?".to_owned() } else { format!("Dasselbe: {}", words::language(language)) };
                @let known = now.get("label").and_then(|label| label.get(language)).and_then(Value::as_str).unwrap_or_default();
                (field(&name(&format!("label-{language}")), &label, if index == 0 { "Zum Beispiel „Bürgerbüro“." } else { "" }, Kind::Line, known))
            }
            @if !rest.is_empty() { input type="hidden" name=(name("rest")) value=(Plain::new(&rest)); }
        }
    }
}

/// What a row does not show.
fn rest(way: &Value) -> String {
    let Value::Object(fields) = way else { return String::new() };
    let rest: Map<String, Value> = fields
        .iter()
        .filter(|(name, _)| !["kind", "target"].contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    Value::Object(rest).to_string()
}

fn count(form: &Form) -> usize {
    form.text("ways").parse::<usize>().unwrap_or_default().min(ROWS_MAX)
}

/// Reads the rows. A row without a number, address and name is none.
pub(super) fn read(visit: &Visit, form: &Form) -> Ways {
    let mut ways = Ways::default();
    for row in 0..count(form) {
        let name = |field: &str| format!("way-{row}-{field}");
        let typed = form.text(&name("target"));
        let mut labels = Map::new();
        let kept = form.text(&name("rest"));
        let kept: Value = Some(kept)
            .filter(|kept| kept.len() <= REST_BYTES_MAX)
            .and_then(|kept| serde_json::from_str(&kept).ok())
            .unwrap_or_default();
        let mut way = kept.as_object().cloned().unwrap_or_default();
        // Languages that the site does not have any more stay.
        if let Some(Value::Object(before)) = way.remove("label") {
            labels.extend(before.into_iter().filter(|(language, _)| !languages(visit).contains(&language.as_str())));
        }
        let all = languages(visit);
        labels.extend(all.iter().filter_map(|language| {
            Some(((*language).to_owned(), form.filled(&name(&format!("label-{language}")))?.into()))
        }));
        let kind = form.filled(&name("kind")).or_else(|| guessed(&typed));
        let first = all.first().copied().unwrap_or("de");
        let has_label = labels.contains_key(first);
        let (Some(kind), true) = (kind, has_label || !typed.is_empty()) else {
            if has_label {
                let sentence = "Wählen Sie aus, was das ist: Telefon, E-Mail, vor Ort …".to_owned();
                ways.faults.push(Fault { field: Some(name("kind")), sentence });
            }
            continue;
        };
        if !has_label {
            let sentence = "Schreiben Sie dazu, wer oder was das ist, zum Beispiel „Bürgerbüro“.".to_owned();
            ways.faults.push(Fault { field: Some(name(&format!("label-{first}"))), sentence });
        }
        let target: Vec<Value> = targets(&kind, &typed).into_iter().map(Value::from).collect();
        let index = ways.all.len();
        for (pointer, field) in [("target", "target"), ("kind", "kind"), ("label", &*format!("label-{first}"))] {
            ways.pointers.push((format!("/alternatives/{index}/{pointer}"), name(field)));
        }
        way.insert("kind".to_owned(), kind.into());
        way.insert("label".to_owned(), Value::Object(labels));
        if !target.is_empty() {
            way.insert("target".to_owned(), Value::Array(target));
        }
        ways.all.push(Value::Object(way));
    }
    ways.pointers.push(("/alternatives".to_owned(), "ways".to_owned()));
    ways
}

/// What kind of way an address or number is, where nobody chose.
fn guessed(typed: &str) -> Option<String> {
    let kind = if typed.is_empty() {
        return None;
    } else if typed.contains('@') {
        AlternativeKind::Mail
    } else if typed.starts_with("http") || typed.contains("www.") {
        AlternativeKind::OtherPage
    } else {
        AlternativeKind::Phone
    };
    Some(kind.as_str().to_owned())
}

/// Links from what people type: a telephone number as it stands on a door, an address without its
/// scheme. Several links stand apart; a single number may have spaces in it.
fn targets(kind: &str, typed: &str) -> Vec<String> {
    let is_link = |word: &str| ["tel:", "mailto:", "https:", "http:"].iter().any(|scheme| word.starts_with(scheme));
    let words: Vec<&str> = typed.split([' ', ',', ';', '\n']).filter(|word| !word.is_empty()).collect();
    if words.is_empty() || words.iter().all(|word| is_link(word)) {
        return words.into_iter().map(str::to_owned).collect();
    }
    if kind == AlternativeKind::Phone.as_str() && !typed.contains('@') {
        return vec![telephone(typed)];
    }
    words
        .into_iter()
        .map(|word| match word {
            word if is_link(word) => word.to_owned(),
            word if word.contains('@') => format!("mailto:{word}"),
            word => format!("https://{word}"),
        })
        .collect()
}

/// `tel:+4923242040` of `02324 204-0` or `+49 (2324) 204 0`. What is no number is left for the
/// interface to refuse.
fn telephone(typed: &str) -> String {
    let number = typed.strip_prefix("tel:").unwrap_or(typed);
    let kept: String =
        number.replace("(0)", "").chars().filter(|c| !matches!(c, ' ' | '-' | '/' | '(' | ')' | '.' | '–')).collect();
    match (kept.strip_prefix("00"), kept.strip_prefix('0')) {
        (Some(abroad), _) => format!("tel:+{abroad}"),
        (None, Some(inland)) => format!("tel:+49{inland}"),
        (None, None) => format!("tel:{kept}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_addresses_become_links_as_people_write_them() {
        for (kind, typed, expected) in [
            ("phone", "02324 204-0", &["tel:+4923242040"][..]),
            ("phone", "+49 (2324) 204 0", &["tel:+4923242040"]),
            ("phone", "+49 (0) 2324 / 2040", &["tel:+4923242040"]),
            ("phone", "0043 1 234", &["tel:+431234"]),
            ("phone", "115", &["tel:115"]),
            ("phone", "tel:+491 tel:+492", &["tel:+491", "tel:+492"]),
            ("mail", "amt@stadt.example", &["mailto:amt@stadt.example"]),
            ("other_page", "www.stadt.example/x", &["https://www.stadt.example/x"]),
            ("other_page", "http://stadt.example", &["http://stadt.example"]),
            ("counter", "", &[]),
            ("phone", "im Rathaus fragen", &["tel:imRathausfragen"]),
        ] {
            assert_eq!(targets(kind, typed), expected, "{typed}");
        }
        for (typed, expected) in
            [("", None), ("a@b", Some("mail")), ("www.x.example", Some("other_page")), ("0123", Some("phone"))]
        {
            assert_eq!(guessed(typed).as_deref(), expected);
        }
    }
}
