//! Names from outside: cleaned for one line, and made into ids.

use std::collections::HashSet;

use sha2::{Digest, Sha256};

use crate::model::bounds::{RESERVED, RESERVED_PARTS};
use crate::model::id::{ID_LENGTH_MAX, validate_id};

/// Longest name of a component, in characters.
pub(super) const NAME_CHARS_MAX: usize = 200;

/// A text in one line, without characters that control a terminal or the direction of writing,
/// cut to a length in characters.
pub(super) fn one_line(text: &str, chars_max: usize) -> String {
    let mut line = String::new();
    let mut count = 0;
    for word in text.split(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
        let kept: String = word.chars().filter(|c| !is_hidden(*c)).take(chars_max.saturating_add(1)).collect();
        if kept.is_empty() {
            continue;
        }
        if !line.is_empty() {
            line.push(' ');
            count += 1;
        }
        for c in kept.chars() {
            if count >= chars_max {
                line.push('…');
                return line;
            }
            line.push(c);
            count += 1;
        }
    }
    line
}

const fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}')
}

/// What a text says in the letters of an id: `Anmeldung (Straße)` → `anmeldung-strasse`. May be
/// empty.
pub(super) fn slug(text: &str) -> String {
    let mut slug = String::new();
    for c in text.chars().flat_map(char::to_lowercase) {
        let letters = match c {
            'a'..='z' | '0'..='9' => {
                slug.push(c);
                continue;
            }
            'ä' | 'æ' => "ae",
            'ö' | 'œ' | 'ø' => "oe",
            'ü' => "ue",
            'ß' => "ss",
            'à' | 'á' | 'â' | 'ã' | 'å' => "a",
            'ç' | 'č' | 'ć' => "c",
            'è' | 'é' | 'ê' | 'ë' | 'ě' => "e",
            'ì' | 'í' | 'î' | 'ï' => "i",
            'ł' => "l",
            'ñ' | 'ń' => "n",
            'ò' | 'ó' | 'ô' | 'õ' => "o",
            'ř' => "r",
            'š' | 'ś' => "s",
            'ù' | 'ú' | 'û' | 'ů' => "u",
            'ý' | 'ÿ' => "y",
            'ž' | 'ź' | 'ż' => "z",
            // Signs that stand on a letter of their own say nothing here.
            '\u{300}'..='\u{36f}' => "",
            _ if slug.is_empty() || slug.ends_with('-') => "",
            _ => "-",
        };
        slug.push_str(letters);
        if slug.len() > ID_LENGTH_MAX {
            break;
        }
    }
    slug.truncate(ID_LENGTH_MAX);
    slug.trim_matches('-').to_owned()
}

/// Six letters and digits that follow from a text.
pub(super) fn short_hash(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(3).map(|byte| format!("{byte:02x}")).collect()
}

/// Ids that are given out once.
#[derive(Debug, Default)]
pub(super) struct Ids {
    taken: HashSet<String>,
}

impl Ids {
    /// An id of a part, from its name; like [`Self::take`].
    pub(super) fn take_part(&mut self, name: &str, fallback: &str, key: &str) -> String {
        self.take_but(&RESERVED_PARTS, name, fallback, key)
    }

    /// An id from a name. `fallback` stands where the name has no letter; where the id is taken
    /// or reserved, a hash of `key` tells the two apart, so that it stays the same from one import
    /// to the next.
    pub(super) fn take(&mut self, name: &str, fallback: &str, key: &str) -> String {
        self.take_but(&RESERVED, name, fallback, key)
    }

    fn take_but(&mut self, reserved: &[&str], name: &str, fallback: &str, key: &str) -> String {
        let mut base = slug(name);
        if validate_id(&base).is_err() {
            base = slug(&format!("{fallback} {base}"));
        }
        let mut id = base.clone();
        let mut round = 0;
        while reserved.contains(&id.as_str()) || validate_id(&id).is_err() || !self.taken.insert(id.clone()) {
            round += 1;
            let salt = if round == 1 { key.to_owned() } else { format!("{key}\n{round}") };
            id = joined(&base, &short_hash(&salt));
        }
        id
    }
}

/// `base-suffix`, the base cut so that both fit.
pub(super) fn joined(base: &str, suffix: &str) -> String {
    let mut base = base.to_owned();
    base.truncate((ID_LENGTH_MAX - 1).saturating_sub(suffix.len()));
    let base = base.trim_end_matches('-');
    if base.is_empty() { suffix.to_owned() } else { format!("{base}-{suffix}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_speak_like_their_names() {
        for (name, id) in [
            ("Anmeldung zur Eheschließung (Standesamt)", "anmeldung-zur-eheschliessung-standesamt"),
            ("ÖPNV/Übersicht", "oepnv-uebersicht"),
            ("Cafe\u{301} Zoë", "cafe-zoe"),
            ("--- x ---", "x"),
            ("日本", ""),
        ] {
            assert_eq!(slug(name), id, "{name}");
        }
        let long = slug(&"ä".repeat(100));
        assert!(long.len() <= 64 && long.starts_with("aeae"), "{long}");
    }

    #[test]
    fn every_id_is_good_and_given_once() {
        let mut ids = Ids::default();
        let mut seen = HashSet::new();
        let long = ["a".repeat(80), "a".repeat(90)];
        let names = ["Portal", "portal", "Portal!", "112", "", "api", "JSON", "日本", &long[0], &long[1]];
        for (index, name) in names.iter().enumerate() {
            let id = ids.take(name, "monitor", &index.to_string());
            assert_eq!(validate_id(&id), Ok(()), "{name}: {id}");
            assert!(!RESERVED.contains(&id.as_str()), "{id}");
            assert!(seen.insert(id.clone()), "{id}");
        }
        assert!(seen.contains("portal") && seen.contains("monitor-112") && seen.contains("json"), "{seen:?}");
        assert_ne!(Ids::default().take_part("JSON", "dienst", "1"), "json");
        assert_eq!(Ids::default().take_part("API", "dienst", "1"), "api");
    }

    #[test]
    fn a_line_stays_one_and_shows_nothing_hidden() {
        assert_eq!(one_line("a\n[[component]]\r\t\u{202e}b\u{0}\u{2028}c", 100), "a [[component]] b c");
        assert_eq!(one_line("abcdef", 3), "abc…");
    }
}
