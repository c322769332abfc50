//! Values with a form of their own: ids, links, addresses, URLs, times, patterns.
//!
//! Each function reads one value and notes what is wrong with its form. Whether an id exists or
//! an address may be used is decided elsewhere.

use std::net::{IpAddr, SocketAddr};

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use toml::de::DeValue;
use url::Url;

use super::diagnostic::{At, Fault, Faults, Spot, quote};
use super::read::Value;
use crate::model::alternative::Link;
use crate::model::bounds::{self, URL_BYTES_MAX, is_host_name};
use crate::model::id::validate_id;
use crate::model::time::Timestamp;
use crate::model::window::When;

/// An id by the common pattern.
pub(super) fn id<'t>(value: Value<'t>) -> Option<At<&'t str>> {
    let text = value.string()?;
    match validate_id(text.value) {
        Ok(()) => Some(text),
        Err(fault) => {
            let title = format!("{} is no id: {fault}", quote(text.value));
            value.faults.refuse_id(text.value);
            value.fault(title, "not an id", "write something like `serviceportal-en`");
            None
        }
    }
}

/// A link for public pages.
pub(super) fn link(value: Value<'_>) -> Option<Link> {
    let text = value.string()?;
    let link = if text.value.len() <= URL_BYTES_MAX { Link::parse(text.value) } else { None };
    if link.is_none() {
        let title = format!("{} is no link for a public page", quote(text.value));
        value.fault(title, "not a link", "write a complete `https://…`, `http://…`, `tel:+49…` or `mailto:…`");
    }
    link
}

/// A URL that a probe may ask: http or https, with a host, without credentials.
pub(super) fn probe_url(value: Value<'_>) -> Option<At<Url>> {
    let text = value.string()?;
    let wrong = |label: &str, help: &str| {
        value.faults.push(Fault::error("not a URL that a probe can ask").at(text.spot, label).help(help));
        None
    };
    if text.value.len() > URL_BYTES_MAX {
        return wrong("too long", "at most 2000 characters");
    }
    let Ok(url) = Url::parse(text.value) else {
        return wrong("not a complete URL", "write it with scheme and host: `https://www.example.org/`");
    };
    if !url.username().is_empty() || url.password().is_some() {
        value.faults.blot(text.spot);
        return wrong(
            "*** credentials in a URL",
            "name a secret instead: `headers = { Authorization = { secret = \"name\" } }`",
        );
    }
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return wrong("not http or https", "write it with scheme and host: `https://www.example.org/`");
    }
    Some(At::new(url, text.spot))
}

/// A host name or an address literal, without port; brackets of an IPv6 literal are taken off.
pub(super) fn parse_host(text: &str) -> Option<String> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Some(address.to_string());
    }
    is_host_name(text).then(|| text.to_ascii_lowercase())
}

/// `host:port`, with brackets around an IPv6 literal.
pub(super) fn parse_host_port(text: &str, default: Option<u16>) -> Option<(String, u16)> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return (address.port() > 0).then(|| (address.ip().to_string(), address.port()));
    }
    if let Some(port) = default
        && let Some(host) = parse_host(text)
    {
        return Some((host, port));
    }
    let (host, port) = text.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port > 0)?;
    (!host.contains(':') && is_host_name(host)).then(|| (host.to_ascii_lowercase(), port))
}

/// `"host:443"`.
pub(super) fn host_port(value: Value<'_>) -> Option<At<(String, u16)>> {
    let text = value.string()?;
    let parsed = parse_host_port(text.value, None);
    if parsed.is_none() {
        let title = format!("{} is no address", quote(text.value));
        value.fault(
            title,
            "not host and port",
            "write host and port: `\"www.example.org:443\"` or `\"[2001:db8::1]:443\"`",
        );
    }
    Some(At::new(parsed?, text.spot))
}

/// A regular expression within bounds.
pub(super) fn pattern(text: &At<&str>, faults: &Faults) -> Option<String> {
    if let Err(why) = bounds::pattern(text.value) {
        let fault = Fault::error(format!("{} is no regular expression", quote(text.value))).at(text.spot, why);
        faults.push(fault.help("the syntax is that of Rust's `regex`: no look-around, no back-references"));
        return None;
    }
    Some(text.value.to_owned())
}

/// 12 digits.
pub(super) fn is_ars(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

/// A number of bytes: `"256MiB"`.
pub(super) fn size(value: Value<'_>) -> Option<u64> {
    let text = value.string()?;
    let digits = text.value.bytes().take_while(u8::is_ascii_digit).count();
    let parsed = text.value.split_at_checked(digits).and_then(|(number, unit)| {
        let factor: u64 = match unit {
            "" | "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return None,
        };
        number.parse::<u64>().ok()?.checked_mul(factor)
    });
    if parsed.is_none() {
        value.fault(format!("{} is no size", quote(text.value)), "not a size", "write something like `\"256MiB\"`");
    }
    parsed
}

/// The zone of an IANA name.
pub(super) fn zone(value: Value<'_>) -> Option<(String, TimeZone)> {
    let text = value.string()?;
    // A path would make jiff look for a file.
    let plausible = text.value.len() <= 64 && !text.value.contains("..") && !text.value.starts_with('/');
    let zone = plausible.then(|| TimeZone::get(text.value).ok()).flatten();
    if zone.is_none() {
        let title = format!("{} is no time zone", quote(text.value));
        value.fault(title, "unknown", "write an IANA name such as `\"Europe/Berlin\"`");
    }
    Some((text.value.to_owned(), zone?))
}

/// A time as written; what instant it means depends on the organisation's zone.
#[derive(Debug, Clone, Copy)]
pub(super) enum RawTime {
    Instant(Timestamp),
    Local(DateTime),
    Date(Date),
}

impl At<RawTime> {
    /// When something begins: a date means its first instant. A time that the clocks leave out is
    /// a fault.
    pub(super) fn begins(&self, zone: &TimeZone, faults: &Faults) -> Option<When> {
        match self.value {
            RawTime::Instant(at) => Some(When::instant(at)),
            RawTime::Local(local) => match When::from_local_checked(local, zone) {
                Ok(when) => Some(when),
                Err(gap) => {
                    let fault = Fault::error(gap.to_string()).at(self.spot, "no clock shows this");
                    faults.push(fault.help(format!("as an instant: `{}`", gap.at)));
                    None
                }
            },
            RawTime::Date(date) => When::from_date(date, zone),
        }
    }

    /// When something ends: a date is its last day.
    pub(super) fn ends(&self, zone: &TimeZone, faults: &Faults) -> Option<When> {
        match self.value {
            RawTime::Date(date) => When::through_date(date, zone),
            RawTime::Instant(_) | RawTime::Local(_) => self.begins(zone, faults),
        }
    }
}

/// A time, as TOML's own kind or as a string: RFC 3339, local date-time, or local date.
pub(super) fn time(value: Value<'_>) -> Option<At<RawTime>> {
    let text = match value.value {
        DeValue::Datetime(written) => written.to_string(),
        DeValue::String(text) => text.to_string(),
        _ => {
            value.fault("expected a time", "not a time", TIME_HELP);
            return None;
        }
    };
    let parsed = parse_time(&text);
    if parsed.is_none() {
        value.fault(format!("{} is no time", quote(&text)), "not a time", TIME_HELP);
    }
    Some(At::new(parsed?, value.spot))
}

const TIME_HELP: &str =
    "write a local date `2021-09-27`, a local time `2021-09-27T19:00:00`, or an instant `2021-09-27T17:00:00Z`";

fn parse_time(text: &str) -> Option<RawTime> {
    let in_range = |at: Timestamp| (0..=4_102_444_800_000).contains(&at.as_millis());
    if text.len() > 40 {
        return None;
    }
    if text.len() == 10 {
        let date: Date = text.parse().ok()?;
        return (1970..2100).contains(&date.year()).then_some(RawTime::Date(date));
    }
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        let at = Timestamp::from_jiff(instant);
        return in_range(at).then_some(RawTime::Instant(at));
    }
    // Without a `T` or a blank it is a time of day or no time at all.
    let local: DateTime = text.get(10..11).filter(|t| matches!(*t, "T" | "t" | " ")).and_then(|_| text.parse().ok())?;
    (1970..2100).contains(&local.year()).then_some(RawTime::Local(local))
}

/// Whom something reaches, as written.
#[derive(Debug, Clone)]
pub(super) struct RawReach<'t> {
    /// Digits, an organisation's id, or `!` and an id.
    pub(super) text: &'t str,
    pub(super) spot: Spot,
}

impl<'t> RawReach<'t> {
    /// Reads a list of ARS prefixes and ids; ids are looked up later.
    pub(super) fn list(texts: Vec<At<&'t str>>, faults: &Faults) -> Vec<Self> {
        texts
            .into_iter()
            .filter(|text| {
                let digits = !text.value.is_empty() && text.value.bytes().all(|b| b.is_ascii_digit());
                let fits = if digits {
                    text.value.len() <= 12
                } else {
                    validate_id(text.value.strip_prefix('!').unwrap_or(text.value)).is_ok()
                };
                if !fits {
                    let fault =
                        Fault::error(format!("{} is neither an ARS prefix nor an organisation", quote(text.value)));
                    faults.push(fault.at(text.spot, "not understood").help(
                        "write up to 12 digits (`\"05954\"`), an organisation's id, or `\"!id\"` to leave one out",
                    ));
                }
                fits
            })
            .map(|text| Self { text: text.value, spot: text.spot })
            .collect()
    }

    /// The digits, if it is a prefix.
    pub(super) fn prefix(&self) -> Option<&'t str> {
        self.text.bytes().all(|b| b.is_ascii_digit()).then_some(self.text)
    }
}

/// Whether secrets may travel to an address: over https, or plainly within this machine; and it holds nothing
/// but a place and a path.
pub(super) fn is_guarded(url: &Url) -> bool {
    let is_loopback = match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(_)) | None => false,
    };
    (url.scheme() == "https" || (url.scheme() == "http" && is_loopback))
        && url.has_host()
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none()
}
