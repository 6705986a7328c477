//! Several writers at once, and what is left by writers that were killed.

use std::fs;
use std::process::{Child, Stdio};

use super::{create, put, records, run};
use crate::support::context;

const RECORD: &str =
    r#"{"display_name": "X", "metadata": {"image_name": "a/b:1"}, "schema_name": "runtime-image"}"#;

#[test]
fn changes_at_the_same_time_are_all_made() {
    const WRITERS: usize = 8;
    let context = context();
    drop(create(&context, "one", "a/b:1", &[]).success());
    let keys: Vec<String> =
        (0..WRITERS).map(|number| format!("{{'metadata': {{'key{number}': {number}}}}}")).collect();
    let start = |json: &String| -> Child {
        let mut command = context.command([
            "metadata",
            "update",
            "runtime-images",
            "--name",
            "one",
            "--json",
            json.as_str(),
        ]);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let writers: Vec<Child> = keys.iter().map(start).collect();
    for mut writer in writers {
        assert!(writer.wait().unwrap().success());
    }
    let text = fs::read_to_string(records(&context).join("one.json")).unwrap();
    for number in 0..WRITERS {
        assert!(text.contains(&format!("\"key{number}\"")), "the change of one is lost: {text}");
    }
    let names: Vec<_> =
        fs::read_dir(records(&context)).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["one.json"]);
}

#[test]
fn of_those_who_create_the_same_one_wins() {
    let context = context();
    let start = |image: &str| {
        let words = ["metadata", "create", "runtime-images", "--display_name", "one", "--image_name", image];
        context.command(words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let writers: Vec<Child> = ["a/b:1", "a/b:2", "a/b:3", "a/b:4"].into_iter().map(start).collect();
    let won =
        writers.into_iter().filter_map(|mut writer| writer.wait().unwrap().success().then_some(())).count();
    assert_eq!(won, 1);
}

#[test]
fn a_reader_puts_right_what_a_killed_writer_left() {
    let context = context();
    put(&context, ".one.json.imagewright-old", RECORD);
    put(&context, ".one.json.imagewright-new", RECORD.replace("a/b:1", "a/b:2"));
    assert!(run(&context, "list", &[]).success().stdout.contains("one.json"));
    assert_eq!(fs::read_to_string(records(&context).join("one.json")).unwrap(), RECORD);
}

#[test]
fn what_a_killed_elyra_left_is_told_and_not_touched() {
    let context = context();
    let lost = put(&context, "lost.json1732612345.123", RECORD);
    put(&context, "kept.json", RECORD);
    put(&context, "kept.json1732612345.5", RECORD);
    put(&context, "no.jsonleftover", "x");
    let listed = run(&context, "list", &[]).success();
    assert!(listed.stderr.contains("rename it to 'lost.json' to have it back"), "{listed}");
    assert!(listed.stderr.contains("was left by an update of 'kept'"), "{listed}");
    assert!(!listed.stderr.contains("leftover"), "{listed}");
    assert!(lost.exists());
}

#[test]
fn without_the_right_to_write_nothing_changes() {
    let context = context();
    // A file where the folder must be: root is stopped by this too.
    let path = context.home().join(".local/share/jupyter/metadata");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "x").unwrap();
    let refused = create(&context, "one", "a/b", &[]).exits(1);
    assert!(refused.stdout.contains("cannot be written"), "{refused}");
    drop(run(&context, "list", &[]).success());
}
