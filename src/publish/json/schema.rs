//! What our JSON looks like, for descriptions of the interface: the envelopes, which are written
//! by hand, around the schemas of the objects, which come from the types that are written.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use crate::model::search::FOUND_MAX;
use crate::model::snapshot::HealthWord;
use crate::model::status::Status;
use crate::publish::json::component::ComponentJson;
use crate::publish::json::found::{FoundComponent, FoundOrganisation, Total};
use crate::publish::json::incident::IncidentJson;
use crate::publish::json::maintenance::MaintenanceJson;
use crate::publish::json::organisation::OrganisationJson;
use crate::publish::json::past::{AvailabilityJson, ResultsJson};
use crate::publish::json::{Alive, Counts, Envelope, PAGE_ITEMS_MAX};
use crate::publish::route::Route;

/// The words of the indicator.
pub(in crate::publish) const INDICATORS: [&str; 5] = ["none", "minor", "major", "critical", "maintenance"];

/// The schema of what a route answers, with what it is called.
pub(in crate::publish) fn schema(route: Route<'_>, generator: &mut SchemaGenerator) -> Option<Schema> {
    let schema = match route {
        Route::Alive => generator.subschema_for::<Alive>(),
        Route::Summary => {
            let fields = [
                ("status", generator.subschema_for::<Status>().to_value()),
                ("indicator", json!({ "enum": INDICATORS })),
                ("health", generator.subschema_for::<Vec<HealthWord>>().to_value()),
                ("counts", generator.subschema_for::<Counts>().to_value()),
                ("incidents", items::<IncidentJson<'_>>(generator, PAGE_ITEMS_MAX)),
                ("maintenance", items::<MaintenanceJson<'_>>(generator, PAGE_ITEMS_MAX)),
            ];
            envelope(generator, "Summary", fields)
        }
        Route::Organisations => list::<OrganisationJson<'_>>(generator, "OrganisationList", "organisations"),
        Route::OneOrganisation(_) => single::<OrganisationJson<'_>>(generator, "OneOrganisation", "organisation"),
        Route::Components => list::<ComponentJson<'_>>(generator, "ComponentList", "components"),
        Route::OneComponent(_) => single::<ComponentJson<'_>>(generator, "OneComponent", "component"),
        Route::Results(_) => single::<ResultsJson<'_>>(generator, "ResultsOfComponent", "results"),
        Route::Availability(_) => single::<AvailabilityJson<'_>>(generator, "AvailabilityOfComponent", "availability"),
        Route::Incidents => list::<IncidentJson<'_>>(generator, "IncidentList", "incidents"),
        Route::OneIncident(_) => single::<IncidentJson<'_>>(generator, "OneIncident", "incident"),
        Route::Maintenances => list::<MaintenanceJson<'_>>(generator, "MaintenanceList", "maintenance"),
        Route::OneMaintenance(_) => single::<MaintenanceJson<'_>>(generator, "OneMaintenance", "maintenance"),
        Route::Found => {
            let asked = json!({ "type": "string", "description": "The question." });
            let fields = [
                ("q", asked),
                ("organisations", items::<FoundOrganisation<'_>>(generator, FOUND_MAX)),
                ("components", items::<FoundComponent<'_>>(generator, FOUND_MAX)),
                ("total", generator.subschema_for::<Total>().to_value()),
            ];
            envelope(generator, "Found", fields)
        }
        _ => return None,
    };
    Some(schema)
}

/// A list of at most so many.
fn items<T: JsonSchema>(generator: &mut SchemaGenerator, max: usize) -> Value {
    let item = generator.subschema_for::<T>();
    json!({ "type": "array", "maxItems": max, "items": item })
}

fn list<T: JsonSchema>(generator: &mut SchemaGenerator, called: &str, name: &'static str) -> Schema {
    let next = json!({
        "type": ["string", "null"],
        "description": "The `cursor` of the next page; null on the last one.",
    });
    let fields = [(name, items::<T>(generator, PAGE_ITEMS_MAX)), ("next", next)];
    envelope(generator, called, fields)
}

fn single<T: JsonSchema>(generator: &mut SchemaGenerator, called: &str, name: &'static str) -> Schema {
    let item = generator.subschema_for::<T>().to_value();
    envelope(generator, called, [(name, item)])
}

/// An answer with these fields, kept under its name beside the others.
fn envelope<const N: usize>(generator: &mut SchemaGenerator, called: &str, fields: [(&str, Value); N]) -> Schema {
    let mut schema = Envelope::json_schema(generator).to_value();
    let mut properties = Map::new();
    let mut required = Vec::new();
    for (name, field) in fields {
        required.push(Value::from(name));
        properties.insert(name.to_owned(), field);
    }
    if let Some(Value::Object(known)) = schema.get_mut("properties") {
        known.extend(properties);
    }
    if let Some(Value::Array(known)) = schema.get_mut("required") {
        known.extend(required);
    }
    generator.definitions_mut().insert(called.to_owned(), schema);
    json_schema!({ "$ref": format!("#/components/schemas/{called}") })
}
