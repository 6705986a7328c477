//! Our layouts in other tools' hands.

use std::process::Command;

use imagewright_testkit::context::Outcome;
use imagewright_testkit::wheels::Wheel;

use super::seed::{context_with_wheels, write_spec};

#[test]
#[ignore = "needs root, network and skopeo"]
fn skopeo_copies_and_umoci_unpacks_what_was_built() {
    let context = context_with_wheels(&[Wheel::new("alpha", "1.0")]);
    write_spec(&context, "alpha");
    let digest = context.run(["build", "spec", "-t", "demo/alpha:1"]).success().stdout;
    drop(context.run(["image", "export", "demo/alpha:1", "oci:layout"]).success());
    let tool = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        Outcome::of(command.args(arguments).current_dir(context.work())).success().stdout
    };
    let name = layout_name(&context.work().join("layout"));
    let copied = format!("dir:{}", context.work().join("copied").display());
    tool("skopeo", &["--insecure-policy", "copy", &format!("oci:layout:{name}"), &copied]);
    let inspected = tool("skopeo", &["inspect", "--format", "{{.Digest}}", &copied]);
    assert_eq!(inspected, digest);
    tool("umoci", &["unpack", "--image", &format!("layout:{name}"), "bundle"]);
    let module = std::fs::read_dir(context.work().join("bundle/rootfs/opt/venv/lib"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let module = module.path().join("site-packages/alpha.py");
    assert_eq!(std::fs::read_to_string(module).unwrap(), "VERSION = \"1.0\"\n");
    // The store itself is such a layout.
    let store = format!("oci:{}:{name}", context.root().display());
    assert_eq!(tool("skopeo", &["inspect", "--format", "{{.Digest}}", &store]), digest);
}

/// The name that a layout gives its only image.
fn layout_name(layout: &std::path::Path) -> String {
    let index = std::fs::read(layout.join("index.json")).unwrap();
    let index: serde_json::Value = serde_json::from_slice(&index).unwrap();
    index["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"].as_str().unwrap().to_owned()
}
