//! Every refusal that the interface knows, against the sentences that the desk says in its place.

use std::path::Path;

use jiff::tz::TimeZone;
use serde_json::json;
use turmwacht::desk::refusal::{SENTENCES, STRANGE, fault};
use turmwacht::model::window::When;

use super::{refused, told};

/// Where refusals are written.
const SOURCES: &[&str] = &[
    "src/editing.rs",
    "src/editing/values.rs",
    "src/engine/edit.rs",
    "src/engine/edit/component.rs",
    "src/engine/edit/incident.rs",
    "src/engine/edit/maintenance.rs",
    "src/engine/edit/rights.rs",
    "src/app/desk.rs",
    "src/server/admin/refusal.rs",
];

/// What no visitor of the desk is ever told: of other clients, of forms that nobody filled in, and what
/// is no refusal at all.
const NOT_OF_FORMS: &[&str] = &[
    "the server answers this without the engine",
    "A token must not travel unencrypted",
    "Pages in a browser cannot use",
    "This path knows",
    "this path knows",
    "A body is JSON",
    "the body is no JSON",
    "The body came too slowly",
    "The body ended before",
    "nobody of this name",
    "GET, HEAD",
    "x` is missing",
    "a new incident is not over",
    "give `x` a status",
    "open it as investigating",
    "the start of an incident is given",
    "the status of a new maintenance",
    "cannot be an id",
    "an id of yours begins",
    "the id of a maintenance does not change",
    "what was announced was announced",
    "is no language",
    "is no organisation's id",
    "is no ARS prefix",
    "Service Unavailable",
    "default-src",
];

/// The texts of a source that have several words, with `x` where a value stands.
fn sentences(source: &str) -> Vec<String> {
    let code = source.split("#[cfg(test)]").next().unwrap();
    let code: String = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//") && !line.trim_start().starts_with("#["))
        .map(|line| format!("{line}\n"))
        .collect();
    let (text, place) =
        (regex::Regex::new(r#""((?:[^"\\]|\\(?s:.))*)""#).unwrap(), regex::Regex::new(r"\{[^{}]*\}").unwrap());
    let texts = text.captures_iter(&code).map(|found| {
        let text = found[1].split("\\\n").map(str::trim_start).collect::<String>().replace("\\\"", "\"");
        place.replace_all(&text, "x").into_owned()
    });
    texts.filter(|text| text.trim().contains(' ') && text.contains(char::is_alphabetic)).collect()
}

/// Every refusal that there is.
fn all() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let edits = std::fs::read_dir(root.join("src/engine/edit")).unwrap().map(|entry| entry.unwrap().file_name());
    for file in edits {
        let path = format!("src/engine/edit/{}", file.to_string_lossy());
        assert!(SOURCES.contains(&path.as_str()), "{path} is not looked at");
    }
    let read = |path: &&str| sentences(&std::fs::read_to_string(root.join(path)).unwrap());
    let mut all: Vec<String> = SOURCES.iter().flat_map(read).collect();
    let berlin = TimeZone::get("Europe/Berlin").unwrap();
    let gap = When::from_local_checked("2027-03-28T02:30".parse().unwrap(), &berlin).unwrap_err();
    all.extend([gap.to_string(), "`before` is the number of an entry, `limit` one from 1 to 500.".to_owned()]);
    all
}

#[test]
fn every_refusal_is_said_in_german() {
    let all = all();
    assert!(all.len() > 90, "{}: they are looked for where they are not", all.len());
    for detail in &all {
        // A status of which nothing is known: only words decide.
        let said = fault(&refused(418, "", detail), &[]).sentence;
        let is_known = said != STRANGE;
        let is_foreign = NOT_OF_FORMS.iter().any(|known| detail.contains(known));
        assert!(is_known || is_foreign, "{detail}: {said}");
    }
    for known in NOT_OF_FORMS {
        assert!(all.iter().any(|detail| detail.contains(known)), "nothing is refused like this: {known}");
    }
    for (words, ..) in SENTENCES {
        assert!(all.iter().any(|detail| detail.contains(words)), "nothing is refused like this: {words}");
    }
}

#[test]
fn a_refusal_stands_at_the_field_that_it_is_about() {
    let fields = [("/text", "text-de"), ("/alternatives/0/", "way-2")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    for (pointer, field) in [
        ("/text/en", Some("text-de")),
        ("/alternatives/0/label", Some("way-2")),
        ("/alternatives/1/label", None),
        ("", None),
    ] {
        let fault = fault(&refused(422, pointer, "it ends before it begins"), &fields);
        assert_eq!(fault.field.as_deref(), field, "{pointer}");
        assert!(fault.sentence.starts_with("Das Ende liegt vor dem Anfang."));
    }
    // As of a form that somebody else wrote, or that stood in a window since the last version.
    let strange = fault(&refused(422, "/impact", "unknown variant `huge`, expected one of `none`, `minor`"), &[]);
    assert_eq!(strange.sentence, STRANGE, "and no English");
    assert_eq!(fault(&told(403, json!({})), &[]).sentence, "Das darf Ihr Zugang nicht.");
}
