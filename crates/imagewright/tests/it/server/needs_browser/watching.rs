//! Builds, watched.

use imagewright_testkit::browser::{Browser, Look};

use super::{TestServer, add_person};
use crate::server::builds::support::{BASE, add, building, last_build, spec, wait_at, wait_for};
use crate::server::support::Caller;

/// A browser in which an image is made, as somebody does who has read that it can be built.
fn watching<'a>(server: &'a TestServer, root: &Caller<'a>) -> Browser {
    add_person(root, "ada", true);
    let browser = server.browser_of("ada", Look::default());
    browser.go(&server.page("/images/new"));
    browser.type_into("#display_name", "Tools");
    browser.click("#way-built");
    browser.type_into("#base", BASE);
    browser.click(".more summary");
    browser.type_into(
        "#more",
        r#"{"conda": {"packages": ["tool", "other"], "channels": ["team"]}, "python": {"bytecode": "none"}}"#,
    );
    browser.click("aside button[value=plan]");
    browser.wait_for_text("It can be built");
    browser.click("aside button[value=save]");
    browser
}

#[test]
#[ignore = "needs a browser"]
fn any_two_builds_are_compared() {
    let (server, _packages) = building();
    let root = server.administrator();
    add_person(&root, "ada", true);
    let mut versions = vec![wait_for(&root, &add(&root, "tools", &["tool=1.0"]), &["succeeded"])];
    for packages in [&["tool=1.0", "other"][..], &["tool=2.0", "other"]] {
        let build = root.post("/images/tools/builds", &serde_json::json!({"spec": spec(packages)})).is(201);
        versions.push(wait_for(&root, &build, &["succeeded"]));
    }
    let browser = server.browser_of("ada", Look::default());
    browser.go(&server.page("/images/tools"));
    let chosen = "return document.querySelector('#compare-before').value";
    assert_eq!(browser.run(chosen), versions[1]["id"], "the one before the last");
    // The first and the last, by the keyboard alone.
    browser.run("document.querySelector('#compare-before').focus()");
    browser.press("\u{e010}");
    assert_eq!(browser.run(chosen), versions[0]["id"]);
    browser.press("\u{e004}\u{e004}\u{e007}");
    browser.wait_for_text("tools: build 1 and build 3");
    let rows = browser.run("return [...document.querySelectorAll('tbody tr')].map((row) => row.innerText.split(/\\s+/).join(' ').trim())");
    assert_eq!(rows, serde_json::json!(["other conda 0.1", "tool conda 1.0 2.0"]));
    browser.click("main a.button");
    browser.wait_for_text("Compare builds of tools");
}

#[test]
#[ignore = "needs a browser"]
fn a_log_is_followed_to_its_end_over_a_reload() {
    let (server, packages) = building();
    let root = server.administrator();
    let browser = watching(&server, &root);
    browser.wait_for_text("It was added.");
    let build = last_build(&root, "tools");
    wait_for(&root, &build, &["succeeded"]);
    packages.gate.close();
    // Made anew, so that there is something to watch.
    root.post("/images/tools/builds?plan=false", &serde_json::json!({"upgrade": true})).is(201);
    wait_at(&packages.gate);
    let build = last_build(&root, "tools");
    let id = build["id"].as_str().unwrap();
    browser.go(&server.page(&format!("/builds/{id}")));
    browser.wait_until("return document.querySelectorAll('#log div').length > 0");
    browser.reload();
    browser.wait_until("return document.querySelectorAll('#log div').length > 0");
    packages.gate.open();
    wait_for(&root, &build, &["succeeded"]);
    browser.wait_until("return document.querySelector('#log').dataset.over != null");
    let shown =
        browser.run("return [...document.querySelectorAll('#log div')].map((line) => line.lastChild.data)");
    let shown: Vec<&str> = shown.as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    let log = root.get(&format!("/builds/{id}/log")).body;
    assert_eq!(shown, log.lines().collect::<Vec<_>>());
    browser.wait_for_text("On offer as");
    browser.go(&server.page("/images/tools/contents?search=too"));
    browser.wait_for_text("2 packages");
    assert_eq!(browser.text(".card:last-of-type tbody"), "tool 2.0 conda");
    browser.wait_for_text("What takes the space");
    browser.go(&server.page("/images/tools"));
    // What it lacks is found out by itself, and told on a page of its own.
    browser.wait_for_text("does not run");
    let checks = root.get("/images/tools/checks?for=elyra").is(200);
    assert_eq!(checks[0]["verdict"], "does-not-run", "{checks}");
    assert!(
        checks[0]["findings"].as_array().unwrap().iter().any(|it| it["rule"] == "shell-missing"),
        "{checks}"
    );
    browser.click(".runs dd a");
    browser.wait_for_text("Told by its files and settings");
    browser.go(&server.page("/images/tools"));
    browser.click("td a.quiet");
    browser.wait_for_text("The packages are the same");
    assert_eq!(browser.complaints(), [] as [&str; 0]);
}

#[test]
#[ignore = "needs a browser"]
fn a_build_is_cancelled_and_begun_again() {
    let (server, packages) = building();
    let root = server.administrator();
    add_person(&root, "ada", true);
    packages.gate.close();
    let build = crate::server::builds::support::add(&root, "a", &["tool"]);
    wait_at(&packages.gate);
    let browser = server.browser_of("ada", Look::default());
    browser.go(&server.page(&format!("/builds/{}", build["id"].as_str().unwrap())));
    browser.click("#build-head button.danger");
    browser.accept();
    browser.wait_for_text("The build stops.");
    wait_for(&root, &build, &["cancelled"]);
    packages.gate.open();
    browser.wait_for_text("cancelled");
    browser.click("#build-head form[action$=retry] button");
    browser.wait_for_text("The build waits for its turn.");
    wait_for(&root, &last_build(&root, "a"), &["succeeded"]);
    browser.wait_for_text("On offer as");
}
