//! What browsers are answered at the desk: pages that nobody may frame, keep or read from another
//! origin, and why somebody is turned away, in words for people.

use std::sync::LazyLock;

use bytes::Bytes;
use data_encoding::BASE64;
use http::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, RETRY_AFTER,
    SET_COOKIE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use sha2::{Digest as _, Sha256};

use crate::desk::page::STYLE;
use crate::desk::{Reply, signin};
use crate::server::admin::provider::Denied;
use crate::server::admin::refusal::Refusal;
use crate::server::body::Body;
use crate::server::error::Problem;

/// Only our own style, our own pictures, and forms that lead to us. Leading on to the provider is no
/// form: it is a page of its own.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = BASE64.encode(&Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; img-src 'self' data:; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'"
    )
});

/// Why somebody is turned away at the desk.
#[derive(Debug)]
pub(super) enum Turned {
    /// As at the editors' interface.
    Refused(Refusal),
    /// The form was not sent by a page of ours.
    Foreign,
    /// The form is of another session, or of none.
    Stale,
    /// The body is no form that we read.
    NoForm,
    /// There is nothing to show yet.
    NotReady,
    /// The system gives no random numbers.
    Random(getrandom::Error),
    /// Nobody got in through the provider.
    Denied(Denied),
}

impl From<Refusal> for Turned {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<getrandom::Error> for Turned {
    fn from(fault: getrandom::Error) -> Self {
        Self::Random(fault)
    }
}

/// An answer for a browser.
#[derive(Debug)]
pub(super) struct Shown {
    status: u16,
    location: Option<String>,
    page: String,
    cookies: Vec<String>,
    retry_after: Option<u64>,
    allow: bool,
}

impl Shown {
    /// A page.
    pub(super) fn page(status: StatusCode, page: String) -> Self {
        let (location, cookies, retry_after) = (None, Vec::new(), None);
        Self { status: status.as_u16(), location, page, cookies, retry_after, allow: false }
    }

    /// The way on after a form.
    pub(super) fn see(path: impl Into<String>) -> Self {
        let mut shown = Self::page(StatusCode::SEE_OTHER, String::new());
        shown.location = Some(path.into());
        shown
    }

    /// What the desk replied.
    pub(super) fn reply(reply: Reply) -> Self {
        let Reply { status, location, body } = reply;
        Self { status, location, ..Self::page(StatusCode::OK, body) }
    }

    /// Why there is nothing else.
    pub(super) fn turned(why: &Turned) -> Self {
        let (status, title, sentence) = words(why);
        let mut shown = Self::page(status, signin::problem(title, sentence));
        if let Turned::Refused(refusal) = why {
            shown = shown.with_retry_after(refusal.retry_after());
            shown.allow = matches!(refusal, Refusal::Method(_));
        }
        shown
    }

    /// The same with a cookie.
    pub(super) fn with_cookie(mut self, cookie: String) -> Self {
        self.cookies.push(cookie);
        self
    }

    /// The same with the seconds until it is worth another try.
    pub(super) const fn with_retry_after(mut self, seconds: Option<u64>) -> Self {
        self.retry_after = seconds;
        self
    }

    /// The answer. After a body that nobody read to its end the connection is closed.
    pub(super) fn response(self, unread_body: bool) -> Response<Body> {
        let Ok(status) = StatusCode::from_u16(self.status) else { return Self::internal().response(unread_body) };
        let mut response = Response::new(Body::from(Bytes::from(self.page)));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        usual(headers);
        if let Some(location) = self.location {
            let Ok(location) = HeaderValue::try_from(location) else { return Self::internal().response(unread_body) };
            headers.insert(LOCATION, location);
        }
        for cookie in self.cookies {
            headers.extend(HeaderValue::try_from(cookie).ok().map(|cookie| (SET_COOKIE, cookie)));
        }
        headers.extend(self.retry_after.map(|seconds| (RETRY_AFTER, HeaderValue::from(seconds))));
        if self.allow {
            headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD, POST"));
        }
        if unread_body {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    fn internal() -> Self {
        Self::turned(&Turned::Refused(Refusal::Problem(Problem::Internal)))
    }
}

/// What every answer has.
fn usual(headers: &mut HeaderMap) {
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    // Our own forms say where they come from, other sites learn nothing.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.extend(HeaderValue::try_from(POLICY.as_str()).ok().map(|policy| (CONTENT_SECURITY_POLICY, policy)));
}

const NOT_NOW: &str = "Gerade nicht möglich";
const NOT_UNDERSTOOD: &str = "Anfrage nicht verstanden";
const NO_ENTRY: &str = "Kein Zugang";

/// Status, heading and one sentence.
fn words(why: &Turned) -> (StatusCode, &'static str, &'static str) {
    match why {
        Turned::Foreign => (
            StatusCode::FORBIDDEN,
            "Formular einer fremden Seite",
            "Dieses Formular kam nicht von dieser Seite. Es wurde nichts geändert. Öffnen Sie die Redaktion bitte neu.",
        ),
        Turned::Stale => (
            StatusCode::FORBIDDEN,
            "Formular abgelaufen",
            "Dieses Formular gehört zu einer früheren Anmeldung. Es wurde nichts geändert.",
        ),
        Turned::NoForm => {
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, NOT_UNDERSTOOD, "Hier werden nur Formulare dieser Seite angenommen.")
        }
        Turned::NotReady => (
            StatusCode::SERVICE_UNAVAILABLE,
            NOT_NOW,
            "Turmwacht startet gerade. Bitte laden Sie die Seite in einigen Sekunden neu.",
        ),
        Turned::Random(_) | Turned::Denied(Denied::Random(_)) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            NOT_NOW,
            "Das System liefert keine Zufallszahlen. Ohne sie gibt es keine sichere Anmeldung.",
        ),
        Turned::Denied(Denied::Busy | Denied::Unreachable(_)) => (
            StatusCode::SERVICE_UNAVAILABLE,
            NOT_NOW,
            "Die Anmeldung mit dem Dienstkonto antwortet nicht. Mit einem Zugangsschlüssel geht es weiterhin.",
        ),
        Turned::Denied(Denied::Forgotten) => (
            StatusCode::FORBIDDEN,
            "Anmeldung abgelaufen",
            "Diese Anmeldung wurde nicht in diesem Browser begonnen, oder es ist zu lange her. Beginnen Sie bitte neu.",
        ),
        Turned::Denied(Denied::Refused(_) | Denied::Unproven(_)) => (
            StatusCode::FORBIDDEN,
            "Anmeldung abgelehnt",
            "Die Anmeldung mit dem Dienstkonto wurde abgebrochen oder abgelehnt. Beginnen Sie bitte neu.",
        ),
        Turned::Denied(Denied::NoGroup(_)) => (
            StatusCode::FORBIDDEN,
            NO_ENTRY,
            "Ihr Dienstkonto gehört zu keiner Gruppe, die hier arbeiten darf. Fragen Sie bitte den Betrieb dieser Seite.",
        ),
        Turned::Refused(refusal) => {
            let (title, sentence) = refused(refusal);
            (refusal.status(), title, sentence)
        }
    }
}

/// One sentence about a refusal.
pub(super) fn sentence(refusal: &Refusal) -> &'static str {
    refused(refusal).1
}

/// Heading and one sentence.
fn refused(refusal: &Refusal) -> (&'static str, &'static str) {
    match refusal {
        Refusal::Unencrypted => (
            "Nur verschlüsselt",
            "Die Redaktion ist nur über https erreichbar. Rufen Sie diese Seite bitte mit https:// auf.",
        ),
        Refusal::TooManyFailures(_) => (
            "Zu viele Versuche",
            "Von Ihrem Anschluss sind zu viele Anmeldungen gescheitert. Warten Sie bitte eine Minute.",
        ),
        Refusal::Problem(Problem::NotFound) | Refusal::NoSuchPath => {
            ("Diese Seite gibt es nicht", "Unter dieser Adresse gibt es nichts.")
        }
        Refusal::Problem(Problem::Misdirected) => {
            ("Falsche Adresse", "Die Redaktion gibt es nur unter der Adresse der öffentlichen Seite.")
        }
        Refusal::Problem(Problem::Internal) => (
            "Fehler auf unserer Seite",
            "Das war nicht Ihr Fehler. Sehen Sie bitte nach, ob Ihre Änderung ankam, bevor Sie sie wiederholen.",
        ),
        Refusal::Method(_) => (NOT_UNDERSTOOD, "Hier werden nur Seiten gezeigt und Formulare angenommen."),
        Refusal::TooLarge => ("Zu viel auf einmal", "Das Formular ist zu groß. Kürzen Sie bitte Ihre Texte."),
        Refusal::Slow | Refusal::Broken => (
            "Verbindung zu langsam",
            "Das Formular kam nicht vollständig an. Es wurde nichts geändert. Versuchen Sie es bitte noch einmal.",
        ),
        Refusal::Busy | Refusal::Store | Refusal::Stopping => {
            (NOT_NOW, "Es wurde nichts geändert. Versuchen Sie es bitte in einigen Sekunden noch einmal.")
        }
        Refusal::Unanswered => {
            (NOT_NOW, "Es kam keine Antwort. Sehen Sie bitte nach, ob Ihre Änderung ankam, bevor Sie sie wiederholen.")
        }
        Refusal::Unauthenticated => {
            (NO_ENTRY, "Dieser Zugangsschlüssel ist nicht gültig. Prüfen Sie bitte, ob er vollständig ist.")
        }
        Refusal::Role => (NO_ENTRY, "Dieser Zugangsschlüssel ist nur zum Lesen der Messwerte da."),
        Refusal::Problem(_)
        | Refusal::Browser
        | Refusal::NotForAll
        | Refusal::Parameter(_)
        | Refusal::Field(_)
        | Refusal::ContentType
        | Refusal::OtherRequest
        | Refusal::UnderWay => (NOT_UNDERSTOOD, "Diese Anfrage war nicht zu verstehen."),
    }
}
