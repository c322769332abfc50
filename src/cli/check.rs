//! `turmwacht check`: probes once now, as Nagios plugins do.

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use tokio::task::LocalSet;

use crate::clock::Clock;
use crate::config;
use crate::engine::judge::judge;
use crate::model::catalogue::Catalogue;
use crate::model::check::Phase;
use crate::model::observation::Observation;
use crate::model::verdict::{Reason, Verdict};
use crate::probe::{Freshness, Prober, observe};
use crate::publish::escape::terminal;

/// Files that a single round of probes may have open.
const DESCRIPTORS: usize = 512;

/// Probes of one round that run at a time.
const AT_A_TIME: usize = 16;

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// What to probe; everything if nothing is named.
    #[arg(value_name = "COMPONENT[/CHECK]")]
    names: Vec<String>,
    /// One JSON object a line instead of a table.
    #[arg(long)]
    json: bool,
    /// Everything that was seen, below each line.
    #[arg(long)]
    debug: bool,
}

struct Seen {
    name: String,
    target: String,
    observation: Observation,
    verdict: Verdict,
    reason: Option<Reason>,
}

/// Probes and prints. Exit code 0 up, 1 degraded or warned, 2 down, 3 unknown or bad
/// configuration.
pub(super) fn run(config_file: &Path, arguments: &Arguments) -> ExitCode {
    let loaded = match config::load(config_file) {
        Ok(loaded) => loaded,
        Err(report) => {
            super::print_error(&report.render(false));
            return ExitCode::from(3);
        }
    };
    let chosen = match choose(&loaded.catalogue, &arguments.names) {
        Ok(chosen) => chosen,
        Err(sentence) => {
            super::fail_with(&sentence);
            return ExitCode::from(3);
        }
    };
    let seen = match probe(&loaded, &chosen) {
        Ok(seen) => seen,
        Err(sentence) => {
            super::fail_with(&sentence);
            return ExitCode::from(3);
        }
    };
    for seen in &seen {
        super::print(&if arguments.json { json(seen) } else { line(seen) });
        if arguments.debug && !arguments.json {
            let details = serde_json::to_string_pretty(&seen.observation).unwrap_or_default();
            super::print(&terminal_lines(&details));
        }
    }
    ExitCode::from(seen.iter().map(code).max().unwrap_or(3))
}

/// The indexes of the checks that are named; all of them if none is.
fn choose(catalogue: &Catalogue, names: &[String]) -> Result<Vec<u32>, String> {
    if names.is_empty() {
        let all: Vec<u32> = (0u32..).take(catalogue.checks.len()).collect();
        return if all.is_empty() { Err("the catalogue holds no check".to_owned()) } else { Ok(all) };
    }
    let mut chosen = Vec::new();
    for name in names {
        let (component, check) = name.split_once('/').map_or((name.as_str(), None), |(c, k)| (c, Some(k)));
        let node = catalogue.component_index(component).and_then(|index| catalogue.node(index));
        let Some(node) = node else {
            let close = closest(component, catalogue.components.iter().map(|c| c.id.as_str()));
            return Err(format!("there is no component `{component}`{close}"));
        };
        let found: Vec<u32> = node
            .checks
            .clone()
            .filter(|&index| {
                check.is_none_or(|id| catalogue.checks.get(index as usize).is_some_and(|c| c.id.as_str() == id))
            })
            .collect();
        if found.is_empty() {
            let known = node.checks.clone().filter_map(|index| catalogue.checks.get(index as usize));
            let known: Vec<&str> = known.map(|check| check.id.as_str()).collect();
            return Err(match (check, known.is_empty()) {
                (_, true) => format!("`{component}` has no check: nothing checks it automatically"),
                (Some(check), false) => format!("`{component}` has no check `{check}`; it has: {}", known.join(", ")),
                (None, false) => format!("`{component}` has no check"),
            });
        }
        chosen.extend(found);
    }
    Ok(chosen)
}

/// "; did you mean `x`?" if something is close.
pub(super) fn closest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    known
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= name.len() / 3 + 1)
        .min()
        .map_or_else(String::new, |(_, candidate)| format!("; did you mean `{candidate}`?"))
}

fn probe(loaded: &config::Loaded, chosen: &[u32]) -> Result<Vec<Seen>, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    let prober = Prober::new(&loaded.settings.probing, &loaded.settings.secrets, DESCRIPTORS)
        .map_err(|fault| fault.to_string())?;
    let catalogue = &loaded.catalogue;
    let clock = Clock::new();
    let one = async |index: u32| {
        let check = catalogue.checks.get(index as usize)?;
        let (request, compiled) = prober.prepare_check(check);
        let facts = prober.run(&request, Freshness::Fresh, &clock).await;
        let observation = observe(&facts, check, &compiled, clock.now());
        let (verdict, reason) = judge(&observation, true);
        let name = catalogue.check_key(index)?.to_string();
        Some(Seen { name, target: check.probe.target(), observation, verdict, reason })
    };
    let mut seen = Vec::new();
    LocalSet::new().block_on(&runtime, async {
        for chunk in chosen.chunks(AT_A_TIME) {
            let mut round: Vec<_> = chunk.iter().map(|&index| Box::pin(one(index))).collect();
            let mut done: Vec<Option<Option<Seen>>> = chunk.iter().map(|_| None).collect();
            std::future::poll_fn(|context| {
                let mut pending = false;
                for (future, slot) in round.iter_mut().zip(&mut done) {
                    if slot.is_none() {
                        match future.as_mut().poll(context) {
                            std::task::Poll::Ready(value) => *slot = Some(value),
                            std::task::Poll::Pending => pending = true,
                        }
                    }
                }
                if pending { std::task::Poll::Pending } else { std::task::Poll::Ready(()) }
            })
            .await;
            seen.extend(done.into_iter().flatten().flatten());
        }
    });
    Ok(seen)
}

fn code(seen: &Seen) -> u8 {
    match seen.verdict {
        Verdict::Down => 2,
        Verdict::Unknown => 3,
        Verdict::Degraded => 1,
        Verdict::Up => u8::from(seen.observation.certificate_warning),
    }
}

/// `verdict  name  duration  phases  reason`
fn line(seen: &Seen) -> String {
    let mut line =
        format!("{:<8}  {:<40}  {:>8}  ", seen.verdict.as_str(), seen.name, milliseconds(seen.observation.duration));
    for phase in Phase::ALL {
        if let Some(time) = seen.observation.phases.get(*phase) {
            // Writing to a String cannot fail.
            write!(line, "{phase} {}  ", milliseconds(time)).unwrap_or_default();
        }
    }
    if let Some(http) = &seen.observation.http {
        write!(line, "status {}  ", http.status).unwrap_or_default();
    }
    if let Some(reason) = seen.reason {
        let detail = seen.observation.fault().map_or("", |fault| fault.detail.as_str());
        write!(line, "{reason}: {}", terminal(detail)).unwrap_or_default();
    } else if seen.observation.certificate_warning {
        line.push_str("warning: the certificate ends soon");
    }
    line.trim_end().to_owned()
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1}ms", time.as_secs_f64() * 1000.0)
}

fn json(seen: &Seen) -> String {
    let mut value = serde_json::to_value(&seen.observation).unwrap_or_default();
    if let Some(object) = value.as_object_mut() {
        object.insert("check".into(), seen.name.clone().into());
        object.insert("target".into(), seen.target.clone().into());
        object.insert("verdict".into(), seen.verdict.as_str().into());
        object.insert("reason".into(), seen.reason.map(Reason::as_str).into());
    }
    value.to_string()
}

/// Several lines for a terminal, indented.
fn terminal_lines(text: &str) -> String {
    text.lines().map(|line| format!("    {}", terminal(line))).collect::<Vec<_>>().join("\n")
}
