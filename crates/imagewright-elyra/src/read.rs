//! Reading files that anybody may have written.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::str::Utf8Error;

use crate::json::{self, JsonError, Object, Value};
use crate::problem::{ErrorClass, Problem};
use crate::{SCHEMASPACE, record::Record};

/// No record is larger: it is some hundred bytes.
const LARGEST_FILE: u64 = 16 << 20;

/// Reads a file's bytes: of regular files only, and not endlessly.
pub(crate) fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let metadata = fs::metadata(path)?;
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    let too_large = || io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 16 MiB");
    let mut bytes = Vec::new();
    File::open(path)?.take(LARGEST_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST_FILE { Err(too_large()) } else { Ok(bytes) }
}

/// The record in a file.
pub(crate) fn record(name: &str, path: &Path, bytes: &[u8]) -> Result<Record, Problem> {
    Ok(Record::from_object(name, object(name, path, bytes)?))
}

fn object(name: &str, path: &Path, bytes: &[u8]) -> Result<Object, Problem> {
    let failed = |class, detail: String| {
        let message = format!(
            "JSON failed to load for instance '{name}' in the {SCHEMASPACE} schemaspace with error: {detail}."
        );
        Problem { class, field: None, detail, message }
    };
    let value = value(bytes).map_err(|(class, detail)| failed(class, detail))?;
    let type_name = value.type_name();
    match value {
        Value::Object(object) => Ok(object),
        other => {
            let message = match other {
                Value::List(_) => "list indices must be integers or slices, not str".to_owned(),
                _ => format!("'{type_name}' object does not support item assignment"),
            };
            let detail = format!("`{}` holds a {type_name} where an object must be", path.display());
            Err(Problem { class: ErrorClass::TypeError, field: None, detail, message })
        }
    }
}

/// The JSON in a file, or the class and the words of what is wrong with it.
pub(crate) fn value(bytes: &[u8]) -> Result<Value, (ErrorClass, String)> {
    let text =
        str::from_utf8(bytes).map_err(|error| (ErrorClass::ValueError, decoding_error(bytes, error)))?;
    // Python reads files with universal newlines.
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    json::parse(&text).map_err(|error| {
        let class =
            if error == JsonError::TooDeep { ErrorClass::RecursionError } else { ErrorClass::ValueError };
        (class, error.to_string())
    })
}

/// The problem of a file that cannot be read.
pub(crate) fn unreadable(path: &Path, error: &io::Error) -> Problem {
    let (class, detail) = match error.kind() {
        io::ErrorKind::IsADirectory => {
            (ErrorClass::IsADirectoryError, "[Errno 21] Is a directory".to_owned())
        }
        io::ErrorKind::NotFound => {
            (ErrorClass::FileNotFoundError, "[Errno 2] No such file or directory".to_owned())
        }
        io::ErrorKind::PermissionDenied => {
            (ErrorClass::PermissionError, "[Errno 13] Permission denied".to_owned())
        }
        io::ErrorKind::FileTooLarge => (ErrorClass::ValueError, error.to_string()),
        _ => (ErrorClass::OsError, error.to_string()),
    };
    let message = format!("{detail}: '{}'", path.display());
    Problem { class, field: None, detail, message }
}

/// What Python says of bytes that are not UTF-8.
fn decoding_error(bytes: &[u8], error: Utf8Error) -> String {
    let begin = error.valid_up_to();
    let first = bytes.get(begin).copied().unwrap_or_default();
    let reason = match (first, error.error_len()) {
        (0x80..=0xc1 | 0xf5..=0xff, _) => "invalid start byte",
        (_, None) => "unexpected end of data",
        _ => "invalid continuation byte",
    };
    let length = error.error_len().unwrap_or(bytes.len() - begin);
    match length {
        1 => format!("'utf-8' codec can't decode byte 0x{first:02x} in position {begin}: {reason}"),
        _ => format!("'utf-8' codec can't decode bytes in position {begin}-{}: {reason}", begin + length - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_to_be_unreadable_has_elyras_class_and_words() {
        let deep = "[".repeat(100_000);
        let cases: [(&[u8], ErrorClass, &str); 10] = [
            (b"", ErrorClass::ValueError, "Expecting value: line 1 column 1 (char 0)"),
            (b"\xef\xbb\xbf{}", ErrorClass::ValueError, "Unexpected UTF-8 BOM"),
            (
                b"\xff",
                ErrorClass::ValueError,
                "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
            ),
            (
                b"\xc3x",
                ErrorClass::ValueError,
                "can't decode byte 0xc3 in position 0: invalid continuation byte",
            ),
            (
                b"\xe2\x82",
                ErrorClass::ValueError,
                "can't decode bytes in position 0-1: unexpected end of data",
            ),
            (b"{\r\n\"a\"", ErrorClass::ValueError, "Expecting ':' delimiter: line 2 column 4 (char 5)"),
            (b"[1]", ErrorClass::TypeError, "list indices must be integers or slices, not str"),
            (b"null", ErrorClass::TypeError, "'NoneType' object does not support item assignment"),
            (b"\"x\"", ErrorClass::TypeError, "'str' object does not support item assignment"),
            (deep.as_bytes(), ErrorClass::RecursionError, "maximum recursion depth exceeded"),
        ];
        for (bytes, class, words) in cases {
            let problem = record("x", Path::new("/x.json"), bytes).unwrap_err();
            assert_eq!(problem.class, class, "{problem}");
            assert!(problem.message.contains(words), "{problem}");
        }
    }

    #[test]
    fn unknown_keys_are_kept_or_dropped_as_by_elyra() {
        let text =
            br#"{"name": "other", "reason": "none", "metadata": {"b": 1e999, "a": 2}, "display_name": "X"}"#;
        let record = record("x", Path::new("/x.json"), text).unwrap();
        assert_eq!(record.name, "x");
        let expected = r#"{"display_name": "X", "metadata": {"b": Infinity, "a": 2}, "schema_name": null}"#;
        assert_eq!(record.content().to_line(), expected);
    }
}
