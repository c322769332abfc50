//! Moving in: what another program knows becomes a probe file of ours.
//!
//! Bytes go in; a TOML text and a [`Report`] of all that is different or missing come out. Nothing
//! here reads a file, asks a target or knows a clock. Each origin has a file of its own; they share
//! what a component is while it is read (`draft`), its id (`name`), what a probe file may hold
//! (`bounds`) and how it is written (`written`). Values get into the text through TOML's own
//! serializer only.
//!
//! What cannot be carried over faithfully is left out and reported. A secret never gets into the
//! text: it becomes the name of one, and the report says what the operator has to define.

mod assembly;
pub mod blackbox;
mod bounds;
mod draft;
pub mod gatus;
mod go;
mod json;
mod kept;
mod name;
pub mod open_pvog;
mod report;
mod request;
pub mod uptime_kuma;
mod written;
mod yaml;

pub use report::{Remark, Report, SecretNeeded};

use crate::model::status::OrganisationKind;

/// Largest file that is read, in bytes.
pub const FILE_BYTES_MAX: usize = 64 << 20;

/// Most entries (monitors, endpoints, targets, rows) of all files together.
pub const ENTRIES_MAX: usize = 20_000;

/// Longest text that is written: what `config` reads of one file.
pub const TEXT_BYTES_MAX: usize = 4 << 20;

/// A file that somebody handed over.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Its name, for messages.
    pub name: &'a str,
    /// What is in it.
    pub bytes: &'a [u8],
}

/// To whom the components shall belong, and what may be carried over.
#[derive(Debug, Clone)]
pub struct Options {
    /// The id of the body that owns them.
    pub organisation: String,
    /// Its name; its id if none is given.
    pub name: Option<String>,
    /// Its kind; a municipality or county with an ARS, else a provider.
    pub kind: Option<OrganisationKind>,
    /// Its Amtlicher Regionalschlüssel.
    pub ars: Option<String>,
    /// The body is declared already, in the file that the text will be added to.
    pub declared: bool,
    /// The components may be shown to everybody.
    pub public: bool,
    /// Checks of private addresses are carried over, too.
    pub private_networks: bool,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The probe file.
    pub text: String,
    /// The same for `config` to judge: with the declaration that stands elsewhere, and without what an earlier file
    /// holds that was changed by hand.
    pub judged: String,
    /// What is different, what is missing, what is to be done.
    pub report: Report,
}

/// Why nothing came of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Too many bytes.
    #[error("{file} is larger than 64 MiB")]
    TooLarge {
        /// The file.
        file: String,
    },
    /// Not what it should be.
    #[error("{file} is not {what}: {why}")]
    Broken {
        /// The file.
        file: String,
        /// What was expected.
        what: &'static str,
        /// What is wrong.
        why: String,
    },
    /// Too many entries.
    #[error("more than {ENTRIES_MAX} entries; import fewer at a time")]
    TooMany,
    /// Too long for one probe file.
    #[error(
        "what comes of it has {bytes} bytes, and a probe file has at most {TEXT_BYTES_MAX}; import fewer entries at a time"
    )]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// The export differs too much from an earlier one.
    #[error(
        "{appeared} services appeared and {vanished} of {before} vanished since the earlier import: more than a fifth; look at the export, then use --force"
    )]
    Changed {
        /// Services that are new.
        appeared: usize,
        /// Services that are gone.
        vanished: usize,
        /// Services there were.
        before: usize,
    },
}

impl Source<'_> {
    /// Its text, without a byte order mark.
    fn text(&self, what: &'static str) -> Result<&str, Fault> {
        if self.bytes.len() > FILE_BYTES_MAX {
            return Err(Fault::TooLarge { file: self.name.to_owned() });
        }
        let text = std::str::from_utf8(self.bytes).map_err(|_| self.broken(what, "it is not UTF-8"))?;
        Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
    }

    fn broken(&self, what: &'static str, why: impl Into<String>) -> Fault {
        Fault::Broken { file: self.name.to_owned(), what, why: name::one_line(&why.into(), 200) }
    }
}
