//! `turmwacht token new`, `token list` and `token revoke`: on the store itself, beside a running
//! server.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::clock::system_time;
use crate::config;
use crate::history::StoreFault;
use crate::history::open::Store;
use crate::history::token::{Listed, Order, Tokens};
use crate::model::access::{AuditRecord, Outcome, Role};
use crate::model::id::{OrganisationId, validate_id};
use crate::model::time::{Timestamp, parse_duration};
use crate::publish::escape::terminal;

/// Longest validity in days: ten years.
const EXPIRES_DAYS_MAX: u64 = 3_650;

/// Most bytes of the machine's list of users that are looked through for a name.
const USERS_BYTES_MAX: u64 = 1 << 20;

/// What to do about tokens.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Make a token. It is printed this once, as the last word.
    New(New),
    /// List all tokens, without their secrets.
    List {
        /// JSON instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Revoke a token; a running server refuses it from its next request on.
    Revoke {
        /// Its id.
        id: String,
    },
}

/// Arguments of `token new`.
#[derive(Debug, clap::Args)]
pub(super) struct New {
    /// What it is for: everything, the editors' work, or reading the operator's metrics at
    /// /api/v1/admin/metrics.
    #[arg(long, value_parser = role())]
    role: Role,
    /// An organisation that it is for; may be given several times. An admin's without any is for
    /// all; one for metrics has none.
    #[arg(long = "organisation", value_name = "ID")]
    organisations: Vec<String>,
    /// When it ends by itself, such as 90d; without this it does not.
    #[arg(long, value_name = "DURATION")]
    expires: Option<String>,
    /// A note about whom it was given to.
    #[arg(long, value_name = "TEXT", default_value = "")]
    label: String,
}

fn role() -> impl TypedValueParser<Value = Role> {
    PossibleValuesParser::new(Role::ALL.iter().map(|role| role.as_str()))
        .try_map(|word| Role::parse(&word).ok_or("not a role"))
}

/// Runs the command.
pub(super) fn run(config_file: &Path, command: &Command) -> ExitCode {
    let store = match config::store(config_file) {
        Ok(store) => store,
        Err(report) => return super::fail_with(&report.render(false)),
    };
    let done = match command {
        Command::New(new) => make(new, &store, config_file),
        Command::List { json } => list(*json, &store),
        Command::Revoke { id } => revoke(id, &store),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => super::fail_with(&sentence),
    }
}

fn open(store: &Path) -> Result<Tokens, String> {
    Tokens::open(store).map_err(|fault: StoreFault| fault.to_string())
}

fn make(new: &New, store: &Path, config_file: &Path) -> Result<(), String> {
    let now = system_time();
    let expires_at = new.expires.as_deref().map(|text| expiry(text, now)).transpose()?;
    let mut tokens = open(store)?;
    if let Err(sentence) = known(&new.organisations, store, config_file) {
        let record = AuditRecord {
            at: now,
            actor: actor(),
            action: "token new".to_owned(),
            subject: String::new(),
            outcome: Outcome::Refused,
            status: 422,
            detail: serde_json::json!({ "role": new.role, "organisations": new.organisations }).to_string(),
            position: None,
        };
        tokens.record(&record).map_err(|fault| fault.to_string())?;
        return Err(sentence);
    }
    let organisations: Vec<OrganisationId> = new.organisations.iter().map(|id| OrganisationId::new(&**id)).collect();
    let order = Order { role: new.role, organisations, label: new.label.clone(), expires_at };
    let issued = tokens.issue(&order, &actor(), now).map_err(|fault| fault.to_string())?;
    let end = expires_at.map_or_else(|| "without an end".to_owned(), |end| format!("until {end}"));
    super::print(&format!(
        "token {}: {} of {}, {end}; it is shown only now: {}",
        issued.id,
        order.role,
        whom(&order.organisations),
        issued.text.reveal()
    ));
    Ok(())
}

/// When a token ends that is valid for a duration from now.
fn expiry(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let most = std::time::Duration::from_secs(EXPIRES_DAYS_MAX * 86_400);
    match parse_duration(text) {
        Some(duration) if !duration.is_zero() && duration <= most => Ok(now.plus(duration)),
        Some(_) | None => {
            let text = terminal(text);
            Err(format!("`{text}` is no validity; write a number and a unit, such as 90d, up to {EXPIRES_DAYS_MAX}d"))
        }
    }
}

/// Checks that there are such organisations, as far as that can be known.
fn known(ids: &[String], store: &Path, config_file: &Path) -> Result<(), String> {
    for id in ids {
        validate_id(id).map_err(|fault| format!("`{}` is no organisation's id: {fault}", terminal(id)))?;
    }
    if ids.is_empty() {
        return Ok(());
    }
    let extra = config::Extra { without_secrets: true, ..config::Extra::default() };
    let catalogue = match config::load_with(config_file, extra) {
        Ok(loaded) => Arc::new(loaded.catalogue),
        // With faulty files the catalogue is in force that a server would start on.
        Err(_) => match Store::last_catalogue(store) {
            Ok(Some((_, catalogue))) => catalogue,
            Ok(None) | Err(_) => {
                super::print_error(
                    "turmwacht: the files have faults (`turmwacht config check`); whether there are such organisations was not checked",
                );
                return Ok(());
            }
        },
    };
    for id in ids {
        let mut all = catalogue.organisations.iter().map(|organisation| organisation.id.as_str());
        if !all.clone().any(|known| known == id) {
            return Err(format!("there is no organisation `{id}`{}", super::check::closest(id, &mut all)));
        }
    }
    Ok(())
}

fn list(json: bool, store: &Path) -> Result<(), String> {
    let listed = open(store)?.list().map_err(|fault| fault.to_string())?;
    let now = system_time();
    if json {
        let tokens: Vec<serde_json::Value> = listed.iter().map(|token| as_json(token, now)).collect();
        super::print(&serde_json::json!({ "tokens": tokens }).to_string());
        return Ok(());
    }
    if listed.is_empty() {
        super::print("there are no tokens");
        return Ok(());
    }
    let head = ["ID", "ROLE", "STATE", "CREATED", "ENDS", "LAST USED", "FOR", "LABEL"].map(str::to_owned);
    let rows: Vec<[String; 8]> = std::iter::once(head).chain(listed.iter().map(|token| row(token, now))).collect();
    for row in &rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let width = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
            line.push_str(&format!("{cell:<width$}  ", width = width.unwrap_or(0)));
        }
        super::print(line.trim_end());
    }
    Ok(())
}

fn row(token: &Listed, now: Timestamp) -> [String; 8] {
    let time = |at: Option<Timestamp>| at.map_or_else(|| "-".to_owned(), |at| at.to_string());
    [
        token.id.clone(),
        token.role.to_string(),
        state(token, now).to_owned(),
        token.created_at.to_string(),
        time(token.expires_at),
        time(token.last_used_at),
        whom(&token.organisations),
        terminal(&token.label),
    ]
}

fn as_json(token: &Listed, now: Timestamp) -> serde_json::Value {
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
    serde_json::json!({
        "id": token.id,
        "role": token.role,
        "organisations": token.organisations,
        "label": token.label,
        "state": state(token, now),
        "created_at": token.created_at.to_string(),
        "expires_at": time(token.expires_at),
        "revoked_at": time(token.revoked_at),
        "last_used_at": time(token.last_used_at),
    })
}

fn state(token: &Listed, now: Timestamp) -> &'static str {
    match (token.revoked_at, token.is_in_force(now)) {
        (Some(_), _) => "revoked",
        (None, true) => "in_force",
        (None, false) => "expired",
    }
}

fn whom(organisations: &[OrganisationId]) -> String {
    if organisations.is_empty() {
        return "all".to_owned();
    }
    let ids: Vec<&str> = organisations.iter().map(OrganisationId::as_str).collect();
    ids.join(",")
}

fn revoke(token: &str, store: &Path) -> Result<(), String> {
    let mut tokens = open(store)?;
    let (id, at) = tokens.revoke(token, &actor(), system_time()).map_err(|fault| fault.to_string())?;
    super::print(&format!("token {id} is revoked since {at}"));
    Ok(())
}

/// Who runs this: the user's name if the machine's list of users has it, else the number.
fn actor() -> String {
    let user = rustix::process::geteuid().as_raw();
    let mut users = String::new();
    // Without the list the number has to do.
    if let Ok(file) = File::open("/etc/passwd")
        && file.take(USERS_BYTES_MAX).read_to_string(&mut users).is_err()
    {
        users.clear();
    }
    name_of(user, &users).map_or_else(|| format!("cli:{user}"), |name| format!("cli:{name}"))
}

/// A user's name in the lines `name:password:number:…`.
fn name_of(user: u32, users: &str) -> Option<&str> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, number) = (fields.next()?, fields.nth(1)?);
        (number.parse() == Ok(user) && !name.is_empty()).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_named_if_the_list_has_the_number() {
        let users = "root:x:0:0:root:/root:/bin/sh\nbroken\n::7:\nturm:x:1001:1001::/:/bin/false\n";
        assert_eq!(name_of(1001, users), Some("turm"));
        assert_eq!(name_of(0, users), Some("root"));
        assert_eq!((name_of(7, users), name_of(5, users)), (None, None));
    }

    #[test]
    fn a_validity_is_more_than_nothing_and_at_most_ten_years() {
        let now = Timestamp::from_millis(1_000);
        assert_eq!(expiry("1d", now), Ok(Timestamp::from_millis(86_401_000)));
        for wrong in ["", "0d", "90", "3651d", "soon", "18446744073709551615ms"] {
            expiry(wrong, now).unwrap_err();
        }
    }
}
