//! Kernelspecs of Enterprise Gateway.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use imagewright_catalog::Name;
use imagewright_server::{
    KernelspecArchive, KernelspecList, KernelspecView, MadeKernelspec, NewImageKernelspec, Server,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::{Asking, Body, Path};
use crate::once::{Once, OnceHeader};
use crate::{App, Problem};

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(of_image, add))
        .routes(routes!(make))
        .routes(routes!(download))
        .routes(routes!(remove))
}

/// Lists the kernelspecs that the gateway reads: those in `server.kernels-folder`.
#[utoipa::path(
    operation_id = "list_kernelspecs",
    get, path = "/kernelspecs", tag = "kernelspecs", security(("token" = [])),
    responses((status = 200, body = KernelspecList), (status = "default", body = Problem)),
)]
async fn list(State(app): State<App>, Asking(principal): Asking) -> Result<Json<KernelspecList>, Problem> {
    Ok(Json(app.server.kernelspecs(&principal).await?.unwrap_or_default()))
}

/// Lists those that start an image, by whatever tag or digest.
#[utoipa::path(
    operation_id = "list_kernelspecs_of_image",
    get, path = "/images/{name}/kernelspecs", params(("name" = String, Path)), tag = "kernelspecs",
    security(("token" = [])),
    responses((status = 200, body = Vec<KernelspecView>), (status = "default", body = Problem)),
)]
async fn of_image(
    State(app): State<App>,
    Asking(principal): Asking,
    Path(name): Path<Name>,
) -> Result<Json<Vec<KernelspecView>>, Problem> {
    Ok(Json(app.server.kernelspecs_of_image(&principal, &name).await?))
}

/// Makes a kernelspec for an image, and puts it where the gateway reads it. Administrators may.
#[utoipa::path(
    operation_id = "add_kernelspec",
    post, path = "/images/{name}/kernelspecs", params(("name" = String, Path), OnceHeader), tag = "kernelspecs",
    request_body = NewImageKernelspec, security(("token" = [])),
    responses((status = 201, body = MadeKernelspec), (status = "default", body = Problem)),
)]
async fn add(
    State(app): State<App>,
    Asking(principal): Asking,
    Path(name): Path<Name>,
    Once(once): Once,
    Body(new): Body<NewImageKernelspec>,
) -> Result<(StatusCode, Json<MadeKernelspec>), Problem> {
    let asks = &principal;
    let add = async move |server: Server| server.add_kernelspec(asks, &name, new).await;
    Ok((StatusCode::CREATED, Json(app.server.once(asks, once, add).await?)))
}

/// Makes a kernelspec for an image, to be taken along: a `tar.gz` with its folder. Nothing is kept of it.
#[utoipa::path(
    operation_id = "make_kernelspec",
    post, path = "/images/{name}/kernelspecs/archive", params(("name" = String, Path)), tag = "kernelspecs",
    request_body = NewImageKernelspec, security(("token" = [])),
    responses((status = 200, content_type = "application/gzip", body = Vec<u8>), (status = "default", body = Problem)),
)]
async fn make(
    State(app): State<App>,
    Asking(principal): Asking,
    Path(name): Path<Name>,
    Body(new): Body<NewImageKernelspec>,
) -> Result<Response, Problem> {
    Ok(sent(app.server.make_kernelspec(&principal, &name, new).await?))
}

/// Gives a kernelspec that the gateway reads, as a `tar.gz` with its folder.
#[utoipa::path(
    operation_id = "download_kernelspec",
    get, path = "/kernelspecs/{kernelspec}/archive", params(("kernelspec" = String, Path)), tag = "kernelspecs",
    security(("token" = [])),
    responses((status = 200, content_type = "application/gzip", body = Vec<u8>), (status = "default", body = Problem)),
)]
async fn download(
    State(app): State<App>,
    Asking(principal): Asking,
    Path(kernelspec): Path<String>,
) -> Result<Response, Problem> {
    Ok(sent(app.server.kernelspec_archive(&principal, &kernelspec).await?))
}

/// Takes a kernelspec away from the gateway. Kernels that run stay. Administrators may.
#[utoipa::path(
    operation_id = "remove_kernelspec",
    delete, path = "/kernelspecs/{kernelspec}", params(("kernelspec" = String, Path)), tag = "kernelspecs",
    security(("token" = [])),
    responses((status = 204), (status = "default", body = Problem)),
)]
async fn remove(
    State(app): State<App>,
    Asking(principal): Asking,
    Path(kernelspec): Path<String>,
) -> Result<StatusCode, Problem> {
    app.server.remove_kernelspec(&principal, &kernelspec).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// An archive as a browser saves it.
pub(crate) fn sent(archive: KernelspecArchive) -> Response {
    // Names of kernelspecs hold nothing that would have to be quoted.
    let file = format!("attachment; filename=\"{}.tar.gz\"", archive.name);
    let headers =
        [(header::CONTENT_TYPE, "application/gzip".to_owned()), (header::CONTENT_DISPOSITION, file)];
    (headers, archive.bytes).into_response()
}
