//! Where the file or tree of a package is to be had.

use std::fmt;

/// An address that may hold a password. It shows itself without.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Address(String);

impl Address {
    /// Takes an address as it was written.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The whole address, for whoever uses it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The address without user name and password. That of git over SSH is left: it is no secret, and part of the
    /// address.
    pub fn without_credentials(&self) -> String {
        let Some((scheme, rest)) = self.0.split_once("://") else { return self.0.clone() };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        match authority.rsplit_once('@') {
            Some(("git", _)) if scheme.ends_with("ssh") => self.0.clone(),
            Some((_, host)) => format!("{scheme}://{host}{path}"),
            None => self.0.clone(),
        }
    }

    /// Last part of the path, decoded.
    fn file_name(&self) -> Option<String> {
        let path = self.0.split(['?', '#']).next().unwrap_or_default();
        let path = path.split_once("://").map_or(path, |(_, rest)| rest);
        let (_, last) = path.rsplit_once('/')?;
        percent_decoded(last)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.without_credentials())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.without_credentials())
    }
}

/// An address, or a path that counts from the folder of the lock.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Location {
    /// It is fetched.
    Url(Address),
    /// It lies beside the lock, or anywhere on this machine.
    Path(String),
}

impl Location {
    /// The name of the file there, if it is one that a file can have.
    pub fn file_name(&self) -> Option<String> {
        let name = match self {
            Self::Url(address) => address.file_name()?,
            Self::Path(path) => path.rsplit(['/', '\\']).next().unwrap_or_default().to_owned(),
        };
        is_file_name(&name).then_some(name)
    }
}

/// Whether `text` names a file in whatever folder it is put in.
pub(super) fn is_file_name(text: &str) -> bool {
    let special = text.is_empty() || text == "." || text == "..";
    !special && text.len() <= 255 && !text.chars().any(|c| c.is_control() || matches!(c, '/' | '\\'))
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first == b'%' {
            let (digits, after) = rest.split_at_checked(2)?;
            bytes.extend(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
            rest = after;
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).ok()
}
