//! The stories come out right: each scenario's expectations hold, and a restart at any point
//! leaves the same state.

mod faults;
mod feeds;
mod formats;

use turmwacht::model::event::Event;
use turmwacht::model::incident::IncidentStatus;
use turmwacht::model::status::Status;
use turmwacht::replay::replay;
use turmwacht::scenario::{BUILT_IN, Scenario, World};

#[test]
fn every_built_in_scenario_comes_out_right() {
    for (name, _) in BUILT_IN {
        let scenario = Scenario::load(name).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        assert!(!scenario.expectations.is_empty(), "{name} expects nothing");
        let replayed = replay(&scenario);
        assert!(replayed.failures.is_empty(), "{name}:\n{}", replayed.failures.join("\n"));
    }
}

/// What the public read at instants worth keeping: pages, JSON, feeds and calendars.
#[test]
fn the_outputs_worth_keeping_stay_as_they_are() {
    for (name, _) in BUILT_IN {
        let scenario = Scenario::load(name).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        let replayed = replay(&scenario);
        assert!(!replayed.goldens.is_empty(), "{name} keeps nothing");
        for (offset, path, body) in replayed.goldens {
            let at = scenario
                .start
                .plus(offset)
                .to_jiff()
                .to_zoned(scenario.zone.clone())
                .strftime("%Y%m%dT%H%M")
                .to_string();
            let path = path.trim_start_matches('/').replace(['/', '.', '?', '='], "_");
            let text = String::from_utf8(body).expect("documents are text");
            let mut settings = insta::Settings::clone_current();
            settings.set_snapshot_path("../scenarios/golden");
            settings.set_prepend_module_to_snapshot(false);
            settings.bind(|| insta::assert_snapshot!(format!("{name}-{at}-{path}"), text));
        }
    }
}

#[test]
fn an_expectation_that_does_not_hold_is_told() {
    let text = include_str!("../scenarios/hattingen-2023.toml").replace("open_incidents = 0", "open_incidents = 7");
    let scenario = Scenario::parse("changed", &text).expect("it is well-formed");
    let replayed = replay(&scenario);
    assert_eq!(replayed.failures.len(), 1, "{:?}", replayed.failures);
    assert!(replayed.failures[0].contains("0 incidents are open, not 7"), "{:?}", replayed.failures);
}

#[test]
fn a_faulty_scenario_says_where() {
    for (text, expected) in [
        ("[scenario", "TOML"),
        ("[scenario]\nname = \"x\"", "missing field"),
        (
            "[scenario]\nname=\"x\"\ntitle=\"x\"\nstart=2023-01-01T00:00:00\nuntil=2023-01-01T01:00:00\n[[timeline]]\ntarget=\"nobody\"\nresults=\"up\"\n",
            "no component `nobody`",
        ),
    ] {
        let fault = Scenario::parse("bad.toml", text).expect_err("it is faulty").to_string();
        assert!(fault.contains(expected) || expected == "TOML", "{fault}");
    }
    assert!(Scenario::load("nowhere").expect_err("unknown").to_string().contains("hattingen-2023"));
}

/// A small county: a portal, a service that proves its function, and references.
fn story(timeline: &str) -> Scenario {
    let text = format!(
        r#"
[scenario]
name = "story"
title = "story"
start = 2023-11-01T06:00:00
until = 2023-11-01T09:00:00
[[organisation]]
id = "kreis"
kind = "county"
name = "Kreis"
ars = "059540000000"
[[component]]
id = "portal"
name = "Portal"
kind = "portal"
owner = "kreis"
[[component.check]]
id = "c"
probe.http = {{ url = "https://portal.example/" }}
interval = "60s"
expect = {{ body_contains = ["x"] }}
[[component]]
id = "dienst"
name = "Dienst"
kind = "service"
owner = "kreis"
depends_on = ["portal"]
[[component.check]]
id = "c"
probe.http = {{ url = "https://dienst.example/" }}
interval = "60s"
proves = "front"
{timeline}
"#
    );
    Scenario::parse("story", &text).unwrap_or_else(|fault| panic!("{fault}"))
}

/// Expectations and what happened, for a message.
fn holds(timeline: &str) -> turmwacht::replay::Replayed {
    let replayed = replay(&story(timeline));
    assert!(replayed.failures.is_empty(), "{}\n{timeline}", replayed.failures.join("\n"));
    replayed
}

#[test]
fn flapping_every_minute_for_an_hour_is_one_incident_and_at_most_one_entry_more() {
    let flapping = "timeout*4 up*3 ".repeat(9);
    let replayed = holds(&format!(
        "[[timeline]]\ntarget = \"portal\"\nat = \"+10m\"\nresults = \"{flapping}up\"\n\
         [[expect]]\nat = \"+68m\"\nincidents = 1\npath = \"/feed.atom\"\nentries_at_most = 2\n\
         [[expect]]\nat = \"+120m\"\nopen_incidents = 0\nincidents = 1\n"
    ));
    let relapses = replayed
        .events
        .iter()
        .filter(|logged| matches!(&logged.event, Event::IncidentMoved { status: IncidentStatus::Investigating, .. }));
    assert!(relapses.count() > 3, "it came back again and again");
}

#[test]
fn a_lost_uplink_makes_everything_unknown_and_opens_nothing() {
    holds(
        "[[fault]]\nat = \"+30m\"\nuplink_for = \"20m\"\n\
         [[expect]]\nat = \"+29m\"\ncomponent = \"portal\"\nstatus = \"operational\"\n\
         [[expect]]\nat = \"+40m\"\ncomponent = \"portal\"\nstatus = \"unknown\"\nincidents = 0\n\
         [[expect]]\nat = \"+40m\"\ncomponent = \"dienst\"\nstatus = \"unknown\"\n\
         [[expect]]\nat = \"+40m\"\npath = \"/api/v1/summary\"\nreads = ['\"status\":\"unknown\"']\n\
         [[expect]]\nat = \"+55m\"\ncomponent = \"portal\"\nstatus = \"operational\"\nincidents = 0\n",
    );
}

#[test]
fn an_open_incident_survives_a_lost_uplink() {
    holds(
        "[[timeline]]\ntarget = \"portal\"\nat = \"+10m\"\nresults = \"status*60 up\"\n\
         [[fault]]\nat = \"+30m\"\nuplink_for = \"20m\"\n\
         [[expect]]\nat = \"+20m\"\ncomponent = \"portal\"\nstatus = \"major_outage\"\nopen_incidents = 1\n\
         [[expect]]\nat = \"+45m\"\ncomponent = \"portal\"\nstatus = \"unknown\"\nopen_incidents = 1\nincident_status = \"investigating\"\n\
         [[expect]]\nat = \"+60m\"\ncomponent = \"portal\"\nstatus = \"major_outage\"\nopen_incidents = 1\nincidents = 1\n",
    );
}

#[test]
fn attacked_references_turn_nothing_grey_while_other_targets_answer() {
    holds(
        "[[timeline]]\ntarget = \"references\"\nresults = \"down\"\n\
         [[timeline]]\ntarget = \"portal\"\nat = \"+10m\"\nresults = \"status*60 up\"\n\
         [[expect]]\nat = \"+15m\"\ncomponent = \"portal\"\nstatus = \"major_outage\"\nopen_incidents = 1\n\
         [[expect]]\nat = \"+15m\"\npath = \"/api/v1/components/dienst\"\nreads = ['\"affected_by\":{']\n",
    );
}

#[test]
fn being_turned_away_is_unknown_and_a_maintenance_page_is_an_outage() {
    holds(
        "[[timeline]]\ntarget = \"portal\"\nat = \"+10m\"\nresults = \"blocked*30 up\"\n\
         [[timeline]]\ntarget = \"portal\"\nat = \"+60m\"\nresults = \"content*30 up\"\n\
         [[expect]]\nat = \"+20m\"\ncomponent = \"portal\"\nstatus = \"unknown\"\nincidents = 0\n\
         [[expect]]\nat = \"+70m\"\ncomponent = \"portal\"\nstatus = \"major_outage\"\nincidents = 1\n",
    );
}

#[test]
fn a_clock_set_forward_or_back_changes_nothing() {
    let plain = holds("[[timeline]]\ntarget = \"portal\"\nat = \"+10m\"\nresults = \"status*20 up\"\n");
    for by in ["1h", "-1h"] {
        let stepped = holds(&format!(
            "[[timeline]]\ntarget = \"portal\"\nat = \"+60m\"\nresults = \"status*20 up\"\n\
             [[fault]]\nat = \"+30m\"\nclock = \"{by}\"\n\
             [[expect]]\nat = \"+31m\"\ncomponent = \"portal\"\nstatus = \"operational\"\nincidents = 0\n\
             [[expect]]\nat = \"+59m\"\ncomponent = \"dienst\"\nstatus = \"operational\"\nincidents = 0\n"
        ));
        let kinds = |events: &[turmwacht::model::event::Logged]| {
            events
                .iter()
                .filter(|logged| matches!(logged.event, Event::CheckTurned { .. } | Event::IncidentOpened(_)))
                .count()
        };
        assert_eq!(kinds(&plain.events), kinds(&stepped.events), "{by}");
    }
}

#[test]
fn killed_at_any_minute_the_public_reads_the_same() {
    let timeline = "[[timeline]]\ntarget = \"portal\"\nat = \"+10m\"\nresults = \"status*20 up\"\n\
                    [[timeline]]\ntarget = \"dienst\"\nat = \"+12m\"\nresults = \"content*30 up\"\n";
    let whole = holds(timeline);
    for minute in (1..60).step_by(3) {
        let killed = holds(&format!("{timeline}[[fault]]\nat = \"+{minute}m\"\nkill = true\n"));
        let incidents = |replayed: &turmwacht::replay::Replayed| {
            let found = replayed.snapshot.incidents.iter();
            found.map(|i| (i.root.id.clone(), i.status, i.started_at)).collect::<Vec<_>>()
        };
        assert_eq!(incidents(&whole), incidents(&killed), "killed at minute {minute}");
    }
}

#[test]
fn without_internet_the_shipped_catalogue_reads_unknown_and_nothing_reads_down() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let loaded = turmwacht::config::load(&root.join("config.toml")).unwrap_or_else(|report| panic!("{report}"));
    let mut scenario = story("[[fault]]\nat = \"+0m\"\nuplink_for = \"3h\"\n");
    scenario.catalogue = loaded.catalogue;
    scenario.world = World::default();
    let snapshot = replay(&scenario).snapshot;
    assert_eq!(snapshot.status().status, Status::Unknown);
    for (organisation, index) in snapshot.catalogue.organisations.iter().zip(0..) {
        assert_eq!(snapshot.organisation_status(index).status, Status::Unknown, "{}", organisation.id);
    }
    assert!(snapshot.states.iter().all(|state| !state.status.is_red()));
    assert!(snapshot.incidents.is_empty());
}

#[test]
fn an_outage_that_follows_from_another_counts_and_stays_counted() {
    let replayed = replay(&Scenario::load("hattingen-2023").unwrap());
    let snapshot = &replayed.snapshot;
    let out = |id: &str| {
        let index = snapshot.catalogue.component_index[id];
        let month = std::time::Duration::from_secs(30 * 86_400);
        let window = snapshot.states[index as usize].intervals.window(snapshot.at, month, None).expect("it is checked");
        (window.outages, window.longest_outage_s)
    };
    let (outages, portal) = out("serviceportal-en");
    assert_eq!(outages, 1);
    // Its own check saw nothing, but for as long as the portal was down nobody got an appointment.
    assert_eq!(out("terminportal-witten"), (1, portal));
    // Its own function came back a week before the portal.
    let (outages, own) = out("maengelmelder-hattingen");
    assert!(outages == 1 && own < portal, "{own} s of {portal} s");
}
