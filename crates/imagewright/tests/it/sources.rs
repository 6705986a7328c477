//! Bases and the places they come from, when these are bad. Nothing here gets as far as a sandbox.

use imagewright_testkit::context::{Outcome, TestContext};
use imagewright_testkit::http::{Fault, HttpServer};
use imagewright_testkit::registry::TestRegistry;
use insta::assert_snapshot;

use crate::support::{context, tiny_image};

/// Makes a base of what `mirror` offers.
fn bootstrap(context: &TestContext, mirror: &str) -> Outcome {
    let arguments =
        ["base", "bootstrap", "debian", "--suite", "trixie", "--mirror", mirror, "--keyring", "/dev/null"];
    let outcome = context.run(arguments);
    context.assert_nothing_unfinished();
    outcome
}

#[test]
fn a_mirror_that_cannot_be_reached_is_a_matter_of_the_network() {
    assert_snapshot!(bootstrap(&context(), "http://127.0.0.1:1/debian"), @r"
    exit: 6
    ----- stderr -----
    [1/1] base bootstrap:debian/trixie
      reading the package lists of trixie
    error: could not fetch the release file of `trixie`
    caused by: could not reach `http://[SERVER]/debian/dists/trixie/InRelease`
    caused by: io: Connection refused (os error 111)
    hint: check the network, and the proxies under `trust` in the configuration
    ");
}

#[test]
fn a_mirror_that_fails_is_a_matter_of_the_network() {
    let context = context();
    let server = HttpServer::serve(&context.work()).unwrap();
    server.fail("InRelease", &Fault::Status(503), 9);
    let outcome = bootstrap(&context, &server.url());
    assert_eq!(outcome.code, Some(6), "{outcome}");
}

#[test]
fn a_suite_the_mirror_lacks_is_named() {
    let context = context();
    let server = HttpServer::serve(&context.work()).unwrap();
    assert_snapshot!(bootstrap(&context, &server.url()), @r"
    exit: 3
    ----- stderr -----
    [1/1] base bootstrap:debian/trixie
      reading the package lists of trixie
    error: the archive `http://[SERVER]` has no suite `trixie`
    hint: check the spelling of the suite and the archive's address
    ");
}

#[test]
fn a_base_of_another_architecture_is_refused() {
    let context = context();
    tiny_image().architecture("s390x").write_layout(&context.work().join("base"), "demo/foreign").unwrap();
    assert_snapshot!(context.run(["build", "--base", "oci:base", "--label", "a=b"]), @r"
    exit: 4
    ----- stderr -----
    [1/1] base oci:base
      importing the base
    error: base image `oci:base` is for linux/s390x, not linux/amd64
    hint: choose a base for this platform, or build on a machine that runs linux/s390x
    ");
}

#[test]
fn a_corrupt_archive_is_no_base() {
    let context = context();
    context.write("base.tar", &"this is no tar\n".repeat(100));
    assert_snapshot!(context.run(["build", "--base", "docker-archive:base.tar"]), @r"
    exit: 4
    ----- stderr -----
    [1/1] base docker-archive:base.tar
      importing the base
    error: `base.tar` is not a tar archive, or is damaged
    caused by: numeric field was not a number: r
    hint: `docker save`, `podman save` and `skopeo copy` write archives that can be imported
    ");
    context.assert_nothing_unfinished();
}

#[test]
fn a_registry_without_the_base_or_without_an_answer_is_named() {
    let context = context();
    let registry = TestRegistry::start().unwrap();
    assert_snapshot!(context.run(["build", "--base", &format!("{}/demo/nothing:1", registry.host())]), @r"
    exit: 3
    ----- stderr -----
    [1/1] base [SERVER]/demo/nothing:1
      looking at [SERVER]/demo/nothing:1
    error: there is no image `[SERVER]/demo/nothing:1`: MANIFEST_UNKNOWN: manifest unknown (status 404)
    hint: check the names of repository and tag
    ");
    assert_snapshot!(context.run(["build", "--base", "127.0.0.1:1/demo/nothing:1"]), @r"
    exit: 6
    ----- stderr -----
    [1/1] base [SERVER]/demo/nothing:1
      looking at [SERVER]/demo/nothing:1
    error: registry `[SERVER]` refused the connection
    caused by: Connection refused (os error 111)
    hint: check the port, and whether the registry runs
    ");
}

#[test]
fn a_docker_daemon_that_is_not_there_gets_a_hint() {
    let context = context().env("DOCKER_HOST", "unix:///nowhere/docker.sock");
    assert_snapshot!(context.run(["build", "--base", "docker-daemon:demo/base"]), @r"
    exit: 6
    ----- stderr -----
    [1/1] base docker-daemon:demo/base
    error: the Docker daemon at `/nowhere/docker.sock` did not give `demo/base`
    caused by: it cannot be reached
    caused by: No such file or directory (os error 2)
    hint: is the daemon running, and may you use its socket (DOCKER_HOST)?
    ");
}

#[test]
fn an_image_of_labels_alone_needs_no_sandbox() {
    let context = context();
    tiny_image().write_layout(&context.work().join("base"), "demo/base").unwrap();
    let build =
        ["build", "--base", "oci:base", "-l", "org.opencontainers.image.title=Tiny", "-t", "demo/labelled"];
    assert_snapshot!(context.run(build), @r"
    exit: 0
    ----- stdout -----
    sha256:[DIGEST]
    ----- stderr -----
    [1/1] base oci:base
      importing the base
    [1/1] base oci:base: [TIME]
    built sha256:[DIGEST]: [SIZE] in 1 layer, nothing cached, [TIME]
    ");
    assert_snapshot!(context.run(build), @r"
    exit: 0
    ----- stdout -----
    sha256:[DIGEST]
    ----- stderr -----
    [1/1] base oci:base
    [1/1] base oci:base: cached
    built sha256:[DIGEST]: [SIZE] in 1 layer, everything cached, [TIME]
    ");
    assert_snapshot!(context.run(["image", "show", "demo/labelled"]), @r#"
    exit: 0
    ----- stdout -----
    Names       demo/labelled:latest
    Id          sha256:[DIGEST]
    Digest      sha256:[DIGEST]
    Platform    linux/amd64
    Created     2026-01-02T03:04:05Z
    Size        [SIZE] in 1 layer
    Workdir     /
    Command     ["/bin/hello"]
    Env         PATH=/usr/bin:/bin
    Label       org.opencontainers.image.title=Tiny

    LAYER   SIZE   MADE BY
    [ID]   [SIZE]   by hand
    "#);
}
