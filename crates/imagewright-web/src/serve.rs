//! Listening, and stopping without breaking off what is being answered.

use std::future::Future;
use std::net::SocketAddr;

use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use tokio::net::TcpListener;

use crate::tls::{TlsError, TlsFiles, TlsListener};
use crate::{App, router};

/// Where and how is served.
#[derive(Clone, Debug)]
pub struct ServeSettings {
    /// Where to listen.
    pub address: SocketAddr,
    /// With which certificate; without one, behind a proxy or on the machine itself.
    pub tls: Option<TlsFiles>,
}

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

impl Connected<IncomingStream<'_, TcpListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, TcpListener>) -> Self {
        Self(*stream.remote_addr())
    }
}

impl Connected<IncomingStream<'_, TlsListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, TlsListener>) -> Self {
        Self(*stream.remote_addr())
    }
}

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("cannot listen on `{address}`")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// Connections cannot be secured.
    #[error("connections cannot be secured")]
    Tls(#[source] TlsError),
    /// Listening ended.
    #[error("the server stopped")]
    Stopped(#[source] std::io::Error),
}

/// Serves until `stop` is done, and then answers what was begun. `ready` is told the address, which has a port even where
/// none was chosen, and how it is written for people.
pub async fn serve(
    app: App,
    settings: &ServeSettings,
    ready: impl FnOnce(SocketAddr, &str),
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let address = settings.address;
    let listen = |source| ServeError::Listen { address, source };
    // A certificate that cannot be used is told before anybody can connect.
    let tls = settings.tls.as_ref().map(TlsFiles::read).transpose().map_err(ServeError::Tls)?;
    let listener = TcpListener::bind(address).await.map_err(listen)?;
    let local = listener.local_addr().map_err(listen)?;
    let service = router(app).into_make_service_with_connect_info::<Peer>();
    match tls {
        None => {
            ready(local, &format!("http://{local}"));
            axum::serve(listener, service).with_graceful_shutdown(stop).await
        }
        Some(config) => {
            let listener = TlsListener::new(listener, config).map_err(listen)?;
            ready(local, &format!("https://{local}"));
            axum::serve(listener, service).with_graceful_shutdown(stop).await
        }
    }
    .map_err(ServeError::Stopped)
}
