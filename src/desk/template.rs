//! Texts to begin with when something is wrong. They say nothing that nobody knows: what differs from
//! case to case is a gap, `[… ?]`, which must be filled in or taken out before anything is published.

/// A text to begin with.
#[derive(Debug)]
pub(super) struct Template {
    /// What it is called in addresses.
    pub(super) key: &'static str,
    /// What it is for.
    pub(super) name: &'static str,
    /// When it fits.
    pub(super) about: &'static str,
    /// The cause, as far as choosing it says one.
    pub(super) cause: &'static str,
    /// The title in German and English.
    pub(super) title: [&'static str; 2],
    /// The text in German and English.
    pub(super) text: [&'static str; 2],
}

impl Template {
    /// The title in a language, if there is one.
    pub(super) fn title_in(&self, language: &str) -> &'static str {
        in_language(self.title, language)
    }

    /// The text in a language, if there is one.
    pub(super) fn text_in(&self, language: &str) -> &'static str {
        in_language(self.text, language)
    }
}

const fn in_language([german, english]: [&'static str; 2], language: &str) -> &'static str {
    match language.as_bytes() {
        b"de" => german,
        b"en" => english,
        _ => "",
    }
}

/// The built-in ones.
pub(super) const TEMPLATES: &[Template] = &[
    Template {
        key: "portal",
        name: "Portal oder Online-Dienst nicht erreichbar",
        about: "Eine Seite oder ein Antrag im Netz geht nicht.",
        cause: "",
        title: ["[Was?] nicht erreichbar", "[What?] not available"],
        text: [
            "[Was?] ist seit [wann?] nicht erreichbar. Die Ursache wird gesucht.",
            "[What?] has not been available since [when?]. We are looking for the cause.",
        ],
    },
    Template {
        key: "provider",
        name: "Ausfall beim IT-Dienstleister",
        about: "Bei Ihnen ist alles in Ordnung, aber der Dienstleister ist gestört.",
        cause: "",
        title: ["Störung bei unserem IT-Dienstleister", "Disruption at our IT provider"],
        text: [
            "Bei unserem IT-Dienstleister gibt es seit [wann?] eine Störung. Zurzeit nicht möglich: [welche Leistungen?]. \
             Die Ursache wird dort gesucht.",
            "There has been a disruption at our IT provider since [when?]. Not possible at present: [which services?]. \
             The provider is looking for the cause.",
        ],
    },
    Template {
        key: "attack",
        name: "Cyberangriff",
        about: "Ein Angriff steht fest. Nennen Sie nichts, was Angreifern hilft.",
        cause: "cyberattack",
        title: ["Ausfall nach einem Cyberangriff", "Outage after a cyberattack"],
        text: [
            "Nach einem Cyberangriff auf [wen?] sind zurzeit nicht möglich: [welche Leistungen?]. \
             Was geschehen ist, wird untersucht.",
            "After a cyberattack on [whom?] these services are not available at present: [which services?]. \
             What happened is being investigated.",
        ],
    },
    Template {
        key: "reach",
        name: "Telefon oder E-Mail gestört",
        about: "Bürgerinnen und Bürger erreichen Sie nicht wie sonst.",
        cause: "",
        title: ["[Telefon oder E-Mail?] gestört", "[Telephone or mail?] disrupted"],
        text: [
            "Wir sind seit [wann?] nicht über [Telefon oder E-Mail?] erreichbar. Sie erreichen uns so: [wie?].",
            "Since [when?] we cannot be reached by [telephone or mail?]. You can reach us this way: [how?].",
        ],
    },
    Template {
        key: "power",
        name: "Stromausfall oder Netz unterbrochen",
        about: "Der Strom oder eine Leitung ist ausgefallen.",
        cause: "",
        title: ["[Strom oder Netz?] ausgefallen: [wo?]", "[Power or network?] is down: [where?]"],
        text: [
            "Seit [wann?] fehlt [Strom oder Netz?] in [wo?]. Zurzeit nicht möglich: [welche Leistungen?].",
            "[Power or network?] has been down in [where?] since [when?]. Not possible at present: [which services?].",
        ],
    },
    Template {
        key: "counter",
        name: "Bürgerbüro oder Dienststelle geschlossen",
        about: "Vor Ort geht unerwartet nichts. Geplantes kündigen Sie als Wartung an.",
        cause: "",
        title: ["[Welche Stelle?] geschlossen", "[Which office?] closed"],
        text: [
            "[Welche Stelle?] ist [wann?] geschlossen, weil [warum?]. Vereinbarte Termine: [was ist damit?].",
            "[Which office?] is closed [when?] because [why?]. Appointments: [what about them?].",
        ],
    },
];

/// The template of a key.
pub(super) fn template(key: &str) -> Option<&'static Template> {
    TEMPLATES.iter().find(|template| template.key == key)
}

/// The first gap of a template that still stands in a text.
pub(super) fn gap(text: &str) -> Option<&str> {
    text.match_indices('[').find_map(|(start, _)| {
        let (_, rest) = text.split_at_checked(start)?;
        let (end, _) = rest.match_indices("?]").next()?;
        let (gap, _) = rest.split_at_checked(end.checked_add(2)?)?;
        let is_one = !gap.chars().skip(1).any(|c| matches!(c, '[' | '\n')) && gap.chars().count() <= 40;
        is_one.then_some(gap)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_found_and_brackets_of_people_are_left_alone() {
        assert_eq!(gap("Seit [wann?] geht nichts."), Some("[wann?]"));
        assert_eq!(gap("Siehe [1] und [wo?]"), Some("[wo?]"));
        assert_eq!(gap("Zimmer [EG], wirklich?"), None);
        assert_eq!(gap("[a] b? [ü"), None);
        assert_eq!(gap(""), None);
    }

    #[test]
    fn every_template_has_gaps_in_both_languages_and_a_key_of_its_own() {
        for one in TEMPLATES {
            for language in ["de", "en"] {
                assert!(gap(one.text_in(language)).is_some(), "{}", one.key);
                assert!(!one.title_in(language).is_empty());
            }
            assert_eq!(TEMPLATES.iter().filter(|other| other.key == one.key).count(), 1);
            assert!(one.cause.is_empty() || crate::model::incident::Cause::parse(one.cause).is_some());
        }
    }
}
