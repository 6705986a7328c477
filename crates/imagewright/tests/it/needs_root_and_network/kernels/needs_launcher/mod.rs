//! With imagewright's own launcher.

mod examples;

use std::fs;

use super::{build, own_layers, passes, shown};
use crate::needs_root_and_network::seed::{self, BASE, PYTHON};

#[test]
#[ignore = "needs root, network and the kernel launcher"]
fn a_list_of_python_packages_becomes_a_kernel() {
    let context = seed::context();
    context.write("spec/image.yaml", &format!("base: {PYTHON}\nkernel: python\ntags: [team/kernel:1]\n"));
    let first = build(&context, &["spec"]);
    let image = shown(&context, "team/kernel:1");
    let config = &image["config"]["config"];
    assert_eq!(config["Cmd"], serde_json::json!(["/usr/local/bin/imagewright-kernel-launcher"]));
    assert_eq!(config["User"], "1000:100");
    assert_eq!(config["WorkingDir"], "/home/jovyan");
    assert!(config["Env"].as_array().unwrap().contains(&"KERNEL_LANGUAGE=python".into()), "{config:#}");
    assert!(config["Entrypoint"].is_null() && config["Healthcheck"].is_null(), "{config:#}");
    passes(&context, "team/kernel:1");
    let who =
        ["image", "run", "team/kernel:1", "--", "sh", "-c", "id -un; touch ~/x && pwd; ls -ld /etc/shadow"];
    let said = context.run(who).success().stdout;
    assert!(said.starts_with("jovyan\n/home/jovyan\n-rw-r-----"), "{said}");

    // The same again is the same; what starts the kernel does not depend on the list.
    assert_eq!(build(&context, &["spec"])["unchanged"], true);
    drop(build(&context, &["spec", "--pip", "six", "-t", "team/kernel:2"]));
    let other = shown(&context, "team/kernel:2");
    assert_eq!(own_layers(&image).len(), 2);
    assert_eq!(own_layers(&image), own_layers(&other));
    drop(build(&context, &["spec"]));

    // A plan has it, and the lock keeps to it.
    let plan = context.run(["plan", "spec", "--json"]).success().json();
    let step = plan["steps"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&step["kind"], &step["packages"][0]["name"]),
        (&"kernel".into(), &"imagewright-kernel-launcher".into())
    );
    assert_eq!(plan["image"]["digest"], first["digest"]);
    let launcher = context.root().join("tools/imagewright-kernel-launcher");
    let bytes = [&fs::read(&launcher).unwrap()[..], b"!"].concat();
    // The tools are shared by links.
    fs::remove_file(&launcher).unwrap();
    fs::write(&launcher, bytes).unwrap();
    let refused = context.run(["build", "spec", "--locked"]).exits(5);
    assert!(refused.stderr.contains("`imagewright-kernel-launcher` was "), "{}", refused.stderr);
    assert_ne!(build(&context, &["spec"])["digest"], first["digest"]);
    context.assert_nothing_unfinished();

    // Elsewhere, from the lock of the first build or without one, it is the same image to the bit.
    let elsewhere = seed::context();
    elsewhere.write("other/image.yaml", &format!("base: {PYTHON}\nkernel: python\n"));
    assert_eq!(build(&elsewhere, &["other"])["digest"], first["digest"]);
}

#[test]
#[ignore = "needs root, network and the kernel launcher"]
fn r_becomes_a_kernel() {
    let context = seed::context();
    drop(build(&context, &["--base", "bootstrap", "--kernel", "R", "-t", "team/r:1"]));
    assert_eq!(own_layers(&shown(&context, "team/r:1")).len(), 2);
    passes(&context, "team/r:1");
    // On it, nothing is missing: neither a launcher nor an account comes once more.
    drop(build(&context, &["--base", "team/r:1", "--kernel", "r", "-e", "A=b", "-t", "team/r:2"]));
    assert_eq!(own_layers(&shown(&context, "team/r:2")), own_layers(&shown(&context, "team/r:1")));
    context.assert_nothing_unfinished();
}

#[test]
#[ignore = "needs root, network and the kernel launcher"]
fn what_is_not_there_is_named() {
    let context = seed::context();
    let refused = |words: &[&str], code: i32, expected: &str| {
        let stderr = context.run([&["build", "--base", BASE], words].concat()).exits(code).stderr;
        assert!(stderr.contains(expected), "{stderr}");
    };
    refused(
        &["--kernel", "r"],
        4,
        "error: --kernel: nothing in the image starts a kernel for `r`\nhint: add `r-cran-irkernel`",
    );
    refused(&["--kernel", "julia"], 4, "nothing in the image starts a kernel for `julia`");
    context.write(
        "spec/image.yaml",
        &format!("base: {PYTHON}\nkernel:\n  language: python\n  kernelspec: python4\n"),
    );
    let stderr = context.run(["build", "spec"]).exits(4).stderr;
    let expected =
        "spec/image.yaml:3:13: the image has no kernelspec `python4`, but python3\nhint: name one of those";
    assert!(stderr.contains(expected), "{stderr}");
    context.write(
        "spec/image.yaml",
        &format!("base: {PYTHON}\nkernel: {{language: python, kernelspec: PYTHON3}}\n"),
    );
    drop(context.run(["build", "spec", "-t", "team/named:1"]).success());
    let image = shown(&context, "team/named:1");
    let variables = image["config"]["config"]["Env"].as_array().unwrap();
    assert!(variables.contains(&"IMAGEWRIGHT_KERNELSPEC=PYTHON3".into()), "{variables:?}");
    fs::remove_file(context.root().join("tools/imagewright-kernel-launcher")).unwrap();
    // Before anything is fetched.
    refused(&["--kernel", "python", "--pip", "no-such-package"], 8, "there is no kernel launcher at `");
    refused(&["--kernel", "python"], 8, "hint: `scripts/build-launcher ");
}
