//! The overlay: what is seen, what is written where.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use imagewright_sandbox::{Exit, Root, SandboxError};

use crate::harness::Bench;

#[test]
#[ignore = "needs root"]
fn changes_go_to_the_upper_directory() {
    let bench = Bench::script(
        "mkdir -p /opt/new && echo text >/opt/new/file && chown 12:34 /opt/new/file && rm /gone",
    )
    .with_layer(|layer| fs::write(layer.join("gone"), "").unwrap());
    bench.output();
    assert_eq!(bench.changes(), ["gone", "opt", "opt/new", "opt/new/file"]);
    let metadata = fs::metadata(bench.upper().join("opt/new/file")).unwrap();
    assert_eq!((metadata.uid(), metadata.gid(), metadata.size()), (12, 34, 5));
    let whiteout = fs::symlink_metadata(bench.upper().join("gone")).unwrap();
    assert!(whiteout.file_type().is_char_device() && whiteout.rdev() == 0);
    assert!(!bench.directory("layer-1").join("opt").exists(), "layers stay as they are");
}

#[test]
#[ignore = "needs root"]
fn a_command_without_changes_leaves_the_upper_directory_empty() {
    let bench = Bench::script("cat /etc/passwd >/dev/null");
    bench.output();
    assert!(bench.changes().is_empty(), "{:?}", bench.changes());
}

#[test]
#[ignore = "needs root"]
fn one_upper_directory_serves_one_command_after_another() {
    let bench = Bench::script("echo 1 >>/count; wc -l </count");
    for expected in ["1\n", "2\n", "3\n"] {
        assert_eq!(bench.output(), expected);
    }
}

#[test]
#[ignore = "needs root"]
fn the_first_layer_is_on_top_and_odd_names_are_no_matter() {
    let mut bench =
        Bench::script("cat /which").with_layer(|layer| fs::write(layer.join("which"), "below").unwrap());
    let name = "a:b,c\\d e";
    fs::write(bench.directory(name).join("which"), "above").unwrap();
    let folder = bench.folder.path().to_owned();
    let Root::Overlay { base, lower, .. } = &mut bench.spec.root;
    *base = folder;
    *lower = vec![name.into(), "layer-1".into(), "/".into()];
    assert_eq!(bench.output(), "above");
}

#[test]
#[ignore = "needs root"]
fn as_many_layers_as_the_kernel_takes() {
    let mut bench = Bench::new();
    let deep = bench.directory(&"d".repeat(200));
    let layers: Vec<_> = (0..499).map(|number| deep.join(format!("{number}"))).collect();
    layers.iter().for_each(|layer| fs::create_dir(layer).unwrap());
    let Root::Overlay { lower, .. } = &mut bench.spec.root;
    lower.splice(0..0, layers);
    assert_eq!(bench.run().exit, Exit::Code(0));
    let Root::Overlay { lower, .. } = &mut bench.spec.root;
    lower.push("one-more".into());
    let error = bench.try_run().unwrap_err();
    assert!(matches!(error, SandboxError::TooManyLayers { count: 501, limit: 500 }), "{error:?}");
}

#[test]
#[ignore = "needs root"]
fn without_layers_the_upper_directory_is_all() {
    let mut bench = Bench::new();
    let Root::Overlay { lower, .. } = &mut bench.spec.root;
    lower.clear();
    bench.spec.command = vec!["/opt/program".to_owned()];
    let error = bench.try_run().unwrap_err();
    assert!(matches!(error, SandboxError::Exec { .. }), "{error:?}");
    assert_eq!(bench.changes(), ["dev", "proc", "sys"]);
}

#[test]
#[ignore = "needs root"]
fn names_the_directory_that_is_missing() {
    let spoil = |change: fn(&mut Root)| {
        let mut bench = Bench::new();
        change(&mut bench.spec.root);
        bench.failure()
    };
    let expected = |path| format!("could not open the host's directory `{path}`: No such file or directory");
    let failure = spoil(|Root::Overlay { lower, .. }| lower.insert(0, "no/such/layer".into()));
    assert!(failure.starts_with(&expected("/no/such/layer")), "{failure}");
    let failure = spoil(|Root::Overlay { upper, .. }| *upper = "/no/such/upper".into());
    assert!(failure.starts_with(&expected("/no/such/upper")), "{failure}");
    let failure = spoil(|Root::Overlay { work, .. }| *work = "/no/such/work".into());
    assert!(failure.starts_with(&expected("/no/such/work")), "{failure}");
}

#[test]
#[ignore = "needs root"]
fn an_upper_directory_on_the_wrong_file_system_is_explained() {
    let elsewhere = tempfile::tempdir_in("/").unwrap();
    let mut bench = Bench::new();
    let Root::Overlay { work, .. } = &mut bench.spec.root;
    *work = elsewhere.path().to_owned();
    let error = bench.try_run().unwrap_err();
    assert!(
        error.to_string().starts_with("could not mount the overlay that writes to the host's `"),
        "{error}"
    );
    assert!(error.hint().is_some_and(|hint| hint.contains("ext4")), "{error:?}");
}
