//! What the interface refuses, said in German to somebody who filled in a form. The interface speaks
//! English and to programs; what is not known here is passed on as it is.

use crate::desk::Told;
use crate::desk::page::Fault;
use crate::desk::words;

/// What is said instead of a sentence of the interface: the status, words of the sentence, the
/// beginning of the pointer. The first that fits counts; an empty one fits always.
const SENTENCES: &[(u16, &str, &str, &str)] = &[
    // As a whole.
    (401, "", "", "Ihre Anmeldung gilt nicht mehr. Melden Sie sich bitte neu an."),
    (
        403,
        "its root belongs to somebody else",
        "",
        "Diese Störung gehört einer anderen Stelle. Sie können eigene Worte Ihrer Stadt danebenstellen, mehr nicht.",
    ),
    (403, "does not speak for", "", "Für diese Stelle dürfen Sie nicht sprechen. Ihr Zugang gilt für andere."),
    (403, "", "/components", "Einer der Dienste gehört einer anderen Stelle. Wählen Sie nur eigene aus."),
    (403, "", "/root", "Diese Ursache gehört einer anderen Stelle. Wählen Sie einen eigenen Dienst."),
    (403, "", "", "Das darf Ihr Zugang nicht: Es gehört einer anderen Stelle."),
    (404, "concerns the page", "", "Diese Störung betrifft die Seite dieser Stelle nicht (mehr)."),
    (404, "words of its own", "", "Hier stehen keine eigenen Worte (mehr)."),
    (404, "", "", "Das gibt es nicht (mehr), oder Ihr Zugang reicht nicht bis dorthin."),
    (
        409,
        "as its root",
        "",
        "Zu diesem Dienst gibt es schon eine offene Meldung. Ergänzen Sie diese, statt eine zweite zu eröffnen.",
    ),
    (
        409,
        "still find",
        "",
        "Unsere automatische Prüfung findet dort noch Fehler. Beenden Sie die Störung erst, wenn alles wieder läuft.",
    ),
    (409, "continued in", "", "Diese Störung wird in einer anderen fortgeführt. Schreiben Sie dort weiter."),
    (409, "is resolved", "", "Diese Störung ist schon behoben."),
    (409, "taken back before", "", "Diese Meldung wurde schon zurückgezogen."),
    (409, "under maintenance", "", "Für diesen Dienst ist in dieser Zeit schon eine Wartung angekündigt."),
    (409, "has not begun", "", "Die Wartung hat noch nicht begonnen. Sagen Sie sie ab oder ändern Sie die Zeiten."),
    (409, "declared in a file", "", "Das steht in einer Datei des Betreibers und kann nur dort geändert werden."),
    (409, "too many updates", "", "Hier stehen schon zu viele Meldungen. Eröffnen Sie eine neue Störung."),
    (409, "corrected too often", "", "Diese Meldung wurde zu oft berichtigt. Ziehen Sie sie zurück."),
    (
        409,
        "still being carried out",
        "",
        "Ihre Meldung wird gerade gespeichert. Warten Sie kurz und schauen Sie dann nach.",
    ),
    (
        412,
        "",
        "",
        "Inzwischen hat jemand anderes oder die automatische Prüfung hier etwas geändert. Veröffentlicht ist von Ihnen \
         noch nichts. Was Sie geschrieben haben, steht unten. Prüfen Sie, ob es noch stimmt, und gehen Sie dann wieder \
         zur Vorschau.",
    ),
    (413, "", "", "Das ist zu viel auf einmal. Kürzen Sie bitte."),
    (
        422,
        "used for another request",
        "",
        "Dieses Formular wurde schon einmal abgeschickt. Schauen Sie nach, ob die Meldung schon dasteht.",
    ),
    (429, "", "", "Zu viele Versuche. Warten Sie bitte eine Minute."),
    (
        503,
        "",
        "",
        "Der Server hat nicht rechtzeitig geantwortet. Versuchen Sie es noch einmal: Veröffentlicht wird nur einmal.",
    ),
    // By field.
    (422, "characters;", "", "Der Text ist zu lang: Höchstens 20.000 Zeichen sind möglich."),
    (422, "characters on one line", "", "Schreiben Sie das kürzer und in eine Zeile."),
    (422, "clocks", "", "Diese Uhrzeit gibt es an dem Tag nicht: Die Uhr wird umgestellt."),
    (422, "write 2023-12-08", "", "Diese Zeitangabe ist nicht lesbar. Schreiben Sie sie so: 2026-12-08T14:00"),
    (422, "time of day", "", "Geben Sie auch die Uhrzeit an."),
    (422, "date is out of range", "", "Dieses Datum liegt zu weit weg."),
    (422, "changes nothing", "", "Sie haben nichts geändert."),
    (422, "", "/title", "Geben Sie einen Titel an: was geht nicht, in den Worten der Leute."),
    (422, "", "/text", "Schreiben Sie in ein, zwei Sätzen, was die Leute wissen müssen."),
    (422, "planned work as maintenance", "/components", "Geplante Arbeiten kündigen Sie als Wartung an."),
    (422, "at least one", "/components", "Wählen Sie mindestens einen Dienst aus."),
    (422, "not its root", "/components", "Die Ursache selbst kann nicht abgetrennt werden. Wählen Sie andere Dienste."),
    (422, "outside the maintenance", "/components", "Das Ende für einen Dienst liegt außerhalb der Wartung."),
    (422, "no component", "/components", "Einen der Dienste gibt es nicht (mehr)."),
    (422, "", "/next_update_by", "Dieser Zeitpunkt ist schon vorbei. Wählen Sie einen späteren."),
    (422, "", "/expected_end/latest", "Das späteste Ende muss nach dem frühesten liegen."),
    (422, "", "/expected_end", "Geben Sie an, wann das Ende erwartet wird, oder lassen Sie alle Felder dazu leer."),
    (422, "", "/started_at", "Der Beginn liegt in der Zukunft. Geplante Arbeiten kündigen Sie als Wartung an."),
    (422, "", "/resolved_at", "Das Ende muss zwischen dem Beginn der Störung und jetzt liegen."),
    (422, "", "/into", "Wählen Sie eine andere Störung aus."),
    (422, "link", "/alternatives", "Geben Sie eine Telefonnummer, eine E-Mail-Adresse oder eine Internetadresse an."),
    (422, "link", "/references", "Geben Sie eine Internetadresse an, die mit https:// beginnt."),
    (422, "stand on", "/organisations", "Dieser Dienst steht nicht auf der Seite dieser Stelle."),
    (422, "no organisation", "/organisations", "Eine der Stellen gibt es nicht."),
    (422, "in the past", "", "Dieser Zeitpunkt ist schon vorbei."),
    (422, "in the future", "", "Dieser Zeitpunkt liegt in der Zukunft."),
    (422, "ends before it begins", "", "Das Ende liegt vor dem Beginn."),
    (422, "after the end", "", "Dieser Zeitpunkt liegt nach dem Ende."),
    (422, "before the beginning", "", "Dieser Zeitpunkt liegt vor dem Beginn."),
    (
        422,
        "within 7 days",
        "",
        "Etwas Besseres, als die Prüfung sieht, gilt höchstens sieben Tage: Geben Sie ein Ende an.",
    ),
    (422, "say what differs", "", "Geben Sie an, was anders ist."),
];

/// A refusal as a fault of a form. `pointers` says which field a pointer of the request stands for: the
/// first that it begins with.
pub(in crate::desk) fn fault(told: &Told, pointers: &[(String, String)]) -> Fault {
    let pairs: Vec<(&str, &str)> = pointers.iter().map(|(at, field)| (at.as_str(), field.as_str())).collect();
    let fault = Fault::refused(told, &pairs);
    let pointer = words::text(&told.body, "/errors/0/pointer");
    match sentence(told.status, pointer, words::text(&told.body, "/detail")) {
        Some(known) => Fault { sentence: known.to_owned(), ..fault },
        None => fault,
    }
}

/// The sentence for a refusal; `None` if it is not known.
fn sentence(status: u16, pointer: &str, detail: &str) -> Option<&'static str> {
    let fits = |(code, words, at, _): &&(u16, &str, &str, &'static str)| {
        *code == status && detail.contains(words) && pointer.starts_with(at)
    };
    SENTENCES.iter().find(fits).map(|(.., sentence)| *sentence)
}
