//! Tests of `server` and of the documents it serves.

mod admin;
mod documents;
mod events;
mod hosts;
mod http;
mod limits;
mod operation;
mod scrape;
mod world;
