//! Checks: a named, scheduled question about a component, as data.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::id::CheckId;
use crate::model::status::{Status, words};
use crate::model::time::{duration_text, duration_text_option};

/// A check of one component.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// Its id within the component.
    pub id: CheckId,
    /// Index of its component in the catalogue.
    pub component: u32,
    /// What is asked.
    pub probe: Probe,
    /// How often.
    #[serde(with = "duration_text")]
    pub interval: Duration,
    /// One deadline over all phases; at most the interval.
    #[serde(with = "duration_text")]
    pub timeout: Duration,
    /// Failures in a row that confirm an outage, at least 1.
    pub down_after: u32,
    /// Successes in a row that confirm a recovery, at least 1.
    pub up_after: u32,
    /// From the end of an unconfirmed failure to the next probe.
    #[serde(with = "duration_text")]
    pub retry_interval: Duration,
    /// What the answer must look like.
    #[serde(default)]
    pub expect: Expect,
    /// From when on an answer is too slow.
    #[serde(default)]
    pub degraded: DegradedWhen,
    /// What is worth a warning to the operator; never changes the public status.
    #[serde(default)]
    pub warn: WarnWhen,
    /// What the component becomes when this check is down; by default it depends on how many are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Status>,
    /// Whether success proves that the service does its work.
    pub proves: Proves,
}

/// What a success proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proves {
    /// That the service works: its evidence beats what is derived.
    Function,
    /// That its front page answers: can make it red, never lifts a parent's outage.
    Front,
}

words!(Proves { Function => "function", Front => "front" });

/// One question to a target. Identical probes with the same timing are asked once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Probe {
    /// An HTTP request.
    Http(HttpProbe),
    /// A TLS handshake.
    Tls(TlsProbe),
    /// A TCP connection with an optional exchange.
    Tcp(TcpProbe),
    /// A DNS query.
    Dns(DnsProbe),
}

impl Probe {
    /// The kind's word: `http`, `tls`, `tcp`, `dns`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Http(_) => "http",
            Self::Tls(_) => "tls",
            Self::Tcp(_) => "tcp",
            Self::Dns(_) => "dns",
        }
    }

    /// What is asked, for the operator: a URL or an address. May be internal: never public.
    pub fn target(&self) -> String {
        match self {
            Self::Http(http) => http.url.to_string(),
            Self::Tls(tls) => host_port(&tls.host, tls.port),
            Self::Tcp(tcp) => host_port(&tcp.host, tcp.port),
            Self::Dns(dns) => format!("{} {}", dns.record_type, dns.name),
        }
    }

    /// Whom it asks, as `host:port`; nobody in particular for a name.
    pub fn site(&self) -> Option<String> {
        match self {
            Self::Http(http) => {
                let port = http.url.port_or_known_default()?;
                Some(format!("{}:{port}", http.url.host_str()?))
            }
            Self::Tls(tls) => Some(host_port(&tls.host, tls.port)),
            Self::Tcp(tcp) => Some(host_port(&tcp.host, tcp.port)),
            Self::Dns(_) => None,
        }
    }
}

/// `host:port`, with brackets around an IPv6 literal.
fn host_port(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// `probe.http`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HttpProbe {
    /// An absolute http or https URL.
    pub url: url::Url,
    /// The method; `GET` unless said otherwise.
    pub method: String,
    /// Request headers beside ours.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, HeaderValue)>,
    /// A request body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Whether redirects are followed (at most five).
    pub follow_redirects: bool,
    /// Connect here instead of resolving the host of the URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolve: Option<SocketAddr>,
    /// TLS settings.
    #[serde(default)]
    pub tls: TlsSettings,
}

/// The value of a request header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeaderValue {
    /// As written.
    Literal(String),
    /// The content of a secret that config.toml defines, sent to that secret's origins only.
    Secret(String),
}

/// `probe.tls`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TlsProbe {
    /// Host name or address literal.
    pub host: String,
    /// Port.
    pub port: u16,
    /// TLS settings.
    #[serde(default)]
    pub tls: TlsSettings,
}

/// `probe.tcp`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TcpProbe {
    /// Host name or address literal.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Sent after connecting (and after `starttls`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send: Option<String>,
    /// A regular expression that the first answer (up to 64 KiB) must match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<String>,
    /// Upgrade to TLS in this protocol's way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starttls: Option<Starttls>,
    /// TLS settings for `starttls`.
    #[serde(default)]
    pub tls: TlsSettings,
}

/// Protocols with an upgrade to TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Starttls {
    /// RFC 3207.
    Smtp,
    /// RFC 9051.
    Imap,
    /// RFC 2595.
    Pop3,
}

words!(Starttls { Smtp => "smtp", Imap => "imap", Pop3 => "pop3" });

/// `probe.dns`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DnsProbe {
    /// The name asked for.
    pub name: String,
    /// The record type: `A`, `AAAA`, `MX`, `NS`, `TXT`, `CNAME`, `SOA`, `CAA`, `SRV`, `PTR`, `DS`, `DNSKEY`.
    pub record_type: String,
    /// The resolver asked; ours by default. `"9.9.9.9"`, `"9.9.9.9:53"`, `"tcp://…"`, `"tls://…"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolver: Option<String>,
}

/// TLS settings of a probe.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TlsSettings {
    /// A PEM file trusted beside the system's roots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
    /// The name asked for and verified, where it is not the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    /// A PEM file with our own certificate chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_cert: Option<String>,
    /// A PEM file with its key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_key: Option<String>,
}

/// What an answer must look like. Everything given must hold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Expect {
    /// Accepted HTTP status codes, as inclusive ranges; empty = 200-299.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub status: Vec<(u16, u16)>,
    /// The body contains each of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub body_contains: Vec<String>,
    /// The body contains none of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub body_lacks: Vec<String>,
    /// The body matches each of these regular expressions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub body_matches: Vec<String>,
    /// Each named header is there and matches the regular expression.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Each JSONPath (RFC 9535) selects exactly this value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub json: BTreeMap<String, serde_json::Value>,
    /// The URL reached after redirects begins with this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirects_to: Option<String>,
    /// Each of these records is in the DNS answer, in presentation format.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<String>,
}

impl Expect {
    /// Whether the content of an answer is asserted, which proves the function by default.
    pub fn asserts_content(&self) -> bool {
        !(self.body_contains.is_empty()
            && self.body_matches.is_empty()
            && self.json.is_empty()
            && self.records.is_empty())
    }
}

/// From when on an answer counts as slow.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DegradedWhen {
    /// The whole probe takes longer than this.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "duration_text_option")]
    pub slower_than: Option<Duration>,
    /// A phase (`resolve connect tls processing transfer`) takes longer than this.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phase: Vec<PhaseLimit>,
}

/// A limit on one phase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseLimit {
    /// The phase.
    pub phase: Phase,
    /// Longer than this is slow.
    #[serde(with = "duration_text")]
    pub limit: Duration,
}

/// A phase of a probe, with the names `blackbox_exporter` gave them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Looking up the name.
    Resolve,
    /// The TCP connection.
    Connect,
    /// The TLS handshake.
    Tls,
    /// From the request to the first byte of the answer.
    Processing,
    /// From the first to the last byte.
    Transfer,
}

words!(Phase {
    Resolve => "resolve",
    Connect => "connect",
    Tls => "tls",
    Processing => "processing",
    Transfer => "transfer",
});

/// What is worth a warning.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarnWhen {
    /// A certificate of the chain is valid for less than this.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "duration_text_option")]
    pub certificate_valid_for: Option<Duration>,
}
