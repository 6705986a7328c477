//! Builds: the queue, and one build with its log.

use std::convert::Infallible;

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use imagewright_catalog::{Build, BuildId, BuildState, Page, PageRequest};
use imagewright_server::{BuildQuery, Followed, text_of};
use serde::Deserialize;
use serde_json::json;
use tokio_stream::StreamExt as _;

use super::failure::{PageFailure, Shown, page};
use super::fields::Fields;
use super::frame::{DoneQuery, Frame, Place};
use super::images::word;
use super::show;
use super::stages::Stage;
use super::visitor::{Posted, Visitor};
use crate::App;
use crate::address::in_address;
use crate::api::streams::{KEEP_ALIVE, sent};

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/builds", get(list))
        .route("/builds/{id}", get(show_build))
        .route("/builds/{id}/head", get(head))
        .route("/builds/{id}/lines", get(lines))
        .route("/builds/{id}/cancel", post(cancel))
        .route("/builds/{id}/retry", post(retry))
}

#[derive(Template)]
#[template(path = "builds/list.html")]
struct BuildsPage {
    frame: Frame,
    asked: Fields,
    builds: Page<Build>,
}

async fn list(State(app): State<App>, visitor: Visitor, Query(asked): Query<Vec<(String, String)>>) -> Shown {
    let asked = Fields::new(asked);
    let after = asked.filled("cursor").map(|cursor| cursor.parse()).transpose()?;
    let requested_by = visitor.principal.person.clone().filter(|_| asked.has("mine", "true"));
    let image = asked.filled("image").and_then(|name| name.parse().ok());
    let wanted = BuildQuery { image, state: word(&asked, "state"), requested_by };
    let builds = app.server.builds(&visitor.principal, &wanted, &PageRequest { after, limit: 25 }).await?;
    let frame = Frame::new("Builds", Place::Builds, &visitor);
    Ok(page(StatusCode::OK, &BuildsPage { frame, asked, builds }))
}

impl BuildsPage {
    /// Where the list goes on.
    fn next(&self, cursor: &str) -> String {
        let kept = ["image", "state", "mine"].into_iter().filter(|name| !self.asked.text(name).is_empty());
        let kept = kept.map(|name| format!("{name}={}&", in_address(self.asked.text(name))));
        format!("/builds?{}cursor={}", kept.collect::<String>(), in_address(cursor))
    }
}

/// What is known of a build beside its log; fetched anew while it runs.
#[derive(Template)]
#[template(path = "builds/head.html")]
struct Head {
    build: Build,
    stages: Vec<Stage>,
}

#[derive(Template)]
#[template(path = "builds/show.html")]
struct BuildPage {
    frame: Frame,
    head: Head,
    /// The last lines of the log, for browsers without scripts.
    tail: String,
}

async fn show_build(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<BuildId>,
    Query(query): Query<DoneQuery>,
) -> Shown {
    let head = Head::find(&app, &visitor, &id).await?;
    let mut log = app.server.build_log(&visitor.principal, &id, Some(200)).await?;
    let mut tail = String::new();
    while let Some(piece) = log.next().await? {
        tail.push_str(&piece);
    }
    let title = format!("Build {} of {}", head.build.number, head.build.image_name);
    let frame = Frame::new(title, Place::Builds, &visitor).after(query.done);
    Ok(page(StatusCode::OK, &BuildPage { frame, head, tail }))
}

async fn head(State(app): State<App>, visitor: Visitor, Path(id): Path<BuildId>) -> Shown {
    Ok(page(StatusCode::OK, &Head::find(&app, &visitor, &id).await?))
}

impl Head {
    async fn find(app: &App, visitor: &Visitor, id: &BuildId) -> Result<Self, PageFailure> {
        let build = app.server.build(&visitor.principal, id).await?;
        let stages = app.stages.of(&app.server, &visitor.principal, id).await?;
        Ok(Self { build, stages })
    }

    // What follows is called by templates.

    fn duration(&self) -> Option<String> {
        let end = self.build.timings.finished_at.unwrap_or_else(jiff::Timestamp::now);
        Some(show::took(&self.build.timings.started_at?, &end))
    }

    fn is_over(&self) -> bool {
        self.build.state.is_over()
    }

    fn failed(&self) -> bool {
        matches!(self.build.state, BuildState::Failed | BuildState::Interrupted)
    }
}

#[derive(Deserialize)]
struct LinesQuery {
    after: Option<i64>,
}

/// The log as server-sent events: each is what one event of the build says, with its number, so that a break loses and repeats nothing.
async fn lines(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(id): Path<BuildId>,
    Query(query): Query<LinesQuery>,
) -> Result<Response, PageFailure> {
    let last = headers.get("last-event-id").and_then(|last| last.to_str().ok()?.parse().ok());
    let from = last.or(query.after).map_or(0, |last: i64| last.saturating_add(1));
    let mut follower = app.server.follow_build(&visitor.principal, &id, from, true).await?;
    let events = sent(|sender| async move {
        loop {
            match follower.next().await {
                Ok(Followed::Events(events)) => {
                    // Many lines in one piece: thousands a second are few events then.
                    let mut texts = Vec::new();
                    let mut number = events.first;
                    for (at, line) in (events.first..).zip(&events.lines) {
                        number = at;
                        let text = serde_json::from_str(line).ok().and_then(|event| text_of(&event));
                        texts.extend(
                            text.into_iter()
                                .flat_map(|text| text.split('\n').map(str::to_owned).collect::<Vec<_>>()),
                        );
                    }
                    let event = Event::default().id(number.to_string()).data(json!(texts).to_string());
                    if sender.send(event).await.is_err() {
                        return;
                    }
                }
                Ok(Followed::Over(state)) => {
                    drop(sender.send(Event::default().event("end").data(state.as_str())).await);
                    return;
                }
                Ok(Followed::Paused) => return,
                Err(error) => {
                    tracing::warn!(%error, "a log could not be shown to its end");
                    return;
                }
            }
        }
    });
    let events = events.map(Ok::<_, Infallible>);
    let mut response = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response();
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

async fn cancel(State(app): State<App>, Path(id): Path<BuildId>, Posted { visitor, .. }: Posted) -> Shown {
    let build = app.server.cancel_build(&visitor.principal, &id).await?;
    Ok(Redirect::to(&format!("/builds/{}?done=cancelled", build.id)).into_response())
}

async fn retry(State(app): State<App>, Path(id): Path<BuildId>, Posted { visitor, .. }: Posted) -> Shown {
    let build = app.server.retry_build(&visitor.principal, &id).await?;
    Ok(Redirect::to(&format!("/builds/{}?done=queued", build.id)).into_response())
}
