//! Channels.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::CondaSpecError;
use crate::spec::Origin;
use crate::spec::address::gives_away_secret;

/// A channel, by its name or its address.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CondaChannel {
    name: String,
    /// Where it was written.
    pub origin: Origin,
}

impl CondaChannel {
    /// Reads the name or the address of a channel.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(text: &str, origin: Origin) -> Result<Self, CondaSpecError> {
        Ok(Self { name: check(text)?, origin })
    }

    /// Its name or address, without a slash at the end.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for CondaChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// The name or address of a channel in one spelling.
pub(super) fn check(text: &str) -> Result<String, CondaSpecError> {
    let text = text.trim();
    let name = text.trim_end_matches('/');
    // First of all, since the other errors show the text.
    if gives_away_secret(text) {
        return Err(CondaSpecError::Credentials);
    }
    if matches!(name, "defaults" | "local") {
        return Err(CondaSpecError::Defaults(name.to_owned()));
    }
    if name.starts_with("file:") || text.starts_with(['/', '.', '~', '\\']) {
        return Err(CondaSpecError::LocalChannel(text.to_owned()));
    }
    let wrong = || CondaSpecError::Channel(text.to_owned());
    match name.split_once("://") {
        Some(("http" | "https", rest)) => {
            let is_plain = rest.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '[' | ']' | '?' | '#'));
            if rest.is_empty()
                || rest.starts_with('/')
                || !is_plain
                || rest.split('/').any(|part| part == "..")
            {
                return Err(wrong());
            }
        }
        Some(_) => return Err(wrong()),
        None => {
            let is_word = |part: &str| {
                part.starts_with(|c: char| c.is_ascii_alphanumeric())
                    && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
            };
            if !name.split('/').all(is_word) {
                return Err(wrong());
            }
        }
    }
    Ok(name.to_owned())
}
