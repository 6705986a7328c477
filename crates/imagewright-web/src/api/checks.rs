//! Where images run.

use axum::Json;
use axum::extract::State;
use imagewright_catalog::Name;
use imagewright_server::ImageCheck;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::{Asking, Path, Query};
use crate::{App, Problem};

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(check))
}

#[derive(Deserialize)]
struct CheckQuery {
    #[serde(rename = "for", default)]
    profiles: String,
}

/// Says whether an image runs where profiles are for, as `imagewright check --for` does. The first time, its layers are read.
#[utoipa::path(
    operation_id = "check_image",
    get, path = "/images/{name}/checks", tag = "images", security(("token" = [])),
    params(
        ("name" = String, Path),
        ("for" = Option<String>, Query, description = "profiles, with commas between them; all by default"),
    ),
    responses((status = 200, body = Vec<ImageCheck>), (status = "default", body = Problem)),
)]
async fn check(
    State(app): State<App>,
    Asking(principal): Asking,
    Path(name): Path<Name>,
    Query(query): Query<CheckQuery>,
) -> Result<Json<Vec<ImageCheck>>, Problem> {
    let profiles = query.profiles.split(',').map(str::trim).filter(|name| !name.is_empty());
    let profiles: Vec<String> = profiles.map(str::to_owned).collect();
    Ok(Json(app.server.check_image(&principal, &name, &profiles).await?))
}
