//! A word on planned work: news, that a part or all of it is over, or that it is called off.

use maud::{Markup, html};
use serde_json::{Map, Value, json};

use crate::desk::field::{self, Texts};
use crate::desk::form::Form;
use crate::desk::maintenance::{Planned, Sent, show};
use crate::desk::page::Fault;
use crate::desk::publishing::{Course, Sheet, begin, carry, end, revision};
use crate::desk::{Ask, Asking, Reply};
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
                (begin(planned.visit, &revision(planned.etag(), fields, sent.status)))
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
                (end())
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
    let (body, faults) = match read(planned, sent) {
        Ok(body) => (Value::Object(body), Vec::new()),
        Err(faults) => (Value::Null, faults),
    };
    let mut pointers = TEXT.pointers(planned.visit, "/text");
    pointers.extend(["/ended_at", "/components"].map(|at| (at.to_owned(), "over-since".to_owned())));
    let sheet = Sheet {
        faults,
        pointers,
        summary: html! { p { "Zu: " strong { (planned.title()) } } },
        ..Sheet::new(
            "Meldung zur Wartung",
            planned.below("/word"),
            Asking::new("POST", planned.below("/updates"), Some(body)),
        )
    };
    match carry(planned.visit, ask, sent, sheet).await {
        Course::Again(status, faults) => show(planned, Sent { fields: Some(sent), faults, status }),
        Course::Page(page) => page,
        Course::Done(_) => Reply::see(format!("{}?getan=gesagt", planned.path())),
    }
}

/// The way to call it off.
pub(super) fn cancelling(planned: &Planned<'_>) -> Markup {
    html! {
        section aria-labelledby="s-cancel" {
            h2 id="s-cancel" { "Absagen" }
            p { "Findet es nicht statt? Die Ankündigung bleibt als abgesagt lesbar, auch in Kalendern." }
            @if planned.notice.recurring.is_some() { p { strong { "Abgesagt wird alles, was noch kommt, nicht nur das nächste Mal." } } }
            form.act method="post" action={ (planned.path()) "/cancel" } {
                (begin(planned.visit, planned.etag()))
                button.quiet name="do" value="preview" { "Absagen: erst ansehen" }
            }
        }
    }
}

pub(super) async fn cancel(planned: &Planned<'_>, ask: &dyn Ask, sent: &Form) -> Reply {
    let asking = Asking::new("PATCH", planned.below(""), Some(json!({ "status": "cancelled" })));
    let sheet = Sheet {
        summary: html! { p { "Abgesagt wird: " strong { (planned.title()) } } },
        button: "Wirklich absagen",
        ..Sheet::new("Absage", planned.below("/cancel"), asking)
    };
    match carry(planned.visit, ask, sent, sheet).await {
        Course::Again(200, _) => Reply::see(planned.path()),
        Course::Again(status, faults) => show(planned, Sent { fields: None, faults, status }),
        Course::Page(page) => page,
        Course::Done(_) => Reply::see(format!("{}?getan=abgesagt", planned.path())),
    }
}
