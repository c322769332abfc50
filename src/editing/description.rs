//! What the admin interface knows, for descriptions of it: each operation with the type of its
//! body. What an operation does is read in `editing`; a test holds both together.

use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::editing::raw;

/// One operation.
#[derive(Debug)]
pub struct Operation {
    /// Its name.
    pub id: &'static str,
    /// The method.
    pub method: &'static str,
    /// The path below `/api/v1/admin`, with names in braces.
    pub path: &'static str,
    /// What it does.
    pub summary: &'static str,
    /// The schema of its body, if it has one.
    pub body: Option<fn(&mut SchemaGenerator) -> Schema>,
    /// Whether something new comes of it.
    pub creates: bool,
    /// What its answer shows.
    pub shown: Shown,
}

impl Operation {
    /// Whether its body may be left out.
    pub fn may_be_empty(&self) -> bool {
        self.method == "DELETE" || self.shown == Shown::Test
    }

    const fn read(id: &'static str, path: &'static str, summary: &'static str, shown: Shown) -> Self {
        Self { id, method: "GET", path, summary, body: None, creates: false, shown }
    }

    const fn new(
        id: &'static str,
        method: &'static str,
        path: &'static str,
        summary: &'static str,
        shown: Shown,
    ) -> Self {
        Self { id, method, path, summary, body: None, creates: false, shown }
    }

    const fn with(self, body: fn(&mut SchemaGenerator) -> Schema) -> Self {
        Self { body: Some(body), ..self }
    }

    const fn creating(self) -> Self {
        Self { creates: true, ..self }
    }
}

/// What an answer shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// What concerns the editor's organisations.
    Overview,
    /// An incident.
    Incident,
    /// Incidents.
    Incidents,
    /// A maintenance.
    Maintenance,
    /// Maintenances.
    Maintenances,
    /// A component.
    Component,
    /// Components.
    Components,
    /// The last probes of a component.
    Probes,
    /// The audit log.
    Audit,
    /// The operator's metrics, which are text.
    Metrics,
    /// What whoever is on call looks at first.
    Operations,
    /// Who is sent a test.
    Test,
}

fn of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// Every operation.
pub const OPERATIONS: &[Operation] = &[
    Operation::read("getOverview", "/overview", "Shows what concerns the editor's organisations", Shown::Overview),
    Operation::read("adminListIncidents", "/incidents", "Lists incidents, open ones first", Shown::Incidents),
    Operation::new("openIncident", "POST", "/incidents", "Opens an incident", Shown::Incident)
        .with(of::<raw::Incident>)
        .creating(),
    Operation::read("adminGetIncident", "/incidents/{id}", "Shows an incident, with internal texts", Shown::Incident),
    Operation::new("changeIncident", "PATCH", "/incidents/{id}", "Changes an incident", Shown::Incident)
        .with(of::<raw::Incident>),
    Operation::new("addUpdate", "POST", "/incidents/{id}/updates", "Publishes an update", Shown::Incident)
        .with(of::<raw::Incident>),
    Operation::new(
        "correctUpdate",
        "PATCH",
        "/incidents/{id}/updates/{update}",
        "Corrects the text of an update",
        Shown::Incident,
    )
    .with(of::<raw::Correction>),
    Operation::new(
        "retractUpdate",
        "DELETE",
        "/incidents/{id}/updates/{update}",
        "Takes an update back",
        Shown::Incident,
    ),
    Operation::new("mergeIncident", "POST", "/incidents/{id}/merge", "Continues it in another one", Shown::Incident)
        .with(of::<raw::Merge>),
    Operation::new(
        "splitIncident",
        "POST",
        "/incidents/{id}/split",
        "Goes on with some components in an incident of their own",
        Shown::Incident,
    )
    .with(of::<raw::Split>)
    .creating(),
    Operation::new(
        "putOverlay",
        "PUT",
        "/incidents/{id}/overlays/{organisation}",
        "Puts a town's own words beside it",
        Shown::Incident,
    )
    .with(of::<raw::Words>),
    Operation::new(
        "removeOverlay",
        "DELETE",
        "/incidents/{id}/overlays/{organisation}",
        "Takes a town's own words away",
        Shown::Incident,
    ),
    Operation::read("adminListMaintenance", "/maintenance", "Lists planned work", Shown::Maintenances),
    Operation::new("planMaintenance", "POST", "/maintenance", "Announces planned work", Shown::Maintenance)
        .with(of::<raw::Maintenance>)
        .creating(),
    Operation::read("adminGetMaintenance", "/maintenance/{id}", "Shows planned work", Shown::Maintenance),
    Operation::new(
        "changeMaintenance",
        "PATCH",
        "/maintenance/{id}",
        "Changes planned work, or calls it off",
        Shown::Maintenance,
    )
    .with(of::<raw::Maintenance>),
    Operation::new(
        "updateMaintenance",
        "POST",
        "/maintenance/{id}/updates",
        "Says something, or that all or a part is over",
        Shown::Maintenance,
    )
    .with(of::<raw::MaintenanceWord>),
    Operation::read(
        "adminListComponents",
        "/components",
        "Lists the components that the token may change, internal ones first",
        Shown::Components,
    ),
    Operation::read("adminGetComponent", "/components/{id}", "Shows what editors set", Shown::Component),
    Operation::new("setOverride", "PUT", "/components/{id}/override", "Sets a status by hand", Shown::Component)
        .with(of::<raw::Override>),
    Operation::new(
        "removeOverride",
        "DELETE",
        "/components/{id}/override",
        "Gives the status back to its checks",
        Shown::Component,
    ),
    Operation::new("setLocal", "PUT", "/components/{id}/local", "Says what differs in some towns", Shown::Component)
        .with(of::<raw::Local>),
    Operation::new(
        "removeLocal",
        "DELETE",
        "/components/{id}/local",
        "Takes that back for the organisations named, or for all",
        Shown::Component,
    )
    .with(of::<raw::Named>),
    Operation::read("getProbes", "/components/{id}/probes", "Shows the last probes in full", Shown::Probes),
    Operation::new(
        "testNotifications",
        "POST",
        "/notifications/test",
        "Sends a test message to everybody who is told of anything, or to one; for an admin of all organisations",
        Shown::Test,
    )
    .with(of::<raw::NotificationTest>),
    Operation::read("getAudit", "/audit", "Shows the audit log", Shown::Audit),
    Operation::read("getMetrics", "/metrics", "Gives the operator's metrics to a token for metrics", Shown::Metrics),
    Operation::read(
        "getOperations",
        "/operations",
        "Shows what fails, what ends soon, and how the program is",
        Shown::Operations,
    ),
];
