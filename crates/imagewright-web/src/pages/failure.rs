//! What went wrong, as a page.

use askama::Template;
use axum::extract::rejection::FormRejection;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use imagewright_server::ServerError;

use super::frame::Frame;
use crate::Problem;

/// Why there is no page; itself a page.
pub(super) struct PageFailure(Problem);

impl PageFailure {
    pub(super) fn unreadable(rejection: &FormRejection) -> Self {
        Self(Problem::new(rejection.status(), "bad-request", rejection.body_text()))
    }
}

impl From<ServerError> for PageFailure {
    fn from(error: ServerError) -> Self {
        Self(Problem::from(error))
    }
}

impl From<Problem> for PageFailure {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl IntoResponse for PageFailure {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let title = match status {
            StatusCode::NOT_FOUND => "There is no such page",
            StatusCode::FORBIDDEN => "This is not yours to do",
            StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED => "Something else came first",
            _ if status.is_server_error() => "This did not work",
            _ => "This cannot be done",
        };
        let frame = Frame::outside(title);
        page(status, &FailurePage { frame, detail: self.0.detail, hint: self.0.hint })
    }
}

#[derive(Template)]
#[template(path = "failure.html")]
struct FailurePage {
    frame: Frame,
    detail: String,
    hint: Option<String>,
}

/// A template as it is sent.
pub(super) fn page(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(text) => (status, Html(text)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be written");
            (StatusCode::INTERNAL_SERVER_ERROR, "the server could not write this page; its log says why")
                .into_response()
        }
    }
}

/// What handlers of pages give.
pub(super) type Shown = Result<Response, PageFailure>;
