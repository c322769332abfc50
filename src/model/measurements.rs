//! Numbers for metrics: the public `Measurements` and the operator's `Operations`.
//!
//! Architecture invariant: `Measurements` cannot hold a target, an address or a secret; there is no field
//! for one. The public metrics are written from them alone. `Operations` may hold targets and is served on
//! `metrics_listen` only.

use std::sync::Arc;
use std::time::Duration;

use crate::model::availability::Intervals;
use crate::model::id::{CheckId, ComponentId, IncidentId, OrganisationId};
use crate::model::incident::Impact;
use crate::model::observation::{Phases, TlsFacts};
use crate::model::status::{ComponentKind, Evidence, Status};
use crate::model::text::Text;
use crate::model::time::Timestamp;
use crate::model::verdict::{Path, Reason};

/// A promise that was not kept, for metrics.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Overdue {
    /// `incident` or `maintenance`.
    pub kind: &'static str,
    /// Its id.
    pub id: String,
}

/// The last thing a check saw, as numbers. `None` where the probe did not get so far.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// 1 for up and slow, 0 for down and blocked; absent while blind or never probed.
    pub success: Option<bool>,
    /// Why not.
    pub reason: Option<Reason>,
    /// When it ended.
    pub ended_at: Timestamp,
    /// How long it took.
    pub duration: Duration,
    /// Time per phase.
    pub phases: Phases,
    /// Whether IPv6 was used (`false`: IPv4), where an address was reached.
    pub ipv6: Option<bool>,
    /// FNV-1a hash of the address, as `blackbox_exporter` publishes it.
    pub address_hash: Option<u32>,
    /// HTTP status code.
    pub http_status: Option<u16>,
    /// HTTP version.
    pub http_version: Option<f64>,
    /// Redirects followed.
    pub redirects: Option<u8>,
    /// Whether the last hop was TLS.
    pub http_ssl: Option<bool>,
    /// `Content-Length`, −1 if the answer had none.
    pub content_length: Option<i64>,
    /// Body bytes read.
    pub body_bytes: Option<u64>,
    /// `Last-Modified`.
    pub last_modified: Option<Timestamp>,
    /// Whether a regular expression or text of the body failed.
    pub failed_content: Option<bool>,
    /// TLS facts.
    pub tls: Option<Arc<TlsFacts>>,
    /// Records in a DNS answer: answer, authority, additional.
    pub dns_records: Option<(u32, u32, u32)>,
    /// Serial of an SOA answer.
    pub dns_serial: Option<u32>,
}

/// A check's reading under its public names.
#[derive(Debug, Clone)]
pub struct Measured {
    /// The component.
    pub component: ComponentId,
    /// The check.
    pub check: CheckId,
    /// `http`, `tls`, `tcp`, `dns`.
    pub kind: &'static str,
    /// Its timeout.
    pub timeout: Duration,
    /// The reading.
    pub reading: Arc<Reading>,
}

/// A component's status under its name, for metrics.
#[derive(Debug, Clone)]
pub struct Gauged {
    /// The component.
    pub component: ComponentId,
    /// Its name in the default language.
    pub name: Text,
    /// What it is.
    pub kind: ComponentKind,
    /// Its owner.
    pub owner: OrganisationId,
    /// Its status.
    pub status: Status,
    /// Where it comes from.
    pub evidence: Evidence,
    /// Its intervals, for availability.
    pub intervals: Arc<Intervals>,
}

/// An open incident, for metrics.
#[derive(Debug, Clone)]
pub struct OpenIncident {
    /// The incident.
    pub id: IncidentId,
    /// Its root; `None` if the reader may not know it.
    pub root: Option<ComponentId>,
    /// The owner of its root.
    pub owner: Option<OrganisationId>,
    /// How bad it is.
    pub impact: Impact,
}

/// What `/metrics` may show the public: public components, no target.
#[derive(Debug, Clone, Default)]
pub struct Measurements {
    /// When it was made.
    pub at: Timestamp,
    /// The vantage point.
    pub vantage: String,
    /// The default language, for names.
    pub language: String,
    /// Readings by check.
    pub checks: Vec<Measured>,
    /// Statuses by component.
    pub components: Vec<Gauged>,
    /// Open incidents.
    pub incidents: Vec<OpenIncident>,
    /// Promises that were not kept.
    pub overdue: Vec<Overdue>,
}

/// What the operator may see: everything, with targets.
#[derive(Debug, Clone, Default)]
pub struct Operations {
    /// Everything measured, internal components included.
    pub measurements: Measurements,
    /// The target of each of `measurements.checks`.
    pub targets: Vec<Arc<str>>,
    /// Paths of our own and whether they are cut.
    pub paths: Vec<(Path, bool)>,
}
