//! Metrics about components and checks, in the Prometheus text format or as OpenMetrics.
//!
//! Written straight from the measurements: a check's labels are escaped once and reused for all
//! its series. What a probe saw has `blackbox_exporter`'s names and meanings, so that boards and
//! alerts made for it work; a family that a failed probe leaves at zero there is zero here too.
//! The program's own counters are in `telemetry`; [`adopt`] puts both into one document.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use crate::model::availability::Availability;
use crate::model::check::Phase;
use crate::model::measurements::{Gauged, Measured, Measurements, Reading};
use crate::model::observation::TlsFacts;
use crate::model::status::{Evidence, Status};
use crate::model::time::Timestamp;
use crate::publish::escape;

/// The media type of the Prometheus text format.
pub const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The media type of OpenMetrics.
pub const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Takes what is written so far, so that it can be sent while the rest is written. It leaves an
/// empty buffer; or what it was given, which then grows.
pub type Full<'f> = &'f mut dyn FnMut(&mut Vec<u8>);

/// What a sample has beside its name and labels is at most so long, but for floats of unusual size.
const SAMPLE_REST_BYTES: usize = 32;

/// What the lines before a family's samples have beside its help and four times its name.
const HEAD_REST_BYTES: usize = 64;

/// What a check's labels have beside its own words and the vantage.
const LABELS_BYTES: usize = 32;

const EOF: &[u8] = b"# EOF\n";

/// Appends every family; `full` is called whenever the next sample might not find room in `out`.
/// With `targets` (one per check, in the order of `measurements.checks`) series carry the
/// operator's labels: `target`, and the texts of certificates. With `openmetrics` the document
/// ends here (`# EOF`), so what else belongs to it comes before.
pub fn write(
    measurements: &Measurements,
    targets: Option<&[Arc<str>]>,
    openmetrics: bool,
    out: &mut Vec<u8>,
    full: Full<'_>,
) {
    let probed = probed(measurements, targets);
    let mut families = Families { out, full, openmetrics };
    every_probe(&mut families, &probed);
    http(&mut families, &probed);
    certificates(&mut families, &probed, targets.is_some());
    dns(&mut families, &probed);
    components(&mut families, measurements);
    notices(&mut families, measurements);
    if openmetrics {
        families.with_room(EOF.len()).extend_from_slice(EOF);
    }
}

/// Appends families that are already in the Prometheus text format (as the `prometheus` crate
/// writes them). OpenMetrics names a counter without its `_total`.
pub fn adopt(text: &[u8], openmetrics: bool, out: &mut Vec<u8>) {
    if !openmetrics {
        out.extend_from_slice(text);
        return;
    }
    let is_counter = |name: &[u8]| {
        let declared = [b"# TYPE ".as_slice(), name, b" counter"].concat();
        text.split(|&byte| byte == b'\n').any(|line| line == declared)
    };
    for line in text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        let declared =
            [b"# HELP ".as_slice(), b"# TYPE "].into_iter().find_map(|head| Some((head, line.strip_prefix(head)?)));
        let counter = declared.and_then(|(head, rest)| {
            let name = rest.split(|&byte| byte == b' ').next()?;
            let family = name.strip_suffix(b"_total").filter(|_| is_counter(name))?;
            Some((head, family, rest.get(name.len()..)?))
        });
        match counter {
            Some((head, family, rest)) => [head, family, rest].into_iter().for_each(|part| out.extend_from_slice(part)),
            None => out.extend_from_slice(line),
        }
        out.push(b'\n');
    }
}

/// A check with its labels, written once.
struct Probed<'a> {
    measured: &'a Measured,
    /// The check's, at hand: each family asks for it again.
    reading: &'a Reading,
    /// `component="…",check="…",vantage="…"`
    labels: String,
    /// Whether there is anything beside its settings.
    has_run: bool,
}

impl Probed<'_> {
    /// A value of a check that has run, for one kind of probe.
    fn of(&self, kind: &str, value: impl FnOnce() -> Value) -> Option<Value> {
        (self.has_run && self.measured.kind == kind).then(value)
    }
}

fn probed<'a>(measurements: &'a Measurements, targets: Option<&[Arc<str>]>) -> Vec<Probed<'a>> {
    let vantage = escape::label(&measurements.vantage);
    let label = |(index, measured): (usize, &'a Measured)| {
        let (component, check) = (measured.component.as_str(), measured.check.as_str());
        let mut labels = String::with_capacity(LABELS_BYTES + component.len() + check.len() + vantage.len());
        for part in ["component=\"", component, "\",check=\"", check, "\",vantage=\"", &vantage, "\""] {
            labels.push_str(part);
        }
        if let Some(target) = targets.and_then(|targets| targets.get(index)) {
            labels.push_str(",target=\"");
            labels.push_str(&escape::label(target));
            labels.push('"');
        }
        let reading = &*measured.reading;
        Probed { measured, reading, labels, has_run: reading.ended_at != Timestamp::default() }
    };
    measurements.checks.iter().enumerate().map(label).collect()
}

fn every_probe(families: &mut Families<'_>, probed: &[Probed<'_>]) {
    families.checks(
        "probe_success",
        "1 if the probe succeeded, also slowly; 0 if it failed or was turned away; absent while blind.",
        probed,
        |p| p.reading.success.filter(|_| p.has_run).map(Value::of_bool),
    );
    families.checks("probe_duration_seconds", "How long the probe took.", probed, |p| {
        p.has_run.then_some(Value::Seconds(p.reading.duration))
    });
    families.checks("probe_timeout_seconds", "After how long the probe is given up.", probed, |p| {
        Some(Value::Seconds(p.measured.timeout))
    });
    families.checks("probe_dns_lookup_time_seconds", "How long the look-up of the target's name took.", probed, |p| {
        p.has_run.then(|| Value::Seconds(p.reading.phases.resolve.unwrap_or_default()))
    });
    families.checks("probe_ip_protocol", "4 or 6: the IP version that was used.", probed, |p| {
        p.reading.ipv6.map(|ipv6| Value::Unsigned(if ipv6 { 6 } else { 4 }))
    });
    families.checks(
        "probe_ip_addr_hash",
        "A hash of the address that was used; it shows that the address changed.",
        probed,
        |p| p.reading.address_hash.map(|hash| Value::Unsigned(hash.into())),
    );
    families.family(
        "probe_failure_reason_info",
        "1, with the reason why the last probe was not up as label.",
        |samples| {
            for p in probed {
                if let Some(reason) = p.reading.reason {
                    samples.add(&p.labels, &format!(",reason=\"{reason}\""), Value::Unsigned(1));
                }
            }
        },
    );
}

fn http(families: &mut Families<'_>, probed: &[Probed<'_>]) {
    families.family(
        "probe_http_duration_seconds",
        "How long each phase of an HTTP probe took, redirects added up.",
        |samples| {
            phases(
                samples,
                probed,
                "http",
                &Phase::ALL.iter().map(|&phase| (phase.as_str(), [phase].to_vec())).collect::<Vec<_>>(),
            );
        },
    );
    families.checks("probe_http_status_code", "The HTTP status code, 0 without an answer.", probed, |p| {
        p.of("http", || Value::Unsigned(p.reading.http_status.unwrap_or_default().into()))
    });
    families.checks("probe_http_version", "The HTTP version of the answer.", probed, |p| {
        p.of("http", || Value::Float(p.reading.http_version.unwrap_or_default()))
    });
    families.checks("probe_http_redirects", "How many redirects were followed.", probed, |p| {
        p.of("http", || Value::Unsigned(p.reading.redirects.unwrap_or_default().into()))
    });
    families.checks("probe_http_ssl", "1 if the last hop used TLS.", probed, |p| {
        p.of("http", || Value::of_bool(p.reading.http_ssl.unwrap_or_default()))
    });
    families.checks(
        "probe_http_content_length",
        "Content-Length of the answer in bytes, -1 if it had none.",
        probed,
        |p| p.of("http", || Value::Signed(p.reading.content_length.unwrap_or_default())),
    );
    families.checks("probe_http_uncompressed_body_length", "Bytes of the body that were read.", probed, |p| {
        p.of("http", || Value::Unsigned(p.reading.body_bytes.unwrap_or_default()))
    });
    families.checks(
        "probe_http_last_modified_timestamp_seconds",
        "Last-Modified of the answer, as Unix time.",
        probed,
        |p| p.reading.last_modified.map(Value::Instant),
    );
    families.checks(
        "probe_failed_due_to_regex",
        "1 if the probe failed because the content was not as expected.",
        probed,
        |p| {
            (p.has_run && matches!(p.measured.kind, "http" | "tcp"))
                .then(|| Value::of_bool(p.reading.failed_content.unwrap_or_default()))
        },
    );
}

fn certificates(families: &mut Families<'_>, probed: &[Probed<'_>], for_operator: bool) {
    fn accepted<'p>(p: &'p Probed<'_>) -> Option<&'p TlsFacts> {
        p.reading.tls.as_deref().filter(|tls| tls.refused.is_none() && tls.version.is_some())
    }
    families.checks(
        "probe_ssl_earliest_cert_expiry",
        "When the first certificate of the chain ends, as Unix time; also if the chain was refused.",
        probed,
        |p| p.reading.tls.as_ref()?.earliest_expiry().map(Value::Instant),
    );
    families.checks(
        "probe_ssl_last_chain_expiry_timestamp_seconds",
        "When the accepted chain ends, as Unix time.",
        probed,
        |p| accepted(p)?.earliest_expiry().map(Value::Instant),
    );
    families.family("probe_tls_version_info", "1, with the TLS version as label.", |samples| {
        for p in probed {
            if let Some(version) = accepted(p).and_then(|tls| tls.version) {
                samples.add(&p.labels, &format!(",version=\"{}\"", escape::label(version)), Value::Unsigned(1));
            }
        }
    });
    families.family("probe_tls_cipher_info", "1, with the cipher suite as label.", |samples| {
        for p in probed {
            if let Some(cipher) = accepted(p).and_then(|tls| tls.cipher.as_deref()) {
                samples.add(&p.labels, &format!(",cipher=\"{}\"", escape::label(cipher)), Value::Unsigned(1));
            }
        }
    });
    if !for_operator {
        // A certificate names hosts, also internal ones.
        return;
    }
    families.family("probe_ssl_last_chain_info", "1, with the facts of the leaf certificate as labels.", |samples| {
        for p in probed {
            let Some(leaf) = accepted(p).and_then(|tls| tls.chain.first()) else { continue };
            let extra = format!(
                ",fingerprint_sha256=\"{}\",subject=\"{}\",issuer=\"{}\",subjectalternative=\"{}\",serialnumber=\"{}\"",
                escape::label(&leaf.fingerprint_sha256),
                escape::label(&leaf.subject),
                escape::label(&leaf.issuer),
                escape::label(&leaf.names.join(",")),
                escape::label(&leaf.serial),
            );
            samples.add(&p.labels, &extra, Value::Unsigned(1));
        }
    });
}

fn dns(families: &mut Families<'_>, probed: &[Probed<'_>]) {
    families.family("probe_dns_duration_seconds", "How long each phase of a DNS probe took.", |samples| {
        let request = [Phase::Processing, Phase::Transfer].to_vec();
        let split =
            [("resolve", [Phase::Resolve].to_vec()), ("connect", [Phase::Connect].to_vec()), ("request", request)];
        phases(samples, probed, "dns", &split);
    });
    families.checks("probe_dns_query_succeeded", "1 if an answer came.", probed, |p| {
        p.of("dns", || Value::of_bool(p.reading.dns_records.is_some()))
    });
    families.checks("probe_dns_answer_rrs", "Records in the answer section.", probed, |p| {
        p.of("dns", || Value::Unsigned(p.reading.dns_records.unwrap_or_default().0.into()))
    });
    families.checks("probe_dns_authority_rrs", "Records in the authority section.", probed, |p| {
        p.of("dns", || Value::Unsigned(p.reading.dns_records.unwrap_or_default().1.into()))
    });
    families.checks("probe_dns_additional_rrs", "Records in the additional section.", probed, |p| {
        p.of("dns", || Value::Unsigned(p.reading.dns_records.unwrap_or_default().2.into()))
    });
    families.checks("probe_dns_serial", "The serial of the zone.", probed, |p| {
        p.reading.dns_serial.map(|serial| Value::Unsigned(serial.into()))
    });
}

/// One series per phase; each phase that is named may be the sum of several of ours.
fn phases(samples: &mut Samples<'_, '_>, probed: &[Probed<'_>], kind: &str, split: &[(&str, Vec<Phase>)]) {
    let split: Vec<(String, &[Phase])> =
        split.iter().map(|(name, sum)| (format!(",phase=\"{name}\""), sum.as_slice())).collect();
    for p in probed.iter().filter(|p| p.has_run && p.measured.kind == kind) {
        for (extra, sum) in &split {
            let took = sum.iter().filter_map(|&phase| p.reading.phases.get(phase)).sum();
            samples.add(&p.labels, extra, Value::Seconds(took));
        }
    }
}

/// The windows of availability as labels, with their days.
const WINDOWS: [(&str, u64); 4] =
    [(",window=\"24h\"", 1), (",window=\"7d\"", 7), (",window=\"30d\"", 30), (",window=\"90d\"", 90)];

fn components(families: &mut Families<'_>, measurements: &Measurements) {
    let components = &measurements.components;
    let words: Vec<(Status, Evidence, String)> = Evidence::ALL
        .iter()
        .flat_map(|&evidence| Status::ALL.iter().map(move |&status| (status, evidence)))
        .map(|(status, evidence)| (status, evidence, format!(",status=\"{status}\",evidence=\"{evidence}\"")))
        .collect();
    let labels: Vec<(&Gauged, String)> =
        components.iter().map(|component| (component, format!("component=\"{}\"", component.component))).collect();
    families.family(
        "turmwacht_component_status",
        "1 for the status that the component has as a whole, 0 for the others; evidence says where it comes from.",
        |samples| {
            for (component, labels) in &labels {
                for (status, _, extra) in words.iter().filter(|(_, evidence, _)| *evidence == component.evidence) {
                    samples.add(labels, extra, Value::of_bool(*status == component.status));
                }
            }
        },
    );
    families.family("turmwacht_component_info", "1, with the component's name, kind and owner as labels.", |samples| {
        for (component, labels) in &labels {
            let name = component.name.get(&measurements.language, &measurements.language);
            let extra = format!(
                ",name=\"{}\",kind=\"{}\",owner=\"{}\"",
                escape::label_text(&name),
                component.kind,
                component.owner
            );
            samples.add(labels, &extra, Value::Unsigned(1));
        }
    });
    let windows = windows(measurements);
    let mut window = |name: &str, help: &str, first: usize, value: fn(&Availability) -> Value| {
        families.family(name, help, |samples| {
            for ((_, labels), windows) in labels.iter().zip(&windows) {
                for ((extra, _), availability) in WINDOWS.iter().zip(windows).skip(first) {
                    if let Some(availability) = availability {
                        samples.add(labels, extra, value(availability));
                    }
                }
            }
        });
    };
    window(
        "turmwacht_component_availability_ratio",
        "1 - outage / (measured time - maintenance) of the window; absent if nothing was measured.",
        0,
        |availability| Value::Float(availability.ratio),
    );
    // Only of the longest: in each window they would be a fifth of all series.
    let longest = WINDOWS.len() - 1;
    window(
        "turmwacht_component_outages",
        "Outages that touch the window; absent if nothing was measured.",
        longest,
        |availability| Value::Unsigned(availability.outages),
    );
    window(
        "turmwacht_component_outage_seconds",
        "Seconds of the window without the component; absent if nothing was measured.",
        longest,
        |availability| Value::Unsigned(availability.major_s),
    );
}

/// The availability of each component in each of [`WINDOWS`].
fn windows(measurements: &Measurements) -> Vec<[Option<Availability>; WINDOWS.len()]> {
    let of = |component: &Gauged| {
        WINDOWS.map(|(_, days)| {
            let length = Duration::from_secs(days * 86_400);
            component.intervals.window(measurements.at, length, None)
        })
    };
    measurements.components.iter().map(of).collect()
}

fn notices(families: &mut Families<'_>, measurements: &Measurements) {
    families.family(
        "turmwacht_incident_info",
        "1 while the incident is open; root and owner are empty if the root is internal.",
        |samples| {
            for incident in &measurements.incidents {
                let extra = format!(
                    "incident=\"{}\",root=\"{}\",owner=\"{}\",impact=\"{}\"",
                    escape::label(incident.id.as_str()),
                    incident.root.as_ref().map_or("", |root| root.as_str()),
                    incident.owner.as_ref().map_or("", |owner| owner.as_str()),
                    incident.impact,
                );
                samples.add("", &extra, Value::Unsigned(1));
            }
        },
    );
    families.family(
        "turmwacht_notices_overdue",
        "1 for each incident whose promised update is due, and for each maintenance beyond its end.",
        |samples| {
            for overdue in &measurements.overdue {
                let extra = format!("kind=\"{}\",id=\"{}\"", overdue.kind, escape::label(&overdue.id));
                samples.add("", &extra, Value::Unsigned(1));
            }
        },
    );
}

/// The document as it grows, family by family.
struct Families<'o> {
    out: &'o mut Vec<u8>,
    full: Full<'o>,
    openmetrics: bool,
}

impl Families<'_> {
    /// Where the next so many bytes go.
    fn with_room(&mut self, bytes: usize) -> &mut Vec<u8> {
        if self.out.capacity() - self.out.len() < bytes {
            (self.full)(self.out);
        }
        self.out
    }

    /// A family of gauges. One without samples is left out.
    fn family(&mut self, name: &str, help: &str, samples: impl FnOnce(&mut Samples<'_, '_>)) {
        samples(&mut Samples { families: self, name, help, described: false });
    }

    /// A family with at most one sample per check.
    fn checks(&mut self, name: &str, help: &str, probed: &[Probed<'_>], value: impl Fn(&Probed<'_>) -> Option<Value>) {
        self.family(name, help, |samples| {
            for p in probed {
                if let Some(value) = value(p) {
                    samples.add(&p.labels, "", value);
                }
            }
        });
    }
}

/// The samples of one family.
struct Samples<'f, 'o> {
    families: &'f mut Families<'o>,
    name: &'f str,
    help: &'f str,
    /// The lines before the samples are written.
    described: bool,
}

impl Samples<'_, '_> {
    /// Adds a sample; `labels` and `extra` together are its labels, escaped already.
    fn add(&mut self, labels: &str, extra: &str, value: Value) {
        if !self.described {
            self.describe();
        }
        let out = self.families.with_room(self.name.len() + labels.len() + extra.len() + SAMPLE_REST_BYTES);
        out.extend_from_slice(self.name.as_bytes());
        out.push(b'{');
        out.extend_from_slice(labels.as_bytes());
        out.extend_from_slice(extra.as_bytes());
        if let Value::Unsigned(value @ 0..10) = value {
            // Most values; it is quicker to append all of the rest at once.
            out.extend_from_slice(&[b'}', b' ', digit(value), b'\n']);
            return;
        }
        out.extend_from_slice(b"} ");
        value.write(out);
        out.push(b'\n');
    }

    fn describe(&mut self) {
        self.described = true;
        let openmetrics = self.families.openmetrics;
        let name = self.name;
        let out = self.families.with_room(self.help.len() + 4 * name.len() + HEAD_REST_BYTES);
        for part in ["# HELP ", name, " ", self.help, "\n# TYPE ", name, " gauge\n"] {
            out.extend_from_slice(part.as_bytes());
        }
        let unit =
            ["seconds", "ratio"].into_iter().find(|unit| name.strip_suffix(unit).is_some_and(|n| n.ends_with('_')));
        if let Some(unit) = unit.filter(|_| openmetrics) {
            for part in ["# UNIT ", name, " ", unit, "\n"] {
                out.extend_from_slice(part.as_bytes());
            }
        }
    }
}

/// A sample's value, written without detours.
#[derive(Debug, Clone, Copy)]
enum Value {
    Unsigned(u64),
    Signed(i64),
    /// Seconds with up to six decimals.
    Seconds(Duration),
    /// Unix time in seconds with up to three decimals.
    Instant(Timestamp),
    Float(f64),
}

impl Value {
    fn of_bool(value: bool) -> Self {
        Self::Unsigned(value.into())
    }

    fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::Unsigned(value) => digits(out, value),
            Self::Signed(value) => signed(out, value),
            Self::Seconds(duration) => {
                digits(out, duration.as_secs());
                decimals::<6>(out, duration.subsec_micros());
            }
            Self::Instant(at) => {
                let ms = at.as_millis();
                if ms < 0 {
                    out.push(b'-');
                }
                digits(out, ms.unsigned_abs() / 1000);
                decimals::<3>(out, u32::try_from(ms.unsigned_abs() % 1000).unwrap_or_default());
            }
            // Writing to memory cannot fail. Rust writes infinities as `inf`, which both formats
            // read, and a NaN as `NaN`.
            Self::Float(1.0) => out.push(b'1'),
            Self::Float(value) => write!(out, "{value}").unwrap_or_default(),
        }
    }
}

fn signed(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    digits(out, value.unsigned_abs());
}

fn digits(out: &mut Vec<u8>, mut value: u64) {
    // Most values are 0 or 1.
    if value < 10 {
        out.push(digit(value));
        return;
    }
    let mut written = [0u8; 20];
    let mut count = 0;
    for slot in written.iter_mut().rev() {
        *slot = digit(value % 10);
        value /= 10;
        count += 1;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(written.get(written.len() - count..).unwrap_or_default());
}

/// `.` and the decimals of a fraction of `PLACES` digits, without trailing zeros; nothing for
/// zero. Dividing by a constant is what makes this quick.
fn decimals<const PLACES: usize>(out: &mut Vec<u8>, mut fraction: u32) {
    if fraction == 0 {
        return;
    }
    let mut written = [0u8; PLACES];
    for slot in written.iter_mut().rev() {
        *slot = digit((fraction % 10).into());
        fraction /= 10;
    }
    let zeros = written.iter().rev().take_while(|&&digit| digit == b'0').count();
    out.push(b'.');
    out.extend_from_slice(written.get(..PLACES - zeros).unwrap_or_default());
}

const fn digit(value: u64) -> u8 {
    b'0' + value.to_le_bytes()[0]
}
