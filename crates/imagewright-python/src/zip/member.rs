//! Members as the central directory lists them.

use std::io::{self, BufReader, Read};

use super::ending::DirectoryRange;
use super::read_at::Section;
use super::{ReadAt, ZipError, fields, name};

const ENTRY: usize = 46;
const UNIX: u8 = 3;
/// Flags: encrypted, with a descriptor behind the contents, a patch, strongly encrypted, UTF-8, masked header.
const ENCRYPTED: u16 = 1 | 1 << 6 | 1 << 13;
pub(super) const DESCRIPTOR: u16 = 1 << 3;
const PATCH: u16 = 1 << 5;
const UTF_8: u16 = 1 << 11;
/// Extra fields: 64-bit numbers, and a second name.
const ZIP_64: u16 = 1;
const UNICODE_PATH: u16 = 0x7075;

/// How a member's bytes are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// As they are.
    Stored,
    /// As a raw deflate stream.
    Deflated,
}

/// A file or folder of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub(super) name: Box<str>,
    /// The name's bytes, where they are not UTF-8.
    raw_name: Option<Box<[u8]>>,
    /// The path, where it is not the name without its last slash. A directory can be large, so nothing is kept twice.
    path: Option<Box<str>>,
    pub(super) flags: u16,
    pub(super) method: Method,
    pub(super) crc32: u32,
    pub(super) compressed_size: u64,
    pub(super) size: u64,
    pub(super) offset: u64,
    pub(super) unix_mode: Option<u16>,
}

impl Member {
    /// The name as it stands in the archive.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The path the name means: relative, with `/` between names, and never out of the folder it is unpacked to.
    pub fn path(&self) -> &str {
        self.path.as_deref().unwrap_or_else(|| without_slash(&self.name))
    }

    pub(super) fn raw_name(&self) -> &[u8] {
        self.raw_name.as_deref().unwrap_or(self.name.as_bytes())
    }

    /// Whether it is a folder. A symbolic link is none: its target is the contents of a file, as it is to uv.
    pub fn is_directory(&self) -> bool {
        self.name.ends_with('/')
    }

    /// How its bytes are kept.
    pub fn method(&self) -> Method {
        self.method
    }

    /// The CRC-32 of its contents.
    pub fn crc32(&self) -> u32 {
        self.crc32
    }

    /// The number of bytes it takes in the archive.
    pub fn compressed_size(&self) -> u64 {
        self.compressed_size
    }

    /// The number of bytes of its contents.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Type and permissions, where a Unix wrote the archive.
    pub fn unix_mode(&self) -> Option<u16> {
        self.unix_mode
    }

    /// Whether anybody may execute it.
    pub fn is_executable(&self) -> bool {
        self.unix_mode.is_some_and(|mode| mode & 0o111 != 0)
    }
}

/// Reads the whole directory, in its order.
pub(super) fn read_directory<R: ReadAt + ?Sized>(
    source: &R,
    range: DirectoryRange,
) -> Result<Vec<Member>, ZipError> {
    let mut directory = BufReader::new(Section::new(source, range.offset, range.end));
    let mut members = Vec::new();
    for _ in 0..range.members {
        members.push(read_member(&mut directory)?);
    }
    match directory.read(&mut [0]) {
        Ok(0) => Ok(members),
        Ok(_) => Err(ZipError::Directory { reason: "it has more members than it says" }),
        Err(source) => Err(ZipError::Read { source }),
    }
}

fn read_member(directory: &mut impl Read) -> Result<Member, ZipError> {
    let mut entry = [0; ENTRY];
    fill(directory, &mut entry)?;
    if !entry.starts_with(b"PK\x01\x02") {
        return Err(ZipError::Directory { reason: "an entry does not begin like one" });
    }
    let mut variable = |at| {
        let mut bytes = vec![0; fields::u16(&entry, at).into()];
        fill(directory, &mut bytes).map(|()| bytes)
    };
    let (raw_name, extra, _comment) = (variable(28)?, variable(30)?, variable(32)?);
    let flags = fields::u16(&entry, 8);
    let name = name::decode(&raw_name, flags & UTF_8 != 0)?;
    let path = name::safe_path(&name)?;
    let from_unix = entry[5] == UNIX;
    let mut member = Member {
        method: method(&name, flags, fields::u16(&entry, 10))?,
        raw_name: (raw_name != name.as_bytes()).then(|| raw_name.into()),
        path: (path != without_slash(&name)).then(|| path.into()),
        name: name.into(),
        flags,
        crc32: fields::u32(&entry, 16),
        compressed_size: fields::u32(&entry, 20).into(),
        size: fields::u32(&entry, 24).into(),
        offset: fields::u32(&entry, 42).into(),
        unix_mode: from_unix.then(|| fields::u16(&entry, 40)),
    };
    let disk = apply_extra(&mut member, &extra, fields::u16(&entry, 34))?;
    if disk != 0 {
        return Err(ZipError::MultiDisk);
    }
    check_sizes(&member)?;
    Ok(member)
}

fn without_slash(name: &str) -> &str {
    name.strip_suffix('/').unwrap_or(name)
}

fn fill(directory: &mut impl Read, buffer: &mut [u8]) -> Result<(), ZipError> {
    directory.read_exact(buffer).map_err(|source| match source.kind() {
        io::ErrorKind::UnexpectedEof => ZipError::Directory { reason: "it ends within an entry" },
        _ => ZipError::Read { source },
    })
}

fn method(name: &str, flags: u16, method: u16) -> Result<Method, ZipError> {
    let member = name.to_owned();
    if flags & ENCRYPTED != 0 {
        return Err(ZipError::Encrypted { member });
    }
    match method {
        _ if flags & PATCH != 0 => {
            Err(ZipError::Contents { member, reason: "they are a patch for another file" })
        }
        0 => Ok(Method::Stored),
        8 => Ok(Method::Deflated),
        method => Err(ZipError::Method { member, method }),
    }
}

/// The extra fields of an entry, or nothing where they are cut short.
pub(super) fn extra_fields(mut extra: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (header, rest) = extra.split_at_checked(4)?;
        let (body, rest) = rest.split_at_checked(fields::u16(header, 2).into())?;
        extra = rest;
        Some((fields::u16(header, 0), body))
    })
}

/// Replaces numbers that need 64 bits by those in the extra fields; gives the number of the disk.
fn apply_extra(member: &mut Member, extra: &[u8], disk: u16) -> Result<u32, ZipError> {
    let mut disk = if disk == u16::MAX { u32::MAX } else { disk.into() };
    let mut large = None;
    for (kind, body) in extra_fields(extra) {
        match kind {
            ZIP_64 if large.is_none() => large = Some(body),
            ZIP_64 => return Err(differs(member, "numbers")),
            // Version, CRC-32 of the other name, name. Readers differ in which of the two they believe.
            UNICODE_PATH if body.get(5..) != Some(member.raw_name()) => {
                return Err(differs(member, "a second name"));
            }
            _ => {}
        }
    }
    let mut large = large.unwrap_or_default();
    for value in [&mut member.size, &mut member.compressed_size, &mut member.offset] {
        if *value == u64::from(u32::MAX)
            && let Some((number, rest)) = large.split_at_checked(8)
        {
            *value = fields::u64(number, 0);
            large = rest;
        }
    }
    if disk == u32::MAX && large.len() >= 4 {
        disk = fields::u32(large, 0);
    }
    Ok(disk)
}

fn differs(member: &Member, field: &'static str) -> ZipError {
    ZipError::Header { member: member.name.to_string(), field }
}

fn check_sizes(member: &Member) -> Result<(), ZipError> {
    let wrong = |reason| Err(ZipError::Contents { member: member.name.to_string(), reason });
    if member.is_directory() && (member.size != 0 || member.crc32 != 0) {
        return wrong("it is a folder");
    }
    if member.method == Method::Stored && member.size != member.compressed_size {
        return wrong("they are stored and have two sizes");
    }
    if member.offset.checked_add(member.compressed_size).is_none() {
        return wrong("they reach beyond the archive's end");
    }
    Ok(())
}
