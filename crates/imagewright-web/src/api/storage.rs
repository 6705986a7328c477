//! What the content store holds.

use axum::Json;
use axum::extract::State;
use imagewright_server::Storage;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::Asking;
use crate::{App, Problem};

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(show))
}

/// Tells how much the content store holds, and how much of it `imagewright gc` would free.
#[utoipa::path(
    get, path = "/storage", tag = "operation", security(("token" = [])), operation_id = "show_storage",
    responses((status = 200, body = Storage), (status = "default", body = Problem)),
)]
async fn show(State(app): State<App>, Asking(principal): Asking) -> Result<Json<Storage>, Problem> {
    Ok(Json(app.server.storage(&principal).await?))
}
