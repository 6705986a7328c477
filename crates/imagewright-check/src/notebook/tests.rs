//! Notebooks that are made here, held against images that are.

use imagewright_oci::{
    ContainerConfig, Descriptor, Digest, Document, ImageConfig, Manifest, MediaType, Platform,
};
use proptest::prelude::*;
use serde_json::json;

use super::imports::{Import, Scanned, scan};
use super::*;
use crate::rule::Level;
use crate::view::tests::Files;

fn imported(code: &str) -> Vec<String> {
    let told = |import: Import| {
        let names =
            if import.names.is_empty() { String::new() } else { format!(" {}", import.names.join(",")) };
        format!("{}{names}{}", import.module, if import.is_guarded { "?" } else { "" })
    };
    scan(1, code).imports.into_iter().map(told).collect()
}

#[test]
fn imports_are_seen_wherever_they_stand() {
    for (code, expected) in [
        ("import a", &["a"][..]),
        ("import a.b as c, d\nimport e", &["a.b", "d", "e"]),
        ("from a import b, c as d", &["a b,c"]),
        ("from a.b import (\n    c,  # why\n    d,\n)\nimport e", &["a.b c,d", "e"]),
        ("from a import b, \\\n    c", &["a b,c"]),
        ("from . import a\nfrom .a import b\nfrom ..a import b", &[]),
        ("x = 1; import a; import b", &["a", "b"]),
        ("if x: import a", &["a"]),
        ("def f():\n    import a", &["a"]),
        ("import a # import b", &["a"]),
        ("x = 'import a'\ny = \"\"\"\nimport b\n\"\"\"\nimport c", &["c"]),
        ("x = '''import a\nimport b''' + 'c'\nimport d", &["d"]),
        ("x = \"it's\"; import a", &["a"]),
        ("x = 'it\\'s'\nimport a", &["a"]),
        ("f(\n  'import x'\n)\nimport a", &["a"]),
        ("try:\n    import a\nexcept ImportError:\n    a = None\nimport b", &["a?", "b"]),
        ("try:\n    import a\nexcept (KeyError, ModuleNotFoundError) as error:\n    pass", &["a?"]),
        ("try:\n    import a\nexcept KeyError:\n    pass", &["a"]),
        ("try:\n    import a\nexcept KeyError:\n    pass\nexcept:\n    pass", &["a?"]),
        ("try:\n    import a\nfinally:\n    pass", &["a"]),
        ("try: import a\nexcept ImportError: pass", &["a?"]),
        ("if TYPE_CHECKING:\n    import a\nimport b", &["a?", "b"]),
        ("%matplotlib inline\n%load_ext autoreload\n%load_ext sql\nimport a", &["matplotlib", "sql", "a"]),
        ("%%time\nimport a", &["a"]),
        ("%%capture output\nimport a", &["a"]),
        ("%%bash\nimport a", &[]),
        ("%%html\n<script>import a</script>", &[]),
        ("?import a\n!import b", &[]),
        ("important = 1\nimport_it()\nfromage = 2", &[]),
        ("import 1a, a-b", &[]),
        ("print('from x import y')", &[]),
        ("", &[]),
    ] {
        assert_eq!(imported(code), expected, "{code}");
    }
}

#[test]
fn what_a_cell_installs_is_seen() {
    for (code, expected) in [
        ("%pip install a b==1", &["a", "b==1"][..]),
        ("!pip install -q 'a[x]>=2' --upgrade", &["a[x]>=2"]),
        ("!pip3 install -i https://mirror.example/simple a", &["a"]),
        ("!python -m pip install a && python3 -m pip install b", &["a", "b"]),
        ("%conda install -c conda-forge a", &["a"]),
        ("!mamba install -y a", &["a"]),
        ("!uv pip install a", &["a"]),
        ("%%bash\npip install a\necho b", &["a"]),
        ("!pip list\n!pip uninstall a\n!ls install", &[]),
        ("%pip install -r requirements.txt", &[]),
    ] {
        assert_eq!(scan(1, code).installs, expected, "{code}");
    }
}

proptest! {
    #[test]
    fn whatever_stands_in_a_cell_is_read(code in "(\\PC|\n|import a|'''|\\\\|%%|try:){0,60}") {
        let Scanned { cell, .. } = scan(7, &code);
        prop_assert_eq!(cell, 7);
    }
}

const SITE: &str = "usr/lib/python3/dist-packages";

fn image() -> Files {
    Files::default()
        .file("etc/passwd", "root:x:0:0::/root:/bin/sh\n")
        .program("usr/bin/python3.13")
        .link("usr/bin/python3", "python3.13")
        .file("usr/lib/python3.13/os.py", "")
        .file("usr/lib/python3.13/email/__init__.py", "")
        .file("usr/lib/python3.13/lib-dynload/_csv.cpython-313-x86_64-linux-gnu.so", "")
        .file(&format!("{SITE}/pandas/__init__.py"), "")
        .file(&format!("{SITE}/fast.cpython-313-x86_64-linux-gnu.so"), "")
        .file(&format!("{SITE}/google/protobuf/__init__.py"), "")
        .file(&format!("{SITE}/pandas-2.dist-info/METADATA"), "Name: pandas\nVersion: 2\n")
}

fn notebook(cells: &[&str]) -> Notebook {
    let cells: Vec<_> = cells.iter().map(|code| json!({"cell_type": "code", "source": code})).collect();
    let document =
        json!({"cells": cells, "metadata": {"kernelspec": {"name": "python3", "language": "python"}}});
    Notebook::parse("work.ipynb", &document.to_string(), vec!["helper".to_owned()]).unwrap()
}

/// What is found, each as level, place, message and package.
fn found(files: &Files, notebook: Notebook, profiles: &[Profile]) -> Vec<String> {
    let descriptor = |text: &str| Descriptor::new(MediaType::LayerGzip, Digest::of(text.as_bytes()), 1);
    let manifest = Document::new(Manifest::new(descriptor("config"), vec![descriptor("one")]));
    let mut config = ImageConfig::empty(Platform::linux("amd64"));
    config.config = Some(ContainerConfig::default());
    let indexes = [Some(files.index())];
    let subject = ImageSubject::new("team/image:1", &manifest, &config, &indexes);
    let checked = check_notebooks(&subject, &[notebook], profiles, &Selection::default());
    let findings = checked.findings.iter().map(|it| {
        let mend = it.mend.as_ref().map(|mend| format!(" [{mend}]")).unwrap_or_default();
        format!("{}: {}: {}{mend}", it.level, it.origin, it.message)
    });
    findings.chain(checked.unknown.iter().map(|why| format!("?: {why}"))).collect()
}

fn elyra() -> Vec<Profile> {
    vec![Profile::named("elyra").unwrap()]
}

#[test]
fn what_the_image_has_is_not_missed() {
    let cells = [
        "import os, sys, time, _csv, email.mime.text\nfrom __future__ import annotations\nimport pandas.core as p",
        "import fast, helper.inner\nfrom google import protobuf\nimport google.protobuf.message",
    ];
    assert_eq!(found(&image(), notebook(&cells), &elyra()), [""; 0]);
}

#[test]
fn what_it_lacks_is_named_with_its_package() {
    let cells = [
        "import cv2\nimport sklearn.svm",
        "%pip install tqdm",
        "try:\n    import cupy\nexcept ImportError:\n    cupy = None\nfrom google.cloud import storage\nimport sklearn",
        "import tqdm\nimport papermill",
    ];
    let told = found(&image(), notebook(&cells), &elyra());
    assert_eq!(
        told,
        [
            "error: work.ipynb:1: cell 1 imports `cv2`, which the image has not got [opencv-python-headless (conda: opencv)]",
            "error: work.ipynb:1: cell 1 imports `sklearn`, which the image has not got [scikit-learn]",
            "warning: work.ipynb:3: cell 3 imports `cupy`, which the image has not got; the code goes on without it [cupy]",
            "error: work.ipynb:3: cell 3 imports `google.cloud.storage`, which the image has not got [google-cloud-storage]",
            "note: work.ipynb:4: cell 4 imports `tqdm`, which cell 2 installs each time it runs [tqdm]",
        ]
    );
    // Where nothing is installed before it runs, papermill is missing as well, and a kernel.
    let told = found(&image(), notebook(&["import papermill"]), &[]);
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(
        told[0],
        "error: work.ipynb: the notebook names the kernel `python3`, and the image has none for python"
    );
}

#[test]
fn the_python_of_the_kernel_counts() {
    let spec = r#"{"language": "python", "argv": ["/opt/ml/bin/python3", "-m", "ipykernel_launcher"]}"#;
    let files = image()
        .file("usr/local/share/jupyter/kernels/python3/kernel.json", spec)
        .program("opt/ml/bin/python3.13")
        .link("opt/ml/bin/python3", "python3.13")
        .file("opt/ml/lib/python3.13/site-packages/torch/__init__.py", "");
    assert_eq!(found(&files, notebook(&["import torch"]), &[]), [""; 0]);
    let told = found(&files, notebook(&["import pandas"]), &[]);
    assert_eq!(told, ["error: work.ipynb:1: cell 1 imports `pandas`, which the image has not got [pandas]"]);
}

#[test]
fn what_cannot_be_known_is_said() {
    let editable = image().file(&format!("{SITE}/__editable__.mine-1.pth"), "/srv/mine\n");
    let told = found(&editable, notebook(&["import mine"]), &elyra());
    assert!(
        told[0].starts_with("warning: work.ipynb:1: cell 1 imports `mine`, which is not among"),
        "{told:?}"
    );
    let text = r#"{"cells": [], "metadata": {"kernelspec": {"name": "ir", "language": "R"}}}"#;
    let told = found(&image(), Notebook::parse("r.ipynb", text, Vec::new()).unwrap(), &elyra());
    assert_eq!(
        told,
        [
            "error: r.ipynb: the notebook names the kernel `ir`, and the image has none for r",
            "?: r.ipynb: cannot tell: what r needs is not read (notebook-import-missing)",
        ]
    );
}

#[test]
fn notebooks_of_both_versions_are_read_and_nothing_else() {
    let old = r#"{"worksheets": [{"cells": [{"cell_type": "markdown"}, {"cell_type": "code", "input": ["import a\n", "import b"]}]}]}"#;
    let notebook = Notebook::parse("old.ipynb", old, Vec::new()).unwrap();
    assert_eq!(notebook.cells, [(2, "import a\nimport b".to_owned())]);
    for text in ["", "[]", "{}", "{\"cells\": 3}", "not json"] {
        let error = Notebook::parse("x.ipynb", text, Vec::new()).unwrap_err();
        assert!(error.to_string().starts_with("`x.ipynb` is no notebook: "), "{error}");
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }
    assert_eq!(Level::Error, NOTEBOOK_IMPORT_MISSING.level);
}
