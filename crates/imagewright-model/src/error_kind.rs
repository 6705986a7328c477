//! The few kinds of error that a front end tells apart.

use serde::{Deserialize, Serialize};

/// Decides the exit code, later the HTTP status, and whether trying again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// A step of the build failed by itself: a package does not exist, a compiler stopped.
    Failed,
    /// The command was called wrongly.
    Usage,
    /// What was named does not exist.
    NotFound,
    /// What was given is not what it must be: a malformed file, a bad signature, a corrupt archive.
    Invalid,
    /// It exists already, or another process holds it.
    Conflict,
    /// Another machine cannot be reached.
    Unavailable,
    /// This user may not.
    Denied,
    /// The user or a time limit stopped it.
    Cancelled,
    /// The machine lacks something: space, a program, a kernel feature.
    Machine,
    /// A defect of this program.
    Internal,
}

impl ErrorKind {
    /// The exit code of the command line.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NotFound => 3,
            Self::Invalid => 4,
            Self::Conflict => 5,
            Self::Unavailable => 6,
            Self::Denied => 7,
            Self::Machine => 8,
            Self::Internal => 70,
            Self::Cancelled => 130,
        }
    }

    /// The kind of an error of the operating system.
    pub fn of_io(error: &std::io::Error) -> Self {
        use std::io::ErrorKind as Io;
        match error.kind() {
            Io::NotFound => Self::NotFound,
            Io::PermissionDenied => Self::Denied,
            Io::StorageFull | Io::QuotaExceeded | Io::ReadOnlyFilesystem | Io::OutOfMemory => Self::Machine,
            Io::InvalidData | Io::UnexpectedEof | Io::InvalidInput => Self::Invalid,
            Io::ConnectionRefused | Io::ConnectionReset | Io::TimedOut | Io::HostUnreachable => {
                Self::Unavailable
            }
            Io::AlreadyExists => Self::Conflict,
            _ => Self::Failed,
        }
    }

    /// A hint for an error of the operating system, where there is one to give.
    pub fn io_hint(error: &std::io::Error) -> Option<String> {
        use std::io::ErrorKind as Io;
        match error.kind() {
            Io::StorageFull | Io::QuotaExceeded => {
                Some("free some space, or put the store elsewhere with --root or IMAGEWRIGHT_ROOT".to_owned())
            }
            Io::ReadOnlyFilesystem => Some(
                "its file system is mounted read-only: put the store elsewhere with --root or IMAGEWRIGHT_ROOT"
                    .to_owned(),
            ),
            Io::PermissionDenied => Some("check who owns it, or name another store with --root".to_owned()),
            _ => None,
        }
    }
}
