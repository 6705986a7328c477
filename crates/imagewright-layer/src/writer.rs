//! Writes entries as a tar that repeats to the byte.
//!
//! ustar headers with numeric owners and no names; pax records only for what ustar cannot say (long names, large
//! numbers, extended attributes). Go's reader, GNU tar and every Docker read this. The order is the caller's.

use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;

use tar::EntryType;

use crate::header::{self, BLOCK, Fields};
use crate::pax::{self, Records};
use crate::{Entry, EntryKind, LayerError, LayerPath, whiteout};

const COPY_BUFFER: usize = 64 * 1024;
const ZEROES: [u8; 2 * BLOCK] = [0; 2 * BLOCK];
/// The name Python's tarfile gives to pax headers; readers show it nowhere.
const PAX_NAME: &[u8] = b"././@PaxHeader";
/// Linux keeps twelve bits of major and twenty of minor numbers.
pub(crate) const HIGHEST_MAJOR: u32 = 0xfff;
pub(crate) const HIGHEST_MINOR: u32 = 0xf_ffff;
/// The longest target of a symbolic link.
pub(crate) const LONGEST_LINK: usize = 4095;

/// Writes the entries of a layer to a stream. After an error the stream is broken and to be thrown away.
pub struct LayerWriter<W: Write> {
    out: W,
    buffer: Box<[u8]>,
}

impl<W: Write> LayerWriter<W> {
    /// Starts a layer on `out`.
    pub fn new(out: W) -> Self {
        Self { out, buffer: vec![0; COPY_BUFFER].into() }
    }

    /// Writes one entry; `body` is read for plain files only, and must hold exactly their size.
    pub fn append(&mut self, entry: &Entry, body: &mut dyn Read) -> Result<(), LayerError> {
        let mut records = xattr_records(entry)?;
        let header = encode(entry, &mut records)?;
        if !records.is_empty() {
            self.append_records(entry, &records)?;
        }
        self.write(&header)?;
        match entry.kind {
            EntryKind::File { size } => self.append_body(entry, size, body),
            _ => Ok(()),
        }
    }

    /// Writes the end of the archive and gives the stream back.
    pub fn finish(mut self) -> Result<W, LayerError> {
        self.write(&ZEROES)?;
        self.out.flush().map_err(|source| LayerError::Write { source })?;
        Ok(self.out)
    }

    fn append_records(&mut self, entry: &Entry, records: &Records) -> Result<(), LayerError> {
        let body = pax::encode(records);
        let size = body.len() as u64;
        if size > header::SPECIAL_LIMIT {
            return Err(unrepresentable(entry, "its extended attributes take more than 1 MiB"));
        }
        let fields = Fields { mode: 0o644, size, ..plain_fields(EntryType::XHeader, PAX_NAME) };
        self.write(&fields.encode(&mut Records::new()))?;
        self.write(&body)?;
        self.pad(size)
    }

    fn append_body(&mut self, entry: &Entry, size: u64, body: &mut dyn Read) -> Result<(), LayerError> {
        let mut remaining = size;
        loop {
            // One byte more than announced is asked for, to notice a file that has grown.
            let wanted =
                self.buffer.len().min(usize::try_from(remaining.saturating_add(1)).unwrap_or(usize::MAX));
            let length = match body.read(&mut self.buffer[..wanted]) {
                Ok(length) => length as u64,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(LayerError::Body { entry: entry.path.to_string(), source }),
            };
            if length > remaining || (length == 0 && remaining > 0) {
                return Err(LayerError::BodySize { entry: entry.path.to_string(), expected: size });
            }
            if length == 0 {
                return self.pad(size);
            }
            let written = self.out.write_all(&self.buffer[..length as usize]);
            written.map_err(|source| LayerError::Write { source })?;
            remaining -= length;
        }
    }

    fn pad(&mut self, size: u64) -> Result<(), LayerError> {
        self.write(&ZEROES[..header::padding(size) as usize])
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), LayerError> {
        self.out.write_all(bytes).map_err(|source| LayerError::Write { source })
    }
}

/// The entry's header; what ustar cannot say goes to `records`.
fn encode(entry: &Entry, records: &mut Records) -> Result<[u8; BLOCK], LayerError> {
    let name = archive_name(entry)?;
    let fields = Fields {
        mode: entry.mode & 0o7777,
        uid: entry.uid.into(),
        gid: entry.gid.into(),
        mtime: entry.mtime.try_into().unwrap_or(0),
        ..plain_fields(EntryType::Regular, &name)
    };
    let fields = match &entry.kind {
        EntryKind::File { size } => Fields { size: *size, ..fields },
        EntryKind::Whiteout | EntryKind::OpaqueDirectory => fields,
        EntryKind::Directory => Fields { kind: EntryType::Directory, ..fields },
        EntryKind::Fifo => Fields { kind: EntryType::Fifo, ..fields },
        EntryKind::Symlink { target } => {
            let link = symlink_target(entry, target.as_os_str())?;
            Fields { kind: EntryType::Symlink, link, ..fields }
        }
        EntryKind::HardLink { target } => {
            let link = hard_link_target(entry, target)?;
            Fields { kind: EntryType::Link, link, ..fields }
        }
        EntryKind::CharDevice { major, minor } => {
            let device = Some(device(entry, *major, *minor)?);
            Fields { kind: EntryType::Char, device, ..fields }
        }
        EntryKind::BlockDevice { major, minor } => {
            let device = Some(device(entry, *major, *minor)?);
            Fields { kind: EntryType::Block, device, ..fields }
        }
    };
    Ok(fields.encode(records))
}

fn plain_fields(kind: EntryType, name: &[u8]) -> Fields<'_> {
    Fields { kind, name, link: &[], mode: 0, uid: 0, gid: 0, size: 0, mtime: 0, device: None }
}

fn archive_name(entry: &Entry) -> Result<Vec<u8>, LayerError> {
    let path = &entry.path;
    if whiteout::is_reserved(path) {
        return Err(unrepresentable(entry, "names that begin with `.wh.` stand for removals"));
    }
    match entry.kind {
        EntryKind::OpaqueDirectory => Ok(whiteout::opaque_name(path)),
        EntryKind::Whiteout => {
            whiteout::whiteout_name(path).ok_or_else(|| unrepresentable(entry, "the root cannot be removed"))
        }
        EntryKind::Directory if path.is_root() => Ok(b"./".to_vec()),
        EntryKind::Directory => Ok([path.as_bytes(), b"/"].concat()),
        _ if path.is_root() => Err(unrepresentable(entry, "the root is a directory")),
        _ => Ok(path.as_bytes().to_vec()),
    }
}

fn symlink_target<'a>(entry: &Entry, target: &'a OsStr) -> Result<&'a [u8], LayerError> {
    let bytes = target.as_bytes();
    if bytes.is_empty() || bytes.contains(&0) || bytes.len() > LONGEST_LINK {
        Err(unrepresentable(entry, "its target is not one a symbolic link can have"))
    } else {
        Ok(bytes)
    }
}

fn hard_link_target<'a>(entry: &Entry, target: &'a LayerPath) -> Result<&'a [u8], LayerError> {
    if target.is_root() || whiteout::is_reserved(target) {
        Err(unrepresentable(entry, "its target is not one a hard link can have"))
    } else {
        Ok(target.as_bytes())
    }
}

fn device(entry: &Entry, major: u32, minor: u32) -> Result<(u32, u32), LayerError> {
    if major > HIGHEST_MAJOR || minor > HIGHEST_MINOR {
        Err(unrepresentable(entry, "its device number is beyond Linux's"))
    } else {
        Ok((major, minor))
    }
}

fn xattr_records(entry: &Entry) -> Result<Records, LayerError> {
    let record = |(name, value): (&std::ffi::OsString, &Vec<u8>)| {
        let name = name.as_bytes();
        if name.is_empty() || name.iter().any(|byte| matches!(byte, b'=' | 0)) {
            Err(unrepresentable(entry, "the name of an extended attribute has a `=` in it"))
        } else {
            Ok(([pax::XATTR, name].concat(), value.clone()))
        }
    };
    entry.xattrs.iter().map(record).collect()
}

fn unrepresentable(entry: &Entry, reason: &'static str) -> LayerError {
    LayerError::Unrepresentable { entry: entry.path.to_string(), reason }
}
