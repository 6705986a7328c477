//! People, and whoever asks.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use imagewright_catalog::{Membership, NewPerson, Page, Person, PersonChange};
use imagewright_model::Secret;
use imagewright_server::{PersonView, Server};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::address::in_address;
use crate::extract::{Asking, Body, Paging, Path, Query};
use crate::once::{Once, OnceHeader};
use crate::{App, Problem};

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(me))
        .routes(routes!(change_own_password))
        .routes(routes!(list, add))
        .routes(routes!(show, change, delete))
        .routes(routes!(set_password))
}

/// Somebody, and the groups.
#[derive(Serialize, ToSchema)]
pub(crate) struct PersonBody {
    #[serde(flatten)]
    person: Person,
    /// In which groups.
    memberships: Vec<Membership>,
}

impl From<PersonView> for PersonBody {
    fn from(view: PersonView) -> Self {
        Self { person: view.person, memberships: view.memberships }
    }
}

/// Shows whoever asks.
#[utoipa::path(
    get, path = "/me", tag = "people", security(("token" = [])), operation_id = "me",
    responses((status = 200, body = PersonBody), (status = "default", body = Problem)),
)]
async fn me(State(app): State<App>, Asking(principal): Asking) -> Result<Json<PersonBody>, Problem> {
    Ok(Json(app.server.me(&principal).await?.into()))
}

/// A password of one's own, and the one it takes the place of.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OwnPasswordBody {
    current: String,
    password: String,
}

/// Changes the password of whoever asks. All their sessions end.
#[utoipa::path(
    put, path = "/me/password", request_body = OwnPasswordBody, tag = "people", security(("token" = [])),
    operation_id = "change_own_password",
    responses((status = 204), (status = "default", body = Problem)),
)]
async fn change_own_password(
    State(app): State<App>,
    Asking(principal): Asking,
    Body(body): Body<OwnPasswordBody>,
) -> Result<StatusCode, Problem> {
    let (current, password) = (Secret::new(body.current), Secret::new(body.password));
    app.server.change_own_password(&principal, current, password).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which people are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PeopleQuery {
    /// Words that all occur in name, display name or address.
    search: Option<String>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// Lists people, by name.
#[utoipa::path(
    get, path = "/people", params(PeopleQuery), tag = "people", security(("token" = [])),
    operation_id = "list_people",
    responses((status = 200, body = Page<Person>), (status = "default", body = Problem)),
)]
async fn list(
    State(app): State<App>,
    Asking(principal): Asking,
    Query(query): Query<PeopleQuery>,
) -> Result<Json<Page<Person>>, Problem> {
    let page = Paging::of(query.cursor, query.limit).try_into()?;
    Ok(Json(app.server.people(&principal, query.search.as_deref(), &page).await?))
}

/// Somebody to be added.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPersonBody {
    /// The name to log in with; unique.
    name: String,
    #[serde(default)]
    display_name: Option<String>,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    admin: bool,
    /// What to log in with; without it, somebody who comes with tokens alone.
    #[serde(default)]
    password: Option<String>,
}

/// Adds somebody.
#[utoipa::path(
    post, path = "/people", request_body = NewPersonBody, params(OnceHeader), tag = "people", security(("token" = [])),
    operation_id = "add_person",
    responses((status = 201, body = Person), (status = "default", body = Problem)),
)]
async fn add(
    State(app): State<App>,
    Asking(principal): Asking,
    Once(once): Once,
    Body(new): Body<NewPersonBody>,
) -> Result<impl IntoResponse, Problem> {
    let asks = &principal;
    let NewPersonBody { name, display_name, email, admin, password } = new;
    let new = NewPerson { name, display_name, email, admin };
    let add = async move |server: Server| server.add_person(asks, new, password.map(Secret::new)).await;
    let person = app.server.once(asks, once, add).await?;
    let location = [(header::LOCATION, format!("/api/v1/people/{}", in_address(&person.name)))];
    Ok((StatusCode::CREATED, location, Json(person)))
}

/// Shows somebody.
#[utoipa::path(
    get, path = "/people/{name}", params(("name" = String, Path)), tag = "people", security(("token" = [])),
    operation_id = "show_person",
    responses((status = 200, body = PersonBody), (status = "default", body = Problem)),
)]
async fn show(
    State(app): State<App>,
    Asking(principal): Asking,
    Path(name): Path<String>,
) -> Result<Json<PersonBody>, Problem> {
    Ok(Json(app.server.person(&principal, &name).await?.into()))
}

/// Changes what is named of somebody (JSON merge patch, RFC 7396). There is always an administrator left.
#[utoipa::path(
    patch, path = "/people/{name}", request_body(content = PersonChange, content_type = "application/merge-patch+json"),
    params(("name" = String, Path)), tag = "people", security(("token" = [])), operation_id = "change_person",
    responses((status = 200, body = Person), (status = "default", body = Problem)),
)]
async fn change(
    State(app): State<App>,
    Asking(principal): Asking,
    Path(name): Path<String>,
    Body(change): Body<PersonChange>,
) -> Result<Json<Person>, Problem> {
    Ok(Json(app.server.change_person(&principal, &name, change).await?))
}

/// Removes somebody, with tokens, sessions and memberships.
#[utoipa::path(
    delete, path = "/people/{name}", params(("name" = String, Path)), tag = "people", security(("token" = [])),
    operation_id = "delete_person",
    responses((status = 204), (status = "default", body = Problem)),
)]
async fn delete(
    State(app): State<App>,
    Asking(principal): Asking,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    app.server.delete_person(&principal, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A password for somebody.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordBody {
    password: String,
}

/// Gives somebody another password. All their sessions end.
#[utoipa::path(
    put, path = "/people/{name}/password", request_body = PasswordBody, params(("name" = String, Path)),
    tag = "people", security(("token" = [])), operation_id = "set_password",
    responses((status = 204), (status = "default", body = Problem)),
)]
async fn set_password(
    State(app): State<App>,
    Asking(principal): Asking,
    Path(name): Path<String>,
    Body(body): Body<PasswordBody>,
) -> Result<StatusCode, Problem> {
    app.server.set_password(&principal, &name, Secret::new(body.password)).await?;
    Ok(StatusCode::NO_CONTENT)
}
