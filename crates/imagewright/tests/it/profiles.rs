//! `imagewright check --for`: images of the store and of registries, and what a profile says of them.

use imagewright_testkit::context::TestContext;
use imagewright_testkit::image::TinyImage;
use imagewright_testkit::registry::{Fault, TestRegistry};
use insta::assert_snapshot;

use crate::support::context;

/// An image that Elyra runs, as root.
fn fitting() -> TinyImage {
    let programs = ["sh", "curl", "tar", "gzip", "mkdir", "python3"];
    let image = programs
        .iter()
        .fold(TinyImage::default(), |image, program| image.file(&format!("usr/bin/{program}"), "\u{7f}ELF"));
    image
        .file("etc/passwd", "root:x:0:0::/root:/bin/sh\n")
        .file("etc/ssl/certs/ca-certificates.crt", "x")
        .file("usr/lib/python3.13/os.py", "")
        .file("usr/lib/python3.13/site-packages/pip/__init__.py", "")
}

/// Surroundings that know `registry.example` behind a mirror that has the image.
fn with_registry(image: &TinyImage) -> (TestContext, TestRegistry) {
    let (context, registry, _) = with_layer(image);
    (context, registry)
}

/// The same, and the digest of the image's layer.
fn with_layer(image: &TinyImage) -> (TestContext, TestRegistry, String) {
    let registry = TestRegistry::start().unwrap();
    let other = context();
    image.write_layout(&other.work().join("tiny"), "demo/tiny:1").unwrap();
    drop(other.run(["image", "import", "oci:tiny"]).success());
    drop(other.run(["push", "demo/tiny:1", &format!("{}/team/image:1", registry.host())]).success());
    let shown = other.run(["image", "show", "demo/tiny:1", "--json"]).success().json();
    let layer = shown["manifest"]["layers"][0]["digest"].as_str().unwrap().to_owned();
    let context = context();
    let mirrors = format!("[registry.mirrors]\n'registry.example' = ['{}']\n", registry.host());
    let config = context.write("config.toml", &mirrors);
    (context.env("IMAGEWRIGHT_CONFIG", config), registry, layer)
}

const NAME: &str = "registry.example/team/image:1";

#[test]
fn an_image_of_a_registry_is_read_once_and_not_kept() {
    let image = fitting().file(
        "usr/lib/python3.13/site-packages/Jinja2-3.2.0.dist-info/METADATA",
        "Name: Jinja2\nVersion: 3.2.0\n",
    );
    let (context, registry, layer) = with_layer(&image);
    let words = ["check", NAME, "--for", "elyra", "--pull-secret", "team"];
    assert_snapshot!(context.run(words), @r#"
    exit: 0
    ----- stdout -----
    Elyra 4.1: runs with doubts (versions of packages: requirements-elyra.txt of Elyra 4.1.1)
    registry.example/team/image:1: warning: under a user id that the platform makes up, as on OpenShift: user 1000660000 may not write to the working directory `/` (mode 0755, owner 0:0) (working-directory-not-writable)
    registry.example/team/image:1: warning: under a user id that the platform makes up, as on OpenShift: user 1000660000 may write neither to `/usr/lib/python3.13/site-packages` nor to its home `/`: pip can install nothing (packages-not-installable)
    registry.example/team/image:1: note: `CMD` starts `/bin/hello`, and a pipeline runs a command of its own instead: should a notebook rely on it, the notebook must start it (service-not-started)
        import subprocess, time
        subprocess.Popen(["/bin/hello"])
        time.sleep(2)
    registry.example/team/image:1: warning: `Jinja2` 3.2.0 is set back by 3.1.6 before a node runs, by requirements-elyra.txt of Elyra 4.1.1: `pip freeze` prints `Jinja2`, so `jinja2` counts as missing (packages-replaced)
        Jinja2==3.1.6
    registry.example/team/image:1: note: containers of this image run as root (runs-as-root)
        why: Elyra runs images of root as well. Clusters often do not: OpenShift runs every image under a user of its own.
    ----- stderr -----
    registry.example/team/image:1 for Elyra 4.1: 3 warnings, 2 notes of 28 rules
    5 rules would run the image, and were not asked: add --run
    `imagewright check --explain RULE` tells why a rule matters, and how to mend what it finds
    "#);
    assert!(
        std::fs::read_dir(context.root().join("blobs/sha256")).is_ok_and(|mut blobs| blobs.next().is_none())
    );
    let again = context.run([&words[..], &["--json"]].concat()).success().json();
    assert_eq!(registry.count("GET", &layer), 1, "{:?}", registry.requests());
    let report = &again["profiles"][0];
    assert_eq!((&report["profile"], &report["verdict"]), (&"elyra@4.1".into(), &"runs-with-doubts".into()));
    assert_eq!(report["pins"], "requirements-elyra.txt of Elyra 4.1.1");
    let replaced =
        report["findings"].as_array().unwrap().iter().find(|it| it["rule"] == "packages-replaced").unwrap();
    assert_eq!(
        replaced["remedy"],
        serde_json::json!({"kind": "pip-packages", "packages": ["Jinja2==3.1.6"]})
    );
    assert_eq!(again["findings"], serde_json::json!([]));
    drop(context.run([&words[..], &["--fail-on", "warning"]].concat()).exits(1));
}

#[test]
fn several_profiles_are_told_each_and_the_worst_counts() {
    let (context, _registry) = with_registry(&fitting());
    let words = ["check", NAME, "--for", "elyra,enterprise-gateway", "--for", "jupyterhub", "--json"];
    let told = context.run(words).exits(1).json();
    let verdicts: Vec<_> =
        told["profiles"].as_array().unwrap().iter().map(|report| report["verdict"].clone()).collect();
    // Whether anybody may pull what is behind a mirror is not known.
    assert_eq!(verdicts, ["cannot-tell", "does-not-run", "does-not-run"]);
    drop(context.run(["check", NAME, "--for", "elyra"]).exits(6));
    drop(context.run(["check", NAME, "--for", "elyra", "--fail-on", "never"]).success());
    let log = context.run(["check", NAME, "--for", "elyra,jupyterhub", "--format", "sarif"]).exits(1).json();
    let run = &log["runs"][0];
    let of_hub = run["results"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|result| result["properties"]["profile"] == "jupyterhub");
    assert!(of_hub.count() > 2, "{run:#}");
    let notes = run["invocations"][0]["toolExecutionNotifications"].to_string();
    assert!(notes.contains("whether it runs on Elyra 4.1 cannot be told"), "{notes}");
}

#[test]
fn an_image_of_the_store_is_no_image_of_a_cluster() {
    let context = context();
    fitting().write_layout(&context.work().join("tiny"), "localhost:1/demo/tiny:1").unwrap();
    drop(context.run(["image", "import", "oci:tiny"]).success());
    let told = context.run(["check", "localhost:1/demo/tiny:1", "--for", "elyra"]).exits(1);
    assert!(told.stdout.contains("`localhost:1` is this machine"), "{told}");
    let words =
        ["check", "localhost:1/demo/tiny:1", "--for", "elyra", "--ignore", "reference-not-in-registry"];
    let told = context.run([&words[..], &["--ignore", "reference-needs-secret"]].concat()).success();
    assert!(told.stdout.starts_with("Elyra 4.1: runs with doubts (versions"), "{told}");
    // What was found out about the layer serves other profiles.
    let fact = std::fs::read_dir(context.root().join("facts/layer-index-1")).unwrap().count();
    assert_eq!(fact, 1);
}

#[test]
fn a_registry_that_breaks_off_leaves_nothing_half_known() {
    let (context, registry, layer) = with_layer(&fitting());
    let words = ["check", NAME, "--for", "elyra", "--pull-secret", "team"];
    registry.fail("GET", &layer, &Fault::Damage, 50);
    let told = context.run(words);
    assert!(told.code == Some(4) || told.code == Some(6), "{told}");
    assert!(!context.root().join("facts/layer-index-1").exists());
}

#[test]
fn a_kernelspec_is_looked_at_beside_the_image() {
    let (context, _registry) = with_registry(&fitting());
    let spec =
        "{\"language\": \"python\", \"argv\": [\"python\", \"/x/kernels/py/scripts/launch_docker.py\"]}";
    context.write("kernels/py/kernel.json", spec);
    let words = ["check", NAME, "--for", "enterprise-gateway", "--kernelspec", "kernels/py"];
    let told = context.run(words).exits(1);
    assert!(told.stdout.contains("kernelspec `py`: its command does not pass on `{kernel_id}`"), "{told}");
    assert!(told.stdout.contains("starts `scripts/launch_docker.py`, which is not in the folder"), "{told}");
    let missing = context.run([&words[..5], &["nowhere"]].concat()).exits(3);
    assert!(missing.stderr.contains("cannot read `nowhere`"), "{missing}");
    context.write("kernels/other/readme.txt", "");
    let other = context.run([&words[..5], &["kernels/other"]].concat()).exits(4);
    assert!(other.stderr.contains("`other/kernel.json` is no kernelspec: it is not there"), "{other}");
}

#[test]
fn a_site_has_a_profile_of_its_own() {
    let (context, _registry) = with_registry(&fitting());
    context.write("site/own.txt", "requests==2.33.0\n");
    context.write(
        "site/cluster.toml",
        "name = \"cluster\"\nextends = \"elyra\"\nrequirements = \"own.txt\"\nnetwork = false\n\
         without = [\"reference-needs-secret\"]\n[rules.base-latest]\n[rules.runs-as-root]\nlevel = \"error\"\nwhy = \"the cluster refuses root\"\n",
    );
    let told = context.run(["check", NAME, "--for", "site/cluster.toml"]).exits(1);
    assert!(told.stdout.starts_with("cluster: does not run (versions of packages: own.txt)\n"), "{told}");
    let root =
        "error: containers of this image run as root (runs-as-root)\n    why: the cluster refuses root\n";
    assert!(told.stdout.contains(root), "{told}");
    assert!(told.stdout.contains("Elyra would install requests==2.33.0, packaging (by own.txt)"), "{told}");
}

#[test]
fn what_is_asked_wrongly_is_said() {
    let context = context();
    context.write("Dockerfile", "FROM scratch\n");
    context.write("x.toml", "name = \"x\"\nrulez = 1\n");
    for (words, code, text) in [
        (&["check", "a/b:1", "--for", "elira"][..], 2, "there is no profile `elira`"),
        (&["check", "a/b:1", "--for", "elyra@9"], 2, "known are 4.1, 4.0, main"),
        (
            &["check", ".", "--for", "elyra"],
            2,
            "profile `elyra@4.1` looks at images, and `./Dockerfile` is a Dockerfile",
        ),
        (&["check", "a/b:1", "--for", "x.toml"], 4, "profile `x.toml` is not usable: unknown field `rulez`"),
        (&["check", "a/b:1", "--for", "no.toml"], 3, "cannot read `no.toml`"),
    ] {
        let told = context.run(words).exits(code);
        assert!(told.stderr.contains(text), "{told}");
    }
}

#[test]
fn a_rule_of_platforms_alone_finds_nothing_by_itself_and_says_so() {
    let context = crate::support::context_with_image();
    let told = context.run(["check", "demo/tiny:1", "--rule", "curl-missing"]).success();
    assert!(told.stderr.contains("the rule `curl-missing` is asked for a platform alone"), "{told}");
}

#[test]
fn packages_that_do_not_fit_are_told_and_those_of_the_base_noted() {
    let context = context();
    let metadata = "Name: botocore\nVersion: 1.0\nRequires-Dist: six>=1.5\n";
    let image = fitting().file("usr/lib/python3.13/site-packages/botocore-1.0.dist-info/METADATA", metadata);
    image.write_layout(&context.work().join("tiny"), "demo/base:1").unwrap();
    drop(context.run(["image", "import", "oci:tiny"]).success());
    let rule = ["--rule", "python-dependencies-consistent"];
    let told = context.run([&["check", "demo/base:1"][..], &rule].concat()).exits(1);
    let expected = "demo/base:1: warning: botocore 1.0 requires `six>=1.5`, which is not there (python-dependencies-consistent)\n";
    assert_eq!(told.stdout, expected);
    drop(context.run(["build", "--base", "demo/base:1", "-l", "a=b", "-t", "demo/built:1"]).success());
    let told = context.run([&["check", "demo/built:1"][..], &rule].concat()).success();
    assert!(
        told.stdout
            .contains("note: botocore 1.0 requires `six>=1.5`, which is not there; it was so in its base"),
        "{told}"
    );
}
