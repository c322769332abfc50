//! The components that a visitor may plan for, to be chosen from. Where they are too many for one
//! form, an organisation is chosen first.

use maud::{Markup, html};
use serde_json::Value;

use crate::desk::page::{Field, Kind};
use crate::desk::{Ask, Asking, PREFIX, Reply, Visit, page, scope, words};
use crate::model::status::ComponentKind;
use crate::publish::wording::Words;

/// Most components in one form.
const CHOICES_MAX: usize = 400;

/// Most organisations to choose from.
const ORGANISATIONS_MAX: usize = 2_000;

/// A component that may be chosen.
pub(super) struct Choice {
    pub(super) id: String,
    pub(super) name: String,
    /// What it belongs to: the owner's name.
    group: String,
    pub(super) kind: Option<ComponentKind>,
}

/// What may be chosen from, in groups of one owner each.
pub(super) struct Choices(Vec<Choice>);

impl Choices {
    /// All that the visitor may change, of one organisation if one is named.
    ///
    /// # Errors
    /// A page that asks for an organisation first, or says why nothing can be read.
    pub(super) async fn find(visit: &Visit, ask: &dyn Ask, organisation: &str, closing: bool) -> Result<Self, Reply> {
        let told = ask.ask(Asking::get("/components")).await;
        if !told.is_well() {
            return Err(page::refused(visit, &told));
        }
        let catalogue = &visit.snapshot.catalogue;
        let is_meant = |id: &str| organisation.is_empty() || id == organisation;
        let public = catalogue.components.iter().filter(|component| scope::owns(visit, component));
        let public = public.filter_map(|component| {
            let owner = catalogue.organisations.get(component.owner as usize)?;
            let whole = component.part_of.and_then(|whole| catalogue.components.get(whole as usize));
            let name = scope::component_name(visit, component);
            is_meant(owner.id.as_str()).then(|| Choice {
                id: component.id.to_string(),
                name: whole
                    .map_or_else(|| name.clone(), |whole| format!("{}: {name}", scope::component_name(visit, whole))),
                group: scope::name(visit, owner),
                kind: Some(component.kind),
            })
        });
        let hidden = told.body.get("components").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let hidden = hidden.iter().filter(|line| line.get("public").and_then(Value::as_bool) == Some(false));
        let hidden = hidden.filter_map(|line| {
            let text = |field: &str| line.get(field).and_then(Value::as_str);
            let owner = text("owner")?;
            let group = visit.snapshot.organisation(owner).map(|(_, owner)| scope::name(visit, owner));
            is_meant(owner).then_some(())?;
            Some(Choice {
                id: text("id")?.to_owned(),
                name: format!("{} (intern)", words::line(line, "/name")),
                group: group.unwrap_or_else(|| owner.to_owned()),
                kind: ComponentKind::parse(words::text(line, "/kind")),
            })
        });
        let mut all: Vec<Choice> = public.chain(hidden).take(CHOICES_MAX + 1).collect();
        if all.len() > CHOICES_MAX && organisation.is_empty() {
            return Err(ask_whose(visit, closing));
        }
        all.truncate(CHOICES_MAX);
        // Stable: within a group they stay in the order in which they were declared.
        all.sort_by(|a, b| a.group.cmp(&b.group));
        Ok(Self(all))
    }

    pub(super) fn all(&self) -> &[Choice] {
        &self.0
    }

    /// The name of one of them.
    pub(super) fn name<'a>(&'a self, id: &'a str) -> &'a str {
        self.0.iter().find(|choice| choice.id == id).map_or(id, |choice| choice.name.as_str())
    }

    /// Boxes to tick, a group for each owner.
    pub(super) fn boxes(&self, name: &str, ticked: &[String]) -> Markup {
        let mut groups: Vec<(&str, Vec<&Choice>)> = Vec::new();
        for choice in &self.0 {
            match groups.last_mut().filter(|(group, _)| *group == choice.group) {
                Some((_, choices)) => choices.push(choice),
                None => groups.push((&choice.group, vec![choice])),
            }
        }
        let few = self.0.len() <= 25;
        html! {
            @for (group, choices) in &groups {
                @let chosen = choices.iter().filter(|choice| ticked.contains(&choice.id)).count();
                @if groups.len() == 1 && few {
                    @for choice in choices { (one(name, choice, ticked)) }
                } @else {
                    details open[few || chosen > 0 || groups.len() == 1] {
                        summary { (group) " (" (choices.len()) ")" }
                        @for choice in choices { (one(name, choice, ticked)) }
                    }
                }
            }
            // What was chosen and cannot be chosen here any more is not lost.
            @for id in ticked.iter().filter(|id| !self.0.iter().any(|choice| choice.id == **id)) {
                div {
                    input type="checkbox" id={ (name) "-" (id) } name=(name) value=(id) checked;
                    label for={ (name) "-" (id) } { (id) }
                }
            }
        }
    }
}

fn one(name: &str, choice: &Choice, ticked: &[String]) -> Markup {
    html! {
        div {
            input type="checkbox" id={ (name) "-" (choice.id) } name=(name) value=(choice.id) checked[ticked.contains(&choice.id)];
            label for={ (name) "-" (choice.id) } {
                (choice.name)
                @if let Some(kind) = choice.kind { span.hint { " – " (Words::German.component_kind(kind)) } }
            }
        }
    }
}

/// The page that asks for an organisation first.
fn ask_whose(visit: &Visit, closing: bool) -> Reply {
    let all: Vec<(String, String)> = scope::organisations(visit)
        .into_iter()
        .filter_map(|index| visit.snapshot.catalogue.organisations.get(index as usize))
        .take(ORGANISATIONS_MAX)
        .map(|organisation| (organisation.id.to_string(), scope::name(visit, organisation)))
        .collect();
    let choices: Vec<(&str, &str)> = all.iter().map(|(id, name)| (id.as_str(), name.as_str())).collect();
    let heading = if closing { "Schließung ankündigen" } else { "Wartung ankündigen" };
    let main = html! {
        h1 { (heading) }
        p { "Für wen kündigen Sie etwas an? Danach wählen Sie die Dienste." }
        form method="get" action={ (PREFIX) "/maintenance/new" } {
            @if closing { input type="hidden" name="art" value="schliessung"; }
            (Field { name: "organisation", label: "Stelle", hint: "", kind: Kind::OneOf(&choices), required: true, now: "" }.show(None, &[]))
            p.buttons { button { "Weiter" } }
        }
    };
    Reply::page(200, page::page(visit, heading, &main))
}
