//! Pages: what people see in a browser.
//!
//! A page is a struct and a template below `templates/`; its handler reads what was sent, calls use cases, and fills the struct in. Everything works
//! without scripts: forms are sent, and answered by a page or by the way to one. `assets/pages.js` makes it nicer where it runs: filters at once,
//! plans beside the form, logs that go on.

mod account;
mod administration;
mod assets;
mod builds;
mod failure;
mod fields;
mod frame;
mod image;
mod images;
mod kernelspecs;
mod overview;
mod runtime_images;
mod session;
mod show;
mod stages;
mod told;
mod visitor;

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Redirect;
use axum::routing::get;
use axum::{Router, middleware};

pub(crate) use stages::Stages;

use crate::App;

pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/", get(|| async { Redirect::to("/images") }))
        .merge(session::router())
        .merge(images::router())
        .merge(image::router())
        .merge(builds::router())
        .merge(overview::router())
        .merge(runtime_images::router())
        .merge(kernelspecs::router())
        .merge(account::router())
        .merge(administration::router())
        .layer(middleware::map_response(guarded))
        .merge(assets::router())
}

/// What browsers may do with pages: run and show what comes from this server, send forms to it, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'";

async fn guarded(mut response: axum::response::Response) -> axum::response::Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // What is shown is for whoever is logged in, and may have changed.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("private, no-store"));
    response
}
