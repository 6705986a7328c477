//! The records in all folders: which there are, which count, and changing them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;

use crate::error::MetadataError;
use crate::folders::Folders;
use crate::name::{generated_name, is_valid_name};
use crate::problem::Problem;
use crate::record::Record;
use crate::write::{NotReplaced, Writer, interrupted};
use crate::{read, schema};

/// What a file came to.
#[derive(Clone, Debug)]
pub enum State {
    /// A record that Elyra takes.
    Valid(Record),
    /// A record that does not fit the schema. It still hides those of its name in lower folders.
    Invalid(Record, Problem),
    /// No record. In listings of what is valid, one in a lower folder shows.
    Unreadable(Problem),
}

/// One file in one of the folders.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The record's name.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// Which folder it is in, 0 for the one that is written to.
    pub folder: usize,
    /// What it came to.
    pub state: State,
    /// The file as it was read.
    pub(crate) bytes: Option<Vec<u8>>,
}

impl Entry {
    /// The record, where the file holds one, valid or not.
    pub fn record(&self) -> Option<&Record> {
        match &self.state {
            State::Valid(record) | State::Invalid(record, _) => Some(record),
            State::Unreadable(_) => None,
        }
    }

    /// The record, where it is valid.
    pub fn valid(&self) -> Option<&Record> {
        match &self.state {
            State::Valid(record) => Some(record),
            _ => None,
        }
    }

    /// What is wrong.
    pub fn problem(&self) -> Option<&Problem> {
        match &self.state {
            State::Valid(_) => None,
            State::Invalid(_, problem) | State::Unreadable(problem) => Some(problem),
        }
    }

    /// The text of the file, whatever it is; what is not UTF-8 is replaced.
    pub fn text(&self) -> Option<String> {
        self.bytes.as_ref().map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    /// What it is now, to be held against what it is when it is written.
    pub fn version(&self) -> Version {
        Version { folder: self.folder, bytes: self.bytes.clone() }
    }
}

/// What a record was when it was read.
#[derive(Clone, Debug)]
pub struct Version {
    folder: usize,
    bytes: Option<Vec<u8>>,
}

/// How given properties meet those that are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    /// Those that are not given stay, as Elyra has it.
    Merge,
    /// Those that are not given go, as Elyra's guide has it.
    Replace,
}

/// A file that an Elyra that was killed left behind: what a record was before a change.
#[derive(Clone, Debug)]
pub struct Leftover {
    /// The file.
    pub path: PathBuf,
    /// The record it was.
    pub name: String,
    /// Whether there is no record of this name any more.
    pub is_missed: bool,
}

/// All files in all folders.
#[derive(Debug, Default)]
pub struct Listing {
    /// Lowest precedence first, in each folder by name.
    pub entries: Vec<Entry>,
    /// Folders that are there and cannot be read.
    pub unreadable: Vec<(PathBuf, io::Error)>,
    /// What was left behind in the folder that is written to.
    pub leftovers: Vec<Leftover>,
}

impl Listing {
    /// The entries that count, one for each name, in Elyra's order. Without invalid ones, what cannot be read does not hide
    /// what is below it.
    pub fn visible(&self, include_invalid: bool) -> Vec<&Entry> {
        let mut visible: IndexMap<&str, &Entry> = IndexMap::new();
        let counts = |entry: &&Entry| include_invalid || !matches!(entry.state, State::Unreadable(_));
        for entry in self.entries.iter().filter(counts) {
            visible.insert(&entry.name, entry);
        }
        visible.into_values().filter(|entry| include_invalid || entry.valid().is_some()).collect()
    }

    /// The records that are valid and count.
    pub fn records(&self) -> Vec<&Record> {
        self.visible(false).into_iter().filter_map(Entry::valid).collect()
    }
}

/// The records in Elyra's folders.
#[derive(Clone, Debug)]
pub struct Records {
    folders: Folders,
}

impl Records {
    /// Those in these folders. Nothing is looked at yet.
    pub fn new(folders: Folders) -> Self {
        Self { folders }
    }

    /// The folders.
    pub fn folders(&self) -> &Folders {
        &self.folders
    }

    /// Reads all files.
    pub fn list(&self) -> Listing {
        self.put_right();
        let mut listing = Listing::default();
        for (index, folder) in
            self.folders.all().iter().enumerate().rev().filter(|(_, folder)| folder.is_dir())
        {
            match files(folder) {
                Ok(files) => {
                    let entries = files.iter().map(|(name, path)| read_entry(name, path, index));
                    listing.entries.extend(entries);
                }
                Err(error) => listing.unreadable.push((folder.clone(), error)),
            }
        }
        listing.leftovers = leftovers(self.folders.writable());
        listing
    }

    /// The file that has this name in the highest folder.
    pub fn find(&self, name: &str) -> Result<Entry, MetadataError> {
        self.put_right();
        for (index, folder) in self.folders.all().iter().enumerate().filter(|(_, folder)| folder.is_dir()) {
            let files = files(folder).map_err(|error| MetadataError::io("read", folder, error))?;
            if let Some((name, path)) = files.iter().find(|(file_name, _)| file_name == name) {
                return Ok(read_entry(name, path, index));
            }
        }
        Err(MetadataError::NotFound(name.to_owned()))
    }

    /// A valid record, and what it is now.
    pub fn get(&self, name: &str) -> Result<(Record, Entry), MetadataError> {
        let entry = self.find(name)?;
        match &entry.state {
            State::Valid(record) => Ok((record.clone(), entry)),
            State::Invalid(_, problem) | State::Unreadable(problem) => Err(problem.clone().into()),
        }
    }

    /// Writes a new record. Gives its file.
    pub fn create(&self, record: &Record) -> Result<PathBuf, MetadataError> {
        if !is_valid_name(&record.name) || record.name.ends_with(',') {
            return Err(MetadataError::Name);
        }
        schema::check(record)?;
        match self.find(&record.name) {
            Ok(entry) => Err(exists(record, entry.path)),
            Err(MetadataError::NotFound(_)) => self.place(record),
            Err(error) => Err(error),
        }
    }

    /// Writes a record that is there: in its place, or, where it is in a lower folder, as a copy in the folder of the user.
    /// `version` is what it was when it was read. Gives its file.
    pub fn update(&self, record: &Record, version: &Version) -> Result<PathBuf, MetadataError> {
        if !is_valid_name(&record.name) {
            return Err(MetadataError::Name);
        }
        schema::check(record)?;
        let path = self.path_of(&record.name);
        let failed = |error| match error {
            NotReplaced::Changed => MetadataError::Changed(record.name.clone()),
            NotReplaced::Io(error) if error.kind() == io::ErrorKind::NotFound => {
                MetadataError::Changed(record.name.clone())
            }
            NotReplaced::Io(error) => MetadataError::io("written", &path, error),
        };
        let writer = self.writer()?;
        let written = match version.folder {
            0 => writer.replace(&file_name(&record.name), &record.to_file(), version.bytes.as_deref()),
            _ => writer.create(&file_name(&record.name), &record.to_file()).map_err(|error| {
                match error.kind() {
                    io::ErrorKind::AlreadyExists => NotReplaced::Changed,
                    _ => NotReplaced::Io(error),
                }
            }),
        };
        written.map_err(failed)?;
        Ok(path)
    }

    /// Removes a record, valid or not, from the folder of the user. Gives the file that went.
    pub fn remove(&self, name: &str) -> Result<PathBuf, MetadataError> {
        let entry = self.find(name)?;
        if entry.folder != 0 {
            return Err(MetadataError::NotPermitted(name.to_owned()));
        }
        self.writer()?.remove(&entry.path).map_err(|error| match error.kind() {
            io::ErrorKind::DirectoryNotEmpty => MetadataError::FullFolder(entry.path.clone()),
            _ => MetadataError::io("removed", &entry.path, error),
        })?;
        self.forget_notes(name);
        Ok(entry.path)
    }

    /// The name for a new record: the one that is given, else one made of the display name.
    pub fn name_for(name: Option<&str>, display_name: &str) -> Result<String, MetadataError> {
        match name.filter(|name| !name.is_empty()) {
            Some(name) => Ok(name.to_owned()),
            None => {
                generated_name(display_name).ok_or_else(|| MetadataError::Unnameable(display_name.to_owned()))
            }
        }
    }

    /// Writes a file that must not be there yet in the folder of the user, whatever the record is.
    pub(crate) fn place(&self, record: &Record) -> Result<PathBuf, MetadataError> {
        let path = self.path_of(&record.name);
        self.writer()?.create(&file_name(&record.name), &record.to_file()).map_err(|error| {
            match error.kind() {
                io::ErrorKind::AlreadyExists => exists(record, path.clone()),
                _ => MetadataError::io("written", &path, error),
            }
        })?;
        Ok(path)
    }

    fn writer(&self) -> Result<Writer, MetadataError> {
        let folder = self.folders.writable();
        Writer::open(folder).map_err(|error| MetadataError::io("written", folder, error))
    }

    fn path_of(&self, name: &str) -> PathBuf {
        self.folders.writable().join(file_name(name))
    }

    /// Finishes what a process of ours that was killed left. Whoever may not write reads what is there.
    fn put_right(&self) {
        let folder = self.folders.writable();
        if interrupted(folder).is_ok_and(|files| !files.is_empty()) {
            Writer::open(folder).ok();
        }
    }
}

fn exists(record: &Record, path: PathBuf) -> MetadataError {
    MetadataError::Exists { name: record.name.clone(), path }
}

pub(crate) fn file_name(name: &str) -> String {
    format!("{name}.json")
}

/// Names and files of a folder, by name.
pub(crate) fn files(folder: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let file = entry.file_name().to_string_lossy().into_owned();
        if let Some(stem) = file.strip_suffix(".json") {
            // To Python, dots at the beginning begin no extension.
            let name = if stem.bytes().all(|byte| byte == b'.') { &file } else { stem };
            files.push((name.to_owned(), entry.path()));
        }
    }
    files.sort();
    Ok(files)
}

fn read_entry(name: &str, path: &Path, folder: usize) -> Entry {
    let bytes = read::bytes(path);
    let state = match &bytes {
        Err(error) => State::Unreadable(read::unreadable(path, error)),
        Ok(bytes) => match read::record(name, path, bytes) {
            Err(problem) => State::Unreadable(problem),
            Ok(record) => match schema::check(&record) {
                Ok(()) => State::Valid(record),
                Err(problem) => State::Invalid(record, problem),
            },
        },
    };
    Entry { name: name.to_owned(), path: path.to_path_buf(), folder, state, bytes: bytes.ok() }
}

/// `x.json1732612345.123`: what Elyra names a record while it changes it.
fn leftovers(folder: &Path) -> Vec<Leftover> {
    let is_time = |text: &str| {
        let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        text.split_once('.').is_some_and(|(seconds, rest)| is_digits(seconds) && is_digits(rest))
    };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut leftovers: Vec<Leftover> = entries
        .filter_map(|entry| {
            let file = entry.file_name().into_string().ok()?;
            let (name, _) = file.rsplit_once(".json").filter(|(_, time)| is_time(time))?;
            let is_missed = !folder.join(file_name(name)).exists();
            Some(Leftover { path: entry.path(), name: name.to_owned(), is_missed })
        })
        .collect();
    leftovers.sort_by(|one, other| one.path.cmp(&other.path));
    leftovers
}
