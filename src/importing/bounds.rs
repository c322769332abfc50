//! What a probe file may hold: whether `config` would take a check.
//!
//! `config` has the last word. Asking here first means that one entry that does not fit is named
//! and left out, instead of the whole file being refused.

use std::net::IpAddr;

use serde_json_path::JsonPath;

use super::draft::Check;
use crate::model::check::{Expect, HeaderValue, HttpProbe, Probe};

/// Methods that a check may use.
pub(super) const METHODS: [&str; 4] = ["GET", "HEAD", "OPTIONS", "POST"];
/// Types of DNS records that can be asked for.
const RECORD_TYPES: [&str; 12] = ["A", "AAAA", "MX", "NS", "TXT", "CNAME", "SOA", "CAA", "SRV", "PTR", "DS", "DNSKEY"];
/// Longest URL, in bytes.
const URL_BYTES_MAX: usize = 2_000;
/// Longest pattern, in bytes; most memory it may take; deepest nesting.
const PATTERN_BYTES_MAX: usize = 2_000;
const PATTERN_SIZE_MAX: usize = 1 << 20;
const PATTERN_DEPTH_MAX: u32 = 50;
/// Longest text to look for, in bytes.
const TEXT_BYTES_MAX: usize = 2_000;
/// Longest body, in bytes.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// Most headers of a request.
const HEADERS_MAX: usize = 50;
/// Longest JSONPath, in bytes.
const JSON_PATH_BYTES_MAX: usize = 500;

/// Why a check cannot be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It asks a private address.
    Private(String),
    /// Something else.
    Unfit(String),
}

/// Whether a check can be written, or why not.
pub(super) fn judge(check: &Check, private_networks: bool) -> Result<(), Refusal> {
    judge_form(check).map_err(Refusal::Unfit)?;
    let host = match &check.probe {
        Probe::Http(http) => http.url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned(),
        Probe::Tls(tls) => tls.host.clone(),
        Probe::Tcp(tcp) => tcp.host.clone(),
        Probe::Dns(dns) => resolver_address(dns.resolver.as_deref()),
    };
    if !private_networks && leads_inside(&host) {
        return Err(Refusal::Private(format!("it asks the private address {host}")));
    }
    Ok(())
}

fn judge_form(check: &Check) -> Result<(), String> {
    if texts(check).any(|text| text.contains('\0')) {
        return Err("one of its texts has a NUL character".to_owned());
    }
    match &check.probe {
        Probe::Http(http) => judge_http(http)?,
        Probe::Tls(tls) => judge_host(&tls.host, tls.port)?,
        Probe::Tcp(tcp) => {
            judge_host(&tcp.host, tcp.port)?;
            tcp.expect.as_deref().map_or(Ok(()), judge_pattern)?;
            if tcp.send.as_ref().is_some_and(|send| send.len() > BODY_BYTES_MAX) {
                return Err("it sends more than 64 KiB".to_owned());
            }
        }
        Probe::Dns(dns) => {
            if !is_host_name(&dns.name) {
                return Err("what it asks for is no DNS name".to_owned());
            }
            if !RECORD_TYPES.contains(&dns.record_type.as_str()) {
                return Err("it asks for a type of records that a check cannot ask for".to_owned());
            }
        }
    }
    judge_expect(&check.expect)
}

/// Texts that may hold anything.
fn texts(check: &Check) -> impl Iterator<Item = &str> {
    let sent = match &check.probe {
        Probe::Http(http) => [http.body.as_deref(), None],
        Probe::Tcp(tcp) => [tcp.send.as_deref(), tcp.expect.as_deref()],
        Probe::Tls(_) | Probe::Dns(_) => [None, None],
    };
    let expect = &check.expect;
    let expected = [&expect.body_contains, &expect.body_lacks, &expect.body_matches, &expect.records];
    sent.into_iter()
        .flatten()
        .chain(expected.into_iter().flatten().map(String::as_str))
        .chain(expect.headers.values().map(String::as_str))
        .chain(expect.json.values().filter_map(serde_json::Value::as_str))
}

fn judge_http(http: &HttpProbe) -> Result<(), String> {
    if http.url.as_str().len() > URL_BYTES_MAX {
        return Err("its URL is longer than 2,000 bytes".to_owned());
    }
    if !matches!(http.url.scheme(), "http" | "https") || http.url.host_str().is_none_or(str::is_empty) {
        return Err("its URL is not one of http or https".to_owned());
    }
    if !METHODS.contains(&http.method.as_str()) {
        return Err(format!("a check asks and does not act: {}", METHODS.join(", ")));
    }
    if http.headers.len() > HEADERS_MAX {
        return Err("it sends more than 50 headers".to_owned());
    }
    for (index, (name, value)) in http.headers.iter().enumerate() {
        let twice = http.headers.iter().take(index).any(|(other, _)| other.eq_ignore_ascii_case(name));
        let fits = match value {
            HeaderValue::Literal(text) => http::HeaderValue::from_str(text).is_ok(),
            HeaderValue::Secret(_) => true,
        };
        if twice || !fits || http::HeaderName::from_bytes(name.as_bytes()).is_err() {
            return Err("one of its headers cannot be sent".to_owned());
        }
    }
    if http.body.as_ref().is_some_and(|body| body.len() > BODY_BYTES_MAX) {
        return Err("its body is longer than 64 KiB".to_owned());
    }
    Ok(())
}

fn judge_host(host: &str, port: u16) -> Result<(), String> {
    if port == 0 || !(host.parse::<IpAddr>().is_ok() || is_host_name(host)) {
        return Err("its target is not a host and a port".to_owned());
    }
    Ok(())
}

fn judge_expect(expect: &Expect) -> Result<(), String> {
    expect.body_matches.iter().chain(expect.headers.values()).try_for_each(|pattern| judge_pattern(pattern))?;
    for text in expect.body_contains.iter().chain(&expect.body_lacks).chain(&expect.records) {
        if text.is_empty() || text.len() > TEXT_BYTES_MAX {
            return Err("a text that it looks for is empty or longer than 2,000 bytes".to_owned());
        }
    }
    if expect.body_contains.iter().any(|text| expect.body_lacks.contains(text)) {
        return Err("it expects and forbids the same text".to_owned());
    }
    if expect.headers.keys().any(|name| http::HeaderName::from_bytes(name.as_bytes()).is_err()) {
        return Err("it expects a header that cannot be".to_owned());
    }
    for path in expect.json.keys() {
        let plain = path.len() <= JSON_PATH_BYTES_MAX && !path.chars().any(char::is_control);
        if !plain || JsonPath::parse(path).is_err() {
            return Err("its JSONPath is none of RFC 9535".to_owned());
        }
    }
    Ok(())
}

/// Whether a pattern is one of Rust's `regex` within bounds.
pub(super) fn judge_pattern(pattern: &str) -> Result<(), String> {
    let fits = pattern.len() <= PATTERN_BYTES_MAX
        && regex::RegexBuilder::new(pattern)
            .size_limit(PATTERN_SIZE_MAX)
            .dfa_size_limit(PATTERN_SIZE_MAX)
            .nest_limit(PATTERN_DEPTH_MAX)
            .build()
            .is_ok();
    if fits { Ok(()) } else { Err("one of its patterns is no regular expression here, or too large".to_owned()) }
}

/// Whether this is a DNS name of a host.
pub(super) fn is_host_name(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    !name.is_empty() && name.len() <= 253 && name.split('.').all(label)
}

/// The address of a resolver, without scheme and port.
fn resolver_address(resolver: Option<&str>) -> String {
    let text = resolver.unwrap_or_default();
    let text = text.split_once("://").map_or(text, |(_, rest)| rest);
    match text.parse::<std::net::SocketAddr>() {
        Ok(address) => address.ip().to_string(),
        Err(_) => text.to_owned(),
    }
}

/// Whether a literal address or `localhost` is not on the public internet. Where a name leads is
/// judged by the probes.
pub(super) fn leads_inside(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(address) => is_inside(address),
        Err(_) => {
            let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
            host == "localhost" || host.ends_with(".localhost")
        }
    }
}

fn is_inside(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || first == 0
                || first >= 224
                || (first == 100 && (64..128).contains(&second))
        }
        IpAddr::V6(v6) => {
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
                || v6.is_multicast()
        }
    }
}
