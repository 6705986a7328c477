//! Images are made, found, changed and removed.

use imagewright_testkit::browser::{Browser, Look};
use serde_json::json;

use super::{PASSWORD, TestServer, add_person};

#[test]
#[ignore = "needs a browser"]
fn from_the_first_start_to_an_image() {
    let server = TestServer::start();
    let link = server.said.iter().find_map(|line| line.trim().strip_prefix("http://")).unwrap();
    let browser = Browser::open(Look::default());
    browser.go(&format!("http://{link}"));
    browser.type_into("#name", "ada");
    browser.type_into("#password", "short");
    browser.run("document.querySelector('form[action=\"/setup\"]').noValidate = true");
    browser.click("button.primary");
    browser.wait_until("return document.querySelector('#password-wrong') != null");
    browser.type_into("#password", PASSWORD);
    browser.click("button.primary");
    browser.wait_for_text("There is no image yet");
    browser.click("main a.primary");
    browser.type_into("#display_name", "Team analysis");
    browser.type_into("#tags", "python, team");
    browser.type_into("#reference", "127.0.0.1:1/team/analysis:1");
    browser.click("aside button.primary");
    browser.wait_for_text("It was added.");
    browser.wait_for_text("could not be looked up");
    assert_eq!(
        browser.address(),
        server.page("/images/team-analysis").as_str().to_owned() + query_of(&browser.address())
    );
    assert_eq!(browser.text("dl code"), "127.0.0.1:1/team/analysis:1");
    // The link is good once.
    let second = Browser::open(Look::default());
    second.go(&format!("http://{link}"));
    second.type_into("#name", "eve");
    second.type_into("#password", PASSWORD);
    second.click("button.primary");
    second.wait_for_text("This link was used");
    // Chromium tells that a password was refused, too.
    let complaints: Vec<String> = browser.complaints().into_iter().filter(|it| !it.contains("422")).collect();
    assert_eq!(complaints, [] as [&str; 0]);
}

fn query_of(address: &str) -> &str {
    address.find('?').map_or("", |at| &address[at..])
}

#[test]
#[ignore = "needs a browser"]
fn a_search_narrows_the_list_while_one_types() {
    let server = TestServer::start();
    let root = server.administrator();
    add_person(&root, "ada", true);
    for (name, tag) in [("Vision", "gpu"), ("Language", "text"), ("Genome", "text")] {
        let new = json!({"display_name": name, "reference": "127.0.0.1:1/a:1", "tags": [tag], "visibility": {"global": true}});
        root.post("/images", &new).is(201);
    }
    let browser = server.browser_of("ada", Look::default());
    browser.wait_until("return document.querySelectorAll('tbody tr').length == 3");
    browser.run("window.isStillHere = true");
    browser.type_into("#search", "gen");
    browser.wait_until("return document.querySelectorAll('tbody tr').length == 1");
    assert_eq!(browser.text("tbody strong"), "Genome");
    assert_eq!(browser.run("return window.isStillHere"), true, "the page was loaded anew");
    assert!(browser.address().contains("search=gen"), "{}", browser.address());
    // The address is the list: it can be sent to somebody.
    browser.reload();
    browser.wait_until("return document.querySelectorAll('tbody tr').length == 1");
    browser.go(&server.page("/images?tag=text&sort=display_name&descending=true"));
    assert_eq!(browser.text("tbody tr:first-child strong"), "Language");
    browser.go(&server.page("/images?search=nothing"));
    browser.wait_for_text("Nothing matches");
    assert_eq!(browser.complaints(), [] as [&str; 0]);
}

#[test]
#[ignore = "needs a browser"]
fn two_editors_do_not_overwrite_each_other() {
    let server = TestServer::start();
    let root = server.administrator();
    add_person(&root, "ada", true);
    let new =
        json!({"display_name": "A", "reference": "127.0.0.1:1/a:1", "gpu_reference": "127.0.0.1:1/a:gpu"});
    root.post("/images", &new).is(201);
    let browser = server.browser_of("ada", Look::default());
    browser.go(&server.page("/images/a/edit"));
    browser.type_into("#description", "of ada");
    browser.click("button[value=review]");
    browser.wait_for_text("This will change:");
    assert_eq!(browser.text(".note dl ins"), "of ada");
    root.change("/images/a", &json!({"tags": ["theirs"]})).is(200);
    browser.click("button[value=save]");
    browser.wait_for_text("has been changed since it was read");
    assert_eq!(browser.run("return document.querySelector('#description').value"), "of ada");
    let image = root.get("/images/a").is(200);
    assert!(image["description"].is_null() && image["tags"] == json!(["theirs"]), "{image}");
    // Done again on what it is now: what is not named stays, the other reference with it.
    browser.go(&server.page("/images/a/edit"));
    browser.type_into("#description", "of ada");
    browser.click("button[value=save]");
    browser.wait_for_text("It was saved.");
    let image = root.get("/images/a").is(200);
    assert_eq!((&image["description"], &image["tags"]), (&json!("of ada"), &json!(["theirs"])));
    assert_eq!(image["gpu_reference"], "127.0.0.1:1/a:gpu");
    browser.click("a.danger");
    browser.wait_for_text("Nothing is known to depend on it.");
    browser.click("button.danger");
    browser.wait_for_text("It was removed.");
    root.get("/images/a").is(404);
}

#[test]
#[ignore = "needs a browser"]
fn only_what_applies_is_shown() {
    let server = TestServer::start();
    add_person(&server.administrator(), "ada", true);
    let browser = server.browser_of("ada", Look::default());
    browser.go(&server.page("/images/new"));
    let is_shown = |id: &str| {
        browser.run(&format!("return document.getElementById('{id}').offsetParent != null")) == true
    };
    assert!(is_shown("reference") && is_shown("gpu_reference") && !is_shown("pip"));
    browser.click("#type-cpu");
    assert!(is_shown("reference") && !is_shown("gpu_reference"));
    browser.click("#way-built");
    assert!(!is_shown("reference") && is_shown("pip") && is_shown("base"));
}

#[test]
#[ignore = "needs a browser"]
fn members_of_other_groups_see_nothing() {
    let server = TestServer::start();
    let root = server.administrator();
    for (group, person) in [("ml", "ada"), ("bio", "bob")] {
        add_person(&root, person, false);
        root.post("/groups", &json!({"name": group})).is(201);
        root.put(&format!("/groups/{group}/members/{person}"), &json!({"role": "admin"})).is(200);
    }
    let new = json!({"display_name": "Ours", "reference": "127.0.0.1:1/a:1", "owner": {"group": "ml"}});
    root.post("/images", &new).is(201);
    let ada = server.browser_of("ada", Look::default());
    ada.wait_for_text("Ours");
    let bob = server.browser_of("bob", Look::default());
    bob.wait_for_text("There is no image yet");
    for path in ["/images/ours", "/images/ours/edit", "/images/ours/history", "/admin/people", "/overview"] {
        bob.go(&server.page(path));
        bob.wait_until("return document.querySelector('main h1') != null");
        let title = bob.text("main h1");
        assert!(title == "There is no such page" || title == "This is not yours to do", "{path}: {title}");
        assert_eq!(bob.run("return document.body.innerText.includes('Ours')"), false, "{path}");
    }
}
