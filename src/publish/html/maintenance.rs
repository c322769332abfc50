//! Planned work on a page: when, what, the last day before, and what stays.

use maud::{Markup, PreEscaped, html};

use crate::model::catalogue::Ends;
use crate::model::event::MaintenancePhase;
use crate::model::snapshot::PublicMaintenance;
use crate::model::status::Status;
use crate::publish::html::component;
use crate::publish::html::page::Page;
use crate::publish::html::status::pill_of;
use crate::publish::wording;

/// Most organisations that are named with a notice.
const NAMED_MAX: usize = 5;

/// Most notices of planned work on a page; the nearest ones are shown.
const SHOWN_MAX: usize = 50;

/// Whether the work is going on.
pub(super) const fn is_active(maintenance: &PublicMaintenance) -> bool {
    matches!(maintenance.phase, MaintenancePhase::InProgress | MaintenancePhase::Overrunning)
}

/// Where a maintenance stands on a page.
pub(super) fn anchor(maintenance: &PublicMaintenance) -> String {
    format!("#m_{}", maintenance.id)
}

impl<'a> Page<'a> {
    /// The section about planned work; nothing if there is none. What was called off is told
    /// until the day it was meant for is over, because people may still reckon with it.
    pub(super) fn planned_work(&self, all: impl Iterator<Item = &'a PublicMaintenance>) -> Markup {
        let at = self.snapshot.at;
        let shown: Vec<&PublicMaintenance> = all
            .filter(|maintenance| match maintenance.phase {
                MaintenancePhase::Announced | MaintenancePhase::InProgress | MaintenancePhase::Overrunning => true,
                MaintenancePhase::Cancelled => maintenance.until.at > at,
                MaintenancePhase::Completed => false,
            })
            .take(SHOWN_MAX)
            .collect();
        html! {
            @if !shown.is_empty() {
                section aria-labelledby="s_planned" {
                    h2 id="s_planned" { (self.say("Geplante Arbeiten", "Planned work")) }
                    ul.cards { @for maintenance in shown { (self.maintenance(maintenance)) } }
                }
            }
        }
    }

    fn maintenance(&self, maintenance: &PublicMaintenance) -> Markup {
        let look =
            if maintenance.phase == MaintenancePhase::Cancelled { Status::Unknown } else { Status::UnderMaintenance };
        html! {
            li.sheet.card id={ "m_" (maintenance.id) } {
                div.head {
                    h3 { (self.text(&maintenance.title)) }
                    (pill_of(look, self.words.maintenance_phase(maintenance.phase)))
                }
                p.strong { (self.capital_window(maintenance)) }
                @if maintenance.phase != MaintenancePhase::Cancelled { (self.maintenance_facts(maintenance)) }
                @let ways: Vec<_> = component::current(&maintenance.alternatives, self.snapshot.at).collect();
                @if !ways.is_empty() && maintenance.phase != MaintenancePhase::Cancelled {
                    div.ways {
                        h4 { (wording::alternatives_heading(self.words)) }
                        (self.way_list(&ways))
                    }
                }
            }
        }
    }

    /// The window as a sentence of its own.
    fn capital_window(&self, maintenance: &PublicMaintenance) -> Markup {
        let window = self.window(&maintenance.from, &maintenance.until).into_string();
        let mut letters = window.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase());
        // The first letter is one of our own words, never markup.
        PreEscaped(first.into_iter().chain(letters).collect())
    }

    fn maintenance_facts(&self, maintenance: &PublicMaintenance) -> Markup {
        let announced = maintenance.phase == MaintenancePhase::Announced;
        html! {
            dl.facts {
                @if maintenance.phase == MaintenancePhase::Overrunning {
                    dt { (self.say("Bis wann", "Until")) }
                    dd { (wording::no_end_known(self.words)) }
                } @else if maintenance.ends == Ends::OnNotice {
                    dt { (self.say("Ende", "End")) }
                    dd { (self.say("wird eigens bekannt gegeben", "will be announced")) }
                }
                @if let Some(last) = maintenance.last_chance_before.as_ref().filter(|_| announced) {
                    dt { (self.say("Letzter Tag vorher", "Last day before")) }
                    dd { (self.when(last)) }
                }
                @if let Some(back) = &maintenance.back_from {
                    dt { (self.say("Wieder ab", "Back from")) }
                    dd { (self.when(back)) }
                }
                @match self.organisation {
                    Some(_) => {
                        dt { (self.say("Betrifft", "Concerns")) }
                        dd { (self.names(maintenance.components.iter().filter_map(|covered| self.named(&covered.component)))) }
                    },
                    None => {
                        dt { (self.say("Betrifft", "Concerns")) }
                        dd { (self.organisations(&self.reached(maintenance.components.iter().map(|covered| &covered.component)), NAMED_MAX)) }
                    },
                }
                @if !maintenance.unaffected.is_empty() {
                    dt { (self.say("Nicht betroffen", "Not affected")) }
                    dd { (self.names(maintenance.unaffected.iter().filter_map(|id| self.named(id)))) }
                }
                @if let Some(at) = Some(&maintenance.announced_at).filter(|_| announced) {
                    dt { (self.say("Angekündigt", "Announced")) }
                    dd { (self.when(at)) }
                }
            }
        }
    }
}
