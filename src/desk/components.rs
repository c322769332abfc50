//! `/admin/components`: all that is shown on the visitor's pages, with what can be set for it.
//!
//! A county has hundreds, so there is a filter, and pages of the list. Who is there for all
//! organisations sees each component once, at its owner.

use maud::{Markup, html};
use serde_json::Value;

use crate::desk::form::Form;
use crate::desk::page::{Field, Kind};
use crate::desk::time::Wall;
use crate::desk::{Ask, Asking, PREFIX, Reply, Visit, field, page, scope, words};
use crate::model::local::{Town, View};
use crate::model::status::{ComponentKind, Evidence, Lifecycle, Mode, Status};
use crate::model::time::Timestamp;
use crate::publish::wording::{Words, capitalised};

/// Rows on a page of the list.
const ROWS: usize = 100;

/// Most organisations to choose from; of more the words of the filter choose.
const CHOICES_MAX: usize = 300;

/// One component on one page.
struct Row {
    organisation: u32,
    id: String,
    name: String,
    whole: Option<String>,
    kind: Option<ComponentKind>,
    status: Status,
    since: Option<Timestamp>,
    notes: Vec<String>,
    /// Whether anything is out of the ordinary.
    is_special: bool,
}

/// What the filter asks for.
struct Filter {
    words: Vec<String>,
    organisation: String,
    state: String,
}

impl Filter {
    fn read(query: &Form) -> Self {
        let words = query.text("q").to_lowercase().split_whitespace().take(8).map(str::to_owned).collect();
        Self { words, organisation: query.text("organisation"), state: query.text("stand") }
    }

    fn lets_through(&self, row: &Row, organisation: &str) -> bool {
        let kind = row.kind.map(|kind| Words::German.component_kind(kind).to_lowercase()).unwrap_or_default();
        let (name, organisation) = (row.name.to_lowercase(), organisation.to_lowercase());
        let has = |word: &String| [&*name, &*row.id, &*kind, &*organisation].iter().any(|text| text.contains(&**word));
        let fits = match self.state.as_str() {
            "" => true,
            "besonders" => row.is_special,
            state => row.status.as_str() == state,
        };
        fits && self.words.iter().all(has)
    }

    /// What stands in the address of another page of the same list.
    fn query(&self) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in
            [("q", self.words.join(" ")), ("organisation", self.organisation.clone()), ("stand", self.state.clone())]
        {
            if !value.is_empty() {
                query.append_pair(name, &value);
            }
        }
        let query = query.finish();
        if query.is_empty() { query } else { format!("&{query}") }
    }
}

/// The list.
pub async fn list(visit: &Visit, ask: &dyn Ask) -> Reply {
    let told = ask.ask(Asking::get("/components")).await;
    if !told.is_well() {
        return page::refused(visit, &told);
    }
    let filter = Filter::read(&visit.query);
    let mine = scope::organisations(visit);
    let named = |index: u32| visit.snapshot.catalogue.organisations.get(index as usize);
    let chosen: Vec<u32> = mine
        .iter()
        .copied()
        .filter(|index| {
            filter.organisation.is_empty() || named(*index).is_some_and(|o| o.id.as_str() == filter.organisation)
        })
        .collect();
    let only_own = visit.editor.is_admin_of_all() && filter.organisation.is_empty();
    let hidden = words::list(&told.body, "/components");
    let mut rows = Vec::new();
    for organisation in chosen {
        let name = named(organisation).map(|organisation| scope::name(visit, organisation)).unwrap_or_default();
        let shown = shown_rows(visit, organisation, only_own).into_iter();
        let all = shown.chain(hidden_rows(visit, organisation, hidden));
        rows.extend(all.filter(|row| filter.lets_through(row, &name)));
    }
    let pages = rows.len().div_ceil(ROWS).max(1);
    let number = visit.query.text("seite").parse::<usize>().unwrap_or(1).clamp(1, pages);
    let part: Vec<&Row> = rows.iter().skip((number - 1) * ROWS).take(ROWS).collect();
    let main = html! {
        h1 { "Dienste" }
        p.lead { "Alles, was auf Ihren Seiten steht: was Ihnen gehört und was andere für Sie betreiben." }
        (filter_form(visit, &filter, &mine))
        @if rows.is_empty() {
            p.notice { @if mine.is_empty() { "Ihr Zugang gilt für keine Stelle, die hier bekannt ist." } @else { "Dazu wurde nichts gefunden." } }
        } @else {
            p { (rows.len()) @if rows.len() == 1 { " Eintrag" } @else { " Einträge" } }
        }
        (groups(visit, &part))
        (field::pager(&format!("{PREFIX}/components"), &filter.query(), number, pages))
    };
    Reply::page(200, page::page(visit, "Dienste", &main))
}

fn filter_form(visit: &Visit, filter: &Filter, mine: &[u32]) -> Markup {
    let organisations: Vec<(String, String)> = mine
        .iter()
        .filter_map(|index| visit.snapshot.catalogue.organisations.get(*index as usize))
        .map(|organisation| (organisation.id.to_string(), scope::name(visit, organisation)))
        .collect();
    let choices = field::choices("Alle", organisations.iter().map(|(id, name)| (id.as_str(), name.as_str())));
    let states: Vec<(&str, String)> =
        Status::ALL.iter().map(|status| (status.as_str(), capitalised(Words::German.status(*status, None)))).collect();
    let mut stands = vec![("", "Alle"), ("besonders", "Nur was auffällt")];
    stands.extend(states.iter().map(|(status, name)| (*status, name.as_str())));
    let choice = |name: &str, label: &str, all: &[(&str, &str)], now: &str| {
        Field { name, label, hint: "", kind: Kind::OneOf(all), required: false, now }.show(None, &[])
    };
    html! {
        form.filter method="get" action={ (PREFIX) "/components" } role="search" {
            div.field {
                label for="q" { "Suchen" }
                input id="q" name="q" type="text" value=(filter.words.join(" "));
            }
            @if (2..=CHOICES_MAX).contains(&organisations.len()) {
                (choice("organisation", "Stelle", &choices, &filter.organisation))
            }
            (choice("stand", "Stand", &stands, &filter.state))
            p.buttons { button { "Anzeigen" } }
        }
    }
}

/// What stands on an organisation's page, parts after their whole.
fn shown_rows(visit: &Visit, organisation: u32, only_own: bool) -> Vec<Row> {
    let snapshot = &*visit.snapshot;
    let Some(page) = snapshot.catalogue.organisations.get(organisation as usize) else { return Vec::new() };
    let town = Town::new(snapshot, Some(organisation));
    let is_here = |index: u32| {
        let component = snapshot.catalogue.components.get(index as usize);
        component.is_some_and(|component| !only_own || component.owner == organisation)
    };
    let here: Vec<u32> = page.shows.iter().copied().filter(|index| is_here(*index)).collect();
    let view = |index: u32| town.view(index).filter(|view| view.state.lifecycle != Lifecycle::Retired);
    let mut rows = Vec::with_capacity(here.len());
    for &index in &here {
        let Some(whole) = view(index) else { continue };
        if whole.component.part_of.is_some_and(|whole| here.binary_search(&whole).is_ok()) {
            continue;
        }
        rows.push(row(visit, organisation, &whole));
        for &part in whole.component.parts.iter().filter(|part| here.binary_search(part).is_ok()) {
            rows.extend(view(part).map(|part| row(visit, organisation, &part)));
        }
    }
    rows
}

fn row(visit: &Visit, organisation: u32, view: &View<'_>) -> Row {
    let catalogue = &visit.snapshot.catalogue;
    let component = view.component;
    let words = Words::German;
    let mut notes = Vec::new();
    if component.owner != organisation {
        let owner = catalogue.organisations.get(component.owner as usize);
        notes.extend(owner.map(|owner| format!("gehört: {}", scope::name(visit, owner))));
    }
    if let Some(set) = &view.state.set_by_hand {
        notes.push(by_hand(visit, set.until));
    }
    if view.mode != Mode::Regular {
        notes.push(words.mode(view.mode).to_owned());
    }
    if view.local.standing.is_some() || view.local.text.is_some() || !view.local.alternatives.is_empty() {
        notes.push("hier ist etwas anders".to_owned());
    }
    let is_special = view.status != Status::Operational
        || !notes.is_empty()
            && (view.state.set_by_hand.is_some() || view.mode != Mode::Regular || view.local.standing.is_some());
    if view.evidence == Evidence::Declared {
        notes.push("nicht automatisch geprüft".to_owned());
    }
    if view.state.lifecycle == Lifecycle::Announced {
        notes.push("demnächst".to_owned());
    }
    let whole = component.part_of.and_then(|whole| catalogue.components.get(whole as usize));
    Row {
        organisation,
        id: component.id.to_string(),
        name: scope::component_name(visit, component),
        whole: whole.map(|whole| scope::component_name(visit, whole)),
        kind: Some(component.kind),
        status: view.status,
        since: Some(view.since),
        notes,
        is_special,
    }
}

/// What belongs to an organisation and stands on no page.
fn hidden_rows<'a>(visit: &'a Visit, organisation: u32, all: &'a [Value]) -> impl Iterator<Item = Row> + 'a {
    let owner = visit.snapshot.catalogue.organisations.get(organisation as usize).map(|owner| owner.id.as_str());
    let is_meant = move |line: &&Value| {
        !words::flag(line, "/public") && owner.is_some_and(|owner| words::text(line, "/owner") == owner)
    };
    all.iter().filter(is_meant).map(move |line| {
        let status = Status::parse(words::text(line, "/status")).unwrap_or(Status::Unknown);
        let set = line.get("override").filter(|set| !set.is_null());
        let mut notes = vec!["intern, steht auf keiner öffentlichen Seite".to_owned()];
        notes.extend(set.map(|set| by_hand(visit, words::instant(set, "/until"))));
        Row {
            organisation,
            id: words::text(line, "/id").to_owned(),
            name: words::line(line, "/name"),
            whole: None,
            kind: ComponentKind::parse(words::text(line, "/kind")),
            status,
            since: words::instant(line, "/since"),
            notes,
            is_special: status != Status::Operational || set.is_some(),
        }
    })
}

/// That a status is set by hand, and until when.
pub(super) fn by_hand(visit: &Visit, until: Option<Timestamp>) -> String {
    until.map_or_else(
        || "von Hand gesetzt".to_owned(),
        |until| format!("von Hand gesetzt bis {}", Wall::of(visit).end(&until.to_string())),
    )
}

/// The class that gives a status its colour; its word stands beside it.
pub(super) const fn look(status: Status) -> &'static str {
    match status {
        Status::Operational => "is-ok",
        Status::DegradedPerformance => "is-slow",
        Status::PartialOutage => "is-part",
        Status::MajorOutage => "is-out",
        Status::UnderMaintenance => "is-plan",
        Status::Unknown => "is-dark",
    }
}

/// A status in words.
pub(super) fn state(status: Status, kind: Option<ComponentKind>) -> Markup {
    html! { span.state.(look(status)) { (Words::German.status(status, kind)) } }
}

fn groups(visit: &Visit, rows: &[&Row]) -> Markup {
    let mut groups: Vec<(u32, Vec<&Row>)> = Vec::new();
    for row in rows {
        match groups.last_mut().filter(|(organisation, _)| *organisation == row.organisation) {
            Some((_, group)) => group.push(row),
            None => groups.push((row.organisation, vec![row])),
        }
    }
    let wall = Wall::of(visit);
    html! {
        @for (organisation, group) in &groups {
            @if let Some(organisation) = visit.snapshot.catalogue.organisations.get(*organisation as usize) {
                section aria-labelledby={ "o-" (organisation.id) } {
                    h2 id={ "o-" (organisation.id) } { (scope::name(visit, organisation)) }
                    ul.rows {
                        @for row in group {
                            li.part[row.whole.is_some()] {
                                div.head {
                                    a href={ (PREFIX) "/components/" (row.id) "?organisation=" (organisation.id) } { (row.name) }
                                    (state(row.status, row.kind))
                                }
                                p.meta {
                                    @if let Some(whole) = &row.whole { "Teil von: " (whole) " · " }
                                    @if let Some(kind) = row.kind.filter(|_| row.whole.is_none()) { (Words::German.component_kind(kind)) " · " }
                                    @if let Some(since) = row.since { "seit " (wall.moment(&since.to_string())) }
                                    @for note in &row.notes { " · " (note) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
