//! What we write is read by others, and the other way round.

mod needs_docker;

mod needs_skopeo {
    use std::fs;
    use std::path::Path;
    use std::process::Command;

    use imagewright_layer::Compression;
    use imagewright_oci::{MediaType, Reference};
    use imagewright_store::ImageRecord;
    use imagewright_store::transfer::{ExportTarget, ImportSource};

    use crate::support::{
        TestStore, describe, directory, file, hard_link, image_of, item, name, put_layer, quiet, symlink,
        tar, whiteout,
    };

    /// Runs a program; its output.
    fn run(program: &str, arguments: &[&str]) -> String {
        let output = Command::new(program).args(arguments).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {arguments:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn skopeo_copy(from: &str, to: &str) {
        run("skopeo", &["copy", "--insecure-policy", from, to]);
    }

    /// An image with a layer of each compression.
    fn image(test: &TestStore, names: &[&str]) -> ImageRecord {
        let mut program = file("usr/bin/program", "program");
        program.0.mode = 0o4755;
        let below = tar(&[
            directory("usr"),
            directory("usr/bin"),
            program,
            hard_link("usr/bin/same", "usr/bin/program"),
            symlink("bin", "usr/bin"),
            file("gone", "gone"),
        ]);
        let middle = tar(&[whiteout("gone"), file(&"long/".repeat(60), "deep")]);
        let above =
            tar(&[item("dev", imagewright_layer::EntryKind::Directory, 0o1777), file("plain", "plain")]);
        let layers = [
            put_layer(&test.store, &below, Compression::default()),
            put_layer(&test.store, &middle, Compression::Zstd { level: 3 }),
            put_layer(&test.store, &above, Compression::None),
        ];
        let image = image_of(&layers);
        let names: Vec<Reference> = names.iter().map(|text| name(text)).collect();
        test.store.put_image(&image.manifest, &image.config, &names).unwrap()
    }

    #[test]
    #[ignore = "needs skopeo"]
    fn skopeo_reads_the_store_and_what_we_export() {
        let test = TestStore::new();
        let record = image(&test, &["demo/a:1", "registry.example:5000/team/b:2"]);
        let path = |name: &str| test.folder.path().join(name);
        let export = |target: ExportTarget| {
            test.store.export(&record, &record.names, &target, &mut quiet).unwrap();
        };
        export(ExportTarget::OciDirectory(path("layout")));
        export(ExportTarget::OciArchive(path("oci.tar")));
        export(ExportTarget::DockerArchive(path("docker.tar")));
        let folder = test.folder.path().display();
        let digest = record.manifest.digest.to_string();
        for source in [
            format!("oci:{}:docker.io/demo/a:1", test.store.root().display()),
            format!("oci:{folder}/layout:registry.example:5000/team/b:2"),
            format!("oci-archive:{folder}/oci.tar:docker.io/demo/a:1"),
        ] {
            let inspected = run("skopeo", &["inspect", "--format", "{{.Digest}}", &source]);
            assert_eq!(inspected.trim(), digest, "{source}");
            skopeo_copy(&source, &format!("dir:{folder}/copy"));
        }
        for source in [
            format!("docker-archive:{folder}/docker.tar"),
            format!("docker-archive:{folder}/docker.tar:demo/a:1"),
            format!("docker-archive:{folder}/docker.tar:registry.example:5000/team/b:2"),
        ] {
            let config = run("skopeo", &["inspect", "--config", "--raw", &source]);
            assert_eq!(imagewright_oci::Digest::of(config.as_bytes()), record.id, "{source}");
            skopeo_copy(&source, &format!("dir:{folder}/copy"));
        }
    }

    #[test]
    #[ignore = "needs skopeo"]
    fn we_read_what_skopeo_writes() {
        let test = TestStore::new();
        let record = image(&test, &["demo/a:1"]);
        let folder = test.folder.path();
        test.store
            .export(
                &record,
                &record.names,
                &ExportTarget::DockerArchive(folder.join("docker.tar")),
                &mut quiet,
            )
            .unwrap();
        let source = format!("docker-archive:{}", folder.join("docker.tar").display());
        let path = |name: &str| folder.join(name);
        skopeo_copy(&source, &format!("docker-archive:{}:demo/b:1", path("skopeo.tar").display()));
        skopeo_copy(&source, &format!("oci:{}:demo/b:1", path("skopeo").display()));
        skopeo_copy(&source, &format!("oci-archive:{}:demo/b:1", path("skopeo-oci.tar").display()));
        skopeo_copy(&source, &format!("oci:{}:bare", path("bare").display()));
        run("gzip", &["-k", path("skopeo.tar").to_str().unwrap()]);
        run("zstd", &["-q", path("skopeo-oci.tar").to_str().unwrap()]);
        let docker = |name: &str| ImportSource::DockerArchive { path: path(name), reference: None };
        let oci = |name: &str| ImportSource::OciArchive { path: path(name), reference: None };
        let layout = |name: &str| ImportSource::OciDirectory { path: path(name), reference: None };
        for (source, names) in [
            (docker("skopeo.tar"), vec![name("demo/b:1")]),
            (docker("skopeo.tar.gz"), vec![name("demo/b:1")]),
            (oci("skopeo-oci.tar"), vec![name("demo/b:1")]),
            (oci("skopeo-oci.tar.zst"), vec![name("demo/b:1")]),
            (layout("skopeo"), vec![name("demo/b:1")]),
            (layout("bare"), vec![]),
        ] {
            let there = TestStore::new();
            let shown = format!("{source:?}");
            let imported = there.store.import(source, None, &mut quiet).unwrap();
            assert_eq!((imported.len(), &imported[0].names), (1, &names), "{shown}");
            let found = there.store.image(&imported[0].manifest).unwrap();
            there.store.validate_stored(&found).unwrap();
            let expected = test.store.image(&record.manifest).unwrap();
            assert_eq!(found.config.rootfs, expected.config.rootfs, "{shown}");
        }
    }

    #[test]
    #[ignore = "needs root, skopeo and umoci"]
    fn umoci_unpacks_what_we_unpack() {
        let test = TestStore::new();
        let record = image(&test, &["demo/a:1"]);
        // umoci 0.4 knows no zstd.
        let mut found = test.store.image(&record.manifest).unwrap();
        let mut layers = found.manifest.layers.clone();
        layers.retain(|layer| layer.media_type != MediaType::LayerZstd);
        let mut config = found.config.clone().into_value();
        config.rootfs.diff_ids.remove(1);
        found.config = imagewright_oci::Document::new(config);
        let descriptor = found.config.descriptor(MediaType::Config);
        found.manifest = imagewright_oci::Document::new(imagewright_oci::Manifest::new(descriptor, layers));
        test.store.put_image(&found.manifest, &found.config, &[name("demo/plain:1")]).unwrap();

        let bundle = test.folder.path().join("bundle");
        let source = format!("{}:docker.io/demo/plain:1", test.store.root().display());
        run("umoci", &["unpack", "--image", &source, bundle.to_str().unwrap()]);
        let stack = test.store.ensure_snapshot(&found, &mut quiet).unwrap();
        let theirs = describe(&bundle.join("rootfs"));
        let below = describe(&test.store.snapshots_dir().join(&stack[1]));
        let above = describe(&test.store.snapshots_dir().join(&stack[0]));
        for (path, line) in below.iter().chain(&above).filter(|(path, _)| !path.is_empty()) {
            let shown = String::from_utf8_lossy(path);
            // Directories that the layer leaves out have the time of the unpacking there.
            if Path::new(shown.as_ref()).starts_with("long") {
                continue;
            }
            assert_eq!(theirs.get(path), Some(line), "{shown}");
        }
        assert!(fs::read(bundle.join("rootfs/gone")).is_ok());
    }
}
