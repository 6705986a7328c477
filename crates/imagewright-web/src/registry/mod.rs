//! The registry: the API of the OCI distribution specification 1.1 at `/v2/`.

mod blobs;
mod caller;
mod listing;
mod manifests;
mod path;
mod problem;
mod token;
mod uploads;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use imagewright_server::Server;
use imagewright_server::distribution::{Caller, DistributionError, RepositoryName};

use crate::App;

use caller::Challenge;
use path::Endpoint;
use problem::Refused;

/// What is asked of a repository.
struct Asked {
    server: Server,
    caller: Caller,
    name: RepositoryName,
    method: Method,
    request: Request,
}

pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/v2", any(version))
        .route("/v2/", any(version))
        .route("/v2/token", get(token::get).post(token::post))
        .route("/v2/_catalog", get(catalog))
        .route("/v2/{*rest}", any(repository))
}

/// Tells that this is a registry, to those who have logged in.
async fn version(State(app): State<App>, request: Request) -> Response {
    let challenge = Challenge::of(&app.server, &request, None);
    let (parts, _) = request.into_parts();
    match caller::of(&app.server, &parts.headers).await {
        Ok(_) => problem::with_version(axum::Json(serde_json::json!({})).into_response()),
        Err(error) => Refused::new(error, challenge).into_response(),
    }
}

async fn catalog(State(app): State<App>, request: Request) -> Response {
    let challenge = Challenge::of(&app.server, &request, Some("registry:catalog:*".to_owned()));
    let (parts, _) = request.into_parts();
    let answer = async {
        let caller = caller::of(&app.server, &parts.headers).await?;
        listing::catalog(&app.server, &caller, &parts.uri).await
    };
    shown(answer.await, challenge)
}

async fn repository(State(app): State<App>, Path(rest): Path<String>, request: Request) -> Response {
    let method = request.method().clone();
    let Some((name, endpoint)) = path::parse(&rest) else {
        return problem::nothing_here();
    };
    let scope = format!("repository:{name}:{}", endpoint.actions(&method));
    let challenge = Challenge::of(&app.server, &request, Some(scope));
    let headers = request.headers().clone();
    let answer = async {
        let caller = caller::of(&app.server, &headers).await?;
        let name = name.parse()?;
        answer(Asked { server: app.server, caller, name, method, request }, endpoint).await
    };
    shown(answer.await, challenge)
}

async fn answer(asked: Asked, endpoint: Endpoint<'_>) -> Result<Response, DistributionError> {
    let is_read = matches!(asked.method, Method::GET | Method::HEAD);
    match endpoint {
        Endpoint::Manifest(reference) if is_read => manifests::get(asked, reference).await,
        Endpoint::Manifest(reference) => match asked.method {
            Method::PUT => manifests::put(asked, reference).await,
            Method::DELETE => manifests::delete(asked, reference).await,
            _ => Ok(problem::method_not_allowed()),
        },
        Endpoint::Blob(digest) if is_read => blobs::get(asked, digest).await,
        Endpoint::Blob(digest) if asked.method == Method::DELETE => blobs::delete(asked, digest).await,
        Endpoint::Uploads if asked.method == Method::POST => uploads::begin(asked).await,
        Endpoint::Upload(id) => match asked.method {
            Method::GET => uploads::status(asked, id).await,
            Method::PATCH => uploads::take_piece(asked, id).await,
            Method::PUT => uploads::finish(asked, id).await,
            Method::DELETE => uploads::abandon(asked, id).await,
            _ => Ok(problem::method_not_allowed()),
        },
        Endpoint::Tags if is_read => listing::tags(asked).await,
        Endpoint::Referrers(digest) if is_read => listing::referrers(asked, digest).await,
        _ => Ok(problem::method_not_allowed()),
    }
}

fn shown(answer: Result<Response, DistributionError>, challenge: Challenge) -> Response {
    match answer {
        Ok(response) => problem::with_version(response),
        Err(error) => Refused::new(error, challenge).into_response(),
    }
}

/// An answer without a body.
fn empty<const N: usize>(status: StatusCode, headers: [(&'static str, String); N]) -> Response {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    response.body(Body::empty()).expect("the values are plain text")
}

fn digest(text: &str) -> Result<imagewright_oci::Digest, DistributionError> {
    text.parse().map_err(|error: imagewright_oci::DigestError| DistributionError::Digest(error.to_string()))
}

/// A value behind the question mark.
fn query(uri: &http::Uri, wanted: &str) -> Option<String> {
    let pairs: axum::extract::Query<Vec<(String, String)>> = axum::extract::Query::try_from_uri(uri).ok()?;
    pairs.0.into_iter().find(|(name, _)| name == wanted).map(|(_, value)| value)
}
