//! The groups of fields that forms about incidents share, and what they become in a request: states of
//! components, the promise of a next word, an expected end.

use maud::{Markup, html};
use serde_json::{Map, Value, json};

use crate::desk::choice::{Choice, Choices};
use crate::desk::field::{self, DayTime, Texts};
use crate::desk::form::Form;
use crate::desk::page::{Fault, Field, Kind};
use crate::desk::time::Wall;
use crate::desk::{Visit, words};
use crate::model::status::Status;

/// States that an editor gives components.
#[derive(Debug, Clone, Copy)]
pub(super) struct States<'a> {
    /// Whatever the visitor may name.
    pub(super) all: &'a Choices,
    /// The states given before, by id.
    pub(super) given: &'a Value,
    /// What is concerned already, and so is listed.
    pub(super) concerned: &'a [String],
    /// What the visitor came to report; empty if nothing.
    pub(super) reported: &'a str,
}

/// The states that can be given, worst first.
const STATES: [Status; 4] =
    [Status::MajorOutage, Status::PartialOutage, Status::DegradedPerformance, Status::Operational];

impl States<'_> {
    fn given_to(&self, id: &str) -> &str {
        self.given.get(id).and_then(Value::as_str).unwrap_or_default()
    }

    /// The fields.
    pub(super) fn show(&self, legend: &str, hint: &str, sent: Option<&Form>, faults: &[Fault]) -> Markup {
        let chosen = |part: &Choice| {
            let is_sent = sent.is_some_and(|form| form.filled(&format!("state-{}", part.id)).is_some());
            is_sent
                || !self.given_to(&part.id).is_empty()
                || self.concerned.contains(&part.id)
                || part.id == self.reported
        };
        let fault = faults.iter().find(|fault| fault.field.as_deref() == Some("states"));
        html! {
            fieldset.states id="states" tabindex="-1" aria-describedby=[(!hint.is_empty()).then_some("states-hint")] {
                legend { (legend) }
                @if !hint.is_empty() { p.hint id="states-hint" { (hint) } }
                @if let Some(fault) = fault { p.fault { (fault.sentence) } }
                (self.all.finder("states", sent))
                @for (owner, parts) in self.all.listed(sent, chosen) {
                    @if let Some(owner) = owner { p.group { (owner) } }
                    @for part in parts { (self.one(part, sent)) }
                }
            }
        }
    }

    fn one(&self, part: &Choice, sent: Option<&Form>) -> Markup {
        let name = format!("state-{}", part.id);
        let given = self.given_to(&part.id);
        // What is reported is disturbed: as it is known to be, else wholly.
        let before = match (given, part.is_well()) {
            ("", true) if part.id == self.reported => Status::MajorOutage.as_str(),
            ("", false) if part.id == self.reported => part.now,
            (given, _) => given,
        };
        let value = sent.map_or_else(|| before.to_owned(), |form| form.text(&name));
        let now = words::status(part.now, part.kind);
        html! {
            div.field {
                label for=(name) {
                    (part.name) @if !now.is_empty() { span.optional { " – zurzeit: " (now) } }
                }
                select id=(name) name=(name) {
                    @if given.is_empty() {
                        option value="" selected[value.is_empty()] { "nicht nennen" }
                    } @else {
                        option value="null" selected[value == "null"] { "nicht mehr nennen" }
                    }
                    @for state in STATES {
                        option value=(state.as_str()) selected[value == state.as_str()] {
                            (words::status(state.as_str(), part.kind))
                        }
                    }
                }
            }
        }
    }

    /// What was chosen and differs from what was given before.
    pub(super) fn read(&self, form: &Form) -> Vec<Value> {
        form.fields()
            .filter_map(|(name, value)| Some((name.strip_prefix("state-")?, value.trim())))
            .filter(|(id, value)| !value.is_empty() && *value != self.given_to(id))
            .map(|(id, value)| json!({ "id": id, "status": Some(value).filter(|value| *value != "null") }))
            .collect()
    }
}

/// The promise of a next word: a choice of times, or one of one's own. `now` is what was promised.
pub(super) fn promise(visit: &Visit, sent: Option<&Form>, faults: &[Fault], now: &str) -> Markup {
    let wall = Wall::of(visit);
    let mut choices: Vec<(String, String)> = vec![(String::new(), "Ich verspreche nichts".to_owned())];
    if !now.is_empty() {
        choices.push(("keep".to_owned(), format!("Es bleibt bei: {}", wall.moment(now))));
    }
    choices.extend(wall.ahead());
    // What was chosen a while ago stays chosen.
    let chosen = sent.map(|form| form.text("next")).unwrap_or_default();
    let said = wall.said(&chosen);
    if !said.is_empty() && !choices.iter().any(|(value, _)| *value == chosen) {
        choices.push((chosen, said));
    }
    let choices: Vec<(&str, &str)> = choices.iter().map(|(value, name)| (value.as_str(), name.as_str())).collect();
    let choice = Field {
        name: "next",
        label: "Wann kommt die nächste Nachricht?",
        hint: "Auch „nichts Neues“ ist eine. Ist die Zeit vorbei, steht auf der Seite, dass sie überfällig ist.",
        kind: Kind::OneOf(&choices),
        required: true,
        now: if now.is_empty() { "" } else { "keep" },
    };
    let own = Field {
        name: "next-at",
        label: "Oder zu einer anderen Zeit",
        hint: "",
        kind: Kind::Time,
        required: false,
        now: "",
    };
    html! { (choice.show(sent, faults)) (own.show(sent, faults)) }
}

/// The promise: absent if it stays, null if there is none.
pub(super) fn read_promise(form: &Form) -> Option<Value> {
    match (form.filled("next-at"), form.text("next").as_str()) {
        (Some(own), _) => Some(own.into()),
        (None, "keep") => None,
        (None, "") => Some(Value::Null),
        (None, chosen) => Some(chosen.into()),
    }
}

/// The expected end in words.
pub(super) const END_LABEL: Texts<'_> = Texts {
    name: "end-label",
    label: "Oder in Worten",
    hint: "Zum Beispiel „ab Mitte Dezember“.",
    lines: 0,
    required: false,
};

/// When the end is expected. `now` is what is expected so far, null if nothing.
pub(super) fn ending(visit: &Visit, sent: Option<&Form>, faults: &[Fault], now: &Value) -> Markup {
    let wall = Wall::of(visit);
    let end = |name: &str, label: &str, is_last: bool| {
        let (day, hour) = wall.day_and_hour(words::text(now, &format!("/{name}")), is_last);
        DayTime { name, label, hint: "", required: false, now: (&day, &hour) }.show(sent, faults)
    };
    html! {
        fieldset id="end" tabindex="-1" {
            legend { "Wann ist es voraussichtlich vorbei?" }
            p.hint {
                "Lassen Sie alles leer, wenn es niemand weiß. Dann steht dort „Ende derzeit nicht absehbar“. "
                "Eine Uhrzeit braucht es nicht."
            }
            (end("earliest", "Frühestens", false))
            (end("latest", "Spätestens", true))
            (END_LABEL.show(visit, sent, faults, now.get("label").unwrap_or(&Value::Null)))
        }
    }
}

/// The expected end as it was typed in place of `now`; null if nothing was.
pub(super) fn read_ending(visit: &Visit, form: &Form, now: &Value, faults: &mut Vec<Fault>) -> Value {
    let mut end = Map::new();
    for name in ["earliest", "latest"] {
        match field::read_when(form, name) {
            Ok(when) => end.extend(when.map(|when| (name.to_owned(), when.into()))),
            Err(fault) => faults.push(fault),
        }
    }
    let label = END_LABEL.replacing(visit, form, now.get("label").unwrap_or(&Value::Null));
    end.extend(label.map(|label| ("label".to_owned(), label)));
    if end.is_empty() { Value::Null } else { Value::Object(end) }
}

/// Whether two expected ends say the same, `form` being typed and `now` being an answer's.
pub(super) fn same_ending(visit: &Visit, typed: &Value, now: &Value) -> bool {
    let wall = Wall::of(visit);
    let field = |pointer: &str, end: bool| {
        let (day, hour) = wall.day_and_hour(words::text(now, pointer), end);
        if hour.is_empty() { day } else { format!("{day}T{hour}") }
    };
    let label = |value: &Value| value.get("label").filter(|label| !label.is_null()).cloned();
    words::text(typed, "/earliest") == field("/earliest", false)
        && words::text(typed, "/latest") == field("/latest", true)
        && label(typed) == label(now)
}
