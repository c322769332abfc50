//! `status.txt`: an organisation's status for terminals, scripts and notice boards.
//!
//! One line for the organisation, one for each component that is not operational, one for each
//! open incident. It says no time but when an incident began, so that unchanged content gives
//! unchanged bytes.

use std::fmt::Write;

use crate::model::incident::Body;
use crate::model::local::View;
use crate::model::status::{Lifecycle, Status};
use crate::model::time::Timestamp;
use crate::publish::escape::line;
use crate::publish::html::time::{clock_text, long_date, zone};
use crate::publish::scope::Scope;
use crate::publish::wording::Words;

/// Most lines of components, and most of incidents. A last line says how many there are beyond.
const LINES_MAX: usize = 500;

/// The text of an organisation.
pub(super) fn render(scope: &Scope<'_>, index: u32) -> Option<String> {
    let page = scope.page(index)?;
    let words = Words::of(scope.language);
    let (said, _) = words.common(scope.snapshot.organisation_status(index));
    let mut lines = Lines { text: String::new(), words };
    lines.push(format_args!("{}: {said}", line(&scope.text(&page.organisation.name))));
    let shown = page.organisation.shows.iter().filter_map(|&component| page.town.view(component));
    let not_operational: Vec<View<'_>> =
        shown.filter(|view| view.state.lifecycle == Lifecycle::Live && view.status != Status::Operational).collect();
    for view in not_operational.iter().take(LINES_MAX) {
        let said = words.status(view.status, Some(view.component.kind));
        lines.push(format_args!("{}: {said}", name(scope, view)));
    }
    lines.beyond(not_operational.len());
    let incidents: Vec<_> = scope.snapshot.incidents_of(index).filter(|incident| incident.is_open()).collect();
    for incident in incidents.iter().take(LINES_MAX) {
        let title = line(&scope.body(&incident.title));
        // Automatic titles begin with the word already.
        let kind = match &incident.title {
            Body::Written(_) => words.pick("Störung: ", "Disruption: "),
            Body::Automatic(_) => "",
        };
        let since = moment(words, &page.organisation.timezone, incident.started_at);
        lines.push(format_args!("{kind}{title} ({} {since})", words.pick("seit", "since")));
    }
    lines.beyond(incidents.len());
    Some(lines.text)
}

/// The name of a component, a part's behind that of its whole.
fn name(scope: &Scope<'_>, view: &View<'_>) -> String {
    let name = line(&scope.text(&view.component.name));
    let whole = view.component.part_of.and_then(|whole| scope.snapshot.catalogue.components.get(whole as usize));
    match whole {
        Some(whole) => format!("{} – {name}", line(&scope.text(&whole.name))),
        None => name,
    }
}

/// `Montag, 30. Oktober 2023, 07:04 Uhr`
fn moment(words: Words, timezone: &str, at: Timestamp) -> String {
    let zone = zone(timezone);
    let date = at.to_jiff().to_zoned(zone.clone()).date();
    format!("{}, {}", long_date(words, date), clock_text(words, &zone, at))
}

/// Lines that end with a line feed each.
struct Lines {
    text: String,
    words: Words,
}

impl Lines {
    fn push(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        writeln!(self.text, "{line}").unwrap_or_default();
    }

    /// How many were left out, if any.
    fn beyond(&mut self, all: usize) {
        if let Some(more) = all.checked_sub(LINES_MAX).filter(|more| *more > 0) {
            match self.words {
                Words::German => self.push(format_args!("und {more} weitere")),
                Words::English => self.push(format_args!("and {more} more")),
            }
        }
    }
}
