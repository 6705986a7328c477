//! Uploads: begun, gone on with in order, closed with the right digest.

use std::io;
use std::sync::Arc;

use imagewright_oci::Digest;

use super::Shared;
use super::auth::may_pull;
use super::content::Reply;
use super::http::{Connection, Recorded};

/// `POST`: begins an upload, or mounts a blob.
pub(super) fn begin(shared: &Shared, request: &Recorded, repository: &str) -> Reply {
    if let (Some(digest), Some(from)) = (request.parameter("mount"), request.parameter("from"))
        && !shared.options.declines_mounts
        && may_pull(shared, request, &from)
    {
        let mut state = shared.state();
        if let Some(bytes) = state.repository(&from).blobs.get(&digest).cloned() {
            state.repository(repository).blobs.insert(digest.clone(), bytes);
            return created(repository, &digest);
        }
    }
    let mut state = shared.state();
    let number = state.begin_upload(repository);
    let reply = Reply::new(202).header("location", &location(repository, number, 0)).header("range", "0-0");
    match shared.options.minimum_chunk {
        Some(minimum) => reply.header("oci-chunk-min-length", &minimum.to_string()),
        None => reply,
    }
}

/// `GET`: what has arrived.
pub(super) fn progress(shared: &Shared, repository: &str, number: u64) -> Reply {
    let state = shared.state();
    match state.uploads.get(&number) {
        Some(upload) if upload.repository == repository => Reply::new(204)
            .header("location", &location(repository, number, upload.version))
            .header("range", &range(upload.bytes.len())),
        _ => unknown(),
    }
}

/// `DELETE`: the client gives up.
pub(super) fn cancel(shared: &Shared, number: u64) -> Reply {
    if shared.state().uploads.remove(&number).is_some() { Reply::new(204) } else { unknown() }
}

/// `PATCH` and `PUT`: more bytes, and with `PUT` the end. `cut`: the connection breaks after so many bytes, which is
/// the error that comes back.
pub(super) fn receive(
    shared: &Shared,
    request: &Recorded,
    connection: &mut Connection,
    (repository, number): (&str, u64),
    cut: Option<u64>,
) -> io::Result<Reply> {
    if let Some(refusal) = refused(shared, request, repository, number) {
        return Ok(refusal);
    }
    let before = shared.state().uploads.get(&number).map_or(0, |upload| upload.bytes.len());
    let received = take_bytes(shared, connection, number, cut);
    if received.is_err()
        && shared.options.forgets_broken_requests
        && let Some(upload) = shared.state().uploads.get_mut(&number)
    {
        upload.bytes.truncate(before);
    }
    received?;
    Ok(match request.method.as_str() {
        "PUT" => close(shared, request, repository, number),
        _ => {
            let mut state = shared.state();
            let Some(upload) = state.uploads.get_mut(&number) else { return Ok(unknown()) };
            upload.version += 1;
            Reply::new(202)
                .header("location", &location(repository, number, upload.version))
                .header("range", &range(upload.bytes.len()))
        }
    })
}

/// Why bytes are not taken, before any is.
fn refused(shared: &Shared, request: &Recorded, repository: &str, number: u64) -> Option<Reply> {
    let state = shared.state();
    let Some(upload) = state.uploads.get(&number).filter(|upload| upload.repository == repository) else {
        return Some(unknown());
    };
    let has = upload.bytes.len() as u64;
    let out_of_order = || Some(Reply::new(416).header("range", &range(upload.bytes.len())));
    if request.parameter("version") != Some(upload.version.to_string()) {
        return out_of_order();
    }
    let length = request.length();
    if request.header("content-length").is_none() {
        return Some(Reply::error(411, "SIZE_INVALID", "no content length"));
    }
    if length > 0 && request.header("content-type") != Some("application/octet-stream") {
        return Some(Reply::error(415, "UNSUPPORTED", "bytes are application/octet-stream"));
    }
    if request.method == "PATCH" {
        let Some((start, end)) = request.header("content-range").and_then(|text| text.split_once('-')) else {
            return Some(Reply::error(400, "BLOB_UPLOAD_INVALID", "no content range"));
        };
        let (start, end): (u64, u64) = (start.parse().ok()?, end.parse().ok()?);
        if start != has || end + 1 - start != length {
            return out_of_order();
        }
    }
    None
}

fn take_bytes(shared: &Shared, connection: &mut Connection, number: u64, cut: Option<u64>) -> io::Result<()> {
    let (mut buffer, mut taken) = (vec![0; 64 * 1024], 0);
    loop {
        let wanted = cut.map_or(u64::MAX, |cut| cut - taken).min(buffer.len() as u64);
        if wanted == 0 {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        let count = connection.read_body(&mut buffer[..usize::try_from(wanted).unwrap_or(0)])?;
        if count == 0 {
            return Ok(());
        }
        taken += count as u64;
        if let Some(upload) = shared.state().uploads.get_mut(&number) {
            upload.bytes.extend_from_slice(&buffer[..count]);
        }
    }
}

fn close(shared: &Shared, request: &Recorded, repository: &str, number: u64) -> Reply {
    let Some(digest) = request.parameter("digest").and_then(|text| text.parse::<Digest>().ok()) else {
        return Reply::error(400, "DIGEST_INVALID", "no valid digest");
    };
    let mut state = shared.state();
    let Some(upload) = state.uploads.remove(&number) else { return unknown() };
    let mut hasher = digest.algorithm().hasher();
    hasher.update(&upload.bytes);
    if hasher.finish() != digest {
        return Reply::error(400, "DIGEST_INVALID", "provided digest did not match uploaded content");
    }
    state.repository(repository).blobs.insert(digest.to_string(), Arc::new(upload.bytes));
    created(repository, &digest.to_string())
}

fn created(repository: &str, digest: &str) -> Reply {
    Reply::new(201)
        .header("location", &format!("/v2/{repository}/blobs/{digest}"))
        .header("docker-content-digest", digest)
}

fn unknown() -> Reply {
    Reply::error(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
}

fn location(repository: &str, number: u64, version: u64) -> String {
    format!("/v2/{repository}/blobs/uploads/{number}?version={version}")
}

/// As registries write it: none and one look alike.
fn range(length: usize) -> String {
    format!("0-{}", length.saturating_sub(1))
}
