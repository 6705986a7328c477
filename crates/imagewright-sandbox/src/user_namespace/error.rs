//! Why an ordinary user could not become root of a user namespace.

use std::io;
use std::path::PathBuf;

use super::obstacles::Setting;
use super::subordinate::NEEDED;

/// Reports why the program could not run again inside a user namespace.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UserNamespaceError {
    /// The kernel is too old.
    #[error("Linux {release} cannot do for ordinary users what this needs")]
    OldKernel {
        /// The kernel's release.
        release: String,
    },
    /// A setting of the kernel forbids user namespaces.
    #[error("ordinary users may not use user namespaces: `{}` is {value}", setting.name())]
    Disabled {
        /// The setting.
        setting: Setting,
        /// Its value.
        value: String,
    },
    /// Set-uid programs give this process nothing.
    #[error("this process may not gain privileges, which `newuidmap` needs")]
    NoNewPrivileges,
    /// A program is not installed.
    #[error("the program `{program}` is missing")]
    MissingProgram {
        /// Its name.
        program: &'static str,
    },
    /// A file cannot be read.
    #[error("could not read `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The user has no ids for the users and groups of images.
    #[error("the user `{user}` has no range of {NEEDED} ids in {files}")]
    SubordinateIds {
        /// Name of the user.
        user: String,
        /// Files that lack it, for people.
        files: String,
        /// Adds what is missing, when root runs it.
        command: String,
    },
    /// The system refused a step.
    #[error("could not {action}")]
    Refused {
        /// What was tried.
        action: String,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// The program that assigns ids failed.
    #[error("`{program}` failed: {message}")]
    Assign {
        /// Its name.
        program: &'static str,
        /// What it said.
        message: String,
    },
    /// The program inside finds itself still an ordinary user.
    #[error("the program is not root of the user namespace that was made for it")]
    Useless,
}

impl UserNamespaceError {
    /// Says what a person can do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::OldKernel { .. } => "use Linux 5.14 or later, or run this as root",
            Self::Disabled { setting, .. } => setting.hint(),
            Self::NoNewPrivileges => {
                "start it where `no_new_privs` is not set: services have `NoNewPrivileges=`, containers \
                 `no-new-privileges`"
            }
            Self::MissingProgram { .. } => "install it: Debian's and Ubuntu's package is `uidmap`",
            Self::SubordinateIds { command, .. } => return Some(format!("let root run `{command}`")),
            Self::Refused { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                "inside a container, user namespaces must be allowed by its system call filter; \
                 or run this as root"
            }
            Self::Assign { program, .. } => {
                return Some(format!("is `{program}` set-uid root, and on a file system that respects it?"));
            }
            Self::Read { .. } | Self::Refused { .. } | Self::Useless => return None,
        };
        Some(text.to_owned())
    }
}
