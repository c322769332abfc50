//! What the interface refuses, in German sentences that say what to do. The interface speaks to
//! programs, too, and English to people who know it.

use serde_json::Value;

use crate::desk::{Told, field};

/// Words of a refusal, and what the desk says in its place. The first that fits is said.
const SENTENCES: &[(&str, &str)] = &[
    (
        "is better than",
        "Das wäre besser, als die Prüfungen sagen. Das geht nur mit einem Ende in höchstens 7 Tagen: Bitte wählen Sie bei „Bis wann?“ einen Tag.",
    ),
    ("it ends before it begins", "Das Ende liegt vor dem Anfang. Bitte prüfen Sie beide Tage."),
    ("lies outside the maintenance", "Das frühere Ende eines Teils muss zwischen Anfang und Ende der Wartung liegen."),
    (
        "say that it is over with an update",
        "Das Ende liegt in der Vergangenheit. Ist alles fertig? Dann melden Sie unter „Etwas dazu sagen“, dass alles wieder läuft.",
    ),
    ("what is announced now is announced now", "Die Ankündigung kann nicht in der Vergangenheit liegen."),
    ("it lies after the end", "Der letzte Tag vorher kann nicht nach dem Ende liegen."),
    ("it lies before the beginning", "Das liegt vor dem Anfang. Bitte prüfen Sie den Tag."),
    ("it lies in the future", "Das liegt in der Zukunft. Bitte melden Sie es, wenn es so weit ist."),
    ("it lies in the past", "Das liegt in der Vergangenheit. Bitte wählen Sie einen späteren Zeitpunkt."),
    (
        "does not exist on",
        "Diese Uhrzeit gibt es an dem Tag nicht, weil die Uhr umgestellt wird. Bitte wählen Sie eine andere.",
    ),
    (
        "is under maintenance",
        "Für einen dieser Dienste ist in der Zeit schon etwas angekündigt. Ändern Sie die andere Ankündigung oder diese Zeiten.",
    ),
    ("cannot be covered and unaffected", "Ein Dienst kann nicht zugleich betroffen und nicht betroffen sein."),
    ("name at least one component", "Bitte wählen Sie mindestens einen Dienst."),
    ("`components` is missing", "Bitte wählen Sie mindestens einen Dienst."),
    ("`title` is missing", "Bitte geben Sie eine Überschrift an."),
    ("`from` is missing", "Bitte wählen Sie den ersten Tag."),
    ("`until` is missing", "Bitte wählen Sie den letzten Tag."),
    ("other languages fall back", "Bitte füllen Sie die erste Sprache der Seite aus; die anderen sind freiwillig."),
    ("it has not begun", "Es hat noch nicht begonnen. Sie können es absagen oder die Zeiten ändern."),
    ("the request changes nothing", "Es wurde nichts geändert."),
    ("say something, or what is over", "Bitte schreiben Sie etwas, oder sagen Sie, was wieder läuft."),
    (
        "covers something that belongs to somebody else",
        "Dazu gehört etwas, das einer anderen Stelle gehört. Bitte wenden Sie sich an sie.",
    ),
    ("is not part of this maintenance", "Einer der Dienste gehört nicht zu dieser Wartung."),
    ("the status of", "Dieser Stand ist nicht von Hand gesetzt."),
    (
        "announce a maintenance instead",
        "Für geplante Arbeiten kündigen Sie bitte eine Wartung an: Dann wissen die Leute, von wann bis wann.",
    ),
    ("say what differs", "Bitte sagen Sie, was anders ist."),
    ("stands on no page of theirs", "Dieser Dienst steht bei keiner der gewählten Städte auf der Seite."),
    ("does not stand on the page of", "Dieser Dienst steht bei einer der gewählten Städte nicht auf der Seite."),
    ("does not speak for", "Ihr Zugang gilt nicht für eine der gewählten Städte."),
    ("name at least one organisation", "Bitte wählen Sie mindestens eine Stadt."),
    (
        "it is declared in a file",
        "Das steht in einer Datei des Betreibers und wird dort geändert. Sie können stattdessen etwas Neueres sagen.",
    ),
    ("no editor's word on", "Davon gilt hier nichts mehr."),
    (
        "https, http, tel or mailto",
        "Bitte schreiben Sie eine Telefonnummer mit Vorwahl, eine E-Mail-Adresse oder eine Internet-Adresse, die mit https:// beginnt.",
    ),
    ("are the most", "Das ist zu lang."),
    ("out of range", "Diesen Tag gibt es nicht. Bitte prüfen Sie ihn."),
    ("belongs to", "Das gehört einer anderen Stelle; Ihr Zugang reicht dafür nicht."),
    ("still being carried out", "Das wird gerade schon ausgeführt. Bitte sehen Sie in einem Augenblick nach."),
    ("too many updates", "Dazu gibt es schon zu viele Meldungen. Bitte kündigen Sie etwas Neues an."),
];

/// Which field a refusal is about, as a JSON pointer (empty if none), and what to do about it.
pub fn said(told: &Told) -> (String, String) {
    let text = |path: &str| told.body.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    let pointer = text("/errors/0/pointer");
    let detail = field::line(told.body.pointer("/detail"));
    let known = SENTENCES.iter().find(|(words, _)| detail.contains(words)).map(|(_, sentence)| (*sentence).to_owned());
    let sentence = match told.status {
        412 => "Inzwischen hat jemand anderes etwas daran geändert. Ihre Eingaben stehen noch im Formular, veröffentlicht ist davon nichts. Bitte vergleichen Sie sie mit dem jetzigen Stand und senden Sie sie noch einmal.".to_owned(),
        503 => "Es kam keine Antwort. Vielleicht wurde es trotzdem ausgeführt: Bitte sehen Sie nach, oder senden Sie es noch einmal; doppelt zählt es nicht.".to_owned(),
        404 if known.is_none() => "Das gibt es nicht mehr, oder Ihr Zugang reicht nicht bis dorthin.".to_owned(),
        413 => "Das ist zusammen zu viel Text.".to_owned(),
        status => known.unwrap_or_else(|| {
            let meant = if status == 403 { "Ihr Zugang reicht dafür nicht." } else { "Das hat nicht geklappt." };
            if detail.is_empty() { meant.to_owned() } else { format!("{meant} Die Antwort war: {detail}") }
        }),
    };
    (pointer, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_becomes_a_german_sentence_at_its_field() {
        let told = |status: u16, detail: &str| Told {
            status,
            etag: None,
            body: serde_json::json!({ "detail": detail, "errors": [{ "pointer": "/until", "detail": detail }] }),
        };
        let (pointer, sentence) = said(&told(
            422,
            "`operational` is better than `major_outage`, which is known: set it with an end within 7 days",
        ));
        assert_eq!(pointer, "/until");
        assert!(sentence.contains("7 Tagen"), "{sentence}");
        assert!(said(&told(412, "it was changed since: its ETag is now \"3\"")).1.starts_with("Inzwischen"));
        let (_, unknown) = said(&told(422, "something new"));
        assert!(unknown.contains("something new"), "what is not known is said as it is");
    }
}
