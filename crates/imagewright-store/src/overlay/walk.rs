//! Walks a directory tree in a fixed order, without recursion and without following links.

use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::vec;

use crate::StoreError;
use crate::files::Attempt;

/// A path that was met.
#[derive(Debug)]
pub(crate) struct Found {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Where it is in the tree; empty for the top.
    pub(crate) relative: PathBuf,
    /// What it is, a link itself and not what it points at.
    pub(crate) metadata: Metadata,
}

/// What a walk meets.
#[derive(Debug)]
pub(crate) enum Step {
    /// A directory, before what it holds.
    Enter(PathBuf),
    /// Anything else.
    Other(Found),
    /// A directory, after what it holds. The metadata are those from before.
    Leave(Found),
}

/// A walk; names in a directory come in the order of their bytes.
pub(crate) struct Walk {
    top: Option<Found>,
    open: Vec<(Found, vec::IntoIter<OsString>)>,
}

impl Walk {
    /// Walks `top` and what it holds.
    pub(crate) fn new(top: &Path) -> Result<Self, StoreError> {
        let top = found(top.to_owned(), PathBuf::new())?;
        Ok(Self { top: Some(top), open: Vec::new() })
    }

    /// The directory that was entered last.
    pub(crate) fn current(&self) -> Option<&Found> {
        self.open.last().map(|(directory, _)| directory)
    }

    /// Leaves out what the directory entered last holds, and the leaving of it.
    pub(crate) fn prune(&mut self) {
        self.open.pop();
    }

    fn step(&mut self) -> Result<Option<Step>, StoreError> {
        if let Some(top) = self.top.take() {
            return self.enter(top).map(Some);
        }
        let Some((directory, names)) = self.open.last_mut() else { return Ok(None) };
        let Some(name) = names.next() else {
            return Ok(self.open.pop().map(|(directory, _)| Step::Leave(directory)));
        };
        let next = found(directory.path.join(&name), directory.relative.join(&name))?;
        match next.metadata.is_dir() {
            true => self.enter(next).map(Some),
            false => Ok(Some(Step::Other(next))),
        }
    }

    fn enter(&mut self, directory: Found) -> Result<Step, StoreError> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&directory.path).attempt("list", &directory.path)? {
            names.push(entry.attempt("list", &directory.path)?.file_name());
        }
        names.sort_unstable();
        let step = Step::Enter(directory.relative.clone());
        self.open.push((directory, names.into_iter()));
        Ok(step)
    }
}

impl Iterator for Walk {
    type Item = Result<Step, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step().transpose()
    }
}

fn found(path: PathBuf, relative: PathBuf) -> Result<Found, StoreError> {
    let metadata = fs::symlink_metadata(&path).attempt("look at", &path)?;
    Ok(Found { path, relative, metadata })
}
