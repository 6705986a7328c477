//! Little-endian numbers at fixed places of a record.

/// The bytes of a field; the record is long enough, because it was read whole.
fn bytes<const N: usize>(record: &[u8], at: usize) -> [u8; N] {
    record[at..at + N].try_into().expect("a slice of N bytes is an array of N bytes")
}

pub(super) fn u16(record: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes(record, at))
}

pub(super) fn u32(record: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes(record, at))
}

pub(super) fn u64(record: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes(record, at))
}
