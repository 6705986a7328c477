//! The audit trail of everything.

use axum::Json;
use axum::extract::State;
use imagewright_catalog::{AuditEntry, AuditFilter, Page, Subject};
use jiff::Timestamp;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::{Asking, Paging, Query};
use crate::{App, Problem};

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Which entries are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditQuery {
    /// About this kind of thing.
    subject: Option<Subject>,
    /// About the thing with this identity.
    id: Option<String>,
    /// About a thing that was called so then.
    name: Option<String>,
    /// By whom, as they were called then.
    actor: Option<String>,
    /// What was done, such as `image.changed`.
    action: Option<String>,
    /// Not before this time.
    since: Option<Timestamp>,
    /// Before this time.
    until: Option<Timestamp>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// How many entries at most.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// Lists who changed what, when, and how it was: the newest change first.
#[utoipa::path(
    get, path = "/audit", params(AuditQuery), tag = "people", security(("token" = [])), operation_id = "audit",
    responses((status = 200, body = Page<AuditEntry>), (status = "default", body = Problem)),
)]
async fn list(
    State(app): State<App>,
    Asking(principal): Asking,
    Query(query): Query<AuditQuery>,
) -> Result<Json<Page<AuditEntry>>, Problem> {
    let page = Paging::of(query.cursor, query.limit).try_into()?;
    let filter = AuditFilter {
        subject: query.subject,
        subject_id: query.id,
        subject_name: query.name,
        actor_name: query.actor,
        action: query.action,
        since: query.since,
        until: query.until,
    };
    Ok(Json(app.server.audit(&principal, &filter, &page).await?))
}
