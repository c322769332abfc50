//! The colours that a body chose, as a second stylesheet of its pages.
//!
//! It holds nothing but our own words and colours, which are numbers.

use std::fmt::Write;

use crate::model::look::{Colours, Theme};

/// The stylesheet; `None` if nothing was chosen. Whoever asked for dark pages gets the dark
/// colours only, so that what was chosen for a light page never stands on a dark one. Print has
/// its own.
pub(super) fn style(theme: Option<&Theme>) -> Option<String> {
    let theme = theme?;
    let mut style = String::new();
    for (look, colours) in [("light", &theme.light), ("dark", &theme.dark)] {
        let rules = rules(colours);
        if !rules.is_empty() {
            // Writing to a String cannot fail.
            write!(style, "@media screen and (prefers-color-scheme:{look}){{:root{{{rules}}}}}").unwrap_or_default();
        }
    }
    (!style.is_empty()).then_some(style)
}

fn rules(colours: &Colours) -> String {
    let chosen = [("link", colours.link), ("band", colours.band), ("band-ink", colours.band_ink)];
    chosen.iter().filter_map(|(name, colour)| Some(format!("--{name}:{};", (*colour)?))).collect()
}
