//! The parts of a component, each with its status by hand, in one form. It becomes one request for each
//! part that is set anew; what was done and what was refused is said of each, and nothing that was
//! chosen is lost.

use maud::{Markup, html};
use serde_json::Value;

use crate::desk::component::{Seen, Sent, by_hand_request, show, statuses};
use crate::desk::components::state;
use crate::desk::form::Form;
use crate::desk::page::Fault;
use crate::desk::publishing::{Wish, carrying, documents, end, key, look, readings};
use crate::desk::{Ask, Asking, PREFIX, Reply, field, refusal, scope};
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
                        (seen.begin(None, 0))
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
                        (end())
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

fn wanted_said(outcome: &Outcome) -> &'static str {
    outcome.wanted.map_or("wie geprüft", |status| Words::German.status(status, None))
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
                        li { (outcome.name) ": " (wanted_said(outcome)) }
                    }
                }
            }
        }
    }
}

/// What is wanted of one part, and what the interface said to it.
struct Wanted {
    outcome: Outcome,
    /// What the part was known by when it was looked at.
    revision: String,
    told: Value,
}

/// Sets each part that was chosen otherwise, or tries to.
async fn each(seen: &Seen<'_>, ask: &dyn Ask, sent: &Form, until: Option<&String>) -> Vec<Wanted> {
    let publishes = Wish::of(sent) == Wish::Publish;
    let key = key(seen.visit, sent);
    let mut all = Vec::new();
    for part in parts(seen) {
        let id = part.component.id.as_str();
        let (name, before) = (select_of(id), sent.text(&format!("was-{id}")));
        let word_wanted = sent.text(&name);
        // What somebody has set so meanwhile need not be looked at.
        let is_so = word(part.set) == word_wanted && !publishes;
        if word_wanted == before || !sent.has(&name) || is_so {
            continue;
        }
        let wanted = Status::parse(&word_wanted);
        let mut one = Wanted {
            outcome: Outcome {
                id: id.to_owned(),
                name: scope::component_name(seen.visit, part.component),
                wanted,
                refused: None,
            },
            revision: sent.text(&format!("revision-{id}")),
            told: Value::Null,
        };
        if !word_wanted.is_empty() && wanted.is_none() {
            one.outcome.refused = Some("Diesen Stand gibt es nicht.".to_owned());
        } else if word(part.set) == word_wanted {
            // Somebody, or this very form, has done it already.
        } else if word(part.set) != before {
            one.outcome.refused =
                Some("Inzwischen hat jemand anderes diesen Teil gesetzt. Bitte sehen Sie nach.".to_owned());
        } else {
            if !publishes {
                one.revision = ask.ask(Asking::get(format!("/components/{id}"))).await.etag.unwrap_or_default();
            }
            let path = format!("/components/{id}/override");
            let asking = match wanted {
                Some(_) => Asking::new("PUT", path, Some(by_hand_request(wanted, until.cloned()))),
                None => Asking::new("DELETE", path, None),
            };
            let told = ask
                .ask(Asking {
                    dry_run: !publishes,
                    if_match: Some(one.revision.clone()).filter(|revision| !revision.is_empty()),
                    idempotency_key: publishes.then(|| format!("{key}-{id}")),
                    ..asking
                })
                .await;
            one.outcome.refused = (!told.is_well()).then(|| refusal::fault(&told, &[]).sentence);
            one.told = told.body;
        }
        all.push(one);
    }
    all
}

pub(super) async fn carry_out(seen: &Seen<'_>, ask: &dyn Ask, sent: &Form) -> Reply {
    let again = |faults: Vec<Fault>, outcomes: Vec<Outcome>| Sent {
        form: "parts",
        fields: Some(sent),
        status: if faults.is_empty() { 200 } else { 422 },
        faults,
        outcomes,
    };
    let wish = Wish::of(sent);
    if wish == Wish::Write {
        return show(seen, ask, again(Vec::new(), Vec::new())).await;
    }
    let until = match field::read_when(sent, "parts-until") {
        Ok(until) => until,
        Err(fault) => return show(seen, ask, again(vec![fault], Vec::new())).await,
    };
    let all = each(seen, ask, sent, until.as_ref()).await;
    let faults: Vec<Fault> = all
        .iter()
        .filter_map(|Wanted { outcome, .. }| {
            let sentence = format!("{}: {}", outcome.name, outcome.refused.as_ref()?);
            Some(Fault { field: Some(select_of(&outcome.id)), sentence })
        })
        .collect();
    match (all.is_empty(), faults.is_empty(), wish) {
        (true, ..) => seen.done("nichts"),
        (false, true, Wish::Publish) => seen.done("teile"),
        (false, true, _) => preview(seen, sent, &all),
        (false, false, Wish::Publish) => {
            show(seen, ask, again(faults, all.into_iter().map(|one| one.outcome).collect())).await
        }
        (false, false, _) => show(seen, ask, again(faults, Vec::new())).await,
    }
}

/// The page before they are published: each part as it will be read.
fn preview(seen: &Seen<'_>, sent: &Form, all: &[Wanted]) -> Reply {
    let visit = seen.visit;
    let revisions = all.iter().map(|one| (format!("revision-{}", one.outcome.id), one.revision.clone()));
    let form = sent.with(revisions);
    let read = html! {
        @for Wanted { outcome, told, .. } in all {
            details.more open[all.len() == 1] {
                summary { (outcome.name) ": " (wanted_said(outcome)) }
                (readings(visit, told, None))
                (documents(told, None))
            }
        }
        (carrying(visit, &form, &seen.to("parts"), None, &visit.nonce, "Veröffentlichen"))
    };
    look(visit, "Teile", &read)
}
