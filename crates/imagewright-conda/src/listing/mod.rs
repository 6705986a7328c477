//! Locks of other programs, read as lists of exact files: `conda-lock.yml` of conda-lock, `pixi.lock` of pixi.
//!
//! Such a lock is for several platforms, and for several environments or categories. What comes of it is the part that one image is
//! made of, in the forms that lists by themselves have: lines of an `@EXPLICIT` list, and a `pylock.toml` of the Python packages in
//! it. What of that part could not be installed is an error, and never left out.

mod conda_lock;
mod error;
mod pixi;
mod python;
#[cfg(test)]
mod tests;

use serde::de::DeserializeOwned;
use serde_saphyr::{MessageFormatter, Spanned, UserMessageFormatter};

pub use error::ListingError;

/// The environment of a `pixi.lock` that is meant where nobody says.
pub const DEFAULT_ENVIRONMENT: &str = "default";
/// The category of a `conda-lock.yml` that is meant where nobody says.
pub const DEFAULT_CATEGORY: &str = "main";

/// No lock has more entries, and words in them.
const MOST_EVENTS: usize = 10_000_000;

/// Which part of a lock is meant.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// The folder of channels with packages for the platform, as `linux-64`.
    pub subdir: &'a str,
    /// The environment of a `pixi.lock`.
    pub environment: Option<&'a str>,
    /// The categories of a `conda-lock.yml`; none: [`DEFAULT_CATEGORY`].
    pub categories: &'a [String],
}

/// What a lock holds for one image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The conda packages, in the order of the lock.
    pub files: Vec<ListedFile>,
    /// The Python packages as a `pylock.toml`, where there are some.
    pub pylock: Option<String>,
}

/// A conda package of a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedFile {
    /// The line of an explicit list: the address, `#`, the hash. Without `#` where the lock has no hash.
    pub text: String,
    /// Where it stands in the lock, where that is known.
    pub line: Option<u32>,
}

/// Reads the part of a lock that an image is made of.
///
/// # Errors
/// Where it is no lock of the two, lacks the part, or has packages in it that cannot be installed from files.
pub fn read_listing(text: &str, part: &Part<'_>) -> Result<Listing, ListingError> {
    // Only pixi's have environments.
    let is_pixi = text.lines().any(|line| line.starts_with("environments:"));
    if !is_pixi {
        if part.environment.is_some() {
            return Err(ListingError::NoEnvironments);
        }
        return conda_lock::read(text, part);
    }
    if !part.categories.is_empty() {
        return Err(ListingError::NoCategories);
    }
    pixi::read(text, part)
}

/// Reads a document. A lock of a large project has some hundred thousand entries; how long its text may be is for who reads the
/// file to say.
fn parse<T: DeserializeOwned>(tool: &'static str, text: &str) -> Result<T, ListingError> {
    let budget = serde_saphyr::budget! { max_events: MOST_EVENTS, max_nodes: MOST_EVENTS };
    let options = serde_saphyr::options! { with_snippet: false, budget: budget };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let error = error.without_snippet();
        let line = error.location().and_then(|location| u32::try_from(location.line()).ok());
        let reason = UserMessageFormatter.format_message(error).into_owned();
        ListingError::Malformed { tool, reason, line }
    })
}

/// Where an entry begins.
fn line_of<T>(entry: &Spanned<T>) -> Option<u32> {
    u32::try_from(entry.referenced.line()).ok().filter(|line| *line > 0)
}

/// The line of an explicit list.
fn explicit(address: &str, sha256: Option<&str>, md5: Option<&str>) -> String {
    match sha256.or(md5) {
        Some(hash) => format!("{address}#{hash}"),
        None => address.to_owned(),
    }
}
