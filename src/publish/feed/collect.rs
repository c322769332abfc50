//! What was said, and to whom: everything that a feed may hold, before it is put into words.

use std::collections::HashSet;

use jiff::tz::Offset;

use crate::model::catalogue::Reach;
use crate::model::id::ComponentId;
use crate::model::incident::{Overlay, Withdrawn};
use crate::model::local::PublicLocal;
use crate::model::notice::MaintenanceUpdate;
use crate::model::snapshot::{PublicIncident, PublicMaintenance, PublicOrganisation, PublicUpdate, Snapshot};
use crate::model::time::Timestamp;
use crate::publish::month::Month;
use crate::publish::route::Place;
use crate::publish::scope::{Page, Scope};

/// Who reads a feed.
pub(super) struct Audience<'a> {
    /// The organisation on whose page it stands; nobody in particular, if none.
    pub(super) page: Option<Page<'a>>,
    /// The component that it is about.
    pub(super) component: Option<u32>,
    /// With what it rests on: its parts, and what any of them depends on.
    rests_on: HashSet<u32>,
}

/// Something that was said.
pub(super) struct Said<'a> {
    /// When it last changed.
    pub(super) at: Timestamp,
    /// When it was first published: the year in its id, and the archive that it belongs to.
    pub(super) published: Timestamp,
    /// Among what changed at the same instant: by subject, then newest first.
    pub(super) subject: &'a str,
    pub(super) number: u64,
    pub(super) what: What<'a>,
}

/// What was said.
#[derive(Clone, Copy)]
pub(super) enum What<'a> {
    /// An update of an incident.
    Update(&'a PublicIncident, &'a PublicUpdate),
    /// A town's own words on an incident.
    Overlay(&'a PublicIncident, &'a PublicOrganisation, &'a Overlay),
    /// That a town has taken its own words back.
    Withdrawn(&'a PublicIncident, &'a PublicOrganisation, &'a Withdrawn),
    /// A word on a maintenance.
    Planned(&'a PublicMaintenance, &'a MaintenanceUpdate),
    /// What differs in some towns, or that it does not any more: of the component with this index.
    Local(u32, &'a PublicLocal),
    /// All that was said of an incident.
    Incident(&'a PublicIncident),
}

impl<'a> Said<'a> {
    fn new(what: What<'a>) -> Self {
        let (at, subject, number) = match what {
            What::Update(incident, update) => (update.changed_at(), incident.id.as_str(), update.number.into()),
            What::Overlay(incident, _, overlay) => (overlay.at, incident.id.as_str(), overlay.version.into()),
            What::Withdrawn(incident, _, words) => (words.withdrawn_at, incident.id.as_str(), words.version.into()),
            What::Planned(maintenance, update) => (update.at, maintenance.id.as_str(), update.number.into()),
            What::Local(_, local) => (local.ended_at.unwrap_or(local.since), local.component.as_str(), local.key),
            What::Incident(incident) => (begun(incident), incident.id.as_str(), 0),
        };
        let published = match what {
            What::Update(_, update) => update.at,
            What::Withdrawn(_, _, words) => words.at,
            What::Overlay(..) | What::Planned(..) | What::Local(..) | What::Incident(_) => at,
        };
        Self { at, published, subject, number, what }
    }

    /// The month in UTC in which it was first published.
    pub(super) fn month(&self) -> Month {
        Month::of(Offset::UTC.to_datetime(self.published.to_jiff()).date())
    }

    /// What is of the same group concerns the same.
    pub(super) const fn group(&self) -> (u8, &'a str, u64) {
        match self.what {
            What::Update(_, update) if update.organisations.is_empty() => (0, self.subject, 0),
            What::Update(..) => (1, self.subject, self.number),
            What::Overlay(..) | What::Withdrawn(..) => (2, self.subject, 0),
            What::Planned(..) => (3, self.subject, 0),
            What::Local(..) => (4, self.subject, self.number),
            What::Incident(_) => (5, self.subject, 0),
        }
    }
}

/// When the public was first told of an incident.
pub(super) fn begun(incident: &PublicIncident) -> Timestamp {
    incident.updates.first().map_or(incident.started_at, |first| first.at)
}

impl<'a> Audience<'a> {
    /// The readers of a place; `None` if there is no such place.
    pub(super) fn new(scope: &Scope<'a>, place: Place<'_>) -> Option<Self> {
        let snapshot = scope.snapshot;
        let page = |id: &str| snapshot.organisation(id).and_then(|(index, _)| scope.page(index));
        let (page, component) = match place {
            Place::Site => (None, None),
            Place::Organisation(id) => (Some(page(id)?), None),
            Place::Component(there, id) => (Some(page(there)?), Some(scope.component(id)?)),
        };
        let rests_on = component.map(|component| rests_on(snapshot, component)).unwrap_or_default();
        Some(Self { page, component, rests_on })
    }

    /// Whether it is told of a component.
    pub(super) fn covers(&self, component: u32) -> bool {
        self.page.as_ref().is_none_or(|page| page.shows.contains(&component))
            && (self.component.is_none() || self.rests_on.contains(&component))
    }

    /// Whether something that concerns these is told: any of them stands on the page, and the
    /// component is one of them or rests on one.
    fn hears_of(&self, components: &[u32]) -> bool {
        self.page.as_ref().is_none_or(|page| page.shows_any(components))
            && (self.component.is_none() || components.iter().any(|component| self.rests_on.contains(component)))
    }

    /// Whether the component is said to stay as it is.
    fn is_spared(&self, scope: &Scope<'_>, unaffected: &[ComponentId]) -> bool {
        self.component.is_some_and(|own| unaffected.iter().any(|id| scope.component(id.as_str()) == Some(own)))
    }

    fn told_incidents(&self, scope: &Scope<'a>) -> impl Iterator<Item = &'a PublicIncident> {
        scope.snapshot.incidents.iter().map(|incident| &**incident).filter(|incident| {
            let components = scope.components_of(incident);
            self.hears_of(&components) && !self.is_spared(scope, &incident.unaffected)
        })
    }

    fn overlay(
        &self,
        scope: &Scope<'a>,
        incident: &'a PublicIncident,
    ) -> Option<(&'a PublicOrganisation, &'a Overlay)> {
        let organisation = self.page.as_ref()?.organisation;
        Some((organisation, scope.overlay_of(incident, organisation)?))
    }

    fn withdrawn(
        &self,
        scope: &Scope<'a>,
        incident: &'a PublicIncident,
    ) -> Option<(&'a PublicOrganisation, &'a Withdrawn)> {
        let organisation = self.page.as_ref()?.organisation;
        let words = incident.withdrawn.iter().find(|(id, _)| scope.is_now(id, &organisation.id));
        words.map(|(_, words)| (organisation, words))
    }

    /// Every word, what changed last first.
    pub(super) fn updates(&self, scope: &Scope<'a>) -> Vec<Said<'a>> {
        let snapshot = scope.snapshot;
        let mut all = Vec::new();
        for incident in self.told_incidents(scope) {
            let told = incident.updates.iter().filter(|update| scope.tells(update, self.page.as_ref()));
            all.extend(told.map(|update| Said::new(What::Update(incident, update))));
            // A town's own words stand in its own feeds only.
            let overlay = self.overlay(scope, incident);
            all.extend(overlay.map(|(there, overlay)| Said::new(What::Overlay(incident, there, overlay))));
            let withdrawn = self.withdrawn(scope, incident);
            all.extend(withdrawn.map(|(there, words)| Said::new(What::Withdrawn(incident, there, words))));
        }
        let planned = snapshot.maintenances.iter().chain(&snapshot.past_maintenances);
        let planned = planned
            .filter(|planned| self.hears_of(&scope.covered_by(planned)) && !self.is_spared(scope, &planned.unaffected));
        for maintenance in planned {
            all.extend(maintenance.updates.iter().map(|update| Said::new(What::Planned(maintenance, update))));
        }
        let changes = snapshot.changes.iter().filter_map(|local| {
            let component = scope.component(local.component.as_str())?;
            let concerns = match &self.page {
                Some(page) => self.covers(component) && local.reaches(page.organisation),
                None => reaches_any(snapshot, component, local),
            };
            concerns.then(|| Said::new(What::Local(component, local)))
        });
        all.extend(changes);
        newest_first(&mut all);
        all
    }

    /// Every incident, the one of which something was said last first.
    pub(super) fn incidents(&self, scope: &Scope<'a>) -> Vec<Said<'a>> {
        let said = self.told_incidents(scope).map(|incident| {
            let told = incident.updates.iter().filter(|update| scope.tells(update, self.page.as_ref()));
            let overlay = self.overlay(scope, incident).map(|(_, overlay)| overlay.at);
            let withdrawn = self.withdrawn(scope, incident).map(|(_, words)| words.withdrawn_at);
            let own = overlay.into_iter().chain(withdrawn).chain(incident.resolved_at).chain(incident.headed_at);
            let last = told.map(PublicUpdate::changed_at).chain(own).max();
            let said = Said::new(What::Incident(incident));
            Said { at: last.map_or(said.published, |last| last.max(said.published)), ..said }
        });
        let mut all: Vec<Said<'_>> = said.collect();
        newest_first(&mut all);
        all
    }

    /// What is told of an incident here, newest first: its updates, and the town's own words.
    pub(super) fn words_on(
        &self,
        scope: &Scope<'a>,
        incident: &'a PublicIncident,
    ) -> (impl Iterator<Item = &'a PublicUpdate>, Option<&'a Overlay>) {
        let told = incident.updates.iter().rev().filter(|update| scope.tells(update, self.page.as_ref()));
        (told, self.overlay(scope, incident).map(|(_, overlay)| overlay))
    }
}

fn newest_first(all: &mut [Said<'_>]) {
    all.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.subject.cmp(b.subject)).then_with(|| b.number.cmp(&a.number)));
}

/// A component, its parts, and what any of them depends on.
fn rests_on(snapshot: &Snapshot, component: u32) -> HashSet<u32> {
    let mut found = HashSet::from([component]);
    let mut next = vec![component];
    while let Some(index) = next.pop() {
        let Some(component) = snapshot.catalogue.components.get(index as usize) else { continue };
        let below = component.parts.iter().chain(component.edges.iter().map(|(parent, _)| parent));
        next.extend(below.copied().filter(|&index| found.insert(index)));
    }
    found
}

/// Whether what differs reaches any page that its component stands on.
fn reaches_any(snapshot: &Snapshot, component: u32, local: &PublicLocal) -> bool {
    let catalogue = &snapshot.catalogue;
    let shown_on = catalogue.components.get(component as usize).map(|component| &*component.shown_on);
    let shown_on = shown_on.unwrap_or_default();
    let reaches = |page: &u32| {
        catalogue.organisations.get(*page as usize).is_some_and(|organisation| local.reaches(organisation))
    };
    // Most name a town, which may be the last of thousands.
    let named = local.organisations.iter().filter_map(|reach| match reach {
        Reach::Organisation(id) => catalogue.organisation_index.get(id),
        Reach::Prefix(_) | Reach::Except(_) => None,
    });
    let mut named = named.filter(|page| shown_on.binary_search(page).is_ok());
    named.any(reaches)
        || local.organisations.iter().any(|reach| matches!(reach, Reach::Prefix(_))) && shown_on.iter().any(reaches)
}
