//! The head of a bundle: what the body is, and who says so.

use std::io::Read;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use imagewright_oci::Digest;
use serde::{Deserialize, Serialize};

use crate::key::SIGNATURE;
use crate::{BundleError, FORMAT_VERSION, LARGEST_BODY, LARGEST_PLAIN, MOST_LINES, PrivateKey, PublicKey};

/// What every bundle begins with, whatever its version.
const MAGIC: &str = "imagewright facts ";
/// No head is longer.
const LONGEST_HEAD: u64 = 4096;

/// What a bundle says of its body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// How many facts there are.
    pub facts: u64,
    /// Of how many layers it is said where they can be had.
    pub places: u64,
    /// Bytes of the body before compression.
    pub plain: u64,
    /// Bytes of the body.
    pub size: u64,
    /// The digest of the body.
    pub digest: Digest,
}

/// The head of a bundle.
#[derive(Clone, Debug)]
pub struct Head {
    /// What the body is.
    pub summary: Summary,
    /// The lines that are signed.
    signed: String,
    signature: Option<(PublicKey, [u8; SIGNATURE])>,
}

impl Head {
    /// A head for a body; with a key, signed.
    pub(crate) fn new(summary: Summary, key: Option<&PrivateKey>) -> Self {
        let text = serde_json::to_string(&summary).expect("a summary is plain data");
        let signed = format!("{MAGIC}{FORMAT_VERSION}\n{text}\n");
        let signature = key.map(|key| (key.public(), key.sign(signed.as_bytes())));
        Self { summary, signed, signature }
    }

    /// Its text, the empty line included.
    pub(crate) fn text(&self) -> String {
        let signature = self.signature.iter();
        let line = signature.map(|(key, signature)| format!("{key} {}\n", STANDARD.encode(signature)));
        self.signed.clone() + &line.collect::<String>() + "\n"
    }

    /// Reads a head, and no byte more. That its signature is right is not known yet.
    pub(crate) fn read(source: &mut impl Read) -> Result<Self, BundleError> {
        // Byte by byte: what follows is not text. Callers hand in what is buffered.
        let mut rest = source.take(LONGEST_HEAD);
        let magic = line(&mut rest, BundleError::NotABundle)?;
        let version = magic.strip_prefix(MAGIC).ok_or(BundleError::NotABundle)?;
        if version != FORMAT_VERSION.to_string() {
            return Err(BundleError::Version { version: version.chars().take(20).collect() });
        }
        let text = line(&mut rest, BundleError::MalformedHead)?;
        let summary: Summary = serde_json::from_str(&text).map_err(|_| BundleError::MalformedHead)?;
        let signed = format!("{magic}\n{text}\n");
        let signature = match line(&mut rest, BundleError::MalformedHead)?.as_str() {
            "" => None,
            text => Some(signature(text).ok_or(BundleError::MalformedHead)?),
        };
        if signature.is_some() && !line(&mut rest, BundleError::MalformedHead)?.is_empty() {
            return Err(BundleError::MalformedHead);
        }
        let head = Self { summary, signed, signature };
        head.check_sizes()?;
        Ok(head)
    }

    fn check_sizes(&self) -> Result<(), BundleError> {
        let Summary { facts, places, plain, size, .. } = self.summary;
        if facts.saturating_add(places) > MOST_LINES {
            return Err(BundleError::TooMany { limit: MOST_LINES });
        }
        if size > LARGEST_BODY {
            return Err(BundleError::TooLarge { what: "the bundle", limit: LARGEST_BODY });
        }
        match plain > LARGEST_PLAIN {
            true => Err(BundleError::TooLarge { what: "what the bundle holds", limit: LARGEST_PLAIN }),
            false => Ok(()),
        }
    }

    /// Who is said to have signed it.
    pub fn signer(&self) -> Option<PublicKey> {
        self.signature.map(|(key, _)| key)
    }

    /// Checks the signature, if there is one, whoever made it.
    pub fn check_signature(&self) -> Result<(), BundleError> {
        match &self.signature {
            Some((key, signature)) if !key.has_signed(self.signed.as_bytes(), signature) => {
                Err(BundleError::BadSignature { key: *key })
            }
            _ => Ok(()),
        }
    }

    /// Checks that one of these keys signed it.
    pub fn check_trust(&self, trusted: &[PublicKey]) -> Result<(), BundleError> {
        self.check_signature()?;
        match self.signer() {
            None => Err(BundleError::Unsigned),
            Some(key) if !trusted.contains(&key) => Err(BundleError::UnknownKey { key }),
            Some(_) => Ok(()),
        }
    }
}

fn line(source: &mut impl Read, wrong: BundleError) -> Result<String, BundleError> {
    let (mut bytes, mut byte) = (Vec::new(), [0]);
    loop {
        match source.read(&mut byte) {
            Ok(0) => return Err(wrong),
            Ok(_) if byte[0] == b'\n' => return String::from_utf8(bytes).map_err(|_| wrong),
            Ok(_) => bytes.push(byte[0]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(BundleError::reading(error)),
        }
    }
}

fn signature(text: &str) -> Option<(PublicKey, [u8; SIGNATURE])> {
    let (key, signature) = text.split_once(' ')?;
    let signature = STANDARD.decode(signature).ok()?;
    Some((key.parse().ok()?, signature.try_into().ok()?))
}
