//! Two builds of an image are chosen, to see what differs between them.

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use axum::routing::get;
use imagewright_catalog::{Build, BuildId, BuildState, Image, Name, PageRequest};
use imagewright_server::{BuildQuery, ServerError};
use serde::Deserialize;

use crate::App;
use crate::pages::failure::{Shown, page};
use crate::pages::frame::{Frame, Place};
use crate::pages::show;
use crate::pages::visitor::Visitor;

pub(super) fn router() -> Router<App> {
    Router::new().route("/images/{name}/compare", get(compare))
}

/// The builds of an image that have a result, the newest first. Of more than these nobody chooses in a list.
pub(in crate::pages) async fn comparable(
    app: &App,
    visitor: &Visitor,
    name: &Name,
) -> Result<Vec<Build>, ServerError> {
    let wanted =
        BuildQuery { image: Some(name.clone()), state: Some(BuildState::Succeeded), ..BuildQuery::default() };
    let page = PageRequest { after: None, limit: 200 };
    Ok(app.server.builds(&visitor.principal, &wanted, &page).await?.items)
}

/// The two that are chosen first: the last one, and the one before it.
pub(in crate::pages) fn last_two(builds: &[Build]) -> (String, String) {
    let id = |index: usize| builds.get(index).map(|build| build.id.to_string()).unwrap_or_default();
    (id(1), id(0))
}

#[derive(Deserialize)]
struct Chosen {
    before: Option<BuildId>,
    after: Option<BuildId>,
}

#[derive(Template)]
#[template(path = "image/compare.html")]
struct ComparePage {
    frame: Frame,
    image: Image,
    builds: Vec<Build>,
    /// The two that are chosen first.
    last_two: (String, String),
}

async fn compare(
    State(app): State<App>,
    visitor: Visitor,
    Path(name): Path<Name>,
    Query(chosen): Query<Chosen>,
) -> Shown {
    if let (Some(before), Some(after)) = (chosen.before, chosen.after) {
        return Ok(Redirect::to(&format!("/builds/{before}/diff/{after}")).into_response());
    }
    let image = app.server.image(&visitor.principal, &name).await?.image;
    let builds = comparable(&app, &visitor, &name).await?;
    let frame = Frame::new(format!("Compare builds of {}", image.display_name), Place::Images, &visitor);
    let last_two = last_two(&builds);
    Ok(page(StatusCode::OK, &ComparePage { frame, image, builds, last_two }))
}
