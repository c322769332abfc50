//! What targets are spared: the engine and its schedule in simulated time, against targets that fail
//! and say when to come back. What is counted is what the targets would see.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use turmwacht::engine::schedule::{Schedule, Timing, stable_key};
use turmwacht::engine::{Effect, Input, State};
use turmwacht::model::catalogue::Catalogue;
use turmwacht::model::event::{Event, Logged};
use turmwacht::model::id::ComponentId;
use turmwacht::model::observation::{Judged, Travelled};
use turmwacht::model::status::Status;
use turmwacht::model::verdict::{Reason, Verdict};

use super::{at, catalogue, check};

const SECOND: Duration = Duration::from_secs(1);

/// How long an answer takes.
const TAKES: Duration = Duration::from_millis(50);

/// So many components with a check each that depend on nothing: every minute, ten seconds long, down
/// after three.
pub(super) fn independent(count: u32) -> Arc<Catalogue> {
    let mut declared = catalogue(&[]).declared().clone();
    let only = declared.components.remove(0);
    declared.checks.clear();
    for index in 0..count {
        let mut component = only.clone();
        component.id = ComponentId::new(format!("c{index}"));
        declared.components.push(component);
        let mut check = check(index);
        check.down_after = 3;
        declared.checks.push(check);
    }
    Arc::new(Catalogue::new(declared))
}

/// What a target answers: why it fails, if it does, and how long it wants to be left alone.
type Answer = (Option<Reason>, Option<Duration>);

/// A probe that a target saw.
#[derive(Debug, Clone, Copy)]
struct Seen {
    began: Duration,
    ended: Duration,
    request: u32,
    unplanned: bool,
}

/// The engine with its schedule and targets.
struct World<T> {
    state: State,
    schedule: Schedule,
    under_way: BinaryHeap<Reverse<(Duration, u32, Duration, Duration)>>,
    references_at: Option<Duration>,
    target: T,
    seen: Vec<Seen>,
    events: Vec<Logged>,
}

impl<T: FnMut(u32, Duration) -> (IpAddr, Answer)> World<T> {
    fn new(catalogue: &Arc<Catalogue>, target: T) -> Self {
        let timings = catalogue.checks.iter().zip(0u32..).map(|(check, index)| Timing {
            key: stable_key(&format!("{index}")).wrapping_mul(0x9e37_79b9_7f4a_7c15),
            interval: check.interval,
            timeout: check.timeout,
            // Two names each are asked at the same host and port.
            site: Some(u64::from(index / 2)),
        });
        let schedule = Schedule::new(timings.collect(), at(0).as_millis(), Duration::ZERO, |_| false);
        let mut state = State::new(7);
        state.step(vec![Input::Adopt(Arc::clone(catalogue))], at(0));
        let (under_way, seen, events) = (BinaryHeap::new(), Vec::new(), Vec::new());
        Self { state, schedule, under_way, references_at: None, target, seen, events }
    }

    /// Lives until then. References answer whenever they are asked.
    fn run(&mut self, until: Duration) {
        loop {
            let ends = self.under_way.peek().map(|Reverse((ended, ..))| *ended);
            let timer = self.state.next_timer().map(|timer| timer.since(at(0)));
            let next = [self.schedule.next(), ends, self.references_at, timer].into_iter().flatten().min();
            let Some(now) = next.filter(|now| *now <= until) else { return };
            while let Some(due) = self.schedule.pop_due(now, usize::MAX) {
                self.under_way.push(Reverse((now + TAKES, due.request, due.slot, now)));
                let seen = Seen { began: now, ended: now + TAKES, request: due.request, unplanned: due.unplanned };
                self.seen.push(seen);
            }
            self.land(now);
        }
    }

    fn land(&mut self, now: Duration) {
        let mut inputs = Vec::new();
        if self.references_at.take_if(|asked| *asked <= now).is_some() {
            let travelled = Travelled { host: u64::MAX, ..travelled(0) };
            inputs.push(Input::Reference { travelled, at: at(0).plus(now) });
        }
        while let Some(&Reverse((ended, request, slot, began))) = self.under_way.peek()
            && ended <= now
        {
            self.under_way.pop();
            self.schedule.finished(request);
            let (address, (reason, wait)) = (self.target)(request, began);
            self.schedule.heard(request, address, wait, (began, now));
            inputs.push(Input::Judged(Judged {
                check: request,
                catalogue_version: 1,
                slot: at(0).plus(slot),
                started_at: at(0).plus(began),
                ended_at: at(0).plus(ended),
                verdict: reason.map_or(Verdict::Up, Reason::verdict),
                reason,
                travelled: travelled(request),
                duration: TAKES,
            }));
        }
        let step = self.state.step(inputs, at(0).plus(now));
        self.events.extend(step.events);
        for effect in step.effects {
            match effect {
                Effect::Retry { check, at: then } => self.schedule.probe_at(check, then.since(at(0)).max(now)),
                Effect::ProbeSoon { check } => self.schedule.probe_at(check, now),
                Effect::AskReferences => {
                    self.references_at.get_or_insert(now + SECOND);
                }
            }
        }
    }

    /// Statuses that a component had, one after the other.
    fn statuses(&self, component: u32) -> Vec<Status> {
        let told = self.events.iter().filter_map(|logged| match &logged.event {
            Event::StatusChanged(changed) if changed.component.as_str() == format!("c{component}") => {
                Some(changed.status)
            }
            _ => None,
        });
        told.collect()
    }
}

fn travelled(request: u32) -> Travelled {
    Travelled { host: request.into(), outside: true, resolver: true, ipv4: true, ipv6: false, tls: false }
}

fn address() -> IpAddr {
    IpAddr::from([192, 0, 2, 1])
}

#[test]
fn a_thousand_names_on_one_address_fail_and_see_at_most_twice_the_steady_rate() {
    const NAMES: u32 = 1_000;
    let failing = |began: Duration| (began >= 60 * SECOND).then_some(Reason::Status);
    let mut world = World::new(&independent(NAMES), |_, began| (address(), (failing(began), None)));
    world.run(300 * SECOND);
    let mut unplanned_until = Duration::ZERO;
    for (seen, index) in world.seen.iter().zip(0..) {
        let within = world.seen[index..].iter().take_while(|later| later.began < seen.began + 60 * SECOND);
        let count = within.count();
        assert!(count <= 2 * NAMES as usize + 3, "{count} in the minute from {:?}", seen.began);
        if seen.unplanned {
            assert!(seen.began >= unplanned_until, "two confirmations at a time, at {:?}", seen.began);
            unplanned_until = seen.ended;
        }
    }
    let unplanned = world.seen.iter().filter(|seen| seen.unplanned).count();
    assert!(unplanned > 500, "they are confirmed all the same: {unplanned}");
    assert_eq!(world.seen.iter().filter(|seen| !seen.unplanned).count() / NAMES as usize, 5, "no slot is lost");
    for name in 0..NAMES {
        assert_eq!(world.statuses(name), [Status::Operational, Status::MajorOutage], "c{name}");
    }
}

#[test]
fn who_says_when_to_come_back_is_asked_no_sooner_and_stays_red() {
    // Nothing else is probed: only references can say that our own paths work.
    for (wait, soonest) in [(120, 120), (100_000, 150), (0, 0)] {
        let mut world = World::new(&independent(1), |_, began| {
            let down = began >= 60 * SECOND;
            (address(), (down.then_some(Reason::Status), down.then_some(wait * SECOND)))
        });
        world.run(4_000 * SECOND);
        assert_eq!(world.statuses(0), [Status::Operational, Status::MajorOutage], "asked to wait for {wait} s");
        let down: Vec<&Seen> = world.seen.iter().filter(|seen| seen.began >= 60 * SECOND).collect();
        assert!(down.len() > 20, "{} probes", down.len());
        for pair in down.windows(2) {
            let pause = pair[1].began - pair[0].ended;
            assert!(pause >= Duration::from_secs(soonest), "{pause:?} after being asked for {wait} s");
        }
    }
}

#[test]
fn one_check_that_is_to_wait_speaks_for_its_site_and_not_for_others_behind_the_address() {
    let mut world = World::new(&independent(3), |request, began| {
        let busy = request == 0 && began >= 60 * SECOND;
        (address(), (busy.then_some(Reason::Blocked), busy.then_some(100_000 * SECOND)))
    });
    world.run(1_860 * SECOND);
    let count = |request| world.seen.iter().filter(|seen| seen.request == request).count();
    assert!((12..=16).contains(&count(0)), "{}", count(0));
    assert!((12..=16).contains(&count(1)), "{}: it asks the same site", count(1));
    assert!((31..=32).contains(&count(2)), "{}: only the address is the same", count(2));
    assert_eq!(world.statuses(0), [Status::Operational, Status::Unknown], "being turned away is no outage");
    assert_eq!(world.statuses(1), [Status::Operational], "its evidence never expires");
    assert!(world.state.record.incidents.is_empty());
}

#[test]
fn who_is_well_again_is_asked_as_before() {
    let mut world = World::new(&independent(1), |_, began| {
        let down = (60..300).contains(&began.as_secs());
        (address(), (down.then_some(Reason::Status), down.then_some(100_000 * SECOND)))
    });
    world.run(1_200 * SECOND);
    let after = world.seen.iter().filter(|seen| seen.began >= 600 * SECOND).count();
    assert!((10..=11).contains(&after), "{after} in ten minutes");
}
