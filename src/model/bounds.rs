//! What a probe file may hold: the bounds of checks and of their texts, and the form of names. Whoever reads such
//! a file and whoever writes one ask here.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use regex::Regex;
use serde_json_path::JsonPath;

const DAY: Duration = Duration::from_secs(86_400);

/// Intervals that a check may have.
pub const INTERVALS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(31 * 86_400);
/// Timeouts that a check may have.
pub const TIMEOUTS: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(300);
/// Waits before an unconfirmed failure is asked again.
pub const RETRIES: RangeInclusive<Duration> = Duration::from_millis(100)..=DAY;
/// Results in a row that may be asked for.
pub const COUNTS: RangeInclusive<u32> = 1..=100;

/// Methods that a check may use: it asks, it does not act.
pub const METHODS: [&str; 4] = ["GET", "HEAD", "OPTIONS", "POST"];
/// Types of DNS records that can be asked for.
pub const RECORD_TYPES: [&str; 12] =
    ["A", "AAAA", "MX", "NS", "TXT", "CNAME", "SOA", "CAA", "SRV", "PTR", "DS", "DNSKEY"];
/// Ids that a component cannot have.
pub const RESERVED: [&str; 5] = ["api", "embed", "history", "incidents", "maintenance"];
/// Ids that a part cannot have.
pub const RESERVED_PARTS: [&str; 8] = ["atom", "html", "ics", "js", "json", "rss", "svg", "txt"];

/// Longest URL, in bytes.
pub const URL_BYTES_MAX: usize = 2_000;
/// Most headers of a request.
pub const HEADERS_MAX: usize = 50;
/// Longest request body or text to send, in bytes.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// Longest JSONPath, in bytes; its deepest nesting: its parser recurses, and takes twice as long for each filter in
/// a filter.
const JSON_PATH_BYTES_MAX: usize = 500;
const JSON_PATH_DEPTH_MAX: usize = 8;
/// Longest regular expression, in bytes; most memory that it may take; its deepest nesting.
const PATTERN_BYTES_MAX: usize = 2_000;
const PATTERN_SIZE_MAX: usize = 1 << 20;
const PATTERN_DEPTH_MAX: u32 = 50;

/// A regular expression within bounds, or why it is none.
///
/// # Errors
/// One line about what is wrong.
pub fn pattern(text: &str) -> Result<Regex, String> {
    if text.len() > PATTERN_BYTES_MAX {
        return Err(format!("longer than {PATTERN_BYTES_MAX} bytes"));
    }
    let built = regex::RegexBuilder::new(text)
        .size_limit(PATTERN_SIZE_MAX)
        .dfa_size_limit(PATTERN_SIZE_MAX)
        .nest_limit(PATTERN_DEPTH_MAX)
        .build();
    // The last line of the message says what is wrong, the lines before draw the pattern.
    built.map_err(|error| {
        let message = error.to_string();
        let why = message.lines().last().unwrap_or_default();
        why.strip_prefix("error: ").unwrap_or(why).to_owned()
    })
}

/// A path of RFC 9535 within bounds, or why it is none.
///
/// # Errors
/// One line about what is wrong.
pub fn json_path(text: &str) -> Result<JsonPath, String> {
    if text.len() > JSON_PATH_BYTES_MAX {
        return Err(format!("longer than {JSON_PATH_BYTES_MAX} bytes"));
    }
    let mut depth = 0usize;
    for byte in text.bytes() {
        match byte {
            b'[' | b'(' => depth += 1,
            b']' | b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > JSON_PATH_DEPTH_MAX {
            return Err(format!("nested more than {JSON_PATH_DEPTH_MAX} deep"));
        }
    }
    JsonPath::parse(text).map_err(|error| error.message().to_owned())
}

/// Whether this is a DNS name of a host: labels of letters, digits and hyphens (underscores are seen in the wild),
/// at most 253 characters.
pub fn is_host_name(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    !name.is_empty() && name.len() <= 253 && name.split('.').all(label)
}

/// The address that a host stands for by itself, a literal or `localhost`, if it is not on the public internet.
/// Where a name leads is judged by the probes.
pub fn inner_address(host: &str) -> Option<IpAddr> {
    let address = host.parse().ok().or_else(|| {
        let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        (name == "localhost" || name.ends_with(".localhost")).then_some(IpAddr::from([127, 0, 0, 1]))
    })?;
    is_inside(address).then_some(address)
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
