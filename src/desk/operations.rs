//! `/admin/operations`: what whoever is on call looks at first, for those without dashboards. One
//! question to the interface (`GET /operations`), one page; looking again is asking again.
//!
//! First stands what needs somebody, then each matter by itself.

mod figures;
pub(super) mod messages;

use maud::{Markup, html};
use serde_json::Value;

use crate::desk::operations::figures::{bytes, left, seconds};
use crate::desk::time::Wall;
use crate::desk::words::{self, count, flag, line};
use crate::desk::{Ask, Asking, PREFIX, Reply, Visit, page, scope};
use crate::model::text::Plain;
use crate::model::verdict::Reason;
use crate::publish::wording::Words;

/// A certificate that ends within so many seconds needs somebody.
const ENDS_SOON_S: i64 = 14 * 86_400;

/// Half of the starts of probes later than this: the machine does not keep up.
const LATE_S: f64 = 1.0;

/// The page.
pub async fn show(visit: &Visit, ask: &dyn Ask) -> Reply {
    let told = ask.ask(Asking::get("/operations")).await;
    if !told.is_well() {
        return page::refused(visit, &told);
    }
    let operations = Operations { visit, told: &told.body, wall: Wall::of(visit) };
    Reply::page(200, page::page(visit, "Betrieb", &operations.main()))
}

/// The interface's answer, and the clock by which its times are told.
struct Operations<'a> {
    visit: &'a Visit,
    told: &'a Value,
    wall: Wall,
}

/// A list with the number of those that are not in it.
fn listed<'a>(value: &'a Value, pointer: &str) -> (&'a [Value], u64) {
    (words::list(value, &format!("{pointer}/listed")), count(value, &format!("{pointer}/more")))
}

fn more(more: u64) -> Markup {
    html! { @if more > 0 { p { "… und " (more) " weitere." } } }
}

impl Operations<'_> {
    fn part(&self, key: &str) -> &Value {
        self.told.get(key).unwrap_or(&Value::Null)
    }

    fn overdue(&self, kind: &str) -> (&[Value], u64) {
        listed(self.told, &format!("/overdue/{kind}"))
    }

    /// Seconds from the answer until a certificate ends.
    fn until_end(&self, certificate: &Value) -> Option<i64> {
        let second = |value, pointer| Some(words::instant(value, pointer)?.to_jiff().as_second());
        Some(second(certificate, "/ends_at")? - second(self.told, "/at")?)
    }

    fn main(&self) -> Markup {
        let attention = self.attention();
        html! {
            h1 { "Betrieb" }
            p {
                "Stand: " (self.wall.moment(words::text(self.told, "/at"))) " · Standort " (line(self.told, "/vantage")) ". "
                @if !flag(self.told, "/all") { "Gezeigt wird, was Ihrer Stelle gehört." }
            }
            @if let Some(said) = messages::said(&self.visit.query.text("getan")) { p.done role="status" { (said) } }
            p { a.button.quiet href={ (PREFIX) "/operations" } { "Neu laden" } }
            section aria-labelledby="attention" {
                h2 id="attention" { "Hier muss jemand etwas tun" }
                @if attention.is_empty() {
                    p.well { "Nichts: keine Prüfung schlägt fehl, keine Zusage ist überfällig, kein Zertifikat endet bald." }
                } @else {
                    ul.attention { @for line in &attention { li { (line) } } }
                }
            }
            (self.failing())
            (self.promises())
            (self.certificates())
            (self.slowest())
            (self.messages())
            (self.program())
        }
    }

    /// What needs somebody, each in a sentence: our own side first, for it decides what the rest is worth.
    fn attention(&self) -> Vec<Markup> {
        let mut lines = self.own_side();
        let (incidents, more_incidents) = self.overdue("incidents");
        let (maintenance, more_maintenance) = self.overdue("maintenance");
        let overdue = incidents.len() as u64 + more_incidents + maintenance.len() as u64 + more_maintenance;
        if overdue > 0 {
            lines.push(html! {
                a href="#promises" { (overdue) @if overdue == 1 { " überfällige Zusage" } @else { " überfällige Zusagen" } }
            });
        }
        let (failing, more) = listed(self.told, "/failing");
        let failing = failing.len() as u64 + more;
        if failing > 0 {
            lines.push(html! {
                a href="#failing" { (failing) @if failing == 1 { " Prüfung" } @else { " Prüfungen" } " mit Fehlern" }
            });
        }
        let lost = self.lately_given_up();
        if lost > 0 {
            lines.push(html! {
                a href="#messages" {
                    (lost) @if lost == 1 { " Benachrichtigung kam" } @else { " Benachrichtigungen kamen" } " nicht an"
                }
            });
        }
        let (certificates, _) = listed(self.told, "/certificates");
        let soon = certificates.iter().filter(|certificate| self.needs_somebody(certificate)).count();
        if soon > 0 {
            lines.push(html! {
                a href="#certificates" {
                    (soon) @if soon == 1 { " Zertifikat endet" } @else { " Zertifikate enden" } " bald oder "
                    @if soon == 1 { "wird" } @else { "werden" } " abgelehnt"
                }
            });
        }
        lines
    }

    fn own_side(&self) -> Vec<Markup> {
        let mut lines = Vec::new();
        let (store, schedule) = (self.part("store"), self.part("schedule"));
        let health = words::list(self.told, "/health");
        if !flag(self.told, "/configuration/current") {
            lines.push(html! {
                "Die Dateien sind fehlerhaft, die letzte gute Fassung gilt weiter. "
                code { "turmwacht config check" } " nennt die Fehler."
            });
        }
        if !flag(store, "/writable") {
            lines.push(html! {
                "Der Speicher kann nicht beschrieben werden. Änderungen werden zurzeit abgelehnt. "
                @if store.get("fault").is_some_and(Value::is_string) { (line(store, "/fault")) }
            });
        } else if health.iter().any(|word| word == "storage") {
            lines.push(html! { "Ein Teil der Aufzeichnung fehlt auf der Platte oder ließ sich nicht lesen." });
        }
        let blind: Vec<Plain> = self.paths().filter(|(_, blind)| *blind).map(|(path, _)| path).collect();
        if !blind.is_empty() {
            lines.push(html! {
                "Unser eigener Weg ist unterbrochen (" @for (index, path) in blind.iter().enumerate() {
                    @if index > 0 { ", " } (path)
                } "). Fehler auf diesem Weg beweisen nichts."
            });
        }
        if health.iter().any(|word| word == "clock") {
            lines.push(
                html! { "Die Uhr dieses Rechners ist nicht verlässlich. Abgelehnte Zertifikate beweisen nichts." },
            );
        }
        if schedule.get("lag_p50_s").and_then(Value::as_f64).is_some_and(|lag| lag > LATE_S) {
            lines.push(html! { "Prüfungen beginnen deutlich zu spät: Der Rechner kommt nicht mit." });
        }
        if count(schedule, "/panics") > 0 {
            lines.push(html! { "Prüfungen sind abgestürzt. Das ist ein Fehler in Turmwacht; bitte melden Sie ihn." });
        }
        if !flag(self.told, "/export/successful") {
            lines.push(html! { "Die Ausgabe als Dateien ist zuletzt misslungen." });
        }
        lines
    }

    fn paths(&self) -> impl Iterator<Item = (Plain, bool)> {
        words::list(self.told, "/paths").iter().map(|path| (way(path), flag(path, "/blind")))
    }

    fn needs_somebody(&self, certificate: &Value) -> bool {
        let soon = self.until_end(certificate).is_some_and(|left| left < ENDS_SOON_S);
        soon || certificate.get("refused").is_some_and(Value::is_string)
    }

    fn failing(&self) -> Markup {
        let (failing, rest) = listed(self.told, "/failing");
        let checks = self.part("checks");
        html! {
            section aria-labelledby="failing" {
                h2 id="failing" { "Prüfungen" }
                p {
                    (count(checks, "/up")) " in Ordnung, " (count(checks, "/degraded")) " langsam, "
                    (count(checks, "/down")) " fehlgeschlagen, " (count(checks, "/unknown")) " ohne Ergebnis"
                    @if count(checks, "/waiting") > 0 { ", " (count(checks, "/waiting")) " noch nicht gefragt" }
                    "."
                }
                @if !failing.is_empty() {
                    ul.matters { @for check in failing { li { (self.failing_check(check)) } } }
                    (more(rest))
                }
            }
        }
    }

    fn failing_check(&self, check: &Value) -> Markup {
        let standing = match words::text(check, "/verdict") {
            "down" => "fehlgeschlagen",
            "degraded" => "langsam",
            "up" => "noch nicht bestätigt",
            _ => "ohne Ergebnis",
        };
        let confirmed = check.get("verdict").is_some_and(|verdict| verdict != "up");
        html! {
            p {
                a href={ (PREFIX) "/components/" (line(check, "/component")) } { (line(check, "/name")) }
                " · " (line(check, "/check")) " · " strong { (standing) }
                @if confirmed { " seit " (self.wall.moment(words::text(check, "/since"))) }
                @if !flag(check, "/public") { " · intern" }
            }
            @if let Some(sentence) = reason(check, "reason") { p { (sentence) } }
            @if let Some(sentence) = reason(check, "unconfirmed") { p { "Zuletzt: " (sentence) } }
            @if flag(check, "/expired") {
                p { "Das letzte Ergebnis ist zu alt: " (self.wall.moment(words::text(check, "/seen_at"))) "." }
            }
            p.small { "Gefragt wird " code { (line(check, "/target")) } }
            @if check.get("detail").is_some_and(Value::is_string) { p.small { code { (line(check, "/detail")) } } }
        }
    }

    /// A check with the name of its component.
    fn named(&self, check: &Value) -> String {
        let id = line(check, "/component");
        let known = scope::component(self.visit, &id);
        let name = known.map_or(id, |component| scope::component_name(self.visit, component));
        format!("„{name}“ ({})", line(check, "/check"))
    }

    fn promises(&self) -> Markup {
        let (incidents, more_incidents) = self.overdue("incidents");
        let (maintenance, more_maintenance) = self.overdue("maintenance");
        html! {
            section aria-labelledby="promises" {
                h2 id="promises" { "Überfällige Zusagen" }
                @if incidents.is_empty() && maintenance.is_empty() { p { "Keine." } }
                ul.matters {
                    @for incident in incidents {
                        li { p {
                            a href={ (PREFIX) "/incidents/" (line(incident, "/id")) } { (line(incident, "/title")) }
                            ": Neues war versprochen bis " (self.wall.moment(words::text(incident, "/next_update_by"))) "."
                        } }
                    }
                    @for notice in maintenance {
                        li { p {
                            a href={ (PREFIX) "/maintenance/" (line(notice, "/id")) } { (line(notice, "/title")) }
                            ": Das Ende war angekündigt für " (self.wall.moment(words::text(notice, "/until"))) "."
                        } }
                    }
                }
                (more(more_incidents + more_maintenance))
            }
        }
    }

    fn certificates(&self) -> Markup {
        let (certificates, rest) = listed(self.told, "/certificates");
        html! {
            section aria-labelledby="certificates" {
                h2 id="certificates" { "Zertifikate, das nächste Ende zuerst" }
                @if certificates.is_empty() { p { "Bisher hat keine Prüfung ein Zertifikat gesehen." } }
                ul.matters { @for certificate in certificates { li { (self.certificate(certificate)) } } }
                (more(rest))
            }
        }
    }

    fn certificate(&self, certificate: &Value) -> Markup {
        let (names, more_names) = listed(certificate, "/names");
        let (checks, more_checks) = listed(certificate, "/checks");
        let left = self.until_end(certificate).map(left).unwrap_or_default();
        html! {
            p {
                @if self.needs_somebody(certificate) { strong { (left) } } @else { (left) }
                " · " (self.wall.moment(words::text(certificate, "/ends_at"))) " · "
                @if names.is_empty() { (line(certificate, "/subject")) }
                @for (index, name) in names.iter().enumerate() {
                    @if index > 0 { ", " } (Plain::new(name.as_str().unwrap_or_default()))
                }
                @if more_names > 0 { " und " (more_names) " weitere" }
            }
            @if certificate.get("refused").is_some_and(Value::is_string) {
                p { strong { "Abgelehnt: " } (line(certificate, "/refused")) }
            }
            @if certificate.get("ends_first").is_some_and(Value::is_string) {
                p { "Zuerst endet in der Kette: " (line(certificate, "/ends_first")) }
            }
            p.small {
                "Ausgestellt von " (line(certificate, "/issuer")) ", gesehen von "
                @for (index, check) in checks.iter().enumerate() {
                    @if index > 0 { ", " } (self.named(check))
                }
                @if more_checks > 0 { " und " (more_checks) " weiteren" }
            }
        }
    }

    fn slowest(&self) -> Markup {
        let (hosts, rest) = listed(self.told, "/slowest");
        html! {
            section aria-labelledby="slowest" {
                h2 id="slowest" { "Langsamste Gegenstellen" }
                @if hosts.is_empty() { p { "Bisher hat keine geantwortet." } }
                ul.matters {
                    @for host in hosts {
                        li {
                            p { (seconds(host.get("duration_s").unwrap_or(&Value::Null))) " · " (line(host, "/host")) }
                            p.small {
                                "Gesehen von " (self.named(host))
                                @if host.get("phase_s").is_some_and(Value::is_number) {
                                    ", am längsten dauerte " (phase(host)) ": "
                                    (seconds(host.get("phase_s").unwrap_or(&Value::Null)))
                                }
                            }
                        }
                    }
                }
                (more(rest))
            }
        }
    }

    fn program(&self) -> Markup {
        let (schedule, store, server) = (self.part("schedule"), self.part("store"), self.part("server"));
        let figure = |part: &Value, key: &str| seconds(part.get(key).unwrap_or(&Value::Null));
        html! {
            section aria-labelledby="program" {
                h2 id="program" { "Turmwacht selbst" }
                dl {
                    dt { "Beginn der Prüfungen" }
                    dd {
                        @if count(schedule, "/probes") == 0 { "Noch keine. " } @else {
                            "Die letzten " (count(schedule, "/probes")) " begannen meist um " (figure(schedule, "lag_p50_s"))
                            " zu spät (Median), 99 von 100 um höchstens " (figure(schedule, "lag_p99_s"))
                            ", keine um mehr als " (figure(schedule, "lag_max_s")) ". "
                        }
                        (count(schedule, "/in_flight")) " laufen gerade, " (count(schedule, "/skipped_slots"))
                        " wurden ausgelassen, weil die vorige noch lief."
                    }
                    dt { "Eigene Wege" }
                    dd {
                        @for (index, (path, blind)) in self.paths().enumerate() {
                            @if index > 0 { ", " }
                            (path) " " @if blind { strong { "unterbrochen" } } @else { "in Ordnung" }
                        }
                    }
                    dt { "Speicher" }
                    dd {
                        @if flag(store, "/writable") { "Beschreibbar. " } @else { strong { "Nicht beschreibbar. " } }
                        (count(store, "/queue_depth")) " Pakete warten, " (count(store, "/undurable_transitions"))
                        " Entscheidungen sind noch nicht auf der Platte, das Schreibprotokoll hat " (bytes(count(store, "/wal_bytes")))
                        ", " (count(store, "/dropped_results")) " Einzelergebnisse gingen verloren."
                    }
                    dt { "Konfiguration" }
                    dd {
                        @if flag(self.told, "/configuration/current") { "Aktuell" } @else { strong { "Veraltet" } }
                        ", Fassung " (count(self.told, "/configuration/version")) "."
                    }
                    dt { "Ausgabe als Dateien" }
                    dd { @if flag(self.told, "/export/successful") { "Ohne Fehler oder nicht eingerichtet." } @else { strong { "Zuletzt misslungen." } } }
                    dt { "Verbindungen" }
                    dd {
                        (count(server, "/connections")) " offen, davon " (count(server, "/event_streams")) " Ereignisströme. "
                        (count(server, "/log_lines_dropped")) " Zeilen des Protokolls gingen verloren."
                    }
                }
            }
        }
    }
}

/// A reason in a sentence.
fn reason(check: &Value, key: &str) -> Option<&'static str> {
    Reason::parse(words::text(check, &format!("/{key}"))).map(|reason| Words::German.reason(reason))
}

/// The phase of a probe in words.
fn phase(host: &Value) -> &'static str {
    match words::text(host, "/phase") {
        "resolve" => "die Namensauflösung",
        "connect" => "die Verbindung",
        "tls" => "die Verschlüsselung",
        "processing" => "die erste Antwort",
        "transfer" => "die Übertragung",
        _ => "etwas anderes",
    }
}

/// A path of our own as people call it.
fn way(path: &Value) -> Plain {
    Plain::new(match words::text(path, "/path") {
        "resolver" => "Namensauflösung",
        "ipv4" => "IPv4",
        "ipv6" => "IPv6",
        "tls" => "TLS",
        other => other,
    })
}
