//! Dockerfiles, built for real. Each folder of `tests/dockerfiles` is a case: those of `buildkit` are built by us and by
//! BuildKit and compared, those of `own` ask for what Docker's front end does not have yet. A `check.sh` runs in the result.
//! Git keeps no modes but those of programs, and who checks out decides the rest, so a case is copied and its modes set: those
//! that matter stand in its `modes`.

mod answers;
mod engines;
mod flags;
mod kernel;
mod needs_buildkit;
mod sources;
mod together;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use imagewright_testkit::context::{Outcome, TestContext};
use imagewright_testkit::http::HttpServer;
use imagewright_testkit::wheels::Wheel;
use serde_json::Value;

use super::seed::{PYTHON, context, context_with_wheels};

/// A secret that must be found nowhere.
const SECRET: &str = "s3cret-word";

/// The cases of a kind by name, each in a folder below the work folder of a test.
fn cases(context: &TestContext, kind: &str) -> Vec<(String, PathBuf)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dockerfiles").join(kind);
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let mut cases: Vec<_> = entries
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            let place = context.work().join("cases").join(kind).join(&name);
            fs::create_dir_all(&place).unwrap();
            copy_case(&entry.path(), &place);
            (name, place)
        })
        .collect();
    cases.sort();
    cases
}

fn copy_case(from: &Path, to: &Path) {
    let shell = |script: &str| {
        let mut command = Command::new("sh");
        Outcome::of(command.args(["-eu", "-c", script, "sh"]).args([from, to])).success()
    };
    drop(shell("cp -RP \"$1/.\" \"$2\"; chmod -R u=rwX,go=rX \"$2\""));
    for line in fs::read_to_string(from.join("modes")).unwrap_or_default().lines() {
        let (mode, path) = line.split_once(' ').expect("a mode and a path");
        let mode = fs::Permissions::from_mode(u32::from_str_radix(mode, 8).unwrap());
        fs::set_permissions(to.join(path), mode).unwrap();
    }
}

/// The secret that all cases are given, as the flag says it.
fn secret(context: &TestContext) -> String {
    format!("id=token,src={}", context.write("secret", SECRET).display())
}

fn build(context: &TestContext, folder: &Path, name: &str) -> Value {
    let secret = secret(context);
    let arguments = ["build", folder.to_str().unwrap(), "-t", name, "--json", "--secret", &secret];
    context.run(arguments).success().json()
}

fn run_in(context: &TestContext, image: &str, script: &str) -> String {
    context.run(["image", "run", image, "--", "sh", "-c", script]).success().stdout
}

#[test]
#[ignore = "needs root and network"]
fn cases_come_to_what_they_say() {
    let context = context();
    for (name, folder) in cases(&context, "own").into_iter().chain(cases(&context, "buildkit")) {
        let Ok(check) = fs::read_to_string(folder.join("check.sh")) else { continue };
        let image = format!("corpus/{name}:1");
        let built = build(&context, &folder, &image);
        run_in(&context, &image, &check);
        assert_eq!(build(&context, &folder, &image)["digest"], built["digest"], "{name}");
    }
    let found = Outcome::of(Command::new("grep").args(["-rlF", SECRET]).arg(context.root()));
    assert_eq!(found.stdout, "", "the secret is in the store");
}

#[test]
#[ignore = "needs root and network"]
fn the_walk_through_of_the_guide() {
    let context = context_with_wheels(&[Wheel::new("alpha", "1.0")]);
    // The guide's base has pip, and lets it install where it will.
    let base = format!(
        "FROM {PYTHON}\nENV PIP_BREAK_SYSTEM_PACKAGES=1\n\
         RUN apt-get update && apt-get install -y --no-install-recommends python3-pip && rm -rf /var/lib/apt/lists/*\n"
    );
    context.write("base/Dockerfile", &base);
    drop(context.run(["build", "base", "-t", "python:3"]).success());
    let text =
        "FROM python:3\n\nCOPY requirements.txt ./\nRUN pip3 install --no-cache-dir -r requirements.txt\n";
    context.write("image/Dockerfile", text);
    context.write("image/requirements.txt", "--no-index\nalpha\n");
    let command = ["build", "-t", "my-runtime-image", "image", "--json"];
    let built = context.run(command).success().json();
    assert_eq!(built["unchanged"], false);
    let check = "python3 -c 'import alpha; print(alpha.VERSION)'; env | grep -c PIP_";
    assert_eq!(run_in(&context, "my-runtime-image", check), "1.0\n1\n", "the machine leaves no trace");
    let again = context.run(command).success().json();
    assert_eq!((&again["unchanged"], &again["digest"]), (&Value::Bool(true), &built["digest"]));
}

#[test]
#[ignore = "needs root and network"]
fn steps_are_cached_by_content_and_not_by_time() {
    let context = context();
    let text = format!(
        "FROM {PYTHON}\nARG USED=1\nRUN echo first >> /log\nCOPY data /data\nARG LATE\nRUN echo $LATE >> /log; date +%N >> /log\n"
    );
    context.write("image/Dockerfile", &text);
    let data = context.write("image/data", "one");
    let log = |arguments: &[&str]| {
        let arguments = ["build", "image", "-t", "cached:1"].iter().chain(arguments);
        drop(context.run(arguments).success());
        run_in(&context, "cached:1", "cat /log")
    };
    let first = log(&[]);
    let later = fs::FileTimes::new().set_modified(std::time::SystemTime::now());
    fs::File::options().append(true).open(&data).unwrap().set_times(later).unwrap();
    assert_eq!(log(&[]), first, "a time changes nothing");
    assert_eq!(log(&["--label", "a=b"]), first, "nor does a label");
    context.write("image/unrelated", "x");
    assert_eq!(log(&[]), first, "nor a file that is not copied");
    assert_ne!(log(&["--build-arg", "LATE=x"]), first, "a value that is seen does");
    assert_ne!(log(&["--build-arg", "USED=2"]), first);
    fs::write(&data, "two").unwrap();
    assert_ne!(log(&[]), first, "contents do");
    fs::write(&data, "one").unwrap();
    assert_eq!(log(&[]), first, "and what was there before is found again");
    assert_ne!(log(&["--no-cache"]), first);
}

#[test]
#[ignore = "needs root and network"]
fn what_goes_wrong_names_its_line() {
    let context = context();
    context.write("image/there", "x");
    context.write("image/left-out", "x");
    context.write("image/.dockerignore", "left-out");
    for (text, code, expected) in [
        ("RUN echo before && exit 7", 1, "Dockerfile:2: the command exited with code 7\nbefore"),
        ("COPY absent /", 3, "Dockerfile:2: there is no `/absent` in the build context"),
        ("COPY left-out /", 3, "hint: the .dockerignore leaves it out: take it in again with a line `!PATH`"),
        (
            "COPY --from=test/python:1 /absent /",
            3,
            "there is no `/absent` in the stage or image it comes from",
        ),
        ("COPY there /usr", 0, ""),
        ("COPY --chown=nobody-here there /x", 3, "the image has no user `nobody-here`"),
        (
            "RUN mkdir /x && touch /x/there\nCOPY . /x/there",
            4,
            "`/x/there` is a file in the image, and a folder is copied there",
        ),
        ("RUN --mount=type=secret,id=no,required x", 3, "Dockerfile:2: the secret `no` was not given"),
        ("RUN --mount=type=ssh,required x", 3, "Dockerfile:2: the SSH agent `default` was not given"),
        ("USER no-such\nRUN true", 3, "the image has no user `no-such`"),
    ] {
        context.write("image/Dockerfile", &format!("FROM {PYTHON}\n{text}\n"));
        let outcome = context.run(["build", "image"]).exits(code);
        assert!(outcome.stderr.contains(expected), "{text}\n{outcome}");
    }
    let secret = ["build", "image", "--secret", "id=token,env=TOKEN"];
    let leaky = "RUN --mount=type=secret,id=token cat /run/secrets/token; exit 1";
    context.write("image/Dockerfile", &format!("FROM {PYTHON}\n{leaky}\n"));
    let context = context.env("TOKEN", SECRET);
    let outcome = context.run(secret).exits(1);
    assert!(outcome.stderr.contains("****") && !outcome.stderr.contains(SECRET), "{outcome}");
}

#[test]
#[ignore = "needs root and network"]
fn names_stand_for_folders_and_images() {
    let context = context();
    let text = "FROM base\nCOPY --from=files a /copied\nRUN --mount=from=files,target=/f cp /f/a /mounted\n";
    context.write("image/Dockerfile", text);
    context.write("files/a", "one");
    context.write("files/.dockerignore", "left-out");
    let base = format!("base=docker-image://{PYTHON}");
    let command =
        ["build", "image", "-t", "named:1", "--build-context", &base, "--build-context", "files=files"];
    let shown = || {
        drop(context.run(command).success());
        run_in(&context, "named:1", "cat /copied /mounted")
    };
    assert_eq!(shown(), "oneone");
    context.write("files/a", "two");
    assert_eq!(shown(), "twotwo", "their contents count");
}

#[test]
#[ignore = "needs root and network"]
fn what_is_fetched_is_held_against_its_digest() {
    let context = context();
    context.write("served/tool.sh", "#!/bin/sh\n");
    let server = HttpServer::serve(&context.work().join("served")).unwrap();
    let url = format!("{}/tool.sh", server.url());
    let digest = imagewright_oci::Digest::of(b"#!/bin/sh\n");
    let with = |flags: &str| {
        context.write("image/Dockerfile", &format!("FROM {PYTHON}\nADD {flags} {url} /tools/\n"));
        context.run(["build", "image", "-t", "fetched:1"])
    };
    drop(with("").success());
    let shown = "stat -c %a:%u:%n /tools/*; cat /tools/*";
    assert_eq!(run_in(&context, "fetched:1", shown), "600:0:/tools/tool.sh\n#!/bin/sh\n");
    drop(with(&format!("--checksum={digest} --chmod=755")).success());
    let wrong = imagewright_oci::Digest::of(b"other");
    let outcome = with(&format!("--checksum={wrong}")).exits(4);
    assert!(outcome.stderr.contains(&digest.to_string()), "{outcome}");
}
