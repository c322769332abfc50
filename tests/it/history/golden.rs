//! The encoding of events for good: what version 1 has written must be read for ever.

use std::collections::{BTreeMap, BTreeSet};

use turmwacht::model::alternative::{Alternative, AlternativeKind, Link};
use turmwacht::model::catalogue::{Ends, Reach};
use turmwacht::model::event::{Counted, Event, Logged, MaintenancePhase, StatusChanged, Streak};
use turmwacht::model::id::{CheckId, CheckKey, ComponentId, IncidentId, MaintenanceId, OrganisationId};
use turmwacht::model::incident::{
    Body, Cause, Change, Concerned, Correction, Ending, Expected, Impact, Incident, IncidentEdit, IncidentStatus,
    Message, MessageCode, Overlay, Reference, Update, WORDING,
};
use turmwacht::model::notice::{
    Announced, CoveredNotice, LocalNotice, MaintenanceEdit, MaintenanceNotice, MaintenanceUpdate, Override,
};
use turmwacht::model::status::{Delivery, DeliveryState, Evidence, Mode, Processing, Status};
use turmwacht::model::text::{Plain, Text};
use turmwacht::model::verdict::{Path, Reason, Verdict};
use turmwacht::model::window::{Recurrence, When};

use super::fixture::{Ground, adopted, at, changed, logged};

fn key() -> CheckKey {
    CheckKey { component: ComponentId::new("portal"), check: CheckId::new("main") }
}

fn concerned() -> Concerned {
    Concerned {
        component: ComponentId::new("portal"),
        name: Text::single("de", "Bürgerportal"),
        public: true,
        worst: Status::MajorOutage,
    }
}

fn update(number: u32, status: IncidentStatus, code: MessageCode) -> Update {
    let message = Message {
        code,
        wording: WORDING,
        component: Text::single("de", "Bürgerportal"),
        status: Some(Status::MajorOutage),
        reason: Some(Reason::Timeout),
    };
    Update::plain(number, at(90), status, Body::Automatic(message))
}

fn incident() -> Incident {
    Incident {
        id: IncidentId::new("x1y2z3"),
        root: ComponentId::new("portal"),
        title: Body::Written(Text::single("de", "Störung")),
        status: IncidentStatus::Investigating,
        impact: Impact::Critical,
        cause: Some(Cause::Network),
        started_at: at(60),
        opened_at: at(90),
        monitoring_since: None,
        resolved_at: None,
        merged_into: None,
        touched: true,
        touched_at: None,
        headed_at: None,
        root_set: false,
        given: BTreeMap::new(),
        attached: BTreeSet::new(),
        expected_end: None,
        next_update_by: None,
        references: Vec::new(),
        alternatives: Vec::new(),
        unaffected: Vec::new(),
        overlays: BTreeMap::new(),
        withdrawn: BTreeMap::new(),
        revision: 0,
        concerned: vec![concerned()],
        updates: vec![update(1, IncidentStatus::Investigating, MessageCode::Opened)],
    }
}

fn german(text: &str) -> Text {
    Text::single("de", text)
}

/// Another way, with everything that one may have.
fn alternative() -> Alternative {
    Alternative {
        kind: AlternativeKind::Phone,
        target: vec![Link::parse("tel:+4923242040").unwrap()],
        label: german("Bürgertelefon"),
        hours: Some(Plain::new("Mo-Fr 08:00-12:00")),
        hours_text: Some(german("vormittags")),
        page: Link::parse("https://www.example.org/telefon"),
        serves: vec![Reach::Prefix("05954".to_owned()), Reach::Except(OrganisationId::new("witten"))],
        component: None,
        valid_from: Some(When::instant(at(60))),
        valid_until: Some(When::instant(at(7200))),
        verified_at: Some(When::instant(at(30))),
    }
}

fn expected() -> Expected {
    Expected { earliest: Some(at(3600)), latest: Some(at(7200)), label: Some(german("im Laufe des Tages")) }
}

fn reference() -> Reference {
    Reference { url: Link::parse("https://www.example.org/").unwrap(), label: Some(german("Mehr dazu")) }
}

fn overlay() -> Overlay {
    Overlay {
        text: german("Bei uns hilft das Bürgerbüro."),
        alternatives: vec![alternative()],
        at: at(95),
        version: 1,
        said_as: None,
    }
}

/// An update with all that an editor may say.
fn spoken() -> Update {
    Update {
        components: BTreeMap::from([(ComponentId::new("portal"), Status::PartialOutage)]),
        organisations: vec![OrganisationId::new("hattingen")],
        ending: Some(Ending::Expected(expected())),
        internal: Some(german("Leitung 3")),
        retracted_at: Some(at(99)),
        corrected: vec![Correction { at: at(98), body: Body::Written(german("Falsch")) }],
        ..Update::plain(3, at(95), IncidentStatus::Identified, Body::Written(german("Die Ursache ist gefunden.")))
    }
}

/// An incident as an editor opens it.
fn noticed() -> Incident {
    Incident {
        id: IncidentId::new("n0t1ce"),
        touched_at: Some(at(95)),
        root_set: true,
        given: BTreeMap::from([(ComponentId::new("portal"), Status::MajorOutage)]),
        attached: BTreeSet::from([ComponentId::new("login")]),
        expected_end: Some(expected()),
        next_update_by: Some(at(7200)),
        references: vec![reference()],
        alternatives: vec![alternative()],
        unaffected: vec![ComponentId::new("website")],
        overlays: BTreeMap::from([(OrganisationId::new("hattingen"), overlay())]),
        revision: 15,
        updates: vec![spoken()],
        ..incident()
    }
}

fn maintenance() -> MaintenanceNotice {
    MaintenanceNotice {
        id: MaintenanceId::new("umzug"),
        title: german("Umzug"),
        text: Some(german("Wir ziehen um.")),
        components: vec![
            CoveredNotice {
                component: ComponentId::new("portal"),
                until: Some(When { at: at(5000), date: Some(jiff::civil::date(1970, 1, 1)) }),
                ended_at: Some(at(4000)),
            },
            CoveredNotice { component: ComponentId::new("login"), until: None, ended_at: None },
        ],
        programme: Some("vois".to_owned()),
        from: When::instant(at(3600)),
        until: When::instant(at(7200)),
        ends: Ends::OnNotice,
        announced_at: When::instant(at(60)),
        last_chance_before: Some(When::instant(at(3000))),
        back_from: Some(When::instant(at(8000))),
        unaffected: vec![ComponentId::new("website")],
        recurring: Some(Recurrence {
            rrule: "FREQ=MONTHLY;BYDAY=2TU".to_owned(),
            at: jiff::civil::time(19, 0, 0, 0),
            lasts: std::time::Duration::from_secs(10_800),
        }),
        series: Some((When::instant(at(3600)), When::instant(at(90_000)))),
        alternatives: vec![alternative()],
        zone: "Europe/Berlin".to_owned(),
        phase: MaintenancePhase::Completed,
        ended_at: Some(at(7300)),
        sequence: 2,
        declared: Some(u64::MAX),
        updates: vec![word()],
        revision: 16,
    }
}

fn word() -> MaintenanceUpdate {
    MaintenanceUpdate {
        number: 2,
        at: at(4000),
        phase: MaintenancePhase::InProgress,
        body: Body::Written(german("Das Telefon geht wieder.")),
        ended: vec![(ComponentId::new("portal"), at(4000))],
        announced: None,
    }
}

fn announced() -> Announced {
    Announced {
        from: When::instant(at(3600)),
        until: When::instant(at(7200)),
        recurs: Some(true),
        last_chance_before: None,
        back_from: None,
        text: None,
    }
}

fn local() -> LocalNotice {
    LocalNotice {
        key: u64::MAX,
        component: ComponentId::new("portal"),
        organisations: vec![Reach::Organisation(OrganisationId::new("hattingen"))],
        status: Some(Status::PartialOutage),
        mode: Some(Mode::Emergency),
        released: Some(false),
        processing: Some(Processing::Stopped),
        delivery: Some(Delivery { state: DeliveryState::Queued, since: Some(at(60)), until: Some(at(7200)) }),
        text: Some(german("Bitte anrufen.")),
        alternatives: vec![alternative()],
        since: at(95),
        until: Some(at(7200)),
        declared: true,
        by_owner: false,
        ended_at: None,
        said_as: None,
    }
}

/// What editors, planned work and local differences bring: all fields set.
fn notices() -> Vec<Event> {
    let id = || IncidentId::new("n0t1ce");
    vec![
        Event::IncidentOpened(Box::new(noticed())),
        Event::IncidentEdited {
            id: id(),
            edit: Box::new(IncidentEdit {
                status: Some(IncidentStatus::Resolved),
                impact: Some(Impact::Major),
                cause: Change::Set(Cause::Power),
                title: Some(Body::Written(german("Strom"))),
                root: Some(ComponentId::new("login")),
                given: Some(BTreeMap::from([(ComponentId::new("login"), Status::DegradedPerformance)])),
                concerned: vec![concerned()],
                dropped: BTreeSet::from([ComponentId::new("website")]),
                attached: BTreeSet::from([ComponentId::new("mail")]),
                expected_end: Change::Set(expected()),
                next_update_by: Change::Set(at(9000)),
                references: Some(vec![reference()]),
                alternatives: Some(vec![alternative()]),
                unaffected: Some(vec![ComponentId::new("website")]),
                merged_into: Some(IncidentId::new("a0b0")),
                resolved_at: Some(at(97)),
                update: Some(Update { ending: Some(Ending::Unknown), ..spoken() }),
            }),
        },
        // A field that is cleared is null, one that is kept is not there.
        Event::IncidentEdited {
            id: id(),
            edit: Box::new(IncidentEdit {
                cause: Change::Clear,
                expected_end: Change::Clear,
                next_update_by: Change::Clear,
                ..IncidentEdit::default()
            }),
        },
        Event::IncidentEdited { id: id(), edit: Box::default() },
        Event::UpdateRetracted { id: id(), number: 3 },
        Event::UpdateCorrected { id: id(), number: 1, body: Body::Written(german("Richtig")) },
        Event::OverlaySet { id: id(), organisation: OrganisationId::new("witten"), overlay: Some(overlay()) },
        Event::OverlaySet { id: id(), organisation: OrganisationId::new("witten"), overlay: None },
        Event::MaintenancePlanned(Box::new(maintenance())),
        Event::MaintenancePlanned(Box::new(MaintenanceNotice {
            text: None,
            components: vec![CoveredNotice { component: ComponentId::new("login"), until: None, ended_at: None }],
            programme: None,
            last_chance_before: None,
            back_from: None,
            unaffected: Vec::new(),
            recurring: None,
            series: None,
            alternatives: Vec::new(),
            ended_at: None,
            declared: None,
            updates: vec![MaintenanceUpdate { ended: Vec::new(), ..word() }],
            ..maintenance()
        })),
        Event::MaintenanceEdited {
            id: MaintenanceId::new("umzug"),
            edit: Box::new(MaintenanceEdit {
                title: Some(german("Umzug, zweiter Teil")),
                text: Change::Set(german("Es dauert.")),
                components: Some(maintenance().components),
                programme: Change::Set("vois".to_owned()),
                from: Some(When::instant(at(3600))),
                until: Some(When::instant(at(7200))),
                recurring: Change::Keep,
                series: Change::Keep,
                ends: Some(Ends::ByItself),
                last_chance_before: Change::Set(When::instant(at(3000))),
                back_from: Change::Clear,
                unaffected: Some(Vec::new()),
                alternatives: Some(vec![alternative()]),
                ended: vec![(ComponentId::new("portal"), at(4000))],
                phase: Some(MaintenancePhase::Cancelled),
                ended_at: Some(at(4100)),
                rescheduled: true,
                removed: false,
                update: Some(word()),
            }),
        },
        Event::MaintenanceEdited { id: MaintenanceId::new("umzug"), edit: Box::default() },
        Event::MaintenanceMoved {
            id: MaintenanceId::new("umzug"),
            phase: MaintenancePhase::Announced,
            next: Some((When::instant(at(9000)), When::instant(at(9900)))),
            update: Some(word()),
        },
        Event::LocalBegan(Box::new(local())),
        Event::LocalBegan(Box::new(LocalNotice {
            status: None,
            mode: None,
            released: None,
            processing: None,
            delivery: None,
            text: None,
            alternatives: Vec::new(),
            until: None,
            declared: false,
            ..local()
        })),
        Event::LocalEnded { key: u64::MAX },
        Event::OverrideSet {
            component: ComponentId::new("portal"),
            set: Some(Override { status: Status::Operational, at: at(95), until: Some(at(7200)) }),
        },
        Event::OverrideSet { component: ComponentId::new("portal"), set: None },
        Event::IncidentMoved {
            id: id(),
            status: IncidentStatus::Investigating,
            impact: Impact::Critical,
            root: ComponentId::new("login"),
            title: Some(Body::Written(german("Mehrere Störungen"))),
            merged_into: None,
            concerned: Vec::new(),
            attached: BTreeSet::from([ComponentId::new("mail")]),
            update: None,
        },
        // A series, and one that comes round no more.
        Event::MaintenanceEdited {
            id: MaintenanceId::new("umzug"),
            edit: Box::new(MaintenanceEdit {
                from: Some(When::instant(at(3600))),
                until: Some(When::instant(at(7200))),
                recurring: Change::Set(maintenance().recurring.unwrap()),
                series: Change::Set(maintenance().series.unwrap()),
                rescheduled: true,
                update: Some(MaintenanceUpdate { announced: Some(Box::new(announced())), ..word() }),
                ..MaintenanceEdit::default()
            }),
        },
        Event::MaintenanceEdited {
            id: MaintenanceId::new("umzug"),
            edit: Box::new(MaintenanceEdit {
                recurring: Change::Clear,
                series: Change::Clear,
                ..MaintenanceEdit::default()
            }),
        },
    ]
}

/// Every kind of event, each field set at least once and left out at least once.
fn every_kind() -> Vec<Logged> {
    let counted =
        Counted { verdict: Verdict::Down, reason: Some(Reason::Timeout), started_at: at(60), ended_at: at(70) };
    let first = [
        adopted(1, &["portal", "login"]),
        Event::CheckCounted { check: key(), streak: Streak { results: vec![counted], waits_until: Some(at(80)) } },
        Event::CheckCounted { check: key(), streak: Streak::default() },
        Event::CheckTurned { check: key(), verdict: Verdict::Down, reason: Some(Reason::ProbeFault), since: at(60) },
        Event::CheckTurned { check: key(), verdict: Verdict::Up, reason: None, since: at(60) },
        Event::StatusChanged(StatusChanged {
            component: ComponentId::new("portal"),
            status: Status::MajorOutage,
            without_derived: Status::DegradedPerformance,
            evidence: Evidence::Derived,
            since: at(60),
            reason: Some(Reason::Slow),
            affected_by: vec![ComponentId::new("login"), ComponentId::new("provider.network")],
        }),
        changed("login", Status::Operational, 61),
        Event::IncidentOpened(Box::new(incident())),
        Event::IncidentMoved {
            title: None,
            id: IncidentId::new("x1y2z3"),
            status: IncidentStatus::Monitoring,
            impact: Impact::Critical,
            root: ComponentId::new("login"),
            merged_into: Some(IncidentId::new("a0b0")),
            concerned: vec![concerned()],
            attached: BTreeSet::new(),
            update: Some(Box::new(update(2, IncidentStatus::Monitoring, MessageCode::Recovered))),
        },
        Event::IncidentMoved {
            title: None,
            id: IncidentId::new("x1y2z3"),
            status: IncidentStatus::Resolved,
            impact: Impact::None,
            root: ComponentId::new("login"),
            merged_into: None,
            concerned: Vec::new(),
            attached: BTreeSet::new(),
            update: None,
        },
        Event::MaintenanceMoved {
            id: MaintenanceId::new("move"),
            phase: MaintenancePhase::Overrunning,
            next: None,
            update: None,
        },
        Event::PathTurned { path: Path::Resolver, blind: true },
        Event::ClockStepped { by_ms: -3_600_000 },
        Event::CheckCounted { check: key(), streak: Streak::default() },
        Event::Skipped { position: 14 },
    ];
    logged(1, first.into_iter().chain(notices()).collect::<Vec<_>>())
}

/// What comes back: all but what is to be passed over.
fn read_back() -> Vec<Logged> {
    every_kind().into_iter().filter(|logged| logged.position != 14).collect()
}

/// One line per event: kind, version, body.
fn rows(ground: &Ground) -> String {
    let sql = ground.sql();
    let mut statement = sql.prepare("SELECT kind, version, body FROM event ORDER BY position").unwrap();
    let lines = statement
        .query_map([], |row| {
            let (kind, version, body): (String, u32, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(format!("{kind}\t{version}\t{body}\n"))
        })
        .unwrap();
    lines.collect::<Result<String, _>>().unwrap()
}

#[test]
fn every_kind_of_event_is_written_as_ever_and_read_back() {
    let ground = Ground::new();
    let events = every_kind();
    ground.pen().events(&events);
    let rows = rows(&ground);
    insta::assert_snapshot!(rows);
    let kinds: BTreeSet<&str> = rows.lines().filter_map(|row| row.split('\t').next()).collect();
    assert_eq!(kinds.len(), 19, "every kind is here");
    let restored = ground.restore();
    assert_eq!(restored.events, read_back());
    assert_eq!((restored.position, restored.last_at), (36, at(36)));
    let (version, last) = restored.last_catalogue.unwrap();
    assert_eq!((version, last.components.len()), (1, 2));
}

#[test]
fn what_version_1_wrote_is_read() {
    let ground = Ground::new();
    ground.pen().events(&every_kind()[..1]);
    let sql = ground.sql();
    // The lines as they are on record, not as this release writes them.
    let first = include_str!("golden/events-1.tsv").lines();
    let notices = include_str!("golden/events-1-notices.tsv").lines();
    for (line, position) in first.chain(notices).skip(1).zip(2..) {
        let [kind, version, body]: [&str; 3] = line.split('\t').collect::<Vec<_>>().try_into().unwrap();
        sql.execute(
            "INSERT INTO event (position, at_ms, kind, version, source, source_seq, body) VALUES (?1, ?1 * 1000, ?2, CAST(?3 AS INTEGER), 0, ?1, ?4)",
            rusqlite::params![position, kind, version, body],
        )
        .unwrap();
    }
    drop(sql);
    assert_eq!(ground.restore().events, read_back());
}
