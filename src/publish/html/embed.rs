//! What stands on other sites: a small document for frames, and the same as a bare fragment that
//! a host's server puts into its own page.
//!
//! Both say when they were made and until when that holds, because nobody knows how long the
//! host keeps them. All links are absolute. The frame leads out of itself and has the legal links;
//! the fragment brings nothing that could collide with its host: no stylesheet, no class, no id,
//! no heading, no script, only style attributes.

use std::cmp::Reverse;

use maud::{DOCTYPE, Markup, PreEscaped, Render, html};

use crate::model::alternative::{Alternative, AlternativeKind, Link};
use crate::model::incident::IncidentStatus;
use crate::model::local::View;
use crate::model::snapshot::{PublicIncident, PublicOrganisation};
use crate::model::status::{Evidence, Lifecycle, Status};
use crate::model::text::Text;
use crate::publish::cause;
use crate::publish::html::link::{self, Leads};
use crate::publish::html::maintenance;
use crate::publish::html::organisation::{headline, top_level};
use crate::publish::html::page::{Page, has_legal};
use crate::publish::html::status::class;
use crate::publish::wording;

/// The stylesheet of frames.
pub(super) const STYLE: &str = include_str!("embed.css");

/// Most components, incidents and components with other ways. Of more it says how many.
const LISTED_MAX: usize = 20;

/// The document for frames; `None` if nothing has these indexes.
pub(super) fn document(page: &Page<'_>, component: Option<u32>) -> Option<String> {
    let piece = Piece::new(page, component, Look::Framed)?;
    let (title, word) = (page.plain(piece.name()), "Status");
    let links = &piece.organisation.links;
    let legal: [(&Option<Link>, &str); 4] = [
        (&links.imprint, page.say("Impressum", "Imprint")),
        (&links.privacy, page.say("Datenschutz", "Privacy")),
        (&links.accessibility, page.say("Barrierefreiheit", "Accessibility")),
        (&links.contact, page.say("Kontakt", "Contact")),
    ];
    let markup = html! {
        (DOCTYPE)
        html lang=(page.words_language()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                title { (word) ": " (title) }
                link rel="canonical" href=(piece.page_address());
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    h1 { (page.text(piece.name())) }
                    (piece.content())
                }
                @if has_legal(links) {
                    nav aria-label=(page.say("Rechtliches und Kontakt", "Legal information and contact")) {
                        ul {
                            @for (link, name) in legal {
                                @if let Some(link) = link { li { (piece.link(link, &html! { (name) })) } }
                            }
                        }
                    }
                }
            }
        }
    };
    Some(markup.into_string())
}

/// The fragment; `None` if nothing has these indexes.
pub(super) fn fragment(page: &Page<'_>, component: Option<u32>) -> Option<String> {
    let piece = Piece::new(page, component, Look::Bare)?;
    let name = page.plain(piece.name());
    let markup = html! {
        section aria-label={ "Status: " (name) } lang=(page.words_language())
            style="border:1px solid;padding:.75em;overflow-wrap:anywhere" {
            p style="margin:0 0 .5em" { strong { (page.text(piece.name())) } }
            (piece.content())
        }
    };
    Some(markup.into_string() + "\n")
}

/// How it may look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    /// With a stylesheet of its own.
    Framed,
    /// In the midst of a foreign page.
    Bare,
}

impl Look {
    fn class(self, class: &str) -> Option<&str> {
        match self {
            Self::Framed => Some(class),
            Self::Bare => None,
        }
    }

    /// Colours are left to the host: none of ours can be read on every background.
    fn style(self, style: &str) -> Option<&str> {
        match self {
            Self::Framed => None,
            Self::Bare => Some(style),
        }
    }
}

const LIST: &str = "margin:0 0 .5em;padding:0 0 0 1.25em";
const PARAGRAPH: &str = "margin:0 0 .5em";

/// What is shown of an organisation's page: all of it, or one component.
struct Piece<'p, 'a> {
    page: &'p Page<'a>,
    organisation: &'a PublicOrganisation,
    index: u32,
    component: Option<View<'a>>,
    look: Look,
}

impl<'a> Piece<'_, 'a> {
    fn new<'p>(page: &'p Page<'a>, component: Option<u32>, look: Look) -> Option<Piece<'p, 'a>> {
        let (index, organisation) = page.organisation?;
        let component = match component {
            Some(component) => Some(page.view(component)?),
            None => None,
        };
        Some(Piece { page, organisation, index, component, look })
    }

    fn name(&self) -> &'a Text {
        match &self.component {
            Some(view) => &view.component.name,
            None => &self.organisation.name,
        }
    }

    /// The address of the place on our page where all of it can be read.
    fn page_address(&self) -> String {
        let page = self.address(&format!("/{}", self.organisation.id));
        match &self.component {
            Some(view) => format!("{page}#{}", view.component.id),
            None => page,
        }
    }

    fn address(&self, path: &str) -> String {
        format!("{}{}", self.page.snapshot.catalogue.site.public_url, self.page.path(path))
    }

    /// A link that leaves the frame, if there is one.
    fn link(&self, to: &dyn Render, said: &Markup) -> Markup {
        let (target, rel) = match self.look {
            Look::Framed => (Some("_top"), Some("noopener")),
            Look::Bare => (None, None),
        };
        html! { a href=(to.render()) target=[target] rel=[rel] { (said) } }
    }

    /// What is shown: the component with its parts, or all that stands on the page by itself.
    fn views(&self) -> Vec<View<'a>> {
        match &self.component {
            None => top_level(self.page, self.organisation),
            Some(view) => {
                let parts = view.component.parts.iter().filter(|part| self.organisation.shows.contains(part));
                parts.filter_map(|&part| self.page.view(part)).collect()
            }
        }
    }

    fn content(&self) -> Markup {
        let page = self.page;
        let live: Vec<View<'a>> =
            self.views().into_iter().filter(|view| view.state.lifecycle == Lifecycle::Live).collect();
        let mut affected: Vec<View<'a>> =
            live.iter().filter(|view| view.status != Status::Operational).cloned().collect();
        // The worst first, what nobody knows last.
        affected.sort_by_key(|view| Reverse((view.status != Status::Unknown, view.status)));
        html! {
            (self.verdict(&live))
            @if let Some(warning) = page.warning() {
                p style=[self.look.style(PARAGRAPH)] { strong { (warning) } }
            }
            @if !affected.is_empty() {
                ul class=[self.look.class("affected")] style=[self.look.style(LIST)] {
                    @for view in affected.iter().take(LISTED_MAX) {
                        li { strong { (page.text(&view.component.name)) ":" } " " (self.circumstances(view)) }
                    }
                    (self.more(affected.len()))
                }
            }
            (self.incidents())
            (self.ways(&affected))
            (self.age())
            p style=[self.look.style(PARAGRAPH)] {
                @let said = html! { (page.say("Alles dazu auf der Statusseite: ", "Read all of it on the status page: ")) (page.text(&self.organisation.name)) };
                (self.link(&self.page_address(), &said))
            }
        }
    }

    /// The sentence about all of it.
    fn verdict(&self, live: &[View<'a>]) -> Markup {
        let page = self.page;
        let (status, said) = match &self.component {
            None => {
                let roll_up = page.snapshot.organisation_status(self.index);
                let said = headline(page.words, live, roll_up.status, roll_up.evidence, roll_up.unknown);
                (roll_up.status, html! { (said) })
            }
            Some(view) => (view.status, self.of_component(view)),
        };
        html! {
            p class=[self.look.class(&format!("verdict {}", class(status)))]
                style=[self.look.style("margin:0 0 .5em;padding:0 0 0 .6em;border-left:.35em solid;font-weight:bold")] {
                (said)
            }
        }
    }

    fn of_component(&self, view: &View<'a>) -> Markup {
        let page = self.page;
        html! {
            @match view.state.lifecycle {
                Lifecycle::Announced => (page.say("Demnächst verfügbar.", "Available soon.")),
                Lifecycle::Retired => (page.say("Dieses Angebot gibt es nicht mehr.", "This service does not exist any more.")),
                Lifecycle::Live if view.status == Status::Operational && view.evidence == Evidence::Declared => {
                    (page.say("Es ist keine Störung bekannt.", "No disruption is known."))
                },
                Lifecycle::Live => { (page.say("Zurzeit ", "At present ")) (self.circumstances(view)) },
            }
        }
    }

    /// The status and why: `nicht verfügbar wegen Störung: Serviceportal`
    fn circumstances(&self, view: &View<'a>) -> Markup {
        let page = self.page;
        html! {
            (page.words.status(view.status, Some(view.component.kind)))
            @if let Some(root) = cause::because_of(page.snapshot, view) {
                (page.say(" wegen Störung: ", " because of a disruption: ")) (page.text(&root.name))
            }
            @if let Some(planned) = page.covering(view).filter(|_| view.status == Status::UnderMaintenance) {
                ": " (self.link(&self.address(&maintenance::path(planned)), &page.text(&planned.title)))
            }
        }
    }

    /// The open incidents, each with what the town itself says about it.
    fn incidents(&self) -> Markup {
        let page = self.page;
        let open: Vec<&PublicIncident> = page
            .snapshot
            .incidents_of(self.index)
            .map(|incident| &**incident)
            .filter(|incident| incident.is_open() && self.is_concerned(incident))
            .collect();
        html! {
            @if !open.is_empty() {
                p style=[self.look.style(PARAGRAPH)] {
                    strong {
                        @if open.len() == 1 { (page.say("Aktuelle Störung", "Current disruption")) }
                        @else { (page.say("Aktuelle Störungen", "Current disruptions")) }
                    }
                }
                ul style=[self.look.style(LIST)] {
                    @for incident in open.iter().take(LISTED_MAX) { li { (self.incident(incident)) } }
                    (self.more(open.len()))
                }
            }
        }
    }

    /// Whether an incident concerns what is shown.
    fn is_concerned(&self, incident: &PublicIncident) -> bool {
        let Some(view) = &self.component else { return true };
        view.state.incident.as_ref() == Some(&incident.id)
            || incident.components.iter().any(|(id, ..)| *id == view.component.id)
            || view.affected_by.as_ref().is_some_and(|affected| affected.incident.as_ref() == Some(&incident.id))
    }

    fn incident(&self, incident: &PublicIncident) -> Markup {
        let page = self.page;
        let address = self.address(&format!("/incidents/{}", incident.id));
        let own = incident.overlays.get(&self.organisation.id);
        html! {
            (self.link(&address, &page.body(&incident.title))) ": "
            (page.words.incident_status(incident.status)) ". "
            (page.say("Seit ", "Since ")) (page.moment(incident.started_at)) ". "
            @match incident.status {
                IncidentStatus::Investigating | IncidentStatus::Identified => @match &incident.expected_end {
                    Some(expected) => {
                        (page.say("Ende: ", "End: ")) (page.expected(expected))
                        @if let Some(passed) = page.passed(expected) { " " small { (passed) } }
                    },
                    None => { (wording::no_end_known(page.words)) "." },
                },
                IncidentStatus::Monitoring | IncidentStatus::Resolved => {},
            }
            @if let Some(own) = own {
                p class=[self.look.class("said")] style=[self.look.style("margin:.25em 0 0;white-space:pre-line")] {
                    (page.text(&own.text))
                }
            }
        }
    }

    /// What people can do instead: what the incidents say, then what each component has.
    fn ways(&self, affected: &[View<'a>]) -> Markup {
        let page = self.page;
        let open = page.snapshot.incidents_of(self.index).filter(|incident| self.is_concerned(incident));
        let mut of_incidents: Vec<&Alternative> = Vec::new();
        for way in open.flat_map(|incident| page.ways_of(incident)) {
            if of_incidents.len() < LISTED_MAX && !of_incidents.contains(&way) {
                of_incidents.push(way);
            }
        }
        let own = self.component.as_ref().filter(|view| view.state.lifecycle == Lifecycle::Live);
        let of_components: Vec<(&View<'a>, Vec<&'a Alternative>)> = own
            .into_iter()
            .chain(affected)
            .map(|view| (view, page.remaining(view)))
            .filter(|(_, ways)| !ways.is_empty())
            .take(LISTED_MAX)
            .collect();
        html! {
            @if !of_incidents.is_empty() || !of_components.is_empty() {
                p style=[self.look.style(PARAGRAPH)] { strong { (wording::alternatives_heading(page.words)) } }
                ul style=[self.look.style(LIST)] {
                    @for way in of_incidents { li { (self.way(way)) } }
                    @for (view, ways) in of_components {
                        li {
                            (page.text(&view.component.name)) ":"
                            ul style=[self.look.style("margin:0;padding:0 0 0 1.25em")] {
                                @for way in ways.into_iter().take(LISTED_MAX) { li { (self.way(way)) } }
                            }
                        }
                    }
                }
            }
        }
    }

    fn way(&self, way: &Alternative) -> Markup {
        let page = self.page;
        let lead = way.target.first().filter(|first| way.target.len() == 1 && link::leads(first) == Leads::Page);
        html! {
            @if way.kind != AlternativeKind::Postpone { (page.words.alternative(way.kind)) ": " }
            @match lead {
                Some(lead) => {
                    (self.link(lead, &page.text(&way.label))) " (" (link::readable(lead)) ")"
                },
                None => {
                    (page.text(&way.label))
                    @for (place, target) in way.target.iter().enumerate() {
                        (if place == 0 { " " } else { ", " }) (self.link(target, &link::readable(target)))
                    }
                },
            }
            @match (&way.hours_text, &way.hours) {
                (Some(text), _) => { ", " (page.text(text)) },
                (None, Some(hours)) => { ", " (page.say("Zeiten: ", "hours: ")) (hours) },
                (None, None) => {},
            }
            @if let Some(more) = &way.page {
                ", " (page.say("mehr dazu: ", "more about it: ")) (self.link(more, &link::readable(more)))
            }
            @if page.is_out(way) {
                " " strong { (page.say("Zurzeit selbst nicht verfügbar.", "Not available itself at present.")) }
            }
        }
    }

    /// When it was made, and until when that holds.
    fn age(&self) -> Markup {
        let (page, snapshot) = (self.page, self.page.snapshot);
        let at = snapshot.exported.unwrap_or(snapshot.at);
        html! {
            p class=[self.look.class("age")] style=[self.look.style(PARAGRAPH)] {
                (page.say("Stand: ", "As of: ")) (page.moment(at))
                @if snapshot.exported.is_none() {
                    (page.say(", gültig bis ", ", valid until ")) (page.clock_or_moment(snapshot.valid_until, at))
                    (page.say(". Danach kann sich der Stand geändert haben.", ". It may have changed after that."))
                } @else {
                    (page.say(". Seitdem kann sich der Stand geändert haben.", ". It may have changed since then."))
                }
            }
        }
    }

    fn more(&self, all: usize) -> Markup {
        let more = all.saturating_sub(LISTED_MAX);
        html! {
            @if more > 0 {
                li { (self.page.say("und ", "and ")) (more) (self.page.say(" weitere", " more")) }
            }
        }
    }
}
