//! Writes what was planned.

use std::io::{self, Cursor, Read};
use std::sync::mpsc;
use std::thread;

use flate2::Crc;
use imagewright_layer::{Deflated, Entry, EntryKind, LayerError, LayerPath};

use super::plan::{EXECUTABLE, Step, permissions};
use super::script::{self, PLACEHOLDER};
use super::{Installed, InstalledFile, LayerSink, Plan};
use crate::wheel::WheelError;
use crate::wheel::record::{self, FileHashes, FileSums};
use crate::zip::{Member, Method, Plain, ReadAt, contents_error};

/// From which size on a file is hashed on a thread beside the one that inflates it.
const BESIDE_FROM: u64 = 4 * 1024 * 1024;
/// How many pieces of such a file may wait to be hashed.
const PIECES: usize = 16;
/// The longest line that is looked for at the start of a script.
const LONGEST_LINE: u64 = 64 * 1024;

impl<R: ReadAt> Plan<'_, R> {
    /// Writes the entries of the installed wheel to `sink`, and checks the members against `RECORD` on the way.
    pub fn write(mut self, sink: &mut dyn LayerSink) -> Result<Installed, WheelError> {
        let mut files = Vec::new();
        for step in std::mem::take(&mut self.steps) {
            match step {
                Step::Directory(path) => {
                    let entry = self.entry(path, EntryKind::Directory, EXECUTABLE);
                    self.append(sink, &entry, &mut io::empty())?;
                }
                Step::Member { member, path, is_script, row } => {
                    files.push(self.write_member(sink, member, path, is_script, row)?);
                }
                Step::Duplicate { member, row } => {
                    let mut observed = Observed::new(self.plain(member)?, self.hashes(row));
                    io::copy(&mut observed, &mut io::sink()).map_err(|error| self.damaged(member, error))?;
                    self.compare(member, row, &observed.hashes.finish())?;
                }
                Step::Made { path, mode, contents } => {
                    files.push(self.write_made(sink, path, mode, &contents)?);
                }
            }
        }
        let rows = std::mem::take(&mut self.rows);
        let record = record::write(rows)
            .map_err(|source| WheelError::Record { wheel: self.wheel.file_name.to_string(), source })?;
        let (path, mode) = self.record.clone();
        files.push(self.write_made(sink, path, mode, &record)?);
        Ok(Installed {
            name: self.wheel.file_name.name().to_owned(),
            version: self.wheel.file_name.version().clone(),
            package_url: self.wheel.package_url(),
            metadata: self.wheel.metadata.clone(),
            files,
            scripts: self.scripts,
            notes: self.wheel.notes.clone(),
        })
    }

    fn write_made(
        &self,
        sink: &mut dyn LayerSink,
        path: LayerPath,
        mode: u32,
        contents: &[u8],
    ) -> Result<InstalledFile, WheelError> {
        let entry = self.entry(path, EntryKind::File { size: contents.len() as u64 }, mode);
        self.append(sink, &entry, &mut &contents[..])?;
        let mut hashes = FileHashes::new(None);
        hashes.update(contents);
        Ok(installed(entry, &hashes.finish()))
    }

    fn write_member(
        &mut self,
        sink: &mut dyn LayerSink,
        member: &Member,
        path: LayerPath,
        is_script: bool,
        row: Option<usize>,
    ) -> Result<InstalledFile, WheelError> {
        let mode = permissions(is_script || member.is_executable());
        if is_script && self.has_placeholder(member)? {
            return self.write_script(sink, member, path, row);
        }
        let entry = self.entry(path, EntryKind::File { size: member.size() }, mode);
        let mut stored = self.wheel.archive.stored(member).map_err(|source| self.wheel.zip_error(source))?;
        let mut hashes = self.hashes(row);
        match member.method() {
            Method::Deflated => {
                let deflated = Deflated { compressed_size: member.compressed_size(), crc32: member.crc32() };
                let written = if member.size() < BESIDE_FROM {
                    sink.append_deflated(&entry, deflated, &mut stored, &mut |plain| hashes.update(plain))
                } else {
                    hash_beside(&mut hashes, |observe| {
                        sink.append_deflated(&entry, deflated, &mut stored, observe)
                    })
                };
                written.map_err(|source| self.layer_error(&entry, source))?;
            }
            Method::Stored => {
                let mut observed = Observed::new(stored, hashes);
                self.append(sink, &entry, &mut observed)?;
                if observed.crc.sum() != member.crc32() {
                    return Err(self.damaged(member, io::ErrorKind::InvalidData.into()));
                }
                hashes = observed.hashes;
            }
        }
        let sums = hashes.finish();
        self.compare(member, row, &sums)?;
        Ok(installed(entry, &sums))
    }

    /// Whether the first line of a script is to name the interpreter.
    fn has_placeholder(&self, member: &Member) -> Result<bool, WheelError> {
        let mut start = Vec::new();
        let read = self.plain(member)?.take(PLACEHOLDER.len() as u64).read_to_end(&mut start);
        read.map_err(|error| self.damaged(member, error))?;
        Ok(start == PLACEHOLDER)
    }

    /// Writes a script with another first line. The line that follows is read too, because it may have to move.
    fn write_script(
        &mut self,
        sink: &mut dyn LayerSink,
        member: &Member,
        path: LayerPath,
        row: Option<usize>,
    ) -> Result<InstalledFile, WheelError> {
        let mut original = Observed::new(self.plain(member)?, self.hashes(row));
        let mut head = Vec::new();
        let read = original.by_ref().take(2 * LONGEST_LINE).read_to_end(&mut head);
        read.map_err(|error| self.damaged(member, error))?;
        let Some(first) = line_length(&head).filter(|length| *length as u64 <= LONGEST_LINE) else {
            return Err(self.wheel.malformed(format!("the first line of `{}` does not end", member.path())));
        };
        let rest = &head[first..];
        let replacement = script::first_lines(&self.scheme.python, rest);
        let size = member.size() - first as u64 + replacement.len() as u64;
        let entry = self.entry(path, EntryKind::File { size }, EXECUTABLE);
        let body = Cursor::new(&replacement).chain(rest).chain(&mut original);
        let mut rewritten = Observed::new(body, FileHashes::new(None));
        self.append(sink, &entry, &mut rewritten)?;
        let sums = rewritten.hashes.finish();
        self.compare(member, row, &original.hashes.finish())?;
        if let Some(row) = row {
            self.rows[row].hash = Some(record::sha256_text(&sums.sha256));
            self.rows[row].size = Some(sums.size);
        }
        Ok(installed(entry, &sums))
    }

    fn entry(&self, path: LayerPath, kind: EntryKind, mode: u32) -> Entry {
        let (uid, gid) = self.scheme.owner;
        Entry { uid, gid, mtime: self.options.mtime, ..Entry::new(path, kind, mode) }
    }

    fn append(&self, sink: &mut dyn LayerSink, entry: &Entry, body: &mut dyn Read) -> Result<(), WheelError> {
        sink.append(entry, body).map_err(|source| self.layer_error(entry, source))
    }

    fn plain(&self, member: &Member) -> Result<Plain<'_, R>, WheelError> {
        self.wheel.archive.plain(member).map_err(|source| self.wheel.zip_error(source))
    }

    /// Hashes for the file of a line.
    fn hashes(&self, row: Option<usize>) -> FileHashes {
        FileHashes::new(row.and_then(|row| self.rows[row].hash.as_deref()))
    }

    /// Compares a member with the directory, whose size it must have had, and with its line.
    fn compare(&self, member: &Member, row: Option<usize>, sums: &FileSums) -> Result<(), WheelError> {
        if sums.size != member.size() {
            return Err(self.damaged(member, io::ErrorKind::InvalidData.into()));
        }
        let Some(row) = row else { return Ok(()) };
        sums.compare(&self.wheel.record.rows[row]).map_err(|difference| WheelError::Mismatch {
            wheel: self.wheel.file_name.to_string(),
            member: member.path().to_owned(),
            what: difference.what,
            found: difference.found,
            listed: difference.listed,
        })
    }

    fn damaged(&self, member: &Member, error: io::Error) -> WheelError {
        self.wheel.zip_error(contents_error(member, error))
    }

    fn layer_error(&self, entry: &Entry, source: LayerError) -> WheelError {
        let (wheel, entry) = (self.wheel.file_name.to_string(), entry.path.to_string());
        WheelError::Layer { wheel, entry, source }
    }
}

fn installed(entry: Entry, sums: &FileSums) -> InstalledFile {
    InstalledFile { path: entry.path, size: sums.size, mode: entry.mode, sha256: sums.sha256 }
}

/// Calls `write`, and hashes what it shows on a thread beside.
fn hash_beside<T>(hashes: &mut FileHashes, write: impl FnOnce(&mut dyn FnMut(&[u8])) -> T) -> T {
    let (pieces, shown) = mpsc::sync_channel::<Vec<u8>>(PIECES);
    thread::scope(|scope| {
        scope.spawn(move || shown.iter().for_each(|piece| hashes.update(&piece)));
        // The thread takes whatever comes; were it gone, the scope would say so.
        let written = write(&mut |plain| drop(pieces.send(plain.to_vec())));
        drop(pieces);
        written
    })
}

/// The length of the first line with its end; that of everything, where there is but one line.
fn line_length(text: &[u8]) -> Option<usize> {
    match text.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
        Some(end) if text[end..].starts_with(b"\r\n") => Some(end + 2),
        Some(end) => Some(end + 1),
        None => (text.len() as u64 <= LONGEST_LINE).then_some(text.len()),
    }
}

/// Hashes what is read through it.
struct Observed<T> {
    reader: T,
    hashes: FileHashes,
    crc: Crc,
}

impl<T> Observed<T> {
    fn new(reader: T, hashes: FileHashes) -> Self {
        Self { reader, hashes, crc: Crc::new() }
    }
}

impl<T: Read> Read for Observed<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.reader.read(buffer)?;
        self.hashes.update(&buffer[..length]);
        self.crc.update(&buffer[..length]);
        Ok(length)
    }
}
