//! Bytecode of wheels, compiled once for each wheel and interpreter by the image's own interpreter.
//!
//! The modules are read from the wheels and never lie on a disk; see `compile.py`. What comes out is checked by nobody
//! against the time of its source (PEP 552), because times in an image are made up.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use imagewright_layer::{Entry, EntryKind, LayerPath, PackageWriter};
use imagewright_oci::Digest;
use imagewright_store::BlobWriter;
use serde_json::json;

use super::artifacts::Artifacts;
use super::interpreter::PythonFacts;
use super::layout::Layout;
use super::wheels::WheelLayer;
use crate::error::EngineError;
use crate::outside::INSIDE;
use crate::package_layer::{PACKAGE_TIME, PackageLayer};
use crate::parallel;
use crate::step::{self, StepContext};
use crate::workbench::{Command, Workbench, bind, contents};

/// Raised when the same wheel and interpreter give another layer.
pub(super) const BYTECODE_VERSION: u32 = 1;
const COMPILER: &str = include_str!("compile.py");
/// Where results are left; the overlay they lie on is thrown away.
const RESULTS: &str = "/.imagewright-bytecode";
/// No bytecode file is longer than this.
const LONGEST: u32 = 256 << 20;

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
    /// A layer with the bytecode of each wheel; none where it has no modules. `file` sees to it that the file of the
    /// wheel with a number is there.
    pub(super) fn layers(
        &self,
        wheels: &[WheelLayer],
        again: bool,
        file: impl Fn(usize) -> Result<PathBuf, EngineError>,
    ) -> Result<Vec<Option<PackageLayer>>, EngineError> {
        let mut layers = Vec::with_capacity(wheels.len());
        let mut missing = Vec::new();
        for (number, wheel) in wheels.iter().enumerate() {
            let known = if again { None } else { self.known(wheel)? };
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
            match self.known(wheel)?.filter(|_| !again) {
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
    fn known(&self, wheel: &WheelLayer) -> Result<Option<Option<PackageLayer>>, EngineError> {
        let site = self.context.site;
        let known: Option<Option<PackageLayer>> = site.store.get_fact("bytecode", &self.key(wheel))?;
        Ok(known.filter(|layer| layer.as_ref().is_none_or(|layer| layer.is_stored(site))))
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
        let StepContext { site, report, .. } = self.context;
        let folder = bench.upper().join(RESULTS.trim_start_matches('/'));
        fs::create_dir(&folder).map_err(EngineError::io("create", &folder))?;
        let (script, tasks) = (format!("{INSIDE}/compile.py"), format!("{INSIDE}/tasks.json"));
        let command = Command::new([self.facts.interpreter.executable.as_str(), "-I", &script, &tasks])
            .mount(contents(COMPILER, &script, 0o644))
            .mount(contents(self.tasks(sources).to_string(), &tasks, 0o644))
            .mount(bind(self.artifacts.folder(), &format!("{INSIDE}/wheels"), true))
            .without_network();
        let finished = bench.run(command, report)?;
        if !finished.succeeded() {
            return Err(EngineError::Bytecode { tail: finished.tail_text() });
        }
        let numbered: Vec<(usize, &Source<'_>)> = sources.iter().enumerate().collect();
        parallel::map(&numbered, site.threads, |(number, source)| {
            let layer = self.layer(&folder.join(number.to_string()))?;
            site.store.put_fact("bytecode", &self.key(source.wheel), &layer)?;
            Ok(layer)
        })
    }

    fn tasks(&self, sources: &[Source<'_>]) -> serde_json::Value {
        let scheme = &self.layout.scheme;
        let task = |(number, source): (usize, &Source<'_>)| {
            let name = source.path.file_name().unwrap_or_default().to_string_lossy();
            json!({
                "wheel": format!("{INSIDE}/wheels/{name}"),
                "result": format!("{RESULTS}/{number}"),
                "root": if source.wheel.is_pure { &scheme.purelib } else { &scheme.platlib },
                "purelib": scheme.purelib,
                "platlib": scheme.platlib,
            })
        };
        let tasks: Vec<serde_json::Value> = sources.iter().enumerate().map(task).collect();
        json!({ "processes": self.context.site.threads, "wheels": tasks })
    }

    /// Makes a layer of what the compiler left in a file.
    fn layer(&self, results: &Path) -> Result<Option<PackageLayer>, EngineError> {
        let broken = |source| EngineError::Io { action: "read", path: results.to_owned(), source };
        let file = File::open(results).map_err(broken)?;
        if file.metadata().map_err(broken)?.len() == 0 {
            return Ok(None);
        }
        let mut reader = BufReader::with_capacity(1 << 18, file);
        let mut paths = Vec::new();
        while let Some((path, size)) = next(&mut reader).map_err(broken)? {
            paths.push(path);
            reader.seek_relative(size.into()).map_err(broken)?;
        }
        reader.rewind().map_err(broken)?;
        let owner = self.layout.folder;
        let fill = |writer: &mut PackageWriter<BlobWriter>| {
            while let Some((path, size)) = next(&mut reader).map_err(broken)? {
                let entry = Entry {
                    uid: owner.uid,
                    gid: owner.gid,
                    mtime: PACKAGE_TIME,
                    ..Entry::new(path, EntryKind::File { size: size.into() }, 0o644)
                };
                let written = writer.append(&entry, &mut reader.by_ref().take(size.into()));
                written.map_err(|source| EngineError::PackageLayer { source })?;
            }
            Ok::<(), EngineError>(())
        };
        let folders = self.layout.folders_of(&paths, []);
        PackageLayer::write(self.context.site, folders, fill).map(Some)
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
        step::key("bytecode", &(versions, &wheel.hash, wheel.is_pure, interpreter, place, compression))
    }
}

/// The path and the size of the next bytecode file; none at the end.
fn next(reader: &mut impl Read) -> io::Result<Option<(LayerPath, u32)>> {
    let mut lengths = [0; 8];
    if reader.by_ref().take(1).read(&mut lengths)? == 0 {
        return Ok(None);
    }
    reader.read_exact(&mut lengths[1..])?;
    let number =
        |at: usize| u32::from_le_bytes([lengths[at], lengths[at + 1], lengths[at + 2], lengths[at + 3]]);
    let (path_length, size) = (number(0), number(4));
    if path_length > 4096 || size > LONGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the compiler wrote something else"));
    }
    let mut path = vec![0; path_length as usize];
    reader.read_exact(&mut path)?;
    let path = LayerPath::parse(&path).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    Ok(Some((path, size)))
}
