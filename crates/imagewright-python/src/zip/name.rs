//! Names of members: how their bytes read, and which of them may become files.

use super::ZipError;

/// Bytes 128 to 255 of code page 437, in which names are written that do not say they are UTF-8.
const CODE_PAGE_437: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

/// The longest path that Linux takes.
const LONGEST_NAME: usize = 4095;

/// Reads a name as Python's `zipfile` does: UTF-8 where its flag says so, else code page 437.
pub(super) fn decode(bytes: &[u8], is_utf8: bool) -> Result<String, ZipError> {
    if is_utf8 {
        let text = std::str::from_utf8(bytes);
        return text.map(str::to_owned).map_err(|_| {
            let member = String::from_utf8_lossy(bytes).into_owned();
            ZipError::Name { member, reason: "its name says it is UTF-8 but is not" }
        });
    }
    let high = |byte: u8| CODE_PAGE_437.chars().nth(usize::from(byte) - 128);
    let decoded = bytes.iter().map(|&byte| if byte.is_ascii() { Some(byte.into()) } else { high(byte) });
    Ok(decoded.map(|letter| letter.expect("the table has a letter for each of the 128 bytes")).collect())
}

/// The normalised relative path that a member's name means: no empty or `.` components, no slash at either end.
pub(super) fn safe_path(name: &str) -> Result<String, ZipError> {
    let refuse = |reason| Err(ZipError::Name { member: name.escape_debug().to_string(), reason });
    if name.len() > LONGEST_NAME {
        return refuse("its name is longer than a path can be");
    }
    if name.is_empty() {
        return refuse("its name is empty");
    }
    if name.chars().any(char::is_control) {
        return refuse("its name has a control character in it");
    }
    if name.contains('\\') {
        return refuse("its name has a backslash in it");
    }
    if name.starts_with('/') {
        return refuse("its name is an absolute path");
    }
    let mut path = String::with_capacity(name.len());
    for component in name.split('/') {
        match component {
            "" | "." => {}
            ".." => return refuse("its name has a `..` in it"),
            _ => {
                if !path.is_empty() {
                    path.push('/');
                }
                path.push_str(component);
            }
        }
    }
    if path.is_empty() {
        return refuse("its name is that of the folder it would lie in");
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_zipfile_reads_them() {
        assert_eq!(CODE_PAGE_437.chars().count(), 128);
        let cases: &[(&[u8], bool, &str)] = &[
            (b"plain.py", false, "plain.py"),
            (b"\x81.py", false, "ü.py"),
            (b"\x80\xff\xe1", false, "Ç\u{a0}ß"),
            ("ü.py".as_bytes(), true, "ü.py"),
            // Without the flag even valid UTF-8 is code page 437.
            ("ü.py".as_bytes(), false, "├╝.py"),
        ];
        for (bytes, is_utf8, expected) in cases {
            assert_eq!(decode(bytes, *is_utf8).unwrap(), *expected);
        }
        assert!(matches!(decode(b"\xff", true), Err(ZipError::Name { .. })));
    }

    #[test]
    fn paths_are_normalised() {
        let cases = [
            ("a.py", "a.py"),
            ("./a//b.py", "a/b.py"),
            ("a/", "a"),
            ("a/./b/.", "a/b"),
            ("..a/...", "..a/..."),
            ("C:a", "C:a"),
        ];
        for (name, expected) in cases {
            assert_eq!(safe_path(name).unwrap(), expected);
        }
    }

    #[test]
    fn paths_that_could_leave_are_refused() {
        let names = [
            "", ".", "./", "/", "..", "../a", "a/..", "a/../b", "/a", "//a", "a\\b", "..\\a", "a\0b", "a\nb",
            "\u{7f}",
        ];
        for name in names.into_iter().chain(["x/".repeat(2048).as_str()]) {
            assert!(matches!(safe_path(name), Err(ZipError::Name { .. })), "{name:?}");
        }
    }
}
