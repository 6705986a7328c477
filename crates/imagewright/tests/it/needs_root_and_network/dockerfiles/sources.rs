//! Where files and keys come from: repositories, folders, agents.

use std::fs;
use std::path::Path;
use std::process::{Child, Command};

use imagewright_testkit::context::{Outcome, TestContext};
use imagewright_testkit::http::HttpServer;
use imagewright_testkit::processes::wait_until;

use super::super::seed::BASE;
use super::{PYTHON, context, run_in};

/// git, told of nothing but what is in a folder; gives what it prints.
fn git(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).args(arguments).env("HOME", folder);
    for (name, value) in
        [("GIT_AUTHOR_NAME", "a"), ("GIT_AUTHOR_EMAIL", "a@example"), ("GIT_COMMITTER_NAME", "a")]
    {
        command.env(name, value);
    }
    command.env("GIT_COMMITTER_EMAIL", "a@example").env("GIT_CONFIG_NOSYSTEM", "1");
    Outcome::of(&mut command).success().stdout.trim().to_owned()
}

/// A repository that is served: the working tree, and what to call when it has changed.
fn publish(work: &Path, served: &Path) {
    drop(fs::remove_dir_all(served.join("team/tool.git")));
    fs::create_dir_all(served.join("team")).unwrap();
    git(served, &["clone", "--quiet", "--bare", work.to_str().unwrap(), "team/tool.git"]);
    git(&served.join("team/tool.git"), &["update-server-info"]);
}

fn commit(context: &TestContext, file: &str, text: &str) -> String {
    context.write(&format!("tree/{file}"), text);
    let work = context.work().join("tree");
    if !work.join(".git").exists() {
        git(&work, &["init", "--quiet", "--initial-branch=main"]);
    }
    git(&work, &["add", "."]);
    git(&work, &["commit", "--quiet", "--message", text]);
    git(&work, &["rev-parse", "HEAD"])
}

#[test]
#[ignore = "needs root and network"]
fn repositories_are_taken_at_a_branch_a_tag_or_a_commit() {
    let context = context();
    let (work, served) = (context.work().join("tree"), context.work().join("served"));
    let first = commit(&context, "docs/page", "one");
    git(&work, &["tag", "--annotate", "--message", "first", "v1"]);
    let second = commit(&context, "docs/page", "two");
    publish(&work, &served);
    let server = HttpServer::serve(&served).unwrap();
    let url = format!("{}/team/tool.git", server.url());
    let build = |line: &str| {
        context.write("image/Dockerfile", &format!("FROM {PYTHON}\n{line}\n"));
        context.run(["build", "image", "-t", "git:1"])
    };
    let shows = |line: &str, script: &str| {
        drop(build(line).success());
        run_in(&context, "git:1", script).trim().to_owned()
    };
    let page = "cat /tool/docs/page; ls -A /tool";
    assert_eq!(shows(&format!("ADD {url} /tool"), page), "twodocs");
    assert_eq!(shows(&format!("ADD {url}#v1 /tool"), page), "onedocs");
    assert_eq!(shows(&format!("ADD {url}#{first} /tool/"), page), "onedocs");
    let folder = format!("ADD --chown=5:6 {url}#main:docs /tool");
    assert_eq!(shows(&folder, "cat /tool/page; stat -c %u:%g /tool/page"), "two5:6");
    let kept = format!("ADD --keep-git-dir --checksum={} {url} /tool", &second[..10]);
    assert_eq!(shows(&kept, "ls -A /tool | tr '\\n' ' '"), ".git docs");
    let wrong = build(&format!("ADD --checksum={first} {url} /tool")).exits(4);
    let told = format!("Dockerfile:2: `{url}` is at commit {second}, not at {first}");
    assert!(wrong.stderr.contains(&told), "{wrong}");
    let absent = build(&format!("ADD {url}#no-such /tool")).exits(3);
    assert!(absent.stderr.contains(&format!("`{url}` has no `no-such`")), "{absent}");

    // What is known by its commit needs nobody; a branch is looked at again.
    commit(&context, "docs/page", "three");
    publish(&work, &served);
    assert_eq!(shows(&format!("ADD {url} /tool"), page), "threedocs");
    let asked = server.requests().len();
    assert_eq!(shows(&format!("ADD {url}#{first} /tool/"), page), "onedocs");
    assert_eq!(server.requests().len(), asked);
    let offline = ["build", "image", "-t", "git:2", "--offline"];
    drop(context.run(offline).success());
}

#[test]
#[ignore = "needs root and network"]
fn a_repository_may_be_the_context() {
    let context = context();
    let (work, served) = (context.work().join("tree"), context.work().join("served"));
    context.write("tree/images/tool/Dockerfile", &format!("FROM {PYTHON}\nCOPY file /\n"));
    commit(&context, "images/tool/file", "from the repository");
    publish(&work, &served);
    let server = HttpServer::serve(&served).unwrap();
    let url = format!("{}/team/tool.git#main:images/tool", server.url());
    drop(context.run(["build", &url, "-t", "remote:1"]).success());
    assert_eq!(run_in(&context, "remote:1", "cat /file"), "from the repository");
    let absent = format!("{}/team/tool.git#no-such", server.url());
    let outcome = context.run(["build", &absent]).exits(3);
    assert!(outcome.stderr.contains("has no `no-such`"), "{outcome}");
}

#[test]
#[ignore = "needs root and network"]
fn a_stage_may_begin_with_a_folder() {
    let context = context();
    // The files of an image, as whoever has a root of their own would have them.
    let root = context.work().join("root");
    fs::create_dir(&root).unwrap();
    let shown = context.run(["image", "show", BASE, "--json"]).success().json();
    for layer in shown["manifest"]["layers"].as_array().unwrap() {
        let hex = layer["digest"].as_str().unwrap().trim_start_matches("sha256:");
        let blob = context.root().join("blobs/sha256").join(hex);
        drop(Outcome::of(Command::new("tar").arg("-xpf").arg(blob).arg("-C").arg(&root)).success());
    }
    context.write("root/own", "mine");
    context.write("image/Dockerfile", "FROM files\nRUN cp /own /copied\n");
    let command = ["build", "image", "-t", "folder:1", "--build-context", "files=root", "--json"];
    let first = context.run(command).success().json();
    assert_eq!(run_in(&context, "folder:1", "cat /copied"), "mine");
    assert_eq!(context.run(command).success().json()["digest"], first["digest"]);
}

/// A real agent with one key; it ends with this.
struct Agent {
    process: Child,
    socket: String,
}

impl Agent {
    fn start(context: &TestContext) -> Self {
        let socket = context.work().join("agent").to_str().unwrap().to_owned();
        let process = Command::new("ssh-agent").args(["-D", "-a", &socket]).spawn().unwrap();
        wait_until("the agent answers", || Path::new(&socket).exists());
        let key = context.work().join("key");
        let make = ["-q", "-t", "ed25519", "-N", "", "-f", key.to_str().unwrap()];
        drop(Outcome::of(Command::new("ssh-keygen").args(make)).success());
        drop(
            Outcome::of(Command::new("ssh-add").arg("-q").arg(&key).env("SSH_AUTH_SOCK", &socket)).success(),
        );
        Self { process, socket }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

#[test]
#[ignore = "needs root and network"]
fn an_agent_answers_inside_and_its_keys_stay_outside() {
    let context = context();
    let agent = Agent::start(&context);
    // Asks for the list of keys, and prints how many there are.
    let ask = "import os, socket; s = socket.socket(socket.AF_UNIX); s.connect(os.environ['SSH_AUTH_SOCK']); \
               s.sendall(b'\\0\\0\\0\\1\\x0b'); print(list(s.recv(9)[4:]))";
    context.write("image/ask.py", ask);
    let text = format!(
        "FROM {PYTHON}\nCOPY ask.py /\nRUN --mount=type=ssh python3 /ask.py > /root-saw\n\
         USER 1234\nRUN --mount=type=ssh,id=other,uid=1234,required,target=/tmp/socket python3 /ask.py > /tmp/user-saw\n"
    );
    context.write("image/Dockerfile", &text);
    let other = format!("other={}", agent.socket);
    let context = context.env("SSH_AUTH_SOCK", &agent.socket);
    drop(context.run(["build", "image", "-t", "ssh:1", "--ssh", "default", "--ssh", &other]).success());
    let seen = run_in(
        &context,
        "ssh:1",
        "cat /root-saw /tmp/user-saw; ls -A /run/buildkit /tmp/socket 2>&1 | wc -l",
    );
    assert_eq!(seen, "[12, 0, 0, 0, 1]\n[12, 0, 0, 0, 1]\n2\n");
    let key = context.work().join("key");
    let named = format!("default={}", key.display());
    let outcome = context.run(["build", "image", "--ssh", &named]).exits(2);
    assert!(outcome.stderr.contains("hint: give a key to an agent with `ssh-add KEY`"), "{outcome}");
}
