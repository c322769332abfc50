//! Who is told of anything, whether it arrives, and a test of it.

use std::time::Duration;

use maud::{Markup, html};
use serde_json::{Value, json};

use crate::desk::operations::Operations;
use crate::desk::page::{Field, Kind};
use crate::desk::words::{self, count, flag, line};
use crate::desk::{Ask, Asking, PREFIX, Reply, Visit, page};

/// A message that was given up within so long needs somebody.
const LATELY: Duration = Duration::from_secs(7 * 86_400);

/// What was done just before, by the word in the address.
pub(super) fn said(done: &str) -> Option<&'static str> {
    (done == "probe").then_some(
        "Die Probe ist unterwegs. Was daraus wird, steht bei „Benachrichtigungen“, wenn Sie die Seite neu laden.",
    )
}

/// Sends a test, and goes back to the page.
pub(in crate::desk) async fn test(visit: &Visit, ask: &dyn Ask) -> Reply {
    let Some(sent) = &visit.sent else { return Reply::see(format!("{PREFIX}/operations")) };
    let body = sent.filled("to").map_or_else(|| json!({}), |to| json!({ "to": to }));
    let told = ask.ask(Asking::new("POST", "/notifications/test", Some(body))).await;
    if told.is_well() { Reply::see(format!("{PREFIX}/operations?getan=probe")) } else { page::refused(visit, &told) }
}

impl Operations<'_> {
    /// Messages that were given up and are among the newest.
    pub(super) fn lately_given_up(&self) -> usize {
        let is_lately = |message: &&Value| {
            let ages = words::instant(self.told, "/at").zip(words::instant(message, "/created_at"));
            words::text(message, "/state") == "dead" && ages.is_some_and(|(now, then)| now.since(then) < LATELY)
        };
        words::list(self.told, "/notifications/newest").iter().filter(is_lately).count()
    }

    /// Only for those who look after the whole program.
    pub(super) fn messages(&self) -> Markup {
        let all = self.part("notifications");
        let recipients = words::list(all, "/recipients");
        html! {
            @if flag(self.told, "/all") {
                section aria-labelledby="messages" {
                    h2 id="messages" { "Benachrichtigungen" }
                    @if recipients.is_empty() {
                        p { "Niemand ist eingetragen. Wer etwas erfahren soll, steht in " code { "[[notify.to]]" } " der Konfiguration." }
                    } @else {
                        p { (count(all, "/pending")) " unterwegs, " (count(all, "/dead")) " nicht angekommen." }
                        ul.matters { @for message in words::list(all, "/newest") { li { (self.message(message)) } } }
                        (self.test_form(recipients))
                    }
                }
            }
        }
    }

    fn message(&self, message: &Value) -> Markup {
        let (state, attempts) = (words::text(message, "/state"), count(message, "/attempts"));
        html! {
            p {
                @match state {
                    "dead" => { strong { "Nicht angekommen" } },
                    "sent" => { "Angenommen" },
                    _ => { "Unterwegs" },
                }
                " · " (line(message, "/recipient")) " · " (self.wall.moment(words::text(message, "/created_at")))
            }
            p { (line(message, "/subject")) }
            @if message.get("fault").is_some_and(Value::is_string) && state != "sent" {
                p.small {
                    (attempts) @if attempts == 1 { " Versuch" } @else { " Versuche" } ", zuletzt: " code { (line(message, "/fault")) }
                    @if let Some(next) = message.get("next_at").and_then(Value::as_str) {
                        ". Wieder versucht: " (self.wall.moment(next))
                    }
                }
            }
        }
    }

    fn test_form(&self, recipients: &[Value]) -> Markup {
        let named: Vec<String> = recipients.iter().map(|recipient| line(recipient, "")).collect();
        let to = std::iter::once(("", "alle")).chain(named.iter().map(|name| (&**name, &**name)));
        let to: Vec<(&str, &str)> = to.collect();
        html! {
            form method="post" action={ (PREFIX) "/operations/test" } {
                (page::token(self.visit))
                (Field { name: "to", label: "Ob es ankommt, zeigt eine Probe. An wen?", hint: "", kind: Kind::OneOf(&to), required: false, now: "" }.show(None, &[]))
                p.buttons { button.quiet type="submit" { "Probe senden" } }
            }
        }
    }
}
