//! The public part of the description: each route of the closed list that programs read.

use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};

use crate::model::catalogue::Site;
use crate::model::event::MaintenancePhase;
use crate::model::incident::IncidentStatus;
use crate::model::search::QUERY_BYTES_MAX;
use crate::model::status::{ComponentKind, OrganisationKind, Status};
use crate::publish::json;
use crate::publish::openapi::{files, members, path_parameters, response};
use crate::publish::route::{BadgeFormat, Place, Route, Statuspage};
use crate::publish::{badge, sse, statuspage};

/// What stands for an id in a path.
const ID: &str = "{id}";

/// The JSON routes of our own interface, one of each.
const OURS: [Route<'static>; 13] = [
    Route::Alive,
    Route::Summary,
    Route::Organisations,
    Route::OneOrganisation(ID),
    Route::Components,
    Route::OneComponent(ID),
    Route::Results(ID),
    Route::Availability(ID),
    Route::Incidents,
    Route::OneIncident(ID),
    Route::Maintenances,
    Route::OneMaintenance(ID),
    Route::Found,
];

/// What is told of a route.
pub(super) struct Told {
    pub(super) id: &'static str,
    pub(super) tag: &'static str,
    pub(super) summary: &'static str,
}

/// The paths with their operations.
pub(super) fn paths(site: &Site, generator: &mut SchemaGenerator) -> Map<String, Value> {
    let places = [Place::Site, Place::Organisation("{organisation}")];
    let theirs = places.into_iter().flat_map(|place| Statuspage::ALL.map(|file| Route::Statuspage(place, file)));
    let mut paths = Map::new();
    for route in OURS.into_iter().chain(theirs).chain(files::routes()) {
        let (Some(told), Some(content)) = (told(route), content(route, generator)) else { continue };
        let path = files::path(route);
        let mut parameters = path_parameters(&path);
        parameters.extend(route.query().iter().map(|name| parameter(site, Some(route), name, generator)));
        let operation = json!({
            "operationId": operation_id(route, &told),
            "tags": [told.tag],
            "summary": told.summary,
            "parameters": parameters,
            "responses": answers(&path, &content),
        });
        paths.insert(path, json!({ "get": operation }));
    }
    paths.insert(sse::PATH.to_owned(), json!({ "get": files::events(site, generator) }));
    paths
}

/// What a route answers, by media type.
fn content(route: Route<'_>, generator: &mut SchemaGenerator) -> Option<Value> {
    let schema = match route {
        Route::Statuspage(_, file) => statuspage::schema(file, generator),
        Route::Badge(_, BadgeFormat::Json) => badge::schema(generator),
        route => match json::schema::schema(route, generator) {
            Some(schema) => schema,
            None => return files::content(route),
        },
    };
    Some(json!({ "application/json": { "schema": schema } }))
}

fn told(route: Route<'_>) -> Option<Told> {
    let (id, summary) = match route {
        Route::Alive => ("getAlive", "Whether this copy is fresh"),
        Route::Summary => ("getSummary", "Status, counts, open incidents and planned maintenance"),
        Route::Organisations => ("listOrganisations", "Public bodies with what their page shows, by id"),
        Route::OneOrganisation(_) => ("getOrganisation", "A public body with what its page shows"),
        Route::Components => ("listComponents", "What has a status, by id"),
        Route::OneComponent(_) => ("getComponent", "One thing that has a status"),
        Route::Results(_) => ("getResults", "Every single result of a range; of the last 24 hours, if none is named"),
        Route::Availability(_) => {
            ("getAvailability", "Availability in a range and by day; in the last 30 days, if none is named")
        }
        Route::Incidents => ("listIncidents", "Incidents, the newest first"),
        Route::OneIncident(_) => ("getIncident", "An incident"),
        Route::Maintenances => ("listMaintenance", "Planned work, by its begin"),
        Route::Found => ("search", "Organisations and components that are found by words, the best first"),
        Route::OneMaintenance(_) => ("getMaintenance", "Planned work"),
        Route::Statuspage(_, file) => {
            let (id, summary) = match file {
                Statuspage::Status => ("Status", "The indicator"),
                Statuspage::Summary => {
                    ("Summary", "The indicator, components, unresolved incidents, and maintenances that are not over")
                }
                Statuspage::Components => ("Components", "Components; one with parts is a group"),
                Statuspage::Incidents => ("Incidents", "The 50 newest incidents"),
                Statuspage::Unresolved => ("UnresolvedIncidents", "Unresolved incidents"),
                Statuspage::Scheduled => ("ScheduledMaintenances", "Maintenances: 50, those that are not over first"),
                Statuspage::Upcoming => ("UpcomingMaintenances", "Maintenances that have not begun"),
                Statuspage::Active => ("ActiveMaintenances", "Maintenances in progress"),
            };
            return Some(Told { id, tag: "Statuspage", summary });
        }
        _ => return files::told(route),
    };
    Some(Told { id, tag: "Status", summary })
}

fn operation_id(route: Route<'_>, told: &Told) -> String {
    match route {
        Route::Statuspage(Place::Site, _) => format!("statuspage{}", told.id),
        Route::Statuspage(..) => format!("statuspage{}OfOrganisation", told.id),
        route => match files::place(route) {
            Some(Place::Organisation(_)) => format!("{}OfOrganisation", told.id),
            Some(Place::Component(..)) => format!("{}OfComponent", told.id),
            Some(Place::Site) | None => told.id.to_owned(),
        },
    }
}

fn answers(path: &str, content: &Value) -> Value {
    let mut answers = members(json!({
        "200": {
            "description": "Here it is.",
            "headers": { "ETag": { "$ref": "#/components/headers/ETag" } },
            "content": content,
        },
        "304": response("Unchanged"),
        "308": response("Moved"),
        "400": response("BadRequest"),
        "414": response("TooLong"),
        "503": response("Unavailable"),
    }));
    if path.contains('{') {
        answers.insert("404".to_owned(), response("NotFound"));
        answers.insert("410".to_owned(), response("Gone"));
    }
    Value::Object(answers)
}

/// A parameter of the query. An empty one counts as left out.
pub(super) fn parameter(site: &Site, route: Option<Route<'_>>, name: &str, generator: &mut SchemaGenerator) -> Value {
    let (description, schema) = match name {
        "ars" => (
            "The first 2 to 12 digits of a Regionalschlüssel: what is shown on a page below it.",
            json!({ "type": "string", "pattern": "^([0-9]{2,12})?$" }),
        ),
        "leika" => ("A LeiKa key.", json!({ "type": "string", "pattern": "^([0-9]{14})?$" })),
        "organisation" => (
            "The id of an organisation: as its page shows it. One that does not exist is refused (400).",
            json!({ "type": "string", "pattern": "^([a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?)?$" }),
        ),
        "cursor" => {
            let pattern = match route {
                Some(Route::Incidents | Route::Maintenances) => r"^([0-9]{1,15}\.[a-z0-9.-]{1,128})?$",
                _ => "^[a-z0-9.-]{0,129}$",
            };
            ("`next` of the page before.", json!({ "type": "string", "pattern": pattern }))
        }
        "lang" => {
            let languages: Vec<&str> =
                site.languages.iter().map(|language| &**language).chain(std::iter::once("")).collect();
            ("Forwards to the path in this language.", json!({ "type": "string", "enum": languages }))
        }
        "status" => {
            let schema = match route {
                Some(Route::Incidents) => generator.subschema_for::<IncidentStatus>(),
                Some(Route::Maintenances) => generator.subschema_for::<MaintenancePhase>(),
                _ => generator.subschema_for::<Status>(),
            };
            ("Only with this status.", schema.to_value())
        }
        "kind" => match route {
            Some(Route::Organisations) => {
                ("Only of this kind.", generator.subschema_for::<OrganisationKind>().to_value())
            }
            Some(Route::Components) => ("Only of this kind.", generator.subschema_for::<ComponentKind>().to_value()),
            _ => ("Only with a component of this kind.", generator.subschema_for::<ComponentKind>().to_value()),
        },
        "from" => (
            "The begin of the range: an instant with its offset, or a day in the site's time zone (its begin).",
            instant_or_day(),
        ),
        "to" => (
            "The end of the range: an instant with its offset, or a day in the site's time zone (its end). At most now.",
            instant_or_day(),
        ),
        "q" => (
            "The question: at most 200 bytes and 8 words, each of which must begin a word of what is found.",
            json!({ "type": "string", "maxLength": QUERY_BYTES_MAX }),
        ),
        "last_event_id" => (
            "The `id` of the last event, or the `position` of a document: what was missed since is told first.",
            json!({ "type": "string", "pattern": "^[0-9]{0,20}$" }),
        ),
        _ => ("", json!({ "type": "string" })),
    };
    json!({ "name": name, "in": "query", "description": description, "schema": schema })
}

/// A begin or an end. An empty one counts as left out.
fn instant_or_day() -> Value {
    json!({
        "anyOf": [
            { "type": "string", "format": "date-time" },
            { "type": "string", "format": "date" },
            { "type": "string", "maxLength": 0 },
        ],
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Routes for people, and what our own pages load.
    const OTHERS: &[&str] = &[
        "overview",
        "organisation",
        "component",
        "history",
        "incident",
        "planned",
        "maintenance",
        "search",
        "docs",
        "widget",
        "openapi",
        "security_text",
        "asset",
    ];

    #[test]
    fn every_route_of_the_closed_list_is_described_or_named_as_none_of_these() {
        let code = include_str!("../route.rs");
        let (_, code) = code.split_once("const fn label(").expect("the labels");
        let (code, _) = code.split_once("\n    }\n").expect("their end");
        let labels: BTreeSet<&str> = code.split("=> \"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert!(labels.len() > 30, "{labels:?}");
        let described =
            OURS.into_iter().chain([Route::Statuspage(Place::Site, Statuspage::Status)]).chain(files::routes());
        let mut known: BTreeSet<&str> = described.clone().map(Route::label).collect();
        known.extend(OTHERS);
        assert_eq!(labels, known);
        assert!(described.into_iter().all(|route| told(route).is_some()));
    }
}
