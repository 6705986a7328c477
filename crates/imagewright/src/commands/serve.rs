//! `imagewright serve`

use std::net::SocketAddr;
use std::process::ExitCode;

use anstream::eprintln;
use clap::Args;
use imagewright_model::ErrorKind;
use imagewright_web::{App, ServeError};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::cli::Global;
use crate::failure::Failure;
use crate::server::{self, DatabaseArguments, runtime};

/// Serve the catalogue of images to people and programs
///
/// Keeps its records in a file in the content store unless --database names another place. The API is described at
/// /api/v1/openapi.json. Where there is no administrator, a link is printed that makes the first one; `imagewright admin user add`
/// does so, too.
#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    /// Where to listen
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8340")]
    listen: SocketAddr,
    #[command(flatten)]
    database: DatabaseArguments,
}

pub(crate) fn run(global: &Global, arguments: &ServeArguments) -> Result<ExitCode, Failure> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let access = server::access(global)?;
    let public_url = access.public_url.clone();
    runtime()?.block_on(async {
        let server = arguments.database.server(global).await?;
        let setup = server.offer_setup().await?;
        let records = server.records().clone();
        let app = App { server, access };
        let stop = async move {
            let waited = tokio::task::spawn_blocking(move || signals.forever().next());
            drop(waited.await);
        };
        let ready = |address: SocketAddr| {
            if let Some(token) = setup {
                // Whoever starts the server has to read it, however quiet it is.
                let known_as = public_url.unwrap_or_else(|| format!("http://{address}"));
                eprintln!("there is no administrator yet: make one, once and within an hour, at");
                eprintln!("  {known_as}/setup?token={}", token.expose());
            }
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
