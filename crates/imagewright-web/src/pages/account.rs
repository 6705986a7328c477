//! What somebody looks after for themselves: tokens and the password.

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use imagewright_catalog::{Role, Token, TokenId, TokenScope};
use imagewright_model::Secret;
use imagewright_server::{NewToken, PersonView, ServerError};
use jiff::{SignedDuration, Timestamp};

use super::failure::{PageFailure, Shown, page};
use super::fields::Fields;
use super::frame::{DoneQuery, Frame, Place};
use super::images::word;
use super::show;
use super::visitor::{Posted, Visitor};
use crate::App;

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/account", get(account))
        .route("/account/tokens", post(issue))
        .route("/account/tokens/{id}/revoke", post(revoke))
        .route("/account/password", post(change_password))
}

/// For how many days a token is good, as it can be chosen.
const LASTS: [(&str, &str); 4] =
    [("30", "30 days"), ("90", "90 days"), ("365", "a year"), ("", "until it is revoked")];

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    frame: Frame,
    me: PersonView,
    tokens: Vec<Token>,
    host: String,
    /// A token that was just made: it is shown once.
    issued: Option<(String, Secret)>,
    fields: Fields,
}

impl AccountPage {
    async fn new(app: &App, visitor: &Visitor) -> Result<Self, PageFailure> {
        let me = app.server.me(&visitor.principal).await?;
        let tokens = app.server.tokens(&visitor.principal).await?;
        let host = app.server.registry_host().to_owned();
        let frame = Frame::new("Account", Place::Account, visitor);
        Ok(Self { frame, me, tokens, host, issued: None, fields: Fields::default() })
    }
}

async fn account(State(app): State<App>, visitor: Visitor, Query(query): Query<DoneQuery>) -> Shown {
    let account = AccountPage::new(&app, &visitor).await?;
    Ok(page(
        StatusCode::OK,
        &AccountPage { frame: Frame::new("Account", Place::Account, &visitor).after(query.done), ..account },
    ))
}

async fn issue(State(app): State<App>, Posted { visitor, fields }: Posted) -> Shown {
    let days: Option<i64> = fields.text("lasts").parse().ok();
    let expires_at =
        days.and_then(|days| Timestamp::now().checked_add(SignedDuration::from_hours(days * 24)).ok());
    let scope = word(&fields, "scope").unwrap_or_default();
    let new = NewToken { name: fields.text("name").to_owned(), scope, expires_at };
    let issued = match app.server.issue_token(&visitor.principal, new).await {
        Ok(issued) => issued,
        Err(error) => return again(&app, &visitor, fields, error).await,
    };
    let account = AccountPage::new(&app, &visitor).await?;
    Ok(page(StatusCode::OK, &AccountPage { issued: Some((issued.token.name, issued.secret)), ..account }))
}

async fn revoke(State(app): State<App>, Path(id): Path<TokenId>, Posted { visitor, .. }: Posted) -> Shown {
    app.server.revoke_token(&visitor.principal, &id).await?;
    Ok(Redirect::to("/account?done=revoked").into_response())
}

async fn change_password(State(app): State<App>, Posted { visitor, fields }: Posted) -> Shown {
    let (current, new) = (Secret::new(fields.exact("current")), Secret::new(fields.exact("password")));
    match app.server.change_own_password(&visitor.principal, current, new).await {
        // Other sessions end with it, and this one too.
        Ok(()) => Ok(Redirect::to("/login?done=saved").into_response()),
        Err(error) => again(&app, &visitor, fields, error).await,
    }
}

async fn again(
    app: &App,
    visitor: &Visitor,
    fields: Fields,
    error: ServerError,
) -> Result<Response, PageFailure> {
    let fields = match error {
        ServerError::WrongLogin => fields.wrong("/current", "this is not your password"),
        error => fields.refused(error)?,
    };
    let account = AccountPage::new(app, visitor).await?;
    Ok(page(StatusCode::UNPROCESSABLE_ENTITY, &AccountPage { fields, ..account }))
}
