//! What goes wrong with files and folders of this machine that a spec names.

use std::io;
use std::path::PathBuf;

use imagewright_model::ErrorKind;

/// Why a file or folder that a spec names cannot be installed.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// There is nothing.
    #[error("{asked}: there is no `{}`", path.display())]
    Missing {
        /// Where it was asked for.
        asked: String,
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A folder that is no project.
    #[error("{asked}: the folder `{}` is no Python project: it has neither pyproject.toml nor setup.py", path.display())]
    NoProject {
        /// Where it was asked for.
        asked: String,
        /// The folder.
        path: PathBuf,
    },
    /// A file that is no distribution, by its name.
    #[error("{asked}: `{}` is neither a wheel nor an archive of sources", path.display())]
    NoDistribution {
        /// Where it was asked for.
        asked: String,
        /// The file.
        path: PathBuf,
    },
    /// A link in a project leads out of it.
    #[error("`{}` is a link to `{}`, which is outside of the project", path.display(), target.display())]
    LeadsOut {
        /// The link.
        path: PathBuf,
        /// Where it leads.
        target: PathBuf,
    },
    /// Something in a project that is neither file, folder nor link.
    #[error("`{}` is {kind}, which no package can hold", path.display())]
    Special {
        /// What it is called.
        path: PathBuf,
        /// What it is.
        kind: &'static str,
    },
    /// A file or folder was changed while it was being read.
    #[error("`{}` was changed while it was read", path.display())]
    Unsteady {
        /// What was changed.
        path: PathBuf,
    },
    /// A package comes from a path that the spec does not name.
    #[error("`{package}` comes from `{path}`, which only another package names")]
    Stray {
        /// The package.
        package: String,
        /// The path.
        path: String,
    },
    /// It could not be read, or not be copied.
    #[error("`{}` could not be {action}", path.display())]
    Io {
        /// What was to be done.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl LocalError {
    pub(super) fn io<'p>(
        action: &'static str,
        path: &'p std::path::Path,
    ) -> impl FnOnce(io::Error) -> Self + use<'p> {
        move |source| Self::Io { action, path: path.to_path_buf(), source }
    }

    /// What a front end tells apart.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Missing { .. } => ErrorKind::NotFound,
            Self::Unsteady { .. } => ErrorKind::Conflict,
            Self::Io { source, .. } => ErrorKind::of_io(source),
            Self::NoProject { .. }
            | Self::NoDistribution { .. }
            | Self::LeadsOut { .. }
            | Self::Special { .. }
            | Self::Stray { .. } => ErrorKind::Invalid,
        }
    }

    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Missing { .. } => {
                "paths count from the file that names them, and on the command line from where you are"
                    .to_owned()
            }
            Self::NoProject { .. } => "name the folder that holds the project".to_owned(),
            Self::NoDistribution { .. } => {
                "these end in .whl, .tar.gz, .tgz, .tar.bz2, .tar.xz, .tar or .zip".to_owned()
            }
            Self::LeadsOut { .. } => "put a copy in its place: the build sees the project alone".to_owned(),
            Self::Special { .. } => "remove it, or move it out of the project".to_owned(),
            Self::Unsteady { .. } => "build again when nobody writes to it".to_owned(),
            Self::Stray { path, .. } => format!("list `{path}` in the spec as well"),
            Self::Io { source, .. } => return ErrorKind::io_hint(source),
        })
    }
}
