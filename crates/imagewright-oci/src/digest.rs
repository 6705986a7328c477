//! Digests of bytes, and the identities made of them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::Digest as _;

/// The digest algorithms the image specification registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    /// SHA-256, what everything of ours uses.
    Sha256,
    /// SHA-512, accepted where others use it.
    Sha512,
}

impl Algorithm {
    /// The name in front of the colon.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    const fn hex_length(self) -> usize {
        match self {
            Self::Sha256 => 64,
            Self::Sha512 => 128,
        }
    }

    /// Starts hashing with this algorithm.
    pub fn hasher(self) -> Hasher {
        match self {
            Self::Sha256 => Hasher::Sha256(sha2::Sha256::new()),
            Self::Sha512 => Hasher::Sha512(sha2::Sha512::new()),
        }
    }
}

/// Hashes bytes as they pass by; see [`Algorithm::hasher`].
#[derive(Clone, Debug)]
pub enum Hasher {
    /// SHA-256 state.
    Sha256(sha2::Sha256),
    /// SHA-512 state.
    Sha512(sha2::Sha512),
}

impl Default for Hasher {
    fn default() -> Self {
        Algorithm::Sha256.hasher()
    }
}

impl Hasher {
    /// Takes more bytes in.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(state) => state.update(bytes),
            Self::Sha512(state) => state.update(bytes),
        }
    }

    /// The digest of all bytes taken in.
    pub fn finish(self) -> Digest {
        match self {
            Self::Sha256(state) => Digest::from_raw(Algorithm::Sha256, &state.finalize()),
            Self::Sha512(state) => Digest::from_raw(Algorithm::Sha512, &state.finalize()),
        }
    }
}

impl std::io::Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Why a text is not a digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// There is no colon between algorithm and value.
    #[error("digest `{0}` has no algorithm (expected `sha256:` and 64 hexadecimal digits)")]
    NoAlgorithm(String),
    /// The algorithm is not one we know.
    #[error("digest `{0}` uses an algorithm other than sha256 and sha512")]
    UnknownAlgorithm(String),
    /// The value has the wrong number of digits.
    #[error("digest `{text}` has {found} digits after the colon, not {expected}")]
    WrongLength {
        /// The text that was refused.
        text: String,
        /// Digits found.
        found: usize,
        /// Digits the algorithm has.
        expected: usize,
    },
    /// The value holds something that is not a lower-case hexadecimal digit.
    #[error("digest `{0}` has characters other than 0-9 and a-f after the colon")]
    NotHexadecimal(String),
}

/// Digest of bytes as stored or sent: `sha256:` and 64 lower-case hexadecimal digits.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest {
    algorithm: Algorithm,
    hex: Box<str>,
}

impl Digest {
    /// The SHA-256 digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = Hasher::default();
        hasher.update(bytes);
        hasher.finish()
    }

    fn from_raw(algorithm: Algorithm, raw: &[u8]) -> Self {
        Self { algorithm, hex: hex::encode(raw).into() }
    }

    /// The algorithm in front of the colon.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The hexadecimal digits after the colon.
    pub fn hex(&self) -> &str {
        &self.hex
    }

    /// The first twelve digits, as people read image ids.
    pub fn short(&self) -> &str {
        &self.hex[..12]
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let (name, value) = text.split_once(':').ok_or_else(|| DigestError::NoAlgorithm(text.to_owned()))?;
        let algorithm = match name {
            "sha256" => Algorithm::Sha256,
            "sha512" => Algorithm::Sha512,
            _ => return Err(DigestError::UnknownAlgorithm(text.to_owned())),
        };
        if !value.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(DigestError::NotHexadecimal(text.to_owned()));
        }
        if value.len() != algorithm.hex_length() {
            return Err(DigestError::WrongLength {
                text: text.to_owned(),
                found: value.len(),
                expected: algorithm.hex_length(),
            });
        }
        Ok(Self { algorithm, hex: value.into() })
    }
}

impl TryFrom<String> for Digest {
    type Error = DigestError;

    fn try_from(text: String) -> Result<Self, DigestError> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm.name(), self.hex)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Digest of a layer's tar stream before compression (image spec, "Layer DiffID").
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DiffId(Digest);

impl DiffId {
    /// States that `digest` was computed over an uncompressed layer.
    pub fn new(digest: Digest) -> Self {
        Self(digest)
    }

    /// The digest behind it.
    pub fn digest(&self) -> &Digest {
        &self.0
    }
}

impl fmt::Display for DiffId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Identity of a layer applied on all those below it (image spec, "Layer ChainID").
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChainId(Digest);

impl ChainId {
    /// The chain of a bottom layer alone.
    pub fn bottom(layer: &DiffId) -> Self {
        Self(layer.0.clone())
    }

    /// This chain with `layer` on top.
    pub fn with(&self, layer: &DiffId) -> Self {
        Self(Digest::of(format!("{} {}", self.0, layer.0).as_bytes()))
    }

    /// The chain ids of a stack of layers, bottom first: one for each prefix of the stack.
    pub fn stack(layers: &[DiffId]) -> Vec<Self> {
        let mut chain: Vec<Self> = Vec::with_capacity(layers.len());
        for layer in layers {
            let next = chain.last().map_or_else(|| Self::bottom(layer), |below| below.with(layer));
            chain.push(next);
        }
        chain
    }

    /// The digest behind it.
    pub fn digest(&self) -> &Digest {
        &self.0
    }
}

impl fmt::Display for ChainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn a_digest_is_read_and_written_unchanged() {
        let digest: Digest = EMPTY.parse().unwrap();
        assert_eq!(digest, Digest::of(b""));
        assert_eq!(digest.to_string(), EMPTY);
        assert_eq!(digest.short(), "e3b0c44298fc");
        assert_eq!(serde_json::to_string(&digest).unwrap(), format!("\"{EMPTY}\""));
    }

    #[test]
    fn each_way_to_be_wrong_has_its_own_words() {
        let cases = [
            ("e3b0", "has no algorithm"),
            ("md5:e3b0", "algorithm other than"),
            ("sha256:e3b0", "has 4 digits"),
            ("sha256:E3B0", "other than 0-9 and a-f"),
            ("sha256:../../etc/passwd", "other than 0-9 and a-f"),
        ];
        for (text, part) in cases {
            let message = text.parse::<Digest>().unwrap_err().to_string();
            assert!(message.contains(part), "{text}: {message}");
        }
    }

    #[test]
    fn chain_ids_follow_the_specification() {
        let a = DiffId::new(Digest::of(b"a"));
        let b = DiffId::new(Digest::of(b"b"));
        let stack = ChainId::stack(&[a.clone(), b.clone()]);
        assert_eq!(stack[0].digest(), a.digest());
        assert_eq!(stack[1].digest(), &Digest::of(format!("{a} {b}").as_bytes()));
    }
}
