//! One entry of a feed, in no format yet.

use std::rc::Rc;

use crate::model::text::Plain;
use crate::model::time::Timestamp;

/// One entry. Its texts are cleaned and not yet escaped; ids and addresses are ours.
pub(super) struct Entry {
    /// Its `tag:` id, the same in every feed, format and language.
    pub(super) id: String,
    pub(super) kind: Kind,
    pub(super) title: Plain,
    pub(super) published: Timestamp,
    pub(super) updated: Timestamp,
    /// The address of the page that it is about.
    pub(super) link: String,
    /// How it stands, as a closed word: where the incident or the maintenance stood; what differs
    /// in a town, as a status or else as a mode. A town's own words have none.
    pub(super) status: Option<&'static str>,
    /// The same and more of it as categories.
    pub(super) standing: Vec<Category>,
    pub(super) concerned: Rc<Concerned>,
    pub(super) content: Plain,
    /// The language of the content.
    pub(super) language: String,
    /// When it was taken back. Then its texts say only that.
    pub(super) retracted_at: Option<Timestamp>,
    /// Ids of entries that it took the place of.
    pub(super) replaces: Vec<String>,
}

/// What an entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Incident,
    Overlay,
    Maintenance,
    Local,
}

impl Kind {
    /// The closed word.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Incident => "incident",
            Self::Overlay => "overlay",
            Self::Maintenance => "maintenance",
            Self::Local => "local",
        }
    }
}

/// A category: its scheme, a word of a closed list or an id, and the word for readers.
pub(super) struct Category {
    pub(super) scheme: String,
    pub(super) term: String,
    pub(super) label: Option<&'static str>,
}

/// What an entry concerns, as far as it stands on the page.
pub(super) struct Concerned {
    pub(super) components: Vec<String>,
    /// The ARS of the organisations, or the digits that they begin with.
    pub(super) ars: Vec<String>,
    pub(super) leika: Vec<String>,
    /// The same as categories.
    pub(super) categories: Vec<Category>,
}

impl Entry {
    /// All that it is filed under.
    pub(super) fn categories(&self) -> impl Iterator<Item = &Category> {
        self.standing.iter().chain(&self.concerned.categories)
    }
}
