//! The registries that the server has to do with.

use axum::Json;
use axum::extract::State;
use imagewright_server::{Registries, RegistryAnswer};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::{Asking, Body};
use crate::{App, Problem};

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(check))
}

/// Lists the registries that settings, secrets and images name, and what is set of them.
#[utoipa::path(
    operation_id = "list_registries",
    get, path = "/registries", tag = "operation", security(("token" = [])),
    responses((status = 200, body = Registries), (status = "default", body = Problem)),
)]
async fn list(State(app): State<App>, Asking(principal): Asking) -> Result<Json<Registries>, Problem> {
    Ok(Json(app.server.registries(&principal).await?))
}

/// Which registries are asked.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckBody {
    /// One of those that are listed; all of them where none is named.
    host: Option<String>,
}

/// Asks registries whether they answer, without a secret and with each that is for them; none is waited for longer than ten seconds.
#[utoipa::path(
    operation_id = "check_registries",
    post, path = "/registries/check", request_body = CheckBody, tag = "operation", security(("token" = [])),
    responses((status = 200, body = Vec<RegistryAnswer>), (status = "default", body = Problem)),
)]
async fn check(
    State(app): State<App>,
    Asking(principal): Asking,
    Body(body): Body<CheckBody>,
) -> Result<Json<Vec<RegistryAnswer>>, Problem> {
    Ok(Json(app.server.check_registries(&principal, body.host.as_deref()).await?))
}
