//! A county with a provider, a portal and two towns; incidents to happen there; a memory beside the planner.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::tz::TimeZone;
use turmwacht::config::{Extra, from_texts_with};
use turmwacht::model::catalogue::Catalogue;
use turmwacht::model::id::{ComponentId, IncidentId};
use turmwacht::model::incident::{Body, Concerned, Impact, Incident, IncidentStatus};
use turmwacht::model::notification::{Digest, Edit, Memo, Memory};
use turmwacht::model::notify::{Address, QuietHours, Recipient, Rule, Topic};
use turmwacht::model::status::Status;
use turmwacht::model::text::Text;
use turmwacht::model::time::Timestamp;
use turmwacht::notify::edits::declared_contacts;
use turmwacht::notify::facts::Facts;
use turmwacht::notify::plan::Planner;

const PROBES: &str = r#"
[[organisation]]
id = "kreis"
kind = "county"
name = "Ennepe-Ruhr-Kreis"
ars = "059540000000"

[[organisation]]
id = "hattingen"
kind = "municipality"
name = "Stadt Hattingen"
ars = "059540016016"

[[organisation]]
id = "witten"
kind = "municipality"
name = "Stadt Witten"
ars = "059540036036"

[[component]]
id = "rechenzentrum"
name = "Rechenzentrum Keller 2"
kind = "provider"
owner = "kreis"
public = false

[[component]]
id = "portal"
name = "Serviceportal"
kind = "portal"
owner = "kreis"
serves = ["05954"]
url = "https://portal.example.org/"
[[component.check]]
id = "http"
probe.http = { url = "https://portal.example.org/" }
warn.certificate_valid_for = "14d"

[[component]]
id = "standesamt"
name = "Standesamt"
kind = "service"
owner = "hattingen"
[[component.alternative]]
kind = "phone"
target = "tel:+4923242043030"
label = "Standesamt"
"#;

pub(crate) fn catalogue() -> Arc<Catalogue> {
    let extra = Extra { loopback: true, ..Extra::default() };
    let config = "[server]\npublic_url = \"https://status.example.org\"\nfeed_authority = \"status.example.org\"\n";
    let probes = [("probes.toml".to_owned(), PROBES.to_owned())];
    let loaded = from_texts_with(("config.toml", config), &probes, std::path::Path::new("."), extra);
    Arc::new(loaded.unwrap_or_else(|report| panic!("{}", report.render(false))).catalogue)
}

/// Seconds after midday of 1 December 2023 in Berlin.
pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(1_701_428_400_000 + second * 1000)
}

pub(crate) fn everything() -> Rule {
    Rule { organisations: Vec::new(), severity: Impact::Minor, events: Topic::usual(), quiet: None, internal: false }
}

pub(crate) fn to(mailbox: &str, rule: Rule) -> Recipient {
    Recipient { to: Address::Mail(mailbox.to_owned()), rules: vec![rule] }
}

pub(crate) fn night() -> Option<QuietHours> {
    QuietHours::parse("22:00-06:00")
}

/// A planner, what it rests on, and a memory that is only what was recorded.
pub(crate) struct Ground {
    pub(crate) recipients: Vec<Recipient>,
    pub(crate) facts: Facts,
    pub(crate) memory: Memory,
    pub(crate) planner: Planner,
    pub(crate) edits: Vec<Edit>,
}

impl Ground {
    pub(crate) fn new(recipients: Vec<Recipient>) -> Self {
        let memory = Memory { since: at(0), ..Memory::default() };
        let facts = Facts { position: 1, at: at(0), catalogue: catalogue(), ..Facts::default() };
        Self { planner: Planner::new(&recipients, memory.clone()), recipients, facts, memory, edits: Vec::new() }
    }

    pub(crate) fn open(&mut self, id: &str, root: &str, impact: Impact, second: i64) {
        let title = Body::Written(Text::single("de", &format!("Störung {id}")));
        let mut incident = Incident::new(IncidentId::new(id), ComponentId::new(root), title, at(second), at(second));
        incident.impact = impact;
        let component = self.facts.catalogue.component(self.facts.catalogue.component_index(root).unwrap()).unwrap();
        incident.concerned.push(Concerned {
            component: ComponentId::new(root),
            name: component.shown_name(),
            public: component.public,
            worst: Status::MajorOutage,
        });
        self.put(incident);
    }

    /// As the log would: a new position, and the incident's revision with it.
    pub(crate) fn put(&mut self, mut incident: Incident) {
        self.facts.position += 1;
        incident.revision = self.facts.position;
        self.facts.incidents.insert(incident.id.clone(), Arc::new(incident));
    }

    pub(crate) fn change(&mut self, id: &str, change: impl FnOnce(&mut Incident)) {
        let mut incident = Incident::clone(&self.facts.incidents[id]);
        change(&mut incident);
        self.put(incident);
    }

    pub(crate) fn resolve(&mut self, id: &str, second: i64) {
        self.change(id, |incident| {
            incident.status = IncidentStatus::Resolved;
            incident.resolved_at = Some(at(second));
        });
    }

    /// One look at things. What comes of it is recorded, as the store would.
    pub(crate) fn look(&mut self, second: i64) -> Vec<Digest> {
        let now = at(second);
        let contacts: BTreeSet<String> = declared_contacts(&self.facts.catalogue);
        let edits = std::mem::take(&mut self.edits);
        let mut memos = self.planner.take(&self.facts, &edits, &contacts, now);
        let (digests, more) = self.planner.compose(&TimeZone::get("Europe/Berlin").unwrap(), now);
        memos.extend(more);
        for memo in memos {
            remember(&mut self.memory, memo);
        }
        for digest in &digests {
            self.memory.composed(&digest.recipient, digest.at);
        }
        assert_eq!(*self.planner.memory(), self.memory, "the store would know less, or more");
        digests
    }

    /// Looks every second from one to another, and everything is accepted at once.
    pub(crate) fn watch(&mut self, seconds: std::ops::Range<i64>) -> Vec<(i64, Digest)> {
        let mut told = Vec::new();
        for second in seconds {
            told.extend(self.look(second).into_iter().map(|digest| (second, digest)));
            self.accept();
        }
        told
    }

    pub(crate) fn accept(&mut self) {
        self.memory.waiting.clear();
        self.planner.delivered(Default::default());
    }

    /// As after a `kill -9`: only what was recorded is known.
    pub(crate) fn restart(&mut self) {
        self.planner = Planner::new(&self.recipients, self.memory.clone());
    }
}

/// What the store makes of a memo.
pub(crate) fn remember(memory: &mut Memory, memo: Memo) {
    match memo {
        Memo::Cursor(position) => memory.position = position,
        Memo::Told(recipient, subject, Some(told)) => drop(memory.told.insert((recipient, subject), told)),
        Memo::Told(recipient, subject, None) => drop(memory.told.remove(&(recipient, subject))),
        Memo::Held(recipient, subject, Some(item)) => drop(memory.held.insert((recipient, subject), *item)),
        Memo::Held(recipient, subject, None) => drop(memory.held.remove(&(recipient, subject))),
        Memo::Seen(contact) => drop(memory.seen.insert(contact)),
        Memo::Closed(recipient, Some(address)) => drop(memory.closed.insert(recipient, address)),
        Memo::Closed(recipient, None) => drop(memory.closed.remove(&recipient)),
    }
}

/// A digest in short: who, and each thing with whether it ended and was told before.
pub(crate) fn short(digest: &Digest) -> String {
    let items: Vec<String> = digest
        .items
        .iter()
        .map(|item| {
            let end = if item.ended_at.is_some() { "-" } else { "+" };
            let before = if item.told_before { "!" } else { "" };
            format!("{end}{}{before}", item.subject)
        })
        .collect();
    format!("{} {}", digest.recipient, items.join(" "))
}

pub(crate) fn shorts(told: &[(i64, Digest)]) -> Vec<String> {
    told.iter().map(|(second, digest)| format!("{second} {}", short(digest))).collect()
}
