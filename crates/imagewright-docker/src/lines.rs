//! Lines of what programs print, without secrets.

use std::collections::VecDeque;
use std::mem;

use imagewright_model::Secret;

/// The most of a line that is kept: a program may print without ever ending one.
const LONGEST: usize = 64 * 1024;
/// Lines that an error shows.
const TAIL: usize = 60;

/// Puts lines together from pieces.
#[derive(Default)]
pub(crate) struct Lines {
    begun: Vec<u8>,
}

impl Lines {
    /// Takes a piece in; gives the lines that are complete.
    pub(crate) fn add(&mut self, piece: &[u8]) -> Vec<String> {
        let mut complete = Vec::new();
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            self.begun.extend_from_slice(part);
            if part.ends_with(b"\n") || self.begun.len() >= LONGEST {
                complete.extend(self.end());
            }
        }
        complete
    }

    /// The line that was begun.
    pub(crate) fn end(&mut self) -> Option<String> {
        let line = mem::take(&mut self.begun);
        let text = String::from_utf8_lossy(&line);
        // What a carriage return would overwrite on a terminal is not shown.
        let text = text.trim_end_matches(['\n', '\r']);
        let shown = text.rsplit('\r').next().unwrap_or_default();
        (!line.is_empty()).then(|| shown.to_owned())
    }
}

/// The last lines of a program.
#[derive(Default)]
pub(crate) struct Tail(VecDeque<String>);

impl Tail {
    pub(crate) fn add(&mut self, line: &str) {
        if self.0.len() == TAIL {
            self.0.pop_front();
        }
        self.0.push_back(line.to_owned());
    }

    pub(crate) fn text(&self) -> String {
        self.0.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }
}

/// Secrets that nobody may read in what programs print.
#[derive(Default)]
pub(crate) struct Hidden(Vec<Secret>);

impl Hidden {
    pub(crate) fn new<'a>(secrets: impl Iterator<Item = &'a Secret>) -> Self {
        // A file's last line end is not printed with it.
        let trimmed = secrets.map(|secret| Secret::new(secret.expose().trim_end_matches(['\n', '\r'])));
        Self(trimmed.filter(|secret| !secret.expose().is_empty()).collect())
    }

    /// A text without the secrets.
    pub(crate) fn remove(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret.expose(), "****"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_become_lines() {
        let mut lines = Lines::default();
        assert_eq!(lines.add(b"one\ntw"), ["one"]);
        assert_eq!(lines.add(b"o\r\n\n10%\r20%"), ["two", ""]);
        assert_eq!(lines.end().as_deref(), Some("20%"));
        assert_eq!(lines.end(), None);
        assert_eq!(lines.add(&vec![b'x'; LONGEST + 1]).len(), 1);
    }

    #[test]
    fn the_last_lines_are_kept_and_secrets_are_not() {
        let mut tail = Tail::default();
        (0..TAIL + 2).for_each(|number| tail.add(&number.to_string()));
        assert!(tail.text().starts_with("2\n3\n") && tail.text().ends_with(&format!("\n{}", TAIL + 1)));
        let hidden = Hidden::new([Secret::new("word\n"), Secret::new("")].iter());
        assert_eq!(hidden.remove("a word of words"), "a **** of ****s");
    }
}
