//! What earlier builds found out, by content: solutions of package managers and results of steps.
//!
//! A solution is keyed by what was asked on which image so far; a result by that image and the *solved* packages.
//! So a changed comment or another order of the list asks again and finds the same result, and an unchanged
//! list asks nobody.

use imagewright_oci::Digest;
use imagewright_store::{Store, StoreError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::draft::DraftLayer;

/// Raised whenever a step of the same key would give another layer than before.
const STEP_VERSION: u32 = 1;

/// A package as a package manager solved it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct SolvedPackage {
    pub(crate) name: String,
    pub(crate) version: String,
    /// `amd64`, `all`; empty where the ecosystem has no such thing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) architecture: String,
    /// SHA-256 of each artefact that may be taken, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) sha256: Vec<String>,
}

/// What a step came to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StepResult {
    /// The layer; none where nothing changed.
    pub(crate) layer: Option<DraftLayer>,
    /// A folder that goes first on the image's search path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) path_prefix: Option<String>,
}

/// The digest of what makes two steps equal.
pub(crate) fn key(kind: &str, parts: &impl Serialize) -> Digest {
    let versions = (STEP_VERSION, imagewright_layer::TRANSFORM_VERSION);
    let text = serde_json::to_vec(&(kind, versions, parts)).expect("keys are plain data");
    Digest::of(&text)
}

/// A solution found earlier.
pub(crate) fn solution<T: DeserializeOwned>(
    store: &Store,
    kind: &str,
    key: &Digest,
) -> Result<Option<T>, StoreError> {
    store.get_fact(&format!("{kind}-solution"), key)
}

/// Remembers a solution.
pub(crate) fn remember_solution<T: Serialize>(
    store: &Store,
    kind: &str,
    key: &Digest,
    solution: &T,
) -> Result<(), StoreError> {
    store.put_fact(&format!("{kind}-solution"), key, solution)
}

/// A result found earlier whose layer is still there.
pub(crate) fn result(store: &Store, key: &Digest) -> Result<Option<StepResult>, StoreError> {
    let known: Option<StepResult> = store.get_fact("step", key)?;
    let is_stored = |layer: &DraftLayer| store.has_blob(&layer.descriptor.digest);
    Ok(known.filter(|result| result.layer.as_ref().is_none_or(is_stored)))
}

/// Remembers a result.
pub(crate) fn remember_result(store: &Store, key: &Digest, result: &StepResult) -> Result<(), StoreError> {
    store.put_fact("step", key, result)
}
