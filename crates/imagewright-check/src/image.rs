//! An image as rules see it: its documents, what its packages are, and what was left lying in its layers.

use imagewright_model::spec::Origin;
use imagewright_oci::{ContainerConfig, ImageConfig, Manifest};

use crate::leftovers::LayerContents;
use crate::rule::Finding;
use crate::selection::Selection;

/// An image to be checked.
pub struct ImageSubject<'a> {
    /// How it was called.
    pub name: &'a str,
    /// Its manifest.
    pub manifest: &'a Manifest,
    /// Its configuration.
    pub config: &'a ImageConfig,
    /// What is in its layers, as far as they could be read, bottom first: one for each layer of the manifest.
    pub layers: Vec<Option<LayerContents>>,
}

impl ImageSubject<'_> {
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
