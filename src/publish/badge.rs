//! Badges: a name and a status word in a small picture, and the same for shields.io.
//!
//! A badge stands on a page of somebody else, who cannot be asked for space. So its width follows
//! from a table of glyphs of our own, and the text is set to that width whatever font there is.
//! It loads nothing, has no script and no time, so that unchanged content gives unchanged bytes.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;

use crate::model::status::{Evidence, Lifecycle, RollUp, Status};
use crate::model::text::Text;
use crate::publish::escape::{line, xml_str};
use crate::publish::json;
use crate::publish::route::Place;
use crate::publish::scope::Scope;
use crate::publish::wording::Words;

/// The widest name in tenths of a pixel; a longer one is cut.
const NAME_WIDTH_MAX: u32 = 2600;
/// Space on each side of a text, in tenths of a pixel.
const MARGIN: u32 = 60;
/// Behind the name. White on it has a contrast of 12 to 1.
const NAME_COLOUR: &str = "2b3640";
/// The font size in pixels that [`width`] is for.
const FONT_PX: u32 = 11;
/// How long shields.io may keep the answer: its least, 5 minutes.
const SHIELDS_CACHE_SECONDS: u32 = 300;

/// A name and a status word.
#[derive(Debug)]
pub(super) struct Badge {
    words: Words,
    /// In full, one line.
    name: String,
    said: &'static str,
    colour: &'static str,
    is_red: bool,
}

/// What shields.io draws a badge from: its endpoint schema, version 1.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ShieldsBadge<'a> {
    /// Always 1.
    schema_version: u8,
    /// The name.
    label: &'a str,
    /// The status in words.
    message: &'a str,
    /// Behind the status: six hexadecimal digits.
    color: &'a str,
    /// Behind the name.
    label_color: &'a str,
    /// Nobody may give it another colour.
    is_error: bool,
    /// How long it may be kept.
    cache_seconds: u32,
}

/// The schema of `badge.json`.
pub(super) fn schema(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<ShieldsBadge<'_>>()
}

impl Badge {
    /// The badge of the site, an organisation, or a component as an organisation's page shows it.
    pub(super) fn new(scope: &Scope<'_>, place: Place<'_>) -> Option<Self> {
        let snapshot = scope.snapshot;
        let words = Words::of(scope.language);
        let organisation = |id| snapshot.organisation(id);
        let badge = |name: &Text, (said, look): (&'static str, Status)| Self {
            words,
            name: line(&scope.text(name)),
            said,
            colour: colour(look),
            is_red: look.is_red(),
        };
        match place {
            Place::Site => Some(badge(&snapshot.catalogue.site.title, words.common(snapshot.status()))),
            Place::Organisation(id) => {
                let (index, organisation) = organisation(id)?;
                Some(badge(&organisation.name, words.common(snapshot.organisation_status(index))))
            }
            Place::Component(there, id) => {
                let view = snapshot.view(scope.component(id)?, Some(organisation(there)?.0))?;
                let component = view.component;
                let said = match (view.state.lifecycle, view.status, view.evidence) {
                    // Nothing checks it: that no disruption is known is all that can be said.
                    (Lifecycle::Live, status @ Status::Operational, evidence @ Evidence::Declared) => {
                        words.common(RollUp { status, evidence, unknown: 0 })
                    }
                    (Lifecycle::Live, status, _) => (words.status(status, Some(component.kind)), status),
                    (Lifecycle::Announced, ..) => (words.pick("demnächst", "coming soon"), Status::Unknown),
                    (Lifecycle::Retired, ..) => (words.pick("eingestellt", "retired"), Status::Unknown),
                };
                Some(badge(&component.name, said))
            }
        }
    }

    /// `badge.svg`
    pub(super) fn svg(&self) -> String {
        let name = cut(&self.name);
        let (name_width, said_width) = (width(&name), width(self.said));
        // Without a name only the word is left.
        let left = if name.is_empty() { 0 } else { 2 * MARGIN + name_width };
        let right = 2 * MARGIN + said_width;
        // Whole pixels, so that edges are sharp.
        let (left, right) = (left.div_ceil(10), right.div_ceil(10));
        let all = left + right;
        let language = self.words.pick("de", "en");
        let full = match &*self.name {
            "" => Cow::Borrowed(self.said),
            name => Cow::Owned(format!("{}: {}", xml_str(name), self.said)),
        };
        let margin = MARGIN / 10;
        let (name_text, said_text) = (text(margin, name_width, &name), text(left + margin, said_width, self.said));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{all}\" height=\"20\" viewBox=\"0 0 {all} 20\" \
             role=\"img\" aria-label=\"{full}\" xml:lang=\"{language}\"><title>{full}</title>\
             <rect width=\"{all}\" height=\"20\" rx=\"3\" fill=\"#{NAME_COLOUR}\"/>\
             <path d=\"{}\" fill=\"#{}\"/>\
             <g fill=\"#fff\" font-family=\"DejaVu Sans,Verdana,Geneva,sans-serif\" font-size=\"{FONT_PX}\">\
             {name_text}{said_text}</g></svg>\n",
            if left == 0 {
                format!("M3 0H{x}a3 3 0 0 1 3 3V17a3 3 0 0 1-3 3H3a3 3 0 0 1-3-3V3a3 3 0 0 1 3-3z", x = all - 3)
            } else {
                format!("M{left} 0H{x}a3 3 0 0 1 3 3V17a3 3 0 0 1-3 3H{left}z", x = all - 3)
            },
            self.colour,
        )
    }

    /// `badge.json`, the endpoint schema of shields.io.
    pub(super) fn json(&self) -> Vec<u8> {
        json::bytes(&ShieldsBadge {
            schema_version: 1,
            label: &cut(&self.name),
            message: self.said,
            color: self.colour,
            label_color: NAME_COLOUR,
            is_error: self.is_red,
            cache_seconds: SHIELDS_CACHE_SECONDS,
        })
    }
}

/// One text of the picture; nothing for the empty one.
fn text(x: u32, width: u32, text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    format!(
        "<text x=\"{x}\" y=\"14\" textLength=\"{}.{}\" lengthAdjust=\"spacingAndGlyphs\">{}</text>",
        width / 10,
        width % 10,
        xml_str(text)
    )
}

/// The colour behind a status word. White on it has a contrast of at least 7 to 1.
const fn colour(status: Status) -> &'static str {
    match status {
        Status::Operational => "0e5c35",
        Status::DegradedPerformance => "6b4100",
        Status::PartialOutage => "853300",
        Status::MajorOutage => "97121e",
        Status::UnderMaintenance => "1b4a83",
        Status::Unknown => "434f59",
    }
}

/// A name that is not wider than [`NAME_WIDTH_MAX`], cut with `…` where it would be.
fn cut(name: &str) -> Cow<'_, str> {
    if width(name) <= NAME_WIDTH_MAX {
        return Cow::Borrowed(name);
    }
    let mut room = NAME_WIDTH_MAX - glyph('…');
    let kept: String = name
        .chars()
        .take_while(|&c| {
            let fits = glyph(c) <= room;
            room = room.saturating_sub(glyph(c));
            fits
        })
        .collect();
    Cow::Owned(format!("{}…", kept.trim_end()))
}

/// The width of a text in tenths of a pixel.
fn width(text: &str) -> u32 {
    text.chars().map(glyph).sum()
}

/// The width of `DejaVu` Sans, which is that of Verdana, at 11 pixels: the visible characters of
/// ASCII and of the second half of Latin-1, in tenths of a pixel.
const ASCII: [u8; 95] = [
    35, 44, 51, 92, 70, 105, 86, 30, 43, 43, 55, 92, 35, 40, 35, 37, 70, 70, 70, 70, 70, 70, 70, 70, 70, 70, 37, 37,
    92, 92, 92, 58, 110, 75, 75, 77, 85, 70, 63, 85, 83, 32, 32, 72, 61, 95, 82, 87, 66, 87, 76, 70, 67, 81, 75, 109,
    75, 67, 75, 43, 37, 43, 92, 55, 55, 67, 70, 60, 70, 68, 39, 70, 70, 31, 31, 64, 31, 107, 70, 67, 70, 70, 45, 57,
    43, 70, 65, 90, 65, 65, 58, 70, 37, 70, 92,
];
const LATIN: [u8; 96] = [
    35, 44, 70, 70, 70, 70, 37, 55, 55, 110, 52, 67, 92, 0, 110, 55, 55, 92, 44, 44, 55, 70, 70, 35, 55, 44, 52, 67,
    107, 107, 107, 58, 75, 75, 75, 75, 75, 75, 107, 77, 70, 70, 70, 70, 32, 32, 32, 32, 85, 82, 87, 87, 87, 87, 87, 92,
    87, 81, 81, 81, 81, 67, 67, 69, 67, 67, 67, 67, 67, 67, 108, 60, 68, 68, 68, 68, 31, 31, 31, 31, 67, 70, 67, 67,
    67, 67, 67, 92, 67, 70, 70, 70, 70, 65, 70, 65,
];

/// The width of a character; of those without a row a typical one of their script.
fn glyph(c: char) -> u32 {
    let in_table = |table: &[u8], from: u32| table.get((u32::from(c) - from) as usize).copied().map_or(0, u32::from);
    match c {
        ' '..='~' => in_table(&ASCII, 0x20),
        '\u{a0}'..='\u{ff}' => in_table(&LATIN, 0xa0),
        // Marks that stand on the character before, joiners, selectors.
        '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200d}' | '\u{fe00}'..='\u{fe0f}' | '\u{2060}' => 0,
        '\u{100}'..='\u{24f}' | '\u{370}'..='\u{5ff}' => 75,
        '–' | '„' | '“' | '”' => 57,
        '…' | '—' => 110,
        // Wide ones: ideographs, signs, pictures.
        _ => 120,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::text::Plain;

    fn badge(name: &str) -> Badge {
        Badge {
            words: Words::German,
            name: line(&Plain::new(name)),
            said: "verfügbar",
            colour: colour(Status::Operational),
            is_red: false,
        }
    }

    #[test]
    fn long_names_are_cut_and_said_in_full_in_the_title() {
        let long = "Zweckverband für die gemeinsame Datenverarbeitung der Städte und Gemeinden";
        let svg = badge(long).svg();
        assert!(svg.contains(&format!("<title>{long}: verfügbar</title>")), "{svg}");
        assert!(svg.contains(">Zweckverband für die gemeinsame Datenve…</text>"), "{svg}");
        assert!(width(&cut(long)) <= NAME_WIDTH_MAX);
        assert_eq!(cut("Stadt Hattingen"), "Stadt Hattingen");
        assert!(width(&cut(&"W".repeat(10_000))) <= NAME_WIDTH_MAX);
        assert_eq!(cut(&format!("{} {}", "a".repeat(38), "b".repeat(99))), format!("{}…", "a".repeat(37)));
    }

    #[test]
    fn the_width_is_the_sum_of_what_stands_there() {
        // Measured with the font itself: 87.2 px and 53.9 px.
        assert_eq!((width("Stadt Hattingen"), width("verfügbar")), (873, 539));
        assert_eq!(width("é"), width("e\u{301}"));
        let svg = badge("").svg();
        assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"66\""), "{svg}");
        assert_eq!(svg.matches("<text").count(), 1);
    }

    /// The contrast of two colours (WCAG 2, relative luminance).
    fn contrast(one: &str, other: &str) -> f64 {
        let luminance = |colour: &str| {
            let channel = |at: usize| {
                let value = f64::from(u8::from_str_radix(colour.get(at..at + 2).unwrap(), 16).unwrap()) / 255.0;
                if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
            };
            0.2126 * channel(0) + 0.7152 * channel(2) + 0.0722 * channel(4)
        };
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn words_can_be_read_on_every_colour() {
        let colours = Status::ALL.iter().copied().map(colour).chain([NAME_COLOUR]);
        for colour in colours {
            assert!(contrast("ffffff", colour) >= 7.0, "{colour}: {}", contrast("ffffff", colour));
        }
    }
}
