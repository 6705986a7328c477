//! `imagewright check --for … --run`: images that run, each judged by the rules of its platform; for each rule one that it finds
//! nothing wrong with, and one that it does.

mod elyra;
mod gateway;
mod hostile;
mod hub;
mod kubeflow;
mod needs_launcher;
mod stacks;
mod starts;

use std::collections::BTreeMap;

use imagewright_testkit::context::TestContext;
use serde_json::Value;

/// Builds an image from a Dockerfile, with these files beside it.
fn build(context: &TestContext, name: &str, dockerfile: &str, files: &[(&str, &str)]) {
    let folder = name.replace([':', '/'], "-");
    for (file, text) in files {
        context.write(&format!("{folder}/{file}"), text);
    }
    context.write(&format!("{folder}/Dockerfile"), dockerfile);
    drop(context.run(["build", &folder, "--engine", "native", "-t", name]).success());
}

/// What rules found of an image that was run, by rule: level and message; `?` where a rule could not tell.
type Found = BTreeMap<String, (String, String)>;

/// Asks these rules of a profile, which run the image.
fn run(context: &TestContext, image: &str, profile: &str, rules: &[&str]) -> Found {
    let mut words = vec!["check", image, "--for", profile, "--run", "--json", "--fail-on", "never"];
    for rule in rules {
        words.extend(["--rule", rule]);
    }
    let outcome = context.run(words);
    let told = outcome.success().json();
    let report = &told["profiles"][0];
    assert_eq!(report["rules"], rules.len(), "{report}");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let findings = report["findings"].as_array().unwrap();
    let found = findings.iter().map(|it| (text(&it["rule"]), (text(&it["level"]), text(&it["message"]))));
    let unanswered = report["unanswered"].as_array().into_iter().flatten();
    let open = unanswered.map(|it| (text(&it["rule"]), ("?".to_owned(), text(&it["reason"]))));
    found.chain(open).collect()
}

/// Holds that a rule finds this, in part, and at this level.
#[track_caller]
fn finds(found: &Found, rule: &str, level: &str, expected: &str) {
    let Some((seen, message)) = found.get(rule) else { panic!("{rule} finds nothing: {found:?}") };
    assert!(seen == level && message.contains(expected), "{rule}: {seen}: {message}");
}
