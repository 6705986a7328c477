//! What another machine need not do.

use std::fs;

use imagewright_testkit::context::TestContext;
use imagewright_testkit::registry::{Fault, TestRegistry};

use super::support::{Packages, arguments, build, common, hand_over, key, machine, missing};
use crate::conda::support::{layers, tree};
use crate::storm::assert_sound;

/// A registry that can be looked into.
pub(crate) trait Registry {
    fn host(&self) -> String;

    /// How many blobs a repository has, is getting, or has got once more.
    fn blobs(&self, repository: &str) -> usize;
}

impl Registry for TestRegistry {
    fn host(&self) -> String {
        self.host()
    }

    fn blobs(&self, repository: &str) -> usize {
        self.count("POST", &format!("/{repository}/blobs/uploads"))
    }
}

/// One machine builds and pushes; gives its surroundings, the image's digest and the public key. The bundle names the registry.
pub(crate) fn first_machine(packages: &Packages, registry: &impl Registry) -> (TestContext, String, String) {
    let context = machine(packages);
    let (key, name) = (key(&context, "team.key"), format!("{}/demo/one:1", registry.host()));
    let digest = build(&context, &common(), &name, &["--push"]);
    let at = format!("{}/demo/one", registry.host());
    let export = ["facts", "export", "--image", &name, "--with-layers-at", &at, "--key", "team.key"];
    let told = context.run([&export[..], &["-o", "team.facts", "--json"]].concat()).success().json();
    // Two large packages and three buckets; the layers of the packages in those are in no registry.
    assert_eq!((&told["layers_in_registries"], &told["layers"]), (&5.into(), &14.into()), "{told}");
    assert_eq!(told["signed_by"], key.as_str());
    (context, digest, key)
}

/// Another one that has the bundle.
pub(crate) fn second_machine(packages: &Packages, first: &TestContext, key: &str) -> TestContext {
    let context = machine(packages);
    hand_over(&first.work().join("team.facts"), &context);
    let told = context.run(["facts", "import", "team.facts", "--trust", key, "--json"]).success().json();
    assert_eq!((&told["known"], &told["layers_in_registries"]), (&0.into(), &5.into()), "{told}");
    context
}

/// The whole story; the registry's kind does not matter.
pub(crate) fn nothing_moves_that_is_known(registry: &impl Registry) {
    let packages = Packages::serve();
    let (first, digest, key) = first_machine(&packages, registry);
    let mut seen = 0;
    assert_eq!(packages.fetched(&mut seen).len(), common().len());
    let before = registry.blobs("demo/one");

    // The same list: no package is fetched, no layer is sent, and none comes.
    let second = second_machine(&packages, &first, &key);
    let name = format!("{}/demo/one:2", registry.host());
    assert_eq!(build(&second, &common(), &name, &["--push"]), digest);
    assert_eq!(packages.fetched(&mut seen), Vec::<String>::new());
    assert_eq!(registry.blobs("demo/one"), before);
    assert_eq!(missing(&second, &name), 5);
    assert_sound(&second);

    // What is in the layers is known, too.
    let inventory = |context: &TestContext, name: &str| {
        context.run(["image", "show", name, "--packages", "--json"]).success().json()["packages"].clone()
    };
    let known = inventory(&second, &name);
    assert_eq!(known.as_array().map(Vec::len), Some(common().len()));
    assert_eq!(known, inventory(&first, &format!("{}/demo/one:1", registry.host())));

    // The same again is known as a step, and still nothing moves.
    let again = second.run(arguments(&common(), &name, &[])).success();
    assert!(again.stderr.contains("nothing changed") || again.stdout == digest, "{again}");
    assert_eq!(packages.fetched(&mut seen), Vec::<String>::new());

    // Another list: what is new is fetched, and sent with the bucket that it joins.
    let (other, more) = (format!("{}/demo/one:3", registry.host()), [&common()[..], &["mouse"]].concat());
    let built = build(&second, &more, &other, &["--push"]);
    assert_eq!(packages.fetched(&mut seen), ["mouse"]);
    // The layer with `mouse`, the books, and the configuration.
    assert_eq!(registry.blobs("demo/one"), before + 3);
    let apart = machine(&packages);
    assert_eq!(build(&apart, &more, "demo/apart", &[]), built, "who knows nothing comes to the same");
    assert_eq!(packages.fetched(&mut seen).len(), more.len());

    // The bytes come where they are wanted.
    drop(second.run(["image", "export", &name, "oci-archive:one.tar"]).success());
    assert_eq!(missing(&second, &name), 0);
    assert_eq!(tree(&second, &name), tree(&first, &format!("{}/demo/one:1", registry.host())));
    assert_eq!(packages.fetched(&mut seen), Vec::<String>::new());
    assert_sound(&second);
}

#[test]
fn nothing_moves_that_another_machine_knows() {
    nothing_moves_that_is_known(&TestRegistry::start().unwrap());
}

/// The registry is gone when the packages are built: nothing is said, and the same comes out.
pub(crate) fn packages_do_without_a_registry<R: Registry>(registry: R) {
    let packages = Packages::serve();
    let (first, digest, key) = first_machine(&packages, &registry);
    let second = second_machine(&packages, &first, &key);
    drop(registry);
    let mut seen = 0;
    drop(packages.fetched(&mut seen));
    assert_eq!(build(&second, &common(), "demo/two", &[]), digest);
    assert_eq!(packages.fetched(&mut seen).len(), common().len());
    assert_eq!(missing(&second, "demo/two"), 0);
    assert_sound(&second);
}

#[test]
fn where_the_registry_is_gone_packages_are_fetched_as_ever() {
    packages_do_without_a_registry(TestRegistry::start().unwrap());
}

#[test]
fn without_places_the_packages_are_fetched_and_their_layers_are_the_same() {
    let packages = Packages::serve();
    let (first, bundle, key) = super::support::bundle(&packages);
    let second = machine(&packages);
    hand_over(&bundle, &second);
    drop(second.run(["facts", "import", "team.facts", "--trust", &key]).success());
    let mut seen = 0;
    drop(packages.fetched(&mut seen));
    drop(build(&second, &common(), "demo/one", &[]));
    assert_eq!(packages.fetched(&mut seen).len(), common().len());
    assert_eq!((missing(&second, "demo/one"), layers(&second, "demo/one")), (0, layers(&first, "demo/one")));
}

/// A bundle that names no place will do where the image goes to a registry that has its layers.
#[test]
fn the_registry_that_is_pushed_to_is_asked_anyway() {
    let packages = Packages::serve();
    let registry = TestRegistry::start().unwrap();
    let (first, digest, key) = first_machine(&packages, &registry);
    let name = |tag: &str| format!("{}/demo/one:{tag}", registry.host());
    drop(first.run(["facts", "export", "--all", "--key", "team.key", "-o", "team.facts"]).success());
    let second = machine(&packages);
    hand_over(&first.work().join("team.facts"), &second);
    drop(second.run(["facts", "import", "team.facts", "--trust", &key]).success());
    let (mut seen, before) = (0, registry.blobs("demo/one"));
    drop(packages.fetched(&mut seen));
    assert_eq!(build(&second, &common(), &name("2"), &["--push"]), digest);
    assert_eq!(packages.fetched(&mut seen), Vec::<String>::new());
    assert_eq!((registry.blobs("demo/one"), missing(&second, &name("2"))), (before, 5));
    let more = [&common()[..], &["mouse"]].concat();
    drop(build(&second, &more, &name("3"), &["--push"]));
    assert_eq!(packages.fetched(&mut seen), ["mouse"]);
    assert_sound(&second);
    drop(second.run(["image", "fetch", &name("3")]).success());
    assert_eq!(missing(&second, &name("3")), 0);
}

/// A registry that has freed some of the layers.
#[test]
fn what_a_registry_has_lost_is_made_and_the_rest_is_named() {
    let packages = Packages::serve();
    let registry = TestRegistry::start().unwrap();
    let (first, digest, key) = first_machine(&packages, &registry);
    let name = format!("{}/demo/one:1", registry.host());
    let layers = layers(&first, &name);
    let second = second_machine(&packages, &first, &key);
    // The base, two large ones, the first bucket; it is asked once.
    let not_found = Fault::Status(404, "x: y", String::new());
    registry.fail("HEAD", &layers[1], &not_found, 1);
    registry.fail("HEAD", &layers[3], &not_found, 1);
    let mut seen = 0;
    drop(packages.fetched(&mut seen));
    assert_eq!(build(&second, &common(), "demo/two", &[]), digest);
    let fetched = packages.fetched(&mut seen);
    assert!(!fetched.is_empty() && fetched.len() < common().len(), "{fetched:?}");
    assert_eq!(
        fetched.iter().filter(|name| ["whale", "yak"].contains(&name.as_str())).count(),
        1,
        "{fetched:?}"
    );
    assert_eq!(missing(&second, "demo/two"), 3);
    assert_sound(&second);
}

/// Where a registry serves other bytes, a package that is cut out of them is not taken.
#[test]
fn what_comes_damaged_is_made_of_its_package() {
    let packages = Packages::serve();
    let registry = TestRegistry::start().unwrap();
    let (first, _, key) = first_machine(&packages, &registry);
    let second = second_machine(&packages, &first, &key);
    registry.fail("GET", "/blobs/sha256:", &Fault::Damage, 20);
    let more = [&common()[..], &["mouse"]].concat();
    let built = build(&second, &more, "demo/two", &[]);
    let apart = machine(&packages);
    assert_eq!(build(&apart, &more, "demo/apart", &[]), built);
    assert_sound(&second);
}

/// One that closes every connection is left alone after it was asked twice, and not asked again for each layer.
#[test]
fn a_registry_that_does_not_answer_is_not_waited_for() {
    let packages = Packages::serve();
    let registry = TestRegistry::start().unwrap();
    let (first, digest, key) = first_machine(&packages, &registry);
    let second = second_machine(&packages, &first, &key);
    let before = registry.count("HEAD", "/blobs/");
    registry.fail("HEAD", "/blobs/", &Fault::Close, 100);
    assert_eq!(build(&second, &common(), "demo/two", &[]), digest);
    let asked = registry.count("HEAD", "/blobs/") - before;
    // Layers of several groups are asked for one after the other.
    assert!((1..=2).contains(&asked), "{asked} questions");
}

#[test]
fn a_plan_counts_on_what_is_known() {
    let packages = Packages::serve();
    let registry = TestRegistry::start().unwrap();
    let (first, _, key) = first_machine(&packages, &registry);
    let second = second_machine(&packages, &first, &key);
    let planned = |context: &TestContext| {
        let more = [&common()[..], &["mouse"]].concat();
        let mut plan = arguments(&more, "demo/two", &["--json"]);
        plan[0] = "plan";
        let plan = context.run(plan).success().json();
        let packages = plan["steps"][0]["packages"].as_array().unwrap().clone();
        let fetched = packages.iter().filter(|package| package["cached"] == false);
        (
            fetched.map(|package| package["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>(),
            packages.len(),
        )
    };
    assert_eq!(planned(&second), (vec!["mouse".to_owned()], 12));
    assert_eq!(planned(&machine(&packages)).0.len(), 12);
}

#[test]
fn offline_the_places_count_that_were_noted() {
    let packages = Packages::serve();
    let registry = TestRegistry::start().unwrap();
    let (first, digest, key) = first_machine(&packages, &registry);
    let second = second_machine(&packages, &first, &key);
    let lock = build(&second, &common(), "demo/two", &[]);
    assert_eq!(lock, digest);
    let before = registry.requests().len();
    fs::remove_dir_all(second.root().join("facts/step")).unwrap();
    assert_eq!(build(&second, &common(), "demo/two", &["--offline"]), digest);
    assert_eq!(registry.requests().len(), before);
}
