//! `blackbox_exporter`: its modules, and the targets that Prometheus gives them.
//!
//! What a file is follows from what is in it: `modules` (blackbox.yml), `scrape_configs`
//! (prometheus.yml), or a list of targets, as `file_sd_configs` name them. A target becomes a
//! component with one check for each job that asks it. Modules are read in `module`.

mod module;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;
use std::time::Duration;

use super::assembly::assemble;
use super::draft::{Check, Credential, Entry, Found, Timing};
use super::name::{Ids, one_line};
use super::report::Report;
use super::yaml::{Node, parse};
use super::{ENTRIES_MAX, Fault, Options, Outcome, Source, go};
use crate::model::status::ComponentKind;

/// What Prometheus takes where nothing is set.
const SCRAPE_INTERVAL: Duration = Duration::from_secs(60);
const SCRAPE_TIMEOUT: Duration = Duration::from_secs(10);
/// What `blackbox_exporter` leaves of Prometheus' timeout for the way back.
const TIMEOUT_OFFSET: Duration = Duration::from_millis(500);
/// Most jobs of a file; most patterns of file names of a job; most checks of a target.
const JOBS_MAX: usize = 1_000;
const PATTERNS_MAX: usize = 50;
const CHECKS_MAX: usize = 50;
/// Longest pattern of a file name.
const PATTERN_BYTES_MAX: usize = 500;

/// One probe that Prometheus asks for.
struct Asked {
    job: String,
    module: String,
    target: String,
    interval: Duration,
    timeout: Duration,
    place: String,
}

/// What all files say together.
#[derive(Default)]
struct Known {
    /// Modules by name, with the name of their file.
    modules: BTreeMap<String, (String, Rc<Node>)>,
    asked: Vec<Asked>,
    /// Names of files with targets that a job has named.
    used: HashSet<String>,
}

/// Imports modules, jobs and targets.
pub fn import(sources: &[Source<'_>], options: &Options) -> Result<Outcome, Fault> {
    let mut report = Report::default();
    let mut known = Known::default();
    let mut configs = Vec::new();
    let mut targets: Vec<(String, Rc<Node>)> = Vec::new();
    for source in sources {
        let root = parse(source)?;
        let file = one_line(source.name, 200);
        if root.list().is_some() {
            targets.push((file, root));
        } else if let Some(modules) = root.get("modules").filter(|modules| modules.is_map()) {
            for (name, node) in modules.entries() {
                known.modules.insert(name.clone(), (file.clone(), Rc::clone(node)));
            }
        } else if root.get("scrape_configs").is_some() {
            configs.push((file, root));
        } else {
            let why = "it has no `modules` and no `scrape_configs`, and is no list of targets";
            return Err(source.broken("a file of blackbox_exporter or Prometheus", why));
        }
    }
    for (file, root) in &configs {
        jobs(file, root, &targets, &mut known, &mut report)?;
    }
    for (file, _) in targets.iter().filter(|(file, _)| !known.used.contains(file)) {
        report.notes.push(format!("{file}: no job that was given names this file in `file_sd_configs`"));
    }
    if configs.is_empty() {
        report.notes.push("modules say how to ask, not whom: give prometheus.yml, too".to_owned());
    }
    let mut unused: Vec<&String> = known.modules.keys().collect();
    unused.retain(|name| known.asked.iter().all(|asked| asked.module != **name));
    if !unused.is_empty() && !configs.is_empty() {
        let names: Vec<String> = unused.iter().map(|name| one_line(name, 60)).collect();
        report.notes.push(format!("no job uses the modules {}", names.join(", ")));
    }
    let entries = components(&known);
    assemble("the configuration of blackbox_exporter", entries, Vec::new(), report, options)
}

/// Reads the jobs of one prometheus.yml that ask through a module.
fn jobs(
    file: &str,
    root: &Node,
    targets: &[(String, Rc<Node>)],
    known: &mut Known,
    report: &mut Report,
) -> Result<(), Fault> {
    let global = root.get("global");
    let time = |node: &Node, key: &str, default: Duration| {
        let own = node.text_of(key).and_then(go::duration);
        own.or_else(|| global?.text_of(key).and_then(go::duration)).filter(|time| !time.is_zero()).unwrap_or(default)
    };
    let all = root.list_of("scrape_configs");
    if all.len() > JOBS_MAX {
        report.notes.push(format!("{file}: only the first {JOBS_MAX} jobs were read"));
    }
    for node in all.iter().take(JOBS_MAX) {
        let job = node.text_of("job_name").unwrap_or_default().to_owned();
        let module = node.get("params").and_then(|params| params.list_of("module").first()?.text());
        let Some(module) = module.filter(|_| node.text_of("metrics_path").is_none_or(|path| path.ends_with("/probe")))
        else {
            report.notes.push(format!(
                "{file}:{}: the job {} asks no module and is not carried over",
                node.line,
                one_line(&job, 60)
            ));
            continue;
        };
        let interval = time(node, "scrape_interval", SCRAPE_INTERVAL);
        let timeout = time(node, "scrape_timeout", SCRAPE_TIMEOUT.min(interval));
        let mut groups: Vec<(&str, &Node)> =
            node.list_of("static_configs").iter().map(|group| (file, &**group)).collect();
        for discovery in node.list_of("file_sd_configs").iter().take(PATTERNS_MAX) {
            for pattern in discovery.list_of("files").iter().filter_map(|pattern| pattern.text()).take(PATTERNS_MAX) {
                let found = targets.iter().filter(|(name, _)| is_named(name, pattern));
                let before = groups.len();
                for (name, list) in found {
                    known.used.insert(name.clone());
                    groups.extend(list.list().unwrap_or_default().iter().map(|group| (name.as_str(), &**group)));
                }
                if groups.len() == before {
                    report.notes.push(format!(
                        "{file}:{}: give the files {} of the job {}, too",
                        node.line,
                        one_line(pattern, 100),
                        one_line(&job, 60)
                    ));
                }
            }
        }
        for (key, _) in
            node.entries().iter().filter(|(key, _)| key.ends_with("_sd_configs") && key != "file_sd_configs")
        {
            report.notes.push(format!("{file}:{}: what `{}` finds is not known here", node.line, one_line(key, 60)));
        }
        for (file, group) in groups.into_iter().take(ENTRIES_MAX) {
            let own = group.get("labels").and_then(|labels| labels.text_of("__param_module"));
            for target in group.list_of("targets") {
                if known.asked.len() >= ENTRIES_MAX {
                    return Err(Fault::TooMany);
                }
                known.asked.push(Asked {
                    job: job.clone(),
                    module: own.unwrap_or(module).to_owned(),
                    target: target.text().unwrap_or_default().trim().to_owned(),
                    interval,
                    timeout,
                    place: format!("{file}:{}", target.line),
                });
            }
        }
    }
    Ok(())
}

/// Whether a pattern of `file_sd_configs` may mean a file; folders are not compared.
fn is_named(file: &str, pattern: &str) -> bool {
    let last = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    pattern.len() <= PATTERN_BYTES_MAX
        && glob::Pattern::new(&last(pattern)).is_ok_and(|pattern| pattern.matches(&last(file)))
}

/// A component for each target, a check for each job and module that asks it.
fn components(known: &Known) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut by_target: HashMap<&str, (Found, Ids)> = HashMap::new();
    let mut order: Vec<&str> = Vec::new();
    for asked in &known.asked {
        match read(asked, known) {
            Err(why) => {
                let name = one_line(&shown(&asked.target), 150);
                let job = one_line(&asked.job, 60);
                entries.push(Entry::Left(format!("{name} ({}, job {job})", asked.place), why));
            }
            Ok(read) => {
                let (found, ids) = by_target.entry(&asked.target).or_insert_with(|| {
                    order.push(&asked.target);
                    (empty(asked, read.kind), Ids::default())
                });
                if let Err(left) = merge(found, ids, read, asked) {
                    entries.push(left);
                }
            }
        }
    }
    for target in order {
        if let Some((found, _)) = by_target.remove(target) {
            entries.push(Entry::Found(Box::new(found)));
        }
    }
    entries
}

/// A target by host and path: without scheme, and without credentials, query and fragment, which
/// may be secrets.
fn shown(target: &str) -> String {
    let name = target.split_once("://").map_or(target, |(_, rest)| rest);
    let name = name.split(['?', '#']).next().unwrap_or_default();
    let (host, path) = name.split_once('/').unwrap_or((name, ""));
    let host = host.rsplit('@').next().unwrap_or(host);
    if path.is_empty() { host.to_owned() } else { format!("{host}/{path}") }
}

fn empty(asked: &Asked, kind: ComponentKind) -> Found {
    Found {
        name: shown(&asked.target),
        place: asked.place.clone(),
        key: asked.target.clone(),
        group: None,
        kind,
        checks: Vec::new(),
        remarks: Vec::new(),
        comments: Vec::new(),
        credentials: Vec::new(),
    }
}

/// Adds a check to its target, unless there is one that asks the same.
fn merge(found: &mut Found, ids: &mut Ids, read: Read, asked: &Asked) -> Result<(), Entry> {
    let comment = format!("job {}, module {}", asked.job, asked.module);
    if found.checks.len() >= CHECKS_MAX {
        let entry = format!("{} ({}, {})", found.name, asked.place, one_line(&comment, 120));
        return Err(Entry::Left(entry, "the target has 50 checks already".to_owned()));
    }
    let mut check = read.check;
    let asks_the_same =
        |known: &Check| (&known.probe, &known.timing, &known.expect) == (&check.probe, &check.timing, &check.expect);
    // Two that send different secrets may look the same here.
    if read.credentials.is_empty() && found.checks.iter().any(asks_the_same) {
        found.comments.push(format!("{comment}: asks the same"));
        return Ok(());
    }
    check.id = ids.take(&asked.module, "check", &format!("{}\n{}", asked.job, asked.module));
    found.comments.push(format!("{comment}: check {}", check.id));
    let index = found.checks.len();
    found.checks.push(check);
    found.credentials.extend(read.credentials.into_iter().map(|credential| Credential { check: index, ..credential }));
    found.remarks.extend(read.remarks.into_iter().map(|remark| format!("{}: {remark}", one_line(&asked.module, 60))));
    Ok(())
}

/// A check as a module asks it of a target.
struct Read {
    kind: ComponentKind,
    check: Check,
    remarks: Vec<String>,
    credentials: Vec<Credential>,
}

fn read(asked: &Asked, known: &Known) -> Result<Read, String> {
    let (_, node) = known.modules.get(&asked.module).ok_or_else(|| {
        format!("the module `{}` is in none of the files: give blackbox.yml, too", one_line(&asked.module, 60))
    })?;
    let left = asked.timeout.saturating_sub(TIMEOUT_OFFSET).max(Duration::from_millis(10));
    let own = match node.text_of("timeout") {
        Some(text) => Some(go::duration(text).ok_or("the timeout of its module cannot be read")?),
        None => None,
    };
    let timeout = own.filter(|own| !own.is_zero()).map_or(left, |own| own.min(left));
    let (timing, mut remarks) = Timing::of(asked.interval, timeout);
    let mut read = module::read(node, &asked.target, timing)?;
    remarks.append(&mut read.remarks);
    Ok(Read { remarks, ..read })
}
