//! The API for programs.

mod audit;
mod builds;
mod checks;
mod dependents;
mod exchange;
mod groups;
mod images;
pub(crate) mod kernelspecs;
mod oidc;
mod people;
mod pulls;
mod registries;
mod secrets;
mod session;
mod settings;
mod spec_files;
mod storage;
pub(crate) mod streams;
mod suggestions;
mod tokens;

use axum::http::header;
use axum::routing::get;
use imagewright_catalog::ImageOrder;
use imagewright_server::{ExportFormat, ImagesOfGroup};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder, RefOr};
use utoipa_axum::router::OpenApiRouter;

use crate::App;
use crate::problem::PROBLEM;

/// All of it, by the paths behind `/api/v1`.
pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(images::router())
        .merge(pulls::router())
        .merge(dependents::router())
        .merge(builds::router())
        .merge(groups::router())
        .merge(people::router())
        .merge(secrets::router())
        .merge(session::router())
        .merge(oidc::router())
        .merge(tokens::router())
        .merge(audit::router())
        .merge(exchange::router())
        .merge(settings::router())
        .merge(checks::router())
        .merge(spec_files::router())
        .merge(storage::router())
        .merge(suggestions::router())
        .merge(registries::router())
        .merge(kernelspecs::router())
}

/// What the description says of the whole.
pub(crate) fn description() -> OpenApi {
    let info = InfoBuilder::new().title("Imagewright").version(env!("CARGO_PKG_VERSION")).description(Some(
        "Container images for notebooks and pipelines: the catalogue, its people, builds.",
    ));
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    let components = ComponentsBuilder::new().security_scheme("token", SecurityScheme::Http(bearer));
    // What stands in addresses alone is not found by itself.
    let components = components.schema_from::<ExportFormat>().schema_from::<ImagesOfGroup>();
    let components = components.schema_from::<ImageOrder>();
    OpenApiBuilder::new().info(info.build()).components(Some(components.build())).build()
}

/// Has the description say of problems what they are sent as.
pub(crate) fn describe_problems(description: &mut OpenApi) {
    for item in description.paths.paths.values_mut() {
        let operations = [
            &mut item.get,
            &mut item.put,
            &mut item.post,
            &mut item.delete,
            &mut item.patch,
            &mut item.head,
            &mut item.options,
            &mut item.trace,
        ];
        for operation in operations.into_iter().flatten() {
            if let Some(RefOr::T(response)) = operation.responses.responses.get_mut("default")
                && let Some(content) = response.content.shift_remove("application/json")
            {
                response.content.insert(PROBLEM.to_owned(), content);
            }
        }
    }
}

/// Serves the description.
pub(crate) fn describe(description: &OpenApi) -> axum::Router<App> {
    let text = description.to_json().expect("the description is JSON");
    let answer = move || async move { ([(header::CONTENT_TYPE, "application/json")], text) };
    axum::Router::new().route("/api/v1/openapi.json", get(answer))
}
