//! What an editor must know first: promises that were not kept, what is wrong on the pages of its
//! organisations, what they said of it, and what is planned.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::app::core::Core;
use crate::app::desk::{LISTED_MAX, internal, json_reply};
use crate::model::access::Editor;
use crate::model::editing::Subject;
use crate::model::event::MaintenancePhase;
use crate::model::id::{ComponentId, IncidentId, MaintenanceId, OrganisationId};
use crate::model::incident::{Incident, Update};
use crate::model::snapshot::{PublicIncident, Snapshot};
use crate::model::status::{Lifecycle, Status};
use crate::model::time::Timestamp;
use crate::publish::wording;
use crate::server::desk::AdminReply;

/// Most resolved incidents in an overview.
const RESOLVED_MAX: usize = 20;

/// Most organisations of an editor that are named beside an incident though they said nothing of it.
const SILENT_MAX: usize = 100;

/// Most words that came after a town's own.
const SINCE_MAX: usize = 20;

impl Core {
    /// What concerns the organisations that an editor speaks for.
    pub(super) fn overview(&mut self, editor: &Editor, at: Timestamp) -> AdminReply {
        let snapshot = self.current(at);
        let mine = self.mine(&snapshot, editor);
        let (open, resolved): (Vec<Value>, Vec<Value>) = self
            .concerning(&snapshot, &mine, editor)
            .into_iter()
            .map(|incident| self.line(incident, &snapshot, &mine, editor, at))
            .partition(|line| line.get("resolved_at").is_none_or(Value::is_null));
        let resolved: Vec<Value> = resolved.into_iter().take(RESOLVED_MAX).collect();
        let body = json!({
            "at": at.to_string(),
            "organisations": mine.iter().take(LISTED_MAX).filter_map(|&index| named(&snapshot, index)).collect::<Vec<_>>(),
            "all": editor.is_admin_of_all(),
            "incidents": open,
            "resolved": resolved,
            "maintenance": self.planned(&snapshot, &mine, editor),
            "unknown": unknown(&snapshot, &mine),
            "internal_components": self.internal_components(editor),
        });
        json_reply(200, Vec::new(), &body)
    }

    /// The organisations that an editor speaks for, by their index.
    pub(super) fn mine(&self, snapshot: &Snapshot, editor: &Editor) -> Vec<u32> {
        let all = snapshot.catalogue.organisations.iter().zip(0u32..);
        all.filter(|(organisation, _)| self.state.speaks_for(editor, &organisation.id))
            .map(|(_, index)| index)
            .collect()
    }

    /// Incidents that the editor may change or that stand on its pages, open ones first.
    fn concerning(&self, snapshot: &Snapshot, mine: &[u32], editor: &Editor) -> Vec<&Incident> {
        let stands = snapshot.incidents.iter().filter(|incident| concerns_any(snapshot, incident, mine));
        let on_my_pages: BTreeSet<&IncidentId> = stands.map(|incident| &incident.id).collect();
        let is_meant = |incident: &&Incident| {
            on_my_pages.contains(&incident.id) || self.state.may_change(editor, &Subject::Incident(incident.id.clone()))
        };
        let all = self.state.record.incidents.values().map(|incident| &**incident);
        let mut all: Vec<&Incident> = all.filter(is_meant).collect();
        all.sort_by(|a, b| (b.is_open(), b.started_at, &b.id).cmp(&(a.is_open(), a.started_at, &a.id)));
        all.truncate(LISTED_MAX);
        all
    }

    fn line(&self, incident: &Incident, snapshot: &Snapshot, mine: &[u32], editor: &Editor, at: Timestamp) -> Value {
        let language = snapshot.catalogue.site.language();
        let may_change = self.state.may_change(editor, &Subject::Incident(incident.id.clone()));
        let public = snapshot.incidents.iter().find(|public| public.id == incident.id);
        let root = match (public, may_change) {
            (Some(public), false) => json!({ "id": public.root.id, "name": public.root.name.get(language, language) }),
            _ => json!({ "id": incident.root, "name": self.name(incident) }),
        };
        let last = incident.updates.iter().rev().find(|update| update.retracted_at.is_none());
        json!({
            "id": incident.id,
            "title": wording::body(&incident.title, language, language),
            "status": incident.status,
            "impact": incident.impact,
            "root": root,
            "started_at": incident.started_at.to_string(),
            "resolved_at": incident.resolved_at.map(|at| at.to_string()),
            "next_update_by": incident.next_update_by.filter(|_| incident.is_open()).map(|at| at.to_string()),
            "overdue": incident.is_overdue(at),
            "touched": incident.touched,
            "may_change": may_change,
            "public": public.is_some(),
            "last": last.map(|update| json!({
                "at": update.at.to_string(),
                "text": wording::body(&update.body, language, language),
            })),
            "overlays": self.overlays(&incident.id, snapshot, mine),
        })
    }

    /// The name of an incident's root as its owner knows it.
    fn name(&self, incident: &Incident) -> Value {
        let catalogue = self.state.catalogue();
        let language = catalogue.site.language();
        let there = catalogue.component_index(incident.root.as_str()).and_then(|index| catalogue.component(index));
        let name = there.map(|component| component.name.get(language, language));
        let copied = || incident.concerns(&incident.root).map(|concerned| concerned.name.get(language, language));
        json!(name.or_else(copied))
    }

    /// The words of each of these organisations whose page an incident concerns, with what was said
    /// before and after them. Of many organisations only those are named that have said something.
    pub(super) fn overlays(&self, id: &IncidentId, snapshot: &Snapshot, mine: &[u32]) -> Value {
        let Some(incident) = self.state.record.incidents.get(id) else { return Value::Null };
        let Some(public) = snapshot.incidents.iter().find(|public| public.id == *id) else { return json!([]) };
        let all = &snapshot.catalogue.organisations;
        let meant: Vec<u32> = if mine.len() > SILENT_MAX {
            let spoken = public.overlays.keys().filter_map(|id| snapshot.organisation(id.as_str()));
            spoken.map(|(index, _)| index).filter(|index| mine.binary_search(index).is_ok()).collect()
        } else {
            mine.iter().copied().filter(|&index| snapshot.concerns(public, index)).collect()
        };
        let listed = meant.into_iter().take(LISTED_MAX).filter_map(|index| {
            let organisation = all.get(index as usize)?;
            let mut line = named(snapshot, index)?;
            let said = said_of(incident, public, &organisation.id, snapshot.catalogue.site.language());
            if let (Value::Object(line), Some(Value::Object(said))) = (&mut line, said) {
                line.extend(said);
            }
            Some(line)
        });
        Value::Array(listed.collect())
    }

    fn planned(&self, snapshot: &Snapshot, mine: &[u32], editor: &Editor) -> Vec<Value> {
        let record = &self.state.record;
        let is_announced = |id: &MaintenanceId| snapshot.maintenances.iter().any(|notice| notice.id == *id);
        let mut all: Vec<_> = record.maintenance.values().filter(|notice| !notice.is_over()).collect();
        all.sort_by_key(|notice| (!notice.is_active(), notice.from.at, notice.id.clone()));
        all.into_iter()
            .filter_map(|notice| {
                let may_change = self.state.may_change(editor, &Subject::Maintenance(notice.id.clone()));
                let concerns = notice.components.iter().any(|covered| stands(snapshot, &covered.component, mine));
                let is_read = concerns && is_announced(&notice.id);
                if !may_change && !is_read {
                    return None;
                }
                let mut line = self.maintenance_line(notice);
                if let Value::Object(fields) = &mut line {
                    fields.insert("overdue".to_owned(), (notice.phase == MaintenancePhase::Overrunning).into());
                    fields.insert("may_change".to_owned(), may_change.into());
                    fields.insert("date_only".to_owned(), notice.until.date.is_some().into());
                }
                Some(line)
            })
            .take(LISTED_MAX)
            .collect()
    }

    /// Components that the public does not know and that the editor's organisations own.
    fn internal_components(&self, editor: &Editor) -> Vec<Value> {
        let catalogue = self.state.catalogue();
        let language = catalogue.site.language();
        let internal = catalogue.components.iter().filter(|component| !component.public);
        internal
            .filter(|component| self.state.may_change(editor, &Subject::Component(component.id.clone())))
            .take(LISTED_MAX)
            .map(|component| {
                let owner = catalogue.organisations.get(component.owner as usize).map(|owner| &owner.id);
                json!({ "id": component.id, "name": component.name.get(language, language), "kind": component.kind, "owner": owner })
            })
            .collect()
    }
}

/// Whether an incident concerns the page of any of these organisations.
fn concerns_any(snapshot: &Snapshot, incident: &PublicIncident, mine: &[u32]) -> bool {
    incident.components.iter().any(|(id, ..)| stands(snapshot, id, mine))
}

/// Whether a component stands on the page of any of these organisations.
fn stands(snapshot: &Snapshot, component: &ComponentId, mine: &[u32]) -> bool {
    let index = snapshot.catalogue.component_index.get(component);
    let component = index.and_then(|&index| snapshot.catalogue.components.get(index as usize));
    component.is_some_and(|component| {
        mine.len() == snapshot.catalogue.organisations.len()
            || mine.iter().any(|index| component.shown_on.binary_search(index).is_ok())
    })
}

fn named(snapshot: &Snapshot, organisation: u32) -> Option<Value> {
    let organisation = snapshot.catalogue.organisations.get(organisation as usize)?;
    let language = snapshot.catalogue.site.language();
    Some(json!({ "id": organisation.id, "name": organisation.name.get(language, language) }))
}

/// What an organisation said of an incident, what it was said beside, and what came since.
fn said_of(
    incident: &Incident,
    public: &PublicIncident,
    organisation: &OrganisationId,
    language: &str,
) -> Option<Value> {
    let overlay = public.overlays.get(organisation)?;
    let concerns = |update: &&Update| {
        update.retracted_at.is_none()
            && (update.organisations.is_empty() || update.organisations.contains(organisation))
    };
    let text = |body| wording::body(body, language, language);
    let before = incident.updates.iter().rev().filter(concerns).find(|update| update.at <= overlay.at);
    // What a correction replaced afterwards was still there when the words were written.
    let before = before.map(|update| {
        let replaced = update.corrected.iter().find(|correction| correction.at > overlay.at);
        text(replaced.map_or(&update.body, |correction| &correction.body))
    });
    let since: Vec<Value> = incident
        .updates
        .iter()
        .rev()
        .filter(concerns)
        .filter(|update| update.changed_at() > overlay.at)
        .take(SINCE_MAX)
        .map(|update| json!({ "at": update.changed_at().to_string(), "text": text(&update.body) }))
        .collect();
    Some(json!({
        "text": overlay.text,
        "alternatives": internal::alternatives(&overlay.alternatives),
        "at": overlay.at.to_string(),
        "drifted": public.has_drifted(organisation, overlay),
        "before": before,
        "since": since,
    }))
}

/// What is not known on these pages, and why.
fn unknown(snapshot: &Snapshot, mine: &[u32]) -> Vec<Value> {
    let language = snapshot.catalogue.site.language();
    // Whoever speaks for all is not walked through thousands of pages that show the same.
    let shown: BTreeSet<u32> = if mine.len() == snapshot.catalogue.organisations.len() {
        (0u32..).zip(&snapshot.catalogue.components).map(|(index, _)| index).collect()
    } else {
        let pages = mine.iter().filter_map(|&index| snapshot.catalogue.organisations.get(index as usize));
        pages.flat_map(|organisation| organisation.shows.iter().copied()).collect()
    };
    shown
        .into_iter()
        .filter_map(|index| snapshot.view(index, None))
        .filter(|view| view.status == Status::Unknown && view.state.lifecycle == Lifecycle::Live)
        .take(LISTED_MAX)
        .map(|view| {
            let owner = named(snapshot, view.component.owner);
            json!({
                "id": view.component.id,
                "name": view.component.name.get(language, language),
                "owner": owner,
                "reason": view.state.reason,
                "since": view.since.to_string(),
                "last_known": view.state.last_known,
            })
        })
        .collect()
}
