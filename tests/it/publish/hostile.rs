//! One hostile corpus in every text and every format, read back by other parsers.

use std::sync::Arc;

use turmwacht::model::text::{Plain, Text};
use turmwacht::publish::{metrics, wording};

use super::sample::sample_in_the_words_of;
use super::{ROUTES, atom, text, value};

pub(crate) const CORPUS: &[&str] = &[
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "]]><!-- & &amp; &#x41; --><![CDATA[",
    "</title></entry></feed><entry>",
    "a\u{0}b\u{1b}[31mc\r\nd\u{7f}\u{85}",
    "\u{202e}gnp.exe\u{2066}\u{200f}\u{feff}",
    "\"}],\"status\":\"operational\",\"x\":[{\"",
    "\\u0022\\\\\\",
    "a\"} 1\nprobe_success{component=\"x",
    "{} {status} %s ${x}",
    "\u{fffe}\u{ffff}\u{1f600} Straße \u{301}\u{200d}",
    "=cmd|' /C calc'!A0",
    "line one\nline two\ttab",
    "'",
    "",
];

#[test]
fn json_gives_back_what_was_written() {
    for hostile in CORPUS {
        let snapshot = sample_in_the_words_of(hostile);
        let clean = Plain::new(hostile);
        let expected = serde_json::Value::from(clean.unescaped());
        for (address, pointers) in [
            (
                "/api/v1/organisations/hattingen",
                &[
                    "/organisation/name",
                    "/organisation/components/0/name",
                    "/organisation/components/0/text",
                    "/organisation/components/0/alternatives/0/label",
                    "/organisation/components/0/alternatives/0/hours_text",
                    "/organisation/components/0/affected_by/path/0/name",
                    concat!("/organisation/incidents/0/", "root/name"),
                    "/organisation/incidents/0/updates/1/text",
                    "/organisation/incidents/0/updates/1/expected_end/label",
                    "/organisation/incidents/0/expected_end/label",
                    "/organisation/incidents/0/references/0/label",
                    "/organisation/incidents/0/alternatives/0/label",
                    "/organisation/incidents/0/overlay/text",
                    "/organisation/incidents/0/overlay/alternatives/0/label",
                    "/organisation/incidents/0/overlays/0/text",
                    "/organisation/maintenance/1/title",
                    "/organisation/maintenance/1/text",
                    "/organisation/maintenance/1/programme",
                    "/organisation/maintenance/1/alternatives/0/label",
                ][..],
            ),
            ("/en/api/v1/components/serviceportal-en", &["/component/name"]),
            (
                "/api/v1/incidents/i-open",
                &[
                    concat!("/incident/", "root/name"),
                    "/incident/updates/1/text",
                    "/incident/overlays/0/text",
                    "/incident/overlays/1/text",
                ],
            ),
            (
                "/en/api/v1/incidents/i-open?organisation=witten",
                &["/incident/updates/1/text", "/incident/overlay/text"],
            ),
            ("/api/v1/maintenance", &["/maintenance/0/title", "/maintenance/0/updates/1/text", "/maintenance/2/text"]),
            ("/en/api/v1/maintenance/umstellung", &["/maintenance/text", "/maintenance/programme"]),
        ] {
            let value = value(&snapshot, address);
            for pointer in pointers {
                assert_eq!(value.pointer(pointer), Some(&expected), "{address} {pointer}");
            }
        }
        for route in ROUTES.iter().filter(|route| route.starts_with("/api/")) {
            value(&snapshot, route);
        }
    }
}

#[test]
fn atom_gives_back_what_was_written() {
    for hostile in CORPUS {
        let snapshot = sample_in_the_words_of(hostile);
        let clean = Plain::new(hostile);
        let clean = clean.unescaped();
        for path in ["/feed.atom", "/hattingen/feed.atom", "/en/feed.atom"] {
            let (feed, entries) = atom::read(&text(&snapshot, path));
            if clean.is_empty() {
                assert_eq!(feed.author, "Turmwacht");
            } else {
                assert_eq!(feed.author, clean);
                assert!(feed.title.contains(clean));
            }
            assert!(entries.iter().all(|entry| entry.title.contains(clean)), "{path}");
            assert!(entries.iter().all(|entry| entry.id.starts_with("tag:status.example.org,2023:")), "{path}");
            // Every text stands in a content; where only dates or words of ours do, it stands in the title.
            let ours = ["maintenance/netz/announced", "wartungsfenster/announced", "local/mail-en/"];
            for entry in entries.iter().filter(|entry| !ours.iter().any(|ours| entry.id.contains(ours))) {
                assert!(entry.content.contains(clean), "{path} {}: {}", entry.id, entry.content);
            }
            let place = entries.iter().find(|entry| entry.id.contains("local/serviceportal-en/")).expect("an entry");
            let town = wording::town_name(clean);
            assert!(place.title.starts_with(&format!("{clean}: ")) && place.title.ends_with(town), "{}", place.title);
            let content = |id: &str| {
                let entry = entries.iter().find(|entry| entry.id.ends_with(id)).expect("an entry");
                entry.content.as_str()
            };
            let sentences = |sentences: &[&str]| {
                sentences.iter().filter(|text| !text.is_empty()).copied().collect::<Vec<_>>().join(" ")
            };
            // The text is in German only, and so is what we say beside it.
            let end = if clean.is_empty() { String::new() } else { format!("Voraussichtliches Ende: {clean}.") };
            assert_eq!(content("incident/i-open/2"), sentences(&[clean, &end]), "{path}");
            if path == "/hattingen/feed.atom" {
                assert_eq!(content("overlay/hattingen/2"), clean);
            }
        }
    }
}

#[test]
fn metrics_give_back_what_was_written() {
    for hostile in CORPUS {
        let mut measurements = super::metrics::measurements();
        measurements.vantage = (*hostile).to_owned();
        measurements.overdue[0].id = (*hostile).to_owned();
        measurements.components[0].name = Text::single("de", hostile);
        let targets: Vec<Arc<str>> = measurements.checks.iter().map(|_| Arc::from(*hostile)).collect();
        for openmetrics in [false, true] {
            let mut out = Vec::new();
            metrics::write(&measurements, Some(&targets), openmetrics, &mut out, &mut |_| {});
            let exposition = super::metrics::parse(&String::from_utf8(out).expect("UTF-8"), openmetrics);
            let info = exposition
                .samples
                .keys()
                .find(|series| series.0 == "turmwacht_component_info" && series.1["component"] == "portal");
            let written = without_controls(Plain::new(hostile).unescaped());
            assert_eq!(info.map(|info| info.1["name"].clone()), Some(written));
            let kept = without_controls(hostile);
            let overdue = |series: &&super::metrics::Series| {
                series.0 == "turmwacht_notices_overdue" && series.1["kind"] == "incident"
            };
            assert_eq!(exposition.samples.keys().find(overdue).map(|series| &series.1["id"]), Some(&kept));
            let probed = exposition.samples.keys().find(|series| series.0 == "probe_success").expect("a probe");
            assert_eq!((&probed.1["target"], &probed.1["vantage"]), (&kept, &kept));
        }
    }
}

/// A label's value loses its control characters but line feeds.
fn without_controls(text: &str) -> String {
    text.chars().filter(|c| *c == '\n' || !c.is_control()).collect()
}
