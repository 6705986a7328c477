//! Python distributions made on the spot, so that tests of the pip step need no index.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use flate2::write::GzEncoder;
use imagewright_oci::Digest;
use serde_json::{Value, json};

/// A wheel of one pure module.
#[derive(Clone, Debug)]
pub struct Wheel {
    name: String,
    version: String,
    requires: Vec<String>,
    module: String,
    recorded: String,
}

impl Wheel {
    /// A wheel whose module, named like it, says its version.
    pub fn new(name: &str, version: &str) -> Self {
        let module = format!("VERSION = {version:?}\n");
        let (name, version) = (name.to_owned(), version.to_owned());
        Self { name, version, requires: Vec::new(), module, recorded: ",".to_owned() }
    }

    /// Adds a requirement.
    #[must_use]
    pub fn requires(mut self, requirement: &str) -> Self {
        self.requires.push(requirement.to_owned());
        self
    }

    /// Replaces the text of its module.
    #[must_use]
    pub fn module(mut self, text: &str) -> Self {
        text.clone_into(&mut self.module);
        self
    }

    /// Replaces what `RECORD` says of its module: hash and size, separated by a comma.
    #[must_use]
    pub fn recorded(mut self, text: &str) -> Self {
        text.clone_into(&mut self.recorded);
        self
    }

    /// Writes it into a folder.
    pub fn write_to(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        fs::write(folder.join(self.file_name()), self.bytes()?)
    }

    fn file_name(&self) -> String {
        format!("{}-{}-py3-none-any.whl", self.name, self.version)
    }

    fn bytes(&self) -> io::Result<Vec<u8>> {
        let Self { name, version, .. } = self;
        let info = format!("{name}-{version}.dist-info");
        let mut files = vec![
            (format!("{name}.py"), self.module.clone()),
            (format!("{info}/METADATA"), metadata(name, version, &self.requires)),
            (
                format!("{info}/WHEEL"),
                "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n".to_owned(),
            ),
        ];
        let record = format!("{info}/RECORD");
        let others = files.iter().skip(1).map(|(path, _)| path).chain([&record]);
        let module = format!("{name}.py,{}\n", self.recorded);
        let lines: String = std::iter::once(module).chain(others.map(|path| format!("{path},,\n"))).collect();
        files.push((record, lines));
        zip(&files)
    }
}

/// Writes an index of Python packages (PEP 691) below `simple`, for wheels and the times at which they came to it, with their
/// metadata beside them (PEP 658), so that solving reads no wheel. To be served by [`HttpServer`](crate::http::HttpServer).
pub fn write_index(folder: &Path, wheels: &[(Wheel, &str)]) -> io::Result<()> {
    let mut projects: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for (wheel, time) in wheels {
        let name = wheel.file_name();
        wheel.write_to(&folder.join("files"))?;
        let bytes = wheel.bytes()?;
        let metadata = metadata(&wheel.name, &wheel.version, &wheel.requires);
        fs::write(folder.join("files").join(format!("{name}.metadata")), &metadata)?;
        projects.entry(&wheel.name).or_default().push(json!({
            "filename": name,
            "url": format!("../../files/{name}"),
            "hashes": {"sha256": Digest::of(&bytes).hex()},
            "size": bytes.len(),
            "core-metadata": {"sha256": Digest::of(metadata.as_bytes()).hex()},
            "upload-time": time,
        }));
    }
    for (name, files) in projects {
        let project = folder.join("simple").join(name);
        fs::create_dir_all(&project)?;
        let index = json!({"meta": {"api-version": "1.1"}, "name": name, "files": files, "versions": []});
        fs::write(project.join("index.json"), serde_json::to_vec(&index)?)?;
    }
    Ok(())
}

/// A source distribution that is built by running one command and needs nothing else.
#[derive(Clone, Debug)]
pub struct SourceDistribution {
    name: String,
    version: String,
    command: Vec<String>,
    wheel: Option<Wheel>,
}

impl SourceDistribution {
    /// One that is built into `wheel`.
    pub fn of(wheel: &Wheel) -> Self {
        Self { wheel: Some(wheel.clone()), ..Self::new(&wheel.name, &wheel.version, &["true"]) }
    }

    /// One whose building runs `command`, and then fails for want of a result.
    pub fn new(name: &str, version: &str, command: &[&str]) -> Self {
        let command = command.iter().map(|&word| word.to_owned()).collect();
        Self { name: name.to_owned(), version: version.to_owned(), command, wheel: None }
    }

    /// Writes its files into a folder, which is a project then.
    pub fn write_project(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        self.files()?.into_iter().try_for_each(|(path, body)| fs::write(folder.join(path), body))
    }

    /// Writes it into a folder as an archive.
    pub fn write_to(&self, folder: &Path) -> io::Result<()> {
        let top = format!("{}-{}", self.name, self.version);
        let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), flate2::Compression::fast()));
        for (path, body) in self.files()? {
            let mut header = tar::Header::new_gnu();
            header.set_mode(0o644);
            header.set_size(body.len() as u64);
            archive.append_data(&mut header, format!("{top}/{path}"), body.as_slice())?;
        }
        fs::create_dir_all(folder)?;
        fs::write(folder.join(format!("{top}.tar.gz")), archive.into_inner()?.finish()?)
    }

    fn files(&self) -> io::Result<Vec<(String, Vec<u8>)>> {
        let Self { name, version, command, wheel } = self;
        let wheel_name = wheel.as_ref().map(Wheel::file_name).unwrap_or_default();
        let project = format!("[project]\nname = {name:?}\nversion = {version:?}\n{BUILD_SYSTEM}");
        let backend = format!("COMMAND = {command:?}\nWHEEL = {wheel_name:?}\n{BACKEND}");
        let mut files = vec![
            ("PKG-INFO".to_owned(), metadata(name, version, &[]).into_bytes()),
            ("pyproject.toml".to_owned(), project.into_bytes()),
            ("backend.py".to_owned(), backend.into_bytes()),
            ("extension.c".to_owned(), b"#include <Python.h>\n".to_vec()),
        ];
        if let Some(wheel) = wheel {
            files.push((wheel_name, wheel.bytes()?));
        }
        Ok(files)
    }
}

/// A build backend in the distribution itself, so that building needs no other package.
const BUILD_SYSTEM: &str =
    "[build-system]\nrequires = []\nbuild-backend = \"backend\"\nbackend-path = [\".\"]\n";

const BACKEND: &str = "\
import shutil, subprocess
def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    subprocess.run(COMMAND, check=True)
    if WHEEL:
        shutil.copy(WHEEL, wheel_directory)
        return WHEEL
";

fn metadata(name: &str, version: &str, requires: &[String]) -> String {
    let mut text = format!("Metadata-Version: 2.2\nName: {name}\nVersion: {version}\n");
    for requirement in requires {
        writeln!(text, "Requires-Dist: {requirement}").expect("writing to a string cannot fail");
    }
    text
}

/// A zip of stored members with one time and mode.
pub(crate) fn zip<B: AsRef<[u8]>>(files: &[(String, B)]) -> io::Result<Vec<u8>> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (path, body) in files {
        let (offset, body) = (u32_of(archive.len())?, body.as_ref());
        let header = member(path, body)?;
        archive.write_all(b"PK\x03\x04")?;
        archive.write_all(&header)?;
        archive.write_all(path.as_bytes())?;
        archive.write_all(body)?;
        directory.write_all(b"PK\x01\x02\x14\x03")?;
        directory.write_all(&header)?;
        // No comment, first disk, text or not; then the mode of a regular file.
        directory.write_all(&[0; 6])?;
        directory.write_all(&(0o100_644_u32 << 16).to_le_bytes())?;
        directory.write_all(&offset.to_le_bytes())?;
        directory.write_all(path.as_bytes())?;
    }
    let (start, size) = (u32_of(archive.len())?, u32_of(directory.len())?);
    let count = u16::try_from(files.len()).map_err(io::Error::other)?;
    archive.write_all(&directory)?;
    archive.write_all(b"PK\x05\x06\0\0\0\0")?;
    archive.write_all(&[count.to_le_bytes(), count.to_le_bytes()].concat())?;
    archive.write_all(&[size.to_le_bytes(), start.to_le_bytes()].concat())?;
    archive.write_all(&[0; 2])?;
    Ok(archive)
}

/// What the two headers of a member have in common: version, flags, method, time, checksum, sizes, lengths.
fn member(path: &str, body: &[u8]) -> io::Result<Vec<u8>> {
    let mut checksum = flate2::Crc::new();
    checksum.update(body);
    let size = u32_of(body.len())?;
    let mut header = vec![0x14, 0, 0, 0, 0, 0, 0, 0, 0x21, 0x4a];
    for number in [checksum.sum(), size, size] {
        header.write_all(&number.to_le_bytes())?;
    }
    header.write_all(&u16::try_from(path.len()).map_err(io::Error::other)?.to_le_bytes())?;
    header.write_all(&[0; 2])?;
    Ok(header)
}

fn u32_of(length: usize) -> io::Result<u32> {
    u32::try_from(length).map_err(io::Error::other)
}
