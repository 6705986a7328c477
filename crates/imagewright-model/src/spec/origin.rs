//! Where an entry of a spec was written.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The place an entry came from: a file with line and column, or a flag. Shown as `apt.txt:3` or `--apt`.
///
/// It plays no part in what a spec means: see [`ImageSpec::canonical_key`](super::ImageSpec::canonical_key).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Origin {
    /// Name of the file, or the flag.
    pub source: String,
    /// Line in the file, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Column in the line, from 1 and in characters, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
}

impl Origin {
    /// A whole file.
    pub fn file(source: &str) -> Self {
        Self { source: source.to_owned(), line: None, column: None }
    }

    /// A line of a file.
    pub fn line(source: &str, line: u32) -> Self {
        Self { line: Some(line), ..Self::file(source) }
    }

    /// A line and column of a file.
    pub fn position(source: &str, line: u32, column: u32) -> Self {
        Self { column: Some(column), ..Self::line(source, line) }
    }

    /// A flag of the command line.
    pub fn flag(name: &str) -> Self {
        Self::file(name)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        match self.column {
            Some(column) => write!(f, ":{column}"),
            None => Ok(()),
        }
    }
}
