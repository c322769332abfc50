//! The kind `dns`: a question to a named resolver, or to ours. It is always asked anew.

use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use hickory_resolver::proto::op::{Message, Query};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};

use crate::model::check::Phase;
use crate::model::observation::{DnsFacts, Fault};
use crate::model::verdict::Reason;
use crate::probe::Freshness;
use crate::probe::connect::{Connected, Target};
use crate::probe::detail::{escaped, fault};
use crate::probe::exchange::{Question, Server, Transport, exchange};
use crate::probe::http::Means;
use crate::probe::policy::Zone;
use crate::probe::resolve::rcode_name;
use crate::probe::tls::{Alpn, Hello, TlsMaterial, handshake};

/// Records kept.
const RECORDS_MAX: usize = 100;

/// Longest record kept, in characters.
const RECORD_LENGTH_MAX: usize = 512;

/// What is prepared of a `dns` probe.
#[derive(Debug)]
pub(super) struct DnsPlan {
    pub(super) name: Name,
    pub(super) record_type: RecordType,
    /// The resolver asked; `None` for ours.
    pub(super) resolver: Option<Asked>,
}

/// A resolver that a probe names.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) by: By,
}

/// How a named resolver is asked.
#[derive(Debug)]
pub(super) enum By {
    /// UDP, TCP for long answers. The host is an address.
    Udp(IpAddr),
    /// TCP.
    Tcp,
    /// TLS.
    Tls(Result<Rc<TlsMaterial>, String>),
}

impl Asked {
    /// Reads `9.9.9.9`, `9.9.9.9:53`, `[::1]:53`, `tcp://…`, `tls://name[:port]`. `tls` loads
    /// the default TLS setting.
    pub(super) fn parse(text: &str, tls: impl FnOnce() -> Result<Rc<TlsMaterial>, String>) -> Result<Self, String> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("udp", text));
        let standard = if scheme == "tls" { 853 } else { 53 };
        let (host, port) = host_and_port(rest, standard).ok_or_else(|| format!("`{text}` is no resolver"))?;
        let by = match scheme {
            "udp" => {
                let address = host.parse().map_err(|_invalid| {
                    format!("`{text}` is no resolver: over UDP it is asked by its address, such as `9.9.9.9`")
                })?;
                By::Udp(address)
            }
            "tcp" => By::Tcp,
            "tls" => By::Tls(tls()),
            _ => return Err(format!("`{text}` is no resolver: write an address, tcp://… or tls://…")),
        };
        Ok(Self { host, port, by })
    }
}

fn host_and_port(text: &str, standard: u16) -> Option<(String, u16)> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some((address.to_string(), standard));
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some((address.ip().to_string(), address.port()));
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok()?),
        None => (text, standard),
    };
    let plausible = !host.is_empty() && host.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_'));
    plausible.then(|| (host.to_owned(), port))
}

/// Runs the probe; the facts stand in the trace.
pub(super) async fn run(plan: &DnsPlan, means: Means<'_>) -> Result<(), Fault> {
    let query = Query::query(plan.name.clone(), plan.record_type);
    let trace = means.trace;
    let answer = match &plan.resolver {
        None => {
            trace.enter(Phase::Processing);
            means.connector.names.ask(query, Freshness::Fresh, means.clock, trace).await?
        }
        Some(asked) => ask(asked, &Question::new(query)?, means).await?,
    };
    trace.finish();
    *trace.dns.borrow_mut() = Some(facts(&answer, plan.record_type));
    Ok(())
}

async fn ask(asked: &Asked, question: &Question, means: Means<'_>) -> Result<Message, Fault> {
    let trace = means.trace;
    let target = Target { host: &asked.host, port: asked.port, pinned: None, before: None };
    match &asked.by {
        By::Udp(address) => {
            let zone = means.connector.policy.judge(*address, None).map_err(|refusal| {
                fault(Reason::ProbeFault, Some(Phase::Connect), format!("address {address} {refusal}"))
            })?;
            let address = SocketAddr::new(*address, asked.port);
            trace.address.set(Some((address, zone)));
            trace.travel(|travelled| {
                travelled.outside = zone == Zone::Public;
                travelled.ipv4 = address.is_ipv4();
                travelled.ipv6 = address.is_ipv6();
            });
            trace.enter(Phase::Processing);
            Server::new(address, Transport::Udp).ask(question, false, means.clock, trace).await
        }
        By::Tcp => {
            let Connected { mut stream, place, .. } =
                means.connector.connect(target, means.freshness, means.clock, trace).await?;
            trace.enter(Phase::Processing);
            let address = address_of(means)?;
            let answer = exchange(&mut stream, question, address).await?;
            place.answered();
            Ok(answer)
        }
        By::Tls(material) => {
            let material = material.as_ref().map_err(|why| fault(Reason::ProbeFault, Some(Phase::Tls), why))?;
            let Connected { stream, place, .. } =
                means.connector.connect(target, means.freshness, means.clock, trace).await?;
            let hello = Hello { name: &asked.host, alpn: Alpn::Nothing, identified: false };
            let mut tls = handshake(stream, material, hello, means.clock, trace).await?;
            trace.enter(Phase::Processing);
            let address = address_of(means)?;
            let answer = exchange(&mut tls, question, address).await?;
            place.answered();
            Ok(answer)
        }
    }
}

fn address_of(means: Means<'_>) -> Result<SocketAddr, Fault> {
    let address = means.trace.address.get().map(|(address, _)| address);
    address.ok_or_else(|| fault(Reason::ProbeFault, Some(Phase::Connect), "the connection has no address"))
}

fn facts(answer: &Message, record_type: RecordType) -> DnsFacts {
    let count = |records: &[Record]| u32::try_from(records.len()).unwrap_or(u32::MAX);
    let mut records: Vec<String> = answer
        .answers
        .iter()
        .filter(|record| record.record_type() == record_type)
        .take(RECORDS_MAX)
        .map(|record| escaped(&presentation(&record.data), RECORD_LENGTH_MAX))
        .collect();
    records.sort();
    DnsFacts {
        rcode: rcode_name(answer.metadata.response_code),
        records,
        answers: count(&answer.answers),
        authorities: count(&answer.authorities),
        // The OPT pseudo-record of EDNS stands in the additional section on the wire.
        additionals: count(&answer.additionals) + u32::from(answer.edns.is_some()),
        serial: answer.answers.iter().find_map(|record| match &record.data {
            RData::SOA(soa) => Some(soa.serial),
            _ => None,
        }),
    }
}

/// A record as a zone file has it.
fn presentation(data: &RData) -> String {
    match data {
        RData::TXT(txt) => {
            let parts: Vec<String> = txt.txt_data.iter().map(|part| quoted(part)).collect();
            parts.join(" ")
        }
        RData::Unknown { code: RecordType::DS, rdata } => ds(&rdata.anything),
        RData::Unknown { code: RecordType::DNSKEY, rdata } => dnskey(&rdata.anything),
        other => other.to_string(),
    }
}

/// RFC 1035 section 5.1.
fn quoted(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 2);
    out.push('"');
    for c in String::from_utf8_lossy(bytes).chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

/// RFC 4034 section 5.3.
fn ds(bytes: &[u8]) -> String {
    match bytes {
        [a, b, algorithm, digest_type, digest @ ..] => {
            let hex: String = digest.iter().map(|byte| format!("{byte:02X}")).collect();
            format!("{} {algorithm} {digest_type} {hex}", u16::from_be_bytes([*a, *b]))
        }
        _ => String::new(),
    }
}

/// RFC 4034 section 2.2.
fn dnskey(bytes: &[u8]) -> String {
    match bytes {
        [a, b, protocol, algorithm, key @ ..] => {
            format!("{} {protocol} {algorithm} {}", u16::from_be_bytes([*a, *b]), base64(key))
        }
        _ => String::new(),
    }
}

/// RFC 4648, with padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let word = group.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4usize {
            let digit = DIGITS.get((word >> (18 - 6 * place) & 63) as usize).copied().unwrap_or(b'=');
            out.push(if place <= group.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

/// Whether an answer's record is the one expected: names without regard to case and final dots,
/// text with or without its quotes.
pub(super) fn is_same_record(found: &str, expected: &str) -> bool {
    if found == expected {
        return true;
    }
    if found.starts_with('"') {
        let bare = |text: &str| {
            let text = text.replace("\" \"", "");
            match text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
                Some(bare) => bare.to_owned(),
                None => text,
            }
        };
        return bare(found).replace("\\\"", "\"").replace("\\\\", "\\") == bare(expected);
    }
    let mut found = found.split_ascii_whitespace();
    let mut expected = expected.split_ascii_whitespace();
    loop {
        match (found.next(), expected.next()) {
            (None, None) => return true,
            (Some(found), Some(expected)) => {
                let address = || Some(found.parse::<IpAddr>().ok()? == expected.parse::<IpAddr>().ok()?);
                let (name, other) = (found.trim_end_matches('.'), expected.trim_end_matches('.'));
                if !name.eq_ignore_ascii_case(other) && address() != Some(true) {
                    return false;
                }
            }
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_compare_as_a_person_reads_them() {
        for (found, expected, same) in [
            ("10 mx.example.org.", "10 MX.example.org", true),
            ("10 mx.example.org.", "20 mx.example.org.", false),
            ("\"v=spf1 -all\"", "v=spf1 -all", true),
            ("\"v=spf1 \" \"-all\"", "v=spf1 -all", true),
            ("\"a \\\"b\\\"\"", "a \"b\"", true),
            ("2001:db8::1", "2001:DB8:0:0::1", true),
            ("0 issue \"letsencrypt.org\"", "0 issue \"letsencrypt.org\"", true),
            ("10 mx.example.org.", "10", false),
        ] {
            assert_eq!(is_same_record(found, expected), same, "{found} {expected}");
        }
    }

    #[test]
    fn base64_pads_as_rfc_4648_says() {
        for (bytes, text) in [(&b""[..], ""), (b"f", "Zg=="), (b"fo", "Zm8="), (b"foo", "Zm9v"), (b"foob", "Zm9vYg==")]
        {
            assert_eq!(base64(bytes), text);
        }
    }

    #[test]
    fn resolvers_are_read_in_all_their_forms() {
        let none = || Err(String::new());
        for (text, host, port) in [
            ("9.9.9.9", "9.9.9.9", 53),
            ("9.9.9.9:5353", "9.9.9.9", 5353),
            ("2620:fe::fe", "2620:fe::fe", 53),
            ("[2620:fe::fe]:54", "2620:fe::fe", 54),
            ("tcp://9.9.9.9", "9.9.9.9", 53),
            ("tls://dns.quad9.net", "dns.quad9.net", 853),
            ("tls://dns.quad9.net:8853", "dns.quad9.net", 8853),
        ] {
            let asked = Asked::parse(text, none).unwrap();
            assert_eq!((asked.host.as_str(), asked.port), (host, port), "{text}");
        }
        for text in ["dns.quad9.net", "https://dns.quad9.net", "", "tls://", "tls://a b", "9.9.9.9:x"] {
            assert!(Asked::parse(text, none).is_err(), "{text}");
        }
    }
}
