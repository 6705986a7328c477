//! Pages, in a real browser on a running server.

mod forms;
mod images;
mod looks;
mod registries;
mod runtime_images;
mod sessions;
mod watching;

use imagewright_testkit::browser::{Browser, Look};
use serde_json::json;

use super::support::{Caller, TestServer};
use super::visits::PASSWORD;

/// Somebody who can log in, by name and password.
pub(crate) fn add_person(root: &Caller<'_>, name: &str, admin: bool) {
    root.post("/people", &json!({"name": name, "admin": admin, "password": PASSWORD})).is(201);
}

impl TestServer {
    pub(crate) fn page(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A browser in which somebody has logged in.
    pub(crate) fn browser_of(&self, name: &str, look: Look) -> Browser {
        let browser = Browser::open(look);
        browser.go(&self.page("/images"));
        log_in(&browser, name);
        browser.wait_until("return location.pathname == '/images'");
        browser
    }
}

/// Fills in the form in which one logs in.
fn log_in(browser: &Browser, name: &str) {
    browser.type_into("#name", name);
    browser.type_into("#password", PASSWORD);
    browser.click("button.primary");
}
