//! Wheels, archives and projects that lie on this machine.
//!
//! What a spec names by path is known from its contents here: [`Locals`] hashes it before anything is asked, and
//! questions, solutions and wheels that were built name the hash. Only locks that leave the engine name the path, as the
//! spec has it. So a project that was moved is not built again, and one that was changed is.

mod error;
mod locks;
mod repository;
#[cfg(test)]
mod tests;
mod tree;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use imagewright_model::spec::{PipRequirement, PipSpec};
use imagewright_oci::{Digest, Hasher};

use crate::cancel::Cancel;
use crate::error::EngineError;
pub use error::LocalError;
use tree::Tree;

/// The folder that what is named by path lies in, for uv and in solutions: below it, the hash, below that the name.
const FOLDER: &str = "imagewright-sources";
/// What a project is called there.
const PROJECT: &str = "project";
/// Endings of files that distributions come as.
const ENDINGS: [&str; 7] = [".whl", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar", ".zip"];

/// What a spec names by path.
#[derive(Debug, Default)]
pub(super) struct Locals {
    folder: PathBuf,
    /// By the path that the spec has.
    found: BTreeMap<String, Local>,
}

/// One of them.
#[derive(Clone, Debug)]
pub(super) struct Local {
    /// Its path, as the spec has it.
    pub(super) path: String,
    host: PathBuf,
    /// Hash of its bytes; of a project, of what a build sees of it.
    content: Digest,
    /// Its name where it is a file.
    file: Option<String>,
}

impl Locals {
    /// Looks at all that the spec and its lock name by path.
    pub(super) fn find(spec: &PipSpec, cancel: &Cancel) -> Result<Self, EngineError> {
        let mut locals = Self { folder: spec.folder.clone(), found: BTreeMap::new() };
        for requirement in &spec.requirements {
            if let Some(local) = &requirement.local {
                let asked = || format!("{}: `{requirement}`", requirement.origin);
                locals.add(&local.path, &asked, cancel)?;
            }
        }
        if let Some(locked) = &spec.locked {
            for path in locked.packages.iter().filter_map(|package| package.path.as_ref()) {
                locals.add(path, &|| locked.source.clone(), cancel)?;
            }
            // Files of indexes may lie beside the lock, or in one of the folders that the machine has for them.
            for path in locks::paths_of_files(&locked.text) {
                if locals.folder.join(&path).is_file() {
                    locals.add(&path, &|| locked.source.clone(), cancel)?;
                }
            }
        }
        Ok(locals)
    }

    fn add(&mut self, path: &str, asked: &dyn Fn() -> String, cancel: &Cancel) -> Result<(), EngineError> {
        if !self.found.contains_key(path) {
            let local = Local::look(&self.folder, path, asked, cancel)?;
            self.found.insert(path.to_owned(), local);
        }
        Ok(())
    }

    /// Requirements, a line each. What has a path is named below `base`, which is absolute.
    pub(super) fn lines(&self, requirements: &[PipRequirement], base: &Path) -> String {
        let address = |path: &str| {
            let pinned = self.found.get(path).map(Local::pinned).unwrap_or_default();
            file_address(&base.join(pinned))
        };
        requirements.iter().map(|requirement| requirement.line(|local| address(&local.path)) + "\n").collect()
    }

    /// Puts them below `base`, where [`Locals::lines`] names them: as links for who only reads, on the host; or copies.
    pub(super) fn put_below(&self, base: &Path, copies: Option<(i64, &Cancel)>) -> Result<(), EngineError> {
        for local in self.found.values() {
            let place = base.join(local.pinned());
            if place.symlink_metadata().is_ok() {
                continue;
            }
            let parent = place.parent().expect("it lies in a folder");
            fs::create_dir_all(parent).map_err(LocalError::io("copied", parent))?;
            match copies {
                Some((epoch, cancel)) => local.copy_to(&place, epoch, cancel)?,
                None => symlink(&local.host, &place).map_err(LocalError::io("copied", &place))?,
            }
        }
        Ok(())
    }

    /// What a path of a solution stands for.
    pub(super) fn of_pinned(&self, pinned: &str) -> Option<&Local> {
        self.found.values().find(|local| local.pinned() == pinned)
    }
}

impl Local {
    fn look(
        folder: &Path,
        path: &str,
        asked: &dyn Fn() -> String,
        cancel: &Cancel,
    ) -> Result<Self, EngineError> {
        let shown = folder.join(path);
        let host = match fs::canonicalize(&shown) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(LocalError::Missing { asked: asked(), path: shown }.into());
            }
            host => host.map_err(LocalError::io("read", &shown))?,
        };
        if host.is_dir() {
            if !["pyproject.toml", "setup.py"].iter().any(|name| host.join(name).is_file()) {
                return Err(LocalError::NoProject { asked: asked(), path: shown }.into());
            }
            let content = Tree::open(&host, cancel).hash()?;
            return Ok(Self { path: path.to_owned(), host, content, file: None });
        }
        let name = shown.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if !host.is_file() || !ENDINGS.iter().any(|ending| name.ends_with(ending)) {
            return Err(LocalError::NoDistribution { asked: asked(), path: shown }.into());
        }
        let mut hasher = Hasher::default();
        let mut file = File::open(&host).map_err(LocalError::io("read", &shown))?;
        io::copy(&mut file, &mut hasher).map_err(LocalError::io("read", &shown))?;
        Ok(Self { path: path.to_owned(), host, content: hasher.finish(), file: Some(name) })
    }

    /// Hash of what it holds.
    pub(super) fn content(&self) -> &Digest {
        &self.content
    }

    /// Where the file is; checked again by who fetches it.
    pub(super) fn host(&self) -> &Path {
        &self.host
    }

    /// Its path in solutions.
    fn pinned(&self) -> String {
        format!("{FOLDER}/{}/{}", self.content.hex(), self.file.as_deref().unwrap_or(PROJECT))
    }

    /// Makes a copy that a build may write to.
    pub(super) fn copy_to(&self, target: &Path, epoch: i64, cancel: &Cancel) -> Result<(), EngineError> {
        let copied = match &self.file {
            None => Tree::open(&self.host, cancel).copy_to(target, epoch)?,
            Some(_) => {
                let mut hasher = Hasher::default();
                fs::copy(&self.host, target).map_err(LocalError::io("copied", &self.host))?;
                let mut copy = File::open(target).map_err(LocalError::io("read", target))?;
                io::copy(&mut copy, &mut hasher).map_err(LocalError::io("read", target))?;
                hasher.finish()
            }
        };
        match copied == self.content {
            true => Ok(()),
            false => Err(LocalError::Unsteady { path: self.host.clone() }.into()),
        }
    }
}

impl From<LocalError> for EngineError {
    fn from(error: LocalError) -> Self {
        super::PipError::from(error).into()
    }
}

/// `file://` and an absolute path, encoded.
pub(super) fn file_address(path: &Path) -> String {
    let mut address = "file://".to_owned();
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'+' | b'~' => {
                address.push(char::from(*byte));
            }
            _ => address.push_str(&format!("%{byte:02X}")),
        }
    }
    address
}
