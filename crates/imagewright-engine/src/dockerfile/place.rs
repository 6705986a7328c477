//! Puts what `COPY` and `ADD` take where it belongs.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use imagewright_dockerfile::{CopyAction, IgnoreRules, InlineFile};
use imagewright_model::spec::Origin;

use super::StageError;
use super::archive;
use super::copy::Matched;
use super::download::Download;
use super::source::SourceRoot;
use super::transfer::{Given, transfer};
use super::write::{Look, Writer};
use crate::error::EngineError;
use crate::step;

/// Permission bits of what is fetched, and of what stands in the Dockerfile.
const FETCHED_MODE: u32 = 0o600;
const INLINE_MODE: u32 = 0o644;

/// Writes the sources of one instruction.
pub(super) struct Copying<'a> {
    pub(super) writer: Writer<'a>,
    pub(super) origin: &'a Origin,
    pub(super) action: &'a CopyAction,
    pub(super) owner: Option<(u32, u32)>,
    pub(super) epoch: i64,
}

impl<'a> Copying<'a> {
    /// What nobody described.
    fn look(&self, mode: u32) -> Look {
        let (uid, gid) = self.owner.unwrap_or((0, 0));
        let mode = self.action.mode.as_ref().map_or(mode, |changed| changed.of(mode, false));
        Look { mode, uid, gid, time: self.epoch }
    }

    /// The place of a file of this name, and the folders on the way to it.
    fn place(&mut self, name: &str) -> Result<PathBuf, EngineError> {
        let destination = &self.action.destination;
        let mut place = self.writer.place(destination)?;
        if destination.ends_with('/') || self.writer.is_folder(&place) {
            place.push(name);
        }
        let missing = self.look(0o755);
        self.writer.folders(place.parent().unwrap_or(Path::new("")), missing)?;
        Ok(place)
    }

    pub(super) fn inline(&mut self, file: &InlineFile) -> Result<(), EngineError> {
        let place = self.place(&file.name)?;
        self.writer.file(&place, self.look(INLINE_MODE), None, |out| {
            out.write_all(file.contents.as_bytes()).map_err(EngineError::io("write", &place))
        })
    }

    pub(super) fn fetched(&mut self, download: &Download) -> Result<(), EngineError> {
        if self.action.unpack_fetched && archive::is_archive(self.origin, &download.name, &download.path)? {
            return self.unpacked(&download.name, &download.path);
        }
        let place = self.place(&download.name)?;
        let mut file = File::open(&download.path).map_err(EngineError::io("open", &download.path))?;
        self.writer.file(&place, self.look(FETCHED_MODE), None, |out| {
            std::io::copy(&mut file, out).map(drop).map_err(EngineError::io("copy to", &place))
        })
    }

    pub(super) fn path(&mut self, root: &SourceRoot, matched: &Matched) -> Result<(), EngineError> {
        let path = Path::new(&matched.path);
        let found = root.find(path);
        let is_folder = found.as_ref().is_some_and(|(_, metadata)| metadata.is_dir());
        if let Some((host, metadata)) = &found
            && self.action.unpack
            && metadata.is_file()
            && archive::is_archive(self.origin, &matched.path, host)?
        {
            return self.unpacked(&matched.path, host);
        }
        let place = match &matched.below {
            Some(below) => self.place_below(root, path, below, is_folder)?,
            None if is_folder => self.place_of_contents()?,
            None => self.place(&path.file_name().unwrap_or_default().to_string_lossy())?,
        };
        let given = self.given();
        let digest = transfer(&mut self.writer, root, self.origin, path, &place, given)?;
        let digest = match &matched.below {
            Some(below) => step::key("copied-below", &(digest, root.modes_above(path, below))),
            None => digest,
        };
        self.unless_changed(digest == matched.digest, &root.place)
    }

    /// Everything in a repository.
    pub(super) fn repository(&mut self, files: &Path) -> Result<(), EngineError> {
        let root = SourceRoot::folder(files, IgnoreRules::default());
        let place = self.place_of_contents()?;
        let given = self.given();
        transfer(&mut self.writer, &root, self.origin, Path::new("/"), &place, given).map(drop)
    }

    fn given(&self) -> Given<'a> {
        let CopyAction { mode, exclude, .. } = self.action;
        Given { owner: self.owner, mode: mode.as_ref(), exclude, epoch: self.epoch }
    }

    fn unpacked(&mut self, shown: &str, host: &Path) -> Result<(), EngineError> {
        let place = self.writer.place(&self.action.destination)?;
        self.writer.folders(&place, self.look(0o755))?;
        archive::unpack(&mut self.writer, self.origin, shown, host, &place)
    }

    /// The folder that the contents of a folder go into.
    fn place_of_contents(&mut self) -> Result<PathBuf, EngineError> {
        let place = self.writer.place(&self.action.destination)?;
        let missing = Look { mode: 0o755, ..self.look(0o755) };
        self.writer.folders(&place, missing)?;
        Ok(place)
    }

    /// The place of something whose folders come along; they look as where they come from.
    fn place_below(
        &mut self,
        root: &SourceRoot,
        path: &Path,
        below: &Path,
        is_folder: bool,
    ) -> Result<PathBuf, EngineError> {
        let mut place = self.place_of_contents()?;
        let folders = if is_folder { Some(below) } else { below.parent() };
        for (folder, name) in root.folders_on_the_way(path, below, folders.unwrap_or(Path::new(""))) {
            place.push(name);
            if !self.writer.is_folder(&place) {
                let mode = folder.as_ref().map_or(0o755, |folder| folder.mode() & 0o7777);
                self.writer.folder(&place, Look { mode, ..self.look(0o755) }, None)?;
            } else {
                self.writer.folders(&place, self.look(0o755))?;
            }
        }
        if !is_folder {
            place.push(below.file_name().unwrap_or_default());
        }
        Ok(place)
    }

    pub(super) fn unless_changed(&self, same: bool, place: &str) -> Result<(), EngineError> {
        match same {
            true => Ok(()),
            false => Err(StageError::Changed { origin: self.origin.clone(), place: place.to_owned() }.into()),
        }
    }
}
