//! `blackbox_exporter`: its modules, and the targets that Prometheus gives them.
//!
//! What a file is follows from what is in it: `modules` (blackbox.yml), `scrape_configs`
//! (prometheus.yml), or a list of targets, as `file_sd_configs` name them. A target becomes a
//! component with one check for each job that asks it. Modules are read in `module`.

mod module;
mod relabel;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;
use std::time::Duration;

use relabel::{ADDRESS, MODULE, Rules, TARGET, VALUE_BYTES_MAX};

use super::assembly::assemble;
use super::bounds::{Weight, judge_form};
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
/// What the exporter takes where no module is named.
const DEFAULT_MODULE: &str = "http_2xx";
/// Most jobs of a file; most patterns of file names of a job; most checks of a target.
const JOBS_MAX: usize = 1_000;
const PATTERNS_MAX: usize = 50;
const CHECKS_MAX: usize = 50;
/// Longest name of a job, in characters.
const JOB_CHARS_MAX: usize = 60;
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
    /// Targets that were looked at.
    targets: usize,
    /// Which lists of targets a job has named.
    used: BTreeSet<usize>,
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
    for (_, (file, _)) in (0..).zip(&targets).filter(|(index, _)| !known.used.contains(index)) {
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
    let entries = components(&known)?;
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
        let job = one_line(node.text_of("job_name").unwrap_or_default(), JOB_CHARS_MAX);
        let rules = Rules::of(node, |line, what| report.notes.push(format!("{file}:{line}: {what}")));
        let probes = node.text_of("metrics_path").is_none_or(|path| path.ends_with("/probe"));
        if !probes || (parameter(node, "module").is_none() && !rules.writes(MODULE)) {
            report.notes.push(format!("{file}:{}: the job {job} asks no module and is not carried over", node.line));
            continue;
        }
        let interval = time(node, "scrape_interval", SCRAPE_INTERVAL);
        let timeout = time(node, "scrape_timeout", SCRAPE_TIMEOUT.min(interval));
        for (key, _) in
            node.entries().iter().filter(|(key, _)| key.ends_with("_sd_configs") && key != "file_sd_configs")
        {
            report.notes.push(format!("{file}:{}: what `{}` finds is not known here", node.line, one_line(key, 60)));
        }
        let listed = listed(file, node, &job, targets, known, report);
        let lists = listed.iter().filter_map(|index| targets.get(*index));
        let groups = lists.flat_map(|(name, list)| {
            list.list().unwrap_or_default().iter().map(move |group| (name.as_str(), &**group))
        });
        let own = node.list_of("static_configs").iter().map(|group| (file, &**group));
        for (index, (file, group)) in own.chain(groups).enumerate() {
            let addresses = group.list_of("targets");
            if index >= ENTRIES_MAX || known.targets + addresses.len() > ENTRIES_MAX {
                return Err(Fault::TooMany);
            }
            known.targets += addresses.len();
            for address in addresses {
                let place = format!("{file}:{}", address.line);
                match asks(node, &rules, group, address.text().unwrap_or_default().trim()) {
                    Ok((target, module)) => {
                        known.asked.push(Asked { job: job.clone(), module, target, interval, timeout, place });
                    }
                    Err((shown, why)) => report.leave(format!("{shown} ({place}, job {job})"), why),
                }
            }
        }
    }
    Ok(())
}

/// The first value of a parameter of a job.
fn parameter<'n>(job: &'n Node, name: &str) -> Option<&'n str> {
    job.get("params")?.list_of(name).first()?.text()
}

/// Which of the lists of targets a job names, each once.
fn listed(
    file: &str,
    job: &Node,
    name: &str,
    targets: &[(String, Rc<Node>)],
    known: &mut Known,
    report: &mut Report,
) -> BTreeSet<usize> {
    let mut listed = BTreeSet::new();
    let discoveries = job.list_of("file_sd_configs").iter();
    let patterns: Vec<&str> = discoveries
        .flat_map(|discovery| discovery.list_of("files"))
        .filter_map(|pattern| pattern.text())
        .take(PATTERNS_MAX + 1)
        .collect();
    if patterns.len() > PATTERNS_MAX {
        let what = format!("only the first {PATTERNS_MAX} patterns of files of the job {name} were read");
        report.notes.push(format!("{file}:{}: {what}", job.line));
    }
    for pattern in patterns.into_iter().take(PATTERNS_MAX) {
        let named: Vec<usize> =
            (0..).zip(targets).filter(|(_, (name, _))| is_named(name, pattern)).map(|(i, _)| i).collect();
        if named.is_empty() {
            let pattern = one_line(pattern, 100);
            report.notes.push(format!("{file}:{}: give the files {pattern} of the job {name}, too", job.line));
        }
        listed.extend(named);
    }
    known.used.extend(&listed);
    listed
}

/// Whom a job asks for an address of a group, and through which module; or why it does not, with what the address
/// is shown as.
fn asks<'n>(
    job: &'n Node,
    rules: &Rules<'n>,
    group: &'n Node,
    address: &'n str,
) -> Result<(String, String), (String, &'static str)> {
    if address.len() > VALUE_BYTES_MAX {
        return Err(("a target".to_owned(), "it is longer than 2,000 bytes"));
    }
    let labels = group.get("labels");
    let given = |name: &'n str| match name {
        ADDRESS => address,
        "job" => job.text_of("job_name").unwrap_or_default(),
        _ => labels
            .and_then(|labels| labels.text_of(name))
            .or_else(|| parameter(job, name.strip_prefix("__param_")?))
            .unwrap_or_default(),
    };
    let left = |why| (one_line(&shown(address), 150), why);
    let mut written = rules.follow(given).map_err(left)?;
    let mut value = |name| written.remove(name).unwrap_or_else(|| given(name).to_owned());
    let (target, module) = (value(TARGET), value(MODULE));
    if target.len() > VALUE_BYTES_MAX || module.len() > VALUE_BYTES_MAX {
        return Err(left("its target or module is longer than 2,000 bytes"));
    }
    // Without a parameter, the exporter takes this one.
    let module = if module.is_empty() { DEFAULT_MODULE.to_owned() } else { module };
    Ok((if target.is_empty() { address.to_owned() } else { target }, module))
}

/// Whether a pattern of `file_sd_configs` may mean a file; folders are not compared.
fn is_named(file: &str, pattern: &str) -> bool {
    let last = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    pattern.len() <= PATTERN_BYTES_MAX
        && glob::Pattern::new(&last(pattern)).is_ok_and(|pattern| pattern.matches(&last(file)))
}

/// A component for each target, a check for each job and module that asks it.
fn components(known: &Known) -> Result<Vec<Entry>, Fault> {
    let mut entries = Vec::new();
    let mut weight = Weight::default();
    let mut by_target: HashMap<&str, (Found, Ids)> = HashMap::new();
    let mut order: Vec<&str> = Vec::new();
    for asked in &known.asked {
        match read(asked, known) {
            Err(why) => {
                let name = one_line(&shown(&asked.target), 150);
                entries.push(Entry::Left(format!("{name} ({}, job {})", asked.place, asked.job), why));
            }
            Ok(read) => {
                weight.add(&read.check)?;
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
    Ok(entries)
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
    judge_form(&read.check)?;
    remarks.append(&mut read.remarks);
    Ok(Read { remarks, ..read })
}
