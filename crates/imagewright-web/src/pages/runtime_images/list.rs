//! The list of runtime images, with a search and tags in its address.

use std::collections::BTreeSet;

use askama::Template;
use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use imagewright_oci::Reference;
use imagewright_server::{RuntimeImageList, RuntimeImageOrigin, RuntimeImageView};

use crate::App;
use crate::address::in_address;
use crate::pages::failure::{Shown, page};
use crate::pages::fields::Fields;
use crate::pages::frame::{Done, Frame, Place};
use crate::pages::images::word;
use crate::pages::visitor::Visitor;

pub(super) fn router() -> Router<App> {
    Router::new().route("/runtime-images", get(list))
}

#[derive(Template)]
#[template(path = "runtime_images/list.html")]
struct ListPage {
    frame: Frame,
    results: Results,
    /// All tags that there are.
    tags: BTreeSet<String>,
    troubles: Vec<String>,
    /// Whether there is a folder for them.
    has_folder: bool,
}

/// What was found; a part of the page that is fetched anew while somebody types.
#[derive(Template)]
#[template(path = "runtime_images/results.html")]
struct Results {
    /// What was asked for.
    asked: Fields,
    images: Vec<RuntimeImageView>,
    /// How many there are, found or not.
    all: usize,
    may_change: bool,
}

async fn list(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
    Query(asked): Query<Vec<(String, String)>>,
) -> Shown {
    let asked = Fields::new(asked);
    let found = app.server.runtime_images(&visitor.principal).await?;
    let has_folder = found.is_some();
    let RuntimeImageList { images, troubles } = found.unwrap_or_default();
    let tags = images.iter().flat_map(|image| image.tags.clone()).collect();
    let all = images.len();
    let images = images.into_iter().filter(|image| is_wanted(image, &asked)).collect();
    let done: Option<Done> = word(&asked, "done");
    let results = Results { asked, images, all, may_change: visitor.is_admin() };
    if headers.contains_key("hx-request") {
        return Ok(page(StatusCode::OK, &results));
    }
    let frame = Frame::new("Runtime images", Place::RuntimeImages, &visitor).after(done);
    Ok(page(StatusCode::OK, &ListPage { frame, results, tags, troubles, has_folder }))
}

/// As Elyra's panel has it: what is searched for is in a name, and one of the tags is there.
fn is_wanted(image: &RuntimeImageView, asked: &Fields) -> bool {
    let search = asked.text("search").to_lowercase();
    let names = [&image.name, &image.display_name];
    let is_named = names.iter().any(|name| name.to_lowercase().contains(&search));
    let mut tags = asked.all("tag").filter(|tag| !tag.is_empty()).peekable();
    is_named && (tags.peek().is_none() || tags.any(|tag| image.tags.iter().any(|known| known == tag)))
}

/// Where a registry shows an image.
pub(super) fn place_of(image_name: &str) -> Option<String> {
    let reference: Reference = image_name.parse().ok()?;
    let (registry, repository) = (reference.registry(), reference.repository());
    Some(match registry {
        "docker.io" => match repository.strip_prefix("library/") {
            Some(official) => format!("https://hub.docker.com/_/{official}"),
            None => format!("https://hub.docker.com/r/{repository}"),
        },
        _ if ["localhost", "127."].iter().any(|begin| registry.starts_with(begin)) => {
            format!("http://{registry}/{repository}")
        }
        _ => format!("https://{registry}/{repository}"),
    })
}

impl Results {
    // What follows is called by templates.

    fn is_filtered(&self) -> bool {
        !self.asked.text("search").is_empty() || self.asked.all("tag").any(|tag| !tag.is_empty())
    }

    /// The address of the list with one tag more.
    fn with_tag(&self, tag: &str) -> String {
        let tags = self.asked.all("tag").filter(|known| !known.is_empty() && *known != tag);
        let tags = tags.chain([tag]).map(|tag| format!("&tag={}", in_address(tag))).collect::<String>();
        format!("/runtime-images?search={}{tags}", in_address(self.asked.text("search")))
    }

    fn place_of(image: &RuntimeImageView) -> Option<String> {
        place_of(&image.image_name)
    }

    fn is_factory(image: &RuntimeImageView) -> bool {
        image.origin == RuntimeImageOrigin::Factory
    }

    fn is_in_place_of_factory(image: &RuntimeImageView) -> bool {
        image.origin == RuntimeImageOrigin::InPlaceOfFactory && !image.is_hiding
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_where_images_are_shown() {
        let digest = format!("sha256:{}", "0".repeat(64));
        for (image_name, place) in [
            ("python:3.11", Some("https://hub.docker.com/_/python")),
            ("jdoe/my-image:1.0.0", Some("https://hub.docker.com/r/jdoe/my-image")),
            (&format!("jdoe/my-image@{digest}"), Some("https://hub.docker.com/r/jdoe/my-image")),
            (&format!("registry.example/a/b:1@{digest}"), Some("https://registry.example/a/b")),
            ("registry.example:5000/a/b/c", Some("https://registry.example:5000/a/b/c")),
            ("localhost:5000/a:1", Some("http://localhost:5000/a")),
            ("not a valid image!!", None),
            ("javascript:alert(1)", None),
            ("", None),
        ] {
            assert_eq!(place_of(image_name).as_deref(), place, "{image_name}");
        }
    }
}
