//! Kernel images of ours through the real Enterprise Gateway and a real Docker Engine: started, used, interrupted, restarted and
//! stopped, by `imagewright kernelspec verify`.

use std::process::Command;

use imagewright_testkit::context::{Outcome, TestContext};
use imagewright_testkit::docker::{DockerDaemon, OUTSIDE};
use imagewright_testkit::gateway::EnterpriseGateway;
use serde_json::Value;

use super::seed::{KERNEL_PY, KERNEL_R, PYTHON, kernel_context};

/// A network for kernels, and where the gateway is on it.
const BRIDGE: [&str; 2] = ["kernels", "10.213.1.1"];
pub(super) const ALL: [&str; 6] = ["listed", "started", "executed", "interrupted", "restarted", "stopped"];

/// A daemon that has the images.
pub(super) fn daemon_with(context: &TestContext, images: &[&str]) -> DockerDaemon {
    let docker = DockerDaemon::start_apart();
    for image in images {
        drop(context.run(["image", "export", image, "docker-archive:image.tar"]).success());
        let file = context.work().join("image.tar");
        drop(docker.docker(["load", "--input", file.to_str().unwrap()]).success());
        std::fs::remove_file(file).unwrap();
    }
    docker
}

/// Makes a daemon the only node of a swarm.
pub(super) fn begin_swarm(docker: &DockerDaemon) {
    let listen = format!("{OUTSIDE}:2377");
    drop(docker.docker(["swarm", "init", "--advertise-addr", OUTSIDE, "--listen-addr", &listen]).success());
}

/// A gateway for containers on a bridge, as on one host.
fn gateway_on_bridge(docker: &DockerDaemon) -> EnterpriseGateway {
    gateway_that_looks(docker, "0.5")
}

/// The same, which looks for containers and replies so often.
fn gateway_that_looks(docker: &DockerDaemon, interval: &str) -> EnterpriseGateway {
    let [network, address] = BRIDGE;
    let words = ["network", "create", "--subnet", "10.213.1.0/24", "--gateway", address, network];
    drop(docker.docker(words).success());
    let variables =
        [("EG_DOCKER_NETWORK", network), ("EG_DOCKER_MODE", "docker"), ("EG_POLL_INTERVAL", interval)];
    EnterpriseGateway::start(docker, &docker.network(), address, &variables)
}

/// Makes a kernelspec where the gateway reads them.
fn create(context: &TestContext, gateway: &EnterpriseGateway, image: &str, name: &str, more: &[&str]) {
    let folder = gateway.kernels();
    let words = ["kernelspec", "create", image, "--name", name, "--folder", folder.to_str().unwrap()];
    drop(context.run([&words[..], more].concat()).success());
}

fn verify(context: &TestContext, gateway: &EnterpriseGateway, name: &str, more: &[&str]) -> Outcome {
    let words = [&["kernelspec", "verify", name, "--user", "bob", "--json"], more].concat();
    Outcome::of(&mut gateway.client(&context.command(words)))
}

#[track_caller]
fn assert_works(context: &TestContext, gateway: &EnterpriseGateway, name: &str) {
    let outcome = verify(context, gateway, name, &[]);
    let log = gateway.log();
    let tail: Vec<&str> = log.lines().rev().take(40).collect();
    assert_eq!(outcome.code, Some(0), "{outcome}\n{}", tail.into_iter().rev().collect::<Vec<_>>().join("\n"));
    let report = outcome.json();
    let steps = report["steps"].as_array().unwrap();
    let done: Vec<&str> = steps.iter().map(|it| it["step"].as_str().unwrap()).collect();
    assert_eq!(done, ALL, "{report:#}");
    assert!(steps.iter().all(|it| it["outcome"] == "done"), "{report:#}");
}

/// What does not work is told by a sentence.
#[track_caller]
fn assert_told(outcome: &Outcome, code: i32, part: &str) -> Value {
    assert_eq!(outcome.code, Some(code), "{outcome}");
    let report = outcome.json();
    let verdict = report["verdict"].as_str().unwrap();
    assert!(verdict.contains(part), "{verdict}");
    report
}

/// Nothing of a kernel stays.
#[track_caller]
fn assert_no_kernels(docker: &DockerDaemon) {
    let left = || docker.docker(["ps", "--all", "--quiet", "--filter", "label=kernel_id"]).success().stdout;
    imagewright_testkit::processes::wait_until("all kernels are gone", || left().is_empty());
}

#[test]
#[ignore = "needs root, network, docker, kernels and the kernel launcher"]
fn python_and_r_work_through_the_docker_proxy() {
    let context = kernel_context();
    let docker = daemon_with(&context, &[KERNEL_PY, KERNEL_R]);
    let gateway = gateway_on_bridge(&docker);
    for (image, name) in [(KERNEL_PY, "Py-Docker"), (KERNEL_R, "r-docker")] {
        create(&context, &gateway, image, name, &["--proxy", "docker"]);
        assert_works(&context, &gateway, name);
    }
    assert_no_kernels(&docker);
    // What people read: a line for each step, and the verdict.
    let words =
        ["kernelspec", "verify", "r-docker", "--no-interrupt", "--code", "cat(6 * 7)", "--expect", "42"];
    let told = Outcome::of(&mut gateway.client(&context.command(words))).success();
    let lines: Vec<&str> = told.stdout.lines().collect();
    assert!(lines[2].starts_with("executed ") && lines[2].ends_with(" s  cat(6 * 7) → 42"), "{told}");
    assert_eq!(lines[6], "`r-docker` works: listed, started, executed, restarted, stopped");
}

#[test]
#[ignore = "needs root, network, docker, kernels and the kernel launcher"]
fn a_gateway_with_a_certificate_is_asked_and_held_to_it() {
    let context = kernel_context();
    let certificate = context.work().join("certificate.pem");
    let key = context.work().join("key.pem");
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=gateway"])
        .args(["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output();
    assert!(made.unwrap().status.success());
    let docker = daemon_with(&context, &[KERNEL_PY]);
    let (certificate, key) = (certificate.to_str().unwrap(), key.to_str().unwrap());
    let variables = [("EG_CERTFILE", certificate), ("EG_KEYFILE", key)];
    let gateway = EnterpriseGateway::start(&docker, &docker.network(), "127.0.0.1", &variables);
    create(&context, &gateway, KERNEL_PY, "py", &["--proxy", "distributed", "--remote-host", "localhost"]);
    let verify = |more: &[&str]| {
        let words = ["kernelspec", "verify", "py", "--json"];
        let mut command = gateway.client(&context.command([&words[..], more].concat()));
        Outcome::of(command.env("IMAGEWRIGHT_GATEWAY", gateway.url().replace("http:", "https:")))
    };
    let report = verify(&["--ca-bundle", certificate]).success().json();
    assert_eq!(report["steps"].as_array().unwrap().len(), ALL.len(), "{report:#}");
    drop(assert_told(&verify(&[]), 6, "is not trusted"));
}

#[test]
#[ignore = "needs root, network, docker, kernels and the kernel launcher"]
fn python_and_r_work_through_the_proxy_for_hosts() {
    let context = kernel_context();
    let docker = daemon_with(&context, &[KERNEL_PY, KERNEL_R]);
    let gateway = gateway_on_bridge(&docker);
    for (image, name) in [(KERNEL_PY, "py-host"), (KERNEL_R, "r-host")] {
        create(&context, &gateway, image, name, &["--proxy", "distributed", "--remote-host", "localhost"]);
        assert_works(&context, &gateway, name);
    }
    assert_no_kernels(&docker);
}

#[test]
#[ignore = "needs root, network, docker, kernels and the kernel launcher"]
fn python_and_r_work_through_the_swarm_proxy() {
    let context = kernel_context();
    let docker = daemon_with(&context, &[KERNEL_PY, KERNEL_R]);
    begin_swarm(&docker);
    let words = ["network", "create", "--driver", "overlay", "--attachable", "swarm-kernels"];
    drop(docker.docker(words).success());
    // The gateway must be on the network of its kernels: it takes the place of what is in a container there.
    let words =
        ["run", "--detach", "--name", "gateway", "--network", "swarm-kernels", "--entrypoint", "sleep"];
    drop(docker.docker([&words[..], &[KERNEL_PY, "100000"]].concat()).success());
    let format = "{{(index .NetworkSettings.Networks \"swarm-kernels\").IPAddress}}";
    let address = docker.docker(["inspect", "--format", format, "gateway"]).success().stdout;
    let variables = [("EG_DOCKER_NETWORK", "swarm-kernels"), ("EG_DOCKER_MODE", "swarm")];
    let gateway =
        EnterpriseGateway::start(&docker, &docker.network_of("gateway"), address.trim(), &variables);
    for (image, name) in [(KERNEL_PY, "py-swarm"), (KERNEL_R, "r-swarm")] {
        create(&context, &gateway, image, name, &["--proxy", "docker-swarm"]);
        assert_works(&context, &gateway, name);
    }
    assert_eq!(docker.docker(["service", "ls", "--quiet"]).success().stdout, "");
}

#[test]
#[ignore = "needs root, network, docker, kernels and the kernel launcher"]
fn what_is_wrong_with_an_image_or_a_kernelspec_is_told() {
    let context = kernel_context();
    // One that starts no launcher, and one whose launcher finds no kernel.
    let launcher = context.root().join("tools/imagewright-kernel-launcher");
    std::fs::create_dir_all(context.work().join("empty")).unwrap();
    std::fs::copy(launcher, context.work().join("empty/imagewright-kernel-launcher")).unwrap();
    let dockerfile = format!(
        "FROM {PYTHON}\nCOPY imagewright-kernel-launcher /usr/local/bin/\nCMD [\"/usr/local/bin/imagewright-kernel-launcher\"]\n"
    );
    context.write("empty/Dockerfile", &dockerfile);
    drop(context.run(["build", "empty", "-t", "test/empty:1"]).success());
    let docker = daemon_with(&context, &[PYTHON, "test/empty:1"]);
    let gateway = gateway_on_bridge(&docker);
    let make = |image: &str, name: &str| {
        create(&context, &gateway, image, name, &["--proxy", "docker", "--language", "python", "--no-look"]);
    };
    make(PYTHON, "no-launcher");
    make("test/empty:1", "no-kernel");
    make("test/nowhere:1", "no-image");
    let short = ["--launch-timeout", "6"];
    for name in ["no-launcher", "no-kernel"] {
        let outcome = verify(&context, &gateway, name, &short);
        let report = assert_told(&outcome, 1, "--for enterprise-gateway --run` looks at the image");
        assert_eq!(report["problem"]["step"], "started", "{report:#}");
    }
    let outcome = verify(&context, &gateway, "no-image", &short);
    drop(assert_told(&outcome, 1, "the command in `argv` of the kernelspec failed on the gateway's host"));
    let outcome = verify(&context, &gateway, "no-launcer", &short);
    drop(assert_told(&outcome, 3, "similar names are `no-launcher`"));
    let mut wrong: Command = gateway.client(&context.command(["kernelspec", "verify", "no-image", "--json"]));
    let outcome = Outcome::of(wrong.env("IMAGEWRIGHT_GATEWAY_TOKEN", "another"));
    drop(assert_told(&outcome, 7, "wants a token"));
    let outcome = verify(&context, &gateway, "no-image", &["--env", "KERNEL_UID=0"]);
    drop(assert_told(&outcome, 7, "EG_PROHIBITED_UIDS"));
    assert_no_kernels(&docker);
}

/// Prints what `docs/benchmarks.md` tells: by turns with our launcher and with Enterprise Gateway's own, in images that are alike but for
/// their command.
#[test]
#[ignore = "needs root, network, docker, kernels and the kernel launcher"]
fn kernels_start_as_fast_as_by_its_own_bootstrap() {
    let context = kernel_context();
    let launchers = imagewright_testkit::shared::folder().join("kernel/launchers");
    let both = context.work().join("both");
    std::fs::create_dir_all(&both).unwrap();
    let copy = Command::new("cp").args(["--recursive", "--dereference"]).arg(launchers).arg(&both).status();
    assert!(copy.unwrap().success());
    let pip = ["--pip", "pycryptodomex", "--pip", "jupyter_client"];
    drop(context.run([&["build", "--base", KERNEL_PY, "-t", "test/ours:1"], &pip[..]].concat()).success());
    let dockerfile = "FROM test/ours:1\nCOPY launchers/python /usr/local/bin/kernel-launchers/python\n\
        COPY --chmod=755 launchers/bootstrap/bootstrap-kernel.sh /usr/local/bin/\n\
        CMD [\"/usr/local/bin/bootstrap-kernel.sh\"]\n";
    context.write("both/Dockerfile", dockerfile);
    drop(context.run(["build", "both", "-t", "test/theirs:1"]).success());
    let docker = daemon_with(&context, &["test/ours:1", "test/theirs:1"]);
    let interval = std::env::var("EG_POLL_INTERVAL").unwrap_or("0.5".to_owned());
    let gateway = gateway_that_looks(&docker, &interval);
    for name in ["ours", "theirs"] {
        create(&context, &gateway, &format!("test/{name}:1"), name, &["--proxy", "docker"]);
    }
    let rounds: usize =
        std::env::var("IMAGEWRIGHT_TEST_ROUNDS").map_or(2, |rounds| rounds.parse().expect("it is a number"));
    let mut told: Vec<(&str, [f64; 2])> = Vec::new();
    for round in 0..=rounds {
        for name in ["ours", "theirs"] {
            let outcome = verify(&context, &gateway, name, &["--no-interrupt", "--no-restart"]);
            assert_eq!(outcome.code, Some(0), "{outcome}\n{}", gateway.log());
            let report = outcome.json();
            let seconds = |at: usize| report["steps"][at]["seconds"].as_f64().unwrap();
            // The first round only fills caches.
            if round > 0 {
                told.push((name, [seconds(1), seconds(1) + seconds(2)]));
            }
        }
    }
    let median = |name: &str, which: usize| {
        let of_name = told.iter().filter(|(told, _)| *told == name).map(|(_, times)| times[which]);
        let mut times: Vec<f64> = of_name.collect();
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    for name in ["ours", "theirs"] {
        println!("{name}: there after {:.2} s, first cell after {:.2} s", median(name, 0), median(name, 1));
    }
    assert!(median("ours", 1) < median("theirs", 1) * 1.5);
}
