//! Sessions, and what was filled in when they end.

use imagewright_testkit::browser::{Browser, Look};

use super::{TestServer, add_person, log_in};

#[test]
#[ignore = "needs a browser"]
fn an_ended_session_loses_no_form() {
    let server = TestServer::start();
    let root = server.administrator();
    add_person(&root, "ada", true);
    let browser = server.browser_of("ada", Look::default());
    browser.go(&server.page("/images/new"));
    browser.type_into("#display_name", "Kept <b>as it is</b>");
    browser.type_into("#reference", "127.0.0.1:1/a:1");
    browser.forget_cookies();
    browser.click("aside button.primary");
    browser.wait_for_text("You were logged out meanwhile");
    browser.type_into("#name", "ada");
    browser.type_into("#password", "wrong password");
    browser.click("button.primary");
    browser.wait_for_text("Name or password is wrong");
    log_in(&browser, "ada");
    browser.wait_for_text("What you filled in is still here");
    browser.click("button.primary");
    browser.wait_for_text("It was added.");
    let images = root.get("/images").is(200);
    assert_eq!(images["items"][0]["display_name"], "Kept <b>as it is</b>");
}

#[test]
#[ignore = "needs a browser"]
fn who_logs_out_sees_nothing_more() {
    let server = TestServer::start();
    add_person(&server.administrator(), "ada", true);
    let browser = server.browser_of("ada", Look::default());
    browser.click(".who button");
    browser.wait_for_text("You are logged out.");
    browser.go(&server.page("/account"));
    browser.wait_until("return location.pathname == '/login'");
    // And comes back to where it was wanted to go.
    log_in(&browser, "ada");
    browser.wait_until("return location.pathname == '/account'");
}

#[test]
#[ignore = "needs a browser"]
fn everything_is_reached_by_keyboard() {
    let server = TestServer::start();
    let root = server.administrator();
    add_person(&root, "ada", true);
    let browser = Browser::open(Look::default());
    browser.go(&server.page("/images"));
    const ENTER: &str = "\u{e007}";
    const TAB: &str = "\u{e004}";
    // The field for the name has the focus.
    browser.press(&format!("ada{TAB}{}{ENTER}", super::PASSWORD));
    browser.wait_for_text("There is no image yet");
    let focus_on = |text: &str| {
        for _ in 0..60 {
            let found = browser.run("const it = document.activeElement; return it.id || it.innerText || ''");
            if found.as_str().is_some_and(|found| found.trim() == text) {
                return;
            }
            browser.press(TAB);
        }
        panic!("`{text}` is not reached with Tab");
    };
    focus_on("New image");
    browser.press(ENTER);
    browser.wait_until("return document.querySelector('#display_name') != null");
    focus_on("display_name");
    browser.press("By keyboard");
    focus_on("reference");
    browser.press("127.0.0.1:1/a:1");
    focus_on("Add the image");
    browser.press(ENTER);
    browser.wait_for_text("It was added.");
    assert_eq!(root.get("/images/by-keyboard").is(200)["display_name"], "By keyboard");
}
