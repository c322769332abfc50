//! Tests of `history`: against real files, through the public interface.

mod archive;
mod audits;
mod backups;
mod crash;
mod faults;
mod fixture;
mod golden;
mod intervals;
mod notifications;
mod opening;
mod readers;
mod restoring;
mod salvaging;
mod tokens;
mod year;
