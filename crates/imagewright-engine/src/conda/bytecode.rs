//! Bytecode of packages that are for all Pythons, and so come without: compiled once for each package and Python by the environment's own
//! interpreter. Others come with theirs.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Read};
use std::path::Path;

use imagewright_conda::package::InstalledPython;
use imagewright_layer::{Entry, LayerWriter};
use imagewright_oci::Digest;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::chosen::Chosen;
use super::layers::{CondaLayer, Installer};
use super::{CondaStep, Solution};
use crate::bytecode::{self, BYTECODE_VERSION};
use crate::error::EngineError;
use crate::package_layer::PackageLayer;
use crate::step::{self, StepContext, StepLayer};
use crate::workbench::Workbench;

/// The kind of the facts about bytecode of packages.
pub(crate) const CONDA_BYTECODE: &str = "conda-bytecode";

/// The bytecode of a package.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Compiled {
    /// What the layer of the package is filed under; none where nothing was compiled.
    pub(crate) package: Option<Digest>,
    /// None where it has no modules.
    pub(crate) layer: Option<PackageLayer>,
    /// Its files, from the prefix on.
    pub(crate) paths: Vec<String>,
}

impl CondaStep<'_> {
    /// The bytecode of each package; `so_far` are the layers of the packages themselves, in which the interpreter is. A layer
    /// that is known need not be here, unless that of its package is `needed`.
    pub(super) fn compiled(
        &self,
        installer: &Installer<'_>,
        solution: &Solution,
        layers: &[CondaLayer],
        python: &InstalledPython,
        (so_far, needed): (&[StepLayer], &BTreeSet<String>),
    ) -> Result<Vec<Compiled>, EngineError> {
        let interpreter = interpreter(solution);
        let key = |chosen: &Chosen| {
            let compression = self.context.site.compression.to_string();
            let versions = (BYTECODE_VERSION, imagewright_layer::PACKAGE_VERSION);
            step::key(
                CONDA_BYTECODE,
                &(versions, installer.key(chosen, Some(python)), &interpreter, compression),
            )
        };
        let mut compiled: Vec<Option<Compiled>> = Vec::with_capacity(layers.len());
        let mut missing: Vec<(usize, Digest)> = Vec::new();
        for (number, (chosen, layer)) in solution.packages.iter().zip(layers).enumerate() {
            let known = match layer.is_noarch_python {
                true => self.known(&key(chosen), needed.contains(&chosen.name))?,
                false => Some(Compiled::default()),
            };
            if known.is_none() {
                missing.push((number, key(chosen)));
            }
            compiled.push(known);
        }
        if !missing.is_empty() {
            self.context.report.status(format!("compiling bytecode of {} packages", missing.len()));
            let chosen: Vec<&Chosen> =
                missing.iter().map(|(number, _)| &solution.packages[*number]).collect();
            let draft = self.context.draft.with(so_far.iter().map(|made| &made.layer));
            let context = StepContext { draft: &draft, ..self.context };
            let made =
                context.on_python(|bench| compile(bench, context, installer, &chosen, python).map(Some))?;
            for ((number, key), made) in
                missing.iter().zip(made.expect("compiling gives layers, or an error"))
            {
                let package = installer.key(&solution.packages[*number], Some(python));
                let made = Compiled { package: Some(package), ..made };
                self.context.site.store.put_fact(CONDA_BYTECODE, key, &made)?;
                compiled[*number] = Some(made);
            }
        }
        Ok(compiled.into_iter().map(|compiled| compiled.expect("what was missing was compiled")).collect())
    }

    fn known(&self, key: &Digest, is_needed: bool) -> Result<Option<Compiled>, EngineError> {
        let site = self.context.site;
        let known: Option<Compiled> = site.store.get_fact(CONDA_BYTECODE, key)?;
        let is_there = |known: &Compiled| known.layer.as_ref().is_none_or(|layer| layer.is_stored(site));
        Ok(known.filter(|known| !self.again && (!is_needed || is_there(known))))
    }
}

/// What tells one interpreter from another: its package.
fn interpreter(solution: &Solution) -> Option<String> {
    let chosen = solution.packages.iter().find(|chosen| chosen.name == "python");
    let there = || solution.facts.installed.iter().find(|package| package.name() == "python");
    chosen.map(|chosen| chosen.sha256.clone()).or_else(|| {
        let there = there()?;
        Some(there.sha256().map_or_else(|| there.shown(), |hash| hash.hex().to_owned()))
    })
}

fn compile(
    mut bench: Workbench<'_>,
    context: StepContext<'_>,
    installer: &Installer<'_>,
    packages: &[&Chosen],
    python: &InstalledPython,
) -> Result<Vec<Compiled>, EngineError> {
    let sources = bench.room("sources")?;
    let mut tasks = Vec::new();
    for (number, chosen) in packages.iter().enumerate() {
        let name = format!("{number}.tar");
        write_modules(installer, chosen, python, &sources.join(&name))?;
        let archive = Value::from(format!("{}/{name}", bytecode::SOURCES));
        tasks.push(Map::from_iter([("archive".to_owned(), archive)]));
    }
    let facts = installer.facts;
    let executable = python.executable(&facts.prefix);
    let folder = bytecode::compile(&mut bench, &executable, &sources, tasks, context)?;
    let owner = (facts.folder.uid, facts.folder.gid);
    let inside = format!("{}/", facts.prefix.trim_start_matches('/'));
    let made = (0..packages.len()).map(|number| {
        let results = folder.join(number.to_string());
        let made = bytecode::layer(context.site, &results, owner, |paths| installer.folders(paths, []))?;
        let Some((layer, paths)) = made else { return Ok(Compiled::default()) };
        let paths = paths.iter().map(ToString::to_string);
        let paths = paths.filter_map(|path| path.strip_prefix(&inside).map(str::to_owned)).collect();
        Ok(Compiled { layer: Some(layer), paths, ..Compiled::default() })
    });
    made.collect()
}

/// Writes an archive of the modules of a package, where and as they are installed.
fn write_modules(
    installer: &Installer<'_>,
    chosen: &Chosen,
    python: &InstalledPython,
    path: &Path,
) -> Result<(), EngineError> {
    let site_packages = format!("{}/{}/", installer.facts.prefix, python.site_packages);
    let root = site_packages.trim_start_matches('/').to_owned();
    let file = File::create(path).map_err(EngineError::io("create", path))?;
    let mut archive = LayerWriter::new(BufWriter::new(file));
    installer.each_entry(chosen, python, &mut |entry: &Entry, body: &mut dyn Read| {
        let name = entry.path.to_string();
        match name.starts_with(&root) && name.ends_with(".py") {
            true => archive.append(entry, body),
            false => Ok(()),
        }
    })?;
    archive.finish().map(drop).map_err(|source| EngineError::PackageLayer { source })
}
