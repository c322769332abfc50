//! What can be done once per catalogue is done here: identical probes become one request,
//! patterns are compiled, TLS settings loaded, and it is worked out how many probes must be
//! able to run at a time.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::time::Duration;

use hickory_resolver::proto::rr::RecordType;
use http::{HeaderName, HeaderValue, Method};
use sha2::Digest;

use crate::model::catalogue::Catalogue;
use crate::model::check::{self, Check, HttpProbe, Probe, TcpProbe};
use crate::model::settings::SecretEntry;
use crate::probe::assert::{CompiledCheck, Patterns, looks_at_body};
use crate::probe::dns::{Asked, DnsPlan};
use crate::probe::http::{Configured, HttpPlan, Needs};
use crate::probe::pattern::Pattern;
use crate::probe::resolve::absolute;
use crate::probe::tcp::TcpPlan;
use crate::probe::tls::{Materials, TlsContext, TlsMaterial};

/// Fewest probes that may run at a time, however small the catalogue.
const CONCURRENCY_MIN: usize = 64;

/// Descriptors set aside for each probe: for both questions of a look-up, or for two addresses
/// that are tried at a time.
pub(super) const DESCRIPTORS_EACH: usize = 2;

/// A catalogue's requests and assertions.
#[derive(Debug, Default)]
pub struct Prepared {
    /// What is to be asked, each once however many checks want to know.
    pub requests: Vec<PreparedRequest>,
    /// The assertions of each check, by its index in the catalogue.
    pub compiled: Vec<CompiledCheck>,
    /// How many probes may run at a time.
    pub concurrency: usize,
    /// Why the catalogue may be more than this machine can probe in time.
    pub capacity_warning: Option<String>,
}

/// One request on behalf of one or more checks.
#[derive(Debug)]
pub struct PreparedRequest {
    /// A stable hash of the request: spreads the schedule.
    pub key: u64,
    /// What is asked.
    pub probe: Probe,
    /// How often.
    pub interval: Duration,
    /// One deadline over all phases.
    pub timeout: Duration,
    /// The checks that want to know, by their index in the catalogue.
    pub checks: Vec<u32>,
    pub(super) plan: Plan,
    pub(super) host: u64,
}

/// A probe, prepared.
#[derive(Debug)]
pub(super) enum Plan {
    Http(HttpPlan),
    Tls(Result<Rc<TlsMaterial>, String>),
    Tcp(TcpPlan),
    Dns(DnsPlan),
    /// It cannot be run: our own fault each time.
    Faulty(String),
}

/// What preparing needs to know.
pub(super) struct Workshop<'a> {
    pub(super) tls: &'a TlsContext,
    pub(super) secrets: &'a BTreeMap<String, SecretEntry>,
    pub(super) user_agent: &'a HeaderValue,
    pub(super) materials: Materials,
}

impl Workshop<'_> {
    /// Prepares a catalogue.
    pub(super) fn prepare(&mut self, catalogue: &Catalogue, limit: Option<usize>, descriptors: usize) -> Prepared {
        let mut patterns = Patterns::default();
        let mut prepared = Prepared::default();
        let mut known: HashMap<Vec<u8>, usize> = HashMap::new();
        let mut needs: Vec<Needs> = Vec::new();
        for (check, index) in catalogue.checks.iter().zip(0u32..) {
            prepared.compiled.push(CompiledCheck::new(&check.expect, &mut patterns));
            let identity = identity(&check.probe, check.interval, check.timeout);
            let place = *known.entry(identity).or_insert_with_key(|identity| {
                prepared.requests.push(PreparedRequest {
                    key: hash(identity),
                    probe: check.probe.clone(),
                    interval: check.interval,
                    timeout: check.timeout,
                    checks: Vec::new(),
                    plan: Plan::Faulty(String::new()),
                    host: 0,
                });
                needs.push(Needs::default());
                needs.len() - 1
            });
            if let (Some(request), Some(needs)) = (prepared.requests.get_mut(place), needs.get_mut(place)) {
                request.checks.push(index);
                needs.add(check);
            }
        }
        for (request, needs) in prepared.requests.iter_mut().zip(needs) {
            self.plan(request, needs);
        }
        let needed = concurrency_needed(&prepared.requests);
        let affordable = (descriptors / DESCRIPTORS_EACH).max(1);
        prepared.concurrency = needed.min(limit.unwrap_or(usize::MAX)).min(affordable).max(1);
        prepared.capacity_warning = warning(needed, limit, affordable, descriptors);
        prepared
    }

    /// Prepares a single probe.
    pub(super) fn prepare_one(&mut self, probe: &Probe, timeout: Duration, needs: Needs) -> PreparedRequest {
        let mut request = PreparedRequest {
            key: hash(&identity(probe, timeout, timeout)),
            probe: probe.clone(),
            interval: timeout,
            timeout,
            checks: Vec::new(),
            plan: Plan::Faulty(String::new()),
            host: 0,
        };
        self.plan(&mut request, needs);
        request
    }

    fn plan(&mut self, request: &mut PreparedRequest, needs: Needs) {
        request.host = super::reading::host_hash(&host_of(&request.probe));
        let plan = match &request.probe {
            Probe::Http(http) => self.http(http, needs).map(Plan::Http),
            Probe::Tls(tls) => Ok(Plan::Tls(self.materials.get(self.tls, &tls.tls))),
            Probe::Tcp(tcp) => self.tcp(tcp).map(Plan::Tcp),
            Probe::Dns(dns) => self.dns(dns).map(Plan::Dns),
        };
        request.plan = plan.unwrap_or_else(Plan::Faulty);
    }

    fn http(&mut self, http: &HttpProbe, needs: Needs) -> Result<HttpPlan, String> {
        if !matches!(http.url.scheme(), "http" | "https") || !http.url.has_host() {
            return Err(format!("{} is no http or https URL", http.url.scheme()));
        }
        let method = Method::from_bytes(http.method.as_bytes())
            .map_err(|_invalid| format!("`{}` is no HTTP method", http.method))?;
        if method == Method::CONNECT {
            return Err("the method CONNECT opens a tunnel and is no probe".to_owned());
        }
        let headers = http.headers.iter().map(|(name, value)| self.header(name, value)).collect::<Result<_, _>>()?;
        let tls = self.materials.get(self.tls, &http.tls);
        Ok(HttpPlan { method, headers, tls, user_agent: self.user_agent.clone(), needs })
    }

    fn header(&self, name: &str, value: &check::HeaderValue) -> Result<Configured, String> {
        let bad = || format!("the header {name} cannot be sent as it is written");
        let header = HeaderName::try_from(name).map_err(|_invalid| bad())?;
        match value {
            check::HeaderValue::Literal(text) => {
                let value = HeaderValue::from_str(text).map_err(|_invalid| bad())?;
                Ok(Configured { name: header, value, origins: None })
            }
            check::HeaderValue::Secret(secret) => {
                let entry = self.secrets.get(secret).ok_or_else(|| {
                    format!("the secret `{secret}` is not defined: add [secrets.{secret}] to config.toml")
                })?;
                let mut value = HeaderValue::from_str(entry.value.reveal().trim_end()).map_err(|_invalid| bad())?;
                value.set_sensitive(true);
                let origins = entry.origins.iter().filter_map(|origin| url::Url::parse(origin).ok());
                Ok(Configured { name: header, value, origins: Some(origins.map(|url| url.origin()).collect()) })
            }
        }
    }

    fn tcp(&mut self, tcp: &TcpProbe) -> Result<TcpPlan, String> {
        let expect = tcp.expect.as_deref().map(Pattern::compile).transpose()?.map(Box::new);
        let tls = tcp.starttls.map(|_| self.materials.get(self.tls, &tcp.tls));
        Ok(TcpPlan { expect, tls })
    }

    fn dns(&mut self, dns: &check::DnsProbe) -> Result<DnsPlan, String> {
        let record_type: RecordType = dns
            .record_type
            .to_ascii_uppercase()
            .parse()
            .map_err(|_unknown| format!("`{}` is no DNS record type", dns.record_type))?;
        let name = absolute(&dns.name).map_err(|fault| fault.detail)?;
        let resolver = match &dns.resolver {
            None => None,
            Some(text) => Some(Asked::parse(text, || self.materials.get(self.tls, &check::TlsSettings::default()))?),
        };
        Ok(DnsPlan { name, record_type, resolver })
    }
}

impl Needs {
    fn add(&mut self, check: &Check) {
        self.body |= looks_at_body(&check.expect);
        self.headers |= !check.expect.headers.is_empty();
    }

    /// What one check looks at.
    pub(super) fn of(check: &Check) -> Self {
        let mut needs = Self::default();
        needs.add(check);
        needs
    }
}

/// The host that a probe asks.
fn host_of(probe: &Probe) -> String {
    match probe {
        Probe::Http(http) => http.url.host_str().unwrap_or_default().to_owned(),
        Probe::Tls(tls) => tls.host.clone(),
        Probe::Tcp(tcp) => tcp.host.clone(),
        Probe::Dns(dns) => dns.resolver.clone().unwrap_or_else(|| dns.name.clone()),
    }
}

/// What makes two requests the same.
fn identity(probe: &Probe, interval: Duration, timeout: Duration) -> Vec<u8> {
    serde_json::to_vec(&(probe, interval, timeout)).unwrap_or_default()
}

fn hash(identity: &[u8]) -> u64 {
    let digest = sha2::Sha256::digest(identity);
    digest.iter().take(8).fold(0, |hash, byte| hash << 8 | u64::from(*byte))
}

/// Σ timeout/interval × 1.5: so many probes run at a time if none is ever answered, and half as
/// many again.
fn concurrency_needed(requests: &[PreparedRequest]) -> usize {
    let share = |request: &PreparedRequest| {
        let interval = request.interval.as_millis().max(1);
        request.timeout.as_millis().saturating_mul(1_000_000) / interval
    };
    let millionths: u128 = requests.iter().map(share).sum();
    let needed = (millionths * 3).div_ceil(2 * 1_000_000);
    usize::try_from(needed).unwrap_or(usize::MAX).max(CONCURRENCY_MIN)
}

fn warning(needed: usize, limit: Option<usize>, affordable: usize, descriptors: usize) -> Option<String> {
    if let Some(limit) = limit.filter(|limit| *limit < needed && *limit <= affordable) {
        return Some(format!(
            "[probing] concurrency = {limit} is less than the {needed} probes that may run at a time if targets hang; \
             raise it, lengthen intervals or shorten timeouts"
        ));
    }
    (affordable < needed).then(|| {
        format!(
            "up to {needed} probes may run at a time if targets hang, but {descriptors} file descriptors allow only \
             {affordable}; raise the limit of open files (LimitNOFILE, ulimit -n), lengthen intervals or shorten timeouts"
        )
    })
}
