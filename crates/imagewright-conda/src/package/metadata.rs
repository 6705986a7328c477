//! What a package says of itself, in the files below `info`.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use imagewright_layer::{EntryKind, LayerError, LayerReader};
use imagewright_python::zip::ReadAt;
use rattler_conda_types::package::{
    AboutJson, EntryPoint, Files, HasPrefix, IndexJson, LinkJson, NoArchLinks, NoLink, NoSoftlink,
    PackageFile, PathType, PathsEntry, PathsJson,
};

use super::archive::Archive;
use super::bounded::TooLarge;
use super::error::PackageError;

const INDEX: &str = "info/index.json";
const PATHS: &str = "info/paths.json";
const LINK: &str = "info/link.json";
const ABOUT: &str = "info/about.json";
/// What packages have that are older than `info/paths.json`.
const FILES: &str = "info/files";
const HAS_PREFIX: &str = "info/has_prefix";
const NO_LINK: &str = "info/no_link";
const NO_SOFTLINK: &str = "info/no_softlink";
const WANTED: [&str; 8] = [INDEX, PATHS, LINK, ABOUT, FILES, HAS_PREFIX, NO_LINK, NO_SOFTLINK];
/// No such file is larger: the list of a package with a million paths has about 300 MB.
const LARGEST: u64 = 512 << 20;

/// What a package says of itself.
pub struct Metadata {
    pub(crate) index: IndexJson,
    pub(super) paths: Vec<PathsEntry>,
    pub(super) entry_points: Vec<EntryPoint>,
    about: Option<AboutJson>,
}

impl Metadata {
    /// Reads it.
    pub fn read<R: ReadAt>(archive: &Archive<R>) -> Result<Self, PackageError> {
        let files = collect(archive)?;
        let index: IndexJson = parse(&files, INDEX)?.ok_or(PackageError::NoMetadata { file: INDEX })?;
        let paths = match parse::<PathsJson>(&files, PATHS)? {
            Some(paths) => paths.paths,
            None => paths_of_old(archive, &files)?,
        };
        let link: Option<LinkJson> = if index.noarch.is_python() { parse(&files, LINK)? } else { None };
        let entry_points = match link.map(|link| link.noarch) {
            Some(NoArchLinks::Python(python)) => python.entry_points,
            Some(NoArchLinks::Generic) | None => Vec::new(),
        };
        // What it says for people may be as it likes.
        let about = parse(&files, ABOUT).ok().flatten();
        Ok(Self { index, paths, entry_points, about })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.index.name.as_normalized()
    }

    /// What it is, in a line.
    pub fn summary(&self) -> Option<&str> {
        self.about.as_ref()?.summary.as_deref()
    }

    /// Its licence, as it names it.
    pub fn license(&self) -> Option<&str> {
        let about = self.about.as_ref().and_then(|about| about.license.as_deref());
        self.index.license.as_deref().or(about)
    }

    /// Its home page.
    pub fn home_page(&self) -> Option<String> {
        self.about.as_ref()?.home.first().map(ToString::to_string)
    }

    /// The scripts in it that installers run before or after they link its files.
    pub fn link_scripts(&self) -> Vec<String> {
        let name = self.name();
        let scripts = ["pre-link", "post-link"].map(|kind| format!("bin/.{name}-{kind}.sh"));
        let is_listed =
            |script: &String| self.paths.iter().any(|entry| entry.relative_path == Path::new(script));
        scripts.into_iter().filter(is_listed).collect()
    }

    /// Whether it brings scripts that shells run when they enter the environment.
    pub fn has_activation_scripts(&self) -> bool {
        let is_script = |entry: &PathsEntry| {
            entry.relative_path.starts_with("etc/conda/activate.d")
                && entry.relative_path.extension().is_some_and(|extension| extension == "sh")
        };
        self.paths.iter().any(is_script)
    }

    /// Whether its files are the same for all architectures and their place depends on the Python.
    pub fn is_noarch_python(&self) -> bool {
        self.index.noarch.is_python()
    }
}

/// Why looking through an archive ended.
enum Ended {
    /// All that is wanted was found.
    Found,
    Failed(PackageError),
}

impl From<LayerError> for Ended {
    fn from(error: LayerError) -> Self {
        Self::Failed(PackageError::Archive(error))
    }
}

/// The texts that are wanted, as far as they are there.
fn collect<R: ReadAt>(archive: &Archive<R>) -> Result<BTreeMap<&'static str, Vec<u8>>, PackageError> {
    let mut files = BTreeMap::new();
    let visited = LayerReader::new(archive.info()?).for_each(|entry, body| {
        let path = entry.path.as_bytes();
        // One archive with all has these in front.
        if !path.starts_with(b"info/") && !archive.has_own_info() && is_complete(&files) {
            return Err(Ended::Found);
        }
        let wanted = WANTED.iter().find(|wanted| wanted.as_bytes() == path);
        if let (Some(wanted), EntryKind::File { size }) = (wanted, &entry.kind) {
            let unreadable = |source| PackageError::Metadata { file: (*wanted).to_owned(), source };
            if *size > LARGEST {
                let error = std::io::Error::other("it is larger than such a file may be");
                return Err(Ended::Failed(unreadable(error)));
            }
            let mut text = Vec::new();
            body.read_to_end(&mut text).map_err(|error| Ended::Failed(unreadable(error)))?;
            files.insert(*wanted, text);
        }
        Ok(())
    });
    match visited {
        Ok(()) | Err(Ended::Found) => Ok(files),
        Err(Ended::Failed(error)) => Err(bomb_or(error, archive.limit())),
    }
}

fn is_complete(files: &BTreeMap<&'static str, Vec<u8>>) -> bool {
    let is_python = || {
        let index: Option<IndexJson> = parse(files, INDEX).ok().flatten();
        index.is_some_and(|index| index.noarch.is_python())
    };
    files.contains_key(PATHS) && files.contains_key(INDEX) && (files.contains_key(LINK) || !is_python())
}

fn parse<T: PackageFile>(
    files: &BTreeMap<&'static str, Vec<u8>>,
    name: &'static str,
) -> Result<Option<T>, PackageError> {
    let parsed = files.get(name).map(|text| T::from_slice(text));
    parsed.transpose().map_err(|source| PackageError::Metadata { file: name.to_owned(), source })
}

/// The paths of a package that is older than `info/paths.json`.
fn paths_of_old<R: ReadAt>(
    archive: &Archive<R>,
    files: &BTreeMap<&'static str, Vec<u8>>,
) -> Result<Vec<PathsEntry>, PackageError> {
    let listed: Files = parse(files, FILES)?.ok_or(PackageError::NoMetadata { file: PATHS })?;
    let (prefix, no_link, no_softlink) = (
        parse::<HasPrefix>(files, HAS_PREFIX)?,
        parse::<NoLink>(files, NO_LINK)?,
        parse::<NoSoftlink>(files, NO_SOFTLINK)?,
    );
    let mut links: HashSet<PathBuf> = HashSet::new();
    let visited = LayerReader::new(archive.files()?).for_each(|entry, _| {
        if let EntryKind::Symlink { .. } = entry.kind {
            links.insert(entry.path.as_path().to_owned());
        }
        Ok::<(), LayerError>(())
    });
    visited.map_err(|error| bomb_or(error.into(), archive.limit()))?;
    let kind = |path: &Path| {
        Ok::<_, PackageError>(if links.contains(path) { PathType::SoftLink } else { PathType::HardLink })
    };
    Ok(PathsJson::from_deprecated(listed, prefix, no_link, no_softlink, kind)?.paths)
}

/// Says of a package that is too large that it is.
pub(super) fn bomb_or(error: PackageError, limit: u64) -> PackageError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(error) = cause {
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if error.is::<TooLarge>() || matches!(inner, Some(inner) if inner.is::<TooLarge>()) {
            return PackageError::Bomb { limit };
        }
        cause = error.source();
    }
    error
}
