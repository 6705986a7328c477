//! Images of ours in registries, pulled and run by others, and theirs by us.

use imagewright_testkit::context::TestContext;
use imagewright_testkit::debian_registry::DebianRegistry;
use imagewright_testkit::wheels::Wheel;

use super::seed::{context_with_wheels, write_spec};

/// What is run in the images.
const PROGRAM: [&str; 3] = ["python3", "-c", "import alpha; print(alpha.VERSION)"];

/// Pushes an image of ours while it is built; gives its name.
fn push_ours(context: &TestContext, registry: &DebianRegistry) -> String {
    write_spec(context, "alpha");
    let name = format!("{}/team/alpha:1", registry.host());
    drop(context.run(["build", "spec", "-t", &name, "--push"]).success());
    name
}

/// Pulls an image of theirs and runs it.
fn run_theirs(context: &TestContext, name: &str) -> String {
    let other = context.work().join("other").into_os_string();
    let run = |arguments: &[&str]| {
        let mut command = context.command(arguments);
        command.env("IMAGEWRIGHT_ROOT", &other);
        imagewright_testkit::context::Outcome::of(&mut command).success().stdout
    };
    drop(run(&["pull", name]));
    run(&[&["image", "run", name, "--"][..], &PROGRAM].concat())
}

mod needs_docker_and_registry {
    use imagewright_testkit::docker::DockerDaemon;

    use super::*;

    #[test]
    #[ignore = "needs root, network, docker and docker-registry"]
    fn docker_runs_what_we_pushed_and_we_what_it_pushed() {
        let context = context_with_wheels(&[Wheel::new("alpha", "1.0")]);
        let (registry, docker) = (DebianRegistry::plain(), DockerDaemon::start());
        let ours = push_ours(&context, &registry);
        let run = ["run", "--rm", "--network", "host", &ours].into_iter().chain(PROGRAM);
        assert_eq!(docker.docker(run).success().stdout, "1.0\n");
        let theirs = format!("{}/theirs/alpha:2", registry.host());
        drop(docker.docker(["tag", &ours, &theirs]).success());
        drop(docker.docker(["push", &theirs]).success());
        assert_eq!(run_theirs(&context, &theirs), "1.0\n");
    }
}

mod needs_podman_and_registry {
    use std::process::Command;

    use imagewright_testkit::context::Outcome;

    use super::*;

    #[test]
    #[ignore = "needs root, network, podman and docker-registry"]
    fn podman_takes_what_we_pushed_and_we_what_it_pushed() {
        let context = context_with_wheels(&[Wheel::new("alpha", "1.0")]);
        let registry = DebianRegistry::plain();
        let ours = push_ours(&context, &registry);
        let root = context.work().join("podman");
        // podman wants a short path.
        let short = tempfile::TempDir::with_prefix_in("iw-", "/var/tmp").unwrap();
        let run_root = short.path().join("run");
        let podman = |arguments: &[&str]| {
            let mut command = Command::new("podman");
            command.arg("--root").arg(&root).arg("--runroot").arg(&run_root).args(["--runtime", "runc"]);
            Outcome::of(command.args(arguments)).success().stdout
        };
        drop(podman(&["pull", "--tls-verify=false", &ours]));
        // Where resources may not be raised, containers cannot start; the files are there all the same.
        let mounted = podman(&["image", "mount", &ours]);
        let mut python = Command::new("chroot");
        let ran = Outcome::of(python.arg(mounted.trim()).arg("/opt/venv/bin/python").args(&PROGRAM[1..]));
        assert_eq!(ran.success().stdout, "1.0\n");
        drop(podman(&["image", "umount", &ours]));
        let theirs = format!("{}/theirs/alpha:3", registry.host());
        drop(podman(&["push", "--tls-verify=false", &ours, &theirs]));
        assert_eq!(run_theirs(&context, &theirs), "1.0\n");
    }
}
