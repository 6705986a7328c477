//! `imagewright metadata create` and `imagewright metadata update`

use std::path::Path;

use imagewright_service::metadata::{
    Change, MetadataError, Object, Record, RuntimeImages, SCHEMA, Strictness, Update, Value, Written,
    generated_name, json, system_text,
};

use super::log::Level;
use super::{Call, Ended};
use crate::render::output;

/// Which of the two.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Create,
    Update,
}

/// What was given.
struct Given {
    name: Option<String>,
    display_name: Option<String>,
    metadata: Object,
    how: Update,
    strictness: Strictness,
}

/// A whole record from `--file` or `--json`, and the name that follows from it.
struct Bulk {
    object: Object,
    name: Option<String>,
}

pub(super) fn create(call: &mut Call<'_>) -> Result<(), Ended> {
    let given = read(call, Mode::Create)?;
    let display_name = given.display_name.clone().unwrap_or_default();
    let created = RuntimeImages::name_for(given.name.as_deref(), &display_name).and_then(|name| {
        let mut record = Record::new(&name, &display_name);
        record.merge(given.metadata.clone());
        call.images.create(record, given.strictness)
    });
    report(call, created)
}

pub(super) fn update(call: &mut Call<'_>) -> Result<(), Ended> {
    let given = read(call, Mode::Update)?;
    let change = Change {
        display_name: given.display_name.clone().map(Value::String),
        ..Change::of_metadata(given.metadata.clone())
    };
    let updated = match &given.name {
        None => Err(MetadataError::NoName),
        Some(name) => call.images.update(name, &change, given.how, given.strictness),
    };
    report(call, updated)
}

fn report(call: &Call<'_>, saved: Result<Written, MetadataError>) -> Result<(), Ended> {
    match saved {
        Ok(written) => {
            call.warn(&written.findings);
            Ok(output::text(&format!("{}\n", has_been_written(&written)))?)
        }
        Err(error) => {
            if let MetadataError::Exists { .. } = error {
                call.log.line(Level::Error, &error.to_string());
            }
            call.failed(&error);
            let text = format!(
                "The following exception occurred saving metadata instance for schema '{SCHEMA}': {error}"
            );
            Err(Ended::Failed(text))
        }
    }
}

pub(super) fn has_been_written(written: &Written) -> String {
    let (name, path) = (&written.record.name, written.path.display());
    format!("Metadata instance '{name}' for schema '{SCHEMA}' has been written to: {path}")
}

/// Reads the options in Elyra's order, so that of several mistakes the same one is told.
fn read(call: &mut Call<'_>, mode: Mode) -> Result<Given, Ended> {
    let file = call.words.take("--file").map(|value| from_file(value.as_deref())).transpose()?;
    let json = call.words.take("--json").map(|value| from_json(value.as_deref())).transpose()?;
    let bulk = match (file, json) {
        (Some(_), Some(_)) => {
            let text = "At most one of '--json' or '--file' can be set at a time.";
            return Err(Ended::Wrong(text.to_owned()));
        }
        (file, json) => file.or(json),
    };
    check_schema_name(call, bulk.as_ref())?;
    let strictness = if call.words.flag("--strict") { Strictness::Strict } else { Strictness::Lenient };
    let replaces = mode == Mode::Update && call.words.flag("--replace");
    let name = call.words.take("--name").flatten().or_else(|| bulk.as_ref()?.name.clone());
    let display_name = display_name(call, bulk.as_ref(), mode)?;
    let mut metadata = bulk.as_ref().map(Bulk::metadata).transpose()?.unwrap_or_default();
    for option in ["description", "tags", "image_name", "pull_policy", "pull_secret"] {
        let is_required = option == "image_name" && mode == Mode::Create && bulk.is_none();
        if let Some(value) = property(call, option, is_required)? {
            metadata.insert(option.to_owned(), value);
        }
    }
    call.finish()?;
    let how = if replaces { Update::Replace } else { Update::Merge };
    Ok(Given { name, display_name, metadata, how, strictness })
}

fn check_schema_name(call: &mut Call<'_>, bulk: Option<&Bulk>) -> Result<(), Ended> {
    let named = match call.words.take("--schema_name") {
        Some(None) => return Err(Ended::Wrong("Parameter '--schema_name' requires a value.".to_owned())),
        Some(Some(name)) => Some(Value::String(name)),
        None => {
            bulk.and_then(|bulk| bulk.object.get("schema_name")).filter(|name| **name != Value::Null).cloned()
        }
    };
    match named {
        Some(name) if name.as_str() != Some(SCHEMA) => {
            let text =
                format!("Parameter '--schema_name' requires one of the following values: ['{SCHEMA}']");
            Err(Ended::Wrong(text))
        }
        _ => Ok(()),
    }
}

fn display_name(call: &mut Call<'_>, bulk: Option<&Bulk>, mode: Mode) -> Result<Option<String>, Ended> {
    let in_bulk = bulk.and_then(|bulk| bulk.object.get("display_name")).and_then(Value::as_str);
    let wrong = |text: &str| Err(Ended::Wrong(text.to_owned()));
    match (call.words.take("--display_name"), in_bulk) {
        (Some(None), _) | (None, Some("")) if mode == Mode::Create => {
            wrong("Parameter '--display_name' requires a value.")
        }
        (None, None) if mode == Mode::Create => wrong("'--display_name' is a required parameter."),
        (Some(given), _) => Ok(given),
        (None, in_bulk) => Ok(in_bulk.map(str::to_owned)),
    }
}

/// One of the schema's properties; none where nothing is to be stored.
fn property(call: &mut Call<'_>, name: &str, is_required: bool) -> Result<Option<Value>, Ended> {
    let option = format!("--{name}");
    if is_required {
        return call.required(&option).map(|value| Some(Value::String(value)));
    }
    let Some(text) = call.words.take(&option).flatten() else { return Ok(None) };
    let value = if name == "tags" { tags(&text)? } else { Value::String(text) };
    Ok(Some(value).filter(|value| !value.is_falsy()))
}

/// `a,b` or `['a', 'b']`
fn tags(text: &str) -> Result<Value, Ended> {
    if !text.starts_with('[') && !text.ends_with(']') {
        return Ok(Value::List(text.split(',').map(Value::from).collect()));
    }
    Value::from_literal(text).map_err(|_| {
        let format = "\"['item1', 'item2']\" or \"item1,item2\"";
        Ended::Wrong(format!(
            "Parameter '--tags' requires an array with format: {format} and \"{text}\" was given.  Try again with an \
             appropriate value."
        ))
    })
}

impl Bulk {
    /// What is in `metadata`, or the whole object where there is none.
    fn metadata(&self) -> Result<Object, Ended> {
        match self.object.get("metadata") {
            None | Some(Value::Null) => Ok(self.object.clone()),
            Some(Value::Object(metadata)) => Ok(metadata.clone()),
            Some(other) => Err(Ended::Wrong(format!(
                "'metadata' holds a {} where an object must be.",
                other.type_name()
            ))),
        }
    }
}

fn from_file(value: Option<&str>) -> Result<Bulk, Ended> {
    let wrong = |text: String| Err(Ended::Wrong(format!("{text}  Try again with an appropriate value.")));
    let Some(file) = value else {
        return wrong(
            "Parameter '--file' requires a file with format JSON and no value was provided.".to_owned(),
        );
    };
    if !Path::new(file).is_file() {
        return wrong(format!(
            "Parameter '--file' requires a file with format JSON and {file} is not a file."
        ));
    }
    let name = Path::new(file).file_stem().map(|stem| stem.to_string_lossy().into_owned());
    Ok(Bulk { object: object_in(file, "--file")?, name })
}

fn from_json(value: Option<&str>) -> Result<Bulk, Ended> {
    let again = "Try again with an appropriate value.";
    let needs = "Parameter '--json' requires a JSON-formatted file or string and";
    let Some(text) = value else {
        let text = "Parameter '--json' requires a value with format JSON and no value was provided.";
        return Err(Ended::Wrong(format!("{text}  {again}")));
    };
    let object = if Path::new(text).is_file() {
        object_in(text, "--json")?
    } else {
        match Value::from_literal(text) {
            Ok(Value::Object(object)) => object,
            Ok(other) => {
                let class = other.type_name();
                let text = format!(
                    "could not interpret the string as a dictionary and got a <class '{class}'> instead."
                );
                return Err(Ended::Wrong(format!("{needs} {text}  {again}")));
            }
            Err(error) => {
                let text = format!(
                    "the following error occurred attempting to interpret the string as JSON: '{error}'."
                );
                return Err(Ended::Wrong(format!("{needs} {text}  {again}")));
            }
        }
    };
    let name = object.get("display_name").and_then(Value::as_str).and_then(generated_name);
    Ok(Bulk { object, name })
}

/// The object in a file of JSON.
fn object_in(file: &str, option: &str) -> Result<Object, Ended> {
    let needs = format!("Parameter '{option}' requires a JSON-formatted file or string and");
    let again = "Try again with an appropriately formatted file.";
    let text = std::fs::read_to_string(file).map_err(|error| {
        let text = format!(
            "the following error occurred attempting to open file '{file}': '{}'.",
            system_text(&error)
        );
        Ended::Wrong(format!("{needs} {text}  {again}"))
    })?;
    match json::parse(&text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(other) => {
            let text = format!("{file} holds a {} where an object must be.", other.type_name());
            Err(Ended::Wrong(format!("{needs} {text}  {again}")))
        }
        Err(error) => {
            let text = format!(
                "the following error occurred attempting to load {file}'s contents as JSON: '{error}'."
            );
            Err(Ended::Wrong(format!("{needs} {text}  {again}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_split_or_read() {
        let cases = [
            ("a, b", Some(r#"["a", " b"]"#)),
            ("['a', 1]", Some(r#"["a", 1]"#)),
            ("[]", Some("[]")),
            ("[a,b]", None),
            ("a]", None),
        ];
        for (text, expected) in cases {
            assert_eq!(tags(text).ok().map(|tags| tags.to_line()).as_deref(), expected, "{text}");
        }
    }
}
