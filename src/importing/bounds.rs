//! What a probe file may hold: whether `config` would take a check.
//!
//! `config` has the last word. Asking here first means that one entry that does not fit is named
//! and left out, instead of the whole file being refused.

use std::net::IpAddr;

use super::draft::Check;
use super::{Fault, TEXT_BYTES_MAX};
use crate::model::bounds::{
    BODY_BYTES_MAX, HEADERS_MAX, METHODS, RECORD_TYPES, URL_BYTES_MAX, inner_address, is_host_name, json_path, pattern,
};
use crate::model::check::{Expect, HeaderValue, HttpProbe, Probe};

/// Longest text to look for, in bytes.
const WORD_BYTES_MAX: usize = 2_000;

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
    if !private_networks && inner_address(&host).is_some() {
        return Err(Refusal::Private(format!("it asks the private address {host}")));
    }
    Ok(())
}

/// The same but for where it leads.
pub(super) fn judge_form(check: &Check) -> Result<(), String> {
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

/// What all checks that were read will take in the text, at least: where many share one text, it is copied for each.
#[derive(Debug, Default)]
pub(super) struct Weight {
    bytes: usize,
}

impl Weight {
    /// Adds a check, or says that they are more than a probe file can hold.
    pub(super) fn add(&mut self, check: &Check) -> Result<(), Fault> {
        let headers = match &check.probe {
            Probe::Http(http) => http.headers.as_slice(),
            Probe::Tls(_) | Probe::Tcp(_) | Probe::Dns(_) => &[],
        };
        let literal = |value: &HeaderValue| match value {
            HeaderValue::Literal(text) => text.len(),
            HeaderValue::Secret(_) => 0,
        };
        self.bytes += texts(check).map(str::len).sum::<usize>();
        self.bytes += headers.iter().map(|(name, value)| name.len() + literal(value)).sum::<usize>();
        if self.bytes > TEXT_BYTES_MAX { Err(Fault::TooLong { bytes: self.bytes }) } else { Ok(()) }
    }
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
        if text.is_empty() || text.len() > WORD_BYTES_MAX {
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
        if path.chars().any(char::is_control) || json_path(path).is_err() {
            return Err("its JSONPath is none of RFC 9535".to_owned());
        }
    }
    Ok(())
}

/// Whether a pattern is a regular expression here.
pub(super) fn judge_pattern(text: &str) -> Result<(), String> {
    match pattern(text) {
        Ok(_) => Ok(()),
        Err(_) => Err("one of its patterns is no regular expression here, or too large".to_owned()),
    }
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
