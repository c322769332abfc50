//! What whoever is on call looks at first, taken from the measurements as far as one editor may see
//! it. Holds targets and texts of certificates: never public.
//!
//! Every list is bounded and says how many more there are.

use std::time::Duration;

use serde::Serialize;

use crate::model::id::{CheckId, ComponentId, OrganisationId};
use crate::model::text::Plain;
use crate::model::time::{Timestamp, readable};
use crate::model::verdict::{Reason, Verdict};

/// Most checks that fail in a list.
pub const FAILING_MAX: usize = 100;
/// Most hosts in a list.
pub const HOSTS_MAX: usize = 20;
/// Most certificates in a list.
pub const CERTIFICATES_MAX: usize = 50;
/// Most checks that are named with a certificate, and most of its names.
pub const NAMED_MAX: usize = 5;

/// The first of a longer list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Listed<T> {
    /// Those that are told.
    pub listed: Vec<T>,
    /// How many more there are.
    pub more: usize,
}

impl<T> Listed<T> {
    /// The first so many.
    pub fn first(most: usize, mut all: Vec<T>) -> Self {
        let more = all.len().saturating_sub(most);
        all.truncate(most);
        Self { listed: all, more }
    }
}

/// The checks of one editor, at one instant.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Oversight {
    /// How many checks have which standing.
    pub checks: Standings,
    /// Checks that are not as they should be: the worst first, and of those the latest.
    pub failing: Listed<Failing>,
    /// Hosts by what they took, the slowest first.
    pub slowest: Listed<Slow>,
    /// Certificates by their end, the soonest first.
    pub certificates: Listed<Certificate>,
}

/// Checks by standing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Standings {
    /// As expected.
    pub up: usize,
    /// Too slow.
    pub degraded: usize,
    /// Confirmed failures.
    pub down: usize,
    /// Of these nothing is known: turned away, our own fault, or too long ago.
    pub unknown: usize,
    /// Never asked so far.
    pub waiting: usize,
}

/// A check that is not as it should be.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Failing {
    /// Its index in the catalogue in force.
    #[serde(skip)]
    pub index: u32,
    /// The component.
    pub component: ComponentId,
    /// Its name in the site's first language.
    pub name: Plain,
    /// Its owner.
    pub owner: OrganisationId,
    /// Whether the public knows the component.
    pub public: bool,
    /// The check.
    pub check: CheckId,
    /// What it asks.
    pub target: String,
    /// What holds of it.
    pub verdict: Verdict,
    /// Since when.
    #[serde(serialize_with = "readable::instant")]
    pub since: Timestamp,
    /// Why.
    pub reason: Option<Reason>,
    /// Whether the last probe fails for a reason that does not hold yet: it waits to be confirmed.
    pub unconfirmed: Option<Reason>,
    /// Whether its evidence has expired.
    pub expired: bool,
    /// When a result last counted.
    #[serde(serialize_with = "readable::instant_option")]
    pub seen_at: Option<Timestamp>,
    /// One line about the last failure, where it is remembered.
    pub detail: Option<String>,
}

/// A host and the slowest of its answers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Slow {
    /// The host, or the name that a DNS check asks for.
    pub host: String,
    /// How many checks ask it.
    pub checks: usize,
    /// The slowest of them.
    pub component: ComponentId,
    /// As it is called there.
    pub check: CheckId,
    /// How long its last probe took.
    #[serde(rename = "duration_s", serialize_with = "readable::seconds")]
    pub duration: Duration,
    /// The phase that took longest.
    pub phase: Option<&'static str>,
    /// How long that took.
    #[serde(rename = "phase_s", serialize_with = "readable::seconds_option")]
    pub phase_took: Option<Duration>,
}

/// A certificate that checks have seen.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Certificate {
    /// When the first of its chain ends.
    #[serde(serialize_with = "readable::instant")]
    pub ends_at: Timestamp,
    /// Subject of the leaf.
    pub subject: String,
    /// Issuer of the leaf.
    pub issuer: String,
    /// Subject of the one that ends first, if that is not the leaf.
    pub ends_first: Option<String>,
    /// Names in the leaf.
    pub names: Listed<String>,
    /// Fingerprint of the leaf.
    pub fingerprint_sha256: String,
    /// Why it was refused.
    pub refused: Option<String>,
    /// The checks that saw it.
    pub checks: Listed<Named>,
}

/// A check by its names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Named {
    /// The component.
    pub component: ComponentId,
    /// The check.
    pub check: CheckId,
}
