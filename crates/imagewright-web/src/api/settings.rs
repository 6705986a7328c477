//! What the server is set to.

use axum::Json;
use axum::extract::State;
use imagewright_server::SettingView;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::Asking;
use crate::{App, Problem};

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Lists all settings with their values and where these come from, as `imagewright config show` does at the machine.
#[utoipa::path(
    get, path = "/settings", tag = "operation", security(("token" = [])), operation_id = "list_settings",
    responses((status = 200, body = Vec<SettingView>), (status = "default", body = Problem)),
)]
async fn list(State(app): State<App>, Asking(principal): Asking) -> Result<Json<Vec<SettingView>>, Problem> {
    Ok(Json(app.server.settings(&principal)?.to_vec()))
}
