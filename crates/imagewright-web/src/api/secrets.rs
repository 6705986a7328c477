//! Secrets by name. What they hide comes in and never goes out.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use imagewright_catalog::{Change, Kept, Name, NewSecret, SecretChange, SecretId, SecretKind};
use imagewright_model::Secret;
use imagewright_server::{SecretView, Server};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::{Asking, Body, Path};
use crate::once::{Once, OnceHeader};
use crate::{App, Problem};

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, add)).routes(routes!(show, change, delete))
}

/// What is known of a secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct SecretBody {
    id: SecretId,
    name: Name,
    kind: SecretKind,
    /// The registry or index it is for.
    host: String,
    /// Who logs in with it.
    username: Option<String>,
    /// Where it is kept. Only administrators see that.
    #[serde(skip_serializing_if = "Option::is_none")]
    kept: Option<Kept>,
    created_at: Timestamp,
    changed_at: Timestamp,
}

impl From<SecretView> for SecretBody {
    fn from(SecretView { record, with_place }: SecretView) -> Self {
        Self {
            id: record.id,
            name: record.name,
            kind: record.kind,
            host: record.host,
            username: record.username,
            kept: with_place.then_some(record.kept),
            created_at: record.created_at,
            changed_at: record.changed_at,
        }
    }
}

/// A secret to be added.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSecretBody {
    name: Name,
    /// What it is for. A secret that pushes never pulls for others.
    kind: SecretKind,
    /// The registry or index it is for, such as `registry.example:5000`.
    host: String,
    /// Who logs in with it; without a name it is a token.
    #[serde(default)]
    username: Option<String>,
    /// The secret itself, to be kept here.
    #[serde(default)]
    secret: Option<String>,
    /// Where it is kept instead.
    #[serde(default)]
    kept: Option<Kept>,
}

/// A change of a secret.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SecretChangeBody {
    #[schema(value_type = Option<String>)]
    host: Change<String>,
    #[schema(value_type = Option<String>)]
    username: Change<String>,
    /// Another secret, to be kept here.
    secret: Option<String>,
    #[schema(value_type = Option<Kept>)]
    kept: Change<Kept>,
}

/// Lists secrets: names, hosts and users.
#[utoipa::path(
    get, path = "/secrets", tag = "secrets", security(("token" = [])), operation_id = "list_secrets",
    responses((status = 200, body = Vec<SecretBody>), (status = "default", body = Problem)),
)]
async fn list(State(app): State<App>, Asking(principal): Asking) -> Result<Json<Vec<SecretBody>>, Problem> {
    Ok(Json(app.server.secrets(&principal).await?.into_iter().map(SecretBody::from).collect()))
}

/// Adds a secret: to be kept here, sealed, or to be found elsewhere.
#[utoipa::path(
    post, path = "/secrets", request_body = NewSecretBody, params(OnceHeader), tag = "secrets", security(("token" = [])),
    operation_id = "add_secret",
    responses((status = 201, body = SecretBody), (status = "default", body = Problem)),
)]
async fn add(
    State(app): State<App>,
    Asking(principal): Asking,
    Once(once): Once,
    Body(body): Body<NewSecretBody>,
) -> Result<impl IntoResponse, Problem> {
    let asks = &principal;
    let NewSecretBody { name, kind, host, username, secret, kept } = body;
    let new = NewSecret { name, kind, host, username, kept: kept.unwrap_or(Kept::Stored) };
    let add = async move |server: Server| server.add_secret(asks, new, secret.map(Secret::new)).await;
    let body = SecretBody::from(app.server.once(asks, once, add).await?);
    let location = [(header::LOCATION, format!("/api/v1/secrets/{}", body.name))];
    Ok((StatusCode::CREATED, location, Json(body)))
}

/// Shows what is known of a secret.
#[utoipa::path(
    get, path = "/secrets/{name}", params(("name" = String, Path)), tag = "secrets", security(("token" = [])),
    operation_id = "show_secret",
    responses((status = 200, body = SecretBody), (status = "default", body = Problem)),
)]
async fn show(
    State(app): State<App>,
    Asking(principal): Asking,
    Path(name): Path<Name>,
) -> Result<Json<SecretBody>, Problem> {
    Ok(Json(app.server.secret(&principal, &name).await?.into()))
}

/// Changes what is named of a secret (JSON merge patch, RFC 7396). For another host it has to be given anew.
#[utoipa::path(
    patch, path = "/secrets/{name}",
    request_body(content = SecretChangeBody, content_type = "application/merge-patch+json"),
    params(("name" = String, Path)), tag = "secrets", security(("token" = [])), operation_id = "change_secret",
    responses((status = 200, body = SecretBody), (status = "default", body = Problem)),
)]
async fn change(
    State(app): State<App>,
    Asking(principal): Asking,
    Path(name): Path<Name>,
    Body(body): Body<SecretChangeBody>,
) -> Result<Json<SecretBody>, Problem> {
    let SecretChangeBody { host, username, secret, kept } = body;
    let change = SecretChange { host, username, kept };
    Ok(Json(app.server.change_secret(&principal, &name, change, secret.map(Secret::new)).await?.into()))
}

/// Removes a secret that no image needs.
#[utoipa::path(
    delete, path = "/secrets/{name}", params(("name" = String, Path)), tag = "secrets",
    security(("token" = [])), operation_id = "delete_secret",
    responses((status = 204), (status = "default", body = Problem)),
)]
async fn delete(
    State(app): State<App>,
    Asking(principal): Asking,
    Path(name): Path<Name>,
) -> Result<StatusCode, Problem> {
    app.server.delete_secret(&principal, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
