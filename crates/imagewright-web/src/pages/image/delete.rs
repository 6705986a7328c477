//! Before an image is deleted: what depends on it.

use askama::Template;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use imagewright_catalog::{Image, Name};
use imagewright_server::{DependentImages, Dependents};

use crate::App;
use crate::pages::failure::{Shown, page};
use crate::pages::frame::{Frame, Place};
use crate::pages::visitor::Visitor;

pub(super) fn router() -> Router<App> {
    Router::new().route("/images/{name}/delete", get(ask))
}

#[derive(Template)]
#[template(path = "image/delete.html")]
struct DeletePage {
    frame: Frame,
    image: Image,
    dependents: Dependents,
}

async fn ask(State(app): State<App>, visitor: Visitor, Path(name): Path<Name>) -> Shown {
    let dependents = app.server.image_dependents(&visitor.principal, &name).await?;
    let image = app.server.image(&visitor.principal, &name).await?.image;
    let frame = Frame::new(format!("Delete {}", image.display_name), Place::Images, &visitor);
    Ok(page(StatusCode::OK, &DeletePage { frame, image, dependents }))
}

impl DeletePage {
    // What follows is called by templates.

    /// How many images there are of which whoever asks may not know more, in words.
    fn unseen(images: &DependentImages) -> Option<String> {
        match images.unseen {
            0 => None,
            1 => Some("one that you may not see".to_owned()),
            more => Some(format!("{more} that you may not see")),
        }
    }
}
