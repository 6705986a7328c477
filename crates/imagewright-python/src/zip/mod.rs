//! Zip archives, read where they lie: the directory at their end first, then members from front to back.
//!
//! Members are given out as they are stored, so that a deflate stream can be carried elsewhere. An archive is
//! refused where two readers could see different files in it: members that overlap or leave gaps, headers that differ
//! from the directory, names that leave the folder or mean two things. What the files mean is not decided here.

mod archive;
mod ending;
mod error;
mod fields;
mod member;
mod name;
mod read_at;

pub(crate) use archive::contents_error;
pub use archive::{Archive, Plain, Stored};
pub use error::ZipError;
pub use member::{Member, Method};
pub use read_at::{FileAt, ReadAt};
