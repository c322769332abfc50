//! `[vantage] reference`: outside targets that tell a fault of ours from a fault of theirs.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;
use url::Url;

use super::diagnostic::{Fault, Spot, quote};
use super::read::{Table, Value};
use super::values::parse_host_port;
use crate::model::bounds::{RECORD_TYPES, inner_address, is_host_name};
use crate::model::check::{DnsProbe, HttpProbe, Probe, TcpProbe, TlsSettings};
use crate::model::settings::Reference;

/// Reads `"https://…"`, `"http://…"`, `"tcp://host:port"`, `"dns://resolver/name?type=NS"`.
pub(super) fn read_reference(value: Value<'_>, allowed: &[IpNet]) -> Option<Reference> {
    let text = value.string()?;
    let Some(probe) = parse_reference(text.value) else {
        let title = format!("{} is no reference", quote(text.value));
        value.fault(
            title,
            "not understood",
            "write `\"https://…\"`, `\"http://…\"`, `\"tcp://host:port\"` or `\"dns://9.9.9.9/de.\"`",
        );
        return None;
    };
    let host = host_of(&probe);
    if leads_inside(&host, allowed) {
        let help = "add its network to `[probing] private_networks`; better, take one outside your network";
        value.fault("the reference lies in a private network", "not public", help);
        return None;
    }
    Some(Reference { text: text.value.to_owned(), probe })
}

fn parse_reference(text: &str) -> Option<Probe> {
    if text.len() > 500 {
        return None;
    }
    let (scheme, rest) = text.split_once("://")?;
    match scheme {
        "http" | "https" => {
            let url = Url::parse(text).ok().filter(|url| url.host_str().is_some_and(|host| !host.is_empty()))?;
            if !url.username().is_empty() || url.password().is_some() {
                return None;
            }
            Some(Probe::Http(http_get(url)))
        }
        "tcp" => {
            let (host, port) = parse_host_port(rest, None)?;
            Some(Probe::Tcp(TcpProbe {
                host,
                port,
                send: None,
                expect: None,
                starttls: None,
                tls: TlsSettings::default(),
            }))
        }
        "dns" => {
            let (resolver, question) = rest.split_once('/')?;
            let (name, record_type) = question.split_once("?type=").unwrap_or((question, "NS"));
            let (host, port) = parse_host_port(resolver, Some(53))?;
            let address: IpAddr = host.parse().ok()?;
            (is_host_name(name) && RECORD_TYPES.contains(&record_type)).then(|| {
                let resolver =
                    if port == 53 { address.to_string() } else { std::net::SocketAddr::new(address, port).to_string() };
                Probe::Dns(DnsProbe {
                    name: name.to_owned(),
                    record_type: record_type.to_owned(),
                    resolver: Some(resolver),
                })
            })
        }
        _ => None,
    }
}

/// A plain GET that follows redirects.
pub(super) fn http_get(url: Url) -> HttpProbe {
    HttpProbe {
        url,
        method: "GET".to_owned(),
        headers: Vec::new(),
        body: None,
        follow_redirects: true,
        resolve: None,
        tls: TlsSettings::default(),
    }
}

/// The host that a probe connects to first.
pub(super) fn host_of(probe: &Probe) -> String {
    match probe {
        Probe::Http(http) => match http.resolve {
            Some(address) => address.ip().to_string(),
            None => http.url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned(),
        },
        Probe::Tls(tls) => tls.host.clone(),
        Probe::Tcp(tcp) => tcp.host.clone(),
        Probe::Dns(dns) => {
            match dns.resolver.as_deref().map(|text| text.split_once("://").map_or(text, |(_, rest)| rest)) {
                Some(resolver) => parse_host_port(resolver, Some(53)).map(|(host, _)| host).unwrap_or_default(),
                None => String::new(),
            }
        }
    }
}

/// Whether a literal address (or `localhost`) leads inside, where the operator has not allowed
/// it. Names are judged when they have been resolved, by the probes.
pub(super) fn leads_inside(host: &str, allowed: &[IpNet]) -> bool {
    inner_address(host).is_some_and(|address| !allowed.iter().any(|net| net.contains(&address)))
}

/// Whether a reference, with its host, tells something about a path.
type Test = fn(&Reference, &str) -> bool;

/// Warns where a path has fewer than two references that do not share a host.
pub(super) fn check_references(references: &[Reference], spot: Option<Spot>, root: &Table<'_>) {
    let at = |fault: Fault| match spot {
        Some(spot) => fault.at(spot, "here"),
        None => fault.in_file(root.spot.file),
    };
    const HELP: &str = "name two or three that are not run by the same people, each on another network: `reference = [\"https://…\", \"https://…\", \"tcp://…\", \"dns://…\"]`";
    if references.is_empty() {
        let fault = Fault::warning("no references: a fault of our own network looks like an outage of everything");
        root.faults.push(at(fault).help(HELP));
        return;
    }
    let mut lacking = Vec::new();
    let tests: [(&str, Test); 4] = [
        ("resolver", |reference, host| host.parse::<IpAddr>().is_err() || matches!(reference.probe, Probe::Dns(_))),
        ("ipv4", |_, host| !host.parse::<IpAddr>().is_ok_and(|address| address.is_ipv6())),
        ("ipv6", |_, host| !host.parse::<IpAddr>().is_ok_and(|address| address.is_ipv4())),
        ("tls", |reference, _| matches!(&reference.probe, Probe::Http(http) if http.url.scheme() == "https")),
    ];
    for (path, serves) in tests {
        let networks: BTreeSet<String> = references
            .iter()
            .map(|reference| (reference, host_of(&reference.probe)))
            .filter(|(reference, host)| serves(reference, host))
            .map(|(_, host)| network_of(&host))
            .collect();
        if networks.len() < 2 {
            lacking.push(path);
        }
    }
    if !lacking.is_empty() {
        let fault = Fault::warning(format!(
            "fewer than two references in different networks for the path {}",
            lacking.join(", ")
        ));
        root.faults.push(at(fault).help(HELP));
    }
}

/// What stands for the network of a host: the last two labels of a name, or the address.
fn network_of(host: &str) -> String {
    if host.parse::<IpAddr>().is_ok() {
        return host.to_owned();
    }
    let mut labels: Vec<&str> = host.trim_end_matches('.').rsplit('.').take(2).collect();
    labels.reverse();
    labels.join(".")
}
