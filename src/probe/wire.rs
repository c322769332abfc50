//! A connection as the kinds use it: bare or in TLS.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use tokio_rustls::client::TlsStream;

use crate::clock::monotonic;

/// Bytes taken from the socket at a time: fewer than hyper's smallest buffer, so that it never
/// grows for a body.
const READ_BYTES_MAX: usize = 8 * 1024 - 1;

/// Bytes of a head that are read without asking for room.
const HEAD_BYTES_FREE: usize = 8 * 1024;

/// A connection, bare or in TLS.
#[derive(Debug)]
pub(super) enum Wire {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(tcp) => Pin::new(tcp).poll_read(context, buffer),
            Self::Tls(tls) => Pin::new(tls.as_mut()).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(tcp) => Pin::new(tcp).poll_write(context, bytes),
            Self::Tls(tls) => Pin::new(tls.as_mut()).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(tcp) => Pin::new(tcp).poll_flush(context),
            Self::Tls(tls) => Pin::new(tls.as_mut()).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(tcp) => Pin::new(tcp).poll_shutdown(context),
            Self::Tls(tls) => Pin::new(tls.as_mut()).poll_shutdown(context),
        }
    }
}

/// What a connection and the answer it carries tell each other about the head.
#[derive(Debug, Default)]
pub(super) struct Head {
    /// It has come to its end.
    pub(super) is_done: Cell<bool>,
    /// It is long and waits for room.
    pub(super) is_starved: Cell<bool>,
    /// How long it waited.
    pub(super) waited: Cell<Duration>,
}

/// A connection that notes when its first byte came, and reads a long head only with room for it:
/// hyper keeps all of a head until its end.
pub(super) struct Socket {
    pub(super) wire: Wire,
    pub(super) first_byte: Rc<Cell<Option<Instant>>>,
    pub(super) head: Rc<Head>,
    head_bytes: usize,
    long_heads: Arc<Semaphore>,
    waiting: Option<Waiting>,
    /// Room for a long head, given back with the connection.
    room: Option<OwnedSemaphorePermit>,
}

/// A wait for room, and since when.
type Waiting = (Instant, Pin<Box<dyn Future<Output = Result<OwnedSemaphorePermit, AcquireError>>>>);

impl Socket {
    /// A connection from which nothing came yet; so many long heads at a time.
    pub(super) fn new(wire: Wire, long_heads: &Arc<Semaphore>) -> Self {
        let (first_byte, head, long_heads) = (Rc::default(), Rc::default(), Arc::clone(long_heads));
        Self { wire, first_byte, head, head_bytes: 0, long_heads, waiting: None, room: None }
    }

    /// Ready once the head may grow.
    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.head.is_done.get() || self.head_bytes < HEAD_BYTES_FREE || self.room.is_some() {
            return Poll::Ready(Ok(()));
        }
        let heads = &self.long_heads;
        let (since, waiting) =
            self.waiting.get_or_insert_with(|| (monotonic(), Box::pin(Arc::clone(heads).acquire_owned())));
        let room = waiting.as_mut().poll(context);
        self.head.is_starved.set(room.is_pending());
        let room = ready!(room).map_err(io::Error::other)?;
        self.head.waited.set(monotonic().duration_since(*since));
        (self.room, self.waiting) = (Some(room), None);
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_room(context))?;
        let room = buffer.remaining().min(READ_BYTES_MAX);
        let mut part = ReadBuf::new(buffer.initialize_unfilled_to(room));
        let read = Pin::new(&mut this.wire).poll_read(context, &mut part);
        let filled = part.filled().len();
        if read.is_ready() && filled > 0 {
            buffer.advance(filled);
            this.head_bytes = this.head_bytes.saturating_add(filled);
            if this.first_byte.get().is_none() {
                this.first_byte.set(Some(monotonic()));
            }
        }
        read
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().wire).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().wire).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().wire).poll_shutdown(context)
    }
}
