//! What certificates say, and in plain words why a chain was refused.

use rustls::CertificateError;
use rustls::pki_types::CertificateDer;
use sha2::Digest;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::objects::{oid_registry, oid2abbrev};
use x509_parser::public_key::PublicKey;
use x509_parser::x509::X509Name;

use crate::model::observation::CertificateFacts;
use crate::model::time::Timestamp;
use crate::probe::detail::escaped;

/// Names kept per certificate.
const NAMES_MAX: usize = 100;

/// Longest name or distinguished name kept, in characters.
const NAME_LENGTH_MAX: usize = 253;

/// RSA keys below this are refused by the verifier, with a misleading "bad signature".
const RSA_BITS_MIN: usize = 2048;

/// id-ad-caIssuers
const CA_ISSUERS: &str = "1.3.6.1.5.5.7.48.2";

/// The facts of a chain as presented, leaf first. What cannot be parsed keeps its fingerprint.
pub(super) fn chain_facts(chain: &[CertificateDer<'_>]) -> Vec<CertificateFacts> {
    chain.iter().map(|der| facts(der)).collect()
}

fn facts(der: &CertificateDer<'_>) -> CertificateFacts {
    let fingerprint_sha256 = hex(&sha2::Sha256::digest(der));
    let Ok((_, certificate)) = x509_parser::parse_x509_certificate(der) else {
        return CertificateFacts {
            subject: "not a certificate".to_owned(),
            issuer: String::new(),
            serial: String::new(),
            fingerprint_sha256,
            names: Vec::new(),
            not_before: Timestamp::default(),
            not_after: Timestamp::default(),
        };
    };
    let validity = certificate.validity();
    CertificateFacts {
        subject: distinguished_name(certificate.subject()),
        issuer: distinguished_name(certificate.issuer()),
        serial: hex(certificate.raw_serial()),
        fingerprint_sha256,
        names: names(&certificate),
        not_before: seconds(validity.not_before.timestamp()),
        not_after: seconds(validity.not_after.timestamp()),
    }
}

fn seconds(since_epoch: i64) -> Timestamp {
    Timestamp::from_millis(since_epoch.saturating_mul(1000))
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or('?');
    bytes.iter().take(NAME_LENGTH_MAX).flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
}

/// DNS names and addresses of the subject alternative name.
fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return Vec::new() };
    extension
        .value
        .general_names
        .iter()
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(escaped(name, NAME_LENGTH_MAX)),
            GeneralName::IPAddress(bytes) => match **bytes {
                [a, b, c, d] => Some(std::net::Ipv4Addr::new(a, b, c, d).to_string()),
                _ => <[u8; 16]>::try_from(*bytes).ok().map(|bytes| std::net::Ipv6Addr::from(bytes).to_string()),
            },
            _ => None,
        })
        .take(NAMES_MAX)
        .collect()
}

/// RFC 4514: the most specific part first.
fn distinguished_name(name: &X509Name<'_>) -> String {
    let mut out = String::new();
    let parts: Vec<_> = name.iter_rdn().take(NAMES_MAX).collect();
    for relative in parts.iter().rev() {
        if !out.is_empty() {
            out.push(',');
        }
        for (position, attribute) in relative.iter().enumerate() {
            if position > 0 {
                out.push('+');
            }
            match oid2abbrev(attribute.attr_type(), oid_registry()) {
                Ok(short) => out.push_str(short),
                Err(_) => out.push_str(&attribute.attr_type().to_id_string()),
            }
            out.push('=');
            match attribute.as_str() {
                Ok(value) => push_escaped(&mut out, value),
                Err(_) => {
                    out.push('#');
                    out.push_str(&hex(attribute.as_slice()));
                }
            }
            if out.len() > 4 * NAME_LENGTH_MAX {
                return escaped(&out, NAME_LENGTH_MAX);
            }
        }
    }
    escaped(&out, NAME_LENGTH_MAX)
}

/// RFC 4514 section 2.4.
fn push_escaped(out: &mut String, value: &str) {
    for (position, c) in value.chars().take(NAME_LENGTH_MAX + 1).enumerate() {
        let special =
            matches!(c, '"' | '+' | ',' | ';' | '<' | '>' | '\\') || (position == 0 && matches!(c, ' ' | '#'));
        if special {
            out.push('\\');
        }
        out.push(c);
    }
}

/// Why the verifier refused a chain, in one sentence.
pub(super) fn refusal(error: &CertificateError, chain: &[CertificateDer<'_>]) -> String {
    let leaf = chain.first().map(facts);
    let leaf = leaf.as_ref();
    match error {
        CertificateError::BadEncoding => "a certificate is not encoded correctly".to_owned(),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            let ended = chain_facts(chain).iter().map(|certificate| certificate.not_after).min().unwrap_or_default();
            format!("the certificate expired at {ended}")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            let begins = chain_facts(chain).iter().map(|certificate| certificate.not_before).max().unwrap_or_default();
            format!("the certificate is not valid before {begins}")
        }
        CertificateError::Revoked => "the certificate was revoked".to_owned(),
        CertificateError::UnknownIssuer => unknown_issuer(chain),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            let names = leaf.map_or_else(String::new, |leaf| {
                leaf.names.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(", ")
            });
            let names = if names.is_empty() { "no name at all".to_owned() } else { names };
            format!("the certificate is for {names}, not for the name asked for")
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "the certificate is not meant for servers".to_owned()
        }
        CertificateError::BadSignature => weak_key(chain).unwrap_or_else(|| {
            "a signature does not match: the key is not the certificate's, or it was altered".to_owned()
        }),
        CertificateError::UnhandledCriticalExtension => {
            "the certificate has a critical extension that is not understood".to_owned()
        }
        CertificateError::Other(other) => {
            let words = other.to_string();
            if words.contains("CaUsedAsEndEntity") {
                if is_self_signed(leaf) {
                    "the certificate is self-signed".to_owned()
                } else {
                    "a certificate authority's own certificate is used for a server".to_owned()
                }
            } else {
                words
            }
        }
        other => weak_key(chain).unwrap_or_else(|| other.to_string()),
    }
}

fn is_self_signed(leaf: Option<&CertificateFacts>) -> bool {
    leaf.is_some_and(|leaf| leaf.subject == leaf.issuer)
}

/// An unknown issuer is one of three things, which only the chain tells apart.
fn unknown_issuer(chain: &[CertificateDer<'_>]) -> String {
    let facts = chain_facts(chain);
    if facts.len() == 1 && is_self_signed(facts.first()) {
        return "the certificate is self-signed".to_owned();
    }
    // Follow the chain up to the certificate whose issuer was not sent along.
    let mut top = 0;
    while let Some(next) = facts.get(top).and_then(|certificate| {
        facts.iter().position(|other| other.subject == certificate.issuer && certificate.subject != certificate.issuer)
    }) {
        if next <= top {
            break;
        }
        top = next;
    }
    let Some(last) = facts.get(top) else { return "the chain is empty".to_owned() };
    let names_issuer = chain.get(top).is_some_and(|der| has_issuer_url(der));
    if last.subject != last.issuer && names_issuer {
        format!("an intermediate certificate is missing: the server does not send {}", last.issuer)
    } else {
        format!("the chain ends at {}, which is not trusted", last.issuer)
    }
}

/// Whether a certificate says where its issuer's may be fetched (we never do).
fn has_issuer_url(der: &CertificateDer<'_>) -> bool {
    let Ok((_, certificate)) = x509_parser::parse_x509_certificate(der) else { return false };
    certificate.extensions().iter().any(|extension| match extension.parsed_extension() {
        ParsedExtension::AuthorityInfoAccess(access) => {
            access.accessdescs.iter().any(|description| description.access_method.to_id_string() == CA_ISSUERS)
        }
        _ => false,
    })
}

/// The leaf's RSA key, if it is too short for any verifier of today.
fn weak_key(chain: &[CertificateDer<'_>]) -> Option<String> {
    let (_, certificate) = x509_parser::parse_x509_certificate(chain.first()?).ok()?;
    match certificate.public_key().parsed().ok()? {
        PublicKey::RSA(key) if key.key_size() < RSA_BITS_MIN => {
            Some(format!("the certificate's RSA key has only {} bits", key.key_size()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::pki_types::pem::PemObject;

    /// A self-signed certificate with an RSA key of 1024 bits, made for this test. No library of
    /// today would play the server's half of a handshake with it.
    const WEAK: &str = "-----BEGIN CERTIFICATE-----\n\
        MIICBjCCAW+gAwIBAgIUP2/Nwn3pGFmfdTGKYmTsx6lHblwwDQYJKoZIhvcNAQEL\n\
        BQAwFDESMBAGA1UEAwwJd2Vhay50ZXN0MCAXDTI2MTEyMTIyMDg1MFoYDzIxMjYx\n\
        MDI4MjIwODUwWjAUMRIwEAYDVQQDDAl3ZWFrLnRlc3QwgZ8wDQYJKoZIhvcNAQEB\n\
        BQADgY0AMIGJAoGBAKa+266Nm8UzqEEPECQ+JS+6qDCXQ0IbovDD/5nXs9GbWqjr\n\
        k91afxEjfK5fzYY/l0fRH6k5hsFoVddpG/3EHEuGeepUmIYo2CEgeKdLa2V7ML21\n\
        MRgUzJOrPDvLTDTWqJSd0Gz+GNFfYm1qd/e9HAygRIPX8vpqCkgt+W2zmTvRAgMB\n\
        AAGjUzBRMB0GA1UdDgQWBBRdmpOHhwKwba10lfPTgf7fvZKOfDAfBgNVHSMEGDAW\n\
        gBRdmpOHhwKwba10lfPTgf7fvZKOfDAPBgNVHRMBAf8EBTADAQH/MA0GCSqGSIb3\n\
        DQEBCwUAA4GBAC0w1AfG1I2owBEBGB2DAaihoPzd+UQua0jQNAouxFe/7qQVTz8X\n\
        fM6Pg+AFtSwFMNXXZJfEIp36MCrSkYPg9KQX0XJmOYr7f0fC3hk1Q9lX/I/0L/Y8\n\
        ShqZXrOI6JsWPPNSfGnOEEdQ9/gsbVsSGERGlpjhv5HEk6zvGZDUm6+N\n\
        -----END CERTIFICATE-----\n";

    fn weak() -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(WEAK.as_bytes()).unwrap()
    }

    #[test]
    fn a_short_key_is_named_instead_of_the_bad_signature_it_causes() {
        let words = refusal(&CertificateError::BadSignature, &[weak()]);
        assert_eq!(words, "the certificate's RSA key has only 1024 bits");
        assert!(refusal(&CertificateError::BadSignature, &[]).contains("signature does not match"));
    }

    #[test]
    fn what_is_no_certificate_keeps_its_fingerprint() {
        let facts = chain_facts(&[CertificateDer::from(vec![1, 2, 3]), weak()]);
        assert_eq!(facts[0].subject, "not a certificate");
        assert_eq!(facts[0].fingerprint_sha256, "039058c6f2c0cb492c533b0a4d14ef77cc0f78abccced5287d84a1a2011cfb81");
        assert_eq!((facts[1].subject.as_str(), facts[1].issuer.as_str()), ("CN=weak.test", "CN=weak.test"));
    }
}
