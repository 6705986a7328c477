//! The API for programs.

mod audit;
mod builds;
mod exchange;
mod groups;
mod images;
mod oidc;
mod people;
mod pulls;
mod secrets;
mod session;
pub(crate) mod streams;
mod tokens;

use axum::http::header;
use axum::routing::get;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder};
use utoipa_axum::router::OpenApiRouter;

use crate::App;

/// All of it, by the paths behind `/api/v1`.
pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(images::router())
        .merge(pulls::router())
        .merge(builds::router())
        .merge(groups::router())
        .merge(people::router())
        .merge(secrets::router())
        .merge(session::router())
        .merge(oidc::router())
        .merge(tokens::router())
        .merge(audit::router())
        .merge(exchange::router())
}

/// What the description says of the whole.
pub(crate) fn description() -> OpenApi {
    let info = InfoBuilder::new().title("Imagewright").version(env!("CARGO_PKG_VERSION")).description(Some(
        "Container images for notebooks and pipelines: the catalogue, its people, builds.",
    ));
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    let components = ComponentsBuilder::new().security_scheme("token", SecurityScheme::Http(bearer));
    OpenApiBuilder::new().info(info.build()).components(Some(components.build())).build()
}

/// Serves the description.
pub(crate) fn describe(description: &OpenApi) -> axum::Router<App> {
    let text = description.to_json().expect("the description is JSON");
    let answer = move || async move { ([(header::CONTENT_TYPE, "application/json")], text) };
    axum::Router::new().route("/api/v1/openapi.json", get(answer))
}
