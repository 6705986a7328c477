//! Uploads of blobs, at once or in pieces.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use http_body_util::BodyExt as _;
use imagewright_oci::Digest;
use imagewright_server::distribution::{Begun, DistributionError, Incoming, RepositoryName, UploadId};

use super::{Asked, digest, empty, query};

/// From a connection from which nothing comes for so long nothing more is expected.
const SILENCE: Duration = Duration::from_secs(60);

pub(super) async fn begin(asked: Asked) -> Result<Response, DistributionError> {
    let uri = asked.request.uri();
    let whole = query(uri, "digest").map(|text| digest(&text)).transpose()?;
    let mount = match (query(uri, "mount"), query(uri, "from")) {
        (Some(mount), Some(from)) => Some((digest(&mount)?, from.parse()?)),
        _ => None,
    };
    let mounting = mount.as_ref().map(|(digest, _)| digest.clone());
    let begun = asked.server.registry_begin_upload(&asked.caller, &asked.name, mount).await?;
    let (id, mut incoming) = match (begun, mounting) {
        (Begun::Mounted, Some(digest)) => return Ok(created(&asked.name, &digest)),
        (Begun::Mounted, None) => return Err(DistributionError::Interrupted),
        (Begun::Upload(id, incoming), _) => (id, incoming),
    };
    let Some(digest) = whole else {
        return Ok(goes_on(&asked.name, &id, incoming.size()));
    };
    receive(asked.request.into_body(), &mut incoming, None).await?;
    asked.server.registry_finish_upload(*incoming, &digest).await?;
    Ok(created(&asked.name, &digest))
}

pub(super) async fn status(asked: Asked, text: &str) -> Result<Response, DistributionError> {
    let id = upload_id(text)?;
    let size = asked.server.registry_upload_size(&asked.caller, &asked.name, &id).await?;
    let mut response = goes_on(&asked.name, &id, size);
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

pub(super) async fn take_piece(asked: Asked, text: &str) -> Result<Response, DistributionError> {
    let id = upload_id(text)?;
    let mut incoming = asked.server.registry_upload(&asked.caller, &asked.name, &id).await?;
    let piece = piece(asked.request.headers(), &incoming)?;
    receive(asked.request.into_body(), &mut incoming, piece).await?;
    Ok(goes_on(&asked.name, &id, incoming.size()))
}

pub(super) async fn finish(asked: Asked, text: &str) -> Result<Response, DistributionError> {
    let id = upload_id(text)?;
    let digest = match query(asked.request.uri(), "digest") {
        Some(text) => digest(&text)?,
        None => {
            return Err(DistributionError::Digest("`digest` is missing behind the question mark".to_owned()));
        }
    };
    let mut incoming = asked.server.registry_upload(&asked.caller, &asked.name, &id).await?;
    let piece = piece(asked.request.headers(), &incoming)?;
    receive(asked.request.into_body(), &mut incoming, piece).await?;
    asked.server.registry_finish_upload(incoming, &digest).await?;
    Ok(created(&asked.name, &digest))
}

pub(super) async fn abandon(asked: Asked, text: &str) -> Result<Response, DistributionError> {
    asked.server.registry_abandon_upload(&asked.caller, &asked.name, &upload_id(text)?).await?;
    Ok(empty(StatusCode::NO_CONTENT, []))
}

/// Bytes of the piece that is announced, if any is: it has to begin where the upload is.
fn piece(headers: &HeaderMap, incoming: &Incoming) -> Result<Option<u64>, DistributionError> {
    let Some(value) = headers.get(header::CONTENT_RANGE) else { return Ok(None) };
    let out_of_order = DistributionError::OutOfOrder { expected: incoming.size() };
    let range = value.to_str().ok().and_then(|text| {
        let (first, last) = text.trim_start_matches("bytes ").split_once('-')?;
        Some((first.parse::<u64>().ok()?, last.parse::<u64>().ok()?))
    });
    match range {
        Some((first, last)) if first == incoming.size() && last >= first => {
            match (last - first).checked_add(1) {
                Some(said) => announced(headers, said).map(Some),
                None => Err(out_of_order),
            }
        }
        _ => Err(out_of_order),
    }
}

fn announced(headers: &HeaderMap, said: u64) -> Result<u64, DistributionError> {
    let length =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    match length {
        Some(found) if found != said => Err(DistributionError::PieceSize { said, found }),
        _ => Ok(said),
    }
}

/// Takes a body in. What came of one that breaks off is kept, to go on from there.
async fn receive(
    mut body: Body,
    incoming: &mut Incoming,
    said: Option<u64>,
) -> Result<(), DistributionError> {
    let begin = incoming.size();
    loop {
        let frame = match tokio::time::timeout(SILENCE, body.frame()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(None) => break,
            Ok(Some(Err(_))) | Err(_) => {
                incoming.flush().await?;
                return Err(DistributionError::Interrupted);
            }
        };
        let Ok(bytes) = frame.into_data() else { continue };
        let found = incoming.size() - begin + bytes.len() as u64;
        if let Some(said) = said.filter(|said| found > *said) {
            incoming.flush().await?;
            return Err(DistributionError::PieceSize { said, found });
        }
        incoming.write(&bytes).await?;
    }
    incoming.flush().await?;
    let found = incoming.size() - begin;
    match said {
        Some(said) if said != found => Err(DistributionError::PieceSize { said, found }),
        _ => Ok(()),
    }
}

fn upload_id(text: &str) -> Result<UploadId, DistributionError> {
    text.parse().map_err(|()| DistributionError::UploadUnknown(text.to_owned()))
}

/// What has come, as a range.
pub(super) fn range(size: u64) -> String {
    format!("0-{}", size.saturating_sub(1))
}

fn goes_on(name: &RepositoryName, id: &UploadId, size: u64) -> Response {
    let location = format!("/v2/{name}/blobs/uploads/{id}");
    let headers = [
        ("location", location),
        ("range", range(size)),
        ("docker-upload-uuid", id.to_string()),
        ("content-length", "0".to_owned()),
    ];
    empty(StatusCode::ACCEPTED, headers)
}

fn created(name: &RepositoryName, digest: &Digest) -> Response {
    let location = format!("/v2/{name}/blobs/{digest}");
    empty(StatusCode::CREATED, [("location", location), ("docker-content-digest", digest.to_string())])
}
