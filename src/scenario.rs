//! Scenario files: a catalogue, what its targets do when, and what the public must read then.
//!
//! A scenario is data, in TOML: the tables of a probe file, and beside them `[scenario]`,
//! `[[timeline]]`, `[[fault]]` and `[[expect]]`. What a target does is a function of time, so that
//! a replay in simulated time and a demo on real sockets play the same story.

mod notice;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::config;
use crate::model::catalogue::Catalogue;
use crate::model::time::{Timestamp, parse_duration};
use crate::model::verdict::{Reason, Verdict};
use crate::model::window::When;
pub use crate::scenario::notice::{Golden, Notice};
use crate::scenario::notice::{Pointers, RawGolden, RawNotice};

/// The scenarios that the program knows by name.
pub const BUILT_IN: &[(&str, &str)] = &[
    ("hattingen-2023", include_str!("../tests/scenarios/hattingen-2023.toml")),
    ("tangerhuette-2023", include_str!("../tests/scenarios/tangerhuette-2023.toml")),
    ("tangerhuette-2020", include_str!("../tests/scenarios/tangerhuette-2020.toml")),
    ("menden-2023", include_str!("../tests/scenarios/menden-2023.toml")),
    ("geesthacht-2021", include_str!("../tests/scenarios/geesthacht-2021.toml")),
];

/// The tables of a scenario that are no catalogue.
const OWN_TABLES: &[&str] = &["scenario", "timeline", "notice", "fault", "expect", "golden"];

/// A scenario, ready to play.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// What it tells, in one sentence.
    pub title: String,
    /// When it begins.
    pub start: Timestamp,
    /// When it ends.
    pub until: Timestamp,
    /// Its time zone.
    pub zone: TimeZone,
    /// What is declared.
    pub catalogue: Catalogue,
    /// What targets do.
    pub world: World,
    /// What editors do, by time.
    pub notices: Vec<Notice>,
    /// What happens to us.
    pub faults: Vec<Fault>,
    /// Outputs that are kept, by time.
    pub goldens: Vec<Golden>,
    /// What must be read, by time.
    pub expectations: Vec<Expectation>,
}

/// Why a scenario cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioFault {
    /// Neither a built-in name nor a file.
    #[error("there is no scenario `{name}`; built in are: {known}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// Its own tables are faulty.
    #[error("{0}")]
    Tables(String),
    /// Its catalogue is faulty: a rendered report.
    #[error("{0}")]
    Catalogue(String),
}

/// What one probe of a target finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// It works.
    Up,
    /// It fails, or answers slowly, or turns us away, for this reason.
    Fails(Reason),
}

impl Condition {
    /// The verdict and reason of a probe that finds this.
    pub const fn judged(self) -> (Verdict, Option<Reason>) {
        match self {
            Self::Up => (Verdict::Up, None),
            Self::Fails(reason) => (reason.verdict(), Some(reason)),
        }
    }

    fn parse(word: &str) -> Option<Self> {
        match word {
            "up" => Some(Self::Up),
            "down" => Some(Self::Fails(Reason::Timeout)),
            "fault" => Some(Self::Fails(Reason::ProbeFault)),
            reason => Reason::parse(reason).map(Self::Fails),
        }
    }
}

/// What targets do over time, by check index. Offsets count from the start.
#[derive(Debug, Clone, Default)]
pub struct World {
    checks: BTreeMap<u32, Vec<(Duration, Condition)>>,
    references: Vec<(Duration, Condition)>,
}

impl World {
    /// What a probe of a check finds at an offset from the start.
    pub fn check(&self, check: u32, offset: Duration) -> Condition {
        at(self.checks.get(&check).map_or(&[], Vec::as_slice), offset)
    }

    /// Whether the references answer at an offset from the start.
    pub fn references(&self, offset: Duration) -> bool {
        at(&self.references, offset) == Condition::Up
    }

    /// Every instant at which something changes.
    pub fn changes(&self) -> impl Iterator<Item = Duration> {
        self.checks.values().flatten().chain(&self.references).map(|(offset, _)| *offset)
    }
}

fn at(changes: &[(Duration, Condition)], offset: Duration) -> Condition {
    let known = changes.partition_point(|(from, _)| *from <= offset);
    known.checked_sub(1).and_then(|last| changes.get(last)).map_or(Condition::Up, |(_, condition)| *condition)
}

/// Something that happens to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// When, from the start.
    pub at: Duration,
    /// What.
    pub kind: FaultKind,
}

/// What happens to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// Our uplink is cut until then: targets and references fail.
    Uplink(Duration),
    /// Our clock is set by so many milliseconds.
    Clock(i64),
    /// We are killed and started again at once.
    Kill,
}

/// What must be read at a time.
#[derive(Debug, Clone)]
pub struct Expectation {
    /// When, from the start.
    pub at: Duration,
    /// What.
    pub what: Expect,
}

/// One `[[expect]]`. Everything given must hold.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    at: Option<toml::Value>,
    /// A component …
    pub component: Option<String>,
    /// … as this organisation's page shows it.
    pub organisation: Option<String>,
    /// Its status.
    pub status: Option<String>,
    /// Its evidence.
    pub evidence: Option<String>,
    /// What affects it, the worst direct parent; `"nothing"` for nothing.
    pub affected_by: Option<String>,
    /// The root of the path, by name or id.
    pub cause: Option<String>,
    /// When its status began.
    pub since: Option<toml::Value>,
    /// How many incidents are open (on the organisation's page, if one is given).
    pub open_incidents: Option<usize>,
    /// How many incidents there are, open or closed.
    pub incidents: Option<usize>,
    /// The root of the only open incident.
    pub root: Option<String>,
    /// The status of the only open incident, or of the newest.
    pub incident_status: Option<String>,
    /// When the only open incident started.
    pub started_at: Option<toml::Value>,
    /// A path whose document …
    pub path: Option<String>,
    /// … contains each of these,
    #[serde(default)]
    pub reads: Vec<String>,
    /// … and none of these.
    #[serde(default)]
    pub lacks: Vec<String>,
    /// JSON pointers into the document at `path`, and what must stand there (`"null"`: nothing).
    #[serde(default)]
    pub json: Pointers,
    /// The component's mode.
    pub mode: Option<String>,
    /// Its processing.
    pub processing: Option<String>,
    /// Whether it is released.
    pub released: Option<bool>,
    /// The state of its delivery, `"none"` for normal.
    pub delivery: Option<String>,
    /// Whether the only open incident, or the maintenance, is overdue.
    pub overdue: Option<bool>,
    /// A maintenance …
    pub maintenance: Option<String>,
    /// … and its phase; `"none"` if nobody may read of it.
    pub phase: Option<String>,
    /// How many entries the feed at `path` has, at most.
    pub entries_at_most: Option<usize>,
    /// A check …
    pub check: Option<String>,
    /// … that was probed at most so often by then.
    pub probed_at_most: Option<u32>,
}

#[derive(Deserialize)]
struct File {
    scenario: Head,
    #[serde(default)]
    timeline: Vec<Line>,
    #[serde(default)]
    notice: Vec<RawNotice>,
    #[serde(default)]
    fault: Vec<RawFault>,
    #[serde(default)]
    golden: Vec<RawGolden>,
    #[serde(default)]
    expect: Vec<Expect>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    name: String,
    title: String,
    start: toml::value::Datetime,
    until: toml::value::Datetime,
    #[serde(default = "berlin")]
    timezone: String,
}

fn berlin() -> String {
    "Europe/Berlin".to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    /// A component, a check as `component/check`, or `references`.
    target: String,
    /// From when; the scenario's start by default.
    at: Option<toml::Value>,
    /// `up*5 down*3 blocked up`: each item lasts one interval of the check, the last for good.
    results: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFault {
    at: toml::Value,
    uplink_for: Option<String>,
    clock: Option<String>,
    #[serde(default)]
    kill: bool,
}

impl Scenario {
    /// Loads a built-in scenario by name, or a file.
    ///
    /// # Errors
    /// If there is no such scenario or it is faulty; the message says where.
    pub fn load(name: &str) -> Result<Self, ScenarioFault> {
        if let Some((name, text)) = BUILT_IN.iter().find(|(known, _)| *known == name) {
            return Self::parse(name, text);
        }
        let path = Path::new(name);
        if !path.is_file() {
            let known = BUILT_IN.iter().map(|(known, _)| *known).collect::<Vec<_>>().join(", ");
            return Err(ScenarioFault::Unknown { name: name.to_owned(), known });
        }
        let text = std::fs::read_to_string(path)
            .map_err(|source| ScenarioFault::Unreadable { path: name.to_owned(), source })?;
        Self::parse(name, &text)
    }

    /// Reads a scenario from its text; `file` names it in messages.
    ///
    /// # Errors
    /// If it is faulty; the message says where.
    pub fn parse(file: &str, text: &str) -> Result<Self, ScenarioFault> {
        let tables: File = toml::from_str(text).map_err(|error| ScenarioFault::Tables(format!("{file}: {error}")))?;
        let fault = |message: String| ScenarioFault::Tables(format!("{file}: {message}"));
        let zone = TimeZone::get(&tables.scenario.timezone).map_err(|error| fault(error.to_string()))?;
        let config = format!("title = {:?}\ntimezone = {:?}\n", tables.scenario.title, tables.scenario.timezone);
        let loaded = config::from_texts_with(
            ("config.toml", &config),
            &[(file.to_owned(), text.to_owned())],
            Path::new("."),
            config::Extra { ignored_keys: OWN_TABLES, loopback: true, ..config::Extra::default() },
        )
        .map_err(|report| ScenarioFault::Catalogue(report.render(false)))?;
        let catalogue = loaded.catalogue;
        let start = instant(&tables.scenario.start, &zone).ok_or_else(|| fault("`start` is no local time".into()))?;
        let until = instant(&tables.scenario.until, &zone).ok_or_else(|| fault("`until` is no local time".into()))?;
        let offset = |value: &toml::Value| -> Result<Duration, ScenarioFault> {
            match value {
                toml::Value::String(text) => text.strip_prefix('+').and_then(parse_duration),
                toml::Value::Datetime(when) => instant(when, &zone).map(|at| at.since(start)),
                _ => None,
            }
            .ok_or_else(|| fault(format!("`{value}` is neither an offset such as \"+10m\" nor a local time")))
        };
        let mut world = World::default();
        for line in &tables.timeline {
            let from = line.at.as_ref().map_or(Ok(Duration::ZERO), &offset)?;
            add_line(&mut world, &catalogue, line, from).map_err(fault)?;
        }
        let mut faults = Vec::new();
        for raw in &tables.fault {
            let at = offset(&raw.at)?;
            let kind = match (&raw.uplink_for, &raw.clock, raw.kill) {
                (Some(length), None, false) => parse_duration(length).map(|length| FaultKind::Uplink(at + length)),
                (None, Some(by), false) => signed_millis(by).map(FaultKind::Clock),
                (None, None, true) => Some(FaultKind::Kill),
                _ => None,
            };
            let kind = kind.ok_or_else(|| fault("a fault is one of uplink_for, clock or kill".into()))?;
            faults.push(Fault { at, kind });
        }
        let mut notices = Vec::new();
        for raw in tables.notice {
            let at = offset(&raw.at)?;
            notices.push(raw.read(at).map_err(fault)?);
        }
        notices.sort_by_key(|notice| notice.at);
        let mut goldens = Vec::new();
        for RawGolden { at, paths } in tables.golden {
            goldens.push(Golden { at: offset(&at)?, paths });
        }
        goldens.sort_by_key(|golden| golden.at);
        let mut expectations = Vec::new();
        for expect in tables.expect {
            let at = expect.at.as_ref().ok_or_else(|| fault("an expectation needs `at`".into()))?;
            expectations.push(Expectation { at: offset(at)?, what: expect });
        }
        expectations.sort_by_key(|expectation| expectation.at);
        faults.sort_by_key(|fault| fault.at);
        Ok(Self {
            name: tables.scenario.name,
            title: tables.scenario.title,
            start,
            until,
            zone,
            catalogue,
            world,
            notices,
            faults,
            goldens,
            expectations,
        })
    }

    /// The instant a local date-time of the file means.
    pub fn local(&self, value: &toml::Value) -> Option<Timestamp> {
        match value {
            toml::Value::Datetime(when) => instant(when, &self.zone),
            toml::Value::String(text) => Some(self.start.plus(text.strip_prefix('+').and_then(parse_duration)?)),
            _ => None,
        }
    }
}

fn instant(when: &toml::value::Datetime, zone: &TimeZone) -> Option<Timestamp> {
    let text = when.to_string();
    if when.offset.is_some() {
        return text.parse().ok().map(Timestamp::from_jiff);
    }
    let local: jiff::civil::DateTime = text.parse().ok()?;
    When::from_local(local, zone).map(|when| when.at)
}

fn signed_millis(text: &str) -> Option<i64> {
    let (sign, length) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    Some(sign * crate::model::time::millis(parse_duration(length)?))
}

/// Adds one line of the time line: each item lasts one interval of the check it is for.
fn add_line(world: &mut World, catalogue: &Catalogue, line: &Line, from: Duration) -> Result<(), String> {
    let mut items = Vec::new();
    for item in line.results.split_whitespace() {
        let (word, times) = item.split_once('*').unwrap_or((item, "1"));
        let condition = Condition::parse(word)
            .ok_or_else(|| format!("`{word}` is no result: up, down, fault or a reason of the closed list"))?;
        let times: u32 = times.parse().map_err(|_| format!("`{item}` needs a number after `*`"))?;
        items.push((condition, times));
    }
    let spread = |interval: Duration| {
        let mut at = from;
        items
            .iter()
            .map(|&(condition, times)| {
                let begins = at;
                at += interval * times;
                (begins, condition)
            })
            .collect::<Vec<_>>()
    };
    let put = |changes: &mut Vec<(Duration, Condition)>, new: Vec<(Duration, Condition)>| {
        changes.retain(|(at, _)| *at < from);
        changes.extend(new);
    };
    if line.target == "references" {
        put(&mut world.references, spread(catalogue.watch.timeout));
        return Ok(());
    }
    let (component, check) = match line.target.split_once('/') {
        Some((component, check)) => (component, Some(check)),
        None => (line.target.as_str(), None),
    };
    let node = catalogue
        .component_index(component)
        .and_then(|index| catalogue.node(index))
        .ok_or_else(|| format!("there is no component `{component}`"))?;
    let mut any = false;
    for index in node.checks.clone() {
        let Some(declared) = catalogue.checks.get(index as usize) else { continue };
        if check.is_none_or(|check| declared.id.as_str() == check) {
            any = true;
            put(world.checks.entry(index).or_default(), spread(declared.interval));
        }
    }
    if any { Ok(()) } else { Err(format!("`{}` has no such check", line.target)) }
}
