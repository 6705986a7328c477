//! Answers with a body of their own, and blobs and lists as they are read.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Shared;
use super::http::Recorded;

/// An answer that owns its body.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Arc<Vec<u8>>,
}

impl Reply {
    pub(super) fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Arc::default() }
    }

    pub(super) fn json(status: u16, value: &Value) -> Self {
        Self::new(status).header("content-type", "application/json").body(value.to_string().into_bytes())
    }

    /// The error envelope.
    pub(super) fn error(status: u16, code: &str, message: &str) -> Self {
        Self::json(status, &json!({ "errors": [{ "code": code, "message": message }] }))
    }

    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(super) fn body(mut self, bytes: Vec<u8>) -> Self {
        self.body = Arc::new(bytes);
        self
    }
}

/// `GET` and `HEAD` of a blob, whole or from an offset on.
pub(super) fn blob(shared: &Shared, request: &Recorded, repository: &str, digest: &str) -> Reply {
    let found =
        shared.state().repositories.get(repository).and_then(|known| known.blobs.get(digest).cloned());
    let Some(bytes) = found else { return Reply::error(404, "BLOB_UNKNOWN", "blob unknown to registry") };
    let reply = Reply::new(200)
        .header("content-type", "application/octet-stream")
        .header("docker-content-digest", digest);
    let Some(range) = request.header("range").filter(|_| !shared.options.ignores_ranges) else {
        return Reply { body: bytes, ..reply };
    };
    let start = range
        .strip_prefix("bytes=")
        .and_then(|range| range.strip_suffix('-'))
        .and_then(|text| text.parse().ok());
    match start {
        Some(start) if start < bytes.len() => {
            let range = format!("bytes {start}-{}/{}", bytes.len() - 1, bytes.len());
            Reply { status: 206, ..reply }.header("content-range", &range).body(bytes[start..].to_vec())
        }
        _ => Reply::new(416).header("content-range", &format!("bytes */{}", bytes.len())),
    }
}

/// The tags after `last`, sorted, a page at a time.
pub(super) fn tags(shared: &Shared, request: &Recorded, repository: &str) -> Reply {
    let state = shared.state();
    let Some(known) = state.repositories.get(repository).filter(|known| !known.is_empty()) else {
        return Reply::error(404, "NAME_UNKNOWN", "repository name not known to registry");
    };
    let last = request.parameter("last").unwrap_or_default();
    let asked = request.parameter("n").and_then(|text| text.parse().ok()).unwrap_or(usize::MAX);
    let page_size = if shared.options.page_size == 0 { asked } else { asked.min(shared.options.page_size) };
    let after: Vec<&String> = known.tags.keys().filter(|tag| **tag > last).collect();
    let page: Vec<&String> = after.iter().copied().take(page_size).collect();
    let reply = Reply::json(200, &json!({ "name": repository, "tags": page }));
    match page.last() {
        Some(last) if page.len() < after.len() => reply
            .header("link", &format!("</v2/{repository}/tags/list?last={last}&n={page_size}>; rel=\"next\"")),
        _ => reply,
    }
}

/// The manifests whose subject is `digest`.
pub(super) fn referrers(shared: &Shared, repository: &str, digest: &str) -> Reply {
    if shared.options.has_no_referrers {
        return Reply::error(404, "NOT_FOUND", "no such endpoint");
    }
    let state = shared.state();
    let manifests = state.repositories.get(repository).into_iter().flat_map(|known| &known.manifests);
    let entries: Vec<Value> = manifests
        .filter_map(|(own, stored)| {
            let document: Value = serde_json::from_slice(&stored.bytes).ok()?;
            let refers = document["subject"]["digest"].as_str() == Some(digest);
            refers.then(|| json!({ "mediaType": stored.media_type, "digest": own, "size": stored.bytes.len(), "artifactType": document["artifactType"] }))
        })
        .collect();
    const INDEX: &str = "application/vnd.oci.image.index.v1+json";
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": entries });
    Reply::new(200).header("content-type", INDEX).body(index.to_string().into_bytes())
}
