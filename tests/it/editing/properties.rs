//! What holds whatever editors do and whatever fails, over random catalogues and orders of
//! events.

use std::collections::BTreeSet;
use std::fmt::Write;

use proptest::prelude::*;
use serde_json::{Value, json};
use turmwacht::model::status::{Evidence, Status};

use super::{World, admin, text};

/// Something that happens.
#[derive(Debug, Clone)]
enum Happening {
    /// A component's checks find this, three times a minute apart.
    Probe(u8, bool),
    /// Time passes, in minutes.
    Pass(u8),
    /// An editor asks for something of a component, with another one.
    Edit(u8, u8, u8),
}

fn happenings(minutes_max: u8) -> impl Strategy<Value = Vec<Happening>> {
    let one = prop_oneof![
        4 => (any::<u8>(), any::<bool>()).prop_map(|(component, down)| Happening::Probe(component, down)),
        1 => (1..=minutes_max).prop_map(Happening::Pass),
        3 => (0u8..14, any::<u8>(), any::<u8>()).prop_map(|(what, a, b)| Happening::Edit(what, a, b)),
    ];
    proptest::collection::vec(one, 1..28)
}

/// Components c0, c1, … of a county and two towns; each may depend on earlier ones, hard or soft,
/// or be a part; some are internal, some have no check.
fn catalogue(edges: &[(u8, u8, u8)]) -> String {
    let mut text = super::WORLD.split("[[component]]").next().unwrap().to_owned();
    for (index, (first, second, kind)) in edges.iter().enumerate() {
        let owner = ["kreis", "hattingen", "witten"][usize::from(kind % 3)];
        write!(
            text,
            "[[component]]\nid = \"c{index}\"\nname = \"C{index}\"\nkind = \"service\"\nowner = \"{owner}\"\n"
        )
        .unwrap();
        if owner == "kreis" {
            text.push_str("serves = [\"05954\"]\n");
        }
        if kind % 7 == 6 {
            text.push_str("public = false\n");
        }
        if index > 0 {
            let (a, b) = (usize::from(*first) % index, usize::from(*second) % index);
            if kind % 4 != 3 {
                writeln!(text, "depends_on = [\"c{a}\"]").unwrap();
            }
            if a != b && kind % 5 == 0 {
                writeln!(text, "uses = [\"c{b}\"]").unwrap();
            }
        }
        if kind % 6 != 5 {
            write!(text, "[[component.check]]\nid = \"c\"\nprobe.http = {{ url = \"https://c{index}.example/\" }}\ninterval = \"60s\"\n{}", if kind % 2 == 0 { "expect = { body_contains = [\"x\"] }\n" } else { "" }).unwrap();
        }
    }
    text
}

/// A request; whether it is carried out or refused is not the point.
fn request(world: &World, what: u8, a: &str, b: &str) -> (String, Value) {
    let open = world.open();
    let incident =
        open.get(usize::from(what) % open.len().max(1)).map_or("i0".to_owned(), |incident| incident.id.to_string());
    let other = open.last().map_or("i0".to_owned(), |incident| incident.id.to_string());
    let minutes = |more: u64| world.now.plus(std::time::Duration::from_secs(60 * more)).to_string();
    match what {
        0 => (
            "POST /incidents".into(),
            json!({ "title": text("x"), "text": text("x"), "components": [{ "id": a, "status": "partial_outage" }, { "id": b, "status": "major_outage" }] }),
        ),
        1 => ("POST /incidents".into(), json!({ "title": text("x"), "text": text("x"), "root": a })),
        2 => (format!("PATCH /incidents/{incident}"), json!({ "root": a, "text": text("x") })),
        3 => (
            format!("POST /incidents/{incident}/updates"),
            json!({ "text": text("x"), "status": "identified", "components": [{ "id": b, "status": "degraded_performance" }] }),
        ),
        4 => (format!("POST /incidents/{incident}/updates"), json!({ "text": text("x"), "status": "resolved" })),
        5 => (format!("POST /incidents/{incident}/merge"), json!({ "into": other })),
        6 => (
            format!("POST /incidents/{incident}/split"),
            json!({ "components": [a], "title": text("x"), "text": text("x") }),
        ),
        7 => (
            "POST /maintenance".into(),
            json!({ "title": text("x"), "components": [a], "unaffected": [b], "from": minutes(2), "until": minutes(30), "ends": if a < b { "on_notice" } else { "by_itself" } }),
        ),
        8 => {
            let active = world.state.record.maintenance.values().find(|notice| notice.is_active());
            let id = active.map_or("m".to_owned(), |notice| notice.id.to_string());
            (format!("POST /maintenance/{id}/updates"), json!({ "ended_at": minutes(0) }))
        }
        9 => (format!("PUT /components/{a}/override"), json!({ "status": "operational", "until": minutes(20) })),
        10 => (format!("DELETE /components/{a}/override"), Value::Null),
        11 => (
            format!("PUT /components/{a}/local"),
            json!({ "organisations": ["hattingen"], "mode": if a < b { "basic" } else { "off" }, "until": minutes(40) }),
        ),
        12 => (
            format!("PUT /components/{a}/local"),
            json!({ "organisations": ["05954"], "status": "degraded_performance" }),
        ),
        _ => (format!("PUT /components/{a}/override"), json!({ "status": "operational" })),
    }
}

fn check(world: &mut World) -> Result<(), TestCaseError> {
    // At most one open incident per root.
    let roots: Vec<String> = world.open().iter().map(|incident| incident.root.to_string()).collect();
    prop_assert_eq!(roots.iter().collect::<BTreeSet<_>>().len(), roots.len(), "{:?}", roots);
    let snapshot = world.snapshot();
    for (component, state) in snapshot.catalogue.components.iter().zip(&snapshot.states) {
        // Every red component that is red by itself or by a cause is concerned by an open incident
        // or waits for word of its cause; so does every page that shows it.
        if let Some(affected) = &state.affected_by
            && let Some(incident) = &affected.incident
            && state.status.is_red()
            && state.set_by_hand.is_none()
            && state.evidence == Evidence::Derived
        {
            let incident = snapshot.incidents.iter().find(|known| known.id == *incident);
            prop_assert!(incident.is_some());
        }
        // What is covered never reads worse than that it is under maintenance, unless it is said by hand.
        if state.inputs.covered && state.set_by_hand.is_none() {
            prop_assert_eq!(state.status, Status::UnderMaintenance, "{}", component.id);
        }
        // A town without a word of its own reads what everybody reads.
        for &organisation in &*component.shown_on {
            let index = snapshot.catalogue.component_index[&component.id];
            let view = snapshot.view(index, Some(organisation)).unwrap();
            if world.state.record.locals.is_empty() {
                prop_assert_eq!((view.status, view.evidence), (state.status, state.evidence));
                prop_assert_eq!(view.affected_by.as_deref(), state.affected_by.as_ref());
            }
            // Whatever is not well that it depends on is named there, unless its own evidence says otherwise.
            let parents = component.edges.iter().map(|(parent, _)| snapshot.view(*parent, Some(organisation)).unwrap());
            let disturbed: Vec<_> = parents.filter(|parent| parent.status != Status::Operational).collect();
            let is_left_alone = state.aside || state.spared;
            let first = view.affected_by.as_ref().map(|affected| affected.path[0].id.clone());
            let is_right = match &first {
                Some(Some(first)) => disturbed.iter().any(|parent| parent.component.id == *first),
                Some(None) => true,
                None => disturbed.is_empty(),
            };
            prop_assert!(is_left_alone || is_right, "{} {:?}", component.id, first);
            // What is set by hand without an end near by hides nothing that is red in its own right.
            if state.set_by_hand.is_some_and(|set| !set.may_hide()) && !state.inputs.covered {
                prop_assert!(state.inputs.own.is_none_or(|own| view.status >= own));
            }
        }
    }
    for incident in snapshot.incidents.iter().filter(|incident| incident.is_open()) {
        for (component, ..) in &incident.components {
            let component = &snapshot.catalogue.components[snapshot.catalogue.component_index[component] as usize];
            for &organisation in &*component.shown_on {
                prop_assert!(snapshot.incidents_of(organisation).any(|shown| shown.id == incident.id));
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn invariants_hold_whatever_happens(
        edges in proptest::collection::vec((any::<u8>(), any::<u8>(), any::<u8>()), 2..9),
        happenings in happenings(90),
    ) {
        let mut world = World::of(&catalogue(&edges));
        let name = |n: u8| format!("c{}", usize::from(n) % edges.len());
        for happening in happenings {
            match happening {
                Happening::Probe(component, down) => world.probe(&name(component), down, 3),
                Happening::Pass(minutes) => world.pass(u64::from(minutes) * 60),
                Happening::Edit(what, a, b) => {
                    let (request, body) = request(&world, what, &name(a), &name(b));
                    // A refusal is checked by `ask` to change nothing.
                    drop(world.ask(&admin(), &request, &body));
                }
            }
            check(&mut world)?;
        }
        world.assert_restores();
        for component in &world.state.record.components {
            let day = std::time::Duration::from_secs(86_400);
            let ratio = component.intervals.window(world.now, day, None).map(|window| window.ratio);
            prop_assert!(ratio.is_none_or(|ratio| (0.0..=1.0).contains(&ratio)));
        }
        // Maintenance never makes an outage: none lies within its window.
        for notice in world.state.record.maintenance.values() {
            for covered in &notice.components {
                let end = covered.ended_at.or(notice.ended_at).unwrap_or(world.now);
                let index = world.state.catalogue().component_index(covered.component.as_str()).unwrap();
                let intervals: Vec<_> = world.state.record.components[index as usize].intervals.iter().collect();
                let ends = intervals.iter().skip(1).map(|next| next.from).chain([world.now]);
                for (interval, until) in intervals.iter().zip(ends) {
                    let overlaps = interval.from < end && until > notice.from.at;
                    prop_assert!(!(interval.status.is_red() && overlaps && notice.from.at < end), "{:?} {:?}", notice, interval);
                }
            }
        }
    }

    /// The log alone gives the state, after each of its events. What was heard over our own paths is
    /// not in it, so no gap here is longer than evidence lasts.
    #[test]
    fn a_restart_between_any_two_events_goes_on_as_if_nothing_had_been(
        edges in proptest::collection::vec((any::<u8>(), any::<u8>(), any::<u8>()), 2..6),
        happenings in happenings(1),
    ) {
        let text = catalogue(&edges);
        let mut live = World::of(&text);
        let mut killed = World::of(&text);
        let name = |n: u8| format!("c{}", usize::from(n) % edges.len());
        for happening in happenings {
            killed.state = turmwacht::replay::restored(&killed.log, &killed.state);
            for world in [&mut live, &mut killed] {
                match &happening {
                    Happening::Probe(component, down) => world.probe(&name(*component), *down, 3),
                    Happening::Pass(minutes) => world.pass(u64::from(*minutes) * 60),
                    Happening::Edit(what, a, b) => {
                        let (request, body) = request(world, *what, &name(*a), &name(*b));
                        drop(world.ask(&admin(), &request, &body));
                    }
                }
            }
        }
        prop_assert_eq!(&live.state.record.incidents, &killed.state.record.incidents);
        prop_assert_eq!(&live.state.record.maintenance, &killed.state.record.maintenance);
        prop_assert_eq!(&live.state.record.components, &killed.state.record.components);
        prop_assert_eq!(&live.state.record.locals, &killed.state.record.locals);
    }
}
