//! Stores, layers and images made for tests.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;

use imagewright_layer::{Compression, Entry, EntryKind, LayerDigests, LayerEncoder, LayerPath, LayerWriter};
use imagewright_model::Progress;
use imagewright_oci::{Digest, Document, ImageConfig, Manifest, MediaType, Platform, Reference};
use imagewright_store::{Image, ImageRecord, Store};
use tempfile::TempDir;

/// The content of a file-capability attribute: `cap_net_raw+ep`.
pub(crate) const CAPABILITY: [u8; 20] = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// A store in a folder that goes away with the test.
pub(crate) struct TestStore {
    pub(crate) store: Store,
    pub(crate) folder: TempDir,
}

impl TestStore {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        Self { store, folder }
    }
}

pub(crate) fn quiet(_: &str, _: Progress) {}

pub(crate) fn name(text: &str) -> Reference {
    text.parse().unwrap()
}

/// One entry of a layer with its contents.
pub(crate) type Item = (Entry, Vec<u8>);

pub(crate) fn item(path: &str, kind: EntryKind, mode: u32) -> Item {
    (Entry::new(LayerPath::parse(path.as_bytes()).unwrap(), kind, mode), Vec::new())
}

pub(crate) fn file(path: &str, contents: &str) -> Item {
    let (entry, _) = item(path, EntryKind::File { size: contents.len() as u64 }, 0o644);
    (entry, contents.as_bytes().to_vec())
}

pub(crate) fn directory(path: &str) -> Item {
    item(path, EntryKind::Directory, 0o755)
}

pub(crate) fn symlink(path: &str, target: &str) -> Item {
    item(path, EntryKind::Symlink { target: target.into() }, 0o777)
}

pub(crate) fn hard_link(path: &str, target: &str) -> Item {
    item(path, EntryKind::HardLink { target: LayerPath::parse(target.as_bytes()).unwrap() }, 0o644)
}

pub(crate) fn whiteout(path: &str) -> Item {
    item(path, EntryKind::Whiteout, 0)
}

pub(crate) fn opaque(path: &str) -> Item {
    item(path, EntryKind::OpaqueDirectory, 0)
}

/// The plain tar of a layer.
pub(crate) fn tar(items: &[Item]) -> Vec<u8> {
    let mut writer = LayerWriter::new(Vec::new());
    for (entry, contents) in items {
        writer.append(entry, &mut contents.as_slice()).unwrap();
    }
    writer.finish().unwrap()
}

pub(crate) fn put_layer(store: &Store, plain: &[u8], compression: Compression) -> LayerDigests {
    let mut encoder = LayerEncoder::new(store.blob_writer().unwrap(), compression, 2);
    encoder.write_all(plain).unwrap();
    let (blob, digests) = encoder.finish().unwrap();
    blob.commit(&digests.digest).unwrap();
    digests
}

/// The documents of an image of these layers, bottom first.
pub(crate) fn image_of(layers: &[LayerDigests]) -> Image {
    let mut config = ImageConfig::empty(Platform::host());
    config.created = Some("2026-01-02T03:04:05Z".to_owned());
    config.rootfs.diff_ids = layers.iter().map(|layer| layer.diff_id.clone()).collect();
    let config = Document::new(config);
    let descriptors = layers.iter().map(LayerDigests::descriptor).collect();
    let manifest = Document::new(Manifest::new(config.descriptor(MediaType::Config), descriptors));
    Image { manifest, config }
}

/// Stores an image whose layers have these entries, bottom first.
pub(crate) fn put_image(store: &Store, layers: &[Vec<Item>], names: &[&str]) -> (ImageRecord, Image) {
    let digests: Vec<LayerDigests> =
        layers.iter().map(|items| put_layer(store, &tar(items), Compression::default())).collect();
    let image = image_of(&digests);
    let names: Vec<Reference> = names.iter().map(|text| name(text)).collect();
    let record = store.put_image(&image.manifest, &image.config, &names).unwrap();
    (record, image)
}

/// A small image of two layers.
pub(crate) fn put_small_image(store: &Store, names: &[&str]) -> (ImageRecord, Image) {
    let below = vec![directory("etc"), file("etc/motd", "hello\n"), file("etc/old", "old\n")];
    let above = vec![directory("etc"), whiteout("etc/old"), file("etc/new", "new\n")];
    put_image(store, &[below, above], names)
}

/// The names of what lies in a folder.
pub(crate) fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// All that can be told about a tree, one line for each path.
pub(crate) fn describe(top: &Path) -> BTreeMap<Vec<u8>, String> {
    let mut lines = BTreeMap::new();
    let mut links = BTreeMap::new();
    describe_into(top, top, &mut lines, &mut links);
    lines
}

fn describe_into(
    top: &Path,
    path: &Path,
    lines: &mut BTreeMap<Vec<u8>, String>,
    links: &mut BTreeMap<u64, Vec<u8>>,
) {
    let metadata = fs::symlink_metadata(path).unwrap();
    let relative = path.strip_prefix(top).unwrap().as_os_str().as_bytes().to_vec();
    let kind = metadata.file_type();
    let is_whiteout = kind.is_char_device() && metadata.rdev() == 0;
    let content = if kind.is_symlink() {
        format!("-> {}", fs::read_link(path).unwrap().display())
    } else if kind.is_file() {
        Digest::of(&fs::read(path).unwrap()).short().to_owned()
    } else {
        format!("device {}", metadata.rdev())
    };
    let mut attributes: Vec<String> = xattr::list(path)
        .unwrap()
        .map(|name| format!("{}={:?}", name.to_string_lossy(), xattr::get(path, &name).unwrap().unwrap()))
        .collect();
    attributes.sort();
    let linked = (metadata.nlink() > 1 && !kind.is_dir() && !is_whiteout)
        .then(|| links.entry(metadata.ino()).or_insert_with(|| relative.clone()).clone());
    let time = if is_whiteout { 0 } else { metadata.mtime() };
    let line = format!(
        "{:o} {}:{} {time} {content} {attributes:?} {:?}",
        metadata.mode(),
        metadata.uid(),
        metadata.gid(),
        linked.map(|first| String::from_utf8_lossy(&first).into_owned())
    );
    lines.insert(relative, line);
    if kind.is_dir() {
        let mut children: Vec<_> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
        children.sort();
        for child in children {
            describe_into(top, &child, lines, links);
        }
    }
}
