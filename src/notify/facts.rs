//! What stands at the moment, and is durable: all that messages are made of.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::model::catalogue::{Catalogue, Component};
use crate::model::event::MaintenancePhase;
use crate::model::id::{CheckId, CheckKey, ComponentId, IncidentId, MaintenanceId};
use crate::model::incident::{Impact, Incident, Update};
use crate::model::notice::{LocalNotice, MaintenanceNotice};
use crate::model::notification::{Merged, What};
use crate::model::notify::Topic;
use crate::model::text::Text;
use crate::model::time::Timestamp;
use crate::model::verdict::Path;

/// A certificate is urgent when it ends within so long.
const URGENT: Duration = Duration::from_secs(3 * 86_400);

/// Longest chain of incidents that go on in one another.
const MERGED_MAX: usize = 20;

/// Most organisations that a message names.
const NAMED_MAX: usize = 12;

/// What stands.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The last position of the log that is in it.
    pub position: u64,
    /// When it was taken.
    pub at: Timestamp,
    /// The catalogue in force.
    pub catalogue: Arc<Catalogue>,
    /// Open incidents, and those closed lately.
    pub incidents: BTreeMap<IncidentId, Arc<Incident>>,
    /// Maintenances.
    pub maintenance: BTreeMap<MaintenanceId, Arc<MaintenanceNotice>>,
    /// What came to differ in some towns, and what ended there, lately.
    pub changes: Vec<Arc<LocalNotice>>,
    /// Paths of our own that are cut.
    pub blind: BTreeSet<Path>,
    /// Certificates that were seen lately by checks that warn of their end.
    pub certificates: Arc<Vec<CertificateSeen>>,
}

/// Subjects that somebody was told of and that are not over, with how many were.
pub type Known = BTreeMap<String, usize>;

/// A certificate as a check saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateSeen {
    /// The check.
    pub check: CheckKey,
    /// When the first certificate of its chain ends.
    pub not_after: Timestamp,
    /// It warns when there is less time left than this.
    pub warn_before: Duration,
}

/// Something that is so, or was: the same for everybody who may know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// What it is, for good.
    pub subject: String,
    /// What kind of thing.
    pub topic: Topic,
    /// How bad.
    pub severity: Impact,
    /// When it began.
    pub began_at: Timestamp,
    /// When it was recorded, if it may have been before anybody was to be told.
    pub recorded_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Whether it is continued elsewhere, so that its end is no news.
    pub is_merged: bool,
    /// Whom it concerns, by index; nobody: the instance itself.
    pub organisations: BTreeSet<u32>,
    /// Whether the public may know of it.
    pub public: bool,
    /// The rest for the public, and for those who may read of internal components.
    pub what: [What; 2],
}

impl Condition {
    /// The rest, for those who may read of internal components or for all.
    pub fn told(&self, internal: bool) -> &What {
        let [public, inside] = &self.what;
        if internal { inside } else { public }
    }
}

impl Facts {
    /// What began, changed or ended after a position, and whatever the time alone brings about. `known`
    /// says which subjects were told and are not over, so that their end is found.
    pub fn conditions(&self, after: u64, known: &Known, now: Timestamp) -> Vec<Condition> {
        let mut conditions = Vec::new();
        for incident in self.incidents.values() {
            if incident.revision > after {
                conditions.push(self.incident(incident));
            }
            conditions.extend(self.silence(incident, known, now));
        }
        for notice in self.maintenance.values() {
            conditions.extend(self.overrun(notice, known));
        }
        for seen in &*self.certificates {
            self.certificate(seen, known, now, &mut conditions);
        }
        for path in Path::ALL {
            let subject = format!("blind:{path}");
            let is_blind = self.blind.contains(path);
            if is_blind || known.contains_key(&subject) {
                let what = What::Blind(*path);
                conditions.push(Condition {
                    subject,
                    topic: Topic::Blind,
                    severity: Impact::Major,
                    began_at: now,
                    recorded_at: now,
                    ended_at: (!is_blind).then_some(now),
                    is_merged: false,
                    organisations: BTreeSet::new(),
                    public: true,
                    what: [what.clone(), what],
                });
            }
        }
        conditions.extend(known.keys().filter_map(|subject| self.gone(subject, now)));
        conditions
    }

    /// Something that somebody was told of and that is in no list any more ends now: nothing else would end it.
    fn gone(&self, subject: &str, now: Timestamp) -> Option<Condition> {
        let (kind, rest) = subject.split_once(':')?;
        let (topic, name) = match kind {
            "incident" => (Topic::Incident, (!self.incidents.contains_key(rest)).then_some(rest)),
            "silence" => (Topic::Overdue, (!self.incidents.contains_key(rest)).then_some(rest)),
            "overrun" => (Topic::Overdue, (!self.maintenance.contains_key(rest)).then_some(rest)),
            "certificate" => {
                let check = rest.rsplitn(3, ':').last()?;
                (Topic::Certificate, (!self.warns(check)).then_some(check))
            }
            _ => return None,
        };
        let what = What::Gone(name?.to_owned());
        Some(Condition {
            subject: subject.to_owned(),
            topic,
            severity: Impact::None,
            began_at: now,
            recorded_at: now,
            ended_at: Some(now),
            is_merged: false,
            organisations: BTreeSet::new(),
            public: true,
            what: [what.clone(), what],
        })
    }

    /// Whether there is such a check, and it warns of the end of a certificate.
    fn warns(&self, check: &str) -> bool {
        let Some((component, check)) = check.split_once('/') else { return false };
        let key = CheckKey { component: ComponentId::new(component), check: CheckId::new(check) };
        let check = self.catalogue.check_index(&key).and_then(|index| self.catalogue.checks.get(index as usize));
        check.is_some_and(|check| check.warn.certificate_valid_for.is_some())
    }

    /// Those whose pages show what an incident concerns, or who own it.
    fn concerned(&self, components: impl Iterator<Item = ComponentId>, internal: bool) -> BTreeSet<u32> {
        let mut organisations = BTreeSet::new();
        for id in components {
            let Some(index) = self.catalogue.component_index(id.as_str()) else { continue };
            let (Some(component), Some(node)) = (self.catalogue.component(index), self.catalogue.node(index)) else {
                continue;
            };
            if internal || component.public {
                organisations.insert(component.owner);
                organisations.extend(node.shown_on.iter().copied());
            }
        }
        organisations
    }

    fn component(&self, id: &ComponentId) -> Option<&Component> {
        self.catalogue.component(self.catalogue.component_index(id.as_str())?)
    }

    fn is_public(&self, id: &ComponentId) -> bool {
        self.component(id).is_some_and(|component| component.public)
    }

    /// What a component is called.
    fn name(&self, id: &ComponentId, recorded: Option<&Text>, internal: bool) -> Text {
        let named = self.component(id).map(|c| if internal { c.name.clone() } else { c.shown_name() });
        named.or_else(|| recorded.cloned()).unwrap_or_default()
    }

    /// One whose components are gone reads as it was recorded.
    fn is_read_by_all(&self, incident: &Incident) -> bool {
        incident.concerned.iter().any(|c| match self.component(&c.component) {
            Some(component) => component.public,
            None => c.public,
        })
    }

    /// Where an incident goes on, at the end of the chain.
    fn merged_into(&self, incident: &Incident, internal: bool) -> Option<Merged> {
        let mut id = incident.merged_into.as_ref()?;
        for _ in 1..MERGED_MAX {
            let Some(next) = self.incidents.get(id).and_then(|incident| incident.merged_into.as_ref()) else { break };
            id = next;
        }
        let into = self.incidents.get(id).filter(|into| internal || self.is_read_by_all(into));
        Some(Merged { id: id.clone(), title: into.map(|into| into.title.clone()) })
    }

    fn incident(&self, incident: &Incident) -> Condition {
        let public = self.is_read_by_all(incident);
        let ids = || incident.concerned.iter().map(|c| c.component.clone());
        let last = incident.updates.iter().rev().find(|update| update.retracted_at.is_none());
        let what = |internal: bool| {
            let organisations = self.concerned(ids(), internal);
            let organisation = |index: &u32| self.catalogue.organisations.get(*index as usize).map(|o| o.name.clone());
            let recorded = incident.concerns(&incident.root).map(|c| &c.name);
            let shows_owner = internal || self.is_public(&incident.root);
            let owner = self.component(&incident.root).filter(|_| shows_owner).and_then(|c| organisation(&c.owner));
            What::Incident {
                id: incident.id.clone(),
                title: incident.title.clone(),
                root: self.name(&incident.root, recorded, internal),
                owner,
                organisations: organisations.iter().take(NAMED_MAX).filter_map(organisation).collect(),
                more_organisations: organisations.len().saturating_sub(NAMED_MAX),
                public,
                merged_into: self.merged_into(incident, internal),
                removed: last.is_some_and(Update::is_removal) && !incident.is_open(),
            }
        };
        Condition {
            subject: format!("incident:{}", incident.id),
            topic: Topic::Incident,
            severity: incident.impact,
            began_at: incident.started_at,
            recorded_at: incident.opened_at,
            ended_at: (!incident.is_open()).then(|| incident.resolved_at.unwrap_or(self.at)),
            is_merged: incident.merged_into.is_some(),
            organisations: self.concerned(ids(), true),
            public,
            what: [what(false), what(true)],
        }
    }

    /// Word that was promised and did not come, or came after all.
    fn silence(&self, incident: &Incident, known: &Known, now: Timestamp) -> Option<Condition> {
        let subject = format!("silence:{}", incident.id);
        let is_overdue = incident.is_overdue(now);
        if !is_overdue && !known.contains_key(&subject) {
            return None;
        }
        let of = self.incident(incident);
        let by = incident.next_update_by.unwrap_or(now);
        let what = What::Silence { id: incident.id.clone(), title: incident.title.clone(), by, public: of.public };
        Some(Condition {
            subject,
            topic: Topic::Overdue,
            severity: Impact::Minor,
            began_at: by.min(now),
            recorded_at: now,
            ended_at: (!is_overdue).then_some(now),
            is_merged: false,
            what: [what.clone(), what],
            ..of
        })
    }

    fn overrun(&self, notice: &MaintenanceNotice, known: &Known) -> Option<Condition> {
        let subject = format!("overrun:{}", notice.id);
        let overruns = notice.phase == MaintenancePhase::Overrunning;
        if !overruns && !known.contains_key(&subject) {
            return None;
        }
        let ids = || notice.components.iter().map(|covered| covered.component.clone());
        let until = notice.until.at;
        let what = What::Overrun { id: notice.id.to_string(), title: notice.title.clone(), until };
        Some(Condition {
            subject,
            topic: Topic::Overdue,
            severity: Impact::Minor,
            began_at: until,
            recorded_at: self.at,
            ended_at: (!overruns).then(|| notice.ended_at.unwrap_or(self.at)),
            is_merged: false,
            organisations: self.concerned(ids(), true),
            public: ids().any(|id| self.is_public(&id)),
            what: [what.clone(), what],
        })
    }

    /// Once when there is less time left than the check allows, and once when it is urgent. A certificate
    /// that lasts ends both.
    fn certificate(&self, seen: &CertificateSeen, known: &Known, now: Timestamp, conditions: &mut Vec<Condition>) {
        let Some(component) = self.component(&seen.check.component) else { return };
        let urgent = URGENT.min(seen.warn_before / 2);
        let is_urgent = seen.not_after.minus(urgent) <= now;
        for (stage, before, severity) in [("soon", seen.warn_before, Impact::Minor), ("urgent", urgent, Impact::Major)]
        {
            let subject =
                |not_after: Timestamp| format!("certificate:{}:{stage}:{}", seen.check, not_after.as_millis());
            let current = subject(seen.not_after);
            let ends = seen.not_after.minus(before) <= now;
            let prefix = format!("certificate:{}:{stage}:", seen.check);
            // What was told of this check is over when it sees a certificate that lasts.
            let told = known.range(prefix.clone()..).map(|(subject, _)| subject);
            let told = told.take_while(|subject| !ends && subject.starts_with(&prefix));
            let over: Vec<String> = told.cloned().collect();
            let condition = |subject: String, ended_at: Option<Timestamp>| {
                let what = |internal: bool| What::Certificate {
                    component: if internal { component.name.clone() } else { component.shown_name() },
                    check: internal.then(|| seen.check.to_string()),
                    not_after: seen.not_after,
                };
                Condition {
                    subject,
                    topic: Topic::Certificate,
                    severity,
                    began_at: seen.not_after.minus(before),
                    recorded_at: now,
                    ended_at,
                    is_merged: false,
                    organisations: BTreeSet::from([component.owner]),
                    public: component.public,
                    what: [what(false), what(true)],
                }
            };
            conditions.extend(over.into_iter().map(|subject| condition(subject, Some(now))));
            // Who hears first of it when it is urgent hears it once.
            if ends && (!is_urgent || stage == "urgent" || known.contains_key(&current)) {
                conditions.push(condition(current, None));
            }
        }
    }
}
