//! What layers of ours brought: a fact for each layer, by its digest, from which the inventory of an image is joined.
//!
//! It is filed when a layer is made, from what the package says while it is there anyway. A layer without such a fact
//! was made before there were any, or its fact was collected; that is told, for nothing is worse than an inventory
//! that seems complete.

use imagewright_model::package::PackageRecord;
use imagewright_oci::{Digest, ImageConfig, Manifest};
use imagewright_store::{Store, StoreError};
use serde::{Deserialize, Serialize};

use crate::draft::{BY_US, DraftLayer};

/// The kind of the facts about the packages of a layer.
pub(crate) const LAYER_PACKAGES: &str = "layer-packages";

/// The fact.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LayerPackages {
    pub(crate) packages: Vec<PackageRecord>,
}

/// What is known of the packages of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// The packages that layers of ours brought, by kind and name. What a later layer brings in another version is there
    /// once, as it is in the image.
    pub packages: Vec<PackageRecord>,
    /// Layers of ours of which nothing is known.
    pub unknown: Vec<LayerOrigin>,
    /// Layers that others made, and that are not looked into.
    pub foreign: Vec<LayerOrigin>,
}

/// A layer, and what its image says of how it was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LayerOrigin {
    /// Its digest.
    pub digest: Digest,
    /// What made it.
    pub made_by: Option<String>,
}

/// Files what a layer brought, unless that is known.
pub(crate) fn put(store: &Store, layer: &DraftLayer, packages: &[&PackageRecord]) -> Result<(), StoreError> {
    let digest = &layer.descriptor.digest;
    let known: Option<LayerPackages> = store.get_fact(LAYER_PACKAGES, digest)?;
    let packages: Vec<PackageRecord> = packages.iter().map(|package| (*package).clone()).collect();
    match known {
        Some(known) if known.packages == packages => Ok(()),
        _ => store.put_fact(LAYER_PACKAGES, digest, &LayerPackages { packages }),
    }
}

/// Files that a layer brought no package, unless something else is known of it.
pub(crate) fn put_nothing(store: &Store, layer: &DraftLayer) -> Result<(), StoreError> {
    match keep(store, layer)? {
        true => Ok(()),
        false => put(store, layer, &[]),
    }
}

/// Notes that what is known of a layer is in use; tells whether there is something.
pub(crate) fn keep(store: &Store, layer: &DraftLayer) -> Result<bool, StoreError> {
    let known: Option<LayerPackages> = store.get_fact(LAYER_PACKAGES, &layer.descriptor.digest)?;
    Ok(known.is_some())
}

/// Joins what is known of the layers of an image.
pub(crate) fn of_image(
    store: &Store,
    manifest: &Manifest,
    config: &ImageConfig,
) -> Result<Inventory, StoreError> {
    let mut inventory = Inventory::default();
    let mut history = config.history.iter().filter(|entry| !entry.empty_layer);
    for layer in &manifest.layers {
        let entry = history.next();
        let origin = || LayerOrigin {
            digest: layer.digest.clone(),
            made_by: entry.and_then(|entry| entry.created_by.clone()),
        };
        let is_ours = entry.is_some_and(|entry| entry.comment.as_deref() == Some(BY_US));
        match store.get_fact::<LayerPackages>(LAYER_PACKAGES, &layer.digest)? {
            Some(known) => known.packages.into_iter().for_each(|package| inventory.add(package)),
            None if is_ours => inventory.unknown.push(origin()),
            None => inventory.foreign.push(origin()),
        }
    }
    let key = |it: &PackageRecord| (it.kind, it.name.clone(), it.architecture.clone());
    inventory.packages.sort_by_key(key);
    Ok(inventory)
}

impl Inventory {
    fn add(&mut self, package: PackageRecord) {
        let same = |known: &PackageRecord| {
            (known.kind, &known.name, &known.architecture)
                == (package.kind, &package.name, &package.architecture)
        };
        self.packages.retain(|known| !same(known));
        self.packages.push(package);
    }
}

#[cfg(test)]
mod tests {
    use imagewright_model::package::PackageKind;
    use imagewright_oci::{Descriptor, DiffId, MediaType, Platform};

    use super::*;
    use crate::draft::Draft;

    fn layer(name: &str) -> DraftLayer {
        let digest = Digest::of(name.as_bytes());
        let descriptor = Descriptor::new(MediaType::LayerGzip, digest.clone(), 1);
        DraftLayer { descriptor, diff_id: DiffId::new(digest) }
    }

    fn package(kind: PackageKind, name: &str, version: &str) -> PackageRecord {
        PackageRecord::new(kind, name.to_owned(), version.to_owned(), format!("pkg:x/{name}@{version}"))
    }

    #[test]
    fn an_inventory_says_what_it_does_not_know() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let mut draft = Draft::empty(Platform::linux("amd64"));
        draft.layers.push(layer("foreign").descriptor);
        draft.config.rootfs.diff_ids.push(layer("foreign").diff_id);
        for name in ["apt", "old", "wheels", "bytecode"] {
            draft.push(&layer(name), "2026-01-01T00:00:00Z", name);
        }
        let (git, numpy) =
            (package(PackageKind::Debian, "git", "1"), package(PackageKind::Python, "numpy", "1"));
        let newer = package(PackageKind::Python, "numpy", "2");
        put(&store, &layer("apt"), &[&numpy, &git]).unwrap();
        put(&store, &layer("wheels"), &[&newer]).unwrap();
        put_nothing(&store, &layer("wheels")).unwrap();
        put_nothing(&store, &layer("bytecode")).unwrap();
        let (manifest, config) = draft.finish("2026-01-01T00:00:00Z");
        let inventory = of_image(&store, &manifest, &config).unwrap();
        assert_eq!(inventory.packages, [git, newer]);
        let named = |layers: &[LayerOrigin]| {
            layers.iter().map(|it| (it.digest.clone(), it.made_by.clone())).collect::<Vec<_>>()
        };
        assert_eq!(named(&inventory.unknown), [(layer("old").descriptor.digest, Some("old".to_owned()))]);
        assert_eq!(named(&inventory.foreign)[0].0, layer("foreign").descriptor.digest);
    }
}
