//! Making an image, and changing one.

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use imagewright_catalog::{Action, Image, Name, Object, Warning, may};
use imagewright_server::{GivenFile, NewBuild, ServerError};
use serde::Deserialize;

use super::form::{self, Choices, LISTS};
use super::planned::PlannedPart;
use crate::App;
use crate::pages::failure::{PageFailure, Shown, page};
use crate::pages::fields::Fields;
use crate::pages::frame::{Frame, Place};
use crate::pages::show;
use crate::pages::told;
use crate::pages::visitor::{Posted, Visitor};

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/images/new", get(new).post(add))
        .route("/images/{name}/edit", get(edit).post(save))
        .route("/images/{name}/build", post(build))
        .route("/images/{name}/delete", post(delete))
        .route("/images/{name}/deprecate", post(deprecate))
}

#[derive(Template)]
#[template(path = "image/form.html")]
struct FormPage {
    frame: Frame,
    fields: Fields,
    choices: Choices,
    /// The image that is changed; none where one is made.
    image: Option<Image>,
    planned: Option<PlannedPart>,
    /// What would be changed, before it is: field, before, after.
    changes: Option<Vec<(&'static str, String, String)>>,
    /// Files that were read, and what was left of them.
    read: Option<(String, Vec<String>)>,
}

impl FormPage {
    async fn new(
        app: &App,
        visitor: &Visitor,
        fields: Fields,
        image: Option<Image>,
    ) -> Result<Self, PageFailure> {
        let choices = Choices::find(&app.server, &visitor.principal).await?;
        let title = match &image {
            Some(image) => format!("Change {}", image.display_name),
            None => "New image".to_owned(),
        };
        let frame = Frame::new(title, Place::Images, visitor);
        Ok(Self { frame, fields, choices, image, planned: None, changes: None, read: None })
    }

    // What follows is called by templates.

    fn action(&self) -> String {
        match &self.image {
            Some(image) => format!("/images/{}/edit", image.name),
            None => "/images/new".to_owned(),
        }
    }

    fn is_built(&self) -> bool {
        self.fields.has("way", "built")
    }

    /// What is wrong with a list of packages.
    fn list_problem(&self, list: &str) -> Option<&str> {
        self.fields.problem(&format!("/spec/{list}"))
    }
}

#[derive(Deserialize)]
struct NewQuery {
    /// An image that the new one is built on.
    base: Option<String>,
    /// An image that the new one is to be like.
    from: Option<Name>,
}

async fn new(State(app): State<App>, visitor: Visitor, Query(query): Query<NewQuery>) -> Shown {
    if !visitor.adds_images() {
        return Err(ServerError::from(imagewright_catalog::Refusal::Forbidden).into());
    }
    let fields = match (query.from, query.base) {
        (Some(from), _) => {
            let image = app.server.image(&visitor.principal, &from).await?.image;
            form::duplicated(&image)
        }
        (None, base) => {
            let choices = Choices::find(&app.server, &visitor.principal).await?;
            let begun = base
                .map(|base| Fields::default().with("way", "built").with("base", base))
                .unwrap_or_default();
            let usual = form::empty(&choices);
            usual.sent().iter().fold(begun, |fields, (name, value)| fields.with(name, value))
        }
    };
    Ok(page(StatusCode::OK, &FormPage::new(&app, &visitor, fields, None).await?))
}

async fn add(State(app): State<App>, Posted { visitor, fields }: Posted) -> Shown {
    if fields.has("then", "plan") {
        let planned = PlannedPart::find(&app.server, &visitor, &fields).await?;
        let form = FormPage::new(&app, &visitor, fields, None).await?;
        return Ok(page(StatusCode::OK, &FormPage { planned: Some(planned), ..form }));
    }
    if fields.has("then", "read") {
        return read(&app, &visitor, fields, None).await;
    }
    let new = match form::new_image(&fields) {
        Ok(new) => new,
        Err(fields) => return refused(&app, &visitor, fields, None).await,
    };
    match app.server.add_image(&visitor.principal, new, true).await {
        Ok(added) => Ok(to_image(&app, &added.view.image.name, "added", &added.warnings)),
        Err(error) => again(&app, &visitor, fields, None, error).await,
    }
}

/// Goes to an image. Warnings come along: they are about what was found out just now.
fn to_image(app: &App, name: &Name, done: &str, warnings: &[Warning]) -> Response {
    let to = Redirect::to(&format!("/images/{name}?done={done}"));
    let told: Vec<&str> = warnings.iter().map(|warning| warning.detail.as_str()).collect();
    match told.is_empty() {
        true => to.into_response(),
        false => (AppendHeaders([told::set(&app.access, &told.join("\n"))]), to).into_response(),
    }
}

async fn refused(app: &App, visitor: &Visitor, fields: Fields, image: Option<Image>) -> Shown {
    Ok(page(StatusCode::UNPROCESSABLE_ENTITY, &FormPage::new(app, visitor, fields, image).await?))
}

/// The form with what is wrong with it.
async fn again(
    app: &App,
    visitor: &Visitor,
    fields: Fields,
    image: Option<Image>,
    error: ServerError,
) -> Shown {
    let status = match &error {
        ServerError::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::CONFLICT,
    };
    let kept = fields.clone();
    let fields = match fields.refused(error) {
        Ok(fields) => fields,
        Err(error @ (ServerError::Refused(_) | ServerError::NotFound { .. })) => return Err(error.into()),
        // Nothing that was typed is lost by what came between.
        Err(error) => {
            let detail = error.hint().map_or_else(|| error.to_string(), |hint| format!("{error}: {hint}"));
            kept.wrong("", detail)
        }
    };
    Ok(page(status, &FormPage::new(app, visitor, fields, image).await?))
}

async fn changeable(app: &App, visitor: &Visitor, name: &Name) -> Result<Image, PageFailure> {
    let image = app.server.image(&visitor.principal, name).await?.image;
    may(&visitor.principal, Action::Change, Object::from(&image)).map_err(ServerError::from)?;
    Ok(image)
}

async fn edit(State(app): State<App>, visitor: Visitor, Path(name): Path<Name>) -> Shown {
    let image = changeable(&app, &visitor, &name).await?;
    let fields = form::filled(&image);
    Ok(page(StatusCode::OK, &FormPage::new(&app, &visitor, fields, Some(image)).await?))
}

async fn save(State(app): State<App>, Path(name): Path<Name>, Posted { visitor, fields }: Posted) -> Shown {
    let image = changeable(&app, &visitor, &name).await?;
    let change = form::change(&fields, &image);
    let build = match form::new_build(&fields, &image, fields.has("then", "build")) {
        Ok(build) => build,
        Err(fields) => return refused(&app, &visitor, fields, Some(image)).await,
    };
    if fields.has("then", "plan") {
        let planned = PlannedPart::find(&app.server, &visitor, &fields).await?;
        let form = FormPage::new(&app, &visitor, fields, Some(image)).await?;
        return Ok(page(StatusCode::OK, &FormPage { planned: Some(planned), ..form }));
    }
    if fields.has("then", "read") {
        return read(&app, &visitor, fields, Some(image)).await;
    }
    if fields.has("then", "review") {
        let changes = changes(&fields, &form::filled(&image));
        let form = FormPage::new(&app, &visitor, fields, Some(image)).await?;
        return Ok(page(StatusCode::OK, &FormPage { changes: Some(changes), ..form }));
    }
    let revision = fields.text("revision").parse().ok();
    let saved = match app.server.change_image(&visitor.principal, &name, revision, change).await {
        Ok(saved) => saved,
        Err(error) => return again(&app, &visitor, fields, Some(image), error).await,
    };
    let Some(build) = build else { return Ok(to_image(&app, &name, "saved", &saved.warnings)) };
    match app.server.request_build(&visitor.principal, &name, build, true).await {
        Ok(build) => Ok(Redirect::to(&format!("/builds/{}?done=queued", build.id)).into_response()),
        Err(error) => again(&app, &visitor, fields, Some(saved.view.image), error).await,
    }
}

/// The form with what files say filled in. Without a name, a file is what its text looks like.
async fn read(app: &App, visitor: &Visitor, fields: Fields, image: Option<Image>) -> Shown {
    let names = fields.all("given_name").chain(std::iter::repeat(""));
    let texts = fields.sent().iter().filter(|(name, _)| name == "given_text").map(|(_, text)| text);
    let given = names.zip(texts).filter(|(_, text)| !text.trim().is_empty());
    let file =
        |(name, text): (&str, &String)| GivenFile { name: name.to_owned(), text: text.replace("\r\n", "\n") };
    let files: Vec<GivenFile> = given.map(file).collect();
    let wrong = |fields: Fields, detail: String| fields.wrong("/given", detail);
    let found = match app.server.read_files(&visitor.principal, &files) {
        Ok(found) => found,
        Err(ServerError::Invalid(invalid)) => {
            let detail = invalid.0.into_iter().map(|problem| problem.detail).collect::<Vec<_>>().join("; ");
            return refused(app, visitor, wrong(fields, detail), image).await;
        }
        Err(error) => return Err(error.into()),
    };
    let fields = match form::with_files(&fields, &found.spec) {
        Ok(fields) => fields,
        Err(detail) => return refused(app, visitor, fields.wrong("/spec/more", detail), image).await,
    };
    let shown = files.iter().map(|file| if file.name.is_empty() { "the text" } else { &file.name });
    let shown = shown.collect::<Vec<_>>().join(", ");
    let form = FormPage::new(app, visitor, fields, image).await?;
    Ok(page(StatusCode::OK, &FormPage { read: Some((shown, found.left)), ..form }))
}

/// What two states of a form differ in.
fn changes(new: &Fields, known: &Fields) -> Vec<(&'static str, String, String)> {
    const NAMED: [(&str, &str); 14] = [
        ("display_name", "Display name"),
        ("description", "Description"),
        ("tags", "Tags"),
        ("type", "Type"),
        ("reference", "Reference"),
        ("gpu_reference", "Reference for GPUs"),
        ("base", "Base"),
        ("more", "More of the spec"),
        ("pull_policy", "Pull policy"),
        ("pull_secret", "Pull secret"),
        ("base_pull_secret", "Pull secret of the base"),
        ("owner", "Looked after by"),
        ("visibility", "Offered to"),
        ("groups", "Groups"),
    ];
    let all = NAMED.into_iter().chain(LISTS.map(|(name, title, _)| (name, title)));
    let value =
        |fields: &Fields, name: &str| fields.all(name).collect::<Vec<_>>().join(", ").replace('\r', "");
    all.map(|(name, title)| (title, value(known, name), value(new, name)))
        .filter(|(_, before, after)| before != after)
        .collect()
}

async fn build(State(app): State<App>, Path(name): Path<Name>, Posted { visitor, .. }: Posted) -> Shown {
    let build = app.server.request_build(&visitor.principal, &name, NewBuild::default(), true).await?;
    Ok(Redirect::to(&format!("/builds/{}?done=queued", build.id)).into_response())
}

async fn delete(State(app): State<App>, Path(name): Path<Name>, Posted { visitor, .. }: Posted) -> Shown {
    app.server.delete_image(&visitor.principal, &name, None).await?;
    Ok(Redirect::to("/images?done=removed").into_response())
}

async fn deprecate(
    State(app): State<App>,
    Path(name): Path<Name>,
    Posted { visitor, fields }: Posted,
) -> Shown {
    use imagewright_catalog::{Change, DeprecationChange, ImageChange};
    let deprecated = match fields.has("deprecated", "true") {
        true => Change::Set(DeprecationChange {
            reason: fields.filled("reason").map_or(Change::Clear, Change::Set),
            replaced_by: match fields.filled("replaced_by").and_then(|name| name.parse().ok()) {
                Some(name) => Change::Set(name),
                None => Change::Clear,
            },
        }),
        false => Change::Clear,
    };
    let change = ImageChange { deprecated, ..ImageChange::default() };
    let added = app.server.change_image(&visitor.principal, &name, None, change).await?;
    Ok(to_image(&app, &name, "saved", &added.warnings))
}
