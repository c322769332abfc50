//! `logo` and `theme`: what a body's pages look like, of the site or of an organisation.
//!
//! A picture is read here, checked, and becomes part of the catalogue, so that a start on the last
//! good one needs no file. Whoever names the same picture shares it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use super::diagnostic::Fault;
use super::probes::own_file;
use super::read::{Table, Value};
use super::svg;
use crate::model::look::{Colour, Colours, DARK, Ground, LIGHT, LOGO_BYTES_MAX, Logo, Picture, Theme};

/// Most bytes of all logos together: they are in memory and in the store.
const LOGOS_BYTES_MAX: usize = 32 << 20;

/// The first bytes of a PNG.
const PNG: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

/// Contrast below which text is hard to read (WCAG 2.2, success criterion 1.4.3).
const CONTRAST_MIN: f64 = 4.5;

const LOGO_HELP: &str = "name an SVG or PNG file beside this file, at most 256 KiB";

/// The pictures read so far, by name.
#[derive(Debug, Default)]
pub(super) struct Logos(RefCell<BTreeMap<String, Logo>>);

impl Logos {
    /// All of them.
    pub(super) fn take(&self) -> BTreeMap<String, Logo> {
        self.0.take()
    }

    /// Keeps a picture under its name, unless there are too many.
    fn keep(&self, logo: Logo) -> Option<String> {
        let name = logo.name();
        let mut logos = self.0.borrow_mut();
        let held: usize = logos.values().map(|logo| logo.content.len()).sum();
        if !logos.contains_key(&name) && held + logo.content.len() > LOGOS_BYTES_MAX {
            return None;
        }
        logos.entry(name.clone()).or_insert(logo);
        Some(name)
    }
}

/// A picture below the file's own folder; it will be public. Returns its name.
pub(super) fn logo(value: Value<'_>, base: &Path, logos: &Logos) -> Option<String> {
    let path = own_file(value, base)?;
    match read_picture(&path) {
        Ok(logo) => {
            let name = logos.keep(logo);
            if name.is_none() {
                let help = "use smaller ones; the same picture counts once";
                value.fault("too many logos", "all together more than 32 MiB", help);
            }
            name
        }
        Err(why) => {
            value.fault("the logo cannot be used", why, LOGO_HELP);
            None
        }
    }
}

fn read_picture(path: &Path) -> Result<Logo, String> {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let picture = match extension.to_ascii_lowercase().as_str() {
        "svg" => Picture::Svg,
        "png" => Picture::Png,
        _ => return Err("neither `.svg` nor `.png`".to_owned()),
    };
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
        return Err("not a plain file".to_owned());
    }
    let mut content = Vec::new();
    file.take(LOGO_BYTES_MAX as u64 + 1).read_to_end(&mut content).map_err(|error| error.to_string())?;
    if content.len() > LOGO_BYTES_MAX {
        return Err("larger than 256 KiB".to_owned());
    }
    match picture {
        Picture::Svg => svg::check(std::str::from_utf8(&content).map_err(|_| "not UTF-8".to_owned())?)?,
        Picture::Png if !content.starts_with(&PNG) => return Err("not a PNG".to_owned()),
        Picture::Png => {}
    }
    Ok(Logo { picture, content: Arc::from(content) })
}

/// `theme = { link, band, band_ink, dark = { link, band, band_ink } }`
pub(super) fn theme(table: Table<'_>) -> Theme {
    let light = colours(&table, &LIGHT, "light");
    let dark = table.table("dark").map(|dark| {
        let chosen = colours(&dark, &DARK, "dark");
        dark.finish();
        chosen
    });
    table.finish();
    Theme { light, dark: dark.unwrap_or_default() }
}

/// The colours of one look; what is hard to read is worth a warning.
fn colours(table: &Table<'_>, ground: &Ground, look: &str) -> Colours {
    let (link, band, band_ink) = (table.get("link"), table.get("band"), table.get("band_ink"));
    let colours =
        Colours { link: link.and_then(colour), band: band.and_then(colour), band_ink: band_ink.and_then(colour) };
    let checked = [
        (colours.of_links(ground), link, "links on our backgrounds", "choose a `link` further from them"),
        (
            colours.on_band(ground),
            band.or(band_ink),
            "`band_ink` on `band`",
            "choose `band` and `band_ink` further apart",
        ),
    ];
    for (contrast, place, what, help) in checked {
        let (Some(contrast), Some(place)) = (contrast, place) else { continue };
        if contrast < CONTRAST_MIN {
            // Rounded down, so that what is too little never reads as enough.
            let shown = (contrast * 10.0).floor() / 10.0;
            let fault = Fault::warning(format!("hard to read on {look} pages: {what} have a contrast of {shown:.1}:1"));
            table.faults.push(fault.at(place.spot, format!("below {CONTRAST_MIN}:1")).help(help));
        }
    }
    colours
}

fn colour(value: Value<'_>) -> Option<Colour> {
    let text = value.string()?;
    let colour = Colour::parse(text.value);
    if colour.is_none() {
        value.fault("no colour", "not a colour", "write it as `\"#0a4f8f\"`");
    }
    colour
}
