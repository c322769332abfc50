//! Alternatives: other ways to get a service done while it is not available.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::catalogue::Reach;
use crate::model::id::ComponentId;
use crate::model::status::words;
use crate::model::text::{Plain, Text};
use crate::model::window::When;

/// What kind of way it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlternativeKind {
    /// A telephone number.
    Phone,
    /// A mail address.
    Mail,
    /// A form to print.
    PdfForm,
    /// Another page.
    OtherPage,
    /// A counter to go to.
    Counter,
    /// A neighbouring body's office (Amtshilfe).
    NeighbourOffice,
    /// A federal service.
    FederalService,
    /// A page that stands in for the usual one.
    EmergencySite,
    /// Nothing but waiting.
    Postpone,
}

words!(AlternativeKind {
    Phone => "phone",
    Mail => "mail",
    PdfForm => "pdf_form",
    OtherPage => "other_page",
    Counter => "counter",
    NeighbourOffice => "neighbour_office",
    FederalService => "federal_service",
    EmergencySite => "emergency_site",
    Postpone => "postpone",
});

/// Another way to get the service done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alternative {
    /// What kind of way.
    pub kind: AlternativeKind,
    /// Where it leads: `tel:`, `mailto:`, `https:` or `http:` links, in the order to try them.
    /// Empty for `counter` and `postpone` where there is nothing to link.
    #[serde(default)]
    pub target: Vec<Link>,
    /// What to call it.
    pub label: Text,
    /// Opening hours in OpenStreetMap's syntax, where they are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<Plain>,
    /// Opening hours in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours_text: Option<Text>,
    /// A page with more about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<Link>,
    /// Where it applies; empty = everywhere the component is shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub serves: Vec<Reach>,
    /// From when it applies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<When>,
    /// Until when it applies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<When>,
    /// The component whose status is its own: the telephone exchange of a number, the website of
    /// a page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<ComponentId>,
    /// When somebody last made sure that it works.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified_at: Option<When>,
}

/// A link that may stand on a public page: its scheme is https, http, tel or mailto, and it has
/// no control character. Made by [`Link::parse`] only.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(transparent)]
#[schemars(description = "An `https`, `http`, `tel` or `mailto` link.")]
pub struct Link(Plain);

impl Link {
    /// Accepts `https:`, `http:` (with a host), `tel:` and `mailto:` (with something behind).
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once(':')?;
        if rest.is_empty() || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return None;
        }
        let fits = match scheme {
            "https" | "http" => url::Url::parse(text).is_ok_and(|url| url.has_host()),
            "tel" => rest.chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | '(' | ')')),
            "mailto" => rest.contains('@'),
            _ => false,
        };
        fits.then(|| Self(Plain::new(text)))
    }

    /// The link's characters, still to be escaped.
    pub fn plain(&self) -> &Plain {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Link {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not a https, http, tel or mailto link"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_have_one_of_four_schemes() {
        for good in ["https://www.example.org/", "http://example.org", "tel:+4923242043030", "mailto:a@example.org"] {
            assert!(Link::parse(good).is_some(), "{good}");
        }
        for bad in
            ["javascript:alert(1)", "data:text/html,x", "//example.org", "tel:", "https:", "tel:+49\n1", "mailto:x"]
        {
            assert!(Link::parse(bad).is_none(), "{bad}");
        }
    }
}
