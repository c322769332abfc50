//! One hostile corpus in every text and every format, read back by other parsers.

use std::sync::Arc;

use turmwacht::model::text::{Plain, Text};
use turmwacht::publish::metrics;

use super::sample::sample_in_the_words_of;
use super::{ROUTES, atom, text, value};

const CORPUS: &[&str] = &[
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
                    "/organisation/incidents/0/root/name",
                    "/organisation/incidents/0/updates/0/text",
                    "/organisation/maintenance/0/title",
                    "/organisation/maintenance/0/alternatives/0/label",
                ][..],
            ),
            ("/en/api/v1/components/serviceportal-en", &["/component/name"]),
            ("/api/v1/incidents/i-open", &["/incident/root/name", "/incident/updates/0/text"]),
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
            assert_eq!(entries[0].content, clean, "{path}");
            assert!(entries.iter().all(|entry| entry.title.contains(clean)), "{path}");
            assert!(entries.iter().all(|entry| entry.id.starts_with("tag:status.example.org,2023:")), "{path}");
        }
    }
}

#[test]
fn metrics_give_back_what_was_written() {
    for hostile in CORPUS {
        let mut measurements = super::metrics::measurements();
        measurements.vantage = (*hostile).to_owned();
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
            let probed = exposition.samples.keys().find(|series| series.0 == "probe_success").expect("a probe");
            assert_eq!((&probed.1["target"], &probed.1["vantage"]), (&kept, &kept));
        }
    }
}

/// A label's value loses its control characters but line feeds.
fn without_controls(text: &str) -> String {
    text.chars().filter(|c| *c == '\n' || !c.is_control()).collect()
}
