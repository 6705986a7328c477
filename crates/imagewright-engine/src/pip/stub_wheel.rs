//! Wheels that hold what a distribution says of itself, and none of its files.

use flate2::Crc;

/// The first bytes of a member, of its entry in the directory, and of the directory's end.
const MEMBER: [u8; 4] = *b"PK\x03\x04";
const ENTRY: [u8; 4] = *b"PK\x01\x02";
const END: [u8; 4] = *b"PK\x05\x06";
/// The least version of zip that stored members need: 1.0.
const ZIP_VERSION: u16 = 10;
/// 1980-01-01, the first day that zip knows.
const DAY: u16 = 0x21;

/// The file name of a wheel that fits everywhere.
pub(super) fn file_name(name: &str, version: &str) -> String {
    format!("{}-{version}-py3-none-any.whl", name.replace('-', "_"))
}

/// The bytes of a wheel with `about` as further lines of its `METADATA`.
pub(super) fn wheel(name: &str, version: &str, about: &[&str]) -> Vec<u8> {
    let lines: String = about.iter().map(|line| format!("{line}\n")).collect();
    let metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{lines}");
    let about_wheel = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n";
    let folder = format!("{}-{version}.dist-info", name.replace('-', "_"));
    let files = [("METADATA", metadata.as_str()), ("WHEEL", about_wheel), ("RECORD", "")];
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (file, text) in files {
        let path = format!("{folder}/{file}");
        let start = bytes.len();
        let fields = fields(&path, text);
        bytes.extend(MEMBER);
        bytes.extend(&fields);
        bytes.extend(path.as_bytes());
        bytes.extend(text.as_bytes());
        directory.extend(ENTRY);
        directory.extend(ZIP_VERSION.to_le_bytes());
        directory.extend(&fields);
        // No comment, the first disk, no attributes.
        directory.extend([0; 10]);
        directory.extend(number(start));
        directory.extend(path.as_bytes());
    }
    let (start, count) = (bytes.len(), (files.len() as u16).to_le_bytes());
    bytes.extend(&directory);
    bytes.extend(END);
    bytes.extend([0; 4]);
    bytes.extend(count);
    bytes.extend(count);
    bytes.extend(number(directory.len()));
    bytes.extend(number(start));
    bytes.extend([0; 2]);
    bytes
}

/// What a member and its entry in the directory have in common: how it is stored, its sum, and its lengths.
fn fields(path: &str, text: &str) -> Vec<u8> {
    let mut sum = Crc::new();
    sum.update(text.as_bytes());
    let mut fields = Vec::new();
    fields.extend(ZIP_VERSION.to_le_bytes());
    // No flags, stored, midnight.
    fields.extend([0; 6]);
    fields.extend(DAY.to_le_bytes());
    fields.extend(sum.sum().to_le_bytes());
    fields.extend(number(text.len()));
    fields.extend(number(text.len()));
    fields.extend((path.len() as u16).to_le_bytes());
    fields.extend([0; 2]);
    fields
}

/// A length or an offset, of which no such wheel has large ones.
fn number(value: usize) -> [u8; 4] {
    u32::try_from(value).expect("what a distribution says of itself is no 4 GiB").to_le_bytes()
}

#[cfg(test)]
mod tests {
    use imagewright_python::wheel::Wheel;

    use super::*;

    #[test]
    fn the_wheel_is_one_and_says_what_it_needs() {
        let about = ["Requires-Dist: numpy>=2", "Provides-Extra: all"];
        let bytes = wheel("zope-interface", "1.0", &about);
        let wheel = Wheel::open(&file_name("zope-interface", "1.0"), bytes.as_slice()).unwrap();
        assert_eq!(wheel.metadata().requires_dist, ["numpy>=2"]);
        assert_eq!(wheel.file_name().name(), "zope-interface");
    }
}
