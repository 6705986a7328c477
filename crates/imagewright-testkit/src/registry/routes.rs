//! From requests to answers.

use std::io;
use std::net::TcpStream;

use super::Shared;
use super::auth::{admit, give_token};
use super::content::{self, Reply};
use super::fault::Fault;
use super::http::{Answer, Connection, Recorded};
use super::{manifests, uploads};

/// Answers the requests of one connection.
pub(super) fn converse(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut connection = Connection::new(stream)?;
    while let Some(request) = connection.next_request()? {
        let fault = {
            let mut state = shared.state();
            state.requests.push(request.clone());
            state.faults.take(&request.method, &request.path)
        };
        if !serve(shared, &mut connection, &request, fault.as_ref())? {
            return Ok(());
        }
    }
    Ok(())
}

/// Answers one request; whether the connection stays open.
fn serve(
    shared: &Shared,
    connection: &mut Connection,
    request: &Recorded,
    fault: Option<&Fault>,
) -> io::Result<bool> {
    let reply = match fault {
        Some(Fault::Close) => return Ok(false),
        Some(Fault::Status(status, header, body)) => {
            let reply = Reply::new(*status).body(body.clone().into_bytes());
            match header.split_once(": ") {
                Some((name, value)) => reply.header(name, value),
                None => reply,
            }
        }
        Some(Fault::Redirect(location)) => Reply::new(307).header("location", location),
        Some(Fault::CutUpload(after)) => reply(shared, connection, request, Some(*after))?,
        _ => reply(shared, connection, request, None)?,
    };
    if matches!(fault, Some(Fault::LoseAnswer)) {
        return Ok(false);
    }
    send(connection, request, &reply, fault)
}

fn send(
    connection: &mut Connection,
    request: &Recorded,
    reply: &Reply,
    fault: Option<&Fault>,
) -> io::Result<bool> {
    let mut body = reply.body.as_slice();
    let mut announced = None;
    let changed: Vec<u8>;
    match fault {
        Some(Fault::CutDownload(after)) => {
            announced = Some(body.len() as u64);
            body = &body[..body.len().min(usize::try_from(*after).unwrap_or(usize::MAX))];
        }
        Some(Fault::Shorten(by)) => body = &body[..body.len() - usize::try_from(*by).unwrap_or(0)],
        Some(Fault::Lengthen(by)) => {
            changed = [body, &vec![b'x'; usize::try_from(*by).unwrap_or(0)]].concat();
            body = &changed;
        }
        Some(Fault::Damage) => {
            changed = body
                .iter()
                .enumerate()
                .map(|(index, byte)| if index == 0 { byte ^ 1 } else { *byte })
                .collect();
            body = &changed;
        }
        _ => {}
    }
    let is_head = request.method == "HEAD";
    connection.answer(&Answer {
        status: reply.status,
        headers: reply.headers.clone(),
        body,
        announced,
        is_head,
    })
}

fn reply(
    shared: &Shared,
    connection: &mut Connection,
    request: &Recorded,
    cut: Option<u64>,
) -> io::Result<Reply> {
    let path = request.plain_path();
    if path == "/token" {
        let body = connection.small_body()?;
        return Ok(give_token(shared, request, &body));
    }
    if let Err(refusal) = admit(shared, request) {
        return Ok(refusal);
    }
    let Some(rest) = path.strip_prefix("/v2/") else {
        return Ok(Reply::error(404, "NOT_FOUND", "the protocol begins at /v2/"));
    };
    if rest.is_empty() {
        return Ok(Reply::json(200, &serde_json::json!({})));
    }
    let Some((repository, kind, name)) = parts(rest) else {
        return Ok(Reply::error(404, "NAME_INVALID", "no such endpoint, or not a repository's name"));
    };
    let method = request.method.as_str();
    Ok(match (method, kind, name) {
        ("POST", "uploads", "") => uploads::begin(shared, request, repository),
        (_, "uploads", name) => {
            let number = name.parse().unwrap_or(0);
            match method {
                "GET" => uploads::progress(shared, repository, number),
                "DELETE" => uploads::cancel(shared, number),
                "PATCH" | "PUT" => uploads::receive(shared, request, connection, (repository, number), cut)?,
                _ => unsupported(),
            }
        }
        ("GET" | "HEAD", "blobs", digest) => content::blob(shared, request, repository, digest),
        ("GET" | "HEAD", "manifests", name) => manifests::get(shared, request, repository, name),
        ("PUT", "manifests", name) => {
            let bytes = connection.small_body()?;
            manifests::put(shared, request, repository, name, bytes)
        }
        ("DELETE", "manifests", name) => manifests::delete(shared, repository, name),
        ("GET", "tags", "list") => content::tags(shared, request, repository),
        ("GET", "referrers", digest) => content::referrers(shared, repository, digest),
        _ => unsupported(),
    })
}

fn unsupported() -> Reply {
    Reply::error(405, "UNSUPPORTED", "the operation is unsupported")
}

/// Repository, kind and name of a path below `/v2/`. The last kind counts: repositories may be called `blobs`.
fn parts(path: &str) -> Option<(&str, &str, &str)> {
    for (marker, kind) in [
        ("/blobs/uploads/", "uploads"),
        ("/blobs/", "blobs"),
        ("/manifests/", "manifests"),
        ("/tags/", "tags"),
        ("/referrers/", "referrers"),
    ] {
        if let Some(position) = path.rfind(marker) {
            let (repository, name) = (&path[..position], &path[position + marker.len()..]);
            let is_valid =
                format!("registry.test/{repository}:x").parse::<imagewright_oci::Reference>().is_ok();
            return is_valid.then_some((repository, kind, name));
        }
    }
    None
}
