//! Why a sandbox could not run its command. A command that ran and failed is no error: see [`Exit`](crate::Exit).

use std::io;
use std::path::PathBuf;

use crate::protocol::Failure;

/// Reports why a sandbox could not run its command.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// The specification cannot be carried out anywhere.
    #[error("the sandbox specification is invalid: {reason}")]
    Invalid {
        /// What is wrong with it.
        reason: String,
    },
    /// The overlay would have more layers than the kernel takes.
    #[error("{count} layers below one root file system are too many: the kernel's limit is {limit}")]
    TooManyLayers {
        /// Layers asked for.
        count: usize,
        /// Layers possible.
        limit: usize,
    },
    /// The specification cannot be written down for the helper.
    #[error("could not describe the sandbox to its helper")]
    Describe {
        /// Why not.
        #[source]
        source: serde_json::Error,
    },
    /// The helper program cannot be started.
    #[error("could not start the sandbox helper `{program}`")]
    Helper {
        /// The helper program.
        program: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A process of the sandbox ended without a report: someone killed it, or it is not the helper program.
    #[error("the sandbox broke off: {process} ended with {status}")]
    BrokenOff {
        /// The process that ended.
        process: String,
        /// How it ended.
        status: String,
    },
    /// The surroundings of the command cannot be made.
    #[error("could not {action}{}", quoted(path.as_ref()))]
    Setup {
        /// What was tried.
        action: String,
        /// With which file or directory; inside the sandbox unless the action says otherwise.
        path: Option<PathBuf>,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// The working directory cannot be entered.
    #[error("could not enter the working directory `{path}`")]
    WorkingDirectory {
        /// The directory, inside the sandbox.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The program cannot be started.
    #[error("could not start `{program}` in the sandbox")]
    Exec {
        /// The program as it was asked for.
        program: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

fn quoted(path: Option<&PathBuf>) -> String {
    path.map(|path| format!(" `{}`", path.display())).unwrap_or_default()
}

impl SandboxError {
    /// Says what a person can do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::TooManyLayers { .. } => "join some of the image's layers",
            Self::Setup { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                "sandboxes need a kernel that lets root, or root of a user namespace, make namespaces and mounts: \
                 inside another container that has to be allowed"
            }
            // Without a path it is the number of namespaces that is used up.
            Self::Setup { path: Some(_), source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                "free some space, or inodes, on the file system of the writable directory"
            }
            Self::Setup { action, .. } if action == crate::root::MOUNT_OVERLAY => {
                "the writable directory must lie on a file system that can hold one: \
                 ext4, xfs, btrfs or tmpfs, but not another overlay and not a network file system"
            }
            Self::WorkingDirectory { .. } => "create the directory in an earlier step, or choose another",
            Self::Exec { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => {
                    "is the program installed in the image, and the interpreter its first line names?"
                }
                io::ErrorKind::PermissionDenied => "is the file executable for the user the step runs as?",
                _ => return exec_hint(source),
            },
            _ => return None,
        };
        Some(text.to_owned())
    }
}

fn exec_hint(source: &io::Error) -> Option<String> {
    (source.raw_os_error() == Some(libc::ENOEXEC)).then(|| {
        "the file is neither a program for this machine's processor nor a script with `#!` in its first line"
            .to_owned()
    })
}

impl From<Failure> for SandboxError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Setup { action, path, errno } => {
                Self::Setup { action: action.into_owned(), path, source: io::Error::from_raw_os_error(errno) }
            }
            Failure::WorkingDirectory { path, errno } => {
                Self::WorkingDirectory { path, source: io::Error::from_raw_os_error(errno) }
            }
            Failure::Exec { program, errno } => {
                Self::Exec { program, source: io::Error::from_raw_os_error(errno) }
            }
            Failure::BrokenOff { status } => {
                Self::BrokenOff { process: "its first process".to_owned(), status }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use super::*;

    #[test]
    fn names_what_failed_and_on_what() {
        let cases = [
            (
                Failure::Setup { action: "mount".into(), path: Some("/proc".into()), errno: libc::EPERM },
                "could not mount `/proc`",
                true,
            ),
            (
                Failure::Setup { action: "enter new namespaces".into(), path: None, errno: libc::ENOSPC },
                "could not enter new namespaces",
                false,
            ),
            (
                Failure::Setup {
                    action: "make the mount point".into(),
                    path: Some("/proc".into()),
                    errno: libc::ENOSPC,
                },
                "could not make the mount point `/proc`",
                true,
            ),
            (
                Failure::Exec { program: "apt-get".to_owned(), errno: libc::ENOENT },
                "could not start `apt-get` in the sandbox",
                true,
            ),
            (
                Failure::WorkingDirectory { path: "/srv".into(), errno: libc::ENOENT },
                "could not enter the working directory `/srv`",
                true,
            ),
        ];
        for (failure, text, has_hint) in cases {
            let error = SandboxError::from(failure);
            assert_eq!(error.to_string(), text);
            assert_eq!(error.hint().is_some(), has_hint, "{text}");
            assert!(error.source().is_some(), "{text}");
        }
    }
}
