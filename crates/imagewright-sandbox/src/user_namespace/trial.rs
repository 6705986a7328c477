//! Tries what a build will do, where it leaves nothing behind.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix::mount::MsFlags;
use nix::sched::{CloneFlags, unshare};

use crate::protocol::{Attempt, Failure};
use crate::root::{RootFileSystem, mount, name_of};
use crate::{Root, sys};

/// Where the upper directory of a trial lies.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    OnDisk,
    InMemory,
}

/// Whether a process can enter new namespaces; a user namespace first, unless it is root in its own.
pub(super) fn namespaces(with_user: bool) -> nix::Result<()> {
    let namespaces = CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWNET;
    let user = if with_user { CloneFlags::CLONE_NEWUSER } else { CloneFlags::empty() };
    sys::try_unshare(namespaces | user)
}

/// Mounts an overlay in a folder of its own in `directory` and replaces a directory in it, which takes all that
/// an overlay asks of a file system.
pub(super) fn overlay(directory: &Path, place: Place) -> Result<(), Failure> {
    let scratch = directory.join(format!(".imagewright-trial-{}", std::process::id()));
    // The mounts are seen by this thread only, and end with it.
    let tried = std::thread::scope(|scope| {
        let trial = scope.spawn(|| {
            unshare(CloneFlags::CLONE_NEWNS).attempt("enter a mount namespace")?;
            if place == Place::InMemory {
                cover(directory)?;
            }
            replace_directory(&scratch)
        });
        trial.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    match fs::remove_dir_all(&scratch) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tried.and(Err(error).attempt_on("remove", &scratch))
        }
        _ => tried,
    }
}

/// Lets memory lie over `directory`.
fn cover(directory: &Path) -> Result<(), Failure> {
    mount(None, "/", None, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None).attempt("make mounts private")?;
    mount(Some("tmpfs"), directory, Some("tmpfs"), MsFlags::empty(), None).attempt_on("mount", directory)
}

fn replace_directory(scratch: &Path) -> Result<(), Failure> {
    fs::create_dir(scratch).attempt_on("create", scratch)?;
    let [lower, upper, work] = ["lower", "upper", "work"].map(|name| scratch.join(name));
    for directory in [&lower.join("replaced"), &upper, &work] {
        fs::create_dir_all(directory).attempt_on("create", directory)?;
    }
    let layers = vec![PathBuf::from("lower")];
    let root = Root::Overlay { base: scratch.to_owned(), lower: layers, upper, work };
    let root = RootFileSystem::mount(&root)?;
    let top = root.open(Path::new("/")).attempt("open the overlay")?;
    let replaced = Path::new(&name_of(&top)).join("replaced");
    fs::remove_dir(&replaced).attempt("remove a directory of a layer")?;
    fs::create_dir(&replaced).attempt("replace a directory of a layer")
}
