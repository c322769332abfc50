//! A simulated county on loopback: a scenario's targets as real sockets, watched by the same
//! pipeline as everything else.
//!
//! Only the time line is compressed: its gaps and the intervals are divided by the speed. The
//! engine's clock and all published times are real.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use jiff::tz::TimeZone;

use crate::app::{self, AppFault, Start};
use crate::clock::system_time;
use crate::config;
use crate::history::token::{Order, Tokens};
use crate::model::access::Role;
use crate::model::alternative::Alternative;
use crate::model::catalogue::{Catalogue, Declared};
use crate::model::check::{HttpProbe, Probe, TlsSettings};
use crate::model::settings::Reference;
use crate::model::time::Timestamp;
use crate::model::window::When;
use crate::scenario::Scenario;

mod editors;
mod world;

/// Shortest interval that a compressed time line has.
const INTERVAL_MIN: Duration = Duration::from_secs(1);

/// Why a demo cannot run.
#[derive(Debug, thiserror::Error)]
pub enum DemoFault {
    /// The program itself cannot start.
    #[error(transparent)]
    App(#[from] AppFault),
    /// No socket or no folder for it.
    #[error("cannot set up the demo: {0}")]
    System(#[from] std::io::Error),
    /// The demo's own settings are faulty: a defect.
    #[error("{0}")]
    Config(String),
}

/// Plays a scenario until a signal ends it. `announce` gets one line when it is live.
///
/// # Errors
/// If the address is taken or sockets are not to be had.
pub fn run(
    scenario: &Scenario,
    listen: SocketAddr,
    speed: f64,
    log_lines_dropped: Arc<AtomicU64>,
    announce: impl Fn(&str) + 'static,
) -> Result<(), DemoFault> {
    let folder = Folder::create()?;
    let text = format!(
        "title = \"Status der kommunalen Online-Dienste (Demo)\"\nprobes = []\n[server]\nlisten = \"{listen}\"\npublic_url = \"http://{listen}\"\n[storage]\npath = {:?}\n[probing]\nprivate_networks = [\"127.0.0.0/8\"]\nper_host = 64\n[vantage]\nname = \"demo\"\n",
        folder.0.join("demo.db").to_string_lossy(),
    );
    let extra = config::Extra { loopback: true, ..config::Extra::default() };
    let loaded = config::from_texts_with(("demo", &text), &[], &folder.0, extra)
        .map_err(|report| DemoFault::Config(report.render(false)))?;
    let mut settings = loaded.settings;
    let site = loaded.catalogue.declared().site.clone();

    let mut declared = scenario.catalogue.declared().clone();
    declared.site = site;
    compress(&mut declared, speed);
    let line = TimeLine { start: scenario.start, now: system_time(), speed, zone: scenario.zone.clone() };
    line.plan(&mut declared);
    let world = world::World::start(scenario, speed)?;
    for (check, index) in declared.checks.iter_mut().zip(0u32..) {
        if let (Probe::Http(http), Some(address)) = (&mut check.probe, world.address(index)) {
            redirect(http, address);
        }
    }
    settings.references = vec![Reference { text: "the demo's own".to_owned(), probe: reference(world.reference())? }];
    let title = scenario.title.clone();
    let token = editors_token(&settings.storage.path)?;
    let story = scenario.clone();
    let started = move |running: &app::Running| {
        announce(&format!("{title}\nlive at http://{}/ — stop with Ctrl-C", running.listen));
        announce(&format!("to edit: TURMWACHT_SERVER=http://{} TURMWACHT_TOKEN={token}", running.listen));
        if let Err(error) = editors::start(&story, line, running.desk.clone()) {
            tracing::error!("the demo's editors cannot start: {error}");
        }
    };
    app::run(Start {
        settings,
        catalogue: Some(Catalogue::new(declared)),
        watched: None,
        log_lines_dropped,
        started: Box::new(started),
    })?;
    drop(world);
    Ok(())
}

/// Divides the intervals by the speed.
fn compress(declared: &mut Declared, speed: f64) {
    for check in &mut declared.checks {
        check.interval = check.interval.div_f64(speed).max(INTERVAL_MIN);
        check.retry_interval = check.retry_interval.div_f64(speed).max(INTERVAL_MIN).min(check.interval);
        check.timeout = check.timeout.div_f64(speed).max(INTERVAL_MIN).min(check.interval);
    }
}

/// Where the story's times lie in today's telling: as far from its start as in the story, divided
/// by the speed.
#[derive(Debug, Clone)]
struct TimeLine {
    start: Timestamp,
    now: Timestamp,
    speed: f64,
    zone: TimeZone,
}

impl TimeLine {
    fn at(&self, at: Timestamp) -> Timestamp {
        let (ahead, behind) = (at.since(self.start), self.start.since(at));
        self.now.plus(ahead.div_f64(self.speed)).minus(behind.div_f64(self.speed))
    }

    /// A time as people write it; a date that ends something is included. `None` if it is none.
    fn text(&self, text: &str, ends: bool) -> Option<String> {
        let when = match (text.parse::<jiff::Timestamp>(), text.parse::<jiff::civil::DateTime>()) {
            (Ok(at), _) => Timestamp::from_jiff(at),
            (_, Ok(_)) if text.len() == 10 => {
                let date = text.parse().ok()?;
                let when = if ends { When::through_date(date, &self.zone) } else { When::from_date(date, &self.zone) };
                when?.at
            }
            (_, Ok(local)) => When::from_local(local, &self.zone)?.at,
            _ => return None,
        };
        Some(self.at(when).to_string())
    }

    /// Planned times lie closer together than days, so they become instants.
    fn plan(&self, declared: &mut Declared) {
        let move_on = |when: &mut When| *when = When::instant(self.at(when.at));
        for maintenance in &mut declared.maintenances {
            move_on(&mut maintenance.from);
            move_on(&mut maintenance.until);
            [&mut maintenance.announced_at, &mut maintenance.last_chance_before, &mut maintenance.back_from]
                .into_iter()
                .flatten()
                .for_each(move_on);
            maintenance.components.iter_mut().filter_map(|covered| covered.until.as_mut()).for_each(move_on);
            maintenance.alternatives.iter_mut().for_each(|alternative| self.plan_alternative(alternative));
        }
        for local in &mut declared.locals {
            [&mut local.from, &mut local.until].into_iter().flatten().for_each(move_on);
            local.alternatives.iter_mut().for_each(|alternative| self.plan_alternative(alternative));
        }
        for component in &mut declared.components {
            [&mut component.available_from, &mut component.retired_at].into_iter().flatten().for_each(move_on);
            component.alternatives.iter_mut().for_each(|alternative| self.plan_alternative(alternative));
            if let Some(delivery) = &mut component.delivery {
                [&mut delivery.since, &mut delivery.until].into_iter().flatten().for_each(|at| *at = self.at(*at));
            }
        }
    }

    fn plan_alternative(&self, alternative: &mut Alternative) {
        [&mut alternative.valid_from, &mut alternative.valid_until]
            .into_iter()
            .flatten()
            .for_each(|when| *when = When::instant(self.at(when.at)));
    }
}

/// A token for whoever tries the commands on the demo.
fn editors_token(store: &Path) -> Result<String, DemoFault> {
    let order = Order { role: Role::Admin, organisations: Vec::new(), label: "demo".to_owned(), expires_at: None };
    let issued = Tokens::open(store).map_err(AppFault::from)?.issue(&order, "demo", system_time());
    issued.map(|issued| issued.text.reveal().to_owned()).map_err(|fault| DemoFault::Config(fault.to_string()))
}

/// The same question, to our own socket: the name stays, the address is ours.
fn redirect(http: &mut HttpProbe, address: SocketAddr) {
    // `set_scheme` refuses nothing between http and https.
    if http.url.scheme() == "https" {
        http.url.set_scheme("http").unwrap_or_default();
    }
    http.resolve = Some(address);
    http.tls = TlsSettings::default();
}

fn reference(address: SocketAddr) -> Result<Probe, DemoFault> {
    let url = url::Url::parse("http://reference.example/").map_err(|e| DemoFault::Config(e.to_string()))?;
    Ok(Probe::Http(HttpProbe {
        url,
        method: "GET".to_owned(),
        headers: Vec::new(),
        body: None,
        follow_redirects: false,
        resolve: Some(address),
        tls: TlsSettings::default(),
    }))
}

/// A folder of the demo's own, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn create() -> std::io::Result<Self> {
        let path = std::env::temp_dir().join(format!("turmwacht-demo-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!("cannot remove {}: {error}", self.0.display());
        }
    }
}

/// A loopback address per host, so that a hanging host keeps nobody else waiting.
fn loopback(number: u8) -> SocketAddr {
    SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::new(127, 0, 1, number.max(1)), 0))
}

/// Hosts of the scenario's checks, by name.
fn hosts(catalogue: &Catalogue) -> BTreeMap<String, Vec<u32>> {
    let mut hosts: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for (check, index) in catalogue.checks.iter().zip(0u32..) {
        if let Probe::Http(http) = &check.probe
            && let Some(host) = http.url.host_str()
        {
            hosts.entry(host.to_owned()).or_default().push(index);
        }
    }
    hosts
}
