//! Observations: the facts one probe saw. Their meaning is decided in `engine::judge`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::model::check::Phase;
use crate::model::time::{Timestamp, readable};
use crate::model::verdict::{Reason, Verdict};

/// What one probe saw, for one check. Times of day are those of the recording clock, durations
/// are monotonic.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Observation {
    /// When the probe began.
    #[serde(serialize_with = "readable::instant")]
    pub started_at: Timestamp,
    /// When it ended.
    #[serde(serialize_with = "readable::instant")]
    pub ended_at: Timestamp,
    /// How long it took.
    #[serde(serialize_with = "readable::seconds")]
    pub duration: Duration,
    /// Time per phase; a phase not reached is absent. Redirects add up.
    pub phases: Phases,
    /// Whether the answer came, and if not, why.
    pub outcome: Outcome,
    /// The address that answered or refused, of the last hop.
    pub address: Option<SocketAddr>,
    /// HTTP facts, where an HTTP answer came.
    pub http: Option<HttpFacts>,
    /// TLS facts of the last hop, also where verification failed.
    pub tls: Option<Arc<TlsFacts>>,
    /// DNS facts of a `dns` probe.
    pub dns: Option<DnsFacts>,
    /// The first thing that was not as expected, or slow.
    pub unmet: Option<Fault>,
    /// A warning for the operator: the certificate ends soon.
    pub certificate_warning: bool,
}

impl Observation {
    /// The fault that decides: of the probe itself, else of what was asserted.
    pub fn fault(&self) -> Option<&Fault> {
        match &self.outcome {
            Outcome::Failed(fault) => Some(fault),
            Outcome::Answered => self.unmet.as_ref(),
        }
    }
}

/// Whether the probe got its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The exchange was completed.
    Answered,
    /// It was not.
    Failed(Fault),
}

/// Why an observation is not up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// One word of the closed list.
    pub reason: Reason,
    /// The phase in which it happened, where it has one.
    pub phase: Option<Phase>,
    /// One line for the operator, control characters already escaped. Never public.
    pub detail: String,
}

/// Time per phase.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Phases {
    /// Name look-up; the real one's, also where its answer was reused.
    #[serde(serialize_with = "readable::seconds_option")]
    pub resolve: Option<Duration>,
    /// TCP connect.
    #[serde(serialize_with = "readable::seconds_option")]
    pub connect: Option<Duration>,
    /// TLS handshake.
    #[serde(serialize_with = "readable::seconds_option")]
    pub tls: Option<Duration>,
    /// Request to first byte.
    #[serde(serialize_with = "readable::seconds_option")]
    pub processing: Option<Duration>,
    /// First to last byte.
    #[serde(serialize_with = "readable::seconds_option")]
    pub transfer: Option<Duration>,
}

impl Phases {
    /// The time of a phase.
    pub const fn get(&self, phase: Phase) -> Option<Duration> {
        match phase {
            Phase::Resolve => self.resolve,
            Phase::Connect => self.connect,
            Phase::Tls => self.tls,
            Phase::Processing => self.processing,
            Phase::Transfer => self.transfer,
        }
    }

    /// Adds time to a phase.
    pub fn add(&mut self, phase: Phase, time: Duration) {
        let slot = match phase {
            Phase::Resolve => &mut self.resolve,
            Phase::Connect => &mut self.connect,
            Phase::Tls => &mut self.tls,
            Phase::Processing => &mut self.processing,
            Phase::Transfer => &mut self.transfer,
        };
        *slot = Some(slot.unwrap_or_default() + time);
    }
}

/// What an HTTP answer said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HttpFacts {
    /// The status code of the last answer.
    pub status: u16,
    /// 1.0, 1.1 or 2.0.
    pub version: HttpVersion,
    /// Redirects followed.
    pub redirects: u8,
    /// The URL of the last hop.
    pub final_url: String,
    /// `Content-Length`, if the answer had one.
    pub content_length: Option<u64>,
    /// Body bytes read (at most 1 MiB).
    pub body_bytes: u64,
    /// Whether the body went on beyond what we read.
    pub truncated: bool,
    /// `Date` of the answer.
    #[serde(serialize_with = "readable::instant_option")]
    pub date: Option<Timestamp>,
    /// `Last-Modified` of the answer.
    #[serde(serialize_with = "readable::instant_option")]
    pub last_modified: Option<Timestamp>,
    /// How long it asks to be left alone: `Retry-After` of a 429 or 503.
    #[serde(serialize_with = "readable::seconds_option")]
    pub retry_after: Option<Duration>,
}

/// An HTTP version, as a number the way `blackbox_exporter` writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpVersion {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
    /// HTTP/2
    Http2,
}

impl HttpVersion {
    /// `1.0`, `1.1` or `2.0`.
    pub const fn as_f64(self) -> f64 {
        match self {
            Self::Http10 => 1.0,
            Self::Http11 => 1.1,
            Self::Http2 => 2.0,
        }
    }
}

impl Serialize for HttpVersion {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.as_f64())
    }
}

/// What a TLS handshake showed, up to where it failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TlsFacts {
    /// `TLS 1.3` or `TLS 1.2`; absent if the handshake failed before.
    pub version: Option<&'static str>,
    /// The cipher suite's name; absent if the handshake failed before.
    pub cipher: Option<String>,
    /// The chain as presented, leaf first (at most 10).
    pub chain: Vec<CertificateFacts>,
    /// Why the chain was refused; absent if it was accepted.
    pub refused: Option<String>,
}

impl TlsFacts {
    /// When the first certificate of the presented chain ends.
    pub fn earliest_expiry(&self) -> Option<Timestamp> {
        self.chain.iter().map(|certificate| certificate.not_after).min()
    }
}

/// What a certificate says. All text is hostile: control characters are escaped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CertificateFacts {
    /// Subject, RFC 4514.
    pub subject: String,
    /// Issuer, RFC 4514.
    pub issuer: String,
    /// Serial number, hexadecimal.
    pub serial: String,
    /// SHA-256 over the DER bytes, hexadecimal.
    pub fingerprint_sha256: String,
    /// DNS names and addresses (at most 100).
    pub names: Vec<String>,
    /// Valid from.
    #[serde(serialize_with = "readable::instant")]
    pub not_before: Timestamp,
    /// Valid until.
    #[serde(serialize_with = "readable::instant")]
    pub not_after: Timestamp,
}

/// What a DNS answer held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DnsFacts {
    /// The response code's name: `NOERROR`, `NXDOMAIN`, …
    pub rcode: String,
    /// Records of the asked type in presentation format, sorted (at most 100).
    pub records: Vec<String>,
    /// Records in the answer section.
    pub answers: u32,
    /// Records in the authority section.
    pub authorities: u32,
    /// Records in the additional section.
    pub additionals: u32,
    /// The serial of an SOA record in the answer.
    pub serial: Option<u32>,
}

/// A judged observation on its way into the core: what is counted, without the facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judged {
    /// Index of the check in the catalogue of `catalogue_version`.
    pub check: u32,
    /// The catalogue the check stood in when the probe began.
    pub catalogue_version: u32,
    /// The planned instant of the probe.
    pub slot: Timestamp,
    /// When the probe began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// The judgement.
    pub verdict: Verdict,
    /// Why, unless it is up.
    pub reason: Option<Reason>,
    /// The paths it went over, and the target's host by hash: evidence for other checks.
    pub travelled: Travelled,
    /// How long the probe took.
    pub duration: Duration,
}

/// The paths through our own side that a probe used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Travelled {
    /// A hash of the target's host: one's own answer is no reference for oneself.
    pub host: u64,
    /// Whether the address reached lies outside private networks.
    pub outside: bool,
    /// Whether our resolver was asked.
    pub resolver: bool,
    /// Whether IPv4 was used.
    pub ipv4: bool,
    /// Whether IPv6 was used.
    pub ipv6: bool,
    /// Whether TLS was spoken.
    pub tls: bool,
}
