//! What a token is to allow.

use std::collections::BTreeSet;
use std::fmt;

/// A repository and what is to be done with it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Scope {
    repository: String,
    actions: &'static str,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "repository:{}:{}", self.repository, self.actions)
    }
}

/// Everything one token is to allow; the first repository is the one whose credentials are used.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Scopes {
    /// The repository the request goes to; empty for the registry as a whole.
    pub(crate) repository: String,
    scopes: BTreeSet<Scope>,
}

impl Scopes {
    pub(crate) fn pull(repository: &str) -> Self {
        Self::of(repository, "pull")
    }

    pub(crate) fn push(repository: &str) -> Self {
        Self::of(repository, "pull,push")
    }

    pub(crate) fn delete(repository: &str) -> Self {
        Self::of(repository, "delete")
    }

    /// Pushing here, with blobs mounted from another repository.
    pub(crate) fn mount(repository: &str, from: &str) -> Self {
        let mut scopes = Self::push(repository);
        if from != repository {
            scopes.scopes.insert(Scope { repository: from.to_owned(), actions: "pull" });
        }
        scopes
    }

    fn of(repository: &str, actions: &'static str) -> Self {
        let scope = Scope { repository: repository.to_owned(), actions };
        Self { repository: repository.to_owned(), scopes: BTreeSet::from([scope]) }
    }

    /// The scopes as token servers read them.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.scopes.iter().map(Scope::to_string).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_needs_both_repositories() {
        assert_eq!(Scopes::mount("a", "b").texts(), ["repository:a:pull,push", "repository:b:pull"]);
        assert_eq!(Scopes::mount("a", "a"), Scopes::push("a"));
        assert!(Scopes::default().texts().is_empty());
    }
}
