//! `/api/v1/events`: who may follow along, and the body that never ends.
//!
//! A reader is a place in the buffer of `publish::events` and a seat here. Nothing is written for
//! a single reader, and one that does not read costs its place and the system's send buffer,
//! which is bounded.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response};
use hyper::body::Frame;
use prometheus::IntGauge;
use tokio::sync::watch;
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::model::settings::STREAMS_SHARE;
use crate::model::snapshot::Snapshot;
use crate::publish::documents::Documents;
use crate::publish::events::{Last, Reader};
use crate::publish::sse::{self, Audience, KEEP_ALIVE, PATH, QUERY};
use crate::publish::wording::Words;
use crate::publish::{NO_CONTENT_POLICY, Target, known_query};
use crate::server::body::Body;
use crate::server::connection::Connection;
use crate::server::error::Problem;

/// The word under which it is counted.
pub(super) const LABEL: &str = "api_events";

/// Readers are woken in so many groups, and other requests are answered in between.
const ROWS: usize = 256;

/// A reader comes back after 2 to 10 seconds, each at another moment.
const RETRY_MIN_MS: u64 = 2_000;
const RETRY_SPREAD_MS: u64 = 8_000;

/// The longest silence on a stream differs by a fifth to either side.
const SILENCE_SPREAD: u32 = 5;

/// For proxies that would hold back what they get.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Whether a path, decoded, is this route, perhaps in a language.
pub(super) fn is_meant(path: &str) -> bool {
    path.strip_suffix(PATH).is_some_and(|prefix| prefix.rfind('/').unwrap_or_default() == 0)
}

/// The known parameters of any path.
pub(super) fn known(path: &str) -> &'static [&'static str] {
    if is_meant(path) { QUERY } else { known_query(path) }
}

/// What somebody wants to follow.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Stream(Audience, Last),
    /// It has another address.
    Moved(String),
}

/// Reads a request for this route.
pub(super) fn wanted(snapshot: &Snapshot, target: &Target, headers: &HeaderMap) -> Result<Wanted, Problem> {
    let site = &snapshot.catalogue.site;
    let parameter = |name: &str| {
        let found = target.query.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    };
    let prefix = target.path.strip_suffix(PATH).unwrap_or_default().trim_start_matches('/');
    let language_of = |tag: &str| site.languages.iter().find(|language| &***language == tag);
    let here = if prefix.is_empty() { site.languages.first() } else { language_of(prefix) };
    let here = here.ok_or(Problem::NotFound)?;
    let words = Words::of(here);
    let there = match parameter("lang") {
        None => here,
        Some(tag) => language_of(tag).ok_or_else(|| {
            let known: Vec<&str> = site.languages.iter().map(|language| &**language).collect();
            let is_one_of = words.pick("`lang` ist eines von", "`lang` is one of");
            Problem::BadRequest(format!("{is_one_of}: {}.", known.join(", ")))
        })?,
    };
    if parameter("lang").is_some() || prefix == site.language() {
        let begin = if **there == *site.language() { String::new() } else { format!("/{there}") };
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(target.query.iter().filter(|(name, _)| name != "lang"));
        let query = query.finish();
        let mark = if query.is_empty() { "" } else { "?" };
        return Ok(Wanted::Moved(format!("{begin}{PATH}{mark}{query}")));
    }
    let organisation = match parameter("organisation") {
        None => None,
        Some(id) => {
            let catalogue = &snapshot.catalogue;
            let present = catalogue.former_organisations.get(id).map_or(id, |present| present.as_str());
            let known = snapshot.organisation(id).or_else(|| snapshot.organisation(present));
            let (_, organisation) = known.ok_or_else(|| {
                let sentence = words.pick(
                    "`organisation` ist die Kennung einer Organisation; es gibt keine mit dieser.",
                    "`organisation` is the id of an organisation; there is none with this one.",
                );
                Problem::BadRequest(sentence.to_owned())
            })?;
            Some(organisation.id.clone())
        }
    };
    // What a browser sends when it comes back is newer than the address it came with.
    let last = match headers.get(LAST_EVENT_ID).filter(|value| !value.is_empty()) {
        Some(value) => position(value.to_str().unwrap_or_default()),
        None => parameter("last_event_id").map_or(Last::Nowhere, position),
    };
    Ok(Wanted::Stream(Audience { organisation, language: Arc::clone(here) }, last))
}

fn position(text: &str) -> Last {
    let is_ours = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_ours).map_or(Last::Unreadable, Last::At)
}

/// The streams of the public listener.
pub(super) struct Streams {
    documents: Arc<Documents>,
    max: usize,
    silence: Duration,
    gauge: IntGauge,
    rows: Vec<watch::Sender<Call>>,
    seats: Mutex<Seats>,
}

/// What a row of readers is told.
#[derive(Debug, Clone, Copy, Default)]
struct Call {
    closed: bool,
}

#[derive(Default)]
struct Seats {
    next: u64,
    taken: BTreeMap<u64, Arc<Occupied>>,
    held: HashMap<IpAddr, usize>,
}

/// A taken seat.
#[derive(Debug)]
struct Occupied {
    /// Of whoever asks, perhaps through a proxy of ours.
    network: IpAddr,
    row: usize,
    connection: Arc<Connection>,
}

/// A seat, until it is dropped.
struct Seat {
    streams: Arc<Streams>,
    number: u64,
    occupied: Arc<Occupied>,
}

impl Streams {
    pub(super) fn new(
        documents: Arc<Documents>,
        streams_max: usize,
        connections_max: usize,
        silence: Duration,
        gauge: IntGauge,
    ) -> Arc<Self> {
        let (share, of) = STREAMS_SHARE;
        let max = streams_max.min(connections_max.saturating_mul(share) / of);
        let rows = (0..ROWS).map(|_| watch::Sender::new(Call::default())).collect();
        Arc::new(Self { documents, max, silence, gauge, rows, seats: Mutex::default() })
    }

    fn seats(&self) -> MutexGuard<'_, Seats> {
        // Nothing of others runs under this lock.
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes the readers whenever there is something new, row by row.
    pub(super) async fn call(self: Arc<Self>) {
        let mut turned = self.documents.events().turned();
        while turned.changed().await.is_ok() {
            for row in &self.rows {
                if row.receiver_count() > 0 {
                    row.send_modify(|_| {});
                    yield_now().await;
                }
            }
        }
    }

    /// Ends all streams, and every one that is still to come.
    pub(super) fn close(&self) {
        for row in &self.rows {
            row.send_modify(|call| call.closed = true);
        }
    }

    /// The answer to somebody of a network who wants to follow along.
    pub(super) fn open(
        self: &Arc<Self>,
        audience: &Audience,
        last: Last,
        method: &Method,
        connection: &Arc<Connection>,
        network: IpAddr,
    ) -> Result<Response<Body>, Problem> {
        if *method == Method::HEAD {
            return Ok(response(Body::Unsent));
        }
        // The seat first: what is followed costs something, and only seats bound it. Nobody gives one
        // up for somebody who cannot be let in: before there is something to read, none is taken.
        let seat = self.seat(connection, network).ok_or(Problem::Crowded)?;
        let reader = self.documents.events().follow(audience, last).ok_or(Problem::NotReady)?;
        let row = self.rows.get(seat.occupied.row).ok_or(Problem::Internal)?;
        let chance = RandomState::new().build_hasher().finish();
        let spread = u64::try_from(self.silence.as_millis()).unwrap_or(u64::MAX) / u64::from(SILENCE_SPREAD);
        let later = (chance >> 32) % (2 * spread).max(1);
        let stream = Stream {
            begin: Some(sse::retry(RETRY_MIN_MS + chance % RETRY_SPREAD_MS)),
            reader,
            called: row.subscribe(),
            silence: self.silence.saturating_sub(Duration::from_millis(spread)) + Duration::from_millis(later),
            more: None,
            seat,
        };
        Ok(response(Body::Events(Box::new(stream))))
    }

    /// A seat for a visitor. If all are taken, whoever holds most of them gives one up to a
    /// visitor who holds fewer.
    fn seat(self: &Arc<Self>, connection: &Arc<Connection>, network: IpAddr) -> Option<Seat> {
        let mut seats = self.seats();
        if seats.taken.len() >= self.max {
            let own = seats.held.get(&network).copied().unwrap_or(0);
            let (&biggest, _) =
                seats.held.iter().filter(|(_, held)| **held > own + 1).max_by_key(|(_, held)| **held)?;
            let found = seats.taken.iter().find(|(_, occupied)| occupied.network == biggest);
            let number = found.map(|(number, _)| *number)?;
            let occupied = seats.leave(number)?;
            occupied.connection.give_up();
            self.rows.get(occupied.row)?.send_modify(|_| {});
        }
        let number = seats.next;
        seats.next += 1;
        let row = usize::try_from(number).unwrap_or_default() % ROWS;
        let occupied = Arc::new(Occupied { network, row, connection: Arc::clone(connection) });
        seats.taken.insert(number, Arc::clone(&occupied));
        *seats.held.entry(network).or_default() += 1;
        self.gauge.set(i64::try_from(seats.taken.len()).unwrap_or(i64::MAX));
        Some(Seat { streams: Arc::clone(self), number, occupied })
    }
}

impl Seats {
    fn leave(&mut self, number: u64) -> Option<Arc<Occupied>> {
        let occupied = self.taken.remove(&number)?;
        if let Some(held) = self.held.get_mut(&occupied.network) {
            *held -= 1;
            if *held == 0 {
                self.held.remove(&occupied.network);
            }
        }
        Some(occupied)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = self.streams.seats();
        seats.leave(self.number);
        self.streams.gauge.set(i64::try_from(seats.taken.len()).unwrap_or(i64::MAX));
    }
}

/// The events of one reader.
pub(super) struct Stream {
    begin: Option<Bytes>,
    reader: Reader,
    called: watch::Receiver<Call>,
    /// Longest time in which nothing is said.
    silence: Duration,
    /// The wait for a call: `false` if none came in time.
    more: Option<Pin<Box<dyn Future<Output = bool> + Send>>>,
    seat: Seat,
}

impl Stream {
    /// What goes out next; `None` at the end.
    pub(super) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Frame<Bytes>>> {
        if let Some(begin) = self.begin.take() {
            return Poll::Ready(Some(Frame::data(begin)));
        }
        loop {
            if let Some(more) = &mut self.more {
                let was_called = ready!(more.as_mut().poll(context));
                self.more = None;
                if !was_called {
                    return Poll::Ready(Some(Frame::data(KEEP_ALIVE)));
                }
            }
            // Whatever is said from here on wakes the wait below.
            let closed = self.called.borrow_and_update().closed;
            if closed || self.seat.occupied.connection.is_given_up() {
                return Poll::Ready(None);
            }
            if let Some(frame) = self.reader.take() {
                return Poll::Ready(Some(Frame::data(frame)));
            }
            let (mut called, silence) = (self.called.clone(), self.silence);
            self.more = Some(Box::pin(async move { timeout(silence, called.changed()).await.is_ok() }));
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.seat.occupied.connection.answered();
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("reader", &self.reader).finish_non_exhaustive()
    }
}

fn response(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, "text/event-stream"),
        (CACHE_CONTROL, "no-store"),
        (X_ACCEL_BUFFERING, "no"),
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CONTENT_SECURITY_POLICY, NO_CONTENT_POLICY),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
