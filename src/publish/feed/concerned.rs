//! What an entry concerns: components, organisations and LeiKa keys. In the feed of a page, only
//! what stands on it.

use crate::model::id::ComponentId;
use crate::model::local::PublicLocal;
use crate::model::snapshot::{PublicIncident, PublicOrganisation};
use crate::publish::feed::collect::{Audience, Said, What};
use crate::publish::feed::entry::{Category, Concerned};
use crate::publish::feed::told::scheme_of;
use crate::publish::scope::Scope;

/// Most of one kind in an entry.
const TERMS_MAX: usize = 100;

/// Code list of the Regionalschlüssel.
const SCHEME_ARS: &str = "urn:de:bund:destatis:bevoelkerungsstatistik:schluessel:rs";

impl<'a> Said<'a> {
    /// What it concerns, shared by all of its group.
    pub(super) fn concerned(&self, scope: &Scope<'a>, audience: &Audience<'a>) -> Concerned {
        let (ids, components, mut organisations) = match self.what {
            What::Update(incident, update) => {
                let components = scope.components_of(incident);
                let mut organisations = scope.organisations_of(&components);
                if !update.organisations.is_empty() {
                    let named = |id| update.organisations.iter().any(|named| scope.present(named) == id);
                    organisations.retain(|organisation| named(&organisation.id));
                }
                (ids_of(incident), components, organisations)
            }
            What::Incident(incident) => {
                let components = scope.components_of(incident);
                let organisations = scope.organisations_of(&components);
                (ids_of(incident), components, organisations)
            }
            What::Overlay(incident, organisation, _) | What::Withdrawn(incident, organisation, _) => {
                (ids_of(incident), scope.components_of(incident), vec![organisation])
            }
            What::Planned(maintenance, _) => {
                let components = scope.covered_by(maintenance);
                let organisations = scope.organisations_of(&components);
                let ids = maintenance.components.iter().map(|covered| &covered.component);
                (ids.collect(), components, organisations)
            }
            What::Local(component, local) => {
                (vec![&local.component], vec![component], reached(scope, component, local))
            }
        };
        let here = |component: &u32| audience.page.as_ref().is_none_or(|page| page.shows.contains(component));
        if let Some(page) = &audience.page {
            organisations.retain(|organisation| organisation.id == page.organisation.id);
        }
        let ids = ids.into_iter().filter(|id| match scope.component(id.as_str()) {
            Some(index) => here(&index),
            None => audience.page.is_none(),
        });
        let components: Vec<u32> = components.into_iter().filter(here).collect();
        let ids: Vec<String> = ids.take(TERMS_MAX).map(ToString::to_string).collect();
        let ars = ars_terms(&organisations);
        let leika = leika_terms(scope, &components);
        let category =
            |scheme: &str, term: &String| Category { scheme: scheme.to_owned(), term: term.clone(), label: None };
        let (of_component, of_leika) = (scheme_of(scope, "component"), scheme_of(scope, "leika"));
        let categories = ids
            .iter()
            .map(|id| category(&of_component, id))
            .chain(ars.iter().map(|ars| category(SCHEME_ARS, ars)))
            .chain(leika.iter().map(|key| category(&of_leika, key)))
            .collect();
        Concerned { components: ids, ars, leika, categories }
    }
}

fn ids_of(incident: &PublicIncident) -> Vec<&ComponentId> {
    incident.components.iter().map(|(id, _, _)| id).collect()
}

/// The organisations that a local difference reaches and on whose pages its component stands.
pub(super) fn reached<'a>(scope: &Scope<'a>, component: u32, local: &PublicLocal) -> Vec<&'a PublicOrganisation> {
    let mut organisations = scope.organisations_of(&[component]);
    organisations.retain(|organisation| local.reaches(organisation));
    organisations
}

/// The ARS of the organisations. Where they are too many, their counties, else their Länder: the
/// leading digits of an ARS.
fn ars_terms(organisations: &[&PublicOrganisation]) -> Vec<String> {
    for digits in [12, 5, 2] {
        let mut terms: Vec<&str> =
            organisations.iter().filter_map(|organisation| organisation.ars.as_deref()?.get(..digits)).collect();
        terms.sort_unstable();
        terms.dedup();
        if terms.len() <= TERMS_MAX {
            return terms.into_iter().map(str::to_owned).collect();
        }
    }
    Vec::new()
}

fn leika_terms(scope: &Scope<'_>, components: &[u32]) -> Vec<String> {
    let catalogue = &scope.snapshot.catalogue;
    let mut terms: Vec<&str> = components
        .iter()
        .filter_map(|&index| catalogue.components.get(index as usize))
        .flat_map(|component| component.leika.iter().map(String::as_str))
        .collect();
    terms.sort_unstable();
    terms.dedup();
    terms.into_iter().take(TERMS_MAX).map(str::to_owned).collect()
}
