//! One connection: where it stands, so that the sweep can tell who dawdles, and its socket,
//! which notes each step.
//!
//! No timer and no clock per request: steps are stamped with the sweep's tick.

use std::io::{self, IoSlice};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use socket2::SockRef;
use tokio::io::ReadBuf;
use tokio::net::TcpStream;

use crate::server::routes::Service;

/// Longest time for one answer, in units of the longest pause in it.
const ANSWER_PAUSES_MAX: u32 = 15;

/// Bytes on their way to one reader of events, in the system's buffer.
const STREAM_BUFFER_BYTES: usize = 64 * 1024;

/// How long the system waits for a reader of events to confirm what it was sent; one whose line is
/// dead would hold its seat for many minutes.
const STREAM_CONFIRMED_WITHIN: Duration = Duration::from_secs(25);

/// The sweep's time. Begins at 1.
#[derive(Debug)]
pub(super) struct Ticks(AtomicU32);

impl Ticks {
    pub(super) const fn new() -> Self {
        Self(AtomicU32::new(1))
    }

    pub(super) fn now(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn advance(&self) -> u32 {
        self.0.fetch_add(1, Ordering::Relaxed).wrapping_add(1)
    }
}

/// How long a connection may stay where it is, in ticks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    pub(super) idle: u32,
    pub(super) header: u32,
    pub(super) write: u32,
    /// How long it may stand in an answer that its client does not take, when room is needed.
    pub(super) stall: u32,
}

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing: no byte of the next request has come.
    Idle,
    /// A request is coming in.
    Header,
    /// A request is being answered.
    Handling,
    /// An answer is going out.
    Writing,
    /// An answer without an end is going out.
    Streaming,
}

/// For what a connection waits that may be closed when room is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Waits {
    /// For a request, or the rest of one.
    ForRequest,
    /// For a client that takes its answer slowly or not at all.
    ForReader,
}

/// Where a connection stands.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) address: IpAddr,
    ticks: Arc<Ticks>,
    phase: AtomicU8,
    since: AtomicU32,
    /// Since when the client has not taken a byte; 0 while it does.
    stalled: AtomicU32,
    /// No further request is wanted.
    last: AtomicBool,
    /// Its answer without an end is to end: somebody else needs its seat.
    given_up: AtomicBool,
}

impl Connection {
    pub(super) fn new(address: IpAddr, ticks: Arc<Ticks>) -> Self {
        let since = AtomicU32::new(ticks.now());
        let (phase, stalled) = (AtomicU8::new(0), AtomicU32::new(0));
        let (last, given_up) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { address, ticks, phase, since, stalled, last, given_up }
    }

    pub(super) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Relaxed) {
            0 => Phase::Idle,
            1 => Phase::Header,
            2 => Phase::Handling,
            3 => Phase::Writing,
            _ => Phase::Streaming,
        }
    }

    pub(super) fn since(&self) -> u32 {
        self.since.load(Ordering::Relaxed)
    }

    fn enter(&self, phase: Phase) {
        let code = match phase {
            Phase::Idle => 0,
            Phase::Header => 1,
            Phase::Handling => 2,
            Phase::Writing => 3,
            Phase::Streaming => 4,
        };
        self.phase.store(code, Ordering::Relaxed);
        self.since.store(self.ticks.now(), Ordering::Relaxed);
    }

    /// A request is complete.
    pub(super) fn asked(&self) {
        self.enter(Phase::Handling);
    }

    /// Its answer is complete.
    pub(super) fn answered(&self) {
        self.given_up.store(false, Ordering::Relaxed);
        self.enter(Phase::Writing);
    }

    /// Its answer has begun and has no end.
    pub(super) fn streams(&self) {
        self.enter(Phase::Streaming);
    }

    /// Somebody else needs its seat among the streams.
    pub(super) fn give_up(&self) {
        self.given_up.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_given_up(&self) -> bool {
        self.given_up.load(Ordering::Relaxed)
    }

    /// Whether it may be closed when room is needed: it waits for its client.
    pub(super) fn waits(&self, patience: &Patience) -> Option<Waits> {
        let now = self.ticks.now();
        let stalled = self.stalled.load(Ordering::Relaxed);
        let is_slow = match self.phase() {
            Phase::Idle | Phase::Header => return Some(Waits::ForRequest),
            Phase::Handling => false,
            Phase::Writing => {
                // Who takes a byte now and then is as slow as who takes none.
                (stalled != 0 && now.saturating_sub(stalled) >= patience.stall)
                    || now.saturating_sub(self.since()) >= patience.write
            }
            // It would have ended by now if its client read.
            Phase::Streaming => self.is_given_up() && stalled != 0,
        };
        is_slow.then_some(Waits::ForReader)
    }

    fn read(&self) {
        if self.phase() == Phase::Idle {
            self.enter(Phase::Header);
        }
    }

    fn wrote(&self) {
        self.stalled.store(0, Ordering::Relaxed);
    }

    fn blocked(&self) {
        if self.stalled.load(Ordering::Relaxed) == 0 {
            self.stalled.store(self.ticks.now(), Ordering::Relaxed);
        }
    }

    fn flushed(&self) {
        if self.phase() == Phase::Writing {
            self.enter(Phase::Idle);
        }
    }

    /// Whether this connection has tried our patience.
    pub(super) fn is_overdue(&self, now: u32, patience: &Patience) -> bool {
        let stalled = self.stalled.load(Ordering::Relaxed);
        let for_ticks = now.saturating_sub(self.since());
        let dawdles = match self.phase() {
            Phase::Idle => for_ticks > patience.idle,
            Phase::Header => for_ticks > patience.header,
            // The server's own work has its own limits.
            Phase::Handling => false,
            Phase::Writing => for_ticks > patience.write.saturating_mul(ANSWER_PAUSES_MAX),
            // As long as its client reads.
            Phase::Streaming => false,
        };
        dawdles || (stalled != 0 && now.saturating_sub(stalled) > patience.write)
    }

    /// Asks to end after the answer in progress.
    pub(super) fn make_last(&self) {
        self.last.store(true, Ordering::Relaxed);
    }
}

/// A socket that tells its connection what happens.
pub(super) struct Watched {
    io: TokioIo<TcpStream>,
    connection: Arc<Connection>,
    /// Whether it was made ready for an answer without an end.
    streams: bool,
}

impl Watched {
    pub(super) fn new(stream: TcpStream, connection: Arc<Connection>) -> Self {
        Self { io: TokioIo::new(stream), connection, streams: false }
    }

    /// Whether the client of a stream has left. Nobody reads from the connection meanwhile, so it
    /// is looked for here; a client that sends no more counts as gone.
    fn has_left(&mut self, context: &mut Context<'_>) -> bool {
        if self.connection.phase() != Phase::Streaming {
            return false;
        }
        if !self.streams {
            self.streams = true;
            // Without it a reader that does not read would be sent megabytes.
            let socket = SockRef::from(self.io.inner());
            if let Err(error) = socket.set_send_buffer_size(STREAM_BUFFER_BYTES) {
                tracing::debug!("the send buffer of a stream cannot be bounded: {error}");
            }
            if let Err(error) = socket.set_tcp_user_timeout(Some(STREAM_CONFIRMED_WITHIN)) {
                tracing::debug!("a stream whose reader has vanished will be noticed late: {error}");
            }
        }
        let mut byte = [0];
        matches!(self.io.inner().poll_peek(context, &mut ReadBuf::new(&mut byte)), Poll::Ready(Ok(0) | Err(_)))
    }

    fn note(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(_) => self.connection.wrote(),
            Poll::Pending => self.connection.blocked(),
        }
        written
    }
}

impl Read for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.io).poll_read(context, buffer);
        if read.is_ready() {
            self.connection.read();
        }
        read
    }
}

impl Write for Watched {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(context, bytes);
        self.note(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.has_left(context) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let flushed = Pin::new(&mut self.io).poll_flush(context);
        if flushed.is_ready() {
            self.connection.flushed();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(context, parts);
        self.note(written)
    }
}

/// A connection until it ends.
pub(super) struct Served {
    http: http1::Connection<Watched, Service>,
    connection: Arc<Connection>,
    closing: bool,
}

impl Served {
    pub(super) const fn new(http: http1::Connection<Watched, Service>, connection: Arc<Connection>) -> Self {
        Self { http, connection, closing: false }
    }
}

impl Future for Served {
    type Output = hyper::Result<()>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if !self.closing && self.connection.last.load(Ordering::Relaxed) {
            self.closing = true;
            Pin::new(&mut self.http).graceful_shutdown();
        }
        Pin::new(&mut self.http).poll(context)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::net::Ipv4Addr;

    use tokio::net::TcpListener;

    use super::*;

    fn connection() -> Arc<Connection> {
        Arc::new(Connection::new(Ipv4Addr::LOCALHOST.into(), Arc::new(Ticks::new())))
    }

    #[tokio::test]
    async fn a_stream_whose_reader_vanished_ends_soon() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let connection = connection();
        let mut watched = Watched::new(listener.accept().await.unwrap().0, Arc::clone(&connection));
        let patience = |watched: &Watched| SockRef::from(watched.io.inner()).tcp_user_timeout().unwrap();
        poll_fn(|context| Pin::new(&mut watched).poll_flush(context)).await.unwrap();
        assert_eq!(patience(&watched), None);
        connection.streams();
        poll_fn(|context| Pin::new(&mut watched).poll_flush(context)).await.unwrap();
        assert_eq!(patience(&watched), Some(STREAM_CONFIRMED_WITHIN));
    }

    const PATIENCE: Patience = Patience { idle: 12, header: 4, write: 8, stall: 2 };

    #[test]
    fn a_stream_makes_room_if_it_lost_its_seat_and_is_not_read() {
        let connection = connection();
        assert_eq!(connection.waits(&PATIENCE), Some(Waits::ForRequest));
        connection.streams();
        connection.blocked();
        assert_eq!(connection.waits(&PATIENCE), None);
        connection.give_up();
        assert_eq!(connection.waits(&PATIENCE), Some(Waits::ForReader));
        connection.wrote();
        assert_eq!(connection.waits(&PATIENCE), None, "it reads to its end");
        connection.answered();
        assert!(!connection.is_given_up(), "its next stream has a seat of its own");
    }

    #[test]
    fn an_answer_makes_room_if_it_is_not_taken_or_takes_long() {
        let connection = connection();
        let pass = |ticks: u32| {
            for _ in 0..ticks {
                connection.ticks.advance();
            }
        };
        connection.asked();
        connection.blocked();
        pass(20);
        assert_eq!(connection.waits(&PATIENCE), None, "it waits for us");
        connection.wrote();
        connection.answered();
        connection.blocked();
        pass(1);
        assert_eq!(connection.waits(&PATIENCE), None);
        pass(1);
        assert_eq!(connection.waits(&PATIENCE), Some(Waits::ForReader));
        connection.wrote();
        assert_eq!(connection.waits(&PATIENCE), None);
        // A byte at a time.
        (0..3).for_each(|_| {
            connection.blocked();
            pass(1);
            connection.wrote();
            pass(1);
        });
        assert_eq!(connection.waits(&PATIENCE), Some(Waits::ForReader));
    }
}
