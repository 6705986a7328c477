//! What our layers put into an image is what uv puts there, file by file.
//!
//! The packages are those of [`SAMPLE`], or those named by `IMAGEWRIGHT_ORACLE_PACKAGES`, separated by blanks; see
//! `scripts/wheel-oracle`.

use std::collections::BTreeMap;
use std::fs;

use imagewright_testkit::context::TestContext;
use serde_json::Value;

use super::seed::{PYTHON, context};

/// Extension modules, data files beside modules, programs with windows, a namespace package, one that comes as source.
const SAMPLE: &str = "numpy jupyterlab qtconsole zope.event zope.interface docopt";

/// Lists a folder: kind, mode, owner, group, and the contents of what is not a folder. Left out are bytecode, which is
/// another test's, and what uv notes for itself of packages that it has built.
const LIST: &str = r#"
import hashlib, json, os, stat, sys
OWN_BOOKS = b"uv_build.json"
def contents(path, status):
    if stat.S_ISLNK(status.st_mode):
        return os.readlink(path)
    if stat.S_ISREG(status.st_mode):
        with open(path, "rb") as file:
            lines = [line for line in file if OWN_BOOKS not in line]
            return hashlib.sha256(b"".join(lines)).hexdigest()
    return ""
listed = {}
for folder, folders, files in os.walk(sys.argv[1]):
    folders[:] = [name for name in folders if name != "__pycache__"]
    for name in folders + files:
        if name == OWN_BOOKS.decode():
            continue
        path = os.path.join(folder, name)
        status = os.lstat(path)
        listed[path] = [oct(status.st_mode), status.st_uid, status.st_gid, contents(path, status)]
json.dump(listed, open(sys.argv[2], "w"))
"#;

/// What uv does with the lock that our build found.
const INSTALL: &str = "set -e; uv=/in/uv; export UV_CACHE_DIR=/var/cache/uv UV_LINK_MODE=copy UV_NO_CONFIG=1 \
    UV_PYTHON_DOWNLOADS=never UV_PREVIEW_FEATURES=pylock; umask 022; $uv venv -q --python /usr/bin/python3 /opt/venv; \
    $uv pip install -q --no-deps --python /opt/venv/bin/python -r /in/pylock.toml; \
    rm -f /opt/venv/.lock; python3 /in/list.py /opt/venv /out/theirs.json";

type Listing = BTreeMap<String, Value>;

fn listing(context: &TestContext, name: &str) -> Listing {
    serde_json::from_slice(&fs::read(context.work().join("out").join(name)).unwrap()).unwrap()
}

/// The lock of the only build of this store.
fn lock_of_build(context: &TestContext) -> String {
    let solutions = fs::read_dir(context.root().join("facts/pip-solution")).unwrap();
    let solution = solutions.map(|entry| entry.unwrap().path()).next().unwrap();
    let solution: Value = serde_json::from_slice(&fs::read(solution).unwrap()).unwrap();
    solution["locks"][0].as_str().unwrap().to_owned()
}

#[test]
#[ignore = "needs root and network"]
fn an_image_holds_what_uv_would_install() {
    let context = context();
    let packages = std::env::var("IMAGEWRIGHT_ORACLE_PACKAGES").unwrap_or_else(|_| SAMPLE.to_owned());
    let requirements: String = packages.split_whitespace().map(|name| format!("{name}\n")).collect();
    context.write("spec/image.yaml", &format!("base: {PYTHON}\npython: {{environment: /opt/venv}}\n"));
    context.write("spec/requirements.txt", &requirements);
    drop(context.run(["build", "spec", "-t", "demo/oracle"]).success());

    for folder in ["in", "out"] {
        fs::create_dir(context.work().join(folder)).unwrap();
    }
    context.write("in/list.py", LIST);
    context.write("in/pylock.toml", &lock_of_build(&context));
    fs::copy(context.root().join("tools/uv"), context.work().join("in/uv")).unwrap();
    let (inputs, outputs) = (
        format!("{}:/in:ro", context.work().join("in").display()),
        format!("{}:/out", context.work().join("out").display()),
    );
    let run = |image: &str, more: &[String], command: &[&str]| {
        let fixed = ["image", "run", "-v", &inputs, "-v", &outputs].map(str::to_owned);
        let image = ["--entrypoint", "", image, "--"].map(str::to_owned);
        let command = command.iter().map(|word| (*word).to_owned());
        let all: Vec<String> = fixed.into_iter().chain(more.to_vec()).chain(image).chain(command).collect();
        drop(context.run(all).success());
    };
    run("demo/oracle", &[], &["python3", "/in/list.py", "/opt/venv", "/out/ours.json"]);
    run(PYTHON, &ways_out(), &["sh", "-c", INSTALL]);

    let (mut ours, theirs) = (listing(&context, "ours.json"), listing(&context, "theirs.json"));
    assert!(theirs.len() > 50, "uv installed {} files", theirs.len());
    let differences: Vec<_> = theirs
        .iter()
        .map(|(path, theirs)| (path, ours.remove(path), theirs))
        .filter(|(_, ours, theirs)| ours.as_ref() != Some(theirs))
        .collect();
    assert!(differences.is_empty(), "path, ours, theirs: {differences:#?}");
    assert_eq!(ours.keys().collect::<Vec<_>>(), [] as [&String; 0], "only ours");
}

/// The machine's indexes and certificate authorities, for uv inside the image.
fn ways_out() -> Vec<String> {
    let bundle = std::env::var("SSL_CERT_FILE").ok();
    let trust = bundle.iter().flat_map(|path| {
        [
            "-v".to_owned(),
            format!("{path}:/var/ca.pem:ro"),
            "-e".to_owned(),
            "SSL_CERT_FILE=/var/ca.pem".to_owned(),
        ]
    });
    let index = std::env::var("UV_DEFAULT_INDEX").or_else(|_| std::env::var("PIP_INDEX_URL")).ok();
    trust.chain(index.iter().flat_map(|url| ["-e".to_owned(), format!("UV_DEFAULT_INDEX={url}")])).collect()
}
