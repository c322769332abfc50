//! What a new catalogue would take away, so that a mistake in a file does not close half a site.
//!
//! A file can be emptied, cut short or deleted by accident. Where that would take away much, or what
//! readers are just being told about, an operator has to say that it is meant.

use std::collections::HashSet;

use crate::engine::state::State;
use crate::model::catalogue::Catalogue;
use crate::model::id::{ComponentId, IncidentId, OrganisationId};
use crate::model::incident::Incident;

/// One in so many components at once is much.
const MUCH: usize = 5;

/// What a new catalogue would take away.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Loss {
    /// An organisation, under its id and every former one.
    #[error("the organisation `{0}` would be gone")]
    Organisation(OrganisationId),
    /// A component that an open incident speaks of.
    #[error("the component `{0}` would be gone, of which the open incident `{1}` speaks")]
    Concerned(ComponentId, IncidentId),
    /// A good part of all components.
    #[error("{gone} of {of} components would be gone")]
    Components {
        /// How many would be gone.
        gone: usize,
        /// How many there are.
        of: usize,
    },
}

/// Whether an incident says anything of a component.
fn speaks_of(incident: &Incident, component: &ComponentId) -> bool {
    incident.root == *component
        || incident.concerns(component).is_some()
        || incident.given.contains_key(component)
        || incident.attached.contains(component)
}

impl State {
    /// The first reason why this catalogue needs an operator's word, if there is one. What goes on under
    /// another name is not gone.
    pub fn loss(&self, new: &Catalogue) -> Option<Loss> {
        let old = self.catalogue();
        let organisations: HashSet<&OrganisationId> =
            new.organisations.iter().flat_map(|known| std::iter::once(&known.id).chain(&known.formerly)).collect();
        if let Some(gone) = old.organisations.iter().find(|known| !organisations.contains(&known.id)) {
            return Some(Loss::Organisation(gone.id.clone()));
        }
        let components: HashSet<&ComponentId> =
            new.components.iter().flat_map(|known| std::iter::once(&known.id).chain(&known.formerly)).collect();
        let gone: Vec<&ComponentId> =
            old.components.iter().map(|known| &known.id).filter(|id| !components.contains(id)).collect();
        let open = || self.record.incidents.values().filter(|incident| incident.is_open());
        for &component in &gone {
            if let Some(incident) = open().find(|incident| speaks_of(incident, component)) {
                return Some(Loss::Concerned(component.clone(), incident.id.clone()));
            }
        }
        let of = old.components.len();
        (!gone.is_empty() && gone.len() * MUCH >= of).then_some(Loss::Components { gone: gone.len(), of })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;
    use crate::model::catalogue::Declared;
    use crate::model::event::{Event, Logged};
    use crate::model::time::Timestamp;

    /// Organisations and components by id, each with its former ids.
    fn catalogue(organisations: &[(&str, &[&str])], components: &[(&str, &[&str])]) -> Catalogue {
        let organisations: Vec<Value> = organisations
            .iter()
            .map(|(id, formerly)| {
                json!({"id": id, "kind": "county", "name": {"de": id}, "formerly": formerly, "links": {}})
            })
            .collect();
        let components: Vec<Value> = components
            .iter()
            .map(|(id, formerly)| {
                json!({"id": id, "name": {"de": id}, "kind": "service", "owner": 0, "public": true, "formerly": formerly})
            })
            .collect();
        Catalogue::new(Declared {
            organisations: serde_json::from_value(organisations.into()).unwrap(),
            components: serde_json::from_value(components.into()).unwrap(),
            ..Declared::default()
        })
    }

    const KREIS: (&str, &[&str]) = ("kreis", &[]);
    const SIX: [(&str, &[&str]); 6] = [("a", &[]), ("b", &[]), ("c", &[]), ("d", &[]), ("e", &[]), ("f", &[])];

    /// A state with this catalogue and one incident.
    fn state(catalogue: Catalogue, incident: Option<Value>) -> State {
        let mut state = State::new(7);
        let opened = incident.map(|incident| Event::IncidentOpened(serde_json::from_value(incident).unwrap()));
        let adopted = Event::CatalogueAdopted { version: 1, catalogue: Arc::new(catalogue) };
        for (event, position) in std::iter::once(adopted).chain(opened).zip(1..) {
            state.apply(&Logged { position, at: Timestamp::from_millis(1000), event });
        }
        state
    }

    fn incident(more: &Value) -> Value {
        let mut incident = json!({"id": "i-1", "root": "a", "title": {"written": {}}, "status": "identified",
            "impact": "major", "started_at": 1000, "opened_at": 1000, "touched": true, "updates": [], "concerned": []});
        incident.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        incident
    }

    #[test]
    fn a_fifth_of_the_components_is_much_and_less_is_not() {
        let six = state(catalogue(&[KREIS], &SIX), None);
        assert_eq!(six.loss(&catalogue(&[KREIS], &SIX)), None);
        assert_eq!(six.loss(&catalogue(&[KREIS], &SIX[..5])), None, "a sixth");
        let two = six.loss(&catalogue(&[KREIS], &SIX[..4]));
        assert_eq!(two, Some(Loss::Components { gone: 2, of: 6 }));
        assert_eq!(two.unwrap().to_string(), "2 of 6 components would be gone");
        let five = state(catalogue(&[KREIS], &SIX[..5]), None);
        assert_eq!(five.loss(&catalogue(&[KREIS], &SIX[..4])), Some(Loss::Components { gone: 1, of: 5 }));
        // More than there were, but others.
        let others: Vec<(&str, &[&str])> = vec![("u", &[]), ("v", &[]), ("w", &[]), ("x", &[]), ("y", &[]), ("z", &[])];
        assert_eq!(five.loss(&catalogue(&[KREIS], &others)), Some(Loss::Components { gone: 5, of: 5 }));
        let nothing = state(Catalogue::new(Declared::default()), None);
        assert_eq!(nothing.loss(&catalogue(&[KREIS], &SIX)), None);
        assert_eq!(nothing.loss(&Catalogue::new(Declared::default())), None);
    }

    #[test]
    fn an_organisation_that_is_gone_is_a_loss_and_one_that_is_renamed_is_not() {
        let both = state(catalogue(&[KREIS, ("stadt", &[])], &SIX), None);
        let loss = both.loss(&catalogue(&[KREIS], &SIX));
        assert_eq!(loss.map(|loss| loss.to_string()).as_deref(), Some("the organisation `stadt` would be gone"));
        assert_eq!(both.loss(&catalogue(&[KREIS, ("neustadt", &["stadt"])], &SIX)), None);
    }

    #[test]
    fn a_component_of_an_open_incident_is_a_loss_however_the_incident_speaks_of_it() {
        let without = |id: &str| SIX.iter().filter(|(known, _)| *known != id).copied().collect::<Vec<_>>();
        let concerned = json!([{"component": "b", "name": {}, "public": true, "worst": "major_outage"}]);
        let told = incident(&json!({"concerned": concerned, "given": {"c": "major_outage"}, "attached": ["d"]}));
        let open = state(catalogue(&[KREIS], &SIX), Some(told.clone()));
        for id in ["a", "b", "c", "d"] {
            let loss = open.loss(&catalogue(&[KREIS], &without(id)));
            let words = format!("the component `{id}` would be gone, of which the open incident `i-1` speaks");
            assert_eq!(loss.map(|loss| loss.to_string()), Some(words));
        }
        assert_eq!(open.loss(&catalogue(&[KREIS], &without("e"))), None);
        let mut renamed = without("a");
        renamed.push(("new", &["a"]));
        assert_eq!(open.loss(&catalogue(&[KREIS], &renamed)), None);
        let mut over = told;
        over.as_object_mut()
            .unwrap()
            .extend([("status".to_owned(), json!("resolved")), ("resolved_at".to_owned(), json!(2000))]);
        let closed = state(catalogue(&[KREIS], &SIX), Some(over));
        assert_eq!(closed.loss(&catalogue(&[KREIS], &without("a"))), None);
    }
}
