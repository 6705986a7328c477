//! Images in the store: list, show, tag, remove, export, import.

use std::fs;
use std::io::Read as _;
use std::process::Stdio;

use imagewright_testkit::image::TinyImage;
use insta::assert_snapshot;

use crate::support::{context, context_with_image, tiny_image};

#[test]
fn an_empty_store_lists_nothing() {
    let context = context();
    assert_snapshot!(context.run(["image", "list"]), @r"
    exit: 0
    ----- stdout -----
    REPOSITORY   TAG   IMAGE ID   CREATED   SIZE
    ");
    assert_snapshot!(context.run(["image", "list", "--json"]), @r"
    exit: 0
    ----- stdout -----
    []
    ");
    assert_snapshot!(context.run(["image", "list", "--ids"]), @r"exit: 0");
}

#[test]
fn an_image_is_listed_once_for_each_name() {
    let context = context_with_image();
    assert_snapshot!(context.run(["image", "tag", "demo/tiny:1", "mirror.example/team/tiny"]), @r"exit: 0");
    assert_snapshot!(context.run(["image", "list"]), @r"
    exit: 0
    ----- stdout -----
    REPOSITORY                 TAG      IMAGE ID   CREATED   SIZE
    demo/tiny                  1        [ID]   [AGE]   [SIZE]
    mirror.example/team/tiny   latest   [ID]   [AGE]   [SIZE]
    ");
    assert_snapshot!(context.run(["image", "list", "--digests"]), @r"
    exit: 0
    ----- stdout -----
    REPOSITORY                 TAG      DIGEST   IMAGE ID   CREATED   SIZE
    demo/tiny                  1        sha256:[DIGEST]   [ID]   [AGE]   [SIZE]
    mirror.example/team/tiny   latest   sha256:[DIGEST]   [ID]   [AGE]   [SIZE]
    ");
    assert_snapshot!(context.run(["image", "list", "--json"]), @r#"
    exit: 0
    ----- stdout -----
    [
      {
        "names": [
          "demo/tiny:1",
          "mirror.example/team/tiny:latest"
        ],
        "id": "sha256:[DIGEST]",
        "digest": "sha256:[DIGEST]",
        "created": "2026-01-02T03:04:05Z",
        "platform": {
          "architecture": "amd64",
          "os": "linux"
        },
        "size": 2048
      }
    ]
    "#);
    assert_snapshot!(context.run(["image", "list", "mirror.example"]), @r"
    exit: 0
    ----- stdout -----
    REPOSITORY                 TAG      IMAGE ID   CREATED   SIZE
    demo/tiny                  1        [ID]   [AGE]   [SIZE]
    mirror.example/team/tiny   latest   [ID]   [AGE]   [SIZE]
    ");
    assert_snapshot!(context.run(["image", "ls", "-q", "no such name"]), @r"exit: 0");
}

#[test]
fn an_image_is_shown_with_how_it_starts_and_came_to_be() {
    let context = context_with_image();
    assert_snapshot!(context.run(["image", "show", "demo/tiny:1"]), @r#"
    exit: 0
    ----- stdout -----
    Names       demo/tiny:1
    Id          sha256:[DIGEST]
    Digest      sha256:[DIGEST]
    Platform    linux/amd64
    Created     2026-01-02T03:04:05Z
    Size        [SIZE] in 1 layer
    Workdir     /
    Command     ["/bin/hello"]
    Env         PATH=/usr/bin:/bin

    LAYER   SIZE   MADE BY
    [ID]   [SIZE]   by hand
    "#);
    let details = context.run(["image", "show", "demo/tiny:1", "--json"]).success().json();
    assert_eq!(details["config"]["config"]["Cmd"][0], "/bin/hello");
    assert_eq!(details["manifest"]["layers"].as_array().unwrap().len(), 1);
}

#[test]
fn an_image_is_called_by_name_digest_or_beginning_of_its_id() {
    let context = context_with_image();
    let list = context.run(["image", "list", "--json"]).success().json();
    let (id, digest) = (list[0]["id"].as_str().unwrap(), list[0]["digest"].as_str().unwrap());
    let hex = id.strip_prefix("sha256:").unwrap();
    for name in ["demo/tiny:1", id, digest, hex, &hex[..4]] {
        assert_eq!(context.run(["image", "show", name, "--json"]).success().json()["id"], id, "{name}");
    }
    assert_eq!(context.run(["image", "show", &hex[..3]]).code, Some(3));
}

#[test]
fn an_unknown_image_gets_a_hint() {
    let context = context_with_image();
    for arguments in [&["show"][..], &["remove"], &["run"]] {
        let outcome = context.run([&["image"], arguments, &["demo/tiny:2"]].concat());
        assert_eq!(outcome.code, Some(3), "{outcome}");
    }
    assert_snapshot!(context.run(["image", "tag", "demo/tiny:2", "demo/other"]), @r"
    exit: 3
    ----- stderr -----
    error: there is no image `demo/tiny:2` in the store
    hint: see `imagewright image list`
    ");
}

#[test]
fn an_ambiguous_beginning_names_the_images() {
    let context = context();
    // Ids are digests, so two that begin alike have to be searched for.
    let mut seen = std::collections::HashMap::new();
    for number in 0.. {
        let folder = context.work().join(format!("image-{number}"));
        let image = TinyImage::default().file("number", number.to_string());
        let id = image.write_layout(&folder, &format!("demo/number:{number}")).unwrap();
        let start = id.hex()[..4].to_owned();
        let Some(other) = seen.insert(start.clone(), folder.clone()) else { continue };
        for folder in [folder, other] {
            drop(context.run(["image", "import", &format!("oci:{}", folder.display())]).success());
        }
        let outcome = context.run(["image", "show", &start]);
        assert_eq!(outcome.code, Some(2), "{outcome}");
        assert!(outcome.stderr.contains(&format!("`{start}` is the beginning of 2 images")), "{outcome}");
        assert!(outcome.stderr.contains(&format!("demo/number:{number}")), "{outcome}");
        return;
    }
}

#[test]
fn names_are_taken_away_one_by_one() {
    let context = context_with_image();
    drop(context.run(["image", "tag", "demo/tiny:1", "demo/tiny:2"]).success());
    assert_snapshot!(context.run(["image", "remove", "demo/tiny:1"]), @r"
    exit: 0
    ----- stdout -----
    untagged demo/tiny:1
    ");
    assert_snapshot!(context.run(["image", "rm", "demo/tiny:2"]), @r"
    exit: 0
    ----- stdout -----
    untagged demo/tiny:2
    removed sha256:[DIGEST]
    ");
    assert_eq!(context.run(["image", "list", "--json"]).success().json().as_array().unwrap().len(), 0);
}

#[test]
fn what_is_exported_can_be_imported() {
    let context = context_with_image();
    let id = context.run(["image", "list", "--ids"]).success().stdout;
    for place in
        ["oci:layout", "oci-archive:oci.tar", "oci-archive:oci.tar.gz", "docker-archive:docker.tar.zst"]
    {
        drop(context.run(["image", "export", "demo/tiny:1", place]).success());
        let outcome =
            context.run(["image", "import", place, "--root", &format!("other-{}", place.replace(':', "-"))]);
        let imported = outcome.success().stdout;
        assert!(imported.contains(id.trim()) || place.starts_with("docker"), "{place}: {imported}");
        assert!(imported.contains("demo/tiny:1"), "{place}: {imported}");
    }
}

#[test]
fn an_import_takes_another_name() {
    let context = context();
    tiny_image().write_layout(&context.work().join("tiny"), "demo/tiny:1").unwrap();
    assert_snapshot!(context.run(["image", "import", "oci:tiny", "-t", "team/renamed:2"]), @r"
    exit: 0
    ----- stdout -----
    sha256:[DIGEST] team/renamed:2
    ");
}

#[test]
fn a_corrupt_archive_is_refused_and_leaves_nothing() {
    let context = context_with_image();
    context.write("noise.tar", &"this is no tar\n".repeat(100));
    assert_snapshot!(context.run(["image", "import", "docker-archive:noise.tar"]), @r"
    exit: 4
    ----- stderr -----
    error: `noise.tar` is not a tar archive, or is damaged
    caused by: numeric field was not a number: r
    hint: `docker save`, `podman save` and `skopeo copy` write archives that can be imported
    ");
    drop(context.run(["image", "export", "demo/tiny:1", "oci-archive:whole.tar"]).success());
    let whole = fs::read(context.work().join("whole.tar")).unwrap();
    fs::write(context.work().join("half.tar"), &whole[..whole.len() / 2]).unwrap();
    assert_snapshot!(context.run(["image", "import", "oci-archive:half.tar", "--root", "other"]), @r"
    exit: 4
    ----- stderr -----
    error: `half.tar` ends in the middle of `blobs/sha256/[DIGEST]`
    hint: the copy is incomplete or damaged: make it again
    ");
    context.assert_nothing_unfinished();
}

#[test]
fn a_layer_with_other_bytes_than_promised_is_refused() {
    let context = context();
    let folder = context.work().join("tiny");
    tiny_image().write_layout(&folder, "demo/tiny:1").unwrap();
    let blobs = fs::read_dir(folder.join("blobs/sha256")).unwrap().map(|entry| entry.unwrap().path());
    let layer = blobs.max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap();
    let mut bytes = fs::read(&layer).unwrap();
    *bytes.iter_mut().find(|byte| **byte == b'h').unwrap() = b'j';
    fs::write(&layer, bytes).unwrap();
    assert_snapshot!(context.run(["image", "import", "oci:tiny"]), @r"
    exit: 4
    ----- stderr -----
    error: layer `blobs/sha256/[DIGEST]` in `tiny` is not usable
    caused by: layer `sha256:[DIGEST]` has the digest `sha256:[DIGEST]`
    ");
    context.assert_nothing_unfinished();
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let context = context_with_image();
    for arguments in
        [&["image", "show", "demo/tiny:1", "--json"][..], &["completions", "zsh"], &["image", "list"]]
    {
        let mut child =
            context.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let mut words = String::new();
        child.stderr.take().unwrap().read_to_string(&mut words).unwrap();
        assert_eq!((child.wait().unwrap().code(), words.as_str()), (Some(0), ""), "{arguments:?}");
    }
}
