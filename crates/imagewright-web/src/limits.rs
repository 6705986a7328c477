//! How long clients may take, and how many there may be, so that none keeps the others out.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tower_http::timeout::TimeoutBody;

use crate::{App, Problem};

/// What of the API asks registries and indexes, or plans, before it answers.
const SLOW: [&str; 7] = [
    "/api/v1/images",
    "/api/v1/images/{name}",
    "/api/v1/images/{name}/builds",
    "/api/v1/images/{name}/checks",
    "/api/v1/builds/{id}/retry",
    "/api/v1/plans",
    "/api/v1/login/oidc/callback",
];

/// What is always answered.
const WATCHES: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// Limits of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long a handshake, and the head of a request, may take to come; how long a connection may be idle.
    pub head: Duration,
    /// How long the next piece of a body may be waited for.
    pub pause: Duration,
    /// How long a call of the API may take until its answer begins.
    pub call: Duration,
    /// The same where others are asked, or it is planned, what a build would do.
    pub slow_call: Duration,
    /// How many requests are carried out at once. Answers that are being sent do not count.
    pub requests: u64,
    /// How many connections there are at once.
    pub connections: usize,
    /// How many requests are carried out at once of one connection (HTTP/2).
    pub streams: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(30),
            pause: Duration::from_secs(60),
            call: Duration::from_secs(60),
            slow_call: Duration::from_secs(20 * 60),
            requests: 1024,
            connections: 8192,
            streams: 128,
        }
    }
}

/// Keeps a request to the limits.
pub(crate) async fn keep(State(app): State<App>, request: Request, next: Next) -> Response {
    let limits = app.limits;
    // Whoever looks after a server that is busy is told how it is.
    let is_watch = WATCHES.contains(&request.uri().path());
    if !is_watch && app.counters.running.load(Ordering::Relaxed) > limits.requests {
        let problem =
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "too much is asked of this server at once");
        return Problem { retry_after: Some(1), ..problem.with_hint("wait a moment, and try again") }
            .into_response();
    }
    let longest = longest(&limits, &request);
    let request = request.map(|body| Body::new(TimeoutBody::new(limits.pause, body)));
    let Some(longest) = longest else { return next.run(request).await };
    match tokio::time::timeout(longest, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            tracing::warn!("a call of the API took too long and was broken off");
            let detail = format!("this took longer than {} seconds, and was broken off", longest.as_secs());
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too-slow", detail).into_response()
        }
    }
}

/// How long it may take until the answer begins. Blobs come and go as long as it takes.
fn longest(limits: &Limits, request: &Request) -> Option<Duration> {
    let route = request.extensions().get::<MatchedPath>()?.as_str();
    if !route.starts_with("/api/") {
        return None;
    }
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
    let is_slow = SLOW.contains(&route) && (changes || route.contains("login") || route.ends_with("/checks"));
    Some(if is_slow { limits.slow_call } else { limits.call })
}
