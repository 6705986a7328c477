//! Runtime image records, as Elyra keeps them. They need no content store.

#[cfg(target_os = "linux")]
mod archive;
#[cfg(target_os = "linux")]
mod check;
#[cfg(target_os = "linux")]
mod delivery;
#[cfg(target_os = "linux")]
mod mirrors;
mod pin;
mod publish;
mod registries;
mod verify;

use std::io;
use std::path::{Path, PathBuf};

use imagewright_elyra::exchange;
use imagewright_elyra::rest::Router;
use imagewright_elyra::{Folders, Records, schema};

#[cfg(target_os = "linux")]
pub use archive::{ArchiveError, Archived};
#[cfg(target_os = "linux")]
pub use delivery::{Delivered, DeliveryRequest, Target, TargetError};
pub use imagewright_elyra::exchange::{ExportError, ExportRequest, Exported, Imported, listed, system_text};
pub use imagewright_elyra::json::{self, Object, Value};
pub use imagewright_elyra::rest::{Request as RestRequest, Response as RestResponse};
pub use imagewright_elyra::{
    Change, Entry, ErrorClass, Finding, Leftover, Listing, MetadataError, Note, Problem, Record, SCHEMA,
    SCHEMASPACE, State, Strictness, Surroundings, UNKNOWN_SCHEMA, Update, Version, Written, findings,
    generated_name,
};
pub use pin::{PinOutcome, PinRequest, Pinned};
pub use publish::{Publication, Published};
#[cfg(target_os = "linux")]
pub(crate) use registries::PATIENCE;
pub use registries::{ImageRegistries, Trouble, TroubleKind};
pub use verify::{FoundTags, Remark, Verified, VerifyRequest};

/// What a user can do with records.
#[derive(Clone, Debug)]
pub struct RuntimeImages {
    records: Records,
}

/// A record on its way through an editor.
#[derive(Clone, Debug)]
pub struct Draft {
    /// What the file holds, right or wrong.
    pub text: String,
    /// What it was when it was read.
    pub version: Version,
}

impl RuntimeImages {
    /// The records in Elyra's folders; none where there is no folder to write to.
    pub fn open(surroundings: &Surroundings) -> Option<Self> {
        Some(Self { records: Records::new(Folders::of(surroundings)?) })
    }

    /// The records in one folder of Elyra's, as `ELYRA_METADATA_PATH` names one, and below it those that came with Elyra, if their folder is given.
    pub fn in_folder(folder: &Path, factory: Option<&Path>) -> Self {
        let records = |folder: &Path| folder.join("metadata").join(SCHEMASPACE);
        Self { records: Records::new(Folders::new(records(folder), factory.map(records))) }
    }

    /// Answers a request of Elyra's REST interface, whose paths begin with `/elyra/`. `now` stands in error messages.
    pub fn answer(&self, request: RestRequest<'_>, now: &str) -> RestResponse {
        Router::new(self.records.clone(), "").handle(request, now)
    }

    /// The name for a new record: the one that is given, else one made of the display name.
    pub fn name_for(name: Option<&str>, display_name: &str) -> Result<String, MetadataError> {
        Records::name_for(name, display_name)
    }

    /// All files, those that count and those that do not.
    pub fn list(&self) -> Listing {
        self.records.list()
    }

    /// The file that counts for a name, whatever it holds.
    pub fn show(&self, name: &str) -> Result<Entry, MetadataError> {
        self.records.find(name)
    }

    /// What we know about the image of a record.
    pub fn note(&self, record: &Record) -> Option<Note> {
        self.records.note(record)
    }

    /// Writes a new record.
    pub fn create(&self, record: Record, strictness: Strictness) -> Result<Written, MetadataError> {
        self.records.create_checked(record, strictness)
    }

    /// Changes properties of a record, or replaces all of them.
    pub fn update(
        &self,
        name: &str,
        change: &Change,
        how: Update,
        strictness: Strictness,
    ) -> Result<Written, MetadataError> {
        self.records.change(name, change, how, strictness)
    }

    /// Removes a record, or whatever lies in its place, from the user's folder.
    pub fn remove(&self, name: &str) -> Result<PathBuf, MetadataError> {
        self.records.remove(name)
    }

    /// Writes all records into a folder; `before_removal` is told of each file that `clean` is going to remove.
    pub fn export(
        &self,
        request: &ExportRequest,
        before_removal: &mut dyn FnMut(&Path),
    ) -> Result<Option<Exported>, ExportError> {
        exchange::export(&self.records, request, before_removal)
    }

    /// Takes the records of a folder.
    pub fn import(
        &self,
        directory: &Path,
        existing: Option<Update>,
        strictness: Strictness,
    ) -> io::Result<Imported> {
        exchange::import(&self.records, directory, existing, strictness)
    }

    /// Copies a record under another display name.
    pub fn duplicate(&self, name: &str, display_name: Option<&str>) -> Result<Written, MetadataError> {
        self.records.duplicate(name, display_name)
    }

    /// Begins to edit a record.
    pub fn begin_edit(&self, name: &str) -> Result<Draft, MetadataError> {
        let entry = self.records.find(name)?;
        let text = entry.record().map(Record::to_file).or_else(|| entry.text()).unwrap_or_default();
        Ok(Draft { text: text + "\n", version: entry.version() })
    }

    /// The record in an edited text, if it may be saved.
    pub fn check_edit(
        &self,
        name: &str,
        text: &str,
        strictness: Strictness,
    ) -> Result<Record, MetadataError> {
        let record = Record::from_text(name, text)?;
        schema::check(&record)?;
        self.records.accepted(&record, strictness)?;
        Ok(record)
    }

    /// Saves a record that was read and changed, unless somebody else has changed it since: `version` is what it was.
    pub fn save(&self, record: Record, version: &Version) -> Result<Written, MetadataError> {
        let findings = self.records.accepted(&record, Strictness::Lenient)?;
        let path = self.records.update(&record, version)?;
        Ok(Written { record, path, findings })
    }

    /// Hides a record that cannot be removed.
    pub fn hide(&self, name: &str) -> Result<PathBuf, MetadataError> {
        self.records.hide(name)
    }

    /// Brings a hidden record back.
    pub fn unhide(&self, name: &str) -> Result<PathBuf, MetadataError> {
        self.records.unhide(name)
    }
}
