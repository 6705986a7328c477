//! An ordinary user builds what root builds, to the bit, and runs it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::seed::{PYTHON, context};
use crate::support::PROGRAM;

/// Packages with set-user-id and set-group-id files, other owners, hard links.
const PACKAGES: [&str; 2] = ["openssh-client", "perl"];

/// A user made for one test, with a home folder that others can reach and a copy of the program in it.
struct Ordinary {
    name: String,
    home: PathBuf,
}

impl Ordinary {
    fn new() -> Self {
        let name = format!("iw-test-{}", std::process::id());
        // Not below this user's own folders, which nobody else may enter.
        let home = PathBuf::from(format!("/var/tmp/{name}"));
        succeed(Command::new("useradd").args(["--create-home", "--home-dir"]).arg(&home).arg(&name));
        let program = home.join("imagewright");
        fs::copy(PROGRAM, &program).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        Self { name, home }
    }

    fn run(&self, command: &str) -> Output {
        let script = format!("cd ~ && exec ~/imagewright --root ~/store {command}");
        Command::new("su")
            .args(["--shell", "/bin/sh", "--login", &self.name, "--command", &script])
            .env_remove("IMAGEWRIGHT_ROOT")
            .output()
            .unwrap()
    }

    fn succeed(&self, command: &str) -> String {
        let output = self.run(command);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}: {:?}\n{errors}", output.status);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Ordinary {
    fn drop(&mut self) {
        drop(Command::new("userdel").arg(&self.name).output());
        drop(fs::remove_dir_all(&self.home));
    }
}

fn succeed(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
#[ignore = "needs root and network"]
fn the_same_digest_as_root_and_it_runs() {
    let root = context();
    let packages = PACKAGES.map(|package| ["--apt", package]).concat();
    let arguments = [&["build", "--base", "bootstrap", "-t", "demo/same:1"][..], &packages].concat();
    let expected = root.run(arguments.clone()).success().stdout;

    let user = Ordinary::new();
    assert_eq!(user.succeed(&arguments.join(" ")), expected);
    let shown = "stat -c '%a %u %g' /usr/bin/ssh-agent; id -u; touch /new && chown 1000:50 /new && stat -c '%u %g' /new";
    let inside = user.succeed(&format!("image run demo/same:1 -- sh -c \"{shown}\""));
    let lines: Vec<&str> = inside.lines().collect();
    assert!(lines[0].starts_with("2755 0 "), "{inside}");
    assert_eq!(lines[1..], ["0", "1000 50"]);
    let left = fs::read_dir(user.home.join("store/tmp")).unwrap().count();
    assert_eq!(left, 0, "nothing unfinished stays");
}

#[test]
#[ignore = "needs root and network"]
fn dockerfiles_come_to_the_same_as_for_root() {
    let (root, user) = (context(), Ordinary::new());
    let archive = user.home.join("base.tar");
    let place = format!("oci-archive:{}", archive.display());
    drop(root.run(["image", "export", PYTHON, &place]).success());
    fs::set_permissions(&archive, fs::Permissions::from_mode(0o644)).unwrap();
    drop(user.succeed("image import oci-archive:base.tar"));
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dockerfiles/buildkit");
    for case in ["archives", "commands", "copy", "stages"] {
        succeed(Command::new("cp").arg("--recursive").arg(corpus.join(case)).arg(&user.home));
        let folder = user.home.join(case);
        // Without a date, commands leave the time they ran at.
        let arguments =
            ["build", folder.to_str().unwrap(), "--source-date-epoch", "1700000000", "-t", "same:1"];
        let expected = root.run(arguments).success().stdout;
        assert_eq!(user.succeed(&arguments.join(" ")), expected, "{case}");
    }
}

#[test]
#[ignore = "needs root and network"]
fn images_are_run_for_rules_and_users_are_made_up_as_far_as_there_are_any() {
    let (root, user) = (context(), Ordinary::new());
    let archive = user.home.join("base.tar");
    drop(root.run(["image", "export", PYTHON, &format!("oci-archive:{}", archive.display())]).success());
    fs::set_permissions(&archive, fs::Permissions::from_mode(0o644)).unwrap();
    drop(user.succeed("image import oci-archive:base.tar"));
    let rules = "--rule shell-does-not-start --rule python-does-not-start --rule server-does-not-answer";
    let told = user.succeed(&format!("check {PYTHON} --for elyra --run {rules} --json"));
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    let report = &told["profiles"][0];
    assert_eq!((&report["verdict"], &report["rules"]), (&"runs".into(), &2.into()), "{report:#}");
    // A network of its own: the image starts nothing that would answer there.
    let output = user.run(&format!("check {PYTHON} --for kubeflow-notebook --run {rules} --json"));
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = told["profiles"][0]["findings"].as_array().unwrap();
    assert!(findings.iter().any(|it| it["rule"] == "server-does-not-answer"), "{told:#}");
    let left = fs::read_dir(user.home.join("store/tmp")).unwrap().count();
    assert_eq!(left, 0, "nothing unfinished stays");
}

#[test]
#[ignore = "needs root and network"]
fn a_user_without_subordinate_ids_is_told_how_to_get_them() {
    let user = Ordinary::new();
    for file in ["/etc/subuid", "/etc/subgid"] {
        let flag = if file == "/etc/subuid" { "--del-subuids" } else { "--del-subgids" };
        let text = fs::read_to_string(file).unwrap();
        let line = text.lines().find(|line| line.starts_with(&format!("{}:", user.name))).unwrap();
        let fields: Vec<u64> = line.split(':').skip(1).map(|field| field.parse().unwrap()).collect();
        let range = format!("{}-{}", fields[0], fields[0] + fields[1] - 1);
        succeed(Command::new("usermod").args([flag, &range, &user.name]));
    }
    let output = user.run("image run demo/none:1");
    assert_eq!(output.status.code(), Some(8));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("usermod --add-subuids"), "{errors}");
}
