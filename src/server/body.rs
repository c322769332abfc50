//! The body of an answer: shared bytes, what the router made, or a stream of events.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

use crate::server::events::Stream;

/// The body of an answer.
#[derive(Debug)]
pub(super) enum Body {
    /// Bytes, handed out once.
    Bytes(Option<Bytes>),
    /// What the router made.
    Routed(axum::body::Body),
    /// What happens from now on.
    Events(Box<Stream>),
    /// Something of unknown length, of which only the head goes out.
    Unsent,
}

impl Body {
    pub(super) const EMPTY: Self = Self::Bytes(None);
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::Bytes(Some(bytes).filter(|bytes| !bytes.is_empty()))
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match &mut *self {
            Self::Bytes(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Routed(body) => Pin::new(body).poll_frame(context),
            Self::Events(stream) => stream.poll_next(context).map(|frame| frame.map(Ok)),
            Self::Unsent => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Bytes(bytes) => bytes.is_none(),
            Self::Routed(body) => body.is_end_stream(),
            Self::Events(_) | Self::Unsent => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Bytes(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Routed(body) => body.size_hint(),
            Self::Events(_) | Self::Unsent => SizeHint::new(),
        }
    }
}
