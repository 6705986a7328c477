//! The list of images.

use askama::Template;
use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use imagewright_catalog::{Cursor, Image, ImageFilter, ImageOrder, ImageState, Name, OrderBy, PageRequest};
use imagewright_server::{ImageView, ServerError};
use serde::de::DeserializeOwned;

use super::failure::{PageFailure, Shown, page};
use super::fields::Fields;
use super::frame::{Done, Frame, Place};
use super::show;
use super::visitor::Visitor;
use crate::address::in_address;
use crate::{App, Problem};

pub(super) fn router() -> Router<App> {
    Router::new().route("/images", get(list))
}

/// How many images a page has.
const ON_A_PAGE: u32 = 25;

#[derive(Template)]
#[template(path = "images.html")]
struct ImagesPage {
    frame: Frame,
    results: Results,
    /// Groups that can be chosen.
    groups: Vec<Name>,
}

/// What was found; a part of the page that is fetched anew while somebody types.
#[derive(Template)]
#[template(path = "images_results.html")]
struct Results {
    /// What was asked for.
    asked: Fields,
    images: Vec<ImageView>,
    next: Option<String>,
    /// Where the page before begins; nothing where that is the first.
    previous: Option<String>,
    order: OrderBy,
    adds_images: bool,
}

async fn list(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
    Query(asked): Query<Vec<(String, String)>>,
) -> Shown {
    let asked = Fields::new(asked);
    let order = OrderBy {
        order: word(&asked, "sort").unwrap_or(ImageOrder::DisplayName),
        descending: asked.has("descending", "true"),
    };
    let after = asked.filled("cursor").map(|cursor| cursor.parse()).transpose().map_err(Problem::from)?;
    let filter = filter(&asked);
    let previous = match &after {
        Some(after) => Some(before(&app, &visitor, &filter, order, after).await?),
        None => None,
    };
    let page_wanted = PageRequest { after, limit: ON_A_PAGE };
    let found = app.server.images(&visitor.principal, &filter, order, &page_wanted).await?;
    let adds_images = visitor.adds_images();
    let done: Option<Done> = word(&asked, "done");
    let results = Results { asked, images: found.items, next: found.next, previous, order, adds_images };
    if headers.contains_key("hx-request") {
        return Ok(page(StatusCode::OK, &results));
    }
    let groups = app.server.groups(&visitor.principal).await?.into_iter().map(|group| group.name).collect();
    let frame = Frame::new("Images", Place::Images, &visitor).after(done);
    Ok(page(StatusCode::OK, &ImagesPage { frame, results, groups }))
}

/// Where the page begins that ends where this one begins: read the other way round, it is where the next page would begin.
async fn before(
    app: &App,
    visitor: &Visitor,
    filter: &ImageFilter,
    order: OrderBy,
    after: &Cursor,
) -> Result<String, ServerError> {
    let turned = OrderBy { descending: !order.descending, ..order };
    let page = PageRequest { after: Some(after.clone()), limit: ON_A_PAGE };
    Ok(app.server.images(&visitor.principal, filter, turned, &page).await?.next.unwrap_or_default())
}

/// The tags that are wanted, all of them; each once.
fn tags(asked: &Fields) -> Vec<String> {
    let mut tags: Vec<String> = asked.all("tag").filter(|tag| !tag.is_empty()).map(str::to_owned).collect();
    tags.sort();
    tags.dedup();
    tags
}

fn filter(asked: &Fields) -> ImageFilter {
    let group = asked.filled("owner");
    ImageFilter {
        search: asked.filled("search"),
        image_type: word(asked, "type"),
        source: word(asked, "source"),
        tags: tags(asked),
        state: word(asked, "state"),
        system: (group.as_deref() == Some("system")).then_some(true),
        owner: group.filter(|group| group != "system").and_then(|group| group.parse().ok()),
        group: None,
        deprecated: asked.has("flag", "deprecated").then_some(true),
        pinned: asked.has("flag", "unpinned").then_some(false),
    }
}

/// A word that stands for a value; none where it stands for nothing, as when all are wanted.
pub(super) fn word<T: DeserializeOwned>(asked: &Fields, name: &str) -> Option<T> {
    serde_json::from_value(asked.text(name).into()).ok()
}

impl Results {
    // What follows is called by templates.

    /// The address of the list with one thing that is asked otherwise.
    fn address(&self, name: &str, value: &str) -> String {
        let kept = self
            .asked
            .sent()
            .iter()
            .filter(|(known, value)| known != name && !value.is_empty() && known != "done");
        let kept = kept.filter(|(known, _)| known != "cursor" || name == "cursor");
        let kept = kept.map(|(known, value)| (known.as_str(), value.as_str()));
        let all = kept.chain(Some((name, value)).filter(|(_, value)| !value.is_empty()));
        let pairs: Vec<String> = all.map(|(name, value)| format!("{name}={}", in_address(value))).collect();
        format!("/images?{}", pairs.join("&"))
    }

    /// The address of the list with one tag more.
    fn with_tag(&self, tag: &str) -> String {
        let address = self.address("cursor", "");
        let pair = format!("tag={}", in_address(tag));
        match address.split(['?', '&']).any(|known| known == pair) {
            true => address,
            false => format!("{address}{}{pair}", if address.ends_with('?') { "" } else { "&" }),
        }
    }

    /// The tags that are asked for.
    fn tags(&self) -> Vec<String> {
        tags(&self.asked)
    }

    /// The address of the list in another order; the other way round where it has this one.
    fn sorted(&self, order: ImageOrder, word: &str) -> String {
        let address = self.address("sort", word);
        let turned = self.order.order == order && !self.order.descending;
        let address = address.replace("&descending=true", "").replace("descending=true&", "");
        if turned { format!("{address}&descending=true") } else { address }
    }

    /// Whether the list is in this order, as assistive technology is told.
    fn sort(&self, order: ImageOrder) -> Option<&'static str> {
        (self.order.order == order).then_some(if self.order.descending { "descending" } else { "ascending" })
    }

    fn is_filtered(&self) -> bool {
        self.asked.sent().iter().any(|(name, value)| {
            !value.is_empty() && !["sort", "descending", "cursor", "done"].contains(&name.as_str())
        })
    }

    fn is_unpinned(image: &Image) -> bool {
        image.reference.is_some() && image.pin.is_none()
    }

    fn offered_to(image: &Image) -> String {
        match &image.visibility {
            all if all.global => "everybody".to_owned(),
            some if !some.groups.is_empty() => {
                some.groups.iter().map(Name::as_str).collect::<Vec<_>>().join(", ")
            }
            _ => "nobody else".to_owned(),
        }
    }
}

impl From<imagewright_catalog::CursorError> for PageFailure {
    fn from(error: imagewright_catalog::CursorError) -> Self {
        Problem::from(error).into()
    }
}
