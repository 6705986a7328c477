//! Records and their images where they are going to be used: images are pushed to a registry there, and the records name
//! them there; or they keep their names, and OpenShift is told where else to look.

use std::collections::{BTreeSet, HashMap};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use imagewright_elyra::exchange::{self, Imported, ToImport};
use imagewright_elyra::{Note, Record, SCHEMASPACE, Strictness, Update};
use imagewright_engine::Cancel;
use imagewright_oci::{Descriptor, Digest, Reference, annotation};
use imagewright_registry::transfer::{self, ImageSource, PushOptions, TransferOptions, Tree};
use imagewright_registry::{Cancel as Watch, FetchedManifest, RegistryError};
use imagewright_store::transfer::Bundle;
use jiff::Timestamp;

use super::RuntimeImages;
use super::archive::ARCHIVE;
use super::mirrors;
use crate::lock::write_file;
use crate::registries::{OnTransfer, follow};
use crate::{Service, ServiceError};
use imagewright_model::in_one_line;

/// A registry and what comes before the names of repositories there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    registry: String,
    /// Empty, or ends in a slash.
    prefix: String,
}

/// A text is not a place that images could be pushed to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not of the form registry[:port][/prefix]")]
pub struct TargetError(String);

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let wrong = || TargetError(text.to_owned());
        // The rules for references hold for what will stand before a repository's name, too.
        let place: Reference = format!("{}/x", text.trim_end_matches('/')).parse().map_err(|_| wrong())?;
        let registry = text.split('/').next().unwrap_or_default();
        let prefix = place.repository().strip_suffix('x').ok_or_else(wrong)?;
        if place.registry() != registry || place.tag().is_none() || place.digest().is_some() {
            return Err(wrong());
        }
        Ok(Self { registry: registry.to_owned(), prefix: prefix.to_owned() })
    }
}

impl Target {
    /// Where an image goes: under its own name, without its registry.
    fn repository(&self, reference: &Reference) -> String {
        format!("{}/{}{}", self.registry, self.prefix, reference.repository())
    }
}

/// What is to be delivered, and how.
#[derive(Clone, Debug)]
pub struct DeliveryRequest {
    /// The folder of records, or the one that an export was made into.
    pub directory: PathBuf,
    /// Where the images go.
    pub target: Target,
    /// The records keep the names that they have.
    pub keep_references: bool,
    /// A file that gets an `ImageDigestMirrorSet`; references are kept then.
    pub mirror_set: Option<PathBuf>,
    /// A file that gets an `ImageContentSourcePolicy`; references are kept then.
    pub content_source_policy: Option<PathBuf>,
    /// What happens to records that are there.
    pub existing: Option<Update>,
    /// Whether warnings count as errors.
    pub strictness: Strictness,
}

/// What a delivery came to.
#[derive(Clone, Debug, Default)]
pub struct Delivered {
    /// The records.
    pub imported: Imported,
    /// How many images were pushed.
    pub pushed: usize,
}

/// A record on its way.
struct Parcel {
    file: String,
    record: Record,
    image_name: String,
    reference: Reference,
    /// The image in the archive.
    root: Descriptor,
}

impl DeliveryRequest {
    fn keeps(&self) -> bool {
        self.keep_references || self.wants_mirrors()
    }

    fn wants_mirrors(&self) -> bool {
        self.mirror_set.is_some() || self.content_source_policy.is_some()
    }

    fn write_mirrors(&self, mirrored: &[(String, String)]) -> Result<(), ServiceError> {
        for (path, text) in [
            (&self.mirror_set, mirrors::digest_mirror_set(mirrored)),
            (&self.content_source_policy, mirrors::content_source_policy(mirrored)),
        ] {
            if let Some(path) = path {
                write_file(path, &text)
                    .map_err(|source| ServiceError::Write { path: path.clone(), source })?;
            }
        }
        Ok(())
    }

    /// Where records and archive are.
    fn places(&self) -> (PathBuf, PathBuf) {
        match self.directory.join(ARCHIVE) {
            inside if inside.is_file() => (self.directory.join(SCHEMASPACE), inside),
            _ => {
                let folder = self.directory.canonicalize().unwrap_or_else(|_| self.directory.clone());
                (self.directory.clone(), folder.parent().unwrap_or(Path::new("")).join(ARCHIVE))
            }
        }
    }
}

impl Service {
    /// Takes the records of a folder, after their images were pushed from the archive beside it. A record whose image
    /// could not be pushed is not taken.
    pub fn import_runtime_images(
        &self,
        images: &RuntimeImages,
        request: &DeliveryRequest,
        cancel: &Cancel,
        progress: OnTransfer<'_>,
    ) -> Result<Delivered, ServiceError> {
        let (folder, archive) = request.places();
        let found = exchange::read_folder(&folder)
            .map_err(|source| ServiceError::Read { path: folder.clone(), source })?;
        let bundle = self.store().open_bundle(&archive, &mut |message, done| progress(message, done))?;
        let mut delivered = Delivered::default();
        let parcels = parcels(images, found, &bundle.images()?, request, &mut delivered.imported);
        let mut pushes = Pushes { service: self, bundle: &bundle, cancel, progress, done: HashMap::new() };
        let mut mirrored = BTreeSet::new();
        for parcel in parcels {
            let target = request.target.repository(&parcel.reference);
            let taken = pushes.push(&parcel, &target).and_then(|()| take(images, &parcel, &target, request));
            match taken {
                Ok(()) => {
                    let own = format!("{}/{}", parcel.reference.registry(), parcel.reference.repository());
                    mirrored.insert((own, target));
                    delivered.imported.names.push(parcel.record.name);
                }
                Err(reason) => delivered.imported.refused.push((parcel.file, reason)),
            }
        }
        delivered.imported.refused.sort();
        delivered.pushed = pushes.done.values().filter(|pushed| pushed.is_ok()).count();
        request.write_mirrors(&mirrored.into_iter().collect::<Vec<_>>())?;
        Ok(delivered)
    }
}

/// The records that can be delivered; the others are told before anything is sent.
fn parcels(
    images: &RuntimeImages,
    found: Vec<ToImport>,
    listed: &[Descriptor],
    request: &DeliveryRequest,
    imported: &mut Imported,
) -> Vec<Parcel> {
    let mut parcels = Vec::new();
    for ToImport { name, file, record } in found {
        let parcel = match exchange::refusal(&images.records, &name, request.existing) {
            Some(reason) => Err(reason),
            None => record.and_then(|record| parcel(record, &file, listed, request)),
        };
        match parcel {
            Ok(parcel) => parcels.push(parcel),
            Err(reason) => imported.refused.push((file, reason)),
        }
    }
    // Those that go by their tags get them.
    parcels.sort_by_key(|parcel| parcel.reference.digest().is_some());
    parcels
}

/// Finds the image of a record in the archive, and says why it cannot be delivered.
fn parcel(
    record: Record,
    file: &str,
    listed: &[Descriptor],
    request: &DeliveryRequest,
) -> Result<Parcel, String> {
    let image_name = record.image_name().ok_or("The record names no image")?.to_owned();
    let reference: Reference = image_name.parse().map_err(|error| in_one_line(&error))?;
    if request.wants_mirrors() && reference.digest().is_none() {
        return Err(format!(
            "'{image_name}' has no digest, and OpenShift's mirrors are for digests only; pin the record before the \
             export: 'imagewright metadata pin {SCHEMASPACE} --name {}'",
            record.name
        ));
    }
    let names = |entry: &&Descriptor| {
        let name = entry.annotations.get(annotation::REF_NAME);
        name.and_then(|name| name.parse::<Reference>().ok()).as_ref() == Some(&reference)
    };
    let root = listed.iter().find(names).cloned();
    let root = root.ok_or_else(|| format!("'{image_name}' is not in the archive of images"))?;
    if request.keeps() && reference.digest().is_some_and(|digest| *digest != root.digest) {
        return Err(format!(
            "'{image_name}' is in the archive for one platform only, under another digest; export it without \
             '--platform'"
        ));
    }
    Ok(Parcel { file: file.to_owned(), record, image_name, reference, root })
}

/// Takes a record whose image is there.
fn take(
    images: &RuntimeImages,
    parcel: &Parcel,
    target: &str,
    request: &DeliveryRequest,
) -> Result<(), String> {
    let mut record = parcel.record.clone();
    if !request.keeps() {
        let tag = parcel.reference.tag().map(|tag| format!(":{tag}")).unwrap_or_default();
        let digest =
            parcel.reference.digest().map(|_| format!("@{}", parcel.root.digest)).unwrap_or_default();
        let image_name = format!("{target}{tag}{digest}");
        record.set("image_name", image_name.as_str().into());
        let note = Note {
            imported_from: Some(parcel.image_name.clone()),
            noted: Some(Timestamp::now().to_string()),
            ..Note::default()
        };
        let before = images.records.get(&record.name).map(|(before, _)| before);
        images
            .records
            .write_note(before.as_ref().unwrap_or(&record), &image_name, &note)
            .map_err(|error| error.to_string())?;
    }
    exchange::take(&images.records, &record, request.existing, request.strictness)
}

/// What was pushed so far.
struct Pushes<'a> {
    service: &'a Service,
    bundle: &'a Bundle,
    cancel: &'a Cancel,
    progress: OnTransfer<'a>,
    /// By where it went and what it was; why not, where it failed.
    done: HashMap<(Reference, Digest), Result<(), String>>,
}

impl Pushes<'_> {
    fn push(&mut self, parcel: &Parcel, target: &str) -> Result<(), String> {
        let plain: Reference =
            format!("{target}@{}", parcel.root.digest).parse().map_err(|error| in_one_line(&error))?;
        let tagged = parcel.reference.tag().map(|tag| plain.with_tag(tag.clone()));
        let is_taken = |target: &Reference| {
            let mut pushed = self.done.iter().filter(|(_, pushed)| pushed.is_ok());
            pushed.any(|((other, digest), _)| other == target && *digest != parcel.root.digest)
        };
        let to = match tagged {
            // What has a digest is found without its tag.
            Some(tagged) if is_taken(&tagged) && parcel.reference.digest().is_some() => plain,
            Some(tagged) if is_taken(&tagged) => {
                return Err(format!("another image was pushed as '{tagged}' already"));
            }
            Some(tagged) => tagged,
            None => plain,
        };
        let key = (to, parcel.root.digest.clone());
        if let Some(done) = self.done.get(&key) {
            return done.clone();
        }
        let pushed = self.send(parcel, &key.0).map_err(|error| match error.hint() {
            Some(hint) => format!("{} ({hint})", in_one_line(&error)),
            None => in_one_line(&error),
        });
        self.done.insert(key, pushed.clone());
        pushed
    }

    fn send(&self, parcel: &Parcel, to: &Reference) -> Result<(), RegistryError> {
        let mut fetch = |entry: &Descriptor| self.document(entry);
        let what = format!("image `{}`", parcel.image_name);
        let tree = Tree::grow(&what, self.document(&parcel.root)?, &mut fetch)?;
        let source = FromBundle(self.bundle);
        let options = PushOptions {
            transfer: TransferOptions {
                cancel: Watch::watching(self.cancel.stop()),
                ..TransferOptions::default()
            },
            mount_from: self.done.keys().map(|(other, _)| other.clone()).collect(),
        };
        let client = &self.service.registries.client;
        transfer::push_tree(client, &tree, &source, to, &options, &follow("pushing", self.progress)).map(drop)
    }

    fn document(&self, entry: &Descriptor) -> Result<FetchedManifest, RegistryError> {
        let (media_type, digest) = (entry.media_type.clone(), entry.digest.clone());
        match self.bundle.document(entry) {
            Ok(bytes) => Ok(FetchedManifest { bytes, media_type, digest }),
            Err(error) => Err(RegistryError::Source { digest, source: io::Error::other(error) }),
        }
    }
}

/// The blobs of an archive. The registry proves them.
struct FromBundle<'a>(&'a Bundle);

impl ImageSource for FromBundle<'_> {
    fn open(&self, blob: &Descriptor, offset: u64) -> io::Result<Box<dyn Read + '_>> {
        self.0.open(blob, offset).map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_registry_with_or_without_a_prefix() {
        let reference: Reference = "python:3".parse().unwrap();
        for (text, repository) in [
            ("r.example", "r.example/library/python"),
            ("r.example:5000/a/b/", "r.example:5000/a/b/library/python"),
        ] {
            assert_eq!(text.parse::<Target>().unwrap().repository(&reference), repository);
        }
        for text in ["", "team", "https://r.example", "r.example/UPPER", "r.example/a:1", "r.example/a@b"] {
            assert_eq!(text.parse::<Target>(), Err(TargetError(text.to_owned())));
        }
    }
}
