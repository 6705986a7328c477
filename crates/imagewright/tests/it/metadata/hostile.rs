//! Files that anybody may have left there: each class of error, none hides another record, all can be removed or repaired.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use insta::assert_snapshot;

use super::{put, records, run};
use crate::support::context;

const GOOD: &str =
    r#"{"display_name": "Good", "metadata": {"image_name": "a/b:1"}, "schema_name": "runtime-image"}"#;

/// Name, content, class as Elyra calls it, field, and part of the reason.
const WRONG: [(&str, &[u8], &str, &str, &str); 14] = [
    ("empty", b"", "ValueError", "", "Expecting value: line 1 column 1 (char 0)"),
    ("bom", b"\xef\xbb\xbf{}", "ValueError", "", "Unexpected UTF-8 BOM"),
    ("latin", b"{\"display_name\": \"\xe9\"}", "ValueError", "", "invalid continuation byte"),
    ("utf16", b"\xff\xfe{\0}\0", "ValueError", "", "invalid start byte"),
    ("half", b"{\"display_name\": \"\\ud800\"}", "ValueError", "", "half of a surrogate pair"),
    ("array", b"[]", "TypeError", "", "holds a list where an object must be"),
    ("number", b"1", "TypeError", "", "holds a int where an object must be"),
    ("noschema", b"{\"display_name\": \"x\", \"metadata\": {}}", "ValueError", "schema_name", "it is missing"),
    ("other", b"{\"schema_name\": \"kfp\"}", "SchemaNotFoundError", "schema_name", "'kfp' is not 'runtime-image'"),
    ("nodisplay", b"{\"schema_name\": \"runtime-image\"}", "ValidationError", "display_name", "None is not of type 'string'"),
    ("noimage", b"{\"schema_name\": \"runtime-image\", \"display_name\": \"x\"}", "ValidationError", "metadata.image_name", "required property"),
    ("tags", b"{\"schema_name\": \"runtime-image\", \"display_name\": \"x\", \"metadata\": {\"image_name\": \"x\", \"tags\": [1, \" x\"]}}", "ValidationError", "metadata.tags[1]", "does not match"),
    ("policy", b"{\"schema_name\": \"runtime-image\", \"display_name\": \"x\", \"metadata\": {\"image_name\": \"x\", \"pull_policy\": \"X\"}}", "ValidationError", "metadata.pull_policy", "is not one of"),
    ("nan", b"{\"schema_name\": \"runtime-image\", \"display_name\": NaN, \"metadata\": {}}", "ValidationError", "display_name", "nan is not of type 'string'"),
];

#[test]
fn each_class_of_error_is_told_with_file_field_and_reason() {
    let context = context();
    put(&context, "good.json", GOOD);
    for (name, content, ..) in WRONG {
        put(&context, &format!("{name}.json"), content);
    }
    let listed = run(&context, "list", &[]).success();
    assert_eq!(listed.stdout.lines().count(), 5, "only the good one is listed: {listed}");
    let mut all = run(&context, "list", &["--json", "--why"]).success();
    // As Python writes it; not JSON to others.
    all.stdout = all.stdout.replace(": NaN", ": null");
    let all = all.json();
    for (name, _, class, field, message) in WRONG {
        let record = all.as_array().unwrap().iter().find(|record| record["name"] == name);
        let record = record.unwrap_or_else(|| panic!("{name} is not listed"));
        assert_eq!(record["reason"], class, "{name}");
        assert!(record["resource"].as_str().unwrap().ends_with(&format!("/{name}.json")), "{record}");
        let why = &record["why"][0];
        assert_eq!((why["kind"].as_str(), why["field"].as_str()), (Some("invalid"), Some(field)), "{name}");
        assert!(why["message"].as_str().unwrap().contains(message), "{why}");
    }
    for (name, ..) in WRONG {
        drop(run(&context, "remove", &["--name", name]).success());
        assert!(!records(&context).join(format!("{name}.json")).exists());
    }
}

#[test]
fn the_table_of_reasons_is_readable() {
    let context = context();
    put(&context, "good.json", GOOD);
    put(&context, "twin.json", GOOD);
    put(&context, "broken.json", "{");
    put(&context, "tags.json", WRONG[11].1);
    let listed = run(&context, "list", &["--why"]).success();
    // Columns are as wide as the folder's name is long.
    let lines = listed.stdout.lines().map(|line| {
        let indent = if line.starts_with(' ') { "    " } else { "" };
        format!("{indent}{}\n", line.split_whitespace().collect::<Vec<_>>().join(" "))
    });
    assert_snapshot!(lines.collect::<String>());
}

#[test]
fn what_is_no_file_is_told_and_harms_nobody() {
    let context = context();
    put(&context, "good.json", GOOD);
    put(&context, "folder.json/in", "x");
    fs::create_dir(records(&context).join("hollow.json")).unwrap();
    symlink("nowhere", records(&context).join("dangling.json")).unwrap();
    symlink("loop.json", records(&context).join("loop.json")).unwrap();
    symlink("good.json", records(&context).join("link.json")).unwrap();
    symlink("/dev/zero", records(&context).join("zero.json")).unwrap();
    assert!(Command::new("mkfifo").arg(records(&context).join("pipe.json")).status().unwrap().success());
    let all = run(&context, "list", &["--json", "--include-invalid"]).success().json();
    let reason = |name: &str| {
        let record = all.as_array().unwrap().iter().find(|record| record["name"] == name).unwrap();
        record["reason"].as_str().map(str::to_owned)
    };
    assert_eq!(reason("folder").as_deref(), Some("IsADirectoryError"));
    assert_eq!(reason("dangling").as_deref(), Some("FileNotFoundError"));
    for name in ["loop", "zero", "pipe"] {
        assert_eq!(reason(name).as_deref(), Some("OSError"), "{name}");
    }
    assert_eq!(reason("link"), None);
    // Folders go where nothing is in them; links go, and what they point to stays.
    drop(run(&context, "remove", &["--name", "folder"]).exits(1));
    for name in ["hollow", "dangling", "loop", "zero", "pipe", "link"] {
        drop(run(&context, "remove", &["--name", name]).success());
    }
    assert!(records(&context).join("folder.json/in").exists());
    assert_eq!(fs::read_to_string(records(&context).join("good.json")).unwrap(), GOOD);
}

#[test]
fn huge_and_deep_files_end() {
    let context = context();
    put(&context, "good.json", GOOD);
    put(&context, "deep.json", "[".repeat(1 << 20));
    put(&context, "digits.json", format!("{{\"x\": {}}}", "9".repeat(1 << 20)));
    let huge = fs::File::create(put(&context, "huge.json", "")).unwrap();
    huge.set_len(1 << 40).unwrap();
    let all = run(&context, "list", &["--json", "--why"]).success().json();
    let message = |name: &str| {
        let record = all.as_array().unwrap().iter().find(|record| record["name"] == name).unwrap();
        format!("{}: {}", record["reason"].as_str().unwrap(), record["why"][0]["message"].as_str().unwrap())
    };
    assert!(message("deep").starts_with("RecursionError: maximum recursion depth exceeded"));
    assert!(message("digits").starts_with("ValueError: Exceeds the limit (4300 digits)"));
    assert_eq!(message("huge"), "ValueError: it is larger than 16 MiB");
}

#[test]
fn broken_records_are_repaired_by_replacing() {
    for (name, content, ..) in WRONG {
        let context = context();
        let path = put(&context, &format!("{name}.json"), content);
        let words = ["--name", name, "--display_name", "New", "--image_name", "a/b:2"];
        drop(run(&context, "update", &words).exits(1));
        assert_eq!(fs::read(&path).unwrap(), content, "{name}");
        drop(run(&context, "update", &[&words[..], &["--replace"]].concat()).success());
        let expected = "{\n  \"display_name\": \"New\",\n  \"metadata\": {\n    \"image_name\": \"a/b:2\"\n  },\n  \
                        \"schema_name\": \"runtime-image\"\n}";
        assert_eq!(fs::read_to_string(&path).unwrap(), expected, "{name}");
    }
}

#[test]
fn an_import_takes_what_it_can() {
    let context = context();
    context.write("in/good.json", GOOD);
    for (name, content, ..) in WRONG {
        fs::write(context.work().join(format!("in/{name}.json")), content).unwrap();
    }
    let imported = run(&context, "import", &["--directory", "in"]).success();
    assert!(
        imported.stdout.starts_with("Imported 1 instance\n14 instances could not be imported\n"),
        "{imported}"
    );
    let names: Vec<_> =
        fs::read_dir(records(&context)).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["good.json"]);
    drop(run(&context, "import", &["--directory", "in", "--strict"]).exits(1));
}
