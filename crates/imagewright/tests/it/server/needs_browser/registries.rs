//! Registries are asked.

use imagewright_testkit::browser::Look;
use imagewright_testkit::registry::TestRegistry;
use serde_json::json;

use super::{PASSWORD, TestServer, add_person};

#[test]
#[ignore = "needs a browser"]
fn registries_are_asked_by_a_button() {
    let registry = TestRegistry::start().unwrap();
    let server = TestServer::start();
    let root = server.administrator();
    add_person(&root, "ada", true);
    let secret = json!({"name": "team", "kind": "pull", "host": registry.host(), "username": "team", "secret": PASSWORD});
    root.post("/secrets", &secret).is(201);
    root.post("/images", &json!({"display_name": "A", "reference": "127.0.0.1:1/a:1"})).is(201);
    let browser = server.browser_of("ada", Look::default());
    browser.go(&server.page("/admin/registries"));
    assert_eq!(registry.count("GET", "/v2/"), 0, "nobody has asked yet");
    browser.click("main .head button");
    browser.wait_for_text("does not answer");
    browser.wait_for_text("asks for no login");
    browser.click("tbody details summary");
    browser.wait_until("return document.querySelector('tbody details[open] p').innerText.length > 10");
    assert_eq!(browser.run("return document.documentElement.innerHTML.includes('correct horse')"), false);
    assert_eq!(browser.complaints(), [] as [&str; 0]);
}
