//! A new incident: first what is open already and a text to begin with, then the form.

use maud::{Markup, html};
use serde_json::{Value, json};

use crate::desk::choice::{Boxes, Choices};
use crate::desk::field::{Texts, choices};
use crate::desk::form::Form;
use crate::desk::incident::fields::{END_LABEL, States, ending, promise, read_ending, read_promise};
use crate::desk::page::{self, Fault, Field, Kind, titled};
use crate::desk::publishing::{Course, Sheet, begin, carry, end};
use crate::desk::template::{TEMPLATES, Template, template};
use crate::desk::{Ask, Asking, PREFIX, Reply, Visit, is_id, ways, words};
use crate::model::incident::Cause;
use crate::publish::wording::Words;

/// Most incidents that are named before a new one is opened.
const OPEN_MAX: usize = 10;

pub(super) const TITLE: Texts<'_> = Texts {
    name: "title",
    label: "Titel",
    hint: "Was geht nicht? In den Worten der Leute, nicht der Name des Verfahrens.",
    lines: 0,
    required: true,
};

pub(super) const TEXT: Texts<'_> = Texts {
    name: "text",
    label: "Text",
    hint: "Ein, zwei kurze Sätze: was nicht geht, seit wann, was weiter geht. Nichts, was niemand sicher weiß.",
    lines: 6,
    required: true,
};

pub(super) const INTERNAL: Texts<'_> = Texts {
    name: "internal",
    label: "Nur für Kolleginnen und Kollegen",
    hint: "Das wird nicht veröffentlicht.",
    lines: 3,
    required: false,
};

/// The causes, for a choice.
pub(super) fn causes(none: &'static str) -> Vec<(&'static str, &'static str)> {
    choices(none, Cause::ALL.iter().map(|cause| (cause.as_str(), Words::German.cause(*cause))))
}

pub(super) async fn answer(visit: &Visit, ask: &dyn Ask) -> Reply {
    let overview = ask.ask(Asking::get("/overview")).await;
    if !overview.is_well() {
        return page::refused(visit, &overview);
    }
    let parts = Choices::owned(visit, words::list(&overview.body, "/internal_components"));
    let Some(form) = &visit.sent else {
        return match visit.query.filled("template") {
            None => choose(visit, &overview.body),
            Some(key) => show(visit, template(&key), None, &[], 200, &parts, &[]),
        };
    };
    let course = carry(visit, ask, form, sheet(visit, form, &parts)).await;
    match course {
        Course::Again(status, faults) => {
            // What stands in the way is one of these.
            let open = if status == 409 { words::list(&overview.body, "/incidents") } else { &[] };
            show(visit, None, Some(form), &faults, status, &parts, open)
        }
        Course::Page(page) => page,
        Course::Done(told) => {
            Reply::see(format!("{PREFIX}/incidents/{}?done=opened", words::text(&told.body, "/incident/id")))
        }
    }
}

/// What there is already, and texts to begin with.
fn choose(visit: &Visit, overview: &Value) -> Reply {
    let open = words::list(overview, "/incidents");
    let about =
        visit.query.filled("component").filter(|id| is_id(id)).map(|id| format!("&component={id}")).unwrap_or_default();
    let main = html! {
        h1 { "Neue Störung melden" }
        (known(open))
        h2 { "Was ist passiert?" }
        ul.choices {
            @for one in TEMPLATES {
                li {
                    a href={ (PREFIX) "/incidents/new?template=" (one.key) (about) } { (one.name) }
                    p.hint { (one.about) }
                }
            }
            li {
                a href={ (PREFIX) "/incidents/new?template=none" (about) } { "Etwas anderes" }
                p.hint { "Ein leeres Formular." }
            }
        }
    };
    Reply::page(200, page::page(visit, "Neue Störung melden", &main))
}

/// What is open already.
fn known(open: &[Value]) -> Markup {
    html! {
        @if !open.is_empty() {
            div.warn {
                h2 { "Gibt es dazu schon eine Meldung?" }
                p { "Zu jeder Ursache gibt es nur eine. Ist es eine von diesen, dann schreiben Sie dort weiter:" }
                ul {
                    @for incident in open.iter().take(OPEN_MAX) {
                        li { a href={ (PREFIX) "/incidents/" (words::text(incident, "/id")) } { (words::text(incident, "/title")) } }
                    }
                }
            }
        }
    }
}

fn sheet(visit: &Visit, form: &Form, parts: &Choices) -> Sheet<'static> {
    let states = States { all: parts, given: &Value::Null, concerned: &[], reported: "" };
    let ways = ways::read(visit, form);
    let mut faults = TITLE.gaps(visit, form);
    faults.extend(TEXT.gaps(visit, form));
    let end = read_ending(visit, form, &Value::Null, &mut faults);
    let mut body = json!({
        "title": TITLE.read(visit, form),
        "text": TEXT.read(visit, form),
        "components": states.read(form),
        "status": form.filled("status").unwrap_or_else(|| "investigating".to_owned()),
    });
    if let Value::Object(fields) = &mut body {
        let mut give = |name: &str, value: Value| drop(fields.insert(name.to_owned(), value));
        for (name, field) in [("cause", "cause"), ("started_at", "started_at")] {
            form.filled(field).into_iter().for_each(|value| give(name, value.into()));
        }
        Some(end).filter(|end| !end.is_null()).into_iter().for_each(|end| give("expected_end", end));
        read_promise(form).filter(|by| !by.is_null()).into_iter().for_each(|by| give("next_update_by", by));
        let unaffected: Vec<&str> = form.all("unaffected").collect();
        give("unaffected", unaffected.into());
        give("alternatives", ways.all.into());
        INTERNAL.filled(visit, form).into_iter().for_each(|internal| give("internal_text", internal));
    }
    faults.extend(ways.faults);
    // The root is the worst of the components here.
    let mut pointers = pointers(visit, ways.pointers);
    pointers.insert(0, ("/root".to_owned(), "states".to_owned()));
    let asking = Asking::new("POST", "/incidents", Some(body));
    Sheet { faults, pointers, ..Sheet::new("Neue Störung", "/incidents/new".to_owned(), asking) }
}

/// Which field a pointer of a request about an incident stands for.
pub(super) fn pointers(visit: &Visit, ways: Vec<(String, String)>) -> Vec<(String, String)> {
    let single = [
        ("/components", "states"),
        ("/root", "root"),
        ("/next_update_by", "next"),
        ("/expected_end/earliest", "earliest"),
        ("/expected_end/latest", "latest"),
        ("/expected_end", "end"),
        ("/started_at", "started_at"),
        ("/resolved_at", "resolved_at"),
        ("/status", "status"),
        ("/unaffected", "unaffected"),
        ("/impact", "impact"),
        ("/cause", "cause"),
        ("/into", "into"),
    ];
    let mut all = TITLE.pointers(visit, "/title");
    all.extend(TEXT.pointers(visit, "/text"));
    all.extend(INTERNAL.pointers(visit, "/internal_text"));
    all.extend(END_LABEL.pointers(visit, "/expected_end/label"));
    all.extend(ways);
    all.extend(single.map(|(pointer, field)| (pointer.to_owned(), field.to_owned())));
    all
}

fn show(
    visit: &Visit,
    template: Option<&Template>,
    sent: Option<&Form>,
    faults: &[Fault],
    status: u16,
    parts: &Choices,
    open: &[Value],
) -> Reply {
    let prefilled = |text: fn(&Template, &str) -> &'static str| -> Value {
        let languages = visit.snapshot.catalogue.site.languages.iter();
        let texts = template.into_iter().flat_map(|template| {
            languages.clone().map(move |language| (language.to_string(), Value::from(text(template, language))))
        });
        Value::Object(texts.filter(|(_, text)| text.as_str().is_some_and(|text| !text.is_empty())).collect())
    };
    let (title, text) = (prefilled(Template::title_in), prefilled(Template::text_in));
    let causes = causes("noch unklar, nicht angeben");
    let reported = visit.query.text("component");
    let states = States { all: parts, given: &Value::Null, concerned: &[], reported: &reported };
    let on_pages = Choices::shown(visit);
    let cause = Field {
        name: "cause",
        label: "Art der Ursache",
        hint: "",
        kind: Kind::OneOf(&causes),
        required: false,
        now: template.map_or("", |template| template.cause),
    };
    let since = Field {
        name: "started_at",
        label: "Seit wann?",
        hint: "Leer heißt: seit jetzt.",
        kind: Kind::Time,
        required: false,
        now: "",
    };
    let heading = template.map_or("Neue Störung melden", |template| template.name);
    let main = html! {
        h1 { (heading) }
        (page::faults(faults))
        (known(open))
        @if parts.all().is_empty() {
            div.warn { p { "Ihr Zugang hat keine eigenen Dienste. Zu Störungen anderer können Sie eigene Worte schreiben." } }
        }
        @if template.is_some() {
            p.hint { "Füllen Sie die Lücken in eckigen Klammern aus, oder nehmen Sie sie heraus." }
        }
        form method="post" action={ (PREFIX) "/incidents/new" } novalidate {
            (begin(visit, ""))
            (TITLE.show(visit, sent, faults, &title))
            (TEXT.show(visit, sent, faults, &text))
            (states.show("Was ist gestört?", "Wählen Sie mindestens einen Dienst, und wie es um ihn steht.", sent, faults))
            (since.show(sent, faults))
            (promise(visit, sent, faults, ""))
            details.more open[ways::is_open(sent, faults, &[])] {
                summary { "So geht es trotzdem: Telefon, Formular, Schalter" }
                (ways::show(visit, sent, faults, &[], "/incidents/new"))
            }
            details.more open[opens(sent, faults)] {
                summary { "Mehr angeben: Ende, Ursache, nicht betroffen, Internes" }
                (ending(visit, sent, faults, &Value::Null))
                (cause.show(sent, faults))
                (unaffected(&on_pages, &[]).show(sent, faults))
                (INTERNAL.show(visit, sent, faults, &Value::Null))
            }
            (end())
        }
    };
    Reply::page(status, page::page(visit, &titled(heading, faults), &main))
}

/// What goes on as usual.
pub(super) fn unaffected<'a>(all: &'a Choices, now: &'a [String]) -> Boxes<'a> {
    Boxes { name: "unaffected", legend: "Nicht betroffen", hint: "", all, now, finds: false }
}

/// Whether the second part of a form is open: something was typed there, or is wrong.
pub(super) fn opens(sent: Option<&Form>, faults: &[Fault]) -> bool {
    const INSIDE: [&str; 6] = ["earliest", "latest", "end", "cause", "unaffected", "internal"];
    let is_inside = |name: &str| INSIDE.iter().any(|inside| name.starts_with(inside));
    faults.iter().filter_map(|fault| fault.field.as_deref()).any(is_inside)
        || sent.is_some_and(|form| form.fields().any(|(name, value)| is_inside(name) && !value.trim().is_empty()))
}
