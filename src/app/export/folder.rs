//! A folder of ours: files in it appear whole or not at all, and nothing outside it is touched.
//!
//! The folder is opened once and everything is named from there, one segment at a time, without
//! following a symbolic link. A file with a name of its own marks the folder as ours and lists what
//! was written; a folder that holds other things and no such file is refused.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, fchmod, mkdirat, open, openat, renameat, statat, unlinkat};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

/// The file that marks the folder as ours and lists what was written.
pub(super) const MARKER: &str = ".turmwacht-export.json";

/// Where a file grows before it gets its name.
const GROWING: &str = ".turmwacht-export.part";

/// Most bytes of the marker: a hundred thousand files take a tenth of this.
const MARKER_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// The version of the marker's form.
const MARKER_VERSION: u32 = 1;

/// Other people's web servers read these.
const FILE_MODE: Mode = Mode::from_raw_mode(0o644);
const FOLDER_MODE: Mode = Mode::from_raw_mode(0o755);

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderFault {
    /// It holds something else.
    #[error(
        "{} is not empty and was not made by an export; choose an empty folder, or one that an export has written",
        .0.display()
    )]
    Foreign(PathBuf),
    /// Its list cannot be read.
    #[error("{} cannot be read: {what}; remove the folder and export anew", path.display())]
    Marker {
        /// The list.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A file or folder cannot be used.
    #[error("cannot write {}: {source}; check that it is a plain file or folder of ours and that the disk has room", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The rest is up to date.
    #[error(
        "{0} documents could not be written whole, because the past could not be read or the program has a defect; they are tried again with the next run, and nothing is removed until then"
    )]
    Unfinished(usize),
}

/// What is known of a written file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Written {
    /// A hash of its content without when it was generated.
    pub(super) content: String,
    /// Its length in bytes.
    pub(super) bytes: u64,
}

/// What the marker holds.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Marker {
    version: u32,
    files: BTreeMap<String, Written>,
}

/// An opened folder.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    root: OwnedFd,
    files: BTreeMap<String, Written>,
}

impl Folder {
    /// Opens the folder, or makes it.
    pub(super) fn open(path: &Path) -> Result<Self, FolderFault> {
        let fault = |source: io::Error| FolderFault::File { path: path.to_owned(), source };
        std::fs::DirBuilder::new().recursive(true).create(path).map_err(fault)?;
        let root = open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .map_err(|errno| fault(errno.into()))?;
        let mut folder = Self { path: path.to_owned(), root, files: BTreeMap::new() };
        match folder.read_marker()? {
            Some(marker) => folder.files = marker.files,
            None if folder.is_empty().map_err(|errno| fault(errno.into()))? => {
                fchmod(&folder.root, FOLDER_MODE).map_err(|errno| fault(errno.into()))?;
                folder.save()?;
            }
            None => return Err(FolderFault::Foreign(path.to_owned())),
        }
        Ok(folder)
    }

    /// What was written under a path, if it is still there as it was left.
    pub(super) fn written(&self, path: &str) -> Option<&Written> {
        let written = self.files.get(path)?;
        let (folder, name) = self.folder_of(path, false).ok()?;
        let stat = statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        (is_file && u64::try_from(stat.st_size) == Ok(written.bytes)).then_some(written)
    }

    /// Writes a file: it appears whole, in place of the one before.
    pub(super) fn write(&mut self, path: &str, content: String, bytes: &[u8]) -> Result<(), FolderFault> {
        self.place(path, bytes).map_err(|errno| self.fault(path, errno))?;
        self.files.insert(path.to_owned(), Written { content, bytes: bytes.len() as u64 });
        Ok(())
    }

    /// Removes every file of ours but those that `keep` names, and folders that are empty then.
    /// Returns how many files went.
    pub(super) fn retain(&mut self, keep: impl Fn(&str) -> bool) -> Result<usize, FolderFault> {
        let gone: Vec<String> = self.files.keys().filter(|path| !keep(path)).cloned().collect();
        for path in &gone {
            self.remove(path).map_err(|errno| self.fault(path, errno))?;
            self.files.remove(path);
        }
        Ok(gone.len())
    }

    /// Writes down what was written.
    pub(super) fn save(&self) -> Result<(), FolderFault> {
        #[derive(Serialize)]
        struct Saved<'a> {
            version: u32,
            files: &'a BTreeMap<String, Written>,
        }
        let saved = Saved { version: MARKER_VERSION, files: &self.files };
        let bytes = serde_json::to_vec(&saved)
            .map_err(|fault| FolderFault::Marker { path: self.path.join(MARKER), what: fault.to_string() })?;
        self.place(MARKER, &bytes).map_err(|errno| self.fault(MARKER, errno))
    }

    fn fault(&self, path: &str, errno: Errno) -> FolderFault {
        FolderFault::File { path: self.path.join(path), source: errno.into() }
    }

    fn read_marker(&self) -> Result<Option<Marker>, FolderFault> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = match openat(&self.root, MARKER, flags, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(self.fault(MARKER, errno)),
        };
        let unreadable = |what: String| FolderFault::Marker { path: self.path.join(MARKER), what };
        let mut text = Vec::new();
        std::fs::File::from(file)
            .take(MARKER_BYTES_MAX)
            .read_to_end(&mut text)
            .map_err(|error| unreadable(error.to_string()))?;
        let marker: Marker = serde_json::from_slice(&text).map_err(|error| unreadable(error.to_string()))?;
        if marker.version != MARKER_VERSION {
            return Err(unreadable(format!("it is of version {}", marker.version)));
        }
        match marker.files.keys().find(|path| !is_plain(path)) {
            Some(path) => Err(unreadable(format!("it names `{}`", path.escape_debug()))),
            None => Ok(Some(marker)),
        }
    }

    fn is_empty(&self) -> Result<bool, Errno> {
        for entry in Dir::read_from(&self.root)? {
            if !matches!(entry?.file_name().to_bytes(), b"." | b"..") {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Puts bytes under a name, at once.
    fn place(&self, path: &str, bytes: &[u8]) -> Result<(), Errno> {
        let (folder, name) = self.folder_of(path, true)?;
        // A leftover of a run that was killed.
        match unlinkat(&folder, GROWING, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(errno),
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&folder, GROWING, flags, FILE_MODE)?;
        // The umask of a server that keeps its store to itself would hide it from others.
        fchmod(&file, FILE_MODE)?;
        let mut file = std::fs::File::from(file);
        let filled = file.write_all(bytes);
        drop(file);
        let placed = match filled {
            Ok(()) => renameat(&folder, GROWING, &folder, name),
            Err(error) => Err(Errno::from_io_error(&error).unwrap_or(Errno::IO)),
        };
        if placed.is_err() {
            // What cannot be removed is removed by the next run.
            unlinkat(&folder, GROWING, AtFlags::empty()).unwrap_or_default();
        }
        placed
    }

    fn remove(&self, path: &str) -> Result<(), Errno> {
        let (folder, name) = match self.folder_of(path, false) {
            Ok(found) => found,
            Err(Errno::NOENT) => return Ok(()),
            Err(errno) => return Err(errno),
        };
        match unlinkat(&folder, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(errno),
        }
        // Folders go from the inside out, as far as they are empty.
        let mut rest = path;
        while let Some((folder, _)) = rest.rsplit_once('/') {
            let (above, name) = self.folder_of(folder, false)?;
            if unlinkat(&above, name, AtFlags::REMOVEDIR).is_err() {
                break;
            }
            rest = folder;
        }
        Ok(())
    }

    /// The folder of a path, opened segment by segment, and the last segment.
    fn folder_of<'p>(&self, path: &'p str, make: bool) -> Result<(OwnedFd, &'p OsStr), Errno> {
        if !is_plain(path) {
            return Err(Errno::INVAL);
        }
        let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut folder = self.root.try_clone().map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
        for segment in folders.split('/').filter(|segment| !segment.is_empty()) {
            folder = match openat(&folder, segment, flags, Mode::empty()) {
                Err(Errno::NOENT) if make => {
                    mkdirat(&folder, segment, FOLDER_MODE)?;
                    let made = openat(&folder, segment, flags, Mode::empty())?;
                    fchmod(&made, FOLDER_MODE)?;
                    made
                }
                opened => opened?,
            };
        }
        Ok((folder, OsStr::new(name)))
    }
}

/// Whether a path stays below the folder it is named from.
fn is_plain(path: &str) -> bool {
    path.split('/').all(|segment| !matches!(segment, "" | "." | "..")) && !path.contains('\0')
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn fresh() -> (tempfile::TempDir, Folder) {
        let outer = tempfile::tempdir().expect("a folder");
        let folder = Folder::open(&outer.path().join("site")).expect("a new folder");
        (outer, folder)
    }

    #[test]
    fn files_are_read_by_others_and_known_again() {
        let (outer, mut folder) = fresh();
        folder.write("town/index.html", "a".to_owned(), b"<p>").expect("written");
        folder.save().expect("saved");
        let site = outer.path().join("site");
        assert_eq!(fs::read(site.join("town/index.html")).unwrap(), b"<p>");
        assert_eq!(fs::metadata(site.join("town/index.html")).unwrap().permissions().mode() & 0o777, 0o644);
        assert_eq!(fs::metadata(site.join("town")).unwrap().permissions().mode() & 0o777, 0o755);
        let again = Folder::open(&site).expect("ours");
        assert_eq!(again.written("town/index.html").map(|written| &*written.content), Some("a"));
        // Cut short by somebody, or replaced by a link.
        fs::write(site.join("town/index.html"), "").unwrap();
        assert_eq!(again.written("town/index.html"), None);
        fs::remove_file(site.join("town/index.html")).unwrap();
        symlink("/etc/hostname", site.join("town/index.html")).unwrap();
        assert_eq!(again.written("town/index.html"), None);
    }

    #[test]
    fn what_is_gone_is_removed_with_its_folders_and_nothing_else() {
        let (outer, mut folder) = fresh();
        for path in ["a/b/index.html", "a/b/c/index.html", "d.txt"] {
            folder.write(path, String::new(), b"x").expect("written");
        }
        let site = outer.path().join("site");
        fs::write(site.join("robots.txt"), "theirs").unwrap();
        assert_eq!(folder.retain(|path| path == "d.txt").expect("removed"), 2);
        assert!(!site.join("a").exists());
        assert_eq!(fs::read_to_string(site.join("robots.txt")).unwrap(), "theirs");
        assert!(site.join("d.txt").exists());
    }

    #[test]
    fn a_planted_link_leads_nowhere() {
        let (outer, mut folder) = fresh();
        let site = outer.path().join("site");
        let elsewhere = outer.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        fs::write(elsewhere.join("precious"), "theirs").unwrap();
        symlink(&elsewhere, site.join("town")).unwrap();
        folder.write("town/index.html", String::new(), b"x").unwrap_err();
        assert!(!elsewhere.join("index.html").exists());
        // A link in the place of a file is replaced, what it leads to is not.
        symlink(elsewhere.join("precious"), site.join("feed.atom")).unwrap();
        symlink(elsewhere.join("precious"), site.join(GROWING)).unwrap();
        folder.write("feed.atom", String::new(), b"ours").expect("written");
        assert_eq!(fs::read_to_string(elsewhere.join("precious")).unwrap(), "theirs");
        assert_eq!(fs::read_to_string(site.join("feed.atom")).unwrap(), "ours");
    }

    #[test]
    fn other_peoples_folders_and_broken_lists_are_refused() {
        let outer = tempfile::tempdir().expect("a folder");
        fs::write(outer.path().join("index.html"), "theirs").unwrap();
        assert!(matches!(Folder::open(outer.path()), Err(FolderFault::Foreign(_))));
        let marker = outer.path().join(MARKER);
        for text in [
            "no json",
            r#"{"version":2,"files":{}}"#,
            r#"{"version":1,"files":{"../precious":{"content":"","bytes":1}}}"#,
            r#"{"version":1,"files":{"/etc/passwd":{"content":"","bytes":1}}}"#,
        ] {
            fs::write(&marker, text).unwrap();
            assert!(matches!(Folder::open(outer.path()), Err(FolderFault::Marker { .. })), "{text}");
        }
    }

    #[test]
    fn paths_that_lead_out_are_refused() {
        let (_outer, mut folder) = fresh();
        for path in ["", "/etc/passwd", "../x", "a/../../x", "a//b", "a/.", "a\0b"] {
            folder.write(path, String::new(), b"x").unwrap_err();
        }
    }
}
