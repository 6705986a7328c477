//! Identities of kernels, and of whoever speaks to them.

use std::fmt;

/// A kernel's identity: a UUID of version 4. Enterprise Gateway takes one from whoever starts a kernel, so that the kernel can be
/// ended even if the answer is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelId(String);

impl KernelId {
    /// A new one, from the system's random source.
    ///
    /// # Panics
    ///
    /// When the system has no random numbers.
    pub fn random() -> Self {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("the system has random numbers");
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
        Self(parts.join("-"))
    }

    /// One that somebody else chose; none, if it could not stand in an address as it is.
    pub fn parse(text: &str) -> Option<Self> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let is_one = (1..=128).contains(&text.len()) && text.bytes().all(is_plain) && !text.starts_with('.');
        is_one.then(|| Self(text.to_owned()))
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KernelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_have_the_form_that_is_asked_for() {
        let id = KernelId::random();
        let lengths: Vec<usize> = id.as_str().split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12], "{id}");
        assert_eq!(&id.as_str()[14..15], "4");
        assert!("89ab".contains(&id.as_str()[19..20]), "{id}");
        assert_ne!(id, KernelId::random());
    }

    #[test]
    fn what_would_lead_elsewhere_is_none() {
        for wrong in ["", "..", "../../x", "a/b", "a?b", "a b", "%2e", &"a".repeat(200)] {
            assert_eq!(KernelId::parse(wrong), None, "{wrong}");
        }
        assert_eq!(KernelId::parse("a-1_b.c").unwrap().as_str(), "a-1_b.c");
    }
}
