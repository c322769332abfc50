//! Fields of the desk's forms that are more than one: a text in each language, a day with a time, and
//! pages of long lists. Each is written and read here, so that both agree.

use jiff::tz::TimeZone;
use maud::{Markup, html};
use serde_json::Value;

use crate::desk::form::Form;
use crate::desk::page::{Fault, Field, Kind};
use crate::desk::{Visit, template, words};
use crate::model::time::Timestamp;
use crate::model::window::When;

/// A text that stands in a form, one field for each language of the site. The others than the first
/// stand folded up.
#[derive(Debug, Clone, Copy)]
pub struct Texts<'a> {
    /// The name of its fields, before `-de`.
    pub name: &'a str,
    /// What it is called.
    pub label: &'a str,
    /// What helps to fill it in.
    pub hint: &'a str,
    /// How many lines are seen; 0 is a single line.
    pub lines: u8,
    /// Whether it must be there in the first language.
    pub required: bool,
}

/// The languages of the site, the first one first.
pub fn languages(visit: &Visit) -> Vec<&str> {
    visit.snapshot.catalogue.site.languages.iter().map(|language| &**language).collect()
}

/// A text in a language; empty if it is not there.
fn text_in<'a>(now: &'a Value, language: &str) -> &'a str {
    now.get(language).and_then(Value::as_str).unwrap_or_default()
}

impl Texts<'_> {
    fn field(&self, language: &str) -> String {
        format!("{}-{language}", self.name)
    }

    /// The field of the first language, where faults of the whole text stand.
    pub fn first(&self, visit: &Visit) -> String {
        self.field(visit.snapshot.catalogue.site.language())
    }

    /// The fields; `now` is what stands there, by language.
    pub fn show(&self, visit: &Visit, sent: Option<&Form>, faults: &[Fault], now: &Value) -> Markup {
        show_texts(visit, sent, faults, &[(*self, now)])
    }

    fn one(&self, language: &str, is_first: bool, sent: Option<&Form>, faults: &[Fault], now: &Value) -> Markup {
        let other = format!("{}: {}", self.label, words::language(language));
        let field = Field {
            name: &self.field(language),
            label: if is_first { self.label } else { &other },
            hint: if is_first { self.hint } else { "" },
            kind: if self.lines == 0 { Kind::Line } else { Kind::Lines(self.lines) },
            required: self.required && is_first,
            now: text_in(now, language),
        };
        field.show(sent, faults)
    }

    /// What was written, by language.
    pub fn read(&self, visit: &Visit, form: &Form) -> Value {
        let written = languages(visit)
            .into_iter()
            .filter_map(|language| Some((language.to_owned(), form.filled(&self.field(language))?.into())));
        Value::Object(written.collect())
    }

    /// The same; nothing if no language was filled in.
    pub fn filled(&self, visit: &Visit, form: &Form) -> Option<Value> {
        Some(self.read(visit, form)).filter(|texts| texts.as_object().is_some_and(|texts| !texts.is_empty()))
    }

    /// What was written in place of `now`, with the variants of the site's languages that the form does
    /// not have, such as Leichte Sprache; nothing if no language was filled in.
    pub fn replacing(&self, visit: &Visit, form: &Form, now: &Value) -> Option<Value> {
        let all = languages(visit);
        let is_kept = |language: &str| {
            !all.contains(&language) && language.split_once('-').is_some_and(|(root, _)| all.contains(&root))
        };
        let mut texts = self.filled(visit, form)?;
        if let (Value::Object(texts), Some(now)) = (&mut texts, now.as_object()) {
            let kept = now.iter().filter(|(language, _)| is_kept(language));
            texts.extend(kept.map(|(language, text)| (language.clone(), text.clone())));
        }
        Some(texts)
    }

    /// Whether it was filled in otherwise than it stood in the form.
    pub fn is_changed(&self, visit: &Visit, form: &Form, now: &Value) -> bool {
        languages(visit).into_iter().any(|language| form.text(&self.field(language)) != text_in(now, language).trim())
    }

    /// Gaps of a template that nobody filled in.
    pub fn gaps(&self, visit: &Visit, form: &Form) -> Vec<Fault> {
        let gaps = languages(visit).into_iter().filter_map(|language| {
            let name = self.field(language);
            let text = form.text(&name);
            let gap = template::gap(&text)?;
            let sentence = format!("Füllen Sie die Lücke {gap} aus, oder nehmen Sie sie heraus.");
            Some(Fault { field: Some(name), sentence })
        });
        gaps.collect()
    }

    /// Which field a pointer of the request stands for.
    pub fn pointers(&self, visit: &Visit, pointer: &str) -> Vec<(String, String)> {
        let all = languages(visit);
        let each = all.iter().map(|language| (format!("{pointer}/{language}"), self.field(language)));
        each.chain([(pointer.to_owned(), self.first(visit))]).collect()
    }
}

/// Texts that belong together, each with what stands there; their other languages share one fold.
pub fn show_texts(visit: &Visit, sent: Option<&Form>, faults: &[Fault], all: &[(Texts<'_>, &Value)]) -> Markup {
    let languages = languages(visit);
    let (first, others) = languages.split_first().map_or(("de", &[][..]), |(first, others)| (*first, others));
    let is_open = others.iter().any(|language| {
        all.iter().any(|(texts, now)| {
            let name = texts.field(language);
            let filled = sent.map_or_else(|| !text_in(now, language).is_empty(), |form| form.filled(&name).is_some());
            filled || faults.iter().any(|fault| fault.field.as_deref() == Some(&name))
        })
    });
    html! {
        @for (texts, now) in all { (texts.one(first, true, sent, faults, now)) }
        @if !others.is_empty() {
            details.more open[is_open] {
                summary { "In anderen Sprachen" span.hidden { ": " (all.iter().map(|(texts, _)| texts.label).collect::<Vec<_>>().join(" ")) } }
                @for language in others {
                    @for (texts, now) in all { (texts.one(language, false, sent, faults, now)) }
                }
            }
        }
    }
}

/// What can be chosen, after a choice of nothing.
pub fn choices<'a>(nothing: &'a str, all: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<(&'a str, &'a str)> {
    std::iter::once(("", nothing)).chain(all).collect()
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

/// A day and a time of day as the interface takes them.
pub fn typed(day: &str, time: &str) -> String {
    if time.is_empty() { day.to_owned() } else { format!("{day}T{time}") }
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

#[cfg(test)]
mod tests {
    use super::*;

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
