//! Extended headers in pax format: `LENGTH KEY=VALUE\n` records.
//!
//! Own code, because `tar`'s reader cuts records at line ends and the values of extended attributes may hold them.

use std::collections::BTreeMap;

pub(crate) const PATH: &[u8] = b"path";
pub(crate) const LINK_PATH: &[u8] = b"linkpath";
pub(crate) const SIZE: &[u8] = b"size";
pub(crate) const UID: &[u8] = b"uid";
pub(crate) const GID: &[u8] = b"gid";
pub(crate) const MTIME: &[u8] = b"mtime";
/// In front of the name of an extended attribute.
pub(crate) const XATTR: &[u8] = b"SCHILY.xattr.";
/// In front of everything about GNU tar's sparse files.
pub(crate) const SPARSE: &[u8] = b"GNU.sparse.";

/// Records by key: sorted, so that a header repeats to the byte.
pub(crate) type Records = BTreeMap<Vec<u8>, Vec<u8>>;

/// The body of an extended header.
pub(crate) fn encode(records: &Records) -> Vec<u8> {
    let mut body = Vec::new();
    for (key, value) in records {
        let length = record_length(key.len() + value.len() + b" =\n".len());
        body.extend_from_slice(length.to_string().as_bytes());
        for part in [b" ", key.as_slice(), b"=", value, b"\n"] {
            body.extend_from_slice(part);
        }
    }
    body
}

/// The records of an extended header's body; the last one of a key counts. None if it is malformed.
pub(crate) fn decode(mut body: &[u8]) -> Option<Records> {
    let mut records = Records::new();
    while !body.is_empty() {
        let space = body.iter().position(|byte| *byte == b' ')?;
        let length: usize = decimal(&body[..space])?.try_into().ok()?;
        let (record, rest) = body.split_at_checked(length)?;
        let record = record.get(space + 1..)?.strip_suffix(b"\n")?;
        let equals = record.iter().position(|byte| *byte == b'=')?;
        records.insert(record[..equals].to_vec(), record[equals + 1..].to_vec());
        body = rest;
    }
    Some(records)
}

/// An unsigned decimal number and nothing else.
pub(crate) fn decimal(text: &[u8]) -> Option<u64> {
    if !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// A time in seconds, with or without a fraction, rounded down.
pub(crate) fn seconds(text: &[u8]) -> Option<i64> {
    let (digits, negative) = match text.strip_prefix(b"-") {
        Some(digits) => (digits, true),
        None => (text, false),
    };
    let (whole, fraction) = match digits.iter().position(|byte| *byte == b'.') {
        Some(dot) => (&digits[..dot], &digits[dot + 1..]),
        None => (digits, &[][..]),
    };
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let whole = i64::try_from(decimal(whole)?).ok()?;
    let beyond = fraction.iter().any(|digit| *digit != b'0');
    Some(if negative { -whole - i64::from(beyond) } else { whole })
}

/// The length of a record counts its own digits.
fn record_length(rest: usize) -> usize {
    let mut length = rest;
    loop {
        let with_digits = rest + length.to_string().len();
        if with_digits == length {
            return length;
        }
        length = with_digits;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_count_themselves() {
        let records = |length: usize| Records::from([(b"k".to_vec(), vec![b'v'; length])]);
        assert_eq!(encode(&records(1)), b"6 k=v\n");
        // 98 bytes and two digits would be 100, which needs a third.
        assert!(encode(&records(94)).starts_with(b"101 k=vvv"));
        for length in (0..120).chain(980..1010).chain(9_980..10_010) {
            assert_eq!(decode(&encode(&records(length))), Some(records(length)), "{length}");
        }
    }

    #[test]
    fn values_may_hold_anything() {
        let records = Records::from([
            (b"SCHILY.xattr.security.capability".to_vec(), b"\x01\0\n=\n".to_vec()),
            (b"path".to_vec(), b"a=b\nc".to_vec()),
        ]);
        assert_eq!(decode(&encode(&records)), Some(records));
    }

    #[test]
    fn malformed_bodies_are_refused() {
        let bodies: &[&[u8]] = &[
            b"6 k=v",
            b"7 k=v\n",
            b"5 k=v\n",
            b"k=v\n",
            b" k=v\n",
            b"0 k=v\n",
            b"2 \n",
            b"-6 k=v\n",
            b"+6 k=v\n",
            b"5 kv\n",
            b"99999999999999999999 k=v\n",
            b"18446744073709551615 k=v\n",
            b"1 ",
            b"\0\0",
        ];
        for body in bodies {
            assert_eq!(decode(body), None, "{:?}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn times_are_rounded_down() {
        let cases: &[(&[u8], Option<i64>)] = &[
            (b"0", Some(0)),
            (b"1700000000.999999999", Some(1_700_000_000)),
            (b"-1", Some(-1)),
            (b"-1.5", Some(-2)),
            (b"-1.000", Some(-1)),
            (b"5.", Some(5)),
            (b"", None),
            (b"-", None),
            (b".5", None),
            (b"1e9", None),
            (b"1.-5", None),
            (b"9223372036854775808", None),
        ];
        for (text, expected) in cases {
            assert_eq!(seconds(text), *expected, "{:?}", String::from_utf8_lossy(text));
        }
    }
}
