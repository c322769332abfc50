//! `[oidc]`: signing in at an `OpenID` provider instead of with a token.

use url::Url;

use super::diagnostic::{At, Fault, did_you_mean, quote};
use super::read::{Table, Value};
use super::secrets::Secrets;
use super::values::{id, is_guarded};
use crate::model::access::Role;
use crate::model::id::OrganisationId;
use crate::model::settings::{OidcGroup, OidcSettings};

/// Longest word that goes to the provider or comes from it.
const WORD_BYTES_MAX: usize = 256;
/// Most groups.
const GROUPS_MAX: usize = 1_000;
/// Most organisations of a group.
const ORGANISATIONS_MAX: usize = 1_000;
/// Most scopes.
const SCOPES_MAX: usize = 20;

/// The name of the secret that `[oidc]` uses, if it names one: no organisation needs it.
pub(super) fn secret_name<'t>(root: &Table<'t>) -> Option<&'t str> {
    root.get("oidc").filter(|value| value.is_table())?.table()?.get("client_secret")?.string_if()
}

/// Reads `[oidc]`, and the organisations that its groups name.
pub(super) fn read_oidc<'t>(
    table: Option<Table<'t>>,
    secrets: &Secrets<'t>,
) -> (Option<OidcSettings>, Vec<At<&'t str>>) {
    let Some(table) = table else { return (None, Vec::new()) };
    let issuer = table.need("issuer", "\"https://id.example.org/realms/portal\"").and_then(issuer);
    let client_id = table.need("client_id", "\"turmwacht\"").and_then(word);
    let named = table.need("client_secret", "\"oidc\"").and_then(Value::string);
    let groups_claim = table.get("groups_claim").map_or_else(|| Some("groups".to_owned()), word);
    let scopes: Vec<String> = match table.get("scopes") {
        Some(value) => value.elements().into_iter().filter_map(word).filter(|scope| scope != "openid").collect(),
        None => vec!["profile".to_owned()],
    };
    if let Some(value) = table.get("scopes").filter(|_| scopes.len() > SCOPES_MAX) {
        value.fault("too many scopes", "here", format!("at most {SCOPES_MAX}"));
    }
    let secret = named.as_ref().and_then(|named| {
        let defined = secrets.get(named.value);
        if defined.is_none() {
            let fault = Fault::error(format!("there is no secret {}", quote(named.value))).at(named.spot, "unknown");
            let help = did_you_mean(named.value, secrets.keys().map(String::as_str));
            table.faults.push(fault.help(
                help.unwrap_or_else(|| "define it in this file: `[secrets.NAME]` with `file` and `origins`".to_owned()),
            ));
        }
        defined
    });
    if let (Some(issuer), Some(named), Some(secret)) = (&issuer, &named, secret) {
        let origin = issuer.origin().ascii_serialization();
        if !secret.entry.origins.contains(&origin) {
            let fault = Fault::error(format!("the secret {} may not be sent to the issuer", quote(named.value)));
            table.faults.push(
                fault
                    .at(named.spot, "names no such origin")
                    .help(format!("add {} to the secret's `origins`", quote(&origin))),
            );
        }
    }
    let (groups, organisations) = read_groups(&table);
    let issuer = table.get("issuer").and_then(Value::string_if).zip(issuer).map(|(text, _)| text.to_owned());
    table.finish();
    let settings =
        issuer.zip(client_id).zip(secret).zip(groups_claim).map(|(((issuer, client_id), secret), groups_claim)| {
            OidcSettings {
                issuer,
                client_id,
                client_secret: secret.entry.value.clone(),
                secret_origins: secret.entry.origins.clone(),
                groups_claim,
                scopes,
                groups,
            }
        });
    (settings, organisations)
}

fn read_groups<'t>(table: &Table<'t>) -> (Vec<OidcGroup>, Vec<At<&'t str>>) {
    const ROLES: [(&str, Role); 2] = [("admin", Role::Admin), ("editor", Role::Editor)];
    let tables = table.tables("group");
    if tables.is_empty() {
        let fault = Fault::warning("nobody gets in through the provider").at(table.spot, "no group counts here");
        table.faults.push(fault.help("add `[[oidc.group]]` with `name`, `role` and `organisations`"));
    }
    if tables.len() > GROUPS_MAX {
        let fault = Fault::error("too many groups").at(table.spot, "here");
        table.faults.push(fault.help(format!("at most {GROUPS_MAX}")));
    }
    let (mut groups, mut named): (Vec<OidcGroup>, Vec<At<&str>>) = (Vec::new(), Vec::new());
    for table in tables.into_iter().take(GROUPS_MAX) {
        let name = table.need("name", "\"status-editors\"").and_then(word);
        if table.need("role", "\"editor\"").is_none() {
            table.finish();
            continue;
        }
        let role = table.word("role", &ROLES);
        let organisations: Vec<_> =
            table.get("organisations").map(Value::elements).unwrap_or_default().into_iter().filter_map(id).collect();
        if role.as_ref().is_some_and(|role| role.value == Role::Editor) && organisations.is_empty() {
            let fault = Fault::error("editors are for certain organisations").at(table.spot, "none is named");
            table.faults.push(fault.help("add `organisations = [\"…\"]`"));
        }
        if organisations.len() > ORGANISATIONS_MAX {
            let fault = Fault::error("too many organisations").at(table.spot, "here");
            table.faults.push(fault.help(format!("at most {ORGANISATIONS_MAX}; admins without any are for all")));
        }
        if let Some((role, name)) = role.zip(name) {
            let organisations = organisations.iter().map(|id| OrganisationId::new(id.value)).collect();
            groups.push(OidcGroup { name, role: role.value, organisations });
        }
        named.extend(organisations);
        table.finish();
    }
    (groups, named)
}

/// `https://host/path`, or plain http on this machine.
fn issuer(value: Value<'_>) -> Option<Url> {
    let text = value.string()?;
    let url = Url::parse(text.value).ok().filter(is_guarded);
    if url.is_none() {
        value.fault(
            format!("{} is no issuer", quote(text.value)),
            "not usable",
            "write it as the provider names itself under `/.well-known/openid-configuration`, with https",
        );
    }
    url
}

/// Visible characters, not too many.
fn word(value: Value<'_>) -> Option<String> {
    let text = value.string()?;
    let fits = (1..=WORD_BYTES_MAX).contains(&text.value.len()) && !text.value.chars().any(char::is_control);
    if !fits {
        value.fault(
            "not usable",
            "empty, too long or with control characters",
            format!("write 1 to {WORD_BYTES_MAX} visible characters"),
        );
    }
    fits.then(|| text.value.to_owned())
}
