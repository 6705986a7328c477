//! Changing records by giving some of their properties.

use std::path::PathBuf;

use crate::error::MetadataError;
use crate::findings::{Finding, findings};
use crate::json::{Object, Value};
use crate::name::is_valid_name;
use crate::record::Record;
use crate::records::{Records, Update};
use crate::{SCHEMA, schema};

/// How often a change is made anew when somebody else was faster. Each time one of them has got on, so it ends before.
pub(crate) const ATTEMPTS: usize = 100;

/// Properties that are given.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// The schema; that of runtime images where it is not given.
    pub schema_name: Option<Value>,
    /// The display name; an empty one counts as not given.
    pub display_name: Option<Value>,
    /// Some of `metadata`, or something else that a file has in its place.
    pub metadata: Option<Value>,
}

impl Change {
    /// The change that these properties of `metadata` are.
    pub fn of_metadata(metadata: Object) -> Self {
        Self { metadata: Some(Value::Object(metadata)), ..Self::default() }
    }

    fn on(&self, mut record: Record, how: Update) -> Record {
        if let Some(display_name) = self.display_name.as_ref().filter(|display_name| !display_name.is_falsy())
        {
            record.display_name = display_name.clone();
        }
        record.schema_name = self.schema_name.clone().unwrap_or_else(|| SCHEMA.into());
        match (how, self.metadata.clone()) {
            (Update::Merge, None) => (),
            (Update::Merge, Some(Value::Object(values))) => record.merge(values),
            (Update::Replace, None) => record.metadata = Value::Object(Object::new()),
            (_, Some(other)) => record.metadata = other,
        }
        record
    }
}

/// Whether warnings count as errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strictness {
    /// They do not.
    Lenient,
    /// They do.
    Strict,
}

/// A record that was written.
#[derive(Clone, Debug)]
pub struct Written {
    /// The record.
    pub record: Record,
    /// Its file.
    pub path: PathBuf,
    /// What is to be said about it.
    pub findings: Vec<Finding>,
}

impl Records {
    /// Creates a record, unless warnings are errors and there are some.
    pub fn create_checked(&self, record: Record, strictness: Strictness) -> Result<Written, MetadataError> {
        // What Elyra refuses comes first.
        if is_valid_name(&record.name) {
            schema::check(&record)?;
        }
        let findings = self.accepted(&record, strictness)?;
        let path = self.create(&record)?;
        Ok(Written { record, path, findings })
    }

    /// Changes a record. With [`Update::Replace`] it may be one that is not valid, or not even readable.
    pub fn change(
        &self,
        name: &str,
        change: &Change,
        how: Update,
        strictness: Strictness,
    ) -> Result<Written, MetadataError> {
        for attempt in 1.. {
            let (record, entry) = match how {
                Update::Merge => self.get(name)?,
                Update::Replace => {
                    let entry = self.find(name)?;
                    let record = entry.record().cloned();
                    (
                        record
                            .unwrap_or_else(|| Record { display_name: Value::Null, ..Record::new(name, "") }),
                        entry,
                    )
                }
            };
            let record = change.on(record, how);
            schema::check(&record)?;
            let findings = self.accepted(&record, strictness)?;
            match self.update(&record, &entry.version()) {
                Err(MetadataError::Changed(_)) if attempt < ATTEMPTS => (),
                result => return result.map(|path| Written { record, path, findings }),
            }
        }
        Err(MetadataError::Changed(name.to_owned()))
    }

    /// Findings about a record beside the others, or the first of them as an error.
    pub fn accepted(&self, record: &Record, strictness: Strictness) -> Result<Vec<Finding>, MetadataError> {
        let listing = self.list();
        let mut all: Vec<&Record> = listing.records();
        all.retain(|other| other.name != record.name);
        all.push(record);
        let mut found = findings(&all);
        found.retain(|finding| finding.name == record.name);
        match strictness {
            Strictness::Strict if !found.is_empty() => Err(MetadataError::Finding(found.swap_remove(0))),
            _ => Ok(found),
        }
    }

    /// Copies a record under a display name that is not taken: `X-Copy1`, as Elyra's panel does, or the one that is given.
    pub fn duplicate(&self, name: &str, display_name: Option<&str>) -> Result<Written, MetadataError> {
        let (original, _) = self.get(name)?;
        let base = without_copy_number(original.shown_name()).to_owned();
        let is_given = display_name.is_some();
        for number in 1.. {
            let display_name = display_name.map_or_else(|| format!("{base}-Copy{number}"), str::to_owned);
            let name = Self::name_for(None, &display_name)?;
            let copy = Record { name, display_name: display_name.into(), ..original.clone() };
            match self.create_checked(copy, Strictness::Lenient) {
                Err(MetadataError::Exists { .. }) if !is_given => (),
                result => return result,
            }
        }
        Err(MetadataError::Unnameable(base))
    }
}

fn without_copy_number(display_name: &str) -> &str {
    let digits = display_name.trim_end_matches(|c: char| c.is_ascii_digit());
    let has_number = digits.len() < display_name.len();
    digits.strip_suffix("-Copy").filter(|_| has_number).unwrap_or(display_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_of_copies_count_on() {
        let cases = [("X", "X"), ("X-Copy1", "X"), ("X-Copy12", "X"), ("X-Copy", "X-Copy"), ("X1", "X1")];
        for (display_name, base) in cases {
            assert_eq!(without_copy_number(display_name), base);
        }
    }
}
