//! Editors' commands: what follows from them, or why they are refused. Nothing changes before a
//! command is found good as a whole.

mod component;
mod incident;
mod maintenance;
mod rights;

pub(super) use crate::engine::edit::rights::Rights;
use crate::engine::state::State;
use crate::engine::step::Step;
use crate::model::access::Editor;
use crate::model::editing::{Command, Refusal, Subject};
use crate::model::event::Event;
use crate::model::id::OrganisationId;
use crate::model::text::Text;
use crate::model::time::Timestamp;

/// What a command comes to.
type Decision = Result<(Vec<Event>, Subject), Refusal>;

impl State {
    /// Carries a command out at `at`, or says why not. What was due by then comes first either
    /// way.
    pub fn edit(&mut self, command: &Command, editor: &Editor, at: Timestamp) -> (Step, Result<Subject, Refusal>) {
        let mut step = self.step(Vec::new(), at);
        let at = at.max(self.record.at);
        let (events, subject) = match self.decide_edit(command, editor, at) {
            Ok(decided) => decided,
            Err(refusal) => return (step, Err(refusal)),
        };
        for event in events {
            self.emit(&mut step, at, event);
        }
        self.decide_planned(&mut step, at);
        self.recompute_covered();
        // Editors speak seldom, and what they say may bring anything under another incident.
        self.all_touched = true;
        self.settle(&mut step, at);
        (step, Ok(subject))
    }

    /// Whether an editor may change a subject, and read what is internal to it.
    pub fn may_change(&self, editor: &Editor, subject: &Subject) -> bool {
        Rights::new(editor, &self.catalogue).is_ok_and(|rights| self.is_in_hand(subject, &rights))
    }

    fn is_in_hand(&self, subject: &Subject, rights: &Rights<'_>) -> bool {
        match subject {
            Subject::Incident(id) => self.record.incidents.get(id).is_some_and(|incident| rights.root(&incident.root)),
            Subject::Maintenance(id) => self
                .record
                .maintenance
                .get(id)
                .is_some_and(|notice| notice.components.iter().all(|covered| rights.root(&covered.component))),
            Subject::Component(id) => {
                let component = self.catalogue.component_index(id.as_str()).and_then(|it| self.catalogue.component(it));
                component.is_some_and(|component| rights.owns(component))
            }
        }
    }

    /// Whether an editor may know that there is such a subject.
    pub fn may_read(&self, editor: &Editor, subject: &Subject, at: Timestamp) -> bool {
        self.is_told(subject, at) || self.may_change(editor, subject)
    }

    /// Refuses an editor who may not change a subject. One that nobody may know of is unknown.
    fn must_be_in_hand(&self, subject: &Subject, rights: &Rights<'_>, at: Timestamp) -> Result<(), Refusal> {
        if self.is_in_hand(subject, rights) {
            return Ok(());
        }
        if !self.is_told(subject, at) {
            return Err(Refusal::unknown(subject));
        }
        Err(Refusal::forbidden(match subject {
            Subject::Incident(_) => {
                "its root belongs to somebody else; a town may put its own words beside it with \
                 PUT /incidents/{id}/overlays/{organisation}"
            }
            Subject::Maintenance(_) => "it covers something that belongs to somebody else",
            Subject::Component(_) => "it belongs to somebody else",
        }))
    }

    /// Whether an editor speaks for an organisation: says what differs on its page.
    pub fn speaks_for(&self, editor: &Editor, organisation: &OrganisationId) -> bool {
        Rights::new(editor, &self.catalogue).is_ok_and(|rights| rights.speaks_for(organisation))
    }

    fn decide_edit(&self, command: &Command, editor: &Editor, at: Timestamp) -> Decision {
        let rights = Rights::new(editor, &self.catalogue)?;
        match command {
            Command::OpenIncident(new) => self.decide_open(new, &rights, at),
            Command::EditIncident(id, patch) => self.decide_change(id, patch, false, &rights, at),
            Command::AddUpdate(id, update) => self.decide_change(id, update, true, &rights, at),
            Command::CorrectUpdate(id, number, text) => self.decide_correction(id, *number, text, &rights, at),
            Command::RetractUpdate(id, number) => self.decide_retraction(id, *number, &rights, at),
            Command::Merge(id, into) => self.decide_merge(id, into, &rights, at),
            Command::Split(id, split) => self.decide_split(id, split, &rights, at),
            Command::Overlay(id, organisation, words) => {
                self.decide_overlay(id, organisation, words.as_ref(), &rights, at)
            }
            Command::PlanMaintenance(new) => self.decide_plan(new, &rights, at),
            Command::EditMaintenance(id, patch) => self.decide_replan(id, patch, &rights, at),
            Command::UpdateMaintenance(id, word) => self.decide_word(id, word, &rights, at),
            Command::Override(component, set) => self.decide_override(component, *set, &rights, at),
            Command::SetLocal(component, local) => self.decide_local(component, local, &rights, at),
            Command::RemoveLocal(component, organisations) => self.decide_no_local(component, organisations, &rights),
        }
    }

    /// A text must be there in the site's first language, which every other falls back to.
    fn must_read(&self, text: &Text, pointer: &str) -> Result<(), Refusal> {
        let language = self.catalogue.site.language();
        if text.has(language) && !text.get(language, language).is_empty() {
            return Ok(());
        }
        Err(Refusal::field(
            pointer,
            format!("write it in `{language}` at least: {{\"{language}\": \"…\"}}; other languages fall back to that"),
        ))
    }
}
