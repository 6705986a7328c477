//! Building an image from a folder, a file, flags, or all of them together.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use imagewright_check::Report;
use imagewright_engine::{BuildRequest, Built, BuiltFromSpec, Cancel, LayerWatch, Upgrade, Versions};
use imagewright_layer::Compression;
use imagewright_model::spec::{BaseSource, ImageSpec, LayerCompression, PartialSpec, SpecFlags, read_folder};
use imagewright_model::{BuildEvent, EventSink};
use imagewright_oci::Reference;
use imagewright_sandbox::Limits;

use crate::ahead::sending;
use crate::conda_list::with_conda_list;
use crate::folder::Folder;
use crate::gate::{Gate, Held, told};
use crate::lock::{LockPlace, write_file};
use crate::{BuildReport, Service, ServiceError};
use imagewright_model::in_one_line;

/// What a user asks for who asks for a build.
#[derive(Clone, Debug, Default)]
pub struct BuildCommand {
    /// A folder, or an `image.yaml` of any name.
    pub source: Option<PathBuf>,
    /// What was said on the command line; it goes over what the folder says.
    pub flags: SpecFlags,
    /// What may come in newer versions than the lock says.
    pub upgrade: Upgrade,
    /// Whether anything but the lock is an error; it is then not written.
    pub locked: bool,
    /// Whether nothing may be fetched.
    pub offline: bool,
    /// A file that gets the Python packages as a `pylock.toml`.
    pub pylock: Option<PathBuf>,
    /// Run every step again.
    pub no_cache: bool,
    /// Whether the image is going to be pushed to where its names say: layers are sent as soon as they are made. The
    /// image itself is pushed by [`Service::push_image`].
    pub push: bool,
    /// How long one program of a step may run.
    pub time_limit: Option<Duration>,
    /// How much of the machine a program of a step may use.
    pub limits: Limits,
    /// The latest date anything in the image carries, seconds since 1970.
    pub source_date_epoch: Option<i64>,
    /// A file that gets the digest of the manifest.
    pub digest_file: Option<PathBuf>,
    /// What the image must pass before it gets its names.
    pub gate: Gate,
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
            lock: None,
            notes: Vec::new(),
            findings: None,
            reports: Vec::new(),
        }
    }

    /// The same, with what profiles say of the image.
    pub(crate) fn with_reports(mut self, reports: Vec<Report>) -> Self {
        self.notes.extend(told(&reports));
        Self { reports, ..self }
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
        self.refuse_other_engines()?;
        let (mut request, place) = self.request(command, events)?;
        if command.push && request.names.is_empty() {
            return Err(ServiceError::NoNameToPush);
        }
        let names = request.names.clone();
        let held = Held::new(self, &command.gate, &mut request.names);
        let BuiltFromSpec { built, lock, pylock } = match names.first() {
            Some(target) if command.push && !command.offline => {
                // A registry that has the base can give its layers to other repositories by itself.
                let base = match &request.spec.base {
                    BaseSource::Image(base) => std::slice::from_ref(base),
                    _ => &[],
                };
                sending(&self.registries, target, base, |layers| {
                    self.engine.build(&request, events, cancel, layers)
                })?
            }
            _ => self.engine.build(&request, events, cancel, LayerWatch::none())?,
        };
        let (built, reports) = match held {
            Some(held) => held.release(&built, cancel)?,
            None => (built, Vec::new()),
        };
        let mut report = BuildReport::new(&names, built).with_reports(reports);
        report.lock = place.file().map(Path::to_path_buf);
        if !command.locked
            && let Err(error) = place.write(self.store(), &lock)
        {
            // The image is there; a folder that cannot be written to does not undo it.
            report.lock = None;
            report.notes.push(format!("the lock was not kept: {}", in_one_line(&error)));
        }
        if let Some(pylock) = &pylock {
            write_pylock(command, pylock)?;
        }
        report.write_digest(command.digest_file.as_deref())?;
        Ok(report)
    }

    /// Reads what is to be built, and the lock that belongs to it.
    pub(crate) fn request(
        &self,
        command: &BuildCommand,
        events: &dyn EventSink,
    ) -> Result<(BuildRequest, LockPlace), ServiceError> {
        let spec = read_spec(command, events)?;
        if command.pylock.is_some() && spec.pip.is_empty() {
            return Err(ServiceError::NoPythonPackages);
        }
        let place = LockPlace::of(command.source.as_deref());
        let lock = place.read(self.store(), &spec.lock_keys(), &command.upgrade)?;
        let versions = Versions {
            lock,
            upgrade: command.upgrade.clone(),
            locked: command.locked,
            offline: command.offline,
        };
        let request = BuildRequest {
            names: spec.tags.clone(),
            compression: compression(spec.compression),
            versions,
            no_cache: command.no_cache,
            keep_base: command.push && leaves_its_registry(&spec),
            time_limit: command.time_limit,
            limits: command.limits.clone(),
            source_date_epoch: command.source_date_epoch,
            spec,
        };
        Ok((request, place))
    }
}

/// Reads what is to be built: what flags say over what the source says.
pub fn read_spec(command: &BuildCommand, events: &dyn EventSink) -> Result<ImageSpec, ServiceError> {
    let spec = read_source(command.source.as_deref())?;
    let flags = PartialSpec::from_flags(&command.flags)?.seen_from(&way_back(&spec.folder)?);
    let partial = with_conda_list(spec.merge(flags))?;
    for note in &partial.warnings() {
        events.emit(BuildEvent::Warning { message: note.to_string() });
    }
    Ok(partial.finish()?)
}

/// Whether the base comes from another registry than the image goes to, so that all of it passes through here anyway.
fn leaves_its_registry(spec: &ImageSpec) -> bool {
    match &spec.base {
        BaseSource::Image(base) => spec.tags.iter().any(|name| name.registry() != base.registry()),
        _ => false,
    }
}

/// Leaves the Python packages where they were asked for.
pub(crate) fn write_pylock(command: &BuildCommand, pylock: &str) -> Result<(), ServiceError> {
    let Some(path) = &command.pylock else { return Ok(()) };
    write_file(path, pylock).map_err(|source| ServiceError::Write { path: path.clone(), source })
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
        (spec, path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")))
    };
    // A path in a spec is meant from where the spec lies; one on the command line from where the user stands.
    spec.base = spec.base.map(|base| base.relative_to(folder));
    if let Some(named) = &mut spec.conda_lock {
        named.path = folder.join(&named.path);
    }
    spec.kernel.launcher =
        spec.kernel.launcher.map(|(launcher, origin)| (launcher.relative_to(folder), origin));
    folder.clone_into(&mut spec.folder);
    Ok(spec)
}

/// The way from the folder of a spec to where the user stands, as paths of requirements have it.
fn way_back(folder: &Path) -> Result<String, ServiceError> {
    if folder.as_os_str().is_empty() {
        return Ok(String::new());
    }
    let absolute = |path: &Path| {
        fs::canonicalize(path).map_err(|source| ServiceError::Read { path: path.to_path_buf(), source })
    };
    let (from, to) = (absolute(folder)?, absolute(Path::new("."))?);
    let common = from.components().zip(to.components()).take_while(|(one, other)| one == other).count();
    let up = from.components().skip(common).map(|_| "..".to_owned());
    let down = to.components().skip(common).map(|part| part.as_os_str().to_string_lossy().into_owned());
    Ok(up.chain(down).collect::<Vec<_>>().join("/"))
}

pub(crate) fn compression(wished: Option<LayerCompression>) -> Compression {
    wished.map(|wished| wished.to_string()).map_or_else(Compression::default, |text| {
        text.parse().expect("what the model takes for a compression, the layer crate knows")
    })
}
