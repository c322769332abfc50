//! What editors are answered: the loop's replies with the headers that belong to them, and
//! refusals as RFC 9457 problem documents. Nothing here may be read by a page of another origin,
//! framed or kept.

use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    REFERRER_POLICY, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use crate::editing;
use crate::publish;
use crate::server::body::Body;
use crate::server::desk::AdminReply;
use crate::server::error::Problem;

/// Says that an answer is an earlier one.
pub(super) const REPLAYED: &str = "idempotency-replayed";

/// The header fields of a reply that are passed on.
const PASSED: [&str; 5] = ["etag", "location", "allow", "retry-after", REPLAYED];

const CONTENT_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

/// Why a request does not get as far as the loop, or its reply not back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// What is refused everywhere: hosts, spellings, lengths.
    Problem(Problem),
    /// The token might have been read on its way.
    Unencrypted,
    /// A browser sent it for a page.
    Browser,
    /// Too many attempts failed; the time until the next one.
    TooManyFailures(Duration),
    /// No token, or none in force: nobody is told which.
    Unauthenticated,
    /// The token is for something else.
    Role,
    /// Only for whoever may read of all organisations.
    NotForAll,
    /// The interface has no such path.
    NoSuchPath,
    /// The path knows these methods only.
    Method(&'static [&'static str]),
    /// A parameter makes no sense.
    Parameter(&'static str),
    /// A header field makes no sense.
    Field(&'static str),
    /// The body is no JSON.
    ContentType,
    /// The body is too long.
    TooLarge,
    /// The body came too slowly.
    Slow,
    /// The body ended before it was whole.
    Broken,
    /// The key was used for something else.
    OtherRequest,
    /// A request with this key is being carried out.
    UnderWay,
    /// Too many requests at a time.
    Busy,
    /// The store cannot be read.
    Store,
    /// The loop takes no requests any more.
    Stopping,
    /// The loop has not replied.
    Unanswered,
}

impl Refusal {
    pub(super) const fn status(&self) -> StatusCode {
        match self {
            Self::Problem(problem) => problem.status(),
            Self::Unencrypted | Self::Browser | Self::Role | Self::NotForAll => StatusCode::FORBIDDEN,
            Self::TooManyFailures(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::NoSuchPath => StatusCode::NOT_FOUND,
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Parameter(_) | Self::Field(_) | Self::Broken => StatusCode::BAD_REQUEST,
            Self::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::OtherRequest => StatusCode::UNPROCESSABLE_ENTITY,
            Self::UnderWay => StatusCode::CONFLICT,
            Self::Busy | Self::Store | Self::Stopping | Self::Unanswered => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn detail(&self) -> String {
        match self {
            // It writes its own.
            Self::Problem(_) => return String::new(),
            Self::Parameter(what) | Self::Field(what) => return format!("{what}."),
            Self::Method(_) => return format!("This path knows {} only.", self.allow()),
            Self::TooLarge => return format!("A body has at most {} bytes.", editing::BODY_BYTES_MAX),
            Self::Unencrypted => {
                "A token must not travel unencrypted: use https. Behind a reverse proxy, name its address in \
                 trusted_proxies under [server] and let it send X-Forwarded-Proto."
            }
            Self::Browser => "Pages in a browser cannot use this interface: send no Origin and no Sec-Fetch-Site.",
            Self::TooManyFailures(_) => "Too many attempts failed. Wait as long as Retry-After says.",
            Self::Unauthenticated => "A token in force is needed: Authorization: Bearer tw_…",
            Self::Role => "This token is for reading metrics only: GET /api/v1/admin/metrics.",
            Self::NotForAll => "This tells of all organisations; the token is for some.",
            Self::NoSuchPath => "There is no such path in the admin interface.",
            Self::ContentType => "A body is JSON in UTF-8, uncompressed, with Content-Type: application/json.",
            Self::Slow => "The body came too slowly.",
            Self::Broken => "The body ended before it was whole, or its framing is broken.",
            Self::OtherRequest => "This Idempotency-Key was used for another request. Take a new one for each request.",
            Self::UnderWay => "A request with this Idempotency-Key is still being carried out. Repeat it later.",
            Self::Busy => "There are too many requests right now. Nothing was changed; repeat it in a few seconds.",
            Self::Store => "The store cannot be read right now. Nothing was changed; repeat it in a few seconds.",
            Self::Stopping => "Turmwacht is stopping. Nothing was changed; repeat it in a few seconds.",
            Self::Unanswered => {
                "There is no reply yet. The request may have been carried out: repeat it with the same \
                 Idempotency-Key, or look before you repeat it without one."
            }
        }
        .to_owned()
    }

    /// The methods of the path, for `Allow`.
    fn allow(&self) -> String {
        let Self::Method(allowed) = self else { return String::new() };
        allowed.join(", ").replace("GET", "GET, HEAD")
    }

    pub(super) fn retry_after(&self) -> Option<u64> {
        match self {
            Self::TooManyFailures(wait) => Some(wait.as_secs() + u64::from(wait.subsec_nanos() > 0)),
            Self::UnderWay => Some(1),
            Self::Busy => Some(2),
            Self::Store | Self::Stopping | Self::Unanswered => Some(5),
            Self::Problem(_)
            | Self::Unencrypted
            | Self::Browser
            | Self::Unauthenticated
            | Self::Role
            | Self::NotForAll
            | Self::NoSuchPath
            | Self::Method(_)
            | Self::Parameter(_)
            | Self::Field(_)
            | Self::ContentType
            | Self::TooLarge
            | Self::Slow
            | Self::Broken
            | Self::OtherRequest => None,
        }
    }

    /// The refusal as the loop would reply it.
    pub(super) fn reply(&self) -> AdminReply {
        let status = self.status();
        let title = status.canonical_reason().unwrap_or_default();
        let body = publish::problem(status.as_u16(), title, &self.detail(), "");
        AdminReply { status: status.as_u16(), headers: Vec::new(), body }
    }

    /// The answer. After a body that nobody reads to its end the connection is closed.
    pub(super) fn response(&self, unread_body: bool) -> Response<Body> {
        let mut response = if let Self::Problem(problem) = self {
            problem.response(false, "en")
        } else {
            let status = self.status();
            let title = status.canonical_reason().unwrap_or_default();
            let body = publish::problem(status.as_u16(), title, &self.detail(), "");
            let mut response = Response::new(Body::from(Bytes::from(body)));
            *response.status_mut() = status;
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
            response
        };
        let headers = response.headers_mut();
        usual(headers);
        if *self == Self::Unauthenticated {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Self::Method(_) = self {
            headers.extend(HeaderValue::try_from(self.allow()).ok().map(|allow| (ALLOW, allow)));
        }
        headers.extend(self.retry_after().map(|seconds| (RETRY_AFTER, HeaderValue::from(seconds))));
        if unread_body {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// The answer with a reply of the loop.
pub(super) fn answered(reply: AdminReply) -> Response<Body> {
    let Ok(status) = StatusCode::from_u16(reply.status) else {
        return Refusal::Problem(Problem::Internal).response(false);
    };
    let has_body = !reply.body.is_empty();
    let mut response = Response::new(Body::from(Bytes::from(reply.body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if has_body {
        let content_type = if reply.status < 400 { "application/json" } else { "application/problem+json" };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    for (name, value) in reply.headers {
        let name = PASSED.iter().find(|passed| name.eq_ignore_ascii_case(passed));
        if let (Some(name), Ok(value)) = (name, HeaderValue::try_from(value)) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    usual(headers);
    response
}

/// An answer that is no JSON, with what every answer has.
pub(super) fn dressed(mut response: Response<Body>) -> Response<Body> {
    usual(response.headers_mut());
    response
}

/// What every answer has.
fn usual(headers: &mut HeaderMap) {
    headers.remove(ACCESS_CONTROL_ALLOW_ORIGIN);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_POLICY));
}
