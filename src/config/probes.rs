//! `probe.<kind>`: what is asked, and of whom.
//!
//! Only the form and the reach of what is written are judged here; what a name leads to is judged
//! at each connection, by the probes themselves.

use std::net::{IpAddr, SocketAddr};
use std::path::{Component as PathPart, Path};

use url::Url;

use super::checks::Context;
use super::diagnostic::{At, Fault, did_you_mean, joined, quote};
use super::read::{Table, Value, words_of};
use super::references::{host_of, leads_inside};
use super::settings::{RESOLVER_HELP, parse_resolver, pem_file};
use super::values::{host_port, parse_host, pattern, probe_url};
use crate::model::bounds::{BODY_BYTES_MAX, HEADERS_MAX, METHODS, RECORD_TYPES, is_host_name};
use crate::model::check::{DnsProbe, HeaderValue, HttpProbe, Probe, Starttls, TcpProbe, TlsProbe, TlsSettings};

/// Kinds that this version can probe.
const AVAILABLE: [&str; 4] = ["http", "tls", "tcp", "dns"];
/// Kinds of the public interface that it cannot.
const LATER: [&str; 13] = [
    "icmp",
    "smtp",
    "imap",
    "sip",
    "ldap",
    "websocket",
    "grpc",
    "ntp",
    "open311",
    "status_feed",
    "domain",
    "push",
    "command",
];
/// Headers that belong to the connection or to the operator.
const OURS: [&str; 9] = [
    "host",
    "user-agent",
    "connection",
    "content-length",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "accept-encoding",
];
/// Headers whose values are credentials: never shown.
pub(super) const CREDENTIALS: [&str; 6] =
    ["authorization", "proxy-authorization", "cookie", "x-api-key", "x-auth-token", "api-key"];
pub(super) const PRIVATE_HELP: &str =
    "probes ask public addresses only; the operator may add a network to `[probing] private_networks` in config.toml";

/// A secret that a check names.
pub(super) struct SecretUse {
    pub(super) name: At<String>,
    /// Where it would be sent.
    pub(super) origin: Option<String>,
}

/// A probe with the secrets it names.
pub(super) struct ReadProbe {
    pub(super) probe: Probe,
    pub(super) secrets: Vec<SecretUse>,
}

/// Reads the one `probe.<kind>` of a check, and the check's `tls`.
pub(super) fn read_probe(check: &Table<'_>, context: &Context<'_>) -> Option<ReadProbe> {
    let outer = check.get("tls");
    let table = check.need("probe", "{ http = { url = \"https://…\" } }")?.table()?;
    let mut kinds = Vec::new();
    for (kind, value) in table.entries() {
        let fault = if AVAILABLE.contains(&kind.value) {
            kinds.push((kind, value));
            continue;
        } else if LATER.contains(&kind.value) {
            Fault::error(format!("probe kind {} is not available in this version", quote(kind.value)))
                .at(kind.spot, "not available")
                .help(format!("available: {}", joined(AVAILABLE)))
        } else {
            Fault::error(format!("unknown probe kind {}", quote(kind.value)))
                .at(kind.spot, "unknown")
                .help_if(did_you_mean(kind.value, AVAILABLE))
                .help(format!("available: {}", joined(AVAILABLE)))
        };
        table.faults.push(fault);
        kinds.push((kind, value));
    }
    if kinds.len() != 1 {
        let mut fault = Fault::error("a check has exactly one probe");
        for (kind, _) in kinds.iter().rev().take(2) {
            fault = fault.at(kind.spot, "one of several");
        }
        if kinds.is_empty() {
            fault = fault.at(table.spot, "none");
        }
        table.faults.push(fault.help("write one check for each: every `[[component.check]]` has its own id"));
    }
    let (kind, value) = kinds.into_iter().find(|(kind, _)| AVAILABLE.contains(&kind.value))?;
    let table = value.table()?;
    let inner = table.get("tls");
    if let (Some(outer), Some(inner)) = (outer, inner) {
        let fault = Fault::error("`tls` is set twice").at(inner.key, "the second").at(outer.key, "the first");
        check.faults.push(fault.help("keep one of them"));
    }
    let mut secrets = Vec::new();
    let tls = inner.or(outer);
    let probe = match kind.value {
        "http" => read_http(&table, context, &mut secrets).map(Probe::Http),
        "tls" => read_tls(&table).map(Probe::Tls),
        "tcp" => read_tcp(&table).map(Probe::Tcp),
        _ => {
            if let Some(tls) = tls {
                tls.fault(
                    "`tls` has no meaning for `probe.dns`",
                    "nothing to encrypt",
                    "remove it, or name a resolver `\"tls://…\"`",
                );
            }
            read_dns(&table).map(Probe::Dns)
        }
    };
    let spot = table.spot;
    table.finish();
    let mut probe = probe?;
    if leads_inside(&host_of(&probe), context.private_networks) {
        check
            .faults
            .push(Fault::error("the target lies in a private network").at(spot, "not public").help(PRIVATE_HELP));
    }
    if let Some(settings) = tls.and_then(Value::table) {
        read_tls_settings(settings, &mut probe, context, &mut secrets);
    }
    Some(ReadProbe { probe, secrets })
}

fn read_http(table: &Table<'_>, context: &Context<'_>, secrets: &mut Vec<SecretUse>) -> Option<HttpProbe> {
    table.not_available("steps", "`probe.http`");
    table.not_available("proxy", "`probe.http`");
    let url = table.need("url", "\"https://www.example.org/\"").and_then(probe_url);
    let methods: Vec<_> = METHODS.iter().map(|method| (*method, *method)).collect();
    let method = table.word("method", &methods).map_or("GET", |method| method.value);
    let body = table.get("body").and_then(sendable);
    let headers = table
        .table("headers")
        .map(|headers| read_headers(&headers, url.as_ref().map(|url| &url.value), context, secrets));
    let follow_redirects = table.boolean("follow_redirects").is_none_or(|follow| follow.value);
    let port = url.as_ref().and_then(|url| url.value.port_or_known_default()).unwrap_or(443);
    let resolve = table.get("resolve").and_then(|value| {
        let text = value.string()?;
        let address =
            text.value.parse::<SocketAddr>().ok().or_else(|| {
                parse_host(text.value)?.parse::<IpAddr>().ok().map(|address| SocketAddr::new(address, port))
            });
        if address.is_none() {
            value.fault(
                format!("{} is no address to pin to", quote(text.value)),
                "not an IP address",
                "write `\"192.0.2.1\"` or `\"192.0.2.1:8443\"`",
            );
        }
        address
    });
    if let (Some(body), "GET" | "HEAD") = (&body, method) {
        let fault = Fault::error(format!("a body with `{method}`")).at(body.spot, "would not be sent");
        table.faults.push(fault.help("set `method = \"POST\"` or remove the body"));
    }
    Some(HttpProbe {
        url: url?.value,
        method: method.to_owned(),
        headers: headers.unwrap_or_default(),
        body: body.map(|body| body.value.to_owned()),
        follow_redirects,
        resolve,
        tls: TlsSettings::default(),
    })
}

/// Request headers: texts, or `{ secret = "name" }`.
fn read_headers(
    table: &Table<'_>,
    url: Option<&Url>,
    context: &Context<'_>,
    secrets: &mut Vec<SecretUse>,
) -> Vec<(String, HeaderValue)> {
    let mut headers: Vec<(String, HeaderValue)> = Vec::new();
    for (name, value) in table.entries() {
        let lower = name.value.to_ascii_lowercase();
        let wrong = |title: String, label: &str, help: &str| {
            table.faults.push(Fault::error(title).at(name.spot, label).help(help))
        };
        if CREDENTIALS.contains(&lower.as_str()) && value.string_if().is_some() {
            table.faults.blot(value.spot);
            let fault = Fault::warning(format!("the value of {} is written into a probe file", quote(name.value)));
            let help = "let the operator define a secret and write `{ secret = \"name\" }`";
            table.faults.push(fault.at(value.spot, "shown as ***").help(help));
        }
        if http::HeaderName::from_bytes(name.value.as_bytes()).is_err() {
            wrong(
                format!("{} is no header name", quote(name.value)),
                "not a name",
                "write something like `Accept-Language`",
            );
        } else if OURS.contains(&lower.as_str()) {
            let help = "it belongs to the connection or, as `[probing] user_agent`, to the operator";
            wrong(format!("the header {} cannot be set", quote(name.value)), "not settable", help);
        } else if headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name.value)) {
            wrong(format!("the header {} stands twice", quote(name.value)), "again", "names differ by more than case");
        } else if headers.len() >= HEADERS_MAX {
            wrong("too many headers".to_owned(), "one too many", "at most 50");
        } else if value.is_table() {
            if let Some(secret) = value.table().and_then(|table| secret_name(&table)) {
                headers.push((name.value.to_owned(), HeaderValue::Secret(secret.value.to_owned())));
                let origin = url.map(|url| url.origin().ascii_serialization());
                let value = context.secrets.get(secret.value).map(|defined| defined.entry.value.reveal());
                if value.is_some_and(|value| http::HeaderValue::from_str(value).is_err()) {
                    let fault = Fault::error(format!("the secret {} cannot stand in a header", quote(secret.value)));
                    table.faults.push(
                        fault
                            .at(secret.spot, "*** holds line breaks or control characters")
                            .help("its file must hold one line"),
                    );
                }
                secrets.push(SecretUse { name: At::new(secret.value.to_owned(), secret.spot), origin });
            }
        } else if let Some(text) = value.string() {
            if http::HeaderValue::from_str(text.value).is_err() {
                wrong(
                    format!("the value of {} cannot stand in a header", quote(name.value)),
                    "not a value",
                    "no line breaks or control characters",
                );
            } else {
                headers.push((name.value.to_owned(), HeaderValue::Literal(text.value.to_owned())));
            }
        }
    }
    headers
}

/// `{ secret = "name" }`. The environment and files of the machine are the operator's alone.
fn secret_name<'t>(table: &Table<'t>) -> Option<At<&'t str>> {
    let mut foreign = false;
    for (key, what) in [("env", "the environment"), ("file", "a file of the system")] {
        if let Some(value) = table.get(key) {
            foreign = true;
            let fault =
                Fault::error(format!("a probe file cannot read {what}")).at(value.key, "*** stays with the operator");
            table.faults.push(fault.help("let the operator define `[secrets.NAME]` in config.toml for this organisation and write `{ secret = \"NAME\" }`"));
        }
    }
    if foreign {
        return None;
    }
    let secret = table.need("secret", "\"name\"").and_then(Value::string);
    for (key, value) in table.entries() {
        if !matches!(key.value, "secret" | "env" | "file") {
            table.faults.blot(value.spot);
            let fault = Fault::error(format!("unknown key {}", quote(key.value))).at(key.spot, "unknown");
            table.faults.push(fault.help("write `{ secret = \"name\" }` and nothing else"));
        }
    }
    secret
}

/// A text that is sent as it is written.
fn sendable(value: Value<'_>) -> Option<At<&str>> {
    let text = value.string()?;
    if text.value.len() > BODY_BYTES_MAX {
        value.fault("a text too long to send", "too long", "at most 64 KiB");
        return None;
    }
    Some(text)
}

fn server_name(table: &Table<'_>) -> Option<String> {
    let value = table.get("server_name")?;
    let text = value.string()?;
    let name = parse_host(text.value);
    if name.is_none() {
        value.fault(
            format!("{} is no host name", quote(text.value)),
            "not a name",
            "write the name in the certificate: `\"www.example.org\"`",
        );
    }
    name
}

fn read_tls(table: &Table<'_>) -> Option<TlsProbe> {
    let address = table.need("address", "\"www.example.org:443\"").and_then(host_port);
    let tls = TlsSettings { server_name: server_name(table), ..TlsSettings::default() };
    let (host, port) = address?.value;
    Some(TlsProbe { host, port, tls })
}

fn read_tcp(table: &Table<'_>) -> Option<TcpProbe> {
    let address = table.need("address", "\"mail.example.org:25\"").and_then(host_port);
    let send = table.get("send").and_then(sendable).map(|send| send.value.to_owned());
    let expect = table.string("expect").and_then(|expect| pattern(&expect, table.faults));
    let starttls = table.word("starttls", words_of!(Starttls)).map(|starttls| starttls.value);
    let (host, port) = address?.value;
    Some(TcpProbe { host, port, send, expect, starttls, tls: TlsSettings::default() })
}

fn read_dns(table: &Table<'_>) -> Option<DnsProbe> {
    let name = table.need("name", "\"www.example.org\"").and_then(|value| {
        let text = value.string()?;
        if !is_host_name(text.value) {
            value.fault(
                format!("{} is no DNS name", quote(text.value)),
                "not a name",
                "write a name without scheme or path: `\"www.example.org\"`",
            );
            return None;
        }
        Some(text.value.to_owned())
    });
    let types: Vec<_> = RECORD_TYPES.iter().map(|word| (*word, *word)).collect();
    let record_type = table.word("type", &types).map_or("A", |word| word.value);
    let resolver = table.get("resolver").and_then(|value| {
        let text = value.string()?;
        if parse_resolver(text.value).is_none() || text.value == "system" {
            value.fault(format!("{} is no resolver to ask", quote(text.value)), "not understood", RESOLVER_HELP);
            return None;
        }
        Some(text.value.to_owned())
    });
    Some(DnsProbe { name: name?, record_type: record_type.to_owned(), resolver })
}

/// `tls = { ca_file, server_name, client_cert, client_key }` of a check.
fn read_tls_settings(table: Table<'_>, probe: &mut Probe, context: &Context<'_>, secrets: &mut Vec<SecretUse>) {
    let origin = match &*probe {
        Probe::Http(http) => Some(http.url.origin().ascii_serialization()),
        Probe::Tls(_) | Probe::Tcp(_) | Probe::Dns(_) => {
            Url::parse(&format!("https://{}/", probe.target())).ok().map(|url| url.origin().ascii_serialization())
        }
    };
    let encrypted = match &*probe {
        Probe::Http(http) => http.url.scheme() == "https",
        Probe::Tls(_) => true,
        Probe::Tcp(tcp) => tcp.starttls.is_some(),
        Probe::Dns(_) => return,
    };
    if !encrypted {
        let fault = Fault::error("`tls` for a probe that does not encrypt").at(table.spot, "nothing to encrypt");
        table.faults.push(fault.help("use an `https://` URL or `starttls`, or remove it"));
    }
    let file = |key| {
        let value = table.get(key)?;
        own_file(value, context.base).and_then(|path| pem_file(path, value.spot, "BEGIN CERTIFICATE", value.faults))
    };
    let ca_file = file("ca_file").map(|path| path.to_string_lossy().into_owned());
    let client_cert = file("client_cert").map(|path| path.to_string_lossy().into_owned());
    let client_key = table.get("client_key").and_then(|value| client_key(value, context, origin, secrets));
    if client_cert.is_some() != client_key.is_some()
        && table.get("client_cert").is_some() != table.get("client_key").is_some()
    {
        let fault = Fault::error("a client certificate needs both `client_cert` and `client_key`");
        table.faults.push(fault.at(table.spot, "one of them is missing").help("add the other one"));
    }
    let server_name = server_name(&table);
    let settings = match probe {
        Probe::Http(http) => &mut http.tls,
        Probe::Tls(tls) => &mut tls.tls,
        Probe::Tcp(tcp) => &mut tcp.tls,
        Probe::Dns(_) => return,
    };
    let server_name = server_name.or_else(|| settings.server_name.take());
    *settings = TlsSettings { ca_file, server_name, client_cert, client_key };
    table.finish();
}

/// A file that a probe file may name: below its own folder, not reached through a link.
pub(super) fn own_file(value: Value<'_>, base: &Path) -> Option<std::path::PathBuf> {
    let text = value.string()?;
    let relative = Path::new(text.value);
    let inside = !text.value.is_empty()
        && relative.components().all(|part| matches!(part, PathPart::Normal(_) | PathPart::CurDir));
    let path = base.join(relative);
    let below = inside
        && match (path.canonicalize(), base.join(".").canonicalize()) {
            (Ok(path), Ok(base)) => path.starts_with(base),
            // What does not exist is named by whoever opens it.
            (Err(_), _) | (_, Err(_)) => true,
        };
    if !below {
        let help = "put the file beside this one and name it by a relative path without `..`";
        value.fault("a file outside the folder of this one", "*** stays unread", help);
        return None;
    }
    Some(path)
}

/// A key is a secret: `{ secret = "name" }` of one that is read from a file, or that file's path.
fn client_key(
    value: Value<'_>,
    context: &Context<'_>,
    origin: Option<String>,
    secrets: &mut Vec<SecretUse>,
) -> Option<String> {
    let help = "let the operator define `[secrets.NAME] file = \"…\"` in config.toml for this organisation and write `client_key = { secret = \"NAME\" }`";
    let (name, path) = if value.is_table() {
        let name = secret_name(&value.table()?)?;
        (name.clone(), context.secrets.get(name.value).and_then(|defined| defined.file.clone()))
    } else {
        let text = value.string()?;
        let path = context.base.join(text.value);
        let owner = context.secrets.iter().find(|(_, defined)| {
            defined.file.as_ref() == Some(&path) || defined.file.as_deref() == Some(Path::new(text.value))
        });
        let Some((name, defined)) = owner else {
            value.fault("a probe file cannot name a key file", "*** stays with the operator", help);
            return None;
        };
        secrets.push(SecretUse { name: At::new(name.clone(), value.spot), origin });
        return defined.file.as_ref().map(|path| path.to_string_lossy().into_owned());
    };
    let known = context.secrets.contains_key(name.value);
    secrets.push(SecretUse { name: At::new(name.value.to_owned(), name.spot), origin });
    if known && path.is_none() {
        value.fault("this secret is not read from a file", "a key must be a file", help);
    }
    path.map(|path| path.to_string_lossy().into_owned())
}
