//! What is wrong with an `image.yaml`, in the words of its schema.

use serde_saphyr::{Error, Location, MessageFormatter, UserMessageFormatter};

use super::{Origin, Problem, SpecError, excerpt};

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
    let location = error.location().unwrap_or(Location::UNKNOWN);
    let problem = match error {
        Error::AliasError { error, .. } => return explain(source, text, error),
        Error::SerdeUnknownField { field, expected, .. } => {
            Problem::UnknownKey { key: field.clone(), known: expected.clone() }
        }
        Error::DuplicateMappingKey { key, .. } => Problem::DuplicateKey(key.clone().unwrap_or_default()),
        Error::SerdeInvalidType { unexpected, expected, .. } => {
            Problem::WrongType { expected: expected.clone(), found: plain_words(unexpected) }
        }
        Error::Unexpected { expected, .. } => {
            Problem::WrongType { expected: plain_words(expected), found: node_at(text, location) }
        }
        Error::NullIntoString { .. } => {
            Problem::WrongType { expected: "text".to_owned(), found: "nothing".to_owned() }
        }
        Error::InvalidBooleanStrict { .. } | Error::InvalidScalar { .. } => {
            Problem::WrongType { expected: "true or false".to_owned(), found: node_at(text, location) }
        }
        Error::MultipleDocuments { .. } => {
            malformed(text, location, "a second document begins here".to_owned())
        }
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => {
            malformed(text, location, "it grows beyond what any image needs".to_owned())
        }
        other => malformed(text, location, UserMessageFormatter.format_message(other).into_owned()),
    };
    SpecError::new(position(source, location), problem)
}

fn malformed(text: &str, location: Location, reason: String) -> Problem {
    Problem::Malformed { format: "YAML", line: line_at(text, location).map(excerpt), reason }
}

fn line_at(text: &str, location: Location) -> Option<&str> {
    let index = usize::try_from(location.line()).ok()?.checked_sub(1)?;
    text.lines().nth(index)
}

/// What begins at a place, as far as its first characters tell.
fn node_at(text: &str, location: Location) -> String {
    let line = line_at(text, location).unwrap_or_default();
    let column = usize::try_from(location.column()).unwrap_or(0);
    let rest: String = line.chars().skip(column.saturating_sub(1)).collect();
    let rest = excerpt(&rest);
    let is_key = rest.ends_with(':') || rest.contains(": ");
    match rest.chars().next() {
        None => "nothing".to_owned(),
        Some('[') => "a list".to_owned(),
        Some('-') if rest == "-" || rest.starts_with("- ") => "a list".to_owned(),
        Some('{') => "a map".to_owned(),
        Some(_) if is_key && !rest.starts_with(['"', '\'']) => "a map".to_owned(),
        // Inside braces or brackets the value ends where the next one begins.
        Some('"' | '\'') => format!("`{rest}`"),
        Some(_) => format!("`{}`", rest.split([',', ']', '}']).next().unwrap_or_default().trim_end()),
    }
}

/// The library's words for types, in ours.
fn plain_words(text: &str) -> String {
    match text {
        "mapping start" | "map" => "a map".to_owned(),
        "sequence start" | "sequence" => "a list".to_owned(),
        "string scalar" => "text".to_owned(),
        "unit value" | "Option value" => "nothing".to_owned(),
        other => match other.strip_prefix("string \"").and_then(|rest| rest.strip_suffix('"')) {
            Some(string) => format!("`{string}`"),
            None => other.replace("integer `", "the number `").replace("floating point `", "the number `"),
        },
    }
}
