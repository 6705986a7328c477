//! Pages while a real build goes on.

use std::time::Duration;

use imagewright_testkit::browser::{Browser, Look};
use imagewright_testkit::conda::CondaPackage;
use serde_json::{Value, json};

use super::link_scripts::context;
use super::seed::{self, BASE, PYTHON};
use crate::server::builds::support::{last_build, wait_for};
use crate::server::needs_browser::add_person;
use crate::server::registry::login;
use crate::server::support::TestServer;

const LINES: u32 = 40_000;

/// A package that says five thousand lines in a second, for eight seconds.
fn talkative() -> CondaPackage {
    let script = format!(
        "i=0\nwhile [ $i -lt {LINES} ]; do\n\
         n=0; while [ $n -lt 500 ]; do i=$((i+1)); n=$((n+1)); echo \"line $i of what a build says\"; done\n\
         sleep 0.1\ndone\n"
    );
    CondaPackage::new("talkative", "1.0").file("bin/.talkative-post-link.sh", script)
}

/// The first start, as somebody goes through it who has never seen Docker: from the link that the server prints to an image that others pull.
#[test]
#[ignore = "needs root, network and a browser"]
fn from_the_first_start_to_a_pulled_image() {
    let server = TestServer::start_in(seed::context(), &[]);
    let link = server.said.iter().find_map(|line| line.trim().strip_prefix("http://")).unwrap();
    let browser = Browser::open(Look::default());
    browser.go(&format!("http://{link}"));
    browser.type_into("#name", "ada");
    browser.type_into("#password", "correct horse battery");
    browser.click("button.primary");
    browser.wait_for_text("There is no image yet");
    browser.click("main a.primary");
    browser.click("#way-built");
    browser.type_into("#display_name", "First steps");
    browser.type_into("#base", PYTHON);
    browser.type_into("#pip", "six==1.17.0");
    browser.wait_for_text("It can be built");
    browser.click("aside button[value=save]");
    browser.wait_for_text("It was added.");
    browser.click("main a[href^='/builds/']");
    browser.wait_until("return document.querySelector('#log')?.dataset.over != null");
    browser.wait_for_text("On offer as");
    browser.go(&server.page("/images/first-steps"));
    browser.wait_until("return document.querySelector('[data-copy]') != null");
    browser.click("[data-copy]");
    browser.wait_for_text("Copied");
    let reference = browser.run("return document.querySelector('[data-copy]').dataset.copy");
    let reference = reference.as_str().unwrap();
    assert!(reference.starts_with(&format!("{}/first-steps", server.address)), "{reference}");
    // Whoever has a token pulls it, and it holds what was asked for.
    let other = seed::empty_context();
    let token = server.add_user("bob", &[]).token();
    drop(login(&other, &server, "bob", &token).success());
    drop(other.run(["pull", reference]).success());
    let said =
        other.run(["image", "run", reference, "--", "python3", "-c", "import six; print(six.__version__)"]);
    assert_eq!(said.success().stdout.trim(), "1.17.0");
    assert_eq!(browser.complaints(), [] as [&str; 0]);
}

fn number(browser: &Browser, script: &str) -> f64 {
    browser.run(&format!("return {script}")).as_f64().unwrap()
}

#[test]
#[ignore = "needs root, network and a browser"]
fn a_log_of_five_thousand_lines_a_second_is_followed_paused_and_searched() {
    let server = TestServer::start_in(context(&[talkative()]), &[]);
    let root = server.administrator();
    add_person(&root, "ada", true);
    let browser = server.browser_of("ada", Look::default());
    let spec = json!({"base": BASE, "conda": {"packages": ["talkative"], "channels": ["team"], "link-scripts": "run"}});
    root.post("/images?plan=false", &json!({"display_name": "Loud", "spec": spec})).is(201);
    let build = last_build(&root, "loud");
    browser.go(&server.page(&format!("/builds/{}", build["id"].as_str().unwrap())));
    browser.run(
        "window.shift = 0; new PerformanceObserver((list) => list.getEntries().forEach((entry) => { window.shift += entry.value; })) \
         .observe({ type: 'layout-shift', buffered: false })",
    );
    browser.wait_until("return document.querySelectorAll('#log div').length > 2000");
    // Whoever scrolls up reads on where they are, while lines come.
    browser.run("const log = document.getElementById('log'); log.scrollTop = 100; log.dispatchEvent(new Event('scroll'))");
    browser.wait_until("return !document.querySelector('[data-log-end]').hidden");
    let count = number(&browser, "document.querySelectorAll('#log div').length");
    browser.wait_until(&format!("return document.querySelectorAll('#log div').length > {}", count + 1500.0));
    assert!((number(&browser, "document.getElementById('log').scrollTop") - 100.0).abs() < 1.0);
    assert!(number(&browser, "window.shift") < 0.02, "the page moved: {}", number(&browser, "window.shift"));
    browser.click("[data-log-end]");
    browser.wait_until(
        "const log = document.getElementById('log'); return log.scrollHeight - log.scrollTop - log.clientHeight < 60",
    );
    wait_for(&root, &build, &["succeeded"]);
    browser.wait_until("return document.querySelector('#log').dataset.over != null");
    // What is shown is the end of the log, whole and in order.
    let log = root.get(&format!("/builds/{}/log", build["id"].as_str().unwrap())).body;
    let all: Vec<&str> = log.lines().collect();
    let shown = browser.run(
        "return [...document.querySelectorAll('#log div')].map((line) => [line.id, line.lastChild.data])",
    );
    let shown = shown.as_array().unwrap();
    let first: usize = shown[0][0].as_str().unwrap().trim_start_matches('L').parse().unwrap();
    assert_eq!(first - 1 + shown.len(), all.len());
    let texts: Vec<&str> = shown.iter().map(|line| line[1].as_str().unwrap()).collect();
    assert_eq!(texts, all[first - 1..]);
    browser.type_into("#log-search", &format!("LINE {} OF", LINES - 7));
    browser.click("[data-log-next]");
    browser.wait_until("return document.querySelectorAll('#log .found').length == 1");
    assert!(browser.text("#log .found").ends_with(&format!("line {} of what a build says", LINES - 7)));
    let linked = browser.run("return document.querySelector('#log .found').id");
    let Value::String(linked) = linked else { panic!("{linked}") };
    browser.go("about:blank");
    browser.go(&server.page(&format!("/builds/{}#{linked}", build["id"].as_str().unwrap())));
    browser.wait_until("return document.querySelector('#log').dataset.over != null");
    std::thread::sleep(Duration::from_millis(200));
    let visible = format!(
        "const log = document.getElementById('log').getBoundingClientRect(); \
         const line = document.getElementById('{linked}').getBoundingClientRect(); \
         return line.top >= log.top && line.bottom <= log.bottom"
    );
    browser.wait_until(&visible);
    assert_eq!(browser.complaints(), [] as [&str; 0]);
}
