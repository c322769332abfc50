//! What a client accepts and what it already has: `Accept-Encoding`, `If-None-Match`, `Accept`.
//!
//! Pure functions over header values.

use crate::publish::documents::Encoding;

/// The encoding to use, `None` for the bytes as they are: what the client likes best, and of
/// equals what we like best.
pub(super) fn encoding(accept_encoding: &str, offered: impl Fn(Encoding) -> bool) -> Option<Encoding> {
    let (mut best, mut best_quality) = (None, 0);
    let star = quality_of(accept_encoding, "*").unwrap_or(0);
    for encoding in Encoding::ALL {
        let quality = quality_of(accept_encoding, encoding.token()).unwrap_or(star);
        if quality > best_quality && offered(encoding) {
            (best, best_quality) = (Some(encoding), quality);
        }
    }
    let identity = quality_of(accept_encoding, "identity").unwrap_or(0);
    best.filter(|_| best_quality >= identity)
}

/// The quality of an element of a list, in thousandths; `None` if it is not in the list.
fn quality_of(list: &str, wanted: &str) -> Option<u16> {
    list.split(',').find_map(|element| {
        let mut parts = element.split(';');
        let name = parts.next()?.trim();
        if !name.eq_ignore_ascii_case(wanted) {
            return None;
        }
        let quality = parts.find_map(|part| part.trim().strip_prefix("q=").or_else(|| part.trim().strip_prefix("Q=")));
        Some(quality.map_or(1000, thousandths))
    })
}

/// `0.5` → 500; nonsense counts as 0.
fn thousandths(quality: &str) -> u16 {
    let (whole, fraction) = quality.split_once('.').unwrap_or((quality, ""));
    if whole == "1" {
        return 1000;
    }
    let digits = fraction.bytes().chain(std::iter::repeat(b'0')).take(3);
    digits.fold(0, |sum, digit| if digit.is_ascii_digit() { sum * 10 + u16::from(digit - b'0') } else { sum * 10 })
}

/// How a client's `If-None-Match` names what we have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// `*`: whatever it is.
    Any,
    /// The bytes as they are.
    Identity,
    /// This variant of them.
    Variant(Encoding),
}

/// Whether a client already has the document with this digest, by weak comparison. A variant
/// counts whichever this request would get: the bytes in it are the same.
pub(super) fn known(if_none_match: &str, digest: &str) -> Option<Known> {
    if if_none_match.trim() == "*" {
        return Some(Known::Any);
    }
    if_none_match.split(',').find_map(|tag| {
        let tag = tag.trim();
        let opaque = tag.strip_prefix("W/").unwrap_or(tag).strip_prefix('"')?.strip_suffix('"')?;
        let suffix = opaque.strip_prefix(digest)?;
        if suffix.is_empty() {
            return Some(Known::Identity);
        }
        let token = suffix.strip_prefix('-')?;
        Encoding::ALL.into_iter().find(|encoding| encoding.token() == token).map(Known::Variant)
    })
}

/// Whether a reader wants a page, not JSON, when something goes wrong.
pub(super) fn wants_page(accept: Option<&str>, path: &str) -> bool {
    let is_for_programs = path.starts_with("/api/")
        || path.split_once("/api/").is_some()
        || [".json", ".atom", ".rss", ".ics", ".svg", ".txt", ".js"].iter().any(|ending| path.ends_with(ending));
    !is_for_programs && accept.is_some_and(|accept| accept.contains("text/html"))
}

/// Whether a scraper prefers OpenMetrics.
pub(super) fn wants_openmetrics(accept: Option<&str>) -> bool {
    accept.is_some_and(|accept| {
        quality_of(accept, "application/openmetrics-text")
            .is_some_and(|quality| quality > 0 && quality >= quality_of(accept, "text/plain").unwrap_or(0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_common_encoding_wins() {
        for (header, expected) in [
            ("", None),
            ("gzip", Some(Encoding::Gzip)),
            ("GZIP", Some(Encoding::Gzip)),
            ("gzip, deflate, br, zstd", Some(Encoding::Brotli)),
            ("gzip, zstd", Some(Encoding::Zstd)),
            ("br;q=0.2, gzip;q=0.9", Some(Encoding::Gzip)),
            ("br;q=0, gzip", Some(Encoding::Gzip)),
            ("*", Some(Encoding::Brotli)),
            ("*;q=0.1, br;q=0", Some(Encoding::Zstd)),
            ("identity", None),
            ("identity;q=1, gzip;q=0.5", None),
            ("gzip;q=abc", None),
            ("deflate", None),
            ("gzip ; q=0.001", Some(Encoding::Gzip)),
        ] {
            assert_eq!(encoding(header, |_| true), expected, "{header}");
        }
        assert_eq!(encoding("br, gzip", |e| e != Encoding::Brotli), Some(Encoding::Gzip));
    }

    #[test]
    fn known_documents_are_recognised() {
        for (header, expected) in [
            ("*", Some(Known::Any)),
            ("\"abc\"", Some(Known::Identity)),
            ("W/\"abc\"", Some(Known::Identity)),
            ("\"abc-br\"", Some(Known::Variant(Encoding::Brotli))),
            ("\"x\", W/\"abc-gzip\"", Some(Known::Variant(Encoding::Gzip))),
            ("\"abcd\"", None),
            ("\"abc-lzma\"", None),
            ("abc", None),
            ("\"abc", None),
            ("", None),
        ] {
            assert_eq!(known(header, "abc"), expected, "{header}");
        }
    }

    #[test]
    fn pages_are_for_people() {
        assert!(wants_page(Some("text/html,*/*;q=0.8"), "/hattingen"));
        for path in ["/api/v1/summary", "/en/api/v1/summary", "/feed.atom", "/hattingen/badge.svg"] {
            assert!(!wants_page(Some("text/html"), path), "{path}");
        }
        assert!(!wants_page(Some("*/*"), "/"));
        assert!(!wants_page(None, "/"));
    }

    #[test]
    fn scrapers_choose_their_format() {
        let prometheus = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        assert!(wants_openmetrics(Some(prometheus)));
        assert!(!wants_openmetrics(Some("text/plain")));
        assert!(!wants_openmetrics(Some("application/openmetrics-text;q=0.1, text/plain;q=0.9")));
        assert!(!wants_openmetrics(None));
    }
}
