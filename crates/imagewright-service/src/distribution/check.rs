//! Whether a manifest is one, and all that it names is in the repository.

use imagewright_oci::{Annotations, Descriptor, Digest, ImageConfig, Index, Manifest, MediaType, Platform};
use serde::de::DeserializeOwned;

use super::{PushError, ServedRepository};

/// What a manifest says of itself.
pub(super) struct Checked {
    pub(super) subject: Option<Digest>,
    pub(super) artifact_type: Option<String>,
    pub(super) annotations: Annotations,
    pub(super) platforms: Vec<String>,
    pub(super) size: Option<u64>,
}

pub(super) fn check(
    repository: &ServedRepository<'_>,
    media_type: &MediaType,
    bytes: &[u8],
) -> Result<Checked, PushError> {
    if media_type.is_manifest() {
        manifest(repository, media_type, &parse(bytes)?)
    } else if media_type.is_index() {
        index(repository, media_type, &parse(bytes)?)
    } else {
        Err(PushError::Unsupported(media_type.clone()))
    }
}

fn manifest(
    repository: &ServedRepository<'_>,
    media_type: &MediaType,
    manifest: &Manifest,
) -> Result<Checked, PushError> {
    is_as_sent(media_type, manifest.media_type.as_ref(), manifest.schema_version)?;
    for blob in std::iter::once(&manifest.config).chain(&manifest.layers) {
        match repository.has_blob(&blob.digest)? {
            Some(found) => is_as_large(blob, found)?,
            // Layers that must not be passed on are had from their own address.
            None if !blob.urls.is_empty() => {}
            None => return Err(PushError::BlobUnknown { digest: blob.digest.clone() }),
        }
    }
    let config: Option<ImageConfig> = manifest
        .config
        .media_type
        .is_config()
        .then(|| {
            let bytes = repository.document(&manifest.config)?;
            serde_json::from_slice(&bytes).ok()
        })
        .flatten();
    let said = manifest.extra.get("artifactType").and_then(serde_json::Value::as_str).map(str::to_owned);
    Ok(Checked {
        subject: subject(&manifest.extra)?,
        artifact_type: said.or_else(|| Some(manifest.config.media_type.to_string())),
        annotations: manifest.annotations.clone(),
        platforms: config.iter().map(|config| config.platform.to_string()).collect(),
        size: Some(manifest.layers_size()),
    })
}

fn index(
    repository: &ServedRepository<'_>,
    media_type: &MediaType,
    index: &Index,
) -> Result<Checked, PushError> {
    is_as_sent(media_type, index.media_type.as_ref(), index.schema_version)?;
    for entry in &index.manifests {
        match repository.has_manifest(&entry.digest)? {
            Some(found) => is_as_large(entry, found)?,
            None => return Err(PushError::BlobUnknown { digest: entry.digest.clone() }),
        }
    }
    let platforms = index.manifests.iter().filter_map(|entry| entry.platform.as_ref());
    // Builders note where an image is from in entries for no platform.
    let platforms = platforms.filter(|platform| platform.architecture != "unknown");
    Ok(Checked {
        subject: subject(&index.extra)?,
        artifact_type: index.extra.get("artifactType").and_then(serde_json::Value::as_str).map(str::to_owned),
        annotations: index.annotations.clone(),
        platforms: platforms.map(ToString::to_string).collect(),
        size: size_of_index(repository, index),
    })
}

/// Bytes of the layers for this machine's platform, or for the first one where there is none for that.
fn size_of_index(repository: &ServedRepository<'_>, index: &Index) -> Option<u64> {
    let entry = index.select(&Platform::host()).or(index.manifests.first())?;
    let manifest: Manifest = serde_json::from_slice(&repository.document(entry)?).ok()?;
    Some(manifest.layers_size())
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, PushError> {
    serde_json::from_slice(bytes).map_err(|error| PushError::Malformed(error.to_string()))
}

fn is_as_sent(sent: &MediaType, said: Option<&MediaType>, schema_version: u32) -> Result<(), PushError> {
    if schema_version != 2 {
        return Err(PushError::Malformed(format!("`schemaVersion` is {schema_version}, and must be 2")));
    }
    match said {
        Some(said) if said != sent => Err(PushError::OtherType { sent: sent.clone(), said: said.clone() }),
        _ => Ok(()),
    }
}

fn is_as_large(named: &Descriptor, found: u64) -> Result<(), PushError> {
    if named.size == found {
        return Ok(());
    }
    Err(PushError::Size { digest: named.digest.clone(), said: named.size, found })
}

/// What a manifest is about need not be here.
fn subject(extra: &serde_json::Map<String, serde_json::Value>) -> Result<Option<Digest>, PushError> {
    let Some(subject) = extra.get("subject").filter(|subject| !subject.is_null()) else { return Ok(None) };
    let subject: Result<Descriptor, _> = serde_json::from_value(subject.clone());
    Ok(Some(subject.map_err(|error| PushError::Malformed(format!("`subject`: {error}")))?.digest))
}
