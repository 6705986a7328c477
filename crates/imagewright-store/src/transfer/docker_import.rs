//! Images from a Docker archive: `manifest.json` names configurations and layers, which lie anywhere in the tar.

use imagewright_oci::{Digest, Document, ImageConfig, Manifest, MediaType, Reference};
use serde::Deserialize;

use super::files::Files;
use super::layers::LayerImport;
use super::{Naming, TransferError, Wanted, refuse_one_name_for_several};
use crate::{ImageRecord, OnProgress, Store};

/// The file that lists an archive's images.
pub(super) const MANIFEST: &str = "manifest.json";

/// One image of a Docker archive.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    /// The file with the configuration.
    config: String,
    /// The names, familiar form; `null` where there are none.
    repo_tags: Option<Vec<String>>,
    /// The files with the layers, bottom first; `null` where there are none.
    layers: Option<Vec<String>>,
}

impl Listed {
    fn names(&self) -> Vec<Reference> {
        self.repo_tags.iter().flatten().filter_map(|name| name.parse().ok()).collect()
    }

    fn describe(&self) -> String {
        match self.repo_tags.as_deref() {
            None | Some([]) => self.config.clone(),
            Some(names) => names.join(", "),
        }
    }

    /// Whether someone who writes `reference` means this image.
    fn goes_by(&self, reference: &str) -> bool {
        let digits = reference.strip_prefix("sha256:").unwrap_or(reference);
        reference.parse().is_ok_and(|name: Reference| self.names().contains(&name))
            || named_digest(&self.config).is_some_and(|digest| digest.hex() == digits)
    }

    /// The names the image gets in the store.
    fn names_here(&self, wanted: Wanted<'_>) -> Vec<Reference> {
        let names = self.names();
        if let Naming::As(name) = wanted.naming {
            return vec![name.clone()];
        }
        match wanted.reference.and_then(|reference| reference.parse().ok()) {
            Some(name) if names.contains(&name) => vec![name],
            _ => names,
        }
    }
}

/// Imports the wanted images of a Docker archive.
pub(super) fn import(
    store: &Store,
    files: &Files,
    wanted: Wanted<'_>,
    progress: OnProgress<'_>,
) -> Result<Vec<ImageRecord>, TransferError> {
    let mut images: Vec<Listed> = files.read_json(MANIFEST)?;
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
    images.iter().map(|image| import_image(store, files, image, wanted, progress)).collect()
}

fn import_image(
    store: &Store,
    files: &Files,
    image: &Listed,
    wanted: Wanted<'_>,
    progress: OnProgress<'_>,
) -> Result<ImageRecord, TransferError> {
    let bytes = files.read(&image.config)?;
    if let Some(digest) = named_digest(&image.config) {
        files.check_digest(&image.config, &digest, &bytes)?;
    }
    let config: Document<ImageConfig> = Document::parse(bytes)
        .map_err(|source| TransferError::Document { origin: files.origin(), source })?;
    let (paths, diff_ids) = (image.layers.as_deref().unwrap_or_default(), &config.rootfs.diff_ids);
    if paths.len() != diff_ids.len() {
        let (layers, diff_ids) = (paths.len(), diff_ids.len());
        return Err(TransferError::Count { origin: files.origin(), layers, diff_ids });
    }
    let mut layers = Vec::with_capacity(paths.len());
    for (number, (path, diff_id)) in paths.iter().zip(diff_ids).enumerate() {
        let message = format!("importing layer {} of {}", number + 1, paths.len());
        layers.push(LayerImport { store, files, message }.pack(path, diff_id, progress)?);
    }
    let manifest = Document::new(Manifest::new(config.descriptor(MediaType::Config), layers));
    wanted.put(store, &manifest, &config, || image.names_here(wanted))
}

/// The digest that a configuration's file is named by: `<hex>.json` or `blobs/sha256/<hex>`.
fn named_digest(path: &str) -> Option<Digest> {
    let name = path.rsplit('/').next()?;
    format!("sha256:{}", name.strip_suffix(".json").unwrap_or(name)).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurations_are_named_by_their_digest() {
        let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        for path in [format!("{hex}.json"), format!("blobs/sha256/{hex}"), hex.to_owned()] {
            assert_eq!(named_digest(&path).unwrap().hex(), hex);
        }
        assert_eq!(named_digest("config.json"), None);
    }
}
