//! `imagewright serve`

use std::net::SocketAddr;
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
use crate::settings::Settings;

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
    let service = Arc::new(context::open(global, Settings::default())?);
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    runtime()?.block_on(async {
        let records = arguments.database.open(global).await?;
        let app = App { server: Server::new(records.clone(), service) };
        let stop = async move {
            let waited = tokio::task::spawn_blocking(move || signals.forever().next());
            drop(waited.await);
        };
        let ready = |address: SocketAddr| {
            if !global.quiet {
                eprintln!("listening on http://{address}");
            }
        };
        imagewright_web::serve(app, arguments.listen, ready, stop).await?;
        records.close().await;
        Ok(ExitCode::SUCCESS)
    })
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
