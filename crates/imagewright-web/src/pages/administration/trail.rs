//! The audit trail: who did what, and when.

use askama::Template;
use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use imagewright_catalog::{AuditEntry, AuditFilter, Page, PageRequest};

use super::TABS;
use crate::App;
use crate::address::in_address;
use crate::pages::failure::{Shown, page};
use crate::pages::fields::Fields;
use crate::pages::frame::{Frame, Place};
use crate::pages::image::differences;
use crate::pages::images::word;
use crate::pages::show;
use crate::pages::visitor::Visitor;

pub(super) fn router() -> Router<App> {
    Router::new().route("/admin/audit", get(list))
}

/// Kinds of things, as they can be chosen.
const SUBJECTS: [(&str, &str); 7] = [
    ("image", "Images"),
    ("build", "Builds"),
    ("person", "People"),
    ("group", "Groups"),
    ("secret", "Secrets"),
    ("token", "Tokens"),
    ("runtime_image", "Runtime images"),
];

#[derive(Template)]
#[template(path = "administration/audit.html")]
struct AuditPage {
    frame: Frame,
    asked: Fields,
    entries: Page<AuditEntry>,
}

async fn list(State(app): State<App>, visitor: Visitor, Query(asked): Query<Vec<(String, String)>>) -> Shown {
    let asked = Fields::new(asked);
    let after = asked.filled("cursor").map(|cursor| cursor.parse()).transpose()?;
    let day = |name: &str, time: &str| format!("{}T{time}Z", asked.filled(name)?).parse().ok();
    let filter = AuditFilter {
        subject: word(&asked, "subject"),
        subject_name: asked.filled("name"),
        actor_name: asked.filled("actor"),
        since: day("since", "00:00:00"),
        until: day("until", "23:59:59"),
        ..AuditFilter::default()
    };
    let entries = app.server.audit(&visitor.principal, &filter, &PageRequest { after, limit: 50 }).await?;
    let frame = Frame::new("Audit trail", Place::Administration, &visitor);
    Ok(page(StatusCode::OK, &AuditPage { frame, asked, entries }))
}

impl AuditPage {
    /// Where the list goes on.
    fn next(&self, cursor: &str) -> String {
        let kept = ["subject", "name", "actor", "since", "until"]
            .map(|name| format!("{name}={}&", in_address(self.asked.text(name))));
        format!("/admin/audit?{}cursor={}", kept.concat(), in_address(cursor))
    }
}
