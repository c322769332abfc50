//! State → what the public may see. The only place that crosses from internal to public.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::engine::maintenance;
use crate::engine::state::{PublicFaces, State};
use crate::model::decision::Inputs;
use crate::model::editing::Subject;
use crate::model::id::{ComponentId, IncidentId};
use crate::model::incident::{Body, CLOSED_INCIDENTS_MAX, Concerned, Incident, IncidentStatus};
use crate::model::local::{Locals, PublicLocal};
use crate::model::notice::{LocalNotice, MaintenanceNotice, MaintenanceUpdate};
use crate::model::search::Searchable;
use crate::model::snapshot::{
    AffectedBy, ComponentState, HealthWord, Hidden, PublicCatalogue, PublicComponent, PublicIncident,
    PublicMaintenance, PublicOrganisation, PublicSeries, PublicUpdate, Shown, Snapshot, VALID_FOR,
};
use crate::model::status::{Evidence, Lifecycle, Status};
use crate::model::text::Text;
use crate::model::time::Timestamp;

/// How long a completed maintenance is still shown.
const COMPLETED_SHOWN_FOR: std::time::Duration = std::time::Duration::from_secs(7 * 86_400);

impl State {
    /// What the public may see. Costs what changed since the last one; with `whole` everything is
    /// looked at anew, which brings the times of the last probes up to date.
    pub fn snapshot(&mut self, at: Timestamp, health: &[HealthWord], whole: bool) -> Snapshot {
        self.public.new = false;
        if whole {
            self.public.stale.extend((0u32..).take(self.record.components.len()));
        }
        for component in std::mem::take(&mut self.public.stale) {
            let Some(public) = self.public.index.get(component as usize).copied().flatten() else { continue };
            if let Some(state) = self.face(component)
                && let Some(slot) = self.public.states.get_mut(public as usize)
                && **slot != state
            {
                *slot = Arc::new(state);
            }
        }
        for id in std::mem::take(&mut self.public.stale_incidents) {
            if let Some(incident) = self.record.incidents.get(&id) {
                let face = Arc::new(self.incident_face(incident));
                self.public.incidents.insert(id, face);
            }
        }
        if std::mem::take(&mut self.public.locals_stale) {
            let face = |local: &Arc<LocalNotice>| {
                let component = self.catalogue.component_index(local.component.as_str())?;
                let public = self.public.index.get(component as usize).copied().flatten()?;
                Some((public, Arc::new(self.local_face(local, component)?)))
            };
            let locals = Locals::new(self.record.locals.values().filter_map(face), &self.public.catalogue);
            let changes = self.record.changes.iter().rev().filter_map(face).map(|(_, local)| local).collect();
            (self.public.locals, self.public.changes) = (Arc::new(locals), Arc::new(changes));
        }
        // What concerns nothing public is none of the public's business.
        let is_public = |incident: &&Arc<PublicIncident>| !incident.components.is_empty();
        let mut incidents: Vec<_> = self.public.incidents.values().filter(is_public).cloned().collect();
        incidents.sort_by(|a, b| (b.is_open(), b.started_at, &b.id).cmp(&(a.is_open(), a.started_at, &a.id)));
        Snapshot {
            position: self.record.position,
            at,
            valid_until: at.plus(VALID_FOR),
            exported: None,
            health: health.to_vec(),
            catalogue: Arc::clone(&self.public.catalogue),
            states: self.public.states.clone(),
            incidents,
            incidents_from: self.incidents_from(),
            maintenances: self.maintenance_faces(at),
            past_maintenances: self.past_faces(at),
            locals: Arc::clone(&self.public.locals),
            changes: Arc::clone(&self.public.changes),
        }
    }

    /// From when on no closed incident was forgotten, if any may have been.
    fn incidents_from(&self) -> Option<Timestamp> {
        let closed = || self.public.incidents.values().filter_map(|incident| incident.resolved_at);
        closed().min().filter(|_| closed().count() >= CLOSED_INCIDENTS_MAX)
    }

    /// Whether something that the public sees changed since the last snapshot.
    pub fn public_changed(&self) -> bool {
        self.public.new || !self.public.stale.is_empty() || !self.public.stale_incidents.is_empty()
    }

    /// Rebuilds every face, after a catalogue was adopted or the state restored.
    pub(super) fn rebuild_public(&mut self) {
        let catalogue = Arc::clone(&self.catalogue);
        let mut faces = PublicFaces { new: true, locals_stale: true, ..PublicFaces::default() };
        let mut next = 0u32;
        for component in &catalogue.components {
            faces.index.push(component.public.then(|| {
                next += 1;
                next - 1
            }));
        }
        for incident in self.record.incidents.values().filter(|incident| incident.is_open()) {
            for concerned in &incident.concerned {
                if let Some(index) = catalogue.component_index(concerned.component.as_str()) {
                    faces.incidents_of.entry(index).or_default().insert(incident.id.clone());
                }
            }
        }
        faces.stale_incidents = self.record.incidents.keys().cloned().collect::<BTreeSet<_>>();
        self.public = faces;
        self.public.catalogue = Arc::new(self.public_catalogue());
        self.public.states = (0u32..)
            .zip(&catalogue.components)
            .filter(|(_, component)| component.public)
            .filter_map(|(index, _)| self.face(index).map(Arc::new))
            .collect();
    }

    fn public_catalogue(&self) -> PublicCatalogue {
        let catalogue = &self.catalogue;
        let index = |component: u32| self.public.index.get(component as usize).copied().flatten();
        // Pages that are one stay one.
        let mut pages: HashMap<*const [u32], Arc<[u32]>> = HashMap::new();
        let organisations = catalogue
            .organisations
            .iter()
            .zip(catalogue.pages())
            .map(|(organisation, page)| {
                let shows = pages
                    .entry(Arc::as_ptr(page))
                    .or_insert_with(|| page.iter().filter_map(|&component| index(component)).collect());
                let (own, site) = (organisation.links.clone(), catalogue.site.links.clone());
                PublicOrganisation {
                    id: organisation.id.clone(),
                    kind: organisation.kind,
                    name: organisation.name.clone(),
                    ars: organisation.ars.clone(),
                    land: organisation.land.clone(),
                    url: organisation.url.clone(),
                    timezone: organisation.timezone.clone().unwrap_or_else(|| catalogue.site.timezone.clone()),
                    links: crate::model::catalogue::SiteLinks {
                        imprint: own.imprint.or(site.imprint),
                        privacy: own.privacy.or(site.privacy),
                        accessibility: own.accessibility.or(site.accessibility),
                        contact: own.contact.or(site.contact),
                        logo: own.logo.or(site.logo),
                        theme: own.theme.or(site.theme),
                    },
                    shows: Arc::clone(shows),
                }
            })
            .collect::<Vec<_>>();
        let components = (0u32..)
            .zip(&catalogue.components)
            .filter(|(_, component)| component.public)
            .map(|(position, component)| {
                let node = catalogue.node(position);
                let is_public = |id: &u32| catalogue.component(*id).is_some_and(|c| c.public);
                PublicComponent {
                    id: component.id.clone(),
                    name: component.name.clone(),
                    kind: component.kind,
                    owner: component.owner,
                    part_of: component.part_of.and_then(index),
                    parts: node.into_iter().flat_map(|node| &node.parts).filter_map(|&part| index(part)).collect(),
                    serves: component.serves.clone(),
                    shown_on: node.map(|node| Arc::clone(&node.shown_on)).unwrap_or_default(),
                    depends_on: component
                        .depends_on
                        .iter()
                        .filter(|edge| is_public(&edge.component))
                        .filter_map(|edge| Some(catalogue.component(edge.component)?.id.clone()))
                        .collect(),
                    url: component.url.clone(),
                    leika: component.leika.clone(),
                    ozg: component.ozg,
                    alternatives: component.alternatives.clone(),
                    available_from: component.available_from.clone(),
                    delivery: component.delivery.clone(),
                    edges: component
                        .depends_on
                        .iter()
                        .filter_map(|edge| Some((index(edge.component)?, edge.red_means)))
                        .collect(),
                }
            })
            .collect::<Vec<_>>();
        PublicCatalogue {
            site: catalogue.site.clone(),
            former_organisations: catalogue
                .organisations
                .iter()
                .flat_map(|o| o.formerly.iter().map(|old| (old.clone(), o.id.clone())))
                .collect(),
            former_components: catalogue
                .components
                .iter()
                .filter(|component| component.public)
                .flat_map(|c| c.formerly.iter().map(|old| (old.clone(), c.id.clone())))
                .collect(),
            removed: self.record.removed.iter().cloned().collect(),
            organisation_index: organisations.iter().zip(0u32..).map(|(o, i)| (o.id.clone(), i)).collect(),
            component_index: components.iter().zip(0u32..).map(|(c, i)| (c.id.clone(), i)).collect(),
            organisations,
            components,
            logos: catalogue.logos.clone(),
            searchable: Searchable::default(),
        }
    }

    /// How the public may know a component.
    fn shown(&self, id: &ComponentId) -> Option<Shown> {
        let component = self.catalogue.component(self.catalogue.component_index(id.as_str())?)?;
        Some(Shown { id: component.public.then(|| component.id.clone()), name: component.shown_name() })
    }

    fn face(&self, index: u32) -> Option<ComponentState> {
        let record = self.record.components.get(index as usize)?;
        let component = self.catalogue.component(index)?;
        let node = self.catalogue.node(index)?;
        let checked_at = node.checks.clone().filter_map(|check| self.record.checks.get(check as usize)?.seen_at).max();
        let unknown_parts = node
            .parts
            .iter()
            .filter(|&&part| {
                self.is_live(part)
                    && self.catalogue.component(part).is_some_and(|c| c.public)
                    && self.record.components.get(part as usize).is_some_and(|r| r.status == Status::Unknown)
            })
            .count();
        let basis = self.basis(index, self.record.at)?;
        let hidden = basis.hidden.map(|(parent, evidence)| Hidden {
            status: parent.status,
            evidence,
            affected_by: self.affected_by(&parent.path()),
        });
        let state = ComponentState {
            status: record.status,
            evidence: record.evidence,
            since: record.since,
            checked_at,
            last_known: record.last_known,
            lifecycle: component.lifecycle(self.record.at),
            reason: record.reason,
            affected_by: self.affected_by(&record.affected_by),
            incident: self.incident_of(index),
            unknown_parts: u32::try_from(unknown_parts).unwrap_or(u32::MAX),
            set_by_hand: self.record.overrides.get(&component.id).copied(),
            inputs: basis.inputs,
            hidden,
            aside: basis.aside,
            spared: self.spared.contains_key(&index),
            intervals: Arc::clone(&record.intervals),
        };
        let retired_at = component.retired_at.as_ref().map(|when| when.at);
        let since = match state.lifecycle {
            Lifecycle::Live => return Some(state),
            Lifecycle::Announced => record.intervals.iter().next().map(|first| first.from),
            Lifecycle::Retired => retired_at,
        };
        // What is not in service is neither up nor down, whatever its checks find.
        Some(ComponentState {
            status: Status::Unknown,
            evidence: Evidence::Declared,
            since: since.unwrap_or(record.since),
            last_known: None,
            reason: None,
            affected_by: None,
            unknown_parts: 0,
            inputs: Inputs::default(),
            hidden: None,
            aside: false,
            spared: false,
            ..state
        })
    }

    /// What affects a component, from the way to the root.
    fn affected_by(&self, path: &[ComponentId]) -> Option<AffectedBy> {
        let incident = self.catalogue.component_index(path.last()?.as_str()).and_then(|root| self.incident_of(root));
        let path: Vec<Shown> = path.iter().filter_map(|id| self.shown(id)).collect();
        (!path.is_empty()).then_some(AffectedBy { path, incident })
    }

    /// The open incident that concerns a component: the one whose root it is, else the oldest.
    fn incident_of(&self, component: u32) -> Option<IncidentId> {
        let id = &self.catalogue.component(component)?.id;
        let open = self.public.incidents_of.get(&component)?;
        let incidents = open
            .iter()
            .filter_map(|id| self.record.incidents.get(id))
            .filter(|incident| incident.concerned.iter().any(|concerned| self.may_show(concerned)));
        incidents.min_by_key(|i| (i.root != *id, i.opened_at, &i.id)).map(|incident| incident.id.clone())
    }

    fn incident_face(&self, incident: &Incident) -> PublicIncident {
        let recorded = incident.concerns(&incident.root);
        let root = self.shown(&incident.root).unwrap_or_else(|| Shown {
            id: recorded.filter(|concerned| concerned.public).map(|concerned| concerned.component.clone()),
            name: recorded.map(|concerned| concerned.name.clone()).unwrap_or_default(),
        });
        PublicIncident {
            id: incident.id.clone(),
            title: incident.title.clone(),
            status: incident.status,
            impact: incident.impact,
            cause: incident.cause,
            root,
            started_at: incident.started_at,
            resolved_at: incident.resolved_at.filter(|_| incident.status == IncidentStatus::Resolved),
            merged_into: incident.merged_into.clone(),
            expected_end: incident.expected_end.clone(),
            next_update_by: incident.next_update_by,
            references: incident.references.clone(),
            alternatives: incident.alternatives.clone(),
            unaffected: incident.unaffected.iter().filter(|id| self.is_public(id)).cloned().collect(),
            headed_at: incident.headed_at,
            overlays: incident.overlays.clone(),
            withdrawn: incident.withdrawn.clone(),
            components: incident
                .concerned
                .iter()
                .filter(|concerned| self.may_show(concerned))
                .map(|concerned| (concerned.component.clone(), concerned.name.clone(), concerned.worst))
                .collect(),
            updates: incident
                .updates
                .iter()
                .map(|update| PublicUpdate {
                    number: update.number,
                    at: update.at,
                    status: update.status,
                    impact: update.impact.unwrap_or(incident.impact),
                    body: match update.retracted_at {
                        Some(_) => Body::Written(Text::default()),
                        None => update.body.clone(),
                    },
                    is_removal: update.retracted_at.is_none() && update.is_removal(),
                    components: update
                        .components
                        .iter()
                        .filter(|(id, _)| {
                            incident.concerns(id).map_or_else(|| self.is_public(id), |c| self.may_show(c))
                        })
                        .map(|(id, status)| (id.clone(), *status))
                        .collect(),
                    organisations: update.organisations.clone(),
                    ending: update.ending.clone(),
                    retracted_at: update.retracted_at,
                    corrected_at: update.corrected.last().map(|correction| correction.at),
                })
                .collect(),
            revision: incident.revision,
        }
    }

    /// Whether the public may know of a component that an incident concerns: as the catalogue has
    /// it, or as it was when it was recorded, if it is gone.
    fn may_show(&self, concerned: &Concerned) -> bool {
        match self.catalogue.component_index(concerned.component.as_str()) {
            Some(_) => self.is_public(&concerned.component),
            None => concerned.public,
        }
    }

    /// Whether the public may read of a subject.
    pub fn is_told(&self, subject: &Subject, at: Timestamp) -> bool {
        match subject {
            Subject::Incident(id) => self
                .record
                .incidents
                .get(id)
                .is_some_and(|incident| incident.concerned.iter().any(|concerned| self.may_show(concerned))),
            Subject::Maintenance(id) => self.record.maintenance.get(id).is_some_and(|notice| {
                is_told(notice, at) && notice.components.iter().any(|covered| self.is_public(&covered.component))
            }),
            Subject::Component(id) => self.is_public(id),
        }
    }

    fn is_public(&self, id: &ComponentId) -> bool {
        let index = self.catalogue.component_index(id.as_str());
        index.and_then(|index| self.catalogue.component(index)).is_some_and(|component| component.public)
    }

    fn local_face(&self, local: &LocalNotice, component: u32) -> Option<PublicLocal> {
        Some(PublicLocal {
            key: local.key,
            component: local.component.clone(),
            name: self.catalogue.component(component)?.name.clone(),
            organisations: local.organisations.clone(),
            status: local.status,
            mode: local.mode,
            released: local.released,
            processing: local.processing,
            delivery: local.delivery.clone(),
            text: local.text.clone(),
            alternatives: local.alternatives.clone(),
            since: local.since,
            until: local.until,
            ended_at: local.ended_at,
            said_as: local.said_as.clone(),
        })
    }

    fn maintenance_faces(&self, at: Timestamp) -> Vec<Arc<PublicMaintenance>> {
        let mut faces: Vec<_> = self
            .record
            .maintenance
            .values()
            .filter(|notice| !is_past(notice, at) && is_told(notice, at))
            .map(|notice| Arc::new(self.maintenance_face(notice)))
            .filter(|face| !face.components.is_empty())
            .collect();
        faces.sort_by(|a, b| (a.from.at, &a.id).cmp(&(b.from.at, &b.id)));
        faces
    }

    /// They change no more, so each is made once for a catalogue.
    fn past_faces(&mut self, at: Timestamp) -> Vec<Arc<PublicMaintenance>> {
        let before = std::mem::take(&mut self.public.past_maintenances);
        let past = self.record.maintenance.values().filter(|notice| is_past(notice, at) && is_told(notice, at));
        let faces = past.map(|notice| {
            let known = before.get(&notice.id).filter(|face| face.revision == notice.revision);
            let face = known.map_or_else(|| Arc::new(self.maintenance_face(notice)), Arc::clone);
            (notice.id.clone(), face)
        });
        let faces: BTreeMap<_, _> = faces.collect();
        let mut shown: Vec<_> = faces.values().filter(|face| !face.components.is_empty()).cloned().collect();
        shown.sort_by(|a, b| (a.from.at, &a.id).cmp(&(b.from.at, &b.id)));
        self.public.past_maintenances = faces;
        shown
    }

    fn maintenance_face(&self, notice: &MaintenanceNotice) -> PublicMaintenance {
        let update = |update: &MaintenanceUpdate| MaintenanceUpdate {
            ended: update.ended.iter().filter(|(id, _)| self.is_public(id)).cloned().collect(),
            ..update.clone()
        };
        PublicMaintenance {
            id: notice.id.clone(),
            title: notice.title.clone(),
            text: notice.text.clone(),
            phase: notice.phase,
            from: notice.from.clone(),
            until: notice.until.clone(),
            ends: notice.ends,
            ended_at: notice.ended_at,
            components: notice.components.iter().filter(|c| self.is_public(&c.component)).cloned().collect(),
            unaffected: notice.unaffected.iter().filter(|id| self.is_public(id)).cloned().collect(),
            alternatives: notice.alternatives.clone(),
            announced_at: notice.announced_at.clone(),
            last_chance_before: notice.last_chance_before.clone(),
            back_from: notice.back_from.clone(),
            programme: notice.programme.clone(),
            zone: notice.zone.clone(),
            upcoming: if notice.is_over() { Vec::new() } else { maintenance::upcoming(notice) },
            series: notice.recurring.as_ref().map(|recurrence| {
                let (from, until) = notice.span();
                PublicSeries { recurrence: recurrence.clone(), from: from.clone(), until: until.clone() }
            }),
            sequence: notice.sequence,
            updates: notice.updates.iter().map(update).collect(),
            revision: notice.revision,
        }
    }
}

/// Whether a maintenance was announced. What was called off before anybody was told of it stays untold.
fn is_told(notice: &MaintenanceNotice, at: Timestamp) -> bool {
    let known_until = notice.ended_at.filter(|_| is_past(notice, at));
    notice.announced_at.at <= known_until.unwrap_or(at)
}

/// Whether a maintenance has been over for so long that no list shows it.
fn is_past(notice: &MaintenanceNotice, at: Timestamp) -> bool {
    notice.is_over() && notice.ended_at.is_some_and(|ended| ended.plus(COMPLETED_SHOWN_FOR) < at)
}
