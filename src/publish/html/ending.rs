//! What is promised: when a disruption is expected to end, and by when more will be said.
//!
//! Nothing is ever filled in. Where nobody knows the end, the page says so.

use maud::{Markup, html};

use crate::model::incident::{Ending, Expected, IncidentStatus};
use crate::model::snapshot::{PublicIncident, PublicUpdate};
use crate::model::time::Timestamp;
use crate::publish::html::page::Page;
use crate::publish::wording;

impl Page<'_> {
    /// When it ends, as far as anybody knows, for a list of facts. Nothing while it answers again
    /// and is watched, and nothing of one that is continued elsewhere.
    pub(super) fn end(&self, incident: &PublicIncident) -> Markup {
        html! {
            @match incident.status {
                IncidentStatus::Investigating | IncidentStatus::Identified => @match &incident.expected_end {
                    Some(expected) => {
                        dt { (self.say("Ende", "End")) }
                        dd {
                            (self.expected(expected))
                            @if let Some(passed) = self.passed(expected) { small { (passed) } }
                        }
                    },
                    None => {
                        dt { (self.say("Bis wann", "Until")) }
                        dd { (wording::no_end_known(self.words)) }
                    },
                },
                IncidentStatus::Monitoring => {},
                IncidentStatus::Resolved => {
                    @if let Some(resolved_at) = incident.resolved_at.filter(|_| incident.merged_into.is_none()) {
                        dt { (self.say("Ende", "End")) }
                        dd { (self.moment(resolved_at)) }
                    }
                },
            }
        }
    }

    /// By when more will be said, for a list of facts; a promise that was not kept says so.
    pub(super) fn promise(&self, incident: &PublicIncident) -> Markup {
        html! {
            @if let Some(by) = incident.next_update_by.filter(|_| incident.is_open()) {
                dt { (self.say("Nächste Information", "Next information")) }
                dd {
                    @if incident.is_overdue(self.snapshot.at) {
                        strong.late { (self.say("Zugesagte Information ist überfällig", "Promised information is overdue")) }
                        @if let Some(updated_at) = self.updated_at(incident) {
                            (self.say("; zuletzt aktualisiert: ", "; last updated: ")) (self.moment(updated_at))
                        }
                        small { (self.say("Zugesagt war sie ", "It was promised ")) (self.wall().by(by)) "." }
                    } @else {
                        (self.wall().by(by))
                    }
                }
            }
        }
    }

    /// When what stands on this page was last updated.
    fn updated_at(&self, incident: &PublicIncident) -> Option<Timestamp> {
        let organisation = self.organisation.map(|(_, organisation)| &organisation.id);
        incident.updates_for(organisation).map(PublicUpdate::changed_at).max()
    }

    /// An expected end in words: the editor's own, and in small what they mean in dates.
    pub(super) fn expected(&self, expected: &Expected) -> Markup {
        let dates = self.wall().between(expected.earliest, expected.latest);
        html! {
            @match &expected.label {
                Some(label) => {
                    @let label = self.text(label);
                    @if !self.says_expected(&label) { (self.say("voraussichtlich ", "expected ")) }
                    (label)
                    @if let Some(dates) = dates { small { (dates) } }
                },
                None => @match dates {
                    Some(dates) => { (self.say("voraussichtlich ", "expected ")) (dates) },
                    None => (wording::no_end_known(self.words)),
                },
            }
        }
    }

    /// What is said of an expected end that has come and gone.
    pub(super) fn passed(&self, expected: &Expected) -> Option<&'static str> {
        let has_passed = expected.latest.is_some_and(|latest| latest <= self.snapshot.at);
        has_passed.then(|| self.say("Dieser Zeitpunkt ist verstrichen.", "This time has passed."))
    }

    /// Whether a text begins with the word that would stand before it.
    fn says_expected(&self, label: &Markup) -> bool {
        label.0.to_lowercase().starts_with(self.say("voraussichtlich", "expected"))
    }

    /// What an update said about the end. Only the newest word counts; an older one says that it
    /// is what was expected then.
    pub(super) fn ending(&self, ending: &Ending, is_newest: bool) -> Markup {
        html! {
            p.ending {
                @match (ending, is_newest) {
                    (Ending::Unknown, true) => (wording::no_end_known(self.words)),
                    (Ending::Unknown, false) => (self.say("Damals: Ende nicht absehbar", "At that time: no end in sight")),
                    (Ending::Expected(expected), true) => { (self.say("Ende: ", "End: ")) (self.expected(expected)) },
                    (Ending::Expected(expected), false) => {
                        (self.say("Damals erwartetes Ende: ", "End as expected then: ")) (self.expected(expected))
                    },
                }
            }
        }
    }
}
