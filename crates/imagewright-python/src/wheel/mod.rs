//! Wheels: what they say about themselves, and the files they become in an image.
//!
//! A wheel is installed as uv installs it, to the byte; where uv passes over what is wrong with one, this is stricter:
//! contents that differ from `RECORD`, names that leave the folder and two files with one path are errors.

mod entry_points;
mod error;
mod file_name;
mod headers;
mod install;
mod metadata;
mod record;

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use pep440_rs::Version;

use crate::zip::{Archive, ReadAt, ZipError};
use entry_points::EntryPoints;
use metadata::WheelFile;
use record::Record;

pub use entry_points::EntryPoint;
pub use error::{WheelError, WheelErrorKind};
pub use file_name::WheelFileName;
pub use install::{InstallOptions, Installed, InstalledFile, LayerSink, Plan, Scheme};
pub use metadata::Metadata;

/// The version of what decides the entries of an installed wheel beside the wheel and the options.
pub const INSTALL_VERSION: u32 = 1;

/// The largest files about a wheel that are read into memory.
const LARGEST_METADATA: u64 = 16 * 1024 * 1024;
const LARGEST_RECORD: u64 = 64 * 1024 * 1024;

/// A wheel that has been opened.
#[derive(Debug)]
pub struct Wheel<R> {
    file_name: WheelFileName,
    archive: Archive<R>,
    /// The names of its folder with metadata and of the one with files for other places.
    dist_info: String,
    data: String,
    metadata: Metadata,
    root_is_purelib: bool,
    entry_points: EntryPoints,
    record: Record,
    notes: Vec<String>,
}

impl<R: ReadAt> Wheel<R> {
    /// Opens a wheel: reads the archive's directory and the files about the package, and checks that they agree.
    pub fn open(file_name: &str, source: R) -> Result<Self, WheelError> {
        let file_name = WheelFileName::from_str(file_name)?;
        let zip_error = |source| WheelError::Zip { wheel: file_name.to_string(), source };
        let archive = Archive::open(source).map_err(zip_error)?;
        let dist_info = find_dist_info(&archive, &file_name)?;
        let read = |name: &str, limit| {
            let member = archive.member(&format!("{dist_info}/{name}"));
            member.map(|member| archive.small(member, limit)).transpose().map_err(zip_error)
        };
        let missing = |name| malformed(&file_name, format!("it has no `{name}`"));
        let text = |name, bytes| {
            String::from_utf8(bytes).map_err(|_| malformed(&file_name, format!("its `{name}` is not UTF-8")))
        };
        let wheel_file = read("WHEEL", LARGEST_METADATA)?.ok_or_else(|| missing("WHEEL"))?;
        let wheel_file = WheelFile::parse(&text("WHEEL", wheel_file)?, &file_name)?;
        let metadata = read("METADATA", LARGEST_METADATA)?.ok_or_else(|| missing("METADATA"))?;
        let metadata = Metadata::parse(&String::from_utf8_lossy(&metadata), &file_name)?;
        let entry_points = read("entry_points.txt", LARGEST_METADATA)?.unwrap_or_default();
        let entry_points = EntryPoints::parse(&text("entry_points.txt", entry_points)?, &file_name)?;
        let rows = read("RECORD", LARGEST_RECORD)?.ok_or_else(|| missing("RECORD"))?;
        let rows = record::read(rows.as_slice())
            .map_err(|source| WheelError::Record { wheel: file_name.to_string(), source })?;
        let record = Record::of_files(rows, files(&archive), &dist_info);
        Ok(Self {
            notes: notes(&wheel_file, &record),
            root_is_purelib: wheel_file.root_is_purelib,
            data: format!("{}.data", dist_info.strip_suffix(DIST_INFO).unwrap_or(&dist_info)),
            file_name,
            archive,
            dist_info,
            metadata,
            entry_points,
            record,
        })
    }

    /// What the file's name says.
    pub fn file_name(&self) -> &WheelFileName {
        &self.file_name
    }

    /// What the wheel says about the package.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Whether its top folder goes to `purelib`, and not to `platlib`.
    pub fn root_is_purelib(&self) -> bool {
        self.root_is_purelib
    }

    /// What is unusual about the wheel, each in a sentence.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The package URL, by which other tools know the package.
    pub fn package_url(&self) -> String {
        metadata::package_url(self.file_name.name(), self.file_name.version())
    }
}

const DIST_INFO: &str = ".dist-info";

/// The only folder with metadata, which must be that of the package in the file's name.
fn find_dist_info<R: ReadAt>(archive: &Archive<R>, file_name: &WheelFileName) -> Result<String, WheelError> {
    let tops = archive.members().iter().filter_map(|member| {
        let top = member.path().split('/').next();
        top.filter(|top| top.ends_with(DIST_INFO) && (member.is_directory() || member.path().contains('/')))
    });
    let folders: Vec<&str> = tops.collect::<BTreeSet<_>>().into_iter().collect();
    match folders[..] {
        [] => Err(malformed(file_name, "it has no `.dist-info` folder".to_owned())),
        [folder] if is_of(folder, file_name) => Ok(folder.to_owned()),
        [folder] => Err(WheelError::OtherPackage { wheel: file_name.to_string(), found: folder.to_owned() }),
        [first, second, ..] => {
            Err(malformed(file_name, format!("it has two `.dist-info` folders, `{first}` and `{second}`")))
        }
    }
}

fn is_of(folder: &str, file_name: &WheelFileName) -> bool {
    let parts = folder.strip_suffix(DIST_INFO).and_then(|stem| stem.rsplit_once('-'));
    parts.is_some_and(|(name, version)| {
        let version = Version::from_str(version);
        let expected = file_name.version();
        file_name::normalized_name(name) == file_name.name()
            && version
                .is_ok_and(|version| version == *expected || version == expected.clone().without_local())
    })
}

/// The files of an archive by path, with their sizes.
fn files<R: ReadAt>(archive: &Archive<R>) -> BTreeMap<String, u64> {
    let files = archive.members().iter().filter(|member| !member.is_directory());
    files.map(|member| (member.path().to_owned(), member.size())).collect()
}

fn notes(wheel_file: &WheelFile, record: &Record) -> Vec<String> {
    let format = wheel_file.newer_format.as_ref();
    let format = format.map(|version| format!("it has format {version}, of which only 1.0 is known"));
    let dropped = (record.dropped > 0)
        .then(|| format!("`RECORD` lists files that it does not have: {}", record.dropped));
    let added =
        (record.added > 0).then(|| format!("it has files that `RECORD` does not list: {}", record.added));
    [format, dropped, added].into_iter().flatten().collect()
}

fn malformed(file_name: &WheelFileName, reason: String) -> WheelError {
    WheelError::Malformed { wheel: file_name.to_string(), reason }
}

impl<R: ReadAt> Wheel<R> {
    fn malformed(&self, reason: String) -> WheelError {
        malformed(&self.file_name, reason)
    }

    fn zip_error(&self, source: ZipError) -> WheelError {
        WheelError::Zip { wheel: self.file_name.to_string(), source }
    }
}
