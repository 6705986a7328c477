//! Debian's registry in the place of ours in memory: from a build to a pinned record, an archive, another registry.

use std::fs;

use imagewright_testkit::context::TestContext;
use imagewright_testkit::debian_registry::DebianRegistry;

use super::{create, records, run};
use crate::support::{context, tiny_image};

/// Where the images go.
fn there() -> TestContext {
    context()
}

#[test]
#[ignore = "needs docker-registry"]
fn a_record_is_published_pinned_verified_and_delivered() {
    let (registry, elsewhere) = (DebianRegistry::plain(), DebianRegistry::plain());
    let (context, there) = (context(), self::there());
    tiny_image().write_layout(&context.work().join("base"), "demo/base").unwrap();
    let tag = format!("{}/team/analysis:1", registry.host());
    drop(context.run(["build", "--base", "oci:base", "--tag", &tag, "--publish", "elyra"]).success());
    let digest = registry.tagged("team/analysis", "1").unwrap();
    let image_name = |name: &str| fs::read_to_string(records(&context).join(format!("{name}.json"))).unwrap();
    assert!(image_name("analysis").contains(&format!("\"{tag}@{digest}\"")), "{}", image_name("analysis"));
    drop(create(&context, "mine", &tag, &[]).success());
    drop(run(&context, "pin", &["--name", "mine"]).success());
    assert!(image_name("mine").contains(&format!("\"{tag}@{digest}\"")), "{}", image_name("mine"));
    let verified = run(&context, "verify", &["--name", "mine", "--strict", "--json"]).success().json();
    assert_eq!(verified[0]["tags"]["names"], serde_json::json!(["1"]));
    drop(create(&context, "gone", &format!("{}/team/none:1", registry.host()), &[]).success());
    let verified = run(&context, "verify", &["--name", "gone", "--json"]).exits(1).json();
    assert_eq!(verified[0]["findings"][0]["kind"], "missing");
    let export = ["--directory", "out", "--with-images", "--name", "mine", "--name", "analysis"];
    drop(context.run(["image", "remove", &tag]).success());
    drop(run(&context, "export", &export).success());
    drop(registry);
    let folder = context.work().join("out/runtime-images");
    let words = ["--directory", folder.to_str().unwrap(), "--with-images", "--to", &elsewhere.host()];
    drop(run(&there, "import", &words).success());
    assert_eq!(elsewhere.tagged("team/analysis", "1"), Some(digest));
    drop(run(&there, "verify", &["--strict"]).success());
    drop(there.run(["pull", &format!("{}/team/analysis:1", elsewhere.host())]).success());
}
