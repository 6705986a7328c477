//! `metadata pin` is killed at any moment: the record names its tag or the digest, whole and valid, and the next run pins it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use imagewright_testkit::context::{Outcome, TestContext};
use imagewright_testkit::registry::TestRegistry;
use imagewright_testkit::storm::{Scene, rage};

use crate::support::context;

const KILLS: usize = 20;
/// So long that writing takes its time.
const LENGTH: usize = 1 << 20;
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A record with a tag.
struct PinScene {
    context: TestContext,
    registry: TestRegistry,
    digest: String,
}

impl PinScene {
    fn new() -> Self {
        let (context, registry) = (context(), TestRegistry::start().unwrap());
        let index = br#"{"schemaVersion":2,"manifests":[]}"#;
        let digest = registry.put_manifest("team/image", "1", INDEX, index).to_string();
        let scene = Self { context, registry, digest };
        fs::create_dir_all(scene.folder("metadata")).unwrap();
        scene
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.context.home().join(".local/share/jupyter").join(name).join("runtime-images")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.folder("metadata").join("x.json")).unwrap()
    }

    /// The record as it is written.
    fn record(&self, image_name: &str) -> String {
        format!(
            "{{\n  \"display_name\": \"X\",\n  \"metadata\": {{\n    \"image_name\": \"{image_name}\",\n    \
             \"description\": \"{}\"\n  }},\n  \"schema_name\": \"runtime-image\"\n}}",
            "d".repeat(LENGTH)
        )
    }

    fn before(&self) -> String {
        format!("{}/team/image:1", self.registry.host())
    }

    fn after(&self) -> String {
        format!("{}@{}", self.before(), self.digest)
    }
}

impl Scene for PinScene {
    fn prepare(&mut self) {
        for folder in ["metadata", "imagewright"] {
            for entry in fs::read_dir(self.folder(folder)).into_iter().flatten() {
                fs::remove_file(entry.unwrap().path()).unwrap();
            }
        }
        fs::write(self.folder("metadata").join("x.json"), self.record(&self.before())).unwrap();
    }

    fn command(&self) -> Command {
        self.context.command(["metadata", "pin", "runtime-images", "--all"])
    }

    fn has_begun(&self, _: u32) -> bool {
        fs::read_dir(self.folder("imagewright")).is_ok_and(|mut files| files.next().is_some())
    }

    fn is_committed(&self) -> bool {
        fs::read_to_string(self.folder("metadata").join("x.json"))
            .is_ok_and(|text| text == self.record(&self.after()))
    }

    fn note_outcome(&mut self, outcome: &Outcome) {
        drop(outcome.clone().success());
    }

    fn check(&mut self) {
        let show = ["metadata", "show", "runtime-images", "--name", "x", "--json"];
        let shown = self.context.run(show).success().json();
        let (text, before, after) = (self.text(), self.record(&self.before()), self.record(&self.after()));
        assert!(text == before || text == after, "the record is neither the old nor the new one");
        // What is noted is noted before, so that no pinned record is without it.
        assert_eq!(shown.get("imagewright").is_some(), text == after, "{}", shown["imagewright"]);
        drop(Outcome::of(&mut self.command()).success());
        assert!(self.is_committed());
        let names = |folder: &str| -> Vec<_> {
            let entries = fs::read_dir(self.folder(folder)).unwrap();
            entries.map(|entry| entry.unwrap().file_name()).collect()
        };
        assert_eq!(names("metadata"), ["x.json"], "something is left");
        drop(self.context.run(["metadata", "unpin", "runtime-images", "--all"]).success());
        assert_eq!(self.text(), before);
        assert_eq!(names("imagewright"), ["x.json"], "something is left");
    }
}

#[test]
fn pinning_may_be_killed_at_any_moment() {
    rage("metadata pin", KILLS, &mut PinScene::new());
}
