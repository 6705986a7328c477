//! Groups and who is in them.

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use imagewright_catalog::{Action, Group, Member, Name, NewGroup, Object, Role, may};
use imagewright_server::{ImagesOfGroup, ServerError};

use super::TABS;
use crate::App;
use crate::pages::failure::{Shown, page};
use crate::pages::fields::Fields;
use crate::pages::frame::{DoneQuery, Frame, Place};
use crate::pages::show;
use crate::pages::visitor::{Posted, Visitor};

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/admin/groups", get(list).post(add))
        .route("/admin/groups/{name}", get(show_group))
        .route("/admin/groups/{name}/members", post(set_member))
        .route("/admin/groups/{name}/members/{person}/remove", post(remove_member))
        .route("/admin/groups/{name}/delete", post(delete))
}

#[derive(Template)]
#[template(path = "administration/groups.html")]
struct GroupsPage {
    frame: Frame,
    groups: Vec<Group>,
    fields: Fields,
    is_admin: bool,
}

async fn list(State(app): State<App>, visitor: Visitor, Query(query): Query<DoneQuery>) -> Shown {
    let groups = app.server.groups(&visitor.principal).await?;
    let frame = Frame::new("Groups", Place::Administration, &visitor).after(query.done);
    Ok(page(
        StatusCode::OK,
        &GroupsPage { frame, groups, fields: Fields::default(), is_admin: visitor.is_admin() },
    ))
}

async fn add(State(app): State<App>, Posted { visitor, fields }: Posted) -> Shown {
    let added = match fields.text("name").parse::<Name>() {
        Ok(name) => {
            app.server
                .add_group(&visitor.principal, NewGroup { name, display_name: fields.filled("display_name") })
                .await
        }
        Err(error) => Err(ServerError::Invalid(imagewright_catalog::Invalid(vec![
            imagewright_catalog::FieldProblem::new("/name", error),
        ]))),
    };
    let error = match added {
        Ok(group) => {
            return Ok(Redirect::to(&format!("/admin/groups/{}?done=added", group.name)).into_response());
        }
        Err(error) => error,
    };
    let fields = match error {
        ServerError::Records(error) if error.kind() == imagewright_model::ErrorKind::Conflict => {
            fields.wrong("/name", error)
        }
        error => fields.refused(error)?,
    };
    let groups = app.server.groups(&visitor.principal).await?;
    let frame = Frame::new("Groups", Place::Administration, &visitor);
    Ok(page(
        StatusCode::UNPROCESSABLE_ENTITY,
        &GroupsPage { frame, groups, fields, is_admin: visitor.is_admin() },
    ))
}

#[derive(Template)]
#[template(path = "administration/group.html")]
struct GroupPage {
    frame: Frame,
    group: Group,
    members: Vec<Member>,
    fields: Fields,
    may_manage: bool,
    is_admin: bool,
}

impl GroupPage {
    async fn new(app: &App, visitor: &Visitor, name: &Name, fields: Fields) -> Result<Self, ServerError> {
        let group = app.server.group(&visitor.principal, name).await?;
        let members = app.server.members(&visitor.principal, name).await?;
        Ok(Self {
            frame: Frame::new(format!("Group {name}"), Place::Administration, visitor),
            group,
            members,
            fields,
            may_manage: may(&visitor.principal, Action::ManageGroup, Object::Group(name)).is_ok(),
            is_admin: visitor.is_admin(),
        })
    }
}

async fn show_group(
    State(app): State<App>,
    visitor: Visitor,
    Path(name): Path<Name>,
    Query(query): Query<DoneQuery>,
) -> Shown {
    let mut shown = GroupPage::new(&app, &visitor, &name, Fields::default()).await?;
    shown.frame = shown.frame.after(query.done);
    Ok(page(StatusCode::OK, &shown))
}

async fn set_member(
    State(app): State<App>,
    Path(name): Path<Name>,
    Posted { visitor, fields }: Posted,
) -> Shown {
    let role = if fields.has("role", "admin") { Role::Admin } else { Role::Member };
    match app.server.set_member(&visitor.principal, &name, fields.text("person"), role).await {
        Ok(_) => Ok(Redirect::to(&format!("/admin/groups/{name}?done=saved")).into_response()),
        Err(error @ ServerError::NotFound { what: "person", .. }) => {
            let shown = GroupPage::new(&app, &visitor, &name, fields.wrong("/person", error)).await?;
            Ok(page(StatusCode::UNPROCESSABLE_ENTITY, &shown))
        }
        Err(error) => Err(error.into()),
    }
}

async fn remove_member(
    State(app): State<App>,
    Path((name, person)): Path<(Name, String)>,
    Posted { visitor, .. }: Posted,
) -> Shown {
    app.server.remove_member(&visitor.principal, &name, &person).await?;
    Ok(Redirect::to(&format!("/admin/groups/{name}?done=removed")).into_response())
}

async fn delete(State(app): State<App>, Path(name): Path<Name>, Posted { visitor, fields }: Posted) -> Shown {
    let images = match fields.text("images") {
        "system" => Some(ImagesOfGroup::System),
        "delete" => Some(ImagesOfGroup::Delete),
        _ => None,
    };
    app.server.delete_group(&visitor.principal, &name, images).await?;
    Ok(Redirect::to("/admin/groups?done=removed").into_response())
}
