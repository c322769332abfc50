//! A year in which the provider of 72 bodies is out, in the store and in memory.

use std::time::Duration;

use turmwacht::history::writer::{Batch, WriterOptions};
use turmwacht::model::time::Timestamp;
use turmwacht::replay::replay;
use turmwacht::scenario::Scenario;

use super::fixture::{Ground, Pen};

const STORE_BYTES_MAX: u64 = 2 * 1024 * 1024;

const MEMORY_BYTES_MAX: usize = 1024 * 1024;

#[test]
fn a_year_of_a_great_outage_stays_small() {
    let replayed = replay(&Scenario::load("menden-2023").expect("it is built in"));
    let ground = Ground::new();
    let retain_results = Duration::from_secs(400 * 86_400);
    let pen = Pen::new(ground.store(), WriterOptions { retain_results, pages_max: None });
    // Decisions and results as they came, a batch a day.
    let day = |at: Timestamp| at.as_millis().div_euclid(86_400_000);
    let mut results = &replayed.results[..];
    for events in replayed.events.chunk_by(|one, next| day(one.at) == day(next.at)) {
        let today = results.partition_point(|result| day(result.ended_at) <= day(events[0].at));
        let (found, later) = results.split_at(today);
        pen.write(Batch { events: events.to_vec(), results: found.to_vec(), ..Batch::default() });
        results = later;
    }
    pen.results(results);
    pen.writer.shutdown();
    let (events, results) = (replayed.events.len(), replayed.results.len());
    let files = std::fs::read_dir(ground.folder.path()).unwrap();
    let stored: u64 = files.map(|file| file.unwrap().metadata().unwrap().len()).sum();
    assert!(stored < STORE_BYTES_MAX, "{stored} bytes for {events} decisions and {results} results");
    // A checkpoint holds what the state holds, with the catalogue's names.
    let held = serde_json::to_vec(&replayed.state.record).unwrap().len();
    assert!(held < MEMORY_BYTES_MAX, "{held} bytes");
    assert!(events > 150 && results > 10_000, "{events} decisions, {results} results");
}
