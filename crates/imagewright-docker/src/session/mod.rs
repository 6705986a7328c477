//! What the daemon asks of us while it builds.
//!
//! A session is gRPC the other way round: we are the server, on a connection that we opened. Its methods give files of
//! folders, secrets, credentials and agents, and take the image.

mod agent;
mod files;
mod image;
mod serve;
mod tunnel;

use std::collections::HashMap;
use std::fmt;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use imagewright_model::Secret;

use crate::context::Folder;
use crate::error::DockerError;

pub(crate) use tunnel::open;

/// The name under which our sessions are listed.
const NAME: &str = "imagewright";

/// Knows the logins to registries. It may take its time: it is called where it holds nobody up.
pub trait Credentials: Send + Sync {
    /// What to log in to `host` with; nothing where there is no login.
    ///
    /// # Errors
    /// In words, for the daemon to pass on.
    fn login(&self, host: &str) -> Result<Option<RegistryLogin>, String>;
}

/// A login to a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryLogin {
    /// The user name; empty where the secret is a token that stands for both.
    pub username: String,
    /// The password or token.
    pub secret: Secret,
}

/// The socket of an SSH agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentSocket(pub PathBuf);

/// What one build may ask for.
pub(crate) struct Session {
    /// Its identifier: whoever knows it, may ask.
    pub(crate) id: String,
    /// The same for builds of the same folder, so that the daemon keeps what it has of it.
    pub(crate) shared_key: String,
    /// Folders by the names they have in the request.
    pub(crate) folders: HashMap<String, Folder>,
    /// Secrets by name.
    pub(crate) secrets: HashMap<String, Secret>,
    /// Agents by name.
    pub(crate) agents: HashMap<String, AgentSocket>,
    /// Logins to registries.
    pub(crate) credentials: Box<dyn Credentials>,
    /// Where the image goes, until it is taken.
    pub(crate) image: Mutex<Option<Box<dyn Write + Send>>>,
    /// What went wrong here, which the daemon knows only from hearsay.
    pub(crate) failure: Mutex<Option<DockerError>>,
}

impl Session {
    /// Keeps what went wrong here; the first thing counts.
    fn fail(&self, error: DockerError) -> tonic::Status {
        let status = tonic::Status::unknown(error.to_string());
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        status
    }

    pub(crate) fn take_failure(&self) -> Option<DockerError> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("folders", &self.folders).finish_non_exhaustive()
    }
}
