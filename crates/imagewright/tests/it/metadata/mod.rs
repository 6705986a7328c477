//! `imagewright metadata`, by itself. How it compares with Elyra is in `needs_elyra`.

mod edit;
mod hostile;
mod images;
mod needs_registry;
mod needs_skopeo;
mod pin;
mod publish;
mod verify;
mod writers;

use std::fs;
use std::path::PathBuf;

use imagewright_testkit::context::{Outcome, TestContext};
use insta::assert_snapshot;

use crate::support::context;

/// The folder that records are written to.
fn records(context: &TestContext) -> PathBuf {
    context.home().join(".local/share/jupyter/metadata/runtime-images")
}

/// Puts a file where records lie.
fn put(context: &TestContext, file: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = records(context).join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    path
}

/// Runs a command of `metadata` on runtime images.
fn run(context: &TestContext, command: &str, words: &[&str]) -> Outcome {
    context.run([&["metadata", command, "runtime-images"], words].concat())
}

fn create(context: &TestContext, name: &str, image_name: &str, more: &[&str]) -> Outcome {
    let words = ["--name", name, "--display_name", name, "--image_name", image_name];
    run(context, "create", &[&words, more].concat())
}

#[test]
fn results_and_errors_go_to_standard_output() {
    let context = context();
    let created = create(&context, "one", "a/b:1", &[]).success();
    let path = records(&context).join("one.json");
    let expected = format!(
        "Metadata instance 'one' for schema 'runtime-image' has been written to: {}\n",
        path.display()
    );
    assert_eq!(created.stdout, expected);
    assert_eq!(created.stderr, "");
    let again = create(&context, "one", "a/b:1", &[]).exits(1);
    assert!(
        again.stdout.contains("An instance named 'one' already exists in the runtime-images schemaspace."),
        "{again}"
    );
    let unknown = run(&context, "remove", &["--name", "two"]).exits(1);
    assert_eq!(unknown.stdout, "No such instance named 'two' was found in the runtime-images schemaspace.\n");
}

#[test]
fn help_is_no_error() {
    for words in [
        &["metadata", "create", "-h"][..],
        &["metadata", "create", "runtime-images", "--name", "x", "--help"],
    ] {
        let help = context().run(words).success();
        assert!(help.stdout.contains("--image_name <REFERENCE>"), "{help}");
    }
    let help = context().run(["help", "metadata", "list"]).success();
    assert!(help.stdout.contains("--include-invalid"), "{help}");
}

#[test]
fn other_words_are_answered_as_by_elyra() {
    let cases: [(&[&str], &str); 5] = [
        (&["metadata"], "No subcommand specified.  One of: ['list', 'create',"),
        (&["metadata", "install", "runtime-images"], "Subcommand 'install' is invalid.  One of: ['list',"),
        (&["metadata", "list"], "No subcommand specified.  One of: ['runtime-images'] must be specified."),
        (
            &["metadata", "list", "x"],
            "Subcommand 'x' is invalid.  One of: ['runtime-images'] must be specified.",
        ),
        (&["metadata", "list", "runtimes"], "Schemaspace 'runtimes' is not managed here"),
    ];
    for (words, text) in cases {
        let outcome = context().run(words).exits(1);
        assert!(outcome.stdout.starts_with(text), "{outcome}");
    }
}

#[test]
fn levels_of_the_log_are_elyras() {
    let context = context();
    put(&context, "broken.json", "{");
    let has_log = |words: &[&str]| !context.run(words).success().stderr.is_empty();
    assert!(has_log(&["metadata", "list", "runtime-images"]));
    assert!(!has_log(&["metadata", "list", "runtime-images", "--log-level=CRITICAL"]));
    assert!(!has_log(&["metadata", "--log-level", "CRITICAL", "list", "runtime-images"]));
    assert!(has_log(&["--quiet", "metadata", "list", "runtime-images", "--debug"]));
}

#[test]
fn what_pipelines_refuse_is_warned_of_and_refused_when_strict() {
    let context = context();
    let created = create(&context, "one", "python:3.11", &[]).success();
    assert!(created.stderr.contains("pipelines refuse 'python:3.11'"), "{created}");
    assert!(created.stderr.contains("write 'library/python:3.11'"), "{created}");
    let refused = create(&context, "two", "a/b:1", &["--pull_policy", "Never", "--strict"]).exits(1);
    assert!(refused.stdout.contains("Kubeflow Pipelines ignore the pull policy"), "{refused}");
    assert!(!records(&context).join("two.json").exists());
    drop(create(&context, "three", "https://x/y", &["--strict"]).exits(1));
    drop(run(&context, "list", &["--strict"]).exits(1));
    drop(
        run(&context, "update", &["--name", "one", "--image_name", "library/python:3.11", "--strict"])
            .success(),
    );
    drop(run(&context, "list", &["--strict"]).success());
}

#[test]
fn updates_merge_or_replace() {
    let context = context();
    let more = ["--description", "d", "--tags", "a,b"];
    drop(create(&context, "one", "a/b:1", &more).success());
    drop(run(&context, "update", &["--name", "one", "--image_name", "a/b:2"]).success());
    let text = || fs::read_to_string(records(&context).join("one.json")).unwrap();
    assert!(text().contains("\"description\": \"d\"") && text().contains("a/b:2"), "{}", text());
    drop(run(&context, "update", &["--name", "one", "--image_name", "a/b:3", "--replace"]).success());
    assert!(!text().contains("description") && text().contains("a/b:3"), "{}", text());
}

#[test]
fn a_copy_is_named_as_the_panel_names_it() {
    let context = context();
    drop(
        run(&context, "create", &["--display_name", "My image", "--image_name", "a/b:1", "--tags", "x"])
            .success(),
    );
    for (name, copy) in [("my_image", "my_image-copy1"), ("my_image-copy1", "my_image-copy2")] {
        drop(run(&context, "duplicate", &["--name", name]).success());
        let text = fs::read_to_string(records(&context).join(format!("{copy}.json"))).unwrap();
        assert!(text.contains("\"My image-Copy") && text.contains("\"x\""), "{text}");
    }
    drop(run(&context, "duplicate", &["--name", "my_image", "--display_name", "Other"]).success());
    drop(run(&context, "duplicate", &["--name", "my_image", "--display_name", "Other"]).exits(1));
}

#[test]
fn a_record_of_another_folder_can_be_hidden_and_not_removed() {
    let context = context();
    let site = context.work().join("site/metadata/runtime-images");
    fs::create_dir_all(&site).unwrap();
    let own = context.work().join("own");
    let both = format!("{}:{}", own.display(), context.work().join("site").display());
    let context = context.env("ELYRA_METADATA_PATH", both);
    let text =
        r#"{"display_name": "Site", "metadata": {"image_name": "a/b"}, "schema_name": "runtime-image"}"#;
    fs::write(site.join("site.json"), text).unwrap();
    let refused = run(&context, "remove", &["--name", "site"]).exits(1);
    assert!(refused.stdout.contains("is not permitted!"), "{refused}");
    assert!(refused.stderr.contains("metadata hide runtime-images --name site"), "{refused}");
    drop(run(&context, "hide", &["--name", "site"]).success());
    drop(run(&context, "hide", &["--name", "site"]).exits(1));
    let listed = run(&context, "list", &[]).success();
    assert_eq!(
        (listed.stdout.as_str(), listed.stderr.as_str()),
        ("No metadata instances found for runtime-images\n", "")
    );
    let why = run(&context, "list", &["--why"]).success();
    assert!(why.stdout.contains("hidden: it hides the runtime image of this name"), "{why}");
    drop(run(&context, "unhide", &["--name", "site"]).success());
    drop(run(&context, "unhide", &["--name", "site"]).exits(1));
    assert!(run(&context, "list", &[]).success().stdout.contains("site.json"));
    // What cannot be read hides nothing, and one is told.
    fs::write(own.join("metadata/runtime-images/site.json"), "{").unwrap();
    let why = run(&context, "list", &["--why"]).success();
    assert!(why.stdout.contains("site/metadata/runtime-images/site.json' counts instead"), "{why}");
    drop(run(&context, "remove", &["--name", "site"]).success());
    // A copy of one's own goes by removing it.
    drop(run(&context, "update", &["--name", "site", "--description", "mine"]).success());
    drop(run(&context, "hide", &["--name", "site"]).exits(1));
    drop(run(&context, "remove", &["--name", "site"]).success());
    assert!(run(&context, "list", &[]).success().stdout.contains("site/metadata"));
}

#[test]
fn files_that_go_are_named_first() {
    let context = context();
    drop(create(&context, "one", "a/b", &[]).success());
    context.write("out/runtime-images/letter.txt", "Dear reader");
    let exported = run(&context, "export", &["--directory", "out", "--clean"]).success();
    assert!(exported.stderr.contains("removing 'out/runtime-images/letter.txt'"), "{exported}");
    let names: Vec<_> = fs::read_dir(context.work().join("out/runtime-images")).unwrap().collect();
    assert_eq!(names.len(), 1);
}

#[test]
fn a_record_is_shown_with_what_there_is_to_say() {
    let context = context();
    drop(create(&context, "one", "python:3.11", &["--tags", "a,b"]).success());
    put(
        &context,
        "two.json",
        r#"{"display_name": "Two", "metadata": {"image_name": ""}, "schema_name": "runtime-image"}"#,
    );
    assert_snapshot!(run(&context, "show", &["--name", "one"]));
    assert_snapshot!(run(&context, "show", &["--name", "two"]));
    let json = run(&context, "show", &["--name", "two", "--json"]).success().json();
    assert_eq!((json["name"].as_str(), json["reason"].as_str()), (Some("two"), Some("ValidationError")));
}

#[test]
fn without_a_home_there_is_no_folder() {
    let context = context();
    let mut command = context.command(["metadata", "list", "runtime-images"]);
    let outcome = Outcome::of(command.env_remove("HOME")).exits(1);
    assert!(outcome.stdout.starts_with("There is no folder for records"), "{outcome}");
}

#[test]
fn completions_know_the_options() {
    let script = context().run(["completions", "bash"]).success().stdout;
    assert!(script.contains("--pull_secret") && script.contains("IfNotPresent"));
}
