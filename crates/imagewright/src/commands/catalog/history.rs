//! `imagewright catalog history`

use std::collections::BTreeSet;

use clap::Args;
use serde_json::Value;

use super::path_of;
use crate::cli::Global;
use crate::client::{Client, Path, ServerFlags};
use crate::failure::Failure;
use crate::render::json_fields::{text, time};
use crate::render::{output, table};

/// Show who changed an image, the newest change first
#[derive(Debug, Args)]
pub(crate) struct HistoryArguments {
    /// Name of the image
    name: String,
    /// Print JSON, with how it was before and after
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerFlags,
}

pub(super) fn run(global: &Global, arguments: &HistoryArguments) -> Result<(), Failure> {
    let client = Client::open(global, &arguments.server)?;
    let entries = client.pages(&Path::new(format!("{}/history", path_of(&arguments.name))))?;
    if arguments.json {
        return Ok(output::json(&entries)?);
    }
    let rows = entries.iter().map(|entry| {
        let action = text(&entry["action"]);
        let action = action.rsplit('.').next().unwrap_or_default().to_owned();
        vec![time(&entry["at"]), text(&entry["actor_name"]), action, changed(entry)]
    });
    Ok(output::text(&table::draw(&["WHEN", "WHO", "WHAT", "FIELDS"], rows.collect()))?)
}

/// The fields that a change touched.
fn changed(entry: &Value) -> String {
    let (Value::Object(before), Value::Object(after)) = (&entry["before"], &entry["after"]) else {
        return String::new();
    };
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    // These follow from any change.
    let is_told = |name: &&&String| !matches!(name.as_str(), "revision" | "changed_at");
    let touched = names.iter().filter(is_told).filter(|name| before.get(**name) != after.get(**name));
    touched.map(|name| name.as_str()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_follows_from_any_change_is_not_told() {
        let entry = json!({
            "before": {"a": 1, "b": [1], "gone": 1, "revision": 1}, "after": {"a": 1, "b": [2], "revision": 2, "new": 1},
        });
        assert_eq!(changed(&entry), "b, gone, new");
        assert_eq!(changed(&json!({"before": null, "after": {"a": 1}})), "");
    }
}
