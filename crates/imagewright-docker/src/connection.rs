//! Connections to daemons, whatever they go over.

use std::path::Path;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::address::Address;
use crate::error::DockerError;

/// A stream in both directions.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// Connects. `port` is for addresses that name none.
pub(crate) async fn connect(
    address: &Address,
    port: impl Fn(Option<u16>, bool) -> u16,
) -> Result<Box<dyn Duplex>, DockerError> {
    match address {
        Address::Unix(path) => unix(path).await,
        Address::Pipe(path) => pipe(path),
        Address::Tcp { host, port: named, tls } => {
            let port = port(*named, tls.is_some());
            let unreachable = DockerError::unreachable(&address.to_string());
            let stream = TcpStream::connect((host.as_str(), port)).await.map_err(unreachable)?;
            // Small messages go back and forth; a failure to say so costs time only.
            let _ = stream.set_nodelay(true);
            match tls {
                None => Ok(Box::new(stream)),
                Some(files) => Ok(Box::new(files.connect(host, stream).await?)),
            }
        }
    }
}

#[cfg(unix)]
async fn unix(path: &Path) -> Result<Box<dyn Duplex>, DockerError> {
    let unreachable = DockerError::unreachable(&format!("unix://{}", path.display()));
    Ok(Box::new(tokio::net::UnixStream::connect(path).await.map_err(unreachable)?))
}

#[cfg(not(unix))]
async fn unix(path: &Path) -> Result<Box<dyn Duplex>, DockerError> {
    Err(DockerError::not_here(&format!("unix://{}", path.display())))
}

#[cfg(windows)]
fn pipe(path: &Path) -> Result<Box<dyn Duplex>, DockerError> {
    let unreachable = DockerError::unreachable(&format!("npipe://{}", path.display()));
    let pipe = tokio::net::windows::named_pipe::ClientOptions::new().open(path).map_err(unreachable)?;
    Ok(Box::new(pipe))
}

#[cfg(not(windows))]
fn pipe(path: &Path) -> Result<Box<dyn Duplex>, DockerError> {
    Err(DockerError::not_here(&format!("npipe://{}", path.display())))
}
