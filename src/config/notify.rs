//! `[notify]`: through what messages go out, who gets them, and what of.
//!
//! Secrets are named, as in probe files, or stand in files of their own; one that is written here by
//! mistake is blotted out of every report. What is sent when is not decided here.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;

use data_encoding::BASE64;
use toml::de::DeValue;
use url::Url;

use super::diagnostic::{At, Fault, quote};
use super::read::{Table, Value, words_of};
use super::secrets::{Secrets, read_file};
use super::values::{RawReach, host_port, id};
use crate::model::bounds::{URL_BYTES_MAX, is_host_name};
use crate::model::catalogue::Reach;
use crate::model::id::OrganisationId;
use crate::model::incident::Impact;
use crate::model::notify::{
    Address, AlertmanagerSettings, Credentials, MailSettings, MailTls, NotifySettings, QuietHours, Recipient, Rule,
    Topic, WebhookSettings,
};
use crate::model::settings::Secret;

/// Most webhooks.
const WEBHOOKS_MAX: usize = 100;
/// Most instances of Alertmanager.
const ALERTMANAGERS_MAX: usize = 10;
/// Most recipients in all.
const RECIPIENTS_MAX: usize = 2_000;
/// Longest mail address (RFC 5321, section 4.5.3.1.3).
const MAILBOX_BYTES_MAX: usize = 254;
/// What a webhook's secret is as long as, at least and at most (Standard Webhooks).
const SIGNING_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// What a webhook's secret begins with.
const SIGNING_PREFIX: &str = "whsec_";

/// The names of secrets that `[notify]` uses: they need no organisation and no origin.
pub(super) fn named_secrets(notify: Option<Value<'_>>) -> BTreeSet<String> {
    fn walk(value: &DeValue<'_>, names: &mut BTreeSet<String>) {
        match value {
            DeValue::Table(table) => {
                for (key, value) in table.iter() {
                    match (key.get_ref().as_ref(), value.get_ref()) {
                        ("password" | "secret" | "bearer", DeValue::String(name)) => {
                            names.insert(name.to_string());
                        }
                        (_, value) => walk(value, names),
                    }
                }
            }
            DeValue::Array(array) => array.iter().for_each(|value| walk(value.get_ref(), names)),
            _ => {}
        }
    }
    let mut names = BTreeSet::new();
    if let Some(value) = notify {
        walk(value.value, &mut names);
    }
    names
}

/// What `[notify]` says, and the organisations it names with their places.
pub(super) fn read_notify<'t>(
    table: Option<Table<'t>>,
    secrets: &Secrets<'t>,
    base: &Path,
    unread: bool,
) -> (NotifySettings, Vec<At<&'t str>>) {
    let Some(table) = table else { return (NotifySettings::default(), Vec::new()) };
    let keys = Keys { secrets, base, unread };
    let mail_value = table.get("mail");
    let mail = mail_value.and_then(Value::table).and_then(|table| read_mail(table, &keys));
    let mut webhooks: Vec<WebhookSettings> = Vec::new();
    for hook in table.tables("webhook") {
        let spot = hook.spot;
        let Some(hook) = read_webhook(hook, &keys) else { continue };
        let twice = webhooks.iter().any(|other| other.name == hook.name);
        if twice || webhooks.len() >= WEBHOOKS_MAX {
            let title = if twice {
                format!("two webhooks are called {}", quote(&hook.name))
            } else {
                format!("more than {WEBHOOKS_MAX} webhooks")
            };
            table.faults.push(Fault::error(title).at(spot, "this one").help("rename or remove one"));
            continue;
        }
        webhooks.push(hook);
    }
    let alertmanager = table.table("alertmanager").and_then(|table| read_alertmanager(table, &keys));
    let mut reader = Recipients { by_address: BTreeMap::new(), organisations: Vec::new() };
    let mail_there = mail_value.is_some();
    let rules = table.tables("to");
    let there = !rules.is_empty();
    for rule in rules {
        reader.read(rule, mail_there, &webhooks);
    }
    if !there && (mail.is_some() || !webhooks.is_empty()) {
        let fault = Fault::warning("nobody is told anything by mail or webhook").at(table.spot, "no `[[notify.to]]`");
        table.faults.push(fault.help("add `[[notify.to]]` with `mail = [\"it@example.org\"]`"));
    }
    table.finish();
    let recipients = reader.by_address.into_iter().map(|(to, rules)| Recipient { to, rules }).collect();
    (NotifySettings { mail, webhooks, alertmanager, recipients }, reader.organisations)
}

/// Where secrets come from.
struct Keys<'a, 't> {
    secrets: &'a Secrets<'t>,
    base: &'a Path,
    /// Their values are not looked at.
    unread: bool,
}

impl Keys<'_, '_> {
    /// `key = "name"`, a secret of `[secrets]`, or `key_file = "path"`, with the value's place.
    fn read<'v>(&self, table: &Table<'v>, key: &'static str, file_key: &'static str) -> Option<(Secret, Value<'v>)> {
        let (named, file) = (table.get(key), table.get(file_key));
        if let (Some(named), Some(file)) = (named, file) {
            table.faults.blot(named.spot);
            let fault = Fault::error(format!("both `{key}` and `{file_key}`")).at(file.key, "the second");
            table.faults.push(fault.at(named.key, "the first").help("keep one of them"));
            return None;
        }
        if let Some(file) = file {
            let path = At::new(self.base.join(file.string()?.value), file.spot);
            return Some((read_file(&path, table.faults, self.unread)?, file));
        }
        let named = named?;
        let name = named.string()?;
        let Some(defined) = self.secrets.get(name.value) else {
            // It may be the secret itself.
            table.faults.blot(named.spot);
            named.fault(
                format!("`{key}` does not name a secret"),
                "no such secret",
                format!("define it: `[secrets.NAME]` with `file = \"/etc/turmwacht/NAME\"`, and write `{key} = \"NAME\"`; or write `{file_key} = \"/etc/turmwacht/NAME\"`"),
            );
            return None;
        };
        Some((defined.entry.value.clone(), named))
    }
}

fn read_mail(table: Table<'_>, keys: &Keys<'_, '_>) -> Option<MailSettings> {
    let server = table.need("smtp", "\"mail.example.org:587\"").and_then(host_port);
    let tls_value = table.get("tls");
    let tls = table.word("tls", words_of!(MailTls)).map_or(MailTls::Starttls, |tls| tls.value);
    let from = table.need("from", "\"status@example.org\"").and_then(mailbox);
    let username = table.string("username");
    let password = keys.read(&table, "password", "password_file");
    let gave_password = table.get("password").is_some() || table.get("password_file").is_some();
    if username.is_some() != gave_password {
        let fault = Fault::error("a name without a password, or a password without a name");
        table
            .faults
            .push(fault.at(table.spot, "one is missing").help("write both `username` and `password`, or neither"));
    }
    if let (MailTls::None, Some(server), Some(value)) = (tls, &server, tls_value) {
        let (host, _) = &server.value;
        let is_here = host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
        if !is_here {
            value.fault(
                "mail would travel unencrypted",
                "not to this machine",
                "write `tls = \"starttls\"` or `\"implicit\"`",
            );
        }
    }
    table.finish_secret();
    let (host, port) = server?.value;
    let login = username.map(|name| name.value.to_owned()).zip(password.map(|(secret, _)| secret));
    Some(MailSettings { host, port, tls, from: from?, login })
}

fn read_webhook(table: Table<'_>, keys: &Keys<'_, '_>) -> Option<WebhookSettings> {
    let name = table.need("name", "\"chat\"").and_then(id);
    let url = table.need("url", "\"https://hooks.example.org/turmwacht\"").and_then(program);
    let given = keys.read(&table, "secret", "secret_file");
    if table.get("secret").is_none() && table.get("secret_file").is_none() {
        let fault = Fault::error("the webhook has no secret").at(table.spot, "messages must be signed");
        table
            .faults
            .push(fault.help("add `secret = \"NAME\"` of `[secrets]`: `whsec_` and 24 to 64 random bytes in base64"));
    }
    let secret = given.and_then(|(secret, value)| {
        let key = secret.reveal().strip_prefix(SIGNING_PREFIX).and_then(|text| BASE64.decode(text.as_bytes()).ok());
        if key.is_some_and(|key| SIGNING_BYTES.contains(&key.len())) {
            return Some(secret);
        }
        value.fault(
            "the secret of a webhook does not have the form of one",
            "not `whsec_…`",
            "make one with `printf 'whsec_%s' \"$(openssl rand -base64 32)\"`",
        );
        None
    });
    table.finish_secret();
    Some(WebhookSettings { name: name?.value.to_owned(), url: url?, secret: secret? })
}

fn read_alertmanager(table: Table<'_>, keys: &Keys<'_, '_>) -> Option<AlertmanagerSettings> {
    let value = table.need("url", "\"http://127.0.0.1:9093\"");
    let urls: Vec<Url> = value.map(Value::elements).unwrap_or_default().into_iter().filter_map(program).collect();
    if let Some(value) = value.filter(|_| urls.len() > ALERTMANAGERS_MAX) {
        value.fault("too many instances of Alertmanager", "too many", format!("at most {ALERTMANAGERS_MAX}"));
    }
    let username = table.string("username");
    let password = keys.read(&table, "password", "password_file");
    let bearer = keys.read(&table, "bearer", "bearer_file");
    let credentials = match (username, password, bearer) {
        (Some(name), Some((password, _)), None) => Some(Credentials::Basic(name.value.to_owned(), password)),
        (None, None, Some((token, _))) => Some(Credentials::Bearer(token)),
        (None, None, None) => None,
        (_, Some((_, value)), _) | (_, _, Some((_, value))) => {
            value.fault("these credentials do not go together", "with what else is there", BASIC_OR_BEARER);
            None
        }
        (Some(name), None, None) => {
            let fault = Fault::error("a name without a password").at(name.spot, "the password is missing");
            table.faults.push(fault.help(BASIC_OR_BEARER));
            None
        }
    };
    table.finish_secret();
    (!urls.is_empty()).then_some(AlertmanagerSettings { urls, credentials })
}

const BASIC_OR_BEARER: &str = "write `username` and `password`, or `bearer`, or nothing";

/// `[[notify.to]]`, put together by where it goes.
struct Recipients<'t> {
    by_address: BTreeMap<Address, Vec<Rule>>,
    organisations: Vec<At<&'t str>>,
}

impl<'t> Recipients<'t> {
    fn read(&mut self, table: Table<'t>, mail_there: bool, webhooks: &[WebhookSettings]) {
        let mut to: Vec<Address> = Vec::new();
        if let Some(value) = table.get("mail") {
            to.extend(value.elements().into_iter().filter_map(mailbox).map(Address::Mail));
            if !mail_there {
                let fault = Fault::error("there is no server for mail").at(value.key, "needs `[notify.mail]`");
                table.faults.push(fault.help("add `[notify.mail]` with `smtp` and `from`"));
            }
        }
        for name in table.strings("webhook") {
            if webhooks.iter().any(|hook| hook.name == name.value) {
                to.push(Address::Webhook(name.value.to_owned()));
            } else {
                let names = webhooks.iter().map(|hook| hook.name.as_str());
                let fault = Fault::error(format!("there is no webhook {}", quote(name.value)));
                let fault =
                    fault.at(name.spot, "not defined").help_if(super::diagnostic::did_you_mean(name.value, names));
                table.faults.push(fault.help("define it: `[[notify.webhook]]` with `name`, `url` and `secret`"));
            }
        }
        if table.get("mail").is_none() && table.get("webhook").is_none() {
            let fault = Fault::error("nobody is named").at(table.spot, "neither `mail` nor `webhook`");
            table.faults.push(fault.help("add `mail = [\"it@example.org\"]` or `webhook = \"NAME\"`"));
        }
        let rule = self.rule(&table);
        let (spot, faults) = (table.spot, table.faults);
        table.finish();
        for address in to {
            if self.by_address.len() >= RECIPIENTS_MAX && !self.by_address.contains_key(&address) {
                let fault = Fault::error(format!("more than {RECIPIENTS_MAX} recipients")).at(spot, "one too many");
                faults.push(fault.help("write to a mailing list instead"));
                return;
            }
            self.by_address.entry(address).or_default().push(rule.clone());
        }
    }

    fn rule(&mut self, table: &Table<'t>) -> Rule {
        let raw = RawReach::list(table.strings("organisations"), table.faults);
        let organisations: Vec<Reach> = raw
            .iter()
            .map(|reach| match (reach.prefix(), reach.text.strip_prefix('!')) {
                (Some(prefix), _) => Reach::Prefix(prefix.to_owned()),
                (None, Some(id)) => Reach::Except(OrganisationId::new(id)),
                (None, None) => Reach::Organisation(OrganisationId::new(reach.text)),
            })
            .collect();
        let ids = raw.iter().filter(|reach| reach.prefix().is_none());
        self.organisations.extend(ids.map(|reach| At::new(reach.text.trim_start_matches('!'), reach.spot)));
        if let Some(value) = table.get("organisations")
            && organisations.iter().all(|reach| matches!(reach, Reach::Except(_)))
        {
            value.fault("these are nobody", "nobody is left", "name somebody, or leave the key out for all");
        }
        let severity = table.word("severity", words_of!(Impact)).map_or(Impact::Minor, |severity| severity.value);
        let events: BTreeSet<Topic> = match table.get("events") {
            None => Topic::usual(),
            Some(value) => {
                value.elements().into_iter().filter_map(|value| value.word(words_of!(Topic))).map(|t| t.value).collect()
            }
        };
        let quiet = table.get("quiet_hours").and_then(|value| {
            let text = value.string()?;
            let quiet = QuietHours::parse(text.value);
            if quiet.is_none() {
                let title = format!("{} are no hours of a day", quote(text.value));
                value.fault(title, "not understood", "write `quiet_hours = \"22:00-06:00\"`");
            }
            quiet
        });
        let internal = table.boolean("internal").is_some_and(|internal| internal.value);
        if let Some(value) = table.get("internal").filter(|_| internal && !organisations.is_empty()) {
            value.fault(
                "internal components are for the operator's own recipients",
                "together with `organisations`",
                "remove `internal`, or `organisations`",
            );
        }
        Rule { organisations, severity, events, quiet, internal }
    }
}

/// A mailbox: one plain address, without a name.
fn mailbox(value: Value<'_>) -> Option<String> {
    let text = value.string()?;
    let fits = text.value.len() <= MAILBOX_BYTES_MAX
        && text.value.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>()[]\\,;:\"".contains(&byte))
        && text
            .value
            .split_once('@')
            .is_some_and(|(local, host)| (1..=64).contains(&local.len()) && is_host_name(host) && !host.ends_with('.'));
    if !fits {
        value.fault(
            format!("{} is no mail address", quote(text.value)),
            "not an address",
            "write `\"it@example.org\"`",
        );
    }
    fits.then(|| text.value.to_owned())
}

/// The address of a program: https, or http where the operator knows what lies between.
fn program(value: Value<'_>) -> Option<Url> {
    let text = value.string()?;
    let url = Url::parse(text.value).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.fragment().is_none()
            && text.value.len() <= URL_BYTES_MAX
    });
    let Some(url) = url else {
        value.fault("not the address of a program", "not usable", "write `\"https://hooks.example.org/…\"`");
        return None;
    };
    if !url.username().is_empty() || url.password().is_some() {
        value.faults.blot(text.spot);
        value.fault("credentials in an address", "***", "name a secret instead");
        return None;
    }
    Some(url)
}
