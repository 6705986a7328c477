//! `COPY` and `ADD`. Files are known by contents and mode, never by time: those of a context get the date of the image.

use std::fs::File;
use std::path::{Path, PathBuf};

use imagewright_dockerfile::{CopyAction, CopySource, InlineFile};
use imagewright_model::spec::Origin;
use imagewright_oci::Digest;
use imagewright_store::overlay::TidyRules;
use serde::{Deserialize, Serialize};

use super::StageError;
use super::archive;
use super::download::Download;
use super::source::{FilesOf, SourceRoot};
use super::stages::{Rechecked, Surroundings};
use super::transfer::{Given, transfer};
use super::write::{Look, Writer};
use crate::error::EngineError;
use crate::passwd;
use crate::step::{self, Step, StepResult};

/// Permission bits of what is fetched, and of what stands in the Dockerfile.
const FETCHED_MODE: u32 = 0o600;
const INLINE_MODE: u32 = 0o644;

/// Copies files into the image so far.
pub(super) struct CopyStep<'a> {
    surroundings: Surroundings<'a>,
    action: &'a CopyAction,
    from: FilesOf<'a>,
    opened: Option<SourceRoot>,
}

/// Something that one source comes to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Matched {
    /// Which of the sources.
    source: usize,
    /// Path or address.
    path: String,
    /// Of all that is copied for it.
    digest: Digest,
}

impl<'a> CopyStep<'a> {
    pub(super) fn new(surroundings: Surroundings<'a>, action: &'a CopyAction, from: FilesOf<'a>) -> Self {
        Self { surroundings, action, from, opened: None }
    }

    fn root(&mut self) -> Result<&SourceRoot, EngineError> {
        if self.opened.is_none() {
            let context = &self.surroundings.context;
            self.opened = Some(self.from.open(context.site, context.report)?);
        }
        Ok(self.opened.as_ref().expect("it was opened just now"))
    }

    fn download(&self, url: &str) -> Result<Download, EngineError> {
        Download::new(&self.surroundings, url, self.action.digest.as_ref())
    }
}

impl Rechecked for CopyStep<'_> {
    fn is_looked_at_again(&self) -> bool {
        let may_change = |source: &CopySource| match source {
            CopySource::Path(_) => self.from.may_change(),
            CopySource::Url(_) => self.action.digest.is_none(),
            CopySource::Inline(_) => false,
        };
        self.action.sources.iter().any(may_change)
    }
}

impl Step for CopyStep<'_> {
    const KIND: &'static str = "dockerfile-copy";
    type Solution = Vec<Matched>;

    fn question(&self) -> Digest {
        let CopyAction { unpack, sources, destination, owner, mode, digest, link, .. } = self.action;
        let from = self.from.identity();
        let sources: Vec<(&str, &str)> = sources
            .iter()
            .map(|source| match source {
                CopySource::Path(path) => ("path", path.as_str()),
                CopySource::Url(url) => ("url", url.as_str()),
                CopySource::Inline(InlineFile { name, contents }) => (name.as_str(), contents.as_str()),
            })
            .collect();
        let what = (from, sources, unpack, digest);
        let where_to = (destination, owner, mode, link);
        step::key("dockerfile-copy", &(self.surroundings.context.parent(), what, where_to))
    }

    fn solve(&mut self) -> Result<Vec<Matched>, EngineError> {
        let origin = self.surroundings.origin;
        let mut all = Vec::new();
        for (source, written) in self.action.sources.iter().enumerate() {
            match written {
                CopySource::Inline(_) => {}
                CopySource::Url(url) => {
                    let digest = self.download(url)?.digest;
                    all.push(Matched { source, path: url.clone(), digest });
                }
                CopySource::Path(path) => {
                    let root = self.root()?;
                    for path in root.matches(origin, path)? {
                        let digest = root.digest(origin, &path)?;
                        all.push(Matched { source, path: path.to_string_lossy().into_owned(), digest });
                    }
                }
            }
        }
        Ok(all)
    }

    fn identity(&self, solution: &Vec<Matched>) -> Digest {
        let context = &self.surroundings.context;
        let compression = context.site.compression.to_string();
        step::key("dockerfile-copied", &(self.question(), solution, context.epoch, compression))
    }

    fn run(&mut self, solution: &Vec<Matched>) -> Result<StepResult, EngineError> {
        let (context, origin) = (self.surroundings.context, self.surroundings.origin);
        let bench = context.bench()?;
        let owner = match &self.action.owner {
            Some(owner) => Some(passwd::find_owner(owner, &bench.view())?),
            None => None,
        };
        let writer = Writer::new(bench.upper(), bench.view(), origin).replacing_links(self.action.link);
        let mut copying = Copying { writer, origin, action: self.action, owner, epoch: context.epoch };
        for (number, source) in self.action.sources.iter().enumerate() {
            if let CopySource::Inline(file) = source {
                copying.inline(file)?;
            }
            for matched in solution.iter().filter(|matched| matched.source == number) {
                match source {
                    CopySource::Inline(_) => {}
                    CopySource::Url(url) => {
                        let download = self.download(url)?;
                        copying.unless_changed(download.digest == matched.digest, url)?;
                        copying.fetched(&download)?;
                    }
                    CopySource::Path(_) => copying.path(self.root()?, Path::new(&matched.path), matched)?,
                }
            }
        }
        copying.writer.finish()?;
        Ok(StepResult::of(bench.seal(context.draft, TidyRules::default())?))
    }
}

/// Writes the sources of one instruction.
struct Copying<'a> {
    writer: Writer<'a>,
    origin: &'a Origin,
    action: &'a CopyAction,
    owner: Option<(u32, u32)>,
    epoch: i64,
}

impl Copying<'_> {
    /// What nobody described.
    fn look(&self, mode: u32) -> Look {
        let (uid, gid) = self.owner.unwrap_or((0, 0));
        Look { mode: self.action.mode.unwrap_or(mode), uid, gid, time: self.epoch }
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

    fn inline(&mut self, file: &InlineFile) -> Result<(), EngineError> {
        let place = self.place(&file.name)?;
        self.writer.file(&place, self.look(INLINE_MODE), None, |out| {
            out.write_all(file.contents.as_bytes()).map_err(EngineError::io("write", &place))
        })
    }

    fn fetched(&mut self, download: &Download) -> Result<(), EngineError> {
        let place = self.place(&download.name)?;
        let mut file = File::open(&download.path).map_err(EngineError::io("open", &download.path))?;
        self.writer.file(&place, self.look(FETCHED_MODE), None, |out| {
            std::io::copy(&mut file, out).map(drop).map_err(EngineError::io("copy to", &place))
        })
    }

    fn path(&mut self, root: &SourceRoot, path: &Path, matched: &Matched) -> Result<(), EngineError> {
        let found = root.find(path);
        let is_folder = found.as_ref().is_some_and(|(_, metadata)| metadata.is_dir());
        if let Some((host, metadata)) = &found
            && self.action.unpack
            && metadata.is_file()
            && archive::is_archive(self.origin, &matched.path, host)?
        {
            let place = self.writer.place(&self.action.destination)?;
            self.writer.folders(&place, self.look(0o755))?;
            return archive::unpack(&mut self.writer, self.origin, &matched.path, host, &place);
        }
        let place = if is_folder {
            let place = self.writer.place(&self.action.destination)?;
            let missing = Look { mode: 0o755, ..self.look(0o755) };
            self.writer.folders(&place, missing)?;
            place
        } else {
            self.place(&path.file_name().unwrap_or_default().to_string_lossy())?
        };
        let given = Given { owner: self.owner, mode: self.action.mode, epoch: self.epoch };
        let digest = transfer(&mut self.writer, root, self.origin, path, &place, given)?;
        self.unless_changed(digest == matched.digest, &root.place)
    }

    fn unless_changed(&self, same: bool, place: &str) -> Result<(), EngineError> {
        match same {
            true => Ok(()),
            false => Err(StageError::Changed { origin: self.origin.clone(), place: place.to_owned() }.into()),
        }
    }
}
