//! Parts of images, and images whose layers are elsewhere.

use std::fs;

use imagewright_layer::{Compression, LayerDigests};
use imagewright_model::ErrorKind;
use imagewright_store::{CollectionRules, Store, StoreError};

use crate::support::{Item, TestStore, file, image_of, name, put_image, put_layer, quiet, tar};

/// A layer that is packed and then taken away.
fn layer_elsewhere(store: &Store, items: &[Item]) -> (LayerDigests, Vec<u8>) {
    let layer = put_layer(store, &tar(items), Compression::default());
    let path = store.blob_path(&layer.digest);
    let bytes = fs::read(&path).unwrap();
    fs::remove_file(path).unwrap();
    (layer, bytes)
}

#[test]
fn an_image_may_leave_layers_where_they_are() {
    let test = TestStore::new();
    let store = &test.store;
    let (layer, _) = layer_elsewhere(store, &[file("a", "1")]);
    let image = image_of(std::slice::from_ref(&layer));
    let refused = store.put_image(&image.manifest, &image.config, &[name("demo:1")]).unwrap_err();
    assert!(matches!(refused, StoreError::BlobMissing { .. }), "{refused}");

    let (old, new) = (name("registry.example/old:1"), name("registry.example/new:1"));
    for place in [&new, &old, &new] {
        store.note_origin(&layer.digest, place).unwrap();
    }
    assert_eq!(store.origins(&layer.digest).unwrap(), [new, old], "the last one first, each once");
    store.put_image(&image.manifest, &image.config, &[name("demo:1")]).unwrap();
    assert_eq!(store.missing_layers(&image).len(), 1);
    let report = store.check(false, &mut quiet).unwrap();
    assert!(report.is_sound() && report.partial_images == 1, "{report:?}");
    let opened = store.open_blob(&layer.digest).unwrap_err();
    assert_eq!(opened.kind(), ErrorKind::NotFound);
    assert!(opened.hint().unwrap().contains("image fetch"), "{opened}");

    let everything = CollectionRules { unused_for: Default::default(), size_budget: None, dry_run: false };
    store.collect(&everything, || {}).unwrap();
    assert_eq!(store.origins(&layer.digest).unwrap().len(), 2);
    store.untag(&name("demo:1")).unwrap();
    store.collect(&everything, || {}).unwrap();
    assert!(store.origins(&layer.digest).unwrap().is_empty());
}

#[test]
fn places_that_no_reference_is_are_passed_over() {
    let test = TestStore::new();
    let (layer, _) = layer_elsewhere(&test.store, &[file("a", "1")]);
    test.store.note_origin(&layer.digest, &name("registry.example/a:1")).unwrap();
    let path = test.store.root().join("origins/sha256").join(layer.digest.hex());
    fs::write(&path, "what is this\n\nregistry.example/b:1\n\u{0}").unwrap();
    assert_eq!(test.store.origins(&layer.digest).unwrap(), [name("registry.example/b:1")]);
}

mod needs_root {
    use std::io::{self, Cursor};
    use std::path::PathBuf;

    use imagewright_layer::{Entry, EntryKind};
    use imagewright_oci::{ChainId, Descriptor};
    use imagewright_store::{Image, Part, UnpackError};

    use super::*;
    use crate::support::{directory, hard_link, names_in, symlink};

    /// Small files of a folder.
    const PART: Part = Part { name: "wanted", wants: is_wanted };

    fn is_wanted(entry: &Entry) -> bool {
        let is_small = !matches!(entry.kind, EntryKind::File { size } if size > 5);
        is_small && entry.path.as_path().starts_with("wanted")
    }

    fn nowhere(layer: &Descriptor) -> io::Result<Box<dyn io::Read + Send>> {
        panic!("nobody should ask for {}", layer.digest)
    }

    fn unpack(store: &Store, image: &Image) -> Result<Vec<PathBuf>, StoreError> {
        let stack = store.ensure_part(image, PART, &mut nowhere, &mut quiet)?;
        Ok(stack.iter().map(|name| store.snapshots_dir().join(name)).collect())
    }

    #[test]
    #[ignore = "needs root"]
    fn files_that_are_not_wanted_are_left_out() {
        let test = TestStore::new();
        let bottom = vec![
            directory("wanted"),
            directory("other"),
            file("wanted/kept", "kept"),
            file("wanted/grows", "small"),
            file("other/left", "left"),
            hard_link("other/same", "other/left"),
            symlink("other/link", "left"),
        ];
        let top = vec![file("wanted/grows", "too large"), file("new/left", "left")];
        let (_, image) = put_image(&test.store, &[bottom, top], &["demo:1"]);
        let stack = unpack(&test.store, &image).unwrap();
        let [top, bottom] = stack.as_slice() else { panic!("{stack:?}") };
        assert_eq!(names_in(&bottom.join("wanted")), ["grows", "kept"]);
        assert_eq!(names_in(&bottom.join("other")), ["link"]);
        assert_eq!(names_in(&top.join("new")), [""; 0], "folders are all there");
        // A file that outgrew the part hides the one it replaces.
        let hidden = fs::symlink_metadata(top.join("wanted/grows")).unwrap();
        assert!(!hidden.is_file(), "{hidden:?}");
        assert!(stack.iter().all(|layer| test.store.is_of_part(layer)));

        // A layer that is unpacked whole serves for every part.
        let whole = test.store.ensure_snapshot(&image, &mut quiet).unwrap();
        assert!(!whole.iter().any(|layer| test.store.is_of_part(layer)));
        assert_eq!(test.store.ensure_part(&image, PART, &mut nowhere, &mut quiet).unwrap(), whole);
    }

    #[test]
    #[ignore = "needs root"]
    fn a_link_that_is_wanted_to_what_is_not_is_an_error() {
        let test = TestStore::new();
        let items = vec![
            directory("other"),
            directory("wanted"),
            file("other/a", "a"),
            hard_link("wanted/a", "other/a"),
        ];
        let (_, image) = put_image(&test.store, &[items], &["demo:1"]);
        let error = unpack(&test.store, &image).unwrap_err();
        assert!(matches!(error, StoreError::Unpack(UnpackError::Entry { .. })), "{error}");
        assert_eq!(names_in(&test.store.snapshots_dir()), [""; 0]);
    }

    #[test]
    #[ignore = "needs root"]
    fn a_layer_that_is_elsewhere_streams_by_and_is_proven() {
        let test = TestStore::new();
        let store = &test.store;
        let (layer, bytes) = layer_elsewhere(store, &[directory("wanted"), file("wanted/a", "1")]);
        let image = image_of(std::slice::from_ref(&layer));
        let mut damaged = bytes.clone();
        *damaged.last_mut().unwrap() ^= 1;
        let mut open =
            |_: &Descriptor| Ok(Box::new(Cursor::new(damaged.clone())) as Box<dyn io::Read + Send>);
        let error = store.ensure_part(&image, PART, &mut open, &mut quiet).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert_eq!(names_in(&store.snapshots_dir()), [""; 0]);

        let mut open = |_: &Descriptor| Ok(Box::new(Cursor::new(bytes.clone())) as Box<dyn io::Read + Send>);
        let stack = store.ensure_part(&image, PART, &mut open, &mut quiet).unwrap();
        assert_eq!(fs::read(store.snapshots_dir().join(&stack[0]).join("wanted/a")).unwrap(), b"1");
        assert!(!store.has_blob(&layer.digest), "it is not kept");
        assert!(!store.has_snapshot(&ChainId::bottom(&layer.diff_id)));
        assert_eq!(store.ensure_part(&image, PART, &mut nowhere, &mut quiet).unwrap(), stack);

        // It goes with the last image that names the layer.
        store.note_origin(&layer.digest, &name("registry.example/a:1")).unwrap();
        store.put_image(&image.manifest, &image.config, &[name("demo:1")]).unwrap();
        let everything =
            CollectionRules { unused_for: Default::default(), size_budget: None, dry_run: false };
        store.collect(&everything, || {}).unwrap();
        assert_eq!(names_in(&store.snapshots_dir()).len(), 1);
        store.untag(&name("demo:1")).unwrap();
        store.collect(&everything, || {}).unwrap();
        assert_eq!(names_in(&store.snapshots_dir()), [""; 0]);
    }
}
