//! Opening the store and restoring the state from it; of a damaged one, from what could be saved.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use crate::app::AppFault;
use crate::engine::{CHECKPOINT_FORMAT, Record, State};
use crate::history::open::Store;
use crate::history::restore::{Checkpoint, Restored};
use crate::history::salvage;
use crate::model::event::Logged;
use crate::model::verdict::Verdict;

/// Events that are skipped at a start, at most, because they cannot be applied.
pub(super) const SKIPPED_AT_START_MAX: u32 = 16;

/// An opened store and what it holds.
pub(super) struct Opened {
    pub(super) store: Store,
    pub(super) state: State,
    /// An event could not be applied and is passed over.
    pub(super) recovered: bool,
    /// The store is a new one, made of what could be read of a damaged one.
    pub(super) salvaged: bool,
}

/// Opens the store. If it turns out to be damaged, a new one is made of what can be read.
pub(super) fn open(path: &Path) -> Result<Opened, AppFault> {
    salvage::resume(path)?;
    let mut salvaged = salvage::is_suspected(path) && save(path)?;
    let mut opened = attempt(path);
    if let Err(AppFault::Store(fault)) = &opened
        && fault.may_be_damage()
        && !salvaged
        && save(path)?
    {
        salvaged = true;
        opened = attempt(path);
    }
    opened.map(|opened| Opened { salvaged, ..opened })
}

/// Saves what can be read, if the store is damaged for certain, and says what became of it.
fn save(path: &Path) -> Result<bool, AppFault> {
    let Some(salvaged) = salvage::salvage(path)? else { return Ok(false) };
    for sentence in salvaged.sentences() {
        tracing::error!("{sentence}");
    }
    Ok(true)
}

fn attempt(path: &Path) -> Result<Opened, AppFault> {
    let mut store = Store::open(path)?;
    let (state, recovered) = restore(&mut store)?;
    if recovered {
        tracing::warn!("an event of the log could not be applied and is passed over from now on");
    }
    Ok(Opened { store, state, recovered, salvaged: false })
}

/// The state from the store: the last checkpoint and everything after it. An event whose
/// application panics is skipped, by this and every later reader of the log.
fn restore(store: &mut Store) -> Result<(State, bool), AppFault> {
    let mut recovered = false;
    for _ in 0..=SKIPPED_AT_START_MAX {
        let mut restored = store.restore()?;
        // A checkpoint that this release cannot read costs time, not truth.
        if restored.checkpoint.as_ref().is_some_and(|checkpoint| record_of(checkpoint).is_none()) {
            restored = store.replay()?;
        }
        match fold(&restored, State::apply) {
            Ok(state) => return Ok((state, recovered)),
            Err(position) => {
                tracing::error!(
                    "the event at position {position} cannot be applied: this is a defect; please report it"
                );
                store.append_skipped(position)?;
                recovered = true;
            }
        }
    }
    Err(AppFault::Log)
}

/// The record in a checkpoint, if it is of a format that this release reads.
fn record_of(checkpoint: &Checkpoint) -> Option<Record> {
    (checkpoint.format == CHECKPOINT_FORMAT).then(|| serde_json::from_slice(&checkpoint.body).ok())?
}

/// Applies what was restored; `Err` names the position whose application panicked.
pub(super) fn fold(restored: &Restored, apply: impl Fn(&mut State, &Logged)) -> Result<State, u64> {
    let record = restored.checkpoint.as_ref().and_then(record_of);
    let mut state = match (record, &restored.checkpoint_catalogue) {
        // A checkpoint that was saved from a damaged store is of an earlier epoch.
        (Some(record), Some(catalogue)) => {
            State::from_record(Record { epoch: restored.epoch, ..record }, Arc::clone(catalogue))
        }
        _ => State::new(restored.epoch),
    };
    for logged in &restored.events {
        if logged.position <= state.record.position {
            continue;
        }
        catch_unwind(AssertUnwindSafe(|| apply(&mut state, logged))).map_err(|_panic| logged.position)?;
    }
    for evidence in &restored.evidence {
        if let Some(check) = state.catalogue().check_index(&evidence.check) {
            let good = matches!(evidence.verdict, Verdict::Up | Verdict::Degraded);
            state.saw(check, Some(evidence.slot), evidence.ended_at, good.then_some(evidence.started_at));
        }
    }
    Ok(state)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::Event;
    use crate::model::time::Timestamp;

    #[test]
    fn an_event_that_panics_is_named_by_its_position() {
        let events = (1..=3u64).map(|position| Logged {
            position,
            at: Timestamp::from_millis(1),
            event: Event::ClockStepped { by_ms: 0 },
        });
        let restored = Restored {
            epoch: 1,
            checkpoint: None,
            checkpoint_catalogue: None,
            events: events.collect(),
            evidence: Vec::new(),
            position: 3,
            last_at: Timestamp::from_millis(1),
            last_catalogue: None,
        };
        let poisoned = fold(&restored, |state, logged| {
            assert!(logged.position != 2, "injected");
            state.apply(logged);
        });
        assert_eq!(poisoned.err(), Some(2));
        assert_eq!(fold(&restored, State::apply).map(|state| state.record.position), Ok(3));
    }
}
