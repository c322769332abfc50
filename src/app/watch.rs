//! Watching the files of the configuration, and reading them again.
//!
//! A thread looks at what lies on disk once a second: polling works on every file system, also where a
//! mounted folder is swapped by a symbolic link. A change counts once nothing has changed for a moment,
//! and what was read counts only if nothing changed meanwhile: so half a file is never in force. What
//! becomes of what was read is decided by the loop.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::clock::monotonic;
use crate::config::{self, LoadFailure, Loaded};

/// Between two looks at files that stay as they are.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Between two looks at files that are just changing.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// A change counts after so long without another.
const STABLE_FOR: Duration = Duration::from_millis(500);

/// Looking takes at most one part in so many of a processor, however many files there are; while something is
/// changing, one in [`SHARE_AGAIN`].
const SHARE: u32 = 50;
const SHARE_AGAIN: u32 = 4;

/// But a look comes at the latest after this, also where a slow disk makes it long.
const LOOK_LATEST: Duration = Duration::from_secs(10);

/// So often files that somebody wants read are read anew if they change meanwhile.
const READINGS_MAX: u32 = 3;

/// What tells one state of a file from another without reading it. A swapped link leads to another
/// inode; the time of its last change of any kind shows what keeps its time of writing.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mark {
    device: u64,
    inode: u64,
    size: u64,
    written: (i64, i64),
    changed: (i64, i64),
}

/// The files of a configuration as they lie on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    marks: Vec<(PathBuf, Option<Mark>)>,
}

impl Files {
    /// Looks at config.toml and at every file that its patterns match right now.
    pub fn of(config_file: &Path) -> Self {
        let mark = |path: &Path| {
            let metadata = std::fs::metadata(path).ok()?;
            Some(Mark {
                device: metadata.dev(),
                inode: metadata.ino(),
                size: metadata.size(),
                written: (metadata.mtime(), metadata.mtime_nsec()),
                changed: (metadata.ctime(), metadata.ctime_nsec()),
            })
        };
        let marks = config::files(config_file).into_iter().map(|path| {
            let mark = mark(&path);
            (path, mark)
        });
        Self { marks: marks.collect() }
    }
}

/// Which files are read again, and what is known of them at the start.
#[derive(Debug, Clone)]
pub struct Watched {
    /// The operator's file.
    pub file: PathBuf,
    /// All files as they lay on disk before they were read.
    pub files: Files,
    /// The patterns of `probes`, and whether a file matched.
    pub patterns: BTreeMap<String, bool>,
}

/// Who asked for files to be read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// The operator, by SIGHUP.
    Signal,
    /// A change on disk.
    Change,
}

/// Files that were read again.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) by: By,
    /// What they say; `None` if reading them panicked.
    pub(super) loaded: Option<Result<Loaded, LoadFailure>>,
}

/// The loop's end of the thread. The thread ends by itself when this goes.
pub(super) struct Watch {
    signals: SyncSender<()>,
    readings: mpsc::Receiver<Reading>,
}

impl Watch {
    /// Starts the thread.
    pub(super) fn start(watched: Watched) -> std::io::Result<Self> {
        // One signal waits; another one then says the same.
        let (signals, asked) = sync_channel(1);
        let (out, readings) = mpsc::channel(1);
        std::thread::Builder::new().name("watch".to_owned()).spawn(move || watch(watched, &asked, &out))?;
        Ok(Self { signals, readings })
    }

    /// Has the files read again, changed or not.
    pub(super) fn read_again(&self) {
        // If one waits already, it will read what this one would.
        self.signals.try_send(()).unwrap_or_default();
    }

    /// The next files that were read again.
    pub(super) async fn next(watch: &mut Option<Self>) -> Option<Reading> {
        match watch {
            Some(watch) => watch.readings.recv().await,
            None => std::future::pending().await,
        }
    }
}

/// Whether a change counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    /// There is none.
    None,
    /// Something is just changing.
    Under,
    /// What has changed stays as it is.
    Settled,
}

/// What was read last, what was seen last, and since when that has not changed.
struct Settling {
    read: Files,
    seen: Files,
    since: Instant,
}

impl Settling {
    fn new(read: Files, now: Instant) -> Self {
        Self { seen: read.clone(), read, since: now }
    }

    fn look(&mut self, files: Files, now: Instant) -> Change {
        if files != self.seen {
            self.seen = files;
            self.since = now;
        }
        if self.seen == self.read {
            Change::None
        } else if now.saturating_duration_since(self.since) < STABLE_FOR {
            Change::Under
        } else {
            Change::Settled
        }
    }

    /// What was just read lay on disk like this.
    fn was_read(&mut self, files: Files, now: Instant) {
        *self = Self::new(files, now);
    }
}

/// The thread.
fn watch(watched: Watched, signals: &Receiver<()>, out: &mpsc::Sender<Reading>) {
    let file = watched.file;
    let mut settling = Settling::new(watched.files, monotonic());
    let mut pause = LOOK_EVERY;
    loop {
        let by = match signals.recv_timeout(pause) {
            Ok(()) => By::Signal,
            Err(RecvTimeoutError::Timeout) => By::Change,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let began = monotonic();
        let files = Files::of(&file);
        let change = settling.look(files.clone(), began);
        let took = began.elapsed();
        pause = match change {
            Change::None => LOOK_EVERY.max(took * SHARE),
            Change::Under | Change::Settled => LOOK_AGAIN.max(took * SHARE_AGAIN),
        };
        pause = pause.min(LOOK_LATEST);
        if by == By::Change && change != Change::Settled {
            continue;
        }
        let mut files = files;
        let mut tries = 1;
        let loaded = loop {
            // Nothing of ours outlives a panic in there.
            let loaded = catch_unwind(AssertUnwindSafe(|| config::load_or_settings(&file))).ok();
            let after = Files::of(&file);
            if after == files || (by == By::Signal && tries == READINGS_MAX) {
                break Some(loaded);
            }
            // Something changed meanwhile, so half of what was read may be old. Whoever asked is answered still.
            settling.look(after.clone(), monotonic());
            if by == By::Change {
                break None;
            }
            files = after;
            tries += 1;
        };
        let Some(loaded) = loaded else { continue };
        settling.was_read(files, monotonic());
        if out.blocking_send(Reading { by, loaded }).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with a configuration of two probe files.
    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.toml"), "probes = [\"probes/*.toml\"]\n").unwrap();
        std::fs::create_dir(folder.path().join("probes")).unwrap();
        for name in ["a", "b"] {
            std::fs::write(folder.path().join(format!("probes/{name}.toml")), "# nothing\n").unwrap();
        }
        folder
    }

    fn files(folder: &tempfile::TempDir) -> Files {
        Files::of(&folder.path().join("config.toml"))
    }

    #[test]
    fn whatever_happens_to_a_file_is_seen() {
        let place = folder();
        let at = |name: &str| place.path().join(name);
        let mut before = files(&place);
        assert_eq!(before.marks.len(), 3);
        assert_eq!(files(&place), before, "nothing has happened");
        let mut sees = |what: &str| {
            let now = files(&place);
            assert_ne!(now, before, "{what}");
            before = now;
        };
        std::fs::write(at("probes/c.toml"), "").unwrap();
        sees("a new file");
        std::fs::write(at("probes/c.toml"), "# longer").unwrap();
        sees("another size");
        std::fs::write(at("other"), "# longer").unwrap();
        std::fs::rename(at("other"), at("probes/c.toml")).unwrap();
        sees("another file under the name");
        std::fs::remove_file(at("probes/c.toml")).unwrap();
        sees("a file that is gone");
        let old = std::fs::metadata(at("probes/a.toml")).unwrap().modified().unwrap();
        std::fs::write(at("probes/a.toml"), "# nothinG\n").unwrap();
        std::fs::File::options().write(true).open(at("probes/a.toml")).unwrap().set_modified(old).unwrap();
        sees("as long, and with its old time");
        std::fs::remove_file(at("config.toml")).unwrap();
        sees("no config.toml");
    }

    #[test]
    fn a_swapped_link_is_a_change() {
        // As Kubernetes mounts a ConfigMap: the files are links into `..data`, which is a link itself.
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        for version in ["..1", "..2"] {
            std::fs::create_dir(at(version)).unwrap();
            std::fs::write(at(version).join("config.toml"), "probes = []\n").unwrap();
        }
        std::os::unix::fs::symlink("..1", at("..data")).unwrap();
        std::os::unix::fs::symlink("..data/config.toml", at("config.toml")).unwrap();
        let before = files(&place);
        std::os::unix::fs::symlink("..2", at("..data_tmp")).unwrap();
        std::fs::rename(at("..data_tmp"), at("..data")).unwrap();
        assert_ne!(files(&place), before);
    }

    #[test]
    fn a_change_counts_once_nothing_has_changed_for_a_moment() {
        let place = folder();
        let start = monotonic();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut settling = Settling::new(files(&place), start);
        assert_eq!(settling.look(files(&place), at(5_000)), Change::None);
        // Somebody truncates and writes, again and again.
        let mut versions = Vec::new();
        for step in 0..20 {
            let text = if step % 2 == 0 { String::new() } else { format!("# {step}") };
            std::fs::write(place.path().join("probes/a.toml"), text).unwrap();
            versions.push(files(&place));
            assert_eq!(settling.look(files(&place), at(6_000 + step * 400)), Change::Under, "step {step}");
        }
        let last = 6_000 + 19 * 400;
        assert_eq!(settling.look(files(&place), at(last + 499)), Change::Under);
        assert_eq!(settling.look(files(&place), at(last + 500)), Change::Settled);
        settling.was_read(files(&place), at(last + 500));
        assert_eq!(settling.look(files(&place), at(last + 600)), Change::None, "it is told once");
    }
}
