//! The past for documents: what the store's reader answers. Why it does not is logged, not published.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::clock::monotonic;
use crate::history::archive::{ArchiveFault, ArchiveReader};
use crate::history::{StoreFault, salvage};
use crate::model::id::ComponentId;
use crate::model::time::Timestamp;
use crate::publish::archive::{Archive, NewestResults, PastInterval, PastResult, Unavailable};

/// One line in the log for all faults of so long.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// The past, as the store tells it.
pub(super) struct Past {
    path: PathBuf,
    reader: ArchiveReader,
    told: Mutex<Option<Instant>>,
}

impl Past {
    /// The past in the store at `path`.
    pub(super) fn open(path: &Path) -> Result<Self, StoreFault> {
        Ok(Self { path: path.to_owned(), reader: ArchiveReader::open(path)?, told: Mutex::new(None) })
    }

    /// Tells the operator why there is no answer, and whoever asked only that there is none.
    fn unavailable(&self, component: &ComponentId, fault: &ArchiveFault) -> Unavailable {
        if matches!(fault, ArchiveFault::TooMuch) {
            return Unavailable::TooMuch;
        }
        if self.may_tell(monotonic()) {
            tracing::warn!(component.id = %component, "cannot look back on {component}: {fault}");
            if fault.may_be_damage() {
                salvage::suspect(&self.path);
            }
        }
        Unavailable::Now
    }

    fn may_tell(&self, now: Instant) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let may = told.is_none_or(|before| now.saturating_duration_since(before) >= TOLD_EVERY);
        if may {
            *told = Some(now);
        }
        may
    }
}

impl Archive for Past {
    fn results(
        &self,
        component: &ComponentId,
        from: Timestamp,
        until: Timestamp,
        most: usize,
    ) -> Result<Vec<PastResult>, Unavailable> {
        let answer = self.reader.results(component, from, until, most);
        answer.map_err(|fault| self.unavailable(component, &fault))
    }

    fn newest_results(
        &self,
        component: &ComponentId,
        from: Timestamp,
        until: Timestamp,
        most: usize,
    ) -> Result<NewestResults, Unavailable> {
        let answer = self.reader.newest_results(component, from, until, most);
        answer.map_err(|fault| self.unavailable(component, &fault))
    }

    fn intervals(
        &self,
        component: &ComponentId,
        from: Timestamp,
        until: Timestamp,
        most: usize,
    ) -> Result<Vec<PastInterval>, Unavailable> {
        let answer = self.reader.intervals(component, from, until, most);
        answer.map_err(|fault| self.unavailable(component, &fault))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::open::Store;

    #[test]
    fn a_fault_is_told_once_a_minute_and_the_store_is_asked_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("turmwacht.db");
        Past::open(&path).map(|_| ()).expect_err("there is no store");
        let store = Store::open(&path).unwrap();
        let past = Past::open(&path).unwrap();
        let (from, until) = (Timestamp::from_millis(0), Timestamp::from_millis(1));
        let ask = || past.results(&ComponentId::new("portal"), from, until, 1);
        assert_eq!(ask(), Ok(Vec::new()));
        let now = monotonic();
        let told: Vec<u64> = (0..150).filter(|second| past.may_tell(now + Duration::from_secs(*second))).collect();
        assert_eq!(told, [0, 60, 120]);
        drop(store);
    }

    #[test]
    fn a_store_that_turns_out_to_be_damaged_is_looked_at_in_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("turmwacht.db");
        drop(Store::open(&path).unwrap());
        let past = Past::open(&path).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[16 * 1024..].fill(0xa5);
        std::fs::write(&path, bytes).unwrap();
        assert!(!salvage::is_suspected(&path));
        let (from, until) = (Timestamp::from_millis(0), Timestamp::from_millis(1));
        assert_eq!(past.results(&ComponentId::new("portal"), from, until, 1), Err(Unavailable::Now));
        assert!(salvage::is_suspected(&path));
    }
}
