//! Drawings for public pages: an SVG may draw, and nothing else.
//!
//! Readers load a logo as a picture, in which no script runs, and it is sent with a policy that
//! forbids everything else. Who opens its address by itself is protected by that policy alone; so
//! what could act or load is refused before it gets there.

use quick_xml::Reader;
use quick_xml::escape::unescape;
use quick_xml::events::attributes::Attribute;
use quick_xml::events::{BytesStart, Event};

/// Deepest nesting of elements.
const DEPTH_MAX: usize = 100;

/// The namespace of drawings.
const NAMESPACE: &str = "http://www.w3.org/2000/svg";

/// Elements that act, load or show something else than a drawing. In lower case.
const FORBIDDEN: [&str; 14] = [
    "script",
    "foreignobject",
    "iframe",
    "embed",
    "object",
    "audio",
    "video",
    "canvas",
    "handler",
    "listener",
    "animate",
    "animatemotion",
    "animatetransform",
    "set",
];

/// Pictures within a drawing.
const EMBEDDED: [&str; 4] = ["data:image/png", "data:image/jpeg", "data:image/gif", "data:image/webp"];

/// Functions of stylesheets that load what is named in them.
const LOADING: [&str; 4] = ["@import", "image(", "image-set(", "src("];

/// What is wrong with a drawing, with its line.
pub(super) fn check(text: &str) -> Result<(), String> {
    let mut reader = Reader::from_str(text);
    let refused = |at: u64, why: String| {
        let before = text.get(..usize::try_from(at).unwrap_or(usize::MAX)).unwrap_or(text);
        Err(format!("line {} of the drawing: {why}", before.matches('\n').count() + 1))
    };
    let (mut depth, mut elements) = (0usize, 0usize);
    // Text within `<style>`; comments between its parts do not part it.
    let mut style = String::new();
    let mut in_style = 0usize;
    loop {
        let at = reader.buffer_position();
        let event = match reader.read_event() {
            Ok(event) => event,
            Err(error) => return refused(reader.error_position(), format!("not well-formed XML, {error}")),
        };
        match event {
            Event::Start(start) => {
                if let Err(why) = element(&start, elements == 0, depth) {
                    return refused(at, why);
                }
                (depth, elements) = (depth + 1, elements + 1);
                if in_style > 0 || is_style(&start) {
                    in_style += 1;
                }
            }
            Event::Empty(start) => {
                if let Err(why) = element(&start, elements == 0, depth) {
                    return refused(at, why);
                }
                elements += 1;
            }
            Event::End(_) => {
                depth = depth.saturating_sub(1);
                in_style = in_style.saturating_sub(1);
            }
            Event::Text(written) if depth == 0 && !written.trim().is_empty() => {
                return refused(at, "text outside of the drawing".to_owned());
            }
            Event::Text(written) if in_style > 0 => style.push_str(&written),
            Event::CData(written) if in_style > 0 => style.push_str(&written),
            Event::GeneralRef(reference) => match unescape(&format!("&{};", &*reference)) {
                Ok(written) if depth > 0 => {
                    if in_style > 0 {
                        style.push_str(&written);
                    }
                }
                Ok(_) | Err(_) => return refused(at, "an entity of its own".to_owned()),
            },
            Event::Text(_) | Event::CData(_) | Event::Comment(_) => {}
            Event::Decl(_) if at == 0 => {}
            Event::Decl(_) | Event::PI(_) => return refused(at, "an instruction for programs".to_owned()),
            Event::DocType(_) => return refused(at, "a DOCTYPE".to_owned()),
            Event::Eof => break,
        }
    }
    if depth > 0 || elements == 0 {
        return Err("the drawing has no end".to_owned());
    }
    match loads(&style) {
        Some(why) => Err(format!("`<style>` of the drawing: {why}")),
        None => Ok(()),
    }
}

fn is_style(start: &BytesStart<'_>) -> bool {
    start.local_name().as_ref().eq_ignore_ascii_case("style")
}

/// What is wrong with an element, its attributes included.
fn element(start: &BytesStart<'_>, is_root: bool, depth: usize) -> Result<(), String> {
    let local = start.local_name();
    let name = local.as_ref();
    if is_root && name != "svg" {
        return Err(format!("it begins with `{}`, not with `svg`", shortened(name)));
    }
    if !is_root && depth == 0 {
        return Err("something behind the end of the drawing".to_owned());
    }
    if depth >= DEPTH_MAX {
        return Err(format!("elements nested more than {DEPTH_MAX} deep"));
    }
    if FORBIDDEN.contains(&name.to_ascii_lowercase().as_str()) {
        return Err(format!("the element `{name}`"));
    }
    let mut in_namespace = false;
    for found in start.attributes() {
        let found = found.map_err(|error| format!("not well-formed XML, {error}"))?;
        let value = unescape(&found.value).map_err(|_| "an entity of its own".to_owned())?;
        if let Some(why) = attribute(&found, &value) {
            return Err(why);
        }
        in_namespace |= found.key.as_ref().starts_with("xmlns") && value == NAMESPACE;
    }
    if is_root && !in_namespace {
        return Err(format!("`xmlns=\"{NAMESPACE}\"` is missing"));
    }
    Ok(())
}

/// What is wrong with an attribute.
fn attribute(found: &Attribute<'_>, value: &str) -> Option<String> {
    let key = found.key.as_ref();
    let (prefix, local) = key.split_once(':').unwrap_or(("", key));
    let local = local.to_ascii_lowercase();
    if prefix == "xmlns" || key == "xmlns" {
        return None;
    }
    if prefix == "xml" && local == "base" {
        return Some("the attribute `xml:base`".to_owned());
    }
    if local == "href" || local == "src" {
        let value = value.trim();
        let lower = value.to_ascii_lowercase();
        let stays = value.starts_with('#') || EMBEDDED.iter().any(|embedded| lower.starts_with(embedded));
        return (!stays).then(|| format!("a reference to something outside of it, `{}`", shortened(value)));
    }
    // What programs note for themselves is read by nobody else.
    if !prefix.is_empty() {
        return None;
    }
    if local.starts_with("on") {
        return Some(format!("the attribute `{}`", shortened(key)));
    }
    loads(value)
}

/// What a stylesheet, or a property of one, would load.
fn loads(style: &str) -> Option<String> {
    let lower = style.to_ascii_lowercase();
    if lower.contains('\\') {
        return Some("a backslash in a style".to_owned());
    }
    if let Some(found) = LOADING.iter().find(|word| lower.contains(*word)) {
        return Some(format!("`{found}` in a style"));
    }
    let outside = lower.split("url(").skip(1).find(|rest| {
        let target = rest.trim_start_matches([' ', '\t', '\r', '\n', '"', '\'']);
        !target.starts_with('#')
    });
    outside.map(|rest| format!("a reference to something outside of it, `url({}`", shortened(rest)))
}

/// The beginning of something foreign, for a message.
fn shortened(text: &str) -> String {
    text.chars().take(40).filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawing(content: &str) -> String {
        format!("<svg xmlns=\"{NAMESPACE}\" xmlns:xlink=\"http://www.w3.org/1999/xlink\">{content}</svg>")
    }

    #[test]
    fn drawings_are_accepted() {
        for good in [
            "",
            "<g id=\"a\"><path d=\"M0 0h1\" fill=\"url(#b)\" style=\"stroke: url( '#c' )\"/></g>",
            "<defs><style>.a { fill: #fff }</style></defs><use xlink:href=\"#a\"/><use href=\"#a\"/>",
            "<!-- made by hand --><title>Stadt &amp; Land &#x41;</title><style><![CDATA[.b{}]]></style>",
            "<image href=\"data:image/png;base64,AAAA\"/>",
            "<g xmlns:inkscape=\"http://www.inkscape.org/\" inkscape:export=\"C:\\logo.png\"/>",
        ] {
            assert_eq!(check(&drawing(good)), Ok(()), "{good}");
        }
        assert_eq!(check(&format!("<?xml version=\"1.0\"?>\n{}\n", drawing(""))), Ok(()));
    }

    #[test]
    fn what_acts_or_loads_is_refused() {
        for bad in [
            "<script>alert(1)</script>",
            "<x:SCRIPT xmlns:x=\"http://www.w3.org/2000/svg\"/>",
            "<foreignObject><p/></foreignObject>",
            "<g onload=\"alert(1)\"/>",
            "<g ONCLICK='alert(1)'/>",
            "<a href=\"javascript:alert(1)\"/>",
            "<a xlink:href=\"https://evil.example/\"/>",
            "<use href=\" //evil.example/a.svg#b\"/>",
            "<use y:href=\"https://evil.example/a.svg#b\" xmlns:y=\"http://www.w3.org/1999/xlink\"/>",
            "<image href=\"data:image/svg+xml,x\"/>",
            "<path fill=\"url(https://evil.example/)\"/>",
            "<path style=\"fill: u\\72l(https://evil.example/)\"/>",
            "<path fill=\"&#117;rl(//evil.example)\"/>",
            "<style>@import 'https://evil.example/'</style>",
            "<style>@im<!-- -->port 'https://evil.example/'</style>",
            "<style>.a{fill:u<![CDATA[rl]]>(//evil.example)}</style>",
            "<style>.a{fill:ur&#108;(//evil.example)}</style>",
            "<style>.a{background:image-set('//evil.example' 1x)}</style>",
            "<animate attributeName=\"href\" to=\"javascript:alert(1)\"/>",
            "<g xml:base=\"https://evil.example/\"/>",
            "<g>",
            "</g>",
            "<g></h>",
            "<g a=1/>",
            "<g a=\"1\" a=\"2\"/>",
            "&unknown;",
            "<?php evil ?>",
        ] {
            assert!(check(&drawing(bad)).is_err(), "{bad}");
        }
        for bad in [
            "",
            "text",
            "<html/>",
            "<svg/>",
            "<!DOCTYPE svg [<!ENTITY a \"b\">]><svg xmlns=\"http://www.w3.org/2000/svg\"/>",
            "<svg xmlns=\"http://www.w3.org/2000/svg\"/><svg/>",
            "<svg xmlns=\"http://www.w3.org/2000/svg\"/>text",
            "<?xml-stylesheet href=\"https://evil.example/\"?><svg xmlns=\"http://www.w3.org/2000/svg\"/>",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
        assert!(check(&drawing(&"<g>".repeat(200))).is_err());
    }

    #[test]
    fn a_fault_names_its_line() {
        let why = check(&drawing("\n\n<script/>")).expect_err("a script");
        assert_eq!(why, "line 3 of the drawing: the element `script`");
    }
}
