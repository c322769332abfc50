//! A module of `blackbox_exporter` and a target → a check.

use std::net::{IpAddr, SocketAddr};

use crate::importing::blackbox::Read;
use crate::importing::bounds::judge_pattern;
use crate::importing::draft::{Check, Timing};
use crate::importing::gatus::host_port;
use crate::importing::name::one_line;
use crate::importing::request::{self, Asked, BASIC, INSECURE, Request};
use crate::importing::yaml::Node;
use crate::model::bounds::is_host_name;
use crate::model::check::{DnsProbe, Probe, Starttls, TcpProbe, TlsProbe, TlsSettings};
use crate::model::status::ComponentKind;

/// Most patterns and steps of a module.
const ITEMS_MAX: usize = 100;
/// What makes a pattern more than a text.
const PATTERN_CHARS: [char; 14] = ['\\', '.', '*', '+', '?', '(', ')', '[', ']', '{', '}', '|', '^', '$'];

/// Reads a module for a target.
pub(super) fn read(module: &Node, target: &str, timing: Timing) -> Result<Read, String> {
    match module.text_of("prober").unwrap_or_default() {
        "http" => http(module.get("http"), target, timing),
        "tcp" => tcp(module.get("tcp"), target, timing),
        "dns" => dns(module.get("dns").ok_or("its module has no `dns`")?, target, timing),
        "icmp" => Err("it asks by ICMP, which no check here does; ask a port of it instead".to_owned()),
        other => Err(format!("no check here is a prober `{}`", one_line(other, 30))),
    }
}

/// The texts of a list, or the one text that stands in its place.
fn texts<'n>(node: Option<&'n Node>, key: &str) -> Vec<&'n str> {
    let Some(value) = node.and_then(|node| node.get(key)) else { return Vec::new() };
    match value.list() {
        Some(list) => list.iter().take(ITEMS_MAX).filter_map(|item| item.text()).collect(),
        None => value.text().into_iter().collect(),
    }
}

fn http(node: Option<&Node>, target: &str, timing: Timing) -> Result<Read, String> {
    let get = |key: &str| node.and_then(|node| node.get(key));
    let text = |key: &str| node.and_then(|node| node.text_of(key));
    let is_true = |key: &str| node.is_some_and(|node| node.is_true(key));
    for (key, what) in [
        ("oauth2", "signs in by OAuth"),
        ("proxy_url", "asks through a proxy"),
        ("proxy_from_environment", "asks through a proxy"),
        ("body_file", "sends a file"),
    ] {
        if get(key).is_some_and(|value| value.text() != Some("false")) {
            return Err(format!("it {what}, which no check here does"));
        }
    }
    let tls = get("tls_config");
    if tls.is_some_and(|tls| tls.get("cert_file").is_some() || tls.get("cert").is_some()) {
        return Err("it shows a certificate of its own: write `tls = { client_cert, client_key }` by hand".to_owned());
    }
    let url = if target.contains("://") { target.to_owned() } else { format!("http://{target}") };
    let mut headers: Vec<(String, Option<String>)> = Vec::new();
    for (name, value) in get("headers").map(Node::entries).unwrap_or_default().iter().take(ITEMS_MAX) {
        headers.push((name.clone(), value.text().map(str::to_owned)));
    }
    if get("bearer_token").is_some() || get("bearer_token_file").is_some() || get("authorization").is_some() {
        headers.push(("Authorization".to_owned(), None));
    }
    let asked = Asked {
        url: &url,
        method: text("method"),
        headers,
        body: text("body").map(str::to_owned),
        basic: get("basic_auth").is_some(),
        follow_redirects: !is_true("no_follow_redirects")
            && node.and_then(|node| node.boolean("follow_redirects")) != Some(false),
        insecure: tls.is_some_and(|tls| tls.is_true("insecure_skip_verify")),
    };
    let Request { mut probe, mut credentials, mut remarks } = request::read(asked)?;
    for credential in &mut credentials {
        if credential.header == "Authorization" && credential.content != BASIC {
            credential.content = "`Bearer ` and the token, or whatever this header holds".to_owned();
        }
    }
    let encrypted = probe.url.scheme() == "https";
    if is_true("fail_if_ssl") {
        if encrypted {
            return Err("it is red wherever there is encryption, and its URL is one of https".to_owned());
        }
        remarks.push("it was red where a redirect leads to https; nothing here asks for that".to_owned());
    }
    if is_true("fail_if_not_ssl") && !encrypted {
        remarks.push(
            "it was red without encryption: write an https URL, or `expect = { redirects_to = \"https://…\" }`"
                .to_owned(),
        );
    }
    tls_remarks(tls, &mut probe.tls, encrypted, &mut remarks);
    let status = statuses(node)?;
    let mut check = Check::new("http", Probe::Http(probe), timing);
    check.expect.status = status;
    for pattern in texts(node, "fail_if_body_not_matches_regexp") {
        match judge_pattern(pattern) {
            Ok(()) => check.expect.body_matches.push(pattern.to_owned()),
            Err(_) => remarks.push(format!("the pattern `{}` is none here", one_line(pattern, 80))),
        }
    }
    for pattern in texts(node, "fail_if_body_matches_regexp") {
        match literal(pattern) {
            Some(word) => check.expect.body_lacks.push(word),
            None => remarks.push(format!(
                "`fail_if_body_matches_regexp` `{}` is not carried over: `body_lacks` takes words, no patterns",
                one_line(pattern, 80)
            )),
        }
    }
    for rule in get("fail_if_header_not_matches").and_then(Node::list).unwrap_or_default().iter().take(ITEMS_MAX) {
        let (Some(name), Some(pattern)) = (rule.text_of("header"), rule.text_of("regexp")) else { continue };
        let name_fits = !check.expect.headers.keys().any(|known| known.eq_ignore_ascii_case(name));
        if rule.is_true("allow_missing") || judge_pattern(pattern).is_err() || !name_fits {
            remarks.push(format!("`fail_if_header_not_matches` of `{}` is not carried over", one_line(name, 60)));
        } else {
            check.expect.headers.insert(name.to_owned(), pattern.to_owned());
        }
    }
    for (key, what) in [
        ("fail_if_header_matches", "a check here asks for headers, not for their absence"),
        ("fail_if_body_json_matches_cel", "write `expect = { json = { … } }`"),
        ("fail_if_body_json_not_matches_cel", "write `expect = { json = { … } }`"),
    ] {
        if get(key).is_some() {
            remarks.push(format!("`{key}` is not carried over: {what}"));
        }
    }
    if get("valid_http_versions").is_some() && !texts(node, "valid_http_versions").contains(&"HTTP/1.1") {
        remarks.push("a check here asks by HTTP/1.1".to_owned());
    }
    if node.and_then(|node| node.boolean("ip_protocol_fallback")) == Some(false) {
        let family = text("preferred_ip_protocol").unwrap_or("ip6");
        remarks.push(format!("it asked over {} only; here over both", one_line(family, 10)));
    }
    Ok(Read { kind: ComponentKind::Website, check, remarks, credentials })
}

fn tls_remarks(tls: Option<&Node>, settings: &mut TlsSettings, encrypted: bool, remarks: &mut Vec<String>) {
    let Some(tls) = tls else { return };
    if tls.get("ca_file").is_some() || tls.get("ca").is_some() {
        remarks.push("its own certificate authority is to be named: `tls = { ca_file = \"…\" }`".to_owned());
    }
    if let Some(name) = tls.text_of("server_name").filter(|_| encrypted) {
        if is_host_name(name) {
            settings.server_name = Some(name.to_ascii_lowercase());
        } else {
            remarks.push("its `server_name` is no name and is not carried over".to_owned());
        }
    }
}

fn statuses(node: Option<&Node>) -> Result<Vec<(u16, u16)>, String> {
    if node.is_some_and(|node| node.is_true("accept_any_response")) {
        return Ok(vec![(100, 599)]);
    }
    texts(node, "valid_status_codes")
        .into_iter()
        .map(|text| {
            let (from, to) = match text.strip_suffix("xx").and_then(|class| class.parse::<u16>().ok()) {
                Some(class) => (class.checked_mul(100), class.checked_mul(100).and_then(|from| from.checked_add(99))),
                None => {
                    let (from, to) = text.split_once('-').unwrap_or((text, text));
                    (from.trim().parse().ok(), to.trim().parse().ok())
                }
            };
            let range = from.zip(to).filter(|(from, to)| from <= to && *from >= 100 && *to <= 599);
            range.ok_or_else(|| format!("its status `{}` is none", one_line(text, 20)))
        })
        .collect()
}

/// A pattern that is nothing but a text.
fn literal(pattern: &str) -> Option<String> {
    (!pattern.is_empty() && !pattern.contains(PATTERN_CHARS)).then(|| pattern.to_owned())
}

/// What a dialogue of `query_response` comes down to.
#[derive(Default)]
struct Dialogue {
    send: Option<String>,
    expect: Option<String>,
    starttls: Option<Starttls>,
}

fn tcp(node: Option<&Node>, target: &str, timing: Timing) -> Result<Read, String> {
    let target = target.split_once("://").map_or(target, |(_, rest)| rest);
    let (host, port) = host_port(target, None)?;
    let mut remarks = Vec::new();
    let mut tls = TlsSettings::default();
    let config = node.and_then(|node| node.get("tls_config"));
    if config.is_some_and(|config| config.get("cert_file").is_some()) {
        return Err("it shows a certificate of its own: write `tls = { client_cert, client_key }` by hand".to_owned());
    }
    let steps = node.map(|node| node.list_of("query_response")).unwrap_or_default();
    let dialogue = dialogue(steps, &mut remarks)?;
    let encrypted = node.is_some_and(|node| node.is_true("tls"));
    tls_remarks(config, &mut tls, encrypted || dialogue.starttls.is_some(), &mut remarks);
    if config.is_some_and(|config| config.is_true("insecure_skip_verify")) {
        remarks.push(INSECURE.to_owned());
    }
    let check = if encrypted {
        if !steps.is_empty() {
            remarks.push("only the handshake is asked for, not what is said after it".to_owned());
        }
        Check::new("tls", Probe::Tls(TlsProbe { host, port, tls }), timing)
    } else {
        let Dialogue { send, expect, starttls } = dialogue;
        if send.as_deref().is_some_and(request::signs_in) {
            return Err("what it sends seems to hold a secret, which a probe file must not".to_owned());
        }
        Check::new("tcp", Probe::Tcp(TcpProbe { host, port, send, expect, starttls, tls }), timing)
    };
    let kind = match &check.probe {
        Probe::Tcp(tcp) if tcp.starttls.is_some() || matches!(tcp.port, 25 | 110 | 143 | 587) => ComponentKind::Mail,
        Probe::Tcp(_) | Probe::Http(_) | Probe::Tls(_) | Probe::Dns(_) => ComponentKind::Service,
    };
    Ok(Read { kind, check, remarks, credentials: Vec::new() })
}

/// A check sends once and looks at the first answer, or upgrades in the way of a protocol.
fn dialogue(steps: &[std::rc::Rc<Node>], remarks: &mut Vec<String>) -> Result<Dialogue, String> {
    let steps = steps.get(..steps.len().min(ITEMS_MAX)).unwrap_or_default();
    let mut dialogue = Dialogue::default();
    if steps.iter().any(|step| step.is_true("starttls")) {
        let said: String =
            steps.iter().filter_map(|step| step.text_of("send")).collect::<Vec<_>>().join("\n").to_ascii_uppercase();
        dialogue.starttls = Some(if said.contains("EHLO") || said.contains("HELO") {
            Starttls::Smtp
        } else if said.contains("STLS") {
            Starttls::Pop3
        } else if said.contains(" STARTTLS") {
            Starttls::Imap
        } else {
            return Err("it upgrades to TLS in a way that no check here knows".to_owned());
        });
        remarks.push("the upgrade to TLS is asked for as its protocol has it, not what is said around it".to_owned());
        return Ok(dialogue);
    }
    let mut lines = String::new();
    let mut rest = steps.iter();
    for step in rest.by_ref() {
        // `expect` comes before `send` within a step, too.
        if let Some(pattern) = step.text_of("expect") {
            let pattern = if pattern.contains(['^', '$']) { format!("(?m){pattern}") } else { pattern.to_owned() };
            judge_pattern(&pattern)?;
            dialogue.expect = Some(pattern);
            if step.get("send").is_some() {
                remarks.push("what it says after the first answer is not said here".to_owned());
            }
            break;
        }
        if let Some(send) = step.text_of("send") {
            lines.push_str(send);
            lines.push('\n');
        }
    }
    if rest.next().is_some() {
        remarks.push("a check looks at the first answer only".to_owned());
    }
    dialogue.send = Some(lines).filter(|lines| !lines.is_empty());
    Ok(dialogue)
}

fn dns(node: &Node, target: &str, timing: Timing) -> Result<Read, String> {
    let name = node.text_of("query_name").ok_or("its module has no `query_name`")?.to_owned();
    let record_type = node.text_of("query_type").unwrap_or("ANY").to_ascii_uppercase();
    let encrypted = node.is_true("dns_over_tls");
    let scheme = match (encrypted, node.text_of("transport_protocol").unwrap_or("udp")) {
        (true, _) => "tls://",
        (false, "tcp" | "tcp4" | "tcp6") => "tcp://",
        (false, _) => "",
    };
    let usual = if encrypted { 853 } else { 53 };
    let address = match target.parse::<IpAddr>() {
        Ok(address) => SocketAddr::new(address, usual),
        Err(_) => target.parse::<SocketAddr>().map_err(|_| "its resolver is not an address".to_owned())?,
    };
    let address = if address.port() == usual { address.ip().to_string() } else { address.to_string() };
    let mut remarks = Vec::new();
    let codes = texts(Some(node), "valid_rcodes");
    if !(codes.is_empty() || codes == ["NOERROR"]) {
        return Err("it takes an error of the resolver for a good answer".to_owned());
    }
    for key in ["validate_answer_rrs", "validate_authority_rrs", "validate_additional_rrs"] {
        if node.get(key).is_some() {
            remarks.push(format!("`{key}` is not carried over: write `expect = {{ records = [\"…\"] }}`"));
        }
    }
    remarks.push("an answer without records was good there, and is red here".to_owned());
    let resolver = Some(format!("{scheme}{address}"));
    let probe = Probe::Dns(DnsProbe { name, record_type, resolver });
    Ok(Read { kind: ComponentKind::Network, check: Check::new("dns", probe, timing), remarks, credentials: Vec::new() })
}
