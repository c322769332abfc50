//! The encoding of events for good: what version 1 has written must be read for ever.

use std::collections::BTreeSet;

use turmwacht::model::event::{Counted, Event, Logged, MaintenancePhase, StatusChanged, Streak};
use turmwacht::model::id::{CheckId, CheckKey, ComponentId, IncidentId, MaintenanceId};
use turmwacht::model::incident::{
    Body, Cause, Concerned, Impact, Incident, IncidentStatus, Message, MessageCode, Update, WORDING,
};
use turmwacht::model::status::{Evidence, Status};
use turmwacht::model::text::Text;
use turmwacht::model::verdict::{Path, Reason, Verdict};

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
    Update { number, at: at(90), status, body: Body::Automatic(message) }
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
        concerned: vec![concerned()],
        updates: vec![update(1, IncidentStatus::Investigating, MessageCode::Opened)],
    }
}

/// Every kind of event, each field set at least once and left out at least once.
fn every_kind() -> Vec<Logged> {
    let counted =
        Counted { verdict: Verdict::Down, reason: Some(Reason::Timeout), started_at: at(60), ended_at: at(70) };
    logged(
        1,
        [
            adopted(1, &["portal", "login"]),
            Event::CheckCounted { check: key(), streak: Streak { results: vec![counted], waits_until: Some(at(80)) } },
            Event::CheckCounted { check: key(), streak: Streak::default() },
            Event::CheckTurned {
                check: key(),
                verdict: Verdict::Down,
                reason: Some(Reason::ProbeFault),
                since: at(60),
            },
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
                update: Some(update(2, IncidentStatus::Monitoring, MessageCode::Recovered)),
            },
            Event::IncidentMoved {
                title: None,
                id: IncidentId::new("x1y2z3"),
                status: IncidentStatus::Resolved,
                impact: Impact::None,
                root: ComponentId::new("login"),
                merged_into: None,
                concerned: Vec::new(),
                update: None,
            },
            Event::MaintenanceMoved { id: MaintenanceId::new("move"), phase: MaintenancePhase::Overrunning },
            Event::PathTurned { path: Path::Resolver, blind: true },
            Event::ClockStepped { by_ms: -3_600_000 },
            Event::CheckCounted { check: key(), streak: Streak::default() },
            Event::Skipped { position: 14 },
        ],
    )
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
    assert_eq!(kinds.len(), 10, "every kind is here");
    let restored = ground.restore();
    assert_eq!(restored.events, read_back());
    assert_eq!((restored.position, restored.last_at), (15, at(15)));
    let (version, last) = restored.last_catalogue.unwrap();
    assert_eq!((version, last.components.len()), (1, 2));
}

#[test]
fn what_version_1_wrote_is_read() {
    let ground = Ground::new();
    ground.pen().events(&every_kind()[..1]);
    let sql = ground.sql();
    // The lines as they are on record, not as this release writes them.
    for (line, position) in include_str!("golden/events-1.tsv").lines().skip(1).zip(2..) {
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
