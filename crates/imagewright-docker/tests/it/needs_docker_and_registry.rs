//! A Docker Engine builds and pushes, as on systems without our own engine.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

use imagewright_docker::{BuildRequest, Credentials, Daemon, Export, Network, RegistryLogin};
use imagewright_dockerfile::IgnoreRules;
use imagewright_model::{BuildEvent, ErrorKind, EventSink, Secret, Stop};
use imagewright_oci::Reference;
use imagewright_testkit::debian_registry::DebianRegistry;
use imagewright_testkit::docker::DockerDaemon;

struct Nobody;

impl EventSink for Nobody {
    fn emit(&self, _: BuildEvent) {}
}

impl Credentials for Nobody {
    fn login(&self, _: &str) -> Result<Option<RegistryLogin>, String> {
        Ok(None)
    }
}

/// A registry that lets in `me` with the password `word` alone.
fn closed_registry() -> DebianRegistry {
    DebianRegistry::start(|folder| {
        let made = Command::new("htpasswd").args(["-Bbn", "me", "word"]).output().unwrap();
        let file = folder.join("users");
        fs::write(&file, made.stdout).unwrap();
        format!("auth:\n  htpasswd:\n    realm: test\n    path: {}\n", file.display())
    })
}

fn build(daemon: &Daemon, folder: &Path, name: &Reference) {
    fs::write(folder.join("Dockerfile"), "FROM scratch\nCOPY Dockerfile /\n").unwrap();
    let request = BuildRequest {
        file: folder.join("Dockerfile"),
        context: folder.to_path_buf(),
        ignore: IgnoreRules::default(),
        contexts: Vec::new(),
        target: None,
        arguments: Vec::new(),
        labels: Vec::new(),
        names: vec![name.clone()],
        platform: None,
        secrets: Vec::new(),
        agents: Vec::new(),
        network: Network::Default,
        no_cache: false,
        pull: false,
    };
    daemon.build(&request, Export::Docker, Box::new(Nobody), &Nobody, &Stop::default()).unwrap();
}

#[test]
#[ignore = "needs root, docker and docker-registry"]
fn an_image_is_pushed_with_the_login_that_we_have() {
    let (registry, docker) = (closed_registry(), DockerDaemon::start());
    let folder = tempfile::tempdir().unwrap();
    let daemon = Daemon::docker(docker.host().parse().unwrap());
    let name = registry.reference("team/alpha:1");
    build(&daemon, folder.path(), &name);

    let told = Mutex::new(None);
    let progress = |done| *told.lock().unwrap() = Some(done);
    let push = |name: &Reference, login: Option<&RegistryLogin>| {
        daemon.push_image(name, login, &progress, &Stop::default())
    };
    let login = |password: &str| RegistryLogin {
        username: "me".to_owned(),
        secret: Secret::new(password.to_owned()),
    };
    for wrong in [None, Some(login("other"))] {
        let error = push(&name, wrong.as_ref()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
        assert_eq!(registry.tagged("team/alpha", "1"), None);
    }
    push(&name, Some(&login("word"))).unwrap();
    assert!(registry.tagged("team/alpha", "1").is_some());
    assert!(told.lock().unwrap().is_some(), "progress was told");

    let unknown = push(&registry.reference("team/beta:1"), Some(&login("word"))).unwrap_err();
    assert!(unknown.to_string().contains("team/beta"), "{unknown}");
}

#[test]
#[ignore = "needs root, docker and docker-registry"]
fn a_push_ends_when_somebody_asks() {
    let (registry, docker) = (DebianRegistry::plain(), DockerDaemon::start());
    let folder = tempfile::tempdir().unwrap();
    let daemon = Daemon::docker(docker.host().parse().unwrap());
    let name = registry.reference("team/alpha:1");
    build(&daemon, folder.path(), &name);
    let stop = Stop::default();
    stop.ask();
    let error = daemon.push_image(&name, None, &|_| {}, &stop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}
