//! Refusals: RFC 9457 problem documents for programs, small pages for people; never cached.

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    REFERRER_POLICY, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, Response, StatusCode};

use crate::model::catalogue::SiteLinks;
use crate::publish::wording::Words;
use crate::publish::{self, NO_CONTENT_POLICY, html};
use crate::server::body::Body;

/// Why there is no document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Problem {
    /// No host, two hosts or none that can be.
    BadHost,
    /// The path cannot be read.
    BadPath,
    /// A known parameter cannot be read.
    BadQuery,
    /// The renderer's sentence.
    BadRequest(String),
    /// There is no such thing, or the public may not know of it.
    NotFound,
    /// It was here once.
    Gone,
    /// Neither GET nor HEAD.
    MethodNotAllowed,
    /// A body where none belongs.
    BodyRefused,
    /// The path or the query is too long.
    TooLong,
    /// A host that is not ours.
    Misdirected,
    /// A defect of ours.
    Internal,
    /// No snapshot yet.
    NotReady,
    /// Too much waits to be rendered.
    Busy,
    /// The archive cannot be read, or too much of it was asked for.
    Unavailable,
    /// Too many follow along.
    Crowded,
}

impl Problem {
    pub(super) const fn status(&self) -> StatusCode {
        match self {
            Self::BadHost | Self::BadPath | Self::BadQuery | Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Gone => StatusCode::GONE,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyRefused => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooLong => StatusCode::URI_TOO_LONG,
            Self::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::NotReady | Self::Busy | Self::Unavailable | Self::Crowded => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The title a person reads; programs get the registered phrase of the status code.
    const fn title(&self, words: Words) -> &'static str {
        match self {
            Self::BadHost | Self::BadPath | Self::BadQuery | Self::BadRequest(_) | Self::TooLong => {
                words.pick("Anfrage nicht verstanden", "Request not understood")
            }
            Self::NotFound => words.pick("Seite nicht gefunden", "Page not found"),
            Self::Gone => words.pick("Nicht mehr vorhanden", "No longer available"),
            Self::MethodNotAllowed | Self::BodyRefused => words.pick("Nur zum Lesen", "Read-only"),
            Self::Misdirected => words.pick("Falsche Adresse", "Wrong address"),
            Self::Internal => words.pick("Fehler auf unserer Seite", "An error on our side"),
            Self::NotReady | Self::Busy | Self::Unavailable | Self::Crowded => {
                words.pick("Gleich wieder da", "Back in a moment")
            }
        }
    }

    fn detail(&self, words: Words) -> &str {
        match self {
            Self::BadRequest(why) => why,
            Self::BadHost => words.pick(
                "Die Anfrage muss genau einen gültigen Host nennen.",
                "The request must name exactly one valid host.",
            ),
            Self::BadPath => words.pick(
                "Der Pfad beginnt mit einem Schrägstrich und ist UTF-8 ohne Steuerzeichen, mit % und zwei Hexziffern maskiert.",
                "A path begins with a slash and is UTF-8 without control characters, escaped with % and two hex digits.",
            ),
            Self::BadQuery => words.pick(
                "Ein Parameter ist kein mit % maskiertes UTF-8 ohne Steuerzeichen.",
                "A parameter is not percent-encoded UTF-8 without control characters.",
            ),
            Self::NotFound => words.pick(
                "Unter dieser Adresse gibt es nichts. Die Übersicht finden Sie auf der Startseite.",
                "There is nothing at this address. The start page has the overview.",
            ),
            Self::Gone => words.pick(
                "Was hier stand, wird nicht mehr überwacht.",
                "What was here is no longer monitored.",
            ),
            Self::MethodNotAllowed => words.pick(
                "Hier gibt es nur GET und HEAD.",
                "Only GET and HEAD are served here.",
            ),
            Self::BodyRefused => words.pick(
                "Anfragen zum Lesen haben keinen Inhalt; bitte ohne Content-Length und Transfer-Encoding wiederholen.",
                "Requests for reading have no body; please repeat it without Content-Length and Transfer-Encoding.",
            ),
            Self::TooLong => words.pick(
                "Pfad und Abfrage haben höchstens je 1024 Byte.",
                "Path and query have at most 1024 bytes each.",
            ),
            Self::Misdirected => words.pick(
                "Dieser Server ist für den genannten Host nicht zuständig.",
                "This server does not answer for the host that was named.",
            ),
            Self::Internal => words.pick(
                "Die Anfrage ließ sich wegen eines Fehlers in Turmwacht nicht beantworten. Er ist protokolliert.",
                "The request could not be answered because of a defect in Turmwacht. It has been logged.",
            ),
            Self::NotReady => words.pick(
                "Turmwacht startet und hat noch keinen Stand. Bitte in einigen Sekunden wiederholen.",
                "Turmwacht is starting and knows no status yet. Please repeat in a few seconds.",
            ),
            Self::Busy => words.pick(
                "Gerade sind es zu viele Anfragen. Bitte in einigen Sekunden wiederholen.",
                "There are too many requests right now. Please repeat in a few seconds.",
            ),
            Self::Unavailable => words.pick(
                "Das Archiv ist gerade nicht lesbar, oder der Zeitraum enthält zu viel. Bitte einen kürzeren Zeitraum wählen oder in einer Minute wiederholen.",
                "The archive cannot be read right now, or the period holds too much. Please choose a shorter period or repeat in a minute.",
            ),
            Self::Crowded => words.pick(
                "Zu viele lesen gerade mit. Bitte stattdessen jede Minute /api/v1/alive abfragen.",
                "Too many are following along right now. Please ask /api/v1/alive every minute instead.",
            ),
        }
    }

    const fn retry_after(&self) -> Option<HeaderValue> {
        match self {
            Self::NotReady => Some(HeaderValue::from_static("5")),
            Self::Busy => Some(HeaderValue::from_static("2")),
            Self::Unavailable | Self::Crowded => Some(HeaderValue::from_static("60")),
            Self::BadHost
            | Self::BadPath
            | Self::BadQuery
            | Self::BadRequest(_)
            | Self::NotFound
            | Self::Gone
            | Self::MethodNotAllowed
            | Self::BodyRefused
            | Self::TooLong
            | Self::Misdirected
            | Self::Internal => None,
        }
    }

    /// The answer, as a page or as a problem document, where no site is known.
    pub(super) fn response(&self, as_page: bool, language: &str) -> Response<Body> {
        self.response_of(as_page, language, None)
    }

    /// The answer of a site with these links.
    pub(super) fn response_of(&self, as_page: bool, language: &str, links: Option<&SiteLinks>) -> Response<Body> {
        let words = Words::of(language);
        let status = self.status();
        let (content_type, policy, body) = if as_page {
            let page = html::problem(language, status.as_u16(), self.title(words), self.detail(words), links);
            ("text/html; charset=utf-8", html::problem_policy(), page.into_bytes())
        } else {
            let title = status.canonical_reason().unwrap_or_default();
            let problem = publish::problem(status.as_u16(), title, self.detail(words), "");
            ("application/problem+json", NO_CONTENT_POLICY, problem)
        };
        let mut response = Response::new(Body::from(Bytes::from(body)));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.extend(self.retry_after().map(|seconds| (RETRY_AFTER, seconds)));
        if *self == Self::MethodNotAllowed {
            headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        }
        // After a body that nobody reads, or a defect, the connection's state is not to be trusted.
        if matches!(self, Self::BodyRefused | Self::Internal | Self::BadHost) {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}
