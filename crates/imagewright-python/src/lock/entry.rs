//! What one entry of a lock means: exactly one artefact.

use pep440_rs::Version;
use pep508_rs::PackageName;
use toml::Spanned;

use super::document::{Directory, File, LockFile, Package, Vcs};
use super::location::{self, Location};
use super::{Address, Artifact, FileSource, Hashes, LockError, Problem, Target, VcsSource};
use crate::names;
use crate::tags::WheelName;

/// How many of the interpreter's tags are named where no wheel fits.
const BEST_TAGS: usize = 3;

/// An entry that is to be installed.
pub(super) struct Entry<'a> {
    lock: &'a LockFile,
    target: &'a Target<'a>,
    package: &'a Package,
    pub(super) name: PackageName,
    pub(super) version: Option<Version>,
}

impl<'a> Entry<'a> {
    pub(super) fn new(
        lock: &'a LockFile,
        package: &'a Package,
        target: &'a Target<'a>,
    ) -> Result<Self, LockError> {
        let name = &package.name;
        let wrong_name = || lock.error(name.span().start, Problem::Name(name.get_ref().clone()));
        let version = package.version.as_ref().map(|text| {
            text.get_ref().parse().map_err(|source| {
                lock.error(text.span().start, Problem::Version { text: text.get_ref().clone(), source })
            })
        });
        let name = names::package(name.get_ref()).ok_or_else(wrong_name)?;
        Ok(Self { lock, target, package, name, version: version.transpose()? })
    }

    pub(super) fn error(&self, problem: Problem) -> LockError {
        self.lock.error(self.start(), problem)
    }

    /// Where in the text it begins.
    pub(super) fn start(&self) -> usize {
        self.package.name.span().start
    }

    /// The name with the version.
    fn shown(&self) -> String {
        match &self.version {
            Some(version) => format!("{} {version}", self.name),
            None => self.name.to_string(),
        }
    }

    pub(super) fn artifact(&self) -> Result<Artifact, LockError> {
        let package = self.package;
        let index = package.sdist.is_some() || !package.wheels.is_empty();
        let kinds = [
            ("vcs", package.vcs.is_some()),
            ("directory", package.directory.is_some()),
            ("archive", package.archive.is_some()),
            ("sdist and wheels", index),
        ];
        let found: Vec<_> = kinds.into_iter().filter(|(_, there)| *there).map(|(kind, _)| kind).collect();
        match (&package.vcs, &package.directory, &package.archive, &found[..]) {
            (Some(vcs), _, _, [_]) => self.vcs(vcs),
            (_, Some(directory), _, [_]) => self.directory(directory),
            (_, _, Some(archive), [_]) => self.archive(archive),
            (_, _, _, [_]) => self.file_of_index(),
            _ => Err(self.error(Problem::Sources { package: self.name.to_string(), found })),
        }
    }

    /// The best wheel, else the source distribution.
    fn file_of_index(&self) -> Result<Artifact, LockError> {
        let formats = self.target.formats;
        let wheels = if formats.allow_wheel(&self.name) { &self.package.wheels[..] } else { &[] };
        let mut named = Vec::new();
        for file in wheels {
            named.push((self.wheel_name(file)?, file));
        }
        if let Some((name, file)) = self.target.tags.choose(named.iter(), |(name, _)| name) {
            return Ok(Artifact::Wheel { name: name.clone(), file: self.file("wheel", file)? });
        }
        let wheels: Vec<String> = named.iter().map(|(name, _)| name.compressed_tags()).collect();
        match &self.package.sdist {
            Some(sdist) if formats.allow_source(&self.name) => {
                Ok(Artifact::Sdist { file: self.file("sdist", sdist)? })
            }
            None if wheels.is_empty() => Err(self.forbidden("wheels", "they are not to be used")),
            Some(_) if wheels.is_empty() => {
                Err(self.forbidden("a source distribution", "it is not to be built"))
            }
            _ => {
                let best = self.target.tags.iter().take(BEST_TAGS).map(str::to_owned).collect();
                Err(self.error(Problem::NoWheel { package: self.shown(), wheels, best }))
            }
        }
    }

    fn wheel_name(&self, file: &Spanned<File>) -> Result<WheelName, LockError> {
        let at = |problem| self.lock.error(file.span().start, problem);
        let text = self.file_name("wheel", file)?;
        let name: WheelName = text
            .parse()
            .map_err(|source| at(Problem::WheelName { package: self.name.to_string(), source }))?;
        let other_version = self.version.as_ref().is_some_and(|version| version != name.version());
        if *name.name() != self.name || other_version {
            return Err(at(Problem::OtherWheel { package: self.shown(), file: text }));
        }
        Ok(name)
    }

    fn archive(&self, archive: &Spanned<File>) -> Result<Artifact, LockError> {
        let file = self.file("archive", archive)?;
        if !file.is_wheel() {
            self.may_be_built("an archive of sources")?;
        }
        let subdirectory =
            self.subdirectory(archive.get_ref().subdirectory.as_ref(), archive.span().start)?;
        Ok(Artifact::Archive { file, subdirectory })
    }

    fn directory(&self, directory: &Spanned<Directory>) -> Result<Artifact, LockError> {
        self.may_be_built("a folder of sources")?;
        let Directory { path, editable, subdirectory } = directory.get_ref();
        let subdirectory = self.subdirectory(subdirectory.as_ref(), directory.span().start)?;
        let content = self.package.tool.imagewright.content.clone();
        Ok(Artifact::Directory { path: path.clone(), editable: *editable, subdirectory, content })
    }

    fn vcs(&self, vcs: &Spanned<Vcs>) -> Result<Artifact, LockError> {
        self.may_be_built("a repository")?;
        let Vcs { r#type: kind, url, path, requested_revision, commit_id, subdirectory } = vcs.get_ref();
        let start = vcs.span().start;
        let hexadecimal = commit_id.bytes().all(|byte| byte.is_ascii_hexdigit());
        let commit_id = match kind.as_str() {
            "git" if hexadecimal && matches!(commit_id.len(), 40 | 64) => commit_id.to_ascii_lowercase(),
            "hg" if hexadecimal && commit_id.len() == 40 => commit_id.to_ascii_lowercase(),
            // Their commits have no fixed form; what begins like an option is none.
            "bzr" | "svn" if !commit_id.is_empty() && !commit_id.starts_with('-') => commit_id.clone(),
            _ => return Err(self.lock.error(start, Problem::Commit(commit_id.clone()))),
        };
        Ok(Artifact::Vcs(VcsSource {
            kind: kind.clone(),
            location: self.location("repository", url.as_ref(), path.as_ref(), start)?,
            requested_revision: requested_revision.clone(),
            commit_id,
            subdirectory: self.subdirectory(subdirectory.as_ref(), start)?,
        }))
    }

    fn may_be_built(&self, locked: &'static str) -> Result<(), LockError> {
        match self.target.formats.allow_source(&self.name) {
            true => Ok(()),
            false => Err(self.forbidden(locked, "it is not to be built")),
        }
    }

    fn forbidden(&self, locked: &'static str, forbidden: &'static str) -> LockError {
        self.error(Problem::Forbidden { package: self.shown(), locked, forbidden })
    }

    fn file(&self, kind: &'static str, file: &Spanned<File>) -> Result<FileSource, LockError> {
        let name = self.file_name(kind, file)?;
        let start = file.span().start;
        let File { url, path, size, hashes, .. } = file.get_ref();
        let location = self.location(kind, url.as_ref(), path.as_ref(), start)?;
        let hashes = Hashes::new(hashes)
            .map_err(|source| self.lock.error(start, Problem::Hashes { file: name.clone(), source }))?;
        Ok(FileSource { name, location, size: *size, hashes })
    }

    fn file_name(&self, kind: &'static str, file: &Spanned<File>) -> Result<String, LockError> {
        let start = file.span().start;
        let File { name, url, path, .. } = file.get_ref();
        let name = match name {
            Some(name) => Some(name.clone()).filter(|name| location::is_file_name(name)),
            None => self.location(kind, url.as_ref(), path.as_ref(), start)?.file_name(),
        };
        let problem = || self.lock.error(start, Problem::FileName { package: self.name.to_string(), kind });
        name.ok_or_else(problem)
    }

    /// A path, which is nearer, before an address.
    fn location(
        &self,
        kind: &'static str,
        url: Option<&String>,
        path: Option<&String>,
        start: usize,
    ) -> Result<Location, LockError> {
        match (path.filter(|path| !path.is_empty()), url.filter(|url| !url.is_empty())) {
            (Some(path), _) => Ok(Location::Path(path.clone())),
            (None, Some(url)) => Ok(Location::Url(Address::new(url))),
            (None, None) => {
                Err(self.lock.error(start, Problem::NoLocation { package: self.name.to_string(), kind }))
            }
        }
    }

    fn subdirectory(&self, text: Option<&String>, start: usize) -> Result<Option<String>, LockError> {
        let outside = |text: &&String| {
            let mut parts = text.split(['/', '\\']);
            text.starts_with(['/', '\\'])
                || parts.any(|part| part == "..")
                || text.chars().any(char::is_control)
        };
        match text.filter(|text| !text.is_empty()) {
            Some(text) if outside(&text) => Err(self.lock.error(start, Problem::Subdirectory(text.clone()))),
            text => Ok(text.cloned()),
        }
    }
}
