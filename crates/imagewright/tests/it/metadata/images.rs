//! `metadata export` and `import` with the images of the records.

use std::fs;

use imagewright_testkit::context::{Outcome, TestContext};
use imagewright_testkit::registry::{Fault, TestRegistry};
use serde_json::json;

use super::pin::publish;
use super::{create, records, run};
use crate::support::{context, context_with_image};

fn export(context: &TestContext, more: &[&str]) -> Outcome {
    run(context, "export", &[&["--directory", "out", "--with-images"], more].concat())
}

/// Imports what another context exported.
fn import(from: &TestContext, to: &TestContext, registry: &TestRegistry, more: &[&str]) -> Outcome {
    let folder = from.work().join("out/runtime-images");
    let target = format!("{}/mirror", registry.host());
    let words = ["--directory", folder.to_str().unwrap(), "--with-images", "--to", &target];
    run(to, "import", &[&words, more].concat())
}

fn image_name(context: &TestContext, name: &str) -> String {
    let text = fs::read_to_string(records(context).join(format!("{name}.json"))).unwrap();
    let record: serde_json::Value = serde_json::from_str(&text).unwrap();
    record["metadata"]["image_name"].as_str().unwrap().to_owned()
}

/// A registry with images, and records of them: `tag`, `pinned` and `other`, which has a layer of the first.
fn filled() -> (TestContext, TestRegistry, String) {
    let (context, registry) = (context(), TestRegistry::start().unwrap());
    let (digest, _) = publish(&registry, "team/image", "1", "one");
    publish(&registry, "team/other", "2", "one");
    let host = registry.host();
    drop(create(&context, "tag", &format!("{host}/team/image:1"), &["--tags", "x"]).success());
    drop(create(&context, "pinned", &format!("{host}/team/image:1@{digest}"), &[]).success());
    drop(create(&context, "other", &format!("{host}/team/other:2"), &[]).success());
    (context, registry, digest)
}

#[test]
fn records_and_images_move_to_another_registry() {
    let (context, registry, digest) = filled();
    let exported = export(&context, &[]).success();
    assert!(exported.stdout.contains("Exported 3 instances"), "{exported}");
    assert!(exported.stdout.ends_with("1 image in 'out/images.tar'\n"), "the same index twice: {exported}");
    assert!(!context.root().join("blobs/sha256").read_dir().is_ok_and(|mut blobs| blobs.next().is_some()));
    drop(registry);
    // Elyra's own folder is as ever.
    let plain = self::context();
    let folder = context.work().join("out/runtime-images");
    drop(run(&plain, "import", &["--directory", folder.to_str().unwrap()]).success());
    let (there, target) = (self::context(), TestRegistry::start().unwrap());
    let imported = import(&context, &there, &target, &[]).success();
    assert!(imported.stdout.starts_with("Imported 3 instances\nPushed 2 images\n"), "{imported}");
    let host = target.host();
    assert_eq!(image_name(&there, "tag"), format!("{host}/mirror/team/image:1"));
    assert_eq!(image_name(&there, "pinned"), format!("{host}/mirror/team/image:1@{digest}"));
    assert_eq!(image_name(&there, "other"), format!("{host}/mirror/team/other:2"));
    for platform in ["linux/amd64", "linux/arm64"] {
        drop(run(&there, "verify", &["--strict", "--platform", platform]).success());
    }
    let shown = run(&there, "show", &["--name", "tag", "--json"]).success().json();
    assert_eq!(shown["metadata"]["tags"], json!(["x"]));
    assert!(shown["imagewright"]["imported_from"].as_str().unwrap().ends_with("/team/image:1"));
    there.assert_nothing_unfinished();
    // A second time nothing is sent, and records that are there stay unless somebody says otherwise.
    let requests = target.requests().len();
    let again = import(&context, &there, &target, &[]).exits(1);
    assert!(again.stdout.contains("Use '--overwrite' to update."), "{again}");
    assert_eq!(target.requests().len(), requests, "refused before anything is sent");
    drop(import(&context, &there, &target, &["--overwrite"]).success());
}

#[test]
fn one_platform_is_enough_where_one_is_wanted() {
    let (context, registry, digest) = filled();
    drop(export(&context, &["--platform", "linux/arm64", "--name", "pinned"]).success());
    drop(registry);
    let (there, target) = (self::context(), TestRegistry::start().unwrap());
    let kept = import(&context, &there, &target, &["--keep-references"]).exits(1);
    assert!(kept.stdout.contains("for one platform only, under another digest"), "{kept}");
    drop(import(&context, &there, &target, &[]).success());
    assert!(!image_name(&there, "pinned").contains(&digest));
    drop(run(&there, "verify", &["--platform", "linux/arm64"]).success());
    drop(run(&there, "verify", &["--platform", "linux/amd64"]).exits(1));
}

#[test]
fn images_of_the_store_need_no_registry() {
    let context = context_with_image();
    drop(create(&context, "tiny", "demo/tiny:1", &[]).success());
    drop(export(&context, &[]).success());
    let (there, target) = (self::context(), TestRegistry::start().unwrap());
    drop(import(&context, &there, &target, &[]).success());
    drop(there.run(["pull", &image_name(&there, "tiny")]).success());
    // Other programs read the archive, too.
    drop(
        there
            .run(["image", "import", &format!("oci-archive:{}/out/images.tar", context.work().display())])
            .success(),
    );
    drop(there.run(["image", "show", "demo/tiny:1"]).success());
}

#[test]
fn openshift_is_told_of_mirrors_of_digests() {
    let (context, _registry, digest) = filled();
    drop(export(&context, &[]).success());
    let (there, target) = (self::context(), TestRegistry::start().unwrap());
    let words = ["--mirror-set", "mirrors.yaml", "--content-source-policy", "policy.yaml"];
    let imported = import(&context, &there, &target, &words).exits(1);
    assert!(imported.stdout.contains("Imported 1 instance\n2 instances could not be imported"), "{imported}");
    assert!(imported.stdout.contains("metadata pin runtime-images --name tag'"), "{imported}");
    assert_eq!(image_name(&there, "pinned"), image_name(&context, "pinned"));
    assert!(target.manifest("mirror/team/image", &digest).is_some());
    let source = image_name(&context, "pinned");
    let source = source.split_once(":1@").unwrap().0;
    let mirrors = fs::read_to_string(there.work().join("mirrors.yaml")).unwrap();
    let expected =
        format!("  - source: \"{source}\"\n    mirrors:\n    - \"{}/mirror/team/image\"\n", target.host());
    assert!(mirrors.contains("kind: ImageDigestMirrorSet\n") && mirrors.ends_with(&expected), "{mirrors}");
    let policy = fs::read_to_string(there.work().join("policy.yaml")).unwrap();
    assert!(policy.contains("kind: ImageContentSourcePolicy\n") && policy.ends_with(&expected), "{policy}");
}

#[test]
fn an_export_has_all_images_or_is_none() {
    let (context, registry, _) = filled();
    drop(create(&context, "gone", &format!("{}/team/image:none", registry.host()), &[]).success());
    drop(create(&context, "garbage", "not a valid image!!", &[]).success());
    let refused = export(&context, &[]).exits(1);
    for name in ["gone: there is no image", "garbage: "] {
        assert!(refused.stdout.contains(name), "{refused}");
    }
    assert!(!context.work().join("out").exists());
    // Without a word about images, records go out as ever.
    drop(run(&context, "export", &["--directory", "plain"]).success());
    // A layer that comes damaged leaves no archive.
    registry.fail("GET", "/blobs/", &Fault::Damage, 100);
    drop(export(&context, &["--name", "tag"]).exits(1));
    assert!(!context.work().join("out/images.tar").exists());
    assert!(!context.work().join("out/runtime-images").exists());
    let unknown = export(&context, &["--name", "nobody"]).exits(1);
    assert!(unknown.stdout.contains("No such instance named 'nobody'"), "{unknown}");
}

#[test]
fn what_cannot_be_pushed_is_not_imported() {
    let (context, _registry, _) = filled();
    drop(export(&context, &[]).success());
    let (there, target) = (self::context(), TestRegistry::start().unwrap());
    target.fail("PUT", "mirror/team/other/manifests/", &Fault::Status(403, "content-type", String::new()), 9);
    let imported = import(&context, &there, &target, &[]).exits(1);
    assert!(imported.stdout.contains("Imported 2 instances\n1 instance could not be imported"), "{imported}");
    assert!(imported.stdout.contains("other.json   registry `127.0.0.1:"), "{imported}");
    assert!(!records(&there).join("other.json").exists());
}

#[test]
fn archives_that_are_none_are_told() {
    let (context, _registry, _) = filled();
    drop(export(&context, &[]).success());
    let archive = context.work().join("out/images.tar");
    let whole = fs::read(&archive).unwrap();
    let (there, target) = (self::context(), TestRegistry::start().unwrap());
    let middle = whole.len() / 2;
    for bytes in [&b""[..], b"no tar at all", &whole[..middle]] {
        fs::write(&archive, bytes).unwrap();
        let refused = import(&context, &there, &target, &[]).exits(1);
        assert!(refused.stdout.contains("images.tar"), "{refused}");
    }
    fs::remove_file(&archive).unwrap();
    drop(import(&context, &there, &target, &[]).exits(1));
    assert!(!records(&there).exists());
    assert_eq!(target.requests().len(), 0);
}

#[test]
fn damaged_images_are_not_delivered() {
    let (context, registry, _) = filled();
    drop(create(&context, "long", &format!("{}/team/long:1", registry.host()), &[]).success());
    publish(&registry, "team/long", "1", "a text that is found in the archive");
    drop(export(&context, &["--name", "long", "--name", "tag"]).success());
    let archive = context.work().join("out/images.tar");
    let mut bytes = fs::read(&archive).unwrap();
    let at = bytes.windows(6).position(|part| part == b"a text").unwrap();
    bytes[at] = b'A';
    fs::write(&archive, bytes).unwrap();
    let (there, target) = (self::context(), TestRegistry::start().unwrap());
    let imported = import(&context, &there, &target, &[]).exits(1);
    assert!(imported.stdout.contains("Imported 1 instance\n1 instance could not be imported"), "{imported}");
    assert!(
        !records(&there).join("long.json").exists() && target.manifest("mirror/team/long", "1").is_none()
    );
}

#[test]
fn options_of_images_are_for_images() {
    let context = context();
    for (command, words, text) in [
        ("export", &["--platform", "linux/amd64"][..], "'--platform' is for '--with-images'."),
        ("export", &["--with-images", "--include-invalid"], "At most one of"),
        ("export", &["--with-images", "--platform", "x"], "platform `x` is not of the form"),
        ("import", &["--to", "r.example"], "'--to' is for '--with-images'."),
        ("import", &["--keep-references"], "'--keep-references' is for '--with-images'."),
        ("import", &["--with-images"], "'--to' is a required parameter with '--with-images'."),
        ("import", &["--with-images", "--to", "https://r.example"], "`https://r.example` is not of the form"),
    ] {
        let wrong = run(&context, command, &[&["--directory", "out"], words].concat()).exits(1);
        assert!(wrong.stdout.starts_with(&format!("ERROR: {text}")), "{wrong}");
    }
}

#[test]
fn a_tag_goes_to_one_image() {
    let (context, registry) = (context(), TestRegistry::start().unwrap());
    let other = TestRegistry::start().unwrap();
    let (old, _) = publish(&registry, "team/image", "1", "one");
    let (new, _) = publish(&registry, "team/image", "1", "two");
    publish(&other, "team/image", "1", "three");
    drop(create(&context, "a_old", &format!("{}/team/image:1@{old}", registry.host()), &[]).success());
    drop(create(&context, "b_new", &format!("{}/team/image:1", registry.host()), &[]).success());
    drop(create(&context, "c_other", &format!("{}/team/image:1", other.host()), &[]).success());
    drop(export(&context, &[]).success());
    let (there, target) = (self::context(), TestRegistry::start().unwrap());
    let imported = import(&context, &there, &target, &[]).exits(1);
    assert!(imported.stdout.contains("another image was pushed as '127.0.0.1:"), "{imported}");
    // What is pinned is there all the same; the tag belongs to who goes by it.
    let (_, bytes) = target.manifest("mirror/team/image", "1").unwrap();
    assert_eq!(imagewright_oci::Digest::of(&bytes).to_string(), new);
    assert!(target.manifest("mirror/team/image", &old).is_some());
    assert!(image_name(&there, "a_old").ends_with(&old));
    assert!(!records(&there).join("c_other.json").exists());
}
