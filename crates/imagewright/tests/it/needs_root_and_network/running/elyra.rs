//! Nodes of Elyra pipelines: the very lines of its container command, and a notebook by papermill.

use super::super::seed::{PYTHON, context};
use super::{build, finds, run};

const RULES: [&str; 2] = ["node-preparation-fails", "notebook-does-not-run"];

#[test]
#[ignore = "needs root and network"]
fn an_image_that_fails_is_mended_and_runs_a_notebook() {
    let context = context();
    let without =
        ["reference-not-in-registry", "reference-needs-secret", "runs-as-root", "service-not-started"];
    let mut words = vec!["check", PYTHON, "--for", "elyra"];
    without.iter().for_each(|rule| words.extend(["--ignore", rule]));
    drop(context.run(words.clone()).exits(1));
    let found = run(&context, PYTHON, "elyra", &RULES);
    finds(&found, RULES[0], "error", "`python3 -m pip install packaging` fails");
    drop(context.run([&words[..], &["--fix", "-t", "team/mended:1"]].concat()).success());
    words[1] = "team/mended:1";
    let told = context.run([&words[..], &["--run", "--json"]].concat()).success().json();
    let report = &told["profiles"][0];
    assert!(report["verdict"] == "runs" || report["verdict"] == "runs-with-doubts", "{report:#}");
    assert_eq!(report["unanswered"].as_array().map_or(0, Vec::len), 0, "{report:#}");
    context.assert_nothing_unfinished();
}

#[test]
#[ignore = "needs root and network"]
fn a_kernel_that_dies_and_an_r_that_does_not_start_are_found() {
    let context = context();
    let packages =
        ["packaging", "minio", "papermill", "nbconvert", "nbformat", "jupyter_client", "ipykernel"];
    let mut words = vec!["build", "--base", PYTHON, "-t", "team/node:1"];
    packages.iter().for_each(|package| words.extend(["--pip", package]));
    drop(context.run(words).success());
    let quiet = "FROM team/node:1\nENV ELYRA_INSTALL_PACKAGES=false\nWORKDIR /srv/work\n";
    build(&context, "team/quiet:1", quiet, &[]);
    assert_eq!(run(&context, "team/quiet:1", "elyra", &RULES), Default::default());
    // A site without an index: all of it is in the image.
    context.write("ours.toml", "name = \"ours\"\nextends = \"elyra\"\nnetwork = false\n");
    assert_eq!(run(&context, "team/quiet:1", "./ours.toml", &RULES), Default::default());
    build(&context, "team/asks:1", "FROM team/node:1\nWORKDIR /srv/work\n", &[]);
    finds(
        &run(&context, "team/asks:1", "./ours.toml", &RULES),
        RULES[0],
        "error",
        "cannot be installed and loaded",
    );
    let dies = "FROM team/quiet:1\nENV PYTHONPATH=/srv/broken\nCOPY ipykernel_launcher.py /srv/broken/\n";
    build(
        &context,
        "team/dies:1",
        dies,
        &[("ipykernel_launcher.py", "raise SystemExit('no kernel today')\n")],
    );
    finds(
        &run(&context, "team/dies:1", "elyra", &RULES),
        RULES[1],
        "error",
        "papermill does not run a notebook",
    );
    let r = |script: &str| {
        format!(
            "FROM {PYTHON}\nRUN printf '#!/bin/sh\\n{script}\\n' > /usr/local/bin/Rscript && chmod 755 /usr/local/bin/Rscript\n"
        )
    };
    let rule = "r-script-does-not-run";
    build(&context, "team/r:1", &r("echo works: 42"), &[]);
    assert_eq!(run(&context, "team/r:1", "elyra", &[rule]), Default::default());
    build(&context, "team/no-r:1", &r("echo no R >&2; exit 2"), &[]);
    finds(
        &run(&context, "team/no-r:1", "elyra", &[rule]),
        rule,
        "error",
        "it ended with 2, and last said `no R`",
    );
}
