//! Who stands on whose page: what `serves` says, resolved for the whole country at once.
//!
//! Hundreds of services reach the same thousands of towns, and thousands of towns show the same
//! hundreds of services. Whoever says the same shares one list, and a prefix is a range of the
//! organisations sorted by their key.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::model::catalogue::{Declared, Reach};
use crate::model::id::OrganisationId;
use crate::model::snapshot::PublicCatalogue;

/// Both directions, ascending.
pub(super) struct Pages {
    /// Per component: the organisations on whose pages it stands.
    pub(super) shown_on: Vec<Arc<[u32]>>,
    /// Per organisation: the public components on its page.
    pub(super) shows: Vec<Arc<[u32]>>,
}

impl Pages {
    pub(super) fn new(declared: &Declared, ids: &HashMap<OrganisationId, u32>) -> Self {
        let organisations = declared.organisations.iter().zip(0u32..);
        let mut by_key: Vec<(&str, u32)> =
            organisations.filter_map(|(organisation, index)| Some((organisation.ars.as_deref()?, index))).collect();
        by_key.sort_unstable();
        // Each list of organisations with the public components that have it.
        let mut lists: Vec<(Arc<[u32]>, Vec<u32>)> = Vec::new();
        let mut known: HashMap<(u32, &[Reach]), usize> = HashMap::new();
        let mut shown_on = Vec::with_capacity(declared.components.len());
        for (component, index) in declared.components.iter().zip(0u32..) {
            let number = *known.entry((component.owner, &component.serves)).or_insert_with(|| {
                let mut found = reached(&component.serves, &by_key, ids);
                found.extend(Some(component.owner).filter(|&owner| (owner as usize) < declared.organisations.len()));
                found.sort_unstable();
                found.dedup();
                lists.push((found.into(), Vec::new()));
                lists.len() - 1
            });
            if let Some((list, components)) = lists.get_mut(number) {
                shown_on.push(Arc::clone(list));
                components.extend(component.public.then_some(index));
            }
        }
        let mut named: Vec<Vec<usize>> = vec![Vec::new(); declared.organisations.len()];
        for (number, (list, _)) in lists.iter().enumerate().filter(|(_, (_, components))| !components.is_empty()) {
            for &organisation in &**list {
                if let Some(numbers) = named.get_mut(organisation as usize) {
                    numbers.push(number);
                }
            }
        }
        let mut pages: HashMap<Vec<usize>, Arc<[u32]>> = HashMap::new();
        let page = |numbers: &Vec<usize>| {
            let there = numbers.iter().filter_map(|&number| lists.get(number));
            let mut page: Vec<u32> = there.flat_map(|(_, components)| components).copied().collect();
            page.sort_unstable();
            page.into()
        };
        let shows =
            named.into_iter().map(|numbers| Arc::clone(pages.entry(numbers).or_insert_with_key(page))).collect();
        Self { shown_on, shows }
    }
}

/// Whom a list of `serves` reaches, in no order; an exclusion wins.
fn reached(serves: &[Reach], by_key: &[(&str, u32)], ids: &HashMap<OrganisationId, u32>) -> Vec<u32> {
    let mut found = Vec::new();
    let mut except = Vec::new();
    for reach in serves {
        match reach {
            Reach::Prefix(prefix) => {
                let first = by_key.partition_point(|(key, _)| *key < prefix.as_str());
                let within = by_key.iter().skip(first).take_while(|(key, _)| key.starts_with(prefix.as_str()));
                found.extend(within.map(|(_, index)| *index));
            }
            Reach::Organisation(id) => found.extend(ids.get(id)),
            Reach::Except(id) => except.extend(ids.get(id).copied()),
        }
    }
    found.retain(|index| !except.contains(index));
    found
}

impl PublicCatalogue {
    /// The organisations on whose pages any of these components stands, ascending.
    pub fn pages_of(&self, components: impl IntoIterator<Item = u32>) -> Vec<u32> {
        // Components of one provider stand on the same, possibly thousands of pages.
        let mut seen: HashSet<*const [u32]> = HashSet::new();
        let mut pages = Vec::new();
        for component in components.into_iter().filter_map(|index| self.components.get(index as usize)) {
            if seen.insert(Arc::as_ptr(&component.shown_on)) {
                pages.extend(component.shown_on.iter().copied());
            }
        }
        pages.sort_unstable();
        pages.dedup();
        pages
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::catalogue::{Catalogue, Component, Organisation, SiteLinks, reaches};
    use crate::model::id::ComponentId;
    use crate::model::status::{ComponentKind, OrganisationKind};
    use crate::model::text::Text;

    fn organisation(number: usize) -> Organisation {
        Organisation {
            id: OrganisationId::new(format!("ort-{number}")),
            kind: OrganisationKind::Municipality,
            name: Text::default(),
            // Some have no key; the others are not sorted by it.
            ars: (!number.is_multiple_of(5))
                .then(|| format!("{:02}{:03}0000000", number * 7 % 4 + 1, number * 13 % 100)),
            land: None,
            url: None,
            timezone: None,
            hosts: Vec::new(),
            served_by: Vec::new(),
            formerly: Vec::new(),
            links: SiteLinks::default(),
        }
    }

    fn component(number: usize, owner: u32, serves: Vec<Reach>) -> Component {
        Component {
            id: ComponentId::new(format!("dienst-{number}")),
            name: Text::default(),
            kind: ComponentKind::Service,
            owner,
            part_of: None,
            serves,
            depends_on: Vec::new(),
            url: None,
            leika: Vec::new(),
            ozg: None,
            public: !number.is_multiple_of(3),
            public_name: None,
            available_from: None,
            retired_at: None,
            formerly: Vec::new(),
            delivery: None,
            alternatives: Vec::new(),
        }
    }

    #[test]
    fn pages_are_those_that_each_organisation_is_asked_for_by_itself() {
        let prefix = |prefix: &str| Reach::Prefix(prefix.to_owned());
        let (one, not) = (
            |number: usize| Reach::Organisation(organisation(number).id),
            |number: usize| Reach::Except(organisation(number).id),
        );
        let serves = [
            vec![],
            vec![prefix("01")],
            vec![prefix("01"), prefix("010"), prefix("03")],
            vec![prefix("02"), not(4), not(3)],
            vec![one(5), one(6), one(5)],
            vec![one(7), not(7), prefix("0")],
            vec![not(1)],
            vec![prefix("99")],
        ];
        let organisations: Vec<Organisation> = (0..120).map(organisation).collect();
        let components: Vec<Component> =
            (0..64).map(|number| component(number, [0, 9, 119][number % 3], serves[number % 8].clone())).collect();
        let catalogue = Catalogue::new(Declared { organisations, components, ..Declared::default() });
        let declared = catalogue.declared();
        for (component, index) in declared.components.iter().zip(0u32..) {
            let asked = declared.organisations.iter().zip(0u32..);
            let asked: Vec<u32> = asked
                .filter(|(organisation, o)| *o == component.owner || reaches(&component.serves, organisation))
                .map(|(_, o)| o)
                .collect();
            assert_eq!(&*catalogue.node(index).expect("it is there").shown_on, asked.as_slice(), "{}", component.id);
        }
        for organisation in 0..120 {
            let all = declared.components.iter().zip(0u32..).filter(|(component, _)| component.public);
            let there: Vec<u32> = all
                .filter(|(_, index)| catalogue.node(*index).expect("it is there").shown_on.contains(&organisation))
                .map(|(_, index)| index)
                .collect();
            assert_eq!(catalogue.shows(organisation), there, "{organisation}");
        }
    }

    #[test]
    fn whoever_says_the_same_shares_one_list() {
        let serves = || vec![Reach::Prefix("0".to_owned())];
        let organisations = (0..50).map(organisation).collect();
        let components = (0..40).map(|number| component(number, 0, serves())).collect();
        let pages = Pages::new(&Declared { organisations, components, ..Declared::default() }, &HashMap::new());
        assert!(pages.shown_on.windows(2).all(|two| Arc::ptr_eq(&two[0], &two[1])));
        let reached: Vec<&Arc<[u32]>> = pages.shows.iter().filter(|page| !page.is_empty()).collect();
        assert!(reached.len() > 30 && reached.windows(2).all(|two| Arc::ptr_eq(two[0], two[1])));
    }
}
