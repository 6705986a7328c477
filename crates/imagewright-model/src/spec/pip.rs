//! Python packages of a spec.

use serde::{Deserialize, Serialize};

use super::{LockedPip, Origin, PipRequirement};

/// The Python packages of a spec.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PipSpec {
    /// What is asked for, sorted, each once. Where there is a lock, it holds all of these.
    pub requirements: Vec<PipRequirement>,
    /// What holds for packages that others bring along.
    pub constraints: Vec<PipRequirement>,
    /// The versions of Python a `pyproject.toml` asks for.
    pub requires_python: Vec<RequiresPython>,
    /// A lock that is to be installed exactly, without solving.
    pub locked: Option<LockedPip>,
    /// Where packages come from and which of their files may be taken.
    pub options: PipOptions,
}

impl PipSpec {
    /// Whether Python packages are asked for at all.
    pub fn is_empty(&self) -> bool {
        self.requirements.is_empty() && self.locked.is_none()
    }
}

/// The versions of Python that something asks for, as `>=3.11`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RequiresPython {
    /// The specifiers as they were written.
    pub text: String,
    /// Where they were written.
    pub origin: Origin,
}

/// Where Python packages come from and which of their files may be taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PipOptions {
    /// The index instead of the configured one.
    pub index: Option<String>,
    /// Further indexes, in order.
    pub extra_indexes: Vec<String>,
    /// Pages with links to distributions.
    pub find_links: Vec<String>,
    /// Whether only `find_links` are looked at.
    pub no_index: bool,
    /// Whether pre-releases count; default: no.
    pub pre: Option<bool>,
    /// Packages that must be built from source; `:all:` for every one.
    pub no_binary: Vec<String>,
    /// Packages that must not be built from source; `:all:` for every one.
    pub only_binary: Vec<String>,
    /// Whether every package must be given with its hash.
    pub require_hashes: bool,
}

impl PipOptions {
    /// Lays `upper` over these: single values replace, lists grow.
    pub(super) fn merge(&mut self, upper: Self) {
        self.index = upper.index.or(self.index.take());
        self.pre = upper.pre.or(self.pre);
        self.no_index |= upper.no_index;
        self.require_hashes |= upper.require_hashes;
        append_new(&mut self.extra_indexes, upper.extra_indexes);
        append_new(&mut self.find_links, upper.find_links);
        append_new(&mut self.no_binary, upper.no_binary);
        append_new(&mut self.only_binary, upper.only_binary);
    }
}

fn append_new(list: &mut Vec<String>, more: Vec<String>) {
    for entry in more {
        if !list.contains(&entry) {
            list.push(entry);
        }
    }
}
