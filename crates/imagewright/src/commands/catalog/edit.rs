//! `imagewright catalog edit` and `imagewright catalog deprecate`

use std::collections::BTreeSet;

use clap::Args;
use imagewright_model::ErrorKind;
use serde_json::{Map, Value, json};

use super::entry::EntryFlags;
use super::{path_of, read, shown};
use crate::cli::Global;
use crate::client::{Client, ServerFlags};
use crate::failure::Failure;
use crate::render::output;

/// Change an image: what is named, and nothing else
///
/// --tag and --for replace all tags and groups. If somebody else changes the image at the same time, nothing is done.
#[derive(Debug, Args)]
pub(crate) struct EditArguments {
    /// Name of the image
    name: String,
    /// What is pulled, of an image that exists
    #[arg(long, value_name = "REFERENCE")]
    reference: Option<String>,
    /// Field that is to have no value any more; may be given several times
    #[arg(long, value_name = "FIELD", value_parser = CLEARED.map(|(word, _)| word))]
    clear: Vec<String>,
    /// Print the entry as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    entry: EntryFlags,
    #[command(flatten)]
    server: ServerFlags,
}

/// What can be cleared: the word for it, and the field.
const CLEARED: [(&str, &str); 9] = [
    ("description", "description"),
    ("tag", "tags"),
    ("type", "type"),
    ("gpu-reference", "gpu_reference"),
    ("pull-policy", "pull_policy"),
    ("pull-secret", "pull_secret"),
    ("for-all", "visibility"),
    ("for", "visibility"),
    ("deprecated", "deprecated"),
];

/// Say that an image should no longer be used
///
/// It stays on offer, with what is said. `imagewright catalog edit NAME --clear deprecated` takes that back.
#[derive(Debug, Args)]
pub(crate) struct DeprecateArguments {
    /// Name of the image
    name: String,
    /// Image to use instead
    #[arg(long, value_name = "NAME")]
    replaced_by: Option<String>,
    /// What people should know
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    server: ServerFlags,
}

pub(super) fn run(global: &Global, arguments: &EditArguments) -> Result<(), Failure> {
    let client = Client::open(global, &arguments.server)?;
    let (before, revision) = read(&client, &arguments.name)?;
    let change = change(arguments)?;
    let after = client.patch(&path_of(&arguments.name), &change.into(), revision)?;
    shown::warn(&after);
    if arguments.json {
        output::json(&after)?;
    } else if after["revision"] == before["revision"] {
        global.say(&format!("`{}` was like that already", arguments.name));
    } else {
        global.say(&format!("changed `{}`", arguments.name));
    }
    Ok(())
}

fn change(arguments: &EditArguments) -> Result<Map<String, Value>, Failure> {
    let mut change = arguments.entry.fields();
    if let Some(reference) = &arguments.reference {
        change.insert("reference".to_owned(), reference.as_str().into());
    }
    for word in arguments.clear.iter().collect::<BTreeSet<_>>() {
        let cleared = CLEARED.iter().find(|(cleared, _)| cleared == word);
        let (_, field) = cleared.expect("clap takes no other word");
        let (given, part) = match word.as_str() {
            "for-all" => (arguments.entry.is_for_all(), Some("global")),
            "for" => (arguments.entry.is_for_groups(), Some("groups")),
            _ => (change.contains_key(*field), None),
        };
        if given {
            let text = format!("`{word}` is given and cleared at once");
            return Err(Failure::new(ErrorKind::Usage, text).with_hint("leave one of them out"));
        }
        match part {
            None => drop(change.insert((*field).to_owned(), Value::Null)),
            Some(part) => change.entry(*field).or_insert_with(|| json!({}))[part] = Value::Null,
        }
    }
    if change.is_empty() {
        return Err(Failure::new(ErrorKind::Usage, "it is not said what to change")
            .with_hint("see `imagewright catalog edit --help`"));
    }
    Ok(change)
}

pub(super) fn deprecate(global: &Global, arguments: &DeprecateArguments) -> Result<(), Failure> {
    let client = Client::open(global, &arguments.server)?;
    let (_, revision) = read(&client, &arguments.name)?;
    let texts = [("reason", &arguments.reason), ("replaced_by", &arguments.replaced_by)];
    let named = texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), json!(text.as_ref()?))));
    let change = json!({"deprecated": named.collect::<Map<_, _>>()});
    shown::warn(&client.patch(&path_of(&arguments.name), &change, revision)?);
    global.say(&format!("`{}` is deprecated", arguments.name));
    Ok(())
}
