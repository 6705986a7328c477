//! From one registry to another, or within one, without a local copy.

use std::io::{self, Read};

use imagewright_oci::{Descriptor, Document, Manifest, Platform, Reference};

use super::push::target_name;
use super::workers::in_parallel;
use super::{OnEvent, TransferEvent, TransferOptions, announce, blobs_of};
use crate::repository::{Parsed, parse_manifest};
use crate::{BlobSource, Client, FetchedManifest, ManifestName, RegistryError, Repository};

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

/// A blob of the repository that is copied from.
struct RemoteBlob<'a> {
    repository: Repository,
    blob: &'a Descriptor,
}

impl BlobSource for RemoteBlob<'_> {
    fn open_at(&self, offset: u64) -> io::Result<Box<dyn Read + '_>> {
        Ok(Box::new(self.repository.open_blob(self.blob, offset)))
    }
}

/// Everything that must be sent, what is pointed at before what points at it.
#[derive(Default)]
struct Copied {
    raw: Vec<FetchedManifest>,
    manifests: Vec<Document<Manifest>>,
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
    let source = client.repository(from).cancelled_by(&options.cancel);
    let target = client.repository(to).cancelled_by(&options.cancel);
    let what = format!("image `{from}`");
    let root = match selection {
        Selection::All => ManifestName::of(from),
        Selection::Platform(platform) => {
            ManifestName::Digest(source.resolve(&ManifestName::of(from), platform)?.descriptor.digest)
        }
    };
    let mut copied = Copied::default();
    copied.collect(&source, source.get_manifest(&root)?, &what, 0)?;
    let blobs = blobs_of(copied.manifests.iter().map(|manifest| &**manifest), &what, options)?;
    let mount_from: Vec<String> =
        (from.registry() == to.registry()).then(|| from.repository().to_owned()).into_iter().collect();
    announce(on_event, &blobs);
    in_parallel(options.connections, &options.cancel, &blobs, |blob, cancel| {
        let mut on_bytes = |count| on_event(TransferEvent::Bytes { blob, count });
        let bytes = RemoteBlob { repository: source.clone().cancelled_by(cancel), blob };
        let target = target.clone().cancelled_by(cancel);
        let outcome = target.put_blob(blob, &bytes, &mount_from, &mut on_bytes)?;
        on_event(TransferEvent::Done { blob, outcome });
        Ok(())
    })?;
    let (last, parts) = copied.raw.split_last().expect("the root is among what was collected");
    for part in parts {
        target.put_manifest(&ManifestName::Digest(part.digest.clone()), &part.media_type, &part.bytes)?;
    }
    target.put_manifest(&target_name(to), &last.media_type, &last.bytes)?;
    Ok(last.descriptor())
}

impl Copied {
    fn collect(
        &mut self,
        source: &Repository,
        fetched: FetchedManifest,
        what: &str,
        depth: usize,
    ) -> Result<(), RegistryError> {
        if depth >= DEEPEST_NESTING {
            return Err(RegistryError::Nested { what: what.to_owned(), limit: DEEPEST_NESTING });
        }
        match parse_manifest(fetched.clone(), what)? {
            Parsed::Manifest(manifest) => self.manifests.push(*manifest),
            Parsed::Index(index) => {
                for entry in &index.manifests {
                    let part = source.get_manifest(&ManifestName::Digest(entry.digest.clone()))?;
                    self.collect(source, part, what, depth + 1)?;
                }
            }
        }
        self.raw.push(fetched);
        Ok(())
    }
}
