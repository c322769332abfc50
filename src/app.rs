//! The shell: three places that share only immutable snapshots.
//!
//! Probes and the loop run on one current-thread runtime (this thread), the public server on a
//! thread of its own, the writer and the renderers on theirs. The loop awaits nothing but its
//! inputs; whatever it causes goes into bounded queues.

mod archive;
mod core;
mod descriptors;
mod desk;
mod export;
mod flight;
mod launch;
mod log_limit;
mod notifier;
mod opening;
mod operations;
mod outbox;
mod owned;
mod preview;
mod recent;
mod reload;
mod standing;
mod supervisor;
mod watch;
mod ways;

pub use export::{Exported, FolderFault};
pub use launch::{AppFault, Running, Start, export, run, serve};
pub(crate) use notifier::test as notify_test;
pub use watch::{Files, Watched};
