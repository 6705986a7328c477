//! Commands killed at any moment: the store is whole, nothing is there by half, the next run goes on.
//!
//! `IMAGEWRIGHT_TEST_SEED` repeats a storm, `IMAGEWRIGHT_TEST_KILLS` makes it longer.

mod conda;
mod exports;
mod facts;
mod imports;
mod metadata;
mod needs_registry;
mod needs_root;
mod pin;
mod registries;
mod state;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use imagewright_testkit::context::{Outcome, TestContext};
use imagewright_testkit::image::TinyImage;
use imagewright_testkit::processes::is_mounted;
use imagewright_testkit::random::Random;
use imagewright_testkit::storm::Scene;

use crate::support::context;

pub(crate) use state::{State, copy};

/// Looks at the store in a folder.
type Watch = Box<dyn Fn(&Path) -> bool>;

/// A command that changes a store, and the store.
pub(crate) struct StoreScene {
    context: TestContext,
    arguments: Vec<String>,
    before: State,
    after: Option<State>,
    /// Puts the store back.
    reset: Box<dyn Fn(&Path)>,
    has_begun: Watch,
    is_committed: Watch,
    /// The exit code of the command, and that where all was done before it was killed.
    code: i32,
    again: i32,
    starts_processes: bool,
    /// What else must hold after a kill.
    also: Box<dyn Fn(&TestContext)>,
}

impl StoreScene {
    /// The command on the store that `context` has now. It begins with something in `tmp/` and commits with the list.
    pub(crate) fn new(context: TestContext, arguments: &[&str]) -> Self {
        let template = context.folder().join("template");
        state::copy(context.root(), &template);
        let reset = move |root: &Path| state::copy(&template, root);
        Self::resetting(context, arguments, reset)
    }

    /// The same for a store that is put back in another way.
    pub(crate) fn resetting(
        context: TestContext,
        arguments: &[&str],
        reset: impl Fn(&Path) + 'static,
    ) -> Self {
        let before = State::of(context.root());
        let index = before.index.clone();
        let is_committed =
            move |root: &Path| fs::read_to_string(root.join("index.json")).is_ok_and(|text| text != index);
        Self {
            context,
            arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
            before,
            after: None,
            reset: Box::new(reset),
            has_begun: Box::new(has_unfinished),
            is_committed: Box::new(is_committed),
            code: 0,
            again: 0,
            starts_processes: false,
            also: Box::new(|_| ()),
        }
    }

    /// Begins and commits in another way.
    pub(crate) fn watched(
        mut self,
        has_begun: impl Fn(&Path) -> bool + 'static,
        is_committed: impl Fn(&Path) -> bool + 'static,
    ) -> Self {
        (self.has_begun, self.is_committed) = (Box::new(has_begun), Box::new(is_committed));
        self
    }

    /// Ends with this code whatever it has done.
    pub(crate) fn ends_with(mut self, code: i32) -> Self {
        (self.code, self.again) = (code, code);
        self
    }

    /// Ends with this code when there is nothing left to do.
    pub(crate) fn exits_again(mut self, code: i32) -> Self {
        self.again = code;
        self
    }

    /// Demands something more after each kill.
    pub(crate) fn also(mut self, demand: impl Fn(&TestContext) + 'static) -> Self {
        self.also = Box::new(demand);
        self
    }

    /// Starts programs in sandboxes.
    pub(crate) fn starting_processes(mut self) -> Self {
        self.starts_processes = true;
        self
    }
}

impl Scene for StoreScene {
    fn prepare(&mut self) {
        (self.reset)(self.context.root());
    }

    fn command(&self) -> Command {
        self.context.command(&self.arguments)
    }

    fn has_begun(&self, _: u32) -> bool {
        (self.has_begun)(self.context.root())
    }

    fn is_committed(&self) -> bool {
        (self.is_committed)(self.context.root())
    }

    fn note_outcome(&mut self, outcome: &Outcome) {
        assert_eq!(outcome.code, Some(self.code), "{outcome}");
        let after = State::of(self.context.root());
        let known = self.after.get_or_insert_with(|| after.clone());
        known.assert_same(&after, "undisturbed runs come to different ends");
    }

    fn check(&mut self) {
        let after = self.after.as_ref().expect("it was measured");
        assert_not_mounted(&self.context);
        State::of(self.context.root()).assert_between(&self.before, after);
        assert_sound(&self.context);
        drop(self.context.run(["image", "list"]).success());
        (self.also)(&self.context);
        let is_done = self.is_committed();
        let outcome = self.context.run(&self.arguments).exits(if is_done { self.again } else { self.code });
        let what = format!("the next run comes to another end: {outcome}");
        State::of(self.context.root()).assert_same(after, &what);
        self.context.assert_nothing_unfinished();
    }

    fn starts_processes(&self) -> bool {
        self.starts_processes
    }
}

/// Whether something is in the making in a store.
pub(crate) fn has_unfinished(root: &Path) -> bool {
    fs::read_dir(root.join("tmp")).is_ok_and(|mut entries| entries.next().is_some())
}

/// Demands that nothing is wrong with the store, and that nothing unfinished outlives a start.
#[track_caller]
pub(crate) fn assert_sound(context: &TestContext) {
    let checked = context.run(["fsck", "--json"]).success();
    assert_eq!(checked.json()["damages"].as_array().map(Vec::len), Some(0), "{checked}");
    context.assert_nothing_unfinished();
}

/// Waits for the kernel to take the mounts of killed processes away.
#[track_caller]
fn assert_not_mounted(context: &TestContext) {
    imagewright_testkit::processes::wait_until("nothing is mounted", || !is_mounted(context.folder()));
}

/// An image of a few files that do not get smaller; `number` tells it from others.
pub(crate) fn noisy_image(number: u64) -> TinyImage {
    let mut random = Random::of(number);
    let mut image = TinyImage::default();
    for file in 0..8 {
        let body: Vec<u8> = (0..4096).flat_map(|_| random.number().to_le_bytes()).collect();
        image = image.file(&format!("srv/{number}/{file}"), body);
    }
    image
}

/// Surroundings with an empty store, and beside it a layout with an image.
fn context_with_layout() -> TestContext {
    let context = context();
    noisy_image(1).write_layout(&context.work().join("layout"), "demo/one:1").unwrap();
    drop(context.run(["image", "list"]).success());
    context
}

/// The same with that image in the store.
fn context_with_noisy_image() -> TestContext {
    let context = context_with_layout();
    drop(context.run(["image", "import", "oci:layout"]).success());
    context
}

/// What lies in a folder.
fn names_in(folder: &Path) -> Vec<PathBuf> {
    let mut names: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into()).collect();
    names.sort();
    names
}
