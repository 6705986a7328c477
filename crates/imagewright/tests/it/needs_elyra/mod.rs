//! Ours held against the real Elyra: `scripts/fetch-elyra` puts it where these tests find it.

mod commands;
mod exchange;
mod pages;
mod pinned;
mod python;
mod rest;
mod server;
mod validate;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use imagewright_testkit::context::{Outcome, TestContext};
use imagewright_testkit::shared;
use serde_json::{Value, json};

use crate::support::context;

/// The virtual environment with Elyra.
fn environment() -> PathBuf {
    let folder = shared::folder().join("elyra");
    assert!(
        folder.join("bin/elyra-metadata").is_file(),
        "no Elyra in `{}`: scripts/test puts it there",
        folder.display()
    );
    folder
}

/// Surroundings in which Elyra is installed.
fn context_with_elyra() -> TestContext {
    let programs = environment().join("bin");
    context().env("PATH", format!("{}:/usr/bin:/bin", programs.display()))
}

/// The folder that records are written to.
fn records(context: &TestContext) -> PathBuf {
    context.home().join(".local/share/jupyter/metadata/runtime-images")
}

/// The real `elyra-metadata`, loaded once for many command lines.
struct Elyra {
    process: Child,
    pipes: RefCell<(ChildStdin, BufReader<ChildStdout>)>,
}

impl Elyra {
    fn start() -> Self {
        let driver = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/needs_elyra/driver.py");
        let mut process = Command::new(environment().join("bin/python"))
            .arg(driver)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let pipes = (process.stdin.take().unwrap(), BufReader::new(process.stdout.take().unwrap()));
        Self { process, pipes: RefCell::new(pipes) }
    }

    /// Runs one command line in the surroundings that ours would have.
    fn run(&self, context: &TestContext, arguments: &[&str]) -> Outcome {
        let command = context.command::<&str>([]);
        let variables =
            command.get_envs().filter_map(|(name, value)| Some((name.to_str()?, value?.to_str()?)));
        let request = json!({
            "arguments": arguments,
            "environment": variables.collect::<BTreeMap<_, _>>(),
            "folder": context.work(),
        });
        let (input, output) = &mut *self.pipes.borrow_mut();
        writeln!(input, "{request}").unwrap();
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let answer: Value = serde_json::from_str(&line).unwrap();
        let text = |key: &str| answer[key].as_str().unwrap().to_owned();
        let code = answer["code"].as_i64().and_then(|code| i32::try_from(code).ok());
        Outcome { code, stdout: text("stdout"), stderr: text("stderr") }
    }
}

impl Drop for Elyra {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// Ours with the words of `elyra-metadata`.
fn ours(context: &TestContext, arguments: &[&str]) -> Outcome {
    context.run([&["metadata"], arguments].concat())
}

/// Files below a folder: mode and content by path.
fn tree(folder: &Path) -> BTreeMap<String, (u32, String)> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).into_iter().flatten() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
            let mode = path.symlink_metadata().unwrap().permissions().mode() & 0o777;
            if path.is_dir() {
                files.insert(format!("{name}/"), (mode, String::new()));
                folders.push(path);
            } else {
                let content = String::from_utf8_lossy(&fs::read(&path).unwrap_or_default()).into_owned();
                files.insert(name, (mode, content));
            }
        }
    }
    files
}
