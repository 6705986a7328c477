//! Who looks at a page, and what they sent.

use askama::Template;
use axum::Form;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use imagewright_catalog::Principal;

use super::failure::{PageFailure, page};
use super::fields::Fields;
use super::frame::Frame;
use crate::App;
use crate::address::in_address;
use crate::session::{Programs, SESSION};

/// Somebody who is logged in. Who is not is sent to where one logs in, and comes back.
#[derive(Clone, Debug)]
pub(super) struct Visitor {
    pub(super) principal: Principal,
    /// Whether there is a folder of runtime images.
    pub(super) has_runtime_images: bool,
    /// Whether there is a folder of kernelspecs.
    pub(super) has_kernels_folder: bool,
}

impl Visitor {
    async fn find(headers: &HeaderMap, app: &App) -> Result<Option<Self>, PageFailure> {
        let Some(session) = app.access.cookie(headers, SESSION) else { return Ok(None) };
        let has_runtime_images = app.server.has_runtime_images();
        let principal = app.server.principal_of_session(&session).await?;
        Ok(principal.map(|principal| Self {
            principal,
            has_runtime_images,
            has_kernels_folder: app.server.has_kernels_folder(),
        }))
    }

    // What follows is called by templates.

    pub(super) fn name(&self) -> &str {
        &self.principal.name
    }

    /// Whether somebody looks after the whole server.
    pub(super) fn is_admin(&self) -> bool {
        self.principal.admin
    }

    /// Whether somebody is led to runtime images: where there are any, and who can have some.
    pub(super) fn sees_runtime_images(&self) -> bool {
        self.has_runtime_images || self.is_admin()
    }

    /// Whether somebody may add images.
    pub(super) fn adds_images(&self) -> bool {
        self.principal.admin || self.principal.looks_after_some_group()
    }
}

impl FromRequestParts<App> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        match Self::find(&parts.headers, app).await {
            Ok(Some(visitor)) => Ok(visitor),
            Ok(None) => Err(to_login(parts)),
            Err(failure) => Err(failure.into_response()),
        }
    }
}

fn to_login(parts: &Parts) -> Response {
    let wanted = parts.uri.path_and_query().map_or("/", |wanted| wanted.as_str());
    let address = format!("/login?return_to={}", in_address(wanted));
    // A part of a page cannot take the place of a page.
    if parts.headers.contains_key("hx-request") {
        return (StatusCode::NO_CONTENT, [(HeaderName::from_static("hx-redirect"), address)]).into_response();
    }
    Redirect::to(&address).into_response()
}

/// A form that somebody who is logged in has sent from a page of ours. Where the session has ended meanwhile, what was filled in waits in a page on which
/// one logs in again.
pub(super) struct Posted {
    pub(super) visitor: Visitor,
    pub(super) fields: Fields,
}

impl FromRequest<App> for Posted {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        let path = request.uri().path().to_owned();
        let visitor = Visitor::find(request.headers(), app).await.map_err(IntoResponse::into_response)?;
        let fields = sent(request, app).await?;
        match visitor {
            Some(visitor) => Ok(Self { visitor, fields }),
            None => Err(page(StatusCode::UNAUTHORIZED, &SessionOverPage::new(path, fields, None))),
        }
    }
}

/// The form of a request that no other site made the browser send.
pub(super) async fn sent(request: Request, app: &App) -> Result<Fields, Response> {
    if let Err(problem) = app.access.refuse_other_sites(request.headers(), Programs::Refused) {
        return Err(PageFailure::from(problem).into_response());
    }
    let form = Form::<Vec<(String, String)>>::from_request(request, app).await;
    let Form(sent) = form.map_err(|rejection| PageFailure::unreadable(&rejection).into_response())?;
    Ok(Fields::new(sent))
}

/// Logs in again, and goes on with what was filled in.
#[derive(Template)]
#[template(path = "session_over.html")]
pub(super) struct SessionOverPage {
    frame: Frame,
    path: String,
    fields: Fields,
    trouble: Option<String>,
}

impl SessionOverPage {
    pub(super) fn new(path: String, fields: Fields, trouble: Option<String>) -> Self {
        Self { frame: Frame::outside("Log in again"), path, fields, trouble }
    }
}
