//! `metadata edit`: editors are shell scripts here.

use std::fs;

use imagewright_testkit::context::{Outcome, TestContext};

use super::{create, put, records, run};
use crate::support::context;

/// Surroundings in which the editor runs `script` on the file `$1`.
fn with_editor(context: TestContext, script: &str) -> TestContext {
    let path = context.write("editor.sh", script);
    context.env("EDITOR", format!("sh {}", path.display()))
}

fn edit(context: &TestContext, more: &[&str]) -> Outcome {
    run(context, "edit", &[&["--name", "one"], more].concat())
}

fn text(context: &TestContext) -> String {
    fs::read_to_string(records(context).join("one.json")).unwrap()
}

#[test]
fn what_is_right_is_saved() {
    let context = with_editor(context(), "sed -i 's|a/b:1|a/b:2|' \"$1\"\n");
    drop(create(&context, "one", "a/b:1", &[]).success());
    let edited = edit(&context, &[]).success();
    assert!(edited.stdout.contains("has been written to"), "{edited}");
    assert!(text(&context).contains("a/b:2") && !text(&context).ends_with('\n'));
    let unchanged = edit(&with_editor(context, "true\n"), &[]).success();
    assert_eq!(unchanged.stdout, "Nothing was changed.\n");
}

#[test]
fn the_editor_opens_again_on_what_was_wrong() {
    // Wrong at first, then put right.
    let script = "if grep -q '\"a/b:1\"' \"$1\"; then sed -i 's|\"a/b:1\"|5|' \"$1\"; else sed -i 's|: 5|: \"a/b:3\"|' \"$1\"; fi\n";
    let context = with_editor(context(), script);
    drop(create(&context, "one", "a/b:1", &[]).success());
    let edited = edit(&context, &[]).success();
    assert!(edited.stderr.contains("5 is not of type 'string'"), "{edited}");
    assert!(text(&context).contains("a/b:3"));
}

#[test]
fn a_text_that_stays_wrong_is_kept_to_go_on_with() {
    let context = with_editor(context(), "sed -i 's|\"a/b:1\"|5|' \"$1\"\n");
    drop(create(&context, "one", "a/b:1", &[]).success());
    let before = text(&context);
    let failed = edit(&context, &[]).exits(1);
    assert_eq!(text(&context), before);
    let (_, kept) = failed.stderr.trim_end().rsplit_once("--file ").unwrap();
    let context = with_editor(context, "sed -i 's|: 5|: \"a/b:4\"|' \"$1\"\n");
    drop(edit(&context, &["--file", kept]).success());
    assert!(text(&context).contains("a/b:4"));
}

#[test]
fn a_broken_file_can_be_edited() {
    let context = with_editor(
        context(),
        "printf '%s' '{\"display_name\": \"X\", \"metadata\": {\"image_name\": \"a/b\"}, \"schema_name\": \"runtime-image\"}' >\"$1\"\n",
    );
    put(&context, "one.json", "{ broken");
    drop(edit(&context, &[]).success());
    assert!(text(&context).contains("\"image_name\": \"a/b\""));
}

#[test]
fn changes_of_others_meanwhile_are_not_lost() {
    let context = context();
    let file = records(&context).join("one.json");
    let script = format!("sed -i 's|a/b:1|a/b:2|' \"$1\"; sed -i 's|a/b:1|other:1|' '{}'\n", file.display());
    let context = with_editor(context, &script);
    drop(create(&context, "one", "a/b:1", &[]).success());
    let failed = edit(&context, &[]).exits(1);
    assert!(failed.stdout.contains("was changed by another program in the meantime"), "{failed}");
    assert!(failed.stderr.contains("your text is kept"), "{failed}");
    assert!(text(&context).contains("other:1"));
}

#[test]
fn an_editor_that_fails_changes_nothing() {
    let context = with_editor(context(), "sed -i 's|a/b:1|a/b:2|' \"$1\"; exit 3\n");
    drop(create(&context, "one", "a/b:1", &[]).success());
    drop(edit(&context, &[]).exits(1));
    assert!(text(&context).contains("a/b:1"));
}
