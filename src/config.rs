//! Files → validated model: `config.toml` and the probe files it names.
//!
//! A file is parsed with the places of all its values (`read`), its keys are walked by hand
//! (`settings`, `organisations`, `components`, `checks`, `probes`, `planned`), then all files
//! are put together (`graph`, `rights`, `plans`, `cycles`). Every fault of every file is
//! collected on the way, each with its place (`diagnostic`).
//!
//! Here lives the reading of files and the order of the steps. Watching files for changes does
//! not: the caller does that, with [`files`].

mod checks;
mod components;
mod cycles;
mod diagnostic;
mod graph;
mod look;
mod notify;
mod oidc;
mod organisations;
mod planned;
mod plans;
mod probes;
mod read;
mod references;
mod rights;
mod rrule;
mod secrets;
mod settings;
mod show;
mod svg;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

pub use diagnostic::{FAULTS_MAX, Report, Severity};

use checks::Context;
use diagnostic::{Fault, Faults, Source, Spot, quote};
use graph::{RawFile, assemble};
use read::Table;
use settings::{Operator, read_operator, read_storage};

use crate::model::catalogue::Catalogue;
use crate::model::settings::Settings;

/// Largest file that is read.
pub const FILE_BYTES_MAX: u64 = 4 << 20;
/// Most probe files.
pub const PROBE_FILES_MAX: usize = 10_000;
/// Most bytes of all files together.
const TOTAL_BYTES_MAX: u64 = 512 << 20;

/// A configuration that is in order.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The operator's settings.
    pub settings: Settings,
    /// What is declared.
    pub catalogue: Catalogue,
    /// What is accepted but worth a look.
    pub warnings: Report,
    /// Every file that was read, config.toml first.
    pub files: Vec<PathBuf>,
    /// The patterns of `probes`, and whether a file matches.
    pub patterns: BTreeMap<String, bool>,
}

/// Why a configuration is refused, by what can still be done.
#[derive(Debug, Clone)]
pub enum LoadFailure {
    /// config.toml is missing or bad: nothing can be done.
    Settings(Report),
    /// config.toml is in order, probe files are not: a last good catalogue may serve.
    Catalogue {
        /// The operator's settings.
        settings: Box<Settings>,
        /// The faults of the probe files, and all warnings.
        report: Report,
    },
}

impl LoadFailure {
    /// The faults.
    pub fn into_report(self) -> Report {
        match self {
            Self::Settings(report) | Self::Catalogue { report, .. } => report,
        }
    }
}

/// What a caller may allow beside the usual.
#[derive(Debug, Clone, Copy, Default)]
pub struct Extra<'a> {
    /// Top-level keys of a probe text that belong to the caller: a scenario's own tables.
    pub ignored_keys: &'a [&'a str],
    /// A simulated world on this machine: loopback targets are allowed, and nobody is told to
    /// name references, probe files or an imprint.
    pub loopback: bool,
    /// Values of secrets are not read: they may be there for the service alone. What is loaded so
    /// can be looked at, and serves for nothing else.
    pub without_secrets: bool,
}

/// Reads config.toml, every probe file it names, and its secrets.
pub fn load(config_file: &Path) -> Result<Loaded, Report> {
    load_or_settings(config_file).map_err(LoadFailure::into_report)
}

/// Like [`load`]; tells bad probe files from a bad config.toml.
pub fn load_or_settings(config_file: &Path) -> Result<Loaded, LoadFailure> {
    load_with(config_file, Extra::default())
}

/// Like [`load_or_settings`], with something allowed beside the usual.
pub fn load_with(config_file: &Path, extra: Extra<'_>) -> Result<Loaded, LoadFailure> {
    let config = operators_file(config_file).map_err(LoadFailure::Settings)?;
    build(config, Vec::new(), &folder(config_file), extra, true)
}

/// Where the store is: all that a command on it needs. Of config.toml only `[storage]` is judged; neither
/// secrets nor other files are read, for they may be there while the service runs and not now.
pub fn store(config_file: &Path) -> Result<PathBuf, Report> {
    let source = operators_file(config_file)?;
    let faults = Faults::default();
    let (document, _) = parse(&source.text, 0, &faults);
    let table = Table::new(document.get_ref(), Spot::new(0, 0..0), &faults);
    let storage = read_storage(table.table("storage"), &folder(config_file));
    if faults.has_errors() { Err(faults.into_report(&[source])) } else { Ok(storage.path) }
}

/// The text of config.toml.
fn operators_file(config_file: &Path) -> Result<Source, Report> {
    let name = config_file.display().to_string();
    match read_text(config_file) {
        Ok(text) => Ok(Source { name, path: Some(config_file.to_owned()), text }),
        Err(why) => {
            let help = "name the operator's file with `--config FILE`, or run in its folder";
            Err(Report::sentence(format!("{} cannot be read: {why}", quote(&name)), Some(help.to_owned())))
        }
    }
}

/// Like [`load`] with texts instead of TOML files; `probes` of the config text is not followed.
/// Secrets, certificates and logos are still read, relative to `base`.
pub fn from_texts(config: (&str, &str), probes: &[(String, String)], base: &Path) -> Result<Loaded, Report> {
    from_texts_with(config, probes, base, Extra::default())
}

/// Like [`from_texts`], with something allowed beside the usual.
pub fn from_texts_with(
    config: (&str, &str),
    probes: &[(String, String)],
    base: &Path,
    extra: Extra<'_>,
) -> Result<Loaded, Report> {
    let source = |name: &str, text: &str| Source { name: name.to_owned(), path: None, text: text.to_owned() };
    let probes = probes.iter().map(|(name, text)| source(name, text)).collect();
    build(source(config.0, config.1), probes, base, extra, false).map_err(LoadFailure::into_report)
}

/// The effective settings and the declared catalogue as JSON; every secret reads `***`.
pub fn show(loaded: &Loaded) -> serde_json::Value {
    show::show(loaded)
}

/// The files that a configuration consists of right now, config.toml first, for a watcher: also
/// where they are not in order. Reads config.toml only.
pub fn files(config_file: &Path) -> Vec<PathBuf> {
    let mut files = vec![config_file.to_owned()];
    let text = read_text(config_file).unwrap_or_default();
    let (document, _) = DeTable::parse_recoverable(&text);
    let faults = Faults::default();
    let table = Table::new(document.get_ref(), Spot::new(0, 0..0), &faults);
    let patterns = table.strings("probes");
    files.extend(expand(&patterns, &folder(config_file), &faults).0);
    files
}

/// The folder of a file; the current one if it names none.
fn folder(file: &Path) -> PathBuf {
    file.parent().map(Path::to_owned).unwrap_or_default()
}

/// The whole content of a plain file of bounded size.
fn read_text(path: &Path) -> Result<String, String> {
    let metadata = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("not a plain file".to_owned());
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err("larger than 4 MiB".to_owned());
    }
    String::from_utf8(bytes).map_err(|_| "not UTF-8".to_owned())
}

/// The files that the globs of `probes` match, sorted, each once, and whether each glob matches any.
fn expand(patterns: &[diagnostic::At<&str>], base: &Path, faults: &Faults) -> (Vec<PathBuf>, BTreeMap<String, bool>) {
    let mut found: BTreeSet<PathBuf> = BTreeSet::new();
    let mut matching = BTreeMap::new();
    for pattern in patterns {
        let absolute = Path::new(pattern.value).is_absolute();
        let prefix = glob::Pattern::escape(&base.to_string_lossy());
        let whole = match (absolute, prefix.is_empty()) {
            (true, _) | (false, true) => pattern.value.to_owned(),
            (false, false) => format!("{prefix}/{}", pattern.value),
        };
        let before = found.len();
        match glob::glob(&whole) {
            Ok(paths) => {
                let mut paths =
                    paths.filter_map(Result::ok).filter(|path| path.is_file()).take(PROBE_FILES_MAX + 1).peekable();
                matching.insert(pattern.value.to_owned(), paths.peek().is_some());
                found.extend(paths);
            }
            Err(error) => {
                let fault = Fault::error(format!("{} is no pattern for files", quote(pattern.value)));
                faults.push(fault.at(pattern.spot, error.msg).help("write something like `\"probes/*.toml\"`"));
                continue;
            }
        }
        if found.len() == before {
            let fault =
                Fault::warning(format!("{} matches no file", quote(pattern.value))).at(pattern.spot, "nothing found");
            faults.push(fault.help("the pattern is relative to the folder of config.toml"));
        }
    }
    (found.into_iter().collect(), matching)
}

/// All steps. `files` says whether the probe files are to be read.
fn build(
    config: Source,
    probes: Vec<Source>,
    base: &Path,
    extra: Extra<'_>,
    from_files: bool,
) -> Result<Loaded, LoadFailure> {
    let faults = Faults::default();
    let mut sources = vec![config];
    let config =
        sources.first().cloned().unwrap_or_else(|| Source { name: String::new(), path: None, text: String::new() });
    if config.text.len() as u64 > FILE_BYTES_MAX {
        return Err(LoadFailure::Settings(Report::sentence("config.toml is larger than 4 MiB".to_owned(), None)));
    }
    let (document, broken) = parse(&config.text, 0, &faults);
    // What is left of a broken file is still read, so that the rest is understood; what is
    // missing there would be a false fault.
    let unheard = Faults::default();
    let table = Table::new(document.get_ref(), Spot::new(0, 0..0), if broken { &unheard } else { &faults });
    let operator = read_operator(table, base, extra);
    let operator_fails = faults.has_errors();
    let mut complete = true;
    let (paths, patterns) =
        if from_files { expand(&operator.probes, base, &faults) } else { (Vec::new(), BTreeMap::new()) };
    let glob_fails = faults.has_errors() && !operator_fails;
    let mut total = config.text.len() as u64;
    if paths.len() > PROBE_FILES_MAX {
        faults.push(
            Fault::error(format!("more than {PROBE_FILES_MAX} probe files")).in_file(0).help("name fewer in `probes`"),
        );
    }
    sources.extend(probes);
    for path in paths.into_iter().take(PROBE_FILES_MAX) {
        let number = u32::try_from(sources.len()).unwrap_or(u32::MAX);
        let read = read_text(&path).and_then(|text| {
            total += text.len() as u64;
            if total > TOTAL_BYTES_MAX { Err("more than 512 MiB of files in all".to_owned()) } else { Ok(text) }
        });
        let text = read.unwrap_or_else(|why| {
            complete = false;
            faults.push(
                Fault::error(format!("a probe file cannot be read: {why}"))
                    .in_file(number)
                    .help("make it a readable TOML file, or exclude it from `probes`"),
            );
            String::new()
        });
        sources.push(Source { name: path.display().to_string(), path: Some(path), text });
    }
    let mut declared = read_probe_files(&sources, &operator, &faults, complete, extra);
    declared.logos = operator.logos.take();
    let files = sources.iter().filter_map(|source| source.path.clone()).collect();
    let settings = operator.settings;
    if operator_fails || glob_fails {
        return Err(LoadFailure::Settings(faults.into_report(&sources)));
    }
    if faults.has_errors() {
        return Err(LoadFailure::Catalogue { settings: Box::new(settings), report: faults.into_report(&sources) });
    }
    Ok(Loaded {
        settings,
        catalogue: Catalogue::new(declared),
        warnings: faults.into_report(&sources),
        files,
        patterns,
    })
}

/// Reads every source but the first and puts them together.
fn read_probe_files(
    sources: &[Source],
    operator: &Operator<'_>,
    faults: &Faults,
    mut complete: bool,
    extra: Extra<'_>,
) -> crate::model::catalogue::Declared {
    let unheard = Faults::default();
    let documents: Vec<_> = sources
        .iter()
        .zip(0u32..)
        .skip(1)
        .map(|(source, number)| {
            let (document, broken) = parse(&source.text, number, faults);
            complete &= !broken;
            (document, broken, number, source)
        })
        .collect();
    let files = documents
        .iter()
        .map(|(document, broken, number, source)| {
            let faults = if *broken { &unheard } else { faults };
            let table = Table::new(document.get_ref(), Spot::new(*number, 0..0), faults);
            let base = source.path.as_deref().map_or_else(|| operator.base.clone(), folder);
            read_probe_file(table, operator, &base, extra)
        })
        .collect();
    assemble(files, operator, faults, complete)
}

fn read_probe_file<'t>(table: Table<'t>, operator: &Operator<'_>, base: &Path, extra: Extra<'_>) -> RawFile<'t> {
    let context = Context {
        languages: &operator.site.languages,
        timing: &operator.timing,
        private_networks: &operator.settings.probing.private_networks,
        secrets: &operator.secrets,
        logos: &operator.logos,
        base,
    };
    let file = RawFile {
        organisations: table
            .tables("organisation")
            .into_iter()
            .filter_map(|t| organisations::read_organisation(t, &context))
            .collect(),
        components: table
            .tables("component")
            .into_iter()
            .flat_map(|t| components::read_component(t, &context))
            .collect(),
        maintenances: table
            .tables("maintenance")
            .into_iter()
            .filter_map(|t| planned::read_maintenance(t, &context))
            .collect(),
        locals: table.tables("local").into_iter().filter_map(|t| planned::read_local(t, &context)).collect(),
        agreements: table.tables("agreement").into_iter().filter_map(planned::read_agreement).collect(),
    };
    table.finish_but(extra.ignored_keys);
    file
}

/// Parses a text; notes every fault of its syntax and says whether there was one.
fn parse<'t>(text: &'t str, file: u32, faults: &Faults) -> (toml::Spanned<DeTable<'t>>, bool) {
    let (document, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        let fault = |error: &toml::de::Error| {
            Fault::error("this is no TOML").at(Spot::new(file, error.span().unwrap_or(0..0)), error.message())
        };
        faults.push_broken(file, errors.iter().map(fault));
    }
    (document, !errors.is_empty())
}
