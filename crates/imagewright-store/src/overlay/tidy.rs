//! Takes out of an upper directory what must not get into a layer, so that the directory equals what unpacking the
//! layer gives, and the layer is the same whenever and wherever the step ran.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::fcntl::AT_FDCWD;
use nix::sys::stat::{UtimensatFlags, utimensat};

use super::capture::root_differs;
use super::metadata::{
    Appearance, attributes, descriptor_path, directory_below, is_opaque, is_overlay_attribute, is_whiteout,
    seconds, unmark_opaque,
};
use super::walk::{Found, Step, Walk};
use super::{OverlayError, PathPattern};
use crate::StoreError;
use crate::files::{Attempt, remove_tree};

/// What [`tidy`] takes out.
#[derive(Clone, Debug, Default)]
pub struct TidyRules {
    /// Times after this one become this one, in seconds since 1970.
    pub source_date_epoch: i64,
    /// Paths to remove.
    pub remove: Vec<PathPattern>,
    /// Empty files and directories that were made to mount something on, absolute inside the image; removed where
    /// they are still empty.
    pub stubs: Vec<PathBuf>,
    /// Whether Python bytecode that is checked by time stamp is removed: it holds its source's time, and would be
    /// out of date once times are changed.
    pub drop_timestamped_bytecode: bool,
}

/// Tidies `upper`, which lies on `lowers` (top first), in place:
///
/// 1. What matches a pattern of `remove` is deleted *from the upper directory*: where a lower directory has the same
///    path, that shows again. Nothing is whited out. Stubs and bytecode likewise; a `__pycache__` left empty goes too.
/// 2. Times are whole seconds and none is after `source_date_epoch`. That something was removed from a directory does
///    not show in its time.
/// 3. Directories without children that look exactly as below were only copied up, and go.
/// 4. Attributes in which overlayfs keeps its books are removed. One that changes the meaning of a file, because
///    the overlay was mounted with `redirect_dir` or `metacopy`, is an error.
pub fn tidy(upper: &Path, lowers: &[PathBuf], rules: &TidyRules) -> Result<(), StoreError> {
    let mut walk = Walk::new(upper)?;
    while let Some(step) = walk.next().transpose()? {
        match step {
            Step::Enter(relative) => {
                if rules.remove.iter().any(|pattern| pattern.matches(&relative)) {
                    remove_tree(&walk.current().expect("a directory was just entered").path)?;
                    walk.prune();
                }
            }
            Step::Other(found) if rules.drops(&found)? => remove_tree(&found.path)?,
            Step::Other(found) if is_whiteout(&found.metadata) => {}
            Step::Other(found) => finish(&found, rules)?,
            Step::Leave(directory) => tidy_directory(&directory, lowers, rules)?,
        }
    }
    Ok(())
}

impl TidyRules {
    /// Whether something that is no directory goes.
    fn drops(&self, found: &Found) -> Result<bool, StoreError> {
        let is_file = found.metadata.is_file();
        Ok(self.remove.iter().any(|pattern| pattern.matches(&found.relative))
            || (is_file && found.metadata.len() == 0 && self.is_stub(&found.relative))
            || (is_file && self.drop_timestamped_bytecode && is_timestamped_bytecode(&found.path)?))
    }

    fn is_stub(&self, relative: &Path) -> bool {
        self.stubs.iter().any(|stub| stub.strip_prefix("/").unwrap_or(stub) == relative)
    }
}

fn tidy_directory(directory: &Found, lowers: &[PathBuf], rules: &TidyRules) -> Result<(), StoreError> {
    let (path, relative) = (&directory.path, &directory.relative);
    let is_root = relative.as_os_str().is_empty();
    let mut opaque = is_opaque(path).attempt("read the attributes of", path)?;
    let is_empty = fs::read_dir(path).attempt("list", path)?.next().is_none();
    if !is_root && (opaque || is_empty) {
        let below = directory_below(lowers, relative).attempt("look below", path)?;
        if opaque && below.is_none() {
            // There is nothing to hide: some kernels mark every new directory.
            unmark_opaque(path).attempt("remove an attribute of", path)?;
            opaque = false;
        }
        if is_empty && !opaque && goes_when_empty(directory, below.as_ref(), rules)? {
            return fs::remove_dir(path).attempt("remove", path);
        }
    }
    finish(directory, rules)?;
    if is_root { set_root_time(path, lowers) } else { Ok(()) }
}

/// A root directory that looks as below is no entry of the layer, so its time is that below.
fn set_root_time(upper: &Path, lowers: &[PathBuf]) -> Result<(), StoreError> {
    if root_differs(upper, lowers)? {
        return Ok(());
    }
    let time = match lowers.first() {
        Some(lower) => fs::metadata(lower).attempt("look at", lower)?.mtime(),
        None => 0,
    };
    set_time(upper, time)
}

/// Whether an empty directory goes: one that was only copied up, or that only existed for what was removed.
fn goes_when_empty(
    directory: &Found,
    below: Option<&std::os::fd::OwnedFd>,
    rules: &TidyRules,
) -> Result<bool, StoreError> {
    let path = &directory.path;
    match below {
        Some(below) => {
            let appearance = Appearance::of(path).attempt("look at", path)?;
            Ok(Appearance::of(&descriptor_path(below)).attempt("look below", path)? == appearance)
        }
        None => Ok(directory.relative.file_name().is_some_and(|name| name == "__pycache__")
            || rules.is_stub(&directory.relative)),
    }
}

/// Gives what stays its final time and attributes.
fn finish(found: &Found, rules: &TidyRules) -> Result<(), StoreError> {
    let path = &found.path;
    for name in attributes(path, is_overlay_attribute).attempt("read the attributes of", path)?.into_keys() {
        let meaning = name.as_encoded_bytes().rsplit(|byte| *byte == b'.').next().unwrap_or_default();
        match meaning {
            b"opaque" => {}
            b"redirect" | b"metacopy" | b"whiteout" | b"whiteouts" => {
                let attribute = name.to_string_lossy().into_owned();
                return Err(OverlayError::Attribute { path: path.clone(), attribute }.into());
            }
            _ => xattr::remove(path, &name).attempt("remove an attribute of", path)?,
        }
    }
    set_time(path, found.metadata.mtime().clamp(0, rules.source_date_epoch.max(0)))
}

fn set_time(path: &Path, time: i64) -> Result<(), StoreError> {
    let time = seconds(time);
    utimensat(AT_FDCWD, path, &time, &time, UtimensatFlags::NoFollowSymlink).attempt("set the time of", path)
}

/// Whether a file is Python bytecode whose header says that its source's time decides (PEP 552: flags 0).
fn is_timestamped_bytecode(path: &Path) -> Result<bool, StoreError> {
    if path.extension().is_none_or(|extension| extension != "pyc") {
        return Ok(false);
    }
    let mut header = [0; 8];
    match File::open(path).attempt("open", path)?.read_exact(&mut header) {
        Ok(()) => Ok(header[4..] == [0; 4]),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error).attempt("read", path),
    }
}
