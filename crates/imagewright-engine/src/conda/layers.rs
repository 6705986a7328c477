//! Packages as layers: fetched, checked and turned into a layer once, for all images whose environment is alike.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::PathBuf;

use imagewright_conda::Package;
use imagewright_conda::package::{
    Archive, INSTALL_VERSION, Installed, InstalledPython, Metadata, PackageError, Place, Plan, Sink,
};
use imagewright_layer::{Entry, LayerPath, PackageWriter};
use imagewright_model::package::{PackageKind, PackageRecord};
use imagewright_model::spec::LinkScripts;
use imagewright_oci::Digest;
use imagewright_python::zip::ReadAt;
use imagewright_store::BlobWriter;
use serde::{Deserialize, Serialize};

use super::chosen::Chosen;
use super::error::CondaError;
use super::facts::CondaFacts;
use super::places::Places;
use crate::assembly::{OWN_LAYER_FROM, Piece};
use crate::error::EngineError;
use crate::fetch::Fetcher;
use crate::fetch::transfer::Transfer;
use crate::package_layer::{FolderEntry, PACKAGE_TIME, PackageLayer};
use crate::parallel;
use crate::step::{self, StepContext};

/// How many packages are under way at once: more than there are processors, because some wait for the network; not many more, because the
/// window of a package that was compressed as well as can be takes 128 MiB.
const AT_ONCE: usize = 4;

/// What decides the bytes of a package's layer beside the package.
pub(super) fn version() -> (u32, u32) {
    (INSTALL_VERSION, imagewright_layer::PACKAGE_VERSION)
}

/// The kind of the facts about layers of packages.
pub(crate) const CONDA_LAYER: &str = "conda-layer";
/// The kind of the facts that list the files of those layers.
pub(crate) const CONDA_FILES: &str = "conda-files";
/// The kind of the facts about the Python that a package brings.
pub(crate) const CONDA_PYTHON: &str = "conda-python";

/// The layer of a package.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct CondaLayer {
    pub(crate) layer: PackageLayer,
    /// What the package says of itself.
    pub(crate) record: PackageRecord,
    /// The package as the books of an environment have it.
    pub(crate) package: Package,
    /// Scripts for whoever installs it, from the prefix on.
    pub(super) link_scripts: Vec<String>,
    /// Whether shells run scripts of it.
    pub(super) has_activation: bool,
    pub(super) is_noarch_python: bool,
}

/// Makes layers of packages.
pub(super) struct Installer<'a> {
    pub(super) context: StepContext<'a>,
    pub(super) fetcher: &'a Fetcher,
    pub(super) places: &'a Places<'a>,
    pub(super) facts: &'a CondaFacts,
    /// Where files of packages are kept.
    pub(super) folder: PathBuf,
    pub(super) link_scripts: LinkScripts,
    /// How many layers there are of which each large one may stay as it is.
    pub(super) own_layers: usize,
    /// Make them again though they are known.
    pub(super) again: bool,
}

impl Installer<'_> {
    /// The Python that a package brings.
    pub(super) fn python_of(&self, chosen: &Chosen) -> Result<InstalledPython, EngineError> {
        let store = self.context.site.store;
        let key = python_key(&chosen.sha256);
        if let Some(known) = store.get_fact(CONDA_PYTHON, &key)? {
            return Ok(known);
        }
        let transfer = Transfer::new(self.context.report.output(), chosen.file.clone(), chosen.known_size());
        let archive = self.open(chosen, &transfer)?;
        let metadata = Metadata::read(&archive).map_err(|source| wrong(chosen, source))?;
        let package = package(chosen, &metadata)?;
        let python = package.python().map_err(|source| wrong(chosen, source))?;
        let none = || wrong(chosen, PackageError::PythonVersion(chosen.version.clone()));
        let python = python.ok_or_else(none)?;
        store.put_fact(CONDA_PYTHON, &key, &python)?;
        Ok(python)
    }

    /// The layer of each package. One that is known need not be here, unless it is `needed`.
    pub(super) fn layers(
        &self,
        chosen: &[Chosen],
        python: Option<&InstalledPython>,
        needed: &BTreeSet<String>,
    ) -> Result<Vec<CondaLayer>, EngineError> {
        let mut known = Vec::with_capacity(chosen.len());
        for chosen in chosen {
            let is_needed = needed.contains(&chosen.name);
            known.push(if self.again { None } else { self.remembered(chosen, python, is_needed)? });
        }
        let mut missing: Vec<&Chosen> = chosen
            .iter()
            .zip(&known)
            .filter(|(_, known)| known.is_none())
            .map(|(chosen, _)| chosen)
            .collect();
        // The largest first: begun last, it would go on alone.
        missing.sort_by_key(|chosen| std::cmp::Reverse(chosen.size));
        let made = self.make(&missing, python)?;
        let mut made: BTreeMap<&str, CondaLayer> =
            missing.iter().map(|chosen| chosen.name.as_str()).zip(made).collect();
        let layers: Vec<CondaLayer> = known
            .into_iter()
            .zip(chosen)
            .map(|(known, chosen)| {
                known.unwrap_or_else(|| made.remove(chosen.name.as_str()).expect("what was missing was made"))
            })
            .collect();
        layers
            .iter()
            .try_for_each(|layer| self.check_scripts(&layer.package.shown(), &layer.link_scripts))?;
        Ok(layers)
    }

    fn make(
        &self,
        missing: &[&Chosen],
        python: Option<&InstalledPython>,
    ) -> Result<Vec<CondaLayer>, EngineError> {
        let StepContext { site, report, .. } = self.context;
        if missing.is_empty() {
            return Ok(Vec::new());
        }
        report.status(format!("fetching {} packages", missing.len()));
        let total = missing.iter().map(|chosen| chosen.known_size()).sum();
        let transfer = Transfer::new(report.output(), "packages".to_owned(), total);
        let large = missing.iter().filter(|chosen| chosen.size >= OWN_LAYER_FROM / 2).count();
        parallel::map(missing, AT_ONCE, |chosen| {
            let made = self.layer(chosen, python, &transfer)?;
            if large <= self.own_layers && made.layer.size() >= OWN_LAYER_FROM {
                (site.layers.done)(&made.layer.layer.descriptor);
            }
            Ok(made)
        })
    }

    fn remembered(
        &self,
        chosen: &Chosen,
        python: Option<&InstalledPython>,
        is_needed: bool,
    ) -> Result<Option<CondaLayer>, EngineError> {
        let site = self.context.site;
        let key = self.key(chosen, python);
        let known: Option<CondaLayer> = site.store.get_fact(CONDA_LAYER, &key)?;
        let known = known.filter(|known| !is_needed || known.layer.is_stored(site));
        let Some(known) = known else { return Ok(None) };
        let files: Option<Installed> = site.store.get_fact(CONDA_FILES, &key)?;
        Ok(files.map(|_| known))
    }

    fn layer(
        &self,
        chosen: &Chosen,
        python: Option<&InstalledPython>,
        transfer: &Transfer<'_>,
    ) -> Result<CondaLayer, EngineError> {
        let store = self.context.site.store;
        let key = self.key(chosen, python);
        // Of several builds that want it one makes it, and the others find it.
        let _lock = store.lock(&format!("conda-layer {key}"), || {})?;
        if !self.again
            && let Some(known) = self.remembered(chosen, python, true)?
        {
            return Ok(known);
        }
        let followed = self.follow(chosen, transfer, |growing| {
            let archive = Archive::open(&chosen.file, growing).map_err(|source| wrong(chosen, source))?;
            let unread = |source| wrong(chosen, PackageError::Read(source));
            let done = || growing.wait().map_err(unread);
            self.layer_of(chosen, &archive, python, || growing.opened(), done)
        });
        let (layer, installed) = match followed {
            Some(Ok(made)) => made,
            Some(Err(error)) if !self.has(chosen) => return Err(error),
            // Where the transfer was begun anew the reader was ahead of it; now the file is whole.
            Some(Err(_)) | None => {
                let archive = self.open(chosen, transfer)?;
                self.layer_of(chosen, &archive, python, || {}, || Ok(()))?
            }
        };
        store.put_fact(CONDA_FILES, &key, &installed)?;
        store.put_fact(CONDA_LAYER, &key, &layer)?;
        Ok(layer)
    }

    /// Makes the layer of an opened package. `opened` is called when nothing is looked for at its end any more, `done` before the
    /// layer becomes visible.
    fn layer_of<R: ReadAt>(
        &self,
        chosen: &Chosen,
        archive: &Archive<R>,
        python: Option<&InstalledPython>,
        opened: impl Fn(),
        done: impl FnOnce() -> Result<(), EngineError>,
    ) -> Result<(CondaLayer, Installed), EngineError> {
        let is_told_last = archive.has_info_behind_files();
        if !is_told_last {
            opened();
        }
        let metadata = Metadata::read(archive).map_err(|source| wrong(chosen, source))?;
        if is_told_last {
            opened();
        }
        let package = package(chosen, &metadata)?;
        let link_scripts = metadata.link_scripts();
        self.check_scripts(&package.shown(), &link_scripts)?;
        let (layer, installed) = self.install(chosen, archive, &metadata, python, done)?;
        let layer = CondaLayer {
            layer,
            record: record(&package, &metadata),
            package,
            link_scripts,
            has_activation: metadata.has_activation_scripts(),
            is_noarch_python: metadata.is_noarch_python(),
        };
        Ok((layer, installed))
    }

    fn install<R: ReadAt>(
        &self,
        chosen: &Chosen,
        archive: &Archive<R>,
        metadata: &Metadata,
        python: Option<&InstalledPython>,
        done: impl FnOnce() -> Result<(), EngineError>,
    ) -> Result<(PackageLayer, Installed), EngineError> {
        let place = self.place(chosen, python);
        let plan = Plan::new(archive, metadata, &place).map_err(|source| wrong(chosen, source))?;
        let folders = self.folders(plan.files(), plan.directories());
        let mut installed = None;
        let fill = |writer: &mut PackageWriter<BlobWriter>| {
            let mut append = |entry: &Entry, body: &mut dyn Read| writer.append(entry, body);
            installed = Some(plan.write(&mut append).map_err(|source| wrong(chosen, source))?);
            done()
        };
        let layer = PackageLayer::write(self.context.site, folders, fill)?;
        Ok((layer, installed.expect("it was installed where there was no error")))
    }

    fn place(&self, chosen: &Chosen, python: Option<&InstalledPython>) -> Place {
        Place {
            prefix: self.facts.prefix.clone(),
            python: python.filter(|_| is_for_all(chosen)).cloned(),
            mtime: PACKAGE_TIME,
            owner: (self.facts.folder.uid, self.facts.folder.gid),
            spool: self.folder.clone(),
        }
    }

    /// Hands every entry of a package to `take`, as it is installed.
    pub(super) fn each_entry(
        &self,
        chosen: &Chosen,
        python: &InstalledPython,
        take: &mut Sink<'_>,
    ) -> Result<(), EngineError> {
        let transfer = Transfer::new(self.context.report.output(), chosen.file.clone(), chosen.known_size());
        let archive = self.open(chosen, &transfer)?;
        let broken = |source| wrong(chosen, source);
        let metadata = Metadata::read(&archive).map_err(broken)?;
        let place = self.place(chosen, Some(python));
        let plan = Plan::new(&archive, &metadata, &place).map_err(broken)?;
        plan.write(take).map(drop).map_err(broken)
    }

    /// All folders of a layer with these files and folders.
    pub(super) fn folders<'p>(
        &self,
        files: impl IntoIterator<Item = &'p LayerPath>,
        folders: impl IntoIterator<Item = &'p LayerPath>,
    ) -> Vec<FolderEntry> {
        let prefix = LayerPath::parse(self.facts.prefix.as_bytes()).expect("the prefix is a path");
        let mut all: BTreeSet<String> = BTreeSet::new();
        let parents = files.into_iter().filter_map(LayerPath::parent);
        for folder in parents.chain(folders.into_iter().cloned()).chain([prefix]) {
            let mut folder = Some(folder);
            // What is above a known folder is known.
            while let Some(known) =
                folder.filter(|folder| !folder.is_root() && all.insert(folder.to_string()))
            {
                folder = known.parent();
            }
        }
        // Sorted, outer folders come first.
        let entry = |path: String| {
            let folder = self.facts.folder(&format!("/{path}"));
            FolderEntry { path, mode: folder.mode, uid: folder.uid, gid: folder.gid }
        };
        all.into_iter().map(entry).collect()
    }

    /// What was installed of a package.
    pub(super) fn installed(
        &self,
        chosen: &Chosen,
        python: Option<&InstalledPython>,
    ) -> Result<Installed, EngineError> {
        let key = self.key(chosen, python);
        Ok(self.context.site.store.get_fact(CONDA_FILES, &key)?.unwrap_or_default())
    }

    fn check_scripts(&self, package: &str, scripts: &[String]) -> Result<(), EngineError> {
        match (self.link_scripts, scripts.first()) {
            (LinkScripts::Refuse, Some(script)) => {
                Err(CondaError::LinkScript { package: package.to_owned(), script: script.clone() }.into())
            }
            (LinkScripts::Refuse | LinkScripts::Skip | LinkScripts::Run, _) => Ok(()),
        }
    }

    /// What makes two layers equal.
    pub(super) fn key(&self, chosen: &Chosen, python: Option<&InstalledPython>) -> Digest {
        let CondaFacts { prefix, folder, folders, installed: _, glibc: _ } = self.facts;
        let compression = self.context.site.compression.to_string();
        let python = python.filter(|_| is_for_all(chosen));
        let what = (&chosen.sha256, &chosen.channel, &chosen.subdir, &chosen.depends, &chosen.constrains);
        step::key(CONDA_LAYER, &(version(), what, prefix, folder, folders, python, compression))
    }
}

impl CondaLayer {
    pub(super) fn piece(&self) -> Piece {
        let shown = format!("{} {}", self.package.name(), self.package.version());
        Piece {
            name: self.package.name().to_owned(),
            shown,
            layer: self.layer.clone(),
            record: Some(self.record.clone()),
        }
    }
}

/// What the Python that a package brings is filed under; `sha256` is the package's, in hexadecimal.
pub(crate) fn python_key(sha256: &str) -> Digest {
    step::key(CONDA_PYTHON, &(version(), sha256))
}

/// Whether a package is for all architectures, so that the Python may decide where its files go.
pub(super) fn is_for_all(chosen: &Chosen) -> bool {
    chosen.subdir == "noarch"
}

pub(super) fn wrong(chosen: &Chosen, source: PackageError) -> EngineError {
    CondaError::Package { file: chosen.file.clone(), source }.into()
}

/// The package that a file holds, which must be the one that was chosen.
fn package(chosen: &Chosen, metadata: &Metadata) -> Result<Package, EngineError> {
    Package::locked(&chosen.place()?, metadata).map_err(|source| wrong(chosen, source))
}

/// What a package says of itself, as inventories have it.
fn record(package: &Package, metadata: &Metadata) -> PackageRecord {
    let (name, version) = (package.name(), package.version());
    let channel = package.channel().filter(imagewright_conda::Channel::is_named);
    let channel = channel.map(|channel| format!("&channel={}", channel.name())).unwrap_or_default();
    let purl =
        format!("pkg:conda/{name}@{version}?build={}&subdir={}{channel}", package.build(), package.subdir());
    PackageRecord {
        architecture: Some(package.subdir().to_owned()),
        hash: package.sha256().map(|hash| hash.to_string()),
        summary: metadata.summary().map(str::to_owned),
        licenses: metadata.license().map(str::to_owned).into_iter().collect(),
        home_page: metadata.home_page(),
        requires: package.depends().to_vec(),
        ..PackageRecord::new(PackageKind::Conda, name.to_owned(), version, purl)
    }
    .bounded()
}
