//! The server's face: pages for people, an API for programs under `/api/v1`, described by OpenAPI, and a registry at `/v2/`.
//!
//! A handler reads what was sent, calls one use case of [`imagewright_server::Server`], and shows what comes back. What goes
//! wrong is told as a problem document (RFC 9457).

mod address;
mod api;
mod elyra;
mod extract;
mod limits;
mod once;
mod operation;
mod pages;
mod problem;
mod registry;
mod serve;
mod session;
mod tls;

use std::sync::Arc;

use axum::{Router, middleware};
use imagewright_server::Server;
use utoipa_axum::router::OpenApiRouter;

pub use limits::Limits;
pub use operation::Counters;
pub use problem::Problem;
pub use serve::{ServeError, ServeSettings, serve};
pub use session::Access;
pub use tls::{TlsError, TlsFiles};

/// What all handlers share.
#[derive(Clone)]
pub struct App {
    /// The use cases.
    pub server: Server,
    /// How it is reached.
    pub access: Access,
    /// What was answered.
    pub counters: Arc<Counters>,
    /// What clients are kept to.
    pub limits: Limits,
    /// How far builds were read for their pages.
    pub(crate) stages: Arc<pages::Stages>,
}

impl App {
    /// These use cases, reached so.
    pub fn new(server: Server, access: Access) -> Self {
        Self { server, access, counters: Arc::default(), limits: Limits::default(), stages: Arc::default() }
    }
}

/// Everything that is served.
pub fn router(app: App) -> Router {
    let (api, mut description) =
        OpenApiRouter::with_openapi(api::description()).nest("/api/v1", api::router()).split_for_parts();
    api::describe_problems(&mut description);
    api.merge(api::describe(&description))
        .merge(operation::router())
        .merge(registry::router())
        .merge(elyra::router())
        .merge(pages::router())
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(middleware::from_fn_with_state(app.clone(), once::read))
        .layer(middleware::from_fn_with_state(app.clone(), limits::keep))
        .layer(middleware::from_fn_with_state(app.clone(), operation::observe))
        .layer(tower_http::catch_panic::CatchPanicLayer::custom(problem::panicked))
        .layer(axum::extract::DefaultBodyLimit::max(extract::LARGEST_BODY))
        .with_state(app)
}

/// The description of the API, as it is served at `/api/v1/openapi.json`.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut description =
        OpenApiRouter::<App>::with_openapi(api::description()).nest("/api/v1", api::router()).into_openapi();
    api::describe_problems(&mut description);
    description
}
