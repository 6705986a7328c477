//! The blocks of a tar that come before an entry's contents.
//!
//! ustar headers with numeric owners and no names; pax records only for what ustar cannot say (long names, large
//! numbers, extended attributes). Go's reader, GNU tar and every Docker read this.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use tar::EntryType;

use crate::header::{self, BLOCK, Fields};
use crate::pax::{self, Records};
use crate::{Entry, EntryKind, LayerError, LayerPath, whiteout};

/// The name Python's tarfile gives to pax headers; readers show it nowhere.
const PAX_NAME: &[u8] = b"././@PaxHeader";
/// Linux keeps twelve bits of major and twenty of minor numbers.
pub(crate) const HIGHEST_MAJOR: u32 = 0xfff;
pub(crate) const HIGHEST_MINOR: u32 = 0xf_ffff;
/// The longest target of a symbolic link.
pub(crate) const LONGEST_LINK: usize = 4095;

/// Everything of the entry but its contents: its header, with an extended one in front where it is needed.
pub(crate) fn encode(entry: &Entry) -> Result<Vec<u8>, LayerError> {
    let mut records = xattr_records(entry)?;
    let header = plain_header(entry, &mut records)?;
    let mut blocks = if records.is_empty() { Vec::new() } else { extended_header(entry, &records)? };
    blocks.extend_from_slice(&header);
    Ok(blocks)
}

fn extended_header(entry: &Entry, records: &Records) -> Result<Vec<u8>, LayerError> {
    let body = pax::encode(records);
    let size = body.len() as u64;
    if size > header::SPECIAL_LIMIT {
        return Err(unrepresentable(entry, "its extended attributes take more than 1 MiB"));
    }
    let fields = Fields { mode: 0o644, size, ..plain_fields(EntryType::XHeader, PAX_NAME) };
    let mut blocks = fields.encode(&mut Records::new()).to_vec();
    blocks.extend_from_slice(&body);
    blocks.resize(blocks.len().next_multiple_of(BLOCK), 0);
    Ok(blocks)
}

/// The entry's header; what ustar cannot say goes to `records`.
fn plain_header(entry: &Entry, records: &mut Records) -> Result<[u8; BLOCK], LayerError> {
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

/// The error for an entry that a tar of ours cannot say.
pub(crate) fn unrepresentable(entry: &Entry, reason: &'static str) -> LayerError {
    LayerError::Unrepresentable { entry: entry.path.to_string(), reason }
}
