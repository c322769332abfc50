//! `/api/v1/events`: who follows along, comes back, falls behind, or is one too many.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use turmwacht::clock::monotonic;
use turmwacht::model::id::OrganisationId;
use turmwacht::model::snapshot::Snapshot;
use turmwacht::model::status::Status;
use turmwacht::publish::events::{AUDIENCES_MAX, Events, FORGOTTEN_AFTER, KEPT_MAX, Last};
use turmwacht::publish::sse::Audience;
use turmwacht::server::ServerConfig;

use super::world::{Client, World, at_once, config, until};
use crate::publish::sample::land;

/// One event: name, id, data. Comments have no name.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Event {
    name: String,
    id: Option<u64>,
    data: String,
}

/// A client that follows along.
struct Follower {
    client: Client,
    unread: String,
    head: String,
}

impl Follower {
    fn open(world: &World, path: &str, headers: &[&str]) -> Self {
        let mut client = world.connect();
        let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
        client.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n"));
        let head = client.head().expect("an answer");
        assert_eq!(head.status, 200, "{}", head.head);
        Self { client, unread: String::new(), head: head.head }
    }

    /// The next block of lines; `None` at the end.
    fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.unread.split_once("\n\n") {
                let block = block.to_owned();
                self.unread = rest.to_owned();
                return Some(block);
            }
            let chunk = self.client.chunk()?;
            if chunk.is_empty() {
                return None;
            }
            self.unread.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The next event, comments and `retry` passed over.
    fn next(&mut self) -> Option<Event> {
        loop {
            let block = self.block()?;
            let field = |name: &str| {
                block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).map(str::to_owned)
            };
            if let Some(name) = field("event") {
                let id = field("id").map(|id| id.parse().unwrap());
                return Some(Event { name, id, data: field("data").unwrap() });
            }
        }
    }

    /// The names and ids of events up to the next `alive`, which is the last of them.
    fn batch(&mut self) -> Vec<(String, u64)> {
        let mut batch = Vec::new();
        loop {
            let event = self.next().expect("not the end");
            batch.push((event.name.clone(), event.id.unwrap()));
            if event.name == "alive" {
                return batch;
            }
        }
    }
}

fn names(batch: &[(String, u64)]) -> Vec<(&str, u64)> {
    batch.iter().map(|(name, id)| (name.as_str(), *id)).collect()
}

/// Towns with one portal for all and one service each.
struct Story(Snapshot);

impl Story {
    fn new() -> Self {
        Self(land(10, 1))
    }

    fn now(&self) -> Arc<Snapshot> {
        Arc::new(self.0.clone())
    }

    /// A component changes.
    fn turn(&mut self, component: &str, status: Status) -> Arc<Snapshot> {
        self.0.position += 1;
        let index = self.0.catalogue.component_index[component] as usize;
        let state = Arc::make_mut(&mut self.0.states[index]);
        state.status = status;
        state.inputs.own = Some(status);
        self.now()
    }
}

fn world(config: ServerConfig) -> (World, Story) {
    let (world, story) = (World::empty(config, at_once()), Story::new());
    world.documents.publish(story.now());
    until(|| (world.get("/api/v1/events?organisation=unknown", &[]).status == 400).then_some(()));
    // Until the first turn was written.
    until(|| world.documents.events().follow(&site(), Last::Nowhere));
    (world, story)
}

fn site() -> Audience {
    Audience { organisation: None, language: Arc::from("de") }
}

#[test]
fn who_follows_along_reads_what_changes_as_it_changes() {
    let (world, mut story) = world(config());
    let mut follower = Follower::open(&world, "/api/v1/events", &[]);
    for line in [
        "content-type: text/event-stream",
        "cache-control: no-store",
        "x-accel-buffering: no",
        "access-control-allow-origin: *",
    ] {
        assert!(follower.head.to_ascii_lowercase().contains(line), "{}", follower.head);
    }
    let retry = follower.block().unwrap();
    let retry: u64 = retry.strip_prefix("retry: ").unwrap().parse().unwrap();
    assert!((2_000..10_000).contains(&retry), "{retry}");
    assert_eq!(names(&follower.batch()), [("alive", 1)]);
    assert_eq!(world.metrics.http_event_streams.get(), 1);
    world.documents.publish(story.turn("portal", Status::MajorOutage));
    let change = follower.next().unwrap();
    assert_eq!((change.name.as_str(), change.id), ("change", Some(2)));
    let data: serde_json::Value = serde_json::from_str(&change.data).unwrap();
    assert_eq!(data["components"][0]["id"], "portal");
    assert_eq!(data["components"][0]["status"], "major_outage");
    assert_eq!(names(&follower.batch()), [("alive", 2)]);
    // A new epoch without news.
    world.documents.publish(story.now());
    assert_eq!(names(&follower.batch()), [("alive", 2)]);
    drop(follower);
    until(|| (world.metrics.http_event_streams.get() == 0).then_some(()));
}

#[test]
fn a_silent_stream_is_kept_alive_and_outlives_idle_connections() {
    let mut config = config();
    config.stream_silence = Duration::from_millis(40);
    config.idle_timeout = Duration::from_millis(100);
    config.header_timeout = Duration::from_millis(100);
    config.write_timeout = Duration::from_millis(100);
    let (world, _) = world(config);
    let mut follower = Follower::open(&world, "/api/v1/events", &[]);
    let comments = std::iter::from_fn(|| follower.block()).filter(|block| block.starts_with(':')).take(50);
    let began = monotonic();
    assert_eq!(comments.count(), 50);
    assert!(monotonic().duration_since(began) > Duration::from_millis(1_500), "longer than any patience");
}

#[test]
fn who_comes_back_reads_what_it_missed() {
    let (world, mut story) = world(config());
    for status in [Status::MajorOutage, Status::Operational, Status::PartialOutage] {
        let before = *world.documents.events().turned().borrow();
        world.documents.publish(story.turn("portal", status));
        until(|| (*world.documents.events().turned().borrow() > before).then_some(()));
    }
    let all = [("change", 2), ("change", 3), ("change", 4), ("alive", 4)];
    for (seen, from) in [(1, 0), (2, 1), (3, 2), (4, 3)] {
        let by_address = format!("/api/v1/events?last_event_id={seen}");
        assert_eq!(names(&Follower::open(&world, &by_address, &[]).batch()), all[from..], "{seen}");
        // The header is newer than the address.
        let by_header = format!("Last-Event-ID: {seen}");
        let batch = Follower::open(&world, "/api/v1/events?last_event_id=1", &[&by_header]).batch();
        assert_eq!(names(&batch), all[from..], "{seen}");
    }
    assert_eq!(names(&Follower::open(&world, "/api/v1/events", &[]).batch()), [("alive", 4)]);
    // What was before our time, what has not been yet, and what we never said.
    for never in ["0", "5", "18446744073709551616", "-1", "+3", "x", "3%0d", "%F0%9F%98%80"] {
        let address = format!("/api/v1/events?last_event_id={never}");
        if never.contains("%0d") {
            assert_eq!(world.get(&address, &[]).status, 400);
            continue;
        }
        let batch = Follower::open(&world, &address, &[]).batch();
        assert_eq!(names(&batch), [("resync", 4), ("alive", 4)], "{never}");
    }
    // A page that nobody followed while it changed.
    let batch = Follower::open(&world, "/api/v1/events?organisation=stadt-1&last_event_id=1", &[]).batch();
    assert_eq!(names(&batch), [("resync", 4), ("alive", 4)]);
    let batch = Follower::open(&world, "/api/v1/events?organisation=stadt-1&last_event_id=4", &[]).batch();
    assert_eq!(names(&batch), [("alive", 4)]);
}

#[test]
fn a_filter_leaves_what_stands_on_a_page() {
    let (world, mut story) = world(config());
    let mut here = Follower::open(&world, "/api/v1/events?organisation=stadt-1", &[]);
    let mut english = Follower::open(&world, "/en/api/v1/events?organisation=stadt-1&utm=x", &[]);
    assert_eq!((here.batch().len(), english.batch().len()), (1, 1));
    world.documents.publish(story.turn("dienst-0-2", Status::MajorOutage));
    assert_eq!(names(&here.batch()), [("alive", 2)]);
    assert_eq!(names(&english.batch()), [("alive", 2)]);
    world.documents.publish(story.turn("dienst-0-1", Status::MajorOutage));
    assert_eq!(names(&here.batch()), [("change", 3), ("alive", 3)]);
    assert_eq!(names(&english.batch()), [("change", 3), ("alive", 3)]);
}

#[test]
fn the_address_is_read_like_any_other() {
    let (world, _) = world(config());
    for (path, status, to) in [
        ("/api/v1/events?organisation=unknown", 400, None),
        ("/api/v1/events?lang=fr", 400, None),
        ("/fr/api/v1/events", 404, None),
        ("/api/v1/events/x", 404, None),
        ("/api/v1/events.json", 404, None),
        ("/de/api/v1/events?last_event_id=7", 308, Some("/api/v1/events?last_event_id=7")),
        ("/api/v1/events?lang=en&organisation=stadt-1", 308, Some("/en/api/v1/events?organisation=stadt-1")),
        ("/en/api/v1/events?lang=de", 308, Some("/api/v1/events")),
        ("/api/v1/events/", 308, Some("/api/v1/events")),
        ("/api/v1/events?organisation=%00", 400, None),
    ] {
        let reply = world.get(path, &[]);
        assert_eq!((reply.status, reply.header("location")), (status, to), "{path}");
    }
    let head = world.connect().ask("HEAD", "/api/v1/events", &[]);
    assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")));
    assert_eq!(world.connect().ask("POST", "/api/v1/events", &[]).status, 405);
    assert_eq!(world.get("/api/v1/events", &["Host: evil.example"]).status, 421);
    let empty = World::empty(config(), at_once());
    let reply = empty.get("/api/v1/events", &[]);
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("5")));
}

#[test]
fn beyond_the_limit_one_is_sent_to_ask_every_minute() {
    let mut limited = config();
    limited.max_streams = 3;
    let (world, _) = world(limited);
    let mut followers: Vec<_> = (0..3).map(|_| Follower::open(&world, "/api/v1/events", &[])).collect();
    let reply = world.get("/api/v1/events", &[]);
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("60")));
    assert!(reply.problem()["detail"].as_str().unwrap().contains("/api/v1/alive"));
    assert_eq!(world.get("/doc", &[]).status, 200);
    // A HEAD takes no seat, and a free one is there for the next.
    assert_eq!(world.connect().ask("HEAD", "/api/v1/events", &[]).status, 200);
    followers.pop();
    until(|| (world.metrics.http_event_streams.get() == 2).then_some(()));
    Follower::open(&world, "/api/v1/events", &[]);
}

#[test]
fn streams_leave_room_for_documents() {
    let mut limited = config();
    limited.max_connections = 10;
    let (world, _) = world(limited);
    let followers: Vec<_> = (0..8).map(|_| Follower::open(&world, "/api/v1/events", &[])).collect();
    assert_eq!(world.get("/api/v1/events", &[]).status, 503);
    let mut clients: Vec<_> = (0..20).map(|_| world.connect()).collect();
    for client in &mut clients {
        if client.try_send("GET /doc HTTP/1.1\r\nHost: localhost\r\n\r\n") {
            client.reply(false);
        }
    }
    assert_eq!(world.get("/doc", &[]).status, 200);
    assert_eq!(world.metrics.http_event_streams.get(), 8);
    drop(followers);
}

#[test]
fn who_holds_most_gives_up_a_seat_to_another_visitor() {
    let mut limited = config();
    limited.max_streams = 4;
    limited.listen = "[::]:0".parse().unwrap();
    let (world, _) = world(limited);
    let port = world.server.local_addr().port();
    let open = |host: &str| {
        let mut client = Client::to(format!("{host}:{port}").parse().unwrap());
        client.send("GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let head = client.head().expect("an answer");
        (head.status, client)
    };
    let mut many: Vec<_> = (0..4).map(|_| open("127.0.0.1").1).collect();
    assert_eq!(open("127.0.0.1").0, 503, "not from the same address");
    let (status, _one) = open("[::1]");
    assert_eq!(status, 200);
    // The first of the many reads to its end.
    while many[0].chunk().is_some_and(|chunk| !chunk.is_empty()) {}
    assert_eq!(world.metrics.http_event_streams.get(), 4);
    let (status, _two) = open("[::1]");
    assert_eq!(status, 200);
    assert_eq!(open("[::1]").0, 503, "two each");
}

#[test]
fn behind_a_proxy_of_ours_visitors_are_told_apart() {
    let forwarded = |world: &World, address: &str| {
        let mut client = world.connect();
        let head = format!("GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {address}\r\n\r\n");
        client.send(head);
        (client.head().expect("an answer").status, client)
    };
    let mut limited = config();
    limited.max_streams = 4;
    let (stranger, _) = world(limited.clone());
    limited.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    let (ours, _) = world(limited);
    for (world, other) in [(&ours, 200), (&stranger, 503)] {
        let mut many: Vec<_> = (0..4).map(|_| forwarded(world, "192.0.2.1").1).collect();
        assert_eq!(forwarded(world, "192.0.2.1").0, 503);
        // What the client itself wrote stands before what the proxy saw.
        assert_eq!(forwarded(world, "198.51.100.7, 192.0.2.1").0, 503);
        let (status, one) = forwarded(world, "192.0.2.2");
        assert_eq!(status, other, "its word counts if it is a proxy of ours");
        if other == 200 {
            while many[0].chunk().is_some_and(|chunk| !chunk.is_empty()) {}
        }
        assert_eq!(world.metrics.http_event_streams.get(), 4);
        drop((many, one));
    }
}

#[test]
fn after_a_restart_all_come_back_at_moments_of_their_own() {
    let (world, _) = world(config());
    let retry = |_| {
        let block = Follower::open(&world, "/api/v1/events", &[]).block().unwrap();
        block.strip_prefix("retry: ").unwrap().parse::<u64>().unwrap()
    };
    let mut moments: Vec<u64> = (0..200).map(retry).collect();
    moments.sort_unstable();
    assert!(moments[0] >= 2_000 && moments[199] < 10_000, "{moments:?}");
    // No second of the eight sees a rush: 25 are meant for each.
    for second in 2..10 {
        let there = moments.iter().filter(|moment| **moment / 1_000 == second).count();
        assert!((1..75).contains(&there), "{there} in second {second}: {moments:?}");
    }
}

#[test]
fn who_falls_behind_is_told_once() {
    let events = Events::start(FORGOTTEN_AFTER).unwrap();
    let mut story = Story::new();
    let mut turned = events.turned();
    let mut show = |snapshot| {
        let before = *turned.borrow_and_update();
        events.show(snapshot);
        until(|| (*turned.borrow() > before).then_some(()));
    };
    show(story.now());
    let mut reader = events.follow(&site(), Last::Nowhere).unwrap();
    let name = |frame: Option<bytes::Bytes>| {
        frame.map(|frame| String::from_utf8_lossy(&frame).lines().next().unwrap().to_owned())
    };
    assert_eq!(name(reader.take()).as_deref(), Some("event: alive"));
    assert_eq!(reader.take(), None);
    let statuses = [Status::MajorOutage, Status::Operational];
    for round in 0..KEPT_MAX {
        show(story.turn("portal", statuses[round % 2]));
    }
    let mut other = events.follow(&site(), Last::At(1)).unwrap();
    for reader in [&mut other, &mut reader] {
        for round in 0..KEPT_MAX {
            assert_eq!(name(reader.take()).as_deref(), Some("event: change"), "{round}");
        }
        assert_eq!(name(reader.take()).as_deref(), Some("event: alive"));
        assert_eq!(reader.take(), None);
    }
    for round in 0..=KEPT_MAX {
        show(story.turn("portal", statuses[round % 2]));
    }
    assert_eq!(name(reader.take()).as_deref(), Some("event: resync"));
    assert_eq!(name(reader.take()).as_deref(), Some("event: alive"));
    assert_eq!(reader.take(), None);
    // A page is written for as long as its readers may come back.
    let town = Audience { organisation: Some(OrganisationId::new("stadt-3")), language: Arc::from("de") };
    drop(events.follow(&town, Last::Nowhere).unwrap());
    let seen = story.0.position;
    show(story.turn("dienst-0-3", Status::MajorOutage));
    assert_eq!(name(events.follow(&town, Last::At(seen)).unwrap().take()).as_deref(), Some("event: change"));
    // However much happens meanwhile.
    for _ in 0..100 {
        show(story.now());
    }
    assert_eq!(name(events.follow(&town, Last::At(seen)).unwrap().take()).as_deref(), Some("event: change"));
}

#[test]
fn a_page_that_nobody_comes_back_to_is_forgotten_in_time() {
    let events = Events::start(Duration::ZERO).unwrap();
    let mut story = Story::new();
    let mut turned = events.turned();
    let mut show = |snapshot| {
        let before = *turned.borrow_and_update();
        events.show(snapshot);
        until(|| (*turned.borrow() > before).then_some(()));
    };
    show(story.now());
    let town = |number: u32| {
        let organisation = Some(OrganisationId::new(format!("stadt-{number}")));
        Audience { organisation, language: Arc::from("de") }
    };
    let _stays = events.follow(&town(3), Last::Nowhere).unwrap();
    drop(events.follow(&town(4), Last::Nowhere).unwrap());
    show(story.turn("portal", Status::MajorOutage));
    for (number, expected) in [(3, "event: change"), (4, "event: resync")] {
        let frame = events.follow(&town(number), Last::At(1)).unwrap().take().unwrap();
        assert!(frame.starts_with(expected.as_bytes()), "{number}: {frame:?}");
    }
}

#[test]
fn who_comes_with_a_page_newer_than_what_was_written_waits() {
    let events = Events::start(FORGOTTEN_AFTER).unwrap();
    let mut story = Story::new();
    let turned = events.turned();
    events.show(story.now());
    until(|| (*turned.borrow() > 0).then_some(()));
    let statuses = [Status::MajorOutage, Status::Operational];
    for round in 0..200 {
        let before = *turned.borrow();
        let next = story.turn("portal", statuses[round % 2]);
        let position = next.position;
        events.show(next);
        // Most times, nothing was written yet.
        let mut reader = events.follow(&site(), Last::At(position)).unwrap();
        let early: Vec<_> = std::iter::from_fn(|| reader.take()).collect();
        until(|| (*turned.borrow() > before).then_some(()));
        for frame in early.into_iter().chain(std::iter::from_fn(|| reader.take())) {
            assert!(frame.starts_with(b"event: alive"), "{round}: {frame:?}");
        }
        let next = story.turn("portal", Status::PartialOutage);
        events.show(next);
        until(|| (*turned.borrow() > before + 1).then_some(()));
        assert!(reader.take().unwrap().starts_with(b"event: change"), "{round}");
    }
}

#[test]
fn however_many_pages_are_followed_seats_are_the_only_bound() {
    let mut limited = config();
    limited.max_streams = 2;
    limited.listen = "[::]:0".parse().unwrap();
    let (world, _) = world(limited);
    let port = world.server.local_addr().port();
    let open = |host: &str, path: &str| {
        let mut client = Client::to(format!("{host}:{port}").parse().unwrap());
        client.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        (client.head().expect("an answer").status, client)
    };
    let events = world.documents.events();
    let follow = |number: usize| {
        let organisation = Some(OrganisationId::new(format!("ort-{number}")));
        events.follow(&Audience { organisation, language: Arc::from("de") }, Last::Nowhere)
    };
    let many: Vec<_> = (0..2 * AUDIENCES_MAX).map(|number| follow(number).unwrap()).collect();
    let _two = [open("127.0.0.1", "/api/v1/events"), open("127.0.0.1", "/api/v1/events")];
    assert_eq!(world.metrics.http_event_streams.get(), 2);
    let (status, _one) = open("[::1]", "/api/v1/events?organisation=stadt-1");
    assert_eq!(status, 200);
    assert_eq!(world.metrics.http_event_streams.get(), 2);
    drop(many);
}

#[test]
fn pages_that_nobody_follows_any_more_are_bounded() {
    let events = Events::start(FORGOTTEN_AFTER).unwrap();
    let mut story = Story::new();
    let turned = events.turned();
    events.show(story.now());
    until(|| (*turned.borrow() > 0).then_some(()));
    let town = |number: usize| {
        let organisation = Some(OrganisationId::new(format!("stadt-{number}")));
        events.follow(&Audience { organisation, language: Arc::from("de") }, Last::At(1)).unwrap()
    };
    let _stays = town(3);
    for number in 4..4 + AUDIENCES_MAX {
        drop(town(number));
    }
    let before = *turned.borrow();
    events.show(story.turn("portal", Status::MajorOutage));
    until(|| (*turned.borrow() > before).then_some(()));
    // The fourth was forgotten, at once; the third is followed.
    for (number, expected) in [(3, "event: change"), (4, "event: resync")] {
        let frame = town(number).take().unwrap();
        assert!(frame.starts_with(expected.as_bytes()), "{number}: {frame:?}");
    }
}

#[test]
fn who_does_not_read_is_shown_out_and_holds_up_nobody() {
    let mut impatient = config();
    impatient.write_timeout = Duration::from_millis(300);
    let (world, mut story) = world(impatient);
    let stalled: Vec<_> = (0..20).map(|_| Follower::open(&world, "/api/v1/events", &[])).collect();
    let mut awake = Follower::open(&world, "/api/v1/events", &[]);
    let reading = thread::spawn(move || {
        let mut last = 0;
        while let Some(event) = awake.next() {
            last = event.id.unwrap();
            if event.name == "resync" {
                return None;
            }
            if last == 12_000 {
                return Some(last);
            }
        }
        Some(last)
    });
    let statuses = [Status::MajorOutage, Status::Operational];
    let mut turned = world.documents.events().turned();
    for round in 0.. {
        let before = *turned.borrow_and_update();
        let next = story.turn("portal", statuses[round % 2]);
        let position = next.position;
        world.documents.publish(next);
        until(|| (*turned.borrow() > before).then_some(()));
        if world.metrics.http_event_streams.get() <= 1 || position >= 11_999 {
            break;
        }
    }
    assert!(world.metrics.http_event_streams.get() <= 1, "those who do not read are gone");
    drop(stalled);
    while story.0.position < 12_000 {
        story.0.position = 11_999;
        world.documents.publish(story.turn("dienst-0-1", Status::MajorOutage));
    }
    assert_eq!(reading.join().unwrap(), Some(12_000), "who reads loses nothing");
}

#[test]
fn many_readers_do_not_hold_up_documents() {
    let mut large = config();
    large.max_connections = 4_000;
    let (world, mut story) = world(large);
    let mut followers: Vec<_> = (0..1_000).map(|_| Follower::open(&world, "/api/v1/events", &[])).collect();
    assert_eq!(world.metrics.http_event_streams.get(), 1_000);
    assert_eq!(world.get("/doc", &[]).status, 200);
    world.documents.publish(story.turn("portal", Status::MajorOutage));
    // Answered while the readers are being told.
    let mut client = world.connect();
    for _ in 0..20 {
        assert_eq!(client.ask("GET", "/doc", &[]).status, 200);
    }
    // Every other one reads.
    for follower in followers.iter_mut().step_by(2) {
        let batch = follower.batch();
        let batch = if batch.len() == 1 { follower.batch() } else { batch };
        assert_eq!(names(&batch), [("change", 2), ("alive", 2)]);
    }
}

#[test]
fn at_the_end_streams_end_at_once() {
    let (world, _) = world(config());
    let mut followers: Vec<_> = (0..50).map(|_| Follower::open(&world, "/api/v1/events", &[])).collect();
    for follower in &mut followers {
        follower.batch();
    }
    let began = monotonic();
    world.server.shutdown();
    assert!(monotonic().duration_since(began) < Duration::from_secs(2));
    for follower in &mut followers {
        assert_eq!(follower.next(), None);
        assert!(follower.client.is_closed());
    }
    assert_eq!(world.metrics.http_event_streams.get(), 0);
    assert_eq!(world.metrics.http_connections.get(), 0);
}
