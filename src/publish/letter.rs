//! Messages to people and programs: a subject, a plain text in German, and JSON.
//!
//! What editors wrote stands behind a mark, in lines of its own, so that it cannot pass for our words.

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::model::incident::{Body, Impact};
use crate::model::notification::{Contact, Deed, Digest, Edited, Item, Letter, Merged, What};
use crate::model::notify::Topic;
use crate::model::text::{Plain, Text};
use crate::model::time::Timestamp;
use crate::model::verdict::Path;
use crate::publish::{escape, wording};

/// Most things that a message tells in full; the rest is counted.
const TOLD_MAX: usize = 50;

/// Longest subject, in characters.
const SUBJECT_MAX: usize = 150;

/// Longest text of an editor in a message, in characters.
const TEXT_MAX: usize = 4_000;

/// The language of messages.
const LANGUAGE: &str = "de";

/// What every message needs to know of the site.
#[derive(Debug, Clone)]
pub struct Frame {
    /// What links begin with.
    pub public_url: String,
    /// The site's title.
    pub title: Text,
    /// The site's first language.
    pub language: String,
    /// The time zone of what is told.
    pub zone: TimeZone,
}

/// Writes a message.
pub fn write(digest: &Digest, frame: &Frame) -> Letter {
    let told: Vec<Told> = digest.items.iter().take(TOLD_MAX).map(|item| frame.told(item)).collect();
    let untold = digest.items.len().saturating_sub(TOLD_MAX);
    let subject = match told.as_slice() {
        [only] if untold == 0 => only.headline.clone(),
        _ => format!("{} Meldungen: {}", digest.items.len(), counted(&digest.items)),
    };
    let mut text = String::new();
    for told in &told {
        text.push_str(&format!("{}\n\n{}\n", told.headline, told.text));
        if told.url.is_empty() {
            text.push('\n');
        } else {
            text.push_str(&format!("{}\n\n\n", told.url));
        }
    }
    if untold > 0 {
        text.push_str(&format!("Und {untold} weitere: {}/\n\n\n", frame.public_url));
    }
    text.push_str(&frame.foot());
    letter(&digest.id, digest.at, "turmwacht.notification", subject, text, told.iter().map(Told::json).collect())
}

/// Writes a message that only says that messages arrive.
pub fn test(id: &str, at: Timestamp, frame: &Frame) -> Letter {
    let text = format!(
        "Das ist eine Probe. Meldungen von Turmwacht kommen hier an.\n\n{}/\n\n\n{}",
        frame.public_url,
        frame.foot()
    );
    letter(id, at, "turmwacht.test", "Probe: Meldungen kommen an".to_owned(), text, Vec::new())
}

fn letter(id: &str, at: Timestamp, kind: &str, subject: String, text: String, items: Vec<Value>) -> Letter {
    let subject: String = subject.chars().take(SUBJECT_MAX).collect();
    let payload = json!({
        "type": kind,
        "timestamp": at.to_string(),
        "data": { "id": id, "subject": subject, "text": text, "items": items },
    });
    Letter { subject, text, payload: payload.to_string() }
}

/// How many of which kind.
fn counted(items: &[Item]) -> String {
    let kind = |item: &Item| match (&item.what, item.ended_at.is_some()) {
        (What::Incident { .. }, false) => Some(("Störung", "Störungen")),
        (What::Incident { merged_into: Some(_), .. }, true) => Some(("Zusammenführung", "Zusammenführungen")),
        (What::Incident { .. }, true) => Some(("Ende einer Störung", "Enden von Störungen")),
        (What::Silence { .. } | What::Overrun { .. }, false) => Some(("Zusage überfällig", "Zusagen überfällig")),
        (What::Certificate { .. }, false) => Some(("Zertifikat läuft ab", "Zertifikate laufen ab")),
        (What::Edited(_), _) => Some(("Änderung der Redaktion", "Änderungen der Redaktion")),
        _ => None,
    };
    let mut counts: Vec<((&str, &str), usize)> = Vec::new();
    for item in items {
        let kind = kind(item).unwrap_or(("Sonstiges", "Sonstiges"));
        match counts.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, count)) => *count += 1,
            None => counts.push((kind, 1)),
        }
    }
    let words = counts.into_iter().map(|((one, many), n)| format!("{n} {}", if n == 1 { one } else { many }));
    words.collect::<Vec<_>>().join(", ")
}

/// One thing as it is told.
struct Told {
    headline: String,
    text: String,
    url: String,
    subject: String,
    topic: &'static str,
    severity: &'static str,
    began_at: Timestamp,
    ended_at: Option<Timestamp>,
    merged_into: Value,
    contacts: Vec<Value>,
}

impl Told {
    fn json(&self) -> Value {
        json!({
            "subject": self.subject,
            "topic": self.topic,
            "severity": self.severity,
            "began_at": self.began_at.to_string(),
            "ended_at": self.ended_at.map(|at| at.to_string()),
            "merged_into": self.merged_into,
            "headline": self.headline,
            "text": self.text,
            "url": if self.url.is_empty() { Value::Null } else { self.url.as_str().into() },
            "contacts": self.contacts,
        })
    }
}

impl Frame {
    fn told(&self, item: &Item) -> Told {
        let (headline, text, path) = match &item.what {
            What::Incident {
                id,
                title,
                root,
                owner,
                organisations,
                more_organisations,
                public,
                merged_into,
                removed,
            } => {
                let named = (root, owner.as_ref(), organisations.as_slice(), *more_organisations);
                let (headline, text) = self.incident(item, &self.body(title), (merged_into.as_ref(), *removed), named);
                (headline, text, public.then(|| format!("/incidents/{id}")))
            }
            What::Silence { id, title, by, public } => {
                let title = escape::line(&self.body(title));
                let (headline, text) = match item.ended_at {
                    None => (
                        format!("Zugesagte Meldung überfällig: {title}"),
                        format!("Bis {} war eine weitere Meldung zugesagt. Bitte den Stand melden.\n", self.time(*by)),
                    ),
                    Some(_) => (
                        format!("Zusage erledigt: {title}"),
                        "Es ist keine zugesagte Meldung mehr überfällig.\n".to_owned(),
                    ),
                };
                (headline, text, public.then(|| format!("/incidents/{id}")))
            }
            What::Overrun { id, title, until } => {
                let title = escape::line(&self.text(title));
                let (headline, text) = match item.ended_at {
                    None => (
                        format!("Arbeiten dauern länger: {title}"),
                        format!(
                            "Sie sollten bis {} beendet sein. Bitte das Ende oder ein neues Ende melden.\n",
                            self.time(*until)
                        ),
                    ),
                    Some(at) => {
                        (format!("Arbeiten nicht mehr überfällig: {title}"), format!("Seit {}.\n", self.time(at)))
                    }
                };
                (headline, text, Some(format!("/maintenance/{id}")))
            }
            What::Certificate { component, check, not_after } => {
                self.certificate(item, component, check.as_deref(), *not_after)
            }
            What::Blind(path) => {
                let path = way(*path);
                let (headline, text) = match item.ended_at {
                    None => (
                        format!("Eigener Weg unterbrochen: {path}"),
                        "Die Prüfungen kommen auf diesem Weg selbst nicht hinaus. Solange zeigen die Seiten dort „Stand unbekannt“, nichts wird deshalb rot. Bitte Netz, Namensauflösung und Gegenstellen ansehen.\n".to_owned(),
                    ),
                    Some(_) => (format!("Eigener Weg wieder frei: {path}"), "Die Prüfungen kommen wieder hinaus.\n".to_owned()),
                };
                (headline, text, Some("/".to_owned()))
            }
            What::Storage => {
                let (headline, text) = match item.ended_at {
                    None => (
                        "Der Speicher lässt sich nicht beschreiben".to_owned(),
                        "Die Seiten zeigen den Stand weiter, aber er wird nicht festgehalten; Änderungen der Redaktion werden abgewiesen. Bitte Platz schaffen oder die Platte prüfen.\n".to_owned(),
                    ),
                    Some(at) => {
                        let headline =
                            if item.told_before { "Der Speicher geht wieder" } else { "Der Speicher ging eine Zeit lang nicht" };
                        let (from, until) = (self.time(item.began_at), self.time(at));
                        (
                            headline.to_owned(),
                            format!("Von {from} bis {until} ließ er sich nicht beschreiben; seitdem wird wieder alles festgehalten.\n"),
                        )
                    }
                };
                (headline, text, Some("/".to_owned()))
            }
            What::Gone(name) => gone(item.topic, name),
            What::Edited(edited) => self.edited(item, edited),
            What::More(count) => (
                format!("{count} weitere Meldungen"),
                "Es kamen mehr Meldungen zusammen, als eine Nachricht fasst.\n".to_owned(),
                Some("/".to_owned()),
            ),
        };
        let contact = |contact: &Contact| json!({ "text": contact.text, "is_new": contact.is_new });
        let contacts = match &item.what {
            What::Edited(edited) => edited.contacts.iter().map(contact).collect(),
            _ => Vec::new(),
        };
        Told {
            headline,
            text,
            url: path.map(|path| format!("{}{path}", self.public_url)).unwrap_or_default(),
            subject: item.subject.clone(),
            topic: item.topic.as_str(),
            severity: item.severity.as_str(),
            began_at: item.began_at,
            ended_at: item.ended_at,
            merged_into: match &item.what {
                What::Incident { merged_into: Some(into), .. } => into.id.as_str().into(),
                _ => Value::Null,
            },
            contacts,
        }
    }

    fn incident(
        &self,
        item: &Item,
        title: &Plain,
        (merged_into, removed): (Option<&Merged>, bool),
        (root, owner, organisations, more): (&Text, Option<&Text>, &[Text], usize),
    ) -> (String, String) {
        // An automatic title says already that it is a disruption.
        let title = escape::line(title);
        let bare = title.strip_prefix("Störung: ").unwrap_or(&title);
        let headline = match (item.ended_at, merged_into, item.told_before) {
            (Some(_), Some(Merged { title: Some(into), .. }), _) => {
                format!("Wird fortgeführt in: {}", escape::line(&self.body(into)))
            }
            (Some(_), Some(Merged { title: None, .. }), _) => format!("Wird anderswo fortgeführt: {bare}"),
            (Some(_), None, _) if removed => format!("Wird nicht mehr überwacht: {bare}"),
            (Some(_), None, true) => format!("Behoben: {bare}"),
            (Some(_), None, false) => format!("War gestört, wieder behoben: {bare}"),
            (None, _, true) => format!("Schlimmer geworden: {bare}"),
            (None, _, false) if item.severity == Impact::Critical => format!("Ausfall: {bare}"),
            (None, _, false) => format!("Störung: {bare}"),
        };
        let mut text = String::new();
        if item.ended_at.is_some() && merged_into.is_some() {
            text.push_str(&format!(
                "Nicht behoben: „{bare}“ gehört zu einer anderen Störung und wird dort weiter gemeldet.\n"
            ));
        }
        text.push_str(&format!("Seit {}", self.time(item.began_at)));
        if let Some(ended) = item.ended_at.filter(|_| merged_into.is_none()) {
            let watched = if removed { "überwacht " } else { "" };
            text.push_str(&format!(", {watched}bis {}", self.time(ended)));
        }
        let impact = wording::Words::German.impact(item.severity);
        text.push_str(&format!(".\nUrsprung: {}", escape::line(&self.text(root))));
        if let Some(owner) = owner {
            text.push_str(&format!(" ({})", escape::line(&self.text(owner))));
        }
        text.push_str(&format!("\nSchwere: {impact}\n"));
        if !organisations.is_empty() {
            let mut names: Vec<String> = organisations.iter().map(|name| escape::line(&self.text(name))).collect();
            if more > 0 {
                names.push(format!("{more} weitere"));
            }
            text.push_str(&format!("Betrifft: {}\n", wording::listed(wording::Words::German, &names)));
        }
        (headline, text)
    }

    fn certificate(
        &self,
        item: &Item,
        component: &Text,
        check: Option<&str>,
        not_after: Timestamp,
    ) -> (String, String, Option<String>) {
        let name = escape::line(&self.text(component));
        let (headline, mut text) = match item.ended_at {
            Some(_) => {
                (format!("Zertifikat erneuert: {name}"), format!("Das jetzige gilt bis {}.\n", self.time(not_after)))
            }
            None => {
                let headline =
                    if item.severity >= Impact::Major { "Zertifikat läuft gleich ab" } else { "Zertifikat läuft ab" };
                (
                    format!("{headline}: {name}"),
                    format!("Es gilt bis {}. Danach weisen Browser die Seite ab.\n", self.time(not_after)),
                )
            }
        };
        if let Some(check) = check {
            text.push_str(&format!("Prüfung: {check}\n"));
        }
        (headline, text, Some("/".to_owned()))
    }

    fn edited(&self, item: &Item, edited: &Edited) -> (String, String, Option<String>) {
        let title = edited.title.as_ref().map(|title| escape::line(&self.body(title))).unwrap_or_default();
        let headline = format!("Redaktion: {}: {title}", deed(edited.deed));
        let by = escape::line(&Plain::new(&edited.by));
        let mut text = format!("Am {} von {by}.\n", self.time(item.began_at));
        if let Some(written) = &edited.text {
            let written = escape::part(&self.body(written), |text| {
                text.char_indices().nth(TEXT_MAX).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
            });
            if !written.is_empty() {
                text.push_str(&format!("\n{}", escape::quoted(&written)));
            }
        }
        if !edited.contacts.is_empty() {
            text.push_str("\nDahin werden Bürgerinnen und Bürger verwiesen:\n");
            for Contact { text: contact, is_new } in &edited.contacts {
                let mark = if *is_new { "  (neu: bitte gegenlesen)" } else { "" };
                text.push_str(&format!("- {}{mark}\n", escape::line(contact)));
            }
            if edited.more_contacts > 0 {
                text.push_str(&format!("- und {} weitere\n", edited.more_contacts));
            }
        }
        text.push_str("\nWar das niemand von Ihnen? Dann sperren Sie den Zugang und nehmen Sie die Änderung zurück.\n");
        (headline, text, Some(edited.path.clone()))
    }

    fn foot(&self) -> String {
        format!("-- \n{}\n{}/\n", escape::line(&self.text(&self.title)), self.public_url)
    }

    fn body(&self, body: &Body) -> Plain {
        wording::body(body, LANGUAGE, &self.language)
    }

    fn text(&self, text: &Text) -> Plain {
        text.get(LANGUAGE, &self.language)
    }

    /// `08.12.2023, 14:05 Uhr`
    fn time(&self, at: Timestamp) -> String {
        self.zone.to_datetime(at.to_jiff()).strftime("%d.%m.%Y, %H:%M Uhr").to_string()
    }
}

/// Something whose end nobody saw: its headline, its text, and its page.
fn gone(topic: Topic, name: &str) -> (String, String, Option<String>) {
    let name = escape::line(&Plain::new(name));
    let (headline, text) = match topic {
        Topic::Certificate => (
            format!("Zertifikat wird nicht mehr geprüft: {name}"),
            "Die Prüfung gibt es nicht mehr, oder sie warnt nicht mehr davor.\n",
        ),
        Topic::Incident => (
            format!("Störung beendet: {name}"),
            "Sie steht in keiner Liste mehr. Wann sie endete, steht auf ihrer Seite.\n",
        ),
        Topic::Overdue | Topic::Blind | Topic::Storage | Topic::EditorChange => {
            (format!("Zusage erledigt: {name}"), "Was zugesagt war, ist beendet und steht in keiner Liste mehr.\n")
        }
    };
    let path = if topic == Topic::Incident { format!("/incidents/{name}") } else { "/".to_owned() };
    (headline, text.to_owned(), Some(path))
}

fn way(path: Path) -> &'static str {
    match path {
        Path::Resolver => "Namensauflösung",
        Path::Ipv4 => "IPv4",
        Path::Ipv6 => "IPv6",
        Path::Tls => "TLS",
    }
}

fn deed(deed: Deed) -> &'static str {
    match deed {
        Deed::Opened => "Störung gemeldet",
        Deed::Changed => "Störung geändert",
        Deed::Corrected => "Meldung berichtigt",
        Deed::Retracted => "Meldung zurückgezogen",
        Deed::Overlay => "Hinweis einer Kommune geändert",
        Deed::Planned => "Arbeiten angekündigt",
        Deed::Replanned => "Ankündigung geändert",
        Deed::Local => "Abweichung vor Ort gemeldet",
        Deed::LocalEnded => "Abweichung vor Ort beendet",
        Deed::Override => "Stand von Hand gesetzt",
        Deed::OverrideEnded => "Stand nicht mehr von Hand gesetzt",
    }
}
