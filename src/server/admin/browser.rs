//! What the head of a browser's request says: from which page it came, and which cookies it has.
//!
//! Pure functions over hostile text, as in `entrance`.

use http::header::{CONTENT_ENCODING, CONTENT_TYPE, COOKIE, ORIGIN};
use http::{HeaderMap, HeaderName};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The cookie of a session. Browsers keep one of this name only if it came over https, or from the
/// machine itself, for this host alone: no neighbour of ours can put one there.
pub(super) const SESSION: &str = "__Host-turmwacht";
/// The cookie that the form for signing in belongs to.
pub(super) const SIGN_IN: &str = "__Host-turmwacht-sign-in";

/// The cookie of a sign-in that is under way at the provider. Lax, because the browser comes back from
/// another site; it opens nothing by itself.
pub(super) const PENDING: &str = "__Host-turmwacht-oidc";

/// The value of a cookie, if there is exactly one of this name.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|field| field.to_str().ok())
        .flat_map(|field| field.split(';'))
        .filter_map(|pair| pair.trim_matches(' ').split_once('='))
        .filter(|(given, _)| *given == name)
        .map(|(_, value)| value);
    let value = values.next()?;
    values.next().is_none().then_some(value)
}

/// `Set-Cookie` for a cookie that ends with the browser and is never sent along from other sites.
pub(super) fn set(name: &str, value: &str) -> String {
    format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Strict")
}

/// `Set-Cookie` for a cookie that is sent along with links from other sites, for so many seconds.
pub(super) fn set_lax(name: &str, value: &str, seconds: u32) -> String {
    format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={seconds}")
}

/// `Set-Cookie` that removes a cookie.
pub(super) fn removed(name: &str) -> String {
    format!("{name}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0")
}

/// Whether a form was sent by a page of ours: the browser says so in one of two ways, and in neither
/// that it was not. `authority` is the host that is asked, `public` what every link begins with.
pub(super) fn is_from_here(headers: &HeaderMap, authority: Option<&str>, public: &str) -> bool {
    let mut sites = headers.get_all(SEC_FETCH_SITE).iter().peekable();
    let mut origins = headers.get_all(ORIGIN).iter().peekable();
    if sites.peek().is_none() && origins.peek().is_none() {
        return false;
    }
    let may_be_plain = !headers.contains_key(FORWARDED_PROTO);
    let is_ours = |origin: &str| {
        let Some((scheme, of)) = origin.split_once("://") else { return false };
        let is_well = scheme == "https" || (scheme == "http" && may_be_plain);
        let is_here = authority.is_some_and(|here| here.eq_ignore_ascii_case(of));
        (is_well && is_here) || origin.eq_ignore_ascii_case(public.trim_end_matches('/'))
    };
    sites.all(|site| site.as_bytes() == b"same-origin") && origins.all(|origin| origin.to_str().is_ok_and(is_ours))
}

/// Whether a browser followed a link on another site, or was sent on from there: it then shows
/// none of our cookies.
pub(super) fn comes_from_elsewhere(headers: &HeaderMap) -> bool {
    headers.get_all(SEC_FETCH_SITE).iter().any(|site| site.as_bytes() == b"cross-site")
}

/// Whether a browser asks for this to show it, as far as it says for what: pictures and frames of other
/// sites ask, too.
pub(super) fn is_shown(headers: &HeaderMap) -> bool {
    headers.get_all(SEC_FETCH_DEST).iter().all(|dest| dest.as_bytes() == b"document")
}

/// Whether a body is a form as browsers send it.
pub(super) fn is_form(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(content_type), None) = (types.next(), types.next()) else { return false };
    let Ok(text) = content_type.to_str() else { return false };
    let essence = text.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") && !headers.contains_key(CONTENT_ENCODING)
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

    #[test]
    fn a_cookie_counts_if_it_is_the_only_one_of_its_name() {
        for (fields, expected) in [
            (&[("cookie", "__Host-turmwacht=a")][..], Some("a")),
            (&[("cookie", "x=1; __Host-turmwacht=a; y=2")], Some("a")),
            (&[("cookie", "x=1"), ("cookie", "__Host-turmwacht=a")], Some("a")),
            (&[("cookie", "__Host-turmwacht=a=b")], Some("a=b")),
            (&[("cookie", "__Host-turmwacht=")], Some("")),
            (&[("cookie", "__Host-turmwacht=a; __Host-turmwacht=b")], None),
            (&[("cookie", "__Host-turmwacht=a; __Host-turmwacht=a")], None),
            (&[("cookie", "__Host-turmwacht=a"), ("cookie", "__Host-turmwacht=b")], None),
            (&[("cookie", "__host-turmwacht=a")], None),
            (&[("cookie", "turmwacht=a; x__Host-turmwacht=b; __Host-turmwacht")], None),
            (&[], None),
        ] {
            assert_eq!(cookie(&headers(fields), SESSION), expected, "{fields:?}");
        }
        let mut hostile = HeaderMap::new();
        hostile.append(COOKIE, HeaderValue::from_bytes(b"__Host-turmwacht=\xff").unwrap());
        assert_eq!(cookie(&hostile, SESSION), None);
    }

    #[test]
    fn a_form_comes_from_here_if_the_browser_says_so_and_nothing_speaks_against_it() {
        const HERE: &str = "status.example.org:8443";
        for (fields, expected) in [
            (&[][..], false),
            (&[("origin", "https://status.example.org:8443")], true),
            (&[("origin", "https://STATUS.example.org:8443")], true),
            (&[("origin", "http://status.example.org:8443")], true),
            (&[("origin", "http://status.example.org:8443"), ("x-forwarded-proto", "https")], false),
            (&[("origin", "https://status.example.org")], false),
            (&[("origin", "https://public.example")], true),
            (&[("origin", "https://public.example.evil")], false),
            (&[("origin", "https://status.example.org:8443.evil.example")], false),
            (&[("origin", "https://evil.example")], false),
            (&[("origin", "ftp://status.example.org:8443")], false),
            (&[("origin", "null")], false),
            (&[("origin", "")], false),
            (&[("sec-fetch-site", "same-origin")], true),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("sec-fetch-site", "none")], false),
            (&[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")], false),
            (&[("sec-fetch-site", "same-origin"), ("origin", "https://evil.example")], false),
            (&[("sec-fetch-site", "cross-site"), ("origin", "https://status.example.org:8443")], false),
            (&[("origin", "https://status.example.org:8443"), ("origin", "https://evil.example")], false),
        ] {
            let is_from_here = is_from_here(&headers(fields), Some(HERE), "https://public.example/");
            assert_eq!(is_from_here, expected, "{fields:?}");
        }
        assert!(!is_from_here(&headers(&[("origin", "https://status.example.org")]), None, "https://public.example"));
    }

    #[test]
    fn only_one_kind_of_form_is_read() {
        const FORM: &str = "application/x-www-form-urlencoded";
        assert!(is_form(&headers(&[("content-type", FORM)])));
        assert!(is_form(&headers(&[("content-type", "Application/X-WWW-Form-Urlencoded; charset=utf-8")])));
        for fields in [
            &[][..],
            &[("content-type", "multipart/form-data; boundary=x")],
            &[("content-type", "text/plain")],
            &[("content-type", "application/json")],
            &[("content-type", FORM), ("content-type", FORM)],
            &[("content-type", FORM), ("content-encoding", "gzip")],
        ] {
            assert!(!is_form(&headers(fields)), "{fields:?}");
        }
    }
}
