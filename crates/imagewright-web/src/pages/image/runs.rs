//! Where an image can run, and what speaks against it.

use askama::Template;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use imagewright_catalog::{Image, Name};
use imagewright_server::{ImageCheck, ServerError};

use crate::App;
use crate::pages::failure::{Shown, page};
use crate::pages::frame::{Frame, Place};
use crate::pages::show;
use crate::pages::visitor::Visitor;

pub(super) fn router() -> Router<App> {
    Router::new().route("/images/{name}/runs", get(runs))
}

#[derive(Template)]
#[template(path = "image/runs.html")]
struct RunsPage {
    frame: Frame,
    image: Image,
    checks: Vec<ImageCheck>,
    trouble: Option<String>,
}

/// The same in short, for the page of the image.
#[derive(Template)]
#[template(path = "image/runs_part.html")]
struct RunsPart {
    image: Image,
    checks: Vec<ImageCheck>,
    trouble: Option<String>,
}

async fn runs(State(app): State<App>, visitor: Visitor, headers: HeaderMap, Path(name): Path<Name>) -> Shown {
    let image = app.server.image(&visitor.principal, &name).await?.image;
    let (checks, trouble) = match app.server.check_image(&visitor.principal, &name, &[]).await {
        Ok(checks) => (checks, None),
        Err(
            error @ (ServerError::Unplanned { .. } | ServerError::Conflict { .. } | ServerError::NoProgram),
        ) => {
            let detail = error.hint().map_or_else(|| error.to_string(), |hint| format!("{error}: {hint}"));
            (Vec::new(), Some(detail))
        }
        Err(error) => return Err(error.into()),
    };
    if headers.contains_key("hx-request") {
        return Ok(page(StatusCode::OK, &RunsPart { image, checks, trouble }));
    }
    let frame = Frame::new(format!("Where {} runs", image.display_name), Place::Images, &visitor);
    Ok(page(StatusCode::OK, &RunsPage { frame, image, checks, trouble }))
}

/// The look of a verdict, and its text.
fn verdict(check: &ImageCheck) -> (&'static str, &'static str) {
    match check.verdict.as_str() {
        "runs" => ("good", "runs"),
        "runs-with-doubts" => ("warn", "runs, with doubts"),
        "does-not-run" => ("bad", "does not run"),
        _ => ("", "cannot be told"),
    }
}

/// The look of a level.
fn level(level: &str) -> &'static str {
    match level {
        "error" => "bad",
        "warning" => "warn",
        _ => "",
    }
}
