//! What is wrong with an `image.yaml`, in the words of its schema.

use serde_saphyr::{Error, Location};

use super::{Origin, Problem, SpecError};

/// The place of a node.
pub(super) fn position(source: &str, location: Location) -> Origin {
    let number = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    match (number(location.line()), number(location.column())) {
        (0, _) => Origin::file(source),
        (line, column) => Origin::position(source, line, column),
    }
}

/// Says what `error` means to the writer of `text`.
pub(super) fn explain(source: &str, text: &str, error: &Error) -> SpecError {
    let error = error.without_snippet();
    let origin = match error.location() {
        Some(location) => position(source, location),
        None => Origin::file(source),
    };
    let problem = match error {
        Error::SerdeUnknownField { field, expected, .. } => {
            Problem::UnknownKey { key: field.clone(), known: expected.clone() }
        }
        Error::DuplicateMappingKey { key, .. } => Problem::DuplicateKey(key.clone().unwrap_or_default()),
        Error::SerdeInvalidType { unexpected, expected, .. } => {
            Problem::WrongType { expected: expected.clone(), found: unexpected.clone() }
        }
        other => {
            let line = origin.line.and_then(|line| text.lines().nth(line as usize - 1));
            Problem::Malformed {
                format: "YAML",
                line: line.map(|l| l.trim().to_owned()),
                reason: other.to_string(),
            }
        }
    };
    SpecError::new(origin, problem)
}
