//! Probes: one execution of a question, from the look-up of a name to the last byte, and the
//! facts it saw. What the facts mean is decided in `engine`.
//!
//! [`Prober::prepare`] turns a catalogue into requests, [`Prober::run`] runs one, [`observe`]
//! holds the facts against the assertions of each check that shares the request. A probe owns
//! its connection: every phase is an await of our own, with its own time and its own reason.
//! There is one deadline over all phases; the trace of the probe tells it which phase is under way.
//!
//! A failed target is data ([`Facts`]), never an `Err`. Only what keeps the program from
//! probing at all is a [`ProberFault`].
//!
//! Architecture invariant: probes run on one thread (`Rc`, `RefCell`), spawn no tasks and hold no
//! borrow across an await, so that a panic in one leaves nothing broken for the next.

pub mod policy;
pub mod prepare;

mod assert;
mod certificate;
mod connect;
mod detail;
mod dns;
mod exchange;
mod http;
mod json;
mod pattern;
mod queue;
mod reading;
mod resolve;
mod tcp;
mod tls;
mod trace;
mod wire;

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use ::http::{HeaderMap, HeaderValue};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout_at;

use crate::clock::{Clock, monotonic};
use crate::model::catalogue::Catalogue;
use crate::model::check::{Check, Phase, Probe};
use crate::model::observation::{DnsFacts, Fault, HttpFacts, Outcome, Phases, TlsFacts, Travelled};
use crate::model::settings::{ProbingSettings, SecretEntry};
use crate::model::time::{Timestamp, format_duration};
use crate::model::verdict::Reason;
use crate::probe::connect::Connector;
use crate::probe::detail::fault;
use crate::probe::http::{HttpAnswer, Means, Needs};
use crate::probe::json::{Document, Unmet};
use crate::probe::policy::Policy;
use crate::probe::prepare::{DESCRIPTORS_EACH, Plan, Prepared, PreparedRequest, Workshop};
use crate::probe::queue::Hosts;
use crate::probe::resolve::Names;
use crate::probe::tls::{Materials, TlsContext};
use crate::probe::trace::Trace;

pub use crate::probe::assert::{CompiledCheck, observe};
pub use crate::probe::reading::{address_hash, reading, travelled};

/// Probes that may run at a time before a catalogue was prepared.
const CONCURRENCY_DEFAULT: usize = 64;

/// Whether a DNS answer of an earlier probe may serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// A first attempt.
    MayReuseDns,
    /// A re-probe: everything is asked anew, and another resolver first.
    Fresh,
}

/// Why nothing can be probed.
#[derive(Debug, thiserror::Error)]
pub enum ProberFault {
    /// The trusted certificates cannot be loaded.
    #[error("cannot load the trusted certificates: {0}")]
    Tls(String),
    /// The user agent is no header value.
    #[error("[probing] user_agent holds characters that no header may hold")]
    UserAgent,
}

/// Runs probes. One for the whole program, on one thread.
pub struct Prober {
    connector: Connector,
    tls: TlsContext,
    secrets: BTreeMap<String, SecretEntry>,
    user_agent: HeaderValue,
    limit: Option<usize>,
    descriptors: usize,
    /// How many probes may run at a time; exchanged when a catalogue is prepared.
    running: RefCell<Arc<Semaphore>>,
    concurrency: Cell<usize>,
    bodies: Arc<Semaphore>,
    long_heads: Arc<Semaphore>,
}

/// What a probe saw.
#[derive(Debug)]
pub struct Facts {
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// How long it took, without waiting in our own queues.
    pub duration: Duration,
    /// Time per phase.
    pub phases: Phases,
    /// Whether the answer came.
    pub outcome: Outcome,
    /// The address of the last hop.
    pub address: Option<SocketAddr>,
    /// The head of the last HTTP answer, also where its body failed.
    pub http: Option<HttpFacts>,
    /// The last handshake, also where it failed.
    pub tls: Option<Arc<TlsFacts>>,
    /// The DNS answer of a `dns` probe.
    pub dns: Option<DnsFacts>,
    /// The paths used.
    pub travelled: Travelled,
    headers: HeaderMap,
    encoding: Option<String>,
    body: Vec<u8>,
    json: OnceCell<Result<Document, Unmet>>,
    text: OnceCell<String>,
    /// Room for the body in the common budget.
    _room: Option<OwnedSemaphorePermit>,
}

/// What probes remember from one to the next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Held {
    /// Names with what was last found.
    pub names: usize,
    /// Addresses that probes are at, or wait for.
    pub addresses: usize,
    /// Certificate chains whose facts are shared.
    pub chains: usize,
}

impl Prober {
    /// Loads roots and resolvers. `descriptors` is how many files probes may have open.
    pub fn new(
        settings: &ProbingSettings,
        secrets: &BTreeMap<String, SecretEntry>,
        descriptors: usize,
    ) -> Result<Self, ProberFault> {
        let tls = TlsContext::new(&settings.extra_ca).map_err(ProberFault::Tls)?;
        let names = Names::new(&settings.resolvers, &tls)?;
        let policy = Policy::new(settings.private_networks.clone());
        let hosts = Hosts::new(settings.per_host);
        let user_agent = HeaderValue::from_str(&settings.user_agent).map_err(|_invalid| ProberFault::UserAgent)?;
        let spare = spare(descriptors, CONCURRENCY_DEFAULT);
        Ok(Self {
            connector: Connector::new(names, policy, hosts, settings.source_addresses.clone(), spare),
            tls,
            secrets: secrets.clone(),
            user_agent,
            limit: settings.concurrency,
            descriptors,
            running: RefCell::new(Arc::new(Semaphore::new(CONCURRENCY_DEFAULT))),
            concurrency: Cell::new(CONCURRENCY_DEFAULT),
            bodies: Arc::new(Semaphore::new(http::BODY_BUDGET_KIB)),
            long_heads: Arc::new(Semaphore::new(http::LONG_HEADS_MAX)),
        })
    }

    /// How much is remembered at the moment.
    pub fn held(&self) -> Held {
        let (names, addresses) = self.connector.held();
        Held { names, addresses, chains: self.tls.held() }
    }

    /// Prepares a catalogue and allows as many probes at a time as it needs. Probes under way
    /// end under the earlier limit.
    pub fn prepare(&self, catalogue: &Catalogue) -> Prepared {
        let prepared = self.workshop().prepare(catalogue, self.limit, self.descriptors);
        if prepared.concurrency != self.concurrency.replace(prepared.concurrency) {
            *self.running.borrow_mut() = Arc::new(Semaphore::new(prepared.concurrency));
            self.connector.spare(spare(self.descriptors, prepared.concurrency));
        }
        prepared
    }

    /// Prepares a single probe whose answer nobody looks into: a reference.
    pub fn prepare_one(&self, probe: &Probe, timeout: Duration) -> PreparedRequest {
        self.workshop().prepare_one(probe, timeout, Needs::default())
    }

    /// Prepares a single check.
    pub fn prepare_check(&self, check: &Check) -> (PreparedRequest, CompiledCheck) {
        let request = self.workshop().prepare_one(&check.probe, check.timeout, Needs::of(check));
        (request, CompiledCheck::new(&check.expect, &mut assert::Patterns::default()))
    }

    fn workshop(&self) -> Workshop<'_> {
        Workshop {
            tls: &self.tls,
            secrets: &self.secrets,
            user_agent: &self.user_agent,
            materials: Materials::default(),
        }
    }

    /// Runs one probe. It ends at the latest at its timeout, and a second later where it waits
    /// for the server to close.
    pub async fn run(&self, request: &PreparedRequest, freshness: Freshness, clock: &Clock) -> Facts {
        let trace = Trace::new(request.timeout, Travelled { host: request.host, ..Travelled::default() });
        let deadline = tokio::time::Instant::from_std(trace.deadline);
        let running = Arc::clone(&self.running.borrow());
        let permit = match Arc::clone(&running).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_full) => match timeout_at(deadline, running.acquire_owned()).await {
                Ok(Ok(permit)) => permit,
                Ok(Err(_)) | Err(_) => {
                    let words = format!("our own limit of {} probes at a time is reached", self.concurrency.get());
                    return self.facts(&trace, Err(fault(Reason::ProbeFault, None, words)), clock);
                }
            },
        };
        let queued = monotonic().duration_since(trace.started);
        trace.wait(queued);
        let late = queued > request.timeout / 10;
        let means = Means {
            connector: &self.connector,
            bodies: &self.bodies,
            long_heads: &self.long_heads,
            freshness,
            clock,
            trace: &trace,
        };
        let outcome = {
            let mut work = pin!(self.dispatch(request, means));
            match timeout_at(deadline, work.as_mut()).await {
                Ok(outcome) => outcome,
                // While the work still stands, the queues can tell why it waited.
                Err(_elapsed) => Err(self.too_late(request, &trace, late)),
            }
        };
        drop(permit);
        self.facts(&trace, outcome, clock)
    }

    async fn dispatch(&self, request: &PreparedRequest, means: Means<'_>) -> Result<HttpAnswer, Fault> {
        let nothing = |()| HttpAnswer::default();
        match (&request.probe, &request.plan) {
            (Probe::Http(probe), Plan::Http(plan)) => http::run(probe, plan, means).await,
            (Probe::Tls(probe), Plan::Tls(material)) => tcp::run_tls(probe, material, means).await.map(nothing),
            (Probe::Tcp(probe), Plan::Tcp(plan)) => tcp::run_tcp(probe, plan, means).await.map(nothing),
            (Probe::Dns(_), Plan::Dns(plan)) => dns::run(plan, means).await.map(nothing),
            (_, Plan::Faulty(why)) => Err(fault(Reason::ProbeFault, None, why)),
            (_, Plan::Http(_) | Plan::Tls(_) | Plan::Tcp(_) | Plan::Dns(_)) => {
                Err(fault(Reason::ProbeFault, None, "the request was prepared for another probe"))
            }
        }
    }

    /// What the deadline means, by what the probe was doing when it came.
    fn too_late(&self, request: &PreparedRequest, trace: &Trace, late: bool) -> Fault {
        let limit = format_duration(request.timeout);
        let phase = trace.phase();
        let ours = |words: String| fault(Reason::ProbeFault, phase, words);
        if trace.starved.get() {
            return ours("our own memory for long answers is used up".to_owned());
        }
        if phase == Some(Phase::Resolve) {
            return ours(format!("our resolvers did not answer within {limit}"));
        }
        if phase == Some(Phase::Connect) && trace.untried.get() {
            return ours("our own limit of open files left an address of the host untried".to_owned());
        }
        if let Some((address, since)) = trace.queued.get()
            && trace.placed.get().unwrap_or_else(monotonic).duration_since(since) > request.timeout / 2
        {
            let per_host = self.connector.hosts.per_host();
            if self.connector.hosts.answered_since(address, since) {
                return ours(format!(
                    "{address} answers, but per_host = {per_host} probes at a time are too few for its checks"
                ));
            }
            let words = format!("{address} keeps {per_host} probes waiting and answers none within {limit}");
            return fault(Reason::Timeout, phase, words);
        }
        if late {
            return ours(format!(
                "waiting for our own limit of {} probes at a time left too little of {limit}",
                self.concurrency.get()
            ));
        }
        let place = trace.address.get().map_or_else(String::new, |(address, _)| format!(" from {address}"));
        let words = match phase {
            Some(phase) => format!("no end of the phase {phase}{place} within {limit}"),
            None => format!("no answer{place} within {limit}"),
        };
        let fault = fault(Reason::Timeout, phase, words);
        if phase == Some(Phase::Connect) {
            for address in trace.connecting.borrow().iter() {
                self.connector.hosts.failed(*address, &fault);
            }
        }
        fault
    }

    fn facts(&self, trace: &Trace, outcome: Result<HttpAnswer, Fault>, clock: &Clock) -> Facts {
        trace.leave();
        let (ended, duration) = trace.end();
        let (outcome, answer) = match outcome {
            Ok(answer) => (Outcome::Answered, answer),
            Err(fault) => (Outcome::Failed(fault), HttpAnswer::default()),
        };
        let handshake = trace.handshake.borrow();
        Facts {
            started_at: clock.at(trace.started),
            ended_at: clock.at(ended),
            duration,
            phases: trace.phases(),
            outcome,
            address: trace.address.get().map(|(address, _)| address),
            http: trace.http.borrow_mut().take(),
            tls: handshake.as_ref().and_then(|recorder| self.tls.facts(recorder)),
            dns: trace.dns.borrow_mut().take(),
            travelled: trace.travelled.get(),
            headers: answer.headers,
            encoding: answer.encoding,
            body: answer.body,
            json: OnceCell::new(),
            text: OnceCell::new(),
            _room: answer.room,
        }
    }
}

/// Descriptors that are left for addresses beyond the second of a host.
const fn spare(descriptors: usize, concurrency: usize) -> usize {
    descriptors.saturating_sub(concurrency.saturating_mul(DESCRIPTORS_EACH))
}

impl Facts {
    /// The body as far as it was kept: at most 1 MiB, and only where a check looks at it.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body as text. What is not UTF-8 is read as Latin-1, which any byte is.
    fn text(&self) -> &str {
        let valid = match std::str::from_utf8(&self.body) {
            Ok(text) => Some(text),
            // Cut in the middle of a character, at the end.
            Err(error) if error.error_len().is_none() => {
                self.body.get(..error.valid_up_to()).and_then(|valid| std::str::from_utf8(valid).ok())
            }
            Err(_) => None,
        };
        match valid {
            Some(text) => text,
            None => self.text.get_or_init(|| self.body.iter().copied().map(char::from).collect()),
        }
    }

    /// The body as JSON, parsed once for all checks.
    fn json(&self) -> Result<&Document, &Unmet> {
        self.json.get_or_init(|| Document::parse(&self.body)).as_ref()
    }
}
