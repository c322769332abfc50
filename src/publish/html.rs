//! The public pages: HTML for people, complete without JavaScript.
//!
//! What lives here: the pages and the policy they are sent with. What does not: which path leads
//! to which page (`publish::render`) and the words of the closed lists (`publish::wording`).
//!
//! Architecture invariant: a page is complete as it is. It loads nothing but a logo of ours and one
//! script of ours, which keeps it up to date and without which it stays what it was; no cookie, no
//! font and no request to anybody else. The stylesheet, and the colours that a body chose, stand in
//! the page itself. The policy of a page admits them by their hashes, the script by its origin, and
//! no other. Error pages load nothing at all.

mod availability;
mod chart;
mod component;
mod course;
mod differing;
mod docs;
mod embed;
mod ending;
mod history;
mod incident;
mod link;
mod maintenance;
mod organisation;
mod overview;
mod page;
pub(super) mod phone;
mod response;
mod search;
mod single;
mod status;
mod strips;
mod theme;
pub(super) mod time;

use std::borrow::Cow;
use std::sync::LazyLock;

use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use crate::model::catalogue::SiteLinks;
use crate::model::look::Theme;
use crate::model::snapshot::{PublicIncident, PublicMaintenance, Snapshot};
use crate::model::window::When;
use crate::publish::archive::{Archive, Nothing};
use crate::publish::html::page::{Page, has_legal, legal};
use crate::publish::html::time::Wall;
use crate::publish::month::Month;
use crate::publish::scope::Scope;
use crate::publish::search::Findings;
use crate::publish::wording::Words;

/// A planned stretch of time as German pages say it: `von … bis einschließlich …`.
pub fn window_said(zone: &str, from: &When, until: &When) -> Markup {
    let zone = time::zone(zone);
    Wall { words: Words::German, zone: &zone }.window(from, until)
}

/// A planned time as German pages say it: the day alone if that is all that was said.
pub fn when_said(zone: &str, when: &When) -> Markup {
    let zone = time::zone(zone);
    Wall { words: Words::German, zone: &zone }.when(when)
}

/// The stylesheet of every page.
const STYLE: &str = include_str!("html/style.css");

/// The script that keeps pages up to date.
pub(super) const LIVE_SCRIPT: &str = include_str!("html/live.js");

/// The symbols that stand beside status words, referred to by `<use>`.
const SYMBOLS: &str = include_str!("html/symbols.svg");

/// A small tower, so that browsers do not ask for `/favicon.ico`.
const ICON: &str = "data:image/svg+xml,%3Csvg%20xmlns='http://www.w3.org/2000/svg'%20viewBox='0%200%2024%2024'%3E\
    %3Crect%20width='24'%20height='24'%20rx='5'%20fill='%2312324d'/%3E\
    %3Cpath%20d='M6%204h2.4v2h2.4V4h2.4v2h2.4V4H18v5.5L16.5%2011v9h-9v-9L6%209.500z'%20fill='%23fff'/%3E%3C/svg%3E";

/// The start page: all that is open, and every organisation with its status.
pub fn overview(snapshot: &Snapshot, language: &str) -> String {
    overview::render(&Page::new(snapshot, &Nothing, language, None))
}

/// The page of an organisation, by its index; empty if there is no such organisation.
pub fn organisation(snapshot: &Snapshot, organisation: u32, language: &str) -> String {
    organisation::render(&Page::new(snapshot, &Nothing, language, Some(organisation)))
}

/// The page of a component on the page of an organisation, by their indexes; empty if there is no
/// such thing.
pub fn component(
    snapshot: &Snapshot,
    archive: &dyn Archive,
    organisation: u32,
    component: u32,
    language: &str,
) -> String {
    single::render(&Page::new(snapshot, archive, language, Some(organisation)), component)
}

/// The months of an organisation, by its index, the newest first, or those `before` one; empty if
/// there is no such organisation.
pub fn history(
    snapshot: &Snapshot,
    archive: &dyn Archive,
    organisation: u32,
    before: Option<Month>,
    language: &str,
) -> String {
    history::render(&Page::new(snapshot, archive, language, Some(organisation)), before)
}

/// The page of an incident.
pub fn incident(snapshot: &Snapshot, archive: &dyn Archive, incident: &PublicIncident, language: &str) -> String {
    incident::render(&Page::new(snapshot, archive, language, None), incident)
}

/// The page of all planned work.
pub fn planned(snapshot: &Snapshot, language: &str) -> String {
    maintenance::render_all(&Page::new(snapshot, &Nothing, language, None))
}

/// The page of a maintenance.
pub fn maintenance(snapshot: &Snapshot, maintenance: &PublicMaintenance, language: &str) -> String {
    maintenance::render(&Page::new(snapshot, &Nothing, language, None), maintenance)
}

/// A small document for frames on other sites: an organisation, or a component on its page.
pub fn embed(snapshot: &Snapshot, organisation: u32, component: Option<u32>, language: &str) -> Option<String> {
    embed::document(&Page::new(snapshot, &Nothing, language, Some(organisation)), component)
}

/// The same as a piece of a page, for server-side include.
pub fn fragment(snapshot: &Snapshot, organisation: u32, component: Option<u32>, language: &str) -> Option<String> {
    embed::fragment(&Page::new(snapshot, &Nothing, language, Some(organisation)), component)
}

/// The months before which the pages of a history begin, but for the newest page.
pub(super) fn history_pages(snapshot: &Snapshot, archive: &dyn Archive, organisation: u32) -> Vec<Month> {
    history::pages(&Page::new(snapshot, archive, snapshot.catalogue.site.language(), Some(organisation)))
}

/// The page of a search. `query` is the question as it stands in addresses.
pub(super) fn search(scope: &Scope<'_>, findings: &Findings, query: &str) -> String {
    search::render(&Page::new(scope.snapshot, &Nothing, scope.language, None), findings, query)
}

/// The page that tells how to use the interface.
pub fn docs(snapshot: &Snapshot, language: &str) -> String {
    docs::render(&Page::new(snapshot, &Nothing, language, None))
}

/// An error page for browsers. It needs no snapshot, so that it can be shown when there is none;
/// where there is one, `links` are those of the site.
pub fn problem(language: &str, status: u16, title: &str, detail: &str, links: Option<&SiteLinks>) -> String {
    let words = Words::of(language);
    html! {
        (DOCTYPE)
        html lang=(words.pick("de", "en")) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                title { (title) }
                link rel="icon" href=(ICON);
                style { (PreEscaped(STYLE)) }
            }
            body {
                (PreEscaped(SYMBOLS))
                header.band {
                    div.band-in {
                        a.home href="/" { (status::symbol("tower")) (words.pick("Zur Startseite", "To the start page")) }
                    }
                }
                main id="s_main" {
                    p.over { (words.pick("Fehler", "Error")) " " (status) }
                    h1 { (title) }
                    p.about { (detail) }
                }
                @if let Some(links) = links.filter(|links| has_legal(links)) {
                    footer.foot { div.foot-in { (legal(words, links)) } }
                }
            }
        }
    }
    .into_string()
}

/// The hash of the stylesheet as `Content-Security-Policy` wants it: `sha256-…`.
pub fn style_hash() -> &'static str {
    static HASH: LazyLock<String> = LazyLock::new(|| format!("sha256-{}", base64(&Sha256::digest(STYLE.as_bytes()))));
    &HASH
}

/// The `Content-Security-Policy` of our pages that have no colours of their own.
pub fn page_policy() -> &'static str {
    static POLICY: LazyLock<String> = LazyLock::new(|| live_policy(None));
    &POLICY
}

/// The `Content-Security-Policy` of a page of the site, or of the organisation with this index.
pub(super) fn policy_of(snapshot: &Snapshot, organisation: Option<u32>) -> Cow<'static, str> {
    let catalogue = &snapshot.catalogue;
    let organisation = organisation.and_then(|index| catalogue.organisations.get(index as usize));
    let links = organisation.map_or(&catalogue.site.links, |organisation| &organisation.links);
    match &links.theme {
        Some(theme) => Cow::Owned(live_policy(Some(theme))),
        None => Cow::Borrowed(page_policy()),
    }
}

/// The policy of pages with our script: one origin may be asked for it and for what is new.
fn live_policy(theme: Option<&Theme>) -> String {
    format!("script-src 'self'; connect-src 'self'; {}", content_security_policy("'self'", theme))
}

/// The `Content-Security-Policy` of error pages, which have no script.
pub fn problem_policy() -> &'static str {
    static POLICY: LazyLock<String> = LazyLock::new(|| content_security_policy("'self'", None));
    &POLICY
}

/// Where pages find their script. The address changes with its content, so that no cache can hand
/// out that of another release.
pub(super) fn live_script_path() -> &'static str {
    static PATH: LazyLock<String> = LazyLock::new(|| {
        let digest = Sha256::digest(LIVE_SCRIPT.as_bytes());
        let version: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        format!("/assets/live.js?v={version}")
    });
    &PATH
}

/// The `Content-Security-Policy` of a page in these colours that `frame_ancestors` (`'self'`,
/// `'none'`, `*`) may frame.
pub fn content_security_policy(frame_ancestors: &str, theme: Option<&Theme>) -> String {
    let hash = |style: String| format!(" 'sha256-{}'", base64(&Sha256::digest(style.as_bytes())));
    let chosen = theme::style(theme).map(hash).unwrap_or_default();
    format!(
        "default-src 'none'; style-src '{}'{chosen}; img-src 'self' data:; base-uri 'none'; form-action 'self'; \
         frame-ancestors {frame_ancestors}",
        style_hash()
    )
}

/// The `Content-Security-Policy` of what any site may frame.
pub fn embed_policy() -> &'static str {
    static POLICY: LazyLock<String> = LazyLock::new(|| {
        let hash = base64(&Sha256::digest(embed::STYLE.as_bytes()));
        format!(
            "default-src 'none'; style-src 'sha256-{hash}'; img-src data:; base-uri 'none'; form-action 'none'; \
             frame-ancestors *"
        )
    });
    &POLICY
}

/// Base64 (RFC 4648 section 4) with padding.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    bytes
        .chunks(3)
        .flat_map(|chunk| {
            let group = chunk.iter().chain([&0; 2]).take(3).fold(0usize, |group, &byte| group << 8 | usize::from(byte));
            [18, 12, 6, 0].into_iter().zip(0..).map(move |(shift, place)| {
                let digit = ALPHABET.get(group >> shift & 63).filter(|_| place <= chunk.len());
                digit.map_or('=', |&digit| char::from(digit))
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_follows_the_test_vectors_of_rfc_4648() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn the_grounds_of_contrast_are_those_of_the_stylesheet() {
        use crate::model::look::{Colour, DARK, Ground, LIGHT};
        let (light, rest) = STYLE.split_once("@media screen").expect("the dark look");
        let (dark, _) = rest.split_once("*, ::before").expect("its end");
        for (style, Ground { papers, band, band_ink }) in [(light, LIGHT), (dark, DARK)] {
            let of = |name: &str| {
                let (_, value) = style.split_once(&format!("  --{name}: ")).expect("a variable");
                Colour::parse(value.split(';').next().expect("a value")).expect("a colour")
            };
            let tints = ["ok", "slow", "part", "out", "plan", "dark"].map(|tint| format!("{tint}-tint"));
            let names = ["paper", "sheet"].map(str::to_owned).into_iter().chain(tints);
            assert_eq!(papers.to_vec(), names.map(|name| of(&name)).collect::<Vec<_>>());
            assert_eq!((band, band_ink), (of("band"), of("band-ink")));
        }
    }

    #[test]
    fn the_stylesheet_cannot_end_its_element_and_loads_nothing() {
        for forbidden in ["</", "url(", "@import", "<!--"] {
            assert!(!STYLE.contains(forbidden), "{forbidden}");
            assert!(!embed::STYLE.contains(forbidden), "{forbidden}");
        }
    }
}
