//! The whole site as files, so that any file server stands in for this one.
//!
//! A file is written when its content has changed, not because time has passed; how fresh all of
//! them are stands in `api/v1/alive.json` alone, which is written last.

mod folder;

use std::collections::HashSet;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use crate::app::export::folder::Folder;
pub use crate::app::export::folder::FolderFault;
use crate::clock::monotonic;
use crate::model::id::ComponentId;
use crate::model::settings::ExportSettings;
use crate::model::snapshot::{HealthWord, Snapshot};
use crate::model::time::Timestamp;
use crate::publish::archive::{Archive, NewestResults, Nothing, PastInterval, PastResult, Unavailable};
use crate::publish::export::{self, ALIVE, ExportFile};
use crate::publish::{Rendered, Target, render_with};

/// Bytes of the hash by which a change of content is noticed.
const CONTENT_BYTES: usize = 16;

/// What an export did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exported {
    /// Files that were new or had changed.
    pub written: usize,
    /// Files that were as they should be.
    pub unchanged: usize,
    /// Files that are no more.
    pub removed: usize,
}

/// Writes a snapshot into a folder: what changed since the last time, freshness last. `going_on` is told before
/// each file how many of how many are done, and asked whether to go on, so that a stop need not wait.
///
/// What the archive cannot tell at the moment is no reason to remove what it told before: then nothing is
/// removed, and what is about nothing but the past stays as it is. What else is on a page is written.
fn write(
    folder: &mut Folder,
    snapshot: &Snapshot,
    archive: &dyn Archive,
    going_on: &mut dyn FnMut(usize, usize) -> bool,
) -> Result<Option<Exported>, FolderFault> {
    let mut done = Exported::default();
    let archive = Noting { archive, missed: AtomicBool::new(false) };
    let files = export::files(snapshot, &archive);
    let mut unfinished = usize::from(archive.has_missed());
    // Rendered as if it had never changed, two documents with the same content are the same bytes.
    let timeless = Snapshot { position: 0, ..export::kept(snapshot, Timestamp::default()) };
    let dated = export::kept(snapshot, snapshot.at);
    let mut there: HashSet<&str> = HashSet::from([ALIVE]);
    for (index, ExportFile { path, target, is_past }) in files.iter().enumerate() {
        if !going_on(index, files.len()) {
            folder.save()?;
            return Ok(None);
        }
        let body = body(&timeless, &archive, target);
        let has_missed = archive.has_missed();
        if has_missed || body.is_err() {
            unfinished += 1;
        }
        let Ok(Some(body)) = body else { continue };
        there.insert(path);
        let content = content(&body);
        let written = folder.written(path);
        if written.is_some_and(|written| written.content == content) || (has_missed && *is_past && written.is_some()) {
            done.unchanged += 1;
            continue;
        }
        let Ok(Some(body)) = self::body(&dated, &archive, target) else { continue };
        folder.write(path, content, &body)?;
        done.written += 1;
    }
    if unfinished == 0 {
        done.removed = folder.retain(|path| there.contains(path))?;
    }
    write_alive(folder, snapshot)?;
    folder.save()?;
    if unfinished == 0 { Ok(Some(done)) } else { Err(FolderFault::Unfinished(unfinished)) }
}

fn write_alive(folder: &mut Folder, snapshot: &Snapshot) -> Result<(), FolderFault> {
    // It is rendered from the snapshot alone, as it is.
    match body(snapshot, &Nothing, &export::alive()) {
        Ok(Some(body)) => folder.write(ALIVE, String::new(), &body),
        Ok(None) | Err(Panicked) => Ok(()),
    }
}

/// An archive, and whether it failed to answer since that was last asked.
struct Noting<'a> {
    archive: &'a dyn Archive,
    missed: AtomicBool,
}

impl Noting<'_> {
    fn has_missed(&self) -> bool {
        self.missed.swap(false, Ordering::Relaxed)
    }

    fn note<T>(&self, answer: Result<T, Unavailable>) -> Result<T, Unavailable> {
        if matches!(answer, Err(Unavailable::Now)) {
            self.missed.store(true, Ordering::Relaxed);
        }
        answer
    }
}

impl Archive for Noting<'_> {
    fn results(
        &self,
        component: &ComponentId,
        from: Timestamp,
        until: Timestamp,
        most: usize,
    ) -> Result<Vec<PastResult>, Unavailable> {
        self.note(self.archive.results(component, from, until, most))
    }

    fn newest_results(
        &self,
        component: &ComponentId,
        from: Timestamp,
        until: Timestamp,
        most: usize,
    ) -> Result<NewestResults, Unavailable> {
        self.note(self.archive.newest_results(component, from, until, most))
    }

    fn intervals(
        &self,
        component: &ComponentId,
        from: Timestamp,
        until: Timestamp,
        most: usize,
    ) -> Result<Vec<PastInterval>, Unavailable> {
        self.note(self.archive.intervals(component, from, until, most))
    }
}

/// A document could not be rendered, which is a defect of ours.
#[derive(Debug)]
struct Panicked;

/// A document; none if there is none under this address.
fn body(snapshot: &Snapshot, archive: &dyn Archive, target: &Target) -> Result<Option<Vec<u8>>, Panicked> {
    let rendered = catch_unwind(AssertUnwindSafe(|| render_with(snapshot, archive, target))).map_err(|_| {
        tracing::error!("writing {} panicked: this is a defect; please report it", target.path);
        Panicked
    })?;
    Ok(match rendered {
        Rendered::Document(document) => Some(document.body),
        Rendered::Moved(_) | Rendered::Gone | Rendered::BadRequest(_) | Rendered::NotFound | Rendered::Unavailable => {
            None
        }
    })
}

fn content(body: &[u8]) -> String {
    let hash = Sha256::digest(body);
    data_encoding::HEXLOWER.encode(hash.get(..CONTENT_BYTES).unwrap_or(&hash))
}

/// Writes a snapshot into a folder, once, and tells how many of how many files are done.
///
/// # Errors
/// If the folder cannot be used.
pub(super) fn export(
    path: &Path,
    snapshot: &Snapshot,
    archive: &dyn Archive,
    told: &mut dyn FnMut(usize, usize),
) -> Result<Exported, FolderFault> {
    let mut folder = Folder::open(path)?;
    let mut going_on = |done, of| {
        told(done, of);
        true
    };
    Ok(write(&mut folder, snapshot, archive, &mut going_on)?.unwrap_or_default())
}

/// Exports on a thread of its own whatever is published. Dropping it ends the thread.
pub(super) struct Exporter {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    /// The newest snapshot that was not looked at.
    newest: Mutex<Option<Arc<Snapshot>>>,
    arrived: Condvar,
    stopping: AtomicBool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Option<Arc<Snapshot>>> {
        // Nothing of others runs under this lock.
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn goes_on(&self) -> bool {
        !self.stopping.load(Ordering::Acquire)
    }

    /// Waits for a snapshot; at `latest` it returns without one.
    fn wait(&self, latest: Option<Instant>) -> Option<Arc<Snapshot>> {
        let mut newest = self.lock();
        while newest.is_none() && self.goes_on() {
            let Some(latest) = latest else {
                newest = self.arrived.wait(newest).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = latest.saturating_duration_since(monotonic());
            if left.is_zero() {
                break;
            }
            newest = self.arrived.wait_timeout(newest, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        newest.take()
    }
}

impl Exporter {
    /// Opens the folder and starts the thread. `succeeded` is told how each run went.
    ///
    /// # Errors
    /// If the folder cannot be used, or the system refuses a thread.
    pub(super) fn start(
        settings: &ExportSettings,
        archive: Arc<dyn Archive>,
        succeeded: impl Fn(bool) + Send + 'static,
    ) -> Result<Self, FolderFault> {
        let folder = Folder::open(&settings.path)?;
        let shared = Arc::new(Shared::default());
        let (path, every) = (settings.path.clone(), settings.every);
        let run = {
            let shared = Arc::clone(&shared);
            move || run(&shared, folder, every, &*archive, &succeeded)
        };
        let thread = thread::Builder::new().name("export".to_owned()).spawn(run);
        let thread = thread.map_err(|source: io::Error| FolderFault::File { path, source })?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Hands over what has been published.
    pub(super) fn offer(&self, snapshot: &Arc<Snapshot>) {
        let outdated = self.shared.lock().replace(Arc::clone(snapshot));
        self.shared.arrived.notify_one();
        drop(outdated);
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Release);
        // Under the lock, so that the thread is either waiting or sees it.
        drop(self.shared.lock());
        self.shared.arrived.notify_one();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the export ended in a panic: this is a defect; please report it");
        }
    }
}

/// What makes two snapshots read the same, but for the time.
fn standing(snapshot: &Snapshot) -> (u64, i64, Vec<HealthWord>) {
    (snapshot.position, snapshot.at.as_millis().div_euclid(3_600_000), snapshot.health.clone())
}

fn run(shared: &Shared, mut folder: Folder, every: Duration, archive: &dyn Archive, succeeded: &dyn Fn(bool)) {
    let mut last: Option<Arc<Snapshot>> = None;
    let mut waiting: Option<Arc<Snapshot>> = None;
    let mut rests_until: Option<Instant> = None;
    let mut fault: Option<String> = None;
    while shared.goes_on() {
        let latest = rests_until.filter(|_| waiting.is_some());
        waiting = shared.wait(latest).or(waiting);
        let Some(snapshot) = waiting.clone() else { continue };
        let changed = last.as_ref().is_none_or(|last| standing(last) != standing(&snapshot));
        let result = if !changed {
            waiting = None;
            write_alive(&mut folder, &snapshot).map(|()| Some(Exported::default()))
        } else if rests_until.is_none_or(|until| until <= monotonic()) {
            waiting = None;
            let written = write(&mut folder, &snapshot, archive, &mut |_, _| shared.goes_on());
            rests_until = Some(monotonic() + every);
            // What failed is tried again in the next minute.
            last = written.is_ok().then_some(snapshot);
            written
        } else {
            continue;
        };
        succeeded(result.is_ok());
        let sentence = result.err().map(|fault| fault.to_string());
        match (&fault, &sentence) {
            (None, Some(sentence)) => tracing::error!("the site is not exported: {sentence}"),
            (Some(_), None) => tracing::info!("the site is exported again"),
            (Some(_), Some(_)) | (None, None) => {}
        }
        fault = sentence;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::engine::{Input, State};

    /// Has a past, or cannot be read.
    struct Sometimes {
        is_broken: AtomicBool,
    }

    impl Sometimes {
        fn answer<T>(&self, answer: T) -> Result<T, Unavailable> {
            if self.is_broken.load(Ordering::Relaxed) { Err(Unavailable::Now) } else { Ok(answer) }
        }
    }

    impl Archive for Sometimes {
        fn results(
            &self,
            _: &ComponentId,
            _: Timestamp,
            _: Timestamp,
            _: usize,
        ) -> Result<Vec<PastResult>, Unavailable> {
            self.answer(Vec::new())
        }

        fn newest_results(
            &self,
            _: &ComponentId,
            from: Timestamp,
            _: Timestamp,
            _: usize,
        ) -> Result<NewestResults, Unavailable> {
            self.answer(NewestResults { from, results: Vec::new() })
        }

        fn intervals(
            &self,
            _: &ComponentId,
            _: Timestamp,
            _: Timestamp,
            _: usize,
        ) -> Result<Vec<PastInterval>, Unavailable> {
            self.answer(Vec::new())
        }
    }

    #[test]
    fn what_cannot_be_read_at_the_moment_stays_as_it_was_written() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("config.toml");
        std::fs::write(&file, "probes = [\"probes.toml\"]\n").unwrap();
        let probes = "[[organisation]]\nid = \"amt\"\nkind = \"provider\"\nname = \"Amt\"\n\
                      [[component]]\nid = \"portal\"\nname = \"Portal\"\nkind = \"portal\"\nowner = \"amt\"\n";
        std::fs::write(place.path().join("probes.toml"), probes).unwrap();
        let catalogue = Arc::new(config::load(&file).unwrap().catalogue);
        let at = Timestamp::from_millis(1_700_000_000_000);
        let mut state = State::new(1);
        state.step(vec![Input::Adopt(catalogue)], at);
        let snapshot = state.snapshot(at, &[], true);
        let path = place.path().join("site");
        let archive = Sometimes { is_broken: AtomicBool::new(false) };
        let first = export(&path, &snapshot, &archive, &mut |_, _| {}).unwrap();
        assert!(first.written > 20, "{first:?}");
        let history = path.join("amt/history/index.html");
        let before = std::fs::read_to_string(&history).unwrap();

        archive.is_broken.store(true, Ordering::Relaxed);
        let fault = export(&path, &snapshot, &archive, &mut |_, _| {}).unwrap_err();
        assert!(matches!(fault, FolderFault::Unfinished(count) if count > 0), "{fault}");
        assert_eq!(std::fs::read_to_string(&history).unwrap(), before);

        archive.is_broken.store(false, Ordering::Relaxed);
        let last = export(&path, &snapshot, &archive, &mut |_, _| {}).unwrap();
        assert_eq!(last.removed, 0, "{last:?}");
    }
}
