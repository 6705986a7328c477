//! From package lists to a kernel that runs: images of kernels and of the gateway by us, kernelspecs, a manifest, and its orchestrator.

use std::os::unix::fs::MetadataExt as _;
use std::process::Command;

use imagewright_testkit::context::{Outcome, TestContext};
use imagewright_testkit::docker::DockerDaemon;
use imagewright_testkit::processes::{in_network, wait_until};

use super::needs_docker_and_kernels_and_launcher::{ALL, begin_swarm, daemon_with};
use super::seed::{GATEWAY, KERNEL_PY, KERNEL_R, kernel_context};

const URL: &str = "http://127.0.0.1:8888";

/// Writes kernelspecs and the manifest, with `--output gateway`.
fn deploy(context: &TestContext, docker: &DockerDaemon, to: &str, proxy: &str, more: &[&str]) -> Outcome {
    for (image, name) in [(KERNEL_PY, "py"), (KERNEL_R, "r")] {
        drop(context.run(["kernelspec", "create", image, "--name", name, "--proxy", proxy]).success());
    }
    let socket = docker.socket();
    let words = ["kernelspec", "deploy", "--to", to, "--gateway-image", GATEWAY, "--output", "gateway"];
    context.run([&words[..], &["--socket", socket.to_str().unwrap()], more].concat()).success()
}

fn verify(context: &TestContext, docker: &DockerDaemon, name: &str, token: &str) -> Outcome {
    let words = ["kernelspec", "verify", name, "--gateway", URL, "--token-file", token, "--json"];
    Outcome::of(&mut in_network(&docker.network(), &context.command(words)))
}

#[track_caller]
fn assert_both_work(context: &TestContext, docker: &DockerDaemon) {
    for name in ["py", "r"] {
        let report = verify(context, docker, name, "gateway/secrets/gateway-token").success().json();
        let steps = report["steps"].as_array().unwrap();
        let done: Vec<&str> = steps.iter().map(|it| it["step"].as_str().unwrap()).collect();
        assert_eq!(done, ALL, "{report:#}");
    }
    context.write("other-token", "another\n");
    let refused = verify(context, docker, "py", "other-token").exits(7).json();
    assert_eq!(refused["problem"]["step"], "listed", "{refused:#}");
}

/// What a variable of the kernel could tell, a file does not.
#[track_caller]
fn assert_no_kernel_sees_the_token(context: &TestContext, docker: &DockerDaemon) {
    let token = std::fs::read_to_string(context.work().join("gateway/secrets/gateway-token")).unwrap();
    let code = format!("import os\nprint('{}' in str(os.environ))", token.trim());
    let words = ["kernelspec", "verify", "py", "--gateway", URL, "--no-interrupt", "--no-restart", "--json"];
    let token = ["--token-file", "gateway/secrets/gateway-token", "--code", &code, "--expect", "False"];
    let command = context.command([&words[..], &token].concat());
    drop(Outcome::of(&mut in_network(&docker.network(), &command)).success());
}

#[test]
#[ignore = "needs root, network, docker, docker-compose and the kernel launcher"]
fn compose_runs_a_gateway_and_its_kernels() {
    let context = kernel_context();
    let docker = daemon_with(&context, &[KERNEL_PY, KERNEL_R, GATEWAY]);
    let deployed = deploy(&context, &docker, "compose", "docker", &["--allowed", "'py','r'"]);
    let files = "gateway/compose.yaml\ngateway/gateway.py\ngateway/secrets/gateway-token\n";
    assert_eq!(deployed.stdout, files, "{deployed}");
    let compose = |words: &[&str]| {
        let mut command = Command::new("docker-compose");
        command.args(["--project-name", "gateway", "--profile", "kernels"]).args(words);
        command.current_dir(context.work().join("gateway"));
        command.env("PATH", "/usr/bin:/bin").env("HOME", context.home()).env("DOCKER_HOST", docker.host());
        Outcome::of(&mut in_network(&docker.network(), &command)).success()
    };
    drop(compose(&["up", "--detach"]));
    let logs = || compose(&["logs", "--no-color", "enterprise-gateway"]).stdout;
    wait_until("the gateway answers", || logs().contains("is available at"));
    assert_both_work(&context, &docker);
    assert_no_kernel_sees_the_token(&context, &docker);
    // Its images are there before anybody waits for them.
    let pulled =
        ["ps", "--all", "--filter", "label=component=kernel-image-puller", "--format", "{{.Status}}"];
    let pulled = docker.docker(pulled).success().stdout;
    assert_eq!(pulled.lines().filter(|line| line.starts_with("Exited (0)")).count(), 2, "{pulled}");
    // Made again, it keeps its token.
    let token = || std::fs::read(context.work().join("gateway/secrets/gateway-token")).unwrap();
    let before = token();
    drop(
        context
            .run(["kernelspec", "deploy", "--to", "compose", "--gateway-image", GATEWAY, "-o", "gateway"])
            .success(),
    );
    assert_eq!(token(), before);
    drop(compose(&["down"]));
    assert_eq!(docker.docker(["ps", "--all", "--quiet"]).success().stdout, "");
}

#[test]
#[ignore = "needs root, network, docker, docker-compose and the kernel launcher"]
fn a_stack_of_a_swarm_runs_a_gateway_that_is_not_root() {
    let context = kernel_context();
    let docker = daemon_with(&context, &[KERNEL_PY, KERNEL_R, GATEWAY]);
    begin_swarm(&docker);
    // Debian's engine gives its socket to the group `docker`, if there is one; root's own group is refused.
    let group = std::fs::metadata(docker.socket()).unwrap().gid();
    let group = group.to_string();
    let more: &[&str] = if group == "0" { &[] } else { &["--socket-group", &group] };
    let deployed = deploy(&context, &docker, "swarm", "docker-swarm", more);
    assert!(deployed.stderr.contains("must be on each manager node"), "{deployed}");
    let manifest = context.work().join("gateway/stack.yaml");
    let words = ["stack", "deploy", "--compose-file", manifest.to_str().unwrap(), "gateway"];
    drop(docker.docker(words).success());
    let logs = || docker.docker(["service", "logs", "gateway_enterprise-gateway"]);
    wait_until("the gateway answers", || {
        let logs = logs();
        format!("{}{}", logs.stdout, logs.stderr).contains("is available at")
    });
    assert_both_work(&context, &docker);
    let states = || {
        let words = ["stack", "ps", "gateway", "--format", "{{.Name}} {{.CurrentState}}"];
        let told = docker.docker(words).success().stdout;
        told.lines()
            .filter(|it| it.starts_with("gateway_kernel-image-"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    wait_until("each node has had the kernel images", || {
        states().len() == 2 && states().iter().all(|state| state.contains(" Complete "))
    });
    drop(docker.docker(["stack", "rm", "gateway"]).success());
    assert_eq!(docker.docker(["service", "ls", "--quiet"]).success().stdout, "");
}
