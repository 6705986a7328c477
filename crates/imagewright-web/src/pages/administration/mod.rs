//! What administrators look after: people, groups, secrets, and the trail of what was done.

mod groups;
mod people;
mod registries;
mod secrets;
mod settings;
mod trail;

use axum::Router;
use axum::response::Redirect;
use axum::routing::get;

use crate::App;

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/admin", get(|| async { Redirect::to("/admin/groups") }))
        .merge(groups::router())
        .merge(people::router())
        .merge(secrets::router())
        .merge(registries::router())
        .merge(trail::router())
        .merge(settings::router())
}

/// The pages of the administration: address, title.
const TABS: [(&str, &str); 6] = [
    ("/admin/groups", "Groups"),
    ("/admin/people", "People"),
    ("/admin/secrets", "Secrets"),
    ("/admin/registries", "Registries"),
    ("/admin/audit", "Audit trail"),
    ("/admin/settings", "Settings"),
];
