//! What registries say when they refuse: the error envelope of the distribution spec.

use std::fmt;
use std::io::Read;

use serde::Deserialize;

/// The longest error answer that is read.
const LONGEST_ANSWER: u64 = 64 * 1024;
/// The longest message that is shown.
const LONGEST_MESSAGE: usize = 400;

/// A status and what the registry says about it, fit to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The registry's code, as `NAME_UNKNOWN`, where it gave one.
    pub code: Option<String>,
    /// The registry's words, where it gave some.
    pub message: Option<String>,
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(default)]
    errors: Vec<Entry>,
    /// Token servers use a short form of their own.
    #[serde(default)]
    details: Option<String>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

impl Answer {
    /// Reads the body of a refusal; whatever is not an envelope is left out.
    pub(crate) fn read(status: u16, body: impl Read) -> Self {
        let mut bytes = Vec::new();
        // An answer that breaks off still has its status.
        let read = body.take(LONGEST_ANSWER).read_to_end(&mut bytes);
        let envelope = read.ok().and_then(|_| serde_json::from_slice::<Envelope>(&bytes).ok());
        let Some(envelope) = envelope else { return Self { status, code: None, message: None } };
        let first = envelope.errors.into_iter().next();
        let (code, message) =
            first.map_or((String::new(), String::new()), |entry| (entry.code, entry.message));
        let message = if message.is_empty() { envelope.details.unwrap_or_default() } else { message };
        Self { status, code: shown(&code), message: shown(&message) }
    }
}

/// The text without control characters and of bounded length; `None` when nothing is left.
fn shown(text: &str) -> Option<String> {
    let clean: String = text.chars().filter(|c| !c.is_control()).take(LONGEST_MESSAGE).collect();
    let clean = clean.trim();
    (!clean.is_empty()).then(|| clean.to_owned())
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.code, &self.message) {
            (Some(code), Some(message)) => write!(f, "{code}: {message} (status {})", self.status),
            (Some(text), None) | (None, Some(text)) => write!(f, "{text} (status {})", self.status),
            (None, None) => write!(f, "status {}", self.status),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn envelopes_are_shown_and_anything_else_is_a_status() {
        let cases = [
            (
                r#"{"errors":[{"code":"NAME_UNKNOWN","message":"repository unknown"}]}"#,
                "NAME_UNKNOWN: repository unknown (status 404)",
            ),
            (r#"{"errors":[{"code":"DENIED"}]}"#, "DENIED (status 404)"),
            ("{\"errors\":[{\"message\":\"a\\u001b[31m\\nb\"}]}", "a[31mb (status 404)"),
            (
                r#"{"details":"incorrect username or password"}"#,
                "incorrect username or password (status 404)",
            ),
            (r#"{"errors":[]}"#, "status 404"),
            ("<html>", "status 404"),
            ("", "status 404"),
        ];
        for (body, text) in cases {
            assert_eq!(Answer::read(404, body.as_bytes()).to_string(), text, "{body}");
        }
    }
}
