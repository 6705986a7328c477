//! Manifests: asked for by accepted type, taken in only when everything they point at is there.

use imagewright_oci::Digest;
use serde_json::Value;

use super::Shared;
use super::content::Reply;
use super::http::Recorded;
use super::state::{Repository, StoredManifest};

pub(super) fn get(shared: &Shared, request: &Recorded, repository: &str, name: &str) -> Reply {
    let state = shared.state();
    let found = state.repositories.get(repository).and_then(|known| known.manifest(name));
    let Some((digest, manifest)) = found else {
        return Reply::error(404, "MANIFEST_UNKNOWN", "manifest unknown");
    };
    // The specification lets registries answer with another type; a strict one does not have it then.
    let accepted = request.header("accept").unwrap_or_default();
    let is_schema2 = manifest.media_type.starts_with("application/vnd.");
    if is_schema2 && !accepted.contains("*/*") && !accepted.contains(&manifest.media_type) {
        return Reply::error(404, "MANIFEST_UNKNOWN", "no manifest of an accepted type");
    }
    Reply::new(200)
        .header("content-type", &manifest.media_type)
        .header("docker-content-digest", digest)
        .body(manifest.bytes.clone())
}

pub(super) fn put(
    shared: &Shared,
    request: &Recorded,
    repository: &str,
    name: &str,
    bytes: Vec<u8>,
) -> Reply {
    let digest = Digest::of(&bytes).to_string();
    let is_digest = name.contains(':');
    if is_digest && name != digest {
        return Reply::error(400, "DIGEST_INVALID", "the digest is not that of the manifest");
    }
    if !is_digest && !is_tag(name) {
        return Reply::error(400, "TAG_INVALID", "not a tag");
    }
    let Ok(document) = serde_json::from_slice::<Value>(&bytes) else {
        return Reply::error(400, "MANIFEST_INVALID", "not JSON");
    };
    let Some(media_type) = request.header("content-type") else {
        return Reply::error(400, "MANIFEST_INVALID", "no content type");
    };
    if document["mediaType"].as_str().is_some_and(|own| own != media_type) {
        return Reply::error(400, "MANIFEST_INVALID", "the content type is not that of the document");
    }
    let mut state = shared.state();
    let known = state.repository(repository);
    if let Some(missing) = missing_part(known, &document) {
        return Reply::error(
            404,
            "MANIFEST_BLOB_UNKNOWN",
            &format!("{missing} is unknown to the repository"),
        );
    }
    known.manifests.insert(digest.clone(), StoredManifest { media_type: media_type.to_owned(), bytes });
    if !is_digest {
        known.tags.insert(name.to_owned(), digest.clone());
    }
    let reply = Reply::new(201)
        .header("location", &format!("/v2/{repository}/manifests/{digest}"))
        .header("docker-content-digest", &digest);
    match document["subject"]["digest"].as_str() {
        Some(subject) if !shared.options.has_no_referrers => reply.header("oci-subject", subject),
        _ => reply,
    }
}

pub(super) fn delete(shared: &Shared, repository: &str, name: &str) -> Reply {
    let mut state = shared.state();
    let known = state.repository(repository);
    if known.tags.remove(name).is_some() {
        return Reply::new(202);
    }
    if known.manifests.remove(name).is_none() {
        return Reply::error(404, "MANIFEST_UNKNOWN", "manifest unknown");
    }
    known.tags.retain(|_, digest| digest != name);
    Reply::new(202)
}

/// The first blob or manifest the document points at that the repository does not have.
fn missing_part(known: &Repository, document: &Value) -> Option<String> {
    let digest = |descriptor: &Value| descriptor["digest"].as_str().unwrap_or_default().to_owned();
    let list = |name: &str| document[name].as_array().cloned().unwrap_or_default();
    let is_foreign = |layer: &Value| layer["urls"].as_array().is_some_and(|urls| !urls.is_empty());
    let mut blobs: Vec<Value> = list("layers").into_iter().filter(|layer| !is_foreign(layer)).collect();
    blobs.extend(document.get("config").cloned());
    let missing_blob = blobs.iter().map(digest).find(|digest| !known.blobs.contains_key(digest));
    let missing_manifest =
        || list("manifests").iter().map(digest).find(|digest| !known.manifests.contains_key(digest));
    missing_blob.or_else(missing_manifest)
}

fn is_tag(text: &str) -> bool {
    text.parse::<imagewright_oci::Tag>().is_ok()
}
