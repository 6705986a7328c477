//! Pulls and pushes: a store is whole after a killed pull, and a registry after a killed push.

use std::fs;
use std::path::Path;
use std::process::Command;

use imagewright_oci::Digest;
use imagewright_testkit::context::{Outcome, TestContext};
use imagewright_testkit::registry::TestRegistry;
use imagewright_testkit::storm::{Scene, rage};

use super::{State, StoreScene, assert_sound, context_with_noisy_image, has_unfinished, noisy_image};

#[test]
fn a_pull() {
    let (context, _registry, name) = empty_store_and_registry();
    rage("pull", 40, &mut StoreScene::new(context, &["pull", &name]));
}

/// A registry with a noisy image, the image's name there, and surroundings whose store is empty.
fn empty_store_and_registry() -> (TestContext, TestRegistry, String) {
    let context = context_with_noisy_image();
    let registry = TestRegistry::start().unwrap();
    let name = format!("{}/demo/one:1", registry.host());
    drop(context.run(["push", "demo/one:1", &name]).success());
    fs::remove_dir_all(context.root()).unwrap();
    drop(context.run(["image", "list"]).success());
    (context, registry, name)
}

#[test]
fn what_was_left_is_fetched() {
    let (context, _registry, name) = empty_store_and_registry();
    let build = ["build", "--base", &name, "--env", "A=b", "-t", "demo/built:1", "--quiet"];
    drop(context.run(build).success());
    // Manifest and configuration of both images, and the layer.
    let is_committed = |root: &Path| State::count(root, "blobs") == 5;
    let scene = StoreScene::new(context, &["image", "fetch", "demo/built:1"]);
    rage("fetch", 30, &mut scene.watched(has_unfinished, is_committed));
}

/// A registry whose inside can be seen without asking it.
pub(super) trait Glass {
    fn host(&self) -> String;

    /// The digest that a tag of a repository stands for.
    fn tagged(&self, repository: &str, tag: &str) -> Option<String>;

    /// How many uploads to a repository were begun so far.
    fn uploads(&self, repository: &str) -> usize;
}

impl Glass for TestRegistry {
    fn host(&self) -> String {
        self.host()
    }

    fn tagged(&self, repository: &str, tag: &str) -> Option<String> {
        self.manifest(repository, tag).map(|(_, bytes)| Digest::of(&bytes).to_string())
    }

    fn uploads(&self, repository: &str) -> usize {
        self.count("POST", &format!("/{repository}/blobs/uploads"))
    }
}

/// A push of a new image under a name that an old one has, to a repository of its own each time.
pub(super) struct PushScene<R> {
    context: TestContext,
    registry: R,
    store: State,
    /// Digests of the images.
    old: String,
    new: String,
    repository: String,
    number: usize,
    /// Uploads before the push.
    uploads: usize,
}

impl<R: Glass> PushScene<R> {
    pub(super) fn new(registry: R) -> Self {
        let context = context_with_noisy_image();
        noisy_image(2).write_layout(&context.work().join("other"), "demo/two:1").unwrap();
        drop(context.run(["image", "import", "oci:other"]).success());
        let list = context.run(["image", "list", "--json"]).success().json();
        let [old, new] = [0, 1].map(|number| list[number]["digest"].as_str().unwrap().to_owned());
        let store = State::of(context.root());
        Self { context, registry, store, old, new, repository: String::new(), number: 0, uploads: 0 }
    }

    fn target(&self) -> String {
        format!("{}/{}:1", self.registry.host(), self.repository)
    }

    /// What somebody gets who pulls now.
    fn pulled(&self) -> String {
        let root = self.context.work().join("puller");
        drop(fs::remove_dir_all(&root));
        let pull = ["pull", &self.target(), "--json", "--root", root.to_str().unwrap()];
        self.context.run(pull).success().json()["digest"].as_str().unwrap().to_owned()
    }
}

impl<R: Glass> Scene for PushScene<R> {
    fn prepare(&mut self) {
        self.number += 1;
        self.repository = format!("demo/push-{}", self.number);
        drop(self.context.run(["push", "demo/one:1", &self.target()]).success());
        self.uploads = self.registry.uploads(&self.repository);
    }

    fn command(&self) -> Command {
        self.context.command(["push", "demo/two:1", &self.target()])
    }

    fn has_begun(&self, _: u32) -> bool {
        self.registry.uploads(&self.repository) > self.uploads
    }

    fn is_committed(&self) -> bool {
        self.registry.tagged(&self.repository, "1").as_ref() == Some(&self.new)
    }

    fn note_outcome(&mut self, outcome: &Outcome) {
        assert_eq!(outcome.code, Some(0), "{outcome}");
        assert_eq!(self.pulled(), self.new);
    }

    fn check(&mut self) {
        // A registry may go on for a moment with what it has got of a killed push.
        let (was_committed, pulled) = (self.is_committed(), self.pulled());
        assert!(
            pulled == self.new || (pulled == self.old && !was_committed),
            "{pulled} is neither old nor new"
        );
        drop(self.context.run(["push", "demo/two:1", &self.target()]).success());
        assert_eq!(self.pulled(), self.new);
        assert_sound(&self.context);
        State::of(self.context.root()).assert_same(&self.store, "a push changes nothing here");
    }
}

#[test]
fn a_push() {
    rage("push", 40, &mut PushScene::new(TestRegistry::start().unwrap()));
}
