//! From a request line and its headers to a host, a target or a refusal.
//!
//! Pure functions over hostile text: no IO, no answer's bytes.

use std::net::IpAddr;

use http::header::{HOST, HeaderName};
use http::{HeaderMap, Request, Version};
use ipnet::IpNet;

use crate::model::text::Language;
use crate::publish::Target;
use crate::server::error::Problem;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Longest path, percent signs included.
pub(super) const PATH_MAX_BYTES: usize = 1024;
/// Longest query.
pub(super) const QUERY_MAX_BYTES: usize = 1024;

/// What a path and a query ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    /// This.
    Target(Target),
    /// The same without a slash at its end.
    WithoutSlash(String),
}

/// The name of the host that is asked, without its port. `None` if an HTTP/1.0 client named none.
pub(super) fn host<B>(request: &Request<B>) -> Result<Option<&str>, Problem> {
    // The authority of an absolute target takes the place of `Host` (RFC 9112, 3.2.2).
    let authority = if let Some(authority) = request.uri().authority() {
        authority.as_str()
    } else {
        let mut fields = request.headers().get_all(HOST).iter();
        let Some(field) = fields.next() else {
            return if request.version() == Version::HTTP_11 { Err(Problem::BadHost) } else { Ok(None) };
        };
        if fields.next().is_some() {
            return Err(Problem::BadHost);
        }
        field.to_str().map_err(|_| Problem::BadHost)?
    };
    host_name(authority).map(Some).ok_or(Problem::BadHost)
}

/// `name[:port]` or `[address][:port]`, without the port and without a dot at the end.
pub(super) fn host_name(authority: &str) -> Option<&str> {
    let (name, rest) = if authority.starts_with('[') {
        authority.split_at_checked(authority.find(']')? + 1)?
    } else {
        authority.split_at_checked(authority.find(':').unwrap_or(authority.len()))?
    };
    let port_is_fine = rest.is_empty()
        || rest.strip_prefix(':').is_some_and(|port| port.len() <= 5 && port.bytes().all(|b| b.is_ascii_digit()));
    let name = name.strip_suffix('.').unwrap_or(name);
    let name_is_fine = !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'[' | b']' | b':'));
    (port_is_fine && name_is_fine).then_some(name)
}

/// Who asks: the peer or, through proxies of ours, the last address before them.
pub(super) fn client(peer: IpAddr, headers: &HeaderMap, proxies: &[IpNet]) -> IpAddr {
    if !is_among(peer, proxies) {
        return peer;
    }
    let mut client = peer;
    for element in elements(headers, FORWARDED_FOR).rev() {
        let Some(address) = element.and_then(|text| text.parse().ok()) else { break };
        client = address;
        if !is_among(address, proxies) {
            break;
        }
    }
    client
}

/// Whether an address lies in one of these networks.
pub(super) fn is_among(address: IpAddr, networks: &[IpNet]) -> bool {
    let address = address.to_canonical();
    networks.iter().any(|network| network.contains(&address))
}

/// The elements of a list, over all its fields; `None` for those of a field that is no text.
pub(super) fn elements(headers: &HeaderMap, name: HeaderName) -> impl DoubleEndedIterator<Item = Option<&str>> {
    headers.get_all(name).iter().flat_map(|field| {
        let text = field.to_str().ok();
        text.unwrap_or_default().split(',').map(move |element| text.map(|_| element.trim()))
    })
}

/// The target of a path and a query, on a site with these languages. On an organisation's own
/// host some paths are its own.
pub(super) fn asked(
    path: &str,
    query: Option<&str>,
    organisation: Option<&str>,
    languages: &[Language],
    known: impl Fn(&str) -> &'static [&'static str],
) -> Result<Asked, Problem> {
    if path.len() > PATH_MAX_BYTES || query.is_some_and(|query| query.len() > QUERY_MAX_BYTES) {
        return Err(Problem::TooLong);
    }
    let decoded = decoded_path(path)?;
    // The overview in another language is `/en/`, as the first one's is `/`.
    let is_overview = split_language(&decoded, languages).1 == "/";
    if let Some(shorter) = decoded.strip_suffix('/').filter(|shorter| !shorter.is_empty() && !is_overview) {
        if shorter == "/" {
            return Err(Problem::NotFound);
        }
        check_segments(shorter)?;
        // As it was written: what was escaped stays escaped.
        let mut to = path.strip_suffix('/').unwrap_or(path).to_owned();
        to.extend(query.into_iter().flat_map(|query| ["?", query]));
        return Ok(Asked::WithoutSlash(to));
    }
    if !is_overview {
        check_segments(&decoded)?;
    }
    let path = match organisation {
        Some(organisation) => own_path(decoded, organisation, languages),
        None => decoded,
    };
    let query = match query {
        Some(query) => known_parameters(query, known(&path))?,
        None => Vec::new(),
    };
    Ok(Asked::Target(Target { path, query }))
}

/// A path, decoded, that may have one spelling only.
pub(super) fn plain_path(path: &str) -> Result<String, Problem> {
    if path.len() > PATH_MAX_BYTES {
        return Err(Problem::TooLong);
    }
    let decoded = decoded_path(path)?;
    check_segments(&decoded)?;
    Ok(decoded)
}

/// No segment but that of the root is empty or made of dots.
fn check_segments(path: &str) -> Result<(), Problem> {
    let Some(rest) = path.strip_prefix('/') else { return Err(Problem::BadPath) };
    if !rest.is_empty() && rest.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
        return Err(Problem::NotFound);
    }
    Ok(())
}

fn decoded_path(path: &str) -> Result<String, Problem> {
    if !path.contains('%') && !path.contains('\\') && path.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(path.to_owned());
    }
    let decoded = percent_decoded(path, false).ok_or(Problem::BadPath)?;
    // A slash that was written as %2F would be another path for us than for a proxy before us.
    let slashes = |text: &str| text.bytes().filter(|b| *b == b'/').count();
    if slashes(&decoded) != slashes(path) || decoded.contains('\\') {
        return Err(Problem::NotFound);
    }
    Ok(decoded)
}

/// Decodes `%XX`, and `+` if it stands for a space. `None` if an escape is broken, or the result
/// is not UTF-8 or holds control characters.
fn percent_decoded(text: &str, plus_is_space: bool) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let high = char::from(bytes.next()?).to_digit(16)?;
                let low = char::from(bytes.next()?).to_digit(16)?;
                u8::try_from(high * 16 + low).ok()?
            }
            b'+' if plus_is_space => b' ',
            byte => byte,
        });
    }
    String::from_utf8(decoded).ok().filter(|text| !text.chars().any(char::is_control))
}

/// The known parameters, sorted; of repeated ones the first. Unknown ones are ignored, however
/// broken they are.
fn known_parameters(query: &str, known: &[&str]) -> Result<Vec<(String, String)>, Problem> {
    let mut parameters: Vec<(String, String)> = Vec::new();
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if known.contains(&name) && !parameters.iter().any(|(other, _)| other == name) {
            parameters.push((name.to_owned(), percent_decoded(value, true).ok_or(Problem::BadQuery)?));
        }
    }
    parameters.sort();
    Ok(parameters)
}

/// A language prefix (`/en`) and the rest, which begins with a slash. A language is one of those
/// that are known, or has a shape that no organisation's id may have.
pub(super) fn split_language<'a>(path: &'a str, languages: &[Language]) -> (&'a str, &'a str) {
    let Some(rest) = path.strip_prefix('/') else { return ("", path) };
    let (first, _) = rest.split_once('/').unwrap_or((rest, ""));
    let is_language = (first.len() == 2 && first.bytes().all(|b| b.is_ascii_lowercase()))
        || first.contains("-x-")
        || languages.iter().any(|language| **language == *first);
    if !is_language {
        return ("", path);
    }
    path.split_at_checked(first.len() + 1).unwrap_or(("", path))
}

/// On an organisation's own host its page, feeds, calendar and Statuspage routes lie at the root.
/// All other paths are the site's, on every host.
fn own_path(path: String, organisation: &str, languages: &[Language]) -> String {
    let (language, rest) = split_language(&path, languages);
    let name = rest.strip_prefix('/').unwrap_or(rest);
    match name {
        "" => format!("{language}/{organisation}"),
        _ if name == "calendar.ics"
            || name.starts_with("api/v2/")
            || (name.starts_with("feed") && name.contains('.') && !name.contains('/')) =>
        {
            format!("{language}/{organisation}/{name}")
        }
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn ask(path: &str, query: Option<&str>) -> Result<Asked, Problem> {
        asked(path, query, None, &["nds".into()], |_| &["lang", "q"])
    }

    fn target(path: &str, query: &[(&str, &str)]) -> Result<Asked, Problem> {
        let query = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Ok(Asked::Target(Target { path: path.to_owned(), query }))
    }

    #[test]
    fn the_client_is_the_last_address_that_is_no_proxy_of_ours() {
        const FOR: &str = "x-forwarded-for";
        let proxies = ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap());
        for (peer, fields, expected) in [
            ("192.0.2.1", &[(FOR, "198.51.100.1")][..], "192.0.2.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &[(FOR, "198.51.100.1")], "198.51.100.1"),
            ("10.0.0.1", &[(FOR, "203.0.113.9, 198.51.100.1")], "198.51.100.1"),
            ("10.0.0.1", &[(FOR, "203.0.113.9, 198.51.100.1 , 10.0.0.2")], "198.51.100.1"),
            ("10.0.0.1", &[(FOR, "198.51.100.1"), (FOR, "10.0.0.2")], "198.51.100.1"),
            ("10.0.0.1", &[(FOR, "2001:db8::1")], "2001:db8::1"),
            ("10.0.0.1", &[(FOR, "198.51.100.1, unknown")], "10.0.0.1"),
            ("10.0.0.1", &[(FOR, "198.51.100.1, unknown, 10.0.0.3")], "10.0.0.3"),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                headers.append(*name, HeaderValue::from_static(value));
            }
            let client = client(peer.parse().unwrap(), &headers, &proxies);
            assert_eq!(client.to_string(), expected, "{peer} {fields:?}");
        }
    }

    #[test]
    fn hosts_lose_their_port_and_nothing_else_passes() {
        for (authority, name) in [
            ("status.example.org", Some("status.example.org")),
            ("status.example.org:8080", Some("status.example.org")),
            ("status.example.org.", Some("status.example.org")),
            ("[::1]:8080", Some("[::1]")),
            ("[::1]", Some("[::1]")),
            ("127.0.0.1:1", Some("127.0.0.1")),
            ("", None),
            (":80", None),
            ("a b", None),
            ("user@host", None),
            ("host:80:80", None),
            ("host:port", None),
            ("[::1", None),
            ("host/path", None),
        ] {
            assert_eq!(host_name(authority), name, "{authority}");
        }
    }

    #[test]
    fn paths_have_one_spelling() {
        assert_eq!(ask("/", None), target("/", &[]));
        assert_eq!(ask("/%68attingen", None), target("/hattingen", &[]));
        assert_eq!(ask("/k%C3%B6ln", None), target("/köln", &[]));
        assert_eq!(ask("/en/", None), target("/en/", &[]));
        assert_eq!(ask("/nds/", None), target("/nds/", &[]));
        assert_eq!(ask("/hattingen/", None), Ok(Asked::WithoutSlash("/hattingen".to_owned())));
        assert_eq!(ask("/a%20b/", Some("x=1")), Ok(Asked::WithoutSlash("/a%20b?x=1".to_owned())));
    }

    #[test]
    fn path_tricks_are_refused() {
        for path in
            ["//", "//evil.example", "/a//b", "/a//", "/./a", "/../etc", "/a/..", "/%2e%2e/a", "/a%2Fb", "/a%5Cb"]
        {
            assert_eq!(ask(path, None), Err(Problem::NotFound), "{path}");
        }
        for path in ["", "*", "a", "/%00", "/%0a", "/%ff", "/%", "/%4", "/%zz"] {
            assert_eq!(ask(path, None), Err(Problem::BadPath), "{path}");
        }
        assert_eq!(ask(&format!("/{}", "a".repeat(1024)), None), Err(Problem::TooLong));
        assert_eq!(ask("/", Some(&"a".repeat(1025))), Err(Problem::TooLong));
    }

    #[test]
    fn unknown_parameters_are_dropped_and_known_ones_sorted() {
        assert_eq!(ask("/", Some("utm=1&q=M%C3%BCll+ab&lang=en&lang=de&%zz=%zz")), {
            target("/", &[("lang", "en"), ("q", "Müll ab")])
        });
        assert_eq!(ask("/", Some("q=%00")), Err(Problem::BadQuery));
        assert_eq!(ask("/", Some("q")), target("/", &[("q", "")]));
    }

    #[test]
    fn an_own_host_has_its_own_root() {
        for (path, to) in [
            ("/", "/hattingen"),
            ("/en/", "/en/hattingen"),
            ("/en", "/en/hattingen"),
            ("/feed.atom", "/hattingen/feed.atom"),
            ("/en/feed.json", "/en/hattingen/feed.json"),
            ("/feed-incidents.atom", "/hattingen/feed-incidents.atom"),
            ("/calendar.ics", "/hattingen/calendar.ics"),
            ("/api/v2/status.json", "/hattingen/api/v2/status.json"),
            ("/nds/", "/nds/hattingen"),
            ("/nds/feed.atom", "/nds/hattingen/feed.atom"),
            ("/fry/feed.atom", "/fry/feed.atom"),
            ("/api/v1/summary", "/api/v1/summary"),
            ("/feedback", "/feedback"),
            ("/hattingen", "/hattingen"),
            ("/incidents/x", "/incidents/x"),
        ] {
            assert_eq!(own_path(path.to_owned(), "hattingen", &["nds".into()]), to, "{path}");
        }
    }
}
