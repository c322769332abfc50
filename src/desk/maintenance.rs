//! `/admin/maintenance`: planned work and closures. The list, and the page of one.

mod plan;
mod recurring;
mod word;

use jiff::tz::TimeZone;
use maud::{Markup, html};
use serde_json::Value;

use crate::desk::form::Form;
use crate::desk::page::Fault;
use crate::desk::time::Wall;
use crate::desk::{Ask, Asking, PREFIX, Reply, Told, Visit, page, scope, words};
use crate::model::catalogue::Ends;
use crate::model::event::MaintenancePhase;
use crate::model::id::ComponentId;
use crate::model::notice::MaintenanceNotice;
use crate::model::snapshot::PublicMaintenance;
use crate::model::text::Plain;
use crate::model::window::When;
use crate::publish::html::{when_said, window_said};
use crate::publish::recurrence;
use crate::publish::wording::{self, Words, capitalised};

/// Most announcements of others on the list.
const OTHERS_MAX: usize = 20;

/// Answers what is asked for below `/admin/maintenance`.
pub async fn visit(visit: &Visit, ask: &dyn Ask, rest: &[&str]) -> Reply {
    match (rest, &visit.sent) {
        ([], None) => list(visit, ask).await,
        (["new"], None) => plan::new(visit, ask, None).await,
        (["new"], Some(sent)) => plan::new(visit, ask, Some(sent)).await,
        ([id], None) => match Planned::find(visit, ask, id).await {
            Ok(planned) => show(&planned, Sent::default()),
            Err(reply) => reply,
        },
        ([id, action @ ("edit" | "word" | "cancel")], sent) => match (Planned::find(visit, ask, id).await, *action) {
            (Err(reply), _) => reply,
            (Ok(planned), "edit") => plan::edit(&planned, ask, sent.as_ref()).await,
            (Ok(planned), action) => match sent {
                Some(sent) if action == "word" => word::say(&planned, ask, sent).await,
                Some(sent) => word::cancel(&planned, ask, sent).await,
                // Whoever comes back to the address of a form gets the page.
                None => Reply::see(planned.path()),
            },
        },
        _ => page::not_found(visit),
    }
}

/// Planned work that the visitor may change.
struct Planned<'a> {
    visit: &'a Visit,
    notice: MaintenanceNotice,
    told: Told,
    /// What the public does not know, for its names.
    internal: Vec<Value>,
}

/// What was sent to its page and was not carried out.
#[derive(Default)]
struct Sent<'a> {
    fields: Option<&'a Form>,
    faults: Vec<Fault>,
    /// The status of the answer; 0 if nothing was sent.
    status: u16,
}

impl<'a> Planned<'a> {
    async fn find(visit: &'a Visit, ask: &dyn Ask, id: &str) -> Result<Self, Reply> {
        let told = ask.ask(Asking::get(format!("/maintenance/{id}"))).await;
        if !told.is_well() {
            return Err(if told.status == 404 { page::not_found(visit) } else { page::refused(visit, &told) });
        }
        let notice =
            told.body.pointer("/internal/notice").cloned().and_then(|notice| serde_json::from_value(notice).ok());
        match notice {
            Some(notice) => {
                let notice: MaintenanceNotice = notice;
                let covered = notice.components.iter().map(|covered| covered.component.as_str());
                let ids = covered.chain(notice.unaffected.iter().map(ComponentId::as_str));
                let internal = scope::internal(visit, ask, ids).await;
                Ok(Self { visit, notice, told, internal })
            }
            // It is somebody else's: what there is to read of it the public reads, too.
            None => Err(Reply::see(format!("/maintenance/{id}"))),
        }
    }

    /// Below [`PREFIX`].
    fn below(&self, rest: &str) -> String {
        format!("/maintenance/{}{rest}", self.notice.id)
    }

    fn path(&self) -> String {
        format!("{PREFIX}{}", self.below(""))
    }

    /// What it is known by as it is now.
    fn etag(&self) -> &str {
        self.told.etag.as_deref().unwrap_or_default()
    }

    fn title(&self) -> String {
        let language = self.visit.snapshot.catalogue.site.language();
        crate::publish::escape::line(&self.notice.title.get("de", language))
    }

    fn name_of(&self, id: &ComponentId) -> String {
        let known = scope::component(self.visit, id.as_str());
        known.map_or_else(
            || scope::internal_name(&self.internal, id.as_str()),
            |component| scope::component_name(self.visit, component),
        )
    }
}

fn phase_look(phase: MaintenancePhase) -> &'static str {
    match phase {
        MaintenancePhase::Announced | MaintenancePhase::InProgress => "is-plan",
        MaintenancePhase::Overrunning => "is-out",
        MaintenancePhase::Completed => "is-ok",
        MaintenancePhase::Cancelled => "is-dark",
    }
}

/// A window at the beginning of a line, as the public reads it.
fn window(zone: &str, from: &When, until: &When) -> Markup {
    window_said(zone, from, until)
}

/// One line of the list.
struct Line {
    id: String,
    title: String,
    phase: MaintenancePhase,
    window: Option<(When, When, String)>,
    recurs: bool,
}

fn lines(told: &Told) -> Vec<Line> {
    words::list(&told.body, "/maintenance")
        .iter()
        .filter_map(|line| {
            let when = |field: &str| serde_json::from_value::<When>(line.pointer(field)?.clone()).ok();
            let zone = line.pointer("/window/zone").and_then(Value::as_str).unwrap_or("UTC").to_owned();
            Some(Line {
                id: line.get("id")?.as_str()?.to_owned(),
                title: words::line(line, "/title"),
                phase: serde_json::from_value(line.get("status")?.clone()).ok()?,
                window: when("/window/from").zip(when("/window/until")).map(|(from, until)| (from, until, zone)),
                recurs: line.get("recurs").and_then(Value::as_bool).unwrap_or_default(),
            })
        })
        .collect()
}

async fn list(visit: &Visit, ask: &dyn Ask) -> Reply {
    let told = ask.ask(Asking::get("/maintenance")).await;
    if !told.is_well() {
        return page::refused(visit, &told);
    }
    let lines = lines(&told);
    let of = |phases: &[MaintenancePhase]| lines.iter().filter(|line| phases.contains(&line.phase)).collect::<Vec<_>>();
    let others = others(visit, &lines);
    let main = html! {
        h1 { "Wartungen und Schließungen" }
        p.lead { "Was geplant ist, sagen Sie hier vorher an. Was nicht geplant war, ist eine Störung." }
        p.buttons {
            a.button href={ (PREFIX) "/maintenance/new" } { "Wartung ankündigen" }
            a.button.quiet href={ (PREFIX) "/maintenance/new?art=schliessung" } { "Schließung ankündigen" }
        }
        (group("over", "Dauert länger als angekündigt: bitte melden", &of(&[MaintenancePhase::Overrunning])))
        (group("runs", "Läuft gerade", &of(&[MaintenancePhase::InProgress])))
        (group("ahead", "Angekündigt", &of(&[MaintenancePhase::Announced])))
        @if lines.is_empty() { p { "Zurzeit haben Sie nichts angekündigt." } }
        @if !others.is_empty() {
            section aria-labelledby="g-others" {
                h2 id="g-others" { "Von anderen angekündigt" }
                p { "Das steht auf Ihren Seiten; ändern können es nur die, denen es gehört." }
                ul.rows {
                    @for other in &others {
                        li {
                            div.head {
                                a href={ "/maintenance/" (other.id) } { (other.title.get("de", visit.snapshot.catalogue.site.language())) }
                                span.state.(phase_look(other.phase)) { (Words::German.maintenance_phase(other.phase)) }
                            }
                            p.meta { (window(&other.zone, &other.from, &other.until)) }
                        }
                    }
                }
            }
        }
        (group("past", "Vorbei oder abgesagt", &of(&[MaintenancePhase::Completed, MaintenancePhase::Cancelled])))
    };
    Reply::page(200, page::page(visit, "Wartungen", &main))
}

fn group(id: &str, heading: &str, lines: &[&Line]) -> Markup {
    html! {
        @if !lines.is_empty() {
            section aria-labelledby={ "g-" (id) } {
                h2 id={ "g-" (id) } { (heading) }
                ul.rows {
                    @for line in lines {
                        li {
                            div.head {
                                a href={ (PREFIX) "/maintenance/" (line.id) } { (line.title) }
                                span.state.(phase_look(line.phase)) { (Words::German.maintenance_phase(line.phase)) }
                            }
                            @if let Some((from, until, zone)) = &line.window {
                                p.meta { (window(zone, from, until)) @if line.recurs { " · wiederholt sich" } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What others have announced for the visitor's pages; of all pages for nobody.
fn others<'a>(visit: &'a Visit, mine: &[Line]) -> Vec<&'a PublicMaintenance> {
    if visit.editor.is_admin_of_all() {
        return Vec::new();
    }
    let here = scope::organisations(visit);
    let is_here = |maintenance: &PublicMaintenance| {
        let catalogue = &visit.snapshot.catalogue;
        maintenance.components.iter().any(|covered| {
            let index = catalogue.component_index.get(&covered.component);
            let component = index.and_then(|&index| catalogue.components.get(index as usize));
            component.is_some_and(|component| component.shown_on.iter().any(|page| here.contains(page)))
        })
    };
    let is_over = |phase| matches!(phase, MaintenancePhase::Completed | MaintenancePhase::Cancelled);
    let all = visit.snapshot.maintenances.iter().map(|maintenance| &**maintenance);
    all.filter(|other| !is_over(other.phase) && !mine.iter().any(|line| line.id == other.id.as_str()))
        .filter(|other| is_here(other))
        .take(OTHERS_MAX)
        .collect()
}

/// What was done just before, by the word in the address.
fn said(done: &str) -> Option<&'static str> {
    Some(match done {
        "geplant" => "Die Ankündigung ist veröffentlicht.",
        "geaendert" => "Die Änderung ist veröffentlicht.",
        "gesagt" => "Ihre Meldung ist veröffentlicht.",
        "abgesagt" => "Es ist abgesagt, und alle können es lesen.",
        _ => return None,
    })
}

fn show(planned: &Planned<'_>, sent: Sent<'_>) -> Reply {
    let visit = planned.visit;
    let notice = &planned.notice;
    let title = planned.title();
    // Somebody else may have ended it while a form was filled in.
    let late = sent.fields.filter(|_| notice.is_over());
    let faults = match late {
        None => sent.faults.clone(),
        Some(_) => vec![Fault { field: None, sentence: OVER.to_owned() }],
    };
    let main = html! {
        p.over { a href={ (PREFIX) "/maintenance" } { "Wartungen" } }
        h1 { (title) }
        @if let Some(said) = said(&visit.query.text("getan")) { p.done role="status" { (said) } }
        (page::faults(&faults))
        @if let Some(fields) = late { (unsent(fields)) }
        @if notice.phase == MaintenancePhase::Overrunning {
            div.warning {
                p { strong { "Das angekündigte Ende ist vorbei." } " Läuft alles wieder? Dann sagen Sie es unten. Dauert es länger? Dann ändern Sie das Ende." }
            }
        }
        (facts(planned))
        @if !notice.is_over() {
            p.buttons { a.button.quiet href={ (planned.path()) "/edit" } { "Ankündigung ändern" } }
            (word::section(planned, &sent))
            (word::cancelling(planned))
        }
        (course(planned))
    };
    let status = if late.is_some() { 409 } else { sent.status.max(200) };
    Reply::page(status, page::page(visit, &page::titled(&title, &faults), &main))
}

const OVER: &str = "Diese Wartung ist inzwischen beendet oder abgesagt. Veröffentlicht ist von Ihnen nichts. Was Sie \
                    geschrieben haben, steht hier noch.";

/// What was typed, by what the names of its fields begin with.
const TYPED: [(&str, &str); 9] = [
    ("word-", "Meldung"),
    ("title-", "Überschrift"),
    ("text-", "Text"),
    ("from", "Beginn"),
    ("until", "Ende"),
    (recurring::LAST, "Bis wann es sich wiederholt"),
    ("last", "Letzter Tag vorher"),
    ("way-", "Andere Wege"),
    ("programme", "Vorhaben"),
];

/// What was typed into a form that is not there any more: to be copied, not to be sent.
fn unsent(form: &Form) -> Markup {
    let all: Vec<(&str, &str)> = form
        .fields()
        .filter(|(name, value)| !value.trim().is_empty() && !name.ends_with("-kind") && !name.ends_with("-rest"))
        .filter_map(|(name, value)| Some((TYPED.iter().find(|(begin, _)| name.starts_with(begin))?.1, value)))
        .collect();
    html! {
        section {
            h2 { "Das haben Sie geschrieben" }
            dl.facts { @for (name, value) in all { dt { (name) } dd.text { (Plain::new(&value.replace("\r\n", "\n"))) } } }
        }
    }
}

/// What the public reads of it, and what it rests on.
fn facts(planned: &Planned<'_>) -> Markup {
    let visit = planned.visit;
    let notice = &planned.notice;
    let (wall, zone) = (Wall::of(visit), &notice.zone);
    let is_public = planned.told.body.pointer("/maintenance/public").is_none();
    let language = visit.snapshot.catalogue.site.language();
    html! {
        div.standing {
            p { span.state.(phase_look(notice.phase)) { (capitalised(Words::German.maintenance_phase(notice.phase))) } }
            p { strong { (window(zone, &notice.from, &notice.until)) } }
            @if let Some(text) = &notice.text { p.text { (text.get("de", language)) } }
            dl.facts {
                @if let Some(recurring) = &notice.recurring {
                    dt { "Wiederholung" }
                    dd { (recurrence::said(Words::German, recurring, notice.span(), &TimeZone::get(zone).unwrap_or(TimeZone::UTC))) }
                }
                dt { "Ende" }
                dd { @match notice.ends {
                    Ends::ByItself => "von selbst zum angekündigten Zeitpunkt",
                    Ends::OnNotice => "erst, wenn Sie es melden",
                } }
                @if let Some(ended_at) = notice.ended_at { dt { "Beendet" } dd { (wall.moment(&ended_at.to_string())) } }
                @if let Some(last) = &notice.last_chance_before { dt { "Letzter Tag vorher" } dd { (when_said(zone, last)) } }
                @if let Some(back) = &notice.back_from { dt { "Wieder ab" } dd { (when_said(zone, back)) } }
                dt { "Betrifft" }
                dd { ul {
                    @for covered in &notice.components {
                        li {
                            (planned.name_of(&covered.component))
                            @match (covered.ended_at, &covered.until) {
                                (Some(ended_at), _) => { ": wieder da seit " (wall.moment(&ended_at.to_string())) },
                                (None, Some(until)) => { ": früheres Ende, " (when_said(zone, until)) },
                                (None, None) => {},
                            }
                        }
                    }
                } }
                @if !notice.unaffected.is_empty() {
                    dt { "Nicht betroffen" }
                    dd { ul { @for id in &notice.unaffected { li { (planned.name_of(id)) } } } }
                }
                @if !notice.alternatives.is_empty() {
                    dt { (wording::alternatives_heading(Words::German)) }
                    dd { ul { @for way in &notice.alternatives { li { (way.label.get("de", language)) } } } }
                }
                @if let Some(programme) = &notice.programme { dt { "Vorhaben" } dd { (Plain::new(programme)) } }
                dt { "Angekündigt" }
                dd { (when_said(zone, &notice.announced_at)) }
            }
            @if notice.declared.is_some() { p.hint { "Angekündigt in einer Datei des Betreibers. Was Sie hier ändern, gilt, bis sich die Datei ändert." } }
            @if is_public {
                p { a href={ "/maintenance/" (notice.id) } { "So steht es auf der öffentlichen Seite" } }
            } @else {
                p.notice { "Davon ist öffentlich noch nichts zu lesen." }
            }
        }
    }
}

/// What was said of it.
fn course(planned: &Planned<'_>) -> Markup {
    let wall = Wall::of(planned.visit);
    let language = planned.visit.snapshot.catalogue.site.language();
    html! {
        @if !planned.notice.updates.is_empty() {
            section aria-labelledby="s-course" {
                h2 id="s-course" { "Was bisher gesagt wurde" }
                ol.rows {
                    @for update in planned.notice.updates.iter().rev() {
                        li {
                            p.meta { (wall.moment(&update.at.to_string())) " · " (Words::German.maintenance_phase(update.phase)) }
                            p.text { (wording::body(&update.body, "de", language)) }
                        }
                    }
                }
            }
        }
    }
}
