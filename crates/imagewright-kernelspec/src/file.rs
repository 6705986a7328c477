//! Files of a kernelspec's folder.

use std::collections::BTreeMap;

/// A file, with what the gateway's machine needs to know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// What is in it.
    pub contents: Vec<u8>,
    /// Whether it is a program.
    pub is_program: bool,
}

/// Files by their path, relative to the folder, with `/` between its parts.
pub type Files = BTreeMap<String, File>;

impl File {
    /// A text that is read.
    pub fn text(contents: &str) -> Self {
        Self { contents: contents.as_bytes().to_vec(), is_program: false }
    }

    /// A script that is started.
    pub fn program(contents: &str) -> Self {
        Self { is_program: true, ..Self::text(contents) }
    }

    /// Its rights on disk and in images.
    pub fn mode(&self) -> u32 {
        if self.is_program { 0o755 } else { 0o644 }
    }
}
