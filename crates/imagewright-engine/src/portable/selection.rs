//! Which facts of a store are taken along: all that hold elsewhere, or those behind certain images.

use std::collections::{BTreeMap, BTreeSet};

use imagewright_oci::{Descriptor, Digest};
use imagewright_store::Store;

use super::error::FactsError;
use super::shape::Portable;
use crate::cancel::Cancel;
use crate::conda::{CONDA_BYTECODE, CONDA_FILES, CONDA_LAYER, CONDA_PYTHON, python_key};
use crate::inventory::LAYER_PACKAGES;
use crate::package_layer::JOINED;
use crate::pip::{BYTECODE, WHEEL_FILES, WHEEL_LAYER};

/// The facts that were chosen.
#[derive(Default)]
pub(super) struct Selection {
    /// Keys by kind.
    keys: BTreeMap<&'static str, BTreeSet<Digest>>,
    /// The layers that they name.
    pub(super) layers: BTreeMap<Digest, Descriptor>,
    /// Layers of images and those that were joined to them; none where all are wanted.
    wanted: Option<BTreeSet<Digest>>,
}

impl Selection {
    /// Chooses the facts behind these layers; without any, all.
    pub(super) fn of(
        store: &Store,
        layers: Option<BTreeSet<Digest>>,
        cancel: &Cancel,
    ) -> Result<Self, FactsError> {
        let mut selection = Self { wanted: layers, ..Self::default() };
        selection.joined(store, cancel)?;
        let wheels = selection.wheels(store, cancel)?;
        let packages = selection.conda_packages(store, cancel)?;
        selection.bytecode(store, &wheels, &packages, cancel)?;
        selection.layer_packages(store)?;
        Ok(selection)
    }

    /// The keys of a kind, sorted.
    pub(super) fn keys(&self, kind: &'static str) -> impl Iterator<Item = &Digest> {
        self.keys.get(kind).into_iter().flatten()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }

    fn wants(&self, layer: &Digest) -> bool {
        self.wanted.as_ref().is_none_or(|wanted| wanted.contains(layer))
    }

    fn add(&mut self, kind: &'static str, key: &Digest, layer: Option<&Descriptor>) {
        self.keys.entry(kind).or_default().insert(key.clone());
        self.layers.extend(layer.map(|layer| (layer.digest.clone(), layer.clone())));
    }

    fn joined(&mut self, store: &Store, cancel: &Cancel) -> Result<(), FactsError> {
        let mut parts = Vec::new();
        each(store, JOINED, cancel, |key, fact| {
            if let Portable::Joined(joined) = &fact
                && self.wants(joined.layer.digest())
            {
                parts.extend(joined.parts.iter().map(|part| part.layer.clone()));
                self.add(JOINED, key, fact.layer());
            }
            Ok(())
        })?;
        self.wanted.iter_mut().for_each(|wanted| wanted.extend(parts.iter().cloned()));
        Ok(())
    }

    /// Gives the hashes of the wheels.
    fn wheels(&mut self, store: &Store, cancel: &Cancel) -> Result<BTreeSet<Digest>, FactsError> {
        let mut hashes = BTreeSet::new();
        each(store, WHEEL_LAYER, cancel, |key, fact| {
            let Portable::Wheel(wheel) = &fact else { return Ok(()) };
            if self.wants(wheel.layer.digest()) && Portable::of_store(store, WHEEL_FILES, key)?.is_some() {
                hashes.insert(wheel.hash.clone());
                self.add(WHEEL_LAYER, key, fact.layer());
                self.add(WHEEL_FILES, key, None);
            }
            Ok(())
        })?;
        Ok(hashes)
    }

    /// Gives what the layers of the packages are filed under.
    fn conda_packages(&mut self, store: &Store, cancel: &Cancel) -> Result<BTreeSet<Digest>, FactsError> {
        let mut keys = BTreeSet::new();
        each(store, CONDA_LAYER, cancel, |key, fact| {
            let Portable::Conda(conda) = &fact else { return Ok(()) };
            if !self.wants(conda.layer.digest()) || Portable::of_store(store, CONDA_FILES, key)?.is_none() {
                return Ok(());
            }
            keys.insert(key.clone());
            self.add(CONDA_LAYER, key, fact.layer());
            self.add(CONDA_FILES, key, None);
            let hash = conda.package.sha256().filter(|_| conda.package.name() == "python");
            if let Some(key) = hash.map(|hash| python_key(hash.hex()))
                && Portable::of_store(store, CONDA_PYTHON, &key)?.is_some()
            {
                self.add(CONDA_PYTHON, &key, None);
            }
            Ok(())
        })?;
        Ok(keys)
    }

    /// What has no modules has no layer, and that is worth knowing too.
    fn bytecode(
        &mut self,
        store: &Store,
        wheels: &BTreeSet<Digest>,
        packages: &BTreeSet<Digest>,
        cancel: &Cancel,
    ) -> Result<(), FactsError> {
        for kind in [BYTECODE, CONDA_BYTECODE] {
            each(store, kind, cancel, |key, fact| {
                let is_of_these = match &fact {
                    Portable::Bytecode(fact) => wheels.contains(&fact.wheel),
                    Portable::CondaBytecode(fact) => {
                        fact.package.as_ref().is_some_and(|package| packages.contains(package))
                    }
                    _ => false,
                };
                if is_of_these && fact.layer().is_none_or(|layer| self.wants(&layer.digest)) {
                    self.add(kind, key, fact.layer());
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    fn layer_packages(&mut self, store: &Store) -> Result<(), FactsError> {
        let mut known = Vec::new();
        for layer in self.layers.keys() {
            if Portable::of_store(store, LAYER_PACKAGES, layer)?.is_some() {
                known.push(layer.clone());
            }
        }
        known.iter().for_each(|layer| self.add(LAYER_PACKAGES, layer, None));
        Ok(())
    }
}

/// Hands on each fact of a kind that others can use.
fn each(
    store: &Store,
    kind: &'static str,
    cancel: &Cancel,
    mut take: impl FnMut(&Digest, Portable) -> Result<(), FactsError>,
) -> Result<(), FactsError> {
    for key in store.fact_keys(kind)? {
        if cancel.is_cancelled() {
            return Err(FactsError::Cancelled);
        }
        if let Some(fact) = Portable::of_store(store, kind, &key)? {
            take(&key, fact)?;
        }
    }
    Ok(())
}
