//! x
use jiff::tz::TimeZone;
use crate::model::time::Timestamp;
use crate::model::window::Recurrence;
/// An occurrence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window { /// a
 pub from: Timestamp, /// b
 pub until: Timestamp }
/// x
pub fn next(_: &Recurrence, _: jiff::civil::Date, _: &TimeZone, _: Timestamp) -> Option<Window> { None }
/// x
pub fn occurrences(_: &Recurrence, _: jiff::civil::Date, _: &TimeZone, _: Timestamp, _: usize) -> Vec<Window> { Vec::new() }
