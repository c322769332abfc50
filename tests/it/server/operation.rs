//! Health, readiness, metrics, start.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use turmwacht::model::snapshot::{HealthWord, Snapshot};
use turmwacht::publish::metrics::Full;
use turmwacht::server::{self, Health};

use super::world::{Client, World, at_once, config, snapshot};

#[test]
fn before_the_first_snapshot_nothing_is_ready() {
    let world = World::empty(config(), at_once());
    let reply = world.get("/doc", &[]);
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("5")));
    reply.problem();
    let ready = world.get("/readyz", &[]);
    assert_eq!((ready.status, ready.text()), (503, r#"{"status":"starting","words":[]}"#));
    assert_eq!(world.get("/healthz", &[]).status, 503);
    world.documents.publish(snapshot(1));
    world.health.beat();
    assert_eq!(world.get("/doc", &[]).status, 200);
    let ready = world.get("/readyz", &[]);
    assert_eq!((ready.status, ready.text()), (200, r#"{"status":"ready","words":[]}"#));
    assert_eq!(world.get("/healthz", &[]).status, 200);
    let worried = Snapshot { health: vec![HealthWord::ConfigStale, HealthWord::Storage], ..(*snapshot(2)).clone() };
    world.documents.publish(Arc::new(worried));
    assert_eq!(world.get("/readyz", &[]).text(), r#"{"status":"ready","words":["config_stale","storage"]}"#);
}

#[test]
fn a_loop_that_stands_still_is_seen() {
    let health = Health::new(Duration::from_millis(20));
    assert!(!health.is_alive());
    health.beat();
    super::world::until(|| (!health.is_alive()).then_some(()));
    let patient = Health::default();
    patient.beat();
    assert!(patient.is_alive());
}

#[test]
fn metrics_are_written_once_for_all_scrapers_and_only_the_operator_sees_all() {
    let mut config = config();
    config.metrics_listen = Some("127.0.0.1:0".parse().unwrap());
    let world = World::with(config, at_once());
    let public = world.get("/metrics", &[]);
    assert_eq!((public.status, public.text()), (200, "public 1\n"));
    assert_eq!(public.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert_eq!(public.header("cache-control"), Some("no-store"));
    for _ in 0..20 {
        world.get("/metrics?fresh=1", &[]);
    }
    assert!(world.scrapes.load(Ordering::SeqCst) < 10);
    let prometheus = "Accept: application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5";
    let open = world.get("/metrics", &[prometheus, "Accept-Encoding: gzip"]);
    assert_eq!(open.header("content-type"), Some("application/openmetrics-text; version=1.0.0; charset=utf-8"));
    assert_eq!(open.header("content-encoding"), Some("gzip"));
    let mut text = String::new();
    flate2::read::GzDecoder::new(&open.body[..]).read_to_string(&mut text).unwrap();
    assert_eq!(text, "public 1\n# EOF\n");

    let internal = world.server.metrics_addr().unwrap();
    let ask = |path: &str| Client::to(internal).ask("GET", path, &[]);
    assert_eq!(ask("/metrics").text(), "internal 1\n");
    assert_eq!(ask("/metrics").header("access-control-allow-origin"), None);
    assert_eq!(ask("/healthz").status, 200);
    assert_eq!(ask("/readyz").status, 200);
    assert_eq!(ask("/doc").status, 404);
    assert_eq!(Client::to(internal).ask("POST", "/metrics", &[]).status, 405);
}

#[test]
fn a_port_in_use_is_one_sentence() {
    let world = World::new();
    let mut taken = config();
    taken.listen = world.server.local_addr();
    let writer = Arc::new(|_: bool, _: &mut Vec<u8>, _: Full<'_>| ());
    let fault = server::start(
        taken.clone(),
        Arc::clone(&world.documents),
        Arc::clone(&world.health),
        &world.metrics,
        Arc::clone(&writer) as server::WriteMetrics,
        writer,
    )
    .unwrap_err();
    assert_eq!(
        fault.to_string(),
        format!(
            "cannot listen on {}: the port is in use; stop the other program or change `listen` under [server]",
            taken.listen
        )
    );
}

#[test]
fn a_server_can_be_started_where_one_has_just_stopped() {
    let world = World::new();
    let address = world.server.local_addr();
    let mut client = world.connect();
    assert_eq!(client.ask("GET", "/doc", &[]).status, 200);
    assert!(world.server.is_running());
    world.server.shutdown();
    let mut config = config();
    config.listen = address;
    let world = World::with(config, at_once());
    assert_eq!(world.get("/doc", &[]).status, 200);
}

#[test]
fn a_stuck_engine_and_a_defect_in_the_metrics_are_told_apart_and_end_nothing() {
    let (_, documents) = super::world::documents(at_once());
    documents.publish(snapshot(1));
    let health = Arc::new(Health::new(Duration::from_millis(50)));
    let metrics = turmwacht::telemetry::Metrics::new().unwrap();
    let panics: server::WriteMetrics = Arc::new(|_, _, _| panic!("a defect in a writer"));
    let server =
        server::start(config(), documents, Arc::clone(&health), &metrics, Arc::clone(&panics), panics).unwrap();
    let ask = |path: &str| Client::to(server.local_addr()).ask("GET", path, &[]).status;
    super::world::until(|| {
        health.beat();
        (ask("/healthz") == 200).then_some(())
    });
    super::world::until(|| (ask("/healthz") == 503).then_some(()));
    assert_eq!(ask("/metrics"), 503);
    assert_eq!(ask("/metrics"), 503);
    assert_eq!(ask("/doc"), 200);
}
