//! Listening, and stopping without breaking off what is being answered.

use std::future::Future;
use std::net::SocketAddr;

use tokio::net::TcpListener;

use crate::{App, router};

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
    /// Listening ended.
    #[error("the server stopped")]
    Stopped(#[source] std::io::Error),
}

/// Serves on `address` until `stop` is done, and then answers what was begun. `ready` is told the address, which has a port even
/// where none was chosen.
pub async fn serve(
    app: App,
    address: SocketAddr,
    ready: impl FnOnce(SocketAddr),
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let listen = |source| ServeError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(listen)?;
    ready(listener.local_addr().map_err(listen)?);
    let service = router(app).into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).with_graceful_shutdown(stop).await.map_err(ServeError::Stopped)
}
