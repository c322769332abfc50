//! The words of pages, feeds and automatic texts, German and English.
//!
//! German is the reference; a language that has no words here reads German. Automatic texts are
//! rendered in the wording version that their message names: a change of a sentence is a new
//! version, and the old one stays, because published bytes stay.

use crate::model::alternative::AlternativeKind;
use crate::model::event::MaintenancePhase;
use crate::model::incident::{Body, Cause, Impact, IncidentStatus, Message, MessageCode};
use crate::model::status::{
    ComponentKind, DeliveryState, Evidence, Mode, OrganisationKind, Processing, RollUp, Status,
};
use crate::model::text::Plain;
use crate::model::verdict::Reason;
use crate::publish::escape;

/// A language that we have words for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Words {
    /// German, also for every language without words of its own.
    German,
    /// English.
    English,
}

/// A number for reading: `11.000`, `11,000`.
pub fn number(words: Words, number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push_str(words.pick(".", ","));
        }
        text.push(digit);
    }
    text
}

impl Words {
    /// The words for a language tag.
    pub fn of(language: &str) -> Self {
        if language == "en" || language.starts_with("en-") { Self::English } else { Self::German }
    }

    /// Picks the German or the English form.
    pub const fn pick(self, german: &'static str, english: &'static str) -> &'static str {
        match self {
            Self::German => german,
            Self::English => english,
        }
    }

    /// A status, in the words that fit the kind: counters open and close, mail and telephone can
    /// be reached or not.
    pub const fn status(self, status: Status, kind: Option<ComponentKind>) -> &'static str {
        match (status, kind) {
            (Status::Operational, Some(ComponentKind::Counter)) => self.pick("geöffnet", "open"),
            (Status::MajorOutage, Some(ComponentKind::Counter)) => self.pick("geschlossen", "closed"),
            (Status::Operational, Some(ComponentKind::Mail | ComponentKind::Phone)) => {
                self.pick("erreichbar", "reachable")
            }
            (Status::MajorOutage, Some(ComponentKind::Mail | ComponentKind::Phone)) => {
                self.pick("nicht erreichbar", "not reachable")
            }
            (Status::Operational, _) => self.pick("verfügbar", "available"),
            (Status::Unknown, _) => self.pick("Stand unbekannt", "status unknown"),
            (Status::UnderMaintenance, _) => self.pick("planmäßig unterbrochen", "under planned maintenance"),
            (Status::DegradedPerformance, _) => self.pick("eingeschränkt", "degraded"),
            (Status::PartialOutage, _) => self.pick("teilweise gestört", "partially disrupted"),
            (Status::MajorOutage, _) => self.pick("nicht verfügbar", "not available"),
        }
    }

    /// The word for the common status of several, and the look that fits it: where something is not
    /// known or nothing is checked, that no disruption is known is all that can be said.
    pub const fn common(self, roll_up: RollUp) -> (&'static str, Status) {
        match (roll_up.status, roll_up.evidence, roll_up.unknown) {
            (Status::Operational, Evidence::Declared, _) | (Status::Operational, _, 1..) => {
                (self.pick("keine Störung bekannt", "no disruption known"), Status::Unknown)
            }
            (status, ..) => (self.status(status, None), status),
        }
    }

    /// Where a status comes from, where that is worth saying.
    pub const fn evidence(self, evidence: Evidence) -> Option<&'static str> {
        match evidence {
            Evidence::Declared => Some(self.pick("nicht automatisch geprüft", "not checked automatically")),
            Evidence::Notice => Some(self.pick("Angabe der Redaktion", "stated by an editor")),
            Evidence::Own | Evidence::Derived => None,
        }
    }

    /// A mode.
    pub const fn mode(self, mode: Mode) -> &'static str {
        match mode {
            Mode::Regular => self.pick("Regelbetrieb", "regular operation"),
            Mode::Pilot => self.pick("Pilotbetrieb", "pilot operation"),
            Mode::Basic => self.pick("Basisbetrieb (reduzierte Funktionalität)", "basic operation (reduced functions)"),
            Mode::Emergency => self.pick("Notbetrieb", "emergency operation"),
            Mode::Substitute => self.pick("Ersatzbetrieb (Behelfslösung)", "substitute operation (makeshift)"),
            Mode::Off => self.pick("außer Betrieb", "out of operation"),
        }
    }

    /// A kind of component.
    pub const fn component_kind(self, kind: ComponentKind) -> &'static str {
        match kind {
            ComponentKind::Provider => self.pick("IT-Dienstleister", "IT provider"),
            ComponentKind::BaseService => self.pick("Basisdienst", "base service"),
            ComponentKind::Portal => self.pick("Portal", "portal"),
            ComponentKind::Service => self.pick("Dienst", "service"),
            ComponentKind::Capability => self.pick("Leistung", "capability"),
            ComponentKind::App => self.pick("App", "app"),
            ComponentKind::Website => self.pick("Internetseite", "website"),
            ComponentKind::Mail => self.pick("E-Mail", "mail"),
            ComponentKind::Phone => self.pick("Telefon", "telephone"),
            ComponentKind::Counter => self.pick("Dienststelle vor Ort", "counter"),
            ComponentKind::BackOffice => self.pick("Fachverfahren", "back-office application"),
            ComponentKind::Network => self.pick("Netz", "network"),
        }
    }

    /// A kind of organisation.
    pub const fn organisation_kind(self, kind: OrganisationKind) -> &'static str {
        match kind {
            OrganisationKind::Municipality => self.pick("Stadt oder Gemeinde", "municipality"),
            OrganisationKind::County => self.pick("Kreis", "county"),
            OrganisationKind::Association => self.pick("Verband", "association"),
            OrganisationKind::Provider => self.pick("IT-Dienstleister", "IT provider"),
            OrganisationKind::State => self.pick("Land", "state"),
            OrganisationKind::Federal => self.pick("Bund", "federal government"),
        }
    }

    /// Several organisations of a kind.
    pub const fn organisation_kinds(self, kind: OrganisationKind) -> &'static str {
        match kind {
            OrganisationKind::Municipality => self.pick("Städte und Gemeinden", "Towns and municipalities"),
            OrganisationKind::County => self.pick("Kreise", "Counties"),
            OrganisationKind::Association => self.pick("Verbände", "Associations"),
            OrganisationKind::Provider => self.pick("IT-Dienstleister", "IT providers"),
            OrganisationKind::State => self.pick("Länder", "States"),
            OrganisationKind::Federal => self.pick("Bund", "Federal government"),
        }
    }

    /// Processing that is not as always, as a sentence.
    pub const fn processing(self, processing: Processing) -> &'static str {
        match processing {
            Processing::Normal => self.pick("Die Bearbeitung läuft wie gewohnt.", "Processing is as usual."),
            Processing::Delayed => {
                self.pick("Die Bearbeitung dauert zurzeit länger.", "Processing takes longer at present.")
            }
            Processing::Stopped => self.pick(
                "Anträge kommen an, werden zurzeit aber nicht bearbeitet.",
                "Applications arrive but are not processed at present.",
            ),
        }
    }

    /// What happens to mail, as a sentence.
    pub const fn delivery(self, state: DeliveryState) -> &'static str {
        match state {
            DeliveryState::ReceiveOnly => self.pick(
                "E-Mails kommen an, können aber nicht beantwortet werden.",
                "Mail arrives but cannot be answered.",
            ),
            DeliveryState::SendOnly => {
                self.pick("E-Mails an uns kommen zurzeit nicht an.", "Mail to us does not arrive at present.")
            }
            DeliveryState::Queued => {
                self.pick("E-Mails werden aufbewahrt und später zugestellt.", "Mail is kept and delivered later.")
            }
            DeliveryState::Lost => self.pick(
                "E-Mails sind verloren gegangen; bitte noch einmal senden.",
                "Mail was lost; please send it again.",
            ),
            DeliveryState::Bouncing => {
                self.pick("E-Mails an uns gehen zurück.", "Mail to us is returned to its sender.")
            }
        }
    }

    /// The provider's word on whether something may be used, as a sentence.
    pub const fn released(self, released: bool) -> &'static str {
        if released {
            self.pick("Vom Anbieter freigegeben.", "Released by the provider.")
        } else {
            self.pick("Vom Anbieter noch nicht freigegeben.", "Not yet released by the provider.")
        }
    }

    /// Category of a cause.
    pub const fn cause(self, cause: Cause) -> &'static str {
        match cause {
            Cause::Cyberattack => self.pick("Cyberangriff", "cyberattack"),
            Cause::Hardware => self.pick("Technischer Defekt", "hardware failure"),
            Cause::Power => self.pick("Strom oder Kühlung", "power or cooling"),
            Cause::Network => self.pick("Netz oder Leitung", "network or line"),
            Cause::Overload => self.pick("Überlastung", "overload"),
            Cause::Migration => self.pick("Umstellung", "migration"),
            Cause::BaseService => self.pick("Basisdienst", "base service"),
            Cause::Staff => self.pick("Personalmangel", "lack of staff"),
            Cause::Planned => self.pick("geplant", "planned"),
            Cause::Unknown => self.pick("noch unbekannt", "not known yet"),
            Cause::Undisclosed => self.pick("wird nicht veröffentlicht", "not published"),
        }
    }

    /// A kind of alternative.
    pub const fn alternative(self, kind: AlternativeKind) -> &'static str {
        match kind {
            AlternativeKind::Phone => self.pick("Telefon", "By telephone"),
            AlternativeKind::Mail => self.pick("E-Mail", "By mail"),
            AlternativeKind::PdfForm => self.pick("Formular (PDF)", "Form (PDF)"),
            AlternativeKind::OtherPage => self.pick("Andere Seite", "Another page"),
            AlternativeKind::Counter => self.pick("Vor Ort", "In person"),
            AlternativeKind::NeighbourOffice => self.pick("Amtshilfe einer Nachbarbehörde", "Neighbouring office"),
            AlternativeKind::FederalService => self.pick("Bundesdienst", "Federal service"),
            AlternativeKind::EmergencySite => self.pick("Notfall-Seite", "Emergency site"),
            AlternativeKind::Postpone => self.pick("Bitte verschieben", "Please postpone"),
        }
    }

    /// Where an incident stands.
    pub const fn incident_status(self, status: IncidentStatus) -> &'static str {
        match status {
            IncidentStatus::Investigating => self.pick("wird untersucht", "being investigated"),
            IncidentStatus::Identified => self.pick("Ursache bekannt", "cause identified"),
            IncidentStatus::Monitoring => {
                self.pick("wieder erreichbar, wird beobachtet", "answers again, being watched")
            }
            IncidentStatus::Resolved => self.pick("behoben", "resolved"),
        }
    }

    /// How bad an incident is.
    pub const fn impact(self, impact: Impact) -> &'static str {
        match impact {
            Impact::None => self.pick("keine Auswirkung", "no impact"),
            Impact::Minor => self.pick("geringe Auswirkung", "minor impact"),
            Impact::Major => self.pick("große Auswirkung", "major impact"),
            Impact::Critical => self.pick("Ausfall", "outage"),
        }
    }

    /// Where a maintenance stands.
    pub const fn maintenance_phase(self, phase: MaintenancePhase) -> &'static str {
        match phase {
            MaintenancePhase::Announced => self.pick("angekündigt", "announced"),
            MaintenancePhase::InProgress => self.pick("läuft", "in progress"),
            MaintenancePhase::Overrunning => self.pick("dauert länger als geplant", "taking longer than planned"),
            MaintenancePhase::Completed => self.pick("beendet", "completed"),
            MaintenancePhase::Cancelled => self.pick("abgesagt", "cancelled"),
        }
    }

    /// What a failed check found, for citizens.
    pub const fn reason(self, reason: Reason) -> &'static str {
        match reason {
            Reason::Dns => self.pick("Die Adresse wird nicht gefunden.", "The address cannot be found."),
            Reason::Connect => self.pick("Es kommt keine Verbindung zustande.", "No connection can be made."),
            Reason::Timeout => {
                self.pick("Der Dienst antwortet nicht rechtzeitig.", "The service does not answer in time.")
            }
            Reason::Tls => self.pick("Die sichere Verbindung misslingt.", "The secure connection fails."),
            Reason::Certificate => {
                self.pick("Das Sicherheitszertifikat ist nicht gültig.", "The security certificate is not valid.")
            }
            Reason::Status => self.pick("Der Dienst meldet einen Fehler.", "The service reports an error."),
            Reason::Content => {
                self.pick("Die Seite zeigt nicht den erwarteten Inhalt.", "The page does not show what is expected.")
            }
            Reason::Protocol => self.pick("Der Dienst antwortet fehlerhaft.", "The service answers incorrectly."),
            Reason::Missing => self.pick("Eine erwartete Angabe fehlt.", "Something expected is missing."),
            Reason::Slow => self.pick("Der Dienst antwortet langsam.", "The service answers slowly."),
            Reason::Blocked => self.pick(
                "Unsere Prüfung wird abgewiesen; der Dienst kann erreichbar sein.",
                "Our check is turned away; the service may be reachable.",
            ),
            Reason::ProbeFault => {
                self.pick("Unsere Prüfung ist zurzeit nicht möglich.", "We cannot check at the moment.")
            }
        }
    }
}

/// The heading over alternatives.
pub const fn alternatives_heading(words: Words) -> &'static str {
    words.pick("So geht es trotzdem", "What you can do instead")
}

/// What is said where nobody knows the end.
pub const fn no_end_known(words: Words) -> &'static str {
    words.pick("Ende derzeit nicht absehbar", "It is not known yet when this will end")
}

/// What goes before the end that somebody expects.
pub const fn end_expected(words: Words) -> &'static str {
    words.pick("Voraussichtliches Ende", "Expected end")
}

/// A heading for what a town says of its own.
pub const fn local_word(words: Words) -> &'static str {
    words.pick("Hinweis", "Note")
}

/// A town's name as it stands after "in": without the word for what it is.
pub fn town_name(name: &str) -> &str {
    let ranks = [
        "Stadt ",
        "Gemeinde ",
        "Hansestadt ",
        "Landeshauptstadt ",
        "Town of ",
        "City of ",
        "Municipality of ",
        "Hanseatic City of ",
    ];
    ranks.iter().find_map(|rank| name.strip_prefix(rank)).unwrap_or(name)
}

/// Several names in a row: "Menden, Hemer und Balve".
pub fn listed(words: Words, names: &[String]) -> String {
    match names {
        [] => String::new(),
        [only] => only.clone(),
        [firsts @ .., last] => format!("{} {} {last}", firsts.join(", "), words.pick("und", "and")),
    }
}

/// A closed word at the beginning of a sentence.
pub fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// What a language calls itself; its tag if we do not know.
pub fn language_name(tag: &str) -> &str {
    match tag {
        "de" => "Deutsch",
        "de-x-leicht" => "Leichte Sprache",
        "en" => "English",
        "fr" => "Français",
        "nl" => "Nederlands",
        "da" => "Dansk",
        "pl" => "Polski",
        "cs" => "Čeština",
        "hsb" => "Hornjoserbšćina",
        "dsb" => "Dolnoserbšćina",
        "tr" => "Türkçe",
        "ru" => "Русский",
        "uk" => "Українська",
        "ar" => "العربية",
        "es" => "Español",
        "it" => "Italiano",
        "ro" => "Română",
        _ => tag,
    }
}

/// A title or text of an incident in a language.
pub fn body(body: &Body, language: &str, fallback: &str) -> Plain {
    match body {
        Body::Written(text) => text.get(language, fallback),
        Body::Automatic(message) => automatic(message, language, fallback),
    }
}

/// An automatic text. There is one wording so far; a second one becomes a second function.
fn automatic(message: &Message, language: &str, fallback: &str) -> Plain {
    let words = Words::of(language);
    let name = message.component.get(language, fallback);
    let status = words.status(message.status.unwrap_or(Status::MajorOutage), None);
    let template = match message.code {
        MessageCode::Title => words.pick("Störung: {}", "Disruption: {}").to_owned(),
        MessageCode::Opened => {
            let found = words.pick(
                "{} ist {status}. Das hat unsere automatische Prüfung festgestellt.",
                "{} is {status}. Our automatic check has found this.",
            );
            let mut text = found.replace("{status}", status);
            if let Some(reason) = message.reason {
                text.push(' ');
                text.push_str(words.reason(reason));
            }
            text.push_str(
                words.pick(" Das Ende ist derzeit nicht absehbar.", " It is not known yet when this will end."),
            );
            text
        }
        MessageCode::Changed => words.pick("{} ist jetzt {status}.", "{} is now {status}.").replace("{status}", status),
        MessageCode::RootMoved => words
            .pick("Die Ursache liegt nach jetzigem Stand hier: {}.", "As far as we know now, the cause lies here: {}.")
            .to_owned(),
        MessageCode::Recovered => words
            .pick("{} ist wieder erreichbar und wird beobachtet.", "{} answers again and is being watched.")
            .to_owned(),
        MessageCode::Relapsed => {
            words.pick("{} ist erneut {status}.", "{} is {status} again.").replace("{status}", status)
        }
        MessageCode::Resolved => words.pick("Die Störung ist behoben: {}.", "The disruption is over: {}.").to_owned(),
        MessageCode::Merged => words
            .pick(
                "Diese Störung gehört zu einer anderen und wird dort fortgeführt: {}.",
                "This disruption is part of another one and is continued there: {}.",
            )
            .to_owned(),
        MessageCode::Removed => words.pick("{} wird nicht mehr überwacht.", "{} is not monitored any more.").to_owned(),
        MessageCode::Umbrella => {
            words.pick("Störungen an mehreren Stellen zugleich", "Disruptions in several places at once").to_owned()
        }
        MessageCode::Gathered => words
            .pick(
                "Mehr als zwanzig Störungen haben fast zugleich begonnen. Sie werden hier gemeinsam fortgeführt; \
                 ob sie eine gemeinsame Ursache haben, ist nicht bekannt.",
                "More than twenty disruptions began almost at once. They are continued here together; \
                 whether they have a common cause is not known.",
            )
            .to_owned(),
        MessageCode::Planned => words.pick("Angekündigt: {}.", "Announced: {}.").to_owned(),
        MessageCode::Replanned => {
            words.pick("Die Ankündigung wurde geändert: {}.", "The announcement was changed: {}.").to_owned()
        }
        MessageCode::Began => words.pick("Hat begonnen: {}.", "Has begun: {}.").to_owned(),
        MessageCode::Overran => words
            .pick(
                "Dauert länger als angekündigt: {}. Das Ende ist derzeit nicht absehbar.",
                "Takes longer than announced: {}. It is not known yet when this will end.",
            )
            .to_owned(),
        MessageCode::PartEnded => words.pick("Zum Teil beendet: {}.", "Partly over: {}.").to_owned(),
        MessageCode::Ended => words.pick("Beendet: {}.", "Over: {}.").to_owned(),
        MessageCode::CalledOff => words.pick("Abgesagt: {}.", "Called off: {}.").to_owned(),
    };
    escape::sentence(&template, &name)
}

/// What a mode means for people, as a sentence; nothing of the regular one.
pub const fn mode_meaning(words: Words, mode: Mode) -> Option<&'static str> {
    match mode {
        Mode::Regular => None,
        Mode::Pilot => Some(words.pick("Das Angebot wird noch erprobt.", "The service is still being tried out.")),
        Mode::Basic => Some(words.pick(
            "Das Angebot arbeitet, kann aber weniger als sonst.",
            "The service works but can do less than usual.",
        )),
        Mode::Emergency => {
            Some(words.pick("Nur das Dringendste ist möglich.", "Only what is most urgent is possible."))
        }
        Mode::Substitute => Some(words.pick(
            "Eine andere Lösung oder Stelle hilft vorläufig aus.",
            "Another solution or office helps out for the time being.",
        )),
        Mode::Off => {
            Some(words.pick("Das Angebot steht zurzeit nicht bereit.", "The service is not in use at present."))
        }
    }
}

/// The provider's word, which says nothing about the operation in a town.
pub const fn released(words: Words, released: bool) -> &'static str {
    if released {
        words.pick("Vom Anbieter freigegeben.", "Released by the provider.")
    } else {
        words.pick("Vom Anbieter noch nicht freigegeben.", "Not yet released by the provider.")
    }
}

/// What stands in the place of an update that was taken back.
pub const fn retracted(words: Words) -> &'static str {
    words.pick("Diese Meldung wurde zurückgezogen.", "This notice was withdrawn.")
}

/// The word for a notice that was taken back.
pub const fn withdrawn(words: Words) -> &'static str {
    words.pick("zurückgezogen", "withdrawn")
}
