//! Room for processes of others on the store, such as those that build for a server.

use std::path::{Path, PathBuf};

use imagewright_store::Scratch;

use crate::{Service, ServiceError};

/// A folder in the store, held by this process. It is removed when this is dropped, or by the next who opens the store where this process
/// is killed.
#[derive(Debug)]
pub struct WorkingFolder {
    path: PathBuf,
    _scratch: Scratch,
}

impl WorkingFolder {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Service {
    /// Makes a folder to work in.
    pub fn working_folder(&self) -> Result<WorkingFolder, ServiceError> {
        let scratch = self.store().scratch(&[])?;
        Ok(WorkingFolder { path: scratch.room("work")?, _scratch: scratch })
    }
}
