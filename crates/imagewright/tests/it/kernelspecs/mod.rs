//! Kernelspecs of Enterprise Gateway: made, listed, followed, published.

mod needs_kernels;
mod needs_root;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use imagewright_testkit::context::TestContext;
use imagewright_testkit::image::TinyImage;
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::context;

/// An image that says of itself what kernel images say.
fn kernel_image(language: &str) -> TinyImage {
    TinyImage::default()
        .variable(&format!("KERNEL_LANGUAGE={language}"))
        .command(&["/usr/local/bin/imagewright-kernel-launcher"])
}

/// Surroundings with kernel images for Python and R.
fn with_images() -> TestContext {
    let context = context();
    put(&context, &kernel_image("python"), "registry.example:5000/team/kernel-py:1");
    put(&context, &kernel_image("r"), "team/kernel-r:4.5");
    context
}

fn put(context: &TestContext, image: &TinyImage, name: &str) {
    let folder = context.work().join("layout");
    image.write_layout(&folder, name).unwrap();
    drop(context.run(["image", "import", "oci:layout"]).success());
    fs::remove_dir_all(folder).unwrap();
}

fn kernel_json(context: &TestContext, folder: &str) -> Value {
    serde_json::from_slice(&fs::read(context.work().join(folder).join("kernel.json")).unwrap()).unwrap()
}

#[test]
fn one_is_made_of_what_the_image_says_and_listed() {
    let context = with_images();
    let image = "registry.example:5000/team/kernel-py:1";
    let create = ["kernelspec", "create", image, "--proxy", "docker", "--display-name", "My Custom Kernel"];
    assert_snapshot!("created", context.run(create));
    let folder = context.work().join("kernels/my_custom_kernel");
    let mode = |path: &str| fs::metadata(folder.join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!(
        ["", "kernel.json", "scripts", "scripts/launch_docker.py", "scripts/kernel_request.py"].map(mode),
        [0o755, 0o644, 0o755, 0o755, 0o644]
    );
    assert_snapshot!(
        "created_for_kubernetes",
        context.run(["kernelspec", "create", "team/kernel-r:4.5", "--proxy", "kubernetes"])
    );
    assert_snapshot!("listed", context.run(["kernelspec", "list"]));
    let listed = context.run(["kernelspec", "ls", "--json"]).success().json();
    assert_eq!(listed[1]["image"], json!(image));
    assert_eq!(listed[1]["problems"], json!([]));
    assert_snapshot!(
        "removed",
        context.run([
            "kernelspec",
            "remove",
            "kernel-r_kubernetes",
            "--allowed",
            "'a','kernel-r_kubernetes'"
        ])
    );
    assert_eq!(fs::read_dir(context.work().join("kernels")).unwrap().count(), 1);
}

#[test]
fn a_list_of_allowed_kernels_is_told_with_the_new_name() {
    let context = with_images();
    let create = |more: &[&str]| {
        let first = [
            "kernelspec",
            "create",
            "team/kernel-r:4.5",
            "-p",
            "distributed",
            "-n",
            "mine",
            "--replace",
            "--json",
        ];
        context.run(first.iter().chain(more)).success().json()
    };
    let made = create(&["--allowed", "['r_docker','python_docker']"]);
    assert_eq!(made["allowed_kernels"], json!("'r_docker','python_docker','mine'"));
    assert_eq!(made["restart"], json!("if-the-gateway-has-a-list"));
    let made = create(&["--allowed", "null"]);
    assert_eq!((&made["allowed_kernels"], &made["restart"]), (&json!("null"), &json!("never")));
    assert_eq!(create(&[])["allowed_kernels"], json!("'mine'"));
}

#[test]
fn one_starts_from_another_one() {
    let context = with_images();
    let create = [
        "kernelspec",
        "create",
        "registry.example:5000/team/kernel-py:1",
        "--proxy",
        "docker-swarm",
        "-n",
        "first",
    ];
    let own =
        ["--env", "OMP_NUM_THREADS=2", "--authorized-user", "alice,bob", "--port-range", "40000..41000"];
    drop(context.run(create.iter().chain(&own)).success());
    context.write("kernels/first/extra.txt", "kept");
    put(&context, &kernel_image("python"), "team/other:2");
    let from =
        ["kernelspec", "create", "team/other:2", "--from", "first", "-d", "Second", "-e", "A=1", "--pin"];
    drop(context.run(from).success());
    let second = kernel_json(&context, "kernels/second");
    let config = &second["metadata"]["process_proxy"]["config"];
    let image = config["image_name"].as_str().unwrap();
    assert!(image.starts_with("team/other:2@sha256:"), "{image}");
    assert_eq!(config["authorized_users"], json!("alice,bob"));
    assert_eq!(second["env"], json!({"OMP_NUM_THREADS": "2", "A": "1"}));
    assert_eq!(fs::read_to_string(context.work().join("kernels/second/extra.txt")).unwrap(), "kept");
    // Another language is refused, and so is another process proxy.
    assert_snapshot!(
        "from_another_language",
        context.run(["kernelspec", "create", "team/kernel-r:4.5", "--from", "first"])
    );
    assert_snapshot!(
        "from_another_proxy",
        context.run(["kernelspec", "create", "team/other:2", "--from", "kernels/first", "-p", "docker"])
    );
}

#[test]
fn one_follows_its_image() {
    let context = with_images();
    let image = "registry.example:5000/team/kernel-py:1";
    for (name, pin) in [("loose", None), ("pinned", Some("--pin"))] {
        let create = ["kernelspec", "create", image, "--proxy", "docker", "--name", name];
        drop(context.run(create.into_iter().chain(pin)).success());
    }
    assert_snapshot!("followed", context.run(["kernelspec", "update"]));
    let before = kernel_json(&context, "kernels/pinned");
    put(&context, &kernel_image("python").file("new", "1"), image);
    let looked = context.run(["kernelspec", "update", "--dry-run", "--json"]).success().json();
    assert_eq!((&looked[0]["changed"], &looked[1]["changed"]), (&json!(false), &json!(true)));
    assert_eq!(kernel_json(&context, "kernels/pinned"), before);
    let updated = context.run(["kernelspec", "update", "--json"]).success().json();
    assert_ne!(updated[1]["before"], updated[1]["image"]);
    assert_eq!(
        kernel_json(&context, "kernels/pinned")["metadata"]["process_proxy"]["config"]["image_name"],
        updated[1]["image"]
    );
    // One that cannot be followed keeps nobody from the others.
    put(&context, &kernel_image("r"), image);
    assert_snapshot!(
        "followed_into_another_language",
        context.run(["kernelspec", "update", "pinned", "--no-pin"])
    );
    assert_eq!(context.run(["kernelspec", "update", "loose", "--image", "team/kernel-r:4.5"]).code, Some(5));
}

#[test]
fn what_cannot_be_made_is_told_and_leaves_nothing() {
    let context = with_images();
    put(&context, &TinyImage::default(), "demo/plain:1");
    let py = "registry.example:5000/team/kernel-py:1";
    let outcome =
        |arguments: &[&str]| context.run(["kernelspec", "create"].iter().chain(arguments)).to_string();
    let cases: [(&str, &[&str]); 12] = [
        ("no image", &["demo/none:1", "-p", "docker"]),
        ("no language", &["demo/plain:1", "-p", "docker"]),
        ("no proxy", &[py]),
        ("not a proxy", &[py, "-p", "dockr"]),
        ("not a name", &[py, "-p", "docker", "-n", "a b"]),
        ("an option of others", &[py, "-p", "docker", "--remote-host", "a.example"]),
        ("a variable of the gateway", &[py, "-p", "docker", "-e", "KERNEL_ID=1"]),
        ("no variable", &[py, "-p", "docker", "-e", "A"]),
        ("ports too near", &[py, "-p", "docker", "--port-range", "40000..40010"]),
        ("no list", &[py, "-p", "docker", "--allowed", "'a b'"]),
        ("none to start from", &[py, "--from", "first"]),
        ("an empty name", &[py, "-p", "docker", "-d", " ", "-n", "x"]),
    ];
    let told: Vec<String> =
        cases.iter().map(|(what, arguments)| format!("{what}: {}", outcome(arguments))).collect();
    assert_snapshot!("refused", told.join("\n"));
    assert!(!context.work().join("kernels").exists());
    // What nobody looked at is taken as it is named.
    let unseen = ["kernelspec", "create", "demo/none:1", "-p", "docker", "--no-look", "--language", "julia"];
    drop(context.run(unseen).success());
    drop(context.run(unseen).exits(5));
    drop(context.run(["kernelspec", "update", "none"]).exits(3));
    assert_snapshot!("none_to_remove", context.run(["kernelspec", "remove", "nono_docker"]));
}

#[test]
fn what_is_wrong_with_one_is_told() {
    let context = with_images();
    context.write("kernels/broken/kernel.json", "{");
    context.write(
        "kernels/Old/kernel.json",
        r#"{"language": "python", "display_name": "Old", "argv": ["python", "/x/jupyter/kernels/other/a.py"],
        "metadata": {"process_proxy": {"class_name": "x.Y"}}}"#,
    );
    context.write("kernels/no-kernelspec/readme.txt", "");
    assert_snapshot!("listed_with_problems", context.run(["kernelspec", "list"]));
    assert_snapshot!(
        "from_a_broken_one",
        context.run(["kernelspec", "create", "team/kernel-r:4.5", "--from", "broken"])
    );
}

#[test]
fn one_is_published_into_a_folder() {
    let context = with_images();
    for image in ["registry.example:5000/team/kernel-py:1", "team/kernel-r:4.5"] {
        drop(context.run(["kernelspec", "create", image, "-p", "docker"]).success());
    }
    drop(context.run(["kernelspec", "publish", "--to", "mounted", "kernel-r_docker"]).success());
    let published = context.run(["kernelspec", "publish", "--to", "mounted", "--json"]).exits(5);
    assert!(published.stderr.contains("--replace"), "{published}");
    // None of them went there, nor goes where one is not there.
    assert!(!context.work().join("mounted/kernel-py_docker").exists());
    drop(context.run(["kernelspec", "remove", "kernel-r_docker", "none"]).exits(3));
    assert!(context.work().join("kernels/kernel-r_docker/kernel.json").exists());
    for at in ["kernels", "/a/../b"] {
        drop(context.run(["kernelspec", "publish", "--onto", "x", "-t", "y", "--at", at]).exits(2));
    }
    context.write("mounted/kernel-r_docker/scripts/old.py", "");
    let published =
        context.run(["kernelspec", "publish", "--to", "mounted", "--replace", "--json"]).success().json();
    assert_eq!(published["kernelspecs"], json!(["kernel-py_docker", "kernel-r_docker"]));
    assert_eq!(published["allowed_kernels"], json!("'kernel-py_docker','kernel-r_docker'"));
    assert!(!context.work().join("mounted/kernel-r_docker/scripts/old.py").exists());
    let same = |path: &str| {
        fs::read(context.work().join("kernels").join(path)).unwrap()
            == fs::read(context.work().join("mounted").join(path)).unwrap()
    };
    assert!(same("kernel-r_docker/kernel.json") && same("kernel-py_docker/scripts/launch_docker.py"));
}

#[test]
fn a_gateway_in_a_cluster_pulls_what_its_kernelspecs_start() {
    let context = with_images();
    for (image, name) in [("team/kernel-r:4.5", "seen"), ("registry.invalid/none:1", "unseen")] {
        let create =
            ["kernelspec", "create", image, "-p", "kubernetes", "-n", name, "--no-look", "--language", "r"];
        drop(context.run(create).success());
    }
    let deploy = ["kernelspec", "deploy", "--to", "kubernetes", "--gateway-image", "team/gateway:1"];
    let made = context.run(deploy).success();
    assert!(made.stderr.contains("it is taken to have a shell"), "{made}");
    let container = |image: &str| {
        let lines = made.stdout.lines().skip_while(|line| !line.contains(&format!("image: {image}")));
        lines.take(6).collect::<Vec<_>>().join("\n")
    };
    assert!(container("team/kernel-r:4.5").contains("imagewright-kernel-launcher"), "{made}");
    assert!(container("registry.invalid/none:1").contains("/bin/sh"), "{made}");
    // Written, it is the same.
    drop(context.run([&deploy[..], &["--output", "gateway"]].concat()).success());
    let written = fs::read_to_string(context.work().join("gateway/enterprise-gateway.yaml")).unwrap();
    assert_eq!(written.trim_end(), made.stdout.trim_end());
}
