//! The little of Docker's HTTP interface that is needed: requests with answers that are read as they come, and upgrades.

use ::http::header::{CONNECTION, HOST, UPGRADE};
use ::http::{Method, Request, Response, StatusCode};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::connection::Duplex;
use crate::error::DockerError;

/// The most of an answer that is kept in memory: documents, never images.
const LONGEST_DOCUMENT: usize = 4 * 1024 * 1024;

#[derive(Deserialize)]
struct Refusal {
    message: String,
}

/// What a request says beside its path.
pub(crate) enum Extra<'a> {
    /// Nothing.
    None,
    /// Another protocol is wanted from here on.
    Upgrade(&'a str),
    /// A login at a registry, as Docker writes it.
    Login(&'a str),
}

/// Sends one request. The connection serves it alone.
pub(crate) async fn request(
    connection: Box<dyn Duplex>,
    method: Method,
    path: &str,
    extra: Extra<'_>,
) -> Result<Response<Incoming>, DockerError> {
    let (mut sender, driver) =
        http1::handshake::<_, Empty<Bytes>>(TokioIo::new(connection)).await.map_err(DockerError::broken)?;
    // Ends with the connection; what goes wrong on it is seen by whoever waits for the answer.
    tokio::spawn(driver.with_upgrades());
    let mut request = Request::builder().method(method).uri(path).header(HOST, "docker");
    request = match extra {
        Extra::None => request,
        Extra::Upgrade(protocol) => request.header(CONNECTION, "Upgrade").header(UPGRADE, protocol),
        Extra::Login(login) => request.header("X-Registry-Auth", login),
    };
    let request = request.body(Empty::new()).map_err(DockerError::broken)?;
    sender.send_request(request).await.map_err(DockerError::broken)
}

/// Sends a request for a document and reads it.
pub(crate) async fn document<T: DeserializeOwned>(
    connection: Box<dyn Duplex>,
    path: &str,
) -> Result<T, DockerError> {
    let response = succeeded(request(connection, Method::GET, path, Extra::None).await?).await?;
    serde_json::from_slice(&bytes(response).await?).map_err(DockerError::broken)
}

/// Asks the daemon to speak another protocol from here on.
pub(crate) async fn upgrade(
    connection: Box<dyn Duplex>,
    path: &str,
    protocol: &str,
) -> Result<Option<Box<dyn Duplex>>, DockerError> {
    let response = request(connection, Method::POST, path, Extra::Upgrade(protocol)).await?;
    match response.status() {
        StatusCode::SWITCHING_PROTOCOLS => {}
        StatusCode::NOT_FOUND | StatusCode::NOT_IMPLEMENTED | StatusCode::METHOD_NOT_ALLOWED => {
            return Ok(None);
        }
        status => {
            let refused = succeeded(response).await.err();
            return Err(
                refused.unwrap_or_else(|| DockerError::broken(format!("{status} instead of {protocol}")))
            );
        }
    }
    let upgraded = hyper::upgrade::on(response).await.map_err(DockerError::broken)?;
    Ok(Some(Box::new(TokioIo::new(upgraded))))
}

/// The answer, or what the daemon said instead of one.
pub(crate) async fn succeeded(response: Response<Incoming>) -> Result<Response<Incoming>, DockerError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let text = String::from_utf8_lossy(&bytes(response).await?).into_owned();
    let message = serde_json::from_str(&text).map_or(text, |refusal: Refusal| refusal.message);
    let message = message.trim().to_owned();
    Err(match status {
        StatusCode::NOT_FOUND => DockerError::NotFound { origin: None, message },
        _ => DockerError::Refused { message },
    })
}

async fn bytes(response: Response<Incoming>) -> Result<Bytes, DockerError> {
    let body = http_body_util::Limited::new(response.into_body(), LONGEST_DOCUMENT);
    Ok(body.collect().await.map_err(DockerError::broken)?.to_bytes())
}
