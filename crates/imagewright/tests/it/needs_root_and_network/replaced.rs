//! Python packages on a base that has some already, and has owners of its own.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use imagewright_testkit::context::TestContext;
use imagewright_testkit::wheels::Wheel;

use super::seed::{PYTHON, context_with_wheels};

/// What a Python program prints in an image.
fn python(context: &TestContext, image: &str, interpreter: &str, program: &str) -> String {
    context.run(["image", "run", image, "--", interpreter, "-c", program]).success().stdout
}

/// Builds packages on a base, into the interpreter's own place or an environment.
fn build(context: &TestContext, base: &str, environment: &str, requirements: &str, name: &str) -> String {
    context.write("spec/image.yaml", &format!("base: {base}\npython: {{environment: {environment}}}\n"));
    context.write("spec/requirements.txt", &format!("--no-index\n{requirements}\n"));
    context.run(["build", "spec", "-t", name]).success().stdout
}

const VERSIONS: &str = "import importlib.metadata as m; \
    print(*sorted(f'{d.name} {d.version}' for d in m.distributions() if d.name in ('alpha', 'beta')))";

#[test]
#[ignore = "needs root and network"]
fn another_version_takes_the_place_of_that_of_the_base() {
    let old = Wheel::new("alpha", "1.0").module("VERSION = '1.0'\nimport json\n");
    let wheels = [old, Wheel::new("alpha", "2.0"), Wheel::new("beta", "1.0").requires("alpha")];
    let context = context_with_wheels(&wheels);
    drop(build(&context, PYTHON, "system", "alpha==1.0", "demo/old"));
    let ask = |image: &str, program: &str| python(&context, image, "/usr/bin/python3", program);
    assert_eq!(ask("demo/old", VERSIONS), "alpha 1.0\n");

    // What the base has is kept where it will do.
    drop(build(&context, "demo/old", "system", "beta", "demo/kept"));
    assert_eq!(ask("demo/kept", VERSIONS), "alpha 1.0 beta 1.0\n");

    drop(build(&context, "demo/old", "system", "alpha==2.0", "demo/new"));
    assert_eq!(ask("demo/new", VERSIONS), "alpha 2.0\n");
    assert_eq!(ask("demo/new", "import alpha; print(alpha.VERSION)"), "2.0\n");
    let left =
        "import os, sysconfig as s; print([n for n in os.listdir(s.get_paths()['purelib']) if '1.0' in n])";
    assert_eq!(ask("demo/new", left), "[]\n");
    // The same packages on the bare base need none of that: they are the same layers.
    drop(build(&context, PYTHON, "system", "alpha==2.0", "demo/bare"));
    let layers = |image: &str| {
        let details = context.run(["image", "show", image, "--json"]).success().json();
        details["manifest"]["layers"].as_array().unwrap().clone()
    };
    let (bare, new) = (layers("demo/bare"), layers("demo/new"));
    assert_eq!(bare[bare.len() - 2..], new[new.len() - 2..], "the package and its bytecode");
}

mod needs_skopeo {
    use std::process::Command;

    use imagewright_testkit::context::Outcome;

    use super::*;

    /// Gives everything below a folder to user 1000 and group 100, and lets new files belong to that group.
    fn give_away(folder: &Path) {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let metadata = fs::symlink_metadata(entry.path()).unwrap();
            if metadata.is_symlink() {
                continue;
            }
            if metadata.is_dir() {
                give_away(&entry.path());
            }
            chown(entry.path(), Some(1000), Some(100)).unwrap();
        }
        chown(folder, Some(1000), Some(100)).unwrap();
        fs::set_permissions(folder, fs::Permissions::from_mode(0o2775)).unwrap();
    }

    #[test]
    #[ignore = "needs root, network and umoci"]
    fn a_base_that_belongs_to_a_user_keeps_its_owners_and_its_user() {
        let context = context_with_wheels(&[Wheel::new("alpha", "1.0"), Wheel::new("beta", "1.0")]);
        drop(build(&context, PYTHON, "/opt/env", "alpha", "demo/plain:1"));
        drop(context.run(["image", "export", "demo/plain:1", "oci:layout"]).success());
        let umoci = |arguments: &[&str]| {
            let mut command = Command::new("umoci");
            Outcome::of(command.args(arguments).current_dir(context.work())).success().stdout
        };
        let tags = umoci(&["ls", "--layout", "layout"]);
        let image = format!("layout:{}", tags.trim());
        drop(umoci(&["unpack", "--image", &image, "bundle"]));
        give_away(&context.work().join("bundle/rootfs/opt/env"));
        drop(umoci(&["repack", "--image", "layout:stacks", "bundle"]));
        drop(umoci(&["config", "--image", "layout:stacks", "--config.user", "1000:100"]));

        drop(build(&context, "oci:../layout:stacks", "/opt/env", "beta", "demo/stacks"));
        let stat = "import os, beta; site = os.path.dirname(beta.__file__); \
            show = lambda path: (lambda s: f'{s.st_mode & 0o7777:o} {s.st_uid}:{s.st_gid}')(os.stat(path)); \
            print(os.getuid(), show(site), show('/opt/env'), show(beta.__file__), \
                  show(site + '/beta-1.0.dist-info'), show(site + '/__pycache__'))";
        let seen = python(&context, "demo/stacks", "/opt/env/bin/python", stat);
        assert_eq!(seen, "1000 2775 1000:100 2775 1000:100 644 1000:100 2755 1000:100 2755 1000:100\n");
        let write = "import os, beta; open(os.path.join(os.path.dirname(beta.__file__), 'mine.py'), 'w'); print('written')";
        assert_eq!(python(&context, "demo/stacks", "/opt/env/bin/python", write), "written\n");
    }
}
