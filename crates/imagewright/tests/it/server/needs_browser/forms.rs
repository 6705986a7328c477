//! The form of an image: it completes, plans and reads files.

use std::fs;

use imagewright_testkit::browser::{Browser, Look};
use imagewright_testkit::http::HttpServer;
use serde_json::json;

use super::{TestServer, add_person};
use crate::server::builds::support::{BASE, surroundings};

const ENTER: &str = "\u{e007}";
const DOWN: &str = "\u{e015}";
const ESCAPE: &str = "\u{e00c}";

/// The suggestions that are shown below a field.
fn suggestions(browser: &Browser, field: &str) -> Vec<String> {
    browser.wait_until(&format!("return !document.getElementById('{field}-suggestions').hidden"));
    let script = format!(
        "return [...document.querySelectorAll('#{field}-suggestions li')].map((item) => item.dataset.text)"
    );
    let shown = browser.run(&script);
    shown.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

fn value(browser: &Browser, field: &str) -> String {
    browser.run(&format!("return document.getElementById('{field}').value")).as_str().unwrap().to_owned()
}

#[test]
#[ignore = "needs a browser"]
fn packages_are_completed_and_planned_while_one_types() {
    let (context, _packages) = surroundings();
    let index = context.folder().join("index");
    let files = ["numpy-1.9.tar.gz", "numpy-2.3.0-cp313-cp313-any.whl", "numpy-1.26.4.tar.gz"];
    for (page, text) in [
        ("simple", json!({"projects": [{"name": "numpy"}, {"name": "numexpr"}, {"name": "six"}]})),
        ("simple/numpy", json!({"files": files.map(|file| json!({"filename": file}))})),
    ] {
        let folder = index.join(page);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("index.json"), text.to_string()).unwrap();
    }
    let web = HttpServer::serve(&index).unwrap();
    let context = context.env("IMAGEWRIGHT_PYTHON__INDEX", format!("{}/simple/", web.url()));
    let server = TestServer::start_in(context, &[]);
    add_person(&server.administrator(), "ada", true);
    let browser = server.browser_of("ada", Look::default());
    browser.go(&server.page("/images/new"));
    browser.click("#way-built");
    browser.type_into("#pip", "six\nnum");
    assert_eq!(suggestions(&browser, "pip"), ["numpy", "numexpr"]);
    browser.press(&format!("{DOWN}{ENTER}"));
    assert_eq!(value(&browser, "pip"), "six\nnumpy");
    browser.type_into("#pip", ">=");
    assert_eq!(suggestions(&browser, "pip"), ["numpy>=2.3.0", "numpy>=1.26.4", "numpy>=1.9"]);
    browser.press(ESCAPE);
    browser.wait_until("return document.getElementById('pip-suggestions').hidden");
    assert_eq!(value(&browser, "pip"), "six\nnumpy>=");
    browser.run("document.getElementById('pip').value = ''");
    browser.click(".more summary");
    browser.type_into(
        "#more",
        r#"{"conda": {"packages": ["other"], "channels": ["team"]}, "python": {"bytecode": "none"}}"#,
    );
    browser.run("document.getElementById('more').value = JSON.stringify({conda: {channels: ['team']}, python: {bytecode: 'none'}})");
    browser.type_into("#base", BASE);
    browser.type_into("#conda", "oo");
    assert_eq!(suggestions(&browser, "conda"), ["tool"]);
    browser.press(&format!("{DOWN}{ENTER}"));
    browser.type_into("#conda", "=");
    assert_eq!(suggestions(&browser, "conda"), ["tool=2.0", "tool=1.0"]);
    browser.press(&format!("{DOWN}{DOWN}{ENTER}"));
    assert_eq!(value(&browser, "conda"), "tool=1.0");
    // Nobody asked for it: the plan comes by itself.
    browser.wait_for_text("It can be built");
    browser.type_into("#conda", "\nnowhere");
    browser.wait_for_text("This cannot be built.");
    assert_eq!(browser.complaints(), [] as [&str; 0]);
}

#[test]
#[ignore = "needs a browser"]
fn files_that_are_dropped_become_the_form() {
    let server = TestServer::start();
    add_person(&server.administrator(), "ada", true);
    let browser = server.browser_of("ada", Look::default());
    browser.go(&server.page("/images/new"));
    browser.type_into("#display_name", "Dropped");
    let drop_files = |files: &[(&str, &str)]| {
        let files = serde_json::to_string(files).unwrap();
        browser.run(&format!(
            "const data = new DataTransfer(); \
             for (const [name, text] of {files}) {{ data.items.add(new File([text], name)); }} \
             document.getElementById('image-form').dispatchEvent(new DragEvent('drop', {{ dataTransfer: data, bubbles: true, cancelable: true }}))"
        ));
    };
    let dockerfile = "FROM registry.example/base:1\nRUN apt-get update && apt-get install -y git\n\
                      COPY requirements.txt .\nRUN pip install -r requirements.txt\nUSER 1000\nRUN make\n";
    // One that is empty says nothing, and is no reason to mistake the others.
    drop_files(&[("empty.txt", ""), ("Dockerfile", dockerfile), ("requirements.txt", "six>=1\nnumpy\n")]);
    browser.wait_for_text("Dockerfile, requirements.txt was read.");
    browser.wait_for_text("Dockerfile:6: `make` is a command of its own");
    assert_eq!(value(&browser, "display_name"), "Dropped");
    assert_eq!(value(&browser, "base"), "registry.example/base:1");
    assert_eq!(
        (value(&browser, "apt"), value(&browser, "pip")),
        ("git".to_owned(), "numpy\nsix>=1".to_owned())
    );
    assert!(value(&browser, "more").contains("\"user\": \"1000\""), "{}", value(&browser, "more"));
    // A list more: it is added, and what is malformed says where.
    drop_files(&[("environment.yml", "channels: [conda-forge]\ndependencies: [r-base, pip: [scipy]]\n")]);
    browser.wait_for_text("environment.yml was read.");
    assert_eq!(
        (value(&browser, "conda"), value(&browser, "pip")),
        ("r-base".to_owned(), "numpy\nsix>=1\nscipy".to_owned())
    );
    drop_files(&[("requirements.txt", "six\n==2\n")]);
    browser.wait_for_text("requirements.txt:2");
    assert_eq!(value(&browser, "conda"), "r-base");
    // Chromium tells that it was refused, too.
    let complaints: Vec<String> = browser.complaints().into_iter().filter(|it| !it.contains("422")).collect();
    assert_eq!(complaints, [] as [&str; 0]);
}
