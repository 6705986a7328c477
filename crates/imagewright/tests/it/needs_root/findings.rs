//! A build of a Dockerfile says what rules find in it, and goes on.

use imagewright_testkit::context::TestContext;
use serde_json::Value;

use crate::support::context_with_image;

const TEXT: &str =
    "FROM demo/tiny:1\nENV HF_TOKEN=x\n# imagewright: ignore=service-not-started\nCMD [\"postgres\"]\n";

/// The messages of warnings among the events of a build, and how the last event is called.
fn warnings(context: &TestContext, arguments: &[&str]) -> (Vec<String>, String, Option<i32>) {
    let outcome = context.run([&["build", "image", "--progress", "json"], arguments].concat());
    let events: Vec<Value> =
        outcome.stderr.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let told = events.iter().filter(|event| event["event"] == "warning");
    let told = told.map(|event| event["message"].as_str().unwrap().to_owned()).collect();
    (told, events.last().unwrap()["event"].as_str().unwrap().to_owned(), outcome.code)
}

#[test]
#[ignore = "needs root"]
fn each_is_told_once_and_nothing_stops() {
    let context = context_with_image();
    context.write("image/Dockerfile", TEXT);
    let expected = [
        "image/Dockerfile:1: the base runs as root and no USER follows, so containers of this image run as root (runs-as-root)",
        "image/Dockerfile:2: the value of `HF_TOKEN` is for everybody to read who has the image (secret-in-image)",
    ];
    let (told, last, code) = warnings(&context, &[]);
    assert_eq!(
        (told.as_slice(), last.as_str(), code),
        (&expected.map(str::to_owned)[..], "finished", Some(0))
    );
    let built = context.run(["build", "image", "--json"]).success().json();
    let rules: Vec<_> = built["findings"].as_array().unwrap().iter().map(|it| it["rule"].clone()).collect();
    assert_eq!(rules, ["base-not-pinned", "runs-as-root", "secret-in-image"], "notes are in the result");
}

#[test]
#[ignore = "needs root"]
fn what_hangs_on_a_base_that_is_not_there_yet_is_told_before_the_end() {
    let context = context_with_image();
    // The base is in no store, so the build fails.
    context.write("image/Dockerfile", "FROM demo/absent:1\nUSER root\nENV HF_TOKEN=x\n");
    let (told, last, code) = warnings(&context, &["--offline"]);
    assert_ne!(code, Some(0));
    assert_eq!(last, "finished");
    let rules: Vec<_> = told.iter().map(|message| message.rsplit_once('(').unwrap().1).collect();
    assert_eq!(rules, ["runs-as-root)", "secret-in-image)"]);
}
