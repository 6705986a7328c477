//! Tries what a build will do, where it leaves nothing behind.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix::mount::MsFlags;
use nix::sched::{CloneFlags, unshare};

use crate::protocol::{Attempt, Failure};
use crate::root::{RootFileSystem, mount, name_of};
use crate::{Root, sys};

/// A directory of the trial's layer.
const REPLACED: &str = "replaced";

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
pub(super) fn overlay_on_disk(directory: &Path) -> Result<(), Failure> {
    let scratch = directory.join(format!(".imagewright-trial-{}", std::process::id()));
    let tried = with_own_mounts(|| replace_directory(&mount_overlay(&scratch)?));
    match fs::remove_dir_all(&scratch) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tried.and(Err(error).attempt_on("remove", &scratch))
        }
        _ => tried,
    }
}

/// Mounts an overlay in memory, laid over `directory`. Not every kernel lets it have more than that there.
pub(super) fn overlay_in_memory(directory: &Path) -> Result<(), Failure> {
    with_own_mounts(|| {
        mount(None, "/", None, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None).attempt("make mounts private")?;
        mount(Some("tmpfs"), directory, Some("tmpfs"), MsFlags::empty(), None)
            .attempt_on("mount", directory)?;
        mount_overlay(&directory.join("scratch")).map(drop)
    })
}

/// Does `trial` where its mounts are seen by nobody else, and end with it.
fn with_own_mounts(trial: impl FnOnce() -> Result<(), Failure> + Send) -> Result<(), Failure> {
    let in_namespace = || {
        unshare(CloneFlags::CLONE_NEWNS).attempt("enter a mount namespace")?;
        trial()
    };
    let done = std::thread::scope(|scope| scope.spawn(in_namespace).join());
    done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn mount_overlay(scratch: &Path) -> Result<RootFileSystem, Failure> {
    let [lower, upper, work] = ["lower", "upper", "work"].map(|name| scratch.join(name));
    fs::create_dir(scratch).attempt_on("create", scratch)?;
    for directory in [&lower.join(REPLACED), &upper, &work] {
        fs::create_dir_all(directory).attempt_on("create", directory)?;
    }
    let layers = vec![PathBuf::from("lower")];
    RootFileSystem::mount(&Root::Overlay { base: scratch.to_owned(), lower: layers, upper, work })
}

fn replace_directory(root: &RootFileSystem) -> Result<(), Failure> {
    let top = root.open(Path::new("/")).attempt("open the overlay")?;
    let replaced = Path::new(&name_of(&top)).join(REPLACED);
    fs::remove_dir(&replaced).attempt("remove a directory of a layer")?;
    fs::create_dir(&replaced).attempt("replace a directory of a layer")
}
