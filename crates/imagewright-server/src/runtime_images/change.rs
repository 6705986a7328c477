//! What is changed of a runtime image.

use imagewright_catalog::Change;
use imagewright_service::metadata::{Object, Record, SCHEMA, Value};

/// What is said of the fields of a runtime image; what is not named stays, as do the keys that Elyra's schema does not know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of `RuntimeImageView`")]
pub struct RuntimeImageChange {
    pub display_name: Change<String>,
    pub description: Change<String>,
    pub tags: Change<Vec<String>>,
    pub image_name: Change<String>,
    pub pull_policy: Change<String>,
    pub pull_secret: Change<String>,
}

impl RuntimeImageChange {
    /// Carries it out. What is no record of ours becomes one.
    pub(super) fn on(self, record: &mut Record) {
        record.schema_name = SCHEMA.into();
        if record.metadata.as_object().is_none() {
            record.metadata = Value::Object(Object::new());
        }
        match self.display_name {
            Change::Keep => (),
            Change::Clear => record.display_name = "".into(),
            Change::Set(display_name) => record.display_name = display_name.into(),
        }
        // In the order of the schema, which new records have.
        set(record, "description", self.description.map_value(Value::String));
        let tags = self.tags.map_value(|tags| with_others(record, tags));
        set(record, "tags", tags);
        set(record, "image_name", self.image_name.map_value(Value::String));
        set(record, "pull_policy", self.pull_policy.map_value(Value::String));
        set(record, "pull_secret", self.pull_secret.map_value(Value::String));
    }
}

/// Tags that are no texts are seen by nobody, and stay.
fn with_others(record: &Record, tags: Vec<String>) -> Value {
    let known = record.get("tags").and_then(Value::as_list).unwrap_or_default();
    let others = known.iter().filter(|tag| tag.as_str().is_none()).cloned();
    Value::List(tags.into_iter().map(Value::String).chain(others).collect())
}

fn set(record: &mut Record, key: &str, change: Change<Value>) {
    match change {
        Change::Keep => (),
        Change::Clear => record.remove(key),
        Change::Set(value) => record.set(key, value),
    }
}

trait MapValue<T> {
    fn map_value(self, make: impl FnOnce(T) -> Value) -> Change<Value>;
}

impl<T> MapValue<T> for Change<T> {
    fn map_value(self, make: impl FnOnce(T) -> Value) -> Change<Value> {
        match self {
            Self::Keep => Change::Keep,
            Self::Clear => Change::Clear,
            Self::Set(value) => Change::Set(make(value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_stays() {
        let text = r#"{"display_name": "X", "metadata": {"own": [1], "image_name": "a/b:1", "tags": ["a", 5], "description": "d"}}"#;
        let mut record = Record::from_text("x", text).unwrap();
        let change = RuntimeImageChange {
            tags: Change::Set(vec!["b".to_owned()]),
            description: Change::Clear,
            pull_policy: Change::Set("Never".to_owned()),
            ..RuntimeImageChange::default()
        };
        change.on(&mut record);
        let expected = r#"{"display_name": "X", "metadata": {"own": [1], "image_name": "a/b:1", "tags": ["b", 5], "pull_policy": "Never"}, "schema_name": "runtime-image"}"#;
        assert_eq!(record.content().to_line(), expected);
    }
}
