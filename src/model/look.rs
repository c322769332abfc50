//! What a body's pages look like beside the usual: its logo and its colours.
//!
//! A logo is named after a hash of its content, so that its address may be kept for good. Colours
//! are numbers, so nothing but a colour can get into a stylesheet.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

/// Largest logo, in bytes.
pub const LOGO_BYTES_MAX: usize = 256 * 1024;

/// Bytes of a logo's hash that its name shows.
const NAME_BYTES: usize = 8;

/// The kinds of pictures that a logo may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Picture {
    /// A drawing; checked when it was read.
    Svg,
    /// A grid of pixels.
    Png,
}

/// A logo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logo {
    /// What kind of picture.
    pub picture: Picture,
    /// Its content.
    #[serde(with = "base64")]
    pub content: Arc<[u8]>,
}

impl Logo {
    /// Its name among the assets, from its content.
    pub fn name(&self) -> String {
        let hash = Sha256::digest(&self.content);
        let ending = match self.picture {
            Picture::Svg => "svg",
            Picture::Png => "png",
        };
        let hash: String = hash.iter().take(NAME_BYTES).map(|byte| format!("{byte:02x}")).collect();
        format!("logo-{hash}.{ending}")
    }
}

/// Bytes as base64 text.
mod base64 {
    use super::{Arc, Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &Arc<[u8]>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&data_encoding::BASE64.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<[u8]>, D::Error> {
        let text = String::deserialize(deserializer)?;
        data_encoding::BASE64.decode(text.as_bytes()).map(Arc::from).map_err(serde::de::Error::custom)
    }
}

/// A colour: red, green, blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour(pub [u8; 3]);

impl Colour {
    /// The colour of `#0a4f8f` or `#fff`; any other way to write one is none of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let digits: Vec<u8> = text
            .strip_prefix('#')?
            .chars()
            .map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect::<Option<_>>()?;
        match *digits.as_slice() {
            [r, g, b] => Some(Self([r * 17, g * 17, b * 17])),
            [r, r_low, g, g_low, b, b_low] => Some(Self([r * 16 + r_low, g * 16 + g_low, b * 16 + b_low])),
            _ => None,
        }
    }

    /// The contrast between two colours, from 1 to 21 (WCAG 2.2, "contrast ratio").
    pub fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance(), other.luminance());
        (one.max(two) + 0.05) / (one.min(two) + 0.05)
    }

    /// WCAG 2.2, "relative luminance".
    fn luminance(self) -> f64 {
        let linear = |part: u8| {
            let part = f64::from(part) / 255.0;
            if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        let [red, green, blue] = self.0.map(linear);
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self([red, green, blue]) = self;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

impl Serialize for Colour {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Colour {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not a colour such as #0a4f8f"))
    }
}

/// The colours that a body may choose; what it leaves open stays as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Colours {
    /// Links in texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Colour>,
    /// The band at the top.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub band: Option<Colour>,
    /// What is written on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub band_ink: Option<Colour>,
}

/// The colours of a body.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Theme {
    /// For readers who did not ask for dark pages.
    pub light: Colours,
    /// For readers who did.
    pub dark: Colours,
}

/// A look as it is without a theme: what its chosen colours must stand out from.
#[derive(Debug, Clone, Copy)]
pub struct Ground {
    /// What links stand on.
    pub papers: [Colour; 8],
    /// The band at the top.
    pub band: Colour,
    /// What is written on it.
    pub band_ink: Colour,
}

/// Light pages, as the stylesheet has them.
pub const LIGHT: Ground = Ground {
    papers: [
        Colour([0xf3, 0xf5, 0xf7]),
        Colour([0xff, 0xff, 0xff]),
        Colour([0xe2, 0xf2, 0xe8]),
        Colour([0xfb, 0xee, 0xd2]),
        Colour([0xfd, 0xe6, 0xd7]),
        Colour([0xfb, 0xe2, 0xe2]),
        Colour([0xe2, 0xec, 0xf8]),
        Colour([0xe8, 0xec, 0xef]),
    ],
    band: Colour([0x12, 0x32, 0x4d]),
    band_ink: Colour([0xff, 0xff, 0xff]),
};

/// Dark pages, as the stylesheet has them.
pub const DARK: Ground = Ground {
    papers: [
        Colour([0x0f, 0x16, 0x1c]),
        Colour([0x17, 0x21, 0x2a]),
        Colour([0x14, 0x30, 0x1f]),
        Colour([0x35, 0x28, 0x09]),
        Colour([0x3b, 0x21, 0x0f]),
        Colour([0x3f, 0x16, 0x1a]),
        Colour([0x15, 0x29, 0x3f]),
        Colour([0x27, 0x33, 0x3d]),
    ],
    band: Colour([0x0a, 0x21, 0x35]),
    band_ink: Colour([0xf2, 0xf6, 0xf9]),
};

impl Colours {
    /// The lowest contrast of links, where they have a colour of their own.
    pub fn of_links(&self, ground: &Ground) -> Option<f64> {
        let link = self.link?;
        ground.papers.iter().map(|paper| link.contrast(*paper)).min_by(f64::total_cmp)
    }

    /// The contrast on the band, where anything about it is its own.
    pub fn on_band(&self, ground: &Ground) -> Option<f64> {
        (self.band.is_some() || self.band_ink.is_some())
            .then(|| self.band.unwrap_or(ground.band).contrast(self.band_ink.unwrap_or(ground.band_ink)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_is_written_in_one_of_two_ways() {
        for (text, colour) in [
            ("#0a4f8f", Some([0x0a, 0x4f, 0x8f])),
            ("#FFF", Some([255; 3])),
            ("#ab", None),
            ("#abcdefg", None),
            ("red", None),
            ("#12345", None),
            ("#fffffff;}", None),
            ("", None),
        ] {
            assert_eq!(Colour::parse(text), colour.map(Colour), "{text}");
        }
        assert_eq!(Colour([10, 79, 143]).to_string(), "#0a4f8f");
    }

    #[test]
    fn contrast_is_that_of_wcag() {
        let colour = |text| Colour::parse(text).expect("a colour");
        for (one, two, expected) in
            [("#000", "#fff", 21.0), ("#fff", "#fff", 1.0), ("#777777", "#ffffff", 4.48), ("#767676", "#ffffff", 4.54)]
        {
            let found = colour(one).contrast(colour(two));
            assert!((found - expected).abs() < 0.005, "{one} on {two}: {found}");
            assert!((found - colour(two).contrast(colour(one))).abs() < f64::EPSILON);
        }
    }

    #[test]
    fn a_logo_is_named_by_its_content_and_survives_being_written() {
        let logo = Logo { picture: Picture::Png, content: Arc::from(&b"\x89PNG\0\xff"[..]) };
        let read: Logo = serde_json::from_str(&serde_json::to_string(&logo).expect("JSON")).expect("a logo");
        assert_eq!(read, logo);
        assert_eq!(logo.name().len(), "logo-0123456789abcdef.png".len());
        let other = Logo { content: Arc::from(&b"\x89PNG\0\xfe"[..]), ..logo.clone() };
        assert_ne!(logo.name(), other.name());
    }
}
