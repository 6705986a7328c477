//! Contexts that are no folder of the machine: a repository, or an archive that comes in a stream.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use imagewright_dockerfile::GitSource;
use imagewright_model::NoEvents;
use imagewright_model::spec::Origin;
use imagewright_sandbox::Limits;
use imagewright_store::{Lease, Scratch};

use super::archive;
use super::git::Repository;
use super::write::Writer;
use crate::Engine;
use crate::cancel::Cancel;
use crate::error::EngineError;
use crate::lock::Versions;
use crate::outside::Outside;
use crate::reporter::BuildReporter;
use crate::root_view::RootView;

/// A larger text is no Dockerfile.
const LARGEST_TEXT: u64 = 4 << 20;

/// A folder that is there as long as this.
#[derive(Debug)]
pub struct FetchedContext {
    folder: PathBuf,
    _scratch: Option<Scratch>,
    _lease: Option<Lease>,
}

/// What came in a stream.
#[derive(Debug)]
pub enum StreamedContext {
    /// The files of an archive.
    Folder(FetchedContext),
    /// A Dockerfile, which comes without files.
    Dockerfile(String, FetchedContext),
}

impl FetchedContext {
    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Engine {
    /// The files of a repository, at what its reference is by now.
    pub fn repository_context(
        &self,
        source: &GitSource,
        agents: &[(String, PathBuf)],
        offline: bool,
        cancel: &Cancel,
    ) -> Result<FetchedContext, EngineError> {
        // Until the build is done, so that no collection takes what is fetched away.
        let lease = self.store.lease(|| {})?;
        let settings = self.settings_for(&Versions { offline, ..Versions::default() });
        let outside = Outside::new(&settings);
        let limits = Limits::default();
        let site = self.site(&outside, cancel, Default::default(), (None, &limits));
        // What is fetched before a build begins is no step of it.
        let reporter = BuildReporter::start(&NoEvents, 0);
        let report = reporter.step("fetch the context");
        let origin = Origin::file(&source.url);
        let repository =
            Repository { site, report: &report, agents, origin: &origin, source, keep_git: false };
        let folder = repository.files(&repository.commit()?)?;
        Ok(FetchedContext { folder, _scratch: None, _lease: Some(lease) })
    }

    /// What comes in a stream: an archive, plain or compressed, or a Dockerfile alone.
    pub fn streamed_context(
        &self,
        stream: &mut dyn Read,
        cancel: &Cancel,
    ) -> Result<StreamedContext, EngineError> {
        let scratch = self.store.scratch(&[])?;
        let spooled = scratch.room("stream")?.join("context");
        let mut file = File::create(&spooled).map_err(EngineError::io("create", &spooled))?;
        io::copy(&mut Stopping { stream, cancel }, &mut file).map_err(EngineError::io("write", &spooled))?;
        let folder = scratch.room("context")?;
        let (origin, shown) = (Origin::file("standard input"), "standard input");
        if archive::is_archive(&origin, shown, &spooled)? {
            let mut writer = Writer::new(folder.clone(), RootView::new(vec![folder.clone()]), &origin);
            archive::unpack(&mut writer, &origin, shown, &spooled, Path::new(""))?;
            writer.finish()?;
            fs::remove_file(&spooled).map_err(EngineError::io("remove", &spooled))?;
            return Ok(StreamedContext::Folder(FetchedContext {
                folder,
                _scratch: Some(scratch),
                _lease: None,
            }));
        }
        let text = read_text(&spooled).map_err(EngineError::io("read a Dockerfile from", shown))?;
        Ok(StreamedContext::Dockerfile(
            text,
            FetchedContext { folder, _scratch: Some(scratch), _lease: None },
        ))
    }
}

/// The text of what is no archive.
fn read_text(path: &Path) -> io::Result<String> {
    let file = File::open(path)?;
    if file.metadata()?.len() > LARGEST_TEXT {
        let reason = "it is no archive, and too large for a Dockerfile";
        return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
    }
    io::read_to_string(file)
}

/// A stream that ends when somebody asks.
struct Stopping<'a> {
    stream: &'a mut dyn Read,
    cancel: &'a Cancel,
}

impl Read for Stopping<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.cancel.stop().check()?;
        self.stream.read(buffer)
    }
}
