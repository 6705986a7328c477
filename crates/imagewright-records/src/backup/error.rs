//! What goes wrong with backups.

use imagewright_model::ErrorKind;

use crate::RecordsError;

/// Why records were not copied.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The database.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// The backup cannot be written.
    #[error("the backup cannot be written")]
    Write(#[source] std::io::Error),
    /// The backup cannot be read.
    #[error("the backup cannot be read to its end")]
    Read(#[source] std::io::Error),
    /// It is something else.
    #[error("this is no backup of a server's records")]
    NoBackup,
    /// It is not as it was written.
    #[error("the backup is damaged: {0}")]
    Damaged(&'static str),
    /// Its tables are not those of this program.
    #[error("the backup was made by version {program} of this program, which has other tables than this one")]
    OtherSchema {
        /// The version that made it.
        program: String,
    },
    /// There are records where it should go.
    #[error("there are records already where the backup should go: `{table}` has entries")]
    NotEmpty {
        /// The first table with entries.
        table: &'static str,
    },
}

impl BackupError {
    /// Decides the exit code.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Records(error) => error.kind(),
            Self::Write(error) => ErrorKind::of_io(error),
            Self::Read(_) | Self::NoBackup | Self::Damaged(_) | Self::OtherSchema { .. } => {
                ErrorKind::Invalid
            }
            Self::NotEmpty { .. } => ErrorKind::Conflict,
        }
    }

    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Records(error) => return error.hint(),
            Self::Write(error) => return ErrorKind::io_hint(error),
            Self::Read(_) | Self::Damaged(_) => "nothing was taken from it: restore another backup",
            Self::NoBackup => "backups are made by `imagewright admin backup FILE`",
            Self::OtherSchema { .. } => {
                "restore it with that version; a newer one brings the tables up to date when it opens them"
            }
            Self::NotEmpty { .. } => "name another place with `--database`: a new file, or an empty database",
        };
        Some(hint.to_owned())
    }
}
