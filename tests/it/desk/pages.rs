//! Each page with an interface that tells whatever the test wants: hostile texts stay texts, nothing
//! is asked that need not be, and what was typed is not lost.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use turmwacht::desk::form::Form;
use turmwacht::desk::{self, Ask, Asking, Reply, Telling, Told, Visit};
use turmwacht::model::access::{Editor, Role};
use turmwacht::model::id::OrganisationId;
use turmwacht::model::notice::MaintenanceNotice;
use turmwacht::model::snapshot::Snapshot;
use turmwacht::model::text::Plain;

use crate::publish::hostile::CORPUS;
use crate::publish::sample::{sample, sample_in_the_words_of};

/// An interface that answers by method and path, and remembers what it was asked.
pub(super) struct Scripted {
    answers: Vec<(&'static str, String, u16, Value)>,
    asked: Mutex<Vec<Asking>>,
}

impl Scripted {
    pub(super) fn new(answers: &[(&'static str, &str, u16, Value)]) -> Self {
        let answers =
            answers.iter().map(|(method, path, status, body)| (*method, (*path).to_owned(), *status, body.clone()));
        Self { answers: answers.collect(), asked: Mutex::default() }
    }

    pub(super) fn asked(&self) -> Vec<Asking> {
        self.asked.lock().unwrap().clone()
    }
}

impl Ask for Scripted {
    fn ask(&self, asking: Asking) -> Telling<'_> {
        let known = self.answers.iter().find(|(method, path, ..)| *method == asking.method && *path == asking.path);
        let (status, body) =
            known.map_or((404, json!({ "detail": "nothing" })), |(.., status, body)| (*status, body.clone()));
        self.asked.lock().unwrap().push(asking);
        Box::pin(async move { Told { status, etag: Some("\"1\"".to_owned()), body } })
    }
}

pub(super) fn visit(snapshot: Snapshot, organisations: &[&str], path: &str, sent: Option<&[(&str, &str)]>) -> Visit {
    let pairs = |fields: &[(&str, &str)]| {
        Form::of(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    };
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    Visit {
        editor: Editor {
            token: "abcdefgh".to_owned(),
            label: "Rathaus".to_owned(),
            role: if organisations.is_empty() { Role::Admin } else { Role::Editor },
            organisations: organisations.iter().map(|id| OrganisationId::new(*id)).collect(),
        },
        snapshot: Arc::new(snapshot),
        csrf: "csrf".to_owned(),
        nonce: "0123456789abcdef".to_owned(),
        path: path.to_owned(),
        query: Form::read(query.as_bytes()).unwrap(),
        sent: sent.map(pairs),
    }
}

pub(super) fn answer(visit: &Visit, ask: &Scripted) -> Reply {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(desk::visit(visit, ask))
}

/// What the interface tells of everything, with one text in each place where people write one.
fn telling(text: &str) -> Scripted {
    let notice = json!({
        "id": "umzug",
        "title": { "de": text, "en": text },
        "text": { "de": text },
        "components": [
            { "component": "serviceportal-en" },
            { "component": "standesamt-hattingen", "until": { "at": 1_701_990_000_000_u64, "date": "2023-12-07" } },
        ],
        "programme": Plain::new(text),
        "from": { "at": 1_699_225_200_000_u64, "date": "2023-11-06" },
        "until": { "at": 1_702_076_400_000_u64, "date": "2023-12-08" },
        "ends": "on_notice",
        "announced_at": { "at": 1_698_796_800_000_u64 },
        "alternatives": [{
            "kind": "phone",
            "target": ["tel:+4923240"],
            "label": { "de": text },
            "hours_text": { "de": text },
        }],
        "zone": "Europe/Berlin",
        "phase": "in_progress",
        "updates": [{ "number": 1, "at": 1_698_796_800_000_u64, "phase": "announced", "body": { "written": { "de": text } } }],
        "revision": 3,
    });
    let component = json!({
        "component": { "id": "serviceportal-en" },
        "internal": {
            "owned": true,
            "name": text,
            "kind": "portal",
            "status": "operational",
            "override": { "status": "partial_outage", "at": "2023-11-06T09:00:00Z", "until": null },
            "new_targets": [text],
            "local": [{
                "organisations": ["hattingen", "05954", "!witten"],
                "mode": "basic",
                "text": { "de": text, "en": text },
                "alternatives": [{}],
                "since": "2023-11-06T09:00:00Z",
                "until": "2023-11-07T09:00:00Z",
                "declared": false,
                "by_owner": true,
            }],
        },
        "preview": { "de": format!("<main id=\"main\"><h1>{}</h1></main>", escaped(text)), "en": "<main></main>" },
        "formats": [{ "name": "json", "language": "de", "path": text, "text": text }],
    });
    let probes = json!({ "checks": [{
        "id": "anmeldung", "kind": "http", "target": text, "verdict": "down", "reason": "status",
        "since": "2023-11-06T09:00:00Z",
        "probes": [{ "started_at": "2023-11-06T09:29:40Z", "duration": 0.25,
            "outcome": { "failed": { "reason": "status", "phase": null, "detail": text } } }],
    }] });
    let components = json!({ "components": [{
        "id": "intern", "name": text, "kind": "provider", "owner": "ennepe-ruhr-kreis", "part_of": null, "public": false,
        "status": "major_outage", "evidence": "own", "since": "2023-11-06T09:00:00Z", "override": null, "local": 0,
    }], "more": 0 });
    let line = json!({ "id": "umzug", "title": text, "status": "overrunning", "from": "x", "until": "x", "ends": "on_notice",
        "window": { "from": notice["from"], "until": notice["until"], "zone": "Europe/Berlin" } });
    let maintenance = json!({ "maintenance": { "id": "umzug" }, "internal": { "notice": notice, "new_targets": [text] },
        "preview": component["preview"], "formats": component["formats"] });
    let audit = json!({ "audit": [{
        "number": 12, "at": "2023-11-06T09:00:00Z", "actor": text, "action": "PUT", "subject": text,
        "outcome": "refused", "status": 403, "detail": { "text": text }, "position": null, "hash": "00",
    }], "next": 12 });
    let refusal = json!({ "title": "no", "detail": text, "errors": [{ "pointer": "/text", "detail": text }] });
    Scripted::new(&[
        ("GET", "/components", 200, components),
        ("GET", "/components/serviceportal-en", 200, component.clone()),
        ("GET", "/components/serviceportal-en/probes", 200, probes),
        ("PUT", "/components/serviceportal-en/override", 200, component.clone()),
        ("PUT", "/components/serviceportal-en/local", 200, component),
        ("GET", "/maintenance", 200, json!({ "maintenance": [line] })),
        ("GET", "/maintenance/umzug", 200, maintenance.clone()),
        ("POST", "/maintenance", 200, maintenance),
        ("PATCH", "/maintenance/umzug", 422, refusal.clone()),
        ("POST", "/maintenance/umzug/updates", 409, refusal),
        ("GET", "/audit?limit=50", 200, audit),
    ])
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[test]
fn hostile_texts_stay_texts_on_every_page() {
    // The shape of a page: its tags with the names of their attributes, without what they hold.
    let shape = |page: &str| {
        let tag = regex::Regex::new(r#"<(/?[a-z0-9!]+)((?:\s+[a-z-]+(?:="[^"]*")?)*)\s*>"#).unwrap();
        let value = regex::Regex::new(r#"="[^"]*""#).unwrap();
        tag.captures_iter(page).map(|tag| format!("{}{}", &tag[1], value.replace_all(&tag[2], ""))).collect::<Vec<_>>()
    };
    let typed = |text: &'static str| {
        vec![
            ("title-de", text),
            ("text-de", text),
            ("components", "serviceportal-en"),
            ("components", text),
            ("from", text),
            ("until", "2023-12-08"),
            ("ends", text),
            ("programme", text),
            ("ways", "1"),
            ("way-0-label-de", text),
            ("way-0-before", text),
            ("way-0-target", text),
            ("way-0-kind", "phone"),
            ("early-0", text),
            ("word-de", text),
            ("back", text),
            ("status", text),
            ("mode", text),
            ("local-text-de", text),
            ("town", "hattingen"),
            ("key", text),
            ("do", "preview"),
            ("revision", text),
            ("organisation", ""),
            (text, text),
        ]
    };
    let pages: Vec<(&str, bool)> = vec![
        ("components", false),
        ("components?stand=besonders", false),
        ("components/serviceportal-en", false),
        ("components/serviceportal-en/status", true),
        ("components/serviceportal-en/local", true),
        ("maintenance", false),
        ("maintenance/umzug", false),
        ("maintenance/umzug/edit", false),
        ("maintenance/umzug/edit", true),
        ("maintenance/umzug/word", true),
        ("maintenance/new", false),
        ("maintenance/new", true),
        ("maintenance/umzug/cancel", true),
        ("audit", false),
    ];
    let told = telling("x").answers;
    let planned =
        told.iter().find(|(method, path, ..)| (*method, path.as_str()) == ("GET", "/maintenance/umzug")).unwrap();
    serde_json::from_value::<MaintenanceNotice>(planned.3["internal"]["notice"].clone()).expect("as it is recorded");
    for (path, sends) in pages {
        let page = |text: &'static str| {
            let sent = typed(text);
            let snapshot = sample_in_the_words_of(text);
            answer(&visit(snapshot, &[], path, sends.then_some(&sent[..])), &telling(text))
        };
        let peaceful = page("Wort");
        assert!(peaceful.status < 500 && peaceful.status != 404 && !peaceful.body.is_empty(), "{path}: {peaceful:?}");
        for hostile in CORPUS.iter().filter(|hostile| hostile.trim().len() > 1) {
            let page = page(hostile);
            assert_eq!(page.status, peaceful.status, "{path} {hostile:?}");
            for wrong in ["<script", "<img", "<!--", "onerror=alert(1)>", "]]><"] {
                assert!(!page.body.contains(wrong), "{path} holds {wrong} for {hostile:?}");
            }
            // Nothing that was written becomes a tag or an attribute.
            let (before, after) = (shape(&peaceful.body), shape(&page.body));
            let strange: Vec<_> = after.iter().filter(|tag| !before.contains(tag)).collect();
            assert!(
                strange.iter().all(|tag| !tag.contains("src") && !tag.contains("on")),
                "{path} {hostile:?}: {strange:?}"
            );
            assert!(!page.body.contains(['\u{0}', '\u{1b}', '\u{202e}']) || sends, "{path} {hostile:?}");
        }
    }
}

#[test]
fn a_trial_is_never_an_order_and_an_order_is_the_trial() {
    let text = &[
        ("title-de", "Umzug"),
        ("components", "serviceportal-en"),
        ("from", "2030-12-05"),
        ("until", "2030-12-08"),
    ][..];
    let looked_at = [text, &[("do", "preview")][..]].concat();
    let trial = telling("x");
    let page = answer(&visit(sample(), &[], "maintenance/new", Some(&looked_at)), &trial);
    let asked = trial.asked();
    let (tried, _) = (asked.last().unwrap(), page.body);
    assert!(tried.dry_run && tried.idempotency_key.is_none(), "{tried:?}");
    let body = tried.body.clone().unwrap();
    assert_eq!(body["until"], "2030-12-08", "the day as it was typed");

    // What is published is what was shown, whatever else stands in the form by now.
    let request = body.to_string();
    let order = telling("x");
    let sent =
        [&text[..3], &[("until", "2031-01-01"), ("do", "publish"), ("key", "k1"), ("request", &request)][..]].concat();
    let reply = answer(&visit(sample(), &[], "maintenance/new", Some(&sent)), &order);
    let asked = order.asked();
    let ordered = asked.last().unwrap();
    assert!(!ordered.dry_run);
    assert_eq!((ordered.body.as_ref(), ordered.idempotency_key.as_deref()), (Some(&body), Some("k1")));
    assert_eq!((reply.status, reply.location.as_deref()), (303, Some("/admin/maintenance/umzug?getan=geplant")));
    // A key that is none of ours is not passed on.
    let sent = [text, &[("do", "publish"), ("key", "böse\r\nX: y")][..]].concat();
    let order = telling("x");
    answer(&visit(sample(), &[], "maintenance/new", Some(&sent)), &order);
    assert_eq!(order.asked().last().unwrap().idempotency_key.as_deref(), Some("0123456789abcdef"));
}

#[test]
fn many_other_ways_are_shown_and_none_is_lost() {
    let way =
        |n: usize| json!({ "kind": "phone", "target": [format!("tel:+49{n}")], "label": { "de": format!("Amt {n}") } });
    let mut told = telling("x");
    for (_, path, _, body) in &mut told.answers {
        if path == "/maintenance/umzug" && body["internal"].is_object() {
            body["internal"]["alternatives"] = (100..130).map(way).collect();
        }
    }
    let form = answer(&visit(sample(), &[], "maintenance/umzug/edit", None), &told).body;
    assert_eq!(form.matches("<fieldset class=\"way\"").count(), 30, "all of them");
    assert!(form.contains("name=\"ways\" value=\"30\""));
    let mut sent: Vec<(String, String)> = [
        ("title-de", "Neu"),
        ("components", "serviceportal-en"),
        ("from", "2023-11-06"),
        ("until", "2023-12-08"),
        ("ways", "30"),
        ("do", "preview"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    for n in 0..30 {
        let of = |part: &str, value: String| (format!("way-{n}-{part}"), value);
        let fields =
            [("before", way(n + 100).to_string()), ("kind", "phone".to_owned()), ("target", format!("+49{}", n + 100))];
        sent.extend(fields.map(|(part, value)| of(part, value)));
        sent.push(of("label-de", if n == 29 { "Anders".to_owned() } else { format!("Amt {}", n + 100) }));
    }
    let sent: Vec<(&str, &str)> = sent.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    answer(&visit(sample(), &[], "maintenance/umzug/edit", Some(&sent)), &told);
    let asked = told.asked().pop().unwrap().body.unwrap();
    let ways = asked["alternatives"].as_array().unwrap();
    assert_eq!((ways.len(), &ways[28], &ways[29]["label"]["de"]), (30, &way(128), &json!("Anders")));
}

#[test]
fn no_answer_is_no_reason_to_publish_twice() {
    let busy = Scripted::new(&[
        ("GET", "/components", 200, json!({ "components": [], "more": 0 })),
        ("POST", "/maintenance", 503, json!({ "detail": "There is no reply yet." })),
    ]);
    let sent = [
        ("title-de", "Umzug"),
        ("components", "serviceportal-en"),
        ("from", "2030-12-05"),
        ("until", "2030-12-08"),
        ("do", "publish"),
        ("key", "k7"),
    ];
    let page = answer(&visit(sample(), &[], "maintenance/new", Some(&sent)), &busy);
    assert_eq!(page.status, 503);
    assert!(page.body.contains("name=\"key\" value=\"k7\""), "sent once more it counts once");
    assert!(page.body.contains("value=\"Umzug\"") && page.body.contains("Es kam keine Antwort."));
}

#[test]
fn strange_paths_are_no_pages() {
    for path in
        ["components/A", "components/a%b", "maintenance/../audit", "maintenance/x/y/z", "components/a/status/b", "x"]
    {
        let ask = telling("x");
        assert_eq!(answer(&visit(sample(), &[], path, None), &ask).status, 404, "{path}");
    }
    let ask = telling("x");
    let reply = answer(&visit(sample(), &[], "maintenance/umzug/word", None), &ask);
    assert_eq!((reply.status, reply.location.as_deref()), (303, Some("/admin/maintenance/umzug")));
}
