//! Names to addresses, through our own resolvers.
//!
//! Two resolvers are two opinions. An answer with addresses from either is taken. That a name
//! does not exist is evidence from one. That a resolver fails (SERVFAIL, no answer) is a fact
//! about the name only if a second one fails too; else it is our own side that is broken.
//!
//! Answers are kept for their time to live, at least 5 and at most 60 seconds, for first
//! attempts; a re-probe asks anew, and another resolver first. Questions for the same name at
//! the same time are asked once.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use hickory_resolver::Hosts;
use hickory_resolver::proto::op::{Message, Query, ResponseCode};
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::clock::{Clock, monotonic};
use crate::model::check::{Phase, TlsSettings};
use crate::model::observation::Fault;
use crate::model::settings::ResolverAddress;
use crate::model::verdict::Reason;
use crate::probe::detail::fault;
use crate::probe::exchange::{Question, Server, Transport};
use crate::probe::tls::{Materials, TlsContext, TlsMaterial};
use crate::probe::trace::Trace;
use crate::probe::{Freshness, ProberFault};

/// Addresses taken from one answer.
const ADDRESSES_MAX: usize = 16;

/// Servers of one resolver that are tried in turn.
const SERVERS_MAX: usize = 3;

/// Names kept. Beyond this the old and unused are dropped.
const NAMES_MAX: usize = 20_000;

/// An answer is reused for its time to live within these borders.
const REUSE_MIN: Duration = Duration::from_secs(5);
const REUSE_MAX: Duration = Duration::from_secs(60);

/// Longest wait for one resolver.
const PATIENCE_MAX: Duration = Duration::from_secs(5);

/// Once one address family has answered, the other gets this much longer.
const OTHER_FAMILY: Duration = Duration::from_millis(250);

/// Our resolvers and what they said.
pub(super) struct Names {
    resolvers: Vec<Resolver>,
    hosts: Option<Hosts>,
    known: RefCell<HashMap<String, Rc<Known>>>,
}

/// One opinion: a configured resolver, which may consist of several servers.
struct Resolver {
    /// Its servers; empty until they are known.
    servers: RefCell<Vec<Rc<Server>>>,
    origin: Origin,
}

/// Where a resolver's servers come from.
enum Origin {
    /// They are configured by address.
    Literal,
    /// The system's settings, which named none when they were read.
    System,
    /// The addresses of this name, looked up by the system when they are first needed: a
    /// program that starts in the middle of an outage must start.
    Name { host: String, port: u16, tls: Rc<TlsMaterial> },
}

#[derive(Debug, Default)]
struct Known {
    /// Held while the question is asked.
    asking: Mutex<()>,
    answer: RefCell<Option<Rc<Looked>>>,
}

/// A look-up and its outcome.
#[derive(Debug)]
pub(super) struct Looked {
    began: Instant,
    ended: Instant,
    reusable_until: Instant,
    outcome: Result<Vec<IpAddr>, Fault>,
}

/// Addresses of a name.
#[derive(Debug)]
pub(super) struct Resolved {
    /// In the order of the answer, IPv6 first.
    pub(super) addresses: Vec<IpAddr>,
    /// How long the look-up took that found them.
    pub(super) took: Duration,
}

impl Names {
    /// Reads the system's settings and its hosts file, once.
    pub(super) fn new(resolvers: &[ResolverAddress], tls: &TlsContext) -> Result<Self, ProberFault> {
        let mut materials = Materials::default();
        let mut opinions = Vec::new();
        let mut hosts = None;
        for resolver in resolvers {
            let (servers, origin) = match resolver {
                ResolverAddress::System => {
                    hosts = Some(Hosts::from_system().unwrap_or_default());
                    (system_servers(), Origin::System)
                }
                ResolverAddress::Plain(address) => (vec![Server::new(*address, Transport::Udp)], Origin::Literal),
                ResolverAddress::Tcp(address) => (vec![Server::new(*address, Transport::Tcp)], Origin::Literal),
                ResolverAddress::Tls { host, port } => {
                    let tls = materials.get(tls, &TlsSettings::default()).map_err(ProberFault::Tls)?;
                    (Vec::new(), Origin::Name { host: host.clone(), port: *port, tls })
                }
            };
            let servers = RefCell::new(servers.into_iter().map(Rc::new).collect());
            opinions.push(Resolver { servers, origin });
        }
        Ok(Self { resolvers: opinions, hosts, known: RefCell::default() })
    }

    /// Names that are remembered.
    pub(super) fn len(&self) -> usize {
        self.known.borrow().len()
    }

    /// The addresses of a name.
    pub(super) async fn resolve(
        &self,
        host: &str,
        freshness: Freshness,
        clock: &Clock,
        trace: &Trace,
    ) -> Result<Resolved, Fault> {
        let asked_at = monotonic();
        let known = self.known.borrow().get(host).cloned();
        if let Some(looked) = known.and_then(|known| known.usable(freshness, asked_at)) {
            return looked.resolved();
        }
        if let Some(addresses) = self.static_addresses(host) {
            return Ok(Resolved { addresses, took: monotonic().duration_since(asked_at) });
        }
        let known = self.known(host);
        let _asking = known.asking.lock().await;
        // Who held the lock before may have asked for us too.
        if let Some(looked) = known.usable(freshness, asked_at) {
            trace.travel(|travelled| travelled.resolver = true);
            return looked.resolved();
        }
        let began = monotonic();
        let found = self.look_up(host, freshness, clock, trace).await;
        let ended = monotonic();
        let (outcome, reuse) = match found {
            Ok((addresses, ttl)) => (Ok(addresses), ttl.clamp(REUSE_MIN, REUSE_MAX)),
            Err(fault) => (Err(fault), Duration::ZERO),
        };
        let looked = Rc::new(Looked { began, ended, reusable_until: ended + reuse, outcome });
        *known.answer.borrow_mut() = Some(Rc::clone(&looked));
        looked.resolved()
    }

    /// What needs no question: RFC 6761's localhost and the hosts file.
    fn static_addresses(&self, host: &str) -> Option<Vec<IpAddr>> {
        let bare = host.strip_suffix('.').unwrap_or(host);
        if bare.eq_ignore_ascii_case("localhost")
            || bare.rsplit('.').next().is_some_and(|top| top.eq_ignore_ascii_case("localhost"))
        {
            return Some(vec![IpAddr::V6(Ipv6Addr::LOCALHOST), IpAddr::V4(Ipv4Addr::LOCALHOST)]);
        }
        let hosts = self.hosts.as_ref()?;
        let name = absolute(host).ok()?;
        let mut addresses = Vec::new();
        for record_type in [RecordType::AAAA, RecordType::A] {
            if let Some(found) = hosts.lookup_static_host(&Query::query(name.clone(), record_type)) {
                addresses.extend(found.answers().iter().filter_map(|record| address_of(&record.data)));
            }
        }
        addresses.truncate(ADDRESSES_MAX);
        (!addresses.is_empty()).then_some(addresses)
    }

    fn known(&self, host: &str) -> Rc<Known> {
        let mut names = self.known.borrow_mut();
        if let Some(known) = names.get(host) {
            return Rc::clone(known);
        }
        if names.len() >= NAMES_MAX {
            let now = monotonic();
            names.retain(|_, known| Rc::strong_count(known) > 1 || known.is_reusable(now));
            if names.len() >= NAMES_MAX {
                names.retain(|_, known| Rc::strong_count(known) > 1);
            }
        }
        let known = Rc::<Known>::default();
        names.insert(host.to_owned(), Rc::clone(&known));
        known
    }

    async fn look_up(
        &self,
        host: &str,
        freshness: Freshness,
        clock: &Clock,
        trace: &Trace,
    ) -> Result<(Vec<IpAddr>, Duration), Fault> {
        let name = absolute(host)?;
        let asking = Asking { freshness, clock, trace };
        let six = Question::new(Query::query(name.clone(), RecordType::AAAA))?;
        let four = Question::new(Query::query(name, RecordType::A))?;
        let found = self
            .opinions(asking, async |resolver, patience| {
                resolver.addresses(host, [&six, &four], patience, asking).await
            })
            .await?;
        match found {
            Found::Something(addresses) => Ok(addresses),
            Found::Nothing(fault) => Err(fault),
        }
    }

    /// The answer to a single question.
    pub(super) async fn ask(
        &self,
        query: Query,
        freshness: Freshness,
        clock: &Clock,
        trace: &Trace,
    ) -> Result<Message, Fault> {
        let record_type = query.query_type();
        let question = Question::new(query)?;
        let asking = Asking { freshness, clock, trace };
        let found = self
            .opinions(asking, async |resolver, patience| {
                let answer = resolver.ask(&question, patience, asking).await?;
                let has_records = answer.answers.iter().any(|record| record.record_type() == record_type);
                Ok(if has_records { Found::Something(answer) } else { Found::Nothing(answer) })
            })
            .await?;
        match found {
            Found::Something(answer) | Found::Nothing(answer) => Ok(answer),
        }
    }

    /// Asks one resolver, and a second one where the first finds nothing or fails.
    async fn opinions<S, N>(
        &self,
        asking: Asking<'_>,
        ask: impl AsyncFn(&Resolver, Duration) -> Result<Found<S, N>, Fault>,
    ) -> Result<Found<S, N>, Fault> {
        let resolve = Some(Phase::Resolve);
        let patience = |share: f64| asking.trace.remaining().mul_f64(share).min(PATIENCE_MAX);
        let (one, other) = match (self.resolvers.as_slice(), asking.freshness) {
            ([], _) => return Err(fault(Reason::ProbeFault, resolve, "no resolver is configured")),
            ([only], _) => (only, None),
            ([first, second, ..], Freshness::MayReuseDns) => (first, Some(second)),
            ([first, second, ..], Freshness::Fresh) => (second, Some(first)),
        };
        let first = ask(one, patience(if other.is_some() { 0.4 } else { 0.8 })).await;
        let first = match (first, other) {
            (Ok(Found::Something(found)), _) => return Ok(Found::Something(found)),
            (Ok(nothing), None) => return Ok(nothing),
            (Err(failed), None) => {
                let words = format!("our resolver failed, and no second one is configured: {}", failed.detail);
                return Err(fault(Reason::ProbeFault, resolve, words));
            }
            (first, Some(_)) => first,
        };
        let Some(other) = other else { return first };
        let second = ask(other, patience(0.7)).await;
        match (first, second) {
            (_, Ok(Found::Something(found))) => Ok(Found::Something(found)),
            // That there is nothing is evidence, from whomever.
            (Ok(nothing), _) | (Err(_), Ok(nothing)) => Ok(nothing),
            (Err(first), Err(second)) => {
                let ours = first.reason == Reason::ProbeFault || second.reason == Reason::ProbeFault;
                let reason = if ours { Reason::ProbeFault } else { Reason::Dns };
                let words = format!("two resolvers failed: {}; {}", first.detail, second.detail);
                Err(fault(reason, resolve, words))
            }
        }
    }
}

/// What a resolver that works has found.
enum Found<S, N> {
    Something(S),
    Nothing(N),
}

/// How and for whom a question is asked.
#[derive(Clone, Copy)]
struct Asking<'a> {
    freshness: Freshness,
    clock: &'a Clock,
    trace: &'a Trace,
}

impl Known {
    /// An answer that serves a probe which began to ask at `asked_at`: one whose look-up was
    /// still under way then (for a re-probe: began after), or a younger one than its time to live.
    fn usable(&self, freshness: Freshness, asked_at: Instant) -> Option<Rc<Looked>> {
        let answer = self.answer.borrow();
        let looked = answer.as_ref()?;
        let usable = match freshness {
            Freshness::MayReuseDns => {
                looked.ended >= asked_at || (looked.outcome.is_ok() && asked_at < looked.reusable_until)
            }
            Freshness::Fresh => looked.began >= asked_at,
        };
        usable.then(|| Rc::clone(looked))
    }

    fn is_reusable(&self, now: Instant) -> bool {
        self.answer.borrow().as_ref().is_some_and(|looked| looked.reusable_until > now)
    }
}

impl Looked {
    fn resolved(&self) -> Result<Resolved, Fault> {
        let took = self.ended.duration_since(self.began);
        self.outcome.clone().map(|addresses| Resolved { addresses, took })
    }
}

impl Resolver {
    /// Both families at once: the addresses and how long they may be reused.
    async fn addresses(
        &self,
        host: &str,
        [six, four]: [&Question; 2],
        patience: Duration,
        asking: Asking<'_>,
    ) -> Result<Found<(Vec<IpAddr>, Duration), Fault>, Fault> {
        let mut six = pin!(self.ask(six, patience, asking));
        let mut four = pin!(self.ask(four, patience, asking));
        let has_address = |answer: &Result<Message, Fault>| {
            answer.as_ref().is_ok_and(|message| message.answers.iter().any(|record| address_of(&record.data).is_some()))
        };
        let answers = tokio::select! {
            first = &mut six => match has_address(&first) {
                true => [Some(first), timeout(OTHER_FAMILY, four).await.ok()],
                false => [Some(first), Some(four.await)],
            },
            first = &mut four => match has_address(&first) {
                true => [timeout(OTHER_FAMILY, six).await.ok(), Some(first)],
                false => [Some(six.await), Some(first)],
            },
        };
        let mut addresses = Vec::new();
        let mut ttl = REUSE_MAX;
        let mut failure = None;
        let mut exists = true;
        for answer in answers.into_iter().flatten() {
            match answer {
                Ok(message) => {
                    exists &= message.metadata.response_code != ResponseCode::NXDomain;
                    for record in message.answers.iter().take(2 * ADDRESSES_MAX) {
                        ttl = ttl.min(Duration::from_secs(u64::from(record.ttl)));
                        addresses.extend(address_of(&record.data));
                    }
                }
                Err(fault) => failure = Some(fault),
            }
        }
        let nothing =
            |words: &str| Found::Nothing(fault(Reason::Dns, Some(Phase::Resolve), format!("the name {host} {words}")));
        match failure {
            _ if !addresses.is_empty() => {
                addresses.truncate(ADDRESSES_MAX);
                Ok(Found::Something((addresses, ttl)))
            }
            _ if !exists => Ok(nothing("does not exist")),
            Some(failure) => Err(failure),
            None => Ok(nothing("has no address")),
        }
    }

    /// Its servers, or why there is none.
    async fn servers(&self) -> Result<Vec<Rc<Server>>, String> {
        let known = self.servers.borrow().clone();
        if !known.is_empty() {
            return Ok(known);
        }
        let (host, port, tls) = match &self.origin {
            Origin::Literal => return Err("the resolver has no server".to_owned()),
            Origin::System => {
                return Err("the system names no resolver: set [probing] resolvers to one of your own".to_owned());
            }
            Origin::Name { host, port, tls } => (host, *port, tls),
        };
        let found = tokio::net::lookup_host((host.as_str(), port))
            .await
            .map_err(|error| format!("the system cannot look up the resolver {host}: {error}; use its address"))?;
        let mut addresses: Vec<SocketAddr> = found.take(2 * SERVERS_MAX).collect();
        // A dual-stack resolver on a host without IPv6 must not cost half of the patience.
        addresses.sort_by_key(SocketAddr::is_ipv6);
        addresses.truncate(SERVERS_MAX);
        let transport = Transport::Tls(Rc::clone(tls), host.clone());
        let servers: Vec<_> =
            addresses.into_iter().map(|address| Rc::new(Server::new(address, transport.clone()))).collect();
        self.servers.borrow_mut().clone_from(&servers);
        Ok(servers)
    }

    /// The first of this resolver's servers that answers; `Err` if it fails as a whole.
    async fn ask(&self, question: &Question, patience: Duration, asking: Asking<'_>) -> Result<Message, Fault> {
        let Asking { freshness, clock, trace } = asking;
        trace.travel(|travelled| travelled.resolver = true);
        let resolve = Some(Phase::Resolve);
        let servers = timeout(patience, self.servers())
            .await
            .unwrap_or_else(|_late| Err("the system does not look up the resolver's own name".to_owned()))
            .map_err(|why| fault(Reason::ProbeFault, resolve, why))?;
        let mut failure = fault(Reason::ProbeFault, resolve, "the resolver has no server");
        let share = patience / u32::try_from(servers.len().max(1)).unwrap_or(1);
        for server in &servers {
            let reuse = freshness == Freshness::MayReuseDns;
            failure = match timeout(share, server.ask(question, reuse, clock, trace)).await {
                Ok(Ok(answer)) => match answer.metadata.response_code {
                    ResponseCode::NoError | ResponseCode::NXDomain => return Ok(answer),
                    code => fault(Reason::Dns, resolve, format!("{} says {}", server.address, rcode_name(code))),
                },
                // No socket, no route: that is nothing a second resolver could agree to.
                Ok(Err(broken)) if broken.reason == Reason::ProbeFault => broken,
                Ok(Err(broken)) => fault(Reason::Dns, resolve, broken.detail),
                Err(_late) => fault(Reason::Dns, resolve, format!("{} does not answer", server.address)),
            };
        }
        Err(failure)
    }
}

fn address_of(data: &RData) -> Option<IpAddr> {
    match data {
        RData::A(address) => Some(IpAddr::V4(address.0)),
        RData::AAAA(address) => Some(IpAddr::V6(address.0)),
        _ => None,
    }
}

/// A host as an absolute name: search lists are for people at a keyboard.
pub(super) fn absolute(host: &str) -> Result<Name, Fault> {
    let mut name = Name::from_utf8(host).map_err(|error| {
        fault(Reason::ProbeFault, Some(Phase::Resolve), format!("`{host}` is no host name: {error}"))
    })?;
    name.set_fqdn(true);
    Ok(name)
}

/// The mnemonic of a response code.
pub(super) fn rcode_name(code: ResponseCode) -> String {
    match code {
        ResponseCode::NoError => "NOERROR".to_owned(),
        ResponseCode::FormErr => "FORMERR".to_owned(),
        ResponseCode::ServFail => "SERVFAIL".to_owned(),
        ResponseCode::NXDomain => "NXDOMAIN".to_owned(),
        ResponseCode::NotImp => "NOTIMP".to_owned(),
        ResponseCode::Refused => "REFUSED".to_owned(),
        ResponseCode::NotAuth => "NOTAUTH".to_owned(),
        other => format!("RCODE{}", u16::from(other)),
    }
}

/// The system's servers, as one resolver.
fn system_servers() -> Vec<Server> {
    let Ok((config, _options)) = hickory_resolver::system_conf::read_system_conf() else { return Vec::new() };
    let mut servers: Vec<Server> = Vec::new();
    for server in &config.name_servers {
        let port = server.connections.first().map_or(53, |connection| connection.port);
        let address = SocketAddr::new(server.ip, port);
        if servers.len() < SERVERS_MAX && !servers.iter().any(|known| known.address == address) {
            servers.push(Server::new(address, Transport::Udp));
        }
    }
    servers
}
