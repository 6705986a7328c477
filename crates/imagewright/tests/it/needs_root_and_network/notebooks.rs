//! Notebooks and images: what is missing is added, and the notebook's imports then work.

use serde_json::json;

use super::seed::{PYTHON, context};

#[test]
#[ignore = "needs root and network"]
fn what_a_notebook_lacks_is_added() {
    let context = context();
    let cell = json!({"cell_type": "code", "source": "import yaml, json\nfrom dateutil import parser"});
    let kernel = json!({"name": "python3", "language": "python"});
    let notebook = json!({"cells": [cell], "metadata": {"kernelspec": kernel}});
    context.write("work.ipynb", &notebook.to_string());
    let words = ["check", PYTHON, "--notebook", "work.ipynb"];
    let told = context.run(words).exits(1);
    for expected in ["imports `yaml`", "imports `dateutil`", "names the kernel `python3`"] {
        assert!(told.stdout.contains(expected), "{told}");
    }
    drop(context.run([&words[..], &["--fix", "-t", "team/mended:1"]].concat()).success());
    let told = context.run(["check", "team/mended:1", "--notebook", "work.ipynb"]).success();
    assert!(told.stdout.is_empty(), "{told}");
    let line = "import yaml; from dateutil import parser; import ipykernel; print('imported')";
    let ran = context.run(["image", "run", "team/mended:1", "--", "python3", "-c", line]).success();
    assert_eq!(ran.stdout, "imported\n");
    context.assert_nothing_unfinished();
}
