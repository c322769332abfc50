//! Faults that every story must survive: what the public reads comes out the same.
//!
//! A fault is put into each built-in scenario, and the replay is compared with the one without
//! it. What was under way when it struck is lost: a probe and what would have followed from it
//! come later, so times may differ by a few probes. Nothing else may.

use std::collections::{BTreeSet, HashSet};
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::Value;
use turmwacht::model::event::{Event, Logged};
use turmwacht::model::id::IncidentId;
use turmwacht::model::incident::IncidentStatus;
use turmwacht::model::snapshot::Snapshot;
use turmwacht::model::status::{Evidence, Status};
use turmwacht::model::time::Timestamp;
use turmwacht::model::verdict::Verdict;
use turmwacht::publish::{self, Rendered, Target};
use turmwacht::replay::{Replayed, replay};
use turmwacht::scenario::{BUILT_IN, Fault, FaultKind, Scenario};

/// Kills in one replay lie so far apart that what one of them cost is made up for before the next.
const APART: Duration = Duration::from_secs(20);

/// How long our uplink is cut.
const CUT: Duration = Duration::from_secs(20 * 60);

/// What is read at the end, beside what each story keeps.
const PATHS: &[&str] =
    &["/", "/api/v1/summary", "/api/v1/incidents", "/api/v1/organisations", "/api/v1/maintenance", "/feed.atom"];

/// Each built-in story with its undisturbed replay.
static STORIES: LazyLock<Vec<(Scenario, Replayed)>> = LazyLock::new(|| {
    let load = |name: &str| Scenario::load(name).unwrap_or_else(|fault| panic!("{name}: {fault}"));
    let stories = BUILT_IN.iter().map(|(name, _)| load(name));
    stories.map(|scenario| (scenario.clone(), replay(&scenario))).collect()
});

/// The story with more faults in it.
fn with(scenario: &Scenario, faults: impl IntoIterator<Item = Fault>) -> Scenario {
    let mut scenario = scenario.clone();
    scenario.faults.extend(faults);
    scenario.faults.sort_by_key(|fault| fault.at);
    scenario
}

fn document(snapshot: &Snapshot, path: &str) -> String {
    match publish::render(snapshot, &Target { path: path.to_owned(), query: Vec::new() }) {
        Rendered::Document(document) => String::from_utf8(document.body).expect("documents are text"),
        _ => panic!("{path} answers no document"),
    }
}

/// What the story keeps, and what is read at its end.
fn documents(replayed: &Replayed) -> Vec<(String, String)> {
    let kept = replayed.goldens.iter().map(|(at, path, body)| {
        (format!("{path} at +{} s", at.as_secs()), String::from_utf8(body.clone()).expect("documents are text"))
    });
    let at_end = PATHS.iter().map(|path| (format!("{path} at the end"), document(&replayed.snapshot, path)));
    kept.chain(at_end).collect()
}

/// Ids of incidents and of words on towns rest on when and at which position they came about.
fn without_ids(text: &str, replayed: &Replayed) -> String {
    let incidents = replayed.snapshot.incidents.iter().map(|incident| incident.id.to_string());
    let changes = replayed.snapshot.changes.iter().map(|local| format!("{:016x}", local.key));
    let known: HashSet<String> = incidents.chain(changes).collect();
    let mut plain = String::with_capacity(text.len());
    for piece in text.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        let word = piece.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        plain.push_str(if known.contains(word) { "id" } else { word });
        plain.push_str(piece.strip_prefix(word).unwrap_or_default());
    }
    plain
}

/// Where two documents differ by more than times may, if they do.
fn difference(one: &str, other: &str, within: Duration) -> Option<String> {
    if let (Ok(one), Ok(other)) = (serde_json::from_str::<Value>(one), serde_json::from_str::<Value>(other)) {
        return unlike(&one, &other, "", within);
    }
    let (one, other) = (shape(one), shape(other));
    let first = one.iter().zip(&other).find(|(one, other)| one != other);
    let first = first.map(|(one, other)| format!("`{one}` or `{other}`"));
    first.or_else(|| (one.len() != other.len()).then(|| format!("{} pieces or {}", one.len(), other.len())))
}

/// A page, feed or calendar without its numbers; entries of the same instant in any order.
fn shape(text: &str) -> Vec<String> {
    let text = text.replace("Minuten", "Minute").replace("Stunden", "Stunde").replace("Tagen", "Tage");
    let text: String = text.chars().filter(|c| !c.is_ascii_digit()).collect();
    let mut entries: Vec<&str> = text.split("<entry>").collect();
    entries[1..].sort_unstable();
    entries.iter().flat_map(|entry| entry.split_inclusive(['>', '\n'])).map(str::to_owned).collect()
}

fn unlike(one: &Value, other: &Value, at: &str, within: Duration) -> Option<String> {
    let told = || Some(format!("{at} is {one} or {other}"));
    match (one, other) {
        _ if one == other || at.ends_with("/position") => None,
        (Value::Object(a), Value::Object(b)) if a.keys().eq(b.keys()) => {
            a.iter().find_map(|(key, value)| unlike(value, &b[key], &format!("{at}/{key}"), within))
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let mut pairs = a.iter().zip(b).enumerate();
            pairs.find_map(|(index, (a, b))| unlike(a, b, &format!("{at}/{index}"), within))
        }
        (Value::String(a), Value::String(b)) => match (instant(a), instant(b)) {
            (Some(a), Some(b)) if a.since(b).max(b.since(a)) <= within => None,
            _ => told(),
        },
        // Seconds of availability, and shares of them.
        (Value::Number(a), Value::Number(b)) if at.contains("/availability/") => {
            let apart = (a.as_f64().expect("finite") - b.as_f64().expect("finite")).abs();
            let most = if at.contains("ratio") { 0.1 } else { within.as_secs_f64() };
            if apart > most { told() } else { None }
        }
        _ => told(),
    }
}

fn instant(text: &str) -> Option<Timestamp> {
    text.parse().ok().map(Timestamp::from_jiff)
}

/// Instants dealt out so that those of one hand lie apart. Those of the first minute, in which
/// everything is probed for the first time, may lie close.
fn dealt(instants: &BTreeSet<Duration>) -> Vec<Vec<Duration>> {
    let mut hands: Vec<Vec<Duration>> = vec![Vec::new(); 2];
    for (&instant, number) in instants.iter().zip(0usize..) {
        if instant < APART {
            hands[number % 2].push(instant);
            continue;
        }
        match hands.iter_mut().find(|hand| hand.last().is_none_or(|last| *last + APART <= instant)) {
            Some(hand) => hand.push(instant),
            None => hands.push(vec![instant]),
        }
    }
    hands
}

/// Kills right after each instant at which something was decided.
fn killed_anywhere_the_public_reads_the_same(name: &str) {
    let (scenario, whole) = STORIES.iter().find(|(scenario, _)| scenario.name == name).expect("it is built in");
    let plain = |replayed: &Replayed| -> Vec<(String, String)> {
        let documents = documents(replayed).into_iter();
        documents.map(|(what, text)| (what, without_ids(&text, replayed))).collect()
    };
    let expected = plain(whole);
    let slowest = scenario.catalogue.checks.iter().map(|check| check.interval + check.timeout).max();
    let within = slowest.expect("there are checks") * 3;
    let after = |at: Timestamp| at.since(scenario.start) + Duration::from_millis(1);
    let instants: BTreeSet<Duration> = whole.events.iter().map(|logged| after(logged.at)).collect();
    let hands = dealt(&instants);
    assert!(instants.len() > 20, "{name} has {} instants", instants.len());
    for hand in hands {
        let killed = replay(&with(scenario, hand.iter().map(|&at| Fault { at, kind: FaultKind::Kill })));
        for ((what, one), (_, other)) in expected.iter().zip(plain(&killed)) {
            let difference = if *one == other { None } else { difference(one, &other, within) };
            assert_eq!(difference, None, "{name}, {what}, killed at {hand:?}");
        }
    }
}

#[test]
fn killed_anywhere_in_hattingen_2023() {
    killed_anywhere_the_public_reads_the_same("hattingen-2023");
}

#[test]
fn killed_anywhere_in_tangerhuette_2023() {
    killed_anywhere_the_public_reads_the_same("tangerhuette-2023");
}

#[test]
fn killed_anywhere_in_tangerhuette_2020() {
    killed_anywhere_the_public_reads_the_same("tangerhuette-2020");
}

#[test]
fn killed_anywhere_in_menden_2023() {
    killed_anywhere_the_public_reads_the_same("menden-2023");
}

#[test]
fn killed_anywhere_in_geesthacht_2021() {
    killed_anywhere_the_public_reads_the_same("geesthacht-2021");
}

/// The middle of a story.
fn middle(scenario: &Scenario) -> Duration {
    scenario.until.since(scenario.start) / 2
}

/// What probes brought about: confirmed changes, and the roots at which incidents were opened.
fn by_probes(events: &[Logged]) -> Vec<String> {
    let told = events.iter().filter_map(|logged| match &logged.event {
        Event::CheckTurned { check, verdict, reason, .. } => Some(format!("{check} {verdict:?} {reason:?}")),
        Event::IncidentOpened(incident) => Some(format!("incident at {}", incident.root)),
        _ => None,
    });
    told.collect()
}

/// What is planned comes earlier by a clock set forward, as it should: only what rests on probes
/// is compared. An id rests on recorded time and on the position in the log, so only incidents
/// that were opened before keep theirs.
#[test]
fn a_clock_set_in_the_middle_of_a_story_changes_nothing_that_rests_on_probes() {
    for (scenario, whole) in &*STORIES {
        let at = middle(scenario);
        for by_ms in [3_600_000, -3_600_000] {
            let stepped = replay(&with(scenario, [Fault { at, kind: FaultKind::Clock(by_ms) }]));
            let told = format!("{} stepped by {by_ms} ms", scenario.name);
            assert_eq!(by_probes(&whole.events), by_probes(&stepped.events), "{told}");
            let step = stepped.events.iter().position(|logged| matches!(logged.event, Event::ClockStepped { .. }));
            let (before, then) = stepped.events.split_at(step.expect("the step is told"));
            assert_eq!(&whole.events[..before.len()], before, "{told}");
            // A quarter of an hour later by either clock.
            let soon = then[0].at.shifted(by_ms.max(0)).plus(Duration::from_secs(900));
            assert!(then[1..].iter().all(|logged| logged.at > soon), "{told}: {:?}", then.get(1));
        }
    }
}

#[test]
fn an_uplink_lost_in_the_middle_of_a_story_opens_nothing_and_closes_nothing() {
    for (scenario, whole) in &*STORIES {
        let (name, at) = (&scenario.name, middle(scenario));
        let cut = with(scenario, [Fault { at, kind: FaultKind::Uplink(at + CUT) }]);
        let up_to = |offset: Duration| replay(&Scenario { until: scenario.start.plus(offset), ..cut.clone() });
        let (before, during) = (up_to(at - Duration::from_millis(1)), up_to(at + CUT));
        for (record, check) in during.state.record.checks.iter().zip(&scenario.catalogue.checks) {
            // The evidence of slower ones lasts longer than the cut.
            let fast = check.interval <= Duration::from_secs(300);
            assert!(record.verdict == Verdict::Unknown || !fast, "{name}: {}", check.id);
        }
        for (then, now) in before.snapshot.states.iter().zip(&during.snapshot.states) {
            let rests_on_probes = now.evidence == Evidence::Own && now.inputs.own == Some(Status::Unknown);
            assert!(now.status == Status::Unknown || !rests_on_probes, "{name}: {now:?}");
            let stays = matches!(then.evidence, Evidence::Notice | Evidence::Declared);
            assert!(!stays || (then.status, then.evidence) == (now.status, now.evidence), "{name}: {now:?}");
        }
        let open = |replayed: &Replayed| -> Vec<(IncidentId, IncidentStatus)> {
            let open = replayed.snapshot.incidents.iter().filter(|incident| incident.is_open());
            open.map(|incident| (incident.id.clone(), incident.status)).collect()
        };
        assert_eq!(open(&before), open(&during), "{name}");
        let opened = |replayed: &Replayed| -> Vec<String> {
            by_probes(&replayed.events).into_iter().filter(|told| told.starts_with("incident")).collect()
        };
        assert_eq!(opened(whole), opened(&replay(&cut)), "{name}");
    }
}

#[test]
fn a_story_told_twice_is_the_same_to_the_byte() {
    let encoded = |events: &[Logged]| -> Vec<(u64, Timestamp, String)> {
        let encode = |logged: &Logged| serde_json::to_string(&logged.event).expect("events can be encoded");
        events.iter().map(|logged| (logged.position, logged.at, encode(logged))).collect()
    };
    for (scenario, whole) in &*STORIES {
        assert_eq!(encoded(&replay(scenario).events), encoded(&whole.events), "{}", scenario.name);
    }
}

/// The third failure is counted, and the word of a reference is awaited: whoever is stopped in
/// between turns nothing grey, and the outage began when it began.
#[test]
fn killed_while_a_reference_is_awaited_an_outage_keeps_its_beginning() {
    let scenario = super::story("[[timeline]]\ntarget = \"portal\"\nat = \"+10m\"\nresults = \"status*20 up\"\n");
    let whole = replay(&scenario);
    let waits =
        |logged: &&Logged| matches!(&logged.event, Event::CheckCounted { streak, .. } if streak.waits_until.is_some());
    let waiting = whole.events.iter().find(waits).expect("a reference is awaited").at;
    // The reference takes 60 ms.
    for after in [1, 30, 59] {
        let at = waiting.since(scenario.start) + Duration::from_millis(after);
        let killed = replay(&with(&scenario, [Fault { at, kind: FaultKind::Kill }]));
        assert_eq!(by_probes(&whole.events), by_probes(&killed.events), "{after}");
        let began = |replayed: &Replayed| replayed.snapshot.incidents[0].started_at;
        assert_eq!(began(&whole), began(&killed), "{after}");
    }
}
