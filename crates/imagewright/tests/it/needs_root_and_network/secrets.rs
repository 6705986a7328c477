//! The password of a package index: used, and told nowhere.

use imagewright_testkit::http::HttpServer;
use imagewright_testkit::wheels::SourceDistribution;

use super::seed::{PYTHON, context, context_with_wheels, wheel_folder};
use crate::secrets::{ALL_STYLES, assert_fails_discreetly, with_secret};

#[test]
#[ignore = "needs root and network"]
fn of_a_package_index() {
    let context = context();
    let folder = context.work().join("empty");
    std::fs::create_dir(&folder).unwrap();
    let server = HttpServer::serve(&folder).unwrap();
    let index = with_secret(&server.url());
    let build = ["build", "--base", PYTHON, "--pip", "six", "--index", &index];
    assert_fails_discreetly(&context, &build, &ALL_STYLES);
    let sent = server.requests().into_iter().filter_map(|request| request.authorization);
    assert!(sent.count() > 0, "the server gets what the messages do not tell");
}

/// A package can look at everything that the step was given, and print it.
#[test]
#[ignore = "needs root and network"]
fn of_a_package_index_when_a_package_prints_its_environment() {
    let context = context_with_wheels(&[]);
    let prying = SourceDistribution::new("prying", "1.0", &["sh", "-c", "env; env >&2; exit 1"]);
    prying.write_to(&wheel_folder(&context)).unwrap();
    let server = HttpServer::serve(&context.home()).unwrap();
    let index = with_secret(&server.url());
    let build = ["build", "--base", PYTHON, "--pip", "prying", "--index", &index];
    let outcome = context.run(build).exits(1);
    assert!(outcome.stderr.contains("UV_DEFAULT_INDEX="), "it did print it: {outcome}");
    assert_fails_discreetly(&context, &build, &["--progress=json"]);
}

// apt tries again and again for a while, so one style each has to do: the two that tell most.

#[test]
#[ignore = "needs root and network"]
fn of_a_mirror() {
    let nowhere = with_secret("http://127.0.0.1:1/debian");
    let build = ["build", "--base", PYTHON, "--apt", "tree", "--mirror", &nowhere];
    assert_fails_discreetly(&context(), &build, &["--verbose"]);
}

#[test]
#[ignore = "needs root and network"]
fn of_a_proxy() {
    let context = context().env("http_proxy", with_secret("http://127.0.0.1:1"));
    assert_fails_discreetly(&context, &["build", "--base", PYTHON, "--apt", "tree"], &["--progress=json"]);
}
