//! How often images are pulled from here.

use axum::Json;
use axum::extract::State;
use imagewright_catalog::Name;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::{Asking, Path};
use crate::{App, Problem};

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list))
}

/// How often an image was pulled on a day.
#[derive(Serialize, ToSchema)]
pub(crate) struct PullsBody {
    /// The day, in UTC.
    #[schema(value_type = String, format = Date)]
    day: String,
    /// How often.
    count: i64,
}

/// Tells how often an image was pulled from this server on the last days on which it was.
#[utoipa::path(
    operation_id = "list_pulls",
    get, path = "/images/{name}/pulls", params(("name" = String, Path)), tag = "images", security(("token" = [])),
    responses((status = 200, body = Vec<PullsBody>), (status = "default", body = Problem)),
)]
async fn list(
    State(app): State<App>,
    Asking(principal): Asking,
    Path(name): Path<Name>,
) -> Result<Json<Vec<PullsBody>>, Problem> {
    let pulls = app.server.pulls(&principal, &name).await?.into_iter();
    Ok(Json(pulls.map(|pulls| PullsBody { day: pulls.day.to_string(), count: pulls.count }).collect()))
}
