//! Builds: asked for, followed, stopped, compared.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use imagewright_catalog::{Build, BuildId, BuildState, Name, Page};
use imagewright_server::{BuildDifference, BuildQuery, NewBuild, PlanRequest, Planned, Server};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::streams;
use crate::extract::{Asking, Body, Paging, Path, Query};
use crate::once::{Once, OnceHeader};
use crate::{App, Problem};

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(list_of_image, request))
        .routes(routes!(show))
        .routes(routes!(cancel))
        .routes(routes!(retry))
        .routes(routes!(events))
        .routes(routes!(log))
        .routes(routes!(compare))
        .routes(routes!(plan))
}

/// Which builds are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    state: Option<BuildState>,
    /// Only those that whoever asks has asked for.
    mine: Option<bool>,
    /// Of this image.
    #[param(value_type = Option<String>)]
    image: Option<Name>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// How many builds at most.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// Lists builds, the newest first: of images that whoever asks looks after, and what it asked for itself.
#[utoipa::path(
    operation_id = "list_builds",
    get, path = "/builds", params(ListQuery), tag = "builds", security(("token" = [])),
    responses((status = 200, body = Page<Build>), (status = "default", body = Problem)),
)]
async fn list(
    State(app): State<App>,
    Asking(principal): Asking,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<Build>>, Problem> {
    let page = Paging::of(query.cursor, query.limit).try_into()?;
    let requested_by = principal.person.clone().filter(|_| query.mine.unwrap_or_default());
    let wanted = BuildQuery { image: query.image, state: query.state, requested_by };
    Ok(Json(app.server.builds(&principal, &wanted, &page).await?))
}

/// Lists the builds of an image, the newest first.
#[utoipa::path(
    operation_id = "list_builds_of_image",
    get, path = "/images/{name}/builds", params(("name" = String, Path), Paging), tag = "builds",
    security(("token" = [])),
    responses((status = 200, body = Page<Build>), (status = "default", body = Problem)),
)]
async fn list_of_image(
    State(app): State<App>,
    Asking(principal): Asking,
    Path(name): Path<Name>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<Build>>, Problem> {
    let wanted = BuildQuery { image: Some(name), ..BuildQuery::default() };
    Ok(Json(app.server.builds(&principal, &wanted, &paging.try_into()?).await?))
}

/// Whether it is found out first what a build would do.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PlanQuery {
    /// `false`: a build is queued though it may turn out that it cannot be done.
    plan: Option<bool>,
}

impl PlanQuery {
    pub(crate) fn plans(&self) -> bool {
        self.plan.unwrap_or(true)
    }
}

/// Queues a build of an image: of what was built last, or of a new spec.
#[utoipa::path(
    operation_id = "request_build",
    post, path = "/images/{name}/builds", request_body = NewBuild, params(("name" = String, Path), PlanQuery, OnceHeader),
    tag = "builds", security(("token" = [])),
    responses((status = 201, body = Build), (status = "default", body = Problem)),
)]
async fn request(
    State(app): State<App>,
    Asking(principal): Asking,
    Path(name): Path<Name>,
    Query(query): Query<PlanQuery>,
    Once(once): Once,
    Body(new): Body<NewBuild>,
) -> Result<impl IntoResponse, Problem> {
    let (asks, plans) = (&principal, query.plans());
    let request = async move |server: Server| server.request_build(asks, &name, new, plans).await;
    Ok(queued(app.server.once(asks, once, request).await?))
}

/// Shows a build: its spec, what was decided on, the digest of its result, times, or why there is none.
#[utoipa::path(
    operation_id = "show_build",
    get, path = "/builds/{id}", params(("id" = String, Path)), tag = "builds", security(("token" = [])),
    responses((status = 200, body = Build), (status = "default", body = Problem)),
)]
async fn show(
    State(app): State<App>,
    Asking(principal): Asking,
    Path(id): Path<BuildId>,
) -> Result<Json<Build>, Problem> {
    Ok(Json(app.server.build(&principal, &id).await?))
}

/// Stops a build. One that waits is over at once, one that runs soon.
#[utoipa::path(
    operation_id = "cancel_build",
    post, path = "/builds/{id}/cancel", params(("id" = String, Path), OnceHeader), tag = "builds", security(("token" = [])),
    responses((status = 200, body = Build), (status = "default", body = Problem)),
)]
async fn cancel(
    State(app): State<App>,
    Asking(principal): Asking,
    Path(id): Path<BuildId>,
    Once(once): Once,
) -> Result<Json<Build>, Problem> {
    let asks = &principal;
    let cancel = async move |server: Server| server.cancel_build(asks, &id).await;
    Ok(Json(app.server.once(asks, once, cancel).await?))
}

/// Queues a build that is over once more, as it was asked for.
#[utoipa::path(
    operation_id = "retry_build",
    post, path = "/builds/{id}/retry", params(("id" = String, Path), OnceHeader), tag = "builds", security(("token" = [])),
    responses((status = 201, body = Build), (status = "default", body = Problem)),
)]
async fn retry(
    State(app): State<App>,
    Asking(principal): Asking,
    Path(id): Path<BuildId>,
    Once(once): Once,
) -> Result<impl IntoResponse, Problem> {
    let asks = &principal;
    let retry = async move |server: Server| server.retry_build(asks, &id).await;
    Ok(queued(app.server.once(asks, once, retry).await?))
}

fn queued(build: Build) -> impl IntoResponse {
    let location = [(header::LOCATION, format!("/api/v1/builds/{}", build.id))];
    (StatusCode::CREATED, location, Json(build))
}

/// Which events are wanted, and how.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventsQuery {
    /// The form: `sse`, or `jsonl` for lines of JSON.
    #[serde(default)]
    #[param(inline)]
    format: EventsFormat,
    /// Those behind this one; the header `Last-Event-ID` says the same.
    after: Option<i64>,
    /// Whether what comes later is waited for, until the build is over; so it is unless `false` is said.
    follow: Option<bool>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
enum EventsFormat {
    #[default]
    Sse,
    Jsonl,
}

/// Follows what happens in a build (docs/events.md). Each event is told once; after a break, those that were missed come first. The
/// last one is an event `end` with the state of the build. Lines of JSON are the events alone, and empty lines while nothing happens.
#[utoipa::path(
    operation_id = "follow_build",
    get, path = "/builds/{id}/events", tag = "builds", security(("token" = [])),
    params(("id" = String, Path), EventsQuery, ("Last-Event-ID" = Option<i64>, Header)),
    responses(
        (status = 200, description = "server-sent events, or lines of JSON", content_type = "text/event-stream", body = String),
        (status = "default", body = Problem),
    ),
)]
async fn events(
    State(app): State<App>,
    Asking(principal): Asking,
    Path(id): Path<BuildId>,
    Query(query): Query<EventsQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let last = match headers.get("last-event-id") {
        None => query.after,
        Some(sent) => {
            let number = sent.to_str().ok().and_then(|text| text.trim().parse().ok());
            let wrong = || Problem::bad_request("`Last-Event-ID` is the number of an event, from 0");
            Some(number.ok_or_else(wrong)?)
        }
    };
    let from = last.map_or(0, |last: i64| last.saturating_add(1));
    let follower = app.server.follow_build(&principal, &id, from, query.follow.unwrap_or(true)).await?;
    Ok(match query.format {
        EventsFormat::Sse => streams::server_sent(follower),
        EventsFormat::Jsonl => streams::lines(follower),
    })
}

/// How much of a log is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct LogQuery {
    /// So many lines from the end.
    tail: Option<usize>,
}

/// Gives the log of a build as text, as it is now.
#[utoipa::path(
    operation_id = "show_log",
    get, path = "/builds/{id}/log", params(("id" = String, Path), LogQuery), tag = "builds", security(("token" = [])),
    responses((status = 200, content_type = "text/plain", body = String), (status = "default", body = Problem)),
)]
async fn log(
    State(app): State<App>,
    Asking(principal): Asking,
    Path(id): Path<BuildId>,
    Query(query): Query<LogQuery>,
) -> Result<Response, Problem> {
    Ok(streams::text(app.server.build_log(&principal, &id, query.tail).await?))
}

/// Says what differs between the results of two builds: packages, layers, sizes.
#[utoipa::path(
    operation_id = "compare_builds",
    get, path = "/builds/{id}/diff/{other}", params(("id" = String, Path), ("other" = String, Path)), tag = "builds",
    security(("token" = [])),
    responses((status = 200, body = BuildDifference), (status = "default", body = Problem)),
)]
async fn compare(
    State(app): State<App>,
    Asking(principal): Asking,
    Path((before, after)): Path<(BuildId, BuildId)>,
) -> Result<Json<BuildDifference>, Problem> {
    Ok(Json(app.server.compare_builds(&principal, &before, &after).await?))
}

/// Says what a build would do: what is installed, how large the image becomes, or why it cannot be built.
#[utoipa::path(
    operation_id = "plan_build",
    post, path = "/plans", request_body = PlanRequest, tag = "builds", security(("token" = [])),
    responses((status = 200, body = Planned), (status = "default", body = Problem)),
)]
async fn plan(
    State(app): State<App>,
    Asking(principal): Asking,
    Body(wanted): Body<PlanRequest>,
) -> Result<Json<Planned>, Problem> {
    Ok(Json(app.server.plan(&principal, &wanted).await?))
}
