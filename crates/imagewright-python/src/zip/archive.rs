//! An archive: its members, in order and by path, and their contents.

use std::cmp::Ordering;
use std::io::{self, BufReader, Read};

use flate2::Crc;
use flate2::bufread::DeflateDecoder;

use super::read_at::Section;
use super::{Member, Method, ReadAt, ZipError, ending, fields, member};

const LOCAL_HEADER: usize = 30;
/// How large a descriptor behind a member's contents can be: with or without signature, with small or large numbers.
const DESCRIPTOR_SIZES: [u64; 4] = [12, 16, 20, 24];

/// A zip archive. Opening it reads the directory at its end; everything else is read when asked for.
#[derive(Debug)]
pub struct Archive<R> {
    source: R,
    members: Vec<Member>,
    /// Positions of the members in the order of their paths; those of equal ones in that of their contents.
    by_path: Vec<usize>,
    /// Where the contents of the archive end and its directory begins.
    directory: u64,
}

impl<R: ReadAt> Archive<R> {
    /// Reads the directory and checks what can be checked without looking at the members.
    pub fn open(source: R) -> Result<Self, ZipError> {
        let range = ending::locate(&source)?;
        let mut members = member::read_directory(&source, range)?;
        members.sort_by_key(|member| member.offset);
        check_layout(&members, range.offset)?;
        let by_path = index(&members)?;
        Ok(Self { source, members, by_path, directory: range.offset })
    }

    /// The bytes that the archive is read from.
    pub fn source(&self) -> &R {
        &self.source
    }

    /// The members in the order in which their contents lie in the archive.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The member with a path; the first where several are equal.
    pub fn member(&self, path: &str) -> Option<&Member> {
        find(&self.members, &self.by_path, path)
    }

    /// The bytes of a member as they are stored: a raw deflate stream, or the contents themselves.
    pub fn stored<'a>(&'a self, member: &Member) -> Result<Stored<'a, R>, ZipError> {
        let start = self.read_local_header(member)?;
        let end = start.checked_add(member.compressed_size).filter(|&end| self.ends_well(member, end));
        let end = end.ok_or_else(|| ZipError::Layout { member: member.name.to_string() })?;
        Ok(Stored(Section::new(&self.source, start, end)))
    }

    /// The contents of a member. Reading to the end checks their size and CRC-32.
    pub fn plain<'a>(&'a self, member: &Member) -> Result<Plain<'a, R>, ZipError> {
        let stored = BufReader::new(self.stored(member)?);
        let body = match member.method {
            Method::Stored => Body::Stored(stored),
            Method::Deflated => Body::Deflated(DeflateDecoder::new(stored)),
        };
        Ok(Plain { body, remaining: member.size, crc: Crc::new(), crc32: member.crc32 })
    }

    /// The contents of a small member as a whole; one of more than `limit` bytes is refused.
    pub fn small(&self, member: &Member, limit: u64) -> Result<Vec<u8>, ZipError> {
        if member.size > limit {
            let reason = "they are larger than such a file may be";
            return Err(ZipError::Contents { member: member.name.to_string(), reason });
        }
        let mut contents = Vec::new();
        self.plain(member)?.read_to_end(&mut contents).map_err(|source| contents_error(member, source))?;
        Ok(contents)
    }

    /// Checks a member's own header, and gives the offset of what follows it.
    fn read_local_header(&self, member: &Member) -> Result<u64, ZipError> {
        let differs = |field| ZipError::Header { member: member.name.to_string(), field };
        let mut header = [0; LOCAL_HEADER];
        self.read(member.offset, &mut header)?;
        if !header.starts_with(b"PK\x03\x04") {
            return Err(differs("a header"));
        }
        let (name, extra) = (fields::u16(&header, 26), fields::u16(&header, 28));
        let mut rest = vec![0; usize::from(name) + usize::from(extra)];
        self.read(member.offset + LOCAL_HEADER as u64, &mut rest)?;
        let (name, extra) = rest.split_at(name.into());
        let method = match member.method {
            Method::Stored => 0,
            Method::Deflated => 8,
        };
        if name != member.raw_name() {
            Err(differs("a name"))
        } else if fields::u16(&header, 6) != member.flags {
            Err(differs("flags"))
        } else if fields::u16(&header, 8) != method {
            Err(differs("a method"))
        } else if !member.has_descriptor() && !sizes_agree(member, &header, extra) {
            Err(differs("a size or CRC"))
        } else {
            Ok(member.offset + (LOCAL_HEADER + rest.len()) as u64)
        }
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ZipError> {
        let end = offset.saturating_add(buffer.len() as u64);
        let read = Section::new(&self.source, offset, end).read_exact(buffer);
        read.map_err(|source| ZipError::Read { source })
    }

    /// Whether nothing but a descriptor is between `end` and what follows in the archive.
    fn ends_well(&self, member: &Member, end: u64) -> bool {
        let following = self.members.partition_point(|other| other.offset <= member.offset);
        let next = self.members.get(following).map_or(self.directory, |next| next.offset);
        match next.checked_sub(end) {
            Some(gap) if member.has_descriptor() => DESCRIPTOR_SIZES.contains(&gap),
            gap => gap == Some(0),
        }
    }
}

impl Member {
    fn has_descriptor(&self) -> bool {
        self.flags & member::DESCRIPTOR != 0
    }
}

/// Whether the header says the sizes and the CRC-32 that the directory says.
fn sizes_agree(member: &Member, header: &[u8], extra: &[u8]) -> bool {
    let mut large =
        member::extra_fields(extra).find(|(kind, _)| *kind == 1).map_or(&[][..], |(_, body)| body);
    let mut number = |at| {
        let small = fields::u32(header, at);
        match large.split_at_checked(8) {
            Some((first, rest)) if small == u32::MAX => {
                large = rest;
                fields::u64(first, 0)
            }
            _ => small.into(),
        }
    };
    let (size, compressed_size) = (number(22), number(18));
    size == member.size
        && compressed_size == member.compressed_size
        && fields::u32(header, 14) == member.crc32
}

/// Checks that the members fill the archive from its start and none begins within another.
fn check_layout(members: &[Member], directory: u64) -> Result<(), ZipError> {
    if members.first().map_or(directory, |first| first.offset) != 0 {
        return Err(ZipError::Directory { reason: "there is something in front of the first member" });
    }
    let starts = members.iter().skip(1).map(|member| member.offset).chain([directory]);
    for (member, next) in members.iter().zip(starts) {
        let least = (LOCAL_HEADER + member.raw_name().len()) as u64;
        let end = member.offset.checked_add(least).and_then(|end| end.checked_add(member.compressed_size));
        if end.is_none_or(|end| end > next) {
            return Err(ZipError::Layout { member: member.name.to_string() });
        }
    }
    Ok(())
}

/// The order of the members by path. Equal ones may be among them; whoever unpacks them compares their contents.
fn index(members: &[Member]) -> Result<Vec<usize>, ZipError> {
    let mut by_path: Vec<usize> = (0..members.len()).collect();
    by_path.sort_by(|&one, &other| by_names(members[one].path(), members[other].path()));
    for pair in by_path.windows(2) {
        let [first, second] = [&members[pair[0]], &members[pair[1]]];
        if first.path() == second.path() && !same_contents(first, second) {
            return Err(ZipError::Duplicate { member: second.name.to_string() });
        }
        // What lies in a folder follows it at once.
        let inside = second.path().strip_prefix(first.path()).is_some_and(|rest| rest.starts_with('/'));
        if inside && !first.is_directory() {
            let (file, inside) = (first.name.to_string(), second.name.to_string());
            return Err(ZipError::InsideFile { file, inside });
        }
    }
    Ok(by_path)
}

/// The order of paths name by name, in which a folder stands directly in front of what it holds.
fn by_names(one: &str, other: &str) -> Ordering {
    one.split('/').cmp(other.split('/'))
}

fn find<'a>(members: &'a [Member], by_path: &[usize], path: &str) -> Option<&'a Member> {
    let first = by_path.partition_point(|&position| by_names(members[position].path(), path).is_lt());
    by_path.get(first).map(|&position| &members[position]).filter(|member| member.path() == path)
}

fn same_contents(first: &Member, second: &Member) -> bool {
    let described =
        |member: &Member| (member.is_directory(), member.size, member.crc32, member.is_executable());
    described(first) == described(second)
}

/// The error of a member whose contents could not be read.
pub(crate) fn contents_error(member: &Member, source: io::Error) -> ZipError {
    match source.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => ZipError::Contents {
            member: member.name.to_string(),
            reason: "size, CRC or compression is wrong",
        },
        _ => ZipError::Read { source },
    }
}

/// The bytes of a member as they are stored.
pub struct Stored<'a, R>(Section<'a, R>);

impl<R: ReadAt> Read for Stored<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

/// The contents of a member.
pub struct Plain<'a, R> {
    body: Body<'a, R>,
    remaining: u64,
    crc: Crc,
    crc32: u32,
}

enum Body<'a, R> {
    Stored(BufReader<Stored<'a, R>>),
    Deflated(DeflateDecoder<BufReader<Stored<'a, R>>>),
}

impl<R: ReadAt> Body<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Stored(stored) => stored.read(buffer),
            Self::Deflated(deflated) => match deflated.read(buffer) {
                // A stream that ends too early is damaged; the archive itself is whole, as its directory was found.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    Err(io::ErrorKind::InvalidData.into())
                }
                result => result,
            },
        }
    }

    /// Whether stored bytes are left over.
    fn has_more(&mut self) -> io::Result<bool> {
        use io::BufRead as _;
        match self {
            Self::Stored(stored) => stored.fill_buf(),
            Self::Deflated(deflated) => deflated.get_mut().fill_buf(),
        }
        .map(|bytes| !bytes.is_empty())
    }
}

impl<R: ReadAt> Read for Plain<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let length = self.body.read(buffer)?;
        self.crc.update(&buffer[..length]);
        self.remaining = self.remaining.checked_sub(length as u64).ok_or(io::ErrorKind::InvalidData)?;
        let is_whole = self.remaining == 0 && self.crc.sum() == self.crc32;
        if length == 0 && (!is_whole || self.body.has_more()?) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(length)
    }
}
