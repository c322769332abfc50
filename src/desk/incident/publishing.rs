//! The way of a form that publishes something: look at it, publish it, or go back to it. What is
//! looked at is what the interface would do with the very same request; what was typed goes along in
//! hidden fields.

use maud::{Markup, html};
use serde_json::Value;

use crate::desk::field::languages;
use crate::desk::form::Form;
use crate::desk::incident::fields::kept;
use crate::desk::incident::reading::{self, Kind, Line};
use crate::desk::page::{self, Fault};
use crate::desk::{Ask, Asking, PREFIX, Reply, Told, Visit, refusal, words};
use crate::model::text::Plain;

/// A form that was sent.
#[derive(Debug)]
pub(super) struct Sheet<'a> {
    /// What it is.
    pub(super) title: &'a str,
    /// Where it is sent to, below [`PREFIX`].
    pub(super) path: String,
    /// What it asks for.
    pub(super) asking: Asking,
    /// What is wrong before anybody is asked.
    pub(super) faults: Vec<Fault>,
    /// Which field a pointer of the request stands for.
    pub(super) pointers: Vec<(String, String)>,
    /// The organisation whose page shows it best.
    pub(super) place: Option<&'a str>,
}

/// What comes of a form.
pub(super) enum Course {
    /// The form again, with a status and what stands in the way.
    Again(u16, Vec<Fault>),
    /// Another page.
    Page(Reply),
    /// It was carried out.
    Done(Told),
}

/// Goes on with a form as its button says.
pub(super) async fn carry(visit: &Visit, ask: &dyn Ask, form: &Form, sheet: Sheet<'_>) -> Course {
    let wanted = form.text("do");
    let (looks, publishes) = (wanted == "preview", wanted == "publish");
    if !looks && !publishes {
        return Course::Again(200, Vec::new());
    }
    if !sheet.faults.is_empty() {
        return Course::Again(422, sheet.faults);
    }
    let mut asking = sheet.asking.clone();
    asking.if_match = form.filled("revision");
    asking.dry_run = looks;
    if publishes {
        asking.idempotency_key = Some(form.filled("key").unwrap_or_else(|| visit.nonce.clone()));
    }
    let told = ask.ask(asking).await;
    if !told.is_well() {
        // Nobody knows whether it was carried out: the same key makes sure that it is once.
        let is_open =
            told.status == 503 || told.status == 409 && words::text(&told.body, "/detail").contains("Idempotency-Key");
        if publishes && is_open {
            return Course::Page(again(visit, form, &sheet, &told));
        }
        return Course::Again(told.status, vec![refusal::fault(&told, &sheet.pointers)]);
    }
    if publishes { Course::Done(told) } else { Course::Page(preview(visit, form, &sheet, &told)) }
}

/// The hidden fields of a form: its word, the revision it was filled in for.
pub(super) fn begin(visit: &Visit, revision: &str) -> Markup {
    html! {
        (page::token(visit))
        input type="hidden" name="revision" value=(Plain::new(revision));
        // What the Enter key presses: the first button of a form.
        button.first name="do" value="preview" tabindex="-1" aria-hidden="true" { "Vorschau" }
    }
}

/// The button at the end of a form.
pub(super) fn end() -> Markup {
    html! {
        p.act { button name="do" value="preview" { "Vorschau ansehen" } }
        p.hint { "Veröffentlicht wird erst im nächsten Schritt." }
    }
}

/// The page before something is published.
fn preview(visit: &Visit, form: &Form, sheet: &Sheet<'_>, told: &Told) -> Reply {
    let all = languages(visit);
    let main = html! {
        h1 { "Vorschau: " (sheet.title) }
        p.lead { "Noch ist nichts veröffentlicht. So lesen es die Leute:" }
        (new_targets(&told.body))
        @for (index, language) in all.iter().enumerate() {
            @let lines = shown(&told.body, language, sheet.place);
            @if !lines.is_empty() {
                @if index == 0 { (read_aloud(language, &lines)) }
                @else {
                    details.more {
                        summary { "Auf " (words::language(language)) }
                        (read_aloud(language, &lines))
                    }
                }
            }
        }
        @if all.iter().all(|language| shown(&told.body, language, sheet.place).is_empty()) {
            p.note { "Öffentlich ist davon nichts zu lesen: Es betrifft nur Internes." }
        }
        form.act method="post" action={ (PREFIX) (sheet.path) } {
            (page::token(visit))
            (kept(form))
            input type="hidden" name="key" value=(visit.nonce);
            button name="do" value="publish" { "Veröffentlichen" }
            " "
            button.quiet name="do" value="edit" { "Zurück und ändern" }
        }
        (documents(&told.body, sheet.place))
    };
    Reply::page(200, page::page(visit, &format!("Vorschau: {}", sheet.title), &main))
}

/// The page after an answer that did not come.
fn again(visit: &Visit, form: &Form, sheet: &Sheet<'_>, told: &Told) -> Reply {
    let main = html! {
        h1 { "Noch nicht bestätigt: " (sheet.title) }
        (page::faults(&[refusal::fault(told, &[])]))
        form.act method="post" action={ (PREFIX) (sheet.path) } {
            (page::token(visit))
            (kept(form))
            input type="hidden" name="key" value=(form.shown("key"));
            button name="do" value="publish" { "Noch einmal versuchen" }
            " "
            button.quiet name="do" value="edit" { "Zurück und ändern" }
        }
    };
    Reply::page(told.status, page::page(visit, &format!("Noch nicht bestätigt: {}", sheet.title), &main))
}

/// Numbers and addresses that stand in no file: worth a second look.
fn new_targets(body: &Value) -> Markup {
    let new = words::list(body, "/internal/new_targets");
    html! {
        @if !new.is_empty() {
            div.warn {
                h2 { "Bitte zweimal prüfen" }
                p { "Hierhin werden die Leute geschickt, und in keiner Datei des Betreibers steht es bisher:" }
                ul { @for target in new { li { (target.as_str().unwrap_or_default()) } } }
            }
        }
    }
}

/// What people read, in a language: the page of the notice, or of the place that shows it best.
fn shown(body: &Value, language: &str, place: Option<&str>) -> Vec<Line> {
    let of_place = place.and_then(|place| {
        let all = words::list(body, "/documents").iter();
        let is_meant = |one: &&Value| {
            words::text(one, "/format") == "page"
                && words::text(one, "/language") == language
                && words::text(one, "/path").ends_with(&format!("/{place}"))
        };
        let page = all.filter(is_meant).map(|one| words::text(one, "/text")).next()?;
        let id = words::text(body, "/incident/id");
        Some(card(page, id).unwrap_or(page))
    });
    let page = body.get("preview").and_then(|all| all.get(language)).and_then(Value::as_str);
    of_place.or(page).map(reading::lines).unwrap_or_default()
}

/// The notice of an incident on a page of ours.
fn card<'p>(page: &'p str, incident: &str) -> Option<&'p str> {
    let is_meant = |card: &&str| {
        card.split_once("</h3>").is_some_and(|(head, _)| head.contains(&format!("/incidents/{incident}\"")))
    };
    let card = page.split("<li class=\"sheet card\">").skip(1).find(is_meant)?;
    Some(card.split_once("</section>").map_or(card, |(card, _)| card))
}

fn read_aloud(language: &str, lines: &[Line]) -> Markup {
    html! {
        div.reading lang=(language) {
            @for line in lines {
                p class=(match line.kind {
                    Kind::Heading => "heading",
                    Kind::Item => "item",
                    Kind::Term => "term",
                    Kind::Plain => "plain",
                }) { (Text(&line.text)) }
            }
        }
    }
}

/// A line, without characters that could turn it around.
struct Text<'a>(&'a str);

impl maud::Render for Text<'_> {
    fn render_to(&self, buffer: &mut String) {
        Plain::new(self.0).render_to(buffer);
    }
}

/// What other programs read.
fn documents(body: &Value, place: Option<&str>) -> Markup {
    let name = |format: &str| match format {
        "page" => "Seite der Stelle",
        "json" => "Daten (JSON)",
        "atom" => "Nachrichten-Feed (Atom)",
        "text" => "Textzeilen (status.txt)",
        "widget" => "Anzeige auf anderen Internetseiten",
        "statuspage" => "Andere Statusseiten (Statuspage)",
        _ => "Anderes",
    };
    let reads = |format: &str| matches!(format, "page" | "widget");
    let all: Vec<&Value> = words::list(body, "/documents")
        .iter()
        .filter(|one| {
            place.is_none()
                || words::text(one, "/format") != "atom"
                || words::text(one, "/path").matches('/').count() > 1
        })
        .collect();
    html! {
        @if !all.is_empty() {
            section.formats {
                h2 { "So lesen es andere Programme und Seiten" }
                p.hint { "Nur zum Nachsehen. Das entsteht von selbst aus Ihrem Text." }
                @for one in all {
                    @let format = words::text(one, "/format");
                    @let text = words::text(one, "/text");
                    details {
                        summary { (name(format)) ", " (words::language(words::text(one, "/language"))) ": " (words::text(one, "/path")) }
                        @if reads(format) { (read_aloud(words::text(one, "/language"), &reading::lines(text))) }
                        @else { pre tabindex="0" { (Text(text)) } }
                    }
                }
            }
        }
    }
}
