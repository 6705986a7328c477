//! Adding, changing and repairing a runtime image, and what else is done to one.

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use imagewright_catalog::{Name, Refusal};
use imagewright_server::{RuntimeImageOrigin, RuntimeImageSave, RuntimeImageView, ServerError};
use serde::Deserialize;

use super::form::{self, POLICIES};
use super::list::place_of;
use crate::App;
use crate::address::in_address;
use crate::pages::failure::{Shown, page};
use crate::pages::fields::Fields;
use crate::pages::frame::{Done, DoneQuery, Frame, Place};
use crate::pages::show;
use crate::pages::visitor::{Posted, Visitor};

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/runtime-images/new", get(new).post(add))
        .route("/runtime-images/{name}/edit", get(edit).post(save))
        .route("/runtime-images/{name}/duplicate", post(duplicate))
        .route("/runtime-images/{name}/delete", get(ask_to_delete).post(delete))
        .route("/runtime-images/{name}/hide", post(hide))
}

#[derive(Template)]
#[template(path = "runtime_images/form.html")]
struct FormPage {
    frame: Frame,
    fields: Fields,
    /// The one that is changed; none where one is added.
    image: Option<RuntimeImageView>,
}

impl FormPage {
    fn new(visitor: &Visitor, fields: Fields, image: Option<RuntimeImageView>, done: Option<Done>) -> Self {
        let title = match &image {
            Some(image) if !image.is_valid() => format!("Repair {}", image.display_name),
            Some(image) => format!("Change {}", image.display_name),
            None => "New runtime image".to_owned(),
        };
        Self { frame: Frame::new(title, Place::RuntimeImages, visitor).after(done), fields, image }
    }

    // What follows is called by templates.

    fn action(&self) -> String {
        match &self.image {
            Some(image) => format!("/runtime-images/{}/edit", in_address(&image.name)),
            None => "/runtime-images/new".to_owned(),
        }
    }

    /// When nodes ask the registry: what can be chosen, and what is wrong in the file.
    fn policies(&self) -> Vec<&str> {
        let known = self.fields.text("pull_policy");
        let unknown = Some(known).filter(|known| !known.is_empty() && !POLICIES.contains(known));
        POLICIES.into_iter().chain(unknown).collect()
    }

    fn is_factory(image: &RuntimeImageView) -> bool {
        image.origin == RuntimeImageOrigin::Factory
    }

    fn place_of(image: &RuntimeImageView) -> Option<String> {
        place_of(&image.image_name)
    }

    /// What is wrong with a field: with what was sent, else with what the file has.
    fn problem(&self, pointer: &str) -> Option<&str> {
        if !self.fields.problems().is_empty() {
            return self.fields.problem(pointer);
        }
        let problem = self.image.as_ref()?.problem.as_ref()?;
        problem.pointer.starts_with(pointer).then_some(problem.detail.as_str())
    }
}

/// Nobody but administrators changes anything here.
fn refuse_others(visitor: &Visitor) -> Result<(), ServerError> {
    if visitor.is_admin() { Ok(()) } else { Err(Refusal::Forbidden.into()) }
}

#[derive(Deserialize)]
struct NewQuery {
    /// An image of the catalogue that it is to name.
    of: Option<Name>,
}

async fn new(State(app): State<App>, visitor: Visitor, Query(query): Query<NewQuery>) -> Shown {
    refuse_others(&visitor)?;
    if !app.server.has_runtime_images() {
        return Ok(Redirect::to("/runtime-images").into_response());
    }
    let fields = match query.of {
        Some(name) => form::of_image(&app.server.image(&visitor.principal, &name).await?.image),
        None => Fields::default(),
    };
    Ok(page(StatusCode::OK, &FormPage::new(&visitor, fields, None, None)))
}

async fn add(State(app): State<App>, Posted { visitor, fields }: Posted) -> Shown {
    let new = form::new(&fields);
    match app.server.add_runtime_image(&visitor.principal, fields.filled("name"), new).await {
        Ok(name) => Ok(to_list(&name, "added")),
        Err(error) => again(&visitor, fields, None, error),
    }
}

/// Goes to the list, and in it to one of them.
fn to_list(name: &str, done: &str) -> axum::response::Response {
    Redirect::to(&format!("/runtime-images?done={done}#{}", in_address(name))).into_response()
}

/// The form with what is wrong with it.
fn again(visitor: &Visitor, fields: Fields, image: Option<RuntimeImageView>, error: ServerError) -> Shown {
    let status = match &error {
        ServerError::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::CONFLICT,
    };
    let kept = fields.clone();
    let fields = match fields.refused(error) {
        Ok(fields) => fields,
        Err(error @ ServerError::Refused(_)) => return Err(error.into()),
        // Nothing that was typed is lost by what came between.
        Err(error) => {
            let detail = error.hint().map_or_else(|| error.to_string(), |hint| format!("{error}: {hint}"));
            kept.wrong("", detail)
        }
    };
    Ok(page(status, &FormPage::new(visitor, fields, image, None)))
}

async fn edit(
    State(app): State<App>,
    visitor: Visitor,
    Path(name): Path<String>,
    Query(query): Query<DoneQuery>,
) -> Shown {
    refuse_others(&visitor)?;
    let image = app.server.runtime_image(&visitor.principal, &name).await?;
    // There is nothing in it to change: it is shown again, or left.
    if image.is_hiding {
        return Ok(Redirect::to("/runtime-images").into_response());
    }
    let fields = form::filled(&image);
    Ok(page(StatusCode::OK, &FormPage::new(&visitor, fields, Some(image), query.done)))
}

async fn save(State(app): State<App>, Path(name): Path<String>, Posted { visitor, fields }: Posted) -> Shown {
    refuse_others(&visitor)?;
    let (server, principal) = (&app.server, &visitor.principal);
    let image = match server.runtime_image(principal, &name).await {
        Ok(image) => image,
        // Somebody has deleted it: what was typed can be added anew.
        Err(error @ ServerError::NotFound { .. }) => {
            let fields = fields.without("name").with("name", &name);
            return again(&visitor, fields, None, error);
        }
        Err(error) => return Err(error.into()),
    };
    let save = RuntimeImageSave {
        version: fields.text("version").to_owned(),
        may_drop: fields.has("may_drop", "true"),
    };
    let saved = match fields.has("then", "text") {
        true => server.rewrite_runtime_image(principal, &name, save, fields.exact("text").to_owned()).await,
        false => server.change_runtime_image(principal, &name, save, form::change(&fields, &image)).await,
    };
    match saved {
        Ok(name) => Ok(to_list(&name, "saved")),
        Err(error) => again(&visitor, fields, Some(image), error),
    }
}

async fn duplicate(
    State(app): State<App>,
    Path(name): Path<String>,
    Posted { visitor, .. }: Posted,
) -> Shown {
    let copy = app.server.duplicate_runtime_image(&visitor.principal, &name).await?;
    Ok(Redirect::to(&format!("/runtime-images/{}/edit?done=duplicated", in_address(&copy))).into_response())
}

#[derive(Template)]
#[template(path = "runtime_images/delete.html")]
struct DeletePage {
    frame: Frame,
    image: RuntimeImageView,
}

async fn ask_to_delete(State(app): State<App>, visitor: Visitor, Path(name): Path<String>) -> Shown {
    refuse_others(&visitor)?;
    let image = app.server.runtime_image(&visitor.principal, &name).await?;
    let frame = Frame::new(format!("Delete {}", image.display_name), Place::RuntimeImages, &visitor);
    Ok(page(StatusCode::OK, &DeletePage { frame, image }))
}

async fn delete(State(app): State<App>, Path(name): Path<String>, Posted { visitor, .. }: Posted) -> Shown {
    app.server.delete_runtime_image(&visitor.principal, &name).await?;
    Ok(Redirect::to("/runtime-images?done=removed").into_response())
}

async fn hide(State(app): State<App>, Path(name): Path<String>, Posted { visitor, .. }: Posted) -> Shown {
    let name = app.server.hide_runtime_image(&visitor.principal, &name).await?;
    Ok(to_list(&name, "hidden"))
}
