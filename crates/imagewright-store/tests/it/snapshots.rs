//! Layers unpacked for overlays.

mod needs_root {
    use std::fs;
    use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
    use std::path::{Path, PathBuf};
    use std::sync::Barrier;
    use std::thread;
    use std::time::{Duration, Instant};

    use imagewright_layer::{Compression, EntryKind, LayerError};
    use imagewright_model::ErrorKind;
    use imagewright_oci::{DiffId, Digest};
    use imagewright_store::overlay::EntryError;
    use imagewright_store::{Image, Store, StoreError, UnpackError};

    use crate::support::{
        CAPABILITY, Item, TestStore, directory, file, hard_link, image_of, item, names_in, opaque, put_image,
        put_layer, quiet, symlink, tar, whiteout,
    };

    /// Unpacks an image and returns the directories of its layers, top first.
    fn unpack(store: &Store, image: &Image) -> Result<Vec<PathBuf>, StoreError> {
        let stack = store.ensure_snapshot(image, &mut quiet)?;
        Ok(stack.iter().map(|name| store.snapshots_dir().join(name)).collect())
    }

    fn unpack_one(store: &Store, items: Vec<Item>) -> Result<PathBuf, StoreError> {
        let (_, image) = put_image(store, &[items], &[]);
        Ok(unpack(store, &image)?.remove(0))
    }

    fn mode(path: PathBuf) -> u32 {
        fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    #[ignore = "needs root"]
    fn every_kind_of_entry_is_placed_with_its_metadata() {
        let test = TestStore::new();
        let mut program = file("usr/bin/ping", "program");
        program.0.mode = 0o4755;
        program.0.mtime = 1_000_000_000;
        program.0.uid = 12;
        program.0.gid = 34;
        program.0.xattrs.insert("security.capability".into(), CAPABILITY.to_vec());
        program.0.xattrs.insert("user.note".into(), b"kept".to_vec());
        program.0.xattrs.insert("security.selinux".into(), b"the machine's".to_vec());
        program.0.xattrs.insert("trusted.overlay.redirect".into(), b"/etc".to_vec());
        let mut home = item("home", EntryKind::Directory, 0o2775);
        home.0.mtime = 900_000_000;
        home.0.uid = 1000;
        let mut link = symlink("home/link", "../absent");
        link.0.mtime = 800_000_000;
        link.0.uid = 1000;
        let top = unpack_one(
            &test.store,
            vec![
                home,
                link,
                directory("usr"),
                directory("usr/bin"),
                program,
                hard_link("usr/bin/same", "usr/bin/ping"),
                item("fifo", EntryKind::Fifo, 0o620),
                item("null", EntryKind::CharDevice { major: 1, minor: 3 }, 0o666),
                item("disk", EntryKind::BlockDevice { major: 8, minor: 300 }, 0o660),
            ],
        )
        .unwrap();

        let ping = fs::metadata(top.join("usr/bin/ping")).unwrap();
        assert_eq!((ping.mode() & 0o7777, ping.uid(), ping.gid()), (0o4755, 12, 34));
        assert_eq!((ping.mtime(), ping.nlink()), (1_000_000_000, 2));
        let attribute = |name| xattr::get(top.join("usr/bin/ping"), name).unwrap();
        assert_eq!(attribute("security.capability").unwrap(), CAPABILITY);
        assert_eq!(attribute("user.note").unwrap(), b"kept");
        assert_eq!(attribute("security.selinux"), None);
        assert_eq!(attribute("trusted.overlay.redirect"), None);
        let home = fs::metadata(top.join("home")).unwrap();
        assert_eq!((home.mode() & 0o7777, home.uid(), home.mtime()), (0o2775, 1000, 900_000_000));
        let link = fs::symlink_metadata(top.join("home/link")).unwrap();
        assert_eq!((link.uid(), link.mtime()), (1000, 800_000_000));
        assert!(fs::metadata(top.join("fifo")).unwrap().file_type().is_fifo());
        assert_eq!(mode(top.join("fifo")), 0o620);
        let null = fs::metadata(top.join("null")).unwrap();
        assert_eq!((null.rdev(), null.mode() & 0o777), (nix::sys::stat::makedev(1, 3), 0o666));
        let disk = fs::metadata(top.join("disk")).unwrap();
        assert!(disk.file_type().is_block_device());
        assert_eq!(disk.rdev(), nix::sys::stat::makedev(8, 300));
    }

    #[test]
    #[ignore = "needs root"]
    fn removals_take_the_form_overlays_know() {
        let test = TestStore::new();
        let top = unpack_one(
            &test.store,
            vec![
                directory("etc"),
                whiteout("etc/gone"),
                opaque("etc/replaced"),
                file("etc/replaced/new", "new"),
                // Replaced in one layer: what this layer has stays, in whatever order it is told.
                directory("first"),
                file("first/kept", ""),
                whiteout("first"),
                whiteout("last"),
                directory("last"),
                file("file", "kept"),
                whiteout("file"),
                whiteout("turned"),
                file("turned", "kept"),
                whiteout("beneath"),
                file("beneath/it", "kept"),
            ],
        )
        .unwrap();
        let is_opaque = |path: &str| xattr::get(top.join(path), "trusted.overlay.opaque").unwrap().is_some();
        let gone = fs::symlink_metadata(top.join("etc/gone")).unwrap();
        assert!(gone.file_type().is_char_device() && gone.rdev() == 0);
        assert!(is_opaque("etc/replaced") && is_opaque("first") && is_opaque("last") && is_opaque("beneath"));
        assert!(!is_opaque("etc"));
        assert_eq!(names_in(&top.join("first")), ["kept"]);
        assert_eq!(fs::read(top.join("file")).unwrap(), b"kept");
        assert_eq!(fs::read(top.join("turned")).unwrap(), b"kept");
        assert_eq!(fs::read(top.join("beneath/it")).unwrap(), b"kept");
    }

    #[test]
    #[ignore = "needs root"]
    fn directories_a_layer_leaves_out_look_as_below() {
        let test = TestStore::new();
        let mut opt = item("opt", EntryKind::Directory, 0o2775);
        opt.0.uid = 1000;
        opt.0.mtime = 77;
        opt.0.xattrs.insert("user.note".into(), b"below".to_vec());
        let mut root = item("", EntryKind::Directory, 0o711);
        root.0.xattrs.insert("user.note".into(), b"root".to_vec());
        let below = vec![root, opt, symlink("lib", "/etc"), symlink("absolute", "/"), file("notadir", "")];
        let above = vec![
            file("opt/a", ""),
            file("new/deep/a", ""),
            file("lib/a", ""),
            file("absolute/etc/a", ""),
            file("notadir/a", ""),
            opaque("opt/hidden"),
        ];
        let (_, image) = put_image(&test.store, &[below, above], &[]);
        let top = unpack(&test.store, &image).unwrap().remove(0);
        let opt = fs::metadata(top.join("opt")).unwrap();
        assert_eq!((opt.mode() & 0o7777, opt.uid(), opt.mtime()), (0o2775, 1000, 77));
        assert_eq!(xattr::get(top.join("opt"), "user.note").unwrap().unwrap(), b"below");
        assert_eq!(mode(top.clone()), 0o711, "the root looks as below too");
        assert_eq!(xattr::get(&top, "user.note").unwrap().unwrap(), b"root");
        assert_eq!(mode(top.join("new/deep")), 0o755);
        // Links below are hidden by directories, never followed: not even for their targets' looks.
        for path in ["lib", "absolute", "absolute/etc", "notadir"] {
            let found = fs::symlink_metadata(top.join(path)).unwrap();
            assert!(found.is_dir(), "{path}");
            assert_eq!((found.mode() & 0o7777, found.mtime()), (0o755, 0), "{path}");
        }
    }

    #[test]
    #[ignore = "needs root"]
    fn an_entry_for_a_directory_replaces_what_it_took_over_from_below() {
        let test = TestStore::new();
        let mut below = item("opt", EntryKind::Directory, 0o2775);
        below.0.xattrs.insert("user.note".into(), b"below".to_vec());
        let above = vec![file("opt/a", ""), directory("opt"), directory("")];
        let (_, image) = put_image(&test.store, &[vec![below], above], &[]);
        let top = unpack(&test.store, &image).unwrap().remove(0);
        assert_eq!(mode(top.join("opt")), 0o755);
        assert_eq!(xattr::get(top.join("opt"), "user.note").unwrap(), None);
        assert!(top.join("opt/a").exists());
    }

    #[test]
    #[ignore = "needs root"]
    fn an_opaque_root_hides_everything_below() {
        let test = TestStore::new();
        let below = vec![directory("a"), file("a/x", ""), directory("b"), file("c", "")];
        let above = vec![opaque(""), directory("b"), file("d", "")];
        let (_, image) = put_image(&test.store, &[below, above], &[]);
        let top = unpack(&test.store, &image).unwrap().remove(0);
        for name in ["a", "c"] {
            let found = fs::symlink_metadata(top.join(name)).unwrap();
            assert!(found.file_type().is_char_device() && found.rdev() == 0, "{name}");
        }
        assert!(xattr::get(top.join("b"), "trusted.overlay.opaque").unwrap().is_some());
        assert_eq!(names_in(&top), ["a", "b", "c", "d"]);
    }

    #[test]
    #[ignore = "needs root"]
    fn later_entries_replace_earlier_ones() {
        let test = TestStore::new();
        let top = unpack_one(
            &test.store,
            vec![
                directory("a"),
                directory("a/b"),
                file("a/b/c", "old"),
                file("a/b", "now a file"),
                file("x", "old"),
                directory("x"),
                file("x/y", "in it"),
                file("y", "one"),
                file("y", "two"),
                symlink("z", "y"),
                file("z", "not through the link"),
            ],
        )
        .unwrap();
        assert_eq!(fs::read(top.join("a/b")).unwrap(), b"now a file");
        assert_eq!(fs::read(top.join("x/y")).unwrap(), b"in it");
        assert_eq!(fs::read(top.join("y")).unwrap(), b"two");
        assert_eq!(fs::read(top.join("z")).unwrap(), b"not through the link");
    }

    #[test]
    #[ignore = "needs root"]
    fn nothing_is_placed_through_a_link() {
        let outside = tempfile::tempdir().unwrap();
        let there = outside.path().to_str().unwrap();
        fs::write(outside.path().join("file"), "untouched").unwrap();
        let cases: Vec<(&str, Vec<Item>)> = vec![
            ("escape/file", vec![symlink("escape", there), file("escape/file", "overwritten")]),
            ("escape/new", vec![symlink("escape", there), directory("escape/new")]),
            ("escape/gone", vec![symlink("escape", there), whiteout("escape/gone")]),
            ("a/up/x", vec![directory("a"), symlink("a/up", "../../../.."), file("a/up/x", "")]),
            ("link", vec![symlink("escape", there), hard_link("link", "escape/file")]),
            ("file/x", vec![file("file", ""), file("file/x", "")]),
        ];
        for (entry, items) in cases {
            let test = TestStore::new();
            let error = unpack_one(&test.store, items).unwrap_err();
            let cause = std::error::Error::source(&error).unwrap().to_string();
            assert!(cause.starts_with(&format!("`{entry}` lies beneath")), "{cause}");
            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert!(names_in(&test.store.snapshots_dir()).is_empty());
            assert!(names_in(&test.store.root().join("tmp")).is_empty());
        }
        assert_eq!(names_in(outside.path()), ["file"]);
        assert_eq!(fs::read(outside.path().join("file")).unwrap(), b"untouched");
    }

    #[test]
    #[ignore = "needs root"]
    fn hard_links_to_nothing_are_refused_by_name() {
        let cases = [
            vec![hard_link("link", "absent")],
            vec![hard_link("link", "link")],
            vec![directory("dir"), hard_link("link", "dir")],
            vec![whiteout("gone"), hard_link("link", "gone")],
        ];
        for items in cases {
            let test = TestStore::new();
            let error = unpack_one(&test.store, items).unwrap_err();
            let StoreError::Unpack(UnpackError::Entry { source, .. }) = error else { panic!("{error}") };
            assert!(matches!(source, EntryError::MissingTarget { .. }), "{source}");
        }
    }

    #[test]
    #[ignore = "needs root"]
    fn a_blob_that_is_not_the_layer_leaves_nothing() {
        let test = TestStore::new();
        let plain = tar(&[file("a", "contents")]);
        let good = put_layer(&test.store, &plain, Compression::default());

        let mut other = good.clone();
        other.diff_id = DiffId::new(Digest::of(b"something else"));
        let error = unpack(&test.store, &image_of(&[other])).unwrap_err();
        let StoreError::Unpack(UnpackError::Layer { layer, source }) = &error else { panic!("{error}") };
        assert_eq!(*layer, good.digest);
        assert!(matches!(source, LayerError::DiffId { .. }), "{source}");

        let path = test.store.blob_path(&good.digest);
        let bytes = fs::read(&path).unwrap();
        for damaged in [&bytes[..bytes.len() - 9], &bytes[..5], b"", b"not a tar at all"] {
            fs::write(&path, damaged).unwrap();
            let error = unpack(&test.store, &image_of(std::slice::from_ref(&good))).unwrap_err();
            assert!(matches!(error, StoreError::Unpack(UnpackError::Layer { .. })), "{error}");
            assert_eq!(error.kind(), ErrorKind::Invalid);
        }
        assert!(names_in(&test.store.snapshots_dir()).is_empty());
        assert!(names_in(&test.store.root().join("tmp")).is_empty());

        let mut image = image_of(std::slice::from_ref(&good));
        image.config = image_of(&[]).config;
        assert!(matches!(
            unpack(&test.store, &image),
            Err(StoreError::Unpack(UnpackError::Count { layers: 1, diff_ids: 0, .. }))
        ));
    }

    #[test]
    #[ignore = "needs root"]
    fn of_many_who_want_a_layer_one_unpacks_it() {
        let test = TestStore::new();
        let items: Vec<Item> = (0..200).map(|number| file(&format!("file-{number}"), "contents")).collect();
        let (_, image) = put_image(&test.store, &[items, vec![file("top", "")]], &[]);
        let barrier = Barrier::new(6);
        let stacks: Vec<Vec<PathBuf>> = thread::scope(|scope| {
            let threads: Vec<_> = (0..6)
                .map(|_| {
                    scope.spawn(|| {
                        barrier.wait();
                        unpack(&test.store, &image).unwrap()
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(stacks.iter().all(|stack| *stack == stacks[0]));
        assert_eq!(stacks[0].len(), 2);
        assert_eq!(names_in(&stacks[0][0]), ["top"]);
        assert_eq!(names_in(&stacks[0][1]).len(), 200);
        assert_eq!(names_in(&test.store.snapshots_dir()).len(), 2);
    }

    #[test]
    #[ignore = "needs root"]
    fn a_scratch_folder_becomes_a_snapshot_once() {
        let test = TestStore::new();
        let (_, image) = put_image(&test.store, &[vec![item("", EntryKind::Directory, 0o700)]], &[]);
        let below = test.store.ensure_snapshot(&image, &mut quiet).unwrap();
        let chain = image.chain()[0].with(&DiffId::new(Digest::of(b"step")));
        for contents in ["first", "second"] {
            let scratch = test.store.scratch(&below).unwrap();
            assert_eq!(mode(scratch.upper()), 0o700);
            fs::write(scratch.upper().join("file"), contents).unwrap();
            scratch.commit_as(&chain).unwrap();
        }
        assert!(test.store.has_snapshot(&chain));
        let path = test.store.snapshots_dir().join(chain.digest().hex()).join("fs/file");
        assert_eq!(fs::read(path).unwrap(), b"first");
        assert!(names_in(&test.store.root().join("tmp")).is_empty());
    }

    /// Waits for the flush that takes the mark of a new snapshot away, and would take the next one too.
    fn until_flushed(snapshot: &Path) {
        while snapshot.join("unflushed").exists() {
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// What a snapshot that was not flushed is marked by, and how the next boot finds one.
    fn mark_as_of_another_boot(snapshot: &Path) {
        until_flushed(snapshot);
        fs::write(snapshot.join("unflushed"), "3a5e8a0e-1111-4111-8111-3ad6c4a3c8f1").unwrap();
    }

    #[test]
    #[ignore = "needs root"]
    fn what_a_crash_may_have_damaged_is_unpacked_again() {
        let test = TestStore::new();
        let (_, image) = put_image(&test.store, &[vec![file("file", "contents")]], &[]);
        let (chain, top) = (image.chain().remove(0), unpack(&test.store, &image).unwrap().remove(0));
        let snapshot = top.parent().unwrap();
        // Of an older version, or flushed: there is no mark, and nothing is looked at.
        until_flushed(snapshot);
        fs::write(top.join("file"), "").unwrap();
        unpack(&test.store, &image).unwrap();
        assert_eq!(fs::read(top.join("file")).unwrap(), b"");

        mark_as_of_another_boot(snapshot);
        assert!(!test.store.has_snapshot(&chain));
        unpack(&test.store, &image).unwrap();
        assert_eq!(fs::read(top.join("file")).unwrap(), b"contents");
        assert!(test.store.has_snapshot(&chain));
        assert!(names_in(&test.store.root().join("tmp")).is_empty());

        mark_as_of_another_boot(snapshot);
        fs::write(top.join("file"), "").unwrap();
        let scratch = test.store.scratch(&[]).unwrap();
        fs::write(scratch.upper().join("file"), "from a step").unwrap();
        scratch.commit_as(&chain).unwrap();
        assert_eq!(fs::read(top.join("file")).unwrap(), b"from a step");
    }

    #[test]
    #[ignore = "needs root"]
    fn a_snapshot_survives_the_machine_once_it_was_flushed() {
        let test = TestStore::new();
        let (_, image) = put_image(&test.store, &[vec![file("file", "contents")]], &[]);
        let top = unpack(&test.store, &image).unwrap().remove(0);
        let mark = top.parent().unwrap().join("unflushed");
        let flushed = || {
            let deadline = Instant::now() + Duration::from_secs(300);
            while mark.exists() {
                assert!(Instant::now() < deadline, "nobody flushes the snapshot");
                thread::sleep(Duration::from_millis(5));
            }
        };
        flushed();
        // Its maker was killed before it could take the mark away: who uses it next does.
        fs::write(&mark, fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap().trim()).unwrap();
        let again = unpack(&Store::open(test.store.root()).unwrap(), &image).unwrap();
        assert_eq!(again, [top.as_path()]);
        flushed();
    }
}
