//! A store on a file system without space.

mod needs_root {
    use std::fs;
    use std::io::Write as _;
    use std::path::PathBuf;

    use imagewright_layer::Compression;
    use imagewright_model::ErrorKind;
    use imagewright_store::overlay::capture;
    use imagewright_store::transfer::{ExportTarget, ImportSource};
    use imagewright_store::{Store, StoreError};
    use nix::mount::{MntFlags, MsFlags, mount, umount2};

    use crate::support::{Item, TestStore, file, names_in, put_image, quiet};

    /// A file system of 1 MiB.
    struct SmallDisk(PathBuf);

    impl SmallDisk {
        fn new(path: PathBuf) -> Self {
            fs::create_dir(&path).unwrap();
            mount(Some("tmpfs"), &path, Some("tmpfs"), MsFlags::empty(), Some("size=1m")).unwrap();
            Self(path)
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
        small.put_bytes(imagewright_oci::MediaType::Config, b"there is room again").unwrap();
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
}
