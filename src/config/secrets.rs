//! `[secrets]`: read from files and the environment, never shown.
//!
//! Only `config.toml` defines a secret and says who may send it where; probe files name it. A
//! value gets into [`Secret`] and nowhere else: no message, no excerpt, no `config show`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use url::Url;

use super::diagnostic::{At, Fault, Faults, quote};
use super::read::{Table, Value};
use super::values::{id, is_guarded};
use crate::model::id::OrganisationId;
use crate::model::settings::{Secret, SecretEntry};

/// Longest secret in bytes.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// A secret with what is needed to judge its use.
#[derive(Debug)]
pub(super) struct Defined<'t> {
    pub(super) entry: SecretEntry,
    /// The file it was read from.
    pub(super) file: Option<PathBuf>,
    /// The organisations with their places.
    pub(super) organisations: Vec<At<&'t str>>,
}

/// Secrets by name.
pub(super) type Secrets<'t> = BTreeMap<String, Defined<'t>>;

/// Stands for a value that is not read; it has the form that the strictest of its users asks for.
const UNREAD: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// Reads `[secrets.NAME]` of config.toml. Those that `[notify]` names are the operator's `own` and need nobody
/// else; the one of `[oidc]` is `for_sign_in` and no organisation's. If they are `unread`, their values are left
/// where they are.
pub(super) fn read_secrets<'t>(
    table: Option<Table<'t>>,
    base: &Path,
    own: &BTreeSet<String>,
    for_sign_in: Option<&str>,
    unread: bool,
) -> Secrets<'t> {
    let mut secrets = Secrets::new();
    for (name, value) in table.iter().flat_map(Table::entries) {
        let Some(table) = value.table() else { continue };
        let file = table.string("file").map(|file| At::new(base.join(file.value), file.spot));
        let env = table.string("env");
        let read = match (&file, &env) {
            (Some(file), None) => read_file(file, table.faults, unread),
            (None, Some(_)) if unread => Some(Secret::new(UNREAD.to_owned())),
            (None, Some(env)) => read_env(env, table.faults),
            (Some(file), Some(env)) => {
                let fault = Fault::error(format!("two sources of the secret {}", quote(name.value)));
                table.faults.push(fault.at(env.spot, "the second").at(file.spot, "the first").help("keep one of them"));
                None
            }
            (None, None) => {
                let fault = Fault::error(format!("the secret {} has no source", quote(name.value)));
                table.faults.push(
                    fault
                        .at(table.spot, "neither `file` nor `env`")
                        .help("add `file = \"/etc/turmwacht/name\"` or `env = \"NAME\"`"),
                );
                None
            }
        };
        let organisations: Vec<_> =
            table.get("organisations").map(Value::elements).unwrap_or_default().into_iter().filter_map(id).collect();
        let origins: Vec<_> =
            table.get("origins").map(Value::elements).unwrap_or_default().into_iter().filter_map(origin).collect();
        let of_nobody = organisations.is_empty() && for_sign_in != Some(name.value);
        for (key, empty) in [("organisations", of_nobody), ("origins", origins.is_empty())] {
            if empty && !own.contains(name.value) {
                let fault = Fault::warning(format!("nobody may use the secret {}", quote(name.value)));
                table
                    .faults
                    .push(fault.at(table.spot, format!("`{key}` is empty")).help(format!("add `{key} = [\"…\"]`")));
            }
        }
        // An unreadable secret is a fault already; its rules still count for those who name it.
        let entry = SecretEntry {
            value: read.unwrap_or_else(|| Secret::new(String::new())),
            organisations: organisations.iter().map(|organisation| OrganisationId::new(organisation.value)).collect(),
            origins,
        };
        secrets.insert(name.value.to_owned(), Defined { entry, file: file.map(|file| file.value), organisations });
        table.finish_secret();
    }
    secrets
}

/// `https://host` or `https://host:port`, in its canonical form.
fn origin(value: Value<'_>) -> Option<String> {
    let text = value.string()?;
    let url = Url::parse(text.value).ok().filter(|url| is_guarded(url) && url.path() == "/");
    if url.is_none() {
        value.fault(
            format!("{} is no origin", quote(text.value)),
            "not an origin",
            "write scheme and host, and a port if it is not the usual one: `\"https://portal.example.org\"`; a secret travels over https only",
        );
    }
    Some(url?.origin().ascii_serialization())
}

/// A secret from a file of its own, unless it is to be left `unread`.
pub(super) fn read_file(file: &At<PathBuf>, faults: &Faults, unread: bool) -> Option<Secret> {
    if unread {
        return Some(Secret::new(UNREAD.to_owned()));
    }
    let unreadable = |why: String| {
        let fault = Fault::error("the file of a secret cannot be read").at(file.spot, why);
        faults.push(fault.help("make it a plain file that the service's user may read"));
    };
    let read = || -> std::io::Result<(String, u32)> {
        if !std::fs::metadata(&file.value)?.is_file() {
            return Err(std::io::Error::other("not a plain file"));
        }
        let opened = std::fs::File::open(&file.value)?;
        let mode = opened.metadata()?.permissions().mode();
        let mut text = String::new();
        opened.take(SECRET_BYTES_MAX + 1).read_to_string(&mut text)?;
        Ok((text, mode))
    };
    match read() {
        Ok((text, mode)) => {
            // Others may do nothing, the group may at most read (a service's own group).
            if mode & 0o027 != 0 {
                let fault = Fault::warning("the file of a secret is open to others")
                    .at(file.spot, format!("mode {:04o}", mode & 0o7777));
                faults.push(fault.help("let only the service's user read it: `chmod 0400`"));
            }
            checked(&text, |why| unreadable(why.to_owned()))
        }
        Err(error) => {
            unreadable(error.to_string());
            None
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the place that reads the environment")]
fn read_env(name: &At<&str>, faults: &Faults) -> Option<Secret> {
    let unreadable = |why: &str| {
        let fault = Fault::error("the environment variable of a secret cannot be read").at(name.spot, why);
        faults
            .push(fault.help("set it in the environment of the service, for example with systemd's `EnvironmentFile`"));
    };
    match std::env::var(name.value) {
        Ok(text) => checked(&text, unreadable),
        Err(std::env::VarError::NotPresent) => {
            unreadable("not set");
            None
        }
        Err(std::env::VarError::NotUnicode(_)) => {
            unreadable("not UTF-8");
            None
        }
    }
}

/// A value without its last line break, if it can stand in a header.
fn checked(text: &str, refuse: impl FnOnce(&str)) -> Option<Secret> {
    let value = text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text));
    if value.is_empty() {
        refuse("empty");
        return None;
    }
    if text.len() as u64 > SECRET_BYTES_MAX {
        refuse("longer than 64 KiB");
        return None;
    }
    Some(Secret::new(value.to_owned()))
}
