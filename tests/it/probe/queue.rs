//! Queues: per address, and over all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use turmwacht::clock::Clock;
use turmwacht::model::check::Check;
use turmwacht::model::observation::{Observation, Outcome};
use turmwacht::model::settings::ProbingSettings;
use turmwacht::model::verdict::Reason;
use turmwacht::probe::{Freshness, Prober, observe};

use super::server::{Server, answer, closed_port, hold, send};
use super::{SHORT, assert_fails, assert_up, http_check, prober, run, settings};

/// Runs a check `times` times at once.
fn crowd(prober: &Prober, check: &Check, times: usize) -> Vec<Observation> {
    let clock = Clock::new();
    let (request, compiled) = prober.prepare_check(check);
    run(async {
        let mut running: Vec<_> =
            (0..times).map(|_| Box::pin(prober.run(&request, Freshness::MayReuseDns, &clock))).collect();
        let mut ended = Vec::new();
        std::future::poll_fn(|context| {
            running.retain_mut(|probe| match Future::poll(probe.as_mut(), context) {
                std::task::Poll::Ready(facts) => {
                    ended.push(observe(&facts, check, &compiled, clock.now()));
                    false
                }
                std::task::Poll::Pending => true,
            });
            if running.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
        ended
    })
}

#[test]
fn an_address_sees_at_most_per_host_probes_at_a_time() {
    let (now, most) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let seen = Arc::clone(&most);
    let server = Server::http(move |stream, _| {
        seen.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(5));
        now.fetch_sub(1, Ordering::SeqCst);
        send(stream, &answer("200 OK", "", "ok"));
    });
    let prober = prober(&ProbingSettings { per_host: 2, ..settings() });
    let ended = crowd(&prober, &http_check(&server.url()), 20);
    assert_eq!(ended.len(), 20);
    ended.iter().for_each(assert_up);
    assert_eq!(server.visits(), 20);
    assert!(most.load(Ordering::SeqCst) <= 2);
}

#[test]
fn waiting_behind_a_host_that_hangs_is_the_hosts_fault() {
    let server = Server::http(|stream, _| hold(stream));
    let prober = prober(&ProbingSettings { per_host: 1, ..settings() });
    let mut check = http_check(&server.url());
    check.timeout = SHORT;
    let ended = crowd(&prober, &check, 6);
    assert_eq!(ended.len(), 6);
    for observation in &ended {
        assert_fails(observation, Reason::Timeout, "");
    }
}

#[test]
fn waiting_behind_a_host_that_answers_is_our_fault() {
    let server = Server::http(|stream, _| {
        std::thread::sleep(Duration::from_millis(80));
        send(stream, &answer("200 OK", "", "ok"));
    });
    let prober = prober(&ProbingSettings { per_host: 1, ..settings() });
    let mut check = http_check(&server.url());
    check.timeout = SHORT;
    let ended = crowd(&prober, &check, 12);
    let (answered, waited): (Vec<_>, Vec<_>) = ended.iter().partition(|seen| seen.outcome == Outcome::Answered);
    assert!(!answered.is_empty());
    let in_queue: Vec<_> = waited.iter().filter(|seen| seen.phases.processing.is_none()).collect();
    assert!(!in_queue.is_empty());
    for observation in in_queue {
        assert_fails(observation, Reason::ProbeFault, "per_host = 1");
    }
}

#[test]
fn a_refused_connection_is_a_fact_for_all() {
    let prober = prober(&ProbingSettings { per_host: 1, ..settings() });
    for observation in crowd(&prober, &http_check(&format!("http://{}/", closed_port())), 30) {
        assert_fails(&observation, Reason::Connect, "refuses");
    }
}

#[test]
fn our_own_limit_is_our_own_fault() {
    let server = Server::http(|stream, _| hold(stream));
    let prober = prober(&ProbingSettings { per_host: 1000, ..settings() });
    let mut check = http_check(&server.url());
    check.timeout = SHORT;
    // Before a catalogue is prepared 64 probes may run.
    let ended = crowd(&prober, &check, 80);
    let ours = ended.iter().filter(|seen| seen.fault().unwrap().reason == Reason::ProbeFault).count();
    let hanging = ended.iter().filter(|seen| seen.fault().unwrap().reason == Reason::Timeout).count();
    assert_eq!((ours, hanging), (16, 64));
}
