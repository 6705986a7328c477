//! Instructions as they are written, before any variable is replaced.

use crate::flags::RunFlags;
use crate::git::GitSource;

/// All keywords.
pub(crate) const KEYWORDS: [&str; 18] = [
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// An instruction and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Located {
    pub(crate) instruction: Instruction,
    /// As it was written, in one line.
    pub(crate) text: String,
    pub(crate) line: u32,
}

/// An instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Instruction {
    From(From),
    Arg(Vec<(String, Option<String>)>),
    Env(Vec<(String, String)>),
    Label(Vec<(String, String)>),
    Maintainer(String),
    Run(Run),
    Copy(Copy),
    Workdir(String),
    User(String),
    Expose(Vec<String>),
    Volume(Vec<String>),
    Cmd(Command),
    Entrypoint(Command),
    Shell(Vec<String>),
    StopSignal(String),
    HealthCheck(HealthCheck),
    OnBuild(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct From {
    pub(crate) image: String,
    pub(crate) platform: Option<String>,
    pub(crate) name: Option<String>,
}

/// A program in exec form, or a line for the shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Exec(Vec<String>),
    Shell(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) command: Command,
    /// Files that the command is made of or reads, in exec form none.
    pub(crate) heredocs: Vec<crate::source::Heredoc>,
    pub(crate) flags: RunFlags,
}

/// `COPY` or `ADD`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Copy {
    /// Whether it is `ADD`.
    pub(crate) add: bool,
    pub(crate) sources: Vec<RawSource>,
    pub(crate) destination: String,
    pub(crate) from: Option<String>,
    pub(crate) chown: Option<String>,
    pub(crate) chmod: Option<String>,
    pub(crate) checksum: Option<String>,
    pub(crate) link: bool,
    /// Whether the folders on the way to what is copied come along.
    pub(crate) parents: bool,
    /// Patterns of what is left out.
    pub(crate) exclude: Vec<String>,
    /// Whether a repository comes with its `.git`.
    pub(crate) keep_git: bool,
    /// Whether archives are unpacked, where that is said.
    pub(crate) unpack: Option<bool>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RawSource {
    Path(String),
    Heredoc(crate::source::Heredoc),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HealthCheck {
    None,
    Command {
        command: Command,
        /// Nanoseconds, by the names they have in a configuration.
        times: Vec<(&'static str, i64)>,
        retries: Option<i64>,
    },
}

/// Something that `COPY` or `ADD` takes, its variables replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CopySource {
    /// A path, perhaps a pattern, from the root of where it comes from.
    Path(String),
    /// A path or pattern below a folder; the folders in between come along (`--parents`).
    Below {
        /// The folder, from the root of where it comes from.
        folder: String,
        /// The rest of the path, relative.
        path: String,
    },
    /// A here-document.
    Inline(InlineFile),
    /// An address to fetch from.
    Url(String),
    /// A repository.
    Git(GitSource),
}

/// A file whose contents stand in the Dockerfile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InlineFile {
    /// Its name.
    pub name: String,
    /// What is in it.
    pub contents: String,
}
