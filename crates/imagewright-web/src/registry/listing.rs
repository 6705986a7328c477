//! Lists: repositories, tags, referrers.

use axum::Json;
use axum::http::{HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use imagewright_server::Server;
use imagewright_server::distribution::{Caller, DistributionError, Paged};
use serde_json::json;

use super::{Asked, digest, query};

/// So many repositories come at once where nothing is said.
const REPOSITORIES: usize = 1000;

pub(super) async fn tags(asked: Asked) -> Result<Response, DistributionError> {
    let (n, last) = page(asked.request.uri())?;
    let page = asked.server.registry_tags(&asked.caller, &asked.name, n, last.as_deref()).await?;
    let body = Json(json!({"name": asked.name.as_str(), "tags": page.names})).into_response();
    Ok(linked(body, &format!("/v2/{}/tags/list", asked.name), &page, n))
}

pub(super) async fn catalog(
    server: &Server,
    caller: &Caller,
    uri: &Uri,
) -> Result<Response, DistributionError> {
    let (n, last) = page(uri)?;
    let n = Some(n.unwrap_or(REPOSITORIES).min(REPOSITORIES));
    let page = server.registry_catalog(caller, n, last.as_deref()).await?;
    let body = Json(json!({"repositories": page.names})).into_response();
    Ok(linked(body, "/v2/_catalog", &page, n))
}

pub(super) async fn referrers(asked: Asked, text: &str) -> Result<Response, DistributionError> {
    let wanted = query(asked.request.uri(), "artifactType");
    let subject = digest(text)?;
    let found = asked.server.registry_referrers(&asked.caller, &asked.name, &subject, wanted.as_deref());
    let mut response = Json(found.await?).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/vnd.oci.image.index.v1+json"));
    if wanted.is_some() {
        headers.insert("oci-filters-applied", HeaderValue::from_static("artifactType"));
    }
    Ok(response)
}

fn page(uri: &Uri) -> Result<(Option<usize>, Option<String>), DistributionError> {
    let n = query(uri, "n").map(|text| text.parse()).transpose();
    let n = n.map_err(|_| DistributionError::Page("`n` is a number".to_owned()))?;
    Ok((n, query(uri, "last").filter(|last| !last.is_empty())))
}

/// With the address of the next page, if there is one.
fn linked(mut response: Response, path: &str, page: &Paged, n: Option<usize>) -> Response {
    if let (true, Some(n), Some(last)) = (page.more, n, page.names.last())
        && let Ok(link) =
            HeaderValue::from_str(&format!("<{path}?n={n}&last={}>; rel=\"next\"", escaped(last)))
    {
        response.headers_mut().insert(header::LINK, link);
    }
    response
}

/// Names have few characters that mean something in addresses.
fn escaped(name: &str) -> String {
    name.replace('/', "%2F")
}
