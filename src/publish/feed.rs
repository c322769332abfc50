//! Feeds: what was published, for the site, for an organisation's page and for a component on it,
//! as Atom, RSS and JSON Feed. `collect` finds what a place is told, `told` puts it into words,
//! `entry` is what they come to; each format has a writer, which knows entries and nothing else.
//!
//! Unchanged content gives unchanged bytes: nothing here depends on when a feed is asked for. An
//! entry has the same id and instants in every feed, format and language that has it; texts and
//! links follow the language, categories name what stands on the page.
//!
//! **Archives** (RFC 5005, section 4). `feed` holds the [`ENTRIES_MAX`] entries that changed last.
//! The archive of a month (`feed-2023-11`) holds all entries that were first published in that
//! month in UTC, however many. The documents lead from one to the other by `prev-archive` and
//! `next-archive`; months without an entry are passed over, and their archive does not exist.
//! - RFC 5005 wants the entries of an archive to stay the same, so that nobody reads it twice. So a
//!   feed leads to its newest month only when that has more entries than the feed still holds;
//!   else to the month before, which is complete as soon as something newer was said. Only the
//!   archive of a month of more than [`ENTRIES_MAX`] entries is seen while it grows.
//! - What is corrected later stands corrected in the archive of its month, where else it would be
//!   read for ever as it was, and once more at the head of the feed, because its `updated` moved.
//!   Of two entries with one id readers take the one that was updated last, as RFC 5005 says. What
//!   was taken back is a tombstone in both.
//! - A town's own words replace those before them: only the newest version stands in an archive, with
//!   tombstones for the others.
//!
//! An archive goes back as far as the snapshot does: it knows all that is open and the incidents,
//! maintenances and local changes that ended last, of each kind a bounded number.

mod atom;
mod collect;
mod concerned;
mod entry;
mod json;
mod rss;
mod standing;
mod told;

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use crate::model::text::Plain;
use crate::model::time::Timestamp;
use crate::publish::escape;
use crate::publish::feed::collect::{Audience, Said};
use crate::publish::feed::entry::Entry;
use crate::publish::month::Month;
use crate::publish::route::{Feed, FeedFormat, Place, Route};
use crate::publish::scope::Scope;
use crate::publish::wording::Words;
use crate::publish::{CACHE_FEED, Document};

/// Most entries of a feed that is no archive, newest first.
pub const ENTRIES_MAX: usize = 50;

/// `updated` of a feed that has no entry: any instant that stays.
const NEVER: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// The year in the ids of feeds and schemes, in which the form of these ids was laid down
/// (RFC 4151 wants a date at which the authority held the name).
const TAG_YEAR: i64 = 2026;

const ATOM: &str = "application/atom+xml; charset=utf-8";
const RSS: &str = "application/rss+xml; charset=utf-8";
const JSON_FEED: &str = "application/feed+json; charset=utf-8";

/// What a feed says of itself. Addresses are absolute.
struct Head<'a> {
    id: String,
    title: Plain,
    author: Plain,
    updated: Timestamp,
    language: &'a str,
    /// The page that it belongs to.
    page: String,
    own: String,
    /// Of an archive: the feed that it belongs to.
    current: Option<String>,
    previous: Option<String>,
    next: Option<String>,
}

/// A feed; `None` if there is no such place, or nothing was said in that month.
pub(super) fn document(scope: &Scope<'_>, place: Place<'_>, feed: Feed, format: FeedFormat) -> Option<Document> {
    let audience = Audience::new(scope, place)?;
    let mut said = match feed {
        Feed::Incidents => audience.incidents(scope),
        Feed::Updates | Feed::Month(_) => audience.updates(scope),
    };
    let chain = Chain::new(feed, &said);
    match feed {
        Feed::Month(_) => {
            said.retain(|said| Some(said.month()) == chain.own);
            if said.is_empty() {
                return None;
            }
        }
        Feed::Updates | Feed::Incidents => said.truncate(ENTRIES_MAX),
    }
    let address = |feed: Feed| scope.address(&Route::Feed(place, feed, format).path());
    let author = author(scope);
    let head = Head {
        id: feed_id(scope, place, feed),
        title: title(scope, &audience, feed, &author),
        author,
        updated: said.first().map_or(NEVER, |said| said.at),
        language: scope.language,
        page: scope.address(&page_path(place)),
        own: address(feed),
        current: chain.own.map(|_| address(Feed::Updates)),
        previous: chain.previous.map(Feed::Month).map(address),
        next: chain.next.map(Feed::Month).map(address),
    };
    let mut concerned = HashMap::new();
    let entries: Vec<Entry> = said
        .iter()
        .map(|said| {
            let concerned = concerned.entry(said.group()).or_insert_with(|| Rc::new(said.concerned(scope, &audience)));
            said.entry(scope, &audience, Rc::clone(concerned))
        })
        .collect();
    let (content_type, body) = match format {
        FeedFormat::Atom => (ATOM, atom::write(&head, &entries).into_bytes()),
        FeedFormat::Rss => (RSS, rss::write(&head, &entries).into_bytes()),
        FeedFormat::Json => (JSON_FEED, json::write(&head, &entries)),
    };
    Some(Document::new(content_type, CACHE_FEED, body))
}

/// The months of which a feed has an archive.
pub(super) fn months(scope: &Scope<'_>, place: Place<'_>) -> BTreeSet<Month> {
    let audience = Audience::new(scope, place);
    audience.iter().flat_map(|audience| audience.updates(scope)).map(|said| said.month()).collect()
}

/// Where a document stands among the archives of its feed.
#[derive(Debug, Default)]
struct Chain {
    own: Option<Month>,
    previous: Option<Month>,
    next: Option<Month>,
}

impl Chain {
    /// `said` is all that the feed ever held and that is still known, what changed last first.
    fn new(feed: Feed, said: &[Said<'_>]) -> Self {
        let mut months: Vec<Month> = said.iter().map(Said::month).collect();
        months.sort_unstable();
        months.dedup();
        match feed {
            // It has no archives: an incident moves on for as long as it is open.
            Feed::Incidents => Self::default(),
            Feed::Updates => {
                let left_out = said.iter().skip(ENTRIES_MAX).map(Said::month).max();
                let complete = months.iter().rev().nth(1).copied();
                Self { previous: left_out.max(complete), ..Self::default() }
            }
            Feed::Month(own) => Self {
                own: Some(own),
                previous: months.iter().rev().find(|month| **month < own).copied(),
                next: months.iter().find(|month| **month > own).copied(),
            },
        }
    }
}

/// The id of a feed: its archives are the same feed, another language is another one.
fn feed_id(scope: &Scope<'_>, place: Place<'_>, feed: Feed) -> String {
    let kind = match feed {
        Feed::Updates | Feed::Month(_) => "feed",
        Feed::Incidents => "feed-incidents",
    };
    let whose = match place {
        Place::Site => String::new(),
        Place::Organisation(id) => format!("/{id}"),
        Place::Component(there, id) => format!("/{there}/component/{id}"),
    };
    tag(scope, TAG_YEAR, &format!("{kind}{whose}")) + &scope.prefix()
}

fn page_path(place: Place<'_>) -> String {
    match place {
        Place::Site => "/".to_owned(),
        Place::Organisation(_) | Place::Component(..) => place.folder(),
    }
}

fn author(scope: &Scope<'_>) -> Plain {
    let title = scope.text(&scope.snapshot.catalogue.site.title);
    if title.is_empty() { Plain::new("Turmwacht") } else { title }
}

/// `Standesamt – Stadt Hattingen – Status der Dienste`
fn title(scope: &Scope<'_>, audience: &Audience<'_>, feed: Feed, author: &Plain) -> Plain {
    let catalogue = &scope.snapshot.catalogue;
    let component = audience.component.and_then(|index| catalogue.components.get(index as usize));
    let component = component.map(|component| scope.text(&component.name));
    let organisation = audience.page.as_ref().map(|page| scope.text(&page.organisation.name));
    let kind = match feed {
        Feed::Incidents => Some(Plain::new(Words::of(scope.language).pick("Störungen", "Incidents"))),
        Feed::Updates | Feed::Month(_) => None,
    };
    let parts: Vec<Plain> = [kind, component, organisation].into_iter().flatten().chain([author.clone()]).collect();
    escape::joined(&parts, " – ")
}

/// A `tag:` id (RFC 4151) of ours.
fn tag(scope: &Scope<'_>, year: i64, specific: &str) -> String {
    format!("tag:{},{year:04}:{specific}", scope.snapshot.catalogue.site.feed_authority)
}
