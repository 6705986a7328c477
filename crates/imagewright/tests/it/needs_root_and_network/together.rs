//! Two builds of the same thing at the same time.

use std::process::{Child, Stdio};

use imagewright_testkit::context::{Outcome, TestContext};
use imagewright_testkit::wheels::Wheel;
use serde_json::Value;

use super::seed::{BASE, context, context_with_wheels, write_spec};

fn start(context: &TestContext, arguments: &[&str]) -> Child {
    let arguments = arguments.iter().chain(&["--progress", "json", "--json"]);
    context.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn finish(child: Child) -> Outcome {
    Outcome::from(child.wait_with_output().unwrap()).success()
}

/// Whether the last step, the one that both want, was run and not taken over.
fn ran(outcome: &Outcome) -> bool {
    let finished = |event: &Value| event["event"] == "step_finished";
    outcome.events().iter().rfind(|event| finished(event)).unwrap()["cached"] == false
}

fn waited(outcome: &Outcome) -> bool {
    let waits = |event: &Value| {
        event["message"].as_str().is_some_and(|text| text.starts_with("waiting for another build"))
    };
    outcome.events().iter().any(waits)
}

/// Builds twice at once: one works, the other waits and shares the result.
#[track_caller]
fn build_twice_at_once(context: &TestContext, arguments: &[&str]) {
    let outcomes = [start(context, arguments), start(context, arguments)].map(finish);
    let [first, second] = &outcomes;
    assert_eq!(first.json()["digest"], second.json()["digest"]);
    assert_eq!(outcomes.iter().filter(|outcome| ran(outcome)).count(), 1, "{first}\n{second}");
    assert!(outcomes.iter().any(waited), "{first}\n{second}");
    context.assert_nothing_unfinished();
}

#[test]
#[ignore = "needs root and network"]
fn of_debian_packages() {
    build_twice_at_once(&context(), &["build", "--base", BASE, "--apt", "tree", "-t", "demo/tree"]);
}

#[test]
#[ignore = "needs root and network"]
fn of_python_packages() {
    let context = context_with_wheels(&[Wheel::new("alpha", "1.0")]);
    write_spec(&context, "alpha");
    build_twice_at_once(&context, &["build", "spec", "-t", "demo/alpha"]);
}
