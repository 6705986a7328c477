//! The example of the README: built, built again, and used.

use std::path::Path;

use imagewright_testkit::context::TestContext;

use super::seed::context;

pub(crate) const EXAMPLE: &str = "demo/data-science:1";

/// Builds `examples/data-science` as the README does.
pub(crate) fn build_example(context: &TestContext, arguments: &[&str]) -> serde_json::Value {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/data-science");
    let command = ["build", example.to_str().unwrap(), "-t", EXAMPLE, "--json"];
    context.run(command.iter().chain(arguments)).success().json()
}

/// What a program in the example prints.
fn output(context: &TestContext, options: &[&str], command: &[&str]) -> String {
    let arguments = ["image", "run"].iter().chain(options).chain(&[EXAMPLE, "--"]).chain(command);
    context.run(arguments).success().stdout
}

#[test]
#[ignore = "needs root and network"]
fn the_example_of_the_readme_works() {
    let context = context();
    let first = build_example(&context, &[]);
    let second = build_example(&context, &[]);
    assert_eq!(first["digest"], second["digest"]);
    assert_eq!(second["unchanged"], true);

    let version = output(&context, &[], &["python3", "-c", "import pandas; print(pandas.__version__)"]);
    assert!(version.split('.').count() >= 3, "{version}");
    let lab = output(&context, &[], &["jupyter", "lab", "--version"]);
    assert!(lab.split('.').count() >= 3, "{lab}");
    assert_eq!(output(&context, &[], &["pip", "check"]), "No broken requirements found.\n");
    assert!(output(&context, &[], &["git", "--version"]).starts_with("git version"));
    let compute = "import numpy, ipykernel, pandas; print(pandas.Series(numpy.arange(4)).sum())";
    assert_eq!(output(&context, &[], &["python3", "-c", compute]), "6\n");
    assert_eq!(output(&context, &["--user", "1000:1000"], &["python3", "-c", compute]), "6\n");
    assert_eq!(output(&context, &["--user", "1000:1000"], &["id", "-u"]), "1000\n");
    context.assert_nothing_unfinished();
}
