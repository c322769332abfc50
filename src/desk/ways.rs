//! Other ways in a form: a row for each, with what the form does not show of it kept beside, and links
//! made of the numbers and addresses that people type.

use maud::{Markup, html};
use serde_json::{Map, Value};

use crate::desk::field::{Texts, choices, show_texts};
use crate::desk::form::Form;
use crate::desk::page::{Fault, Field, Kind};
use crate::desk::words;
use crate::desk::{PREFIX, Visit};
use crate::model::alternative::AlternativeKind;
use crate::model::text::Plain;
use crate::publish::wording::Words;

/// Most rows.
const ROWS_MAX: usize = 50;

/// Longest way that is kept beside its row, in bytes.
const BEFORE_BYTES_MAX: usize = 16 * 1024;

/// Most digits of a telephone number, with its country (ITU-T E.164).
const DIGITS_MAX: usize = 15;

/// What is true of a way as long as it leads where it led, and is not shown.
const OF_TARGET: [&str; 5] = ["page", "component", "valid_from", "valid_until", "verified_at"];

/// What was read of the rows: the list for a request, and which field each pointer stands for.
#[derive(Debug, Default)]
pub struct Ways {
    /// The alternatives.
    pub all: Vec<Value>,
    /// Pointer and field.
    pub pointers: Vec<(String, String)>,
    /// Rows that are not whole.
    pub faults: Vec<Fault>,
}

/// Whether a form shows its rows at once: there are some, or something about them is wrong.
pub fn is_open(sent: Option<&Form>, faults: &[Fault], now: &[Value]) -> bool {
    let is_written =
        |(name, value): (&str, &str)| name.starts_with("way-") && !name.ends_with("-kind") && !value.trim().is_empty();
    !now.is_empty()
        || sent.is_some_and(|form| asks_for_more(form) || form.fields().any(is_written))
        || faults.iter().any(|fault| fault.field.as_deref().is_some_and(|field| field.starts_with("way")))
}

/// Whether the button for another row was pressed.
pub fn asks_for_more(form: &Form) -> bool {
    form.text("do") == "row"
}

/// The rows of a form that is sent to `path`, below [`PREFIX`]: those of `now` (in the shape of a
/// request) or those sent, and an empty one if there is none.
pub fn show(visit: &Visit, sent: Option<&Form>, faults: &[Fault], now: &[Value], path: &str) -> Markup {
    let rows = match sent {
        Some(form) => count(form).saturating_add(usize::from(asks_for_more(form))),
        None => now.len().max(1),
    };
    let rows = rows.min(ROWS_MAX);
    let kinds = choices(
        "bitte wählen",
        AlternativeKind::ALL.iter().map(|kind| (kind.as_str(), Words::German.alternative(*kind))),
    );
    html! {
        fieldset id="ways" tabindex="-1" {
            legend { "So geht es trotzdem" }
            p.hint { "Telefon, Formular, Schalter: wie die Leute ihr Anliegen jetzt loswerden. Nur Nummern, die jemand angerufen hat." }
            input type="hidden" name="ways" value=(rows);
            @for index in 0..rows {
                (show_row(visit, sent, faults, index, now.get(index).unwrap_or(&Value::Null), &kinds))
            }
            @if rows < ROWS_MAX {
                // Whoever asks for another row is taken to it, also on a long page.
                p { button.quiet name="do" value="row" formaction={ (PREFIX) (path) "#way-" (rows) } formnovalidate { "Noch eine Möglichkeit" } }
            }
        }
    }
}

fn label_of(name: &str) -> Texts<'_> {
    Texts { name, label: "Wer oder was ist das?", hint: "Zum Beispiel „Bürgerbüro“.", lines: 0, required: false }
}

fn hours_of(name: &str) -> Texts<'_> {
    Texts {
        name, label: "Wann?", hint: "Zum Beispiel „Montag bis Freitag, 8 bis 12 Uhr“.", lines: 0, required: false
    }
}

fn show_row(
    visit: &Visit,
    sent: Option<&Form>,
    faults: &[Fault],
    index: usize,
    now: &Value,
    kinds: &[(&str, &str)],
) -> Markup {
    let name = |field: &str| format!("way-{index}-{field}");
    let field = |part: &str, label: &str, hint: &str, kind: Kind<'_>, now: &str| {
        Field { name: &name(part), label, hint, kind, required: false, now }.show(sent, faults)
    };
    let known = |part: &str| now.get(part).unwrap_or(&Value::Null);
    let (label, hours) = (name("label"), name("hours"));
    let texts = [(label_of(&label), known("label")), (hours_of(&hours), known("hours_text"))];
    let before = sent
        .map_or_else(|| if now.is_null() { String::new() } else { now.to_string() }, |form| form.text(&name("before")));
    let short = words::text(now, "/hours");
    let has_short = sent.map_or(!short.is_empty(), |form| form.has(&name("short")));
    html! {
        fieldset.way id={ "way-" (index) } tabindex="-1" {
            legend { "Möglichkeit " (index.saturating_add(1)) }
            (field("kind", "Art", "", Kind::OneOf(kinds), words::text(now, "/kind")))
            (field(
                "target", "Nummer oder Adresse",
                "Telefonnummer mit Vorwahl, E-Mail- oder Internet-Adresse; mehrere untereinander.",
                Kind::Lines(2), &typed(words::list(now, "/target")),
            ))
            (show_texts(visit, sent, faults, &texts))
            @if has_short {
                (field("short", "Wann, in Kurzform", "Für Kalender und Programme, zum Beispiel „Mo-Fr 08:00-12:00“. Stimmt es nicht mehr, löschen Sie es.", Kind::Line, short))
            }
            @if !before.is_empty() { input type="hidden" name=(name("before")) value=(Plain::new(&before)); }
        }
    }
}

fn count(form: &Form) -> usize {
    form.text("ways").parse::<usize>().unwrap_or_default().min(ROWS_MAX)
}

/// Reads the rows. A row in which nothing is written is none.
pub fn read(visit: &Visit, form: &Form) -> Ways {
    let mut ways = Ways::default();
    for index in 0..count(form) {
        read_row(visit, form, index, &mut ways);
    }
    ways.pointers.push(("/alternatives".to_owned(), "ways".to_owned()));
    ways
}

fn read_row(visit: &Visit, form: &Form, index: usize, ways: &mut Ways) {
    let name = |field: &str| format!("way-{index}-{field}");
    let before: Map<String, Value> = Some(form.text(&name("before")))
        .filter(|before| before.len() <= BEFORE_BYTES_MAX)
        .and_then(|before| serde_json::from_str(&before).ok())
        .unwrap_or_default();
    let known = |part: &str| before.get(part).unwrap_or(&Value::Null);
    let (label_name, hours_name) = (name("label"), name("hours"));
    let (labels, hours) = (label_of(&label_name), hours_of(&hours_name));
    let (lines, short) = (form.text(&name("target")), form.filled(&name("short")));
    let is_written = |texts: &Texts<'_>| texts.filled(visit, form).is_some();
    if lines.is_empty() && short.is_none() && !is_written(&labels) && !is_written(&hours) {
        return;
    }
    let mut fault = |field: String, sentence: &str| {
        let sentence = format!("Möglichkeit {}: {sentence}", index.saturating_add(1));
        ways.faults.push(Fault { field: Some(field), sentence });
    };
    let led = known("target").as_array().map(Vec::as_slice).unwrap_or_default();
    // What was not touched stays exactly as it is.
    let links = if lines == typed(led) { Some(led.to_vec()) } else { targets(&lines) };
    let is_understood = links.is_some();
    let links = links.unwrap_or_default();
    let kind = form.filled(&name("kind")).or_else(|| guessed(&links).map(|kind| kind.as_str().to_owned()));
    if !is_understood {
        fault(name("target"), "Das ist keine Telefonnummer. Schreiben Sie jede in eine eigene Zeile, mit Vorwahl.");
    } else if kind.is_none() {
        fault(name("kind"), "Wählen Sie aus, was das ist: Telefon, E-Mail, vor Ort …");
    }
    if form.filled(&labels.first(visit)).is_none() {
        fault(labels.first(visit), "Schreiben Sie dazu, wer oder was das ist, zum Beispiel „Bürgerbüro“.");
    }
    let leads_elsewhere = links != led || kind.as_deref() != known("kind").as_str();
    // Nor do words that are not seen here outlive the way that they name.
    let text = |texts: &Texts<'_>, part: &str| {
        texts.replacing(visit, form, if leads_elsewhere { &Value::Null } else { known(part) })
    };
    let at = |part: &str| format!("/alternatives/{}/{part}", ways.all.len());
    let mut pointers = vec![(at("target"), name("target")), (at("kind"), name("kind"))];
    pointers.extend(labels.pointers(visit, &at("label")));
    pointers.extend(hours.pointers(visit, &at("hours_text")));
    pointers.extend([(at("hours"), name("short")), (at(""), format!("way-{index}"))]);
    let mut way = before.clone();
    way.retain(|part, _| !leads_elsewhere || !OF_TARGET.contains(&part.as_str()));
    let links = Some(links).filter(|links| !links.is_empty()).map(Value::Array);
    let shown = [
        ("kind", kind.map(Value::from)),
        ("target", links),
        ("label", text(&labels, "label")),
        ("hours_text", text(&hours, "hours_text")),
        ("hours", short.map(Value::from)),
    ];
    for (part, value) in shown {
        match value {
            Some(value) => drop(way.insert(part.to_owned(), value)),
            None => drop(way.remove(part)),
        }
    }
    ways.pointers.extend(pointers);
    ways.all.push(Value::Object(way));
}

/// What kind of way a link is, where nobody chose.
fn guessed(targets: &[Value]) -> Option<AlternativeKind> {
    let (scheme, _) = targets.first()?.as_str()?.split_once(':')?;
    Some(match scheme {
        "tel" => AlternativeKind::Phone,
        "mailto" => AlternativeKind::Mail,
        _ => AlternativeKind::OtherPage,
    })
}

/// Links as people write them, one below the other.
fn typed(targets: &[Value]) -> String {
    targets.iter().filter_map(Value::as_str).map(bare).collect::<Vec<_>>().join("\n")
}

/// A link as people write it.
pub fn bare(link: &str) -> &str {
    link.strip_prefix("tel:").or_else(|| link.strip_prefix("mailto:")).unwrap_or(link)
}

/// The links of lines that people typed, one in each; `None` if one looks like a telephone number and
/// is none.
fn targets(lines: &str) -> Option<Vec<Value>> {
    let lines = lines.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(|line| target(line).map(Value::from)).collect()
}

/// A link from a number as it stands on a door, a mail address, or the address of a page. What is
/// nothing of these is left for the interface to refuse.
fn target(line: &str) -> Option<String> {
    let number = line.strip_prefix("tel:").unwrap_or(line);
    if number.chars().any(|c| c.is_ascii_digit()) && !number.chars().any(|c| c.is_alphabetic() || c == '@') {
        return telephone(number);
    }
    let is_link = ["https:", "http:", "tel:", "mailto:"].iter().any(|scheme| line.starts_with(scheme));
    Some(match line {
        _ if is_link => line.to_owned(),
        _ if line.contains('@') => format!("mailto:{line}"),
        _ => format!("https://{line}"),
    })
}

/// `tel:+4923242040` of `02324 204-0` or `+49 (2324) 204 0`. A number as it is dialled here gets its
/// country; short ones such as 115 are the same everywhere.
fn telephone(number: &str) -> Option<String> {
    let number = number.replace("(0)", "");
    let dialled: String = number.chars().filter(|c| !" \u{a0}-–/.()".contains(*c)).collect();
    let dialled = match (dialled.strip_prefix("00"), dialled.strip_prefix('0')) {
        (Some(abroad), _) => format!("+{abroad}"),
        (None, Some(here)) => format!("+49{here}"),
        (None, None) => dialled,
    };
    let digits = dialled.strip_prefix('+').unwrap_or(&dialled);
    let is_number = (1..=DIGITS_MAX).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| format!("tel:{dialled}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_addresses_become_links_as_people_write_them() {
        for (lines, expected) in [
            ("02324 204-0", Some(&["tel:+4923242040"][..])),
            ("+49 (2324) 204 0", Some(&["tel:+4923242040"])),
            ("+49 (0) 2324 / 2040\n0049 2324\u{a0}2041\n", Some(&["tel:+4923242040", "tel:+4923242041"])),
            ("0043 1 234", Some(&["tel:+431234"])),
            ("115", Some(&["tel:115"])),
            ("tel:+49 2324 2040", Some(&["tel:+4923242040"])),
            ("amt@stadt.example", Some(&["mailto:amt@stadt.example"])),
            ("www.stadt.example/x", Some(&["https://www.stadt.example/x"])),
            ("http://stadt.example", Some(&["http://stadt.example"])),
            ("115.stadt.example", Some(&["https://115.stadt.example"])),
            ("im Rathaus fragen", Some(&["https://im Rathaus fragen"])),
            ("tel:abc", Some(&["tel:abc"])),
            ("", Some(&[])),
            // Two numbers on a line are none.
            ("02324 2040 02324 2041", None),
            ("tel:+4923242040 02324 2041", None),
            ("02324 2040, 02324 2041", None),
            ("+49301 +49302", None),
        ] {
            let expected = expected.map(|links| links.iter().map(|link| Value::from(*link)).collect::<Vec<_>>());
            assert_eq!(targets(lines), expected, "{lines}");
        }
    }

    #[test]
    fn what_is_shown_again_is_what_was_meant() {
        let led = ["tel:+4923242040", "mailto:amt@stadt.example", "https://stadt.example"].map(Value::from);
        assert_eq!(typed(&led), "+4923242040\namt@stadt.example\nhttps://stadt.example");
        assert_eq!(targets(&typed(&led)), Some(led.to_vec()));
        let kinds = led.map(|link| guessed(&[link]).map(AlternativeKind::as_str));
        assert_eq!(kinds, [Some("phone"), Some("mail"), Some("other_page")]);
    }
}
