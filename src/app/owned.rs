//! What editors read of components: the list of those that a token may change, and what is said of
//! one in single towns.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::app::core::Core;
use crate::app::desk::internal::{alternatives, reach};
use crate::engine::{Record, State};
use crate::model::access::Editor;
use crate::model::catalogue::{Component, Organisation, reaches};
use crate::model::editing::Subject;
use crate::model::id::ComponentId;
use crate::model::notice::LocalNotice;

/// Most components in the list.
const COMPONENTS_MAX: usize = 2_000;

impl Core {
    /// The components that an editor may change. Those that no page of the public shows come first,
    /// because only this list tells of them.
    pub(super) fn owned_components(&self, editor: &Editor) -> Value {
        let catalogue = self.state.catalogue();
        let owned = |public: bool| {
            let all = catalogue.components.iter().zip(0u32..).filter(move |(component, _)| component.public == public);
            all.filter(|(component, _)| self.state.may_change(editor, &Subject::Component(component.id.clone())))
        };
        let mut all = owned(false).chain(owned(true));
        let listed: Vec<Value> =
            all.by_ref().take(COMPONENTS_MAX).map(|(component, index)| self.component_line(component, index)).collect();
        json!({ "components": listed, "more": all.count() })
    }

    fn component_line(&self, component: &Component, index: u32) -> Value {
        let catalogue = self.state.catalogue();
        let language = catalogue.site.language();
        let record = &self.state.record;
        let state = record.components.get(index as usize);
        let whole = component.part_of.and_then(|whole| catalogue.component(whole));
        json!({
            "id": component.id,
            "name": component.name.get(language, language),
            "kind": component.kind,
            "owner": catalogue.organisations.get(component.owner as usize).map(|owner| &owner.id),
            "part_of": whole.map(|whole| &whole.id),
            "public": component.public,
            "status": state.map(|state| state.status),
            "evidence": state.map(|state| state.evidence),
            "since": state.map(|state| state.since.to_string()),
            "override": set_by_hand(record, &component.id),
            "local": locals_of(record, &component.id).count(),
        })
    }
}

/// What only editors read of a component. Whoever owns it reads all; who speaks for towns reads what
/// reaches those, whoever said it.
pub(super) fn component_internal(state: &State, id: &ComponentId, editor: &Editor) -> Value {
    let record = &state.record;
    let owned = state.may_change(editor, &Subject::Component(id.clone()));
    let catalogue = state.catalogue();
    let index = catalogue.component_index(id.as_str());
    let pages = index.and_then(|index| catalogue.node(index)).map(|node| &*node.shown_on).unwrap_or_default();
    let towns: Vec<&Organisation> = pages
        .iter()
        .filter_map(|&page| catalogue.organisations.get(page as usize))
        .filter(|organisation| state.speaks_for(editor, &organisation.id))
        .collect();
    let locals: Vec<Value> = locals_of(record, id)
        .filter(|local| owned || towns.iter().any(|town| reaches(&local.organisations, town)))
        .map(|local| {
            json!({
                "organisations": local.organisations.iter().map(reach).collect::<Vec<_>>(),
                "status": local.status,
                "mode": local.mode,
                "released": local.released,
                "processing": local.processing,
                "delivery": local.delivery.as_ref().map(|delivery| delivery.state),
                "delivery_until": local.delivery.as_ref().and_then(|delivery| delivery.until).map(|at| at.to_string()),
                "text": local.text,
                "alternatives": alternatives(&local.alternatives),
                "since": local.since.to_string(),
                "until": local.until.map(|at| at.to_string()),
                "declared": local.declared,
                "by_owner": local.by_owner,
                "may_remove": state.may_take_back(editor, local),
            })
        })
        .collect();
    if !owned {
        return json!({ "owned": false, "local": locals });
    }
    let known = index.and_then(|index| catalogue.component(index));
    let standing = index.and_then(|index| record.components.get(index as usize));
    let language = catalogue.site.language();
    json!({
        "owned": true,
        "name": known.map(|component| component.name.get(language, language)),
        "kind": known.map(|component| component.kind),
        "status": standing.map(|standing| standing.status),
        "since": standing.map(|standing| standing.since.to_string()),
        "override": set_by_hand(record, id),
        "local": locals,
    })
}

fn set_by_hand(record: &Record, id: &ComponentId) -> Option<Value> {
    let set = record.overrides.get(id)?;
    Some(json!({ "status": set.status, "at": set.at.to_string(), "until": set.until.map(|at| at.to_string()) }))
}

/// What is said of a component in single towns.
pub(super) fn locals_of<'a>(record: &'a Record, id: &'a ComponentId) -> impl Iterator<Item = &'a Arc<LocalNotice>> {
    record.locals.values().filter(move |local| local.component == *id)
}
