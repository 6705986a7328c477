//! Whether a manifest and a configuration together are an image.
//!
//! Looks at the two documents only; that the layers hold what they should is for whoever has the blobs.

use std::fmt;

use crate::{Algorithm, Digest, Document, ImageConfig, Manifest, MediaType};

/// Everything that is wrong with an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidationError {
    /// Digest of the manifest.
    pub manifest: Digest,
    /// What is wrong, one thing at least.
    pub problems: Vec<ImageProblem>,
}

impl fmt::Display for ValidationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "image `{}` is not valid", self.manifest)?;
        for (number, problem) in self.problems.iter().enumerate() {
            write!(f, "{} {problem}", if number == 0 { ":" } else { ";" })?;
        }
        Ok(())
    }
}

impl std::error::Error for ValidationError {}

/// One thing that is wrong with an image. Layers are counted from 1 at the bottom.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageProblem {
    /// The manifest has another schema version than 2.
    #[error("the manifest has schema version {0}, not 2")]
    SchemaVersion(u32),
    /// The manifest says it is something else.
    #[error("the manifest says it is `{0}`, which is no image manifest")]
    ManifestType(MediaType),
    /// The manifest's configuration is something else.
    #[error("the configuration is of type `{0}`, which does not fit the manifest")]
    ConfigType(MediaType),
    /// A layer is something else.
    #[error("layer {layer} is of type `{found}`, which does not fit the manifest")]
    LayerType {
        /// Which layer.
        layer: usize,
        /// Its type.
        found: MediaType,
    },
    /// The manifest points at another configuration.
    #[error("the manifest points at the configuration `{expected}`, not at `{found}`")]
    ConfigDigest {
        /// The digest in the manifest.
        expected: Digest,
        /// The digest of the configuration's bytes.
        found: Digest,
    },
    /// The configuration is longer or shorter than the manifest says.
    #[error("the configuration has {found} bytes, not {expected}")]
    ConfigSize {
        /// The size in the manifest.
        expected: u64,
        /// The number of bytes there are.
        found: u64,
    },
    /// The root file system is not made of layers.
    #[error("the root file system is of type `{0}`, not `layers`")]
    RootFsType(String),
    /// Manifest and configuration disagree on the number of layers.
    #[error("the number of layers is {layers}, that of diff ids {diff_ids}")]
    DiffIds {
        /// Layers in the manifest.
        layers: usize,
        /// Diff ids in the configuration.
        diff_ids: usize,
    },
    /// There is a history, and it tells of another number of layers.
    #[error("the number of layers is {layers}, that of history entries with one {entries}")]
    History {
        /// Layers in the manifest.
        layers: usize,
        /// History entries that are not marked as empty.
        entries: usize,
    },
    /// It is not said what the image runs on.
    #[error("the configuration names no {0}")]
    Platform(&'static str),
}

/// Checks that the two documents fit each other and the image specification.
pub fn validate_image(
    manifest: &Document<Manifest>,
    config: &Document<ImageConfig>,
) -> Result<(), ValidationError> {
    let mut problems = Vec::new();
    problems.extend(
        (manifest.schema_version != 2).then_some(ImageProblem::SchemaVersion(manifest.schema_version)),
    );
    problems.extend(media_types(manifest));
    problems.extend(config_bytes(manifest, config));
    problems.extend(layer_counts(manifest, config));
    for (name, value) in [("architecture", &config.platform.architecture), ("os", &config.platform.os)] {
        problems.extend(value.is_empty().then_some(ImageProblem::Platform(name)));
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(ValidationError { manifest: manifest.digest().clone(), problems })
    }
}

/// OCI's types go with OCI's and Docker's with Docker's. A manifest without a type is OCI's.
fn media_types(manifest: &Manifest) -> Vec<ImageProblem> {
    use MediaType::{
        Config, DockerConfig, DockerLayer, DockerLayerGzip, DockerManifest, Layer, LayerGzip, LayerZstd,
    };
    let (config, layers): (_, &[MediaType]) = match &manifest.media_type {
        None | Some(MediaType::Manifest) => (Config, &[Layer, LayerGzip, LayerZstd]),
        Some(DockerManifest) => (DockerConfig, &[DockerLayer, DockerLayerGzip]),
        Some(other) => return vec![ImageProblem::ManifestType(other.clone())],
    };
    let found = &manifest.config.media_type;
    let mut problems: Vec<ImageProblem> =
        (*found != config).then(|| ImageProblem::ConfigType(found.clone())).into_iter().collect();
    for (number, layer) in manifest.layers.iter().enumerate() {
        if !layers.contains(&layer.media_type) {
            problems.push(ImageProblem::LayerType { layer: number + 1, found: layer.media_type.clone() });
        }
    }
    problems
}

fn config_bytes(manifest: &Manifest, config: &Document<ImageConfig>) -> Option<ImageProblem> {
    let expected = &manifest.config;
    let size = config.bytes().len() as u64;
    if expected.size != size {
        return Some(ImageProblem::ConfigSize { expected: expected.size, found: size });
    }
    // The descriptor may use another algorithm than documents know themselves by.
    let found = digest_with(expected.digest.algorithm(), config.bytes());
    (found != expected.digest)
        .then(|| ImageProblem::ConfigDigest { expected: expected.digest.clone(), found })
}

fn digest_with(algorithm: Algorithm, bytes: &[u8]) -> Digest {
    let mut hasher = algorithm.hasher();
    hasher.update(bytes);
    hasher.finish()
}

fn layer_counts(manifest: &Manifest, config: &ImageConfig) -> Vec<ImageProblem> {
    let layers = manifest.layers.len();
    let diff_ids = config.rootfs.diff_ids.len();
    let entries = config.history.iter().filter(|entry| !entry.empty_layer).count();
    let kind = &config.rootfs.kind;
    [
        (kind != "layers").then(|| ImageProblem::RootFsType(kind.clone())),
        (layers != diff_ids).then_some(ImageProblem::DiffIds { layers, diff_ids }),
        (!config.history.is_empty() && layers != entries)
            .then_some(ImageProblem::History { layers, entries }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Descriptor, DiffId, HistoryEntry, Platform};

    type OnConfig = fn(&mut ImageConfig);
    type OnManifest = fn(&mut Manifest);

    fn config() -> ImageConfig {
        let mut config = ImageConfig::empty(Platform::linux("amd64"));
        config.rootfs.diff_ids = [&b"a"[..], b"b"].map(|layer| DiffId::new(Digest::of(layer))).into();
        let entry = |empty_layer| HistoryEntry { empty_layer, ..HistoryEntry::default() };
        config.history = [false, true, false].map(entry).into();
        config
    }

    fn manifest(config: &Document<ImageConfig>) -> Manifest {
        let layer = |bytes: &[u8]| Descriptor::of(MediaType::LayerGzip, bytes);
        Manifest::new(config.descriptor(MediaType::Config), vec![layer(b"a"), layer(b"b")])
    }

    /// The problems of an image after changes to its configuration and to its manifest.
    fn problems(on_config: OnConfig, on_manifest: OnManifest) -> Vec<ImageProblem> {
        let mut config = config();
        on_config(&mut config);
        let config = Document::new(config);
        let mut manifest = manifest(&config);
        on_manifest(&mut manifest);
        validate_image(&Document::new(manifest), &config).map_or_else(|error| error.problems, |()| Vec::new())
    }

    fn to_docker(manifest: &mut Manifest) {
        manifest.media_type = Some(MediaType::DockerManifest);
        manifest.config.media_type = MediaType::DockerConfig;
        for layer in &mut manifest.layers {
            layer.media_type = MediaType::DockerLayerGzip;
        }
    }

    #[test]
    fn images_of_both_families_are_valid() {
        let cases: [(OnConfig, OnManifest); 6] = [
            (|_| {}, |_| {}),
            (|_| {}, |manifest| manifest.media_type = None),
            (|_| {}, |manifest| manifest.layers[1].media_type = MediaType::LayerZstd),
            (|_| {}, to_docker),
            (|config| config.history.clear(), |_| {}),
            (
                |_| {},
                |manifest| {
                    let config = Document::new(config());
                    manifest.config.digest = digest_with(Algorithm::Sha512, config.bytes());
                },
            ),
        ];
        for (number, (on_config, on_manifest)) in cases.into_iter().enumerate() {
            assert_eq!(problems(on_config, on_manifest), [], "{number}");
        }
    }

    #[test]
    fn problems_of_manifests_are_named() {
        let other = || MediaType::from("text/plain".to_owned());
        let cases: [(OnManifest, ImageProblem); 7] = [
            (|manifest| manifest.schema_version = 1, ImageProblem::SchemaVersion(1)),
            (
                |manifest| manifest.media_type = Some(MediaType::Index),
                ImageProblem::ManifestType(MediaType::Index),
            ),
            (
                |manifest| manifest.config.media_type = MediaType::DockerConfig,
                ImageProblem::ConfigType(MediaType::DockerConfig),
            ),
            (
                |manifest| manifest.layers[0].media_type = MediaType::from("text/plain".to_owned()),
                ImageProblem::LayerType { layer: 1, found: other() },
            ),
            (
                |manifest| {
                    to_docker(manifest);
                    manifest.layers[1].media_type = MediaType::LayerGzip;
                },
                ImageProblem::LayerType { layer: 2, found: MediaType::LayerGzip },
            ),
            (
                |manifest| manifest.config.digest = Digest::of(b"other"),
                ImageProblem::ConfigDigest {
                    expected: Digest::of(b"other"),
                    found: Document::new(config()).digest().clone(),
                },
            ),
            (
                |manifest| manifest.config.size = 3,
                ImageProblem::ConfigSize { expected: 3, found: Document::new(config()).bytes().len() as u64 },
            ),
        ];
        for (on_manifest, expected) in cases {
            assert_eq!(problems(|_| {}, on_manifest), [expected]);
        }
    }

    #[test]
    fn problems_of_configurations_are_named() {
        let cases: [(OnConfig, ImageProblem); 6] = [
            (|config| config.rootfs.kind = "tree".to_owned(), ImageProblem::RootFsType("tree".to_owned())),
            (|config| config.rootfs.diff_ids.truncate(1), ImageProblem::DiffIds { layers: 2, diff_ids: 1 }),
            (|config| config.history.truncate(2), ImageProblem::History { layers: 2, entries: 1 }),
            (|config| config.history[1].empty_layer = false, ImageProblem::History { layers: 2, entries: 3 }),
            (|config| config.platform.os.clear(), ImageProblem::Platform("os")),
            (|config| config.platform.architecture.clear(), ImageProblem::Platform("architecture")),
        ];
        for (on_config, expected) in cases {
            assert_eq!(problems(on_config, |_| {}), [expected]);
        }
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let config = Document::new(config());
        let mut manifest = manifest(&config);
        manifest.schema_version = 1;
        manifest.layers.pop();
        let manifest = Document::new(manifest);
        let error = validate_image(&manifest, &config).unwrap_err();
        let expected = format!(
            "image `{}` is not valid: the manifest has schema version 1, not 2; \
             the number of layers is 1, that of diff ids 2; \
             the number of layers is 1, that of history entries with one 2",
            manifest.digest()
        );
        assert_eq!(error.to_string(), expected);
    }
}
