//! Addresses that requests go to.

use std::fmt;

use ureq::http::Uri;

use crate::settings::host_of;

/// An absolute `http` or `https` address without user and password in it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Url {
    uri: Uri,
    authority: String,
    https: bool,
}

impl Url {
    /// Reads an absolute address; `None` when it is none, or names a user.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.split('#').next().unwrap_or_default();
        let uri: Uri = text.parse().ok()?;
        let https = match uri.scheme_str()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let authority = uri.authority()?.as_str().to_ascii_lowercase();
        let is_host = !authority.contains('@') && !host_of(&authority).is_empty();
        is_host.then_some(Self { uri, authority, https })
    }

    pub(crate) fn uri(&self) -> &Uri {
        &self.uri
    }

    pub(crate) fn is_https(&self) -> bool {
        self.https
    }

    /// The host without port, and without the brackets of IPv6.
    pub(crate) fn host(&self) -> &str {
        host_of(&self.authority)
    }

    /// The port, that of the scheme where none is named.
    pub(crate) fn port(&self) -> u16 {
        self.uri.port_u16().unwrap_or(if self.https { 443 } else { 80 })
    }

    /// Host and port as they stand there.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// Whether both are served by the same program: scheme, host and port are equal.
    pub(crate) fn has_origin_of(&self, other: &Self) -> bool {
        self.https == other.https && self.host() == other.host() && self.port() == other.port()
    }

    /// Where `location`, complete or relative to this address, leads.
    pub(crate) fn join(&self, location: &str) -> Option<Self> {
        let scheme = if self.https { "https" } else { "http" };
        let authority = &self.authority;
        if location.is_empty() {
            return None;
        }
        if location.starts_with("//") {
            return Self::parse(&format!("{scheme}:{location}"));
        }
        if location.starts_with('/') {
            return Self::parse(&format!("{scheme}://{authority}{location}"));
        }
        if location.split(['/', '?', '#']).next().is_some_and(|first| first.contains(':')) {
            return Self::parse(location);
        }
        let path = self.uri.path();
        if location.starts_with('?') {
            return Self::parse(&format!("{scheme}://{authority}{path}{location}"));
        }
        let folder = &path[..=path.rfind('/').unwrap_or(0)];
        Self::parse(&format!("{scheme}://{authority}{folder}{location}"))
    }

    /// The same address with more parameters in its query.
    pub(crate) fn with_query(&self, parameters: &[(&str, &str)]) -> Self {
        let mut text = self.uri.to_string();
        for (name, value) in parameters {
            text.push(if text.contains('?') { '&' } else { '?' });
            text.push_str(name);
            text.push('=');
            text.push_str(&encoded(value));
        }
        Self::parse(&text).expect("an address with a longer query is one")
    }
}

/// `text` as it may stand in a query or form.
pub(crate) fn encoded(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' | b':' | b',' => {
                result.push(byte as char);
            }
            _ => result.push_str(&format!("%{byte:02X}")),
        }
    }
    result
}

/// Without the query: signatures of storage hosts stand there.
impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.https { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority, self.uri.path())
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_followed_as_browsers_do() {
        let base = Url::parse("https://Registry.example:5000/v2/a/blobs/uploads/1?state=x").unwrap();
        let cases = [
            ("https://other.example/b?q=1", "https://other.example/b?q=1"),
            ("//other.example/b", "https://other.example/b"),
            ("/v2/b", "https://registry.example:5000/v2/b"),
            ("2?state=y", "https://registry.example:5000/v2/a/blobs/uploads/2?state=y"),
            ("?state=z", "https://registry.example:5000/v2/a/blobs/uploads/1?state=z"),
        ];
        for (location, expected) in cases {
            assert_eq!(base.join(location).unwrap().uri().to_string(), expected, "{location}");
        }
        for location in [
            "ftp://a.example/",
            "file:///etc/passwd",
            "javascript:x",
            "https://me:pw@a.example/",
            "http://",
            "https://:80/",
        ] {
            assert!(base.join(location).is_none(), "{location}");
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let url = |text| Url::parse(text).unwrap();
        assert!(url("https://a.example/x").has_origin_of(&url("https://A.example:443/y")));
        for other in ["http://a.example/", "https://a.example:444/", "https://b.example/"] {
            assert!(!url("https://a.example/x").has_origin_of(&url(other)), "{other}");
        }
    }

    #[test]
    fn queries_grow_and_stay_hidden() {
        let url = Url::parse("https://a.example/x?signature=secret").unwrap();
        let longer = url.with_query(&[("digest", "sha256:ab"), ("scope", "a b&c=+%")]);
        assert_eq!(
            longer.uri().to_string(),
            "https://a.example/x?signature=secret&digest=sha256:ab&scope=a%20b%26c%3D%2B%25"
        );
        assert_eq!(longer.to_string(), "https://a.example/x");
        assert_eq!(format!("{longer:?}"), "https://a.example/x");
    }
}
