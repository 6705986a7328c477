//! Writes files into the image so far: on top of it, where a look through all its layers says that they belong.

use std::collections::HashMap;
use std::fs::{self, File, FileTimes, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown, lchown, symlink};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

use imagewright_model::spec::Origin;
use imagewright_store::overlay::{copy_attributes, copy_directory_metadata};
use nix::fcntl::AT_FDCWD;
use nix::sys::stat::{UtimensatFlags, utimensat};
use nix::sys::time::TimeSpec;

use super::StageError;
use crate::error::EngineError;
use crate::root_view::RootView;

const IS_FOLDER: &str = "a folder";
const IS_FILE: &str = "a file";
const IS_LINK: &str = "a link";
/// Mode of folders that nobody said anything about.
const FOLDER_MODE: u32 = 0o755;

/// Owner, permissions and time of something that is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) time: i64,
}

/// Writes below an upper directory that has `view`'s other layers below it.
pub(crate) struct Writer<'a> {
    upper: PathBuf,
    view: RootView,
    origin: &'a Origin,
    /// First names of files that have several where they come from.
    links: HashMap<(u64, u64), PathBuf>,
    /// Whether links on the way to where something goes are replaced by folders.
    replaces_links: bool,
    /// Folders to be given their time when nothing is written into them any more.
    folders: Vec<(PathBuf, i64)>,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(upper: PathBuf, view: RootView, origin: &'a Origin) -> Self {
        Self { upper, view, origin, links: HashMap::new(), replaces_links: false, folders: Vec::new() }
    }

    /// The same writer, which replaces links on the way to where something goes instead of following them.
    pub(crate) fn replacing_links(self, replaces_links: bool) -> Self {
        Self { replaces_links, ..self }
    }

    /// The path without links that `path` leads to or would lead to.
    pub(crate) fn place(&self, path: &str) -> Result<PathBuf, EngineError> {
        if self.replaces_links {
            return Ok(Path::new(path)
                .components()
                .filter(|part| matches!(part, Component::Normal(_)))
                .collect());
        }
        self.view
            .place(Path::new(path))
            .ok_or_else(|| StageError::Circle { origin: self.origin.clone(), path: path.to_owned() }.into())
    }

    /// Whether there is a folder at a path without links.
    pub(crate) fn is_folder(&self, place: &Path) -> bool {
        self.kind(place) == Some(IS_FOLDER)
    }

    fn kind(&self, place: &Path) -> Option<&'static str> {
        let absolute = Path::new("/").join(place);
        if place.as_os_str().is_empty() {
            return Some(IS_FOLDER);
        }
        let (_, metadata) = self.view.find_itself(&absolute)?;
        Some(if metadata.is_dir() {
            IS_FOLDER
        } else if metadata.is_symlink() {
            IS_LINK
        } else {
            IS_FILE
        })
    }

    fn other_kind(&self, place: &Path, is: &'static str, comes: &'static str) -> EngineError {
        let path = Path::new("/").join(place);
        StageError::OtherKind { origin: self.origin.clone(), path, is, comes }.into()
    }

    /// Makes a folder and those on the way to it where they are missing; what is there stays as it is.
    pub(crate) fn folders(&mut self, place: &Path, missing: Look) -> Result<(), EngineError> {
        let mut here = PathBuf::new();
        for part in place.components() {
            let Component::Normal(name) = part else { continue };
            here.push(name);
            match self.kind(&here) {
                Some(IS_FOLDER) => self.bring_up(&here)?,
                Some(is) if !(is == IS_LINK && self.replaces_links) => {
                    return Err(self.other_kind(&here, is, IS_FOLDER));
                }
                _ => {
                    self.make_folder(&here)?;
                    self.dress(&here, Look { mode: FOLDER_MODE, ..missing })?;
                    self.folders.push((here.clone(), missing.time));
                }
            }
        }
        Ok(())
    }

    /// A folder of what is copied: one that is there gets its look.
    pub(crate) fn folder(
        &mut self,
        place: &Path,
        look: Look,
        from: Option<&Path>,
    ) -> Result<(), EngineError> {
        match self.kind(place) {
            Some(IS_FOLDER) => self.bring_up(place)?,
            Some(is) => return Err(self.other_kind(place, is, IS_FOLDER)),
            None => self.make_folder(place)?,
        }
        self.attributes(from, place)?;
        self.dress(place, look)?;
        self.folders.push((place.to_path_buf(), look.time));
        Ok(())
    }

    /// A file, in place of one that is there. `fill` gives its contents.
    pub(crate) fn file<T>(
        &mut self,
        place: &Path,
        look: Look,
        from: Option<&Path>,
        fill: impl FnOnce(&mut dyn Write) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        self.clear(place, IS_FILE)?;
        let path = self.upper.join(place);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(EngineError::io("create", &path))?;
        let filled = fill(&mut file)?;
        self.attributes(from, place)?;
        self.dress(place, look)?;
        file.set_times(modified(look.time)).map_err(EngineError::io("set the time of", path))?;
        Ok(filled)
    }

    /// A further name of a file that was copied; none where this is its first.
    pub(crate) fn linked(&mut self, place: &Path, from: &fs::Metadata) -> Result<bool, EngineError> {
        if from.nlink() < 2 {
            return Ok(false);
        }
        match self.links.get(&(from.dev(), from.ino())).cloned() {
            Some(first) => self.hard_link(place, &first).map(|()| true),
            None => {
                self.links.insert((from.dev(), from.ino()), place.to_path_buf());
                Ok(false)
            }
        }
    }

    /// A further name of something that was written by this writer.
    pub(crate) fn hard_link(&mut self, place: &Path, first: &Path) -> Result<(), EngineError> {
        self.clear(place, IS_FILE)?;
        let path = self.upper.join(place);
        fs::hard_link(self.upper.join(first), &path).map_err(EngineError::io("link", path))
    }

    pub(crate) fn link(&mut self, place: &Path, target: &Path, look: Look) -> Result<(), EngineError> {
        self.clear(place, IS_LINK)?;
        let path = self.upper.join(place);
        symlink(target, &path).map_err(EngineError::io("create the link", &path))?;
        lchown(&path, Some(look.uid), Some(look.gid))
            .map_err(EngineError::io("change the owner of", &path))?;
        let time = TimeSpec::new(look.time, 0);
        utimensat(AT_FDCWD, &path, &time, &time, UtimensatFlags::NoFollowSymlink)
            .map_err(|errno| EngineError::io("set the time of", path)(errno.into()))
    }

    /// Gives folders the times they are to have. To be called when all is written.
    pub(crate) fn finish(self) -> Result<(), EngineError> {
        for (place, time) in self.folders {
            let path = self.upper.join(place);
            File::open(&path)
                .and_then(|folder| folder.set_times(modified(time)))
                .map_err(EngineError::io("set the time of", path))?;
        }
        Ok(())
    }

    /// Room for something that is no folder.
    fn clear(&mut self, place: &Path, comes: &'static str) -> Result<(), EngineError> {
        if self.is_folder(place) {
            return Err(self.other_kind(place, IS_FOLDER, comes));
        }
        let path = self.upper.join(place);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(EngineError::io("replace", path)(error))
            }
            _ => Ok(()),
        }
    }

    fn make_folder(&self, place: &Path) -> Result<(), EngineError> {
        let path = self.upper.join(place);
        fs::create_dir(&path).map_err(EngineError::io("create", path))
    }

    /// Shows a folder of a layer below in the upper directory, so that something can be written into it.
    fn bring_up(&mut self, place: &Path) -> Result<(), EngineError> {
        let path = self.upper.join(place);
        if place.as_os_str().is_empty() || fs::symlink_metadata(&path).is_ok() {
            return Ok(());
        }
        let below = self.view.find(&Path::new("/").join(place)).map(|(host, _)| host);
        self.make_folder(place)?;
        let Some(below) = below else { return Ok(()) };
        copy_directory_metadata(&below, &path).map_err(EngineError::io("copy the metadata of", &below))?;
        let time = fs::metadata(&below).map_err(EngineError::io("look at", &below))?.mtime();
        self.folders.push((place.to_path_buf(), time));
        Ok(())
    }

    fn attributes(&self, from: Option<&Path>, place: &Path) -> Result<(), EngineError> {
        let Some(from) = from else { return Ok(()) };
        copy_attributes(from, &self.upper.join(place))
            .map_err(EngineError::io("copy the attributes of", from))
    }

    /// Gives a file or folder its owner and mode.
    pub(crate) fn dress(&self, place: &Path, look: Look) -> Result<(), EngineError> {
        let path = self.upper.join(place);
        // The owner first: changing it takes set-uid bits away.
        chown(&path, Some(look.uid), Some(look.gid))
            .map_err(EngineError::io("change the owner of", &path))?;
        fs::set_permissions(&path, Permissions::from_mode(look.mode))
            .map_err(EngineError::io("change the mode of", path))
    }
}

fn modified(time: i64) -> FileTimes {
    let since = Duration::from_secs(time.max(0).unsigned_abs());
    FileTimes::new().set_modified(SystemTime::UNIX_EPOCH + since)
}
