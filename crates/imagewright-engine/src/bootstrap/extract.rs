//! The files of all packages in one tree, before any of them is configured.
//!
//! Packages are decompressed on all cores and written by one thread in one order, so that the tree does not depend
//! on who was faster. Extended attributes are not read: dpkg knows none, and packages set theirs when configured.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::num::NonZero;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;

use tar::EntryType;

use super::tree::{Attributes, Tree, TreeError, inside};
use super::{BootstrapError, Solution, deb};

/// Decompressed bytes travel in pieces of this size …
const PIECE_SIZE: usize = 256 * 1024;
/// … and so many of them may wait for the writer, for each package that is open.
const PIECES: usize = 64;

/// The package whose files come before all others.
const FIRST: &str = "base-files";

/// What was extracted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extracted {
    /// The newest time of an entry of any package, in seconds since 1970: the age of the root.
    pub newest_mtime: i64,
    /// How many entries were written.
    pub entries: u64,
}

/// Extracts the packages of a solution below `target` and makes what dpkg and apt must find there: the links of a
/// merged `/usr`, an empty package database, the apt sources. `debs` are the files of the packages in the
/// solution's order. Nothing is written outside of `target`, whatever a package holds.
pub fn extract(solution: &Solution, debs: &[PathBuf], target: &Path) -> Result<Extracted, BootstrapError> {
    let mut order: Vec<(&str, &Path)> = solution
        .packages
        .iter()
        .zip(debs)
        .map(|(package, deb)| (package.name.as_str(), deb.as_path()))
        .collect();
    order.sort_by_key(|(name, _)| *name != FIRST);

    let in_tree = |source| BootstrapError::Tree { path: target.to_owned(), source };
    let mut writer = Writer { tree: Tree::open(target).map_err(in_tree)?, newest_mtime: 0, entries: 0 };
    let merged = match order.first() {
        Some((FIRST, deb)) => brings_merged_usr(deb).map_err(|error| in_package(FIRST, error))?,
        _ => false,
    };
    let links = if merged { &[] } else { merged_links(&solution.architecture) };
    for name in links {
        writer.merge(name).map_err(in_tree)?;
    }
    write_all(&order, &mut writer)?;
    writer.finish(solution, links).map_err(in_tree)
}

fn in_package(name: &str, error: io::Error) -> BootstrapError {
    BootstrapError::Package { package: name.to_owned(), source: error }
}

/// Decompresses on all cores, writes in order.
fn write_all(order: &[(&str, &Path)], writer: &mut Writer) -> Result<(), BootstrapError> {
    let (senders, receivers): (Vec<_>, Vec<_>) = order.iter().map(|_| mpsc::sync_channel(PIECES)).unzip();
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(number) =
            Some(next.fetch_add(1, Ordering::Relaxed)).filter(|number| *number < order.len())
        {
            decompress(order[number].1, &senders[number]);
        }
    };
    let workers = thread::available_parallelism().map_or(1, NonZero::get).min(order.len());
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(work);
        }
        // Receivers that are dropped early, after an error, end the workers.
        for ((name, _), pieces) in order.iter().zip(receivers) {
            let stream = PieceReader { pieces, piece: Vec::new(), position: 0 };
            writer.package(stream).map_err(|error| match error {
                TreeError::Archive { source } => in_package(name, source),
                source => BootstrapError::Extract { package: (*name).to_owned(), source },
            })?;
        }
        Ok(())
    })
}

/// A piece of a package's files; an empty one is the end.
type Piece = io::Result<Vec<u8>>;

/// Sends a package's files piece by piece, until the end, an error, or nobody listens.
fn decompress(deb: &Path, pieces: &SyncSender<Piece>) {
    let mut stream = match File::open(deb).and_then(deb::data_tar) {
        Ok(stream) => stream,
        Err(error) => return drop(pieces.send(Err(error))),
    };
    loop {
        let mut piece = Vec::with_capacity(PIECE_SIZE);
        let read = stream.by_ref().take(PIECE_SIZE as u64).read_to_end(&mut piece);
        let at_end = read.as_ref().map_or(true, |count| *count == 0);
        if pieces.send(read.map(|_| piece)).is_err() || at_end {
            return;
        }
    }
}

/// Reads what [`decompress`] sends.
struct PieceReader {
    pieces: Receiver<Piece>,
    piece: Vec<u8>,
    position: usize,
}

impl Read for PieceReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position == self.piece.len() {
            // After the end nothing is sent any more.
            self.piece = self.pieces.recv().unwrap_or(Ok(Vec::new()))?;
            self.position = 0;
        }
        let count = buffer.len().min(self.piece.len() - self.position);
        buffer[..count].copy_from_slice(&self.piece[self.position..self.position + count]);
        self.position += count;
        Ok(count)
    }
}

struct Writer {
    tree: Tree,
    newest_mtime: i64,
    entries: u64,
}

impl Writer {
    fn package(&mut self, mut stream: PieceReader) -> Result<(), TreeError> {
        let unreadable = |source| TreeError::Archive { source };
        let mut archive = tar::Archive::new(&mut stream);
        for entry in archive.entries().map_err(unreadable)? {
            self.entry(&mut entry.map_err(unreadable)?)?;
        }
        // The checksum of the compressed stream stands at its end.
        io::copy(&mut stream, &mut io::sink()).map_err(unreadable)?;
        Ok(())
    }

    fn entry(&mut self, entry: &mut tar::Entry<'_, impl Read>) -> Result<(), TreeError> {
        let path = inside(&entry.path_bytes())?;
        let attributes = attributes(entry.header()).map_err(|source| TreeError::Archive { source })?;
        self.newest_mtime = self.newest_mtime.max(attributes.mtime);
        self.entries += 1;
        let target = |entry: &tar::Entry<'_, _>| entry.link_name_bytes().unwrap_or_default().into_owned();
        match entry.header().entry_type() {
            EntryType::Directory => self.tree.directory(&path, attributes),
            EntryType::Regular | EntryType::Continuous => self.tree.file(&path, attributes, entry),
            EntryType::Symlink => self.tree.symlink(&path, OsStr::from_bytes(&target(entry)), attributes),
            EntryType::Link => self.tree.hard_link(&path, &inside(&target(entry))?),
            EntryType::Char | EntryType::Block => Err(TreeError::Unsupported { path, kind: "device" }),
            EntryType::Fifo => Err(TreeError::Unsupported { path, kind: "named pipe" }),
            _ => Err(TreeError::Unsupported { path, kind: "thing of an unknown kind" }),
        }
    }

    /// Makes `/NAME` a link to `/usr/NAME`. Its time is set in the end.
    fn merge(&mut self, name: &str) -> Result<(), TreeError> {
        let folder = Path::new("usr").join(name);
        self.tree.directory(&folder, Attributes::of_root(0o755, 0))?;
        self.tree.symlink(Path::new(name), folder.as_os_str(), Attributes::of_root(0o777, 0))
    }

    fn finish(mut self, solution: &Solution, links: &[&str]) -> Result<Extracted, TreeError> {
        let newest_mtime = self.newest_mtime;
        for name in links {
            let target = Path::new("usr").join(name);
            self.tree.symlink(
                Path::new(name),
                target.as_os_str(),
                Attributes::of_root(0o777, newest_mtime),
            )?;
        }
        let mut file = |path: &str, text: String| {
            let attributes = Attributes::of_root(0o644, newest_mtime);
            self.tree.file(Path::new(path), attributes, &mut text.as_bytes())
        };
        file("var/lib/dpkg/status", String::new())?;
        file("var/lib/dpkg/available", String::new())?;
        if !solution.image_sources.is_empty() {
            let name = format!("etc/apt/sources.list.d/{}.sources", solution.distribution);
            file(&name, solution.image_sources.clone())?;
        }
        self.tree.finish(Attributes::of_root(0o755, newest_mtime))?;
        Ok(Extracted { newest_mtime, entries: self.entries })
    }
}

fn attributes(header: &tar::Header) -> io::Result<Attributes> {
    // Names of owners are not looked at: the numbers are Debian's fixed ones, and the host's do not matter.
    let id =
        |number: u64| u32::try_from(number).map_err(|_| io::Error::other("an owner's number is too large"));
    Ok(Attributes {
        mode: header.mode()?,
        uid: id(header.uid()?)?,
        gid: id(header.gid()?)?,
        mtime: i64::try_from(header.mtime()?).map_err(|_| io::Error::other("a time is too far away"))?,
    })
}

/// The folders that are links into `/usr` in every suite of today; newer base-files brings them itself. The two
/// for other architectures are what installers of older suites made.
fn merged_links(architecture: &str) -> &'static [&'static str] {
    match architecture {
        "amd64" => &["bin", "lib", "lib32", "lib64", "libx32", "sbin"],
        _ => &["bin", "lib", "sbin"],
    }
}

fn brings_merged_usr(deb: &Path) -> io::Result<bool> {
    let mut archive = tar::Archive::new(deb::data_tar(File::open(deb)?)?);
    let mut links = HashSet::new();
    for entry in archive.entries()? {
        let entry = entry?;
        if entry.header().entry_type() == EntryType::Symlink {
            links.insert(entry.path_bytes().into_owned());
        }
    }
    Ok(["./bin", "bin"].iter().any(|name| links.contains(name.as_bytes())))
}
