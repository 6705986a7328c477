//! Values that must not be seen: types that cannot be printed.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A secret text. Its `Debug` form hides it, it has no `Display`, and it does not serialise.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

impl Secret {
    /// Takes a secret in.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// An address that may hold a user name and a password, or a token of a conda channel: printed and serialised without them.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretUrl(Secret);

impl SecretUrl {
    /// Takes an address in.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(Secret::new(text))
    }

    /// The complete address, for the one place that needs it.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// The address without user name, password and token.
    pub fn redacted(&self) -> String {
        let mut shown = self.expose().to_owned();
        // From the end, so that places in front stay what they are.
        for range in token_range(self.expose()).into_iter().chain(self.credentials_range()) {
            shown.replace_range(range, "****");
        }
        shown
    }

    /// User name and password as they stand in the address; none where there are none.
    pub fn credentials(&self) -> Option<Secret> {
        self.credentials_range()
            .filter(|range| !range.is_empty())
            .map(|range| Secret::new(&self.expose()[range]))
    }

    fn credentials_range(&self) -> Option<Range<usize>> {
        let start = self.expose().find("://")? + "://".len();
        let rest = &self.expose()[start..];
        let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
        authority.rfind('@').map(|at| start..start + at)
    }
}

/// Where the token of a channel stands in an address: `https://HOST/t/TOKEN/CHANNEL`, with whatever folders in front.
pub(crate) fn token_range(address: &str) -> Option<Range<usize>> {
    let path = address.find("://")? + "://".len();
    let path = path + address[path..].find('/')?;
    let start = path + address[path..].find("/t/")? + "/t/".len();
    let token = address[start..].split(['/', '?', '#']).next().unwrap_or_default();
    (!token.is_empty()).then(|| start..start + token.len())
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.redacted())
    }
}

impl fmt::Display for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.redacted())
    }
}

impl Serialize for SecretUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.redacted())
    }
}

impl<'de> Deserialize<'de> for SecretUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_show() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "Secret(…)");
        let cases = [
            ("https://mirror.example/simple", "https://mirror.example/simple"),
            ("https://me:pass@mirror.example/simple", "https://****@mirror.example/simple"),
            ("https://me:p@ss@mirror.example/a@b", "https://****@mirror.example/a@b"),
            ("https://token@mirror.example", "https://****@mirror.example"),
            ("mirror.example/a@b", "mirror.example/a@b"),
            ("https://mirror.example/t/tk-1/team", "https://mirror.example/t/****/team"),
            ("https://mirror.example/conda/t/tk-1", "https://mirror.example/conda/t/****"),
            ("https://me:word@mirror.example/t/tk-1/team", "https://****@mirror.example/t/****/team"),
            ("https://mirror.example/t", "https://mirror.example/t"),
            ("https://mirror.example/t/", "https://mirror.example/t/"),
            ("https://mirror.example/at/x", "https://mirror.example/at/x"),
        ];
        for (text, shown) in cases {
            let url = SecretUrl::new(text);
            assert_eq!(url.to_string(), shown);
            assert_eq!(format!("{url:?}"), shown);
            assert_eq!(serde_json::to_string(&url).unwrap(), format!("\"{shown}\""));
            assert_eq!(url.expose(), text);
        }
    }
}
