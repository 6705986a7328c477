//! `imagewright catalog remove`

use clap::Args;
use serde_json::{Value, json};

use super::{path_of, read};
use crate::cli::Global;
use crate::client::{Client, ServerFlags};
use crate::commands::confirm::confirm;
use crate::failure::Failure;
use crate::render::json_fields::text;
use crate::render::output;

/// Remove images, with their builds and all that was pushed to them
#[derive(Debug, Args)]
pub(crate) struct RemoveArguments {
    /// Names of the images
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// Print JSON: what was removed, and what depended on it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerFlags,
}

pub(super) fn run(global: &Global, arguments: &RemoveArguments) -> Result<(), Failure> {
    let client = Client::open(global, &arguments.server)?;
    // All are looked at first: a name that is wrong removes none.
    let look = |name: String| {
        let (_, revision) = read(&client, &name)?;
        let dependents = client.get(&format!("{}/dependents", path_of(&name)))?;
        Ok((name, revision, dependents))
    };
    let found: Result<Vec<_>, Failure> = arguments.names.iter().cloned().map(look).collect();
    let found = found?;
    let names = arguments.names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let told: String = found.iter().map(|(name, _, dependents)| what_depends(name, dependents)).collect();
    confirm(&format!("remove {names}, with all builds{told}"), arguments.yes)?;
    let mut removed = Vec::new();
    for (name, revision, dependents) in found {
        client.delete(&path_of(&name), revision)?;
        if !arguments.json {
            global.say(&format!("removed `{name}`"));
        }
        removed.push(json!({"name": name, "dependents": dependents}));
    }
    if arguments.json {
        output::json(&removed)?;
    }
    Ok(())
}

/// What depends on an image, behind a question.
fn what_depends(name: &str, dependents: &Value) -> String {
    let images = |of: &Value| {
        let names = of["names"].as_array().into_iter().flatten().map(|name| format!("`{}`", text(name)));
        let unseen = of["unseen"].as_u64().filter(|unseen| *unseen > 0);
        let unseen = unseen.map(|unseen| format!("{unseen} that you may not see"));
        Some(names.chain(unseen).collect::<Vec<_>>().join(", ")).filter(|all| !all.is_empty())
    };
    let runtime_images = dependents["runtime_images"].as_array().into_iter().flatten();
    let runtime_images =
        runtime_images.map(|image| format!("`{}`", text(&image["name"]))).collect::<Vec<_>>();
    let pulls = &dependents["recent_pulls"];
    let parts = [
        images(&dependents["based_on_it"]).map(|names| format!("images are built on it: {names}")),
        pulls["count"]
            .as_i64()
            .filter(|count| *count > 0)
            .map(|count| format!("it was pulled {count} times in the last {} days", pulls["days"])),
        Some(runtime_images.join(", "))
            .filter(|names| !names.is_empty())
            .map(|names| format!("runtime images name it: {names}")),
        images(&dependents["replaced_by_it"]).map(|names| format!("it is to be used instead of {names}")),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { String::new() } else { format!(" (`{name}`: {})", parts.join("; ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_depends_is_told_in_a_sentence() {
        let none = json!({
            "based_on_it": {"names": [], "unseen": 0}, "replaced_by_it": {"names": [], "unseen": 0},
            "recent_pulls": {"count": 0, "days": 30}, "runtime_images": [],
        });
        assert_eq!(what_depends("a", &none), "");
        let all = json!({
            "based_on_it": {"names": ["b", "c"], "unseen": 1}, "replaced_by_it": {"names": ["d"], "unseen": 0},
            "recent_pulls": {"count": 3, "days": 30}, "runtime_images": [{"name": "e", "display_name": "E"}],
        });
        let told = " (`a`: images are built on it: `b`, `c`, 1 that you may not see; it was pulled 3 times in the last 30 days; \
                    runtime images name it: `e`; it is to be used instead of `d`)";
        assert_eq!(what_depends("a", &all), told);
    }
}
