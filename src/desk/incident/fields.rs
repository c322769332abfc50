//! The groups of fields that forms about incidents share, and what they become in a request: states of
//! components, the promise of a next word, an expected end.

use maud::{Markup, html};
use serde_json::{Map, Value, json};

use crate::desk::field::{self, DayTime, Texts};
use crate::desk::form::Form;
use crate::desk::page::{Fault, Field, Kind};
use crate::desk::time::Wall;
use crate::desk::{Visit, words};
use crate::model::status::{ComponentKind, Status};
use crate::model::text::Plain;

/// Most components that a form lists without being asked for more of them.
const LISTED_MAX: usize = 25;

/// Most components that are found at once.
const FOUND_MAX: usize = 50;

/// What a form must not lose between two looks, whatever it shows.
pub(super) const OWN_FIELDS: [&str; 3] = ["csrf", "do", "key"];

/// A component that the visitor may name.
#[derive(Debug, Clone)]
pub(super) struct Part {
    /// Its id.
    pub(super) id: String,
    /// Its name, with that of its whole.
    pub(super) name: String,
    /// What it is.
    pub(super) kind: Option<ComponentKind>,
    /// How it stands, as a word of the interface; empty if the public does not know it.
    pub(super) now: &'static str,
}

impl Part {
    fn is_well(&self) -> bool {
        self.now.is_empty() || self.now == Status::Operational.as_str()
    }
}

/// The components that the visitor's organisations own: the public ones, and `internal` ones that the
/// interface named.
pub(super) fn owned(visit: &Visit, internal: &[Value]) -> Vec<Part> {
    parts(visit, internal, |visit, component| {
        let owner = visit.snapshot.catalogue.organisations.get(component.owner as usize);
        owner.is_some_and(|owner| visit.speaks_for(owner))
    })
}

/// The components on pages that the visitor speaks for.
pub(super) fn shown(visit: &Visit) -> Vec<Part> {
    let all = visit.snapshot.catalogue.organisations.iter().zip(0u32..);
    let mine: Vec<u32> = all.filter(|(one, _)| visit.speaks_for(one)).map(|(_, index)| index).collect();
    parts(visit, &[], |_, component| mine.iter().any(|index| component.shown_on.binary_search(index).is_ok()))
}

fn parts(
    visit: &Visit,
    internal: &[Value],
    is_meant: impl Fn(&Visit, &crate::model::snapshot::PublicComponent) -> bool,
) -> Vec<Part> {
    let catalogue = &visit.snapshot.catalogue;
    let language = catalogue.site.language();
    let public = catalogue.components.iter().zip(0u32..).filter(|(component, _)| is_meant(visit, component)).map(
        |(component, index)| {
            let whole = component.part_of.and_then(|whole| catalogue.components.get(whole as usize));
            let own = words::name(&component.name, language);
            Part {
                id: component.id.to_string(),
                name: whole
                    .map_or_else(|| own.clone(), |whole| format!("{} – {own}", words::name(&whole.name, language))),
                kind: Some(component.kind),
                now: visit.snapshot.view(index, None).map_or("", |view| view.status.as_str()),
            }
        },
    );
    let hidden = internal.iter().map(|one| Part {
        id: words::text(one, "/id").to_owned(),
        name: format!("{} (intern)", words::text(one, "/name")),
        kind: ComponentKind::parse(words::text(one, "/kind")),
        now: "",
    });
    public.chain(hidden).collect()
}

/// The parts that a form lists: all if they are few, else those that are `chosen`, disturbed or found.
fn listed<'p>(all: &'p [Part], sent: Option<&Form>, chosen: impl Fn(&Part) -> bool) -> Vec<&'p Part> {
    if all.len() <= LISTED_MAX {
        return all.iter().collect();
    }
    let wanted = sent.map(|form| form.text("find").to_lowercase()).unwrap_or_default();
    let is_found = |part: &Part| !wanted.is_empty() && part.name.to_lowercase().contains(&wanted);
    let mut found = 0;
    let mut unwell = 0;
    all.iter()
        .filter(|part| {
            if chosen(part) {
                return true;
            }
            if is_found(part) {
                found += 1;
                return found <= FOUND_MAX;
            }
            unwell += usize::from(!part.is_well());
            !part.is_well() && unwell <= LISTED_MAX
        })
        .collect()
}

/// A field to find components with, where there are too many to list.
fn finder(all: &[Part], sent: Option<&Form>) -> Markup {
    let field = Field {
        name: "find",
        label: "Dienst suchen",
        hint: "Ein Teil des Namens genügt.",
        kind: Kind::Line,
        required: false,
        now: "",
    };
    html! {
        @if all.len() > LISTED_MAX {
            p.hint { "Es sind " (all.len()) " Dienste. Hier stehen die gestörten und die, die Sie suchen." }
            (field.show(sent, &[]))
            p { button.quiet name="do" value="find" formnovalidate { "Suchen" } }
        }
    }
}

/// States that an editor gives components.
#[derive(Debug, Clone, Copy)]
pub(super) struct States<'a> {
    /// Whatever the visitor may name.
    pub(super) all: &'a [Part],
    /// The states given before, by id.
    pub(super) given: &'a Value,
    /// What is concerned already, and so is listed.
    pub(super) concerned: &'a [String],
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
        let chosen = |part: &Part| {
            let is_sent = sent.is_some_and(|form| form.filled(&format!("state-{}", part.id)).is_some());
            is_sent || !self.given_to(&part.id).is_empty() || self.concerned.contains(&part.id)
        };
        let fault = faults.iter().find(|fault| fault.field.as_deref() == Some("states"));
        html! {
            fieldset.states id="states" tabindex="-1" aria-describedby=[(!hint.is_empty()).then_some("states-hint")] {
                legend { (legend) }
                @if !hint.is_empty() { p.hint id="states-hint" { (hint) } }
                @if let Some(fault) = fault { p.fault { (fault.sentence) } }
                @for part in listed(self.all, sent, chosen) { (self.one(part, sent)) }
                (finder(self.all, sent))
            }
        }
    }

    fn one(&self, part: &Part, sent: Option<&Form>) -> Markup {
        let name = format!("state-{}", part.id);
        let given = self.given_to(&part.id);
        let value = sent.map_or_else(|| given.to_owned(), |form| form.text(&name));
        let now = words::status(part.now, part.kind);
        html! {
            div.state {
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

/// Boxes to tick components, all of them or those that are ticked, disturbed or found.
pub(super) fn ticks(name: &str, legend: &str, all: &[Part], ticked: &[String], sent: Option<&Form>) -> Markup {
    let shown = listed(all, sent, |part| ticked.contains(&part.id));
    let boxes: Vec<(String, Markup)> = shown.iter().map(|part| (part.id.clone(), html! { (part.name) })).collect();
    crate::desk::page::boxes(name, legend, &boxes, ticked)
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

/// The fields of a form that another page of it must not lose, hidden.
pub(super) fn kept(form: &Form) -> Markup {
    html! {
        @for (name, value) in form.fields().filter(|(name, _)| !OWN_FIELDS.contains(name)) {
            input type="hidden" name=(Plain::new(name)) value=(Plain::new(&value.replace("\r\n", "\n")));
        }
    }
}
