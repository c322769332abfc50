//! Alertmanager: whatever stands is said again and again, to every instance, until it is over.
//!
//! Nothing is remembered: after a restart what stands is said anew, and what ended lately is said to have ended.
//! Alertmanager itself sees to it that nobody is told twice.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::model::catalogue::Catalogue;
use crate::model::event::MaintenancePhase;
use crate::model::id::ComponentId;
use crate::model::incident::{Impact, Incident};
use crate::model::notify::Credentials;
use crate::model::time::Timestamp;
use crate::notify::Outcome;
use crate::notify::facts::Facts;
use crate::notify::webhook::{Allowed, is_open, sentence};

/// What stands is said again so often.
pub const RESEND: Duration = Duration::from_secs(60);

/// An alert that is not said again ends by itself after so long: as with Prometheus, four times as long.
const STANDS_FOR: Duration = Duration::from_secs(240);

/// What ended is said for so long, in case it was not heard.
const ENDED_SAID_FOR: Duration = Duration::from_secs(900);

/// Most alerts in one request.
const ALERTS_MAX: usize = 500;

/// An alert: its labels, by which Alertmanager knows it, and the rest.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// What tells it from others.
    pub labels: BTreeMap<&'static str, String>,
    /// What it says.
    pub summary: String,
    /// The page that shows it.
    pub page: String,
    /// When it began.
    pub starts_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

impl Alert {
    /// As Alertmanager reads it.
    pub fn json(&self, now: Timestamp) -> Value {
        json!({
            "labels": self.labels,
            "annotations": { "summary": self.summary },
            "startsAt": self.starts_at.to_string(),
            "endsAt": self.ended_at.unwrap_or_else(|| now.plus(STANDS_FOR)).to_string(),
            "generatorURL": self.page,
        })
    }
}

/// What stands, and what ended lately. `title` writes an incident's title.
pub fn alerts(
    facts: &Facts,
    title: &dyn Fn(&Incident) -> String,
    storage: Option<Timestamp>,
    now: Timestamp,
) -> Vec<Alert> {
    let base = &facts.catalogue.site.public_url;
    let lately = |at: Timestamp| at.plus(ENDED_SAID_FOR) > now;
    let mut alerts = Vec::new();
    for incident in facts.incidents.values() {
        let ended_at = (!incident.is_open()).then(|| incident.resolved_at.unwrap_or(facts.at));
        // An end that an editor backdated is still news when it is told.
        if ended_at.is_some_and(|at| !lately(at) && !incident.touched_at.is_some_and(lately)) {
            continue;
        }
        let page = format!("{base}/incidents/{}", incident.id);
        let labels = |name: &str, severity: &str| {
            let owner = owner(&facts.catalogue, &incident.root);
            BTreeMap::from([
                ("alertname", name.to_owned()),
                ("incident", incident.id.to_string()),
                ("root", incident.root.to_string()),
                ("owner", owner),
                ("severity", severity.to_owned()),
            ])
        };
        alerts.push(Alert {
            labels: labels("TurmwachtIncident", incident.impact.as_str()),
            summary: title(incident),
            page: page.clone(),
            starts_at: incident.started_at,
            ended_at,
        });
        if let Some(by) = incident.next_update_by.filter(|_| incident.is_overdue(now)) {
            alerts.push(Alert {
                labels: labels("TurmwachtPromiseOverdue", Impact::Minor.as_str()),
                summary: format!("Zugesagte Meldung überfällig: {}", title(incident)),
                page,
                starts_at: by,
                ended_at: None,
            });
        }
    }
    for notice in facts.maintenance.values().filter(|notice| notice.phase == MaintenancePhase::Overrunning) {
        let labels = [
            ("alertname", "TurmwachtMaintenanceOverrunning".to_owned()),
            ("maintenance", notice.id.to_string()),
            ("severity", Impact::Minor.as_str().to_owned()),
        ];
        alerts.push(Alert {
            labels: BTreeMap::from(labels),
            summary: "Geplante Arbeiten dauern länger als angekündigt".to_owned(),
            page: format!("{base}/maintenance/{}", notice.id),
            starts_at: notice.until.at,
            ended_at: None,
        });
    }
    let own = |name: &str, severity: Impact, more: Option<(&'static str, String)>| {
        let labels = [("alertname", name.to_owned()), ("severity", severity.as_str().to_owned())];
        labels.into_iter().chain(more).collect::<BTreeMap<_, _>>()
    };
    alerts.extend(facts.blind.iter().map(|path| Alert {
        labels: own("TurmwachtBlind", Impact::Major, Some(("path", path.to_string()))),
        summary: format!("Unser eigener Weg ist unterbrochen: {path}"),
        page: base.clone(),
        starts_at: facts.at,
        ended_at: None,
    }));
    alerts.extend(storage.map(|since| Alert {
        labels: own("TurmwachtStorage", Impact::Critical, None),
        summary: "Der Speicher lässt sich nicht beschreiben".to_owned(),
        page: base.clone(),
        starts_at: since,
        ended_at: None,
    }));
    alerts
}

/// Who owns a component; empty if it is gone.
fn owner(catalogue: &Catalogue, id: &ComponentId) -> String {
    let component = catalogue.component_index(id.as_str()).and_then(|index| catalogue.component(index));
    let owner = component.and_then(|component| catalogue.organisations.get(component.owner as usize));
    owner.map(|owner| owner.id.to_string()).unwrap_or_default()
}

/// What was said to stand and is not said any more, with its end: the impact of an incident changed, say.
pub fn ended(before: &[Alert], current: &[Alert], now: Timestamp) -> Vec<Alert> {
    let said = |alert: &&Alert| alert.ended_at.is_none() && !current.iter().any(|other| other.labels == alert.labels);
    before.iter().filter(said).map(|alert| Alert { ended_at: Some(now), ..alert.clone() }).collect()
}

/// The body of each request.
pub fn bodies(alerts: &[Alert], now: Timestamp) -> Vec<String> {
    let body =
        |alerts: &[Alert]| Value::from(alerts.iter().map(|alert| alert.json(now)).collect::<Vec<_>>()).to_string();
    alerts.chunks(ALERTS_MAX).map(body).collect()
}

/// The body of a test: an alert of the least severity that ends by itself within a minute.
pub fn test(page: &str, now: Timestamp) -> String {
    let labels = [("alertname", "TurmwachtTest".to_owned()), ("severity", Impact::None.as_str().to_owned())];
    let alert = Alert {
        labels: BTreeMap::from(labels),
        summary: "Das ist eine Probe: Meldungen kommen an".to_owned(),
        page: page.to_owned(),
        starts_at: now,
        ended_at: Some(now.plus(Duration::from_secs(60))),
    };
    Value::from(vec![alert.json(now)]).to_string()
}

/// Tells one instance.
pub async fn send(
    client: &reqwest::Client,
    url: &url::Url,
    credentials: Option<&Credentials>,
    allowed: &Allowed,
    body: String,
) -> Outcome {
    if !is_open(url, allowed) {
        return Outcome::Refused("its address is not public and not in [probing] private_networks".to_owned());
    }
    let mut target = url.clone();
    if let Ok(mut segments) = target.path_segments_mut() {
        segments.pop_if_empty().extend(["api", "v2", "alerts"]);
    }
    let mut request = client.post(target).header("content-type", "application/json").body(body);
    request = match credentials {
        Some(Credentials::Basic(name, password)) => request.basic_auth(name, Some(password.reveal())),
        Some(Credentials::Bearer(token)) => request.bearer_auth(token.reveal()),
        None => request,
    };
    match request.send().await {
        Ok(response) if response.status().is_success() => Outcome::Accepted,
        Ok(response) => Outcome::Later(format!("it answered {}", response.status().as_u16()), None),
        Err(error) => Outcome::Unreachable(sentence(error)),
    }
}
