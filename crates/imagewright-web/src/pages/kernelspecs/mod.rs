//! Kernelspecs of Enterprise Gateway: those that a gateway reads, and the form that makes one for an image.

mod form;
mod list;
mod make;

use axum::Router;

use crate::App;

pub(super) fn router() -> Router<App> {
    Router::new().merge(list::router()).merge(make::router())
}
