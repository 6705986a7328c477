//! From a name to the image for a platform.

use imagewright_oci::{Descriptor, Document, Index, Manifest, MediaType, Platform};
use serde::Deserialize;

use super::{FetchedManifest, ManifestName, Repository};
use crate::RegistryError;

/// Indexes within indexes that are followed.
const DEEPEST_NESTING: usize = 4;

/// An image for a platform, and how it was found.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// Its manifest.
    pub manifest: Document<Manifest>,
    /// A descriptor of the manifest, with the type the registry gave it.
    pub descriptor: Descriptor,
    /// The index it was chosen from, where the name stands for one.
    pub index: Option<Document<Index>>,
}

/// What the document says about itself.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outline {
    schema_version: Option<u32>,
    media_type: Option<MediaType>,
}

/// A manifest or an index.
pub(crate) enum Parsed {
    Manifest(Box<Document<Manifest>>),
    Index(Document<Index>),
}

impl Repository {
    /// Finds the image for `platform` behind a name; an index is looked through, a single image taken as it is.
    pub fn resolve(&self, name: &ManifestName, platform: &Platform) -> Result<Resolved, RegistryError> {
        let what = self.manifest_what(name);
        let mut fetched = self.get_manifest(name)?;
        let mut outermost = None;
        for _ in 0..DEEPEST_NESTING {
            let descriptor = fetched.descriptor();
            match parse_manifest(fetched, &what)? {
                Parsed::Manifest(manifest) => {
                    check_image(&manifest, &what)?;
                    return Ok(Resolved { manifest: *manifest, descriptor, index: outermost });
                }
                Parsed::Index(index) => {
                    let chosen = chosen(&index, platform, &what)?.digest.clone();
                    fetched = self.get_manifest(&ManifestName::Digest(chosen))?;
                    outermost.get_or_insert(index);
                }
            }
        }
        Err(RegistryError::Nested { what, limit: DEEPEST_NESTING })
    }
}

/// Tells manifests from indexes and from everything else by the type the registry and the document give.
pub(crate) fn parse_manifest(fetched: FetchedManifest, what: &str) -> Result<Parsed, RegistryError> {
    let outline: Option<Outline> = serde_json::from_slice(&fetched.bytes).ok();
    let unknown = || RegistryError::ManifestType { what: what.to_owned(), found: fetched.media_type.clone() };
    let outline = outline.ok_or_else(unknown)?;
    let is_schema1 = |media_type: &MediaType| {
        media_type.as_str().starts_with("application/vnd.docker.distribution.manifest.v1+")
    };
    if outline.schema_version == Some(1) || is_schema1(&fetched.media_type) {
        return Err(RegistryError::Schema1 { what: what.to_owned() });
    }
    // A registry that takes one for the other could make one digest mean two things.
    let told = outline.media_type.as_ref();
    if told.is_some_and(|told| {
        told.is_index() != fetched.media_type.is_index()
            || told.is_manifest() != fetched.media_type.is_manifest()
    }) {
        return Err(unknown());
    }
    let malformed = |source| RegistryError::Malformed { what: what.to_owned(), source };
    if fetched.media_type.is_index() {
        Ok(Parsed::Index(Document::parse(fetched.bytes).map_err(malformed)?))
    } else if fetched.media_type.is_manifest() {
        Ok(Parsed::Manifest(Box::new(Document::parse(fetched.bytes).map_err(malformed)?)))
    } else {
        Err(unknown())
    }
}

/// An OCI manifest may be of anything; only an image has the configuration of one.
fn check_image(manifest: &Manifest, what: &str) -> Result<(), RegistryError> {
    if manifest.config.media_type.is_config() {
        return Ok(());
    }
    Err(RegistryError::NotAnImage { what: what.to_owned(), found: manifest.config.media_type.clone() })
}

/// The entry for `platform`; entries without one may be nested indexes, which are worth a look when nothing fits.
fn chosen<'a>(index: &'a Index, platform: &Platform, what: &str) -> Result<&'a Descriptor, RegistryError> {
    let nested =
        || index.manifests.iter().find(|entry| entry.platform.is_none() && entry.media_type.is_index());
    index.select(platform).or_else(nested).ok_or_else(|| RegistryError::NoPlatform {
        what: what.to_owned(),
        platform: Box::new(platform.clone()),
        offered: platforms(index),
    })
}

/// The platforms of an index, without the entries that are no images (attestations are `unknown/unknown`).
fn platforms(index: &Index) -> Vec<Platform> {
    let offered = index.manifests.iter().filter_map(|entry| entry.platform.as_ref());
    offered.filter(|platform| platform.os != "unknown").cloned().collect()
}

#[cfg(test)]
mod tests {
    use imagewright_oci::Digest;

    use super::*;

    fn parse(media_type: &str, text: &str) -> Result<Parsed, RegistryError> {
        let bytes = text.as_bytes().to_vec();
        let digest = Digest::of(&bytes);
        parse_manifest(
            FetchedManifest { bytes, media_type: MediaType::from(media_type.to_owned()), digest },
            "image `a`",
        )
    }

    #[test]
    fn only_manifests_and_indexes_of_schema_2_are_taken() {
        const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
        const INDEX: &str = "application/vnd.oci.image.index.v1+json";
        let empty_index = r#"{"schemaVersion":2,"manifests":[]}"#;
        assert!(matches!(parse(INDEX, empty_index), Ok(Parsed::Index(_))));
        let cases = [
            ("text/html", "<html>", "is of type `text/html`"),
            ("application/json", empty_index, "is of type `application/json`"),
            (MANIFEST, "<html>", "is of type"),
            (MANIFEST, empty_index, "cannot be read"),
            (
                INDEX,
                r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","manifests":[]}"#,
                "is of type",
            ),
            (
                "application/vnd.docker.distribution.manifest.v1+prettyjws",
                r#"{"schemaVersion":1}"#,
                "schema 1",
            ),
            ("application/vnd.docker.distribution.manifest.v1+json", "{}", "schema 1"),
            (MANIFEST, r#"{"schemaVersion":1}"#, "schema 1"),
        ];
        for (media_type, text, expected) in cases {
            let message = parse(media_type, text).err().unwrap_or_else(|| panic!("{text}")).to_string();
            assert!(message.contains(expected), "{media_type} {text}: {message}");
        }
    }
}
