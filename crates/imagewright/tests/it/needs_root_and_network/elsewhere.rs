//! Images of ours in registries and files, taken and run by others, and theirs by us.

use imagewright_testkit::context::TestContext;
use imagewright_testkit::debian_registry::DebianRegistry;
use imagewright_testkit::wheels::Wheel;

use super::seed::{context_with_wheels, write_spec};

/// What is run in the images.
const PROGRAM: [&str; 3] = ["python3", "-c", "import alpha; print(alpha.VERSION)"];

/// Pushes an image of ours while it is built; gives its name.
fn push_ours(context: &TestContext, registry: &DebianRegistry) -> String {
    write_spec(context, "alpha");
    let name = format!("{}/team/alpha:1", registry.host());
    drop(context.run(["build", "spec", "-t", &name, "--push"]).success());
    name
}

/// Pulls an image of theirs and runs it.
fn run_theirs(context: &TestContext, name: &str) -> String {
    let other = context.work().join("other").into_os_string();
    let run = |arguments: &[&str]| {
        let mut command = context.command(arguments);
        command.env("IMAGEWRIGHT_ROOT", &other);
        imagewright_testkit::context::Outcome::of(&mut command).success().stdout
    };
    drop(run(&["pull", name]));
    run(&[&["image", "run", name, "--"][..], &PROGRAM].concat())
}

mod needs_docker_and_registry {
    use imagewright_testkit::docker::DockerDaemon;

    use super::*;

    #[test]
    #[ignore = "needs root, network, docker and docker-registry"]
    fn docker_runs_what_we_pushed_and_we_what_it_pushed() {
        let context = context_with_wheels(&[Wheel::new("alpha", "1.0")]);
        let (registry, docker) = (DebianRegistry::plain(), DockerDaemon::start());
        let ours = push_ours(&context, &registry);
        let run = ["run", "--rm", "--network", "host", &ours].into_iter().chain(PROGRAM);
        assert_eq!(docker.docker(run).success().stdout, "1.0\n");
        let theirs = format!("{}/theirs/alpha:2", registry.host());
        drop(docker.docker(["tag", &ours, &theirs]).success());
        drop(docker.docker(["push", &theirs]).success());
        assert_eq!(run_theirs(&context, &theirs), "1.0\n");
    }
}

mod needs_podman_and_registry {
    use std::process::Command;

    use imagewright_testkit::context::Outcome;

    use super::*;

    #[test]
    #[ignore = "needs root, network, podman and docker-registry"]
    fn podman_takes_what_we_pushed_and_we_what_it_pushed() {
        let context = context_with_wheels(&[Wheel::new("alpha", "1.0")]);
        let registry = DebianRegistry::plain();
        let ours = push_ours(&context, &registry);
        let root = context.work().join("podman");
        // podman wants a short path.
        let short = tempfile::TempDir::with_prefix_in("iw-", "/var/tmp").unwrap();
        let run_root = short.path().join("run");
        let podman = |arguments: &[&str]| {
            let mut command = Command::new("podman");
            command.arg("--root").arg(&root).arg("--runroot").arg(&run_root).args(["--runtime", "runc"]);
            Outcome::of(command.args(arguments)).success().stdout
        };
        drop(podman(&["pull", "--tls-verify=false", &ours]));
        // Where resources may not be raised, containers cannot start; the files are there all the same.
        let mounted = podman(&["image", "mount", &ours]);
        let mut python = Command::new("chroot");
        let ran = Outcome::of(python.arg(mounted.trim()).arg("/opt/venv/bin/python").args(&PROGRAM[1..]));
        assert_eq!(ran.success().stdout, "1.0\n");
        drop(podman(&["image", "umount", &ours]));
        let theirs = format!("{}/theirs/alpha:3", registry.host());
        drop(podman(&["push", "--tls-verify=false", &ours, &theirs]));
        assert_eq!(run_theirs(&context, &theirs), "1.0\n");
    }
}

mod needs_containerd {
    use std::fs;
    use std::path::Path;
    use std::process::Command;

    use imagewright_oci::Digest;
    use imagewright_testkit::containerd::Containerd;
    use imagewright_testkit::context::Outcome;
    use serde_json::Value;

    use super::*;

    /// Builds an image with layers of packages and writes it to a file.
    fn export(context: &TestContext, compression: &str) -> (String, String) {
        let name = format!("demo/{compression}:1");
        drop(context.run(["build", "spec", "--compression", compression, "-t", &name]).success());
        let file = format!("{compression}.tar");
        drop(context.run(["image", "export", &name, &format!("oci-archive:{file}")]).success());
        (format!("docker.io/{name}"), context.work().join(file).to_str().unwrap().to_owned())
    }

    #[test]
    #[ignore = "needs root, network and containerd"]
    fn containerd_verifies_and_runs_what_we_exported() {
        let context = context_with_wheels(&[Wheel::new("alpha", "1.0"), Wheel::new("beta", "1.0")]);
        write_spec(&context, "alpha\nbeta");
        let containerd = Containerd::start();
        for compression in ["gzip", "zstd"] {
            let (name, file) = export(&context, compression);
            // Unpacks every layer, and refuses one that is not what its diff id says.
            let imported = containerd.ctr(["images", "import", &file]).success();
            assert!(imported.stdout.contains(&format!("unpacking {name}")), "{imported}");
            let checked = containerd.ctr(["images", "check", &format!("name=={name}")]).success().stdout;
            let line = checked.lines().find(|line| line.starts_with(&name)).unwrap();
            assert!(line.contains(" complete (") && line.trim_end().ends_with("true"), "{checked}");
            let run = ["run", "--rm", "--net-host", &name, compression].into_iter();
            let ran = containerd.ctr(run.chain(["/opt/venv/bin/python"]).chain(PROGRAM[1..].iter().copied()));
            assert_eq!(ran.success().stdout, "1.0\n");
        }
    }

    /// Puts the JSON document at `digest` of a layout through `change`; gives its new digest and size.
    fn rewrite(layout: &Path, digest: &str, change: impl FnOnce(&mut Value)) -> (String, usize) {
        let blob = |digest: &str| layout.join("blobs").join(digest.replace(':', "/"));
        let mut document: Value = serde_json::from_slice(&fs::read(blob(digest)).unwrap()).unwrap();
        change(&mut document);
        let bytes = serde_json::to_vec(&document).unwrap();
        let digest = Digest::of(&bytes).to_string();
        fs::write(blob(&digest), &bytes).unwrap();
        (digest, bytes.len())
    }

    fn point(descriptor: &mut Value, (digest, size): (String, usize)) {
        descriptor["digest"] = digest.into();
        descriptor["size"] = size.into();
    }

    #[test]
    #[ignore = "needs root, network and containerd"]
    fn containerd_refuses_a_layer_that_is_not_what_its_diff_id_says() {
        let context = context_with_wheels(&[Wheel::new("alpha", "1.0")]);
        write_spec(&context, "alpha");
        drop(context.run(["build", "spec", "-t", "demo/false:1"]).success());
        drop(context.run(["image", "export", "demo/false:1", "oci:layout"]).success());
        let layout = context.work().join("layout");
        let mut index: Value = serde_json::from_slice(&fs::read(layout.join("index.json")).unwrap()).unwrap();
        let entry = &mut index["manifests"][0];
        let manifest = entry["digest"].as_str().unwrap().to_owned();
        let changed = rewrite(&layout, &manifest, |manifest| {
            let config = manifest["config"]["digest"].as_str().unwrap().to_owned();
            let changed = rewrite(&layout, &config, |config| {
                let diff_ids = config["rootfs"]["diff_ids"].as_array_mut().unwrap();
                *diff_ids.last_mut().unwrap() = Digest::of(b"something else").to_string().into();
            });
            point(&mut manifest["config"], changed);
        });
        point(entry, changed);
        fs::write(layout.join("index.json"), serde_json::to_vec(&index).unwrap()).unwrap();
        let mut tar = Command::new("tar");
        drop(Outcome::of(tar.args(["-cf", "../false.tar", "."]).current_dir(&layout)).success());

        let containerd = Containerd::start();
        let refused =
            containerd.ctr(["images", "import", context.work().join("false.tar").to_str().unwrap()]);
        assert_ne!(refused.code, Some(0), "{refused}");
        assert!(refused.stderr.contains("wrong diff id"), "{refused}");
    }
}
