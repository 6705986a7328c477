//! What can go wrong with credentials that are kept somewhere.

use std::io;
use std::path::PathBuf;

use imagewright_model::ErrorKind;

/// Why credentials could not be read or kept. Never shows a secret.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it, the fields are what they name")]
pub enum CredentialError {
    /// The file is there and cannot be read.
    #[error("could not read the credentials in `{path}`")]
    Read { path: PathBuf, source: io::Error },
    /// The file cannot be written.
    #[error("could not write the credentials to `{path}`")]
    Write { path: PathBuf, source: io::Error },
    /// The file is not what Docker and Podman write.
    #[error("`{path}` is not a file of credentials: {problem} (line {line}, column {column})")]
    Malformed { path: PathBuf, problem: &'static str, line: usize, column: usize },
    /// The entry is not base64 of `user:password`.
    #[error("the credentials for `{registry}` in `{path}` are damaged")]
    Damaged { path: PathBuf, registry: String },
    /// No program of the helper's name.
    #[error("could not run the credential helper `{program}`")]
    NoHelper { program: String, source: io::Error },
    /// The helper gave up.
    #[error("credential helper `{program}` could not {action} the credentials of `{registry}`: {message}")]
    Helper { program: String, action: &'static str, registry: String, message: String },
    /// The helper's name is a path or an option.
    #[error("`{name}` in `{path}` is not the name of a credential helper")]
    HelperName { path: PathBuf, name: String },
    /// Nowhere to write to.
    #[error("there is no file to keep credentials in")]
    NoFile,
    /// The kind of credential has no place in these files.
    #[error("a registry token cannot be kept by a credential helper")]
    NotKept,
}

impl CredentialError {
    /// The kind of this error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Read { source, .. } | Self::Write { source, .. } => ErrorKind::of_io(source),
            Self::Malformed { .. } | Self::Damaged { .. } | Self::HelperName { .. } => ErrorKind::Invalid,
            Self::NoHelper { .. } => ErrorKind::Machine,
            Self::Helper { .. } => ErrorKind::Failed,
            Self::NoFile | Self::NotKept => ErrorKind::Usage,
        }
    }

    /// What can be done about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Damaged { registry, .. } => {
                Some(format!("log in again with `imagewright login {registry}`"))
            }
            Self::NoHelper { program, .. } => Some(format!(
                "install `{program}`, or take it out of the credential file (`credsStore`, `credHelpers`)"
            )),
            Self::NoFile => Some("set HOME, DOCKER_CONFIG or REGISTRY_AUTH_FILE".to_owned()),
            _ => None,
        }
    }
}
