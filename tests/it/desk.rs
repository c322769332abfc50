//! The desk of editors: its pages against a running program, as a browser without scripts meets them,
//! and against an interface of the tests' own that tells them whatever a test wants.

mod audit;
mod browser;
mod components;
mod maintenance;
mod pages;
