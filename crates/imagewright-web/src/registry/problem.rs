//! Errors of the registry, in the form of the distribution specification.

use std::error::Error;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use imagewright_server::distribution::{Code, DistributionError};
use serde_json::json;

use super::caller::Challenge;

/// An error, and what those are told who have to log in.
pub(super) struct Refused {
    error: DistributionError,
    challenge: Challenge,
}

impl Refused {
    pub(super) fn new(error: DistributionError, challenge: Challenge) -> Self {
        Self { error, challenge }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self { error, challenge } = self;
        let status = status(&error);
        let message = if status.is_server_error() {
            tracing::error!(error = in_one_line(&error), "a request to the registry failed");
            "the server could not do this; its log says why".to_owned()
        } else {
            error.to_string()
        };
        let mut response = document(status, error.code().as_str(), &message);
        if status == StatusCode::UNAUTHORIZED {
            let what = matches!(error, DistributionError::Scope).then_some("insufficient_scope");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge.header(what));
            response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        if let DistributionError::OutOfOrder { expected } = error
            && let Ok(range) = HeaderValue::from_str(&super::uploads::range(expected))
        {
            response.headers_mut().insert(header::RANGE, range);
        }
        response
    }
}

fn status(error: &DistributionError) -> StatusCode {
    match (error, error.code()) {
        (DistributionError::OutOfOrder { .. }, _) => StatusCode::RANGE_NOT_SATISFIABLE,
        (DistributionError::TooLarge(_), _) => StatusCode::PAYLOAD_TOO_LARGE,
        (DistributionError::Server(_), Code::BlobUploadInvalid) => StatusCode::CONFLICT,
        (_, Code::Unauthorized) => StatusCode::UNAUTHORIZED,
        (_, Code::Denied) => StatusCode::FORBIDDEN,
        (_, Code::BlobUnknown | Code::BlobUploadUnknown | Code::ManifestUnknown | Code::NameUnknown) => {
            StatusCode::NOT_FOUND
        }
        (_, Code::Unsupported) => StatusCode::METHOD_NOT_ALLOWED,
        (_, Code::TooManyRequests) => StatusCode::TOO_MANY_REQUESTS,
        (_, Code::Unknown) => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    }
}

fn document(status: StatusCode, code: &str, message: &str) -> Response {
    let body = json!({"errors": [{"code": code, "message": message, "detail": null}]});
    with_version((status, axum::Json(body)).into_response())
}

/// Clients know a registry by this.
pub(super) fn with_version(mut response: Response) -> Response {
    let version = HeaderValue::from_static("registry/2.0");
    response.headers_mut().insert("docker-distribution-api-version", version);
    response
}

pub(super) fn nothing_here() -> Response {
    document(StatusCode::NOT_FOUND, "UNSUPPORTED", "there is nothing at this address of the registry")
}

pub(super) fn method_not_allowed() -> Response {
    let code = Code::Unsupported.as_str();
    document(StatusCode::METHOD_NOT_ALLOWED, code, "this cannot be done at this address of the registry")
}

fn in_one_line(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
