//! A word on planned work: news, that a part or all of it is over, or that it is called off.

use maud::{Markup, html};
use serde_json::{Map, Value, json};

use crate::desk::field::{self, Texts};
use crate::desk::form::Form;
use crate::desk::maintenance::{Planned, Sent, show};
use crate::desk::page::Fault;
use crate::desk::preview::{self, Preview, Step};
use crate::desk::{Ask, Asking, Reply, page, refusal};
use crate::model::notice::CoveredNotice;

const TEXT: Texts<'_> = Texts {
    name: "word",
    label: "Meldung",
    hint: "Was ist neu? Wird etwas beendet, können Sie das Feld auch leer lassen.",
    lines: 4,
    required: false,
};

/// What is still under way.
fn open<'a>(planned: &'a Planned<'_>) -> Vec<&'a CoveredNotice> {
    let at = planned.visit.snapshot.at;
    planned.notice.components.iter().filter(|covered| !covered.is_over(at)).collect()
}

pub(super) fn section(planned: &Planned<'_>, sent: &Sent<'_>) -> Markup {
    let (fields, faults) = (sent.fields, sent.faults.as_slice());
    let open = open(planned);
    let now = "Ohne Angabe: jetzt.";
    html! {
        section aria-labelledby="s-word" {
            h2 id="s-word" { "Etwas dazu sagen" }
            form method="post" action={ (planned.path()) "/word" } {
                (page::token(planned.visit))
                (preview::etag(&planned.told, fields, sent.told.as_ref()))
                (preview::kept_key(fields, sent.told.as_ref()))
                (TEXT.show(planned.visit, fields, faults, &Value::Null))
                @if planned.notice.is_active() {
                    @if open.len() > 1 {
                        fieldset.boxes {
                            legend { "Was ist wieder da?" }
                            @for covered in &open {
                                @let id = covered.component.as_str();
                                div {
                                    input type="checkbox" id={ "back-" (id) } name="back" value=(id) checked[fields.is_some_and(|fields| fields.all("back").any(|given| given == id))];
                                    label for={ "back-" (id) } { (planned.name_of(&covered.component)) " ist wieder da" }
                                }
                                details open[fields.is_some_and(|fields| fields.filled(&format!("since-{id}")).is_some())] {
                                    summary { "Seit wann?" span.hidden { " " (planned.name_of(&covered.component)) } }
                                    (field::DayTime { name: &format!("since-{id}"), label: "Wieder da seit", hint: now, required: false, now: ("", "") }.show(fields, faults))
                                }
                            }
                        }
                    }
                    fieldset.boxes {
                        legend { "Ist alles fertig?" }
                        div {
                            input type="checkbox" id="all-over" name="over" value="1" checked[fields.is_some_and(|fields| fields.has("over"))];
                            label for="all-over" { "Ja, alles läuft wieder" }
                        }
                        (field::DayTime { name: "over-since", label: "Fertig seit", hint: now, required: false, now: ("", "") }.show(fields, faults))
                    }
                }
                p.buttons { button { "Vorschau" } }
            }
        }
    }
}

/// When something ended: as it was given, else now, which is when the page was made that citizens read.
fn ended(planned: &Planned<'_>, sent: &Form, name: &str) -> Result<String, Fault> {
    match field::read_when(sent, name)? {
        None => Ok(planned.visit.snapshot.at.to_string()),
        Some(when) if when.contains('T') => Ok(when),
        Some(_) => {
            let sentence = "Bitte geben Sie auch die Uhrzeit an.".to_owned();
            Err(Fault { field: Some(name.to_owned()), sentence })
        }
    }
}

fn read(planned: &Planned<'_>, sent: &Form) -> Result<Map<String, Value>, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut body = Map::new();
    body.extend(TEXT.filled(planned.visit, sent).map(|text| ("text".to_owned(), text)));
    let mut back = Vec::new();
    for covered in open(planned) {
        let id = covered.component.as_str();
        let since = format!("since-{id}");
        if sent.all("back").any(|given| given == id) || sent.filled(&since).is_some() {
            match ended(planned, sent, &since) {
                Ok(at) => back.push(json!({ "id": id, "ended_at": at })),
                Err(fault) => faults.push(fault),
            }
        }
    }
    if !back.is_empty() {
        body.insert("components".to_owned(), back.into());
    }
    if sent.has("over") || sent.filled("over-since").is_some() {
        match ended(planned, sent, "over-since") {
            Ok(at) => drop(body.insert("ended_at".to_owned(), at.into())),
            Err(fault) => faults.push(fault),
        }
    }
    if body.is_empty() && faults.is_empty() {
        let field = Some(TEXT.first(planned.visit));
        let sentence = "Bitte schreiben Sie etwas, oder sagen Sie, was wieder läuft.".to_owned();
        faults.push(Fault { field, sentence });
    }
    if faults.is_empty() { Ok(body) } else { Err(faults) }
}

pub(super) async fn say(planned: &Planned<'_>, ask: &dyn Ask, sent: &Form) -> Reply {
    let again = |faults: Vec<Fault>, told| show(planned, Sent { fields: Some(sent), faults, told });
    let step = Step::of(sent);
    if step == Step::Change {
        return again(Vec::new(), None);
    }
    let body = match preview::request(sent).map_or_else(|| read(planned, sent).map(Value::Object), Ok) {
        Ok(body) => body,
        Err(faults) => return again(faults, None),
    };
    let path = format!("/maintenance/{}/updates", planned.notice.id);
    let told = ask.ask(asking(planned, sent, "POST", path, body.clone())).await;
    if !told.is_well() {
        let mut pointers = TEXT.pointers(planned.visit, "/text");
        pointers.extend(["/ended_at", "/components"].map(|at| (at.to_owned(), "over-since".to_owned())));
        return again(vec![refusal::fault(&told, &pointers)], Some(told));
    }
    if step == Step::Publish {
        return Reply::see(format!("{}?getan=gesagt", planned.path()));
    }
    let preview = Preview {
        heading: "Vorschau: Meldung zur Wartung",
        action: &format!("{}/word", planned.path()),
        publish: "Veröffentlichen",
        summary: html! { p { "Zu: " strong { (planned.title()) } } },
        told: &told,
        sent,
        request: Some(&body),
    };
    preview::page(planned.visit, &preview)
}

/// A request about it: a trial, or the very thing, as the button said.
fn asking(planned: &Planned<'_>, sent: &Form, method: &'static str, path: String, body: Value) -> Asking {
    let publishes = Step::of(sent) == Step::Publish;
    Asking {
        dry_run: !publishes,
        if_match: sent.filled("etag"),
        idempotency_key: publishes.then(|| preview::key(planned.visit, sent)),
        ..Asking::new(method, path, Some(body))
    }
}

/// The way to call it off.
pub(super) fn cancelling(planned: &Planned<'_>) -> Markup {
    html! {
        section aria-labelledby="s-cancel" {
            h2 id="s-cancel" { "Absagen" }
            p { "Findet es nicht statt? Die Ankündigung bleibt als abgesagt lesbar, auch in Kalendern." }
            form method="post" action={ (planned.path()) "/cancel" } {
                (page::token(planned.visit))
                (preview::etag(&planned.told, None, None))
                p.buttons { button.quiet { "Absagen: erst ansehen" } }
            }
        }
    }
}

pub(super) async fn cancel(planned: &Planned<'_>, ask: &dyn Ask, sent: &Form) -> Reply {
    let step = Step::of(sent);
    if step == Step::Change {
        return Reply::see(planned.path());
    }
    let path = format!("/maintenance/{}", planned.notice.id);
    let told = ask.ask(asking(planned, sent, "PATCH", path, json!({ "status": "cancelled" }))).await;
    if !told.is_well() {
        return show(planned, Sent { fields: None, faults: vec![refusal::fault(&told, &[])], told: Some(told) });
    }
    if step == Step::Publish {
        return Reply::see(format!("{}?getan=abgesagt", planned.path()));
    }
    let preview = Preview {
        heading: "Vorschau: Absage",
        action: &format!("{}/cancel", planned.path()),
        publish: "Wirklich absagen",
        summary: html! { p { "Abgesagt wird: " strong { (planned.title()) } } },
        told: &told,
        sent,
        request: None,
    };
    preview::page(planned.visit, &preview)
}
