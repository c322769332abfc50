//! Incidents: the notice on other pages, and the page of one.

use maud::{Markup, html};

use crate::model::alternative::Alternative;
use crate::model::id::ComponentId;
use crate::model::incident::{Body, Ending, Impact, IncidentStatus, Overlay};
use crate::model::local::{View, applies};
use crate::model::snapshot::PublicIncident;
use crate::model::status::{Lifecycle, Status};
use crate::model::text::Text;
use crate::publish::html::link;
use crate::publish::html::page::{Frame, Page, has_easy};
use crate::publish::html::status::{incident_pill, incident_verdict, pill};
use crate::publish::html::time;
use crate::publish::wording::{self, Words};

/// Most closed incidents on a page.
const PAST_MAX: usize = 5;

/// Most organisations that a notice names; of more it says how many.
const NAMED_MAX: usize = 3;

/// Most components that an incident's page lists openly; more of them fold up.
const CONCERNED_MAX: usize = 12;

/// The look of an incident: that of the status which has such an impact.
fn look(incident: &PublicIncident) -> Status {
    match (incident.status, incident.impact) {
        (IncidentStatus::Resolved, _) if incident.merged_into.is_some() || is_removed(incident) => Status::Unknown,
        (IncidentStatus::Resolved, _) => Status::Operational,
        (_, Impact::Critical) => Status::MajorOutage,
        (_, Impact::Major) => Status::PartialOutage,
        (_, Impact::Minor) => Status::DegradedPerformance,
        (_, Impact::None) => Status::Unknown,
    }
}

/// The texts of an incident that people wrote.
fn written(incident: &PublicIncident) -> impl Iterator<Item = &Text> {
    let bodies = std::iter::once(&incident.title).chain(incident.updates.iter().map(|update| &update.body));
    let bodies = bodies.filter_map(|body| match body {
        Body::Written(text) => Some(text),
        Body::Automatic(_) => None,
    });
    let expected = incident.updates.iter().filter_map(|update| match &update.ending {
        Some(Ending::Expected(expected)) => expected.label.as_ref(),
        Some(Ending::Unknown) | None => None,
    });
    bodies.chain(expected).chain(incident.overlays.values().map(|overlay| &overlay.text))
}

/// Whether a text of it exists in easy language.
pub(super) fn is_easy(incident: &PublicIncident) -> bool {
    has_easy(written(incident))
}

/// Whether it ended only because what it is about is not watched any more.
fn is_removed(incident: &PublicIncident) -> bool {
    let last = incident.updates.iter().rev().find(|update| update.retracted_at.is_none());
    last.is_some_and(|update| update.is_removal)
}

/// Where an incident stands, as a sentence.
fn sentence(words: Words, incident: &PublicIncident) -> &'static str {
    match incident.status {
        IncidentStatus::Investigating => words
            .pick("Die Störung dauert an und wird untersucht.", "The disruption continues and is being investigated."),
        IncidentStatus::Identified => words
            .pick("Die Störung dauert an. Die Ursache ist bekannt.", "The disruption continues. Its cause is known."),
        IncidentStatus::Monitoring => {
            words.pick("Wieder erreichbar, wird beobachtet.", "It answers again and is being watched.")
        }
        IncidentStatus::Resolved if incident.merged_into.is_some() => {
            words.pick("Diese Meldung wird an anderer Stelle fortgeführt.", "This notice is continued elsewhere.")
        }
        IncidentStatus::Resolved if is_removed(incident) => {
            words.pick("Wird nicht mehr überwacht.", "Not monitored any more.")
        }
        IncidentStatus::Resolved => words.pick("Die Störung ist behoben.", "The disruption is over."),
    }
}

/// Writes the page of an incident.
pub(super) fn render(page: &Page<'_>, incident: &PublicIncident) -> String {
    let title = page.body(&incident.title);
    let plain = page.body_plain(&incident.title);
    let path = format!("/incidents/{}", incident.id);
    let frame = Frame {
        title: html! { (plain) },
        description: html! { (plain) ": " (sentence(page.words, incident)) },
        path: &path,
        above: &[],
        folder: "",
        json: &format!("/api/v1/incidents/{}", incident.id),
        easy: is_easy(incident),
        links: &page.snapshot.catalogue.site.links,
    };
    let more = html! {
        (page.continued(incident))
        (page.newest(incident))
        (page.as_of())
    };
    let main = html! {
        p.over { (page.say("Störungsmeldung", "Disruption notice")) }
        h1 { (title) }
        (page.health())
        (incident_verdict(look(incident), sentence(page.words, incident), &more))
        (page.incident_facts(incident))
        (page.ways_meanwhile(incident))
        (page.concerned(incident))
        (page.states_during(incident))
        (page.unaffected(&incident.unaffected, true))
        (page.references(incident))
        (page.course(incident))
    };
    page.document(&frame, &main)
}

impl<'a> Page<'a> {
    /// The notice of an open incident on another page. The town's own words come first, then the
    /// newest of those who run what is disturbed.
    pub(super) fn notice(&self, incident: &PublicIncident) -> Markup {
        let path = self.path(&format!("/incidents/{}", incident.id));
        let ways = self.ways_of(incident);
        html! {
            li.sheet.card {
                div.head {
                    h3 { a href=(path) { (self.body(&incident.title)) } }
                    (incident_pill(look(incident), self.words.incident_status(incident.status)))
                }
                @match self.overlay(incident) {
                    Some(overlay) => (self.own_words(incident, overlay)),
                    None => (self.newest(incident)),
                }
                @if !ways.is_empty() && self.organisation.is_some() {
                    div.ways id={ "i_" (incident.id) "_ways" } {
                        h4 { (wording::alternatives_heading(self.words)) }
                        (self.way_list(&ways))
                    }
                }
                dl.facts {
                    dt { (self.say("Seit", "Since")) }
                    dd { (self.moment(incident.started_at)) }
                    (self.end(incident))
                    (self.promise(incident))
                    (self.root(incident))
                    @match self.organisation {
                        Some((_, organisation)) => {
                            dt { (self.say("Hier betroffen", "Affected here")) }
                            dd {
                                @let names: Vec<Markup> = incident.components.iter().filter_map(|(id, ..)| {
                                    let (index, _) = self.component(id)?;
                                    organisation.shows.contains(&index).then(|| self.affected(id))?
                                }).collect();
                                (self.folded(&names, self.say("Angebote", "services")))
                            }
                        },
                        None => {
                            dt { (self.say("Betroffen", "Affected")) }
                            dd { (self.organisation_count(incident)) }
                        },
                    }
                }
                @if self.organisation.is_some() { (self.earlier(incident)) }
            }
        }
    }

    /// This town's own words on an incident.
    fn overlay<'i>(&self, incident: &'i PublicIncident) -> Option<&'i Overlay> {
        incident.overlays.get(self.organisation_id()?)
    }

    /// The town's own words, marked as theirs, and below them what was said beside or after them.
    fn own_words(&self, incident: &PublicIncident, overlay: &Overlay) -> Markup {
        let newer = self.organisation_id().is_some_and(|town| incident.has_drifted(town, overlay));
        html! {
            @if let Some((_, organisation)) = self.organisation {
                div.own {
                    p.by { (self.text(&organisation.name)) (self.say(" schreibt dazu:", " says about it:")) }
                    p.said { (self.text(&overlay.text)) }
                    p.meta { (self.say("Hinweis vom ", "Note of ")) (self.moment(overlay.at)) }
                }
            }
            @if newer {
                p.newer { (self.say("Seitdem gibt es eine neuere Meldung des Anbieters:", "There is newer information of the provider since then:")) }
            } @else {
                p.newer { (self.say("Meldung des Anbieters:", "The provider's notice:")) }
            }
            (self.newest(incident))
        }
    }

    /// The ways around an incident that apply on this page: the town's own first. On a page of
    /// the whole site those that apply everywhere.
    pub(super) fn ways_of<'i>(&self, incident: &'i PublicIncident) -> Vec<&'i Alternative> {
        if !incident.is_open() {
            return Vec::new();
        }
        let own = self.overlay(incident).into_iter().flat_map(|overlay| &overlay.alternatives);
        self.applying(own.chain(&incident.alternatives))
    }

    /// Those alternatives that apply on this page at present, each once.
    pub(super) fn applying<'i>(&self, ways: impl Iterator<Item = &'i Alternative>) -> Vec<&'i Alternative> {
        let organisation = self.organisation.map(|(_, organisation)| organisation);
        let mut applying: Vec<&Alternative> = Vec::new();
        for way in ways {
            let here = organisation.is_some() || way.serves.is_empty();
            if here && applies(way, organisation, self.snapshot.at) && !applying.contains(&way) {
                applying.push(way);
            }
        }
        applying
    }

    /// The name of a component that an incident concerns, linked, and that it is available, if it
    /// is by now.
    fn affected(&self, id: &ComponentId) -> Option<Markup> {
        let available = self.view_of(id).filter(|view| view.status == Status::Operational);
        let word = available.map(|view| self.words.status(view.status, Some(view.component.kind)));
        Some(html! {
            (self.named(id)?)
            @if let Some(word) = word { span.soft { (self.say(" (zurzeit ", " (")) (word) (self.say(")", " at present)")) } }
        })
    }

    /// The section of open incidents; nothing if there is none.
    pub(super) fn open_incidents<'b>(&self, incidents: impl Iterator<Item = &'b PublicIncident>) -> Markup {
        let open: Vec<_> = incidents.filter(|incident| incident.is_open()).collect();
        html! {
            @if !open.is_empty() {
                section aria-labelledby="s_incidents" {
                    h2 id="s_incidents" {
                        @if open.len() == 1 { (self.say("Aktuelle Störung", "Current disruption")) }
                        @else { (self.say("Aktuelle Störungen", "Current disruptions")) }
                    }
                    ul.cards { @for incident in open { (self.notice(incident)) } }
                }
            }
        }
    }

    /// The section of the last closed incidents; nothing if there is none.
    pub(super) fn past_incidents<'b>(&self, incidents: impl Iterator<Item = &'b PublicIncident>) -> Markup {
        let past: Vec<_> = incidents.filter(|incident| !incident.is_open()).take(PAST_MAX).collect();
        html! {
            @if !past.is_empty() {
                section aria-labelledby="s_past" {
                    h2 id="s_past" { (self.say("Frühere Störungen", "Past disruptions")) }
                    ul.sheet.rows {
                        @for incident in past {
                            li {
                                a href=(self.path(&format!("/incidents/{}", incident.id))) { (self.body(&incident.title)) }
                                p.meta { (self.moment(incident.started_at)) (self.lasted(incident)) }
                                (self.continued(incident))
                            }
                        }
                    }
                }
            }
        }
    }

    pub(super) fn lasted(&self, incident: &PublicIncident) -> Markup {
        html! {
            @if let Some(resolved_at) = incident.resolved_at.filter(|_| incident.merged_into.is_none()) {
                (self.say(", Dauer ", ", lasted "))
                (time::duration(self.words, resolved_at.since(incident.started_at)))
            }
        }
    }

    /// Where an incident that belongs to another one is continued.
    pub(super) fn continued(&self, incident: &PublicIncident) -> Markup {
        let other =
            incident.merged_into.as_ref().and_then(|id| self.snapshot.incidents.iter().find(|other| other.id == *id));
        html! {
            @if let Some(other) = other {
                p.more {
                    (self.say("Fortgeführt in: ", "Continued in: "))
                    a href=(self.path(&format!("/incidents/{}", other.id))) { (self.body(&other.title)) }
                }
            }
        }
    }

    /// The newest update that concerns this page, in full, with its time.
    fn newest(&self, incident: &PublicIncident) -> Markup {
        let updates = || incident.updates_for(self.organisation_id()).rev();
        // What is for some towns only does not speak for all on everybody's page.
        let for_all = updates().find(|update| self.organisation.is_some() || update.organisations.is_empty());
        html! {
            @if let Some(update) = for_all.or_else(|| updates().next()) {
                p.said.more { (self.body(&update.body)) }
                p.meta {
                    (self.say("Meldung vom ", "Notice of ")) (self.moment(update.at))
                    @if let Some(corrected_at) = update.corrected_at {
                        (self.say(", berichtigt am ", ", corrected on ")) (self.moment(corrected_at))
                    }
                }
            }
        }
    }

    /// Whom it concerns: names if they are few, else how many.
    fn organisation_count(&self, incident: &PublicIncident) -> Markup {
        let reached = self.reached(incident.components.iter().map(|(id, ..)| id));
        html! {
            @if reached.is_empty() || reached.len() > NAMED_MAX {
                (reached.len()) " " (self.say("Organisationen", "organisations"))
            } @else {
                (self.organisations(reached))
            }
        }
    }

    /// What it started from, and the category of the cause.
    fn root(&self, incident: &PublicIncident) -> Markup {
        html! {
            dt { (self.say("Störung bei", "Disruption at")) }
            dd { (self.shown(&incident.root)) }
            @if let Some(cause) = incident.cause {
                dt { (self.say("Ursache", "Cause")) }
                dd { (wording::capitalised(self.words.cause(cause))) }
            }
        }
    }

    fn incident_facts(&self, incident: &PublicIncident) -> Markup {
        let until = incident.resolved_at.unwrap_or_else(|| self.snapshot.figures_until());
        let own_words = incident.overlays.keys().filter_map(|id| Some(self.snapshot.organisation(id.as_str())?.0));
        let own_words: Vec<u32> = own_words.filter(|_| incident.is_open()).collect();
        html! {
            section aria-labelledby="s_facts" {
                h2 id="s_facts" { (self.say("Auf einen Blick", "At a glance")) }
                div.sheet.card {
                    dl.facts {
                        dt { (self.say("Beginn", "Began")) }
                        dd { (self.moment(incident.started_at)) }
                        (self.end(incident))
                        (self.promise(incident))
                        @if incident.merged_into.is_none() {
                            dt { (self.say("Dauer", "Duration")) }
                            dd {
                                @if incident.is_open() { (self.say("bisher ", "so far ")) }
                                (time::duration(self.words, until.since(incident.started_at)))
                            }
                        }
                        (self.root(incident))
                        dt { (self.say("Auswirkung", "Impact")) }
                        dd { (wording::capitalised(self.words.impact(incident.impact))) }
                        dt { (self.say("Organisationen", "Organisations")) }
                        dd { (self.organisations(self.reached(incident.components.iter().map(|(id, ..)| id)))) }
                        @if !own_words.is_empty() {
                            dt { (self.say("Eigene Hinweise von", "Notes of their own by")) }
                            dd { (self.organisations(own_words)) }
                        }
                    }
                }
            }
        }
    }

    /// What the incident concerns, with the status that it has now.
    fn concerned(&self, incident: &PublicIncident) -> Markup {
        let is_shared = self.has_owners(incident);
        let rows = html! {
            ul.sheet.rows {
                @for (id, name, _) in &incident.components {
                    li {
                        div.head {
                            span {
                                @match self.named(id) { Some(link) => (link), None => (self.text(name)) }
                                (self.owner(id, is_shared))
                            }
                            @match self.view_of(id) {
                                Some(view) => (pill(self.words, view.status, Some(view.component.kind))),
                                None => span.soft { (self.say("wird nicht mehr überwacht", "not monitored any more")) },
                            }
                        }
                    }
                }
            }
        };
        html! {
            @if !incident.components.is_empty() {
                section aria-labelledby="s_concerned" {
                    h2 id="s_concerned" { (self.say("Was betroffen ist und wie es jetzt steht", "What is affected, and how it is now")) }
                    @if incident.components.len() > CONCERNED_MAX {
                        details.fold {
                            summary { (incident.components.len()) (self.say(" Angebote", " services")) }
                            (rows)
                        }
                    } @else {
                        (rows)
                    }
                }
            }
        }
    }

    /// Whether what an incident concerns belongs to more than one organisation.
    pub(super) fn has_owners(&self, incident: &PublicIncident) -> bool {
        let mut owners = incident.components.iter().filter_map(|(id, ..)| Some(self.component(id)?.1.owner));
        let first = owners.next();
        owners.any(|owner| Some(owner) != first)
    }

    /// Whose a component is, behind its name: "Bürgerbüro" seventy-two times says nothing.
    pub(super) fn owner(&self, id: &ComponentId, is_shared: bool) -> Markup {
        let owner = self.component(id).filter(|_| is_shared);
        let owner =
            owner.and_then(|(_, component)| self.snapshot.catalogue.organisations.get(component.owner as usize));
        html! { @if let Some(owner) = owner { " " span.soft { "(" (self.text(&owner.name)) ")" } } }
    }

    /// What stays as it is, with the status that it has `now`.
    pub(super) fn unaffected(&self, components: &[ComponentId], now: bool) -> Markup {
        let shown = || components.iter().filter_map(|id| Some((self.named(id)?, self.view_of(id)?)));
        html! {
            @if shown().next().is_some() {
                section aria-labelledby="s_unaffected" {
                    h2 id="s_unaffected" { (self.say("Nicht betroffen", "Not affected")) }
                    ul.sheet.rows {
                        @for (name, view) in shown() {
                            li {
                                div.head {
                                    span { (name) }
                                    @if now { (pill(self.words, view.status, Some(view.component.kind))) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    /// Where more can be read. Each link shows whose page it leads to.
    fn references(&self, incident: &PublicIncident) -> Markup {
        html! {
            @if !incident.references.is_empty() {
                section aria-labelledby="s_references" {
                    h2 id="s_references" { (self.say("Mehr dazu", "Read more")) }
                    ul.sheet.rows {
                        @for reference in &incident.references {
                            li {
                                @match &reference.label {
                                    Some(label) => {
                                        a href=(reference.url) { (self.text(label)) }
                                        p.meta { (link::readable(&reference.url)) }
                                    },
                                    None => (link::bare(&reference.url)),
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    /// A component that is in service, as this page shows it.
    pub(super) fn view_of(&self, id: &ComponentId) -> Option<View<'_>> {
        let (index, _) = self.component(id)?;
        self.view(index).filter(|view| view.state.lifecycle == Lifecycle::Live)
    }

    /// Ways that hold everywhere while the incident is open: its own first, then those of each
    /// component. What holds in some places only stands on their pages.
    fn ways_meanwhile(&self, incident: &PublicIncident) -> Markup {
        let own = self.ways_of(incident);
        let is_shared = self.has_owners(incident);
        let ways: Vec<_> = incident
            .components
            .iter()
            .filter(|_| incident.is_open())
            .filter_map(|(id, ..)| self.view_of(id))
            .map(|view| {
                let ways = self.applying(self.remaining(&view).into_iter());
                (view, ways)
            })
            .filter(|(_, ways)| !ways.is_empty())
            .take(CONCERNED_MAX)
            .collect();
        html! {
            @if !own.is_empty() || !ways.is_empty() {
                section aria-labelledby="s_ways" {
                    h2 id="s_ways" { (wording::alternatives_heading(self.words)) }
                    ul.cards {
                        @if !own.is_empty() {
                            li.sheet.card { div.ways.plain { (self.way_list(&own)) } }
                        }
                        @for (view, ways) in ways {
                            li.sheet.card {
                                h3 { (self.text(&view.component.name)) (self.owner(&view.component.id, is_shared)) }
                                div.ways.plain { (self.way_list(&ways)) }
                            }
                        }
                    }
                }
            }
        }
    }
}
