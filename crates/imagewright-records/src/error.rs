//! What goes wrong with records.

use imagewright_model::ErrorKind;

/// Why something was not kept, or not found.
#[derive(Debug, thiserror::Error)]
pub enum RecordsError {
    /// The address of the database.
    #[error("`{0}` is no database: an address begins with `sqlite:` or `postgres:`")]
    Address(String),
    /// The database did not answer, or not as it should.
    #[error("the database did not {doing}")]
    Database {
        /// What it should have done.
        doing: &'static str,
        /// What it said.
        #[source]
        source: sqlx::Error,
    },
    /// The tables are not as they should be.
    #[error("the tables could not be brought up to date")]
    Migration(#[source] sqlx::migrate::MigrateError),
    /// There is one already.
    #[error("there is a {what} `{name}` already")]
    Taken {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// Somebody else changed it first.
    #[error("`{name}` was changed by somebody else meanwhile")]
    Changed {
        /// Its name.
        name: String,
    },
    /// What was there before is not all gone.
    #[error("what belonged to the image `{name}` that was deleted is still being removed")]
    BeingRemoved {
        /// Its name.
        name: String,
    },
    /// What was stored does not read as what it should be.
    #[error("what is stored of {what} cannot be read")]
    Corrupt {
        /// Of what.
        what: String,
        /// Why not.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl RecordsError {
    /// Decides exit code and status.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Address(_) => ErrorKind::Usage,
            Self::Database { .. } => ErrorKind::Unavailable,
            Self::Migration(_) | Self::Corrupt { .. } => ErrorKind::Invalid,
            Self::Taken { .. } | Self::Changed { .. } | Self::BeingRemoved { .. } => ErrorKind::Conflict,
        }
    }

    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Address(_) => {
                Some("for example `sqlite:/var/lib/imagewright/records.db` or `postgres://user@host/name`".to_owned())
            }
            Self::Database { .. } => Some("check that the database runs and takes this user's connections".to_owned()),
            Self::Migration(_) => {
                Some("a newer version of this program may have changed them: use that version, or restore a backup".to_owned())
            }
            Self::Changed { .. } => Some("look at it again, and repeat the change on what it is now".to_owned()),
            Self::BeingRemoved { .. } => Some("wait a moment, and try again".to_owned()),
            Self::Taken { .. } | Self::Corrupt { .. } => None,
        }
    }

    /// For the errors of a statement.
    pub(crate) fn doing(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Database { doing, source }
    }

    /// For the errors of a statement that inserts what must have a name of its own.
    pub(crate) fn inserting(what: &'static str, name: &str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| match &source {
            sqlx::Error::Database(error) if error.is_unique_violation() => {
                Self::Taken { what, name: name.to_owned() }
            }
            _ => Self::Database { doing: "insert a row", source },
        }
    }
}
