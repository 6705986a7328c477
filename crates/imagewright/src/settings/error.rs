//! Says what is wrong with a configuration, and where, without showing any value: it may hold a password.

use figment::error::{Error, Kind};
use imagewright_model::ErrorKind;

use super::PREFIX;
use crate::failure::Failure;

/// The failure to show for an error of the configuration.
pub(super) fn explain(error: &Error) -> Failure {
    let file =
        error.metadata.as_ref().and_then(|metadata| Some(metadata.source.as_ref()?.file_path()?.display()));
    let (setting, place) = match &file {
        Some(file) => (error.path.join("."), format!("`{file}`")),
        None => (variable(&error.path), "the environment".to_owned()),
    };
    let problem = match &error.kind {
        Kind::UnknownField(..) => format!("unknown setting `{setting}` in {place}"),
        Kind::InvalidType(_, expected) | Kind::InvalidValue(_, expected) => {
            format!("`{setting}` in {place} must be {expected}")
        }
        Kind::Message(text) if error.path.is_empty() => {
            format!("{place} is malformed: {}", without_excerpt(text))
        }
        _ => format!("`{setting}` in {place} has a wrong value"),
    };
    let hint = match &error.kind {
        Kind::UnknownField(_, known) => format!("settings here are {}", known.join(", ")),
        _ => "docs/configuration.md lists all settings".to_owned(),
    };
    Failure::new(ErrorKind::Invalid, problem).with_hint(hint)
}

/// The variable that sets what lies at `path`.
pub(super) fn variable(path: &[String]) -> String {
    PREFIX.to_owned() + &path.join("__").replace('-', "_").to_uppercase()
}

/// What the TOML parser says, less the lines of the file that it shows between place and problem.
fn without_excerpt(text: &str) -> String {
    let is_excerpt =
        |line: &str| line.trim_start_matches(|c: char| c == ' ' || c.is_ascii_digit()).starts_with('|');
    let words: Vec<&str> = text.lines().filter(|line| !is_excerpt(line)).map(str::trim).collect();
    words.join(", ").trim_start_matches("TOML parse error at ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_file_are_not_shown() {
        let error =
            toml::from_str::<toml::Table>("[apt]\nmirror = http://me:word@mirror.example\n").unwrap_err();
        let shown = without_excerpt(&error.to_string());
        assert!(shown.starts_with("line 2, column 10"), "{shown}");
        assert!(!shown.contains("word"), "{shown}");
    }
}
