//! The shapes of `--json` of images in the store. They are promised: fields are added, not changed.

use imagewright_model::package::PackageRecord;
use imagewright_oci::{Digest, ImageConfig, Manifest, Platform};
use imagewright_service::{ImageDetails, ImageRecord, Inventory, LayerOrigin};
use serde::Serialize;

/// An image of a listing.
#[derive(Serialize)]
pub(crate) struct ImageJson<'a> {
    names: Vec<String>,
    id: &'a Digest,
    digest: &'a Digest,
    created: Option<&'a str>,
    platform: &'a Platform,
    size: u64,
}

pub(crate) fn image(record: &ImageRecord) -> ImageJson<'_> {
    ImageJson {
        names: record.names.iter().map(ToString::to_string).collect(),
        id: &record.id,
        digest: &record.manifest.digest,
        created: record.created.as_deref(),
        platform: &record.platform,
        size: record.size,
    }
}

/// One image with its documents.
#[derive(Serialize)]
pub(crate) struct DetailsJson<'a> {
    #[serde(flatten)]
    image: ImageJson<'a>,
    /// How many layers were left in a registry.
    missing_layers: usize,
    manifest: &'a Manifest,
    config: &'a ImageConfig,
}

pub(crate) fn details(details: &ImageDetails) -> DetailsJson<'_> {
    DetailsJson {
        image: image(&details.record),
        missing_layers: details.missing_layers,
        manifest: &details.manifest,
        config: &details.config,
    }
}

/// The packages of an image.
#[derive(Serialize)]
pub(crate) struct InventoryJson<'a> {
    packages: &'a [PackageRecord],
    /// Layers of ours of which nothing is known.
    unknown_layers: &'a [LayerOrigin],
    /// Layers that others made.
    foreign_layers: &'a [LayerOrigin],
}

pub(crate) fn inventory(inventory: &Inventory) -> InventoryJson<'_> {
    let Inventory { packages, unknown, foreign } = inventory;
    InventoryJson { packages, unknown_layers: unknown, foreign_layers: foreign }
}
