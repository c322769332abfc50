//! The public part of the description: each JSON route of the closed list.

use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::model::catalogue::Site;
use crate::model::event::MaintenancePhase;
use crate::model::incident::IncidentStatus;
use crate::model::status::{ComponentKind, OrganisationKind, Status};
use crate::publish::json;
use crate::publish::openapi::{members, path_parameters, response};
use crate::publish::route::{Place, Route, Statuspage};
use crate::publish::statuspage;

/// What stands for an id in a path.
const ID: &str = "{id}";

/// The JSON routes of our own interface, one of each.
const OURS: [Route<'static>; 10] = [
    Route::Alive,
    Route::Summary,
    Route::Organisations,
    Route::OneOrganisation(ID),
    Route::Components,
    Route::OneComponent(ID),
    Route::Incidents,
    Route::OneIncident(ID),
    Route::Maintenances,
    Route::OneMaintenance(ID),
];

/// What is told of a route.
struct Told {
    id: &'static str,
    tag: &'static str,
    summary: &'static str,
}

/// The paths with their operations.
pub(super) fn paths(site: &Site, generator: &mut SchemaGenerator) -> Map<String, Value> {
    let places = [Place::Site, Place::Organisation("{organisation}")];
    let theirs = places.into_iter().flat_map(|place| Statuspage::ALL.map(|file| Route::Statuspage(place, file)));
    let mut paths = Map::new();
    for route in OURS.into_iter().chain(theirs) {
        let (Some(told), Some(schema)) = (told(route), schema(route, generator)) else { continue };
        let path = route.path();
        let mut parameters = path_parameters(&path);
        parameters.extend(route.query().iter().map(|name| parameter(site, route, name, generator)));
        let operation = json!({
            "operationId": operation_id(route, &told),
            "tags": [told.tag],
            "summary": told.summary,
            "parameters": parameters,
            "responses": answers(route, &schema.to_value()),
        });
        paths.insert(path, json!({ "get": operation }));
    }
    paths
}

/// The schema of what a route answers.
fn schema(route: Route<'_>, generator: &mut SchemaGenerator) -> Option<Schema> {
    match route {
        Route::Statuspage(_, file) => Some(statuspage::schema(file, generator)),
        route => json::schema::schema(route, generator),
    }
}

const fn told(route: Route<'_>) -> Option<Told> {
    let (id, summary) = match route {
        Route::Alive => ("getAlive", "Whether this copy is fresh"),
        Route::Summary => ("getSummary", "Status, counts, open incidents and planned maintenance"),
        Route::Organisations => ("listOrganisations", "Public bodies with what their page shows, by id"),
        Route::OneOrganisation(_) => ("getOrganisation", "A public body with what its page shows"),
        Route::Components => ("listComponents", "What has a status, by id"),
        Route::OneComponent(_) => ("getComponent", "One thing that has a status"),
        Route::Incidents => ("listIncidents", "Incidents, the newest first"),
        Route::OneIncident(_) => ("getIncident", "An incident"),
        Route::Maintenances => ("listMaintenance", "Planned work, by its begin"),
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
        _ => return None,
    };
    Some(Told { id, tag: "Status", summary })
}

fn operation_id(route: Route<'_>, told: &Told) -> String {
    match route {
        Route::Statuspage(Place::Site, _) => format!("statuspage{}", told.id),
        Route::Statuspage(..) => format!("statuspage{}OfOrganisation", told.id),
        _ => told.id.to_owned(),
    }
}

fn answers(route: Route<'_>, schema: &Value) -> Value {
    let mut answers = members(json!({
        "200": {
            "description": "Here it is.",
            "headers": { "ETag": { "$ref": "#/components/headers/ETag" } },
            "content": { "application/json": { "schema": schema } },
        },
        "304": response("Unchanged"),
        "308": response("Moved"),
        "400": response("BadRequest"),
        "414": response("TooLong"),
        "503": response("Unavailable"),
    }));
    if route.path().contains('{') {
        answers.insert("404".to_owned(), response("NotFound"));
        answers.insert("410".to_owned(), response("Gone"));
    }
    Value::Object(answers)
}

/// A parameter of the query. An empty one counts as left out.
fn parameter(site: &Site, route: Route<'_>, name: &str, generator: &mut SchemaGenerator) -> Value {
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
                Route::Incidents | Route::Maintenances => r"^([0-9]{1,15}\.[a-z0-9.-]{1,128})?$",
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
                Route::Incidents => generator.subschema_for::<IncidentStatus>(),
                Route::Maintenances => generator.subschema_for::<MaintenancePhase>(),
                _ => generator.subschema_for::<Status>(),
            };
            ("Only with this status.", schema.to_value())
        }
        "kind" => match route {
            Route::Organisations => ("Only of this kind.", generator.subschema_for::<OrganisationKind>().to_value()),
            Route::Components => ("Only of this kind.", generator.subschema_for::<ComponentKind>().to_value()),
            _ => ("Only with a component of this kind.", generator.subschema_for::<ComponentKind>().to_value()),
        },
        _ => ("", json!({ "type": "string" })),
    };
    json!({ "name": name, "in": "query", "description": description, "schema": schema })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Routes that answer no JSON of ours, or are not built.
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
        "feed",
        "organisation_feed",
        "component_feed",
        "calendar",
        "organisation_calendar",
        "badge",
        "status_text",
        "widget",
        "embed",
        "fragment",
        "api_results",
        "api_availability",
        "api_search",
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
        let described = OURS.into_iter().chain([Route::Statuspage(Place::Site, Statuspage::Status)]);
        let mut known: BTreeSet<&str> = described.clone().map(Route::label).collect();
        known.extend(OTHERS);
        assert_eq!(labels, known);
        assert!(described.into_iter().all(|route| told(route).is_some()));
    }
}
