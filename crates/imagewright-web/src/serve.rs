//! Listening, and stopping without breaking off what is being answered.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tower_service::Service as _;

use crate::limits::Limits;
use crate::tls::{TlsError, TlsFiles};
use crate::{App, router};

/// How long nothing is accepted after the system could not: it may have run out of files.
const PAUSE: Duration = Duration::from_secs(1);

/// Where and how is served.
#[derive(Clone, Debug)]
pub struct ServeSettings {
    /// Where to listen.
    pub address: SocketAddr,
    /// With which certificate; without one, behind a proxy or on the machine itself.
    pub tls: Option<TlsFiles>,
    /// How long clients may take, and how many there may be.
    pub limits: Limits,
}

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

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
        source: io::Error,
    },
    /// Connections cannot be secured.
    #[error("connections cannot be secured")]
    Tls(#[source] TlsError),
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
    let tls = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
    let listener = TcpListener::bind(address).await.map_err(listen)?;
    let local = listener.local_addr().map_err(listen)?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    ready(local, &format!("{scheme}://{local}"));
    let app = App { limits: settings.limits, ..app };
    let door = Door { router: router(app), tls, limits: settings.limits };
    accept(&listener, &door, stop).await;
    Ok(())
}

/// Lets connections in until `stop` is done; then waits for those that are open.
async fn accept(listener: &TcpListener, door: &Door, stop: impl Future<Output = ()>) {
    let (stopping, stopped) = watch::channel(false);
    let places = Arc::new(Semaphore::new(door.limits.connections));
    let mut stop = pin!(stop);
    loop {
        let accepted = async {
            // Whoever finds no place waits with the system, in its queue.
            let place = Arc::clone(&places).acquire_owned().await.expect("nobody closes it");
            (listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            () = &mut stop => break,
            accepted = accepted => accepted,
        };
        match accepted {
            Ok((stream, from)) => {
                let (door, stopped) = (door.clone(), stopped.clone());
                tokio::spawn(async move {
                    door.let_in(stream, from, stopped).await;
                    drop(place);
                });
            }
            Err(error) => {
                // Whoever went away again is nobody's concern.
                if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
                    continue;
                }
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::select! {
                    () = &mut stop => break,
                    () = tokio::time::sleep(PAUSE) => {}
                }
            }
        }
    }
    stopping.send_replace(true);
    drop(stopped);
    stopping.closed().await;
}

/// What is behind the address.
#[derive(Clone)]
struct Door {
    router: Router,
    tls: Option<TlsAcceptor>,
    limits: Limits,
}

impl Door {
    async fn let_in(&self, stream: TcpStream, from: SocketAddr, stopped: watch::Receiver<bool>) {
        // Answers are written in few pieces, and each is to leave at once.
        let _ = stream.set_nodelay(true);
        let Some(tls) = &self.tls else { return self.answer(stream, from, stopped).await };
        // A handshake that takes its time keeps nobody else waiting.
        let mut stopping = stopped.clone();
        let shaken = tokio::select! {
            shaken = timeout(self.limits.head, tls.accept(stream)) => shaken,
            _ = stopping.wait_for(|stopped| *stopped) => return,
        };
        match shaken {
            Ok(Ok(stream)) => self.answer(stream, from, stopped).await,
            Ok(Err(error)) => tracing::debug!(%from, %error, "a handshake failed"),
            Err(_) => tracing::debug!(%from, "a handshake took too long"),
        }
    }

    /// Answers what comes over a connection, until it ends or we are to stop.
    async fn answer(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        from: SocketAddr,
        mut stopped: watch::Receiver<bool>,
    ) {
        let has_asked = Arc::new(AtomicBool::new(false));
        let asks = Arc::clone(&has_asked);
        let service = service_fn(|mut request: http::Request<Incoming>| {
            asks.store(true, Ordering::Relaxed);
            request.extensions_mut().insert(ConnectInfo(Peer(from)));
            self.router.clone().call(request)
        });
        let builder = self.builder();
        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
        let mut first_request = pin!(tokio::time::sleep(self.limits.head));
        let mut is_first = true;
        let mut goes_on = true;
        loop {
            tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(%from, error, "a connection broke");
                    }
                    return;
                }
                // Until then it is not known which protocol is spoken, and none keeps the time.
                () = &mut first_request, if is_first => {
                    is_first = false;
                    if !has_asked.load(Ordering::Relaxed) {
                        tracing::debug!(%from, "nothing was asked for in time");
                        return;
                    }
                }
                _ = stopped.wait_for(|stopped| *stopped), if goes_on => {
                    goes_on = false;
                    // A connection that has asked for nothing yet is not waited for.
                    if !has_asked.load(Ordering::Relaxed) {
                        return;
                    }
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }

    fn builder(&self) -> Builder<TokioExecutor> {
        let mut builder = Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(self.limits.head);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(self.limits.streams)
            .keep_alive_interval(self.limits.head)
            .keep_alive_timeout(self.limits.head);
        builder
    }
}
