//! How pages look: to everybody, in both colours, on a phone.

use std::fs;
use std::path::PathBuf;

use imagewright_testkit::browser::{Look, decoded};
use imagewright_testkit::shared;
use serde_json::{Value, json};

use super::{PASSWORD, TestServer, add_person};
use crate::support::context;

/// All pages that there are, on a server with something on each.
fn furnished() -> (TestServer, Vec<&'static str>) {
    let context = context();
    let elyra = context.folder().join("elyra");
    let factory = context.folder().join("factory");
    let kernels = context.folder().join("kernels");
    let context = context
        .env("IMAGEWRIGHT_SERVER__ELYRA_FOLDER", &elyra)
        .env("IMAGEWRIGHT_SERVER__ELYRA_FACTORY_FOLDER", &factory)
        .env("IMAGEWRIGHT_SERVER__KERNELS_FOLDER", &kernels);
    let records = [
        (&factory, "pandas", "Pandas 2.3", "registry.example/library/pandas:2.3", json!(["pandas"])),
        (
            &elyra,
            "team",
            "Team analysis",
            "registry.example/team/analysis-with-a-long-name:2026.11",
            json!(["python", "team"]),
        ),
        (&elyra, "wrong", "Written elsewhere", "", json!(["team"])),
    ];
    for (folder, name, display_name, image_name, tags) in records {
        let folder = folder.join("metadata/runtime-images");
        fs::create_dir_all(&folder).unwrap();
        let metadata = json!({"image_name": image_name, "description": "What nodes of our pipelines run in", "tags": tags, "team": "ml"});
        let record =
            json!({"display_name": display_name, "metadata": metadata, "schema_name": "runtime-image"});
        fs::write(folder.join(format!("{name}.json")), format!("{record:#}")).unwrap();
    }
    let server = TestServer::start_in(context, &[]);
    {
        let root = server.administrator();
        add_person(&root, "ada", true);
        root.post("/groups", &json!({"name": "ml", "display_name": "Machine learning"})).is(201);
        root.put("/groups/ml/members/ada", &json!({"role": "admin"})).is(200);
        root.post(
            "/secrets",
            &json!({"name": "pull", "kind": "pull", "host": "registry.example", "secret": PASSWORD}),
        )
        .is(201);
        let new = json!({
            "display_name": "Team analysis", "description": "What we all use", "tags": ["python", "team"],
            "reference": "127.0.0.1:1/team/analysis-with-a-long-name:2026.11", "gpu_reference": "127.0.0.1:1/team/analysis:gpu",
            "visibility": {"groups": ["ml"]},
        });
        root.post("/images", &new).is(201);
        let kernelspec = json!({"proxy": "docker", "language": "python"});
        root.post("/images/team-analysis/kernelspecs", &kernelspec).is(201);
        root.change("/images/team-analysis", &json!({"deprecated": {"reason": "It is old."}})).is(200);
        let spec = json!({"base": "127.0.0.1:1/team/analysis-with-a-long-name:2026.10", "pip": ["numpy"], "conda": ["scipy"], "apt": ["git"]});
        root.post("/images?plan=false", &json!({"display_name": "Built", "spec": spec})).is(201);
    }
    let pages = vec![
        "/images",
        "/images/team-analysis",
        "/images/team-analysis/edit",
        "/images/team-analysis/history",
        "/images/team-analysis/delete",
        "/images?tag=team&tag=python",
        "/images/built",
        "/images/built/edit",
        "/images/built/runs",
        "/images/built/compare",
        "/images/new",
        "/builds",
        "/runtime-images",
        "/runtime-images/new",
        "/runtime-images/team/edit",
        "/runtime-images/wrong/edit",
        "/runtime-images/pandas/delete",
        "/images/team-analysis/kernelspecs",
        "/kernelspecs",
        "/kernelspecs/team_analysis/delete",
        "/overview",
        "/account",
        "/admin/groups",
        "/admin/groups/ml",
        "/admin/people",
        "/admin/secrets",
        "/admin/registries",
        "/admin/audit",
        "/admin/settings",
        "/images/none",
    ];
    (server, pages)
}

#[test]
#[ignore = "needs a browser"]
fn nothing_keeps_anybody_from_using_a_page() {
    let file = shared::folder().join("axe/node_modules/axe-core/axe.min.js");
    let axe = fs::read_to_string(&file)
        .unwrap_or_else(|_| panic!("no `{}`: scripts/test puts it there", file.display()));
    let (server, pages) = furnished();
    for dark in [false, true] {
        let browser = server.browser_of("ada", Look { dark, ..Look::default() });
        let is_dark = browser.run("return matchMedia('(prefers-color-scheme: dark)').matches");
        assert_eq!(is_dark, dark);
        for path in &pages {
            browser.go(&server.page(path));
            browser.run(&axe);
            let found = browser.run_until_called("axe.run().then(arguments[arguments.length - 1])");
            let violations = found["violations"].as_array().unwrap();
            let told: Vec<String> = violations.iter().map(told).collect();
            assert!(told.is_empty(), "{path}, dark: {dark}\n{}", told.join("\n"));
        }
        // A page that is not there is told as one by the browser as well.
        let complaints: Vec<String> =
            browser.complaints().into_iter().filter(|it| !it.contains("404")).collect();
        assert_eq!(complaints, [] as [&str; 0]);
    }
}

fn told(violation: &Value) -> String {
    let nodes = violation["nodes"].as_array().unwrap().iter();
    let nodes: Vec<String> =
        nodes.map(|node| format!("  {} {}", node["html"], node["failureSummary"])).collect();
    format!("{}: {}\n{}", violation["id"], violation["help"], nodes.join("\n"))
}

#[test]
#[ignore = "needs a browser"]
fn pages_fit_on_a_phone() {
    let (server, pages) = furnished();
    let browser = server.browser_of("ada", Look { width: 390, dark: false });
    for path in &pages {
        browser.go(&server.page(path));
        let widths = browser.run("return [document.documentElement.scrollWidth, window.innerWidth]");
        assert!(widths[0].as_u64() <= widths[1].as_u64(), "{path}: {widths}");
    }
}

#[test]
#[ignore = "needs a browser"]
fn a_first_page_is_small() {
    let (server, _) = furnished();
    let browser = server.browser_of("ada", Look::default());
    let script = "return performance.getEntriesByType('resource').concat(performance.getEntriesByType('navigation')) \
                  .reduce((sum, entry) => sum + entry.encodedBodySize, 0)";
    browser.go(&server.page("/images"));
    let bytes = browser.run(script).as_u64().unwrap();
    assert!(bytes < 100_000, "{bytes} bytes");
}

/// The pictures of README and documentation, into the folder that `IMAGEWRIGHT_TEST_SCREENSHOTS` names.
#[test]
#[ignore = "needs a browser"]
fn pictures_of_all_pages() {
    let temporary = tempfile::tempdir().unwrap();
    let named = std::env::var_os("IMAGEWRIGHT_TEST_SCREENSHOTS").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| temporary.path().to_owned());
    let (server, pages) = furnished();
    let looks = [
        (Look::default(), "light"),
        (Look { dark: true, ..Look::default() }, "dark"),
        (Look { width: 390, dark: false }, "phone"),
    ];
    for (look, name) in looks {
        let browser = server.browser_of("ada", look);
        for path in &pages {
            browser.go(&server.page(path));
            let picture = decoded(&browser.picture());
            assert!(picture.starts_with(b"\x89PNG"), "{path} is no picture");
            let file =
                format!("{}-{name}.png", path.trim_start_matches('/').replace(['/', '?', '&', '='], "-"));
            fs::write(folder.join(file), picture).unwrap();
        }
    }
}
