//! What a search finds, in which order, and how it is told.

use std::sync::Arc;

use proptest::prelude::*;
use turmwacht::model::snapshot::Snapshot;
use turmwacht::model::status::{ComponentKind, Evidence, Lifecycle, OrganisationKind, Status};
use turmwacht::model::text::{Plain, Text};
use turmwacht::publish::{Rendered, is_kept};

use super::hostile::CORPUS;
use super::sample::{
    INTERNAL_ID, catalogue, component, organisation, plain_site, sample, sample_in_the_words_of, state, time,
};
use super::{answer, document, target, text, value};

fn both(german: &str, english: &str) -> Text {
    Text::from_languages([(Arc::from("de"), Plain::new(german)), (Arc::from("en"), Plain::new(english))])
}

/// Bodies and services with names that are spelled in many ways.
fn country() -> Snapshot {
    use ComponentKind::{Capability, Counter, Mail, Service};
    use OrganisationKind::{County, Municipality, Provider};
    let german = |name| Text::single("de", name);
    let organisations = vec![
        organisation("muenster", Municipality, german("Stadt Münster"), Some("055150000000")),
        organisation("ennepe-ruhr-kreis", County, german("Ennepe-Ruhr-Kreis"), Some("059540000000")),
        organisation("hattingen", Municipality, both("Stadt Hattingen", "Town of Hattingen"), Some("059540016016")),
        organisation("hattenhofen", Municipality, german("Hattenhofen"), Some("081170000027")),
        organisation("hatten", Municipality, german("Hatten"), Some("034580007007")),
        organisation("dienstleister", Provider, german("Rechenzentrum Süd"), None),
    ];
    let mut office = component("standesamt-hattingen", Counter, german("Standesamt"), 2, &[2]);
    office.parts = vec![1];
    let mut marriage =
        component("standesamt-hattingen.ehe", Capability, both("Eheschließung", "Getting married"), 2, &[2]);
    marriage.part_of = Some(0);
    let mut other = component("standesamt-muenster", Counter, german("Standesamt"), 0, &[0]);
    other.leika = vec!["99059001000000".to_owned()];
    let mut housing = component("wohngeld", Service, both("Wohngeld", "Housing benefit"), 5, &[0, 1, 2, 3, 4, 5]);
    housing.leika = vec!["99107023017000".to_owned(), "99107023000000".to_owned()];
    let mail = component("post", Mail, german("post@hattingen"), 2, &[2]);
    let dash = component("e-akte", Service, german("E-Akte Straßenbau"), 5, &[5]);
    let mut retired = component("alt", Service, german("Altes Wohngeld"), 5, &[5]);
    retired.leika = vec!["99107023017000".to_owned()];
    let components = vec![office, marriage, other, housing, mail, dash, retired];
    let calm = state(Status::Operational, Evidence::Own, time("2023-10-01T00:00:00Z"));
    let mut states = vec![calm; components.len()];
    states[6].lifecycle = Lifecycle::Retired;
    let mut snapshot = sample();
    snapshot.catalogue = Arc::new(catalogue(plain_site(), organisations, components));
    snapshot.states = states.into_iter().map(Arc::new).collect();
    snapshot.locals = Arc::default();
    snapshot
}

/// The ids that were found.
fn found(snapshot: &Snapshot, question: &str) -> (Vec<String>, Vec<String>) {
    let question: String = url::form_urlencoded::byte_serialize(question.as_bytes()).collect();
    let value = value(snapshot, &format!("/api/v1/search?q={question}"));
    let ids = |list: &str| {
        let items = value[list].as_array().expect("a list");
        items.iter().map(|item| item["id"].as_str().expect("an id").to_owned()).collect()
    };
    (ids("organisations"), ids("components"))
}

#[test]
fn words_find_what_begins_with_them_however_they_are_spelled() {
    let snapshot = country();
    for (question, organisations, components) in [
        ("Münster", &["muenster"][..], &["standesamt-muenster"][..]),
        ("munster", &["muenster"], &["standesamt-muenster"]),
        ("MUENSTER", &["muenster"], &["standesamt-muenster"]),
        ("mü", &["muenster"], &["standesamt-muenster"]),
        ("ennepe ruhr", &["ennepe-ruhr-kreis"], &[]),
        ("Ennepe-Ruhr", &["ennepe-ruhr-kreis"], &[]),
        ("enneperuhr", &["ennepe-ruhr-kreis"], &[]),
        ("ruhr", &["ennepe-ruhr-kreis"], &[]),
        ("strassenbau", &[], &["e-akte"]),
        ("eakte", &[], &["e-akte"]),
        ("e-akte", &[], &["e-akte"]),
        // In English, and in German whatever the page's language is.
        ("town of", &["hattingen"], &[]),
        ("getting married", &[], &["standesamt-hattingen.ehe", "standesamt-hattingen"]),
        ("eheschliessung", &[], &["standesamt-hattingen.ehe", "standesamt-hattingen"]),
        // The word for its kind, in either language.
        ("E-Mail", &[], &["post"]),
        ("counter", &[], &["standesamt-hattingen", "standesamt-muenster"]),
        // Each word counts; its owner helps to tell two apart, and is not enough alone.
        ("Standesamt", &[], &["standesamt-hattingen", "standesamt-muenster", "standesamt-hattingen.ehe"]),
        ("Standesamt Stadt Hatt", &[], &["standesamt-hattingen", "standesamt-hattingen.ehe"]),
        ("Rechenzentrum", &["dienstleister"], &[]),
        ("wohngeld rechenzentrum süd", &[], &["wohngeld"]),
        ("Standesamt Dortmund", &[], &[]),
        // What somebody else provides, on the page of the town that is named.
        ("wohngeld hattingen", &[], &["wohngeld"]),
        ("Ennepe-Ruhr-Kreis Wohngeld", &[], &["wohngeld"]),
        ("altes wohngeld hattingen", &[], &[]),
        // Not within a word, and nothing that is retired.
        ("amt", &[], &[]),
        ("altes", &[], &[]),
        ("- / ?", &[], &[]),
    ] {
        let (of_bodies, of_services) = found(&snapshot, question);
        assert_eq!(
            (of_bodies.as_slice(), of_services.as_slice()),
            (owned(organisations), owned(components)),
            "{question}"
        );
    }
}

fn owned<'a>(ids: &[&str]) -> &'a [String] {
    ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>().leak()
}

#[test]
fn a_service_beside_a_town_is_found_on_that_towns_page() {
    let mut snapshot = country();
    let at = |snapshot: &Snapshot, question: &str| -> Vec<String> {
        let question = question.replace(' ', "+");
        let value = value(snapshot, &format!("/api/v1/search?q={question}"));
        let items = value["components"].as_array().expect("a list");
        items.iter().map(|item| item["path"].as_str().expect("a path").to_owned()).collect()
    };
    assert_eq!(at(&snapshot, "wohngeld"), ["/dienstleister/wohngeld"]);
    assert_eq!(at(&snapshot, "wohngeld hattingen"), ["/hattingen/wohngeld"]);
    // Two towns may be meant; the county is not.
    assert_eq!(at(&snapshot, "hatt wohngeld"), ["/hatten/wohngeld", "/hattenhofen/wohngeld", "/hattingen/wohngeld"]);
    let page = text(&snapshot, "/search?q=wohngeld+hattingen");
    assert!(page.contains("<a href=\"/hattingen/wohngeld\">Wohngeld – Stadt Hattingen</a>"), "{page}");
    // A word that most towns bear names none of them.
    let catalogue = Arc::make_mut(&mut snapshot.catalogue);
    for organisation in &mut catalogue.organisations {
        organisation.name = Text::single("de", "Stadt X");
    }
    let town = catalogue.organisations[2].clone();
    catalogue.organisations.extend(std::iter::repeat_n(town, 10));
    assert_eq!(at(&snapshot, "stadt wohngeld"), Vec::<String>::new());
}

#[test]
fn the_best_stand_first() {
    let snapshot = country();
    // Exactly, at the beginning of the name, at the beginning of a word.
    assert_eq!(found(&snapshot, "hatten").0, ["hatten", "hattenhofen"]);
    assert_eq!(found(&snapshot, "hatt").0, ["hatten", "hattenhofen", "hattingen"]);
    assert_eq!(found(&snapshot, "stadt hattingen").0, ["hattingen"]);
    // Keys: exactly and by their beginning.
    assert_eq!(found(&snapshot, "99107023000000").1, ["wohngeld"]);
    assert_eq!(found(&snapshot, "99").1, ["standesamt-muenster", "wohngeld"]);
    assert_eq!(found(&snapshot, "059540016016").0, ["hattingen"]);
    assert_eq!(found(&snapshot, "05").0, ["ennepe-ruhr-kreis", "hattingen", "muenster"]);
    let exact = {
        let mut snapshot = country();
        let catalogue = Arc::make_mut(&mut snapshot.catalogue);
        catalogue.components[0].leika = vec!["99107".to_owned()];
        snapshot
    };
    assert_eq!(found(&exact, "99107").1, ["standesamt-hattingen", "wohngeld"]);
}

#[test]
fn a_copy_of_a_catalogue_is_searched_anew() {
    let mut snapshot = country();
    assert_eq!(found(&snapshot, "hatten").0.len(), 2);
    let before = Arc::clone(&snapshot.catalogue);
    Arc::make_mut(&mut snapshot.catalogue).organisations[4].name = Text::single("de", "Nebra");
    assert_eq!(found(&snapshot, "nebra").0, ["hatten"]);
    assert_eq!(before.organisations[4].name.get("de", "de").unescaped(), "Hatten");
}

#[test]
fn answers_as_data_have_all_their_keys() {
    let snapshot = country();
    let value = value(&snapshot, "/en/api/v1/search?q=hattingen+wohn");
    assert_eq!(value["q"], "hattingen wohn");
    assert!(value["generated_at"].is_string() && value["valid_until"].is_string() && value["position"].is_u64());
    let body = &super::value(&snapshot, "/en/api/v1/search?q=hattingen")["organisations"][0];
    assert_eq!(
        *body,
        serde_json::json!({
            "id": "hattingen", "name": "Town of Hattingen", "kind": "municipality", "ars": "059540016016",
            "url": null, "status": "operational", "path": "/en/hattingen",
        })
    );
    let service = &super::value(&snapshot, "/api/v1/search?q=wohngeld")["components"];
    // It serves six bodies and stands there once.
    assert_eq!(
        *service,
        serde_json::json!([{
            "id": "wohngeld", "name": "Wohngeld", "kind": "service", "lifecycle": "live", "status": "operational",
            "owner": "dienstleister", "organisation": "dienstleister",
            "leika": ["99107023017000", "99107023000000"], "path": "/dienstleister/wohngeld",
        }])
    );
    for empty in ["/api/v1/search", "/api/v1/search?q=", "/api/v1/search?utm=x"] {
        let value = super::value(&snapshot, empty);
        assert_eq!(
            (&value["q"], &value["total"]),
            (&"".into(), &serde_json::json!({"organisations": 0, "components": 0}))
        );
        assert_eq!(
            (value["organisations"].as_array().map(Vec::len), value["components"].as_array().map(Vec::len)),
            (Some(0), Some(0))
        );
    }
}

#[test]
fn at_most_fifty_of_each_kind_are_told_and_how_many_there_are() {
    let mut snapshot = country();
    let names = |number: usize| Text::single("de", &format!("Ort {number:03}"));
    let id = |number: usize| format!("ort-{number:03}");
    let bodies =
        (0..120).rev().map(|number| organisation(&id(number), OrganisationKind::Municipality, names(number), None));
    let services = (0..60).map(|number| component(&id(number), ComponentKind::Service, names(number), 0, &[0]));
    snapshot.catalogue = Arc::new(catalogue(plain_site(), bodies.collect(), services.collect()));
    let calm = state(Status::Operational, Evidence::Own, time("2023-10-01T00:00:00Z"));
    snapshot.states = (0..60).map(|_| Arc::new(calm.clone())).collect();
    let (organisations, components) = found(&snapshot, "ort");
    let first: Vec<String> = (0..50).map(id).collect();
    assert_eq!((&organisations, &components), (&first, &first));
    let value = value(&snapshot, "/api/v1/search?q=ort");
    assert_eq!(value["total"], serde_json::json!({"organisations": 120, "components": 60}));
    let page = text(&snapshot, "/search?q=ort");
    assert!(page.contains("Das sind 50 von 120 Treffern."), "{page}");
}

#[test]
fn questions_that_are_too_long_are_refused_with_a_sentence() {
    let snapshot = country();
    for (address, sentence) in [
        (format!("/api/v1/search?q={}", "a".repeat(201)), "`q` hat höchstens 200 Byte und 8 Wörter."),
        ("/api/v1/search?q=1+2+3+4+5+6+7+8+9".to_owned(), "`q` hat höchstens 200 Byte und 8 Wörter."),
        ("/en/api/v1/search?q=1-2-3-4-5-6-7-8-9".to_owned(), "`q` has at most 200 bytes and 8 words."),
    ] {
        assert_eq!(answer(&snapshot, &address), Rendered::BadRequest(sentence.to_owned()), "{address}");
    }
    // A person keeps the form, with what was asked in it.
    for (address, sentence) in [
        (format!("/search?q={}", "ä".repeat(200)), "Die Suche versteht höchstens 8 Wörter."),
        ("/search?q=ich+will+in+hattingen+meinen+neuen+ausweis+noch+heute".to_owned(), "Bitte fassen Sie sich kürzer"),
        ("/en/search?q=1-2-3-4-5-6-7-8-9".to_owned(), "Please use fewer words"),
    ] {
        let page = text(&snapshot, &address);
        assert!(page.contains(sentence) && page.contains("<form class=\"search\""), "{page}");
        assert!(!page.contains("Nichts gefunden"), "{page}");
    }
    let page = text(&snapshot, "/search?q=%22%3E%3Cb%3E+2+3+4+5+6+7+8+9");
    assert!(page.contains("value=\"&quot;&gt;&lt;b&gt; 2 3 4 5 6 7 8 9\""), "{page}");
    assert!(matches!(answer(&snapshot, &format!("/search?q={}", "a".repeat(200))), Rendered::Document(_)));
}

#[test]
fn what_is_to_come_is_not_green() {
    let mut snapshot = country();
    let akte = snapshot.catalogue.component_index["e-akte"] as usize;
    Arc::make_mut(&mut snapshot.states[akte]).lifecycle = Lifecycle::Announced;
    let page = text(&snapshot, "/search?q=e-akte");
    let (_, row) = page.split_once(">E-Akte Straßenbau</a>").expect("found");
    let row = row.split("</li>").next().expect("its end");
    assert!(row.contains("Demnächst") && !row.contains("pill"), "{row}");
    assert_eq!(value(&snapshot, "/api/v1/search?q=e-akte")["components"][0]["lifecycle"], "announced");
}

#[test]
fn the_page_works_without_scripts_and_tells_what_to_do_next() {
    let snapshot = country();
    let empty = text(&snapshot, "/search");
    assert!(empty.contains("<label for=\"s_q\">Wonach suchen Sie?</label>"));
    assert!(!empty.contains("Nichts gefunden") && !empty.contains("<h2"), "{empty}");
    let page = text(&snapshot, "/search?q=hattingen");
    for part in [
        "<meta name=\"robots\" content=\"noindex\">",
        "<form class=\"search\" role=\"search\" action=\"/search\" method=\"get\">",
        "name=\"q\" value=\"hattingen\"",
        "<a href=\"/hattingen\">Stadt Hattingen</a>",
        "<a href=\"/hattingen/post\">post@hattingen</a>",
        "hreflang=\"en\" lang=\"en\">English</a>",
        "href=\"/en/search?q=hattingen\"",
        "href=\"/api/v1/search?q=hattingen\"",
    ] {
        assert!(page.contains(part), "{part}\n{page}");
    }
    let nothing = text(&snapshot, "/search?q=Nirgendwo");
    assert!(nothing.contains("Nichts gefunden zu „Nirgendwo“") && nothing.contains("Prüfen Sie die Schreibweise."));
    let english = text(&snapshot, "/en/search?q=Nirgendwo");
    assert!(english.contains("Nothing found for “Nirgendwo”") && english.contains("action=\"/en/search\""));
    // The start page leads here.
    assert!(text(&snapshot, "/").contains("action=\"/search\""));
    assert!(!text(&snapshot, "/hattingen").contains("noindex"));
}

#[test]
fn hostile_words_stay_words() {
    let harmless = sample_in_the_words_of("Anmeldung");
    let elements = |page: &str| page.split_once("<body>").expect("a body").1.matches('<').count();
    for hostile in CORPUS {
        let question: String = url::form_urlencoded::byte_serialize(hostile.as_bytes()).collect();
        // Asked for …
        if let Rendered::Document(asked) = answer(&harmless, &format!("/search?q={question}")) {
            let page = String::from_utf8(asked.body).expect("UTF-8");
            let calm = if hostile.is_empty() { "/search" } else { "/search?q=zzz" };
            assert_eq!(elements(&page), elements(&text(&harmless, calm)), "{hostile}");
            for control in ['\u{0}', '\u{1b}', '\u{202e}'] {
                assert!(!page.contains(control), "{hostile}");
            }
            assert_eq!(value(&harmless, &format!("/api/v1/search?q={question}"))["q"], *hostile);
        }
        // … and found.
        let named = sample_in_the_words_of(hostile);
        let page = text(&named, "/search?q=hattingen");
        assert_eq!(elements(&page), elements(&text(&harmless, "/search?q=hattingen")), "{hostile}");
        let name = &value(&named, "/api/v1/search?q=hattingen")["organisations"][0]["name"];
        assert_eq!(*name, Plain::new(hostile).unescaped());
    }
}

#[test]
fn what_is_internal_is_found_by_nothing() {
    let snapshot = sample();
    for question in [INTERNAL_ID, "it-dienstleister", "dienstleister"] {
        assert_eq!(found(&snapshot, question), (Vec::new(), Vec::new()), "{question}");
        assert!(!text(&snapshot, &format!("/search?q=x{question}")).contains("\"/ennepe-ruhr-kreis#it"), "{question}");
    }
}

#[test]
fn only_answers_to_somebodys_own_words_are_not_kept() {
    for path in ["/search", "/en/search", "/nds/search", "/api/v1/search", "/api/v1/search.json", "/en/api/v1/search"] {
        assert!(!is_kept(&target(path)), "{path}");
    }
    for path in ["/", "/hattingen", "/api/v1/components", "/feed.atom", "/search/x", "/unknown/a/b/c"] {
        assert!(is_kept(&target(path)), "{path}");
    }
    // Nor are those to ranges that somebody thought of.
    for data in ["results", "availability", "results.json"] {
        for prefix in ["", "/en", "/nds"] {
            let path = format!("{prefix}/api/v1/components/portal/{data}");
            assert!(is_kept(&target(&path)) && is_kept(&target(&format!("{path}?from=&to="))), "{path}");
            assert!(!is_kept(&target(&format!("{path}?from=2023-11-05"))), "{path}");
            assert!(!is_kept(&target(&format!("{path}?to=2023-11-05"))), "{path}");
        }
    }
    // Nor the rest of a list from any place, or what has any key.
    for list in ["organisations", "components", "incidents", "maintenance", "components.json"] {
        for prefix in ["", "/en", "/nds"] {
            let path = format!("{prefix}/api/v1/{list}");
            assert!(is_kept(&target(&format!("{path}?kind=portal&status=unknown&cursor=&leika=&ars="))), "{path}");
            for endless in ["cursor=a", "ars=05", "leika=99000000000000"] {
                assert!(!is_kept(&target(&format!("{path}?{endless}&kind=portal"))), "{path}?{endless}");
            }
        }
    }
}

proptest! {
    #[test]
    fn every_question_has_an_answer_or_is_refused(question in "\\PC{0,40}") {
        let snapshot = country();
        let question: String = url::form_urlencoded::byte_serialize(question.as_bytes()).collect();
        for path in ["/search", "/api/v1/search"] {
            let answer = answer(&snapshot, &format!("{path}?q={question}"));
            prop_assert!(matches!(answer, Rendered::Document(_) | Rendered::BadRequest(_)));
        }
    }

    #[test]
    fn whatever_has_a_name_is_found_by_the_beginnings_of_its_words(name in "[a-zäöüßA-Zé]{1,12}([ -][a-zA-Zäöü]{1,9}){0,3}", cut in 1usize..6) {
        let mut snapshot = country();
        Arc::make_mut(&mut snapshot.catalogue).organisations[0].name = Text::single("de", &name);
        let begins: Vec<String> = name.split([' ', '-']).map(|word| word.chars().take(cut).collect()).collect();
        let (organisations, _) = found(&snapshot, &begins.join(" "));
        prop_assert!(organisations.contains(&"muenster".to_owned()), "{} by {:?}", name, begins);
    }
}

#[test]
fn a_search_is_a_document_like_any_other() {
    let document = document(&country(), "/search?q=hatt");
    assert_eq!(document.content_type, "text/html; charset=utf-8");
    assert!(document.policy.contains("form-action 'self'"));
}
