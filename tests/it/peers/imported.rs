//! What is imported against where it comes from: `blackbox_exporter` and `promtool` accept the
//! files that the tests import, and what comes of them finds what the exporter finds.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::process::Peer;
use crate::e2e::program::Place;
use crate::importing::blackbox::{JOBS, MODULES, TARGETS};
use crate::probe::server::{Server, answer};

const EXPORTER: &str = "prometheus-blackbox-exporter";

/// Whether a program is there. Where it is not that is said, or it fails where CI needs it.
fn is_installed(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let found = command.status().is_ok_and(|status| status.success());
    if !found {
        assert!(std::env::var_os("CI").is_none(), "{program} is missing, and CI needs it");
        eprintln!("skipped: {program} is not installed");
    }
    found
}

#[track_caller]
fn accepts(program: &str, arguments: &[&str], folder: &Path) {
    let output = Command::new(program).args(arguments).current_dir(folder).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn the_origins_accept_the_files_that_the_tests_import() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("targets")).unwrap();
    for (name, text) in [("blackbox.yml", MODULES), ("prometheus.yml", JOBS), ("targets/web.json", TARGETS)] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    if is_installed(EXPORTER) {
        accepts(EXPORTER, &["--config.file", "blackbox.yml", "--config.check"], folder.path());
    }
    if is_installed("promtool") {
        accepts("promtool", &["check", "config", "prometheus.yml"], folder.path());
    }
}

/// A running exporter.
struct Exporter(Peer);

impl Exporter {
    fn start(config: &Path) -> Option<Self> {
        let arguments = |_: &Path, ports: &[u16]| {
            let config = format!("--config.file={}", config.display());
            vec![config, format!("--web.listen-address=127.0.0.1:{}", ports[0])]
        };
        Some(Self(Peer::start_healthy(EXPORTER, arguments, |_, _| String::new())?))
    }

    /// Whether a probe of it succeeds.
    fn finds_up(&self, module: &str, target: &str) -> bool {
        let mut stream = TcpStream::connect(self.0.address(0)).unwrap();
        write!(stream, "GET /probe?module={module}&target={target} HTTP/1.0\r\n\r\n").unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        let line =
            reply.lines().find_map(|line| line.strip_prefix("probe_success ")).unwrap_or_else(|| panic!("{reply}"));
        line == "1"
    }
}

const ASKED: &str = r#"
modules:
  plain: {prober: http}
  word: {prober: http, http: {fail_if_body_not_matches_regexp: ["Anm.lden"]}}
  lacks: {prober: http, http: {fail_if_body_matches_regexp: ["Wartung"]}}
  codes: {prober: http, http: {valid_status_codes: [500]}}
  header: {prober: http, http: {fail_if_header_not_matches: [{header: X-State, regexp: "^o"}]}}
  still: {prober: http, http: {follow_redirects: false, valid_status_codes: [302]}}
  post: {prober: http, http: {method: POST, body: "{}", headers: {Content-Type: application/json}}}
  connect: {prober: tcp}
  banner: {prober: tcp, tcp: {query_response: [{expect: "^220 "}]}}
  other: {prober: tcp, tcp: {query_response: [{expect: "^SSH"}]}}
"#;

#[test]
fn an_imported_check_finds_what_the_exporter_finds() {
    if !is_installed(EXPORTER) {
        return;
    }
    let servers = [
        Server::answering(answer("200 OK", "X-State: ok\r\n", "Anmelden")),
        Server::answering(answer("500 Internal Server Error", "", "Wartung")),
        Server::answering(answer("302 Found", "Location: /\r\nX-State: weg\r\n", "")),
    ];
    // It says this and goes, so that nobody waits for more.
    let mail = Server::raw(|mut stream| stream.write_all(b"220 mx.example ESMTP\r\n").unwrap_or_default());
    let place = Place::new(servers[0].address, "");
    place.write("blackbox.yml", ASKED);
    let Some(exporter) = Exporter::start(&place.path("blackbox.yml")) else { return };

    let mut jobs = "scrape_configs:\n".to_owned();
    let mut expected: BTreeMap<(String, String), bool> = BTreeMap::new();
    let mut ask = |module: &str, target: &str| {
        jobs.push_str(&format!(
            "- {{job_name: {module}-{}, metrics_path: /probe, params: {{module: [{module}]}}, static_configs: [{{targets: [\"{target}\"]}}]}}\n",
            expected.len()
        ));
        expected.insert((module.to_owned(), target.to_owned()), exporter.finds_up(module, target));
    };
    for server in &servers {
        for module in ["plain", "word", "lacks", "codes", "header", "still", "post"] {
            ask(module, &format!("http://{}/", server.address));
        }
    }
    for module in ["connect", "banner", "other"] {
        ask(module, &mail.address.to_string());
    }
    assert!(expected.values().any(|up| *up) && expected.values().any(|up| !*up), "{expected:?}");

    place.write("prometheus.yml", &jobs);
    let imported = place.run(&[
        "import",
        "blackbox",
        "blackbox.yml",
        "prometheus.yml",
        "--organisation",
        "musterstadt",
        "--private-networks",
        "--output",
        "probes.toml",
        "--force",
    ]);
    assert_eq!(imported.code, Some(0), "{imported:?}");
    let checked = place.run(&["check", "--json"]);
    let mut found: BTreeMap<(String, String), bool> = BTreeMap::new();
    for line in checked.stdout.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let (_, module) = line["check"].as_str().unwrap().split_once('/').unwrap();
        let target = line["target"].as_str().unwrap().to_owned();
        found.insert((module.to_owned(), target), line["verdict"] == "up");
    }
    assert_eq!(found, expected);
}
