//! A component on a page: what is the matter with it, since when, why, and what else to do.

use maud::{Markup, html};

use crate::model::alternative::{Alternative, AlternativeKind};
use crate::model::event::MaintenancePhase;
use crate::model::local::{View, applies};
use crate::model::notice::Override;
use crate::model::snapshot::{AffectedBy, PublicMaintenance};
use crate::model::status::{Delivery, Evidence, Lifecycle, Processing, Status};
use crate::publish::cause;
use crate::publish::html::link::{self, Leads};
use crate::publish::html::maintenance;
use crate::publish::html::page::Page;
use crate::publish::html::status::pill;
use crate::publish::html::time::{self, Wall};
use crate::publish::wording;

/// How deep parts of parts are shown.
pub(super) const DEPTH_MAX: usize = 4;

impl<'a> Page<'a> {
    /// A component that is not simply available, with everything about it.
    pub(super) fn card(&self, view: &View<'a>) -> Markup {
        let words = self.words;
        html! {
            li.sheet.card id=(view.component.id) {
                div.head {
                    h3 { (self.title_link(view)) }
                    (pill(words, view.status, Some(view.component.kind)))
                }
                (self.circumstances(view))
                @let parts = self.parts(view);
                @if !parts.is_empty() {
                    (self.part_list(view, &parts, DEPTH_MAX))
                }
                (self.ways(view, false))
            }
        }
    }

    /// A component that is available: a line.
    pub(super) fn row(&self, view: &View<'a>) -> Markup {
        html! {
            li id=(view.component.id) {
                div.head {
                    span {
                        (self.title_link(view))
                        @if let Some(url) = &view.component.url { " " span.hours { (link::bare(url)) } }
                    }
                    (pill(self.words, view.status, Some(view.component.kind)))
                }
                (self.remarks(view))
                (self.evidence(view))
                @let parts = self.parts(view);
                @if !parts.is_empty() {
                    (self.part_list(view, &parts, DEPTH_MAX))
                }
            }
        }
    }

    /// A component that does not exist yet.
    pub(super) fn announced(&self, view: &View<'a>) -> Markup {
        html! {
            li id=(view.component.id) {
                div.head {
                    span { (self.title_link(view)) }
                    span.soft { (self.available_from(view)) }
                }
            }
        }
    }

    /// The name of a component, linked to its page.
    fn title_link(&self, view: &View<'a>) -> Markup {
        html! { a href=[self.place(&view.component.id)] { (self.text(&view.component.name)) } }
    }

    pub(super) fn available_from(&self, view: &View<'a>) -> Markup {
        html! {
            @match &view.component.available_from {
                Some(from) => { (self.say("ab ", "from ")) (self.when(from)) },
                None => (self.say("demnächst", "soon")),
            }
        }
    }

    /// The parts of a component that stand on this page.
    pub(super) fn parts(&self, view: &View<'a>) -> Vec<View<'a>> {
        view.component
            .parts
            .iter()
            .filter(|part| self.organisation.is_none_or(|(_, organisation)| organisation.shows.contains(part)))
            .filter_map(|&part| self.view(part))
            .filter(|part| part.state.lifecycle != Lifecycle::Retired)
            .collect()
    }

    pub(super) fn part_list(&self, whole: &View<'a>, parts: &[View<'a>], depth: usize) -> Markup {
        html! {
            ul.parts {
                @for part in parts {
                    li id=(part.component.id) {
                        div.head {
                            span { (self.title_link(part)) }
                            @if part.state.lifecycle == Lifecycle::Announced {
                                span.soft { (self.say("Demnächst", "Soon")) ", " (self.available_from(part)) }
                            } @else {
                                (pill(self.words, part.status, Some(part.component.kind)))
                            }
                        }
                        @if part.state.lifecycle == Lifecycle::Live {
                            @if part.status != Status::Operational { (self.cause(part)) }
                            (self.remarks(part))
                            (self.part_meta(whole, part))
                            (self.ways(part, true))
                        }
                        @let parts = self.parts(part);
                        @if depth > 1 && !parts.is_empty() {
                            (self.part_list(part, &parts, depth - 1))
                        }
                    }
                }
            }
        }
    }

    /// Why, since when, and what else is to be said.
    pub(super) fn circumstances(&self, view: &View<'a>) -> Markup {
        html! {
            (self.cause(view))
            (self.remarks(view))
            p.meta {
                (self.say("Seit ", "Since ")) (self.moment(view.since)) ". "
                @if let Some(checked_at) = view.state.checked_at {
                    (self.say("Zuletzt geprüft: ", "Last checked: "))
                    (self.clock_or_moment(checked_at, view.since)) ". "
                }
                @if let Some(evidence) = self.said_evidence(view) { (wording::capitalised(evidence)) ". " }
                (self.provided_by(view))
            }
        }
    }

    /// Of a part only what its whole does not say already.
    fn part_meta(&self, whole: &View<'a>, part: &View<'a>) -> Markup {
        html! {
            @if part.status != Status::Operational && self.moment(part.since).0 != self.moment(whole.since).0 {
                p.meta { (self.say("Seit ", "Since ")) (self.moment(part.since)) "." }
            }
            (self.evidence(part))
        }
    }

    fn evidence(&self, view: &View<'a>) -> Markup {
        html! { @if let Some(evidence) = self.said_evidence(view) { p.meta { (evidence) } } }
    }

    /// Where the status comes from, where nothing else on the page says so already.
    fn said_evidence(&self, view: &View<'a>) -> Option<&'static str> {
        let is_said = view.status == Status::UnderMaintenance || self.set_by_hand(view).is_some();
        self.words.evidence(view.evidence).filter(|_| !(view.evidence == Evidence::Notice && is_said))
    }

    /// The status that was set by hand and is in force.
    fn set_by_hand(&self, view: &View<'a>) -> Option<&'a Override> {
        view.state.set_by_hand.as_ref().filter(|set| set.holds(self.snapshot.at))
    }

    /// Whose it is, where it is not the page's own.
    pub(super) fn provided_by(&self, view: &View<'a>) -> Markup {
        let foreign = self.organisation.filter(|(index, _)| *index != view.component.owner);
        html! {
            @if let Some(owner) = foreign.and_then(|_| self.organisation_link(view.component.owner)) {
                (self.say("Zuständig: ", "In charge: ")) (owner) "."
            }
        }
    }

    /// The sentence that says why.
    fn cause(&self, view: &View<'a>) -> Markup {
        let word = self.words.status(view.status, Some(view.component.kind));
        let is_derived = cause::is_derived(self.snapshot, view);
        let is_disruption = cause::is_disruption(view);
        let affected = view.affected_by.as_deref();
        match view.status {
            Status::UnderMaintenance => self.planned(view, affected),
            Status::Unknown => html! {
                p.strong {
                    (self.say("Stand unbekannt", "Status unknown"))
                    @if let Some(last) = view.state.last_known {
                        (self.say(", zuletzt bekannt: ", ", last known: "))
                        (self.words.status(last, Some(view.component.kind)))
                    }
                    "."
                }
                @if let Some(reason) = view.state.reason { p { (self.words.reason(reason)) } }
                @if let Some(affected) = affected {
                    p { (self.say("Hängt ab von: ", "Depends on: ")) (self.chain(affected)) "." }
                }
            },
            Status::Operational | Status::DegradedPerformance | Status::PartialOutage | Status::MajorOutage => html! {
                @match affected {
                    Some(affected) if is_disruption && !is_derived => p {
                        (self.say("Betroffen von der Störung: ", "Affected by the disruption: ")) (self.chain(affected)) "."
                    },
                    Some(affected) if is_disruption => p.strong {
                        (self.say("Zurzeit ", "At present ")) (word)
                        (self.say(" wegen Störung: ", " because of a disruption: ")) (self.chain(affected)) "."
                    },
                    Some(affected) => p {
                        (self.say("Hängt ab von: ", "Depends on: ")) (self.chain(affected)) "."
                    },
                    None => {},
                }
                @if let Some(reason) = view.state.reason.filter(|_| view.evidence == Evidence::Own) {
                    p { (self.words.reason(reason)) }
                }
            },
        }
    }

    /// The root, and the way from it.
    fn chain(&self, affected: &AffectedBy) -> Markup {
        let root = affected.path.last();
        let over = affected.path.first().filter(|first| Some(*first) != root);
        html! {
            @if let Some(root) = root { (self.shown(root)) }
            @if let Some(over) = over {
                (self.say(" (betroffen über ", " (affected through ")) (self.shown(over)) ")"
            }
        }
    }

    /// The sentence about planned work.
    fn planned(&self, view: &View<'a>, affected: Option<&AffectedBy>) -> Markup {
        let word = self.say("Planmäßig unterbrochen", "Under planned maintenance");
        html! {
            @match self.covering(view) {
                Some(maintenance) => p.strong {
                    (word) ": "
                    a href=(self.path(&maintenance::path(maintenance))) { (self.text(&maintenance.title)) }
                    @if maintenance.phase == MaintenancePhase::Overrunning {
                        (self.say(", dauert länger als angekündigt.", ", takes longer than announced."))
                    } @else {
                        @let zone = time::zone(&maintenance.zone);
                        ", " (Wall { words: self.words, zone: &zone }.window(&maintenance.from, &maintenance.until)) "."
                    }
                },
                None => p.strong {
                    (word)
                    @if let Some(affected) = affected {
                        (self.say(" wegen geplanter Arbeiten: ", " because of planned work: ")) (self.chain(affected))
                    }
                    "."
                },
            }
        }
    }

    /// The maintenance in progress that covers a component or what it is part of.
    pub(super) fn covering(&self, view: &View<'a>) -> Option<&'a PublicMaintenance> {
        let whole = view
            .component
            .part_of
            .and_then(|whole| self.snapshot.catalogue.components.get(whole as usize))
            .map(|whole| &whole.id);
        let covers = |maintenance: &&PublicMaintenance| {
            maintenance.components.iter().any(|covered| {
                let meant = covered.component == view.component.id || Some(&covered.component) == whole;
                meant && !covered.is_over(self.snapshot.at)
            })
        };
        let maintenances = self.snapshot.maintenances.iter().map(|maintenance| &**maintenance);
        maintenances.filter(|maintenance| maintenance.is_active()).find(covers)
    }

    /// What is to be said beside the status: the mode, the provider's word, processing, mail, the
    /// town's own words, and that it was set by hand.
    fn remarks(&self, view: &View<'a>) -> Markup {
        let words = self.words;
        html! {
            @if view.status == Status::Operational && view.state.unknown_parts > 0 {
                p.meta { (view.state.unknown_parts) (self.say(" davon: Stand unbekannt", " of it: status unknown")) }
            }
            @if let Some(meaning) = wording::mode_meaning(words, view.mode) {
                p { strong { (wording::capitalised(words.mode(view.mode))) "." } " " (meaning) }
            }
            @if view.processing != Processing::Normal { p { (words.processing(view.processing)) } }
            @if let Some(delivery) = view.delivery { (self.delivery(delivery)) }
            @if let Some(text) = view.local.text {
                p.said { (self.text(text)) }
            }
            @if let Some(released) = view.released { p.meta { (wording::released(words, released)) } }
            @if let Some(set) = self.set_by_hand(view) {
                p.meta {
                    (self.say("Von Hand gesetzt am ", "Set by hand on ")) (self.moment(set.at))
                    @if let Some(until) = set.until { (self.say(", gilt ", ", holds ")) (self.wall().by(until)) }
                    "."
                }
            }
        }
    }

    /// What happens to mail.
    fn delivery(&self, delivery: &Delivery) -> Markup {
        html! {
            p {
                (self.words.delivery(delivery.state))
                @if let Some(since) = delivery.since { (self.say(" Seit ", " Since ")) (self.moment(since)) "." }
                @if let Some(until) = delivery.until { (self.say(" Gilt ", " Holds ")) (self.wall().by(until)) "." }
            }
        }
    }

    /// The ways that are left while a component is not available; nothing if it is.
    pub(super) fn remaining(&self, view: &View<'a>) -> Vec<&'a Alternative> {
        if view.status == Status::Operational {
            return Vec::new();
        }
        let organisation = self.organisation.map(|(_, organisation)| organisation);
        let at = self.snapshot.at;
        let mut ways: Vec<&Alternative> = view.alternatives(organisation, at);
        if view.status == Status::UnderMaintenance
            && let Some(maintenance) = self.covering(view)
        {
            for way in &maintenance.alternatives {
                if applies(way, organisation, at) && !ways.contains(&way) {
                    ways.push(way);
                }
            }
        }
        // What does not work itself comes last, and says so.
        ways.sort_by_key(|way| self.is_out(way));
        ways
    }

    /// Whether an alternative does not work itself at the moment.
    pub(super) fn is_out(&self, way: &Alternative) -> bool {
        self.town.status_of(way).is_some_and(|status| status.is_red() || status == Status::UnderMaintenance)
    }

    pub(super) fn ways(&self, view: &View<'a>, of_part: bool) -> Markup {
        let ways = self.remaining(view);
        html! {
            @if !ways.is_empty() {
                div.ways id={ (view.component.id) "_ways" } {
                    h4 {
                        (wording::alternatives_heading(self.words))
                        @if of_part { ": " (self.text(&view.component.name)) }
                    }
                    (self.way_list(&ways))
                }
            }
        }
    }

    /// A list of alternatives.
    pub(super) fn way_list(&self, ways: &[&Alternative]) -> Markup {
        html! { ul { @for way in ways { li { (self.way(way)) } } } }
    }

    fn way(&self, way: &Alternative) -> Markup {
        let kind = self.words.alternative(way.kind);
        let page = way.target.first().filter(|first| way.target.len() == 1 && link::leads(first) == Leads::Page);
        html! {
            @if way.kind != AlternativeKind::Postpone { p.kind { (kind) } }
            p.how {
                @match page {
                    Some(page) => a href=(page) { (self.text(&way.label)) },
                    None => (self.text(&way.label)),
                }
            }
            @if self.is_out(way) {
                p.hours { strong { (self.say("Zurzeit selbst nicht verfügbar.", "Not available itself at present.")) } }
            }
            @if let Some(page) = page { p.hours { (link::readable(page)) } }
            @if page.is_none() && !way.target.is_empty() {
                ul.numbers { @for target in &way.target { li { (link::bare(target)) } } }
            }
            @match (&way.hours_text, &way.hours) {
                (Some(text), _) => p.hours { (self.text(text)) },
                (None, Some(hours)) => p.hours { (self.say("Zeiten: ", "Hours: ")) (hours) },
                (None, None) => {},
            }
            @if let Some(page) = &way.page {
                p.hours { (self.say("Mehr dazu: ", "More about it: ")) (link::bare(page)) }
            }
            @if let Some(verified) = &way.verified_at {
                p.hours { (self.say("Zuletzt bestätigt: ", "Last confirmed: ")) (self.when(verified)) }
            }
        }
    }
}
