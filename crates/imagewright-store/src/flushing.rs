//! Snapshots that nobody waits for the disk for.
//!
//! A snapshot is a copy of what a blob holds. So it need not survive a crash of the machine; it must only not be
//! taken for whole afterwards when it is not. Each is made with a mark that names the boot of the machine, and
//! counts only in that boot while it has the mark. A flush of the file system goes on beside the build, and takes
//! the mark away when it is done.
//!
//! The flush is a program of its own: a thread that waits for the disk cannot be ended, and would hold up the end of
//! our process. If nobody is left to take the mark away when it is done, the next process that uses the snapshot
//! begins again.
//!
//! The mark is there before the first file is, in the very directory that is renamed to make the snapshot. File
//! systems that may crash at all keep that order; and a mark whose contents were lost names no boot.

use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use nix::unistd::{UnlinkatFlags, syncfs, unlinkat};

use crate::StoreError;
use crate::files::{Attempt, if_found};

/// The mark beside a snapshot's `fs`; holds the id of the boot it was made in.
const MARK: &str = "unflushed";
/// Where the kernel tells the id of this boot.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
/// Where the program lies that flushes a file system. Without it marks stay, which costs unpacking after a reboot.
const SYNC: [&str; 2] = ["/usr/bin/sync", "/bin/sync"];

/// How far a snapshot can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// It is whole, on disk as well.
    Flushed,
    /// It is whole until the machine stops.
    ThisBoot,
    /// The machine was started since it was made, so files may be missing or empty.
    Stale,
}

/// Marks a snapshot that is about to be made. Where the kernel has no name for the boot there is no mark, and
/// [`finish`] flushes.
pub(crate) fn mark(snapshot: &Path) -> Result<(), StoreError> {
    let Some(boot) = boot_id() else { return Ok(()) };
    let path = snapshot.join(MARK);
    fs::write(&path, boot).attempt("write", &path)
}

/// Makes sure that a snapshot that was filled is either marked or on disk.
pub(crate) fn finish(snapshot: &Path) -> Result<(), StoreError> {
    if snapshot.join(MARK).exists() {
        return Ok(());
    }
    let flushed = File::open(snapshot).and_then(|directory| Ok(syncfs(&directory)?));
    flushed.attempt("flush the file system of", snapshot)
}

/// How far the snapshot in a folder can be trusted. One without a mark was flushed.
pub(crate) fn trust(snapshot: &Path) -> Result<Trust, StoreError> {
    let path = snapshot.join(MARK);
    let Some(made_in) = if_found(fs::read(&path)).attempt("read", &path)? else { return Ok(Trust::Flushed) };
    Ok(match boot_id() {
        Some(boot) if boot.as_bytes() == made_in => Trust::ThisBoot,
        _ => Trust::Stale,
    })
}

/// The name of this boot of the machine, where the kernel gives it one.
pub(crate) fn boot_id() -> Option<String> {
    let id = fs::read_to_string(BOOT_ID).ok()?.trim().to_owned();
    (!id.is_empty()).then_some(id)
}

/// Flushes snapshots beside whatever else goes on; one flush serves all that came before it began.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flusher {
    queue: Arc<Mutex<Queue>>,
}

#[derive(Debug, Default)]
struct Queue {
    /// Opened, so that the mark is taken from the snapshot that was flushed and from no later one of its name.
    waiting: Vec<(PathBuf, OwnedFd)>,
    /// What the flush that goes on is for; none where none goes on.
    round: Option<Vec<PathBuf>>,
}

impl Flusher {
    /// Has a snapshot flushed that is trusted in this boot only.
    pub(crate) fn begin(&self, snapshot: &Path) -> Result<(), StoreError> {
        let directory = nix::fcntl::open(snapshot, OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
            .attempt("open the folder", snapshot)?;
        let mut queue = self.queue();
        let waiting = queue.waiting.iter().map(|(path, _)| path);
        if waiting.chain(queue.round.iter().flatten()).any(|known| known == snapshot) {
            return Ok(());
        }
        queue.waiting.push((snapshot.to_owned(), directory));
        if queue.round.is_none() {
            queue.round = Some(Vec::new());
            let (flusher, path) = (self.clone(), snapshot.to_owned());
            thread::spawn(move || flusher.work(path.parent().unwrap_or(&path)));
        }
        Ok(())
    }

    /// Flushes the file system of `path` until nothing waits.
    fn work(&self, path: &Path) {
        while let Some(round) = self.next_round() {
            if flush(path) {
                for snapshot in round {
                    // Gone already: another process was as fast.
                    let _ = unlinkat(snapshot, MARK, UnlinkatFlags::NoRemoveDir);
                }
            }
        }
    }

    fn next_round(&self) -> Option<Vec<OwnedFd>> {
        let mut queue = self.queue();
        let (paths, opened): (Vec<_>, Vec<_>) = std::mem::take(&mut queue.waiting).into_iter().unzip();
        queue.round = (!paths.is_empty()).then_some(paths);
        queue.round.is_some().then_some(opened)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the file system of `path` was flushed.
fn flush(path: &Path) -> bool {
    let run = |program: &&str| {
        let mut command = Command::new(program);
        command.arg("-f").arg(path).current_dir("/").env_clear();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()
    };
    let ran = SYNC.iter().map(run).find(|ran| !matches!(ran, Err(error) if is_absent(error)));
    matches!(ran, Some(Ok(status)) if status.success())
}

fn is_absent(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn marked(folder: &Path, name: &str) -> PathBuf {
        let snapshot = folder.join(name);
        fs::create_dir(&snapshot).unwrap();
        mark(&snapshot).unwrap();
        snapshot
    }

    #[test]
    fn only_a_mark_of_this_boot_is_trusted() {
        let folder = tempfile::tempdir().unwrap();
        let snapshot = marked(folder.path(), "snapshot");
        assert_eq!(trust(&snapshot).unwrap(), Trust::ThisBoot);
        for lost in ["", "0b2b0b9e-0000-4000-8000-3ad6c4a3c8f1", "\0\0\0\0"] {
            fs::write(snapshot.join(MARK), lost).unwrap();
            assert_eq!(trust(&snapshot).unwrap(), Trust::Stale, "{lost:?}");
        }
        fs::remove_file(snapshot.join(MARK)).unwrap();
        assert_eq!(trust(&snapshot).unwrap(), Trust::Flushed);
    }

    #[test]
    fn a_flush_takes_the_marks_of_what_it_was_for() {
        let folder = tempfile::tempdir().unwrap();
        let flusher = Flusher::default();
        let snapshots: Vec<PathBuf> =
            (0..5).map(|number| marked(folder.path(), &number.to_string())).collect();
        for snapshot in &snapshots {
            flusher.begin(snapshot).unwrap();
            flusher.begin(snapshot).unwrap();
        }
        // Another one of that name is not flushed yet, and keeps its mark.
        fs::rename(&snapshots[4], folder.path().join("aside")).unwrap();
        marked(folder.path(), "4");
        let deadline = Instant::now() + Duration::from_secs(300);
        while flusher.queue().round.is_some() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(5));
        }
        let found: Vec<Trust> = snapshots.iter().map(|snapshot| trust(snapshot).unwrap()).collect();
        assert_eq!(found[..4], [Trust::Flushed; 4]);
        assert_eq!(found[4], Trust::ThisBoot);
        assert_eq!(trust(&folder.path().join("aside")).unwrap(), Trust::Flushed);
        assert!(flusher.queue().waiting.is_empty());
    }
}
