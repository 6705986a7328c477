//! Exports: where they go, there is all or nothing.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use imagewright_testkit::context::{Outcome, TestContext};
use imagewright_testkit::processes::is_writing_below;
use imagewright_testkit::storm::{Scene, rage};

use super::{State, assert_sound, context_with_noisy_image, names_in};

/// An export into a folder that holds nothing else.
struct ExportScene {
    context: TestContext,
    /// As `oci-archive:exported/image.tar`.
    place: &'static str,
    /// The file that is there when all is.
    last: &'static str,
    store: State,
    /// Names and sizes of what undisturbed runs write.
    whole: Option<Vec<(PathBuf, Vec<u8>)>>,
}

impl ExportScene {
    fn new(place: &'static str, last: &'static str) -> Self {
        let context = context_with_noisy_image();
        let store = State::of(context.root());
        Self { context, place, last, store, whole: None }
    }

    fn folder(&self) -> PathBuf {
        self.context.work().join("exported")
    }

    fn written(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        let mut folders = vec![self.folder()];
        while let Some(folder) = folders.pop() {
            for path in names_in(&folder).into_iter().map(|name| folder.join(name)) {
                match path.is_dir() {
                    true => folders.push(path),
                    false => files.push((path.clone(), fs::read(&path).unwrap())),
                }
            }
        }
        files.sort();
        files
    }
}

impl Scene for ExportScene {
    fn prepare(&mut self) {
        drop(fs::remove_dir_all(self.folder()));
        fs::create_dir(self.folder()).unwrap();
    }

    fn command(&self) -> Command {
        self.context.command(["image", "export", "demo/one:1", self.place])
    }

    fn has_begun(&self, process: u32) -> bool {
        is_writing_below(process, &self.folder()) || !names_in(&self.folder()).is_empty()
    }

    fn is_committed(&self) -> bool {
        self.context.work().join(self.last).exists()
    }

    fn note_outcome(&mut self, outcome: &Outcome) {
        assert_eq!(outcome.code, Some(0), "{outcome}");
        let written = self.written();
        let known = self.whole.get_or_insert_with(|| written.clone());
        assert!(*known == written, "undisturbed exports write different files");
    }

    fn check(&mut self) {
        let whole = self.whole.as_ref().expect("it was measured");
        for (path, bytes) in self.written() {
            let is_whole = whole.contains(&(path.clone(), bytes));
            assert!(is_whole, "`{}` is in part, or nothing of ours", path.display());
        }
        drop(self.context.run(["image", "export", "demo/one:1", self.place]).success());
        assert!(self.written() == *whole, "the next export writes other files");
        assert_sound(&self.context);
        State::of(self.context.root()).assert_same(&self.store, "an export changes nothing in the store");
    }
}

#[test]
fn into_a_layout() {
    rage(
        "export into a layout",
        24,
        &mut ExportScene::new("oci:exported/layout", "exported/layout/index.json"),
    );
}

#[test]
fn into_an_archive() {
    rage("export into an archive", 24, &mut ExportScene::new("oci-archive:exported/a.tar", "exported/a.tar"));
}

#[test]
fn into_a_compressed_archive() {
    let scene = ExportScene::new("docker-archive:exported/a.tar.gz", "exported/a.tar.gz");
    rage("export into a compressed archive", 24, &mut { scene });
}
