//! A record as its file has it, before anything is demanded of it.

use std::path::Path;

use crate::json::{Object, Value};
use crate::problem::Problem;
use crate::{SCHEMA, read};

/// A runtime image record.
///
/// The parts are what the file holds, right or wrong, so that a wrong record can be shown and repaired;
/// [`schema::check`](crate::schema::check) says whether Elyra takes it. Keys of `metadata` that the schema does not know are kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The name: that of the file, whatever is in it.
    pub name: String,
    /// `display_name`; [`Value::Null`] where there is none.
    pub display_name: Value,
    /// `metadata`; an empty object where there is none.
    pub metadata: Value,
    /// `schema_name`; [`Value::Null`] where there is none.
    pub schema_name: Value,
}

impl Record {
    /// A record with nothing but names.
    pub fn new(name: &str, display_name: &str) -> Self {
        Self {
            name: name.to_owned(),
            display_name: display_name.into(),
            metadata: Value::Object(Object::new()),
            schema_name: SCHEMA.into(),
        }
    }

    /// The record in an object that was read from a file. Other keys of the object are left out, as Elyra leaves them out.
    pub fn from_object(name: &str, mut object: Object) -> Self {
        let mut take = |key: &str| object.shift_remove(key);
        Self {
            name: name.to_owned(),
            display_name: take("display_name").unwrap_or(Value::Null),
            metadata: take("metadata").unwrap_or_else(|| Value::Object(Object::new())),
            schema_name: take("schema_name").unwrap_or(Value::Null),
        }
    }

    /// The record in a text that somebody wrote, whole file or not.
    pub fn from_text(name: &str, text: &str) -> Result<Self, Problem> {
        read::record(name, Path::new(name), text.as_bytes())
    }

    /// One of `metadata`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.metadata.as_object()?.get(key)
    }

    /// One of `metadata` that is a text.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_str()
    }

    /// The reference of the image as it stands in the record.
    pub fn image_name(&self) -> Option<&str> {
        self.text("image_name")
    }

    /// The display name, or the name where it has none.
    pub fn shown_name(&self) -> &str {
        self.display_name.as_str().unwrap_or(&self.name)
    }

    /// Sets one of `metadata`.
    pub fn set(&mut self, key: &str, value: Value) {
        if let Value::Object(metadata) = &mut self.metadata {
            metadata.insert(key.to_owned(), value);
        }
    }

    /// Sets several of `metadata`; the others stay.
    pub fn merge(&mut self, values: Object) {
        if let Value::Object(metadata) = &mut self.metadata {
            metadata.extend(values);
        }
    }

    /// What is in the file: `display_name`, `metadata`, `schema_name`.
    pub fn content(&self) -> Value {
        Value::Object(self.pairs().skip(1).collect())
    }

    /// The file, to the byte.
    pub fn to_file(&self) -> String {
        self.content().to_indented(2)
    }

    /// What REST and listings show: the name first.
    pub fn to_object(&self) -> Object {
        self.pairs().collect()
    }

    fn pairs(&self) -> impl Iterator<Item = (String, Value)> {
        let pairs = [
            ("name", Value::from(self.name.as_str())),
            ("display_name", self.display_name.clone()),
            ("metadata", self.metadata.clone()),
            ("schema_name", self.schema_name.clone()),
        ];
        pairs.into_iter().map(|(key, value)| (key.to_owned(), value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_the_guide_comes_out_to_the_byte() {
        let mut record = Record::new("my_image", "My runtime image");
        record.set("description", "My custom runtime container image".into());
        record.set("image_name", "jdoe/my-image:1.0.0".into());
        let expected = r#"{
  "display_name": "My runtime image",
  "metadata": {
    "description": "My custom runtime container image",
    "image_name": "jdoe/my-image:1.0.0"
  },
  "schema_name": "runtime-image"
}"#;
        assert_eq!(record.to_file(), expected);
    }
}
