//! Keys: Ed25519, because its signatures are short, repeat to the bit and need no choices.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use imagewright_model::Secret;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use serde::{Deserialize, Serialize};

use crate::{KeyError, pem};

/// How the short form of a public key begins.
const PREFIX: &str = "ed25519:";
const PUBLIC_LABEL: &str = "PUBLIC KEY";
const PRIVATE_LABEL: &str = "PRIVATE KEY";
/// What stands before the 32 bytes of a public key (RFC 8410, SubjectPublicKeyInfo).
const PUBLIC_HEAD: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// What stands before the 32 bytes of a private key (RFC 8410, version 1 of PKCS #8, which every tool reads).
const PRIVATE_HEAD: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// Bytes of a signature.
pub(crate) const SIGNATURE: usize = 64;

/// Whose signatures count. Written as `ed25519:` and base64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Reads either form: the short one, or a PEM file.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        if text.starts_with(PREFIX) {
            return text.parse();
        }
        let bytes = pem::decode(PUBLIC_LABEL, text).ok_or(KeyError::Public)?;
        let key = bytes.strip_prefix(&PUBLIC_HEAD).ok_or(KeyError::Public)?;
        key.try_into().map(Self).map_err(|_| KeyError::Public)
    }

    /// The form that other tools read.
    pub fn to_pem(self) -> String {
        pem::encode(PUBLIC_LABEL, &[&PUBLIC_HEAD[..], &self.0].concat())
    }

    pub(crate) fn has_signed(&self, text: &[u8], signature: &[u8; SIGNATURE]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(text, signature).is_ok()
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let bytes = text.strip_prefix(PREFIX).and_then(|text| STANDARD.decode(text).ok());
        bytes.and_then(|bytes| bytes.try_into().ok()).map(Self).ok_or(KeyError::Public)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", STANDARD.encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> Self {
        key.to_string()
    }
}

impl TryFrom<String> for PublicKey {
    type Error = KeyError;

    fn try_from(text: String) -> Result<Self, KeyError> {
        text.parse()
    }
}

/// What signs. It cannot be printed: neither `Display` nor `Debug` shows it.
pub struct PrivateKey(Ed25519KeyPair);

impl PrivateKey {
    /// Makes a new one; gives it with its text, which is to be kept where nobody else reads it.
    pub fn generate() -> Result<(Self, Secret), KeyError> {
        let mut seed = [0; 32];
        SystemRandom::new().fill(&mut seed).map_err(|_| KeyError::Randomness)?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| KeyError::Private)?;
        let text = pem::encode(PRIVATE_LABEL, &[&PRIVATE_HEAD[..], &seed].concat());
        Ok((Self(pair), Secret::new(text)))
    }

    /// Reads a PEM file, of this program's or of another's.
    pub fn parse(text: &Secret) -> Result<Self, KeyError> {
        let bytes = pem::decode(PRIVATE_LABEL, text.expose()).ok_or(KeyError::Private)?;
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(&bytes).map(Self).map_err(|_| KeyError::Private)
    }

    /// The key that its signatures are told by.
    pub fn public(&self) -> PublicKey {
        let bytes = self.0.public_key().as_ref().try_into();
        PublicKey(bytes.expect("public keys of Ed25519 have 32 bytes"))
    }

    pub(crate) fn sign(&self, text: &[u8]) -> [u8; SIGNATURE] {
        self.0.sign(text).as_ref().try_into().expect("signatures of Ed25519 have 64 bytes")
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the private key of {}", self.public())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of a counting seed, and what `openssl pkey -pubout` says of it.
    const OPENSSL: (&str, &str) = (
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n-----END PRIVATE KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAA6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=\n-----END PUBLIC KEY-----\n",
    );

    #[test]
    fn keys_of_openssl_are_read_and_written_alike() {
        let private = PrivateKey::parse(&Secret::new(OPENSSL.0)).unwrap();
        let public = PublicKey::parse(OPENSSL.1).unwrap();
        assert_eq!(private.public(), public);
        assert_eq!(public.to_pem(), OPENSSL.1);
        assert_eq!(public.to_string(), "ed25519:A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=");
        assert_eq!(PublicKey::parse(&public.to_string()), Ok(public));
    }

    #[test]
    fn a_new_key_is_like_no_other_and_survives_its_text() {
        let (one, text) = PrivateKey::generate().unwrap();
        let (other, _) = PrivateKey::generate().unwrap();
        assert_ne!(one.public(), other.public());
        assert_eq!(PrivateKey::parse(&text).unwrap().public(), one.public());
    }

    #[test]
    fn a_private_key_is_never_shown() {
        let (key, text) = PrivateKey::generate().unwrap();
        let inner = text.expose().lines().nth(1).unwrap();
        assert!(!format!("{key:?} {text:?}").contains(inner));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let short = "ed25519:A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMQ==";
        // The last character has bits that say nothing: only one way of writing a key is taken.
        let loose = "ed25519:A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbh=";
        for text in [
            "",
            "ed25519:",
            short,
            loose,
            OPENSSL.0,
            "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3",
        ] {
            assert_eq!(PublicKey::parse(text), Err(KeyError::Public), "{text}");
        }
        let two = OPENSSL.0.repeat(2);
        for text in ["", OPENSSL.1, &two, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
            assert_eq!(PrivateKey::parse(&Secret::new(text)).err(), Some(KeyError::Private), "{text}");
        }
    }
}
