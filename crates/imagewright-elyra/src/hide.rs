//! Keeping records out of sight that nobody can remove.
//!
//! Elyra has no such thing, but a file with the same name in the folder of the user hides one in a lower folder, even when it
//! does not fit the schema: then neither of them is listed. So what hides a record is a record without an image. The price: a
//! running Elyra logs a warning each time it lists, and the name stays taken.

use std::path::PathBuf;

use crate::error::MetadataError;
use crate::json::Value;
use crate::record::Record;
use crate::records::{Entry, Records};

/// The key by which we know what we wrote.
const MARK: &str = "imagewright_hidden";
const DESCRIPTION: &str =
    "Hides the runtime image of this name; 'imagewright metadata unhide' brings it back";

impl Entry {
    /// Whether it is there to hide another one.
    pub fn is_hiding(&self) -> bool {
        self.record().is_some_and(|record| record.get(MARK).is_some() && record.image_name().is_none())
    }
}

impl Records {
    /// Hides a record of a lower folder. Gives what hides it.
    pub fn hide(&self, name: &str) -> Result<PathBuf, MetadataError> {
        let entry = self.find(name)?;
        if entry.folder == 0 {
            return Err(match entry.is_hiding() {
                true => MetadataError::Hidden(name.to_owned()),
                false => MetadataError::Own(name.to_owned()),
            });
        }
        let shown_name = entry.record().map_or(name, Record::shown_name).to_owned();
        let mut record = Record::new(name, &shown_name);
        record.set("description", DESCRIPTION.into());
        record.set(MARK, Value::Bool(true));
        self.place(&record)
    }

    /// Brings a hidden record back. Gives the file that hid it.
    pub fn unhide(&self, name: &str) -> Result<PathBuf, MetadataError> {
        let entry = self.find(name)?;
        if entry.folder != 0 || !entry.is_hiding() {
            return Err(MetadataError::NotHidden(name.to_owned()));
        }
        self.remove(name)
    }
}
