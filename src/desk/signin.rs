//! The pages for whoever is not signed in: for signing in, and for what goes wrong at the door.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::desk::PREFIX;
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
}

/// The page for signing in.
pub fn sign_in(page: &SignIn<'_>) -> String {
    let SignIn { csrf, onward, fault } = page;
    let by = if fault.is_some() { "token-fault token-hint" } else { "token-hint" };
    let main = html! {
        h1 { "Anmelden" }
        form method="post" action={ (PREFIX) "/sign-in" } {
            input type="hidden" name="csrf" value=(csrf);
            input type="hidden" name="onward" value=(onward);
            div.field {
                label for="token" { "Zugangsschlüssel" }
                p.hint id="token-hint" { "Sie haben ihn vom Betrieb dieser Seite bekommen. Er beginnt mit tw_." }
                @if let Some(sentence) = fault { p.fault id="token-fault" role="alert" { (sentence) } }
                input type="password" id="token" name="token" required autocomplete="current-password"
                    autocapitalize="none" spellcheck="false" aria-describedby=(by) aria-invalid=[fault.map(|_| "true")];
            }
            button { "Anmelden" }
        }
    };
    plain("Anmelden", None, &main)
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
        p { a href=(to) { "Weiter zur Redaktion" } }
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
