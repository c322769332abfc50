//! Rendered documents by key, bounded in bytes: what is used least goes first.
//!
//! No lock and no thread; whatever is thrown out is returned, so that the caller drops it
//! outside its lock.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::publish::documents::stored::Stored;

#[derive(Debug)]
struct Entry {
    stored: Arc<Stored>,
    epoch: u64,
    cost: u64,
}

/// What had to go, for the caller to drop.
#[derive(Debug, Default)]
pub(super) struct Dropped {
    pub(super) stored: Vec<Arc<Stored>>,
    /// Whether something still current was among it.
    pub(super) evicted: bool,
}

/// The documents of the current epoch, and those of the one before in case they did not change.
#[derive(Debug)]
pub(super) struct Cache {
    entries: HashMap<Arc<str>, Entry>,
    /// Keys in the order in which they come up for eviction. Each entry's key stands here once;
    /// keys of swept entries are taken out by the sweep.
    round: VecDeque<Arc<str>>,
    bytes: u64,
    bytes_max: u64,
}

impl Cache {
    pub(super) fn new(bytes_max: u64) -> Self {
        Self { entries: HashMap::new(), round: VecDeque::new(), bytes: 0, bytes_max }
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The document of this epoch.
    pub(super) fn fresh(&self, key: &str, epoch: u64) -> Option<&Arc<Stored>> {
        self.entries.get(key).filter(|entry| entry.epoch == epoch).map(|entry| &entry.stored)
    }

    /// The document of any epoch.
    pub(super) fn any(&self, key: &str) -> Option<&Arc<Stored>> {
        self.entries.get(key).map(|entry| &entry.stored)
    }

    /// Keeps a document, unless it alone is too large or a newer one is here.
    pub(super) fn insert(&mut self, key: &Arc<str>, stored: &Arc<Stored>, epoch: u64) -> Dropped {
        let cost = stored.cost(key);
        if cost > self.bytes_max || self.entries.get(key).is_some_and(|entry| entry.epoch > epoch) {
            return Dropped::default();
        }
        let mut dropped = Dropped::default();
        match self.entries.insert(Arc::clone(key), Entry { stored: Arc::clone(stored), epoch, cost }) {
            Some(old) => {
                self.bytes -= old.cost;
                dropped.stored.push(old.stored);
            }
            None => self.round.push_back(Arc::clone(key)),
        }
        self.bytes += cost;
        self.evict(&mut dropped);
        dropped
    }

    /// A variant of a document is ready and takes room too.
    pub(super) fn grow(&mut self, key: &str, stored: &Arc<Stored>, by: u64) -> Dropped {
        let mut dropped = Dropped::default();
        if let Some(entry) = self.entries.get_mut(key).filter(|entry| Arc::ptr_eq(&entry.stored, stored)) {
            entry.cost += by;
            self.bytes += by;
            self.evict(&mut dropped);
        }
        dropped
    }

    /// There is no such document any more.
    pub(super) fn remove(&mut self, key: &str) -> Option<Arc<Stored>> {
        let entry = self.entries.remove(key)?;
        self.bytes -= entry.cost;
        self.round.retain(|other| **other != *key);
        Some(entry.stored)
    }

    /// Throws out everything older than `epoch`.
    pub(super) fn sweep(&mut self, epoch: u64) -> Vec<Arc<Stored>> {
        let mut dropped = Vec::new();
        let bytes = &mut self.bytes;
        self.entries.retain(|_, entry| {
            let keep = entry.epoch >= epoch;
            if !keep {
                *bytes -= entry.cost;
                dropped.push(Arc::clone(&entry.stored));
            }
            keep
        });
        if !dropped.is_empty() {
            let entries = &self.entries;
            self.round.retain(|key| entries.contains_key(key));
        }
        dropped
    }

    /// A document with a mark of use loses it and goes to the end of the round; one without goes
    /// out. Ends, because every turn takes a mark or an entry.
    fn evict(&mut self, dropped: &mut Dropped) {
        while self.bytes > self.bytes_max {
            let Some(key) = self.round.pop_front() else { return };
            if self.entries.get(&key).is_some_and(|entry| entry.stored.spend()) {
                self.round.push_back(key);
            } else if let Some(entry) = self.entries.remove(&key) {
                self.bytes -= entry.cost;
                dropped.stored.push(entry.stored);
                dropped.evicted = true;
            }
        }
    }
}
