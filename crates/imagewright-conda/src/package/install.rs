//! The files of a package as entries of a layer.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Cursor, Read, Write};
use std::path::{Component, Path, PathBuf};

use imagewright_layer::{Entry, EntryKind, LayerError, LayerPath, LayerReader};
use imagewright_python::zip::{FileAt, ReadAt};
use rattler_conda_types::package::PathType;
use rattler_conda_types::prefix_record::{PathType as InstalledType, PathsEntry as InstalledPath};
use rattler_digest::{HashingReader, Sha256, Sha256Hash};
use serde::{Deserialize, Serialize};

use super::error::PackageError;
use super::metadata::bomb_or;
use super::plan::{Place, Plan, Planned};
use super::retimed::Retimed;
use crate::prefix::{self, Edited};

/// Larger files with a prefix in them wait in a file and not in memory.
const IN_MEMORY: u64 = 4 << 20;

/// What was installed, as `conda-meta` tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Installed {
    pub(crate) paths: Vec<InstalledPath>,
}

/// Takes the entries of a package.
pub type Sink<'a> = dyn FnMut(&Entry, &mut dyn Read) -> Result<(), LayerError> + 'a;

impl<R: ReadAt> Plan<'_, R> {
    /// Writes all files, in the order of the archive; folders are the caller's. What the archive holds and the package does
    /// not list is left out, as installers do.
    pub fn write(&self, sink: &mut Sink<'_>) -> Result<Installed, PackageError> {
        let mut writer =
            Writer { plan: self, sink, written: BTreeMap::new(), later: BTreeMap::new(), paths: Vec::new() };
        let limit = self.archive.limit();
        let mut tar = LayerReader::new(self.archive.files()?);
        tar.for_each(|entry, body| writer.take(&entry, body)).map_err(|error| bomb_or(error, limit))?;
        if !writer.later.is_empty() {
            let mut tar = LayerReader::new(self.archive.files()?);
            tar.for_each(|entry, body| writer.take_again(&entry, body))
                .map_err(|error| bomb_or(error, limit))?;
        }
        writer.finish()
    }
}

struct Writer<'p, 's, R> {
    plan: &'p Plan<'p, R>,
    sink: &'s mut Sink<'s>,
    /// Paths of the archive that were written, with their modes.
    written: BTreeMap<LayerPath, u32>,
    /// Other names of files whose contents differ from those of the file, by the path of the file in the archive.
    later: BTreeMap<LayerPath, Vec<LayerPath>>,
    paths: Vec<InstalledPath>,
}

impl<'p, R: ReadAt> Writer<'p, '_, R> {
    fn take(&mut self, entry: &Entry, body: &mut dyn Read) -> Result<(), PackageError> {
        let Some(planned) = self.plan.files.get(&entry.path).filter(|_| entry.kind != EntryKind::Directory)
        else {
            return Ok(());
        };
        if self.written.contains_key(&entry.path) {
            return Err(PackageError::Twice { path: entry.path.to_string() });
        }
        let listed = |reason| PackageError::Listed { path: entry.path.to_string(), reason };
        match (&entry.kind, planned.entry.path_type) {
            (EntryKind::File { size }, PathType::HardLink) => {
                // Lists of packages that were mended by hand have old sizes; the hash of the whole was looked at.
                self.file(planned, *size, entry.mode & 0o777, body)?;
            }
            (EntryKind::Symlink { target }, PathType::SoftLink) => self.symlink(planned, target)?,
            (EntryKind::HardLink { target }, PathType::HardLink) => {
                return self.hard_link(entry, planned, target);
            }
            (EntryKind::File { .. } | EntryKind::HardLink { .. }, _) => return Err(listed("it is a file")),
            (EntryKind::Symlink { .. }, _) => return Err(listed("it is a symbolic link")),
            _ => return Err(listed("it is neither a file nor a link")),
        }
        self.written.insert(entry.path.clone(), entry.mode & 0o777);
        Ok(())
    }

    /// Writes files once more under other names, with what has to be replaced there.
    fn take_again(&mut self, entry: &Entry, body: &mut dyn Read) -> Result<(), PackageError> {
        let (EntryKind::File { size }, Some(names)) = (&entry.kind, self.later.remove(&entry.path)) else {
            return Ok(());
        };
        let contents = kept(body, *size, &self.plan.place.spool)?;
        for name in names {
            let planned = &self.plan.files[&name];
            self.file(planned, *size, entry.mode & 0o777, &mut Edited::new(&*contents, &[]))?;
            self.written.insert(name, entry.mode & 0o777);
        }
        Ok(())
    }

    fn hard_link(
        &mut self,
        entry: &Entry,
        planned: &'p Planned<'p>,
        target: &LayerPath,
    ) -> Result<(), PackageError> {
        let first = self.plan.files.get(target);
        match (first, self.written.get(target)) {
            (Some(first), Some(mode)) if !is_changed(first) && !is_changed(planned) => {
                let kind = EntryKind::HardLink { target: first.target.clone() };
                let link = self.entry(planned, kind, *mode);
                (self.sink)(&link, &mut io::empty())?;
                self.paths.push(installed(planned, None, planned.entry.size_in_bytes));
                self.written.insert(entry.path.clone(), *mode);
            }
            _ => self.later.entry(target.clone()).or_default().push(entry.path.clone()),
        }
        Ok(())
    }

    fn symlink(&mut self, planned: &Planned<'_>, target: &Path) -> Result<(), PackageError> {
        let Place { prefix, .. } = self.plan.place;
        let folder = planned.relative.parent().unwrap_or(Path::new(""));
        if !stays_inside(folder, target, Path::new(prefix)) {
            let (path, target) = (planned.relative.display().to_string(), target.display().to_string());
            return Err(PackageError::Link { path, target });
        }
        let link = self.entry(planned, EntryKind::Symlink { target: target.to_owned() }, 0o777);
        (self.sink)(&link, &mut io::empty())?;
        self.paths.push(installed(planned, None, planned.entry.size_in_bytes));
        Ok(())
    }

    fn file(
        &mut self,
        planned: &Planned<'_>,
        size: u64,
        mode: u32,
        body: &mut dyn Read,
    ) -> Result<(), PackageError> {
        let Some(placeholder) = &planned.entry.prefix_placeholder else {
            return self.contents(planned, size, mode, body);
        };
        let contents = kept(body, size, &self.plan.place.spool)?;
        let path = || planned.relative.display().to_string();
        let edits = prefix::edits(
            &*contents,
            placeholder.file_mode,
            &placeholder.placeholder,
            &self.plan.place.prefix,
        )
        .map_err(|source| PackageError::Prefix { path: path(), source })?;
        let mut edited = Edited::new(&*contents, &edits);
        self.contents(planned, edited.size(), mode, &mut edited)
    }

    /// Writes a file with its final contents but for the time in bytecode.
    fn contents(
        &mut self,
        planned: &Planned<'_>,
        size: u64,
        mode: u32,
        body: &mut dyn Read,
    ) -> Result<(), PackageError> {
        let file = self.entry(planned, EntryKind::File { size }, mode);
        if !is_changed(planned) {
            (self.sink)(&file, body)?;
            self.paths.push(installed(planned, None, Some(size)));
            return Ok(());
        }
        let body: Box<dyn Read + '_> = match is_bytecode(planned) {
            true => Box::new(Retimed::new(body, self.plan.place.mtime).map_err(PackageError::Read)?),
            false => Box::new(body),
        };
        let mut hashing = HashingReader::<_, Sha256>::new(body);
        (self.sink)(&file, &mut hashing)?;
        let (_, hash) = hashing.finalize();
        self.paths.push(installed(planned, Some(hash), Some(size)));
        Ok(())
    }

    fn entry(&self, planned: &Planned<'_>, kind: EntryKind, mode: u32) -> Entry {
        made(self.plan.place, planned.target.clone(), kind, mode)
    }

    fn finish(mut self) -> Result<Installed, PackageError> {
        if let Some(path) = self.plan.files.keys().find(|path| !self.written.contains_key(*path)) {
            let reason = "it is not there";
            return Err(PackageError::Listed { path: path.to_string(), reason });
        }
        for script in &self.plan.scripts {
            let size = script.text.len() as u64;
            let entry = made(self.plan.place, script.target.clone(), EntryKind::File { size }, 0o755);
            (self.sink)(&entry, &mut Cursor::new(&script.text))?;
            self.paths.push(InstalledPath {
                relative_path: script.relative.clone(),
                original_path: None,
                path_type: InstalledType::UnixPythonEntryPoint,
                no_link: false,
                sha256: Some(rattler_digest::compute_bytes_digest::<Sha256>(&script.text)),
                sha256_in_prefix: None,
                size_in_bytes: Some(size),
                file_mode: None,
                prefix_placeholder: None,
            });
        }
        self.paths.sort_by(|one, other| one.relative_path.cmp(&other.relative_path));
        Ok(Installed { paths: self.paths })
    }
}

impl Installed {
    /// The same with bytecode that was made of its modules, from the prefix on.
    #[must_use]
    pub fn with_bytecode(mut self, paths: &[String]) -> Self {
        self.paths.extend(paths.iter().map(|path| InstalledPath {
            relative_path: PathBuf::from(path),
            original_path: None,
            path_type: InstalledType::PycFile,
            no_link: false,
            sha256: None,
            sha256_in_prefix: None,
            size_in_bytes: None,
            file_mode: None,
            prefix_placeholder: None,
        }));
        self.paths.sort_by(|one, other| one.relative_path.cmp(&other.relative_path));
        self
    }

    /// Its files, from the prefix on.
    pub fn files(&self) -> BTreeSet<String> {
        self.paths.iter().map(|path| path.relative_path.to_string_lossy().into_owned()).collect()
    }
}

fn made(place: &Place, path: LayerPath, kind: EntryKind, mode: u32) -> Entry {
    let (uid, gid) = place.owner;
    Entry { uid, gid, mtime: place.mtime, ..Entry::new(path, kind, mode) }
}

/// Whether a file may be another than the package has.
fn is_changed(planned: &Planned<'_>) -> bool {
    planned.entry.prefix_placeholder.is_some() || is_bytecode(planned)
}

fn is_bytecode(planned: &Planned<'_>) -> bool {
    planned.relative.extension().is_some_and(|extension| extension == "pyc")
}

fn installed(planned: &Planned<'_>, hash: Option<Sha256Hash>, size: Option<u64>) -> InstalledPath {
    let Planned { entry, relative, .. } = planned;
    let placeholder = entry.prefix_placeholder.as_ref();
    InstalledPath {
        relative_path: relative.clone(),
        original_path: None,
        path_type: entry.path_type.into(),
        no_link: entry.no_link,
        sha256: entry.sha256,
        sha256_in_prefix: hash.filter(|hash| Some(*hash) != entry.sha256),
        size_in_bytes: size,
        file_mode: placeholder.map(|placeholder| placeholder.file_mode),
        prefix_placeholder: placeholder.map(|placeholder| placeholder.placeholder.clone()),
    }
}

/// Whether a link in `folder`, which is relative to the prefix, names something below the prefix.
fn stays_inside(folder: &Path, target: &Path, prefix: &Path) -> bool {
    let (mut depth, target) = match target.strip_prefix(prefix) {
        Ok(rest) => (0, rest),
        Err(_) if target.is_absolute() => return false,
        Err(_) => (folder.components().count(), target),
    };
    for component in target.components() {
        match component {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir if depth > 0 => depth -= 1,
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return false,
        }
    }
    true
}

/// The contents of a file, to be looked at more than once.
fn kept(body: &mut dyn Read, size: u64, spool: &Path) -> Result<Box<dyn ReadAt>, PackageError> {
    if size <= IN_MEMORY {
        let mut bytes = Vec::new();
        body.take(size).read_to_end(&mut bytes).map_err(PackageError::Read)?;
        return Ok(Box::new(bytes));
    }
    let mut file: File = tempfile::tempfile_in(spool).map_err(PackageError::Temporary)?;
    let mut buffer = vec![0; 1 << 17];
    loop {
        match body.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => file.write_all(&buffer[..count]).map_err(PackageError::Temporary)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(PackageError::Read(error)),
        }
    }
    Ok(Box::new(FileAt::new(file).map_err(PackageError::Temporary)?))
}
