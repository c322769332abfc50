//! Hostile text on its way into a fault: escaped and capped, so that neither a terminal nor a
//! log can be made to do what a target wrote into a header or a certificate.

use std::fmt::Write;

use crate::model::check::Phase;
use crate::model::observation::Fault;
use crate::model::verdict::Reason;

/// Longest detail, in characters.
pub(super) const DETAIL_LENGTH_MAX: usize = 200;

/// Control and bidirectional characters as `\u{…}`, at most [`DETAIL_LENGTH_MAX`] characters.
pub(super) fn shown(text: &str) -> String {
    escaped(text, DETAIL_LENGTH_MAX)
}

/// Control and bidirectional characters as `\u{…}`, at most `length_max` characters and an
/// ellipsis.
pub(super) fn escaped(text: &str, length_max: usize) -> String {
    let mut out = String::with_capacity(text.len().min(length_max));
    let mut written = 0;
    for c in text.chars() {
        let width = if is_harmless(c) { 1 } else { c.escape_unicode().count() };
        if written + width > length_max {
            out.push('…');
            break;
        }
        written += width;
        if is_harmless(c) {
            out.push(c);
        } else {
            write!(out, "{}", c.escape_unicode()).expect("a String takes everything");
        }
    }
    out
}

/// A fault with its detail made harmless.
pub(super) fn fault(reason: Reason, phase: Option<Phase>, detail: impl AsRef<str>) -> Fault {
    Fault { reason, phase, detail: shown(detail.as_ref()) }
}

/// What neither moves a cursor, nor ends a line, nor turns the writing direction.
fn is_harmless(c: char) -> bool {
    !(c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_and_bidi_characters_are_escaped() {
        assert_eq!(shown("a\u{1b}[2J\r\nb\u{202e}c ä"), r"a\u{1b}[2J\u{d}\u{a}b\u{202e}c ä");
    }

    #[test]
    fn long_text_is_cut_also_where_escapes_make_it_longer() {
        assert_eq!(shown(&"x".repeat(1000)).chars().count(), DETAIL_LENGTH_MAX + 1);
        assert!(shown(&"\u{0}".repeat(1000)).chars().count() <= DETAIL_LENGTH_MAX + 1);
    }
}
