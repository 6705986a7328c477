//! Image entries.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use imagewright_catalog::selection::Offer;
use imagewright_catalog::{
    AuditEntry, Image, ImageChange, ImageFilter, ImageOrder, ImageState, ImageType, Name, NewCopy, NewImage,
    OrderBy, Page, Source, Warning,
};
use imagewright_server::{Added, ImageContents, ImageView, Server};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::builds::PlanQuery;
use crate::extract::{Asking, Body, IfMatch, Paging, Path, Query, etag};
use crate::once::{Once, OnceHeader};
use crate::{App, Problem};

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, add))
        .routes(routes!(show, change, delete))
        .routes(routes!(duplicate))
        .routes(routes!(history))
        .routes(routes!(contents))
        .routes(routes!(offers))
}

/// An entry, and how it is.
#[derive(Serialize, ToSchema)]
pub(crate) struct ImageBody {
    #[serde(flatten)]
    image: Image,
    /// How it is, in a word.
    state: ImageState,
    /// What whoever changed it should know.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<Warning>,
}

impl From<ImageView> for ImageBody {
    fn from(view: ImageView) -> Self {
        Self { image: view.image, state: view.state, warnings: Vec::new() }
    }
}

impl From<Added> for ImageBody {
    fn from(added: Added) -> Self {
        Self { warnings: added.warnings, ..Self::from(added.view) }
    }
}

/// Which entries are wanted, in which order.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// Words that all occur in name, display name, description, tags or type.
    search: Option<String>,
    #[serde(rename = "type")]
    image_type: Option<ImageType>,
    source: Option<Source>,
    state: Option<ImageState>,
    /// Owned by this group.
    #[param(value_type = Option<String>)]
    owner: Option<Name>,
    /// Seen by the members of this group.
    #[param(value_type = Option<String>)]
    group: Option<Name>,
    /// Owned by the administrators.
    system: Option<bool>,
    deprecated: Option<bool>,
    /// Whose digest is known.
    pinned: Option<bool>,
    /// What to sort by.
    sort: Option<ImageOrder>,
    /// The greatest first.
    descending: Option<bool>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// How many entries at most.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// Lists entries.
#[utoipa::path(
    operation_id = "list_images",
    get, path = "/images", tag = "images",
    params(ListQuery, ("tag" = Option<Vec<String>>, Query, description = "With this tag; given several times, with all of them.")), security(("token" = [])),
    responses((status = 200, body = Page<ImageBody>), (status = "default", body = Problem)),
)]
async fn list(
    State(app): State<App>,
    Asking(principal): Asking,
    Query(query): Query<ListQuery>,
    Query(all): Query<Vec<(String, String)>>,
) -> Result<Json<Page<ImageBody>>, Problem> {
    let page = Paging::of(query.cursor, query.limit).try_into()?;
    let order =
        OrderBy { order: query.sort.unwrap_or_default(), descending: query.descending.unwrap_or_default() };
    let filter = ImageFilter {
        search: query.search,
        image_type: query.image_type,
        source: query.source,
        tags: all.into_iter().filter(|(name, _)| name == "tag").map(|(_, tag)| tag).collect(),
        state: query.state,
        owner: query.owner,
        group: query.group,
        system: query.system,
        deprecated: query.deprecated,
        pinned: query.pinned,
    };
    Ok(Json(app.server.images(&principal, &filter, order, &page).await?.map(ImageBody::from)))
}

/// Adds an entry: of an image that exists, or of one to be built, which is queued for its first build.
#[utoipa::path(
    operation_id = "add_image",
    post, path = "/images", request_body = NewImage, params(PlanQuery, OnceHeader), tag = "images", security(("token" = [])),
    responses((status = 201, body = ImageBody), (status = "default", body = Problem)),
)]
async fn add(
    State(app): State<App>,
    Asking(principal): Asking,
    Query(query): Query<PlanQuery>,
    Once(once): Once,
    Body(new): Body<NewImage>,
) -> Result<impl IntoResponse, Problem> {
    let (asks, plans) = (&principal, query.plans());
    let add = async move |server: Server| server.add_image(asks, new, plans).await;
    Ok(created(app.server.once(asks, once, add).await?))
}

fn created(added: Added) -> impl IntoResponse {
    let body = ImageBody::from(added);
    let location = [(header::LOCATION, format!("/api/v1/images/{}", body.image.name))];
    (StatusCode::CREATED, location, etag(body.image.revision), Json(body))
}

/// Adds an entry that is like another one and has a name of its own. Builds stay with the other one.
#[utoipa::path(
    operation_id = "duplicate_image",
    post, path = "/images/{name}/duplicate", request_body = NewCopy, params(("name" = String, Path), OnceHeader), tag = "images",
    security(("token" = [])),
    responses((status = 201, body = ImageBody), (status = "default", body = Problem)),
)]
async fn duplicate(
    State(app): State<App>,
    Asking(principal): Asking,
    Path(name): Path<Name>,
    Once(once): Once,
    Body(copy): Body<NewCopy>,
) -> Result<impl IntoResponse, Problem> {
    let (asks, name) = (&principal, &name);
    let duplicate = async move |server: Server| server.duplicate_image(asks, name, copy).await;
    Ok(created(app.server.once(asks, once, duplicate).await?))
}

/// Shows an entry.
#[utoipa::path(
    operation_id = "show_image",
    get, path = "/images/{name}", params(("name" = String, Path)), tag = "images", security(("token" = [])),
    responses((status = 200, body = ImageBody), (status = "default", body = Problem)),
)]
async fn show(
    State(app): State<App>,
    Asking(principal): Asking,
    Path(name): Path<Name>,
) -> Result<impl IntoResponse, Problem> {
    let body = ImageBody::from(app.server.image(&principal, &name).await?);
    Ok((etag(body.image.revision), Json(body)))
}

/// Changes what is named and nothing else (JSON merge patch, RFC 7396). With `If-Match`, only what is as it was read.
#[utoipa::path(
    operation_id = "change_image",
    patch, path = "/images/{name}", request_body(content = ImageChange, content_type = "application/merge-patch+json"),
    params(("name" = String, Path), ("If-Match" = Option<String>, Header)), tag = "images", security(("token" = [])),
    responses((status = 200, body = ImageBody), (status = "default", body = Problem)),
)]
async fn change(
    State(app): State<App>,
    Asking(principal): Asking,
    Path(name): Path<Name>,
    IfMatch(revision): IfMatch,
    Body(change): Body<ImageChange>,
) -> Result<impl IntoResponse, Problem> {
    let body = ImageBody::from(app.server.change_image(&principal, &name, revision, change).await?);
    Ok((etag(body.image.revision), Json(body)))
}

/// Removes an entry.
#[utoipa::path(
    operation_id = "delete_image",
    delete, path = "/images/{name}", params(("name" = String, Path), ("If-Match" = Option<String>, Header)),
    tag = "images", security(("token" = [])),
    responses((status = 204), (status = "default", body = Problem)),
)]
async fn delete(
    State(app): State<App>,
    Asking(principal): Asking,
    Path(name): Path<Name>,
    IfMatch(revision): IfMatch,
) -> Result<StatusCode, Problem> {
    app.server.delete_image(&principal, &name, revision).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Tells what an image holds: layers, and the packages of those that were made here. Only of images that this server has.
#[utoipa::path(
    operation_id = "list_contents",
    get, path = "/images/{name}/contents", params(("name" = String, Path)), tag = "images", security(("token" = [])),
    responses((status = 200, body = ImageContents), (status = "default", body = Problem)),
)]
async fn contents(
    State(app): State<App>,
    Asking(principal): Asking,
    Path(name): Path<Name>,
) -> Result<Json<ImageContents>, Problem> {
    Ok(Json(app.server.image_contents(&principal, &name).await?))
}

/// Who changed an entry, when, and how it was: the newest change first.
#[utoipa::path(
    operation_id = "list_changes",
    get, path = "/images/{name}/history", params(("name" = String, Path), Paging), tag = "images",
    security(("token" = [])),
    responses((status = 200, body = Page<AuditEntry>), (status = "default", body = Problem)),
)]
async fn history(
    State(app): State<App>,
    Asking(principal): Asking,
    Path(name): Path<Name>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<AuditEntry>>, Problem> {
    Ok(Json(app.server.image_history(&principal, &name, &paging.try_into()?).await?))
}

/// For whom images are looked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct OfferQuery {
    /// The group that the notebook or job is for.
    #[param(value_type = Option<String>)]
    group: Option<Name>,
    /// Whether it has a GPU.
    gpu: Option<bool>,
}

/// Lists what somebody can choose who starts a notebook or job.
#[utoipa::path(
    operation_id = "list_offers",
    get, path = "/offers", params(OfferQuery), tag = "images", security(("token" = [])),
    responses((status = 200, body = Vec<Offer>), (status = "default", body = Problem)),
)]
async fn offers(
    State(app): State<App>,
    Asking(principal): Asking,
    Query(query): Query<OfferQuery>,
) -> Result<Json<Vec<Offer>>, Problem> {
    let gpu = query.gpu.unwrap_or_default();
    Ok(Json(app.server.offers(&principal, query.group.as_ref(), gpu).await?))
}
