//! What the commands of a server share: its records, and a runtime for what waits on many things.

use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use imagewright_records::{BackupError, Records, RecordsError, Url};
use imagewright_server::{Server, ServerError};
use imagewright_service::kernelspec::KernelsFolder;
use imagewright_service::metadata::RuntimeImages;

use crate::cli::Global;
use crate::context;
use crate::failure::Failure;
use crate::settings::{self, Settings};

/// Where the records of a server are.
#[derive(Debug, Args)]
pub(crate) struct DatabaseArguments {
    /// `postgres://…` or `sqlite:FILE` [default: server/records.db in the content store]
    #[arg(long, value_name = "URL", env = "IMAGEWRIGHT_DATABASE", hide_env_values = true)]
    database: Option<String>,
}

impl DatabaseArguments {
    /// Opens the records.
    pub(crate) async fn open(&self, global: &Global) -> Result<Records, Failure> {
        let url = match &self.database {
            Some(address) => address.parse()?,
            None => {
                let settings = settings::load(global.config.as_deref(), Settings::default())?;
                let folder = folder(global, &settings)?;
                std::fs::create_dir_all(&folder)?;
                Url::file(&folder.join("records.db"))
            }
        };
        Ok(Records::open(&url).await?)
    }

    /// Opens records and store, with all that is set.
    pub(crate) async fn server(&self, global: &Global) -> Result<Server, Failure> {
        let settings = settings::load(global.config.as_deref(), Settings::default())?;
        let vault = settings.server.vault(&folder(global, &settings)?)?;
        let builds =
            settings.server.builds(&context::store_root(global, &settings)?, global.config.as_deref())?;
        let registry = settings.server.registry()?;
        let provider = settings.server.provider()?;
        let service = Arc::new(context::open(global, Settings::default())?);
        let mut server = Server::new(self.open(global).await?, service)
            .with_vault(vault)
            .with_registry(registry)
            .with_builds(builds);
        if let Some(provider) = provider {
            server = server.with_provider(provider);
        }
        if let Some(folder) = &settings.server.elyra_folder {
            server = server.with_runtime_images(RuntimeImages::in_folder(
                folder,
                settings.server.elyra_factory_folder.as_deref(),
            ));
        }
        if let Some(folder) = &settings.server.kernels_folder {
            server = server.with_kernels_folder(KernelsFolder::at(folder));
        }
        Ok(server)
    }
}

/// What is the server's own in the content store.
fn folder(global: &Global, settings: &Settings) -> Result<PathBuf, Failure> {
    Ok(context::store_root(global, settings)?.join("server"))
}

/// The name of the store at `root`, which it has had since a server first used it.
pub(crate) fn store_name(root: &Path) -> Result<String, Failure> {
    let folder = root.join("server");
    std::fs::create_dir_all(&folder)?;
    let path = folder.join("store-id");
    match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        text => return Ok(text?.trim().to_owned()),
    }
    let mut file = tempfile::Builder::new().prefix(".store-id-").tempfile_in(&folder)?;
    let name: String =
        file.path().file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name = format!("{}-{}{name}", jiff::Timestamp::now(), std::process::id());
    file.write_all(name.as_bytes())?;
    file.as_file().sync_all()?;
    // Another server may have been first.
    match file.persist_noclobber(&path) {
        Ok(_) => Ok(name),
        Err(_) => Ok(std::fs::read_to_string(&path)?.trim().to_owned()),
    }
}

/// What waits on many things at once runs on this.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

impl From<RecordsError> for Failure {
    fn from(error: RecordsError) -> Self {
        let (kind, hint) = (error.kind(), error.hint());
        with_hint(Self::new(kind, error), hint)
    }
}

impl From<BackupError> for Failure {
    fn from(error: BackupError) -> Self {
        let (kind, hint) = (error.kind(), error.hint());
        with_hint(Self::new(kind, error), hint)
    }
}

impl From<ServerError> for Failure {
    fn from(error: ServerError) -> Self {
        let (kind, hint) = (error.kind(), error.hint());
        with_hint(Self::new(kind, error), hint)
    }
}

fn with_hint(failure: Failure, hint: Option<String>) -> Failure {
    match hint {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}
