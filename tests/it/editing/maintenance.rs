//! Planned work: announced, changed, ended by a notice, overrunning, declared and edited.

use std::sync::Arc;

use serde_json::{Value, json};
use turmwacht::engine::Input;
use turmwacht::model::event::MaintenancePhase;
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
