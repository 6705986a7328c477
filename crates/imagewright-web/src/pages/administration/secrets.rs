//! Secrets by name: what they open, never what they hide.

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use imagewright_catalog::{FieldProblem, Invalid, Kept, Name, NewSecret, SecretKind};
use imagewright_model::{ErrorKind, Secret};
use imagewright_server::{SecretView, ServerError};

use super::TABS;
use crate::App;
use crate::pages::failure::{PageFailure, Shown, page};
use crate::pages::fields::Fields;
use crate::pages::frame::{Done, DoneQuery, Frame, Place};
use crate::pages::images::word;
use crate::pages::show;
use crate::pages::visitor::{Posted, Visitor};

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/admin/secrets", get(list).post(add))
        .route("/admin/secrets/{name}/delete", post(delete))
}

#[derive(Template)]
#[template(path = "administration/secrets.html")]
struct SecretsPage {
    frame: Frame,
    secrets: Vec<SecretView>,
    fields: Fields,
}

impl SecretsPage {
    async fn new(
        app: &App,
        visitor: &Visitor,
        fields: Fields,
        done: Option<Done>,
    ) -> Result<Self, PageFailure> {
        let secrets = app.server.secrets(&visitor.principal).await?;
        let frame = Frame::new("Secrets", Place::Administration, visitor).after(done);
        Ok(Self { frame, secrets, fields })
    }

    fn kind(view: &SecretView) -> &'static str {
        match view.record.kind {
            SecretKind::Pull => "pulling images",
            SecretKind::Push => "pushing results",
            SecretKind::Index => "package indexes",
        }
    }

    fn place(view: &SecretView) -> String {
        match &view.record.kept {
            _ if !view.with_place => String::new(),
            Kept::Stored => "here, sealed".to_owned(),
            Kept::Environment(variable) => format!("variable {variable}"),
            Kept::File(path) => format!("file {path}"),
            Kept::Kubernetes(name) => format!("Kubernetes secret {name}"),
        }
    }
}

async fn list(State(app): State<App>, visitor: Visitor, Query(query): Query<DoneQuery>) -> Shown {
    Ok(page(StatusCode::OK, &SecretsPage::new(&app, &visitor, Fields::default(), query.done).await?))
}

async fn add(State(app): State<App>, Posted { visitor, fields }: Posted) -> Shown {
    let place = fields.text("place").to_owned();
    let (kept, secret) = match fields.text("kept") {
        "environment" => (Kept::Environment(place), None),
        "file" => (Kept::File(place), None),
        "kubernetes" => (Kept::Kubernetes(place), None),
        _ => (Kept::Stored, Some(Secret::new(fields.exact("secret")))),
    };
    let added = match fields.text("name").parse::<Name>() {
        Ok(name) => {
            let kind = word(&fields, "kind").unwrap_or(SecretKind::Pull);
            let (host, username) = (fields.text("host").to_owned(), fields.filled("username"));
            app.server
                .add_secret(&visitor.principal, NewSecret { name, kind, host, username, kept }, secret)
                .await
        }
        Err(error) => Err(ServerError::Invalid(Invalid(vec![FieldProblem::new("/name", error)]))),
    };
    let fields = match added {
        Ok(_) => return Ok(Redirect::to("/admin/secrets?done=added").into_response()),
        Err(error) if error.kind() == ErrorKind::Conflict => fields.wrong("/name", error),
        Err(error) => fields.refused(error)?,
    };
    // What was to be secret is typed again: pages are kept by browsers.
    let fields = fields.without("secret");
    Ok(page(StatusCode::UNPROCESSABLE_ENTITY, &SecretsPage::new(&app, &visitor, fields, None).await?))
}

async fn delete(State(app): State<App>, Path(name): Path<Name>, Posted { visitor, .. }: Posted) -> Shown {
    app.server.delete_secret(&visitor.principal, &name).await?;
    Ok(Redirect::to("/admin/secrets?done=removed").into_response())
}
