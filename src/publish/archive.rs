//! What a document may ask for beyond a snapshot: single results, and states of long ago.
//!
//! The store answers (`history`), or nothing does ([`Nothing`]); replays and previews look at a
//! snapshot alone. What is asked for is bounded by whoever asks.

use crate::model::id::ComponentId;
pub use crate::model::past::{NewestResults, PastInterval, PastResult};
use crate::model::time::Timestamp;

/// Why the archive gives no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// There is more than may be asked for at once, and asking again changes nothing.
    #[error("the archive was asked for too much")]
    TooMuch,
    /// It is busy or damaged.
    #[error("the archive cannot be read at the moment")]
    Now,
}

/// What knows of long ago.
pub trait Archive: Send + Sync {
    /// The results of a component's checks that ended in `[from, until)`, oldest first.
    ///
    /// # Errors
    /// If it cannot be read, or if there are more than `most`.
    fn results(
        &self,
        component: &ComponentId,
        from: Timestamp,
        until: Timestamp,
        most: usize,
    ) -> Result<Vec<PastResult>, Unavailable>;

    /// The newest results of a component's checks that ended in `[from, until)`, `most` at most,
    /// and from when on they are all.
    ///
    /// # Errors
    /// If it cannot be read.
    fn newest_results(
        &self,
        component: &ComponentId,
        from: Timestamp,
        until: Timestamp,
        most: usize,
    ) -> Result<NewestResults, Unavailable>;

    /// The intervals of a component that touch `[from, until)`, oldest first; not cut to it.
    ///
    /// # Errors
    /// If it cannot be read, or if there are more than `most`.
    fn intervals(
        &self,
        component: &ComponentId,
        from: Timestamp,
        until: Timestamp,
        most: usize,
    ) -> Result<Vec<PastInterval>, Unavailable>;
}

/// Knows nothing.
#[derive(Debug, Clone, Copy)]
pub struct Nothing;

impl Archive for Nothing {
    fn results(&self, _: &ComponentId, _: Timestamp, _: Timestamp, _: usize) -> Result<Vec<PastResult>, Unavailable> {
        Ok(Vec::new())
    }

    fn newest_results(
        &self,
        _: &ComponentId,
        from: Timestamp,
        _: Timestamp,
        _: usize,
    ) -> Result<NewestResults, Unavailable> {
        Ok(NewestResults { from, results: Vec::new() })
    }

    fn intervals(
        &self,
        _: &ComponentId,
        _: Timestamp,
        _: Timestamp,
        _: usize,
    ) -> Result<Vec<PastInterval>, Unavailable> {
        Ok(Vec::new())
    }
}
