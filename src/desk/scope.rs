//! Whose pages a visitor works on, as far as the pages need to know: which forms to show. What may
//! be changed is the interface's word alone.

use serde_json::Value;

use crate::desk::{Ask, Asking, Visit, words};
use crate::model::snapshot::{PublicComponent, PublicOrganisation};
use crate::model::status::OrganisationKind;
use crate::publish::escape;

/// Whether the visitor speaks for an organisation, also under one of its former ids.
pub fn speaks_for(visit: &Visit, organisation: &PublicOrganisation) -> bool {
    let former = &visit.snapshot.catalogue.former_organisations;
    visit.editor.is_admin_of_all()
        || visit
            .editor
            .organisations
            .iter()
            .any(|id| *id == organisation.id || former.get(id) == Some(&organisation.id))
}

/// The organisations that the visitor speaks for, as indexes, by name.
pub fn organisations(visit: &Visit) -> Vec<u32> {
    let all = visit.snapshot.catalogue.organisations.iter().zip(0u32..);
    let mut mine: Vec<(String, u32)> = all
        .filter(|(organisation, _)| speaks_for(visit, organisation))
        .map(|(organisation, index)| (name(visit, organisation).to_lowercase(), index))
        .collect();
    mine.sort();
    mine.into_iter().map(|(_, index)| index).collect()
}

/// Whether the visitor may change a component.
pub fn owns(visit: &Visit, component: &PublicComponent) -> bool {
    let owner = visit.snapshot.catalogue.organisations.get(component.owner as usize);
    owner.is_some_and(|owner| speaks_for(visit, owner))
}

/// The name of an organisation on one line, in the desk's language.
pub fn name(visit: &Visit, organisation: &PublicOrganisation) -> String {
    escape::line(&organisation.name.get("de", visit.snapshot.catalogue.site.language()))
}

/// The name of a component on one line, in the desk's language.
pub fn component_name(visit: &Visit, component: &PublicComponent) -> String {
    escape::line(&component.name.get("de", visit.snapshot.catalogue.site.language()))
}

/// A component that the public knows.
pub fn component<'a>(visit: &'a Visit, id: &str) -> Option<&'a PublicComponent> {
    let catalogue = &visit.snapshot.catalogue;
    catalogue.components.get(*catalogue.component_index.get(id)? as usize)
}

/// The components that the visitor may change, if the public does not know one of these.
pub async fn internal(visit: &Visit, ask: &dyn Ask, mut ids: impl Iterator<Item = &str>) -> Vec<Value> {
    if ids.all(|id| component(visit, id).is_some()) {
        return Vec::new();
    }
    words::list(&ask.ask(Asking::get("/components")).await.body, "/components").to_vec()
}

/// The name of a component that the public does not know, from the answer of [`internal`]; else its id.
pub fn internal_name(internal: &[Value], id: &str) -> String {
    let known = internal.iter().find(|line| words::text(line, "/id") == id);
    known.map_or_else(|| id.to_owned(), |line| format!("{} (intern)", words::line(line, "/name")))
}

/// What groups towns: the county's part of their key.
pub fn county(organisation: &PublicOrganisation) -> Option<&str> {
    organisation.ars.as_deref().and_then(|ars| ars.get(..5))
}

/// What a county is called: by its own name if it is known here, else by its key.
pub fn county_name(visit: &Visit, prefix: &str) -> String {
    let mut all = visit.snapshot.catalogue.organisations.iter();
    let known = all.find(|o| o.kind == OrganisationKind::County && county(o) == Some(prefix));
    known.map_or_else(|| format!("Kreisschlüssel {prefix}"), |county| name(visit, county))
}
