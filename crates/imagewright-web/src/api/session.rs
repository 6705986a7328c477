//! Logging in and out with a browser.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use imagewright_catalog::Person;
use imagewright_model::Secret;
use imagewright_server::Session;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::Body;
use crate::once::ShownOnce;
use crate::session::{Address, OwnSite, SESSION};
use crate::{App, Problem};

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(log_in, log_out)).routes(routes!(set_up))
}

/// Who is logged in, and until when.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionBody {
    person: Person,
    expires_at: Timestamp,
}

impl From<Session> for SessionBody {
    fn from(session: Session) -> Self {
        Self { person: session.person, expires_at: session.expires_at }
    }
}

/// Name and password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LoginBody {
    name: String,
    password: String,
}

/// Logs somebody in. The session is in a cookie, for browsers; programs use tokens.
#[utoipa::path(
    post, path = "/session", request_body = LoginBody, tag = "session", operation_id = "log_in",
    responses((status = 201, body = SessionBody), (status = "default", body = Problem)),
)]
async fn log_in(
    State(app): State<App>,
    Address(address): Address,
    _: OwnSite,
    _: ShownOnce,
    Body(body): Body<LoginBody>,
) -> Result<impl IntoResponse, Problem> {
    let session = app.server.log_in(&body.name, Secret::new(body.password), address).await?;
    let cookie = app.access.begin(&session);
    Ok((StatusCode::CREATED, [cookie], Json(SessionBody::from(session))))
}

/// Logs out: ends the session of the cookie, if there is one.
#[utoipa::path(
    delete, path = "/session", tag = "session", operation_id = "log_out",
    responses((status = 204), (status = "default", body = Problem)),
)]
async fn log_out(
    State(app): State<App>,
    _: OwnSite,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    if let Some(session) = app.access.cookie(&headers, SESSION) {
        app.server.log_out(&session).await?;
    }
    Ok((StatusCode::NO_CONTENT, [app.access.set_cookie(SESSION, "", 0)]))
}

/// The first administrator.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetupBody {
    /// What stands behind `token=` in the link that the server printed.
    token: String,
    name: String,
    password: String,
}

/// Makes the first administrator, with the link that the server printed when it started without one, and logs them in.
#[utoipa::path(
    post, path = "/setup", request_body = SetupBody, tag = "session", operation_id = "set_up",
    responses((status = 201, body = SessionBody), (status = "default", body = Problem)),
)]
async fn set_up(
    State(app): State<App>,
    Address(address): Address,
    _: OwnSite,
    _: ShownOnce,
    Body(body): Body<SetupBody>,
) -> Result<impl IntoResponse, Problem> {
    let (token, password) = (Secret::new(body.token), Secret::new(body.password));
    let session = app.server.set_up(&token, body.name, password, address).await?;
    let cookie = app.access.begin(&session);
    Ok((StatusCode::CREATED, [cookie], Json(SessionBody::from(session))))
}
