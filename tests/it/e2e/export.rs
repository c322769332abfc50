//! The site as files: written by the server on every change and by the command, and unchanged
//! while nothing changes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rustix::process::Signal;
use serde_json::Value;

use super::Site;
use super::program::{Place, Program, configuration};
use super::reference;

/// The content of every file below a folder.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap_or_default()).unwrap_or_default()
}

/// A town whose site is written into the folder `site`.
fn exporting(site: &Site) -> Place {
    let place = site.place();
    let configured = configuration(reference().address, "127.0.0.1:0", "turmwacht.db");
    place.write("config.toml", &format!("{configured}[export]\npath = \"site\"\nevery = \"1s\"\n"));
    place
}

fn until_exported(program: &Program, place: &Place, status: &str) {
    let file = place.path("site/api/v1/components/portal.json");
    program.until("the change is in the files", |_| json(&file)["component"]["status"] == status);
}

#[test]
fn every_change_is_in_the_files_and_nothing_else_is_written() {
    let site = Site::new();
    let place = exporting(&site);
    let mut program = place.serve();
    until_exported(&program, &place, "operational");
    let folder = place.path("site");
    program.until("all of it is there", |_| folder.join("api/v1/alive.json").exists());
    let alive = json(&folder.join("api/v1/alive.json"));
    assert!(alive["valid_until"].is_string() && alive["checked_at"].is_string(), "{alive}");
    let before = files(&folder);

    site.switch(false);
    program.until_status("portal", "major_outage");
    until_exported(&program, &place, "major_outage");
    program.until("the town's page says so", |_| {
        fs::read_to_string(folder.join("teststadt/index.html")).is_ok_and(|page| page.contains("Bürgerbüro"))
    });
    program.signal(Signal::TERM);
    assert_eq!(program.ended().code(), Some(0));
    let after = files(&folder);
    // The incident got files of its own, and what does not speak of it stayed as it was.
    assert!(after.keys().any(|name| name.starts_with("incidents/") && name.ends_with("/index.html")));
    for (name, content) in &before {
        let speaks_of_it = !["calendar.ics", "widget.js", "openapi.json"].iter().any(|same| name.ends_with(same));
        assert!(speaks_of_it || after[name] == *content, "{name}");
    }
    for (name, content) in &after {
        let text = String::from_utf8_lossy(content);
        if name.ends_with(".json") && name.contains("api/v1/") && !name.ends_with("alive.json") {
            assert!(
                text.contains("\"generated_at\"") && !text.contains("\"valid_until\":\"2"),
                "{name}: {}",
                text.chars().take(600).collect::<String>()
            );
        }
    }
}

#[test]
fn the_command_writes_the_same_once_and_then_nothing() {
    let site = Site::new();
    let place = site.place();
    let program = place.serve();
    program.until_status("portal", "operational");
    let first = place.run(&["export", "out"]);
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    assert!(first.stdout.contains(" files written, 0 unchanged, 0 removed"), "{}", first.stdout);
    let written = files(&place.path("out"));
    for name in [
        "index.html",
        "en/index.html",
        "teststadt/index.html",
        "teststadt/antrag/index.html",
        "teststadt/feed.atom",
        "teststadt/feed.rss",
        "teststadt/feed.json",
        "teststadt/calendar.ics",
        "teststadt/badge.svg",
        "teststadt/status.txt",
        "teststadt/api/v2/summary.json",
        "embed/teststadt/index.html",
        "embed/teststadt/fragment.html",
        "api/v1/summary.json",
        "api/v1/components/portal.json",
        "widget.js",
        "openapi.json",
        "docs/index.html",
    ] {
        assert!(written.contains_key(name), "{name} is missing: {:?}", written.keys());
    }
    // Each names what the server answers at the same address.
    for name in ["teststadt/feed.atom", "teststadt/calendar.ics", "teststadt/badge.svg", "widget.js"] {
        assert_eq!(String::from_utf8_lossy(&written[name]), program.get(&format!("/{name}")), "{name}");
    }
    let second = place.run(&["export", "out"]);
    assert!(second.stdout.contains(": 0 files written, "), "{}", second.stdout);
    let mut again = files(&place.path("out"));
    let mut written = written;
    for fresh in ["api/v1/alive.json", ".turmwacht-export.json"] {
        assert!(again.remove(fresh).is_some() && written.remove(fresh).is_some());
    }
    assert_eq!(again, written);
}

#[test]
fn what_cannot_be_exported_is_told_in_a_sentence() {
    let site = Site::new();
    let place = site.place();
    place.run(&["export", "out"]).assert_refuses(&["turmwacht.db"]);
    fs::create_dir(place.path("theirs")).unwrap();
    place.write("theirs/index.html", "theirs");
    let program = place.serve();
    place.run(&["export", "theirs"]).assert_refuses(&["theirs", "not empty", "choose an empty folder"]);
    place.run(&["export", "probes.toml"]).assert_refuses(&["probes.toml"]);
    assert_eq!(files(&place.path("theirs")).len(), 1);
    drop(program);
}
