//! Images, by their documents and by what their layers tell.

use imagewright_check::{
    ImageSubject, IndexEntry, IndexKind, Indexer, LayerIndex, Level, Selection, check_image,
};
use imagewright_oci::{
    ContainerConfig, Descriptor, Digest, HistoryEntry, ImageConfig, Manifest, MediaType, Platform, annotation,
};

use crate::support::notebook;

struct Example {
    manifest: Manifest,
    config: ImageConfig,
    layers: Vec<Option<LayerIndex>>,
}

/// A layer of files that are this large, with nothing in them that was kept.
fn layer(files: &[(&str, u64)]) -> LayerIndex {
    let mut indexer = Indexer::default();
    for (path, size) in files {
        let entry = IndexEntry { kind: IndexKind::File(*size), mode: 0o644, uid: 0, gid: 0 };
        indexer.add(path.as_bytes(), entry, &mut std::io::empty()).expect("nothing is read");
    }
    indexer.finish()
}

impl Example {
    fn new(container: ContainerConfig) -> Self {
        let descriptor = |text: &str| Descriptor::new(MediaType::LayerGzip, Digest::of(text.as_bytes()), 1);
        let mut config = ImageConfig::empty(Platform::linux("amd64"));
        config.config = Some(container);
        let manifest = Manifest::new(descriptor("config"), vec![descriptor("one"), descriptor("two")]);
        Self { manifest, config, layers: vec![None, None] }
    }

    fn told(self) -> String {
        let Self { manifest, config, layers } = self;
        let subject = ImageSubject::new("team/image:1", &manifest, &config, &layers);
        let findings = check_image(&subject, &Selection::default());
        findings.iter().map(|finding| format!("{}: {finding}\n", finding.level)).collect()
    }
}

#[test]
fn a_notebook_image_of_which_nothing_else_is_known_is_all_right() {
    assert_eq!(Example::new(notebook()).told(), "");
}

#[test]
fn what_can_be_seen_of_an_image_is_told() {
    let mut example = Example::new(ContainerConfig {
        entrypoint: Some(vec!["tini".to_owned(), "--".to_owned()]),
        cmd: Some(vec!["/bin/sh".to_owned(), "-c".to_owned(), "mlflow server --port 80".to_owned()]),
        env: vec!["HF_TOKEN=x".to_owned()],
        ..ContainerConfig::default()
    });
    let made = |text: &str, empty_layer| HistoryEntry {
        created_by: Some(text.to_owned()),
        empty_layer,
        ..HistoryEntry::default()
    };
    example.config.history = vec![
        made("ADD rootfs.tar /", false),
        made("ENV A=1", true),
        made("RUN /bin/sh -c curl -L https://server.example/vVERSION/x-VERSION.tgz | tar xz", false),
    ];
    example.manifest.annotations.insert(annotation::BASE_NAME.to_owned(), "team/base:latest".to_owned());
    let contents = layer(&[
        ("var/lib/apt/lists/mirror.example_Packages", 20_000_000),
        ("root/.cache/pip/selfcheck/x", 100),
        ("usr/lib/python3.13/site-packages/Jinja2-3.2.0.dist-info/METADATA", 100),
        ("usr/lib/python3.13/site-packages/requests-2.40.0.dist-info/METADATA", 100),
    ]);
    example.layers[1] = Some(contents);
    insta::assert_snapshot!(example.told(), @r"
    warning: team/image:1: `CMD` starts `mlflow server --port 80`, and a pipeline runs a command of its own instead: a notebook that relies on it must start it (service-not-started)
    warning: team/image:1: containers of this image run as root (runs-as-root)
    note: team/image:1: the image says that its base is `team/base:latest`, and not with which digest (base-not-pinned)
    note: team/image:1: it was built on `team/base:latest`: the next build may be on something else (base-latest)
    warning: team/image:1: layer 3fc4ccfe7458, made by `RUN /bin/sh -c curl -L https://server.example/vVERSION/x-VER…`, holds 20.0 MB of package lists of apt in `/var/lib/apt/lists/` (package-cache)
    note: team/image:1: `Jinja2` 3.2.0 does not last: a pipeline installs 3.1.6 (Elyra 4.1.1) before it runs a notebook (pin-conflict)
    error: team/image:1: `VERSION` in `https://server.example/vVERSION/x-VERSION.tgz` stands for something that is still to be filled in (placeholder)
    warning: team/image:1: the value of `HF_TOKEN` is for everybody to read who has the image (secret-in-image)
    ");
}

#[test]
fn findings_have_levels_that_can_be_compared() {
    assert!(Level::Note < Level::Warning && Level::Warning < Level::Error);
}
