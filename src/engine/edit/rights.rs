//! What an editor may touch: the components that its organisations own, and what is said for
//! those organisations. A town's editor never reaches another town's page.

use crate::model::access::{Editor, Role};
use crate::model::catalogue::{Catalogue, Component};
use crate::model::editing::Refusal;
use crate::model::id::{ComponentId, OrganisationId};

/// An editor's rights under the catalogue in force.
pub(in crate::engine) struct Rights<'a> {
    editor: &'a Editor,
    catalogue: &'a Catalogue,
}

impl<'a> Rights<'a> {
    pub(in crate::engine) fn new(editor: &'a Editor, catalogue: &'a Catalogue) -> Result<Self, Refusal> {
        if editor.role == Role::Metrics {
            return Err(Refusal::forbidden("this token may read metrics only; ask the operator for an editor's token"));
        }
        Ok(Self { editor, catalogue })
    }

    /// Whether the editor speaks for an organisation.
    pub(super) fn speaks_for(&self, organisation: &OrganisationId) -> bool {
        if self.editor.is_admin_of_all() || self.editor.organisations.contains(organisation) {
            return true;
        }
        // A token outlives a change of its body's id.
        let index = self.catalogue.organisation_index(organisation.as_str());
        let known = index.and_then(|index| self.catalogue.organisations.get(index as usize));
        known.is_some_and(|known| known.formerly.iter().any(|former| self.editor.organisations.contains(former)))
    }

    /// Whether the editor speaks for the organisation with this index.
    pub(super) fn speaks_for_index(&self, organisation: u32) -> bool {
        self.catalogue.organisations.get(organisation as usize).is_some_and(|owner| self.speaks_for(&owner.id))
    }

    /// Whether the editor may choose this id for something new. Each organisation has names of its own, so
    /// that a name that is taken tells nobody of what others have not announced yet.
    pub(super) fn may_choose(&self, id: &str) -> bool {
        let is_of = |name: &str| id.strip_prefix(name).is_some_and(|rest| rest.starts_with('-'));
        let mut all = self.catalogue.organisations.iter().map(|organisation| &organisation.id);
        self.editor.is_admin_of_all() || all.any(|id| is_of(id.as_str()) && self.speaks_for(id))
    }

    /// Whether the editor may change a component.
    pub(in crate::engine) fn owns(&self, component: &Component) -> bool {
        self.speaks_for_index(component.owner)
    }

    /// A component that a request names and this editor may change. One that is internal to
    /// somebody else is as unknown as one that does not exist.
    pub(super) fn owned(&self, id: &ComponentId, pointer: &str) -> Result<(u32, &'a Component), Refusal> {
        let (index, component) = self.known(id, pointer)?;
        if self.owns(component) {
            return Ok((index, component));
        }
        let owner = self.catalogue.organisations.get(component.owner as usize);
        let owner = owner.map(|owner| owner.id.as_str()).unwrap_or_default();
        Err(Refusal {
            pointer: Some(pointer.to_owned()),
            ..Refusal::forbidden(format!("`{id}` belongs to `{owner}`; this token may not change it"))
        })
    }

    /// A component that a request names, whoever owns it.
    pub(super) fn known(&self, id: &ComponentId, pointer: &str) -> Result<(u32, &'a Component), Refusal> {
        let found = self.catalogue.component_index(id.as_str());
        found
            .and_then(|index| Some((index, self.catalogue.component(index)?)))
            .filter(|(_, component)| component.public || self.owns(component))
            .ok_or_else(|| Refusal::field(pointer, format!("there is no component `{id}`")))
    }

    /// Whether the editor may change what stands at a root, which may be gone from the catalogue.
    pub(super) fn root(&self, root: &ComponentId) -> bool {
        let component = self.catalogue.component_index(root.as_str()).and_then(|index| self.catalogue.component(index));
        self.editor.is_admin_of_all() || component.is_some_and(|component| self.owns(component))
    }
}
