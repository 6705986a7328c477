//! What an administrator has to know today: what is built, what failed, what is not pinned.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use imagewright_catalog::{
    Build, BuildState, Image, ImageFilter, ImageState, OrderBy, PageRequest, Principal, Refusal,
};
use imagewright_server::{BuildQuery, Server, ServerError};

use super::failure::{Shown, page};
use super::frame::{Frame, Place};
use super::show;
use super::visitor::Visitor;
use crate::App;

pub(super) fn router() -> Router<App> {
    Router::new().route("/overview", get(overview))
}

/// How many of a kind are shown; the rest is a link away.
const SHOWN: u32 = 8;

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    frame: Frame,
    running: Vec<Build>,
    waiting: Vec<Build>,
    failed: Vec<Image>,
    unpinned: Vec<Image>,
    deprecated: Vec<Image>,
}

async fn overview(State(app): State<App>, visitor: Visitor) -> Shown {
    if !visitor.is_admin() {
        return Err(ServerError::from(Refusal::Forbidden).into());
    }
    let (server, principal) = (&app.server, &visitor.principal);
    let failed = ImageFilter { state: Some(ImageState::Failed), ..ImageFilter::default() };
    let unpinned =
        ImageFilter { pinned: Some(false), state: Some(ImageState::Ready), ..ImageFilter::default() };
    let deprecated = ImageFilter { deprecated: Some(true), ..ImageFilter::default() };
    Ok(page(
        StatusCode::OK,
        &OverviewPage {
            frame: Frame::new("Overview", Place::Overview, &visitor),
            running: builds(server, principal, BuildState::Running).await?,
            waiting: builds(server, principal, BuildState::Queued).await?,
            failed: images(server, principal, &failed).await?,
            unpinned: images(server, principal, &unpinned).await?,
            deprecated: images(server, principal, &deprecated).await?,
        },
    ))
}

async fn builds(
    server: &Server,
    principal: &Principal,
    state: BuildState,
) -> Result<Vec<Build>, ServerError> {
    let wanted = BuildQuery { state: Some(state), ..BuildQuery::default() };
    Ok(server.builds(principal, &wanted, &PageRequest { after: None, limit: SHOWN }).await?.items)
}

async fn images(
    server: &Server,
    principal: &Principal,
    filter: &ImageFilter,
) -> Result<Vec<Image>, ServerError> {
    let page = PageRequest { after: None, limit: SHOWN };
    let found = server.images(principal, filter, OrderBy::default(), &page).await?;
    Ok(found.items.into_iter().map(|view| view.image).collect())
}
