//! What differs in single towns: what is said of a component there, and saying something new, for one
//! town or for many at once.

use std::collections::BTreeMap;

use maud::{Markup, html};
use serde_json::{Map, Value, json};

use crate::desk::component::{Seen, Sent, show, statuses};
use crate::desk::components::state;
use crate::desk::field::{self, DayTime, Texts, choices};
use crate::desk::form::Form;
use crate::desk::page::{Fault, Field, Kind};
use crate::desk::publishing::{Confirm, Course, Sheet, carry, confirm, end};
use crate::desk::time::Wall;
use crate::desk::{Ask, Asking, Reply, Visit, page, scope, ways, words};
use crate::model::snapshot::PublicOrganisation;
use crate::model::status::{ComponentKind, DeliveryState, Mode, Processing, Status};
use crate::model::text::Plain;
use crate::publish::escape;
use crate::publish::wording::{Words, mode_meaning};

/// Most towns that are ticked one by one; where a component serves more, only whole counties are.
const TOWNS_MAX: usize = 500;

/// Most words in force that are listed.
const WORDS_MAX: usize = 100;

/// Most names in a line.
const NAMES_MAX: usize = 6;

const TEXT: Texts<'_> = Texts {
    name: "local-text",
    label: "Hinweis für die Leute",
    hint: "Was heißt das hier? In einfachen Sätzen.",
    lines: 4,
    required: false,
};

/// The towns that the visitor may speak for at a component.
fn towns<'a>(seen: &Seen<'a>) -> Vec<&'a PublicOrganisation> {
    let shown_on = seen.public.map_or(&[][..], |(_, component)| &component.shown_on);
    let all = shown_on.iter().filter_map(|&index| seen.visit.snapshot.catalogue.organisations.get(index as usize));
    let mut towns: Vec<(String, &PublicOrganisation)> = all
        .filter(|town| seen.is_owned || scope::speaks_for(seen.visit, town))
        .map(|town| (scope::name(seen.visit, town).to_lowercase(), town))
        .collect();
    towns.sort_by(|(a, one), (b, other)| (a, one.id.as_str()).cmp(&(b, other.id.as_str())));
    towns.into_iter().map(|(_, town)| town).collect()
}

/// The towns by the county that they lie in; those without one last.
fn by_county<'a>(towns: &[&'a PublicOrganisation]) -> Vec<(Option<&'a str>, Vec<&'a PublicOrganisation>)> {
    let mut groups: BTreeMap<Option<&str>, Vec<&PublicOrganisation>> = BTreeMap::new();
    for &town in towns {
        groups.entry(scope::county(town)).or_default().push(town);
    }
    let without = groups.remove(&None);
    groups.into_iter().chain(without.map(|towns| (None, towns))).collect()
}

pub(super) fn section(seen: &Seen<'_>, sent: &Sent<'_>) -> Markup {
    let towns = towns(seen);
    html! {
        @if !towns.is_empty() {
            section aria-labelledby="s-local" {
                h2 id="s-local" { @if towns.len() == 1 { "Was bei Ihnen anders ist" } @else { "Was vor Ort anders ist" } }
                (in_force(seen))
                (new_word(seen, sent, &towns))
            }
        }
    }
}

/// What is said in single towns at the moment: whoever is meant alike stands together, because it is
/// taken back together.
fn in_force(seen: &Seen<'_>) -> Markup {
    let all = words::list(&seen.told.body, "/internal/local");
    let mut groups: Vec<(Vec<String>, Vec<&Value>)> = Vec::new();
    for word in all {
        let reached = reached(word);
        match groups.iter_mut().find(|(known, _)| *known == reached) {
            Some((_, words)) => words.push(word),
            None => groups.push((reached, vec![word])),
        }
    }
    for (_, all) in &mut groups {
        all.sort_by_key(|word| std::cmp::Reverse(words::instant(word, "/since")));
    }
    groups.sort_by_key(|(_, all)| std::cmp::Reverse(all.first().and_then(|word| words::instant(word, "/since"))));
    let more = groups.len().saturating_sub(WORDS_MAX);
    html! {
        @if groups.is_empty() {
            p { "Bisher ist hier nichts anders gesagt." }
        } @else {
            ul.rows {
                @for (reached, words) in groups.iter().take(WORDS_MAX) {
                    li {
                        h3 { (names(seen, reached)) }
                        @for word in words { (said(seen, word)) }
                        @if words.iter().any(|word| words::flag(word, "/may_remove")) {
                            form.act method="post" action=(seen.action("remove")) {
                                (seen.begin_asking())
                                @for reach in reached { input type="hidden" name="reach" value=(reach); }
                                button.quiet name="do" value="ask" formaction={ (seen.action("change")) "#say" } { "Ändern" span.hidden { ": " (names(seen, reached)) } }
                                button.quiet name="do" value="ask" { "Zurücknehmen" span.hidden { ": " (names(seen, reached)) } }
                            }
                        } @else if words.iter().any(|word| words::flag(word, "/declared")) {
                            p.hint { "Das steht in einer Datei des Betreibers. Sie können etwas Neueres sagen." }
                        } @else if words.iter().any(|word| words::flag(word, "/by_owner")) {
                            p.hint { "Das hat die Stelle gesagt, der der Dienst gehört. Sie können für Ihren Ort etwas Neueres sagen." }
                        } @else {
                            p.hint { "Das ist für mehrere Orte zugleich gesagt. Sie können für Ihren Ort etwas Neueres sagen." }
                        }
                    }
                }
            }
            @if more > 0 { p { "und " (more) " weitere" } }
        }
    }
}

fn reached(word: &Value) -> Vec<String> {
    words::list(word, "/organisations").iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The words that are for exactly these, newest first.
fn said_for<'s>(seen: &'s Seen<'_>, reached_by: &[String]) -> Vec<&'s Value> {
    let all = words::list(&seen.told.body, "/internal/local").iter();
    let mut meant: Vec<&Value> =
        all.filter(|word| words::flag(word, "/may_remove") && reached(word) == reached_by).collect();
    meant.sort_by_key(|word| std::cmp::Reverse(words::instant(word, "/since")));
    meant
}

/// Whom the word is for that a form changes; nobody if it says something new.
fn changed(sent: &Form) -> Vec<String> {
    sent.all("reach").map(str::to_owned).collect()
}

/// The word that a form changes; null if it says something new.
fn before<'s>(seen: &'s Seen<'_>, sent: Option<&Form>) -> &'s Value {
    sent.and_then(|sent| said_for(seen, &changed(sent)).first().copied()).unwrap_or(&Value::Null)
}

/// Whether a word for these is one for a town.
fn reaches(reached: &[String], town: &PublicOrganisation) -> bool {
    let is_prefix = |reach: &str| !reach.is_empty() && reach.bytes().all(|byte| byte.is_ascii_digit());
    let is_in = |reach: &String| {
        *reach == town.id.as_str()
            || is_prefix(reach) && town.ars.as_deref().is_some_and(|ars| ars.starts_with(reach.as_str()))
    };
    let is_out = |reach: &String| reach.strip_prefix('!') == Some(town.id.as_str());
    reached.iter().any(is_in) && !reached.iter().any(is_out)
}

/// Whom a word is for, in names.
fn names(seen: &Seen<'_>, reached: &[String]) -> String {
    let name = |reach: &String| {
        let (not, id) = reach.strip_prefix('!').map_or(("", reach.as_str()), |id| ("nicht ", id));
        if !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()) {
            return format!("{} (alle)", scope::county_name(seen.visit, id));
        }
        let known = seen.visit.snapshot.organisation(id).map(|(_, town)| scope::name(seen.visit, town));
        format!("{not}{}", known.unwrap_or_else(|| escape::line(&Plain::new(id))))
    };
    // Who is meant comes before who of them is not.
    let (out, within): (Vec<&String>, Vec<&String>) = reached.iter().partition(|reach| reach.starts_with('!'));
    let first: Vec<String> = within.into_iter().chain(out).take(NAMES_MAX).map(name).collect();
    let more = reached.len().saturating_sub(NAMES_MAX);
    let all = first.join(", ");
    if more > 0 { format!("{all} und {more} weitere") } else { all }
}

/// One word in force.
fn said(seen: &Seen<'_>, word: &Value) -> Markup {
    let (german, wall) = (Words::German, Wall::of(seen.visit));
    let status = Status::parse(words::text(word, "/status"));
    let mode = Mode::parse(words::text(word, "/mode"));
    let processing = Processing::parse(words::text(word, "/processing"));
    let delivery = DeliveryState::parse(words::text(word, "/delivery"));
    let texts = word.get("text").and_then(Value::as_object);
    let (ways, language) = (words::list(word, "/alternatives"), seen.visit.snapshot.catalogue.site.language());
    html! {
        div.word {
            @if let Some(status) = status { p { (state(status, seen.kind())) } }
            @if let Some(mode) = mode { p { (german.mode(mode)) } }
            @if let Some(released) = word.get("released").and_then(Value::as_bool) { p { (german.released(released)) } }
            @if let Some(processing) = processing { p { (german.processing(processing)) } }
            @if let Some(delivery) = delivery { p { (german.delivery(delivery)) } }
            @for (language, text) in texts.into_iter().flatten() {
                p.text lang=(Plain::new(language)) { (Plain::new(text.as_str().unwrap_or_default())) }
            }
            @for way in ways {
                p {
                    (way.pointer(&format!("/label/{language}")).and_then(Value::as_str).map(Plain::new).unwrap_or_default())
                    @for target in words::list(way, "/target") { " " (ways::bare(&words::line(target, ""))) }
                }
            }
            p.meta {
                "seit " (wall.moment(words::text(word, "/since")))
                @if !words::text(word, "/until").is_empty() { ", bis " (wall.end(words::text(word, "/until"))) }
            }
        }
    }
}

fn new_word(seen: &Seen<'_>, sent: &Sent<'_>, towns: &[&PublicOrganisation]) -> Markup {
    let (fields, faults) = (sent.fields_of("local"), sent.faults_of("local"));
    let reached = fields.map(changed).unwrap_or_default();
    let before = before(seen, fields);
    let ways = words::list(before, "/alternatives");
    // A form that was filled in here was not sent by anybody yet.
    let typed = fields.filter(|fields| fields.has("do"));
    html! {
        details id="say" open[!seen.is_owned || fields.is_some()] {
            summary { @if reached.is_empty() { "Etwas Neues sagen" } @else { "Ändern: " (names(seen, &reached)) } }
            @if reached.is_empty() { p.hint { "Sagen Sie etwas Neues für dieselben Orte, ersetzt es das Alte ganz." } }
            @else if towns.len() > 1 { p.hint { "Wen Sie unten herausnehmen, für den gilt weiter, was bisher gesagt ist." } }
            form method="post" action=(seen.action("local")) {
                (seen.begin(fields, sent.status))
                @for reach in &reached { input type="hidden" name="reach" value=(Plain::new(reach)); }
                (who(seen, fields, faults, towns))
                (what(seen, fields, faults))
                (TEXT.show(seen.visit, typed, faults, before.get("text").unwrap_or(&Value::Null)))
                details open[ways::is_open(typed, faults, ways)] {
                    summary { "Andere Wege: So geht es trotzdem" }
                    (ways::show(seen.visit, typed, faults, ways, &seen.to("local")))
                }
                (DayTime { name: "local-until", label: "Bis wann?", hint: "Ohne Angabe gilt es, bis Sie es zurücknehmen. Der Tag zählt noch ganz dazu, wenn Sie keine Uhrzeit angeben.", required: false, now: ("", "") }.show(fields, faults))
                (end())
            }
        }
    }
}

/// The form as it was filled in for a word that is there.
fn filled_in(seen: &Seen<'_>, reached: &[String], word: &Value) -> Form {
    let towns = towns(seen);
    let mut fields: Vec<(String, String)> = Vec::new();
    let mut put = |name: &str, value: &str| {
        if !value.is_empty() {
            fields.push((name.to_owned(), value.to_owned()));
        }
    };
    reached.iter().for_each(|reach| put("reach", reach));
    if towns.len() > TOWNS_MAX {
        reached.iter().for_each(|reach| put("county", reach));
    } else {
        towns.iter().filter(|town| reaches(reached, town)).for_each(|town| put("town", town.id.as_str()));
    }
    for (field, pointer) in
        [("mode", "/mode"), ("local-status", "/status"), ("processing", "/processing"), ("delivery", "/delivery")]
    {
        put(field, words::text(word, pointer));
    }
    match word.get("released").and_then(Value::as_bool) {
        Some(true) => put("released", "yes"),
        Some(false) => put("released", "no"),
        None => {}
    }
    for (field, pointer) in [("local-until", "/until"), ("delivery-until", "/delivery_until")] {
        if let Some(until) = words::instant(word, pointer) {
            let (day, time) = field::shown_end(until, seen.zone());
            put(field, &day);
            put(&format!("{field}-time"), &time);
        }
    }
    Form::of(fields)
}

/// The form to change a word that is there.
pub(super) async fn change(seen: &Seen<'_>, ask: &dyn Ask, sent: &Form) -> Reply {
    let reached = changed(sent);
    let Some(form) = said_for(seen, &reached).first().map(|word| filled_in(seen, &reached, word)) else {
        return Reply::see(seen.path());
    };
    show(seen, ask, Sent { form: "local", fields: Some(&form), ..Sent::default() }).await
}

/// For whom.
fn who(seen: &Seen<'_>, fields: Option<&Form>, faults: &[Fault], towns: &[&PublicOrganisation]) -> Markup {
    let fault = faults.iter().find(|fault| fault.field.as_deref() == Some("town"));
    let is_ticked = |name: &str, value: &str| fields.is_some_and(|fields| fields.all(name).any(|given| given == value));
    let single = towns.len() <= TOWNS_MAX;
    let asked = seen.visit.query.text("organisation");
    html! {
        @match towns {
            [only] => {
                p { "Gilt für: " strong { (scope::name(seen.visit, only)) } }
                input type="hidden" name="town" value=(only.id);
            },
            _ => fieldset.boxes.towns id="town" aria-describedby=[fault.map(|_| "town-fault")] {
                legend { "Für wen gilt das?" }
                @if let Some(fault) = fault { p.fault id="town-fault" { (fault.sentence) } }
                div {
                    input type="checkbox" id="town-all" name="all" value="1" checked[fields.is_some_and(|fields| fields.has("all"))];
                    label for="town-all" { "Für alle " (towns.len()) }
                }
                @for (county, group) in by_county(towns) {
                    @let prefix = county.unwrap_or_default();
                    @let heading = county.map_or_else(|| "Andere".to_owned(), |county| scope::county_name(seen.visit, county));
                    @let is_open = group.iter().any(|town| is_ticked("town", town.id.as_str()) || town.id.as_str() == asked);
                    details open[is_open || towns.len() <= 12] {
                        summary { (heading) " (" (group.len()) ")" }
                        @if county.is_some() && group.len() > 1 {
                            div {
                                input type="checkbox" id={ "county-" (prefix) } name="county" value=(prefix) checked[is_ticked("county", prefix)];
                                label for={ "county-" (prefix) } { "Alle hier" span.hidden { ": " (heading) } }
                            }
                        }
                        @if single {
                            @for town in &group {
                                div {
                                    input type="checkbox" id={ "town-" (town.id) } name="town" value=(town.id)
                                        checked[is_ticked("town", town.id.as_str()) || fields.is_none() && town.id.as_str() == asked];
                                    label for={ "town-" (town.id) } { (scope::name(seen.visit, town)) }
                                }
                            }
                        }
                    }
                }
                p.hint { "Wer hier angehakt ist, für den gilt von nun an das Neue, auch wenn dort schon etwas gesagt ist." }
            },
        }
    }
}

/// What differs.
fn what(seen: &Seen<'_>, fields: Option<&Form>, faults: &[Fault]) -> Markup {
    let words = Words::German;
    let nothing = "Nichts dazu sagen";
    let statuses = statuses(seen.kind());
    let statuses = choices(nothing, statuses.iter().map(|(status, name)| (*status, name.as_str())));
    let processing = Processing::ALL.iter().map(|known| (known.as_str(), words.processing(*known)));
    let delivery = DeliveryState::ALL.iter().map(|known| (known.as_str(), words.delivery(*known)));
    let released = [("yes", words.released(true)), ("no", words.released(false))];
    let choice = |name: &str, label: &str, hint: &str, all: &[(&str, &str)]| {
        Field { name, label, hint, kind: Kind::OneOf(all), required: false, now: "" }.show(fields, faults)
    };
    let chosen = fields.map(|fields| fields.text("mode")).unwrap_or_default();
    html! {
        fieldset.boxes id="mode" {
            legend { "Wie arbeitet der Dienst hier?" }
            div {
                input type="radio" id="mode-none" name="mode" value="" checked[chosen.is_empty()];
                label for="mode-none" { "Nichts dazu sagen" }
            }
            @for mode in Mode::ALL {
                @let id = format!("mode-{}", mode.as_str());
                div {
                    input type="radio" id=(id) name="mode" value=(mode.as_str()) checked[chosen == mode.as_str()];
                    label for=(id) {
                        (words.mode(*mode))
                        @if let Some(meaning) = mode_meaning(words, *mode) {
                            span.hint { " – " (meaning) " Angezeigt wird höchstens: " (words.status(mode.floor(), seen.kind())) "." }
                        }
                    }
                }
            }
        }
        (choice("local-status", "Stand hier", "Nur nötig, wenn er ein anderer ist, als die Prüfungen sagen.", &statuses))
        (choice("processing", "Bearbeitung", "", &choices(nothing, processing)))
        @if seen.kind() == Some(ComponentKind::Mail) {
            (choice("delivery", "E-Mails", "", &choices("Wie gewohnt", delivery)))
            (DayTime { name: "delivery-until", label: "E-Mails: bis wann?", hint: "", required: false, now: ("", "") }.show(fields, faults))
        }
        (choice("released", "Freigabe durch den Anbieter", "Ändert den Stand nicht; steht nur dabei.", &choices(nothing, released)))
    }
}

/// The organisations that are meant, as the interface takes them.
fn meant(seen: &Seen<'_>, sent: &Form) -> Vec<String> {
    let (towns, said_for) = (towns(seen), changed(sent));
    let all = sent.has("all");
    if towns.len() > TOWNS_MAX {
        let counties = by_county(&towns).into_iter().filter_map(|(county, _)| county);
        return counties
            .filter(|county| all || sent.all("county").any(|given| given == *county))
            .map(str::to_owned)
            .collect();
    }
    let is_meant = |town: &&&PublicOrganisation| {
        let in_county = scope::county(town).is_some_and(|county| sent.all("county").any(|given| given == county));
        all || in_county || sent.all("town").any(|given| given == town.id.as_str())
    };
    // A word that is changed for the same ones takes the place of the old one.
    if !said_for.is_empty() && towns.iter().all(|town| is_meant(&town) == reaches(&said_for, town)) {
        return said_for;
    }
    towns.iter().filter(is_meant).map(|town| town.id.to_string()).collect()
}

/// The request that a form makes, or what is wrong in the form.
fn read(seen: &Seen<'_>, sent: &Form) -> Result<Map<String, Value>, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut body = Map::new();
    let meant = meant(seen, sent);
    if meant.is_empty() {
        faults
            .push(Fault {
                field: Some("town".to_owned()), sentence: "Bitte wählen Sie, für wen es gilt.".to_owned()
            });
    }
    body.insert("organisations".to_owned(), meant.into());
    for (field, name) in [("local-status", "status"), ("mode", "mode"), ("processing", "processing")] {
        if let Some(word) = sent.filled(field) {
            body.insert(name.to_owned(), word.into());
        }
    }
    match sent.text("released").as_str() {
        "yes" => drop(body.insert("released".to_owned(), true.into())),
        "no" => drop(body.insert("released".to_owned(), false.into())),
        _ => {}
    }
    let mut when = |name: &str| {
        field::read_when(sent, name).unwrap_or_else(|fault| {
            faults.push(fault);
            None
        })
    };
    if let Some(state) = sent.filled("delivery") {
        let mut delivery = Map::from_iter([("state".to_owned(), Value::from(state))]);
        delivery.extend(when("delivery-until").map(|until| ("until".to_owned(), until.into())));
        body.insert("delivery".to_owned(), delivery.into());
    }
    body.extend(when("local-until").map(|until| ("until".to_owned(), until.into())));
    let before = before(seen, Some(sent));
    let text = TEXT.replacing(seen.visit, sent, before.get("text").unwrap_or(&Value::Null));
    body.extend(text.map(|text| ("text".to_owned(), text)));
    let ways = ways::read(seen.visit, sent);
    faults.extend(ways.faults);
    if !ways.all.is_empty() {
        body.insert("alternatives".to_owned(), ways.all.into());
    }
    let says = body.keys().any(|key| !["organisations", "until"].contains(&key.as_str()));
    if !says {
        faults.push(Fault {
            field: Some("mode".to_owned()),
            sentence:
                "Bitte sagen Sie, was anders ist: Betriebsart, Stand, Bearbeitung, ein Hinweis oder ein anderer Weg."
                    .to_owned(),
        });
    }
    if faults.is_empty() { Ok(body) } else { Err(faults) }
}

/// Which field a pointer of the request stands for.
fn pointers(visit: &Visit, sent: &Form) -> Vec<(String, String)> {
    let single = [
        ("/organisations", "town"),
        ("/status", "local-status"),
        ("/mode", "mode"),
        ("/until", "local-until"),
        ("/delivery", "delivery-until"),
    ];
    let mut all = ways::read(visit, sent).pointers;
    all.extend(TEXT.pointers(visit, "/text"));
    all.extend(single.map(|(pointer, field)| (pointer.to_owned(), field.to_owned())));
    all
}

pub(super) async fn carry_out(seen: &Seen<'_>, ask: &dyn Ask, sent: &Form) -> Reply {
    let (body, faults) = match read(seen, sent) {
        Ok(body) => (Value::Object(body), Vec::new()),
        Err(faults) => (Value::Null, faults),
    };
    let meant = reached(&body);
    let sheet = Sheet {
        faults,
        pointers: pointers(seen.visit, sent),
        summary: html! {
            (whom(seen, &meant))
            @if meant.len() > 1 { p.hint { "Hier sehen Sie die Seite der ersten Stadt; bei den anderen steht dasselbe." } }
        },
        ..Sheet::new("Was vor Ort anders ist", seen.to("local"), Asking::new("PUT", seen.asked("local"), Some(body)))
    };
    match carry(seen.visit, ask, sent, sheet).await {
        Course::Again(status, faults) => {
            show(seen, ask, Sent { form: "local", fields: Some(sent), faults, status, ..Sent::default() }).await
        }
        Course::Page(page) => page,
        Course::Done(_) => seen.done("ort"),
    }
}

/// For whom it is said.
fn whom(seen: &Seen<'_>, organisations: &[String]) -> Markup {
    html! {
        p { "„" (seen.name()) "“ für " strong { (names(seen, organisations)) } "." }
        @if organisations.len() > NAMES_MAX {
            details {
                summary { "Alle " (organisations.len()) " ansehen" }
                ul { @for id in organisations { li { (names(seen, std::slice::from_ref(id))) } } }
            }
        }
    }
}

pub(super) async fn remove(seen: &Seen<'_>, ask: &dyn Ask, sent: &Form) -> Reply {
    let reached = changed(sent);
    if reached.is_empty() {
        return page::not_found(seen.visit);
    }
    let body = json!({ "organisations": reached });
    let asking = Asking::new("DELETE", seen.asked("local"), Some(body));
    let name = seen.name();
    let asked = Confirm {
        sheet: Sheet {
            button: "Zurücknehmen",
            ..Sheet::new("Angaben vor Ort zurücknehmen", seen.to("remove"), asking)
        },
        etag: seen.etag(),
        says: "Es gilt dann nicht mehr, und zwar für alle, für die es gesagt wurde:",
        what: html! {
            (whom(seen, &reached))
            @for word in said_for(seen, &reached) { (said(seen, word)) }
        },
        back: (seen.below(), &name),
        done: seen.done("weg"),
    };
    confirm(seen.visit, ask, asked).await
}
