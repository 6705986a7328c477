//! Names and passwords in addresses are in no message, no event and no file of the store.

use std::fs;
use std::path::Path;

use imagewright_testkit::context::TestContext;
use imagewright_testkit::http::HttpServer;

use crate::support::context;

const SECRET: &str = "hunter2";

/// Fails when a file below `folder` holds the secret.
#[track_caller]
pub(crate) fn assert_no_secret_below(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            assert_no_secret_below(&entry.path());
        } else if kind.is_file() {
            let bytes = fs::read(entry.path()).unwrap();
            let found = bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
            assert!(!found, "the secret is in `{}`", entry.path().display());
        }
    }
}

/// The styles of telling what happens.
pub(crate) const ALL_STYLES: [&str; 4] = ["--verbose", "--progress=json", "--progress=tty", "--quiet"];

/// Runs a build in these styles; it fails, and tells the secret nowhere.
#[track_caller]
pub(crate) fn assert_fails_discreetly(context: &TestContext, arguments: &[&str], styles: &[&str]) {
    for style in styles {
        let outcome = context.run(arguments.iter().chain([style]));
        assert!(outcome.code.is_some_and(|code| code > 0), "{outcome}");
        assert!(!outcome.to_string().contains(SECRET), "{outcome}");
    }
    assert_no_secret_below(context.root());
}

/// The address with the secret in it.
pub(crate) fn with_secret(url: &str) -> String {
    url.replace("://", &format!("://user:{SECRET}@"))
}

#[test]
fn of_a_mirror() {
    let context = context();
    let server = HttpServer::serve(&context.work()).unwrap();
    for mirror in
        [with_secret(&server.url()), with_secret("http://127.0.0.1:1"), with_secret("ftp://mirror.example")]
    {
        let build = [
            "base",
            "bootstrap",
            "debian",
            "--suite",
            "trixie",
            "--keyring",
            "/dev/null",
            "--mirror",
            &mirror,
        ];
        assert_fails_discreetly(&context, &build, &ALL_STYLES);
    }
    let sent = server.requests().into_iter().filter_map(|request| request.authorization);
    assert!(sent.count() > 0, "the server gets what the messages do not tell");
}

#[test]
fn of_a_configuration_file() {
    let context = context();
    for text in [
        format!("[python]\nindex = \"{}\"\nindx = 1\n", with_secret("https://mirror.example/simple")),
        format!("[python]\nextra-indexes = \"{}\"\n", with_secret("https://mirror.example/simple")),
        format!("[trust]\nhttps-proxy = [\"{}\"]\n", with_secret("http://proxy.example:3128")),
        format!("[apt]\nimage-mirror = {}\n", with_secret("http://mirror.example")),
    ] {
        context.write("config.toml", &text);
        let outcome = context.run(["image", "list", "--config", "config.toml"]);
        assert!(outcome.code == Some(4), "{outcome}");
        assert!(!outcome.to_string().contains(SECRET), "{outcome}");
    }
}

#[test]
fn of_a_variable_with_a_wrong_name_or_kind() {
    for (name, text) in [
        ("IMAGEWRIGHT_PYTHON__EXTRA_INDEXES", with_secret("https://mirror.example/simple")),
        ("IMAGEWRIGHT_PYTHON__INDX", with_secret("https://mirror.example/simple")),
    ] {
        let outcome = context().env(name, text).run(["image", "list"]);
        assert!(!outcome.to_string().contains(SECRET), "{outcome}");
    }
}

#[test]
fn of_a_spec_which_may_hold_none() {
    let address = with_secret("https://mirror.example/simple");
    let cases = [
        ("image.yaml", format!("base: bootstrap\npip:\n  packages: [six]\n  index: {address}\n")),
        ("requirements.txt", format!("--index-url {address}\nsix\n")),
        ("requirements.txt", format!("six @ {address}/six.whl\n")),
        ("requirements.txt", format!("--find-links={address}\n")),
        ("requirements.txt", format!("--no-such-option {address}\n")),
    ];
    for (name, text) in cases {
        let context = context();
        context.write("spec/image.yaml", "base: bootstrap\n");
        context.write(&format!("spec/{name}"), &text);
        let outcome = context.run(["build", "spec"]);
        assert_eq!(outcome.code, Some(4), "{outcome}");
        assert!(!outcome.to_string().contains(SECRET), "{outcome}");
    }
}
