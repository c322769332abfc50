//! Forms about an incident that is there: a new update, its end, and what was said of it as a whole.

use maud::{Markup, html};
use serde_json::{Value, json};

use crate::desk::choice::Choices;
use crate::desk::field::Texts;
use crate::desk::form::Form;
use crate::desk::incident::Known;
use crate::desk::incident::fields::{States, ending, promise, read_ending, read_promise, same_ending};
use crate::desk::incident::open::{INTERNAL, TEXT, TITLE, causes, opens, pointers, unaffected};
use crate::desk::page::{self, Fault, Field, Kind, titled};
use crate::desk::publishing::{Course, Sheet, begin, carry, end, revision};
use crate::desk::time::Wall;
use crate::desk::{Ask, Asking, PREFIX, Reply, Visit, ways, words};
use crate::model::incident::{Impact, IncidentStatus};
use crate::publish::wording::Words;

/// A new update, or with `ends` the last one.
pub(super) async fn update(visit: &Visit, ask: &dyn Ask, incident: &Known, ends: bool) -> Reply {
    let overview = ask.ask(Asking::get("/overview")).await;
    let parts = Choices::owned(visit, words::list(&overview.body, "/internal_components"));
    let sheet = Update { visit, incident, ends, parts: &parts };
    let Some(form) = &visit.sent else { return sheet.show(None, &[], 200) };
    match carry(visit, ask, form, sheet.read(form)).await {
        Course::Again(status, faults) => sheet.show(Some(form), &faults, status),
        Course::Page(page) => page,
        Course::Done(_) => incident.done(if ends { "resolved" } else { "updated" }),
    }
}

struct Update<'a> {
    visit: &'a Visit,
    incident: &'a Known,
    ends: bool,
    parts: &'a Choices,
}

impl Update<'_> {
    fn path(&self) -> String {
        self.incident.path(if self.ends { "/resolve" } else { "/update" })
    }

    fn heading(&self) -> &'static str {
        match (self.ends, self.incident.is_open()) {
            (true, _) => "Störung beenden",
            (false, true) => "Neue Meldung schreiben",
            (false, false) => "Nachtrag schreiben",
        }
    }

    fn given(&self) -> Value {
        self.incident.body.pointer("/internal/components").cloned().unwrap_or_default()
    }

    fn expected(&self) -> &Value {
        self.incident.body.pointer("/internal/expected_end").unwrap_or(&Value::Null)
    }

    fn unaffected(&self) -> Vec<String> {
        let known = words::list(&self.incident.body, "/internal/unaffected");
        known.iter().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// The request: what was said, and of the rest what differs from what is there.
    fn read(&self, form: &Form) -> Sheet<'static> {
        let visit = self.visit;
        let mut body = json!({ "text": TEXT.read(visit, form) });
        let mut faults = TEXT.gaps(visit, form);
        let mut at = Vec::new();
        if let Value::Object(fields) = &mut body {
            let mut give = |name: &str, value: Value| drop(fields.insert(name.to_owned(), value));
            INTERNAL.filled(visit, form).into_iter().for_each(|internal| give("internal_text", internal));
            if self.ends {
                give("status", "resolved".into());
                form.filled("resolved_at").into_iter().for_each(|time| give("resolved_at", time.into()));
            } else {
                form.filled("status").into_iter().for_each(|status| give("status", status.into()));
                self.read_rest(form, &mut give, &mut faults, &mut at);
            }
        }
        let path = format!("/incidents/{}/updates", self.incident.id);
        let asking = Asking::new("POST", path, Some(body));
        Sheet { faults, pointers: pointers(visit, at), ..Sheet::new(self.heading(), self.path(), asking) }
    }

    fn read_rest(
        &self,
        form: &Form,
        give: &mut impl FnMut(&str, Value),
        faults: &mut Vec<Fault>,
        at: &mut Vec<(String, String)>,
    ) {
        let visit = self.visit;
        let states = States { all: self.parts, given: &self.given(), concerned: &[], reported: "" }.read(form);
        if !states.is_empty() {
            give("components", states.into());
        }
        if self.incident.is_open() {
            read_promise(form).into_iter().for_each(|by| give("next_update_by", by));
        }
        let expected = read_ending(visit, form, self.expected(), faults);
        if !same_ending(visit, &expected, self.expected()) {
            give("expected_end", expected);
        }
        let cause = form.text("cause");
        if cause != self.incident.field("cause") {
            give("cause", Some(cause).filter(|cause| !cause.is_empty()).into());
        }
        let mut unaffected: Vec<String> = form.all("unaffected").map(str::to_owned).collect();
        let mut before = self.unaffected();
        unaffected.sort_unstable();
        before.sort_unstable();
        if unaffected != before {
            give("unaffected", unaffected.into());
        }
        let ways = ways::read(visit, form);
        if ways.all.as_slice() != words::list(&self.incident.body, "/internal/alternatives") {
            give("alternatives", ways.all.into());
        }
        faults.extend(ways.faults);
        at.extend(ways.pointers);
    }

    fn show(&self, sent: Option<&Form>, faults: &[Fault], status: u16) -> Reply {
        let (visit, incident) = (self.visit, self.incident);
        let main = html! {
            h1 { (self.heading()) }
            (page::faults(faults))
            p.over { a href={ (PREFIX) (incident.path("")) } { (incident.title()) } }
            (so_far(visit, incident))
            form method="post" action={ (PREFIX) (self.path()) } novalidate {
                (begin(visit, &revision(&incident.etag, sent, status)))
                (TEXT.show(visit, sent, faults, &Value::Null))
                @if self.ends { (self.end_fields(sent, faults)) } @else { (self.fields(sent, faults)) }
                (end())
            }
        };
        Reply::page(status, page::page(visit, &titled(self.heading(), faults), &main))
    }

    fn end_fields(&self, sent: Option<&Form>, faults: &[Fault]) -> Markup {
        let since = Field {
            name: "resolved_at",
            label: "Seit wann läuft alles wieder?",
            hint: "Leer heißt: seit jetzt.",
            kind: Kind::Time,
            required: false,
            now: "",
        };
        html! {
            (since.show(sent, faults))
            (INTERNAL.show(self.visit, sent, faults, &Value::Null))
        }
    }

    fn fields(&self, sent: Option<&Form>, faults: &[Fault]) -> Markup {
        let (visit, incident) = (self.visit, self.incident);
        let statuses: Vec<(&str, &str)> =
            IncidentStatus::ALL.iter().map(|one| (one.as_str(), Words::German.incident_status(*one))).collect();
        let stands = Field {
            name: "status",
            label: "Wie steht es?",
            hint: "",
            kind: Kind::OneOf(&statuses),
            required: true,
            now: incident.field("status"),
        };
        let causes = causes("nicht angeben");
        let cause = Field {
            name: "cause",
            label: "Art der Ursache",
            hint: "",
            kind: Kind::OneOf(&causes),
            required: false,
            now: incident.field("cause"),
        };
        let given = self.given();
        let concerned = incident.concerned();
        let states = States { all: self.parts, given: &given, concerned: &concerned, reported: "" };
        let overdue = words::flag(&incident.body, "/incident/overdue");
        let promised = if overdue { "" } else { incident.text("/internal/next_update_by") };
        let (on_pages, well) = (Choices::shown(visit), self.unaffected());
        let ways = words::list(&incident.body, "/internal/alternatives");
        let is_open = opens(sent, faults) && sent.is_some();
        let seeks = sent.is_some_and(|form| form.text("do") == "find")
            || faults.iter().any(|fault| fault.field.as_deref() == Some("states"));
        html! {
            (stands.show(sent, faults))
            @if incident.is_open() { (promise(visit, sent, faults, promised)) }
            details.more open[ways::is_open(sent, faults, ways)] {
                summary { "So geht es trotzdem: Telefon, Formular, Schalter" }
                (ways::show(visit, sent, faults, ways, &self.path()))
            }
            details.more open[seeks] {
                summary { "Was ist wie gestört?" }
                (states.show(
                    "Dienste und ihr Stand",
                    "Nur nötig, wenn die automatische Prüfung es nicht selbst sieht.", sent, faults,
                ))
            }
            details.more open[is_open] {
                summary { "Mehr angeben: Ende, Ursache, nicht betroffen, Internes" }
                (ending(visit, sent, faults, self.expected()))
                (cause.show(sent, faults))
                (unaffected(&on_pages, &well).show(sent, faults))
                (INTERNAL.show(visit, sent, faults, &Value::Null))
            }
        }
    }
}

/// What stands there at the moment.
pub(super) fn so_far(visit: &Visit, incident: &Known) -> Markup {
    html! {
        @if let Some((text, at)) = incident.newest() {
            div.now {
                p.meta { "Das steht zurzeit da (" (Wall::of(visit).moment(at)) "):" }
                p.said { (text) }
            }
        }
    }
}

/// What was said of it as a whole: title, impact, cause, root.
pub(super) async fn edit(visit: &Visit, ask: &dyn Ask, incident: &Known) -> Reply {
    let overview = ask.ask(Asking::get("/overview")).await;
    let parts = Choices::owned(visit, words::list(&overview.body, "/internal_components"));
    let Some(form) = &visit.sent else { return show_edit(visit, incident, &parts, None, &[], 200) };
    match carry(visit, ask, form, read_edit(visit, incident, form)).await {
        Course::Again(status, faults) => show_edit(visit, incident, &parts, Some(form), &faults, status),
        Course::Page(page) => page,
        Course::Done(_) => incident.done("changed"),
    }
}

/// Most components among which the root can be chosen.
const ROOTS_MAX: usize = 200;

/// The title in every language: what somebody wrote, else the automatic one in the first.
fn title_now(visit: &Visit, incident: &Known) -> Value {
    match incident.body.pointer("/internal/title") {
        Some(title) if title.is_object() => title.clone(),
        _ => json!({ visit.snapshot.catalogue.site.language(): incident.title() }),
    }
}

fn read_edit(visit: &Visit, incident: &Known, form: &Form) -> Sheet<'static> {
    let mut body = json!({});
    if let Value::Object(fields) = &mut body {
        let mut give = |name: &str, value: Value| drop(fields.insert(name.to_owned(), value));
        let now = title_now(visit, incident);
        if TITLE.is_changed(visit, form, &now) {
            give("title", TITLE.replacing(visit, form, &now).unwrap_or_else(|| json!({})));
        }
        let changed = |name: &str, now: &str| Some(form.text(name)).filter(|value| value != now);
        if let Some(impact) = changed("impact", incident.field("impact")).filter(|impact| !impact.is_empty()) {
            give("impact", impact.into());
        }
        if let Some(cause) = changed("cause", incident.field("cause")) {
            give("cause", Some(cause).filter(|cause| !cause.is_empty()).into());
        }
        if let Some(root) = changed("root", incident.text("/internal/root")).filter(|root| !root.is_empty()) {
            give("root", root.into());
        }
        TEXT.filled(visit, form).into_iter().for_each(|text| give("text", text));
    }
    let mut faults = TITLE.gaps(visit, form);
    faults.extend(TEXT.gaps(visit, form));
    if body.as_object().is_some_and(serde_json::Map::is_empty) {
        faults.push(Fault { field: None, sentence: "Sie haben nichts geändert.".to_owned() });
    }
    let asking = Asking::new("PATCH", format!("/incidents/{}", incident.id), Some(body));
    let pointers = pointers(visit, Vec::new());
    Sheet { faults, pointers, ..Sheet::new("Störung ändern", incident.path("/edit"), asking) }
}

fn show_edit(
    visit: &Visit,
    incident: &Known,
    parts: &Choices,
    sent: Option<&Form>,
    faults: &[Fault],
    status: u16,
) -> Reply {
    let impacts: Vec<(&str, &str)> =
        Impact::ALL.iter().map(|impact| (impact.as_str(), Words::German.impact(*impact))).collect();
    let causes = causes("nicht angeben");
    let root = incident.text("/internal/root");
    let concerned = incident.concerned();
    // What is disturbed comes first; a root that is not the visitor's stays as it is.
    let (first, others): (Vec<_>, Vec<_>) = parts.all().iter().partition(|part| concerned.contains(&part.id));
    let mut roots: Vec<(&str, &str)> =
        first.into_iter().chain(others).map(|part| (part.id.as_str(), part.name.as_str())).collect();
    roots.truncate(ROOTS_MAX);
    if !roots.iter().any(|(id, _)| *id == root) {
        let name = incident.text("/incident/root/name");
        roots.insert(0, (root, if name.is_empty() { root } else { name }));
    }
    let field = |name, label, hint, all, now| Field { name, label, hint, kind: Kind::OneOf(all), required: true, now };
    let text = Texts {
        required: false,
        hint: "Erscheint als neue Meldung. Ohne Text ändert sich nur, was oben steht.",
        ..TEXT
    };
    let main = html! {
        h1 { "Titel, Schwere, Ursache ändern" }
        (page::faults(faults))
        p.over { a href={ (PREFIX) (incident.path("")) } { (incident.title()) } }
        form method="post" action={ (PREFIX) (incident.path("/edit")) } novalidate {
            (begin(visit, &revision(&incident.etag, sent, status)))
            (TITLE.show(visit, sent, faults, &title_now(visit, incident)))
            (field("impact", "Wie schwer ist es?", "", &impacts, incident.field("impact")).show(sent, faults))
            (field("cause", "Art der Ursache", "", &causes, incident.field("cause")).show(sent, faults))
            (field(
                "root", "Wo liegt die Ursache?",
                "Setzen Sie sie selbst, verschiebt die automatische Prüfung sie nicht mehr.", &roots, root,
            ).show(sent, faults))
            (text.show(visit, sent, faults, &Value::Null))
            (end())
        }
    };
    Reply::page(status, page::page(visit, &titled("Störung ändern", faults), &main))
}
