//! The lines of a body.

use imagewright_oci::{Digest, Reference};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A line of the body of a bundle.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Line {
    /// Where a layer can be had. All of these come before the facts, so that no fact is taken in whose layer is nowhere.
    Place(Place),
    /// A fact.
    Fact(Fact),
}

/// Where a layer can be had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The layer.
    pub layer: Digest,
    /// Repositories that have it, the best first.
    pub at: Vec<Reference>,
}

/// A fact as stores file it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fact {
    /// What kind of fact it is.
    pub kind: String,
    /// What it is filed under.
    pub key: Digest,
    /// What it says; the shape is the kind's.
    pub value: Box<RawValue>,
}
