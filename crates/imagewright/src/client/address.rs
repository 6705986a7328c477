//! Addresses: of servers, and below them.

use imagewright_model::ErrorKind;

use crate::failure::Failure;

/// An address as it is kept: with a scheme, without a slash at its end.
pub(crate) fn normalised(address: &str) -> Result<String, Failure> {
    let (scheme, rest) = address.trim().split_once("://").unwrap_or(("https", address.trim()));
    let rest = rest.trim_end_matches('/');
    if !matches!(scheme, "http" | "https") || rest.is_empty() {
        let text = format!("`{address}` is not the address of a server");
        return Err(Failure::new(ErrorKind::Usage, text).with_hint("write `https://HOST[:PORT]`"));
    }
    Ok(format!("{scheme}://{rest}"))
}

/// A path below `/api/v1`, with what stands behind its question mark.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    text: String,
    has_query: bool,
}

impl Path {
    /// A path without a question mark.
    pub(crate) fn new(path: impl Into<String>) -> Self {
        Self { text: path.into(), has_query: false }
    }

    /// The path with a value, if there is one.
    pub(crate) fn with(mut self, name: &str, value: Option<&str>) -> Self {
        if let Some(value) = value {
            self.text.push(if self.has_query { '&' } else { '?' });
            self.text.push_str(&format!("{name}={}", in_address(value)));
            self.has_query = true;
        }
        self
    }

    /// The path with a truth, if it holds.
    pub(crate) fn when(self, name: &str, holds: bool) -> Self {
        self.with(name, holds.then_some("true"))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }
}

/// A text as it stands in addresses.
pub(crate) fn in_address(text: &str) -> String {
    let mut written = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => written.push(byte.into()),
            other => written.push_str(&format!("%{other:02X}")),
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_behind_the_question_mark() {
        let path = Path::new("/images").with("a", None).with("search", Some("x & y")).when("b", false);
        assert_eq!(path.when("c", true).as_str(), "/images?search=x%20%26%20y&c=true");
    }

    #[test]
    fn addresses_are_written_in_one_way() {
        assert_eq!(normalised("images.example/").unwrap(), "https://images.example");
        assert_eq!(normalised("http://127.0.0.1:8340/").unwrap(), "http://127.0.0.1:8340");
        for wrong in ["", "ftp://images.example", "https://"] {
            normalised(wrong).unwrap_err();
        }
    }
}
