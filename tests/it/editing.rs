//! Editors' commands, from the JSON of a request to what the state holds: what is carried out,
//! what is refused and how it says so.

mod incidents;
mod lives;
mod locals;
mod maintenance;
mod oversight;
mod properties;
mod reviewed;
mod scopes;
mod told;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use turmwacht::editing::{self, Request};
use turmwacht::engine::{Input, State};
use turmwacht::model::access::{Editor, Role};
use turmwacht::model::editing::{Refusal, Subject};
use turmwacht::model::event::Logged;
use turmwacht::model::id::{ComponentId, OrganisationId};
use turmwacht::model::incident::Incident;
use turmwacht::model::observation::{Judged, Travelled};
use turmwacht::model::snapshot::Snapshot;
use turmwacht::model::status::Status;
use turmwacht::model::time::Timestamp;
use turmwacht::model::verdict::{Reason, Verdict};
use turmwacht::replay::restored;
use turmwacht::scenario::Scenario;

/// A county with two towns: a provider nobody checks, a portal on it, a report tool on the portal
/// in the first town, a homepage in each, mail that nobody checks, something internal.
const WORLD: &str = r#"
[scenario]
name = "world"
title = "world"
start = 2023-11-01T06:00:00
until = 2023-11-02T06:00:00
[[organisation]]
id = "kreis"
kind = "county"
name = "Kreis"
ars = "059540000000"
[[organisation]]
id = "hattingen"
kind = "municipality"
name = "Hattingen"
ars = "059540016016"
[[organisation]]
id = "witten"
kind = "municipality"
name = "Witten"
ars = "059540036036"
[[component]]
id = "provider"
name = "Dienstleister"
kind = "provider"
owner = "kreis"
[[component]]
id = "portal"
name = "Portal"
kind = "portal"
owner = "kreis"
serves = ["05954"]
depends_on = ["provider"]
[[component.check]]
id = "c"
probe.http = { url = "https://portal.example/" }
interval = "60s"
expect = { body_contains = ["x"] }
[[component]]
id = "melder"
name = "Mängelmelder"
kind = "service"
owner = "hattingen"
depends_on = ["portal"]
[[component]]
id = "homepage-h"
name = "Homepage"
kind = "website"
owner = "hattingen"
[[component.check]]
id = "c"
probe.http = { url = "https://h.example/" }
interval = "60s"
[[component]]
id = "homepage-w"
name = "Homepage"
kind = "website"
owner = "witten"
[[component.check]]
id = "c"
probe.http = { url = "https://w.example/" }
interval = "60s"
[[component]]
id = "mail-h"
name = "Mail"
kind = "mail"
owner = "hattingen"
[[component]]
id = "netz"
name = "Netz"
kind = "network"
owner = "kreis"
public = false
"#;

/// A state under way, the log so far, and the clock.
struct World {
    state: State,
    log: Vec<Logged>,
    now: Timestamp,
}

impl World {
    fn new() -> Self {
        Self::of(WORLD)
    }

    fn of(text: &str) -> Self {
        let scenario = Scenario::parse("world", text).unwrap_or_else(|fault| panic!("{fault}"));
        let mut world = Self { state: State::new(7), log: Vec::new(), now: scenario.start };
        world.input(Input::Adopt(Arc::new(scenario.catalogue)));
        world
    }

    fn input(&mut self, input: Input) {
        let step = self.state.step(vec![input], self.now);
        self.log.extend(step.events);
    }

    fn pass(&mut self, seconds: u64) {
        self.now = self.now.plus(Duration::from_secs(seconds));
        let step = self.state.step(Vec::new(), self.now);
        self.log.extend(step.events);
    }

    /// Probes of a component's checks find this, so often, a minute apart; its neighbours answer.
    fn probe(&mut self, component: &str, down: bool, times: u32) {
        for _ in 0..times {
            self.pass(60);
            let catalogue = Arc::clone(self.state.catalogue());
            let index = catalogue.component_index(component).expect("declared");
            let node = catalogue.node(index).expect("declared");
            let reference = Travelled { host: 99, ..travelled(u64::from(index)) };
            self.input(Input::Reference { travelled: reference, at: self.now.plus(Duration::from_millis(500)) });
            for check in node.checks.clone() {
                let judged = Judged {
                    check,
                    catalogue_version: self.state.record.catalogue_version,
                    slot: self.now,
                    started_at: self.now,
                    ended_at: self.now.plus(Duration::from_millis(100)),
                    verdict: if down { Verdict::Down } else { Verdict::Up },
                    reason: down.then_some(Reason::Timeout),
                    travelled: travelled(u64::from(index)),
                    duration: Duration::from_millis(100),
                };
                self.input(Input::Judged(judged));
            }
        }
        self.pass(1);
    }

    fn ask(&mut self, editor: &Editor, request: &str, body: &Value) -> Result<Subject, Refusal> {
        let (method, path) = request.split_once(' ').expect("method and path");
        let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let command = match editing::read(method, path, &bytes, self.state.catalogue())? {
            Request::Change(command) => command,
            read @ (Request::Read(_) | Request::TestNotifications(_)) => panic!("{read:?} changes nothing"),
        };
        self.pass(1);
        let (step, changed) = self.state.edit(&command, editor, self.now);
        if changed.is_err() {
            assert!(step.events.is_empty(), "a refusal changes nothing: {:?}", step.events);
        }
        self.log.extend(step.events);
        changed
    }

    /// Asks for something that must be carried out; the id of what it is about.
    fn done(&mut self, editor: &Editor, request: &str, body: &Value) -> String {
        match self.ask(editor, request, body).unwrap_or_else(|refusal| panic!("{request}: {refusal:?}")) {
            Subject::Incident(id) => id.to_string(),
            Subject::Maintenance(id) => id.to_string(),
            Subject::Component(id) => id.to_string(),
        }
    }

    /// Asks for something that must be refused, with this status, and a sentence that says this.
    fn refused(&mut self, editor: &Editor, request: &str, body: &Value, status: u16, says: &str) {
        let refusal = self.ask(editor, request, body).expect_err(&format!("{request} {body}"));
        assert_eq!(refusal.kind.status(), status, "{request}: {refusal:?}");
        let said = format!("{} {}", refusal.pointer.unwrap_or_default(), refusal.detail);
        assert!(said.contains(says), "{request}: {said:?} does not say {says:?}");
    }

    fn incident(&self, id: &str) -> &Incident {
        &self.state.record.incidents[id]
    }

    fn open(&self) -> Vec<&Incident> {
        self.state.record.incidents.values().map(|incident| &**incident).filter(|incident| incident.is_open()).collect()
    }

    fn status(&self, component: &str) -> Status {
        let index = self.state.catalogue().component_index(component).expect("declared");
        self.state.record.components[index as usize].status
    }

    fn snapshot(&mut self) -> Snapshot {
        self.state.snapshot(self.now, &[], true)
    }

    /// A restart after any event of the log comes to the state that it left.
    fn assert_restores(&self) {
        let live = restored(&self.log, &self.state);
        assert_eq!(live.record.incidents, self.state.record.incidents);
        assert_eq!(live.record.maintenance, self.state.record.maintenance);
        assert_eq!(live.record.locals, self.state.record.locals);
        assert_eq!(live.record.changes, self.state.record.changes);
        assert_eq!(live.record.overrides, self.state.record.overrides);
        assert_eq!(live.record.components, self.state.record.components);
    }
}

fn travelled(host: u64) -> Travelled {
    Travelled { host, outside: true, resolver: true, ipv4: true, ipv6: false, tls: true }
}

fn admin() -> Editor {
    editor_of(&[])
}

/// An editor of these bodies; of none: an admin of all.
fn editor_of(organisations: &[&str]) -> Editor {
    Editor {
        token: "t".to_owned(),
        label: String::new(),
        role: if organisations.is_empty() { Role::Admin } else { Role::Editor },
        organisations: organisations.iter().map(|id| OrganisationId::new(*id)).collect(),
    }
}

fn text(german: &str) -> Value {
    json!({ "de": german })
}

fn id(component: &str) -> ComponentId {
    ComponentId::new(component)
}
