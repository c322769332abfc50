//! The verbs: what follows from what was seen. Pure: no IO, no `await`, no clock, no log.
//!
//! [`State::step`] takes inputs and the time, decides events and applies them;
//! [`State::apply`] alone restores. A decision is never taken twice: what the log says holds,
//! also under a newer release. Everything that depends on time is a timer with a deadline, and
//! all timers due before an input fire before it, with their deadline as their time.

mod adopt;
pub mod confirm;
mod edit;
pub mod graph;
mod incidents;
pub mod judge;
mod losses;
mod maintenance;
mod measure;
mod merge;
mod notices;
mod oversight;
mod restraint;
mod resume;
pub mod schedule;
mod state;
mod status;
mod step;
mod timers;
mod umbrella;
pub mod vantage;
mod view;

pub use losses::Loss;
pub use measure::measure;
pub use state::{CHECKPOINT_FORMAT, CheckRecord, ComponentRecord, Record, State};
pub use step::{Effect, Input, Step};
