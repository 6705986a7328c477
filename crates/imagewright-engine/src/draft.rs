//! The image so far: what a build adds layers and settings to.

use imagewright_oci::{
    ChainId, Descriptor, DiffId, Document, HistoryEntry, ImageConfig, Manifest, MediaType, Platform,
    annotation,
};
use imagewright_store::Image;
use serde::{Deserialize, Serialize};

use crate::time::rfc3339;

/// How histories of images note what this program made.
pub(crate) const BY_US: &str = "imagewright";

/// One layer as it is named by an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DraftLayer {
    /// The stored blob.
    pub(crate) descriptor: Descriptor,
    /// Its digest before compression.
    pub(crate) diff_id: DiffId,
}

/// An image under construction.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) config: ImageConfig,
    pub(crate) layers: Vec<Descriptor>,
    annotations: imagewright_oci::Annotations,
}

impl Draft {
    /// Nothing but a platform.
    pub(crate) fn empty(platform: Platform) -> Self {
        Self { config: ImageConfig::empty(platform), layers: Vec::new(), annotations: Default::default() }
    }

    /// Begins with everything `base` has; `base_name` is what the user called it.
    pub(crate) fn on(base: &Image, base_name: Option<String>) -> Self {
        let mut annotations = imagewright_oci::Annotations::new();
        annotations.insert(annotation::BASE_DIGEST.to_owned(), base.manifest.digest().to_string());
        annotations.extend(base_name.map(|name| (annotation::BASE_NAME.to_owned(), name)));
        let layers = base.manifest.layers.iter().map(oci_layer).collect();
        Self { config: ImageConfig::clone(&base.config), layers, annotations }
    }

    /// The identity of all layers together; none while there is no layer.
    pub(crate) fn chain(&self) -> Option<ChainId> {
        ChainId::stack(&self.config.rootfs.diff_ids).pop()
    }

    /// Puts a layer on top.
    pub(crate) fn push(&mut self, layer: &DraftLayer, created: &str, created_by: &str) {
        self.complete_history();
        self.layers.push(layer.descriptor.clone());
        self.config.rootfs.diff_ids.push(layer.diff_id.clone());
        self.config.history.push(history(created, created_by, false));
    }

    /// The same image with more layers, to work on: its history says nothing of them.
    #[must_use]
    pub(crate) fn with<'l>(&self, layers: impl IntoIterator<Item = &'l DraftLayer>) -> Self {
        let mut draft = self.clone();
        layers.into_iter().for_each(|layer| draft.push(layer, "", ""));
        draft
    }

    /// Adds annotations to the manifest.
    pub(crate) fn annotate(&mut self, annotations: impl IntoIterator<Item = (String, String)>) {
        self.annotations.extend(annotations);
    }

    /// Notes a change of the config that makes no layer.
    pub(crate) fn note(&mut self, created: &str, created_by: &str) {
        self.complete_history();
        self.config.history.push(history(created, created_by, true));
    }

    /// An image may come without history; once we add to it, every layer needs an entry.
    fn complete_history(&mut self) {
        let told = self.config.history.iter().filter(|entry| !entry.empty_layer).count();
        let untold = self.layers.len().saturating_sub(told);
        self.config.history.extend(
            (0..untold)
                .map(|_| HistoryEntry { created_by: Some("unknown".to_owned()), ..HistoryEntry::default() }),
        );
    }

    /// The image so far as the store takes images; its date is made up.
    pub(crate) fn image(&self) -> Image {
        let (manifest, config) = self.clone().finish(&rfc3339(0));
        Image { manifest, config }
    }

    /// The finished documents.
    pub(crate) fn finish(self, created: &str) -> (Document<Manifest>, Document<ImageConfig>) {
        let mut config = self.config;
        config.created = Some(created.to_owned());
        let config = Document::new(config);
        let mut manifest = Manifest::new(config.descriptor(MediaType::Config), self.layers);
        manifest.annotations = self.annotations;
        manifest.annotations.insert(annotation::CREATED.to_owned(), created.to_owned());
        (Document::new(manifest), config)
    }
}

/// The same blob under the OCI name of its type: an OCI manifest must not name Docker's.
fn oci_layer(layer: &Descriptor) -> Descriptor {
    let media_type = match &layer.media_type {
        MediaType::DockerLayer => MediaType::Layer,
        MediaType::DockerLayerGzip => MediaType::LayerGzip,
        other => other.clone(),
    };
    Descriptor { media_type, ..layer.clone() }
}

fn history(created: &str, created_by: &str, empty_layer: bool) -> HistoryEntry {
    HistoryEntry {
        created: Some(created.to_owned()),
        created_by: Some(created_by.to_owned()),
        comment: Some(BY_US.to_owned()),
        empty_layer,
        ..HistoryEntry::default()
    }
}

#[cfg(test)]
mod tests {
    use imagewright_oci::Digest;

    use super::*;

    fn layer(name: &str) -> DraftLayer {
        DraftLayer {
            descriptor: Descriptor::of(MediaType::LayerGzip, name.as_bytes()),
            diff_id: DiffId::new(Digest::of(name.as_bytes())),
        }
    }

    #[test]
    fn a_base_without_history_gets_one_entry_a_layer() {
        let mut draft = Draft::empty(Platform::linux("amd64"));
        draft.layers.push(layer("a").descriptor);
        draft.config.rootfs.diff_ids.push(layer("a").diff_id);
        draft.push(&layer("b"), "2026-01-01T00:00:00Z", "apt");
        draft.note("2026-01-01T00:00:00Z", "ENV");
        let (manifest, config) = draft.finish("2026-01-01T00:00:00Z");
        assert_eq!(manifest.layers.len(), 2);
        let layers: Vec<bool> = config.history.iter().map(|entry| !entry.empty_layer).collect();
        assert_eq!(layers, [true, true, false]);
    }

    #[test]
    fn the_chain_grows_with_each_layer() {
        let mut draft = Draft::empty(Platform::linux("amd64"));
        assert_eq!(draft.chain(), None);
        draft.push(&layer("a"), "", "");
        let one = draft.chain().unwrap();
        draft.push(&layer("b"), "", "");
        assert_eq!(draft.chain().unwrap(), one.with(&layer("b").diff_id));
    }
}
