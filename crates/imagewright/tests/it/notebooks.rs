//! `imagewright check IMAGE --notebook FILE`: what is said, in each form.

use imagewright_testkit::context::TestContext;
use imagewright_testkit::image::TinyImage;
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::context;

/// Surroundings with an image that has pandas and a kernel.
fn with_image() -> TestContext {
    let context = context();
    let kernel = r#"{"language": "python", "argv": ["python3", "-m", "ipykernel_launcher"]}"#;
    let image = TinyImage::default()
        .file("usr/bin/python3", "\u{7f}ELF")
        .file("usr/lib/python3.13/os.py", "")
        .file("usr/lib/python3.13/site-packages/pandas/__init__.py", "")
        .file("usr/local/share/jupyter/kernels/python3/kernel.json", kernel);
    image.write_layout(&context.work().join("tiny"), "demo/tiny:1").unwrap();
    drop(context.run(["image", "import", "oci:tiny"]).success());
    context
}

fn write(context: &TestContext, file: &str, cells: &[&str]) {
    let cells: Vec<Value> = cells.iter().map(|code| json!({"cell_type": "code", "source": code})).collect();
    let document =
        json!({"cells": cells, "metadata": {"kernelspec": {"name": "python3", "language": "python"}}});
    context.write(file, &document.to_string());
}

#[test]
fn what_is_missing_is_told_by_cell() {
    let context = with_image();
    write(
        &context,
        "a/work.ipynb",
        &["import pandas, helper, os", "try:\n    import cupy\nexcept ImportError:\n    pass\nimport cv2"],
    );
    write(&context, "a/fine.ipynb", &["import pandas"]);
    context.write("a/helper.py", "");
    let words = ["check", "demo/tiny:1", "--notebook", "a/work.ipynb", "--notebook", "a/fine.ipynb"];
    assert_snapshot!(context.run(words), @r"
    exit: 1
    ----- stdout -----
    a/work.ipynb: warning: cell 2 imports `cupy`, which the image has not got; the code goes on without it (notebook-import-missing)
        cupy
    a/work.ipynb: error: cell 2 imports `cv2`, which the image has not got (notebook-import-missing)
        opencv-python-headless (conda: opencv)
    ----- stderr -----
    demo/tiny:1: 1 error, 1 warning
    ");
    let told = context.run([&words[..], &["--json"]].concat()).exits(1).json();
    let found = &told["findings"][1];
    assert_eq!(
        (&found["source"], &found["cell"], &found["line"]),
        (&"a/work.ipynb".into(), &2.into(), &Value::Null)
    );
    assert_eq!(found["remedy"], json!({"kind": "pip-packages", "packages": ["opencv-python-headless"]}));
    let log = context.run([&words[..], &["--format", "sarif"]].concat()).exits(1).json();
    let place = &log["runs"][0]["results"][1]["locations"][0];
    assert_eq!(place["physicalLocation"]["artifactLocation"]["uri"], "a/work.ipynb");
    assert_eq!(place["logicalLocations"][0]["name"], "cell 2");
    drop(context.run(["check", "demo/tiny:1", "--notebook", "a/fine.ipynb"]).success());
    // Beside a profile both are told, and what the platform installs is not missed.
    let rules = ["--rule", "notebook-import-missing", "--rule", "curl-missing", "--json"];
    let words =
        [&["check", "demo/tiny:1", "--for", "elyra", "--notebook", "a/work.ipynb"][..], &rules].concat();
    let told = context.run(words).exits(1).json();
    assert_eq!(
        (told["findings"].as_array().unwrap().len(), told["profiles"].as_array().unwrap().len()),
        (2, 1)
    );
}

#[test]
fn what_is_no_notebook_is_told() {
    let context = with_image();
    context.write("x.ipynb", "no json");
    context.write("Dockerfile", "FROM scratch\n");
    for (subject, notebook, code, expected) in [
        ("demo/tiny:1", "x.ipynb", 4, "error: `x.ipynb` is no notebook: expected ident"),
        ("demo/tiny:1", "absent.ipynb", 3, "error: cannot read `absent.ipynb`"),
        (".", "x.ipynb", 2, "error: notebooks are held against images, and"),
    ] {
        let told = context.run(["check", subject, "--notebook", notebook]).exits(code);
        assert!(told.stderr.contains(expected), "{told}");
    }
}
