//! The catalogue for other systems.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use imagewright_catalog::exchange::GpuResource;
use imagewright_catalog::{Name, Visibility};
use imagewright_server::{ExportFormat, ExportRequest, ImportOutcome, NewPullSecret, Server, StarterRequest};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::{Asking, Body, Path, Query, Text};
use crate::once::{Once, OnceHeader, ShownOnce};
use crate::{App, Problem};

/// What a node has that has a GPU, where nothing else is said.
const USUAL_GPU: &str = "nvidia.com/gpu";

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(export))
        .routes(routes!(make_pull_secret))
        .routes(routes!(import))
        .routes(routes!(import_starter))
}

/// Whose catalogue is handed over.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExportQuery {
    /// What the members of this group are offered; without one, what everybody is.
    #[param(value_type = Option<String>)]
    group: Option<Name>,
    /// Whether notebooks and jobs get a GPU.
    gpu: Option<bool>,
    /// Name of the resource that stands for a GPU, else `nvidia.com/gpu`.
    gpu_resource: Option<String>,
}

/// Gives the catalogue as another system takes it: `jupyterhub` (profiles of KubeSpawner, YAML), `elyra` (runtime image records by the
/// names of their files, JSON), `primehub` (`Image` resources, YAML).
#[utoipa::path(
    operation_id = "export_images",
    get, path = "/exports/{format}", params(("format" = ExportFormat, Path), ExportQuery), tag = "exchange",
    security(("token" = [])),
    responses(
        (status = 200, content(
            (serde_json::Value = "application/yaml"),
            (serde_json::Value = "application/json"),
        )),
        (status = "default", body = Problem),
    ),
)]
async fn export(
    State(app): State<App>,
    Asking(principal): Asking,
    Path(to): Path<ExportFormat>,
    Query(query): Query<ExportQuery>,
) -> Result<impl IntoResponse, Problem> {
    let name = query.gpu_resource.unwrap_or_else(|| USUAL_GPU.to_owned());
    let gpu = query.gpu.unwrap_or_default().then_some(GpuResource { name, count: 1 });
    let exported = app.server.export(&principal, &ExportRequest { to, group: query.group, gpu }).await?;
    let media_type = match to {
        ExportFormat::Elyra => "application/json",
        ExportFormat::Jupyterhub | ExportFormat::Primehub => "application/yaml",
    };
    let media_type: (HeaderName, HeaderValue) = (header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    Ok(([media_type], exported.text))
}

/// Makes an access token for whoever asks, and gives the manifest of a Kubernetes secret with it, by which nodes pull from this
/// server (`kubernetes.io/dockerconfigjson`). It is not shown again. Secrets of other registries are never given.
#[utoipa::path(
    operation_id = "make_kubernetes_pull_secret",
    post, path = "/exports/kubernetes-pull-secret", request_body = NewPullSecret, tag = "exchange",
    security(("token" = [])),
    responses((status = 201, content_type = "application/yaml", body = serde_json::Value), (status = "default", body = Problem)),
)]
async fn make_pull_secret(
    State(app): State<App>,
    Asking(principal): Asking,
    _: ShownOnce,
    Body(new): Body<NewPullSecret>,
) -> Result<impl IntoResponse, Problem> {
    let manifest = app.server.kubernetes_pull_secret(&principal, new).await?;
    let headers = [(header::CONTENT_TYPE, "application/yaml"), (header::CACHE_CONTROL, "no-store")];
    Ok((StatusCode::CREATED, headers, manifest.expose().to_owned()))
}

/// Who sees what is imported.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ImportQuery {
    /// Whether all do. A manifest does not say it.
    global: Option<bool>,
    /// Add nothing, and say what would be added.
    dry_run: Option<bool>,
}

/// Takes PrimeHub's `Image` manifests (YAML, several documents or a list): all of them or none.
#[utoipa::path(
    operation_id = "import_images",
    post, path = "/imports/primehub", params(ImportQuery, OnceHeader), tag = "exchange", security(("token" = [])),
    request_body(content = String, content_type = "application/yaml"),
    responses((status = 200, body = Vec<ImportOutcome>), (status = "default", body = Problem)),
)]
async fn import(
    State(app): State<App>,
    Asking(principal): Asking,
    Query(query): Query<ImportQuery>,
    Once(once): Once,
    Text(manifests): Text,
) -> Result<Json<Vec<ImportOutcome>>, Problem> {
    let asks = &principal;
    let visibility = Visibility { global: query.global.unwrap_or_default(), ..Visibility::default() };
    let dry_run = query.dry_run.unwrap_or_default();
    let import =
        async move |server: Server| server.import_primehub(asks, &manifests, &visibility, dry_run).await;
    Ok(Json(app.server.once(asks, once, import).await?))
}

/// Which images to begin with come in, and how.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct StarterQuery {
    /// Names of those that do, with commas between them; without it, all.
    only: Option<String>,
    /// Whether everybody sees them.
    global: Option<bool>,
    /// Queue their first builds.
    build: Option<bool>,
    /// Add nothing, and say what would be added.
    dry_run: Option<bool>,
}

/// Adds images to begin with, which the server builds: pandas, PyTorch, TensorFlow with and without a GPU, R, and what many know from
/// Anaconda. What has the name of one already stays as it is.
#[utoipa::path(
    operation_id = "import_starter_images",
    post, path = "/imports/starter", params(StarterQuery, OnceHeader), tag = "exchange", security(("token" = [])),
    responses((status = 200, body = Vec<ImportOutcome>), (status = "default", body = Problem)),
)]
async fn import_starter(
    State(app): State<App>,
    Asking(principal): Asking,
    Query(query): Query<StarterQuery>,
    Once(once): Once,
) -> Result<Json<Vec<ImportOutcome>>, Problem> {
    let asks = &principal;
    let names = query.only.iter().flat_map(|names| names.split(',')).map(|name| name.trim().to_owned());
    let request = StarterRequest {
        names: names.filter(|name| !name.is_empty()).collect(),
        visibility: Visibility { global: query.global.unwrap_or_default(), ..Visibility::default() },
        build: query.build.unwrap_or_default(),
        dry_run: query.dry_run.unwrap_or_default(),
    };
    let import = async move |server: Server| server.import_starter(asks, &request).await;
    Ok(Json(app.server.once(asks, once, import).await?))
}
