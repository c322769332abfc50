//! `/metrics`: written off the server's thread, one scrape at a time, kept for a second.
//!
//! However many scrapers come, the writer runs at most once a second per format.

use std::fmt;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::clock::monotonic;

/// How long a scrape is handed out again.
const KEPT_FOR: Duration = Duration::from_secs(1);
/// Longest wait for a scrape in progress.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// Writes the metrics, in OpenMetrics if `true`, else in Prometheus' text format.
pub type WriteMetrics = Arc<dyn Fn(bool) -> Vec<u8> + Send + Sync>;

/// Metrics, written once.
#[derive(Debug)]
pub(super) struct Scraped {
    pub(super) identity: Bytes,
    /// Only if whoever started the scrape takes gzip, as scrapers do.
    pub(super) gzip: Option<Bytes>,
}

/// The scrapes of one listener.
pub(super) struct Scrapes {
    write: WriteMetrics,
    state: Mutex<State>,
    /// Counts the scrapes that ended.
    ended: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    running: bool,
    text: Option<(Instant, Arc<Scraped>)>,
    openmetrics: Option<(Instant, Arc<Scraped>)>,
}

impl Scrapes {
    pub(super) fn new(write: WriteMetrics) -> Arc<Self> {
        Arc::new(Self { write, state: Mutex::new(State::default()), ended: watch::Sender::new(0) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing of others runs under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The metrics, at most a second old, compressed too if `gzip` and this starts the scrape. `None` if the writer panicked or takes too long.
    pub(super) async fn get(self: &Arc<Self>, openmetrics: bool, gzip: bool) -> Option<Arc<Scraped>> {
        let mut ended = self.ended.subscribe();
        // The first round may meet a scrape in the other format, the second one of its own.
        for _ in 0..3 {
            ended.borrow_and_update();
            let start = {
                let mut state = self.lock();
                let kept = if openmetrics { &state.openmetrics } else { &state.text };
                if let Some((at, scraped)) = kept
                    && monotonic().duration_since(*at) < KEPT_FOR
                {
                    return Some(Arc::clone(scraped));
                }
                !std::mem::replace(&mut state.running, true)
            };
            if start {
                let scrapes = Arc::clone(self);
                // Not awaited: it ends and is kept also when this scraper leaves.
                drop(tokio::task::spawn_blocking(move || scrapes.run(openmetrics, gzip)));
            }
            timeout(WAIT_MAX, ended.changed()).await.ok()?.ok()?;
        }
        None
    }

    fn run(&self, openmetrics: bool, gzip: bool) {
        let scraped = catch_unwind(AssertUnwindSafe(|| (self.write)(openmetrics))).ok().map(|identity| {
            let gzip = gzip.then(|| compressed(&identity)).flatten().map(Bytes::from);
            (monotonic(), Arc::new(Scraped { identity: identity.into(), gzip }))
        });
        if scraped.is_none() {
            tracing::error!("writing the metrics panicked; scrapers get 503");
        }
        let mut state = self.lock();
        state.running = false;
        if openmetrics {
            state.openmetrics = scraped;
        } else {
            state.text = scraped;
        }
        drop(state);
        self.ended.send_modify(|count| *count += 1);
    }
}

impl fmt::Debug for Scrapes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scrapes")
    }
}

fn compressed(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok()
}
