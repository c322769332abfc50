//! Copies beside a running writer.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use turmwacht::history::StoreFault;
use turmwacht::history::open::Store;
use turmwacht::history::writer::Batch;
use turmwacht::model::status::Status;
use turmwacht::model::verdict::Verdict;

use super::fixture::{Ground, adopted, changed, logged, result};

#[test]
fn a_backup_beside_a_running_writer_is_a_whole_store() {
    let ground = Ground::new();
    let pen = ground.pen();
    pen.events(&logged(1, [adopted(1, &["portal"])]));
    let stop = Arc::new(AtomicBool::new(false));
    let writing = std::thread::spawn({
        let stop = Arc::clone(&stop);
        move || {
            let mut position = 2;
            while !stop.load(Ordering::Relaxed) {
                let events = logged(position, [changed("portal", Status::Unknown, 1)]);
                let results = vec![result(0, i64::try_from(position).unwrap(), Verdict::Up)];
                pen.write(Batch { events, results, ..Batch::default() });
                position += 1;
            }
            position - 1
        }
    });
    let mut reports = Vec::new();
    for n in 0..3 {
        let to = ground.folder.path().join(format!("backup-{n}.db"));
        reports.push(Store::backup_to(&ground.path, &to, &mut |_, _| {}).unwrap());
    }
    stop.store(true, Ordering::Relaxed);
    let written: u64 = writing.join().unwrap();
    for report in &reports {
        let metadata = fs::metadata(&report.path).unwrap();
        assert_eq!((metadata.len(), metadata.permissions().mode() & 0o777), (report.bytes, 0o600));
        for side in ["-wal", "-shm", "-journal"] {
            assert!(!fs::exists(format!("{}{side}", report.path.display())).unwrap(), "one file, no {side}");
        }
        let restored = Store::open(&report.path).unwrap().restore().unwrap();
        assert_eq!((restored.position, restored.events.len() as u64), (report.position, report.position));
        assert!(restored.position <= written);
    }
    assert!(reports.is_sorted_by_key(|report| report.position));
    assert_eq!(ground.restore().epoch, Store::open(&reports[0].path).unwrap().epoch());
}

#[test]
fn an_existing_target_is_refused_and_stays() {
    let ground = Ground::new();
    drop(ground.store());
    let to = ground.folder.path().join("important.txt");
    fs::write(&to, "kept").unwrap();
    let fault = Store::backup_to(&ground.path, &to, &mut |_, _| {}).unwrap_err();
    assert!(matches!(fault, StoreFault::TargetExists { .. }), "{fault}");
    assert_eq!(fs::read_to_string(&to).unwrap(), "kept");
}

#[test]
fn a_backup_that_fails_leaves_nothing_behind() {
    let ground = Ground::new();
    ground.pen().events(&logged(1, [adopted(1, &["portal"])]));
    // Damage a page in the middle; the header stays.
    let mut bytes = fs::read(&ground.path).unwrap();
    let page = 16 * 1024;
    bytes[2 * page..3 * page].fill(0xa5);
    fs::write(&ground.path, bytes).unwrap();
    let to = ground.folder.path().join("backup.db");
    let fault = Store::backup_to(&ground.path, &to, &mut |_, _| {}).unwrap_err().to_string();
    assert!(fault.contains("sound") || fault.contains("damaged"), "{fault}");
    assert!(!to.exists());
}
