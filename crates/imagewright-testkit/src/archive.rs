//! A small signed apt archive in a folder, made of packages made here: for tests without a network.
//!
//! Needs `gpg`; keys are made for one archive and live in a temporary folder.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use flate2::write::GzEncoder;
use imagewright_oci::Digest;
use tar::EntryType;
use tempfile::TempDir;

/// The time of every entry unless another is given.
pub const ENTRY_TIME: u64 = 1_700_000_000;

/// An entry of a package.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its path, written into the archive as it stands.
    pub path: String,
    /// What it is.
    pub kind: EntryType,
    /// The target of a link.
    pub target: String,
    /// Its content.
    pub body: Vec<u8>,
    /// Its permissions.
    pub mode: u32,
    /// User and group.
    pub owner: (u64, u64),
    /// Its time.
    pub mtime: u64,
}

/// A package to be made.
#[derive(Clone, Debug)]
pub struct Package {
    name: String,
    version: String,
    fields: Vec<(String, String)>,
    entries: Vec<Entry>,
    compression: Compression,
}

/// How the files of a package are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// By gzip.
    Gzip,
    /// By xz.
    Xz,
    /// By zstd.
    Zstd,
}

impl Package {
    /// A package without files.
    pub fn new(name: &str, version: &str) -> Self {
        let (name, version) = (name.to_owned(), version.to_owned());
        Self { name, version, fields: Vec::new(), entries: Vec::new(), compression: Compression::Xz }
    }

    /// Adds a field to its description.
    #[must_use]
    pub fn field(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds any entry.
    #[must_use]
    pub fn entry(mut self, entry: Entry) -> Self {
        self.entries.push(entry);
        self
    }

    /// Adds a directory.
    #[must_use]
    pub fn directory(self, path: &str) -> Self {
        self.entry(Entry { mode: 0o755, ..Entry::new(path, EntryType::Directory) })
    }

    /// Adds a file.
    #[must_use]
    pub fn file(self, path: &str, body: &str) -> Self {
        self.entry(Entry { body: body.as_bytes().to_vec(), ..Entry::new(path, EntryType::Regular) })
    }

    /// Adds a symbolic link.
    #[must_use]
    pub fn symlink(self, path: &str, target: &str) -> Self {
        self.entry(Entry { mode: 0o777, target: target.to_owned(), ..Entry::new(path, EntryType::Symlink) })
    }

    /// Compresses its files in another way than by xz.
    #[must_use]
    pub fn compressed(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    fn control(&self) -> String {
        let mut text = format!("Package: {}\nVersion: {}\nArchitecture: amd64\n", self.name, self.version);
        for (name, value) in &self.fields {
            writeln!(text, "{name}: {value}").expect("writing to a string cannot fail");
        }
        text
    }

    /// The bytes of the package.
    pub fn deb(&self) -> io::Result<Vec<u8>> {
        let control =
            Entry { body: self.control().into_bytes(), ..Entry::new("./control", EntryType::Regular) };
        let mut deb = b"!<arch>\n".to_vec();
        member(&mut deb, "debian-binary", b"2.0\n")?;
        member(&mut deb, "control.tar", &tar_of(&[control])?)?;
        let data = tar_of(&self.entries)?;
        match self.compression {
            Compression::None => member(&mut deb, "data.tar", &data)?,
            Compression::Gzip => member(&mut deb, "data.tar.gz", &gzip(&data)?)?,
            Compression::Xz => member(&mut deb, "data.tar.xz", &liblzma::encode_all(data.as_slice(), 1)?)?,
            Compression::Zstd => member(&mut deb, "data.tar.zst", &zstd::encode_all(data.as_slice(), 1)?)?,
        }
        Ok(deb)
    }
}

impl Entry {
    /// An empty entry of root.
    pub fn new(path: &str, kind: EntryType) -> Self {
        let (path, target, body) = (path.to_owned(), String::new(), Vec::new());
        Self { path, kind, target, body, mode: 0o644, owner: (0, 0), mtime: ENTRY_TIME }
    }
}

/// What an archive says about itself.
#[derive(Clone, Debug)]
pub struct ReleaseInfo {
    /// Name of the folder below `dists`.
    pub folder: String,
    /// The field `Suite`.
    pub suite: String,
    /// The field `Codename`.
    pub codename: String,
    /// The field `Valid-Until`.
    pub valid_until: Option<String>,
    /// Whether package lists lie under their digests too.
    pub by_hash: bool,
    /// The form of the package list: `.xz`, `.gz` or nothing.
    pub list_form: &'static str,
}

impl ReleaseInfo {
    /// The usual, for a suite.
    pub fn of(codename: &str) -> Self {
        Self {
            folder: codename.to_owned(),
            suite: "stable".to_owned(),
            codename: codename.to_owned(),
            valid_until: None,
            by_hash: false,
            list_form: ".xz",
        }
    }
}

/// An archive with its key.
pub struct Archive {
    folder: TempDir,
    keys: TempDir,
}

impl Archive {
    /// An archive without a suite.
    pub fn new() -> io::Result<Self> {
        let archive = Self { folder: tempfile::tempdir()?, keys: tempfile::tempdir()? };
        let user = "Test Archive <archive@mirror.example>";
        archive.gpg(&["--passphrase", "", "--quick-generate-key", user, "ed25519", "sign", "never"], b"")?;
        fs::write(archive.keyring(), archive.gpg(&["--export"], b"")?)?;
        Ok(archive)
    }

    /// The folder to serve.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The archive's address as a folder of this machine.
    pub fn url(&self) -> String {
        format!("file:{}", self.folder().display())
    }

    /// The keyring to check its signatures with.
    pub fn keyring(&self) -> PathBuf {
        self.keys.path().join("archive.gpg")
    }

    /// Adds a suite with one component `main` for amd64, or replaces it.
    pub fn publish(&self, release: &ReleaseInfo, packages: &[Package]) -> io::Result<()> {
        let mut list = String::new();
        for package in packages {
            let filename = format!("pool/{}_{}_amd64.deb", package.name, package.version.replace(':', "%3a"));
            let deb = package.deb()?;
            write(&self.folder().join(&filename), &deb)?;
            let digest = Digest::of(&deb);
            let (control, size, hex) = (package.control(), deb.len(), digest.hex());
            writeln!(list, "{control}Filename: {filename}\nSize: {size}\nSHA256: {hex}\n")
                .expect("writing to a string cannot fail");
        }
        let list = match release.list_form {
            ".xz" => liblzma::encode_all(list.as_bytes(), 1)?,
            ".gz" => gzip(list.as_bytes())?,
            _ => list.into_bytes(),
        };
        self.publish_list(release, &list)
    }

    /// Signs a package list as it stands.
    fn publish_list(&self, release: &ReleaseInfo, list: &[u8]) -> io::Result<()> {
        let folder = self.suite_folder(&release.folder);
        let digest = Digest::of(list);
        let path = format!("main/binary-amd64/Packages{}", release.list_form);
        write(&folder.join(&path), list)?;
        let mut text = format!(
            "Origin: Test\nSuite: {}\nCodename: {}\nDate: Sat, 12 Sep 2026 07:55:41 UTC\nComponents: main\n",
            release.suite, release.codename
        );
        if let Some(until) = &release.valid_until {
            writeln!(text, "Valid-Until: {until}").expect("writing to a string cannot fail");
        }
        if release.by_hash {
            text += "Acquire-By-Hash: yes\n";
            write(&folder.join("main/binary-amd64/by-hash/SHA256").join(digest.hex()), list)?;
        }
        let (hex, size) = (digest.hex(), list.len());
        writeln!(text, "SHA256:\n {hex} {size} {path}").expect("writing to a string cannot fail");
        write(&folder.join("InRelease"), &self.gpg(&["--clear-sign"], text.as_bytes())?)
    }

    /// Where the files of a suite are.
    pub fn suite_folder(&self, name: &str) -> PathBuf {
        self.folder().join("dists").join(name)
    }

    fn gpg(&self, arguments: &[&str], input: &[u8]) -> io::Result<Vec<u8>> {
        let mut gpg = Command::new("gpg")
            .args(["--batch", "--quiet", "--pinentry-mode", "loopback", "--homedir"])
            .arg(self.keys.path())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        gpg.stdin.take().expect("it is piped").write_all(input)?;
        let output = gpg.wait_with_output()?;
        if !output.status.success() {
            return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        Ok(output.stdout)
    }
}

impl Drop for Archive {
    fn drop(&mut self) {
        // gpg leaves an agent running for each home folder.
        let stopped =
            Command::new("gpgconf").arg("--homedir").arg(self.keys.path()).args(["--kill", "all"]).output();
        drop(stopped);
    }
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(path.parent().unwrap_or(path))?;
    fs::write(path, bytes)
}

fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// Appends a member of an `ar` archive.
fn member(archive: &mut Vec<u8>, name: &str, body: &[u8]) -> io::Result<()> {
    writeln!(archive, "{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`", 0, 0, 0, 100_644, body.len())?;
    archive.extend_from_slice(body);
    if body.len() % 2 == 1 {
        archive.push(b'\n');
    }
    Ok(())
}

/// A tar of entries whose paths are written as they stand, also hostile ones.
fn tar_of(entries: &[Entry]) -> io::Result<Vec<u8>> {
    let mut builder = tar::Builder::new(Vec::new());
    for entry in entries {
        let mut header = tar::Header::new_gnu();
        let fields = header.as_old_mut();
        fields.name[..entry.path.len()].copy_from_slice(entry.path.as_bytes());
        fields.linkname[..entry.target.len()].copy_from_slice(entry.target.as_bytes());
        header.set_entry_type(entry.kind);
        header.set_mode(entry.mode);
        header.set_uid(entry.owner.0);
        header.set_gid(entry.owner.1);
        header.set_mtime(entry.mtime);
        header.set_size(entry.body.len() as u64);
        header.set_cksum();
        builder.append(&header, entry.body.as_slice())?;
    }
    builder.into_inner()
}
