//! How an instruction of a Dockerfile goes wrong.

use std::io;
use std::path::PathBuf;

use imagewright_dockerfile::DockerfileError;
use imagewright_model::ErrorKind;
use imagewright_model::spec::Origin;

/// Why an instruction could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// The Dockerfile is wrong.
    #[error(transparent)]
    Dockerfile(#[from] DockerfileError),
    /// A command failed.
    #[error("{origin}: the command exited with code {code}\n{tail}")]
    Command {
        /// Where it is written.
        origin: Origin,
        /// Its exit code.
        code: i32,
        /// The last lines it printed.
        tail: String,
    },
    /// Something to copy is not there.
    #[error("{origin}: there is no `{path}` in {place}")]
    NoSuchSource {
        /// The instruction.
        origin: Origin,
        /// The path.
        path: String,
        /// Where it was looked for.
        place: String,
        /// Whether the rules of `.dockerignore` leave it out.
        ignored: bool,
    },
    /// Something of a kind that is not copied.
    #[error("{origin}: `{path}` is a device or socket, and those are not copied")]
    SpecialFile {
        /// The instruction.
        origin: Origin,
        /// The path.
        path: PathBuf,
    },
    /// A file and a folder would have to be one.
    #[error("{origin}: `{path}` is {is} in the image, and {comes} is copied there")]
    OtherKind {
        /// The instruction.
        origin: Origin,
        /// The path in the image.
        path: PathBuf,
        /// What it is.
        is: &'static str,
        /// What comes.
        comes: &'static str,
    },
    /// Files changed while they were copied.
    #[error("{origin}: files of {place} were changed during the build")]
    Changed {
        /// The instruction.
        origin: Origin,
        /// Where they are.
        place: String,
    },
    /// An archive cannot be read, or in a way this program does not have.
    #[error("{origin}: the archive `{path}` cannot be unpacked")]
    Archive {
        /// The instruction.
        origin: Origin,
        /// The archive.
        path: String,
        /// Why not.
        source: io::Error,
    },
    /// A repository could not be fetched.
    #[error("{origin}: git could not fetch `{url}`\n{tail}")]
    Git {
        /// The instruction.
        origin: Origin,
        /// The repository.
        url: String,
        /// The last lines it printed.
        tail: String,
    },
    /// A repository does not have a branch, tag or commit.
    #[error("{origin}: `{url}` has no `{reference}`")]
    NoSuchReference {
        /// The instruction.
        origin: Origin,
        /// The repository.
        url: String,
        /// What was asked for.
        reference: String,
    },
    /// A repository is at another commit than was said.
    #[error("{origin}: `{url}` is at commit {found}, not at {expected}")]
    OtherCommit {
        /// The instruction.
        origin: Origin,
        /// The repository.
        url: String,
        /// The commit it is at.
        found: String,
        /// What `--checksum` says.
        expected: String,
    },
    /// There is no git on this machine.
    #[error("{origin}: there is no `git` on this machine to fetch the repository with")]
    NoGit {
        /// The instruction.
        origin: Origin,
    },
    /// An agent that was not given to the build.
    #[error("{origin}: the SSH agent `{id}` was not given")]
    NoSuchAgent {
        /// The instruction.
        origin: Origin,
        /// Its name.
        id: String,
    },
    /// A link that leads in a circle.
    #[error("{origin}: the links at `{path}` lead in a circle")]
    Circle {
        /// The instruction.
        origin: Origin,
        /// The path.
        path: String,
    },
}

impl StageError {
    /// What decides the exit code.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Dockerfile(error) => error.kind(),
            Self::Command { .. } | Self::Git { .. } => ErrorKind::Failed,
            Self::NoSuchSource { .. }
            | Self::NoSuchReference { .. }
            | Self::NoGit { .. }
            | Self::NoSuchAgent { .. } => ErrorKind::NotFound,
            Self::OtherCommit { .. } => ErrorKind::Invalid,
            Self::Changed { .. } => ErrorKind::Conflict,
            Self::SpecialFile { .. }
            | Self::OtherKind { .. }
            | Self::Archive { .. }
            | Self::Circle { .. } => ErrorKind::Invalid,
        }
    }

    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Dockerfile(error) => error.hint(),
            Self::NoSuchSource { ignored: true, .. } => {
                Some("the .dockerignore leaves it out: take it in again with a line `!PATH`".to_owned())
            }
            Self::NoSuchSource { .. } => Some(
                "paths are from the folder that is built, not from the Dockerfile or the shell".to_owned(),
            ),
            Self::Changed { .. } => Some("build again when nobody writes there".to_owned()),
            Self::Archive { .. } => Some(
                "archives may be plain or compressed with gzip, bzip2, xz or zstd; unpack others in a RUN"
                    .to_owned(),
            ),
            Self::NoGit { .. } => Some("install git, or fetch an archive of the repository".to_owned()),
            Self::NoSuchAgent { id, .. } => {
                Some(format!("give it with `--ssh {id}`, or leave `required` out where it may be missing"))
            }
            Self::OtherCommit { .. } => {
                Some("it has changed since: look what is new, then give the new commit".to_owned())
            }
            Self::Command { .. }
            | Self::Git { .. }
            | Self::NoSuchReference { .. }
            | Self::SpecialFile { .. }
            | Self::OtherKind { .. }
            | Self::Circle { .. } => None,
        }
    }
}
