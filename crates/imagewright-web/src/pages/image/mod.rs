//! Pages about one image: what it is, and the form that makes or changes it.

mod compare;
mod contents;
mod delete;
mod details;
mod edit;
mod form;
mod planned;
mod runs;

pub(super) use details::differences;

use axum::Router;

use crate::App;

pub(super) fn router() -> Router<App> {
    Router::new()
        .merge(edit::router())
        .merge(planned::router())
        .merge(compare::router())
        .merge(delete::router())
        .merge(contents::router())
        .merge(details::router())
        .merge(runs::router())
}
