//! A table of command lines that both tools are given: the same files, the same standard output, the same exit code; and
//! the differences, each with its reason. `docs/elyra.md` tells users the same.

use std::fs;

use imagewright_testkit::context::{Outcome, TestContext};

use super::{Elyra, context_with_elyra, ours, records, tree};

/// One command line of a scene, split at blanks that are not in quotes.
enum Line {
    /// Both do the same.
    Same(&'static str),
    /// Ours does something else, for a reason.
    Differs(&'static str, &'static str),
}

use Line::{Differs, Same};

const VALID: &str = r#"{"display_name": "V", "metadata": {"image_name": "a/b:1", "more": [1.0, 1e5, NaN, 12345678901234567890123]}, "schema_name": "runtime-image"}"#;

/// Files that are there before, and what is run then.
type Scene = (&'static [(&'static str, &'static str)], &'static [Line]);

const SCENES: &[Scene] = &[
    // The guide, from above to below.
    (
        &[],
        &[
            Same("list runtime-images"),
            Same(
                "create runtime-images --name 'my_image_name' --display_name 'My runtime image' --description 'My custom runtime container image' --image_name 'jdoe/my-image:1.0.0'",
            ),
            Same("list runtime-images"),
            Same(
                "update runtime-images --name my_image_name --display_name 'My runtime image' --description 'My other custom runtime container image' --image_name jdoe/my-other-image:1.0.1",
            ),
            Same("export runtime-images --directory foo"),
            Same("export runtime-images --directory foo --clean"),
            Same("remove runtime-images --name my_image_name"),
            Same("import runtime-images --directory foo/runtime-images"),
            Same("import runtime-images --directory foo/runtime-images --overwrite"),
            Same("list runtime-images --json"),
            Same("migrate runtime-images"),
        ],
    ),
    // Options of create.
    (
        &[("in.json", VALID), ("My File.json", VALID), ("bad.json", "{"), ("list.json", "[]")],
        &[
            Same(
                "create runtime-images --display_name='A b' --image_name=x --tags=a,b --pull_policy=Never --pull_secret=ab",
            ),
            Same("create runtime-images --display_name 'A b' --image_name x"),
            Same(
                "create runtime-images --display_name Ünïcödé\u{1f600} --image_name é --description '\u{7f}\u{1}\"\\'",
            ),
            Same(
                "create runtime-images --display_name tags --image_name x --tags \"['a', 1, None, True, 1.5]\"",
            ),
            Same("create runtime-images --display_name tags2 --image_name x --tags []"),
            Same("create runtime-images --display_name tags3 --image_name x --tags [a,b]"),
            Same("create runtime-images --display_name tags4 --image_name x --tags a,a"),
            Same("create runtime-images --display_name tags5 --image_name x --tags 'a, b'"),
            Same("create runtime-images --display_name p --image_name x --pull_policy Sometimes"),
            Same("create runtime-images --display_name p --image_name x --pull_secret x"),
            Same("create runtime-images --display_name p"),
            Same("create runtime-images --image_name p"),
            Same("create runtime-images --display_name= --image_name p"),
            Same("create runtime-images --display_name --image_name p"),
            Same("create runtime-images --display_name p --image_name x --more=1"),
            Same("create runtime-images --display_name p --display_name=p --image_name x"),
            Same("create runtime-images --display_name p --image_name x --name Wrong"),
            Same("create runtime-images --file in.json"),
            Same("create runtime-images --file in.json --name other --image_name b/c:2 --display_name O"),
            Same("create runtime-images --file 'My File.json'"),
            Same("create runtime-images --file missing.json"),
            Same("create runtime-images --file bad.json"),
            Same("create runtime-images --file in.json --json {}"),
            Same(
                "create runtime-images --json \"{'display_name': 'J 1', 'name': 'no', 'metadata': {'image_name': 'x', 'b': True}}\"",
            ),
            Same("create runtime-images --json \"{'display_name': 'J 2', 'image_name': 'x'}\""),
            Same("create runtime-images --json in.json"),
            Same("create runtime-images --json [1]"),
            Same("create runtime-images --schema_name runtime-image --display_name s --image_name x"),
            Differs(
                "create runtime-images --display_name s2 --image_name x --description=",
                "an empty value counts as none; Elyra crashes",
            ),
            Differs(
                "create runtime-images --display_name s3 --image_name x --tags=",
                "an empty value counts as none; Elyra crashes",
            ),
            Differs(
                "create runtime-images --schema_name kfp --display_name s --image_name x",
                "refused with a message; Elyra crashes",
            ),
            Differs(
                "create runtime-images --display_name '!!!' --image_name x",
                "the message says that no name can be made of it",
            ),
            Differs(
                "create runtime-images --json '{\"display_name\": \"J 3\", \"metadata\": {\"image_name\": \"x\", \"b\": true}}'",
                "JSON is taken, not only Python",
            ),
            Differs("create runtime-images --file list.json", "refused with a message; Elyra crashes"),
            Differs("create runtime-images -h", "asking for help is no error"),
            Differs(
                "create runtime-images --display_name 'comma' --image_name x --name ab,",
                "no new name ends with a comma",
            ),
            Differs(
                "create runtime-images --display_name l --image_name x --name 'ab\n'",
                "no new name ends with a line feed",
            ),
        ],
    ),
    // Updates.
    (
        &[
            ("R/u.json", VALID),
            ("R/wrong.json", r#"{"display_name": "W", "metadata": {}, "schema_name": "runtime-image"}"#),
            ("R/broken.json", "{"),
            ("in.json", VALID),
        ],
        &[
            Same("update runtime-images --name u --description d"),
            Same("update runtime-images --name u --tags []"),
            Same("update runtime-images --name u --display_name U --pull_policy Always"),
            Same("update runtime-images --name u --pull_policy Wrong"),
            Same("update runtime-images --name u --file in.json"),
            Same("update runtime-images --json \"{'display_name': 'u', 'metadata': {'x': 1}}\""),
            Same("update runtime-images --description d"),
            Same("update runtime-images --name nothing --description d"),
            Same("update runtime-images --name pandas --description mine"),
            Same("update runtime-images --name wrong --image_name x"),
            Same("update runtime-images --name broken --image_name x"),
            Same("remove runtime-images --name pandas"),
            Differs("update runtime-images --name=", "an empty value counts as none; Elyra crashes"),
            Differs(
                "update runtime-images --name wrong --image_name x --replace",
                "ours alone: it repairs the record",
            ),
        ],
    ),
    // Lists of records of all kinds.
    (
        &[
            ("R/ok.json", VALID),
            ("R/.hidden.json", VALID),
            ("R/not-a-record.txt", "x"),
            ("R/Über Name.json", VALID),
            ("R/empty.json", ""),
            ("R/bom.json", "\u{feff}{}"),
            ("R/array.json", "[]"),
            ("R/other.json", r#"{"schema_name": "kfp", "display_name": "x", "metadata": {}}"#),
            (
                "R/policy.json",
                r#"{"schema_name": "runtime-image", "display_name": "x", "metadata": {"image_name": "x", "pull_policy": 1}}"#,
            ),
            ("R/folder.json/in", "x"),
            ("R/pandas.json", "{"),
            ("R/r.json", r#"{"schema_name": "runtime-image", "display_name": "hides", "metadata": {}}"#),
        ],
        &[
            Same("list runtime-images"),
            Same("list runtime-images --json"),
            Same("list runtime-images --include-invalid"),
            Same("list runtime-images --json --include-invalid"),
            Same("export runtime-images --directory all --include-invalid"),
            Same("export runtime-images --directory valid --schema_name runtime-image"),
            Same("export runtime-images --directory x --schema_name y"),
            Same("remove runtime-images --name ok"),
            Same("remove runtime-images --name ok"),
            Same("remove runtime-images --name policy"),
            Same("remove runtime-images --name r"),
            Same("remove runtime-images --name '.hidden'"),
            Same("remove runtime-images"),
            Same("remove runtime-images --name"),
            Same("list runtime-images --json x"),
            Same("list runtime-images x"),
            Same("list nonsense"),
            Same("list"),
            Same("nonsense"),
            Differs(
                "remove runtime-images --name tensorflow_2x_py3",
                "refused with a message on standard output; Elyra crashes",
            ),
            Differs("remove runtime-images --name empty", "broken records can be removed; Elyra crashes"),
            Differs("remove runtime-images --name other", "broken records can be removed; Elyra crashes"),
            Differs(
                "remove runtime-images --name folder",
                "refused with a message on standard output; Elyra crashes",
            ),
            Differs("list runtimes", "only runtime images are managed"),
        ],
    ),
    (
        &[("R/nameless.json", r#"{"display_name": "x", "metadata": {}}"#)],
        &[
            Same("list runtime-images"),
            Same("list runtime-images --json --include-invalid"),
            Differs(
                "list runtime-images --include-invalid",
                "a record without schema is listed; Elyra crashes",
            ),
        ],
    ),
    (
        &[(
            "R/reason.json",
            r#"{"reason": "none", "schema_name": "runtime-image", "display_name": "x", "metadata": {"image_name": "a/b"}}"#,
        )],
        &[
            Differs("list runtime-images", "a valid record is not called invalid because of a key `reason`"),
            Differs(
                "list runtime-images --include-invalid",
                "a valid record is not called invalid because of a key `reason`",
            ),
        ],
    ),
    // Imports.
    (
        &[
            ("D/good.json", VALID),
            ("D/nokeys.json", "{}"),
            ("D/nodisplay.json", r#"{"schema_name": "runtime-image", "metadata": {}}"#),
            ("D/wrong.json", r#"{"schema_name": "runtime-image", "display_name": "", "metadata": {}}"#),
            ("D/Name.json", VALID),
            ("D/folder.json/in", "x"),
            ("D/sub/ignored.json", VALID),
            ("E/broken.json", "{"),
            (
                "E/good.json",
                r#"{"schema_name": "runtime-image", "display_name": "G", "metadata": {"image_name": "c/d"}}"#,
            ),
            ("F/none.txt", "x"),
        ],
        &[
            Same("import runtime-images --directory D"),
            Same("import runtime-images --directory D"),
            Same("import runtime-images --directory D --overwrite"),
            Same("import runtime-images --directory F"),
            Same("import runtime-images --directory missing"),
            Same("import runtime-images"),
            Same("export runtime-images --directory D/good.json"),
            Differs(
                "import runtime-images --directory E --overwrite",
                "a broken file is told and the others are taken; Elyra crashes",
            ),
            Differs(
                "import runtime-images --directory E --replace",
                "ours alone: it replaces, as the guide has it",
            ),
        ],
    ),
];

#[test]
#[ignore = "needs Elyra"]
fn both_tools_do_the_same() {
    let elyra = Elyra::start();
    let mut wrong = Vec::new();
    for (files, lines) in SCENES {
        let pair = [context_with_elyra(), context_with_elyra()];
        for context in &pair {
            for (path, text) in *files {
                let path = match path.strip_prefix("R/") {
                    Some(name) => records(context).join(name),
                    None => context.work().join(path),
                };
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
        }
        for line in *lines {
            let [mine, theirs] = &pair;
            let (Same(text) | Differs(text, _)) = line;
            let words = split(text);
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let seen = seen(mine, &ours(mine, &words));
            let expected = self::seen(theirs, &elyra.run(theirs, &words));
            match line {
                Same(text) if seen != expected => {
                    wrong.push(format!("{text}\n{}", difference(&seen, &expected)));
                }
                Differs(text, reason) if seen == expected => {
                    wrong.push(format!("{text}: they no longer differ, although {reason}"));
                }
                _ => (),
            }
            // What follows begins from the same.
            if matches!(line, Differs(..)) {
                copy(theirs, mine);
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// What one has and the other has not.
fn difference(ours: &Seen, elyras: &Seen) -> String {
    let (our_files, their_files): (Vec<_>, Vec<_>) = (ours.2.iter().collect(), elyras.2.iter().collect());
    let only = |some: &[&(String, u32, String)], others: &[&(String, u32, String)]| {
        some.iter()
            .filter(|file| !others.contains(file))
            .map(|file| format!("{file:?}"))
            .collect::<Vec<_>>()
            .join("\n")
    };
    format!(
        "ours: {:?} {}\n{}\nElyra's: {:?} {}\n{}",
        ours.0,
        ours.1,
        only(&our_files, &their_files),
        elyras.0,
        elyras.1,
        only(&their_files, &our_files)
    )
}

/// What is compared of a command: exit code, standard output, files.
type Seen = (Option<i32>, String, Vec<(String, u32, String)>);

fn seen(context: &TestContext, outcome: &Outcome) -> Seen {
    let folder = context.folder().display().to_string();
    let neutral = |text: &str| text.replace(&folder, "[FOLDER]");
    let files = [records(context), context.work()].iter().flat_map(|folder| tree(folder)).collect::<Vec<_>>();
    let files = files.into_iter().map(|(path, (mode, content))| (path, mode, neutral(&content))).collect();
    (outcome.code, comparable(&neutral(&outcome.stdout)), files)
}

/// Help is each tool's own, lists of commands too; arrays of JSON come in the order of the file system.
fn comparable(stdout: &str) -> String {
    if stdout.starts_with("ERROR: ") {
        return stdout.lines().next().unwrap_or_default().to_owned();
    }
    if let Some((sentence, _)) = stdout.split_once("  One of: ") {
        return sentence.to_owned();
    }
    if stdout.starts_with('[') {
        let mut objects: Vec<&str> = stdout.trim().trim_matches(['[', ']']).split("}, {").collect();
        objects.iter_mut().for_each(|object| *object = object.trim_matches(['{', '}', '\n']));
        objects.sort_unstable();
        return objects.join("\n");
    }
    stdout.to_owned()
}

fn copy(from: &TestContext, to: &TestContext) {
    for (source, target) in [(records(from), records(to)), (from.work(), to.work())] {
        fs::remove_dir_all(&target).ok();
        let copied =
            std::process::Command::new("cp").arg("--archive").args([&source, &target]).status().unwrap();
        assert!(copied.success());
    }
}

/// Splits a line into words, at blanks outside of quotes.
fn split(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut is_word) = (Vec::new(), String::new(), None, false);
    for character in line.chars() {
        match (quote, character) {
            (None, ' ') if is_word => {
                words.push(std::mem::take(&mut word));
                is_word = false;
            }
            (None, ' ') => (),
            (None, '\'' | '"') => (quote, is_word) = (Some(character), true),
            (Some(open), _) if open == character => quote = None,
            _ => {
                word.push(character);
                is_word = true;
            }
        }
    }
    words.extend(is_word.then_some(word));
    words
}
