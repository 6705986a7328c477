//! Elyra's REST interface to runtime images, at `/elyra/`.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Method, Uri};
use axum::response::Response;
use axum::routing::any;

use crate::extract::Asking;
use crate::{App, Problem};

pub(crate) fn router() -> Router<App> {
    Router::new().route("/elyra/{*rest}", any(answer))
}

async fn answer(
    State(app): State<App>,
    Asking(principal): Asking,
    method: Method,
    uri: Uri,
    body: Bytes,
) -> Result<Response, Problem> {
    let answer = app.server.elyra(&principal, method.as_str(), uri.path(), body.to_vec()).await?;
    let mut response = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(*name, value);
    }
    Ok(response.body(Body::from(answer.body)).expect("the router's headers are plain text"))
}
