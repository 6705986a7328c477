//! Groups and who is in them.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use imagewright_catalog::{Group, GroupChange, Member, Name, NewGroup, Role};
use imagewright_server::{ImagesOfGroup, Server};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::{Asking, Body, Path, Query};
use crate::once::{Once, OnceHeader};
use crate::{App, Problem};

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, add))
        .routes(routes!(show, change, delete))
        .routes(routes!(members))
        .routes(routes!(set_member, remove_member))
}

/// Lists the groups that whoever asks may see.
#[utoipa::path(
    get, path = "/groups", tag = "people", security(("token" = [])), operation_id = "list_groups",
    responses((status = 200, body = Vec<Group>), (status = "default", body = Problem)),
)]
async fn list(State(app): State<App>, Asking(principal): Asking) -> Result<Json<Vec<Group>>, Problem> {
    Ok(Json(app.server.groups(&principal).await?))
}

/// Adds a group.
#[utoipa::path(
    post, path = "/groups", request_body = NewGroup, params(OnceHeader), tag = "people", security(("token" = [])),
    operation_id = "add_group",
    responses((status = 201, body = Group), (status = "default", body = Problem)),
)]
async fn add(
    State(app): State<App>,
    Asking(principal): Asking,
    Once(once): Once,
    Body(new): Body<NewGroup>,
) -> Result<impl IntoResponse, Problem> {
    let asks = &principal;
    let add = async move |server: Server| server.add_group(asks, new).await;
    let group = app.server.once(asks, once, add).await?;
    let location = [(header::LOCATION, format!("/api/v1/groups/{}", group.name))];
    Ok((StatusCode::CREATED, location, Json(group)))
}

/// Shows a group.
#[utoipa::path(
    get, path = "/groups/{name}", params(("name" = String, Path)), tag = "people", security(("token" = [])),
    operation_id = "show_group",
    responses((status = 200, body = Group), (status = "default", body = Problem)),
)]
async fn show(
    State(app): State<App>,
    Asking(principal): Asking,
    Path(name): Path<Name>,
) -> Result<Json<Group>, Problem> {
    Ok(Json(app.server.group(&principal, &name).await?))
}

/// Changes what a group is called (JSON merge patch, RFC 7396).
#[utoipa::path(
    patch, path = "/groups/{name}", request_body(content = GroupChange, content_type = "application/merge-patch+json"),
    params(("name" = String, Path)), tag = "people", security(("token" = [])), operation_id = "change_group",
    responses((status = 200, body = Group), (status = "default", body = Problem)),
)]
async fn change(
    State(app): State<App>,
    Asking(principal): Asking,
    Path(name): Path<Name>,
    Body(change): Body<GroupChange>,
) -> Result<Json<Group>, Problem> {
    Ok(Json(app.server.change_group(&principal, &name, change).await?))
}

/// What becomes of what a group owns.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeleteQuery {
    /// What becomes of its images. Without this, a group that owns images is not deleted.
    images: Option<ImagesOfGroup>,
}

/// Removes a group. What was offered to it is no longer.
#[utoipa::path(
    delete, path = "/groups/{name}", params(("name" = String, Path), DeleteQuery), tag = "people",
    security(("token" = [])), operation_id = "delete_group",
    responses((status = 204), (status = "default", body = Problem)),
)]
async fn delete(
    State(app): State<App>,
    Asking(principal): Asking,
    Path(name): Path<Name>,
    Query(query): Query<DeleteQuery>,
) -> Result<StatusCode, Problem> {
    app.server.delete_group(&principal, &name, query.images).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists who is in a group.
#[utoipa::path(
    get, path = "/groups/{name}/members", params(("name" = String, Path)), tag = "people",
    security(("token" = [])), operation_id = "list_members",
    responses((status = 200, body = Vec<Member>), (status = "default", body = Problem)),
)]
async fn members(
    State(app): State<App>,
    Asking(principal): Asking,
    Path(name): Path<Name>,
) -> Result<Json<Vec<Member>>, Problem> {
    Ok(Json(app.server.members(&principal, &name).await?))
}

/// What somebody is to be in a group.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RoleBody {
    role: Role,
}

/// Puts somebody into a group, or changes what they may do there.
#[utoipa::path(
    put, path = "/groups/{name}/members/{person}", request_body = RoleBody,
    params(("name" = String, Path), ("person" = String, Path)), tag = "people", security(("token" = [])),
    operation_id = "set_member",
    responses((status = 200, body = Member), (status = "default", body = Problem)),
)]
async fn set_member(
    State(app): State<App>,
    Asking(principal): Asking,
    Path((name, person)): Path<(Name, String)>,
    Body(body): Body<RoleBody>,
) -> Result<Json<Member>, Problem> {
    Ok(Json(app.server.set_member(&principal, &name, &person, body.role).await?))
}

/// Takes somebody out of a group.
#[utoipa::path(
    delete, path = "/groups/{name}/members/{person}",
    params(("name" = String, Path), ("person" = String, Path)), tag = "people", security(("token" = [])),
    operation_id = "remove_member",
    responses((status = 204), (status = "default", body = Problem)),
)]
async fn remove_member(
    State(app): State<App>,
    Asking(principal): Asking,
    Path((name, person)): Path<(Name, String)>,
) -> Result<StatusCode, Problem> {
    app.server.remove_member(&principal, &name, &person).await?;
    Ok(StatusCode::NO_CONTENT)
}
