//! What a tar header and the extended headers before it say together.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use crate::entry_header::{HIGHEST_MAJOR, HIGHEST_MINOR, LONGEST_LINK};
use crate::header::{BLOCK, Raw};
use crate::pax::{self, Records};
use crate::whiteout::{self, Meaning};
use crate::{Entry, EntryKind, LayerError, LayerPath};

/// An entry before it is understood.
pub(crate) struct Member {
    pub(crate) header: [u8; BLOCK],
    pub(crate) records: Option<Records>,
    /// GNU's way to write long names and link targets.
    pub(crate) long_name: Option<Vec<u8>>,
    pub(crate) long_link: Option<Vec<u8>>,
}

impl Default for Member {
    fn default() -> Self {
        Self { header: [0; BLOCK], records: None, long_name: None, long_link: None }
    }
}

impl Member {
    /// Whether there were no extended headers.
    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_none() && self.long_name.is_none() && self.long_link.is_none()
    }

    /// The name as the archive has it, to show.
    pub(crate) fn display_name(&self) -> String {
        String::from_utf8_lossy(&self.name()).into_owned()
    }

    /// How many bytes of contents follow; links, directories and devices have none, whatever their size says.
    pub(crate) fn body_size(&self) -> Result<u64, LayerError> {
        if matches!(self.raw().kind(), b'1'..=b'6') {
            return Ok(0);
        }
        let reason = "its size is not one a file can have";
        let size = self.number(pax::SIZE, self.raw().size(), pax::decimal, reason)?;
        // Offsets in files are signed.
        if size <= i64::MAX as u64 { Ok(size) } else { Err(self.malformed(reason)) }
    }

    /// What the entry means; nothing if it is data of AUFS.
    pub(crate) fn into_entry(self) -> Result<Option<Entry>, LayerError> {
        let (path, kind) = match whiteout::decode(LayerPath::parse(&self.name())?)? {
            Meaning::Metadata => return Ok(None),
            Meaning::Whiteout(path) => (path, EntryKind::Whiteout),
            Meaning::Opaque(path) => (path, EntryKind::OpaqueDirectory),
            Meaning::Plain(path) => (path, self.kind()?),
        };
        if path.is_root() && !matches!(kind, EntryKind::Directory | EntryKind::OpaqueDirectory) {
            return Err(self.malformed("the root is a directory"));
        }
        let mode = self.raw().mode().ok_or_else(|| self.malformed("its mode is no number"))?;
        Ok(Some(Entry {
            path,
            kind,
            mode: (mode & 0o7777) as u32,
            uid: self.id(pax::UID, self.raw().uid())?,
            gid: self.id(pax::GID, self.raw().gid())?,
            mtime: self.number(pax::MTIME, self.raw().mtime(), pax::seconds, "its time is no number")?,
            xattrs: self.xattrs()?,
        }))
    }

    fn kind(&self) -> Result<EntryKind, LayerError> {
        if self.records.iter().flatten().any(|(key, _)| key.starts_with(pax::SPARSE)) {
            return Err(LayerError::Sparse { entry: self.display_name() });
        }
        match self.raw().kind() {
            // Before ustar, a slash at the end was how directories were told from files.
            0 if self.name().ends_with(b"/") => Ok(EntryKind::Directory),
            0 | b'0' | b'7' => Ok(EntryKind::File { size: self.body_size()? }),
            b'1' => Ok(EntryKind::HardLink { target: self.hard_link_target()? }),
            b'2' => Ok(EntryKind::Symlink { target: self.symlink_target()? }),
            b'3' => self.device().map(|(major, minor)| EntryKind::CharDevice { major, minor }),
            b'4' => self.device().map(|(major, minor)| EntryKind::BlockDevice { major, minor }),
            b'5' => Ok(EntryKind::Directory),
            b'6' => Ok(EntryKind::Fifo),
            b'S' => Err(LayerError::Sparse { entry: self.display_name() }),
            other => Err(LayerError::Type { entry: self.display_name(), kind: char::from(other) }),
        }
    }

    fn symlink_target(&self) -> Result<PathBuf, LayerError> {
        let target = self.link();
        if target.is_empty() || target.contains(&0) || target.len() > LONGEST_LINK {
            Err(self.malformed("its target is not one a symbolic link can have"))
        } else {
            Ok(OsString::from_vec(target).into())
        }
    }

    fn hard_link_target(&self) -> Result<LayerPath, LayerError> {
        let target = LayerPath::parse(&self.link())?;
        if target.is_root() || whiteout::is_reserved(&target) {
            Err(self.malformed("its target is not one a hard link can have"))
        } else {
            Ok(target)
        }
    }

    fn device(&self) -> Result<(u32, u32), LayerError> {
        let within =
            |number: i64, highest: u32| u32::try_from(number).ok().filter(|number| *number <= highest);
        let numbers = self.raw().device();
        numbers
            .and_then(|(major, minor)| within(major, HIGHEST_MAJOR).zip(within(minor, HIGHEST_MINOR)))
            .ok_or_else(|| self.malformed("its device number is not one of Linux"))
    }

    /// An owner; the highest number means "unchanged" to the kernel and is none.
    fn id(&self, key: &[u8], field: Option<i64>) -> Result<u32, LayerError> {
        let reason = "its owner is not a number of 32 bits";
        let id: u64 = self.number(key, field, pax::decimal, reason)?;
        let id = u32::try_from(id).ok().filter(|id| *id != u32::MAX);
        id.ok_or_else(|| self.malformed(reason))
    }

    /// A number from the pax record, else from the header.
    fn number<N: TryFrom<i64>>(
        &self,
        key: &[u8],
        field: Option<i64>,
        parse: fn(&[u8]) -> Option<N>,
        reason: &str,
    ) -> Result<N, LayerError> {
        let number = match self.record(key) {
            Some(text) => parse(text),
            None => field.and_then(|number| number.try_into().ok()),
        };
        number.ok_or_else(|| self.malformed(reason))
    }

    fn xattrs(&self) -> Result<BTreeMap<OsString, Vec<u8>>, LayerError> {
        let records = self.records.iter().flatten();
        let xattrs = records.filter_map(|(key, value)| Some((key.strip_prefix(pax::XATTR)?, value)));
        let xattr = |(name, value): (&[u8], &Vec<u8>)| {
            if name.is_empty() || name.contains(&0) {
                Err(self.malformed("the name of an extended attribute is empty or has a zero byte in it"))
            } else {
                Ok((OsStr::from_bytes(name).to_owned(), value.clone()))
            }
        };
        xattrs.map(xattr).collect()
    }

    fn name(&self) -> Vec<u8> {
        let record = || self.record(pax::PATH).map(<[u8]>::to_vec);
        self.long_name.clone().or_else(record).unwrap_or_else(|| self.raw().name())
    }

    fn link(&self) -> Vec<u8> {
        let record = || self.record(pax::LINK_PATH).map(<[u8]>::to_vec);
        self.long_link.clone().or_else(record).unwrap_or_else(|| self.raw().link())
    }

    /// The value of a pax record; an empty one takes the record back.
    fn record(&self, key: &[u8]) -> Option<&[u8]> {
        let value = self.records.as_ref()?.get(key)?;
        (!value.is_empty()).then_some(value)
    }

    fn raw(&self) -> Raw<'_> {
        Raw::new(&self.header)
    }

    fn malformed(&self, reason: &str) -> LayerError {
        LayerError::MalformedHeader { entry: self.display_name(), reason: reason.to_owned() }
    }
}
