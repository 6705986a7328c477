//! What we know of a record and Elyra has no place for: where its image came from, what it named before it was pinned.
//!
//! Elyra's panel drops keys that it does not know, so this lies in a folder of ours beside `metadata`:
//! `imagewright/runtime-images/<name>.json`. Each note is kept under the image name that it is about, and counts only while
//! the record has that image name; so whoever changes the record without us makes no note wrong. A note is written before
//! the record is. Losing notes costs a remark, never a record.

use std::fs;
use std::path::PathBuf;

use crate::change::{ATTEMPTS, Strictness, Written};
use crate::error::MetadataError;
use crate::folders::Folders;
use crate::json::{Object, Value};
use crate::name::is_valid_name;
use crate::record::Record;
use crate::records::{Records, file_name};
use crate::write::{NotReplaced, Writer};
use crate::{SCHEMASPACE, read};

/// Our folder beside `metadata`.
const FOLDER: &str = "imagewright";

/// What we know about the image that a record names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Note {
    /// What the record named before it was pinned.
    pub pinned_from: Option<String>,
    /// What it named where it was exported, before an import sent its image elsewhere.
    pub imported_from: Option<String>,
    /// The id of an image of ours that was built and published as this record.
    pub built: Option<String>,
    /// When this was noted, RFC 3339.
    pub noted: Option<String>,
}

impl Note {
    /// Its parts that are there, by name.
    pub fn parts(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let parts = [
            ("pinned_from", &self.pinned_from),
            ("imported_from", &self.imported_from),
            ("built", &self.built),
            ("noted", &self.noted),
        ];
        parts.into_iter().filter_map(|(key, value)| Some((key, value.as_deref()?)))
    }

    /// As JSON.
    pub fn to_object(&self) -> Object {
        self.parts().map(|(key, value)| (key.to_owned(), value.into())).collect()
    }

    fn from_value(value: &Value) -> Option<Self> {
        let object = value.as_object()?;
        let text = |key: &str| object.get(key).and_then(Value::as_str).map(str::to_owned);
        Some(Self {
            pinned_from: text("pinned_from"),
            imported_from: text("imported_from"),
            built: text("built"),
            noted: text("noted"),
        })
    }
}

impl Folders {
    /// Where notes about the records in the folder that is written to lie.
    fn notes(&self) -> PathBuf {
        let writable = self.writable();
        writable.ancestors().nth(2).unwrap_or(writable).join(FOLDER).join(SCHEMASPACE)
    }
}

impl Records {
    /// What we know about the image that a record names now.
    pub fn note(&self, record: &Record) -> Option<Note> {
        Note::from_value(self.notes_of(&record.name).get(record.image_name()?)?)
    }

    /// Points a record at another image and keeps everything else. It must still name `expected`.
    pub fn repoint(
        &self,
        name: &str,
        expected: &str,
        image_name: &str,
        note: &Note,
    ) -> Result<Written, MetadataError> {
        for attempt in 1.. {
            let (mut record, entry) = self.get(name)?;
            if record.image_name() != Some(expected) {
                break;
            }
            self.write_note(&record, image_name, note)?;
            record.set("image_name", image_name.into());
            let findings = self.accepted(&record, Strictness::Lenient)?;
            match self.update(&record, &entry.version()) {
                Err(MetadataError::Changed(_)) if attempt < ATTEMPTS => (),
                result => return result.map(|path| Written { record, path, findings }),
            }
        }
        Err(MetadataError::Changed(name.to_owned()))
    }

    /// Notes something about the image that a record is going to name. What is noted about the one that it names stays until
    /// then.
    pub fn write_note(&self, record: &Record, image_name: &str, note: &Note) -> Result<(), MetadataError> {
        if !is_valid_name(&record.name) {
            return Err(MetadataError::Name);
        }
        let mut notes = self.notes_of(&record.name);
        notes.retain(|about, _| Some(about.as_str()) == record.image_name());
        notes.insert(image_name.to_owned(), Value::Object(note.to_object()));
        let content = Value::Object([("notes".to_owned(), Value::Object(notes))].into_iter().collect());
        let (folder, file) = (self.folders().notes(), file_name(&record.name));
        let failed = |error| MetadataError::io("written", folder.join(&file), error);
        let writer = Writer::open(&folder).map_err(failed)?;
        let text = content.to_indented(2);
        match writer.create(&file, &text) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                writer.replace(&file, &text, None).map_err(|error| match error {
                    NotReplaced::Changed => MetadataError::Changed(record.name.clone()),
                    NotReplaced::Io(error) => failed(error),
                })
            }
            result => result.map_err(failed),
        }
    }

    /// Forgets what is noted about a record that is gone.
    pub(crate) fn forget_notes(&self, name: &str) {
        if is_valid_name(name) {
            // Notes about a record that is not there harm nobody.
            fs::remove_file(self.folders().notes().join(file_name(name))).ok();
        }
    }

    /// Notes by image name; none where there is no file, or one that is not ours to understand.
    fn notes_of(&self, name: &str) -> Object {
        let path = self.folders().notes().join(file_name(name));
        let value = is_valid_name(name).then(|| read::value(&read::bytes(&path).ok()?).ok()).flatten();
        let notes = value.as_ref().and_then(|value| value.as_object()?.get("notes")?.as_object());
        notes.cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(folder: &std::path::Path) -> Records {
        Records::new(Folders::new(folder.join("metadata/runtime-images"), []))
    }

    fn from(text: &str) -> Note {
        Note { pinned_from: Some(text.to_owned()), ..Note::default() }
    }

    #[test]
    fn a_note_counts_while_the_record_names_its_image() {
        let temp = tempfile::tempdir().unwrap();
        let records = records(temp.path());
        let mut record = Record::new("x", "X");
        record.set("image_name", "a/b:1".into());
        records.create(&record).unwrap();
        let written = records.repoint("x", "a/b:1", "a/b:1@d", &from("a/b:1")).unwrap();
        assert_eq!(records.note(&written.record), Some(from("a/b:1")));
        assert!(temp.path().join("imagewright/runtime-images/x.json").is_file());
        assert_eq!(records.note(&record), None, "it names something else");
        let changed = records.repoint("x", "a/b:1", "a/b:1@e", &from("a/b:1")).unwrap_err();
        assert!(matches!(changed, MetadataError::Changed(_)), "{changed}");
        records.repoint("x", "a/b:1@d", "a/b:2", &Note::default()).unwrap();
        assert_eq!(records.note(&written.record), Some(from("a/b:1")), "kept until the next change");
        records.remove("x").unwrap();
        assert_eq!(records.note(&written.record), None);
    }

    #[test]
    fn what_is_not_ours_to_understand_is_no_note() {
        let temp = tempfile::tempdir().unwrap();
        let records = records(temp.path());
        let mut record = Record::new("x", "X");
        record.set("image_name", "a/b:1".into());
        let folder = temp.path().join("imagewright/runtime-images");
        fs::create_dir_all(&folder).unwrap();
        for text in ["", "[]", "{\"notes\": 1}", "{\"notes\": {\"a/b:1\": []}}", "\u{feff}{}"] {
            fs::write(folder.join("x.json"), text).unwrap();
            assert_eq!(records.note(&record), None, "{text}");
            records.write_note(&record, "a/b:1", &from("a/b")).unwrap();
            assert_eq!(records.note(&record), Some(from("a/b")), "{text}");
        }
        let elsewhere = Record { name: "../x".to_owned(), ..record };
        assert!(matches!(
            records.write_note(&elsewhere, "a/b:1", &Note::default()),
            Err(MetadataError::Name)
        ));
    }
}
