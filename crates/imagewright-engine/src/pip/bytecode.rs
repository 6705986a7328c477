//! Bytecode of wheels, compiled once for each wheel and interpreter by the image's own interpreter.
//!
//! The modules are read from the wheels and never lie on a disk; see `compile.py`. What comes out is checked by nobody
//! against the time of its source (PEP 552), because times in an image are made up.

use std::collections::BTreeSet;
use std::path::PathBuf;

use imagewright_oci::Digest;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::artifacts::Artifacts;
use super::interpreter::PythonFacts;
use super::layout::Layout;
use super::wheels::WheelLayer;
use crate::bytecode::{self, BYTECODE_VERSION};
use crate::error::EngineError;
use crate::package_layer::PackageLayer;
use crate::parallel;
use crate::step::{self, StepContext};
use crate::workbench::Workbench;

/// The kind of the facts about bytecode of wheels.
pub(crate) const BYTECODE: &str = "bytecode";

/// The bytecode of a wheel.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct WheelBytecode {
    /// Hash of the wheel.
    pub(crate) wheel: Digest,
    /// None where it has no modules.
    pub(crate) layer: Option<PackageLayer>,
}

/// Compiles wheels.
pub(super) struct Compiler<'a> {
    pub(super) context: StepContext<'a>,
    pub(super) facts: &'a PythonFacts,
    pub(super) layout: &'a Layout,
    pub(super) artifacts: &'a Artifacts<'a>,
}

/// A wheel and where its file is.
struct Source<'a> {
    wheel: &'a WheelLayer,
    path: PathBuf,
}

impl Compiler<'_> {
    /// A layer with the bytecode of each wheel; none where it has no modules. One that is known need not be here, unless
    /// that of its package is `needed`. `file` sees to it that the file of the wheel with a number is there.
    pub(super) fn layers(
        &self,
        wheels: &[WheelLayer],
        needed: &BTreeSet<String>,
        again: bool,
        file: impl Fn(usize) -> Result<PathBuf, EngineError>,
    ) -> Result<Vec<Option<PackageLayer>>, EngineError> {
        let mut layers = Vec::with_capacity(wheels.len());
        let mut missing = Vec::new();
        for (number, wheel) in wheels.iter().enumerate() {
            let known = if again { None } else { self.known(wheel, needed.contains(&wheel.name))? };
            if known.is_none() {
                missing.push((self.key(wheel), number));
            }
            layers.push(known);
        }
        // Of several builds that want one compiled, one does it. All take locks in one order, so none waits for ever.
        missing.sort();
        let (mut sources, mut locks) = (Vec::new(), Vec::new());
        for (key, number) in missing {
            let lock = self.context.site.store.lock(&format!("bytecode {key}"), || {})?;
            let wheel = &wheels[number];
            match self.known(wheel, true)?.filter(|_| !again) {
                Some(known) => layers[number] = Some(known),
                None => {
                    sources.push(Source { wheel, path: file(number)? });
                    locks.push((number, lock));
                }
            }
        }
        for (layer, (number, _)) in self.compile(&sources)?.into_iter().zip(&locks) {
            layers[*number] = Some(layer);
        }
        Ok(layers.into_iter().map(|layer| layer.expect("what was missing was compiled")).collect())
    }

    /// What was made of a wheel earlier, which may be nothing.
    fn known(
        &self,
        wheel: &WheelLayer,
        is_needed: bool,
    ) -> Result<Option<Option<PackageLayer>>, EngineError> {
        let site = self.context.site;
        let known: Option<WheelBytecode> = site.store.get_fact(BYTECODE, &self.key(wheel))?;
        let known = known.map(|known| known.layer);
        Ok(known.filter(|layer| !is_needed || layer.as_ref().is_none_or(|layer| layer.is_stored(site))))
    }

    fn compile(&self, sources: &[Source<'_>]) -> Result<Vec<Option<PackageLayer>>, EngineError> {
        if sources.is_empty() {
            return Ok(Vec::new());
        }
        self.context.report.status(format!("compiling bytecode of {} packages", sources.len()));
        let layers = self.context.on_python(|bench| self.compile_on(bench, sources).map(Some))?;
        Ok(layers.expect("compiling gives layers, or an error"))
    }

    fn compile_on(
        &self,
        mut bench: Workbench<'_>,
        sources: &[Source<'_>],
    ) -> Result<Vec<Option<PackageLayer>>, EngineError> {
        let site = self.context.site;
        let tasks = sources.iter().map(|source| self.task(source)).collect();
        let executable = &self.facts.interpreter.executable;
        let folder = bytecode::compile(&mut bench, executable, self.artifacts.folder(), tasks, self.context)?;
        let numbered: Vec<(usize, &Source<'_>)> = sources.iter().enumerate().collect();
        parallel::map(&numbered, site.threads, |(number, source)| {
            let owner = self.layout.folder;
            let made =
                bytecode::layer(site, &folder.join(number.to_string()), (owner.uid, owner.gid), |paths| {
                    self.layout.folders_of(paths, [])
                })?;
            let fact =
                WheelBytecode { wheel: source.wheel.hash.clone(), layer: made.map(|(layer, _)| layer) };
            site.store.put_fact(BYTECODE, &self.key(source.wheel), &fact)?;
            Ok(fact.layer)
        })
    }

    fn task(&self, source: &Source<'_>) -> Map<String, Value> {
        let scheme = &self.layout.scheme;
        let name = source.path.file_name().unwrap_or_default().to_string_lossy();
        let root = if source.wheel.is_pure { &scheme.purelib } else { &scheme.platlib };
        let fields = [
            ("wheel", format!("{}/{name}", bytecode::SOURCES)),
            ("root", root.clone()),
            ("purelib", scheme.purelib.clone()),
            ("platlib", scheme.platlib.clone()),
        ];
        fields.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect()
    }

    fn key(&self, wheel: &WheelLayer) -> Digest {
        let shared: Vec<_> =
            self.layout.shared().map(|folder| (folder, self.layout.folder(folder))).collect();
        let interpreter = &self.facts.interpreter;
        let interpreter =
            (&interpreter.program, &interpreter.version, &interpreter.cache_tag, &interpreter.implementation);
        let versions = (BYTECODE_VERSION, imagewright_layer::PACKAGE_VERSION);
        let compression = self.context.site.compression.to_string();
        let place = (&self.layout.scheme, self.layout.folder, shared);
        step::key(BYTECODE, &(versions, &wheel.hash, wheel.is_pure, interpreter, place, compression))
    }
}
