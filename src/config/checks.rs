//! `[[component.check]]`: timing, expectations and what a success proves; and the checks that a
//! component with a URL gets by itself. The kinds of probes are read in `probes`.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use ipnet::IpNet;
use toml::de::DeValue;
use url::Url;

use super::diagnostic::{At, Fault, Faults, Spot, quote};
use super::look::Logos;
use super::probes::{SecretUse, read_probe};
use super::read::{Table, Value, words_of};
use super::references::http_get;
use super::secrets::Secrets;
use super::settings::Timing;
use super::values::{id, pattern, probe_url};
use crate::model::alternative::Link;
use crate::model::bounds::{COUNTS, INTERVALS, RETRIES, TIMEOUTS, is_host_name, json_path};
use crate::model::check::{Check, DegradedWhen, DnsProbe, Expect, Phase, PhaseLimit, Probe, Proves, WarnWhen};
use crate::model::id::CheckId;
use crate::model::status::{ComponentKind, Status};
use crate::model::text::Language;
use crate::model::time::format_duration;

/// A certificate that ends within this is worth a warning, for default checks.
const CERTIFICATE_WARNING: Duration = Duration::from_secs(14 * 86_400);

/// What the readers of one probe file know beside its text.
pub(super) struct Context<'c> {
    pub(super) languages: &'c [Language],
    pub(super) timing: &'c Timing,
    pub(super) private_networks: &'c [IpNet],
    pub(super) secrets: &'c Secrets<'c>,
    pub(super) logos: &'c Logos,
    /// The folder of the file: what it names must lie below.
    pub(super) base: &'c Path,
}

/// A check with what is judged once its owner is known.
pub(super) struct RawCheck {
    /// Its component is set when all are known.
    pub(super) check: Check,
    pub(super) spot: Spot,
    pub(super) secrets: Vec<SecretUse>,
}

/// Reads one `[[component.check]]`.
pub(super) fn read_check(table: Table<'_>, context: &Context<'_>) -> Option<RawCheck> {
    let name = table.need("id", "\"start\"").and_then(id);
    let read = read_probe(&table, context);
    let interval = table.duration("interval", INTERVALS);
    let timeout = table.duration("timeout", TIMEOUTS);
    let timing = timing(&table, interval.as_ref(), timeout.as_ref(), context.timing);
    let kind = read.as_ref().map(|read| read.probe.kind());
    let expect = table.table("expect").map(|table| read_expect(table, kind)).unwrap_or_default();
    let degraded = table.table("degraded").map(|degraded| read_degraded(degraded, timing.timeout)).unwrap_or_default();
    let warn =
        table.table("warn").map(|warn| read_warn(warn, read.as_ref().map(|read| &read.probe))).unwrap_or_default();
    let red = [
        ("major_outage", Status::MajorOutage),
        ("partial_outage", Status::PartialOutage),
        ("degraded_performance", Status::DegradedPerformance),
    ];
    let failure = table.word("failure", &red).map(|failure| failure.value);
    let proves = table.word("proves", words_of!(Proves)).map(|proves| proves.value);
    let spot = name.as_ref().map_or(table.spot, |name| name.spot);
    table.finish();
    let (name, read) = (name?, read?);
    let proves = proves.unwrap_or_else(|| if expect.asserts_content() { Proves::Function } else { Proves::Front });
    let check = Check {
        id: CheckId::new(name.value),
        component: 0,
        probe: read.probe,
        interval: timing.interval,
        timeout: timing.timeout,
        down_after: timing.down_after,
        up_after: timing.up_after,
        retry_interval: timing.retry_interval,
        expect,
        degraded,
        warn,
        failure,
        proves,
    };
    Some(RawCheck { check, spot, secrets: read.secrets })
}

fn timing(
    table: &Table<'_>,
    interval: Option<&At<Duration>>,
    timeout: Option<&At<Duration>>,
    default: &Timing,
) -> Timing {
    let retry = table.duration("retry_interval", RETRIES);
    let timing = Timing {
        interval: interval.map_or(default.interval, |interval| interval.value),
        timeout: timeout.map_or(default.timeout, |timeout| timeout.value),
        down_after: table.integer("down_after", COUNTS).map_or(default.down_after, |n| n.value),
        up_after: table.integer("up_after", COUNTS).map_or(default.up_after, |n| n.value),
        retry_interval: retry.as_ref().map_or(default.retry_interval, |retry| retry.value),
    };
    if timing.timeout > timing.interval {
        let mut fault = Fault::error("the timeout is longer than the interval");
        if let Some(timeout) = timeout {
            fault = fault.at(timeout.spot, "this timeout");
        }
        if let Some(interval) = interval {
            fault = fault.at(interval.spot, "checks would overlap");
        }
        let place = if timeout.is_some() { "the default interval" } else { "the default timeout" };
        let value = format_duration(if timeout.is_some() { timing.interval } else { timing.timeout });
        fault = match (interval, timeout) {
            (Some(_), Some(_)) => {
                fault.help(format!("use an interval of at least \"{}\"", format_duration(timing.timeout)))
            }
            _ => fault.help(format!("{place} is \"{value}\"; set both keys here")),
        };
        table.faults.push(fault);
    }
    timing
}

/// Reads `expect`; an assertion that has no meaning for the kind of probe is a fault.
fn read_expect(table: Table<'_>, kind: Option<&str>) -> Expect {
    let faults = table.faults;
    table.not_available("selector", "`expect`");
    let of = |key: &'static str, kinds: &[&str]| {
        let value = table.get(key)?;
        if let Some(kind) = kind.filter(|kind| !kinds.contains(kind)) {
            let help = format!(
                "`{key}` looks at the answer of {}",
                kinds.iter().map(|kind| format!("`probe.{kind}`")).collect::<Vec<_>>().join(" and ")
            );
            value.faults.push(
                Fault::error(format!("`{key}` has no meaning for `probe.{kind}`"))
                    .at(value.key, "nothing to look at")
                    .help(help),
            );
        }
        Some(value)
    };
    let texts = |value: Option<Value<'_>>| -> Vec<String> {
        let texts = value.map(Value::strings).unwrap_or_default();
        for text in texts.iter().filter(|text| text.value.is_empty()) {
            faults.push(
                Fault::error("an empty text is in every answer")
                    .at(text.spot, "asserts nothing")
                    .help("write the words to look for"),
            );
        }
        texts.into_iter().map(|text| text.value.to_owned()).collect()
    };
    let expect = Expect {
        status: of("status", &["http"])
            .map(Value::elements)
            .unwrap_or_default()
            .into_iter()
            .filter_map(status_range)
            .collect(),
        body_contains: texts(of("body_contains", &["http"])),
        body_lacks: texts(of("body_lacks", &["http"])),
        body_matches: of("body_matches", &["http"])
            .map(Value::strings)
            .unwrap_or_default()
            .iter()
            .filter_map(|text| pattern(text, faults))
            .collect(),
        headers: of("headers", &["http"]).and_then(Value::table).map(header_patterns).unwrap_or_default(),
        json: of("json", &["http"]).and_then(Value::table).map(json_values).unwrap_or_default(),
        redirects_to: of("redirects_to", &["http"]).and_then(probe_url).map(|url| url.value.to_string()),
        records: texts(of("records", &["dns"])),
    };
    for text in expect.body_contains.iter().filter(|text| expect.body_lacks.contains(text)) {
        let fault =
            Fault::error(format!("{} is both expected and forbidden", quote(text))).at(table.spot, "never true");
        faults.push(fault.help("remove it from `body_contains` or from `body_lacks`"));
    }
    table.finish();
    expect
}

/// `200`, `"200"`, `"2xx"` or `"200-204"`.
fn status_range(value: Value<'_>) -> Option<(u16, u16)> {
    let parsed = match value.value {
        DeValue::Integer(code) => code.as_str().parse().ok().map(|code: u16| (code, code)),
        DeValue::String(text) => match text.strip_suffix("xx") {
            Some(class) => class
                .parse::<u16>()
                .ok()
                .filter(|class| (1..=5).contains(class))
                .map(|class| (class * 100, class * 100 + 99)),
            None => {
                let (from, to) = text.split_once('-').unwrap_or((text, text));
                from.parse().ok().zip(to.parse().ok())
            }
        },
        _ => None,
    };
    let range = parsed.filter(|(from, to)| from <= to && (100..=599).contains(from) && (100..=599).contains(to));
    if range.is_none() {
        value.fault("not an HTTP status", "not understood", "write `\"2xx\"`, `200`, `\"200-204\"` or a list of them");
    }
    range
}

fn header_patterns(table: Table<'_>) -> BTreeMap<String, String> {
    let mut patterns = BTreeMap::new();
    for (name, value) in table.entries() {
        if http::HeaderName::from_bytes(name.value.as_bytes()).is_err() {
            let fault = Fault::error(format!("{} is no header name", quote(name.value))).at(name.spot, "not a name");
            table.faults.push(fault.help("write something like `Content-Type`"));
        } else if let Some(pattern) = value.string().and_then(|text| pattern(&text, table.faults)) {
            patterns.insert(name.value.to_owned(), pattern);
        }
    }
    patterns
}

fn json_values(table: Table<'_>) -> BTreeMap<String, serde_json::Value> {
    let mut values = BTreeMap::new();
    for (path, value) in table.entries() {
        if let Err(why) = json_path(path.value) {
            let fault = Fault::error(format!("{} is no JSONPath", quote(path.value))).at(path.spot, why);
            table.faults.push(fault.help("write a path of RFC 9535 in quotes, such as `\"$.status.indicator\"`"));
        } else if let Some(value) = json_value(value) {
            values.insert(path.value.to_owned(), value);
        }
    }
    values
}

fn json_value(value: Value<'_>) -> Option<serde_json::Value> {
    Some(match value.value {
        DeValue::String(text) => text.as_ref().into(),
        DeValue::Boolean(value) => (*value).into(),
        DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix()).ok()?.into(),
        DeValue::Float(_) => serde_json::Number::from_f64(value.number()?.value)?.into(),
        DeValue::Array(_) => value.elements().into_iter().map(json_value).collect::<Option<Vec<_>>>()?.into(),
        DeValue::Table(_) => {
            let entries = value.table()?.entries();
            let fields = entries.into_iter().map(|(key, value)| Some((key.value.to_owned(), json_value(value)?)));
            serde_json::Value::Object(fields.collect::<Option<_>>()?)
        }
        DeValue::Datetime(_) => {
            value.fault("JSON has no dates", "not a JSON value", "write it in quotes, as it stands in the answer");
            return None;
        }
    })
}

fn read_degraded(table: Table<'_>, timeout: Duration) -> DegradedWhen {
    let within = Duration::from_millis(1)..=*TIMEOUTS.end();
    let slower_than = table.duration("slower_than", within.clone());
    if let Some(slower_than) = slower_than.as_ref().filter(|slower_than| slower_than.value >= timeout) {
        let fault = Fault::warning("`slower_than` is not below the timeout").at(slower_than.spot, "never reached");
        table
            .faults
            .push(fault.help(format!("the timeout is \"{}\": what takes longer has failed", format_duration(timeout))));
    }
    let mut phase = Vec::new();
    if let Some(phases) = table.table("phase") {
        for word in Phase::ALL {
            if let Some(limit) = phases.duration(word.as_str(), within.clone()) {
                phase.push(PhaseLimit { phase: *word, limit: limit.value });
            }
        }
        phases.finish();
    }
    table.finish();
    DegradedWhen { slower_than: slower_than.map(|slower_than| slower_than.value), phase }
}

fn read_warn(table: Table<'_>, probe: Option<&Probe>) -> WarnWhen {
    let day = Duration::from_secs(86_400);
    let valid = table.duration("certificate_valid_for", Duration::from_secs(60)..=day * 3_660);
    let encrypted = probe.is_none_or(|probe| match probe {
        Probe::Http(http) => http.url.scheme() == "https",
        Probe::Tls(_) => true,
        Probe::Tcp(tcp) => tcp.starttls.is_some(),
        Probe::Dns(_) => false,
    });
    if let (Some(valid), false) = (&valid, encrypted) {
        let fault = Fault::error("this probe sees no certificate").at(valid.spot, "nothing to look at");
        table.faults.push(fault.help("remove it, or probe over TLS"));
    }
    table.finish();
    WarnWhen { certificate_valid_for: valid.map(|valid| valid.value) }
}

/// The checks of a component that has a URL and names none: for a website or portal the page
/// (2xx, certificate) and its name, for mail the MX records of the address's domain.
pub(super) fn default_checks(
    kind: ComponentKind,
    url: &Link,
    spot: Spot,
    context: &Context<'_>,
    faults: &Faults,
) -> Vec<RawCheck> {
    let check = |id: &str, probe: Probe, warn: WarnWhen| RawCheck {
        check: Check {
            id: CheckId::new(id),
            component: 0,
            probe,
            interval: context.timing.interval,
            timeout: context.timing.timeout,
            down_after: context.timing.down_after,
            up_after: context.timing.up_after,
            retry_interval: context.timing.retry_interval,
            expect: Expect::default(),
            degraded: DegradedWhen::default(),
            warn,
            failure: None,
            proves: Proves::Front,
        },
        spot,
        secrets: Vec::new(),
    };
    let dns = |name: &str, record_type: &str| {
        Probe::Dns(DnsProbe { name: name.to_owned(), record_type: record_type.to_owned(), resolver: None })
    };
    let text = url.plain().unescaped();
    match kind {
        ComponentKind::Website | ComponentKind::Portal => {
            let Some(url) = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https")) else {
                return Vec::new();
            };
            if !url.username().is_empty() || url.password().is_some() {
                faults.blot(spot);
                let fault = Fault::error("a URL with credentials").at(spot, "*** would be public");
                faults.push(fault.help("remove the credentials"));
                return Vec::new();
            }
            let host = url.domain().filter(|host| is_host_name(host)).map(str::to_owned);
            if super::references::leads_inside(
                url.host_str().unwrap_or_default().trim_matches(['[', ']']),
                context.private_networks,
            ) {
                let fault = Fault::error("the address lies in a private network").at(spot, "not public");
                faults.push(fault.help(super::probes::PRIVATE_HELP));
            }
            let certificate_valid_for = (url.scheme() == "https").then_some(CERTIFICATE_WARNING);
            let page = check("http", Probe::Http(http_get(url)), WarnWhen { certificate_valid_for });
            std::iter::once(page).chain(host.map(|host| check("dns", dns(&host, "A"), WarnWhen::default()))).collect()
        }
        ComponentKind::Mail => {
            let domain = text
                .strip_prefix("mailto:")
                .and_then(|address| address.rsplit_once('@'))
                .map(|(_, rest)| rest.split('?').next().unwrap_or(rest));
            domain
                .filter(|domain| is_host_name(domain))
                .map(|domain| check("mx", dns(domain, "MX"), WarnWhen::default()))
                .into_iter()
                .collect()
        }
        ComponentKind::Provider
        | ComponentKind::BaseService
        | ComponentKind::Service
        | ComponentKind::Capability
        | ComponentKind::App
        | ComponentKind::Phone
        | ComponentKind::Counter
        | ComponentKind::BackOffice
        | ComponentKind::Network => Vec::new(),
    }
}
