//! Errors, in Elyra's words where Elyra has the case: with its capitals and full stops, because scripts read them. Each is one
//! line, so a cause is part of it.

use std::io;
use std::path::PathBuf;

use imagewright_model::ErrorKind;

use crate::SCHEMASPACE;
use crate::findings::Finding;
use crate::problem::Problem;

/// Why something could not be done with a record.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// There is no record of this name.
    #[error("No such instance named '{0}' was found in the {SCHEMASPACE} schemaspace.")]
    NotFound(String),
    /// There is one already, in whichever folder.
    #[error("An instance named '{name}' already exists in the {SCHEMASPACE} schemaspace.")]
    Exists {
        /// The name.
        name: String,
        /// The file that has it.
        path: PathBuf,
    },
    /// A name is outside the rule.
    #[error(
        "Name of metadata must be lowercase alphanumeric, beginning with alpha and can include embedded hyphens ('-') \
         and underscores ('_')."
    )]
    Name,
    /// No name was given where one is needed.
    #[error("The 'name' parameter requires a value.")]
    NoName,
    /// No name can be made of a display name.
    #[error("No name can be made of the display name '{0}'.")]
    Unnameable(String),
    /// The record is not valid, or not even readable.
    #[error("{0}")]
    Problem(Problem),
    /// The record lies in a folder that is not ours to remove from.
    #[error("Removal of instance '{0}' from the {SCHEMASPACE} schemaspace is not permitted!")]
    NotPermitted(String),
    /// Another program changed the record after it was read.
    #[error("Instance '{0}' was changed by another program in the meantime; nothing was written.")]
    Changed(String),
    /// What was to be removed is a folder with something in it.
    #[error("'{}' is a folder that is not empty; it was not removed.", .0.display())]
    FullFolder(PathBuf),
    /// The record to hide is in the folder that is written to.
    #[error("Instance '{0}' is in your own folder; it can be removed.")]
    Own(String),
    /// The record is hidden already.
    #[error("Instance '{0}' is hidden already.")]
    Hidden(String),
    /// The record to bring back is not hidden.
    #[error("Instance '{0}' is not hidden.")]
    NotHidden(String),
    /// A warning that was to count as an error.
    #[error("{0}")]
    Finding(Finding),
    /// A file or folder could not be used.
    #[error("'{}' cannot be {action}: {source}", path.display())]
    Io {
        /// What was tried: `written`, `read`, `removed`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl MetadataError {
    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound(_) => ErrorKind::NotFound,
            Self::Exists { .. } | Self::Changed(_) | Self::Hidden(_) | Self::NotHidden(_) => {
                ErrorKind::Conflict
            }
            Self::Name | Self::NoName | Self::Unnameable(_) | Self::Own(_) => ErrorKind::Usage,
            Self::Problem(_) | Self::Finding(_) => ErrorKind::Invalid,
            Self::NotPermitted(_) | Self::FullFolder(_) => ErrorKind::Denied,
            Self::Io { source, .. } => ErrorKind::of_io(source),
        }
    }

    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Exists { path, .. } => Some(format!("it is in '{}'", path.display())),
            Self::Unnameable(_) => Some("give a name with '--name'".to_owned()),
            Self::NotPermitted(name) => {
                Some(format!("'imagewright metadata hide {SCHEMASPACE} --name {name}' keeps it out of sight"))
            }
            Self::Own(name) => {
                Some(format!("'imagewright metadata remove {SCHEMASPACE} --name {name}' removes it"))
            }
            Self::Changed(_) => Some("look at it again, then try again".to_owned()),
            Self::Finding(finding) => finding.hint.clone(),
            Self::Io { source, .. } => ErrorKind::io_hint(source),
            _ => None,
        }
    }

    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::Io { action, path: path.into(), source }
    }
}

impl From<Problem> for MetadataError {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}
