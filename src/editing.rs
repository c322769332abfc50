//! The admin interface's requests: from method, path and JSON to a command. The HTTP server and
//! the stories of scenario files speak it alike.
//!
//! Nothing is decided here: whether a command may be carried out is the engine's word.

pub mod description;
mod raw;
mod values;

use serde::de::DeserializeOwned;

use crate::editing::values::Reader;
use crate::model::catalogue::Catalogue;
use crate::model::editing::{Command, Refusal, RefusalKind};
use crate::model::id::{ComponentId, IncidentId, MaintenanceId, OrganisationId};

/// Longest body of a request, in bytes.
pub const BODY_BYTES_MAX: usize = 2 * 1024 * 1024;

/// What a request asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// To change something.
    Change(Command),
    /// To read something that the public may not read, or not so.
    Read(Read),
    /// To send a test message: to one recipient, or to everybody.
    TestNotifications(Option<String>),
}

/// What an editor may read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Read {
    /// What concerns the editor's organisations.
    Overview,
    /// Open incidents and those resolved lately.
    Incidents,
    /// An incident with its internal texts.
    Incident(IncidentId),
    /// Maintenances that are not over, and those ended lately.
    Maintenances,
    /// A maintenance.
    Maintenance(MaintenanceId),
    /// The components that the editor may change.
    Components,
    /// A component with what editors set.
    Component(ComponentId),
    /// The last probes of a component's checks.
    Probes(ComponentId),
    /// What the server has without the engine: the audit log, and the metrics.
    Elsewhere,
    /// What whoever is on call looks at first.
    Operations,
}

/// Reads a request. `path` is what follows `/api/v1/admin`, without a query.
pub fn read(method: &str, path: &str, body: &[u8], catalogue: &Catalogue) -> Result<Request, Refusal> {
    let segments: Vec<&str> = path.strip_prefix('/').unwrap_or(path).split('/').collect();
    let reader = Reader::new(catalogue);
    let change = |command| Ok(Request::Change(command));
    let incident = |id: &str| IncidentId::new(id);
    let component = |id: &str| ComponentId::new(id);
    match (method, segments.as_slice()) {
        ("GET", ["overview"]) => Ok(Request::Read(Read::Overview)),
        ("GET", ["incidents"]) => Ok(Request::Read(Read::Incidents)),
        ("GET", ["incidents", id]) => Ok(Request::Read(Read::Incident(incident(id)))),
        ("GET", ["maintenance"]) => Ok(Request::Read(Read::Maintenances)),
        ("GET", ["maintenance", id]) => Ok(Request::Read(Read::Maintenance(MaintenanceId::new(*id)))),
        ("GET", ["components"]) => Ok(Request::Read(Read::Components)),
        ("GET", ["components", id]) => Ok(Request::Read(Read::Component(component(id)))),
        ("GET", ["components", id, "probes"]) => Ok(Request::Read(Read::Probes(component(id)))),
        ("GET", ["audit" | "metrics"]) => Ok(Request::Read(Read::Elsewhere)),
        ("GET", ["operations"]) => Ok(Request::Read(Read::Operations)),
        ("POST", ["notifications", "test"]) => {
            let asked: raw::NotificationTest =
                if body.is_empty() { raw::NotificationTest::default() } else { parse(body)? };
            Ok(Request::TestNotifications(asked.to))
        }
        ("POST", ["incidents"]) => change(Command::OpenIncident(Box::new(reader.new_incident(parse(body)?)?))),
        ("PATCH", ["incidents", id]) => {
            change(Command::EditIncident(incident(id), Box::new(reader.incident_patch(parse(body)?)?)))
        }
        ("POST", ["incidents", id, "updates"]) => {
            change(Command::AddUpdate(incident(id), Box::new(reader.incident_patch(parse(body)?)?)))
        }
        ("PATCH", ["incidents", id, "updates", update]) => {
            let corrected: raw::Correction = parse(body)?;
            let text = reader.text(corrected.text, "/text")?;
            change(Command::CorrectUpdate(incident(id), number(id, update)?, text))
        }
        ("DELETE", ["incidents", id, "updates", update]) => {
            change(Command::RetractUpdate(incident(id), number(id, update)?))
        }
        ("POST", ["incidents", id, "merge"]) => {
            let merge: raw::Merge = parse(body)?;
            change(Command::Merge(incident(id), IncidentId::new(merge.into)))
        }
        ("POST", ["incidents", id, "split"]) => {
            change(Command::Split(incident(id), Box::new(reader.split(parse(body)?)?)))
        }
        ("PUT", ["incidents", id, "overlays", organisation]) => change(Command::Overlay(
            incident(id),
            OrganisationId::new(*organisation),
            Some(reader.words(parse(body)?)?),
        )),
        ("DELETE", ["incidents", id, "overlays", organisation]) => {
            change(Command::Overlay(incident(id), OrganisationId::new(*organisation), None))
        }
        ("POST", ["maintenance"]) => change(Command::PlanMaintenance(Box::new(reader.new_maintenance(parse(body)?)?))),
        ("PATCH", ["maintenance", id]) => {
            let patch = reader.maintenance_patch(parse(body)?)?;
            change(Command::EditMaintenance(MaintenanceId::new(*id), Box::new(patch)))
        }
        ("POST", ["maintenance", id, "updates"]) => {
            change(Command::UpdateMaintenance(MaintenanceId::new(*id), reader.maintenance_word(parse(body)?)?))
        }
        ("PUT", ["components", id, "override"]) => {
            let id = component(id);
            let set = reader.override_of(&id, &parse(body)?)?;
            change(Command::Override(id, Some(set)))
        }
        ("DELETE", ["components", id, "override"]) => change(Command::Override(component(id), None)),
        ("PUT", ["components", id, "local"]) => {
            let id = component(id);
            let local = reader.local(&id, parse(body)?)?;
            change(Command::SetLocal(id, Box::new(local)))
        }
        ("DELETE", ["components", id, "local"]) => {
            let named: raw::Named = if body.is_empty() { raw::Named::default() } else { parse(body)? };
            change(Command::RemoveLocal(component(id), values::reach(&named.organisations)?))
        }
        (_, segments) => Err(unknown(segments)),
    }
}

/// The methods that a path knows, for `Allow`; none if there is no such path.
pub fn allowed(path: &str) -> &'static [&'static str] {
    let segments: Vec<&str> = path.strip_prefix('/').unwrap_or(path).split('/').collect();
    methods(&segments)
}

fn methods(segments: &[&str]) -> &'static [&'static str] {
    match segments {
        ["incidents" | "maintenance"] => &["GET", "POST"],
        ["incidents" | "maintenance", _] => &["GET", "PATCH"],
        ["overview" | "components" | "audit" | "metrics" | "operations"] => &["GET"],
        ["components", _] | ["components", _, "probes"] => &["GET"],
        ["incidents" | "maintenance", _, "updates"] | ["incidents", _, "merge" | "split"] => &["POST"],
        ["notifications", "test"] => &["POST"],
        ["incidents", _, "updates", _] => &["PATCH", "DELETE"],
        ["incidents", _, "overlays", _] | ["components", _, "override" | "local"] => &["PUT", "DELETE"],
        _ => &[],
    }
}

fn unknown(segments: &[&str]) -> Refusal {
    match methods(segments) {
        [] => Refusal::not_found("there is no such path in the admin interface"),
        methods => Refusal::new(RefusalKind::MethodNotAllowed, format!("this path knows {} only", methods.join(", "))),
    }
}

/// Reads a JSON body; a fault names its place.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    if body.len() > BODY_BYTES_MAX {
        return Err(Refusal::new(RefusalKind::TooLarge, format!("the body is longer than {BODY_BYTES_MAX} bytes")));
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|fault| {
        let pointer = fault.path().iter().fold(String::new(), |pointer, segment| match segment {
            serde_path_to_error::Segment::Seq { index } => format!("{pointer}/{index}"),
            serde_path_to_error::Segment::Map { key } => format!("{pointer}/{key}"),
            serde_path_to_error::Segment::Enum { .. } | serde_path_to_error::Segment::Unknown => pointer,
        });
        let fault = fault.into_inner();
        let kind = if fault.is_data() { RefusalKind::Invalid } else { RefusalKind::Malformed };
        let detail = match kind {
            RefusalKind::Invalid => fault.to_string(),
            _ => format!("the body is no JSON: {fault}"),
        };
        Refusal { kind, pointer: (!pointer.is_empty()).then_some(pointer), detail }
    })?;
    json.end().map_err(|fault| Refusal::new(RefusalKind::Malformed, format!("the body is no JSON: {fault}")))?;
    Ok(value)
}

/// The number of an update from its public id, `{incident}-{number}`.
fn number(incident: &str, update: &str) -> Result<u32, Refusal> {
    update
        .strip_prefix(incident)
        .and_then(|rest| rest.strip_prefix('-'))
        .and_then(|number| number.parse().ok())
        .ok_or_else(|| Refusal::not_found(format!("incident `{incident}` has no update `{update}`")))
}
