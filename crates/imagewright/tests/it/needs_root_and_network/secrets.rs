//! The password of a package index: used, and told nowhere.

use imagewright_testkit::http::HttpServer;

use super::seed::{PYTHON, context};
use crate::secrets::{assert_fails_discreetly, with_secret};

#[test]
#[ignore = "needs root and network"]
fn of_a_package_index() {
    let context = context();
    let folder = context.work().join("empty");
    std::fs::create_dir(&folder).unwrap();
    let server = HttpServer::serve(&folder).unwrap();
    let index = with_secret(&server.url());
    assert_fails_discreetly(&context, &["build", "--base", PYTHON, "--pip", "six", "--index", &index]);
    let sent = server.requests().into_iter().filter_map(|request| request.authorization);
    assert!(sent.count() > 0, "the server gets what the messages do not tell");
    let nowhere = with_secret("http://127.0.0.1:1/simple");
    assert_fails_discreetly(&context, &["build", "--base", PYTHON, "--pip", "six", "--index", &nowhere]);
}

#[test]
#[ignore = "needs root and network"]
fn of_a_mirror_and_a_proxy() {
    let context = context();
    let nowhere = with_secret("http://127.0.0.1:1/debian");
    assert_fails_discreetly(&context, &["build", "--base", PYTHON, "--apt", "tree", "--mirror", &nowhere]);
    let context = context.env("http_proxy", with_secret("http://127.0.0.1:1"));
    assert_fails_discreetly(&context, &["build", "--base", PYTHON, "--apt", "tree"]);
}
