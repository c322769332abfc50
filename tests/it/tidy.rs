//! House rules that no compiler holds: who may import whom, what stands nowhere, and that the
//! documentation says what the program does.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use regex::Regex;
use turmwacht::config::{Extra, Loaded, Report, from_texts_with, show};
use turmwacht::editing::allowed;
use turmwacht::publish::{Rendered, Target, render};
use turmwacht::replay::replay;
use turmwacht::scenario::{BUILT_IN, Scenario};

/// Longest source file in lines, tests at its end not counted.
const LINES_MAX: usize = 600;

/// What each part of the program may import of it, beside itself. Whoever is not named here may
/// import nothing.
const IMPORTS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("clock", &["model"]),
    ("client", &[]),
    ("engine", &["model"]),
    ("config", &["model"]),
    ("probe", &["model", "clock"]),
    ("history", &["model", "clock"]),
    ("publish", &["model", "clock", "editing"]),
    ("telemetry", &["model", "publish"]),
    ("editing", &["model"]),
    ("desk", &["model", "editing", "publish"]),
    ("server", &["model", "clock", "client", "publish", "telemetry", "editing", "desk"]),
    ("notify", &["model", "clock", "client"]),
    ("importing", &["model"]),
    (
        "app",
        &[
            "model",
            "clock",
            "client",
            "engine",
            "editing",
            "config",
            "probe",
            "history",
            "publish",
            "telemetry",
            "server",
            "desk",
            "notify",
        ],
    ),
    ("scenario", &["model", "config"]),
    ("replay", &["model", "engine", "editing", "publish", "scenario"]),
    ("demo", &["model", "clock", "config", "history", "scenario", "server", "app"]),
    (
        "cli",
        &[
            "model",
            "clock",
            "client",
            "engine",
            "config",
            "probe",
            "history",
            "publish",
            "telemetry",
            "server",
            "app",
            "scenario",
            "replay",
            "demo",
            "desk",
            "notify",
            "importing",
        ],
    ),
];

/// What stands only in certain files: a pattern, where it may stand, and why nowhere else.
const CONFINED: &[(&str, &[&str], &str)] = &[
    (r"\b(Instant|SystemTime|Timestamp|Zoned)::now\b", &["src/clock.rs"], "only the clock reads clocks"),
    (r"\brusqlite\b", &["src/history.rs", "src/history/"], "only the history knows its database"),
    (
        r"\bmaud\b",
        &["src/publish/html.rs", "src/publish/html/", "src/publish/escape.rs", "src/desk/"],
        "public pages are written in one place, those of the desk in another",
    ),
    (
        r"\.unescaped\(\)",
        &["src/publish/escape.rs", "src/config.rs", "src/config/", "src/model/"],
        "a text gets out through an escape of its format",
    ),
    (r"\bunbounded_channel\b|\bmpsc::channel(\(\)|::)", &[], "every queue has a bound"),
    (
        r"\bstd::env::var(_os)?\b",
        &["src/config/secrets.rs", "src/cli.rs"],
        "the environment holds secrets, where the server is, and whether colours are wanted",
    ),
    (
        r"\b(tokio|tracing|std::(fs|io|thread|env|process))\b|\basync\b|\.await\b|\bInstant\b|\bSystemTime\b",
        // Everything but the two folders that this line is about; see `confined`.
        &["!src/model.rs", "!src/model/", "!src/engine.rs", "!src/engine/"],
        "nouns and verbs touch nothing outside and know no clock",
    ),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every file below a folder with one of these endings, by its path from the root.
fn files(folder: &str, endings: &[&str]) -> Vec<String> {
    let mut folders: Vec<PathBuf> = vec![root().join(folder)];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of ours") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| endings.iter().any(|known| ending == *known)) {
                let relative = path.strip_prefix(root()).expect("it is below the root");
                found.push(relative.to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "{folder} holds nothing");
    found
}

fn sources() -> impl Iterator<Item = (String, String)> {
    files("src", &["rs"]).into_iter().map(|path| {
        let text = read(&path);
        (path, text)
    })
}

/// The lines that are code, with their numbers.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line)).filter(|(_, line)| {
        let line = line.trim_start();
        !line.starts_with("//")
    })
}

fn none(faults: &[String]) {
    assert!(faults.is_empty(), "{} places:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn imports_run_one_way() {
    let import = Regex::new(r"\bcrate::(\w+|\{)").unwrap();
    let mut faults = Vec::new();
    for (path, text) in sources() {
        let own = path.trim_start_matches("src/").split(['/', '.']).next().unwrap().to_owned();
        if own == "lib" || own == "main" {
            continue;
        }
        let Some((_, allowed)) = IMPORTS.iter().find(|(name, _)| *name == own) else {
            faults.push(format!("{path}: `{own}` has no rule in IMPORTS"));
            continue;
        };
        for (number, line) in code(&text) {
            for found in import.captures_iter(line) {
                let name = &found[1];
                if name == "{" {
                    faults.push(format!("{path}:{number}: write one `use crate::…` per module"));
                } else if name != own && !allowed.contains(&name) {
                    faults.push(format!("{path}:{number}: `{own}` may not import `{name}`"));
                }
            }
        }
    }
    none(&faults);
}

#[test]
fn what_is_confined_stands_nowhere_else() {
    let mut faults = Vec::new();
    for (pattern, places, why) in CONFINED {
        let pattern = Regex::new(pattern).unwrap();
        // Places that begin with `!` are where it must not stand, the others where it may.
        let banned: Vec<&str> = places.iter().filter_map(|place| place.strip_prefix('!')).collect();
        for (path, text) in sources() {
            let allowed = if banned.is_empty() {
                places.iter().any(|place| path.starts_with(place))
            } else {
                !banned.iter().any(|place| path.starts_with(place))
            };
            if allowed {
                continue;
            }
            let lines = code(&text).filter(|(_, line)| pattern.is_match(line));
            faults.extend(lines.map(|(number, line)| format!("{path}:{number}: {why}: {}", line.trim())));
        }
    }
    none(&faults);
}

#[test]
fn every_file_says_what_it_is_and_is_of_bearable_length() {
    let mut faults = Vec::new();
    for (path, text) in sources() {
        if !text.starts_with("//! ") {
            faults.push(format!("{path}: does not begin with `//!`"));
        }
        let lines = text.split("\n#[cfg(test)]\nmod tests").next().unwrap_or_default().lines().count();
        if lines > LINES_MAX {
            faults.push(format!("{path}: {lines} lines, at most {LINES_MAX}"));
        }
        let name = path.rsplit('/').next().unwrap_or_default().trim_end_matches(".rs");
        if ["mod", "imp", "util", "utils", "common", "helper", "helpers", "manager", "misc"].contains(&name) {
            faults.push(format!("{path}: say what is in it"));
        }
    }
    none(&faults);
}

#[test]
fn nothing_is_left_to_do_and_no_test_is_left_out() {
    // Put together, so that this file does not find itself.
    let unfinished = ["TO".to_owned() + "DO", "FIX".to_owned() + "ME", "XX".to_owned() + "X", "to".to_owned() + "do!("];
    let left_out = ["#[ign".to_owned() + "ore", "#[should_".to_owned() + "panic", "unimple".to_owned() + "mented!("];
    let mut faults = Vec::new();
    let all = ["src", "tests", "docs", "probes"].into_iter();
    let top = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "config.toml", "Cargo.toml", "clippy.toml"];
    let paths = all
        .flat_map(|folder| files(folder, &["rs", "md", "toml", "sh", "mjs", "sql", "css"]))
        .chain(top.map(str::to_owned));
    for path in paths {
        let text = read(&path);
        // The word for something to do in a calendar is none of them.
        let text = text.replace(&("V".to_owned() + &unfinished[0]), "");
        for (number, line) in text.lines().enumerate() {
            if let Some(word) = unfinished.iter().chain(&left_out).find(|word| line.contains(word.as_str())) {
                faults.push(format!("{path}:{}: `{word}`", number + 1));
            }
        }
    }
    none(&faults);
}

// --- the documentation ------------------------------------------------------------------------

const DOCS: &[&str] = &[
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "dashboards/README.md",
    "docs/operate.md",
    "docs/probes.md",
    "docs/api.md",
    "docs/commands.md",
    "docs/deploy.md",
    "docs/embedding.md",
    "docs/editing.md",
    "docs/export.md",
    "docs/feeds.md",
    "docs/import.md",
    "docs/redaktion.md",
    "docs/scenarios.md",
    "docs/statuspage.md",
];

/// The fenced blocks whose first line says exactly this.
fn blocks(document: &str, info: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut open: Option<(bool, String)> = None;
    for line in read(document).lines() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(rest), None) => open = Some((rest == info, String::new())),
            (Some(_), Some(_)) => blocks.extend(open.take().filter(|(wanted, _)| *wanted).map(|(_, text)| text)),
            (None, Some((_, text))) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "{document}: a block is not closed");
    assert!(!blocks.is_empty(), "{document} has no block of `{info}`");
    blocks
}

/// Loads an operator's text and a probe file. Names of secrets lead to files of ours.
fn load(config: &str, probes: &str) -> Result<Loaded, Report> {
    let base = root().join("tests/it/config/contract");
    let config = config
        .replace("/etc/turmwacht/portal", "en-portal.secret")
        .replace("/etc/turmwacht/mail", "en-portal.secret")
        .replace("/etc/turmwacht/oidc", "en-portal.secret")
        .replace("/etc/turmwacht/chat.whsec", "hook.secret");
    let probes = [("docs/probes.md".to_owned(), probes.to_owned())];
    from_texts_with(("docs/operate.md", &config), &probes, &base, Extra::default())
}

#[test]
fn the_examples_for_operators_are_in_order() {
    for block in ["docs/operate.md", "docs/deploy.md"].iter().flat_map(|document| blocks(document, "toml")) {
        // A secret that systemd hands over is there while the service runs.
        let block = block.replace("/run/credentials/turmwacht.service/portal", "/etc/turmwacht/portal");
        let loaded = load(&block, "").unwrap_or_else(|report| panic!("{}", report.render(false)));
        assert!(loaded.catalogue.components.is_empty());
    }
}

#[test]
fn the_examples_of_a_town_make_one_file_in_order() {
    let operator = blocks("docs/probes.md", "toml config.toml").concat();
    let town = blocks("docs/probes.md", "toml").concat();
    let loaded = load(&operator, &town).unwrap_or_else(|report| panic!("{}", report.render(false)));
    let kinds: BTreeSet<_> = loaded.catalogue.checks.iter().map(|check| check.probe.kind()).collect();
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), ["dns", "http", "tcp", "tls"], "every kind has an example");
    assert!(!loaded.catalogue.maintenances.is_empty() && !loaded.catalogue.locals.is_empty());
    assert!(!loaded.catalogue.agreements.is_empty());
}

#[test]
fn the_example_of_a_scenario_comes_out_right() {
    for block in blocks("docs/scenarios.md", "toml") {
        let scenario = Scenario::parse("docs/scenarios.md", &block).unwrap_or_else(|fault| panic!("{fault}"));
        let replayed = replay(&scenario);
        assert!(replayed.expectations > 0 && replayed.failures.is_empty(), "{}", replayed.failures.join("\n"));
    }
}

/// The rows `| `key` | default | …` of the table of keys: the key in full, and its default if
/// it is a value.
fn documented_keys() -> Vec<(String, Option<String>)> {
    let row = Regex::new(r"(?m)^\| `([a-z_.]+)` \| (?:`([^`]+)`|[^|]*) \|").unwrap();
    let text = read("docs/operate.md");
    let (_, table) = text.split_once("\n| key | default | is |\n").expect("the table of keys");
    let table = table.split("\n\n").next().expect("split gives at least one");
    let rows: Vec<_> =
        row.captures_iter(table).map(|row| (row[1].to_owned(), row.get(2).map(|d| d.as_str().to_owned()))).collect();
    assert!(rows.len() > 30, "{rows:?}");
    rows
}

#[test]
fn the_documented_defaults_are_the_defaults() {
    let mut config = String::new();
    for (key, default) in documented_keys() {
        if let Some(default) = default {
            config.push_str(&format!("{key} = {default}\n"));
        }
    }
    let written = load(&config, "").unwrap_or_else(|report| panic!("{}", report.render(false)));
    let implied = load("", "").unwrap_or_else(|report| panic!("{}", report.render(false)));
    let (written, implied) = (show(&written), show(&implied));
    for (part, value) in implied.as_object().unwrap() {
        assert_eq!(&written[part], value, "{part}");
    }
}

#[test]
fn every_key_is_documented_and_every_documented_key_is_known() {
    let documented: BTreeSet<String> = documented_keys().into_iter().map(|(key, _)| key).collect();
    for key in &documented {
        // A value that no key takes: what is known complains about it, not about the key.
        let text = format!("{key} = 1979-05-27T07:32:00Z\n");
        if let Err(report) = load(&text, "") {
            assert!(report.titles().all(|(_, title)| !title.contains("unknown")), "{}", report.render(false));
        }
    }
    // The fixture of the config tests holds every key there is.
    let all: toml::Table = read("tests/it/config/contract/config.toml").parse().unwrap();
    for (name, value) in all {
        // Names of secrets and organisations are the operator's own.
        let own_names = ["secrets", "trust"].contains(&name.as_str());
        match value {
            toml::Value::Table(table) if own_names => {
                for key in table.values().filter_map(toml::Value::as_table).flat_map(toml::Table::keys) {
                    let key = format!("{name}.name.{key}");
                    assert!(documented.contains(&key), "docs/operate.md lacks `{key}`");
                }
            }
            toml::Value::Table(table) => {
                for key in table.keys() {
                    assert!(documented.contains(&format!("{name}.{key}")), "docs/operate.md lacks `{name}.{key}`");
                }
            }
            _ => assert!(documented.contains(&name), "docs/operate.md lacks `{name}`"),
        }
    }
}

#[test]
fn every_metric_is_documented_and_every_documented_metric_exists() {
    let quoted = Regex::new(r#""((?:probe|turmwacht)_[a-z_]+)""#).unwrap();
    let code = read("src/telemetry.rs") + &read("src/publish/metrics.rs");
    let emitted: BTreeSet<String> = quoted.captures_iter(&code).map(|found| found[1].to_owned()).collect();
    let listed = Regex::new(r"`((?:probe|turmwacht)_[a-z_]+)(?:\{[^}`]*\})?`").unwrap();
    let documented: BTreeSet<String> =
        listed.captures_iter(&read("docs/operate.md")).map(|found| found[1].to_owned()).collect();
    assert_eq!(documented, emitted);
}

#[test]
fn every_documented_route_answers() {
    let (name, _) = BUILT_IN[0];
    let replayed = replay(&Scenario::load(name).unwrap());
    let snapshot = &replayed.snapshot;
    let incident = snapshot.incidents.first().expect("the story has incidents").id.to_string();
    let maintenance = snapshot.maintenances.first().expect("the story has planned work").id.to_string();
    let route = Regex::new(r"(?m)^\| ((?:`/[^`]*`(?: · )?)+) \|").unwrap();
    let text = read("docs/api.md");
    let mut count = 0;
    for row in route.captures_iter(&text) {
        for path in row[1].split('`').filter(|path| path.starts_with('/')) {
            // Those that the server answers by itself.
            if ["/healthz", "/readyz", "/metrics", "/api/v1/events"].contains(&path) {
                continue;
            }
            count += 1;
            let path = path
                .replace("/incidents/{id}", &format!("/incidents/{incident}"))
                .replace("/organisations/{id}", "/organisations/hattingen")
                .replace("/components/{id}", "/components/serviceportal-en")
                .replace("/maintenance/{id}", &format!("/maintenance/{maintenance}"))
                .replace("{organisation}", "hattingen")
                .replace("{component}", "serviceportal-en");
            assert!(!path.contains('{'), "{path}: what does it stand for?");
            let target = Target { path: path.clone(), query: Vec::new() };
            assert!(matches!(render(snapshot, &target), Rendered::Document(_)), "{path} answers no document");
        }
    }
    assert!(count >= 13, "{count} routes");
}

#[test]
fn every_route_of_the_editors_is_documented_and_every_documented_one_exists() {
    let row = Regex::new(r"(?m)^\| (GET|POST|PUT|PATCH|DELETE) \| `(/[^`]*)` \|").unwrap();
    let text = read("docs/editing.md");
    let mut documented: std::collections::BTreeMap<&str, BTreeSet<&str>> = std::collections::BTreeMap::new();
    for row in row.captures_iter(&text) {
        let (_, [method, path]) = row.extract();
        documented.entry(path).or_default().insert(method);
    }
    assert!(documented.len() >= 15, "{documented:?}");
    let id = Regex::new(r"\{[a-z]+\}").unwrap();
    for (path, methods) in documented {
        let concrete = id.replace_all(path, "x");
        let allowed: BTreeSet<&str> = allowed(&concrete).iter().copied().collect();
        assert_eq!(methods, allowed, "{path}");
    }
    // The patterns of the code: one row for each of their paths.
    let code = read("src/editing.rs");
    let (_, code) = code.split_once("fn methods(").expect("the list of methods");
    let (code, _) = code.split_once("_ => &[]").expect("its end");
    let paths: usize = Regex::new(r"\[([^\]&]+)\](?: \||  *=>)")
        .unwrap()
        .captures_iter(code)
        .map(|pattern| pattern[1].split(", ").map(|segment| segment.split(" | ").count()).product::<usize>())
        .sum();
    let rows: BTreeSet<&str> = row.captures_iter(&text).map(|row| row.extract::<2>().1[1]).collect();
    assert_eq!(rows.len(), paths, "{rows:?}");
}

#[test]
fn links_between_the_documents_lead_somewhere() {
    let link = Regex::new(r##"\]\(([^)#]+)(?:#[^)]*)?\)|(?:src|href)="([^"#]+)"##).unwrap();
    let mut faults = Vec::new();
    for document in DOCS {
        for found in link.captures_iter(&read(document)) {
            let to = found.get(1).or_else(|| found.get(2)).map_or("", |to| to.as_str());
            // A path from the root is one on a host's own server.
            if to.contains("://") || to.starts_with("mailto:") || to.starts_with('/') {
                continue;
            }
            let folder = Path::new(document).parent().unwrap_or_else(|| Path::new(""));
            if !root().join(folder).join(to).exists() {
                faults.push(format!("{document}: {to} does not exist"));
            }
        }
    }
    none(&faults);
}

#[test]
fn documents_speak_of_the_program_only() {
    // Other files' names in code spans exist, and no path of somebody's machine is in there.
    let foreign = Regex::new(r"(^|[\s`(])/(home|root|work|Users|tmp)/").unwrap();
    let file = Regex::new(r"`((?:src|tests|docs|probes)/[A-Za-z0-9_./-]+)`").unwrap();
    let mut faults = Vec::new();
    for document in DOCS {
        for (number, line) in read(document).lines().enumerate() {
            if foreign.is_match(line) {
                faults.push(format!("{document}:{}: a path of somebody's machine: {line}", number + 1));
            }
            for path in file.captures_iter(line).filter(|path| !root().join(&path[1]).exists()) {
                faults.push(format!("{document}:{}: there is no {}", number + 1, &path[1]));
            }
        }
    }
    none(&faults);
}
