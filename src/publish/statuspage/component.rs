//! Components in Statuspage's shape. One with parts is a group.

use std::collections::{HashMap, HashSet};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::Serialize;

use crate::model::id::ComponentId;
use crate::model::local::View;
use crate::model::snapshot::PublicComponent;
use crate::model::status::{Lifecycle, Mode, Status};
use crate::model::text::Plain;
use crate::publish::escape;
use crate::publish::scope::{Page, Scope};
use crate::publish::statuspage::{COMPONENTS_MAX, CONCERNED_MAX, Millis, UNRECORDED, status_word};
use crate::publish::wording::Words;

/// A component.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "StatuspageComponent")]
pub(super) struct ComponentJson<'a> {
    pub(super) id: &'a ComponentId,
    name: Plain,
    /// Of one that is unknown the last status that was known.
    #[schemars(extend("enum" = [
        "operational", "degraded_performance", "partial_outage", "major_outage", "under_maintenance"
    ]))]
    status: &'static str,
    /// When it went into service; the beginning of 1970 where nobody has said when.
    created_at: Millis,
    /// Since when it has been as it is.
    pub(super) updated_at: Millis,
    /// Its place, from 1.
    position: usize,
    /// That its status is unknown, how it is operated, and what the town says of it.
    description: Option<Plain>,
    /// Always true.
    showcase: bool,
    start_date: Option<Date>,
    /// What it is part of.
    group_id: Option<&'a ComponentId>,
    page_id: String,
    /// Whether it has parts.
    group: bool,
    /// Always false.
    only_show_if_degraded: bool,
    /// Its parts; only of a group.
    #[serde(skip_serializing_if = "Option::is_none")]
    components: Option<Vec<&'a ComponentId>>,
}

/// All components of a place, in order of declaration.
pub(super) struct Components<'a> {
    all: Vec<ComponentJson<'a>>,
    places: HashMap<u32, usize>,
}

impl<'a> Components<'a> {
    pub(super) fn new(scope: &Scope<'a>, page: Option<&Page<'a>>, page_id: &str) -> Self {
        let catalogue = &*scope.snapshot.catalogue;
        let zone = page.map_or(&*catalogue.site.timezone, |page| &*page.organisation.timezone);
        let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
        let indexes: Vec<u32> = match page {
            Some(page) => page.organisation.shows.to_vec(),
            None => (0u32..).take(catalogue.components.len()).collect(),
        };
        let views = indexes.into_iter().filter_map(|index| Some((index, scope.view(index, page)?)));
        let mut views: Vec<(u32, View<'a>)> =
            views.filter(|(_, view)| view.state.lifecycle == Lifecycle::Live).collect();
        if views.len() > COMPONENTS_MAX {
            views.sort_by_key(|(index, view)| (view.status == Status::Operational, *index));
            views.truncate(COMPONENTS_MAX);
            views.sort_by_key(|(index, _)| *index);
        }
        let given: HashSet<u32> = views.iter().map(|(index, _)| *index).collect();
        let id_of = |index: u32| {
            let component = catalogue.components.get(index as usize).filter(|_| given.contains(&index));
            component.map(|component| &component.id)
        };
        let mut all: Vec<ComponentJson<'a>> = Vec::with_capacity(views.len());
        for (_, view) in &views {
            let what: &PublicComponent = view.component;
            let parts: Vec<&ComponentId> = what.parts.iter().filter_map(|&part| id_of(part)).collect();
            let created_at = what.available_from.as_ref().map_or(UNRECORDED, |from| from.at);
            let told = view.local.standing.map(|local| local.since);
            let start_date = what
                .available_from
                .as_ref()
                .map(|from| from.date.unwrap_or_else(|| from.at.to_jiff().to_zoned(zone.clone()).date()));
            all.push(ComponentJson {
                id: &what.id,
                name: scope.text(&what.name),
                status: status_word(view.status, view.state.last_known),
                created_at: Millis(created_at),
                updated_at: Millis(
                    [Some(view.since), told, Some(created_at)].into_iter().flatten().max().unwrap_or(created_at),
                ),
                position: all.len() + 1,
                description: description(scope, view),
                showcase: true,
                start_date,
                group_id: what.part_of.and_then(id_of),
                page_id: page_id.to_owned(),
                group: !parts.is_empty(),
                only_show_if_degraded: false,
                components: (!parts.is_empty()).then_some(parts),
            });
        }
        let places = views.iter().enumerate().map(|(place, (index, _))| (*index, place)).collect();
        Self { all, places }
    }

    pub(super) fn all(&self) -> &[ComponentJson<'a>] {
        &self.all
    }

    /// Those of a notice that are here.
    pub(super) fn of(&self, indexes: &[u32]) -> Vec<&ComponentJson<'a>> {
        let mut places: Vec<usize> = indexes.iter().filter_map(|index| self.places.get(index).copied()).collect();
        places.sort_unstable();
        places.dedup();
        places.into_iter().filter_map(|place| self.all.get(place)).take(CONCERNED_MAX).collect()
    }
}

fn description(scope: &Scope<'_>, view: &View<'_>) -> Option<Plain> {
    let words = Words::of(scope.language);
    let unknown = match (view.status, view.state.last_known) {
        (Status::Unknown, None | Some(Status::Unknown)) => {
            Some(words.pick("Status derzeit unbekannt", "Status currently unknown"))
        }
        (Status::Unknown, Some(_)) => Some(words.pick(
            "Status derzeit unbekannt; angegeben ist der letzte bekannte.",
            "Status currently unknown; the last known one is given.",
        )),
        _ => None,
    };
    let mode = (view.mode != Mode::Regular).then(|| words.mode(view.mode));
    let ours = [unknown, mode].into_iter().flatten().map(Plain::new);
    let parts: Vec<Plain> = ours.chain(view.local.text.map(|text| scope.text(text))).collect();
    Some(escape::joined(&parts, "\n")).filter(|text| !text.is_empty())
}
