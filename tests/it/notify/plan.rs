//! Who is told what, and when.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use turmwacht::model::catalogue::Reach;
use turmwacht::model::event::Event;
use turmwacht::model::id::{CheckId, CheckKey, ComponentId, IncidentId, OrganisationId};
use turmwacht::model::incident::{Body, Impact, Incident, IncidentEdit, IncidentStatus, Overlay, Update};
use turmwacht::model::notification::{Edit, What};
use turmwacht::model::notify::{Recipient, Rule, Topic};
use turmwacht::model::text::Text;
use turmwacht::model::verdict::Path;
use turmwacht::notify::alertmanager::{alerts, ended};
use turmwacht::notify::facts::CertificateSeen;
use turmwacht::notify::plan::{HELD_MAX, WAITING_MAX, about_storage};

use super::ground::{Ground, at, everything, night, short, shorts, to};

fn admin() -> Vec<Recipient> {
    vec![to("it@example.org", everything())]
}

fn of(organisation: &str) -> Rule {
    Rule { organisations: vec![Reach::Organisation(OrganisationId::new(organisation))], ..everything() }
}

#[test]
fn an_incident_is_told_once_when_it_begins_and_once_when_it_ends() {
    let mut ground = Ground::new(admin());
    ground.open("i1", "portal", Impact::Critical, 10);
    assert_eq!(shorts(&ground.watch(10..400)), ["20 mail:it@example.org +incident:i1"]);
    ground.change("i1", |incident| incident.status = IncidentStatus::Monitoring);
    assert_eq!(shorts(&ground.watch(400..900)), [""; 0], "that it is watched is no news");
    ground.resolve("i1", 900);
    assert_eq!(shorts(&ground.watch(900..2000)), ["910 mail:it@example.org -incident:i1!"]);
    ground.change("i1", |incident| incident.touched = true);
    assert_eq!(shorts(&ground.watch(2000..2400)), [""; 0], "what an editor adds later is no news");
}

#[test]
fn what_comes_within_five_minutes_of_a_message_is_one_digest() {
    let mut ground = Ground::new(admin());
    ground.open("i1", "portal", Impact::Minor, 0);
    let mut told = ground.watch(0..30);
    ground.change("i1", |incident| incident.impact = Impact::Critical);
    ground.open("i2", "standesamt", Impact::Major, 30);
    told.extend(ground.watch(30..100));
    ground.resolve("i2", 100);
    told.extend(ground.watch(100..1000));
    assert_eq!(
        shorts(&told),
        ["10 mail:it@example.org +incident:i1", "310 mail:it@example.org +incident:i1! -incident:i2"]
    );
}

#[test]
fn what_breaks_together_is_told_together() {
    let mut ground = Ground::new(admin());
    for number in 0..20 {
        ground.open(&format!("i{number:02}"), "portal", Impact::Critical, number / 4);
    }
    let told = ground.watch(5..1000);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].1.items.len(), 20);
}

#[test]
fn what_began_and_ended_unheard_is_told_once_and_what_was_merged_is_not() {
    let mut ground = Ground::new(admin());
    ground.open("i1", "portal", Impact::Critical, 5);
    ground.open("i2", "standesamt", Impact::Critical, 6);
    ground.look(6);
    ground.resolve("i1", 8);
    ground.change("i2", |incident| {
        incident.status = IncidentStatus::Resolved;
        incident.resolved_at = Some(at(9));
        incident.merged_into = Some(IncidentId::new("i1"));
    });
    assert_eq!(shorts(&ground.watch(9..900)), ["16 mail:it@example.org -incident:i1"]);
    // While nobody looked at all.
    ground.open("i3", "portal", Impact::Critical, 1000);
    ground.resolve("i3", 1100);
    assert_eq!(shorts(&ground.watch(1200..2000)), ["1210 mail:it@example.org -incident:i3"]);
}

#[test]
fn what_was_before_the_first_start_is_nobodys_business() {
    let mut ground = Ground::new(admin());
    ground.open("old", "portal", Impact::Critical, -500);
    ground.resolve("old", 5);
    assert_eq!(shorts(&ground.watch(10..400)), [""; 0]);
}

#[test]
fn a_restart_tells_nothing_twice_and_loses_nothing() {
    let mut ground = Ground::new(admin());
    ground.open("i1", "portal", Impact::Critical, 0);
    ground.look(0);
    ground.restart();
    let mut told = ground.watch(1..50);
    ground.restart();
    told.extend(ground.watch(50..400));
    ground.resolve("i1", 400);
    ground.restart();
    ground.look(400);
    ground.restart();
    told.extend(ground.watch(401..900));
    assert_eq!(shorts(&told), ["10 mail:it@example.org +incident:i1", "410 mail:it@example.org -incident:i1!"]);
}

#[test]
fn whoever_is_told_of_some_bodies_is_told_what_stands_on_their_pages_and_is_public() {
    let mut ground = Ground::new(vec![
        to("a@hattingen.example", of("hattingen")),
        to("b@witten.example", of("witten")),
        to("c@ruhr.example", Rule { organisations: vec![Reach::Prefix("05954".to_owned())], ..everything() }),
        to("d@operator.example", Rule { internal: true, ..everything() }),
        to("e@operator.example", everything()),
    ]);
    ground.open("portal", "portal", Impact::Critical, 0);
    ground.open("town", "standesamt", Impact::Critical, 0);
    ground.open("inside", "rechenzentrum", Impact::Critical, 0);
    let told = ground.watch(0..20);
    assert_eq!(
        told.iter().map(|(_, digest)| short(digest)).collect::<Vec<_>>(),
        [
            "mail:a@hattingen.example +incident:portal +incident:town",
            "mail:b@witten.example +incident:portal",
            "mail:c@ruhr.example +incident:portal +incident:town",
            "mail:d@operator.example +incident:inside +incident:portal +incident:town",
            "mail:e@operator.example +incident:portal +incident:town",
        ]
    );
    let What::Incident { root, .. } = &told[3].1.items[0].what else { panic!("{told:?}") };
    assert_eq!(root.get("de", "de").unescaped(), "Rechenzentrum Keller 2");
}

#[test]
fn the_severity_is_a_threshold_that_an_incident_may_pass_later() {
    let mut ground = Ground::new(vec![to("it@example.org", Rule { severity: Impact::Critical, ..everything() })]);
    ground.open("i1", "portal", Impact::Minor, 0);
    ground.open("i2", "portal", Impact::Minor, 0);
    assert_eq!(shorts(&ground.watch(0..100)), [""; 0]);
    ground.change("i1", |incident| incident.impact = Impact::Critical);
    ground.resolve("i2", 100);
    assert_eq!(shorts(&ground.watch(100..200)), ["110 mail:it@example.org +incident:i1"]);
}

#[test]
fn quiet_hours_hold_back_all_but_the_worst_and_then_tell_it_at_once() {
    let mut ground = Ground::new(vec![to("it@example.org", Rule { quiet: night(), ..everything() })]);
    let (eleven, six) = (11 * 3600, 18 * 3600);
    ground.open("i1", "portal", Impact::Major, eleven);
    ground.open("i2", "standesamt", Impact::Critical, eleven);
    ground.open("i3", "portal", Impact::Minor, eleven);
    let told = ground.watch(eleven..eleven + 400);
    assert_eq!(shorts(&told), [format!("{} mail:it@example.org +incident:i2", eleven + 10)]);
    ground.resolve("i3", eleven + 400);
    assert_eq!(shorts(&ground.watch(six - 600..six)), [""; 0]);
    let told = ground.watch(six..six + 600);
    assert_eq!(shorts(&told), [format!("{six} mail:it@example.org +incident:i1 -incident:i3")]);
}

#[test]
fn a_promise_that_was_not_kept_is_told_and_so_is_that_it_was_kept_after_all() {
    let mut ground = Ground::new(admin());
    ground.open("i1", "portal", Impact::Critical, 0);
    ground.change("i1", |incident| incident.next_update_by = Some(at(1000)));
    let mut told = ground.watch(0..1100);
    ground.change("i1", |incident| incident.next_update_by = Some(at(5000)));
    told.extend(ground.watch(1400..1500));
    assert_eq!(
        shorts(&told),
        [
            "10 mail:it@example.org +incident:i1",
            "1010 mail:it@example.org +silence:i1",
            "1410 mail:it@example.org -silence:i1!",
        ]
    );
    assert!(ground.memory.told.keys().all(|(_, subject)| subject != "silence:i1"), "and then forgotten");
}

#[test]
fn a_certificate_is_told_once_for_each_threshold_and_so_is_another_one() {
    let day = 86_400;
    let mut ground = Ground::new(admin());
    let seen = |not_after: i64| {
        Arc::new(vec![CertificateSeen {
            check: CheckKey { component: ComponentId::new("portal"), check: CheckId::new("http") },
            not_after: at(not_after),
            warn_before: Duration::from_secs(14 * 86_400),
        }])
    };
    ground.facts.certificates = seen(20 * day);
    assert_eq!(shorts(&ground.watch(0..30)), [""; 0]);
    let soon = ground.watch(7 * day..7 * day + 30);
    // After a restart nothing was seen yet: that says nothing.
    ground.facts.certificates = Arc::default();
    ground.restart();
    assert_eq!(shorts(&ground.watch(8 * day..8 * day + 30)), [""; 0]);
    ground.facts.certificates = seen(20 * day);
    assert_eq!(shorts(&ground.watch(9 * day..9 * day + 30)), [""; 0]);
    let urgent = ground.watch(18 * day..18 * day + 30);
    ground.facts.certificates = seen(110 * day);
    let renewed = ground.watch(19 * day..19 * day + 30);
    let subject = |stage| format!("certificate:portal/http:{stage}:{}", at(20 * day).as_millis());
    let to = "mail:it@example.org";
    assert_eq!(shorts(&soon), [format!("{} {to} +{}", 7 * day + 10, subject("soon"))]);
    assert_eq!(shorts(&urgent), [format!("{} {to} +{}", 18 * day + 10, subject("urgent"))]);
    let told = format!("{} {to} -{}! -{}!", 19 * day + 10, subject("urgent"), subject("soon"));
    assert_eq!(shorts(&renewed), [told]);
}

#[test]
fn what_concerns_the_instance_is_told_to_those_who_are_told_of_everybody() {
    let mut ground = Ground::new(vec![to("a@hattingen.example", of("hattingen")), to("it@example.org", everything())]);
    ground.facts.blind = BTreeSet::from([Path::Ipv6]);
    let mut told = ground.watch(0..30);
    ground.facts.blind = BTreeSet::new();
    told.extend(ground.watch(400..430));
    assert_eq!(shorts(&told), ["10 mail:it@example.org +blind:ipv6", "410 mail:it@example.org -blind:ipv6!"]);
    let digests = about_storage(&ground.recipients, at(0), None, at(30));
    assert_eq!(digests.iter().map(short).collect::<Vec<_>>(), ["mail:it@example.org +storage"]);
}

fn says(text: &str) -> IncidentEdit {
    let body = Body::Written(Text::single("de", text));
    IncidentEdit { update: Some(Update::plain(2, at(0), IncidentStatus::Identified, body)), ..IncidentEdit::default() }
}

fn edit(position: u64, event: Event) -> Edit {
    Edit { position, at: at(0), by: "Presse (k3j5h7ab)".to_owned(), event }
}

#[test]
fn what_editors_do_is_told_to_the_owner_with_new_numbers_marked() {
    let watching = Rule { events: BTreeSet::from([Topic::EditorChange]), ..of("hattingen") };
    let mut ground = Ground::new(vec![
        to("a@hattingen.example", watching.clone()),
        to("b@witten.example", Rule { organisations: of("witten").organisations, ..watching }),
        to("it@example.org", everything()),
    ]);
    ground.open("i1", "standesamt", Impact::None, -10);
    let text = "Bitte (02324) 204 3030 oder 0900 1234567 anrufen: https://evil.example/";
    ground.edits = {
        let id = IncidentId::new("i1");
        let change = |text: &str| Event::IncidentEdited { id: id.clone(), edit: Box::new(says(text)) };
        let overlay = Overlay {
            text: Text::single("de", "Wir helfen."),
            alternatives: Vec::new(),
            at: at(0),
            version: 1,
            said_as: None,
        };
        let beside =
            Event::OverlaySet { id: id.clone(), organisation: OrganisationId::new("witten"), overlay: Some(overlay) };
        vec![edit(2, change(text)), edit(3, change(text)), edit(4, beside)]
    };
    let told = ground.watch(0..20);
    assert_eq!(shorts(&told), ["10 mail:a@hattingen.example +edit:2 +edit:3", "10 mail:b@witten.example +edit:4"]);
    let contacts = |item: usize| {
        let What::Edited(edited) = &told[0].1.items[item].what else { panic!("{told:?}") };
        let contact = |contact: &turmwacht::model::notification::Contact| {
            format!("{}{}", contact.text.unescaped(), if contact.is_new { " NEW" } else { "" })
        };
        edited.contacts.iter().map(contact).collect::<Vec<_>>()
    };
    assert_eq!(contacts(0), ["https://evil.example/ NEW", "(02324) 204 3030", "0900 1234567 NEW"]);
    assert_eq!(contacts(1), ["https://evil.example/", "(02324) 204 3030", "0900 1234567"], "once seen is known");
}

#[test]
fn a_recipient_that_takes_nothing_gets_one_digest_when_it_does() {
    let mut ground = Ground::new(admin());
    let mut told = 0;
    for number in 0..i64::try_from(WAITING_MAX).unwrap() + 5 {
        ground.open(&format!("i{number}"), "portal", Impact::Major, number * 400);
        told += (number * 400..number * 400 + 20).map(|second| ground.look(second).len()).sum::<usize>();
    }
    assert_eq!(told, WAITING_MAX);
    ground.accept();
    let last = ground.look(100_000);
    assert_eq!(last.len(), 1);
    assert_eq!(last[0].items.len(), 5);
}

#[test]
fn too_much_for_one_message_is_counted() {
    let mut ground = Ground::new(admin());
    for number in 0..HELD_MAX + 7 {
        ground.open(&format!("i{number:04}"), "portal", Impact::Major, 0);
    }
    let told = ground.watch(0..20);
    assert_eq!(told[0].1.items.len(), HELD_MAX + 1);
    assert_eq!(told[0].1.items[HELD_MAX].what, What::More(7));
}

#[test]
fn an_alert_ends_under_the_labels_that_it_had_and_is_said_for_a_while() {
    let title = |_: &Incident| "Störung".to_owned();
    let mut ground = Ground::new(Vec::new());
    ground.open("i1", "portal", Impact::Minor, 0);
    let before = alerts(&ground.facts, &title, None, at(10));
    ground.change("i1", |incident| incident.impact = Impact::Critical);
    let after = alerts(&ground.facts, &title, None, at(20));
    assert_eq!((before.len(), &*before[0].labels["severity"], &*after[0].labels["severity"]), (1, "minor", "critical"));
    assert_eq!(after[0].json(at(20))["endsAt"], at(260).to_string(), "it must be said again before");
    let over = ended(&before, &after, at(20));
    assert_eq!((over.len(), &over[0].labels, over[0].ended_at), (1, &before[0].labels, Some(at(20))));
    ground.resolve("i1", 30);
    let resolved = alerts(&ground.facts, &title, None, at(600));
    assert_eq!(resolved[0].json(at(600))["endsAt"], at(30).to_string());
    assert_eq!(alerts(&ground.facts, &title, None, at(931)), []);
    assert_eq!(alerts(&ground.facts, &title, Some(at(40)), at(931))[0].labels["alertname"], "TurmwachtStorage");
}
