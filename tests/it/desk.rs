//! The pages of the desk: what an editor reads and sends, against an interface of the test's own and
//! against a running program.

mod operations;
