//! What became different between two snapshots, as frames of an event stream
//! (`text/event-stream`): written once for each page that somebody reads, not once a reader.
//!
//! Pure functions. What keeps the frames and hands them out is `publish::events`.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;

use crate::model::event::MaintenancePhase;
use crate::model::id::{ComponentId, OrganisationId};
use crate::model::incident::IncidentStatus;
use crate::model::local::{Concerned, Said, Town, View};
use crate::model::snapshot::{
    ComponentState, HealthWord, PublicCatalogue, PublicIncident, PublicMaintenance, Snapshot,
};
use crate::model::status::Status;
use crate::publish::json;
use crate::publish::scope::Scope;

/// Where the stream is, without its language.
pub const PATH: &str = "/api/v1/events";

/// The parameters that it knows.
pub const QUERY: &[&str] = &["lang", "last_event_id", "organisation"];

/// Most components, incidents or maintenances in one frame; of more the reader is told to fetch
/// everything anew.
pub const ITEMS_MAX: usize = 200;

/// Organisations whose lists are written in one turn, in each language. Whoever else a change
/// concerns is told to fetch everything anew, so that no turn takes long.
pub const LISTS_MAX: usize = 1_000;

/// All frames of one turn together. Who comes after is told to fetch everything anew.
pub const TURN_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Whose eyes a frame is written for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Audience {
    /// The organisation whose page it is; `None` = the whole site.
    pub organisation: Option<OrganisationId>,
    /// The language of its addresses.
    pub language: Arc<str>,
}

/// The frames of one turn, from one snapshot to the next.
#[derive(Debug, Clone)]
pub struct Frames {
    /// What changed, by audience; `None` where nothing did.
    pub changes: Vec<Option<Bytes>>,
    /// That there is a new epoch.
    pub alive: Bytes,
}

/// Writes what differs between two snapshots for each audience.
pub fn diff(before: &Snapshot, after: &Snapshot, audiences: &[Audience]) -> Frames {
    let difference = Difference::new(before, after);
    let (mut bytes, mut lists) = (0, 0);
    let write = |audience: &Audience| {
        let frame = difference.frame(audience, bytes < TURN_BYTES_MAX && lists < LISTS_MAX)?;
        bytes += frame.len();
        lists += 1;
        Some(frame)
    };
    Frames { changes: audiences.iter().map(write).collect(), alive: alive(after) }
}

/// The schemas of what events hold, by their names; `alive` holds what its own path answers.
pub(super) fn schemas(generator: &mut SchemaGenerator) -> [(&'static str, Schema); 2] {
    [("change", generator.subschema_for::<Change<'_>>()), ("resync", generator.subschema_for::<Resync>())]
}

/// Something was missed: fetch everything anew.
#[derive(Serialize, JsonSchema)]
struct Resync {
    /// Where the log is now.
    position: u64,
}

/// Tells a reader to fetch everything anew.
pub fn resync(position: u64) -> Bytes {
    frame("resync", position, &json::bytes(&Resync { position }))
}

/// Tells a reader that this epoch began, and until when it holds.
pub fn alive(snapshot: &Snapshot) -> Bytes {
    frame("alive", snapshot.position, &json::alive(snapshot))
}

/// The first line of a stream: how long to wait before coming back.
pub fn retry(milliseconds: u64) -> Bytes {
    Bytes::from(format!("retry: {milliseconds}\n\n"))
}

/// A line that says nothing, so that nothing on the way takes the stream for dead.
pub const KEEP_ALIVE: Bytes = Bytes::from_static(b":\n\n");

/// One event. `data` is JSON, in which no line ends.
fn frame(event: &str, id: u64, data: &[u8]) -> Bytes {
    let mut frame = format!("event: {event}\nid: {id}\ndata: ").into_bytes();
    frame.extend(data.iter().copied().filter(|byte| !matches!(byte, b'\n' | b'\r')));
    frame.extend_from_slice(b"\n\n");
    Bytes::from(frame)
}

/// What reads differently than before.
#[derive(Serialize, JsonSchema)]
struct Change<'a> {
    /// Grows with everything that is decided.
    position: u64,
    #[schemars(with = "json::Time")]
    at: String,
    /// Of the whole, or of the page.
    #[schemars(with = "Status")]
    status: &'static str,
    /// Of the whole, or of the page.
    #[schemars(extend("enum" = json::schema::INDICATORS))]
    indicator: &'static str,
    health: &'a [HealthWord],
    components: Vec<ComponentItem<'a>>,
    incidents: Vec<IncidentItem<'a>>,
    maintenance: Vec<MaintenanceItem<'a>>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ChangedComponent")]
struct ComponentItem<'a> {
    id: &'a str,
    #[schemars(with = "Status")]
    status: &'static str,
    #[schemars(with = "json::Time")]
    since: String,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ChangedIncident")]
struct IncidentItem<'a> {
    id: &'a str,
    #[schemars(with = "IncidentStatus")]
    status: &'static str,
    url: String,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ChangedMaintenance")]
struct MaintenanceItem<'a> {
    id: &'a str,
    #[schemars(with = "MaintenancePhase")]
    status: &'static str,
}

/// What differs for everybody; each audience takes its part of it.
struct Difference<'a> {
    before: &'a Snapshot,
    after: &'a Snapshot,
    /// Another catalogue: what is on which page is not what it was.
    is_other: bool,
    /// Where something differs that did not, or not any more; `None` = nowhere.
    locals: Option<Concerned>,
    health: bool,
    /// Components whose state reads differently, ascending.
    components: Vec<u32>,
    incidents: Vec<(&'a Arc<PublicIncident>, Pages)>,
    maintenances: Vec<(&'a Arc<PublicMaintenance>, Pages)>,
}

/// By organisation, whether something stands on its page.
struct Pages(Vec<bool>);

impl Pages {
    fn new<'c>(catalogue: &PublicCatalogue, components: impl Iterator<Item = &'c ComponentId>) -> Self {
        let mut pages = vec![false; catalogue.organisations.len()];
        let mut marked: Option<&Arc<[u32]>> = None;
        for id in components {
            let index = catalogue.component_index.get(id);
            let Some(component) = index.and_then(|&index| catalogue.components.get(index as usize)) else { continue };
            if marked.is_some_and(|marked| Arc::ptr_eq(marked, &component.shown_on)) {
                continue;
            }
            for &organisation in &*component.shown_on {
                if let Some(page) = pages.get_mut(organisation as usize) {
                    *page = true;
                }
            }
            marked = Some(&component.shown_on);
        }
        Self(pages)
    }

    fn include(&self, organisation: u32) -> bool {
        self.0.get(organisation as usize).copied().unwrap_or(false)
    }
}

/// What differs on one page.
struct Here<'a> {
    /// Indexes, ascending; no more than are too many for a frame.
    components: Vec<u32>,
    incidents: Vec<&'a Arc<PublicIncident>>,
    maintenances: Vec<&'a Arc<PublicMaintenance>>,
}

impl<'a> Difference<'a> {
    fn new(before: &'a Snapshot, after: &'a Snapshot) -> Self {
        let is_other = !Arc::ptr_eq(&before.catalogue, &after.catalogue);
        let states = before.states.iter().zip(&after.states).zip(0u32..);
        let differing = states.filter(|((then, now), _)| !Arc::ptr_eq(then, now) && !reads_alike(then, now));
        let catalogue = &*after.catalogue;
        let known: HashMap<_, _> = before.incidents.iter().map(|incident| (&incident.id, incident)).collect();
        let incident = |now: &&'a Arc<PublicIncident>| {
            known.get(&now.id).is_none_or(|then| {
                !(Arc::ptr_eq(then, now) || then == now) || then.is_overdue(before.at) != now.is_overdue(after.at)
            })
        };
        let planned: HashMap<_, _> = before.maintenances.iter().map(|planned| (&planned.id, planned)).collect();
        let maintenance = |now: &&'a Arc<PublicMaintenance>| {
            planned.get(&now.id).is_none_or(|then| !(Arc::ptr_eq(then, now) || then == now))
        };
        Self {
            before,
            after,
            is_other,
            locals: (!Arc::ptr_eq(&before.locals, &after.locals)).then(|| after.locals.differing(&before.locals)),
            health: before.health != after.health,
            components: differing.map(|(_, index)| index).collect(),
            incidents: after
                .incidents
                .iter()
                .filter(incident)
                .map(|incident| (incident, Pages::new(catalogue, incident.components.iter().map(|(id, ..)| id))))
                .collect(),
            maintenances: after
                .maintenances
                .iter()
                .filter(maintenance)
                .map(|planned| {
                    let covered = planned.components.iter().map(|covered| &covered.component);
                    (planned, Pages::new(catalogue, covered))
                })
                .collect(),
        }
    }

    /// What an audience reads of it; without `room` no more than that there is something.
    fn frame(&self, audience: &Audience, room: bool) -> Option<Bytes> {
        let again = || Some(resync(self.after.position));
        if self.is_other {
            return again();
        }
        let change = match &audience.organisation {
            None => self.site(audience)?,
            Some(id) => {
                // It cannot have left: the catalogue is the same.
                let (organisation, _) = self.after.organisation(id.as_str())?;
                let here = self.here(organisation)?;
                if !room {
                    return again();
                }
                self.page(audience, organisation, here)
            }
        };
        let longest = change.components.len().max(change.incidents.len()).max(change.maintenance.len());
        if !room || longest > ITEMS_MAX {
            return again();
        }
        Some(frame("change", self.after.position, &json::bytes(&change)))
    }

    fn site(&self, audience: &Audience) -> Option<Change<'a>> {
        let components: Vec<_> = self
            .components
            .iter()
            .filter_map(|&index| self.after.view(index, None))
            .take(ITEMS_MAX + 1)
            .map(|view| component(&view))
            .collect();
        let nothing = components.is_empty() && self.incidents.is_empty() && self.maintenances.is_empty();
        if nothing && !self.health && self.locals.is_none() {
            return None;
        }
        let after = self.after;
        Some(Change {
            status: after.status().status.as_str(),
            indicator: Snapshot::indicator(&after.incidents, &after.maintenances),
            ..self.change(
                audience,
                components,
                self.incidents.iter().map(|(incident, _)| *incident),
                self.maintenances.iter().map(|(planned, _)| *planned),
            )
        })
    }

    /// What differs on a page, if anything does. Looks only at what may differ.
    fn here(&self, organisation: u32) -> Option<Here<'a>> {
        let after = self.after;
        let there = after.catalogue.organisations.get(organisation as usize)?;
        let shows = &*there.shows;
        let is_shown = |index: &u32| shows.binary_search(index).is_ok();
        let differs = |index: &u32| self.components.binary_search(index).is_ok();
        let mut components: Vec<u32> = if self.components.len() < shows.len() {
            self.components.iter().copied().filter(is_shown).take(ITEMS_MAX + 1).collect()
        } else {
            shows.iter().copied().filter(differs).take(ITEMS_MAX + 1).collect()
        };
        let is_concerned = self.locals.as_ref().is_some_and(|locals| locals.includes(there));
        if (is_concerned || !components.is_empty()) && components.len() <= ITEMS_MAX {
            let then = Town::new(self.before, Some(organisation));
            let now = Town::new(after, Some(organisation));
            let mut touched: Vec<u32> = then.touched().chain(now.touched()).filter(is_shown).collect();
            touched.sort_unstable();
            touched.dedup();
            let reads_differently = |index: &u32| {
                then.view(*index).zip(now.view(*index)).is_some_and(|(then, now)| !shown_alike(&then, &now))
            };
            components.extend(touched.into_iter().filter(|index| !differs(index) && reads_differently(index)));
            components.sort_unstable();
        }
        let incidents: Vec<_> = self
            .incidents
            .iter()
            .filter(|(_, pages)| pages.include(organisation))
            .map(|(incident, _)| *incident)
            .collect();
        let maintenances: Vec<_> = self
            .maintenances
            .iter()
            .filter(|(_, pages)| pages.include(organisation))
            .map(|(planned, _)| *planned)
            .collect();
        let nothing = components.is_empty() && incidents.is_empty() && maintenances.is_empty();
        (!nothing || self.health).then_some(Here { components, incidents, maintenances })
    }

    fn page(&self, audience: &Audience, organisation: u32, here: Here<'a>) -> Change<'a> {
        let after = self.after;
        let town = Town::new(after, Some(organisation));
        let views = here.components.iter().filter_map(|&index| town.view(index));
        let components = views.take(ITEMS_MAX + 1).map(|view| component(&view)).collect();
        Change {
            status: after.organisation_status(organisation).status.as_str(),
            indicator: Snapshot::indicator(after.incidents_of(organisation), after.maintenances_of(organisation)),
            ..self.change(audience, components, here.incidents.into_iter(), here.maintenances.into_iter())
        }
    }

    fn change(
        &self,
        audience: &Audience,
        components: Vec<ComponentItem<'a>>,
        incidents: impl Iterator<Item = &'a Arc<PublicIncident>>,
        maintenances: impl Iterator<Item = &'a Arc<PublicMaintenance>>,
    ) -> Change<'a> {
        let scope = Scope::new(self.after, &audience.language);
        Change {
            position: self.after.position,
            at: self.after.at.to_string(),
            status: "",
            indicator: "",
            health: &self.after.health,
            components,
            incidents: incidents
                .take(ITEMS_MAX + 1)
                .map(|incident| IncidentItem {
                    id: incident.id.as_str(),
                    status: incident.status.as_str(),
                    url: scope.address(&format!("/incidents/{}", incident.id)),
                })
                .collect(),
            maintenance: maintenances
                .take(ITEMS_MAX + 1)
                .map(|planned| MaintenanceItem { id: planned.id.as_str(), status: planned.phase.as_str() })
                .collect(),
        }
    }
}

fn component<'a>(view: &View<'a>) -> ComponentItem<'a> {
    ComponentItem { id: view.component.id.as_str(), status: view.status.as_str(), since: view.since.to_string() }
}

/// Whether a state says the same, apart from when it was looked at last.
fn reads_alike(then: &ComponentState, now: &ComponentState) -> bool {
    let ComponentState {
        status,
        evidence,
        since,
        checked_at: _,
        last_known,
        lifecycle,
        reason,
        affected_by,
        incident,
        unknown_parts,
        set_by_hand,
        inputs,
        hidden,
        aside,
        spared,
        intervals: _,
    } = then;
    (*status, *evidence, *since, *last_known) == (now.status, now.evidence, now.since, now.last_known)
        && (*lifecycle, *reason, *unknown_parts) == (now.lifecycle, now.reason, now.unknown_parts)
        && (*inputs, *aside, *spared) == (now.inputs, now.aside, now.spared)
        && (affected_by, hidden) == (&now.affected_by, &now.hidden)
        && (incident, set_by_hand) == (&now.incident, &now.set_by_hand)
}

/// Whether a town shows a component as before, as far as that is its own affair.
fn shown_alike(then: &View<'_>, now: &View<'_>) -> bool {
    let said = |said: Said<'_>| (said.released, said.processing);
    (then.status, then.evidence, then.since, then.mode) == (now.status, now.evidence, now.since, now.mode)
        && said(then.local) == said(now.local)
        && then.local.standing == now.local.standing
        && (then.local.text, then.local.alternatives) == (now.local.text, now.local.alternatives)
        && (then.delivery, &then.affected_by) == (now.delivery, &now.affected_by)
}
