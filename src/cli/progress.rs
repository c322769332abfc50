//! How far long work is: a line on stderr, if that is a terminal, and gone when the work is done.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use crate::clock::monotonic;

/// Between two lines.
const PAUSE: Duration = Duration::from_millis(100);

/// Shows how far something is.
pub(super) struct Progress {
    what: &'static str,
    shown: Option<Instant>,
}

impl Progress {
    pub(super) const fn of(what: &'static str) -> Self {
        Self { what, shown: None }
    }

    /// So much of so much is done.
    pub(super) fn at(&mut self, done: usize, of: usize) {
        let is_due = |shown: Instant| monotonic().duration_since(shown) >= PAUSE;
        if std::io::stderr().is_terminal() && self.shown.is_none_or(is_due) {
            self.shown = Some(monotonic());
            let percent = done.saturating_mul(100).checked_div(of).unwrap_or(100);
            write(&format!("\r{}: {percent:>3} %", self.what));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown.is_some() {
            write(&format!("\r{:1$}\r", "", self.what.len() + ": 100 %".len()));
        }
    }
}

fn write(text: &str) {
    let mut stderr = std::io::stderr().lock();
    // Nobody is left to be shown it.
    stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush()).unwrap_or_default();
}
