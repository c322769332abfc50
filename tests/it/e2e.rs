//! The program as an operator meets it: started with files in a folder, asked over HTTP, sent
//! signals, killed. Its targets are sockets of the test; real servers are in `peers`.

mod crowd;
mod damaged;
mod desk;
mod editing;
mod export;
mod growth;
mod hostile;
mod logged;
mod notify;
mod openapi;
pub(crate) mod program;
mod reload;
mod restore;
mod supervised;
mod suspended;
mod tokens;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use turmwacht::clock::monotonic;

use crate::probe::server::{Server, answer, closed_port, hold, send};
use program::{Place, Program, configuration};

/// A town with a portal at an address, and a service that rests on it. The portal has a name of
/// its own, for a host's own answer proves nothing about our network.
pub(crate) fn town(address: SocketAddr) -> String {
    format!(
        r#"[[organisation]]
id = "teststadt"
kind = "municipality"
name = "Teststadt"
ars = "059540016016"
[[component]]
id = "portal"
name = "Serviceportal"
kind = "portal"
owner = "teststadt"
[[component.check]]
id = "anmeldung"
probe.http = {{ url = "http://portal.test:{}/login", resolve = "{address}" }}
expect = {{ body_contains = ["Anmelden"] }}
[[component]]
id = "antrag"
name = "Anträge"
kind = "service"
owner = "teststadt"
depends_on = ["portal"]
[[component.alternative]]
kind = "phone"
target = "tel:+4923240"
label = "Bürgerbüro"
"#,
        address.port()
    )
}

/// A site that works while it is switched on.
struct Site {
    server: Server,
    works: Arc<AtomicBool>,
}

impl Site {
    fn new() -> Self {
        let works = Arc::new(AtomicBool::new(true));
        let switch = Arc::clone(&works);
        let server = Server::http(move |stream, _| {
            let up = switch.load(Ordering::SeqCst);
            send(stream, &answer(if up { "200 OK" } else { "503 Service Unavailable" }, "", "Anmelden"));
        });
        Self { server, works }
    }

    fn switch(&self, works: bool) {
        self.works.store(works, Ordering::SeqCst);
    }

    fn place(&self) -> Place {
        Place::new(reference().address, &town(self.server.address))
    }
}

/// Something outside that always answers.
pub(crate) fn reference() -> Server {
    Server::answering(answer("200 OK", "", "da"))
}

/// What is published, without what may differ after a restart: when it was written, and figures
/// that grow by themselves.
pub(crate) fn published(program: &Program) -> Vec<Value> {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(object) => {
                object.retain(|key, _| {
                    !["generated_at", "valid_until", "position", "checked_at", "availability"].contains(&key.as_str())
                });
                object.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut documents: Vec<Value> = ["summary", "organisations", "components", "incidents", "organisations/teststadt"]
        .iter()
        .map(|route| program.json(&format!("/api/v1/{route}")))
        .collect();
    documents.iter_mut().for_each(strip);
    documents.extend(["/feed.atom", "/teststadt/feed.atom"].map(|path| Value::String(program.get(path))));
    documents
}

#[test]
fn an_outage_is_published_and_survives_kill_9_to_the_letter() {
    let site = Site::new();
    let place = site.place();
    let program = place.serve();
    program.until_status("portal", "operational");
    assert_eq!(program.json("/api/v1/summary")["indicator"], "none");
    let metrics = program.get("/metrics");
    let fresh = metrics.lines().find_map(|line| line.strip_prefix("turmwacht_alive_timestamp_seconds ")).unwrap();
    let now = program.json("/api/v1/alive")["valid_until"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert!((0..300).contains(&(now.as_second() - fresh.parse::<i64>().unwrap())), "{fresh} is not lately");
    assert!(!program.get("/feed.atom").contains("<entry>"));

    site.switch(false);
    program.until_status("portal", "major_outage");
    let before = published(&program);
    let (summary, incidents) = (&before[0], &before[3]["incidents"]);
    assert_eq!((&summary["status"], &summary["indicator"]), (&"major_outage".into(), &"critical".into()));
    assert_eq!(incidents.as_array().unwrap().len(), 1);
    assert_eq!((&incidents[0]["status"], &incidents[0]["impact"]), (&"investigating".into(), &"critical".into()));
    assert_eq!(incidents[0]["root"]["id"], "portal");
    let service = program.component("antrag");
    assert_eq!((&service["status"], &service["evidence"]), (&"major_outage".into(), &"derived".into()));
    assert_eq!(service["affected_by"]["component"]["id"], "portal");
    let feed = program.get("/teststadt/feed.atom");
    assert_eq!(feed.matches("<entry>").count(), 1, "{feed}");
    assert!(program.get("/teststadt").contains("Bürgerbüro"));

    program.kill();
    let mut program = place.serve();
    // The probes go on failing: nothing is decided anew.
    assert_eq!(published(&program), before);

    site.switch(true);
    program.until_status("portal", "operational");
    // It stays open until ten minutes have passed without a failure.
    let incidents = program.json("/api/v1/incidents");
    let updates = incidents["incidents"][0]["updates"].as_array().unwrap();
    let words: Vec<&Value> = updates.iter().map(|update| &update["status"]).collect();
    assert_eq!(words, ["monitoring", "investigating"], "newest first");
    assert_eq!(program.get("/feed.atom").matches("<entry>").count(), 2);

    let before = published(&program);
    program.signal(Signal::TERM);
    assert_eq!(program.ended().code(), Some(0));
    assert_eq!(published(&place.serve()), before);
}

#[test]
fn without_a_network_the_status_is_unknown_and_nothing_is_an_incident() {
    let place = Place::new(closed_port(), &town(closed_port()));
    let program = place.serve();
    program.until("our own connection is found to be down", |program| program.get("/readyz").contains("blind"));
    // Failures go on and are never confirmed.
    program.until("five probes have failed", |program| {
        let metrics = program.get("/metrics");
        let line =
            metrics.lines().find(|line| line.starts_with("turmwacht_probes_total{kind=\"http\",verdict=\"down\"}"));
        line.is_some_and(|line| line.rsplit_once(' ').unwrap().1.parse::<u32>().unwrap() >= 5)
    });
    for id in ["portal", "antrag"] {
        assert_eq!(program.component(id)["status"], "unknown");
    }
    assert_eq!(program.json("/api/v1/summary")["status"], "unknown");
    assert_eq!(program.json("/api/v1/organisations/teststadt")["organisation"]["status"], "unknown");
    assert_eq!(program.json("/api/v1/incidents")["incidents"], Value::Array(Vec::new()));
    assert!(program.get("/metrics").contains("turmwacht_vantage_blind{path=\"ipv4\"} 1"));
}

#[test]
fn a_faulty_file_keeps_the_catalogue_in_force_also_over_a_restart() {
    let site = Site::new();
    let place = site.place();
    let mut program = place.serve();
    program.until_status("portal", "operational");
    place.write("probes.toml", &town(site.server.address).replace("kind = \"portal\"", "kind = \"portl\""));
    program.signal(Signal::HUP);
    program.until("it says so", |program| program.get("/readyz").contains("config_stale"));
    assert!(program.log().contains("probes.toml:"), "{}", program.log());
    assert!(program.get("/metrics").contains("\nturmwacht_config_last_reload_successful 0\n"));
    assert_eq!(program.component("portal")["status"], "operational");
    // A faulty config.toml is no other case.
    place.write("config.toml", "listen = 7");
    program.signal(Signal::HUP);
    program.until("it has read it", |program| program.log().contains("config.toml:"));
    assert_eq!(program.component("portal")["status"], "operational");

    place.write("config.toml", &configuration(reference().address, "127.0.0.1:0", "turmwacht.db"));
    program.signal(Signal::TERM);
    assert_eq!(program.ended().code(), Some(0));
    let program = place.serve();
    assert!(program.log().contains("last good catalogue"), "{}", program.log());
    assert!(program.get("/readyz").contains("config_stale"));
    assert_eq!(program.component("portal")["name"], "Serviceportal");

    place.write("probes.toml", &town(site.server.address).replace("Serviceportal", "Bürgerportal"));
    program.signal(Signal::HUP);
    program.until("the good file is taken", |program| program.component("portal")["name"] == "Bürgerportal");
    assert!(!program.get("/readyz").contains("config_stale"));
    assert!(program.get("/metrics").contains("\nturmwacht_config_last_reload_successful 1\n"));
}

#[test]
fn faulty_files_at_the_first_start_are_shown_and_end_it() {
    let place = Place::new(closed_port(), &town(closed_port()).replace("depends_on", "depends_upon"));
    for arguments in [&["serve"][..], &["config", "check"], &[]] {
        let finished = place.run(arguments);
        assert_eq!(finished.code, Some(1), "{finished:?}");
        for words in ["--> probes.toml:", "depends_upon", "depends_on", "^"] {
            assert!(finished.stderr.contains(words), "{arguments:?}: {}", finished.stderr);
        }
    }
    assert!(!place.path("turmwacht.db").exists());
    assert_eq!(place.run(&["check"]).code, Some(3));
    let nowhere = place.run(&["--config", "nowhere.toml", "serve"]);
    assert_eq!(nowhere.code, Some(1));
    assert!(nowhere.stderr.contains("nowhere.toml"), "{nowhere:?}");
}

#[test]
fn a_second_instance_a_taken_port_and_an_unwritable_store_are_one_sentence_each() {
    let site = Site::new();
    let place = site.place();
    let mut program = place.serve();
    place.run(&["serve"]).assert_refuses(&["another turmwacht", &program.id().to_string(), "[storage] path"]);
    assert_eq!(place.run(&["backup", "copy.db"]).code, Some(0), "a backup works beside the server");
    assert!(place.path("copy.db").exists());
    place.run(&["backup", "copy.db"]).assert_refuses(&["copy.db exists already"]);
    assert_eq!(program.get("/healthz"), program.get("/healthz"), "the first one goes on");

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let reference = reference().address;
    place.write("config.toml", &configuration(reference, &address.to_string(), "other.db"));
    place.run(&["serve"]).assert_refuses(&[&address.to_string(), "in use", "`listen`"]);
    place.run(&["demo", "--listen", &address.to_string()]).assert_refuses(&[&address.to_string(), "in use"]);
    for (store, words) in [("nowhere/turmwacht.db", "nowhere"), ("probes.toml/turmwacht.db", "probes.toml")] {
        place.write("config.toml", &configuration(reference, "127.0.0.1:0", store));
        place.run(&["serve"]).assert_refuses(&[words]);
    }
    place.write("no.db", "this is not a database, but a letter");
    place.write("config.toml", &configuration(reference, "127.0.0.1:0", "no.db"));
    place.run(&["serve"]).assert_refuses(&["no.db is not a turmwacht store"]);
    program.signal(Signal::INT);
    assert_eq!(program.ended().code(), Some(0));
}

#[test]
fn sigterm_ends_it_at_once_and_probes_in_flight_are_no_failures() {
    let server = Server::raw(|mut stream| hold(&mut stream));
    let place = Place::new(reference().address, &town(server.address));
    // One failure would be an incident.
    let text = configuration(reference().address, "127.0.0.1:0", "turmwacht.db")
        .replace("interval = \"1s\"\ntimeout = \"1s\"", "interval = \"6s\"\ntimeout = \"6s\"")
        .replace("down_after = 2", "down_after = 1");
    place.write("config.toml", &text);
    let mut program = place.serve();
    program.until("a probe hangs", |_| server.visits() > 0);
    program.signal(Signal::TERM);
    let asked = monotonic();
    assert_eq!(program.ended().code(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(5), "that is promised");
    let program = place.serve();
    assert_eq!(program.json("/api/v1/incidents")["incidents"], Value::Array(Vec::new()));
    let portal = program.component("portal");
    assert_eq!((&portal["status"], &portal["checked_at"]), (&"unknown".into(), &Value::Null));
}

#[test]
fn check_answers_as_nagios_plugins_do() {
    let site = Site::new();
    let place = site.place();
    let up = place.run(&["check", "portal/anmeldung"]);
    assert_eq!(up.code, Some(0), "{up:?}");
    assert!(up.stdout.contains("portal/anmeldung") && up.stdout.contains("connect"), "{up:?}");
    let json = place.run(&["check", "--json"]);
    let line: Value = serde_json::from_str(json.stdout.lines().next().unwrap()).unwrap();
    assert_eq!((json.stdout.lines().count(), json.code, &line["verdict"]), (1, Some(0), &"up".into()), "{line}");

    let late = Server::http(|stream, _| {
        std::thread::sleep(Duration::from_millis(5));
        send(stream, &answer("200 OK", "", "Anmelden"));
    });
    place.write(
        "probes.toml",
        &town(late.address).replace("expect =", "degraded = { slower_than = \"1ms\" }\nexpect ="),
    );
    let slow = place.run(&["check"]);
    assert_eq!(slow.code, Some(1), "{slow:?}");
    assert!(slow.stdout.contains("slow"), "{slow:?}");

    site.switch(false);
    place.write("probes.toml", &town(site.server.address));
    let down = place.run(&["check"]);
    assert_eq!(down.code, Some(2), "{down:?}");
    assert!(down.stdout.contains("status") && down.stdout.contains("503"), "{down:?}");
    let refusing = Server::answering(answer("403 Forbidden", "", ""));
    place.write("probes.toml", &town(refusing.address));
    assert_eq!(place.run(&["check"]).code, Some(3), "blocked is unknown");
    let unknown = place.run(&["check", "portl"]);
    assert_eq!(unknown.code, Some(3));
    assert!(unknown.stderr.contains("portal"), "did you mean: {unknown:?}");
}

#[test]
fn the_demo_is_live_and_its_story_happens() {
    let place = Place::new(closed_port(), "");
    let mut program = place.start(&["demo", "--listen", "127.0.0.1:0", "--speed", "400"]);
    assert!(program.get("/").contains("<h1"));
    assert!(program.get("/hattingen").contains("Serviceportal"));
    for path in ["/en/", "/en/hattingen"] {
        assert!(program.get(path).contains("<html lang=\"en\""), "{path}");
    }
    program.until("the portal falls", |program| {
        let incidents = program.json("/api/v1/incidents");
        incidents["incidents"].as_array().unwrap().iter().any(|incident| incident["impact"] == "critical")
    });
    program.signal(Signal::INT);
    assert_eq!(program.ended().code(), Some(0));
}

#[test]
fn replay_says_whether_the_story_came_out() {
    let place = Place::new(closed_port(), "");
    let good = place.run(&["replay", "hattingen-2023"]);
    assert_eq!(good.code, Some(0), "{good:?}");
    assert!(!good.stdout.is_empty());
    let story = include_str!("../scenarios/hattingen-2023.toml").replace("open_incidents = 0", "open_incidents = 7");
    place.write("other.toml", &story);
    let bad = place.run(&["replay", "other.toml"]);
    assert_eq!(bad.code, Some(1));
    assert!(format!("{}{}", bad.stdout, bad.stderr).contains("0 incidents are open, not 7"), "{bad:?}");
    place.run(&["replay", "nowhere"]).assert_refuses(&["hattingen-2023"]);
}

#[test]
fn a_replay_as_json_says_the_same_and_nothing_internal() {
    let place = Place::new(closed_port(), "");
    place.write(
        "internal.toml",
        r#"
[scenario]
name = "innen"
title = "Etwas Internes fällt aus"
start = 2026-03-02T08:00:00
until = 2026-03-02T09:00:00
[[organisation]]
id = "musterkreis"
kind = "county"
name = "Musterkreis"
ars = "059990000000"
[[component]]
id = "firewall"
name = "Firewall FW-7"
kind = "service"
owner = "musterkreis"
public = false
[[component.check]]
id = "tor"
probe.tcp = { address = "fw.example:443" }
interval = "60s"
[[component]]
id = "portal"
name = "Portal"
kind = "portal"
owner = "musterkreis"
[[component.check]]
id = "start"
probe.http = { url = "https://portal.example/" }
interval = "60s"
[[timeline]]
target = "firewall"
at = "+10m"
results = "timeout*20 up"
[[timeline]]
target = "portal"
at = "+20m"
results = "timeout*5 up"
[[expect]]
at = "+1h"
open_incidents = 0
"#,
    );
    let internal = place.run(&["replay", "internal.toml", "--json"]);
    assert_eq!((internal.code, &*internal.stderr), (Some(0), ""), "{internal:?}");
    assert!(internal.stdout.contains("Portal") && !internal.stdout.contains("irewall"), "{internal:?}");
    // The firewall's own disturbance, by whatever name, is none of the public's business.
    assert!(!internal.stdout.contains("Dienstleister"), "{internal:?}");
    for name in ["hattingen-2023", "menden-2023"] {
        let plain = place.run(&["replay", name]).stdout;
        let json = place.run(&["replay", name, "--json"]).stdout;
        let mut lines: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let end = lines.pop().unwrap();
        assert!(end["expectations"].as_u64().unwrap() > 0 && end["failures"] == serde_json::json!([]), "{end}");
        let told: Vec<&str> = plain.lines().filter_map(|line| line.split_once("  ")).map(|(_, text)| text).collect();
        assert_eq!(lines.len(), told.len());
        for (line, told) in lines.iter().zip(told) {
            let keys: Vec<&String> = line.as_object().unwrap().keys().collect();
            assert_eq!(keys, ["at", "text"]);
            assert_eq!(line["text"].as_str().unwrap().replace('\n', "\\n"), told);
        }
    }
}

#[test]
fn shells_complete_every_command() {
    let place = Place::new(closed_port(), "");
    let help = place.run(&["--help"]).stdout;
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    let commands: Vec<&str> = commands
        .lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(commands.contains(&"serve") && commands.contains(&"completions"), "{commands:?}");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = place.run(&["completions", shell]);
        assert_eq!((script.code, &*script.stderr), (Some(0), ""), "{shell}");
        for command in &commands {
            assert!(script.stdout.contains(command), "{shell} does not know {command}");
        }
    }
    place.write("completions", &place.run(&["completions", "bash"]).stdout);
    let asked = "source ./completions; COMP_WORDS=(turmwacht tok); COMP_CWORD=1; _turmwacht turmwacht tok turmwacht; echo ${COMPREPLY[@]}";
    let completed =
        std::process::Command::new("bash").args(["-c", asked]).current_dir(place.path("")).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&completed.stdout).trim(), "token", "{completed:?}");
    assert_eq!(place.run(&["completions", "tcsh"]).code, Some(2));
}

#[test]
fn long_work_shows_how_far_it_is_on_a_terminal_only() {
    let site = Site::new();
    let place = site.place();
    place.serve().until_status("portal", "operational");
    // A terminal is what util-linux' `script` makes for a command.
    let on_terminal = |arguments: &str| {
        let command = format!("{} {arguments}", env!("CARGO_BIN_EXE_turmwacht"));
        let mut script = std::process::Command::new("script");
        script.args(["-qec", &command, "/dev/null"]).current_dir(place.path("")).stdin(std::process::Stdio::null());
        String::from_utf8(script.output().unwrap().stdout).unwrap()
    };
    let shown = on_terminal("export one");
    assert!(shown.contains("\rexport:   0 %"), "{shown:?}");
    let last = shown.rsplit('\r').find(|line| !line.trim().is_empty()).unwrap();
    assert!(last.contains("files written"), "the line is gone at the end: {shown:?}");
    assert!(on_terminal("replay hattingen-2023").contains("\rreplay:"));
    for arguments in [&["export", "two"][..], &["replay", "hattingen-2023"], &["backup", "copy.db"]] {
        let finished = place.run(arguments);
        assert_eq!((finished.code, &*finished.stderr), (Some(0), ""), "{finished:?}");
    }
}

#[test]
fn single_results_and_availability_can_be_looked_up_and_survive_a_restart() {
    let site = Site::new();
    let place = site.place();
    let program = place.serve();
    program.until_status("portal", "operational");
    // A document stands for its epoch; another range is another document.
    let first_result = |program: &Program| -> Option<Value> {
        let from = turmwacht::clock::system_time().minus(Duration::from_secs(3_600));
        let answer = program.json(&format!("/api/v1/components/portal/results?from={from}"));
        answer["results"]["checks"][0]["results"].get(0).cloned()
    };
    program.until("a result", |program| first_result(program).is_some());
    let first = first_result(&program).unwrap();
    assert!(["up", "down"].contains(&first["verdict"].as_str().unwrap()), "{first}");
    assert!(first["duration_ms"].as_f64().is_some_and(|ms| ms > 0.0 && ms < 10_000.0), "{first}");
    program.kill();
    let again = place.serve();
    again.until("the first result", |program| first_result(program).as_ref() == Some(&first));
    again.until_status("portal", "operational");
    let availability = &again.json("/api/v1/components/portal/availability")["availability"];
    assert!(availability["measured_s"].as_u64().is_some(), "{availability}");
    assert!(availability["days"].as_array().is_some_and(|days| days.len() >= 30), "{availability}");
}
