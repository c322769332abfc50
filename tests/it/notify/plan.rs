//! Who is told what, and when.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use turmwacht::model::alternative::{Alternative, AlternativeKind, Link};
use turmwacht::model::catalogue::{Ends, Reach};
use turmwacht::model::event::{Event, MaintenancePhase};
use turmwacht::model::id::{CheckId, CheckKey, ComponentId, IncidentId, MaintenanceId, OrganisationId};
use turmwacht::model::incident::{
    Body, Change, Impact, Incident, IncidentEdit, IncidentStatus, Message, MessageCode, Overlay, Update,
};
use turmwacht::model::notice::{CoveredNotice, MaintenanceEdit, MaintenanceNotice, MaintenanceUpdate};
use turmwacht::model::notification::{Edit, Merged, Told, What};
use turmwacht::model::notify::{QuietHours, Recipient, Rule, Topic};
use turmwacht::model::text::Text;
use turmwacht::model::verdict::Path;
use turmwacht::model::window::When;
use turmwacht::notify::alertmanager::{alerts, ended};
use turmwacht::notify::facts::CertificateSeen;
use turmwacht::notify::plan::{HELD_MAX, WAITING_MAX, about_storage};

use super::ground::{Ground, at, everything, night, remember, short, shorts, to};

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
fn a_new_critical_incident_does_not_wait_for_the_usual_time_but_is_the_third_message_at_most() {
    let mut ground = Ground::new(admin());
    ground.open("i1", "portal", Impact::Minor, 0);
    let mut told = ground.watch(0..30);
    ground.change("i1", |incident| incident.impact = Impact::Critical);
    ground.open("i2", "standesamt", Impact::Major, 30);
    for (second, id) in [(40, "i3"), (80, "i4"), (120, "i5")] {
        ground.open(id, "portal", Impact::Critical, second);
        told.extend(ground.watch(second..second + 40));
    }
    ground.resolve("i3", 160);
    told.extend(ground.watch(160..1000));
    assert_eq!(
        shorts(&told),
        [
            "10 mail:it@example.org +incident:i1",
            "50 mail:it@example.org +incident:i3",
            "90 mail:it@example.org +incident:i4",
            "310 mail:it@example.org +incident:i5",
            "610 mail:it@example.org +incident:i1! -incident:i3! +incident:i2",
        ]
    );
}

#[test]
fn a_clock_that_was_set_back_silences_nobody() {
    let mut ground = Ground::new(admin());
    let day = 86_400;
    ground.open("i1", "portal", Impact::Major, day);
    assert_eq!(ground.watch(day..day + 20).len(), 1);
    ground.open("i2", "standesamt", Impact::Major, day + 20);
    ground.look(day + 20);
    for restarts in [false, true] {
        let mut ground = Ground {
            planner: ground.planner.clone(),
            facts: ground.facts.clone(),
            memory: ground.memory.clone(),
            ..Ground::new(admin())
        };
        if restarts {
            ground.restart();
        }
        ground.open("i3", "portal", Impact::Minor, 5);
        assert_eq!(
            shorts(&ground.watch(10..700)),
            ["10 mail:it@example.org +incident:i2 +incident:i3"],
            "what was noted later than now waits no longer"
        );
    }
}

#[test]
fn what_waits_is_told_as_it_is_by_then() {
    let mut ground = Ground::new(admin());
    ground.open("i1", "portal", Impact::Minor, 0);
    ground.watch(0..20);
    ground.open("i2", "standesamt", Impact::Critical, 20);
    ground.open("i3", "standesamt", Impact::Minor, 20);
    ground.look(20);
    ground.change("i2", |incident| incident.impact = Impact::Major);
    ground.change("i3", |incident| incident.title = Body::Written(Text::single("de", "Anträge gestört")));
    let told = ground.watch(21..400);
    assert_eq!(shorts(&told), ["310 mail:it@example.org +incident:i2 +incident:i3"]);
    let items = &told[0].1.items;
    let What::Incident { title: Body::Written(title), .. } = &items[1].what else { panic!("{items:?}") };
    assert_eq!((items[0].severity, title.get("de", "de").unescaped()), (Impact::Major, "Anträge gestört"));
    // It got worse since it was told.
    ground.change("i2", |incident| incident.impact = Impact::Critical);
    assert_eq!(shorts(&ground.watch(700..720)), ["710 mail:it@example.org +incident:i2!"]);
}

#[test]
fn what_goes_on_in_another_incident_says_in_which() {
    let merge = |ground: &mut Ground, id: &str, into: &str, second: i64| {
        ground.change(id, |incident| {
            incident.status = IncidentStatus::Resolved;
            incident.resolved_at = Some(at(second));
            incident.merged_into = Some(IncidentId::new(into));
        });
    };
    let mut insider = everything();
    insider.internal = true;
    let mut ground = Ground::new(vec![to("in@example.org", insider), to("it@example.org", everything())]);
    ground.open("i1", "portal", Impact::Critical, 0);
    ground.open("i2", "standesamt", Impact::Critical, 0);
    ground.watch(0..20);
    ground.open("i3", "rechenzentrum", Impact::Critical, 20);
    merge(&mut ground, "i1", "i2", 20);
    merge(&mut ground, "i2", "i3", 20);
    let told = ground.watch(20..400);
    let into: Vec<_> = told
        .iter()
        .flat_map(|(_, digest)| &digest.items)
        .filter_map(|item| match &item.what {
            What::Incident { merged_into: Some(Merged { id, title }), .. } => {
                Some(format!("{} {id} {}", item.subject, title.is_some()))
            }
            _ => None,
        })
        .collect();
    // Who heard of the new one has to wait a little longer for the rest.
    let (others, insiders) = into.split_at(2);
    assert_eq!(insiders, ["incident:i1 i3 true", "incident:i2 i3 true"], "at the end of the chain");
    assert_eq!(others, ["incident:i1 i3 false", "incident:i2 i3 false"], "what is internal is not named");
}

#[test]
fn what_nobody_watches_any_more_is_told_as_that() {
    let mut ground = Ground::new(admin());
    ground.open("i1", "portal", Impact::Critical, 0);
    ground.watch(0..20);
    ground.resolve("i1", 400);
    ground.change("i1", |incident| {
        let component = Text::single("de", "Serviceportal");
        let message = Message { code: MessageCode::Removed, wording: 1, component, status: None, reason: None };
        incident.updates.push(Update::plain(2, at(400), IncidentStatus::Resolved, Body::Automatic(message)));
    });
    let told = ground.watch(400..800);
    let what = told.iter().map(|(_, digest)| &digest.items[0].what).next().unwrap();
    assert!(matches!(what, What::Incident { removed: true, .. }), "{what:?}");
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
fn of_several_rules_the_one_that_is_awake_counts() {
    let lunch = QuietHours::parse("12:00-14:00");
    let rule = |quiet| Rule { quiet, events: [Topic::Incident, Topic::EditorChange].into(), ..everything() };
    let both =
        |other| vec![Recipient { rules: vec![rule(night()), rule(other)], ..to("it@example.org", everything()) }];
    let evening = 11 * 3600;
    for (other, told_at) in [(None, 10), (lunch, 10), (night(), 7 * 3600)] {
        let mut ground = Ground::new(both(other));
        ground.open("i1", "portal", Impact::Minor, evening);
        let text = || Event::IncidentEdited { id: IncidentId::new("i1"), edit: Box::new(says("Es dauert.")) };
        ground.edits = vec![edit(2, text())];
        let mut told = ground.watch(evening..evening + 20);
        told.extend(ground.watch(evening + 7 * 3600..evening + 7 * 3600 + 20));
        let all = format!("{} mail:it@example.org +edit:2 +incident:i1", evening + told_at);
        assert_eq!(shorts(&told), [all], "{other:?}");
    }
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
fn two_certificates_behind_one_name_are_no_storm() {
    let day = 86_400;
    let mut ground = Ground::new(admin());
    let seen = |not_after: i64| {
        let check = CheckKey { component: ComponentId::new("portal"), check: CheckId::new("http") };
        let warn_before = Duration::from_secs(14 * 86_400);
        Arc::new(vec![CertificateSeen { check, not_after: at(not_after), warn_before }])
    };
    let mut told = Vec::new();
    for turn in 0..40 {
        let now = 7 * day + turn * 400;
        ground.facts.certificates = seen(if turn % 2 == 0 { 20 * day } else { 300 * day });
        told.extend(ground.watch(now..now + 20));
    }
    assert_eq!(told.len(), 2, "that it runs out, and that it was renewed: {:?}", shorts(&told));
    // Both run out: neither renews the other.
    let mut ground = Ground::new(admin());
    told.clear();
    for turn in 0..40 {
        let now = 7 * day + turn * 400;
        ground.facts.certificates = seen((20 + turn % 2) * day);
        told.extend(ground.watch(now..now + 20));
    }
    assert_eq!(told.iter().map(|(_, digest)| digest.items.len()).sum::<usize>(), 2, "{:?}", shorts(&told));
    assert!(told.iter().all(|(_, digest)| digest.items[0].ended_at.is_none()));
}

#[test]
fn a_path_that_comes_and_goes_is_told_once_an_hour() {
    let mut ground = Ground::new(admin());
    let mut begins = Vec::new();
    for turn in 0..20 {
        ground.facts.blind = if turn % 2 == 0 { BTreeSet::from([Path::Ipv6]) } else { BTreeSet::new() };
        let told = ground.watch(turn * 400..turn * 400 + 20);
        begins.extend(told.into_iter().filter(|(_, digest)| digest.items[0].ended_at.is_none()).map(|(at, _)| at));
    }
    assert_eq!(begins, [10, 4010]);
}

#[test]
fn what_is_in_no_list_any_more_ends() {
    let mut ground = Ground::new(admin());
    let check = CheckKey { component: ComponentId::new("portal"), check: CheckId::new("gone") };
    let subject = format!("certificate:{check}:soon:5");
    let told = Told { severity: Impact::Minor, ended: false, at: at(0) };
    for subject in [&*subject, "incident:i9", "silence:i9", "overrun:m9", "blind:ipv4"] {
        ground.memory.told.insert(("mail:it@example.org".to_owned(), subject.to_owned()), told);
    }
    ground.restart();
    let ends = ground.watch(400..1200);
    let to = "mail:it@example.org";
    assert_eq!(
        shorts(&ends),
        [format!("410 {to} -blind:ipv4! -{subject}! -incident:i9! -overrun:m9! -silence:i9!")],
        "and only once"
    );
    ground.restart();
    assert_eq!(shorts(&ground.watch(1200..1220)), [""; 0]);
}

#[test]
fn what_concerns_the_instance_is_told_to_those_who_are_told_of_everybody() {
    let mut ground = Ground::new(vec![to("a@hattingen.example", of("hattingen")), to("it@example.org", everything())]);
    ground.facts.blind = BTreeSet::from([Path::Ipv6]);
    let mut told = ground.watch(0..30);
    ground.facts.blind = BTreeSet::new();
    told.extend(ground.watch(400..430));
    assert_eq!(shorts(&told), ["10 mail:it@example.org +blind:ipv6", "410 mail:it@example.org -blind:ipv6!"]);
    let subject = format!("storage:{}", at(0).as_millis());
    let digests = about_storage(&ground.recipients, (7, 0), at(0), at(30));
    assert_eq!(digests.iter().map(short).collect::<Vec<_>>(), [format!("mail:it@example.org +{subject}")]);
    let id = |which| about_storage(&ground.recipients, which, at(0), at(90))[0].id.clone();
    assert_eq!(digests[0].id, id((7, 0)), "after a restart it is the same message");
    assert_ne!(digests[0].id, id((7, 1)));
    // That it works again is told like anything else.
    for (heard, told) in [(BTreeSet::new(), ""), (BTreeSet::from(["mail:it@example.org".to_owned()]), "!")] {
        let mut ground = Ground::new(ground.recipients.clone());
        for memo in ground.planner.storage_works((at(0), at(900)), &heard, at(900)) {
            remember(&mut ground.memory, memo);
        }
        ground.restart();
        let works = ground.watch(900..930);
        assert_eq!(shorts(&works), [format!("910 mail:it@example.org -{subject}{told}")]);
    }
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
    assert_eq!(contacts(0), ["https://evil.example/ NEW", "0900 1234567 NEW", "(02324) 204 3030"]);
    assert_eq!(contacts(1), ["https://evil.example/", "(02324) 204 3030", "0900 1234567"], "once seen is known");
}

/// The contacts of the only thing in a digest.
fn contacts(item: &turmwacht::model::notification::Item) -> Vec<String> {
    let What::Edited(edited) = &item.what else { panic!("{item:?}") };
    let new = |is_new: bool| if is_new { " NEW" } else { "" };
    edited.contacts.iter().map(|contact| format!("{}{}", contact.text.unescaped(), new(contact.is_new))).collect()
}

fn watching(organisation: &str) -> Vec<Recipient> {
    let rule = Rule { events: BTreeSet::from([Topic::EditorChange]), ..of(organisation) };
    vec![to("a@hattingen.example", rule)]
}

#[test]
fn a_new_number_is_marked_wherever_it_stands_and_however_many_others_stand_there() {
    let mut ground = Ground::new(watching("hattingen"));
    ground.open("i1", "standesamt", Impact::None, -10);
    let many: String = (0..40).map(|number| format!("02324 100{number:03}, ")).collect();
    let id = IncidentId::new("i1");
    let change = |edit: IncidentEdit| Event::IncidentEdited { id: id.clone(), edit: Box::new(edit) };
    ground.edits = vec![edit(2, change(says(&many))), edit(3, change(says(&many)))];
    let told = ground.watch(0..20);
    let new = |item| contacts(item).iter().filter(|contact| contact.ends_with(" NEW")).count();
    // What did not fit into the first stayed new.
    assert_eq!(told[0].1.items.iter().map(new).collect::<Vec<_>>(), [30, 10]);
    let german = |text: &str| Text::single("de", text);
    let way = Alternative {
        kind: AlternativeKind::Phone,
        target: vec![Link::parse("tel:+4923242043030").unwrap()],
        label: german("Hilfe unter 0900 1111111"),
        hours: None,
        hours_text: Some(german("abends 0900 2222222")),
        page: None,
        serves: Vec::new(),
        valid_from: None,
        valid_until: None,
        component: None,
        verified_at: None,
    };
    let everywhere = IncidentEdit {
        title: Some(Body::Written(german("Rufen Sie 0900 3333333 an"))),
        alternatives: Some(vec![way]),
        ..says(&many)
    };
    ground.edits = vec![edit(4, change(everywhere)), edit(5, change(says(&format!("{many} oder 0900 4444444"))))];
    let told = ground.watch(400..420);
    let [all, last] = &told[0].1.items[..] else { panic!("{told:?}") };
    let mut first = contacts(all)[..4].to_vec();
    first.sort();
    assert_eq!(first[1..], ["0900 1111111 NEW", "0900 2222222 NEW", "0900 3333333 NEW"]);
    assert_eq!(contacts(last)[0], "0900 4444444 NEW");
}

fn planned() -> MaintenanceNotice {
    MaintenanceNotice {
        id: MaintenanceId::new("umzug"),
        title: Text::single("de", "Umzug"),
        text: None,
        components: vec![CoveredNotice { component: ComponentId::new("portal"), until: None, ended_at: None }],
        programme: None,
        from: When::instant(at(3600)),
        until: When::instant(at(7200)),
        ends: Ends::OnNotice,
        announced_at: When::instant(at(-60)),
        last_chance_before: None,
        back_from: None,
        unaffected: Vec::new(),
        recurring: None,
        series: None,
        alternatives: Vec::new(),
        zone: "Europe/Berlin".to_owned(),
        phase: MaintenancePhase::Announced,
        ended_at: None,
        sequence: 0,
        declared: None,
        updates: Vec::new(),
        revision: 1,
    }
}

#[test]
fn a_number_in_a_changed_announcement_is_told_though_we_say_ourselves_that_it_changed() {
    let mut ground = Ground::new(watching("kreis"));
    let notice = planned();
    ground.facts.maintenance.insert(notice.id.clone(), Arc::new(notice.clone()));
    let ours =
        Message { code: MessageCode::Replanned, wording: 1, component: Text::default(), status: None, reason: None };
    let change = MaintenanceEdit {
        text: Change::Set(Text::single("de", "Bitte 0900 1234567 anrufen.")),
        update: Some(MaintenanceUpdate {
            number: 2,
            at: at(0),
            phase: notice.phase,
            body: Body::Automatic(ours),
            ended: Vec::new(),
            announced: None,
        }),
        ..MaintenanceEdit::default()
    };
    ground.edits = vec![edit(2, Event::MaintenanceEdited { id: notice.id.clone(), edit: Box::new(change) })];
    let told = ground.watch(0..20);
    let item = &told[0].1.items[0];
    assert_eq!(contacts(item), ["0900 1234567 NEW"]);
    let What::Edited(edited) = &item.what else { panic!("{item:?}") };
    assert_eq!(edited.text, Some(Body::Written(Text::single("de", "Bitte 0900 1234567 anrufen."))));
}

#[test]
fn a_number_that_nobody_was_told_of_stays_new() {
    let mut ground = Ground::new(watching("witten"));
    ground.open("i1", "standesamt", Impact::None, -10);
    let change = Event::IncidentEdited { id: IncidentId::new("i1"), edit: Box::new(says("0900 1234567")) };
    ground.edits = vec![edit(2, change)];
    assert_eq!(shorts(&ground.watch(0..20)), [""; 0]);
    assert!(ground.memory.seen.is_empty());
}

#[test]
fn news_that_cannot_wait_have_room_beside_what_is_on_its_way() {
    let mut ground = Ground::new(admin());
    ground.memory.waiting.insert("mail:it@example.org".to_owned(), WAITING_MAX);
    ground.restart();
    ground.open("i1", "portal", Impact::Major, 0);
    ground.open("i2", "portal", Impact::Critical, 0);
    assert_eq!(ground.look(0).len(), 0);
    assert_eq!(ground.look(15).iter().map(short).collect::<Vec<_>>(), ["mail:it@example.org +incident:i2"]);
    ground.accept();
    let told = ground.watch(16..400);
    assert_eq!(shorts(&told), ["315 mail:it@example.org +incident:i1"]);
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
