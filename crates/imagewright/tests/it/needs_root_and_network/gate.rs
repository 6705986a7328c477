//! Images that must run somewhere: mended, or not let through.

use serde_json::Value;

use super::seed::{self, BASE};

/// Names of all images, and how many have none.
fn listed(context: &imagewright_testkit::context::TestContext) -> (Vec<String>, usize) {
    let images = context.run(["image", "list", "--json"]).success().json();
    let images = images.as_array().unwrap();
    let names = |image: &Value| image["names"].as_array().cloned().unwrap_or_default();
    let named = images.iter().flat_map(names).map(|name| name.as_str().unwrap().to_owned());
    (named.collect(), images.iter().filter(|image| names(image).is_empty()).count())
}

fn rules(report: &Value) -> Vec<&str> {
    let findings = report["findings"].as_array().unwrap().iter();
    findings.filter(|it| it["level"] == "error").map(|it| it["rule"].as_str().unwrap()).collect()
}

#[test]
#[ignore = "needs root and network"]
fn what_is_missing_is_added_and_the_image_is_looked_at_again() {
    let context = seed::context();
    let (_, nameless) = listed(&context);
    let not_pushed = ["--ignore", "reference-not-in-registry"];
    let check =
        |image: &str| context.run(["check", image, "--for", "elyra", "--json"].iter().chain(&not_pushed));
    let before = check(BASE).exits(1).json();
    assert!(rules(&before["profiles"][0]).contains(&"python-missing"), "{before}");
    let fix = ["check", BASE, "--for", "elyra", "--fix", "-t", "demo/mended:1", "--json"];
    let fixed = context.run(fix).success().json();
    assert_eq!(fixed["left"], Value::from([""; 0]), "{fixed:#}");
    assert!(
        fixed["done"].as_array().unwrap().iter().any(|it| it.as_str().unwrap().contains("curl")),
        "{fixed:#}"
    );
    assert_eq!(fixed["after"]["subject"], "demo/mended:1");
    let after = check("demo/mended:1").exits(0).json();
    assert_eq!(rules(&after["profiles"][0]), [""; 0]);
    // The image itself stays as it was, and nothing unfinished is left in the list.
    assert!(check(BASE).code == Some(1));
    let (names, now) = listed(&context);
    assert!(
        names.contains(&"demo/mended:1".to_owned()) && !names.iter().any(|name| name.contains("invalid"))
    );
    assert_eq!(now, nameless);
    let said =
        context.run(["image", "run", "demo/mended:1", "--", "sh", "-c", "pwd; python3 -m pip --version"]);
    assert!(said.success().stdout.starts_with("/opt/work\npip "));
    // One without a name stays in the list, too.
    let images = context.run(["image", "list", "--json"]).success().json();
    let is_nameless = |image: &&Value| image["names"].as_array().is_none_or(Vec::is_empty);
    let id = images.as_array().unwrap().iter().find(is_nameless);
    let id = id.and_then(|image| image["digest"].as_str().or(image["manifest_digest"].as_str()));
    if let Some(id) = id {
        let by_id = ["check", id, "--for", "elyra", "--fix", "-t", "demo/again:1", "--json"];
        drop(context.run(by_id).success());
        assert_eq!(listed(&context).1, nameless);
    }
    // Nothing more is to be done.
    let again = ["check", "demo/mended:1", "--for", "elyra", "--fix", "--json"];
    let again = context.run(again.iter().chain(&not_pushed)).success().json();
    assert!(again["digest"].is_null(), "{again:#}");
    context.assert_nothing_unfinished();
}

#[test]
#[ignore = "needs root and network"]
fn an_image_gets_its_names_if_it_runs_where_it_is_meant_to() {
    let context = seed::context();
    let (before, nameless) = listed(&context);
    let build = |more: &[&str]| {
        context.run(
            ["build", "--base", BASE, "--apt", "less", "-t", "demo/gated:1", "--for", "elyra"]
                .iter()
                .chain(more),
        )
    };
    let refused = build(&[]).exits(1);
    assert!(refused.stderr.contains("curl-missing") && refused.stderr.contains("--allow RULE"), "{refused}");
    assert_eq!(listed(&context), (before.clone(), nameless));
    drop(build(&["--allow", "curl"]).exits(2));
    // What is allowed to be missing is noted in the image.
    let let_through = build(&["--allow", "curl-missing,python-missing", "--json"]).success().json();
    assert_eq!(let_through["profiles"][0]["verdict"], "does-not-run");
    let shown = context.run(["image", "show", "demo/gated:1", "--json"]).success().json();
    assert_eq!(
        shown["manifest"]["annotations"]["dev.imagewright.waived"], "curl-missing,python-missing",
        "{shown:#}"
    );
    assert_eq!(listed(&context).1, nameless);
    // One that passes is as it is without the question.
    let good = [
        "--apt",
        "python3 python3-pip curl ca-certificates",
        "-e",
        "PIP_BREAK_SYSTEM_PACKAGES=1",
        "-e",
        "HOME=/tmp",
    ];
    drop(build(&good).success());
    let gated = context.run(["image", "show", "demo/gated:1", "--json"]).success().json();
    let plain = ["build", "--base", BASE, "--apt", "less", "-t", "demo/plain:1"];
    drop(context.run(plain.iter().chain(&good)).success());
    let plain = context.run(["image", "show", "demo/plain:1", "--json"]).success().json();
    assert_eq!(gated["manifest"], plain["manifest"]);
    context.assert_nothing_unfinished();
}
