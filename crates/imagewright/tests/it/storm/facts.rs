//! Facts of another store, taken in: each is there as a whole, and what is there holds.

use std::fs;
use std::path::Path;

use imagewright_testkit::registry::TestRegistry;
use imagewright_testkit::storm::rage;

use super::{State, StoreScene, has_unfinished};
use crate::facts::sharing::first_machine;
use crate::facts::support::{Packages, arguments, common, hand_over, machine};

#[test]
fn an_import_of_facts() {
    let packages = Packages::serve();
    let registry = TestRegistry::start().unwrap();
    let (first, digest, key) = first_machine(&packages, &registry);
    let context = machine(&packages);
    hand_over(&first.work().join("team.facts"), &context);
    drop(context.run(["image", "list"]).success());
    let import = ["facts", "import", "team.facts", "--trust", &key];
    // Five places; all facts, and where the nine small packages lie.
    let is_committed = |root: &Path| (State::count(root, "origins"), State::count(root, "facts")) == (5, 39);
    let scene = StoreScene::new(context, &import).watched(has_begun, is_committed).also(move |context| {
        // Whatever came, builds are right with it.
        let root = context.work().join("builder");
        super::copy(context.root(), &root);
        let build = arguments(&common(), "demo/two", &["--root", root.to_str().unwrap()]);
        assert_eq!(context.run(build).success().stdout, digest);
        fs::remove_dir_all(root).unwrap();
    });
    rage("import of facts", 12, &mut { scene });
}

fn has_begun(root: &Path) -> bool {
    has_unfinished(root) || State::count(root, "origins") > 0
}
