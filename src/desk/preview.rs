//! The step before publishing: what citizens will read, in every language and format, with what was
//! typed in hidden fields, so that one button publishes exactly this and the other one leads back.
//!
//! A form that is sent comes in three [`Step`]s, told apart by the button. The preview is a trial of
//! the very same request ([`Asking::dry_run`]). Its page is the one that the public would get,
//! without its frame, links and pictures: nobody shall leave the form by mistake.
//!
//! [`Asking::dry_run`]: crate::desk::Asking

use maud::{Markup, PreEscaped, html};
use serde_json::Value;

use crate::desk::form::Form;
use crate::desk::{Reply, Told, Visit, page};
use crate::model::text::Plain;
use crate::publish::wording::language_name;

/// Longest key of a form.
const KEY_LENGTH_MAX: usize = 64;

/// Fields that a page writes anew.
const OWN_FIELDS: [&str; 4] = ["csrf", "step", "key", "request"];

/// Sections of a page that a change does not change: the past, and figures.
const LOOKING_BACK: [&str; 3] = ["s_days", "s_figures", "s_about"];

/// What a sent form wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// To see what would be read.
    Preview,
    /// To publish what was seen.
    Publish,
    /// To go on writing.
    Change,
}

impl Step {
    /// What the button said.
    pub fn of(sent: &Form) -> Self {
        match sent.text("step").as_str() {
            "publish" => Self::Publish,
            "change" => Self::Change,
            _ => Self::Preview,
        }
    }
}

/// A page that shows what would be read.
#[derive(Debug)]
pub struct Preview<'a> {
    /// Its heading.
    pub heading: &'a str,
    /// Where the form goes.
    pub action: &'a str,
    /// What the button says that carries it out.
    pub publish: &'a str,
    /// What will be done, in short; may be empty.
    pub summary: Markup,
    /// What the interface told of the trial.
    pub told: &'a Told,
    /// What was typed.
    pub sent: &'a Form,
    /// The request that was tried: the very same is made when it is published.
    pub request: Option<&'a Value>,
}

/// The request that was tried, where a form publishes what was seen.
pub fn request(sent: &Form) -> Option<Value> {
    let tried = sent.filled("request").filter(|_| Step::of(sent) == Step::Publish)?;
    serde_json::from_str(&tried).ok().filter(Value::is_object)
}

/// What a form is known by: the key that came with it, else a fresh one.
pub fn key(visit: &Visit, sent: &Form) -> String {
    let is_key = |key: &String| key.len() <= KEY_LENGTH_MAX && key.bytes().all(|byte| byte.is_ascii_alphanumeric());
    sent.filled("key").filter(is_key).unwrap_or_else(|| visit.nonce.clone())
}

/// What was typed, as hidden fields.
pub fn hidden(sent: &Form) -> Markup {
    html! {
        @for (name, value) in sent.fields().filter(|(name, _)| !OWN_FIELDS.contains(name)) {
            input type="hidden" name=(name) value=(value);
        }
    }
}

/// The key of a form that may have been carried out although no answer came: sent once more it does
/// not count twice.
pub fn kept_key(sent: Option<&Form>, told: Option<&Told>) -> Markup {
    let kept = sent.filter(|_| told.is_some_and(|told| told.status == 503)).and_then(|sent| sent.filled("key"));
    html! { @if let Some(key) = kept { input type="hidden" name="key" value=(key); } }
}

/// What the thing is known by that a form is about, as it was when the form was first shown. After
/// somebody else's change it is what it is now, for whoever sends the form again has been told.
pub fn etag(now: &Told, sent: Option<&Form>, refused: Option<&Told>) -> Markup {
    let kept =
        sent.filter(|_| refused.is_none_or(|refused| refused.status != 412)).and_then(|sent| sent.filled("etag"));
    let etag = kept.or_else(|| now.etag.clone()).unwrap_or_default();
    html! { input type="hidden" name="etag" value=(etag); }
}

/// Writes the page.
pub fn page(visit: &Visit, preview: &Preview<'_>) -> Reply {
    let told = &preview.told.body;
    let languages = &visit.snapshot.catalogue.site.languages;
    let pages: Vec<(&str, Option<String>)> = languages
        .iter()
        .map(|language| {
            let whole = told.get("preview").and_then(|pages| pages.get(&**language)).and_then(Value::as_str);
            (&**language, whole.and_then(|whole| reading(whole, language)))
        })
        .collect();
    let is_read = pages.iter().any(|(_, reading)| reading.is_some());
    let new: Vec<&str> = told
        .pointer("/internal/new_targets")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let main = html! {
        h1 { (preview.heading) }
        p.lead { strong { "Noch ist nichts veröffentlicht." } " Lesen Sie es bitte einmal so, wie es die Leute lesen werden." }
        (preview.summary)
        @if !new.is_empty() {
            div.warning {
                p { strong { "Bitte prüfen Sie diese Nummern und Adressen." } " Sie stehen in keiner Datei des Betreibers; die Leute werden dorthin geschickt:" }
                ul { @for target in new { li { (Plain::new(target)) } } }
            }
        }
        form method="post" action=(preview.action) id="publishing" {
            (page::token(visit))
            (hidden(preview.sent))
            input type="hidden" name="key" value=(key(visit, preview.sent));
            @if let Some(request) = preview.request { input type="hidden" name="request" value=(request.to_string()); }
            (buttons(preview.publish))
        }
        @if is_read {
            @for (language, reading) in &pages {
                section aria-labelledby={ "in-" (language) } {
                    h2 id={ "in-" (language) } { "So ist es zu lesen: " (language_name(language)) }
                    @match reading {
                        Some(reading) => div.reading lang=(language) { (PreEscaped(reading)) },
                        None => p { "In dieser Sprache ist davon nichts zu lesen." },
                    }
                }
            }
        } @else {
            p.notice { "Auf den öffentlichen Seiten ist davon vorerst nichts zu lesen: Es wird später angekündigt, oder es betrifft nur Internes." }
        }
        (formats(told))
        p { "Stimmt alles?" }
        (outer_buttons(preview.publish))
    };
    Reply::page(200, page::page(visit, preview.heading, &main))
}

fn buttons(publish: &str) -> Markup {
    html! {
        p.buttons {
            button name="step" value="publish" { (publish) }
            button.quiet name="step" value="change" formnovalidate { "Zurück ändern" }
        }
    }
}

/// The same buttons at the end of a long page; they belong to the form above.
fn outer_buttons(publish: &str) -> Markup {
    html! {
        p.buttons {
            button form="publishing" name="step" value="publish" { (publish) }
            button.quiet form="publishing" name="step" value="change" formnovalidate { "Zurück ändern" }
        }
    }
}

/// What other programs would get, folded up.
fn formats(told: &Value) -> Markup {
    let text = |format: &Value, field: &str| format.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let documents = told.get("documents").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    // How pages and widgets read stands above.
    let is_other = |format: &&Value| !matches!(text(format, "format").as_str(), "page" | "widget");
    let all: Vec<&Value> = documents.iter().filter(is_other).collect();
    html! {
        @if !all.is_empty() {
            details.formats {
                summary { "Was andere Programme davon bekommen (" (all.len()) ")" }
                p.hint { "Für Interessierte: Feeds, Kalender und Daten, wie sie von selbst entstehen. Sie müssen hier nichts tun." }
                @for (index, format) in all.iter().enumerate() {
                    @let id = format!("format-{index}");
                    h3 id=(id) { (format_name(&text(format, "format"))) " (" (language_name(&text(format, "language"))) ")" }
                    p.hint { code { (Plain::new(&text(format, "path"))) } }
                    pre role="region" tabindex="0" aria-labelledby=(id) { (Plain::new(&text(format, "text"))) }
                }
            }
        }
    }
}

fn format_name(name: &str) -> &str {
    match name {
        "json" => "Daten (JSON)",
        "atom" => "Nachrichtenfeed (Atom)",
        "calendar" => "Kalender",
        "statuspage" => "Statuspage",
        "text" => "Textzeile für andere Seiten",
        name => name,
    }
}

/// The main part of a page of ours, so that it can stand in another one: its ids are its own, and it
/// leads nowhere. `None` if it has none. Texts in it are escaped, so that no text is taken for an
/// attribute.
fn reading(page: &str, language: &str) -> Option<String> {
    let (_, main) = page.split_once("<main")?;
    let (_, main) = main.split_once('>')?;
    let (main, _) = main.split_once("</main>")?;
    // The way to here, and what looks back, are as they were.
    let mut main = cut(main, "<nav", "</nav>");
    for section in LOOKING_BACK {
        main = cut(&main, &format!("<section aria-labelledby=\"{section}\""), "</section>");
    }
    for attribute in ["id", "aria-labelledby", "aria-describedby"] {
        main = main.replace(&format!(" {attribute}=\""), &format!(" {attribute}=\"read-{language}-"));
    }
    // A heading of ours stands above.
    for (level, below) in [("h4", "h6"), ("h3", "h5"), ("h2", "h4"), ("h1", "h3")] {
        main = main
            .replace(&format!("<{level}"), &format!("<{below}"))
            .replace(&format!("</{level}>"), &format!("</{below}>"));
    }
    Some(["href", "action"].into_iter().fold(main, |main, attribute| without(&main, attribute)))
}

/// The same without what stands from `begin` to `end`.
fn cut(markup: &str, begin: &str, end: &str) -> String {
    let mut parts = markup.split(begin);
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        kept.push_str(part.split_once(end).map_or("", |(_, rest)| rest));
    }
    kept
}

/// The same without an attribute.
fn without(markup: &str, attribute: &str) -> String {
    let begins = format!(" {attribute}=\"");
    let mut parts = markup.split(&*begins);
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        kept.push_str(part.split_once('"').map_or("", |(_, rest)| rest));
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_within_a_page_leads_nowhere_and_keeps_its_ids_apart() {
        let page = r##"<nav id="x"></nav><main id="main"><nav class="crumbs"><a href="/">B</a></nav><h1>A</h1><p id="s" aria-labelledby="s">&quot; href=&quot; <a href="/x?a=&quot;">x</a></p><svg><use href="#y"></use></svg><section aria-labelledby="s_days"><p>C</p></section></main><footer>"##;
        assert_eq!(
            reading(page, "de").unwrap(),
            r#"<h3>A</h3><p id="read-de-s" aria-labelledby="read-de-s">&quot; href=&quot; <a>x</a></p><svg><use></use></svg>"#
        );
        assert_eq!(reading("<p>no main part</p>", "de"), None);
    }

    #[test]
    fn the_button_tells_the_step() {
        let step = |value: &str| Step::of(&Form::of([("step".to_owned(), value.to_owned())]));
        assert_eq!((step("publish"), step("change"), step("preview")), (Step::Publish, Step::Change, Step::Preview));
        assert_eq!(Step::of(&Form::default()), Step::Preview, "the enter key publishes nothing");
    }
}
