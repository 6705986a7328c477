//! `image.yaml`: every key, and every way its values may be written.

use imagewright_model::spec::{AptChoice, BaseSource, PartialSpec, PythonEnvironment};

fn read(text: &str) -> PartialSpec {
    PartialSpec::from_yaml("image.yaml", text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refused(text: &str) -> String {
    let error = PartialSpec::from_yaml("image.yaml", text).map(|spec| format!("{spec:?}")).unwrap_err();
    error.to_string()
}

#[test]
fn a_complete_one() {
    let spec = read(
        r#"
base: bootstrap:debian/trixie
platform: linux/arm64
apt:
  packages: [git, "python3=3.13*"]
  recommends: true
pip:
  packages:
    - pandas>=2
    - jupyterlab
  constraints: ["numpy<3"]
  index: https://mirror.example/simple
  extra-indexes: [https://a.example/simple]
  find-links: [https://b.example/links]
  pre: true
python: { interpreter: /usr/bin/python3, environment: /opt/venv }
env:
  PORT: 8888
  VERSION: 1.10
  DEBUG: yes
  EMPTY: ""
user: 1000:100
workdir: /home/jovyan
labels:
  org.opencontainers.image.title: Data science
entrypoint: [tini, --]
command: jupyter lab --port $PORT
ports: [8888, 53/udp]
volumes: [/data]
stop-signal: SIGINT
compression: zstd:9
tags: [demo/data-science:1]
ignore: [Dockerfile]
"#,
    );
    assert_eq!(spec.base.as_ref().map(ToString::to_string).unwrap(), "bootstrap:debian/trixie");
    assert_eq!(spec.platform.as_ref().unwrap().to_string(), "linux/arm64");
    assert_eq!(spec.apt[1].choice, Some(AptChoice::Version("3.13*".to_owned())));
    assert_eq!(spec.apt[1].origin.to_string(), "image.yaml:5:19");
    assert_eq!(spec.apt_recommends, Some(true));
    assert_eq!(spec.pip[1].name.as_deref(), Some("jupyterlab"));
    assert_eq!(spec.pip[1].origin.line, Some(10));
    assert_eq!(spec.pip_constraints[0].text, "numpy<3");
    assert_eq!(spec.pip_options.index.as_deref(), Some("https://mirror.example/simple"));
    assert_eq!(spec.pip_options.extra_indexes, ["https://a.example/simple"]);
    assert_eq!(spec.pip_options.find_links, ["https://b.example/links"]);
    assert_eq!(spec.pip_options.pre, Some(true));
    let python = spec.python.unwrap();
    assert_eq!(python.interpreter.as_deref(), Some("/usr/bin/python3"));
    assert_eq!(python.environment, Some(PythonEnvironment::Venv("/opt/venv".to_owned())));
    let environment: Vec<String> =
        spec.environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(environment, ["PORT=8888", "VERSION=1.10", "DEBUG=yes", "EMPTY="]);
    assert_eq!(spec.user.unwrap().to_string(), "1000:100");
    assert_eq!(spec.working_directory.as_deref(), Some("/home/jovyan"));
    assert_eq!(spec.labels["org.opencontainers.image.title"], "Data science");
    assert_eq!(spec.entrypoint.unwrap(), ["tini", "--"]);
    assert_eq!(spec.command.unwrap(), ["/bin/sh", "-c", "jupyter lab --port $PORT"]);
    assert_eq!(spec.ports.iter().map(ToString::to_string).collect::<Vec<_>>(), ["53/udp", "8888/tcp"]);
    assert!(spec.volumes.contains("/data"));
    assert_eq!(spec.stop_signal.as_deref(), Some("SIGINT"));
    assert_eq!(spec.compression.unwrap().to_string(), "zstd:9");
    assert_eq!(spec.tags[0].to_string(), "demo/data-science:1");
    assert_eq!(spec.ignore[0].0, "Dockerfile");
}

#[test]
fn nothing_is_required() {
    for text in ["", "# nothing yet\n", "---\n", "base:\napt:\nenv:\n", "{}"] {
        assert_eq!(read(text), PartialSpec::default(), "{text:?}");
    }
}

#[test]
fn short_forms() {
    let spec =
        read("base: python:3.13-slim\napt: [git]\npip: [numpy]\npython: /usr/bin/python3\ncommand: [a, b]\n");
    assert!(matches!(spec.base, Some(BaseSource::Image(_))));
    assert_eq!((spec.apt.len(), spec.pip.len(), spec.apt_recommends), (1, 1, None));
    assert_eq!(spec.python.unwrap().interpreter.as_deref(), Some("/usr/bin/python3"));
    assert_eq!(spec.command.unwrap(), ["a", "b"]);
    assert_eq!(read("entrypoint: []").entrypoint, Some(Vec::new()));
}

#[test]
fn anchors_and_merge_keys_work() {
    let spec = read("env: &both {A: 1}\nlabels:\n  <<: *both\n  B: x\n");
    assert_eq!(spec.labels["A"], "1");
    assert_eq!(spec.labels["B"], "x");
}

#[test]
fn wrong_shapes_say_what_was_expected() {
    let cases = [
        ("- a", "image.yaml:1:1: expected a map, found a list"),
        ("hello", "image.yaml:1:1: expected a map, found `hello`"),
        ("apt:\n  packages: git", "image.yaml:2:13: expected a list, found `git`"),
        ("apt: [[git]]", "image.yaml:1:7: expected text, found a list"),
        ("apt: [{git: 1}]", "image.yaml:1:7: expected text, found a map"),
        ("apt:\n- git: 1", "image.yaml:2:3: expected text, found a map"),
        ("apt: [null]", "image.yaml:1:7: expected text, found nothing"),
        ("apt:\n  recommends: maybe", "image.yaml:2:15: expected true or false, found `maybe`"),
        ("env: [A=b]", "image.yaml:1:6: expected a map, found a list"),
        ("env:\n  A:\n", "image.yaml:2:4: expected text, found nothing"),
        ("env:\n  A: [x]", "image.yaml:2:6: expected text, found a list"),
        ("ports: 8888", "image.yaml:1:8: expected a list, found `8888`"),
        ("base: [x]", "image.yaml:1:7: expected text, found a list"),
        ("command: 8", "expected a list of words, or a line for the shell, found the number `8`"),
        ("command: [a, [b]]", "image.yaml:1:14: expected text, found a list"),
        ("? [a]\n: b", "expected text, found a list"),
    ];
    for (text, expected) in cases {
        let message = refused(text);
        assert!(message.contains(expected), "{text}: {message}");
    }
}

#[test]
fn values_are_checked_where_they_stand() {
    let cases = [
        ("base: ''", "image.yaml:1:7: the base is empty"),
        ("base: bootstrap:fedora/40", "image.yaml:1:7: `fedora` cannot be bootstrapped"),
        ("platform: windows/amd64", "image.yaml:1:11: platform `windows/amd64` is not supported"),
        ("platform: amd64", "image.yaml:1:11: platform `amd64` is not of the form"),
        ("env: {1A: x}", "image.yaml:1:7: `1A` is not the name of an environment variable"),
        ("labels: {'': x}", "image.yaml:1:10: `` is not the name of a label"),
        ("user: a b", "image.yaml:1:7: `a b` is not a user"),
        ("workdir: work", "image.yaml:1:10: `work` is not an absolute path"),
        ("volumes: [data]", "image.yaml:1:11: `data` is not an absolute path"),
        ("ports: [0]", "image.yaml:1:9: `0` is not a port"),
        ("stop-signal: TERM", "image.yaml:1:14: `TERM` is not a signal"),
        ("compression: xz", "image.yaml:1:14: `xz` is not a compression"),
        ("tags: [Demo]", "image.yaml:1:8: repository `Demo` must be lower case"),
        ("python: {interpreter: python3}", "image.yaml:1:23: `python3` is not the absolute path"),
        ("python: {bytecode: some}", "image.yaml:1:20: `some` is neither `full` nor `none`"),
        ("python: {environment: venv}", "image.yaml:1:23: `venv` is neither `system` nor"),
        ("pip: {index: ./wheels}", "image.yaml:1:14: `./wheels` is not an address"),
        ("pip: ['-r x.txt']", "image.yaml:1:7: `-r x.txt` begins with a dash"),
        ("apt: ['-oDir=/']", "image.yaml:1:7: `-oDir=/` begins with a dash"),
    ];
    for (text, expected) in cases {
        let message = refused(text);
        assert!(message.starts_with(expected), "{text}: {message}");
    }
}

#[test]
fn what_grows_without_end_is_stopped() {
    let mut many_aliases = "labels:\n  a: &a text\n".to_owned();
    many_aliases.extend((0..100_000).map(|number| format!("  k{number}: *a\n")));
    let deep = format!("apt: {}", "[".repeat(100_000));
    assert!(refused(&many_aliases).contains("it grows beyond what any image needs"));
    assert!(refused(&deep).contains("malformed YAML"));
}
