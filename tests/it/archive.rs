//! An archive in memory, for documents that look back.

use std::sync::Mutex;

use turmwacht::model::id::ComponentId;
use turmwacht::model::time::Timestamp;
use turmwacht::publish::archive::{Archive, NewestResults, PastInterval, PastResult, Unavailable};

/// Knows what it is told, the same of every component, and remembers what it was asked for.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) results: Vec<PastResult>,
    pub(crate) intervals: Vec<PastInterval>,
    pub(crate) is_broken: bool,
    pub(crate) asked: Mutex<Vec<String>>,
}

impl Told {
    /// One that cannot be read.
    pub(crate) fn broken() -> Self {
        Self { is_broken: true, ..Self::default() }
    }

    fn note(&self, what: &str, id: &ComponentId, from: Timestamp, until: Timestamp) -> Result<(), Unavailable> {
        self.asked.lock().unwrap().push(format!("{what} of {id} from {from} until {until}"));
        if self.is_broken { Err(Unavailable::Now) } else { Ok(()) }
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

impl Archive for Told {
    fn results(
        &self,
        id: &ComponentId,
        from: Timestamp,
        until: Timestamp,
        most: usize,
    ) -> Result<Vec<PastResult>, Unavailable> {
        self.note("results", id, from, until)?;
        let inside = self.results.iter().filter(|result| from <= result.at && result.at < until);
        let found: Vec<PastResult> = inside.cloned().collect();
        if found.len() > most { Err(Unavailable::TooMuch) } else { Ok(found) }
    }

    fn newest_results(
        &self,
        id: &ComponentId,
        from: Timestamp,
        until: Timestamp,
        most: usize,
    ) -> Result<NewestResults, Unavailable> {
        let mut results = self.results(id, from, until, usize::MAX)?;
        let left_out = results.len().saturating_sub(most);
        let from = results.drain(..left_out).next_back().map_or(from, |last| last.at.shifted(1));
        Ok(NewestResults { from, results })
    }

    fn intervals(
        &self,
        id: &ComponentId,
        from: Timestamp,
        until: Timestamp,
        most: usize,
    ) -> Result<Vec<PastInterval>, Unavailable> {
        self.note("intervals", id, from, until)?;
        let touching = |i: &&PastInterval| i.from < until && i.until.is_none_or(|end| end > from);
        let found: Vec<PastInterval> = self.intervals.iter().filter(touching).copied().collect();
        if found.len() > most { Err(Unavailable::TooMuch) } else { Ok(found) }
    }
}
