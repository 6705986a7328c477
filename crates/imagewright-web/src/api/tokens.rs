//! Access tokens of whoever asks.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use imagewright_catalog::{Token, TokenId};
use imagewright_server::NewToken;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::{Asking, Body, Path};
use crate::once::ShownOnce;
use crate::{App, Problem};

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, issue)).routes(routes!(revoke))
}

/// A new token.
#[derive(Serialize, ToSchema)]
pub(crate) struct IssuedBody {
    #[serde(flatten)]
    token: Token,
    /// The token itself, which is not shown again.
    secret: String,
}

/// Lists the tokens of whoever asks.
#[utoipa::path(
    get, path = "/tokens", tag = "people", security(("token" = [])), operation_id = "list_tokens",
    responses((status = 200, body = Vec<Token>), (status = "default", body = Problem)),
)]
async fn list(State(app): State<App>, Asking(principal): Asking) -> Result<Json<Vec<Token>>, Problem> {
    Ok(Json(app.server.tokens(&principal).await?))
}

/// Makes a token for whoever asks.
#[utoipa::path(
    post, path = "/tokens", request_body = NewToken, tag = "people", security(("token" = [])),
    operation_id = "issue_token",
    responses((status = 201, body = IssuedBody), (status = "default", body = Problem)),
)]
async fn issue(
    State(app): State<App>,
    Asking(principal): Asking,
    _: ShownOnce,
    Body(new): Body<NewToken>,
) -> Result<(StatusCode, Json<IssuedBody>), Problem> {
    let issued = app.server.issue_token(&principal, new).await?;
    let body = IssuedBody { token: issued.token, secret: issued.secret.expose().to_owned() };
    Ok((StatusCode::CREATED, Json(body)))
}

/// Ends a token of whoever asks.
#[utoipa::path(
    delete, path = "/tokens/{id}", params(("id" = String, Path)), tag = "people", security(("token" = [])),
    operation_id = "revoke_token",
    responses((status = 204), (status = "default", body = Problem)),
)]
async fn revoke(
    State(app): State<App>,
    Asking(principal): Asking,
    Path(id): Path<TokenId>,
) -> Result<StatusCode, Problem> {
    app.server.revoke_token(&principal, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
