//! Properties of the engine over random catalogues and orders of events.

mod paths;
mod restraint;

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use turmwacht::engine::{Input, State};
use turmwacht::model::catalogue::{Catalogue, Component, Declared, Dependency, Organisation};
use turmwacht::model::check::{Check, DegradedWhen, DnsProbe, Expect, Probe, Proves, WarnWhen};
use turmwacht::model::event::{Event, Logged};
use turmwacht::model::id::{CheckId, ComponentId, OrganisationId};
use turmwacht::model::observation::{Judged, Travelled};
use turmwacht::model::status::{ComponentKind, Evidence, OrganisationKind, Status, roll_up};
use turmwacht::model::text::Text;
use turmwacht::model::time::Timestamp;
use turmwacht::model::verdict::{Reason, Verdict};
use turmwacht::replay::restored;

fn at(second: u64) -> Timestamp {
    Timestamp::from_millis(1_793_491_200_000).plus(Duration::from_secs(second))
}

/// A catalogue of `edges.len() + 1` components, each with a check; component n may depend on
/// earlier ones or be part of one.
fn catalogue(edges: &[(u8, u8, bool)]) -> Arc<Catalogue> {
    let organisation = Organisation {
        id: OrganisationId::new("kreis"),
        kind: OrganisationKind::County,
        name: Text::single("de", "Kreis"),
        ars: Some("059540000000".into()),
        land: None,
        url: None,
        timezone: None,
        hosts: vec![],
        served_by: vec![],
        formerly: vec![],
        links: Default::default(),
    };
    let component = |index: usize, depends_on: Vec<Dependency>| Component {
        id: ComponentId::new(format!("c{index}")),
        name: Text::single("de", &format!("C{index}")),
        kind: ComponentKind::Service,
        owner: 0,
        part_of: None,
        serves: vec![],
        depends_on,
        url: None,
        leika: vec![],
        ozg: None,
        public: index % 5 != 4,
        public_name: None,
        available_from: None,
        retired_at: None,
        formerly: vec![],
        delivery: None,
        alternatives: vec![],
    };
    let mut components = vec![component(0, vec![])];
    for (index, &(first, second, soft)) in (1usize..).zip(edges) {
        let earlier = |n: u8| u32::from(n) % u32::try_from(index).unwrap();
        let red_means = soft.then_some(Status::DegradedPerformance);
        let mut depends_on = vec![Dependency { component: earlier(first), red_means }];
        if earlier(second) != earlier(first) {
            depends_on.push(Dependency { component: earlier(second), red_means: None });
        }
        components.push(component(index, depends_on));
    }
    let checks = (0u32..).take(components.len()).map(check).collect();
    Arc::new(Catalogue::new(Declared { organisations: vec![organisation], components, checks, ..Declared::default() }))
}

fn check(component: u32) -> Check {
    Check {
        id: CheckId::new("c"),
        component,
        probe: Probe::Dns(DnsProbe { name: "example.org".into(), record_type: "A".into(), resolver: None }),
        interval: Duration::from_secs(60),
        timeout: Duration::from_secs(10),
        down_after: 2,
        up_after: 2,
        retry_interval: Duration::from_secs(10),
        expect: Expect::default(),
        degraded: DegradedWhen::default(),
        warn: WarnWhen::default(),
        failure: None,
        proves: if component.is_multiple_of(2) { Proves::Function } else { Proves::Front },
    }
}

fn judged(check: u32, second: u64, result: u8) -> Judged {
    let (verdict, reason) = match result % 6 {
        0..=2 => (Verdict::Up, None),
        3 => (Verdict::Down, Some(Reason::Timeout)),
        4 => (Verdict::Degraded, Some(Reason::Slow)),
        _ => (Verdict::Unknown, Some(Reason::Blocked)),
    };
    Judged {
        check,
        catalogue_version: 1,
        slot: at(second),
        started_at: at(second),
        ended_at: at(second).shifted(100),
        verdict,
        reason,
        travelled: Travelled {
            host: u64::from(check),
            outside: true,
            resolver: true,
            ipv4: true,
            ipv6: false,
            tls: false,
        },
        duration: Duration::from_millis(100),
    }
}

/// A run: every 20 s a step with some results, and sometimes an answer of a reference.
fn run(catalogue: &Arc<Catalogue>, steps: &[Vec<(u8, u8)>], reverse: bool) -> (State, Vec<Logged>) {
    run_watched(catalogue, steps, reverse, |_, _| ())
}

/// A run that shows the state and the log so far after each step.
fn run_watched(
    catalogue: &Arc<Catalogue>,
    steps: &[Vec<(u8, u8)>],
    reverse: bool,
    mut watch: impl FnMut(&State, &[Logged]),
) -> (State, Vec<Logged>) {
    let mut state = State::new(7);
    let mut events = state.step(vec![Input::Adopt(Arc::clone(catalogue))], at(0)).events;
    let checks = u32::try_from(catalogue.checks.len()).unwrap();
    for (index, results) in (1u64..).zip(steps) {
        let second = index * 20;
        let mut inputs: Vec<Input> = results
            .iter()
            .map(|&(check, result)| Input::Judged(judged(u32::from(check) % checks, second, result)))
            .collect();
        // The same slot of the same check counts once, so keep the first of each.
        let mut seen = std::collections::BTreeSet::new();
        inputs.retain(|input| matches!(input, Input::Judged(judged) if seen.insert(judged.check)));
        if index % 3 == 0 {
            let travelled =
                Travelled { host: u64::MAX, outside: true, resolver: true, ipv4: true, ipv6: true, tls: true };
            inputs.push(Input::Reference { travelled, at: at(second).shifted(500) });
        }
        if reverse {
            inputs.reverse();
        }
        events.extend(state.step(inputs, at(second).shifted(1000)).events);
        watch(&state, &events);
    }
    (state, events)
}

fn edges() -> impl Strategy<Value = Vec<(u8, u8, bool)>> {
    prop::collection::vec((any::<u8>(), any::<u8>(), any::<bool>()), 0..7)
}

fn steps() -> impl Strategy<Value = Vec<Vec<(u8, u8)>>> {
    prop::collection::vec(prop::collection::vec((any::<u8>(), any::<u8>()), 0..6), 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn restoring_at_every_prefix_equals_live(edges in edges(), steps in steps()) {
        let catalogue = catalogue(&edges);
        // After every step: what a restart finds is what was live.
        let mut unequal = None;
        let (_, events) = run_watched(&catalogue, &steps, false, |state, events| {
            if restored(events, state).record != state.record {
                unequal.get_or_insert(events.len());
            }
        });
        prop_assert_eq!(unequal, None, "restored after so many events");
        let positions: Vec<u64> = events.iter().map(|logged| logged.position).collect();
        prop_assert_eq!(&positions, &(1..=positions.len() as u64).collect::<Vec<_>>(), "gapless");
        prop_assert!(events.windows(2).all(|pair| pair[0].at <= pair[1].at), "times never decrease");
        // And a checkpoint in the middle changes nothing.
        let (mut half, rest) = (State::new(7), events.split_at(events.len() / 2));
        rest.0.iter().for_each(|logged| half.apply(logged));
        let bytes = serde_json::to_vec(&half.record).unwrap();
        let record = serde_json::from_slice(&bytes).unwrap();
        let mut from_checkpoint = State::from_record(record, Arc::clone(half.catalogue()));
        rest.1.iter().for_each(|logged| from_checkpoint.apply(logged));
        let mut straight = State::new(7);
        events.iter().for_each(|logged| straight.apply(logged));
        prop_assert_eq!(&from_checkpoint.record, &straight.record);
    }

    #[test]
    fn the_order_inside_a_step_does_not_matter(edges in edges(), steps in steps()) {
        let catalogue = catalogue(&edges);
        let (state, events) = run(&catalogue, &steps, false);
        let (other, other_events) = run(&catalogue, &steps, true);
        prop_assert_eq!(events, other_events);
        prop_assert_eq!(state.record, other.record);
    }

    #[test]
    fn advancing_twice_equals_advancing_once(edges in edges(), steps in steps(), between in 1u64..2000) {
        let catalogue = catalogue(&edges);
        let (mut once, _) = run(&catalogue, &steps, false);
        let mut twice = once.clone();
        let start = once.record.at;
        let end = start.plus(Duration::from_secs(3000));
        let mut events = twice.step(vec![], start.plus(Duration::from_secs(between))).events;
        events.extend(twice.step(vec![], end).events);
        prop_assert_eq!(once.step(vec![], end).events, events);
        prop_assert_eq!(once.record, twice.record);
    }

    #[test]
    fn each_root_has_one_open_incident_and_every_red_component_of_its_own_stands_in_one(
        edges in edges(),
        steps in steps(),
    ) {
        let catalogue = catalogue(&edges);
        let (mut state, _) = run(&catalogue, &steps, false);
        // A new root waits at most one timeout for word of what it depends on.
        state.step(vec![], state.record.at.plus(Duration::from_secs(11)));
        let mut roots: Vec<_> = state.record.incidents.values().filter(|i| i.is_open()).map(|i| i.root.clone()).collect();
        let count = roots.len();
        roots.sort();
        roots.dedup();
        prop_assert_eq!(roots.len(), count, "two open incidents at one root");
        for (component, record) in catalogue.components.iter().zip(&state.record.components) {
            // What depends on something about to be confirmed waits for that.
            let settled = state.record.checks.iter().all(|check| check.streak.results.is_empty());
            if settled && record.evidence == Evidence::Own && record.status > Status::UnderMaintenance {
                let found = state.record.incidents.values().filter(|i| i.is_open() && i.concerns(&component.id).is_some());
                prop_assert!(found.count() >= 1, "{} is {} and stands in no open incident", component.id, record.status);
            }
        }
        let snapshot = state.snapshot(state.record.at, &[], true);
        prop_assert!(snapshot.catalogue.components.iter().all(|c| !c.id.as_str().ends_with('4')), "an internal one leaks");
    }

    #[test]
    fn availability_is_a_ratio_and_adds_up(edges in edges(), steps in steps(), cut in 1u64..600) {
        let catalogue = catalogue(&edges);
        let (state, _) = run(&catalogue, &steps, false);
        let end = state.record.at;
        let length = end.since(at(0));
        for record in &state.record.components {
            let window = |until: Timestamp, length| record.intervals.window(until, length, None);
            let Some(all) = window(end, length) else { continue };
            prop_assert!((0.0..=1.0).contains(&all.ratio) && (0.0..=1.0).contains(&all.ratio_with_maintenance));
            let cut = Duration::from_secs(cut).min(length);
            let first = window(end.minus(cut), length - cut).map_or((0, 0), |a| (a.measured_s, a.major_s));
            let second = window(end, cut).map_or((0, 0), |a| (a.measured_s, a.major_s));
            // Seconds are rounded down once per window.
            prop_assert!(all.measured_s.abs_diff(first.0 + second.0) <= 2);
            prop_assert!(all.major_s.abs_diff(first.1 + second.1) <= 2);
        }
    }

    #[test]
    fn a_roll_up_is_monotone(statuses in prop::collection::vec(0usize..6, 1..8), which in any::<prop::sample::Index>()) {
        let own = |statuses: &[usize]| roll_up(statuses.iter().map(|&s| (Status::ALL[s], Evidence::Own))).status;
        let before = own(&statuses);
        let mut worse = statuses.clone();
        let index = which.index(worse.len());
        worse[index] = (worse[index] + 1).min(5);
        // Unknown ones do not weigh against known ones, so they neither help nor harm.
        if Status::ALL[worse[index]] != Status::Unknown && Status::ALL[statuses[index]] != Status::Unknown {
            prop_assert!(own(&worse) >= before, "{statuses:?} → {worse:?}");
        }
    }
}

fn one_check() -> Arc<Catalogue> {
    catalogue(&[])
}

fn feed(state: &mut State, second: u64, result: u8) -> Vec<Logged> {
    state.step(vec![Input::Judged(judged(0, second, result))], at(second).shifted(200)).events
}

#[test]
fn a_gap_longer_than_evidence_lasts_is_unknown_from_where_it_expired() {
    let mut state = State::new(7);
    let mut events = state.step(vec![Input::Adopt(one_check())], at(0)).events;
    events.extend(feed(&mut state, 60, 0));
    assert_eq!(state.record.components[0].status, Status::Operational);
    // Off for a short while, and for a long one: evidence of a minute's check lasts 190 s.
    for (back_at, status) in [(200, Status::Operational), (10_000, Status::Unknown)] {
        let mut again = restored(&events, &state);
        again.step(vec![], at(back_at));
        assert_eq!(again.record.components[0].status, status);
        if status == Status::Unknown {
            assert_eq!(again.record.components[0].since, at(60 + 190).shifted(100));
            assert_eq!(again.record.components[0].last_known, Some(Status::Operational));
            let day =
                again.record.components[0].intervals.window(at(10_000), Duration::from_secs(10_000), None).unwrap();
            assert_eq!(day.measured_s, 190, "what was not seen is not measured");
        }
    }
}

#[test]
fn a_renamed_component_keeps_its_state_and_a_removed_one_closes_its_incident() {
    let mut state = State::new(7);
    state.step(vec![Input::Adopt(one_check())], at(0));
    let everything = Travelled { host: 99, outside: true, resolver: true, ipv4: true, ipv6: true, tls: true };
    for second in [60, 70, 80] {
        feed(&mut state, second, 3);
        state.step(
            vec![Input::Reference { travelled: everything, at: at(second).shifted(300) }],
            at(second).shifted(300),
        );
    }
    assert_eq!(state.record.components[0].status, Status::MajorOutage);
    let before = state.record.components[0].clone();
    let mut renamed = one_check().declared().clone();
    renamed.components[0].id = ComponentId::new("neu");
    renamed.components[0].formerly = vec![ComponentId::new("c0")];
    state.step(vec![Input::Adopt(Arc::new(Catalogue::new(renamed)))], at(90));
    assert_eq!(state.record.components[0], before);
    let open: Vec<_> = state.record.incidents.values().filter(|incident| incident.is_open()).collect();
    assert_eq!(open.len(), 1);
    // Somebody else's catalogue: the component is gone.
    let mut other = one_check().declared().clone();
    other.components[0].id = ComponentId::new("anderes");
    state.step(vec![Input::Adopt(Arc::new(Catalogue::new(other)))], at(100));
    assert!(state.record.incidents.values().all(|incident| !incident.is_open()));
    let snapshot = state.snapshot(at(100), &[], true);
    assert_eq!(snapshot.incidents.len(), 1, "it stays to be read");
}

#[test]
fn a_maintenance_covers_what_it_names_and_nothing_else() {
    use turmwacht::model::catalogue::{Covered, Ends, Maintenance};
    use turmwacht::model::id::MaintenanceId;
    use turmwacht::model::window::When;
    let mut declared = catalogue(&[(0, 0, false)]).declared().clone();
    declared.maintenances.push(Maintenance {
        id: MaintenanceId::new("m"),
        title: Text::single("de", "M"),
        components: vec![Covered { component: 0, until: None }],
        programme: None,
        from: When::instant(at(300)),
        until: When::instant(at(600)),
        ends: Ends::ByItself,
        announced_at: None,
        last_chance_before: None,
        back_from: None,
        unaffected: vec![],
        recurring: None,
        alternatives: vec![],
    });
    let mut state = State::new(7);
    state.step(vec![Input::Adopt(Arc::new(Catalogue::new(declared)))], at(0));
    let status = |state: &State| state.record.components.iter().map(|c| c.status).collect::<Vec<_>>();
    let both = |state: &mut State, second: u64, result: u8| {
        let inputs = vec![Input::Judged(judged(0, second, result)), Input::Judged(judged(1, second, 0))];
        state.step(inputs, at(second).shifted(200));
    };
    both(&mut state, 290, 0);
    assert_eq!(status(&state), [Status::Operational, Status::Operational]);
    state.step(vec![], at(301));
    // The second one depends on the first; its own front page proves no function.
    assert_eq!(status(&state), [Status::UnderMaintenance, Status::UnderMaintenance]);
    // Failures meanwhile are no incident.
    for second in [310, 320, 330, 340] {
        both(&mut state, second, 3);
    }
    assert_eq!(status(&state)[0], Status::UnderMaintenance);
    assert!(state.record.incidents.is_empty());
    state.step(vec![], at(599));
    both(&mut state, 600, 0);
    both(&mut state, 610, 0);
    assert_eq!(status(&state), [Status::Operational, Status::Operational]);
    let day = state.record.components[0].intervals.window(at(610), Duration::from_secs(320), None).unwrap();
    assert_eq!((day.maintenance_s, day.major_s), (300, 0), "maintenance never creates downtime");
}

#[test]
fn a_reference_on_the_same_host_vouches_for_the_path_and_another_check_there_does_not() {
    for by_reference in [true, false] {
        let mut state = State::new(7);
        state.step(vec![Input::Adopt(catalogue(&[(0, 0, true)]))], at(0));
        for second in [60, 70] {
            feed(&mut state, second, 3);
        }
        let same_host = Travelled { host: 0, outside: true, resolver: true, ipv4: true, ipv6: false, tls: false };
        let answer = if by_reference {
            Input::Reference { travelled: same_host, at: at(71) }
        } else {
            Input::Judged(Judged { travelled: same_host, ..judged(1, 71, 0) })
        };
        state.step(vec![answer], at(72));
        state.step(vec![], at(120));
        let expected = if by_reference { Status::MajorOutage } else { Status::Unknown };
        assert_eq!(state.record.components[0].status, expected);
        assert_eq!(state.record.blind.is_empty(), by_reference);
    }
}

fn adopted(position: u64, catalogue: &Arc<Catalogue>) -> Logged {
    let version = u32::try_from(position).unwrap();
    Logged { position, at: at(position), event: Event::CatalogueAdopted { version, catalogue: Arc::clone(catalogue) } }
}

#[test]
fn a_public_component_that_was_removed_is_remembered_until_it_is_back() {
    const NONE: (u8, u8, bool) = (0, 0, false);
    // c4 is internal.
    let (large, small) = (catalogue(&[NONE; 5]), catalogue(&[NONE; 1]));
    let mut state = State::new(1);
    let removed = |state: &mut State| -> Vec<String> {
        let snapshot = state.snapshot(at(9), &[], true);
        let mut ids: Vec<String> = snapshot.catalogue.removed.iter().map(ToString::to_string).collect();
        ids.sort();
        ids
    };
    state.apply(&adopted(1, &large));
    assert_eq!(removed(&mut state), [""; 0]);
    state.apply(&adopted(2, &small));
    assert_eq!(removed(&mut state), ["c2", "c3", "c5"]);
    // A restart knows it, from the log and from a checkpoint.
    let record = serde_json::from_str(&serde_json::to_string(&state.record).unwrap()).unwrap();
    let mut from_checkpoint = State::from_record(record, Arc::clone(&small));
    assert_eq!(removed(&mut from_checkpoint), ["c2", "c3", "c5"]);
    assert_eq!(removed(&mut restored(&[adopted(1, &large), adopted(2, &small)], &state)), ["c2", "c3", "c5"]);
    // Renamed is not removed, and what is back is not.
    let mut renamed = Declared {
        organisations: large.organisations.clone(),
        components: large.components[..2].to_vec(),
        ..Declared::default()
    };
    renamed.components.push(Component {
        id: ComponentId::new("neu"),
        formerly: vec![ComponentId::new("c2")],
        ..large.components[2].clone()
    });
    state.apply(&adopted(3, &Arc::new(Catalogue::new(renamed))));
    assert_eq!(removed(&mut state), ["c3", "c5"]);
    state.apply(&adopted(4, &large));
    assert_eq!(removed(&mut state), ["neu"]);
}

#[test]
fn weeks_of_coming_and_going_leave_no_more_than_what_is_bounded() {
    let catalogue = catalogue(&[(0, 0, false), (1, 1, false), (3, 3, true), (2, 2, false), (7, 7, true)]);
    let checks = u32::try_from(catalogue.checks.len()).unwrap();
    let mut state = State::new(7);
    state.step(vec![Input::Adopt(Arc::clone(&catalogue))], at(0));
    let (mut opened, mut timers_max, mut early) = (0, 0, 0);
    // A minute each: every check fails for some minutes of half an hour, one after the other.
    for minute in 1..30_000u64 {
        let second = minute * 60;
        let failing = |check: u32| (minute + 5 * u64::from(check)) % 30 < 3;
        // Those that answer do so after those that fail, and bear witness.
        let inputs = (0..checks).map(|check| {
            let (result, ended_at) = if failing(check) { (3, 100) } else { (0, 200) };
            Input::Judged(Judged { ended_at: at(second).shifted(ended_at), ..judged(check, second, result) })
        });
        let step = state.step(inputs.collect(), at(second).shifted(1_000));
        opened += step.events.iter().filter(|logged| matches!(logged.event, Event::IncidentOpened(_))).count();
        timers_max = timers_max.max(state.timers());
        if minute == 3_000 {
            early = timers_max;
        }
        if minute % 100 == 0 {
            state.snapshot(state.record.at, &[], true);
        }
    }
    let record = &state.record;
    assert!(opened > 1_000, "{opened} incidents: too few to tell anything");
    let open = record.incidents.values().filter(|incident| incident.is_open()).count();
    assert!(record.incidents.len() - open <= 500 && open <= catalogue.components.len(), "{}", record.incidents.len());
    let longest = record.incidents.values().map(|incident| incident.updates.len()).max().unwrap();
    assert!(longest <= 1_000, "{longest} updates");
    assert!(timers_max <= early + 10, "{timers_max} timers, of which {early} after two days");
    assert!(timers_max < 20 * catalogue.components.len(), "{timers_max} timers");
    assert!(record.changes.len() <= 2_000 && record.removed.len() <= 2_000);
}
