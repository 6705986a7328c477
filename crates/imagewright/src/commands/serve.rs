//! `imagewright serve`

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anstream::eprintln;
use clap::Args;
use imagewright_model::ErrorKind;
use imagewright_server::Server;
use imagewright_service::metadata::RuntimeImages;
use imagewright_web::{App, ServeError};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::cli::Global;
use crate::context;
use crate::failure::Failure;
use crate::server::{DatabaseArguments, runtime};
use crate::settings::{self, ServerSettings, Settings};

const SWEEP_EVERY: Duration = Duration::from_secs(60 * 60);

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
    let service = Arc::new(context::open(global, Settings::default())?);
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    runtime()?.block_on(async {
        let records = arguments.database.open(global).await?;
        let server = with_settings(Server::new(records.clone(), service), &settings.server)?;
        let sweeping = tokio::spawn(sweep(server.clone()));
        let app = App { server: server.clone() };
        let stop = async move {
            let waited = tokio::task::spawn_blocking(move || signals.forever().next());
            drop(waited.await);
        };
        let ready = |address: SocketAddr| {
            server.listens_at(address);
            if !global.quiet {
                eprintln!("listening on http://{address}");
            }
        };
        imagewright_web::serve(app, arguments.listen, ready, stop).await?;
        sweeping.abort();
        records.close().await;
        Ok(ExitCode::SUCCESS)
    })
}

fn with_settings(server: Server, settings: &ServerSettings) -> Result<Server, Failure> {
    let server = server.with_registry(settings.registry()?);
    Ok(match &settings.elyra_folder {
        Some(folder) => server.with_runtime_images(RuntimeImages::in_folder(folder)),
        None => server,
    })
}

/// Removes what pushes left that nobody goes on with.
async fn sweep(server: Server) {
    loop {
        if let Err(error) = server.sweep_registry().await {
            eprintln!("warning: what pushes left could not be removed: {error}");
        }
        tokio::time::sleep(SWEEP_EVERY).await;
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
