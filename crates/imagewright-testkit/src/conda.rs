//! conda packages and channels made on the spot, honest ones and others.

mod channel;
mod msgpack;

use std::io::{self, Write as _};

use bzip2::write::BzEncoder;
use imagewright_oci::Digest;
use serde_json::{Value, json};

pub use channel::{Channel, Index};

use crate::wheels::zip;

/// What stands in files where the path of the installation belongs.
pub const PLACEHOLDER: &str = "/build/croot/_h_env_placehold_placehold_placehold_placehold";

/// How a package is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A zip of tar.zst archives.
    Conda,
    /// A tar.bz2 archive.
    TarBz2,
}

/// What a path of a package is.
#[derive(Clone, Debug)]
enum Body {
    File(Vec<u8>, u32),
    Symlink(String),
    HardLink(String),
}

#[derive(Clone, Debug)]
struct File {
    path: String,
    body: Body,
    /// `text` or `binary`, where the placeholder is in it.
    placeholder: Option<&'static str>,
    is_listed: bool,
}

/// A package.
#[derive(Clone, Debug)]
pub struct CondaPackage {
    name: String,
    version: String,
    build: String,
    noarch: Option<&'static str>,
    depends: Vec<String>,
    constrains: Vec<String>,
    track_features: String,
    entry_points: Vec<String>,
    files: Vec<File>,
    site_packages: Option<String>,
    license: String,
}

impl CondaPackage {
    /// A package without files.
    pub fn new(name: &str, version: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            build: "0".to_owned(),
            noarch: None,
            depends: Vec::new(),
            constrains: Vec::new(),
            track_features: String::new(),
            entry_points: Vec::new(),
            files: Vec::new(),
            site_packages: None,
            license: "BSD-3-Clause".to_owned(),
        }
    }

    /// Sets the license.
    #[must_use]
    pub fn license(mut self, license: &str) -> Self {
        license.clone_into(&mut self.license);
        self
    }

    /// Sets the build string; its number is what follows the last `_`.
    #[must_use]
    pub fn build(mut self, build: &str) -> Self {
        build.clone_into(&mut self.build);
        self
    }

    /// Makes it one for all architectures: `python` or `generic`.
    #[must_use]
    pub fn noarch(mut self, kind: &'static str) -> Self {
        self.noarch = Some(kind);
        self
    }

    /// Adds a dependency.
    #[must_use]
    pub fn depends(mut self, spec: &str) -> Self {
        self.depends.push(spec.to_owned());
        self
    }

    /// Adds a constraint on what else is installed.
    #[must_use]
    pub fn constrains(mut self, spec: &str) -> Self {
        self.constrains.push(spec.to_owned());
        self
    }

    /// Adds a script: `name = module:function`.
    #[must_use]
    pub fn entry_point(mut self, text: &str) -> Self {
        self.entry_points.push(text.to_owned());
        self
    }

    /// Says where this Python has its packages.
    #[must_use]
    pub fn site_packages(mut self, path: &str) -> Self {
        self.site_packages = Some(path.to_owned());
        self
    }

    /// Adds a file.
    #[must_use]
    pub fn file(self, path: &str, body: impl Into<Vec<u8>>) -> Self {
        self.with(path, Body::File(body.into(), 0o644), None)
    }

    /// Adds a file that can be run.
    #[must_use]
    pub fn program(self, path: &str, body: impl Into<Vec<u8>>) -> Self {
        self.with(path, Body::File(body.into(), 0o755), None)
    }

    /// Adds a file that holds [`PLACEHOLDER`]; `mode` is `text` or `binary`.
    #[must_use]
    pub fn placed(self, path: &str, mode: &'static str, body: impl Into<Vec<u8>>) -> Self {
        self.with(path, Body::File(body.into(), 0o755), Some(mode))
    }

    /// Adds a symbolic link.
    #[must_use]
    pub fn symlink(self, path: &str, target: &str) -> Self {
        self.with(path, Body::Symlink(target.to_owned()), None)
    }

    /// Adds another name for a file of this package.
    #[must_use]
    pub fn hard_link(self, path: &str, target: &str) -> Self {
        self.with(path, Body::HardLink(target.to_owned()), None)
    }

    /// Says of the last file that the placeholder is in it.
    #[must_use]
    pub fn last_is_placed(mut self, mode: &'static str) -> Self {
        self.files.last_mut().expect("there is a file").placeholder = Some(mode);
        self
    }

    /// Leaves the last file out of the list of paths.
    #[must_use]
    pub fn last_is_unlisted(mut self) -> Self {
        self.files.last_mut().expect("there is a file").is_listed = false;
        self
    }

    fn with(mut self, path: &str, body: Body, placeholder: Option<&'static str>) -> Self {
        self.files.push(File { path: path.to_owned(), body, placeholder, is_listed: true });
        self
    }

    /// The folder of a channel that it belongs to.
    pub fn subdir(&self) -> &'static str {
        match (self.noarch, cfg!(target_arch = "aarch64")) {
            (Some(_), _) => "noarch",
            (None, true) => "linux-aarch64",
            (None, false) => "linux-64",
        }
    }

    /// The name of its file.
    pub fn file_name(&self, format: Format) -> String {
        format!("{}{}", self.stem(), if format == Format::Conda { ".conda" } else { ".tar.bz2" })
    }

    fn stem(&self) -> String {
        format!("{}-{}-{}", self.name, self.version, self.build)
    }

    /// Its bytes.
    pub fn bytes(&self, format: Format) -> io::Result<Vec<u8>> {
        match format {
            Format::TarBz2 => {
                let mut encoder = BzEncoder::new(Vec::new(), bzip2::Compression::fast());
                let mut archive = tar::Builder::new(&mut encoder);
                self.append_info(&mut archive)?;
                self.append_files(&mut archive)?;
                archive.into_inner()?;
                encoder.finish()
            }
            Format::Conda => {
                let stem = self.stem();
                let compressed = |fill: &dyn Fn(&mut tar::Builder<Vec<u8>>) -> io::Result<()>| {
                    let mut archive = tar::Builder::new(Vec::new());
                    fill(&mut archive)?;
                    zstd::encode_all(archive.into_inner()?.as_slice(), 3)
                };
                zip(&[
                    ("metadata.json".to_owned(), b"{\"conda_pkg_format_version\": 2}".to_vec()),
                    (format!("pkg-{stem}.tar.zst"), compressed(&|archive| self.append_files(archive))?),
                    (format!("info-{stem}.tar.zst"), compressed(&|archive| self.append_info(archive))?),
                ])
            }
        }
    }

    /// Its entry in an index.
    pub fn record(&self, bytes: &[u8]) -> Value {
        let mut record = self.index();
        let hash = Digest::of(bytes);
        record["sha256"] = hash.hex().into();
        // Nobody looks at this one any more.
        record["md5"] = hash.hex()[..32].into();
        record["size"] = bytes.len().into();
        record
    }

    fn index(&self) -> Value {
        let build_number =
            self.build.rsplit('_').next().and_then(|number| number.parse().ok()).unwrap_or(0_u64);
        let mut index = json!({
            "arch": "x86_64", "build": self.build, "build_number": build_number, "depends": self.depends,
            "license": self.license, "name": self.name, "platform": "linux", "subdir": self.subdir(),
            "timestamp": 1_700_000_000_000_u64, "version": self.version,
        });
        let fields = index.as_object_mut().expect("it is an object");
        if !self.constrains.is_empty() {
            fields.insert("constrains".to_owned(), json!(self.constrains));
        }
        if let Some(kind) = self.noarch {
            fields.insert("noarch".to_owned(), kind.into());
            fields.insert("arch".to_owned(), Value::Null);
            fields.insert("platform".to_owned(), Value::Null);
        }
        if !self.track_features.is_empty() {
            fields.insert("track_features".to_owned(), json!(self.track_features));
        }
        if let Some(path) = &self.site_packages {
            fields.insert("python_site_packages_path".to_owned(), json!(path));
        }
        index
    }

    fn paths(&self) -> Value {
        let entry = |file: &File| {
            let mut entry = json!({"_path": file.path, "path_type": "hardlink"});
            match &file.body {
                Body::File(bytes, _) => {
                    entry["sha256"] = Digest::of(bytes).hex().into();
                    entry["size_in_bytes"] = bytes.len().into();
                }
                Body::Symlink(_) => entry["path_type"] = "softlink".into(),
                Body::HardLink(_) => {}
            }
            if let Some(mode) = file.placeholder {
                entry["file_mode"] = mode.into();
                entry["prefix_placeholder"] = PLACEHOLDER.into();
            }
            entry
        };
        let listed = self.files.iter().filter(|file| file.is_listed);
        json!({"paths": listed.map(entry).collect::<Vec<_>>(), "paths_version": 1})
    }

    fn append_info<W: io::Write>(&self, archive: &mut tar::Builder<W>) -> io::Result<()> {
        let mut files = vec![
            ("info/index.json", self.index()),
            ("info/paths.json", self.paths()),
            (
                "info/about.json",
                json!({"summary": format!("The package {}", self.name), "license": self.license}),
            ),
        ];
        if self.noarch == Some("python") {
            let noarch = json!({"type": "python", "entry_points": self.entry_points});
            files.push(("info/link.json", json!({"noarch": noarch, "package_metadata_version": 1})));
        }
        for (path, text) in files {
            append(archive, path, tar::EntryType::Regular, 0o644, "", text.to_string().as_bytes())?;
        }
        Ok(())
    }

    fn append_files<W: io::Write>(&self, archive: &mut tar::Builder<W>) -> io::Result<()> {
        for File { path, body, .. } in &self.files {
            match body {
                Body::File(bytes, mode) => append(archive, path, tar::EntryType::Regular, *mode, "", bytes)?,
                Body::Symlink(target) => append(archive, path, tar::EntryType::Symlink, 0o777, target, b"")?,
                Body::HardLink(target) => append(archive, path, tar::EntryType::Link, 0o644, target, b"")?,
            }
        }
        Ok(())
    }
}

/// Writes an entry without looking at its path.
fn append<W: io::Write>(
    archive: &mut tar::Builder<W>,
    path: &str,
    kind: tar::EntryType,
    mode: u32,
    link: &str,
    body: &[u8],
) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_mtime(1_600_000_000);
    header.set_size(body.len() as u64);
    let fields = header.as_gnu_mut().expect("it was made as one");
    (&mut fields.name[..]).write_all(path.as_bytes())?;
    (&mut fields.linkname[..]).write_all(link.as_bytes())?;
    header.set_cksum();
    archive.append(&header, body)
}
