//! Editors' requests in the engine's loop: what is asked, decided, previewed and answered. An
//! answer to a change leaves when the change is durable.

pub(super) mod internal;
mod overview;
mod preview;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::app::core::Core;
use crate::app::owned::{component_internal, locals_of};
use crate::app::preview::Preview;
use crate::editing::{self, Read, Request};
use crate::engine::{Record, State};
use crate::model::access::{AuditRecord, Editor, Outcome, StoredAnswer};
use crate::model::alternative::Alternative;
use crate::model::catalogue::Catalogue;
use crate::model::editing::{Command, Refusal, RefusalKind, Subject};
use crate::model::id::{ComponentId, OrganisationId};
use crate::model::incident::Incident;
use crate::model::notice::MaintenanceNotice;
use crate::model::snapshot::Snapshot;
use crate::model::time::Timestamp;
use crate::publish::{self, Rendered, Target, escape};
use crate::server::desk::{AdminReply, AdminRequest, Asked};

/// Most answers kept in memory for a repeated request, until the store has them.
const ANSWERS_MAX: usize = 256;

/// Most items in a list.
const LISTED_MAX: usize = 200;

/// What editors left with the loop.
#[derive(Debug, Default)]
pub(super) struct Answers {
    kept: HashMap<(String, String), ([u8; 32], AdminReply)>,
    order: VecDeque<(String, String)>,
}

impl Answers {
    fn keep(&mut self, key: (String, String), hash: [u8; 32], reply: AdminReply) {
        if self.kept.insert(key.clone(), (hash, reply)).is_none() {
            self.order.push_back(key);
        }
        while self.order.len() > ANSWERS_MAX {
            if let Some(oldest) = self.order.pop_front() {
                self.kept.remove(&oldest);
            }
        }
    }
}

/// What was decided about a request.
enum Decided {
    /// Nothing changes: the reply may leave.
    Now(AdminReply),
    /// Something changed: the reply leaves when it is durable.
    Changed(AdminReply, Option<u64>),
}

impl Core {
    /// Answers a request, now or when what it changed is durable.
    pub(super) fn attend(&mut self, asked: Asked, at: Timestamp) {
        let Asked { request, reply } = asked;
        let decided = self.decide_request(&request, at);
        let reads = matches!(request.method.as_str(), "GET" | "HEAD");
        let (answer, position) = match &decided {
            Decided::Now(answer) => (answer, None),
            Decided::Changed(answer, position) => (answer, *position),
        };
        if !reads && !request.dry_run && answer.status != 503 {
            let audit = audit(&request, answer.status, position, at);
            self.outbox.note(audit);
        }
        match decided {
            Decided::Now(answer) => {
                // Whoever does not wait any more is not told.
                drop(reply.send(answer));
            }
            Decided::Changed(answer, _) => {
                let stored = request.idempotency_key.clone().map(|key| StoredAnswer {
                    token: request.editor.token.clone(),
                    request_hash: request.hash(),
                    key,
                    at,
                    status: answer.status,
                    headers: answer.headers.clone(),
                    body: answer.body.clone(),
                });
                if let Some(stored) = &stored {
                    let key = (stored.token.clone(), stored.key.clone());
                    self.answers.keep(key, stored.request_hash, answer.clone());
                }
                self.outbox.promise(stored, answer, reply);
            }
        }
    }

    fn decide_request(&mut self, request: &AdminRequest, at: Timestamp) -> Decided {
        if let Some(answer) = self.answered_before(request) {
            return Decided::Now(answer);
        }
        let catalogue = Arc::clone(self.state.catalogue());
        let asked = editing::read(&request.method, &request.path, &request.body, &catalogue);
        let decided = asked.and_then(|asked| match asked {
            Request::Read(read) => self.read(&read, request, at).map(Decided::Now),
            Request::Change(command) => self.change(&command, request, at),
            Request::TestNotifications(to) => self.test_notifications(to.as_deref(), request).map(Decided::Now),
        });
        decided.unwrap_or_else(|refusal| Decided::Now(problem(&refusal, &request.path)))
    }

    /// The same request with the same key is answered as before, also while the first answer is
    /// on its way to the disk.
    fn answered_before(&self, request: &AdminRequest) -> Option<AdminReply> {
        let key = request.idempotency_key.clone()?;
        let (known, answer) = self.answers.kept.get(&(request.editor.token.clone(), key))?;
        if *known == request.hash() {
            let mut answer = answer.clone();
            answer.headers.push(("idempotency-replayed".to_owned(), "true".to_owned()));
            return Some(answer);
        }
        let refusal = Refusal::new(RefusalKind::Invalid, "this Idempotency-Key was used for another request");
        Some(problem(&refusal, &request.path))
    }

    fn change(&mut self, command: &Command, request: &AdminRequest, at: Timestamp) -> Result<Decided, Refusal> {
        if !self.outbox.is_writable() {
            return Ok(Decided::Now(unavailable("the store cannot be written at the moment; nothing was changed")));
        }
        if let Some(expected) = &request.if_match {
            self.must_match(command, expected, &request.editor, at)?;
        }
        if request.dry_run {
            let mut copy = self.state.clone();
            let (_, changed) = copy.edit(command, &request.editor, at);
            let subject = changed?;
            let snapshot = copy.snapshot(at, &self.published, true);
            let mut body = shown(&copy, &snapshot, &subject, Some(command), &request.editor);
            let places = self.places(command, &subject, &snapshot, &request.editor);
            let documents = preview::documents(&self.current(at), &snapshot, &subject, &places);
            if let Value::Object(fields) = &mut body {
                fields.insert("dry_run".to_owned(), true.into());
                fields.insert("preview".to_owned(), Preview::new(&snapshot, &subject, command).pages());
                fields.insert("documents".to_owned(), documents);
            }
            return Ok(Decided::Now(json_reply(200, Vec::new(), &body)));
        }
        let before = self.state.record.position;
        let (step, changed) = self.state.edit(command, &request.editor, at);
        self.follow(step);
        let subject = changed?;
        let snapshot = self.state.snapshot(at, &self.published, false);
        let body = shown(&self.state, &snapshot, &subject, Some(command), &request.editor);
        self.show(snapshot);
        let mut headers = vec![("etag".to_owned(), etag(self.revision(&subject)))];
        let created = matches!(command, Command::OpenIncident(_) | Command::PlanMaintenance(_) | Command::Split(..));
        if created {
            headers.push(("location".to_owned(), format!("/api/v1/admin{}", path_of(&subject))));
        }
        let status = if created { 201 } else { 200 };
        Ok(Decided::Changed(json_reply(status, headers, &body), Some(before + 1)))
    }

    /// Sends a test to everybody who is told of anything, or to one.
    fn test_notifications(&self, to: Option<&str>, request: &AdminRequest) -> Result<AdminReply, Refusal> {
        if !request.editor.is_admin_of_all() {
            return Err(Refusal::forbidden("who is told of what is for an admin of all organisations"));
        }
        let nobody = || Refusal::not_found("there is nobody of this name in [[notify.to]]");
        let notifier = self.outbox.notifier().ok_or_else(nobody)?;
        let named = notifier.recipients(to);
        if named.is_empty() {
            return Err(nobody());
        }
        if request.dry_run {
            return Ok(json_reply(200, Vec::new(), &json!({ "queued": named, "dry_run": true })));
        }
        notifier.test(&named);
        Ok(json_reply(202, Vec::new(), &json!({ "queued": named })))
    }

    /// Who may not change a subject is told so by the engine, and not how it stands.
    fn must_match(&self, command: &Command, expected: &str, editor: &Editor, at: Timestamp) -> Result<(), Refusal> {
        let (subject, is_a_towns) = match command {
            Command::OpenIncident(_) | Command::PlanMaintenance(_) => return Ok(()),
            Command::EditIncident(id, _)
            | Command::AddUpdate(id, _)
            | Command::CorrectUpdate(id, ..)
            | Command::RetractUpdate(id, _)
            | Command::Merge(id, _)
            | Command::Split(id, _) => (Subject::Incident(id.clone()), false),
            Command::Overlay(id, ..) => (Subject::Incident(id.clone()), true),
            Command::EditMaintenance(id, _) | Command::UpdateMaintenance(id, _) => {
                (Subject::Maintenance(id.clone()), false)
            }
            Command::Override(id, _) => (Subject::Component(id.clone()), false),
            Command::SetLocal(id, _) | Command::RemoveLocal(id, _) => (Subject::Component(id.clone()), true),
        };
        let may_say = is_a_towns && self.state.is_told(&subject, at);
        if !may_say && !self.state.may_change(editor, &subject) {
            return Ok(());
        }
        let current = etag(self.revision(&subject));
        let matches = expected.split(',').map(str::trim).any(|tag| tag == "*" || tag == current);
        if matches {
            return Ok(());
        }
        Err(Refusal::new(
            RefusalKind::Stale,
            format!("it was changed since: its ETag is now {current}; look at it again before you change it"),
        ))
    }

    /// What tells one state of a subject from another.
    fn revision(&self, subject: &Subject) -> u64 {
        let record = &self.state.record;
        match subject {
            Subject::Incident(id) => record.incidents.get(id).map_or(0, |incident| incident.revision),
            Subject::Maintenance(id) => record.maintenance.get(id).map_or(0, |notice| notice.revision),
            Subject::Component(id) => {
                let locals: Vec<u64> = locals_of(record, id).map(|local| local.key).collect();
                let digest = Sha256::digest(format!("{:?}{locals:?}", record.overrides.get(id)));
                digest.iter().take(8).fold(0, |value, byte| (value << 8) | u64::from(*byte))
            }
        }
    }

    /// What the public reads at the moment; what has changed goes out to it, too.
    fn current(&mut self, at: Timestamp) -> Snapshot {
        let changed = self.state.public_changed();
        let snapshot = self.state.snapshot(at, &self.published, false);
        if changed {
            self.show(snapshot.clone());
        }
        snapshot
    }

    fn read(&mut self, read: &Read, request: &AdminRequest, at: Timestamp) -> Result<AdminReply, Refusal> {
        let one = |core: &mut Self, subject: Subject| {
            if !core.state.may_read(&request.editor, &subject, at) {
                return Err(Refusal::unknown(&subject));
            }
            let snapshot = core.current(at);
            let mut body = shown(&core.state, &snapshot, &subject, None, &request.editor);
            if let (Subject::Incident(id), Value::Object(fields)) = (&subject, &mut body) {
                let mine = core.mine(&snapshot, &request.editor);
                fields.insert("overlays".to_owned(), core.overlays(id, &snapshot, &mine));
            }
            Ok(json_reply(200, vec![("etag".to_owned(), etag(core.revision(&subject)))], &body))
        };
        let record = &self.state.record;
        match read {
            Read::Overview => Ok(self.overview(&request.editor, at)),
            Read::Incidents => {
                let mut all: Vec<&Arc<Incident>> = record.incidents.values().collect();
                all.sort_by(|a, b| (b.is_open(), b.started_at, &b.id).cmp(&(a.is_open(), a.started_at, &a.id)));
                let listed: Vec<Value> = all
                    .into_iter()
                    .filter(|incident| self.state.may_change(&request.editor, &Subject::Incident(incident.id.clone())))
                    .take(LISTED_MAX)
                    .map(|incident| self.incident_line(incident, at))
                    .collect();
                Ok(json_reply(200, Vec::new(), &json!({ "incidents": listed })))
            }
            Read::Maintenances => {
                let mut all: Vec<&Arc<MaintenanceNotice>> = record.maintenance.values().collect();
                all.sort_by(|a, b| (a.is_over(), a.from.at, &a.id).cmp(&(b.is_over(), b.from.at, &b.id)));
                let listed: Vec<Value> = all
                    .into_iter()
                    .filter(|notice| self.state.may_change(&request.editor, &Subject::Maintenance(notice.id.clone())))
                    .take(LISTED_MAX)
                    .map(|notice| self.maintenance_line(notice))
                    .collect();
                Ok(json_reply(200, Vec::new(), &json!({ "maintenance": listed })))
            }
            Read::Incident(id) => one(self, Subject::Incident(id.clone())),
            Read::Maintenance(id) => one(self, Subject::Maintenance(id.clone())),
            Read::Components => Ok(json_reply(200, Vec::new(), &self.owned_components(&request.editor))),
            Read::Component(id) => one(self, Subject::Component(id.clone())),
            Read::Probes(id) => self.probes(id, request, at),
            Read::Elsewhere => Err(Refusal::not_found("the server answers this without the engine")),
            Read::Operations => self.oversee(request, at),
        }
    }

    fn probes(&self, id: &ComponentId, request: &AdminRequest, at: Timestamp) -> Result<AdminReply, Refusal> {
        let subject = Subject::Component(id.clone());
        if !self.state.may_change(&request.editor, &subject) {
            return Err(if self.state.is_told(&subject, at) {
                Refusal::forbidden("what its probes saw is for whoever owns it")
            } else {
                Refusal::unknown(&subject)
            });
        }
        let catalogue = self.state.catalogue();
        let node = catalogue.component_index(id.as_str()).and_then(|index| catalogue.node(index));
        let checks = node.map(|node| node.checks.clone()).unwrap_or_default();
        let checks: Vec<Value> = checks
            .filter_map(|index| {
                let check = catalogue.checks.get(index as usize)?;
                let record = self.state.record.checks.get(index as usize)?;
                Some(json!({
                    "id": check.id.as_str(),
                    "kind": check.probe.kind(),
                    "target": check.probe.target(),
                    "verdict": record.verdict,
                    "reason": record.reason,
                    "since": record.since.to_string(),
                    "probes": self.recent.of(index),
                }))
            })
            .collect();
        Ok(json_reply(200, Vec::new(), &json!({ "component": id.as_str(), "checks": checks })))
    }

    pub(super) fn incident_line(&self, incident: &Incident, at: Timestamp) -> Value {
        let language = self.state.catalogue().site.language();
        json!({
            "id": incident.id,
            "title": publish::wording::body(&incident.title, language, language),
            "status": incident.status,
            "impact": incident.impact,
            "root": incident.root,
            "started_at": incident.started_at.to_string(),
            "resolved_at": incident.resolved_at.map(|at| at.to_string()),
            "next_update_by": incident.next_update_by.map(|at| at.to_string()),
            "overdue": incident.is_overdue(at),
            "touched": incident.touched,
            "revision": incident.revision,
        })
    }

    pub(super) fn maintenance_line(&self, notice: &MaintenanceNotice) -> Value {
        let language = self.state.catalogue().site.language();
        json!({
            "id": notice.id,
            "title": notice.title.get(language, language),
            "status": notice.phase,
            "from": notice.from.at.to_string(),
            "until": notice.until.at.to_string(),
            "window": { "from": notice.from, "until": notice.until, "zone": notice.zone },
            "ends": notice.ends,
            "recurs": notice.recurring.is_some(),
            "declared": notice.declared.is_some(),
            "revision": notice.revision,
        })
    }
}

/// A subject as the public reads it, with what only those read who may change it beside it. Who only
/// said a town's words is told what is new among these.
fn shown(state: &State, snapshot: &Snapshot, subject: &Subject, command: Option<&Command>, editor: &Editor) -> Value {
    let (record, catalogue) = (&state.record, state.catalogue());
    let public = |path: String, field: &str| {
        let rendered = publish::render(snapshot, &Target { path, query: Vec::new() });
        let Rendered::Document(document) = rendered else { return Value::Null };
        let mut value: Value = serde_json::from_slice(&document.body).unwrap_or_default();
        value.get_mut(field).map(Value::take).unwrap_or_default()
    };
    let may_change = state.may_change(editor, subject);
    let (field, id, mut value, mut internal) = match subject {
        Subject::Incident(id) => {
            let public = public(format!("/api/v1/incidents/{id}"), "incident");
            let internal = record.incidents.get(id).filter(|_| may_change);
            let internal = internal.map(|incident| internal::incident(incident, catalogue.site.language()));
            ("incident", id.to_string(), public, internal)
        }
        Subject::Maintenance(id) => {
            let public = public(format!("/api/v1/maintenance/{id}"), "maintenance");
            let internal = record.maintenance.get(id).filter(|_| may_change);
            ("maintenance", id.to_string(), public, internal.map(|notice| maintenance_internal(notice)))
        }
        Subject::Component(id) => {
            let public = public(format!("/api/v1/components/{id}"), "component");
            ("component", id.to_string(), public, Some(component_internal(state, id, editor)))
        }
    };
    if value.is_null() {
        // The public does not read of it: all of it is internal, or announced later.
        value = json!({ "id": id, "public": false });
    }
    let town = match command {
        Some(Command::Overlay(_, town, _)) if !may_change => {
            internal = Some(json!({}));
            Some(town)
        }
        _ => None,
    };
    let new = new_targets(catalogue, ways(record, subject, town));
    if let (Some(Value::Object(fields)), false) = (&mut internal, new.is_empty()) {
        fields.insert("new_targets".to_owned(), json!(new));
    }
    json!({ field: value, "internal": internal })
}

/// The ways that a subject names, or a town in its words beside it.
fn ways<'a>(record: &'a Record, subject: &'a Subject, town: Option<&OrganisationId>) -> Vec<&'a Alternative> {
    match subject {
        Subject::Incident(id) => record.incidents.get(id).map_or_else(Vec::new, |incident| {
            if let Some(town) = town {
                return incident.overlays.get(town).map_or_else(Vec::new, |own| own.alternatives.iter().collect());
            }
            let overlays = incident.overlays.values().flat_map(|overlay| &overlay.alternatives);
            incident.alternatives.iter().chain(overlays).collect()
        }),
        Subject::Maintenance(id) => {
            record.maintenance.get(id).map_or_else(Vec::new, |notice| notice.alternatives.iter().collect())
        }
        Subject::Component(id) => locals_of(record, id).flat_map(|local| &local.alternatives).collect(),
    }
}

/// Numbers, addresses and pages that citizens are sent to and no file declares: worth a second
/// look, because whoever has stolen a token would put one there.
fn new_targets(catalogue: &Catalogue, ways: Vec<&Alternative>) -> BTreeSet<String> {
    let text =
        |way: &Alternative| way.target.iter().map(|link| escape::terminal_text(link.plain())).collect::<Vec<_>>();
    let mut new: BTreeSet<String> = ways.into_iter().flat_map(text).collect();
    let declared = catalogue.components.iter().flat_map(|component| &component.alternatives);
    let declared = declared.chain(catalogue.maintenances.iter().flat_map(|maintenance| &maintenance.alternatives));
    for target in declared.chain(catalogue.locals.iter().flat_map(|local| &local.alternatives)).flat_map(text) {
        new.remove(&target);
    }
    new
}

fn maintenance_internal(notice: &MaintenanceNotice) -> Value {
    let components: Vec<_> = notice.components.iter().map(|covered| &covered.component).collect();
    json!({
        "components": components,
        "declared": notice.declared.is_some(),
        "revision": notice.revision,
        "notice": notice,
        "alternatives": internal::alternatives(&notice.alternatives),
    })
}

fn path_of(subject: &Subject) -> String {
    match subject {
        Subject::Incident(id) => format!("/incidents/{id}"),
        Subject::Maintenance(id) => format!("/maintenance/{id}"),
        Subject::Component(id) => format!("/components/{id}"),
    }
}

fn etag(revision: u64) -> String {
    format!("\"{revision}\"")
}

pub(super) fn json_reply(status: u16, headers: Vec<(String, String)>, body: &Value) -> AdminReply {
    AdminReply { status, headers, body: body.to_string().into_bytes() }
}

/// A refusal as problem details (RFC 9457), with a closed word and the field it is about.
fn problem(refusal: &Refusal, path: &str) -> AdminReply {
    let status = refusal.kind.status();
    let title = http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    let mut body = json!({
        "type": "about:blank",
        "title": title.unwrap_or_default(),
        "status": status,
        "code": refusal.kind.as_str(),
        "detail": refusal.detail,
    });
    if let (Value::Object(fields), Some(pointer)) = (&mut body, &refusal.pointer) {
        fields.insert("errors".to_owned(), json!([{ "pointer": pointer, "detail": refusal.detail }]));
    }
    let allow = (refusal.kind == RefusalKind::MethodNotAllowed)
        .then(|| ("allow".to_owned(), editing::allowed(path).join(", ")));
    json_reply(status, allow.into_iter().collect(), &body)
}

fn unavailable(detail: &str) -> AdminReply {
    let body = json!({
        "type": "about:blank",
        "title": "Service Unavailable",
        "status": 503,
        "code": "unavailable",
        "detail": detail,
    });
    json_reply(503, vec![("retry-after".to_owned(), "5".to_owned())], &body)
}

fn audit(request: &AdminRequest, status: u16, position: Option<u64>, at: Timestamp) -> AuditRecord {
    AuditRecord {
        at,
        actor: request.editor.token.clone(),
        action: request.method.clone(),
        subject: request.path.clone(),
        outcome: if status < 400 { Outcome::Done } else { Outcome::Refused },
        status,
        detail: String::from_utf8_lossy(&request.body).into_owned(),
        position,
    }
}
