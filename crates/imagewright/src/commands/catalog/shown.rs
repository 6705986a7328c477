//! What people read of an entry.

use anstream::eprintln;
use serde_json::Value;

use crate::cli::Global;
use crate::render::json_fields::{list, text};
use crate::render::size;

/// How it is, in a word; whether it should no longer be used counts more than that it can be.
pub(super) fn state(image: &Value) -> String {
    match image["state"].as_str() {
        Some("ready") if !image["deprecated"].is_null() => "deprecated".to_owned(),
        state => state.unwrap_or_default().replace('_', "-"),
    }
}

/// `system`, or the group.
pub(super) fn owner(image: &Value) -> String {
    text(&image["owner"]) + &text(&image["owner"]["group"])
}

/// `all`, or the groups.
pub(super) fn seen_by(image: &Value) -> String {
    let groups = list(&image["visibility"]["groups"]);
    match (image["visibility"]["global"] == true, groups.is_empty()) {
        (false, _) => groups,
        (true, true) => "all".to_owned(),
        (true, false) => format!("all, {groups}"),
    }
}

/// Why it should no longer be used, and what to use instead.
pub(super) fn deprecation(image: &Value) -> String {
    let deprecated = &image["deprecated"];
    if deprecated.is_null() {
        return String::new();
    }
    let instead = text(&deprecated["replaced_by"]);
    let instead = if instead.is_empty() { instead } else { format!("use {instead}") };
    let parts = ["yes".to_owned(), instead, text(&deprecated["reason"])];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("; ")
}

/// What was found behind a reference.
pub(super) fn pin(pin: &Value) -> String {
    if pin.is_null() {
        return String::new();
    }
    let size = pin["size"].as_u64().map(|size| format!(", {}", size::bytes(size))).unwrap_or_default();
    format!("{} ({}{size})", text(&pin["digest"]), list(&pin["platforms"]))
}

/// Tells what whoever did something should know.
pub(super) fn warn(answer: &Value) {
    for warning in answer["warnings"].as_array().into_iter().flatten() {
        eprintln!("warning: {}", text(&warning["detail"]));
    }
}

/// Tells what whoever did something should know of one of several images.
pub(super) fn warn_of(name: &str, outcome: &Value) {
    for warning in outcome["warnings"].as_array().into_iter().flatten() {
        eprintln!("warning: `{name}`: {}", text(&warning["detail"]));
    }
}

/// Says how an entry gets its first build, where it needs one.
pub(super) fn built_next(global: &Global, image: &Value) {
    if image["source"] == "built" && image["reference"].is_null() {
        global.say(&format!("to build it: imagewright catalog build {}", text(&image["name"])));
    }
}
