//! Intervals in the store against those of the model, and names that move.

use proptest::prelude::*;
use turmwacht::model::availability::Intervals;
use turmwacht::model::event::{Event, StatusChanged};
use turmwacht::model::id::ComponentId;
use turmwacht::model::status::{Evidence, Status};

use super::fixture::{Ground, adopted, at, changed, logged};

type Row = (i64, Option<i64>, String, String);

/// The intervals of a component by its name of today.
fn stored(ground: &Ground, component: &str) -> Vec<Row> {
    let sql = ground.sql();
    let mut statement = sql
        .prepare(
            "SELECT from_ms, until_ms, state, evidence FROM interval JOIN entity ON uid = subject_uid
             WHERE kind = 'component' AND entity.id = ?1 ORDER BY from_ms",
        )
        .unwrap();
    let rows = statement.query_map([component], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)));
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}

fn expected(intervals: &Intervals) -> Vec<Row> {
    let next = intervals.iter().skip(1).map(|next| Some(next.from.as_millis())).chain([None]);
    intervals
        .iter()
        .zip(next)
        .map(|(interval, until)| {
            let (status, evidence) = (interval.status.to_string(), interval.evidence.to_string());
            (interval.from.as_millis(), until, status, evidence)
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_store_holds_the_intervals_of_the_model(
        changes in proptest::collection::vec(
            (0..2usize, 0..40i64, proptest::sample::select(Status::ALL), proptest::sample::select(Evidence::ALL)),
            1..60,
        ),
        cut in 1..20usize,
    ) {
        let ground = Ground::new();
        let names = ["portal", "login"];
        let mut intervals = [Intervals::default(), Intervals::default()];
        let events = changes.iter().map(|&(component, since, status, evidence)| {
            intervals[component].begin(at(since), status, evidence);
            Event::StatusChanged(StatusChanged {
                component: ComponentId::new(names[component]),
                status,
                without_derived: status,
                evidence,
                since: at(since),
                reason: None,
                affected_by: Vec::new(),
            })
        });
        let events = logged(1, std::iter::once(adopted(1, &names)).chain(events));
        let pen = ground.pen();
        for part in events.chunks(cut) {
            pen.events(part);
        }
        drop(pen);
        for (name, intervals) in names.iter().zip(&intervals) {
            prop_assert_eq!(stored(&ground, name), expected(intervals));
        }
    }
}

#[test]
fn a_renamed_component_keeps_its_intervals_and_a_removed_one_ends() {
    let ground = Ground::new();
    ground.pen().events(&logged(
        1,
        [
            adopted(1, &["portal", "login"]),
            changed("portal", Status::Operational, 1),
            changed("login", Status::MajorOutage, 2),
            adopted(2, &["service<portal"]),
            changed("service", Status::MajorOutage, 5),
        ],
    ));
    assert_eq!(stored(&ground, "portal"), []);
    let row = |from, until: Option<i64>, status: Status| (from, until, status.to_string(), "own".to_owned());
    assert_eq!(
        stored(&ground, "service"),
        [row(1000, Some(5000), Status::Operational), row(5000, None, Status::MajorOutage)]
    );
    assert_eq!(stored(&ground, "login"), [row(2000, Some(4000), Status::MajorOutage)]);
    // It comes back: the gap stays a gap.
    ground.pen().events(&logged(6, [adopted(3, &["service", "login"]), changed("login", Status::MajorOutage, 7)]));
    assert_eq!(
        stored(&ground, "login"),
        [row(2000, Some(4000), Status::MajorOutage), row(7000, None, Status::MajorOutage)]
    );
}

#[test]
fn names_may_be_swapped_and_taken_over() {
    let ground = Ground::new();
    ground.pen().events(&logged(
        1,
        [
            adopted(1, &["a", "b", "c"]),
            changed("a", Status::Operational, 1),
            changed("b", Status::MajorOutage, 2),
            // The engine looks for a component under its own name first, so `a` and `b` stay
            // who they are, and `d` takes over `c`.
            adopted(2, &["a<b", "b<a", "d<c"]),
            // Now `d` is gone, and a new `c` begins.
            adopted(3, &["a", "b", "c"]),
            changed("c", Status::DegradedPerformance, 7),
        ],
    ));
    assert_eq!(stored(&ground, "a")[0].2, "operational");
    assert_eq!(stored(&ground, "b")[0].2, "major_outage");
    assert_eq!(stored(&ground, "c").len(), 1);
    let sql = ground.sql();
    let mut statement = sql
        .prepare(
            "SELECT id || coalesce(' until ' || retired_position, '') FROM entity WHERE kind = 'check' ORDER BY uid",
        )
        .unwrap();
    let checks: Vec<String> = statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(checks, ["a/main", "b/main", "d/main until 5", "c/main"]);
}
