//! Programs that were written for Statuspage, unchanged, against our server: npm's `statuspage.io`,
//! `PyPI`'s `statuspage-prometheus-exporter` and `whadup`. None of them is linked; each is run by its
//! own interpreter.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::e2e::program::{Place, Program};
use crate::e2e::{reference, town};
use crate::probe::server::closed_port;

/// Beside the portal that is out: a service of parts on it, and planned work ahead.
const MORE: &str = r#"
[[component]]
id = "standesamt"
name = "Standesamt"
kind = "service"
owner = "teststadt"
[[component.part]]
id = "eheschliessung"
name = "Anmeldung zur Eheschließung"
kind = "capability"
[[component.part]]
id = "urkunden"
name = "Urkunden"
kind = "capability"
depends_on = ["portal"]
[[maintenance]]
id = "umstellung"
title = "Umstellung"
components = ["antrag"]
from = 2099-09-27
until = 2099-10-06
"#;

/// Asks everything there is, and fails where anything is not as its types promise. What it calls
/// the active maintenances asks for the upcoming ones, so it is left out.
const NODE: &str = r"
const { Statuspage } = require('statuspage.io');
const ask = async base => {
    const client = new Statuspage('any');
    client.setApiUrl(base);
    const { api } = client;
    const summary = await api.getSummary();
    const status = await api.getStatus();
    const { components } = await api.getComponents();
    const all = await api.incidents.getAll();
    const unresolved = await api.incidents.getUnresolved();
    const planned = await api.scheduledMaintenances.getAll();
    const upcoming = await api.scheduledMaintenances.getUpcoming();
    return {
        page: summary.page.name,
        indicator: status.status.indicator,
        components: Object.fromEntries(components.map(c => [c.id, c.status])),
        groups: components.filter(c => c.group).map(c => [c.id, c.components]),
        incidents: all.incidents.length,
        unresolved: unresolved.incidents.map(i => [i.impact, i.incident_updates[0].status, i.components.map(c => c.id).sort()]),
        begun: unresolved.incidents.every(i => !Number.isNaN(new Date(i.started_at).getTime())),
        planned: planned.scheduled_maintenances.length,
        upcoming: upcoming.scheduled_maintenances.map(m => [m.id, m.status, m.impact]),
    };
};
Promise.all(process.argv.slice(1).map(ask)).then(found => console.log(JSON.stringify(found)));
";

/// `whadup` takes another address by its two constants, which is how it is configured.
const WHADUP: &str = r#"
import json, sys
import whadup
from whadup.core import GithubStatus
whadup.API_BASE_URL = sys.argv[1] + "/api/"
client = GithubStatus()
print(json.dumps({
    "indicator": client.status()["status"]["indicator"],
    "summary": len(client.summary()["components"]),
    "components": [component["name"] for component in client.components()["components"]],
    "incidents": len(GithubStatus.Incidents()["incidents"]),
    "unresolved": len(GithubStatus.Incidents.unresolved()["incidents"]),
}))
"#;

/// Where a program or a package is missing that is said, or it fails where CI needs it.
fn is_there(what: &str, mut probe: Command) -> bool {
    let found = probe.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let found = found.is_ok_and(|status| status.success());
    if !found {
        assert!(std::env::var_os("CI").is_none(), "{what} is missing, and CI needs it");
        eprintln!("skipped: {what} is not installed");
    }
    found
}

fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

fn run(mut command: Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    out.into_owned()
}

/// A server whose portal was found out, with its folder and the addresses of its two pages.
fn serving() -> (Place, Program, [String; 2]) {
    let place = Place::new(reference().address, &(town(closed_port()) + MORE));
    let program = place.serve();
    program.until_status("portal", "major_outage");
    program.until("an incident is open", |program| {
        program.json("/api/v2/status.json")["status"]["indicator"] == "critical"
    });
    let site = format!("http://{}", program.address());
    let town = format!("{site}/teststadt");
    (place, program, [site, town])
}

#[test]
fn a_typed_client_reads_all_files_of_the_site_and_of_a_town() {
    if !is_there("npm's statuspage.io", command("node", &["-e", "require('statuspage.io')"])) {
        return;
    }
    let (_place, program, bases) = serving();
    let found = run(command("node", &["-e", NODE, &bases[0], &bases[1]]));
    let found: Value = serde_json::from_str(&found).unwrap();
    let incident = program.json("/api/v1/incidents")["incidents"][0].take();
    let mut concerned: Vec<&str> =
        incident["components"].as_array().unwrap().iter().map(|component| component["id"].as_str().unwrap()).collect();
    concerned.sort_unstable();
    for (place, found) in found.as_array().unwrap().iter().enumerate() {
        assert_eq!(
            *found,
            json!({
                "page": "Teststadt",
                "indicator": "critical",
                "components": {
                    "portal": "major_outage",
                    "antrag": "major_outage",
                    "standesamt": "partial_outage",
                    "standesamt.eheschliessung": "operational",
                    "standesamt.urkunden": "major_outage",
                },
                "groups": [["standesamt", ["standesamt.eheschliessung", "standesamt.urkunden"]]],
                "incidents": 1,
                "unresolved": [["critical", incident["status"], concerned]],
                "begun": true,
                "planned": 1,
                "upcoming": [["umstellung", "scheduled", "maintenance"]],
            }),
            "place {place}"
        );
    }
}

#[test]
fn an_exporter_gives_our_incident_to_prometheus() {
    let there = command(
        "python3",
        &[
            "-c",
            "import importlib.util, sys; sys.exit(importlib.util.find_spec('statuspage_prometheus_exporter') is None)",
        ],
    );
    if !is_there("PyPI's statuspage-prometheus-exporter", there) {
        return;
    }
    let (place, program, bases) = serving();
    let services = json!({
        "site": { "name": "Site", "url": format!("{}/api/v2/summary.json", bases[0]) },
        "town": { "name": "Town", "url": format!("{}/api/v2/summary.json", bases[1]) },
    });
    place.write("services.json", &services.to_string());
    let mut exporter = command("python3", &["-m", "statuspage_prometheus_exporter.status_monitoring"]);
    exporter.current_dir(place.path("")).env("RUN_MODE", "once").env("METRICS_TEXTFILE_PATH", "out.prom");
    run(exporter);
    let metrics = std::fs::read_to_string(place.path("out.prom")).unwrap();
    let incident = program.json("/api/v1/incidents")["incidents"][0]["id"].as_str().unwrap().to_owned();
    for name in ["Site", "Town"] {
        for line in [
            format!("statuspage_probe_check{{service_name=\"{name}\"}} 1.0"),
            format!("statuspage_service_status{{service_name=\"{name}\"}} 0.0"),
            format!("statuspage_component_status{{component_name=\"Serviceportal\",service_name=\"{name}\"}} 0.0"),
            format!(
                "statuspage_component_status{{component_name=\"Anmeldung zur Eheschließung\",service_name=\"{name}\"}} 1.0"
            ),
        ] {
            assert!(metrics.lines().any(|found| found == line), "{line} is not in\n{metrics}");
        }
    }
    let told = metrics.lines().filter(|line| line.starts_with("statuspage_incident_info{"));
    let told: Vec<&str> = told.filter(|line| line.contains(&format!("incident_id=\"{incident}\""))).collect();
    assert!(
        told.len() == 2 && told.iter().all(|line| line.contains("impact=\"critical\"") && line.ends_with(" 1.0")),
        "{metrics}"
    );
    assert!(metrics.contains("maintenance_id=\"umstellung\""), "{metrics}");
}

#[test]
fn a_plain_client_reads_our_status() {
    if !is_there("PyPI's whadup", command("python3", &["-c", "import whadup"])) {
        return;
    }
    let (_place, _program, bases) = serving();
    for base in &bases {
        let found: Value = serde_json::from_str(&run(command("python3", &["-c", WHADUP, base]))).unwrap();
        assert_eq!(
            found,
            json!({
                "indicator": "critical",
                "summary": 5,
                "components": ["Serviceportal", "Anträge", "Standesamt", "Anmeldung zur Eheschließung", "Urkunden"],
                "incidents": 1,
                "unresolved": 1,
            })
        );
    }
}
