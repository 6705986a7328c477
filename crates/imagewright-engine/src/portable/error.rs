//! What can go wrong with bundles of facts.

use imagewright_facts::{BundleError, KeyError, PublicKey};
use imagewright_model::ErrorKind;
use imagewright_oci::{Digest, Reference};
use imagewright_store::{Store, StoreError};

use super::shape::ShapeError;

/// Why facts could not be taken out of a store, or into it.
#[derive(Debug, thiserror::Error)]
pub enum FactsError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The bundle is not one, is damaged, or is not trusted.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// A key is none.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Nothing is known that other stores could use.
    #[error("there are no facts about packages to export")]
    Nothing,
    /// A registry that was named has nothing of it.
    #[error("`{place}` has none of the layers of which there are facts")]
    NothingAt {
        /// The repository.
        place: Box<Reference>,
    },
    /// A fact of a kind that is not taken from others.
    #[error("the bundle holds a fact of the kind `{kind}`, which is not taken from other stores")]
    Kind {
        /// The kind.
        kind: String,
    },
    /// A fact that is not what facts of its kind are.
    #[error("the fact `{kind}` about `{key}` is not what such facts are")]
    Shape {
        /// Its kind.
        kind: &'static str,
        /// What it is about.
        key: Digest,
        /// What is wrong.
        source: ShapeError,
    },
    /// A fact that stands twice, or not where it should.
    #[error("the fact `{kind}` about `{key}` is not in its place in the bundle")]
    Disorder {
        /// Its kind.
        kind: &'static str,
        /// What it is about.
        key: Digest,
    },
    /// A fact that relies on another, which is not there.
    #[error("the fact `{kind}` about `{key}` comes without its list of files")]
    Half {
        /// Its kind.
        kind: &'static str,
        /// What it is about.
        key: Digest,
    },
    /// A layer with no place, or with more than are kept.
    #[error("the bundle names {count} places of layer `{layer}`")]
    Places {
        /// The layer.
        layer: Digest,
        /// How many.
        count: usize,
    },
    /// Something else is known here.
    #[error("{count} facts of the bundle contradict what is known here, beginning with `{}`", first.join("`, `"))]
    Conflicts {
        /// How many.
        count: u64,
        /// The first of them.
        first: Vec<String>,
        /// Who signed the bundle.
        signer: Option<PublicKey>,
    },
    /// Somebody asked to stop.
    #[error("cancelled")]
    Cancelled,
}

impl FactsError {
    /// What decides the exit code.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Store(error) => error.kind(),
            Self::Bundle(error) => error.kind(),
            Self::Key(error) => error.kind(),
            Self::Nothing | Self::NothingAt { .. } => ErrorKind::NotFound,
            Self::Kind { .. }
            | Self::Shape { .. }
            | Self::Disorder { .. }
            | Self::Half { .. }
            | Self::Places { .. } => ErrorKind::Invalid,
            Self::Conflicts { .. } => ErrorKind::Conflict,
            Self::Cancelled => ErrorKind::Cancelled,
        }
    }

    /// What may be done about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Store(error) => error.hint(),
            Self::Bundle(error) => error.hint(),
            Self::Key(error) => error.hint(),
            Self::Nothing => {
                Some("build an image with conda or Python packages first, or name other images".to_owned())
            }
            Self::NothingAt { .. } => Some("push the images there first, or leave the place out".to_owned()),
            Self::Kind { .. }
            | Self::Shape { .. }
            | Self::Disorder { .. }
            | Self::Half { .. }
            | Self::Places { .. } => Some("it may be of another version of imagewright: export it anew".to_owned()),
            Self::Conflicts { .. } => Some(
                "one of both is wrong: ask who signed it; --keep-existing takes in the rest and leaves what is here"
                    .to_owned(),
            ),
            Self::Cancelled => None,
        }
    }
}

/// An error of a bundle while it is kept in a file without a name: where that cannot be written, the store's folder is named.
pub(super) fn of_spool(store: &Store, error: BundleError) -> FactsError {
    match error {
        BundleError::Io { action: "write", source } => {
            StoreError::Io { action: "write a file in", path: store.root().to_owned(), source }.into()
        }
        error => error.into(),
    }
}
