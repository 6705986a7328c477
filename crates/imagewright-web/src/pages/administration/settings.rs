//! What the server is set to, and by what.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use imagewright_server::{SettingLayer, SettingView};
use serde_json::Value;

use super::TABS;
use crate::App;
use crate::pages::failure::{Shown, page};
use crate::pages::frame::{Frame, Place};
use crate::pages::visitor::Visitor;

pub(super) fn router() -> Router<App> {
    Router::new().route("/admin/settings", get(list))
}

#[derive(Template)]
#[template(path = "administration/settings.html")]
struct SettingsPage {
    frame: Frame,
    settings: Vec<SettingView>,
}

async fn list(State(app): State<App>, visitor: Visitor) -> Shown {
    let settings = app.server.settings(&visitor.principal)?.to_vec();
    Ok(page(
        StatusCode::OK,
        &SettingsPage { frame: Frame::new("Settings", Place::Administration, &visitor), settings },
    ))
}

/// What is set; nothing where nothing is.
pub(super) fn value(setting: &SettingView) -> String {
    match &setting.value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

/// What says so.
pub(super) fn layer(setting: &SettingView) -> &'static str {
    match setting.origin.layer {
        SettingLayer::Default => "default",
        SettingLayer::Machine => "this machine",
        SettingLayer::SystemFile => "the system's file",
        SettingLayer::UserFile => "a file",
        SettingLayer::Variable => "a variable",
        SettingLayer::Flag => "a flag",
    }
}
