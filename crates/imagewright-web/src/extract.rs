//! What is read from requests, with errors that say what was wrong.

use std::error::Error;

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use imagewright_catalog::{Cursor, PageRequest, Principal};
use imagewright_model::Secret;
use imagewright_server::ServerError;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tower_http::timeout::TimeoutError;
use utoipa::IntoParams;

use crate::session::{Programs, SESSION, changes};
use crate::{App, Problem};

/// Bytes of the largest body that is read.
pub(crate) const LARGEST_BODY: usize = 2 * 1024 * 1024;

/// Whoever asks; nobody in particular where nothing was sent. What was sent and is wrong is refused.
///
/// Programs send a token, alone (`Bearer`) or with the name of its owner (`Basic`, as `docker login` has it). Browsers send the cookie
/// of a session; one that has ended counts as none.
pub(crate) struct Asking(pub(crate) Principal);

impl FromRequestParts<App> for Asking {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Some(sent) = parts.headers.get(header::AUTHORIZATION) else {
            return of_session(parts, app).await.map(Self);
        };
        let asked = match sent.to_str().ok().and_then(Authorization::parse) {
            Some(Authorization::Token(token)) => app.server.principal_of_token(&token).await,
            Some(Authorization::Login(name, token)) => app.server.principal_of_login(&name, &token).await,
            None => {
                let detail = "the header `Authorization` is none that is understood here";
                let problem = Problem::new(StatusCode::UNAUTHORIZED, "login-required", detail);
                return Err(problem.with_hint("send `Bearer TOKEN`"));
            }
        };
        asked.map(Self).map_err(|error| match error {
            ServerError::Refused(_) => Problem::from(error)
                .with_hint("this token is unknown, has expired, or is somebody else's: make another"),
            _ => Problem::from(error),
        })
    }
}

async fn of_session(parts: &Parts, app: &App) -> Result<Principal, Problem> {
    let Some(session) = app.access.cookie(&parts.headers, SESSION) else { return Ok(Principal::anonymous()) };
    let Some(principal) = app.server.principal_of_session(&session).await? else {
        return Ok(Principal::anonymous());
    };
    if changes(&parts.method) {
        app.access.refuse_other_sites(&parts.headers, Programs::Refused)?;
    }
    Ok(principal)
}

/// What a program comes in with.
enum Authorization {
    Token(Secret),
    Login(String, Secret),
}

impl Authorization {
    fn parse(value: &str) -> Option<Self> {
        let (scheme, sent) = value.split_once(' ')?;
        let sent = sent.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            return Some(Self::Token(Secret::new(sent)));
        }
        let decoded = scheme.eq_ignore_ascii_case("basic").then(|| BASE64.decode(sent).ok()).flatten()?;
        let decoded = String::from_utf8(decoded).ok()?;
        let (name, token) = decoded.split_once(':')?;
        Some(Self::Login(name.to_owned(), Secret::new(token)))
    }
}

/// A body of JSON, whatever its type is said to be: a merge patch is JSON, too.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let bytes = bytes(request, app).await?;
        let read: Result<axum::Json<T>, JsonRejection> = axum::Json::from_bytes(&bytes);
        let value = read.map_err(|rejection| {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            Problem::new(status, "invalid", rejection.body_text())
        })?;
        Ok(Self(value.0))
    }
}

/// A body of text.
pub(crate) struct Text(pub(crate) String);

impl FromRequest<App> for Text {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let bytes = bytes(request, app).await?;
        String::from_utf8(bytes.to_vec()).map(Self).map_err(|_| Problem::bad_request("the body is not UTF-8"))
    }
}

pub(crate) async fn bytes(request: Request, app: &App) -> Result<axum::body::Bytes, Problem> {
    axum::body::Bytes::from_request(request, app).await.map_err(|rejection| {
        if is_late(&rejection) {
            let detail = "the body of the request was waited for too long";
            return Problem::new(StatusCode::REQUEST_TIMEOUT, "too-slow", detail);
        }
        let status = rejection.status();
        let kind = if status == StatusCode::PAYLOAD_TOO_LARGE { "too-large" } else { "bad-request" };
        Problem::new(status, kind, rejection.body_text())
    })
}

/// Whether a body did not come in time.
fn is_late(error: &(dyn Error + 'static)) -> bool {
    error.is::<TimeoutError>() || error.source().is_some_and(is_late)
}

/// What stands behind the question mark.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<App> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        let read: Result<axum::extract::Query<T>, QueryRejection> =
            axum::extract::Query::try_from_uri(&parts.uri);
        Ok(Self(read.map_err(|rejection| Problem::bad_request(rejection.body_text()))?.0))
    }
}

/// A part of the path.
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        match axum::extract::Path::from_request_parts(parts, app).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(rejection) => Err(Problem::new(StatusCode::NOT_FOUND, "not-found", rejection.body_text())),
        }
    }
}

/// The revision that a change was made on (`If-Match`).
pub(crate) struct IfMatch(pub(crate) Option<i64>);

impl FromRequestParts<App> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        revision(&parts.headers).map(Self)
    }
}

fn revision(headers: &HeaderMap) -> Result<Option<i64>, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let number =
        text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).and_then(|text| text.parse().ok());
    number.map(Some).ok_or_else(|| {
        Problem::bad_request("`If-Match` is no `ETag` of this server")
            .with_hint("send the `ETag` that came with what was read")
    })
}

/// The tag of a revision (`ETag`).
pub(crate) fn etag(revision: i64) -> [(header::HeaderName, String); 1] {
    [(header::ETAG, format!("\"{revision}\""))]
}

/// Which page of a list is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Paging {
    /// `next` of the page before.
    cursor: Option<String>,
    /// How many entries at most: 1 to 500, else 50.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

impl Paging {
    pub(crate) fn of(cursor: Option<String>, limit: Option<u32>) -> Self {
        Self { cursor, limit }
    }
}

impl TryFrom<Paging> for PageRequest {
    type Error = Problem;

    fn try_from(paging: Paging) -> Result<Self, Problem> {
        let after: Option<Cursor> = paging.cursor.as_deref().map(str::parse).transpose()?;
        let limit = paging.limit.unwrap_or(Self::USUAL);
        match limit {
            1..=Self::MOST => Ok(Self { after, limit }),
            _ => Err(Problem::bad_request(format!("`limit` is 1 to {}", Self::MOST))),
        }
    }
}
