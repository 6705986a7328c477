//! What each kind of fact must be: read strictly, and written in one way.

use imagewright_conda::package::{Installed, InstalledPython};
use imagewright_layer::LayerPath;
use imagewright_model::package::PackageRecord;
use imagewright_oci::{Algorithm, Descriptor, Digest, MediaType};
use imagewright_store::Store;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

use super::error::FactsError;
use crate::conda::{CONDA_BYTECODE, CONDA_FILES, CONDA_LAYER, CONDA_PYTHON, Compiled, CondaLayer};
use crate::inventory::{LAYER_PACKAGES, LayerPackages};
use crate::package_layer::{JOINED, JoinedLayer, PackageLayer};
use crate::pip::{BYTECODE, WHEEL_FILES, WHEEL_LAYER, WheelBytecode, WheelLayer};

/// No name or version is longer.
const LONGEST_NAME: usize = 1024;
/// The bits of a mode that files have.
const MODE: u32 = 0o7777;

/// What is wrong with a fact.
#[derive(Debug, thiserror::Error)]
pub enum ShapeError {
    /// It has other fields.
    #[error("it has other fields than such facts have")]
    Fields(#[source] serde_json::Error),
    /// It has fields besides those that are known.
    #[error("it says more than this version understands")]
    Surplus,
    /// One of its fields cannot be true.
    #[error("{0} cannot be true")]
    Untrue(&'static str),
}

/// A fact that holds in every store.
pub(super) enum Portable {
    Packages(LayerPackages),
    WheelFiles(Vec<String>),
    CondaFiles(Installed),
    CondaPython(InstalledPython),
    Wheel(Box<WheelLayer>),
    Conda(Box<CondaLayer>),
    Bytecode(WheelBytecode),
    CondaBytecode(Compiled),
    Joined(JoinedLayer),
}

impl Portable {
    /// Reads a fact of another store and checks all that can be checked without its package.
    pub(super) fn read(kind: &'static str, key: &Digest, text: &str) -> Result<Self, FactsError> {
        let read = || {
            let value: Value = serde_json::from_str(text).map_err(ShapeError::Fields)?;
            let fact = Self::from_value(kind, &value)?;
            // What is not understood could change what the rest means.
            if fact.to_value() != value {
                return Err(ShapeError::Surplus);
            }
            fact.check(key)?;
            Ok(fact)
        };
        read().map_err(|source| FactsError::Shape { kind, key: key.clone(), source })
    }

    fn from_value(kind: &'static str, value: &Value) -> Result<Self, ShapeError> {
        fn of<T: DeserializeOwned>(value: &Value) -> Result<T, ShapeError> {
            T::deserialize(value).map_err(ShapeError::Fields)
        }
        Ok(match kind {
            LAYER_PACKAGES => Self::Packages(of(value)?),
            WHEEL_FILES => Self::WheelFiles(of(value)?),
            CONDA_FILES => Self::CondaFiles(of(value)?),
            CONDA_PYTHON => Self::CondaPython(of(value)?),
            WHEEL_LAYER => Self::Wheel(of(value)?),
            CONDA_LAYER => Self::Conda(of(value)?),
            BYTECODE => Self::Bytecode(of(value)?),
            CONDA_BYTECODE => Self::CondaBytecode(of(value)?),
            JOINED => Self::Joined(of(value)?),
            other => unreachable!("`{other}` is in the list of kinds"),
        })
    }

    /// A fact of this store, where it is one that others can use: one of an older version, or one that is damaged, is not.
    pub(super) fn of_store(
        store: &Store,
        kind: &'static str,
        key: &Digest,
    ) -> Result<Option<Self>, FactsError> {
        let Some(value) = store.peek_fact::<Value>(kind, key)? else { return Ok(None) };
        let fact = Self::from_value(kind, &value).ok();
        Ok(fact.filter(|fact| fact.to_value() == value && fact.check(key).is_ok()))
    }

    fn to_value(&self) -> Value {
        fn of(fact: &impl Serialize) -> Value {
            serde_json::to_value(fact).expect("facts are plain data")
        }
        match self {
            Self::Packages(fact) => of(fact),
            Self::WheelFiles(fact) => of(fact),
            Self::CondaFiles(fact) => of(fact),
            Self::CondaPython(fact) => of(fact),
            Self::Wheel(fact) => of(fact),
            Self::Conda(fact) => of(fact),
            Self::Bytecode(fact) => of(fact),
            Self::CondaBytecode(fact) => of(fact),
            Self::Joined(fact) => of(fact),
        }
    }

    /// Its text in a bundle.
    pub(super) fn to_raw(&self) -> Box<RawValue> {
        serde_json::value::to_raw_value(&self.to_value()).expect("facts are plain data")
    }

    /// Files it.
    pub(super) fn put(&self, store: &Store, kind: &'static str, key: &Digest) -> Result<(), FactsError> {
        Ok(store.put_fact(kind, key, &self.to_value())?)
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.to_value() == other.to_value()
    }

    /// The layer that it is about, where it says one.
    pub(super) fn layer(&self) -> Option<&Descriptor> {
        let layer = match self {
            Self::Wheel(fact) => &fact.layer,
            Self::Conda(fact) => &fact.layer,
            Self::Bytecode(fact) => fact.layer.as_ref()?,
            Self::CondaBytecode(fact) => fact.layer.as_ref()?,
            Self::Joined(fact) => &fact.layer,
            Self::Packages(_) | Self::WheelFiles(_) | Self::CondaFiles(_) | Self::CondaPython(_) => {
                return None;
            }
        };
        Some(&layer.layer.descriptor)
    }

    fn check(&self, key: &Digest) -> Result<(), ShapeError> {
        match self {
            Self::Packages(fact) => fact.packages.iter().try_for_each(check_record),
            Self::WheelFiles(paths) => check_paths(paths),
            Self::CondaFiles(files) => check_paths(&files.files()),
            Self::CondaPython(python) => check_paths([&python.site_packages]),
            Self::Wheel(fact) => {
                check_name(&fact.name)?;
                check_name(&fact.version)?;
                check_record(&fact.record)?;
                check_layer(&fact.layer)
            }
            Self::Conda(fact) => {
                check_record(&fact.record)?;
                check_layer(&fact.layer)
            }
            Self::Bytecode(fact) => fact.layer.iter().try_for_each(check_layer),
            Self::CondaBytecode(fact) => {
                check(fact.package.is_some(), "its package")?;
                check_paths(&fact.paths)?;
                fact.layer.iter().try_for_each(check_layer)
            }
            Self::Joined(fact) => {
                check_layer(&fact.layer)?;
                check(fact.parts.len() > 1, "its number of parts")?;
                let mut lengths = fact.parts.iter().map(|part| part.length);
                let sum = lengths.try_fold(0_u64, u64::checked_add);
                check(sum == Some(fact.layer.segment()), "the length of its parts")?;
                // One that was made by other versions has another key, and no build would ask for it.
                check(fact.key() == *key, "its key")
            }
        }
    }
}

fn check(holds: bool, what: &'static str) -> Result<(), ShapeError> {
    if holds { Ok(()) } else { Err(ShapeError::Untrue(what)) }
}

fn check_name(text: &str) -> Result<(), ShapeError> {
    check(!text.is_empty() && text.len() <= LONGEST_NAME, "its name or version")
}

fn check_record(record: &PackageRecord) -> Result<(), ShapeError> {
    check_name(&record.name)?;
    check(record.clone().bounded() == *record, "what its package says of itself")
}

/// Paths as layers have them, without a slash at either end.
fn check_paths<'p>(paths: impl IntoIterator<Item = &'p String>) -> Result<(), ShapeError> {
    let is_path =
        |path: &String| LayerPath::parse(path.as_bytes()).is_ok_and(|parsed| parsed.to_string() == *path);
    check(paths.into_iter().all(is_path), "a path")
}

fn check_layer(layer: &PackageLayer) -> Result<(), ShapeError> {
    let PackageLayer { layer, uncompressed_size: _, folders, head, end } = layer;
    let descriptor = &layer.descriptor;
    let plain = Descriptor::new(descriptor.media_type.clone(), descriptor.digest.clone(), descriptor.size);
    check(*descriptor == plain, "its descriptor")?;
    let types = [MediaType::Layer, MediaType::LayerGzip, MediaType::LayerZstd];
    check(types.contains(&descriptor.media_type), "the type of its layer")?;
    let digests = [&descriptor.digest, layer.diff_id.digest()];
    check(digests.iter().all(|digest| digest.algorithm() == Algorithm::Sha256), "the digest of its layer")?;
    check(head <= end && *end <= descriptor.size, "where its parts end")?;
    check(folders.iter().all(|folder| folder.mode & !MODE == 0), "the mode of a folder")?;
    check(folders.windows(2).all(|pair| pair[0].path < pair[1].path), "the order of its folders")?;
    check_paths(folders.iter().map(|folder| &folder.path))
}
