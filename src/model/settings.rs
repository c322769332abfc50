//! The operator's settings from `config.toml` that are no part of the catalogue: where to
//! listen, where to store, how to probe. They hold secret values and so are never serialized.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use crate::model::access::Role;
use crate::model::check::Probe;
use crate::model::id::OrganisationId;
use crate::model::notify::NotifySettings;

/// Everything an instance needs beside its catalogue.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// `[server]`
    pub server: ServerSettings,
    /// `[storage]`
    pub storage: StorageSettings,
    /// `[probing]`
    pub probing: ProbingSettings,
    /// `[vantage] reference`: asked whether our own paths work.
    pub references: Vec<Reference>,
    /// `[secrets]` by name.
    pub secrets: BTreeMap<String, SecretEntry>,
    /// `[notify]`: whom to tell of what.
    pub notify: NotifySettings,
    /// `[export]`: the public files written to a folder, if wanted.
    pub export: Option<ExportSettings>,
    /// `[oidc]`: a provider where editors sign in, if there is one.
    pub oidc: Option<OidcSettings>,
}

impl Settings {
    /// The sections of config.toml in which another reading of it differs; but for how often and how long
    /// something is probed, which checks have in the catalogue.
    pub fn sections_unlike(&self, other: &Self) -> Vec<&'static str> {
        let ProbingSettings { timeout, retry_interval, .. } = other.probing;
        let probing = ProbingSettings { timeout, retry_interval, ..self.probing.clone() };
        let unlike = [
            ("[server]", self.server != other.server),
            ("[storage]", self.storage != other.storage),
            ("[probing]", probing != other.probing),
            ("[vantage]", self.references != other.references),
            ("[secrets]", self.secrets != other.secrets),
            ("[notify]", self.notify != other.notify),
            ("[export]", self.export != other.export),
            ("[oidc]", self.oidc != other.oidc),
        ];
        unlike.into_iter().filter_map(|(section, is_unlike)| is_unlike.then_some(section)).collect()
    }
}

/// `[oidc]`
#[derive(Debug, Clone, PartialEq)]
pub struct OidcSettings {
    /// As the provider names itself.
    pub issuer: String,
    /// Our name there.
    pub client_id: String,
    /// What proves that it is us.
    pub client_secret: Secret,
    /// The origins that it may be sent to, as in [`SecretEntry::origins`].
    pub secret_origins: Vec<String>,
    /// The claim of the ID token that names a person's groups.
    pub groups_claim: String,
    /// Scopes that are asked for beside `openid`.
    pub scopes: Vec<String>,
    /// The groups that count; nobody else gets in.
    pub groups: Vec<OidcGroup>,
}

/// `[[oidc.group]]`: what those in a group may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcGroup {
    /// Its name, as the provider writes it.
    pub name: String,
    /// Admin or editor.
    pub role: Role,
    /// Whom it is for. None means all to an admin.
    pub organisations: Vec<OrganisationId>,
}

/// `[export]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportSettings {
    /// The folder.
    pub path: PathBuf,
    /// Shortest time between two runs that bring it up to date.
    pub every: Duration,
}

/// Streams of events take at most so much of the connections, so that there is always room for
/// documents: four fifths.
pub const STREAMS_SHARE: (usize, usize) = (4, 5);

/// `[server]`
#[derive(Debug, Clone, PartialEq)]
pub struct ServerSettings {
    /// The public listener.
    pub listen: SocketAddr,
    /// The operator's metrics listener.
    pub metrics_listen: Option<SocketAddr>,
    /// The editors' listener; `None` = the public one.
    pub admin_listen: Option<SocketAddr>,
    /// Proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Most connections at a time; `None` = half of the descriptors.
    pub max_connections: Option<usize>,
    /// Most event streams at a time.
    pub max_sse: usize,
    /// Bytes of rendered documents to keep.
    pub document_cache_bytes: u64,
}

/// `[storage]`
#[derive(Debug, Clone, PartialEq)]
pub struct StorageSettings {
    /// The database file.
    pub path: PathBuf,
    /// How long single results are kept.
    pub retain_results: Duration,
}

/// `[probing]`: how probes go out.
#[derive(Debug, Clone, PartialEq)]
pub struct ProbingSettings {
    /// The default timeout; also how long a reference may take.
    pub timeout: Duration,
    /// The default retry interval; a reference's answer is reused for so long.
    pub retry_interval: Duration,
    /// Most probes at a time; `None` = derived from the catalogue ("auto").
    pub concurrency: Option<usize>,
    /// Most probes at a time per address.
    pub per_host: usize,
    /// `User-Agent` of every HTTP probe.
    pub user_agent: String,
    /// Resolvers asked, the first first; a second one confirms.
    pub resolvers: Vec<ResolverAddress>,
    /// Non-public networks that a configured name or literal may lead to.
    pub private_networks: Vec<IpNet>,
    /// PEM files trusted beside the system's roots.
    pub extra_ca: Vec<PathBuf>,
    /// Local addresses to probe from.
    pub source_addresses: Vec<IpAddr>,
}

/// A resolver to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResolverAddress {
    /// Those of the system.
    System,
    /// UDP with TCP for long answers.
    Plain(SocketAddr),
    /// TCP only.
    Tcp(SocketAddr),
    /// DNS over TLS, to a host name or address.
    Tls {
        /// Host name or address; also the name verified.
        host: String,
        /// Port, 853 by default.
        port: u16,
    },
}

/// A reference: something outside that answers if our own paths work.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    /// As written.
    pub text: String,
    /// What is asked.
    pub probe: Probe,
}

/// A secret and where it may go.
#[derive(Debug, Clone, PartialEq)]
pub struct SecretEntry {
    /// Its value.
    pub value: Secret,
    /// The organisations whose components may use it.
    pub organisations: Vec<OrganisationId>,
    /// The origins it may be sent to, as `url::Origin::ascii_serialization` writes them: scheme
    /// and host, a port only where it is not the scheme's own.
    pub origins: Vec<String>,
}

/// A secret value. It has no way out but [`Secret::reveal`]; `Debug` prints `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a value.
    pub const fn new(value: String) -> Self {
        Self(value)
    }

    /// The value, for the one request it is meant for.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
