//! An image as rules see it: its documents, its files, and what was left lying in its layers.

use std::cell::OnceCell;

use imagewright_model::spec::Origin;
use imagewright_oci::{ContainerConfig, Digest, ImageConfig, Manifest};

use crate::index::LayerIndex;
use crate::kernelspec::KernelspecFolder;
use crate::leftovers::LayerContents;
use crate::reference::ReferenceState;
use crate::rule::Finding;
use crate::selection::Selection;
use crate::view::View;

/// An image to be checked.
pub struct ImageSubject<'a> {
    /// How it was called.
    pub(crate) name: &'a str,
    pub(crate) manifest: &'a Manifest,
    pub(crate) config: &'a ImageConfig,
    /// The digest of its manifest, where that is known.
    pub(crate) digest: Option<Digest>,
    /// What is known of its name in a registry; none where nobody looked.
    pub(crate) reference: Option<ReferenceState>,
    /// The kernelspec that is to start it; none where none was handed in.
    pub(crate) kernelspec: Option<KernelspecFolder>,
    layers: OnceCell<Vec<Option<LayerContents>>>,
    indexes: &'a [Option<LayerIndex>],
    /// How many of its layers are those of its base.
    base_layers: Option<usize>,
    view: OnceCell<View>,
}

impl<'a> ImageSubject<'a> {
    /// An image by its documents and its layers, bottom first: none stands for one that could not be read.
    pub fn new(
        name: &'a str,
        manifest: &'a Manifest,
        config: &'a ImageConfig,
        indexes: &'a [Option<LayerIndex>],
    ) -> Self {
        Self {
            name,
            manifest,
            config,
            digest: None,
            reference: None,
            kernelspec: None,
            layers: OnceCell::new(),
            indexes,
            base_layers: None,
            view: OnceCell::new(),
        }
    }

    /// The same, where it is known how many of its layers are those of its base.
    #[must_use]
    pub fn with_base(self, layers: Option<usize>) -> Self {
        Self { base_layers: layers.filter(|layers| *layers <= self.indexes.len()), ..self }
    }

    /// The same, where the digest of its manifest is known.
    #[must_use]
    pub fn with_digest(self, digest: Digest) -> Self {
        Self { digest: Some(digest), ..self }
    }

    /// The same, with the kernelspec that is to start it.
    #[must_use]
    pub fn with_kernelspec(self, kernelspec: Option<KernelspecFolder>) -> Self {
        Self { kernelspec, ..self }
    }

    /// The same, where it is known what its name stands for elsewhere.
    #[must_use]
    pub fn with_reference(self, reference: ReferenceState) -> Self {
        Self { reference: Some(reference), ..self }
    }

    /// What was left lying in its layers, bottom first: one for each layer of the manifest.
    pub(crate) fn layers(&self) -> &[Option<LayerContents>] {
        let of = |index: &Option<LayerIndex>| index.as_ref().map(LayerContents::of);
        self.layers.get_or_init(|| self.indexes.iter().map(of).collect())
    }

    /// Its files.
    pub fn view(&self) -> &View {
        self.view.get_or_init(|| View::new(self.indexes.iter().map(Option::as_ref)))
    }

    /// The files of its base, where that is known.
    pub(crate) fn base_view(&self) -> Option<View> {
        let layers = self.base_layers.filter(|layers| *layers > 0)?;
        Some(View::new(self.indexes[..layers].iter().map(Option::as_ref)))
    }

    pub(crate) fn origin(&self) -> Origin {
        Origin::file(self.name)
    }

    /// How a container of it starts.
    pub(crate) fn container(&self) -> ContainerConfig {
        self.config.config.clone().unwrap_or_default()
    }

    /// What the history says made the layer.
    pub(crate) fn made_by(&self, layer: usize) -> Option<&str> {
        let mut made = self.config.history.iter().filter(|entry| !entry.empty_layer);
        made.nth(layer)?.created_by.as_deref()
    }
}

/// Checks an image.
pub fn check_image(subject: &ImageSubject<'_>, selection: &Selection) -> Vec<Finding> {
    let mut findings = Vec::new();
    for rule in selection.rules() {
        let Some(check) = rule.on_image else { continue };
        findings.extend(check(subject).into_iter().map(|found| rule.finding(found)));
    }
    findings
}
