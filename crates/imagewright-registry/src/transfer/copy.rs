//! From one registry to another, or within one, without a local copy.

use std::collections::HashSet;
use std::io::{self, Read};

use imagewright_oci::{Descriptor, Digest, Document, Manifest, Platform, Reference};

use super::push::{BlobOf, PushOptions, target_name};
use super::workers::in_parallel;
use super::{ImageSource, OnEvent, TransferEvent, TransferOptions, announce, blobs_of};
use crate::repository::{Parsed, parse_manifest};
use crate::{Cancel, Client, FetchedManifest, ManifestName, RegistryError, Repository};

/// Indexes within indexes that are followed.
const DEEPEST_NESTING: usize = 4;

/// What of an index is copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All of it.
    All,
    /// The image for a platform.
    Platform(Platform),
}

/// The repository that is copied from.
struct RemoteImages(Repository);

impl ImageSource for RemoteImages {
    fn open(&self, blob: &Descriptor, offset: u64) -> io::Result<Box<dyn Read + '_>> {
        Ok(Box::new(self.0.open_blob(blob, offset)))
    }
}

/// An image or an index of images: all its manifests, without the blobs that they point at.
#[derive(Clone, Debug)]
pub struct Tree {
    /// What errors call it.
    what: String,
    /// What is pointed at before what points at it; the root is the last.
    raw: Vec<FetchedManifest>,
    manifests: Vec<Document<Manifest>>,
    seen: HashSet<Digest>,
}

/// Gets a manifest that an index names.
pub type FetchManifest<'a> = &'a mut dyn FnMut(&Descriptor) -> Result<FetchedManifest, RegistryError>;

impl Tree {
    /// Reads what `root` is and gets all that it names.
    pub fn grow(what: &str, root: FetchedManifest, fetch: FetchManifest<'_>) -> Result<Self, RegistryError> {
        let mut tree = Self {
            what: what.to_owned(),
            raw: Vec::new(),
            manifests: Vec::new(),
            seen: HashSet::from([root.digest.clone()]),
        };
        tree.collect(root, fetch, 0)?;
        Ok(tree)
    }

    /// All manifests and indexes: what is pointed at before what points at it, the root last.
    pub fn documents(&self) -> &[FetchedManifest] {
        &self.raw
    }

    /// A descriptor of the root.
    pub fn root(&self) -> Descriptor {
        self.raw.last().expect("the root is among what was collected").descriptor()
    }

    /// The blobs of all images, each once.
    pub fn blobs(&self) -> Result<Vec<&Descriptor>, RegistryError> {
        self.blobs_with(&TransferOptions::default())
    }

    fn blobs_with(&self, options: &TransferOptions) -> Result<Vec<&Descriptor>, RegistryError> {
        blobs_of(self.manifests.iter().map(|manifest| &**manifest), &self.what, options)
    }

    fn collect(
        &mut self,
        fetched: FetchedManifest,
        fetch: FetchManifest<'_>,
        depth: usize,
    ) -> Result<(), RegistryError> {
        if depth >= DEEPEST_NESTING {
            return Err(RegistryError::Nested { what: self.what.clone(), limit: DEEPEST_NESTING });
        }
        match parse_manifest(fetched.clone(), &self.what)? {
            Parsed::Manifest(manifest) => self.manifests.push(*manifest),
            Parsed::Index(index) => {
                for entry in &index.manifests {
                    // Indexes that name each other's parts again and again are not followed again and again.
                    if !self.seen.insert(entry.digest.clone()) {
                        continue;
                    }
                    let part = fetch(entry)?;
                    self.collect(part, fetch, depth + 1)?;
                }
            }
        }
        self.raw.push(fetched);
        Ok(())
    }
}

/// Finds what `from` names, with all that belongs to it.
pub fn collect(
    client: &Client,
    from: &Reference,
    selection: &Selection,
    cancel: &Cancel,
) -> Result<Tree, RegistryError> {
    let source = client.repository(from).cancelled_by(cancel);
    let root = match selection {
        Selection::All => ManifestName::of(from),
        Selection::Platform(platform) => {
            ManifestName::Digest(source.resolve(&ManifestName::of(from), platform)?.descriptor.digest)
        }
    };
    let mut fetch = |entry: &Descriptor| source.get_manifest(&ManifestName::Digest(entry.digest.clone()));
    Tree::grow(&format!("image `{from}`"), source.get_manifest(&root)?, &mut fetch)
}

/// Brings an image or an index to where `to` says: blobs first, then manifests, then what names them. Gives the descriptor
/// of what `to` names then.
pub fn push_tree(
    client: &Client,
    tree: &Tree,
    source: &dyn ImageSource,
    to: &Reference,
    options: &PushOptions,
    on_event: OnEvent<'_>,
) -> Result<Descriptor, RegistryError> {
    let transfer = &options.transfer;
    let target = client.repository(to).cancelled_by(&transfer.cancel);
    let blobs = tree.blobs_with(transfer)?;
    let mount_from = options.repositories(to);
    announce(on_event, &blobs);
    in_parallel(transfer.connections, &transfer.cancel, &blobs, |blob, cancel| {
        let mut on_bytes = |count| on_event(TransferEvent::Bytes { blob, count });
        let target = target.clone().cancelled_by(cancel);
        let outcome = target.put_blob(blob, &BlobOf { source, blob }, &mount_from, &mut on_bytes)?;
        on_event(TransferEvent::Done { blob, outcome });
        Ok(())
    })?;
    let (last, parts) = tree.raw.split_last().expect("the root is among what was collected");
    for part in parts {
        target.put_manifest(&ManifestName::Digest(part.digest.clone()), &part.media_type, &part.bytes)?;
    }
    target.put_manifest(&target_name(to), &last.media_type, &last.bytes)?;
    Ok(last.descriptor())
}

/// Copies an image or an index of images. Gives the descriptor of what `to` names then.
pub fn copy(
    client: &Client,
    from: &Reference,
    to: &Reference,
    selection: &Selection,
    options: &TransferOptions,
    on_event: OnEvent<'_>,
) -> Result<Descriptor, RegistryError> {
    let tree = collect(client, from, selection, &options.cancel)?;
    let source = RemoteImages(client.repository(from).cancelled_by(&options.cancel));
    let options = PushOptions { transfer: options.clone(), mount_from: vec![from.clone()] };
    push_tree(client, &tree, &source, to, &options, on_event)
}

#[cfg(test)]
mod tests {
    use imagewright_oci::{Index, MediaType};

    use super::*;

    fn index(parts: &[Descriptor]) -> FetchedManifest {
        let bytes = Document::new(Index::new(parts.to_vec())).bytes().to_vec();
        FetchedManifest { digest: Digest::of(&bytes), media_type: MediaType::Index, bytes }
    }

    #[test]
    fn a_part_that_is_named_a_thousand_times_is_fetched_once() {
        let leaf = index(&[]);
        let middle = index(&vec![leaf.descriptor(); 1000]);
        let root = index(&vec![middle.descriptor(); 1000]);
        let mut fetched = 0;
        let mut fetch = |entry: &Descriptor| {
            fetched += 1;
            Ok(if entry.digest == leaf.digest { leaf.clone() } else { middle.clone() })
        };
        let tree = Tree::grow("image `a`", root.clone(), &mut fetch).unwrap();
        let digests: Vec<_> = tree.documents().iter().map(|document| &document.digest).collect();
        assert_eq!(digests, [&leaf.digest, &middle.digest, &root.digest], "parts come first");
        assert_eq!(fetched, 2);
    }
}
