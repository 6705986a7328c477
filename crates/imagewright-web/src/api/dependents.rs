//! What depends on an image.

use axum::Json;
use axum::extract::State;
use imagewright_catalog::Name;
use imagewright_server::Dependents;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::{Asking, Path};
use crate::{App, Problem};

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Tells what depends on an image, to who may delete it: images that are built on it, recent pulls, runtime images of Elyra's, and deprecated images
/// for which it is said to be used instead.
#[utoipa::path(
    operation_id = "list_dependents",
    get, path = "/images/{name}/dependents", params(("name" = String, Path)), tag = "images", security(("token" = [])),
    responses((status = 200, body = Dependents), (status = "default", body = Problem)),
)]
async fn list(
    State(app): State<App>,
    Asking(principal): Asking,
    Path(name): Path<Name>,
) -> Result<Json<Dependents>, Problem> {
    Ok(Json(app.server.image_dependents(&principal, &name).await?))
}
