//! Where Python packages go.

use imagewright_testkit::context::TestContext;
use imagewright_testkit::wheels::Wheel;

use super::seed::{PYTHON, context_with_wheels};

/// Builds with these lines in the spec and asks the module where it lies.
fn place(context: &TestContext, lines: &str, interpreter: &str) -> String {
    context.write("spec/image.yaml", &format!("base: {PYTHON}\n{lines}"));
    context.write("spec/requirements.txt", "--no-index\nalpha\n");
    drop(context.run(["build", "spec", "-t", "demo/place"]).success());
    let command =
        ["image", "run", "demo/place", "--", interpreter, "-c", "import alpha; print(alpha.__file__)"];
    context.run(command).success().stdout
}

#[test]
#[ignore = "needs root and network"]
fn packages_go_where_the_spec_says() {
    let context = context_with_wheels(&[Wheel::new("alpha", "1.0")]);
    let managed =
        context.run(["image", "run", PYTHON, "--", "sh", "-c", "ls /usr/lib/python3*/EXTERNALLY-MANAGED"]);
    let unsaid = place(&context, "", "python3");
    let own = managed.code == Some(0);
    assert!(
        unsaid.starts_with(if own { "/opt/venv/lib/python3" } else { "/usr/local/lib/python3" }),
        "{unsaid}"
    );
    let system = place(&context, "python: {environment: system}\n", "/usr/bin/python3");
    assert!(system.starts_with("/usr/local/lib/python3"), "{system}");
    let named = place(&context, "python: {environment: /srv/tools}\n", "python3");
    assert!(named.starts_with("/srv/tools/lib/python3"), "{named}");
}

#[test]
#[ignore = "needs root and network"]
fn a_user_of_the_image_can_import_them_but_not_change_them() {
    let context = context_with_wheels(&[Wheel::new("alpha", "1.0")]);
    let from = place(&context, "user: '1000:100'\nworkdir: /home/me\n", "python3");
    let script = format!("id -u; pwd; touch {} 2>/dev/null || echo refused", from.trim());
    let seen = context.run(["image", "run", "demo/place", "--", "sh", "-c", &script]).success().stdout;
    assert_eq!(seen, "1000\n/home/me\nrefused\n");
}
