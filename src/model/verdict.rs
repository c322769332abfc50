//! What an observation means: a verdict with at most one reason.

use serde::{Deserialize, Serialize};

use crate::model::status::words;

/// The judgement of one observation, or the confirmed standing of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It answered as expected.
    Up,
    /// It answered as expected, but too slowly.
    Degraded,
    /// It failed.
    Down,
    /// Nothing is known: our own fault, or we are turned away.
    Unknown,
}

words!(Verdict { Up => "up", Degraded => "degraded", Down => "down", Unknown => "unknown" });

/// Why an observation is not up. A closed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The name does not resolve.
    Dns,
    /// No connection.
    Connect,
    /// No answer in time.
    Timeout,
    /// The TLS handshake failed.
    Tls,
    /// The certificate was refused.
    Certificate,
    /// An unexpected HTTP status.
    Status,
    /// An unexpected body, such as a maintenance page with 200.
    Content,
    /// The answer breaks its protocol.
    Protocol,
    /// Something expected is not there: a record, a heartbeat.
    Missing,
    /// Too slow: degrades.
    Slow,
    /// We are turned away (403, 429, a firewall): never red by itself.
    Blocked,
    /// Our own side failed: never red by itself.
    ProbeFault,
}

words!(Reason {
    Dns => "dns",
    Connect => "connect",
    Timeout => "timeout",
    Tls => "tls",
    Certificate => "certificate",
    Status => "status",
    Content => "content",
    Protocol => "protocol",
    Missing => "missing",
    Slow => "slow",
    Blocked => "blocked",
    ProbeFault => "probe_fault",
});

impl Reason {
    /// What an observation that failed for this reason is judged as.
    pub const fn verdict(self) -> Verdict {
        match self {
            Self::Slow => Verdict::Degraded,
            Self::Blocked | Self::ProbeFault => Verdict::Unknown,
            Self::Dns
            | Self::Connect
            | Self::Timeout
            | Self::Tls
            | Self::Certificate
            | Self::Status
            | Self::Content
            | Self::Protocol
            | Self::Missing => Verdict::Down,
        }
    }
}

/// A path through our own side that a failure may be due to; blindness is decided per path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Path {
    /// Our resolver.
    Resolver,
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
    /// TLS.
    Tls,
}

words!(Path { Resolver => "resolver", Ipv4 => "ipv4", Ipv6 => "ipv6", Tls => "tls" });
