//! The catalogue: everything that `config.toml` and the probe files declare, validated, with the
//! indexes that the engine and the pages need.
//!
//! A catalogue is immutable. It is made by `config` (which guarantees what the fields promise:
//! unique ids, no cycles, references that exist), recorded whole in the log's store, and read
//! back from there. It holds no secret values. It does hold targets and internal components,
//! so no page or feed may read it: they read `model::snapshot`.

mod pages;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::alternative::{Alternative, Link};
use crate::model::catalogue::pages::Pages;
use crate::model::check::Check;
use crate::model::id::{AgreementId, CheckKey, ComponentId, MaintenanceId, OrganisationId};
use crate::model::look::{Logo, Theme};
use crate::model::status::{ComponentKind, Delivery, Lifecycle, Mode, OrganisationKind, Processing, Status};
use crate::model::text::{Language, Plain, Text};
use crate::model::time::{Timestamp, duration_text};
use crate::model::window::{Recurrence, When};

/// What is declared, as it is stored: everything but the indexes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Declared {
    /// Title, languages and links of the site.
    pub site: Site,
    /// What the engine must know of `[probing]` and `[vantage]`.
    pub watch: Watch,
    /// Organisations in the order of their declaration.
    pub organisations: Vec<Organisation>,
    /// Components in the order of their declaration, a part right after what it is part of.
    pub components: Vec<Component>,
    /// Checks, grouped by component in the order of `components`.
    pub checks: Vec<Check>,
    /// What differs in some towns.
    pub locals: Vec<Local>,
    /// Planned work.
    pub maintenances: Vec<Maintenance>,
    /// Service-level agreements.
    pub agreements: Vec<Agreement>,
    /// The pictures that [`SiteLinks::logo`] names, each once.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub logos: BTreeMap<String, Logo>,
}

/// The site.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Site {
    /// Its title.
    pub title: Text,
    /// Its languages, the default first. Never empty.
    pub languages: Vec<Language>,
    /// IANA name of its time zone.
    pub timezone: String,
    /// Every absolute link begins with this; no trailing slash.
    pub public_url: String,
    /// The authority of `tag:` ids in feeds.
    pub feed_authority: String,
    /// Imprint and so on, for every page that has none of its own.
    pub links: SiteLinks,
    /// Where weaknesses are to be reported, if not to the usual contact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_contact: Option<Link>,
}

impl Default for Site {
    fn default() -> Self {
        Self {
            title: Text::default(),
            languages: vec![Arc::from("de")],
            timezone: "Europe/Berlin".to_owned(),
            public_url: String::new(),
            feed_authority: "localhost".to_owned(),
            links: SiteLinks::default(),
            security_contact: None,
        }
    }
}

impl Site {
    /// The default language.
    pub fn language(&self) -> &str {
        self.languages.first().map_or("de", |language| language)
    }
}

/// `[site]`: links and looks of every page.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteLinks {
    /// Impressum
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imprint: Option<Link>,
    /// Datenschutz
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privacy: Option<Link>,
    /// Erklärung zur Barrierefreiheit
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accessibility: Option<Link>,
    /// Kontakt
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<Link>,
    /// The name of its logo among [`Declared::logos`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logo: Option<String>,
    /// Its colours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub theme: Option<Theme>,
}

/// What the engine must know of the operator's settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// How long nothing may fail before an automatic incident is resolved.
    #[serde(with = "duration_text")]
    pub quiet: Duration,
    /// How long a confirmation waits for a reference: the default probe timeout.
    #[serde(with = "duration_text")]
    pub timeout: Duration,
    /// The vantage point's name.
    pub vantage: String,
}

impl Default for Watch {
    fn default() -> Self {
        Self { quiet: Duration::from_secs(600), timeout: Duration::from_secs(10), vantage: "local".to_owned() }
    }
}

/// A public body or its provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Organisation {
    /// Its id and the path of its page.
    pub id: OrganisationId,
    /// What kind of body.
    pub kind: OrganisationKind,
    /// Its name.
    pub name: Text,
    /// Amtlicher Regionalschlüssel, 12 digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ars: Option<String>,
    /// The Land: `NW`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub land: Option<String>,
    /// Its homepage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Link>,
    /// IANA name of its time zone, where it is not the site's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// Hosts on which its page is the start page.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// Components of others that may serve it beyond their reach.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub served_by: Vec<ComponentId>,
    /// Former ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub formerly: Vec<OrganisationId>,
    /// Its own imprint and so on.
    #[serde(default)]
    pub links: SiteLinks,
}

/// Whom something reaches: `"05954"`, `"hattingen"`, `"!witten"`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// Every organisation whose ARS begins with these digits.
    Prefix(String),
    /// This organisation.
    Organisation(OrganisationId),
    /// Not this organisation.
    Except(OrganisationId),
}

/// Something that has a status.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Component {
    /// Its full id.
    pub id: ComponentId,
    /// Its name.
    pub name: Text,
    /// What it is.
    pub kind: ComponentKind,
    /// Index of the organisation that owns it.
    pub owner: u32,
    /// Index of the component it is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part_of: Option<u32>,
    /// On whose pages it stands beside its owner's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub serves: Vec<Reach>,
    /// What it cannot work without.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<Dependency>,
    /// Where citizens find it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Link>,
    /// LeiKa keys, 14 digits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leika: Vec<String>,
    /// OZG id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ozg: Option<u32>,
    /// Whether the public may know of it.
    pub public: bool,
    /// What the public reads instead, where it is a cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_name: Option<Text>,
    /// From when it is in service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available_from: Option<When>,
    /// Since when it is not in service any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retired_at: Option<When>,
    /// Former ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub formerly: Vec<ComponentId>,
    /// Delivery of mail, where it differs from normal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Delivery>,
    /// Other ways to get it done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<Alternative>,
}

impl Component {
    /// Where it stands in its life at `at`.
    pub fn lifecycle(&self, at: Timestamp) -> Lifecycle {
        if self.retired_at.as_ref().is_some_and(|retired| retired.at <= at) {
            Lifecycle::Retired
        } else if self.available_from.as_ref().is_some_and(|from| from.at > at) {
            Lifecycle::Announced
        } else {
            Lifecycle::Live
        }
    }

    /// The name that the public may read: its own, or its `public_name` if it is internal.
    pub fn shown_name(&self) -> Text {
        if self.public {
            return self.name.clone();
        }
        self.public_name.clone().unwrap_or_else(|| {
            Text::from_languages([
                (Arc::from("de"), Plain::new("ein technischer Dienstleister")),
                (Arc::from("en"), Plain::new("a technical service provider")),
            ])
        })
    }
}

/// An edge of the graph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    /// Index of the component depended on.
    pub component: u32,
    /// What an outage there means here, where it is less than the outage itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub red_means: Option<Status>,
}

/// What differs in some towns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Local {
    /// Indexes of the components.
    pub components: Vec<u32>,
    /// For whom; never empty.
    pub organisations: Vec<Reach>,
    /// The status there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// The mode there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Whether the provider has released it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released: Option<bool>,
    /// Processing there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processing: Option<Processing>,
    /// A text of the town.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Text>,
    /// Alternatives there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<Alternative>,
    /// From when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<When>,
    /// Until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<When>,
}

/// How a maintenance ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(description = "Whether it ends by itself, or only when somebody says so.")]
pub enum Ends {
    /// At its planned end.
    #[default]
    ByItself,
    /// When an editor says so.
    OnNotice,
}

/// Planned work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Maintenance {
    /// Its id.
    pub id: MaintenanceId,
    /// Its title.
    pub title: Text,
    /// What it covers.
    pub components: Vec<Covered>,
    /// Same word = same programme.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub programme: Option<String>,
    /// When it begins.
    pub from: When,
    /// When it ends (exclusive instant; an inclusive date stands beside it).
    pub until: When,
    /// How it ends.
    #[serde(default)]
    pub ends: Ends,
    /// When it was announced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub announced_at: Option<When>,
    /// The last day to get things done before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_chance_before: Option<When>,
    /// When things are back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back_from: Option<When>,
    /// Indexes of components that stay as they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unaffected: Vec<u32>,
    /// A recurrence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recurring: Option<Recurrence>,
    /// Other ways meanwhile.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<Alternative>,
}

/// A component under maintenance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Covered {
    /// Its index.
    pub component: u32,
    /// An earlier end of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<When>,
}

/// A service-level agreement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// Its id.
    pub id: AgreementId,
    /// Indexes of the components.
    pub components: Vec<u32>,
    /// The target in per cent.
    pub target: f64,
    /// `month` or `year`.
    pub period: String,
    /// Service hours in OpenStreetMap's syntax; always, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_hours: Option<String>,
    /// Public holidays of a Land.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holidays: Option<String>,
    /// Maintenance announced at least this long before is left out (milliseconds).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintenance_excluded_if_announced_ms: Option<u64>,
    /// At most this much maintenance a period is left out (milliseconds).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintenance_quota_ms: Option<u64>,
}

/// The catalogue: what is declared, with indexes.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    declared: Declared,
    /// Hash over what is declared; two catalogues with the same hash are the same.
    hash: u64,
    organisations: HashMap<OrganisationId, u32>,
    components: HashMap<ComponentId, u32>,
    nodes: Vec<Node>,
    /// Indexes of components, each after everything it depends on and after its parts.
    order: Vec<u32>,
    /// Per organisation: the public components on its page, in order of declaration.
    shows: Vec<Arc<[u32]>>,
}

/// A component's place in the graph.
#[derive(Debug, Clone, Default)]
pub struct Node {
    /// Components that depend on this one.
    pub children: Vec<u32>,
    /// Its parts.
    pub parts: Vec<u32>,
    /// Its checks: a range of `checks`.
    pub checks: std::ops::Range<u32>,
    /// Its place in topological order.
    pub rank: u32,
    /// The organisations on whose pages it stands, ascending: its owner and whom it serves. Shared
    /// by all that serve the same.
    pub shown_on: Arc<[u32]>,
}

impl PartialEq for Catalogue {
    fn eq(&self, other: &Self) -> bool {
        self.declared == other.declared
    }
}

impl std::ops::Deref for Catalogue {
    type Target = Declared;

    fn deref(&self) -> &Declared {
        &self.declared
    }
}

impl Catalogue {
    /// Builds the indexes. `declared` must come from `config` or from the store.
    pub fn new(declared: Declared) -> Self {
        let organisations: HashMap<_, _> =
            declared.organisations.iter().zip(0u32..).map(|(o, i)| (o.id.clone(), i)).collect();
        let components: HashMap<_, _> =
            declared.components.iter().zip(0u32..).map(|(c, i)| (c.id.clone(), i)).collect();
        let mut nodes = vec![Node::default(); declared.components.len()];
        for (component, index) in declared.components.iter().zip(0u32..) {
            for dependency in &component.depends_on {
                if let Some(node) = nodes.get_mut(dependency.component as usize) {
                    node.children.push(index);
                }
            }
            if let Some(node) = component.part_of.and_then(|whole| nodes.get_mut(whole as usize)) {
                node.parts.push(index);
            }
        }
        for (check, index) in declared.checks.iter().zip(0u32..) {
            if let Some(node) = nodes.get_mut(check.component as usize) {
                if node.checks.is_empty() {
                    node.checks = index..index;
                }
                node.checks.end = index + 1;
            }
        }
        let order = topological_order(&declared, &nodes);
        for (&component, rank) in order.iter().zip(0u32..) {
            if let Some(node) = nodes.get_mut(component as usize) {
                node.rank = rank;
            }
        }
        let Pages { shown_on, shows } = Pages::new(&declared, &organisations);
        for (node, shown_on) in nodes.iter_mut().zip(shown_on) {
            node.shown_on = shown_on;
        }
        let hash = hash_of(&declared);
        Self { declared, hash, organisations, components, nodes, order, shows }
    }

    /// What is declared, for the store.
    pub const fn declared(&self) -> &Declared {
        &self.declared
    }

    /// Hash over what is declared.
    pub const fn hash(&self) -> u64 {
        self.hash
    }

    /// The index of an organisation.
    pub fn organisation_index(&self, id: &str) -> Option<u32> {
        self.organisations.get(id).copied()
    }

    /// The index of a component.
    pub fn component_index(&self, id: &str) -> Option<u32> {
        self.components.get(id).copied()
    }

    /// The component at an index.
    pub fn component(&self, index: u32) -> Option<&Component> {
        self.declared.components.get(index as usize)
    }

    /// A component's place in the graph.
    pub fn node(&self, index: u32) -> Option<&Node> {
        self.nodes.get(index as usize)
    }

    /// Component indexes, each after its dependencies and its parts.
    pub fn order(&self) -> &[u32] {
        &self.order
    }

    /// The public components on an organisation's page.
    pub fn shows(&self, organisation: u32) -> &[u32] {
        self.shows.get(organisation as usize).map_or(&[], |shows| shows)
    }

    /// The public components on each organisation's page, in order of declaration; those that
    /// show the same share it.
    pub fn pages(&self) -> &[Arc<[u32]>] {
        &self.shows
    }

    /// The name of a check.
    pub fn check_key(&self, index: u32) -> Option<CheckKey> {
        let check = self.declared.checks.get(index as usize)?;
        let component = self.component(check.component)?;
        Some(CheckKey { component: component.id.clone(), check: check.id.clone() })
    }

    /// The index of a check by its name.
    pub fn check_index(&self, key: &CheckKey) -> Option<u32> {
        let node = self.node(self.component_index(key.component.as_str())?)?;
        node.checks.clone().find(|&index| self.declared.checks.get(index as usize).is_some_and(|c| c.id == key.check))
    }
}

/// Whether a list of `serves` reaches an organisation; an exclusion wins.
pub fn reaches(serves: &[Reach], organisation: &Organisation) -> bool {
    let mut reached = false;
    for reach in serves {
        match reach {
            Reach::Except(id) if *id == organisation.id => return false,
            Reach::Except(_) => {}
            Reach::Organisation(id) => reached |= *id == organisation.id,
            Reach::Prefix(prefix) => {
                reached |= organisation.ars.as_deref().is_some_and(|ars| ars.starts_with(prefix.as_str()));
            }
        }
    }
    reached
}

/// Kahn's algorithm over `depends_on` and parts; among equals in order of declaration. What lies
/// on a cycle (which `config` refuses) comes last, so that the order is always complete.
fn topological_order(declared: &Declared, nodes: &[Node]) -> Vec<u32> {
    let mut waiting: Vec<u32> = declared
        .components
        .iter()
        .zip(nodes)
        .map(|(component, node)| u32::try_from(component.depends_on.len() + node.parts.len()).unwrap_or(u32::MAX))
        .collect();
    let mut ready: std::collections::BTreeSet<u32> =
        waiting.iter().zip(0u32..).filter(|(count, _)| **count == 0).map(|(_, index)| index).collect();
    let mut order = Vec::with_capacity(nodes.len());
    while let Some(index) = ready.pop_first() {
        order.push(index);
        let node = nodes.get(index as usize);
        let whole = declared.components.get(index as usize).and_then(|component| component.part_of);
        for next in node.into_iter().flat_map(|node| node.children.iter().copied()).chain(whole) {
            if let Some(count) = waiting.get_mut(next as usize) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    ready.insert(next);
                }
            }
        }
    }
    if order.len() < nodes.len() {
        let placed: std::collections::BTreeSet<u32> = order.iter().copied().collect();
        order.extend((0u32..).take(nodes.len()).filter(|index| !placed.contains(index)));
    }
    order
}

/// The first 8 bytes of a SHA-256 over the JSON of what is declared.
fn hash_of(declared: &Declared) -> u64 {
    use sha2::Digest;
    let bytes = serde_json::to_vec(declared).unwrap_or_default();
    let digest = sha2::Sha256::digest(&bytes);
    let mut first = [0u8; 8];
    first.iter_mut().zip(digest.iter()).for_each(|(to, from)| *to = *from);
    u64::from_be_bytes(first)
}
