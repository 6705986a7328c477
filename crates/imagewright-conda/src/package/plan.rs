//! Where the files of a package go.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use imagewright_layer::LayerPath;
use imagewright_python::zip::ReadAt;
use rattler_conda_types::Version;
use rattler_conda_types::package::{PathType, PathsEntry};
use serde::{Deserialize, Serialize};

use super::archive::Archive;
use super::entry_point;
use super::error::PackageError;
use super::metadata::Metadata;

/// Where packages are installed to, and how.
#[derive(Clone, Debug)]
pub struct Place {
    /// The absolute path of the environment in the image, without a slash at its end.
    pub prefix: String,
    /// The Python of the environment.
    pub python: Option<InstalledPython>,
    /// The time of all files.
    pub mtime: i64,
    /// User and group that all files belong to.
    pub owner: (u32, u32),
    /// A folder of the machine for temporary files.
    pub spool: PathBuf,
}

/// The Python of an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstalledPython {
    /// Major and minor version.
    pub version: (u64, u64),
    /// Where packages go, from the prefix on.
    pub site_packages: String,
}

impl InstalledPython {
    /// The Python that a package of this version brings; `site_packages` where the package says it.
    pub fn of(version: &str, site_packages: Option<&str>) -> Result<Self, PackageError> {
        let wrong = || PackageError::PythonVersion(version.to_owned());
        let parsed: Version = version.parse().map_err(|_| wrong())?;
        let version = parsed.as_major_minor().ok_or_else(wrong)?;
        let usual = || format!("lib/python{}.{}/site-packages", version.0, version.1);
        let site_packages = site_packages.map_or_else(usual, str::to_owned);
        LayerPath::parse(site_packages.as_bytes())?;
        Ok(Self { version, site_packages })
    }

    /// Path of the interpreter.
    pub fn executable(&self, prefix: &str) -> String {
        let (major, minor) = self.version;
        format!("{prefix}/bin/python{major}.{minor}")
    }

    /// Where a file of a package for all architectures goes, from the prefix on.
    fn target(&self, path: &Path) -> PathBuf {
        if let Ok(rest) = path.strip_prefix("site-packages") {
            Path::new(&self.site_packages).join(rest)
        } else if let Ok(rest) = path.strip_prefix("python-scripts") {
            Path::new("bin").join(rest)
        } else {
            path.to_owned()
        }
    }
}

/// The files of a package and where they go.
pub struct Plan<'a, R> {
    pub(super) archive: &'a Archive<R>,
    pub(super) place: &'a Place,
    /// By the path in the archive.
    pub(super) files: BTreeMap<LayerPath, Planned<'a>>,
    pub(super) scripts: Vec<Script>,
    directories: Vec<LayerPath>,
}

/// A file and where it goes.
#[derive(Clone)]
pub(super) struct Planned<'a> {
    pub(super) entry: &'a PathsEntry,
    /// From the prefix on.
    pub(super) relative: PathBuf,
    pub(super) target: LayerPath,
}

/// A script for an entry point.
pub(super) struct Script {
    pub(super) relative: PathBuf,
    pub(super) target: LayerPath,
    pub(super) text: String,
}

impl<'a, R: ReadAt> Plan<'a, R> {
    /// Finds out where everything goes, and refuses what cannot be placed.
    pub fn new(
        archive: &'a Archive<R>,
        metadata: &'a Metadata,
        place: &'a Place,
    ) -> Result<Self, PackageError> {
        let prefix = LayerPath::parse(place.prefix.as_bytes())?;
        let noarch = match (&place.python, metadata.is_noarch_python()) {
            (None, true) => return Err(PackageError::NoPython),
            (python, is_noarch) => python.as_ref().filter(|_| is_noarch),
        };
        let mut plan =
            Self { archive, place, files: BTreeMap::new(), scripts: Vec::new(), directories: Vec::new() };
        for entry in &metadata.paths {
            let source = checked(&entry.relative_path)?;
            let relative =
                noarch.map_or_else(|| entry.relative_path.clone(), |it| it.target(&entry.relative_path));
            let target = below(&prefix, &relative)?;
            if entry.path_type == PathType::Directory {
                plan.directories.push(target);
            } else if let Some(other) = plan.files.insert(source, Planned { entry, relative, target }) {
                return Err(PackageError::Twice { path: other.target.to_string() });
            }
        }
        for entry_point in noarch.iter().flat_map(|_| &metadata.entry_points) {
            let relative = Path::new("bin").join(&entry_point.command);
            let target = below(&prefix, checked(&relative)?.as_path())?;
            let python =
                place.python.as_ref().map(|python| python.executable(&place.prefix)).unwrap_or_default();
            plan.scripts.push(Script { relative, target, text: entry_point::script(entry_point, &python) });
        }
        plan.check_targets()?;
        Ok(plan)
    }

    /// The places of its files.
    pub fn files(&self) -> impl Iterator<Item = &LayerPath> {
        let scripts = self.scripts.iter().map(|script| &script.target);
        self.files.values().map(|planned| &planned.target).chain(scripts)
    }

    /// The places of folders that it brings beside those that its files are in.
    pub fn directories(&self) -> impl Iterator<Item = &LayerPath> {
        self.directories.iter()
    }

    fn check_targets(&self) -> Result<(), PackageError> {
        let mut places: BTreeSet<&LayerPath> = BTreeSet::new();
        for target in self.files() {
            if !places.insert(target) {
                return Err(PackageError::Twice { path: target.to_string() });
            }
        }
        for target in places.iter().copied().chain(&self.directories) {
            let mut above = target.parent();
            while let Some(folder) = above.filter(|folder| !folder.is_root()) {
                if places.contains(&folder) {
                    let (inside, outside) = (target.to_string(), folder.to_string());
                    return Err(PackageError::Inside { inside, outside });
                }
                above = folder.parent();
            }
        }
        Ok(())
    }
}

/// A path of the package, as its archive has it.
fn checked(path: &Path) -> Result<LayerPath, PackageError> {
    let wrong = |reason| PackageError::Path { path: path.display().to_string(), reason };
    if path.is_absolute() {
        return Err(wrong("it is absolute"));
    }
    let checked = LayerPath::parse(path.as_os_str().as_bytes())?;
    match checked.is_root() {
        true => Err(wrong("it is empty")),
        false => Ok(checked),
    }
}

fn below(prefix: &LayerPath, path: &Path) -> Result<LayerPath, PackageError> {
    Ok(prefix.join(OsStr::from_bytes(path.as_os_str().as_bytes()))?)
}
