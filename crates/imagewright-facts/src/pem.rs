//! The text form of keys (RFC 7468), as openssl and others have it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Characters of a line.
const WIDTH: usize = 64;

/// Writes a block.
pub(crate) fn encode(label: &str, bytes: &[u8]) -> String {
    let text = STANDARD.encode(bytes);
    let mut block = format!("-----BEGIN {label}-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(WIDTH));
        block.push_str(line);
        block.push('\n');
        rest = more;
    }
    block + &format!("-----END {label}-----\n")
}

/// The bytes of the only block in a text, which must have this label. What stands before and behind it is for people.
pub(crate) fn decode(label: &str, text: &str) -> Option<Vec<u8>> {
    let (_, inner) = text.split_once(&format!("-----BEGIN {label}-----"))?;
    let (inner, rest) = inner.split_once(&format!("-----END {label}-----"))?;
    if rest.contains("-----BEGIN ") {
        return None;
    }
    let inner: String = inner.split_whitespace().collect();
    STANDARD.decode(inner).ok()
}
