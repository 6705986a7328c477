//! Runtime images are added, found, repaired and deleted.

use std::fs;

use imagewright_testkit::browser::Look;

use super::{TestServer, add_person};
use crate::support::context;

#[test]
#[ignore = "needs a browser"]
fn from_an_empty_folder_to_a_repaired_one() {
    let context = context();
    let folder = context.folder().join("elyra");
    let server = TestServer::start_in(context.env("IMAGEWRIGHT_SERVER__ELYRA_FOLDER", &folder), &[]);
    add_person(&server.administrator(), "ada", true);
    let browser = server.browser_of("ada", Look::default());
    browser.click("nav a[href='/runtime-images']");
    browser.wait_for_text("There is no runtime image yet");
    browser.click("main a.primary");
    browser.type_into("#display_name", "Team analysis");
    browser.type_into("#tags", "team");
    browser.type_into("#image_name", "a/b:1");
    browser.type_into("#pull_secret", "x");
    browser.click("button[value=save]");
    browser.wait_until("return document.querySelector('#pull_secret-wrong') != null");
    assert_eq!(browser.run("return document.querySelector('#image_name').value"), "a/b:1");
    browser.type_into("#pull_secret", "y");
    browser.click("button[value=save]");
    browser.wait_for_text("It was added.");
    // A file that another program has broken.
    let records = folder.join("metadata/runtime-images");
    fs::write(
        records.join("broken.json"),
        "{\"display_name\": \"Broken\", \"metadata\": {\"image_name\": \"a/c:1\",}",
    )
    .unwrap();
    browser.reload();
    browser.wait_for_text("invalid");
    browser.run("window.isStillHere = true");
    browser.type_into("#search", "tea");
    browser.wait_until("return document.querySelectorAll('tbody tr').length == 1");
    assert!(browser.address().contains("search=tea"), "{}", browser.address());
    assert_eq!(browser.run("return window.isStillHere"), true, "the page was loaded anew");
    browser.go(&server.page("/runtime-images"));
    browser.click("input[name=tag]");
    browser.wait_until("return document.querySelectorAll('tbody tr').length == 1");
    browser.wait_until("return location.search.includes('tag=team')");
    browser.go(&server.page("/runtime-images/broken/edit"));
    browser.wait_for_text("Elyra does not take this file:");
    assert_eq!(browser.run("return document.querySelector('#image_name').value"), "a/c:1");
    browser.click("button[value=save]");
    browser.wait_for_text("this would be lost");
    browser.click("#may_drop");
    browser.click("button[value=save]");
    browser.wait_for_text("It was saved.");
    browser.wait_until("return !document.body.innerText.includes('invalid')");
    browser.click("a[href='/runtime-images/broken/delete']");
    browser.wait_for_text("Its file is deleted");
    browser.click("button.danger");
    browser.wait_for_text("It was removed.");
    assert!(!records.join("broken.json").exists());
    let complaints: Vec<String> = browser.complaints().into_iter().filter(|it| !it.contains("422")).collect();
    assert_eq!(complaints, [] as [&str; 0]);
}

#[test]
#[ignore = "needs a browser"]
fn a_phone_shows_all_of_a_runtime_image() {
    let context = context();
    let folder = context.folder().join("elyra");
    let records = folder.join("metadata/runtime-images");
    fs::create_dir_all(&records).unwrap();
    let image = "registry.example/team/analysis-with-a-long-name:2026.11";
    let record = serde_json::json!({"display_name": "Team analysis", "metadata": {"image_name": image}, "schema_name": "runtime-image"});
    fs::write(records.join("team.json"), record.to_string()).unwrap();
    let server = TestServer::start_in(context.env("IMAGEWRIGHT_SERVER__ELYRA_FOLDER", &folder), &[]);
    add_person(&server.administrator(), "ada", true);
    let browser = server.browser_of("ada", Look { width: 390, dark: false });
    browser.go(&server.page("/runtime-images"));
    // Nothing is cut off, or squeezed until it cannot be read.
    let width = browser.run("return document.querySelector('td code').getBoundingClientRect().width");
    assert!(width.as_f64().unwrap() > 150.0, "{width}");
    let is_cut = browser
        .run("const table = document.querySelector('.table'); return table.scrollWidth > table.clientWidth");
    assert_eq!(is_cut, false);
}
