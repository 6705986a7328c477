//! What somebody may mean who is typing what is to be built.

use axum::Json;
use axum::extract::State;
use imagewright_server::{SuggestRequest, SuggestedKind};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::{Asking, Query};
use crate::{App, Problem};

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(suggest))
}

/// What a line may become.
#[derive(Serialize, ToSchema)]
pub(crate) struct SuggestionBody {
    /// The line.
    text: String,
    /// What it is, in a few words: the version that there is, or what an image is called.
    detail: Option<String>,
}

/// What may be meant, best first.
#[derive(Serialize, ToSchema)]
pub(crate) struct SuggestionsBody {
    items: Vec<SuggestionBody>,
    /// Whether the lists to look in are here. Where one is still fetched, asking again in a second tells more.
    complete: bool,
}

/// Suggests how a line may go on: a name of a package, a version behind `==` and its like, a reference of an image, its tag.
#[utoipa::path(
    operation_id = "suggest",
    get, path = "/suggestions", tag = "images", security(("token" = [])),
    params(
        ("kind" = inline(SuggestedKind), Query, description = "what is being typed"),
        ("text" = String, Query, description = "the line so far"),
        ("base" = Option<String>, Query, description = "the base of what is to be built; says which distribution's packages are meant"),
        ("channels" = Option<String>, Query, description = "conda channels, with commas between them; those that are configured by default"),
        ("limit" = Option<usize>, Query, description = "how many suggestions: 10 by default, 50 at most"),
    ),
    responses((status = 200, body = SuggestionsBody), (status = "default", body = Problem)),
)]
async fn suggest(
    State(app): State<App>,
    Asking(principal): Asking,
    Query(request): Query<SuggestRequest>,
) -> Result<Json<SuggestionsBody>, Problem> {
    let found = app.server.suggest(&principal, &request).await?;
    let items = found.items.into_iter();
    Ok(Json(SuggestionsBody {
        items: items.map(|item| SuggestionBody { text: item.text, detail: item.detail }).collect(),
        complete: found.complete,
    }))
}
