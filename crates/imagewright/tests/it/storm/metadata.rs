//! `metadata update` is killed at any moment: the record is the old one or the new one, whole and valid, for us at once.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use imagewright_testkit::context::{Outcome, TestContext};
use imagewright_testkit::storm::{Scene, rage};

use crate::support::context;

const KILLS: usize = 20;
/// So long that writing takes its time.
const LENGTH: usize = 1 << 20;

/// A record that is changed from one long description to another.
struct UpdateScene {
    context: TestContext,
    old: String,
    new: String,
}

impl UpdateScene {
    fn new() -> Self {
        let context = context();
        let record = |letter: &str| {
            let description = letter.repeat(LENGTH);
            format!(
                "{{\n  \"display_name\": \"X\",\n  \"metadata\": {{\n    \"image_name\": \"a/b:1\",\n    \
                 \"description\": \"{description}\"\n  }},\n  \"schema_name\": \"runtime-image\"\n}}"
            )
        };
        let (old, new) = (record("o"), record("n"));
        context.write("new.json", &new);
        let scene = Self { context, old, new };
        fs::create_dir_all(scene.folder()).unwrap();
        scene
    }

    fn folder(&self) -> PathBuf {
        self.context.home().join(".local/share/jupyter/metadata/runtime-images")
    }

    fn file(&self) -> PathBuf {
        self.folder().join("x.json")
    }
}

impl Scene for UpdateScene {
    fn prepare(&mut self) {
        for entry in fs::read_dir(self.folder()).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
        fs::write(self.file(), &self.old).unwrap();
    }

    fn command(&self) -> Command {
        self.context.command(["metadata", "update", "runtime-images", "--name", "x", "--file", "new.json"])
    }

    fn has_begun(&self, _: u32) -> bool {
        self.folder().join(".x.json.imagewright-new").exists()
    }

    fn is_committed(&self) -> bool {
        fs::read_to_string(self.file()).is_ok_and(|text| text == self.new)
    }

    fn note_outcome(&mut self, outcome: &Outcome) {
        drop(outcome.clone().success());
    }

    fn check(&mut self) {
        let listed = self.context.run(["metadata", "list", "runtime-images"]).success();
        assert!(listed.stdout.contains("x.json"), "{listed}");
        let text = fs::read_to_string(self.file()).unwrap();
        assert!(text == self.old || text == self.new, "the record is neither the old nor the new one");
        let names: Vec<_> =
            fs::read_dir(self.folder()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["x.json"], "something is left");
        drop(Outcome::of(&mut self.command()).success());
        assert!(self.is_committed());
    }
}

#[test]
fn an_update_may_be_killed_at_any_moment() {
    rage("metadata update", KILLS, &mut UpdateScene::new());
}
