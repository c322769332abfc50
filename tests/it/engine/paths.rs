//! Our own side: what must have answered, and when, before a failure turns anything red; and what is cut
//! when only one path is.

use std::collections::BTreeSet;
use std::sync::Arc;

use turmwacht::engine::{Effect, Input, State, Step};
use turmwacht::model::catalogue::Catalogue;
use turmwacht::model::event::Event;
use turmwacht::model::observation::{Judged, Travelled};
use turmwacht::model::status::Status;
use turmwacht::model::verdict::{Path, Reason, Verdict};

use super::restraint::independent;
use super::{at, judged};

const HOSTS: u32 = 15;
const FAILING: u32 = 5;

/// What a probe over IPv4 by name uses, without TLS.
const PLAIN: Travelled = Travelled { host: 0, outside: true, resolver: true, ipv4: true, ipv6: false, tls: false };

struct Story {
    state: State,
}

impl Story {
    /// All hosts answer, and so do the references, at second 60.
    fn new() -> Self {
        let catalogue: Arc<Catalogue> = independent(HOSTS);
        let mut story = Self { state: State::new(7) };
        story.state.step(vec![Input::Adopt(catalogue)], at(0));
        story.step(60, (0..HOSTS).map(|host| up(host, 60, PLAIN)).chain([reference(60, PLAIN)]));
        assert_eq!(story.red(), 0);
        story
    }

    fn step(&mut self, second: u64, inputs: impl IntoIterator<Item = Input>) -> Step {
        self.state.step(inputs.into_iter().collect(), at(second).shifted(200))
    }

    /// A third of the hosts fails three times, each within a minute: at 70, 80 and 90.
    fn a_third_fails(&mut self, reason: Reason, travelled: Travelled) -> Vec<Step> {
        let failing = |second| (0..FAILING).map(move |host| down(host, second, reason, travelled));
        [70, 80, 90].into_iter().map(|second| self.step(second, failing(second))).collect()
    }

    fn statuses(&self) -> Vec<Status> {
        self.state.record.components.iter().map(|component| component.status).collect()
    }

    fn red(&self) -> usize {
        self.statuses().iter().filter(|status| status.is_red()).count()
    }

    fn blind(&self) -> Vec<Path> {
        self.state.record.blind.iter().copied().collect()
    }
}

fn result(host: u32, second: u64, reason: Option<Reason>, travelled: Travelled) -> Input {
    let verdict = reason.map_or(Verdict::Up, Reason::verdict);
    Input::Judged(Judged {
        verdict,
        reason,
        travelled: Travelled { host: host.into(), ..travelled },
        ..judged(host, second, 0)
    })
}

fn up(host: u32, second: u64, travelled: Travelled) -> Input {
    result(host, second, None, travelled)
}

fn down(host: u32, second: u64, reason: Reason, travelled: Travelled) -> Input {
    result(host, second, Some(reason), travelled)
}

fn reference(second: u64, travelled: Travelled) -> Input {
    Input::Reference { travelled: Travelled { host: 99, ..travelled }, at: at(second).shifted(150) }
}

#[test]
fn when_a_third_fails_within_a_minute_references_are_asked_anew_before_anything_turns_red() {
    let mut story = Story::new();
    for step in story.a_third_fails(Reason::Timeout, PLAIN) {
        assert!(step.effects.contains(&Effect::AskReferences), "asked at every failure, not only at the third");
    }
    assert_eq!(story.red(), 0, "three failures each, and the answers of second 60 do not count");
    // One that was on its way before the last failure says nothing, and neither does a target inside.
    story.step(92, [reference(89, PLAIN), up(14, 92, Travelled { outside: false, ..PLAIN })]);
    assert_eq!(story.red(), 0);
    let step = story.step(95, [reference(95, PLAIN)]);
    assert_eq!(story.red(), FAILING as usize);
    let turned = step.events.iter().filter_map(|logged| match &logged.event {
        Event::CheckTurned { since, .. } => Some(*since),
        _ => None,
    });
    assert_eq!(turned.collect::<BTreeSet<_>>(), BTreeSet::from([at(70)]), "since the first failure");
    story.step(200, []);
    assert_eq!((story.red(), story.blind()), (FAILING as usize, vec![]), "nothing was grey");
}

#[test]
fn another_target_outside_our_network_is_as_good_as_a_reference() {
    let mut story = Story::new();
    story.a_third_fails(Reason::Timeout, PLAIN);
    story.step(95, [up(14, 95, PLAIN)]);
    assert_eq!(story.red(), FAILING as usize);
}

#[test]
fn only_who_is_really_blind_reads_unknown_and_nothing_is_an_incident() {
    let mut story = Story::new();
    story.a_third_fails(Reason::Timeout, PLAIN);
    // Nobody answers within a timeout; the other ten were not asked meanwhile and stay as they are.
    story.step(101, []);
    let statuses = story.statuses();
    let (failing, others) = statuses.split_at(FAILING as usize);
    assert!(failing.iter().all(|status| *status == Status::Unknown), "{failing:?}");
    assert!(others.iter().all(|status| *status == Status::Operational), "{others:?}");
    assert!(story.state.record.incidents.is_empty());
    // We see again: what failed meanwhile is forgotten, and three new failures are needed.
    story.step(110, [reference(110, PLAIN)]);
    assert!(story.blind().is_empty());
    for second in [120, 130] {
        story.step(second, [down(0, second, Reason::Timeout, PLAIN), reference(second, PLAIN)]);
        assert_eq!(story.red(), 0);
    }
    story.step(140, [down(0, 140, Reason::Timeout, PLAIN)]);
    assert_eq!(story.red(), 0, "the answer of second 130 is too old again");
    story.step(141, [reference(141, PLAIN)]);
    assert_eq!(story.red(), 1);
}

/// Only one path is cut. Whoever answers over the others proves nothing for it.
#[test]
fn a_single_path_that_is_cut_turns_nothing_red() {
    let literal = Travelled { resolver: false, ..PLAIN };
    let six = Travelled { ipv4: false, ipv6: true, ..PLAIN };
    let tls = Travelled { tls: true, ..PLAIN };
    let unresolved = Travelled { ipv4: false, outside: false, ..PLAIN };
    for (what, reason, failed, others, path) in [
        ("only DNS", Reason::Dns, unresolved, literal, Path::Resolver),
        ("only TCP over IPv4", Reason::Connect, PLAIN, six, Path::Ipv4),
        ("only TCP over IPv6", Reason::Connect, six, PLAIN, Path::Ipv6),
        ("only TLS", Reason::Tls, tls, PLAIN, Path::Tls),
    ] {
        let mut story = Story::new();
        // What answers over the other paths does so all the time.
        for second in [70, 80, 90] {
            let failing = (0..FAILING).map(|host| down(host, second, reason, failed));
            story.step(second, failing.chain([up(14, second, others)]));
        }
        for second in 91..=99 {
            story.step(second, [reference(second, others), up(13, second, others)]);
        }
        story.step(101, []);
        assert_eq!((story.red(), story.blind()), (0, vec![path]), "{what}");
        assert_eq!(&story.statuses()[..5], [Status::Unknown; 5], "{what}");
        assert_eq!(&story.statuses()[5..], [Status::Operational; 10], "{what}");
        assert!(story.state.record.incidents.is_empty(), "{what}");
        // The path is back, and the next three failures are the targets' own.
        let whole = Travelled { ipv4: true, ipv6: true, tls: true, ..PLAIN };
        story.step(110, [reference(110, whole)]);
        assert!(story.blind().is_empty(), "{what}");
        for second in [120, 130, 140] {
            story.step(second, [down(0, second, reason, failed)]);
            story.step(second + 1, [reference(second + 1, whole)]);
        }
        assert_eq!(story.red(), 1, "{what}");
    }
}

/// Of two families that were tried one that works is enough: the target failed over both.
#[test]
fn a_family_that_is_cut_does_not_hide_an_outage_of_a_host_that_has_both() {
    let mut story = Story::new();
    story.a_third_fails(Reason::Connect, Travelled { ipv6: true, ..PLAIN });
    story.step(95, [reference(95, PLAIN)]);
    assert_eq!((story.red(), story.blind()), (FAILING as usize, vec![]));
}

/// References alone are attacked, just before the third failure: the other targets bear witness, and they
/// are asked.
#[test]
fn references_that_are_attacked_turn_nothing_grey_while_targets_answer() {
    let mut story = Story::new();
    let steps = story.a_third_fails(Reason::Timeout, PLAIN);
    let asked = steps.last().into_iter().flat_map(|step| &step.effects).filter_map(|effect| match effect {
        Effect::ProbeSoon { check } if *check >= FAILING => Some(*check),
        _ => None,
    });
    let asked: BTreeSet<u32> = asked.collect();
    assert!(!asked.is_empty(), "those that answered last are probed at once");
    story.step(91, asked.into_iter().map(|host| up(host, 91, PLAIN)));
    assert_eq!((story.red(), story.blind()), (FAILING as usize, vec![]));
}
