//! Lists: which items a request asks for, and in which order they are paged.
//!
//! Organisations and components are paged by id, incidents by their begin (newest first) and id,
//! maintenances by their begin (earliest first) and id.
//! A cursor is the place of the last item given out, not a count, so that items that come and go
//! between two requests are neither repeated nor skipped.

use std::cmp::Reverse;
use std::sync::Arc;

use crate::model::event::MaintenancePhase;
use crate::model::id::ID_LENGTH_MAX;
use crate::model::incident::IncidentStatus;
use crate::model::local::View;
use crate::model::snapshot::{PublicComponent, PublicIncident, PublicMaintenance};
use crate::model::status::{ComponentKind, Lifecycle, OrganisationKind, Status};
use crate::model::time::Timestamp;
use crate::publish::scope::Scope;
use crate::publish::wording::Words;
use crate::publish::{Fault, Parameters};

/// Longest cursor: an instant and an id with its part.
const CURSOR_LENGTH_MAX: usize = 2 * ID_LENGTH_MAX + 32;

/// What a list is to hold. `S` is the status, `K` the kind of its items.
pub(super) struct Filter<'p, S, K> {
    cursor: Option<&'p str>,
    /// Whose page the components are read from.
    pub(super) organisation: Option<u32>,
    ars: Option<&'p str>,
    leika: Option<&'p str>,
    status: Option<S>,
    kind: Option<K>,
}

impl<'p, S: Copy + 'static, K: Copy + 'static> Filter<'p, S, K> {
    fn new(
        scope: &Scope<'_>,
        parameters: &Parameters<'p>,
        statuses: ClosedList<S>,
        kinds: ClosedList<K>,
    ) -> Result<Self, Fault> {
        let words = Words::of(scope.language);
        let digits = |name, value: Option<&'p str>, lengths: std::ops::RangeInclusive<usize>, rule: &str| match value {
            Some(text) if lengths.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()) => Ok(value),
            Some(_) => Err(Fault::Parameter(format!("`{name}` {rule}."))),
            None => Ok(None),
        };
        let cursor = match parameters.cursor {
            Some(cursor) if cursor.len() > CURSOR_LENGTH_MAX || !cursor.bytes().all(is_cursor_byte) => {
                return Err(cursor_fault(words));
            }
            cursor => cursor,
        };
        Ok(Self {
            cursor,
            organisation: organisation(scope, parameters)?,
            ars: digits("ars", parameters.ars, 2..=12, words.pick("hat 2 bis 12 Ziffern", "has 2 to 12 digits"))?,
            leika: digits("leika", parameters.leika, 14..=14, words.pick("hat 14 Ziffern", "has 14 digits"))?,
            status: closed_word(words, "status", parameters.status, statuses)?,
            kind: closed_word(words, "kind", parameters.kind, kinds)?,
        })
    }

    /// Refuses a cursor that is not the place of an incident or a maintenance.
    fn with_readable_cursor(self, scope: &Scope<'_>) -> Result<Self, Fault> {
        match self.cursor.map(parse_cursor) {
            Some(None) => Err(cursor_fault(Words::of(scope.language))),
            Some(Some(_)) | None => Ok(self),
        }
    }

    /// Whether each component stands on a page of an organisation whose ARS begins as asked for.
    fn within_ars(&self, scope: &Scope<'_>) -> Within {
        let catalogue = &scope.snapshot.catalogue;
        Within(self.ars.map(|ars| {
            let mut within = vec![false; catalogue.components.len()];
            for organisation in catalogue.organisations.iter().filter(|o| begins(o.ars.as_deref(), ars)) {
                for &component in &*organisation.shows {
                    if let Some(slot) = within.get_mut(component as usize) {
                        *slot = true;
                    }
                }
            }
            within
        }))
    }

    fn has_leika(&self, component: &PublicComponent) -> bool {
        self.leika.is_none_or(|leika| component.leika.iter().any(|key| key == leika))
    }
}

/// Marks per component, or no restriction.
struct Within(Option<Vec<bool>>);

impl Within {
    fn holds(&self, component: u32) -> bool {
        self.0.as_ref().is_none_or(|marks| marks.get(component as usize).copied().unwrap_or_default())
    }
}

impl<'p> Filter<'p, Status, OrganisationKind> {
    pub(super) fn of_organisations(scope: &Scope<'_>, parameters: &Parameters<'p>) -> Result<Self, Fault> {
        Self::new(
            scope,
            parameters,
            (Status::ALL, Status::parse, Status::as_str),
            (OrganisationKind::ALL, OrganisationKind::parse, OrganisationKind::as_str),
        )
    }

    /// The organisations asked for, by id, with their indexes.
    pub(super) fn organisations<'a>(&'a self, scope: &'a Scope<'_>) -> impl Iterator<Item = (&'a str, u32)> {
        let catalogue = &scope.snapshot.catalogue;
        let shows_leika = |shows: &[u32]| {
            self.leika.is_none()
                || shows.iter().filter_map(|&i| catalogue.components.get(i as usize)).any(|c| self.has_leika(c))
        };
        let mut found: Vec<(&str, u32)> = catalogue
            .organisations
            .iter()
            .zip(0u32..)
            .filter(|(organisation, _)| {
                self.cursor.is_none_or(|cursor| organisation.id.as_str() > cursor)
                    && self.ars.is_none_or(|ars| begins(organisation.ars.as_deref(), ars))
                    && self.kind.is_none_or(|kind| organisation.kind == kind)
                    && shows_leika(&organisation.shows)
            })
            .map(|(organisation, index)| (organisation.id.as_str(), index))
            .collect();
        found.sort_unstable();
        // Rolling up costs most: only as far as the page is read.
        found.into_iter().filter(|(_, index)| {
            self.status.is_none_or(|status| scope.snapshot.organisation_status(*index).status == status)
        })
    }
}

impl<'p> Filter<'p, Status, ComponentKind> {
    pub(super) fn of_components(scope: &Scope<'_>, parameters: &Parameters<'p>) -> Result<Self, Fault> {
        Self::new(
            scope,
            parameters,
            (Status::ALL, Status::parse, Status::as_str),
            (ComponentKind::ALL, ComponentKind::parse, ComponentKind::as_str),
        )
    }

    /// The components asked for, by id, as the organisation's page shows them. Who asks for a status
    /// asks for what is in service.
    pub(super) fn components<'a>(&'a self, scope: &'a Scope<'a>) -> impl Iterator<Item = (&'a str, View<'a>)> {
        let catalogue = &scope.snapshot.catalogue;
        let within = self.within_ars(scope);
        let page = self.organisation.and_then(|organisation| scope.page(organisation));
        let mut found: Vec<(&str, u32)> = catalogue
            .components
            .iter()
            .zip(0u32..)
            .filter(|(component, index)| {
                self.cursor.is_none_or(|cursor| component.id.as_str() > cursor)
                    && page.as_ref().is_none_or(|page| page.shows.contains(index))
                    && within.holds(*index)
                    && self.kind.is_none_or(|kind| component.kind == kind)
                    && self.has_leika(component)
            })
            .map(|(component, index)| (component.id.as_str(), index))
            .collect();
        found.sort_unstable();
        found.into_iter().filter_map(|(id, index)| Some((id, scope.snapshot.view(index, self.organisation)?))).filter(
            |(_, view)| {
                let is_live = view.state.lifecycle == Lifecycle::Live;
                self.status.is_none_or(|status| is_live && view.status == status)
            },
        )
    }
}

impl<S: Copy + 'static> Filter<'_, S, ComponentKind> {
    /// Whether any of the components is asked for; all are where nothing is.
    fn asks_for_any_of<'a>(&'a self, scope: &'a Scope<'_>) -> impl Fn(&[u32]) -> bool + 'a {
        let components = &scope.snapshot.catalogue.components;
        let within = self.within_ars(scope);
        let unrestricted = self.ars.is_none() && self.leika.is_none() && self.kind.is_none();
        let fits = move |index: u32| {
            within.holds(index)
                && components.get(index as usize).is_some_and(|component| {
                    self.has_leika(component) && self.kind.is_none_or(|kind| component.kind == kind)
                })
        };
        move |indexes| unrestricted || indexes.iter().copied().any(&fits)
    }
}

impl<'p> Filter<'p, IncidentStatus, ComponentKind> {
    pub(super) fn of_incidents(scope: &Scope<'_>, parameters: &Parameters<'p>) -> Result<Self, Fault> {
        let filter = Self::new(
            scope,
            parameters,
            (IncidentStatus::ALL, IncidentStatus::parse, IncidentStatus::as_str),
            (ComponentKind::ALL, ComponentKind::parse, ComponentKind::as_str),
        )?;
        filter.with_readable_cursor(scope)
    }

    /// The incidents asked for, newest first: those that concern a component that fits.
    pub(super) fn incidents<'a>(&'a self, scope: &'a Scope<'a>) -> impl Iterator<Item = &'a PublicIncident> {
        let asked_for = self.asks_for_any_of(scope);
        let cursor = self.cursor.and_then(parse_cursor).map(|(begin, id)| (Reverse(begin), id));
        let mut found: Vec<&PublicIncident> = scope
            .snapshot
            .incidents
            .iter()
            .map(Arc::as_ref)
            .filter(|incident| {
                cursor.is_none_or(|cursor| place(incident) > cursor)
                    && self.status.is_none_or(|status| incident.status == status)
                    && asked_for(&scope.components_of(incident))
            })
            .collect();
        found.sort_unstable_by_key(|incident| place(incident));
        found.into_iter()
    }
}

impl<'p> Filter<'p, MaintenancePhase, ComponentKind> {
    pub(super) fn of_maintenances(scope: &Scope<'_>, parameters: &Parameters<'p>) -> Result<Self, Fault> {
        let filter = Self::new(
            scope,
            parameters,
            (MaintenancePhase::ALL, MaintenancePhase::parse, MaintenancePhase::as_str),
            (ComponentKind::ALL, ComponentKind::parse, ComponentKind::as_str),
        )?;
        filter.with_readable_cursor(scope)
    }

    /// The maintenances asked for, by begin: those that cover a component that fits.
    pub(super) fn maintenances<'a>(&'a self, scope: &'a Scope<'a>) -> impl Iterator<Item = &'a PublicMaintenance> {
        let asked_for = self.asks_for_any_of(scope);
        let cursor = self.cursor.and_then(parse_cursor);
        let mut found: Vec<&PublicMaintenance> = scope
            .snapshot
            .maintenances
            .iter()
            .map(Arc::as_ref)
            .filter(|planned| {
                cursor.is_none_or(|cursor| (planned.from.at, planned.id.as_str()) > cursor)
                    && self.status.is_none_or(|status| planned.phase == status)
                    && asked_for(&scope.covered_by(planned))
            })
            .collect();
        found.sort_unstable_by_key(|planned| (planned.from.at, planned.id.as_str()));
        found.into_iter()
    }
}

/// The organisation whose page is asked for.
pub(super) fn organisation(scope: &Scope<'_>, parameters: &Parameters<'_>) -> Result<Option<u32>, Fault> {
    let Some(id) = parameters.organisation else { return Ok(None) };
    let catalogue = &scope.snapshot.catalogue;
    let present = catalogue.former_organisations.get(id).map_or(id, |present| present.as_str());
    let known = scope.snapshot.organisation(id).or_else(|| scope.snapshot.organisation(present));
    known.map(|(index, _)| Some(index)).ok_or_else(|| {
        let sentence = Words::of(scope.language).pick(
            "`organisation` ist die Kennung einer Organisation; es gibt keine mit dieser.",
            "`organisation` is the id of an organisation; there is none with this one.",
        );
        Fault::Parameter(sentence.to_owned())
    })
}

/// An incident's place in its list.
fn place(incident: &PublicIncident) -> (Reverse<Timestamp>, &str) {
    (Reverse(incident.started_at), incident.id.as_str())
}

/// The cursor of a page that ends with this incident.
pub(super) fn incident_cursor(incident: &PublicIncident) -> String {
    format!("{}.{}", incident.started_at.as_millis(), incident.id)
}

/// The cursor of a page that ends with this maintenance.
pub(super) fn maintenance_cursor(maintenance: &PublicMaintenance) -> String {
    format!("{}.{}", maintenance.from.at.as_millis(), maintenance.id)
}

/// The begin and the id in a cursor of incidents or maintenances.
fn parse_cursor(cursor: &str) -> Option<(Timestamp, &str)> {
    let (begin, id) = cursor.split_once('.')?;
    Some((Timestamp::from_millis(begin.parse().ok()?), id))
}

const fn is_cursor_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')
}

fn cursor_fault(words: Words) -> Fault {
    let sentence = words.pick(
        "`cursor` ist der Wert von `next` der vorigen Seite; ohne ihn beginnt die Liste von vorn.",
        "`cursor` is the value of `next` on the page before; without it the list begins anew.",
    );
    Fault::Parameter(sentence.to_owned())
}

/// Every value of a closed list, and the ways from a word to a value and back.
type ClosedList<T> = (&'static [T], fn(&str) -> Option<T>, fn(T) -> &'static str);

/// A word of a closed list.
fn closed_word<T: Copy + 'static>(
    words: Words,
    name: &str,
    value: Option<&str>,
    (all, parse, word): ClosedList<T>,
) -> Result<Option<T>, Fault> {
    let Some(value) = value else { return Ok(None) };
    parse(value).map(Some).ok_or_else(|| {
        let known: Vec<&str> = all.iter().map(|value| word(*value)).collect();
        Fault::Parameter(format!("`{name}` {}: {}.", words.pick("ist eines von", "is one of"), known.join(", ")))
    })
}

fn begins(ars: Option<&str>, prefix: &str) -> bool {
    ars.is_some_and(|ars| ars.starts_with(prefix))
}
