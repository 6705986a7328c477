//! What was built with conda packages, in the hands of others: Docker, old and new, and rattler.

use std::fs;
use std::path::Path;

use imagewright_testkit::context::TestContext;
use imagewright_testkit::docker::DockerDaemon;

use super::super::seed::BASE;
use super::{context, version};
use crate::conda::support::{Found, layers, tree};

/// The image of these tests.
const IMAGE: &str = "demo/science:1";

/// Writes a spec with Debian, conda and Python packages.
fn write_spec(context: &TestContext, packages: &str) {
    let spec = format!(
        "base: {BASE}\napt: [libexpat1, zlib1g]\nconda: {{packages: [{packages}], channels: [team]}}\n\
         env: {{GREETING: hello}}\n"
    );
    context.write("spec/image.yaml", &spec);
    context.write("spec/requirements.txt", "--no-index\nbeta\n");
}

/// Builds, and gives the layers.
fn build(context: &TestContext) -> Vec<String> {
    drop(context.run(["build", "spec", "-t", IMAGE]).success());
    layers(context, IMAGE)
}

/// Runs a program in a container, by a shell that nobody logged in to.
fn run(docker: &DockerDaemon, program: &str) -> String {
    docker.docker(["run", "--rm", "--network", "host", IMAGE, "sh", "-c", program]).success().stdout
}

/// Plans, builds, adds a package, builds again, and runs both in Docker.
fn works_in(docker: &DockerDaemon) {
    let version = version();
    let context = context(&version);
    let load = || {
        let archive = context.work().join("image.tar");
        drop(fs::remove_file(&archive));
        drop(context.run(["image", "export", IMAGE, "docker-archive:image.tar"]).success());
        drop(docker.docker(["load", "--input", archive.to_str().unwrap()]).success());
    };
    write_spec(&context, &format!("python={version}, greeting"));
    let plan = context.run(["plan", "spec", "--json"]).success().json();
    assert_eq!(plan["steps"].as_array().map(Vec::len), Some(3), "{plan}");
    let before = build(&context);
    let locked = fs::read_to_string(context.work().join("spec/image.lock")).unwrap();
    for package in ["libexpat1", "python", "greeting", "beta"] {
        assert!(locked.contains(&format!("name = \"{package}\"")), "{package}: {locked}");
    }
    load();
    let program = "import sys, os, greeting, beta; print(sys.executable, os.environ['GREETING'])";
    assert_eq!(run(docker, &format!("python -c \"{program}\"")), "hello\n/opt/conda/bin/python hello\n");
    assert_eq!(run(docker, "greet"), "hello\n");

    // One package more: what is new is the package, its bytecode and the books; Python, Debian's and Python's packages stay.
    write_spec(&context, &format!("python={version}, greeting, farewell"));
    let after = build(&context);
    let new = after.iter().filter(|layer| !before.contains(layer)).count();
    assert!((2..=3).contains(&new), "{new} layers are new: {before:?} {after:?}");
    assert_eq!(after.last(), before.last(), "the layer of the Python packages");
    load();
    let program = "import greeting, farewell, beta; print(farewell.bye())";
    assert_eq!(run(docker, &format!("python3 -c '{program}'")), "hello\nbye\n");
    // Python's own tools know both kinds.
    let listed = "import importlib.metadata as m; print(sorted(d.name for d in m.distributions()))";
    assert_eq!(run(docker, &format!("python -c '{listed}'")), "['beta', 'greeting']\n");
}

mod needs_docker {
    use super::*;

    #[test]
    #[ignore = "needs root, network and docker"]
    fn conda_packages_run_in_docker() {
        works_in(&DockerDaemon::start());
    }
}

mod needs_buildkit {
    use imagewright_testkit::shared;

    use super::*;

    #[test]
    #[ignore = "needs root, network and buildkit"]
    fn conda_packages_run_in_a_new_docker() {
        works_in(&DockerDaemon::start_newest(&shared::folder()));
    }
}

mod needs_rattler {
    use imagewright_testkit::context::Outcome;

    use super::*;
    use crate::needs_rattler::rattler;

    #[test]
    #[ignore = "needs root, network and rattler"]
    fn rattler_takes_the_environment_for_one_of_its_own() {
        let version = version();
        let context = context(&version);
        write_spec(&context, &format!("python={version}, greeting"));
        build(&context);
        let tree = tree(&context, IMAGE);
        let folder = context.work().join("environment");
        let mut counted = Vec::new();
        for (path, found) in &tree {
            let (Some(path), Found::File(bytes, _)) = (path.strip_prefix("opt/conda/"), found) else {
                continue;
            };
            let target = folder.join(path);
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            fs::write(&target, bytes).unwrap();
            if Path::new(path).parent() == Some(Path::new("conda-meta")) && path.ends_with(".json") {
                let record: serde_json::Value = serde_json::from_slice(bytes).unwrap();
                let files = record["files"].as_array().unwrap();
                // Every file of the books is in the image.
                for file in files.iter().map(|file| file.as_str().unwrap()) {
                    assert!(tree.contains_key(&format!("opt/conda/{file}")), "{path}: {file}");
                }
                counted.push(format!(
                    "{} {} {}\n",
                    record["name"].as_str().unwrap(),
                    record["version"].as_str().unwrap(),
                    files.len()
                ));
            }
        }
        let read = Outcome::of(rattler().arg("read").arg(&folder)).success();
        assert_eq!((read.stdout, read.stderr), (counted.concat(), String::new()));
    }
}
