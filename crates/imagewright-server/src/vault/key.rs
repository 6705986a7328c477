//! The keys that secrets are sealed with, and the file that they are in: the newest in its first line.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use imagewright_model::Secret;
use ring::aead::{AES_256_GCM, LessSafeKey, UnboundKey};
use sha2::{Digest, Sha256};

use super::VaultError;

/// Where the key comes from. It is read each time, so that a key that takes its place is known at once.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// A file of our own, made when it is first needed.
    Own(PathBuf),
    /// A file that somebody else made.
    File(PathBuf),
    /// The text of such a file.
    Given(Secret),
    /// There is none: nothing can be kept here.
    None,
}

/// A key that seals.
pub(super) struct Key {
    pub(super) cipher: LessSafeKey,
    /// Tells keys apart: the beginning of the key's SHA-256.
    pub(super) name: String,
}

impl KeySource {
    /// Puts a new key before those there are. What was sealed can still be opened. A key from outside has to have been put there.
    pub(super) fn begin_rekeying(&self) -> Result<(), VaultError> {
        match self {
            KeySource::Own(path) => {
                self.make_if_missing()?;
                let old = text_of(self)?.expose().to_owned();
                write_key(path, &format!("{}\n{old}", new_key()?), true)
            }
            KeySource::None => Err(VaultError::NoKey),
            KeySource::File(_) | KeySource::Given(_) if self.keys()?.len() < 2 => Err(VaultError::NotOurs),
            KeySource::File(_) | KeySource::Given(_) => Ok(()),
        }
    }

    /// Forgets all keys but the newest.
    pub(super) fn end_rekeying(&self) -> Result<(), VaultError> {
        let KeySource::Own(path) = self else { return Ok(()) };
        let text = text_of(self)?;
        let newest = text.expose().lines().next().unwrap_or_default();
        write_key(path, &format!("{newest}\n"), true)
    }

    /// Makes a key of our own where there is none. Only before something is sealed: what was sealed cannot be opened with a new one.
    pub(super) fn make_if_missing(&self) -> Result<(), VaultError> {
        let KeySource::Own(path) = self else { return Ok(()) };
        match path.try_exists() {
            Ok(true) => Ok(()),
            Ok(false) => write_key(path, &format!("{}\n", new_key()?), false),
            Err(source) => Err(VaultError::KeyFile { path: path.clone(), doing: "read", source }),
        }
    }

    /// All keys, the newest first.
    pub(super) fn keys(&self) -> Result<Vec<Key>, VaultError> {
        let text = text_of(self)?;
        let lines = text.expose().lines().map(str::trim).filter(|line| !line.is_empty());
        let keys: Vec<Key> = lines.map(key).collect::<Result<_, _>>()?;
        if keys.is_empty() { Err(VaultError::KeyMalformed) } else { Ok(keys) }
    }
}

fn key(line: &str) -> Result<Key, VaultError> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(line, &mut bytes).map_err(|_| VaultError::KeyMalformed)?;
    let cipher = UnboundKey::new(&AES_256_GCM, &bytes).map_err(|_| VaultError::KeyMalformed)?;
    Ok(Key { cipher: LessSafeKey::new(cipher), name: hex::encode(&Sha256::digest(bytes)[..4]) })
}

fn new_key() -> Result<String, VaultError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(VaultError::Random)?;
    Ok(hex::encode(bytes))
}

fn text_of(source: &KeySource) -> Result<Secret, VaultError> {
    let path = match source {
        KeySource::None => return Err(VaultError::NoKey),
        KeySource::Given(text) => return Ok(text.clone()),
        KeySource::Own(path) | KeySource::File(path) => path,
    };
    let failed = |source| VaultError::KeyFile { path: path.clone(), doing: "read", source };
    let is_own = matches!(source, KeySource::Own(_));
    if is_own && fs::metadata(path).map_err(failed)?.permissions().mode() & 0o077 != 0 {
        return Err(VaultError::KeyExposed(path.clone()));
    }
    Ok(Secret::new(fs::read_to_string(path).map_err(failed)?))
}

/// Writes the file beside its place and moves it there. A new one never takes the place of one that came first.
fn write_key(path: &Path, text: &str, replace: bool) -> Result<(), VaultError> {
    let failed = |source| VaultError::KeyFile { path: path.to_owned(), doing: "written", source };
    let folder = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(folder).map_err(failed)?;
    let beside = path.with_extension(format!("{}.new", std::process::id()));
    let write = || {
        drop(fs::remove_file(&beside));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        match replace {
            true => fs::rename(&beside, path)?,
            false => match fs::hard_link(&beside, path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => fs::remove_file(&beside)?,
            },
        }
        File::open(folder)?.sync_all()
    };
    write().map_err(failed)
}
