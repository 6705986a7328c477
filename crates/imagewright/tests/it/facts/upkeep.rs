//! What stays, what goes, and what is said.

use std::fs;
use std::path::Path;

use imagewright_testkit::registry::TestRegistry;
use insta::assert_snapshot;

use super::hostile::lines;
use super::sharing::{first_machine, second_machine};
use super::support::{Packages, build, bundle, common, hand_over, machine, missing};
use crate::storm::{State, assert_sound};
use crate::support::context;

/// Every kind that a store has is decided upon, and the list that people read has it.
#[test]
fn every_kind_is_documented() {
    let (context, _, _) = bundle(&Packages::serve());
    let documentation = include_str!("../../../../../docs/facts.md");
    let kinds: Vec<String> = fs::read_dir(context.root().join("facts"))
        .unwrap()
        .map(|kind| kind.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    assert!(kinds.len() > 5, "{kinds:?}");
    let listed: Vec<&str> =
        documentation.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    for kind in kinds {
        assert!(listed.iter().any(|listed| kind.starts_with(listed)), "`{kind}` is not in docs/facts.md");
    }
}

#[test]
fn the_same_facts_give_the_same_file_in_every_store() {
    let packages = Packages::serve();
    let (first, bundle, key) = bundle(&packages);
    let export = ["facts", "export", "--all", "--key", "team.key", "-o", "again.facts"];
    drop(first.run(export).success());
    assert_eq!(fs::read(first.work().join("again.facts")).unwrap(), fs::read(&bundle).unwrap());
    // What another store took in and gives out.
    let second = machine(&packages);
    hand_over(&bundle, &second);
    drop(second.run(["facts", "import", "team.facts", "--trust", &key]).success());
    fs::copy(first.work().join("team.key"), second.work().join("team.key")).unwrap();
    drop(second.run(export).success());
    assert_eq!(fs::read(second.work().join("again.facts")).unwrap(), fs::read(&bundle).unwrap());
    // And one that made it all by itself, of the packages in another order.
    let third = machine(&packages);
    let reversed: Vec<&str> = common().into_iter().rev().collect();
    drop(build(&third, &reversed, "demo/three", &[]));
    fs::copy(first.work().join("team.key"), third.work().join("team.key")).unwrap();
    drop(third.run(export).success());
    assert_eq!(fs::read(third.work().join("again.facts")).unwrap(), fs::read(&bundle).unwrap());
}

#[test]
fn importing_again_changes_nothing() {
    let packages = Packages::serve();
    let (_first, bundle, key) = bundle(&packages);
    let second = machine(&packages);
    hand_over(&bundle, &second);
    let import = || second.run(["facts", "import", "team.facts", "--trust", &key, "--json"]).success().json();
    let new = import()["new"].clone();
    let before = State::of(second.root());
    let again = import();
    assert_eq!((&again["new"], &again["known"]), (&0.into(), &new));
    State::of(second.root()).assert_same(&before, "importing again");
}

/// Addresses are a machine's own business.
#[test]
fn a_bundle_names_no_channel_and_no_machine() {
    let (context, bundle, _) = bundle(&Packages::serve());
    let text: String = lines(&fs::read(&bundle).unwrap()).iter().map(ToString::to_string).collect();
    assert!(text.contains("\"whale\""));
    for trace in ["127.0.0.1", &*context.folder().to_string_lossy()] {
        assert!(!text.contains(trace), "{trace}");
    }
}

/// Of an image, only what its packages are.
#[test]
fn an_image_takes_its_own_packages_along() {
    let packages = Packages::serve();
    let (context, _, _) = bundle(&packages);
    drop(build(&context, &["ant", "whale"], "demo/few", &[]));
    drop(build(&context, &["mouse"], "demo/mouse", &[]));
    let export = |what: &[&str]| {
        drop(context.run([&["facts", "export", "-o", "some.facts"], what].concat()).success());
        context.run(["facts", "show", "some.facts", "--json"]).success().json()["kinds"].clone()
    };
    assert_eq!(
        export(&["--image", "demo/few"]),
        serde_json::json!({ "layer-packages": 2, "conda-files": 2, "conda-layer": 2 })
    );
    let both = export(&["--image", "demo/few", "--image", "demo/one"]);
    assert_eq!((&both["conda-layer"], &both["joined-layer"]), (&11.into(), &3.into()));
    assert_eq!(export(&["--all"])["conda-layer"], 12);
}

#[test]
fn what_a_bundle_holds_is_shown() {
    let packages = Packages::serve();
    let registry = TestRegistry::start().unwrap();
    let (first, _, key) = first_machine(&packages, &registry);
    let text = first.run(["facts", "show", "team.facts"]).success().stdout;
    assert_snapshot!(text.replace(&key, "[KEY]"), @r"
    Signed by   [KEY]
    Digest      sha256:[DIGEST]
    Size        [SIZE]
    Layers at   [SERVER]/demo/one:latest (5 layers)

    KIND             FACTS
    layer-packages   5
    conda-files      11
    conda-layer      11
    joined-layer     3
    ");
}

#[test]
fn nothing_is_no_bundle() {
    let context = context();
    assert_snapshot!(context.run(["facts", "export", "--all", "-o", "team.facts"]), @r"
    exit: 3
    ----- stderr -----
    error: there are no facts about packages to export
    hint: build an image with conda or Python packages first, or name other images
    ");
    assert!(!context.work().join("team.facts").exists());
    context.write("team.facts", "something else\n");
    assert_snapshot!(context.run(["facts", "show", "team.facts"]), @r"
    exit: 4
    ----- stderr -----
    error: `team.facts` is not usable
    caused by: this is no bundle of facts
    ");
}

#[test]
fn a_registry_that_has_nothing_is_no_place() {
    let packages = Packages::serve();
    let (context, _, _) = bundle(&packages);
    let registry = TestRegistry::start().unwrap();
    let at = format!("{}/demo/one", registry.host());
    let outcome =
        context.run(["facts", "export", "--all", "--with-layers-at", &at, "-o", "x.facts"]).exits(3);
    assert!(outcome.stderr.contains("has none of the layers of which there are facts"), "{outcome}");
    assert!(!context.work().join("x.facts").exists());
}

fn count(root: &Path, room: &str) -> usize {
    fs::read_dir(root.join(room)).map_or(0, Iterator::count)
}

/// Facts whose layers are elsewhere are no damage, and go when nobody has used them for a while.
#[test]
fn facts_of_others_are_checked_and_collected_as_all_are() {
    let packages = Packages::serve();
    let registry = TestRegistry::start().unwrap();
    let (first, digest, key) = first_machine(&packages, &registry);
    let second = second_machine(&packages, &first, &key);
    assert_sound(&second);
    assert_eq!(count(second.root(), "origins/sha256"), 5);
    drop(second.run(["gc"]).success());
    assert_eq!(count(second.root(), "origins/sha256"), 5, "they are as good as used");
    assert_eq!(build(&second, &common(), "demo/two", &[]), digest);

    // With an image that names the layers, what is noted of them stays.
    drop(second.run(["gc", "--keep-days", "0"]).success());
    assert_eq!(count(second.root(), "facts/conda-layer"), 0);
    assert_eq!((count(second.root(), "origins/sha256"), missing(&second, "demo/two")), (5, 5));
    assert_sound(&second);
    drop(second.run(["image", "remove", "demo/two"]).success());
    drop(second.run(["gc", "--keep-days", "0"]).success());
    assert_eq!(count(second.root(), "origins/sha256"), 0);
    assert_eq!(count(second.root(), "facts/segment"), 0);
    assert_sound(&second);
}
