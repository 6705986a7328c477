//! A kernelspec for an image: taken along, or put where the gateway reads it.

use askama::Template;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use axum::routing::get;
use imagewright_catalog::{Image, Name};
use imagewright_server::{KernelspecView, NewImageKernelspec, Server, ServerError};

use super::form;
use crate::App;
use crate::address::in_address;
use crate::api::kernelspecs::sent;
use crate::pages::failure::{Shown, page};
use crate::pages::fields::Fields;
use crate::pages::frame::{Frame, Place};
use crate::pages::show;
use crate::pages::visitor::{Posted, Visitor};

pub(super) fn router() -> Router<App> {
    Router::new().route("/images/{name}/kernelspecs", get(show_form).post(make))
}

#[derive(Template)]
#[template(path = "kernelspecs/make.html")]
struct MakePage {
    frame: Frame,
    image: Image,
    fields: Fields,
    /// Those that start it already.
    known: Vec<KernelspecView>,
    /// What will not work of what is asked for; it is made all the same where somebody says so.
    warnings: Vec<String>,
    /// Whether whoever looks may put it where a gateway reads it.
    may_put: bool,
}

impl MakePage {
    // What follows is called by templates.

    fn proxies() -> [&'static str; 8] {
        Server::process_proxies()
    }

    /// What was chosen, else the simplest.
    fn is_chosen(&self, proxy: &str) -> bool {
        let chosen = self.fields.text("proxy");
        proxy == if chosen.is_empty() { "docker" } else { chosen }
    }

    fn problem(&self, pointer: &str) -> Option<&str> {
        self.fields.problem(pointer)
    }
}

async fn the_page(
    app: &App,
    visitor: &Visitor,
    name: &Name,
    fields: Fields,
    warnings: Vec<String>,
    status: StatusCode,
) -> Result<axum::response::Response, ServerError> {
    let image = app.server.image(&visitor.principal, name).await?.image;
    let known = app.server.kernelspecs_of_image(&visitor.principal, name).await?;
    let frame = Frame::new(format!("Kernelspecs of {}", image.display_name), Place::Images, visitor);
    let may_put = app.server.has_kernels_folder() && visitor.is_admin();
    Ok(page(status, &MakePage { frame, image, fields, known, warnings, may_put }))
}

async fn show_form(State(app): State<App>, visitor: Visitor, Path(name): Path<Name>) -> Shown {
    Ok(the_page(&app, &visitor, &name, Fields::default(), Vec::new(), StatusCode::OK).await?)
}

async fn make(State(app): State<App>, Path(name): Path<Name>, Posted { visitor, fields }: Posted) -> Shown {
    let made = match form::wanted(&fields) {
        Ok(new) => carry_out(&app, &visitor, &name, new, &fields).await,
        Err(detail) => {
            let fields = fields.wrong("/env", detail);
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return Ok(the_page(&app, &visitor, &name, fields, Vec::new(), status).await?);
        }
    };
    match made {
        Ok(Made::Response(response)) => Ok(response),
        Ok(Made::Doubts(warnings)) => {
            Ok(the_page(&app, &visitor, &name, fields, warnings, StatusCode::OK).await?)
        }
        Err(error @ ServerError::Invalid(_)) => {
            let fields = fields.refused(error)?;
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(the_page(&app, &visitor, &name, fields, Vec::new(), status).await?)
        }
        Err(error @ ServerError::Conflict { .. }) => {
            let detail = error.hint().map_or_else(|| error.to_string(), |hint| format!("{error}: {hint}"));
            let (fields, status) = (fields.wrong("", detail), StatusCode::CONFLICT);
            Ok(the_page(&app, &visitor, &name, fields, Vec::new(), status).await?)
        }
        Err(error) => Err(error.into()),
    }
}

/// What came of a form.
enum Made {
    Response(axum::response::Response),
    /// Something will not work, and nobody has said that it is wanted all the same.
    Doubts(Vec<String>),
}

async fn carry_out(
    app: &App,
    visitor: &Visitor,
    name: &Name,
    new: NewImageKernelspec,
    fields: &Fields,
) -> Result<Made, ServerError> {
    let (server, principal) = (&app.server, &visitor.principal);
    if !fields.has("sure", "true") {
        let warnings = server.kernelspec_warnings(principal, name, new.clone()).await?;
        if !warnings.is_empty() {
            return Ok(Made::Doubts(warnings));
        }
    }
    if !fields.has("then", "put") {
        return Ok(Made::Response(sent(server.make_kernelspec(principal, name, new).await?)));
    }
    let made = server.add_kernelspec(principal, name, new).await?;
    let address = format!("/kernelspecs?done=added#{}", in_address(&made.kernelspec.name));
    Ok(Made::Response(Redirect::to(&address).into_response()))
}
