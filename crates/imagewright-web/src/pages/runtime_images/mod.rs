//! Elyra's runtime images: the list of them, and what is done to single ones.

mod edit;
mod form;
mod list;

use axum::Router;

use crate::App;

pub(super) fn router() -> Router<App> {
    Router::new().merge(list::router()).merge(edit::router())
}
