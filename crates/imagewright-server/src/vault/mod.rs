//! Where secrets are kept: sealed with a key that is not in the records (AES-256-GCM), or at a place that is only named.

mod error;
mod key;

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::{fmt, fs, io};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use imagewright_catalog::{Kept, SecretId};
use imagewright_model::Secret;
use ring::aead::{Aad, NONCE_LEN, Nonce};

pub use error::VaultError;
pub use key::KeySource;

/// What the environment's variables with secrets begin with: not all that is in it is for those who administer the catalogue.
pub const VARIABLE_PREFIX: &str = "IMAGEWRIGHT_SECRET_";

/// Bytes of the largest file that is taken for a secret.
const LARGEST: u64 = 64 * 1024;

/// The form of what is sealed.
const FORM: &str = "v1";

/// Looks into the environment of the server.
type Environment = Arc<dyn Fn(&str) -> Option<Secret> + Send + Sync>;

/// Seals, opens, and looks where secrets are that are not kept here.
#[derive(Clone)]
pub struct Vault {
    keys: KeySource,
    environment: Environment,
    folders: Vec<PathBuf>,
}

impl Vault {
    /// With a key from somewhere; nothing is had from the environment or from files.
    pub fn new(keys: KeySource) -> Self {
        Self { keys, environment: Arc::new(|_| None), folders: Vec::new() }
    }

    /// Takes secrets from variables, too, those that begin with [`VARIABLE_PREFIX`].
    #[must_use]
    pub fn with_environment(
        mut self,
        environment: impl Fn(&str) -> Option<Secret> + Send + Sync + 'static,
    ) -> Self {
        self.environment = Arc::new(environment);
        self
    }

    /// Takes secrets from files in these folders, too.
    #[must_use]
    pub fn with_folders(mut self, folders: Vec<PathBuf>) -> Self {
        self.folders = folders;
        self
    }

    /// What is wrong with a place where a secret shall be kept.
    pub(crate) fn problem_of(&self, kept: &Kept) -> Option<String> {
        match kept {
            Kept::Stored => None,
            Kept::Environment(variable) => {
                let rest = variable.strip_prefix(VARIABLE_PREFIX).unwrap_or_default();
                let is_fine = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
                (rest.is_empty() || !rest.chars().all(is_fine)).then(|| {
                    format!("only variables are read whose name begins with `{VARIABLE_PREFIX}` and goes on with capitals, digits and `_`")
                })
            }
            Kept::File(path) => (!self.is_ours(Path::new(path))).then(|| {
                let folders: Vec<String> =
                    self.folders.iter().map(|folder| format!("`{}`", folder.display())).collect();
                format!(
                    "only files in {} are read: `server.secrets-folders` says which",
                    folders.join(" and ")
                )
            }),
            Kept::Kubernetes(name) => {
                name.parse::<imagewright_catalog::Name>().err().map(|error| error.to_string())
            }
        }
    }

    fn is_ours(&self, path: &Path) -> bool {
        let plain = path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
        plain && path.is_absolute() && self.folders.iter().any(|folder| path.starts_with(folder))
    }

    /// The secret itself. It reads files.
    pub(crate) fn open(
        &self,
        id: &SecretId,
        kept: &Kept,
        sealed: Option<&str>,
    ) -> Result<Secret, VaultError> {
        match kept {
            Kept::Stored => self.unseal(id, sealed.unwrap_or_default()),
            Kept::Environment(variable) => {
                (self.environment)(variable).ok_or_else(|| VaultError::Variable(variable.clone()))
            }
            Kept::File(path) => self.read(Path::new(path)),
            Kept::Kubernetes(name) => Err(VaultError::Kubernetes(name.clone())),
        }
    }

    fn read(&self, path: &Path) -> Result<Secret, VaultError> {
        let failed = |source| VaultError::File { path: path.to_owned(), source };
        // A link may lead elsewhere since the place was named.
        let real = path.canonicalize().map_err(failed)?;
        let folders = self.folders.iter().filter_map(|folder| folder.canonicalize().ok());
        if !folders.into_iter().any(|folder| real.starts_with(folder)) {
            return Err(failed(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "it leads out of its folder",
            )));
        }
        if fs::metadata(&real).map_err(failed)?.len() > LARGEST {
            return Err(failed(io::Error::new(io::ErrorKind::FileTooLarge, "it is too large for a secret")));
        }
        let text = fs::read_to_string(&real).map_err(failed)?;
        Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
    }

    /// Seals a secret for the record with this identity, and for no other. It reads files.
    pub(crate) fn seal(&self, id: &SecretId, secret: &Secret) -> Result<String, VaultError> {
        self.keys.make_if_missing()?;
        let keys = self.keys.keys()?;
        let key = keys.first().ok_or(VaultError::NoKey)?;
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).map_err(VaultError::Random)?;
        let mut bytes = secret.expose().as_bytes().to_vec();
        key.cipher
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), associated(id), &mut bytes)
            .map_err(|_| VaultError::Sealed)?;
        let sealed = [&nonce[..], &bytes].concat();
        Ok(format!("{FORM}.{}.{}", key.name, BASE64.encode(sealed)))
    }

    fn unseal(&self, id: &SecretId, sealed: &str) -> Result<Secret, VaultError> {
        let mut parts = sealed.splitn(3, '.');
        let (Some(FORM), Some(name), Some(sealed)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(VaultError::Sealed);
        };
        let keys = self.keys.keys()?;
        let key = keys.iter().find(|key| key.name == name).ok_or(VaultError::Sealed)?;
        let sealed = BASE64.decode(sealed).map_err(|_| VaultError::Sealed)?;
        let (nonce, bytes) = sealed.split_at_checked(NONCE_LEN).ok_or(VaultError::Sealed)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| VaultError::Sealed)?;
        let mut bytes = bytes.to_vec();
        let opened =
            key.cipher.open_in_place(nonce, associated(id), &mut bytes).map_err(|_| VaultError::Sealed)?;
        let text = std::str::from_utf8(opened).map_err(|_| VaultError::Sealed)?;
        Ok(Secret::new(text))
    }

    /// Puts a new key before those there are. What was sealed can still be opened. A key from outside has to have been put there.
    pub(crate) fn begin_rekeying(&self) -> Result<(), VaultError> {
        self.keys.begin_rekeying()
    }

    /// Forgets all keys but the newest.
    pub(crate) fn end_rekeying(&self) -> Result<(), VaultError> {
        self.keys.end_rekeying()
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault")
            .field("keys", &self.keys)
            .field("folders", &self.folders)
            .finish_non_exhaustive()
    }
}

/// A sealed secret is of no use in another record.
fn associated(id: &SecretId) -> Aad<&[u8]> {
    Aad::from(id.as_str().as_bytes())
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn id(text: &str) -> SecretId {
        SecretId::new(text)
    }

    #[test]
    fn what_is_sealed_is_opened_by_its_key_for_its_record() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("server/secrets.key");
        let vault = Vault::new(KeySource::Own(path.clone()));
        let sealed = vault.seal(&id("a"), &Secret::new("hunter2")).unwrap();
        assert!(!sealed.contains("hunter2"));
        assert_ne!(vault.seal(&id("a"), &Secret::new("hunter2")).unwrap(), sealed);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let open = |vault: &Vault, id: &SecretId, sealed: &str| vault.open(id, &Kept::Stored, Some(sealed));
        assert_eq!(open(&vault, &id("a"), &sealed).unwrap().expose(), "hunter2");
        assert!(matches!(open(&vault, &id("b"), &sealed), Err(VaultError::Sealed)));
        // Each part counts.
        for at in [0, 4, sealed.len() - 3] {
            let mut bytes = sealed.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(open(&vault, &id("a"), &changed).is_err(), "{at}");
        }
        let other = Vault::new(KeySource::Given(Secret::new("0".repeat(64))));
        assert!(matches!(open(&other, &id("a"), &sealed), Err(VaultError::Sealed)));
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(open(&vault, &id("a"), &sealed), Err(VaultError::KeyExposed(_))));
    }

    #[test]
    fn keys_follow_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets.key");
        let vault = Vault::new(KeySource::Own(path.clone()));
        let old = vault.seal(&id("a"), &Secret::new("hunter2")).unwrap();
        vault.begin_rekeying().unwrap();
        assert_eq!(vault.unseal(&id("a"), &old).unwrap().expose(), "hunter2");
        let new = vault.seal(&id("a"), &Secret::new("hunter2")).unwrap();
        vault.end_rekeying().unwrap();
        assert_eq!(vault.unseal(&id("a"), &new).unwrap().expose(), "hunter2");
        assert!(vault.unseal(&id("a"), &old).is_err());
        let outside = Vault::new(KeySource::File(path));
        assert!(matches!(outside.begin_rekeying(), Err(VaultError::NotOurs)));
    }

    #[test]
    fn malformed_keys_are_refused() {
        for text in ["", "abc", &"g".repeat(64), &format!("{}\nx", "0".repeat(64))] {
            let vault = Vault::new(KeySource::Given(Secret::new(text)));
            assert!(
                matches!(vault.seal(&id("a"), &Secret::new("x")), Err(VaultError::KeyMalformed)),
                "{text}"
            );
        }
    }

    #[test]
    fn only_what_is_meant_for_us_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("inside");
        fs::create_dir(&inside).unwrap();
        fs::write(inside.join("good"), "hunter2\n").unwrap();
        fs::write(folder.path().join("other"), "x").unwrap();
        std::os::unix::fs::symlink("../other", inside.join("link")).unwrap();
        let vault = Vault::new(KeySource::None)
            .with_folders(vec![inside.clone()])
            .with_environment(|name| (name == "IMAGEWRIGHT_SECRET_A").then(|| Secret::new("from outside")));
        let file = |name: &str| Kept::File(inside.join(name).to_str().unwrap().to_owned());
        let variable = |name: &str| Kept::Environment(name.to_owned());
        assert_eq!(vault.open(&id("a"), &file("good"), None).unwrap().expose(), "hunter2");
        assert!(vault.open(&id("a"), &file("link"), None).is_err());
        assert_eq!(
            vault.open(&id("a"), &variable("IMAGEWRIGHT_SECRET_A"), None).unwrap().expose(),
            "from outside"
        );
        assert!(vault.open(&id("a"), &variable("IMAGEWRIGHT_SECRET_B"), None).is_err());
        for kept in [file("good"), variable("IMAGEWRIGHT_SECRET_A"), Kept::Kubernetes("here".to_owned())] {
            assert_eq!(vault.problem_of(&kept), None, "{kept:?}");
        }
        let wrong = [
            file("../other"),
            Kept::File("good".to_owned()),
            Kept::File("/etc/shadow".to_owned()),
            variable("PATH"),
            variable("IMAGEWRIGHT_SECRET_"),
            variable("IMAGEWRIGHT_SECRET_a b"),
            Kept::Kubernetes("Not Here".to_owned()),
        ];
        for kept in wrong {
            assert!(vault.problem_of(&kept).is_some(), "{kept:?}");
        }
        assert!(matches!(vault.seal(&id("a"), &Secret::new("x")), Err(VaultError::NoKey)));
    }
}
