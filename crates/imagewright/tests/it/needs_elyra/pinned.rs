//! What registries told us is in records that the real Elyra takes: pinned ones, published ones, and what an export with images
//! leaves for it.

use std::process::Command;

use imagewright_testkit::registry::TestRegistry;

use super::{Elyra, context_with_elyra, environment, ours, records, tree};
use crate::support::tiny_image;

/// Elyra's own check of an image name, before a pipeline is submitted.
const CHECK: &str = "
import sys
from elyra.pipeline.validation import PipelineValidationManager, ValidationResponse
response = ValidationResponse()
manager = PipelineValidationManager.__new__(PipelineValidationManager)
manager._validate_container_image_name('id', 'label', sys.argv[1], response)
sys.exit(1 if response.has_fatal else 0)
";

fn pipelines_take(image_name: &str) -> bool {
    let python = environment().join("bin/python");
    let output = Command::new(python).args(["-c", CHECK, image_name]).output().unwrap();
    assert!(matches!(output.status.code(), Some(0 | 1)), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.stderr, b"", "{}", String::from_utf8_lossy(&output.stderr));
    output.status.success()
}

#[test]
#[ignore = "needs Elyra"]
fn what_was_pinned_and_published_is_valid_and_equal_there() {
    let (elyra, context, registry) = (Elyra::start(), context_with_elyra(), TestRegistry::start().unwrap());
    tiny_image().write_layout(&context.work().join("base"), "demo/base").unwrap();
    let tag = format!("{}/team/analysis:1", registry.host());
    let build = ["build", "--base", "oci:base", "--tag", &tag, "--publish", "elyra=Data analysis"];
    drop(context.run(build).success());
    let create =
        ["create", "runtime-images", "--display_name", "Mine", "--image_name", &tag, "--tags", "a,b"];
    drop(elyra.run(&context, &create).success());
    drop(ours(&context, &["pin", "runtime-images", "--name", "mine"]).success());
    let list = ["list", "runtime-images", "--json", "--include-invalid"];
    let (mine, theirs) =
        (ours(&context, &list).success().json(), elyra.run(&context, &list).success().json());
    let of = |list: &serde_json::Value, name: &str| {
        list.as_array().unwrap().iter().find(|record| record["name"] == name).cloned().unwrap()
    };
    for name in ["mine", "data_analysis"] {
        assert_eq!(of(&mine, name), of(&theirs, name));
        assert_eq!(of(&theirs, name).get("reason"), None);
        let image_name = of(&theirs, name)["metadata"]["image_name"].as_str().unwrap().to_owned();
        assert!(image_name.starts_with(&format!("{tag}@sha256:")), "{image_name}");
        assert!(pipelines_take(&image_name), "{image_name}");
    }
    assert!(!pipelines_take("python:3.11"), "the check is one");
    // Elyra changes what we pinned, and our note about it does not count any more.
    let update = ["update", "runtime-images", "--name", "mine", "--image_name", "a/b:2"];
    drop(elyra.run(&context, &update).success());
    let shown = ours(&context, &["show", "runtime-images", "--name", "mine", "--json"]).success().json();
    assert_eq!((&shown["metadata"]["image_name"], shown.get("imagewright")), (&"a/b:2".into(), None));
}

#[test]
#[ignore = "needs Elyra"]
fn what_was_exported_with_images_is_imported_there() {
    let (elyra, registry) = (Elyra::start(), TestRegistry::start().unwrap());
    let (mine, theirs) = (context_with_elyra(), context_with_elyra());
    tiny_image().write_layout(&mine.work().join("base"), "demo/base").unwrap();
    let tag = format!("{}/team/analysis:1", registry.host());
    drop(mine.run(["build", "--base", "oci:base", "--tag", &tag, "--publish", "elyra"]).success());
    let out = mine.work().join("out");
    let export = ["export", "runtime-images", "--name", "analysis", "--with-images", "--directory"];
    drop(ours(&mine, &[&export[..], &[out.to_str().unwrap()]].concat()).success());
    let folder = out.join("runtime-images");
    let import = ["import", "runtime-images", "--directory", folder.to_str().unwrap()];
    let imported = elyra.run(&theirs, &import).success();
    assert!(imported.stdout.contains("Imported 1 instance\n"), "{imported}");
    assert_eq!(tree(&records(&mine)), tree(&records(&theirs)), "the files are the same to the byte");
}
