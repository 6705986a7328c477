//! Manifests and indexes.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::Response;
use http_body_util::{BodyExt as _, Limited};
use imagewright_oci::{Document, Index, MediaType, Platform};
use imagewright_server::Server;
use imagewright_server::distribution::{
    Caller, DistributionError, ManifestName, RepositoryName, StoredManifest,
};

use super::{Asked, empty};

/// The longest manifest that is taken: what the specification asks registries to take at least.
const LARGEST: usize = 4 * 1024 * 1024;
/// A manifest is small: whoever sends one has to within this time.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) async fn get(asked: Asked, text: &str) -> Result<Response, DistributionError> {
    let name = name(text)?;
    let found = asked.server.registry_manifest(&asked.caller, &asked.name, &name).await?;
    let accept = accept(asked.request.headers());
    let manifest = accepted(&asked.server, (&asked.caller, &asked.name), &accept, found).await?;
    let descriptor = &manifest.descriptor;
    let is_get = asked.method == Method::GET;
    if is_get && descriptor.media_type.is_manifest() {
        // Nobody waits for the count.
        let (server, name) = (asked.server.clone(), asked.name.clone());
        tokio::spawn(async move {
            if let Err(error) = server.registry_count_pull(&name).await {
                tracing::warn!(%error, "a pull was not counted");
            }
        });
    }
    let response = Response::builder()
        .header(header::CONTENT_TYPE, descriptor.media_type.as_str())
        .header(header::CONTENT_LENGTH, manifest.bytes.len())
        .header(header::ETAG, format!("\"{}\"", descriptor.digest))
        .header("docker-content-digest", descriptor.digest.to_string());
    let body = if is_get { Body::from(manifest.bytes) } else { Body::empty() };
    Ok(response.body(body).expect("the values are plain text"))
}

/// What the request accepts. Of an index, those who know no indexes get the image for this server's platform.
async fn accepted(
    server: &Server,
    (caller, repository): (&Caller, &RepositoryName),
    accepted: &[String],
    found: StoredManifest,
) -> Result<StoredManifest, DistributionError> {
    let takes = |wanted: &MediaType| {
        accepted.is_empty()
            || accepted.iter().any(|it| it == wanted.as_str() || it == "*/*" || it == "application/*")
    };
    let media_type = &found.descriptor.media_type;
    if takes(media_type) {
        return Ok(found);
    }
    if media_type.is_index()
        && let Ok(index) = Document::<Index>::parse(found.bytes.clone())
        && let Some(entry) = index.select(&Platform::host()).filter(|entry| takes(&entry.media_type))
    {
        let name = ManifestName::Digest(entry.digest.clone());
        return server.registry_manifest(caller, repository, &name).await;
    }
    Err(DistributionError::NotAccepted(media_type.to_string()))
}

fn accept(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let types = values.flat_map(|value| value.split(','));
    types.map(|it| without_parameters(it).to_owned()).filter(|it| !it.is_empty()).collect()
}

fn without_parameters(text: &str) -> &str {
    text.split(';').next().unwrap_or_default().trim()
}

pub(super) async fn put(asked: Asked, text: &str) -> Result<Response, DistributionError> {
    let name = name(text)?;
    let sent = asked.request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let sent = sent.map(|text| without_parameters(text).to_owned());
    let body = Limited::new(asked.request.into_body(), LARGEST).collect();
    let bytes = match tokio::time::timeout(PATIENCE, body).await {
        Ok(Ok(body)) => body.to_bytes().to_vec(),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            return Err(DistributionError::TooLarge(LARGEST));
        }
        Ok(Err(_)) | Err(_) => return Err(DistributionError::Interrupted),
    };
    let media_type = MediaType::from(sent.unwrap_or_else(|| said(&bytes)));
    let put =
        asked.server.registry_put_manifest(&asked.caller, &asked.name, &name, media_type, bytes).await?;
    let digest = put.descriptor.digest.to_string();
    let location = format!("/v2/{}/manifests/{digest}", asked.name);
    let mut response =
        empty(StatusCode::CREATED, [("location", location), ("docker-content-digest", digest)]);
    if let Some(subject) = put.subject
        && let Ok(value) = subject.to_string().parse()
    {
        response.headers_mut().insert("oci-subject", value);
    }
    Ok(response)
}

/// The type that a manifest says itself.
fn said(bytes: &[u8]) -> String {
    let document: serde_json::Value = serde_json::from_slice(bytes).unwrap_or_default();
    document["mediaType"].as_str().unwrap_or_default().to_owned()
}

pub(super) async fn delete(asked: Asked, text: &str) -> Result<Response, DistributionError> {
    asked.server.registry_delete_manifest(&asked.caller, &asked.name, &name(text)?).await?;
    Ok(empty(StatusCode::ACCEPTED, []))
}

fn name(text: &str) -> Result<ManifestName, DistributionError> {
    if text.contains(':') {
        return super::digest(text).map(ManifestName::Digest);
    }
    text.parse().map(ManifestName::Tag).map_err(|_| DistributionError::ManifestName(text.to_owned()))
}
