//! Announcing planned work or a closure, and changing what was announced: one form for both.

use jiff::tz::TimeZone;
use maud::{Markup, html};
use serde_json::{Map, Value, json};

use crate::desk::choice::{Boxes, Choices};
use crate::desk::field::{self, Texts};
use crate::desk::form::Form;
use crate::desk::maintenance::recurring::{self, LAST, REPEATS, Rhythm, Series};
use crate::desk::maintenance::{Planned, Sent, show, window};
use crate::desk::page::{self, Fault, Field, Kind, titled};
use crate::desk::publishing::{Course, Sheet, begin, carry, end, revision};
use crate::desk::{Ask, Asking, PREFIX, Reply, Visit, ways, words};
use crate::model::catalogue::Ends;
use crate::model::notice::{CoveredNotice, MaintenanceNotice};
use crate::model::status::ComponentKind;
use crate::model::window::When;

/// Most components with an end of their own.
const EARLY_MAX: usize = 50;

/// Empty places for them.
const EARLY_EMPTY: usize = 2;

const TITLE: Texts<'_> = Texts {
    name: "title",
    label: "Überschrift",
    hint: "Zum Beispiel: Neue Software im Bürgerbüro.",
    lines: 0,
    required: true,
};

const TEXT: Texts<'_> = Texts {
    name: "text",
    label: "Was heißt das für die Leute?",
    hint: "In einfachen Sätzen: was nicht geht, und was weiter geht.",
    lines: 4,
    required: false,
};

/// Which field a pointer of the request stands for.
fn pointers(visit: &Visit, sent: &Form) -> Vec<(String, String)> {
    let single = [
        ("/components", "components"),
        ("/unaffected", "unaffected"),
        ("/from", "from"),
        // Of a series it is the end of the whole.
        ("/until", if Rhythm::of(sent) == Rhythm::Once { "until" } else { LAST }),
        ("/recurring/at", "from"),
        ("/recurring/for", "until"),
        ("/recurring", REPEATS),
        ("/last_chance_before", "last"),
        ("/back_from", "back"),
        ("/announced_at", "announced"),
        ("/programme", "programme"),
        ("/ends", "ends"),
    ];
    let mut all = ways::read(visit, sent).pointers;
    all.extend(TITLE.pointers(visit, "/title"));
    all.extend(TEXT.pointers(visit, "/text"));
    all.extend(single.map(|(pointer, field)| (pointer.to_owned(), field.to_owned())));
    all
}

/// The form with all that it needs.
struct Plan<'a> {
    visit: &'a Visit,
    choices: Choices,
    /// What is to be changed; nothing if it is new.
    planned: Option<&'a Planned<'a>>,
    /// Whether it is a closure that is announced.
    is_closing: bool,
}

/// A new one.
pub(super) async fn new(visit: &Visit, ask: &dyn Ask, sent: Option<&Form>) -> Reply {
    let is_closing = sent.unwrap_or(&visit.query).text("art") == "schliessung";
    answer(visit, ask, sent, None, is_closing).await
}

/// The same of one that is there.
pub(super) async fn edit(planned: &Planned<'_>, ask: &dyn Ask, sent: Option<&Form>) -> Reply {
    match sent {
        // Somebody else has ended it meanwhile: what was typed is not lost.
        Some(_) if planned.notice.is_over() => show(planned, Sent { fields: sent, ..Sent::default() }),
        None if planned.notice.is_over() => Reply::see(planned.path()),
        sent => answer(planned.visit, ask, sent, Some(planned), false).await,
    }
}

async fn answer(
    visit: &Visit,
    ask: &dyn Ask,
    sent: Option<&Form>,
    planned: Option<&Planned<'_>>,
    is_closing: bool,
) -> Reply {
    let told = ask.ask(Asking::get("/components")).await;
    if !told.is_well() {
        return page::refused(visit, &told);
    }
    let choices = Choices::owned(visit, words::list(&told.body, "/components"));
    Plan { visit, choices, planned, is_closing }.answer(ask, sent).await
}

impl Plan<'_> {
    fn notice(&self) -> Option<&MaintenanceNotice> {
        self.planned.map(|planned| &planned.notice)
    }

    /// What the interface told of it; null if it is new.
    fn known(&self, pointer: &str) -> &Value {
        self.planned.and_then(|planned| planned.told.body.pointer(pointer)).unwrap_or(&Value::Null)
    }

    /// Its other ways, in the shape of a request.
    fn ways(&self) -> &[Value] {
        self.known("/internal/alternatives").as_array().map(Vec::as_slice).unwrap_or_default()
    }

    fn zone(&self) -> TimeZone {
        let name = self.notice().map_or(&self.visit.snapshot.catalogue.site.timezone, |notice| &notice.zone);
        TimeZone::get(name).unwrap_or(TimeZone::UTC)
    }

    /// Where the form is sent to, below [`PREFIX`].
    fn path(&self) -> String {
        self.planned.map_or_else(|| "/maintenance/new".to_owned(), |planned| planned.below("/edit"))
    }

    fn heading(&self) -> &'static str {
        match (self.planned, self.is_closing) {
            (Some(_), _) => "Ankündigung ändern",
            (None, true) => "Schließung ankündigen",
            (None, false) => "Wartung ankündigen",
        }
    }

    async fn answer(&self, ask: &dyn Ask, sent: Option<&Form>) -> Reply {
        let Some(form) = sent else { return self.form(&Sent::default()) };
        let (body, faults) = match self.read(form) {
            Ok(body) => (Some(body), Vec::new()),
            Err(faults) => (None, faults),
        };
        let asking = match self.planned {
            Some(planned) => Asking::new("PATCH", planned.below(""), body),
            None => Asking::new("POST", "/maintenance", body),
        };
        let pointers = pointers(self.visit, form);
        let sheet = Sheet { faults, pointers, ..Sheet::new("Ankündigung", self.path(), asking) };
        match carry(self.visit, ask, form, sheet).await {
            Course::Again(status, faults) => self.form(&Sent { fields: sent, faults, status }),
            Course::Page(page) => page,
            Course::Done(told) => {
                let id = words::text(&told.body, "/maintenance/id");
                let done = if self.planned.is_some() { "geaendert" } else { "geplant" };
                Reply::see(format!("{PREFIX}/maintenance/{id}?getan={done}"))
            }
        }
    }

    fn form(&self, sent: &Sent<'_>) -> Reply {
        let (fields, faults) = (sent.fields, sent.faults.as_slice());
        let zone = self.zone();
        let closing = Texts { hint: "Zum Beispiel: Bürgerbüro geschlossen wegen Umzugs.", ..TITLE };
        let title = if self.is_closing { closing } else { TITLE };
        let main = html! {
            p.over { a href={ (PREFIX) "/maintenance" } { "Wartungen" } }
            h1 { (self.heading()) }
            (page::faults(faults))
            @if let (Some(planned), true) = (self.planned, sent.status == 412) {
                div.notice {
                    p { strong { "So steht es jetzt: " } (planned.title()) }
                    p { (window(&planned.notice.zone, &planned.notice.from, &planned.notice.until)) }
                }
            }
            form method="post" action={ (PREFIX) (self.path()) } {
                (begin(self.visit, &revision(self.planned.map(Planned::etag).unwrap_or_default(), fields, sent.status)))
                @if self.is_closing { input type="hidden" name="art" value="schliessung"; }
                (title.show(self.visit, fields, faults, self.known("/internal/notice/title")))
                (TEXT.show(self.visit, fields, faults, self.known("/internal/notice/text")))
                (self.components(fields, faults))
                (self.dates(fields, faults, &zone))
                (self.more(fields, faults, &zone))
                (end())
            }
        };
        Reply::page(sent.status.max(200), page::page(self.visit, &titled(self.heading(), faults), &main))
    }

    /// What it covers.
    fn components(&self, fields: Option<&Form>, faults: &[Fault]) -> Markup {
        let now = self.ticked(fields);
        let legend = if self.is_closing { "Was ist geschlossen?" } else { "Was geht in dieser Zeit nicht?" };
        let hint = "Was darauf aufbaut, wird von selbst mit genannt.";
        Boxes { name: "components", legend, hint, all: &self.choices, now: &now, finds: true }.show(fields, faults)
    }

    fn ticked(&self, fields: Option<&Form>) -> Vec<String> {
        match (fields, self.notice()) {
            (Some(fields), _) => fields.all("components").map(str::to_owned).collect(),
            (None, Some(notice)) => notice.components.iter().map(|covered| covered.component.to_string()).collect(),
            (None, None) => self.suggested(),
        }
    }

    /// The only office, where it is a closure; what the address names.
    fn suggested(&self) -> Vec<String> {
        let named: Vec<String> = self.visit.query.all("component").map(str::to_owned).collect();
        let mut offices = self.choices.all().iter().filter(|choice| choice.kind == Some(ComponentKind::Counter));
        match (named.is_empty() && self.is_closing, offices.next(), offices.next()) {
            (true, Some(only), None) => vec![only.id.clone()],
            _ => named,
        }
    }

    fn dates(&self, fields: Option<&Form>, faults: &[Fault], zone: &TimeZone) -> Markup {
        let notice = self.notice();
        let series = notice.and_then(Series::of);
        let [from, until] = self.window(series.as_ref(), zone);
        let day = |name: &str, label: &str, hint: &str, required: bool, now: &(String, String)| {
            field::DayTime { name, label, hint, required, now: (&now.0, &now.1) }.show(fields, faults)
        };
        let shown = |when: Option<&When>| when.map(|when| field::shown_when(when, zone)).unwrap_or_default();
        let last = shown(notice.and_then(|notice| notice.last_chance_before.as_ref()));
        let back = shown(notice.and_then(|notice| notice.back_from.as_ref()));
        let first = fields.map_or_else(|| from.0.clone(), |fields| fields.text("from")).parse().ok();
        let ends = fields.map_or_else(
            || notice.map_or(Ends::ByItself, |notice| notice.ends),
            |fields| if fields.text("ends") == "on_notice" { Ends::OnNotice } else { Ends::ByItself },
        );
        let pick = |closing: &'static str, other: &'static str| if self.is_closing { closing } else { other };
        html! {
            (day("from", pick("Erster geschlossener Tag", "Beginn"), "Ohne Uhrzeit gilt es vom Anfang des Tages an.", true, &from))
            (day("until", pick("Letzter geschlossener Tag", "Ende"), "Dieser Tag zählt noch ganz dazu, wenn Sie keine Uhrzeit angeben. Die Leute lesen dann: „bis einschließlich …“.", true, &until))
            (recurring::show(fields, faults, series.as_ref(), first))
            (day("last", pick("Letzter Tag, an dem noch geöffnet ist", "Letzter Tag vorher"), "Bis wann müssen die Leute kommen oder etwas abschicken? Der Tag steht auch in ihren Kalendern.", false, &last))
            (day("back", pick("Wieder geöffnet ab", "Wieder da ab"), "Meist der nächste Öffnungstag danach: Ein Wochenende dazwischen rechnen die Leute sonst falsch.", false, &back))
            fieldset.boxes id="ends" {
                legend { "Wie endet es?" }
                div {
                    input type="radio" id="ends-self" name="ends" value="by_itself" checked[ends == Ends::ByItself];
                    label for="ends-self" { "Von selbst" span.hint { " – Danach gilt es als beendet. Was dann nicht geht, ist eine Störung." } }
                }
                div {
                    input type="radio" id="ends-notice" name="ends" value="on_notice" checked[ends == Ends::OnNotice];
                    label for="ends-notice" { "Erst, wenn ich es melde" span.hint { " – Bis dahin liest man nach dem Ende: „Dauert länger als angekündigt“." } }
                }
            }
        }
    }

    /// When it begins and ends, as the form shows it before anything was typed: of a series the time at
    /// hand.
    fn window(&self, series: Option<&Series<'_>>, zone: &TimeZone) -> [(String, String); 2] {
        match (series, self.notice()) {
            (Some(series), _) => series.window(),
            (None, Some(notice)) => [&notice.from, &notice.until].map(|when| field::shown_when(when, zone)),
            (None, None) => Default::default(),
        }
    }

    /// What not everything needs.
    fn more(&self, fields: Option<&Form>, faults: &[Fault], zone: &TimeZone) -> Markup {
        let notice = self.notice();
        let unaffected: Vec<String> = match (fields, notice) {
            (Some(fields), _) => fields.all("unaffected").map(str::to_owned).collect(),
            (None, Some(notice)) => notice.unaffected.iter().map(ToString::to_string).collect(),
            (None, None) => Vec::new(),
        };
        let is_at = |names: &[&str]| {
            faults.iter().any(|fault| {
                fault.field.as_deref().is_some_and(|field| names.iter().any(|name| field.starts_with(name)))
            })
        };
        let ways = self.ways();
        let early = early(notice, fields, zone);
        let ticked = self.ticked(fields);
        let listed = self.choices.listed(fields, |choice| ticked.contains(&choice.id));
        let listed = listed.iter().flat_map(|(_, all)| all).map(|choice| (&*choice.id, &*choice.name));
        let mut names = field::choices("Bitte wählen", listed);
        for (id, ..) in early.iter().filter(|(id, ..)| !id.is_empty()) {
            if !names.iter().any(|(known, _)| known == id) {
                names.push((id, id));
            }
        }
        let programme = notice.and_then(|notice| notice.programme.clone()).unwrap_or_default();
        html! {
            details open[ways::is_open(fields, faults, ways)] {
                summary { "Andere Wege: So geht es trotzdem" }
                (ways::show(self.visit, fields, faults, ways, &self.path()))
            }
            details open[!unaffected.is_empty() || is_at(&["unaffected"])] {
                summary { "Was ist nicht betroffen?" }
                (Boxes { name: "unaffected", legend: "Das geht weiter wie gewohnt", hint: "", all: &self.choices, now: &unaffected, finds: false }.show(fields, faults))
            }
            details open[early.iter().any(|(id, ..)| !id.is_empty()) || is_at(&["early-"])] {
                summary { "Etwas davon geht früher wieder?" }
                @for (index, (id, day, time)) in early.iter().enumerate() {
                    fieldset {
                        legend { "Früheres Ende " (index + 1) }
                        (Field { name: &format!("early-{index}"), label: "Dienst", hint: "", kind: Kind::OneOf(&names), required: false, now: id }.show(fields.filter(|fields| fields.has(&format!("early-{index}"))), faults))
                        (field::DayTime { name: &format!("early-{index}-until"), label: "Sein Ende", hint: field::INCLUSIVE, required: false, now: (day, time) }.show(fields, faults))
                    }
                }
            }
            details open[!programme.is_empty() || is_at(&["programme", "announced"]) || fields.is_some_and(|fields| fields.filled("programme").is_some() || fields.filled("announced").is_some())] {
                summary { "Weiteres" }
                (Field { name: "programme", label: "Vorhaben", hint: "Dasselbe Wort bei allem, was zusammengehört, zum Beispiel: Neue Software 2027.", kind: Kind::Line, required: false, now: &programme }.show(fields, faults))
                @if notice.is_none() {
                    (field::DayTime { name: "announced", label: "Ab wann sollen es die Leute lesen?", hint: "Ohne Angabe: sofort.", required: false, now: ("", "") }.show(fields, faults))
                }
            }
        }
    }

    /// The request that a form makes, or what is wrong in the form. Of one that is there only what
    /// was changed.
    fn read(&self, sent: &Form) -> Result<Value, Vec<Fault>> {
        let mut faults = Vec::new();
        let mut body = Map::new();
        let notice = self.notice();
        self.read_texts(sent, &mut body, &mut faults);
        match self.read_components(sent) {
            Ok(components) => drop(components.map(|components| body.insert("components".to_owned(), components))),
            Err(wrong) => faults.extend(wrong),
        }
        let unaffected: Vec<&str> = sent.all("unaffected").collect();
        let well: Vec<&str> = notice.into_iter().flat_map(|notice| &notice.unaffected).map(|id| id.as_str()).collect();
        if unaffected.len() != well.len() || unaffected.iter().any(|id| !well.contains(id)) {
            body.insert("unaffected".to_owned(), json!(unaffected));
        }
        self.read_dates(sent, &mut body, &mut faults);
        let programme = sent.filled("programme");
        if programme.as_deref() != notice.and_then(|notice| notice.programme.as_deref()) {
            body.insert("programme".to_owned(), json!(programme));
        }
        let ways = ways::read(self.visit, sent);
        faults.extend(ways.faults);
        if ways.all.as_slice() != self.ways() {
            body.insert("alternatives".to_owned(), ways.all.into());
        }
        if faults.is_empty() && body.is_empty() {
            faults.push(Fault { field: None, sentence: "Es wurde nichts geändert.".to_owned() });
        }
        if faults.is_empty() { Ok(Value::Object(body)) } else { Err(faults) }
    }

    fn read_texts(&self, sent: &Form, body: &mut Map<String, Value>, faults: &mut Vec<Fault>) {
        let first = TITLE.first(self.visit);
        if sent.filled(&first).is_none() {
            faults.push(Fault { field: Some(first), sentence: "Bitte geben Sie eine Überschrift an.".to_owned() });
        }
        for (texts, name) in [(TITLE, "title"), (TEXT, "text")] {
            let now = self.known(&format!("/internal/notice/{name}"));
            if texts.is_changed(self.visit, sent, now) {
                body.insert(name.to_owned(), json!(texts.replacing(self.visit, sent, now)));
            }
        }
    }

    /// What is covered, with earlier ends; nothing if that is as it was.
    fn read_components(&self, sent: &Form) -> Result<Option<Value>, Vec<Fault>> {
        let ticked: Vec<&str> = sent.all("components").collect();
        let mut faults = Vec::new();
        if ticked.is_empty() {
            faults.push(Fault {
                field: Some("components".to_owned()),
                sentence: "Bitte wählen Sie mindestens einen Dienst.".to_owned(),
            });
        }
        let zone = self.zone();
        let before = early(self.notice(), None, &zone);
        let mut ends: Vec<(String, String)> = Vec::new();
        for index in (0..EARLY_MAX).filter(|index| sent.filled(&format!("early-{index}")).is_some()) {
            let (place, id) = (format!("early-{index}"), sent.text(&format!("early-{index}")));
            let mut fault =
                |sentence: &str| faults.push(Fault { field: Some(place.clone()), sentence: sentence.to_owned() });
            if !ticked.contains(&id.as_str()) {
                fault("Bitte haken Sie diesen Dienst auch oben an, oder wählen Sie ihn hier ab.");
                continue;
            }
            match field::read_when(sent, &format!("{place}-until")) {
                Err(wrong) => faults.push(wrong),
                Ok(None) => fault("Bitte wählen Sie, wann er wieder geht."),
                Ok(Some(until)) => ends.push((id, until)),
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        // What was not touched stays exactly as it is, to the second.
        let exact = |id: &str, until: &str| {
            let untouched = before.iter().any(|(known, day, time)| known == id && *until == field::typed(day, time));
            let covered = self.notice()?.components.iter().find(|covered| covered.component.as_str() == id)?;
            covered.until.as_ref().filter(|_| untouched).map(field::exact_when)
        };
        let covered = |id: &&str| match ends.iter().find(|(known, _)| known == id) {
            Some((_, until)) => json!({ "id": id, "until": exact(id, until).unwrap_or_else(|| until.clone()) }),
            None => json!(id),
        };
        let components: Vec<Value> = ticked.iter().map(covered).collect();
        let known = self.notice().map(|notice| notice.components.iter().map(covered_request).collect::<Vec<_>>());
        let is_same = known.is_some_and(|known| {
            known.len() == components.len() && known.iter().all(|covered| components.contains(covered))
        });
        Ok((!is_same).then(|| components.into()))
    }

    fn read_dates(&self, sent: &Form, body: &mut Map<String, Value>, faults: &mut Vec<Fault>) {
        let notice = self.notice();
        let zone = self.zone();
        let mut needed = |name: &str, sentence: &str| match field::read_when(sent, name) {
            Ok(Some(typed)) => Some(typed),
            Ok(None) => {
                faults.push(Fault { field: Some(name.to_owned()), sentence: sentence.to_owned() });
                None
            }
            Err(fault) => {
                faults.push(fault);
                None
            }
        };
        let from = needed("from", "Bitte wählen Sie den ersten Tag.");
        let until = needed("until", "Bitte wählen Sie den letzten Tag.");
        if let (Some(from), Some(until)) = (from, until) {
            match self.read_window(sent, from, until) {
                Ok(asked) => body.extend(asked),
                Err(fault) => faults.push(fault),
            }
        }
        let dates: [(&str, &str, Option<&When>); 2] = [
            ("last", "last_chance_before", notice.and_then(|notice| notice.last_chance_before.as_ref())),
            ("back", "back_from", notice.and_then(|notice| notice.back_from.as_ref())),
        ];
        for (name, key, now) in dates {
            let known = now.map(|now| field::shown_when(now, &zone)).map(|(day, time)| field::typed(&day, &time));
            match field::read_when(sent, name) {
                Err(fault) => faults.push(fault),
                Ok(typed) if typed != known => drop(body.insert(key.to_owned(), json!(typed))),
                Ok(_) => {}
            }
        }
        let ends = if sent.text("ends") == "on_notice" { Ends::OnNotice } else { Ends::ByItself };
        if notice.map_or(ends == Ends::OnNotice, |notice| notice.ends != ends) {
            body.insert("ends".to_owned(), json!(ends));
        }
        if notice.is_none() {
            match field::read_when(sent, "announced") {
                Ok(announced) => body.extend(announced.map(|announced| ("announced_at".to_owned(), announced.into()))),
                Err(fault) => faults.push(fault),
            }
        }
    }

    /// When it begins and ends and how it comes round, as far as that is not as it was.
    fn read_window(&self, sent: &Form, from: String, until: String) -> Result<Map<String, Value>, Fault> {
        let series = self.notice().and_then(Series::of);
        if Rhythm::of(sent) != Rhythm::Once {
            return recurring::read(sent, series.as_ref(), &from, &until);
        }
        recurring::must_be_once(sent, series.as_ref())?;
        let shown = self.window(series.as_ref(), &self.zone()).map(|(day, time)| field::typed(&day, &time));
        let mut asked = Map::new();
        for ((key, typed), shown) in [("from", from), ("until", until)].into_iter().zip(shown) {
            // Without its series only what is named is left of it.
            if typed != shown || series.is_some() {
                asked.insert(key.to_owned(), typed.into());
            }
        }
        if series.is_some() {
            asked.insert("recurring".to_owned(), Value::Null);
        }
        Ok(asked)
    }
}

fn covered_request(covered: &CoveredNotice) -> Value {
    match &covered.until {
        Some(until) => json!({ "id": covered.component, "until": field::exact_when(until) }),
        None => json!(covered.component),
    }
}

/// Components with an end of their own, as the form shows them: id, day and time; then empty places.
fn early(notice: Option<&MaintenanceNotice>, sent: Option<&Form>, zone: &TimeZone) -> Vec<(String, String, String)> {
    let mut places: Vec<(String, String, String)> = match sent {
        Some(sent) => (0..EARLY_MAX)
            .map(|index| (sent.text(&format!("early-{index}")), String::new(), String::new()))
            .rev()
            .skip_while(|(id, ..)| id.is_empty())
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
            .collect(),
        None => {
            let covered = notice.map(|notice| notice.components.as_slice()).unwrap_or_default().iter();
            let known = covered.filter_map(|covered| {
                let (day, time) = field::shown_when(covered.until.as_ref()?, zone);
                Some((covered.component.to_string(), day, time))
            });
            known.collect()
        }
    };
    places.extend((0..EARLY_EMPTY).map(|_| Default::default()));
    places.truncate(EARLY_MAX.max(notice.map_or(0, |notice| notice.components.len())));
    places
}
