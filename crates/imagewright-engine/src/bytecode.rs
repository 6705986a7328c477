//! Bytecode of packages of Python, made by the interpreter of the image; see `compile.py`.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use imagewright_layer::{Entry, EntryKind, LayerPath, PackageWriter};
use imagewright_store::BlobWriter;
use serde_json::{Map, Value, json};

use crate::error::EngineError;
use crate::outside::INSIDE;
use crate::package_layer::{FolderEntry, PACKAGE_TIME, PackageLayer};
use crate::step::StepContext;
use crate::workbench::{Command, Site, Workbench, bind, contents};

/// Raised when the same package and interpreter give another layer.
pub(crate) const BYTECODE_VERSION: u32 = 1;
/// Where the compiler finds the sources of packages.
pub(crate) const SOURCES: &str = "/dev/imagewright/wheels";
const COMPILER: &str = include_str!("compile.py");
/// Where results are left; the overlay they lie on is thrown away.
const RESULTS: &str = "/.imagewright-bytecode";
/// No bytecode file is longer than this.
const LONGEST: u32 = 256 << 20;

/// Has packages compiled whose sources are in a folder of the machine. Gives the folder of the results, which are called by the
/// numbers of the tasks.
pub(crate) fn compile(
    bench: &mut Workbench<'_>,
    executable: &str,
    sources: &Path,
    tasks: Vec<Map<String, Value>>,
    context: StepContext<'_>,
) -> Result<PathBuf, EngineError> {
    let folder = bench.upper().join(RESULTS.trim_start_matches('/'));
    fs::create_dir(&folder).map_err(EngineError::io("create", &folder))?;
    let (script, list) = (format!("{INSIDE}/compile.py"), format!("{INSIDE}/tasks.json"));
    let numbered = |(number, mut task): (usize, Map<String, Value>)| {
        task.insert("result".to_owned(), format!("{RESULTS}/{number}").into());
        Value::Object(task)
    };
    let packages: Vec<Value> = tasks.into_iter().enumerate().map(numbered).collect();
    let tasks = json!({ "processes": context.site.threads, "packages": packages });
    let command = Command::new([executable, "-I", &script, &list])
        .mount(contents(COMPILER, &script, 0o644))
        .mount(contents(tasks.to_string(), &list, 0o644))
        .mount(bind(sources, SOURCES, true))
        .without_network();
    let finished = bench.run(command, context.report)?;
    match finished.succeeded() {
        true => Ok(folder),
        false => Err(EngineError::Bytecode { tail: finished.tail_text() }),
    }
}

/// Makes a layer of what the compiler left in a file, and lists its files; none where there are none. `folders` gives all folders of a
/// layer with some files.
pub(crate) fn layer(
    site: Site<'_>,
    results: &Path,
    (uid, gid): (u32, u32),
    folders: impl FnOnce(&[LayerPath]) -> Vec<FolderEntry>,
) -> Result<Option<(PackageLayer, Vec<LayerPath>)>, EngineError> {
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
    let fill = |writer: &mut PackageWriter<BlobWriter>| {
        while let Some((path, size)) = next(&mut reader).map_err(broken)? {
            let kind = EntryKind::File { size: size.into() };
            let entry = Entry { uid, gid, mtime: PACKAGE_TIME, ..Entry::new(path, kind, 0o644) };
            let written = writer.append(&entry, &mut reader.by_ref().take(size.into()));
            written.map_err(|source| EngineError::PackageLayer { source })?;
        }
        Ok::<(), EngineError>(())
    };
    let layer = PackageLayer::write(site, folders(&paths), fill)?;
    Ok(Some((layer, paths)))
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
