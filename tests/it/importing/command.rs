//! `turmwacht import`, and that what it makes checks as the origin did.

use serde_json::json;

use super::uptime_kuma::{backup, monitor};
use crate::e2e::program::Place;
use crate::probe::server::{Server, answer};

fn place(monitors: &[serde_json::Value]) -> Place {
    let reference = Server::answering(answer("200 OK", "", ""));
    let place = Place::new(reference.address, "");
    place.write("backup.json", &backup(monitors));
    place
}

const KUMA: [&str; 5] = ["import", "uptime-kuma", "backup.json", "--organisation", "musterstadt"];

#[test]
fn what_was_imported_checks_as_the_origin_did() {
    let ok = Server::answering(answer(
        "200 OK",
        "Content-Type: application/json\r\n",
        "{\"state\": \"ok\", \"text\": \"Anmelden\"}",
    ));
    let bad = Server::answering(answer("500 Internal Server Error", "", "Anmelden"));
    let moved = Server::answering(answer("302 Found", "Location: /weiter\r\n", ""));
    let [ok, bad, moved] = [ok.address, bad.address, moved.address].map(|address| address.to_string());
    let keyword = |id, name: &str, host: &str, word: &str, more: serde_json::Value| {
        let mut all = json!({ "url": format!("http://{host}/"), "keyword": word });
        for (key, value) in more.as_object().unwrap() {
            all[key] = value.clone();
        }
        monitor(id, name, "keyword", &all)
    };
    let page = |id, name: &str, host: &str, codes: &[&str]| {
        monitor(
            id,
            name,
            "http",
            &json!({ "url": format!("http://{host}/"), "accepted_statuscodes": codes, "maxredirects": 0 }),
        )
    };
    let place = place(&[
        keyword(1, "da", &ok, "Anmelden", json!({})),
        keyword(2, "fehlt", &ok, "Abmelden", json!({})),
        keyword(3, "verkehrt", &ok, "Wartung", json!({ "upsideDown": true })),
        keyword(4, "verkehrt-da", &ok, "Anmelden", json!({ "upsideDown": true })),
        keyword(5, "verkehrt-500", &bad, "Wartung", json!({ "upsideDown": true })),
        keyword(6, "schlecht", &bad, "Anmelden", json!({})),
        page(7, "gut", &ok, &["200-299"]),
        page(8, "fehler", &bad, &["200-299"]),
        page(9, "fehler-gut", &bad, &["500"]),
        page(10, "umleitung", &moved, &["300-399"]),
        monitor(
            11,
            "wert",
            "json-query",
            &json!({ "url": format!("http://{ok}/"), "jsonPath": "$.state", "expectedValue": "ok" }),
        ),
        monitor(
            12,
            "wert-falsch",
            "json-query",
            &json!({ "url": format!("http://{ok}/"), "jsonPath": "state", "expectedValue": "down" }),
        ),
        monitor(13, "tor", "port", &json!({ "hostname": "127.0.0.1", "port": ok.rsplit(':').next() })),
        monitor(14, "zu", "port", &json!({ "hostname": "127.0.0.1", "port": 1 })),
    ]);
    let imported = place.run(&[&KUMA[..], &["--private-networks", "--output", "probes.toml", "--force"]].concat());
    assert_eq!(imported.code, Some(0), "{imported:?}");
    assert!(
        imported.stderr.contains("14 components with 14 checks carried over, 0 entries not"),
        "{}",
        imported.stderr
    );
    assert_eq!(place.run(&["config", "check"]).code, Some(0));
    let checked = place.run(&["check", "--json"]);
    let mut seen: Vec<(String, String)> = checked
        .stdout
        .lines()
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            let name = line["check"].as_str().unwrap();
            (name.split('/').next().unwrap().to_owned(), line["verdict"].as_str().unwrap().to_owned())
        })
        .collect();
    seen.sort();
    let mut expected: Vec<(String, String)> = [
        ("da", "up"),
        ("fehlt", "down"),
        ("verkehrt", "up"),
        ("verkehrt-da", "down"),
        ("verkehrt-500", "up"),
        ("schlecht", "down"),
        ("gut", "up"),
        ("fehler", "down"),
        ("fehler-gut", "up"),
        ("umleitung", "up"),
        ("wert", "up"),
        ("wert-falsch", "down"),
        ("tor", "up"),
        ("zu", "down"),
    ]
    .map(|(name, verdict)| (name.to_owned(), verdict.to_owned()))
    .into();
    expected.sort();
    assert_eq!(seen, expected);
}

#[test]
fn a_file_is_written_whole_and_never_over_another() {
    let page = monitor(1, "Seite", "http", &json!({ "url": "https://www.musterstadt.example/" }));
    let place = place(&[page]);
    let written = |more: &[&str]| place.run(&[&KUMA[..], more].concat());
    let shown = written(&[]);
    assert_eq!(shown.code, Some(0), "{shown:?}");
    assert!(shown.stdout.contains("id = \"seite\"") && shown.stderr.contains("1 component with 1 check carried over"));
    assert_eq!(written(&["--output", "new.toml"]).code, Some(0));
    let text = std::fs::read_to_string(place.path("new.toml")).unwrap();
    assert_eq!(text.trim_end(), shown.stdout.trim_end());
    let again = written(&["--output", "new.toml"]);
    assert!(again.code == Some(1) && again.stderr.contains("--force"), "{again:?}");
    place.write("new.toml", "# somebody else's");
    assert_eq!(written(&["--output", "new.toml"]).code, Some(1));
    assert_eq!(std::fs::read_to_string(place.path("new.toml")).unwrap(), "# somebody else's");
    assert_eq!(written(&["--output", "new.toml", "--force"]).code, Some(0));
    assert_eq!(std::fs::read_to_string(place.path("new.toml")).unwrap(), text);
    assert_eq!(written(&["--output", "missing/new.toml"]).code, Some(1));
    let left: Vec<_> = std::fs::read_dir(place.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains(".new-")), "{left:?}");
}

#[test]
fn what_is_declared_elsewhere_is_not_declared_again() {
    let page = monitor(1, "Seite", "http", &json!({ "url": "https://www.musterstadt.example/" }));
    let place = place(&[page]);
    let shown = place.run(&[&KUMA[..], &["--declared"]].concat());
    assert!(!shown.stdout.contains("[[organisation]]"), "{}", shown.stdout);
    let declared = "[[organisation]]\nid = \"musterstadt\"\nkind = \"municipality\"\nname = \"Musterstadt\"\nars = \"059990001001\"\n";
    place.write("probes.toml", &format!("{declared}{}", shown.stdout));
    let judged = place.run(&["config", "check"]);
    assert_eq!(judged.code, Some(0), "{}", judged.stderr);
    // What comes of it is judged all the same: here the id of the body is reserved.
    let refused = place.run(&["import", "uptime-kuma", "backup.json", "--organisation", "admin", "--declared"]);
    assert!(refused.code == Some(1) && refused.stdout.is_empty() && refused.stderr.contains("reserved"), "{refused:?}");
}

#[test]
fn a_pipe_is_no_file_and_nobody_waits_for_it() {
    let place = place(&[]);
    let made = std::process::Command::new("mkfifo").arg(place.path("pipe")).status().unwrap();
    assert!(made.success());
    place.run(&["import", "uptime-kuma", "pipe", "--organisation", "a"]).assert_refuses(&["not a plain file"]);
}

#[test]
fn nothing_usable_is_an_error() {
    let page = monitor(1, "Seite", "ping", &json!({ "hostname": "a.example" }));
    let place = place(&[page]);
    let nothing = place.run(&[&KUMA[..], &["--output", "new.toml"]].concat());
    assert_eq!(nothing.code, Some(1));
    assert!(nothing.stderr.contains("ICMP") && nothing.stderr.contains("nothing could be carried over"), "{nothing:?}");
    assert!(!place.path("new.toml").exists());
    place.write("backup.json", "{");
    place.run(&KUMA).assert_refuses(&["backup.json is not a backup of Uptime Kuma"]);
    place
        .run(&["import", "gatus", "missing.yaml", "--organisation", "a"])
        .assert_refuses(&["cannot read missing.yaml"]);
    place.run(&["import", "gatus", ".", "--organisation", "a"]).assert_refuses(&["not a plain file"]);
    // A reserved id: `config` has the last word.
    place.write("backup.json", &backup(&[monitor(1, "Seite", "http", &json!({ "url": "https://a.example/" }))]));
    let refused = place.run(&["import", "uptime-kuma", "backup.json", "--organisation", "admin"]);
    assert!(refused.code == Some(1) && refused.stdout.is_empty() && refused.stderr.contains("reserved"), "{refused:?}");
    assert_eq!(place.run(&["import", "gatus", "x", "--organisation", "A b"]).code, Some(2));
}

#[test]
fn yesterdays_file_is_replaced_by_todays_unless_too_much_has_changed() {
    let rows = |count: u32| {
        let rows = (0..count).map(|n| format!("991020131{n:05};Dienst {n};059540016016;https://portal.example/{n}\n"));
        "leika_key;leika_name;ars;url\n".to_owned() + &rows.collect::<String>()
    };
    let place = place(&[]);
    let import = |more: &[&str]| {
        place.run(
            &[&["import", "open-pvog", "p.csv", "--organisation", "musterstadt", "--output", "pvog.toml"], more]
                .concat(),
        )
    };
    place.write("p.csv", &rows(10));
    assert_eq!(import(&[]).code, Some(0));
    let previous = ["--previous", "pvog.toml"];
    place.write("p.csv", &rows(11));
    assert_eq!(import(&previous).code, Some(0));
    let kept = std::fs::read_to_string(place.path("pvog.toml")).unwrap();
    assert!(kept.contains("Dienst 10"));
    place.write("p.csv", &rows(30));
    import(&previous).assert_refuses(&["19 services appeared", "--force"]);
    assert_eq!(std::fs::read_to_string(place.path("pvog.toml")).unwrap(), kept);
    // What was written by hand stays, also where much has changed.
    place.write("pvog.toml", &kept.replace("name = \"Dienst 3\"", "name = \"Hund anmelden\""));
    assert_eq!(import(&["--previous", "pvog.toml", "--force"]).code, Some(0));
    let text = std::fs::read_to_string(place.path("pvog.toml")).unwrap();
    assert!(text.contains("Hund anmelden") && text.contains("Dienst 29"), "{text}");
    assert_eq!(import(&["--force"]).code, Some(0));
    let text = std::fs::read_to_string(place.path("pvog.toml")).unwrap();
    assert!(!text.contains("Hund anmelden"), "{text}");
}
