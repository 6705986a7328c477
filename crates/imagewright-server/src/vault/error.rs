//! Why a secret is not had.

use std::io;
use std::path::PathBuf;

use imagewright_model::ErrorKind;

/// Why a secret is not had.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// No key is set.
    #[error("there is no key to seal secrets with")]
    NoKey,
    /// The file with the key.
    #[error("the key of secrets in `{}` cannot be {doing}", path.display())]
    KeyFile {
        /// Which.
        path: PathBuf,
        /// What was to be done with it.
        doing: &'static str,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Others can read our key.
    #[error("the key of secrets in `{}` can be read by others", .0.display())]
    KeyExposed(PathBuf),
    /// It is none.
    #[error("the key of secrets is malformed: each line is 64 hexadecimal digits")]
    KeyMalformed,
    /// What was sealed was not sealed with any key there is, or was changed, or belongs to another secret.
    #[error("what is sealed cannot be opened")]
    Sealed,
    /// A key from outside is changed outside.
    #[error("the key of secrets comes from outside and is changed there")]
    NotOurs,
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Random(#[source] getrandom::Error),
    /// A variable is not set.
    #[error("the variable `{0}` is not set where the server runs")]
    Variable(String),
    /// A file cannot be read.
    #[error("`{}` cannot be read where the server runs", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// It is for those who run containers.
    #[error("the secret `{0}` of Kubernetes is not known to the server")]
    Kubernetes(String),
}

impl VaultError {
    /// Decides exit code and status.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NoKey | Self::KeyMalformed | Self::NotOurs => ErrorKind::Usage,
            Self::KeyFile { source, .. } => ErrorKind::of_io(source),
            Self::KeyExposed(_) | Self::Random(_) => ErrorKind::Machine,
            Self::Sealed => ErrorKind::Invalid,
            Self::Variable(_) | Self::File { .. } | Self::Kubernetes(_) => ErrorKind::Unavailable,
        }
    }

    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::KeyExposed(path) => Some(format!(
                "chmod 600 {}, and exchange it with `imagewright admin secrets rekey`",
                path.display()
            )),
            Self::KeyFile { doing: "read", .. } => {
                Some("bring back the file: what was sealed cannot be opened without it".to_owned())
            }
            Self::KeyMalformed => Some("`openssl rand -hex 32` makes one".to_owned()),
            Self::Sealed => Some("bring back the key that was used, or set the secret anew".to_owned()),
            Self::NotOurs => Some(
                "put a new key in its first line, keep the old one in the second, and run this again"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}
