//! What installing a wheel will write, in order.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use imagewright_layer::LayerPath;
use sha2::{Digest as _, Sha256};

use super::destination::{Destination, Router, site};
use super::{InstallOptions, Scheme, scheme, script};
use crate::wheel::record::{self, Row};
use crate::wheel::{EntryPoint, Wheel, WheelError};
use crate::zip::{Member, ReadAt};

/// Permissions as files come out under the usual umask; of those in the archive, only executability counts.
const PLAIN: u32 = 0o644;
pub(super) const EXECUTABLE: u32 = 0o755;

/// How long the paths of all folders may be together. A path of a kilobyte stands for five hundred folders, so that a
/// small archive can ask for many.
const LONGEST_FOLDER_NAMES: usize = 32 * 1024 * 1024;

pub(super) fn permissions(is_executable: bool) -> u32 {
    if is_executable { EXECUTABLE } else { PLAIN }
}

/// What installing a wheel will write.
#[derive(Debug)]
pub struct Plan<'a, R> {
    pub(super) wheel: &'a Wheel<R>,
    pub(super) scheme: &'a Scheme,
    pub(super) options: &'a InstallOptions,
    pub(super) steps: Vec<Step<'a>>,
    /// The lines of the new `RECORD`, where that will be, and its permissions.
    pub(super) rows: Vec<Row>,
    pub(super) record: (LayerPath, u32),
    pub(super) scripts: Vec<String>,
    files: BTreeMap<LayerPath, Source<'a>>,
    directories: BTreeSet<LayerPath>,
    /// The bytes of the names of all of these.
    folder_names: usize,
    /// The shared directories of the scheme, and those of them that something lies in.
    shared: BTreeSet<LayerPath>,
    needed: BTreeSet<LayerPath>,
}

/// One thing to write.
#[derive(Debug)]
pub(super) enum Step<'a> {
    Directory(LayerPath),
    /// A member, as it is or with another first line.
    Member {
        member: &'a Member,
        path: LayerPath,
        is_script: bool,
        row: Option<usize>,
    },
    /// A member that is in the archive a second time; only its contents are looked at.
    Duplicate {
        member: &'a Member,
        row: Option<usize>,
    },
    /// A file that is made here.
    Made {
        path: LayerPath,
        mode: u32,
        contents: Vec<u8>,
    },
}

/// Where a file comes from, for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Source<'a> {
    Member(&'a str),
    EntryPoint(EntryPoint),
    Installer(&'static str),
}

impl fmt::Display for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Member(path) => write!(f, "member `{path}`"),
            Self::EntryPoint(entry_point) => write!(f, "the script `{}`", entry_point.name),
            Self::Installer(name) => write!(f, "the new `{name}`"),
        }
    }
}

impl<'a, R: ReadAt> Plan<'a, R> {
    pub(super) fn new(
        wheel: &'a Wheel<R>,
        scheme: &'a Scheme,
        options: &'a InstallOptions,
    ) -> Result<Self, WheelError> {
        scheme.check()?;
        let record = format!("{}/RECORD", wheel.dist_info);
        // uv writes over the wheel's own list, which so keeps its permissions.
        let is_executable = wheel.archive.member(&record).is_some_and(Member::is_executable);
        let record = wheel.join(site(wheel, scheme), &record)?;
        let mut plan = Self {
            wheel,
            scheme,
            options,
            steps: Vec::new(),
            rows: wheel.record.rows.clone(),
            record: (record, permissions(is_executable)),
            scripts: Vec::new(),
            files: BTreeMap::new(),
            directories: BTreeSet::new(),
            folder_names: 0,
            shared: scheme.shared_directories(),
            needed: BTreeSet::new(),
        };
        let console = wheel.entry_points.console_for(scheme.python_minor);
        let entry_points: Vec<_> = console.iter().chain(&wheel.entry_points.gui).collect();
        let made = entry_points.iter().map(|entry_point| entry_point.name.clone()).collect();
        plan.place_members(&Router { wheel, scheme, made })?;
        for entry_point in entry_points {
            plan.make_script(entry_point)?;
        }
        plan.make_metadata()?;
        plan.check_folders()?;
        Ok(plan)
    }

    /// The shared directories of the scheme that the entries lie in, parents first and without the root. Whoever
    /// writes the layer must see that they exist.
    pub fn shared_directories(&self) -> &BTreeSet<LayerPath> {
        &self.needed
    }

    /// The package's own directories, parents first. They are among the entries.
    pub fn directories(&self) -> &BTreeSet<LayerPath> {
        &self.directories
    }

    /// The paths of all files, those that are made here among them.
    pub fn files(&self) -> impl Iterator<Item = &LayerPath> {
        self.files.keys()
    }

    fn place_members(&mut self, router: &Router<'a, R>) -> Result<(), WheelError> {
        let replaced: Vec<_> = self
            .metadata_files()
            .iter()
            .map(|(name, _)| format!("{}/{name}", self.wheel.dist_info))
            .collect();
        for member in self.wheel.archive.members() {
            if replaced.iter().any(|path| path == member.path()) {
                continue;
            }
            match router.destination(member)? {
                Destination::Nowhere => {}
                Destination::Directory(path) => self.place_directory(&path)?,
                Destination::File(path) => drop(self.place_member(member, path, false)?),
                Destination::Moved(path) => self.place_moved(member, path, false)?,
                Destination::Script(path) => self.place_moved(member, path, true)?,
            }
        }
        Ok(())
    }

    fn place_moved(
        &mut self,
        member: &'a Member,
        path: LayerPath,
        is_script: bool,
    ) -> Result<(), WheelError> {
        let moved = scheme::relative(&path, site(self.wheel, self.scheme));
        if let Some(row) = self.place_member(member, path, is_script)? {
            self.rows[row].path = moved;
        }
        Ok(())
    }

    /// Plans for a member, and gives the position of its line in `RECORD`.
    fn place_member(
        &mut self,
        member: &'a Member,
        path: LayerPath,
        is_script: bool,
    ) -> Result<Option<usize>, WheelError> {
        let (row, source) = (self.wheel.record.position(member.path()), Source::Member(member.path()));
        if self.files.get(&path) == Some(&source) {
            self.steps.push(Step::Duplicate { member, row });
        } else {
            self.place_file(&path, source)?;
            self.steps.push(Step::Member { member, path, is_script, row });
        }
        Ok(row)
    }

    /// Claims a path, and plans for the directories on the way to it.
    fn place_file(&mut self, path: &LayerPath, source: Source<'a>) -> Result<(), WheelError> {
        if let Some(first) = self.files.get(path) {
            return Err(self.conflict(first, &source, path));
        }
        self.files.insert(path.clone(), source);
        if let Some(parent) = path.parent() {
            self.place_directory(&parent)?;
        }
        Ok(())
    }

    /// Plans for a directory and those above it that nothing has lain in so far.
    fn place_directory(&mut self, path: &LayerPath) -> Result<(), WheelError> {
        let is_known = |path: &LayerPath| self.directories.contains(path) || self.needed.contains(path);
        let new = |path: &LayerPath| Some(path.clone()).filter(|path| !path.is_root() && !is_known(path));
        let way: Vec<LayerPath> = std::iter::successors(new(path), |path| new(&path.parent()?)).collect();
        for directory in way.into_iter().rev() {
            if self.shared.contains(&directory) {
                self.needed.insert(directory);
                continue;
            }
            self.folder_names += directory.as_bytes().len();
            if self.folder_names > LONGEST_FOLDER_NAMES {
                return Err(self.wheel.malformed("it has too many folders".to_owned()));
            }
            self.directories.insert(directory.clone());
            self.steps.push(Step::Directory(directory));
        }
        Ok(())
    }

    fn make_script(&mut self, entry_point: &EntryPoint) -> Result<(), WheelError> {
        let source = Source::EntryPoint(entry_point.clone());
        // uv takes `./name` too; a name is what the specification allows.
        let name = entry_point.name.strip_prefix("./").unwrap_or(&entry_point.name);
        if name.contains('/') || matches!(name, "" | "." | "..") || name.contains(char::is_control) {
            return Err(self
                .wheel
                .malformed(format!("`{}` cannot be the name of a script", name.escape_debug())));
        }
        if script::is_reserved(name) {
            let (wheel, script) = (self.wheel.file_name.to_string(), source.to_string());
            return Err(WheelError::ReservedScript { wheel, script, name: name.to_owned() });
        }
        let path = self.wheel.join(&self.scheme.scripts, name)?;
        let text = script::launcher(entry_point, &self.scheme.python);
        // A console script and one with windows may be the same; then both have a line.
        let is_same = self.files.get(&path).is_some_and(|first| match first {
            Source::EntryPoint(first) => {
                (&first.module, &first.function) == (&entry_point.module, &entry_point.function)
            }
            Source::Member(_) | Source::Installer(_) => false,
        });
        if is_same {
            self.add_row(&path, text.as_bytes());
            return Ok(());
        }
        self.scripts.push(name.to_owned());
        self.make_file(path, EXECUTABLE, text.into(), source)
    }

    /// The files that an installer adds to the package's metadata; `RECORD` comes when everything else is known.
    fn metadata_files(&self) -> Vec<(&'static str, Option<&'a str>)> {
        let options = self.options;
        let requested = options.requested.then_some(("REQUESTED", Some("")));
        let direct_url = options.direct_url.as_deref().map(|text| ("direct_url.json", Some(text)));
        let installer = ("INSTALLER", Some(options.installer.as_str()));
        requested.into_iter().chain(direct_url).chain([installer, ("RECORD", None)]).collect()
    }

    fn make_metadata(&mut self) -> Result<(), WheelError> {
        for (name, contents) in self.metadata_files() {
            let path = format!("{}/{name}", self.wheel.dist_info);
            let path = self.wheel.join(site(self.wheel, self.scheme), &path)?;
            match contents {
                Some(contents) => self.make_file(path, PLAIN, contents.into(), Source::Installer(name))?,
                None => self.place_file(&path, Source::Installer(name))?,
            }
        }
        Ok(())
    }

    fn make_file(
        &mut self,
        path: LayerPath,
        mode: u32,
        contents: Vec<u8>,
        source: Source<'a>,
    ) -> Result<(), WheelError> {
        self.place_file(&path, source)?;
        self.add_row(&path, &contents);
        self.steps.push(Step::Made { path, mode, contents });
        Ok(())
    }

    fn add_row(&mut self, path: &LayerPath, contents: &[u8]) {
        let path = scheme::relative(path, site(self.wheel, self.scheme));
        let hash = Some(record::sha256_text(&Sha256::digest(contents)));
        self.rows.push(Row { path, hash, size: Some(contents.len() as u64) });
    }

    /// Checks that nothing is a file and a folder.
    fn check_folders(&self) -> Result<(), WheelError> {
        let is_folder = |path: &&LayerPath| self.directories.contains(*path) || self.shared.contains(*path);
        match self.files.iter().find(|(path, _)| is_folder(path)) {
            Some((path, file)) => Err(self.conflict(file, &"a folder", path)),
            None => Ok(()),
        }
    }

    fn conflict(&self, first: &Source<'_>, second: &dyn fmt::Display, path: &LayerPath) -> WheelError {
        let (wheel, path) = (self.wheel.file_name.to_string(), path.to_string());
        WheelError::Conflict { wheel, first: first.to_string(), second: second.to_string(), path }
    }
}

impl<R: ReadAt> Wheel<R> {
    pub(super) fn join(&self, directory: &LayerPath, path: &str) -> Result<LayerPath, WheelError> {
        directory.join(path).map_err(|source| {
            let (wheel, member) = (self.file_name.to_string(), path.to_owned());
            WheelError::Path { wheel, member, source }
        })
    }
}
