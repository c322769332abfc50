//! Incidents: one per root cause.
//!
//! A component is *failing* if its own checks say that something is wrong while it is in service
//! and not under maintenance. Its *root* is the highest failing, red component that it depends on
//! by a hard (unsoftened) path, or itself. Each root has one open incident: it keeps its id when
//! the root moves, and of two that turn out to be one the older stays.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use sha2::Digest;

use crate::engine::state::State;
use crate::engine::step::Step;
use crate::engine::timers::Timer;
use crate::model::catalogue::Component;
use crate::model::event::Event;
use crate::model::id::{ComponentId, IncidentId};
use crate::model::incident::{
    Body, Concerned, Impact, Incident, IncidentStatus, Message, MessageCode, Update, WORDING,
};
use crate::model::status::{Evidence, Status};
use crate::model::text::Text;
use crate::model::time::Timestamp;
use crate::model::verdict::Verdict;

/// Of an incident that comes and goes, readers are told at most once in this time.
const FLAPPING_TOLD_EVERY: Duration = Duration::from_secs(3600);

/// What a decision changes in an incident.
pub(super) struct Move {
    pub(super) status: IncidentStatus,
    impact: Impact,
    root: ComponentId,
    pub(super) merged_into: Option<IncidentId>,
    pub(super) concerned: Vec<Concerned>,
    pub(super) attached: BTreeSet<ComponentId>,
    title: Option<Body>,
    pub(super) message: Option<Message>,
}

impl Move {
    pub(super) fn of(incident: &Incident) -> Self {
        Self {
            status: incident.status,
            impact: incident.impact,
            root: incident.root.clone(),
            merged_into: incident.merged_into.clone(),
            concerned: Vec::new(),
            attached: BTreeSet::new(),
            title: None,
            message: None,
        }
    }

    fn changes(&self, incident: &Incident) -> bool {
        self.status != incident.status
            || self.impact != incident.impact
            || self.root != incident.root
            || self.merged_into != incident.merged_into
            || !self.concerned.is_empty()
            || !self.attached.is_empty()
            || self.message.is_some()
    }
}

impl State {
    /// Brings incidents in line with what is failing now. Looks only at what this step touched:
    /// with thousands of open incidents the others cost nothing.
    pub(super) fn decide_incidents(&mut self, step: &mut Step, at: Timestamp) {
        let relevant = self.relevant();
        let failing: BTreeMap<u32, u32> = relevant
            .iter()
            .filter(|component| self.failing.contains_key(component))
            .map(|&component| (component, self.root_of(component)))
            .collect();
        // Each open incident goes on at one root, or at none. Oldest first, so that of several
        // at one root the oldest stays.
        let mut stands: BTreeSet<u32> = relevant.iter().chain(failing.values()).copied().collect();
        let mut open = self.open_incidents(&stands);
        // Where one of them moves to, another may stand already.
        loop {
            let roots: Vec<u32> = open.iter().filter_map(|incident| self.root_for(incident, &failing)).collect();
            if roots.iter().all(|root| !stands.insert(*root)) {
                break;
            }
            stands.extend(roots);
            open = self.open_incidents(&stands);
        }
        open.sort_by(|a, b| (a.opened_at, &a.id).cmp(&(b.opened_at, &b.id)));
        let mut at_root: BTreeMap<u32, IncidentId> = BTreeMap::new();
        let before = self.record.position;
        for incident in &open {
            match self.root_for(incident, &failing) {
                Some(root) => match at_root.get(&root).cloned() {
                    Some(older) => self.merge(step, incident, root, &older, at),
                    None => {
                        at_root.insert(root, incident.id.clone());
                        self.go_on(step, incident, root, &failing, at);
                    }
                },
                None => self.without_root(step, incident, at),
            }
        }
        // Whoever depends on something that is about to be confirmed as failed, or has not been
        // heard of since, waits for that: readers are told of one incident and not of two that
        // become one.
        let new: BTreeSet<u32> = failing.values().copied().filter(|root| !at_root.contains_key(root)).collect();
        self.deferred.retain(|root, _| new.contains(root) || !relevant.contains(root));
        let due: Vec<u32> = new.into_iter().filter(|&root| !self.defers(root, at)).collect();
        if self.record.position > before {
            // What moved may have come to stand over these: they are looked at once more.
            self.touched.extend(due);
            return;
        }
        self.open_all(step, &due, &failing, at);
    }

    /// The components that this step may have brought under another incident: what was touched,
    /// what reads differently and its causes, and whatever cannot work without any of them.
    fn relevant(&mut self) -> BTreeSet<u32> {
        if std::mem::take(&mut self.all_touched) {
            self.touched.clear();
            return (0u32..).take(self.record.components.len()).collect();
        }
        let mut relevant = std::mem::take(&mut self.touched);
        let mut below: Vec<u32> = relevant.iter().copied().collect();
        while let Some(next) = below.pop() {
            let children = self.catalogue.node(next).map(|node| node.children.as_slice()).unwrap_or_default();
            for &child in children {
                let hard = self.catalogue.component(child).is_some_and(|component| {
                    component.depends_on.iter().any(|edge| edge.component == next && edge.red_means.is_none())
                });
                if hard && relevant.insert(child) {
                    below.push(child);
                }
            }
        }
        for &changed in &self.changed {
            relevant.insert(changed);
            let causes = self.record.components.get(changed as usize).map(|record| record.affected_by.as_slice());
            let causes = causes.unwrap_or_default().iter().filter_map(|id| self.catalogue.component_index(id.as_str()));
            relevant.extend(causes);
        }
        relevant
    }

    /// The open incidents that concern any of these components; all of them if a catalogue was
    /// just adopted, because their components may be gone.
    fn open_incidents(&self, components: &BTreeSet<u32>) -> Vec<Arc<Incident>> {
        let mut ids: BTreeSet<&IncidentId> =
            components.iter().filter_map(|component| self.public.incidents_of.get(component)).flatten().collect();
        if self.orphans_due {
            ids.extend(
                self.record.incidents.values().filter(|incident| incident.is_open()).map(|incident| &incident.id),
            );
        }
        ids.into_iter().filter_map(|id| self.record.incidents.get(id)).filter(|i| i.is_open()).cloned().collect()
    }

    /// The component at which the incident of a failing component stands: the highest failing,
    /// red one that it depends on by a hard path (ties by id), or that an editor named as root
    /// and gave a red state; what is continued in another incident stands at its root.
    fn root_of(&self, component: u32) -> u32 {
        if self.set_roots.contains_key(&component) {
            return component;
        }
        if let Some(&elsewhere) = self.attached.get(&component) {
            return elsewhere;
        }
        let is_red = |above: &u32| {
            let named = self.set_roots.contains_key(above).then(|| self.given.get(above)).flatten();
            self.failing.get(above).or(named).is_some_and(|status| status.is_red())
        };
        let root = self
            .hard_ancestors(component)
            .filter(is_red)
            .min_by_key(|&above| (self.catalogue.node(above).map(|node| node.rank), above))
            .unwrap_or(component);
        let elsewhere = self.attached.get(&root).filter(|_| !self.set_roots.contains_key(&root));
        elsewhere.copied().unwrap_or(root)
    }

    /// Everything that a component cannot work without.
    pub(super) fn hard_ancestors(&self, component: u32) -> impl Iterator<Item = u32> {
        let mut seen = BTreeSet::from([component]);
        let mut above = vec![component];
        std::iter::from_fn(move || {
            let next = above.pop()?;
            let edges = self.catalogue.component(next).map(|c| c.depends_on.as_slice()).unwrap_or_default();
            for edge in edges.iter().filter(|edge| edge.red_means.is_none()) {
                if seen.insert(edge.component) {
                    above.push(edge.component);
                }
            }
            Some(next)
        })
        .filter(move |&above| above != component)
    }

    /// Whether a new root waits for word of what it depends on: while that is suspect, and for at
    /// most one timeout while it was not heard of since the root began to fail.
    fn defers(&mut self, root: u32, at: Timestamp) -> bool {
        let Some(since) = self.own(root).map(|own| own.since) else { return false };
        let ancestors: Vec<u32> = self.hard_ancestors(root).collect();
        if ancestors.iter().any(|&above| self.is_suspect(above)) {
            return true;
        }
        let catalogue = Arc::clone(&self.catalogue);
        let silent = ancestors
            .iter()
            .filter_map(|&above| catalogue.node(above))
            .flat_map(|node| node.checks.clone())
            .filter(|&check| {
                self.record.checks.get(check as usize).is_some_and(|record| {
                    record.verdict == Verdict::Up && record.good.is_some_and(|(started_at, _)| started_at < since)
                })
            })
            .filter_map(|check| catalogue.checks.get(check as usize).map(|check| check.timeout))
            .max();
        let Some(timeout) = silent else { return false };
        // From when its own failure was recorded, so that a restart does not begin to wait anew.
        let own = catalogue.node(root).map(|node| node.checks.clone()).unwrap_or_default();
        let failed_at = own
            .filter_map(|check| self.record.checks.get(check as usize))
            .filter(|record| record.verdict != Verdict::Up)
            .map(|record| record.turned_at)
            .max();
        let until = failed_at.unwrap_or(at).plus(timeout);
        if at < until && self.deferred.insert(root, until) != Some(until) {
            self.timers.set(until, Timer::Deferred(root));
        }
        at < until
    }

    /// Whether a component's last results were failures that are not confirmed yet.
    fn is_suspect(&self, component: u32) -> bool {
        let checks = self.catalogue.node(component).map(|node| node.checks.clone()).unwrap_or_default();
        checks.into_iter().any(|check| {
            self.record
                .checks
                .get(check as usize)
                .and_then(|record| record.streak.results.last())
                .is_some_and(|last| last.verdict == Verdict::Down)
        })
    }

    /// Where an incident goes on: at the root of its own root while that fails, else at the root
    /// of the highest component it concerns that still fails.
    fn root_for(&self, incident: &Incident, failing: &BTreeMap<u32, u32>) -> Option<u32> {
        let root = self.catalogue.component_index(incident.root.as_str());
        if incident.root_set {
            // An editor's root stands, while anything under it fails.
            let fails = |concerned: &Concerned| {
                let component = self.catalogue.component_index(concerned.component.as_str());
                component.is_some_and(|component| self.failing.contains_key(&component))
            };
            return root.filter(|root| failing.values().any(|of| of == root) || incident.concerned.iter().any(fails));
        }
        if let Some(root) = root.filter(|root| self.failing.contains_key(root)) {
            return Some(self.root_of(root));
        }
        incident
            .concerned
            .iter()
            .filter_map(|concerned| self.catalogue.component_index(concerned.component.as_str()))
            .filter(|component| self.failing.contains_key(component))
            .min_by_key(|&component| (self.catalogue.node(component).map(|node| node.rank), component))
            .map(|component| self.root_of(component))
    }

    /// What opens at a root that fails and has no incident yet.
    pub(super) fn new_incident(&self, root: u32, failing: &BTreeMap<u32, u32>, at: Timestamp) -> Option<Incident> {
        let (component, own) = (self.catalogue.component(root)?, self.own(root)?);
        let status = *self.failing.get(&root)?;
        // Not before the status that the public reads: what failed under maintenance is no part.
        let published = self.record.components.get(root as usize).filter(|record| record.evidence == Evidence::Own);
        let started_at = published.map_or(own.since, |record| record.since.max(own.since));
        let born = component.available_from.as_ref().map(|from| from.at);
        let started_at = born.map_or(started_at, |born| started_at.max(born));
        let message = |code| Message {
            code,
            wording: WORDING,
            component: component.shown_name(),
            status: Some(status),
            reason: own.reason.filter(|_| code == MessageCode::Opened),
        };
        Some(Incident {
            concerned: self.concerned_by(root, failing, None),
            impact: Impact::of(status),
            updates: vec![Update::plain(
                1,
                at,
                IncidentStatus::Investigating,
                Body::Automatic(message(MessageCode::Opened)),
            )],
            ..Incident::new(
                self.incident_id(component.id.as_str(), started_at),
                component.id.clone(),
                Body::Automatic(Message { status: None, ..message(MessageCode::Title) }),
                started_at,
                at,
            )
        })
    }

    /// A hash of store epoch, root, start and position: no chance, no counter, the same on every
    /// reader of the log.
    pub(super) fn incident_id(&self, root: &str, started_at: Timestamp) -> IncidentId {
        const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
        let mut hasher = sha2::Sha256::new();
        hasher.update(self.record.epoch.to_be_bytes());
        hasher.update(root.as_bytes());
        hasher.update(started_at.as_millis().to_be_bytes());
        hasher.update(self.record.position.to_be_bytes());
        let digest = hasher.finalize();
        let letters = digest.iter().take(12).filter_map(|byte| LETTERS.get(usize::from(byte & 31)));
        // The prefix keeps it apart from every language and organisation.
        IncidentId::new(letters.fold(String::from("i"), |mut id, &letter| {
            id.push(char::from(letter));
            id
        }))
    }

    /// An incident whose root, or something under an editor's root, (still) fails.
    fn go_on(
        &mut self,
        step: &mut Step,
        incident: &Arc<Incident>,
        root: u32,
        failing: &BTreeMap<u32, u32>,
        at: Timestamp,
    ) {
        let catalogue = Arc::clone(&self.catalogue);
        let Some(component) = catalogue.component(root) else { return };
        let status = self.failing.get(&root).copied();
        let mut moved = Move::of(incident);
        let impact = status.map_or(incident.impact, |status| Impact::of(status).max(incident.impact));
        let message = |code, component: &Component| {
            let component = component.shown_name();
            Some(Message { code, wording: WORDING, component, status, reason: None })
        };
        if incident.root != component.id {
            moved.root = component.id.clone();
            moved.message = message(MessageCode::RootMoved, component).filter(|_| tells_again(incident, at));
            if matches!(incident.title, Body::Automatic(_)) {
                moved.title = Some(Body::Automatic(plain_message(MessageCode::Title, component.shown_name())));
            }
        } else if impact > incident.impact && !incident.touched {
            moved.message = message(MessageCode::Changed, component);
        }
        // How bad it is stays an editor's word once one has spoken.
        moved.impact = if incident.touched { incident.impact } else { impact };
        let relapsed = self.relapsed(incident, root, failing);
        if incident.status == IncidentStatus::Monitoring
            && let Some(failed) = relapsed.and_then(|failed| catalogue.component(failed))
        {
            moved.status = IncidentStatus::Investigating;
            if moved.message.is_none() && tells_again(incident, at) {
                moved.message = message(MessageCode::Relapsed, failed).map(|message| Message {
                    status: relapsed.and_then(|failed| self.failing.get(&failed)).copied().or(status),
                    ..message
                });
            }
        } else if moved.message.is_none() && !incident.touched && status.is_some() && reads_recovered(incident) {
            // It was withheld that it failed again; by now it may be told.
            if tells_again(incident, at) {
                moved.message = message(MessageCode::Relapsed, component);
            } else if let Some(told) = told_at(incident) {
                self.timers.set(told.plus(FLAPPING_TOLD_EVERY), Timer::Deferred(root));
            }
        }
        moved.concerned = self.concerned_by(root, failing, Some(incident));
        self.moved(step, incident, moved, at);
    }

    /// What fails again in an incident that is being watched. Where an editor has said that it is
    /// only watched, what failed on all the while is no news.
    fn relapsed(&self, incident: &Incident, root: u32, failing: &BTreeMap<u32, u32>) -> Option<u32> {
        let since = incident.monitoring_since?;
        if !incident.touched {
            return Some(root);
        }
        let members = failing.iter().filter(|(_, of)| **of == root).map(|(member, _)| *member);
        members.filter(|&member| self.own(member).is_some_and(|own| own.since >= since)).min()
    }

    /// An incident of which nothing fails any more: it is being watched, unless all that is known
    /// is that nothing is known.
    fn without_root(&mut self, step: &mut Step, incident: &Arc<Incident>, at: Timestamp) {
        let Some(root) = self.catalogue.component_index(incident.root.as_str()) else {
            let name = incident.concerns(&incident.root).map(|c| c.name.clone()).unwrap_or_default();
            let mut moved = Move::of(incident);
            moved.status = IncidentStatus::Resolved;
            moved.message = Some(plain_message(MessageCode::Removed, name));
            return self.moved(step, incident, moved, at);
        };
        if incident.monitoring_since.is_some_and(|since| since.plus(self.catalogue.watch.quiet) <= at) {
            return self.quiet_may_be_over(step, &incident.id, at);
        }
        let mut moved = Move::of(incident);
        if incident.root_set {
            moved.concerned = self.concerned_by(root, &BTreeMap::new(), Some(incident));
        }
        if let Some(recovered) = self.recovered(incident, root) {
            let name = self.catalogue.component(recovered).map(|component| component.shown_name()).unwrap_or_default();
            moved.status = IncidentStatus::Monitoring;
            moved.message = tells_again(incident, at).then(|| plain_message(MessageCode::Recovered, name));
        }
        self.moved(step, incident, moved, at);
    }

    /// What recovered in an incident of which nothing fails any more, if that is news: not if
    /// all that is known is that nothing is known, and not if an editor has spoken since, or our
    /// checks never saw it fail: then the editor's word stands.
    fn recovered(&self, incident: &Incident, root: u32) -> Option<u32> {
        if incident.status == IncidentStatus::Monitoring || self.is_clueless(incident) {
            return None;
        }
        let last = self.recovered_last(incident, root);
        if incident.touched {
            return last.filter(|(_, at)| incident.touched_at.is_none_or(|touched| *at > touched)).map(|(id, _)| id);
        }
        Some(last.map_or(root, |(component, _)| component))
    }

    /// Whether nothing is known at the moment of what an incident is about.
    fn is_clueless(&self, incident: &Incident) -> bool {
        let knows_nothing = |id: &ComponentId| {
            self.catalogue.component_index(id.as_str()).is_some_and(|component| self.clueless.contains(&component))
        };
        knows_nothing(&incident.root)
            || incident
                .concerned
                .iter()
                .any(|concerned| concerned.worst > Status::UnderMaintenance && knows_nothing(&concerned.component))
    }

    /// What of an incident its own checks found well again, and since when: the root, or what
    /// recovered last. What is down all the same, because of something else, has not recovered.
    fn recovered_last(&self, incident: &Incident, root: u32) -> Option<(u32, Timestamp)> {
        let recovery = |component: u32| {
            let own = self.own(component).filter(|own| own.status == Status::Operational)?;
            let record = self.record.components.get(component as usize)?;
            (!record.status.is_red()).then_some((component, own.since))
        };
        let concerned = incident.concerned.iter();
        let all = concerned.filter_map(|concerned| self.catalogue.component_index(concerned.component.as_str()));
        let last = all.filter_map(recovery).max_by_key(|(component, since)| (*since, std::cmp::Reverse(*component)));
        if incident.touched { last } else { recovery(root).or(last) }
    }

    /// Resolves an incident that was quiet for long enough, if no editor ever touched it.
    pub(super) fn quiet_may_be_over(&mut self, step: &mut Step, id: &IncidentId, at: Timestamp) {
        let Some(incident) = self.record.incidents.get(id).cloned() else { return };
        let Some(since) = incident.monitoring_since else { return };
        let quiet = self.catalogue.watch.quiet;
        if incident.touched || since.plus(quiet) > at {
            return;
        }
        // That nothing is known is no quiet; it is looked at again when something is.
        if self.is_clueless(&incident) {
            return;
        }
        let name = incident.concerns(&incident.root).map(|c| c.name.clone()).unwrap_or_default();
        let mut moved = Move::of(&incident);
        moved.status = IncidentStatus::Resolved;
        moved.message = Some(plain_message(MessageCode::Resolved, name));
        self.moved(step, &incident, moved, at);
    }

    pub(super) fn moved(&mut self, step: &mut Step, incident: &Arc<Incident>, moved: Move, at: Timestamp) {
        if !moved.changes(incident) {
            return;
        }
        let number = incident.next_number();
        let Move { status, impact, root, merged_into, concerned, title, message, attached } = moved;
        let update = message.map(|message| Box::new(Update::plain(number, at, status, Body::Automatic(message))));
        let id = incident.id.clone();
        let moved = Event::IncidentMoved { id, status, impact, root, title, merged_into, concerned, attached, update };
        self.emit(step, at, moved);
    }

    /// What an incident at `root` concerns that it does not know of yet, or is worse than it knew:
    /// the root, whatever fails because of it or reads that it does, and wholes of such parts.
    pub(super) fn concerned_by(
        &self,
        root: u32,
        failing: &BTreeMap<u32, u32>,
        known: Option<&Incident>,
    ) -> Vec<Concerned> {
        let moved = known.is_some_and(|incident| self.catalogue.component_index(incident.root.as_str()) != Some(root));
        let mut found = BTreeSet::new();
        if known.is_none() || moved {
            // Everything below the root that reads it as its cause.
            let mut below = vec![root];
            let mut seen = BTreeSet::from([root]);
            while let Some(next) = below.pop() {
                found.insert(next);
                let whole = self.catalogue.component(next).and_then(|component| component.part_of);
                let children = self.catalogue.node(next).map(|node| node.children.as_slice()).unwrap_or_default();
                for &candidate in children.iter().chain(&whole) {
                    let because = whole == Some(candidate) || self.is_because_of(candidate, root);
                    if because && self.reads_wrong(candidate) && seen.insert(candidate) {
                        below.push(candidate);
                    }
                }
            }
        } else {
            for &component in self.changed.iter().filter(|&&component| self.reads_wrong(component)) {
                if component == root || self.is_because_of(component, root) {
                    found.insert(component);
                    found.extend(self.catalogue.component(component).and_then(|c| c.part_of));
                }
            }
        }
        found.extend(failing.iter().filter(|(_, of)| **of == root).map(|(member, _)| *member));
        // What an editor took out goes on elsewhere.
        let elsewhere = |component: &u32| *component != root && self.set_roots.contains_key(component);
        found
            .into_iter()
            .filter(|component| !elsewhere(component) && (*component == root || self.is_live(*component)))
            .filter_map(|index| {
                let component = self.catalogue.component(index)?;
                let status = self.record.components.get(index as usize)?.status;
                let before = known.and_then(|incident| incident.concerns(&component.id)).map(|c| c.worst);
                (before.is_none_or(|before| status > before)).then(|| Concerned {
                    component: component.id.clone(),
                    name: component.shown_name(),
                    public: component.public,
                    worst: status,
                })
            })
            .map(|concerned| (concerned.component.clone(), concerned))
            .collect::<BTreeMap<_, _>>()
            .into_values()
            .collect()
    }

    /// Whether a component's published cause path ends at, or leads over, `root`.
    fn is_because_of(&self, component: u32, root: u32) -> bool {
        let (Some(record), Some(root)) =
            (self.record.components.get(component as usize), self.catalogue.component(root))
        else {
            return false;
        };
        record.affected_by.contains(&root.id)
    }

    /// Whether a component reads as degraded or worse.
    fn reads_wrong(&self, component: u32) -> bool {
        self.record.components.get(component as usize).is_some_and(|r| r.status > Status::UnderMaintenance)
    }
}

pub(super) fn plain_message(code: MessageCode, component: Text) -> Message {
    Message { code, wording: WORDING, component, status: None, reason: None }
}

/// Whether readers are told that an incident came back, went away or moved: at most once an hour.
fn tells_again(incident: &Incident, at: Timestamp) -> bool {
    told_at(incident).is_none_or(|told| at.since(told) >= FLAPPING_TOLD_EVERY)
}

/// When readers were last told so.
fn told_at(incident: &Incident) -> Option<Timestamp> {
    told(incident).map(|(at, _)| at)
}

/// Whether the last that readers were told is that all is well again.
fn reads_recovered(incident: &Incident) -> bool {
    told(incident).is_some_and(|(_, code)| code == MessageCode::Recovered)
}

fn told(incident: &Incident) -> Option<(Timestamp, MessageCode)> {
    incident.updates.iter().rev().find_map(|update| match &update.body {
        Body::Automatic(Message {
            code: code @ (MessageCode::Recovered | MessageCode::Relapsed | MessageCode::RootMoved),
            ..
        }) => Some((update.at, *code)),
        Body::Automatic(_) | Body::Written(_) => None,
    })
}
