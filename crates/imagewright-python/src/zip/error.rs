//! What can be wrong with a zip archive.

use std::io;

/// Why an archive, or one member of it, cannot be used. Members are named as the archive names them.
#[derive(Debug, thiserror::Error)]
pub enum ZipError {
    /// The bytes below could not be had.
    #[error("could not read the zip archive")]
    Read {
        /// What their reader said.
        source: io::Error,
    },
    /// There is no end of a central directory, so this is no zip archive, or only the beginning of one.
    #[error("it is no whole zip archive: the end of its directory is missing")]
    NotAnArchive,
    /// The archive continues in another file.
    #[error("the zip archive is one part of several")]
    MultiDisk,
    /// The central directory cannot be understood.
    #[error("the directory of the zip archive is malformed: {reason}")]
    Directory {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The central directory is larger than any honest one.
    #[error("the zip archive has a directory of {members} members in {bytes} bytes, which is too large")]
    TooLarge {
        /// The number of members it says it has.
        members: u64,
        /// The size of the directory.
        bytes: u64,
    },
    /// A member has a name that no file may have.
    #[error("member `{member}` of the zip archive cannot be placed: {reason}")]
    Name {
        /// The member.
        member: String,
        /// What is wrong with its name.
        reason: &'static str,
    },
    /// A member is compressed by a method that wheels do not use.
    #[error("member `{member}` of the zip archive is compressed by method {method}, not stored or deflated")]
    Method {
        /// The member.
        member: String,
        /// The method's number.
        method: u16,
    },
    /// A member is encrypted.
    #[error("member `{member}` of the zip archive is encrypted")]
    Encrypted {
        /// The member.
        member: String,
    },
    /// One name stands for two different contents.
    #[error("member `{member}` is in the zip archive twice, with different contents")]
    Duplicate {
        /// The member.
        member: String,
    },
    /// A member would lie in another one that is a file.
    #[error("member `{file}` of the zip archive is a file, but `{inside}` lies in it")]
    InsideFile {
        /// The member that is a file.
        file: String,
        /// The other member.
        inside: String,
    },
    /// The bytes of a member are not where they must be, or not its alone.
    #[error("member `{member}` of the zip archive does not end where the next one begins")]
    Layout {
        /// The member.
        member: String,
    },
    /// A member's own header differs from the directory.
    #[error("member `{member}` of the zip archive has {field} that differs from the directory's")]
    Header {
        /// The member.
        member: String,
        /// The field in which they differ.
        field: &'static str,
    },
    /// The contents of a member are not what the directory says.
    #[error("the contents of member `{member}` of the zip archive are damaged: {reason}")]
    Contents {
        /// The member.
        member: String,
        /// What is wrong with them.
        reason: &'static str,
    },
}

impl ZipError {
    /// What may be done about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Read { .. } => None,
            Self::NotAnArchive | Self::Contents { .. } => Some("fetch the file again".to_owned()),
            Self::MultiDisk => Some("join its parts into one file".to_owned()),
            Self::Encrypted { .. } | Self::Method { .. } => {
                Some("pack it again with a tool for wheels, such as `python -m wheel pack`".to_owned())
            }
            Self::Directory { .. }
            | Self::TooLarge { .. }
            | Self::Name { .. }
            | Self::Duplicate { .. }
            | Self::InsideFile { .. }
            | Self::Layout { .. }
            | Self::Header { .. } => {
                Some("do not use this file: installers read it in different ways".to_owned())
            }
        }
    }
}
