//! Building an image from a folder, a file, flags, or all of them together.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use imagewright_engine::{BuildRequest, Built, Cancel};
use imagewright_layer::Compression;
use imagewright_model::spec::{ImageSpec, PartialSpec, SpecFlags, read_folder};
use imagewright_model::{BuildEvent, EventSink};
use imagewright_oci::{Digest, Reference};
use imagewright_sandbox::Limits;

use crate::folder::Folder;
use crate::{Service, ServiceError};

/// What a user asks for who asks for a build.
#[derive(Clone, Debug, Default)]
pub struct BuildCommand {
    /// A folder, or an `image.yaml` of any name.
    pub source: Option<PathBuf>,
    /// What was said on the command line; it goes over what the folder says.
    pub flags: SpecFlags,
    /// Ask archives and indexes again.
    pub upgrade: bool,
    /// Run every step again.
    pub no_cache: bool,
    /// How long one program of a step may run.
    pub time_limit: Option<Duration>,
    /// How much of the machine a program of a step may use.
    pub limits: Limits,
    /// The latest date anything in the image carries, seconds since 1970.
    pub source_date_epoch: Option<i64>,
    /// A file that gets the digest of the manifest.
    pub digest_file: Option<PathBuf>,
}

/// What a build came to.
#[derive(Clone, Debug)]
pub struct BuildReport {
    /// Names the image got.
    pub names: Vec<Reference>,
    /// Digest of its manifest.
    pub digest: Digest,
    /// Its id: digest of its configuration.
    pub id: Digest,
    /// Bytes of its layers as stored.
    pub size: u64,
    /// Number of its layers.
    pub layers: usize,
    /// Whether nothing had to be done.
    pub unchanged: bool,
}

impl BuildReport {
    pub(crate) fn new(names: &[Reference], built: Built) -> Self {
        Self {
            names: names.to_vec(),
            digest: built.image.manifest.digest,
            id: built.image.id,
            size: built.image.size,
            layers: built.layers,
            unchanged: built.unchanged,
        }
    }
}

impl Service {
    /// Builds an image.
    pub fn build(
        &self,
        command: &BuildCommand,
        events: &dyn EventSink,
        cancel: &Cancel,
    ) -> Result<BuildReport, ServiceError> {
        let partial = read_source(command.source.as_deref())?.merge(PartialSpec::from_flags(&command.flags)?);
        for note in &partial.notes {
            events.emit(BuildEvent::Warning { message: note.to_string() });
        }
        let spec = partial.finish()?;
        let request = BuildRequest {
            names: spec.tags.clone(),
            compression: compression(&spec),
            upgrade: command.upgrade,
            no_cache: command.no_cache,
            time_limit: command.time_limit,
            limits: command.limits.clone(),
            source_date_epoch: command.source_date_epoch,
            spec,
        };
        let built = self.engine.build(&request, events, cancel)?;
        let report = BuildReport::new(&request.names, built);
        if let Some(path) = &command.digest_file {
            fs::write(path, report.digest.to_string())
                .map_err(|source| ServiceError::Write { path: path.clone(), source })?;
        }
        Ok(report)
    }
}

/// Reads a folder in repo2docker's conventions, or one file as `image.yaml`; nothing gives an empty spec.
fn read_source(source: Option<&Path>) -> Result<PartialSpec, ServiceError> {
    let Some(path) = source else { return Ok(PartialSpec::default()) };
    let unreadable = |source| ServiceError::Read { path: path.to_path_buf(), source };
    let metadata = fs::metadata(path).map_err(unreadable)?;
    let (mut spec, folder) = if metadata.is_dir() {
        (read_folder(&Folder::new(path))?, path)
    } else {
        let text = fs::read_to_string(path).map_err(unreadable)?;
        let spec = PartialSpec::from_yaml(&path.display().to_string(), &text)?;
        (spec, path.parent().unwrap_or(Path::new(".")))
    };
    // A path in a spec is meant from where the spec lies; one on the command line from where the user stands.
    spec.base = spec.base.map(|base| base.relative_to(folder));
    Ok(spec)
}

fn compression(spec: &ImageSpec) -> Compression {
    let wished = spec.compression.map(|wished| wished.to_string());
    wished.map_or_else(Compression::default, |text| {
        text.parse().expect("what the model takes for a compression, the layer crate knows")
    })
}
