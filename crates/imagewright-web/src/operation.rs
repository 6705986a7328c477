//! For those who run the server: is it alive, is it ready, how much does it do, who asked for what.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::{App, Problem};

/// How long the records may take to answer whether we are ready.
const PATIENCE: Duration = Duration::from_secs(5);
/// Upper bounds of the buckets in which durations are counted, in milliseconds.
const BOUNDS: [u64; 10] = [5, 10, 25, 50, 100, 250, 500, 1_000, 5_000, 30_000];

/// Requests by the hundred of their status, and by how long they took.
#[derive(Debug, Default)]
pub struct Counters {
    by_status: [AtomicU64; 5],
    by_duration: [AtomicU64; BOUNDS.len() + 1],
    microseconds: AtomicU64,
    /// Requests that are being carried out.
    pub(crate) running: AtomicU64,
}

impl Counters {
    fn count(&self, status: StatusCode, took: Duration) {
        let hundred = usize::from(status.as_u16() / 100).clamp(1, 5) - 1;
        self.by_status[hundred].fetch_add(1, Ordering::Relaxed);
        let milliseconds = took.as_secs_f64() * 1000.0;
        let bucket = BOUNDS.iter().position(|bound| milliseconds <= *bound as f64).unwrap_or(BOUNDS.len());
        self.by_duration[bucket].fetch_add(1, Ordering::Relaxed);
        self.microseconds.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// In the text format of Prometheus (0.0.4).
    fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |arguments: std::fmt::Arguments<'_>| {
            text.write_fmt(arguments).expect("text can be added to text");
            text.push('\n');
        };
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        line(format_args!(
            "# HELP imagewright_requests_total Requests that were answered, by the hundred of their status."
        ));
        line(format_args!("# TYPE imagewright_requests_total counter"));
        for (index, counter) in self.by_status.iter().enumerate() {
            line(format_args!("imagewright_requests_total{{status=\"{}xx\"}} {}", index + 1, read(counter)));
        }
        line(format_args!("# HELP imagewright_request_seconds How long it took until the answer began."));
        line(format_args!("# TYPE imagewright_request_seconds histogram"));
        let mut so_far = 0;
        for (bound, counter) in BOUNDS.iter().zip(&self.by_duration) {
            so_far += read(counter);
            let bound = *bound as f64 / 1000.0;
            line(format_args!("imagewright_request_seconds_bucket{{le=\"{bound}\"}} {so_far}"));
        }
        so_far += read(&self.by_duration[BOUNDS.len()]);
        line(format_args!("imagewright_request_seconds_bucket{{le=\"+Inf\"}} {so_far}"));
        let seconds = read(&self.microseconds) as f64 / 1_000_000.0;
        line(format_args!("imagewright_request_seconds_sum {seconds}"));
        line(format_args!("imagewright_request_seconds_count {so_far}"));
        line(format_args!("# HELP imagewright_requests_running Requests that are being answered."));
        line(format_args!("# TYPE imagewright_requests_running gauge"));
        line(format_args!("imagewright_requests_running {}", read(&self.running)));
        text
    }
}

pub(crate) fn router() -> Router<App> {
    Router::new().route("/healthz", get(alive)).route("/readyz", get(ready)).route("/metrics", get(metrics))
}

/// Whether the process answers.
async fn alive() -> &'static str {
    "alive\n"
}

/// Whether requests can be served: the records answer.
async fn ready(State(app): State<App>) -> Result<&'static str, Problem> {
    let unavailable = |detail| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail);
    match tokio::time::timeout(PATIENCE, app.server.records().look()).await {
        Ok(Ok(_)) => Ok("ready\n"),
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready");
            Err(unavailable("the records do not answer"))
        }
        Err(_) => Err(unavailable("the records take too long to answer")),
    }
}

async fn metrics(State(app): State<App>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], app.counters.text())
}

/// Counts a request, and notes it. Nothing of what was sent but method and path is noted: no query, header or body.
pub(crate) async fn observe(State(app): State<App>, request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let route = request.extensions().get::<MatchedPath>().map(|route| route.as_str().to_owned());
    let begun = Instant::now();
    app.counters.running.fetch_add(1, Ordering::Relaxed);
    let running = Running(app.clone());
    let response = next.run(request).await;
    drop(running);
    let took = begun.elapsed();
    app.counters.count(response.status(), took);
    tracing::info!(
        %method,
        path,
        route = route.unwrap_or_default(),
        status = response.status().as_u16(),
        duration_ms = took.as_millis(),
        "{method} {path} {}", response.status().as_u16()
    );
    response
}

/// Counts down also where whoever asked went away.
struct Running(App);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.counters.running.fetch_sub(1, Ordering::Relaxed);
    }
}
