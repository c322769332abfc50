//! Planned work: announced, changed, ended by a notice, overrunning, declared and edited.

use std::sync::Arc;

use serde_json::{Value, json};
use turmwacht::engine::Input;
use turmwacht::model::event::MaintenancePhase;
use turmwacht::model::notice::MaintenanceNotice;
use turmwacht::model::status::Status;
use turmwacht::scenario::Scenario;

use super::{World, admin, id, text};

fn window(id: &str, from: &str, until: &str) -> Value {
    json!({ "id": id, "title": text("Umzug"), "components": ["portal", "mail-h"], "from": from, "until": until, "ends": "on_notice", "unaffected": ["melder"] })
}

fn phase(world: &World, id: &str) -> MaintenancePhase {
    world.state.record.maintenance[id].phase
}

#[test]
fn it_covers_what_it_says_and_ends_part_by_part() {
    let mut world = World::new();
    world.probe("portal", false, 2);
    world.done(&admin(), "POST /maintenance", &window("umzug", "2023-11-01T07:00", "2023-11-01T09:00"));
    assert_eq!(phase(&world, "umzug"), MaintenancePhase::Announced);
    world.refused(
        &admin(),
        "POST /maintenance/umzug/updates",
        &json!({ "ended_at": "2023-11-01T06:05" }),
        409,
        "not begun",
    );
    world.pass(3600);
    assert_eq!(phase(&world, "umzug"), MaintenancePhase::InProgress);
    world.probe("portal", true, 4);
    assert_eq!((world.status("portal"), world.status("mail-h")), (Status::UnderMaintenance, Status::UnderMaintenance));
    assert_ne!(world.status("melder"), Status::UnderMaintenance, "it is said to stay as it is");
    assert!(world.open().is_empty(), "what fails under maintenance is no incident");
    let early = json!({ "components": [{ "id": "mail-h", "ended_at": "2023-11-01T07:05" }], "text": text("Mail geht wieder.") });
    world.done(&admin(), "POST /maintenance/umzug/updates", &early);
    assert_eq!(world.status("mail-h"), Status::Operational);
    world.pass(2 * 3600);
    assert_eq!(phase(&world, "umzug"), MaintenancePhase::Overrunning);
    world.probe("portal", false, 3);
    assert_eq!(world.status("portal"), Status::UnderMaintenance, "green probes do not end it");
    world.refused(
        &admin(),
        "POST /maintenance/umzug/updates",
        &json!({ "ended_at": "2023-11-02T00:00" }),
        422,
        "future",
    );
    let over = json!({ "ended_at": "2023-11-01T09:05" });
    world.done(&admin(), "POST /maintenance/umzug/updates", &over);
    assert_eq!((phase(&world, "umzug"), world.status("portal")), (MaintenancePhase::Completed, Status::Operational));
    world.refused(&admin(), "PATCH /maintenance/umzug", &json!({ "until": "2023-12-01" }), 409, "completed");
    world.assert_restores();
}

#[test]
fn the_last_part_that_ends_ends_the_whole() {
    let mut world = World::new();
    world.done(&admin(), "POST /maintenance", &window("umzug", "2023-11-01T06:30", "2023-11-01T09:00"));
    world.pass(3600);
    for (component, at) in [("mail-h", "2023-11-01T06:40"), ("portal", "2023-11-01T06:50")] {
        let body = json!({ "components": [{ "id": component, "ended_at": at }] });
        world.done(&admin(), "POST /maintenance/umzug/updates", &body);
    }
    let notice = &world.state.record.maintenance["umzug"];
    assert_eq!(notice.phase, MaintenancePhase::Completed);
    assert_eq!(notice.ended_at.unwrap().to_string(), "2023-11-01T05:50:00Z");
    assert_eq!(notice.sequence, 1, "calendars take the early end over");
}

#[test]
fn what_cannot_be_planned_is_refused() {
    let mut world = World::new();
    world.done(&admin(), "POST /maintenance", &window("a", "2023-12-01", "2023-12-08"));
    let cases = [
        (window("b", "2023-12-08", "2023-12-01"), 422, "ends before it begins"),
        (window("b", "2023-10-01", "2023-10-02"), 422, "in the past"),
        (window("a", "2024-12-01", "2024-12-08"), 409, "another id"),
        (window("b", "2023-12-08", "2023-12-10"), 409, "under maintenance `a`"),
        (window("b", "2024-03-31T02:30", "2024-04-01"), 422, "02:30 does not exist on 2024-03-31"),
        (window("B!", "2024-01-01", "2024-01-02"), 422, "cannot be an id"),
        (
            json!({ "title": text("x"), "components": ["nobody"], "from": "2024-01-01", "until": "2024-01-02" }),
            422,
            "no component `nobody`",
        ),
        (
            json!({ "title": text("x"), "components": [], "from": "2024-01-01", "until": "2024-01-02" }),
            422,
            "at least one",
        ),
        (
            json!({ "title": text("x"), "components": ["portal"], "from": "gestern", "until": "2024-01-02" }),
            422,
            "write 2023-12-08",
        ),
        (json!({ "title": text("x"), "components": ["portal"], "until": "2024-01-02" }), 422, "`from` is missing"),
        (
            json!({ "title": text("x"), "components": ["portal"], "unaffected": ["portal"], "from": "2024-01-01", "until": "2024-01-02" }),
            422,
            "covered and unaffected",
        ),
        (
            json!({ "title": text("x"), "components": [{ "id": "portal", "until": "2024-02-01" }], "from": "2024-01-01", "until": "2024-01-02" }),
            422,
            "outside the maintenance",
        ),
        (
            json!({ "title": text("x"), "components": ["portal"], "from": "2024-01-01", "until": "2024-01-02", "announced_at": "2023-01-01" }),
            422,
            "in the past",
        ),
        (
            json!({ "title": text("x"), "components": ["portal"], "from": "2024-01-01", "until": "2024-01-02", "back_from": "2023-12-31" }),
            422,
            "before the beginning",
        ),
    ];
    for (body, status, says) in cases {
        world.refused(&admin(), "POST /maintenance", &body, status, says);
    }
    world.refused(&admin(), "PATCH /maintenance/a", &json!({ "until": "2023-11-30" }), 422, "ends before it begins");
    world.refused(&admin(), "POST /maintenance/a/updates", &json!({}), 422, "say something");
    assert_eq!(world.state.record.maintenance.len(), 1);
    // It lasts through the last second of its last local day.
    assert_eq!(world.state.record.maintenance["a"].until.at.to_string(), "2023-12-08T23:00:00Z");
}

#[test]
fn a_failure_outside_a_maintenance_is_an_incident_all_the_same() {
    let mut world = World::new();
    world.done(&admin(), "POST /maintenance", &window("umzug", "2023-11-01T06:30", "2023-11-02T09:00"));
    world.pass(3600);
    world.probe("homepage-w", false, 1);
    world.probe("homepage-h", true, 3);
    assert_eq!(world.open().len(), 1);
}

#[test]
fn a_declared_maintenance_keeps_what_editors_changed_until_the_file_changes() {
    let declared = |until: &str| {
        format!(
            "{}[[maintenance]]\nid = \"wartung\"\ntitle = \"Wartung\"\ncomponents = [\"portal\"]\nfrom = 2023-12-01\nuntil = {until}\n",
            super::WORLD
        )
    };
    let mut world = World::of(&declared("2023-12-02"));
    world.done(&admin(), "PATCH /maintenance/wartung", &json!({ "until": "2023-12-05" }));
    let reload = |world: &mut World, text: &str| {
        let catalogue = Scenario::parse("world", text).unwrap().catalogue;
        world.pass(60);
        world.input(Input::Adopt(Arc::new(catalogue)));
    };
    reload(&mut world, &declared("2023-12-02"));
    let until = |world: &World| world.state.record.maintenance["wartung"].until.at.to_string();
    assert_eq!(
        (until(&world).as_str(), world.state.record.maintenance["wartung"].sequence),
        ("2023-12-05T23:00:00Z", 1)
    );
    reload(&mut world, &declared("2023-12-03"));
    assert_eq!(
        (until(&world).as_str(), world.state.record.maintenance["wartung"].sequence),
        ("2023-12-03T23:00:00Z", 2)
    );
    reload(&mut world, super::WORLD);
    assert_eq!(phase(&world, "wartung"), MaintenancePhase::Cancelled);
    world.assert_restores();
}

#[test]
fn a_recurring_one_comes_round_in_local_time_over_the_clock_change() {
    let text = format!(
        "{}[[maintenance]]\nid = \"patch\"\ntitle = \"Updates\"\ncomponents = [\"portal\"]\nfrom = 2024-03-01\nuntil = 2024-04-30\nrecurring = {{ rrule = \"FREQ=WEEKLY;BYDAY=SU\", at = \"02:30\", for = \"1h\" }}\n",
        super::WORLD
            .replace("start = 2023-11-01T06:00:00", "start = 2024-03-20T06:00:00")
            .replace("until = 2023-11-02T06:00:00", "until = 2024-05-02T06:00:00")
    );
    let mut world = World::of(&text);
    let mut begun = Vec::new();
    let mut was = MaintenancePhase::Announced;
    for _ in 0..(45 * 24 * 2) {
        world.pass(1800);
        let now = phase(&world, "patch");
        if now == MaintenancePhase::InProgress && was != now {
            begun.push(world.state.record.maintenance["patch"].from.at.to_string());
            assert!(world.state.record.maintenance["patch"].components[0].component == id("portal"));
        }
        was = now;
    }
    // 02:30 does not exist on 31 March: it begins after the gap.
    assert_eq!(
        begun,
        [
            "2024-03-24T01:30:00Z",
            "2024-03-31T01:30:00Z",
            "2024-04-07T00:30:00Z",
            "2024-04-14T00:30:00Z",
            "2024-04-21T00:30:00Z",
            "2024-04-28T00:30:00Z"
        ]
    );
    assert_eq!(was, MaintenancePhase::Completed);
    world.assert_restores();
}

/// Every second Tuesday of the month in 2024, in the evening.
fn evenings() -> Value {
    json!({
        "id": "abend", "title": text("Wartungsabend"), "components": ["portal"],
        "from": "2024-01-01", "until": "2024-12-31",
        "recurring": { "rrule": "FREQ=MONTHLY;BYDAY=2TU", "at": "19:00", "for": "3h" },
    })
}

fn notice<'w>(world: &'w World, id: &str) -> &'w MaintenanceNotice {
    &world.state.record.maintenance[id]
}

/// When the occurrence at hand begins and ends.
fn at_hand(world: &World, id: &str) -> [String; 2] {
    let notice = notice(world, id);
    [&notice.from, &notice.until].map(|when| when.at.to_string())
}

/// When it begins the next times after that.
fn ahead(world: &mut World, id: &str) -> Vec<String> {
    let snapshot = world.snapshot();
    let found = snapshot.maintenances.iter().find(|maintenance| maintenance.id.as_str() == id).expect("told");
    found.upcoming.iter().map(|(from, _)| from.to_string()).collect()
}

#[test]
fn an_editor_announces_what_comes_round() {
    let mut world = World::new();
    world.done(&admin(), "POST /maintenance", &evenings());
    assert_eq!(at_hand(&world, "abend"), ["2024-01-09T18:00:00Z", "2024-01-09T21:00:00Z"]);
    let (from, until) = notice(&world, "abend").span();
    assert_eq!(
        [from.at.to_string(), until.at.to_string()],
        ["2023-12-31T23:00:00Z", "2024-12-31T23:00:00Z"],
        "the days are those of the whole"
    );
    // The evening hour is the same in summer, and the year is over in December.
    let next = ahead(&mut world, "abend");
    assert_eq!((next.len(), &*next[2], &*next[9]), (11, "2024-04-09T17:00:00Z", "2024-11-12T18:00:00Z"));
    assert_eq!(next[10], "2024-12-10T18:00:00Z");
    // On 9 January it covers what it says, and after it waits for the next time without a word.
    world.now = "2024-01-09T18:00:00Z".parse().map(turmwacht::model::time::Timestamp::from_jiff).unwrap();
    world.pass(1);
    assert_eq!(
        (phase(&world, "abend"), world.status("portal")),
        (MaintenancePhase::InProgress, Status::UnderMaintenance)
    );
    world.pass(3 * 3600);
    assert_eq!(phase(&world, "abend"), MaintenancePhase::Announced);
    assert_ne!(world.status("portal"), Status::UnderMaintenance);
    assert_eq!(at_hand(&world, "abend")[0], "2024-02-13T18:00:00Z");
    assert_eq!(notice(&world, "abend").updates.len(), 1, "it is told of once");
    world.assert_restores();
}

#[test]
fn nights_in_which_the_clock_changes_are_in_a_series_like_others() {
    let mut world = World::new();
    for (id, from, until, begins) in [
        ("f", "2024-03-24", "2024-04-07", ["2024-03-24T01:30:00Z", "2024-03-31T01:30:00Z", "2024-04-07T00:30:00Z"]),
        ("h", "2024-10-20", "2024-11-03", ["2024-10-20T00:30:00Z", "2024-10-27T00:30:00Z", "2024-11-03T01:30:00Z"]),
    ] {
        let mut body = evenings();
        (body["id"], body["from"], body["until"]) = (id.into(), from.into(), until.into());
        body["recurring"] = json!({ "rrule": "FREQ=WEEKLY", "at": "02:30", "for": "1h" });
        world.done(&admin(), "POST /maintenance", &body);
        let next = ahead(&mut world, id);
        assert_eq!([&at_hand(&world, id)[0], &next[0], &next[1]], begins);
    }
}

#[test]
fn what_is_no_good_series_is_refused_at_its_place() {
    let mut world = World::new();
    world.done(&admin(), "POST /maintenance", &window("umzug", "2023-12-01", "2023-12-08"));
    let recurring = |rrule: &str, at: &str, lasts: &str| json!({ "rrule": rrule, "at": at, "for": lasts });
    let cases = [
        (
            recurring("FREQ=HOURLY", "19:00", "3h"),
            "/recurring/rrule no recurrence rule: `FREQ=HOURLY`, not a value of FREQ",
        ),
        (recurring("", "19:00", "3h"), "/recurring/rrule no recurrence rule: every part is KEY=VALUE"),
        (recurring("FREQ=DAILY", "abends", "3h"), "/recurring/at write the local time of day"),
        (recurring("FREQ=DAILY", "19:00", "59s"), "/recurring/for write how long each one lasts"),
        (recurring("FREQ=MONTHLY", "19:00", "32d"), "/recurring/for write how long each one lasts"),
        (
            recurring("FREQ=DAILY", "19:00", "25h"),
            "/recurring/for it lasts longer than it takes to the next one: at most 1d",
        ),
        (
            recurring("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "19:00", "3h"),
            "/recurring/rrule the rule has no occurrence left",
        ),
        (json!({ "rrule": "FREQ=DAILY", "at": "19:00" }), "missing field `for`"),
        (json!({ "rrule": "FREQ=DAILY", "at": "19:00", "for": "1h", "zone": "x" }), "unknown field `zone`"),
    ];
    for (recurring, says) in cases {
        let mut body = evenings();
        body["recurring"] = recurring;
        world.refused(&admin(), "POST /maintenance", &body, 422, says);
        // A change is held against the same.
        let change = json!({ "recurring": body["recurring"], "ends": "by_itself", "until": "2024-12-31" });
        world.refused(&admin(), "PATCH /maintenance/umzug", &change, 422, says);
    }
    let mut body = evenings();
    body["ends"] = "on_notice".into();
    world.refused(&admin(), "POST /maintenance", &body, 422, "/ends recurring work ends by itself");
    let change = json!({ "recurring": evenings()["recurring"], "until": "2024-12-31" });
    world.refused(&admin(), "PATCH /maintenance/umzug", &change, 422, "/ends recurring work ends by itself");
    body["ends"] = "by_itself".into();
    body["until"] = "2023-12-31".into();
    world.refused(&admin(), "POST /maintenance", &body, 422, "/until it ends before it begins");
    // The only time of January is the 9th.
    (body["from"], body["until"]) = ("2024-01-10".into(), "2024-02-12".into());
    world.refused(&admin(), "POST /maintenance", &body, 422, "no occurrence left");
    assert_eq!(world.state.record.maintenance.len(), 1);
}

#[test]
fn a_series_is_changed_ended_earlier_or_comes_round_no_more() {
    let mut world = World::new();
    world.done(&admin(), "POST /maintenance", &evenings());
    let changed = |world: &mut World, body: Value| world.done(&admin(), "PATCH /maintenance/abend", &body);
    changed(&mut world, json!({ "recurring": { "rrule": "FREQ=MONTHLY;BYDAY=3WE", "at": "20:00", "for": "90m" } }));
    assert_eq!(at_hand(&world, "abend"), ["2024-01-17T19:00:00Z", "2024-01-17T20:30:00Z"]);
    assert_eq!(notice(&world, "abend").sequence, 1, "calendars take it over");
    changed(&mut world, json!({ "until": "2024-03-31" }));
    assert_eq!(ahead(&mut world, "abend"), ["2024-02-21T19:00:00Z", "2024-03-20T19:00:00Z"]);
    changed(&mut world, json!({ "from": "2024-02-01" }));
    assert_eq!(at_hand(&world, "abend")[0], "2024-02-21T19:00:00Z");
    changed(&mut world, json!({ "title": text("Später Abend") }));
    assert_eq!(at_hand(&world, "abend")[0], "2024-02-21T19:00:00Z", "what is not named stays");
    world.refused(&admin(), "PATCH /maintenance/abend", &json!({ "until": "2024-02-20" }), 422, "no occurrence left");
    world.refused(&admin(), "PATCH /maintenance/abend", &json!({ "until": "2023-10-01" }), 422, "past");
    // One is left, the one at hand; with other times it is that one.
    changed(&mut world, json!({ "recurring": null }));
    let single = notice(&world, "abend");
    assert_eq!((&single.recurring, &single.series), (&None, &None));
    assert_eq!(at_hand(&world, "abend"), ["2024-02-21T19:00:00Z", "2024-02-21T20:30:00Z"]);
    assert!(ahead(&mut world, "abend").is_empty());
    changed(&mut world, json!({ "from": "2024-02-22", "until": "2024-02-22" }));
    assert_eq!(at_hand(&world, "abend"), ["2024-02-21T23:00:00Z", "2024-02-22T23:00:00Z"]);
    // And round again.
    changed(&mut world, json!({ "until": "2024-06-30", "recurring": evenings()["recurring"] }));
    assert_eq!(at_hand(&world, "abend")[0], "2024-03-12T18:00:00Z");
    // What an announcement said of it stays said.
    let said = notice(&world, "abend").updates.iter().map(|update| update.announced.as_ref().unwrap().recurs);
    let (yes, no) = (Some(true), Some(false));
    assert_eq!(said.collect::<Vec<_>>(), [yes, yes, yes, yes, yes, no, no, yes]);
    world.assert_restores();
}

#[test]
fn what_is_back_in_one_occurrence_is_covered_in_another() {
    let mut world = World::new();
    let mut body = evenings();
    body["components"] = json!(["portal", "mail-h"]);
    (body["from"], body["recurring"]) =
        ("2023-11-01".into(), json!({ "rrule": "FREQ=DAILY", "at": "06:30", "for": "20h" }));
    world.done(&admin(), "POST /maintenance", &body);
    world.pass(3600);
    let early = json!({ "components": [{ "id": "mail-h", "ended_at": "2023-11-01T06:40" }] });
    world.done(&admin(), "POST /maintenance/abend/updates", &early);
    world.done(&admin(), "PATCH /maintenance/abend", &json!({ "until": "2024-01-31" }));
    assert_eq!(world.status("mail-h"), Status::Operational, "of the same occurrence it stays back");
    let later = json!({ "recurring": { "rrule": "FREQ=DAILY", "at": "07:00", "for": "20h" } });
    world.done(&admin(), "PATCH /maintenance/abend", &later);
    assert_eq!(world.status("mail-h"), Status::UnderMaintenance);
    // Put off to the night, it is not under way any more.
    let night = json!({ "recurring": { "rrule": "FREQ=DAILY", "at": "23:00", "for": "1h" } });
    world.done(&admin(), "PATCH /maintenance/abend", &night);
    assert_eq!((phase(&world, "abend"), world.status("mail-h")), (MaintenancePhase::Announced, Status::Operational));
    world.assert_restores();
}

#[test]
fn what_editors_change_in_a_declared_series_stays_until_the_file_changes() {
    let declared = |at: &str| {
        format!(
            "{}[[maintenance]]\nid = \"abend\"\ntitle = \"Abend\"\ncomponents = [\"portal\"]\nfrom = 2024-01-01\nuntil = 2024-12-31\nrecurring = {{ rrule = \"FREQ=MONTHLY;BYDAY=2TU\", at = \"{at}\", for = \"3h\" }}\n",
            super::WORLD
        )
    };
    let mut world = World::of(&declared("19:00"));
    let later = json!({ "recurring": { "rrule": "FREQ=MONTHLY;BYDAY=2TU", "at": "21:00", "for": "2h" } });
    world.done(&admin(), "PATCH /maintenance/abend", &later);
    let reload = |world: &mut World, text: &str| {
        let catalogue = Scenario::parse("world", text).unwrap().catalogue;
        world.pass(60);
        world.input(Input::Adopt(Arc::new(catalogue)));
    };
    let found = |world: &World| (at_hand(world, "abend")[0].clone(), notice(world, "abend").sequence);
    reload(&mut world, &declared("19:00"));
    assert_eq!(found(&world), ("2024-01-09T20:00:00Z".to_owned(), 1));
    reload(&mut world, &declared("18:00"));
    assert_eq!(found(&world), ("2024-01-09T17:00:00Z".to_owned(), 2));
    world.assert_restores();
}

#[test]
fn as_much_work_is_planned_as_fits_in_memory() {
    let mut world = World::new();
    let first = jiff::civil::date(2024, 1, 1);
    let day = |number: i64| first.checked_add(jiff::Span::new().days(number)).unwrap().to_string();
    for number in 0..2_000 {
        let from = format!("{}T07:00", day(number));
        let until = format!("{}T08:00", day(number));
        world.done(&admin(), "POST /maintenance", &window(&format!("umzug-{number}"), &from, &until));
    }
    let more = window("noch-einer", &format!("{}T07:00", day(2_000)), &format!("{}T08:00", day(2_000)));
    world.refused(&admin(), "POST /maintenance", &more, 409, "too much work is planned");
    world.done(&admin(), "PATCH /maintenance/umzug-7", &json!({ "status": "cancelled" }));
    world.done(&admin(), "POST /maintenance", &more);
}
