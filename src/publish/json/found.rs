//! The JSON of a search: what was found, each with the path of its page.

use schemars::JsonSchema;
use serde::Serialize;

use crate::model::alternative::Link;
use crate::model::id::{ComponentId, OrganisationId};
use crate::model::status::{ComponentKind, Lifecycle, OrganisationKind, Status};
use crate::model::text::Plain;
use crate::publish::scope::Scope;
use crate::publish::search::Findings;

/// How many were found in all, of which the best are listed.
#[derive(Serialize, JsonSchema)]
pub(super) struct Total {
    organisations: usize,
    components: usize,
}

impl Total {
    pub(super) const fn new(findings: &Findings) -> Self {
        Self { organisations: findings.found.organisations_in_all, components: findings.found.components_in_all }
    }
}

/// An organisation that was found.
#[derive(Serialize, JsonSchema)]
pub(super) struct FoundOrganisation<'a> {
    id: &'a OrganisationId,
    name: Plain,
    kind: OrganisationKind,
    ars: Option<&'a str>,
    url: Option<&'a Link>,
    status: Status,
    /// Of the page.
    path: String,
}

impl<'a> FoundOrganisation<'a> {
    pub(super) fn new(scope: &Scope<'a>, index: u32) -> Option<Self> {
        let organisation = scope.snapshot.catalogue.organisations.get(index as usize)?;
        Some(Self {
            id: &organisation.id,
            name: scope.text(&organisation.name),
            kind: organisation.kind,
            ars: organisation.ars.as_deref(),
            url: organisation.url.as_ref(),
            status: scope.snapshot.organisation_status(index).status,
            path: format!("{}/{}", scope.prefix(), organisation.id),
        })
    }
}

/// A component that was found. However many towns it serves, it is one, on its owner's page, unless
/// the question names a town.
#[derive(Serialize, JsonSchema)]
pub(super) struct FoundComponent<'a> {
    id: &'a ComponentId,
    name: Plain,
    kind: ComponentKind,
    lifecycle: Lifecycle,
    status: Status,
    owner: &'a OrganisationId,
    /// Whose page `path` leads to.
    organisation: &'a OrganisationId,
    leika: &'a [String],
    /// Of the page.
    path: String,
}

impl<'a> FoundComponent<'a> {
    pub(super) fn new(scope: &Scope<'a>, index: u32, town: Option<u32>) -> Option<Self> {
        let view = scope.snapshot.view(index, town)?;
        let component = view.component;
        let organisations = &scope.snapshot.catalogue.organisations;
        let owner = &organisations.get(component.owner as usize)?.id;
        let organisation = &organisations.get(town.unwrap_or(component.owner) as usize)?.id;
        Some(Self {
            id: &component.id,
            name: scope.text(&component.name),
            kind: component.kind,
            lifecycle: view.state.lifecycle,
            status: view.status,
            owner,
            organisation,
            leika: &component.leika,
            path: format!("{}/{organisation}/{}", scope.prefix(), component.id),
        })
    }
}
