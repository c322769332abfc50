//! Whether the loop still turns, and what the service manager is told.
//!
//! A thread looks once a second. While the loop turns it feeds systemd's watchdog, if there is one; if the
//! loop stands still it ends the program, so that whoever started it starts it anew: a server that goes on
//! without its engine would show a past. Words for the service manager go by this thread, too, because
//! sending them may block. `NOTIFY_SOCKET` and `WATCHDOG_USEC` are read by the crate that speaks its protocol.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use sd_notify::NotifyState;

use crate::clock::monotonic;
use crate::server::Health;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// So many looks in a row without a turn of the loop, and it hangs. Looks are counted, not time: a machine
/// that was suspended has not looked either.
const SILENT_MAX: u32 = 30;

/// Words that wait at most; beyond it they are dropped, as they only tell.
const WORDS_MAX: usize = 16;

/// The log gets so long to take the last word.
const LAST_WORD: Duration = Duration::from_millis(200);

/// What the service manager is told.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Word {
    /// Everything runs; beside it a line for people.
    Ready(String),
    /// The files are being read again.
    Reloading,
    /// The end has begun.
    Stopping,
}

/// The loop's end of the thread.
pub(super) struct Supervisor {
    words: Option<SyncSender<Word>>,
    thread: Option<JoinHandle<()>>,
}

impl Supervisor {
    /// Starts the thread.
    pub(super) fn start(health: Arc<Health>) -> std::io::Result<Self> {
        let (words, told) = sync_channel(WORDS_MAX);
        let thread =
            std::thread::Builder::new().name("supervisor".to_owned()).spawn(move || supervise(&health, &told))?;
        Ok(Self { words: Some(words), thread: Some(thread) })
    }

    /// It runs; also after files were read again.
    pub(super) fn ready(&self, status: String) {
        self.tell(Word::Ready(status));
    }

    /// Files are read again.
    pub(super) fn reloading(&self) {
        self.tell(Word::Reloading);
    }

    /// The loop has ended: from now on it need not turn.
    pub(super) fn stopping(&mut self) {
        self.tell(Word::Stopping);
        self.words = None;
    }

    fn tell(&self, word: Word) {
        if let Some(words) = &self.words {
            words.try_send(word).unwrap_or_default();
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.stopping();
        if let Some(thread) = self.thread.take() {
            // It ends with the last word.
            thread.join().unwrap_or_default();
        }
    }
}

/// Counts the looks at which the loop had not turned.
#[derive(Debug, Default)]
struct Pulse {
    last: Option<i64>,
    silent: u32,
}

impl Pulse {
    /// Whether the loop has turned since the last look.
    fn beats(&mut self, last: Option<i64>) -> bool {
        if last == self.last {
            self.silent += 1;
            return false;
        }
        self.last = last;
        self.silent = 0;
        true
    }

    const fn has_stopped(&self) -> bool {
        self.silent >= SILENT_MAX
    }
}

/// The thread.
fn supervise(health: &Health, told: &Receiver<Word>) {
    let watchdog = sd_notify::watchdog_enabled().is_some();
    let mut pulse = Pulse::default();
    let mut next_look = monotonic() + LOOK_EVERY;
    loop {
        match told.recv_timeout(next_look.saturating_duration_since(monotonic())) {
            Ok(word) => say(&word),
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {}
        }
        // However many words there are, none of the looks is left out.
        if monotonic() < next_look {
            continue;
        }
        next_look = monotonic() + LOOK_EVERY;
        if pulse.beats(health.last_beat()) {
            if watchdog {
                send(&[NotifyState::Watchdog]);
            }
        } else if pulse.has_stopped() {
            tracing::error!("the engine has stood still for {SILENT_MAX} seconds: ending at once; please report it");
            std::thread::sleep(LAST_WORD);
            std::process::abort();
        }
    }
}

fn say(word: &Word) {
    match word {
        Word::Ready(status) => send(&[NotifyState::Ready, NotifyState::Status(status)]),
        Word::Reloading => {
            let at = NotifyState::monotonic_usec_now().ok();
            send(&std::iter::once(NotifyState::Reloading).chain(at).collect::<Vec<_>>());
        }
        Word::Stopping => send(&[NotifyState::Stopping]),
    }
}

fn send(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!("the service manager cannot be told: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_that_stands_still_is_told_from_one_that_was_late() {
        let mut pulse = Pulse::default();
        assert!(pulse.beats(Some(10)));
        for _ in 1..SILENT_MAX {
            assert!(!pulse.beats(Some(10)));
            assert!(!pulse.has_stopped());
        }
        assert!(pulse.beats(Some(40_000)), "late, but there");
        for _ in 1..SILENT_MAX {
            pulse.beats(Some(40_000));
        }
        assert!(!pulse.has_stopped());
        pulse.beats(Some(40_000));
        assert!(pulse.has_stopped());
    }

    #[test]
    fn a_loop_that_never_turned_stands_still_as_well() {
        let mut pulse = Pulse::default();
        for _ in 0..SILENT_MAX {
            assert!(!pulse.beats(None));
        }
        assert!(pulse.has_stopped());
    }
}
