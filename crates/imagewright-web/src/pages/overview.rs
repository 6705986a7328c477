//! What an administrator has to know today: what is built, what failed, what is old or not pinned, how full the store is.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use imagewright_catalog::{
    Build, BuildState, Image, ImageFilter, ImageOrder, ImageState, OrderBy, PageRequest, Principal, Refusal,
};
use imagewright_server::{BuildQuery, Server, ServerError, Storage};
use jiff::{SignedDuration, Timestamp};

use super::failure::{Shown, page};
use super::frame::{Frame, Place};
use super::show;
use super::visitor::Visitor;
use crate::App;

pub(super) fn router() -> Router<App> {
    Router::new().route("/overview", get(overview)).route("/overview/storage", get(storage))
}

/// How many of a kind are shown; the rest is a link away.
const SHOWN: u32 = 8;
/// After how many days without a change an image is old: its packages have had fixes since.
const OLD_DAYS: i64 = 90;

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    frame: Frame,
    running: Vec<Build>,
    waiting: Vec<Build>,
    failed: Vec<Image>,
    unpinned: Vec<Image>,
    deprecated: Vec<Image>,
    old: Vec<Image>,
}

/// What the content store holds: a part of the page that takes a moment where there is much.
#[derive(Template)]
#[template(path = "overview_storage.html")]
struct StoragePart {
    storage: Storage,
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
            failed: images(server, principal, &failed, OrderBy::default()).await?,
            unpinned: images(server, principal, &unpinned, OrderBy::default()).await?,
            deprecated: images(server, principal, &deprecated, OrderBy::default()).await?,
            old: old(server, principal).await?,
        },
    ))
}

/// Images that nobody has changed or built for long, those that wait longest first.
async fn old(server: &Server, principal: &Principal) -> Result<Vec<Image>, ServerError> {
    let current = ImageFilter { deprecated: Some(false), ..ImageFilter::default() };
    let order = OrderBy { order: ImageOrder::Changed, descending: false };
    let mut found = images(server, principal, &current, order).await?;
    let limit = Timestamp::now() - SignedDuration::from_hours(24 * OLD_DAYS);
    found.retain(|image| image.changed_at < limit);
    Ok(found)
}

async fn storage(State(app): State<App>, visitor: Visitor) -> Shown {
    Ok(page(StatusCode::OK, &StoragePart { storage: app.server.storage(&visitor.principal).await? }))
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
    order: OrderBy,
) -> Result<Vec<Image>, ServerError> {
    let page = PageRequest { after: None, limit: SHOWN };
    let found = server.images(principal, filter, order, &page).await?;
    Ok(found.items.into_iter().map(|view| view.image).collect())
}
