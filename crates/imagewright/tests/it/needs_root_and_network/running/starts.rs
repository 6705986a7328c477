//! Whether anything starts at all.

use super::super::seed::{PYTHON, context};
use super::{build, finds, run};

#[test]
#[ignore = "needs root and network"]
fn shells_and_pythons_start_for_whoever_runs_them() {
    let context = context();
    let rules = ["shell-does-not-start", "python-does-not-start"];
    assert_eq!(run(&context, PYTHON, "elyra", &rules), Default::default());
    let dockerfile = format!(
        "FROM {PYTHON}\nRUN chmod 700 \"$(readlink -f /usr/bin/python3)\" \"$(readlink -f /bin/sh)\"\n"
    );
    build(&context, "team/root:1", &dockerfile, &[]);
    let found = run(&context, "team/root:1", "elyra", &rules);
    finds(&found, "shell-does-not-start", "error", "as a user id that a platform makes up");
    finds(&found, "python-does-not-start", "error", "as a user id that a platform makes up");
    build(&context, "team/home:1", &format!("FROM {PYTHON}\nENV PYTHONHOME=/nowhere\n"), &[]);
    let found = run(&context, "team/home:1", "elyra", &rules);
    finds(&found, "python-does-not-start", "error", "it ended with 1");
    context.assert_nothing_unfinished();
}

#[test]
#[ignore = "needs root and network"]
fn what_an_image_starts_goes_on() {
    let context = context();
    let rules = ["default-command-ends"];
    for (name, command, expected) in [
        ("team/stays:1", "CMD [\"sleep\", \"1000\"]", None),
        (
            "team/ends:1",
            "CMD echo out of here >&2; exit 3",
            Some("it ended with 3, and last said `out of here`"),
        ),
        ("team/absent:1", "CMD [\"/opt/no-such-server\"]", Some("could not start `/opt/no-such-server`")),
        ("team/stranger:1", "USER nobody-here\nCMD [\"sleep\", \"9\"]", Some("`nobody-here`")),
        ("team/nothing:1", "CMD []\nENTRYPOINT []", Some("starts nothing")),
    ] {
        build(&context, name, &format!("FROM {PYTHON}\n{command}\n"), &[]);
        let found = run(&context, name, "docker-stacks", &rules);
        match expected {
            Some(expected) => finds(&found, rules[0], "error", expected),
            None => assert_eq!(found, Default::default()),
        }
    }
}

#[test]
#[ignore = "needs root and network"]
fn nothing_of_an_image_is_run_unasked() {
    let context = context();
    build(&context, "team/ends:1", &format!("FROM {PYTHON}\nCMD [\"true\"]\n"), &[]);
    let words =
        ["check", "team/ends:1", "--for", "docker-stacks", "--rule", "default-command-ends", "--json"];
    let told = context.run(words).success().json();
    let report = &told["profiles"][0];
    assert_eq!((&report["rules"], &report["not_run"]), (&0.into(), &1.into()));
    let refused = context.run(["check", "team/ends:1", "--run"]).exits(2);
    assert!(refused.stderr.contains("--for"), "{refused}");
}
