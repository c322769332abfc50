//! Gatus: its YAML, one file or several. An endpoint becomes a component with one check, a group
//! the whole that its endpoints are part of. Conditions are read in `condition`.

mod condition;

use std::time::Duration;

use super::assembly::assemble;
use super::bounds::{Weight, judge_form};
use super::draft::{Check, Credential, Entry, Found, Timing};
use super::name::{NAME_CHARS_MAX, one_line};
use super::report::Report;
use super::request::{self, Asked, INSECURE, Request};
use super::yaml::{Node, parse};
use super::{ENTRIES_MAX, Fault, Options, Outcome, Source, go};
use crate::model::bounds::is_host_name;
use crate::model::check::{DnsProbe, Probe, Starttls, TcpProbe, TlsProbe, TlsSettings};
use crate::model::status::ComponentKind;

/// What Gatus takes where nothing is set.
const INTERVAL: Duration = Duration::from_secs(60);
const TIMEOUT: Duration = Duration::from_secs(10);
/// Most conditions of an endpoint, and most headers of a request.
const CONDITIONS_MAX: usize = 50;

/// Imports the endpoints of all files.
pub fn import(sources: &[Source<'_>], options: &Options) -> Result<Outcome, Fault> {
    let mut report = Report::default();
    let mut entries = Vec::new();
    let mut weight = Weight::default();
    for source in sources {
        let root = parse(source)?;
        let known = ["endpoints", "services", "external-endpoints", "suites"];
        if known.iter().all(|key| root.get(key).is_none()) {
            return Err(source.broken("a configuration of Gatus", "it has no `endpoints`"));
        }
        let file = one_line(source.name, 100);
        for endpoint in root.list_of("endpoints").iter().chain(root.list_of("services")) {
            let entry = entry(endpoint, &file, &mut report);
            if let Entry::Found(found) = &entry {
                found.checks.iter().try_for_each(|check| weight.add(check))?;
            }
            entries.push(entry);
            if entries.len() > ENTRIES_MAX {
                return Err(Fault::TooMany);
            }
        }
        for (key, why) in [
            ("external-endpoints", "it waits for results from elsewhere, which no check here does"),
            ("suites", "a walk through several requests is no check here"),
        ] {
            for node in root.list_of(key).iter().take(ENTRIES_MAX) {
                entries.push(Entry::Left(label(node, &file), why.to_owned()));
            }
        }
        for (key, what) in [
            ("alerting", "alerts"),
            ("maintenance", "maintenance windows"),
            ("announcements", "announcements"),
            ("remote", "endpoints of other instances"),
            ("tunneling", "tunnels"),
        ] {
            if root.get(key).is_some() {
                report.notes.push(format!("{file}: {what} are not carried over"));
            }
        }
    }
    report.notes.dedup();
    assemble("a configuration of Gatus", entries, Vec::new(), report, options)
}

fn label(node: &Node, file: &str) -> String {
    let name = node.text_of("name").unwrap_or("without a name");
    format!("{} ({file}:{})", one_line(name, 200), node.line)
}

fn entry(node: &Node, file: &str, report: &mut Report) -> Entry {
    let left = |why: String| Entry::Left(label(node, file), why);
    let Some(name) = node.text_of("name").filter(|name| !name.trim().is_empty()) else {
        return left("it has no name".to_owned());
    };
    let name = one_line(name, NAME_CHARS_MAX);
    if node.boolean("enabled") == Some(false) {
        return left("it is switched off".to_owned());
    }
    let read = match read(node) {
        Ok(read) => read,
        Err(why) => return left(why),
    };
    let group = node.text_of("group").filter(|group| !group.trim().is_empty());
    let group = group.map(|group| one_line(group, NAME_CHARS_MAX));
    if !node.list_of("alerts").is_empty() {
        let note = "alerts of endpoints are not carried over; what confirms an outage is `down_after`";
        if report.notes.iter().all(|known| known != note) {
            report.notes.push(note.to_owned());
        }
    }
    let mut remarks = read.remarks;
    if !node.list_of("maintenance-windows").is_empty() {
        remarks.push("its maintenance windows are to be written by hand: `[[maintenance]]`".to_owned());
    }
    Entry::Found(Box::new(Found {
        key: format!("{}\n{name}", group.as_deref().unwrap_or_default()),
        name,
        place: format!("{file}:{}", node.line),
        group: group.map(|group| (format!("group\n{group}"), group)),
        kind: read.kind,
        checks: vec![read.check],
        remarks,
        comments: Vec::new(),
        credentials: read.credentials,
    }))
}

struct Read {
    kind: ComponentKind,
    check: Check,
    remarks: Vec<String>,
    credentials: Vec<Credential>,
}

fn read(node: &Node) -> Result<Read, String> {
    let url = resolved(node.text_of("url").ok_or("it has no `url`")?)?;
    let client = node.get("client");
    if let Some(client) = client {
        for (key, what) in [
            ("proxy-url", "asks through a proxy"),
            ("oauth2", "signs in by OAuth"),
            ("identity-aware-proxy", "signs in by a proxy"),
            ("tunnel", "asks through a tunnel"),
            ("tls", "shows a certificate of its own"),
        ] {
            if client.get(key).is_some() {
                return Err(format!("it {what}, which is to be written by hand if it can be"));
            }
        }
    }
    let given = |value: Option<&str>, default: Duration| match value {
        Some(text) => go::duration(text).filter(|time| !time.is_zero()).ok_or("one of its durations cannot be read"),
        None => Ok(default),
    };
    let interval = given(node.text_of("interval"), INTERVAL)?;
    let timeout = given(client.and_then(|client| client.text_of("timeout")), TIMEOUT)?;
    let (timing, mut remarks) = Timing::of(interval, timeout);
    if client.is_some_and(|client| client.get("dns-resolver").is_some()) {
        remarks.push("its own resolver is not carried over; here the operator's are asked".to_owned());
    }
    let insecure = client.is_some_and(|client| client.is_true("insecure"));
    let mut read = match (node.get("dns"), url.split_once("://")) {
        (Some(dns), _) => dns_check(dns, &url, timing)?,
        (None, Some(("http" | "https", _))) => http_check(node, &url, client, insecure, timing)?,
        (None, Some(("tcp", address))) => {
            plain(ComponentKind::Service, Check::new("tcp", Probe::Tcp(tcp(address, None)?), timing))
        }
        (None, Some(("starttls", address))) => {
            plain(ComponentKind::Mail, Check::new("starttls", Probe::Tcp(tcp(address, Some(Starttls::Smtp))?), timing))
        }
        (None, Some(("tls", address))) => {
            let (host, port) = host_port(address, None)?;
            plain(
                ComponentKind::Service,
                Check::new("tls", Probe::Tls(TlsProbe { host, port, tls: TlsSettings::default() }), timing),
            )
        }
        (None, Some(("icmp", _))) => {
            return Err("it asks by ICMP, which no check here does; ask a port of it instead".to_owned());
        }
        (None, Some((scheme, _))) => return Err(format!("no check here asks by `{}`", one_line(scheme, 20))),
        (None, None) => return Err("its URL has no scheme".to_owned()),
    };
    let encrypted = match &read.check.probe {
        Probe::Http(http) => http.url.scheme() == "https",
        Probe::Tls(_) => true,
        Probe::Tcp(tcp) => tcp.starttls.is_some(),
        Probe::Dns(_) => false,
    };
    if insecure && encrypted && !matches!(read.check.probe, Probe::Http(_)) {
        remarks.push(INSECURE.to_owned());
    }
    let conditions = node.list_of("conditions");
    if conditions.len() > CONDITIONS_MAX {
        return Err("it has more than 50 conditions".to_owned());
    }
    let texts = conditions.iter().filter_map(|condition| condition.text());
    condition::read(texts, &mut read.check, encrypted, &mut remarks)?;
    judge_form(&read.check)?;
    remarks.append(&mut read.remarks);
    Ok(Read { remarks, ..read })
}

const fn plain(kind: ComponentKind, check: Check) -> Read {
    Read { kind, check, remarks: Vec::new(), credentials: Vec::new() }
}

/// A text without variables of the environment, `$$` being a dollar.
fn resolved(text: &str) -> Result<String, String> {
    match variable(text) {
        Some(name) => Err(format!("it holds the variable `{name}`: write its value and import again")),
        None => Ok(text.replace("$$", "$")),
    }
}

/// The first variable of the environment in a text.
fn variable(text: &str) -> Option<String> {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('$') {
        if let Some(escaped) = after.strip_prefix('$') {
            rest = escaped;
            continue;
        }
        let name: String = after
            .strip_prefix('{')
            .unwrap_or(after)
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
            .collect();
        if !name.is_empty() {
            return Some(one_line(&name, 40));
        }
        rest = after;
    }
    None
}

fn http_check(node: &Node, url: &str, client: Option<&Node>, insecure: bool, timing: Timing) -> Result<Read, String> {
    let mut headers = Vec::new();
    // One more than a check may have: then it is refused.
    for (name, value) in node.get("headers").map(Node::entries).unwrap_or_default().iter().take(CONDITIONS_MAX + 1) {
        let value = value.text().unwrap_or_default();
        // What comes from the environment is a secret as a rule.
        let value = if variable(value).is_some() { None } else { Some(value.replace("$$", "$")) };
        headers.push((name.clone(), value));
    }
    let mut body = node.text_of("body").map(resolved).transpose()?;
    if node.is_true("graphql") {
        body = body.map(|query| serde_json::json!({ "query": query }).to_string());
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            headers.push(("Content-Type".to_owned(), Some("application/json".to_owned())));
        }
    }
    let method = node.text_of("method").map(resolved).transpose()?;
    let asked = Asked {
        url,
        method: method.as_deref(),
        headers,
        body,
        basic: false,
        follow_redirects: !client.is_some_and(|client| client.is_true("ignore-redirect")),
        insecure,
    };
    let Request { probe, credentials, remarks } = request::read(asked)?;
    Ok(Read {
        kind: ComponentKind::Website,
        check: Check::new("http", Probe::Http(probe), timing),
        remarks,
        credentials,
    })
}

fn dns_check(dns: &Node, url: &str, timing: Timing) -> Result<Read, String> {
    let name = resolved(dns.text_of("query-name").ok_or("its `dns` has no `query-name`")?)?;
    let record_type = dns.text_of("query-type").ok_or("its `dns` has no `query-type`")?.to_ascii_uppercase();
    let server = url.strip_prefix("dns://").unwrap_or(url);
    let resolver = match server.parse::<std::net::IpAddr>() {
        Ok(address) => address.to_string(),
        Err(_) => match server.parse::<std::net::SocketAddr>() {
            Ok(address) if address.port() == 53 => address.ip().to_string(),
            Ok(address) => address.to_string(),
            Err(_) => return Err("its resolver is not an address".to_owned()),
        },
    };
    let probe = DnsProbe { name, record_type, resolver: Some(resolver) };
    Ok(plain(ComponentKind::Network, Check::new("dns", Probe::Dns(probe), timing)))
}

fn tcp(address: &str, starttls: Option<Starttls>) -> Result<TcpProbe, String> {
    let (host, port) = host_port(address, starttls.map(|_| 25))?;
    Ok(TcpProbe { host, port, send: None, expect: None, starttls, tls: TlsSettings::default() })
}

/// `host:port`, with brackets around an IPv6 literal.
pub(super) fn host_port(address: &str, default: Option<u16>) -> Result<(String, u16), String> {
    let wrong = || "its target is not a host and a port".to_owned();
    let address = address.trim_end_matches('/');
    if let Ok(address) = address.parse::<std::net::SocketAddr>() {
        return Ok((address.ip().to_string(), address.port()));
    }
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) => (host, Some(port.parse::<u16>().map_err(|_| wrong())?)),
        None => (address, None),
    };
    let port = port.or(default).filter(|port| *port > 0).ok_or_else(wrong)?;
    if is_host_name(host) { Ok((host.to_ascii_lowercase(), port)) } else { Err(wrong()) }
}
