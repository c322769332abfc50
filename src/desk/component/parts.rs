//! The parts of a component, each with its status by hand, in one form. It becomes one request for each
//! part that is set anew; what was done and what was refused is said of each, and nothing that was
//! chosen is lost.

use maud::{Markup, html};
use serde_json::json;

use crate::desk::component::{Seen, Sent, show, statuses};
use crate::desk::components::state;
use crate::desk::form::Form;
use crate::desk::page::Fault;
use crate::desk::{Ask, Asking, PREFIX, Reply, field, preview, refusal, scope};
use crate::model::local::View;
use crate::model::snapshot::PublicComponent;
use crate::model::status::Status;
use crate::publish::wording::Words;

/// Most parts in one form.
const PARTS_MAX: usize = 200;

/// What became of one part.
#[derive(Debug)]
pub(super) struct Outcome {
    id: String,
    name: String,
    /// What was wanted; nothing to give it back to its checks.
    wanted: Option<Status>,
    /// Why not, if it was refused.
    refused: Option<String>,
}

/// A part as it stands, with what is set by hand.
struct Part<'a> {
    component: &'a PublicComponent,
    view: View<'a>,
    set: Option<Status>,
}

fn parts<'a>(seen: &Seen<'a>) -> Vec<Part<'a>> {
    let Some((_, whole)) = seen.public else { return Vec::new() };
    let snapshot = &seen.visit.snapshot;
    let town = crate::model::local::Town::new(snapshot, seen.town.map(|(index, _)| index));
    let found = whole.parts.iter().take(PARTS_MAX).filter_map(|&index| {
        let component = snapshot.catalogue.components.get(index as usize)?;
        let view = town.view(index)?;
        Some(Part { component, set: view.state.set_by_hand.as_ref().map(|set| set.status), view })
    });
    found.collect()
}

fn select_of(id: &str) -> String {
    format!("part-{id}")
}

fn word(status: Option<Status>) -> &'static str {
    status.map_or("", Status::as_str)
}

pub(super) fn section(seen: &Seen<'_>, sent: &Sent<'_>) -> Markup {
    let parts = parts(seen);
    let (fields, faults) = (sent.fields_of("parts"), sent.faults_of("parts"));
    // What is set already does not need to be set again.
    let now = |part: &Part<'_>| {
        let outcome = sent.outcomes.iter().find(|outcome| outcome.id == part.component.id.as_str());
        outcome.filter(|outcome| outcome.refused.is_none()).map_or(part.set, |outcome| outcome.wanted)
    };
    html! {
        @if !parts.is_empty() {
            section aria-labelledby="s-parts" {
                h2 id="s-parts" { "Teile" }
                @if seen.is_owned {
                    p { "Setzen Sie mehrere auf einmal. „Wie geprüft“ heißt: nicht von Hand gesetzt." }
                    form method="post" action=(seen.action("parts")) {
                        (seen.hidden())
                        input type="hidden" name="key" value=(seen.visit.nonce);
                        @for part in &parts {
                            @let id = part.component.id.as_str();
                            @let name = select_of(id);
                            @let chosen = fields.filter(|fields| fields.has(&name)).map_or_else(|| word(now(part)).to_owned(), |fields| fields.text(&name));
                            @let fault = faults.iter().find(|fault| fault.field.as_deref() == Some(&*name));
                            @let fault_id = fault.map(|_| format!("{name}-fault"));
                            div.field.part-row {
                                label for=(name) { (scope::component_name(seen.visit, part.component)) }
                                p.meta { "Jetzt: " (state(part.view.status, Some(part.component.kind))) " "
                                    a href={ (PREFIX) "/components/" (id) } { "Einzelheiten" span.hidden { " zu " (scope::component_name(seen.visit, part.component)) } } }
                                @if let (Some(fault), Some(fault_id)) = (fault, &fault_id) { p.fault id=(fault_id) { (fault.sentence) } }
                                input type="hidden" name={ "was-" (id) } value=(word(now(part)));
                                select id=(name) name=(name) aria-describedby=[&fault_id] aria-invalid=[fault.map(|_| "true")] {
                                    option value="" selected[chosen.is_empty()] { "Wie geprüft" }
                                    @for (status, said) in statuses(Some(part.component.kind)) {
                                        option value=(status) selected[chosen == status] { (said) }
                                    }
                                }
                            }
                        }
                        (field::DayTime { name: "parts-until", label: "Bis wann?", hint: "Gilt für alles, was Sie jetzt neu setzen. Nötig für das, was besser ist, als die Prüfungen sagen: höchstens 7 Tage.", required: false, now: ("", "") }.show(fields, faults))
                        p.buttons { button { "Alle Teile veröffentlichen" } }
                    }
                } @else {
                    ul.rows {
                        @for part in &parts {
                            li {
                                div.head {
                                    a href={ (PREFIX) "/components/" (part.component.id) @if let Some((_, town)) = seen.town { "?organisation=" (town.id) } } { (scope::component_name(seen.visit, part.component)) }
                                    (state(part.view.status, Some(part.component.kind)))
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What was done and what was not.
pub(super) fn outcomes(all: &[Outcome]) -> Markup {
    let done: Vec<&Outcome> = all.iter().filter(|outcome| outcome.refused.is_none()).collect();
    html! {
        @if !done.is_empty() {
            div.done role="status" {
                p { strong { "Das ist veröffentlicht:" } }
                ul {
                    @for outcome in done {
                        li { (outcome.name) ": " @match outcome.wanted {
                            Some(status) => (Words::German.status(status, None)),
                            None => "wie geprüft",
                        } }
                    }
                }
            }
        }
    }
}

pub(super) async fn carry_out(seen: &Seen<'_>, ask: &dyn Ask, sent: &Form) -> Reply {
    let again = |faults: Vec<Fault>, outcomes: Vec<Outcome>| Sent {
        form: "parts",
        fields: Some(sent),
        faults,
        outcomes,
        ..Sent::default()
    };
    let until = match field::read_when(sent, "parts-until") {
        Ok(until) => until,
        Err(fault) => return show(seen, ask, again(vec![fault], Vec::new())).await,
    };
    let key = preview::key(seen.visit, sent);
    let mut outcomes = Vec::new();
    for part in parts(seen) {
        let id = part.component.id.as_str();
        let (wanted, before) = (sent.text(&select_of(id)), sent.text(&format!("was-{id}")));
        if wanted == before || !sent.has(&select_of(id)) {
            continue;
        }
        let mut outcome = Outcome {
            id: id.to_owned(),
            name: scope::component_name(seen.visit, part.component),
            wanted: Status::parse(&wanted),
            refused: None,
        };
        if !wanted.is_empty() && outcome.wanted.is_none() {
            outcome.refused = Some("Diesen Stand gibt es nicht.".to_owned());
        } else if word(part.set) == wanted {
            // Somebody, or this very form, has done it already.
        } else if word(part.set) != before {
            outcome.refused =
                Some("Inzwischen hat jemand anderes diesen Teil gesetzt. Bitte sehen Sie nach.".to_owned());
        } else {
            let path = format!("/components/{id}/override");
            let asking = match outcome.wanted {
                Some(status) => {
                    let mut body = json!({ "status": status.as_str() });
                    if let (Some(until), Some(fields)) = (&until, body.as_object_mut()) {
                        fields.insert("until".to_owned(), until.clone().into());
                    }
                    Asking::new("PUT", path, Some(body))
                }
                None => Asking::new("DELETE", path, None),
            };
            let told = ask.ask(Asking { idempotency_key: Some(format!("{key}-{id}")), ..asking }).await;
            outcome.refused = (!told.is_well()).then(|| refusal::fault(&told, &[]).sentence);
        }
        outcomes.push(outcome);
    }
    let faults: Vec<Fault> = outcomes
        .iter()
        .filter_map(|outcome| {
            let why = outcome.refused.as_ref()?;
            Some(Fault { field: Some(select_of(&outcome.id)), sentence: format!("{}: {why}", outcome.name) })
        })
        .collect();
    match (outcomes.is_empty(), faults.is_empty()) {
        (true, _) => seen.done("nichts"),
        (false, true) => seen.done("teile"),
        (false, false) => show(seen, ask, again(faults, outcomes)).await,
    }
}
