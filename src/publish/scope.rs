//! A snapshot read in one language: texts, links, and what concerns whom.

use std::collections::HashSet;

use crate::model::alternative::Alternative;
use crate::model::id::OrganisationId;
use crate::model::incident::{Body, Overlay};
use crate::model::local::{Town, View, applies};
use crate::model::snapshot::{PublicIncident, PublicMaintenance, PublicOrganisation, PublicUpdate, Snapshot};
use crate::model::status::Status;
use crate::model::text::{Plain, Text};
use crate::publish::wording;

/// A snapshot and the language it is read in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) language: &'a str,
    fallback: &'a str,
}

impl<'a> Scope<'a> {
    pub(super) fn new(snapshot: &'a Snapshot, language: &'a str) -> Self {
        Self { snapshot, language, fallback: snapshot.catalogue.site.language() }
    }

    /// What the paths of this language begin with: nothing for the first one.
    pub(super) fn prefix(&self) -> String {
        if self.language == self.fallback { String::new() } else { format!("/{}", self.language) }
    }

    /// The absolute address of a path in this language.
    pub(super) fn address(&self, path: &str) -> String {
        format!("{}{}{path}", self.snapshot.catalogue.site.public_url, self.prefix())
    }

    pub(super) fn text(&self, text: &Text) -> Plain {
        text.get(self.language, self.fallback)
    }

    pub(super) fn body(&self, body: &Body) -> Plain {
        wording::body(body, self.language, self.fallback)
    }

    pub(super) fn component(&self, id: &str) -> Option<u32> {
        self.snapshot.catalogue.component_index.get(id).copied()
    }

    pub(super) fn incident(&self, id: &str) -> Option<&'a PublicIncident> {
        self.snapshot.incidents.iter().find(|incident| incident.id.as_str() == id).map(|incident| &**incident)
    }

    pub(super) fn maintenance(&self, id: &str) -> Option<&'a PublicMaintenance> {
        let mut known = self.snapshot.maintenances.iter().chain(&self.snapshot.past_maintenances);
        known.find(|maintenance| maintenance.id.as_str() == id).map(|found| &**found)
    }

    /// A component as a page shows it, or as everybody sees it.
    pub(super) fn view(&self, component: u32, page: Option<&Page<'a>>) -> Option<View<'a>> {
        match page {
            Some(page) => page.town.view(component),
            None => self.snapshot.view(component, None),
        }
    }

    /// The id that an organisation has now. Notices keep the one it had when they were written.
    pub(super) fn present(&self, id: &'a OrganisationId) -> &'a OrganisationId {
        let catalogue = &self.snapshot.catalogue;
        let known = catalogue.organisation_index.contains_key(id);
        if known { id } else { catalogue.former_organisations.get(id).unwrap_or(id) }
    }

    /// Whether an id, present or former, is that of an organisation.
    pub(super) fn is_now(&self, id: &'a OrganisationId, organisation: &OrganisationId) -> bool {
        self.present(id) == organisation
    }

    /// Whether an update concerns a page. Everybody may read all of them.
    pub(super) fn tells(&self, update: &'a PublicUpdate, page: Option<&Page<'_>>) -> bool {
        update.organisations.is_empty()
            || page.is_none_or(|page| update.organisations.iter().any(|id| *self.present(id) == page.organisation.id))
    }

    /// An organisation's own words on an incident.
    pub(super) fn overlay_of(
        &self,
        incident: &'a PublicIncident,
        organisation: &PublicOrganisation,
    ) -> Option<&'a Overlay> {
        incident.overlays.iter().find(|(id, _)| *self.present(id) == organisation.id).map(|(_, overlay)| overlay)
    }

    /// The indexes of the components of an incident that are still in the catalogue.
    pub(super) fn components_of(&self, incident: &PublicIncident) -> Vec<u32> {
        incident.components.iter().filter_map(|(id, _, _)| self.component(id.as_str())).collect()
    }

    /// The indexes of the components of a maintenance that are still in the catalogue.
    pub(super) fn covered_by(&self, maintenance: &PublicMaintenance) -> Vec<u32> {
        maintenance.components.iter().filter_map(|covered| self.component(covered.component.as_str())).collect()
    }

    /// The organisations on whose pages any of the components stands, in order of declaration.
    pub(super) fn organisations_of(&self, components: &[u32]) -> Vec<&'a PublicOrganisation> {
        let catalogue = &self.snapshot.catalogue;
        let reached = catalogue.pages_of(components.iter().copied());
        reached.iter().filter_map(|&index| catalogue.organisations.get(index as usize)).collect()
    }

    /// What stands on an organisation's page.
    pub(super) fn page(&self, organisation: u32) -> Option<Page<'a>> {
        let body = self.snapshot.catalogue.organisations.get(organisation as usize)?;
        Some(Page {
            index: organisation,
            organisation: body,
            shows: body.shows.iter().copied().collect(),
            town: Town::new(self.snapshot, Some(organisation)),
        })
    }

    /// The components of an incident with their status: the present one while it is open (as the
    /// page shows it, if one is given), else the worst one they had in it.
    pub(super) fn concerned<'i>(
        &self,
        incident: &'i PublicIncident,
        page: Option<&Page<'a>>,
    ) -> Vec<(&'i str, Status)> {
        let concerned = incident.components.iter().filter_map(|(id, _, worst)| {
            let index = self.component(id.as_str());
            if page.is_some_and(|page| index.is_none_or(|index| !page.shows.contains(&index))) {
                return None;
            }
            let present =
                index.filter(|_| incident.is_open()).and_then(|index| self.view(index, page)).map(|view| view.status);
            Some((id.as_str(), present.unwrap_or(*worst)))
        });
        concerned.collect()
    }

    /// The distinct alternatives that apply now, at most `max`: the incident's own, then those in
    /// the page's own words, then those of the components.
    pub(super) fn alternatives_of(
        &self,
        incident: &'a PublicIncident,
        components: &[u32],
        page: Option<&Page<'a>>,
        max: usize,
    ) -> Vec<&'a Alternative> {
        let (at, organisation) = (self.snapshot.at, page.map(|page| page.organisation));
        let overlay = organisation.and_then(|organisation| self.overlay_of(incident, organisation));
        let said = incident.alternatives.iter().chain(overlay.into_iter().flat_map(|overlay| &overlay.alternatives));
        let said = said.filter(|alternative| applies(alternative, organisation, at));
        let views = components.iter().filter_map(|&component| self.view(component, page));
        let mut alternatives: Vec<&Alternative> = Vec::new();
        for alternative in said.chain(views.flat_map(|view| view.alternatives(organisation, at))) {
            if alternatives.len() >= max {
                break;
            }
            if !alternatives.contains(&alternative) {
                alternatives.push(alternative);
            }
        }
        alternatives
    }
}

/// An organisation and the components on its page.
#[derive(Debug)]
pub(super) struct Page<'a> {
    pub(super) index: u32,
    pub(super) organisation: &'a PublicOrganisation,
    pub(super) shows: HashSet<u32>,
    /// Its eyes on the snapshot.
    pub(super) town: Town<'a>,
}

impl Page<'_> {
    /// Whether any of the components stands on it.
    pub(super) fn shows_any(&self, components: &[u32]) -> bool {
        components.iter().any(|component| self.shows.contains(component))
    }
}
