//! Folders of records that travel: what Elyra's `export` writes and its `import` takes.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::change::{Change, Strictness};
use crate::error::MetadataError;
use crate::json::{Object, Value};
use crate::record::Record;
use crate::records::{Entry, Listing, Records, State, Update, files};
use crate::{SCHEMASPACE, UNKNOWN_SCHEMA, read};

/// What is to be exported, and where to.
#[derive(Clone, Debug)]
pub struct ExportRequest {
    /// The folder; records go into `runtime-images` in it.
    pub directory: PathBuf,
    /// Their names; all where there are none.
    pub names: Vec<String>,
    /// Invalid ones too.
    pub include_invalid: bool,
    /// First remove the files that are there.
    pub clean: bool,
}

impl ExportRequest {
    /// Where the files go.
    pub fn destination(&self) -> PathBuf {
        self.directory.join(SCHEMASPACE)
    }
}

/// What an export came to.
#[derive(Clone, Debug, Default)]
pub struct Exported {
    /// Whether the folder was made.
    pub is_new: bool,
    /// How many entries were in the folder that was cleaned.
    pub cleaned: usize,
    /// Valid records that were written.
    pub valid: usize,
    /// Invalid ones.
    pub invalid: usize,
}

/// Why an export ended.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The folder cannot be made.
    #[error("the folder cannot be made")]
    Folder(#[source] io::Error),
    /// There is no record of a name that was asked for, or a file cannot be written or removed.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
}

/// An entry as listings and exports show it: the record, its file, and why it is not valid.
pub fn listed(entry: &Entry) -> Object {
    let mut object = match entry.record() {
        Some(record) => record.to_object(),
        None => {
            let unknown = Record::new(&entry.name, "");
            Record { display_name: Value::Null, schema_name: UNKNOWN_SCHEMA.into(), ..unknown }.to_object()
        }
    };
    object.insert("resource".to_owned(), entry.path.to_string_lossy().into_owned().into());
    if let Some(problem) = entry.problem() {
        object.insert("reason".to_owned(), problem.class.to_string().into());
    }
    object
}

/// Writes all records that count; nothing, and no folder, where there are none. `before_removal` is told of each file that is
/// going to be removed.
pub fn export(
    records: &Records,
    request: &ExportRequest,
    before_removal: &mut dyn FnMut(&Path),
) -> Result<Option<Exported>, ExportError> {
    let listing = records.list();
    let entries = chosen(&listing, request)?;
    if entries.is_empty() {
        return Ok(None);
    }
    let destination = request.destination();
    let mut exported = Exported { is_new: !destination.exists(), ..Exported::default() };
    if exported.is_new {
        fs::create_dir_all(&destination).map_err(ExportError::Folder)?;
    } else if request.clean {
        exported.cleaned = clean(&destination, before_removal)?;
    }
    for entry in entries {
        let path = destination.join(format!("{}.json", entry.name));
        let text = Value::Object(listed(entry)).to_indented(4);
        write(&path, &text).map_err(|error| MetadataError::io("written", &path, error))?;
        match entry.state {
            State::Valid(_) => exported.valid += 1,
            _ => exported.invalid += 1,
        }
    }
    Ok(Some(exported))
}

/// The records that are to be exported.
pub fn chosen<'a>(listing: &'a Listing, request: &ExportRequest) -> Result<Vec<&'a Entry>, MetadataError> {
    let mut entries = listing.visible(request.include_invalid);
    if let Some(missing) = request.names.iter().find(|name| !entries.iter().any(|entry| entry.name == **name))
    {
        return Err(MetadataError::NotFound(missing.clone()));
    }
    entries.retain(|entry| request.names.is_empty() || request.names.contains(&entry.name));
    Ok(entries)
}

/// Removes the plain files of a folder. Gives how many entries it had.
fn clean(folder: &Path, before_removal: &mut dyn FnMut(&Path)) -> Result<usize, MetadataError> {
    let read = |error| MetadataError::io("read", folder, error);
    let entries: Vec<_> = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<_>>).map_err(read)?;
    for path in entries.iter().map(fs::DirEntry::path).filter(|path| path.is_file()) {
        before_removal(&path);
        fs::remove_file(&path).map_err(|error| MetadataError::io("removed", &path, error))?;
    }
    Ok(entries.len())
}

/// Beside its place first, so that nobody finds half of it.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".imagewright-new");
    let beside = path.with_file_name(name);
    let written =
        OpenOptions::new().write(true).create(true).truncate(true).open(&beside).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            fs::rename(&beside, path)
        });
    if written.is_err() {
        fs::remove_file(&beside).ok();
    }
    written
}

/// What an import came to.
#[derive(Clone, Debug, Default)]
pub struct Imported {
    /// Names of the records that were taken.
    pub names: Vec<String>,
    /// Files that were not, and why.
    pub refused: Vec<(String, String)>,
}

/// Takes the records of a folder, in the order of their names. Those that exist are left alone where `existing` is none.
pub fn import(
    records: &Records,
    directory: &Path,
    existing: Option<Update>,
    strictness: Strictness,
) -> io::Result<Imported> {
    let mut imported = Imported::default();
    for found in read_folder(directory)? {
        let taken = found.record.and_then(|record| take(records, &record, existing, strictness));
        match taken {
            Ok(()) => imported.names.push(found.name),
            Err(reason) => imported.refused.push((found.file, reason)),
        }
    }
    Ok(imported)
}

/// A file that is to be imported.
#[derive(Clone, Debug)]
pub struct ToImport {
    /// The name of the record.
    pub name: String,
    /// The name of the file.
    pub file: String,
    /// The record, or why there is none.
    pub record: Result<Record, String>,
}

/// Reads the files of a folder, in the order of their names.
pub fn read_folder(directory: &Path) -> io::Result<Vec<ToImport>> {
    let files = files(directory)?.into_iter().map(|(name, path)| ToImport {
        record: read_file(&name, &path),
        file: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        name,
    });
    Ok(files.collect())
}

fn read_file(name: &str, path: &Path) -> Result<Record, String> {
    let bytes = read::bytes(path).map_err(|error| system_text(&error))?;
    let mut object = match read::value(&bytes) {
        Ok(Value::Object(object)) => object,
        Ok(other) => return Err(format!("The file holds a {} where an object must be", other.type_name())),
        Err((_, detail)) => return Err(detail),
    };
    let mut take = |key: &str| {
        let missing = || format!("Could not find '{key}' key in the import file '{}'", path.display());
        object.shift_remove(key).ok_or_else(missing)
    };
    let (schema_name, display_name, metadata) =
        (take("schema_name")?, take("display_name")?, take("metadata")?);
    Ok(Record { name: name.to_owned(), display_name, metadata, schema_name })
}

/// Why a record would be refused before anything of it is looked at: there is one of its name.
pub fn refusal(records: &Records, name: &str, existing: Option<Update>) -> Option<String> {
    let entry = records.find(name).ok().filter(|_| existing.is_none())?;
    Some(said(&MetadataError::Exists { name: name.to_owned(), path: entry.path }))
}

/// Takes a record that was read from a file.
pub fn take(
    records: &Records,
    record: &Record,
    existing: Option<Update>,
    strictness: Strictness,
) -> Result<(), String> {
    let create = || records.create_checked(record.clone(), strictness);
    let result = match existing {
        None => create(),
        Some(how) => match records.change(&record.name, &change_to(record), how, strictness) {
            Err(MetadataError::NotFound(_)) => create(),
            result => result,
        },
    };
    result.map(drop).map_err(|error| said(&error))
}

fn said(error: &MetadataError) -> String {
    match error {
        MetadataError::Exists { .. } => format!("{error} Use '--overwrite' to update."),
        _ => error.to_string(),
    }
}

fn change_to(record: &Record) -> Change {
    Change {
        schema_name: Some(record.schema_name.clone()),
        display_name: Some(record.display_name.clone()),
        metadata: Some(record.metadata.clone()),
    }
}

/// What the system calls an error, without its number.
pub fn system_text(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::IsADirectory => "Is a directory".to_owned(),
        _ => {
            let text = error.to_string();
            text.split(" (os error").next().unwrap_or(&text).to_owned()
        }
    }
}
