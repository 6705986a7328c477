//! Idempotency keys: what is asked for with one is done once.

use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, Method};
use axum::middleware::Next;
use axum::response::Response;
use imagewright_server::Repeatable;
use utoipa::IntoParams;

use crate::extract::bytes;
use crate::{App, Problem};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// What descriptions say of it.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it is read from it what the header is called and for")]
pub(crate) struct OnceHeader {
    /// 1 to 255 visible characters, such as a UUID. For 24 hours, the same request of the same person with the same key gets the same answer,
    /// and nothing is done again; another request with it is refused (422), and one that comes while the first is carried out (409).
    #[param(rename = "Idempotency-Key", max_length = 255)]
    idempotency_key: Option<String>,
}

/// The key of a request, for handlers of what is done once.
pub(crate) struct Once(pub(crate) Option<Repeatable>);

impl FromRequestParts<App> for Once {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        Ok(Self(parts.extensions.remove::<Repeatable>()))
    }
}

/// That an answer holds what is shown once and kept nowhere, so that it cannot be given again.
pub(crate) struct ShownOnce;

impl FromRequestParts<App> for ShownOnce {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        if !parts.headers.contains_key(KEY) {
            return Ok(Self);
        }
        let detail =
            "`Idempotency-Key` cannot be kept to here: the answer holds a secret, which is kept nowhere";
        let hint = "send the request without it; what came of one whose answer got lost can be looked at and removed";
        Err(Problem::bad_request(detail).with_hint(hint))
    }
}

/// Looks at a request with a key as a whole, so that it can be told from others.
pub(crate) async fn read(State(app): State<App>, request: Request, next: Next) -> Result<Response, Problem> {
    let is_kept = request.method() == Method::POST && request.uri().path().starts_with("/api/");
    let Some(key) = request.headers().get(KEY).cloned().filter(|_| is_kept) else {
        return Ok(next.run(request).await);
    };
    let (parts, body) = request.into_parts();
    let body = bytes(Request::from_parts(parts.clone(), body), &app).await?;
    let address = parts.uri.path_and_query().map_or("/", |address| address.as_str());
    let repeatable = key.to_str().ok().and_then(|key| Repeatable::new(key, &[address.as_bytes(), &body]));
    let Some(repeatable) = repeatable else {
        let problem = Problem::bad_request("`Idempotency-Key` is 1 to 255 visible characters of ASCII");
        return Err(problem.with_hint("send a new UUID with each new request"));
    };
    let mut request = Request::from_parts(parts, Body::from(body));
    request.extensions_mut().insert(repeatable);
    Ok(next.run(request).await)
}
