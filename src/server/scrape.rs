//! `/metrics`: written off the server's thread and sent while it is written, one scrape at a
//! time, kept for a second.
//!
//! However many scrapers come, the writer runs at most once a second per format, and waits for
//! none of them: each reads at its own pace what is written so far.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::clock::monotonic;
use crate::publish::metrics::Full;

/// How long a scrape is handed out again.
const KEPT_FOR: Duration = Duration::from_secs(1);
/// Longest wait for a scrape to begin, to go on, or to end.
const WAIT_MAX: Duration = Duration::from_secs(10);
/// So much is handed over at a time.
const PART_BYTES: usize = 256 * 1024;
/// Documents in memory. Beyond, whoever still reads the oldest is cut off: a scraper that is slower
/// than this many newer ones.
const DOCUMENTS_MAX: usize = 8;

/// Writes the metrics, in OpenMetrics if `true`, else in Prometheus' text format.
pub type WriteMetrics = Arc<dyn Fn(bool, &mut Vec<u8>, Full<'_>) + Send + Sync>;

/// The scrapes of one listener.
pub(super) struct Scrapes {
    write: WriteMetrics,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    text: Kept,
    openmetrics: Kept,
    /// The document that was begun last, of either format.
    last: Weak<Document>,
    /// Every document that may still be in memory, the oldest first.
    alive: VecDeque<Weak<Document>>,
}

/// The scrape of one format.
#[derive(Default)]
struct Kept {
    identity: Option<Arc<Document>>,
    /// Made of the same bytes once somebody takes gzip, as scrapers do.
    gzip: Option<Arc<Document>>,
}

/// What a format has for a scraper.
enum Found {
    Document(Arc<Document>),
    /// The writer is busy with the other format.
    Busy(Arc<Document>),
}

impl Scrapes {
    pub(super) fn new(write: WriteMetrics) -> Arc<Self> {
        Arc::new(Self { write, state: Mutex::new(State::default()) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing of others runs under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The metrics, at most a second old, as soon as they begin, or with `whole` once they are
    /// complete. `None` if the writer panicked or takes too long.
    pub(super) async fn get(self: &Arc<Self>, openmetrics: bool, gzip: bool, whole: bool) -> Option<Scraped> {
        // The first round may meet a scrape in the other format, the second one of its own.
        for _ in 0..3 {
            match self.find(openmetrics, gzip) {
                Found::Document(document) => {
                    let parts = if whole { usize::MAX } else { 1 };
                    let there = document.has(parts).await && !document.is_broken();
                    return there.then_some(Scraped { document, next: 0, more: None });
                }
                Found::Busy(other) => {
                    if !other.has(usize::MAX).await {
                        return None;
                    }
                }
            }
        }
        None
    }

    /// Begins what is not there yet. Not awaited: it ends and is kept also when this scraper leaves.
    fn find(self: &Arc<Self>, openmetrics: bool, gzip: bool) -> Found {
        let mut state = self.lock();
        let State { text, openmetrics: open, last, alive } = &mut *state;
        let kept = if openmetrics { open } else { text };
        let identity = match kept.identity.as_ref().filter(|document| document.is_kept()) {
            Some(document) => Arc::clone(document),
            None => {
                if let Some(other) = last.upgrade().filter(|document| !document.has_ended()) {
                    return Found::Busy(other);
                }
                let document = begin(alive);
                *last = Arc::downgrade(&document);
                let old = kept.identity.replace(Arc::clone(&document));
                kept.gzip = None;
                let (scrapes, written) = (Arc::clone(self), Arc::clone(&document));
                drop(tokio::task::spawn_blocking(move || scrapes.run(openmetrics, &written, old)));
                document
            }
        };
        if !gzip {
            return Found::Document(identity);
        }
        let compressed = match kept.gzip.as_ref().filter(|document| !document.is_broken()) {
            Some(document) => Arc::clone(document),
            None => {
                let document = begin(alive);
                kept.gzip = Some(Arc::clone(&document));
                drop(tokio::task::spawn(compress(identity, Arc::clone(&document))));
                document
            }
        };
        Found::Document(compressed)
    }

    /// Writes a document, into the memory of an old one if nobody reads that any more.
    fn run(&self, openmetrics: bool, document: &Document, old: Option<Arc<Document>>) {
        let mut spare = old.and_then(Arc::into_inner).map(Document::into_buffers).unwrap_or_default();
        let mut empty = || spare.pop().unwrap_or_else(|| Vec::with_capacity(PART_BYTES));
        let mut part = empty();
        let written = catch_unwind(AssertUnwindSafe(|| {
            (self.write)(openmetrics, &mut part, &mut |part| document.add(std::mem::replace(part, empty())));
        }));
        if written.is_ok() {
            document.end(part);
        } else {
            tracing::error!("writing the metrics panicked; scrapers get 503 or a broken answer");
            document.break_off();
        }
    }
}

impl fmt::Debug for Scrapes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scrapes")
    }
}

/// A new document; if there are too many, the oldest one is broken off for it.
fn begin(alive: &mut VecDeque<Weak<Document>>) -> Arc<Document> {
    alive.retain(|document| document.strong_count() > 0);
    while alive.len() >= DOCUMENTS_MAX {
        if let Some(oldest) = alive.pop_front().and_then(|document| document.upgrade()) {
            oldest.break_off();
        }
    }
    let document = Arc::new(Document(watch::Sender::default()));
    alive.push_back(Arc::downgrade(&document));
    document
}

/// Compresses a document as it grows.
async fn compress(identity: Arc<Document>, gzip: Arc<Document>) {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let mut next = 0;
    while identity.has(next + 1).await {
        let (parts, end) = identity.parts_from(next);
        next += parts.len();
        let ends = match end {
            None => false,
            Some(End::Whole { .. }) => true,
            Some(End::Broken) => break,
        };
        let work = tokio::task::spawn_blocking(move || -> io::Result<GzEncoder<Vec<u8>>> {
            for part in parts {
                encoder.write_all(&part)?;
            }
            if ends {
                encoder.try_finish()?;
            }
            Ok(encoder)
        });
        let Ok(Ok(advanced)) = work.await else { break };
        encoder = advanced;
        let part = std::mem::take(encoder.get_mut());
        if ends {
            gzip.end(part);
            return;
        }
        gzip.add(part);
    }
    gzip.break_off();
}

/// Metrics, written once and read by many, also while they are written.
#[derive(Debug)]
struct Document(watch::Sender<Written>);

#[derive(Debug, Default)]
struct Written {
    parts: Vec<Bytes>,
    end: Option<End>,
}

#[derive(Debug, Clone, Copy)]
enum End {
    Whole {
        at: Instant,
    },
    /// The writer panicked, or the document is read too slowly. It has no parts any more.
    Broken,
}

impl Document {
    fn add(&self, part: Vec<u8>) {
        self.grow(part, None);
    }

    /// Adds the last part. What has only this one is seen whole or not at all.
    fn end(&self, part: Vec<u8>) {
        self.grow(part, Some(End::Whole { at: monotonic() }));
    }

    /// Nothing grows beyond its end, nor after it was broken off.
    fn grow(&self, part: Vec<u8>, end: Option<End>) {
        self.0.send_if_modified(|written| {
            let grows = written.end.is_none() && (end.is_some() || !part.is_empty());
            if grows {
                written.parts.extend(Some(Bytes::from(part)).filter(|part| !part.is_empty()));
                written.end = end;
            }
            grows
        });
    }

    fn break_off(&self) {
        self.0.send_replace(Written { parts: Vec::new(), end: Some(End::Broken) });
    }

    fn has_ended(&self) -> bool {
        self.0.borrow().end.is_some()
    }

    fn is_broken(&self) -> bool {
        matches!(self.0.borrow().end, Some(End::Broken))
    }

    /// Whether it may be handed out: it is being written, or has not been complete for long.
    fn is_kept(&self) -> bool {
        match self.0.borrow().end {
            None => true,
            Some(End::Whole { at }) => monotonic().duration_since(at) < KEPT_FOR,
            Some(End::Broken) => false,
        }
    }

    /// Waits until there are so many parts, or the end. `false` if that takes too long.
    async fn has(&self, parts: usize) -> bool {
        let mut written = self.0.subscribe();
        let there = written.wait_for(|written| written.parts.len() >= parts || written.end.is_some());
        matches!(timeout(WAIT_MAX, there).await, Ok(Ok(_)))
    }

    fn parts_from(&self, next: usize) -> (Vec<Bytes>, Option<End>) {
        let written = self.0.borrow();
        (written.parts.get(next..).unwrap_or_default().to_vec(), written.end)
    }

    /// The bytes from a part on, once the document is complete.
    fn length_from(&self, next: usize) -> Option<u64> {
        let written = self.0.borrow();
        let rest = written.parts.get(next..)?;
        matches!(written.end, Some(End::Whole { .. })).then(|| rest.iter().map(|part| part.len() as u64).sum())
    }

    /// Its memory, emptied; without the parts that are still on their way to somebody.
    fn into_buffers(self) -> Vec<Vec<u8>> {
        let unshared = self.0.send_replace(Written::default()).parts.into_iter().filter_map(|p| p.try_into_mut().ok());
        unshared
            .map(|mut part| {
                part.clear();
                Vec::from(part)
            })
            .filter(|buffer| buffer.capacity() >= PART_BYTES)
            .collect()
    }
}

/// A scraper's own way through a document.
pub(super) struct Scraped {
    document: Arc<Document>,
    next: usize,
    /// The wait for the next part.
    more: Option<Pin<Box<dyn Future<Output = bool> + Send>>>,
}

/// The answer cannot be completed.
#[derive(Debug, thiserror::Error)]
#[error("the metrics broke off")]
pub(super) struct BrokeOff;

impl Body for Scraped {
    type Data = Bytes;
    type Error = BrokeOff;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokeOff>>> {
        loop {
            if let Some(more) = &mut self.more {
                let in_time = ready!(more.as_mut().poll(context));
                self.more = None;
                if !in_time {
                    return Poll::Ready(Some(Err(BrokeOff)));
                }
            }
            let (part, end) = {
                let written = self.document.0.borrow();
                (written.parts.get(self.next).cloned(), written.end)
            };
            match (part, end) {
                (Some(part), _) => {
                    self.next += 1;
                    return Poll::Ready(Some(Ok(Frame::data(part))));
                }
                (None, Some(End::Whole { .. })) => return Poll::Ready(None),
                (None, Some(End::Broken)) => return Poll::Ready(Some(Err(BrokeOff))),
                (None, None) => {
                    let (document, parts) = (Arc::clone(&self.document), self.next + 1);
                    self.more = Some(Box::pin(async move { document.has(parts).await }));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.document.length_from(self.next) == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.document.length_from(self.next).map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_limit_the_oldest_document_is_broken_off() {
        let mut alive = VecDeque::new();
        let mut held: Vec<Arc<Document>> = (0..DOCUMENTS_MAX).map(|_| begin(&mut alive)).collect();
        held[0].end(b"old".to_vec());
        held[1].end(b"young".to_vec());
        held.push(begin(&mut alive));
        assert!(held[0].is_broken() && held[0].parts_from(0).0.is_empty());
        held[0].end(b"late".to_vec());
        assert!(held[0].parts_from(0).0.is_empty());
        assert_eq!(held[1].length_from(0), Some(5));
        // What nobody holds does not count.
        held.pop();
        held.push(begin(&mut alive));
        assert!(!held[1].is_broken());
    }

    #[test]
    fn memory_is_used_again_unless_a_part_is_still_on_its_way() {
        let document = begin(&mut VecDeque::new());
        let parts: Vec<Vec<u8>> = (0..2u8)
            .map(|byte| {
                let mut part = Vec::with_capacity(PART_BYTES);
                part.push(byte);
                part
            })
            .collect();
        let places: Vec<*const u8> = parts.iter().map(|part| part.as_ptr()).collect();
        parts.into_iter().for_each(|part| document.add(part));
        document.end(b"short".to_vec());
        let on_its_way = document.parts_from(0).0.remove(0);
        let buffers = Arc::into_inner(document).unwrap().into_buffers();
        assert_eq!(buffers.iter().map(|buffer| buffer.as_ptr()).collect::<Vec<_>>(), places[1..]);
        assert!(buffers.iter().all(|buffer| buffer.is_empty() && buffer.capacity() == PART_BYTES));
        assert_eq!(on_its_way, &[0][..]);
    }
}
