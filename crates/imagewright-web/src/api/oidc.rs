//! Logging in at a provider: the two addresses that a browser goes to, on its way there and back.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use imagewright_model::Secret;
use imagewright_server::ReturnedLogin;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::Query;
use crate::{App, Problem};

/// Where the provider sends the browser back to.
const CALLBACK: &str = "/api/v1/login/oidc/callback";

/// The cookie of a login that has begun.
const LOGIN: &str = "imagewright-login";

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(begin)).routes(routes!(finish))
}

/// Where somebody wants to be.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct BeginQuery {
    /// The page of ours that the browser goes to afterwards.
    return_to: Option<String>,
}

/// Sends the browser to the provider.
#[utoipa::path(
    get, path = "/login/oidc", params(BeginQuery), tag = "session", operation_id = "begin_oidc_login",
    responses((status = 303), (status = "default", body = Problem)),
)]
async fn begin(
    State(app): State<App>,
    headers: HeaderMap,
    Query(query): Query<BeginQuery>,
) -> Result<impl IntoResponse, Problem> {
    let redirect = callback(&app, &headers)?;
    let begun = app.server.begin_login(redirect, query.return_to.as_deref().unwrap_or("/")).await?;
    let cookie = app.access.set_cookie(LOGIN, begun.browser.expose(), begun.seconds);
    Ok((StatusCode::SEE_OTHER, [cookie, location(&begun.address)?]))
}

/// What the provider sends along.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct FinishQuery {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

/// Takes the browser back from the provider, and logs in whoever it says it is.
#[utoipa::path(
    get, path = "/login/oidc/callback", params(FinishQuery), tag = "session", operation_id = "finish_oidc_login",
    responses((status = 303), (status = "default", body = Problem)),
)]
async fn finish(
    State(app): State<App>,
    headers: HeaderMap,
    Query(query): Query<FinishQuery>,
) -> Result<impl IntoResponse, Problem> {
    let refused = |detail: String| Problem::new(StatusCode::UNAUTHORIZED, "login-failed", detail);
    if let Some(error) = query.error {
        let why = query.error_description.unwrap_or_default();
        return Err(refused(format!(
            "the provider logged nobody in: `{}` {}",
            error.escape_debug(),
            why.escape_debug()
        )));
    }
    let browser = app.access.cookie(&headers, LOGIN);
    let (Some(code), Some(state), Some(browser)) = (query.code, query.state, browser) else {
        let problem = refused("this login did not begin in this browser, or took too long".to_owned());
        return Err(problem.with_hint("begin again, with cookies allowed"));
    };
    let (code, state) = (Secret::new(code), Secret::new(state));
    let redirect = callback(&app, &headers)?;
    let (session, page) = app.server.finish_login(ReturnedLogin { code, state, browser, redirect }).await?;
    let forgotten = app.access.set_cookie(LOGIN, "", 0);
    let headers = [app.access.begin(&session), location(&page)?];
    Ok((
        StatusCode::SEE_OTHER,
        axum::response::AppendHeaders([forgotten]),
        axum::response::AppendHeaders(headers),
    ))
}

/// The address of the second of these, as the browser knows us.
fn callback(app: &App, headers: &HeaderMap) -> Result<String, Problem> {
    if let Some(url) = &app.access.public_url {
        return Ok(format!("{url}{CALLBACK}"));
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.ok_or_else(|| Problem::bad_request("the header `Host` is missing"))?;
    let scheme = if app.access.tls { "https" } else { "http" };
    Ok(format!("{scheme}://{host}{CALLBACK}"))
}

fn location(address: &str) -> Result<(header::HeaderName, header::HeaderValue), Problem> {
    let value = header::HeaderValue::try_from(address);
    Ok((header::LOCATION, value.map_err(|_| Problem::bad_request("this is no address"))?))
}
