//! How a user wants the layers of an image compressed. Which bytes that gives is for the layer crate to know.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text is not a compression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a compression: expected `none`, `gzip`, `gzip:1` to `gzip:12`, `zstd` or `zstd:1` to `zstd:22`"
)]
pub struct CompressionError(String);

/// How the layers of the image are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum LayerCompression {
    /// Not at all.
    None,
    /// gzip, at a level from 1 to 12.
    Gzip(Option<u8>),
    /// Zstandard, at a level from 1 to 22.
    Zstd(Option<u8>),
}

impl FromStr for LayerCompression {
    type Err = CompressionError;

    fn from_str(text: &str) -> Result<Self, CompressionError> {
        let (method, level) = match text.split_once(':') {
            Some((method, level)) => (method, Some(level.parse::<u8>().unwrap_or(0))),
            None => (text, None),
        };
        match (method, level) {
            ("none", None) => Ok(Self::None),
            ("gzip", None | Some(1..=12)) => Ok(Self::Gzip(level)),
            ("zstd", None | Some(1..=22)) => Ok(Self::Zstd(level)),
            _ => Err(CompressionError(text.to_owned())),
        }
    }
}

impl fmt::Display for LayerCompression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Gzip(None) => f.write_str("gzip"),
            Self::Gzip(Some(level)) => write!(f, "gzip:{level}"),
            Self::Zstd(None) => f.write_str("zstd"),
            Self::Zstd(Some(level)) => write!(f, "zstd:{level}"),
        }
    }
}

impl TryFrom<String> for LayerCompression {
    type Error = CompressionError;

    fn try_from(text: String) -> Result<Self, CompressionError> {
        text.parse()
    }
}

impl From<LayerCompression> for String {
    fn from(compression: LayerCompression) -> Self {
        compression.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read_and_written_unchanged() {
        for text in ["none", "gzip", "gzip:1", "gzip:12", "zstd", "zstd:22"] {
            assert_eq!(text.parse::<LayerCompression>().unwrap().to_string(), text);
        }
        for text in
            ["", "xz", "GZIP", "gzip:", "gzip:0", "gzip:13", "gzip:-1", "zstd:23", "zstd:fast", "none:1"]
        {
            let error = text.parse::<LayerCompression>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{text}` is not a compression")), "{error}");
        }
    }
}
