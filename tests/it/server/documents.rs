//! Rendered once, encoded once, bounded, exchanged.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use turmwacht::publish::Target;
use turmwacht::publish::documents::{Answer, DocumentSettings, Documents, Encoding, Lookup, Stored};

use super::world::{at_once, documents, snapshot, until};

fn target(path: &str) -> Target {
    Target { path: path.to_owned(), query: Vec::new() }
}

fn answer(documents: &Documents, path: &str) -> Answer {
    match documents.get(target(path)) {
        Lookup::Ready(stored) => Answer::Document(stored),
        Lookup::Wait(rendering) => rendering.blocking_recv().unwrap(),
        other => panic!("{other:?}"),
    }
}

fn document(documents: &Documents, path: &str) -> Arc<Stored> {
    match answer(documents, path) {
        Answer::Document(stored) => stored,
        other => panic!("{other:?}"),
    }
}

#[test]
fn nothing_before_the_first_snapshot() {
    let (_, documents) = documents(at_once());
    assert!(matches!(documents.get(target("/doc")), Lookup::NotReady));
    assert!(documents.current().is_none());
}

#[test]
fn many_who_ask_at_once_cause_one_render() {
    let (renderer, documents) = documents(at_once());
    documents.publish(snapshot(1));
    let waiting: Vec<_> = (0..100)
        .map(|_| match documents.get(target("/slow")) {
            Lookup::Wait(rendering) => rendering,
            other => panic!("{other:?}"),
        })
        .collect();
    renderer.gate.open();
    for rendering in waiting {
        assert!(matches!(rendering.blocking_recv().unwrap(), Answer::Document(_)));
    }
    assert!(matches!(documents.get(target("/slow")), Lookup::Ready(_)));
    assert_eq!(renderer.count(), 1);
}

#[test]
fn a_new_epoch_renders_anew_and_what_is_unchanged_keeps_its_identity() {
    let (renderer, documents) = documents(at_once());
    documents.publish(snapshot(1));
    let (changing, stable) = (document(&documents, "/doc"), document(&documents, "/stable"));
    documents.want("/stable", &stable, Encoding::Gzip);
    until(|| stable.encoded(Encoding::Gzip).cloned());
    let version = documents.version();
    documents.publish(snapshot(2));
    assert_ne!(documents.version(), version);
    assert!(documents.ready("/doc").is_none());
    assert_ne!(document(&documents, "/doc").digest, changing.digest);
    let again = document(&documents, "/stable");
    assert_eq!(again.digest, stable.digest);
    assert!(again.encoded(Encoding::Gzip).is_some(), "encoded again for nothing");
    assert_eq!(renderer.count(), 4);
    assert!(documents.ready("/stable").is_some());
}

#[test]
fn documents_nobody_asks_for_leave_after_an_epoch() {
    let (_, documents) = documents(at_once());
    documents.publish(snapshot(1));
    document(&documents, "/doc");
    documents.publish(snapshot(2));
    documents.publish(snapshot(3));
    until(|| (documents.size() == (0, 0)).then_some(()));
}

#[test]
fn a_burst_of_changes_is_exchanged_at_once_and_then_after_the_pause() {
    let settings = DocumentSettings { exchange_every: Duration::from_millis(100), ..DocumentSettings::default() };
    let (renderer, documents) = documents(settings);
    for position in 1..=1000 {
        documents.publish(snapshot(position));
        if position == 1 {
            assert_eq!(documents.current().unwrap().position, 1);
        }
        document(&documents, "/doc");
    }
    until(|| (documents.current().unwrap().position == 1000).then_some(()));
    assert!(renderer.count() < 1000, "{} renders", renderer.count());
}

#[test]
fn memory_is_bounded_and_what_is_used_stays() {
    let bytes = 200_000;
    let (renderer, documents) = documents(DocumentSettings { cache_bytes: bytes, ..at_once() });
    documents.publish(snapshot(1));
    let dear = document(&documents, "/doc");
    for number in 0..200 {
        dear.touch();
        document(&documents, &format!("/many/{number}")).touch();
        let (kept, count) = documents.size();
        assert!(kept <= bytes, "{kept} bytes in {count} documents");
    }
    let before = renderer.count();
    assert!(documents.ready("/doc").is_some(), "what is in use was thrown out");
    assert!(documents.ready("/many/0").is_none());
    assert!(documents.ready("/many/199").is_some());
    assert_eq!(renderer.count(), before);
    // Variants count too.
    let version = documents.version();
    let kept: Vec<_> = (0..200).filter_map(|n| Some((n, documents.ready(&format!("/many/{n}"))?))).collect();
    for (number, stored) in &kept {
        for encoding in Encoding::ALL {
            documents.want(&format!("/many/{number}"), stored, encoding);
            until(|| stored.encoded(encoding).cloned());
        }
    }
    assert!(documents.size().0 <= bytes);
    until(|| (documents.version() != version).then_some(()));
}

#[test]
fn a_cache_of_no_bytes_still_serves() {
    let (renderer, documents) = documents(DocumentSettings { cache_bytes: 0, ..at_once() });
    documents.publish(snapshot(1));
    assert_eq!(document(&documents, "/doc").digest, document(&documents, "/doc").digest);
    assert_eq!(renderer.count(), 2);
    assert_eq!(documents.size(), (0, 0));
}

#[test]
fn a_panic_in_the_renderer_hits_one_document() {
    let (_, documents) = documents(at_once());
    documents.publish(snapshot(1));
    assert!(matches!(answer(&documents, "/panic"), Answer::Failed));
    assert!(matches!(answer(&documents, "/doc"), Answer::Document(_)));
}

#[test]
fn a_full_queue_refuses_instead_of_growing() {
    let (renderer, documents) = documents(at_once());
    documents.publish(snapshot(1));
    let mut waiting = Vec::new();
    let refused = (0..5000).any(|number| match documents.get(target(&format!("/slow/{number}"))) {
        Lookup::Wait(rendering) => {
            waiting.push(rendering);
            false
        }
        Lookup::Busy => true,
        other => panic!("{other:?}"),
    });
    assert!(refused);
    renderer.gate.open();
    for rendering in waiting {
        assert!(matches!(rendering.blocking_recv().unwrap(), Answer::Document(_)));
    }
    assert!(matches!(answer(&documents, "/doc"), Answer::Document(_)));
}

#[test]
fn an_exchange_during_a_render_never_shows_the_old_epoch_to_later_readers() {
    let (renderer, documents) = documents(at_once());
    documents.publish(snapshot(1));
    let Lookup::Wait(early) = documents.get(target("/slow")) else { panic!() };
    until(|| (renderer.renders.load(Ordering::SeqCst) == 1).then_some(()));
    documents.publish(snapshot(2));
    let Lookup::Wait(late) = documents.get(target("/slow")) else { panic!() };
    renderer.gate.open();
    let body = |answer| match answer {
        Answer::Document(stored) => String::from_utf8(stored.body.to_vec()).unwrap(),
        other => panic!("{other:?}"),
    };
    assert!(body(early.blocking_recv().unwrap()).starts_with("{\"position\":1,"));
    assert!(body(late.blocking_recv().unwrap()).starts_with("{\"position\":2,"));
    assert!(String::from_utf8_lossy(&documents.ready("/slow").unwrap().body).starts_with("{\"position\":2,"));
}

fn question(path: &str, number: usize) -> Target {
    Target { path: path.to_owned(), query: vec![("q".to_owned(), format!("wort{number}"))] }
}

#[test]
fn answers_to_endless_questions_push_nothing_out() {
    let (_, documents) = documents(at_once());
    documents.publish(snapshot(1));
    document(&documents, "/doc");
    let before = documents.size();
    for number in 0..500 {
        match documents.get(question("/api/v1/search", number)) {
            Lookup::Wait(rendering) => assert!(matches!(rendering.blocking_recv().unwrap(), Answer::Document(_))),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(documents.size(), before);
    assert!(matches!(documents.get(target("/doc")), Lookup::Ready(_)));
}

#[test]
fn questions_wait_in_a_short_row_of_their_own() {
    let (renderer, documents) = documents(at_once());
    documents.publish(snapshot(1));
    let mut waiting = Vec::new();
    for number in 0..32 {
        match documents.get(question("/search", number)) {
            Lookup::Wait(rendering) => waiting.push(rendering),
            other => panic!("{number}: {other:?}"),
        }
    }
    assert!(matches!(documents.get(question("/search", 32)), Lookup::Busy));
    // Who asks the same waits for the same, and all else has room.
    assert!(matches!(documents.get(question("/search", 5)), Lookup::Wait(_)));
    let Lookup::Wait(other) = documents.get(target("/doc")) else { panic!("no room") };
    renderer.gate.open();
    for rendering in waiting {
        assert!(matches!(rendering.blocking_recv().unwrap(), Answer::Document(_)));
    }
    assert!(matches!(other.blocking_recv().unwrap(), Answer::Document(_)));
    assert!(matches!(documents.get(question("/search", 32)), Lookup::Wait(_)));
}

#[test]
fn what_looks_back_holds_up_only_its_like_and_has_its_own_bound() {
    let (renderer, documents) = documents(at_once());
    documents.publish(snapshot(1));
    let Lookup::Wait(slow) = documents.get(target("/slow/history")) else { panic!() };
    let Lookup::Wait(same) = documents.get(target("/slow/history")) else { panic!() };
    until(|| (renderer.count() == 1).then_some(()));
    let mut waiting = Vec::new();
    let refused = (0..1000).any(|number| match documents.get(target(&format!("/slow-{number}/history"))) {
        Lookup::Wait(rendering) => {
            waiting.push(rendering);
            false
        }
        Lookup::Busy => true,
        other => panic!("{other:?}"),
    });
    assert!(refused);
    // Nobody else waits, not even for a new epoch.
    assert!(matches!(answer(&documents, "/doc"), Answer::Document(_)));
    documents.publish(snapshot(2));
    assert!(String::from_utf8_lossy(&document(&documents, "/doc").body).starts_with("{\"position\":2,"));
    renderer.gate.open();
    for rendering in waiting.into_iter().chain([slow, same]) {
        assert!(matches!(rendering.blocking_recv().unwrap(), Answer::Document(_)));
    }
    assert!(matches!(documents.get(target("/slow-0/history")), Lookup::Ready(_)));
}

/// A range of results that nobody keeps.
fn range(number: usize) -> Target {
    let from = format!("2023-11-05T00:00:{number:02}Z");
    Target { path: "/api/v1/components/portal/results".to_owned(), query: vec![("from".to_owned(), from)] }
}

#[test]
fn nothing_is_rendered_for_those_who_have_left() {
    let (renderer, documents) = documents(at_once());
    documents.publish(snapshot(1));
    let Lookup::Wait(first) = documents.get(target("/slow/history")) else { panic!() };
    until(|| (renderer.count() == 1).then_some(()));
    for number in 0..3 {
        let Lookup::Wait(left) = documents.get(target(&format!("/slow-{number}/history"))) else { panic!() };
        drop(left);
    }
    // One of two who ask for the same stays.
    let Lookup::Wait(left) = documents.get(target("/slow-3/history")) else { panic!() };
    let Lookup::Wait(stays) = documents.get(target("/slow-3/history")) else { panic!() };
    drop(left);
    for number in 0..16 {
        assert!(matches!(documents.get(range(number)), Lookup::Wait(_)), "{number}");
    }
    renderer.gate.open();
    for waiting in [first, stays] {
        assert!(matches!(waiting.blocking_recv().unwrap(), Answer::Document(_)));
    }
    // Their places are free again, and whoever asks for the same gets it.
    let rendered = until(|| match documents.get(range(99)) {
        Lookup::Wait(rendering) => Some(rendering),
        Lookup::Busy => None,
        other => panic!("{other:?}"),
    });
    assert!(matches!(rendered.blocking_recv().unwrap(), Answer::Document(_)));
    assert!(matches!(answer(&documents, "/slow-0/history"), Answer::Document(_)));
    assert_eq!(renderer.count(), 4);
}

#[test]
fn ranges_of_data_have_a_short_row_and_pages_go_before_them() {
    let (renderer, documents) = documents(at_once());
    documents.publish(snapshot(1));
    let Lookup::Wait(first) = documents.get(target("/slow/history")) else { panic!() };
    until(|| (renderer.count() == 1).then_some(()));
    let mut waiting = vec![first];
    for number in 0..16 {
        let Lookup::Wait(rendering) = documents.get(range(number)) else { panic!("{number}") };
        waiting.push(rendering);
    }
    assert!(matches!(documents.get(range(16)), Lookup::Busy));
    // Questions have places of their own, and so has the range that nobody named.
    for other in [question("/api/v1/search", 1), target("/api/v1/components/portal/results"), target("/slow-1/history")]
    {
        let Lookup::Wait(rendering) = documents.get(other) else { panic!("no room") };
        waiting.push(rendering);
    }
    let before = documents.size();
    renderer.gate.open();
    for rendering in waiting {
        assert!(matches!(rendering.blocking_recv().unwrap(), Answer::Document(_)));
    }
    let paths = renderer.paths.lock().unwrap().clone();
    let place = |path: &str| paths.iter().position(|rendered| rendered == path).unwrap();
    assert!(place("/slow-1/history") < place("/api/v1/components/portal/results"), "{paths:?}");
    assert_eq!(documents.size().1, before.1 + 3, "two pages and the usual range are kept");
}
