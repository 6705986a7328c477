//! What can be had of a file that Elyra does not take, so that somebody can repair it; and what of a file a record has no place for.

use crate::json::{self, Object, Value};
use crate::read;
use crate::record::Record;
use crate::records::{Entry, State};

/// The texts of a record, and whether they are in its `metadata`.
const TEXTS: [(&str, bool); 5] = [
    ("display_name", false),
    ("description", true),
    ("image_name", true),
    ("pull_policy", true),
    ("pull_secret", true),
];

impl Entry {
    /// The file as it was read.
    pub fn bytes(&self) -> Option<&[u8]> {
        self.bytes.as_deref()
    }

    /// The record in the file. Of a file that is none, what can be found in its text: a file may be cut off, or lack a comma.
    pub fn salvaged(&self) -> Record {
        match self.record() {
            Some(record) => record.clone(),
            None => salvaged(&self.name, &self.text().unwrap_or_default()),
        }
    }

    /// What of the file is gone once a record is written in its place: keys that Elyra looks at nowhere, or the text of what is none.
    pub fn unkept(&self) -> Vec<String> {
        let Some(bytes) = self.bytes().filter(|bytes| !bytes.trim_ascii().is_empty()) else {
            return Vec::new();
        };
        match (&self.state, read::value(bytes)) {
            (State::Valid(_) | State::Invalid(..), Ok(Value::Object(object))) => unkept(&self.name, &object),
            _ => vec!["the text of the file, as far as it is in none of the fields".to_owned()],
        }
    }
}

impl Record {
    /// What of a text that is an object is in no record.
    pub fn unkept_of(name: &str, text: &str) -> Vec<String> {
        match read::value(text.as_bytes()) {
            Ok(Value::Object(object)) => unkept(name, &object),
            _ => Vec::new(),
        }
    }

    /// Takes one of `metadata` away.
    pub fn remove(&mut self, key: &str) {
        if let Value::Object(metadata) = &mut self.metadata {
            metadata.shift_remove(key);
        }
    }
}

fn unkept(name: &str, object: &Object) -> Vec<String> {
    let is_kept = |(key, value): &(&String, &Value)| match key.as_str() {
        "display_name" | "schema_name" => true,
        "metadata" => value.as_object().is_some(),
        "name" => value.as_str() == Some(name),
        _ => false,
    };
    object.iter().filter(|pair| !is_kept(pair)).map(|(key, _)| format!("`{key}`")).collect()
}

fn salvaged(name: &str, text: &str) -> Record {
    let mut record = Record { display_name: Value::Null, ..Record::new(name, "") };
    for (key, is_of_metadata) in TEXTS {
        let Some(found) = after_key(text, key).find_map(first_text) else { continue };
        match is_of_metadata {
            true => record.set(key, found.into()),
            false => record.display_name = found.into(),
        }
    }
    if let Some(tags) = after_key(text, "tags").find_map(texts_of_list) {
        record.set("tags", Value::List(tags.into_iter().map(Value::String).collect()));
    }
    record
}

/// What stands behind `"key":`, wherever that is.
fn after_key<'a>(text: &'a str, key: &str) -> impl Iterator<Item = &'a str> + use<'a> {
    let quoted = format!("\"{key}\"");
    let places: Vec<usize> = text.match_indices(&quoted).map(|(at, _)| at + quoted.len()).collect();
    places.into_iter().filter_map(|at| Some(text[at..].trim_start().strip_prefix(':')?.trim_start()))
}

/// The text in quotation marks with which this begins.
fn first_text(text: &str) -> Option<String> {
    match json::parse(&text[..end_of_text(text)?]) {
        Ok(Value::String(text)) => Some(text),
        _ => None,
    }
}

/// The texts of the list with which this begins; that it ends is not demanded.
fn texts_of_list(text: &str) -> Option<Vec<String>> {
    let mut rest = text.strip_prefix('[')?;
    let mut texts = Vec::new();
    while let Some(at) = rest.find(['"', ']', '{', '}', ':']).filter(|at| rest[*at..].starts_with('"')) {
        rest = &rest[at..];
        let Some(end) = end_of_text(rest) else { break };
        texts.extend(first_text(rest));
        rest = &rest[end..];
    }
    Some(texts)
}

/// Where a text in quotation marks ends.
fn end_of_text(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    let inside = text.strip_prefix('"')?;
    for (at, character) in inside.char_indices() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return Some(at + 2),
            _ => (),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_read_of_a_broken_file_is_read() {
        let whole = r#"{
  "display_name": "Größe \"1\"",
  "metadata": {
    "tags": ["a, b", "c",],
    "description": "display_name",
    "image_name": "a/b:1"
    "pull_policy": "Never"
  }"#;
        let record = salvaged("x", whole);
        assert_eq!(record.display_name.as_str(), Some("Größe \"1\""));
        assert_eq!((record.image_name(), record.text("pull_policy")), (Some("a/b:1"), Some("Never")));
        assert_eq!(record.text("description"), Some("display_name"));
        assert_eq!(record.get("tags"), Some(&Value::List(vec!["a, b".into(), "c".into()])));
        for end in 0..whole.len() {
            let cut = String::from_utf8_lossy(&whole.as_bytes()[..end]).into_owned();
            let record = salvaged("x", &cut);
            assert!(record.image_name().is_none_or(|image| image == "a/b:1"), "{cut}");
        }
        let nothing = Record { display_name: Value::Null, ..Record::new("x", "") };
        for text in ["", "[]", "\u{feff}{", "\"image_name\"", "\"image_name\": 5", "\"tags\": {\"a\": 1}"] {
            assert_eq!(salvaged("x", text), nothing, "{text}");
        }
    }

    #[test]
    fn what_a_record_has_no_place_for_is_named() {
        let cases: [(&str, &[&str]); 4] = [
            (r#"{"display_name": "X", "metadata": {"more": 1}, "schema_name": "runtime-image"}"#, &[]),
            (r#"{"name": "x", "metadata": {}}"#, &[]),
            (r#"{"name": "y", "metadata": [1], "version": 2}"#, &["`name`", "`metadata`", "`version`"]),
            ("[", &[]),
        ];
        for (text, unkept) in cases {
            assert_eq!(Record::unkept_of("x", text), unkept, "{text}");
        }
    }
}
