//! `imagewright serve`

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anstream::eprintln;
use clap::{Args, ValueEnum};
use imagewright_model::ErrorKind;
use imagewright_server::Server;
use imagewright_web::{App, Limits, ServeError, ServeSettings, TlsFiles};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tracing_subscriber::EnvFilter;

use crate::cli::Global;
use crate::commands::config;
use crate::context;
use crate::failure::Failure;
use crate::server::{self, DatabaseArguments, runtime};
use crate::settings::{self, Settings};

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
    /// Serve by HTTPS with this certificate (PEM, those up to the authority included)
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// The certificate's private key (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    /// How requests and failures are logged, to standard error
    #[arg(long, value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT")]
    log_format: LogFormat,
    /// What is logged: error, warn, info, debug, or a filter by module
    #[arg(long, value_name = "FILTER", default_value = "info", env = "IMAGEWRIGHT_LOG")]
    log: String,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LogFormat {
    /// A line for people
    Text,
    /// A JSON object in each line
    Json,
}

pub(crate) fn run(global: &Global, arguments: &ServeArguments) -> Result<ExitCode, Failure> {
    begin_log(arguments, global.quiet)?;
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let tls = arguments.tls_certificate.clone().zip(arguments.tls_key.clone());
    let tls = tls.map(|(certificates, key)| TlsFiles { certificates, key });
    let settings = settings::load(global.config.as_deref(), Settings::default())?;
    let access = settings.server.access(tls.is_some())?;
    let public_url = access.public_url.clone();
    runtime()?.block_on(async {
        let shown = config::all(global)?.into_iter().map(Into::into).collect();
        let server = arguments.database.server(global).await?.with_settings(shown);
        server.uses_store(&server::store_name(&context::store_root(global, &settings)?)?).await?;
        let setup = server.offer_setup().await?;
        let sweeping = tokio::spawn(sweep(server.clone()));
        let app = App::new(server.clone(), access);
        let serving = ServeSettings { address: arguments.listen, tls, limits: Limits::default() };
        let stopping = server.clone();
        let stop = async move {
            let waited = tokio::task::spawn_blocking(move || signals.forever().next());
            drop(waited.await);
            // Whoever follows a build would otherwise be waited for.
            stopping.stop_builds();
        };
        let (begin, begins) = tokio::sync::oneshot::channel();
        let building = server.clone();
        let builders = tokio::spawn(async move {
            if begins.await.is_ok() {
                building.work_on_builds().await;
            }
        });
        let ready = |local: SocketAddr, address: &str| {
            server.listens_at(local);
            // Nothing is built before it is known by which name it can be pulled.
            let _ = begin.send(());
            if let Some(token) = setup {
                // Whoever starts the server has to read it, however quiet it is.
                let known_as = public_url.as_deref().unwrap_or(address);
                eprintln!("there is no administrator yet: make one, once and within an hour, at");
                eprintln!("  {known_as}/setup?token={}", token.expose());
            }
            if !global.quiet {
                eprintln!("listening on {address}");
            }
        };
        let served = imagewright_web::serve(app, &serving, ready, stop).await;
        server.stop_builds();
        drop(builders.await);
        sweeping.abort();
        server.records().close().await;
        served?;
        Ok(ExitCode::SUCCESS)
    })
}

/// Logs to standard error from here on; with `--quiet` only what went wrong.
fn begin_log(arguments: &ServeArguments, quiet: bool) -> Result<(), Failure> {
    let wanted = if quiet { "warn" } else { &arguments.log };
    let filter: EnvFilter = wanted.parse().map_err(|error: tracing_subscriber::filter::ParseError| {
        Failure::new(ErrorKind::Usage, error)
            .with_hint("--log takes a level, as `info`, or `imagewright_web=debug,info`")
    })?;
    let log =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    match arguments.log_format {
        LogFormat::Text => log.with_ansi(false).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
    Ok(())
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
            ServeError::Tls(_) => (
                ErrorKind::Invalid,
                Some("both files are PEM: `-----BEGIN CERTIFICATE-----`, `-----BEGIN PRIVATE KEY-----`"),
            ),
        };
        let failure = Self::new(kind, error);
        match hint {
            Some(hint) => failure.with_hint(hint),
            None => failure,
        }
    }
}
