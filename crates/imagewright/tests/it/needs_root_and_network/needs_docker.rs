//! Images of ours in a Docker daemon, and of the daemon in our store.

use imagewright_testkit::context::{Outcome, TestContext};
use imagewright_testkit::docker::DockerDaemon;

use super::example::{EXAMPLE, build_example};
use super::seed::{PYTHON, context};

/// Hands an image over as a file.
fn load(context: &TestContext, docker: &DockerDaemon, image: &str) -> Outcome {
    drop(context.run(["image", "export", image, "docker-archive:image.tar"]).success());
    docker.docker(["load", "--input", context.work().join("image.tar").to_str().unwrap()]).success()
}

#[test]
#[ignore = "needs root, network and docker"]
fn docker_runs_the_example_of_the_readme() {
    let context = context();
    let built = build_example(&context, &[]);
    let docker = DockerDaemon::start();
    assert_eq!(load(&context, &docker, EXAMPLE).stdout, format!("Loaded image: {EXAMPLE}\n"));
    let id = docker.docker(["image", "inspect", "--format", "{{.Id}}", EXAMPLE]).success().stdout;
    assert_eq!(id.trim(), built["id"], "both call it by the digest of its configuration");
    let program = ["python3", "-c", "import pandas; print(pandas.__version__)"];
    let theirs =
        docker.docker(["run", "--rm", "--network", "host", EXAMPLE].into_iter().chain(program)).success();
    let ours = context.run(["image", "run", EXAMPLE, "--"].into_iter().chain(program)).success();
    assert_eq!(theirs.stdout, ours.stdout);
}

#[test]
#[ignore = "needs root, network and docker"]
fn an_image_of_the_daemon_can_be_imported_and_be_a_base() {
    let context = context();
    let docker = DockerDaemon::start();
    drop(load(&context, &docker, PYTHON));
    let other = context.work().join("other");
    let context = context.env("DOCKER_HOST", docker.host()).env("IMAGEWRIGHT_ROOT", other);
    let image = format!("docker-daemon:{PYTHON}");
    let imported = context.run(["image", "import", &image]).success().stdout;
    assert!(imported.ends_with(&format!(" {PYTHON}\n")), "{imported}");
    let program = ["image", "run", PYTHON, "--", "python3", "-c", "print(6 * 7)"];
    assert_eq!(context.run(program).success().stdout, "42\n");

    let build = ["build", "--base", &image, "-l", "from=docker", "-t", "demo/labelled", "--json"];
    assert_eq!(context.run(build).success().json()["unchanged"], false);
    assert_eq!(context.run(build).success().json()["unchanged"], true);
    let missing = context.run(["build", "--base", "docker-daemon:demo/missing:1"]).exits(3);
    assert!(missing.stderr.contains("hint: `docker images` lists what it has"), "{missing}");
}
