//! The texts, in German, and what hostile names can do in them: nothing.

use jiff::tz::TimeZone;
use serde_json::Value;
use turmwacht::model::id::IncidentId;
use turmwacht::model::incident::{Body, Impact};
use turmwacht::model::notification::{Contact, Deed, Digest, Edited, Item, Merged, What};
use turmwacht::model::notify::Topic;
use turmwacht::model::text::{Plain, Text};
use turmwacht::publish::letter::{Frame, test, write};

use super::ground::at;

fn frame() -> Frame {
    Frame {
        public_url: "https://status.example.org".to_owned(),
        title: Text::single("de", "Status im Kreis"),
        language: "de".to_owned(),
        zone: TimeZone::get("Europe/Berlin").unwrap(),
    }
}

fn incident(title: &str, severity: Impact) -> Item {
    let german = |text: &str| Text::single("de", text);
    Item {
        subject: "incident:i1".to_owned(),
        topic: Topic::Incident,
        severity,
        noted_at: at(0),
        began_at: at(0),
        ended_at: None,
        told_before: false,
        held_back: Vec::new(),
        what: What::Incident {
            id: IncidentId::new("i1"),
            title: Body::Written(german(title)),
            root: german("Serviceportal"),
            owner: Some(german("Ennepe-Ruhr-Kreis")),
            organisations: vec![german("Ennepe-Ruhr-Kreis"), german("Stadt Hattingen")],
            more_organisations: 70,
            public: true,
            merged_into: None,
            removed: false,
        },
    }
}

fn digest(items: Vec<Item>) -> Digest {
    Digest { id: "msg_a".to_owned(), recipient: "mail:it@example.org".to_owned(), at: at(10), items }
}

#[test]
fn an_incident_reads_like_this() {
    let letter = write(&digest(vec![incident("Störung: Serviceportal", Impact::Critical)]), &frame());
    assert_eq!(letter.subject, "Ausfall: Serviceportal");
    assert_eq!(
        letter.text,
        "Ausfall: Serviceportal\n\n\
         Seit 01.12.2023, 12:00 Uhr.\n\
         Ursprung: Serviceportal (Ennepe-Ruhr-Kreis)\n\
         Schwere: Ausfall\n\
         Betrifft: Ennepe-Ruhr-Kreis, Stadt Hattingen und 70 weitere\n\n\
         https://status.example.org/incidents/i1\n\n\n\
         -- \nStatus im Kreis\nhttps://status.example.org/\n"
    );
    let payload: Value = serde_json::from_str(&letter.payload).unwrap();
    assert_eq!(payload["type"], "turmwacht.notification");
    assert_eq!(payload["data"]["id"], "msg_a");
    assert_eq!(payload["data"]["items"][0]["subject"], "incident:i1");
    assert_eq!(payload["data"]["items"][0]["severity"], "critical");
    assert_eq!(payload["data"]["items"][0]["ended_at"], Value::Null);
}

#[test]
fn several_things_are_counted_in_the_subject() {
    let mut over = incident("Standesamt", Impact::Major);
    (over.subject, over.ended_at, over.told_before) = ("incident:i2".to_owned(), Some(at(600)), true);
    let more = Item { what: What::More(3), topic: Topic::Overdue, ..incident("", Impact::None) };
    let letter = write(&digest(vec![incident("Portal", Impact::Minor), over, more]), &frame());
    assert_eq!(letter.subject, "3 Meldungen: 1 Störung, 1 Ende einer Störung, 1 Sonstiges");
    for line in ["Störung: Portal", "Behoben: Standesamt", "Seit 01.12.2023, 12:00 Uhr, bis 01.12.2023, 12:10 Uhr."] {
        assert!(letter.text.lines().any(|other| other == line), "{line}:\n{}", letter.text);
    }
}

#[test]
fn what_goes_on_elsewhere_is_not_called_over() {
    let merged = |title: Option<&str>| {
        let mut item = incident("Störung: Standesamt", Impact::Critical);
        (item.ended_at, item.told_before) = (Some(at(600)), true);
        let What::Incident { merged_into, .. } = &mut item.what else { panic!("{item:?}") };
        let title = title.map(|title| Body::Written(Text::single("de", title)));
        *merged_into = Some(Merged { id: IncidentId::new("i9"), title });
        item
    };
    let letter = write(&digest(vec![merged(Some("Störung: Serviceportal"))]), &frame());
    assert_eq!(letter.subject, "Wird fortgeführt in: Störung: Serviceportal");
    assert!(letter.text.contains("Nicht behoben: „Standesamt“ gehört zu einer anderen Störung"), "{}", letter.text);
    assert!(!letter.text.contains("Behoben:") && !letter.text.contains(", bis "), "{}", letter.text);
    let payload: Value = serde_json::from_str(&letter.payload).unwrap();
    assert_eq!(payload["data"]["items"][0]["merged_into"], "i9");
    let both = write(&digest(vec![incident("Portal", Impact::Critical), merged(None)]), &frame());
    assert_eq!(both.subject, "2 Meldungen: 1 Störung, 1 Zusammenführung");
    assert!(both.text.contains("Wird anderswo fortgeführt: Standesamt"), "{}", both.text);
}

#[test]
fn what_nobody_watches_any_more_is_not_called_put_right() {
    for told_before in [true, false] {
        let mut item = incident("Störung: Standesamt", Impact::Critical);
        (item.ended_at, item.told_before) = (Some(at(600)), told_before);
        let What::Incident { removed, .. } = &mut item.what else { panic!("{item:?}") };
        *removed = true;
        let letter = write(&digest(vec![item]), &frame());
        assert_eq!(letter.subject, "Wird nicht mehr überwacht: Standesamt");
        let watched = "Seit 01.12.2023, 12:00 Uhr, überwacht bis 01.12.2023, 12:10 Uhr.";
        assert!(letter.text.contains(watched) && !letter.text.contains("ehoben"), "{}", letter.text);
    }
}

#[test]
fn of_what_is_in_no_list_any_more_we_do_not_say_that_it_was_put_right() {
    for (topic, subject) in [
        (Topic::Certificate, "Zertifikat wird nicht mehr geprüft: portal/http"),
        (Topic::Incident, "Störung beendet: portal/http"),
        (Topic::Overdue, "Zusage erledigt: portal/http"),
    ] {
        let mut item = Item { topic, what: What::Gone("portal/http".to_owned()), ..incident("", Impact::None) };
        item.ended_at = Some(at(600));
        assert_eq!(write(&digest(vec![item]), &frame()).subject, subject);
    }
}

#[test]
fn a_store_that_works_again_is_told_otherwise_to_those_who_never_heard() {
    let works = |told_before| {
        let storage = Item { topic: Topic::Storage, what: What::Storage, ..incident("", Impact::Critical) };
        write(&digest(vec![Item { ended_at: Some(at(600)), told_before, ..storage }]), &frame())
    };
    assert_eq!(works(true).subject, "Der Speicher geht wieder");
    assert_eq!(works(false).subject, "Der Speicher ging eine Zeit lang nicht");
    assert!(works(false).text.contains("Von 01.12.2023, 12:00 Uhr bis 01.12.2023, 12:10 Uhr ließ er sich nicht"));
}

#[test]
fn what_an_editor_wrote_is_marked_line_by_line_and_new_numbers_are_to_be_read_again() {
    let edited = Edited {
        deed: Deed::Changed,
        by: "Presse (k3j5h7ab)".to_owned(),
        title: Some(Body::Written(Text::single("de", "Portal"))),
        text: Some(Body::Written(Text::single("de", "Bitte anrufen.\n-- \nStatus im Kreis\nhttps://evil.example/"))),
        path: "/incidents/i1".to_owned(),
        contacts: vec![
            Contact { text: Plain::new("tel:+499001234567"), is_new: true },
            Contact { text: Plain::new("tel:+4923242040"), is_new: false },
        ],
        more_contacts: 3,
    };
    let item = Item { topic: Topic::EditorChange, what: What::Edited(Box::new(edited)), ..incident("", Impact::Minor) };
    let letter = write(&digest(vec![item]), &frame());
    assert_eq!(letter.subject, "Redaktion: Störung geändert: Portal");
    for line in [
        "Am 01.12.2023, 12:00 Uhr von Presse (k3j5h7ab).",
        "> Bitte anrufen.",
        "> --",
        "> https://evil.example/",
        "- tel:+499001234567  (neu: bitte gegenlesen)",
        "- tel:+4923242040",
        "- und 3 weitere",
        "https://status.example.org/incidents/i1",
    ] {
        assert!(letter.text.lines().any(|other| other.trim_end() == line), "{line}:\n{}", letter.text);
    }
}

#[test]
fn no_name_ends_a_line_or_the_subject() {
    let hostile = "Portal\r\nBcc: evil@example.org\n\n\u{2028}\u{85}\u{202e}<b>&\u{0}";
    let letter = write(&digest(vec![incident(hostile, Impact::Critical)]), &frame());
    assert_eq!(letter.subject, "Ausfall: Portal Bcc: evil@example.org <b>&");
    assert!(!letter.text.lines().any(|line| line.starts_with("Bcc")), "{}", letter.text);
    assert!(!letter.text.contains(['\r', '\u{2028}', '\u{202e}', '\0']));
    let long = write(&digest(vec![incident(&"ü".repeat(500), Impact::Critical)]), &frame());
    assert_eq!(long.subject.chars().count(), 150);
}

#[test]
fn a_test_says_that_it_is_one() {
    let letter = test("test-a", at(0), &frame());
    assert_eq!(letter.subject, "Probe: Meldungen kommen an");
    assert_eq!(serde_json::from_str::<Value>(&letter.payload).unwrap()["type"], "turmwacht.test");
}
