//! Logging in and out, and the first administrator.

use askama::Template;
use axum::Router;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use imagewright_model::{ErrorKind, Secret};
use imagewright_server::ServerError;
use serde::Deserialize;

use super::failure::{PageFailure, Shown, page};
use super::fields::Fields;
use super::frame::{Done, Frame};
use super::visitor::{SessionOverPage, sent};
use crate::App;
use crate::session::{Address, SESSION};

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/login", get(login).post(log_in))
        .route("/logout", post(log_out))
        .route("/setup", get(setup).post(set_up))
}

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    frame: Frame,
    fields: Fields,
    /// Whether people log in at a provider.
    has_provider: bool,
    trouble: Option<String>,
}

#[derive(Deserialize)]
struct LoginQuery {
    return_to: Option<String>,
    done: Option<Done>,
}

async fn login(State(app): State<App>, Query(query): Query<LoginQuery>) -> Response {
    let fields =
        Fields::default().with("return_to", own_page(query.return_to.as_deref().unwrap_or_default()));
    let frame = Frame::outside("Log in").after(query.done);
    let has_provider = app.server.has_provider();
    page(StatusCode::OK, &LoginPage { frame, fields, has_provider, trouble: None })
}

/// Where the name of a field begins that waits for a login.
const KEPT: &str = "kept.";

async fn log_in(
    State(app): State<App>,
    Address(address): Address,
    request: Request,
) -> Result<Response, Response> {
    let fields = sent(request, &app).await?;
    let password = Secret::new(fields.exact("password"));
    let kept = kept(&fields);
    match app.server.log_in(fields.text("name"), password, address).await {
        Ok(session) => {
            let cookie = AppendHeaders([app.access.begin(&session)]);
            Ok(match kept {
                // Sent on by whoever filled it in: the name and the password are not for that page.
                Some((path, fields)) => {
                    (cookie, page(StatusCode::OK, &ResumePage::new(path, fields))).into_response()
                }
                None => (cookie, Redirect::to(own_page(fields.text("return_to")))).into_response(),
            })
        }
        Err(error) => {
            let (status, trouble) = refusal(error)?;
            Ok(match kept {
                Some((path, fields)) => page(status, &SessionOverPage::new(path, fields, Some(trouble))),
                None => {
                    let has_provider = app.server.has_provider();
                    let frame = Frame::outside("Log in");
                    page(status, &LoginPage { frame, fields, has_provider, trouble: Some(trouble) })
                }
            })
        }
    }
}

/// What to tell somebody who does not come in; what is not their doing is a page of its own.
fn refusal(error: ServerError) -> Result<(StatusCode, String), Response> {
    match error {
        ServerError::WrongLogin => Ok((
            StatusCode::UNAUTHORIZED,
            "Name or password is wrong, or the account is disabled.".to_owned(),
        )),
        ServerError::TooOften { seconds } => {
            Ok((StatusCode::TOO_MANY_REQUESTS, format!("There were too many tries. Wait {seconds} seconds.")))
        }
        error => Err(PageFailure::from(error).into_response()),
    }
}

fn kept(fields: &Fields) -> Option<(String, Fields)> {
    let path = fields.filled("kept_for")?;
    let sent = fields.sent().iter();
    let sent = sent.filter_map(|(name, value)| Some((name.strip_prefix(KEPT)?.to_owned(), value.clone())));
    Some((own_page(&path).to_owned(), Fields::new(sent.collect())))
}

/// A path of ours; what leads elsewhere leads to the images.
fn own_page(path: &str) -> &str {
    let is_ours =
        path.starts_with('/') && !path.starts_with("//") && !path.contains(['\\', '\r', '\n', '\t']);
    if is_ours { path } else { "/images" }
}

#[derive(Template)]
#[template(path = "resume.html")]
struct ResumePage {
    frame: Frame,
    path: String,
    fields: Fields,
}

impl ResumePage {
    fn new(path: String, fields: Fields) -> Self {
        Self { frame: Frame::outside("Logged in again"), path, fields }
    }
}

async fn log_out(State(app): State<App>, headers: HeaderMap, request: Request) -> Result<Response, Response> {
    sent(request, &app).await?;
    if let Some(session) = app.access.cookie(&headers, SESSION) {
        app.server.log_out(&session).await.map_err(|error| PageFailure::from(error).into_response())?;
    }
    let cookie = AppendHeaders([app.access.set_cookie(SESSION, "", 0)]);
    Ok((cookie, Redirect::to("/login?done=logged-out")).into_response())
}

#[derive(Template)]
#[template(path = "setup.html")]
struct SetupPage {
    frame: Frame,
    fields: Fields,
    trouble: Option<String>,
}

#[derive(Deserialize)]
struct SetupQuery {
    #[serde(default)]
    token: String,
}

async fn setup(Query(query): Query<SetupQuery>) -> Shown {
    let fields = Fields::default().with("token", query.token);
    Ok(page(
        StatusCode::OK,
        &SetupPage { frame: Frame::outside("The first administrator"), fields, trouble: None },
    ))
}

async fn set_up(
    State(app): State<App>,
    Address(address): Address,
    request: Request,
) -> Result<Response, Response> {
    let fields = sent(request, &app).await?;
    let again = |status, fields, trouble| {
        let frame = Frame::outside("The first administrator");
        page(status, &SetupPage { frame, fields, trouble })
    };
    let (token, password) = (Secret::new(fields.text("token")), Secret::new(fields.exact("password")));
    match app.server.set_up(&token, fields.text("name").to_owned(), password, address).await {
        Ok(session) => {
            Ok((AppendHeaders([app.access.begin(&session)]), Redirect::to("/images")).into_response())
        }
        Err(ServerError::WrongLogin) => {
            let trouble = "This link was used, or is older than an hour. Start the server again for another."
                .to_owned();
            Ok(again(StatusCode::UNAUTHORIZED, fields, Some(trouble)))
        }
        Err(error) if error.kind() == ErrorKind::Invalid => match fields.refused(error) {
            Ok(fields) => Ok(again(StatusCode::UNPROCESSABLE_ENTITY, fields, None)),
            Err(error) => Err(PageFailure::from(error).into_response()),
        },
        Err(error) => {
            let (status, trouble) = refusal(error)?;
            Ok(again(status, fields, Some(trouble)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_elsewhere() {
        for (sent, goes_to) in [
            ("/images/a?b=c", "/images/a?b=c"),
            ("", "/images"),
            ("https://elsewhere.example/", "/images"),
            ("//elsewhere.example/", "/images"),
            ("/\\elsewhere.example", "/images"),
            ("/\t/elsewhere.example", "/images"),
        ] {
            assert_eq!(own_page(sent), goes_to, "{sent:?}");
        }
    }
}
