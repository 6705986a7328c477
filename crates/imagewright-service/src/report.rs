//! What builds come to.

use std::fs;
use std::path::{Path, PathBuf};

use imagewright_check::{Finding, Report};
use imagewright_oci::{Digest, Reference};

use crate::{DockerfileCommand, ServiceError};

/// What a build came to.
#[derive(Clone, Debug)]
pub struct BuildReport {
    /// Names the image got.
    pub names: Vec<Reference>,
    /// Digest of its manifest.
    pub digest: Digest,
    /// Its id: digest of its configuration.
    pub id: Digest,
    /// Bytes of its layers as stored.
    pub size: u64,
    /// Number of its layers.
    pub layers: usize,
    /// Whether nothing had to be done.
    pub unchanged: bool,
    /// The file with the lock, where the spec is a file or folder.
    pub lock: Option<PathBuf>,
    /// What a person should know beside.
    pub notes: Vec<String>,
    /// What rules found in the Dockerfile; none where none was built.
    pub findings: Option<Vec<Finding>>,
    /// What each profile said that it had to pass.
    pub reports: Vec<Report>,
}

impl BuildReport {
    /// Writes what a build of a Dockerfile was asked to write.
    pub(crate) fn write_files(&self, command: &DockerfileCommand) -> Result<(), ServiceError> {
        self.write_digest(command.digest_file.as_deref())?;
        let write = |path: &Option<PathBuf>, text: String| match path {
            None => Ok(()),
            Some(path) => {
                fs::write(path, text).map_err(|source| ServiceError::Write { path: path.clone(), source })
            }
        };
        write(&command.id_file, self.id.to_string())?;
        let names: Vec<String> = self.names.iter().map(ToString::to_string).collect();
        let metadata = serde_json::json!({
            "containerimage.config.digest": self.id,
            "containerimage.digest": self.digest,
            "image.name": names.join(","),
        });
        write(&command.metadata_file, format!("{metadata:#}\n"))
    }

    /// Writes the digest of the manifest to a file, which may be a pipe or a device.
    pub(crate) fn write_digest(&self, file: Option<&Path>) -> Result<(), ServiceError> {
        let Some(path) = file else { return Ok(()) };
        fs::write(path, self.digest.to_string())
            .map_err(|source| ServiceError::Write { path: path.to_path_buf(), source })
    }
}
