//! What must hold of every request line and header, however hostile: asked by the fuzz target in
//! `tests/fuzz` for as long as one likes, and by a property test in every run.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::publish::documents::Encoding;
use crate::publish::{is_kept, known_query, route_label};
use crate::server::negotiate;
use crate::server::request::{self, Asked, PATH_MAX_BYTES};

/// Reads six lines as path, query, host, `Accept`, `Accept-Encoding` and `If-None-Match`.
///
/// # Panics
/// If something does not hold that must.
pub fn request(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let mut lines = text.split('\n');
    let mut line = || lines.next().unwrap_or_default();
    let (path, query, host, accept, accept_encoding, if_none_match) = (line(), line(), line(), line(), line(), line());
    let languages = ["de", "en", "nds"].map(Arc::from);
    for organisation in [None, Some("hattingen")] {
        match request::asked(path, Some(query), organisation, &languages, known_query) {
            Ok(Asked::Target(target)) => {
                assert!(target.path.starts_with('/'), "{target:?}");
                assert!(!target.path.contains("//") && !target.path.chars().any(char::is_control), "{target:?}");
                assert!(!target.path.split('/').any(|segment| matches!(segment, "." | "..")), "{target:?}");
                assert!(path.len() <= PATH_MAX_BYTES, "{target:?}");
                let known = known_query(&target.path);
                let names: Vec<&str> = target.query.iter().map(|(name, _)| name.as_str()).collect();
                assert!(names.iter().all(|name| known.contains(name)), "{target:?}");
                assert!(names.is_sorted() && names.iter().collect::<BTreeSet<_>>().len() == names.len(), "{target:?}");
                assert!(!target.query.iter().any(|(_, value)| value.chars().any(char::is_control)), "{target:?}");
                // Labels are words of a closed list, never what a client wrote.
                assert!(route_label(&target.path).bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
                let _: bool = is_kept(&target);
            }
            // Only ever to the same place.
            Ok(Asked::WithoutSlash(to)) => assert!(path.starts_with(to.split('?').next().unwrap_or_default()), "{to}"),
            Err(problem) => assert!(problem.status().is_client_error(), "{problem:?}"),
        }
    }
    if let Some(name) = request::host_name(host) {
        assert!(host.contains(name) && !name.is_empty() && !name.contains(['/', '@', ' ']), "{name}");
    }
    let _: bool = negotiate::wants_page(Some(accept), path);
    let _: bool = negotiate::wants_openmetrics(Some(accept));
    // What is not offered is never chosen.
    assert_eq!(negotiate::encoding(accept_encoding, |_| false), None);
    let chosen = negotiate::encoding(accept_encoding, |encoding| encoding == Encoding::Gzip);
    assert!(chosen.is_none_or(|chosen| chosen == Encoding::Gzip));
    // No tag but one that was given out says that nothing has changed.
    if negotiate::known(if_none_match, "0123456789abcdef01234567").is_some() {
        assert!(if_none_match.contains("0123456789abcdef01234567") || if_none_match.trim() == "*");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(input in proptest::collection::vec(any::<u8>(), 0..400)) {
            request(&input);
        }

        #[test]
        fn what_looks_like_a_request_is_read_or_refused(
            path in "(/|%2[fFeE]|\\.|\\.\\.|[a-z.-]{1,8}|%[0-9a-f]{2}|é|api/v1/|feed){0,8}",
            query in "(&|=|q|lang|from|%[0-9a-f]{2}|\\+|[a-z]{1,6}){0,10}",
            host in "\\[?[a-z0-9.:@/-]{0,20}\\]?",
            encodings in "(gzip|br|zstd|identity|\\*|;q=0?\\.?[0-9]{0,4}|, ?){0,8}",
            tag in "(W/)?\"?0123456789abcdef01234567(-br|-x)?\"?,? ?\\*?",
        ) {
            request(format!("/{path}\n{query}\n{host}\ntext/html\n{encodings}\n{tag}").as_bytes());
        }
    }
}
