//! The images of `examples/`, really built.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use imagewright_testkit::context::{Outcome, TestContext};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::super::{build, passes};
use crate::needs_root_and_network::seed;
use crate::support::PROGRAM;

/// A copy of a folder of examples: locks are left beside the specs.
fn copy(context: &TestContext, folder: &str) {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(folder);
    let copied = Command::new("cp").arg("-r").arg(examples).arg(context.work()).status();
    assert!(copied.unwrap().success());
}

/// Runs the command that builds kernel images.
fn build_images(context: &TestContext, names: &[&str]) -> Outcome {
    let surroundings = context.command(["build"]);
    let surroundings = surroundings.get_envs().filter_map(|(name, value)| Some((name, value?)));
    let mut command = Command::new(context.work().join("kernel-images/build"));
    Outcome::of(command.args(names).env_clear().envs(surroundings).env("IMAGEWRIGHT", PROGRAM))
}

#[test]
#[ignore = "needs root, network and the kernel launcher"]
fn the_images_of_enterprise_gateway_are_built_by_one_command() {
    let context = seed::context();
    copy(&context, "kernel-images");
    let built = build_images(&context, &["kernel-py", "kernel-r"]).success();
    assert!(
        built.stderr.contains("building kernel-py\n") && built.stderr.contains("building kernel-r\n"),
        "{built}"
    );
    for image in ["kernel-py:dev", "kernel-r:dev"] {
        passes(&context, image);
    }
    // What is built on one of them comes after it, which is not done twice.
    let unknown = build_images(&context, &["kernel-py", "kernel-pi"]).exits(2);
    assert!(unknown.stderr.contains("there is no image `kernel-pi` here"), "{unknown}");
    for name in ["kernel-tf-py", "kernel-tf-gpu-py"] {
        let plan = context.run(["plan", &format!("kernel-images/{name}"), "--json"]).success().json();
        let steps: Vec<&str> =
            plan["steps"].as_array().unwrap().iter().map(|it| it["kind"].as_str().unwrap()).collect();
        assert_eq!(
            (plan["base"]["name"].as_str(), &steps[..]),
            (Some("kernel-py:dev"), &["pip", "kernel"][..])
        );
        assert_eq!(plan["conflict"], serde_json::Value::Null, "{plan:#}");
    }
    context.assert_nothing_unfinished();
}

#[test]
#[ignore = "needs root, network and the kernel launcher"]
fn the_gateway_itself_starts_and_answers() {
    let context = seed::context();
    copy(&context, "kernel-images");
    drop(build_images(&context, &["enterprise-gateway"]).success());
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let variables = [format!("EG_PORT={port}"), "EG_ALLOWED_KERNELS=['python_docker','r_docker']".to_owned()];
    let words = ["image", "run", "-e", &variables[0], "-e", &variables[1], "enterprise-gateway:dev"];
    let gateway = context.command(words).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let address = format!("http://127.0.0.1:{port}/api/kernelspecs");
    let began = Instant::now();
    let answer = loop {
        let asked =
            Outcome::of(Command::new("curl").args(["--silent", "--fail", "--noproxy", "*", &address]));
        if asked.code == Some(0) || began.elapsed() > Duration::from_secs(60) {
            break asked.stdout;
        }
        std::thread::sleep(Duration::from_millis(300));
    };
    kill(Pid::from_raw(i32::try_from(gateway.id()).unwrap()), Signal::SIGTERM).unwrap();
    let output = gateway.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(answer.contains("\"kernelspecs\": {}"), "{answer}\n{said}");
    assert!(said.contains("Jupyter Enterprise Gateway 3.3"), "{said}");
}

#[test]
#[ignore = "needs root, network and the kernel launcher"]
fn images_to_begin_with_run_in_pipelines_and_behind_gateways() {
    let context = seed::context();
    copy(&context, "starter");
    drop(build(&context, &["starter/pandas.yaml", "-t", "starter/pandas:1"]));
    passes(&context, "starter/pandas:1");
    let words = ["check", "starter/pandas:1", "--for", "elyra", "--run", "--json", "--fail-on", "error"];
    let told =
        context.run([&words[..], &["--ignore", "reference-not-in-registry"]].concat()).success().json();
    let report = &told["profiles"][0];
    assert_eq!(report["unanswered"].as_array().map_or(0, Vec::len), 0, "{report:#}");
    let install = "import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-m', 'pip', 'check']))";
    let checked = context.run(["image", "run", "starter/pandas:1", "--", "python3", "-c", install]).success();
    assert_eq!(checked.stdout, "No broken requirements found.\n");
    context.assert_nothing_unfinished();
}
