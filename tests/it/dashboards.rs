//! The dashboards and rules that are shipped, as far as no foreign program is needed: they ask only for
//! what there is, no panel lies on another, every variable is declared, every alert documented.

use std::collections::BTreeSet;
use std::path::Path;

use regex::Regex;
use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every dashboard by its file's name.
pub(crate) fn dashboards() -> Vec<(String, Value)> {
    let mut all: Vec<(String, Value)> = std::fs::read_dir(root().join("dashboards/grafana"))
        .unwrap()
        .map(|entry| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let board = serde_json::from_str(&read(&format!("dashboards/grafana/{name}"))).unwrap();
            (name, board)
        })
        .collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

fn list<'v>(value: &'v Value, pointer: &str) -> &'v [Value] {
    value.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn word<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

/// The panels that show something.
pub(crate) fn panels(board: &Value) -> impl Iterator<Item = &Value> {
    list(board, "/panels").iter().filter(|panel| panel["type"] != "row")
}

/// The queries of a panel.
pub(crate) fn queries(panel: &Value) -> impl Iterator<Item = &str> {
    list(panel, "/targets").iter().map(|target| word(target, "expr"))
}

/// The queries of a dashboard's variables, with the label whose values they list.
pub(crate) fn variables(board: &Value) -> Vec<(&str, &str)> {
    let of_prometheus = list(board, "/templating/list").iter().filter(|variable| variable["type"] == "query");
    of_prometheus
        .map(|variable| {
            let query = word(&variable["query"], "query");
            let inside = query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')'));
            inside.and_then(|inside| inside.rsplit_once(", ")).unwrap_or_else(|| panic!("{query}"))
        })
        .collect()
}

/// What the program emits, by the table that `tidy` holds to the code, and what the rules record.
fn known() -> BTreeSet<String> {
    let listed = Regex::new(r"`((?:probe|turmwacht|process)_[a-z_]+)(?:\{[^}`]*\})?`").unwrap();
    let emitted = read("docs/operate.md");
    let recorded = Regex::new(r"record: (\S+)").unwrap();
    let rules = read("dashboards/prometheus/rules.yml");
    let names = listed.captures_iter(&emitted).chain(recorded.captures_iter(&rules)).map(|found| found[1].to_owned());
    names.chain(["up".to_owned()]).collect()
}

/// The metrics that a query names.
fn named(query: &str) -> BTreeSet<String> {
    let name = Regex::new(r"\b(?:turmwacht(?::[a-z0-9_]+)+|(?:probe|turmwacht|process)_[a-z_]+|up\{)").unwrap();
    name.find_iter(query)
        .map(|found| found.as_str().trim_end_matches('{').trim_end_matches("_bucket").to_owned())
        .collect()
}

#[test]
fn dashboards_and_rules_ask_for_what_there_is() {
    let known = known();
    assert!(known.len() > 60, "{known:?}");
    let mut asked = BTreeSet::new();
    for (file, board) in dashboards() {
        for query in panels(&board).flat_map(queries).chain(variables(&board).into_iter().map(|(query, _)| query)) {
            let names = named(query);
            assert!(!names.is_empty(), "{file}: {query} asks for nothing");
            asked.extend(names);
        }
    }
    for file in ["rules", "alerts"] {
        let text = read(&format!("dashboards/prometheus/{file}.yml"));
        let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with(['#', '-'])).collect();
        asked.extend(named(&code.join("\n")));
    }
    let unknown: Vec<_> = asked.difference(&known).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    let recorded: Vec<_> = known.iter().filter(|name| name.contains(':') && !asked.contains(*name)).collect();
    assert!(recorded.is_empty(), "recorded for nobody: {recorded:?}");
}

#[test]
fn a_dashboard_is_whole() {
    let used = Regex::new(r"\$\{?([a-z]+)").unwrap();
    let mut uids = BTreeSet::new();
    let all = dashboards();
    assert_eq!(all.len(), 5);
    for (file, board) in &all {
        assert!(uids.insert(word(board, "uid").to_owned()), "{file}: its uid is another's");
        assert!(word(board, "title").starts_with("Turmwacht: ") && !word(board, "description").is_empty(), "{file}");
        let declared: BTreeSet<&str> =
            list(board, "/templating/list").iter().map(|variable| word(variable, "name")).collect();
        for variable in ["datasource", "instance", "url"] {
            assert!(declared.contains(variable), "{file} lacks `{variable}`");
        }
        let text = board.to_string();
        for found in used.captures_iter(&text) {
            // Grafana's own.
            if !found[0].starts_with("${__") && !found[0].starts_with("$__") {
                assert!(declared.contains(&found[1]), "{file}: `{}` is not declared", &found[0]);
            }
        }
        assert!(
            list(board, "/links").iter().any(|link| link["url"] == "${url}/"),
            "{file} does not link the public page"
        );
        let mut ids = BTreeSet::new();
        let mut taken = BTreeSet::new();
        for panel in list(board, "/panels") {
            let what = format!("{file}: {}", word(panel, "title"));
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{what}: its id is another's");
            let at = |key: &str| panel["gridPos"][key].as_u64().unwrap();
            assert!(at("w") > 0 && at("h") > 0 && at("x") + at("w") <= 24, "{what} is wider than the page");
            for x in at("x")..at("x") + at("w") {
                for y in at("y")..at("y") + at("h") {
                    assert!(taken.insert((x, y)), "{what} lies on another");
                }
            }
        }
        for panel in panels(board) {
            let what = format!("{file}: {}", word(panel, "title"));
            assert!(!word(panel, "title").is_empty() && !word(panel, "description").is_empty(), "{what}");
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{what}");
            let defaults = &panel["fieldConfig"]["defaults"];
            assert!(
                panel["type"] == "table" || panel["type"] == "state-timeline" || defaults["unit"].is_string(),
                "{what}: no unit"
            );
            assert!(!list(defaults, "/thresholds/steps").is_empty(), "{what}: no thresholds");
            let mut references = BTreeSet::new();
            for target in list(panel, "/targets") {
                assert!(references.insert(word(target, "refId")), "{what}: two queries of one name");
                assert_eq!(target["datasource"]["uid"], "${datasource}", "{what}");
            }
            assert!(!references.is_empty(), "{what} asks for nothing");
            for query in queries(panel) {
                let of_one = query.contains("instance=\"$instance\"");
                assert!(of_one, "{what}: of two listeners each would count: {query}");
            }
        }
    }
    // What a link leads to is there.
    let board = Regex::new(r"/d/([a-z-]+)").unwrap();
    for (file, text) in all.iter().map(|(file, board)| (file, board.to_string())) {
        for to in board.captures_iter(&text) {
            assert!(uids.contains(&to[1]), "{file}: there is no {}", &to[1]);
        }
    }
}

#[test]
fn every_alert_and_every_dashboard_is_documented() {
    let text = read("dashboards/README.md");
    let row = Regex::new(r"(?m)^\| `(Turmwacht[A-Za-z]+)` \|").unwrap();
    let documented: BTreeSet<String> = row.captures_iter(&text).map(|row| row[1].to_owned()).collect();
    let rules = read("dashboards/prometheus/alerts.yml");
    let alert = Regex::new(r"alert: (\S+)").unwrap();
    let alerts: BTreeSet<String> = alert.captures_iter(&rules).map(|found| found[1].to_owned()).collect();
    assert_eq!(documented, alerts);
    let tests = read("dashboards/prometheus/tests/alerts.yml");
    for alert in &alerts {
        assert!(tests.contains(&format!("\"{alert}\"")), "nobody tests that {alert} fires");
    }
    for (file, _) in dashboards() {
        assert!(text.contains(&format!("`grafana/{file}`")), "README.md lacks {file}");
    }
}
