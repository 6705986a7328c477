//! `imagewright serve`

use std::io::{ErrorKind as ErrorKindOfIo, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anstream::eprintln;
use clap::Args;
use imagewright_model::ErrorKind;
use imagewright_server::Server;
use imagewright_web::{App, ServeError};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::cli::Global;
use crate::context;
use crate::failure::Failure;
use crate::server::{DatabaseArguments, runtime};
use crate::settings::{self, Settings};

/// Serve the catalogue of images to people and programs
///
/// Keeps its records in a file in the content store unless --database names another place. The API is described at
/// /api/v1/openapi.json. The first administrator is made with `imagewright admin user add`.
#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    /// Where to listen
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8340")]
    listen: SocketAddr,
    #[command(flatten)]
    database: DatabaseArguments,
}

pub(crate) fn run(global: &Global, arguments: &ServeArguments) -> Result<ExitCode, Failure> {
    let settings = settings::load(global.config.as_deref(), Settings::default())?;
    let root = context::store_root(global, &settings)?;
    let builds = settings.server.builds(&root, global.config.as_deref())?;
    // What is wrong with it is said now.
    settings.server.host(arguments.listen)?;
    let service = Arc::new(context::open(global, Settings::default())?);
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    runtime()?.block_on(async {
        let records = arguments.database.open(global).await?;
        let server = Server::new(records.clone(), service).with_builds(builds);
        server.uses_store(&store_name(&root)?).await?;
        let (stopped, stopping) = (server.clone(), server.clone());
        let stop = async move {
            let waited = tokio::task::spawn_blocking(move || signals.forever().next());
            drop(waited.await);
            // Whoever follows a build would otherwise be waited for.
            stopping.stop_builds();
        };
        let (begin, begins) = tokio::sync::oneshot::channel();
        let builders = tokio::spawn(async move {
            if begins.await.is_ok() {
                stopped.work_on_builds().await;
            }
        });
        let listening = server.clone();
        let host =
            |address: SocketAddr| settings.server.host(address).unwrap_or_else(|_| address.to_string());
        let app = App { server: server.clone() };
        let ready = |address: SocketAddr| {
            listening.names_results_after(host(address));
            // Nothing is built before it is known by which name it can be pulled.
            let _ = begin.send(());
            if !global.quiet {
                eprintln!("listening on http://{address}");
            }
        };
        let served = imagewright_web::serve(app, arguments.listen, ready, stop).await;
        server.stop_builds();
        drop(builders.await);
        records.close().await;
        served?;
        Ok(ExitCode::SUCCESS)
    })
}

/// The name of a store, which it has had since a server first used it.
fn store_name(root: &Path) -> Result<String, Failure> {
    let folder = root.join("server");
    std::fs::create_dir_all(&folder)?;
    let path = folder.join("store-id");
    match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == ErrorKindOfIo::NotFound => {}
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

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        let (kind, hint) = match &error {
            ServeError::Listen { source, .. } => {
                let hint = "another program may listen there, or it needs more rights: choose with --listen";
                (ErrorKind::of_io(source), Some(hint))
            }
            ServeError::Stopped(source) => (ErrorKind::of_io(source), None),
        };
        let failure = Self::new(kind, error);
        match hint {
            Some(hint) => failure.with_hint(hint),
            None => failure,
        }
    }
}
