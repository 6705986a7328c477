//! Commands about one record by its name: `remove`, and those that `elyra-metadata` does not have.

use imagewright_service::metadata::{Entry, MetadataError, Note, SCHEMASPACE, Value, findings, listed};

use super::save::has_been_written;
use super::{Call, Ended, one_line};
use crate::render::output;

pub(super) fn remove(call: &mut Call<'_>) -> Result<(), Ended> {
    let name = name(call)?;
    let done = call.images.remove(&name).map(drop);
    report(call, done, &format!("Metadata instance '{name}' removed from schemaspace '{SCHEMASPACE}'."))
}

pub(super) fn hide(call: &mut Call<'_>) -> Result<(), Ended> {
    let name = name(call)?;
    match call.images.hide(&name) {
        Ok(path) => {
            Ok(output::text(&format!("Metadata instance '{name}' is hidden by: {}\n", path.display()))?)
        }
        Err(error) => Err(call.failed(&error)),
    }
}

pub(super) fn unhide(call: &mut Call<'_>) -> Result<(), Ended> {
    let name = name(call)?;
    let done = call.images.unhide(&name).map(drop);
    report(call, done, &format!("Metadata instance '{name}' is no longer hidden."))
}

pub(super) fn duplicate(call: &mut Call<'_>) -> Result<(), Ended> {
    let name = call.required("--name")?;
    let display_name = call.words.take("--display_name").flatten();
    call.finish()?;
    match call.images.duplicate(&name, display_name.as_deref()) {
        Ok(written) => {
            call.warn(&written.findings);
            Ok(output::text(&format!("{}\n", has_been_written(&written)))?)
        }
        Err(error) => Err(call.failed(&error)),
    }
}

pub(super) fn show(call: &mut Call<'_>) -> Result<(), Ended> {
    let name = call.required("--name")?;
    let as_json = call.words.flag("--json");
    call.finish()?;
    let entry = call.images.show(&name).map_err(|error| call.failed(&error))?;
    if as_json {
        let mut object = listed(&entry);
        if let Some(note) = note(call, &entry) {
            object.insert("imagewright".to_owned(), Value::Object(note.to_object()));
        }
        let text = Value::Object(object).to_indented(2);
        return Ok(output::text(&format!("{text}\n"))?);
    }
    let mut text = described(&entry);
    for (key, value) in note(call, &entry).iter().flat_map(Note::parts) {
        text += &format!("{key}: {}\n", one_line(value));
    }
    let listing = call.images.list();
    for finding in findings(&listing.records()).into_iter().filter(|finding| finding.name == name) {
        text += &format!("warning: {}: {}\n", finding.kind.field(), finding.message);
        text += &finding.hint.map(|hint| format!("hint: {hint}\n")).unwrap_or_default();
    }
    Ok(output::text(&text)?)
}

fn note(call: &Call<'_>, entry: &Entry) -> Option<Note> {
    call.images.note(entry.record()?)
}

/// One line for each property, one for the file, one for what is wrong.
fn described(entry: &Entry) -> String {
    let mut lines = vec![("name", entry.name.clone())];
    if let Some(record) = entry.record() {
        lines.push(("display_name", plain(&record.display_name)));
        let metadata = record.metadata.as_object();
        lines.extend(metadata.into_iter().flatten().map(|(key, value)| (key.as_str(), plain(value))));
    }
    lines.push(("resource", entry.path.display().to_string()));
    if let Some(problem) = entry.problem() {
        let field = problem.field.as_ref().map(|field| format!("{field}: ")).unwrap_or_default();
        lines.push(("invalid", format!("{field}{}", problem.detail)));
    }
    lines.into_iter().map(|(key, value)| format!("{key}: {value}\n")).collect()
}

/// A text of one line as it is, anything else as JSON.
fn plain(value: &Value) -> String {
    match value.as_str().filter(|text| !text.chars().any(char::is_control)) {
        Some(text) => text.to_owned(),
        None => value.to_line(),
    }
}

fn name(call: &mut Call<'_>) -> Result<String, Ended> {
    let name = call.required("--name")?;
    call.finish()?;
    Ok(name)
}

fn report(call: &Call<'_>, done: Result<(), MetadataError>, text: &str) -> Result<(), Ended> {
    match done {
        Ok(()) => Ok(output::text(&format!("{text}\n"))?),
        Err(error) => Err(call.failed(&error)),
    }
}
