//! The kernelspecs that a gateway reads, and taking one along or away.

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use axum::routing::get;
use imagewright_catalog::Refusal;
use imagewright_server::{KernelspecList, KernelspecView, ServerError};

use crate::App;
use crate::api::kernelspecs::sent;
use crate::pages::failure::{Shown, page};
use crate::pages::frame::{DoneQuery, Frame, Place};
use crate::pages::visitor::{Posted, Visitor};

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/kernelspecs", get(list))
        .route("/kernelspecs/{name}/archive", get(download))
        .route("/kernelspecs/{name}/delete", get(ask_to_delete).post(delete))
}

#[derive(Template)]
#[template(path = "kernelspecs/list.html")]
struct ListPage {
    frame: Frame,
    list: KernelspecList,
    /// Whether there is a folder for them.
    has_folder: bool,
    may_change: bool,
}

async fn list(State(app): State<App>, visitor: Visitor, Query(query): Query<DoneQuery>) -> Shown {
    let found = app.server.kernelspecs(&visitor.principal).await?;
    let frame = Frame::new("Kernelspecs", Place::Kernelspecs, &visitor).after(query.done);
    let (has_folder, may_change) = (found.is_some(), visitor.is_admin());
    let list = found.unwrap_or_default();
    Ok(page(StatusCode::OK, &ListPage { frame, list, has_folder, may_change }))
}

async fn download(State(app): State<App>, visitor: Visitor, Path(name): Path<String>) -> Shown {
    Ok(sent(app.server.kernelspec_archive(&visitor.principal, &name).await?))
}

#[derive(Template)]
#[template(path = "kernelspecs/delete.html")]
struct DeletePage {
    frame: Frame,
    kernelspec: KernelspecView,
}

async fn ask_to_delete(State(app): State<App>, visitor: Visitor, Path(name): Path<String>) -> Shown {
    if !visitor.is_admin() {
        return Err(ServerError::from(Refusal::Forbidden).into());
    }
    let all = app.server.kernelspecs(&visitor.principal).await?.unwrap_or_default().kernelspecs;
    let unknown = || ServerError::NotFound { what: "kernelspec", name: name.clone() };
    let kernelspec = all.into_iter().find(|known| known.name == name).ok_or_else(unknown)?;
    let frame = Frame::new(format!("Remove {}", kernelspec.name), Place::Kernelspecs, &visitor);
    Ok(page(StatusCode::OK, &DeletePage { frame, kernelspec }))
}

async fn delete(State(app): State<App>, Path(name): Path<String>, Posted { visitor, .. }: Posted) -> Shown {
    app.server.remove_kernelspec(&visitor.principal, &name).await?;
    Ok(Redirect::to("/kernelspecs?done=removed").into_response())
}
