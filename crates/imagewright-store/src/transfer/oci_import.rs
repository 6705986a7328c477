//! Images from an OCI image layout.

use imagewright_oci::{
    Annotations, Descriptor, Document, ImageConfig, Index, Manifest, Platform, Reference, annotation,
};

use super::files::Files;
use super::layers::LayerImport;
use super::{Naming, TransferError, Wanted, refuse_one_name_for_several};
use crate::layout::{INDEX, MARKER, Marker};
use crate::{ImageRecord, OnProgress, Store, StoreError};

/// Where containerd and Docker put an image's full name; the specification's annotation then holds the tag alone.
const CONTAINERD_NAME: &str = "io.containerd.image.name";
/// The most indexes that are looked into, one in the other.
const DEEPEST_INDEX: usize = 4;

/// Imports the wanted images of a layout.
pub(super) fn import(
    store: &Store,
    files: &Files,
    wanted: Wanted<'_>,
    progress: OnProgress<'_>,
) -> Result<Vec<ImageRecord>, TransferError> {
    let marker: Marker = files.read_json(MARKER)?;
    if marker.image_layout_version.split('.').next() != Some("1") {
        let (path, version) = (files.origin().into(), marker.image_layout_version);
        return Err(StoreError::LayoutVersion { path, version }.into());
    }
    let index: Index = files.read_json(INDEX)?;
    let mut images = group(&index);
    if images.is_empty() {
        return Err(TransferError::Empty { origin: files.origin() });
    }
    let available: Vec<String> = images.iter().map(Listed::describe).collect();
    if let Some(reference) = wanted.reference {
        images.retain(|image| image.goes_by(reference));
        if images.is_empty() {
            let (origin, reference) = (files.origin(), reference.to_owned());
            return Err(TransferError::NoSuchImage { origin, reference, available });
        }
    }
    let descriptions: Vec<String> = images.iter().map(Listed::describe).collect();
    refuse_one_name_for_several(&files.origin(), wanted, &descriptions)?;
    let mut records = Vec::with_capacity(images.len());
    for image in images {
        records.push(import_image(store, files, &image, wanted, progress)?);
    }
    Ok(records)
}

/// An image that a layout lists, under one entry or several.
struct Listed {
    descriptor: Descriptor,
    /// The names of its entries as they stand there.
    texts: Vec<String>,
}

impl Listed {
    fn describe(&self) -> String {
        match self.texts.is_empty() {
            true => self.descriptor.digest.to_string(),
            false => self.texts.join(", "),
        }
    }

    /// Whether someone who writes `reference` means this image.
    fn goes_by(&self, reference: &str) -> bool {
        let parsed = reference.parse::<Reference>().ok();
        self.descriptor.digest.to_string() == reference
            || self
                .texts
                .iter()
                .any(|text| text == reference || (parsed.is_some() && full_name(text) == parsed))
    }

    /// The names the image gets in the store.
    fn names_here(&self, wanted: Wanted<'_>) -> Vec<Reference> {
        match (wanted.naming, wanted.reference.and_then(full_name)) {
            (Naming::As(name), _) => vec![name.clone()],
            (_, Some(name)) => vec![name],
            (_, None) => self.texts.iter().filter_map(|text| full_name(text)).collect(),
        }
    }
}

/// The reference a text means; none for a bare tag or word, which names no repository, and for a digest.
fn full_name(text: &str) -> Option<Reference> {
    let reference: Reference = text.contains([':', '/']).then(|| text.parse().ok())??;
    (reference.digest().is_none() && !text.starts_with("sha256:")).then_some(reference)
}

/// The images of an index, each once.
fn group(index: &Index) -> Vec<Listed> {
    let mut images: Vec<Listed> = Vec::new();
    for entry in &index.manifests {
        let text =
            entry.annotations.get(CONTAINERD_NAME).or_else(|| entry.annotations.get(annotation::REF_NAME));
        match images.iter_mut().find(|image| image.descriptor.digest == entry.digest) {
            Some(image) => image.texts.extend(text.cloned()),
            None => {
                let descriptor = Descriptor { annotations: Annotations::new(), ..entry.clone() };
                images.push(Listed { descriptor, texts: text.cloned().into_iter().collect() });
            }
        }
    }
    images
}

fn import_image(
    store: &Store,
    files: &Files,
    listed: &Listed,
    wanted: Wanted<'_>,
    progress: OnProgress<'_>,
) -> Result<ImageRecord, TransferError> {
    let manifest = find_manifest(files, &listed.descriptor)?;
    let malformed = |source| TransferError::Document { origin: files.origin(), source };
    let manifest: Document<Manifest> = Document::parse(files.read_blob(&manifest)?).map_err(malformed)?;
    check_types(files, &manifest)?;
    let config: Document<ImageConfig> =
        Document::parse(files.read_blob(&manifest.config)?).map_err(malformed)?;
    let (layers, diff_ids) = (manifest.layers.len(), config.rootfs.diff_ids.len());
    if layers != diff_ids {
        return Err(TransferError::Count { origin: files.origin(), layers, diff_ids });
    }
    for (number, (layer, diff_id)) in manifest.layers.iter().zip(&config.rootfs.diff_ids).enumerate() {
        let message = format!("importing layer {} of {layers}", number + 1);
        LayerImport { store, files, message }.copy(layer, diff_id, progress)?;
    }
    wanted.put(store, &manifest, &config, || listed.names_here(wanted))
}

/// The manifest an entry stands for: itself, or of an index the one for this machine.
fn find_manifest(files: &Files, entry: &Descriptor) -> Result<Descriptor, TransferError> {
    let mut entry = entry.clone();
    for _ in 0..DEEPEST_INDEX {
        if !entry.media_type.is_index() {
            break;
        }
        let index: Document<Index> = Document::parse(files.read_blob(&entry)?)
            .map_err(|source| TransferError::Document { origin: files.origin(), source })?;
        entry = select(files, &index)?;
    }
    match entry.media_type.is_manifest() {
        true => Ok(entry),
        false => Err(wrong_type(files, &entry, "an image manifest")),
    }
}

fn select(files: &Files, index: &Index) -> Result<Descriptor, TransferError> {
    let wanted = Platform::host();
    if let Some(entry) = index.select(&wanted) {
        return Ok(entry.clone());
    }
    match index.manifests.as_slice() {
        [] => Err(TransferError::Empty { origin: files.origin() }),
        [only] if only.platform.is_none() => Ok(only.clone()),
        entries => {
            let platforms = entries.iter().filter_map(|entry| entry.platform.as_ref());
            // Build systems list attestations as manifests for `unknown/unknown`.
            let known = platforms.filter(|platform| platform.os != "unknown");
            let available = known.map(ToString::to_string).collect();
            Err(TransferError::NoPlatform { origin: files.origin(), wanted: Box::new(wanted), available })
        }
    }
}

fn check_types(files: &Files, manifest: &Manifest) -> Result<(), TransferError> {
    if !manifest.config.media_type.is_config() {
        return Err(wrong_type(files, &manifest.config, "an image configuration"));
    }
    match manifest.layers.iter().find(|layer| !layer.media_type.is_layer()) {
        Some(layer) => Err(wrong_type(files, layer, "a layer")),
        None => Ok(()),
    }
}

fn wrong_type(files: &Files, found: &Descriptor, expected: &'static str) -> TransferError {
    TransferError::MediaType { origin: files.origin(), media_type: found.media_type.to_string(), expected }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_texts_with_a_repository_are_names() {
        let cases = [
            ("registry.example/a/b:1", Some("registry.example/a/b:1")),
            ("a:1", Some("a:1")),
            ("demo/a", Some("demo/a:latest")),
            ("latest", None),
            ("1", None),
            ("not a name/at all", None),
            ("a@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", None),
            ("sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", None),
        ];
        for (text, expected) in cases {
            assert_eq!(full_name(text).map(|name| name.to_string()).as_deref(), expected, "{text}");
        }
    }
}
