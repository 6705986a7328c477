//! The 512-byte headers of tar archives.
//!
//! `tar::Header` lays the fields out; reading numbers is our own, because fields others leave blank count as zero and
//! times before 1970 are negative.

use tar::{EntryType, Header};

use crate::pax::{self, Records};

/// Everything in a tar comes in blocks of this size.
pub(crate) const BLOCK: usize = 512;
/// What pax headers and GNU long names may hold; Go's reader has the same limit.
pub(crate) const SPECIAL_LIMIT: u64 = 1024 * 1024;

const OCTAL_7: u64 = 0o777_7777;
const OCTAL_11: u64 = 0o777_7777_7777;
const NAME: usize = 100;
const PREFIX: usize = 155;

/// The zero bytes that follow `size` bytes up to the next block.
pub(crate) fn padding(size: u64) -> u64 {
    size.next_multiple_of(BLOCK as u64) - size
}

/// Those bytes themselves.
pub(crate) fn zeroes(size: u64) -> &'static [u8] {
    &[0; BLOCK][..padding(size) as usize]
}

/// What goes into a header of ours.
pub(crate) struct Fields<'a> {
    pub(crate) kind: EntryType,
    pub(crate) name: &'a [u8],
    pub(crate) link: &'a [u8],
    pub(crate) mode: u32,
    pub(crate) uid: u64,
    pub(crate) gid: u64,
    pub(crate) size: u64,
    pub(crate) mtime: u64,
    pub(crate) device: Option<(u32, u32)>,
}

impl Fields<'_> {
    /// A ustar header without user names; what does not fit is added to `records`.
    pub(crate) fn encode(&self, records: &mut Records) -> [u8; BLOCK] {
        for (key, value, highest) in [
            (pax::UID, self.uid, OCTAL_7),
            (pax::GID, self.gid, OCTAL_7),
            (pax::SIZE, self.size, OCTAL_11),
            (pax::MTIME, self.mtime, OCTAL_11),
        ] {
            if value > highest {
                records.insert(key.to_vec(), value.to_string().into_bytes());
            }
        }
        let mut header = Header::new_ustar();
        header.set_entry_type(self.kind);
        header.set_mode(self.mode);
        header.set_uid(self.uid);
        header.set_gid(self.gid);
        header.set_size(self.size);
        header.set_mtime(self.mtime);
        let ustar = header.as_ustar_mut().expect("the header was made as ustar");
        let (major, minor) = self.device.unwrap_or_default();
        ustar.set_device_major(major);
        ustar.set_device_minor(minor);
        let (prefix, name) = split_name(self.name).unwrap_or_else(|| {
            records.insert(pax::PATH.to_vec(), self.name.to_vec());
            (&[], &self.name[..NAME])
        });
        ustar.prefix[..prefix.len()].copy_from_slice(prefix);
        ustar.name[..name.len()].copy_from_slice(name);
        let link = &self.link[..self.link.len().min(NAME)];
        if link.len() < self.link.len() {
            records.insert(pax::LINK_PATH.to_vec(), self.link.to_vec());
        }
        ustar.linkname[..link.len()].copy_from_slice(link);
        header.set_cksum();
        *header.as_bytes()
    }
}

/// Cuts a name at a slash so that both parts fit their fields.
fn split_name(name: &[u8]) -> Option<(&[u8], &[u8])> {
    if name.len() <= NAME {
        return Some((&[], name));
    }
    let first = name.len() - NAME - 1;
    // A trailing slash is part of the name: the second field must not be empty.
    let slash = first + name[first..name.len() - 1].iter().position(|byte| *byte == b'/')?;
    (1..=PREFIX).contains(&slash).then(|| (&name[..slash], &name[slash + 1..]))
}

/// A header as read.
pub(crate) struct Raw<'a>(&'a Header);

impl<'a> Raw<'a> {
    /// The header in a block.
    pub(crate) fn new(block: &'a [u8; BLOCK]) -> Self {
        Self(Header::from_byte_slice(block))
    }

    /// Whether the block is a header at all. Its own field counts as spaces in the sum.
    pub(crate) fn has_checksum(&self) -> bool {
        let field = &self.0.as_old().cksum;
        let sum = |bytes: &[u8]| bytes.iter().map(|byte| i64::from(*byte)).sum::<i64>();
        let expected = sum(self.0.as_bytes()) - sum(field) + sum(&[b' '; 8]);
        number(field) == Some(expected)
    }

    pub(crate) fn kind(&self) -> u8 {
        self.0.as_old().linkflag[0]
    }

    pub(crate) fn name(&self) -> Vec<u8> {
        self.0.path_bytes().into_owned()
    }

    pub(crate) fn link(&self) -> Vec<u8> {
        self.0.link_name_bytes().map(std::borrow::Cow::into_owned).unwrap_or_default()
    }

    pub(crate) fn mode(&self) -> Option<i64> {
        number(&self.0.as_old().mode)
    }

    pub(crate) fn uid(&self) -> Option<i64> {
        number(&self.0.as_old().uid)
    }

    pub(crate) fn gid(&self) -> Option<i64> {
        number(&self.0.as_old().gid)
    }

    pub(crate) fn size(&self) -> Option<i64> {
        number(&self.0.as_old().size)
    }

    pub(crate) fn mtime(&self) -> Option<i64> {
        number(&self.0.as_old().mtime)
    }

    /// Major and minor number, which ustar and GNU headers keep in the same place.
    pub(crate) fn device(&self) -> Option<(i64, i64)> {
        let (major, minor) = match (self.0.as_ustar(), self.0.as_gnu()) {
            (Some(ustar), _) => (&ustar.dev_major, &ustar.dev_minor),
            (_, Some(gnu)) => (&gnu.dev_major, &gnu.dev_minor),
            _ => return None,
        };
        Some((number(major)?, number(minor)?))
    }
}

/// A number in octal digits, or in GNU's binary form where the first bit is set.
fn number(field: &[u8]) -> Option<i64> {
    match field {
        [first, rest @ ..] if first & 0x80 != 0 => {
            // Six bits of value after the flag and the sign.
            let start = i128::from(first & 0x3f) - i128::from(first & 0x40);
            let value = rest.iter().fold(start, |value, byte| (value << 8) | i128::from(*byte));
            value.try_into().ok()
        }
        _ => {
            let is_filler = |byte: &u8| matches!(byte, b' ' | 0);
            let digits = field.iter().skip_while(|byte| is_filler(byte));
            let digits: Vec<u8> = digits.copied().take_while(|byte| !is_filler(byte)).collect();
            digits.iter().try_fold(0, |value, digit| match digit {
                b'0'..=b'7' => Some(value * 8 + i64::from(digit - b'0')),
                _ => None,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_both_forms() {
        let cases: &[(&[u8], Option<i64>)] = &[
            (b"0000644\0", Some(0o644)),
            (b"   644 \0", Some(0o644)),
            (b"77777777", Some(0o7777_7777)),
            (b"\0\0\0\0\0\0\0\0", Some(0)),
            (b"        ", Some(0)),
            (b"0000648\0", None),
            (b"-000001\0", None),
            (b"\x80\0\0\0\0\0\x01\0", Some(256)),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe", Some(-2)),
            (b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", Some(i64::MAX)),
            (b"\x80\0\0\0\x80\0\0\0\0\0\0\0", None),
        ];
        for (field, expected) in cases {
            assert_eq!(number(field), *expected, "{field:?}");
        }
    }

    #[test]
    fn names_are_split_at_a_slash_where_both_parts_fit() {
        let long = |length: usize| "n".repeat(length);
        let cases = [
            (long(100), Some(0)),
            (long(101), None),
            (format!("{}/{}", long(155), long(100)), Some(155)),
            (format!("{}/{}", long(156), long(99)), None),
            (format!("a/{}/", long(98)), Some(1)),
            (format!("{}/", long(100)), None),
            (format!("/{}", long(100)), None),
        ];
        for (name, expected) in cases {
            let split = split_name(name.as_bytes());
            assert_eq!(split.map(|(prefix, _)| prefix.len()), expected, "{name}");
            if let Some((prefix, rest)) = split.filter(|(prefix, _)| !prefix.is_empty()) {
                assert_eq!([prefix, rest].join(&b'/'), name.as_bytes());
            }
        }
    }
}
