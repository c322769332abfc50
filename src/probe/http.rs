//! The kind `http`: one request on one fresh HTTP/1.1 connection, redirects followed hop by hop,
//! each hop with its own look-up, policy, connection and handshake.
//!
//! Everything a server sends is bounded: its head (64 KiB, 100 fields), interim answers (five),
//! redirects (five), the body (1 MiB on the wire; nothing is ever decompressed, we ask for
//! `identity`); and long heads and bodies of all probes together. The connection is polled inside
//! the probe, without a task of its own, so that its error is at hand. The server closes first: the
//! ephemeral port is then not lost to `TIME_WAIT` on our side.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, DATE, HOST,
    LAST_MODIFIED, LOCATION, RETRY_AFTER, USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Version};
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncReadExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use url::Url;

use crate::clock::{Clock, monotonic};
use crate::model::check::{HttpProbe, Phase};
use crate::model::observation::{Fault, HttpFacts, HttpVersion};
use crate::model::time::Timestamp;
use crate::model::verdict::Reason;
use crate::probe::Freshness;
use crate::probe::connect::{Connector, Target, io_fault};
use crate::probe::detail::{escaped, fault};
use crate::probe::policy::Zone;
use crate::probe::queue::Place;
use crate::probe::tls::{Alpn, Hello, TlsMaterial, handshake, handshake_fault, tls_error};
use crate::probe::trace::Trace;
use crate::probe::wire::{Socket, Wire};

/// Redirects followed.
const REDIRECTS_MAX: u8 = 5;

/// Interim (1xx) answers borne.
const INTERIM_MAX: usize = 5;

/// The head of an answer.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Fields of a head.
const HEAD_FIELDS_MAX: usize = 100;

/// Body bytes read.
pub(super) const BODY_BYTES_MAX: usize = 1024 * 1024;

/// Body bytes that a probe may keep without asking [`BODY_BUDGET_KIB`] for room.
const BODY_BYTES_FREE: usize = 8 * 1024;

/// Room for longer bodies, of all probes together: 512 hostile servers must not become 512 MiB.
pub(super) const BODY_BUDGET_KIB: usize = 10 * 1024;

/// Heads of more than 8 KiB that are read at a time, of all probes together: each keeps up to twice
/// [`HEAD_BYTES_MAX`] until its end.
pub(super) const LONG_HEADS_MAX: usize = 64;

/// Longest URL kept or followed.
const URL_LENGTH_MAX: usize = 2048;

/// How long the server may take to close after its answer.
const CLOSE_WAIT_MAX: Duration = Duration::from_secs(1);

/// Bytes after the answer that are read away while waiting for the end.
const CLOSE_BYTES_MAX: usize = 64 * 1024;

/// A request, as far as it can be prepared.
#[derive(Debug)]
pub(super) struct HttpPlan {
    pub(super) method: Method,
    pub(super) headers: Vec<Configured>,
    pub(super) tls: Result<Rc<TlsMaterial>, String>,
    pub(super) user_agent: HeaderValue,
    pub(super) needs: Needs,
}

/// What the checks of a request look at; the rest is not kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Needs {
    pub(super) body: bool,
    pub(super) headers: bool,
}

/// A configured header.
#[derive(Debug)]
pub(super) struct Configured {
    pub(super) name: HeaderName,
    pub(super) value: HeaderValue,
    /// For a secret: the origins that may read it.
    pub(super) origins: Option<Vec<url::Origin>>,
}

/// What came back.
#[derive(Debug, Default)]
pub(super) struct HttpAnswer {
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// The encoding of a body that we asked not to encode.
    pub(super) encoding: Option<String>,
    /// Room in the budget, given back with the body.
    pub(super) room: Option<OwnedSemaphorePermit>,
}

/// What the request needs from the prober.
#[derive(Clone, Copy)]
pub(super) struct Means<'a> {
    pub(super) connector: &'a Connector,
    pub(super) bodies: &'a Arc<Semaphore>,
    pub(super) long_heads: &'a Arc<Semaphore>,
    pub(super) freshness: Freshness,
    pub(super) clock: &'a Clock,
    pub(super) trace: &'a Trace,
}

/// The hop under way.
struct Hop {
    url: Url,
    method: Method,
    body: Bytes,
    redirects: u8,
    /// False for good once a redirect has led to another origin.
    at_home: bool,
    before: Option<Zone>,
}

/// How a hop ended.
enum Next {
    Answer(HttpAnswer),
    Redirect(Box<Hop>),
}

/// Runs the request.
pub(super) async fn run(probe: &HttpProbe, plan: &HttpPlan, means: Means<'_>) -> Result<HttpAnswer, Fault> {
    let mut hop = Hop {
        url: probe.url.clone(),
        method: plan.method.clone(),
        body: probe.body.as_ref().map_or_else(Bytes::new, |body| Bytes::copy_from_slice(body.as_bytes())),
        redirects: 0,
        at_home: true,
        before: None,
    };
    for configured in &plan.headers {
        if let Some(origins) = &configured.origins
            && !origins.contains(&hop.url.origin())
        {
            let words = format!("the secret of the header {} may not be sent to this origin", configured.name);
            return Err(fault(Reason::ProbeFault, None, words));
        }
    }
    loop {
        match run_hop(probe, plan, hop, means).await? {
            Next::Answer(answer) => return Ok(answer),
            Next::Redirect(next) => hop = *next,
        }
    }
}

async fn run_hop(probe: &HttpProbe, plan: &HttpPlan, hop: Hop, means: Means<'_>) -> Result<Next, Fault> {
    let Means { connector, freshness, clock, trace, .. } = means;
    let secure = hop.url.scheme() == "https";
    let host = hop.url.host_str().unwrap_or_default();
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host).to_owned();
    let port = hop.url.port_or_known_default().unwrap_or(if secure { 443 } else { 80 });
    let pinned = probe.resolve.filter(|_| hop.at_home);
    let target = Target { host: &host, port, pinned, before: hop.before };
    let connected = connector.connect(target, freshness, clock, trace).await?;
    let (place, zone) = (connected.place, connected.zone);
    let stream = if secure {
        let material = plan.tls.as_ref().map_err(|why| fault(Reason::ProbeFault, Some(Phase::Tls), why))?;
        // A name of its own belongs to the configured origin.
        let name = material.server_name().filter(|_| hop.at_home).unwrap_or(&host);
        let hello = Hello { name, alpn: Alpn::Http, identified: hop.at_home };
        let tls = handshake(connected.stream, material, hello, clock, trace).await?;
        Wire::Tls(Box::new(tls))
    } else {
        *trace.handshake.borrow_mut() = None;
        Wire::Tcp(connected.stream)
    };
    converse(probe, plan, hop, means, Socket::new(stream, means.long_heads), place, zone).await
}

/// One request and its answer on a connection.
async fn converse(
    probe: &HttpProbe,
    plan: &HttpPlan,
    hop: Hop,
    means: Means<'_>,
    socket: Socket,
    place: Place,
    zone: Zone,
) -> Result<Next, Fault> {
    let trace = means.trace;
    trace.enter(Phase::Processing);
    let (first_byte, long) = (Rc::clone(&socket.first_byte), Rc::clone(&socket.head));
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEAD_FIELDS_MAX)
        .handshake::<_, Full<Bytes>>(TokioIo::new(socket))
        .await
        .map_err(|error| http_fault(&error, trace))?;
    let mut driver = Driver { connection, ended: None, interim: Arc::default() };
    let mut request = request(plan, &hop)?;
    let interim = Arc::clone(&driver.interim);
    hyper::ext::on_informational(&mut request, move |_head| {
        interim.fetch_add(1, Ordering::Relaxed);
    });
    let response = {
        let mut answering = pin!(sender.send_request(request));
        poll_fn(|context| {
            driver.poll(context)?;
            trace.starved.set(long.is_starved.get());
            match answering.as_mut().poll(context) {
                Poll::Ready(Ok(response)) => Poll::Ready(Ok(response)),
                Poll::Ready(Err(error)) => Poll::Ready(Err(driver.fault(&error, trace))),
                Poll::Pending => Poll::Pending,
            }
        })
        .await?
    };
    long.is_done.set(true);
    trace.wait(long.waited.get());
    trace.enter_at(Phase::Transfer, first_byte.get().unwrap_or_else(monotonic));
    place.answered();
    let (head, mut body) = response.into_parts();
    let facts = head_facts(&head, &hop, means.clock.now());
    *trace.http.borrow_mut() = Some(facts);
    if probe.follow_redirects
        && let Some(next) = redirect(&head, &hop, zone)?
    {
        trace.leave();
        return Ok(Next::Redirect(Box::new(next)));
    }
    let encoding = head
        .headers
        .get(CONTENT_ENCODING)
        .filter(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
        .map(|encoding| escaped(&String::from_utf8_lossy(encoding.as_bytes()), 40));
    let mut answer = HttpAnswer { encoding, ..HttpAnswer::default() };
    let complete = read_body(&mut body, &mut driver, plan.needs.body, &mut answer, means).await?;
    trace.finish();
    let closes = head.version == Version::HTTP_10
        || head.headers.get(CONNECTION).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"close"));
    if plan.needs.headers {
        answer.headers = head.headers;
    }
    drop((body, sender));
    if complete && closes {
        see_off(driver.connection.into_parts().io.into_inner(), trace).await;
    }
    Ok(Next::Answer(answer))
}

/// The request of a hop. What is configured goes to the configured origin only; others get what
/// any visitor would send.
fn request(plan: &HttpPlan, hop: &Hop) -> Result<Request<Full<Bytes>>, Fault> {
    let own = |what: &str| fault(Reason::ProbeFault, Some(Phase::Processing), format!("the {what} cannot be sent"));
    let mut headers = HeaderMap::with_capacity(4 + plan.headers.len());
    let host = hop.url.host_str().unwrap_or_default();
    let host = match hop.url.port() {
        Some(port) => HeaderValue::try_from(format!("{host}:{port}")),
        None => HeaderValue::from_str(host),
    };
    headers.insert(HOST, host.map_err(|_invalid| own("host"))?);
    headers.insert(USER_AGENT, plan.user_agent.clone());
    headers.insert(ACCEPT, const { HeaderValue::from_static("*/*") });
    for configured in &plan.headers {
        let harmless = configured.origins.is_none() && [ACCEPT, ACCEPT_LANGUAGE, USER_AGENT].contains(&configured.name);
        let allowed = match &configured.origins {
            Some(origins) => hop.at_home && origins.contains(&hop.url.origin()),
            None => hop.at_home || harmless,
        };
        let carries_body = configured.name != CONTENT_TYPE || !hop.body.is_empty();
        if allowed && carries_body {
            headers.insert(configured.name.clone(), configured.value.clone());
        }
    }
    headers.insert(ACCEPT_ENCODING, const { HeaderValue::from_static("identity") });
    headers.insert(CONNECTION, const { HeaderValue::from_static("close") });
    let path = &hop.url[url::Position::BeforePath..url::Position::AfterQuery];
    let mut request = Request::new(Full::new(hop.body.clone()));
    *request.method_mut() = hop.method.clone();
    *request.uri_mut() = path.parse().map_err(|_invalid| own("path"))?;
    *request.headers_mut() = headers;
    Ok(request)
}

/// Where an answer redirects to, if it does.
fn redirect(head: &http::response::Parts, hop: &Hop, zone: Zone) -> Result<Option<Hop>, Fault> {
    let broken = |words: String| fault(Reason::Protocol, Some(Phase::Processing), words);
    let get = match head.status {
        StatusCode::SEE_OTHER => true,
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => hop.method == Method::POST,
        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => false,
        _ => return Ok(None),
    };
    let Some(location) = head.headers.get(LOCATION) else { return Ok(None) };
    if hop.redirects >= REDIRECTS_MAX {
        return Err(broken(format!("more than {REDIRECTS_MAX} redirects")));
    }
    let location = std::str::from_utf8(location.as_bytes())
        .ok()
        .filter(|location| location.len() <= URL_LENGTH_MAX)
        .and_then(|location| hop.url.join(location).ok())
        .filter(|url| url.has_host());
    let Some(mut url) = location else {
        return Err(broken("a redirect that leads nowhere".to_owned()));
    };
    if !matches!(url.scheme(), "http" | "https") {
        return Err(broken(format!("a redirect to the scheme {}", url.scheme())));
    }
    url.set_fragment(None);
    // An http URL with a host takes these; nothing is to be done if it did not.
    let (Ok(()) | Err(())) = url.set_username("");
    let (Ok(()) | Err(())) = url.set_password(None);
    let at_home = hop.at_home && url.origin() == hop.url.origin();
    let method = if get && hop.method != Method::HEAD { Method::GET } else { hop.method.clone() };
    let body = if get { Bytes::new() } else { hop.body.clone() };
    if !at_home && !body.is_empty() {
        return Err(broken("a redirect would send the request's body to another origin".to_owned()));
    }
    Ok(Some(Hop { url, method, body, redirects: hop.redirects + 1, at_home, before: Some(zone) }))
}

fn head_facts(head: &http::response::Parts, hop: &Hop, now: Timestamp) -> HttpFacts {
    let date = |name| head.headers.get(name).and_then(http_date);
    let mut shown = hop.url.clone();
    let (Ok(()) | Err(())) = shown.set_username("");
    let (Ok(()) | Err(())) = shown.set_password(None);
    HttpFacts {
        status: head.status.as_u16(),
        version: match head.version {
            Version::HTTP_09 | Version::HTTP_10 => HttpVersion::Http10,
            Version::HTTP_2 => HttpVersion::Http2,
            _ => HttpVersion::Http11,
        },
        redirects: hop.redirects,
        final_url: escaped(shown.as_str(), URL_LENGTH_MAX),
        content_length: head.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok()),
        body_bytes: 0,
        truncated: false,
        date: date(DATE),
        last_modified: date(LAST_MODIFIED),
        retry_after: retry_after(head, now),
    }
}

/// How long an answer that turns everybody away asks to be left alone: in seconds, or until a date by
/// the server's own clock.
fn retry_after(head: &http::response::Parts, now: Timestamp) -> Option<Duration> {
    if !matches!(head.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        return None;
    }
    let value = head.headers.get(RETRY_AFTER)?;
    let text = value.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // Too many digits mean very long.
        return Some(Duration::from_secs(text.parse::<u32>().unwrap_or(u32::MAX).into()));
    }
    let now = head.headers.get(DATE).and_then(http_date).unwrap_or(now);
    Some(http_date(value)?.since(now))
}

/// IMF-fixdate: `Sun, 06 Nov 1994 08:49:37 GMT`.
fn http_date(value: &HeaderValue) -> Option<Timestamp> {
    let text = value.to_str().ok().filter(|text| text.len() <= 40)?;
    jiff::fmt::rfc2822::parse(text).ok().map(|zoned| Timestamp::from_jiff(zoned.timestamp()))
}

/// Reads the body up to [`BODY_BYTES_MAX`], keeps it if a check looks at it, and tells whether
/// its end was reached.
async fn read_body(
    body: &mut Incoming,
    driver: &mut Driver,
    keep: bool,
    answer: &mut HttpAnswer,
    means: Means<'_>,
) -> Result<bool, Fault> {
    let trace = means.trace;
    let expected = body.size_hint().exact().and_then(|bytes| usize::try_from(bytes).ok());
    let mut bytes: usize = 0;
    let complete = loop {
        let frame = poll_fn(|context| {
            driver.poll(context)?;
            match Pin::new(&mut *body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => Poll::Ready(Ok(Some(frame))),
                Poll::Ready(Some(Err(error))) => Poll::Ready(Err(driver.fault(&error, trace))),
                Poll::Ready(None) => Poll::Ready(Ok(None)),
                Poll::Pending => Poll::Pending,
            }
        })
        .await?;
        let Some(frame) = frame else { break true };
        let Ok(data) = frame.into_data() else { continue };
        let room = BODY_BYTES_MAX - bytes;
        let part = data.get(..data.len().min(room)).unwrap_or(&data);
        if keep {
            make_room(answer, expected, bytes + part.len(), means).await?;
            answer.body.extend_from_slice(part);
        }
        bytes += part.len();
        let complete = data.len() <= room;
        if let Some(http) = trace.http.borrow_mut().as_mut() {
            http.body_bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
            http.truncated = !complete;
        }
        if !complete {
            break false;
        }
    };
    Ok(complete)
}

/// Reserves room for a body that grows beyond [`BODY_BYTES_FREE`]: once, for all it may become,
/// so that probes with half a body never wait for one another.
async fn make_room(
    answer: &mut HttpAnswer,
    expected: Option<usize>,
    bytes: usize,
    means: Means<'_>,
) -> Result<(), Fault> {
    let all = expected.unwrap_or(BODY_BYTES_MAX).min(BODY_BYTES_MAX);
    if answer.body.capacity() == 0 {
        answer.body.reserve_exact(expected.unwrap_or(0).clamp(bytes.min(BODY_BYTES_FREE), BODY_BYTES_FREE));
    }
    if bytes <= BODY_BYTES_FREE || answer.room.is_some() {
        return Ok(());
    }
    let kib = u32::try_from(all.max(bytes).div_ceil(1024)).unwrap_or(u32::MAX);
    let began = monotonic();
    means.trace.starved.set(true);
    let room = Arc::clone(means.bodies).acquire_many_owned(kib).await;
    means.trace.starved.set(false);
    means.trace.wait(monotonic().duration_since(began));
    answer.room =
        Some(room.map_err(|_closed| fault(Reason::ProbeFault, Some(Phase::Transfer), "no room for the body"))?);
    answer.body.reserve_exact(all.saturating_sub(answer.body.len()));
    Ok(())
}

/// Lets the server close first.
async fn see_off(socket: Socket, trace: &Trace) {
    let mut tcp = match socket.wire {
        Wire::Tcp(tcp) => tcp,
        Wire::Tls(tls) => tls.into_inner().0,
    };
    let patience = trace.remaining().min(CLOSE_WAIT_MAX);
    let closing = async {
        let mut scratch = [0u8; 1024];
        let mut bytes = 0;
        while let Ok(read @ 1..) = tcp.read(&mut scratch).await {
            bytes += read;
            if bytes > CLOSE_BYTES_MAX {
                break;
            }
        }
    };
    // A server that does not close has answered all the same.
    let (Ok(()) | Err(_)) = timeout(patience, closing).await;
}

/// A connection polled in step with the answer it carries.
struct Driver {
    connection: http1::Connection<TokioIo<Socket>, Full<Bytes>>,
    ended: Option<Result<(), hyper::Error>>,
    interim: Arc<AtomicUsize>,
}

impl Driver {
    /// Moves the connection on. Only too many interim answers are an error here: others show in
    /// the answer.
    fn poll(&mut self, context: &mut Context<'_>) -> Result<(), Fault> {
        if self.ended.is_none()
            && let Poll::Ready(ended) = self.connection.poll_without_shutdown(context)
        {
            self.ended = Some(ended);
        }
        if self.interim.load(Ordering::Relaxed) > INTERIM_MAX {
            let words = format!("more than {INTERIM_MAX} interim (1xx) answers");
            return Err(fault(Reason::Protocol, Some(Phase::Processing), words));
        }
        Ok(())
    }

    /// The fault behind an error of the answer: the connection's own error says more.
    fn fault(&self, error: &hyper::Error, trace: &Trace) -> Fault {
        match &self.ended {
            Some(Err(cause)) => http_fault(cause, trace),
            Some(Ok(())) | None => http_fault(error, trace),
        }
    }
}

/// What an error of the HTTP layer means.
fn http_fault(error: &hyper::Error, trace: &Trace) -> Fault {
    let phase = trace.phase().unwrap_or(Phase::Processing);
    let mut cause: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(error);
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<io::Error>() {
            if tls_error(io).is_some()
                && let Some(recorder) = trace.handshake.borrow().as_ref()
            {
                return handshake_fault(io, recorder);
            }
            // Without a number from the kernel it is hyper that objects to what it reads.
            let objection = io.raw_os_error().is_none() && io.kind() != io::ErrorKind::UnexpectedEof;
            return if objection {
                fault(Reason::Protocol, Some(phase), format!("the answer is not HTTP: {io}"))
            } else {
                io_fault(io, phase, "the server")
            };
        }
        cause = inner.source();
    }
    let words = if error.is_parse_too_large() {
        format!("the head of the answer exceeds {} KiB or {HEAD_FIELDS_MAX} fields", HEAD_BYTES_MAX / 1024)
    } else if error.is_incomplete_message() {
        "the server closed the connection before its answer was complete".to_owned()
    } else if error.is_parse() {
        format!("the answer is not HTTP: {error}")
    } else {
        error.to_string()
    };
    fault(Reason::Protocol, Some(phase), words)
}
