//! The course of a disruption or of planned work: what was said when, newest first.

use maud::{Markup, html};

use crate::model::id::ComponentId;
use crate::model::incident::IncidentStatus;
use crate::model::notice::MaintenanceUpdate;
use crate::model::snapshot::{PublicIncident, PublicUpdate};
use crate::model::status::Status;
use crate::publish::html::page::Page;
use crate::publish::html::time::Wall;
use crate::publish::wording;

/// Most updates on a page; older ones stand in the feed.
const UPDATES_MAX: usize = 500;

impl Page<'_> {
    /// The section with all updates of an incident.
    pub(super) fn course(&self, incident: &PublicIncident) -> Markup {
        html! {
            section aria-labelledby="s_course" {
                h2 id="s_course" { (self.say("Verlauf", "Course")) }
                ol.course reversed {
                    @for update in incident.updates.iter().rev().take(UPDATES_MAX) {
                        li id={ "u_" (update.number) } {
                            h3 { (self.standing(incident, update)) }
                            (self.update(incident, update))
                        }
                    }
                }
            }
        }
    }

    /// What was said before the newest word, folded up; only what concerns this page.
    pub(super) fn earlier(&self, incident: &PublicIncident) -> Markup {
        let earlier: Vec<&PublicUpdate> =
            incident.updates_for(self.organisation_id()).rev().skip(1).take(UPDATES_MAX).collect();
        html! {
            @if !earlier.is_empty() {
                details.fold {
                    summary {
                        @if earlier.len() == 1 { (self.say("1 frühere Meldung", "1 earlier notice")) }
                        @else { (earlier.len()) (self.say(" frühere Meldungen", " earlier notices")) }
                    }
                    ol.course reversed {
                        @for update in earlier {
                            li {
                                p.state { (self.standing(incident, update)) }
                                (self.update(incident, update))
                            }
                        }
                    }
                }
            }
        }
    }

    /// Where the incident stood. What went on elsewhere was not over.
    pub(super) fn standing(&self, incident: &PublicIncident, update: &PublicUpdate) -> String {
        if update.status == IncidentStatus::Resolved && incident.merged_into.is_some() {
            return self.say("An anderer Stelle fortgeführt", "Continued elsewhere").to_owned();
        }
        wording::capitalised(self.words.incident_status(update.status))
    }

    pub(super) fn update(&self, incident: &PublicIncident, update: &PublicUpdate) -> Markup {
        let newest = incident
            .updates
            .iter()
            .rev()
            .find(|update| update.retracted_at.is_none() && update.ending.is_some())
            .map(|update| update.number);
        html! {
            p.at { (self.moment(update.at)) }
            @match update.retracted_at {
                Some(retracted_at) => {
                    p.soft { (wording::retracted(self.words)) }
                    p.at { (self.say("Zurückgezogen am ", "Withdrawn on ")) (self.moment(retracted_at)) }
                },
                None => {
                    p.said { (self.body(&update.body)) }
                    (self.corrected(update))
                    @if let Some(ending) = &update.ending {
                        (self.ending(ending, incident.is_open() && newest == Some(update.number)))
                    }
                    (self.given(&update.components))
                    @if self.organisation.is_none() && !update.organisations.is_empty() {
                        p.meta { (self.say("Gilt für:", "Applies to:")) }
                        (self.organisations(
                            update.organisations.iter().filter_map(|id| Some(self.snapshot.organisation(id.as_str())?.0)),
                        ))
                    }
                },
            }
        }
    }

    /// That a text was corrected.
    pub(super) fn corrected(&self, update: &PublicUpdate) -> Markup {
        html! {
            @if let Some(corrected_at) = update.corrected_at {
                p.at { (self.say("Berichtigt am ", "Corrected on ")) (self.moment(corrected_at)) }
            }
        }
    }

    /// The states that an update gave, of what stands on this page.
    fn given(&self, components: &[(ComponentId, Status)]) -> Markup {
        let given: Vec<Markup> = components
            .iter()
            .filter_map(|(id, status)| {
                let (index, component) = self.component(id)?;
                let here = self.organisation.is_none_or(|(_, organisation)| organisation.shows.contains(&index));
                let name = self.named(id).filter(|_| here)?;
                Some(html! { (name) ": " (self.words.status(*status, Some(component.kind))) })
            })
            .collect();
        html! {
            @if !given.is_empty() {
                p.meta { (self.say("Stand seit dieser Meldung:", "Status from this notice on:")) }
                (self.folded(&given, self.say("Angebote", "services")))
            }
        }
    }

    /// The section with all updates of planned work, in its own time zone.
    pub(super) fn maintenance_course(&self, updates: &[MaintenanceUpdate], wall: Wall<'_>) -> Markup {
        html! {
            @if !updates.is_empty() {
                section aria-labelledby="s_course" {
                    h2 id="s_course" { (self.say("Meldungen", "Notices")) }
                    ol.course reversed {
                        @for update in updates.iter().rev().take(UPDATES_MAX) {
                            li id={ "u_" (update.number) } {
                                h3 { (wording::capitalised(self.words.maintenance_phase(update.phase))) }
                                p.at { (wall.moment(update.at)) }
                                p.said { (self.body(&update.body)) }
                                @for (id, ended_at) in &update.ended {
                                    @if let Some(name) = self.named(id) { p.meta { (name) ": " (self.back_since(*ended_at, wall)) } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
