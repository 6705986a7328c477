//! The credential files of Docker and Podman: read as they are, written so that both go on reading them.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use imagewright_model::Secret;
use serde_json::{Map, Value, json};

use super::helper::Helper;
use super::key::{docker_key, fit, podman_key};
use super::{Credential, CredentialError, CredentialSource};
use crate::base64;

/// Credential files, in the order they are asked.
#[derive(Clone, Debug, Default)]
pub struct CredentialFiles {
    /// `$REGISTRY_AUTH_FILE` or `$XDG_RUNTIME_DIR/containers/auth.json`, as Podman and Skopeo write them.
    pub podman: Vec<PathBuf>,
    /// `config.json` in `$DOCKER_CONFIG` or `~/.docker`.
    pub docker: Option<PathBuf>,
    /// Logins go to the first file of Podman instead of Docker's.
    pub write_podman: bool,
    /// Where helpers are looked for instead of this process's `PATH`.
    pub helper_path: Option<OsString>,
}

/// Where credentials were put, or taken from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeptIn {
    /// This file.
    File(PathBuf),
    /// This credential helper.
    Helper(String),
}

/// A parsed file and the path it came from.
struct Parsed {
    path: PathBuf,
    value: Map<String, Value>,
}

impl CredentialSource for CredentialFiles {
    fn credential(&self, registry: &str, repository: &str) -> Result<Option<Credential>, CredentialError> {
        for path in self.podman.iter().chain(&self.docker) {
            let file = Parsed::read(path)?;
            if let Some(credential) = self.find(&file, registry, repository)? {
                return Ok(Some(credential));
            }
        }
        Ok(None)
    }
}

impl CredentialFiles {
    /// Keeps the credentials of `registry`: with the helper the file names, else in the file.
    pub fn store(&self, registry: &str, credential: &Credential) -> Result<KeptIn, CredentialError> {
        let mut file = Parsed::read(self.target()?)?;
        let key = self.key(registry);
        let (kept_in, entry) = match file.helper_name(registry) {
            Some(name) => {
                self.helper(&file, &name)?.store(docker_key(registry), credential)?;
                // Docker's mark that the helper has something.
                (KeptIn::Helper(name), json!({}))
            }
            None => (KeptIn::File(file.path.clone()), entry_of(credential)),
        };
        file.section("auths")?.insert(key.to_owned(), entry);
        file.write()?;
        Ok(kept_in)
    }

    /// Forgets the credentials of `registry` wherever they are; gives the places there were some.
    pub fn erase(&self, registry: &str) -> Result<Vec<KeptIn>, CredentialError> {
        let mut places = Vec::new();
        for path in self.podman.iter().chain(&self.docker) {
            let mut file = Parsed::read(path)?;
            if let Some(name) = file.helper_name(registry)
                && self.helper(&file, &name)?.erase(docker_key(registry))?
            {
                places.push(KeptIn::Helper(name));
            }
            let Some(auths) = file.value.get_mut("auths").and_then(Value::as_object_mut) else { continue };
            let before = auths.len();
            let mut held_some = false;
            auths.retain(|key, entry| {
                let is_of_registry = fit(key, registry, "").is_some();
                held_some |= is_of_registry && entry.as_object().is_some_and(|entry| !entry.is_empty());
                !is_of_registry
            });
            if auths.len() != before {
                file.write()?;
            }
            if held_some {
                places.push(KeptIn::File(path.clone()));
            }
        }
        Ok(places)
    }

    fn target(&self) -> Result<&Path, CredentialError> {
        let podman = self.podman.first();
        let chosen = if self.write_podman { podman } else { self.docker.as_ref().or(podman) };
        chosen.map(PathBuf::as_path).ok_or(CredentialError::NoFile)
    }

    fn key<'a>(&self, registry: &'a str) -> &'a str {
        if self.write_podman { podman_key(registry) } else { docker_key(registry) }
    }

    fn find(
        &self,
        file: &Parsed,
        registry: &str,
        repository: &str,
    ) -> Result<Option<Credential>, CredentialError> {
        if let Some(name) = file.helper_name(registry)
            && let Some(credential) = self.helper(file, &name)?.get(docker_key(registry))?
        {
            return Ok(Some(credential));
        }
        let Some(auths) = file.value.get("auths").and_then(Value::as_object) else { return Ok(None) };
        let fitting = auths.iter().filter_map(|(key, entry)| Some((fit(key, registry, repository)?, entry)));
        let Some((_, entry)) = fitting.max_by_key(|(length, _)| *length) else { return Ok(None) };
        credential_of(entry)
            .map_err(|()| CredentialError::Damaged { path: file.path.clone(), registry: registry.to_owned() })
    }

    fn helper(&self, file: &Parsed, name: &str) -> Result<Helper, CredentialError> {
        Helper::named(name, self.helper_path.clone())
            .ok_or_else(|| CredentialError::HelperName { path: file.path.clone(), name: name.to_owned() })
    }
}

impl Parsed {
    /// Reads a file; one that is not there is empty.
    fn read(path: &Path) -> Result<Self, CredentialError> {
        let bytes = match fs::read(path) {
            Ok(bytes) if bytes.iter().all(u8::is_ascii_whitespace) => b"{}".to_vec(),
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => b"{}".to_vec(),
            Err(source) => return Err(CredentialError::Read { path: path.to_owned(), source }),
        };
        // The parser's own words may quote the file, so only its position is shown.
        let value = serde_json::from_slice(&bytes).map_err(|error| CredentialError::Malformed {
            path: path.to_owned(),
            problem: "it is not a JSON object",
            line: error.line(),
            column: error.column(),
        })?;
        Ok(Self { path: path.to_owned(), value })
    }

    /// The helper that keeps the credentials of `registry`.
    fn helper_name(&self, registry: &str) -> Option<String> {
        let own = self.value.get("credHelpers").and_then(Value::as_object).and_then(|helpers| {
            helpers.iter().find(|(key, _)| fit(key, registry, "").is_some()).map(|(_, name)| name)
        });
        let name = own.or_else(|| self.value.get("credsStore"))?.as_str()?;
        (!name.is_empty()).then(|| name.to_owned())
    }

    fn section(&mut self, name: &str) -> Result<&mut Map<String, Value>, CredentialError> {
        let section = self.value.entry(name).or_insert_with(|| json!({}));
        let path = &self.path;
        section.as_object_mut().ok_or_else(|| CredentialError::Malformed {
            path: path.clone(),
            problem: "`auths` is not an object",
            line: 1,
            column: 1,
        })
    }

    /// Replaces the file in one step, readable by its owner only. A link stays one: what it names is replaced.
    fn write(&self) -> Result<(), CredentialError> {
        let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        self.replace(&path).map_err(|source| CredentialError::Write { path, source })
    }

    fn replace(&self, path: &Path) -> io::Result<()> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        // Temporary files are readable by their owner only.
        let mut temporary = tempfile::Builder::new().prefix(".credentials-").tempfile_in(folder)?;
        let mut text = serde_json::to_string_pretty(&self.value)?;
        text.push('\n');
        temporary.write_all(text.as_bytes())?;
        temporary.as_file().sync_all()?;
        temporary.persist(path).map_err(|error| error.error)?;
        File::open(folder)?.sync_all()
    }
}

fn entry_of(credential: &Credential) -> Value {
    match credential {
        Credential::Password { username, password } => {
            json!({ "auth": base64::encode(format!("{username}:{}", password.expose()).as_bytes()) })
        }
        Credential::IdentityToken(token) => json!({ "identitytoken": token.expose() }),
        Credential::RegistryToken(token) => json!({ "registrytoken": token.expose() }),
    }
}

/// What an entry of `auths` holds; an empty one holds nothing.
fn credential_of(entry: &Value) -> Result<Option<Credential>, ()> {
    let text = |name: &str| entry.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    if let Some(token) = text("identitytoken") {
        return Ok(Some(Credential::IdentityToken(Secret::new(token))));
    }
    if let Some(token) = text("registrytoken") {
        return Ok(Some(Credential::RegistryToken(Secret::new(token))));
    }
    if let Some(coded) = text("auth") {
        let plain = base64::decode(coded).and_then(|bytes| String::from_utf8(bytes).ok()).ok_or(())?;
        let (username, password) = plain.split_once(':').ok_or(())?;
        // Docker once padded with zero bytes.
        return Ok(Some(Credential::password(username, password.trim_end_matches('\0'))));
    }
    match (text("username"), text("password")) {
        (Some(username), Some(password)) => Ok(Some(Credential::password(username, password))),
        _ => Ok(None),
    }
}
