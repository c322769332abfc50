//! The pages for whoever is not signed in: for signing in, and for what goes wrong at the door.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::desk::PREFIX;
use crate::desk::form::Form;
use crate::desk::page::STYLE;

/// What the page for signing in shows.
#[derive(Debug, Clone, Copy)]
pub struct SignIn<'a> {
    /// Stands in the form as a hidden field and in a cookie, so that no page of others can sign anybody in.
    pub csrf: &'a str,
    /// Where to go on afterwards: a path below [`PREFIX`] with its query.
    pub onward: &'a str,
    /// What went wrong, one sentence.
    pub fault: Option<&'a str>,
    /// Whether one may sign in at a provider, too.
    pub provider: bool,
    /// What somebody typed whose session had ended meanwhile; it belongs to the page `onward`.
    pub kept: Option<&'a Form>,
}

/// Begins the names of fields that are kept over a sign-in.
const KEPT: &str = "kept.";

/// What was kept over a sign-in; `None` if nothing was.
pub fn kept(form: &Form) -> Option<Form> {
    let fields =
        form.fields().filter_map(|(name, value)| Some((name.strip_prefix(KEPT)?.to_owned(), value.to_owned())));
    Some(Form::of(fields)).filter(|kept| kept.fields().next().is_some())
}

/// The page for signing in.
pub fn sign_in(page: &SignIn<'_>) -> String {
    let SignIn { csrf, onward, fault, provider, kept } = page;
    let by = if fault.is_some() { "token-fault token-hint" } else { "token-hint" };
    let hidden = html! {
        input type="hidden" name="csrf" value=(csrf);
        input type="hidden" name="onward" value=(onward);
    };
    let main = html! {
        h1 { "Anmelden" }
        @if kept.is_some() {
            p { "Sie waren zu lange nicht aktiv. Ihre Eingaben sind noch da: Melden Sie sich mit dem Zugangsschlüssel an, und senden Sie sie dann ab." }
        }
        @if *provider && kept.is_none() {
            form method="post" action={ (PREFIX) "/oidc" } {
                (hidden)
                button type="submit" { "Mit dem Dienstkonto anmelden" }
            }
            h2 { "Oder mit einem Zugangsschlüssel" }
        }
        form method="post" action={ (PREFIX) "/sign-in" } {
            (hidden)
            @if let Some(form) = kept { (again(form, KEPT)) }
            div.field {
                label for="token" { "Zugangsschlüssel" }
                p.hint id="token-hint" { "Sie haben ihn vom Betrieb dieser Seite bekommen. Er beginnt mit tw_." }
                @if let Some(sentence) = fault { p.fault id="token-fault" role="alert" { (sentence) } }
                input type="password" id="token" name="token" required autocomplete="current-password"
                    autocapitalize="none" spellcheck="false" aria-describedby=(by) aria-invalid=[fault.map(|_| "true")];
            }
            button.quiet[*provider && kept.is_none()] type="submit" { "Anmelden" }
        }
        @if let (true, Some(form)) = (*provider, kept) {
            h2 { "Oder mit dem Dienstkonto" }
            p {
                a href=(PREFIX) target="_blank" rel="noopener" { "Melden Sie sich in einem neuen Fenster an" }
                ", und kommen Sie dann hierher zurück."
            }
            form method="post" action=(onward) {
                (again(form, ""))
                button.quiet type="submit" { "Ich bin wieder angemeldet" }
            }
        }
    };
    plain("Anmelden", None, &main)
}

/// The page with a form that came too late for its session: what was typed waits for one more click.
pub fn resend(csrf: &str, to: &str, form: &Form) -> String {
    let main = html! {
        h1 { "Noch einmal absenden" }
        p { "Sie haben sich inzwischen neu angemeldet. Ihre Eingaben sind noch da, aber noch nicht abgesendet." }
        form method="post" action=(to) {
            input type="hidden" name="csrf" value=(csrf);
            (again(form, ""))
            button type="submit" { "Eingaben absenden" }
        }
        p { a href=(PREFIX) { "Verwerfen und zur Übersicht" } }
    };
    plain("Noch einmal absenden", None, &main)
}

/// The fields of a form as hidden ones, but for the word that belonged to its session.
fn again(form: &Form, prefix: &str) -> Markup {
    html! {
        @for (name, value) in form.fields().filter(|(name, _)| *name != "csrf") {
            input type="hidden" name={ (prefix) (name) } value=(value);
        }
    }
}

/// A page that says in one sentence what went wrong.
pub fn problem(title: &str, sentence: &str) -> String {
    let main = html! {
        h1 { (title) }
        p { (sentence) }
        p { a href=(PREFIX) { "Zur Redaktion" } }
    };
    plain(title, None, &main)
}

/// A page that leads on by itself. Unlike a redirection it makes the next request one of ours, to
/// which browsers add our cookies.
pub fn lead_on(to: &str) -> String {
    let main = html! {
        h1 { "Einen Moment" }
        p { a href=(to) { "Weiter" } }
    };
    plain("Einen Moment", Some(to), &main)
}

fn plain(title: &str, onward: Option<&str>, main: &Markup) -> String {
    html! {
        (DOCTYPE)
        html lang="de" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                @if let Some(to) = onward { meta http-equiv="refresh" content={ "0; url=" (to) }; }
                title { (title) " – Redaktion" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header { p.where { "Redaktion" } }
                main id="main" { (main) }
                footer { a href="/" { "Öffentliche Seite" } }
            }
        }
    }
    .into_string()
}
