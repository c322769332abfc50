//! Pages about incidents: what they show, what they ask for, and what becomes of what was typed.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use turmwacht::desk::{Asking, Reply, Told};
use turmwacht::model::access::Role;
use turmwacht::model::text::Plain;

use super::{Interface, asks, editor, hidden, page, refused, sends, told};
use crate::publish::hostile::CORPUS;

/// What the interface shows of an incident that the visitor may change, every text of it being `text`.
fn incident(text: &str) -> Value {
    json!({
        "incident": {
            "id": "i1", "title": text, "status": "identified", "impact": "major", "cause": "power",
            "root": { "id": "mail-hattingen", "name": text }, "started_at": "2023-10-30T02:00:00Z",
            "resolved_at": null, "expected_end": { "earliest": null, "latest": "2023-11-10T23:00:00Z", "label": text },
            "next_update_by": "2099-10-30T06:00:00Z", "overdue": false, "url": "https://status.example.org/incidents/i1",
            "components": [{ "id": "mail-hattingen", "status": "major_outage" }], "merged_into": null,
            "updates": [{ "id": "i1-1", "at": "2023-10-30T06:00:00Z", "status": "identified", "text": text }],
        },
        "internal": {
            "root": "mail-hattingen", "root_set": true, "touched": true, "components": { "mail-hattingen": "major_outage" },
            "texts": [{ "update": "i1-1", "text": { "de": text } }], "title": { "de": text }, "shown": text,
            "status": "identified", "impact": "major", "cause": "power", "started_at": "2023-10-30T02:00:00Z",
            "next_update_by": "2099-10-30T06:00:00Z", "unaffected": [], "concerned": ["mail-hattingen", "x"],
            "updates": [
                { "id": "i1-1", "at": "2023-10-30T06:00:00Z", "status": "identified", "text": { "de": text, "en": text, "de-x-leicht": text }, "shown": text, "retracted_at": null },
                { "id": "i1-2", "at": "2023-10-30T07:00:00Z", "status": "identified", "text": { "de": text }, "shown": text, "retracted_at": "2023-10-30T07:01:00Z" },
            ],
            "expected_end": { "earliest": null, "latest": "2023-11-10T23:00:00Z", "label": { "de": text } },
            "alternatives": [way(text)],
        },
        "overlays": [{
            "id": "hattingen", "name": text, "text": { "de": text }, "alternatives": [way(text)], "at": "2023-10-30T06:30:00Z",
            "drifted": true, "before": text, "since": [{ "at": "2023-10-30T07:00:00Z", "text": text }],
        }],
    })
}

fn way(text: &str) -> Value {
    json!({ "kind": "phone", "target": ["tel:+4923240"], "label": { "de": text }, "hours": text, "hours_text": { "de": text } })
}

/// An overview with an incident of one's own and one of others.
fn overview(text: &str) -> Value {
    let line = |id: &str, may_change: bool| {
        json!({
            "id": id, "title": text, "status": "investigating", "impact": "critical", "root": { "id": "x", "name": text },
            "started_at": "2023-10-30T02:00:00Z", "resolved_at": null, "next_update_by": "2023-10-30T03:00:00Z",
            "overdue": may_change, "touched": !may_change, "may_change": may_change, "public": true,
            "last": { "at": "2023-10-30T02:00:00Z", "text": text }, "overlays": incident(text)["overlays"],
        })
    };
    json!({
        "at": "2023-10-30T07:00:00Z", "all": false, "organisations": [{ "id": "hattingen", "name": text }],
        "incidents": [line("i1", true), line("i2", false)], "resolved": [line("i3", true)],
        "maintenance": [{
            "id": "m1", "title": text, "status": "overrunning", "from": "2023-10-30T02:00:00Z",
            "until": "2023-10-30T03:00:00Z", "overdue": true, "may_change": true,
        }],
        "unknown": [{ "id": "x", "name": text, "reason": "blocked", "since": "2023-10-30T02:00:00Z" }],
        "internal_components": [{ "id": "geheim", "name": text, "kind": "network" }],
    })
}

/// What a dry run shows.
fn tried(text: &str) -> Value {
    let mut body = incident(text);
    let safe = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    body["preview"] =
        json!({ "de": format!("<main><h1>{safe}</h1></main>"), "en": format!("<main><p>{safe}</p></main>") });
    body["documents"] = json!([
        { "format": "json", "language": "de", "path": "/api/v1/incidents/i1", "text": text },
        { "format": "atom", "language": "de", "path": "/hattingen/feed.atom", "text": text },
        { "format": "page", "language": "de", "path": "/hattingen", "text": text },
        { "format": "nonsense", "language": text, "path": text, "text": text },
    ]);
    body["internal"]["new_targets"] = json!([text]);
    body
}

/// An interface in which all goes well.
fn well(text: &str, asking: &Asking) -> Told {
    let clean = Plain::new(text);
    let text = clean.unescaped();
    match (asking.method, asking.path.as_str(), asking.dry_run) {
        ("GET", "/overview", _) => told(200, overview(text)),
        ("GET", ..) => told(200, incident(text)),
        (_, _, true) => told(200, tried(text)),
        (_, _, false) => told(201, incident(text)),
    }
}

const PAGES: &[&str] = &[
    "",
    "/incidents",
    "/incidents/new",
    "/incidents/i1",
    "/incidents/i1/update",
    "/incidents/i1/resolve",
    "/incidents/i1/edit",
    "/incidents/i1/updates/i1-1",
    "/incidents/i1/updates/i1-1/retract",
    "/incidents/i1/merge",
    "/incidents/i1/split",
    "/incidents/i1/overlays/hattingen",
    "/incidents/i1/overlays/hattingen/remove",
];

/// The forms among them.
const FORMS: &[&str] = &[
    "/incidents/new",
    "/incidents/i1/update",
    "/incidents/i1/resolve",
    "/incidents/i1/edit",
    "/incidents/i1/updates/i1-1",
    "/incidents/i1/merge",
    "/incidents/i1/split",
    "/incidents/i1/overlays/hattingen",
];

/// The names of a page's elements and attributes, in order: what no text may change.
fn markup(page: &str) -> Vec<String> {
    let (_, body) = page.split_once("</style>").expect("a stylesheet");
    let mut found = Vec::new();
    let mut rest = body;
    while let Some((_, tag)) = rest.split_once('<') {
        let mut quoted = false;
        let end = tag.find(|c| {
            quoted ^= c == '"';
            c == '>' && !quoted
        });
        let (tag, after) = tag.split_at(end.expect("an element ends"));
        let without_values: String = tag.split('"').step_by(2).collect();
        found.push(without_values);
        rest = after;
    }
    found
}

#[test]
fn no_text_of_anybody_becomes_markup() {
    for hostile in CORPUS.iter().filter(|hostile| !hostile.trim().is_empty()) {
        let typed = [
            ("do", "preview"),
            ("title-de", *hostile),
            ("text-de", *hostile),
            ("text-en", *hostile),
            ("into", *hostile),
            ("state-mail-hattingen", *hostile),
            ("next", *hostile),
            ("next-at", *hostile),
            ("cause", *hostile),
            ("ways", "2"),
            ("way-0-kind", "phone"),
            ("way-0-target", *hostile),
            ("way-0-label-de", *hostile),
            ("way-0-before", *hostile),
            ("way-0-hours-de", *hostile),
            ("way-0-short", *hostile),
            ("find", *hostile),
            ("unaffected", *hostile),
            ("revision", *hostile),
            (*hostile, *hostile),
        ];
        let harmless = typed.map(|(name, value)| {
            (if name == *hostile { "harmlos" } else { name }, if value == *hostile { "harmlos" } else { value })
        });
        let clean = |text: &str| {
            assert!(!text.contains(['\u{202e}', '\u{2066}', '\u{200f}', '\u{1b}', '\u{0}']), "{hostile}: {text}");
        };
        for path in PAGES {
            let there = Interface::new(|asking: &Asking| well(hostile, asking));
            let plain = Interface::new(|asking: &Asking| well("harmlos", asking));
            let (read, expected) = (page(&asks(path, &[]), &there), page(&asks(path, &[]), &plain));
            assert_eq!((read.status, markup(&read.body)), (200, markup(&expected.body)), "{path} {hostile}");
        }
        for path in FORMS {
            for button in ["preview", "find", "publish"] {
                let press = |fields: &[(&str, &str)], text: &str, fails: bool| -> Reply {
                    let fields: Vec<_> = fields
                        .iter()
                        .map(|(name, value)| (*name, if *name == "do" { button } else { value }))
                        .collect();
                    let text = text.to_owned();
                    let ask = Interface::new(move |asking: &Asking| match asking.method {
                        "GET" => well(&text, asking),
                        _ if fails => refused(422, "/text", &text),
                        _ => well(&text, asking),
                    });
                    page(&sends(path, &fields), &ask)
                };
                for fails in [true, false] {
                    let (read, expected) = (press(&typed, hostile, fails), press(&harmless, "harmlos", fails));
                    assert_eq!(read.status, expected.status, "{path} {button} {hostile}");
                    clean(&read.body);
                    if read.body.contains("Noch ist nichts veröffentlicht") {
                        // A text of several lines is shown in as many.
                        let known: BTreeSet<String> = markup(&expected.body).into_iter().collect();
                        let new: Vec<String> =
                            markup(&read.body).into_iter().filter(|tag| !known.contains(tag)).collect();
                        assert!(new.is_empty(), "{path} {hostile}: {new:?}");
                    } else if !read.body.is_empty() {
                        assert_eq!(markup(&read.body), markup(&expected.body), "{path} {button} {hostile}");
                    }
                }
            }
        }
    }
}

#[test]
fn the_first_page_says_what_is_late_then_what_is_wrong_and_what_to_do() {
    let ask = Interface::new(|asking: &Asking| well("Stromausfall", asking));
    let read = page(&asks("", &[]), &ask).body;
    let places: Vec<usize> = [
        "2 Störungen sind offen",
        "2 Zusagen sind überfällig",
        "Überfällig</h2>",
        "Noch niemand hat etwas dazu geschrieben",
        "Meldung schreiben</a>",
        "Dauert länger als angekündigt",
        "Ihre Worte prüfen</h2>",
        "Gerade gestört</h2>",
        "Stand unbekannt</h2>",
    ]
    .iter()
    .map(|words| read.find(words).unwrap_or_else(|| panic!("lacks {words}: {read}")))
    .collect();
    assert!(places.is_sorted(), "{places:?}");
    assert!(read.contains("/admin/incidents/i1/update"));

    let calm = Interface::new(|_: &Asking| {
        told(200, json!({ "all": false, "organisations": [{ "id": "hattingen", "name": "Hattingen" }] }))
    });
    let read = page(&asks("", &[]), &calm).body;
    assert!(read.contains("keine Störung bekannt") && read.contains("nichts zu tun"), "{read}");
    // What others promised and did not keep is told, but nothing is asked of the visitor.
    let others = Interface::new(|_: &Asking| {
        let mut told_all = overview("Stromausfall");
        for pointer in ["/incidents/0", "/maintenance/0"] {
            told_all.pointer_mut(pointer).unwrap()["may_change"] = false.into();
        }
        told(200, told_all)
    });
    let read = page(&asks("", &[]), &others).body;
    assert!(read.contains("Eine Nachricht war versprochen bis") && read.contains("Dauert länger"), "{read}");
    assert!(!read.contains("Überfällig</h2>") && !read.contains("Dann sagen Sie es"), "{read}");
    let down = Interface::new(|_: &Asking| refused(503, "", "the store"));
    assert_eq!(page(&asks("", &[]), &down).status, 503);
}

const UPDATE: &[(&str, &str)] = &[
    ("revision", "\"7\""),
    ("text-de", "Der Strom ist wieder da."),
    ("text-en", "The power is back."),
    ("status", "monitoring"),
    ("next", "2099-11-01T09:00"),
    ("latest", "2023-11-10"),
    ("end-label-de", "Strom"),
    ("cause", "power"),
    ("state-mail-hattingen", "partial_outage"),
    ("ways", "2"),
    ("way-0-kind", "phone"),
    ("way-0-target", "02324 204-0"),
    ("way-0-label-de", "Bürgerbüro"),
    ("way-0-hours-de", "Montag"),
    ("way-0-short", "Mo-Fr 08:00-12:00"),
    (
        "way-0-before",
        r#"{"kind":"phone","target":["tel:+4923242040"],"label":{"de":"alt","de-x-leicht":"leicht","nds":"weg"},"serves":["hattingen"]}"#,
    ),
    ("internal-de", "Ticket 7"),
];

fn with<'a>(fields: &[(&'a str, &'a str)], button: &'a str) -> Vec<(&'a str, &'a str)> {
    fields.iter().copied().chain([("do", button)]).collect()
}

#[test]
fn what_is_published_is_what_was_seen() {
    let ask = Interface::new(|asking: &Asking| well("Strom", asking));
    let seen = page(&sends("/incidents/i1/update", &with(UPDATE, "preview")), &ask);
    assert_eq!(seen.status, 200);
    for words in [
        "Noch ist nichts veröffentlicht",
        "Bitte zweimal prüfen",
        "Daten (JSON)",
        "Veröffentlichen</button>",
        "Zurück und ändern",
    ] {
        assert!(seen.body.contains(words), "lacks {words}: {}", seen.body);
    }
    // Whatever was typed goes along.
    for (name, value) in UPDATE {
        assert_eq!(hidden(&seen.body, name), *value);
    }
    let mut again: Vec<(&str, &str)> = UPDATE.to_vec();
    let key = hidden(&seen.body, "key");
    assert_eq!(key, "nonce-word");
    again.push(("key", &key));
    let done = page(&sends("/incidents/i1/update", &with(&again, "publish")), &ask);
    assert_eq!((done.status, done.location.as_deref()), (303, Some("/admin/incidents/i1?done=updated")));
    let asked = ask.changes();
    let (tried, published) = (&asked[0], &asked[1]);
    assert_eq!(
        (tried.method, tried.path.as_str(), &tried.body),
        (published.method, published.path.as_str(), &published.body)
    );
    assert_eq!((tried.dry_run, &tried.idempotency_key), (true, &None));
    assert_eq!((published.dry_run, published.idempotency_key.as_deref()), (false, Some("nonce-word")));
    for asking in [tried, published] {
        assert_eq!(asking.if_match.as_deref(), Some("\"7\""));
    }
    assert_eq!(
        published.body.clone().unwrap(),
        json!({
            "text": { "de": "Der Strom ist wieder da.", "en": "The power is back." },
            "internal_text": { "de": "Ticket 7" },
            "status": "monitoring",
            "next_update_by": "2099-11-01T09:00",
            "components": [{ "id": "mail-hattingen", "status": "partial_outage" }],
            // What is there already is not said again: end and cause.
            "alternatives": [{
                "kind": "phone", "target": ["tel:+4923242040"], "hours": "Mo-Fr 08:00-12:00",
                "hours_text": { "de": "Montag" }, "serves": ["hattingen"],
                "label": { "de": "Bürgerbüro", "de-x-leicht": "leicht" },
            }],
        })
    );
    let back = page(&sends("/incidents/i1/update", &with(UPDATE, "edit")), &ask);
    assert_eq!(back.status, 200);
    assert!(back.body.contains("Der Strom ist wieder da.</textarea>") && back.body.contains("02324 204-0</textarea>"));
    assert_eq!(ask.changes().len(), 2, "going back asks for nothing");
}

#[test]
fn a_refusal_stands_at_its_field_in_german_and_nothing_typed_is_lost() {
    for (pointer, detail, status, field, sentence) in [
        (
            "/text",
            "write it in `de` at least: {\"de\": \"…\"}; other languages fall back to that",
            422,
            "text-de",
            "Schreiben Sie in ein, zwei Sätzen",
        ),
        ("/text/en", "the text in `en` has 20001 characters; 20000 are the most", 422, "text-en", "zu lang"),
        ("/next_update_by", "it lies in the past; promise a time to come", 422, "next", "schon vorbei"),
        ("/expected_end/latest", "it must lie after `earliest`", 422, "latest", "nach dem frühesten"),
        (
            "/alternatives/0/target",
            "it must be a https, http, tel or mailto link",
            422,
            "way-0-target",
            "Telefonnummer",
        ),
        ("/components", "`x` belongs to `kreis`; this token may not change it", 403, "states", "anderen Stelle"),
        (
            "/status",
            "our checks still find `x` failing; resolve it when they do not, or split it off",
            409,
            "status",
            "noch Fehler",
        ),
        ("", "unknown variant `huge`", 422, "", "Dieses Formular passt nicht mehr zu unserer Seite."),
    ] {
        let ask = Interface::new(move |asking: &Asking| match asking.method {
            "GET" => well("Strom", asking),
            _ => refused(status, pointer, detail),
        });
        let read = page(&sends("/incidents/i1/update", &with(UPDATE, "preview")), &ask);
        assert_eq!(read.status, status, "{pointer}");
        assert!(read.body.contains("<title>Fehler: "), "{}", read.body);
        let (_, list) = read.body.split_once("class=\"faults\"").expect("a list of faults");
        let (list, rest) = list.split_once("</div>").unwrap();
        assert!(list.contains(sentence), "{pointer}: {list}");
        assert!(list.contains("autofocus"), "whoever cannot see is taken there");
        if !field.is_empty() {
            assert!(list.contains(&format!("href=\"#{field}\"")), "{pointer}: {list}");
            assert!(rest.contains(&format!("id=\"{field}\"")), "{pointer}");
            assert!(rest.contains(sentence), "{pointer}: it stands at its field, too");
        }
        assert!(rest.contains("Der Strom ist wieder da.</textarea>") && rest.contains("02324 204-0</textarea>"));
        assert_eq!(hidden(&read.body, "revision"), "\"7\"");
    }
}

#[test]
fn a_way_that_leads_elsewhere_keeps_nothing_that_was_true_of_the_old_one() {
    let before = json!({
        "kind": "phone", "target": ["tel:+4923240", "tel:+4923241"], "label": { "de": "Bürgerbüro", "de-x-leicht": "Büro" },
        "hours": "Mo-Fr 08:00-12:00", "hours_text": { "de": "vormittags" }, "page": "https://stadt.example/",
        "component": "telefon", "valid_until": "2030-12-01", "verified_at": "2023-10-01", "serves": ["hattingen"],
    });
    let ask = {
        let before = before.clone();
        Interface::new(move |asking: &Asking| {
            let mut told = well("Strom", asking);
            told.body["internal"]["alternatives"] = json!([before]);
            told
        })
    };
    let form = page(&asks("/incidents/i1/update", &[]), &ask).body;
    assert!(form.contains("+4923240\n+4923241</textarea>"), "{form}");
    assert!(form.contains("value=\"vormittags\"") && form.contains("value=\"Mo-Fr 08:00-12:00\""), "hours are seen");
    let kept = hidden(&form, "way-0-before");
    let row = |target: &str, label: &str, hours: &str, short: &str| {
        let fields = [
            ("text-de", "Text"),
            ("next", "keep"),
            ("ways", "2"),
            ("way-0-before", &*kept),
            ("way-0-kind", "phone"),
            ("way-0-target", target),
            ("way-0-label-de", label),
            ("way-0-hours-de", hours),
            ("way-0-short", short),
        ];
        let read = page(&sends("/incidents/i1/update", &with(&fields, "publish")), &ask);
        assert_eq!(read.status, 303, "{}", read.body);
        ask.changes().pop().unwrap().body.unwrap().get("alternatives").cloned()
    };
    let same = "+4923240\r\n+4923241";
    assert_eq!(
        row(same, "Bürgerbüro", "vormittags", "Mo-Fr 08:00-12:00"),
        None,
        "what was not touched is not said again"
    );
    let mut renamed = before.clone();
    renamed["label"]["de"] = "Rathaus".into();
    renamed.as_object_mut().unwrap().retain(|name, _| !name.starts_with("hours"));
    assert_eq!(row(same, "Rathaus", "", ""), Some(json!([renamed])), "hours can be taken away");
    assert_eq!(
        row("02324 99-9", "Krisenstab", "immer", ""),
        Some(json!([{
            "kind": "phone", "target": ["tel:+492324999"], "label": { "de": "Krisenstab" },
            "hours_text": { "de": "immer" }, "serves": ["hattingen"],
        }]))
    );
    assert_eq!(row("", "", "", ""), Some(json!([])), "an empty row is none");
}

#[test]
fn a_number_is_a_number_whatever_the_way_and_two_on_a_line_are_none() {
    let ask = Interface::new(|asking: &Asking| well("Strom", asking));
    for (kind, number) in [("neighbour_office", "02324 204-0"), ("emergency_site", "+49 2324 2040")] {
        let fields = [
            ("text-de", "T"),
            ("ways", "1"),
            ("way-0-kind", kind),
            ("way-0-target", number),
            ("way-0-label-de", "Amt"),
        ];
        page(&sends("/incidents/i1/update", &with(&fields, "preview")), &ask);
        let asked = ask.changes().pop().unwrap().body.unwrap();
        assert_eq!(asked["alternatives"][0]["target"], json!(["tel:+4923242040"]), "{kind} {number}");
    }
    let before = ask.changes().len();
    let fields =
        [("text-de", "T"), ("ways", "1"), ("way-0-target", "02324 2040 02324 2041"), ("way-0-label-de", "Amt")];
    let read = page(&sends("/incidents/i1/update", &with(&fields, "publish")), &ask);
    assert_eq!((read.status, ask.changes().len()), (422, before));
    assert!(read.body.contains("href=\"#way-0-target\"") && read.body.contains("jede in eine eigene Zeile"));
}

#[test]
fn what_others_changed_meanwhile_is_said_and_the_next_try_is_for_what_is_there_now() {
    let ask = Interface::new(|asking: &Asking| match asking.method {
        "GET" => Told { etag: Some("\"8\"".to_owned()), ..well("Strom", asking) },
        _ => refused(412, "", "it was changed since"),
    });
    for button in ["preview", "publish"] {
        let read = page(&sends("/incidents/i1/update", &with(UPDATE, button)), &ask);
        assert_eq!(read.status, 412);
        assert!(read.body.contains("Inzwischen hat jemand anderes"), "{}", read.body);
        assert!(read.body.contains("Der Strom ist wieder da.</textarea>"));
        assert_eq!(hidden(&read.body, "revision"), "\"8\"");
    }
}

#[test]
fn a_lost_answer_is_asked_for_again_with_the_same_key() {
    for lost in [
        refused(503, "", "there is no reply yet"),
        refused(409, "", "A request with this Idempotency-Key is still being carried out."),
    ] {
        let status = lost.status;
        let ask = Interface::new(move |asking: &Asking| match asking.method {
            "GET" => well("Strom", asking),
            _ => lost.clone(),
        });
        let mut fields = UPDATE.to_vec();
        fields.push(("key", "the-first-key"));
        let read = page(&sends("/incidents/i1/update", &with(&fields, "publish")), &ask);
        assert_eq!(read.status, status);
        assert_eq!(hidden(&read.body, "key"), "the-first-key");
        assert_eq!(hidden(&read.body, "text-de"), "Der Strom ist wieder da.");
        assert!(read.body.contains("Noch einmal versuchen"));
    }
}

#[test]
fn a_gap_of_a_template_is_never_published() {
    let ask = Interface::new(|asking: &Asking| well("Strom", asking));
    let begun = page(&asks("/incidents/new", &[("template", "portal")]), &ask).body;
    assert!(begun.contains("[wann?]") && begun.contains("[when?]"), "{begun}");
    let fields = [
        ("title-de", "Portal gestört"),
        ("text-de", "Seit [wann?] geht nichts."),
        ("text-en", "Since [when?] nothing."),
    ];
    for button in ["preview", "publish"] {
        let read = page(&sends("/incidents/new", &with(&fields, button)), &ask);
        assert_eq!(read.status, 422);
        for words in ["href=\"#text-de\"", "href=\"#text-en\"", "Lücke [wann?]", "Lücke [when?]"] {
            assert!(read.body.contains(words), "lacks {words}");
        }
    }
    assert!(ask.changes().is_empty());
}

#[test]
fn somebody_elses_incident_shows_no_form_but_for_own_words() {
    let theirs = |asking: &Asking| {
        let mut body = well("Strom", asking).body;
        body.as_object_mut().unwrap().remove("internal");
        told(200, body)
    };
    let ask = Interface::new(theirs);
    for path in FORMS.iter().filter(|path| path.starts_with("/incidents/i1/") && !path.contains("overlays")) {
        assert_eq!(page(&asks(path, &[]), &ask).status, 404, "{path}");
        assert_eq!(page(&sends(path, &with(UPDATE, "publish")), &ask).status, 404, "{path}");
    }
    let read = page(&asks("/incidents/i1", &[]), &ask).body;
    assert!(read.contains("gehört einer anderen Stelle") && !read.contains("/incidents/i1/update"), "{read}");
    assert_eq!(page(&asks("/incidents/i1/overlays/hattingen", &[]), &ask).status, 200);
    assert_eq!(page(&asks("/incidents/i1/overlays/witten", &[]), &ask).status, 404, "another town's words");
    assert!(ask.changes().is_empty());
}

#[test]
fn own_words_are_written_beside_what_they_were_written_for_and_what_came_since() {
    let ask = Interface::new(|asking: &Asking| well("Strom", asking));
    let read = page(&asks("/incidents/i1/overlays/hattingen", &[]), &ask).body;
    for words in ["Nach Ihren Worten kam etwas Neueres", "stand dort:", "Neu ("] {
        assert!(read.contains(words), "lacks {words}: {read}");
    }
    let fields = [
        ("revision", "\"7\""),
        ("text-de", "Bei uns geht alles."),
        ("ways", "1"),
        ("way-0-target", "amt@hattingen.example"),
        ("way-0-label-de", "Amt"),
    ];
    let done = page(&sends("/incidents/i1/overlays/hattingen", &with(&fields, "publish")), &ask);
    assert_eq!(done.location.as_deref(), Some("/admin/incidents/i1?done=said"));
    let removed = page(
        &sends("/incidents/i1/overlays/hattingen/remove", &with(&[("key", "k"), ("revision", "\"7\"")], "publish")),
        &ask,
    );
    assert_eq!(removed.location.as_deref(), Some("/admin/incidents/i1?done=unsaid"));
    let asked = ask.changes();
    assert_eq!((asked[0].method, asked[0].path.as_str()), ("PUT", "/incidents/i1/overlays/hattingen"));
    assert_eq!(
        asked[0].body.clone().unwrap(),
        json!({
            "text": { "de": "Bei uns geht alles." },
            "alternatives": [{ "kind": "mail", "target": ["mailto:amt@hattingen.example"], "label": { "de": "Amt" } }],
        })
    );
    assert_eq!((asked[1].method, &asked[1].body, asked[1].idempotency_key.as_deref()), ("DELETE", &None, Some("k")));
}

#[test]
fn every_other_form_asks_for_what_it_says() {
    let ask = Interface::new(|asking: &Asking| well("Strom", asking));
    let publish = |path: &str, fields: &[(&str, &str)]| {
        let mut visited = sends(path, &with(fields, "publish"));
        visited.editor = editor(Role::Admin, &[]);
        let done = page(&visited, &ask);
        assert_eq!(done.status, 303, "{path}: {}", done.body);
        let last = ask.changes().pop().unwrap();
        (last.method, last.path, last.body.unwrap_or_default(), done.location.unwrap())
    };
    let (method, path, body, location) = publish(
        "/incidents/new",
        &[
            ("title-de", "Telefon gestört"),
            ("text-de", "Wir sind nicht erreichbar."),
            ("state-rathaus", "major_outage"),
            ("state-homepage", ""),
            ("next", ""),
            ("started_at", "2023-10-30T08:00"),
            ("unaffected", "mail-hattingen"),
        ],
    );
    assert_eq!((method, path.as_str(), location.as_str()), ("POST", "/incidents", "/admin/incidents/i1?done=opened"));
    assert_eq!(
        body,
        json!({
            "title": { "de": "Telefon gestört" }, "text": { "de": "Wir sind nicht erreichbar." }, "status": "investigating",
            "components": [{ "id": "rathaus", "status": "major_outage" }], "started_at": "2023-10-30T08:00",
            "unaffected": ["mail-hattingen"], "alternatives": [],
        })
    );
    let (_, path, body, _) =
        publish("/incidents/i1/resolve", &[("text-de", "Alles läuft."), ("resolved_at", "2023-10-30T09:00")]);
    assert_eq!(path, "/incidents/i1/updates");
    assert_eq!(
        body,
        json!({ "text": { "de": "Alles läuft." }, "status": "resolved", "resolved_at": "2023-10-30T09:00" })
    );
    let (method, path, body, _) =
        publish("/incidents/i1/edit", &[("title-de", "Neu"), ("impact", "major"), ("cause", ""), ("root", "rathaus")]);
    assert_eq!((method, path.as_str()), ("PATCH", "/incidents/i1"));
    assert_eq!(body, json!({ "title": { "de": "Neu" }, "cause": null, "root": "rathaus" }), "only what differs");
    let (method, path, body, _) = publish("/incidents/i1/updates/i1-1", &[("text-de", "Richtig.")]);
    assert_eq!(
        (method, path.as_str(), body),
        ("PATCH", "/incidents/i1/updates/i1-1", json!({ "text": { "de": "Richtig.", "de-x-leicht": "Strom" } })),
        "what the form does not have stays"
    );
    let (method, path, ..) = publish("/incidents/i1/updates/i1-1/retract", &[("key", "k")]);
    assert_eq!((method, path.as_str()), ("DELETE", "/incidents/i1/updates/i1-1"));
    let (_, path, body, _) = publish("/incidents/i1/merge", &[("into", "i2")]);
    assert_eq!((path.as_str(), body), ("/incidents/i1/merge", json!({ "into": "i2" })));
    let (_, path, body, _) =
        publish("/incidents/i1/split", &[("states", "a"), ("states", "b"), ("title-de", "T"), ("text-de", "X")]);
    assert_eq!(path, "/incidents/i1/split");
    assert_eq!(body, json!({ "components": ["a", "b"], "title": { "de": "T" }, "text": { "de": "X" } }));
    // What was taken back cannot be corrected any more; what was typed meanwhile is not lost.
    let taken_back = Interface::new(|asking: &Asking| match asking.method {
        "GET" => well("Strom", asking),
        _ => refused(409, "", "it was taken back before"),
    });
    let typed = with(&[("text-de", "Richtig.")], "publish");
    let read = page(&sends("/incidents/i1/updates/i1-2", &typed), &taken_back);
    assert_eq!(read.status, 409);
    assert!(read.body.contains("Richtig.</textarea>") && read.body.contains("schon zurückgezogen"), "{}", read.body);
    assert_eq!(page(&asks("/incidents/i1/updates/i1-2", &[]), &ask).status, 404);
    assert_eq!(page(&asks("/incidents/i1/nonsense", &[]), &ask).status, 404);
    assert_eq!(page(&asks("/nonsense", &[]), &ask).status, 404);
}

#[test]
fn of_many_components_the_disturbed_and_the_sought_are_listed_and_what_was_chosen_stays() {
    let many: Vec<Value> = (0..200)
        .map(|n| json!({ "id": format!("netz-{n}"), "name": format!("Netz {n}"), "kind": "network" }))
        .collect();
    let ask = Interface::new(move |asking: &Asking| {
        let mut body = well("Strom", asking).body;
        body["internal_components"] = Value::Array(many.clone());
        told(200, body)
    });
    let fields = [("find", "netz 17"), ("state-netz-99", "major_outage"), ("do", "find")];
    let read = page(&sends("/incidents/new", &fields), &ask).body;
    assert!(read.contains("id=\"state-netz-17\"") && read.contains("id=\"state-netz-170\""), "{read}");
    assert!(read.contains("id=\"state-netz-99\"") && !read.contains("id=\"state-netz-98\""));
    assert!(ask.changes().is_empty());
}

#[test]
fn a_button_in_the_midst_of_a_form_leads_back_there_and_a_component_to_the_form_about_it() {
    let ask = Interface::new(|asking: &Asking| well("Strom", asking));
    let read = page(&asks("/incidents/new", &[("template", "none")]), &ask).body;
    assert!(read.contains("formaction=\"/admin/incidents/new#way-1\"") && read.contains("id=\"way-0\""), "{read}");
    assert!(page(&asks("", &[]), &ask).body.contains("href=\"/admin/components/x\""));
    let begun = page(&asks("/incidents/new", &[("component", "homepage-hattingen")]), &ask).body;
    assert!(begun.contains("?template=portal&amp;component=homepage-hattingen"), "{begun}");
    let form = page(&asks("/incidents/new", &[("template", "portal"), ("component", "homepage-hattingen")]), &ask).body;
    let (_, state) = form.split_once("<select id=\"state-homepage-hattingen\"").expect("it is listed");
    let (state, _) = state.split_once("</select>").unwrap();
    assert!(state.contains("value=\"major_outage\" selected"), "{state}");
}

#[test]
fn times_to_promise_lie_ahead_on_the_quarter_of_the_local_hour() {
    let ask = Interface::new(|asking: &Asking| well("Strom", asking));
    let visited = asks("/incidents/i1/update", &[]);
    let read = page(&visited, &ask).body;
    let (_, choices) = read.split_once("<select id=\"next\"").expect("a choice");
    let (choices, _) = choices.split_once("</select>").unwrap();
    let values: Vec<&str> =
        choices.split("<option value=\"").skip(1).map(|option| option.split('"').next().unwrap()).collect();
    let (first, ahead) = (&values[..2], &values[2..]);
    assert_eq!((first, ahead.len()), (&["", "keep"][..], 5), "none, what was promised, and five to choose from");
    assert!(choices.contains("value=\"keep\" selected"), "what was promised stays unless somebody says so: {choices}");
    let now = visited.snapshot.at.to_jiff().in_tz("Europe/Berlin").unwrap().datetime();
    let times: Vec<jiff::civil::DateTime> = ahead.iter().map(|at| at.parse().unwrap()).collect();
    assert!(times.is_sorted() || times[4].date() > now.date(), "{times:?}");
    for (time, minutes) in times.iter().zip([30, 60, 120, 240]) {
        let from_now = time.since((jiff::Unit::Minute, now)).unwrap().get_minutes();
        assert!(
            (minutes..minutes + 15).contains(&from_now) && time.minute() % 15 == 0,
            "{time} is {from_now} min ahead"
        );
    }
    assert_eq!((times[4].hour(), times[4].date()), (9, now.date().tomorrow().unwrap()));
}
