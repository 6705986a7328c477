//! `metadata pin` and `metadata unpin`.

use std::fs;

use imagewright_testkit::context::TestContext;
use imagewright_testkit::registry::{Authentication, Fault, Options, TestRegistry};
use serde_json::{Value, json};

use super::{create, put, records, run};
use crate::support::context;

pub(super) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// Puts an image for some architectures into a registry. Gives the digests of the index and of the first image.
pub(super) fn publish(registry: &TestRegistry, repository: &str, tag: &str, text: &str) -> (String, String) {
    let entries: Vec<Value> = ["amd64", "arm64"]
        .iter()
        .map(|architecture| {
            let layer = registry.put_blob(repository, text.as_bytes());
            let config = json!({
                "architecture": architecture, "os": "linux", "config": {},
                "rootfs": {"type": "layers", "diff_ids": [layer.to_string()]},
            });
            let config = config.to_string();
            let config_digest = registry.put_blob(repository, config.as_bytes());
            let manifest = json!({
                "schemaVersion": 2, "mediaType": MANIFEST,
                "config": {"mediaType": "application/vnd.oci.image.config.v1+json",
                    "digest": config_digest.to_string(), "size": config.len()},
                "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar",
                    "digest": layer.to_string(), "size": text.len()}],
            });
            let manifest = manifest.to_string();
            let digest = registry.put_manifest(repository, "", MANIFEST, manifest.as_bytes());
            json!({"mediaType": MANIFEST, "digest": digest.to_string(), "size": manifest.len(),
                "platform": {"os": "linux", "architecture": architecture}})
        })
        .collect();
    let first = entries[0]["digest"].as_str().unwrap().to_owned();
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).to_string();
    (registry.put_manifest(repository, tag, INDEX, index.as_bytes()).to_string(), first)
}

/// A registry that wants to know who asks; it knows `u` with the password `p`.
pub(super) fn closed_registry() -> TestRegistry {
    let authentication = Authentication::token("u", "p");
    TestRegistry::with(Options { authentication, ..Options::default() }).unwrap()
}

/// Has credentials for a registry from now on.
pub(super) fn log_in(context: &TestContext, registry: &TestRegistry) {
    let folder = context.home().join(".docker");
    fs::create_dir_all(&folder).unwrap();
    let text = json!({"auths": {registry.host(): {"auth": "dTpw"}}}).to_string();
    fs::write(folder.join("config.json"), text).unwrap();
}

fn image_name(context: &TestContext, name: &str) -> String {
    let shown = run(context, "show", &["--name", name, "--json"]).success().json();
    shown["metadata"]["image_name"].as_str().unwrap().to_owned()
}

#[test]
fn a_tag_is_resolved_and_stays_to_be_read() {
    let (context, registry) = (context(), TestRegistry::start().unwrap());
    let (digest, _) = publish(&registry, "team/image", "1", "one");
    let plain = format!("{}/team/image:1", registry.host());
    drop(create(&context, "one", &plain, &["--description", "d", "--pull_policy", "Always"]).success());
    let dry = run(&context, "pin", &["--all", "--dry-run"]).success();
    assert!(dry.stdout.contains("would be pinned") && image_name(&context, "one") == plain, "{dry}");
    let pinned = run(&context, "pin", &["--name", "one", "--json"]).success().json();
    assert_eq!(
        pinned[0]["image_name"],
        format!("{plain}@{digest}"),
        "the index, so that every platform works"
    );
    assert_eq!((pinned[0]["state"].as_str(), pinned[0]["before"].as_str()), (Some("pinned"), Some(&*plain)));
    let shown = run(&context, "show", &["--name", "one", "--json"]).success().json();
    assert_eq!(shown["metadata"]["image_name"], format!("{plain}@{digest}"));
    assert_eq!(shown["metadata"]["description"], "d", "the rest stays");
    assert_eq!(shown["imagewright"]["pinned_from"], plain);
    assert_eq!(registry.count("GET", "/manifests/"), 0, "nobody needs the manifest");
    assert_eq!(registry.count("GET", "/blobs/"), 0);
    // The tag moves on; the record does not, unless somebody asks.
    let (second, _) = publish(&registry, "team/image", "1", "two");
    let again = run(&context, "pin", &["--all"]).success();
    assert!(again.stdout.contains("is pinned already"), "{again}");
    drop(run(&context, "pin", &["--all", "--upgrade"]).success());
    assert_eq!(image_name(&context, "one"), format!("{plain}@{second}"));
    drop(run(&context, "unpin", &["--all"]).success());
    assert_eq!(image_name(&context, "one"), plain);
}

#[test]
fn what_was_there_before_comes_back() {
    let (context, registry) = (context(), TestRegistry::start().unwrap());
    let (digest, _) = publish(&registry, "team/image", "latest", "one");
    let plain = format!("{}/team/image", registry.host());
    drop(create(&context, "one", &plain, &[]).success());
    drop(run(&context, "pin", &["--all"]).success());
    assert_eq!(image_name(&context, "one"), format!("{plain}:latest@{digest}"));
    drop(run(&context, "unpin", &["--name", "one"]).success());
    assert_eq!(image_name(&context, "one"), plain);
    // A digest that somebody else wrote has a tag, or there is no way back.
    drop(create(&context, "two", &format!("{plain}:x@{digest}"), &[]).success());
    drop(create(&context, "three", &format!("{plain}@{digest}"), &[]).success());
    let refused = run(&context, "unpin", &["--all"]).exits(1);
    assert!(refused.stdout.contains("has no tag to go back to"), "{refused}");
    assert_eq!(image_name(&context, "two"), format!("{plain}:x"));
    assert_eq!(image_name(&context, "three"), format!("{plain}@{digest}"));
}

#[test]
fn a_record_of_a_lower_folder_gets_a_copy() {
    let (context, registry) = (context(), TestRegistry::start().unwrap());
    let (digest, _) = publish(&registry, "team/image", "1", "one");
    let site = context.work().join("site");
    let folder = site.join("metadata/runtime-images");
    fs::create_dir_all(&folder).unwrap();
    let path = format!("{}:{}", site.join("mine").display(), site.display());
    let context = context.env("ELYRA_METADATA_PATH", path);
    let text = json!({"display_name": "One", "schema_name": "runtime-image",
        "metadata": {"image_name": format!("{}/team/image:1", registry.host()), "tags": ["x"]}});
    fs::write(folder.join("one.json"), text.to_string()).unwrap();
    drop(run(&context, "pin", &["--all"]).success());
    let copy = fs::read_to_string(site.join("mine/metadata/runtime-images/one.json")).unwrap();
    assert!(copy.contains(&digest) && copy.contains("\"x\""), "{copy}");
    assert_eq!(fs::read_to_string(folder.join("one.json")).unwrap(), text.to_string());
}

/// Name of the record, what it names (after the registry's host), and part of the reason.
const WRONG: [(&str, &str, &str); 4] = [
    ("missing", "{host}/team/image:none", "there is no image"),
    ("nowhere", "no-such-host.invalid/team/image:1", "no-such-host.invalid"),
    ("refused", "127.0.0.1:1/team/image:1", "refused the connection"),
    ("closed", "{closed}/team/image:1", "denied image"),
];

#[test]
fn what_cannot_be_resolved_is_named_and_the_others_are_pinned() {
    let (context, registry, closed) = (context(), TestRegistry::start().unwrap(), closed_registry());
    let (digest, _) = publish(&registry, "team/image", "1", "one");
    publish(&closed, "team/image", "1", "one");
    for (name, image_name, _) in WRONG {
        let image_name = image_name.replace("{host}", &registry.host()).replace("{closed}", &closed.host());
        drop(create(&context, name, &image_name, &[]).success());
    }
    drop(create(&context, "good", &format!("{}/team/image:1", registry.host()), &[]).success());
    drop(create(&context, "garbage", "not a valid image!!\u{1b}[2J", &[]).success());
    put(&context, "broken.json", "{");
    put(&context, "noimage.json", r#"{"schema_name": "runtime-image", "display_name": "x"}"#);
    let all = run(&context, "pin", &["--all", "--json"]).exits(1).json();
    let of = |name: &str| {
        all.as_array()
            .unwrap()
            .iter()
            .find(|pinned| pinned["name"] == name)
            .unwrap_or_else(|| panic!("{name}"))
    };
    for (name, _, part) in WRONG {
        assert_eq!(of(name)["state"], "failed", "{name}");
        assert!(of(name)["message"].as_str().unwrap().contains(part), "{}", of(name));
    }
    for name in ["garbage", "broken", "noimage"] {
        assert_eq!(of(name)["state"], "failed", "{name}");
    }
    assert_eq!(of("good")["state"], "pinned");
    assert!(image_name(&context, "good").ends_with(&digest));
    let text = run(&context, "pin", &["--all"]).exits(1);
    assert!(
        text.stdout.contains("instances could not be pinned.") && !text.stdout.contains('\u{1b}'),
        "{text}"
    );
    assert!(!fs::read_to_string(records(&context).join("missing.json")).unwrap().contains("sha256"));
    // With credentials the closed one is pinned, too.
    log_in(&context, &closed);
    drop(run(&context, "pin", &["--name", "closed"]).success());
    assert!(image_name(&context, "closed").ends_with(&digest));
}

#[test]
fn where_nothing_can_be_noted_nothing_is_pinned() {
    let (context, registry) = (context(), TestRegistry::start().unwrap());
    publish(&registry, "team/image", "1", "one");
    let plain = format!("{}/team/image:1", registry.host());
    drop(create(&context, "one", &plain, &[]).success());
    fs::write(context.home().join(".local/share/jupyter/imagewright"), "in the way").unwrap();
    let refused = run(&context, "pin", &["--all"]).exits(1);
    assert!(refused.stdout.contains("cannot be written"), "{refused}");
    assert_eq!(image_name(&context, "one"), plain);
    // Hidden records are out of sight here, too.
    put(
        &context,
        "two.json",
        r#"{"schema_name": "runtime-image", "display_name": "x", "metadata": {"imagewright_hidden": true}}"#,
    );
    let all = run(&context, "pin", &["--all", "--json", "--dry-run"]).success().json();
    assert_eq!(all.as_array().unwrap().len(), 1);
}

#[test]
fn what_is_no_image_is_not_pinned() {
    let (context, registry) = (context(), TestRegistry::start().unwrap());
    registry.put_manifest("team/image", "1", "text/html", b"<html>");
    drop(create(&context, "one", &format!("{}/team/image:1", registry.host()), &[]).success());
    let refused = run(&context, "pin", &["--all"]).exits(1);
    assert!(refused.stdout.contains("is of type `text/html`"), "{refused}");
}

#[test]
fn a_registry_that_hides_digests_is_asked_for_the_manifest() {
    let (context, registry) = (context(), TestRegistry::start().unwrap());
    let (digest, _) = publish(&registry, "team/image", "1", "one");
    registry.fail("HEAD", "/manifests/1", &Fault::Status(404, "content-type", String::new()), 1);
    drop(create(&context, "one", &format!("{}/team/image:1", registry.host()), &[]).success());
    drop(run(&context, "pin", &["--all"]).success());
    assert!(image_name(&context, "one").ends_with(&digest));
}

#[test]
fn many_records_are_changed_only_where_somebody_says_so() {
    let context = context();
    for command in ["pin", "unpin"] {
        let wrong = run(&context, command, &[]).exits(1);
        assert!(wrong.stdout.starts_with("ERROR: One of '--name' and '--all' is required."), "{wrong}");
        drop(run(&context, command, &["--all", "--name", "x"]).exits(1));
        let empty = run(&context, command, &["--name"]).exits(1);
        assert!(empty.stdout.starts_with("ERROR: Parameter '--name' requires a value."), "{empty}");
        let unknown = run(&context, command, &["--name", "x"]).exits(1);
        assert!(unknown.stdout.contains("No such instance named 'x'"), "{unknown}");
        drop(run(&context, command, &["--all"]).success());
    }
}
