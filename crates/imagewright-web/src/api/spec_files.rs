//! Files that say what an image holds, read as a spec.

use axum::Json;
use axum::extract::State;
use imagewright_server::GivenFile;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::{Asking, Body};
use crate::{App, Problem};

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(read))
}

/// Files that belong together.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FilesBody {
    files: Vec<FileBody>,
}

/// A file.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileBody {
    /// What it is called: `requirements.txt`, `environment.yml`, `apt.txt`, `image.yaml`, `Dockerfile` and their likes. Where it is
    /// empty, how the text begins decides.
    #[serde(default)]
    name: String,
    /// What is in it.
    text: String,
}

/// What files say.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReadFilesBody {
    /// The spec, as an `image.yaml` has it; without `base` where no file names one.
    #[schema(value_type = Object)]
    spec: Value,
    /// What a spec has no words for, or was not given: sentences that name file and line.
    left: Vec<String>,
}

/// Reads files together as a spec. Nothing is kept.
#[utoipa::path(
    operation_id = "read_files",
    post, path = "/specs/read", request_body = FilesBody, tag = "images", security(("token" = [])),
    responses((status = 200, body = ReadFilesBody), (status = "default", body = Problem)),
)]
async fn read(
    State(app): State<App>,
    Asking(principal): Asking,
    Body(body): Body<FilesBody>,
) -> Result<Json<ReadFilesBody>, Problem> {
    let files = body.files.into_iter().map(|file| GivenFile { name: file.name, text: file.text });
    let read = app.server.read_files(&principal, &files.collect::<Vec<_>>())?;
    Ok(Json(ReadFilesBody { spec: read.spec, left: read.left }))
}
