//! People: who they are, and whether they come in.

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use imagewright_catalog::{Change, NewPerson, Page, PageRequest, Person, PersonChange};
use imagewright_model::{ErrorKind, Secret};

use super::TABS;
use crate::App;
use crate::address::in_address;
use crate::pages::failure::{PageFailure, Shown, page};
use crate::pages::fields::Fields;
use crate::pages::frame::{Done, Frame, Place};
use crate::pages::images::word;
use crate::pages::show;
use crate::pages::visitor::{Posted, Visitor};

pub(super) fn router() -> Router<App> {
    Router::new().route("/admin/people", get(list).post(add)).route("/admin/people/{name}", post(change))
}

#[derive(Template)]
#[template(path = "administration/people.html")]
struct PeoplePage {
    frame: Frame,
    asked: Fields,
    people: Page<Person>,
    fields: Fields,
}

impl PeoplePage {
    async fn new(app: &App, visitor: &Visitor, asked: Fields, fields: Fields) -> Result<Self, PageFailure> {
        let after = asked.filled("cursor").map(|cursor| cursor.parse()).transpose()?;
        let search = asked.filled("search");
        let people = app
            .server
            .people(&visitor.principal, search.as_deref(), &PageRequest { after, limit: 50 })
            .await?;
        let done: Option<Done> = word(&asked, "done");
        let frame = Frame::new("People", Place::Administration, visitor).after(done);
        Ok(Self { frame, asked, people, fields })
    }

    /// Where the list goes on.
    fn next(&self, cursor: &str) -> String {
        format!(
            "/admin/people?search={}&cursor={}",
            in_address(self.asked.text("search")),
            in_address(cursor)
        )
    }
}

async fn list(State(app): State<App>, visitor: Visitor, Query(asked): Query<Vec<(String, String)>>) -> Shown {
    Ok(page(StatusCode::OK, &PeoplePage::new(&app, &visitor, Fields::new(asked), Fields::default()).await?))
}

async fn add(State(app): State<App>, Posted { visitor, fields }: Posted) -> Shown {
    let new = NewPerson {
        name: fields.text("name").to_owned(),
        display_name: fields.filled("display_name"),
        email: fields.filled("email"),
        admin: fields.has("admin", "true"),
    };
    let password = Some(fields.exact("password")).filter(|password| !password.is_empty()).map(Secret::new);
    let fields = match app.server.add_person(&visitor.principal, new, password).await {
        Ok(_) => return Ok(Redirect::to("/admin/people?done=added").into_response()),
        Err(error) if error.kind() == ErrorKind::Conflict => fields.wrong("/name", error),
        Err(error) => fields.refused(error)?,
    };
    let shown = PeoplePage::new(&app, &visitor, Fields::default(), fields).await?;
    Ok(page(StatusCode::UNPROCESSABLE_ENTITY, &shown))
}

async fn change(
    State(app): State<App>,
    Path(name): Path<String>,
    Posted { visitor, fields }: Posted,
) -> Shown {
    let set = |name: &str| fields.filled(name).map_or(Change::Keep, |value| Change::Set(value == "true"));
    if fields.has("delete", "true") {
        app.server.delete_person(&visitor.principal, &name).await?;
        return Ok(Redirect::to("/admin/people?done=removed").into_response());
    }
    let change = PersonChange { admin: set("admin"), disabled: set("disabled"), ..PersonChange::default() };
    app.server.change_person(&visitor.principal, &name, change).await?;
    Ok(Redirect::to("/admin/people?done=saved").into_response())
}
