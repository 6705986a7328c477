//! Upper directories made into layers, against the kernel's own overlay.

mod needs_root {
    use std::collections::BTreeMap;
    use std::ffi::OsStr;
    use std::fs;
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
    use std::path::{Path, PathBuf};
    use std::time::{Duration, SystemTime};

    use imagewright_layer::Compression;
    use imagewright_store::overlay::{Captured, OverlayError, PathPattern, TidyRules, capture, tidy};
    use imagewright_store::{Image, Scratch, Store, StoreError};
    use nix::mount::{MntFlags, MsFlags, mount, umount2};
    use proptest::prelude::*;

    use crate::support::{
        CAPABILITY, TestStore, describe, directory, file, hard_link, image_of, item, names_in, put_image,
        quiet,
    };

    const EPOCH: i64 = 1_700_000_000;

    fn rules() -> TidyRules {
        TidyRules { source_date_epoch: EPOCH, ..TidyRules::default() }
    }

    fn capture_upper(store: &Store, upper: &Path, lowers: &[PathBuf]) -> Captured {
        capture(upper, lowers, Compression::default(), 2, store.blob_writer().unwrap()).unwrap()
    }

    fn absolute(store: &Store, stack: &[PathBuf]) -> Vec<PathBuf> {
        stack.iter().map(|name| store.snapshots_dir().join(name)).collect()
    }

    /// An overlay that is unmounted when this is dropped.
    struct Mounted(PathBuf);

    impl Mounted {
        fn new(lowers: &[PathBuf], scratch: Option<&Scratch>, target: &Path) -> Self {
            fs::create_dir_all(target).unwrap();
            let lower: Vec<_> = lowers.iter().map(|path| path.to_str().unwrap()).collect();
            let mut options = format!("lowerdir={},redirect_dir=off,metacopy=off,index=off", lower.join(":"));
            if let Some(scratch) = scratch {
                let (upper, work) = (scratch.upper(), scratch.work());
                options += &format!(",upperdir={},workdir={}", upper.display(), work.display());
            }
            mount(Some("overlay"), target, Some("overlay"), MsFlags::empty(), Some(options.as_str()))
                .unwrap();
            Self(target.to_owned())
        }
    }

    impl Drop for Mounted {
        fn drop(&mut self) {
            let _ = umount2(&self.0, MntFlags::MNT_DETACH);
        }
    }

    /// Runs a step on an image: mounts, changes, tidies, captures. Returns the image with one more layer, and what the
    /// overlay showed at the end.
    fn step(
        test: &TestStore,
        base: &Image,
        rules: &TidyRules,
        change: impl FnOnce(&Path),
    ) -> (Image, BTreeMap<Vec<u8>, String>, Captured) {
        let store = &test.store;
        let stack = store.ensure_snapshot(base, &mut quiet).unwrap();
        let lowers = absolute(store, &stack);
        let scratch = store.scratch(&stack).unwrap();
        let target = test.folder.path().join("merged");
        let mounted = Mounted::new(&lowers, Some(&scratch), &target);
        change(&target);
        drop(mounted);
        tidy(&scratch.upper(), &lowers, rules).unwrap();
        let captured = capture_upper(store, &scratch.upper(), &lowers);
        let mut all = vec![scratch.upper()];
        all.extend(lowers);
        let mounted = Mounted::new(&all, None, &target);
        let shown = describe(&target);
        drop(mounted);
        let mut layers = base.manifest.layers.clone();
        layers.push(captured.digests.descriptor());
        let mut config = base.config.clone().into_value();
        config.rootfs.diff_ids.push(captured.digests.diff_id.clone());
        let config = imagewright_oci::Document::new(config);
        let descriptor = config.descriptor(imagewright_oci::MediaType::Config);
        let manifest = imagewright_oci::Document::new(imagewright_oci::Manifest::new(descriptor, layers));
        store.put_image(&manifest, &config, &[]).unwrap();
        (Image { manifest, config }, shown, captured)
    }

    /// What an overlay of an image's unpacked layers shows.
    fn shown(test: &TestStore, image: &Image) -> BTreeMap<Vec<u8>, String> {
        let stack = test.store.ensure_snapshot(image, &mut quiet).unwrap();
        let mut lowers = absolute(&test.store, &stack);
        let empty = test.folder.path().join("empty");
        fs::create_dir_all(&empty).unwrap();
        // A single lower directory cannot be mounted alone.
        lowers.push(empty);
        let target = test.folder.path().join("shown");
        let _mounted = Mounted::new(&lowers, None, &target);
        describe(&target)
    }

    fn base(test: &TestStore) -> Image {
        let mut opt = item("opt", imagewright_layer::EntryKind::Directory, 0o2775);
        opt.0.uid = 1000;
        let items = vec![
            directory("etc"),
            file("etc/motd", "hello"),
            file("etc/passwd", "root"),
            directory("usr"),
            directory("usr/lib"),
            file("usr/lib/a", "a"),
            file("usr/lib/b", "b"),
            hard_link("usr/lib/b2", "usr/lib/b"),
            directory("usr/lib/whole"),
            file("usr/lib/whole/x", "x"),
            directory("usr/lib/remade"),
            file("usr/lib/remade/x", "x"),
            opt,
            file("opt/keep", "keep"),
        ];
        put_image(&test.store, &[items], &[]).1
    }

    #[test]
    #[ignore = "needs root"]
    fn what_a_step_did_is_what_its_layer_does() {
        let test = TestStore::new();
        let base = base(&test);
        let (image, expected, captured) = step(&test, &base, &rules(), |root| {
            fs::write(root.join("etc/motd"), "changed").unwrap();
            fs::set_permissions(root.join("etc/passwd"), fs::Permissions::from_mode(0o600)).unwrap();
            fs::remove_file(root.join("usr/lib/a")).unwrap();
            fs::remove_file(root.join("usr/lib/b")).unwrap();
            fs::remove_dir_all(root.join("usr/lib/whole")).unwrap();
            fs::remove_dir_all(root.join("usr/lib/remade")).unwrap();
            fs::create_dir(root.join("usr/lib/remade")).unwrap();
            fs::write(root.join("usr/lib/remade/y"), "y").unwrap();
            fs::create_dir(root.join("opt/new")).unwrap();
            fs::write(root.join("opt/new/tool"), "tool").unwrap();
            fs::set_permissions(root.join("opt/new/tool"), fs::Permissions::from_mode(0o6755)).unwrap();
            xattr::set(root.join("opt/new/tool"), "security.capability", &CAPABILITY).unwrap();
            fs::hard_link(root.join("opt/new/tool"), root.join("opt/tool")).unwrap();
            symlink("/opt/new", root.join("opt/link")).unwrap();
            chown(root.join("opt/new"), Some(7), Some(8)).unwrap();
            nix::unistd::mkfifo(&root.join("opt/fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
            std::os::unix::net::UnixListener::bind(root.join("opt/socket")).unwrap();
        });
        let mut found = shown(&test, &image);
        // A socket says nothing in a layer.
        found.insert(b"opt/socket".to_vec(), expected[&b"opt/socket"[..]].clone());
        assert_eq!(found, expected);
        assert!(captured.entries > 10);
        test.store.validate_stored(&image).unwrap();
    }

    #[test]
    #[ignore = "needs root"]
    fn a_step_that_changes_nothing_makes_an_empty_layer() {
        let test = TestStore::new();
        let base = base(&test);
        let (_, _, captured) = step(&test, &base, &rules(), |root| {
            fs::write(root.join("opt/temporary"), "").unwrap();
            fs::remove_file(root.join("opt/temporary")).unwrap();
            fs::create_dir(root.join("new")).unwrap();
            fs::remove_dir(root.join("new")).unwrap();
        });
        assert_eq!(captured.entries, 0);
    }

    #[test]
    #[ignore = "needs root"]
    fn a_changed_root_directory_is_an_entry() {
        let test = TestStore::new();
        let base = base(&test);
        let (image, expected, captured) = step(&test, &base, &rules(), |root| {
            fs::set_permissions(root, fs::Permissions::from_mode(0o711)).unwrap();
        });
        assert_eq!(captured.entries, 1);
        assert_eq!(shown(&test, &image), expected);
    }

    #[test]
    #[ignore = "needs root"]
    fn tidying_takes_out_what_differs_from_run_to_run() {
        let test = TestStore::new();
        let base = base(&test);
        let rules = TidyRules {
            remove: vec![PathPattern::new("var/log/**"), PathPattern::new("etc/*-"), "etc/motd".into()],
            stubs: vec!["/mnt/point".into(), "/mnt/file".into(), "/mnt/used".into(), "/mnt".into()],
            drop_timestamped_bytecode: true,
            ..rules()
        };
        let (image, expected, _) = step(&test, &base, &rules, |root| {
            fs::create_dir_all(root.join("var/log/apt")).unwrap();
            fs::write(root.join("var/log/apt/term.log"), "now").unwrap();
            fs::write(root.join("etc/passwd-"), "backup").unwrap();
            fs::write(root.join("etc/motd"), "changed, but the one below shows again").unwrap();
            fs::create_dir_all(root.join("mnt/point")).unwrap();
            fs::create_dir_all(root.join("mnt/used")).unwrap();
            fs::write(root.join("mnt/used/file"), "used").unwrap();
            fs::write(root.join("mnt/file"), "").unwrap();
            fs::create_dir_all(root.join("usr/lib/p/__pycache__")).unwrap();
            fs::create_dir_all(root.join("usr/lib/q/__pycache__")).unwrap();
            let header = |flags: u8| [&[0xa7, 0x0d, 0x0d, 0x0a, flags, 0, 0, 0][..], &[1; 24]].concat();
            fs::write(root.join("usr/lib/p/__pycache__/stamped.pyc"), header(0)).unwrap();
            fs::write(root.join("usr/lib/q/__pycache__/hashed.pyc"), header(1)).unwrap();
            fs::write(root.join("usr/lib/q/__pycache__/short.pyc"), "x").unwrap();
        });
        let paths: Vec<String> =
            expected.keys().map(|path| String::from_utf8_lossy(path).into_owned()).collect();
        let has = |path: &str| paths.iter().any(|found| found == path);
        assert!(has("var/log") && !has("var/log/apt"), "{paths:?}");
        assert!(!has("etc/passwd-") && has("etc/passwd"));
        assert!(!has("mnt/point") && !has("mnt/file") && has("mnt/used/file"));
        assert!(has("usr/lib/p") && !has("usr/lib/p/__pycache__"));
        assert!(has("usr/lib/q/__pycache__/hashed.pyc") && has("usr/lib/q/__pycache__/short.pyc"));
        assert_eq!(shown(&test, &image), expected);
        assert_eq!(expected[&b"etc/motd"[..]], shown(&test, &base)[&b"etc/motd"[..]]);
    }

    #[test]
    #[ignore = "needs root"]
    fn the_same_step_gives_the_same_layer_whenever_it_runs() {
        let change = |pause: bool| {
            move |root: &Path| {
                fs::write(root.join("etc/motd"), "changed").unwrap();
                fs::create_dir(root.join("opt/new")).unwrap();
                fs::write(root.join("opt/new/file"), "file").unwrap();
                if pause {
                    std::thread::sleep(Duration::from_millis(1100));
                    fs::write(root.join("usr/lib/junk-"), "only this time").unwrap();
                }
                let old = SystemTime::UNIX_EPOCH + Duration::new(1_600_000_000, 123_456_789);
                fs::File::open(root.join("opt/new/file")).unwrap().set_modified(old).unwrap();
            }
        };
        let rules = TidyRules { remove: vec!["**/*-".into()], ..rules() };
        let mut digests = Vec::new();
        for pause in [false, true] {
            let test = TestStore::new();
            let base = base(&test);
            let (_, _, captured) = step(&test, &base, &rules, change(pause));
            digests.push(captured.digests);
        }
        assert_eq!(digests[0].digest, digests[1].digest);
    }

    #[test]
    #[ignore = "needs root"]
    fn marks_that_no_layer_can_carry_are_errors() {
        for attribute in ["trusted.overlay.redirect", "trusted.overlay.metacopy", "user.overlay.redirect"] {
            let test = TestStore::new();
            let scratch = test.store.scratch(&[]).unwrap();
            let path = scratch.upper().join("dir");
            fs::create_dir(&path).unwrap();
            fs::write(path.join("file"), "").unwrap();
            xattr::set(&path, attribute, b"/elsewhere").unwrap();
            let error = tidy(&scratch.upper(), &[], &rules()).unwrap_err();
            let StoreError::Overlay(OverlayError::Attribute { path: found, .. }) = error else {
                panic!("{error}")
            };
            assert_eq!(found, path);
        }
    }

    #[test]
    #[ignore = "needs root"]
    fn overlay_bookkeeping_is_removed() {
        let test = TestStore::new();
        let scratch = test.store.scratch(&[]).unwrap();
        let path = scratch.upper().join("dir");
        fs::create_dir(&path).unwrap();
        for attribute in ["trusted.overlay.origin", "trusted.overlay.impure", "trusted.overlay.opaque"] {
            xattr::set(&path, attribute, b"y").unwrap();
        }
        tidy(&scratch.upper(), &[], &rules()).unwrap();
        assert_eq!(xattr::list(&path).unwrap().count(), 0, "there is nothing below to hide");
    }

    #[test]
    #[ignore = "needs root"]
    fn a_disk_that_fills_up_leaves_no_layer() {
        let test = TestStore::new();
        let scratch = test.store.scratch(&[]).unwrap();
        fs::write(scratch.upper().join("a"), "contents").unwrap();
        let writer = test.store.blob_writer().unwrap();
        // A directory where the blob should go cannot be replaced by a file.
        fs::remove_dir(test.store.root().join("blobs/sha256")).unwrap();
        fs::write(test.store.root().join("blobs/sha256"), "in the way").unwrap();
        capture(&scratch.upper(), &[], Compression::default(), 1, writer).unwrap_err();
        drop(scratch);
        assert!(names_in(&test.store.root().join("tmp")).is_empty());
    }

    /// A tree of packages, most of it hard to compress; more of it where `more` says.
    fn make_packages(top: &Path, more: bool) {
        let mut state = 7_u64;
        let mut random = |length: usize| -> Vec<u8> {
            let mut next = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 56) as u8
            };
            (0..length).map(|_| next()).collect()
        };
        for package in 0..40 {
            let folder = top.join(format!("usr/lib/package-{package:02}"));
            fs::create_dir_all(&folder).unwrap();
            for file in 0..20 {
                fs::write(folder.join(format!("{file:02}")), random(8_000)).unwrap();
            }
        }
        fs::write(top.join("usr/lib/large"), random(3 << 20)).unwrap();
        if more {
            fs::write(top.join("usr/lib/package-20/one-more"), "and more").unwrap();
        }
    }

    #[test]
    #[ignore = "needs root"]
    fn what_a_layer_has_in_common_with_one_before_is_compressed_once() {
        let layer = |store: &Store, more: bool| {
            let scratch = store.scratch(&[]).unwrap();
            make_packages(&scratch.upper(), more);
            tidy(&scratch.upper(), &[], &rules()).unwrap();
            capture_upper(store, &scratch.upper(), &[])
        };
        let (test, other) = (TestStore::new(), TestStore::new());
        let first = layer(&test.store, false);
        assert_eq!(first.recalled, 0);
        let facts = || fs::read_dir(test.store.root().join("facts")).unwrap().map(Result::unwrap);
        let list = facts().next().unwrap().path();
        let list = fs::read_dir(list).unwrap().next().unwrap().unwrap().path();
        let list: serde_json::Value = serde_json::from_slice(&fs::read(list).unwrap()).unwrap();
        let chunks = list["chunks"].as_array().unwrap().len();
        assert!(chunks > 10, "{chunks}");

        let second = layer(&test.store, true);
        assert!(second.recalled + 4 > chunks, "{} of {chunks}", second.recalled);
        let fresh = layer(&other.store, true);
        assert_eq!(second.digests, fresh.digests, "the bytes do not tell what was remembered");

        // What is damaged, or gone, is made again.
        let (damaged, gone) = (&first.digests.digest, &second.digests.digest);
        fs::write(test.store.blob_path(damaged), vec![7; usize::try_from(first.digests.size).unwrap()])
            .unwrap();
        fs::remove_file(test.store.blob_path(gone)).unwrap();
        let third = layer(&test.store, true);
        assert_eq!((third.recalled, third.digests), (0, fresh.digests));
    }

    /// One node of a random tree.
    #[derive(Clone, Debug)]
    enum Node {
        File { contents: Vec<u8>, mode: u32, capability: bool },
        Directory { children: Vec<(Vec<u8>, Node)>, mode: u32, opaque: bool },
        Symlink(Vec<u8>),
        Fifo,
        Whiteout,
        LinkToPrevious,
    }

    fn name() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            8 => "[a-c]{1,2}".prop_map(String::into_bytes),
            1 => proptest::collection::vec(1_u8..=255, 1..20),
            1 => Just([b'n'; 200].to_vec()),
        ]
        .prop_filter("names are single components that are no whiteouts", |name| {
            !name.contains(&b'/') && name != b"." && name != b".." && !name.starts_with(b".wh.")
        })
    }

    fn node() -> impl Strategy<Value = Node> {
        let leaf = prop_oneof![
            (proptest::collection::vec(any::<u8>(), 0..2000), 0_u32..=0o7777, any::<bool>())
                .prop_map(|(contents, mode, capability)| Node::File { contents, mode, capability }),
            proptest::collection::vec(1_u8..=255, 1..300).prop_map(Node::Symlink),
            Just(Node::Fifo),
            Just(Node::Whiteout),
            Just(Node::LinkToPrevious),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            (proptest::collection::vec((name(), inner), 0..6), 0_u32..=0o7777, any::<bool>())
                .prop_map(|(children, mode, opaque)| Node::Directory { children, mode, opaque })
        })
    }

    fn make(path: &Path, node: &Node, previous: &mut Option<PathBuf>) {
        if fs::symlink_metadata(path).is_ok() {
            return;
        }
        match node {
            Node::File { contents, mode, capability } => {
                fs::write(path, contents).unwrap();
                chown(path, Some(mode * 7), Some(3)).unwrap();
                fs::set_permissions(path, fs::Permissions::from_mode(*mode)).unwrap();
                if *capability {
                    xattr::set(path, "security.capability", &CAPABILITY).unwrap();
                    xattr::set(path, "user.bytes", &contents[..contents.len().min(100)]).unwrap();
                }
                *previous = Some(path.to_owned());
            }
            Node::Directory { children, mode, opaque } => {
                fs::create_dir(path).unwrap();
                for (name, child) in children {
                    make(&path.join(OsStr::from_bytes(name)), child, previous);
                }
                fs::set_permissions(path, fs::Permissions::from_mode(*mode)).unwrap();
                if *opaque {
                    xattr::set(path, "trusted.overlay.opaque", b"y").unwrap();
                }
            }
            Node::Symlink(target) => symlink(OsStr::from_bytes(target), path).unwrap(),
            Node::Fifo => nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRUSR).unwrap(),
            Node::Whiteout => {
                let kind = nix::sys::stat::SFlag::S_IFCHR;
                nix::sys::stat::mknod(path, kind, nix::sys::stat::Mode::empty(), 0).unwrap();
            }
            Node::LinkToPrevious => {
                if let Some(previous) = previous {
                    fs::hard_link(previous, path).unwrap();
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

        #[test]
        #[ignore = "needs root"]
        fn unpacking_a_captured_layer_gives_the_tidied_directory(
            children in proptest::collection::vec((name(), node()), 0..8)
        ) {
            let test = TestStore::new();
            let scratch = test.store.scratch(&[]).unwrap();
            make(&scratch.upper().join("top"), &Node::Directory { children, mode: 0o755, opaque: false }, &mut None);
            tidy(&scratch.upper(), &[], &rules()).unwrap();
            let captured = capture_upper(&test.store, &scratch.upper(), &[]);
            let expected = describe(&scratch.upper());
            let image = image_of(&[captured.digests]);
            let stack = test.store.ensure_snapshot(&image, &mut quiet).unwrap();
            prop_assert_eq!(describe(&test.store.snapshots_dir().join(&stack[0])), expected);
        }
    }
}
