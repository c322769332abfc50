//! What goes out: the public's `Snapshot`.
//!
//! Architecture invariant: a `Snapshot` cannot hold an internal component, a target, an address or
//! a secret; there is no field for one. Pages, feeds and data are written from it alone.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crate::model::alternative::{Alternative, Link};
use crate::model::availability::Intervals;
use crate::model::catalogue::{Ends, Reach, Site, SiteLinks};
use crate::model::decision::Inputs;
use crate::model::event::MaintenancePhase;
use crate::model::id::{ComponentId, IncidentId, MaintenanceId, OrganisationId};
use crate::model::incident::{Body, Cause, Ending, Expected, Impact, IncidentStatus, Overlay, Reference, Withdrawn};
use crate::model::local::{Locals, PublicLocal, Town, View};
use crate::model::look::Logo;
use crate::model::notice::{CoveredNotice, MaintenanceUpdate, Override};
use crate::model::search::Searchable;
use crate::model::status::{ComponentKind, Delivery, Evidence, Lifecycle, OrganisationKind, RollUp, Status, roll_up};
use crate::model::text::Text;
use crate::model::time::Timestamp;
use crate::model::verdict::Reason;
use crate::model::window::{Recurrence, When};

/// How long a document counts as fresh.
pub const VALID_FOR: Duration = Duration::from_secs(150);

const HOUR_MS: i64 = 3_600_000;

/// All that the public may see at one instant. The same (position, epoch) gives the same bytes.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Position of the last event it rests on.
    pub position: u64,
    /// The epoch: the change or the wall minute it was made for.
    pub at: Timestamp,
    /// Until when a reader may take it for fresh.
    pub valid_until: Timestamp,
    /// Of files to be exported: when their content last changed. Such files say nothing of how
    /// fresh they are; only `api/v1/alive.json` does.
    pub exported: Option<Timestamp>,
    /// Closed words about our own health, empty when all is well.
    pub health: Vec<HealthWord>,
    /// The static part.
    pub catalogue: Arc<PublicCatalogue>,
    /// State of each component, by the index of `catalogue.components`.
    pub states: Vec<Arc<ComponentState>>,
    /// Open incidents, newest first, then closed ones, newest first.
    pub incidents: Vec<Arc<PublicIncident>>,
    /// From when on none is missing among them; `None` if none ever was left out.
    pub incidents_from: Option<Timestamp>,
    /// Maintenances that have been announced, by begin.
    pub maintenances: Vec<Arc<PublicMaintenance>>,
    /// Maintenances long over: no list shows them, but feeds tell of them and their pages stay.
    pub past_maintenances: Vec<Arc<PublicMaintenance>>,
    /// What differs in some towns at the moment.
    pub locals: Arc<Locals>,
    /// What came to differ in some towns and what ended there, newest first, for feeds.
    pub changes: Arc<Vec<Arc<PublicLocal>>>,
}

/// A word about our own health.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HealthWord {
    /// The files on disk are faulty; an older catalogue is in force.
    ConfigStale,
    /// What is shown is not yet on disk, or the log was damaged.
    Storage,
    /// A path of our own is cut.
    Blind,
    /// The clock cannot be trusted.
    Clock,
}

impl HealthWord {
    /// The closed word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ConfigStale => "config_stale",
            Self::Storage => "storage",
            Self::Blind => "blind",
            Self::Clock => "clock",
        }
    }
}

/// What the public may know of the catalogue.
#[derive(Debug, Clone, Default)]
pub struct PublicCatalogue {
    /// The site.
    pub site: Site,
    /// Organisations in order of declaration.
    pub organisations: Vec<PublicOrganisation>,
    /// Public components in order of declaration.
    pub components: Vec<PublicComponent>,
    /// Index of each organisation by id.
    pub organisation_index: HashMap<OrganisationId, u32>,
    /// Index of each component by id.
    pub component_index: HashMap<ComponentId, u32>,
    /// The present id of each organisation by its former ones.
    pub former_organisations: HashMap<OrganisationId, OrganisationId>,
    /// The present id of each public component by its former ones.
    pub former_components: HashMap<ComponentId, ComponentId>,
    /// The pictures that links name as logos.
    pub logos: BTreeMap<String, Logo>,
    /// What a search looks at; made by the first one.
    pub searchable: Searchable,
    /// Public components that are not watched any more.
    pub removed: HashSet<ComponentId>,
}

/// A public body.
#[derive(Debug, Clone)]
pub struct PublicOrganisation {
    /// Its id.
    pub id: OrganisationId,
    /// What kind.
    pub kind: OrganisationKind,
    /// Its name.
    pub name: Text,
    /// Its ARS.
    pub ars: Option<String>,
    /// Its Land.
    pub land: Option<String>,
    /// Its homepage.
    pub url: Option<Link>,
    /// IANA name of its time zone.
    pub timezone: String,
    /// Its links, the site's where it has none.
    pub links: SiteLinks,
    /// Indexes of the components on its page, ascending: in order of declaration, parts after their
    /// whole. Shared by all whose pages show the same.
    pub shows: Arc<[u32]>,
}

/// A component that the public may know.
#[derive(Debug, Clone)]
pub struct PublicComponent {
    /// Its id.
    pub id: ComponentId,
    /// Its name.
    pub name: Text,
    /// What it is.
    pub kind: ComponentKind,
    /// Index of its owner.
    pub owner: u32,
    /// Index of what it is part of.
    pub part_of: Option<u32>,
    /// Indexes of its parts.
    pub parts: Vec<u32>,
    /// Whom it serves, as declared.
    pub serves: Vec<Reach>,
    /// Indexes of the organisations on whose pages it stands, ascending. Shared by all that serve
    /// the same.
    pub shown_on: Arc<[u32]>,
    /// Ids of the public components it depends on.
    pub depends_on: Vec<ComponentId>,
    /// Where citizens find it.
    pub url: Option<Link>,
    /// LeiKa keys.
    pub leika: Vec<String>,
    /// OZG id.
    pub ozg: Option<u32>,
    /// Other ways.
    pub alternatives: Vec<Alternative>,
    /// From when it is in service.
    pub available_from: Option<When>,
    /// Mail delivery, where it differs from normal.
    pub delivery: Option<Delivery>,
    /// The public components it depends on: index, and what an outage there means here.
    pub edges: Vec<(u32, Option<Status>)>,
}

/// State of a component at one instant.
#[derive(Debug, Clone, PartialEq)]
pub struct ComponentState {
    /// Its status.
    pub status: Status,
    /// Where the status comes from.
    pub evidence: Evidence,
    /// Since when.
    pub since: Timestamp,
    /// When it was last probed, as far as this is recorded.
    pub checked_at: Option<Timestamp>,
    /// The last status before it became unknown.
    pub last_known: Option<Status>,
    /// Where it stands in its life.
    pub lifecycle: Lifecycle,
    /// The reason of its own failing check.
    pub reason: Option<Reason>,
    /// What affects it.
    pub affected_by: Option<AffectedBy>,
    /// The open incident that concerns it.
    pub incident: Option<IncidentId>,
    /// How many of its parts are unknown.
    pub unknown_parts: u32,
    /// Set by hand, and until when.
    pub set_by_hand: Option<Override>,
    /// What the status was decided from.
    pub inputs: Inputs,
    /// What follows from parents that are internal.
    pub hidden: Option<Hidden>,
    /// Whether its own evidence sets derived states aside.
    pub aside: bool,
    /// Whether a maintenance under way leaves it as it is.
    pub spared: bool,
    /// Its intervals, for availability.
    pub intervals: Arc<Intervals>,
}

/// What follows from the worst parent that is internal.
#[derive(Debug, Clone, PartialEq)]
pub struct Hidden {
    /// The status.
    pub status: Status,
    /// Where it comes from.
    pub evidence: Evidence,
    /// The way from it to the root; nothing while it is operational.
    pub affected_by: Option<AffectedBy>,
}

/// The parent that affects a component.
#[derive(Debug, Clone, PartialEq)]
pub struct AffectedBy {
    /// From the worst direct parent to the root; never empty.
    pub path: Vec<Shown>,
    /// The incident of the root.
    pub incident: Option<IncidentId>,
}

/// A component as the public may name it.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// Its id; `None` if it is internal.
    pub id: Option<ComponentId>,
    /// Its name, or public name.
    pub name: Text,
}

/// An incident as the public may read it.
#[derive(Debug, Clone, PartialEq)]
pub struct PublicIncident {
    /// Its id.
    pub id: IncidentId,
    /// Its title.
    pub title: Body,
    /// Where it stands.
    pub status: IncidentStatus,
    /// How bad it is.
    pub impact: Impact,
    /// Category of the cause.
    pub cause: Option<Cause>,
    /// Its root.
    pub root: Shown,
    /// When the first failure began.
    pub started_at: Timestamp,
    /// When it ended.
    pub resolved_at: Option<Timestamp>,
    /// The incident that continues it.
    pub merged_into: Option<IncidentId>,
    /// When the end is expected; `None`: it cannot be foreseen.
    pub expected_end: Option<Expected>,
    /// By when more is promised.
    pub next_update_by: Option<Timestamp>,
    /// Where more can be read.
    pub references: Vec<Reference>,
    /// Other ways, beside those of the components.
    pub alternatives: Vec<Alternative>,
    /// The public components that stay as they are.
    pub unaffected: Vec<ComponentId>,
    /// When its title, its status or its impact last changed.
    pub headed_at: Option<Timestamp>,
    /// Towns' own words on it.
    pub overlays: BTreeMap<OrganisationId, Overlay>,
    /// Towns' own words that were taken back, the last ones of each town.
    pub withdrawn: BTreeMap<OrganisationId, Withdrawn>,
    /// The public components it concerns: id, name, and the worst status they had in it.
    pub components: Vec<(ComponentId, Text, Status)>,
    /// Its updates, oldest first.
    pub updates: Vec<PublicUpdate>,
    /// Position of the event that last changed it.
    pub revision: u64,
}

/// An update as the public may read it.
#[derive(Debug, Clone, PartialEq)]
pub struct PublicUpdate {
    /// Its number within the incident.
    pub number: u32,
    /// When it was recorded.
    pub at: Timestamp,
    /// Where the incident stood.
    pub status: IncidentStatus,
    /// How bad it was then.
    pub impact: Impact,
    /// What it says; empty if it was retracted.
    pub body: Body,
    /// Whether it says, or did before it was corrected, that what it is about is not watched any more.
    pub is_removal: bool,
    /// The states that it gave public components.
    pub components: Vec<(ComponentId, Status)>,
    /// Whom it concerns; everybody, if empty.
    pub organisations: Vec<OrganisationId>,
    /// What it said about the end, if it said anything new.
    pub ending: Option<Ending>,
    /// When it was taken back.
    pub retracted_at: Option<Timestamp>,
    /// When it was last corrected.
    pub corrected_at: Option<Timestamp>,
}

impl PublicUpdate {
    /// When it last changed.
    pub fn changed_at(&self) -> Timestamp {
        [Some(self.at), self.corrected_at, self.retracted_at].into_iter().flatten().max().unwrap_or(self.at)
    }
}

impl PublicIncident {
    /// Whether it is not resolved.
    pub fn is_open(&self) -> bool {
        self.status != IncidentStatus::Resolved
    }

    /// Whether a promise to say more was not kept.
    pub fn is_overdue(&self, at: Timestamp) -> bool {
        self.is_open() && self.next_update_by.is_some_and(|by| by <= at)
    }

    /// The updates that were not taken back and concern an organisation's page, oldest first.
    pub fn updates_for(&self, organisation: Option<&OrganisationId>) -> impl DoubleEndedIterator<Item = &PublicUpdate> {
        self.updates.iter().filter(move |update| {
            update.retracted_at.is_none()
                && organisation.is_none_or(|id| update.organisations.is_empty() || update.organisations.contains(id))
        })
    }

    /// Whether something that concerns a town was said or corrected after its own words were
    /// written: it may want to look again.
    pub fn has_drifted(&self, organisation: &OrganisationId, overlay: &Overlay) -> bool {
        self.updates_for(Some(organisation)).any(|update| update.changed_at() > overlay.at)
    }
}

/// A maintenance as the public may read it.
#[derive(Debug, Clone, PartialEq)]
pub struct PublicMaintenance {
    /// Its id.
    pub id: MaintenanceId,
    /// Its title.
    pub title: Text,
    /// What more there is to say.
    pub text: Option<Text>,
    /// Its phase.
    pub phase: MaintenancePhase,
    /// When it begins; of a recurring one, its occurrence at hand.
    pub from: When,
    /// When it ends.
    pub until: When,
    /// How it ends.
    pub ends: Ends,
    /// When it was over or called off.
    pub ended_at: Option<Timestamp>,
    /// The public components it covers.
    pub components: Vec<CoveredNotice>,
    /// The public components that stay as they are.
    pub unaffected: Vec<ComponentId>,
    /// Other ways meanwhile.
    pub alternatives: Vec<Alternative>,
    /// When it was announced.
    pub announced_at: When,
    /// The last day before.
    pub last_chance_before: Option<When>,
    /// When things are back.
    pub back_from: Option<When>,
    /// Same word = same programme.
    pub programme: Option<String>,
    /// IANA name of the time zone its dates are in.
    pub zone: String,
    /// Of a recurring one: its next occurrences after the one at hand.
    pub upcoming: Vec<(Timestamp, Timestamp)>,
    /// How it recurs.
    pub series: Option<PublicSeries>,
    /// Counts what calendars must take over.
    pub sequence: u32,
    /// What was published about it, oldest first.
    pub updates: Vec<MaintenanceUpdate>,
    /// Position of the event that last changed it.
    pub revision: u64,
}

/// How planned work recurs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicSeries {
    /// The rule, the time of day and how long each occurrence lasts.
    pub recurrence: Recurrence,
    /// When the whole series begins: the date that the rule runs from.
    pub from: When,
    /// When it ends.
    pub until: When,
}

impl PublicMaintenance {
    /// Whether it is under way.
    pub const fn is_active(&self) -> bool {
        matches!(self.phase, MaintenancePhase::InProgress | MaintenancePhase::Overrunning)
    }

    /// Whether it covers a component.
    pub fn covers(&self, component: &str) -> bool {
        self.components.iter().any(|covered| covered.component.as_str() == component)
    }
}

impl Snapshot {
    /// Up to when figures that grow by themselves are computed. In files that is the last full
    /// hour, so that a file in which nothing else changed stays as it is for so long.
    pub fn figures_until(&self) -> Timestamp {
        match self.exported {
            Some(_) => Timestamp::from_millis(self.at.as_millis().div_euclid(HOUR_MS) * HOUR_MS),
            None => self.at,
        }
    }

    /// The organisation with this id.
    pub fn organisation(&self, id: &str) -> Option<(u32, &PublicOrganisation)> {
        let index = *self.catalogue.organisation_index.get(id)?;
        Some((index, self.catalogue.organisations.get(index as usize)?))
    }

    /// The components of an organisation's page that are not parts of another one there.
    pub fn page_of(&self, organisation: u32) -> impl Iterator<Item = View<'_>> {
        let shows = self.catalogue.organisations.get(organisation as usize).map_or(&[][..], |o| &o.shows);
        let town = Town::new(self, Some(organisation));
        // A part that stands here without its whole counts like a whole.
        let is_part = |view: &View<'_>| view.component.part_of.is_some_and(|whole| shows.binary_search(&whole).is_ok());
        shows.iter().filter_map(move |&component| town.view(component)).filter(move |view| !is_part(view))
    }

    /// The common status of an organisation's page: live components only.
    pub fn organisation_status(&self, organisation: u32) -> RollUp {
        roll_up(
            self.page_of(organisation)
                .filter(|view| view.state.lifecycle == Lifecycle::Live)
                .map(|view| (view.status, view.evidence)),
        )
    }

    /// The common status of everything.
    pub fn status(&self) -> RollUp {
        roll_up(
            self.catalogue
                .components
                .iter()
                .zip(&self.states)
                .zip(0u32..)
                .filter(|((component, state), _)| component.part_of.is_none() && state.lifecycle == Lifecycle::Live)
                .filter_map(|(_, index)| self.view(index, None))
                .map(|view| (view.status, view.evidence)),
        )
    }

    /// Whether an incident concerns an organisation's page.
    pub fn concerns(&self, incident: &PublicIncident, organisation: u32) -> bool {
        incident.components.iter().any(|(id, ..)| self.stands_on(id, organisation))
    }

    /// Whether a component stands on an organisation's page.
    fn stands_on(&self, component: &ComponentId, organisation: u32) -> bool {
        let index = self.catalogue.component_index.get(component);
        let component = index.and_then(|&index| self.catalogue.components.get(index as usize));
        component.is_some_and(|component| component.shown_on.binary_search(&organisation).is_ok())
    }

    /// Incidents that concern an organisation's page, in the order of `incidents`.
    pub fn incidents_of(&self, organisation: u32) -> impl Iterator<Item = &Arc<PublicIncident>> {
        self.incidents.iter().filter(move |incident| self.concerns(incident, organisation))
    }

    /// Maintenances that cover something on an organisation's page.
    pub fn maintenances_of(&self, organisation: u32) -> impl Iterator<Item = &Arc<PublicMaintenance>> {
        self.maintenances.iter().filter(move |maintenance| self.covers(maintenance, organisation))
    }

    /// The same with those that are long over, which come first.
    pub fn all_maintenances_of(&self, organisation: u32) -> impl Iterator<Item = &Arc<PublicMaintenance>> {
        let all = self.past_maintenances.iter().chain(&self.maintenances);
        all.filter(move |maintenance| self.covers(maintenance, organisation))
    }

    fn covers(&self, maintenance: &PublicMaintenance, organisation: u32) -> bool {
        maintenance.components.iter().any(|covered| self.stands_on(&covered.component, organisation))
    }

    /// Statuspage's indicator: from open incidents, else `maintenance` if one is active, else
    /// `none`.
    pub fn indicator<'a>(
        incidents: impl IntoIterator<Item = &'a Arc<PublicIncident>>,
        maintenances: impl IntoIterator<Item = &'a Arc<PublicMaintenance>>,
    ) -> &'static str {
        let worst = incidents.into_iter().filter(|incident| incident.is_open()).map(|incident| incident.impact).max();
        match worst {
            Some(impact) if impact > Impact::None => impact.as_str(),
            Some(_) | None => {
                let active = maintenances.into_iter().any(|maintenance| maintenance.is_active());
                if active { "maintenance" } else { "none" }
            }
        }
    }
}
