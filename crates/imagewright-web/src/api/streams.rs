//! Answers that are sent while they come about.

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use imagewright_server::{Followed, Follower, LogLines};
use tokio::sync::mpsc::{self, Sender};
use tokio_stream::wrappers::ReceiverStream;

/// How often something is sent while nothing happens, so that nobody between takes the connection for dead.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How many pieces are read ahead of a slow reader.
const AHEAD: usize = 16;

/// Events as server-sent events, each with its number.
pub(super) fn server_sent(mut follower: Follower) -> Response {
    let events = sent(|sender| async move {
        loop {
            match follower.next().await {
                Ok(Followed::Events(events)) => {
                    for (number, line) in (events.first..).zip(&events.lines) {
                        let event = Event::default().id(number.to_string()).data(line);
                        if sender.send(Ok::<_, Infallible>(event)).await.is_err() {
                            return;
                        }
                    }
                }
                Ok(Followed::Over(state)) => {
                    let data = format!("{{\"state\":\"{}\"}}", state.as_str());
                    drop(sender.send(Ok(Event::default().event("end").data(data))).await);
                    return;
                }
                // Whoever follows comes back and finds the rest.
                Ok(Followed::Paused) => return,
                Err(error) => return failed(&error),
            }
        }
    });
    let mut response = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response();
    // A proxy that collects answers would show nothing until the end.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// Events as lines of JSON.
pub(super) fn lines(mut follower: Follower) -> Response {
    let pieces = sent(|sender| async move {
        loop {
            let piece = match tokio::time::timeout(KEEP_ALIVE, follower.next()).await {
                Ok(Ok(Followed::Events(events))) => events.lines.join("\n") + "\n",
                Ok(Ok(Followed::Over(_) | Followed::Paused)) => return,
                Ok(Err(error)) => return failed(&error),
                Err(_) => "\n".to_owned(),
            };
            if sender.send(Ok(Bytes::from(piece))).await.is_err() {
                return;
            }
        }
    });
    body(pieces, "application/x-ndjson")
}

/// A log.
pub(super) fn text(mut log: LogLines) -> Response {
    let pieces = sent(|sender| async move {
        loop {
            match log.next().await {
                Ok(Some(piece)) => {
                    if sender.send(Ok(Bytes::from(piece))).await.is_err() {
                        return;
                    }
                }
                Ok(None) => return,
                Err(error) => return failed(&error),
            }
        }
    });
    body(pieces, "text/plain; charset=utf-8")
}

/// What a task of its own sends; it ends when nobody hears it any more.
pub(crate) fn sent<T: Send + 'static, F>(send: impl FnOnce(Sender<T>) -> F) -> ReceiverStream<T>
where
    F: Future<Output = ()> + Send + 'static,
{
    let (sender, receiver) = mpsc::channel(AHEAD);
    tokio::spawn(send(sender));
    ReceiverStream::new(receiver)
}

fn body(pieces: ReceiverStream<Result<Bytes, Infallible>>, content_type: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (headers, Body::from_stream(pieces)).into_response()
}

/// The status has been sent, so all there is left is to break off; whoever follows asks again and is told then.
fn failed(error: &imagewright_server::ServerError) {
    tracing::warn!(%error, "what happens in a build could not be told to its end");
}
