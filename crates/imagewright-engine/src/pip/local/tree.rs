//! A project folder: what of it a build sees, hashed and copied.
//!
//! What counts is which files there are, what they hold and whether they can be run; no times, owners or other bits of
//! their modes, and no empty folders, so that every checkout of a commit is the same. The copy is made with the same
//! modes everywhere and gives its hash, so that what was built is what was asked for.
//!
//! Left out is what the machine made for itself: compiled bytecode, virtual environments, what says of itself that it is a
//! cache, locks of ours. Folders of version control are left out as well, unless the project asks one for its version.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

use imagewright_model::lock::ImageLock;
use imagewright_oci::{Digest, Hasher};
use nix::libc;

use super::{LocalError, repository};
use crate::cancel::Cancel;
use crate::error::EngineError;

/// Raised whenever the same folder gets another hash.
const VERSION: &[u8] = b"imagewright tree 1\n";
/// Folders that programs make for themselves.
const LEFT_OUT: [&str; 3] = ["__pycache__", ".tox", ".nox"];
/// Folders of version control.
const REPOSITORIES: [&str; 5] = [".git", ".hg", ".svn", ".bzr", "_darcs"];
const GIT: &str = ".git";
/// What changes in a repository and says nothing of versions.
const NOISE: [&str; 7] =
    ["logs", "hooks", "FETCH_HEAD", "ORIG_HEAD", "COMMIT_EDITMSG", "index.lock", "fsmonitor--daemon.ipc"];
/// How the file `CACHEDIR.TAG` begins that marks a cache.
const CACHE_TAG: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55";
/// Files in which a project says how it is built.
const BUILD_FILES: [&str; 3] = ["pyproject.toml", "setup.py", "setup.cfg"];
/// How tools are called that take versions or lists of files from a repository, or how they are asked.
const VERSION_TOOLS: [&str; 12] = [
    "scm",
    "vcs",
    "versioneer",
    "versioningit",
    "dunamai",
    "dynamic-versioning",
    "dynamic_versioning",
    "git-version",
    "git_version",
    "git describe",
    "miniver",
    "pbr",
];
/// No file that says how a project is built is larger.
const LARGEST_BUILD_FILE: u64 = 1 << 20;

/// A project folder.
pub(super) struct Tree<'a> {
    root: &'a Path,
    with_repository: bool,
    cancel: &'a Cancel,
}

/// Where a copy goes, and the time its files carry.
struct Copy<'a> {
    target: &'a Path,
    time: SystemTime,
}

impl<'a> Tree<'a> {
    pub(super) fn open(root: &'a Path, cancel: &'a Cancel) -> Self {
        Self { root, with_repository: asks_for_versions(root), cancel }
    }

    /// The hash of what it holds.
    pub(super) fn hash(&self) -> Result<Digest, EngineError> {
        self.pass(None)
    }

    /// Copies it to `target`, which is not there yet, and gives the hash of what was copied. Its files get the time
    /// `epoch`, in seconds since 1970.
    pub(super) fn copy_to(&self, target: &Path, epoch: i64) -> Result<Digest, EngineError> {
        make_folder(target)?;
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(epoch).unwrap_or(0));
        self.pass(Some(&Copy { target, time }))
    }

    fn pass(&self, copy: Option<&Copy<'_>>) -> Result<Digest, EngineError> {
        let mut hasher = Hasher::default();
        hasher.update(VERSION);
        self.folder(Path::new(""), &mut hasher, copy)?;
        Ok(hasher.finish())
    }

    fn folder(&self, inner: &Path, hasher: &mut Hasher, copy: Option<&Copy<'_>>) -> Result<(), EngineError> {
        let folder = self.root.join(inner);
        let unreadable = || LocalError::io("read", &folder);
        let entries = fs::read_dir(&folder).map_err(unreadable())?;
        let mut names = Vec::new();
        for entry in entries {
            names.push(entry.map_err(unreadable())?.file_name());
        }
        names.sort();
        for name in names {
            if self.cancel.is_cancelled() {
                return Err(EngineError::Cancelled);
            }
            let inner = inner.join(&name);
            let path = self.root.join(&inner);
            let metadata = fs::symlink_metadata(&path).map_err(LocalError::io("examine", &path))?;
            let kind = metadata.file_type();
            if self.leaves_out(&inner, &name, &path) {
                continue;
            }
            if kind.is_dir() && inner == Path::new(GIT) {
                self.repository(&inner, hasher, copy)?;
            } else if kind.is_dir() {
                self.folder(&inner, hasher, copy)?;
            } else if kind.is_symlink() {
                self.link(&inner, &path, hasher, copy)?;
            } else if kind.is_file() {
                file(&inner, &path, hasher, copy)?;
            } else {
                let kind = match () {
                    () if kind.is_socket() => "a socket",
                    () if kind.is_fifo() => "a pipe",
                    () => "a device",
                };
                return Err(LocalError::Special { path, kind }.into());
            }
        }
        Ok(())
    }

    fn leaves_out(&self, inner: &Path, name: &OsStr, path: &Path) -> bool {
        let is_in = |names: &[&str]| names.iter().any(|known| name == OsStr::new(known));
        if is_in(&REPOSITORIES) {
            // A file of that name points to another place.
            return !self.with_repository || !path.is_dir();
        }
        let in_repository = inner
            .components()
            .next()
            .is_some_and(|first| REPOSITORIES.iter().any(|known| first.as_os_str() == OsStr::new(known)));
        if in_repository {
            // Only at the top of it: branches may be called like that.
            return inner.components().count() == 2 && is_in(&NOISE);
        }
        if path.is_dir() {
            return is_in(&LEFT_OUT)
                || path.join("pyvenv.cfg").is_file()
                || begins(&path.join("CACHEDIR.TAG"), CACHE_TAG);
        }
        path.extension() == Some(OsStr::new("lock")) && begins(path, ImageLock::heading().as_bytes())
    }

    /// A repository counts by its state, whatever its files are.
    fn repository(
        &self,
        inner: &Path,
        hasher: &mut Hasher,
        copy: Option<&Copy<'_>>,
    ) -> Result<(), EngineError> {
        let state = match copy {
            Some(copy) => {
                self.folder(inner, &mut Hasher::default(), Some(copy))?;
                copy.target.join(inner)
            }
            None => self.root.join(inner),
        };
        begin(hasher, b'g', inner, 0);
        repository::hash_state(&state, hasher).map_err(LocalError::io("read", &state))?;
        Ok(())
    }

    fn link(
        &self,
        inner: &Path,
        path: &Path,
        hasher: &mut Hasher,
        copy: Option<&Copy<'_>>,
    ) -> Result<(), EngineError> {
        let target = fs::read_link(path).map_err(LocalError::io("read", path))?;
        if leads_out(inner, &target) {
            return Err(LocalError::LeadsOut { path: path.to_path_buf(), target }.into());
        }
        let bytes = target.as_os_str().as_bytes();
        begin(hasher, b'l', inner, bytes.len() as u64);
        hasher.update(bytes);
        if let Some(copy) = copy {
            let to = copy.place(inner)?;
            symlink(&target, &to).map_err(LocalError::io("copied", &to))?;
        }
        Ok(())
    }
}

impl Copy<'_> {
    /// Where `inner` goes; the folders on the way are made.
    fn place(&self, inner: &Path) -> Result<PathBuf, LocalError> {
        let mut place = self.target.to_path_buf();
        let mut parts = inner.components().peekable();
        while let Some(part) = parts.next() {
            place.push(part);
            if parts.peek().is_some() && !place.is_dir() {
                make_folder(&place)?;
            }
        }
        Ok(place)
    }
}

fn file(inner: &Path, path: &Path, hasher: &mut Hasher, copy: Option<&Copy<'_>>) -> Result<(), EngineError> {
    // What took its place meanwhile is neither followed nor waited for.
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    let unreadable = || LocalError::io("read", path);
    let mut source = options.open(path).map_err(unreadable())?;
    let metadata = source.metadata().map_err(unreadable())?;
    let can_run = metadata.permissions().mode() & 0o100 != 0;
    begin(hasher, if can_run { b'x' } else { b'f' }, inner, metadata.len());
    let mut target = match copy {
        Some(copy) => {
            let to = copy.place(inner)?;
            Some((File::create_new(&to).map_err(LocalError::io("copied", &to))?, to))
        }
        None => None,
    };
    let mut buffer = [0; 1 << 16];
    let mut length = 0;
    loop {
        let read = source.read(&mut buffer).map_err(unreadable())?;
        if read == 0 {
            break;
        }
        length += read as u64;
        hasher.update(&buffer[..read]);
        if let Some((target, to)) = &mut target {
            target.write_all(&buffer[..read]).map_err(LocalError::io("copied", to))?;
        }
    }
    if !metadata.is_file() || length != metadata.len() {
        return Err(LocalError::Unsteady { path: path.to_path_buf() }.into());
    }
    if let (Some((target, to)), Some(copy)) = (target, copy) {
        let mode = if can_run { 0o755 } else { 0o644 };
        let done = target.set_permissions(Permissions::from_mode(mode));
        done.and_then(|()| target.set_modified(copy.time)).map_err(LocalError::io("copied", &to))?;
    }
    Ok(())
}

/// Hashes what comes before the contents of an entry. Lengths keep names and contents apart.
fn begin(hasher: &mut Hasher, kind: u8, inner: &Path, length: u64) {
    let name = inner.as_os_str().as_bytes();
    hasher.update(&[kind]);
    hasher.update(&(name.len() as u64).to_le_bytes());
    hasher.update(name);
    hasher.update(&length.to_le_bytes());
}

fn make_folder(path: &Path) -> Result<(), LocalError> {
    let made = fs::create_dir(path).and_then(|()| fs::set_permissions(path, Permissions::from_mode(0o755)));
    made.map_err(LocalError::io("copied", path))
}

/// Whether a link at `inner` leads out of the folder that `inner` counts from.
fn leads_out(inner: &Path, target: &Path) -> bool {
    let mut depth = inner.components().count().saturating_sub(1);
    for part in target.components() {
        match part {
            Component::RootDir | Component::Prefix(_) => return true,
            Component::ParentDir if depth == 0 => return true,
            Component::ParentDir => depth -= 1,
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
        }
    }
    false
}

/// Whether the project asks a repository for its version, as far as its files tell.
fn asks_for_versions(root: &Path) -> bool {
    BUILD_FILES.iter().any(|name| {
        let mut text = Vec::new();
        let read =
            File::open(root.join(name)).and_then(|file| file.take(LARGEST_BUILD_FILE).read_to_end(&mut text));
        let text = String::from_utf8_lossy(&text);
        read.is_ok() && VERSION_TOOLS.iter().any(|tool| text.contains(tool))
    })
}

/// Whether a file begins with these bytes.
fn begins(path: &Path, start: &[u8]) -> bool {
    let read = |path: &Path| -> io::Result<Vec<u8>> {
        if !fs::symlink_metadata(path)?.is_file() {
            return Ok(Vec::new());
        }
        let mut bytes = Vec::new();
        File::open(path)?.take(start.len() as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read(path).is_ok_and(|bytes| bytes == start)
}

#[cfg(test)]
mod tests;
