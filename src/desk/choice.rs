//! The components that a visitor may name, to be chosen from: all if they are few, else those that are
//! chosen, disturbed or sought.

use maud::{Markup, html};
use serde_json::Value;

use crate::desk::form::Form;
use crate::desk::page::{Fault, Field, Kind};
use crate::desk::{Visit, scope, words};
use crate::model::snapshot::PublicComponent;
use crate::model::status::{ComponentKind, Status};
use crate::model::text::Plain;
use crate::publish::escape;
use crate::publish::wording::Words;

/// Most components that a form lists without being asked for more of them.
const LISTED_MAX: usize = 25;

/// Most components that are found at once.
const FOUND_MAX: usize = 50;

/// A component that may be chosen.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    /// Its id.
    pub(super) id: String,
    /// Its name, with that of its whole.
    pub(super) name: String,
    /// Whose it is.
    owner: String,
    /// What it is.
    pub(super) kind: Option<ComponentKind>,
    /// How it stands, as a word of the interface; empty if the public does not know it.
    pub(super) now: &'static str,
}

impl Choice {
    /// Whether nothing is known to be wrong with it.
    pub(super) fn is_well(&self) -> bool {
        self.now.is_empty() || self.now == Status::Operational.as_str()
    }
}

/// What may be chosen from, by owner.
#[derive(Debug, Clone)]
pub(super) struct Choices(Vec<Choice>);

impl Choices {
    /// What the visitor's organisations own: the public ones, and among `told` those that the public
    /// does not know.
    pub(super) fn owned(visit: &Visit, told: &[Value]) -> Self {
        let hidden = told.iter().filter(|line| !words::flag(line, "/public")).map(|line| {
            let owner = words::text(line, "/owner");
            let known = visit.snapshot.organisation(owner).map(|(_, owner)| scope::name(visit, owner));
            Choice {
                id: words::text(line, "/id").to_owned(),
                name: format!("{} (intern)", words::line(line, "/name")),
                owner: known.unwrap_or_else(|| owner.to_owned()),
                kind: ComponentKind::parse(words::text(line, "/kind")),
                now: "",
            }
        });
        Self::of(visit, |component| scope::owns(visit, component), hidden)
    }

    /// What stands on the pages that the visitor speaks for.
    pub(super) fn shown(visit: &Visit) -> Self {
        let mine = scope::organisations(visit);
        let is_mine = |index: &u32| mine.contains(index);
        Self::of(visit, |component| component.shown_on.iter().any(is_mine), std::iter::empty())
    }

    fn of(visit: &Visit, is_meant: impl Fn(&PublicComponent) -> bool, hidden: impl Iterator<Item = Choice>) -> Self {
        let catalogue = &visit.snapshot.catalogue;
        let public = catalogue.components.iter().zip(0u32..).filter(|(component, _)| is_meant(component));
        let public = public.map(|(component, index)| {
            let name = scope::component_name(visit, component);
            let whole = component.part_of.and_then(|whole| catalogue.components.get(whole as usize));
            let owner = catalogue.organisations.get(component.owner as usize);
            Choice {
                id: component.id.to_string(),
                name: whole
                    .map_or_else(|| name.clone(), |whole| format!("{} – {name}", scope::component_name(visit, whole))),
                owner: owner.map(|owner| scope::name(visit, owner)).unwrap_or_default(),
                kind: Some(component.kind),
                now: visit.snapshot.view(index, None).map_or("", |view| view.status.as_str()),
            }
        });
        let mut all: Vec<Choice> = public.chain(hidden).collect();
        // Stable: what belongs to one owner stays in the order in which it was declared.
        all.sort_by(|a, b| a.owner.cmp(&b.owner));
        Self(all)
    }

    /// All of them.
    pub(super) fn all(&self) -> &[Choice] {
        &self.0
    }

    /// Those of them that are meant.
    pub(super) fn only(mut self, is_meant: impl Fn(&Choice) -> bool) -> Self {
        self.0.retain(is_meant);
        self
    }

    /// Those that a form lists, by owner, the owner being named where there are several.
    pub(super) fn listed<'c>(
        &'c self,
        sent: Option<&Form>,
        is_chosen: impl Fn(&Choice) -> bool,
    ) -> Vec<(Option<&'c str>, Vec<&'c Choice>)> {
        let wanted = sent.map(|form| form.text("find").to_lowercase()).unwrap_or_default();
        let has = |text: &str| text.to_lowercase().contains(&wanted);
        let (mut found, mut unwell) = (0, 0);
        let is_listed = |choice: &&Choice| {
            if self.0.len() <= LISTED_MAX || is_chosen(choice) {
                return true;
            }
            if !wanted.is_empty() && (has(&choice.name) || has(&choice.owner)) {
                found += 1;
                return found <= FOUND_MAX;
            }
            unwell += usize::from(!choice.is_well());
            !choice.is_well() && unwell <= LISTED_MAX
        };
        let several = self.0.first().map(|choice| &choice.owner) != self.0.last().map(|choice| &choice.owner);
        let mut groups: Vec<(Option<&str>, Vec<&Choice>)> = Vec::new();
        for choice in self.0.iter().filter(is_listed) {
            let owner = several.then_some(choice.owner.as_str());
            match groups.last_mut().filter(|(known, _)| *known == owner) {
                Some((_, choices)) => choices.push(choice),
                None => groups.push((owner, vec![choice])),
            }
        }
        groups
    }

    /// A field to find components with, where there are too many to list. `list` is where they stand.
    pub(super) fn finder(&self, list: &str, sent: Option<&Form>) -> Markup {
        let field = Field {
            name: "find",
            label: "Dienst suchen",
            hint: "Ein Teil des Namens genügt, auch dessen, dem er gehört.",
            kind: Kind::Line,
            required: false,
            now: "",
        };
        html! {
            @if self.0.len() > LISTED_MAX {
                p.hint { "Es sind " (self.0.len()) " Dienste. Hier stehen die gestörten und die, die Sie suchen." }
                (field.show(sent, &[]))
                p { button.quiet name="do" value="find" formnovalidate formaction={ "#" (list) } { "Suchen" } }
            }
        }
    }
}

/// Boxes of which any number may be ticked, under one heading.
#[derive(Debug, Clone, Copy)]
pub(super) struct Boxes<'a> {
    /// The name in the form, which is the id of all of them, too.
    pub(super) name: &'a str,
    /// What they are called.
    pub(super) legend: &'a str,
    /// What helps to choose; empty if nothing needs to.
    pub(super) hint: &'a str,
    /// What may be chosen.
    pub(super) all: &'a Choices,
    /// What was chosen before anything was sent.
    pub(super) now: &'a [String],
    /// Whether one can search here, so that other boxes of the form list what was found, too.
    pub(super) finds: bool,
}

impl Boxes<'_> {
    /// The boxes as they stand in the form.
    pub(super) fn show(&self, sent: Option<&Form>, faults: &[Fault]) -> Markup {
        let name = self.name;
        let ticked: Vec<&str> = match sent {
            Some(form) => form.all(name).collect(),
            None => self.now.iter().map(String::as_str).collect(),
        };
        let fault = faults.iter().find(|fault| fault.field.as_deref() == Some(name));
        // What was chosen and cannot be chosen here any more is not lost.
        let gone = ticked.iter().filter(|id| !self.all.0.iter().any(|choice| choice.id == **id));
        let one = |id: &str, label: &str, kind: Option<ComponentKind>| {
            let shown = Plain::new(id);
            html! {
                div {
                    input type="checkbox" id={ (name) "-" (shown) } name=(name) value=(shown) checked[ticked.contains(&id)];
                    label for={ (name) "-" (shown) } {
                        (label)
                        @if let Some(kind) = kind { span.hint { " – " (Words::German.component_kind(kind)) } }
                    }
                }
            }
        };
        html! {
            fieldset.boxes id=(name) tabindex="-1" aria-describedby=[fault.map(|_| format!("{name}-fault"))] {
                legend { (self.legend) }
                @if !self.hint.is_empty() { p.hint { (self.hint) } }
                @if let Some(fault) = fault { p.fault id={ (name) "-fault" } { (fault.sentence) } }
                @if self.finds { (self.all.finder(name, sent)) }
                @for (owner, choices) in self.all.listed(sent, |choice| ticked.contains(&choice.id.as_str())) {
                    @if let Some(owner) = owner { p.group { (owner) } }
                    @for choice in choices { (one(&choice.id, &choice.name, choice.kind)) }
                }
                @for id in gone { (one(id, &escape::line(&Plain::new(id)), None)) }
            }
        }
    }
}
