//! Two builds from the same packages, in two roots and otherwise unlike surroundings, give the same digest.

use std::fs;
use std::process::Command;

use imagewright_testkit::context::{Outcome, TestContext};

use super::seed::empty_context;

/// Exactly these packages: nothing is solved.
const LOCK: &str = r#"lock-version = "1.0"
created-by = "hand"
requires-python = ">=3.9"

[[packages]]
name = "pip"
version = "1.0"
wheels = [{ name = "pip-1.0-py3-none-any.whl", url = "URL/pip-1.0-py3-none-any.whl", hashes = { sha256 = "PIP" } }]

[[packages]]
name = "six"
version = "1.0"
wheels = [{ name = "six-1.0-py3-none-any.whl", url = "URL/six-1.0-py3-none-any.whl", hashes = { sha256 = "SIX" } }]
"#;

/// Writes a spec whose lock names wheels of a server.
fn write_spec(context: &TestContext, url: &str, wheels: &std::path::Path) {
    let hash = |name: &str| {
        let bytes = fs::read(wheels.join(format!("{name}-1.0-py3-none-any.whl"))).unwrap();
        imagewright_oci::Digest::of(&bytes).hex().to_owned()
    };
    let lock = LOCK.replace("URL", url).replace("PIP", &hash("pip")).replace("SIX", &hash("six"));
    context.write("spec/image.yaml", "base: bootstrap\napt: [python3, openssh-client, ca-certificates]\n");
    context.write("spec/pylock.toml", &lock);
}

/// Builds in surroundings of its own: umask, host name, time zone, locale, folders.
fn build(context: &TestContext, umask: &str, host: &str, variables: &[(&str, &str)]) -> String {
    let program = context.command(["build", "spec", "-t", "demo/same"]);
    let mut command = Command::new("unshare");
    let script = format!("umask {umask}; hostname {host}; exec \"$0\" \"$@\"");
    command.args(["--uts", "sh", "-c", &script]).arg(program.get_program()).args(program.get_args());
    let known = program.get_envs().filter_map(|(name, value)| Some((name, value?)));
    command.env_clear().envs(known).envs(variables.iter().copied()).current_dir(context.work());
    Outcome::of(&mut command).success().stdout
}

#[test]
#[ignore = "needs root and network"]
fn the_same_packages_give_the_same_digest() {
    use imagewright_testkit::http::HttpServer;
    use imagewright_testkit::wheels::Wheel;

    let wheels = tempfile::tempdir().unwrap();
    for name in ["pip", "six"] {
        Wheel::new(name, "1.0").write_to(wheels.path()).unwrap();
    }
    let (one, other) = (empty_context(), empty_context());
    let digests = [
        (&one, "022", "one.example", &[("TZ", "UTC"), ("LC_ALL", "C")][..]),
        (&other, "077", "other.example", &[("TZ", "Asia/Tokyo"), ("LANG", "C.UTF-8"), ("USER", "other")]),
    ]
    .map(|(context, umask, host, variables)| {
        // Another server for each, so that the address is unlike too.
        let server = HttpServer::serve(wheels.path()).unwrap();
        write_spec(context, &server.url(), wheels.path());
        build(context, umask, host, variables)
    });
    assert_eq!(digests[0], digests[1]);
}
