//! `/admin/components/{id}`: one component. What its checks see, its status by hand, its parts, and
//! what differs in single towns.

mod checks;
mod local;
mod parts;

use maud::{Markup, html};
use serde_json::{Value, json};

use crate::desk::components::{by_hand, state};
use crate::desk::form::Form;
use crate::desk::page::{Fault, Field, Kind};
use crate::desk::publishing::{Confirm, Course, Sheet, begin, carry, confirm, end, revision};
use crate::desk::time::Wall;
use crate::desk::{Ask, Asking, PREFIX, Reply, Told, Visit, field, page, scope, words};
use crate::model::local::{Town, View};
use crate::model::snapshot::{PublicComponent, PublicOrganisation};
use crate::model::status::{ComponentKind, Status};
use crate::model::text::Plain;
use crate::publish::wording::{Words, capitalised};

/// A component as its page needs it.
struct Seen<'a> {
    visit: &'a Visit,
    id: String,
    /// What the public knows of it.
    public: Option<(u32, &'a PublicComponent)>,
    /// The town whose eyes it is seen with.
    town: Option<(u32, &'a PublicOrganisation)>,
    /// Whether the visitor may change it.
    is_owned: bool,
    /// What the interface told.
    told: Told,
}

/// What was sent to the page and was not carried out.
#[derive(Default)]
struct Sent<'a> {
    /// Which of its forms.
    form: &'a str,
    fields: Option<&'a Form>,
    faults: Vec<Fault>,
    /// The status of the answer; 0 if nothing was sent.
    status: u16,
    outcomes: Vec<parts::Outcome>,
}

impl Sent<'_> {
    fn fields_of(&self, form: &str) -> Option<&Form> {
        self.fields.filter(|_| self.form == form)
    }

    fn faults_of(&self, form: &str) -> &[Fault] {
        if self.form == form { &self.faults } else { &[] }
    }
}

/// The page, or what one of its forms does.
pub async fn visit(visit: &Visit, ask: &dyn Ask, id: &str, action: Option<&str>) -> Reply {
    let told = ask.ask(Asking::get(format!("/components/{id}"))).await;
    if !told.is_well() {
        return if told.status == 404 { page::not_found(visit) } else { page::refused(visit, &told) };
    }
    let seen = Seen::new(visit, id, told);
    match (action, &visit.sent) {
        (None, None) => show(&seen, ask, Sent::default()).await,
        (Some("status"), Some(sent)) => set(&seen, ask, sent).await,
        (Some("back"), Some(_)) => give_back(&seen, ask).await,
        (Some("parts"), Some(sent)) => parts::carry_out(&seen, ask, sent).await,
        (Some("local"), Some(sent)) => local::carry_out(&seen, ask, sent).await,
        (Some("change"), Some(sent)) => local::change(&seen, ask, sent).await,
        (Some("remove"), Some(sent)) => local::remove(&seen, ask, sent).await,
        // Whoever comes back to the address of a form gets the page.
        (Some("status" | "back" | "parts" | "local" | "change" | "remove"), None) => Reply::see(seen.path()),
        _ => page::not_found(visit),
    }
}

impl<'a> Seen<'a> {
    fn new(visit: &'a Visit, id: &str, told: Told) -> Self {
        let catalogue = &visit.snapshot.catalogue;
        let public = catalogue.component_index.get(id);
        let public = public.and_then(|&index| Some((index, catalogue.components.get(index as usize)?)));
        let shown_on = public.map_or(&[][..], |(_, component)| &component.shown_on);
        let organisation = |index: u32| Some((index, catalogue.organisations.get(index as usize)?));
        let asked = visit
            .sent
            .as_ref()
            .and_then(|sent| sent.filled("organisation"))
            .unwrap_or_else(|| visit.query.text("organisation"));
        let town = shown_on
            .iter()
            .filter_map(|&index| organisation(index))
            .filter(|(_, organisation)| scope::speaks_for(visit, organisation))
            .find(|(_, organisation)| asked.is_empty() || organisation.id.as_str() == asked)
            .or_else(|| public.and_then(|(_, component)| organisation(component.owner)));
        let is_owned = told.body.pointer("/internal/owned").and_then(Value::as_bool) == Some(true);
        Self { visit, id: id.to_owned(), public, town, is_owned, told }
    }

    /// Below [`PREFIX`], with the eyes of the same town.
    fn below(&self) -> String {
        let town = self.town.map(|(_, town)| format!("?organisation={}", town.id)).unwrap_or_default();
        format!("/components/{}{town}", self.id)
    }

    fn path(&self) -> String {
        format!("{PREFIX}{}", self.below())
    }

    /// What it is known by as it is now.
    fn etag(&self) -> &str {
        self.told.etag.as_deref().unwrap_or_default()
    }

    /// The same with a word on what was done.
    fn done(&self, what: &str) -> Reply {
        let path = self.path();
        let sign = if path.contains('?') { '&' } else { '?' };
        Reply::see(format!("{path}{sign}getan={what}"))
    }

    /// Where a form is sent to, below [`PREFIX`].
    fn to(&self, form: &str) -> String {
        format!("/components/{}/{form}", self.id)
    }

    fn action(&self, form: &str) -> String {
        format!("{PREFIX}{}", self.to(form))
    }

    /// The interface's path of something of it.
    fn asked(&self, what: &str) -> String {
        format!("/components/{}/{what}", self.id)
    }

    fn internal(&self, field: &str) -> Option<&Value> {
        self.told.body.get("internal")?.get(field).filter(|value| !value.is_null())
    }

    fn name(&self) -> String {
        match self.public {
            Some((_, component)) => scope::component_name(self.visit, component),
            None => Some(words::line(&self.told.body, "/internal/name"))
                .filter(|name| !name.is_empty())
                .unwrap_or_else(|| self.id.clone()),
        }
    }

    fn kind(&self) -> Option<ComponentKind> {
        let internal = || ComponentKind::parse(words::text(&self.told.body, "/internal/kind"));
        self.public.map(|(_, component)| component.kind).or_else(internal)
    }

    fn view(&self) -> Option<View<'a>> {
        let (index, _) = self.public?;
        Town::new(&self.visit.snapshot, self.town.map(|(town, _)| town)).view(index)
    }

    fn status(&self) -> Status {
        let of = |pointer: &str| Status::parse(words::text(&self.told.body, pointer));
        // What the interface tells is never older than what the public reads; of a town it knows nothing.
        match self.view().map(|view| (view.status, view.status != view.state.status)) {
            Some((here, true)) => here,
            Some((here, false)) => of("/component/status").unwrap_or(here),
            None => of("/internal/status").unwrap_or(Status::Unknown),
        }
    }

    fn zone(&self) -> &'a str {
        let owner = self.public.and_then(|(_, c)| self.visit.snapshot.catalogue.organisations.get(c.owner as usize));
        owner.map_or(&self.visit.snapshot.catalogue.site.timezone, |owner| &owner.timezone)
    }

    /// How a form here begins that is looked at before it is published.
    fn begin(&self, sent: Option<&Form>, status: u16) -> Markup {
        html! {
            (begin(self.visit, &revision(self.etag(), sent, status)))
            (self.eyes())
        }
    }

    /// How a form here begins that is asked about first.
    fn begin_asking(&self) -> Markup {
        html! {
            (page::token(self.visit))
            input type="hidden" name="revision" value=(Plain::new(self.etag()));
            (self.eyes())
        }
    }

    /// The way back to the same town's eyes.
    fn eyes(&self) -> Markup {
        html! {
            @if let Some((_, town)) = self.town { input type="hidden" name="organisation" value=(town.id); }
        }
    }
}

/// What was done just before, by the word in the address.
fn said(done: &str) -> Option<&'static str> {
    Some(match done {
        "status" => "Der Stand ist gesetzt und veröffentlicht.",
        "zurueck" => "Der Stand kommt wieder von den Prüfungen.",
        "teile" => "Alle Änderungen an den Teilen sind veröffentlicht.",
        "nichts" => "Es war nichts zu ändern.",
        "ort" => "Die Angaben für die gewählten Orte sind veröffentlicht.",
        "weg" => "Das ist zurückgenommen.",
        _ => return None,
    })
}

async fn show(seen: &Seen<'_>, ask: &dyn Ask, sent: Sent<'_>) -> Reply {
    let visit = seen.visit;
    let probes = match seen.is_owned {
        true => Some(ask.ask(Asking::get(seen.asked("probes"))).await),
        false => None,
    };
    let name = seen.name();
    let main = html! {
        p.over { a href={ (PREFIX) "/components" } { "Dienste" } }
        h1 { (name) }
        @if let Some(said) = said(&visit.query.text("getan")) { p.done role="status" { (said) } }
        (page::faults(&sent.faults))
        (parts::outcomes(&sent.outcomes))
        (standing(seen))
        @if let Some(probes) = &probes { (checks::section(seen, probes)) }
        (parts::section(seen, &sent))
        @if seen.is_owned { (by_hand_section(seen, &sent)) }
        (local::section(seen, &sent))
    };
    Reply::page(sent.status.max(200), page::page(visit, &page::titled(&name, &sent.faults), &main))
}

/// What the public reads.
fn standing(seen: &Seen<'_>) -> Markup {
    let visit = seen.visit;
    let kind = seen.kind();
    let owner = seen.public.and_then(|(_, c)| visit.snapshot.catalogue.organisations.get(c.owner as usize));
    html! {
        div.standing {
            p { (state(seen.status(), kind)) @if let Some(kind) = kind { " " span.soft { (Words::German.component_kind(kind)) } } }
            @match seen.view() {
                Some(view) => {
                    p { "Seit " (Wall::of(visit).moment(&view.since.to_string())) "." }
                    @if let Some(evidence) = Words::German.evidence(view.evidence) { p { "Grundlage: " (evidence) "." } }
                    @if let Some(cause) = view.affected_by.as_ref().and_then(|affected| affected.path.last()) {
                        p { "Betroffen von der Störung: " (cause.name.get("de", visit.snapshot.catalogue.site.language())) "." }
                    }
                    @if let Some(reason) = view.state.reason { p { (Words::German.reason(reason)) } }
                },
                None => p { "Intern: Dieser Dienst steht auf keiner öffentlichen Seite." },
            }
            @if let Some(owner) = owner.filter(|_| !seen.is_owned) {
                p { "Gehört: " (scope::name(visit, owner)) ". Seinen Stand setzt nur diese Stelle; Sie sagen, was bei Ihnen anders ist." }
            }
            @if let (Some((_, town)), true) = (seen.town, seen.public.is_some()) {
                p { a href={ "/" (town.id) "/" (seen.id) } { "So steht es auf der Seite von " (scope::name(visit, town)) } }
            }
            @if seen.is_owned { p.act { a.button.quiet href={ (PREFIX) "/incidents/new?component=" (seen.id) } { "Störung melden" } } }
        }
    }
}

/// The statuses that people set.
pub(super) fn statuses(kind: Option<ComponentKind>) -> Vec<(&'static str, String)> {
    let settable =
        [Status::Operational, Status::DegradedPerformance, Status::PartialOutage, Status::MajorOutage, Status::Unknown];
    settable.iter().map(|status| (status.as_str(), capitalised(Words::German.status(*status, kind)))).collect()
}

const RULE: &str = "Was Sie setzen, gilt vor jeder Prüfung, bis Sie es zurückgeben; etwas Besseres, als die Prüfungen \
                    sagen, gilt höchstens 7 Tage und braucht ein Ende.";

fn by_hand_section(seen: &Seen<'_>, sent: &Sent<'_>) -> Markup {
    let fields = sent.fields_of("status");
    let faults = sent.faults_of("status");
    let set = seen.internal("override");
    let known = statuses(seen.kind());
    let all = field::choices("Bitte wählen", known.iter().map(|(status, name)| (*status, name.as_str())));
    let now = set.and_then(|set| Status::parse(words::text(set, "/status")));
    html! {
        section aria-labelledby="s-hand" {
            h2 id="s-hand" { "Stand von Hand setzen" }
            p { (RULE) }
            @if let (Some(set), Some(now)) = (set, now) {
                p { strong { (capitalised(Words::German.status(now, seen.kind()))) } ", " (by_hand(seen.visit, words::instant(set, "/until"))) "." }
                form.act method="post" action=(seen.action("back")) {
                    (seen.begin_asking())
                    button.quiet name="do" value="ask" { "An die Prüfungen zurückgeben" }
                }
            }
            form method="post" action=(seen.action("status")) {
                (seen.begin(fields, sent.status))
                (Field { name: "status", label: "Neuer Stand", hint: "", kind: Kind::OneOf(&all), required: true, now: "" }.show(fields, faults))
                (field::DayTime { name: "until", label: "Bis wann?", hint: field::INCLUSIVE, required: false, now: ("", "") }.show(fields, faults))
                (end())
            }
        }
    }
}

async fn set(seen: &Seen<'_>, ask: &dyn Ask, sent: &Form) -> Reply {
    let mut faults = Vec::new();
    let status = Status::parse(&sent.text("status"));
    if status.is_none() {
        faults.push(Fault { field: Some("status".to_owned()), sentence: "Bitte wählen Sie einen Stand.".to_owned() });
    }
    let until = field::read_when(sent, "until").unwrap_or_else(|fault| {
        faults.push(fault);
        None
    });
    let path = seen.asked("override");
    let sheet = Sheet {
        faults,
        pointers: [("/status", "status"), ("/until", "until")]
            .map(|(at, field)| (at.to_owned(), field.to_owned()))
            .into(),
        summary: html! { p { "Neuer Stand von „" (seen.name()) "“: " @if let Some(status) = status { (state(status, seen.kind())) } } },
        ..Sheet::new(
            "Stand von Hand",
            seen.to("status"),
            Asking::new("PUT", path, Some(by_hand_request(status, until))),
        )
    };
    match carry(seen.visit, ask, sent, sheet).await {
        Course::Again(status, faults) => {
            show(seen, ask, Sent { form: "status", fields: Some(sent), faults, status, ..Sent::default() }).await
        }
        Course::Page(page) => page,
        Course::Done(_) => seen.done("status"),
    }
}

/// A status by hand as the interface takes it.
fn by_hand_request(status: Option<Status>, until: Option<String>) -> Value {
    let mut body = json!({ "status": status.map(Status::as_str) });
    if let (Some(until), Some(fields)) = (until, body.as_object_mut()) {
        fields.insert("until".to_owned(), until.into());
    }
    body
}

async fn give_back(seen: &Seen<'_>, ask: &dyn Ask) -> Reply {
    let set = seen.internal("override").and_then(|set| Status::parse(words::text(set, "/status")));
    let name = seen.name();
    let asking = Asking::new("DELETE", seen.asked("override"), None);
    let asked = Confirm {
        sheet: Sheet {
            button: "Zurückgeben", ..Sheet::new("An die Prüfungen zurückgeben", seen.to("back"), asking)
        },
        etag: seen.etag(),
        says: "Der Stand von Hand gilt dann nicht mehr. Auf allen Seiten steht wieder, was die Prüfungen sehen.",
        what: html! { p { (name) ": " @if let Some(set) = set { (state(set, seen.kind())) } } },
        back: (seen.below(), &name),
        done: seen.done("zurueck"),
    };
    confirm(seen.visit, ask, asked).await
}
