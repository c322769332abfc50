//! What every page of the desk has, and the fields of its forms.
//!
//! The desk speaks German: its readers sit in German town halls. Labels stand above their fields, a
//! fault stands at its field and in the list at the top, and what was typed is never lost.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::desk::form::Form;
use crate::desk::{PREFIX, Reply, Told, Visit, refusal};
use crate::model::text::Plain;

/// The looks of the desk. Its hash stands in the policy that `server` sends.
pub const STYLE: &str = include_str!("desk.css");

/// The pages that are always one step away: path below [`PREFIX`] and name.
const PAGES: [(&str, &str); 5] = [
    ("", "Übersicht"),
    ("/incidents", "Störungen"),
    ("/components", "Dienste"),
    ("/maintenance", "Wartungen"),
    ("/operations", "Betrieb"),
];

/// A fault in what was sent: the field it stands at, if it is one's, and one sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The name of the field.
    pub field: Option<String>,
    /// What to do.
    pub sentence: String,
}

/// A whole page. `main` begins with its heading, `h1`.
pub fn page(visit: &Visit, title: &str, main: &Markup) -> String {
    let here = format!("/{}", visit.path.trim_matches('/'));
    html! {
        (DOCTYPE)
        html lang="de" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                title { (title) " – Redaktion" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#main" { "Zum Inhalt springen" }
                header {
                    p.where { "Redaktion" }
                    nav aria-label="Seiten" {
                        ul {
                            @for (path, name) in PAGES {
                                @let is_here = if path.is_empty() { here == "/" } else { here.starts_with(path) };
                                li { a href={ (PREFIX) (path) } aria-current=[is_here.then_some("page")] { (name) } }
                            }
                        }
                    }
                    form.out method="post" action={ (PREFIX) "/sign-out" } {
                        (token(visit))
                        span { (visit.editor.label) }
                        button.quiet type="submit" { "Abmelden" }
                    }
                }
                main id="main" tabindex="-1" { (main) }
                footer {
                    a href="/" { "Öffentliche Seite" }
                    @if visit.editor.is_admin_of_all() { a href={ (PREFIX) "/audit" } { "Protokoll" } }
                }
            }
        }
    }
    .into_string()
}

/// The hidden field that every form of the desk has.
pub fn token(visit: &Visit) -> Markup {
    html! { input type="hidden" name="csrf" value=(visit.csrf); }
}

/// The title of a page with a form: that something is wrong comes first.
pub fn titled(heading: &str, faults: &[Fault]) -> String {
    if faults.is_empty() { heading.to_owned() } else { format!("Fehler: {heading}") }
}

/// What stands in the way, each linked to its field. Nothing if nothing does.
pub fn faults(faults: &[Fault]) -> Markup {
    html! {
        @if !faults.is_empty() {
            // Whoever cannot see the page is taken here at once, without a script.
            div.faults role="alert" tabindex="-1" autofocus {
                h2 { "Bitte prüfen Sie Ihre Angaben" }
                ul {
                    @for fault in faults {
                        li {
                            @match &fault.field {
                                Some(field) => a href={ "#" (field) } { (fault.sentence) },
                                None => (fault.sentence),
                            }
                        }
                    }
                }
            }
        }
    }
}

/// How a field is filled in.
#[derive(Debug, Clone, Copy)]
pub enum Kind<'a> {
    /// One line of text.
    Line,
    /// Several lines, so many are seen.
    Lines(u8),
    /// A day.
    Day,
    /// A local date and time.
    Time,
    /// One of these: value and name.
    OneOf(&'a [(&'a str, &'a str)]),
}

/// A field with its label, hint and fault. What was sent stands in it, else `now`.
#[derive(Debug, Clone, Copy)]
pub struct Field<'a> {
    /// The name in the form, which is its id, too.
    pub name: &'a str,
    /// What it is called.
    pub label: &'a str,
    /// What helps to fill it in; empty if nothing needs to.
    pub hint: &'a str,
    /// How it is filled in.
    pub kind: Kind<'a>,
    /// Whether it must be filled in.
    pub required: bool,
    /// What stands in it before anything was sent.
    pub now: &'a str,
}

impl Field<'_> {
    /// The field as it stands in the form.
    pub fn show(&self, sent: Option<&Form>, faults: &[Fault]) -> Markup {
        let value = sent.map_or_else(|| self.now.to_owned(), |form| form.text(self.name));
        // As the interface would take it: without control and bidi characters.
        let shown = Plain::new(&value);
        let fault = faults.iter().find(|fault| fault.field.as_deref() == Some(self.name));
        let hint_id = (!self.hint.is_empty()).then(|| format!("{}-hint", self.name));
        let fault_id = fault.map(|_| format!("{}-fault", self.name));
        let told: Vec<&str> = hint_id.iter().chain(&fault_id).map(String::as_str).collect();
        let by = (!told.is_empty()).then(|| told.join(" "));
        let wrong = fault.map(|_| "true");
        html! {
            div.field {
                label for=(self.name) {
                    // Of a choice, and of a day that one brings with it, one says that it may be left.
                    (self.label) @if !self.required && !matches!(self.kind, Kind::OneOf(_) | Kind::Day) { span.optional { " (freiwillig)" } }
                }
                @if let Some(id) = &hint_id { p.hint id=(id) { (self.hint) } }
                @if let (Some(id), Some(fault)) = (&fault_id, fault) { p.fault id=(id) { (fault.sentence) } }
                @match self.kind {
                    Kind::Lines(rows) => textarea id=(self.name) name=(self.name) rows=(rows) required[self.required]
                        aria-describedby=[&by] aria-invalid=[wrong] { "\n" (shown) },
                    Kind::OneOf(all) => select id=(self.name) name=(self.name) required[self.required]
                        aria-describedby=[&by] aria-invalid=[wrong] {
                        @for (known, name) in all { option value=(known) selected[*known == value] { (name) } }
                    },
                    Kind::Line | Kind::Day | Kind::Time => input id=(self.name) name=(self.name) value=(shown)
                        type=(match self.kind { Kind::Day => "date", Kind::Time => "datetime-local", _ => "text" })
                        required[self.required] aria-describedby=[&by] aria-invalid=[wrong];
                }
            }
        }
    }
}

/// The page for what is not there, or not for this visitor.
pub fn not_found(visit: &Visit) -> Reply {
    let main = html! {
        h1 { "Diese Seite gibt es nicht" }
        p { "Vielleicht wurde sie verschoben, oder Ihr Zugang reicht nicht bis dorthin." }
        p { a href=(PREFIX) { "Zur Übersicht" } }
    };
    Reply::page(404, page(visit, "Nicht gefunden", &main))
}

/// The page for what the interface refused as a whole.
pub fn refused(visit: &Visit, told: &Told) -> Reply {
    let main = html! {
        h1 { "Das ging nicht" }
        div.faults role="alert" { p { (refusal::fault(told, &[]).sentence) } }
        p { a href=(PREFIX) { "Zur Übersicht" } }
    };
    Reply::page(told.status, page(visit, "Das ging nicht", &main))
}
