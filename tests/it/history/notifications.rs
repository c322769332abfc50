//! What the store remembers of messages: all or nothing, each once, and who it was that edited.

use std::collections::BTreeSet;

use turmwacht::history::notification::{Attempt, Hurried, Outgoing, list};
use turmwacht::history::token::{Order, Tokens};
use turmwacht::history::writer::Batch;
use turmwacht::model::access::{AuditRecord, Outcome, Role};
use turmwacht::model::event::Event;
use turmwacht::model::id::{ComponentId, IncidentId};
use turmwacht::model::incident::{Body, Impact, Incident};
use turmwacht::model::notification::{Delivery, Item, Letter, Memo, Notification, Told, What};
use turmwacht::model::notify::{Channel, Topic};
use turmwacht::model::text::Text;

use super::fixture::{Ground, adopted, at, logged};

const TO: &str = "mail:it@example.org";

fn message(id: &str, second: i64) -> Notification {
    let letter = Letter { subject: "Störung".to_owned(), text: "Text\n".to_owned(), payload: "{}".to_owned() };
    Notification {
        id: id.to_owned(),
        recipient: TO.to_owned(),
        created_at: at(second),
        attempts: 0,
        next_at: at(second),
        state: Delivery::Pending,
        fault: None,
        letter,
    }
}

/// Those who are told.
fn recipients() -> BTreeSet<String> {
    BTreeSet::from([TO.to_owned()])
}

/// What is due by mail.
fn due(store: &Outgoing, second: i64) -> Vec<String> {
    let due = store.due(Channel::Mail, &BTreeSet::new(), at(second), 10).unwrap();
    due.into_iter().map(|message| message.id).collect()
}

fn attempt(id: &str, state: Delivery, second: i64) -> Attempt {
    Attempt { id: id.to_owned(), state, next_at: at(second), fault: None, hurried: None }
}

fn item() -> Item {
    Item {
        subject: "storage".to_owned(),
        topic: Topic::Storage,
        severity: Impact::Critical,
        noted_at: at(1),
        began_at: at(1),
        ended_at: None,
        told_before: false,
        held_back: Vec::new(),
        what: What::Storage,
    }
}

#[test]
fn what_is_remembered_and_the_messages_survive_a_restart() {
    let ground = Ground::new();
    let mut store = Outgoing::open(&ground.path).unwrap();
    assert_eq!(store.recall(&recipients(), at(5)).unwrap().since, at(5));
    let told = Told { severity: Impact::Major, ended: false, at: at(4) };
    let key = |subject: &str| (TO.to_owned(), subject.to_owned());
    let memos = [
        Memo::Cursor(7),
        Memo::Told(TO.to_owned(), "incident:i1".to_owned(), Some(told)),
        Memo::Told(TO.to_owned(), "incident:i2".to_owned(), Some(told)),
        Memo::Told(TO.to_owned(), "incident:i2".to_owned(), None),
        Memo::Held(TO.to_owned(), "storage".to_owned(), Some(Box::new(item()))),
        Memo::Seen("023242040".to_owned()),
        Memo::Closed("webhook:chat".to_owned(), Some("hash".to_owned())),
    ];
    store.record(&memos, &[message("msg_a", 10), message("test-b", 20)], at(10)).unwrap();
    assert_eq!(store.tested().unwrap(), recipients(), "one test at a time");
    drop(store);
    let memory = Outgoing::open(&ground.path).unwrap().recall(&recipients(), at(300)).unwrap();
    assert_eq!((memory.since, memory.position), (at(5), 7), "the first time counts");
    assert_eq!(memory.told.into_iter().collect::<Vec<_>>(), [(key("incident:i1"), told)]);
    assert_eq!(memory.held.into_iter().collect::<Vec<_>>(), [(key("storage"), item())]);
    assert_eq!(memory.last[TO], [at(10)], "a test keeps nobody waiting");
    assert_eq!(memory.waiting[TO], 1);
    assert_eq!((memory.seen.len(), &*memory.closed["webhook:chat"]), (1, "hash"));
}

#[test]
fn a_message_is_due_until_it_was_accepted_or_given_up() {
    let ground = Ground::new();
    let mut store = Outgoing::open(&ground.path).unwrap();
    store.record(&[], &[message("msg_a", 10), message("msg_b", 20), message("msg_c", 30)], at(30)).unwrap();
    // The same message once more, as if it was planned anew: it is there already.
    store.record(&[], &[message("msg_a", 10)], at(30)).unwrap();
    assert_eq!(due(&store, 20), ["msg_a"], "one at a time");
    store.settle(&[attempt("msg_a", Delivery::Sent, 20), attempt("msg_b", Delivery::Pending, 90)]).unwrap();
    assert_eq!(due(&store, 40), ["msg_c"]);
    assert_eq!(store.next(at(20)).unwrap(), Some(at(30)));
    assert_eq!(store.next(at(30)).unwrap(), Some(at(90)));
    store.give_up(TO, "it wants no more").unwrap();
    assert_eq!(due(&store, 100), [""; 0]);
    // What was accepted stays so, whatever is said of it later.
    store.settle(&[attempt("msg_a", Delivery::Dead, 20)]).unwrap();
    let counted = store.count().unwrap();
    assert_eq!((counted.pending, counted.dead), (0, 2));
    let listed: Vec<_> = list(&ground.path, 10)
        .unwrap()
        .into_iter()
        .map(|message| format!("{} {} {}", message.id, message.state, message.attempts))
        .collect();
    assert_eq!(listed, ["msg_c dead 0", "msg_b dead 1", "msg_a sent 1"]);
}

#[test]
fn a_recipient_that_takes_nothing_stops_neither_its_channel_nor_another() {
    let ground = Ground::new();
    let mut store = Outgoing::open(&ground.path).unwrap();
    let of = |id: String, to: &str, second| Notification { recipient: to.to_owned(), ..message(&id, second) };
    let mails =
        (0..300).map(|number| of(format!("mail{number:03}"), &format!("mail:{}@example.org", number / 10), number));
    let hook = of("hook".to_owned(), "webhook:chat", 900);
    store.record(&[], &mails.chain([hook]).collect::<Vec<_>>(), at(900)).unwrap();
    let due = |channel, busy: &[&str], limit| {
        let busy = busy.iter().copied().collect();
        let due = store.due(channel, &busy, at(900), limit).unwrap();
        due.into_iter().map(|message| message.id).collect::<Vec<_>>()
    };
    assert_eq!(due(Channel::Webhook, &[], 12), ["hook"]);
    assert_eq!(due(Channel::Webhook, &["webhook:chat"], 12), [""; 0]);
    assert_eq!(due(Channel::Mail, &[], 2), ["mail000", "mail010"], "one for each recipient");
    assert_eq!(due(Channel::Mail, &["mail:0@example.org", "mail:2@example.org"], 2), ["mail010", "mail030"]);
}

#[test]
fn after_the_clock_was_set_back_nothing_waits_until_it_has_caught_up() {
    let ground = Ground::new();
    let mut store = Outgoing::open(&ground.path).unwrap();
    let day = 86_400;
    store.record(&[], &[message("msg_new", day), message("msg_old", day + 1)], at(day)).unwrap();
    store.settle(&[attempt("msg_old", Delivery::Pending, day + 600)]).unwrap();
    assert_eq!(due(&store, 3600), ["msg_new"], "never tried");
    store.settle(&[attempt("msg_new", Delivery::Sent, 3600)]).unwrap();
    assert_eq!(due(&store, 3600), ["msg_old"], "no pause is that long");
    assert_eq!(due(&store, day), [""; 0]);
    let memory = store.recall(&recipients(), at(3600)).unwrap();
    assert_eq!(memory.last, Default::default(), "what lies ahead was not lately");
}

#[test]
fn when_a_way_works_again_all_that_waits_for_it_is_tried() {
    let ground = Ground::new();
    let mut store = Outgoing::open(&ground.path).unwrap();
    let of = |id: &str, to: &str| Notification { recipient: to.to_owned(), ..message(id, 10) };
    let all = [("a", TO), ("b", "mail:b@example.org"), ("c", "webhook:c"), ("d", "webhook:c"), ("e", "webhook:cc")];
    store.record(&[], &all.map(|(id, to)| of(id, to)), at(10)).unwrap();
    store.settle(&all.map(|(id, _)| attempt(id, Delivery::Pending, 7200))).unwrap();
    let waiting = |store: &Outgoing| {
        let due = |channel| store.due(channel, &BTreeSet::new(), at(20), 10).unwrap();
        let due = due(Channel::Mail).into_iter().chain(due(Channel::Webhook));
        due.map(|message| message.id).collect::<Vec<_>>()
    };
    assert_eq!(waiting(&store), [""; 0]);
    let accepted = |id: &str, hurried| Attempt { hurried: Some(hurried), ..attempt(id, Delivery::Sent, 20) };
    store.settle(&[accepted("a", Hurried::Mail)]).unwrap();
    assert_eq!(waiting(&store), ["b"]);
    store.settle(&[accepted("c", Hurried::Recipient("webhook:c".to_owned()))]).unwrap();
    assert_eq!(waiting(&store), ["b", "d"]);
}

#[test]
fn who_is_not_told_any_more_is_forgotten_and_begins_anew() {
    let ground = Ground::new();
    let mut store = Outgoing::open(&ground.path).unwrap();
    store.recall(&recipients(), at(0)).unwrap();
    let told = Told { severity: Impact::Major, ended: false, at: at(1) };
    let other = "mail:other@example.org".to_owned();
    let memos = [
        Memo::Told(TO.to_owned(), "incident:i1".to_owned(), Some(told)),
        Memo::Told(other.clone(), "incident:i1".to_owned(), Some(told)),
        Memo::Held(other.clone(), "incident:i1".to_owned(), Some(Box::new(item()))),
    ];
    let message = Notification { recipient: other.clone(), ..message("msg_o", 1) };
    store.record(&memos, &[message], at(1)).unwrap();
    let memory = store.recall(&recipients(), at(2)).unwrap();
    assert_eq!((memory.told.len(), memory.held.len(), memory.waiting.len()), (1, 0, 0));
    assert_eq!(list(&ground.path, 10).unwrap()[0].state, Delivery::Dead);
    let again = BTreeSet::from([TO.to_owned(), other]);
    assert_eq!(store.recall(&again, at(3)).unwrap().told.len(), 1, "it is as if they had never been told");
}

#[test]
fn old_messages_go_and_those_on_their_way_stay() {
    let ground = Ground::new();
    let mut store = Outgoing::open(&ground.path).unwrap();
    let of = |id: &str, state| Notification { state, ..message(id, 0) };
    store
        .record(&[], &[of("sent", Delivery::Sent), of("dead", Delivery::Dead), of("pending", Delivery::Pending)], at(0))
        .unwrap();
    store.record(&[], &[message("new", 31 * 86_400)], at(31 * 86_400)).unwrap();
    let ids: Vec<_> = list(&ground.path, 10).unwrap().into_iter().map(|message| message.id).collect();
    assert_eq!(ids, ["new", "pending", "dead"]);
}

#[test]
fn an_event_is_an_editors_if_the_audit_log_says_so() {
    let ground = Ground::new();
    let order = Order { role: Role::Admin, organisations: Vec::new(), label: "Presse".to_owned(), expires_at: None };
    let issued = Tokens::open(&ground.path).unwrap().issue(&order, "test", at(0)).unwrap();
    let pen = ground.pen();
    let opened = |id: &str| {
        let title = Body::Written(Text::single("de", "Störung"));
        Event::IncidentOpened(Box::new(Incident::new(
            IncidentId::new(id),
            ComponentId::new("portal"),
            title,
            at(1),
            at(1),
        )))
    };
    pen.events(&logged(1, [adopted(1, &["portal"]), opened("automatic")]));
    let audit = AuditRecord {
        at: at(3),
        actor: issued.id.clone(),
        action: "POST".to_owned(),
        subject: "/incidents".to_owned(),
        outcome: Outcome::Done,
        status: 201,
        detail: "{}".to_owned(),
        position: Some(3),
    };
    let refused = AuditRecord { at: at(4), outcome: Outcome::Refused, position: None, ..audit.clone() };
    pen.write(Batch { events: logged(3, [opened("written")]), audits: vec![audit, refused], ..Batch::default() });
    pen.events(&logged(4, [opened("automatic-too")]));
    drop(pen);
    let store = Outgoing::open(&ground.path).unwrap();
    let (edits, through) = store.edits(0, 4).unwrap();
    let told: Vec<_> = edits.iter().map(|edit| (edit.position, edit.by.clone())).collect();
    assert_eq!((told, through), (vec![(3, format!("Presse ({})", issued.id))], 4));
    assert_eq!(store.edits(3, 4).unwrap().0, []);
}
