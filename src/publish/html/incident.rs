//! Incidents: the notice on other pages, and the page of one.

use maud::{Markup, html};

use crate::model::id::ComponentId;
use crate::model::incident::{Body, Impact, IncidentStatus};
use crate::model::local::View;
use crate::model::snapshot::{PublicIncident, PublicUpdate};
use crate::model::status::{Lifecycle, Status};
use crate::model::text::Text;
use crate::publish::html::page::{Frame, Page, has_easy};
use crate::publish::html::status::{incident_pill, incident_verdict, pill};
use crate::publish::html::time;
use crate::publish::wording::{self, Words};

/// Most organisations that an incident's page names.
const ORGANISATIONS_MAX: usize = 100;

/// Most closed incidents on a page.
const PAST_MAX: usize = 5;

/// The look of an incident: that of the status which has such an impact.
const fn look(incident: &PublicIncident) -> Status {
    match (incident.status, incident.impact) {
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
    bodies.filter_map(|body| match body {
        Body::Written(text) => Some(text),
        Body::Automatic(_) => None,
    })
}

/// Whether a text of it exists in easy language.
pub(super) fn is_easy(incident: &PublicIncident) -> bool {
    has_easy(written(incident))
}

/// Where an incident stands, as a sentence.
const fn sentence(words: Words, status: IncidentStatus) -> &'static str {
    match status {
        IncidentStatus::Investigating => words
            .pick("Die Störung dauert an und wird untersucht.", "The disruption continues and is being investigated."),
        IncidentStatus::Identified => words
            .pick("Die Störung dauert an. Die Ursache ist bekannt.", "The disruption continues. Its cause is known."),
        IncidentStatus::Monitoring => {
            words.pick("Wieder erreichbar, wird beobachtet.", "It answers again and is being watched.")
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
        description: html! { (plain) ": " (page.words.incident_status(incident.status)) "." },
        path: &path,
        feed: "/feed.atom",
        json: &format!("/api/v1/incidents/{}", incident.id),
        easy: is_easy(incident),
        links: &page.snapshot.catalogue.site.links,
    };
    let more = html! { (page.newest(incident)) (page.as_of()) };
    let main = html! {
        p.over { (page.say("Störungsmeldung", "Disruption notice")) }
        h1 { (title) }
        (page.health())
        (incident_verdict(look(incident), sentence(page.words, incident.status), &more))
        (page.incident_facts(incident))
        (page.concerned(incident))
        (page.ways_meanwhile(incident))
        (page.course(incident))
    };
    page.document(&frame, &main)
}

impl<'a> Page<'a> {
    /// The notice of an open incident on another page.
    pub(super) fn notice(&self, incident: &PublicIncident) -> Markup {
        let path = self.path(&format!("/incidents/{}", incident.id));
        html! {
            li.sheet.card {
                div.head {
                    h3 { a href=(path) { (self.body(&incident.title)) } }
                    (incident_pill(look(incident), self.words.incident_status(incident.status)))
                }
                (self.newest(incident))
                dl.facts {
                    dt { (self.say("Seit", "Since")) }
                    dd { (self.moment(incident.started_at)) }
                    (self.end(incident))
                    (self.root(incident))
                    @match self.organisation {
                        Some((_, organisation)) => {
                            dt { (self.say("Hier betroffen", "Affected here")) }
                            dd {
                                (self.names(incident.components.iter().filter_map(|(id, ..)| {
                                    let (index, _) = self.component(id)?;
                                    organisation.shows.contains(&index).then(|| self.named(id))?
                                })))
                            }
                        },
                        None => {
                            dt { (self.say("Betroffen", "Affected")) }
                            dd { (self.organisation_count(incident)) }
                        },
                    }
                }
            }
        }
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
                            }
                        }
                    }
                }
            }
        }
    }

    fn lasted(&self, incident: &PublicIncident) -> Markup {
        html! {
            @if let Some(resolved_at) = incident.resolved_at {
                (self.say(", Dauer ", ", lasted "))
                (time::duration(self.words, resolved_at.since(incident.started_at)))
            }
        }
    }

    /// The newest update in full, with its time.
    fn newest(&self, incident: &PublicIncident) -> Markup {
        html! {
            @if let Some(update) = incident.updates.last() {
                p.said.more { (self.body(&update.body)) }
                p.meta {
                    (self.say("Meldung vom ", "Notice of ")) (self.moment(update.at))
                }
            }
        }
    }

    fn organisation_count(&self, incident: &PublicIncident) -> Markup {
        let count = self.reached(incident.components.iter().map(|(id, ..)| id)).len();
        html! {
            (count) " "
            @if count == 1 { (self.say("Organisation", "organisation")) }
            @else { (self.say("Organisationen", "organisations")) }
        }
    }

    /// When it ends, as far as anybody knows. Nothing while it answers again and is watched.
    fn end(&self, incident: &PublicIncident) -> Markup {
        html! {
            @match incident.status {
                IncidentStatus::Investigating | IncidentStatus::Identified => {
                    dt { (self.say("Bis wann", "Until")) }
                    dd { (wording::no_end_known(self.words)) }
                },
                IncidentStatus::Monitoring => {},
                IncidentStatus::Resolved => @if let Some(resolved_at) = incident.resolved_at {
                    dt { (self.say("Ende", "End")) }
                    dd { (self.moment(resolved_at)) }
                },
            }
        }
    }

    fn root(&self, incident: &PublicIncident) -> Markup {
        html! {
            dt { (self.say("Ursache", "Cause")) }
            dd {
                (self.say("Störung bei: ", "Disruption at: ")) (self.shown(&incident.root))
                @if let Some(cause) = incident.cause { " (" (self.words.cause(cause)) ")" }
            }
        }
    }

    fn incident_facts(&self, incident: &PublicIncident) -> Markup {
        let until = incident.resolved_at.unwrap_or(self.snapshot.at);
        html! {
            section aria-labelledby="s_facts" {
                h2 id="s_facts" { (self.say("Auf einen Blick", "At a glance")) }
                div.sheet.card {
                    dl.facts {
                        dt { (self.say("Beginn", "Began")) }
                        dd { (self.moment(incident.started_at)) }
                        (self.end(incident))
                        dt { (self.say("Dauer", "Duration")) }
                        dd {
                            @if incident.is_open() { (self.say("bisher ", "so far ")) }
                            (time::duration(self.words, until.since(incident.started_at)))
                        }
                        (self.root(incident))
                        dt { (self.say("Auswirkung", "Impact")) }
                        dd { (wording::capitalised(self.words.impact(incident.impact))) }
                        dt { (self.say("Organisationen", "Organisations")) }
                        dd {
                            (self.organisations(
                                &self.reached(incident.components.iter().map(|(id, ..)| id)), ORGANISATIONS_MAX,
                            ))
                        }
                    }
                }
            }
        }
    }

    /// What the incident concerns, with the status that it has now.
    fn concerned(&self, incident: &PublicIncident) -> Markup {
        html! {
            @if !incident.components.is_empty() {
                section aria-labelledby="s_concerned" {
                    h2 id="s_concerned" { (self.say("Was betroffen ist und wie es jetzt steht", "What is affected, and how it is now")) }
                    ul.sheet.rows {
                        @for (id, name, _) in &incident.components {
                            li {
                                div.head {
                                    @match self.named(id) {
                                        Some(link) => span { (link) },
                                        None => span { (self.text(name)) },
                                    }
                                    @match self.view_of(id) {
                                        Some(view) => (pill(self.words, view.status, Some(view.component.kind))),
                                        None => span.soft { (self.say("wird nicht mehr überwacht", "not monitored any more")) },
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    fn view_of(&self, id: &ComponentId) -> Option<View<'a>> {
        let (index, _) = self.component(id)?;
        self.snapshot.view(index, None).filter(|view| view.state.lifecycle == Lifecycle::Live)
    }

    /// Ways that hold everywhere, by component, while the incident is open. What holds in some
    /// places only stands on their pages.
    fn ways_meanwhile(&self, incident: &PublicIncident) -> Markup {
        let ways: Vec<_> = incident
            .components
            .iter()
            .filter(|_| incident.is_open())
            .filter_map(|(id, ..)| self.view_of(id))
            .map(|view| (view, self.remaining(&view)))
            .map(|(view, ways)| (view, ways.into_iter().filter(|way| way.serves.is_empty()).collect::<Vec<_>>()))
            .filter(|(_, ways)| !ways.is_empty())
            .collect();
        html! {
            @if !ways.is_empty() {
                section aria-labelledby="s_ways" {
                    h2 id="s_ways" { (wording::alternatives_heading(self.words)) }
                    ul.cards {
                        @for (view, ways) in ways {
                            li.sheet.card {
                                h3 { (self.text(&view.component.name)) }
                                div.ways.plain { (self.way_list(&ways)) }
                            }
                        }
                    }
                }
            }
        }
    }

    /// The updates, newest first.
    fn course(&self, incident: &PublicIncident) -> Markup {
        html! {
            section aria-labelledby="s_course" {
                h2 id="s_course" { (self.say("Verlauf", "Course")) }
                ol.course reversed {
                    @for update in incident.updates.iter().rev() { (self.update(update)) }
                }
            }
        }
    }

    fn update(&self, update: &PublicUpdate) -> Markup {
        html! {
            li id={ "u_" (update.number) } {
                h3 { (wording::capitalised(self.words.incident_status(update.status))) }
                p.at { (self.moment(update.at)) }
                p.said { (self.body(&update.body)) }
            }
        }
    }
}
