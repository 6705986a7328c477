//! What went wrong, as a problem document (RFC 9457).

use std::any::Any;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use imagewright_catalog::{CursorError, FieldProblem, Refusal};
use imagewright_model::{ErrorKind, in_one_line};
use imagewright_server::{OidcError, ServerError};
use serde::Serialize;
use utoipa::ToSchema;

/// What problems are sent as.
pub(crate) const PROBLEM: &str = "application/problem+json";

/// A problem document.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Problem {
    /// What kind of problem: one of few words, such as `not-found`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The status, in words.
    pub title: &'static str,
    /// The status.
    pub status: u16,
    /// What happened, in a sentence.
    pub detail: String,
    /// What to do about it, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// What is wrong with which field of the request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldProblem>,
    /// In how many seconds it may be tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u32>,
}

impl Problem {
    /// A problem with a status.
    pub fn new(status: StatusCode, kind: &'static str, detail: impl Into<String>) -> Self {
        Self {
            kind,
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: detail.into(),
            hint: None,
            errors: Vec::new(),
            retry_after: None,
        }
    }

    /// With a hint.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// That something of the request itself cannot be understood.
    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", detail)
    }
}

impl From<ServerError> for Problem {
    fn from(error: ServerError) -> Self {
        let (status, kind) = match (&error, error.kind()) {
            (ServerError::Refused(Refusal::NotLoggedIn), _) => (StatusCode::UNAUTHORIZED, "login-required"),
            (ServerError::Refused(Refusal::Forbidden), _) => (StatusCode::FORBIDDEN, "forbidden"),
            (ServerError::WrongLogin | ServerError::Oidc(OidcError::Unproven { .. }), _) => {
                (StatusCode::UNAUTHORIZED, "login-failed")
            }
            (ServerError::TooOften { .. }, _) => (StatusCode::TOO_MANY_REQUESTS, "too-often"),
            (ServerError::Stale { .. }, _) => (StatusCode::PRECONDITION_FAILED, "changed-meanwhile"),
            (ServerError::Quota { .. }, _) => (StatusCode::TOO_MANY_REQUESTS, "quota"),
            (ServerError::KeyReused, _) => (StatusCode::UNPROCESSABLE_ENTITY, "key-reused"),
            (ServerError::StillRunning, _) => (StatusCode::CONFLICT, "still-running"),
            (ServerError::Unplanned { .. } | ServerError::NoProgram, _) => {
                (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
            }
            (ServerError::Invalid(_), _) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
            (_, ErrorKind::NotFound) => (StatusCode::NOT_FOUND, "not-found"),
            (_, ErrorKind::Conflict) => (StatusCode::CONFLICT, "conflict"),
            (_, ErrorKind::Denied) => (StatusCode::FORBIDDEN, "forbidden"),
            (_, ErrorKind::Unavailable) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        };
        let mut problem = Self::new(status, kind, error.to_string());
        problem.hint = error.hint();
        problem.retry_after = match error {
            ServerError::TooOften { seconds } => Some(seconds),
            ServerError::StillRunning => Some(1),
            _ => None,
        };
        if let ServerError::Oidc(OidcError::Unproven { .. }) = error {
            tracing::warn!(error = in_one_line(&error), "a login at the provider was refused");
        }
        let is_told = matches!(error, ServerError::Unplanned { .. } | ServerError::NoProgram);
        if status.is_server_error() && !is_told {
            // What a database says is for those who run the server.
            tracing::error!(error = in_one_line(&error), "a request failed");
            problem.detail = "the server could not do this; its log says why".to_owned();
        }
        if let ServerError::Invalid(invalid) = error {
            problem.detail = format!("{} of what was sent cannot be taken", counted(invalid.0.len()));
            problem.errors = invalid.0;
        }
        problem
    }
}

fn counted(fields: usize) -> String {
    if fields == 1 { "one field".to_owned() } else { format!("{fields} fields") }
}

impl From<CursorError> for Problem {
    fn from(error: CursorError) -> Self {
        Self::bad_request(error.to_string()).with_hint("begin without `cursor`, and take `next` of each page")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).expect("a problem is text and numbers");
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"imagewright\""));
        }
        response
    }
}

pub(crate) async fn not_found() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "not-found", "there is nothing at this address")
}

pub(crate) async fn method_not_allowed() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "this cannot be done at this address")
}

/// A defect of ours harms the request and not the server.
#[expect(clippy::needless_pass_by_value, reason = "the layer hands it over")]
pub(crate) fn panicked(cause: Box<dyn Any + Send + 'static>) -> http::Response<Body> {
    let text = cause.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| cause.downcast_ref::<String>().cloned()).unwrap_or_default();
    tracing::error!(panic = text, "a request met a defect");
    let detail = "the server met a defect of its own; its log says where";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail).into_response()
}
