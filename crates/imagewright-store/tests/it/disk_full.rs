//! A store on a file system without space.

mod needs_root {
    use std::fs;
    use std::io::Write as _;
    use std::path::PathBuf;

    use imagewright_layer::Compression;
    use imagewright_model::ErrorKind;
    use imagewright_oci::{ChainId, Digest, MediaType};
    use imagewright_store::overlay::capture;
    use imagewright_store::transfer::{ExportTarget, ImportSource};
    use imagewright_store::{Image, ImageRecord, Store, StoreError};
    use nix::mount::{MntFlags, MsFlags, mount, umount2};
    use nix::sys::statvfs::statvfs;

    use crate::support::{Item, TestStore, file, image_of, name, names_in, put_image, quiet};

    /// A file system of 1 MiB.
    struct SmallDisk(PathBuf);

    impl SmallDisk {
        fn new(path: PathBuf) -> Self {
            fs::create_dir(&path).unwrap();
            mount(Some("tmpfs"), &path, Some("tmpfs"), MsFlags::empty(), Some("size=1m")).unwrap();
            Self(path)
        }

        fn remount(&self, options: &str) {
            let flags = MsFlags::MS_REMOUNT;
            mount(None::<&str>, &self.0, None::<&str>, flags, Some(options)).unwrap();
        }

        /// Takes away what is free, but for so many blocks or inodes.
        fn leave(&self, blocks: Option<u64>, inodes: Option<u64>) {
            let disk = statvfs(&self.0).unwrap();
            let used = disk.blocks() - disk.blocks_free();
            let size = blocks.map(|left| format!("size={}", (used + left).max(1) * disk.fragment_size()));
            let files = disk.files() - disk.files_free();
            let count = inodes.map(|left| format!("nr_inodes={}", files + left));
            self.remount(&size.into_iter().chain(count).collect::<Vec<_>>().join(","));
        }

        fn make_room(&self) {
            self.remount("size=1m,nr_inodes=10000");
        }
    }

    impl Drop for SmallDisk {
        fn drop(&mut self) {
            let _ = umount2(&self.0, MntFlags::MNT_DETACH);
        }
    }

    /// Contents that do not get smaller by compression.
    fn noise(length: usize) -> String {
        let mut state = 1_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b' ' + (state >> 33) as u8 % 94)
        };
        std::iter::repeat_with(&mut next).take(length).collect()
    }

    fn large_layer() -> Vec<Item> {
        vec![file("noise", &noise(3 << 20))]
    }

    fn assert_full(error: &StoreError, part: &str) {
        assert_eq!(error.kind(), ErrorKind::Machine, "{error:?}");
        let text = error.to_string();
        assert!(text.contains(part), "{text}");
        assert!(error.hint().unwrap().contains("free some space"), "{error:?}");
    }

    #[test]
    #[ignore = "needs root"]
    fn a_full_disk_is_told_with_the_file_and_leaves_nothing() {
        let test = TestStore::new();
        let disk = SmallDisk::new(test.folder.path().join("small"));
        let small = Store::open(&disk.0.join("store")).unwrap();

        let mut writer = small.blob_writer().unwrap();
        writer.write_all(noise(2 << 20).as_bytes()).unwrap_err();
        drop(writer);

        let upper = test.folder.path().join("upper");
        fs::create_dir(&upper).unwrap();
        fs::write(upper.join("noise"), noise(3 << 20)).unwrap();
        let writer = small.blob_writer().unwrap();
        let error = capture(&upper, &[], Compression::default(), 2, writer).unwrap_err();
        assert_full(&error, "store/tmp/.unfinished-");

        // Imports and unpacking: the same image comes from a store that has room.
        let (record, _) = put_image(&test.store, &[large_layer()], &["demo/large:1"]);
        for (target, source) in archives(&test) {
            test.store.export(&record, &record.names, &target, &mut quiet).unwrap();
            let error = small.import(source, None, &mut quiet).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Machine, "{error:?}");
            assert!(error.hint().unwrap().contains("free some space"));
        }

        let target = ExportTarget::DockerArchive(disk.0.join("image.tar"));
        let error = test.store.export(&record, &record.names, &target, &mut quiet).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Machine, "{error:?}");
        assert!(error.to_string().contains("image.tar"), "{error}");

        assert!(names_in(&small.root().join("tmp")).is_empty());
        assert_eq!(names_in(&disk.0), ["store"]);
        assert!(small.list().unwrap().is_empty());
        small.put_bytes(MediaType::Config, b"there is room again").unwrap();
    }

    fn archives(test: &TestStore) -> Vec<(ExportTarget, ImportSource)> {
        let path = |name: &str| test.folder.path().join(name);
        vec![
            (
                ExportTarget::OciDirectory(path("layout")),
                ImportSource::OciDirectory { path: path("layout"), reference: None },
            ),
            (
                ExportTarget::DockerArchive(path("image.tar")),
                ImportSource::DockerArchive { path: path("image.tar"), reference: None },
            ),
            (
                ExportTarget::DockerArchive(path("image.tar.gz")),
                ImportSource::DockerArchive { path: path("image.tar.gz"), reference: None },
            ),
        ]
    }

    #[test]
    #[ignore = "needs root"]
    fn a_layer_that_does_not_fit_is_not_unpacked() {
        let test = TestStore::new();
        let disk = SmallDisk::new(test.folder.path().join("small"));
        let small = Store::open(&disk.0.join("store")).unwrap();
        let zeros = vec![file("zeros", &"0".repeat(3 << 20))];
        let (_, image) = put_image(&small, &[zeros], &[]);
        let error = small.ensure_snapshot(&image, &mut quiet).unwrap_err();
        assert_full(&error, "could not be unpacked");
        assert!(names_in(&small.root().join("tmp")).is_empty());
        assert!(names_in(&small.snapshots_dir()).is_empty());
    }

    /// Something that a store does.
    type Act = fn(&Store) -> Result<(), StoreError>;

    /// The image that is in the store before anything is done.
    fn listed(store: &Store) -> ImageRecord {
        store.list().unwrap().remove(0)
    }

    const ACTS: [(&str, Act); 12] = [
        ("put_bytes", |store| store.put_bytes(MediaType::Config, b"{}").map(drop)),
        ("put_image", |store| {
            let Image { manifest, config } = store.image(&listed(store).manifest)?;
            store.put_image(&manifest, &config, &[name("demo/b:1")]).map(drop)
        }),
        ("put_unlisted", |store| {
            let Image { manifest, config } = image_of(&[]);
            store.put_unlisted(&manifest, &config).map(drop)
        }),
        ("put_fact", |store| store.put_fact("kind", &Digest::of(b"key"), &"fact")),
        ("lock", |store| store.lock("key", || ()).map(drop)),
        ("tag", |store| store.tag(&listed(store), &name("demo/b:1")).map(drop)),
        ("untag", |store| store.untag(&name("demo/a:1"))),
        ("remove", |store| store.remove(&listed(store))),
        ("cache_dir", |store| store.cache_dir("apt").map(drop)),
        ("scratch", |store| store.scratch(&[]).map(drop)),
        ("ensure_snapshot", |store| {
            let image = store.image(&listed(store).manifest)?;
            store.ensure_snapshot(&image, &mut quiet).map(drop)
        }),
        ("capture", |store| {
            let scratch = store.scratch(&[])?;
            let layer = capture(&scratch.upper(), &[], Compression::default(), 1, store.blob_writer()?)?;
            scratch.commit_as(&ChainId::bottom(&layer.digests.diff_id))
        }),
    ];

    #[test]
    #[ignore = "needs root"]
    fn each_write_of_each_act_fails_well_and_succeeds_later() {
        let test = TestStore::new();
        let disk = SmallDisk::new(test.folder.path().join("small"));
        for (name, act) in ACTS {
            for of_inodes in [false, true] {
                let failures = (0..).position(|left| !fails_well(&disk, name, act, of_inodes, left)).unwrap();
                // Locks and folders are no more than inodes.
                let must_fail = of_inodes || !["lock", "cache_dir"].contains(&name);
                assert_eq!(failures > 0, must_fail, "{name} failed {failures} times, inodes: {of_inodes}");
            }
        }
    }

    /// Does something on a disk with so little left; whether it failed.
    fn fails_well(disk: &SmallDisk, name: &str, act: Act, of_inodes: bool, left: u64) -> bool {
        let root = disk.0.join("store");
        let store = Store::open(&root).unwrap();
        put_image(&store, &[vec![file("a", "text")]], &["demo/a:1"]);
        match of_inodes {
            true => disk.leave(None, Some(left)),
            false => disk.leave(Some(left), None),
        }
        let result = act(&store);
        if let Err(error) = &result {
            assert_eq!(error.kind(), ErrorKind::Machine, "{name} with {left} left: {error:?}");
            assert!(error.hint().unwrap().contains("free some space"), "{name} with {left} left: {error:?}");
            assert!(names_in(&root.join("tmp")).is_empty(), "{name} with {left} left");
            assert_eq!(listed(&store).names.len(), 1, "{name} with {left} left");
        }
        assert_eq!(store.check(false, &mut quiet).unwrap().damages, [], "{name} with {left} left");
        disk.make_room();
        if result.is_err() {
            act(&store).unwrap_or_else(|error| panic!("{name} with room again: {error:?}"));
            assert_eq!(store.check(false, &mut quiet).unwrap().damages, []);
        }
        fs::remove_dir_all(root).unwrap();
        result.is_err()
    }
}
