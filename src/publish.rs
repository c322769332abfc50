//! From one snapshot to bytes: JSON, feeds, iCalendar, HTML, badges and metrics.
//!
//! Everything here is a pure function of a [`Snapshot`] (or of `Measurements`): no IO, no clock.
//! The same snapshot gives the same bytes. What paths exist is decided in one place, [`render`],
//! over the closed list of `route`.

pub mod archive;
mod badge;
mod cause;
pub mod documents;
pub mod escape;
pub mod events;
pub mod export;
pub mod feed;
pub mod html;
pub mod ical;
pub mod json;
pub mod letter;
mod logo;
pub mod metrics;
pub mod month;
pub mod openapi;
pub mod past;
pub mod recurrence;
mod route;
mod scope;
mod search;
mod security;
pub mod sse;
mod status_text;
pub mod statuspage;
pub mod widget;
pub mod wording;

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Serialize;

use crate::model::catalogue::Site;
use crate::model::snapshot::Snapshot;
use crate::publish::archive::Archive;
use crate::publish::badge::Badge;
use crate::publish::route::found::Found;
use crate::publish::route::{BadgeFormat, Place, Route};
use crate::publish::scope::Scope;
use crate::publish::wording::Words;

/// What is asked for: a path, and the query parameters that are known there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    /// The path, percent-decoded, beginning with a slash.
    pub path: String,
    /// Known parameters ([`known_query`]) with their values, sorted by name; unknown ones are
    /// already dropped.
    pub query: Vec<(String, String)>,
}

/// The answer to a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rendered {
    /// Here it is.
    Document(Document),
    /// It has another address: a path with its query, below `site.public_url`. It names something
    /// that exists and never leads to another host.
    Moved(String),
    /// It was here once.
    Gone,
    /// The request makes no sense; a sentence that says why, in the language of the route.
    BadRequest(String),
    /// There is no such thing.
    NotFound,
    /// It cannot be read at the moment: the store is busy or out of order, or too much was asked.
    Unavailable,
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
    /// The value of `Content-Security-Policy`.
    pub policy: Cow<'static, str>,
}

impl Document {
    /// A document that loads nothing: data, feeds, pictures.
    pub const fn new(content_type: &'static str, cache_control: &'static str, body: Vec<u8>) -> Self {
        Self { content_type, body, cache_control, policy: Cow::Borrowed(NO_CONTENT_POLICY) }
    }

    /// The same with a policy of its own.
    #[must_use]
    pub fn with_policy(self, policy: impl Into<Cow<'static, str>>) -> Self {
        Self { policy: policy.into(), ..self }
    }
}

/// The policy of documents that load nothing: JSON, feeds, problems.
pub const NO_CONTENT_POLICY: &str = "default-src 'none'; frame-ancestors 'self'";

/// Documents that say until when they are valid (150 s at most): epoch 60 s + 10 s + 60 s at a
/// cache whose origin is gone stay below that.
const CACHE_EPOCH: &str = "public, max-age=10, stale-while-revalidate=30, stale-if-error=60";
/// What stands on other sites and says no time: 60 s of age, and 300 s beyond where we are away.
const CACHE_BADGE: &str = "public, max-age=30, stale-while-revalidate=30, stale-if-error=300";
/// The widget changes with releases only. Whoever wants to hold it fast takes the asset.
const CACHE_WIDGET: &str = "public, max-age=3600, stale-while-revalidate=86400, stale-if-error=86400";
/// Whatever carries the hash of its content in its name.
const CACHE_ASSET: &str = "public, max-age=31536000, immutable";
/// Feeds hold nothing but the past, which does not turn false; calendars, what was announced.
const CACHE_FEED: &str = "public, max-age=30, stale-while-revalidate=60, stale-if-error=300";
/// Statuspage's files say nothing of how fresh they are, so a cache whose origin is gone gives
/// them out for a short while only.
const CACHE_STATUSPAGE: &str = "public, max-age=10, stale-while-revalidate=30, stale-if-error=300";
/// Freshness itself.
const CACHE_ALIVE: &str = "public, max-age=5";

/// The name of the script of our pages.
const LIVE_SCRIPT: &str = "live.js";

const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json; charset=utf-8";
const CALENDAR: &str = "text/calendar; charset=utf-8";
const SVG: &str = "image/svg+xml; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Renders what is asked for, from a snapshot alone: nothing is known of long ago.
pub fn render(snapshot: &Snapshot, target: &Target) -> Rendered {
    render_with(snapshot, &archive::Nothing, target)
}

/// Renders what is asked for. `archive` is asked only for targets that wait in another
/// [`row`] than [`Row::Present`].
pub fn render_with(snapshot: &Snapshot, archive: &dyn Archive, target: &Target) -> Rendered {
    match respond(snapshot, archive, target) {
        Ok(document) => Rendered::Document(document),
        Err(answer) => answer,
    }
}

/// The query parameters that are known on a path; every other one is to be dropped before a
/// [`Target`] is made, so that it never misses a cache.
pub fn known_query(path: &str) -> &'static [&'static str] {
    // A language of three letters looks like an organisation; then what follows it counts as well.
    let found = [Found::anywhere(path), Found::beyond_first(path)];
    let known = found.into_iter().flatten().map(|found| found.route.query());
    known.max_by_key(|known| known.len()).unwrap_or_default()
}

/// The rows in which documents wait to be rendered. What may wait for a disk holds up only its like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Row {
    /// A snapshot is enough.
    Present,
    /// A page that may ask an [`Archive`].
    Past,
    /// Data that ask an [`Archive`]. Pages go before.
    PastData,
}

/// In which row the document of a target waits.
pub fn row(snapshot: &Snapshot, target: &Target) -> Row {
    let (_, rest) = language_prefix(&snapshot.catalogue.site, &target.path);
    Found::parse(rest).map_or(Row::Present, |found| found.route.row(snapshot))
}

/// Whether the document of a target is worth keeping. What anybody can ask for in endless ways is
/// not: it would push out what many read.
pub fn is_kept(target: &Target) -> bool {
    let has = |name: &str| target.query.iter().any(|(given, value)| given == name && !value.is_empty());
    let found = [Found::anywhere(&target.path), Found::beyond_first(&target.path)];
    found.into_iter().flatten().all(|found| found.route.is_kept(has))
}

/// The word for a path in metrics and logs, of a closed list; `other` for what is no route.
pub fn route_label(path: &str) -> &'static str {
    Found::anywhere(path).map_or("other", |found| found.route.label())
}

/// Problem details (RFC 9457).
#[derive(Serialize, JsonSchema)]
struct Problem<'a> {
    r#type: &'a str,
    /// The phrase of the status code.
    title: &'a str,
    status: u16,
    /// What is wrong, in the language of the route.
    detail: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    instance: &'a str,
}

/// An error as problem details (RFC 9457, `application/problem+json`); an empty `instance` is
/// left out.
pub fn problem(status: u16, title: &str, detail: &str, instance: &str) -> Vec<u8> {
    json::bytes(&Problem { r#type: "about:blank", title, status, detail, instance })
}

/// The document, or the answer that stands in its place.
fn respond(snapshot: &Snapshot, archive: &dyn Archive, target: &Target) -> Result<Document, Rendered> {
    let site = &snapshot.catalogue.site;
    let (prefix, rest) = language_prefix(site, &target.path);
    let found = Found::parse(rest).ok_or(Rendered::NotFound)?;
    let missing = || if found.route.is_gone(snapshot) { Rendered::Gone } else { Rendered::NotFound };
    let route = found.route.resolve(snapshot).ok_or_else(missing)?;
    let mut language = prefix.unwrap_or_else(|| site.language());
    let parameters = Parameters::of(target, route.query(), Words::of(language))?;
    // The first language has no prefix; `?lang=`, former ids and a trailing slash are forwarded.
    let mut moved = prefix == Some(site.language())
        || (prefix.is_some() && route.path_in("-") == route.path())
        || found.trailing_slash
        || rest.is_empty()
        || route != found.route;
    if let Some(wanted) = parameters.lang {
        language = site.languages.iter().map(|known| &**known).find(|known| *known == wanted).ok_or_else(|| {
            let known: Vec<&str> = site.languages.iter().map(|language| &**language).collect();
            let words = Words::of(language);
            Rendered::BadRequest(format!(
                "{}: {}.",
                words.pick("`lang` ist eines von", "`lang` is one of"),
                known.join(", ")
            ))
        })?;
        moved = true;
    }
    let scope = Scope::new(snapshot, language);
    if moved {
        return Err(Rendered::Moved(route.path_in(&scope.prefix()) + found.suffix + &query_without_lang(target)));
    }
    document(&scope, archive, route, &parameters).map_err(|faults| match faults {
        Fault::NotFound => Rendered::NotFound,
        Fault::Parameter(sentence) => Rendered::BadRequest(sentence),
        Fault::Unavailable => Rendered::Unavailable,
    })
}

/// Why there is no document at a route that exists.
#[derive(Debug)]
enum Fault {
    /// Nothing has this id.
    NotFound,
    /// A parameter makes no sense.
    Parameter(String),
    /// The archive cannot be read at the moment.
    Unavailable,
}

impl From<archive::Unavailable> for Fault {
    fn from(_: archive::Unavailable) -> Self {
        Self::Unavailable
    }
}

/// Renders a route whose ids have been found to exist.
fn document(
    scope: &Scope<'_>,
    archive: &dyn Archive,
    route: Route<'_>,
    parameters: &Parameters<'_>,
) -> Result<Document, Fault> {
    let (snapshot, language) = (scope.snapshot, scope.language);
    let organisation = |id| snapshot.organisation(id).map(|(index, _)| index).ok_or(Fault::NotFound);
    let component = |id| scope.component(id).ok_or(Fault::NotFound);
    let whose = |place| match place {
        Place::Site => Ok(None),
        Place::Organisation(id) => organisation(id).map(Some),
        Place::Component(..) => Err(Fault::NotFound),
    };
    let embedded = |place| match place {
        Place::Site => Err(Fault::NotFound),
        Place::Organisation(id) => Ok((organisation(id)?, None)),
        Place::Component(there, id) => Ok((organisation(there)?, Some(component(id)?))),
    };
    // A page of an organisation (by its index), or of the site, has the colours that were chosen there.
    let page = |whose: Option<u32>, body: String| {
        let policy = html::policy_of(snapshot, whose);
        Document::new(HTML, CACHE_EPOCH, body.into_bytes()).with_policy(policy)
    };
    let json = |body: Vec<u8>| Document::new(JSON, CACHE_EPOCH, body);
    let document = match route {
        Route::Overview => page(None, html::overview(snapshot, language)),
        Route::Organisation(id) => {
            let index = organisation(id)?;
            page(Some(index), html::organisation(snapshot, index, language))
        }
        Route::Component(there, id) => {
            let index = organisation(there)?;
            page(Some(index), html::component(snapshot, archive, index, component(id)?, language))
        }
        Route::History(id, before) => {
            let index = organisation(id)?;
            page(Some(index), html::history(snapshot, archive, index, before, language))
        }
        Route::Incident(id) => {
            page(None, html::incident(snapshot, archive, scope.incident(id).ok_or(Fault::NotFound)?, language))
        }
        Route::Planned => page(None, html::planned(snapshot, language)),
        Route::Maintenance(id) => {
            page(None, html::maintenance(snapshot, scope.maintenance(id).ok_or(Fault::NotFound)?, language))
        }
        Route::Search => page(None, html::search(scope, &search::ask(scope, parameters), &parameters.query())),
        Route::Found => json(json::found(scope, &search::find(scope, parameters)?, parameters)),
        Route::SecurityText => {
            let text = security::text(snapshot).ok_or(Fault::NotFound)?;
            Document::new(TEXT, CACHE_FEED, text.into_bytes())
        }
        Route::Asset(LIVE_SCRIPT) => Document::new(SCRIPT, CACHE_ASSET, html::LIVE_SCRIPT.into()),
        Route::Asset(name) if name == widget::asset() => Document::new(SCRIPT, CACHE_ASSET, widget::SOURCE.into()),
        Route::Asset(name) => logo::document(snapshot, name).ok_or(Fault::NotFound)?,
        Route::Feed(place, feed, format) => feed::document(scope, place, feed, format).ok_or(Fault::NotFound)?,
        Route::Calendar(place) => {
            Document::new(CALENDAR, CACHE_FEED, ical::calendar(snapshot, whose(place)?, language).into_bytes())
        }
        Route::Statuspage(place, file) => {
            Document::new(JSON, CACHE_STATUSPAGE, statuspage::file(scope, whose(place)?, file))
        }
        Route::OpenApi => Document::new(JSON, CACHE_FEED, openapi::bytes(&snapshot.catalogue.site)),
        Route::Docs => page(None, html::docs(snapshot, language)),
        Route::Badge(place, format) => {
            let badge = Badge::new(scope, place).ok_or(Fault::NotFound)?;
            match format {
                BadgeFormat::Svg => Document::new(SVG, CACHE_BADGE, badge.svg().into_bytes()),
                BadgeFormat::Json => Document::new(JSON, CACHE_BADGE, badge.json()),
            }
        }
        Route::StatusText(id) => {
            let text = status_text::render(scope, organisation(id)?).ok_or(Fault::NotFound)?;
            Document::new(TEXT, CACHE_BADGE, text.into_bytes())
        }
        Route::Widget => Document::new(SCRIPT, CACHE_WIDGET, widget::SOURCE.into()),
        Route::Embed(place) => {
            let (index, part) = embedded(place)?;
            let body = html::embed(snapshot, index, part, language).ok_or(Fault::NotFound)?;
            Document::new(HTML, CACHE_EPOCH, body.into_bytes()).with_policy(html::embed_policy())
        }
        Route::Fragment(place) => {
            let (index, part) = embedded(place)?;
            let body = html::fragment(snapshot, index, part, language).ok_or(Fault::NotFound)?;
            Document::new(HTML, CACHE_EPOCH, body.into_bytes())
        }
        Route::Alive => Document::new(JSON, CACHE_ALIVE, json::alive(snapshot)),
        Route::Summary => json(json::summary(scope)),
        Route::Organisations => json(json::organisations(scope, parameters)?),
        Route::OneOrganisation(id) => json(json::organisation(scope, organisation(id)?)),
        Route::Components => json(json::components(scope, parameters)?),
        Route::OneComponent(id) => json(json::component(scope, component(id)?, parameters)?),
        Route::Results(id) => json(json::results(scope, archive, component(id)?, parameters)?),
        Route::Availability(id) => json(json::availability(scope, archive, component(id)?, parameters)?),
        Route::Incidents => json(json::incidents(scope, parameters)?),
        Route::OneIncident(id) => json(json::incident(scope, scope.incident(id).ok_or(Fault::NotFound)?, parameters)?),
        Route::Maintenances => json(json::maintenances(scope, parameters)?),
        Route::OneMaintenance(id) => json(json::maintenance(scope, scope.maintenance(id).ok_or(Fault::NotFound)?)),
    };
    Ok(document)
}

/// Takes a configured language off the front of a path.
fn language_prefix<'a>(site: &'a Site, path: &'a str) -> (Option<&'a str>, &'a str) {
    let first = path.strip_prefix('/').and_then(|rest| rest.split('/').next()).unwrap_or_default();
    match site.languages.iter().find(|language| &***language == first) {
        Some(language) => (Some(language), path.get(1 + first.len()..).unwrap_or_default()),
        None => (None, path),
    }
}

/// The query of a target but `lang`, encoded, with its question mark.
fn query_without_lang(target: &Target) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(target.query.iter().filter(|(name, _)| name != "lang"));
    let query = query.finish();
    if query.is_empty() { query } else { format!("?{query}") }
}

/// The parameters of a route. An empty value counts as absent, as forms send it.
#[derive(Debug, Default)]
struct Parameters<'a> {
    lang: Option<&'a str>,
    cursor: Option<&'a str>,
    organisation: Option<&'a str>,
    ars: Option<&'a str>,
    leika: Option<&'a str>,
    status: Option<&'a str>,
    kind: Option<&'a str>,
    q: Option<&'a str>,
    from: Option<&'a str>,
    to: Option<&'a str>,
}

impl<'a> Parameters<'a> {
    /// The question of a search as a query, with its question mark.
    fn query(&self) -> String {
        let question = self.q.map(|q| url::form_urlencoded::byte_serialize(q.as_bytes()).collect::<String>());
        question.map(|question| format!("?q={question}")).unwrap_or_default()
    }

    fn of(target: &'a Target, known: &[&str], words: Words) -> Result<Self, Rendered> {
        let mut parameters = Self::default();
        for (name, value) in target.query.iter().filter(|(name, value)| known.contains(&&**name) && !value.is_empty()) {
            let slot = match &**name {
                "lang" => &mut parameters.lang,
                "cursor" => &mut parameters.cursor,
                "organisation" => &mut parameters.organisation,
                "ars" => &mut parameters.ars,
                "leika" => &mut parameters.leika,
                "status" => &mut parameters.status,
                "kind" => &mut parameters.kind,
                "q" => &mut parameters.q,
                "from" => &mut parameters.from,
                "to" => &mut parameters.to,
                _ => continue,
            };
            if slot.replace(value).is_some() {
                let once = words.pick("darf nur einmal angegeben werden", "may be given only once");
                return Err(Rendered::BadRequest(format!("`{name}` {once}.")));
            }
        }
        Ok(parameters)
    }
}
