//! The ways a layer is compressed.

use std::fmt;
use std::str::FromStr;

use imagewright_oci::MediaType;
use serde::{Deserialize, Serialize};

/// How a layer is compressed; written `none`, `gzip`, `gzip:9`, `zstd` or `zstd:19`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Compression {
    /// A plain tar.
    None,
    /// gzip, which every runtime reads.
    Gzip {
        /// libdeflate's level, 1 to 12.
        level: u8,
    },
    /// zstd: smaller and faster, but Docker before 23 cannot read it.
    Zstd {
        /// zstd's level, 1 to 22.
        level: i32,
    },
}

impl Compression {
    const GZIP_LEVEL: u8 = 6;
    const ZSTD_LEVEL: i32 = 3;

    /// The media type of a layer compressed this way.
    pub fn media_type(self) -> MediaType {
        match self {
            Self::None => MediaType::Layer,
            Self::Gzip { .. } => MediaType::LayerGzip,
            Self::Zstd { .. } => MediaType::LayerZstd,
        }
    }
}

impl Default for Compression {
    fn default() -> Self {
        Self::Gzip { level: Self::GZIP_LEVEL }
    }
}

/// Why a text is not a way to compress.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompressionError {
    /// The name is not one of the three.
    #[error("compression `{0}` is not `none`, `gzip`, `gzip:LEVEL`, `zstd` or `zstd:LEVEL`")]
    Unknown(String),
    /// The level is not one the compressor has.
    #[error("compression `{text}` has no level from 1 to {highest} after the colon")]
    Level {
        /// The text that was refused.
        text: String,
        /// The compressor's highest level.
        highest: u8,
    },
}

impl FromStr for Compression {
    type Err = CompressionError;

    fn from_str(text: &str) -> Result<Self, CompressionError> {
        let (name, level) = match text.split_once(':') {
            Some((name, level)) => (name, Some(level)),
            None => (text, None),
        };
        let level_up_to = |highest: u8| match level.map(str::parse::<u8>) {
            None => Ok(None),
            Some(Ok(level)) if (1..=highest).contains(&level) => Ok(Some(level)),
            Some(_) => Err(CompressionError::Level { text: text.to_owned(), highest }),
        };
        match name {
            "none" if level.is_none() => Ok(Self::None),
            "gzip" => Ok(Self::Gzip { level: level_up_to(12)?.unwrap_or(Self::GZIP_LEVEL) }),
            "zstd" => Ok(Self::Zstd { level: level_up_to(22)?.map_or(Self::ZSTD_LEVEL, i32::from) }),
            _ => Err(CompressionError::Unknown(text.to_owned())),
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Gzip { level } => write!(f, "gzip:{level}"),
            Self::Zstd { level } => write!(f, "zstd:{level}"),
        }
    }
}

impl TryFrom<String> for Compression {
    type Error = CompressionError;

    fn try_from(text: String) -> Result<Self, CompressionError> {
        text.parse()
    }
}

impl From<Compression> for String {
    fn from(compression: Compression) -> Self {
        compression.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_parse_and_come_back() {
        let cases = [
            ("none", Compression::None, "none"),
            ("gzip", Compression::default(), "gzip:6"),
            ("gzip:12", Compression::Gzip { level: 12 }, "gzip:12"),
            ("zstd", Compression::Zstd { level: 3 }, "zstd:3"),
            ("zstd:19", Compression::Zstd { level: 19 }, "zstd:19"),
        ];
        for (text, expected, shown) in cases {
            assert_eq!(text.parse(), Ok(expected), "{text}");
            assert_eq!(expected.to_string(), shown);
            assert_eq!(shown.parse(), Ok(expected));
        }
    }

    #[test]
    fn other_texts_are_refused_by_name() {
        for text in ["", "none:1", "xz", "gzip6", "GZIP"] {
            assert_eq!(text.parse::<Compression>(), Err(CompressionError::Unknown(text.to_owned())));
        }
        for text in ["gzip:", "gzip:0", "gzip:13", "gzip:-1", "gzip:x", "zstd:23", "zstd:300", "zstd:3:3"] {
            assert!(matches!(text.parse::<Compression>(), Err(CompressionError::Level { .. })), "{text}");
        }
    }
}
