//! Links in pages: how they are written and what a person reads of them.
//!
//! What is shown is cut from the characters as they are already escaped, so that no way leads
//! around the escaper. Cuts fall on `:`, `/` and `?`, which no character reference contains.

use maud::{Markup, PreEscaped, Render, html};

use crate::model::alternative::Link;
use crate::publish::html::phone;

/// What a link leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leads {
    /// To a telephone.
    Phone,
    /// To a mailbox.
    Mail,
    /// To a page.
    Page,
}

/// What a link leads to.
pub(super) fn leads(link: &Link) -> Leads {
    let escaped = link.render().into_string();
    match escaped.split_once(':') {
        Some(("tel", _)) => Leads::Phone,
        Some(("mailto", _)) => Leads::Mail,
        _ => Leads::Page,
    }
}

/// The number, the address or the host of a link, for reading.
pub(super) fn readable(link: &Link) -> Markup {
    let escaped = link.render().into_string();
    let (scheme, rest) = escaped.split_once(':').unwrap_or(("", &escaped));
    let shown = match scheme {
        "tel" => phone::readable(rest),
        "mailto" => rest.split('?').next().unwrap_or(rest).to_owned(),
        _ => {
            let authority = rest.trim_start_matches('/').split(['/', '?', '#']).next().unwrap_or(rest);
            // Whatever stands before an @ is no host and must not look like one.
            authority.rsplit('@').next().unwrap_or(authority).to_owned()
        }
    };
    PreEscaped(shown)
}

/// A link whose text is its number, address or host.
pub(super) fn bare(link: &Link) -> Markup {
    html! { a href=(link) { (readable(link)) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(link: &str) -> String {
        bare(&Link::parse(link).expect("a link")).into_string()
    }

    #[test]
    fn links_show_what_they_lead_to() {
        assert_eq!(shown("tel:+4923242043030"), "<a href=\"tel:+4923242043030\">02324 204 3030</a>");
        assert_eq!(
            shown("mailto:standesamt@example.org?subject=a&body=b"),
            "<a href=\"mailto:standesamt@example.org?subject=a&amp;body=b\">standesamt@example.org</a>"
        );
        assert_eq!(
            shown("https://www.bund.de@evil.example/\"><b>?x#y"),
            "<a href=\"https://www.bund.de@evil.example/&quot;&gt;&lt;b&gt;?x#y\">evil.example</a>"
        );
    }
}
