//! Where an organisation's own status differed from that of a service as a whole. What is recorded
//! of the past is the service as a whole, and a page says where that is not what people saw there.

use std::collections::BTreeSet;

use maud::{Markup, html};

use crate::model::snapshot::PublicComponent;
use crate::model::time::Timestamp;
use crate::publish::html::page::Page;

impl<'a> Page<'a> {
    /// The components that had a status or a mode of their own here at some time in
    /// `[from, until)`, as far as is remembered.
    pub(super) fn changed(&self, from: Timestamp, until: Timestamp) -> BTreeSet<u32> {
        let Some((_, organisation)) = self.organisation else { return BTreeSet::new() };
        let standing = |index: u32| self.view(index).and_then(|view| view.local.standing);
        let changes = self.snapshot.changes.iter().filter(|local| local.status.is_some() || local.mode.is_some());
        let mut changed: BTreeSet<u32> = changes
            .filter(|local| local.since < until && local.reaches(organisation))
            .filter_map(|local| Some((local, self.component(&local.component)?.0)))
            .filter(|(local, index)| {
                let lasts = || standing(*index).is_some_and(|now| now.key == local.key);
                local.since >= from || local.until.map_or_else(lasts, |end| end > from)
            })
            .map(|(_, index)| index)
            .collect();
        let shows = organisation.shows.iter().copied();
        changed.extend(shows.filter(|&index| standing(index).is_some_and(|local| local.since < until)));
        changed
    }

    /// Whether a component is one of these, or rests on one of them: on its parts, and on what it
    /// depends on.
    pub(super) fn rests_on(&self, component: u32, changed: &BTreeSet<u32>) -> bool {
        let all: &'a [PublicComponent] = &self.snapshot.catalogue.components;
        let mut seen = BTreeSet::from([component]);
        let mut next = vec![component];
        while let Some(index) = next.pop().filter(|_| !changed.is_empty()) {
            if changed.contains(&index) {
                return true;
            }
            if let Some(component) = all.get(index as usize) {
                let below = component.parts.iter().chain(component.edges.iter().map(|(parent, _)| parent));
                next.extend(below.copied().filter(|&below| seen.insert(below)));
            }
        }
        false
    }

    /// The note below figures of one service.
    pub(super) fn as_a_whole(&self) -> Markup {
        html! {
            p.hours {
                (self.say("Gezeigt ist das Angebot insgesamt; der Stand hier wich zeitweise davon ab.",
                    "This shows the service as a whole; the status here differed from it at times."))
            }
        }
    }
}
