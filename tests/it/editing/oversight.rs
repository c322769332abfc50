//! What an editor is told of the checks: who is counted how, in which order, and how much of it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use turmwacht::model::measurements::Reading;
use turmwacht::model::observation::{CertificateFacts, Phases, TlsFacts};
use turmwacht::model::oversight::{CERTIFICATES_MAX, NAMED_MAX, Oversight};
use turmwacht::model::time::Timestamp;
use turmwacht::model::verdict::Reason;

use super::{World, admin, editor_of};

fn readings(world: &World) -> Vec<Reading> {
    world.state.catalogue().checks.iter().map(|_| Reading::default()).collect()
}

fn seen(world: &World, readings: Vec<Reading>, organisations: &[&str]) -> Oversight {
    let editor = if organisations.is_empty() { admin() } else { editor_of(organisations) };
    let readings: Vec<Arc<Reading>> = readings.into_iter().map(Arc::new).collect();
    world.state.oversight(&editor, &readings, world.now).unwrap()
}

fn answered(world: &World, milliseconds: u64) -> Reading {
    let duration = Duration::from_millis(milliseconds);
    let phases = Phases { processing: Some(duration), connect: Some(Duration::from_millis(1)), ..Phases::default() };
    Reading { success: Some(true), ended_at: world.now, duration, phases, ..Reading::default() }
}

fn components(seen: &Oversight) -> Vec<&str> {
    seen.failing.listed.iter().map(|failing| failing.component.as_str()).collect()
}

#[test]
fn checks_are_counted_by_what_holds_of_them() {
    let mut world = World::new();
    let count = |seen: &Oversight| serde_json::to_value(seen.checks).unwrap();
    let counts = |up: u64, down: u64, unknown: u64, waiting: u64| -> Value {
        json!({ "up": up, "degraded": 0, "down": down, "unknown": unknown, "waiting": waiting })
    };
    let before = seen(&world, readings(&world), &[]);
    assert_eq!((count(&before), before.failing.listed.len()), (counts(0, 0, 0, 3), 0), "nobody was asked");
    world.probe("homepage-h", false, 1);
    world.probe("portal", true, 3);
    let now = seen(&world, readings(&world), &[]);
    assert_eq!(count(&now), counts(1, 1, 0, 1));
    assert_eq!(components(&now), ["portal"]);
    assert_eq!((now.failing.listed[0].reason, now.failing.listed[0].expired), (Some(Reason::Timeout), false));
    // Nothing comes back any more: what was good is not good for ever.
    world.pass(3_600);
    let stale = seen(&world, readings(&world), &[]);
    assert_eq!(count(&stale), counts(0, 0, 2, 1));
    assert!(stale.failing.listed.iter().all(|failing| failing.expired));
}

#[test]
fn a_failure_that_is_not_confirmed_comes_after_those_that_are() {
    let mut world = World::new();
    world.probe("portal", true, 3);
    world.probe("homepage-h", false, 1);
    world.probe("homepage-w", false, 1);
    let mut readings = readings(&world);
    let index = world.state.catalogue().checks.iter().position(|check| {
        world
            .state
            .catalogue()
            .component(check.component)
            .is_some_and(|component| component.id.as_str() == "homepage-h")
    });
    readings[index.unwrap()] =
        Reading { success: Some(false), reason: Some(Reason::Connect), ended_at: world.now, ..Reading::default() };
    let now = seen(&world, readings.clone(), &[]);
    assert_eq!(components(&now), ["portal", "homepage-h"]);
    assert_eq!((now.failing.listed[1].reason, now.failing.listed[1].unconfirmed), (None, Some(Reason::Connect)));
    // An editor is told of what they own, and of the counts of that alone.
    let town = seen(&world, readings.clone(), &["hattingen"]);
    assert_eq!((components(&town), town.checks.up), (vec!["homepage-h"], 1));
    let other = seen(&world, readings, &["witten"]);
    assert_eq!((components(&other), other.checks.up), (Vec::new(), 1));
}

#[test]
fn a_host_is_told_once_by_its_slowest_answer() {
    let world = World::new();
    let mut all = readings(&world);
    for (reading, took) in all.iter_mut().zip([30, 900, 200]) {
        *reading = answered(&world, took);
    }
    let now = seen(&world, all.clone(), &[]);
    let hosts: Vec<(&str, u128)> =
        now.slowest.listed.iter().map(|slow| (slow.host.as_str(), slow.duration.as_millis())).collect();
    assert_eq!(hosts, [("h.example", 900), ("w.example", 200), ("portal.example", 30)]);
    assert_eq!(now.slowest.listed[0].phase, Some("processing"));
    // One that failed took no time that says anything.
    all[1].success = Some(false);
    assert_eq!(seen(&world, all, &[]).slowest.listed.len(), 2);
}

#[test]
fn a_certificate_is_told_once_and_the_soonest_end_comes_first() {
    let world = World::new();
    let facts = |fingerprint: &str, days: u64| {
        let certificate = |subject: &str, days: u64| CertificateFacts {
            subject: format!("CN={subject}"),
            issuer: "CN=Ca".to_owned(),
            serial: "1".to_owned(),
            fingerprint_sha256: fingerprint.to_owned(),
            names: (0..20).map(|number| format!("{number}.example")).collect(),
            not_before: Timestamp::default(),
            not_after: Timestamp::default().plus(Duration::from_secs(days * 86_400)),
        };
        let chain = vec![certificate(fingerprint, days + 1), certificate("Zwischenstelle", days)];
        Some(Arc::new(TlsFacts { version: Some("TLS 1.3"), cipher: None, chain, refused: None }))
    };
    let mut all = readings(&world);
    all[0].tls = facts("b", 20_000);
    all[1].tls = facts("a", 10_000);
    all[2].tls = facts("b", 20_000);
    let refused =
        TlsFacts { refused: Some("an unknown issuer".to_owned()), ..(**all[2].tls.as_ref().unwrap()).clone() };
    all[2].tls = Some(Arc::new(refused));
    let now = seen(&world, all, &[]);
    let refusals: Vec<_> = now.certificates.listed.iter().map(|certificate| certificate.refused.as_deref()).collect();
    assert_eq!(refusals, [None, Some("an unknown issuer")], "what one of two checks refuses is told");
    let told: Vec<(&str, usize)> = now
        .certificates
        .listed
        .iter()
        .map(|certificate| (certificate.fingerprint_sha256.as_str(), certificate.checks.listed.len()))
        .collect();
    assert_eq!(told, [("a", 1), ("b", 2)]);
    let first = &now.certificates.listed[0];
    assert_eq!((first.names.listed.len(), first.names.more), (NAMED_MAX, 20 - NAMED_MAX));
    assert_eq!(first.ends_first.as_deref(), Some("CN=Zwischenstelle"));
    assert!(now.certificates.listed.len() <= CERTIFICATES_MAX && now.certificates.more == 0);
}

#[test]
fn a_token_for_metrics_is_told_nothing() {
    let world = World::new();
    let editor = turmwacht::model::access::Editor { role: turmwacht::model::access::Role::Metrics, ..admin() };
    let refusal = world.state.oversight(&editor, &[], world.now).unwrap_err();
    assert_eq!(refusal.kind.status(), 403);
}
