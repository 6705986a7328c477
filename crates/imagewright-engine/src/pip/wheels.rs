//! Wheels as layers: fetched, checked and turned into a layer once, for all images whose Python is alike.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::PathBuf;

use imagewright_model::package::PackageRecord;
use imagewright_oci::Digest;
use imagewright_python::lock::{Artifact as LockedArtifact, FileSource, Location};
use imagewright_python::wheel::INSTALL_VERSION;
use imagewright_python::zip::FileAt;
use serde::{Deserialize, Serialize};

use super::artifacts::Artifacts;
use super::build_wheel::{Built, Source, WheelBuilder};
use super::error::PipError;
use super::interpreter::PythonFacts;
use super::layout::Layout;
use super::local::LocalError;
use super::select::Chosen;
use super::wheel_writer::WheelWriter;
use crate::assembly::{self, OWN_LAYER_FROM, Piece};
use crate::error::EngineError;
use crate::fetch::transfer::Transfer;
use crate::package_layer::PackageLayer;
use crate::parallel;
use crate::reach;
use crate::step::{self, StepContext};
use crate::uv::Uv;
use crate::workbench::Site;

/// The kind of the facts about layers of wheels.
pub(crate) const WHEEL_LAYER: &str = "wheel-layer";
/// The kind of the facts that list the files of those layers.
pub(crate) const WHEEL_FILES: &str = "wheel-files";

/// How many wheels are under way at once: more than there are processors, because most wait for the network.
const AT_ONCE: usize = 8;
/// From which size on a wheel is turned into a layer while it is fetched.
const FOLLOWED_FROM: u64 = 4 << 20;
/// From which size of the wheel on a layer is worth sending while it is made.
const LARGE_FROM: u64 = 32 << 20;
/// How many files that several packages bring are named.
const NAMED_OVERLAPS: usize = 5;

/// What decides the bytes of a wheel's layer beside the wheel.
pub(super) fn version() -> (u32, u32) {
    (INSTALL_VERSION, imagewright_layer::PACKAGE_VERSION)
}

/// The layer of a wheel. Such a fact from before packages were recorded counts as unknown: the layer is made once more, and
/// is the same.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct WheelLayer {
    pub(crate) name: String,
    pub(crate) version: String,
    /// Hash of the wheel.
    pub(crate) hash: Digest,
    /// Whether its modules go to `purelib`.
    pub(super) is_pure: bool,
    pub(crate) layer: PackageLayer,
    /// What the package says of itself.
    pub(crate) record: PackageRecord,
}

impl WheelLayer {
    pub(super) fn piece(&self) -> Piece {
        let shown = format!("{} {}", self.name, self.version);
        Piece { name: self.name.clone(), shown, layer: self.layer.clone(), record: Some(self.record.clone()) }
    }
}

/// A wheel's file.
pub(super) struct WheelFile {
    /// Its name, from which installers take name, version and tags.
    pub(super) name: String,
    pub(super) hash: Digest,
    pub(super) path: PathBuf,
}

/// Makes layers of wheels.
pub(super) struct Installer<'a> {
    pub(super) context: StepContext<'a>,
    pub(super) uv: &'a Uv,
    pub(super) python: &'a PythonFacts,
    pub(super) layout: &'a Layout,
    pub(super) artifacts: &'a Artifacts<'a>,
    /// Make them again though they are known.
    pub(super) again: bool,
}

impl Installer<'_> {
    /// The layer of each package. One that is known need not be here, unless it is `needed`.
    pub(super) fn layers(
        &self,
        chosen: &[Chosen],
        needed: &BTreeSet<String>,
    ) -> Result<Vec<WheelLayer>, EngineError> {
        let mut layers = Vec::with_capacity(chosen.len());
        for chosen in chosen {
            layers.push(self.known(chosen, needed)?);
        }
        let mut missing: Vec<&Chosen> = chosen
            .iter()
            .zip(&layers)
            .filter(|(_, known)| known.is_none())
            .map(|(chosen, _)| chosen)
            .collect();
        // The largest first: begun last, it would go on alone.
        missing.sort_by_key(|chosen| std::cmp::Reverse(chosen.size()));
        let large = chosen.iter().filter(|chosen| chosen.size() >= Some(OWN_LAYER_FROM / 2)).count();
        let own = large <= assembly::own_layers(self.context.draft.layers.len());
        let made = self.make(&missing, own)?;
        let mut made: BTreeMap<&str, WheelLayer> =
            missing.iter().map(|chosen| chosen.name()).zip(made).collect();
        let layers = layers.into_iter().zip(chosen).map(|(known, chosen)| {
            known.unwrap_or_else(|| made.remove(chosen.name()).expect("what was missing was made"))
        });
        Ok(layers.collect())
    }

    /// Makes layers; `own` says that each large one will be a layer of the image as it is.
    fn make(&self, missing: &[&Chosen], own: bool) -> Result<Vec<WheelLayer>, EngineError> {
        if missing.is_empty() {
            return Ok(Vec::new());
        }
        let report = self.context.report;
        report.status(format!("fetching {} packages", missing.len()));
        let total = missing.iter().map(|chosen| chosen.size()).sum();
        let transfer = Transfer::new(report.output(), "packages".to_owned(), total);
        parallel::map(missing, AT_ONCE, |chosen| {
            let made = self.layer(chosen, &transfer, own)?;
            if own && made.layer.size() >= OWN_LAYER_FROM {
                (self.context.site.layers.done)(&made.layer.layer.descriptor);
            }
            Ok(made)
        })
    }

    /// A layer that was made before, of a wheel whose hash the lock tells.
    fn known(&self, chosen: &Chosen, needed: &BTreeSet<String>) -> Result<Option<WheelLayer>, EngineError> {
        match chosen.wheel() {
            Some(file) if !self.again => {
                let site = self.context.site;
                let key = self.key(&super::artifacts::digest_of(file), chosen);
                let known: Option<WheelLayer> = site.store.get_fact(WHEEL_LAYER, &key)?;
                Ok(known.filter(|known| !needed.contains(&known.name) || known.layer.is_stored(site)))
            }
            _ => Ok(None),
        }
    }

    fn layer(&self, chosen: &Chosen, transfer: &Transfer<'_>, own: bool) -> Result<WheelLayer, EngineError> {
        let store = self.context.site.store;
        // What comes as source has to be built before its wheel is known; once, also where all is made again.
        let (hash, built) = match chosen.wheel() {
            Some(file) => (super::artifacts::digest_of(file), None),
            None => {
                let built = self.file(chosen, transfer)?;
                (built.hash.clone(), Some(built))
            }
        };
        let key = self.key(&hash, chosen);
        // Of several builds that want it one makes it, and the others find it.
        let _lock = store.lock(&format!("wheel-layer {key}"), || {})?;
        if !self.again
            && let Some(known) = store.get_fact::<WheelLayer>(WHEEL_LAYER, &key)?
            && known.layer.is_stored(self.context.site)
        {
            return Ok(known);
        }
        let (layer, files) = self.install(chosen, built, transfer, own)?;
        store.put_fact(WHEEL_FILES, &key, &files)?;
        store.put_fact(WHEEL_LAYER, &key, &layer)?;
        Ok(layer)
    }

    /// Writes the layer of a wheel and lists its files. A large wheel is followed while it is being fetched.
    fn install(
        &self,
        chosen: &Chosen,
        built: Option<WheelFile>,
        transfer: &Transfer<'_>,
        own: bool,
    ) -> Result<(WheelLayer, Vec<String>), EngineError> {
        let is_large = own && chosen.size() >= Some(LARGE_FROM);
        let writer = WheelWriter { context: self.context, layout: self.layout, chosen, is_large };
        if let Some(file) = chosen.wheel().filter(|file| file.size >= Some(FOLLOWED_FROM)) {
            let followed = self.artifacts.follow(file, transfer, |growing, hash| {
                let opened = || growing.opened();
                let done = || {
                    let broken = |source| PipError::Broken { file: file.name.clone(), source };
                    Ok(growing.wait().map_err(broken)?)
                };
                writer.write(&file.name, hash, growing, opened, done)
            });
            match followed {
                Some(Ok(written)) => return Ok(written),
                // Where the transfer was begun anew the reader was ahead of it; now the file is whole.
                Some(Err(_)) if self.artifacts.has(file) => {}
                Some(Err(error)) => return Err(error),
                None => {}
            }
        }
        let file = match built {
            Some(built) => built,
            None => self.file(chosen, transfer)?,
        };
        let unreadable = |error| EngineError::io("read", &file.path)(error);
        let opened = File::open(&file.path).and_then(FileAt::new).map_err(unreadable)?;
        writer.write(&file.name, file.hash, opened, || {}, || Ok(()))
    }

    /// The wheel of a package: fetched, or built.
    pub(super) fn file(&self, chosen: &Chosen, transfer: &Transfer<'_>) -> Result<WheelFile, EngineError> {
        if let Some(file) = chosen.wheel() {
            let artifact = self.artifacts.get(file, transfer)?;
            return Ok(WheelFile { name: file.name.clone(), hash: artifact.digest, path: artifact.path });
        }
        let builder = WheelBuilder {
            context: self.context,
            uv: self.uv,
            facts: self.python,
            artifacts: self.artifacts,
        };
        let name = chosen.name();
        let built = match &chosen.package.artifact {
            LockedArtifact::Sdist { file } => self.build_file(&builder, name, file, None, transfer)?,
            LockedArtifact::Archive { file, subdirectory } => {
                self.build_file(&builder, name, file, subdirectory.as_deref(), transfer)?
            }
            LockedArtifact::Vcs(vcs) if vcs.kind == "git" => {
                let address = match &vcs.location {
                    Location::Url(url) => url.expose(),
                    Location::Path(path) => path,
                };
                let source = Source::Git { address, commit: &vcs.commit_id };
                builder.build(name, &source, vcs.subdirectory.as_deref(), self.again)?
            }
            LockedArtifact::Vcs(vcs) => {
                return Err(
                    PipError::UnsupportedSource { package: name.to_owned(), kind: vcs.kind.clone() }.into()
                );
            }
            LockedArtifact::Directory { path, subdirectory, .. } => {
                let stray = || LocalError::Stray { package: name.to_owned(), path: path.clone() };
                let local = self.artifacts.local(path).ok_or_else(stray)?;
                builder.build(name, &Source::Project(local), subdirectory.as_deref(), self.again)?
            }
            LockedArtifact::Wheel { .. } => unreachable!("a wheel was fetched above"),
        };
        let path = self.artifacts.path(&built.name, &built.hash);
        Ok(WheelFile { name: built.name, hash: built.hash, path })
    }

    /// The wheel of sources that come as one file.
    fn build_file(
        &self,
        builder: &WheelBuilder<'_>,
        name: &str,
        file: &FileSource,
        subdirectory: Option<&str>,
        transfer: &Transfer<'_>,
    ) -> Result<Built, EngineError> {
        let artifact = self.artifacts.get(file, transfer)?;
        let source = Source::File { name: &file.name, artifact: &artifact };
        builder.build(name, &source, subdirectory, self.again)
    }

    /// Files that several packages bring: for people, and the packages that must not share a layer with others.
    pub(super) fn overlaps(
        &self,
        chosen: &[Chosen],
        wheels: &[WheelLayer],
    ) -> Result<(Vec<String>, BTreeSet<String>), EngineError> {
        let store = self.context.site.store;
        let mut owners: BTreeMap<String, &str> = BTreeMap::new();
        let mut clashes: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
        for (chosen, wheel) in chosen.iter().zip(wheels) {
            let files: Option<Vec<String>> = store.get_fact(WHEEL_FILES, &self.key(&wheel.hash, chosen))?;
            for file in files.unwrap_or_default() {
                if let Some(first) = owners.get(&file) {
                    clashes.entry((first, &wheel.name)).or_default().push(file);
                } else {
                    owners.insert(file, &wheel.name);
                }
            }
        }
        let apart = clashes.keys().map(|(_, second)| (*second).to_owned()).collect();
        let told = clashes.into_iter().map(|((first, second), files)| {
            let named: Vec<&str> = files.iter().take(NAMED_OVERLAPS).map(String::as_str).collect();
            let more = match files.len().saturating_sub(NAMED_OVERLAPS) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!("`{first}` and `{second}` both bring {}{more}", named.join(", "))
        });
        Ok((told.collect(), apart))
    }

    fn key(&self, hash: &Digest, chosen: &Chosen) -> Digest {
        key(self.context.site, self.layout, hash, chosen)
    }
}

fn key(site: Site<'_>, layout: &Layout, hash: &Digest, chosen: &Chosen) -> Digest {
    let compression = site.compression.to_string();
    step::key(WHEEL_LAYER, &(version(), hash, layout, chosen.direct_url(), compression))
}

/// Whether the wheel of a package is likely not to be fetched, because its layer is known.
pub(super) fn is_known(site: Site<'_>, layout: &Layout, chosen: &Chosen) -> Result<bool, EngineError> {
    let Some(file) = chosen.wheel() else { return Ok(false) };
    let key = key(site, layout, &super::artifacts::digest_of(file), chosen);
    let known: Option<WheelLayer> = site.store.peek_fact(WHEEL_LAYER, &key)?;
    Ok(known.map(|known| reach::is_promised(site.store, &known.layer)).transpose()?.unwrap_or(false))
}
