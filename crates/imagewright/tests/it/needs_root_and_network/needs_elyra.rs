//! The real bootstrapper of Elyra in images of ours. Only its storage is a small one of this test's.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use imagewright_testkit::context::TestContext;
use imagewright_testkit::shared;
use serde_json::json;

use super::seed::{PYTHON, context};

/// The folder of Elyra's package that has the bootstrapper for Kubeflow.
fn elyra() -> PathBuf {
    let library = shared::folder().join("elyra/lib");
    let pythons = fs::read_dir(&library)
        .unwrap_or_else(|_| panic!("no Elyra in `{}`: scripts/test puts it there", library.display()));
    let folders = pythons.map(|python| python.unwrap().path().join("site-packages/elyra/kfp"));
    folders.into_iter().find(|folder| folder.join("bootstrapper.py").is_file()).unwrap()
}

/// A storage; it ends when dropped.
struct Storage {
    process: Child,
    port: u16,
}

impl Storage {
    fn start(context: &TestContext) -> Self {
        fs::create_dir_all(context.work().join("storage")).unwrap();
        let program = context.write("storage.py", include_str!("running/images/storage.py"));
        let mut process = Command::new(shared::folder().join("elyra/bin/python"))
            .arg(program)
            .current_dir(context.work().join("storage"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { process, port: line.trim().parse().unwrap() }
    }
}

impl Drop for Storage {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

#[test]
#[ignore = "needs root, network and Elyra"]
fn its_bootstrapper_runs_a_notebook_where_the_check_says_so() {
    let context = context();
    let packages =
        ["packaging", "minio", "papermill", "nbconvert", "nbformat", "jupyter_client", "ipykernel"];
    let mut words =
        vec!["build", "--base", PYTHON, "-t", "team/node:1", "--env", "ELYRA_INSTALL_PACKAGES=false"];
    packages.iter().for_each(|package| words.extend(["--pip", package]));
    drop(context.run(words).success());
    let rules = ["--rule", "node-preparation-fails", "--rule", "notebook-does-not-run"];
    let told =
        context.run([&["check", "team/node:1", "--for", "elyra", "--run"][..], &rules].concat()).success();
    assert!(told.stdout.contains("Elyra 4.1: runs"), "{told}");

    let notebook = json!({
        "nbformat": 4,
        "nbformat_minor": 4,
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        "cells": [{"cell_type": "code", "execution_count": null, "metadata": {}, "outputs": [], "source": ["print(6 * 7)"]}],
    });
    context.write("node/work.ipynb", &notebook.to_string());
    let storage = Storage::start(&context);
    let archive = context.work().join("storage/bucket/folder/work.tar.gz");
    fs::create_dir_all(archive.parent().unwrap()).unwrap();
    let packed = Command::new("tar")
        .arg("-czf")
        .arg(&archive)
        .args(["-C", "node", "work.ipynb"])
        .current_dir(context.work())
        .status();
    assert!(packed.unwrap().success());
    let line = format!(
        "mkdir -p ./jupyter-work-dir && python3 -m pip freeze > requirements-current.txt && python3 /srv/elyra/bootstrapper.py \
         --pipeline-name demo --cos-endpoint http://127.0.0.1:{} --cos-bucket bucket --cos-directory folder \
         --cos-dependencies-archive work.tar.gz --file work.ipynb",
        storage.port
    );
    let mount = format!("{}:/srv/elyra:ro", elyra().display());
    let ran = context.run([
        "image",
        "run",
        "-v",
        &mount,
        "-e",
        "AWS_ACCESS_KEY_ID=x",
        "-e",
        "AWS_SECRET_ACCESS_KEY=y",
        "team/node:1",
        "--",
        "sh",
        "-c",
        &line,
    ]);
    let ran = ran.success();
    let back = fs::read_to_string(context.work().join("storage/bucket/folder/work.ipynb"))
        .unwrap_or_else(|error| panic!("{error}: {ran}"));
    assert!(back.contains("42"), "{back}");
    assert!(context.work().join("storage/bucket/folder/work.html").is_file(), "{ran}");
    context.assert_nothing_unfinished();
}
