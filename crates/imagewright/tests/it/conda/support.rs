//! Channels for builds, and the files of what was built.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use imagewright_layer::{EntryKind, LayerReader, decompress};
use imagewright_testkit::conda::{Channel, CondaPackage, Format, Index};
use imagewright_testkit::context::TestContext;
use imagewright_testkit::image::TinyImage;
use serde_json::Value;

use crate::support::context;

/// The base of most builds here.
pub(crate) const BASE: &str = "oci:base:base";

/// A file of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    File(Vec<u8>, u32),
    Symlink(PathBuf),
    HardLink(String),
    Folder(u32, u32, u32),
}

/// Surroundings whose store is empty, with the channel `team` and a base that says it has glibc 2.36.
pub(crate) fn context_with(index: Index, packages: &[(CondaPackage, Format)]) -> TestContext {
    let context = context();
    fill(&context, "team", index, packages);
    let base = TinyImage::default().file(
        "lib64/libc.so.6",
        "\x7fELF GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36.\n",
    );
    base.write_layout(&context.work().join("base"), "base").unwrap();
    let alias = format!("file://{}", channels(&context).display());
    context.env("IMAGEWRIGHT_CONDA__CHANNEL_ALIAS", alias)
}

pub(crate) fn fill(
    context: &TestContext,
    name: &str,
    index: Index,
    packages: &[(CondaPackage, Format)],
) -> Channel {
    let mut channel = Channel::new(&channels(context).join(name), index);
    for (package, format) in packages {
        channel.add(package, *format).unwrap();
    }
    channel
}

pub(crate) fn channels(context: &TestContext) -> PathBuf {
    context.folder().join("channels")
}

/// All packages in the newer form.
pub(crate) fn newer(packages: Vec<CondaPackage>) -> Vec<(CondaPackage, Format)> {
    packages.into_iter().map(|package| (package, Format::Conda)).collect()
}

/// Builds `arguments` on [`BASE`] with the channel `team`. Nothing is compiled, because nothing can run there.
pub(crate) fn build(context: &TestContext, arguments: &[&str]) -> String {
    let common = ["build", "--base", BASE, "--conda-channel", "team", "--bytecode", "none"];
    context.run(common.iter().chain(arguments)).success().stdout
}

/// Why that fails, with this exit code.
pub(crate) fn refused(context: &TestContext, code: i32, arguments: &[&str]) -> String {
    let common = ["build", "--base", BASE, "--conda-channel", "team"];
    context.run(common.iter().chain(arguments)).exits(code).stderr
}

/// Digests of the layers of an image, bottom first.
pub(crate) fn layers(context: &TestContext, image: &str) -> Vec<String> {
    let details = context.run(["image", "show", image, "--json"]).success().json();
    let layers = details["manifest"]["layers"].as_array().unwrap();
    layers.iter().map(|layer| layer["digest"].as_str().unwrap().to_owned()).collect()
}

/// The configuration of the containers of an image.
pub(crate) fn environment(context: &TestContext, image: &str) -> Vec<String> {
    let details = context.run(["image", "show", image, "--json"]).success().json();
    serde_json::from_value(details["config"]["config"]["Env"].clone()).unwrap()
}

/// All files of an image. That a layer names a path twice is an error, because Docker refuses it.
pub(crate) fn tree(context: &TestContext, image: &str) -> BTreeMap<String, Found> {
    let mut tree = BTreeMap::new();
    for digest in layers(context, image) {
        let blob = context.root().join("blobs/sha256").join(digest.strip_prefix("sha256:").unwrap());
        read_layer(&blob, &mut tree);
    }
    tree
}

pub(crate) fn read_layer(blob: &Path, tree: &mut BTreeMap<String, Found>) {
    let plain = decompress(File::open(blob).unwrap()).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    LayerReader::new(plain)
        .for_each(|entry, body| {
            let path = entry.path.to_string();
            assert!(seen.insert(path.clone()), "{path} stands twice in {}", blob.display());
            let found = match entry.kind {
                EntryKind::File { .. } => {
                    let mut bytes = Vec::new();
                    body.read_to_end(&mut bytes).unwrap();
                    Found::File(bytes, entry.mode)
                }
                EntryKind::Symlink { target } => Found::Symlink(target),
                EntryKind::HardLink { target } => Found::HardLink(target.to_string()),
                EntryKind::Directory => Found::Folder(entry.mode, entry.uid, entry.gid),
                EntryKind::Whiteout => {
                    assert!(tree.remove(&path).is_some(), "{path} is taken away and was not there");
                    return Ok(());
                }
                other => panic!("{path} is {other:?}"),
            };
            tree.insert(path, found);
            Ok::<(), imagewright_layer::LayerError>(())
        })
        .unwrap();
}

/// The text of a file.
pub(crate) fn text(tree: &BTreeMap<String, Found>, path: &str) -> String {
    match tree.get(path) {
        Some(Found::File(bytes, _)) => String::from_utf8_lossy(bytes).into_owned(),
        other => panic!("{path} is {other:?}"),
    }
}

/// What `conda-meta` says of a package.
pub(crate) fn record(tree: &BTreeMap<String, Found>, name: &str) -> Value {
    serde_json::from_str(&text(tree, &format!("opt/conda/conda-meta/{name}.json"))).unwrap()
}

/// Forgets all that is kept beside images and layers.
pub(crate) fn remove_caches(context: &TestContext) {
    for name in ["cache", "facts"] {
        fs::remove_dir_all(context.root().join(name)).unwrap();
    }
}
