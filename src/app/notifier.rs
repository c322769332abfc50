//! Telling people and programs, on a thread of its own: nothing that hangs there delays a probe.
//!
//! The loop hands over what stands once it is durable. The thread compares it with what was told, records
//! the messages that come of it, and delivers them.

mod alerts;
mod storage;
mod test;
mod work;

pub(crate) use test::test;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;

use crate::app::notifier::work::Work;
use crate::app::ways::Ways;
use crate::clock::monotonic;
use crate::history::notification::Counted;
use crate::model::catalogue::Catalogue;
use crate::model::notification::Notification;
use crate::model::notify::Recipient;
use crate::notify::facts::Facts;
use crate::telemetry::Metrics;

/// The way to the thread. Dropping it ends the thread.
pub(super) struct Notifier {
    shared: Arc<Shared>,
    recipients: Vec<String>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread needs.
pub(super) struct Order {
    pub(super) store: PathBuf,
    pub(super) ways: Ways,
    pub(super) recipients: Vec<Recipient>,
    pub(super) metrics: Metrics,
    /// The catalogue at the start: what to say of a store that fails before anything else is known.
    pub(super) catalogue: Arc<Catalogue>,
    /// Where the log ends on disk at the start.
    pub(super) position: u64,
}

#[derive(Default)]
struct Shared {
    inbox: Mutex<Inbox>,
    arrived: Notify,
    stopping: AtomicBool,
    board: Mutex<Arc<Board>>,
}

/// What became of messages, for whoever looks after the program.
#[derive(Debug, Default)]
pub(super) struct Board {
    pub(super) count: Counted,
    /// The newest: given up, on their way, sent.
    pub(super) newest: Vec<Notification>,
}

/// What the loop said last.
#[derive(Default)]
struct Inbox {
    /// What stands, if that is new.
    facts: Option<Arc<Facts>>,
    /// Since when the store cannot be written.
    storage_since: Option<Instant>,
    /// Whom to send a test.
    tests: BTreeSet<String>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inbox> {
        // Nothing of others runs under this lock.
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn show(&self, board: Board) {
        *self.board.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(board);
    }

    fn goes_on(&self) -> bool {
        !self.stopping.load(Ordering::Acquire)
    }

    /// What is new; the word about the store stays.
    fn take(&self) -> Inbox {
        let mut inbox = self.lock();
        Inbox { facts: inbox.facts.take(), storage_since: inbox.storage_since, tests: std::mem::take(&mut inbox.tests) }
    }
}

impl Notifier {
    /// Starts the thread.
    ///
    /// # Errors
    /// If the system refuses a thread or a runtime.
    pub(super) fn start(order: Order) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let recipients = order.recipients.iter().map(|recipient| recipient.to.key()).collect();
        let runtime: Runtime = Builder::new_current_thread().enable_all().build()?;
        let run = {
            let shared = Arc::clone(&shared);
            move || {
                runtime.block_on(Work::new(order, shared).run());
                // A look-up of a name may hang; nobody waits for it.
                runtime.shutdown_background();
            }
        };
        let thread = thread::Builder::new().name("notify".to_owned()).spawn(run)?;
        Ok(Self { shared, recipients, thread: Some(thread) })
    }

    /// Hands over what stands and is durable.
    pub(super) fn offer(&self, facts: Arc<Facts>) {
        let outdated = self.shared.lock().facts.replace(facts);
        self.shared.arrived.notify_one();
        drop(outdated);
    }

    /// Says whether the store cannot be written.
    pub(super) fn storage(&self, fails: bool) {
        let mut inbox = self.shared.lock();
        if inbox.storage_since.is_some() != fails {
            inbox.storage_since = fails.then(monotonic);
            self.shared.arrived.notify_one();
        }
    }

    /// Everybody who is told of anything, or whoever has this name.
    pub(super) fn recipients(&self, name: Option<&str>) -> Vec<String> {
        self.recipients.iter().filter(|key| name.is_none_or(|name| name == key.as_str())).cloned().collect()
    }

    /// Sends them a test. Of each only one is on its way at a time.
    pub(super) fn test(&self, recipients: &[String]) {
        self.shared.lock().tests.extend(recipients.iter().cloned());
        self.shared.arrived.notify_one();
    }

    /// What became of messages, as it was a moment ago.
    pub(super) fn board(&self) -> Arc<Board> {
        Arc::clone(&self.shared.board.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether the thread goes on. It ends by itself only by a panic.
    pub(super) fn is_running(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Release);
        self.shared.arrived.notify_one();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("telling people ended in a panic: this is a defect; please report it");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_panicked_does_not_count_as_running() {
        let (go, wait) = std::sync::mpsc::sync_channel::<()>(0);
        let thread = thread::spawn(move || {
            wait.recv().unwrap();
            panic!("injected");
        });
        let notifier = Notifier { shared: Arc::default(), recipients: Vec::new(), thread: Some(thread) };
        assert!(notifier.is_running());
        go.send(()).unwrap();
        while notifier.is_running() {
            thread::yield_now();
        }
    }
}
