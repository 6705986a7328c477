//! How a build by a daemon goes wrong.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use imagewright_model::ErrorKind;
use imagewright_model::spec::Origin;

/// Why a daemon did not build.
#[derive(Debug, thiserror::Error)]
pub enum DockerError {
    /// It cannot be talked to.
    #[error("the daemon at `{daemon}` cannot be reached")]
    Unreachable {
        /// Where it should be.
        daemon: String,
        /// What the system said.
        source: io::Error,
    },
    /// A certificate or key for it cannot be used.
    #[error("`{}` cannot be used for a connection with TLS", file.display())]
    Certificate {
        /// The file.
        file: PathBuf,
    },
    /// It is a Docker Engine without BuildKit.
    #[error("the daemon at `{daemon}` has no BuildKit")]
    NoBuildKit {
        /// Where it is.
        daemon: String,
    },
    /// It is too old for something that was asked for.
    #[error("the daemon at `{daemon}` (version {version}) is too old for {what}")]
    TooOld {
        /// Where it is.
        daemon: String,
        /// Its version.
        version: String,
        /// What was asked for.
        what: &'static str,
    },
    /// It ended the connection, or says what is not understood.
    #[error("the conversation with the daemon broke off")]
    Broken(#[source] Box<dyn Error + Send + Sync>),
    /// It refused.
    #[error("the daemon refused: {message}")]
    Refused {
        /// Its words.
        message: String,
    },
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
    /// The Dockerfile is wrong.
    #[error("{origin}: {message}")]
    Dockerfile {
        /// Where.
        origin: Origin,
        /// What is wrong.
        message: String,
    },
    /// Something is not there: a file to copy, an image.
    #[error("{}{message}", at(origin.as_ref()))]
    NotFound {
        /// Where it is wanted.
        origin: Option<Origin>,
        /// What is missing.
        message: String,
    },
    /// The build failed in another way.
    #[error("{}{message}", at(origin.as_ref()))]
    Failed {
        /// Where.
        origin: Option<Origin>,
        /// What the daemon says.
        message: String,
        /// What that amounts to.
        kind: ErrorKind,
    },
    /// A file or folder of the context cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A name of a file that cannot be sent.
    #[error("the name of `{}` is not UTF-8, and BuildKit takes no other", path.display())]
    FileName {
        /// The file.
        path: PathBuf,
    },
    /// The image could not be taken.
    #[error("the image could not be taken from the daemon")]
    TakeImage(#[source] io::Error),
    /// The system gives no means to wait for connections, or no random numbers.
    #[error("the connection to the daemon could not be prepared")]
    Runtime(#[source] io::Error),
    /// The user or a limit stopped it.
    #[error("the build was cancelled")]
    Cancelled,
}

fn at(origin: Option<&Origin>) -> String {
    origin.map(|origin| format!("{origin}: ")).unwrap_or_default()
}

/// A remedy; and another engine, where that runs.
fn or_native(remedy: &str) -> String {
    let other = if cfg!(target_os = "linux") { ", or build with `--engine native`" } else { "" };
    format!("{remedy}{other}")
}

impl DockerError {
    /// What decides the exit code.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Unreachable { source, .. } => match ErrorKind::of_io(source) {
                ErrorKind::Denied => ErrorKind::Denied,
                _ => ErrorKind::Unavailable,
            },
            Self::Broken(_) => ErrorKind::Unavailable,
            Self::Certificate { .. } | Self::Dockerfile { .. } | Self::FileName { .. } => ErrorKind::Invalid,
            Self::NoBuildKit { .. } | Self::TooOld { .. } | Self::Runtime(_) => ErrorKind::Machine,
            Self::Refused { .. } | Self::Command { .. } => ErrorKind::Failed,
            Self::Failed { kind, .. } => *kind,
            Self::NotFound { .. } => ErrorKind::NotFound,
            Self::Read { source, .. } | Self::TakeImage(source) => ErrorKind::of_io(source),
            Self::Cancelled => ErrorKind::Cancelled,
        }
    }

    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unreachable { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                Some(or_native("become a member of the group that owns the socket (usually `docker`)"))
            }
            Self::Unreachable { .. } => {
                Some(or_native("start it, say where it is with DOCKER_HOST or BUILDKIT_HOST"))
            }
            Self::Certificate { .. } => {
                Some("DOCKER_CERT_PATH must have ca.pem, cert.pem and key.pem of the daemon".to_owned())
            }
            Self::Refused { message } if message.contains("HTTPS server") => {
                Some("it wants TLS: set DOCKER_TLS_VERIFY and DOCKER_CERT_PATH".to_owned())
            }
            Self::NoBuildKit { .. } => {
                Some(or_native("Docker has BuildKit since 18.09, not for Windows containers"))
            }
            Self::TooOld { .. } => Some(or_native("use a newer daemon")),
            Self::FileName { .. } => Some(or_native("leave it out with a line in .dockerignore")),
            Self::Read { source, .. } | Self::TakeImage(source) => ErrorKind::io_hint(source),
            Self::Failed { kind: ErrorKind::Denied, .. } => {
                Some("log in with `imagewright login` or `docker login`".to_owned())
            }
            Self::Failed { kind: ErrorKind::Unavailable, .. } => {
                Some("the daemon reaches registries by itself: see its proxies and mirrors".to_owned())
            }
            Self::Broken(_)
            | Self::Refused { .. }
            | Self::Command { .. }
            | Self::Dockerfile { .. }
            | Self::NotFound { .. }
            | Self::Failed { .. }
            | Self::Runtime(_)
            | Self::Cancelled => None,
        }
    }

    pub(crate) fn unreachable(daemon: &str) -> impl FnOnce(io::Error) -> Self + use<> {
        let daemon = daemon.to_owned();
        move |source| Self::Unreachable { daemon, source }
    }

    /// This kind of address is another system's.
    pub(crate) fn not_here(daemon: &str) -> Self {
        Self::unreachable(daemon)(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn broken(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Broken(error.into())
    }

    /// A daemon that says it has built, and not what.
    pub fn no_digest() -> Self {
        Self::broken("the image has no digest")
    }

    /// A call that has nothing to do with what is built.
    pub(crate) fn call(status: tonic::Status) -> Self {
        match status.code() {
            tonic::Code::Unavailable | tonic::Code::Internal => Self::broken(status),
            _ => Self::Refused { message: status.message().to_owned() },
        }
    }
}
