//! A tar whose files are read in any order.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, SeekFrom};
use std::os::unix::fs::FileExt as _;
use std::path::{Component, Path, PathBuf};

use imagewright_layer::{LayerPath, decompress};

use super::TransferError;
use crate::files::Attempt;
use crate::progress::Meter;
use crate::{OnProgress, Store};

/// How gzip and zstd streams begin.
const COMPRESSED: [&[u8]; 2] = [&[0x1f, 0x8b], &[0x28, 0xb5, 0x2f, 0xfd]];
/// The most links that are followed from one to the next.
const LONGEST_CHAIN: usize = 8;

/// An archive of which is known what lies where. Nothing of it is unpacked.
pub(super) struct Archive {
    origin: String,
    file: File,
    members: HashMap<PathBuf, Member>,
}

enum Member {
    File { offset: u64, size: u64 },
    Link { target: PathBuf },
}

impl Archive {
    /// Opens an archive in a file. A plain one is read where it is, a compressed one is first decompressed into the
    /// store's folder for unfinished things.
    pub(super) fn open(store: &Store, path: &Path, progress: OnProgress<'_>) -> Result<Self, TransferError> {
        let origin = path.display().to_string();
        let read = |source| TransferError::Read { origin: origin.clone(), source };
        let mut file = File::open(path).map_err(read)?;
        if !file.metadata().map_err(read)?.is_file() {
            return Self::spool(store, Box::new(file), &origin, progress);
        }
        let mut magic = Vec::new();
        file.by_ref().take(4).read_to_end(&mut magic).map_err(read)?;
        file.seek(SeekFrom::Start(0)).map_err(read)?;
        match COMPRESSED.iter().any(|start| magic.starts_with(start)) {
            true => Self::spool(store, Box::new(file), &origin, progress),
            false => Self::index(origin, file),
        }
    }

    /// Takes in an archive that comes as a stream, compressed or not.
    pub(super) fn spool(
        store: &Store,
        reader: Box<dyn Read + Send>,
        origin: &str,
        progress: OnProgress<'_>,
    ) -> Result<Self, TransferError> {
        let read = |source| TransferError::Read { origin: origin.to_owned(), source };
        let mut temporary = store.layout().temporary().file()?;
        let mut plain = decompress(reader).map_err(read)?;
        let mut meter = Meter::new("reading the archive", None, progress);
        let mut buffer = vec![0; 256 << 10];
        loop {
            let length = match plain.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(read(error)),
            };
            io::Write::write_all(&mut temporary, &buffer[..length]).attempt("write", temporary.path())?;
            meter.advance(length as u64);
        }
        // Without a name the file ends with the last of its descriptors.
        let file = temporary.into_file();
        Self::index(origin.to_owned(), file)
    }

    fn index(origin: String, mut file: File) -> Result<Self, TransferError> {
        let read = |source| TransferError::Read { origin: origin.clone(), source };
        file.seek(SeekFrom::Start(0)).map_err(read)?;
        let length = file.metadata().map_err(read)?.len();
        // The system's errors have a number, those of the tar reader have not.
        let broken = |source: io::Error| match source.raw_os_error() {
            Some(_) => read(source),
            None => TransferError::NotATar { origin: origin.clone(), source: in_one_line(&source) },
        };
        let mut members = HashMap::new();
        let mut archive = tar::Archive::new(BufReader::new(&file));
        for entry in archive.entries_with_seek().map_err(&broken)? {
            let entry = entry.map_err(&broken)?;
            let shown = || String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let path = LayerPath::parse(&entry.path_bytes())
                .map_err(|_| TransferError::Escapes { origin: origin.clone(), entry: shown() })?;
            let (offset, size) = (entry.raw_file_position(), entry.size());
            let member = match (entry.header().entry_type(), entry.link_name().map_err(&broken)?) {
                (kind, _) if kind.is_file() || kind.is_contiguous() => {
                    if offset.checked_add(size).is_none_or(|end| end > length) {
                        return Err(TransferError::Truncated { origin, name: shown() });
                    }
                    Member::File { offset, size }
                }
                (kind, Some(target)) if kind.is_symlink() || kind.is_hard_link() => {
                    let from = match kind.is_symlink() {
                        true => path.as_path().parent().unwrap_or(Path::new("")),
                        false => Path::new(""),
                    };
                    let target = resolve(from, &target)
                        .ok_or_else(|| TransferError::Escapes { origin: origin.clone(), entry: shown() })?;
                    Member::Link { target }
                }
                _ => continue,
            };
            members.insert(path.as_path().to_owned(), member);
        }
        Ok(Self { origin, file, members })
    }

    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    /// A reader of a file, and its size. Links are followed.
    pub(super) fn open_file(&self, name: &str) -> Option<(Section<'_>, u64)> {
        let mut path = LayerPath::parse(name.as_bytes()).ok()?.as_path().to_owned();
        for _ in 0..LONGEST_CHAIN {
            match self.members.get(&path)? {
                Member::Link { target } => path = target.clone(),
                Member::File { offset, size } => {
                    let section = Section { file: &self.file, offset: *offset, remaining: *size };
                    return Some((section, *size));
                }
            }
        }
        None
    }
}

/// The path that a link in the folder `from` points at; none when that is outside the archive.
fn resolve(from: &Path, target: &Path) -> Option<PathBuf> {
    let mut path = from.to_owned();
    for component in target.components() {
        match component {
            Component::Normal(name) => path.push(name),
            Component::CurDir => {}
            Component::ParentDir => {
                if !path.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(path)
}

/// A part of a file. Several may be read at once.
pub(super) struct Section<'a> {
    file: &'a File,
    offset: u64,
    remaining: u64,
}

impl Read for Section<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = buffer.len().min(usize::try_from(self.remaining).unwrap_or(usize::MAX));
        if wanted == 0 {
            return Ok(0);
        }
        let length = self.file.read_at(&mut buffer[..wanted], self.offset)?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.offset += length as u64;
        self.remaining -= length as u64;
        Ok(length)
    }
}

/// What the tar reader says, without the bytes of the file that it quotes: a terminal must not see those.
fn in_one_line(error: &io::Error) -> io::Error {
    let text = error.to_string();
    let words: String = text.chars().take_while(|c| !c.is_control()).filter(char::is_ascii).collect();
    io::Error::new(error.kind(), words.trim_end_matches([':', ' ']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_stay_inside_or_are_refused() {
        let cases = [
            ("a", "../b/layer.tar", Some("b/layer.tar")),
            ("a", "layer.tar", Some("a/layer.tar")),
            ("", "./x", Some("x")),
            ("a", "../../etc/passwd", None),
            ("", "..", None),
            ("a", "/etc/passwd", None),
        ];
        for (from, target, expected) in cases {
            assert_eq!(
                resolve(Path::new(from), Path::new(target)),
                expected.map(PathBuf::from),
                "{from} {target}"
            );
        }
    }
}
