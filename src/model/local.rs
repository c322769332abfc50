//! What differs in some towns, and a component as one town's page shows it.
//!
//! With thousands of towns and hundreds of services there are millions of cells; none is ever
//! stored. A page asks [`Town`] for its components: only those for which the town has a word of
//! its own, and what rests on them, are decided anew, by the same rule as everybody's.

use std::borrow::Cow;
use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;

use crate::model::alternative::{Alternative, AlternativeKind, Link};
use crate::model::catalogue::Reach;
use crate::model::decision::{Inputs, decide, derived};
use crate::model::id::{ComponentId, OrganisationId};
use crate::model::snapshot::{
    AffectedBy, ComponentState, Hidden, PublicCatalogue, PublicComponent, PublicOrganisation, Shown, Snapshot,
};
use crate::model::status::{Delivery, Evidence, Lifecycle, Mode, Processing, Status, roll_up};
use crate::model::text::Text;
use crate::model::time::Timestamp;

/// What differs in some towns.
#[derive(Debug, Clone, PartialEq)]
pub struct PublicLocal {
    /// What tells it apart.
    pub key: u64,
    /// The component.
    pub component: ComponentId,
    /// Its name.
    pub name: Text,
    /// For whom.
    pub organisations: Vec<Reach>,
    /// The status there.
    pub status: Option<Status>,
    /// The mode there.
    pub mode: Option<Mode>,
    /// Whether it is released.
    pub released: Option<bool>,
    /// Processing there.
    pub processing: Option<Processing>,
    /// Delivery of mail there.
    pub delivery: Option<Delivery>,
    /// A text.
    pub text: Option<Text>,
    /// Alternatives there.
    pub alternatives: Vec<Alternative>,
    /// Since when.
    pub since: Timestamp,
    /// Until when.
    pub until: Option<Timestamp>,
    /// When it ended; `None` where it is told that it began.
    pub ended_at: Option<Timestamp>,
    /// The id that the component had when it was said, if it has another one now.
    pub said_as: Option<ComponentId>,
}

impl PublicLocal {
    /// Whether it reaches an organisation.
    pub fn reaches(&self, organisation: &PublicOrganisation) -> bool {
        specificity(&self.organisations, organisation).is_some()
    }

    /// Whether it holds at an instant.
    fn holds(&self, at: Timestamp) -> bool {
        self.since <= at && self.until.is_none_or(|until| until > at)
    }

    /// Whether it speaks of status or mode.
    const fn speaks_of_standing(&self) -> bool {
        self.status.is_some() || self.mode.is_some()
    }

    /// The newer one wins.
    fn age(&self) -> (Timestamp, u64) {
        (self.since, self.key)
    }
}

/// Everything that differs somewhere, ready to be looked up.
#[derive(Debug, Clone, Default)]
pub struct Locals {
    /// Said of a single organisation.
    exact: HashMap<OrganisationId, Vec<Word>>,
    /// Said of an area, by the digits that its keys begin with.
    wide: HashMap<String, Vec<Word>>,
    /// What may read differently because of a word on a component: itself, what it is part of, and
    /// what depends on it.
    because_of: HashMap<u32, Vec<u32>>,
}

/// Whom a difference concerns.
#[derive(Debug, Default)]
pub struct Concerned {
    exact: HashSet<OrganisationId>,
    wide: Vec<String>,
}

impl Concerned {
    /// Whether it concerns an organisation.
    pub fn includes(&self, organisation: &PublicOrganisation) -> bool {
        let key = organisation.ars.as_deref().unwrap_or_default();
        self.exact.contains(&organisation.id) || self.wide.iter().any(|prefix| key.starts_with(prefix.as_str()))
    }
}

/// The keys under which two tables do not hold the same words.
fn differing<'a, K: Eq + Hash>(
    before: &'a HashMap<K, Vec<Word>>,
    after: &'a HashMap<K, Vec<Word>>,
) -> impl Iterator<Item = &'a K> {
    let gone = before.keys().filter(|key| !after.contains_key(*key));
    after.iter().filter(|(key, words)| before.get(*key) != Some(*words)).map(|(key, _)| key).chain(gone)
}

/// What somebody says of a component (by index).
#[derive(Debug, Clone, PartialEq)]
struct Word {
    component: u32,
    local: Arc<PublicLocal>,
}

/// What is said in one town, and how specifically.
#[derive(Debug, Clone, Copy)]
struct Spoken<'a> {
    component: u32,
    specific: usize,
    local: &'a PublicLocal,
}

impl Locals {
    /// Indexes what differs. `all` comes with the index of its component.
    pub fn new(all: impl IntoIterator<Item = (u32, Arc<PublicLocal>)>, catalogue: &PublicCatalogue) -> Self {
        let mut locals = Self::default();
        for (component, local) in all {
            locals.because_of.entry(component).or_default();
            for reach in &local.organisations {
                let there = match reach {
                    Reach::Organisation(id) => locals.exact.entry(id.clone()).or_default(),
                    Reach::Prefix(prefix) => locals.wide.entry(prefix.clone()).or_default(),
                    Reach::Except(_) => continue,
                };
                there.push(Word { component, local: Arc::clone(&local) });
            }
        }
        if !locals.because_of.is_empty() {
            let above = above(catalogue);
            for (&component, reached) in &mut locals.because_of {
                let mut seen = BTreeSet::from([component]);
                let mut next = vec![component];
                while let Some(index) = next.pop() {
                    next.extend(above.get(index as usize).into_iter().flatten().filter(|&&index| seen.insert(index)));
                }
                reached.extend(seen);
            }
        }
        locals
    }

    /// For whom something else is said than before.
    pub fn differing(&self, before: &Self) -> Concerned {
        let mut concerned = Concerned::default();
        concerned.exact.extend(differing(&before.exact, &self.exact).cloned());
        concerned.wide.extend(differing(&before.wide, &self.wide).cloned());
        concerned
    }

    /// All that is said in a town, by component, what counts most first: its own before an area's,
    /// the longest prefix before a shorter one, then the newest.
    fn spoken_in(&self, organisation: &PublicOrganisation, at: Timestamp) -> Vec<Spoken<'_>> {
        let exact = self.exact.get(&organisation.id).into_iter().flatten().map(|word| (usize::MAX, word));
        let key = organisation.ars.as_deref().unwrap_or_default();
        let wide = (0..=key.len()).filter_map(|digits| self.wide.get(key.get(..digits)?)).flatten();
        let wide = wide.filter_map(|word| Some((specificity(&word.local.organisations, organisation)?, word)));
        let mut all: Vec<_> = exact
            .chain(wide)
            .map(|(specific, Word { component, local })| Spoken { component: *component, specific, local })
            .filter(|spoken| spoken.local.holds(at))
            .collect();
        all.sort_by_key(|spoken| (spoken.component, Reverse((spoken.specific, spoken.local.age()))));
        all
    }
}

/// Per component: what contains it and what depends on it.
fn above(catalogue: &PublicCatalogue) -> Vec<Vec<u32>> {
    let mut above = vec![Vec::new(); catalogue.components.len()];
    for (component, index) in catalogue.components.iter().zip(0u32..) {
        for &below in component.parts.iter().chain(component.edges.iter().map(|(parent, _)| parent)) {
            if let Some(above) = above.get_mut(below as usize) {
                above.push(index);
            }
        }
    }
    above
}

/// A component as one town's page shows it.
#[derive(Debug, Clone)]
pub struct View<'a> {
    /// What it is.
    pub component: &'a PublicComponent,
    /// Its state everywhere.
    pub state: &'a ComponentState,
    /// What differs here.
    pub local: Said<'a>,
    /// The status here.
    pub status: Status,
    /// Where that status comes from.
    pub evidence: Evidence,
    /// Since when it reads so here.
    pub since: Timestamp,
    /// The mode here.
    pub mode: Mode,
    /// Whether the provider has released it here, where somebody said so.
    pub released: Option<bool>,
    /// Processing here.
    pub processing: Processing,
    /// Delivery of mail here, where it differs from normal.
    pub delivery: Option<&'a Delivery>,
    /// What affects it here.
    pub affected_by: Option<Cow<'a, AffectedBy>>,
    /// The status here of the root of that; `None` if there is none or it is internal.
    pub root_status: Option<Status>,
}

/// What is said of a component in a town. Each point comes from the most specific word that
/// makes it: a town's mode stands beside the provider's release for the whole region.
#[derive(Debug, Clone, Copy, Default)]
pub struct Said<'a> {
    /// The word on status and mode: who speaks of one speaks of both.
    pub standing: Option<&'a PublicLocal>,
    /// Whether the provider has released it.
    pub released: Option<bool>,
    /// Processing.
    pub processing: Option<Processing>,
    /// Delivery of mail.
    pub delivery: Option<&'a Delivery>,
    /// A text.
    pub text: Option<&'a Text>,
    /// Alternatives.
    pub alternatives: &'a [Alternative],
}

impl<'a> Said<'a> {
    fn new(spoken: &[Spoken<'a>]) -> Self {
        let words = || spoken.iter().map(|spoken| spoken.local);
        Self {
            standing: words().find(|local| local.speaks_of_standing()),
            released: words().find_map(|local| local.released),
            processing: words().find_map(|local| local.processing),
            delivery: words().find_map(|local| local.delivery.as_ref()),
            text: words().find_map(|local| local.text.as_ref()),
            alternatives: words()
                .map(|local| local.alternatives.as_slice())
                .find(|alternatives| !alternatives.is_empty())
                .unwrap_or_default(),
        }
    }
}

impl<'a> View<'a> {
    /// The alternatives that apply here: the town's own first, then the component's.
    pub fn alternatives(&self, organisation: Option<&PublicOrganisation>, at: Timestamp) -> Vec<&'a Alternative> {
        self.local
            .alternatives
            .iter()
            .chain(self.component.alternatives.iter())
            .filter(|alternative| applies(alternative, organisation, at))
            .collect()
    }
}

/// Whether an alternative applies on a page at an instant.
pub fn applies(alternative: &Alternative, organisation: Option<&PublicOrganisation>, at: Timestamp) -> bool {
    alternative.valid_from.as_ref().is_none_or(|from| from.at <= at)
        && alternative.valid_until.as_ref().is_none_or(|until| until.at > at)
        && organisation.is_none_or(|o| alternative.serves.is_empty() || specificity(&alternative.serves, o).is_some())
}

/// How specifically a reach names an organisation: its id beats any prefix, a longer prefix a
/// shorter one. `None` if it is not reached.
pub fn specificity(reach: &[Reach], organisation: &PublicOrganisation) -> Option<usize> {
    let mut best = None;
    for reach in reach {
        let found = match reach {
            Reach::Except(id) if *id == organisation.id => return None,
            Reach::Except(_) => None,
            Reach::Organisation(id) => (*id == organisation.id).then_some(usize::MAX),
            Reach::Prefix(prefix) => {
                organisation.ars.as_deref().is_some_and(|ars| ars.starts_with(prefix.as_str())).then_some(prefix.len())
            }
        };
        best = best.max(found);
    }
    best
}

/// One town's eyes on a snapshot. Keeps what it has decided, so that a page asks once.
#[derive(Debug)]
pub struct Town<'a> {
    snapshot: &'a Snapshot,
    /// What is said here, by component; nothing for everybody's eyes.
    spoken: Vec<Spoken<'a>>,
    /// What may read differently here, ascending: all else reads as everywhere.
    differing: Vec<u32>,
    decided: RefCell<HashMap<u32, Option<Decided<'static>>>>,
}

/// What reads differently in a town.
#[derive(Debug, Clone)]
struct Decided<'a> {
    status: Status,
    evidence: Evidence,
    since: Timestamp,
    affected_by: Option<Cow<'a, AffectedBy>>,
}

impl<'a> Decided<'a> {
    /// As everybody reads it.
    fn everywhere(state: &'a ComponentState) -> Self {
        let ComponentState { status, evidence, since, ref affected_by, .. } = *state;
        Self { status, evidence, since, affected_by: affected_by.as_ref().map(Cow::Borrowed) }
    }
}

impl<'a> Town<'a> {
    /// The town with this index, or everybody.
    pub fn new(snapshot: &'a Snapshot, organisation: Option<u32>) -> Self {
        let organisation = organisation.and_then(|index| snapshot.catalogue.organisations.get(index as usize));
        let locals = &snapshot.locals;
        let spoken = organisation.map(|there| locals.spoken_in(there, snapshot.at)).unwrap_or_default();
        let standing = spoken.iter().filter(|spoken| spoken.local.speaks_of_standing());
        let because_of = standing.filter_map(|spoken| locals.because_of.get(&spoken.component));
        let mut differing: Vec<u32> = because_of.flatten().copied().collect();
        differing.sort_unstable();
        differing.dedup();
        Self { snapshot, spoken, differing, decided: RefCell::default() }
    }

    /// Indexes of what may read differently here than elsewhere: of it, or of something under it,
    /// there is a word.
    pub fn touched(&self) -> impl Iterator<Item = u32> {
        self.spoken.iter().map(|spoken| spoken.component).chain(self.differing.iter().copied())
    }

    /// A component as it is seen from here.
    pub fn view(&self, component: u32) -> Option<View<'a>> {
        let state = &**self.snapshot.states.get(component as usize)?;
        let what = self.snapshot.catalogue.components.get(component as usize)?;
        let local = self.local(component);
        let at = self.snapshot.at;
        let holds = |delivery: &&Delivery| {
            delivery.since.is_none_or(|since| since <= at) && delivery.until.is_none_or(|until| until > at)
        };
        let Decided { status, evidence, since, affected_by } = self.read(component)?;
        let root = affected_by.as_ref().and_then(|affected| affected.path.last()?.id.as_ref());
        let root = root.and_then(|root| self.snapshot.catalogue.component_index.get(root));
        let root_status = root.and_then(|&root| self.read(root)).map(|root| root.status);
        Some(View {
            component: what,
            state,
            local,
            status,
            evidence,
            since,
            mode: local.standing.and_then(|local| local.mode).unwrap_or(state.inputs.mode),
            released: local.released,
            processing: local.processing.unwrap_or_default(),
            delivery: local.delivery.or(what.delivery.as_ref()).filter(holds),
            affected_by,
            root_status,
        })
    }

    /// How a component reads here.
    fn read(&self, component: u32) -> Option<Decided<'a>> {
        let state = self.snapshot.states.get(component as usize)?;
        Some(self.decided(component).unwrap_or_else(|| Decided::everywhere(state)))
    }

    fn local(&self, component: u32) -> Said<'a> {
        let first = self.spoken.partition_point(|spoken| spoken.component < component);
        let there = self.spoken.get(first..).unwrap_or_default();
        let count = there.iter().take_while(|spoken| spoken.component == component).count();
        Said::new(there.get(..count).unwrap_or_default())
    }

    /// What reads differently here, if it does: by a word of the town, in its parts, or in what
    /// it depends on.
    fn decided(&self, component: u32) -> Option<Decided<'static>> {
        self.differing.binary_search(&component).ok()?;
        if let Some(known) = self.decided.borrow().get(&component) {
            return known.clone();
        }
        // Stands while it is being decided: what is declared has no cycle, and if it had one,
        // this would end it.
        self.decided.borrow_mut().insert(component, None);
        let decided = self.decide(component);
        self.decided.borrow_mut().insert(component, decided.clone());
        decided
    }

    fn decide(&self, component: u32) -> Option<Decided<'static>> {
        let what = self.snapshot.catalogue.components.get(component as usize)?;
        let state = self.snapshot.states.get(component as usize).filter(|state| state.lifecycle == Lifecycle::Live)?;
        let local = self.local(component).standing;
        let parts: Vec<_> = what.parts.iter().filter_map(|&part| self.decided(part)).collect();
        let parents: Vec<_> = what.edges.iter().filter_map(|&(parent, _)| self.decided(parent)).collect();
        if local.is_none() && parts.is_empty() && parents.is_empty() {
            return None;
        }
        let mut inputs: Inputs = state.inputs;
        if let Some(local) = local {
            inputs.notice = local.status.or(inputs.notice);
            inputs.mode = local.mode.unwrap_or(inputs.mode);
        }
        if !parts.is_empty() {
            let live = what.parts.iter().filter(|&&part| self.is_live(part)).filter_map(|&part| self.read(part));
            let sum = roll_up(live.map(|part| (part.status, part.evidence)));
            inputs.parts = Some((sum.status, sum.evidence));
        }
        let mut affected_by = state.affected_by.clone();
        if !parents.is_empty() && !state.aside {
            (inputs.derived, affected_by) = self.derived(what, state);
        }
        let decision = decide(&inputs);
        let told = local.map(|local| local.since);
        let since = told.into_iter().chain(parts.iter().chain(&parents).map(|below| below.since)).max();
        let same = (decision.status, decision.evidence) == (state.status, state.evidence);
        Some(Decided {
            status: decision.status,
            evidence: decision.evidence,
            since: since.filter(|_| !same).unwrap_or(state.since),
            affected_by: affected_by.map(Cow::Owned),
        })
    }

    /// What follows here from what a component depends on, and what affects it here: the worst
    /// direct parent, ties by id. Of an internal one nothing is known but what it does everywhere.
    fn derived(
        &self,
        what: &PublicComponent,
        state: &ComponentState,
    ) -> (Option<(Status, Evidence)>, Option<AffectedBy>) {
        let parents =
            what.edges.iter().filter(|(parent, _)| self.is_live(*parent)).filter_map(|&(parent, red_means)| {
                let component = self.snapshot.catalogue.components.get(parent as usize)?;
                let read = self.read(parent)?;
                let concerns = !(state.spared && read.status == Status::UnderMaintenance);
                concerns.then(|| (derived(read.status, red_means), component, parent, read))
            });
        let parents: Vec<_> = parents.collect();
        let hidden = state.hidden.as_ref();
        let declared = parents.iter().all(|(.., read)| read.evidence == Evidence::Declared)
            && hidden.is_none_or(|hidden| hidden.evidence == Evidence::Declared);
        let evidence = if declared { Evidence::Declared } else { Evidence::Derived };
        let worst = parents.into_iter().max_by(|a, b| a.0.cmp(&b.0).then_with(|| b.1.id.cmp(&a.1.id)));
        // Which id of two comes first is only known where the internal one affects everybody.
        let is_first = |hidden: &Hidden| hidden.affected_by.is_some() && hidden.affected_by == state.affected_by;
        let hidden = hidden.filter(|hidden| {
            worst.as_ref().is_none_or(|worst| hidden.status > worst.0 || hidden.status == worst.0 && is_first(hidden))
        });
        if let Some(hidden) = hidden {
            return (Some((hidden.status, evidence)), hidden.affected_by.clone());
        }
        let Some((status, parent, index, read)) = worst else { return (None, None) };
        let affected_by = (read.status != Status::Operational).then(|| {
            let first = Shown { id: Some(parent.id.clone()), name: parent.name.clone() };
            let incident = self.snapshot.states.get(index as usize).and_then(|state| state.incident.clone());
            match read.affected_by.map(Cow::into_owned) {
                Some(AffectedBy { path, incident }) => {
                    AffectedBy { path: std::iter::once(first).chain(path).collect(), incident }
                }
                None => AffectedBy { path: vec![first], incident },
            }
        });
        (Some((status, evidence)), affected_by)
    }

    fn is_live(&self, component: u32) -> bool {
        let state = self.snapshot.states.get(component as usize);
        state.is_some_and(|state| state.lifecycle == Lifecycle::Live)
    }
}

impl<'a> Town<'a> {
    /// The status of an alternative itself, where it has one.
    pub fn status_of(&self, way: &Alternative) -> Option<Status> {
        let component = way.component.as_ref()?;
        let index = *self.snapshot.catalogue.component_index.get(component)?;
        self.view(index).map(|view| view.status)
    }

    /// Where people are sent instead of the usual site of an organisation (by index): the target
    /// of an emergency site that is active for anything on its page. What the organisation says
    /// of itself goes first, then what its own components have, then what others offer there.
    ///
    /// One that stands at a component, or is named for it in this town, is active while the
    /// component is not operational here; one that was given a beginning as long as it applies;
    /// one of an incident or of the town's words on it while the incident is open.
    pub fn emergency_site(&self, index: u32) -> Option<&'a Link> {
        let snapshot = self.snapshot;
        let organisation = snapshot.catalogue.organisations.get(index as usize)?;
        let shown = organisation.shows.iter().filter_map(|&component| self.view(component));
        let views: Vec<View<'a>> = shown.filter(|view| view.state.lifecycle != Lifecycle::Retired).collect();
        let is_active =
            |view: &View<'a>, way: &Alternative| way.valid_from.is_some() || view.status != Status::Operational;
        let locals =
            views.iter().flat_map(|view| view.local.alternatives.iter().filter(move |way| is_active(view, way)));
        let of_components = |own: bool| {
            let views = views.iter().filter(move |view| own == (view.component.owner == index));
            views.flat_map(move |view| view.component.alternatives.iter().filter(move |way| is_active(view, way)))
        };
        let open = || snapshot.incidents_of(index).filter(|incident| incident.is_open());
        let is_own = |id: &OrganisationId| {
            *id == organisation.id || snapshot.catalogue.former_organisations.get(id) == Some(&organisation.id)
        };
        let overlays = open()
            .flat_map(|incident| &incident.overlays)
            .filter(move |(id, _)| is_own(id))
            .map(|(_, overlay)| overlay);
        locals
            .chain(overlays.flat_map(|overlay| &overlay.alternatives))
            .chain(of_components(true))
            .chain(open().flat_map(|incident| &incident.alternatives))
            .chain(of_components(false))
            .filter(|way| way.kind == AlternativeKind::EmergencySite)
            .filter(|way| applies(way, Some(organisation), snapshot.at))
            .find_map(|way| way.target.first())
    }
}

impl Snapshot {
    /// A component as `organisation` (by index) sees it, or everybody. What stands on one page
    /// only is everywhere as that page shows it.
    pub fn view(&self, component: u32, organisation: Option<u32>) -> Option<View<'_>> {
        let organisation = organisation.or_else(|| {
            match self.catalogue.components.get(component as usize).map(|component| &*component.shown_on) {
                Some(&[only]) => Some(only),
                Some(_) | None => None,
            }
        });
        Town::new(self, organisation).view(component)
    }
}
