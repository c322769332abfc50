//! `turmwacht import`: what another program knows, as a probe file.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::config;
use crate::history::foreign;
use crate::importing::{ENTRIES_MAX, FILE_BYTES_MAX, Fault, Options, Outcome, Source};
use crate::importing::{blackbox, gatus, open_pvog, uptime_kuma};
use crate::model::id::validate_id;
use crate::model::status::OrganisationKind;
use crate::publish::escape::terminal;

/// Most files that are read at once, and most bytes of all of them.
const FILES_MAX: usize = 1_000;
const TOTAL_BYTES_MAX: usize = 256 << 20;

/// Where the components come from.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Uptime Kuma: its database (kuma.db) or its backups (JSON).
    UptimeKuma(Arguments),
    /// Gatus: its configuration (YAML), all files of it.
    Gatus(Arguments),
    /// Prometheus' blackbox exporter: blackbox.yml, prometheus.yml and the lists of targets that it names.
    Blackbox(Arguments),
    /// The open data of PVOG: all pages of its export (CSV).
    OpenPvog {
        /// Yesterday's export or what was made of it, of which stays what was changed by hand; halts if
        /// more than a fifth of the services has appeared or vanished since. May be repeated.
        #[arg(long, value_name = "FILE")]
        previous: Vec<PathBuf>,
        #[command(flatten)]
        arguments: Arguments,
    },
}

/// What all of them know.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// What to read.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The body that owns the components.
    #[arg(long, value_name = "ID", value_parser = id)]
    organisation: String,
    /// Its name; its id if not given.
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// Its Amtlicher Regionalschlüssel, 12 digits.
    #[arg(long, value_name = "ARS", value_parser = ars)]
    ars: Option<String>,
    /// Its kind; what its ARS says, else a provider.
    #[arg(long, value_name = "KIND", value_parser = kind)]
    kind: Option<OrganisationKind>,
    /// It is declared already: leave its declaration out, to add the text to that file.
    #[arg(long)]
    declared: bool,
    /// Let everybody see the components; left out, they are internal. (PVOG's are public anyway.)
    #[arg(long)]
    public: bool,
    /// Carry checks of private addresses over, too; config.toml must allow them.
    #[arg(long)]
    private_networks: bool,
    /// Where to write; to stdout if not given.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace a file that is there; import although much has changed.
    #[arg(long)]
    force: bool,
}

fn id(text: &str) -> Result<String, String> {
    validate_id(text).map(|()| text.to_owned()).map_err(|fault| fault.to_string())
}

fn ars(text: &str) -> Result<String, String> {
    let fits = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    if fits { Ok(text.to_owned()) } else { Err("an ARS has 12 digits".to_owned()) }
}

fn kind(text: &str) -> Result<OrganisationKind, String> {
    OrganisationKind::parse(text).ok_or_else(|| {
        let known: Vec<&str> = OrganisationKind::ALL.iter().map(|kind| kind.as_str()).collect();
        format!("there are: {}", known.join(", "))
    })
}

/// A file that was read.
struct Taken {
    name: String,
    bytes: Vec<u8>,
}

/// Imports, writes and reports. Exit code 0 if anything was carried over, 1 if nothing was.
pub(super) fn run(command: &Command) -> ExitCode {
    let (arguments, imported) = match command {
        Command::UptimeKuma(arguments) => (arguments, uptime_kuma(arguments)),
        Command::Gatus(arguments) => (arguments, with_files(arguments, gatus::import)),
        Command::Blackbox(arguments) => (arguments, with_files(arguments, blackbox::import)),
        Command::OpenPvog { previous, arguments } => (arguments, open_pvog(arguments, previous)),
    };
    let outcome = match imported {
        Ok(outcome) => outcome,
        Err(sentence) => return super::fail_with(&sentence),
    };
    for line in outcome.report.lines() {
        super::print_error(&terminal(&line));
    }
    if outcome.report.components == 0 {
        return super::fail_with("nothing could be carried over");
    }
    if let Err(report) = judge(&outcome, arguments) {
        super::print_error(&report.render(false));
        return super::fail_with("what was read makes no probe file; nothing is written");
    }
    let previous = match command {
        Command::OpenPvog { previous, .. } => previous.as_slice(),
        Command::UptimeKuma(_) | Command::Gatus(_) | Command::Blackbox(_) => &[],
    };
    let Some(path) = &arguments.output else {
        super::print(outcome.text.trim_end());
        return ExitCode::SUCCESS;
    };
    // Yesterday's file is there to be replaced by today's.
    match write(path, &outcome.text, arguments.force || previous.contains(path)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => super::fail_with(&sentence),
    }
}

impl Arguments {
    fn options(&self) -> Options {
        Options {
            organisation: self.organisation.clone(),
            name: self.name.clone(),
            kind: self.kind,
            ars: self.ars.clone(),
            declared: self.declared,
            public: self.public,
            private_networks: self.private_networks,
        }
    }
}

fn uptime_kuma(arguments: &Arguments) -> Result<Outcome, String> {
    let options = arguments.options();
    let database = arguments.files.iter().find(|path| begins_as_database(path));
    let Some(path) = database else { return with_files(arguments, uptime_kuma::import_backups) };
    if arguments.files.len() > 1 {
        return Err("a database is imported by itself: name one FILE".to_owned());
    }
    let rows = foreign::read(path, &uptime_kuma::TABLES, &uptime_kuma::COLUMNS, ENTRIES_MAX)
        .map_err(|fault| fault.to_string())?;
    let mut outcome = uptime_kuma::import_rows(&rows, &options).map_err(|fault| fault.to_string())?;
    if let Some(log) = foreign::unread_beside(path) {
        outcome.report.notes.push(format!(
            "{} holds changes that were not read: stop Uptime Kuma, or copy the database with `sqlite3 kuma.db \".backup copy.db\"`",
            log.display()
        ));
    }
    Ok(outcome)
}

fn open_pvog(arguments: &Arguments, previous: &[PathBuf]) -> Result<Outcome, String> {
    let previous = take(previous)?;
    let files: Vec<Source<'_>> = previous.iter().map(Taken::source).collect();
    let previous = open_pvog::Previous { files: &files, may_differ: arguments.force };
    with_files(arguments, |sources, options| open_pvog::import(sources, previous, options))
}

fn with_files(
    arguments: &Arguments,
    import: impl FnOnce(&[Source<'_>], &Options) -> Result<Outcome, Fault>,
) -> Result<Outcome, String> {
    let files = take(&arguments.files)?;
    let sources: Vec<Source<'_>> = files.iter().map(Taken::source).collect();
    import(&sources, &arguments.options()).map_err(|fault| fault.to_string())
}

impl Taken {
    fn source(&self) -> Source<'_> {
        Source { name: &self.name, bytes: &self.bytes }
    }
}

fn begins_as_database(path: &Path) -> bool {
    let mut beginning = [0; 16];
    // To open a pipe would wait for somebody to write.
    let is_plain = std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
    is_plain
        && File::open(path).and_then(|mut file| file.read_exact(&mut beginning)).is_ok()
        && foreign::is_sqlite(&beginning)
}

/// Reads plain files, within bounds.
fn take(paths: &[PathBuf]) -> Result<Vec<Taken>, String> {
    if paths.len() > FILES_MAX {
        return Err(format!("more than {FILES_MAX} files; import fewer at a time"));
    }
    let mut taken = Vec::new();
    let mut total = 0;
    for path in paths {
        let name = path.display().to_string();
        let fail = |error: io::Error| format!("cannot read {name}: {error}");
        if !std::fs::metadata(path).map_err(fail)?.is_file() {
            return Err(format!("cannot read {name}: not a plain file"));
        }
        let mut bytes = Vec::new();
        let most = u64::try_from(FILE_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
        File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes)).map_err(fail)?;
        total += bytes.len();
        if bytes.len() > FILE_BYTES_MAX {
            return Err(Fault::TooLarge { file: name }.to_string());
        }
        if total > TOTAL_BYTES_MAX {
            return Err("more than 256 MiB of files; import fewer at a time".to_owned());
        }
        taken.push(Taken { name, bytes });
    }
    Ok(taken)
}

/// What `config check` says of the text alone. That config.toml lacks its secrets is not its fault.
fn judge(outcome: &Outcome, arguments: &Arguments) -> Result<(), config::Report> {
    let private = if arguments.private_networks { "private_networks = [\"0.0.0.0/0\", \"::/0\"]" } else { "" };
    let operator = format!("[probing]\n{private}\n");
    let probes = [("the outcome".to_owned(), outcome.judged.clone())];
    let Err(report) = config::from_texts(("config.toml", &operator), &probes, Path::new(".")) else {
        return Ok(());
    };
    let about_secrets =
        |title: &str| outcome.report.secrets.iter().any(|secret| title.contains(&format!("`{}`", secret.name)));
    let errors = |severity: config::Severity| severity == config::Severity::Error;
    if report.titles().all(|(severity, title)| !errors(severity) || about_secrets(title)) {
        Ok(())
    } else {
        Err(report)
    }
}

/// Writes a file whole or not at all; never over another one unless told to.
fn write(path: &Path, text: &str, replace: bool) -> Result<(), String> {
    let shown = path.display();
    let mut name = path.file_name().ok_or_else(|| format!("{shown} names no file"))?.to_owned();
    name.push(format!(".new-{}", std::process::id()));
    let partial = path.with_file_name(name);
    let fill = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).open(&partial)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    let place = || -> io::Result<()> {
        if replace {
            std::fs::rename(&partial, path)
        } else {
            // A link does not replace what is there, not even what came a moment ago.
            std::fs::hard_link(&partial, path)
        }
    };
    let written = fill().and_then(|()| place());
    // It is gone after a rename; otherwise it is ours to take away.
    std::fs::remove_file(&partial).unwrap_or_default();
    written.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => format!("{shown} exists already; replace it with --force"),
        _ => format!("cannot write {shown}: {error}"),
    })
}
