//! Plays Enterprise Gateway for a launcher: a key, an address, and ears for what it sends.

use std::io::{self, Read};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use imagewright_check::Reply;
use imagewright_engine::Underway;
use imagewright_sandbox::PrivateNetwork;
use rsa::pkcs8::EncodePublicKey;
use rsa::{Pkcs1v15Encrypt, RsaPrivateKey};
use serde_json::Value;

use super::{INTERVAL, aes, kernel, wait};

const PORT: u16 = 8877;
/// As long as the gateway's own.
const KEY_BITS: usize = 1024;
/// More than any reply has.
const LARGEST_REPLY: u64 = 256 << 10;
/// How long a launcher may take from connecting to the end of what it says.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a kernel may take to listen, and how long it then has to go on.
const LISTENS: Duration = Duration::from_secs(20);
const GOES_ON: Duration = Duration::from_secs(3);
/// The ports that a reply names.
const PORTS: [&str; 5] = ["shell_port", "iopub_port", "stdin_port", "hb_port", "control_port"];

/// A gateway that waits for one launcher.
pub(super) struct Gateway {
    listener: TcpListener,
    key: RsaPrivateKey,
}

impl Gateway {
    pub(super) fn new(network: &PrivateNetwork) -> io::Result<Self> {
        let listener = network.listen(PORT)?;
        listener.set_nonblocking(true)?;
        let key = RsaPrivateKey::new(&mut rsa::rand_core::OsRng, KEY_BITS).map_err(io::Error::other)?;
        Ok(Self { listener, key })
    }

    /// What a kernel's container is told of it, by the names of all releases.
    pub(super) fn environment(&self) -> Vec<(String, String)> {
        let address = format!("127.0.0.1:{PORT}");
        let key = self.key.to_public_key().to_public_key_der();
        let key = key.map(|der| STANDARD.encode(der.as_bytes())).unwrap_or_default();
        [
            ("RESPONSE_ADDRESS", &address),
            ("EG_RESPONSE_ADDRESS", &address),
            ("PUBLIC_KEY", &key),
            ("EG_PUBLIC_KEY", &key),
        ]
        .map(|(name, value)| (name.to_owned(), value.clone()))
        .to_vec()
    }

    /// Waits for a launcher, and looks whether the kernel that it tells of listens.
    pub(super) fn wait(&self, network: &PrivateNetwork, underway: &Underway<'_>, limit: Duration) -> Reply {
        let end = Instant::now() + limit.saturating_sub(LISTENS + GOES_ON);
        let mut strange = Reply::None;
        loop {
            if let Ok((stream, _)) = self.listener.accept() {
                match said(&stream).and_then(|payload| read(&payload, &self.key)) {
                    Ok(connection) => return looked(connection, network, underway),
                    Err(why) => strange = Reply::Unreadable(why),
                }
            }
            if Instant::now() > end || !wait(INTERVAL / 4, underway) {
                return strange;
            }
        }
    }
}

fn said(stream: &TcpStream) -> Result<Vec<u8>, String> {
    let mut payload = Vec::new();
    stream.set_nonblocking(false).map_err(|error| error.to_string())?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(|error| error.to_string())?;
    stream
        .take(LARGEST_REPLY)
        .read_to_end(&mut payload)
        .map_err(|error| format!("it breaks off: {error}"))?;
    Ok(payload)
}

/// Reads a payload of version 1.
fn read(payload: &[u8], key: &RsaPrivateKey) -> Result<Value, String> {
    let no = |what: &str| format!("{what} is not what the protocol says");
    let decoded = |text: &[u8]| STANDARD.decode(text.trim_ascii()).ok();
    let outer = decoded(payload).ok_or_else(|| no("its base64"))?;
    let outer: Value = serde_json::from_slice(&outer).map_err(|_| {
        "it is no JSON: launchers before release 3 of Enterprise Gateway speak otherwise".to_owned()
    })?;
    if outer["version"] != 1 {
        return Err(format!("it has version {}, and the gateway takes 1", outer["version"]));
    }
    let part = |name: &str| {
        outer[name]
            .as_str()
            .and_then(|text| decoded(text.as_bytes()))
            .ok_or_else(|| no(&format!("its `{name}`")))
    };
    let secret = key.decrypt(Pkcs1v15Encrypt, &part("key")?);
    let secret = secret.map_err(|_| "it is encrypted for another key".to_owned())?;
    let secret: [u8; 16] = secret.try_into().map_err(|_| no("the length of its key"))?;
    connection(&part("conn_info")?, &secret).ok_or_else(|| no("what is encrypted in it"))
}

/// What is encrypted in a payload.
fn connection(encrypted: &[u8], secret: &[u8; 16]) -> Option<Value> {
    let mut plain = aes::decrypted(encrypted, secret)?;
    let padding = usize::from(*plain.last()?);
    let is_padding =
        (1..=16).contains(&padding) && plain.ends_with(&vec![u8::try_from(padding).ok()?; padding]);
    if !is_padding {
        return None;
    }
    plain.truncate(plain.len() - padding);
    serde_json::from_slice(&plain).ok()
}

/// Waits for the kernel's ports, and that they stay.
fn looked(connection: Value, network: &PrivateNetwork, underway: &Underway<'_>) -> Reply {
    let port = |name: &&str| connection[*name].as_u64().and_then(|port| u16::try_from(port).ok());
    let ports: Vec<u16> = PORTS.iter().filter_map(port).collect();
    let closed = || -> Vec<u16> {
        let is_closed = |port: &&u16| network.connect(**port, Duration::from_secs(1)).is_err();
        ports.iter().filter(is_closed).copied().collect()
    };
    let end = Instant::now() + LISTENS;
    while !closed().is_empty() && Instant::now() < end && wait(INTERVAL, underway) {}
    // A kernel that takes somebody else for its parent ends soon after it started.
    wait(GOES_ON, underway);
    let closed = closed();
    let computes = if closed.is_empty() { kernel::compute(&connection, network) } else { Ok(()) };
    Reply::Read { connection, closed, computes }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The one that is known of the protocol: this key, and this text.
    const VECTOR: &str = "ZgJjCmzDN33jM3KCVj5KYrB9h4OqRFM2HcFlcinLNzRGtE0Kpv6HbOr6dTCuDjWzjHuCnNTtq7MWIdhc1NmIsYXCBqDAWTd3RMmkuXNmUME=";

    fn secret() -> [u8; 16] {
        std::array::from_fn(|number| u8::try_from(number).unwrap())
    }

    #[test]
    fn what_a_launcher_encrypts_is_read() {
        let encrypted = STANDARD.decode(VECTOR).unwrap();
        let connection = json!({"kernel_id": "00000000-0000-4000-8000-000000000000", "shell_port": 1});
        assert_eq!(super::connection(&encrypted, &secret()), Some(connection.clone()));
        let key = RsaPrivateKey::new(&mut rsa::rand_core::OsRng, KEY_BITS).unwrap();
        let sealed =
            key.to_public_key().encrypt(&mut rsa::rand_core::OsRng, Pkcs1v15Encrypt, &secret()).unwrap();
        let payload = |version: u32, sealed: &[u8]| {
            let outer = json!({"version": version, "key": STANDARD.encode(sealed), "conn_info": VECTOR});
            STANDARD.encode(outer.to_string().as_bytes()) + "\n"
        };
        assert_eq!(read(payload(1, &sealed).as_bytes(), &key), Ok(connection));
        for (payload, expected) in [
            (payload(0, &sealed), "version 0"),
            (payload(1, &sealed[1..]), "another key"),
            (STANDARD.encode(b"no json"), "no JSON"),
            ("?".to_owned(), "its base64"),
            (STANDARD.encode(b"{\"version\":1}"), "its `key`"),
        ] {
            let error = read(payload.as_bytes(), &key).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
        assert_eq!(super::connection(&encrypted, &[0; 16]), None);
        assert_eq!(super::connection(&encrypted[1..], &secret()), None);
        assert_eq!(super::connection(&[], &secret()), None);
    }
}
