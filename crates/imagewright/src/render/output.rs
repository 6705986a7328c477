//! Results on standard output. A closed pipe is an error here, not a panic; see [`crate::failure`].

use std::io::{self, Write};

use serde::Serialize;

/// Prints text as it is.
pub(crate) fn text(text: &str) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Prints lines.
pub(crate) fn lines(lines: impl IntoIterator<Item = String>) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    lines.into_iter().try_for_each(|line| writeln!(out, "{line}"))?;
    out.flush()
}

/// Prints a value as indented JSON.
pub(crate) fn json(value: &impl Serialize) -> io::Result<()> {
    text(&(serde_json::to_string_pretty(value)? + "\n"))
}
