//! A store in a folder of its own, a small catalogue, events and results to write.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;
use turmwacht::history::open::Store;
use turmwacht::history::restore::Restored;
use turmwacht::history::writer::{Ack, Batch, CheckpointBody, Writer, WriterOptions};
use turmwacht::model::catalogue::{Catalogue, Component, Declared};
use turmwacht::model::check::{Check, DegradedWhen, Expect, Probe, Proves, TcpProbe, TlsSettings, WarnWhen};
use turmwacht::model::event::{Event, Logged, StatusChanged, StoredResult};
use turmwacht::model::id::{CheckId, ComponentId};
use turmwacht::model::status::{ComponentKind, Evidence, Status};
use turmwacht::model::text::Text;
use turmwacht::model::time::Timestamp;
use turmwacht::model::verdict::{Reason, Verdict};

/// Long enough for anything on a busy machine; reached only when a test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder with the path of a store in it.
pub(super) struct Ground {
    pub(super) folder: TempDir,
    pub(super) path: PathBuf,
}

impl Ground {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("turmwacht.db");
        Self { folder, path }
    }

    pub(super) fn store(&self) -> Store {
        Store::open(&self.path).unwrap()
    }

    pub(super) fn restore(&self) -> Restored {
        self.store().restore().unwrap()
    }

    pub(super) fn pen(&self) -> Pen {
        Pen::new(self.store(), WriterOptions { retain_results: Duration::from_secs(86_400), pages_max: None })
    }

    /// The database as any other program sees it.
    pub(super) fn sql(&self) -> Connection {
        sql(&self.path)
    }
}

pub(super) fn sql(path: &Path) -> Connection {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap()
}

/// A writer whose acknowledgements can be waited for.
pub(super) struct Pen {
    pub(super) writer: Writer,
    pub(super) acks: Receiver<Ack>,
}

impl Pen {
    pub(super) fn new(store: Store, options: WriterOptions) -> Self {
        let (send, acks) = channel();
        let writer = store.into_writer(options, move |ack| send.send(ack).unwrap_or_default()).unwrap();
        Self { writer, acks }
    }

    pub(super) fn ack(&self) -> Ack {
        self.acks.recv_timeout(PATIENCE).expect("an acknowledgement")
    }

    /// Writes a batch and waits until it is durable.
    pub(super) fn write(&self, batch: Batch) -> Ack {
        let token = batch.token;
        self.writer.try_send(batch).expect("room in the queue");
        let ack = self.ack();
        assert_eq!((ack.token, &ack.result), (token, &Ok(())));
        ack
    }

    pub(super) fn events(&self, events: &[Logged]) -> Ack {
        self.write(Batch { events: events.to_vec(), ..Batch::default() })
    }

    pub(super) fn results(&self, results: &[StoredResult]) -> Ack {
        self.write(Batch { results: results.to_vec(), ..Batch::default() })
    }

    pub(super) fn checkpoint(&self, position: u64, catalogue_version: u32, body: &[u8]) {
        let body = body.to_vec();
        let make = move || CheckpointBody { position, format: 1, catalogue_version, body };
        self.write(Batch { checkpoint: Some(Box::new(make)), ..Batch::default() });
    }
}

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(second * 1000)
}

/// A log of these events, a second apart.
pub(super) fn logged(first: u64, events: impl IntoIterator<Item = Event>) -> Vec<Logged> {
    (first..)
        .zip(events)
        .map(|(position, event)| Logged { position, at: at(i64::try_from(position).unwrap()), event })
        .collect()
}

/// Components by `id` or `id<former`, each with the check `main`.
pub(super) fn catalogue(components: &[&str]) -> Arc<Catalogue> {
    let mut declared = Declared::default();
    for (name, index) in components.iter().zip(0u32..) {
        let (id, former) = name.split_once('<').map_or((*name, None), |(id, former)| (id, Some(former)));
        declared.components.push(Component {
            id: ComponentId::new(id),
            name: Text::single("de", id),
            kind: ComponentKind::Service,
            owner: 0,
            part_of: None,
            serves: Vec::new(),
            depends_on: Vec::new(),
            url: None,
            leika: Vec::new(),
            ozg: None,
            public: true,
            public_name: None,
            available_from: None,
            retired_at: None,
            formerly: former.map(ComponentId::new).into_iter().collect(),
            delivery: None,
            alternatives: Vec::new(),
        });
        declared.checks.push(Check {
            id: CheckId::new("main"),
            component: index,
            probe: Probe::Tcp(TcpProbe {
                host: "127.0.0.1".to_owned(),
                port: 9,
                send: None,
                expect: None,
                starttls: None,
                tls: TlsSettings::default(),
            }),
            interval: Duration::from_secs(60),
            timeout: Duration::from_secs(10),
            down_after: 2,
            up_after: 1,
            retry_interval: Duration::from_secs(10),
            expect: Expect::default(),
            degraded: DegradedWhen::default(),
            warn: WarnWhen::default(),
            failure: None,
            proves: Proves::Front,
        });
    }
    Arc::new(Catalogue::new(declared))
}

pub(super) fn adopted(version: u32, components: &[&str]) -> Event {
    Event::CatalogueAdopted { version, catalogue: catalogue(components) }
}

pub(super) fn changed(component: &str, status: Status, since: i64) -> Event {
    Event::StatusChanged(StatusChanged {
        component: ComponentId::new(component),
        status,
        without_derived: status,
        evidence: Evidence::Own,
        since: at(since),
        reason: status.is_red().then_some(Reason::Timeout),
        affected_by: Vec::new(),
    })
}

/// A counted result of half a second.
pub(super) fn result(check: u32, slot: i64, verdict: Verdict) -> StoredResult {
    StoredResult {
        check,
        slot: at(slot),
        ended_at: Timestamp::from_millis(slot * 1000 + 500),
        verdict,
        reason: None,
        duration_us: 500_000,
        counted: true,
    }
}
