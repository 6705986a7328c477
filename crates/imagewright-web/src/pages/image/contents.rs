//! What an image holds, and what differs between two builds.

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use imagewright_catalog::{BuildId, Image, Name};
use imagewright_server::{BuildDifference, HeldLayer, HeldPackage, ImageContents, SpaceUse};

use crate::App;
use crate::pages::failure::{Shown, page};
use crate::pages::fields::Fields;
use crate::pages::frame::{Frame, Place};
use crate::pages::show;
use crate::pages::visitor::Visitor;

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/images/{name}/contents", get(contents))
        .route("/builds/{id}/diff/{other}", get(difference))
}

#[derive(Template)]
#[template(path = "image/contents.html")]
struct ContentsPage {
    frame: Frame,
    image: Image,
    asked: Fields,
    contents: ImageContents,
    /// Bytes of all layers.
    size: u64,
}

async fn contents(
    State(app): State<App>,
    visitor: Visitor,
    Path(name): Path<Name>,
    Query(asked): Query<Vec<(String, String)>>,
) -> Shown {
    let image = app.server.image(&visitor.principal, &name).await?.image;
    let contents = app.server.image_contents(&visitor.principal, &name).await?;
    let frame = Frame::new(format!("Contents of {}", image.display_name), Place::Images, &visitor);
    let size = contents.layers.iter().map(|layer| layer.size).sum();
    Ok(page(StatusCode::OK, &ContentsPage { frame, image, asked: Fields::new(asked), contents, size }))
}

impl ContentsPage {
    // What follows is called by templates.

    /// How much of the largest something is, in thousandths.
    fn share(&self, space: &SpaceUse) -> u64 {
        let largest = self.contents.space.first().map_or(1, |first| first.size.max(1));
        u64::try_from(u128::from(space.size) * 1000 / u128::from(largest)).unwrap_or(1000)
    }

    /// The packages whose names hold what was searched for.
    fn found(&self) -> Vec<&HeldPackage> {
        let wanted = self.asked.text("search").to_lowercase();
        self.contents
            .packages
            .iter()
            .filter(|package| package.name.to_lowercase().contains(&wanted))
            .collect()
    }

    /// How much of the image a layer is, in thousandths.
    fn part(&self, layer: &HeldLayer) -> u64 {
        layer.size * 1000 / self.size.max(1)
    }
}

#[derive(Template)]
#[template(path = "builds/difference.html")]
struct DifferencePage {
    frame: Frame,
    difference: BuildDifference,
}

async fn difference(
    State(app): State<App>,
    visitor: Visitor,
    Path((before, after)): Path<(BuildId, BuildId)>,
) -> Shown {
    let difference = app.server.compare_builds(&visitor.principal, &before, &after).await?;
    let title = format!(
        "{}: build {} and build {}",
        difference.after.image_name, difference.before.number, difference.after.number
    );
    let frame = Frame::new(title, Place::Builds, &visitor);
    Ok(page(StatusCode::OK, &DifferencePage { frame, difference }))
}
