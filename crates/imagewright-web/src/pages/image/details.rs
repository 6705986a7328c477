//! What an image is: where it is, what is known of it, its builds and its history, and how others take it over.

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{AppendHeaders, IntoResponse as _};
use axum::routing::get;
use imagewright_catalog::exchange::{elyra, jupyterhub};
use imagewright_catalog::selection::offers;
use imagewright_catalog::{
    Action, AuditEntry, Build, BuildId, BuildState, Image, ImageState, Name, Object, Page, PageRequest,
    Source, Visibility, may,
};
use imagewright_server::{BuildQuery, ImageView};
use serde_json::Value;

use super::compare::{comparable, last_two};
use crate::App;
use crate::pages::failure::{Shown, page};
use crate::pages::fields::Fields;
use crate::pages::frame::{DoneQuery, Frame, Place};
use crate::pages::show;
use crate::pages::told;
use crate::pages::visitor::Visitor;

pub(super) fn router() -> Router<App> {
    Router::new().route("/images/{name}", get(details)).route("/images/{name}/history", get(history))
}

/// How many of the last builds are shown.
const BUILDS: u32 = 10;

#[derive(Template)]
#[template(path = "image/details.html")]
struct DetailsPage {
    frame: Frame,
    image: Image,
    state: ImageState,
    warnings: Vec<String>,
    /// The last builds, each with the one that succeeded before it.
    builds: Vec<(Build, Option<BuildId>)>,
    more_builds: bool,
    /// Builds that can be compared, and which two are chosen first.
    comparable: Vec<Build>,
    last_two: (String, String),
    /// Days, how often the image was pulled on each, and that in percent of the most.
    pulls: Vec<(String, i64, i64)>,
    may_change: bool,
    /// Whether whoever looks at it can make a runtime image of it.
    makes_runtime_images: bool,
    snippets: Vec<Snippet>,
}

/// What another system is given.
struct Snippet {
    title: &'static str,
    text: String,
}

async fn details(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(name): Path<Name>,
    Query(query): Query<DoneQuery>,
) -> Shown {
    let ImageView { image, state } = app.server.image(&visitor.principal, &name).await?;
    let wanted = BuildQuery { image: Some(name.clone()), ..BuildQuery::default() };
    let builds =
        app.server.builds(&visitor.principal, &wanted, &PageRequest { after: None, limit: BUILDS }).await?;
    let comparable = match image.source {
        Source::Built => comparable(&app, &visitor, &name).await?,
        Source::Existing => Vec::new(),
    };
    let pulls = app.server.pulls(&visitor.principal, &name).await?;
    let most = pulls.iter().map(|pulls| pulls.count).max().unwrap_or(1).max(1);
    let pulls = pulls.into_iter().map(|it| (it.day.to_string(), it.count, it.count * 100 / most)).collect();
    let (warnings, forgets) = told::take(&app.access, &headers);
    let shown = page(
        StatusCode::OK,
        &DetailsPage {
            frame: Frame::new(image.display_name.as_str(), Place::Images, &visitor).after(query.done),
            may_change: may(&visitor.principal, Action::Change, Object::from(&image)).is_ok(),
            makes_runtime_images: visitor.is_admin() && visitor.has_runtime_images,
            snippets: snippets(&image),
            state,
            image,
            warnings,
            last_two: last_two(&comparable),
            comparable,
            more_builds: builds.next.is_some(),
            builds: with_earlier(builds.items),
            pulls,
        },
    );
    Ok((AppendHeaders(forgets.map(|cookie| [cookie]).into_iter().flatten()), shown).into_response())
}

/// Builds, the newest first, each with the last one before it that has a result.
fn with_earlier(builds: Vec<Build>) -> Vec<(Build, Option<BuildId>)> {
    let mut earlier = None;
    let mut paired: Vec<(Build, Option<BuildId>)> = Vec::new();
    for build in builds.into_iter().rev() {
        let has_result = build.state == BuildState::Succeeded;
        let id = build.id.clone();
        paired.push((build, earlier.clone().filter(|_| has_result)));
        if has_result {
            earlier = Some(id);
        }
    }
    paired.reverse();
    paired
}

fn snippets(image: &Image) -> Vec<Snippet> {
    let Some(reference) = image.resolved(false) else { return Vec::new() };
    let offered = Image { visibility: Visibility { global: true, ..Visibility::default() }, ..image.clone() };
    let offered = offers([&offered], None, true);
    let policy =
        image.pull_policy.map(|policy| format!("      imagePullPolicy: {policy:?}\n")).unwrap_or_default();
    let secret = image
        .pull_secret
        .as_ref()
        .map(|name| format!("  imagePullSecrets:\n    - name: {name}\n"))
        .unwrap_or_default();
    let pod = format!(
        "spec:\n  containers:\n    - name: {}\n      image: {reference}\n{policy}{secret}",
        image.name
    );
    vec![
        Snippet { title: "Docker", text: format!("docker pull {reference}") },
        Snippet { title: "Kubernetes", text: pod },
        Snippet { title: "JupyterHub", text: jupyterhub(&offered, None).text },
        Snippet { title: "Elyra", text: elyra(&offered).text },
    ]
}

impl DetailsPage {
    // What follows is called by templates.

    /// Whether this server has it, so that looking through it moves nothing.
    fn is_here(&self) -> bool {
        self.is_built()
    }

    fn is_built(&self) -> bool {
        self.image.source == Source::Built
    }

    /// A list of packages of the spec, as lines.
    fn list(&self, name: &str) -> Option<String> {
        let list = self.image.spec.as_ref()?.get(name)?;
        Some(match list.as_array() {
            Some(items) => items
                .iter()
                .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned))
                .collect::<Vec<_>>()
                .join("\n"),
            None => serde_json::to_string_pretty(list).unwrap_or_default(),
        })
    }

    fn base(&self) -> Option<&str> {
        self.image.spec.as_ref()?.get("base")?.as_str()
    }

    fn duration(build: &Build) -> Option<String> {
        Some(show::took(&build.timings.started_at?, &build.timings.finished_at?))
    }
}

#[derive(Template)]
#[template(path = "image/history.html")]
struct HistoryPage {
    frame: Frame,
    image: Image,
    entries: Page<AuditEntry>,
}

async fn history(
    State(app): State<App>,
    visitor: Visitor,
    Path(name): Path<Name>,
    Query(asked): Query<Vec<(String, String)>>,
) -> Shown {
    let asked = Fields::new(asked);
    let image = app.server.image(&visitor.principal, &name).await?.image;
    let after = asked.filled("cursor").map(|cursor| cursor.parse()).transpose()?;
    let entries =
        app.server.image_history(&visitor.principal, &name, &PageRequest { after, limit: 20 }).await?;
    let frame = Frame::new(format!("History of {}", image.display_name), Place::Images, &visitor);
    Ok(page(StatusCode::OK, &HistoryPage { frame, image, entries }))
}

/// The fields in which two states of a thing differ: name, before, after.
pub(in crate::pages) fn differences(entry: &AuditEntry) -> Vec<(String, String, String)> {
    // They change with everything and say nothing.
    const LEFT_OUT: [&str; 3] = ["revision", "changed_at", "id"];
    let empty = serde_json::Map::new();
    let fields = |value: &Option<Value>| value.as_ref().and_then(Value::as_object).unwrap_or(&empty).clone();
    let (before, after) = (fields(&entry.before), fields(&entry.after));
    let text = |value: Option<&Value>| match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort();
    names.dedup();
    names
        .into_iter()
        .filter(|name| !LEFT_OUT.contains(&name.as_str()))
        .map(|name| (name.clone(), text(before.get(name)), text(after.get(name))))
        .filter(|(_, before, after)| before != after)
        .collect()
}
