//! The numbers of an observation, with the meanings that `blackbox_exporter` gave them.

use std::net::IpAddr;

use crate::model::measurements::Reading;
use crate::model::observation::{Observation, Travelled};
use crate::model::verdict::{Reason, Verdict};
use crate::probe::Facts;

/// The reading of an observation. `success` is absent where our own side failed.
pub fn reading(observation: &Observation) -> Reading {
    let reason = observation.fault().map(|fault| fault.reason);
    let success = match reason {
        Some(Reason::ProbeFault) => None,
        Some(Reason::Blocked) => Some(false),
        Some(other) => Some(other.verdict() != Verdict::Down),
        None => Some(true),
    };
    let http = observation.http.as_ref();
    let dns = observation.dns.as_ref();
    let answered = http.is_some() || dns.is_some();
    Reading {
        success,
        reason,
        ended_at: observation.ended_at,
        duration: observation.duration,
        phases: observation.phases,
        ipv6: observation.address.map(|address| address.is_ipv6()),
        address_hash: observation.address.map(|address| address_hash(address.ip())),
        http_status: http.map(|http| http.status),
        http_version: http.map(|http| http.version.as_f64()),
        redirects: http.map(|http| http.redirects),
        http_ssl: http.map(|http| http.final_url.starts_with("https:")),
        content_length: http.map(|http| http.content_length.and_then(|bytes| i64::try_from(bytes).ok()).unwrap_or(-1)),
        body_bytes: http.map(|http| http.body_bytes),
        last_modified: http.and_then(|http| http.last_modified),
        failed_content: (answered || reason == Some(Reason::Content)).then_some(reason == Some(Reason::Content)),
        tls: observation.tls.clone(),
        dns_records: dns.map(|dns| (dns.answers, dns.authorities, dns.additionals)),
        dns_serial: dns.and_then(|dns| dns.serial),
    }
}

/// The paths that a probe used.
pub const fn travelled(facts: &Facts) -> Travelled {
    facts.travelled
}

/// FNV-1a, 32 bits, over the bytes of the address.
pub fn address_hash(address: IpAddr) -> u32 {
    let fold = |hash: u32, byte: &u8| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.octets().iter().fold(0x811c_9dc5, fold),
        IpAddr::V6(v6) => v6.octets().iter().fold(0x811c_9dc5, fold),
    }
}

/// FNV-1a, 64 bits, over a host's name in lower case.
pub(super) fn host_hash(host: &str) -> u64 {
    host.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_hash_is_fnv_1a_over_its_bytes() {
        // Values of Go's hash/fnv New32a over the same bytes.
        assert_eq!(address_hash("127.0.0.1".parse().unwrap()), {
            let mut hash: u32 = 2_166_136_261;
            for byte in [127u32, 0, 0, 1] {
                hash = (hash ^ byte).wrapping_mul(16_777_619);
            }
            hash
        });
        assert_eq!(address_hash("::ffff:127.0.0.1".parse().unwrap()), address_hash("127.0.0.1".parse().unwrap()));
    }
}
