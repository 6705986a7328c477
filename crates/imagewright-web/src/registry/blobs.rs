//! Blobs, whole or in part.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::ops::Range;

use axum::body::Body;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use imagewright_server::distribution::{DistributionError, ServedBlob};
use tokio::sync::mpsc::{self, Sender};
use tokio_stream::wrappers::ReceiverStream;

use super::{Asked, digest, empty};

/// Bytes that are read at once; a few such pieces wait for a slow client.
const PIECE: u64 = 256 << 10;
const WAITING: usize = 2;

pub(super) async fn get(asked: Asked, text: &str) -> Result<Response, DistributionError> {
    let digest = digest(text)?;
    let wants_bytes = asked.method == Method::GET;
    let blob = asked.server.registry_blob(&asked.caller, &asked.name, &digest, wants_bytes).await?;
    let size = blob.size();
    let Ok(range) = range(asked.request.headers(), size) else {
        let whole = format!("bytes */{size}");
        return Ok(empty(StatusCode::RANGE_NOT_SATISFIABLE, [("content-range", whole)]));
    };
    let bytes = range.clone().unwrap_or(0..size);
    let mut response = Response::builder()
        .header(header::CONTENT_TYPE, "application/octet-stream")
        .header(header::CONTENT_LENGTH, bytes.end - bytes.start)
        .header(header::ACCEPT_RANGES, "bytes")
        .header(header::ETAG, format!("\"{digest}\""))
        .header("docker-content-digest", digest.to_string());
    if range.is_some() {
        let part = format!("bytes {}-{}/{size}", bytes.start, bytes.end - 1);
        response = response.status(StatusCode::PARTIAL_CONTENT).header(header::CONTENT_RANGE, part);
    }
    let body = match blob {
        ServedBlob::Here(file, _) if wants_bytes => stream(file, bytes),
        ServedBlob::Elsewhere(_) if wants_bytes => {
            return Err(DistributionError::BlobUnknown(digest.to_string()));
        }
        _ => Body::empty(),
    };
    Ok(response.body(body).expect("the values are plain text"))
}

pub(super) async fn delete(asked: Asked, text: &str) -> Result<Response, DistributionError> {
    asked.server.registry_delete_blob(&asked.caller, &asked.name, &digest(text)?).await?;
    Ok(empty(StatusCode::ACCEPTED, []))
}

/// The part that is asked for; what is not understood is answered with the whole (RFC 9110, 14.2).
fn range(headers: &HeaderMap, size: u64) -> Result<Option<Range<u64>>, ()> {
    let text = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    let Some((first, last)) = text.and_then(|text| text.strip_prefix("bytes=")?.split_once('-')) else {
        return Ok(None);
    };
    let range = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => first..last.saturating_add(1).min(size),
        (Ok(first), Err(_)) if last.is_empty() => first..size,
        (Err(_), Ok(last)) if first.is_empty() => size.saturating_sub(last)..size,
        _ => return Ok(None),
    };
    if range.start < range.end { Ok(Some(range)) } else { Err(()) }
}

/// Reads ahead of the client by a few pieces, each on a thread for blocking work: a slow client holds none.
fn stream(file: File, range: Range<u64>) -> Body {
    let (sender, receiver) = mpsc::channel(WAITING);
    tokio::spawn(send(file, range, sender));
    Body::from_stream(ReceiverStream::new(receiver))
}

async fn send(mut file: File, range: Range<u64>, sender: Sender<io::Result<Bytes>>) {
    let mut rest = range.end - range.start;
    let mut start = Some(range.start);
    while rest > 0 {
        let (wanted, from) = (rest.min(PIECE), start.take());
        let read = tokio::task::spawn_blocking(move || {
            let piece = read(&mut file, from, wanted);
            (file, piece)
        });
        let Ok((same, piece)) = read.await else { return };
        file = same;
        let is_over = piece.is_err();
        // The client may have gone away.
        if sender.send(piece).await.is_err() || is_over {
            return;
        }
        rest -= wanted;
    }
}

fn read(file: &mut File, from: Option<u64>, wanted: u64) -> io::Result<Bytes> {
    if let Some(from) = from {
        file.seek(SeekFrom::Start(from))?;
    }
    let mut piece = vec![0; usize::try_from(wanted).unwrap_or(usize::MAX)];
    file.read_exact(&mut piece)?;
    Ok(Bytes::from(piece))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn ranges() {
        let cases = [
            ("", Ok(None)),
            ("bytes=0-0", Ok(Some(0..1))),
            ("bytes=2-", Ok(Some(2..10))),
            ("bytes=-3", Ok(Some(7..10))),
            ("bytes=-30", Ok(Some(0..10))),
            ("bytes=5-18446744073709551615", Ok(Some(5..10))),
            ("bytes=10-", Err(())),
            ("bytes=18446744073709551615-", Err(())),
            ("bytes=-0", Err(())),
            ("bytes=5-2", Ok(None)),
            ("bytes=99999999999999999999-", Ok(None)),
            ("bytes=0-1,3-4", Ok(None)),
            ("lines=0-1", Ok(None)),
        ];
        for (text, expected) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, HeaderValue::from_static(text));
            assert_eq!(range(&headers, 10), expected, "{text}");
        }
    }
}
