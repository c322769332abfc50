//! The shell: three places that share only immutable snapshots.
//!
//! Probes and the loop run on one current-thread runtime (this thread), the public server on a
//! thread of its own, the writer and the renderers on theirs. The loop awaits nothing but its
//! inputs; whatever it causes goes into bounded queues.

mod archive;
mod core;
mod desk;
mod export;
mod flight;
mod launch;
mod log_limit;
mod outbox;
mod owned;
mod preview;
mod recent;

pub use export::{Exported, FolderFault};
pub use launch::{AppFault, Running, Start, export, run, serve};

/// Most descriptors the public server may use: half of what there is.
pub const SERVER_SHARE: u64 = 2;
