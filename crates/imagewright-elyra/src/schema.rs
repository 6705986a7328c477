//! Validation against Elyra's schema, with the messages that Elyra (Python's `jsonschema`) has.
//!
//! The library says which keyword fails where; Elyra reports the first failure in the order of the schema and in the words of
//! another library, so order and words are ours.

use std::sync::LazyLock;

use jsonschema::{Draft, Validator};
use serde_json::Value as Plain;

use crate::json::Value;
use crate::problem::{ErrorClass, Problem};
use crate::record::Record;
use crate::{SCHEMA, SCHEMASPACE};

/// The schema of Elyra 4.1.1.
static DOCUMENT: LazyLock<Plain> = LazyLock::new(|| {
    serde_json::from_str(include_str!("runtime-image.json")).expect("the schema is JSON, a test reads it")
});

static VALIDATOR: LazyLock<Validator> = LazyLock::new(|| {
    let options = jsonschema::options().with_draft(Draft::Draft7);
    options.build(&for_validation(&DOCUMENT)).expect("the schema is one, a test compiles it")
});

/// The schema as REST gives it.
pub fn document() -> Value {
    Value::from_serde(&DOCUMENT)
}

/// Demands that Elyra takes a record for valid.
pub fn check(record: &Record) -> Result<(), Problem> {
    check_schema_name(record)?;
    let instance = Value::Object(record.to_object());
    let failures = VALIDATOR
        .iter_errors(&instance.to_serde())
        .map(|error| Failure {
            schema: steps(error.schema_path().as_str()),
            place: steps(error.instance_path().as_str()),
            missing: missing(&error),
        })
        .collect::<Vec<_>>();
    match failures.into_iter().min_by_key(Failure::order) {
        Some(failure) => Err(failure.problem(record, &instance)),
        None => Ok(()),
    }
}

fn check_schema_name(record: &Record) -> Result<(), Problem> {
    let name = &record.name;
    let shown = match &record.schema_name {
        Value::String(schema) if schema == SCHEMA => return Ok(()),
        schema if schema.is_falsy() => {
            let message = format!(
                "Instance '{name}' in the {SCHEMASPACE} schemaspace is missing a 'schema_name' field!"
            );
            return Err(of_schema_name(ErrorClass::ValueError, "it is missing".to_owned(), message));
        }
        schema @ (Value::List(_) | Value::Object(_)) => {
            let message = format!("unhashable type: '{}'", schema.type_name());
            return Err(of_schema_name(ErrorClass::TypeError, "it is not a text".to_owned(), message));
        }
        Value::String(schema) => schema.clone(),
        schema => schema.repr(),
    };
    let message = format!("No such schema named '{shown}' was found in the {SCHEMASPACE} schemaspace.");
    let detail = format!("'{shown}' is not '{SCHEMA}'");
    Err(of_schema_name(ErrorClass::SchemaNotFoundError, detail, message))
}

fn of_schema_name(class: ErrorClass, detail: String, message: String) -> Problem {
    Problem { class, field: Some("schema_name".to_owned()), detail, message }
}

/// One keyword that failed.
struct Failure {
    /// The way to the keyword in the schema.
    schema: Vec<String>,
    /// The way to the value in the record.
    place: Vec<String>,
    /// The property that is missing.
    missing: Option<String>,
}

impl Failure {
    /// Where Python's library comes upon it: it walks keywords as they stand in the schema, items as they stand in the record, and of each
    /// item all keywords before the next one.
    fn order(&self) -> Vec<usize> {
        let mut schema = &*DOCUMENT;
        let mut items = self.place.iter().filter_map(|step| step.parse::<usize>().ok());
        let mut order = Vec::new();
        for step in &self.schema {
            let position = schema.as_object().and_then(|object| object.keys().position(|key| key == step));
            schema = schema.get(step).unwrap_or(&Plain::Null);
            order.push(position.unwrap_or(0));
            if step == "items" {
                order.extend(items.next());
            }
        }
        order
    }

    fn problem(&self, record: &Record, instance: &Value) -> Problem {
        let value = at(instance, &self.place);
        let limit = self.schema.iter().try_fold(&*DOCUMENT, |schema, step| schema.get(step));
        let limit = limit.map(Value::from_serde).unwrap_or(Value::Null);
        let keyword = self.schema.last().map_or("", String::as_str);
        let detail = match (keyword, &self.missing) {
            ("required", Some(property)) => format!("'{property}' is a required property"),
            ("type", _) => format!("{} is not of type {}", value.repr(), limit.repr()),
            ("enum", _) => format!("{} is not one of {}", value.repr(), limit.repr()),
            ("const", _) => format!("{} was expected", limit.repr()),
            ("pattern", _) => format!("{} does not match {}", value.repr(), limit.repr()),
            ("minLength", _) => format!("{} should be non-empty", value.repr()),
            ("maxLength", _) => format!("{} is too long", value.repr()),
            ("uniqueItems", _) => format!("{} has non-unique elements", value.repr()),
            _ => format!("{} does not fit `{keyword}`", value.repr()),
        };
        let name = &record.name;
        let message = format!(
            "Validation failed for instance '{name}' using the {SCHEMA} schema with error: {detail}."
        );
        let place: Vec<&str> = self.place.iter().chain(&self.missing).map(String::as_str).collect();
        Problem { class: ErrorClass::ValidationError, field: Some(field(&place)), detail, message }
    }
}

/// `metadata.tags[1]`
fn field(place: &[&str]) -> String {
    let mut field = String::new();
    for step in place {
        match step.parse::<usize>() {
            Ok(index) => field.push_str(&format!("[{index}]")),
            Err(_) if field.is_empty() => field.push_str(step),
            Err(_) => field.push_str(&format!(".{step}")),
        }
    }
    field
}

fn at<'a>(value: &'a Value, place: &[String]) -> &'a Value {
    place.iter().fold(value, |value, step| match value {
        Value::Object(object) => object.get(step).unwrap_or(&Value::Null),
        Value::List(items) => {
            step.parse::<usize>().ok().and_then(|index| items.get(index)).unwrap_or(&Value::Null)
        }
        _ => &Value::Null,
    })
}

fn steps(pointer: &str) -> Vec<String> {
    let steps = pointer.split('/').filter(|step| !step.is_empty());
    steps.map(|step| step.replace("~1", "/").replace("~0", "~")).collect()
}

fn missing(error: &jsonschema::ValidationError<'_>) -> Option<String> {
    match error.kind() {
        jsonschema::error::ValidationErrorKind::Required { property } => property.as_str().map(str::to_owned),
        _ => None,
    }
}

/// The schema with patterns that mean to our library what the originals mean to Python's, whose `$` matches before a last
/// line feed too; and without the address of its own schema, which nobody shall fetch.
fn for_validation(schema: &Plain) -> Plain {
    match schema {
        Plain::Object(object) => object
            .iter()
            .filter(|(key, _)| !matches!(key.as_str(), "$schema" | "$id"))
            .map(|(key, value)| {
                match (key.as_str(), value.as_str().and_then(|text| text.strip_suffix('$'))) {
                    ("pattern", Some(pattern)) => (key.clone(), Plain::from(format!("{pattern}\\n?$"))),
                    _ => (key.clone(), for_validation(value)),
                }
            })
            .collect(),
        Plain::Array(items) => items.iter().map(for_validation).collect(),
        _ => schema.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse;

    fn problem_of(text: &str) -> Option<Problem> {
        let Value::Object(object) = parse(text).unwrap() else { panic!("{text}") };
        check(&Record::from_object("p1", object)).err()
    }

    fn with_metadata(metadata: &str) -> String {
        format!(r#"{{"schema_name": "runtime-image", "display_name": "P 1", "metadata": {metadata}}}"#)
    }

    #[test]
    fn what_elyra_takes_we_take() {
        let cases = [
            r#"{"image_name": "not a valid image!!"}"#,
            r#"{"image_name": " x", "description": "", "tags": [], "more": {"a": NaN, "b": [1e400, -Infinity]}}"#,
            r#"{"image_name": "a", "tags": ["a b", "a\tb", 1, null, ["x"], "a\n"]}"#,
            r#"{"image_name": "a", "pull_policy": "Never", "pull_secret": "a.b\n"}"#,
            r#"{"image_name": "a", "tags": [1, true, 0, false, "1"]}"#,
        ];
        for metadata in cases {
            assert_eq!(problem_of(&with_metadata(metadata)), None, "{metadata}");
        }
    }

    #[test]
    fn what_elyra_refuses_we_refuse_in_its_words() {
        let long = format!(r#"{{"image_name": "a", "pull_secret": "{}"}}"#, "a".repeat(254));
        let cases = [
            ("{}", "metadata.image_name", "'image_name' is a required property"),
            ("null", "metadata", "None is not of type 'object'"),
            (r#"{"image_name": ""}"#, "metadata.image_name", "'' should be non-empty"),
            (r#"{"image_name": 5.0}"#, "metadata.image_name", "5.0 is not of type 'string'"),
            (r#"{"image_name": NaN}"#, "metadata.image_name", "nan is not of type 'string'"),
            (
                r#"{"image_name": "a", "description": null}"#,
                "metadata.description",
                "None is not of type 'string'",
            ),
            (r#"{"image_name": "a", "tags": "x"}"#, "metadata.tags", "'x' is not of type 'array'"),
            (
                r#"{"image_name": "a", "tags": ["a", "a"]}"#,
                "metadata.tags",
                "['a', 'a'] has non-unique elements",
            ),
            (
                r#"{"image_name": "a", "tags": ["ok", " x"]}"#,
                "metadata.tags[1]",
                r"' x' does not match '^[^ \t]+([ \t]+[^ \t]+)*$'",
            ),
            (
                r#"{"image_name": "a", "tags": [" x", "a", ""]}"#,
                "metadata.tags[0]",
                r"' x' does not match '^[^ \t]+([ \t]+[^ \t]+)*$'",
            ),
            (r#"{"image_name": "a", "tags": [""]}"#, "metadata.tags[0]", "'' should be non-empty"),
            (
                r#"{"image_name": "a", "pull_policy": "Sometimes"}"#,
                "metadata.pull_policy",
                "'Sometimes' is not one of ['Always', 'IfNotPresent', 'Never']",
            ),
            (
                r#"{"image_name": "a", "pull_secret": "x"}"#,
                "metadata.pull_secret",
                "'x' does not match '^[a-z0-9][a-z0-9-.]*[a-z0-9]$'",
            ),
            (&long, "metadata.pull_secret", &format!("'{}' is too long", "a".repeat(254))),
            // Of several failures the first in the order of the schema.
            (r#"{"pull_policy": 1, "tags": 2}"#, "metadata.tags", "2 is not of type 'array'"),
            (r#"{"pull_policy": 1}"#, "metadata.pull_policy", "1 is not of type 'string'"),
        ];
        for (metadata, field, detail) in cases {
            let problem =
                problem_of(&with_metadata(metadata)).unwrap_or_else(|| panic!("{metadata} is taken"));
            assert_eq!(
                (problem.field.as_deref(), problem.detail.as_str()),
                (Some(field), detail),
                "{metadata}"
            );
            assert_eq!(problem.class, ErrorClass::ValidationError);
        }
    }

    #[test]
    fn names_are_looked_at_before_metadata() {
        let cases = [
            (r#"{"display_name": "a", "metadata": {}}"#, "schema_name", ErrorClass::ValueError),
            (r#"{"schema_name": "", "metadata": {}}"#, "schema_name", ErrorClass::ValueError),
            (r#"{"schema_name": "kfp"}"#, "schema_name", ErrorClass::SchemaNotFoundError),
            (r#"{"schema_name": 5}"#, "schema_name", ErrorClass::SchemaNotFoundError),
            (r#"{"schema_name": ["x"]}"#, "schema_name", ErrorClass::TypeError),
            (
                r#"{"schema_name": "runtime-image", "metadata": {}}"#,
                "display_name",
                ErrorClass::ValidationError,
            ),
        ];
        for (text, field, class) in cases {
            let problem = problem_of(text).unwrap_or_else(|| panic!("{text} is taken"));
            assert_eq!((problem.field.as_deref(), problem.class), (Some(field), class), "{text}");
        }
    }
}
