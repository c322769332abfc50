//! The way of a form that publishes something: look at it, publish it, or go back to it. What is
//! looked at is what the interface would do with the very same request; what was typed goes along in
//! hidden fields. What is only taken away is asked for once more instead.

use maud::{Markup, html};
use serde_json::Value;

use crate::desk::form::Form;
use crate::desk::page::{self, Fault};
use crate::desk::reading::{self, Kind, Line};
use crate::desk::{Ask, Asking, PREFIX, Reply, Told, Visit, refusal, ways, words};
use crate::model::notice::MaintenanceNotice;
use crate::model::text::Plain;
use crate::publish::html::window_said;

/// Longest key of a form.
const KEY_LENGTH_MAX: usize = 64;

/// Fields that each page writes anew.
const OWN_FIELDS: [&str; 5] = ["csrf", "do", "key", "request", "revision"];

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
    /// What will be done, in short.
    pub(super) summary: Markup,
    /// What the button says that carries it out.
    pub(super) button: &'a str,
}

impl<'a> Sheet<'a> {
    /// A form in which nothing is wrong so far.
    pub(super) fn new(title: &'a str, path: String, asking: Asking) -> Self {
        let (faults, pointers, summary) = (Vec::new(), Vec::new(), html! {});
        Self { title, path, asking, faults, pointers, place: None, summary, button: "Veröffentlichen" }
    }
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

/// What the button of a form wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// To see what would be read.
    Look,
    /// To publish what was seen.
    Publish,
    /// To go on writing.
    Write,
}

impl Wish {
    /// Of a form that was sent.
    pub(super) fn of(form: &Form) -> Self {
        match form.text("do").as_str() {
            "preview" => Self::Look,
            "publish" => Self::Publish,
            _ => Self::Write,
        }
    }
}

/// Goes on with a form as its button says.
pub(super) async fn carry(visit: &Visit, ask: &dyn Ask, form: &Form, mut sheet: Sheet<'_>) -> Course {
    let wish = Wish::of(form);
    if wish == Wish::Write {
        return Course::Again(200, Vec::new());
    }
    let publishes = wish == Wish::Publish;
    // What was seen is published as it was seen: what said "now" says when that was.
    let seen: Option<Value> = form.filled("request").and_then(|request| serde_json::from_str(&request).ok());
    match seen.filter(|seen| publishes && seen.is_object()) {
        Some(seen) => sheet.asking.body = Some(seen),
        None if !sheet.faults.is_empty() => return Course::Again(422, sheet.faults),
        None => {}
    }
    let told = ask
        .ask(Asking {
            dry_run: !publishes,
            if_match: form.filled("revision"),
            idempotency_key: publishes.then(|| key(visit, form)),
            ..sheet.asking.clone()
        })
        .await;
    if told.is_well() {
        return if publishes { Course::Done(told) } else { Course::Page(preview(visit, form, &sheet, &told)) };
    }
    if publishes && is_open(&told) {
        return Course::Page(again(visit, form, &sheet, &told));
    }
    Course::Again(told.status, vec![refusal::fault(&told, &sheet.pointers)])
}

/// Whether nobody knows if it was carried out: the same key makes sure that it is once.
fn is_open(told: &Told) -> bool {
    told.status == 503 || told.status == 409 && words::text(&told.body, "/detail").contains("Idempotency-Key")
}

/// What a form is known by: the key that came with it, else a fresh one.
pub(super) fn key(visit: &Visit, form: &Form) -> String {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let is_key = |key: &String| key.len() <= KEY_LENGTH_MAX && key.bytes().all(is_part);
    form.filled("key").filter(is_key).unwrap_or_else(|| visit.nonce.clone())
}

/// What the revision field of a form says: what it was filled in for, or what is there now if that
/// has changed and the visitor was told so.
pub(super) fn revision(now: &str, sent: Option<&Form>, status: u16) -> String {
    match sent {
        Some(form) if status != 412 && form.has("revision") => form.text("revision"),
        _ => now.to_owned(),
    }
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

/// What a page must not lose of a form that was sent, hidden.
fn kept(visit: &Visit, form: &Form, revision: &str, key: &str) -> Markup {
    html! {
        (page::token(visit))
        input type="hidden" name="revision" value=(Plain::new(revision));
        input type="hidden" name="key" value=(Plain::new(key));
        @for (name, value) in form.fields().filter(|(name, _)| !OWN_FIELDS.contains(name)) {
            input type="hidden" name=(Plain::new(name)) value=(Plain::new(&value.replace("\r\n", "\n")));
        }
    }
}

/// The form of a page that carries out what was typed elsewhere.
pub(super) fn carrying(
    visit: &Visit,
    form: &Form,
    path: &str,
    request: Option<&Value>,
    key: &str,
    button: &str,
) -> Markup {
    html! {
        form.act method="post" action={ (PREFIX) (path) } {
            (kept(visit, form, &form.text("revision"), key))
            @if let Some(request) = request {
                input type="hidden" name="request" value=(Plain::new(&request.to_string()));
            }
            button name="do" value="publish" { (button) }
            " "
            button.quiet name="do" value="edit" { "Zurück und ändern" }
        }
    }
}

/// The page before something is published.
fn preview(visit: &Visit, form: &Form, sheet: &Sheet<'_>, told: &Told) -> Reply {
    let read = html! {
        (sheet.summary)
        (readings(visit, &told.body, sheet.place))
        (carrying(visit, form, &sheet.path, sheet.asking.body.as_ref(), &visit.nonce, sheet.button))
        (documents(&told.body, sheet.place))
    };
    look(visit, sheet.title, &read)
}

/// A page that shows what would be read. The form that publishes it stands in `read`.
pub(super) fn look(visit: &Visit, title: &str, read: &Markup) -> Reply {
    let title = format!("Vorschau: {title}");
    let main = html! {
        h1 { (title) }
        p.lead { "Noch ist nichts veröffentlicht. So lesen es die Leute:" }
        (read)
    };
    Reply::page(200, page::page(visit, &title, &main))
}

/// What people read of a trial, in every language.
pub(super) fn readings(visit: &Visit, body: &Value, place: Option<&str>) -> Markup {
    let languages = visit.snapshot.catalogue.site.languages.iter().map(|language| &**language);
    let read: Vec<(&str, [Vec<Line>; 2])> =
        languages.map(|language| (language, shown(body, language, place))).collect();
    let notice: Option<MaintenanceNotice> =
        body.pointer("/internal/notice").and_then(|notice| serde_json::from_value(notice.clone()).ok());
    html! {
        (new_targets(body))
        @for (index, (language, [first, rest])) in read.iter().enumerate().filter(|(_, (_, [first, _]))| !first.is_empty()) {
            @if index == 0 { (read_aloud(language, first)) (folded(language, rest)) }
            @else {
                details.more {
                    summary { "Auf " (words::language(language)) }
                    (read_aloud(language, first))
                    (folded(language, rest))
                }
            }
        }
        @if read.iter().all(|(_, [first, _])| first.is_empty()) {
            @if let Some(notice) = notice { p { strong { (window_said(&notice.zone, &notice.from, &notice.until)) } } }
            p.note { "Öffentlich ist davon vorerst nichts zu lesen: Es wird später angekündigt, oder es betrifft nur Internes." }
        }
    }
}

/// The page after an answer that did not come.
fn again(visit: &Visit, form: &Form, sheet: &Sheet<'_>, told: &Told) -> Reply {
    let title = format!("Noch nicht bestätigt: {}", sheet.title);
    let request = sheet.asking.body.as_ref();
    let main = html! {
        h1 { (title) }
        (page::faults(&[refusal::fault(told, &sheet.pointers)]))
        (carrying(visit, form, &sheet.path, request, &key(visit, form), "Noch einmal versuchen"))
    };
    Reply::page(told.status, page::page(visit, &title, &main))
}

/// A page that asks whether something is to be taken away.
pub(super) struct Confirm<'a> {
    /// What is to be done.
    pub(super) sheet: Sheet<'a>,
    /// The `ETag` of what is there now.
    pub(super) etag: &'a str,
    /// What it means.
    pub(super) says: &'a str,
    /// What is taken away.
    pub(super) what: Markup,
    /// The page that it was asked for on: path below [`PREFIX`] and name.
    pub(super) back: (String, &'a str),
    /// Where the visitor goes on afterwards.
    pub(super) done: Reply,
}

/// Asks, and takes it away when the visitor says so. What is gone already is as it was wanted.
pub(super) async fn confirm(visit: &Visit, ask: &dyn Ask, confirm: Confirm<'_>) -> Reply {
    let Confirm { sheet, etag, says, what, back: (back, name), done } = confirm;
    let (title, path, button) = (sheet.title, sheet.path.clone(), sheet.button);
    let nothing = Form::default();
    let form = visit.sent.as_ref().unwrap_or(&nothing);
    let (status, faults) = match carry(visit, ask, form, sheet).await {
        Course::Done(_) | Course::Again(404, _) => return done,
        Course::Page(page) => return page,
        Course::Again(status, faults) => (status, faults),
    };
    let main = html! {
        h1 { (title) }
        (page::faults(&faults))
        p.over { a href={ (PREFIX) (back) } { (name) } }
        p { (says) }
        div.now { (what) }
        form.act method="post" action={ (PREFIX) (path) } {
            (kept(visit, form, &revision(etag, Some(form), status), &visit.nonce))
            button name="do" value="publish" { (button) }
            " "
            a.button.quiet href={ (PREFIX) (back) } { "Nicht ändern" }
        }
    };
    Reply::page(status, page::page(visit, &page::titled(title, &faults), &main))
}

/// Numbers and addresses that stand in no file: worth a second look.
fn new_targets(body: &Value) -> Markup {
    let new = words::list(body, "/internal/new_targets");
    html! {
        @if !new.is_empty() {
            div.warn {
                h2 { "Bitte zweimal prüfen" }
                p { "Hierhin werden die Leute geschickt, und in keiner Datei des Betreibers steht es bisher:" }
                ul { @for target in new { li { (Text(ways::bare(target.as_str().unwrap_or_default()))) } } }
            }
        }
    }
}

/// What else stands on the page and does not change.
fn folded(language: &str, rest: &[Line]) -> Markup {
    html! {
        @if !rest.is_empty() {
            details.more {
                summary { "Was sonst auf der Seite steht" }
                (read_aloud(language, rest))
            }
        }
    }
}

/// What people read, in a language: the page of the notice, or of the place that shows it best. Of a
/// component's page what may change stands apart.
fn shown(body: &Value, language: &str, place: Option<&str>) -> [Vec<Line>; 2] {
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
    let is_component = body.get("component").is_some();
    let (first, rest) = match of_place.or(page) {
        Some(page) if is_component => reading::parted(page),
        page => (page.unwrap_or_default(), ""),
    };
    [first, rest].map(reading::lines)
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
pub(super) fn documents(body: &Value, place: Option<&str>) -> Markup {
    let name = |format: &str| match format {
        "page" => "Seite der Stelle",
        "json" => "Daten (JSON)",
        "atom" => "Nachrichten-Feed (Atom)",
        "calendar" => "Kalender",
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
            details.more.formats {
                summary { "So lesen es andere Programme und Seiten (" (all.len()) ")" }
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
