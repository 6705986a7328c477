//! TOML with the places of its entries.

use serde::de::DeserializeOwned;

use super::{Origin, Problem, SpecError, excerpt};

/// Reads a TOML document.
pub(crate) fn parse<T: DeserializeOwned>(source: &str, text: &str) -> Result<T, SpecError> {
    toml::from_str(text).map_err(|error| {
        let origin = match error.span() {
            Some(span) => origin_at(source, text, span.start),
            None => Origin::file(source),
        };
        let line = origin.line.and_then(|line| text.lines().nth(line as usize - 1));
        let problem = Problem::Malformed {
            format: "TOML",
            line: line.map(excerpt),
            reason: error.message().lines().collect::<Vec<_>>().join(", "),
        };
        SpecError::new(origin, problem)
    })
}

/// The place of a byte of `text`.
pub(crate) fn origin_at(source: &str, text: &str, offset: usize) -> Origin {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Origin::position(
        source,
        u32::try_from(line).unwrap_or(u32::MAX),
        u32::try_from(column).unwrap_or(u32::MAX),
    )
}
