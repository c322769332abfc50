//! Where citizens are sent to: telephone numbers, mail addresses and pages, in links and in texts.

use crate::model::alternative::Link;
use crate::model::text::Plain;

/// Fewest digits of a telephone number.
const DIGITS_MIN: usize = 6;

/// What makes two ways of writing a contact the same.
pub fn normal(contact: &Plain) -> String {
    let text = contact.unescaped();
    let bare = text.strip_prefix("tel:").unwrap_or(text);
    let bare = bare.strip_prefix("mailto:").unwrap_or(bare);
    if is_number(bare) {
        let digits: String = bare.chars().filter(char::is_ascii_digit).collect();
        // +49 2324 and 02324 are one.
        let national =
            digits.strip_prefix("0049").or_else(|| bare.starts_with('+').then(|| digits.strip_prefix("49"))?);
        return national.map_or_else(|| digits.clone(), |rest| format!("0{rest}"));
    }
    bare.trim_end_matches('/').to_lowercase()
}

/// A link as a contact.
pub fn of_link(link: &Link) -> Plain {
    link.plain().clone()
}

/// Telephone numbers, mail addresses and pages in a text: all of them, as the last may be the one that matters.
pub fn in_text(text: &Plain) -> Vec<Plain> {
    let text = text.unescaped();
    let is_end = |c: char| matches!(c, '.' | ',' | ';' | ':' | '!' | '?' | ')' | '"' | '\'' | '>' | '“' | '”');
    let words = text.split_whitespace().map(|word| word.trim_matches(|c| is_end(c) || matches!(c, '(' | '<' | '„')));
    let pages = words.filter(|word| {
        let lower = word.to_ascii_lowercase();
        let is_page = ["http://", "https://", "www."].iter().any(|begin| lower.starts_with(begin));
        let is_mail = word.split_once('@').is_some_and(|(who, host)| !who.is_empty() && host.contains('.'));
        is_page || is_mail
    });
    pages.map(Plain::new).chain(numbers(text)).collect()
}

/// Runs of digits with what people put between them, that begin as telephone numbers do.
fn numbers(text: &str) -> Vec<Plain> {
    let fits = |c: char| c.is_ascii_digit() || matches!(c, '+' | ' ' | '/' | '-' | '(' | ')' | '\u{a0}');
    text.split(|c| !fits(c))
        .map(|run| run.trim_matches(|c: char| !c.is_ascii_digit() && c != '+' && c != '('))
        .filter(|run| is_number(run))
        .map(Plain::new)
        .collect()
}

fn is_number(text: &str) -> bool {
    let begins = text.trim_start_matches('(');
    (begins.starts_with('+') || begins.starts_with('0'))
        && text.chars().filter(char::is_ascii_digit).count() >= DIGITS_MIN
        && text.chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | ' ' | '/' | '-' | '(' | ')' | '.' | '\u{a0}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        in_text(&Plain::new(text)).iter().map(|contact| contact.unescaped().to_owned()).collect()
    }

    #[test]
    fn contacts_are_found_in_texts_and_dates_are_none() {
        assert_eq!(
            found("Rufen Sie (02324) 204 3030 an, oder +49 800 1234567. Mehr: https://evil.example/x, a@b.example!"),
            ["https://evil.example/x", "a@b.example", "(02324) 204 3030", "+49 800 1234567"]
        );
        assert_eq!(found("Seit 08.12.2023, 08:00-12:00 Uhr, Zimmer 12345678, 4 von 10."), Vec::<String>::new());
    }

    #[test]
    fn the_same_number_is_known_however_it_is_written() {
        let same = ["tel:+4923242043030", "+49 2324 204-3030", "(02324) 204 3030", "0049 2324 2043030"];
        for text in same {
            assert_eq!(normal(&Plain::new(text)), "023242043030", "{text}");
        }
        assert_eq!(normal(&Plain::new("https://Www.Example.org/")), normal(&Plain::new("https://www.example.org")));
        assert_ne!(normal(&Plain::new("tel:+4923242043030")), normal(&Plain::new("tel:+4923242043031")));
    }
}
