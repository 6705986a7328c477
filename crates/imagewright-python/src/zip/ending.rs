//! The end of an archive, which says where its directory is.

use super::read_at::Section;
use super::{ReadAt, ZipError, fields};

use std::io::Read;

/// The fixed part of the end record, and the longest comment behind it.
const END: usize = 22;
const LONGEST_COMMENT: u64 = u16::MAX as u64;
/// The records of zip64 in front of it.
const LOCATOR: u64 = 20;
const END_64: u64 = 56;

/// The most members, and the largest directory, that are read: a guard against archives made to exhaust memory.
const MOST_MEMBERS: u64 = 1_000_000;
const LARGEST_DIRECTORY: u64 = 256 * 1024 * 1024;
/// The fixed part of each entry of the directory.
const SMALLEST_ENTRY: u64 = 46;

/// Where the central directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DirectoryRange {
    pub(super) offset: u64,
    pub(super) end: u64,
    pub(super) members: u64,
}

/// What an end record, of either size, says.
struct Claims {
    disks: [u64; 2],
    members_here: u64,
    members: u64,
    size: u64,
    offset: u64,
}

/// Finds the directory; reads no more than the archive's last 64 KiB and a few bytes before them.
pub(super) fn locate<R: ReadAt + ?Sized>(source: &R) -> Result<DirectoryRange, ZipError> {
    let tail = read_tail(source)?;
    let start = source.size() - tail.len() as u64;
    let position = find_end(&tail).ok_or(ZipError::NotAnArchive)?;
    let record = &tail[position..];
    let comment = &record[END..];
    // Another archive hidden in the comment would have such bytes in its records; text does not.
    if comment.iter().any(|byte| (1..=8).contains(byte)) {
        return Err(ZipError::Directory { reason: "its comment is not text" });
    }
    let claims = Claims {
        disks: [fields::u16(record, 4).into(), fields::u16(record, 6).into()],
        members_here: fields::u16(record, 8).into(),
        members: fields::u16(record, 10).into(),
        size: fields::u32(record, 12).into(),
        offset: fields::u32(record, 16).into(),
    };
    let at = start + position as u64;
    let (claims, at) = match find_zip64(source, at)? {
        Some((large, at_64)) => (larger(&claims, large)?, at_64),
        None => (claims, at),
    };
    check(&claims, at)
}

fn read_tail<R: ReadAt + ?Sized>(source: &R) -> Result<Vec<u8>, ZipError> {
    let size = source.size();
    let length = size.min(END as u64 + LONGEST_COMMENT);
    read(source, size - length, length)
}

fn read<R: ReadAt + ?Sized>(source: &R, offset: u64, length: u64) -> Result<Vec<u8>, ZipError> {
    let mut bytes = Vec::new();
    let read = Section::new(source, offset, offset + length).read_to_end(&mut bytes);
    read.map_err(|source| ZipError::Read { source })?;
    Ok(bytes)
}

/// The last place where an end record stands whose comment reaches to the end, or to zeroes that some tools append.
fn find_end(tail: &[u8]) -> Option<usize> {
    let last = tail.len().checked_sub(END)?;
    (0..=last).rev().find(|&position| {
        let record = &tail[position..];
        record.starts_with(b"PK\x05\x06")
            && END
                .checked_add(fields::u16(record, 20).into())
                .and_then(|end| record.get(end..))
                .is_some_and(|rest| rest.iter().all(|byte| *byte == 0))
    })
}

/// The zip64 end record in front of the end record at `end`, and where it stands.
fn find_zip64<R: ReadAt + ?Sized>(source: &R, end: u64) -> Result<Option<(Claims, u64)>, ZipError> {
    let Some(at) = end.checked_sub(LOCATOR + END_64) else { return Ok(None) };
    let bytes = read(source, at, LOCATOR + END_64)?;
    let (record, locator) = bytes.split_at(END_64 as usize);
    if !locator.starts_with(b"PK\x06\x07") {
        return Ok(None);
    }
    if fields::u32(locator, 4) != 0 || fields::u32(locator, 16) > 1 {
        return Err(ZipError::MultiDisk);
    }
    // With its extensible part used, the record would stand further ahead.
    if fields::u64(locator, 8) != at
        || !record.starts_with(b"PK\x06\x06")
        || fields::u64(record, 4) != END_64 - 12
    {
        return Err(ZipError::Directory { reason: "its zip64 record is not in front of its end" });
    }
    let claims = Claims {
        disks: [fields::u32(record, 16).into(), fields::u32(record, 20).into()],
        members_here: fields::u64(record, 24),
        members: fields::u64(record, 32),
        size: fields::u64(record, 40),
        offset: fields::u64(record, 48),
    };
    Ok(Some((claims, at)))
}

/// The zip64 record's claims, where the small record agrees or leaves the matter to it.
fn larger(small: &Claims, large: Claims) -> Result<Claims, ZipError> {
    let agrees = |small: u64, large: u64, limit: u64| small == limit || small == large;
    let (limit_16, limit_32) = (u16::MAX.into(), u32::MAX.into());
    if agrees(small.members, large.members, limit_16)
        && agrees(small.members_here, large.members_here, limit_16)
        && agrees(small.size, large.size, limit_32)
        && agrees(small.offset, large.offset, limit_32)
    {
        Ok(large)
    } else {
        Err(ZipError::Directory { reason: "its two end records disagree" })
    }
}

/// Whether the directory ends at `end`, where the first of the end records stands.
fn check(claims: &Claims, end: u64) -> Result<DirectoryRange, ZipError> {
    let &Claims { disks, members_here, members, size, offset } = claims;
    if disks != [0, 0] || members_here != members {
        return Err(ZipError::MultiDisk);
    }
    if members > MOST_MEMBERS || size > LARGEST_DIRECTORY {
        return Err(ZipError::TooLarge { members, bytes: size });
    }
    if offset.checked_add(size) != Some(end) {
        return Err(ZipError::Directory { reason: "it is not where the archive's end says" });
    }
    if members * SMALLEST_ENTRY > size {
        return Err(ZipError::Directory { reason: "it is too small for its members" });
    }
    Ok(DirectoryRange { offset, end, members })
}
