//! Starting and stopping: configuration, store, server, loop.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::LocalSet;

use crate::app::archive::Past;
use crate::app::core::{Core, Parts, Shared};
use crate::app::descriptors::{DESCRIPTORS_MIN, Descriptors};
use crate::app::export::{self, Exported, Exporter, FolderFault};
use crate::app::notifier::{Notifier, Order};
use crate::app::opening::{Opened, SKIPPED_AT_START_MAX, fold, open};
use crate::app::outbox::{Acks, Outbox};
use crate::app::reload::{Taken, reloaded};
use crate::app::supervisor::Supervisor;
use crate::app::watch::{Files, Watch, Watched};
use crate::app::ways::Ways;
use crate::clock::{Clock, monotonic, system_time};
use crate::config::{self, LoadFailure};
use crate::engine::State;
use crate::history::open::Store;
use crate::history::token::Tokens;
use crate::history::writer::WriterOptions;
use crate::history::{StoreFault, audit};
use crate::model::access::{AuditRecord, Editor, StoredAnswer};
use crate::model::catalogue::Catalogue;
use crate::model::settings::Settings;
use crate::probe::{Prober, ProberFault};
use crate::publish::archive::Archive;
use crate::publish::documents::{DocumentSettings, Documents, Render};
use crate::publish::{self, metrics};
use crate::server::desk::{Asked, Desk, WAITING_MAX};
use crate::server::{self, Admin, Authenticate, Health, ServerConfig, ServerFault};
use crate::telemetry::Metrics;

/// The engine counts as stopped when its loop has not turned for so long.
const LOOP_STOPPED_AFTER: Duration = Duration::from_secs(10);

/// The loop turns at most so often: what comes or falls due in between is taken together, which
/// wakes the processor once instead of many times.
const TURN_EVERY: Duration = Duration::from_millis(10);

/// Why the program cannot start.
#[derive(Debug, thiserror::Error)]
pub enum AppFault {
    /// The configuration is faulty; the report is rendered.
    #[error("{0}")]
    Config(String),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreFault),
    /// The folder for the files cannot be used.
    #[error(transparent)]
    Export(#[from] FolderFault),
    /// Nobody can be told of anything.
    #[error("messages cannot go out: {0}")]
    Notify(String),
    /// Nothing has been recorded that could be exported.
    #[error("the store holds no catalogue yet: start the server once (`turmwacht serve`), then export")]
    Empty,
    /// The server cannot be started.
    #[error(transparent)]
    Server(#[from] ServerFault),
    /// Nothing can be probed.
    #[error(transparent)]
    Prober(#[from] ProberFault),
    /// The system lets us open too few files.
    #[error(
        "only {0} files may be open at a time, {DESCRIPTORS_MIN} are needed at least: raise the limit (ulimit -n, or LimitNOFILE= in the systemd unit)"
    )]
    Descriptors(usize),
    /// A thread, a runtime or a signal handler is not to be had.
    #[error("cannot start: {0}")]
    System(#[from] std::io::Error),
    /// A metric is declared twice.
    #[error("cannot set up metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    /// The log cannot be applied.
    #[error("the log holds more than {SKIPPED_AT_START_MAX} events that cannot be applied; restore a backup")]
    Log,
    /// The server's thread ended by itself.
    #[error("the server's thread ended by itself: this is a defect; please report it")]
    ServerDied,
    /// The disk has been gone for too long.
    #[error("the store has not taken anything for so long that its decisions fill the memory; free or repair the disk")]
    Undurable,
    /// The thread that tells people ended by itself.
    #[error("the thread that tells people ended by itself: this is a defect; please report it")]
    NotifierDied,
}

/// What to start with.
pub struct Start {
    /// The operator's settings.
    pub settings: Settings,
    /// The catalogue to adopt; `None` = the last good one of the store.
    pub catalogue: Option<Catalogue>,
    /// The files to read again on SIGHUP, and when they change.
    pub watched: Option<Watched>,
    /// Log lines that were dropped, counted by the log's writer.
    pub log_lines_dropped: Arc<AtomicU64>,
    /// Called once, when the server listens.
    pub started: Box<dyn FnOnce(&Running)>,
}

/// A started program.
#[derive(Debug, Clone)]
pub struct Running {
    /// Where the public listener listens.
    pub listen: SocketAddr,
    /// Where the operator's metrics listener listens.
    pub metrics_listen: Option<SocketAddr>,
    /// Where editors' requests go.
    pub desk: Desk,
}

impl std::fmt::Debug for Start {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Start").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// `turmwacht serve`: loads the configuration and runs until SIGTERM or SIGINT.
///
/// # Errors
/// If it cannot start; the message is for the operator.
pub fn serve(config_file: &Path, log_lines_dropped: Arc<AtomicU64>) -> Result<(), AppFault> {
    let files = Files::of(config_file);
    let (settings, catalogue, patterns) = match config::load_or_settings(config_file) {
        Ok(loaded) => {
            if !loaded.warnings.is_empty() {
                tracing::warn!(
                    "warnings about the configuration: {}; `turmwacht config check` shows them",
                    loaded.warnings.warning_count()
                );
            }
            (loaded.settings, Some(loaded.catalogue), loaded.patterns)
        }
        Err(LoadFailure::Settings(report)) => return Err(AppFault::Config(report.render(false))),
        Err(LoadFailure::Catalogue { settings, report }) => {
            if !settings.storage.path.exists() {
                return Err(AppFault::Config(report.render(false)));
            }
            tracing::error!(
                "the probe files are faulty, starting on the last good catalogue:\n{}",
                report.render(false)
            );
            (*settings, None, BTreeMap::new())
        }
    };
    run(Start {
        settings,
        catalogue,
        watched: Some(Watched { file: config_file.to_owned(), files, patterns }),
        log_lines_dropped,
        started: Box::new(|running| tracing::info!("listening on http://{}/", running.listen)),
    })
}

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
/// If it cannot start, or if the server's thread dies, or that which tells people.
pub fn run(start: Start) -> Result<(), AppFault> {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let descriptors = Descriptors::raise()?;
    let settings = &start.settings;
    if let Some(shortage) = descriptors.shortage(&settings.server) {
        tracing::warn!("{shortage}");
    }
    let metrics = Metrics::new()?;
    let Opened { store, mut state, recovered, salvaged } = open(&settings.storage.path)?;
    let config_stale = start.catalogue.is_none();
    let adopt = match start.catalogue {
        Some(catalogue) => {
            let is_new = catalogue.hash() != state.catalogue().hash() || state.record.catalogue_version == 0;
            // After damage names may be missing that the store knew.
            (is_new || salvaged).then(|| Arc::new(catalogue))
        }
        None if state.record.catalogue_version == 0 => {
            return Err(AppFault::Config(
                "the probe files are faulty and the store holds no earlier catalogue; `turmwacht config check` shows the faults".to_owned(),
            ));
        }
        None => salvaged.then(|| Arc::clone(state.catalogue())),
    };
    let clock = Clock::starting_at(state.record.at);
    let archive: Arc<dyn Archive> = Arc::new(Past::open(&settings.storage.path)?);
    let documents = Documents::start(
        DocumentSettings { cache_bytes: settings.server.document_cache_bytes, ..DocumentSettings::default() },
        render(Arc::clone(&archive)),
    )?;
    let health = Arc::new(Health::new(LOOP_STOPPED_AFTER));
    let shared = Arc::new(Shared {
        measurements: ArcSwap::default(),
        operations: ArcSwap::default(),
        log_lines_dropped: start.log_lines_dropped,
    });
    let (desk, asked) = mpsc::channel(WAITING_MAX);
    let mut config = server_config(settings, adopt.as_ref().unwrap_or_else(|| state.catalogue()), descriptors);
    config.admin = Some(admin(settings, desk.clone())?);
    let server = start_server(config, &documents, &health, &metrics, &shared)?;
    let prober = Rc::new(Prober::new(&settings.probing, &settings.secrets, descriptors.probes())?);
    let references =
        settings.references.iter().map(|r| prober.prepare_one(&r.probe, settings.probing.timeout)).collect();
    let exporter = match &settings.export {
        Some(export) => {
            let gauge = metrics.export_last_run_successful.clone();
            let succeeded = move |well: bool| gauge.set(i64::from(well));
            Some(Exporter::start(export, Arc::clone(&archive), succeeded)?)
        }
        None => None,
    };
    metrics.export_last_run_successful.set(1);
    let notifier =
        notifier(settings, adopt.as_ref().unwrap_or_else(|| state.catalogue()), state.record.position, &metrics)?;
    let acks = Arc::new(Acks::default());
    let writer = {
        let acks = Arc::clone(&acks);
        let options = WriterOptions { retain_results: settings.storage.retain_results, pages_max: None };
        store.into_writer(options, move |ack| acks.push(ack))?
    };
    state.record.at = state.record.at.max(clock.now());
    let core = Core::new(Parts {
        clock,
        state,
        prober,
        references,
        outbox: Outbox::new(writer, Arc::clone(&acks), documents, exporter, notifier),
        metrics,
        health: Arc::clone(&health),
        shared,
        config_stale,
        recovered: recovered || salvaged,
    });
    (start.started)(&Running { listen: server.local_addr(), metrics_listen: server.metrics_addr(), desk });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = LocalSet::new()
        .block_on(&runtime, run_loop(core, adopt, &acks, asked, (settings, start.watched), &server, health));
    runtime.shutdown_background();
    server.shutdown();
    result
}

/// `turmwacht export`: writes into a folder what a start at this moment would publish, beside a running
/// server if there is one.
///
/// # Errors
/// If the store or the folder cannot be used.
pub fn export(store: &Path, folder: &Path, told: &mut dyn FnMut(usize, usize)) -> Result<Exported, AppFault> {
    let restored = Store::open_beside(store)?.restore()?;
    let mut state = fold(&restored, State::apply).map_err(|_position| AppFault::Log)?;
    if state.record.catalogue_version == 0 {
        return Err(AppFault::Empty);
    }
    let at = Clock::starting_at(state.record.at).now();
    // What has expired meanwhile is decided as a start would decide it, and recorded nowhere.
    state.step(Vec::new(), at);
    let snapshot = state.snapshot(at, &[], true);
    let archive = Past::open(store)?;
    Ok(export::export(folder, &snapshot, &archive, told)?)
}

/// The loop, until a signal ends it.
async fn run_loop(
    mut core: Core,
    mut adopt: Option<Arc<Catalogue>>,
    acks: &Acks,
    mut desk: mpsc::Receiver<Asked>,
    (settings, watched): (&Settings, Option<Watched>),
    server: &server::ServerHandle,
    health: Arc<Health>,
) -> Result<(), AppFault> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let landing = core.landing();
    let patterns = watched.as_ref().map(|watched| watched.patterns.clone()).unwrap_or_default();
    let mut taken = Taken { settings: settings.clone(), patterns };
    let mut watch = watched.map(Watch::start).transpose()?;
    let mut supervisor = Supervisor::start(health)?;
    let mut told = false;
    let mut planned = monotonic();
    let mut asked = Vec::new();
    let result = loop {
        if !server.is_running() {
            break Err(AppFault::ServerDied);
        }
        if !core.outbox.is_telling() {
            break Err(AppFault::NotifierDied);
        }
        if core.outbox.is_overfull() {
            break Err(AppFault::Undurable);
        }
        core.turn(planned, adopt.take(), std::mem::take(&mut asked));
        if !std::mem::replace(&mut told, true) {
            supervisor.ready(summary(core.catalogue(), core.is_config_stale()));
        }
        let earliest = monotonic() + TURN_EVERY;
        planned = core.next_turn().max(earliest);
        tokio::select! {
            biased;
            _ = terminate.recv() => break Ok(()),
            _ = interrupt.recv() => break Ok(()),
            _ = hang_up.recv() => {
                if let Some(watch) = &watch {
                    supervisor.reloading();
                    watch.read_again();
                }
            }
            Some(reading) = Watch::next(&mut watch) => {
                adopt = reloaded(&mut core, reading, &mut taken);
                told = false;
            }
            Some(one) = desk.recv() => asked.push(one),
            () = landing.arrived.notified() => {}
            () = acks.arrived.notified() => {}
            () = tokio::time::sleep_until(planned.into()) => {}
        }
        tokio::time::sleep_until(earliest.into()).await;
        while let Ok(one) = desk.try_recv() {
            asked.push(one);
        }
    };
    tracing::info!("stopping");
    supervisor.stopping();
    core.shutdown();
    result
}

/// What is watched, in a few words for the service manager.
fn summary(catalogue: &Catalogue, is_stale: bool) -> String {
    let (organisations, components) = (catalogue.organisations.len(), catalogue.components.len());
    let faults = if is_stale { "; the files have faults, as before is watched" } else { "" };
    format!("organisations: {organisations}, components: {components}, checks: {}{faults}", catalogue.checks.len())
}

/// What the store knows of editors, through a connection beside the writer's.
struct Keys {
    path: PathBuf,
    tokens: Mutex<Tokens>,
}

impl Keys {
    fn tokens(&self) -> MutexGuard<'_, Tokens> {
        // Its methods for reading leave nothing half done.
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Authenticate for Keys {
    fn authenticate(&self, bearer: &str) -> Result<Option<Editor>, String> {
        self.tokens().authenticate(bearer, system_time()).map_err(|fault| fault.to_string())
    }

    fn standing(&self, token: &str) -> Result<Option<Editor>, String> {
        self.tokens().standing(token, system_time()).map_err(|fault| fault.to_string())
    }

    fn answer(&self, token: &str, key: &str) -> Result<Option<StoredAnswer>, String> {
        self.tokens().answer(token, key, system_time()).map_err(|fault| fault.to_string())
    }

    fn audit(&self, before: Option<i64>, limit: u32) -> Result<serde_json::Value, String> {
        audit::page(&self.path, before, limit).map_err(|fault| fault.to_string())
    }

    fn record(&self, record: &AuditRecord) -> Result<(), String> {
        self.tokens().record(record).map_err(|fault| fault.to_string())
    }
}

/// Who tells people and programs, if anybody is to be told.
fn notifier(
    settings: &Settings,
    catalogue: &Arc<Catalogue>,
    position: u64,
    metrics: &Metrics,
) -> Result<Option<Notifier>, AppFault> {
    if settings.notify.is_empty() {
        return Ok(None);
    }
    let order = Order {
        store: settings.storage.path.clone(),
        ways: Ways::new(settings, &catalogue.site.feed_authority).map_err(AppFault::Notify)?,
        recipients: settings.notify.recipients.clone(),
        metrics: metrics.clone(),
        catalogue: Arc::clone(catalogue),
        position,
    };
    Ok(Some(Notifier::start(order)?))
}

/// Renders from the snapshot at hand and from what the store knows of the past.
fn render(past: Arc<dyn Archive>) -> Render {
    Arc::new(move |snapshot, target| publish::render_with(snapshot, &*past, target))
}

/// How editors get in.
fn admin(settings: &Settings, desk: Desk) -> Result<Admin, StoreFault> {
    let path = settings.storage.path.clone();
    let tokens = Mutex::new(Tokens::open(&path)?);
    Ok(Admin {
        tokens: Arc::new(Keys { path, tokens }),
        desk,
        listen: settings.server.admin_listen,
        trusted_proxies: settings.server.trusted_proxies.clone(),
        oidc: settings.oidc.clone(),
    })
}

fn server_config(settings: &Settings, catalogue: &Catalogue, descriptors: Descriptors) -> ServerConfig {
    let connections = descriptors.connections(&settings.server);
    let mut config = ServerConfig::new(settings.server.listen, catalogue.site.public_url.clone(), connections);
    config.metrics_listen = settings.server.metrics_listen;
    config.max_side_connections = descriptors.side_connections();
    config.trusted_proxies.clone_from(&settings.server.trusted_proxies);
    config.max_streams = settings.server.max_sse;
    config.hosts = catalogue
        .organisations
        .iter()
        .flat_map(|o| o.hosts.iter().map(|host| (host.clone(), Some(o.id.to_string()))))
        .collect();
    config
}

fn start_server(
    config: ServerConfig,
    documents: &Arc<Documents>,
    health: &Arc<Health>,
    metrics: &Metrics,
    shared: &Arc<Shared>,
) -> Result<server::ServerHandle, AppFault> {
    let public = {
        let (shared, metrics) = (Arc::clone(shared), metrics.clone());
        move |openmetrics: bool, out: &mut Vec<u8>, full: metrics::Full<'_>| {
            write_own(&metrics, openmetrics, out);
            metrics::write(&shared.measurements.load(), None, openmetrics, out, full);
        }
    };
    let internal = {
        let (shared, metrics) = (Arc::clone(shared), metrics.clone());
        move |openmetrics: bool, out: &mut Vec<u8>, full: metrics::Full<'_>| {
            let operations = shared.operations.load();
            write_own(&metrics, openmetrics, out);
            metrics::write(&operations.measurements, Some(&operations.targets), openmetrics, out, full);
        }
    };
    Ok(server::start(config, Arc::clone(documents), Arc::clone(health), metrics, Arc::new(public), Arc::new(internal))?)
}

/// The program's own families.
fn write_own(metrics: &Metrics, openmetrics: bool, out: &mut Vec<u8>) {
    if openmetrics { metrics.write_openmetrics(out) } else { metrics.write(out) }
}
