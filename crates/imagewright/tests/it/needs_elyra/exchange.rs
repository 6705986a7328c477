//! Records go to and fro between both tools and stay what they are.

use std::fs;

use super::{Elyra, context_with_elyra, ours, records, tree};

/// Records with all that a record may hold.
const RECORDS: [(&str, &str); 4] = [
    ("plain", r#"{'display_name': 'Plain', 'metadata': {'image_name': 'jdoe/my-image:1.0.0'}}"#),
    (
        "full",
        r#"{'display_name': 'Full é \U0001f600', 'metadata': {'tags': ['a', 'b c'], 'image_name': 'a/b@sha256:ee783a4c0fccc7317c150450e84579544e171dd01a3f76cf2711262aced85767', 'description': 'line\n"quoted" \\ \x7f', 'pull_policy': 'IfNotPresent', 'pull_secret': 'a.b-c'}}"#,
    ),
    (
        "more",
        r#"{'display_name': 'More', 'metadata': {'image_name': 'x', 'extra': {'b': [1, 1.0, 1e16, -1e-7, 123456789012345678901234567890, True, None], 'a': {}}, 'list': []}}"#,
    ),
    (
        "odd",
        r#"{'display_name': ' ', 'metadata': {'image_name': 'not a valid image!!', 'tags': [1, None, ['x']]}}"#,
    ),
];

#[test]
#[ignore = "needs Elyra"]
fn what_one_writes_the_other_lists_as_valid_and_equal() {
    let elyra = Elyra::start();
    let (mine, theirs) = (context_with_elyra(), context_with_elyra());
    for (name, json) in RECORDS {
        let words = ["create", "runtime-images", "--json", json, "--name", name];
        drop(ours(&mine, &words).success());
        drop(elyra.run(&theirs, &words).success());
    }
    assert_eq!(tree(&records(&mine)), tree(&records(&theirs)), "the files are the same to the byte");
    for context in [&mine, &theirs] {
        let all = ["list", "runtime-images", "--json", "--include-invalid"];
        let (ours, elyras) =
            (ours(context, &all).success().json(), elyra.run(context, &all).success().json());
        let sorted = |list: &serde_json::Value| {
            let mut list = list.as_array().unwrap().clone();
            list.sort_by_key(|record| record["name"].to_string());
            list
        };
        assert_eq!(sorted(&ours), sorted(&elyras));
        assert!(sorted(&ours).iter().all(|record| record.get("reason").is_none()), "{ours}");
    }
}

#[test]
#[ignore = "needs Elyra"]
fn what_one_exports_the_other_imports() {
    let elyra = Elyra::start();
    let (mine, theirs) = (context_with_elyra(), context_with_elyra());
    for (name, json) in RECORDS {
        drop(ours(&mine, &["create", "runtime-images", "--json", json, "--name", name]).success());
    }
    let (to, from) = (mine.work().join("to"), mine.work().join("to/runtime-images"));
    drop(ours(&mine, &["export", "runtime-images", "--directory", to.to_str().unwrap()]).success());
    let import = ["import", "runtime-images", "--directory", from.to_str().unwrap()];
    let imported = elyra.run(&theirs, &import).success();
    // Records that come with Elyra are there already.
    assert!(imported.stdout.starts_with("Imported 4 instances\n"), "{imported}");
    assert_eq!(tree(&records(&mine)), tree(&records(&theirs)));

    // And the reverse, into a third home.
    let back = theirs.work().join("back");
    drop(elyra.run(&theirs, &["export", "runtime-images", "--directory", back.to_str().unwrap()]).success());
    let third = context_with_elyra();
    let from = back.join("runtime-images");
    let imported =
        ours(&third, &["import", "runtime-images", "--directory", from.to_str().unwrap()]).success();
    assert!(imported.stdout.starts_with("Imported 4 instances\n"), "{imported}");
    assert_eq!(tree(&records(&third)), tree(&records(&mine)));
}

#[test]
#[ignore = "needs Elyra"]
fn what_is_hidden_elyra_does_not_list() {
    let elyra = Elyra::start();
    let context = context_with_elyra();
    let listed =
        |name: &str| elyra.run(&context, &["list", "runtime-images"]).success().stdout.contains(name);
    assert!(listed("pandas"));
    drop(ours(&context, &["hide", "runtime-images", "--name", "pandas"]).success());
    assert!(!listed("pandas"));
    assert!(!ours(&context, &["list", "runtime-images"]).success().stdout.contains("pandas"));
    drop(ours(&context, &["unhide", "runtime-images", "--name", "pandas"]).success());
    assert!(listed("pandas"));
    assert!(fs::read_dir(records(&context)).unwrap().next().is_none());
}
