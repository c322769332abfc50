//! What the head of an editor's request says: over what it came, from whom, what it asks for.
//!
//! Pure functions over hostile text, as in `request`. Who the editor is, is not found out here.

use std::net::IpAddr;

use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, IF_MATCH, ORIGIN};
use http::{HeaderMap, Method};
use ipnet::IpNet;

use crate::editing;
use crate::server::admin::AUDIT;
use crate::server::admin::refusal::Refusal;
use crate::server::error::Problem;
use crate::server::request;

const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Longest text that is looked up as a token; ours are shorter.
const BEARER_BYTES_MAX: usize = 256;
/// Longest `Idempotency-Key`.
const KEY_BYTES_MAX: usize = 255;
/// Longest `If-Match`.
const IF_MATCH_BYTES_MAX: usize = 1024;
/// Most entries of the audit log in an answer, and how many if nobody says.
const AUDIT_ENTRIES_MAX: u32 = 500;
const AUDIT_ENTRIES: u32 = 100;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// The method; GET for HEAD, whose answer is the same without its body.
    pub(super) method: &'static str,
    /// The path below the prefix.
    pub(super) path: String,
    /// Whether only to show what would come of it.
    pub(super) dry_run: bool,
    /// A page of the audit log.
    pub(super) audit: Option<AuditPage>,
}

/// A page of the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AuditPage {
    /// Entries with numbers below this one; the newest, if absent.
    pub(super) before: Option<i64>,
    /// At most so many.
    pub(super) limit: u32,
}

/// Header fields that a request depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) if_match: Option<String>,
    pub(super) idempotency_key: Option<String>,
}

/// The path below the prefix, decoded, with no segment empty or made of dots.
pub(super) fn path(path: &str, prefix: &str) -> Result<String, Refusal> {
    let decoded = request::plain_path(path).map_err(Refusal::Problem)?;
    Ok(decoded.strip_prefix(prefix).unwrap_or_default().to_owned())
}

/// Whether the token came here unread by others: from this machine, or through a proxy of ours
/// that got it over https. Anybody may say that it was not.
pub(super) fn is_encrypted(peer: IpAddr, headers: &HeaderMap, proxies: &[IpNet]) -> bool {
    let is_local = peer.to_canonical().is_loopback();
    let mut said = request::elements(headers, FORWARDED_PROTO).peekable();
    if said.peek().is_none() {
        return is_local;
    }
    // Every hop, or the token was in the clear somewhere.
    (is_local || request::is_among(peer, proxies))
        && said.all(|scheme| scheme.is_some_and(|s| s.eq_ignore_ascii_case("https")))
}

/// Whether a browser sends this for a page: none of ours does.
pub(super) fn is_from_a_page(headers: &HeaderMap) -> bool {
    // `none` is what somebody typed into the address bar.
    headers.contains_key(ORIGIN) || headers.get_all(SEC_FETCH_SITE).iter().any(|site| site.as_bytes() != b"none")
}

/// The one text that may be a token.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = one(headers, &AUTHORIZATION)??.split_once(' ')?;
    let token = token.trim_matches(' ');
    (scheme.eq_ignore_ascii_case("bearer") && is_token(token)).then_some(token)
}

/// Whether a text may be a token.
pub(super) fn is_token(text: &str) -> bool {
    (1..=BEARER_BYTES_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The public part of a token, if the text looks like one: which token somebody still uses.
pub(super) fn claimed(token: &str) -> Option<&str> {
    let (id, _) = token.strip_prefix("tw_")?.split_once('_')?;
    (id.len() == 8 && id.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7'))).then_some(id)
}

/// Whether a text may be an `Idempotency-Key`.
pub(super) fn is_key(text: &str) -> bool {
    (1..=KEY_BYTES_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A field's text: `None` if it stands there twice or is no text, `Some(None)` if it is absent.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Option<&'a str>> {
    let mut fields = headers.get_all(name).iter();
    match (fields.next(), fields.next()) {
        (None, _) => Some(None),
        (Some(field), None) => field.to_str().ok().map(Some),
        (Some(_), Some(_)) => None,
    }
}

impl Target {
    /// What a method, a path below the prefix and a query ask for.
    pub(super) fn read(method: &Method, path: String, query: Option<&str>) -> Result<Self, Refusal> {
        let allowed = editing::allowed(&path);
        let asked = if method == Method::HEAD { "GET" } else { method.as_str() };
        let method = match allowed.iter().find(|known| **known == asked) {
            Some(method) => *method,
            None if allowed.is_empty() => return Err(Refusal::NoSuchPath),
            None => return Err(Refusal::Method(allowed)),
        };
        if query.is_some_and(|query| query.len() > request::QUERY_MAX_BYTES) {
            return Err(Refusal::Problem(Problem::TooLong));
        }
        let mut parameters = Parameters::of(query)?;
        let audit = if path == AUDIT {
            let before = parameters.take("before")?.map(|text| number(text, 1..=i64::MAX)).transpose();
            let limit =
                parameters.take("limit")?.map(|text| number(text, 1..=i64::from(AUDIT_ENTRIES_MAX))).transpose();
            let refused = |()| Refusal::Parameter("`before` is the number of an entry, `limit` one from 1 to 500");
            let limit = limit.map_err(refused)?.and_then(|limit| u32::try_from(limit).ok());
            Some(AuditPage { before: before.map_err(refused)?, limit: limit.unwrap_or(AUDIT_ENTRIES) })
        } else {
            None
        };
        let dry_run = match parameters.take("dry_run")? {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err(Refusal::Parameter("`dry_run` is true or false")),
        };
        parameters.finish()?;
        Ok(Self { method, path, dry_run, audit })
    }
}

/// The parameters of a query. Here one that is unknown is a fault: a misspelt `dry_run` must not
/// publish anything.
struct Parameters<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Parameters<'a> {
    fn of(query: Option<&'a str>) -> Result<Self, Refusal> {
        let pairs = query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        Ok(Self(pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).collect()))
    }

    fn take(&mut self, name: &str) -> Result<Option<&'a str>, Refusal> {
        let taken: Vec<_> = self.0.extract_if(.., |(given, _)| *given == name).collect();
        match taken.as_slice() {
            [] => Ok(None),
            [(_, value)] => Ok(Some(value)),
            _ => Err(Refusal::Parameter("a parameter stands there twice")),
        }
    }

    fn finish(self) -> Result<(), Refusal> {
        if self.0.is_empty() {
            return Ok(());
        }
        Err(Refusal::Parameter("only `dry_run` is known here, and `before` and `limit` for the audit log"))
    }
}

fn number(text: &str, within: std::ops::RangeInclusive<i64>) -> Result<i64, ()> {
    text.parse().ok().filter(|number| within.contains(number)).ok_or(())
}

impl Fields {
    /// The fields that a request for this target may have.
    pub(super) fn read(headers: &HeaderMap, target: &Target) -> Result<Self, Refusal> {
        let if_match = one(headers, &IF_MATCH)
            .filter(|tag| tag.is_none_or(|tag| tag.len() <= IF_MATCH_BYTES_MAX))
            .ok_or(Refusal::Field("`If-Match` is one field of at most 1024 bytes of ASCII"))?;
        let key = one(headers, &IDEMPOTENCY_KEY)
            .filter(|key| key.is_none_or(is_key))
            .ok_or(Refusal::Field("`Idempotency-Key` is one field of 1 to 255 visible ASCII characters"))?;
        Ok(Self {
            if_match: if_match.map(str::to_owned),
            // Reading twice is reading.
            idempotency_key: key.filter(|_| target.method != "GET").map(str::to_owned),
        })
    }
}

/// Whether a body is what we read: JSON in UTF-8, as it is.
pub(super) fn check_content(headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(Some(field)) = one(headers, &CONTENT_TYPE) else { return Err(Refusal::ContentType) };
    let mut parts = field.split(';').map(str::trim);
    let is_json = parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"));
    let is_utf8 = parts.filter_map(|parameter| parameter.split_once('=')).all(|(name, value)| {
        !name.trim().eq_ignore_ascii_case("charset") || value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
    });
    let is_plain = headers.get_all(CONTENT_ENCODING).iter().all(|encoding| encoding.as_bytes() == b"identity");
    if is_json && is_utf8 && is_plain { Ok(()) } else { Err(Refusal::ContentType) }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn proxies() -> Vec<IpNet> {
        ["10.0.0.0/8", "127.0.0.1/32", "fd00::/8"].iter().map(|net| net.parse().unwrap()).collect()
    }

    #[test]
    fn a_token_travels_encrypted_or_not_at_all() {
        const PROTO: &str = "x-forwarded-proto";
        for (peer, fields, expected) in [
            ("127.0.0.1", &[][..], true),
            ("::1", &[], true),
            ("::ffff:127.0.0.1", &[], true),
            ("127.0.0.1", &[(PROTO, "https")], true),
            ("127.0.0.2", &[(PROTO, "http")], false),
            ("127.0.0.1", &[(PROTO, "http")], false),
            ("10.0.0.1", &[(PROTO, "https")], true),
            ("10.0.0.1", &[(PROTO, "HTTPS, https")], true),
            ("::ffff:10.0.0.1", &[(PROTO, "https")], true),
            ("fd00::1", &[(PROTO, "https")], true),
            ("10.0.0.1", &[], false),
            ("10.0.0.1", &[(PROTO, "")], false),
            ("10.0.0.1", &[(PROTO, "http")], false),
            ("10.0.0.1", &[(PROTO, "https, http")], false),
            ("10.0.0.1", &[(PROTO, "http"), (PROTO, "https")], false),
            ("10.0.0.1", &[("x-forwarded-for", "127.0.0.1")], false),
            ("192.0.2.1", &[(PROTO, "https")], false),
            ("2001:db8::1", &[(PROTO, "https")], false),
        ] {
            assert_eq!(is_encrypted(address(peer), &headers(fields), &proxies()), expected, "{peer} {fields:?}");
        }
    }

    #[test]
    fn a_bearer_is_one_field_with_one_token() {
        for (value, expected) in [
            ("Bearer tw_a_b", Some("tw_a_b")),
            ("bearer  tw_a_b ", Some("tw_a_b")),
            ("Bearer", None),
            ("Bearer ", None),
            ("Bearer a b", None),
            ("Basic dXNlcjpwYXNz", None),
            ("tw_a_b", None),
        ] {
            assert_eq!(bearer(&headers(&[("authorization", value)])), expected, "{value}");
        }
        assert_eq!(bearer(&headers(&[])), None);
        assert_eq!(bearer(&headers(&[("authorization", "Bearer a"), ("authorization", "Bearer a")])), None);
        let mut long = HeaderMap::new();
        long.insert(AUTHORIZATION, format!("Bearer {}", "a".repeat(257)).parse().unwrap());
        assert_eq!(bearer(&long), None);
        long.insert(AUTHORIZATION, HeaderValue::from_bytes(b"Bearer \xff").unwrap());
        assert_eq!(bearer(&long), None);
    }

    #[test]
    fn of_a_wrong_token_only_its_public_part_is_recorded() {
        assert_eq!(claimed("tw_abcdefg2_secret"), Some("abcdefg2"));
        for text in ["", "password", "tw_short_secret", "tw_ABCDEFG2_secret", "tw_abcdefg2", "xx_abcdefg2_secret"] {
            assert_eq!(claimed(text), None, "{text}");
        }
    }

    #[test]
    fn a_body_is_json_in_utf_8() {
        for (value, expected) in [
            ("application/json", true),
            ("Application/JSON; charset=UTF-8", true),
            ("application/json;charset=\"utf-8\"", true),
            ("application/json; charset=iso-8859-1", false),
            ("application/jsonp", false),
            ("text/plain", false),
            ("multipart/form-data; boundary=application/json", false),
            ("", false),
        ] {
            assert_eq!(check_content(&headers(&[("content-type", value)])).is_ok(), expected, "{value}");
        }
        assert!(check_content(&headers(&[])).is_err());
        let gzip = [("content-type", "application/json"), ("content-encoding", "gzip")];
        assert!(check_content(&headers(&gzip)).is_err());
    }

    #[test]
    fn queries_say_what_they_mean() {
        let read = |path: &str, query: &str| Target::read(&Method::GET, path.to_owned(), Some(query));
        for (query, dry_run) in [("", false), ("&", false), ("dry_run=true", true), ("dry_run=false", false)] {
            let target = Target::read(&Method::POST, "/incidents".to_owned(), Some(query)).unwrap();
            assert_eq!((target.dry_run, target.audit), (dry_run, None), "{query}");
        }
        for query in ["dry_run", "dry_run=1", "dryrun=true", "dry%5Frun=true", "dry_run=false&dry_run=true", "limit=3"]
        {
            assert!(matches!(read("/incidents", query), Err(Refusal::Parameter(_))), "{query}");
        }
        let page = |query: &str| read("/audit", query).map(|target| target.audit.unwrap());
        assert_eq!(page(""), Ok(AuditPage { before: None, limit: 100 }));
        assert_eq!(page("limit=500&before=7"), Ok(AuditPage { before: Some(7), limit: 500 }));
        for query in
            ["limit=0", "limit=501", "limit=-1", "limit=x", "before=0", "before=", "before=9223372036854775808"]
        {
            assert!(matches!(page(query), Err(Refusal::Parameter(_))), "{query}");
        }
    }
}
