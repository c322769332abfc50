//! The escapers: the only ways from a cleaned text into a format.
//!
//! Architecture invariant: `Plain::unescaped` is called here, in `config` and in tests, nowhere
//! else. JSON needs no escaper of ours: serde writes `Plain` as a JSON string.

use maud::{Escaper, Render};

use crate::model::alternative::Link;
use crate::model::text::Plain;

impl Render for Plain {
    /// HTML text or a quoted attribute: `& < > "` are escaped.
    fn render_to(&self, buffer: &mut String) {
        use std::fmt::Write;
        // Writing to a String cannot fail.
        Escaper::new(buffer).write_str(self.unescaped()).unwrap_or_default();
    }
}

impl Render for Link {
    /// A quoted attribute; its scheme was checked when it was made.
    fn render_to(&self, buffer: &mut String) {
        self.plain().render_to(buffer);
    }
}

/// XML 1.0 text or a quoted attribute. What XML cannot hold at all is dropped.
pub fn xml(text: &Plain) -> String {
    xml_str(text.unescaped())
}

/// As [`xml`], for texts of our own.
pub fn xml_str(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\t' | '\n' => escaped.push(c),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {}
            _ => escaped.push(c),
        }
    }
    escaped
}

/// An iCalendar TEXT value (RFC 5545, section 3.3.11). Control characters but tabs are dropped, so
/// that no text can end its line.
pub fn ics(text: &Plain) -> String {
    ics_str(text.unescaped())
}

/// As [`ics`], for texts of our own.
pub fn ics_str(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\\' | ';' | ',' => escaped.extend(['\\', c]),
            '\n' => escaped.push_str("\\n"),
            '\t' => escaped.push(c),
            c if c.is_control() => {}
            c => escaped.push(c),
        }
    }
    escaped
}

/// A text as one line of a plain text or a picture: whatever ends a line becomes a space, and no
/// control character is left. Formats with markup escape it further ([`xml_str`]).
pub fn line(text: &Plain) -> String {
    let words: Vec<&str> = text.unescaped().split_whitespace().collect();
    words.join(" ").chars().filter(|c| !c.is_control()).collect()
}

/// A text of several lines for mail, each behind a mark: so that no line of it can pass for one of ours.
pub fn quoted(text: &Plain) -> String {
    let lines = text.unescaped().lines().map(|line| line.chars().filter(|c| !c.is_control()).collect::<String>());
    lines.map(|line| format!("> {line}\n")).collect()
}

/// A Prometheus label value: backslash, quote and line feed (the text exposition format).
pub fn label(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => escaped.push_str("\\\\"),
            '"' => escaped.push_str("\\\""),
            '\n' => escaped.push_str("\\n"),
            c if c.is_control() => {}
            c => escaped.push(c),
        }
    }
    escaped
}

/// A Prometheus label value from a cleaned text.
pub fn label_text(text: &Plain) -> String {
    label(text.unescaped())
}

/// A line for a terminal: control characters are written as escapes.
pub fn terminal(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut line, c| {
        let turns =
            matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if c.is_control() || turns || matches!(c, '\u{feff}' | '\u{fff9}'..='\u{fffb}') {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
        line
    })
}

/// A cleaned text for a terminal.
pub fn terminal_text(text: &Plain) -> String {
    terminal(text.unescaped())
}

/// A cleaned text joined into a sentence of ours; the sentence is cleaned text again.
pub fn sentence(template: &str, name: &Plain) -> Plain {
    Plain::new(&template.replace("{}", name.unescaped()))
}

/// Cleaned texts with words of ours between them; the whole is cleaned text again. Empty ones are
/// left out.
pub fn joined(texts: &[Plain], between: &str) -> Plain {
    let texts: Vec<&str> = texts.iter().map(Plain::unescaped).filter(|text| !text.is_empty()).collect();
    Plain::new(&texts.join(between))
}

/// A part of a cleaned text.
pub fn part(text: &Plain, choose: impl Fn(&str) -> &str) -> Plain {
    Plain::new(choose(text.unescaped()))
}

/// The description of an RSS item, which readers take for HTML: HTML that means this text, its line
/// breaks as `<br>`, escaped for XML.
pub fn html_in_xml(text: &Plain) -> String {
    xml_str(&xml(text).replace('\n', "<br>\n"))
}

/// A title of RSS: as [`xml`], but with numbers for what readers could take for markup, as the RSS
/// profile asks for.
pub fn rss_title(text: &Plain) -> String {
    xml(text).replace("&amp;", "&#x26;").replace("&lt;", "&#x3C;").replace("&gt;", "&#x3E;")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "<script>alert(\"1\")</script> & 'x' ]]>\n\\";

    #[test]
    fn each_format_escapes_what_it_must() {
        let text = Plain::new(HOSTILE);
        assert_eq!(xml(&text), "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; &#39;x&#39; ]]&gt;\n\\");
        assert_eq!(
            text.render().into_string(),
            "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; 'x' ]]&gt;\n\\"
        );
        assert_eq!(
            html_in_xml(&text),
            "&amp;lt;script&amp;gt;alert(&amp;quot;1&amp;quot;)&amp;lt;/script&amp;gt; &amp;amp; &amp;#39;x&amp;#39; \
             ]]&amp;gt;&lt;br&gt;\n\\"
        );
        assert_eq!(rss_title(&Plain::new("a < b & c")), "a &#x3C; b &#x26; c");
        assert_eq!(ics(&text), "<script>alert(\"1\")</script> & 'x' ]]>\\n\\\\");
        assert_eq!(ics_str("a;b,c\r\nEND:VEVENT\u{0}\u{85}\t"), "a\\;b\\,c\\nEND:VEVENT\t");
        assert_eq!(line(&text), "<script>alert(\"1\")</script> & 'x' ]]> \\");
        assert_eq!(line(&Plain::new(" a\u{2028}b\t\n\u{85} c\u{1b}[0m ")), "ab c[0m");
        assert_eq!(label_text(&text), "<script>alert(\\\"1\\\")</script> & 'x' ]]>\\n\\\\");
        assert_eq!(terminal("a\u{1b}[31m\r"), "a\\u{1b}[31m\\r");
        assert_eq!(terminal("\u{9b}2J\u{2028}\u{61c}\u{202e}"), r"\u{9b}2J\u{2028}\u{61c}\u{202e}");
    }
}
