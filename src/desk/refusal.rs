//! What the interface refuses, in German sentences that say what to do. The interface speaks to
//! programs, too, and English to people who know it. What is not known here is about a form that is none
//! of ours, or not as it is now: one sentence says so.

use crate::desk::Told;
use crate::desk::page::Fault;
use crate::desk::words;

/// Words of a refusal, the beginning of its pointer, and what is said in its place. The first that fits
/// is said. A test holds every refusal that there is against it.
pub const SENTENCES: &[(&str, &str, &str)] = &[
    // Who may.
    ("any attempts failed", "", "Zu viele Versuche. Warten Sie bitte eine Minute."),
    ("A token in force is needed", "", "Ihre Anmeldung gilt nicht mehr. Melden Sie sich bitte neu an."),
    ("metrics only", "", "Ihr Zugang darf nur Messwerte lesen. Den richtigen gibt Ihnen der Betreiber."),
    ("admin of all organisations", "", "Das dürfen nur Zugänge, die für alle Stellen gelten."),
    ("tells of all organisations", "", "Das dürfen nur Zugänge, die für alle Stellen gelten."),
    (
        "its root belongs to somebody else",
        "",
        "Diese Störung gehört einer anderen Stelle. Sie können eigene Worte Ihrer Stadt danebenstellen, mehr nicht.",
    ),
    (
        "covers something that belongs",
        "",
        "Dazu gehört etwas, das einer anderen Stelle gehört. Bitte wenden Sie sich an sie.",
    ),
    ("belongs to", "/components", "Einer der Dienste gehört einer anderen Stelle. Wählen Sie nur eigene aus."),
    ("belongs to", "/root", "Diese Ursache gehört einer anderen Stelle. Wählen Sie einen eigenen Dienst."),
    ("belongs to", "", "Das gehört einer anderen Stelle; Ihr Zugang reicht dafür nicht."),
    ("does not speak for", "", "Ihr Zugang gilt nicht für diese Stelle. Wählen Sie nur eigene aus."),
    ("speaks for a whole area", "", "Für ein ganzes Gebiet spricht nur, wem der Dienst gehört."),
    ("for whoever owns it", "", "Was die Prüfungen sehen, lesen nur die, denen der Dienst gehört."),
    // What is there no more, or was done before.
    (
        "it was changed since",
        "",
        "Inzwischen hat jemand anderes oder die automatische Prüfung hier etwas geändert. Veröffentlicht ist von Ihnen \
         noch nichts. Prüfen Sie, ob noch stimmt, was Sie geschrieben haben, und sehen Sie dann die Vorschau noch einmal an.",
    ),
    ("concerns the page of", "", "Diese Störung betrifft die Seite dieser Stelle nicht (mehr)."),
    ("words of its own", "", "Hier stehen keine eigenen Worte (mehr)."),
    ("no editor's word on", "", "Davon gilt hier nichts mehr."),
    ("is not set by hand", "", "Dieser Stand ist nicht (mehr) von Hand gesetzt."),
    ("declared in a file", "", "Das steht in einer Datei des Betreibers. Sie können stattdessen etwas Neueres sagen."),
    ("there is no component", "", "Einen der Dienste gibt es nicht (mehr)."),
    ("there is no organisation", "", "Eine der Stellen gibt es nicht (mehr)."),
    ("has no update", "", "Diese Meldung gibt es nicht (mehr)."),
    (
        "as its root; change that one",
        "",
        "Zu diesem Dienst gibt es schon eine offene Meldung. Ergänzen Sie diese, statt eine zweite zu eröffnen.",
    ),
    ("continued in", "", "Diese Störung wird in einer anderen fortgeführt. Schreiben Sie dort weiter."),
    ("is resolved", "", "Diese Störung ist schon behoben."),
    ("taken back before", "", "Diese Meldung wurde schon zurückgezogen."),
    ("corrected too often", "", "Diese Meldung wurde zu oft berichtigt. Ziehen Sie sie zurück."),
    ("incident has too many", "", "Hier stehen schon zu viele Meldungen. Eröffnen Sie eine neue Störung."),
    ("maintenance has too many", "", "Hier stehen schon zu viele Meldungen. Bitte kündigen Sie etwas Neues an."),
    (
        "too much work is planned",
        "",
        "Es ist schon zu viel angekündigt. Bitte sagen Sie zuerst ab, was nicht mehr kommt.",
    ),
    (
        "too much is said",
        "",
        "Zu diesem Dienst ist in einzelnen Städten schon zu viel gesagt. Nehmen Sie zuerst etwas davon zurück.",
    ),
    ("changes nothing", "", "Es wurde nichts geändert."),
    (
        "used for another request",
        "",
        "Dieses Formular wurde schon einmal abgeschickt. Schauen Sie nach, ob die Meldung schon dasteht.",
    ),
    ("still being carried out", "", "Das wird gerade schon ausgeführt. Bitte sehen Sie in einem Augenblick nach."),
    (
        "here is no reply yet",
        "",
        "Es kam keine Antwort. Vielleicht wurde es trotzdem ausgeführt: Bitte sehen Sie nach, oder senden Sie es noch \
         einmal; doppelt zählt es nicht.",
    ),
    (
        "othing was changed",
        "",
        "Der Server kann das gerade nicht ausführen. Geändert ist nichts; versuchen Sie es gleich noch einmal.",
    ),
    // Texts.
    ("say something, or what is over", "", "Bitte schreiben Sie etwas, oder sagen Sie, was wieder läuft."),
    ("other languages fall back", "/title", "Geben Sie eine Überschrift an: was geht nicht, in den Worten der Leute."),
    ("other languages fall back", "/text", "Schreiben Sie in ein, zwei Sätzen, was die Leute wissen müssen."),
    ("other languages fall back", "", "Bitte füllen Sie die erste Sprache der Seite aus; die anderen sind freiwillig."),
    ("what readers should know", "", "Schreiben Sie in ein, zwei Sätzen, was die Leute wissen müssen."),
    ("characters on one line", "", "Das ist zu lang. Schreiben Sie es kürzer und in eine Zeile."),
    ("characters;", "", "Der Text ist zu lang: Höchstens 20.000 Zeichen sind möglich."),
    ("are too many;", "", "Das sind zu viele. Teilen Sie es bitte auf."),
    ("A body has at most", "", "Das ist zusammen zu viel Text. Kürzen Sie bitte."),
    ("the body is longer", "", "Das ist zusammen zu viel Text. Kürzen Sie bitte."),
    (
        "https, http, tel or mailto",
        "",
        "Bitte schreiben Sie eine Telefonnummer mit Vorwahl, eine E-Mail-Adresse oder eine Internet-Adresse, die mit \
         https:// beginnt; jede in eine eigene Zeile.",
    ),
    // Times.
    (
        "does not exist on",
        "",
        "Diese Uhrzeit gibt es an dem Tag nicht, weil die Uhr umgestellt wird. Bitte wählen Sie eine andere.",
    ),
    ("write 2023-12-08", "", "Diese Zeitangabe ist nicht lesbar. Schreiben Sie sie so: 2026-12-08T14:00"),
    ("time of day", "", "Geben Sie auch die Uhrzeit an."),
    ("date is out of range", "", "Diesen Tag gibt es nicht. Bitte prüfen Sie ihn."),
    ("ends before it begins", "", "Das Ende liegt vor dem Anfang. Bitte prüfen Sie beide Tage."),
    ("outside the maintenance", "", "Das frühere Ende eines Teils muss zwischen Anfang und Ende der Wartung liegen."),
    (
        "say that it is over with an update",
        "",
        "Das Ende liegt in der Vergangenheit. Ist alles fertig? Dann melden Sie unter „Etwas dazu sagen“, dass alles wieder läuft.",
    ),
    (
        "no occurrence left",
        "",
        "In diesem Zeitraum kommt es kein einziges Mal mehr vor. Prüfen Sie den Beginn, und bis wann es sich wiederholt.",
    ),
    ("longer than it takes to the next", "", "Es dauert länger als bis zum nächsten Mal. Bitte prüfen Sie das Ende."),
    (
        "how long each one lasts",
        "",
        "Jedes Mal kann zwischen einer Minute und 31 Tagen dauern. Bitte prüfen Sie das Ende.",
    ),
    ("recurring work ends by itself", "", "Was sich wiederholt, endet jedes Mal von selbst. Wählen Sie „Von selbst“."),
    ("no recurrence rule", "", "Diese Wiederholung ist nicht lesbar. Bitte wählen Sie, wie oft es sich wiederholt."),
    ("is announced now", "", "Die Ankündigung kann nicht in der Vergangenheit liegen."),
    ("promise a time to come", "", "Dieser Zeitpunkt ist schon vorbei. Wählen Sie einen späteren."),
    ("after the end", "", "Der letzte Tag vorher kann nicht nach dem Ende liegen."),
    ("before the beginning", "", "Das liegt vor dem Anfang. Bitte prüfen Sie den Tag."),
    (
        "announce planned work as maintenance",
        "/started_at",
        "Der Beginn liegt in der Zukunft. Geplante Arbeiten kündigen Sie als Wartung an.",
    ),
    ("in the future; say", "", "Das liegt in der Zukunft. Bitte melden Sie es, wenn es so weit ist."),
    ("in the past", "", "Das liegt in der Vergangenheit. Bitte wählen Sie einen späteren Zeitpunkt."),
    ("after `earliest`", "", "Das späteste Ende muss nach dem frühesten liegen."),
    (
        "`earliest`, `latest` or",
        "",
        "Geben Sie an, wann das Ende erwartet wird, oder lassen Sie alle Felder dazu leer.",
    ),
    ("with the status resolved", "", "Das Ende muss zwischen dem Beginn der Störung und jetzt liegen."),
    ("has not begun", "", "Es hat noch nicht begonnen. Sie können es absagen oder die Zeiten ändern."),
    (
        "is better than",
        "",
        "Das wäre besser, als die Prüfungen sagen. Das geht nur mit einem Ende in höchstens 7 Tagen: Bitte wählen Sie bei \
         „Bis wann?“ einen Tag.",
    ),
    // What it is about.
    (
        "our checks still find",
        "",
        "Unsere automatische Prüfung findet dort noch Fehler. Beenden Sie die Störung erst, wenn alles wieder läuft.",
    ),
    (
        "is under maintenance",
        "",
        "Für einen dieser Dienste ist in der Zeit schon etwas angekündigt. Ändern Sie die andere Ankündigung oder diese Zeiten.",
    ),
    ("maintenance `", "/id", "Eine Wartung mit dieser Kennung gibt es schon. Bitte wählen Sie eine andere."),
    ("maintenance `", "", "Diese Wartung ist inzwischen beendet oder abgesagt."),
    ("covered and unaffected", "", "Ein Dienst kann nicht zugleich betroffen und nicht betroffen sein."),
    ("not part of this maintenance", "", "Einer der Dienste gehört nicht zu dieser Wartung."),
    ("name at least one organisation", "", "Bitte wählen Sie mindestens eine Stelle."),
    ("name at least one component", "", "Bitte wählen Sie mindestens einen Dienst."),
    ("and not its root", "", "Die Ursache selbst kann nicht abgetrennt werden. Wählen Sie andere Dienste."),
    ("it is the same incident", "", "Wählen Sie eine andere Störung aus."),
    (
        "announce a maintenance instead",
        "",
        "Für geplante Arbeiten kündigen Sie bitte eine Wartung an: Dann wissen die Leute, von wann bis wann.",
    ),
    ("announce planned work as maintenance", "", "Geplante Arbeiten kündigen Sie als Wartung an."),
    ("say what differs", "", "Bitte sagen Sie, was anders ist."),
    ("stands on no page of theirs", "", "Dieser Dienst steht bei keiner der gewählten Städte auf der Seite."),
    ("does not stand on the page", "", "Dieser Dienst steht bei einer der gewählten Städte nicht auf der Seite."),
    // What somebody wrote into an address.
    ("is the number of an entry", "", "Diese Seite des Protokolls gibt es nicht."),
    ("here is no", "", "Das gibt es nicht (mehr), oder Ihr Zugang reicht nicht bis dorthin."),
];

/// What is said of a refusal of a status whose words are not known.
const STATUSES: &[(u16, &str)] = &[
    (401, "Ihre Anmeldung gilt nicht mehr. Melden Sie sich bitte neu an."),
    (403, "Das darf Ihr Zugang nicht."),
    (404, "Das gibt es nicht (mehr), oder Ihr Zugang reicht nicht bis dorthin."),
    (503, "Der Server hat nicht rechtzeitig geantwortet. Versuchen Sie es gleich noch einmal."),
];

/// What is said of a form that nobody can have filled in like this on a page of ours.
pub const STRANGE: &str = "Dieses Formular passt nicht mehr zu unserer Seite. Öffnen Sie die Seite bitte neu, und tragen Sie es noch \
                           einmal ein.";

/// A refusal as a fault of a form. `pointers` says which field a pointer of the request stands for: the
/// first that it begins with.
pub fn fault(told: &Told, pointers: &[(String, String)]) -> Fault {
    let pointer = words::text(&told.body, "/errors/0/pointer");
    let meant = pointers.iter().find(|(at, _)| !pointer.is_empty() && pointer.starts_with(at.as_str()));
    // It may repeat what was typed.
    let detail = words::line(&told.body, "/detail");
    let known = SENTENCES.iter().find(|(words, at, _)| detail.contains(words) && pointer.starts_with(at));
    let known = known.map(|(.., sentence)| *sentence);
    let by_status = || STATUSES.iter().find(|(status, _)| *status == told.status).map(|(_, sentence)| *sentence);
    let sentence = known.or_else(by_status).unwrap_or(STRANGE).to_owned();
    Fault { field: meant.map(|(_, field)| field.clone()), sentence }
}
