//! What programs read that is not our JSON: feeds, calendars, badges, lines of text, pieces of
//! pages, and the stream of events.

use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};

use crate::model::catalogue::Site;
use crate::publish::json::schema::schema;
use crate::publish::openapi::public::{Told, parameter};
use crate::publish::openapi::response;
use crate::publish::route::{BadgeFormat, Feed, FeedFormat, Place, Route};
use crate::publish::sse;

/// What stands for the ids of a place in a path.
const ORGANISATION: Place<'static> = Place::Organisation("{organisation}");
const COMPONENT: Place<'static> = Place::Component("{organisation}", "{component}");
const PLACES: [Place<'static>; 3] = [Place::Site, ORGANISATION, COMPONENT];

/// The formats of a feed with their media types.
const FEEDS: [&str; 3] = ["application/atom+xml", "application/rss+xml", "application/feed+json"];

/// The routes, one of each place. One of the formats of a feed stands for all.
pub(super) fn routes() -> impl Iterator<Item = Route<'static>> + Clone {
    let feeds = [Feed::Updates, Feed::Incidents].into_iter();
    let feeds = feeds.flat_map(|feed| PLACES.map(|place| Route::Feed(place, feed, FeedFormat::Atom)));
    let calendars = [Place::Site, ORGANISATION].map(Route::Calendar);
    let badges = [BadgeFormat::Svg, BadgeFormat::Json].into_iter();
    let badges = badges.flat_map(|format| PLACES.map(|place| Route::Badge(place, format)));
    let embeds = [ORGANISATION, COMPONENT].into_iter().flat_map(|place| [Route::Embed(place), Route::Fragment(place)]);
    let text = Route::StatusText("{organisation}");
    feeds.chain(calendars).chain(badges).chain([text]).chain(embeds)
}

/// The path of a route; a feed's with its format in braces.
pub(super) fn path(route: Route<'_>) -> String {
    match route {
        Route::Feed(..) => route.path().replace(".atom", ".{format}"),
        route => route.path(),
    }
}

/// Whose it is, where that differs.
pub(super) const fn place(route: Route<'_>) -> Option<Place<'_>> {
    match route {
        Route::Feed(place, ..)
        | Route::Calendar(place)
        | Route::Badge(place, _)
        | Route::Embed(place)
        | Route::Fragment(place) => Some(place),
        _ => None,
    }
}

pub(super) const fn told(route: Route<'_>) -> Option<Told> {
    let (id, summary) = match route {
        Route::Feed(_, Feed::Incidents, _) => ("getIncidentFeed", "A feed with one entry per incident"),
        Route::Feed(..) => ("getFeed", "A feed with one entry per update"),
        Route::Calendar(_) => ("getCalendar", "Planned work as a calendar (RFC 5545), to subscribe to"),
        Route::Badge(_, BadgeFormat::Svg) => ("getBadge", "A name and a status word as a picture"),
        Route::Badge(_, BadgeFormat::Json) => ("getBadgeData", "A name and a status word for shields.io"),
        Route::StatusText(_) => {
            ("getStatusText", "Lines of text: the body, what of it is not operational, open incidents")
        }
        Route::Embed(_) => ("getEmbed", "A document for a frame in a page of yours"),
        Route::Fragment(_) => ("getFragment", "A piece of HTML for server-side include"),
        _ => return None,
    };
    Some(Told { id, tag: "Files", summary })
}

/// What a route answers, by media type.
pub(super) fn content(route: Route<'_>) -> Option<Value> {
    let types: &[&str] = match route {
        Route::Feed(..) => &FEEDS,
        Route::Calendar(_) => &["text/calendar"],
        Route::Badge(_, BadgeFormat::Svg) => &["image/svg+xml"],
        Route::StatusText(_) => &["text/plain"],
        Route::Embed(_) | Route::Fragment(_) => &["text/html"],
        _ => return None,
    };
    let content = types.iter().map(|media| {
        let kind = if media.ends_with("json") { "object" } else { "string" };
        ((*media).to_owned(), json!({ "schema": { "type": kind } }))
    });
    Some(Value::Object(content.collect()))
}

/// The operation of the stream of events.
pub(super) fn events(site: &Site, generator: &mut SchemaGenerator) -> Value {
    let mut parameters: Vec<Value> = sse::QUERY.iter().map(|name| parameter(site, None, name, generator)).collect();
    parameters.push(json!({
        "name": "Last-Event-ID",
        "in": "header",
        "description": "Like `last_event_id`. Browsers send it when they come back.",
        "schema": { "type": "string" },
    }));
    let mut told: Map<String, Value> =
        sse::schemas(generator).into_iter().map(|(name, schema)| (name.to_owned(), schema.to_value())).collect();
    if let Some(alive) = schema(Route::Alive, generator) {
        told.insert("alive".to_owned(), alive.to_value());
    }
    json!({
        "operationId": "followEvents",
        "tags": ["Status"],
        "summary": "What changes, as it changes: a stream of server-sent events that does not end",
        "parameters": parameters,
        "responses": {
            "200": {
                "description": "The stream. The `data` of each event is JSON, as told under its name.",
                "content": { "text/event-stream": { "schema": { "type": "string", "$defs": told } } },
            },
            "308": response("Moved"),
            "400": response("BadRequest"),
            "414": response("TooLong"),
            "503": response("Unavailable"),
        },
    })
}
