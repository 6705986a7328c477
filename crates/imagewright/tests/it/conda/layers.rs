//! What packages become.

use std::collections::BTreeMap;
use std::path::PathBuf;

use imagewright_testkit::conda::{CondaPackage, Format, Index, PLACEHOLDER};
use imagewright_testkit::context::TestContext;

use super::support::{
    Found, build, channels, context_with, environment, fill, layers, newer, record, refused, remove_caches,
    text, tree,
};

fn python() -> CondaPackage {
    CondaPackage::new("python", "3.13.2")
        .build("h1_0_cpython")
        .placed("bin/python3.13", "binary", format!("\x7fELF{PLACEHOLDER}/lib\0"))
        .symlink("bin/python", "python3.13")
        .file("lib/python3.13/os.py", "import sys\n")
}

fn packages() -> Vec<(CondaPackage, Format)> {
    let tool = CondaPackage::new("tool", "1.0")
        .depends("lib >=2")
        .placed("bin/tool", "text", format!("#!{PLACEHOLDER}/bin/python\n"))
        .file("share/tool", "data")
        .hard_link("share/tool-alias", "share/tool");
    let pure = CondaPackage::new("pure", "0.1")
        .noarch("python")
        .depends("python")
        .entry_point("pure = pure:main")
        .file("site-packages/pure.py", "def main(): return 0\n");
    vec![
        (python(), Format::Conda),
        (tool, Format::Conda),
        (CondaPackage::new("lib", "2.1").file("lib/liblib.so", "lib"), Format::TarBz2),
        (CondaPackage::new("lib", "1.0").file("lib/liblib.so", "old"), Format::TarBz2),
        (pure, Format::TarBz2),
    ]
}

#[test]
fn packages_are_installed_as_conda_would_install_them() {
    let context = context_with(Index::Json, &packages());
    drop(build(&context, &["--conda", "tool", "--conda", "pure", "-t", "demo/conda"]));
    let tree = tree(&context, "demo/conda");
    assert_eq!(text(&tree, "opt/conda/bin/tool"), "#!/opt/conda/bin/python\n");
    assert_eq!(tree["opt/conda/bin/python"], Found::Symlink(PathBuf::from("python3.13")));
    assert!(text(&tree, "opt/conda/bin/python3.13").starts_with("\x7fELF/opt/conda/lib\0"));
    assert!(text(&tree, "opt/conda/bin/pure").starts_with("#!/opt/conda/bin/python3.13\n"));
    assert!(tree.contains_key("opt/conda/lib/python3.13/site-packages/pure.py"));
    assert_eq!(text(&tree, "opt/conda/lib/liblib.so"), "lib");
    assert!(tree.values().all(
        |found| !matches!(found, Found::Folder(mode, uid, gid) if (*mode, *uid, *gid) != (0o755, 0, 0))
    ));

    let names: Vec<&str> =
        tree.keys().filter_map(|path| path.strip_prefix("opt/conda/conda-meta/")).collect();
    let expected = [
        "history",
        "lib-2.1-0.json",
        "pure-0.1-0.json",
        "python-3.13.2-h1_0_cpython.json",
        "tool-1.0-0.json",
    ];
    assert_eq!(names, expected);
    let tool = record(&tree, "tool-1.0-0");
    assert_eq!((&tool["channel"], &tool["fn"]), (&"team".into(), &"tool-1.0-0.conda".into()));
    assert_eq!(tool["requested_specs"][0], "tool");
    assert_eq!(tool["depends"][0], "lib >=2");
    assert!(tool["url"].as_str().unwrap().starts_with("https://channels.invalid/team/"));
    let pure = record(&tree, "pure-0.1-0");
    let paths: Vec<&str> =
        pure["files"].as_array().unwrap().iter().map(|path| path.as_str().unwrap()).collect();
    assert_eq!(paths, ["bin/pure", "lib/python3.13/site-packages/pure.py"]);
    assert!(text(&tree, "opt/conda/conda-meta/history").contains("+team/noarch::pure-0.1-0\n"));

    let environment = environment(&context, "demo/conda");
    assert_eq!(environment, ["PATH=/opt/conda/bin:/usr/bin:/bin", "CONDA_PREFIX=/opt/conda"]);
    assert_eq!(tree["opt/conda/share/tool-alias"], Found::HardLink("opt/conda/share/tool".to_owned()));
    let whole = format!("{tree:?}");
    assert!(!whole.contains(channels(&context).to_str().unwrap()), "nothing says where the channel is");
    context.assert_nothing_unfinished();
}

#[test]
fn channels_may_list_packages_in_any_form() {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for index in [Index::Json, Index::Zstd, Index::Shards] {
        let context = context_with(index, &packages());
        drop(build(&context, &["--conda", "tool", "--conda", "pure", "-t", "demo/conda"]));
        found.insert(format!("{index:?}"), layers(&context, "demo/conda"));
    }
    let all: Vec<&Vec<String>> = found.values().collect();
    assert!(all.iter().all(|layers| *layers == all[0]), "{found:?}");
}

#[test]
fn known_packages_cost_nothing_and_one_more_changes_little() {
    let mut all = packages();
    all.extend(newer(
        (0..12)
            .map(|number| {
                CondaPackage::new(&format!("more-{number}"), "1").file(&format!("share/{number}"), "x")
            })
            .collect(),
    ));
    let context = context_with(Index::Json, &all);
    let more: Vec<String> =
        (0..11).flat_map(|number| ["--conda".to_owned(), format!("more-{number}")]).collect();
    let more: Vec<&str> = more.iter().map(String::as_str).collect();
    let arguments = |extra: &[&'static str], name: &'static str| -> Vec<String> {
        let all = [&more[..], extra, &["-t", name]].concat();
        all.into_iter().map(str::to_owned).collect()
    };
    let run =
        |arguments: &[String]| build(&context, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    drop(run(&arguments(&[], "demo/before")));
    let before = layers(&context, "demo/before");
    drop(run(&arguments(&["--conda", "more-11"], "demo/after")));
    let after = layers(&context, "demo/after");
    let changed = after.iter().filter(|layer| !before.contains(layer)).count();
    // The bucket of the new package, and the books.
    assert_eq!(changed, 2, "{before:?} {after:?}");
    // With empty caches, and from the other form of a list, the same comes out.
    remove_caches(&context);
    drop(run(&arguments(&["--conda", "more-11"], "demo/again")));
    assert_eq!(layers(&context, "demo/again"), after);
}

#[test]
fn of_two_that_bring_a_file_the_last_one_counts() {
    let both = vec![
        CondaPackage::new("below", "1").file("share/both", "below").file("share/below", ""),
        CondaPackage::new("above", "1").depends("below").file("share/both", "above").file("share/above", ""),
    ];
    let context = context_with(Index::Json, &newer(both));
    let outcome = context
        .run([
            "build",
            "--base",
            super::support::BASE,
            "--conda-channel",
            "team",
            "--conda",
            "above",
            "-t",
            "demo/both",
        ])
        .success();
    assert!(
        outcome.stderr.contains("`below` and `above` both bring share/both; those of `above` count"),
        "{outcome}"
    );
    assert_eq!(text(&tree(&context, "demo/both"), "opt/conda/share/both"), "above");
}

#[test]
fn what_the_base_has_is_kept_or_replaced() {
    let context = context_with(Index::Json, &packages());
    drop(build(&context, &["--conda", "lib=1", "--conda", "pure", "-t", "demo/base"]));
    let on_base = |arguments: &[&str]| {
        let common = ["build", "--base", "demo/base", "--conda-channel", "team", "--bytecode", "none"];
        drop(context.run(common.iter().chain(arguments)).success());
    };
    // Nothing is asked for that is not there: nothing changes.
    on_base(&["--conda", "lib", "-t", "demo/same"]);
    assert_eq!(layers(&context, "demo/same"), layers(&context, "demo/base"));
    on_base(&["--conda", "tool", "-t", "demo/new"]);
    let new = tree(&context, "demo/new");
    assert_eq!(text(&new, "opt/conda/lib/liblib.so"), "lib");
    let books: Vec<&str> =
        new.keys().filter_map(|path| path.strip_prefix("opt/conda/conda-meta/lib-")).collect();
    assert_eq!(books, ["2.1-0.json"]);
    let history = text(&new, "opt/conda/conda-meta/history");
    assert!(
        history.contains("-team/") && history.contains("::lib-1.0-0\n") && history.contains("::lib-2.1-0\n"),
        "{history}"
    );
    assert_eq!(history.matches("==>").count(), 2);
    assert!(new.contains_key("opt/conda/lib/python3.13/site-packages/pure.py"));
    // Python packages that come later find the Python that is there.
    let mut more = fill(&context, "more", Index::Json, &[]);
    let late = CondaPackage::new("late", "1").noarch("python").file("site-packages/late.py", "");
    more.add(&late, Format::Conda).unwrap();
    on_base(&["--conda", "more::late", "-t", "demo/late"]);
    assert!(tree(&context, "demo/late").contains_key("opt/conda/lib/python3.13/site-packages/late.py"));
}

#[test]
fn what_cannot_be_trusted_is_refused() {
    let context = context_with(Index::Json, &[]);
    let mut channel = fill(&context, "team", Index::Json, &[]);
    let evil = |name: &str| CondaPackage::new(name, "1");
    channel.add(&evil("leaves").file("../../etc/passwd", "x"), Format::Conda).unwrap();
    channel.add(&evil("links").symlink("lib/x", "/etc/passwd"), Format::TarBz2).unwrap();
    channel.add(&evil("scripts").program("bin/.scripts-post-link.sh", "#!/bin/sh\n"), Format::Conda).unwrap();
    channel.add(&evil("pure").noarch("python").file("site-packages/x.py", ""), Format::Conda).unwrap();
    let honest = evil("other").file("a", "b");
    let bytes = honest.bytes(Format::Conda).unwrap();
    channel
        .add_as(&evil("changed"), Format::Conda, b"not these bytes", evil("changed").record(&bytes))
        .unwrap();
    channel.add_as(&evil("renamed"), Format::Conda, &bytes, evil("renamed").record(&bytes)).unwrap();
    let mut unchecked = evil("unchecked").record(&bytes);
    unchecked.as_object_mut().unwrap().remove("sha256");
    channel.add_as(&evil("unchecked"), Format::Conda, &bytes, unchecked).unwrap();
    let cases = [
        ("leaves", "`leaves-1-0.conda` cannot be installed"),
        ("links", "the link `lib/x` to `/etc/passwd` leads out of the prefix"),
        ("scripts", "has the script `bin/.scripts-post-link.sh`"),
        ("pure", "no `python` is installed with it"),
        ("changed", "bytes, not"),
        ("renamed", "the file holds the package `other 1 0`, not `renamed 1 0`"),
        ("unchecked", "tells no SHA-256 of `unchecked 1 0`"),
    ];
    for (name, expected) in cases {
        let told = refused(&context, 4, &["--conda", name]);
        assert!(told.contains(expected), "{name}: {told}");
        context.assert_nothing_unfinished();
    }
    let skipping =
        "base: oci:../base:base\nconda: {packages: [scripts], channels: [team], link-scripts: skip}\n";
    context.write("spec/image.yaml", skipping);
    drop(context.run(["build", "spec", "-t", "demo/skipped"]).success());
    assert!(tree(&context, "demo/skipped").contains_key("opt/conda/bin/.scripts-post-link.sh"));
}

/// What an image says of the packages in it.
fn inventory(context: &TestContext, image: &str) -> Vec<(String, String)> {
    let shown = context.run(["image", "show", "--packages", "--json", image]).success().json();
    let package = |package: &serde_json::Value| {
        (package["kind"].as_str().unwrap().to_owned(), package["name"].as_str().unwrap().to_owned())
    };
    shown["packages"].as_array().unwrap_or_else(|| panic!("{shown}")).iter().map(package).collect()
}

#[test]
fn images_know_their_conda_packages() {
    let context = context_with(Index::Json, &packages());
    drop(build(&context, &["--conda", "tool", "-t", "demo/conda"]));
    let known = inventory(&context, "demo/conda");
    let conda = |name: &str| ("conda".to_owned(), name.to_owned());
    assert_eq!(known, [conda("lib"), conda("tool")]);
}
