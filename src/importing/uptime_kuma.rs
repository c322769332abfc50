//! Uptime Kuma: its backup (JSON) and the rows of its database, of version 1 and 2.
//!
//! Both say the same under other names: `upsideDown` in a backup is `upside_down` in the database.
//! A monitor becomes a component with one check, a group the whole that its monitors are part of.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use serde_json::{Map, Value};

use super::assembly::{Planned, assemble};
use super::draft::{Check, Credential, Entry, Found, Timing};
use super::json::{json_path, typed};
use super::name::one_line;
use super::report::Report;
use super::request::{self, Asked};
use super::{ENTRIES_MAX, Fault, Options, Outcome, Source};
use crate::model::check::{DnsProbe, Expect, Probe, Starttls, TcpProbe, TlsProbe, TlsSettings, WarnWhen};
use crate::model::status::ComponentKind;

/// The tables of the database that are read.
pub const TABLES: [&str; 5] = ["monitor", "tag", "monitor_tag", "maintenance", "monitor_maintenance"];

/// The columns that are read; none of them holds a password but that of basic authentication,
/// of which only its being there is used.
pub const COLUMNS: [&str; 46] = [
    "id",
    "name",
    "active",
    "interval",
    "url",
    "type",
    "hostname",
    "port",
    "keyword",
    "invert_keyword",
    "maxretries",
    "retry_interval",
    "timeout",
    "ignore_tls",
    "upside_down",
    "maxredirects",
    "accepted_statuscodes_json",
    "dns_resolve_type",
    "dns_resolve_server",
    "method",
    "body",
    "headers",
    "http_body_encoding",
    "auth_method",
    "basic_auth_user",
    "proxy_id",
    "expiry_notification",
    "parent",
    "description",
    "json_path",
    "json_path_operator",
    "expected_value",
    "conditions",
    "cache_bust",
    "ip_family",
    "smtp_security",
    "monitor_id",
    "tag_id",
    "value",
    "maintenance_id",
    "title",
    "strategy",
    "start_date",
    "end_date",
    "timezone",
    "tls_ca",
];

/// Days before its end at which Uptime Kuma first tells of a certificate, unless set otherwise.
const CERTIFICATE_WARNING: Duration = Duration::from_secs(21 * 86_400);
/// Groups above each other that are looked at.
const ANCESTORS_MAX: usize = 50;
/// Most looks at a monitor, to find what all maintenances cover.
const LOOKS_MAX: usize = 10 * ENTRIES_MAX;
/// Tags of a monitor that are kept.
const TAGS_MAX: usize = 20;

type Row = Map<String, Value>;

/// Rows of the database by table.
pub type Rows = BTreeMap<String, Vec<Row>>;

/// Imports one backup or several.
pub fn import_backups(sources: &[Source<'_>], options: &Options) -> Result<Outcome, Fault> {
    let what = "a backup of Uptime Kuma";
    let mut monitors = Vec::new();
    let mut report = Report::default();
    for source in sources {
        let text = source.text(what)?;
        let value: Value = serde_json::from_str(text).map_err(|error| source.broken(what, error.to_string()))?;
        let Some(list) = value.get("monitorList").and_then(Value::as_array) else {
            return Err(source.broken(what, "it has no `monitorList`"));
        };
        if monitors.len() + list.len() > ENTRIES_MAX {
            return Err(Fault::TooMany);
        }
        let several = if sources.len() > 1 { format!("{}, ", one_line(source.name, 100)) } else { String::new() };
        monitors.extend(list.iter().map(|value| (several.clone(), value.as_object().cloned().unwrap_or_default())));
        if value.get("notificationList").and_then(Value::as_array).is_some_and(|list| !list.is_empty()) {
            report.notes.push("notifications are not carried over".to_owned());
        }
    }
    let entries = entries(&monitors, &HashMap::new(), &mut report);
    assemble("a backup of Uptime Kuma", entries, Vec::new(), report, options)
}

/// Imports the rows of a database.
pub fn import_rows(rows: &Rows, options: &Options) -> Result<Outcome, Fault> {
    let table = |name: &str| rows.get(name).map(Vec::as_slice).unwrap_or_default();
    let mut report = Report::default();
    let monitors: Vec<(String, Row)> = table("monitor").iter().map(|row| (String::new(), row.clone())).collect();
    let names: HashMap<i64, String> =
        table("tag").iter().filter_map(|row| Some((number(row, &["id"])?, text(row, &["name"])?.to_owned()))).collect();
    let mut tags: HashMap<i64, Vec<String>> = HashMap::new();
    for row in table("monitor_tag") {
        let name = number(row, &["tag_id"]).and_then(|id| names.get(&id));
        if let (Some(monitor), Some(name)) = (number(row, &["monitor_id"]), name) {
            tags.entry(monitor).or_default().push(tag(name, text(row, &["value"])));
        }
    }
    let entries = entries(&monitors, &tags, &mut report);
    let planned = planned(table("maintenance"), table("monitor_maintenance"), table("monitor"), &mut report)?;
    assemble("a database of Uptime Kuma", entries, planned, report, options)
}

fn tag(name: &str, value: Option<&str>) -> String {
    match value.filter(|value| !value.is_empty()) {
        Some(value) => format!("{name}: {value}"),
        None => name.to_owned(),
    }
}

/// What is known of all monitors while one is read.
struct Around<'m> {
    /// Groups by file and id.
    groups: HashMap<(&'m str, i64), &'m Row>,
    tags: &'m HashMap<i64, Vec<String>>,
}

fn entries(monitors: &[(String, Row)], tags: &HashMap<i64, Vec<String>>, report: &mut Report) -> Vec<Entry> {
    let is_group = |row: &Row| text(row, &["type"]) == Some("group");
    let groups = monitors
        .iter()
        .filter(|(_, row)| is_group(row))
        .filter_map(|(file, row)| Some(((file.as_str(), number(row, &["id"])?), row)))
        .collect();
    let around = Around { groups, tags };
    for (_, row) in monitors.iter().filter(|(_, row)| is_group(row)) {
        if number(row, &["parent"]).is_some_and(|parent| parent > 0) {
            let name = one_line(text(row, &["name"]).unwrap_or_default(), 100);
            report.notes.push(format!("the group {name} stands by itself: a part has no parts of its own"));
        }
    }
    monitors.iter().filter(|(_, row)| !is_group(row)).map(|(file, row)| entry(file, row, &around)).collect()
}

fn entry(file: &str, row: &Row, around: &Around<'_>) -> Entry {
    let id = number(row, &["id"]).unwrap_or(0);
    let name = text(row, &["name"]).unwrap_or_default();
    let place = format!("{file}monitor {id}");
    let left = |why: String| Entry::Left(format!("{name} ({place})"), why);
    if flag(row, &["active"]) == Some(false) {
        return left("it is paused".to_owned());
    }
    let group = number(row, &["parent"]).and_then(|parent| around.groups.get(&(file, parent)));
    let mut above = group;
    for _ in 0..ANCESTORS_MAX {
        let Some(row) = above else { break };
        if flag(row, &["active"]) == Some(false) {
            return left("its group is paused".to_owned());
        }
        above = number(row, &["parent"]).and_then(|parent| around.groups.get(&(file, parent)));
    }
    let read = match read(row) {
        Ok(read) => read,
        Err(why) => return left(why),
    };
    let mut comments = Vec::new();
    let mut tags: Vec<String> = around.tags.get(&id).cloned().unwrap_or_default();
    let listed = row.get("tags").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    tags.extend(
        listed
            .iter()
            .filter_map(Value::as_object)
            .filter_map(|row| Some(tag(text(row, &["name"])?, text(row, &["value"])))),
    );
    if !tags.is_empty() {
        tags.truncate(TAGS_MAX);
        comments.push(format!("tags: {}", tags.join(", ")));
    }
    comments.extend(text(row, &["description"]).filter(|text| !text.is_empty()).map(str::to_owned));
    Entry::Found(Box::new(Found {
        name: name.to_owned(),
        key: place.clone(),
        place,
        group: group.map(|row| {
            let name = text(row, &["name"]).unwrap_or_default().to_owned();
            (format!("{file}group {}", number(row, &["id"]).unwrap_or(0)), name)
        }),
        kind: read.kind,
        checks: vec![read.check],
        remarks: read.remarks,
        comments,
        credentials: read.credentials,
    }))
}

struct Read {
    kind: ComponentKind,
    check: Check,
    remarks: Vec<String>,
    credentials: Vec<Credential>,
}

/// Reads one monitor, or says why it cannot be asked here.
fn read(row: &Row) -> Result<Read, String> {
    let (timing, mut remarks) = timing(row);
    let upside_down = flag(row, &["upsideDown", "upside_down"]) == Some(true);
    let kind = text(row, &["type"]).unwrap_or_default();
    let refuse_upside_down = || match upside_down {
        true => Err("it is upside down, so up where nothing answers; no check here means that".to_owned()),
        false => Ok(()),
    };
    let plain = |kind, check| Read { kind, check, remarks: Vec::new(), credentials: Vec::new() };
    let mut read = match kind {
        "http" | "keyword" | "json-query" => {
            if kind != "keyword" {
                refuse_upside_down()?;
            }
            http(row, kind, upside_down, timing)?
        }
        "port" => {
            refuse_upside_down()?;
            plain(ComponentKind::Service, Check::new("tcp", Probe::Tcp(tcp(row)?), timing))
        }
        "smtp" => {
            refuse_upside_down()?;
            plain(ComponentKind::Mail, smtp(row, timing)?)
        }
        "dns" => {
            refuse_upside_down()?;
            let (check, more) = dns(row, timing)?;
            remarks.extend(more);
            plain(ComponentKind::Network, check)
        }
        "ping" | "tailscale-ping" => {
            return Err("it asks by ICMP, which no check here does; ask a port of it instead".to_owned());
        }
        "push" => return Err("it waits for somebody to push, which no check here does".to_owned()),
        "" => return Err("it has no type".to_owned()),
        other => return Err(format!("no check here is of the type `{}`", one_line(other, 40))),
    };
    remarks.append(&mut read.remarks);
    Ok(Read { remarks, ..read })
}

fn timing(row: &Row) -> (Timing, Vec<String>) {
    let seconds = |names: &[&str]| float(row, names).filter(|value| value.is_finite() && *value > 0.0 && *value < 1e8);
    let interval = Duration::from_secs_f64(seconds(&["interval"]).unwrap_or(60.0).round());
    // What Uptime Kuma itself takes where none is set.
    let timeout = seconds(&["timeout"]).map_or_else(|| interval.mul_f64(0.8), Duration::from_secs_f64);
    let timeout = Duration::from_millis(u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX));
    let retry =
        seconds(&["retryInterval", "retry_interval"]).map_or(interval, |value| Duration::from_secs_f64(value.round()));
    let retries = number(row, &["maxretries"]).and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
    let (timing, mut remarks) = Timing::of(interval, timeout);
    let down_after = retries.saturating_add(1);
    if down_after > 100 {
        remarks.push("it is down after 100 failures in a row, not more".to_owned());
    }
    (timing.confirmed(down_after, 1, retry), remarks)
}

fn http(row: &Row, kind: &str, upside_down: bool, timing: Timing) -> Result<Read, String> {
    match text(row, &["authMethod", "auth_method"]).unwrap_or_default() {
        "" | "basic" => {}
        other => return Err(format!("it signs in by `{}`, which no check here does", one_line(other, 20))),
    }
    if number(row, &["proxyId", "proxy_id"]).is_some() {
        return Err("it asks through a proxy, which no check here does".to_owned());
    }
    let body = text(row, &["body"]).filter(|body| !body.trim().is_empty()).map(str::to_owned);
    let mut headers = headers(row)?;
    if let Some(media_type) = body.as_ref().and_then(|_| media_type(row))
        && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"))
    {
        headers.push(("Content-Type".to_owned(), Some(media_type.to_owned())));
    }
    let insecure = flag(row, &["ignoreTls", "ignore_tls"]) == Some(true);
    let asked = Asked {
        url: text(row, &["url"]).unwrap_or_default(),
        method: text(row, &["method"]).filter(|method| !method.is_empty()),
        headers,
        body,
        basic: text(row, &["basic_auth_user"]).is_some_and(|user| !user.is_empty()),
        follow_redirects: number(row, &["maxredirects"]) != Some(0),
        insecure,
    };
    let request::Request { probe, credentials, mut remarks } = request::read(asked)?;
    if text(row, &["tlsCa", "tls_ca"]).is_some_and(|text| !text.trim().is_empty()) {
        remarks.push("its own certificate authority is to be named: `tls = { ca_file = \"…\" }`".to_owned());
    }
    if flag(row, &["cacheBust", "cache_bust"]) == Some(true) {
        remarks.push("nothing random is added to its URL here".to_owned());
    }
    if let Some(family) = text(row, &["ipFamily", "ip_family"]).filter(|family| !family.is_empty()) {
        remarks.push(format!("it asked over {} only; here over both", one_line(family, 10)));
    }
    let encrypted = probe.url.scheme() == "https";
    let mut check = Check::new("http", Probe::Http(probe), timing);
    check.expect = match kind {
        "keyword" => keyword(row, upside_down, &mut remarks)?,
        "json-query" => json_query(row, &mut remarks)?,
        _ => Expect { status: statuses(row)?, ..Expect::default() },
    };
    if encrypted && !insecure && flag(row, &["expiryNotification", "expiry_notification"]) == Some(true) {
        check.warn = WarnWhen { certificate_valid_for: Some(CERTIFICATE_WARNING) };
    }
    Ok(Read { kind: ComponentKind::Website, check, remarks, credentials })
}

fn media_type(row: &Row) -> Option<&'static str> {
    match text(row, &["httpBodyEncoding", "http_body_encoding"])? {
        "json" => Some("application/json"),
        "xml" => Some("text/xml; charset=utf-8"),
        "form" => Some("application/x-www-form-urlencoded"),
        _ => None,
    }
}

fn headers(row: &Row) -> Result<Vec<(String, Option<String>)>, String> {
    let parsed;
    let object = match row.get("headers") {
        Some(Value::String(text)) if !text.trim().is_empty() => {
            parsed = serde_json::from_str::<Value>(text).ok();
            parsed.as_ref().and_then(Value::as_object)
        }
        Some(Value::Object(object)) => Some(object),
        _ => return Ok(Vec::new()),
    };
    let object = object.ok_or_else(|| "its headers cannot be read".to_owned())?;
    Ok(object
        .iter()
        .filter_map(|(name, value)| match value {
            Value::String(value) => Some((name.clone(), Some(value.clone()))),
            Value::Number(value) => Some((name.clone(), Some(value.to_string()))),
            Value::Bool(value) => Some((name.clone(), Some(value.to_string()))),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        })
        .collect())
}

/// `["200-299", "401"]`, as a list or as the text of one.
fn statuses(row: &Row) -> Result<Vec<(u16, u16)>, String> {
    let parsed;
    let list = match row.get("accepted_statuscodes").or_else(|| row.get("accepted_statuscodes_json")) {
        Some(Value::Array(list)) => list.as_slice(),
        Some(Value::String(text)) => {
            parsed = serde_json::from_str::<Vec<Value>>(text).unwrap_or_default();
            parsed.as_slice()
        }
        _ => return Ok(Vec::new()),
    };
    let ranges: Vec<(u16, u16)> = list
        .iter()
        .filter_map(|value| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let (from, to) = text.split_once('-').unwrap_or((&text, &text));
            let (from, to): (u16, u16) = (from.trim().parse().ok()?, to.trim().parse().ok()?);
            let range = (from.clamp(100, 599), to.clamp(100, 599));
            (from <= to && to >= 100 && from <= 599).then_some(range)
        })
        .take(100)
        .collect();
    if ranges.is_empty() {
        return Err("it accepts no status that there is".to_owned());
    }
    // 200 to 299 is what a check expects anyway.
    Ok(if ranges == [(200, 299)] { Vec::new() } else { ranges })
}

fn keyword(row: &Row, upside_down: bool, remarks: &mut Vec<String>) -> Result<Expect, String> {
    let word = text(row, &["keyword"]).filter(|word| !word.is_empty()).ok_or("it looks for no word")?.to_owned();
    let inverted = flag(row, &["invertKeyword", "invert_keyword"]) == Some(true);
    if word.contains('"') {
        remarks.push(
            "in JSON, Uptime Kuma looks for the word after taking out blanks; here the answer is looked at as it comes"
                .to_owned(),
        );
    }
    let mut status = statuses(row)?;
    if upside_down {
        // There, whatever is not the word with a good status is up.
        remarks.push("it is upside down: here any status is good, and no answer at all is red".to_owned());
        status = vec![(100, 599)];
    }
    let mut expect = Expect { status, ..Expect::default() };
    if inverted == upside_down {
        expect.body_contains.push(word);
    } else {
        expect.body_lacks.push(word);
    }
    Ok(expect)
}

fn json_query(row: &Row, remarks: &mut Vec<String>) -> Result<Expect, String> {
    let operator = text(row, &["jsonPathOperator", "json_path_operator"]).unwrap_or("==");
    if !matches!(operator, "" | "==") {
        return Err(format!("it compares by `{}`; a check here asks for one value", one_line(operator, 20)));
    }
    let query = text(row, &["jsonPath", "json_path"]).unwrap_or_default();
    let path = json_path(query).ok_or("its JSONata query is more than a path of names and numbers")?;
    let expected = text(row, &["expectedValue", "expected_value"]).unwrap_or_default();
    let value = typed(expected);
    if !value.is_string() {
        let what = if value.is_boolean() { "truth value" } else { "number" };
        remarks.push(format!("the JSON value is compared as a {what}; set it in quotes if the answer has it so"));
    }
    Ok(Expect { status: statuses(row)?, json: BTreeMap::from([(path, value)]), ..Expect::default() })
}

fn host_port(row: &Row, default: Option<u16>) -> Result<(String, u16), String> {
    let host = text(row, &["hostname"]).unwrap_or_default().trim().trim_matches(['[', ']']).to_ascii_lowercase();
    let port = number(row, &["port"]).and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0).or(default);
    match port {
        Some(port) if !host.is_empty() => Ok((host, port)),
        Some(_) | None => Err("its target is not a host and a port".to_owned()),
    }
}

fn tcp(row: &Row) -> Result<TcpProbe, String> {
    let (host, port) = host_port(row, None)?;
    Ok(TcpProbe { host, port, send: None, expect: None, starttls: None, tls: TlsSettings::default() })
}

fn smtp(row: &Row, timing: Timing) -> Result<Check, String> {
    let security = text(row, &["smtpSecurity", "smtp_security"]).unwrap_or_default();
    let (host, port) = host_port(row, Some(25))?;
    if security == "secure" {
        return Ok(Check::new("tls", Probe::Tls(TlsProbe { host, port, tls: TlsSettings::default() }), timing));
    }
    let starttls = (security == "starttls").then_some(Starttls::Smtp);
    let expect = Some("^220[ -]".to_owned());
    let probe = TcpProbe { host, port, send: None, expect, starttls, tls: TlsSettings::default() };
    Ok(Check::new("smtp", Probe::Tcp(probe), timing))
}

fn dns(row: &Row, timing: Timing) -> Result<(Check, Vec<String>), String> {
    let name = text(row, &["hostname"]).unwrap_or_default().trim().to_owned();
    let record_type =
        text(row, &["dns_resolve_type"]).filter(|text| !text.is_empty()).unwrap_or("A").to_ascii_uppercase();
    let port = number(row, &["port"]).and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0).unwrap_or(53);
    let servers = text(row, &["dns_resolve_server"]).unwrap_or_default();
    let mut remarks = Vec::new();
    let mut servers = servers.split(',').map(str::trim).filter(|server| !server.is_empty());
    let resolver = match servers.next() {
        None => None,
        Some(server) => {
            let address: std::net::IpAddr = server.parse().map_err(|_| "its resolver is not an address".to_owned())?;
            Some(if port == 53 { address.to_string() } else { std::net::SocketAddr::new(address, port).to_string() })
        }
    };
    if servers.next().is_some() {
        remarks.push("only the first of its resolvers is asked".to_owned());
    }
    if text(row, &["conditions"]).is_some_and(|text| !matches!(text.trim(), "" | "[]")) {
        remarks.push("its conditions are not carried over: write `expect = { records = [\"…\"] }`".to_owned());
    }
    Ok((Check::new("dns", Probe::Dns(DnsProbe { name, record_type, resolver }), timing), remarks))
}

/// Which monitors each maintenance covers: of a group all that are in it, also in groups below it.
fn covered(covers: &[Row], monitors: &[Row]) -> Result<HashMap<i64, BTreeSet<i64>>, Fault> {
    let mut within: HashMap<i64, Vec<i64>> = HashMap::new();
    let mut groups: HashSet<i64> = HashSet::new();
    for (row, id) in monitors.iter().filter_map(|row| Some((row, number(row, &["id"])?))) {
        if text(row, &["type"]) == Some("group") {
            groups.insert(id);
        }
        within.entry(number(row, &["parent"]).unwrap_or(0)).or_default().push(id);
    }
    let mut covered: HashMap<i64, BTreeSet<i64>> = HashMap::new();
    let mut looks = 0;
    for cover in covers {
        let (Some(maintenance), Some(monitor)) = (number(cover, &["maintenance_id"]), number(cover, &["monitor_id"]))
        else {
            continue;
        };
        let mut next = vec![monitor];
        let mut seen = HashSet::new();
        while let Some(id) = next.pop() {
            looks += 1;
            if looks > LOOKS_MAX {
                return Err(Fault::TooMany);
            }
            if !groups.contains(&id) {
                covered.entry(maintenance).or_default().insert(id);
            } else if seen.insert(id) {
                next.extend(within.get(&id).into_iter().flatten());
            }
        }
    }
    Ok(covered)
}

/// Single maintenances; what recurs or is begun by hand is reported.
fn planned(maintenances: &[Row], covers: &[Row], monitors: &[Row], report: &mut Report) -> Result<Vec<Planned>, Fault> {
    let mut planned = Vec::new();
    let mut covered = covered(covers, monitors)?;
    for row in maintenances {
        let id = number(row, &["id"]).unwrap_or(0);
        let title = text(row, &["title"]).unwrap_or_default().to_owned();
        let place = format!("maintenance {id}");
        let entry = format!("{} ({place})", one_line(&title, 100));
        if flag(row, &["active"]) == Some(false) {
            report.leave(entry, "it is switched off");
            continue;
        }
        let strategy = text(row, &["strategy"]).unwrap_or_default();
        if strategy != "single" {
            report.leave(
                entry,
                format!(
                    "`{}` work is to be written by hand: `recurring = {{ rrule, at, for }}`",
                    one_line(strategy, 30)
                ),
            );
            continue;
        }
        let zone = text(row, &["timezone"]).unwrap_or_default();
        let (Some(from), Some(until)) = (time(row, "start_date", zone), time(row, "end_date", zone)) else {
            report.leave(entry, "its times cannot be read");
            continue;
        };
        let keys = covered.remove(&id).unwrap_or_default();
        let keys = keys.into_iter().map(|monitor| format!("monitor {monitor}")).collect();
        planned.push(Planned { title, place, keys, from, until });
    }
    Ok(planned)
}

/// A time of the database: an instant if its zone is known, else local.
fn time(row: &Row, column: &str, zone: &str) -> Option<toml::value::Datetime> {
    let local: jiff::civil::DateTime = text(row, &[column])?.replace(' ', "T").trim_end_matches('Z').parse().ok()?;
    let local = local.with().subsec_nanosecond(0).build().ok()?;
    if !(1970..2100).contains(&local.year()) {
        return None;
    }
    let plausible = zone.len() <= 64 && !zone.contains("..") && !zone.starts_with('/');
    let zone = if plausible { jiff::tz::TimeZone::get(zone).ok() } else { None };
    let written = match zone {
        Some(zone) => local.to_zoned(zone).ok()?.timestamp().to_string(),
        None => local.to_string(),
    };
    written.parse().ok()
}

fn find<'r>(row: &'r Row, names: &[&str]) -> Option<&'r Value> {
    names.iter().find_map(|name| row.get(*name)).filter(|value| !value.is_null())
}

fn text<'r>(row: &'r Row, names: &[&str]) -> Option<&'r str> {
    find(row, names)?.as_str()
}

fn float(row: &Row, names: &[&str]) -> Option<f64> {
    let value = find(row, names)?;
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

fn number(row: &Row, names: &[&str]) -> Option<i64> {
    let value = find(row, names)?;
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

fn flag(row: &Row, names: &[&str]) -> Option<bool> {
    let value = find(row, names)?;
    value.as_bool().or_else(|| value.as_i64().map(|number| number != 0)).or_else(|| match value.as_str()? {
        "1" | "true" => Some(true),
        "0" | "false" => Some(false),
        _ => None,
    })
}
