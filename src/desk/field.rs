//! Fields of the desk's forms that are more than one: a text in each language, a day with a time, other
//! ways, and pages of long lists. Each is written and read here, so that both agree.

use jiff::tz::TimeZone;
use maud::{Markup, html};
use serde_json::{Map, Value, json};

use crate::desk::Visit;
use crate::desk::form::Form;
use crate::desk::page::{Fault, Field, Kind};
use crate::model::alternative::{Alternative, AlternativeKind};
use crate::model::catalogue::Reach;
use crate::model::text::{Plain, Text};
use crate::model::time::Timestamp;
use crate::model::window::When;
use crate::publish::escape;
use crate::publish::wording::{Words, language_name};

/// Most other ways in a form.
const WAYS_MAX: usize = 12;

/// Empty places for other ways.
const WAYS_EMPTY: usize = 2;

/// A text that stands in a form, one field for each language of the site. The first must be there,
/// the others stand folded up.
#[derive(Debug, Clone, Copy)]
pub struct Texts<'a> {
    /// What the names of the fields begin with.
    pub name: &'a str,
    /// What it is called.
    pub label: &'a str,
    /// What helps to fill it in.
    pub hint: &'a str,
    /// How it is filled in.
    pub kind: Kind<'a>,
    /// Whether it must be there in the first language.
    pub required: bool,
    /// What stands in it before anything was sent.
    pub now: Option<&'a Text>,
}

impl Texts<'_> {
    /// The fields as they stand in the form.
    pub fn show(&self, visit: &Visit, sent: Option<&Form>, faults: &[Fault]) -> Markup {
        let field = |language: &str, label: &str, hint: &str, required: bool| {
            let name = format!("{}-{language}", self.name);
            let now = now_in(self.now, language);
            Field { name: &name, label, hint, kind: self.kind, required, now: &now }.show(sent, faults)
        };
        let mut languages = visit.snapshot.catalogue.site.languages.iter();
        let first = languages.next().map_or("de", |language| &**language);
        let others: Vec<&str> = languages.map(|language| &**language).collect();
        let is_open = others.iter().any(|language| {
            let name = format!("{}-{language}", self.name);
            let is_filled =
                sent.map_or_else(|| !now_in(self.now, language).is_empty(), |sent| sent.filled(&name).is_some());
            is_filled || faults.iter().any(|fault| fault.field.as_deref() == Some(&*name))
        });
        html! {
            (field(first, self.label, self.hint, self.required))
            @if !others.is_empty() {
                details.languages open[is_open] {
                    summary { "In anderen Sprachen" span.hidden { ": " (self.label) } }
                    @for language in &others {
                        (field(language, &format!("{} ({})", self.label, language_name(language)), "", false))
                    }
                }
            }
        }
    }
}

fn now_in(now: Option<&Text>, language: &str) -> String {
    let now = now.filter(|text| text.has(language)).map(|text| text.get(language, language));
    now.map(|text| field_text(&text)).unwrap_or_default()
}

/// A cleaned text as it stands in a field, with its line breaks.
fn field_text(text: &Plain) -> String {
    serde_json::to_value(text).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// A text as the interface takes it; nothing if no language was filled in.
pub fn read_texts(visit: &Visit, sent: &Form, name: &str) -> Option<Value> {
    let languages = visit.snapshot.catalogue.site.languages.iter();
    let filled: Map<String, Value> = languages
        .filter_map(|language| Some((language.to_string(), sent.filled(&format!("{name}-{language}"))?.into())))
        .collect();
    (!filled.is_empty()).then_some(Value::Object(filled))
}

/// The field of a text in the first language, where faults of the whole text stand.
pub fn first_of(visit: &Visit, name: &str) -> String {
    format!("{name}-{}", visit.snapshot.catalogue.site.language())
}

/// A text with the languages that it has beside those of the form; null if nothing is left of it.
pub fn kept_languages(visit: &Visit, sent: Option<Value>, now: Option<&Text>) -> Value {
    let Some(Value::Object(mut texts)) = sent else { return Value::Null };
    let of_form = |language: &str| visit.snapshot.catalogue.site.languages.iter().any(|known| **known == *language);
    for (language, text) in now.into_iter().flat_map(Text::iter).filter(|(language, _)| !of_form(language)) {
        texts.insert(language.to_string(), json!(text));
    }
    texts.into()
}

/// Whether a text was filled in otherwise than it stood in the form.
pub fn is_changed(visit: &Visit, sent: Option<&Value>, now: Option<&Text>) -> bool {
    let filled = |language: &str| sent.and_then(|sent| sent.get(language)).and_then(Value::as_str).unwrap_or_default();
    visit.snapshot.catalogue.site.languages.iter().any(|language| filled(language) != now_in(now, language))
}

/// A choice that may be left as it is: one of its values is empty.
#[derive(Debug, Clone, Copy)]
pub struct Select<'a> {
    /// The name in the form, which is its id, too.
    pub name: &'a str,
    /// What it is called.
    pub label: &'a str,
    /// What helps to choose; empty if nothing needs to.
    pub hint: &'a str,
    /// What can be chosen: value and name.
    pub all: &'a [(&'a str, &'a str)],
    /// What is chosen before anything was sent.
    pub now: &'a str,
}

impl Select<'_> {
    /// The field as it stands in the form.
    pub fn show(&self, sent: Option<&Form>, faults: &[Fault]) -> Markup {
        let value = sent.map_or_else(|| self.now.to_owned(), |sent| sent.text(self.name));
        let fault = faults.iter().find(|fault| fault.field.as_deref() == Some(self.name));
        let hint_id = (!self.hint.is_empty()).then(|| format!("{}-hint", self.name));
        let fault_id = fault.map(|_| format!("{}-fault", self.name));
        let told: Vec<&str> = hint_id.iter().chain(&fault_id).map(String::as_str).collect();
        let by = (!told.is_empty()).then(|| told.join(" "));
        html! {
            div.field {
                label for=(self.name) { (self.label) }
                @if let Some(id) = &hint_id { p.hint id=(id) { (self.hint) } }
                @if let (Some(id), Some(fault)) = (&fault_id, fault) { p.fault id=(id) { (fault.sentence) } }
                select id=(self.name) name=(self.name) aria-describedby=[&by] aria-invalid=[fault.map(|_| "true")] {
                    @for (known, name) in self.all { option value=(known) selected[*known == value] { (name) } }
                }
            }
        }
    }
}

/// A day, and a time of day where that matters.
#[derive(Debug, Clone, Copy)]
pub struct DayTime<'a> {
    /// The name of the day's field; that of the time ends with `-time`.
    pub name: &'a str,
    /// What it is called.
    pub label: &'a str,
    /// What helps to fill it in.
    pub hint: &'a str,
    /// Whether the day must be there.
    pub required: bool,
    /// Day and time that stand in it before anything was sent.
    pub now: (&'a str, &'a str),
}

impl DayTime<'_> {
    /// The fields as they stand in the form.
    pub fn show(&self, sent: Option<&Form>, faults: &[Fault]) -> Markup {
        let time_name = format!("{}-time", self.name);
        let value = |name: &str, now: &str| sent.map_or_else(|| now.to_owned(), |sent| sent.text(name));
        let of = |name: &str| faults.iter().find(|fault| fault.field.as_deref() == Some(name));
        let fault = of(self.name).or_else(|| of(&time_name));
        let hint_id = (!self.hint.is_empty()).then(|| format!("{}-hint", self.name));
        let fault_id = fault.map(|_| format!("{}-fault", self.name));
        let told: Vec<&str> = hint_id.iter().chain(&fault_id).map(String::as_str).collect();
        let by = (!told.is_empty()).then(|| told.join(" "));
        let wrong = fault.map(|_| "true");
        html! {
            fieldset.daytime {
                legend { (self.label) @if !self.required { span.optional { " (freiwillig)" } } }
                @if let Some(id) = &hint_id { p.hint id=(id) { (self.hint) } }
                @if let (Some(id), Some(fault)) = (&fault_id, fault) { p.fault id=(id) { (fault.sentence) } }
                div.pair {
                    div {
                        label for=(self.name) { "Tag" }
                        input type="date" id=(self.name) name=(self.name) value=(value(self.name, self.now.0))
                            required[self.required] aria-describedby=[&by] aria-invalid=[wrong];
                    }
                    div {
                        label for=(time_name) { "Uhrzeit" span.optional { " (freiwillig)" } }
                        input type="time" id=(time_name) name=(time_name) value=(value(&time_name, self.now.1))
                            aria-describedby=[&by] aria-invalid=[wrong];
                    }
                }
            }
        }
    }
}

/// A day with or without a time as the interface takes it; nothing if neither was filled in.
///
/// # Errors
/// If it is a time without a day, or none that can be read.
pub fn read_when(sent: &Form, name: &str) -> Result<Option<String>, Fault> {
    let fault = |sentence: &str| Err(Fault { field: Some(name.to_owned()), sentence: sentence.to_owned() });
    let (day, time) = (sent.filled(name), sent.filled(&format!("{name}-time")));
    let Some(day) = day else {
        return match time {
            Some(_) => fault("Bitte wählen Sie zur Uhrzeit auch den Tag."),
            None => Ok(None),
        };
    };
    let Ok(date) = day.parse::<jiff::civil::Date>() else {
        return fault("Bitte wählen Sie einen Tag, zum Beispiel 2026-12-08.");
    };
    match time.map(|time| time.parse::<jiff::civil::Time>()) {
        None => Ok(Some(date.to_string())),
        Some(Ok(time)) => Ok(Some(format!("{date}T{}", time.strftime("%H:%M")))),
        Some(Err(_)) => fault("Bitte schreiben Sie die Uhrzeit so: 14:30."),
    }
}

/// A time as its fields show it: day and, where there is one, time of day.
pub fn shown_when(when: &When, zone: &TimeZone) -> (String, String) {
    when.date.map_or_else(
        || {
            let local = when.at.to_jiff().to_zoned(zone.clone());
            (local.date().to_string(), local.strftime("%H:%M").to_string())
        },
        |date| (date.to_string(), String::new()),
    )
}

/// An end as its fields show it: one that lies between two days was said as a day, which is the last.
pub fn shown_end(at: Timestamp, zone: &str) -> (String, String) {
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    let (day, time) = shown_when(&When::instant(at), &zone);
    let last = day.parse::<jiff::civil::Date>().and_then(jiff::civil::Date::yesterday);
    match last {
        Ok(last) if time == "00:00" => (last.to_string(), String::new()),
        _ => (day, time),
    }
}

/// A time as the interface takes it, exactly as it is.
pub fn exact_when(when: &When) -> String {
    when.date.map_or_else(|| when.at.to_string(), |date| date.to_string())
}

/// What an end that is a day means, said at each of them.
pub const INCLUSIVE: &str = "Der Tag zählt noch ganz dazu, wenn Sie keine Uhrzeit angeben.";

/// The fields of other ways: those that are there and some empty places.
pub fn ways(visit: &Visit, sent: Option<&Form>, now: &[Alternative], faults: &[Fault]) -> Markup {
    let language = visit.snapshot.catalogue.site.language();
    let filled = sent.map_or(now.len(), |sent| {
        (0..WAYS_MAX).filter(|index| is_way(sent, *index)).max().map_or(0, |last| last + 1).max(now.len())
    });
    let kinds: Vec<(&str, &str)> =
        AlternativeKind::ALL.iter().map(|kind| (kind.as_str(), Words::German.alternative(*kind))).collect();
    html! {
        @for index in 0..(filled + WAYS_EMPTY).min(WAYS_MAX).max(now.len()) {
            @let way = now.get(index);
            @let field = |part: &str| format!("way-{index}-{part}");
            @let text = |text: Option<&Text>| text.map(|text| field_text(&text.get(language, language))).unwrap_or_default();
            fieldset.way {
                legend { "Weg " (index + 1) }
                (Field { name: &field("kind"), label: "Art", hint: "", kind: Kind::OneOf(&kinds), required: true,
                    now: way.map_or("phone", |way| way.kind.as_str()) }.show(sent, faults))
                (Field { name: &field("label"), label: "Wie heißt er?", hint: "So steht es auf der Seite, zum Beispiel: Bürgerbüro, Zimmer 3.",
                    kind: Kind::Line, required: false, now: &text(way.map(|way| &way.label)) }.show(sent, faults))
                (Field { name: &field("target"), label: "Nummer oder Adresse",
                    hint: "Telefonnummer mit Vorwahl, E-Mail- oder Internet-Adresse; mehrere untereinander. Nur, was jemand geprüft hat.",
                    kind: Kind::Lines(2), required: false, now: &way.map(shown_targets).unwrap_or_default() }.show(sent, faults))
                (Field { name: &field("hours"), label: "Wann?", hint: "Zum Beispiel: Montag bis Freitag, 8 bis 12 Uhr.",
                    kind: Kind::Line, required: false, now: &text(way.and_then(|way| way.hours_text.as_ref())) }.show(sent, faults))
            }
        }
    }
}

fn is_way(sent: &Form, index: usize) -> bool {
    ["label", "target", "hours"].iter().any(|part| sent.filled(&format!("way-{index}-{part}")).is_some())
}

/// Other ways as the interface takes them. What this form does not know of one that is there is kept.
///
/// # Errors
/// Each place that cannot be understood.
pub fn read_ways(visit: &Visit, sent: &Form, now: &[Alternative]) -> Result<Vec<Value>, Vec<Fault>> {
    let language = visit.snapshot.catalogue.site.language();
    let (mut ways, mut faults) = (Vec::new(), Vec::new());
    for index in (0..WAYS_MAX.max(now.len())).filter(|index| is_way(sent, *index)) {
        let field = |part: &str| format!("way-{index}-{part}");
        let mut fault = |part: &str, sentence: &str| {
            faults.push(Fault { field: Some(field(part)), sentence: format!("Weg {}: {sentence}", index + 1) });
        };
        let Some(kind) = AlternativeKind::parse(&sent.text(&field("kind"))) else {
            fault("kind", "Bitte wählen Sie eine Art.");
            continue;
        };
        let label = sent.filled(&field("label"));
        if label.is_none() {
            fault("label", "Bitte schreiben Sie, wie er heißt.");
        }
        let known = now.get(index);
        let mut way = known.map(way_request).unwrap_or_default();
        way.insert("kind".to_owned(), kind.as_str().into());
        put_text(&mut way, "label", language, label);
        put_text(&mut way, "hours_text", language, sent.filled(&field("hours")));
        let typed = sent.text(&field("target"));
        if known.is_none_or(|known| shown_targets(known) != typed) {
            let targets: Vec<Value> =
                typed.lines().filter(|line| !line.trim().is_empty()).map(|line| target(line).into()).collect();
            way.insert("target".to_owned(), targets.into());
        }
        ways.push(Value::Object(way));
    }
    if faults.is_empty() { Ok(ways) } else { Err(faults) }
}

/// Puts a text of the first language beside those of the others, or takes it away.
fn put_text(way: &mut Map<String, Value>, name: &str, language: &str, text: Option<String>) {
    let mut texts = way.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
    match text {
        Some(text) => {
            texts.insert(language.to_owned(), text.into());
            way.insert(name.to_owned(), texts.into());
        }
        None => {
            way.remove(name);
        }
    }
}

/// A way as the interface takes it.
pub fn way_request(way: &Alternative) -> Map<String, Value> {
    let mut request = Map::new();
    let mut put = |name: &str, value: Value| {
        if !value.is_null() {
            request.insert(name.to_owned(), value);
        }
    };
    put("kind", way.kind.as_str().into());
    put("target", way.target.iter().map(|target| json!(target)).collect::<Vec<_>>().into());
    put("label", json!(way.label));
    put("hours", json!(way.hours));
    put("hours_text", json!(way.hours_text));
    put("page", json!(way.page));
    put("serves", way.serves.iter().map(|reach| Value::from(reach_text(reach))).collect::<Vec<_>>().into());
    put("component", json!(way.component));
    for (name, when) in
        [("valid_from", &way.valid_from), ("valid_until", &way.valid_until), ("verified_at", &way.verified_at)]
    {
        put(name, when.as_ref().map(exact_when).into());
    }
    request
}

/// Whom something is for, as the interface takes it.
pub fn reach_text(reach: &Reach) -> String {
    match reach {
        Reach::Prefix(prefix) => prefix.clone(),
        Reach::Organisation(id) => id.to_string(),
        Reach::Except(id) => format!("!{id}"),
    }
}

/// Where a way leads, as people write it: one below the other.
fn shown_targets(way: &Alternative) -> String {
    let shown = way.target.iter().map(|target| {
        let line = escape::line(target.plain());
        let bare = line.strip_prefix("tel:").or_else(|| line.strip_prefix("mailto:"));
        bare.map(str::to_owned).unwrap_or(line)
    });
    shown.collect::<Vec<_>>().join("\n")
}

/// A link from what people type: a number, a mail address, or an address of a page.
fn target(typed: &str) -> String {
    let typed = typed.trim();
    if ["https:", "http:", "tel:", "mailto:"].iter().any(|scheme| typed.starts_with(scheme)) {
        return typed.to_owned();
    }
    if typed.contains('@') {
        return format!("mailto:{typed}");
    }
    let is_number =
        typed.chars().all(|c| c.is_ascii_digit() || " +-/().".contains(c)) && typed.chars().any(|c| c.is_ascii_digit());
    if !is_number {
        return format!("https://{typed}");
    }
    let digits: String = typed.replace("(0)", "").chars().filter(|c| c.is_ascii_digit() || *c == '+').collect();
    // A German number as it is dialled here; short ones such as 115 are the same everywhere.
    let abroad = digits.strip_prefix("00").map(|rest| format!("+{rest}"));
    let here = || digits.strip_prefix('0').map(|rest| format!("+49{rest}"));
    format!("tel:{}", abroad.or_else(here).unwrap_or_else(|| digits.clone()))
}

/// Which field each pointer into the ways of a request stands for.
pub fn way_pointers(sent: &Form) -> Vec<(String, String)> {
    let parts = ["kind", "label", "target", "hours_text", ""];
    let all = (0..WAYS_MAX).flat_map(|index| parts.map(|part| format!("/alternatives/{index}/{part}")));
    all.filter_map(|pointer| way_field(sent, &pointer).map(|field| (pointer, field))).collect()
}

/// The field that a pointer into the ways of a request stands for. Places left empty are no ways of
/// the request, so its numbers are not those of the form.
fn way_field(sent: &Form, pointer: &str) -> Option<String> {
    let (index, part) = pointer.strip_prefix("/alternatives/")?.split_once('/')?;
    let place = (0..WAYS_MAX).filter(|place| is_way(sent, *place)).nth(index.parse().ok()?)?;
    let part = match part.split('/').next().unwrap_or_default() {
        part @ ("kind" | "label" | "target") => part,
        "hours_text" => "hours",
        _ => "label",
    };
    Some(format!("way-{place}-{part}"))
}

/// Links to the pages of a long list: `query` is what else stands in the address, beginning with `&`.
pub fn pager(path: &str, query: &str, page: usize, pages: usize) -> Markup {
    html! {
        @if pages > 1 {
            nav.pager aria-label="Seiten der Liste" {
                @if page > 1 { a.button.quiet href={ (path) "?seite=" (page - 1) (query) } { "Vorige Seite" } }
                span { "Seite " (page) " von " (pages) }
                @if page < pages { a.button.quiet href={ (path) "?seite=" (page + 1) (query) } { "Nächste Seite" } }
            }
        }
    }
}

/// A text of the interface on one line, as it may be shown.
pub fn line(value: Option<&Value>) -> String {
    escape::line(&Plain::new(value.and_then(Value::as_str).unwrap_or_default()))
}

/// A closed word of the interface as the type that it stands for.
pub fn word<T>(parse: impl Fn(&str) -> Option<T>, value: Option<&Value>) -> Option<T> {
    parse(value?.as_str()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_addresses_become_links() {
        for (typed, link) in [
            ("02324 204-0", "tel:+4923242040"),
            ("+49 (0)2324 2040", "tel:+4923242040"),
            ("0049 2324 2040", "tel:+4923242040"),
            ("115", "tel:115"),
            ("amt@example.org", "mailto:amt@example.org"),
            ("www.example.org/antrag", "https://www.example.org/antrag"),
            ("http://example.org", "http://example.org"),
            ("tel:+49", "tel:+49"),
        ] {
            assert_eq!(target(typed), link, "{typed}");
        }
    }

    #[test]
    fn days_and_times_are_read_apart() {
        let form = |day: &str, time: &str| {
            Form::of([("from".to_owned(), day.to_owned()), ("from-time".to_owned(), time.to_owned())])
        };
        let read = |day: &str, time: &str| read_when(&form(day, time), "from").map_err(|fault| fault.field);
        assert_eq!(read("2026-10-25", ""), Ok(Some("2026-10-25".to_owned())));
        assert_eq!(read("2026-10-25", "02:30"), Ok(Some("2026-10-25T02:30".to_owned())));
        assert_eq!(read("", ""), Ok(None));
        for (day, time) in [("", "02:30"), ("25.10.2026", ""), ("2026-10-25", "halb drei")] {
            assert_eq!(read(day, time), Err(Some("from".to_owned())), "{day} {time}");
        }
    }
}
