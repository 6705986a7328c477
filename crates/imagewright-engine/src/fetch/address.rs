//! Addresses taken apart: credentials, hosts, redirects, hosts without a proxy.

use std::fmt::Write as _;
use std::path::Path;

use imagewright_model::SecretUrl;

use super::FetchError;

/// An address that can be fetched from.
pub(super) struct Address {
    whole: SecretUrl,
    scheme: Scheme,
    user_info: Option<String>,
    /// Host and port.
    authority: String,
    /// Path and query; for `file:` the path.
    path: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
    File,
}

impl Address {
    pub(super) fn parse(url: &SecretUrl) -> Result<Self, FetchError> {
        let wrong = || FetchError::Address { url: url.clone() };
        let (scheme, rest) = url.expose().split_once(':').ok_or_else(wrong)?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            "file" => Scheme::File,
            _ => return Err(wrong()),
        };
        if scheme == Scheme::File {
            let path = rest.strip_prefix("//").unwrap_or(rest);
            let path = if path.starts_with('/') { path.to_owned() } else { return Err(wrong()) };
            return Ok(Self { whole: url.clone(), scheme, user_info: None, authority: String::new(), path });
        }
        let rest = rest.strip_prefix("//").ok_or_else(wrong)?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (user_info, authority) = match authority.rsplit_once('@') {
            Some((user_info, authority)) => (Some(user_info.to_owned()), authority),
            None => (None, authority),
        };
        if authority.is_empty() {
            return Err(wrong());
        }
        let path = path.split('#').next().unwrap_or_default();
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { whole: url.clone(), scheme, user_info, authority: authority.to_owned(), path })
    }

    pub(super) fn is_https(&self) -> bool {
        self.scheme == Scheme::Https
    }

    pub(super) fn file_path(&self) -> Option<&Path> {
        (self.scheme == Scheme::File).then(|| Path::new(&self.path))
    }

    /// The host without port, and without the brackets of IPv6.
    pub(super) fn host(&self) -> &str {
        if let Some(rest) = self.authority.strip_prefix('[') {
            return rest.split(']').next().unwrap_or_default();
        }
        self.authority.split(':').next().unwrap_or_default()
    }

    pub(super) fn without_credentials(&self) -> String {
        let scheme = if self.is_https() { "https" } else { "http" };
        format!("{scheme}://{}{}", self.authority, self.path)
    }

    /// The value of the `Authorization` header, when the address holds credentials.
    pub(super) fn authorization(&self) -> Option<String> {
        let user_info = self.user_info.as_deref()?;
        let (user, password) = user_info.split_once(':').unwrap_or((user_info, ""));
        let mut credentials = percent_decoded(user);
        credentials.push(b':');
        credentials.extend(percent_decoded(password));
        Some(format!("Basic {}", base64(&credentials)))
    }

    /// Where a redirect to `location` leads. Credentials go along only to the same host and scheme.
    pub(super) fn join(&self, location: &str) -> Result<Self, FetchError> {
        let scheme = if self.is_https() { "https" } else { "http" };
        let authority = &self.authority;
        let text = if location.contains("://") {
            location.to_owned()
        } else if location.starts_with("//") {
            format!("{scheme}:{location}")
        } else if location.starts_with('/') {
            format!("{scheme}://{authority}{location}")
        } else {
            let path = self.path.split('?').next().unwrap_or_default();
            let folder = &path[..=path.rfind('/').unwrap_or(0)];
            format!("{scheme}://{authority}{folder}{location}")
        };
        let mut next = Self::parse(&SecretUrl::new(text))?;
        let downgrade = self.is_https() && !next.is_https();
        if downgrade || next.scheme == Scheme::File {
            return Err(FetchError::Redirects { url: self.whole.clone() });
        }
        if next.scheme == self.scheme && next.authority == self.authority && next.user_info.is_none() {
            next.user_info.clone_from(&self.user_info);
        }
        Ok(next)
    }
}

/// Hosts that are reached without a proxy.
#[derive(Clone, Debug)]
pub(super) struct NoProxy(Vec<String>);

impl NoProxy {
    /// Reads the usual comma-separated list: names, names with everything below them, `*`.
    pub(super) fn parse(text: &str) -> Self {
        let entries = text.split([',', ' ']).map(str::trim).filter(|entry| !entry.is_empty());
        let name = |entry: &str| entry.trim_start_matches("*.").trim_start_matches('.').to_ascii_lowercase();
        Self(entries.map(name).collect())
    }

    pub(super) fn covers(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        self.0.iter().any(|entry| {
            entry == "*"
                || host == *entry
                || host.strip_suffix(entry.as_str()).is_some_and(|above| above.ends_with('.'))
        })
    }
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if first == b'%' => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    bytes
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for position in 0..4 {
            if position <= chunk.len() {
                let digit = ALPHABET[(bits >> (18 - 6 * position)) as usize & 63];
                text.push(char::from(digit));
            } else {
                text.write_char('=').expect("writing to a string cannot fail");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address::parse(&SecretUrl::new(text)).unwrap()
    }

    #[test]
    fn addresses_are_taken_apart() {
        let cases = [
            ("http://mirror.example", "mirror.example", "http://mirror.example/", None),
            ("https://mirror.example:8080/a?b", "mirror.example", "https://mirror.example:8080/a?b", None),
            ("http://[::1]:80/a#part", "::1", "http://[::1]:80/a", None),
            (
                "http://me:p%40s@mirror.example/",
                "mirror.example",
                "http://mirror.example/",
                Some("Basic bWU6cEBz"),
            ),
            (
                "http://token@mirror.example/",
                "mirror.example",
                "http://mirror.example/",
                Some("Basic dG9rZW46"),
            ),
        ];
        for (text, host, plain, authorization) in cases {
            let address = address(text);
            assert_eq!(address.host(), host);
            assert_eq!(address.without_credentials(), plain);
            assert_eq!(address.authorization().as_deref(), authorization);
        }
        assert_eq!(address("file:/a/b").file_path(), Some(Path::new("/a/b")));
        assert_eq!(address("file:///a/b").file_path(), Some(Path::new("/a/b")));
        for text in
            ["ftp://mirror.example/", "cdrom:[x]/", "http:mirror", "http:///a", "file:a", "mirror.example"]
        {
            assert!(Address::parse(&SecretUrl::new(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn redirects_keep_credentials_at_home() {
        let start = "https://me:pass@mirror.example/a/b?c";
        let cases = [
            ("/d", "https://mirror.example/d", true),
            ("d", "https://mirror.example/a/d", true),
            ("//other.example/d", "https://other.example/d", false),
            ("https://other.example/d", "https://other.example/d", false),
        ];
        for (location, target, keeps) in cases {
            let next = address(start).join(location).unwrap();
            assert_eq!(next.without_credentials(), target);
            assert_eq!(next.authorization().is_some(), keeps, "{location}");
        }
        for location in ["http://mirror.example/d", "file:///etc/passwd"] {
            assert!(address(start).join(location).is_err(), "{location}");
        }
    }

    #[test]
    fn no_proxy_lists_are_read_as_curl_reads_them() {
        let list = NoProxy::parse("localhost, .corp.example,*.lab.example,10.0.0.1");
        for host in ["localhost", "a.corp.example", "corp.example", "X.LAB.example", "10.0.0.1"] {
            assert!(list.covers(host), "{host}");
        }
        for host in ["notlocalhost", "evilcorp.example", "mirror.example", "110.0.0.1"] {
            assert!(!list.covers(host), "{host}");
        }
        assert!(NoProxy::parse("*").covers("mirror.example"));
        assert!(!NoProxy::parse("").covers("mirror.example"));
    }
}
