//! `config.toml`: the operator's file, read key by key.
//!
//! It alone says where to listen and store, how to probe, which secrets there are and whom to
//! trust with what. Secrets are read in `secrets`, probe files elsewhere.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use jiff::tz::TimeZone;
use url::Url;

use super::Extra;
use super::diagnostic::{At, Fault, Faults, quote};
use super::look::Logos;
use super::notify::{named_secrets, read_notify};
use super::oidc::{read_oidc, secret_name};
use super::organisations::site_links;
use super::read::{Table, Value};
use super::references::{check_references, read_reference};
use super::secrets::{Secrets, read_secrets};
use super::values::{RawReach, id, link, parse_host_port, size, zone};
use crate::model::alternative::Link;
use crate::model::bounds::{COUNTS, INTERVALS, RETRIES, TIMEOUTS, is_host_name};
use crate::model::catalogue::{Site, Watch};
use crate::model::settings::{
    ExportSettings, ProbingSettings, Reference, ResolverAddress, STREAMS_SHARE, ServerSettings, Settings,
    StorageSettings,
};
use crate::model::snapshot::VALID_FOR;
use crate::model::text::{Language, Text};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

/// Most languages of a site.
const LANGUAGES_MAX: usize = 20;
/// Largest PEM file.
const PEM_BYTES_MAX: u64 = 4 << 20;

/// How often and how long, for checks that do not say.
#[derive(Debug, Clone)]
pub(super) struct Timing {
    pub(super) interval: Duration,
    pub(super) timeout: Duration,
    pub(super) down_after: u32,
    pub(super) up_after: u32,
    pub(super) retry_interval: Duration,
}

/// `[trust.ORGANISATION]`: what it may beyond its own reach.
#[derive(Debug)]
pub(super) struct Trust<'t> {
    pub(super) organisation: At<&'t str>,
    pub(super) serves: Vec<RawReach<'t>>,
    pub(super) hosts: Vec<At<&'t str>>,
}

/// Everything that config.toml says.
#[derive(Debug)]
pub(super) struct Operator<'t> {
    pub(super) settings: Settings,
    pub(super) site: Site,
    pub(super) watch: Watch,
    pub(super) zone: TimeZone,
    pub(super) probes: Vec<At<&'t str>>,
    pub(super) timing: Timing,
    pub(super) secrets: Secrets<'t>,
    pub(super) trust: Vec<Trust<'t>>,
    /// The organisations that `[notify]` names.
    pub(super) notified: Vec<At<&'t str>>,
    /// The organisations that groups of `[oidc]` are for.
    pub(super) granted: Vec<At<&'t str>>,
    /// The folder of config.toml.
    pub(super) base: PathBuf,
    /// The pictures of all files.
    pub(super) logos: Logos,
}

/// Reads the whole file.
pub(super) fn read_operator<'t>(table: Table<'t>, base: &Path, extra: Extra<'_>) -> Operator<'t> {
    let Extra { loopback, without_secrets, .. } = extra;
    let faults = table.faults;
    let languages =
        table.get("languages").map_or_else(|| vec![Language::from("de"), Language::from("en")], read_languages);
    let title = table.text("title", &languages).unwrap_or_else(|| Text::single("de", "Status"));
    let (timezone, zone) = table
        .get("timezone")
        .and_then(zone)
        .unwrap_or_else(|| ("Europe/Berlin".to_owned(), TimeZone::get("Europe/Berlin").unwrap_or(TimeZone::UTC)));
    let probes = table.strings("probes");
    if probes.is_empty() && table.get("probes").is_none() && !loopback {
        let fault = Fault::warning("no probe files are named, so nothing is watched").in_file(table.spot.file);
        faults.push(fault.help("add `probes = [\"probes/*.toml\"]`"));
    }
    let site_table = table.table("site");
    let logos = Logos::default();
    let links = site_table.as_ref().map(|site| site_links(site, base, &logos)).unwrap_or_default();
    let security_contact = site_table.as_ref().and_then(|site| site.get("security_contact")).and_then(report_to);
    let missing: Vec<&str> = [
        ("imprint", links.imprint.is_some()),
        ("privacy", links.privacy.is_some()),
        ("accessibility", links.accessibility.is_some()),
        ("contact", links.contact.is_some()),
    ]
    .into_iter()
    .filter_map(|(key, there)| (!there).then_some(key))
    .collect();
    if !missing.is_empty() && !loopback {
        let keys = missing.iter().map(|key| quote(key)).collect::<Vec<_>>().join(", ");
        let fault = Fault::warning(format!("`[site]` lacks {keys}: public pages of public bodies must link them"));
        let fault = match &site_table {
            Some(site) => fault.at(site.spot, "here"),
            None => fault.in_file(table.spot.file),
        };
        faults.push(fault.help("add the addresses of your own pages"));
    }
    if let Some(site) = site_table {
        site.finish();
    }
    let (server, public_url, feed_authority) = read_server(table.table("server"), &table);
    let storage = read_storage(table.table("storage"), base);
    let (probing, timing, quiet) = read_probing(table.table("probing"), &table, base, loopback);
    let (vantage, references) = read_vantage(table.table("vantage"), &table, &probing, loopback);
    let own = named_secrets(table.get("notify"));
    let secrets = read_secrets(table.table("secrets"), base, &own, secret_name(&table), without_secrets);
    let (oidc, granted) = read_oidc(table.table("oidc"), &secrets);
    let trust = read_trust(table.table("trust"));
    let (notify, notified) = read_notify(table.table("notify"), &secrets, base, without_secrets);
    let export = read_export(table.table("export"), base);
    let site = Site { title, languages, timezone, public_url, feed_authority, links, security_contact };
    let watch = Watch { quiet, timeout: timing.timeout, vantage };
    let settings = Settings {
        server,
        storage,
        probing,
        references,
        secrets: secrets.iter().map(|(name, defined)| (name.clone(), defined.entry.clone())).collect(),
        notify,
        export,
        oidc,
    };
    table.finish();
    let base = base.to_owned();
    Operator { settings, site, watch, zone, probes, timing, secrets, trust, notified, granted, base, logos }
}

/// A link that `security.txt` may name (RFC 9116, section 2.5.3).
fn report_to(value: Value<'_>) -> Option<Link> {
    let link = link(value)?;
    if link.plain().unescaped().starts_with("http:") {
        value.fault("reports of weaknesses must travel encrypted", "plain http", "write `https://…` or `mailto:…`");
        return None;
    }
    Some(link)
}

fn read_languages(value: Value<'_>) -> Vec<Language> {
    let mut languages: Vec<Language> = Vec::new();
    for tag in value.strings() {
        let mut subtags = tag.value.split('-');
        let fits = subtags
            .next()
            .is_some_and(|first| (2..=3).contains(&first.len()) && first.bytes().all(|b| b.is_ascii_lowercase()))
            && subtags.all(|subtag| {
                (1..=8).contains(&subtag.len()) && subtag.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
            });
        let fault = if !fits {
            Fault::error(format!("{} is no language tag", quote(tag.value)))
                .at(tag.spot, "not a tag")
                .help("write tags in lower case: `\"de\"`, `\"en\"`, `\"de-x-leicht\"`")
        } else if languages.iter().any(|language| **language == *tag.value) {
            Fault::error(format!("the language {} stands twice", quote(tag.value)))
                .at(tag.spot, "again")
                .help("remove one")
        } else if languages.len() >= LANGUAGES_MAX {
            Fault::error("too many languages").at(tag.spot, "one too many").help(format!("at most {LANGUAGES_MAX}"))
        } else {
            languages.push(tag.value.into());
            continue;
        };
        value.faults.push(fault);
    }
    if languages.is_empty() {
        value.fault("no language", "empty", "write at least one: `languages = [\"de\"]`");
        languages.push("de".into());
    }
    languages
}

/// `[server]`, with the public URL and the authority of feeds.
fn read_server(table: Option<Table<'_>>, root: &Table<'_>) -> (ServerSettings, String, String) {
    let server = table.as_ref();
    let listen =
        server.and_then(|table| socket(table, "listen")).unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8080)));
    let metrics_listen = server.and_then(|table| socket(table, "metrics_listen"));
    let admin_listen = server.and_then(|table| socket(table, "admin_listen"));
    let trusted_proxies = server.and_then(|table| table.get("trusted_proxies")).map(networks).unwrap_or_default();
    let max_connections = server.and_then(|table| table.integer("max_connections", 1..=1_000_000));
    let max_sse = server.and_then(|table| table.integer("max_sse", 0..=1_000_000));
    if let (Some(connections), Some(streams)) = (&max_connections, &max_sse) {
        check_streams(connections, streams, root.faults);
    }
    let settings = ServerSettings {
        listen,
        metrics_listen,
        admin_listen,
        trusted_proxies,
        max_connections: max_connections.map(|n| n.value as usize),
        max_sse: max_sse.map_or(10_000, |n| n.value as usize),
        document_cache_bytes: server.and_then(|table| table.get("document_cache")).and_then(size).unwrap_or(256 << 20),
    };
    let written = server.and_then(|table| table.get("public_url"));
    let public_url = written.and_then(public_origin);
    let authority = server.and_then(|table| table.get("feed_authority")).and_then(|value| {
        let text = value.string()?;
        let fits = is_host_name(text.value) && text.value.contains(|c: char| c.is_ascii_alphabetic());
        if !fits {
            value.fault(
                format!("{} is no authority for feeds", quote(text.value)),
                "not a host name",
                "write a domain name you keep for good: `\"status.example.org\"`",
            );
        }
        fits.then(|| text.value.to_ascii_lowercase())
    });
    let there = server.is_some_and(|table| table.get("feed_authority").is_some());
    if let (Some((url, false)), Some(value), false) = (&public_url, written, there) {
        let fault = Fault::error("`feed_authority` is missing").at(value.spot, "needed with a public address");
        let host = url.host_str().unwrap_or("status.example.org");
        root.faults.push(fault.help(format!(
            "add `feed_authority = \"{host}\"` and never change it: it is part of every feed entry's id"
        )));
    }
    let public_url =
        public_url.map_or_else(|| format!("http://{listen}"), |(url, _)| url.origin().ascii_serialization());
    if let Some(table) = table {
        table.finish();
    }
    (settings, public_url, authority.unwrap_or_else(|| "localhost".to_owned()))
}

/// Whether as many may follow events as is written.
fn check_streams(connections: &At<u32>, streams: &At<u32>, faults: &Faults) {
    let (share, of) = STREAMS_SHARE;
    let fit = connections.value as usize * share / of;
    if streams.value as usize > fit {
        let needed = (streams.value as usize * of).div_ceil(share);
        let fault = Fault::warning("`max_sse` is more than four fifths of `max_connections`")
            .at(streams.spot, format!("only {fit} are let in"))
            .at(connections.spot, "of these");
        faults.push(fault.help(format!("lower it to {fit}, or raise `max_connections` to {needed}")));
    }
}

/// The public URL, and whether it is loopback.
fn public_origin(value: Value<'_>) -> Option<(Url, bool)> {
    let text = value.string()?;
    let url = Url::parse(text.value).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.host_str().is_some_and(|host| !host.is_empty())
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none()
    });
    let Some(url) = url else {
        value.fault(
            format!("{} is no public address", quote(text.value)),
            "not usable",
            "write scheme and host without a path: `\"https://status.example.org\"`",
        );
        return None;
    };
    let loopback = match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    };
    Some((url, loopback))
}

fn socket(table: &Table<'_>, key: &'static str) -> Option<SocketAddr> {
    let value = table.get(key)?;
    let text = value.string()?;
    let parsed = text.value.parse().ok();
    if parsed.is_none() {
        value.fault(
            format!("{} is no address to listen on", quote(text.value)),
            "not address and port",
            "write an IP address and a port: `\"127.0.0.1:8080\"` or `\"[::]:8080\"`",
        );
    }
    parsed
}

/// CIDRs; a single address is a network of one.
fn networks(value: Value<'_>) -> Vec<IpNet> {
    let parse = |text: At<&str>| {
        let parsed = text.value.parse::<IpNet>().ok().or_else(|| text.value.parse::<IpAddr>().ok().map(IpNet::from));
        if parsed.is_none() {
            let fault = Fault::error(format!("{} is no network", quote(text.value))).at(text.spot, "not a network");
            value.faults.push(fault.help("write it with its prefix length: `\"10.0.0.0/8\"` or `\"fd00::/8\"`"));
        }
        parsed
    };
    value.strings().into_iter().filter_map(parse).collect()
}

pub(super) fn read_storage(table: Option<Table<'_>>, base: &Path) -> StorageSettings {
    let path = table.as_ref().and_then(|table| table.string("path")).map_or("turmwacht.db", |path| path.value);
    let retain = table.as_ref().and_then(|table| table.duration("retain_results", DAY..=DAY * 36_500));
    let settings =
        StorageSettings { path: base.join(path), retain_results: retain.map_or(DAY * 400, |retain| retain.value) };
    if let Some(table) = table {
        table.finish();
    }
    settings
}

fn read_probing(
    table: Option<Table<'_>>,
    root: &Table<'_>,
    base: &Path,
    loopback: bool,
) -> (ProbingSettings, Timing, Duration) {
    let probing = table.as_ref();
    let duration = |key, within, default| {
        probing.and_then(|table| table.duration(key, within)).map_or(default, |duration| duration.value)
    };
    let count = |key| probing.and_then(|table| table.integer(key, COUNTS));
    let timing = Timing {
        interval: duration("interval", INTERVALS, MINUTE),
        timeout: duration("timeout", TIMEOUTS, SECOND * 10),
        down_after: count("down_after").map_or(3, |n| n.value),
        up_after: count("up_after").map_or(2, |n| n.value),
        retry_interval: duration("retry_interval", RETRIES, SECOND * 10),
    };
    if timing.timeout > timing.interval
        && let Some(value) = probing.and_then(|table| table.get("timeout").or_else(|| table.get("interval")))
    {
        value.fault(
            "the timeout is longer than the interval",
            "checks would overlap",
            "make `interval` at least as long as `timeout`",
        );
    }
    let quiet = duration("quiet", MINUTE..=DAY * 7, MINUTE * 10);
    let mut private_networks =
        probing.and_then(|table| table.get("private_networks")).map(networks).unwrap_or_default();
    if loopback {
        private_networks.extend(["127.0.0.0/8", "::1/128"].iter().filter_map(|net| net.parse::<IpNet>().ok()));
    }
    let settings = ProbingSettings {
        timeout: timing.timeout,
        retry_interval: timing.retry_interval,
        concurrency: probing.and_then(|table| table.get("concurrency")).and_then(concurrency),
        per_host: probing.and_then(|table| table.integer("per_host", 1..=10_000)).map_or(4, |n| n.value as usize),
        user_agent: probing
            .and_then(|table| table.get("user_agent"))
            .and_then(user_agent)
            .unwrap_or_else(|| concat!("Turmwacht/", env!("CARGO_PKG_VERSION")).to_owned()),
        resolvers: probing
            .and_then(|table| table.get("resolvers"))
            .map_or_else(|| vec![ResolverAddress::System], resolvers),
        private_networks,
        extra_ca: probing
            .map(|table| table.strings("extra_ca"))
            .unwrap_or_default()
            .into_iter()
            .filter_map(|path| pem_file(base.join(path.value), path.spot, "BEGIN CERTIFICATE", root.faults))
            .collect(),
        source_addresses: probing.and_then(|table| table.get("source_addresses")).map(addresses).unwrap_or_default(),
    };
    if let Some(table) = table {
        table.not_available("commands", "`[probing]`");
        table.finish();
    }
    (settings, timing, quiet)
}

fn concurrency(value: Value<'_>) -> Option<usize> {
    if matches!(value.string_if(), Some("auto")) {
        return None;
    }
    if value.string_if().is_some() {
        value.fault(
            "neither `\"auto\"` nor a number",
            "not understood",
            "write `concurrency = \"auto\"` or a number such as `256`",
        );
        return None;
    }
    value.integer(1..=1_000_000).map(|n| n.value as usize)
}

fn user_agent(value: Value<'_>) -> Option<String> {
    let text = value.string()?;
    let fits =
        !text.value.is_empty() && text.value.len() <= 256 && text.value.bytes().all(|b| (0x20..0x7f).contains(&b));
    if !fits {
        value.fault(
            "no usable `User-Agent`",
            "not usable",
            "write printable ASCII, at most 256 characters, with an address that says who you are",
        );
    }
    fits.then(|| text.value.to_owned())
}

fn addresses(value: Value<'_>) -> Vec<IpAddr> {
    let parse = |text: At<&str>| {
        let parsed = text.value.parse().ok();
        if parsed.is_none() {
            let fault = Fault::error(format!("{} is no IP address", quote(text.value))).at(text.spot, "not an address");
            value.faults.push(fault.help("write an address of this machine, without port"));
        }
        parsed
    };
    value.strings().into_iter().filter_map(parse).collect()
}

fn resolvers(value: Value<'_>) -> Vec<ResolverAddress> {
    let mut resolvers = Vec::new();
    for text in value.strings() {
        match parse_resolver(text.value) {
            Some(resolver) => resolvers.push(resolver),
            None => {
                let fault =
                    Fault::error(format!("{} is no resolver", quote(text.value))).at(text.spot, "not understood");
                value.faults.push(fault.help(RESOLVER_HELP));
            }
        }
    }
    if resolvers.is_empty() {
        resolvers.push(ResolverAddress::System);
    }
    resolvers
}

pub(super) const RESOLVER_HELP: &str =
    "write `\"system\"`, an address `\"9.9.9.9\"`, `\"tcp://9.9.9.9\"`, or DNS over TLS `\"tls://dns.quad9.net\"`";

/// A resolver as written in `resolvers` and in `probe.dns`.
pub(super) fn parse_resolver(text: &str) -> Option<ResolverAddress> {
    let address =
        |text: &str| text.parse::<SocketAddr>().ok().or_else(|| Some(SocketAddr::new(text.parse().ok()?, 53)));
    if text == "system" {
        return Some(ResolverAddress::System);
    }
    if let Some(rest) = text.strip_prefix("tcp://") {
        return address(rest).map(ResolverAddress::Tcp);
    }
    if let Some(rest) = text.strip_prefix("tls://") {
        return parse_host_port(rest, Some(853)).map(|(host, port)| ResolverAddress::Tls { host, port });
    }
    address(text).map(ResolverAddress::Plain)
}

fn read_vantage(
    table: Option<Table<'_>>,
    root: &Table<'_>,
    probing: &ProbingSettings,
    loopback: bool,
) -> (String, Vec<Reference>) {
    let name = table.as_ref().and_then(|table| table.get("name")).and_then(id).map_or("rz-1", |name| name.value);
    let value = table.as_ref().and_then(|table| table.get("reference"));
    let references: Vec<Reference> = value
        .map(Value::elements)
        .unwrap_or_default()
        .into_iter()
        .filter_map(|value| read_reference(value, &probing.private_networks))
        .collect();
    if !loopback {
        check_references(&references, value.map(|value| value.spot), root);
    }
    let name = name.to_owned();
    if let Some(table) = table {
        table.finish();
    }
    (name, references)
}

fn read_trust(table: Option<Table<'_>>) -> Vec<Trust<'_>> {
    let mut trust = Vec::new();
    for (organisation, value) in table.iter().flat_map(Table::entries) {
        let Some(table) = value.table() else { continue };
        let serves = RawReach::list(table.strings("serves"), table.faults);
        let hosts = table.strings("hosts");
        table.finish();
        trust.push(Trust { organisation, serves, hosts });
    }
    trust
}

fn read_export(table: Option<Table<'_>>, base: &Path) -> Option<ExportSettings> {
    let table = table?;
    let path = table.need("path", "\"/srv/status\"").and_then(Value::string);
    let path = path.map(|path| base.join(path.value));
    let every = table.duration("every", SECOND..=DAY);
    if let Some(every) = every.as_ref().filter(|every| every.value >= VALID_FOR) {
        let fault = Fault::warning("changes wait so long that readers are told the files are out of date");
        table.faults.push(fault.at(every.spot, "150s or more").help("leave it out, or take less: `every = \"1m\"`"));
    }
    let every = every.map_or(MINUTE, |every| every.value);
    table.finish();
    Some(ExportSettings { path: path?, every })
}

/// A PEM file that must hold `mark`; nothing of its content gets into a message.
pub(super) fn pem_file(path: PathBuf, spot: super::diagnostic::Spot, mark: &str, faults: &Faults) -> Option<PathBuf> {
    let fault = |why: String| {
        let fault = Fault::error("a PEM file cannot be used").at(spot, why);
        faults.push(fault.help("name a readable PEM file"));
    };
    let metadata = match std::fs::metadata(&path) {
        Ok(metadata) => metadata,
        Err(error) => {
            fault(error.to_string());
            return None;
        }
    };
    if !metadata.is_file() || metadata.len() > PEM_BYTES_MAX {
        fault("not a plain file of at most 4 MiB".to_owned());
        return None;
    }
    match std::fs::read(&path) {
        Ok(bytes) if String::from_utf8_lossy(&bytes).contains(mark) => Some(path),
        Ok(_) => {
            fault(format!("holds no `{mark}`"));
            None
        }
        Err(error) => {
            fault(error.to_string());
            None
        }
    }
}
