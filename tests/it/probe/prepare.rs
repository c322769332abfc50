//! From a catalogue to requests.

use std::time::Duration;

use turmwacht::model::catalogue::{Catalogue, Declared};
use turmwacht::model::check::{Check, HeaderValue, Probe};
use turmwacht::model::settings::ProbingSettings;
use turmwacht::model::verdict::Reason;
use turmwacht::probe::Prober;

use super::{assert_fails, http_check, http_probe, probe, prober, settings};

fn catalogue(checks: Vec<Check>) -> Catalogue {
    Catalogue::new(Declared { checks, ..Declared::default() })
}

#[test]
fn identical_questions_with_the_same_timing_are_one_request() {
    let one = http_check("http://127.0.0.1/");
    let mut asserting = one.clone();
    asserting.expect.body_contains = vec!["x".to_owned()];
    let mut hurried = one.clone();
    hurried.interval = Duration::from_secs(30);
    let mut posting = http_probe("http://127.0.0.1/");
    posting.method = "POST".to_owned();
    let posting = super::check(Probe::Http(posting));
    let checks = vec![one.clone(), asserting, hurried, posting, one];
    let prober = prober(&settings());
    let prepared = prober.prepare(&catalogue(checks.clone()));
    let shared: Vec<_> = prepared.requests.iter().map(|request| request.checks.clone()).collect();
    assert_eq!(shared, [vec![0, 1, 4], vec![2], vec![3]]);
    assert_eq!(prepared.compiled.len(), 5);
    // Keys do not depend on the rest of the catalogue.
    let mut keys: Vec<_> = prepared.requests.iter().map(|request| request.key).collect();
    let again = prober.prepare(&catalogue(checks.into_iter().rev().collect()));
    let mut other: Vec<_> = again.requests.iter().map(|request| request.key).collect();
    keys.sort_unstable();
    other.sort_unstable();
    assert_eq!(keys, other);
    keys.dedup();
    assert_eq!(keys.len(), 3);
}

fn thousand(prober: &Prober) -> turmwacht::probe::prepare::Prepared {
    let checks = (0..1000).map(|index| {
        let mut check = http_check(&format!("http://127.0.0.1/{index}"));
        check.timeout = Duration::from_secs(10);
        check
    });
    prober.prepare(&catalogue(checks.collect()))
}

#[test]
fn concurrency_follows_from_the_catalogue_within_the_descriptors() {
    // 1000 × 10 s / 60 s × 1.5
    let prepared = thousand(&prober(&settings()));
    assert_eq!((prepared.concurrency, prepared.capacity_warning), (250, None));
    let poor = Prober::new(&settings(), &std::collections::BTreeMap::new(), 150).unwrap();
    let prepared = thousand(&poor);
    assert_eq!(prepared.concurrency, 75);
    let warning = prepared.capacity_warning.unwrap();
    assert!(warning.contains("250") && warning.contains("150 file descriptors"), "{warning}");
    let capped = prober(&ProbingSettings { concurrency: Some(20), ..settings() });
    let prepared = thousand(&capped);
    assert_eq!(prepared.concurrency, 20);
    assert!(prepared.capacity_warning.unwrap().contains("concurrency = 20"));
    assert_eq!(prober(&settings()).prepare(&Catalogue::default()).concurrency, 64);
}

#[test]
fn what_cannot_be_prepared_is_our_own_fault_at_each_run() {
    let prober = prober(&settings());
    let mut bad_pattern = http_check("http://127.0.0.1:9/");
    bad_pattern.expect.body_matches = vec!["((((".to_owned()];
    let (_, compiled) = prober.prepare_check(&bad_pattern);
    assert!(format!("{compiled:?}").contains("no usable regular expression"));
    let mut bad_method = http_probe("http://127.0.0.1:9/");
    bad_method.method = "GE T".to_owned();
    assert_fails(&probe(&prober, &super::check(Probe::Http(bad_method))), Reason::ProbeFault, "no HTTP method");
    let mut bad_header = http_probe("http://127.0.0.1:9/");
    bad_header.headers = vec![("X".to_owned(), HeaderValue::Literal("a\r\nb".to_owned()))];
    assert_fails(&probe(&prober, &super::check(Probe::Http(bad_header))), Reason::ProbeFault, "cannot be sent");
}
