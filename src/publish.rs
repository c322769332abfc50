//! From one snapshot to bytes: JSON, Atom, HTML and metrics.
//!
//! Everything here is a pure function of a [`Snapshot`] (or of `Measurements`): no IO, no clock.
//! The same snapshot gives the same bytes. What paths exist is decided in one place, [`render`].

pub mod atom;
pub mod documents;
pub mod escape;
pub mod html;
pub mod json;
pub mod metrics;
pub mod wording;

use crate::model::snapshot::Snapshot;

/// What is asked for: a path, and the query parameters that are known there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    /// The path, percent-decoded, beginning with a slash.
    pub path: String,
    /// Known parameters with their values, sorted by name; unknown ones are already dropped.
    pub query: Vec<(String, String)>,
}

/// The answer to a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rendered {
    /// Here it is.
    Document(Document),
    /// It has another address.
    Moved(String),
    /// It was here once.
    Gone,
    /// The request makes no sense; a sentence that says why.
    BadRequest(String),
    /// There is no such thing.
    NotFound,
}

/// A document, not yet encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its media type with charset.
    pub content_type: &'static str,
    /// Its bytes.
    pub body: Vec<u8>,
    /// The value of `Cache-Control`.
    pub cache_control: &'static str,
}

/// Renders what is asked for.
pub fn render(snapshot: &Snapshot, target: &Target) -> Rendered {
    let _ = (snapshot, target);
    Rendered::NotFound
}
