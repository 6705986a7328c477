//! Images by name, digest or id.

use imagewright_oci::{
    ChainId, Descriptor, Digest, Document, ImageConfig, Index, Manifest, MediaType, Platform, Reference,
};

use crate::{Store, StoreError, index};

/// The fewest digits of an id that are looked up.
const SHORTEST_PREFIX: usize = 4;

/// An image in the store, as listings show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageRecord {
    /// The names it goes by, sorted; none where a newer image took its last name.
    pub names: Vec<Reference>,
    /// Its manifest.
    pub manifest: Descriptor,
    /// The digest of its configuration, which is the image id Docker shows.
    pub id: Digest,
    /// When it was made, RFC 3339.
    pub created: Option<String>,
    /// What it needs to run.
    pub platform: Platform,
    /// Bytes of its layers as stored.
    pub size: u64,
}

/// An image's documents.
#[derive(Clone, Debug)]
pub struct Image {
    /// The manifest.
    pub manifest: Document<Manifest>,
    /// The configuration it names.
    pub config: Document<ImageConfig>,
}

impl Image {
    /// The chain ids of its layers, bottom first.
    pub fn chain(&self) -> Vec<ChainId> {
        ChainId::stack(&self.config.rootfs.diff_ids)
    }
}

impl Store {
    /// All images, in the order in which they came.
    pub fn list(&self) -> Result<Vec<ImageRecord>, StoreError> {
        let images = index::images(&self.layout().index()?);
        images.into_iter().map(|(image, names)| self.record(&image, names)).collect()
    }

    /// The image that `text` names: a reference, a digest of a manifest or configuration, or at least four digits that
    /// only one image's id or digest begins with.
    pub fn resolve(&self, text: &str) -> Result<ImageRecord, StoreError> {
        let images = index::images(&self.layout().index()?);
        let reference = text.parse::<Reference>();
        if let Ok(reference) = &reference
            && let Some((image, names)) =
                images.iter().find(|(image, names)| goes_by(image, names, reference))
        {
            return self.record(image, names.clone());
        }
        match digits(text) {
            Some(digits) => self.resolve_digits(text, digits, images),
            None => {
                reference?;
                Err(StoreError::ImageNotFound { name: text.to_owned() })
            }
        }
    }

    fn resolve_digits(
        &self,
        text: &str,
        digits: &str,
        images: Vec<(Descriptor, Vec<Reference>)>,
    ) -> Result<ImageRecord, StoreError> {
        let mut found = Vec::new();
        for (image, names) in images {
            let record = self.record(&image, names)?;
            let digests = [&record.id, &record.manifest.digest, &image.digest];
            if digests.iter().any(|digest| digest.hex().starts_with(digits)) {
                found.push(record);
            }
        }
        match found.len() {
            0 => Err(StoreError::ImageNotFound { name: text.to_owned() }),
            1 => Ok(found.remove(0)),
            _ => Err(StoreError::Ambiguous {
                prefix: text.to_owned(),
                candidates: found.iter().map(describe).collect(),
            }),
        }
    }

    /// The documents of the image whose manifest this is.
    pub fn image(&self, manifest: &Descriptor) -> Result<Image, StoreError> {
        let manifest: Document<Manifest> = Document::parse(self.read_blob(manifest)?)?;
        let config = Document::parse(self.read_blob(&manifest.config)?)?;
        Ok(Image { manifest, config })
    }

    /// Stores an image's documents and lists it under `names`, or without a name where there are none. Its layers
    /// must be in the store, or it must be noted where they can be had. A name that another image has moves; that image stays, if need be without a name.
    pub fn put_image(
        &self,
        manifest: &Document<Manifest>,
        config: &Document<ImageConfig>,
        names: &[Reference],
    ) -> Result<ImageRecord, StoreError> {
        let entry = self.put_documents(manifest, config)?;
        self.list_image(&entry, names)
    }

    /// Stores an image's documents without listing it: nobody sees it, and a collection frees it once no fact names
    /// it. For its layers the same holds.
    pub fn put_unlisted(
        &self,
        manifest: &Document<Manifest>,
        config: &Document<ImageConfig>,
    ) -> Result<ImageRecord, StoreError> {
        let entry = self.put_documents(manifest, config)?;
        self.record(&entry, Vec::new())
    }

    fn put_documents(
        &self,
        manifest: &Document<Manifest>,
        config: &Document<ImageConfig>,
    ) -> Result<Descriptor, StoreError> {
        if let Some(layer) = manifest.layers.iter().find(|layer| !self.has_layer(&layer.digest)) {
            return Err(StoreError::BlobMissing { digest: layer.digest.clone() });
        }
        self.put_bytes(manifest.config.media_type.clone(), config.bytes())?;
        let media_type = manifest.media_type.clone().unwrap_or(MediaType::Manifest);
        let mut entry = self.put_bytes(media_type, manifest.bytes())?;
        entry.platform = Some(config.platform.clone());
        Ok(entry)
    }

    /// Lists an image whose blobs are in the store.
    fn list_image(&self, image: &Descriptor, names: &[Reference]) -> Result<ImageRecord, StoreError> {
        names.iter().try_for_each(refuse_pinned)?;
        let names = self.layout().update_index(|index| {
            for name in names {
                index::set_name(index, image, name);
            }
            index::add_nameless(index, image);
            Ok(names_of(index, &image.digest))
        })?;
        self.record(image, names)
    }

    /// Gives an image one more name, taking it from the image that has it.
    pub fn tag(&self, image: &ImageRecord, name: &Reference) -> Result<ImageRecord, StoreError> {
        refuse_pinned(name)?;
        let names = self.layout().update_index(|index| {
            let listed = index::images(index)
                .into_iter()
                .map(|(entry, _)| entry)
                .find(|entry| entry.digest == image.manifest.digest)
                .ok_or_else(|| StoreError::ImageNotFound { name: image.manifest.digest.to_string() })?;
            index::set_name(index, &listed, name);
            Ok(names_of(index, &listed.digest))
        })?;
        self.record(&image.manifest, names)
    }

    /// Takes a name away. With its last name an image leaves the list; its blobs stay until they are collected.
    ///
    /// Works on the index alone, so a damaged image can be removed too.
    pub fn untag(&self, name: &Reference) -> Result<(), StoreError> {
        self.layout().update_index(|index| match index::take_name(index, name) {
            Some(_) => Ok(()),
            None => Err(StoreError::ImageNotFound { name: name.to_string() }),
        })
    }

    /// Takes an image with all its names from the list; its blobs stay until they are collected.
    pub fn remove(&self, image: &ImageRecord) -> Result<(), StoreError> {
        self.layout().update_index(|index| match index::remove_image(index, &image.manifest.digest) {
            true => Ok(()),
            false => Err(StoreError::ImageNotFound { name: image.manifest.digest.to_string() }),
        })
    }

    fn record(&self, image: &Descriptor, names: Vec<Reference>) -> Result<ImageRecord, StoreError> {
        let Image { manifest, config } = self.image(image)?;
        Ok(ImageRecord {
            names,
            manifest: image.clone(),
            id: config.digest().clone(),
            created: config.created.clone(),
            platform: config.platform.clone(),
            size: manifest.layers_size(),
        })
    }
}

/// Whether an image of the index is the one a reference means. A digest in the reference decides; a tag beside it
/// is what the image went by elsewhere.
fn goes_by(image: &Descriptor, names: &[Reference], reference: &Reference) -> bool {
    match reference.digest() {
        Some(digest) => image.digest == *digest,
        None => names.contains(reference),
    }
}

fn names_of(index: &Index, manifest: &Digest) -> Vec<Reference> {
    let mut images = index::images(index).into_iter();
    images.find(|(image, _)| image.digest == *manifest).map(|(_, names)| names).unwrap_or_default()
}

/// The hexadecimal digits of a digest, an id, or the beginning of either.
fn digits(text: &str) -> Option<&str> {
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    let is_prefix = (SHORTEST_PREFIX..=128).contains(&digits.len())
        && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    is_prefix.then_some(digits)
}

fn refuse_pinned(name: &Reference) -> Result<(), StoreError> {
    match name.digest() {
        None => Ok(()),
        Some(_) => Err(StoreError::PinnedName { name: name.to_string() }),
    }
}

fn describe(record: &ImageRecord) -> String {
    let names: Vec<String> = record.names.iter().map(ToString::to_string).collect();
    match names.is_empty() {
        true => record.id.short().to_owned(),
        false => format!("{} ({})", record.id.short(), names.join(", ")),
    }
}
