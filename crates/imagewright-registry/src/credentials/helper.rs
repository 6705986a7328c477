//! Credential helpers: programs that keep credentials, asked over their standard input and output.

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::{Command, Stdio};

use imagewright_model::Secret;
use serde::{Deserialize, Serialize};

use super::{Credential, CredentialError};

/// The user name that says the secret is an identity token.
const TOKEN_USER: &str = "<token>";
/// What helpers say of credentials they do not have; they have no other way to tell.
const NOT_FOUND: &str = "credentials not found";
/// The longest message of a helper that is shown.
const LONGEST_MESSAGE: usize = 200;

/// A program `docker-credential-NAME`.
pub(super) struct Helper {
    program: String,
    /// Where programs are looked for instead of this process's `PATH`.
    path: Option<OsString>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Kept {
    #[serde(rename = "ServerURL", default)]
    server: String,
    username: String,
    secret: String,
}

struct Output {
    success: bool,
    text: String,
}

impl Helper {
    /// The helper of this name; `None` when the name is not that of a program.
    pub(super) fn named(name: &str, path: Option<OsString>) -> Option<Self> {
        let is_name =
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        is_name.then(|| Self { program: format!("docker-credential-{name}"), path })
    }

    /// Asks for the credentials of `server`.
    pub(super) fn get(&self, server: &str) -> Result<Option<Credential>, CredentialError> {
        let output = self.run("get", server)?;
        if !output.success {
            return match output.text.to_ascii_lowercase().contains(NOT_FOUND) {
                true => Ok(None),
                false => Err(self.failed("get", server, &output.text)),
            };
        }
        // What it printed holds the secret, so no part of it may be shown.
        let kept: Kept = serde_json::from_str(&output.text)
            .map_err(|_| self.failed("get", server, "it answered with something else than credentials"))?;
        let secret = Secret::new(kept.secret);
        Ok(match kept.username.as_str() {
            "" => None,
            TOKEN_USER => Some(Credential::IdentityToken(secret)),
            _ => Some(Credential::Password { username: kept.username, password: secret }),
        })
    }

    /// Gives it the credentials of `server` to keep.
    pub(super) fn store(&self, server: &str, credential: &Credential) -> Result<(), CredentialError> {
        let (username, secret) = match credential {
            Credential::Password { username, password } => (username.as_str(), password),
            Credential::IdentityToken(token) => (TOKEN_USER, token),
            Credential::RegistryToken(_) => return Err(CredentialError::NotKept),
        };
        let kept = Kept {
            server: server.to_owned(),
            username: username.to_owned(),
            secret: secret.expose().to_owned(),
        };
        let input = serde_json::to_string(&kept).expect("three texts serialise");
        let output = self.run("store", &input)?;
        if output.success { Ok(()) } else { Err(self.failed("store", server, &output.text)) }
    }

    /// Lets it forget the credentials of `server`; whether it had any.
    pub(super) fn erase(&self, server: &str) -> Result<bool, CredentialError> {
        if self.get(server)?.is_none() {
            return Ok(false);
        }
        let output = self.run("erase", server)?;
        if output.success { Ok(true) } else { Err(self.failed("erase", server, &output.text)) }
    }

    fn run(&self, action: &str, input: &str) -> Result<Output, CredentialError> {
        let wrong = |source: io::Error| CredentialError::NoHelper { program: self.program.clone(), source };
        let mut command = Command::new(&self.program);
        command.arg(action).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        if let Some(path) = &self.path {
            command.env("PATH", path);
        }
        let mut child = command.spawn().map_err(wrong)?;
        let mut stdin = child.stdin.take().expect("its input is piped");
        // A helper that fails early need not have read everything: its answer tells.
        match stdin.write_all(input.as_bytes()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(wrong(error)),
            _ => drop(stdin),
        }
        let output = child.wait_with_output().map_err(wrong)?;
        Ok(Output {
            success: output.status.success(),
            text: String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        })
    }

    fn failed(&self, action: &'static str, server: &str, message: &str) -> CredentialError {
        let message: String = message.chars().filter(|c| !c.is_control()).take(LONGEST_MESSAGE).collect();
        let message = if message.is_empty() { "it does not say why".to_owned() } else { message };
        CredentialError::Helper {
            program: self.program.clone(),
            action,
            registry: server.to_owned(),
            message,
        }
    }
}
