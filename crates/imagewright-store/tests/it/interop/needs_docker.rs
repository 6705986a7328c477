//! A Docker daemon of the test's own: what it saves we import, what we export it loads.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use imagewright_layer::{Compression, EntryKind};
use imagewright_oci::Reference;
use imagewright_store::transfer::{ExportTarget, ImportSource};
use tempfile::TempDir;

use crate::support::{
    TestStore, directory, file, image_of, item, name, put_layer, quiet, symlink, tar, whiteout,
};

/// A daemon that ends with the test.
struct Daemon {
    process: Child,
    folder: TempDir,
}

impl Daemon {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let process = Command::new("dockerd")
            .args(["--data-root", &path("data"), "--exec-root", &path("exec"), "--pidfile", &path("pid")])
            .args(["-H", &format!("unix://{}", path("socket"))])
            .args(["--iptables=false", "--bridge=none"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let daemon = Self { process, folder };
        for _ in 0..300 {
            if daemon.command(&["version"]).output().unwrap().status.success() {
                return daemon;
            }
            thread::sleep(Duration::from_millis(100));
        }
        panic!("dockerd does not answer");
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("/usr/bin/docker");
        command
            .args(["-H", &format!("unix://{}", self.folder.path().join("socket").display())])
            .args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "docker {arguments:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let pid = nix::unistd::Pid::from_raw(self.process.id().cast_signed());
        // Asked and not killed, so that it ends its containerd and unmounts.
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
        let _ = self.process.wait();
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
#[ignore = "needs root and docker"]
fn docker_loads_what_we_export_and_we_import_what_it_saves() {
    let docker = Daemon::start();
    let test = TestStore::new();
    let below = tar(&[
        directory("etc"),
        file("etc/motd", "hello"),
        file("etc/gone", ""),
        symlink("lib", "usr/lib"),
        item("tmp", EntryKind::Directory, 0o1777),
    ]);
    let shared = tar(&[file("shared", &"shared ".repeat(400_000))]);
    let above = tar(&[directory("etc"), whiteout("etc/gone"), file("etc/new", "new")]);
    let layers = [
        put_layer(&test.store, &below, Compression::default()),
        put_layer(&test.store, &shared, Compression::Zstd { level: 3 }),
        put_layer(&test.store, &above, Compression::None),
        put_layer(&test.store, &shared, Compression::default()),
    ];
    let image = image_of(&layers);
    let names: Vec<Reference> = vec![name("demo/a:1"), name("registry.example/b:2")];
    let record = test.store.put_image(&image.manifest, &image.config, &names).unwrap();

    for file_name in ["image.tar", "image.tar.gz"] {
        let path = test.folder.path().join(file_name);
        let target = ExportTarget::DockerArchive(path.clone());
        test.store.export(&record, &record.names, &target, &mut quiet).unwrap();
        let loaded = docker.run(&["load", "-i", text(&path)]);
        assert!(loaded.contains("demo/a:1") && loaded.contains("registry.example/b:2"), "{loaded}");
        for reference in ["demo/a:1", "registry.example/b:2"] {
            let id = docker.run(&["image", "inspect", "-f", "{{.Id}}", reference]);
            assert_eq!(id.trim(), record.id.to_string(), "the id is the same there");
        }
        let container = docker.run(&["create", "demo/a:1", "/none"]);
        let flat = test.folder.path().join("flat.tar");
        docker.run(&["export", "-o", text(&flat), container.trim()]);
        let mut archive = ::tar::Archive::new(std::fs::File::open(&flat).unwrap());
        let paths: Vec<String> = archive
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().path().unwrap().display().to_string())
            .collect();
        let has = |path: &str| paths.iter().any(|found| found == path);
        assert!(has("etc/motd") && has("etc/new") && has("shared") && !has("etc/gone"), "{paths:?}");
        docker.run(&["rm", container.trim()]);

        let saved = test.folder.path().join("saved.tar");
        docker.run(&["save", "-o", text(&saved), "demo/a:1", "registry.example/b:2"]);
        docker.run(&["image", "rm", "demo/a:1", "registry.example/b:2"]);
        let there = TestStore::new();
        let source = ImportSource::DockerArchive { path: saved, reference: None };
        let imported = there.store.import(source, None, &mut quiet).unwrap();
        assert_eq!((&imported[0].id, &imported[0].names), (&record.id, &record.names));
        let found = there.store.image(&imported[0].manifest).unwrap();
        there.store.validate_stored(&found).unwrap();
    }

    // A stream straight from the daemon.
    let path = test.folder.path().join("image.tar");
    docker.run(&["load", "-i", text(&path)]);
    let mut save = docker.command(&["save", "demo/a:1"]).stdout(Stdio::piped()).spawn().unwrap();
    let reader = Box::new(save.stdout.take().unwrap());
    let source = ImportSource::DockerStream { origin: "docker-daemon:demo/a:1".to_owned(), reader };
    let there = TestStore::new();
    let imported = there.store.import(source, None, &mut quiet).unwrap();
    assert!(save.wait().unwrap().success());
    assert_eq!((&imported[0].id, &imported[0].names), (&record.id, &vec![name("demo/a:1")]));
}
