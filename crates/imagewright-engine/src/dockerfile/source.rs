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
use crate::draft::Draft;
use crate::error::EngineError;
use crate::partial;
use crate::reporter::StepReporter;
use crate::root_view::RootView;
use crate::step;
use crate::workbench::Site;

/// A root that files are copied from.
pub(super) struct SourceRoot {
    view: RootView,
    ignore: IgnoreRules,
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

    fn ignores(&self, path: &Path) -> bool {
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

/// One walk through a root.
struct Walk<'a> {
    root: &'a SourceRoot,
    top: PathBuf,
    exclude: &'a IgnoreRules,
}

impl Walk<'_> {
    /// `pending` has the folders above that count only if something in them does.
    fn below(
        &self,
        relative: &Path,
        pending: &mut Vec<Found>,
        visit: &mut dyn FnMut(Found) -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        let view = &self.root.view;
        let is_top = relative.as_os_str().is_empty();
        let path = if is_top { self.top.clone() } else { self.top.join(relative) };
        // A root has no folder to look for it in.
        let found = if path == Path::new("/") { view.find(&path) } else { view.find_itself(&path) };
        let Some((host, metadata)) = found else { return Ok(()) };
        let is_folder = metadata.is_dir();
        let (ignored, may_hold_more) = self.leaves_out(relative, &path, is_folder);
        if ignored && !(is_folder && may_hold_more) {
            return Ok(());
        }
        let depth = pending.len();
        let found = Found { relative: relative.to_path_buf(), host, metadata };
        if ignored {
            pending.push(found);
        } else {
            pending.drain(..).try_for_each(&mut *visit)?;
            visit(found)?;
        }
        if is_folder {
            for name in view.list(&path) {
                self.below(&relative.join(name), pending, visit)?;
            }
        }
        pending.truncate(depth);
        Ok(())
    }

    /// Whether something is left out, and whether something in it may count all the same.
    fn leaves_out(&self, relative: &Path, path: &Path, is_folder: bool) -> (bool, bool) {
        let ignored = self.root.ignores(path);
        // Of a file that is named itself the name counts; a folder that is named is never left out.
        let name = if relative.as_os_str().is_empty() {
            Path::new(path.file_name().unwrap_or_default())
        } else {
            relative
        };
        let is_named_folder = is_folder && relative.as_os_str().is_empty();
        let excluded = !is_named_folder && name.to_str().is_some_and(|name| self.exclude.ignores(name));
        let comes_back = |left_out: bool, rules: &IgnoreRules| !left_out || rules.has_exceptions();
        let may_hold_more = comes_back(ignored, &self.root.ignore) && comes_back(excluded, self.exclude);
        (ignored || excluded, may_hold_more)
    }
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
mod tests {
    use std::fs::{self, FileTimes, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::time::SystemTime;

    use super::*;

    fn origin() -> Origin {
        Origin::line("Dockerfile", 2)
    }

    fn write(root: &Path, path: &str, text: &str) {
        let file = root.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    fn context(root: &Path, ignore: &str) -> SourceRoot {
        SourceRoot::folder(root, IgnoreRules::parse(".dockerignore", ignore).unwrap())
    }

    fn walked(root: &SourceRoot, path: &str) -> Vec<String> {
        let mut all = Vec::new();
        root.walk(Path::new(path), &IgnoreRules::default(), &mut |found| {
            all.push(found.relative.to_string_lossy().into_owned());
            Ok(())
        })
        .unwrap();
        all
    }

    #[test]
    fn sources_are_paths_and_patterns_inside_the_root() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["b.txt", "a.txt", "c.md", "one/x.txt", "two/x.txt", "left/x.txt"] {
            write(folder.path(), path, path);
        }
        symlink("/one", folder.path().join("inside")).unwrap();
        symlink("../../../../etc", folder.path().join("outside")).unwrap();
        let root = context(folder.path(), "left\n*.md");
        let matches = |source: &str| root.matches(&origin(), source).map_err(|error| error.to_string());
        let paths = |paths: &[&str]| Ok(paths.iter().map(PathBuf::from).collect::<Vec<_>>());
        assert_eq!(matches("/*.txt"), paths(&["/a.txt", "/b.txt"]));
        assert_eq!(matches("/*/x.txt"), paths(&["/inside/x.txt", "/one/x.txt", "/two/x.txt"]));
        assert_eq!(matches("/none*"), paths(&[]));
        assert_eq!(matches("/inside/x.txt"), paths(&["/inside/x.txt"]));
        for absent in ["/absent", "/c.md", "/left/x.txt", "/outside/passwd"] {
            let text = format!("Dockerfile:2: there is no `{absent}` in the build context");
            assert_eq!(matches(absent), Err(text));
        }
        assert_eq!(walked(&root, "/inside"), ["", "x.txt"]);
    }

    #[test]
    fn what_is_left_out_is_passed_over_and_exceptions_come_with_their_folders() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["keep/a", "docs/x", "docs/deep/README", "docs/deep/y", "empty/z"] {
            write(folder.path(), path, path);
        }
        let root = context(folder.path(), "docs\nempty\n!docs/deep/README");
        assert_eq!(walked(&root, "/"), ["", "docs", "docs/deep", "docs/deep/README", "keep", "keep/a"]);
        let root = context(folder.path(), "docs\nempty");
        assert_eq!(walked(&root, "/"), ["", "keep", "keep/a"]);
    }

    #[test]
    fn contents_and_modes_count_and_times_do_not() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "a/file", "one");
        symlink("file", folder.path().join("a/link")).unwrap();
        let file = folder.path().join("a/file");
        fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        let digest = || {
            context(folder.path(), "").digest(&origin(), Path::new("/a"), &IgnoreRules::default()).unwrap()
        };
        let first = digest();
        let times = FileTimes::new().set_modified(SystemTime::UNIX_EPOCH);
        File::options().append(true).open(&file).unwrap().set_times(times).unwrap();
        assert_eq!(digest(), first);
        fs::set_permissions(&file, Permissions::from_mode(0o755)).unwrap();
        assert_ne!(digest(), first);
        fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        fs::write(&file, "two").unwrap();
        assert_ne!(digest(), first);
        fs::write(&file, "one").unwrap();
        assert_eq!(digest(), first);
        fs::remove_file(folder.path().join("a/link")).unwrap();
        symlink("elsewhere", folder.path().join("a/link")).unwrap();
        assert_ne!(digest(), first);
    }
}
