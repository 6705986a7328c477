//! Where files are copied from: a folder of the host, or the files of a stage or image. Both are looked at in the same
//! way, links followed inside of them and never out of them.

use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use imagewright_dockerfile::{IgnoreRules, PathGlob};
use imagewright_model::spec::Origin;
use imagewright_oci::{Digest, Hasher};
use serde::Serialize;

use super::StageError;
use super::walk::Walk;
use crate::draft::Draft;
use crate::error::EngineError;
use crate::partial;
use crate::reporter::StepReporter;
use crate::root_view::RootView;
use crate::step;
use crate::workbench::Site;

/// A root that files are copied from.
pub(super) struct SourceRoot {
    pub(super) view: RootView,
    pub(super) ignore: IgnoreRules,
    /// How messages name it.
    pub(super) place: String,
    /// Whether owners, times and attributes count; those of a context do not.
    pub(super) keeps_all: bool,
}

/// Where files come from, before anybody has looked at it.
pub(super) enum FilesOf<'a> {
    /// A folder of the host.
    Folder(&'a Path, &'a IgnoreRules),
    /// A stage or image.
    Image(Box<Draft>),
}

impl FilesOf<'_> {
    /// What tells it from others without a look at it.
    pub(super) fn identity(&self) -> Option<Digest> {
        match self {
            Self::Folder(..) => None,
            Self::Image(draft) => draft.chain().map(|chain| chain.digest().clone()),
        }
    }

    /// Whether its files may be others by now.
    pub(super) fn may_change(&self) -> bool {
        matches!(self, Self::Folder(..))
    }

    pub(super) fn open(&self, site: Site<'_>, report: &StepReporter<'_>) -> Result<SourceRoot, EngineError> {
        Ok(match self {
            Self::Folder(folder, ignore) => SourceRoot::folder(folder, (*ignore).clone()),
            Self::Image(draft) => SourceRoot::image(view_of(site, draft, report)?),
        })
    }
}

/// Something to copy.
pub(super) struct Found {
    /// Below what is copied; empty for that itself.
    pub(super) relative: PathBuf,
    /// Where it lies on the host.
    pub(super) host: PathBuf,
    pub(super) metadata: Metadata,
}

/// What makes two copied things equal.
#[derive(Serialize)]
pub(super) struct Record {
    path: PathBuf,
    kind: Kind,
    mode: u32,
    owner: Option<(u32, u32)>,
}

#[derive(Serialize)]
enum Kind {
    Folder,
    File(Digest),
    Link(PathBuf),
}

/// Unpacked layers of an image as one root.
fn view_of(site: Site<'_>, draft: &Draft, report: &StepReporter<'_>) -> Result<RootView, EngineError> {
    let layers = partial::whole(site, draft, report)?;
    let base = site.store.snapshots_dir();
    Ok(RootView::new(layers.iter().map(|layer| base.join(layer)).collect()))
}

impl SourceRoot {
    pub(super) fn folder(folder: &Path, ignore: IgnoreRules) -> Self {
        let place = "the build context".to_owned();
        Self { view: RootView::new(vec![folder.to_path_buf()]), ignore, place, keeps_all: false }
    }

    fn image(view: RootView) -> Self {
        let place = "the stage or image it comes from".to_owned();
        Self { view, ignore: IgnoreRules::default(), place, keeps_all: true }
    }

    /// The paths that a source names, a pattern or a path; sorted.
    pub(super) fn matches(&self, origin: &Origin, source: &str) -> Result<Vec<PathBuf>, EngineError> {
        if !PathGlob::is_pattern(source) {
            let path = PathBuf::from(source);
            let found = self.view.find(&path);
            let is_folder = found.as_ref().is_some_and(|(_, metadata)| metadata.is_dir());
            // In a folder that is left out something may count after all.
            let ignored = self.ignores(&path) && !(is_folder && self.ignore.has_exceptions());
            if ignored || found.is_none() {
                let (path, place) = (source.to_owned(), self.place.clone());
                return Err(StageError::NoSuchSource { origin: origin.clone(), path, place, ignored }.into());
            }
            return Ok(vec![path]);
        }
        Ok(self.expand(vec![PathBuf::from("/")], source, Depth::One))
    }

    /// What a pattern names below some folders.
    fn expand(&self, folders: Vec<PathBuf>, pattern: &str, depth: Depth) -> Vec<PathBuf> {
        let mut found = folders;
        for part in pattern.split('/').filter(|part| !part.is_empty()) {
            let glob = PathGlob::parse(part).filter(|_| PathGlob::is_pattern(part));
            let below = |folder: &PathBuf| -> Vec<PathBuf> {
                match &glob {
                    _ if part == "**" && depth == Depth::Any => self.folders_below(folder),
                    None => vec![folder.join(part)],
                    Some(glob) => {
                        let fits = |name: &OsStr| name.to_str().is_some_and(|name| glob.matches(name));
                        let names = self.view.list(folder).into_iter().filter(|name| fits(name));
                        names.map(|name| folder.join(name)).collect()
                    }
                }
            };
            found = found.iter().flat_map(below).filter(|path| self.view.exists(path)).collect();
        }
        found.retain(|path| {
            !self.ignores(path) || (self.ignore.has_exceptions() && self.view.is_directory(path))
        });
        found
    }

    /// A folder and all folders below it; links to folders are not followed.
    fn folders_below(&self, folder: &Path) -> Vec<PathBuf> {
        let mut all = vec![folder.to_path_buf()];
        let mut next = 0;
        while let Some(folder) = all.get(next).cloned() {
            next += 1;
            let inside = self.view.list(&folder).into_iter().map(|name| folder.join(name));
            let is_folder =
                |path: &PathBuf| self.view.find_itself(path).is_some_and(|(_, metadata)| metadata.is_dir());
            all.extend(inside.filter(is_folder));
        }
        all
    }

    pub(super) fn ignores(&self, path: &Path) -> bool {
        let relative = path.strip_prefix("/").unwrap_or(path);
        relative.to_str().is_some_and(|text| !text.is_empty() && self.ignore.ignores(text))
    }

    /// Paths that a pattern below `folder` names, where `**` is any number of folders, and what of them is below it.
    pub(super) fn matches_below(
        &self,
        origin: &Origin,
        folder: &str,
        path: &str,
    ) -> Result<Vec<(PathBuf, PathBuf)>, EngineError> {
        let below = |full: PathBuf, folder: &Path| {
            let relative = full.strip_prefix(folder).unwrap_or(&full).to_path_buf();
            (full, relative)
        };
        let mut all = Vec::new();
        for folder in self.matches(origin, folder)? {
            if PathGlob::is_pattern(path) {
                let found = self.expand(vec![folder.clone()], path, Depth::Any);
                all.extend(found.into_iter().map(|full| below(full, &folder)));
            } else {
                let text = folder.join(path);
                let found = self.matches(origin, &text.to_string_lossy())?;
                all.extend(found.into_iter().map(|full| below(full, &folder)));
            }
        }
        Ok(all)
    }

    /// Everything at and below `path` but what is excluded, a folder before what is in it. A link at `path` itself is
    /// followed.
    pub(super) fn walk(
        &self,
        path: &Path,
        exclude: &IgnoreRules,
        visit: &mut dyn FnMut(Found) -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        let Some(top) = self.view.resolve(path) else { return Ok(()) };
        let top = Path::new("/").join(top);
        let walk = Walk { root: self, top, exclude };
        walk.below(Path::new(""), &mut Vec::new(), visit)
    }

    /// The folders of `on_the_way`, which `below` begins with, outermost first: what is known of each, and its name. `path`
    /// ends with `below`.
    pub(super) fn folders_on_the_way<'p>(
        &self,
        path: &Path,
        below: &Path,
        on_the_way: &'p Path,
    ) -> Vec<(Option<Metadata>, &'p OsStr)> {
        let mut here = path.ancestors().nth(below.components().count()).unwrap_or(path).to_path_buf();
        let names = on_the_way.components().map(Component::as_os_str);
        names
            .map(|name| {
                here.push(name);
                (self.view.find(&here).map(|(_, metadata)| metadata), name)
            })
            .collect()
    }

    /// The modes of the folders that come along with `path`.
    pub(super) fn modes_above(&self, path: &Path, below: &Path) -> Vec<u32> {
        let folders = self.folders_on_the_way(path, below, below.parent().unwrap_or(Path::new("")));
        folders.iter().map(|(folder, _)| folder.as_ref().map_or(0, |folder| folder.mode() & 0o7777)).collect()
    }

    /// What is found at `path`, links followed.
    pub(super) fn find(&self, path: &Path) -> Option<(PathBuf, Metadata)> {
        self.view.find(path)
    }

    /// The digest of everything at and below `path`.
    pub(super) fn digest(
        &self,
        origin: &Origin,
        path: &Path,
        exclude: &IgnoreRules,
    ) -> Result<Digest, EngineError> {
        let mut records = Vec::new();
        self.walk(path, exclude, &mut |found| {
            records.push(self.record(origin, &found, &mut io::sink())?);
            Ok(())
        })?;
        Ok(digest_of(&records))
    }

    /// What makes a found thing equal to another; a file's contents are copied to `out` meanwhile.
    pub(super) fn record(
        &self,
        origin: &Origin,
        found: &Found,
        out: &mut dyn io::Write,
    ) -> Result<Record, EngineError> {
        let metadata = &found.metadata;
        let kind = if metadata.is_dir() {
            Kind::Folder
        } else if metadata.is_symlink() {
            Kind::Link(
                std::fs::read_link(&found.host).map_err(EngineError::io("read the link", &found.host))?,
            )
        } else if metadata.is_file() {
            let mut file = File::open(&found.host).map_err(EngineError::io("open", &found.host))?;
            let mut both = Both { hasher: Hasher::default(), out };
            io::copy(&mut file, &mut both).map_err(EngineError::io("copy", &found.host))?;
            Kind::File(both.hasher.finish())
        } else {
            let path = found.host.clone();
            return Err(StageError::SpecialFile { origin: origin.clone(), path }.into());
        };
        Ok(Record {
            path: found.relative.clone(),
            kind,
            // Links have no mode of their own.
            mode: if metadata.is_symlink() { 0 } else { metadata.mode() & 0o7777 },
            owner: self.keeps_all.then(|| (metadata.uid(), metadata.gid())),
        })
    }
}

/// How many folders `**` stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// One, as `*` does.
    One,
    /// Any number.
    Any,
}

pub(super) fn digest_of(records: &[Record]) -> Digest {
    step::key("copied-files", &records)
}

/// Hashes what it passes on.
struct Both<'a> {
    hasher: Hasher,
    out: &'a mut dyn io::Write,
}

impl io::Write for Both<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests;
