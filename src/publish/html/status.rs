//! A status as it is shown: a word, a symbol of its own shape, and a colour. Never colour alone.

use maud::{Markup, html};

use crate::model::status::{ComponentKind, RollUp, Status};
use crate::publish::wording::Words;

/// The class of a status, and the name of its symbol.
pub(super) const fn class(status: Status) -> &'static str {
    match status {
        Status::Operational => "ok",
        Status::DegradedPerformance => "slow",
        Status::PartialOutage => "part",
        Status::MajorOutage => "out",
        Status::UnderMaintenance => "plan",
        Status::Unknown => "dark",
    }
}

/// A symbol; it says nothing that the words beside it do not say.
pub(super) fn symbol(name: &str) -> Markup {
    html! { svg aria-hidden="true" focusable="false" { use href={ "#y_" (name) } {} } }
}

/// A status in a pill.
pub(super) fn pill(words: Words, status: Status, kind: Option<ComponentKind>) -> Markup {
    html! { span.pill.(class(status)) { (symbol(class(status))) (words.status(status, kind)) } }
}

/// The common status of several in a pill.
pub(super) fn common_pill(words: Words, roll_up: RollUp) -> Markup {
    let (said, look) = words.common(roll_up);
    pill_of(look, said)
}

/// Words of another list in a pill with the look of a status.
pub(super) fn pill_of(status: Status, said: &str) -> Markup {
    html! { span.pill.(class(status)) { (symbol(class(status))) (said) } }
}

/// Where an incident stands, in a pill; the cross is left to what is not available.
pub(super) fn incident_pill(look: Status, said: &str) -> Markup {
    html! { span.pill.(class(look)) { (incident_symbol(look)) (said) } }
}

fn incident_symbol(look: Status) -> Markup {
    symbol(if look == Status::Operational { "ok" } else { "slow" })
}

/// The sentence of an incident's page, in its box.
pub(super) fn incident_verdict(look: Status, sentence: &str, more: &Markup) -> Markup {
    boxed(look, &incident_symbol(look), sentence, more)
}

/// The sentence of a page, in its box.
pub(super) fn verdict(status: Status, sentence: &str, more: &Markup) -> Markup {
    boxed(status, &symbol(class(status)), sentence, more)
}

fn boxed(look: Status, symbol: &Markup, sentence: &str, more: &Markup) -> Markup {
    html! {
        div.verdict.(class(look)) {
            (symbol)
            div {
                p.main { (sentence) }
                (more)
            }
        }
    }
}

/// What a common status says about all that it sums up. `checked`: something of it is checked.
pub(super) const fn sentence(words: Words, status: Status, checked: bool, unknown: u32) -> &'static str {
    match status {
        Status::Operational if !checked => words.pick("Es ist keine Störung bekannt.", "No disruption is known."),
        Status::Operational if unknown > 0 => words.pick(
            "Es ist keine Störung bekannt, aber nicht alles lässt sich prüfen.",
            "No disruption is known, but not everything can be checked.",
        ),
        Status::Operational => words.pick("Alles ist verfügbar.", "Everything is available."),
        Status::Unknown => words.pick("Der Stand ist zurzeit unbekannt.", "The status is unknown at present."),
        Status::UnderMaintenance => words
            .pick("Ein Teil der Angebote ist planmäßig unterbrochen.", "Some services are under planned maintenance."),
        Status::DegradedPerformance => {
            words.pick("Ein Teil der Angebote ist eingeschränkt.", "Some services are degraded.")
        }
        Status::PartialOutage => words.pick("Ein Teil der Angebote ist gestört.", "Some services are disrupted."),
        Status::MajorOutage => {
            words.pick("Zurzeit ist kein Angebot verfügbar.", "None of the services is available at present.")
        }
    }
}

/// `Bei 2 von 8 Angeboten ist der Stand unbekannt.`
pub(super) fn unknown_count(words: Words, unknown: u32, all: usize) -> String {
    match words {
        Words::German => format!("Bei {unknown} von {all} Angeboten ist der Stand unbekannt."),
        Words::English => format!("The status of {unknown} of {all} services is unknown."),
    }
}
