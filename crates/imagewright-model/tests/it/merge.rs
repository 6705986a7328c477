//! What wins when several sources speak.

use imagewright_model::spec::{PartialSpec, SpecFlags};

fn yaml(text: &str) -> PartialSpec {
    PartialSpec::from_yaml("image.yaml", text).unwrap()
}

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn flags_win_and_lists_grow() {
    let lower = yaml(
        "base: bootstrap\napt: {packages: [git], recommends: true}\npip: {packages: [numpy], pre: true}\n\
         python: /usr/bin/python3\nenv: {A: 1, B: 2}\nlabels: {x: y}\nuser: root\nports: [80]\ncommand: a\ntags: [a]\n",
    );
    let flags = SpecFlags {
        base: Some("python:3".to_owned()),
        platform: Some("linux/arm64".to_owned()),
        apt: texts(&["curl,less", "git"]),
        pip: texts(&["pandas"]),
        pip_index: Some("https://mirror.example/simple".to_owned()),
        python_environment: Some("system".to_owned()),
        env: texts(&["B=3", "C=4"]),
        label: texts(&["x=z"]),
        user: Some("1000".to_owned()),
        workdir: Some("/work".to_owned()),
        entrypoint: Some(r#"["tini", "--"]"#.to_owned()),
        port: texts(&["81"]),
        volume: texts(&["/data"]),
        stop_signal: Some("SIGINT".to_owned()),
        compression: Some("zstd".to_owned()),
        tag: texts(&["b", "c"]),
        ..SpecFlags::default()
    };
    let spec = lower.merge(PartialSpec::from_flags(&flags).unwrap()).finish().unwrap();
    assert_eq!(spec.base.to_string(), "python:3");
    assert_eq!(spec.platform.unwrap().to_string(), "linux/arm64");
    let apt: Vec<String> =
        spec.apt.packages.iter().map(|package| format!("{package} {}", package.origin)).collect();
    assert_eq!(apt, ["curl --apt", "git --apt", "less --apt"]);
    assert!(spec.apt.recommends);
    let pip: Vec<String> =
        spec.pip.requirements.iter().map(|entry| format!("{entry} {}", entry.origin)).collect();
    assert_eq!(pip, ["numpy image.yaml:3:18", "pandas --pip"]);
    assert_eq!(spec.pip.options.pre, Some(true));
    assert_eq!(spec.pip.options.index.as_deref(), Some("https://mirror.example/simple"));
    let python = spec.python.unwrap();
    assert!(python.interpreter.is_some() && python.environment.is_some());
    let environment: Vec<String> =
        spec.environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(environment, ["A=1", "B=3", "C=4"]);
    assert_eq!(spec.labels["x"], "z");
    assert_eq!(spec.user.unwrap().to_string(), "1000");
    assert_eq!(spec.working_directory.as_deref(), Some("/work"));
    assert_eq!(spec.entrypoint.unwrap(), ["tini", "--"]);
    assert_eq!(spec.command.unwrap(), ["/bin/sh", "-c", "a"]);
    assert_eq!(spec.ports.len(), 2);
    assert_eq!(spec.volumes.len(), 1);
    assert_eq!(spec.stop_signal.as_deref(), Some("SIGINT"));
    assert_eq!(spec.compression.unwrap().to_string(), "zstd");
    assert_eq!(spec.tags.iter().map(ToString::to_string).collect::<Vec<_>>(), ["b:latest", "c:latest"]);
}

#[test]
fn each_flag_is_named_when_it_is_wrong() {
    let wrong = |change: &dyn Fn(&mut SpecFlags)| {
        let mut flags = SpecFlags::default();
        change(&mut flags);
        PartialSpec::from_flags(&flags).unwrap_err().origin().to_string()
    };
    assert_eq!(wrong(&|flags| flags.base = Some("./x".to_owned())), "--base");
    assert_eq!(wrong(&|flags| flags.platform = Some("x".to_owned())), "--platform");
    assert_eq!(wrong(&|flags| flags.apt = texts(&["Git"])), "--apt");
    assert_eq!(wrong(&|flags| flags.pip = texts(&["a=>1"])), "--pip");
    assert_eq!(wrong(&|flags| flags.pip_index = Some("x".to_owned())), "--pip-index");
    assert_eq!(wrong(&|flags| flags.python = Some("3.12".to_owned())), "--python");
    assert_eq!(wrong(&|flags| flags.python_environment = Some("x".to_owned())), "--python-environment");
    assert_eq!(wrong(&|flags| flags.env = texts(&["A"])), "--env");
    assert_eq!(wrong(&|flags| flags.label = texts(&["=x"])), "--label");
    assert_eq!(wrong(&|flags| flags.user = Some(":".to_owned())), "--user");
    assert_eq!(wrong(&|flags| flags.workdir = Some("x".to_owned())), "--workdir");
    assert_eq!(wrong(&|flags| flags.entrypoint = Some("[x".to_owned())), "--entrypoint");
    assert_eq!(wrong(&|flags| flags.cmd = Some(String::new())), "--cmd");
    assert_eq!(wrong(&|flags| flags.port = texts(&["x"])), "--port");
    assert_eq!(wrong(&|flags| flags.volume = texts(&["x"])), "--volume");
    assert_eq!(wrong(&|flags| flags.stop_signal = Some("x".to_owned())), "--stop-signal");
    assert_eq!(wrong(&|flags| flags.compression = Some("x".to_owned())), "--compression");
    assert_eq!(wrong(&|flags| flags.tag = texts(&["X"])), "--tag");
    let pinned = format!("x@sha256:{}", "0".repeat(64));
    assert_eq!(wrong(&|flags| flags.tag = texts(&[&pinned])), "--tag");
}

#[test]
fn a_package_without_a_version_gives_way_to_one_with() {
    let spec = yaml("base: bootstrap\napt: [git, 'git=1.2', 'libc6:arm64', libc6]\n").finish().unwrap();
    let apt: Vec<String> = spec.apt.packages.iter().map(ToString::to_string).collect();
    assert_eq!(apt, ["git=1.2", "libc6", "libc6:arm64"]);
}
