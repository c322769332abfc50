//! Tests of `probe`: a prober against servers on loopback that lie, stall, reset and show bad
//! certificates.

mod assertions;
mod bombs;
mod bounds;
pub(crate) mod dns;
mod http;
mod policy;
mod prepare;
mod queue;
pub(crate) mod server;
mod tcp;
pub(crate) mod tls;

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::task::Poll;
use std::time::Duration;

use turmwacht::clock::Clock;
use turmwacht::model::check::{Check, DegradedWhen, Expect, HttpProbe, Probe, Proves, TlsSettings, WarnWhen};
use turmwacht::model::id::CheckId;
use turmwacht::model::observation::{Observation, Outcome};
use turmwacht::model::settings::{ProbingSettings, ResolverAddress, SecretEntry};
use turmwacht::model::verdict::Reason;
use turmwacht::probe::prepare::PreparedRequest;
use turmwacht::probe::{Facts, Freshness, Prober, observe};

/// Long enough that nothing but a hang meets it.
const PATIENCE: Duration = Duration::from_secs(20);

/// Short: for probes that are meant to time out.
pub(crate) const SHORT: Duration = Duration::from_millis(300);

/// Settings that allow loopback and ask no resolver.
pub(crate) fn settings() -> ProbingSettings {
    ProbingSettings {
        timeout: PATIENCE,
        retry_interval: Duration::from_secs(10),
        concurrency: None,
        per_host: 4,
        user_agent: "Turmwacht-Test/1.0".to_owned(),
        resolvers: vec![ResolverAddress::Plain(SocketAddr::from(([127, 0, 0, 1], 1)))],
        private_networks: vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()],
        extra_ca: Vec::new(),
        source_addresses: Vec::new(),
    }
}

pub(crate) fn prober(settings: &ProbingSettings) -> Prober {
    Prober::new(settings, &BTreeMap::new(), 1000).unwrap()
}

pub(crate) fn prober_trusting(ca: PathBuf) -> Prober {
    prober(&ProbingSettings { extra_ca: vec![ca], ..settings() })
}

fn prober_with_secrets(secrets: BTreeMap<String, SecretEntry>) -> Prober {
    Prober::new(&settings(), &secrets, 1000).unwrap()
}

/// Asks all of these at once, and holds on to what each saw.
fn at_once<'r>(prober: &Prober, requests: impl Iterator<Item = &'r PreparedRequest>) -> Vec<Facts> {
    let clock = Clock::new();
    run(async {
        let mut all: Vec<_> =
            requests.map(|request| Box::pin(prober.run(request, Freshness::MayReuseDns, &clock))).collect();
        let mut held = Vec::new();
        std::future::poll_fn(|context| {
            all.retain_mut(|probe| match Future::poll(probe.as_mut(), context) {
                Poll::Ready(facts) => {
                    held.push(facts);
                    false
                }
                Poll::Pending => true,
            });
            if all.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        held
    })
}

/// Runs a future as the program does: on one thread.
fn run<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, future)
}

pub(crate) fn http_probe(url: &str) -> HttpProbe {
    HttpProbe {
        url: url.parse().unwrap(),
        method: "GET".to_owned(),
        headers: Vec::new(),
        body: None,
        follow_redirects: true,
        resolve: None,
        tls: TlsSettings::default(),
    }
}

pub(crate) fn check(probe: Probe) -> Check {
    Check {
        id: CheckId::new("c"),
        component: 0,
        probe,
        interval: Duration::from_secs(60),
        timeout: PATIENCE,
        down_after: 3,
        up_after: 2,
        retry_interval: Duration::from_secs(10),
        expect: Expect::default(),
        degraded: DegradedWhen::default(),
        warn: WarnWhen::default(),
        failure: None,
        proves: Proves::Front,
    }
}

pub(crate) fn http_check(url: &str) -> Check {
    check(Probe::Http(http_probe(url)))
}

/// Runs one check once.
async fn observed(prober: &Prober, check: &Check, freshness: Freshness) -> (Facts, Observation) {
    let clock = Clock::new();
    let (request, compiled) = prober.prepare_check(check);
    let facts = prober.run(&request, freshness, &clock).await;
    let observation = observe(&facts, check, &compiled, clock.now());
    (facts, observation)
}

pub(crate) fn probe(prober: &Prober, check: &Check) -> Observation {
    run(observed(prober, check, Freshness::MayReuseDns)).1
}

/// The reason and detail of an observation, empty for up.
fn verdict(observation: &Observation) -> (Option<Reason>, &str) {
    match observation.fault() {
        Some(fault) => (Some(fault.reason), fault.detail.as_str()),
        None => (None, ""),
    }
}

#[track_caller]
pub(crate) fn assert_up(observation: &Observation) {
    assert_eq!(verdict(observation), (None, ""), "{observation:#?}");
    assert_eq!(observation.outcome, Outcome::Answered);
}

#[track_caller]
pub(crate) fn assert_fails(observation: &Observation, reason: Reason, detail: &str) {
    let (found, words) = verdict(observation);
    assert_eq!(found, Some(reason), "{observation:#?}");
    assert!(words.contains(detail), "`{words}` lacks `{detail}`");
    assert!(words.chars().count() <= 201 && !words.chars().any(char::is_control), "{words:?}");
}
