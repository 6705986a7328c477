//! The token server at `/v2/token`: distribution's token authentication, and its OAuth 2 form.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt as _, Limited};
use imagewright_model::Secret;
use imagewright_server::Server;
use imagewright_server::distribution::{Access, DistributionError};
use serde::Deserialize;
use serde_json::json;

use crate::App;

use super::caller::{Challenge, basic};
use super::problem::Refused;

/// Bytes of the longest form.
const LARGEST: usize = 64 << 10;

/// Gives a token for name and password, or for nobody in particular where there are none.
pub(super) async fn get(State(app): State<App>, request: Request) -> Response {
    let challenge = Challenge::of(&app.server, &request, None);
    let pairs: Result<axum::extract::Query<Vec<(String, String)>>, _> =
        axum::extract::Query::try_from_uri(request.uri());
    let pairs = pairs.map(|pairs| pairs.0).unwrap_or_default();
    let scopes = pairs.iter().filter(|(name, _)| name == "scope").flat_map(|(_, value)| value.split(' '));
    let access: Vec<Access> = scopes.filter_map(Access::of_scope).collect();
    let credentials = match request.headers().get(header::AUTHORIZATION) {
        None => None,
        Some(sent) => match basic(sent) {
            Some(credentials) => Some(credentials),
            None => {
                let error = DistributionError::Unauthorized("a name and a password are needed here");
                return Refused::new(error, challenge).into_response();
            }
        },
    };
    let answered = answer(&app.server, credentials, &access).await;
    answered.unwrap_or_else(|error| Refused::new(error, challenge).into_response())
}

/// A form, as clients send it that know OAuth 2.
#[derive(Deserialize)]
struct Form {
    grant_type: String,
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    scope: String,
}

/// The same by a form.
pub(super) async fn post(State(app): State<App>, request: Request) -> Response {
    let challenge = Challenge::of(&app.server, &request, None);
    let answered = by_form(&app.server, request).await;
    answered.unwrap_or_else(|error| Refused::new(error, challenge).into_response())
}

async fn by_form(server: &Server, request: Request) -> Result<Response, DistributionError> {
    let body = Limited::new(request.into_body(), LARGEST).collect().await;
    let bytes = body.map_err(|_| DistributionError::Interrupted)?.to_bytes();
    let uri = String::from_utf8(bytes.to_vec()).ok().and_then(|form| format!("/?{form}").parse().ok());
    let form = uri.as_ref().and_then(|uri| axum::extract::Query::<Form>::try_from_uri(uri).ok());
    let Some(axum::extract::Query(form)) = form.filter(|form| form.grant_type == "password") else {
        return Err(DistributionError::Unauthorized("send a form with `grant_type=password`"));
    };
    let access: Vec<Access> = form.scope.split(' ').filter_map(Access::of_scope).collect();
    answer(server, Some((form.username, Secret::new(form.password))), &access).await
}

async fn answer(
    server: &Server,
    credentials: Option<(String, Secret)>,
    access: &[Access],
) -> Result<Response, DistributionError> {
    let credentials = credentials.as_ref().map(|(name, password)| (name.as_str(), password));
    let issued = server.registry_token(credentials, access).await?;
    let token = issued.token.expose();
    // Both names are in use.
    let body = json!({
        "token": token, "access_token": token, "expires_in": issued.expires_in,
        "issued_at": issued.issued_at.to_string(), "token_type": "Bearer",
    });
    let mut response = Json(body).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
