//! Readers beside the writer: the write-ahead log stays within its bound, whoever reads.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

use rusqlite::Connection;
use turmwacht::history::archive::ArchiveReader;
use turmwacht::history::audit::verify;
use turmwacht::history::open::Store;
use turmwacht::history::writer::{Batch, CheckpointBody, WAL_BYTES_MAX};
use turmwacht::model::id::ComponentId;
use turmwacht::model::verdict::Verdict;

use super::fixture::{Ground, Pen, adopted, at, logged, result};

const MIB: u64 = 1024 * 1024;

/// What one write adds at most.
const WRITTEN_AT_ONCE: u64 = 2 * MIB;

/// A body that cannot be compressed.
fn noise(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..WRITTEN_AT_ONCE / 8)
        .flat_map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        })
        .collect()
}

fn length(ground: &Ground) -> u64 {
    std::fs::metadata(format!("{}-wal", ground.path.display())).map_or(0, |wal| wal.len())
}

/// Writes so much and returns the longest that the write-ahead log was.
fn write(ground: &Ground, pen: &Pen, bytes: u64) -> u64 {
    (0..bytes / WRITTEN_AT_ONCE)
        .map(|number| {
            let body = noise(number);
            let make = move || CheckpointBody { position: 1, format: 1, catalogue_version: 1, body };
            let results = vec![result(0, i64::try_from(number).unwrap() * 60, Verdict::Up)];
            pen.write(Batch { results, checkpoint: Some(Box::new(make)), ..Batch::default() });
            length(ground)
        })
        .max()
        .unwrap_or(0)
}

/// Does something again and again until it is told to stop; then returns how often.
fn again(stop: &Arc<AtomicBool>, mut deed: impl FnMut() + Send + 'static) -> JoinHandle<u32> {
    let stop = Arc::clone(stop);
    spawn(move || {
        let mut times = 0;
        while !stop.load(Ordering::Relaxed) {
            deed();
            times += 1;
        }
        times
    })
}

/// A connection that reads from now on, until it is told to roll back.
fn begin(connection: &Connection) {
    connection.execute_batch("BEGIN").unwrap();
    connection.query_row("SELECT count(*) FROM event", [], |row| row.get::<_, u32>(0)).unwrap();
}

#[test]
fn readers_who_relieve_each_other_do_not_let_the_write_ahead_log_grow() {
    let ground = Ground::new();
    let pen = ground.pen();
    pen.events(&logged(1, [adopted(1, &["portal"])]));
    let stop = Arc::new(AtomicBool::new(false));
    let pair = [ground.sql(), ground.sql()];
    begin(&pair[1]);
    // At every moment one of them reads.
    let reading = again(&stop, move || {
        for (comes, goes) in [(0, 1), (1, 0)] {
            begin(&pair[comes]);
            pair[goes].execute_batch("ROLLBACK").unwrap();
            sleep(Duration::from_millis(10));
        }
    });
    let longest = write(&ground, &pen, 2 * WAL_BYTES_MAX);
    stop.store(true, Ordering::Relaxed);
    assert!(reading.join().unwrap() > 1);
    assert!(longest <= WAL_BYTES_MAX + 2 * WRITTEN_AT_ONCE, "{longest} bytes");
}

#[test]
fn a_reader_that_does_not_end_stops_nobody_and_is_made_up_for() {
    let ground = Ground::new();
    let pen = ground.pen();
    pen.events(&logged(1, [adopted(1, &["portal"])]));
    let stopped = ground.sql();
    begin(&stopped);
    let longest = write(&ground, &pen, WAL_BYTES_MAX + 8 * MIB);
    assert!(longest > WAL_BYTES_MAX, "{longest} bytes: nothing can be folded away under it");
    stopped.execute_batch("ROLLBACK").unwrap();
    write(&ground, &pen, 32 * MIB);
    assert!(length(&ground) <= 32 * MIB, "{} bytes", length(&ground));
    assert!(pen.writer.gauges().wal_bytes <= 32 * MIB);
}

#[test]
fn readers_of_our_own_end_soon_enough() {
    let ground = Ground::new();
    let pen = ground.pen();
    pen.events(&logged(1, [adopted(1, &["portal"])]));
    let stop = Arc::new(AtomicBool::new(false));
    let path: &Path = &ground.path;
    let archive = ArchiveReader::open(path).unwrap();
    let looking = again(&stop, move || {
        archive.newest_results(&ComponentId::new("portal"), at(0), at(1 << 40), 10_000).unwrap();
    });
    let audited = ground.path.clone();
    let verifying = again(&stop, move || drop(verify(&audited).unwrap()));
    let (copied, to) = (ground.path.clone(), ground.folder.path().join("backup.db"));
    let copying = again(&stop, move || {
        Store::backup_to(&copied, &to, &mut |_, _| {}).unwrap();
        std::fs::remove_file(&to).unwrap();
    });
    let longest = write(&ground, &pen, 2 * WAL_BYTES_MAX);
    stop.store(true, Ordering::Relaxed);
    let times = [looking, verifying, copying].map(|thread| thread.join().unwrap());
    assert!(times.iter().all(|times| *times > 0), "{times:?}");
    assert!(longest <= WAL_BYTES_MAX + 2 * WRITTEN_AT_ONCE, "{longest} bytes");
}
