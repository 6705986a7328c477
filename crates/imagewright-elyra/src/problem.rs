//! What is wrong with a record in Elyra's eyes: the class it names, the field, and its words.

use std::fmt;

/// The exception by which Elyra names a kind of problem; its listings show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// The record does not fit the schema.
    ValidationError,
    /// It is not JSON, not text in UTF-8, or names no schema.
    ValueError,
    /// It names another schema.
    SchemaNotFoundError,
    /// It is JSON and no object.
    TypeError,
    /// It is nested too deep.
    RecursionError,
    /// It is a folder.
    IsADirectoryError,
    /// It is a link to nothing.
    FileNotFoundError,
    /// It may not be read.
    PermissionError,
    /// It cannot be read for another reason.
    OsError,
}

impl fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ValidationError => "ValidationError",
            Self::ValueError => "ValueError",
            Self::SchemaNotFoundError => "SchemaNotFoundError",
            Self::TypeError => "TypeError",
            Self::RecursionError => "RecursionError",
            Self::IsADirectoryError => "IsADirectoryError",
            Self::FileNotFoundError => "FileNotFoundError",
            Self::PermissionError => "PermissionError",
            Self::OsError => "OSError",
        })
    }
}

/// Why a record does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The class.
    pub class: ErrorClass,
    /// The field, like `metadata.tags[1]`; none where the whole file is meant.
    pub field: Option<String>,
    /// What is wrong with it, in Elyra's words and without its sentence around.
    pub detail: String,
    /// The message as Elyra has it.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
