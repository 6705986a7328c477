//! What Enterprise Gateway is told, so that only it can read it: version 1 of its launchers' wire format.

use aes::cipher::{BlockEncrypt, KeyInit};
use aes::{Aes128, Block};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rsa::pkcs8::DecodePublicKey;
use rsa::rand_core::{OsRng, RngCore};
use rsa::{Pkcs1v15Encrypt, RsaPublicKey};
use serde::Serialize;

use crate::LauncherError;

/// Bytes of a key, and of a block that it encrypts.
const BLOCK: usize = 16;
/// The version of the format.
const VERSION: u32 = 1;

/// The gateway's key, new with each of its starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(RsaPublicKey);

impl PublicKey {
    /// Reads what a gateway hands out: a DER document in Base64, on one line.
    pub fn parse(text: &str) -> Result<Self, LauncherError> {
        let wrong = |reason: String| LauncherError::PublicKey { reason };
        let bytes = STANDARD.decode(text.trim()).map_err(|error| wrong(error.to_string()))?;
        let key = RsaPublicKey::from_public_key_der(&bytes).map_err(|error| wrong(error.to_string()))?;
        Ok(Self(key))
    }
}

#[derive(Serialize)]
struct Payload {
    version: u32,
    key: String,
    conn_info: String,
}

/// Seals a text with a key that is used once, and that key for the gateway.
pub fn seal(text: &[u8], gateway: &PublicKey) -> Result<String, LauncherError> {
    let mut key = [0; BLOCK];
    OsRng.fill_bytes(&mut key);
    let sealed_key = gateway.0.encrypt(&mut OsRng, Pkcs1v15Encrypt, &key);
    let sealed_key = sealed_key.map_err(|error| LauncherError::PublicKey { reason: error.to_string() })?;
    let payload =
        Payload { version: VERSION, key: STANDARD.encode(sealed_key), conn_info: encrypt(key, text) };
    // Numbers and texts always become JSON.
    let payload = serde_json::to_vec(&payload).unwrap_or_default();
    Ok(STANDARD.encode(payload))
}

/// AES-128-ECB with PKCS #7 padding, in Base64. The mode is the gateway's; a key is used for one text only.
fn encrypt(key: [u8; BLOCK], text: &[u8]) -> String {
    let cipher = Aes128::new(&key.into());
    let padding = BLOCK - text.len() % BLOCK;
    let mut bytes = text.to_vec();
    bytes.extend(std::iter::repeat_n(u8::try_from(padding).unwrap_or(0), padding));
    for block in bytes.as_chunks_mut::<BLOCK>().0 {
        let mut encrypted = Block::from(*block);
        cipher.encrypt_block(&mut encrypted);
        *block = encrypted.into();
    }
    STANDARD.encode(bytes)
}

/// A secret of 256 bits for the kernel's messages, as text.
pub fn message_key() -> String {
    let mut bytes = [0; 32];
    OsRng.fill_bytes(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aes::cipher::BlockDecrypt;
    use proptest::prelude::*;
    use rsa::RsaPrivateKey;
    use rsa::pkcs8::EncodePublicKey;
    use std::sync::LazyLock;

    /// A gateway's, of the size that it makes.
    static PRIVATE: LazyLock<RsaPrivateKey> = LazyLock::new(|| RsaPrivateKey::new(&mut OsRng, 1024).unwrap());

    fn public() -> String {
        STANDARD.encode(PRIVATE.to_public_key().to_public_key_der().unwrap().as_bytes())
    }

    /// What a gateway does with a payload.
    fn open(payload: &str) -> Vec<u8> {
        let json: serde_json::Value = serde_json::from_slice(&STANDARD.decode(payload).unwrap()).unwrap();
        assert_eq!(json["version"], 1);
        let bytes = |name: &str| STANDARD.decode(json[name].as_str().unwrap()).unwrap();
        let key = PRIVATE.decrypt(Pkcs1v15Encrypt, &bytes("key")).unwrap();
        let cipher = Aes128::new_from_slice(&key).unwrap();
        let mut text = bytes("conn_info");
        for block in text.as_chunks_mut::<BLOCK>().0 {
            let mut decrypted = Block::from(*block);
            cipher.decrypt_block(&mut decrypted);
            *block = decrypted.into();
        }
        let padding = usize::from(*text.last().unwrap());
        assert!(text.iter().rev().take(padding).all(|byte| usize::from(*byte) == padding));
        text.truncate(text.len() - padding);
        text
    }

    #[test]
    fn the_text_is_encrypted_as_the_reference_has_it() {
        let key = std::array::from_fn(|index| u8::try_from(index).unwrap());
        let text = br#"{"kernel_id": "00000000-0000-4000-8000-000000000000", "shell_port": 1}"#;
        assert_eq!(text.len(), 70);
        assert_eq!(
            encrypt(key, text),
            "ZgJjCmzDN33jM3KCVj5KYrB9h4OqRFM2HcFlcinLNzRGtE0Kpv6HbOr6dTCuDjWzjHuCnNTtq7MWIdhc1NmIsYXCBqDAWTd3RMmkuXNmUME="
        );
    }

    #[test]
    fn payloads_differ_each_time() {
        let gateway = PublicKey::parse(&public()).unwrap();
        assert_ne!(seal(b"{}", &gateway).unwrap(), seal(b"{}", &gateway).unwrap());
        assert_ne!(message_key(), message_key());
    }

    #[test]
    fn keys_that_are_none_are_refused() {
        let whole = public();
        for wrong in ["", "AAAA", "no base64!", &whole[..whole.len() - 8]] {
            assert_eq!(PublicKey::parse(wrong).unwrap_err().exit_code(), 64, "{wrong}");
        }
        assert!(PublicKey::parse(&format!("{whole}\n")).is_ok());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn a_gateway_reads_what_was_sealed(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            let gateway = PublicKey::parse(&public()).unwrap();
            prop_assert_eq!(open(&seal(&text, &gateway).unwrap()), text);
        }

        #[test]
        fn no_text_breaks_the_reader_of_keys(text in "[A-Za-z0-9+/=]{0,200}") {
            let _ = PublicKey::parse(&text);
        }
    }
}
