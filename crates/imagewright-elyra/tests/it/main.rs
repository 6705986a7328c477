//! Records in real folders: which one counts, what is written where, and what REST makes of it.

#![expect(clippy::unwrap_used, reason = "a test that panics fails")]

mod precedence;
mod rest;

use std::fs;
use std::path::PathBuf;

use imagewright_elyra::json::Value;
use imagewright_elyra::{Folders, Record, Records};
use tempfile::TempDir;

/// Two folders, and the records in them.
struct Place {
    temp: TempDir,
    records: Records,
}

impl Place {
    fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let records = Records::new(Folders::new(temp.path().join("own"), [temp.path().join("site")]));
        Self { temp, records }
    }

    /// Writes a file below the place.
    fn put(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn path(&self, path: &str) -> PathBuf {
        self.temp.path().join(path)
    }

    /// Names and display names of what is listed, sorted.
    fn listed(&self, include_invalid: bool) -> Vec<String> {
        let listing = self.records.list();
        let shown = listing.visible(include_invalid).into_iter().map(|entry| {
            let class = entry.problem().map(|problem| format!(" {}", problem.class)).unwrap_or_default();
            format!("{} {}{class}", entry.name, entry.record().map_or("", Record::shown_name))
        });
        let mut shown: Vec<String> = shown.collect();
        shown.sort();
        shown
    }
}

/// The file of a record.
fn text(display_name: &str, image_name: &str) -> String {
    let mut record = Record::new("x", display_name);
    record.set("image_name", Value::from(image_name));
    record.to_file()
}
