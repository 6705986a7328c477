//! From an image with a Python to a kernel that Enterprise Gateway starts: by two commands, and our own launcher.

use super::super::seed::{self, PYTHON};

#[test]
#[ignore = "needs root, network and the kernel launcher"]
fn a_python_becomes_an_image_whose_kernel_computes() {
    let context = seed::context();
    let words = ["check", PYTHON, "--for", "enterprise-gateway", "--fix", "-t", "demo/kernel:1", "--json"];
    let fixed = context.run(words).success().json();
    let done = fixed["done"].as_array().unwrap().iter().map(|it| it.as_str().unwrap());
    let done: Vec<&str> = done.collect();
    assert!(done.iter().any(|it| it.starts_with("the kernel launcher")), "{done:?}");
    assert!(done.contains(&"Python packages: ipykernel"), "{done:?}");
    let shown = context.run(["image", "show", "demo/kernel:1", "--json"]).success().json();
    assert_eq!(
        shown["config"]["config"]["Cmd"][0], "/usr/local/bin/imagewright-kernel-launcher",
        "{shown:#}"
    );
    // It is started as the gateway starts it, replies, and computes: on Kubernetes' search path and under any user id, too.
    let words = ["check", "demo/kernel:1", "--for", "enterprise-gateway", "--run", "--json"];
    let run = context.run([&words[..], &["--ignore", "reference-not-in-registry"]].concat()).success().json();
    let report = &run["profiles"][0];
    let errors = report["findings"].as_array().unwrap().iter().filter(|it| it["level"] == "error");
    assert_eq!(errors.count(), 0, "{report:#}");
    assert_eq!(report["unanswered"].as_array().map_or(0, Vec::len), 0, "{report:#}");
    context.assert_nothing_unfinished();
}
