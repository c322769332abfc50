//! Prometheus: the shipped rules by its own `promtool`, and a real server that scrapes a running program,
//! in which every query of every dashboard finds something.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use turmwacht::clock::monotonic;
use url::form_urlencoded;

use super::process::{free_ports, installed};
use crate::dashboards::{dashboards, panels, queries, variables};
use crate::e2e::program::{Place, Program};
use crate::e2e::reference;
use crate::probe::server::closed_port;
use crate::probe::tls::Authority;

/// Prometheus starts, and what it asks for is there, within this.
const PATIENCE: Duration = Duration::from_secs(60);

fn shipped() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/dashboards/prometheus"))
}

#[test]
fn the_rules_are_in_order_and_fire_when_they_should_and_only_then() {
    let Some(promtool) = installed("promtool") else { return };
    for arguments in [["check", "rules"], ["test", "rules"]] {
        let folder = if arguments[0] == "check" { shipped().to_owned() } else { shipped().join("tests") };
        let files = ["rules.yml", "alerts.yml"].map(|file| folder.join(file));
        let run = Command::new(&promtool).args(arguments).args(files).stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&[run.stdout, run.stderr].concat()).into_owned();
        assert!(run.status.success() && said.contains("SUCCESS") && !said.contains("FAILED"), "{arguments:?}:\n{said}");
    }
}

/// A Prometheus of the test's own.
struct Prometheus {
    child: Child,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    /// Scrapes these addresses once a second, by job. `None` = it is not installed, which has been said.
    fn scraping(jobs: &[(&str, &[SocketAddr])]) -> Option<Self> {
        let scrapes: String = jobs
            .iter()
            .map(|(job, addresses)| {
                let targets: Vec<String> = addresses.iter().map(ToString::to_string).collect();
                format!("  - job_name: {job}\n    static_configs: [{{ targets: {targets:?} }}]\n")
            })
            .collect();
        Self::configured(&scrapes)
    }

    /// The same with a list of jobs as its configuration has it.
    fn configured(scrapes: &str) -> Option<Self> {
        let program = installed("prometheus")?;
        let folder = tempfile::tempdir().unwrap();
        let rules = ["rules.yml", "alerts.yml"].map(|file| shipped().join(file));
        let configuration = format!(
            "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\nrule_files: {rules:?}\nscrape_configs:\n{scrapes}"
        );
        std::fs::write(folder.path().join("prometheus.yml"), configuration).unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_ports(1)[0]));
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let child = Command::new(program)
            .arg("--config.file=prometheus.yml")
            .arg("--storage.tsdb.path=data")
            .arg(format!("--web.listen-address={address}"))
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let prometheus = Self { child, address, _folder: folder };
        until("Prometheus is ready", || prometheus.try_get("/-/ready").is_some_and(|(code, _)| code == 200));
        Some(prometheus)
    }

    fn try_get(&self, path: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(self.address).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        // HTTP/1.0 comes without chunks.
        write!(stream, "GET {path} HTTP/1.0\r\nHost: {}\r\n\r\n", self.address).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
    }

    fn api(&self, path: &str) -> Value {
        let (_, body) = self.try_get(path).unwrap();
        let mut answer: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(answer["status"], "success", "{path}: {body}");
        answer["data"].take()
    }

    /// What a query finds now.
    fn ask(&self, query: &str) -> Vec<Value> {
        let query: String = form_urlencoded::Serializer::new(String::new()).append_pair("query", query).finish();
        let mut found = self.api(&format!("/api/v1/query?{query}"));
        match found["result"].take() {
            Value::Array(found) => found,
            other => panic!("{query}: {other}"),
        }
    }

    /// Rules whose last evaluation did not work, as when one series meets two.
    fn faulty_rules(&self) -> Vec<String> {
        let rules = self.api("/api/v1/rules");
        let groups = rules["groups"].as_array().unwrap();
        let all: Vec<&Value> = groups.iter().flat_map(|group| group["rules"].as_array().unwrap()).collect();
        assert!(all.len() > 20, "{rules}");
        let faulty = all.iter().filter(|rule| rule["health"] != "ok");
        faulty.map(|rule| format!("{}: {}", rule["name"], rule["lastError"])).collect()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap_or_default();
        self.child.wait().unwrap();
    }
}

#[track_caller]
fn until(what: &str, holds: impl Fn() -> bool) {
    let started = monotonic();
    while monotonic().duration_since(started) < PATIENCE {
        if holds() {
            return;
        }
        thread::sleep(Duration::from_millis(100));
    }
    panic!("waited in vain until {what}");
}

/// A name server that gives every question the same address.
fn name_server() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut question = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut question) {
            // The question without what follows it (EDNS), then one record that points to its name.
            let name: usize = question[12..length].iter().position(|&byte| byte == 0).unwrap();
            let end = 12 + name + 5;
            let mut answer = question[..end].to_vec();
            answer[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
            answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
            drop(socket.send_to(&answer, from));
        }
    });
    address
}

/// A town whose portal has a site with TLS and a name that are well, and a port that is not; and an office
/// behind the portal.
fn town(site: SocketAddr) -> String {
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
probe.http = {{ url = "https://portal.test:{}/", resolve = "{site}", tls = {{ ca_file = "ca.pem" }} }}
expect = {{ body_contains = ["Anmelden"] }}
[[component.check]]
id = "name"
probe.dns = {{ name = "portal.test", type = "A", resolver = "{}" }}
[[component.check]]
id = "port"
probe.tcp = {{ address = "{}" }}
[[component]]
id = "amt"
name = "Bürgeramt"
kind = "service"
owner = "teststadt"
depends_on = ["portal"]
"#,
        site.port(),
        name_server(),
        closed_port(),
    )
}

/// A program with both listeners: the operator's comes first.
fn serving(authority: &Authority) -> (Place, Program, [SocketAddr; 2]) {
    let place = Place::new(reference().address, &town(authority.site("portal.test").address));
    place.write("ca.pem", &std::fs::read_to_string(&authority.file).unwrap());
    let operator = SocketAddr::from((Ipv4Addr::LOCALHOST, free_ports(1)[0]));
    let configuration = std::fs::read_to_string(place.path("config.toml")).unwrap();
    place.write(
        "config.toml",
        &configuration.replace("[server]\n", &format!("[server]\nmetrics_listen = \"{operator}\"\n")),
    );
    let program = place.serve();
    let listeners = [operator, program.address()];
    (place, program, listeners)
}

/// The queries of a dashboard that find nothing, with its variables set.
fn barren(prometheus: &Prometheus, board: &Value, set: &[(&str, &str)], asked: impl Fn(&str) -> bool) -> Vec<String> {
    let filled = |query: &str| {
        set.iter().fold(query.to_owned(), |query, (name, value)| query.replace(&format!("${name}"), value))
    };
    let mut barren = Vec::new();
    for (query, label) in variables(board).into_iter().filter(|(query, _)| asked(query)) {
        let found = prometheus.ask(&filled(query));
        if !found.iter().any(|series| series["metric"][label].is_string()) {
            barren.push(format!("variable {label}: {query}"));
        }
    }
    for panel in panels(board) {
        for query in queries(panel).filter(|query| asked(query)) {
            let query = filled(query);
            assert!(!query.contains('$'), "{}: {query}", panel["title"]);
            if prometheus.ask(&query).is_empty() {
                barren.push(format!("{}: {query}", panel["title"]));
            }
        }
    }
    barren
}

#[test]
fn every_panel_of_every_dashboard_shows_something_of_a_running_program() {
    let authority = Authority::new("Prüfstelle");
    let (_place, program, listeners) = serving(&authority);
    let Some(prometheus) = Prometheus::scraping(&[("turmwacht", &listeners)]) else { return };
    program.until("the portal is partly out", |program| program.component("portal")["status"] == "partial_outage");
    program.get("/teststadt");
    for listener in listeners {
        let instance = listener.to_string();
        let set =
            [("instance", instance.as_str()), ("organisation", "teststadt"), ("component", "portal"), ("check", ".*")];
        for (file, board) in dashboards() {
            let barren = || barren(&prometheus, &board, &set, |_| true);
            let started = monotonic();
            while monotonic().duration_since(started) < PATIENCE && !barren().is_empty() {
                thread::sleep(Duration::from_millis(500));
            }
            assert_eq!(barren(), Vec::<String>::new(), "{file} of {instance}");
        }
    }
    assert_eq!(prometheus.faulty_rules(), Vec::<String>::new());
    // The office behind the portal and the second listener are no further alerts.
    until("the incident alerts", || !prometheus.ask("ALERTS{alertname=\"TurmwachtIncident\"}").is_empty());
    let alerts = prometheus.ask("ALERTS{alertstate=\"firing\"}");
    let told: Vec<Value> = alerts
        .iter()
        .map(|alert| json!([alert["metric"]["alertname"], alert["metric"]["root"], alert["metric"]["severity"]]))
        .collect();
    assert_eq!(told, [json!(["TurmwachtIncident", "portal", "warning"])]);
    // One certificate, told by its fingerprint although only one of the listeners knows it.
    let certificates = prometheus.ask("turmwacht:certificate:ends_timestamp_seconds");
    assert_eq!(certificates.len(), 1, "{certificates:?}");
    assert_eq!(certificates[0]["metric"]["fingerprint_sha256"].as_str().map(str::len), Some(64));
}

#[test]
fn with_a_token_the_operators_metrics_are_read_where_editors_are() {
    let internal =
        "[[component]]\nid = \"netz\"\nname = \"Netz\"\nkind = \"network\"\nowner = \"teststadt\"\npublic = false\n";
    let place = Place::new(reference().address, &format!("{}{internal}", town(closed_port())));
    place.write("ca.pem", &std::fs::read_to_string(&Authority::new("Prüfstelle").file).unwrap());
    let program = place.serve();
    let made = place.run(&["token", "new", "--role", "metrics"]);
    assert!(made.stdout.contains(": metrics of all, "), "{made:?}");
    let token = made.stdout.split_whitespace().last().unwrap();
    place.write("token", token);
    let job = format!(
        "  - job_name: turmwacht\n    metrics_path: /api/v1/admin/metrics\n    authorization: {{ credentials_file: {:?} }}\n    \
         static_configs: [{{ targets: [\"{}\"] }}]\n",
        place.path("token"),
        program.address()
    );
    let Some(prometheus) = Prometheus::configured(&job) else { return };
    for query in ["turmwacht_component_info{component=\"netz\"}", "probe_success{component=\"portal\",target!=\"\"}"] {
        until(query, || !prometheus.ask(query).is_empty());
    }
    assert!(!program.get("/metrics").contains("netz"));
    assert_eq!(place.run(&["token", "revoke", token.split('_').nth(1).unwrap()]).code, Some(0));
    until("it is refused", || prometheus.ask("up == 0").len() == 1);
}

#[test]
fn the_demo_fills_the_dashboards_too() {
    let place = Place::new(closed_port(), "");
    let demo = place.start(&["demo", "--listen", "127.0.0.1:0", "--speed", "200"]);
    let address = demo.address();
    let Some(prometheus) = Prometheus::scraping(&[("turmwacht-demo", &[address])]) else { return };
    demo.until("the portal falls", |demo| demo.json("/api/v1/summary")["indicator"] == "critical");
    let instance = address.to_string();
    let set = [
        ("instance", instance.as_str()),
        ("organisation", "ennepe-ruhr-kreis"),
        ("component", "serviceportal-en"),
        ("check", ".*"),
    ];
    for (file, board) in dashboards() {
        // Its targets speak neither TLS nor DNS.
        let asked =
            |query: &str| !["ssl", "certificate", "tls", "probe_dns_duration"].iter().any(|word| query.contains(word));
        let barren = || barren(&prometheus, &board, &set, asked);
        let started = monotonic();
        while monotonic().duration_since(started) < PATIENCE && !barren().is_empty() {
            thread::sleep(Duration::from_millis(500));
        }
        assert_eq!(barren(), Vec::<String>::new(), "{file}");
    }
    assert_eq!(prometheus.faulty_rules(), Vec::<String>::new());
}
